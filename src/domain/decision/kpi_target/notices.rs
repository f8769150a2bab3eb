//! The transitions of a KpiTarget that people are notified of, each of the period that it is about.

use crate::api::condition::{Condition, ConditionStatus, ConditionType, EventReason};
use crate::api::kpi_target::{KpiTargetStatus, Verdict};
use crate::domain::decision::Notice;
use crate::domain::decision::transitions::{condition_notice, flipped, is_risk, shared_notices};

/// The conditions of the status before, without those that report something of a period that is no longer the one reported on.
pub(super) fn of_these_periods(before: &KpiTargetStatus, now: &KpiTargetStatus) -> Vec<Condition> {
    let running = |status: &KpiTargetStatus| status.current.as_ref().map(|current| current.name.clone());
    let is_running = running(before) == running(now);
    let is_closed = period_of_last(before) == period_of_last(now);
    let is_over = |condition: &Condition| match (condition.type_.as_str(), condition.status) {
        _ if is_risk(condition) => !is_running,
        (type_, ConditionStatus::True) if type_ == ConditionType::GamingSuspected.as_str() => !is_closed,
        (type_, ConditionStatus::False) if type_ == ConditionType::SourcesAgree.as_str() => !is_closed,
        _ => false,
    };
    before.conditions.iter().filter(|condition| !is_over(condition)).cloned().collect()
}

/// The period that suspected gaming and a comparison of sources are about: the latest closed one, or before one has closed the running one.
fn period_of_last(status: &KpiTargetStatus) -> Option<&str> {
    let last = status.last.as_ref().map(|last| last.name.as_str());
    last.or_else(|| status.current.as_ref().map(|current| current.name.as_str()))
}

/// The transitions from one status to the next.
pub(super) fn notices(previous: &KpiTargetStatus, status: &KpiTargetStatus) -> Vec<Notice> {
    let mut notices = shared_notices(&previous.conditions, &status.conditions);
    if let Some(last) = &status.last {
        let before = previous.last.as_ref();
        let same = before.is_some_and(|before| before.name == last.name && before.verdict == last.verdict);
        let was_missed = before.is_some_and(|before| before.verdict == Verdict::Missed);
        let value = last.value.as_deref().unwrap_or("no value");
        let target = last.target.as_deref().unwrap_or("none");
        let key = format!("{} r{} {}", last.name, last.revision, last.verdict);
        if !same && last.verdict == Verdict::Missed {
            let severity = last.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
            notices.push(Notice::new(
                EventReason::TargetMissed,
                key,
                format!("{}: {value} against a target of {target}{severity}", last.name),
            ));
        } else if !same && was_missed && last.verdict == Verdict::Met {
            notices.push(Notice::new(
                EventReason::TargetMet,
                key,
                format!("{}: {value} against a target of {target}", last.name),
            ));
        }
    }
    for (reason, type_, to) in [
        (EventReason::SourcesDisagree, ConditionType::SourcesAgree, ConditionStatus::False),
        (EventReason::GamingSuspected, ConditionType::GamingSuspected, ConditionStatus::True),
    ] {
        if flipped(&previous.conditions, &status.conditions, type_, to) {
            let key = period_of_last(status).unwrap_or_default();
            notices.push(Notice { key: key.to_owned(), ..condition_notice(reason, type_, &status.conditions) });
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_found_in_one_period_and_in_the_next_is_reported_of_each() {
        let status = |last: &str, running: &str, conditions: [(ConditionType, ConditionStatus); 3]| {
            let conditions = conditions.map(|(type_, status)| {
                json!({"type": type_.as_str(), "status": status, "reason": "Reason", "message": "message",
                       "lastTransitionTime": "2026-02-03T00:00:00Z"})
            });
            let shown = json!({
                "last": {"name": last, "state": "Final", "verdict": "Met", "rating": "Good", "repeat": false, "points": 0, "revision": 1},
                "current": {"name": running, "verdict": "Met"},
                "conditions": conditions,
            });
            serde_json::from_value::<KpiTargetStatus>(shown).unwrap()
        };
        let bad = [
            (ConditionType::AtRisk, ConditionStatus::True),
            (ConditionType::GamingSuspected, ConditionStatus::True),
            (ConditionType::SourcesAgree, ConditionStatus::False),
        ];
        let good = bad.map(|(type_, status)| match status {
            ConditionStatus::True => (type_, ConditionStatus::False),
            _ => (type_, ConditionStatus::True),
        });
        let before = status("2026-01", "2026-02", bad);
        for (now, expected) in [
            (status("2026-01", "2026-02", bad), &[][..]),
            (status("2026-01", "2026-02", good), &["AtRiskCleared since 2026-02-03T00:00:00Z"]),
            (
                status("2026-02", "2026-03", bad),
                &["AtRisk 2026-02-03T00:00:00Z", "SourcesDisagree 2026-02", "GamingSuspected 2026-02"],
            ),
            (status("2026-02", "2026-03", good), &[]),
        ] {
            let before = KpiTargetStatus { conditions: of_these_periods(&before, &now), ..before.clone() };
            let found = notices(&before, &now);
            let found: Vec<String> =
                found.iter().map(|notice| format!("{} {}", notice.reason.as_str(), notice.key)).collect();
            assert_eq!(found, expected, "{now:?}");
        }
    }
}
