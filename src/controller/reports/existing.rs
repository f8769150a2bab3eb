//! The SlaReports that exist, as the watch keeps them.

use std::collections::BTreeSet;

use kube::ResourceExt;

use crate::api::sla_report::SlaReportSpec;
use crate::api::verdict::PeriodState;
use crate::api::{CONTRACT_UID_LABEL, Packed, Shared};
use crate::controller::context::Context;
use crate::controller::stored_kinds::of_contract;
use crate::domain::terms::journal::Journal;

/// A report that exists, as far as planning needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingReport {
    /// Its name.
    pub name: String,
    /// UID of the contract that it is about.
    pub contract_uid: Option<String>,
    /// What it says.
    pub spec: SlaReportSpec,
    /// Whether its status was written: that comes after the report, and may have been cut off.
    pub has_status: bool,
}

/// The reports of a namespace that are about a contract name, whatever its UID.
pub fn existing_reports(context: &Context, namespace: &str, contract: &str) -> Vec<ExistingReport> {
    let reports = context.stores.reports.with(namespace, &of_contract(contract));
    reports
        .iter()
        .filter_map(|guarded| {
            let report = guarded.0.as_ref().ok()?;
            Some(ExistingReport {
                name: report.name_any(),
                contract_uid: report.labels().get(CONTRACT_UID_LABEL).cloned(),
                spec: report.spec.clone(),
                has_status: report.status.is_some(),
            })
        })
        .collect()
}

/// Whether a report is of one of these contracts.
pub fn is_of(report: &ExistingReport, uids: [&str; 2]) -> bool {
    report.contract_uid.as_deref().is_some_and(|uid| uids.contains(&uid))
}

/// The periods of a contract whose reports are signed, but for those whose rows are lost: these are asked for again first. `uids` as for
/// [`super::plan_reports`].
pub fn signed_periods(uids: [&str; 2], existing: &[ExistingReport], journal: &Journal) -> BTreeSet<String> {
    let lost: BTreeSet<&str> = journal.reports_without_rows().collect();
    let signed = existing.iter().filter(|report| {
        is_of(report, uids) && report.spec.state == PeriodState::Final && !lost.contains(report.name.as_str())
    });
    signed.map(|report| report.spec.period.name.clone()).collect()
}

/// A report of the watch with its days and parts, of which the watch keeps only digests: those of the judgement where they are the same
/// ones, else none.
pub fn with_days(report: &SlaReportSpec, judged: &[Shared<SlaReportSpec>]) -> SlaReportSpec {
    let mut report = report.clone();
    let same = judged.iter().find(|one| one.period.name == report.period.name && one.revision == report.revision);
    for line in &mut report.kpis {
        let judged = same.and_then(|report| report.kpis.iter().find(|one| one.name == line.name));
        let (days, parts) = judged.map(|line| (line.days.clone(), line.parts.clone())).unwrap_or_default();
        line.days = if days == line.days { days } else { Packed::default() };
        line.parts = if parts == line.parts { parts } else { Packed::default() };
    }
    report
}
