//! What somebody has to do: silence, risks, decisions that are open, what is overdue. Only what a status says.

use kube::ResourceExt;
use serde::Serialize;

use super::Own;
use crate::api::condition::ConditionStatus;
use crate::api::vendor_contract::{ContractPhase, TriggerConsequence};
use crate::view::words::{self, kpi_title, period_title};

/// One thing that somebody has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The contract's namespace.
    pub namespace: String,
    /// The contract.
    pub contract: String,
    /// What kind it is; kinds are in the order of their urgency.
    pub kind: NeedKind,
    /// Why, with its figures.
    pub why: String,
}

/// The kinds, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs)]
pub enum NeedKind {
    Silent,
    AtRisk,
    Answer,
    Decide,
    Overdue,
}

impl NeedKind {
    /// What the contract does, after its name.
    pub fn sentence(self) -> &'static str {
        match self {
            NeedKind::Silent => "is silent",
            NeedKind::AtRisk => "heads for a miss",
            NeedKind::Answer => "waits for an answer",
            NeedKind::Decide => "waits for a decision",
            NeedKind::Overdue => "has something overdue",
        }
    }
}

/// All needs, the most urgent first, then by name.
pub(super) fn needs(own: &[Own<'_>]) -> Vec<Need> {
    let mut needs: Vec<Need> = own.iter().filter(|own| is_open(own)).flat_map(of_contract).collect();
    needs.sort_by(|one, other| {
        (one.kind, &one.namespace, &one.contract).cmp(&(other.kind, &other.namespace, &other.contract))
    });
    needs
}

fn is_open(own: &Own<'_>) -> bool {
    !matches!(own.status.phase, Some(ContractPhase::Pending | ContractPhase::Suspended))
}

fn of_contract(own: &Own<'_>) -> Vec<Need> {
    let need = |kind, why| Need { namespace: own.namespace(), contract: own.name(), kind, why };
    let mut needs = Vec::new();
    let is_running = own.status.phase != Some(ContractPhase::Ended);
    needs.extend(silent(own).filter(|_| is_running).map(|why| need(NeedKind::Silent, why)));
    needs.extend(at_risk(own).map(|(title, message)| need(NeedKind::AtRisk, format!("{title}: {message}"))));
    if let Some(escalation) = own.status.escalation.as_ref().filter(|found| found.acknowledged_by.is_none()) {
        let who = words::list(&escalation.contacts);
        let why =
            format!("Escalation level {} since {}: {who}.", escalation.level, escalation.since.strftime("%Y-%m-%d"));
        needs.push(need(NeedKind::Answer, why));
    }
    for trigger in own.status.triggers.iter().filter(|trigger| trigger.then == TriggerConsequence::TerminationRight) {
        let kpi = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
        let since = period_title(&trigger.period);
        needs.push(need(
            NeedKind::Decide,
            format!("The right to terminate since {since}: trigger {}{kpi}.", trigger.name),
        ));
    }
    if let Some(governance) = &own.status.governance {
        let overdue: Vec<String> =
            governance.overdue.iter().map(|it| format!("{} {} since {}", it.kind, it.name, it.due)).collect();
        if !overdue.is_empty() {
            needs.push(need(NeedKind::Overdue, format!("{}.", overdue.join("; "))));
        }
    }
    needs
}

/// Why nothing new is known of a contract: a feed that fails.
pub(super) fn silent(own: &Own<'_>) -> Option<String> {
    let failing = own.status.feeds.iter().find(|feed| !feed.healthy)?;
    let since = failing.since.map(|since| format!(" since {}", since.strftime("%Y-%m-%d %H:%MZ"))).unwrap_or_default();
    Some(format!("Feed {} fails{since}: {}.", failing.name, failing.reason))
}

/// The KPIs at risk: their titles and the messages of their conditions.
pub(super) fn at_risk<'o>(own: &'o Own<'_>) -> impl Iterator<Item = (String, String)> + 'o {
    own.kpis.iter().filter(|kpi| !kpi.spec.dry_run).filter_map(|kpi| {
        let conditions = &kpi.status.as_ref()?.conditions;
        let found = conditions.iter().find(|condition| condition.type_ == "AtRisk")?;
        let is_at_risk = found.status == ConditionStatus::True;
        is_at_risk.then(|| (kpi_title(kpi.spec.kpi, &kpi.name_any()), found.message.clone()))
    })
}

/// How many of each kind there are, in words: `one is silent`, `two head for a miss`.
pub(super) fn counted(needs: &[Need]) -> Vec<String> {
    let plural = |kind: NeedKind| match kind {
        NeedKind::Silent => "are silent",
        NeedKind::AtRisk => "targets are at risk",
        NeedKind::Answer => "wait for an answer",
        NeedKind::Decide => "wait for a decision",
        NeedKind::Overdue => "have something overdue",
    };
    let singular = |kind: NeedKind| match kind {
        NeedKind::AtRisk => "target is at risk",
        kind => kind.sentence(),
    };
    let kinds = [NeedKind::Silent, NeedKind::AtRisk, NeedKind::Answer, NeedKind::Decide, NeedKind::Overdue];
    let count = |kind| needs.iter().filter(|need| need.kind == kind).count();
    let counted = kinds.into_iter().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0);
    counted
        .map(|(kind, count)| match count {
            1 => format!("one {}", singular(kind)),
            count => format!("{} {}", words::number_word(count), plural(kind)),
        })
        .collect()
}
