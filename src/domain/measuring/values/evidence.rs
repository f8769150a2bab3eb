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
        let starts = self.iter().map(|row| row.span().start);
        let is_in_order = starts.is_sorted();
        let names = self.selection.columns.iter().map(|column| serde_json::Value::from(column.measure).to_string());
        let names: Vec<String> = names.collect();
        let lines = self.iter().map(|row| (row.span().start, self.line(&row, &names, &mut times)));
        if is_in_order { digest_in_order(lines) } else { digest_of_all(lines) }
    }

    /// `names` are those of the measures as JSON, in their order.
    fn line(&self, row: &KnownRow<'_>, names: &[String], times: &mut TimeTexts) -> String {
        let mut line = String::with_capacity(128);
        line.push_str("[\"");
        times.write(row.span().start, &mut line);
        line.push_str("\",\"");
        times.write(row.span().end, &mut line);
        line.push_str("\",");
        line.push_str(row.label_text());
        line.push_str(",{");
        for (index, (name, column)) in names.iter().zip(&self.selection.columns).enumerate() {
            line.push_str(if index == 0 { "" } else { "," });
            line.push_str(name);
            line.push_str(":\"");
            column.column.write(row.place(), &mut line);
            line.push('"');
        }
        line.push_str("}]\n");
        line
    }
}

/// The digest of lines that come in the order of their starts. Lines of different seconds are in the order of their bytes then, so that no more
/// of them are held than start in one second.
fn digest_in_order(lines: impl Iterator<Item = (Timestamp, String)>) -> String {
    let (mut hash, mut held, mut second) = (Sha256::new(), Vec::new(), i64::MIN);
    for (start, line) in lines {
        // Years before 0 are written with a minus, which turns their order round: they are one group.
        let of_line = second_of(start).max(YEAR_0);
        if of_line != second {
            take_in(&mut hash, &mut held);
            second = of_line;
        }
        held.push(line);
    }
    take_in(&mut hash, &mut held);
    digest_text(&hash.finalize().into())
}

/// The second in which an instant lies: whole seconds of one before 1970 are rounded towards 1970.
fn second_of(instant: Timestamp) -> i64 {
    instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)
}

/// The same of lines in any order.
fn digest_of_all(lines: impl Iterator<Item = (Timestamp, String)>) -> String {
    let (mut hash, mut held) = (Sha256::new(), lines.map(|(_, line)| line).collect());
    take_in(&mut hash, &mut held);
    digest_text(&hash.finalize().into())
}

fn take_in(hash: &mut Sha256, lines: &mut Vec<String>) {
    lines.sort_unstable();
    lines.drain(..).for_each(|line| hash.update(line.as_bytes()));
}

/// Seconds at which the year 0 begins.
const YEAR_0: i64 = -62_167_219_200;

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
        fn lines_in_the_order_of_their_starts_have_the_digest_of_all_lines_sorted(
            rows in prop::collection::vec(
                (prop_oneof![4 => 1_767_225_600..1_767_225_605_i64, 1 => -62_167_219_203..-62_167_219_198_i64, 1 => -300_000_000_000..250_000_000_000_i64],
                 prop_oneof![2 => Just(0), 1 => 0..999_999_999], "[a-c!~]{0,3}"),
                0..40,
            ),
        ) {
            let mut times = TimeTexts::default();
            let mut lines: Vec<(Timestamp, String)> = Vec::new();
            for (second, nanosecond, rest) in rows {
                let start = Timestamp::new(second, nanosecond).unwrap();
                let mut line = "[\"".to_owned();
                times.write(start, &mut line);
                lines.push((start, format!("{line}\",{rest}\n")));
            }
            let all = digest_of_all(lines.clone().into_iter());
            lines.sort_by_key(|(start, _)| *start);
            prop_assert_eq!(digest_in_order(lines.into_iter()), all);
        }

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
