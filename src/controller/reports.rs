//! Which SlaReports are to be written, given those that exist: planned without a client, then carried out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::context::Context;
use super::controlled::ReconcileError;
use super::notices::publish_notice;
use crate::api::sla_report::{ClockKind, EvidenceHead, SlaReportSpec, SlaReportStatus};
use crate::api::verdict::PeriodState;
use crate::api::{CLOCK_ANNOTATION, CONTRACT_LABEL, CONTRACT_UID_LABEL, Packed, SlaReport};
use crate::cluster::watch::Guarded;
use crate::domain::decision::report_notices::{Past, report_notices};
use crate::domain::judgement::filed_reports::JudgedReport;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::settlement::basis::as_far_as;
use crate::domain::settlement::reports::report_name;
use crate::domain::terms::journal::Journal;
use crate::evidence::Head;

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

/// Whether a report is of one of these contracts.
pub fn is_of(report: &ExistingReport<'_>, uids: [&str; 2]) -> bool {
    report.contract_uid.as_deref().is_some_and(|uid| uids.contains(&uid))
}

/// The periods of a contract whose reports are signed, but for those whose rows are lost: these are asked for again first. `uids` as for
/// [`plan_reports`].
pub fn signed_periods(uids: [&str; 2], existing: &[ExistingReport<'_>], journal: &Journal) -> BTreeSet<String> {
    let lost: BTreeSet<&str> = journal.reports_without_rows().collect();
    let signed = existing.iter().filter(|report| {
        is_of(report, uids) && report.spec.state == PeriodState::Final && !lost.contains(report.name.as_str())
    });
    signed.map(|report| report.spec.period.name.clone()).collect()
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

/// The reports of a namespace that are about a contract name, whatever its UID.
pub fn existing_reports(context: &Context, namespace: &str, contract: &str) -> ExistingReports {
    ExistingReports(crate::cluster::watch::decoded(&context.stores.reports, |report: &SlaReport| {
        report.metadata.namespace.as_deref() == Some(namespace) && report.spec.contract == contract
    }))
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

/// Whose reports are carried out, and on what evidence they rest.
pub struct ReportOwner<'a> {
    /// The contract.
    pub regarding: &'a ObjectReference,
    /// UID under which its evidence lies.
    pub evidence_uid: &'a str,
    /// Ends of the chains of the feeds' evidence.
    pub heads: &'a BTreeMap<String, Head>,
    /// What was over before the contract was first judged.
    pub past: &'a Past,
}

/// Carries out what was planned.
///
/// # Errors
/// When the API server or the evidence store does not take a write; what is done is found done the next time.
pub async fn carry_out(
    context: &Context,
    owner: &ReportOwner<'_>,
    actions: &[ReportAction],
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let namespace = owner.regarding.namespace.as_deref().unwrap_or_default();
    for action in actions {
        match action {
            ReportAction::Write { name, spec, before } => {
                // Events first: what is cut off in between is done again, and the same Event is published once. A report that is
                // there already would never have one.
                for notice in report_notices(spec, *before, owner.past) {
                    publish_notice(context, owner.regarding, &notice).await?;
                }
                write(context, owner, name, spec, now).await?;
            }
            ReportAction::Remove { name } => {
                if let Some(found) = stored(context, namespace, name)
                    && let Ok(report) = &found.0
                {
                    context.writer.delete(report).await?;
                }
            }
            ReportAction::Contradiction { name } => tracing::error!(
                namespace,
                report = name,
                "a Final report contradicts the evidence; the signed report does not change"
            ),
        }
    }
    Ok(())
}

fn stored(context: &Context, namespace: &str, name: &str) -> Option<Arc<Guarded<SlaReport>>> {
    context.stores.reports.get(&kube::runtime::reflector::ObjectRef::new(name).within(namespace))
}

async fn write(
    context: &Context,
    owner: &ReportOwner<'_>,
    name: &str,
    spec: &SlaReportSpec,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let namespace = owner.regarding.namespace.as_deref().unwrap_or_default();
    let uid = owner.evidence_uid;
    if spec.state == PeriodState::Final {
        let digest = report_digest(spec);
        context.journal().report_digest(uid, name, digest, now).await?;
    }
    let status = SlaReportStatus {
        contract_uid: Some(uid.to_owned()),
        evidence_heads: owner
            .heads
            .iter()
            .map(|(feed, head)| EvidenceHead { feed: feed.clone(), head: head.digest_text(), rows: head.rows() })
            .collect(),
        clock: Some(if context.clock.is_rehearsal() { ClockKind::Rehearsal } else { ClockKind::Real }),
    };
    // The status of a report that exists is written before its spec: broken off between the two, the spec is found to differ
    // and both are written again. A new report is found to lack its status.
    if let Some(found) = stored(context, namespace, name)
        && let Ok(report) = &found.0
        && report.status.as_ref() != Some(&status)
    {
        context.writer.status(report, &status).await?;
    }
    let document = document(context, owner, name, spec);
    let report: SlaReport = context.writer.apply(namespace, name, &document).await?;
    if report.status.as_ref() != Some(&status) {
        context.writer.status(&report, &status).await?;
    }
    Ok(())
}

/// The digest of a report: SHA-256 over its spec as JSON, members in the order of the API's documentation.
pub fn report_digest(spec: &SlaReportSpec) -> [u8; 32] {
    use sha2::Digest;
    // A spec is texts, numbers and lists: writing it cannot fail, and an empty text would never pass for one.
    sha2::Sha256::digest(serde_json::to_vec(spec).unwrap_or_default()).into()
}

fn document(context: &Context, owner: &ReportOwner<'_>, name: &str, spec: &SlaReportSpec) -> Value {
    let regarding = owner.regarding;
    // A Final report is nobody's: deleting a contract never deletes what was signed.
    let owners = match spec.state {
        PeriodState::Final => json!([]),
        PeriodState::Provisional => json!([{
            "apiVersion": regarding.api_version, "kind": regarding.kind, "name": regarding.name,
            "uid": regarding.uid, "controller": true, "blockOwnerDeletion": false,
        }]),
    };
    let annotations = if context.clock.is_rehearsal() { json!({CLOCK_ANNOTATION: "Rehearsal"}) } else { json!({}) };
    let metadata = json!({
        "name": name,
        "namespace": regarding.namespace,
        "labels": {CONTRACT_LABEL: spec.contract, CONTRACT_UID_LABEL: regarding.uid},
        "annotations": annotations,
        "ownerReferences": owners,
    });
    json!({
        "apiVersion": SlaReport::api_version(&()),
        "kind": SlaReport::kind(&()),
        "metadata": metadata,
        "spec": spec,
    })
}

#[cfg(test)]
mod filed_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::vendor_contract::PeriodBounds;

    fn spec(state: PeriodState, points: i64) -> SlaReportSpec {
        SlaReportSpec {
            contract: "acme".into(),
            period: PeriodBounds {
                name: "2026-05".into(),
                start: "2026-05-01T00:00:00Z".parse().unwrap(),
                end: "2026-06-01T00:00:00Z".parse().unwrap(),
            },
            state,
            revision: 1,
            data_through: None,
            kpis: Vec::new(),
            score: None,
            confidence: None,
            rating: None,
            points,
            credit: None,
            year_to_date: None,
            triggers: Vec::new(),
            gaps: Vec::new(),
            disputes: Vec::new(),
            restates: None,
        }
    }

    #[test]
    fn a_period_closes_with_its_first_final_report_and_once() {
        let write =
            |state| ReportAction::Write { name: "acme-2026-05".into(), spec: Box::new(spec(state, 0)), before: None };
        let (at, now) = ("2026-06-11T00:00:00Z".parse().unwrap(), "2026-06-12T00:00:00Z".parse().unwrap());
        let (open, closed) = (BTreeMap::new(), BTreeMap::from([("2026-05".to_owned(), ())]));
        let (unsaid, said) = (BTreeMap::new(), BTreeMap::from([("2026-05".to_owned(), at)]));
        for (action, known, finals, expected) in [
            (write(PeriodState::Final), &open, &said, vec![("2026-05", at)]),
            (write(PeriodState::Final), &open, &unsaid, vec![("2026-05", now)]),
            (write(PeriodState::Final), &closed, &said, vec![]),
            (write(PeriodState::Provisional), &open, &said, vec![]),
            (ReportAction::Remove { name: "acme-2026-05".into() }, &open, &said, vec![]),
        ] {
            assert_eq!(closings(std::slice::from_ref(&action), known, finals, now), expected, "{action:?}");
        }
    }

    fn existing(uid: &str, spec: SlaReportSpec) -> ExistingReport<'static> {
        let spec = Cow::Owned(spec);
        ExistingReport {
            name: "acme-2026-05".into(),
            contract_uid: Some(uid.into()),
            spec,
            version: None,
            has_status: true,
        }
    }

    const ADOPTED: &str = "abcdef01-9abc-4000-8000-000000000000";
    const UID: &str = "12345678-9abc-4000-8000-000000000000";

    /// The report of a judged month, which says what it was judged by, and the same as an earlier version wrote it.
    fn judged() -> (SlaReportSpec, SlaReportSpec) {
        use crate::domain::fixtures::contracts::{Case, RowChanges, row, terms};
        let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]\ncharges: {currency: GBP, amount: 100}";
        let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}";
        let measures = [("answered", 100), ("answeredWithin", 70)];
        let rows = vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &measures).labelled("site", "cebu")];
        let report =
            Case::new(terms(contract, &[("level", level)]), rows).judge("2026-03-01T00:00Z").into_reports().remove(0);
        let mut earlier = report.clone();
        earlier.kpis[0].basis = None;
        earlier.kpis[0].days = Packed::default();
        earlier.kpis[0].parts = Packed::default();
        earlier.credit.as_mut().unwrap().basis = None;
        (report, earlier)
    }

    #[test]
    fn a_report_of_an_earlier_version_is_compared_in_the_members_that_it_has_and_never_written_again() {
        let (report, earlier) = judged();
        assert_eq!((report.state, report.kpis[0].basis.is_some()), (PeriodState::Final, true));
        let as_written = |spec: SlaReportSpec, has_status| ExistingReport {
            name: "acme-2026-01".into(),
            contract_uid: Some(UID.into()),
            spec: Cow::Owned(spec),
            version: None,
            has_status,
        };
        let judgement = Judgement { reports: vec![report.clone().into()], ..Judgement::default() };
        let plan = |existing: ExistingReport<'_>| plan_reports(&judgement, [UID, UID], &[existing]);
        assert_eq!(plan(as_written(earlier.clone(), true)), []);
        // Cut off before its status: the report itself is written as it was signed.
        let ReportAction::Write { spec, .. } = plan(as_written(earlier.clone(), false)).remove(0) else { panic!() };
        assert_eq!(*spec, earlier);
        // What it has is held against the evidence, and a report that says its basis is held to it.
        let contradiction = [ReportAction::Contradiction { name: "acme-2026-01".into() }];
        let mut other = earlier.clone();
        other.kpis[0].value = Some("71".into());
        assert_eq!(plan(as_written(other, true)), contradiction);
        let mut other = report.clone();
        other.kpis[0].basis.as_mut().unwrap().scale = "1".into();
        assert_eq!(plan(as_written(other, true)), contradiction);
        let mut other = report.clone();
        let mut days = other.kpis[0].days.lines();
        days[14].value = Some("71".into());
        other.kpis[0].days = Packed::of(days);
        assert_eq!(plan(as_written(other, true)), contradiction);
        // A version between the two had a basis, and no days.
        let mut between = report.clone();
        between.kpis[0].days = Packed::default();
        between.kpis[0].parts = Packed::default();
        assert_eq!(plan(as_written(between, true)), []);
        // A Provisional one is written again, with its basis.
        let provisional = SlaReportSpec { state: PeriodState::Provisional, ..earlier };
        let ReportAction::Write { spec, .. } = plan(as_written(provisional, true)).remove(0) else { panic!() };
        assert_eq!(*spec, report);
    }

    #[test]
    fn a_report_of_the_watch_is_compared_by_digests_and_is_written_and_shown_whole() {
        use crate::cluster::watch::Successive;
        let (report, _) = judged();
        assert!(!report.kpis[0].days.lines().is_empty() && !report.kpis[0].parts.lines().is_empty());
        let mut watched = SlaReport::new("acme-2026-01", report.clone());
        watched.slim();
        assert!(watched.spec.kpis[0].days.lines().is_empty() && watched.spec.kpis[0].parts.lines().is_empty());
        let existing = |has_status| ExistingReport {
            name: "acme-2026-01".into(),
            contract_uid: Some(UID.into()),
            spec: Cow::Borrowed(&watched.spec),
            version: None,
            has_status,
        };
        let judgement = Judgement { reports: vec![report.clone().into()], ..Judgement::default() };
        assert_eq!(plan_reports(&judgement, [UID, UID], &[existing(true)]), []);
        let ReportAction::Write { spec, .. } = plan_reports(&judgement, [UID, UID], &[existing(false)]).remove(0)
        else {
            panic!()
        };
        let json = |spec: &SlaReportSpec| serde_json::to_value(spec).unwrap();
        assert_eq!(json(&spec), json(&report));
        assert_eq!(json(&with_days(&watched.spec, &judgement.reports)), json(&report));
        // Days that are not those of the judgement are not shown as if they were.
        let mut other = report.clone();
        other.kpis[0].days = Packed::default();
        other.kpis[0].parts = Packed::default();
        assert_eq!(json(&with_days(&watched.spec, &[other.clone().into()])), json(&other));
        assert_eq!(json(&with_days(&watched.spec, &[])), json(&other));
    }

    #[test]
    fn reports_are_written_replaced_kept_or_removed() {
        use PeriodState::{Final, Provisional};
        let without_status = ExistingReport { has_status: false, ..existing(UID, spec(Final, 1)) };
        let cases: [(&str, Option<SlaReportSpec>, Vec<ExistingReport<'_>>, Vec<&str>); 9] = [
            ("a new one", Some(spec(Provisional, 1)), vec![], vec!["write acme-2026-05"]),
            ("the same", Some(spec(Provisional, 1)), vec![existing(UID, spec(Provisional, 1))], vec![]),
            (
                "changed",
                Some(spec(Provisional, 2)),
                vec![existing(UID, spec(Provisional, 1))],
                vec!["write acme-2026-05"],
            ),
            ("cut off before its status", Some(spec(Final, 1)), vec![without_status], vec!["write acme-2026-05"]),
            ("final", Some(spec(Final, 1)), vec![existing(UID, spec(Provisional, 1))], vec!["write acme-2026-05"]),
            (
                "contradicted",
                Some(spec(Final, 2)),
                vec![existing(UID, spec(Final, 1))],
                vec!["contradiction acme-2026-05"],
            ),
            (
                "of the contract whose evidence it goes on with",
                Some(spec(Final, 1)),
                vec![existing(ADOPTED, spec(Final, 1))],
                vec![],
            ),
            (
                "taken",
                Some(spec(Final, 2)),
                vec![existing("other", spec(Final, 1))],
                vec!["write acme-2026-05-u12345678"],
            ),
            ("gone", None, vec![existing(UID, spec(Provisional, 1))], vec!["remove acme-2026-05"]),
        ];
        for (name, wanted, existing, expected) in cases {
            let judgement =
                Judgement { reports: wanted.into_iter().map(JudgedReport::from).collect(), ..Judgement::default() };
            let actions: Vec<String> = plan_reports(&judgement, [UID, ADOPTED], &existing)
                .into_iter()
                .map(|action| match action {
                    ReportAction::Write { name, .. } => format!("write {name}"),
                    ReportAction::Remove { name } => format!("remove {name}"),
                    ReportAction::Contradiction { name } => format!("contradiction {name}"),
                })
                .collect();
            assert_eq!(actions, expected, "{name}");
        }
    }
}
