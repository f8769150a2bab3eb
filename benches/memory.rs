//! What a year of history costs the operator: `cargo bench --bench memory`.
//!
//! Ten contracts (`BPO_BENCH_CONTRACTS`) have a feed of twelve label sets, half-hours and four measures for so many years
//! (`BPO_BENCH_YEARS`, 1), and four KPIs each. They are put into an SQLite store; then a process of its own opens the store, as the
//! operator does after a restart, judges every contract through the operator's cache, and judges again.
//! `BPO_BENCH_MEMORY` (MiB) is what the cache may hold; default: as much as it likes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on may end"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bpo_operator::controller::evidence_cache::EvidenceCache;
use bpo_operator::domain::facts::{ContractFacts, Terms};
use bpo_operator::domain::judgement::judge_again;
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, EvidenceStore, FeedKey, IncomingRow};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::runtime::Runtime;

const SITES: [&str; 3] = ["cebu", "bogota", "leeds"];
const QUEUES: [&str; 4] = ["billing", "sales", "support", "claims"];
const LABEL_SETS: i64 = 12;
const FEED: &str = "acd";

fn main() {
    // `cargo test --benches` only looks whether everything starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if let Some(store) = std::env::var_os("BPO_BENCH_STORE") {
        return judge_all(Path::new(&store));
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the store");
    fill(directory.path());
    let program = std::env::current_exe().expect("this program");
    let ended = std::process::Command::new(program).arg("--bench").env("BPO_BENCH_STORE", directory.path()).status();
    assert!(ended.expect("a process").success(), "the process that judges failed");
}

fn number(variable: &str, otherwise: i64) -> i64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn days() -> i64 {
    365 * number("BPO_BENCH_YEARS", 1)
}

fn contracts() -> Vec<String> {
    (0..number("BPO_BENCH_CONTRACTS", 10)).map(|contract| format!("uid-{contract}")).collect()
}

fn begin() -> Timestamp {
    "2016-01-01T00:00:00Z".parse().unwrap()
}

fn slot(number: i64) -> Timestamp {
    begin() + SignedDuration::from_mins(30 * number)
}

fn key(uid: &str) -> FeedKey {
    let [namespace, contract, feed] = ["bench", uid, FEED].map(str::to_owned);
    FeedKey { contract_uid: uid.to_owned(), namespace, contract, feed }
}

/// The rows of some half-hours, as one body.
fn body(slots: std::ops::Range<i64>, label_sets: i64, backfill: bool) -> Batch {
    let received_at = slot(slots.end);
    let row = |place: i64, set: i64| {
        let offered = (place * 37 + set * 101) % 180 + 20;
        let labels = [("queue", QUEUES[set as usize % 4]), ("site", SITES[set as usize / 4])];
        let measures = [
            ("answered", offered * 93 / 100),
            ("answeredWithin", offered * (70 + place % 25) / 100),
            ("handleSeconds", offered * (240 + place % 90)),
            ("offered", offered),
        ];
        IncomingRow {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            start: slot(place),
            end: slot(place + 1),
            measures: measures.map(|(name, value)| (name.to_owned(), value.into())).into(),
            vendor_revision: None,
            recorded_at: None,
        }
    };
    let mut body_digest = [0; 32];
    body_digest[..8].copy_from_slice(&slots.start.to_be_bytes());
    Batch {
        received_at,
        body_digest,
        url_host: Some("feeds.acme.example".to_owned()),
        backfill,
        plan: false,
        rows: slots.flat_map(|place| (0..label_sets).map(move |set| row(place, set))).collect(),
        rejected: Vec::new(),
        progress: None,
        state: None,
    }
}

fn fill(directory: &Path) {
    let (runtime, store) = (Runtime::new().unwrap(), SqliteStore::open(directory).expect("a store"));
    let began = Instant::now();
    for uid in contracts() {
        for first in (0..days() * 48).step_by(30 * 48) {
            let batch = body(first..(first + 30 * 48).min(days() * 48), LABEL_SETS, true);
            runtime.block_on(store.commit(key(&uid), batch)).expect("a commit");
        }
    }
    let rows = contracts().len() as i64 * days() * 48 * LABEL_SETS;
    println!("filled: {rows} rows in {:.1} s", began.elapsed().as_secs_f64());
}

fn terms() -> Terms {
    let kpi = |kpi: &str, more: serde_json::Value| {
        let mut spec =
            json!({"contractRef": {"name": "acme"}, "kpi": kpi, "source": {"feed": FEED}, "objective": {"target": 80}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    };
    let last = begin().to_zoned(jiff::tz::TimeZone::UTC).date() + jiff::Span::new().days(days() + 40);
    Terms {
        contract: serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2016-01-01", "end": last}, "timeZone": "Europe/London",
            "feeds": [{"name": FEED, "url": "https://feeds.acme.example/acd"}],
            "charges": {"currency": "GBP", "amount": 100_000, "atRiskPercent": 10},
            "credits": {"points": {"perPointPercent": 1}},
        }))
        .unwrap(),
        kpis: BTreeMap::from([
            ("level".to_owned(), kpi("ServiceLevel", json!({"variant": "AnsweredOnly"}))),
            (
                "level-of-sales".to_owned(),
                kpi(
                    "ServiceLevel",
                    json!({"variant": "AnsweredOnly", "source": {"feed": FEED, "labels": {"queue": "sales"}}}),
                ),
            ),
            (
                "level-of-cebu".to_owned(),
                kpi(
                    "ServiceLevel",
                    json!({"variant": "AnsweredOnly", "source": {"feed": FEED, "labels": {"site": "cebu"}}}),
                ),
            ),
            (
                "handling".to_owned(),
                kpi(
                    "Custom",
                    json!({"formula": {"numerator": "handleSeconds", "denominator": "answered", "better": "Lower"}, "objective": {"target": 300}}),
                ),
            ),
        ]),
        tiers: BTreeMap::new(),
    }
}

/// MiB of a line of `/proc/self/status`.
fn mebibytes(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.trim_start_matches(':').trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1_024.0
}

/// Seconds of processor time of this process.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Judges a contract as the operator does, unless its last judgement holds. Gives how many reports there are.
async fn look(cache: &EvidenceCache, uid: &str, terms: &Terms, now: Timestamp) -> usize {
    let evidence = cache.read(uid, &[FEED.to_owned()]).await.unwrap();
    if let Some(known) = cache.judgement(uid, [0; 32], &evidence, now) {
        return known.as_ref().as_ref().unwrap().reports.len();
    }
    let rows = cache.rows(uid, &evidence).await.unwrap();
    let mut rollups = cache.take_rollups(uid);
    let facts = ContractFacts {
        name: "acme",
        terms,
        closed_under: &evidence.closings,
        rows: &rows,
        journal: Some(&evidence.journal),
    };
    let judgement = Arc::new(judge_again(&facts, now, &mut rollups));
    let reports = judgement.as_ref().as_ref().unwrap().reports.len();
    cache.keep(uid, [0; 32], &evidence, now, &judgement, rollups);
    reports
}

fn judge_all(directory: &Path) {
    let runtime = Runtime::new().unwrap();
    let most = number("BPO_BENCH_MEMORY", i64::MAX >> 20) as usize;
    let (before, began) = (mebibytes("VmRSS"), Instant::now());
    let store = Arc::new(SqliteStore::open(directory).expect("the store"));
    let cache = EvidenceCache::new(store.clone(), most << 20);
    let (terms, uids, now) = (terms(), contracts(), slot(days() * 48));
    let look_at_all = |now| uids.iter().map(|uid| runtime.block_on(look(&cache, uid, &terms, now))).sum::<usize>();
    let reports = look_at_all(now);
    let rows = uids.len() as i64 * days() * 48 * LABEL_SETS;
    println!(
        "judged: {rows} rows, {reports} reports, {:.2} s, {:.2} s of processor time",
        began.elapsed().as_secs_f64(),
        processor()
    );
    let held = cache.held();
    println!(
        "memory: resident {:.0} MiB ({:.0} before; peak {:.0}; without pages of files {:.0}), {:.1} bytes a row",
        mebibytes("VmRSS"),
        before,
        mebibytes("VmHWM"),
        mebibytes("RssAnon"),
        (mebibytes("VmRSS") - before) * 1_048_576.0 / rows as f64
    );
    println!(
        "held: rows {:.1} MiB, judgements {:.1} MiB",
        held.rows as f64 / 1_048_576.0,
        held.rollups as f64 / 1_048_576.0
    );
    let each = |what: &str, rounds: u32, mut round: Box<dyn FnMut() + '_>| {
        let (began, used) = (Instant::now(), processor());
        (0..rounds).for_each(|_| round());
        let looks = f64::from(rounds) * uids.len() as f64;
        println!(
            "{what}: {:.2} ms a contract, {:.2} ms of processor time",
            began.elapsed().as_secs_f64() * 1_000.0 / looks,
            (processor() - used) * 1_000.0 / looks
        );
    };
    each(
        "a look with nothing new",
        50,
        Box::new(|| {
            look_at_all(now);
        }),
    );
    let next = std::cell::Cell::new(days() * 48);
    each(
        "judging again after four new rows, commit and read included",
        20,
        Box::new(|| {
            for uid in &uids {
                let batch = body(next.get()..next.get() + 1, 4, false);
                assert_eq!(runtime.block_on(store.commit(key(uid), batch)).unwrap().added, 4);
            }
            next.set(next.get() + 1);
            look_at_all(slot(next.get()));
        }),
    );
    println!("memory: resident {:.0} MiB, peak {:.0}", mebibytes("VmRSS"), mebibytes("VmHWM"));
}
