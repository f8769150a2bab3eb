//! Windows, quiet slots and records through the scheduler, a real server and a real store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::fetching::{impatient, opened};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server};
use crate::api::condition::Reason;
use crate::api::vendor_contract::FeedBackfill;
use crate::domain::measuring::row::Row;
use crate::feed::scheduler::FeedTask;
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::guard::SystemLookup;
use crate::outbound::limits::PaceClock;

fn window(asked: &Asked) -> (Timestamp, Timestamp) {
    let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.parse().unwrap();
    (value("since"), value("until"))
}

fn in_utc(server: &Server, extra: &str, term_start: &str) -> FeedTask {
    FeedTask {
        time_zone: "UTC".into(),
        term_start: term_start.parse().unwrap(),
        ..task("uid-1", &server.url("/"), extra)
    }
}

/// A clock for paces on which waiting takes no time: it shows the latest instant that anything waited for.
struct Patient {
    start: Instant,
    passed: Mutex<Duration>,
}

impl Patient {
    fn new() -> Arc<Self> {
        Arc::new(Patient { start: Instant::now(), passed: Mutex::default() })
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }
}

impl PaceClock for Patient {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    fn wait_until(&self, due: Instant) -> BoxFuture<'_, ()> {
        let mut passed = self.passed.lock().unwrap();
        *passed = (*passed).max(due.duration_since(self.start));
        Box::pin(std::future::ready(()))
    }
}

/// A row an hour, in the native format.
fn hours(asked: &Asked) -> Reply {
    let (since, until) = window(asked);
    let hour = SignedDuration::from_hours(1);
    let (mut start, mut rows) = (since, Vec::new());
    while start + hour <= until {
        rows.push(format!(r#"{{"start":"{start}","end":"{}","measures":{{"offered":1}}}}"#, start + hour));
        start += hour;
    }
    Reply::json(format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":null}}"#, rows.join(",")))
}

/// Runs until the past is complete, or was asked for a number of times; returns how far it was at each look.
async fn fetch_past(running: &Running, server: &Server, most: usize) -> Vec<FeedBackfill> {
    let (mut seen, before) = (Vec::new(), server.asked().len());
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.asked().len() < before.saturating_add(most) {
        let health = running.scheduler.health_of("uid-1").remove("acd");
        let backfill = health.as_ref().and_then(|health| health.backfill);
        seen.extend(backfill.filter(|backfill| seen.last() != Some(backfill)));
        if health.is_some_and(|health| health.is_healthy() && !health.backfilling) {
            break;
        }
        assert!(Instant::now() < deadline, "the past is not complete within a minute");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen
}

#[tokio::test]
async fn a_year_from_a_vendor_of_three_day_windows_and_60_requests_a_minute_is_paced_resumed_and_reported() {
    let (clock, times) = (Patient::new(), Arc::new(Mutex::new(Vec::new())));
    let server = Server::start({
        let (clock, times) = (clock.clone(), times.clone());
        move |asked| {
            times.lock().unwrap().push(clock.passed());
            hours(asked)
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let extra = r#","cadence":"1h","window":{"atMost":"3d","align":"1h","settle":"15m","perMinute":60}"#;
    let task = in_utc(&server, extra, "2025-04-10T00:00:00Z");
    let start = || {
        let client = FeedClient::with(opened(), Arc::new(SystemLookup), impatient()).paced_by(clock.clone());
        let running = Running::start_asking(client, &directory, rehearsal(1.0), Arc::default());
        running.scheduler.set_feeds_of("uid-1", vec![task.clone()]);
        running
    };
    let running = start();
    let mut seen = fetch_past(&running, &server, 50).await;
    running.end().await;
    let before = server.asked().len();
    let running = start();
    seen.extend(fetch_past(&running, &server, usize::MAX).await);
    let asked: Vec<_> = server.asked().iter().map(window).collect();
    let longest = asked.iter().map(|(since, until)| until.duration_since(*since)).max().unwrap();
    assert!(
        longest <= SignedDuration::from_hours(72) && (120..140).contains(&asked.len()),
        "{} of {longest}",
        asked.len()
    );
    assert!(asked[before].0 >= asked[before - 1].0, "the second start goes on where the first one was");
    // One request a second, and no second without one.
    let times = times.lock().unwrap().clone();
    let mut gaps = times.windows(2).enumerate().filter(|(place, _)| place + 1 != before);
    assert!(gaps.all(|(_, pair)| pair[1] - pair[0] == Duration::from_secs(1)), "{times:?}");
    // How far it is, as the status shows it.
    let term_start: Timestamp = "2025-04-10T00:00:00Z".parse().unwrap();
    assert!(seen.len() >= 10 && seen.iter().all(|progress| progress.from == term_start), "{seen:?}");
    assert!(seen.iter().all(|progress| {
        let days = progress.fetched_until.duration_since(term_start).as_hours() / 24;
        (progress.percent - days * 100 / 365).abs() <= 1
    }));
    assert!(seen.windows(2).all(|pair| pair[0].percent <= pair[1].percent), "{seen:?}");
    assert!(seen[0].percent < 10 && seen[seen.len() - 1].percent > 90, "{seen:?}");
    assert_eq!(running.scheduler.health_of("uid-1")["acd"].backfill, None, "what is complete is not shown");
    let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
    assert_eq!(
        (rows.len(), rows.iter().all(|row| row.revision == 1)),
        (365 * 24 - 1, true),
        "every settled hour, once"
    );
    running.end().await;
}

const QUIET: &str = r#","cadence":"30m","quiet":"Zeros","window":{"settle":"15m"},"format":{"json":{"rows":"$.rows[*]","start":"$.at",
    "labels":[{"name":"queue","path":"$.queue"},{"name":"site","value":"cebu"}],"measures":[{"name":"offered","path":"$.n"}]}}"#;

#[tokio::test]
async fn slots_about_which_the_same_answer_says_nothing_become_known_as_they_settle() {
    let server = Server::start(|_| Reply::json(r#"{"rows":[{"at":"2026-04-09T22:00:00Z","queue":"a","n":4}]}"#)).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![in_utc(&server, QUIET, "2026-04-09T00:00:00Z")]);
    let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
    let late: Timestamp = "2026-04-10T01:00:00Z".parse().unwrap();
    eventually("a slot that settled later", async || rows().await.iter().any(|row| row.start >= late)).await;
    let rows = rows().await;
    assert!(rows.iter().all(|row| row.revision == 1 && row.labels["site"] == "cebu"));
    let (real, zeros): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.labels.contains_key("queue"));
    assert_eq!(real.len(), 1);
    let first: Timestamp = "2026-04-09T22:30:00Z".parse().unwrap();
    assert_eq!(zeros.iter().map(|row| row.start).min(), Some(first), "nothing is quiet before the first row");
    assert!(zeros.iter().all(|row| row.measures["offered"].is_zero()));
    let last = zeros.iter().map(|row| row.end).max().unwrap();
    assert_eq!(zeros.len() as i64, last.duration_since(first).as_mins() / 30, "no slot between them is missing");
    running.end().await;
}

const CALLS: &str = r#","cadence":"1h","window":{"settle":"15m"},"format":{"json":{"rows":"$.calls[*]","records":{"at":"$.at","id":"$.id"},
    "labels":[{"name":"queue","path":"$.queue"}],"measures":[{"name":"offered","count":{}}]}}"#;

/// The latest figures, by hour and queue.
fn latest(rows: &[Row]) -> Vec<String> {
    let mut latest = std::collections::BTreeMap::new();
    for row in rows {
        latest.insert((row.start, row.labels["queue"].clone()), row.measures["offered"]);
    }
    latest.iter().map(|((start, queue), offered)| format!("{} {queue} {offered}", start.strftime("%H"))).collect()
}

#[tokio::test]
async fn a_record_that_moves_is_taken_from_where_it_was_and_an_answer_that_shrinks_is_not_believed_at_once() {
    let turn = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let turn = turn.clone();
        move |_| {
            let call = |id: u32, at: &str, queue: &str| {
                format!(r#"{{"id":{id},"at":"2026-04-09T{at}:00Z","queue":"{queue}"}}"#)
            };
            let moved = if turn.load(Ordering::SeqCst) == 0 { "b" } else { "c" };
            let calls = [call(1, "21:05", "a"), call(2, "21:59", "a"), call(3, "22:00", "a"), call(4, "22:30", moved)];
            let shown = if turn.load(Ordering::SeqCst) == 2 { &calls[..0] } else { &calls[..] };
            Reply::json(format!(r#"{{"calls":[{}]}}"#, shown.join(",")))
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![in_utc(&server, CALLS, "2026-04-09T00:00:00Z")]);
    let figures = async || latest(&running.store.rows("uid-1", "acd", 0).await.unwrap());
    eventually("the first answer", async || figures().await == ["21 a 2", "22 a 1", "22 b 1"]).await;
    turn.store(1, Ordering::SeqCst);
    eventually("the moved call", async || figures().await == ["21 a 2", "22 a 1", "22 b 0", "22 c 1"]).await;
    turn.store(2, Ordering::SeqCst);
    let reason = || running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason);
    eventually("the empty answer is a failure", async || reason() == Some(Reason::Shrunk)).await;
    assert_eq!(figures().await, ["21 a 2", "22 a 1", "22 b 0", "22 c 1"], "nothing is withdrawn yet");
    eventually("the answers of an hour agree", async || figures().await == ["21 a 0", "22 a 0", "22 b 0", "22 c 0"])
        .await;
    eventually("the feed is healthy again", async || reason() == Some(Reason::Fetched)).await;
    running.end().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_compared_for_many_sets_of_labels_says_so_and_withdraws_nothing() {
    let turn = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let turn = turn.clone();
        move |_| {
            let shown = 300 - turn.load(Ordering::SeqCst);
            let call = |id: usize| format!(r#"{{"id":{id},"at":"2026-04-09T22:05:00Z","queue":"{id:0120}"}}"#);
            Reply::json(format!(r#"{{"calls":[{}]}}"#, (0..shown).map(call).collect::<Vec<_>>().join(",")))
        }
    })
    .await;
    let twice = CALLS.replace(r#""labels":["#, r#""labels":[{"name":"again","path":"$.queue"},"#);
    for (reading, reason, withdrawn) in [(1 << 20, Reason::TooLarge, 0), (64 << 20, Reason::Fetched, 1)] {
        turn.store(0, Ordering::SeqCst);
        let directory = tempfile::tempdir().unwrap();
        let limits = ClientLimits { reading, ..impatient() };
        let client = FeedClient::with(opened(), Arc::new(SystemLookup), limits);
        let running = Running::start_asking(client, &directory, rehearsal(1_000.0), Arc::default());
        running.scheduler.set_feeds_of("uid-1", vec![in_utc(&server, &twice, "2026-04-09T00:00:00Z")]);
        let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
        eventually("the first answer", async || rows().await.len() == 300).await;
        turn.store(1, Ordering::SeqCst);
        let asked = server.asked().len();
        let health = || running.scheduler.health_of("uid-1").get("acd").cloned();
        let is_said = || health().is_some_and(|health| health.reason == reason);
        eventually("it is said", async || is_said() && server.asked().len() > asked + 1).await;
        eventually("what is lacking", async || rows().await.len() == 300 + withdrawn).await;
        if withdrawn == 0 {
            let message = health().unwrap().message;
            assert!(message.starts_with("the 300 sets of labels of feed acd take "), "{message}");
            let ending = "more than the 128 KiB for comparing: what the answer lacks is not withdrawn; serve fewer labels, or give the operator more --memory";
            assert!(message.ends_with(ending), "{message}");
        }
        running.end().await;
    }
}

#[tokio::test]
async fn rows_of_days_in_windows_of_half_hours_are_set_aside_with_a_reason_and_taken_once_the_cadence_says_days() {
    let body = r#"[{"day":"2026-04-08","n":7},{"day":"2026-04-09","n":8}]"#;
    let format = r#""format":{"json":{"rows":"$[*]","start":"$.day","measures":[{"name":"offered","path":"$.n"}]}}"#;
    for (extra, taken, reasons) in [
        // The look-back begins at noon, so that its first day is cut, and the day that runs is not over.
        (format!(r#","lookBack":"36h","window":{{}},{format}"#), vec!["2026-04-08"], vec!["AcrossWindow"]),
        (
            format!(r#","lookBack":"36h","window":{{"align":"24h"}},"cadence":"24h",{format}"#),
            vec!["2026-04-08", "2026-04-09"],
            vec![],
        ),
    ] {
        let server = Server::start(move |_| Reply::json(body)).await;
        let directory = tempfile::tempdir().unwrap();
        let clock = crate::clock::Clock::rehearsal("2026-04-09T23:00:00Z".parse().unwrap(), 1.0).unwrap();
        let clock = if reasons.is_empty() { rehearsal(1.0) } else { clock };
        let running = Running::start(&directory, clock);
        running.scheduler.set_feeds_of("uid-1", vec![in_utc(&server, &extra, "2026-04-08T00:00:00Z")]);
        let days = async || -> Vec<String> {
            let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
            rows.iter().map(|row| row.start.strftime("%Y-%m-%d").to_string()).collect()
        };
        eventually("the rows", async || days().await == taken).await;
        let set_aside = running.store.rejected("uid-1", "acd", 10).await.unwrap();
        let found: Vec<&str> = set_aside.iter().map(|row| row.reason.as_str()).collect();
        assert_eq!(found, reasons, "{extra}");
        running.end().await;
    }
}
