//! Reports that contracts send by themselves: what is due goes into the outbox, and is put together when it is sent.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::{AlertMode, Context};
use super::recording::RecordError;
use super::reports::with_days;
use super::stored_kinds::of_contract;
use crate::alert::dispatcher::ReportNow;
use crate::alert::envelope::{Envelope, mail_to};
use crate::api::{KpiTarget, VendorContract};
use crate::clock::Clock;
use crate::domain::decision::alerts::Alert;
use crate::domain::governance::scheduled_reports::{
    Existing, HandedOver, ReportOrder, ScheduledReports, scheduled_reports,
};
use crate::domain::terms::calendar::Calendar;
use crate::evidence::{MessageKind, NewMessage, ReportEntry, StoreError};
use crate::view::package::{Facts, package};

/// What the outbox's journal says of a contract's reports: remembered, or read from the store. Nothing is read for a contract without
/// any.
pub async fn journal(
    context: &Context,
    evidence_uid: &str,
    contract: &VendorContract,
) -> Result<Arc<Vec<HandedOver>>, StoreError> {
    if contract.spec.reports.is_empty() {
        return Ok(Arc::default());
    }
    if let Some(known) = context.handed_over(evidence_uid) {
        return Ok(known);
    }
    let journal = Arc::new(context.evidence.scheduled_reports(evidence_uid).await?);
    context.set_handed_over(evidence_uid, Some(journal.clone()));
    Ok(journal)
}

/// What is due of a contract's reports.
pub fn decide(
    contract: &VendorContract,
    existing: &[Existing<'_>],
    journal: &[HandedOver],
    now: Timestamp,
) -> ScheduledReports {
    let spec = &contract.spec;
    match Calendar::of(spec) {
        Ok(calendar) if !spec.reports.is_empty() => scheduled_reports(spec, &calendar, existing, journal, now),
        _ => ScheduledReports::default(),
    }
}

/// Hands what is due over to the outbox, with its journal in one transaction. The contract is looked at again, for its status and for
/// what did not fit.
///
/// # Errors
/// When the clocks differ, or the evidence store does not take it.
pub async fn hand_over(
    context: &Context,
    contract: &VendorContract,
    evidence_uid: &str,
    wanted: &ScheduledReports,
) -> Result<(), RecordError> {
    let ScheduledReports { begin, due, forget, .. } = wanted;
    if context.alert_mode == AlertMode::Silent || (begin.is_empty() && due.is_empty() && forget.is_empty()) {
        return Ok(());
    }
    let uid = contract.uid().unwrap_or_default();
    let now = Clock::real().now();
    let mut entries: Vec<ReportEntry> = begin.iter().cloned().map(ReportEntry::Begin).collect();
    entries.extend(due.iter().filter_map(|order| {
        let message = message(contract, &uid, order, context.alert_mode, now)?;
        Some(ReportEntry::HandOver(entry_of(order), message))
    }));
    entries.extend(forget.iter().cloned().map(ReportEntry::Forget));
    // What the store holds is read again, whatever happens to the write.
    context.set_handed_over(evidence_uid, None);
    context.journal().scheduled_reports([evidence_uid, &uid], entries, now).await?;
    context.alerts.wake();
    context.queues.contracts.push(&contract.namespace().unwrap_or_default(), &contract.name_any());
    Ok(())
}

fn entry_of(order: &ReportOrder) -> HandedOver {
    HandedOver {
        report: order.report.clone(),
        sink: order.sink.clone(),
        until: order.period.end,
        period: order.period.name.clone(),
    }
}

fn message(
    contract: &VendorContract,
    uid: &str,
    order: &ReportOrder,
    mode: AlertMode,
    now: Timestamp,
) -> Option<NewMessage> {
    let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
    let labels = [
        ("alertname", "Report"),
        ("severity", "info"),
        ("namespace", &namespace),
        ("contract", &name),
        ("vendor", &contract.spec.vendor.name),
        ("report", &order.report),
        ("period", &order.period.name),
    ];
    let alert = Alert {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        summary: format!("the report {} for {}", order.report, order.period.name),
        details: Default::default(),
        starts_at: order.period.end,
        occurrence: order.period.name.clone(),
        reminds: false,
        contacts: Vec::new(),
    };
    let alert = if mode == AlertMode::Marked { super::alerts::marked(alert) } else { alert };
    let sink = contract.spec.alerts.iter().find(|sink| sink.name == order.sink)?;
    let fingerprint = alert.fingerprint(uid);
    let envelope = Envelope {
        namespace,
        contract: name,
        mail_to: mail_to(&contract.spec, sink, &alert),
        sink: sink.clone(),
        fired_at: now,
        alert,
        report: Some(order.clone()),
    };
    let content = serde_json::to_string(&envelope).ok()?;
    Some(NewMessage { sink: order.sink.clone(), fingerprint, kind: MessageKind::Report, content })
}

/// Puts a report together from what the watches know.
pub fn report_now(context: &Context, contract_uid: &str, order: &ReportOrder) -> ReportNow {
    let Some(contract) = context.contract_of_uid(contract_uid) else {
        return ReportNow::Never("the contract is gone".to_owned());
    };
    let Ok(contract) = &contract.0 else {
        return ReportNow::NotYet("the contract cannot be read".to_owned());
    };
    let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
    let Some(judged) = context.judged(&namespace, &name) else { return ReportNow::Soon };
    let kpis: Vec<KpiTarget> =
        context.kpis_of(&namespace, &name).iter().filter_map(|kpi| kpi.0.as_ref().ok().cloned()).collect();
    let known = judged.judged.judgement().map(|judgement| judgement.reports.as_slice()).unwrap_or_default();
    let reports = context.stores.reports.with(&namespace, &of_contract(&name));
    let reports: Vec<_> = reports
        .iter()
        .filter_map(|guarded| {
            let report = guarded.0.as_ref().ok()?;
            Some((report.name_any(), with_days(&report.spec, known), report.status.clone()))
        })
        .collect();
    let facts = Facts {
        namespace: &namespace,
        name: &name,
        contract,
        kpis: &kpis,
        terms: &judged.judged.terms,
        reports: &reports,
    };
    match package(order, &facts) {
        Ok(package) => ReportNow::Ready(Box::new(package)),
        Err(missing) => ReportNow::NotYet(format!("the SlaReport {missing} is not there")),
    }
}
