//! SlaReports against the evidence: each is judged again from the rows that it rests on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::read_text;
use crate::api::Shared;
use crate::api::sla_report::SlaReport;
use crate::api::verdict::PeriodState;
use crate::cli::streams::warn;
use crate::cli::terminal::escaped;
use crate::controller::reports::report_digest;
use crate::domain::judgement::judge::judge;
use crate::domain::judgement::outcome::NOTHING_SAID;
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::packed;
use crate::domain::measuring::row::Row;
use crate::domain::settlement::basis::as_far_as;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::Journal;
use crate::evidence::{Broken, Digest, digest_text};

/// What the evidence knows of the contract of a report.
#[derive(Default)]
pub(super) struct Record {
    pub(super) terms: Option<Terms>,
    pub(super) closings: BTreeMap<String, Shared<Terms>>,
    pub(super) journal: Journal,
    pub(super) rows: BTreeMap<String, Vec<Row>>,
    /// The chain's digest at each head that the report names.
    pub(super) digests: BTreeMap<String, Option<Digest>>,
    /// Whether rows were removed at the end of the retention: nothing is judged again.
    pub(super) has_removed: bool,
    /// By feed, the row up to which the digests are not known: a bundle has none of removed rows.
    pub(super) unknown_until: BTreeMap<String, i64>,
    /// The digest of the report as it was written, where it was recorded.
    pub(super) written: Option<Digest>,
}

/// Judges a report again from the rows that it rests on, and says what differs.
pub(super) fn compare(file: &str, report: &SlaReport, mut record: Record) -> Vec<Broken> {
    let mut differences = Vec::new();
    let mut differs = |what: String| differences.push(difference(report, format!("{file}: {what}")));
    for head in report.status.iter().flat_map(|status| &status.evidence_heads) {
        let found = record.digests.get(&head.feed).copied().flatten().map(|digest| digest_text(&digest));
        let is_unknown = record.unknown_until.get(&head.feed).is_some_and(|until| head.rows <= *until);
        if head.rows > 0 && !is_unknown && found.as_ref() != Some(&head.head) {
            let found = found.as_deref().unwrap_or("no such row");
            differs(format!(
                "feed {}: the report rests on {} after row {}, the evidence has {found}",
                head.feed, head.head, head.rows
            ));
        }
        if let Some(rows) = record.rows.get_mut(&head.feed) {
            rows.retain(|row| row.sequence <= head.rows);
        }
    }
    if report.spec.state != PeriodState::Final {
        // A Provisional report may have been judged before the evidence that it names was complete.
        return differences;
    }
    if record.written.is_some_and(|written| written != report_digest(&report.spec)) {
        differs("the report is not the one that the operator recorded when it wrote it".to_owned());
    }
    if record.has_removed {
        warn(format_args!(
            "{}: the rows of {} were removed at the end of the retention, so it is not judged again: its heads are compared, and a store compares it with what was recorded when it was written",
            escaped(file),
            escaped(&report.metadata.name.clone().unwrap_or_default())
        ));
        return differences;
    }
    match judged_again(report, &record) {
        Err(why) => differs(why),
        Ok(again) => {
            for (place, was, now) in members_that_differ(&report.spec, &as_far_as(&report.spec, &again)) {
                differs(format!("{place} is {was} in the report, the evidence says {now}"));
            }
        }
    }
    differences
}

/// How long after its end a period that is Final has been closed in any case: `closeAfter` is shorter.
const SURELY_CLOSED: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

fn judged_again(report: &SlaReport, record: &Record) -> Result<crate::api::sla_report::SlaReportSpec, String> {
    let terms = record.terms.as_ref().ok_or("the evidence holds no terms of this contract")?;
    let facts = ContractFacts {
        name: &report.spec.contract,
        terms,
        closed_under: &record.closings,
        rows: &packed(&record.rows),
        journal: Some(&record.journal),
        said: &NOTHING_SAID,
    };
    // A Final report says the same at every later instant. A rehearsal's clock may be ahead of this one, and the last row may be older
    // than the close of the last period.
    let last_row = record.rows.values().flatten().map(|row| row.known_at).max();
    let last_known = last_row.max(record.journal.last_recorded_by(Timestamp::MAX));
    let closed = report.spec.period.end.checked_add(SURELY_CLOSED).ok();
    let now = last_known.into_iter().chain(closed).fold(crate::clock::Clock::real().now(), Timestamp::max);
    let judgement = judge(&facts, now).map_err(|_| "the recorded terms cannot be judged".to_owned())?;
    let wanted = (&report.spec.period.name, report.spec.revision);
    let again = judgement.into_reports().into_iter().find(|spec| (&spec.period.name, spec.revision) == wanted);
    again.ok_or_else(|| format!("the evidence holds no report of {} with revision {}", wanted.0, wanted.1))
}

/// Place, value in the report, and value from the evidence; KPIs are compared member by member.
fn members_that_differ<T: serde::Serialize>(was: &T, now: &T) -> Vec<(String, String, String)> {
    let value = |spec: &T| serde_json::to_value(spec).unwrap_or_default();
    let mut differences = Vec::new();
    walk("", &value(was), &value(now), &mut differences);
    differences.truncate(100);
    differences
}

fn walk(place: &str, was: &Value, now: &Value, differences: &mut Vec<(String, String, String)>) {
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let null = Value::Null;
                walk(&inner, a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                let name = a.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                walk(&format!("{place}[{name}]"), a, b, differences);
            }
        }
        _ if was == now => {}
        _ => differences.push((place.to_owned(), was.to_string(), now.to_string())),
    }
}

pub(super) fn difference(report: &SlaReport, what: String) -> Broken {
    Broken { contract_uid: contract_uid(report).to_owned(), feed: String::new(), sequence: 0, what }
}

pub(super) fn contract_uid(report: &SlaReport) -> &str {
    report.status.as_ref().and_then(|status| status.contract_uid.as_deref()).unwrap_or_default()
}

/// Reads reports: one object a file, or the List that `kubectl get` prints.
pub(super) fn read_reports(files: &[PathBuf]) -> Result<Vec<(String, SlaReport)>, Vec<String>> {
    let mut reports = Vec::new();
    for file in files {
        let shown = file.display().to_string();
        let failed = |error: &dyn std::fmt::Display| vec![format!("--report {shown}: {error}")];
        let text = read_text(file).map_err(|error| failed(&error))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| failed(&error))?;
        let items = |document: Value| match document.get("items").and_then(Value::as_array) {
            Some(items) => items.clone(),
            None => vec![document],
        };
        for item in documents.into_iter().filter(|document| !document.is_null()).flat_map(items) {
            let report: SlaReport = serde_json::from_value(item).map_err(|error| {
                failed(&format!("{error}; write SlaReports as `kubectl get slar NAME -o yaml` prints them"))
            })?;
            if contract_uid(&report).is_empty() {
                return Err(failed(&"the report has no status.contractUid, so its evidence cannot be found"));
            }
            reports.push((shown.clone(), report));
        }
    }
    Ok(reports)
}

#[cfg(test)]
mod tests;
