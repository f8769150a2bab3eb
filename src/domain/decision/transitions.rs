//! Transitions of conditions, which several kinds report in the same way.

use super::Notice;
use super::conditions::status_of;
use crate::api::condition::{Condition, ConditionStatus, ConditionType, EventReason};

/// Whether a condition has become `to`.
pub fn flipped(previous: &[Condition], now: &[Condition], type_: ConditionType, to: ConditionStatus) -> bool {
    status_of(now, type_) == Some(to) && status_of(previous, type_) != Some(to)
}

/// Transitions that several kinds share: risk and an invalid spec.
///
/// A risk ends with its period, and then it was not cleared. `previous` holds no risk of another period ([`without_risk`]), so what is
/// reported does not depend on whether anybody looked as the periods changed.
pub fn shared_notices(previous: &[Condition], now: &[Condition]) -> Vec<Notice> {
    let flip = |type_, to| flipped(previous, now, type_, to);
    let mut notices = Vec::new();
    if flip(ConditionType::AtRisk, ConditionStatus::True) {
        notices.push(condition_notice(EventReason::AtRisk, ConditionType::AtRisk, now));
    }
    if let Some(risk) = previous.iter().find(|condition| is_risk(condition))
        && flip(ConditionType::AtRisk, ConditionStatus::False)
    {
        // Known by when the risk began: when it was seen to be over is another instant each time that the status cannot be written.
        let key = format!("since {}", risk.last_transition_time);
        notices.push(Notice { key, ..condition_notice(EventReason::AtRiskCleared, ConditionType::AtRisk, now) });
    }
    if flip(ConditionType::Stalled, ConditionStatus::True) {
        let mut notice = condition_notice(EventReason::InvalidSpec, ConditionType::Stalled, now);
        // It is the spec that is wrong: however often its status cannot be written, that is reported once.
        if let Some(generation) = now.iter().find_map(|condition| condition.observed_generation) {
            notice.key = format!("generation {generation}");
        }
        notices.push(notice);
    }
    notices
}

/// Whether a condition speaks of a risk.
pub fn is_risk(condition: &Condition) -> bool {
    condition.type_ == ConditionType::AtRisk.as_str() && condition.status == ConditionStatus::True
}

/// Conditions without a risk.
pub fn without_risk(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().filter(|condition| !is_risk(condition)).cloned().collect()
}

/// A condition as a notice, known by when it became what it is.
pub fn condition_notice(reason: EventReason, type_: ConditionType, conditions: &[Condition]) -> Notice {
    let condition = conditions.iter().find(|condition| condition.type_ == type_.as_str());
    Notice::new(
        reason,
        condition.map(|condition| condition.last_transition_time.to_string()).unwrap_or_default(),
        condition.map(|condition| condition.message.clone()).unwrap_or_default(),
    )
}
