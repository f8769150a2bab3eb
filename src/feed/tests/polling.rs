//! The scheduler against a real server and a real store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::fetching::{feed, impatient, opened};
use super::server::{Asked, Reply, Server};
use crate::api::condition::Reason;
use crate::clock::Clock;
use crate::evidence::EvidenceStore;
use crate::evidence::sqlite::SqliteStore;
use crate::feed::scheduler::{FeedTask, Scheduler};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{CredentialError, CredentialSource};
use crate::outbound::guard::SystemLookup;
use crate::outbound::secret::SecretData;

/// A scheduler that runs, with its store in a folder of its own; ends when it is dropped.
pub(super) struct Running {
    pub(super) scheduler: Scheduler,
    pub(super) store: Arc<dyn EvidenceStore>,
    stop: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(super) fn start(directory: &tempfile::TempDir, clock: Clock) -> Self {
        Self::start_with(directory, clock, Arc::new(MemorySource::default()))
    }

    pub(super) fn start_with(directory: &tempfile::TempDir, clock: Clock, source: Arc<MemorySource>) -> Self {
        let client = FeedClient::with(opened(), Arc::new(SystemLookup), impatient());
        Self::start_asking(client, directory, clock, source)
    }

    pub(super) fn start_asking(
        client: FeedClient,
        directory: &tempfile::TempDir,
        clock: Clock,
        source: Arc<MemorySource>,
    ) -> Self {
        let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let scheduler = Scheduler::new(Arc::new(client), store.clone(), source, clock);
        let stop = CancellationToken::new();
        let worker = tokio::spawn({
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop).await }
        });
        Running { scheduler, store, stop, worker }
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        self.worker.await.unwrap();
    }
}

pub(super) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn task(uid: &str, url: &str, extra: &str) -> FeedTask {
    FeedTask {
        contract_uid: uid.into(),
        namespace: "team".into(),
        contract: "acme-care".into(),
        feed: feed(url, extra).into(),
        term_start: "2026-01-01T00:00:00Z".parse().unwrap(),
        term_end: "2027-01-01T00:00:00Z".parse().unwrap(),
        time_zone: "Europe/London".into(),
        calendar: None,
        suspended: false,
    }
}

pub(super) fn rehearsal(speed: f64) -> Clock {
    Clock::rehearsal("2026-04-10T00:00:00Z".parse().unwrap(), speed).unwrap()
}

pub(super) fn window(asked: &Asked) -> (Timestamp, Timestamp) {
    let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.parse().unwrap();
    (value("since"), value("until"))
}

/// One row a day for every day that lies whole in the window.
pub(super) fn daily(asked: &Asked) -> Reply {
    let (since, until) = window(asked);
    let mut rows = Vec::new();
    let day = SignedDuration::from_hours(24);
    let mut start = Timestamp::from_second(since.as_second().div_euclid(86_400) * 86_400).unwrap();
    while start + day <= until {
        rows.push(format!(
            r#"{{"start":"{start}","end":"{}","measures":{{"offered":{}}}}}"#,
            start + day,
            start.as_second() / 86_400
        ));
        start += day;
    }
    Reply::json(format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":null}}"#, rows.join(",")))
}

#[tokio::test]
async fn the_past_is_fetched_in_windows_and_then_the_look_back_again_and_again() {
    let server = Server::start(daily).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    let mut events = running.scheduler.events();
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
    eventually("the look-back", async || server.asked().len() >= 7).await;
    let asked: Vec<_> = server.asked().iter().map(window).collect();
    let starts: Vec<String> = asked.iter().take(4).map(|(since, _)| since.to_string()).collect();
    assert_eq!(
        starts,
        ["2026-01-01T00:00:00Z", "2026-01-31T23:30:00Z", "2026-03-03T23:00:00Z", "2026-04-03T22:30:00Z"]
    );
    assert!(asked.iter().take(4).all(|(since, until)| until.duration_since(*since).as_hours() <= 31 * 24));
    for (since, until) in &asked[4..] {
        assert!((3 * 86_400 - 1..=3 * 86_400 + 1).contains(&until.duration_since(*since).as_secs()), "{since} {until}");
    }
    let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
    assert!(rows.len() >= 99 && rows.iter().all(|row| row.revision == 1), "{} rows", rows.len());
    let health = running.scheduler.health_of("uid-1");
    assert!(health["acd"].is_healthy() && !health["acd"].backfilling);
    let first = events.recv().await.unwrap();
    assert!(first.transition && first.commit.as_ref().unwrap().added == 31);
    running.end().await;
}

#[tokio::test]
async fn a_feed_whose_clock_is_off_says_so_and_stays_healthy() {
    let real = Clock::real().now();
    for (ahead, note) in [
        (0, ""),
        (60, ""),
        (600, "; the vendor's clock is more than 5 minutes ahead: rows that lie in the future are set aside"),
        (-7_200, "; the vendor's clock is more than an hour behind: its newest rows may come late"),
    ] {
        let shown = std::time::SystemTime::from(real + jiff::SignedDuration::from_secs(ahead));
        let server = Server::start(move |asked| match daily(asked) {
            Reply::Bytes(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\nDate: {}\r\n", httpdate::fmt_http_date(shown));
                let bytes = String::from_utf8(bytes).unwrap();
                Reply::Bytes(bytes.replacen("HTTP/1.1 200 OK\r\n", &head, 1).into_bytes())
            }
            other => other,
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&directory, rehearsal(1_000.0));
        running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
        let health = || running.scheduler.health_of("uid-1").get("acd").cloned();
        eventually("it is fetched", async || health().is_some_and(|health| !health.backfilling)).await;
        let health = health().unwrap();
        assert!(health.is_healthy());
        assert_eq!(health.message, format!("the last poll succeeded{note}"), "{ahead} s");
        running.end().await;
    }
}

#[tokio::test]
async fn an_interrupted_back_fill_resumes_where_it_stopped() {
    let broken = Arc::new(AtomicBool::new(true));
    let server = Server::start({
        let broken = broken.clone();
        move |asked| {
            let late = window(asked).0 > "2026-02-15T00:00:00Z".parse().unwrap();
            if late && broken.load(Ordering::SeqCst) {
                Reply::answer("500 Internal Server Error", &[], "")
            } else {
                daily(asked)
            }
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(600.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
    eventually("the failure", async || {
        running.scheduler.health_of("uid-1").get("acd").is_some_and(|health| !health.is_healthy())
    })
    .await;
    let health = running.scheduler.health_of("uid-1")["acd"].clone();
    assert_eq!((health.reason, health.backfilling), (Reason::Status, true));
    assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap().len(), 61);
    running.end().await;
    let before = server.asked().len();
    broken.store(false, Ordering::SeqCst);
    let running = Running::start(&directory, rehearsal(600.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
    eventually("the end of the back-fill", async || {
        running.scheduler.health_of("uid-1").get("acd").is_some_and(|health| health.is_healthy() && !health.backfilling)
    })
    .await;
    assert_eq!(window(&server.asked()[before]).0.to_string(), "2026-03-03T23:00:00Z");
    assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap().len(), 99);
    running.end().await;
}

#[tokio::test]
async fn the_same_answer_again_changes_nothing_and_a_correction_is_a_revision() {
    let value = Arc::new(AtomicUsize::new(7));
    let server = Server::start({
        let value = value.clone();
        move |_| {
            let row = r#""start":"2026-04-09T00:00:00Z","end":"2026-04-09T00:30:00Z""#;
            let offered = value.load(Ordering::SeqCst);
            Reply::json(format!(
                r#"{{"schema":"bpo-feed/v1","rows":[{{{row},"measures":{{"offered":{offered}}}}}],"next":null}}"#
            ))
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(300.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), r#","interval":"30s""#)]);
    let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
    eventually("four polls more than the back-fill", async || server.asked().len() >= 8).await;
    assert_eq!(rows().await.len(), 1);
    value.store(8, Ordering::SeqCst);
    eventually("the correction", async || rows().await.len() == 2).await;
    assert_eq!(rows().await.iter().map(|row| row.revision).collect::<Vec<_>>(), [1, 2]);
    running.end().await;
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_no_longer_asked() {
    let counts = Arc::new(Mutex::new(std::collections::BTreeMap::<String, usize>::new()));
    let server = Server::start({
        let counts = counts.clone();
        move |asked| {
            let path = asked.target.split('?').next().unwrap().to_owned();
            *counts.lock().unwrap().entry(path).or_default() += 1;
            daily(asked)
        }
    })
    .await;
    let asked = |path: &str| counts.lock().unwrap().get(path).copied().unwrap_or_default();
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(3_600.0));
    for name in ["stays", "removed", "suspended", "moved"] {
        running.scheduler.set_feeds_of(name, vec![task(name, &server.url(&format!("/{name}")), "")]);
    }
    eventually("all are asked", async || {
        ["/stays", "/removed", "/suspended", "/moved"].iter().all(|path| asked(path) >= 5)
    })
    .await;
    running.scheduler.remove("removed");
    let suspended = FeedTask { suspended: true, ..task("suspended", &server.url("/suspended"), "") };
    running.scheduler.set_feeds_of("suspended", vec![suspended]);
    running.scheduler.set_feeds_of("moved", vec![task("moved", &server.url("/new"), "")]);
    eventually("the new address is asked", async || asked("/new") >= 1).await;
    let (stays, before) = (asked("/stays"), ["/removed", "/suspended", "/moved"].map(asked));
    eventually("the other goes on", async || asked("/stays") >= stays + 3).await;
    // A request that ran before may have ended since; none begins.
    for (path, before) in ["/removed", "/suspended", "/moved"].iter().zip(before) {
        assert!(asked(path) <= before + 1, "{path}");
    }
    assert!(running.scheduler.health_of("removed").is_empty() && running.scheduler.health_of("suspended").is_empty());
    running.end().await;
}

#[tokio::test]
async fn a_namespace_full_of_slow_feeds_does_not_stop_another() {
    let slow = Server::start(|_| Reply::Stall(Vec::new())).await;
    let quick = Server::start(daily).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(60.0));
    for number in 0..300 {
        let uid = format!("noisy-{number}");
        // Each on a host of its own, so that only the fairness between namespaces helps.
        let host = format!("http://127.0.{}.{}:{}/", 1 + number / 200, 1 + number % 200, slow.address.port());
        let mut task = task(&uid, &host, r#","timeout":"20s""#);
        task.namespace = "noisy".into();
        running.scheduler.set_feeds_of(&uid, vec![task]);
    }
    let began = Instant::now();
    running.scheduler.set_feeds_of("quiet", vec![task("quiet", &quick.url("/"), "")]);
    eventually("the quiet one is healthy", async || {
        running.scheduler.health_of("quiet").get("acd").is_some_and(|health| health.is_healthy())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    running.end().await;
}

#[tokio::test]
async fn a_window_that_is_too_large_is_halved() {
    let server = Server::start(|asked| {
        let (since, until) = window(asked);
        if until.duration_since(since).as_hours() > 10 * 24 {
            Reply::answer("200 OK", &[("Content-Type", "application/json")], vec![b' '; 11_000_000])
        } else {
            daily(asked)
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(600.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), r#","timeout":"10s""#)]);
    eventually("the back-fill", async || {
        running.scheduler.health_of("uid-1").get("acd").is_some_and(|health| health.is_healthy() && !health.backfilling)
    })
    .await;
    assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap().len(), 99);
    running.end().await;
}

/// Secrets in memory; counts how often they are read, and does not answer while it is away.
#[derive(Default)]
struct Watched {
    secrets: MemorySource,
    reads: AtomicUsize,
    is_away: AtomicBool,
}

impl Watched {
    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl CredentialSource for Watched {
    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(CredentialError::Unavailable("etcd has no leader".to_owned())) });
        }
        self.secrets.secret(namespace, name)
    }

    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, CredentialError>> {
        self.secrets.config_map(namespace, name)
    }
}

#[tokio::test]
async fn a_secret_that_was_missing_or_refused_is_read_again_soon_and_the_vendor_is_asked_with_another_one_alone() {
    let server = Server::start(|asked| match asked.header("authorization").as_deref() {
        Some("Bearer right") => daily(asked),
        _ => Reply::answer("401 Unauthorized", &[], ""),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let client = Arc::new(FeedClient::with(opened(), Arc::new(SystemLookup), impatient()));
    let source = Arc::new(Watched::default());
    // Twelve hours pass between two turns of the feed, and a clock that hardly moves still brings none.
    let scheduler =
        Scheduler::with_secret_retry(client, store, source.clone(), rehearsal(0.001), Duration::from_millis(50));
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    let auth = r#","interval":"12h","auth":{"bearer":{"tokenSecretRef":{"name":"acme","key":"token"}}}"#;
    scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), auth)]);
    let reason = || scheduler.health_of("uid-1").get("acd").map(|health| health.reason);

    eventually("the Secret is missed", async || reason() == Some(Reason::SecretNotFound)).await;
    source.secrets.put("team", "acme", "127.0.0.1", &[("token", "wrong")]);
    eventually("the wrong one is refused", async || reason() == Some(Reason::Auth)).await;
    let (asked, read) = (server.asked().len(), source.reads());
    eventually("it is read again and again", async || source.reads() >= read + 5).await;
    assert_eq!(server.asked().len(), asked, "repeats with a refused password lock accounts");
    scheduler.poll_now("uid-1", Some("acd"));
    eventually("who asks for a fetch gets one", async || server.asked().len() > asked).await;
    source.secrets.put("team", "acme", "127.0.0.1", &[("token", "right")]);
    eventually("the rotated one is used", async || reason() == Some(Reason::Fetched)).await;

    let settled = async || {
        let health = scheduler.health_of("uid-1");
        health.get("acd").is_some_and(|health| !health.backfilling)
    };
    eventually("the past is fetched", settled).await;
    let asked = server.asked().len();
    for (feed, more) in [(Some("other"), 0), (Some("acd"), 1), (None, 2)] {
        scheduler.poll_now("uid-1", feed);
        eventually("it is fetched now", async || server.asked().len() == asked + more).await;
    }
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_moment_without_the_secret_is_not_the_feed_s_failure_and_a_long_time_is() {
    let server = Server::start(daily).await;
    // A patience that outlasts the test, and one that does not.
    for (patience, expected) in
        [(Duration::from_secs(900), Reason::Fetched), (Duration::from_millis(50), Reason::Connect)]
    {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let client = Arc::new(FeedClient::with(opened(), Arc::new(SystemLookup), impatient()));
        let source = Arc::new(Watched { is_away: AtomicBool::new(true), ..Watched::default() });
        source.secrets.put("team", "acme", "127.0.0.1", &[("token", "right")]);
        let scheduler = Scheduler::with_secret_retry(client, store, source.clone(), rehearsal(0.001), patience);
        let stop = CancellationToken::new();
        let worker = tokio::spawn({
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop).await }
        });
        let auth = r#","interval":"12h","auth":{"bearer":{"tokenSecretRef":{"name":"acme","key":"token"}}}"#;
        scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), auth)]);
        let reason = || scheduler.health_of("uid-1").get("acd").map(|health| health.reason);
        eventually("the Secret was asked for", async || source.reads() > 0).await;
        if expected == Reason::Fetched {
            assert_eq!(reason(), None, "nothing is known of the feed yet, least of all that it fails");
            source.is_away.store(false, Ordering::SeqCst);
            scheduler.poll_now("uid-1", None);
        }
        eventually("the feed is as expected", async || reason() == Some(expected)).await;
        stop.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn rows_that_the_store_sets_aside_are_shown_with_the_feed_s_health() {
    // The clock is stopped in April: the past is fetched in windows, and each answer brings the same rows of which two contradict each other
    // and one covers a time that is covered.
    let row = |start: &str, end: &str, offered: i64| {
        format!(
            r#"{{"start":"2026-04-02T{start}:00Z","end":"2026-04-02T{end}:00Z","measures":{{"offered":{offered}}}}}"#
        )
    };
    let rows = [row("09:00", "10:00", 1), row("09:30", "10:30", 2), row("11:00", "12:00", 3), row("11:00", "12:00", 4)];
    let body = format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":null}}"#, rows.join(","));
    let server = Server::start(move |_: &Asked| Reply::json(body.clone())).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
    let health = || running.scheduler.health_of("uid-1").get("acd").cloned();
    eventually("three of the latest answer", async || {
        health().is_some_and(|health| health.is_healthy() && !health.backfilling && health.set_aside == 3)
    })
    .await;
    assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap().len(), 1);
    running.end().await;
}

#[tokio::test]
async fn by_which_time_a_vendor_says_that_it_counts_is_known_after_its_first_answer() {
    let answer = r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"answeredWithin":20},"next":null}"#;
    let server = Server::start(move |_| Reply::json(answer)).await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
    let said = || running.scheduler.thresholds_of("uid-1");
    eventually("an answer", async || !said().is_empty()).await;
    assert_eq!(said()["acd"], [("answeredWithin".to_owned(), 20)].into());
    running.end().await;
}
