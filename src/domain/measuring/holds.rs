//! Periods that wait until their feeds were asked: nobody asked when they would have become Final, since the operator was away or its
//! clock jumped.
//!
//! What nobody asked for does not count as silence of the vendor. So a period closes in regular service, or after each of its feeds
//! was asked at or after the instant at which it would have closed. A feed whose time of absence is still being asked for, window by
//! window, is not in regular service yet. A feed that goes on failing is silence: the period then closes
//! the usual delay of `missingData` after the wait was noticed. Both instants are facts of the journal, so that offline commands
//! close alike.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::defaults::THREE_DAYS;
use crate::domain::terms::instants::{earlier, later};
use crate::domain::terms::journal::{Journal, JournalFact, PeriodHeld, RecordedFact};

/// How often one period may be held: whatever a vendor does, it closes.
const MOST_HOLDS: usize = 3;

/// The shortest time for which a period waits for feeds that fail, where `missingData.after` is shorter.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// How a feed was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Up to which instant the vendor was asked with success.
    pub until: Option<Timestamp>,
    /// Since when it has been tried without a longer break, whether it answered or failed; `None`: not since the operator began.
    pub trying_since: Option<Timestamp>,
    /// When it was tried last, or until when the vendor wished not to be asked.
    pub tried_until: Option<Timestamp>,
    /// Whether the last try failed.
    pub fails: bool,
    /// The longest time between two tries of regular service.
    pub pause: SignedDuration,
    /// From when on there is nothing more to ask for.
    pub over: Timestamp,
}

impl Asking {
    /// Whether the vendor was asked with success at `due` or later.
    fn has_answered(&self, due: Timestamp) -> bool {
        let due = due.min(earlier(self.over, self.pause));
        self.until.is_some_and(|until| until >= due)
    }

    /// Whether the vendor was asked lately, or has nothing more to say.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        let is_recent = |at: Timestamp| now.duration_since(at) <= self.pause;
        now >= self.over || self.until.is_some_and(is_recent) || self.tried_until.is_some_and(is_recent)
    }

    /// Whether the feed was in regular service at `due`, which has come by `now`, so that what it had to say then was known then.
    /// `is_silence`: whether a feed that fails since an instant was waited for long enough.
    fn covers(&self, due: Timestamp, now: Timestamp, is_silence: impl Fn(Timestamp) -> bool) -> bool {
        let last = due.min(earlier(self.over, self.pause));
        let goes_on = |until: Timestamp| until >= last || now.duration_since(until) <= self.pause;
        let is_silent = |since: Timestamp| self.fails && is_silence(since);
        let in_service = |since: Timestamp| since <= due && (!self.catches_up(since, last) || is_silent(since));
        self.trying_since.is_some_and(in_service) && self.tried_until.is_some_and(goes_on)
    }

    /// Whether nobody asked for some time before the tries began, and the vendor has not been asked for all of that time since: it may
    /// be asked for in many windows.
    fn catches_up(&self, since: Timestamp, last: Timestamp) -> bool {
        self.until.is_none_or(|until| until < last && since.duration_since(until) > self.pause)
    }
}

/// The waits of each period, in the order in which they were noticed.
#[derive(Clone, Debug, Default)]
pub struct Holds(BTreeMap<String, Vec<PeriodHeld>>);

impl Holds {
    /// What a journal says of them.
    #[must_use]
    pub fn of(journal: Option<&Journal>) -> Self {
        let mut holds = Holds::default();
        for recorded in journal.iter().flat_map(|journal| &journal.facts) {
            let JournalFact::PeriodHeld(held) = &recorded.fact else { continue };
            let of_period = holds.0.entry(recorded.name.clone()).or_default();
            match of_period.iter_mut().find(|known| known.noticed_at == held.noticed_at) {
                Some(known) => known.clone_from(held),
                None => of_period.push(held.clone()),
            }
        }
        holds
    }

    /// When a period becomes Final that nothing else holds from `due` on.
    #[must_use]
    pub fn end(&self, period: &str, due: Timestamp) -> Timestamp {
        let of_period = self.0.get(period).into_iter().flatten();
        of_period.fold(due, |due, held| if due <= held.noticed_at { due.max(held.end()) } else { due })
    }

    /// The waits that have not ended at `now`, by period.
    fn open(&self, now: Timestamp) -> impl Iterator<Item = (&str, &PeriodHeld)> {
        let all = self.0.iter().flat_map(|(period, held)| held.iter().map(move |held| (period.as_str(), held)));
        all.filter(move |(_, held)| held.asked_at.is_none() && now < held.until)
    }

    /// Whether a period waits at `now`.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> bool {
        self.open(now).next().is_some()
    }

    /// Whether a period has waited until `due` for feeds that were not asked by then.
    fn ran_out(&self, period: &str, due: Timestamp) -> bool {
        self.0.get(period).into_iter().flatten().any(|held| held.asked_at.is_none() && held.until <= due)
    }

    fn count(&self, period: &str) -> usize {
        self.0.get(period).map_or(0, Vec::len)
    }
}

/// What is to be recorded of periods that would have become Final by `now` while their feeds were not asked: where all have been since,
/// that the wait is over at once, so that what they brought counts.
///
/// `finals`: the periods that are Final by everything else and were not recorded as closed, with the instants at which they became so.
#[must_use]
pub fn unasked(
    finals: &BTreeMap<String, Timestamp>,
    terms: &Terms,
    journal: &Journal,
    asking: &BTreeMap<String, Asking>,
    now: Timestamp,
) -> Vec<RecordedFact> {
    let holds = Holds::of(Some(journal));
    let read = feeds_read(terms);
    let held = finals.iter().filter(|(period, _)| holds.count(period) < MOST_HOLDS).filter_map(|(period, due)| {
        let covers = |feed: &str, asking: &Asking| {
            let is_silence =
                |since| holds.ran_out(period, *due) || latest(terms, &BTreeSet::from([feed]), since) <= *due;
            asking.covers(*due, now, is_silence)
        };
        let is_unasked = |feed: &&str| asking.get(*feed).is_none_or(|asking| !covers(feed, asking));
        let feeds: BTreeSet<&str> = read.iter().copied().filter(is_unasked).collect();
        if feeds.is_empty() {
            return None;
        }
        let until = latest(terms, &feeds, now);
        let mut waited = feeds.iter().filter_map(|feed| asking.get(*feed));
        let are_asked = asking.len() >= feeds.len() && waited.all(|asking| asking.has_answered(*due));
        let feeds = feeds.iter().map(|feed| (*feed).to_owned()).collect();
        let asked_at = are_asked.then_some(now);
        let held = PeriodHeld { due: *due, noticed_at: now, feeds, until, asked_at };
        Some(RecordedFact { name: period.clone(), fact: JournalFact::PeriodHeld(held), recorded_at: now })
    });
    held.collect()
}

/// What is to be recorded of periods whose feeds have all been asked by `now`, or are not read any more.
#[must_use]
pub fn asked(terms: &Terms, journal: &Journal, asking: &BTreeMap<String, Asking>, now: Timestamp) -> Vec<RecordedFact> {
    let (holds, read) = (Holds::of(Some(journal)), feeds_read(terms));
    let has_answered = |held: &PeriodHeld| {
        let mut waited = held.feeds.iter().filter(|feed| read.contains(feed.as_str()));
        waited.all(|feed| asking.get(feed).is_some_and(|asking| asking.has_answered(held.due)))
    };
    let ended = holds.open(now).filter(|(_, held)| has_answered(held)).map(|(period, held)| {
        let held = PeriodHeld { asked_at: Some(now), ..held.clone() };
        RecordedFact { name: period.to_owned(), fact: JournalFact::PeriodHeld(held), recorded_at: now }
    });
    ended.collect()
}

/// The feeds of the contract that KPIs read which are not suspended.
fn feeds_read(terms: &Terms) -> BTreeSet<&str> {
    let kpis = terms.kpis.values().filter(|kpi| !kpi.suspend);
    let named = kpis.flat_map(|kpi| {
        let own = kpi.source.cross_check.as_ref().map(|own| own.feed.as_str());
        own.into_iter().chain([kpi.source.feed.as_str()])
    });
    let named: BTreeSet<&str> = named.collect();
    terms.contract.feeds.iter().map(|feed| feed.name.as_str()).filter(|feed| named.contains(feed)).collect()
}

/// Until when a period waits for feeds that were not asked by `now`: the longest `missingData.after` of the KPIs that read them.
fn latest(terms: &Terms, feeds: &BTreeSet<&str>, now: Timestamp) -> Timestamp {
    let shortest = later(now, SHORTEST_WAIT);
    let Ok(calendar) = Calendar::of(&terms.contract) else { return shortest };
    let reading = terms.kpis.values().filter(|kpi| {
        let own = kpi.source.cross_check.as_ref().map(|own| own.feed.as_str());
        !kpi.suspend && (feeds.contains(kpi.source.feed.as_str()) || own.is_some_and(|own| feeds.contains(own)))
    });
    let waits = reading.map(|kpi| kpi.missing_data.as_ref().map_or(THREE_DAYS, |rule| rule.after));
    waits.map(|after| calendar.after(now, after)).fold(shortest, Timestamp::max)
}

#[cfg(test)]
mod tests;
