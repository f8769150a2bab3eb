//! Rows of a file instead of an endpoint: what a feed would have brought, in the order in which it became known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use url::Url;

use super::capabilities::derived;
use super::each::Selection;
use super::fetch_request::Life;
use super::format::mapping::Mapping;
use super::format::{parse, records};
use super::labels_text::labels_text;
use super::listing;
use super::page_walk::check_is_no_error;
use super::quality::{QualityRules, check, describe, fault};
use super::quiet::zeros;
use super::time_window::Window;
use super::timing::row_length;
use super::window::{inside, is_on_grid};
use crate::api::feed::{Feed, Listing};
use crate::domain::measuring::doubts::{Doubt, Doubts};
use crate::domain::measuring::row::Row;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::zone_of;
use crate::evidence::{Batch, IncomingRow, Rehearsal, RejectedRow, RejectionReason, rehearse};
use crate::outbound::client::{Page, Validators};
use crate::outbound::error::{FailureKind, FetchError};

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct OfflineRows {
    /// Every row and revision, each known from its `recordedAt`, by default from its end, a plan's row by default at once.
    pub rows: Vec<Row>,
    /// Rows that were set aside, with the reason.
    pub rejected: Vec<RejectedRow>,
    /// By which times the answer says that it counts: seconds by measure.
    pub thresholds: BTreeMap<String, i64>,
}

/// The rows of one answer, each checked by itself.
#[derive(Clone, Debug, Default)]
pub struct CheckedRows {
    /// The rows that are good.
    pub rows: Vec<IncomingRow>,
    /// The rows that are set aside, with the reason.
    pub rejected: Vec<RejectedRow>,
    /// Figures that were probably read otherwise than they were meant.
    pub doubts: Vec<Doubt>,
    /// By which times the answer says that it counts: seconds by measure.
    pub thresholds: BTreeMap<String, i64>,
}

/// What the operator would keep of one answer, and what is hardly meant.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// What the store would keep, and set aside.
    pub kept: Rehearsal,
    /// Figures that were probably read otherwise than they were meant.
    pub doubts: Vec<Doubt>,
}

/// What the operator would keep of one answer of an endpoint, had it received it at `now` as the feed's first: read and checked as by
/// a fetch of `window`, and held to the rules of the store, which sets rows aside that contradict each other or cover the same time.
///
/// # Errors
/// When it is not of the feed's format; nothing of it is used then.
pub fn preview(
    feed: &Feed,
    contract_time_zone: &str,
    content: &[u8],
    window: Option<Window>,
    now: Timestamp,
) -> Result<Preview, FetchError> {
    let CheckedRows { rows, rejected, doubts, .. } = checked_rows(feed, contract_time_zone, content, window, now)?;
    let batch = Batch {
        received_at: now,
        body_digest: [0; 32],
        url_host: None,
        backfill: false,
        plan: feed.plan.unwrap_or(false),
        rows,
        rejected,
        progress: None,
        state: None,
    };
    let kept = rehearse(&batch).map_err(|error| FetchError::new(FailureKind::Malformed, error.to_string()))?;
    Ok(Preview { kept, doubts })
}

/// Reads one answer of an endpoint in the feed's own format, as a fetch of `window` would at `now`. Without a window, slots without
/// rows are quiet between the first and the last row of the file, where the feed says so.
///
/// # Errors
/// When it is not of that format; nothing of it is used then.
pub fn checked_rows(
    feed: &Feed,
    contract_time_zone: &str,
    content: &[u8],
    window: Option<Window>,
    now: Timestamp,
) -> Result<CheckedRows, FetchError> {
    let zone = zone_of(contract_time_zone)
        .map_err(|_| FetchError::new(FailureKind::Mapping, format!("the time zone {contract_time_zone} is unknown")))?;
    let mapping = Mapping { feed, zone: zone.clone(), cadence: crate::feed::timing::cadence(feed), window };
    let page = page_of(content);
    check_is_no_error(feed, &page)?;
    let mut page = parse(&mapping, &page)?;
    Selection::first_of(feed).label(&mut page);
    let (counted, unread) = records::rows(feed, &zone, window, std::mem::take(&mut page.records));
    page.rows.extend(counted);
    page.rejected.extend(unread);
    if let Some(window) = window.filter(|_| is_on_grid(feed)) {
        let (rows, across) = inside(feed, window, std::mem::take(&mut page.rows));
        page.rows = rows;
        page.rejected.extend(across);
    }
    let plan = feed.plan.unwrap_or(false);
    let spoken: Vec<Window> = page.rows.iter().map(|row| Window { since: row.start, until: row.end }).collect();
    let rules = QualityRules { now, plan, cadence: row_length(feed), derived: &derived(feed) };
    let (mut rows, faulty) = check(page.rows, rules);
    let whole = if page.rejected.is_empty() { window.or_else(|| reach_of(&spoken)) } else { None };
    let life = Life::default();
    let quiet = zeros(feed, &zone, whole.as_slice(), &spoken, &rows, life);
    // No fetch asks for what lies ahead, so no slot that has not passed can be known to be quiet.
    rows.extend(quiet.into_iter().filter(|row| plan || row.end <= now));
    let rejected = page.rejected.into_iter().chain(faulty).collect();
    let mut doubts = Doubts::of(feed);
    for row in &rows {
        doubts.note(&row.measures.iter().map(|(name, value)| (name.as_str(), Exact::from(*value))).collect());
    }
    Ok(CheckedRows { rows, rejected, doubts: doubts.into_doubts(), thresholds: page.thresholds })
}

/// Reads what an endpoint would have answered by `now`, in the feed's own format. Rows that lie ahead of `now`, or of their own
/// `recordedAt`, are set aside as a fetch at that instant would have done.
///
/// # Errors
/// When the file is not of that format; nothing of it is used then.
pub fn rows_of(
    feed: &Feed,
    contract_time_zone: &str,
    content: &[u8],
    now: Timestamp,
) -> Result<OfflineRows, FetchError> {
    // What lies ahead is looked at below, by the instant at which each row was published.
    let CheckedRows { rows, mut rejected, thresholds, .. } =
        checked_rows(feed, contract_time_zone, content, None, Timestamp::MAX)?;
    let plan = feed.plan.unwrap_or(false);
    let (mut there, mut ahead) = (Vec::new(), Vec::new());
    for row in rows {
        let received = row.recorded_at.map_or(now, |recorded| recorded.min(now));
        let lies_ahead =
            fault(&row, QualityRules { now: received, plan, cadence: row_length(feed), derived: &derived(feed) });
        if lies_ahead == Some(RejectionReason::InFuture) { ahead.push(row) } else { there.push(row) }
    }
    rejected.extend(ahead.iter().map(|row| RejectedRow { reason: RejectionReason::InFuture, text: describe(row) }));
    let rows = revise(there, plan, &mut rejected);
    Ok(OfflineRows { rows, rejected, thresholds })
}

/// From the first row of a file to its last.
fn reach_of(rows: &[Window]) -> Option<Window> {
    let since = rows.iter().map(|row| row.since).min()?;
    Some(Window { since, until: rows.iter().map(|row| row.until).max()? })
}

/// A page that came from a file: nothing was said about it.
#[doc(hidden)]
pub fn page_of(content: &[u8]) -> Page {
    let (links, validators) = (Vec::new(), Validators::default());
    Page { body: content.to_vec(), media_type: None, links, validators, date: None, reserved: None }
}

/// The names on a page of a folder's listing, each with what changes when the file does.
///
/// # Errors
/// `Malformed` where it is not such a page.
#[doc(hidden)]
pub fn listed(kind: Listing, page: &[u8], url: &Url) -> Result<Vec<(String, String)>, FetchError> {
    let files = match kind {
        Listing::S3 => listing::s3(page)?.0,
        Listing::Gcs => listing::gcs(page)?.0,
        Listing::AzureBlob => listing::azure(page)?.0,
        Listing::Index => listing::index(page, url),
        // A session lists it, in no pages.
        Listing::Sftp => Vec::new(),
    };
    Ok(files.into_iter().map(|file| (file.name, file.tag)).collect())
}

type Key = (Timestamp, Timestamp, BTreeMap<String, String>);

/// Numbers the revisions of rows: later figures of a key follow earlier ones, by when they became known.
fn revise(incoming: Vec<IncomingRow>, plan: bool, rejected: &mut Vec<RejectedRow>) -> Vec<Row> {
    let unless_recorded = |row: &IncomingRow| if plan { Timestamp::MIN } else { row.end };
    let known_at = |row: &IncomingRow| row.recorded_at.unwrap_or_else(|| unless_recorded(row));
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
        text: format!(
            "{} to {}, {}: the same key and revision with other measures",
            row.start,
            row.end,
            labels_text(&row.labels)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kpi_target::Verdict;
    use crate::domain::fixtures::contracts::{Case, terms};

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

    /// A feed with one row as JSON, evaluated at 12:00 on 5 January: when the row is known, or why it is set aside.
    fn known(plan: bool, times: &str) -> String {
        let feed: Feed =
            serde_json::from_str(&format!(r#"{{"name":"acd","url":"https://feeds.acme.example","plan":{plan}}}"#))
                .unwrap();
        let body = format!(r#"{{"schema":"bpo-feed/v1","rows":[{{{times},"measures":{{"offered":1}}}}],"next":null}}"#);
        let found = rows_of(&feed, "UTC", body.as_bytes(), "2026-01-05T12:00:00Z".parse().unwrap()).unwrap();
        match (found.rows.as_slice(), found.rejected.as_slice()) {
            ([row], []) if row.known_at == Timestamp::MIN => "at once".to_owned(),
            ([row], []) => row.known_at.to_string(),
            ([], [rejected]) => rejected.reason.to_string(),
            other => panic!("{times}: {other:?}"),
        }
    }

    #[test]
    fn rows_that_lie_ahead_are_set_aside_as_a_fetch_would_have_done() {
        let past = r#""start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#;
        let ahead = r#""start":"2026-01-05T13:00:00Z","end":"2026-01-05T13:30:00Z""#;
        let running = r#""start":"2026-01-05T12:00:00Z","end":"2026-01-05T12:30:00Z""#;
        let far = r#""start":"2026-03-07T09:00:00Z","end":"2026-03-07T09:30:00Z""#;
        let recorded = |times: &str, at: &str| format!(r#"{times},"recordedAt":"{at}""#);
        for (plan, times, expected) in [
            (false, past.to_owned(), "2026-01-05T09:30:00Z"),
            (false, recorded(past, "2026-01-05T11:00:00Z"), "2026-01-05T11:00:00Z"),
            // Recorded after now: not known yet, which is nothing wrong.
            (false, recorded(past, "2026-01-06T11:00:00Z"), "2026-01-06T11:00:00Z"),
            (false, running.to_owned(), "2026-01-05T12:30:00Z"),
            (false, ahead.to_owned(), "InFuture"),
            (false, recorded(ahead, "2026-01-05T11:00:00Z"), "InFuture"),
            // Recorded before it had begun, whatever now is.
            (false, recorded(past, "2026-01-05T08:00:00Z"), "InFuture"),
            (true, ahead.to_owned(), "at once"),
            (true, recorded(ahead, "2026-01-04T11:00:00Z"), "2026-01-04T11:00:00Z"),
            (true, far.to_owned(), "InFuture"),
        ] {
            assert_eq!(known(plan, &times), expected, "plan {plan}: {times}");
        }
    }

    /// Value, verdict and credit of March 2026 in London, from the figures of days.
    fn march(format: &str, body: &str) -> (String, Verdict, String) {
        let contract = "
            term: {start: 2026-03-01, end: 2026-12-31}
            timeZone: Europe/London
            charges: {currency: GBP, amount: 100000}
            feeds: [{name: acd, url: 'https://feeds.acme.example', cadence: 24h FORMAT}]
            ";
        let kpi =
            "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbands: [{severity: Minor, percent: 2}]";
        let terms = terms(&contract.replace(" FORMAT", format), &[("sl", kpi)]);
        let now = "2026-05-01T00:00:00Z".parse().unwrap();
        let found = rows_of(&terms.contract.feeds[0], "Europe/London", body.as_bytes(), now).unwrap();
        assert_eq!(found.rejected, [], "{body}");
        let judgement = Case::new(terms, found.rows).judge_at(now);
        let report = judgement.reports.iter().find(|report| report.period.name == "2026-03").unwrap();
        let line = &report.kpis[0];
        (line.value.clone().unwrap(), line.verdict, report.credit.as_ref().unwrap().net.clone())
    }

    #[test]
    fn the_day_on_which_clocks_go_forward_takes_no_other_day_away() {
        // Clocks go forward on the 29th, which lasts 23 hours. 75, 77 and 78 of 100 are 230 / 300 = 76.67 %, a miss that costs 2 %
        // of 100,000; with 195 of 200 on the day after it, 425 / 500 = 85 %.
        let days = [("27", 75, 100), ("28", 77, 100), ("29", 78, 100), ("30", 195, 200)];
        let native = |days: &[(&str, i64, i64)]| {
            let rows = days.iter().map(|(day, good, all)| {
                format!(r#"{{"start":"2026-03-{day}","measures":{{"answered":{all},"answeredWithin":{good}}}}}"#)
            });
            format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":null}}"#, rows.collect::<Vec<_>>().join(","))
        };
        let csv = |days: &[(&str, i64, i64)]| {
            let lines = days.iter().map(|(day, good, all)| format!("2026-03-{day},{all},{good}\n"));
            format!("Day,Answered,Within\n{}", lines.collect::<String>())
        };
        let mapping = ", format: {csv: {timeZone: Europe/London, start: {columns: [Day]}, \
                       measures: [{name: answered, column: Answered}, {name: answeredWithin, column: Within}]}}";
        for (part, value, verdict, net) in
            [(&days[..3], "76.666667", Verdict::Missed, "2000.00"), (&days[..], "85", Verdict::Met, "0.00")]
        {
            let expected = (value.to_owned(), verdict, net.to_owned());
            assert_eq!(march("", &native(part)), expected, "native");
            assert_eq!(march(mapping, &csv(part)), expected, "csv");
        }
    }
}
