//! Where a fiscal year begins.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::scalar::{ScalarError, shorten};

/// A day of every year: month 1 to 12 and day 1 to 28, so that every year has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 28.
    pub day: i8,
}

impl MonthDay {
    /// 1 January.
    pub const NEW_YEAR: MonthDay = MonthDay { month: 1, day: 1 };
}

impl FromStr for MonthDay {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let number = |part: &str| {
            let is_plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<i8>().ok().filter(|_| is_plain)
        };
        let parts = text.split_once('-').and_then(|(month, day)| Some((number(month)?, number(day)?)));
        match parts {
            Some((month @ 1..=12, day @ 1..=28)) => Ok(MonthDay { month, day }),
            _ => Err(ScalarError(format!(
                "{:?} is not a day of every year: write month and day from 01-01 to 12-28, such as \"07-01\"",
                shorten(text)
            ))),
        }
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}-{:02}", self.month, self.day)
    }
}

impl Serialize for MonthDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MonthDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for MonthDay {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "MonthDay".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$", "maxLength": 5})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_every_year_is_written_with_two_digits_each() {
        for (text, expected) in [("07-01", Some((7, 1))), ("01-01", Some((1, 1))), ("12-28", Some((12, 28)))] {
            let read = text.parse::<MonthDay>().unwrap();
            assert_eq!((Some((read.month, read.day)), read.to_string().as_str()), (expected, text));
        }
        for wrong in ["", "7-1", "02-29", "13-01", "00-10", "07-00", "07/01", "+7-01", "07-01-01", "July 1"] {
            assert!(wrong.parse::<MonthDay>().is_err(), "{wrong}");
        }
    }
}
