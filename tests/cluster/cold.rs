//! What it costs the API server until contracts that were just applied are judged, counted by the API server itself.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::figures::hours;
use crate::harness::{DEADLINE, Place, has};
use crate::judged::{contract, kpi};
use crate::quiet::{settle, writes};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// Nine days after the term began, of which the first week is over.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-11T00:05:00Z", "--clock-speed", "1"];
/// Writes of a contract with one KpiTarget: both statuses, the report and its status, and that the week has ended.
const MOST: usize = 5;

/// Contracts: `BPO_COLD=200` makes it a big installation.
fn contracts() -> usize {
    std::env::var("BPO_COLD").map_or(6, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_were_just_applied_cost_five_writes_each_until_all_verdicts_are_there() {
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
    let began = Instant::now();
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

    let writes = writes(&place);
    let mut by_kind: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes.iter().filter(|write| write.name != "after") {
        let kind = format!("{} {}", write.resource, write.subresource);
        *by_kind.entry(kind.trim().to_owned()).or_default() += 1;
    }
    let all: usize = by_kind.values().sum();
    println!(
        "{} contracts in {seconds:.1} s, {:.1} a second; {all} writes, {:.1} a contract: {by_kind:?}",
        contracts(),
        contracts() as f64 / seconds,
        all as f64 / contracts() as f64
    );
    println!("resident {resident:.0} MiB, {anonymous:.0} without pages of files; {processor:.1} s of processor time");
    assert!(all <= MOST * contracts(), "{all} writes of {} contracts: {by_kind:?}", contracts());
}
