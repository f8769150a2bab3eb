//! What was planned for the SlaReports, carried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use serde_json::{Value, json};

use super::planning::ReportAction;
use crate::api::sla_report::{ClockKind, EvidenceHead, SlaReportSpec, SlaReportStatus};
use crate::api::verdict::PeriodState;
use crate::api::{CLOCK_ANNOTATION, CONTRACT_LABEL, CONTRACT_UID_LABEL, SlaReport};
use crate::cluster::watch::Guarded;
use crate::controller::context::Context;
use crate::controller::controlled::ReconcileError;
use crate::controller::notices::publish_notice;
use crate::domain::decision::report_notices::{Past, report_notices};
use crate::evidence::Head;

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
    context.stores.reports.get(namespace, name)
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
