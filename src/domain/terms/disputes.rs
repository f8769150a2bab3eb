//! Disputes in time: which of them were open at an instant, and until when they hold a period.
//!
//! With a journal, a dispute and each change of it is known from the instant at which the operator saw it, and a decision not before
//! `decidedAt`. Without one, the terms at hand say it all: a dispute is known from the start of `raisedOn`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::calendar::Calendar;
use super::journal::{DisputeSeen, Journal, JournalFact, RecordedFact};
use super::periods::{Period, Periods};
use crate::api::VendorContractSpec;
use crate::api::dispute::{Dispute, DisputeDecision, DisputeStatus, ReportDispute};
use crate::api::scalar::{Duration, DurationUnit};

/// How long after a period would have become Final its disputes hold it at most, unless the contract says otherwise.
const DISPUTE_HOLD: Duration = Duration::new(20, DurationUnit::BusinessDays);

/// What was known of all disputes of a contract, at any instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DisputeHistory {
    /// By dispute, in the order in which they were seen.
    versions: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Version {
    name: String,
    dispute: Option<Dispute>,
    known_from: Timestamp,
}

impl DisputeHistory {
    /// The history that a journal holds; without one, that of the terms at hand.
    #[must_use]
    pub fn of(terms: &[Dispute], journal: Option<&Journal>, calendar: &Calendar) -> Self {
        let versions = match journal {
            Some(journal) => journal.disputes().flat_map(|(name, seen, at)| versions(name, seen, at)).collect(),
            None => terms
                .iter()
                .flat_map(|dispute| {
                    let seen = DisputeSeen { dispute: Some(Box::new(dispute.clone())) };
                    versions(&dispute.name, &seen, calendar.start_of_day(dispute.raised_on))
                })
                .collect(),
        };
        DisputeHistory { versions }
    }

    /// The disputes that were known at an instant, by name.
    pub fn known_at(&self, at: Timestamp) -> impl Iterator<Item = &Dispute> {
        let mut latest: BTreeMap<&str, Option<&Dispute>> = BTreeMap::new();
        for version in self.versions.iter().filter(|version| version.known_from <= at) {
            latest.insert(&version.name, version.dispute.as_ref());
        }
        latest.into_values().flatten()
    }

    /// Whether a dispute about a period was open at an instant.
    #[must_use]
    pub fn is_open(&self, period: &str, at: Timestamp) -> bool {
        self.known_at(at).any(|dispute| dispute.period == period && dispute.decision() == DisputeDecision::Open)
    }

    /// Whether a dispute about a KPI of a period was decided by an instant.
    #[must_use]
    pub fn is_decided(&self, period: &str, kpi: &str, at: Timestamp) -> bool {
        self.known_at(at).any(|dispute| dispute.concerns(period, kpi) && dispute.decision() != DisputeDecision::Open)
    }

    /// The disputes about a period as its report lists them at an instant, by name.
    #[must_use]
    pub fn listed(&self, period: &str, at: Timestamp) -> Vec<ReportDispute> {
        let of_period = self.known_at(at).filter(|dispute| dispute.period == period);
        of_period
            .map(|dispute| ReportDispute {
                name: dispute.name.clone(),
                kpi: dispute.kpi.clone(),
                decision: dispute.decision(),
            })
            .collect()
    }

    /// All instants at which something became, or will become, known; in order.
    #[must_use]
    pub fn instants(&self) -> BTreeSet<Timestamp> {
        self.versions.iter().map(|version| version.known_from).collect()
    }
}

/// What is known of a dispute that was seen at an instant: that it is open until its decision is in force.
fn versions(name: &str, seen: &DisputeSeen, at: Timestamp) -> Vec<Version> {
    let version = |dispute, known_from| Version { name: name.to_owned(), dispute, known_from };
    match seen.dispute.as_deref() {
        Some(dispute) if dispute.decision() != DisputeDecision::Open => {
            let open = Dispute { decision: None, decided_at: None, ..dispute.clone() };
            let decided = dispute.decided_at.map_or(at, |decided| decided.max(at));
            vec![version(Some(open), at), version(Some(dispute.clone()), decided)]
        }
        other => vec![version(other.cloned(), at)],
    }
}

/// Until when an open dispute holds its period at most, and by when it is to be decided.
#[must_use]
pub fn held_until(contract: &VendorContractSpec, calendar: &Calendar, period: &Period) -> Timestamp {
    let closes = calendar.after(period.end, contract.close_after);
    calendar.after(closes, contract.dispute_hold.unwrap_or(DISPUTE_HOLD))
}

/// When an open dispute is overdue: it is to be decided before its period's report closes without it, and one that is raised later
/// within as long a time.
#[must_use]
pub fn overdue_from(
    contract: &VendorContractSpec,
    calendar: &Calendar,
    periods: &Periods,
    dispute: &Dispute,
) -> Option<Timestamp> {
    let held = held_until(contract, calendar, periods.named(&dispute.period)?);
    let hold = contract.dispute_hold.unwrap_or(DISPUTE_HOLD);
    Some(held.max(calendar.after(calendar.end_of_day(dispute.raised_on), hold)))
}

/// Whether a dispute is decided at an instant.
#[must_use]
pub fn is_decided(dispute: &Dispute, now: Timestamp) -> bool {
    dispute.decision() != DisputeDecision::Open && dispute.decided_at.is_none_or(|decided| decided <= now)
}

/// The disputes of a contract as its status lists them: open ones first, those that are due first among them, then the latest decided.
#[must_use]
pub fn statuses(contract: &VendorContractSpec, calendar: &Calendar, now: Timestamp) -> Vec<DisputeStatus> {
    let periods = Periods::of(contract, calendar);
    let mut listed: Vec<(Option<Timestamp>, DisputeStatus)> = contract
        .disputes
        .iter()
        .filter(|dispute| calendar.start_of_day(dispute.raised_on) <= now)
        .map(|dispute| {
            let is_decided = is_decided(dispute, now);
            let overdue = overdue_from(contract, calendar, &periods, dispute).filter(|_| !is_decided);
            let status = DisputeStatus {
                name: dispute.name.clone(),
                period: dispute.period.clone(),
                kpi: dispute.kpi.clone(),
                decision: if is_decided { dispute.decision() } else { DisputeDecision::Open },
                due: overdue.map(|overdue| crate::domain::terms::calendar::last_day_before(overdue, calendar)),
            };
            (dispute.decided_at.filter(|_| is_decided), status)
        })
        .collect();
    listed.sort_by(|(left_decided, left), (right_decided, right)| {
        let open_first = left_decided.is_some().cmp(&right_decided.is_some());
        open_first.then(left.due.cmp(&right.due)).then(right_decided.cmp(left_decided)).then(left.name.cmp(&right.name))
    });
    listed.into_iter().map(|(_, status)| status).collect()
}

/// The disputes that the terms show and the journal does not hold yet, as facts seen at `now`.
#[must_use]
pub fn unseen(terms: &[Dispute], journal: &Journal, now: Timestamp) -> Vec<RecordedFact> {
    let mut last: BTreeMap<&str, Option<&Dispute>> = BTreeMap::new();
    for (name, seen, _) in journal.disputes() {
        last.insert(name, seen.dispute.as_deref());
    }
    let fact = |name: &str, dispute: Option<&Dispute>| {
        let fact = JournalFact::DisputeSeen(DisputeSeen { dispute: dispute.cloned().map(Box::new) });
        RecordedFact { name: name.to_owned(), fact, recorded_at: now }
    };
    let is_new = |dispute: &&Dispute| last.get(dispute.name.as_str()).copied().flatten() != Some(*dispute);
    let shown = terms.iter().filter(is_new).map(|dispute| fact(&dispute.name, Some(dispute)));
    let gone = last.iter().filter(|(name, known)| known.is_some() && terms.iter().all(|one| one.name != **name));
    shown.chain(gone.map(|(name, _)| fact(name, None))).collect()
}

#[cfg(test)]
mod tests;
