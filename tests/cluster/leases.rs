//! The Lease, and the end of a process with a fault: who works, who is on standby, who is noticed, and who takes over when.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::figures::hours;
use crate::harness::{OPERATOR, Operator, Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const WORKS: &str = "the lease is held: this process works";
/// How long a lease lasts whose holder is silent.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

async fn record(place: &Place) -> Value {
    let get = ["get", "lease", &place.namespace, "-n", "bpo-system", "-o", "json"];
    let lease: Value = serde_json::from_str(&place.installation.plane.kubectl(&get).await.unwrap()).unwrap();
    lease["spec"].clone()
}

async fn holder(place: &Place) -> String {
    record(place).await["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// How long the Lease had not been written when its holder took it, by its own record and the API server's log: however busy the machine is,
/// one that runs out has not been written for as long as it lasts.
async fn unwritten_when_taken(place: &Place) -> SignedDuration {
    let record = record(place).await;
    let taken: Timestamp = record["acquireTime"].as_str().unwrap().parse().unwrap();
    let written = async || {
        let events = place.installation.plane.audit_events().unwrap();
        let of_lease = events.into_iter().filter(|event| {
            event.user == OPERATOR && event.resource == "leases" && event.name == place.namespace && event.is_write()
        });
        let (before, since): (Vec<Timestamp>, Vec<Timestamp>) =
            of_lease.map(|event| event.received).partition(|received| *received < taken);
        // What was written before is in the log when that it was taken is.
        before.into_iter().max().filter(|_| !since.is_empty())
    };
    let written = place.eventually("the audit log has that the lease was taken", written).await;
    taken.duration_since(written)
}

/// Asks both probes as a kubelet would.
async fn probes(operator: &Operator) -> [u16; 2] {
    [operator.http("/healthz").await.0, operator.http("/readyz").await.0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_on_standby_answers_its_probes_and_takes_over_when_the_leader_ends() {
    let place = Place::fresh().await;
    let leader = place.operator_with(&["--leader-elect"]);
    leader.until_it_is_ready().await;
    leader.until_it_says(WORKS).await;
    let first = holder(&place).await;
    let standby = place.operator_with(&["--leader-elect"]);
    standby.until_it_says("standing by: ").await;
    // A rolling update starts the new pod, waits until it is ready, and only then ends the old one.
    assert_eq!(probes(&standby).await, [200, 200]);
    assert_eq!(holder(&place).await, first);
    assert!(!standby.log().contains(WORKS));
    assert_eq!(leader.stop().await, Some(0));
    standby.until_it_says(WORKS).await;
    let waited = unwritten_when_taken(&place).await;
    assert!(waited < LEASE, "a lease that was given back is taken before it would run out, not after {waited:#}");
    standby.until_it_is_ready().await;
    assert_ne!(holder(&place).await, first);
    place
        .apply("{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {name: gold}, spec: {rank: 1}}")
        .await;
    place.wait_for("st", "gold", "the successor works", |tier| has(tier, "Ready", "True", "Reconciled")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_operator_that_was_killed_takes_its_own_lease_back_at_once() {
    let place = Place::fresh().await;
    let operator = place.operator();
    operator.until_it_is_ready().await;
    let first = holder(&place).await;
    assert!(!first.is_empty());
    operator.kill();
    let successor = place.operator();
    successor.until_it_says(WORKS).await;
    let log = successor.log();
    assert!(!log.contains("holds the Lease"), "it waited for a lease that was its own:\n{log}");
    assert_ne!(holder(&place).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_operator_of_one_installation_is_noticed_and_writes_nothing() {
    let place = Place::fresh().await;
    let first = place.operator();
    first.until_it_is_ready().await;
    let name = holder(&place).await;
    let second = place.operator_on(&place.folder.path().join("other"), &[], "info");
    second.until_it_says("two operators of one installation must not work side by side").await;
    let (status, missing) = second.http("/readyz").await;
    assert!(status == 503 && missing.contains(&name) && missing.contains("--lease-name"), "{status} {missing}");
    assert_eq!(second.http("/healthz").await.0, 200, "a restart would help nobody");
    assert_eq!(holder(&place).await, name);
    first.kill();
    second.until_it_says(WORKS).await;
    let waited = unwritten_when_taken(&place).await;
    // The clock of the records is not the one by which it waits.
    assert!(waited > LEASE - SignedDuration::from_secs(1), "another's lease was taken after {waited:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_store_ends_the_process_without_leader_election_too() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let manifests = |name: &str| {
        let contract = contract(name, "UTC", "Monthly", ("2026-01-01", "2026-01-31"), &server.url(INTERVALS));
        format!("{contract}{}", kpi(&format!("{name}-level"), name, "kpi: ServiceLevel\nobjective: {target: 80}"))
    };
    place.apply(&manifests("before")).await;
    let operator = place.operator();
    place.wait_for("kpi", "before-level", "it is judged", |kpi| kpi["status"]["last"]["verdict"] == "Met").await;
    let log = operator.log_path();
    // One error of the disk: the store accepts nothing after it until a new process opens it.
    std::fs::remove_file(place.data_dir().join("evidence.sqlite")).unwrap();
    place.apply(&manifests("after")).await;
    assert_eq!(operator.ended().await, Some(1));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("bpo-operator: ") && log.contains("deleted while in use"), "{log}");
}
