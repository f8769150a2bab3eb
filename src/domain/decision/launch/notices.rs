//! The transitions of a launch that people are notified of.

use crate::api::campaign_launch::{CampaignLaunchStatus, GateState, GateStatus, LaunchDecision, Spike};
use crate::api::condition::{ConditionStatus, ConditionType, EventReason};
use crate::domain::decision::Notice;
use crate::domain::decision::conditions::status_of;
use crate::domain::decision::transitions::shared_notices;

/// A spike in one sentence.
pub fn spike_text(spike: &Spike) -> String {
    format!(
        "{} contacts from {} where {} are usual (z {}): {}",
        spike.actual, spike.start, spike.expected, spike.z, spike.cause
    )
}

/// Whether a spike of a status is over: all are but the newest while the condition holds.
fn is_over(status: &CampaignLaunchStatus, spike: &Spike) -> bool {
    let standing = status_of(&status.conditions, ConditionType::SpikeDetected) == Some(ConditionStatus::True);
    !(standing && status.spikes.first().is_some_and(|newest| newest.start == spike.start))
}

/// Spikes that began and ended since. Figures that come late may show both at once.
fn spike_notices(previous: &CampaignLaunchStatus, status: &CampaignLaunchStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    for spike in status.spikes.iter().rev() {
        let before = previous.spikes.iter().find(|before| before.start == spike.start);
        let key = spike.start.to_string();
        if before.is_none() {
            notices.push(Notice::new(EventReason::SpikeDetected, key.clone(), spike_text(spike)));
        }
        if is_over(status, spike) && before.is_none_or(|before| !is_over(previous, before)) {
            let note = format!("the spike from {} ended at {}: {}", spike.start, spike.end, spike.cause);
            notices.push(Notice::new(EventReason::SpikeEnded, key, note));
        }
    }
    notices
}

/// The transitions from one status to the next.
pub(super) fn notices(previous: &CampaignLaunchStatus, status: &CampaignLaunchStatus) -> Vec<Notice> {
    let mut notices = shared_notices(&previous.conditions, &status.conditions);
    notices.extend(spike_notices(previous, status));
    let failed = |gate: &&GateStatus| gate.state == GateState::Failed;
    for gate in status.gates.iter().filter(failed) {
        if !previous.gates.iter().filter(failed).any(|before| before.name == gate.name) {
            let message = gate.message.clone().unwrap_or_default();
            let key = format!("{} {}", gate.name, gate.due_at);
            notices.push(Notice::new(
                EventReason::GateFailed,
                key,
                format!("gate {} was due at {}: {message}", gate.name, gate.due_at),
            ));
        }
    }
    if previous.decision != status.decision {
        let generation = status.observed_generation.unwrap_or_default();
        let key = format!("{:?} {generation} {}", status.decision, status.blocked_by.join(","));
        match status.decision {
            Some(LaunchDecision::Go) => {
                notices.push(Notice::new(EventReason::LaunchGo, key, "every gate is passed or waived: go"));
            }
            Some(LaunchDecision::ConditionalGo) => {
                let note = "every blocking gate is passed or waived: go, with open gates that do not block";
                notices.push(Notice::new(EventReason::LaunchGo, key, note));
            }
            Some(LaunchDecision::NoGo) => {
                let note = format!("no go: blocked by {}", status.blocked_by.join(", "));
                notices.push(Notice::new(EventReason::LaunchNoGo, key, note));
            }
            Some(LaunchDecision::Pending) | None => {}
        }
    }
    notices
}
