//! The API server, or the etcd behind it, is away: the operator waits without ending, keeps fetching what vendors publish, and catches up.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::controlplane::{ControlPlane, ControlPlaneOptions};
use crate::harness::{Place, has, install_on};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// How soon after the end of an outage everything must be as it would have been.
const CONVERGENCE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(90);

/// What is away.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// The API server hangs: connections stay open and nothing answers.
    Paused,
    /// The API server is gone: connections are refused.
    Gone,
    /// etcd is gone: the API server answers, and fails.
    NoEtcd,
}

const KINDS: [Outage; 3] = [Outage::Paused, Outage::Gone, Outage::NoEtcd];

/// How long they last, in seconds.
fn lengths(outage: Outage) -> &'static [u64] {
    match (crate::is_full(), outage) {
        (false, _) => &[5],
        (true, Outage::Gone) => &[5, 30, 120, 600],
        (true, Outage::Paused | Outage::NoEtcd) => &[5, 30, 120],
    }
}

/// A control plane of its own, so that no other test notices its outages.
pub(crate) async fn own_plane() -> &'static ControlPlane {
    let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
    Box::leak(Box::new(ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"))))
}

fn begin(plane: &ControlPlane, outage: Outage) {
    match outage {
        Outage::Paused => plane.pause_api_server().unwrap(),
        Outage::Gone => plane.stop_api_server().unwrap(),
        Outage::NoEtcd => plane.stop_etcd().unwrap(),
    }
}

async fn end(plane: &ControlPlane, outage: Outage) {
    match outage {
        Outage::Paused => plane.resume_api_server().unwrap(),
        Outage::Gone => plane.start_api_server().await.unwrap(),
        Outage::NoEtcd => plane.start_etcd().await.unwrap(),
    }
}

fn manifests(feed: &str) -> String {
    let contract = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "feeds": [{"name": "acd", "url": feed, "interval": "30m"}],
    });
    let kpi = json!({"contractRef": {"name": "care"}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": 80}});
    let object = |kind: &str, name: &str, spec: Value| {
        format!(
            "---\n{}\n",
            json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
        )
    };
    object("VendorContract", "care", contract) + &object("KpiTarget", "level", kpi)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_or_an_etcd_that_is_away_ends_no_operator_and_loses_no_row() {
    let plane = own_plane().await;
    let place = Place::fresh_on(Box::leak(Box::new(install_on(plane).await))).await;
    let first = crate::figures::at("2026-02-02T00:00:00Z");
    let rows = crate::figures::hours("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", 90);
    let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    place.apply(&manifests(&vendor.url(INTERVALS))).await;
    // An hour, and with it a row, in five seconds: each outage has rows that come in it.
    let clock = ["--clock-start", &first.to_string(), "--clock-speed", "720"];
    let operator = place.operator_with(&clock);
    operator.until_it_is_ready().await;
    place.wait_for("kpi", "level", "it is judged", |kpi| kpi["status"]["current"]["asOf"].is_string()).await;
    for outage in KINDS {
        for seconds in lengths(outage) {
            let polls = || vendor.count(INTERVALS).requests;
            let level = place.get("kpi", "level").await.unwrap()["status"]["current"]["asOf"].clone();
            begin(plane, outage);
            let before = polls();
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            // On a busy machine the poll that an outage meets may come late.
            let fetched = async || Some(polls() - before).filter(|polls| *polls > 0);
            let what = format!("{outage:?}: feeds are fetched while the API server is away");
            let during = place.eventually_within(PATIENCE, &what, fetched).await;
            end(plane, outage).await;
            let over = Instant::now();
            // A change that is made after the outage is seen, and so are the rows that came in it.
            let target = json!({"spec": {"objective": {"target": 70 + seconds % 7}}}).to_string();
            let patched = async || {
                place.try_kubectl(&["patch", "kpi", "level", "--type=merge", "-p", &target], "").await.0.then_some(())
            };
            place.eventually_within(PATIENCE, "the API server takes writes", patched).await;
            let wanted = (70 + seconds % 7).to_string();
            let caught_up = async || {
                // The server may still fail, which ends no test.
                let (_, text) = place.try_kubectl(&["get", "kpi", "level", "-o", "json"], "").await;
                let kpi: Value = serde_json::from_str(&text).ok()?;
                let current = &kpi["status"]["current"];
                let newer = current["asOf"].as_str() > level.as_str();
                (newer && current["target"] == wanted.as_str() && has(&kpi, "Ready", "True", "Reconciled"))
                    .then_some(())
            };
            place
                .eventually_within(CONVERGENCE, &format!("{outage:?} for {seconds} s is made up for"), caught_up)
                .await;
            eprintln!(
                "{outage:?} for {seconds} s: {during} polls meanwhile, made up for after {:.1} s",
                over.elapsed().as_secs_f64()
            );
        }
    }
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
    let (code, text) = place.verify();
    assert_eq!(code, 0, "{text}");
}
