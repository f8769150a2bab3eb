//! When a closed period becomes Final, and when time alone changes a judgement next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::api::cross_check::SourcesFinding;
use crate::api::kpi_target::{MissingDataPolicy, Verdict};
use crate::api::scalar::{Duration, DurationUnit};

use super::restatement::Touch;
use crate::domain::measuring::final_from::{FinalFor, Finality};
use crate::domain::measuring::ledger::LedgerName;
use crate::domain::measuring::ledgers::Ledgers;
use crate::domain::measuring::matching::holds_periods;
use crate::domain::measuring::prepared_terms::{Book, Books, Kpi};
use crate::domain::measuring::reader::Reader;
use crate::domain::measuring::reading::Question;
use crate::domain::terms::catalogue::{Origin, mature_by};
use crate::domain::terms::disputes::held_until;
use crate::domain::terms::periods::Period;

/// How long after its end a period waits for a threshold that does not fit.
const MISMATCH_HOLDS: Duration = Duration::new(20, DurationUnit::BusinessDays);

/// How long after its end a period waits for two sources that disagree.
const DISAGREEMENT_HOLDS: Duration = Duration::new(20, DurationUnit::BusinessDays);

/// The instant from which on no later fact decides when a period becomes Final: all that holds it has let go by then.
fn settled_at(reader: &Reader<'_, '_>, book: &Book<'_>, period: &Period) -> Timestamp {
    let measured = || book.kpis.iter().filter(|kpi| !kpi.is_suspended);
    let held = [UNMATCHED_HOLDS, MISMATCH_HOLDS, DISAGREEMENT_HOLDS].map(|hold| book.calendar.after(period.end, hold));
    let missed = measured().map(|kpi| book.calendar.after(period.end, kpi.missing_data().1));
    missed.chain(held).fold(earliest_close(reader, book, period), Timestamp::max)
}

/// When each of consecutive periods becomes Final, in order: none before the one before it, since its repeats, caps and bookings
/// rest on what that one said, and none while a dispute about it is open, for as long as that may hold it, or before its feeds were asked.
pub fn finalities<'f, 'a>(
    reader: &Reader<'f, 'a>,
    books: &'f Books<'a>,
    ended: &[Period],
    now: Timestamp,
) -> Vec<Finality> {
    let mut before: Option<Finality> = None;
    let held = ended.iter().map(|period| {
        let book = books.for_period(period);
        let own = reader.finality(book, period, now, || FinalFor {
            finality: finality(reader, book, period, now),
            settled_at: settled_at(reader, book, period),
        });
        let held = match before.map_or(own, |before| before.and(own)) {
            Finality::Since(instant) => undisputed(reader, book, period, instant, now),
            waits => waits,
        };
        let held = match held {
            Finality::Since(due) => by(reader.holds.end(&period.name, due), now),
            waits => waits,
        };
        before = Some(held);
        held
    });
    held.collect()
}

/// An instant that has come, or is waited for.
fn by(instant: Timestamp, now: Timestamp) -> Finality {
    if instant <= now { Finality::Since(instant) } else { Finality::NotBefore(instant) }
}

/// Final since the instant that was found; without one once it was waited for until `deadline`.
fn found_or_waited(found: Option<Timestamp>, deadline: Timestamp, now: Timestamp) -> Finality {
    found.map_or_else(|| by(deadline, now), Finality::Since)
}

/// When a period that nothing else holds becomes Final, from `base` on: once no dispute about it is open, or at the end of the time for
/// which disputes hold it.
fn undisputed(reader: &Reader<'_, '_>, book: &Book<'_>, period: &Period, base: Timestamp, now: Timestamp) -> Finality {
    if !reader.disputes.is_open(&period.name, base) {
        return Finality::Since(base);
    }
    let deadline = held_until(&book.terms.contract, &book.calendar, period);
    if deadline <= base {
        return Finality::Since(base);
    }
    let until = now.min(deadline);
    let later = reader.disputes.instants().into_iter().filter(|instant| base < *instant && *instant <= until);
    found_or_waited(later.into_iter().find(|at| !reader.disputes.is_open(&period.name, *at)), deadline, now)
}

/// How long after the first judgement of a contract its past closes, unless it says otherwise.
const FIRST_CLOSE_AFTER: Duration = Duration::new(1, DurationUnit::BusinessDays);

/// How long after a period's end a KPI that never matched a row holds it at most.
const UNMATCHED_HOLDS: Duration = Duration::new(20, DurationUnit::BusinessDays);

/// When a closed period becomes Final: at the latest of its end + `closeAfter`, its end + `maturity`, the first judgement +
/// `firstCloseAfter`, and (data through its end, or its end + `missingData.after`; a row that matches, or its end + 20bd), over all
/// its KPIs. Suspended KPIs wait for nothing.
fn finality<'f, 'a>(reader: &Reader<'f, 'a>, book: &'f Book<'a>, period: &Period, now: Timestamp) -> Finality {
    let measured = || book.kpis.iter().filter(|kpi| !kpi.is_suspended);
    let base = earliest_close(reader, book, period);
    if base > now {
        return Finality::NotBefore(base);
    }
    let gates = measured().map(|kpi| gate(reader, book, kpi, period, base, now));
    let matches = measured().filter(|kpi| holds_periods(kpi) && !closed_before(reader, period));
    let gates = gates.chain(matches.map(|kpi| matched(reader, book, kpi, period, base, now)));
    let checked = measured().filter(|kpi| kpi.cross_check.is_some() && !kpi.spec.dry_run);
    let gates = gates.chain(checked.map(|kpi| agreed(reader, book, kpi, period, base, now)));
    let timed = measured().filter(|kpi| kpi.spec.within.is_some() && !kpi.spec.dry_run);
    let gates = gates.chain(timed.map(|kpi| held_by_answers(reader, book, kpi, period, base, now)));
    gates.fold(Finality::Since(base), Finality::and)
}

/// When a period may close at the earliest, whatever its rows say.
fn earliest_close(reader: &Reader<'_, '_>, book: &Book<'_>, period: &Period) -> Timestamp {
    let calendar = &book.calendar;
    let measured = book.kpis.iter().filter(|kpi| !kpi.is_suspended);
    let matured = measured.filter_map(|kpi| kpi.definition.maturity).map(|age| calendar.after(period.end, age));
    let closed = calendar.after(period.end, book.terms.contract.close_after);
    matured.chain(first_close(reader, book, period)).fold(closed, Timestamp::max)
}

/// When a period that ended before the contract was first judged may close at the earliest; `None` for others, and without a journal.
fn first_close(reader: &Reader<'_, '_>, book: &Book<'_>, period: &Period) -> Option<Timestamp> {
    let first = reader.first_judged.filter(|first| period.end <= first.at && !closed_before(reader, period))?;
    Some(book.calendar.after(first.at, book.terms.contract.first_close_after.unwrap_or(FIRST_CLOSE_AFTER)))
}

/// Whether a version without facts had closed a period: what was added to the rules since does not open it again.
fn closed_before(reader: &Reader<'_, '_>, period: &Period) -> bool {
    reader.first_judged.is_some_and(|first| first.closed_before.contains(&period.name))
}

/// When one KPI lets its period close, from `base` on: once a row matched it, or has been waited for long enough.
fn matched<'f, 'a>(
    reader: &Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &Period,
    base: Timestamp,
    now: Timestamp,
) -> Finality {
    let deadline = book.calendar.after(period.end, UNMATCHED_HOLDS);
    let Some(ledger) = reader.ledger(book, kpi).filter(|_| base < deadline) else { return Finality::Since(base) };
    if !reader.has_no_match(book, kpi, base) {
        return Finality::Since(base);
    }
    found_or_waited(ledger.first_match(kpi, base, now.min(deadline)), deadline, now)
}

/// When a KPI of two sources lets its period close, from `base` on: once they agree, a dispute about it is decided, or it was waited for
/// long enough.
fn agreed<'f, 'a>(
    reader: &Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &Period,
    base: Timestamp,
    now: Timestamp,
) -> Finality {
    let deadline = book.calendar.after(period.end, DISAGREEMENT_HOLDS);
    if deadline <= base {
        return Finality::Since(base);
    }
    let (until, window) = (now.min(deadline), kpi.window(period, reader.periods));
    let of_rows = reader.learnt(book, kpi, window, base, until);
    let decided = reader.relief.learnt(kpi.name, window.start).chain(reader.disputes.instants());
    let instants: BTreeSet<Timestamp> =
        std::iter::once(base).chain(of_rows).chain(decided).filter(|at| base <= *at && *at <= until).collect();
    let lets_go = |at: &&Timestamp| {
        let question = Question { period, window, at: **at, is_closing: false };
        let sources = reader.read(book, kpi, &question).measured.sources;
        sources.is_none_or(|sources| sources.finding != SourcesFinding::Disagree)
            || reader.disputes.is_decided(&period.name, kpi.name, **at)
    };
    found_or_waited(instants.iter().find(lets_go).copied(), deadline, now)
}

/// When one KPI lets its period close, from `base` on: once its data is there, or has been waited for long enough.
fn gate<'f, 'a>(
    reader: &Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &Period,
    base: Timestamp,
    now: Timestamp,
) -> Finality {
    if kpi.threshold_mismatch.is_some() {
        return held_by_mismatch(book, kpi, period, base, now);
    }
    let deadline = book.calendar.after(period.end, kpi.missing_data().1);
    if deadline <= base {
        return Finality::Since(base);
    }
    let until = now.min(deadline);
    let later = reader.ledgers(book, kpi).into_iter().flat_map(|ledger| {
        let learnt = ledger.instants_after(base);
        learnt.iter().take_while(move |instant| **instant <= until)
    });
    let mut instants: Vec<Timestamp> = std::iter::once(base).chain(later.copied()).collect();
    instants.sort_unstable();
    instants.dedup();
    // Data only ever comes to reach further, so that is searched by halves; a value may go again with a revision, so that is not.
    let reached = instants.partition_point(|at| !reaches_end(reader, book, kpi, period, *at));
    let first = instants.iter().skip(reached).find(|at| has_what_it_needs(reader, book, kpi, period, **at));
    found_or_waited(first.copied(), deadline, now)
}

/// A KPI whose feed counts by another time than was agreed holds its period for so long that someone can correct it. A dry run
/// holds nothing.
fn held_by_mismatch(book: &Book<'_>, kpi: &Kpi<'_>, period: &Period, base: Timestamp, now: Timestamp) -> Finality {
    let until = book.calendar.after(period.end, MISMATCH_HOLDS).max(base);
    if kpi.spec.dry_run { Finality::Since(base) } else { by(until, now) }
}

/// A KPI whose feed says in its answers that it counts by another time than was agreed is judged, and holds its period for so long that
/// someone can find out which is true.
fn held_by_answers(
    reader: &Reader<'_, '_>,
    book: &Book<'_>,
    kpi: &Kpi<'_>,
    period: &Period,
    base: Timestamp,
    now: Timestamp,
) -> Finality {
    let deadline = book.calendar.after(period.end, MISMATCH_HOLDS);
    let contradicts = |at: Timestamp| reader.said.contradiction(kpi.spec, &book.terms.contract, at).is_some();
    if deadline <= base || !contradicts(base) {
        return Finality::Since(base);
    }
    let until = now.min(deadline);
    let later = reader.said.instants(&kpi.spec.source.feed).filter(|instant| base < *instant && *instant <= until);
    found_or_waited(later.into_iter().find(|at| !contradicts(*at)), deadline, now)
}

/// Whether a KPI's data reaches the period's end. What is counted from deliverables waits for no feed.
fn reaches_end<'f, 'a>(
    reader: &Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &Period,
    at: Timestamp,
) -> bool {
    kpi.definition.origin == Origin::Deliverables
        || kpi.feeds().all(|feed| reader.coverage(book, feed, at).reaches(period.end))
}

/// Whether a KPI has a value, where its absence would be a miss.
fn has_what_it_needs<'f, 'a>(
    reader: &Reader<'f, 'a>,
    book: &'f Book<'a>,
    kpi: &'f Kpi<'a>,
    period: &Period,
    at: Timestamp,
) -> bool {
    let question = Question { period, window: kpi.window(period, reader.periods), at, is_closing: false };
    if kpi.missing_data().0 == MissingDataPolicy::Hold {
        return true;
    }
    let reading = reader.read(book, kpi, &question);
    reading.verdict != Verdict::NoData && !reading.measured.tally.is_some_and(|found| found.lacks_rows)
}

/// Instants after a period became Final at which something became known that concerns one of its KPIs.
///
/// A period that is not Final counts from the instant at which a later one became so.
pub fn touches<'f, 'a>(
    reader: &Reader<'f, 'a>,
    books: &'f Books<'a>,
    periods: &[Period],
    finals: &[Option<Timestamp>],
    now: Timestamp,
) -> BTreeMap<Timestamp, BTreeSet<Touch>> {
    let mut touches: BTreeMap<Timestamp, BTreeSet<Touch>> = BTreeMap::new();
    let mut earliest: Option<Timestamp> = None;
    let mut thresholds: Vec<Option<Timestamp>> = finals
        .iter()
        .rev()
        .map(|instant| {
            earliest = [earliest, *instant].into_iter().flatten().min();
            earliest
        })
        .collect();
    thresholds.reverse();
    for (place, (period, threshold)) in periods.iter().zip(thresholds).enumerate() {
        let (book, Some(threshold)) = (books.for_period(period), threshold) else { continue };
        for (index, kpi) in book.kpis.iter().enumerate().filter(|(_, kpi)| !kpi.is_suspended) {
            let window = kpi.window(period, reader.periods);
            let mut instants: BTreeSet<Timestamp> = reader.relief.learnt(kpi.name, window.start).collect();
            instants.extend(reader.learnt(book, kpi, window, threshold, now));
            for at in instants.into_iter().filter(|at| threshold < *at && *at <= now) {
                touches.entry(at).or_default().insert((place, index));
            }
        }
    }
    touches
}

/// The earliest instant after `now` at which time alone can change a judgement.
pub fn next_change<'f, 'a>(
    reader: &Reader<'f, 'a>,
    books: &'f Books<'a>,
    ledgers: &'f Ledgers,
    finalities: &[Finality],
    now: Timestamp,
) -> Option<Timestamp> {
    let bounds = reader.periods.all().iter().flat_map(|period| [period.start, period.end]);
    let closing = finalities.iter().filter_map(|finality| match finality {
        Finality::NotBefore(instant) => Some(*instant),
        Finality::Since(_) => None,
    });
    let misses = reader.periods.closed_by(now).iter().flat_map(|period| {
        let book = books.for_period(period);
        book.waits.iter().map(|after| book.calendar.after(period.end, *after))
    });
    let learnt = ledgers.all().filter_map(|ledger| ledger.instants_after(now).first().copied());
    let matured = maturing(reader, books.current(), now);
    let decided = reader.relief.instants().chain(reader.disputes.instants());
    let all = bounds.chain(closing).chain(misses).chain(learnt).chain(matured).chain(decided);
    all.filter(|instant| *instant > now).min()
}

/// When the next known row ends, which moves `asOf`, and when it becomes old enough for a KPI.
fn maturing<'f, 'a>(reader: &Reader<'f, 'a>, book: &'f Book<'a>, now: Timestamp) -> Vec<Timestamp> {
    let mut seen: BTreeSet<(&LedgerName, Timestamp)> = BTreeSet::new();
    let mut instants = Vec::new();
    for kpi in &book.kpis {
        for ledger in reader.ledgers(book, kpi) {
            let mature = mature_by(&kpi.definition, &book.calendar, now);
            let known = reader.known(ledger, now);
            if seen.insert((ledger.name(), now)) {
                instants.extend(known.next_end(now));
            }
            if let Some(age) = kpi.definition.maturity.filter(|_| seen.insert((ledger.name(), mature))) {
                instants.extend(known.next_end(mature).map(|end| book.calendar.after(end, age)));
            }
        }
    }
    instants
}
