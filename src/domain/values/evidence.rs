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
use crate::domain::ledger::KnownRow;

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
        let mut line = row.canonical_key().to_owned();
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
