//! Conditions on the values of a row, and values that are named.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::units::{Notation, figure};
use crate::api::feed::{Condition, LabelMapping, MeasureUnit, Otherwise};
use crate::evidence::RejectionReason;

/// Whether a value meets a condition; `None`: there is no value.
///
/// # Errors
/// `Malformed` where a number is compared and the value is none: whether such a row counts is not known.
pub(crate) fn meets(condition: &Condition, value: Option<&str>) -> Result<bool, RejectionReason> {
    let Condition { equals, one_of, none_of, present, absent, at_most, above, at_least, below, .. } = condition;
    let is_there = value.is_some();
    let is_present_as_asked = [(present, true), (absent, false)].into_iter().all(|(wanted, there)| match wanted {
        Some(true) => is_there == there,
        Some(false) => is_there != there,
        None => true,
    });
    let none = none_of.is_empty() || value.is_none_or(|value| none_of.iter().all(|other| other != value));
    if !is_present_as_asked || !none {
        return Ok(false);
    }
    let compares_texts = equals.is_some() || !one_of.is_empty();
    let bounds = [at_most, above, at_least, below];
    let compares_numbers = bounds.iter().any(|bound| bound.is_some());
    let Some(value) = value else { return Ok(!compares_texts && !compares_numbers) };
    let texts = equals.as_ref().is_none_or(|text| text == value)
        && (one_of.is_empty() || one_of.iter().any(|text| text == value));
    if !texts || !compares_numbers {
        return Ok(texts);
    }
    let number = number(value).ok_or(RejectionReason::Malformed)?;
    let holds = |bound: &Option<crate::api::scalar::Decimal>, compare: fn(&Decimal, &Decimal) -> bool| {
        bound.as_ref().is_none_or(|bound| compare(&number, &bound.0))
    };
    Ok(holds(at_most, Decimal::le)
        && holds(above, Decimal::gt)
        && holds(at_least, Decimal::ge)
        && holds(below, Decimal::lt))
}

/// A number, or a clock time as seconds.
fn number(text: &str) -> Option<Decimal> {
    let unit = if text.contains(':') { MeasureUnit::ClockTime } else { MeasureUnit::Count };
    figure(text, unit, Notation::Plain).or_else(|_| figure(text, unit, Notation::Point)).ok()
}

/// The name of a label's value.
///
/// # Errors
/// `Mapping` where the label takes only values that have one.
pub(crate) fn named(label: &LabelMapping, value: String) -> Result<String, RejectionReason> {
    let names: &BTreeMap<String, String> = &label.names;
    match names.get(&value) {
        Some(name) => Ok(name.clone()),
        None if label.otherwise == Some(Otherwise::Reject) => Err(RejectionReason::Mapping),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_as_texts_and_numbers_as_numbers() {
        for (condition, value, expected) in [
            (r#"{"equals":"inbound"}"#, Some("inbound"), Ok(true)),
            (r#"{"equals":"inbound"}"#, Some("Inbound"), Ok(false)),
            (r#"{"equals":"0"}"#, Some("0.0"), Ok(false)),
            (r#"{"equals":"inbound"}"#, None, Ok(false)),
            (r#"{"oneOf":["a","b"]}"#, Some("b"), Ok(true)),
            (r#"{"oneOf":["a","b"]}"#, Some("c"), Ok(false)),
            (r#"{"noneOf":["a","b"]}"#, Some("c"), Ok(true)),
            (r#"{"noneOf":["a","b"]}"#, Some("a"), Ok(false)),
            (r#"{"noneOf":["a","b"]}"#, None, Ok(true)),
            (r#"{"present":true}"#, Some("x"), Ok(true)),
            (r#"{"present":true}"#, None, Ok(false)),
            (r#"{"absent":true}"#, None, Ok(true)),
            (r#"{"absent":true}"#, Some("x"), Ok(false)),
            (r#"{"atMost":20}"#, Some("20"), Ok(true)),
            (r#"{"atMost":20}"#, Some("00:00:20"), Ok(true)),
            (r#"{"atMost":20}"#, Some("00:00:21"), Ok(false)),
            // As texts, "9" is after "20".
            (r#"{"atMost":20}"#, Some("9"), Ok(true)),
            (r#"{"above":20}"#, Some("20.0"), Ok(false)),
            (r#"{"above":20}"#, Some("1,021"), Ok(true)),
            (r#"{"atLeast":4,"below":"4.5"}"#, Some("4.0"), Ok(true)),
            (r#"{"atLeast":4,"below":"4.5"}"#, Some("4.5"), Ok(false)),
            (r#"{"atMost":20}"#, None, Ok(false)),
            // Whether it counts is not known: the row is set aside.
            (r#"{"atMost":20}"#, Some("soon"), Err(RejectionReason::Malformed)),
            (r#"{"equals":"x","atMost":20}"#, Some("soon"), Ok(false)),
        ] {
            let read: Condition = serde_json::from_str(condition).unwrap();
            assert_eq!(meets(&read, value), expected, "{condition} {value:?}");
        }
    }
}
