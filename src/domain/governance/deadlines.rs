//! The contract's own rhythm: its phase, its reviews and deliverables, and what of them is overdue.
//!
//! A day on which something was held, delivered or done counts from its start. A day from which a duration runs does not
//! count itself: two business days after Monday are over with Wednesday.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::dispute::DisputeStatus;
use crate::api::scalar::Duration;
use crate::api::vendor_contract::{
    ContractPhase, Deliverable, NextReview, Overdue, OverdueKind, PlanState, PlanStatus, Review, VendorContractSpec,
};
use crate::domain::terms::calendar::{Calendar, civil_weekday, last_day_before};
use crate::domain::terms::disputes::{is_decided, overdue_from, statuses};
use crate::domain::terms::periods::{Period, Periods};

/// The state of a contract's governance.
#[derive(Clone, Debug, PartialEq)]
pub struct Governance {
    /// Where the contract is in its term.
    pub phase: ContractPhase,
    /// The next review that is not overdue.
    pub next_review: Option<NextReview>,
    /// What is overdue, the oldest first.
    pub overdue: Vec<OverdueItem>,
    /// The disputes, the open ones first.
    pub disputes: Vec<DisputeStatus>,
    /// The earliest instant after `now` at which time alone changes any of this.
    pub next: Option<Timestamp>,
}

/// Something overdue.
#[derive(Clone, Debug, PartialEq)]
pub struct OverdueItem {
    /// As a status shows it.
    pub item: Overdue,
    /// Since when it is overdue.
    pub since: Timestamp,
}

/// Judges a contract's governance. `plans` are its rectification plans, each with the day on which its next step is due.
pub fn govern(contract: &VendorContractSpec, calendar: &Calendar, plans: &[PlanStatus], now: Timestamp) -> Governance {
    let mut changes = Changes { now, next: None };
    let phase = phase(contract, calendar, &mut changes);
    let mut overdue = Vec::new();
    let mut next_review: Option<NextReview> = None;
    for review in &contract.reviews {
        let state = judge_review(contract, review, calendar, &mut changes);
        overdue.extend(state.overdue);
        if let Some(next) = state.next
            && next_review.as_ref().is_none_or(|other| (next.due, &next.name) < (other.due, &other.name))
        {
            next_review = Some(next);
        }
    }
    for deliverable in &contract.deliverables {
        overdue.extend(overdue_deliveries(contract, deliverable, calendar, &mut changes));
        overdue.extend(overdue_requests(deliverable, calendar, &mut changes));
    }
    overdue.extend(plans.iter().filter_map(|plan| overdue_plan(plan, calendar, &mut changes)));
    overdue.extend(overdue_disputes(contract, calendar, &mut changes));
    overdue.sort_by(|left, right| {
        let key = |entry: &OverdueItem| (entry.item.due, entry.item.kind, entry.item.name.clone());
        key(left).cmp(&key(right))
    });
    let disputes = statuses(contract, calendar, now);
    Governance { phase, next_review, overdue, disputes, next: changes.next }
}

/// Collects the earliest instant to come.
struct Changes {
    now: Timestamp,
    next: Option<Timestamp>,
}

impl Changes {
    /// Whether `instant` has come; if not, it is one at which something changes.
    fn has_come(&mut self, instant: Timestamp) -> bool {
        if instant <= self.now {
            return true;
        }
        self.next = Some(self.next.map_or(instant, |next| next.min(instant)));
        false
    }
}

fn phase(contract: &VendorContractSpec, calendar: &Calendar, changes: &mut Changes) -> ContractPhase {
    let end = calendar.end_of_day(contract.term.end);
    let notice = contract.term.notice.map(|notice| calendar.before(end, notice));
    if changes.has_come(end) {
        ContractPhase::Ended
    } else if contract.suspend {
        ContractPhase::Suspended
    } else if !changes.has_come(calendar.start_of_day(contract.term.start)) {
        ContractPhase::Pending
    } else if notice.is_some_and(|notice| changes.has_come(notice)) {
        ContractPhase::NoticeDue
    } else {
        ContractPhase::Active
    }
}

/// The days of a review within the term: its weekday in each period of its cadence (the last one where there are several),
/// by default the period's last business day. A period without such a day has none.
pub fn review_days(contract: &VendorContractSpec, review: &Review, calendar: &Calendar) -> Vec<(Period, Date)> {
    let fits = |day: Date| match review.day {
        Some(weekday) => day.weekday() == civil_weekday(weekday),
        None => calendar.is_business_day(day),
    };
    Periods::of_length(contract, review.cadence, calendar)
        .all()
        .iter()
        .filter_map(|period| {
            let backwards = std::iter::successors(Some(period.last_day), |day| day.yesterday().ok());
            let day = backwards.take_while(|day| *day >= period.first_day).find(|day| fits(*day))?;
            Some((period.clone(), day))
        })
        .collect()
}

/// The day on which the report for a review on `day` is due; `None` where the review asks for none.
pub fn report_day(review: &Review, day: Date, calendar: &Calendar) -> Option<Date> {
    let before = calendar.before(calendar.start_of_day(day), review.report_due?);
    Some(calendar.date_of(before))
}

#[derive(Default)]
struct ReviewState {
    next: Option<NextReview>,
    overdue: Option<OverdueItem>,
}

/// A meeting settles the review that was last due, and what was missed before it is past; where that one is settled
/// already, it is the review of the period in which it lies, held early. Overdue is the first review since then whose
/// grace is over.
fn judge_review(
    contract: &VendorContractSpec,
    review: &Review,
    calendar: &Calendar,
    changes: &mut Changes,
) -> ReviewState {
    let days = review_days(contract, review, calendar);
    let mut settled = 0;
    for held in held_days(review, calendar, changes) {
        let due_by_then = days.partition_point(|(_, due)| *due <= held);
        if due_by_then > settled {
            settled = due_by_then;
        } else if days.get(settled).is_some_and(|(period, _)| (period.first_day..=period.last_day).contains(&held)) {
            settled += 1;
        }
    }
    let mut state = ReviewState::default();
    for (_, due) in days.into_iter().skip(settled) {
        let deadline = calendar.after(calendar.end_of_day(due), review.grace.unwrap_or(NO_TIME));
        if !changes.has_come(deadline) {
            let report_due = report_day(review, due, calendar);
            state.next = Some(NextReview { name: review.name.clone(), due, report_due });
            break;
        }
        state.overdue.get_or_insert_with(|| OverdueItem {
            item: Overdue { kind: OverdueKind::Review, name: review.name.clone(), due },
            since: deadline,
        });
    }
    state
}

/// No time at all.
const NO_TIME: Duration = Duration::new(0, crate::api::scalar::DurationUnit::Days);

fn held_days(review: &Review, calendar: &Calendar, changes: &mut Changes) -> BTreeSet<Date> {
    review.held.iter().map(|held| held.0).filter(|day| changes.has_come(calendar.start_of_day(*day))).collect()
}

fn overdue_item(kind: OverdueKind, name: &str, deadline: Timestamp, calendar: &Calendar) -> OverdueItem {
    let due = last_day_before(deadline, calendar);
    OverdueItem { item: Overdue { kind, name: name.to_owned(), due }, since: deadline }
}

/// One entry per period of the deliverable's cadence that is due and not delivered.
fn overdue_deliveries(
    contract: &VendorContractSpec,
    deliverable: &Deliverable,
    calendar: &Calendar,
    changes: &mut Changes,
) -> Vec<OverdueItem> {
    let Some(cadence) = deliverable.cadence else { return Vec::new() };
    let delivered: BTreeSet<&str> = deliverable
        .delivered
        .iter()
        .filter(|delivery| delivery.delivered_on.is_some_and(|day| changes.has_come(calendar.start_of_day(day))))
        .map(|delivery| delivery.period.as_str())
        .collect();
    let mut overdue = Vec::new();
    for period in Periods::of_length(contract, cadence, calendar).all() {
        if delivered.contains(period.name.as_str()) {
            continue;
        }
        let deadline = calendar.after(period.end, deliverable.due_after_period.unwrap_or(NO_TIME));
        if !changes.has_come(deadline) {
            break;
        }
        overdue.push(overdue_item(OverdueKind::Deliverable, &deliverable.name, deadline, calendar));
    }
    overdue
}

/// When a request for a deliverable must be done: its turnaround from the end of the day of the request.
pub fn request_deadline(requested_on: Date, turnaround: Duration, calendar: &Calendar) -> Timestamp {
    calendar.after(calendar.end_of_day(requested_on), turnaround)
}

fn overdue_requests(deliverable: &Deliverable, calendar: &Calendar, changes: &mut Changes) -> Vec<OverdueItem> {
    let Some(turnaround) = deliverable.turnaround else { return Vec::new() };
    let mut overdue = Vec::new();
    for request in &deliverable.requests {
        if request.done_on.is_some_and(|day| changes.has_come(calendar.start_of_day(day))) {
            continue;
        }
        let deadline = request_deadline(request.requested_on, turnaround, calendar);
        if changes.has_come(deadline) {
            overdue.push(overdue_item(OverdueKind::Deliverable, &deliverable.name, deadline, calendar));
        }
    }
    overdue
}

/// One entry per dispute that is still open after the time for which it may hold its period.
fn overdue_disputes(contract: &VendorContractSpec, calendar: &Calendar, changes: &mut Changes) -> Vec<OverdueItem> {
    let mut overdue = Vec::new();
    if contract.disputes.is_empty() {
        return overdue;
    }
    let periods = Periods::of(contract, calendar);
    for dispute in &contract.disputes {
        let is_known = changes.has_come(calendar.start_of_day(dispute.raised_on));
        // A decision that lies ahead is looked at again when it comes.
        let is_decided = is_decided(dispute, changes.now) || dispute.decided_at.is_some_and(|at| changes.has_come(at));
        let deadline = overdue_from(contract, calendar, &periods, dispute).filter(|_| is_known && !is_decided);
        if let Some(deadline) = deadline.filter(|deadline| changes.has_come(*deadline)) {
            overdue.push(overdue_item(OverdueKind::Dispute, &dispute.name, deadline, calendar));
        }
    }
    overdue
}

fn overdue_plan(plan: &PlanStatus, calendar: &Calendar, changes: &mut Changes) -> Option<OverdueItem> {
    if matches!(plan.state, PlanState::Verified | PlanState::Failed) {
        return None;
    }
    let deadline = calendar.end_of_day(plan.due?);
    changes.has_come(deadline).then(|| overdue_item(OverdueKind::Plan, &plan.name, deadline, calendar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use serde_json::{Value, json};

    fn contract(more: Value) -> VendorContractSpec {
        let mut spec = json!({
            "vendor": {"name": "Acme"},
            "term": {"start": "2026-01-01", "end": "2026-12-31"},
            "timeZone": "Europe/London",
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn at(contract: &VendorContractSpec, now: &str) -> Governance {
        govern(contract, &Calendar::of(contract).unwrap(), &[], now.parse().unwrap())
    }

    fn overdue(governance: &Governance) -> Vec<String> {
        let text = |entry: &OverdueItem| format!("{} {} since {}", entry.item.name, entry.item.due, entry.since);
        governance.overdue.iter().map(text).collect()
    }

    #[test]
    fn the_phase_follows_the_term_to_the_end_of_its_last_day() {
        let contract = contract(json!({"term": {"start": "2026-04-01", "end": "2026-06-30", "notice": "30d"}}));
        for (now, phase, next) in [
            ("2026-03-31T22:59:59Z", ContractPhase::Pending, Some("2026-03-31T23:00:00Z")),
            ("2026-03-31T23:00:00Z", ContractPhase::Active, Some("2026-05-31T23:00:00Z")),
            ("2026-05-31T22:59:59Z", ContractPhase::Active, Some("2026-05-31T23:00:00Z")),
            ("2026-05-31T23:00:00Z", ContractPhase::NoticeDue, Some("2026-06-30T23:00:00Z")),
            ("2026-06-30T22:59:59Z", ContractPhase::NoticeDue, Some("2026-06-30T23:00:00Z")),
            ("2026-06-30T23:00:00Z", ContractPhase::Ended, None),
        ] {
            let governance = at(&contract, now);
            assert_eq!((governance.phase, governance.next), (phase, next.map(|next| next.parse().unwrap())), "{now}");
        }
    }

    #[test]
    fn a_suspended_contract_is_not_called_active_and_an_ended_one_not_suspended() {
        let suspended = json!({"suspend": true, "term": {"start": "2026-04-01", "end": "2026-06-30", "notice": "30d"}});
        let contract = contract(suspended);
        for (now, phase) in [
            ("2026-03-01T00:00:00Z", ContractPhase::Suspended),
            ("2026-05-01T00:00:00Z", ContractPhase::Suspended),
            ("2026-06-15T00:00:00Z", ContractPhase::Suspended),
            ("2026-07-01T00:00:00Z", ContractPhase::Ended),
        ] {
            assert_eq!(at(&contract, now).phase, phase, "{now}");
        }
    }

    #[test]
    fn a_dispute_is_overdue_once_it_may_no_longer_hold_its_period() {
        // March ends at 23:00 UTC. Ten business days and twenty more are over with 12 May.
        let dispute = |more: Value| {
            let mut dispute =
                json!({"name": "march", "period": "2026-03", "raisedOn": "2026-04-09", "party": "Client"});
            dispute.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            contract(json!({"disputes": [dispute]}))
        };
        let open = dispute(json!({}));
        let decided = dispute(json!({"decision": "Rejected", "decidedAt": "2026-05-20T08:00:00Z"}));
        let late = vec!["march 2026-05-12 since 2026-05-12T23:00:00Z"];
        for (contract, now, expected) in [
            (&open, "2026-05-12T22:59:59Z", vec![]),
            (&open, "2026-05-12T23:00:00Z", late.clone()),
            (&decided, "2026-05-13T00:00:00Z", late),
            (&decided, "2026-05-20T08:00:00Z", vec![]),
        ] {
            let governance = at(contract, now);
            assert_eq!(overdue(&governance), expected, "{now}");
            assert!(governance.overdue.iter().all(|one| one.item.kind == OverdueKind::Dispute));
        }
        assert_eq!(at(&open, "2026-05-01T00:00:00Z").next, Some("2026-05-12T23:00:00Z".parse().unwrap()));
        assert_eq!(at(&decided, "2026-05-13T00:00:00Z").next, Some("2026-05-20T08:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_weekly_review_is_overdue_when_its_grace_is_over() {
        let held = json!({"reviews": [
            {"name": "ops", "cadence": "Weekly", "day": "Tuesday", "grace": "2bd", "held": ["2026-06-02"]},
        ]});
        let contract = contract(held);
        // Tuesday 9 June may be held until the end of Thursday 11 June.
        for (now, next, late) in [
            ("2026-06-05T12:00:00Z", "2026-06-09", vec![]),
            ("2026-06-11T22:59:59Z", "2026-06-09", vec![]),
            ("2026-06-11T23:00:00Z", "2026-06-16", vec!["ops 2026-06-09 since 2026-06-11T23:00:00Z"]),
            ("2026-06-25T12:00:00Z", "2026-06-23", vec!["ops 2026-06-09 since 2026-06-11T23:00:00Z"]),
        ] {
            let governance = at(&contract, now);
            assert_eq!(governance.next_review.as_ref().unwrap().due.to_string(), next, "{now}");
            assert_eq!(overdue(&governance), late, "{now}");
        }
    }

    #[test]
    fn a_meeting_settles_the_review_that_was_due_last_or_the_coming_one_of_its_own_period() {
        for (held, late, next) in [
            // Never held: overdue since the first one.
            (json!([]), vec!["qbr 2026-03-31 since 2026-03-31T23:00:00Z"], "2026-09-30"),
            // Held two weeks late: the first quarter is settled, the second not.
            (json!(["2026-04-14"]), vec!["qbr 2026-06-30 since 2026-06-30T23:00:00Z"], "2026-09-30"),
            (json!(["2026-04-14", "2026-06-29"]), vec![], "2026-09-30"),
            // Missed once and held since: the missed one is past.
            (json!(["2026-07-01"]), vec![], "2026-09-30"),
            // Held early in the third quarter after both were held: nothing more this quarter.
            (json!(["2026-03-30", "2026-06-29", "2026-07-06"]), vec![], "2026-12-31"),
            // Twice in one period does not settle the next one.
            (json!(["2026-03-30", "2026-03-31", "2026-06-30"]), vec![], "2026-09-30"),
            // What is still to come has not been held.
            (json!(["2026-04-14", "2026-12-01"]), vec!["qbr 2026-06-30 since 2026-06-30T23:00:00Z"], "2026-09-30"),
        ] {
            let contract = contract(json!({"reviews": [{"name": "qbr", "cadence": "Quarterly", "held": held}]}));
            let governance = at(&contract, "2026-07-08T12:00:00Z");
            assert_eq!(overdue(&governance), late, "{held}");
            assert_eq!(governance.next_review.unwrap().due.to_string(), next, "{held}");
        }
    }

    #[test]
    fn a_review_without_a_day_is_on_the_last_business_day() {
        let contract = contract(json!({
            "calendar": {"holidays": [{"date": "2026-12-31"}]},
            "reviews": [{"name": "qbr", "cadence": "Quarterly", "reportDue": "7d"}],
        }));
        let calendar = Calendar::of(&contract).unwrap();
        let review = &contract.reviews[0];
        let days: Vec<Date> = review_days(&contract, review, &calendar).into_iter().map(|(_, day)| day).collect();
        assert_eq!(days, [date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30), date(2026, 12, 30)]);
        assert_eq!(report_day(review, days[3], &calendar), Some(date(2026, 12, 23)));
    }

    #[test]
    fn of_several_reviews_the_earliest_is_next() {
        let contract = contract(json!({"reviews": [
            {"name": "b", "cadence": "Monthly"}, {"name": "a", "cadence": "Weekly", "day": "Friday", "held": ["2026-01-02"]},
            {"name": "c", "cadence": "Weekly", "day": "Monday"},
        ]}));
        let next = at(&contract, "2026-01-03T00:00:00Z").next_review.unwrap();
        assert_eq!((next.name.as_str(), next.due), ("c", date(2026, 1, 5)));
    }

    #[test]
    fn a_deliverable_is_owed_for_each_period() {
        let contract = contract(json!({"deliverables": [{
            "name": "report", "cadence": "Monthly", "dueAfterPeriod": "5bd",
            "delivered": [{"period": "2026-02", "deliveredOn": "2026-03-30", "accepted": false}, {"period": "2026-04"}],
        }]}));
        for (now, late) in [
            ("2026-02-06T23:59:59Z", vec![]),
            ("2026-02-07T00:00:00Z", vec!["report 2026-02-06 since 2026-02-07T00:00:00Z"]),
            (
                "2026-03-29T12:00:00Z",
                vec!["report 2026-02-06 since 2026-02-07T00:00:00Z", "report 2026-03-06 since 2026-03-07T00:00:00Z"],
            ),
            ("2026-03-30T12:00:00Z", vec!["report 2026-02-06 since 2026-02-07T00:00:00Z"]),
            (
                "2026-05-31T12:00:00Z",
                vec![
                    "report 2026-02-06 since 2026-02-07T00:00:00Z",
                    "report 2026-04-07 since 2026-04-07T23:00:00Z",
                    "report 2026-05-07 since 2026-05-07T23:00:00Z",
                ],
            ),
        ] {
            assert_eq!(overdue(&at(&contract, now)), late, "{now}");
        }
    }

    #[test]
    fn a_request_is_owed_within_its_turnaround_from_the_day_after_it() {
        let contract = contract(json!({"deliverables": [{"name": "script", "turnaround": "2bd", "requests": [
            {"name": "one", "requestedOn": "2026-03-02", "doneOn": "2026-03-03"},
            {"name": "two", "requestedOn": "2026-03-06"},
        ]}]}));
        for (now, late) in [
            ("2026-03-02T12:00:00Z", vec![]),
            ("2026-03-10T23:59:59Z", vec![]),
            ("2026-03-11T00:00:00Z", vec!["script 2026-03-10 since 2026-03-11T00:00:00Z"]),
        ] {
            assert_eq!(overdue(&at(&contract, now)), late, "{now}");
        }
    }

    #[test]
    fn a_plan_is_overdue_after_its_day_unless_it_is_settled() {
        let contract = contract(json!({}));
        let calendar = Calendar::of(&contract).unwrap();
        let plan = |state| PlanStatus { name: "cure".into(), state, due: Some(date(2026, 4, 14)) };
        for (state, now, late) in [
            (PlanState::Required, "2026-04-14T22:59:59Z", 0),
            (PlanState::Required, "2026-04-14T23:00:00Z", 1),
            (PlanState::InProgress, "2026-04-14T23:00:00Z", 1),
            (PlanState::Verified, "2026-04-14T23:00:00Z", 0),
            (PlanState::Failed, "2026-04-14T23:00:00Z", 0),
        ] {
            let governance = govern(&contract, &calendar, &[plan(state)], now.parse().unwrap());
            assert_eq!(governance.overdue.len(), late, "{state:?} {now}");
        }
    }

    #[test]
    fn nothing_changes_before_the_instant_that_is_named_next() {
        let contract = contract(json!({
            "reviews": [{"name": "ops", "cadence": "Weekly", "day": "Tuesday", "grace": "2bd", "held": ["2026-02-03"]}],
            "deliverables": [{"name": "report", "cadence": "Monthly", "dueAfterPeriod": "5bd",
                "delivered": [{"period": "2026-01", "deliveredOn": "2026-02-20"}]}],
        }));
        let mut now: Timestamp = "2025-12-30T00:00:00Z".parse().unwrap();
        let mut steps = 0;
        while let Some(next) = at(&contract, &now.to_string()).next {
            assert!(next > now);
            let (here, before) = (at(&contract, &now.to_string()), next - jiff::SignedDuration::from_secs(1));
            assert_eq!(here, at(&contract, &before.to_string()), "{now} {before}");
            (now, steps) = (next, steps + 1);
        }
        assert!(steps > 60, "{steps}");
        assert_eq!(at(&contract, &now.to_string()).phase, ContractPhase::Ended);
    }
}
