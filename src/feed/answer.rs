//! Answers that carry an error with status 200.

use serde_json::Value;

use super::error::{FailureKind, FetchError, presentable};
use super::format::json::strict_value;
use super::pagination::json_path;
use crate::api::feed::AnswerCondition;
use crate::domain::json_path::{JsonPath, Work};

/// Values that one condition looks at.
const MOST_FOUND: usize = 1_000;

/// When an answer is a failure.
pub(crate) struct FailWhen<'f> {
    condition: &'f AnswerCondition,
    path: JsonPath,
}

impl<'f> FailWhen<'f> {
    /// The condition with its path read.
    ///
    /// # Errors
    /// `Mapping` where the path is not a JSONPath.
    pub(crate) fn new(condition: &'f AnswerCondition) -> Result<Self, FetchError> {
        Ok(FailWhen { condition, path: json_path(&condition.path)? })
    }

    /// Fails where the answer says that it is a failure.
    ///
    /// # Errors
    /// `Malformed`, with what the vendor says; also where the body is no JSON.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), FetchError> {
        let document = strict_value(body)?;
        let Some(value) = self.found(&document)? else { return Ok(()) };
        let shown = presentable(&value.to_string(), 160);
        let path = presentable(&self.condition.path, 40);
        Err(FetchError::new(FailureKind::Malformed, format!("the answer carries an error ({path}): {shown}")))
    }

    /// The first value at which the condition holds.
    fn found<'v>(&self, document: &'v Value) -> Result<Option<&'v Value>, FetchError> {
        let found = self.path.find(document, &Work::of_a_page(), MOST_FOUND).map_err(|fault| {
            let path = presentable(&self.condition.path, 40);
            FetchError::new(FailureKind::Mapping, format!("{path}: {fault}: name each step, such as $.errors"))
        })?;
        Ok(found.into_iter().map(|found| found.value).find(|value| self.holds(value)))
    }

    fn holds(&self, value: &Value) -> bool {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let AnswerCondition { equals, one_of, .. } = self.condition;
        if equals.is_some() || !one_of.is_empty() {
            return equals.as_ref() == Some(&text) || one_of.contains(&text);
        }
        match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        }
    }
}

/// Whether an answer says that it holds nothing: one of the conditions holds.
///
/// # Errors
/// `Mapping` where a path is not a JSONPath; `Malformed` where the body is no JSON.
pub(crate) fn holds_nothing(conditions: &[AnswerCondition], body: &[u8]) -> Result<bool, FetchError> {
    if conditions.is_empty() || !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return Ok(false);
    }
    let document = strict_value(body)?;
    for condition in conditions {
        if FailWhen::new(condition)?.found(&document)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_with_status_200_is_a_failure_and_its_absence_is_none() {
        for (condition, body, fails) in [
            (r#"{"path":"$.errors"}"#, r#"{"errors":[{"message":"no such field"}],"data":null}"#, true),
            (r#"{"path":"$.errors"}"#, r#"{"data":{}}"#, false),
            (r#"{"path":"$.errors"}"#, r#"{"errors":null}"#, false),
            (r#"{"path":"$.errors"}"#, r#"{"errors":[]}"#, false),
            (r#"{"path":"$.error"}"#, r#"{"error":" "}"#, false),
            (r#"{"path":"$.status","equals":"error"}"#, r#"{"status":"error"}"#, true),
            (r#"{"path":"$.status","equals":"error"}"#, r#"{"status":"ok"}"#, false),
            (r#"{"path":"$.status","oneOf":["failed","partial"]}"#, r#"{"status":"partial"}"#, true),
            (r#"{"path":"$.ok","equals":"false"}"#, r#"{"ok":false}"#, true),
        ] {
            let condition: AnswerCondition = serde_json::from_str(condition).unwrap();
            let found = FailWhen::new(&condition).unwrap().check(body.as_bytes());
            assert_eq!(found.is_err(), fails, "{condition:?} {body}");
            assert!(found.err().is_none_or(|error| error.kind == FailureKind::Malformed));
        }
    }

    #[test]
    fn an_answer_that_says_that_it_holds_nothing_is_one() {
        let conditions: Vec<AnswerCondition> =
            serde_json::from_str(r#"[{"path":"$.total","equals":"0"},{"path":"$.state","oneOf":["noData"]}]"#).unwrap();
        for (body, expected) in [
            (r#"{"total":0}"#, true),
            (r#"{"total":"0"}"#, true),
            (r#"{"state":"noData"}"#, true),
            (r#"{"total":5}"#, false),
            ("{}", false),
            ("Queue,Offered", false),
        ] {
            assert_eq!(holds_nothing(&conditions, body.as_bytes()), Ok(expected), "{body}");
        }
        assert!(!holds_nothing(&[], b"{").unwrap() && holds_nothing(&conditions, b"{").is_err());
    }
}
