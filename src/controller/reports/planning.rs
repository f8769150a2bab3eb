//! Which SlaReports are to be written, given those that exist: planned without a client.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::existing::{ExistingReport, is_of};
use crate::api::sla_report::SlaReportSpec;
use crate::api::verdict::PeriodState;
use crate::domain::judgement::filed_reports::JudgedReport;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::settlement::basis::as_far_as;
use crate::domain::settlement::reports::report_name;

/// One thing to do about a report.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportAction {
    /// Create it, or replace a Provisional one.
    Write {
        /// Its name.
        name: String,
        /// What it says.
        spec: Box<SlaReportSpec>,
        /// Its state before; `None`: it did not exist.
        before: Option<PeriodState>,
    },
    /// A Provisional report that the terms no longer have.
    Remove {
        /// Its name.
        name: String,
    },
    /// A Final report says something else than the evidence: it stays, and somebody must know.
    Contradiction {
        /// Its name.
        name: String,
    },
}

impl ReportAction {
    /// Whether it writes a Final report.
    pub fn closes(&self) -> bool {
        matches!(self, ReportAction::Write { spec, .. } if spec.state == PeriodState::Final)
    }
}

/// The periods that close with these reports and that the journal does not hold as closed yet, each with the instant of its closing:
/// when the rules made it final, or `now` where they do not say.
pub fn closings<'a, T>(
    actions: &'a [ReportAction],
    closed: &BTreeMap<String, T>,
    finals: &BTreeMap<String, Timestamp>,
    now: Timestamp,
) -> Vec<(&'a str, Timestamp)> {
    let closing = actions.iter().filter(|action| action.closes()).filter_map(|action| match action {
        ReportAction::Write { spec, .. } => Some(spec.period.name.as_str()),
        ReportAction::Remove { .. } | ReportAction::Contradiction { .. } => None,
    });
    let new = closing.filter(|period| !closed.contains_key(*period));
    new.map(|period| (period, finals.get(period).copied().unwrap_or(now))).collect()
}

/// Plans the reports of a contract.
///
/// `uids` are the contract's own and, where it goes on with the evidence of one that is gone, that one's.
pub fn plan_reports(judgement: &Judgement, uids: [&str; 2], existing: &[ExistingReport<'_>]) -> Vec<ReportAction> {
    let by_name: BTreeMap<&str, &ExistingReport<'_>> =
        existing.iter().map(|report| (report.name.as_str(), report)).collect();
    let mut names = Vec::new();
    let mut actions = Vec::new();
    for report in &judgement.reports {
        let name = name_of(report, uids, &by_name);
        names.push(name.clone());
        match by_name.get(name.as_str()) {
            Some(before) if before.spec.state == PeriodState::Final => {
                if !report.agrees_with(&before.spec, before.version.as_deref()) {
                    actions.push(ReportAction::Contradiction { name });
                } else if !before.has_status
                    && let Some(whole) = report.open()
                {
                    // It is not taken from the watch, which keeps only the digests of days and parts. What was signed is not written
                    // again in other words: an earlier version may have written it.
                    let spec = Box::new(as_far_as(&before.spec, &whole));
                    actions.push(ReportAction::Write { name, spec, before: Some(PeriodState::Final) });
                }
            }
            Some(before) if before.has_status && report.is(&before.spec) => {}
            before => {
                if let Some(whole) = report.open() {
                    let (spec, before) = (Box::new(whole.into_inner()), before.map(|report| report.spec.state));
                    actions.push(ReportAction::Write { name, spec, before });
                }
            }
        }
    }
    for report in existing {
        let ours = is_of(report, uids) && report.spec.state == PeriodState::Provisional;
        if ours && !names.contains(&report.name) {
            actions.push(ReportAction::Remove { name: report.name.clone() });
        }
    }
    actions
}

/// The report's name, with a part of the UID where the name is taken by a contract of the same name but another UID.
fn name_of(report: &JudgedReport, uids: [&str; 2], existing: &BTreeMap<&str, &ExistingReport<'_>>) -> String {
    let name = report_name(report.contract(), &report.period().name, report.revision());
    match existing.get(name.as_str()) {
        Some(taken) if !is_of(taken, uids) => {
            let [uid, _] = uids;
            let digits: String = uid.chars().filter(char::is_ascii_hexdigit).take(8).collect();
            format!("{name}-u{digits}")
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod filed_tests;
