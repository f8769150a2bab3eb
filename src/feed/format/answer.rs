//! Answers that carry an error with status 200, and those that say that they hold nothing.

use serde_json::Value;

use super::conditions::meets;
use crate::api::feed::AnswerCondition;
use crate::domain::terms::json_path::{JsonPath, Work};
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::json_path;
use crate::outbound::xml;

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
    /// `Malformed`, with what the vendor says; also where the body is neither JSON nor XML.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), FetchError> {
        match self.said(&xml::answer(body, &[&self.condition.path])?)? {
            None => Ok(()),
            Some(said) => Err(malformed(said)),
        }
    }

    /// What an answer says of its failure; `None` where it is none.
    fn said(&self, document: &Value) -> Result<Option<String>, FetchError> {
        let path = presentable(&self.condition.path, 40);
        let found = self.path.find(document, &Work::of_a_page(), MOST_FOUND).map_err(|fault| {
            FetchError::new(FailureKind::Mapping, format!("{path}: {fault}: name each step, such as $.errors"))
        })?;
        let values = found.into_iter().map(|found| found.value);
        let Some(comparison) = self.condition.comparison() else {
            let value = values.into_iter().find(|value| says_something(value));
            return Ok(value.map(|value| carried(&path, value)));
        };
        // Where nothing is found, that is what is compared.
        let values: Vec<&Value> = values.collect();
        let compared = if values.is_empty() { vec![&Value::Null] } else { values };
        for value in compared {
            let text = compared_text(value);
            let meets = meets(&comparison, text.as_deref()).map_err(|_| {
                malformed(format!("{path} finds {}, which is not a number", presentable(&value.to_string(), 60)))
            })?;
            if meets {
                return Ok(Some(carried(&path, value)));
            }
        }
        Ok(None)
    }
}

fn malformed(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Malformed, message)
}

fn carried(path: &str, value: &Value) -> String {
    format!("the answer carries an error ({path}): {}", presentable(&value.to_string(), 160))
}

/// The text of a value; `None` where there is none: null, an empty text.
fn compared_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// What the answer with an error status says of it, where the feed says where to look; `None` where it says nothing of it.
pub(crate) fn said_by_refusal(condition: &AnswerCondition, body: &[u8]) -> Option<String> {
    let document = xml::answer(body, &[&condition.path]).ok()?;
    FailWhen::new(condition).ok()?.said(&document).ok()?
}

/// Whether an answer says that it holds nothing: one of the conditions holds.
///
/// # Errors
/// `Mapping` where a path is not a JSONPath; `Malformed` where the body is neither JSON nor XML.
pub(crate) fn holds_nothing(conditions: &[AnswerCondition], body: &[u8]) -> Result<bool, FetchError> {
    if conditions.is_empty() || !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'<')) {
        return Ok(false);
    }
    for condition in conditions {
        let document = xml::answer(body, &[&condition.path])?;
        if FailWhen::new(condition)?.said(&document)?.is_some() {
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
            (r#"{"path":"$.data","absent":true}"#, r#"{"error":"no"}"#, true),
            (r#"{"path":"$.data","absent":true}"#, r#"{"data":[1]}"#, false),
            (r#"{"path":"$.code","above":0}"#, r#"{"code":"17"}"#, true),
            (r#"{"path":"$.code","above":0}"#, r#"{"code":0}"#, false),
            (r#"{"path":"$.code","above":0}"#, r#"{"code":"none"}"#, true),
            (
                r#"{"path":"$.Envelope.Body.Fault"}"#,
                "<s:Envelope xmlns:s='x'><s:Body><s:Fault><faultstring>no such report</faultstring></s:Fault></s:Body></s:Envelope>",
                true,
            ),
            (r#"{"path":"$.Envelope.Body.Fault"}"#, "<Envelope><Body><rows/></Body></Envelope>", false),
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
            ("<total>0</total>", true),
            ("<total>3</total>", false),
        ] {
            assert_eq!(holds_nothing(&conditions, body.as_bytes()), Ok(expected), "{body}");
        }
        assert!(!holds_nothing(&[], b"{").unwrap() && holds_nothing(&conditions, b"{").is_err());
    }
}
