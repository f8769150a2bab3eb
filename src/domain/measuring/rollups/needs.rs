//! From when on a later judgement needs the rows of each feed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::measuring::ledger::Need;
use crate::domain::measuring::prepared_terms::{Books, Kpi};
use crate::domain::measuring::reader::Reader;
use crate::domain::terms::periods::Period;

/// How far before the latest row baselines look: the means of weekdays eight weeks, doubts about figures four weeks.
const BASELINES: SignedDuration = SignedDuration::from_hours(24 * 60);

/// The needs of the feeds that have rows. `open` are the periods that may still be judged again without anyone being late: the running
/// one, those that are not Final, and those of which later facts decide when they became so.
///
/// They are what usually suffices. A judgement that needs more notices it.
pub(in crate::domain) fn needs<'f, 'a>(
    reader: &Reader<'f, 'a>,
    books: &'f Books<'a>,
    open: Vec<&Period>,
    now: Timestamp,
) -> BTreeMap<String, Need> {
    let current = books.current();
    let known_by = open.iter().map(|period| period.end).fold(now, Timestamp::min);
    let feeds: BTreeSet<&str> = current.kpis.iter().flat_map(|kpi| kpi.feeds()).collect();
    let need = |feed: &'f str| {
        let latest = reader.coverage(current, feed, now).reach.latest_end?;
        let reading = || current.kpis.iter().filter(move |kpi| kpi.feeds().any(|one| one == feed));
        let running = reading().filter_map(|kpi| running_from(reader, books, kpi, now));
        let windows = open.iter().flat_map(|period| {
            let kpis = books.for_period(period).kpis.iter().filter(move |kpi| kpi.feeds().any(|one| one == feed));
            kpis.map(move |kpi| kpi.window(period, reader.periods).start)
        });
        let baselines = before(latest.min(now), BASELINES);
        let since = running.chain(windows).fold(baselines, Timestamp::min);
        let since = current.calendar.start_of_day(current.calendar.date_of(since));
        Some((feed.to_owned(), Need { since, known_by }))
    };
    feeds.into_iter().filter_map(need).collect()
}

/// From when on the running value of a KPI needs rows: its rolling window, its baselines, and the rows that mature.
fn running_from<'f, 'a>(
    reader: &Reader<'f, 'a>,
    books: &'f Books<'a>,
    kpi: &'f Kpi<'a>,
    now: Timestamp,
) -> Option<Timestamp> {
    let as_of = reader.as_of(books.current(), kpi, now)?.min(now);
    let rolling = kpi.rolling_window(as_of, reader.periods).map_or(as_of, |window| window.start);
    let matures = SignedDuration::from_secs(kpi.maturity_seconds());
    Some(
        before(as_of, BASELINES)
            .min(before(rolling, SignedDuration::from_hours(24)))
            .min(before(as_of, matures + SignedDuration::from_hours(24 * 7))),
    )
}

fn before(instant: Timestamp, length: SignedDuration) -> Timestamp {
    instant.checked_sub(length).unwrap_or(Timestamp::MIN)
}
