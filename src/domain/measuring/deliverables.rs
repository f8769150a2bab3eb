//! What the contract's own deliverables owe, by when, and the rows that their KPIs are computed from.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::row::{Labels, Row};
use crate::api::vendor_contract::{Deliverable, VendorContractSpec};
use crate::domain::terms::calendar::{Calendar, Span};
use crate::domain::terms::periods::Periods;

/// The label of a deliverable's name, by which `source.labels` selects one.
pub const DELIVERABLE_LABEL: &str = "deliverable";
/// The label of the period or request that an obligation is for.
pub const ITEM_LABEL: &str = "item";

/// One thing that is owed: a deliverable for a period, or a request for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Name of the deliverable.
    pub deliverable: String,
    /// Name of the period or of the request.
    pub item: String,
    /// Whether it was requested, and not owed by cadence.
    pub requested: bool,
    /// When it becomes late.
    pub due: Timestamp,
    /// The last local day on which it is in time.
    pub due_day: Date,
    /// The day on which it was delivered.
    pub done_on: Option<Date>,
    /// Whether it was accepted the first time.
    pub accepted: Option<bool>,
}

impl Obligation {
    /// Whether it was delivered on a day that begins before it was due.
    pub fn in_time(&self, calendar: &Calendar) -> bool {
        self.done_on.is_some_and(|day| calendar.start_of_day(day) < self.due)
    }
}

/// Everything that is owed over the term, by deliverable in the order of the contract, then by period and request.
///
/// A deliverable with a cadence is due `dueAfterPeriod` after the end of each of its periods; a request is due its
/// `turnaround` after the end of the day of the request.
pub fn obligations(contract: &VendorContractSpec, calendar: &Calendar) -> Vec<Obligation> {
    contract.deliverables.iter().flat_map(|deliverable| owed(contract, deliverable, calendar)).collect()
}

fn owed(contract: &VendorContractSpec, deliverable: &Deliverable, calendar: &Calendar) -> Vec<Obligation> {
    let obligation = |item: &str, requested, due: Timestamp, done_on, accepted| Obligation {
        deliverable: deliverable.name.clone(),
        item: item.to_owned(),
        requested,
        due,
        due_day: calendar.date_of(a_second_before(due)),
        done_on,
        accepted,
    };
    let mut owed = Vec::new();
    if let Some(cadence) = deliverable.cadence {
        for period in Periods::of_length(contract, cadence, calendar).all() {
            let due = deliverable.due_after_period.map_or(period.end, |after| calendar.after(period.end, after));
            let delivery = deliverable.delivered.iter().find(|delivery| delivery.period == period.name);
            let done_on = delivery.and_then(|delivery| delivery.delivered_on);
            owed.push(obligation(&period.name, false, due, done_on, delivery.and_then(|delivery| delivery.accepted)));
        }
    }
    if let Some(turnaround) = deliverable.turnaround {
        for request in &deliverable.requests {
            let due = calendar.after(calendar.end_of_day(request.requested_on), turnaround);
            owed.push(obligation(&request.name, true, due, request.done_on, request.accepted));
        }
    }
    owed
}

fn a_second_before(instant: Timestamp) -> Timestamp {
    instant.checked_sub(SignedDuration::from_secs(1)).unwrap_or(instant)
}

/// The rows of the KPIs that come from the contract's own deliverables, for a ledger [`of_contract`].
///
/// Each obligation is a row in the last second before it is due, with `deliverablesDue` 1 and `deliverablesOnTime` 0 or 1
/// (and `requestsDue`, `requestsOnTime` for a request), so that what is due at a period's end belongs to that period.
/// Each delivery that was decided upon is a row on its day, with `delivered` 1 and `acceptedFirstTime` 0 or 1. Rows carry
/// the labels `deliverable` and `item`.
///
/// [`of_contract`]: super::ledger::Ledger::of_contract
pub fn measures(contract: &VendorContractSpec, calendar: &Calendar) -> Vec<Row> {
    let obligations = obligations(contract, calendar);
    let dues = obligations.iter().map(|obligation| due_row(obligation, calendar));
    let deliveries = obligations.iter().filter_map(|obligation| delivery_row(obligation, calendar));
    let numbered = dues.chain(deliveries).zip(1..).map(|(row, sequence)| Row { sequence, ..row });
    numbered.collect()
}

fn due_row(obligation: &Obligation, calendar: &Calendar) -> Row {
    let in_time = i64::from(obligation.in_time(calendar));
    let mut measures = vec![("deliverablesDue", 1), ("deliverablesOnTime", in_time)];
    if obligation.requested {
        measures.extend([("requestsDue", 1), ("requestsOnTime", in_time)]);
    }
    row(obligation, "due", Span::new(a_second_before(obligation.due), obligation.due), &measures)
}

fn delivery_row(obligation: &Obligation, calendar: &Calendar) -> Option<Row> {
    let (day, accepted) = obligation.done_on.zip(obligation.accepted)?;
    let span = Span::new(calendar.start_of_day(day), calendar.end_of_day(day));
    Some(row(obligation, "delivered", span, &[("delivered", 1), ("acceptedFirstTime", i64::from(accepted))]))
}

fn row(obligation: &Obligation, event: &str, span: Span, measures: &[(&str, i64)]) -> Row {
    let labels =
        [(DELIVERABLE_LABEL, obligation.deliverable.as_str()), (ITEM_LABEL, &obligation.item), ("event", event)];
    Row {
        start: span.start,
        end: span.end,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Labels>(),
        measures: measures.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
        revision: 1,
        known_at: Timestamp::MIN,
        sequence: 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::measuring::ledger::Ledger;
    use crate::domain::numbers::exact::Exact;
    use crate::domain::terms::catalogue::definition;

    fn contract() -> VendorContractSpec {
        serde_json::from_value(json!({
            "vendor": {"name": "acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "timeZone": "Europe/London",
            "deliverables": [
                {"name": "monthly-report", "cadence": "Monthly", "dueAfterPeriod": "5bd", "delivered": [
                    {"period": "2026-01", "deliveredOn": "2026-02-06", "accepted": true},
                    {"period": "2026-02", "deliveredOn": "2026-03-07", "accepted": false},
                    {"period": "2026-03", "deliveredOn": "2026-04-02"}]},
                {"name": "script-change", "turnaround": "2bd", "requests": [
                    {"name": "refund-wording", "requestedOn": "2026-03-02", "doneOn": "2026-03-04", "accepted": true},
                    {"name": "opening-hours", "requestedOn": "2026-03-06", "doneOn": "2026-03-11"},
                    {"name": "privacy", "requestedOn": "2026-03-30"}]}],
        }))
        .unwrap()
    }

    #[test]
    fn obligations_are_due_by_the_business_calendar() {
        let contract = contract();
        let calendar = Calendar::of(&contract).unwrap();
        let obligations = obligations(&contract, &calendar);
        for (item, due, due_day, in_time) in [
            ("2026-01", "2026-02-07T00:00:00Z", "2026-02-06", true),
            ("2026-02", "2026-03-07T00:00:00Z", "2026-03-06", false),
            ("2026-03", "2026-04-07T23:00:00Z", "2026-04-07", true),
            ("2026-04", "2026-05-07T23:00:00Z", "2026-05-07", false),
            ("refund-wording", "2026-03-05T00:00:00Z", "2026-03-04", true),
            ("opening-hours", "2026-03-11T00:00:00Z", "2026-03-10", false),
            ("privacy", "2026-04-01T23:00:00Z", "2026-04-01", false),
        ] {
            let found = obligations.iter().find(|obligation| obligation.item == item).unwrap();
            assert_eq!(found.due, due.parse::<Timestamp>().unwrap(), "{item}");
            assert_eq!((found.due_day, found.in_time(&calendar)), (due_day.parse().unwrap(), in_time), "{item}");
        }
        assert_eq!(obligations.len(), 15);
    }

    #[test]
    fn the_contracts_kpis_count_what_was_due_and_what_was_delivered() {
        let contract = contract();
        let calendar = Calendar::of(&contract).unwrap();
        let rows = measures(&contract, &calendar);
        let ledger = Ledger::of_contract(&rows, &calendar);
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let known = ledger.known_at(now);
        assert_eq!(known.rejected().count(), 0);
        let periods = Periods::of(&contract, &calendar);
        for (kpi, labels, period, good, all) in [
            ("DeliverableOnTime", json!({}), "2026-02", 1, 1),
            ("DeliverableOnTime", json!({}), "2026-03", 1, 3),
            ("DeliverableOnTime", json!({"deliverable": "monthly-report"}), "2026-03", 0, 1),
            ("ScriptChangeTurnaround", json!({}), "2026-03", 1, 2),
            ("ScriptChangeTurnaround", json!({}), "2026-04", 0, 1),
            ("RightFirstTime", json!({}), "2026-02", 1, 1),
            ("RightFirstTime", json!({}), "2026-03", 1, 2),
            // Delivered, and not yet decided upon.
            ("RightFirstTime", json!({}), "2026-04", 0, 0),
            ("DeliverableOnTime", json!({}), "2026-01", 0, 0),
            // Not due yet.
            ("DeliverableOnTime", json!({}), "2026-05", 0, 0),
        ] {
            let target = json!({"contractRef": {"name": "acme"}, "kpi": kpi, "source": {"feed": "acd"}, "objective": {"target": 90}});
            let definition = definition(&serde_json::from_value(target).unwrap()).unwrap();
            let selection = known.select(&definition, &serde_json::from_value(labels).unwrap(), now);
            let quotient = selection.within(periods.named(period).unwrap().span()).quotient();
            assert_eq!(
                (quotient.numerator, quotient.denominator, quotient.rows),
                (Exact::from(good), Exact::from(all), all as usize),
                "{kpi} {period}"
            );
        }
    }
}
