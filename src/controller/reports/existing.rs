//! The SlaReports that exist, as the watch keeps them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;

use crate::api::sla_report::SlaReportSpec;
use crate::api::verdict::PeriodState;
use crate::api::{CONTRACT_UID_LABEL, Packed, SlaReport};
use crate::cluster::watch::Guarded;
use crate::controller::context::Context;
use crate::controller::stored_kinds::of_contract;
use crate::domain::judgement::filed_reports::JudgedReport;
use crate::domain::terms::journal::Journal;

/// A report that exists, as far as planning needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingReport<'a> {
    /// Its name.
    pub name: String,
    /// UID of the contract that it is about.
    pub contract_uid: Option<String>,
    /// What it says, as the watch holds it.
    pub spec: Cow<'a, SlaReportSpec>,
    /// Its version: another one may say something else.
    pub version: Option<String>,
    /// Whether its status was written: that comes after the report, and may have been cut off.
    pub has_status: bool,
}

/// The reports of a namespace that are about a contract name, whatever its UID.
pub fn existing_reports(context: &Context, namespace: &str, contract: &str) -> ExistingReports {
    ExistingReports(context.stores.reports.with(namespace, &of_contract(contract)))
}

/// The reports that exist, shared with the watch: a look copies none of them.
pub struct ExistingReports(Vec<Arc<Guarded<SlaReport>>>);

impl ExistingReports {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, as planning needs them.
    pub fn all(&self) -> Vec<ExistingReport<'_>> {
        let readable = self.0.iter().filter_map(|guarded| guarded.0.as_ref().ok());
        let existing = readable.map(|report| ExistingReport {
            name: report.name_any(),
            contract_uid: report.labels().get(CONTRACT_UID_LABEL).cloned(),
            spec: Cow::Borrowed(&report.spec),
            version: report.resource_version(),
            has_status: report.status.is_some(),
        });
        existing.collect()
    }
}

/// Whether a report is of one of these contracts.
pub fn is_of(report: &ExistingReport<'_>, uids: [&str; 2]) -> bool {
    report.contract_uid.as_deref().is_some_and(|uid| uids.contains(&uid))
}

/// The periods of a contract whose reports are signed, but for those whose rows are lost: these are asked for again first. `uids` as for
/// [`super::plan_reports`].
pub fn signed_periods(uids: [&str; 2], existing: &[ExistingReport<'_>], journal: &Journal) -> BTreeSet<String> {
    let lost: BTreeSet<&str> = journal.reports_without_rows().collect();
    let signed = existing.iter().filter(|report| {
        is_of(report, uids) && report.spec.state == PeriodState::Final && !lost.contains(report.name.as_str())
    });
    signed.map(|report| report.spec.period.name.clone()).collect()
}

/// A report of the watch with its days and parts, of which the watch keeps only digests: those of the judgement where they are the same
/// ones, else none.
pub fn with_days(report: &SlaReportSpec, judged: &[JudgedReport]) -> SlaReportSpec {
    let mut report = report.clone();
    let is_same = |one: &&JudgedReport| one.period().name == report.period.name && one.revision() == report.revision;
    let same = judged.iter().find(is_same).and_then(JudgedReport::open);
    for line in &mut report.kpis {
        let judged = same.as_ref().and_then(|report| report.kpis.iter().find(|one| one.name == line.name));
        let (days, parts) = judged.map(|line| (line.days.clone(), line.parts.clone())).unwrap_or_default();
        line.days = if days == line.days { days } else { Packed::default() };
        line.parts = if parts == line.parts { parts } else { Packed::default() };
    }
    report
}
