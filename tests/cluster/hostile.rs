//! A hostile namespace breaks some of the bounds of `docs/reliability.md`, while contracts of another namespace have their verdicts in time
//! and the operator keeps to its memory and to its rate of writes.

mod gauge;
mod mallory;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::gauge::{Gauge, busiest_seconds};
use self::mallory::Mallory;
use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// What an honest contract waits at most for its verdict, from the instant at which it is applied.
const VERDICT_WITHIN: Duration = Duration::from_secs(10);
/// What the operator may occupy.
const RESIDENT: u64 = 256 << 20;
/// Writes a second, over any ten seconds.
const WRITES: usize = 20;
/// Honest contracts, applied one after the other.
const HONEST: usize = 5;
/// Hosts of the hostile vendor.
const HOSTS: usize = 16;

/// A contract that breaks a bound, and how it ends: by the reason of its first feed.
struct Attack {
    name: &'static str,
    /// Lines of `spec.feeds`, and further members of the spec after them.
    feeds: fn(&Mallory) -> String,
    reason: &'static str,
}

fn native(name: &str, url: &str) -> String {
    format!("  - {{name: {name}, url: \"{url}\", interval: 2m, timeout: 60s}}\n")
}

fn mapped(name: &str, url: &str, rows: &str, start: &str) -> String {
    format!(
        "  - {{name: {name}, url: \"{url}\", interval: 2m, timeout: 60s, format: {{json: {{rows: \"{rows}\", start: \"{start}\", \
         measures: [{{name: offered, path: $.n}}]}}}}}}\n"
    )
}

/// A feed for each of `count` answers of one kind, each under another host of the vendor.
fn many(mallory: &Mallory, path: &str, count: usize) -> String {
    (0..count).map(|number| native(&format!("f{number}"), &mallory.url(number, path))).collect()
}

const ATTACKS: [Attack; 3] = [
    Attack { name: "drip", feeds: |mallory| many(mallory, "drip", 32), reason: "Timeout" },
    Attack { name: "gzip", feeds: |mallory| native("bomb", &mallory.url(0, "gzip")), reason: "TooLarge" },
    Attack {
        name: "path",
        feeds: |mallory| mapped("bomb", &mallory.url(0, "list"), "$.rows[*]", "$.list[*]"),
        reason: "Mapping",
    },
];

impl Attack {
    fn manifest(&self, mallory: &Mallory) -> String {
        format!(
            "---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: {}}}
spec:
  vendor: {{name: Mallory}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  feeds:
{}",
            self.name,
            (self.feeds)(mallory)
        )
    }

    fn has_ended(&self, contract: &Value) -> bool {
        contract["status"]["feeds"][0]["reason"] == self.reason
    }
}

/// Applies a contract whose past is complete, and gives how long its verdict took.
async fn verdict_of(place: &Place, name: &str, url: &str) -> Duration {
    let began = Instant::now();
    let manifests = [
        contract(name, "UTC", "Monthly", ("2026-01-01", "2026-01-31"), url),
        kpi(&format!("{name}-level"), name, "kpi: ServiceLevel\nobjective: {target: 80}"),
    ];
    place.apply(&manifests.concat()).await;
    place
        .wait_for("kpi", &format!("{name}-level"), "its month is judged", |kpi| {
            let last = &kpi["status"]["last"];
            last["state"] == "Final" && last["verdict"] == "Met" && has(kpi, "FeedHealthy", "True", "Fetched")
        })
        .await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_come_in_time_while_another_namespace_breaks_bounds() {
    let (honest, hostile) = (Place::fresh().await, Place::fresh().await);
    let mallory = Mallory::start(HOSTS).await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let operator = honest.operator_with(&["--namespace", &hostile.namespace, "--memory", "256Mi"]);
    operator.until_it_is_ready().await;
    let gauge = Gauge::of(operator.id());
    let alone = verdict_of(&honest, "alone", &server.url(INTERVALS)).await;
    for attack in &ATTACKS {
        hostile.apply(&attack.manifest(&mallory)).await;
    }
    let dripping = async || (mallory.asked("drip") >= 8).then_some(());
    hostile.eventually("the drips hold their places", dripping).await;
    let mut took = Vec::new();
    for number in 0..HONEST {
        took.push(verdict_of(&honest, &format!("honest-{number}"), &server.url(INTERVALS)).await);
    }
    for attack in &ATTACKS {
        let what = format!("its feed ends in {}", attack.reason);
        hostile.wait_for("vc", attack.name, &what, |contract| attack.has_ended(contract)).await;
    }
    let peak = gauge.peak();
    let writes = busiest_seconds(&[&honest, &hostile], 10);
    eprintln!("alone {alone:.1?}, beside attacks {took:.1?}; {peak}; {writes} writes in the busiest ten seconds");
    assert!(took.iter().all(|took| *took <= VERDICT_WITHIN), "{took:.1?}");
    assert!(peak.resident <= RESIDENT, "{peak}");
    assert!(writes <= 10 * WRITES, "{writes} writes in ten seconds");
    assert_eq!(operator.stop().await, Some(0), "it lived through all of it");
}
