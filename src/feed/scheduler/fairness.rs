//! What 5,000 feeds of one namespace cost the feeds of another: how long these take from the instant at which they are due.
//!
//! Time is counted here and passes by itself: nothing sleeps, and each run is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::memory::Memory;
use super::poll::{Next, PollEnd};
use super::queue::{FeedId, Lane};
use super::state::{Started, State, start_delay};
use super::windows::next_poll;
use super::{FeedOutcome, FeedTask, LIMITS};
use crate::clock::Clock;

/// Feeds of the one who asks for much.
const MANY: usize = 5_000;
/// For how long the feeds are polled.
const LIVED: Duration = Duration::from_secs(30 * 60);
/// By how much longer a feed may take since another namespace has many: a fifth, where the feeds are due one after the other.
const MOST: f64 = 1.2;
/// When all feeds of the neighbour are due at once, and when the last of them has been polled at the latest.
const BURST: Duration = Duration::from_secs(10 * 60);
const AFTER_BURST: Duration = Duration::from_secs(11 * 60);

/// How long a fetch takes of a feed of the neighbour, and of one that drips.
const QUICK: Duration = Duration::from_millis(700);
const SLOW: Duration = Duration::from_secs(12);

fn task(namespace: &str, number: usize, host: &str) -> FeedTask {
    let feed = format!(r#"{{"name":"feed-{number}","url":"https://{host}/rows","interval":"60s"}}"#);
    FeedTask {
        contract_uid: format!("{namespace}-{}", number / 32),
        namespace: namespace.to_owned(),
        contract: "acme".to_owned(),
        feed: serde_json::from_str::<crate::api::feed::Feed>(&feed).unwrap().into(),
        term_start: "2026-01-01T00:00:00Z".parse().unwrap(),
        term_end: "2027-01-01T00:00:00Z".parse().unwrap(),
        time_zone: "UTC".to_owned(),
        calendar: None,
        suspended: false,
    }
}

/// The feeds of a tenant like many: two vendors, a poll a minute.
fn neighbour() -> Vec<FeedTask> {
    (0..24).map(|number| task("honest", number, ["one.example", "two.example"][number % 2])).collect()
}

/// A scheduler's state, and the polls that run.
struct Life {
    state: State,
    began: Instant,
    now: Instant,
    due: BTreeMap<FeedId, Instant>,
    ends: BTreeSet<(Instant, FeedId)>,
    running: BTreeMap<FeedId, (Lane, Started)>,
    /// How long each poll of the neighbour took from when it was due.
    took: BTreeMap<FeedId, Vec<Duration>>,
    polls_of_others: usize,
}

impl Life {
    fn of(tasks: Vec<FeedTask>) -> Self {
        Self::with(tasks, until_next)
    }

    /// `first`: how long after the beginning a feed is polled first.
    fn with(tasks: Vec<FeedTask>, first: impl Fn(&FeedTask, Duration) -> Duration) -> Self {
        let (mut state, began) = (State::within(LIMITS), Instant::now());
        for task in tasks {
            let id = (task.contract_uid.clone(), task.feed.name.clone());
            let first = began + first(&task, Duration::ZERO);
            state.set(task, &Clock::real());
            state.wait_until(&id, first);
        }
        let (due, ends, running, took) = Default::default();
        Life { state, began, now: began, due, ends, running, took, polls_of_others: 0 }
    }

    fn live(mut self, lasts: Duration) -> Self {
        while self.now < self.began + lasts {
            let came = self.state.timers.iter().take_while(|(due, _)| *due <= self.now);
            self.due.extend(came.map(|(due, id)| (id.clone(), *due)));
            self.state.move_due(self.now);
            while let Some((lane, id)) = self.state.queue.pop() {
                let started = self.state.start(&id).unwrap();
                let lasts = if lane.namespace == "honest" { QUICK } else { SLOW };
                self.ends.insert((self.now + lasts, id.clone()));
                self.running.insert(id, (lane, started));
            }
            let next = [self.state.timers.first().map(|(due, _)| *due), self.ends.first().map(|(end, _)| *end)];
            self.now = next.into_iter().flatten().min().unwrap();
            while self.ends.first().is_some_and(|(end, _)| *end <= self.now) {
                let (_, id) = self.ends.pop_first().unwrap();
                self.end(id);
            }
        }
        self
    }

    fn end(&mut self, id: FeedId) {
        let (lane, started) = self.running.remove(&id).unwrap();
        let passed = self.now - self.began;
        let is_over = instant(passed) >= started.task.term_end;
        let end = PollEnd::of(FeedOutcome::Fetched, if is_over { Next::Never } else { Next::Later });
        self.state.queue.done(&lane);
        let known = (instant(passed), SignedDuration::from_mins(1));
        assert!(self.state.finish(&id, &started, &end, Memory::default(), known).is_some());
        if !is_over {
            self.state.wait_until(&id, self.now + until_next(&started.task, passed));
        }
        let took = self.now - self.due[&id];
        match lane.namespace.as_str() {
            "honest" => self.took.entry(id).or_default().push(took),
            _ => self.polls_of_others += 1,
        }
    }

    /// How long a poll of the neighbour took, as a mean of each feed, and at most.
    fn delays(&self) -> BTreeMap<&FeedId, (f64, Duration)> {
        let delay = |took: &Vec<Duration>| {
            let mean = took.iter().sum::<Duration>().as_secs_f64() / took.len() as f64;
            (mean, took.iter().copied().max().unwrap())
        };
        self.took.iter().map(|(id, took)| (id, delay(took))).collect()
    }
}

fn instant(passed: Duration) -> Timestamp {
    "2026-04-10T00:00:00Z".parse::<Timestamp>().unwrap() + passed
}

fn until_next(task: &FeedTask, passed: Duration) -> Duration {
    next_poll(task, instant(passed)).duration_since(instant(passed)).unsigned_abs()
}

#[test]
fn five_thousand_feeds_of_one_namespace_make_those_of_another_no_later_than_by_a_fifth() {
    let alone = Life::of(neighbour()).live(LIVED);
    let usual = alone.delays();
    assert_eq!(usual.len(), 24);
    assert!(alone.took.values().all(|took| took.len() >= 29), "one a minute");
    let host = |number: usize, kind: &str| match kind {
        "a host each" => format!("h{number}.example"),
        "one host" => "noisy.example".to_owned(),
        _ => "one.example".to_owned(),
    };
    for kind in ["a host each", "one host", "the neighbour's host"] {
        let noise = (0..MANY).map(|number| task("noisy", number, &host(number, kind)));
        let crowded = Life::of(noise.chain(neighbour()).collect()).live(LIVED);
        assert!(crowded.polls_of_others > 100, "{kind}: they are polled too");
        let mut longest = Duration::ZERO;
        for (id, (mean, most)) in crowded.delays() {
            let (usual, _) = usual[id];
            assert!(mean <= MOST * usual, "{kind}: {id:?} takes {mean:.3} s, and {usual:.3} s without the others");
            longest = longest.max(most);
        }
        assert!(longest < Duration::from_secs(2), "{kind}: one poll took {longest:?}");
        assert!(
            crowded.took.iter().all(|(id, took)| took.len() >= alone.took[id].len() - 1),
            "{kind}: none is left out"
        );
    }
}

/// How long it takes until all feeds of the neighbour are polled that are due at one instant, beside those of others.
fn burst(others: impl Iterator<Item = FeedTask>) -> Duration {
    let first = |task: &FeedTask, passed| match task.namespace.as_str() {
        "honest" => BURST,
        _ => until_next(task, passed),
    };
    let life = Life::with(others.chain(neighbour()).collect(), first).live(AFTER_BURST);
    assert_eq!(life.took.len(), 24, "each was polled");
    life.took.values().map(|took| took[0]).max().unwrap()
}

#[test]
fn feeds_that_are_due_at_once_take_twice_as_long_at_a_host_that_another_namespace_asks_too_and_no_longer() {
    let alone = burst(std::iter::empty());
    assert_eq!(alone, 3 * QUICK, "four at once of the twelve of each host");
    for (host, most) in [("noisy.example", alone), ("one.example", 2 * alone)] {
        let took = burst((0..MANY).map(|number| task("noisy", number, host)));
        assert!(took <= most, "beside feeds at {host}: {took:?}, and {alone:?} without");
    }
}

#[test]
fn feeds_that_are_never_asked_keep_no_place_at_the_host_of_another_namespace() {
    let alone = burst(std::iter::empty());
    let suspended = |number| FeedTask { suspended: true, ..task("idle", number, "one.example") };
    let over = |number| FeedTask { term_end: instant(Duration::ZERO), ..task("idle", number, "one.example") };
    assert_eq!(burst((0..2).map(suspended)), alone, "suspended");
    assert_eq!(burst((0..2).map(over)), alone, "of contracts that are over");
}

#[test]
fn few_feeds_are_asked_at_once_after_a_start_and_many_are_spread_over_two_seconds() {
    for (feeds, milliseconds) in [(1, 5), (20, 100), (400, 2_000), (5_000, 2_000)] {
        let delays = (0..200).map(|number| start_delay(&task("a", number, "one.example"), feeds, &Clock::real()));
        let (longest, most) = (delays.max().unwrap(), Duration::from_millis(milliseconds));
        assert!(longest < most && longest > most.mul_f64(0.9), "{feeds} feeds: {longest:?}");
    }
}
