//! Scalars that several kinds share: decimals, durations, references.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A decimal number as people write it: `80` or `"79.5"`, never a binary float.
///
/// At most 12 digits before and 6 after the point. Serialised as an integer where it is one and as a string otherwise,
/// so that what is written back equals what people wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// The pattern of a [`Decimal`] written as a string.
pub const DECIMAL_PATTERN: &str = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$";
/// The pattern of a [`Decimal`] that may not be negative.
pub const NON_NEGATIVE_PATTERN: &str = r"^[0-9]{1,12}(\.[0-9]{1,6})?$";
/// The pattern of a percentage from 0 to 100.
pub const PERCENT_PATTERN: &str = r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)$";

/// Why a text is not a scalar of the API. The message says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScalarError(pub String);

impl FromStr for Decimal {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let fits = |part: &str, most: usize| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !fits(whole, 12) || !fits(fraction, 6) {
            return Err(ScalarError(format!(
                "{:?} is not a decimal: write up to 12 digits and up to 6 after a point, such as 80 or \"79.5\"",
                shorten(text)
            )));
        }
        rust_decimal::Decimal::from_str(text)
            .map(Decimal)
            .map_err(|error| ScalarError(format!("{:?} is not a decimal: {error}", shorten(text))))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.scale() == 0
            && let Ok(whole) = i64::try_from(self.0)
        {
            return serializer.serialize_i64(whole);
        }
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Decimal;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number or a quoted decimal such as \"79.5\"")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
                value.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Decimal, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        decimal_schema(DECIMAL_PATTERN)
    }
}

fn decimal_schema(pattern: &str) -> Schema {
    json_schema!({"x-kubernetes-int-or-string": true, "pattern": pattern, "maxLength": 24})
}

/// The schema of a decimal that may not be negative, for `#[schemars(schema_with = …)]`.
pub fn non_negative(_: &mut SchemaGenerator) -> Schema {
    let mut schema = decimal_schema(NON_NEGATIVE_PATTERN);
    schema.insert("minimum".into(), 0.into());
    schema
}

/// The schema of a percentage from 0 to 100, for `#[schemars(schema_with = …)]`.
pub fn percent(_: &mut SchemaGenerator) -> Schema {
    let mut schema = decimal_schema(PERCENT_PATTERN);
    schema.insert("minimum".into(), 0.into());
    schema.insert("maximum".into(), 100.into());
    schema
}

/// A length of time: one number and one unit.
///
/// `s`, `m`, `h` are real time; `d` and `w` are 24 hours and 7 of them (civil days in ramps and launches); `bh` and
/// `bd` are hours and days of the contract's service calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Duration {
    /// How many of `unit`.
    pub amount: i64,
    /// The unit that was written.
    pub unit: DurationUnit,
}

/// The unit of a [`Duration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DurationUnit {
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
    /// `w`
    Weeks,
    /// `bh`: hours of service
    BusinessHours,
    /// `bd`: days with service that are not holidays
    BusinessDays,
}

impl DurationUnit {
    const ALL: [(DurationUnit, &'static str); 7] = [
        (DurationUnit::BusinessHours, "bh"),
        (DurationUnit::BusinessDays, "bd"),
        (DurationUnit::Seconds, "s"),
        (DurationUnit::Minutes, "m"),
        (DurationUnit::Hours, "h"),
        (DurationUnit::Days, "d"),
        (DurationUnit::Weeks, "w"),
    ];

    /// The letters that people write.
    pub fn suffix(self) -> &'static str {
        Self::ALL.iter().find(|(unit, _)| *unit == self).map_or("s", |(_, suffix)| suffix)
    }
}

impl Duration {
    /// A duration of `amount` `unit`s.
    pub const fn new(amount: i64, unit: DurationUnit) -> Self {
        Duration { amount, unit }
    }

    /// The length in seconds, or `None` for business time, which has no length without a calendar.
    pub fn seconds(self) -> Option<i64> {
        let factor = match self.unit {
            DurationUnit::Seconds => 1,
            DurationUnit::Minutes => 60,
            DurationUnit::Hours => 3_600,
            DurationUnit::Days => 86_400,
            DurationUnit::Weeks => 7 * 86_400,
            DurationUnit::BusinessHours | DurationUnit::BusinessDays => return None,
        };
        self.amount.checked_mul(factor)
    }
}

impl FromStr for Duration {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let error = || {
            ScalarError(format!(
                "{:?} is not a duration: write one number and one unit of s, m, h, d, w, bh, bd, such as 30m or 10bd",
                shorten(text)
            ))
        };
        let (unit, suffix) =
            DurationUnit::ALL.into_iter().find(|(_, suffix)| text.ends_with(suffix)).ok_or_else(error)?;
        let number = text.strip_suffix(suffix).ok_or_else(error)?;
        if number.is_empty() || number.len() > 9 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        Ok(Duration { amount: number.parse().map_err(|_| error())?, unit })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.amount, self.unit.suffix())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        duration_schema("s|m|h|d|w")
    }
}

fn duration_schema(units: &str) -> Schema {
    json_schema!({"type": "string", "pattern": format!("^[0-9]{{1,9}}({units})$"), "maxLength": 32})
}

/// The schema of a duration that may be business time, for `#[schemars(schema_with = …)]`.
pub fn business_duration(_: &mut SchemaGenerator) -> Schema {
    duration_schema("s|m|h|d|w|bh|bd")
}

/// The schema of a technical duration (seconds, minutes, hours), for `#[schemars(schema_with = …)]`.
pub fn technical_duration(_: &mut SchemaGenerator) -> Schema {
    duration_schema("s|m|h")
}

/// The schema of a local date `2026-01-31`, for `#[schemars(schema_with = …)]`.
pub fn date(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date", "maxLength": 10})
}

/// The schema of an instant (RFC 3339 with an offset), for `#[schemars(schema_with = …)]`.
pub fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 40})
}

/// The schema of a map of labels, at most ten, for `#[schemars(schema_with = …)]`.
pub fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 128},
        "maxProperties": 10,
    })
}

/// A reference by name to an object in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct NameReference {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A reference to one key of a Secret (or ConfigMap) in the same namespace.
///
/// The Secret is used only if its annotation `bpo-operator.io/allowed-hosts` lists the host that it would be sent to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data, such as token.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Cuts a text from outside to what fits a message and keeps it on one line.
///
/// Control characters are left for `{:?}` to escape.
pub fn shorten(text: &str) -> String {
    const MOST: usize = 64;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(MOST).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_what_people_wrote() {
        for (text, json) in [("80", "80"), ("79.5", "\"79.5\""), ("-3", "-3"), ("0.000001", "\"0.000001\"")] {
            let decimal: Decimal = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&decimal).unwrap(), json);
            assert_eq!(serde_json::from_str::<Decimal>(json).unwrap(), decimal);
        }
        for wrong in ["", "1e3", "1.", ".5", "1.2345678", "1234567890123", "NaN", "٣"] {
            assert!(wrong.parse::<Decimal>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_one_number_and_one_unit() {
        for (text, seconds) in
            [("30s", Some(30)), ("15m", Some(900)), ("36h", Some(129_600)), ("2w", Some(1_209_600)), ("4bh", None)]
        {
            let duration: Duration = text.parse().unwrap();
            assert_eq!((duration.seconds(), duration.to_string()), (seconds, text.to_owned()));
        }
        for wrong in ["", "h", "1h30m", "-1d", "1.5h", "1 h", "10", "1bw", "1234567890s"] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
    }
}
