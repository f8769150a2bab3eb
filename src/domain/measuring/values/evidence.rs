//! The digest of the rows that a value rests on.
//!
//! Each row is one line of canonical JSON: an array of its start, its end, its labels and those of its measures that the
//! KPI's formula names. Times are RFC 3339 in UTC (`Z`, fractions of a second only where there are any), names are sorted
//! by their bytes, measures are strings of plain decimals without superfluous zeros, nothing holds spaces between its
//! parts, and strings are escaped as RFC 8785 has it:
//!
//! ```text
//! ["2026-01-05T08:00:00Z","2026-01-05T08:30:00Z",{"queue":"billing"},{"answered":"44","answeredWithin":"2.5"}]
//! ```
//!
//! The lines are sorted by their bytes, each ends with a line feed, and the digest is `sha256:` and the SHA-256 of them all
//! in lower-case hexadecimals. Neither revisions nor the order or time of receipt are part of it.

use std::fmt::Write;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Rows;
use crate::domain::measuring::ledger::KnownRow;
use crate::domain::numbers::digest::digest_text;

impl Rows<'_> {
    /// The digest of these rows, as the module describes it.
    pub fn digest(&self) -> String {
        let mut times = TimeTexts::default();
        let mut lines: Vec<String> = self.iter().map(|row| self.line(&row, &mut times)).collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        for line in &lines {
            hash.update(line.as_bytes());
        }
        digest_text(&hash.finalize().into())
    }

    fn line(&self, row: &KnownRow<'_>, times: &mut TimeTexts) -> String {
        let mut line = String::with_capacity(128);
        line.push_str("[\"");
        times.write(row.span().start, &mut line);
        line.push_str("\",\"");
        times.write(row.span().end, &mut line);
        let _ = write!(line, "\",{},{{", row.label_text());
        for (index, column) in self.selection.columns.iter().enumerate() {
            line.push_str(if index == 0 { "" } else { "," });
            let _ = write!(line, "{}:\"", serde_json::Value::from(column.measure));
            column.column.write(row.place(), &mut line);
            line.push('"');
        }
        line.push_str("}]\n");
        line
    }
}

/// Writes times as RFC 3339 in UTC. Rows come in order of their starts, so that most times are of the day of the one before.
#[derive(Debug, Default)]
struct TimeTexts {
    day: i64,
    /// The day as a date; empty before the first.
    date: String,
}

/// Seconds of a day in UTC.
const DAY: i64 = 86_400;

impl TimeTexts {
    fn write(&mut self, instant: Timestamp, text: &mut String) {
        if instant.subsec_nanosecond() != 0 {
            let _ = write!(text, "{instant}");
            return;
        }
        let (day, second) = (instant.as_second().div_euclid(DAY), instant.as_second().rem_euclid(DAY));
        if self.date.is_empty() || self.day != day {
            let whole = instant.to_string();
            let date = whole.split_once('T').map_or("", |(date, _)| date);
            (self.day, self.date) = (day, date.to_owned());
        }
        text.push_str(&self.date);
        let two_digits = |number: i64| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8].map(char::from);
        for (mark, number) in [('T', second / 3_600), (':', second / 60 % 60), (':', second % 60)] {
            text.push(mark);
            text.extend(two_digits(number));
        }
        text.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_written_as_timestamps_are(
            instants in prop::collection::vec((-300_000_000_000_i64..250_000_000_000, prop_oneof![3 => Just(0), 1 => 0..999_999_999]), 1..20),
            near in prop::collection::vec(0..200_000_i64, 1..20),
        ) {
            let near = near.into_iter().map(|second| (1_767_225_600 + second, 0));
            let mut times = TimeTexts::default();
            for (second, nanosecond) in instants.into_iter().chain(near) {
                let instant = Timestamp::new(second, nanosecond).unwrap();
                let mut text = String::new();
                times.write(instant, &mut text);
                prop_assert_eq!(text, instant.to_string());
            }
        }
    }
}
