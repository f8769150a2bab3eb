//! Retention: from when on the rows of a contract are not kept any longer, what still needs them, and the years by which they are removed.
//!
//! Rows are evidence while the contract runs: each of its reports can be judged again from them, and caps, earn-back, rolling windows and
//! baselines reach back as far as the term. So they are removed only after the term, all of them, a year at a time.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::calendar::Calendar;
use super::contract_terms::Terms;
use super::periods::Periods;
use crate::api::Shared;
use crate::api::dispute::DisputeDecision;
use crate::api::vendor_contract::{ReliefDecision, VendorContractSpec};

/// How many years after its term the rows of a contract are kept that says nothing else.
pub const YEARS_KEPT: i64 = 7;

/// So long before the first row is removed the journal says so, and an Event: time to notice a wrong term, and to write another one.
pub const ANNOUNCED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The rows of a local year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredYear {
    /// The year.
    pub year: i16,
    /// They start before this instant; `None` for the last year: all that are left.
    pub before: Option<Timestamp>,
}

/// What happens to the rows of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retention {
    /// They are kept until this instant at least.
    Kept(Timestamp),
    /// They were kept long enough, and something needs them.
    Needed {
        /// From when on they need not be kept.
        since: Timestamp,
        /// What needs them, and what to do about it.
        by: String,
    },
    /// They may be removed.
    Due {
        /// From when on.
        since: Timestamp,
        /// By these years, in this order.
        years: Vec<RetiredYear>,
    },
}

/// What happens to the rows of a contract at an instant; `None` for a contract whose calendar cannot be read. `launch` names a
/// CampaignLaunch of the contract, which reads its rows.
#[must_use]
pub fn retention(
    contract: &VendorContractSpec,
    closings: &BTreeMap<String, Shared<Terms>>,
    launch: Option<&str>,
    now: Timestamp,
) -> Option<Retention> {
    let calendar = Calendar::of(contract).ok()?;
    let years = contract.retention.as_ref().map_or(YEARS_KEPT, |retention| retention.years_after_term);
    let last_day = contract.term.end.saturating_add(years.clamp(0, 1_000).years());
    let since = calendar.end_of_day(last_day);
    if now < since {
        return Some(Retention::Kept(since));
    }
    if let Some(by) = needed_by(contract, &calendar, closings, launch) {
        return Some(Retention::Needed { since, by });
    }
    Some(Retention::Due { since, years: years_of(contract, &calendar) })
}

fn needed_by(
    contract: &VendorContractSpec,
    calendar: &Calendar,
    closings: &BTreeMap<String, Shared<Terms>>,
    launch: Option<&str>,
) -> Option<String> {
    if contract.suspend {
        return Some("the contract is suspended: resume it, or keep its rows as they are".to_owned());
    }
    let periods = Periods::of(contract, calendar);
    if let Some(open) = periods.all().iter().find(|period| !closings.contains_key(&period.name)) {
        return Some(format!("period {} is not Final", open.name));
    }
    let undecided = |decision: DisputeDecision| decision == DisputeDecision::Open;
    if let Some(dispute) = contract.disputes.iter().find(|dispute| undecided(dispute.decision())) {
        return Some(format!("dispute {} is open: write its decision, or take it away", dispute.name));
    }
    let claimed = |decision: Option<ReliefDecision>| decision.unwrap_or_default() == ReliefDecision::Claimed;
    if let Some(relief) = contract.relief.iter().find(|relief| claimed(relief.decision)) {
        return Some(format!("relief {} is claimed and not decided: write its decision, or take it away", relief.name));
    }
    launch.map(|launch| format!("CampaignLaunch {launch} reads them: delete it when it is not looked at any more"))
}

/// The local years of a term, with the one after it for rows that end the last day.
fn years_of(contract: &VendorContractSpec, calendar: &Calendar) -> Vec<RetiredYear> {
    let (first, last) = (contract.term.start.year(), contract.term.end.year());
    let end_of = |year: i16| (year < last).then(|| calendar.end_of_day(date(year, 12, 31)));
    (first..=last).map(|year| RetiredYear { year, before: end_of(year) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::contracts::{instant, terms};

    const TWO_YEARS: &str = "term: {start: 2026-07-01, end: 2028-06-30}\nperiod: Yearly\ntimeZone: Europe/London";

    fn closed(names: &[&str]) -> BTreeMap<String, Shared<Terms>> {
        names.iter().map(|name| ((*name).to_owned(), terms(TWO_YEARS, &[]).into())).collect()
    }

    #[test]
    fn rows_are_kept_for_the_years_after_the_term_and_as_long_as_something_needs_them() {
        let all = ["2026", "2027", "2028"];
        let relief = |decision: &str| {
            format!(
                "relief: [{{name: storm, cause: ForceMajeure, from: 2027-01-01T00:00:00Z, to: 2027-01-02T00:00:00Z{decision}}}]"
            )
        };
        let dispute = "disputes: [{name: may, period: \"2027\", raisedOn: 2028-01-10, party: Client}]";
        let decided = "disputes: [{name: may, period: \"2027\", raisedOn: 2028-01-10, party: Client, decision: Rejected, decidedAt: 2028-02-01T00:00:00Z}]";
        let (kept, due) = (Err("2035-06-30T23:00:00Z"), Ok(None));
        let needed = |by: &'static str| Ok(Some(by));
        let cases = [
            ("seven years by default", String::new(), 3, None, "2035-06-30T22:59:59Z", kept),
            ("the first instant after them", String::new(), 3, None, "2035-06-30T23:00:00Z", due),
            ("fewer years", "retention: {yearsAfterTerm: 1}".into(), 3, None, "2029-06-30T23:00:00Z", due),
            (
                "more years",
                "retention: {yearsAfterTerm: 10}".into(),
                3,
                None,
                "2036-01-01T00:00:00Z",
                Err("2038-06-30T23:00:00Z"),
            ),
            ("an open period", String::new(), 2, None, "2036-01-01T00:00:00Z", needed("period 2028 is not Final")),
            ("an open dispute", dispute.into(), 3, None, "2036-01-01T00:00:00Z", needed("dispute may is open")),
            ("a decided dispute", decided.into(), 3, None, "2036-01-01T00:00:00Z", due),
            ("claimed relief", relief(""), 3, None, "2036-01-01T00:00:00Z", needed("relief storm is claimed")),
            ("decided relief", relief(", decision: Accepted"), 3, None, "2036-01-01T00:00:00Z", due),
            ("a launch", String::new(), 3, Some("spring"), "2036-01-01T00:00:00Z", needed("CampaignLaunch spring")),
            ("suspended", "suspend: true".into(), 3, None, "2036-01-01T00:00:00Z", needed("suspended")),
        ];
        for (name, more, closings, launch, now, expected) in cases {
            let contract = terms(&format!("{TWO_YEARS}\n{more}"), &[]).contract;
            let found = retention(&contract, &closed(&all[..closings]), launch, instant(now)).unwrap();
            match (&found, expected) {
                (Retention::Kept(until), Err(expected)) => assert_eq!(*until, instant(expected), "{name}"),
                (Retention::Needed { by, .. }, Ok(Some(expected))) => assert!(by.contains(expected), "{name}: {by}"),
                (Retention::Due { .. }, Ok(None)) => {}
                _ => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn rows_are_removed_by_local_years_and_the_last_year_takes_all_that_are_left() {
        let contract = terms(TWO_YEARS, &[]).contract;
        let all = closed(&["2026", "2027", "2028"]);
        let found = retention(&contract, &all, None, instant("2040-01-01T00:00:00Z")).unwrap();
        let Retention::Due { since, years } = found else { panic!("{found:?}") };
        assert_eq!(since, instant("2035-06-30T23:00:00Z"));
        let year = |year, before: Option<&str>| RetiredYear { year, before: before.map(instant) };
        let expected =
            [year(2026, Some("2027-01-01T00:00:00Z")), year(2027, Some("2028-01-01T00:00:00Z")), year(2028, None)];
        assert_eq!(years, expected);
    }
}
