//! What a year of history costs the operator: `cargo bench --bench memory`.
//!
//! Ten contracts (`BPO_BENCH_CONTRACTS`) have a feed of twelve label sets, half-hours and four measures for some years
//! (`BPO_BENCH_YEARS`, 1), and four KPIs each. They are put into an SQLite store; then a process of its own opens the store, as the
//! operator does that has kept no judgements, judges every contract through the operator's cache, judges again, keeps its judgements, and
//! judges late rows of the first month by what was kept.
//! A third process opens the store as the operator does after a restart, and judges one contract with new rows, then all; what is resident is
//! measured then, and once more after a few seconds without news.
//! `BPO_BENCH_MEMORY` (MiB) is what the operator may use, as `--memory`; default: as much as it likes. `BPO_BENCH_KEEP=DIR` keeps the
//! store, or takes the one that is there; `BPO_BENCH_ROUNDS` (20) says how often new rows come.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on may end"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bpo_operator::controller::checkpoints::{Asked, Checkpoints};
use bpo_operator::controller::evidence_cache::EvidenceCache;
use bpo_operator::controller::judging::Judging;
use bpo_operator::domain::judgement::outcome::Judgement;
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::domain::terms::finding::InvalidSpec;
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{Batch, EvidenceStore, FeedKey, IncomingRow};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

/// The operator's allocator.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SITES: [&str; 3] = ["cebu", "bogota", "leeds"];
const QUEUES: [&str; 4] = ["billing", "sales", "support", "claims"];
const LABEL_SETS: i64 = 12;
/// How often a row of a Final month is corrected.
const CORRECTIONS: i64 = 5;
/// How often another one is corrected while no rows are held.
const LATE: i64 = 3;
const FEED: &str = "acd";
/// How long nothing is new before what a restart leaves resident is measured.
const QUIET: Duration = Duration::from_secs(3);

fn main() {
    // `cargo test --benches` only looks whether everything starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if let Some(store) = std::env::var_os("BPO_BENCH_STORE") {
        return match std::env::var_os("BPO_BENCH_RESTART") {
            Some(_) => restart(Path::new(&store)),
            None => judge_all(Path::new(&store)),
        };
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory for the store");
    let kept = std::env::var_os("BPO_BENCH_KEEP").map(PathBuf::from);
    let folder = kept.as_deref().unwrap_or(directory.path());
    if !folder.join("evidence.sqlite").exists() {
        fill(folder);
    }
    let program = std::env::current_exe().expect("this program");
    for restart in [false, true] {
        let mut process = std::process::Command::new(&program);
        process.arg("--bench").env("BPO_BENCH_STORE", folder).envs(testkit::image::environment());
        if restart {
            process.env("BPO_BENCH_RESTART", "1");
        }
        assert!(process.status().expect("a process").success(), "the process that judges failed");
    }
}

/// What the operator may use for rows and judgements, in bytes.
fn memory() -> usize {
    let all = number("BPO_BENCH_MEMORY", i64::MAX >> 20) << 20;
    usize::try_from(all / 2).unwrap()
}

/// The operator's parts over a store.
struct Operator {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    cache: EvidenceCache,
    checkpoints: Checkpoints,
}

impl Operator {
    fn over(directory: &Path) -> Operator {
        let store = Arc::new(SqliteStore::open(directory).expect("the store"));
        let cache = EvidenceCache::new(store.clone(), memory());
        Operator { runtime: Runtime::new().unwrap(), store, cache, checkpoints: Checkpoints::default() }
    }

    /// Commits a correction of one row of a half-hour, received at another.
    fn correct(&self, uid: &str, late: i64, received: i64) {
        let mut batch = body(late..late + 1, LABEL_SETS, false);
        batch.received_at = slot(received);
        batch.body_digest[8] = 1;
        let answered = batch.rows[0].measures.get_mut("answeredWithin").unwrap();
        *answered -= rust_decimal::Decimal::ONE;
        assert_eq!(self.runtime.block_on(self.store.commit(key(uid), batch)).unwrap().revised, 1);
    }

    /// Judges a Final month again that one late row restates, where no rows are held, and keeps what was worked out.
    fn restate_by_what_was_kept(&mut self, terms: &Arc<Terms>, (mut late, mut next): (i64, i64)) {
        let uids = contracts();
        let (mut elapsed, mut used, mut held) = (0.0, 0.0, 0);
        for _ in 0..LATE {
            self.cache = EvidenceCache::new(self.store.clone(), memory());
            uids.iter().for_each(|uid| self.correct(uid, late, next));
            (late, next) = (late + 48, next + 1);
            let (began, before) = (Instant::now(), processor());
            uids.iter().for_each(|uid| drop(self.look(uid, terms, slot(next))));
            elapsed += began.elapsed().as_secs_f64();
            used += processor() - before;
            held = self.cache.held().rows;
            self.runtime.block_on(self.checkpoints.keep(&*self.store, &self.cache, slot(next))).unwrap();
        }
        let looks = LATE as f64 * uids.len() as f64;
        println!(
            "a Final month of the first year restated by a late row where no rows are held, read included: {:.2} ms a contract, {:.2} ms of processor time, rows held {:.1} MiB",
            elapsed * 1_000.0 / looks,
            used * 1_000.0 / looks,
            held as f64 / 1_048_576.0
        );
    }

    /// Judges a contract as the operator does, unless a kept judgement is still valid. Returns its reports as JSON.
    fn look(&self, uid: &str, terms: &Arc<Terms>, now: Timestamp) -> Arc<Result<Judgement, InvalidSpec>> {
        self.runtime.block_on(look(self, uid, terms, now))
    }
}

/// A start on a store whose contracts were judged before: all of them are looked at, and then one that has new rows.
fn restart(directory: &Path) {
    let began = Instant::now();
    let operator = Operator::over(directory);
    let (terms, uids) = (terms(), contracts());
    // The process before has judged up to the latest rows of each contract.
    let slots = uids.iter().map(|uid| operator.runtime.block_on(next_slot(&operator, uid)));
    let next = slots.max().unwrap();
    let reports: usize =
        uids.iter().map(|uid| operator.look(uid, &terms, slot(next)).as_ref().as_ref().unwrap().reports.len()).sum();
    println!(
        "restart: {} contracts, {reports} reports, {:.2} s, {:.2} s of processor time, rows held {:.1} MiB, resident {:.0} MiB",
        uids.len(),
        began.elapsed().as_secs_f64(),
        processor(),
        operator.cache.held().rows as f64 / 1_048_576.0,
        mebibytes("VmRSS")
    );
    let uid = &uids[0];
    assert_eq!(
        operator.runtime.block_on(operator.store.commit(key(uid), body(next..next + 1, 4, false))).unwrap().added,
        4
    );
    operator.look(uid, &terms, slot(next + 1));
    println!(
        "restart: until new rows of one contract are judged: {:.2} s, {:.2} s of processor time",
        began.elapsed().as_secs_f64(),
        processor()
    );
    for uid in uids.iter().skip(1) {
        operator.runtime.block_on(operator.store.commit(key(uid), body(next..next + 1, 4, false))).unwrap();
    }
    let judgements: Vec<_> = uids.iter().map(|uid| operator.look(uid, &terms, slot(next + 1))).collect();
    let held = operator.cache.held();
    println!(
        "restart: until new rows of all contracts are judged ({}): {:.2} s, {:.2} s of processor time, rows held {:.1} MiB, judgements {:.1} MiB, resident {:.0} MiB",
        digest(&judgements),
        began.elapsed().as_secs_f64(),
        processor(),
        held.rows as f64 / 1_048_576.0,
        held.rollups as f64 / 1_048_576.0,
        mebibytes("VmRSS")
    );
    drop(judgements);
    // Memory that the first judgements took for a moment goes back within a second or two, while the process does something.
    let quiet = Instant::now();
    while quiet.elapsed() < QUIET {
        uids.iter().for_each(|uid| drop(operator.look(uid, &terms, slot(next + 1))));
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "restart: {} s later with nothing new: resident {:.0} MiB (peak {:.0}; without pages of files {:.0})",
        QUIET.as_secs(),
        mebibytes("VmRSS"),
        mebibytes("VmHWM"),
        mebibytes("RssAnon")
    );
}

/// The slot after the latest row of a contract.
async fn next_slot(operator: &Operator, uid: &str) -> i64 {
    let head = operator.store.heads(uid).await.unwrap()[FEED].sequence;
    let whole = days() * 48 * LABEL_SETS;
    // A run adds four rows a slot, and then corrections of one row a slot.
    let (of_a_run, slots) = (4 * rounds() + CORRECTIONS + LATE, rounds() + CORRECTIONS + LATE);
    let added = head - whole;
    days() * 48 + added / of_a_run * slots + added % of_a_run / 4
}

fn number(variable: &str, otherwise: i64) -> i64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// How often four new rows come.
fn rounds() -> i64 {
    number("BPO_BENCH_ROUNDS", 20)
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

fn terms() -> Arc<Terms> {
    let kpi = |kpi: &str, more: serde_json::Value| {
        let mut spec =
            json!({"contractRef": {"name": "acme"}, "kpi": kpi, "source": {"feed": FEED}, "objective": {"target": 80}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    };
    let last = begin().to_zoned(jiff::tz::TimeZone::UTC).date() + jiff::Span::new().days(days() + 40);
    let terms = Terms {
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
    };
    Arc::new(terms)
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

/// Judges a contract as the operator does, unless a judgement of it holds.
async fn look(
    operator: &Operator,
    uid: &str,
    terms: &Arc<Terms>,
    now: Timestamp,
) -> Arc<Result<Judgement, InvalidSpec>> {
    let Operator { cache, store, checkpoints, .. } = operator;
    let evidence = cache.read(uid, &[FEED.to_owned()]).await.unwrap();
    let asked = Asked { uid, name: "acme", terms: [0; 32], evidence: &evidence };
    Judging { store: &**store, cache, checkpoints, terms, asked }.judged(now).await.unwrap()
}

/// SHA-256 of reports, in short: with less memory they are the same.
fn digest(judgements: &[Arc<Result<Judgement, InvalidSpec>>]) -> String {
    let mut digest = Sha256::new();
    for judgement in judgements {
        digest.update(serde_json::to_vec(&judgement.as_ref().as_ref().unwrap().reports).unwrap());
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn judge_all(directory: &Path) {
    let (before, began) = (mebibytes("VmRSS"), Instant::now());
    let mut operator = Operator::over(directory);
    let (terms, uids) = (terms(), contracts());
    let first = operator.runtime.block_on(next_slot(&operator, &uids[0]));
    // Judgements that an earlier run has kept are not taken.
    uids.iter().for_each(|uid| assert!(operator.cache.begins(uid)));
    let look_at_all = |now| uids.iter().map(|uid| operator.look(uid, &terms, now)).collect::<Vec<_>>();
    let judgements = look_at_all(slot(first));
    let reports: usize = judgements.iter().map(|judgement| judgement.as_ref().as_ref().unwrap().reports.len()).sum();
    let rows = uids.len() as i64 * days() * 48 * LABEL_SETS;
    println!(
        "judged: {rows} rows, {reports} reports ({}), {:.2} s, {:.2} s of processor time",
        digest(&judgements),
        began.elapsed().as_secs_f64(),
        processor()
    );
    drop(judgements);
    let held = operator.cache.held();
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
            look_at_all(slot(first));
        }),
    );
    let next = std::cell::Cell::new(first);
    each(
        "judging again after four new rows, commit and read included",
        u32::try_from(rounds()).unwrap(),
        Box::new(|| {
            for uid in &uids {
                let batch = body(next.get()..next.get() + 1, 4, false);
                assert_eq!(operator.runtime.block_on(operator.store.commit(key(uid), batch)).unwrap().added, 4);
            }
            next.set(next.get() + 1);
            look_at_all(slot(next.get()));
        }),
    );
    println!("memory: resident {:.0} MiB, peak {:.0}", mebibytes("VmRSS"), mebibytes("VmHWM"));
    let late = std::cell::Cell::new(0);
    each(
        "a Final month restated by a corrected row of each of its first days, commit and read included",
        u32::try_from(CORRECTIONS).unwrap(),
        Box::new(|| {
            for uid in &uids {
                operator.correct(uid, late.get(), next.get());
            }
            late.set(late.get() + 48);
            next.set(next.get() + 1);
            look_at_all(slot(next.get()));
        }),
    );
    let (next, late) = (next.get(), late.get());
    let began = Instant::now();
    operator.runtime.block_on(operator.checkpoints.keep(&*operator.store, &operator.cache, slot(next))).unwrap();
    let held = operator.cache.held();
    println!(
        "judgements kept: {:.2} s; held after that: rows {:.1} MiB, judgements {:.1} MiB",
        began.elapsed().as_secs_f64(),
        held.rows as f64 / 1_048_576.0,
        held.rollups as f64 / 1_048_576.0
    );
    operator.restate_by_what_was_kept(&terms, (late, next));
}
