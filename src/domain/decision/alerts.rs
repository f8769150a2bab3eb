//! What people are alerted of: which alerts are active, and what changes when they are compared with those that were active before.
//!
//! An alert is a state and not a moment: it is active as long as its cause lasts. So nothing is lost when the operator ends between a
//! cause and its message, and nothing is sent twice: the messages are the difference between the alerts before and the alerts now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kpi_target::risk_finding;
use super::{overdue_notice, trigger_text};
use crate::api::campaign_launch::{CampaignLaunchStatus, LaunchDecision, LaunchPhase};
use crate::api::condition::{ConditionStatus, ConditionType, EventReason};
use crate::api::kpi_target::{KpiClass, Verdict};
use crate::api::vendor_contract::TriggerStatus;
use crate::domain::governance::deadlines::OverdueItem;
use crate::domain::governance::escalation::StandingLevel;
use crate::domain::holdings::FeedHealth;
use crate::domain::judgement::outcome::{Judgement, KpiJudgement};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::domain::settlement::gaming::Gaming;
use crate::domain::terms::contract_terms::Terms;

/// How grave an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Something may go wrong.
    Warning,
    /// A commitment is broken, or a decision is needed.
    Critical,
}

impl AlertSeverity {
    /// As labels say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One alert of a contract. Two alerts with the same labels are the same alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Who it is about, such as `alertname`, `severity`, `namespace`, `contract` and, where it is about one, `kpi_target`.
    pub labels: BTreeMap<String, String>,
    /// One sentence.
    pub summary: String,
    /// What else people need, such as `period` or `respond_by`.
    pub details: BTreeMap<String, String>,
    /// When its cause began by the contract's rules.
    pub starts_at: Timestamp,
    /// An active alert whose occurrence changes, such as to the next missed period, is sent again.
    pub occurrence: String,
    /// Whether it asks again, since nobody has answered in time: that is sent once.
    #[serde(default)]
    pub reminds: bool,
    /// Names of the contacts who are asked to act, each followed by the deputy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

impl Alert {
    /// What identifies the alert for ever: 16 hexadecimal digits of a SHA-256 over the contract's UID and the labels.
    pub fn fingerprint(&self, contract_uid: &str) -> String {
        let mut digest = Sha256::new();
        let pairs = self.labels.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        for part in std::iter::once(contract_uid).chain(pairs) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        hexadecimal(digest.finalize().iter().take(8))
    }

    /// The value of a label; empty where the alert has none of it.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// An alert and the sink to which it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// Name of the sink, one of the contract's `alerts`.
    pub sink: String,
    /// The alert.
    pub alert: Alert,
}

/// What a launch of the contract has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchNews<'a> {
    /// When a launch that was not ready was stopped: at its `goNoGo`.
    pub no_go_at: Timestamp,
    /// Its status.
    pub status: &'a CampaignLaunchStatus,
}

impl LaunchNews<'_> {
    /// Whether it was stopped, and its time is not over.
    pub fn is_stopped(&self) -> bool {
        self.status.decision == Some(LaunchDecision::NoGo) && self.status.phase != Some(LaunchPhase::Completed)
    }
}

/// All that the alerts of a contract are made from.
pub struct AlertFacts<'a> {
    /// Namespace of the contract.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The terms in force.
    pub terms: &'a Terms,
    /// What the rules say.
    pub judgement: &'a Judgement,
    /// The feeds' health, lateness included.
    pub feeds: &'a BTreeMap<String, FeedHealth>,
    /// What is overdue.
    pub overdue: &'a [OverdueItem],
    /// The levels of escalation that stand, the lowest first.
    pub levels: &'a [StandingLevel<'a>],
    /// The launches that name the contract, by name.
    pub launches: &'a BTreeMap<String, LaunchNews<'a>>,
}

/// The alerts that stand, for each sink of the contract: transitions go to every sink, an escalation to the sinks of its level.
///
/// A suspended contract alerts of nothing.
pub fn standing_alerts(facts: &AlertFacts<'_>, now: Timestamp) -> Vec<Addressed> {
    let contract = &facts.terms.contract;
    if contract.alerts.is_empty() || contract.suspend {
        return Vec::new();
    }
    let mut transitions = kpi_alerts(facts, now);
    transitions.extend(failing_feeds(facts));
    transitions.extend(facts.judgement.triggers.iter().map(|trigger| fired(facts, trigger)));
    transitions.extend(facts.overdue.iter().map(|entry| overdue(facts, entry)));
    transitions.extend(facts.launches.iter().flat_map(|(launch, news)| launch_alerts(facts, launch, news)));
    let mut addressed = Vec::new();
    for sink in &contract.alerts {
        addressed.extend(transitions.iter().map(|alert| Addressed { sink: sink.name.clone(), alert: alert.clone() }));
        let sent = facts.levels.iter().filter(|level| level.alerts.contains(&sink.name));
        addressed.extend(sent.map(|level| Addressed { sink: sink.name.clone(), alert: escalated(facts, level) }));
    }
    addressed
}

/// An alert with the labels that all alerts have, and `labels` in addition.
fn alert<const N: usize>(
    facts: &AlertFacts<'_>,
    reason: EventReason,
    severity: AlertSeverity,
    labels: [(&str, &str); N],
    starts_at: Timestamp,
    summary: String,
) -> Alert {
    let common = [
        ("alertname", reason.as_str()),
        ("severity", severity.as_str()),
        ("namespace", facts.namespace),
        ("contract", facts.name),
        ("vendor", facts.terms.contract.vendor.name.as_str()),
    ];
    let labels = common.into_iter().chain(labels).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let (details, contacts, occurrence) = (BTreeMap::new(), Vec::new(), String::new());
    Alert { labels, summary, details, starts_at, occurrence, reminds: false, contacts }
}

impl Alert {
    fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn occurring(mut self, occurrence: impl Into<String>) -> Self {
        self.occurrence = occurrence.into();
        self
    }
}

fn kpi_alerts(facts: &AlertFacts<'_>, now: Timestamp) -> Vec<Alert> {
    let counted = |name: &String| facts.terms.kpis.get(name).filter(|kpi| !kpi.dry_run && !kpi.suspend);
    let judged = facts.judgement.kpis.iter().filter_map(|(name, kpi)| Some((name, counted(name)?.class, kpi)));
    judged.flat_map(|(name, class, kpi)| alerts_of_kpi(facts, name, class, kpi, now)).collect()
}

fn alerts_of_kpi(
    facts: &AlertFacts<'_>,
    name: &str,
    class: KpiClass,
    kpi: &KpiJudgement,
    now: Timestamp,
) -> impl Iterator<Item = Alert> {
    let severity = if class == KpiClass::Critical { AlertSeverity::Critical } else { AlertSeverity::Warning };
    let of_kpi = |reason, severity, since, summary: String| {
        alert(facts, reason, severity, [("kpi_target", name)], since, format!("{name}: {summary}"))
    };
    let missed = kpi.last.as_ref().filter(|last| last.verdict == Verdict::Missed).map(|last| {
        let figures = match (&last.value, &last.target) {
            (Some(value), Some(target)) => format!("{value} against a target of {target}"),
            _ => "missed".to_owned(),
        };
        let since = kpi.last_ended_at.unwrap_or(now);
        let missed = of_kpi(EventReason::TargetMissed, severity, since, format!("{}: {figures}", last.name));
        missed.detail("period", &last.name).occurring(&last.name)
    });
    let current = kpi.current.as_ref();
    let at_risk = risk_finding(&kpi.risk).filter(|finding| finding.status == ConditionStatus::True).map(|finding| {
        let since = kpi.risk_since.unwrap_or(now);
        let period = current.map_or("", |current| current.name.as_str());
        of_kpi(EventReason::AtRisk, AlertSeverity::Warning, since, finding.message)
            .detail("period", period)
            .detail("reason", finding.reason.as_str())
            .occurring(period)
    });
    let gaming = match &kpi.gaming {
        Gaming::Suspected { message } => {
            let since = kpi.last_ended_at.unwrap_or(now);
            let suspected = of_kpi(EventReason::GamingSuspected, AlertSeverity::Warning, since, message.clone());
            Some(suspected.occurring(kpi.last.as_ref().map_or("", |last| last.name.as_str())))
        }
        _ => None,
    };
    [missed, at_risk, gaming].into_iter().flatten()
}

/// One alert for all feeds that fail: a vendor that is down must not make 32 of them.
fn failing_feeds(facts: &AlertFacts<'_>) -> Option<Alert> {
    let failing: Vec<(&String, &FeedHealth)> = facts.feeds.iter().filter(|(_, health)| health.is_failing()).collect();
    let since = failing.iter().filter_map(|(_, health)| health.since).min()?;
    let (name, first) = failing.first()?;
    let summary = match failing.len() {
        1 => format!("feed {name}: {}: {}", first.reason.as_str(), first.message),
        count => format!("{count} feeds fail, the first of them {name}: {}: {}", first.reason.as_str(), first.message),
    };
    let names: Vec<&str> = failing.iter().map(|(name, _)| name.as_str()).collect();
    Some(
        alert(facts, EventReason::FeedFailing, AlertSeverity::Warning, [], since, summary)
            .detail("feeds", names.join(", ")),
    )
}

fn fired(facts: &AlertFacts<'_>, trigger: &TriggerStatus) -> Alert {
    let (then, summary) = (trigger.then.to_string(), trigger_text(trigger));
    let labels = [("trigger", trigger.name.as_str()), ("kpi_target", trigger.kpi.as_deref().unwrap_or_default())];
    let mut fired = alert(facts, EventReason::TriggerFired, AlertSeverity::Critical, labels, trigger.fired_at, summary);
    fired.labels.retain(|_, value| !value.is_empty());
    fired.detail("period", &trigger.period).detail("then", then).occurring(&trigger.period)
}

fn overdue(facts: &AlertFacts<'_>, entry: &OverdueItem) -> Alert {
    let (reason, summary) = overdue_notice(&entry.item);
    let due = entry.item.due.to_string();
    alert(facts, reason, AlertSeverity::Warning, [("item", &entry.item.name)], entry.since, summary)
        .detail("due", &due)
        .occurring(due)
}

fn launch_alerts(facts: &AlertFacts<'_>, launch: &str, news: &LaunchNews<'_>) -> impl Iterator<Item = Alert> {
    let labels = [("launch", launch)];
    let status = news.status;
    let no_go = news.is_stopped().then(|| {
        let summary = format!("launch {launch}: no go, blocked by {}", status.blocked_by.join(", "));
        alert(facts, EventReason::LaunchNoGo, AlertSeverity::Critical, labels, news.no_go_at, summary)
    });
    let condition = status.conditions.iter().find(|known| known.type_ == ConditionType::SpikeDetected.as_str());
    let standing = condition.is_some_and(|condition| condition.status == ConditionStatus::True);
    let spike = status.spikes.first().filter(|_| standing).map(|spike| {
        let text = crate::domain::decision::launch::spike_text(spike);
        alert(
            facts,
            EventReason::SpikeDetected,
            AlertSeverity::Warning,
            labels,
            spike.start,
            format!("launch {launch}: {text}"),
        )
        .occurring(spike.start.to_string())
    });
    [no_go, spike].into_iter().flatten()
}

fn escalated(facts: &AlertFacts<'_>, standing: &StandingLevel<'_>) -> Alert {
    let status = &standing.status;
    let level = status.level.to_string();
    let people: Vec<String> = standing.people.iter().map(|person| person.name.clone()).collect();
    let asked = if people.is_empty() { "nobody".to_owned() } else { people.join(", ") };
    let by = status.respond_by.map(|instant| format!(" by {instant}")).unwrap_or_default();
    let late = if standing.unanswered { ", and nobody has responded in time" } else { "" };
    let summary = format!("level {level} because of {}: {asked} to respond{by}{late}", status.cause);
    // The first level asks; from the second on somebody did not get it done.
    let severity = if status.level > 1 { AlertSeverity::Critical } else { AlertSeverity::Warning };
    let mut escalated =
        alert(facts, EventReason::EscalationRaised, severity, [("level", level.as_str())], status.since, summary)
            .detail("cause", status.cause.to_string())
            .occurring(status.since.to_string());
    if let Some(respond_by) = status.respond_by {
        escalated = escalated.detail("respond_by", respond_by.to_string());
    }
    Alert { contacts: people, reminds: standing.unanswered, ..escalated }
}

/// An alert that is active for a sink, as it was sent last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAlert {
    /// Name of the sink.
    pub sink: String,
    /// The alert's fingerprint.
    pub fingerprint: String,
    /// The alert as it was sent.
    pub alert: Alert,
}

/// What changes between two sets of standing alerts. Each entry is one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertChanges {
    /// Those that become active, or are active in another occurrence.
    pub fired: Vec<SentAlert>,
    /// Those that are no longer active.
    pub resolved: Vec<SentAlert>,
}

impl AlertChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.fired.is_empty() && self.resolved.is_empty()
    }
}

/// Compares the alerts that were active with those that are. An alert that goes on in the same occurrence is not sent again, however its
/// sentence changes.
pub fn changes<'a>(
    contract_uid: &str,
    before: impl IntoIterator<Item = &'a SentAlert>,
    standing: impl IntoIterator<Item = &'a Addressed>,
) -> AlertChanges {
    let key = |sent: &SentAlert| (sent.sink.clone(), sent.fingerprint.clone());
    let known: BTreeMap<_, &SentAlert> = before.into_iter().map(|sent| (key(sent), sent)).collect();
    let mut now: BTreeMap<(String, String), &Alert> = BTreeMap::new();
    for Addressed { sink, alert } in standing {
        now.insert((sink.clone(), alert.fingerprint(contract_uid)), alert);
    }
    // Earlier versions sent some alerts without an occurrence: that they have one now is not news.
    let is_another = |sent: &Alert, alert: &Alert| !sent.occurrence.is_empty() && sent.occurrence != alert.occurrence;
    let is_news = |key: &(String, String), alert: &Alert| {
        known.get(key).is_none_or(|sent| is_another(&sent.alert, alert) || (alert.reminds && !sent.alert.reminds))
    };
    let news = now.iter().filter(|(key, alert)| is_news(key, alert));
    let fired = news
        .map(|((sink, fingerprint), alert)| SentAlert {
            sink: sink.clone(),
            fingerprint: fingerprint.clone(),
            alert: (*alert).clone(),
        })
        .collect();
    let resolved = known.into_iter().filter(|(key, _)| !now.contains_key(key)).map(|(_, sent)| sent.clone()).collect();
    AlertChanges { fired, resolved }
}

#[cfg(test)]
mod tests;
