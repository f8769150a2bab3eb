//! Numbers of metrics in the units of the catalogue: seconds and counts.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::api::feed::{MeasureMapping, MeasureUnit};
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// By what a unit is multiplied, and whether it is a share, which needs its volume.
fn factor(unit: MeasureUnit) -> Option<(Decimal, bool)> {
    let (mantissa, scale, share) = match unit {
        MeasureUnit::Count | MeasureUnit::Seconds => (1, 0, false),
        MeasureUnit::Milliseconds => (1, 3, false),
        MeasureUnit::Minutes => (60, 0, false),
        MeasureUnit::Fraction => (1, 0, true),
        MeasureUnit::Percent => (1, 2, true),
        MeasureUnit::BasisPoints => (1, 4, true),
        MeasureUnit::Days => (86_400, 0, false),
        MeasureUnit::ClockTime | MeasureUnit::IsoDuration | MeasureUnit::PercentText => return None,
    };
    Some((Decimal::new(mantissa, scale), share))
}

fn fault(measure: &MeasureMapping, what: &str) -> FetchError {
    let name = presentable(&measure.name, 63);
    FetchError::new(FailureKind::Mapping, format!("measure {name}: {what}"))
}

/// Fails where the units of these measures cannot stand in a metric.
///
/// # Errors
/// Of kind `Mapping`.
pub(crate) fn check(measures: &[MeasureMapping]) -> Result<(), FetchError> {
    for measure in measures {
        let unit = measure.unit.unwrap_or(MeasureUnit::Count);
        match factor(unit) {
            None => {
                return Err(fault(measure, &format!("a metric is a number, and {unit} a text: write another unit")));
            }
            Some((_, true)) if measure.of.is_none() => {
                return Err(fault(measure, &format!("a share ({unit}) needs `of`, the measure that it is a share of")));
            }
            Some(_) => {}
        }
        if let Some(of) = &measure.of {
            let volume = measures.iter().find(|other| other.name == *of);
            if volume.is_none_or(|volume| volume.of.is_some()) {
                return Err(fault(measure, "`of` names no measure of this feed that is a count itself"));
            }
        }
    }
    Ok(())
}

/// The measures of a row in the catalogue's units; one whose volume is missing, or that is too large to be kept, is left out.
/// A product of two long fractions keeps 28 digits.
pub(crate) fn scaled(measures: &[MeasureMapping], raw: &BTreeMap<String, Decimal>) -> BTreeMap<String, Decimal> {
    let plain = |measure: &MeasureMapping| {
        let (factor, _) = factor(measure.unit.unwrap_or(MeasureUnit::Count))?;
        raw.get(&measure.name)?.checked_mul(factor).map(|value| value.normalize())
    };
    let value = |measure: &MeasureMapping| match &measure.of {
        None => plain(measure),
        Some(of) => {
            let volume = measures.iter().find(|other| other.name == *of).and_then(plain)?;
            plain(measure)?.checked_mul(volume).map(|value| value.normalize())
        }
    };
    measures.iter().filter_map(|measure| Some((measure.name.clone(), value(measure)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(text: &str) -> Vec<MeasureMapping> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn units_become_seconds_and_counts() {
        let mapped = measures(
            r#"[{"name":"offered"},{"name":"talkSeconds","unit":"Milliseconds"},{"name":"holdSeconds","unit":"Minutes"},
                {"name":"answered","unit":"Percent","of":"offered"},{"name":"handleSeconds","unit":"Seconds","of":"offered"},
                {"name":"abandoned","unit":"BasisPoints","of":"absent"}]"#,
        );
        let raw = [
            ("offered", "80"),
            ("talkSeconds", "1500"),
            ("holdSeconds", "2.5"),
            ("answered", "97.5"),
            ("handleSeconds", "3"),
            ("abandoned", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .into();
        let found: Vec<String> =
            scaled(&mapped, &raw).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(found, ["answered 78", "handleSeconds 240", "holdSeconds 150", "offered 80", "talkSeconds 1.5"]);
    }

    #[test]
    fn units_that_cannot_be_meant_are_named() {
        let cases = [
            (r#"[{"name":"x"},{"name":"y","unit":"Percent","of":"x"}]"#, None),
            (r#"[{"name":"y","unit":"Percent"}]"#, Some("needs `of`")),
            (r#"[{"name":"y","unit":"Percent","of":"x"}]"#, Some("names no measure")),
            (
                r#"[{"name":"x","unit":"Percent","of":"y"},{"name":"y","unit":"Percent","of":"x"}]"#,
                Some("a count itself"),
            ),
            (r#"[{"name":"y","unit":"ClockTime"}]"#, Some("ClockTime a text")),
        ];
        for (text, expected) in cases {
            let found = check(&measures(text)).err().map(|error| error.message);
            assert_eq!(found.is_some(), expected.is_some(), "{text}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
        }
    }
}
