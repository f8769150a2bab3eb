//! Nothing new, nothing written: counted by the API server, not by the operator.

use crate::controlplane::AuditEvent;
use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// Within the term, while nothing is due: neither a period's end nor a row.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:05:00Z", "--clock-speed", "1"];
const TARGETS: usize = 200;
const OPERATOR: &str = "system:serviceaccount:bpo-system:bpo-operator";

#[tokio::test(flavor = "multi_thread")]
async fn two_polls_that_bring_nothing_new_make_no_write_for_two_hundred_targets() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let term = ("2026-01-01", "2026-12-31");
    let mut manifests = contract("quiet", "UTC", "Monthly", term, &server.url(INTERVALS));
    for number in 0..TARGETS {
        manifests += &kpi(&format!("level-{number}"), "quiet", "kpi: ServiceLevel\nobjective: {target: 80}");
    }
    place.apply(&manifests).await;
    let operator = place.operator_with(&CLOCK);
    let judged = async || {
        let targets = place.list("kpi").await;
        let done = targets.iter().filter(|kpi| {
            kpi["status"]["last"]["verdict"] == "Met"
                && has(kpi, "Ready", "True", "Reconciled")
                && has(kpi, "FeedHealthy", "True", "Fetched")
        });
        (done.count() == TARGETS).then_some(())
    };
    place.eventually("every target is judged", judged).await;
    settle(&place, "before").await;

    let before = writes(&place);
    assert!(before.len() > TARGETS, "each target's status was written, and the log tells it: {}", before.len());
    let polls = server.count(INTERVALS).requests;
    let two_more = async || (server.count(INTERVALS).requests >= polls + 2).then_some(());
    place.eventually("the feed is polled twice more", two_more).await;
    let fetched = async || (fetches(&operator.http("/metrics").await.1) >= polls + 2).then_some(());
    place.eventually("both polls have ended", fetched).await;
    settle(&place, "after").await;

    let after = writes(&place);
    let news: Vec<&AuditEvent> = after[before.len()..].iter().filter(|write| write.name != "after").collect();
    assert!(news.is_empty(), "{} writes with nothing new: {news:#?}", news.len());
    assert!(after.len() > before.len(), "the log tells the write that was asked for");
}

/// Lets the operator work off what it has begun: an object that is made now comes after all that was to be looked at before.
async fn settle(place: &Place, tier: &str) {
    place
        .apply(&format!(
            "{{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {{name: {tier}}}, spec: {{rank: 1}}}}"
        ))
        .await;
    place.wait_for("st", tier, "it is ready", |tier| has(tier, "Ready", "True", "Reconciled")).await;
    let status = async || writes(place).iter().any(|write| write.name == tier).then_some(());
    place.eventually("the audit log tells its status", status).await;
}

/// What the operator wrote in this namespace so far; the lease lies in another one.
fn writes(place: &Place) -> Vec<AuditEvent> {
    let events = place.installation.plane.audit_events().unwrap();
    events
        .into_iter()
        .filter(|event| event.user == OPERATOR && event.namespace == place.namespace && event.is_write())
        .collect()
}

/// How many polls ended well, as the operator's metrics tell.
fn fetches(metrics: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with("bpo_feed_fetches_total{") && line.contains("Fetched"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64)
}
