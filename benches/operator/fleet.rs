//! Many small contracts: nine days of half-hours and one KpiTarget each.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde_json::{Value, json};

use crate::half_hours::Vendor;
use crate::harness::{Operator, Place};
use crate::objects::{client, create, metric, pair, write_limit, writes};
use crate::table::{Table, median_and_most};

/// When the operator begins, and up to when the vendor has rows then: one row before the latest that could be there.
const NOW: &str = "2026-02-11T00:05:00Z";
const PRESENT: &str = "2026-02-10T23:30:00Z";
const TERM: (&str, &str) = ("2026-02-02", "2026-12-31");
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(600);
/// Contracts of which news are followed into the status.
const FOLLOWED: usize = 20;
/// How long polls without news are watched: each feed is polled every 30 seconds.
const WATCHED: Duration = Duration::from_secs(60);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

struct Fleet {
    place: Place,
    client: Client,
    vendor: Vendor,
    contracts: usize,
}

/// Measures a fleet; `wholly`: also what its size matters little to.
pub(crate) async fn measure(contracts: usize, wholly: bool, table: &mut Table) {
    let place = Place::fresh().await;
    let client = client(&place).await;
    let fleet = Fleet { vendor: Vendor::start(at(PRESENT)).await, place, client, contracts };
    if wholly {
        let limit = write_limit(&fleet.client, &fleet.place, 2_000).await;
        table.add(
            "status writes that the API server takes, 16 at once, nobody else at work",
            format!("{limit:.0} a second"),
        );
    }
    let operator = fleet.cold_start(table).await;
    fleet.resident(&operator, table).await;
    if wholly {
        fleet.polls_without_news(&operator, table).await;
        fleet.news(table).await;
        assert_eq!(operator.stop().await, Some(0));
        fleet.restarts(table).await;
    }
}

impl Fleet {
    fn name(number: usize) -> String {
        format!("small-{number}")
    }

    fn start(&self, now: &str) -> Operator {
        self.place.operator_with(&["--clock-start", now, "--clock-speed", "1"])
    }

    /// Starts the operator on contracts that were just applied, and waits until all have their verdict and report.
    async fn cold_start(&self, table: &mut Table) -> Operator {
        let pairs = (0..self.contracts).map(|number| {
            let name = Self::name(number);
            let feed = json!({"name": "acd", "url": self.vendor.url(&name), "interval": "30s"});
            pair(&name, TERM, feed, &json!({"period": "Weekly"}))
        });
        create(&self.client, &self.place, pairs.collect()).await;
        let began = Instant::now();
        let operator = self.start(NOW);
        let judged = |kpi: &Value| kpi["status"]["last"]["verdict"] == "Met";
        let reported = |report: &Value| !report["status"].is_null();
        self.until_all("kpi", judged).await;
        let judged_after = began.elapsed().as_secs_f64();
        self.until_all("slar", reported).await;
        let reported_after = began.elapsed().as_secs_f64();
        self.until_it_is_quiet(&operator).await;
        let (writes, contracts) = (writes(&self.place), self.contracts as f64);
        table.add(
            format!("cold start of {} contracts until all have their verdict", self.contracts),
            format!("{judged_after:.1} s, {:.1} contracts a second", contracts / judged_after),
        );
        table.add(
            format!(
                "the same until all have their report, of which four a second are written in a namespace, {} in all",
                self.contracts
            ),
            format!(
                "{reported_after:.1} s; {:.1} writes a contract, {:.0} writes a second; {:.1} s of processor time",
                writes as f64 / contracts,
                writes as f64 / reported_after,
                operator.takes().2
            ),
        );
        operator
    }

    async fn until_all(&self, kind: &str, wanted: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let found = self.place.list(kind).await;
            let there = found.iter().filter(|object| wanted(object)).count();
            if there == self.contracts {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{there} of {} {kind}", self.contracts);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Until nothing was written for five seconds.
    async fn until_it_is_quiet(&self, operator: &Operator) {
        let (mut known, mut since) = (0.0, Instant::now());
        while since.elapsed() < Duration::from_secs(5) {
            let written = metric(operator, "bpo_api_writes_total").await;
            if written > known {
                (known, since) = (written, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// What the process takes once all was judged, and after a minute in which nothing happened.
    async fn resident(&self, operator: &Operator, table: &mut Table) {
        let (first, _, _) = operator.takes();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (resident, anonymous, _) = operator.takes();
        let evidence = metric(operator, "bpo_evidence_memory_bytes").await / f64::from(1 << 20);
        table.add(
            format!("resident with {} contracts", self.contracts),
            format!(
                "{resident:.0} MiB, {anonymous:.0} of them without pages of files, {evidence:.1} of these by rows and what was worked out of \
                 them ({first:.0} MiB right after the cold start)"
            ),
        );
    }

    async fn polls_without_news(&self, operator: &Operator, table: &mut Table) {
        let polls = async || metric(operator, "bpo_feed_fetches_total").await;
        let (before, (_, _, used)) = (polls().await, operator.takes());
        tokio::time::sleep(WATCHED).await;
        let (after, (_, _, spent)) = (polls().await, operator.takes());
        let (polled, spent) = (after - before, spent - used);
        table.add(
            "a poll without news",
            format!(
                "{:.2} ms of processor time ({polled:.0} polls in {} s, {:.1} % of a core)",
                spent * 1_000.0 / polled.max(1.0),
                WATCHED.as_secs(),
                100.0 * spent / WATCHED.as_secs_f64()
            ),
        );
    }

    /// From the vendor's answer with a new row until the contract's status shows how far the feed reaches.
    async fn news(&self, table: &mut Table) {
        let until = at(PRESENT) + SignedDuration::from_mins(30);
        let followed = (0..self.contracts.min(FOLLOWED)).map(Self::name);
        let followed: Vec<String> = followed.inspect(|name| self.vendor.publish(name, until)).collect();
        let seen = stream::iter(&followed).map(|name| self.shown_after(name, until));
        let seen: Vec<f64> = seen.buffer_unordered(FOLLOWED).collect().await;
        table.add("from the vendor's answer with a new row until it is in a status", median_and_most(seen));
    }

    /// Milliseconds from the vendor's answer until a status shows it.
    async fn shown_after(&self, name: &str, until: Timestamp) -> f64 {
        let asked_at = async || self.vendor.asked_at(name);
        let patience = Duration::from_secs(90);
        let asked_at = self.place.eventually_within(patience, "the vendor is asked", asked_at).await;
        self.until_it_reaches(name, until).await;
        asked_at.elapsed().as_secs_f64() * 1_000.0
    }

    async fn until_it_reaches(&self, name: &str, until: Timestamp) {
        let began = Instant::now();
        loop {
            let contract = self.place.get("vc", name).await.unwrap();
            let watermark = contract["status"]["feeds"][0]["watermark"].as_str().map(at);
            if watermark >= Some(until) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} reaches {watermark:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn restarts(&self, table: &mut Table) {
        let (name, until) = (Self::name(0), at("2026-02-11T00:30:00Z"));
        self.vendor.publish(&name, until);
        let began = Instant::now();
        let operator = self.start("2026-02-11T00:30:05Z");
        self.until_it_reaches(&name, until).await;
        table.add(
            format!("from the start of a process with {} contracts until a new row is in a status", self.contracts),
            format!("{:.2} s", began.elapsed().as_secs_f64()),
        );
        self.until_it_is_quiet(&operator).await;
        assert_eq!(operator.stop().await, Some(0));
        let (before, (requests, _)) = (writes(&self.place), self.vendor.counts());
        let operator = self.start("2026-02-11T00:35:00Z");
        let polled = async || (self.vendor.counts().0 >= requests + self.contracts as u64).then_some(());
        self.place.eventually_within(PATIENCE, "each feed is polled", polled).await;
        self.until_it_is_quiet(&operator).await;
        let (resident, anonymous, processor) = operator.takes();
        table.add(
            format!("a restart of {} contracts with nothing new, until each feed was polled", self.contracts),
            format!(
                "{} writes; {processor:.1} s of processor time; resident {resident:.0} MiB, {anonymous:.0} of them without pages of files",
                writes(&self.place) - before
            ),
        );
    }
}
