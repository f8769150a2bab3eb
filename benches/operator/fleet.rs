//! Many small contracts: nine days of half-hours and one KpiTarget each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::api::{Api, DynamicObject};
use serde_json::{Value, json};

use crate::figures::{Figures, Known};
use crate::half_hours::Vendor;
use crate::harness::{OPERATOR, Operator, Place};
use crate::objects::{api, client, create, metric, pair, patch_all, write_limit, writes};
use crate::process::{self, Window};
use crate::table::{Table, median_and_most};
use crate::waiting::{Crowd, hindrance};

/// When the operator begins, and up to when the vendor has rows then: one row before the latest that could be there.
const NOW: &str = "2026-02-11T00:05:00Z";
const PRESENT: &str = "2026-02-10T23:30:00Z";
const TERM: (&str, &str) = ("2026-02-02", "2026-12-31");
/// Longer than anything takes that works and does not grow with the contracts.
const PATIENCE: Duration = Duration::from_secs(300);
/// Contracts of which news are followed into the status.
const FOLLOWED: usize = 20;
/// How long polls without news are watched: each feed is polled every 30 seconds.
pub(crate) const WATCHED: Duration = Duration::from_secs(60);
/// What the chart sets: tests let terms settle faster.
const SETTLE: (&str, &str) = ("BPO_SETTLE", "5");
/// How long a process is watched that does not poll.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

struct Fleet {
    place: Place,
    client: Client,
    vendor: Vendor,
    contracts: usize,
}

/// Measures a fleet. Of the first one also what its size matters little to, and what others are compared with.
pub(crate) async fn measure(contracts: usize, known: &mut Known, table: &mut Table) {
    let place = Place::fresh().await;
    let client = client(&place).await;
    let fleet = Fleet {
        vendor: Vendor::start(at(&format!("{}T00:00:00Z", TERM.0)), at(PRESENT)).await,
        place,
        client,
        contracts,
    };
    let is_first = known.fleet.is_none();
    if is_first {
        let limit = write_limit(&fleet.client, &fleet.place, 2_000).await;
        table.add(
            "status writes that the API server takes, 16 at once, nobody else at work",
            format!("{limit:.0} a second"),
        );
        known.write_limit = Some(limit);
    }
    let (operator, a_second) = fleet.cold_start(known.write_limit, table).await;
    let mut figures = fleet.polls_without_news(&operator, a_second, table).await;
    if is_first {
        fleet.news(&operator, table).await;
        assert_eq!(operator.stop().await, Some(0));
        let operator = fleet.restarts(table).await;
        figures.idle = Some(fleet.suspended(&operator, &figures.polls, table).await);
        known.fleet = Some(figures);
    }
}

impl Fleet {
    fn name(number: usize) -> String {
        format!("small-{number}")
    }

    fn names(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.contracts).map(Self::name)
    }

    fn start(&self, now: &str) -> Operator {
        let flags = ["--clock-start", now, "--clock-speed", "1"];
        let mut environment = testkit::image::environment();
        environment.push(SETTLE);
        self.place.operator_in(&self.place.data_dir(), &flags, "info", &environment)
    }

    fn contracts(&self) -> Api<DynamicObject> {
        api(&self.client, &self.place, "VendorContract", "vendorcontracts")
    }

    /// Starts the operator on contracts that were just applied, and waits until all have their verdict and report. Returns it and how
    /// many contracts a second had their verdict.
    async fn cold_start(&self, write_limit: Option<f64>, table: &mut Table) -> (Operator, f64) {
        let pairs = self.names().map(|name| {
            let feed = json!({"name": "acd", "url": self.vendor.url(&name), "interval": "30s"});
            pair(&name, TERM, feed, &json!({"period": "Weekly"}))
        });
        create(&self.client, &self.place, pairs.collect()).await;
        let operator = self.start(NOW);
        let (began, began_at) = (Instant::now(), Timestamp::now());
        self.until_all_are_judged(&operator).await;
        let judged = began.elapsed();
        self.until_all_are_reported(&operator).await;
        let (reported, used) = (began.elapsed().as_secs_f64(), process::processor_time(operator.id()));
        self.until_it_is_quiet(&operator).await;
        self.until_judgements_are_kept(&operator).await;
        let (writes, contracts) = (writes(&self.place, OPERATOR), self.contracts as f64);
        let judged_at = began_at + SignedDuration::try_from(judged).unwrap();
        let first_writes = writes.iter().filter(|write| **write <= judged_at).count() as f64 / judged.as_secs_f64();
        let share = write_limit.map(|limit| format!(", {:.0} % of those it takes alone", 100.0 * first_writes / limit));
        let a_second = contracts / judged.as_secs_f64();
        table.add(
            format!("cold start of {} contracts until all have their verdict", self.contracts),
            format!(
                "{:.1} s, {a_second:.1} contracts a second; {first_writes:.0} writes a second to the API server{}",
                judged.as_secs_f64(),
                share.unwrap_or_default()
            ),
        );
        table.add(
            format!(
                "the same until all have their report, of which four a second are written in a namespace, {} in all",
                self.contracts
            ),
            format!(
                "{reported:.1} s; {:.1} writes a contract; {used:.1} s of processor time",
                writes.len() as f64 / contracts
            ),
        );
        (operator, a_second)
    }

    async fn until_all_are_judged(&self, operator: &Operator) {
        let crowd = Crowd {
            what: "verdicts",
            count: self.contracts,
            of: api(&self.client, &self.place, "KpiTarget", "kpitargets"),
            beside: vec![self.contracts()],
            process: operator.id(),
        };
        let verdict = |kpi: &Value| kpi["status"]["last"]["verdict"].as_str().map(str::to_owned);
        // The first status of one of many contracts may be written before its rows have come.
        let will_change = |verdict: &String| verdict == "Met" || verdict == "NoData";
        let other = |kpi: &Value| {
            verdict(kpi).filter(|verdict| !will_change(verdict)).map(|verdict| format!("its verdict is {verdict}"))
        };
        crowd
            .all(|kpi| verdict(kpi).as_deref() == Some("Met"), |object| hindrance(object).or_else(|| other(object)))
            .await;
    }

    async fn until_all_are_reported(&self, operator: &Operator) {
        let crowd = Crowd {
            what: "reports",
            count: self.contracts,
            of: api(&self.client, &self.place, "SlaReport", "slareports"),
            beside: vec![self.contracts()],
            process: operator.id(),
        };
        crowd.all(|report| !report["status"].is_null(), hindrance).await;
    }

    /// Until nothing was written for five seconds.
    async fn until_it_is_quiet(&self, operator: &Operator) {
        let began = Instant::now();
        let (mut known, mut since) = (0.0, Instant::now());
        while since.elapsed() < Duration::from_secs(5) {
            let written = metric(operator, "bpo_api_writes_total").await;
            if written > known {
                (known, since) = (written, Instant::now());
            }
            assert!(began.elapsed() < PATIENCE, "it still writes, {written} by now");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Until all judgements were kept, which happens once a minute and is not part of a poll. The few rows of the contracts are let go then.
    async fn until_judgements_are_kept(&self, operator: &Operator) {
        let began = Instant::now();
        while metric(operator, "bpo_evidence_memory_bytes").await > 0.0 {
            assert!(began.elapsed() < PATIENCE, "judgements are not kept");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What a poll takes while nothing is new, and what the process holds after that.
    async fn polls_without_news(&self, operator: &Operator, a_second: f64, table: &mut Table) -> Figures {
        let first = process::memory(operator.id());
        let polls = Window::watch(operator.id(), WATCHED, || self.vendor.counts().0).await;
        let memory = process::memory(operator.id());
        let evidence = metric(operator, "bpo_evidence_memory_bytes").await / f64::from(1 << 20);
        table.add(
            format!("resident with {} contracts", self.contracts),
            format!(
                "{memory}; {evidence:.1} by rows and what was worked out of them ({:.0} MiB right after the cold start)",
                first.total
            ),
        );
        table.add(
            format!("a poll without news, {} contracts", self.contracts),
            format!(
                "{:.2} ms of processor time ({} polls in {:.0} s, {:.1} % of a core)",
                polls.a_poll(),
                polls.polls,
                polls.seconds,
                polls.a_second() / 10.0
            ),
        );
        Figures { objects: self.contracts, a_second, polls, idle: None, memory }
    }

    /// From the vendor's answer with a new row until the contract's status shows how far the feed reaches.
    async fn news(&self, operator: &Operator, table: &mut Table) {
        let until = at(PRESENT) + SignedDuration::from_mins(30);
        let followed: Vec<String> = self.names().take(FOLLOWED).collect();
        // The watch of the statuses is there before the first of the news.
        let publish = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            followed.iter().for_each(|name| self.vendor.publish(name, until));
        };
        let (shown, ()) = tokio::join!(self.until_they_reach(operator, followed.clone(), until), publish);
        let seen = followed.iter().map(|name| {
            let asked_at = self.vendor.asked_at(name).expect("the vendor was asked");
            shown[name].saturating_duration_since(asked_at).as_secs_f64() * 1_000.0
        });
        table.add("from the vendor's answer with a new row until it is in a status", median_and_most(seen.collect()));
    }

    /// When the feeds of some contracts reached an instant, by name.
    async fn until_they_reach(
        &self,
        operator: &Operator,
        names: Vec<String>,
        until: Timestamp,
    ) -> HashMap<String, Instant> {
        let crowd = Crowd {
            what: "statuses with news",
            count: names.len(),
            of: self.contracts(),
            beside: Vec::new(),
            process: operator.id(),
        };
        let reaches = |contract: &Value| {
            let watermark = contract["status"]["feeds"][0]["watermark"].as_str().map(at);
            let name = contract["metadata"]["name"].as_str().unwrap_or_default();
            names.iter().any(|followed| followed == name) && watermark >= Some(until)
        };
        crowd.all(reaches, hindrance).await
    }

    async fn restarts(&self, table: &mut Table) -> Operator {
        let (name, until) = (Self::name(0), at("2026-02-11T00:30:00Z"));
        self.vendor.publish(&name, until);
        let operator = self.start("2026-02-11T00:30:05Z");
        let began = Instant::now();
        let reached = self.until_they_reach(&operator, vec![name.clone()], until).await;
        table.add(
            format!("from the start of a process with {} contracts until a new row is in a status", self.contracts),
            format!("{:.2} s", reached[&name].saturating_duration_since(began).as_secs_f64()),
        );
        self.until_it_is_quiet(&operator).await;
        assert_eq!(operator.stop().await, Some(0));
        let (before, (requests, _)) = (writes(&self.place, OPERATOR).len(), self.vendor.counts());
        let operator = self.start("2026-02-11T00:35:00Z");
        let polled = async || (self.vendor.counts().0 >= requests + self.contracts as u64).then_some(());
        self.place.eventually_within(PATIENCE, "each feed is polled", polled).await;
        let used = process::processor_time(operator.id());
        self.until_it_is_quiet(&operator).await;
        table.add(
            format!("a restart of {} contracts with nothing new, until each feed was polled", self.contracts),
            format!(
                "{} writes; {used:.1} s of processor time; resident {}",
                writes(&self.place, OPERATOR).len() - before,
                process::memory(operator.id())
            ),
        );
        operator
    }

    /// What the process takes while all contracts are suspended, which is not polling.
    async fn suspended(&self, operator: &Operator, polls: &Window, table: &mut Table) -> Window {
        patch_all(&self.contracts(), self.names(), &json!({"spec": {"suspend": true}})).await;
        self.until_it_is_quiet(operator).await;
        let idle = Window::watch(operator.id(), IDLE, || self.vendor.counts().0).await;
        assert_eq!(idle.polls, 0, "a suspended contract is polled");
        table.add(
            format!("the same process while all {} contracts are suspended", self.contracts),
            format!(
                "{:.1} ms of processor time a second; without that a poll takes {:.2} ms",
                idle.a_second(),
                polls.a_poll_beyond(&idle)
            ),
        );
        idle
    }
}
