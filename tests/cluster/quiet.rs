//! Nothing new, nothing written: counted by the API server, not by the operator.

use serde_json::Value;

use crate::controlplane::AuditEvent;
use crate::figures::hours;
use crate::harness::{DEADLINE, OPERATOR, Operator, Place, fetches, has, path};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// Within the term, while nothing is due: neither a period's end nor a row.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:05:00Z", "--clock-speed", "1"];

/// Contracts, and KpiTargets of each: `BPO_QUIET=500x10` makes it as large as a big installation, which takes some minutes.
fn size() -> (usize, usize) {
    let wanted = std::env::var("BPO_QUIET").unwrap_or_else(|_| "4x50".to_owned());
    let (contracts, targets) = wanted.split_once('x').unwrap();
    (contracts.parse().unwrap(), targets.parse().unwrap())
}

/// Contracts with three tiers of customers, an alert and an escalation, and a launch of the first of them; nothing of them is missed.
fn manifests(url: &str, contracts: usize, targets: usize) -> String {
    let term = ("2026-01-01", "2026-12-31");
    let mut manifests = String::new();
    for (rank, tier) in (1..).zip(["platinum", "gold", "standard"]) {
        manifests += &format!(
            "---\n{{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {{name: {tier}}}, spec: {{rank: {rank}}}}}\n"
        );
    }
    for contract_number in 0..contracts {
        let name = format!("quiet-{contract_number}");
        manifests += &contract(&name, "UTC", "Monthly", term, url);
        manifests += "  tiers: [platinum, gold, standard]
  contacts: [{name: sam}]
  escalation: [{level: 1, after: 0h, causes: [Missed], contacts: [sam], alerts: [hook]}]
  alerts: [{name: hook, webhook: {url: \"https://hooks.client.invalid/bpo\"}}]
";
        for number in 0..targets {
            let spec = "kpi: ServiceLevel\nobjective: {target: 80}";
            manifests += &kpi(&format!("level-{contract_number}-{number}"), &name, spec);
        }
    }
    manifests
        + "---
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {name: spring}
spec:
  contractRefs: [{name: quiet-0}]
  product: Sports package
  launchAt: 2026-03-30T08:00:00Z
  gates: [{name: voice, type: VoiceOfCustomer, due: 7d}]
"
}

/// What the log says where the API server is slow to renew a lease, which a busy machine makes it: it belongs to no look.
const OF_LEASES: [&str; 2] = ["the lease could not be renewed", "the lease was not renewed in time"];

/// What people would see of a look: lines of the log above debug, but for those about one object, and messages of the outbox.
fn seen(place: &Place, operator: &Operator, but: &str) -> (Vec<String>, Value) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["alert", "list", "-o", "json", "--data-dir", path(&place.data_dir())])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_of_look = |line: &&str| !line.contains(but) && !OF_LEASES.iter().any(|words| line.contains(words));
    let lines = operator.log().lines().filter(is_of_look).map(str::to_owned).collect();
    (lines, serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_and_a_restart_that_bring_nothing_new_make_no_write_for_two_hundred_targets() {
    let (contracts, targets) = size();
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    place.apply(&manifests(&server.url(INTERVALS), contracts, targets)).await;
    let operator = place.operator_with(&CLOCK);
    let judged = async || {
        let found = place.list("kpi").await;
        let done = found.iter().filter(|kpi| {
            kpi["status"]["last"]["verdict"] == "Met"
                && has(kpi, "Ready", "True", "Reconciled")
                && has(kpi, "FeedHealthy", "True", "Fetched")
        });
        (done.count() == contracts * targets).then_some(())
    };
    place.eventually_within(patience(), "every target is judged", judged).await;
    place.wait_for("cl", "spring", "it is decided", |launch| launch["status"]["decision"].is_string()).await;
    settle(&place, "before").await;
    let seen_before = seen(&place, &operator, "after");

    let before = writes(&place);
    assert!(
        before.len() > contracts * targets,
        "each target's status was written, and the log has it: {}",
        before.len()
    );
    let polls = server.count(INTERVALS).requests;
    let more = 2 * u64::try_from(contracts).unwrap();
    let two_more = async || (server.count(INTERVALS).requests >= polls + more).then_some(());
    place.eventually_within(patience(), "the feeds are polled twice more", two_more).await;
    let fetched = async || (fetches(&operator.http("/metrics").await.1) >= polls + more).then_some(());
    place.eventually_within(patience(), "all polls have ended", fetched).await;
    settle(&place, "after").await;

    let after = writes(&place);
    let news: Vec<&AuditEvent> = after[before.len()..].iter().filter(|write| write.name != "after").collect();
    assert!(news.is_empty(), "{} writes with nothing new: {news:#?}", news.len());
    assert!(after.len() > before.len(), "the log has the write that was asked for");
    assert!(!seen_before.0.is_empty(), "the operator logs what it begins with");
    assert_eq!(seen(&place, &operator, "after"), seen_before, "no line of the log and no message with nothing new");

    // A restart is quiet too: the operator reads and fetches again what it knows, and notifies nobody.
    assert_eq!(operator.stop().await, Some(0));
    let before = writes(&place).len();
    let polls = server.count(INTERVALS).requests;
    let operator = place.operator_with(&["--clock-start", "2026-02-10T00:20:00Z", "--clock-speed", "1"]);
    operator.until_it_is_ready().await;
    let each = polls + u64::try_from(contracts).unwrap();
    let again = async || (server.count(INTERVALS).requests >= each).then_some(());
    place.eventually_within(patience(), "each feed is polled again", again).await;
    let fetched =
        async || (fetches(&operator.http("/metrics").await.1) >= u64::try_from(contracts).unwrap()).then_some(());
    place.eventually_within(patience(), "these polls have ended", fetched).await;
    settle(&place, "restarted").await;
    let after = writes(&place);
    let news: Vec<&AuditEvent> = after[before..].iter().filter(|write| write.name != "restarted").collect();
    assert!(news.is_empty(), "{} writes after a restart with nothing new: {news:#?}", news.len());
    let metrics = operator.http("/metrics").await.1;
    assert!(
        metrics.lines().any(|line| line == "bpo_evidence_memory_bytes{kind=\"rows\"} 0.0"),
        "no row is read where nothing is new: {:?}",
        metrics.lines().filter(|line| line.starts_with("bpo_evidence_memory")).collect::<Vec<_>>()
    );
}

/// How long each step may take: longer for more.
fn patience() -> std::time::Duration {
    let (contracts, targets) = size();
    DEADLINE * u32::try_from(1 + contracts * targets / 1_000).unwrap()
}

/// Lets the operator work off what it has begun: an object that is made now comes after all that was to be looked at before.
pub(crate) async fn settle(place: &Place, tier: &str) {
    place
        .apply(&format!(
            "{{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {{name: {tier}}}, spec: {{rank: 1}}}}"
        ))
        .await;
    place.wait_for("st", tier, "it is ready", |tier| has(tier, "Ready", "True", "Reconciled")).await;
    let status = async || writes(place).iter().any(|write| write.name == tier).then_some(());
    place.eventually("the audit log has its status", status).await;
}

/// What the operator wrote in this namespace so far; the lease lies in another one.
pub(crate) fn writes(place: &Place) -> Vec<AuditEvent> {
    let events = place.installation.plane.audit_events().unwrap();
    events
        .into_iter()
        .filter(|event| event.user == OPERATOR && event.namespace == place.namespace && event.is_write())
        .collect()
}
