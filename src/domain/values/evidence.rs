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

use sha2::{Digest, Sha256};

use super::Rows;
use crate::domain::ledger::{KnownRow, Labels};

impl Rows<'_> {
    /// The digest of these rows, as the module describes it.
    pub fn digest(&self) -> String {
        let mut lines: Vec<String> = self.iter().map(|row| self.line(&row)).collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        for line in &lines {
            hash.update(line.as_bytes());
        }
        let mut digest = String::from("sha256:");
        for byte in hash.finalize() {
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }

    fn line(&self, row: &KnownRow<'_>) -> String {
        let span = row.span();
        let mut line = format!("[\"{}\",\"{}\",", span.start, span.end);
        write_labels(&mut line, row.labels());
        line.push(',');
        let measures = self.selection.columns.iter().map(|column| {
            (column.measure, row.measure(column.measure).unwrap_or_default().show(DECIMALS_OF_A_MEASURE))
        });
        write_object(&mut line, measures);
        line.push_str("]\n");
        line
    }
}

/// No decimal of a row has more digits after its point.
const DECIMALS_OF_A_MEASURE: u32 = 28;

fn write_labels(line: &mut String, labels: &Labels) {
    write_object(line, labels.iter().map(|(name, value)| (name.as_str(), value.clone())));
}

fn write_object<'a>(line: &mut String, members: impl Iterator<Item = (&'a str, String)>) {
    line.push('{');
    for (index, (name, value)) in members.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(line, "{comma}{}:{}", serde_json::Value::from(name), serde_json::Value::from(value));
    }
    line.push('}');
}
