//! What it costs to poll a thousand feeds every 30 s: `cargo bench --bench feeds`.
//!
//! The vendor is a process of its own on loopback and answers each request with the half-hours of seven queues within the window that it
//! is asked for. `BPO_BENCH_FEEDS` (1,000) feeds of 50 contracts in 10 namespaces are polled on one thread into an SQLite store for
//! `BPO_BENCH_SECONDS` (120) after every feed was fetched once; processor time and resident memory are the process's own, as the
//! kernel counts them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on may end"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::RawQuery;
use bpo_operator::clock::Clock;
use bpo_operator::evidence::EvidenceStore;
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::feed::scheduler::{FeedOutcome, FeedTask, Scheduler};
use bpo_operator::outbound::client::{ClientLimits, FeedClient};
use bpo_operator::outbound::credentials::{CredentialError, CredentialSource};
use bpo_operator::outbound::guard::{AddressPolicy, SystemLookup};
use bpo_operator::outbound::secret::SecretData;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const QUEUES: [&str; 7] = ["billing", "sales", "support", "retention", "upgrades", "claims", "premium"];
const HALF_HOUR: i64 = 1_800;

fn main() {
    if std::env::var_os("BPO_BENCH_VENDOR").is_some() {
        return runtime().block_on(serve());
    }
    // `cargo test --benches` only looks whether everything starts.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let feeds = number("BPO_BENCH_FEEDS", if in_earnest { 1_000 } else { 10 });
    let seconds = number("BPO_BENCH_SECONDS", if in_earnest { 120 } else { 1 });
    runtime().block_on(measure(feeds, Duration::from_secs(seconds)));
}

fn runtime() -> tokio::runtime::Runtime {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn answer(RawQuery(query): RawQuery) -> String {
    let asked = url::Url::parse(&format!("http://vendor/?{}", query.unwrap_or_default())).unwrap();
    let instant =
        |name: &str| -> Timestamp { asked.query_pairs().find(|(key, _)| key == name).unwrap().1.parse().unwrap() };
    let (since, until) = (instant("since"), instant("until"));
    let slots = |instant: Timestamp| instant.as_second().div_euclid(HALF_HOUR);
    let at = |slot: i64| Timestamp::from_second(slot * HALF_HOUR).unwrap().to_string();
    let rows: Vec<serde_json::Value> = (slots(since)..slots(until))
        .flat_map(|slot| {
            QUEUES.iter().map(move |queue| {
                json!({
                    "start": at(slot), "end": at(slot + 1), "labels": {"queue": queue},
                    "measures": {
                        "offered": slot % 97 + 40, "answered": slot % 97 + 35, "answeredWithin": slot % 97 + 20, "abandoned": 5,
                        "abandonedWithin": 2, "handled": slot % 97 + 35, "handleSeconds": 9_000, "waitSeconds": 900,
                    },
                })
            })
        })
        .collect();
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string()
}

async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap();
}

/// The vendor's process; it ends with the value.
struct Vendor {
    child: Child,
    address: String,
}

impl Vendor {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("BPO_BENCH_VENDOR", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Feeds that show no credentials.
struct NoSecrets;

impl CredentialSource for NoSecrets {
    fn secret<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>> {
        Box::pin(async { Err(CredentialError::NotFound) })
    }

    fn config_map<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<std::collections::BTreeMap<String, String>, CredentialError>> {
        Box::pin(async { Err(CredentialError::NotFound) })
    }
}

fn tasks(contract: u64, feeds: u64, address: &str) -> Vec<FeedTask> {
    let now = Clock::real().now();
    (0..feeds)
        .map(|number| FeedTask {
            contract_uid: format!("uid-{contract}"),
            namespace: format!("team-{}", contract % 10),
            contract: format!("contract-{contract}"),
            feed: serde_json::from_value(json!({
                "name": format!("feed-{number}"), "url": format!("http://{address}/{contract}/{number}"), "interval": "30s",
                "lookBack": "2h",
            }))
            .unwrap(),
            term_start: now - SignedDuration::from_hours(48),
            term_end: now + SignedDuration::from_hours(24 * 365),
            time_zone: "UTC".to_owned(),
            calendar: None,
            suspended: false,
        })
        .collect()
}

/// Processor time of this process so far, and its resident memory in KiB.
fn usage() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    // Linux counts in hundredths of a second for everyone who asks.
    (Duration::from_millis(ticks * 10), resident.trim().trim_end_matches(" kB").parse().unwrap())
}

async fn measure(feeds: u64, span: Duration) {
    let vendor = Vendor::start();
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(folder.path()).unwrap());
    let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
    // One host serves all of these feeds, which has its own limit elsewhere.
    let limits = ClientLimits { per_host: 64, ..ClientLimits::default() };
    let client = Arc::new(FeedClient::with(policy, Arc::new(SystemLookup), limits));
    let scheduler = Scheduler::new(client, store, Arc::new(NoSecrets), Clock::real());
    let mut events = scheduler.events();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (scheduler, stop) = (scheduler.clone(), stop.clone());
        async move { scheduler.run(stop).await }
    });
    let (_, before) = usage();
    let contracts = (feeds / 20).max(1);
    for contract in 0..contracts {
        scheduler.set_feeds_of(&format!("uid-{contract}"), tasks(contract, feeds / contracts, &vendor.address));
    }
    let began = Instant::now();
    let mut fetched = BTreeSet::new();
    while (fetched.len() as u64) < feeds {
        let event = events.recv().await.unwrap();
        assert_eq!(event.outcome, FeedOutcome::Fetched, "{}/{}", event.contract, event.feed);
        fetched.insert((event.contract_uid.clone(), event.feed.clone()));
    }
    println!("{feeds} feeds were fetched for the first time, two days each, in {:.1} s", began.elapsed().as_secs_f64());
    let ((first, _), began) = (usage(), Instant::now());
    let (mut polls, mut failed) = (0_u64, 0_u64);
    while let Ok(Ok(event)) = tokio::time::timeout(span.saturating_sub(began.elapsed()), events.recv()).await {
        polls += 1;
        failed += u64::from(event.outcome != FeedOutcome::Fetched);
    }
    let ((last, after), wall) = (usage(), began.elapsed().as_secs_f64());
    let spent = (last - first).as_secs_f64();
    println!("{polls} polls in {wall:.0} s, {failed} of them failed: {:.1} a second", polls as f64 / wall);
    println!("{:.1} % of one core, {:.2} ms a poll", 100.0 * spent / wall, 1_000.0 * spent / polls.max(1) as f64);
    println!(
        "{:.1} KiB resident a feed ({before} KiB before, {after} KiB after)",
        (after - before) as f64 / feeds as f64
    );
    stop.cancel();
    running.await.unwrap();
}
