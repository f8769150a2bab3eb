//! A hostile namespace breaks the bounds of `docs/reliability.md`, all at once, while contracts of another namespace have their
//! verdicts and alerts in time and the operator keeps to its memory and to its rate of writes.

mod attacks;
mod gauge;
mod hoard;
mod mallory;
mod named;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::attacks::{ATTACKS, ELSEWHERE, NAMESPACES, REFUSED, SECRET};
use self::gauge::{Gauge, busiest_seconds};
use self::mallory::Mallory;
use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// What an honest contract waits at most for its verdict and for its alert, from the instant at which it is applied.
const WITHIN: Duration = Duration::from_secs(10);
/// The same where the machine is busy with other things: this many times what a contract waits whose operator has no other.
const TIMES_ALONE: u32 = 5;
/// What the operator may occupy, without the pages of its program: those of a debug build are some 65 MiB, and no data.
const OCCUPIED: u64 = 256 << 20;
/// The same of an operator with the least memory that it works with.
const OCCUPIED_OF_THE_LEAST: u64 = 128 << 20;
/// Writes a second, over any time of `SECONDS`: 24 reports may be written at once.
const WRITES: usize = 20;
const SECONDS: usize = 20;
/// Honest contracts, applied one after the other.
const HONEST: usize = 5;
/// Hosts of the hostile vendor: the operator asks one host little at a time.
const HOSTS: usize = 16;
/// Alert sinks that never answer.
const SINKS: usize = 20;

/// The rows of the table of bounds, each with its cells.
fn table() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/reliability.md").split("## Bounds").nth(1).unwrap();
    let rows =
        page.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn every_row_of_the_table_is_broken_here_or_in_a_test_that_is_named() {
    let rows: BTreeSet<&str> = table().iter().map(|cells| cells[0]).collect();
    let here = ATTACKS.iter().map(|attack| attack.bound).chain(REFUSED.iter().map(|(bound, ..)| *bound));
    let broken: BTreeSet<&str> = here.chain(["alert sinks"]).chain(ELSEWHERE.iter().map(|(bound, _)| *bound)).collect();
    assert_eq!(rows, broken);
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let rows = table();
    let of_page = rows.iter().flat_map(|cells| {
        assert_eq!(cells.len(), 4, "{cells:?}");
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{} names no test", cells[0]);
        tests
    });
    let gone: Vec<&str> =
        of_page.chain(ELSEWHERE.iter().map(|(_, test)| *test)).filter(|name| !named::is_there(name)).collect();
    assert!(gone.is_empty(), "no test is called so: {gone:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_spec_shows_is_refused_when_it_is_applied() {
    let place = Place::fresh().await;
    for (bound, refused, words) in &REFUSED {
        let (taken, said) = place.try_kubectl(&["create", "-f", "-"], &refused.manifest()).await;
        assert!(!taken && said.contains(words), "{bound}: {said}");
    }
}

/// An honest contract whose month is complete and missed, which alerts a hook.
fn honest(name: &str, feed: &str, hook: &str) -> String {
    let alerts = format!("  alerts: [{{name: hook, webhook: {{url: \"{hook}\"}}}}]\n");
    let level = kpi(&format!("{name}-level"), name, "kpi: ServiceLevel\nobjective: {target: 80}");
    format!("{}{alerts}{level}", contract(name, "UTC", "Monthly", ("2026-01-01", "2026-01-31"), feed))
}

/// Applies an honest contract, and returns after how long its verdict and its alert were there.
async fn verdict_and_alert(place: &Place, name: &str, feed: &str, receiver: &Receiver) -> (Duration, Duration) {
    let began = Instant::now();
    place.apply(&honest(name, feed, &format!("{}/{name}", receiver.url()))).await;
    place
        .wait_for("kpi", &format!("{name}-level"), "its month is judged", |kpi| {
            let last = &kpi["status"]["last"];
            last["state"] == "Final" && last["verdict"] == "Missed" && has(kpi, "FeedHealthy", "True", "Fetched")
        })
        .await;
    let verdict = began.elapsed();
    let path = format!("/{name}");
    let is_miss = |one: &Received| {
        one.path == path && one.alerts().iter().any(|alert| alert["labels"]["alertname"] == "TargetMissed")
    };
    receiver.until("the miss is alerted", |received| received.iter().any(is_miss)).await;
    (verdict, began.elapsed())
}

/// The same, of a contract that has an operator to itself.
async fn with_its_own_operator(name: &str, feed: &str, receiver: &Receiver, flags: &[&str]) -> (Duration, Duration) {
    let place = Place::fresh().await;
    let operator = place.operator_with(flags);
    operator.until_it_is_ready().await;
    let took = verdict_and_alert(&place, name, feed, receiver).await;
    assert_eq!(operator.stop().await, Some(0));
    took
}

/// What an honest contract may wait beside others, where contracts alone waited so long on the same machine before and after it.
fn allowed(alone: [(Duration, Duration); 2]) -> Duration {
    let longest = alone.iter().map(|(verdict, alert)| *verdict.max(alert)).max().unwrap_or_default();
    WITHIN.max(longest * TIMES_ALONE)
}

/// A contract of the hostile namespace that is missed too, and alerts many sinks that never answer.
fn hanging(mallory: &Mallory, feed: &str) -> String {
    let sink = |number: usize| format!("{{name: s{number}, webhook: {{url: \"{}\"}}}}", mallory.url(number, "hang"));
    let sinks: Vec<String> = (0..SINKS).map(sink).collect();
    let level = kpi("sinks-level", "sinks", "kpi: ServiceLevel\nobjective: {target: 80}");
    let contract = contract("sinks", "UTC", "Monthly", ("2026-01-01", "2026-01-31"), feed);
    format!("{contract}  alerts: [{}]\n{level}", sinks.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_and_alerts_come_in_time_while_another_namespace_breaks_every_bound() {
    let place = Place::fresh().await;
    let mut hostile = Vec::new();
    for _ in 0..NAMESPACES {
        hostile.push(Place::fresh().await);
    }
    let (mallory, receiver) = (Mallory::start(HOSTS).await, Receiver::start().await);
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 70);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let feed = server.url(INTERVALS);
    let flags = ["--memory", "256Mi", "--rows-per-feed-year", "5000", "--alert-allow-network", "127.0.0.0/8"];
    let namespaces: Vec<&str> = hostile.iter().flat_map(|place| ["--namespace", place.namespace.as_str()]).collect();
    let operator = place.operator_with(&[&namespaces[..], &flags].concat());
    operator.until_it_is_ready().await;
    let gauge = Gauge::of(operator.id());
    let first = verdict_and_alert(&place, "first", &feed, &receiver).await;
    let before = gauge.peak();
    hostile[0].apply(&format!("{SECRET}{}", hanging(&mallory, &feed))).await;
    for attack in &ATTACKS {
        hostile[attack.namespace].apply(&attack.manifest(&mallory)).await;
    }
    let holding = async || (mallory.asked("drip").len() >= 16 && mallory.asked("hang").len() >= 4).then_some(());
    place.eventually("drips and sinks hold their places", holding).await;
    let mut took = Vec::new();
    for number in 0..HONEST {
        took.push(verdict_and_alert(&place, &format!("honest-{number}"), &feed, &receiver).await);
    }
    for attack in &ATTACKS {
        let what = format!("its feed ends in {}", attack.reason);
        hostile[attack.namespace].wait_for("vc", attack.name, &what, |contract| attack.has_ended(contract)).await;
    }
    took.push(verdict_and_alert(&place, "last", &feed, &receiver).await);
    let reports = hostile[0].list("slar").await.len();
    let (peak, writes) = (gauge.peak(), busiest_seconds(hostile.iter().chain([&place]), SECONDS));
    for place in &hostile {
        place.kubectl(&["delete", "vc", "--all"]).await;
    }
    let alone = [first, verdict_and_alert(&place, "after", &feed, &receiver).await];
    eprintln!(
        "verdict and alert alone after {alone:.1?}, beside the attacks after {took:.1?}; before them {before}, with them {peak}; \
         {writes} writes in the busiest {SECONDS} seconds; {reports} reports of the hostile namespace"
    );
    let allowed = allowed(alone);
    assert!(took.iter().all(|(verdict, alert)| *verdict.max(alert) <= allowed), "{took:.1?}, alone {alone:.1?}");
    assert!(peak.anonymous <= OCCUPIED, "{peak}");
    assert!(writes <= SECONDS * WRITES, "{writes} writes in {SECONDS} seconds");
    assert!(reports > 24, "{reports} reports: the weeks follow one another");
    let stolen = mallory.asked("").into_iter().find(|asked| asked.headers.contains_key("authorization"));
    assert!(
        stolen.is_none() && mallory.asked("steal").is_empty(),
        "no secret goes to a host that it does not name: {stolen:?}"
    );
    assert_eq!(operator.stop().await, Some(0), "it lived through all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_has_no_more_rows_than_memory_holds_and_its_neighbours_are_judged_also_after_a_restart() {
    let (place, hostile) = (Place::fresh().await, Place::fresh().await);
    let (mallory, receiver) = (Mallory::start(1).await, Receiver::start().await);
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 70);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    hostile.apply(&hoard::manifest(&mallory)).await;
    hoard::fill(&place, &hostile).await;
    let network = ["--alert-allow-network", "127.0.0.0/8"];
    let own = [&["--memory", hoard::MEMORY][..], &network].concat();
    let flags = [&["--namespace", &hostile.namespace][..], &own].concat();
    let feed = server.url(INTERVALS);
    let before = with_its_own_operator("before", &feed, &receiver, &own).await;
    let mut took = Vec::new();
    for start in ["first", "second"] {
        let operator = place.operator_with(&flags);
        operator.until_it_is_ready().await;
        let gauge = Gauge::of(operator.id());
        let (verdict, alert) = verdict_and_alert(&place, start, &feed, &receiver).await;
        let remedy = |contract: &Value| {
            let conditions = contract["status"]["conditions"].as_array().unwrap();
            let health = conditions.iter().find(|one| one["type"] == "FeedHealthy").unwrap();
            health["message"].as_str().unwrap().contains("give the operator more --memory")
        };
        hostile
            .wait_for("vc", hoard::NAME, "further rows are refused", |contract| {
                has(contract, "FeedHealthy", "False", "RowQuota") && remedy(contract)
            })
            .await;
        let judged = |kpi: &Value| !kpi["status"]["current"].is_null() || !kpi["status"]["last"].is_null();
        hostile.wait_for("kpi", "hoard-level", "all that is kept is judged", judged).await;
        let peak = gauge.peak();
        eprintln!("{start} start: verdict after {verdict:.1?}, alert after {alert:.1?}, {peak}");
        took.push(verdict.max(alert));
        assert!(peak.anonymous <= OCCUPIED_OF_THE_LEAST, "{peak}");
        assert_eq!(operator.stop().await, Some(0), "it lived through all of it");
    }
    let alone = [before, with_its_own_operator("after", &feed, &receiver, &own).await];
    assert!(took.iter().all(|took| *took <= allowed(alone)), "{took:.1?}, alone {alone:.1?}");
}
