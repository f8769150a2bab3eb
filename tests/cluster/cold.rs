//! What it costs the API server until contracts that were just applied are judged, counted by the API server itself.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::figures::hours;
use crate::harness::{DEADLINE, Place, has};
use crate::judged::{contract, kpi};
use crate::quiet::{settle, writes};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// Nine days after the term began, of which the first week is over.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-11T00:05:00Z", "--clock-speed", "1"];
/// Writes of a contract with one KpiTarget: both statuses, the report and its status. No Event says that the week has ended, since
/// nobody waited for it.
const MOST: usize = 4;
/// How long a first status waits for the first verdict. One that has waited so long says what is known, and is written once more with the
/// verdict.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Contracts: `BPO_COLD=200` makes it a big installation.
fn contracts() -> usize {
    std::env::var("BPO_COLD").map_or(6, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_were_just_applied_cost_four_writes_each_until_all_verdicts_are_there() {
    let place = Place::fresh().await;
    let rows = hours("2026-02-02T00:00:00Z", "2026-02-11T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let spec = "kpi: ServiceLevel\nobjective: {target: 80}";
    let manifests: String = (0..contracts())
        .map(|number| {
            let name = format!("cold-{number}");
            let contract = contract(&name, "UTC", "Weekly", ("2026-02-02", "2026-12-31"), &server.url(INTERVALS));
            contract + &kpi(&format!("level-{number}"), &name, spec)
        })
        .collect();
    place.apply(&manifests).await;
    let (began, began_at) = (Instant::now(), Timestamp::now());
    let operator = place.operator_with(&CLOCK);
    let patience = DEADLINE * u32::try_from(1 + contracts() / 50).unwrap();
    let judged = async || {
        let kpis = place.list("kpi").await;
        let is_judged = |kpi: &&serde_json::Value| {
            kpi["status"]["last"]["verdict"] == "Met" && has(kpi, "FeedHealthy", "True", "Fetched")
        };
        (kpis.iter().filter(is_judged).count() == contracts()).then_some(())
    };
    place.eventually_within(patience, "every KpiTarget is judged", judged).await;
    let seconds = began.elapsed().as_secs_f64();
    let reported = async || {
        let reports = place.list("slar").await;
        let is_whole = |report: &&serde_json::Value| !report["status"].is_null();
        (reports.iter().filter(is_whole).count() == contracts()).then_some(())
    };
    place.eventually_within(patience, "every week has its report", reported).await;
    settle(&place, "after").await;
    let (resident, anonymous, processor) = operator.takes();
    drop(operator);

    let by_kind = by_kind(&place);
    let all: usize = by_kind.values().sum();
    println!(
        "{} contracts in {seconds:.1} s, {:.1} a second; {all} writes, {:.1} a contract: {by_kind:?}",
        contracts(),
        contracts() as f64 / seconds,
        all as f64 / contracts() as f64
    );
    println!("resident {resident:.0} MiB, {anonymous:.0} without pages of files; {processor:.1} s of processor time");
    let twice = written_twice_for_good_reason(&place, began_at);
    println!("{twice} statuses had waited for {PATIENCE:#} before their verdict came, and were written twice");
    assert!(all <= MOST * contracts() + twice, "{all} writes of {} contracts, {twice} twice: {by_kind:?}", contracts());
}

/// How many statuses were written once more after one that had waited long enough: a slow machine has such, and a fast one has none.
fn written_twice_for_good_reason(place: &Place, began: Timestamp) -> usize {
    let mut by_object: BTreeMap<(String, String), Vec<Timestamp>> = BTreeMap::new();
    for write in writes(place).into_iter().filter(|write| write.subresource == "status") {
        by_object.entry((write.resource, write.name)).or_default().push(write.received);
    }
    let has_waited = |times: &&Vec<Timestamp>| times.len() > 1 && times[0].duration_since(began) >= PATIENCE;
    by_object.values().filter(has_waited).count()
}

/// What was written of the contracts, by resource and subresource.
fn by_kind(place: &Place) -> BTreeMap<String, usize> {
    let mut by_kind: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes(place).iter().filter(|write| write.name != "after") {
        let kind = format!("{} {}", write.resource, write.subresource);
        *by_kind.entry(kind.trim().to_owned()).or_default() += 1;
    }
    by_kind
}

#[tokio::test(flavor = "multi_thread")]
async fn each_week_of_a_past_that_comes_in_parts_has_its_report_written_once_and_all_share_one_event() {
    const WEEKS: usize = 20;
    let place = Place::fresh().await;
    let rows = hours("2025-09-22T00:00:00Z", "2026-02-11T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let contract = contract("past", "UTC", "Weekly", ("2025-09-22", "2026-12-31"), &server.url(INTERVALS));
    let level = kpi("level", "past", "kpi: ServiceLevel\nobjective: {target: 95}");
    place.apply(&(contract + "  closeAfter: 0h\n" + &level)).await;
    let _operator = place.operator_with(&CLOCK);
    let reported = async || {
        let reports = place.list("slar").await;
        let is_signed = |report: &&serde_json::Value| {
            report["spec"]["state"] == "Final"
                && report["spec"]["kpis"][0]["verdict"] == "Missed"
                && !report["status"].is_null()
        };
        (reports.iter().filter(is_signed).count() == WEEKS).then_some(())
    };
    place.eventually("every week has its report", reported).await;
    settle(&place, "after").await;
    assert!(server.count(INTERVALS).requests > 3, "the past comes in parts");
    let by_kind = by_kind(&place);
    let count = |kind: &str| by_kind.get(kind).copied().unwrap_or_default();
    assert_eq!((count("slareports"), count("slareports status")), (WEEKS, WEEKS), "{by_kind:?}");
    let writes = writes(&place);
    let is_status = |resource: &str, subresource: &str| (resource, subresource) == ("vendorcontracts", "status");
    let until = writes.iter().position(|write| is_status(&write.resource, &write.subresource)).unwrap();
    let before = writes[..until].iter().filter(|write| write.resource == "slareports" && write.subresource.is_empty());
    assert!(before.count() <= 1, "the contract's status waited for its reports");
    let events = place.list("events").await;
    let of_periods: Vec<&str> = events
        .iter()
        .filter(|event| ["PeriodClosed", "PeriodFinal"].contains(&event["reason"].as_str().unwrap()))
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    let [note] = of_periods[..] else { panic!("one Event covers the whole past: {of_periods:#?}") };
    assert!(note.contains(&format!("so are {} periods before it", WEEKS - 1)), "{note}");
}
