//! Rows of a file instead of an endpoint: what a feed would have brought, in the order in which it became known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::client::{Page, Validators};
use super::error::{FailureKind, FetchError};
use super::format::{Mapping, derived, parse};
use super::quality::{QualityRules, check};
use crate::api::feed::Feed;
use crate::domain::measures::Row;
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct OfflineRows {
    /// Every row and revision, each known from its `recordedAt`, by default from its end; a plan's at once.
    pub rows: Vec<Row>,
    /// Rows that were set aside, with the reason.
    pub rejected: Vec<RejectedRow>,
}

/// The rows of one answer, checked.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The rows that are taken.
    pub rows: Vec<IncomingRow>,
    /// The rows that are set aside, with the reason.
    pub rejected: Vec<RejectedRow>,
}

/// Reads one answer of an endpoint in the feed's own format, as a fetch would.
///
/// # Errors
/// When it is not of that format; nothing of it is used then.
pub fn preview(feed: &Feed, contract_time_zone: &str, content: &[u8]) -> Result<Preview, FetchError> {
    let zone = TimeZone::get(contract_time_zone)
        .map_err(|_| FetchError::new(FailureKind::Mapping, format!("the time zone {contract_time_zone} is unknown")))?;
    let mapping = Mapping { feed, zone, cadence: super::fetch::cadence(feed) };
    let page = parse(&mapping, &page_of(content))?;
    let plan = feed.plan.unwrap_or(false);
    // A file may reach beyond the instant of a judgement: such rows are simply not known by then.
    let (rows, faulty) = check(page.rows, QualityRules { now: Timestamp::MAX, plan, derived: &derived(feed) });
    let rejected = page.rejected.into_iter().chain(faulty).collect();
    Ok(Preview { rows, rejected })
}

/// Reads what an endpoint would have answered, in the feed's own format.
///
/// # Errors
/// When the file is not of that format; nothing of it is used then.
pub fn rows_of(feed: &Feed, contract_time_zone: &str, content: &[u8]) -> Result<OfflineRows, FetchError> {
    let Preview { rows, mut rejected } = preview(feed, contract_time_zone, content)?;
    let rows = revise(rows, feed.plan.unwrap_or(false), &mut rejected);
    Ok(OfflineRows { rows, rejected })
}

/// A page that came from a file: nothing was said about it.
#[doc(hidden)]
pub fn page_of(content: &[u8]) -> Page {
    Page { body: content.to_vec(), media_type: None, links: Vec::new(), validators: Validators::default(), date: None }
}

type Key = (Timestamp, Timestamp, BTreeMap<String, String>);

/// Gives each row its revision: later figures of a key follow earlier ones, by when they became known.
fn revise(incoming: Vec<IncomingRow>, plan: bool, rejected: &mut Vec<RejectedRow>) -> Vec<Row> {
    let known_at = |row: &IncomingRow| if plan { Timestamp::MIN } else { row.recorded_at.unwrap_or(row.end) };
    let mut by_key: BTreeMap<Key, Vec<IncomingRow>> = BTreeMap::new();
    for row in incoming {
        by_key.entry((row.start, row.end, row.labels.clone())).or_default().push(row);
    }
    let mut rows: Vec<Row> = Vec::new();
    for (_, mut versions) in by_key {
        versions.sort_by_key(|row| (known_at(row), row.vendor_revision.unwrap_or(1)));
        let mut kept: Vec<(Option<i64>, Row)> = Vec::new();
        let mut conflicting: Vec<(Timestamp, i64)> = Vec::new();
        for version in versions {
            let at = (known_at(&version), version.vendor_revision.unwrap_or(1));
            match kept.last() {
                Some((_, last)) if last.measures == version.measures => continue,
                Some((Some(last), _)) if version.vendor_revision.is_some_and(|revision| revision < *last) => continue,
                // One publication says two things of the same key: neither counts.
                Some((revision, last)) if (last.known_at, revision.unwrap_or(1)) == at => {
                    rejected.push(conflict(&version));
                    conflicting.push(at);
                    kept.pop();
                    continue;
                }
                _ if conflicting.contains(&at) => {
                    rejected.push(conflict(&version));
                    continue;
                }
                _ => {}
            }
            let revision = i64::try_from(kept.len()).unwrap_or(i64::MAX - 1) + 1;
            let row = Row {
                start: version.start,
                end: version.end,
                labels: version.labels,
                measures: version.measures,
                revision,
                known_at: at.0,
                sequence: 0,
            };
            kept.push((version.vendor_revision, row));
        }
        rows.extend(kept.into_iter().map(|(_, row)| row));
    }
    rows.sort_by(|left, right| {
        (left.known_at, left.start, left.end, &left.labels, left.revision).cmp(&(
            right.known_at,
            right.start,
            right.end,
            &right.labels,
            right.revision,
        ))
    });
    for (index, row) in rows.iter_mut().enumerate() {
        row.sequence = i64::try_from(index).unwrap_or(i64::MAX - 1) + 1;
    }
    rows
}

fn conflict(row: &IncomingRow) -> RejectedRow {
    RejectedRow {
        reason: RejectionReason::Conflict,
        text: format!("{} to {} {:?}: the same key and revision with other measures", row.start, row.end, row.labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offered: i64, recorded: Option<&str>, revision: Option<i64>) -> IncomingRow {
        IncomingRow {
            labels: BTreeMap::new(),
            start: "2026-01-05T09:00:00Z".parse().unwrap(),
            end: "2026-01-05T09:30:00Z".parse().unwrap(),
            measures: BTreeMap::from([("offered".to_owned(), offered.into())]),
            vendor_revision: revision,
            recorded_at: recorded.map(|instant| instant.parse().unwrap()),
        }
    }

    #[test]
    fn later_figures_of_a_key_become_its_next_revision() {
        let (monday, tuesday) = (Some("2026-01-05T10:00:00Z"), Some("2026-01-06T10:00:00Z"));
        let cases: [(&str, Vec<IncomingRow>, Vec<(i64, i64)>, usize); 6] = [
            ("one", vec![row(1, None, None)], vec![(1, 1)], 0),
            ("the same twice", vec![row(1, monday, None), row(1, tuesday, None)], vec![(1, 1)], 0),
            ("corrected", vec![row(2, tuesday, None), row(1, monday, None)], vec![(1, 1), (2, 2)], 0),
            ("by revision", vec![row(2, monday, Some(2)), row(1, monday, Some(1))], vec![(1, 1), (2, 2)], 0),
            ("an older revision later", vec![row(2, monday, Some(2)), row(1, tuesday, Some(1))], vec![(2, 1)], 0),
            ("a conflict", vec![row(1, monday, None), row(2, monday, None)], vec![], 1),
        ];
        for (name, incoming, expected, conflicts) in cases {
            let mut rejected = Vec::new();
            let rows = revise(incoming, false, &mut rejected);
            let found: Vec<(i64, i64)> =
                rows.iter().map(|row| (i64::try_from(row.measures["offered"]).unwrap(), row.revision)).collect();
            assert_eq!((found, rejected.len()), (expected, conflicts), "{name}");
        }
    }
}
