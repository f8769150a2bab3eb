//! Three replicas on one PostgreSQL share the work: each has a shard; that of one that dies moves within the lease and five seconds; a
//! replica that comes gets its share; nobody is alerted twice, and nobody writes about a shard that another one has.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use bpo_operator::shard::ShardCount;
use jiff::{RoundMode, Timestamp, TimestampRound, ToSpan, Unit};
use serde_json::Value;

use crate::busy::Busy;
use crate::controlplane::helm_path;
use crate::database::Database;
use crate::figures::hours;
use crate::harness::{Operator, Place, installation, path};
use crate::lease::{renewed_before, taken_in_time};
use crate::proxy::{Call, Proxy, leading_to};
use crate::receiver::{Received, Receiver};
use crate::replicas::manifests;
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(120);
const SHARDS: u32 = 3;
const ROWS: i64 = 240;

/// A replica, and what it asks of the API server.
struct Replica {
    operator: Operator,
    proxy: Proxy,
}

/// A namespace of each shard with a contract, and what the replicas share.
struct Installation {
    /// In the order of their shards.
    places: Vec<Place>,
    receiver: Receiver,
    database: Database,
    _vendor: VendorServer,
}

impl Installation {
    async fn start() -> Self {
        grant_sharing().await;
        let count: ShardCount = SHARDS.to_string().parse().unwrap();
        let mut places: BTreeMap<u32, Place> = BTreeMap::new();
        while places.len() < SHARDS as usize {
            let place = Place::fresh().await;
            places.entry(count.shard_of(&place.namespace)).or_insert(place);
        }
        // A row that ends later has not come yet.
        let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor);
        let now = Timestamp::now().round(hour).unwrap();
        let rows = hours(&(now - ROWS.hours()).to_string(), &now.to_string(), 90);
        let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
        let receiver = Receiver::start().await;
        let places: Vec<Place> = places.into_values().collect();
        for place in &places {
            let term = (now - ROWS.hours(), now + 1_000.hours());
            place.apply(&manifests(&vendor.url(INTERVALS), &receiver.url(), term)).await;
        }
        Installation { places, receiver, database: Database::start().await, _vendor: vendor }
    }

    /// A replica with this number of shards, which reaches the API server through a proxy of its own.
    async fn replica(&mut self, shards: &str) -> Replica {
        let direct = installation().await;
        let proxy = Proxy::start(direct).await;
        let url = Database::url(self.database.port);
        let namespaces: Vec<String> = self.places.iter().skip(1).map(|place| place.namespace.clone()).collect();
        let first = &mut self.places[0];
        first.installation = leading_to(proxy.port(), direct, first.folder.path());
        let mut flags = vec!["--shards", shards, "--evidence-url", &url, "--alert-allow-network", "127.0.0.0/8"];
        namespaces.iter().for_each(|namespace| flags.extend(["--namespace", namespace.as_str()]));
        Replica { operator: first.operator_with(&flags), proxy }
    }

    /// The name of a shard's Lease.
    fn lease_of(&self, shard: usize) -> String {
        format!("{}-shard-{shard}", self.places[0].namespace)
    }

    /// The record of a shard's Lease; null where there is none.
    async fn record(&self, shard: usize) -> Value {
        let (place, name) = (&self.places[0], self.lease_of(shard));
        let get = ["get", "lease", &name, "-n", "bpo-system", "-o", "json", "--ignore-not-found"];
        let lease: Value =
            serde_json::from_str(&place.installation.plane.kubectl(&get).await.unwrap()).unwrap_or_default();
        lease["spec"].clone()
    }

    /// Who holds each shard, in their order; empty: nobody.
    async fn holders(&self) -> Vec<String> {
        let records = futures::future::join_all((0..SHARDS as usize).map(|shard| self.record(shard))).await;
        records.iter().map(holder).collect()
    }

    /// Waits until this number of replicas hold all shards.
    async fn until_shared_by(&self, replicas: usize) -> Vec<String> {
        let shared = async || {
            let holders = self.holders().await;
            let different: BTreeSet<&String> = holders.iter().filter(|holder| !holder.is_empty()).collect();
            (different.len() == replicas && holders.iter().all(|holder| !holder.is_empty())).then_some(holders)
        };
        self.places[0].eventually_within(PATIENCE, &format!("{replicas} replicas share the shards"), shared).await
    }

    /// Waits until what is changed in a namespace now is looked at by somebody.
    async fn until_worked_in(&self, shard: usize) {
        let place = &self.places[shard];
        let name = format!("look-{}", Timestamp::now().as_millisecond());
        place
            .apply(&format!("{{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {{name: {name}}}, spec: {{rank: 1}}}}"))
            .await;
        let looked = async || place.get("st", &name).await.filter(|tier| tier["status"].is_object()).map(|_| ());
        place.eventually_within(PATIENCE, &format!("somebody works on shard {shard}"), looked).await;
    }

    /// Waits until the outbox has no undelivered message; returns how many messages there are.
    async fn until_all_are_delivered(&self) -> usize {
        let url = Database::url(self.database.port);
        let none = async || {
            let listed = bpo(&["alert", "list", "-o", "json", "--evidence-url", &url]);
            let messages: Vec<Value> = serde_json::from_str(&listed).unwrap();
            messages.iter().all(|message| message["state"] == "delivered").then_some(messages.len())
        };
        self.places[0].eventually_within(PATIENCE, "every alert is delivered", none).await
    }

    /// Waits for this number of further alerts.
    async fn until_more_come(&self, more: usize) {
        let came = || self.receiver.taken().iter().flat_map(Received::alerts).count();
        let before = came();
        let enough = async || (came() >= before + more).then_some(());
        self.places[0].eventually_within(PATIENCE, &format!("{more} more alerts come"), enough).await;
    }

    /// Asks for no more alerts, and waits until those that were asked for are delivered and noted. A replica that is killed after a delivery
    /// and before it notes the delivery makes any of them deliver it again.
    async fn quieten(&self, busy: &Busy) {
        busy.quieten(PATIENCE, &self.places[0], &self.receiver).await;
        self.until_all_are_delivered().await;
    }

    /// Each message of the outbox came, and came once; the evidence is whole.
    async fn nothing_is_lost_or_doubled(&self) {
        let url = Database::url(self.database.port);
        let messages = self.until_all_are_delivered().await;
        let mut came: BTreeMap<String, usize> = BTreeMap::new();
        for alert in self.receiver.taken().iter().flat_map(Received::alerts) {
            *came.entry(alert["id"].to_string()).or_default() += 1;
        }
        let twice: Vec<&String> = came.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
        assert!(messages >= 3 && twice.is_empty(), "{} alerts came, and these twice: {twice:?}", came.len());
        let rows = format!("{} rows", ROWS * i64::from(SHARDS));
        let whole = async || bpo(&["verify", "--evidence-url", &url]).contains(&rows).then_some(());
        self.places[0].eventually_within(PATIENCE, &format!("the evidence is whole and has {rows}"), whole).await;
    }
}

/// What the chart grants to replicas that share the work.
async fn grant_sharing() {
    let chart = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/bpo-operator");
    let plane = installation().await.plane;
    let rendered = Command::new(helm_path().await.unwrap())
        .args(["template", "bpo-operator", path(&chart), "--namespace", "bpo-system", "-s", "templates/rbac.yaml"])
        .args(["--set", "shards=3", "--set", "evidenceUrl.secretName=evidence"])
        .output()
        .unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let manifests = String::from_utf8(rendered.stdout).unwrap();
    plane.kubectl_with_input(&["apply", "-n", "bpo-system", "-f", "-"], &manifests).await.unwrap();
}

/// The output of `kubectl bpo`, which must succeed.
fn bpo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The writes of a replica in a namespace after an instant.
fn writes_after(replica: &Replica, namespace: &str, instant: Instant) -> Vec<Call> {
    let place = format!("/namespaces/{namespace}/");
    let verbs = ["patch ", "create ", "update ", "delete "];
    let is_write = |call: &Call| verbs.iter().any(|verb| call.kind.starts_with(verb)) && call.target.contains(&place);
    replica.proxy.calls().into_iter().filter(|call| call.at > instant && is_write(call)).collect()
}

/// Which of these replicas holds a shard: its process's number is the end of the holder's name.
fn holder_of<'r>(replicas: &'r [Replica], holder: &str) -> &'r Replica {
    let ends = |replica: &&Replica| holder.ends_with(&format!("_{}", replica.operator.pid()));
    replicas.iter().find(ends).unwrap_or_else(|| panic!("none of the replicas is {holder:?}"))
}

fn holder(record: &Value) -> String {
    record["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// Waits until a shard moves away from its holder `before`, one of these replicas. Returns how many seconds after the last renewal its new
/// holder took it, by the Lease's own records.
async fn until_moved(installation: &Installation, shard: usize, replicas: &[Replica], before: &str) -> f64 {
    let moved = async || {
        let record = installation.record(shard).await;
        let taken = record["acquireTime"].as_str().and_then(|taken| taken.parse().ok());
        taken.filter(|_| !holder(&record).is_empty() && holder(&record) != before)
    };
    let taken: Timestamp = installation.places[0].eventually_within(PATIENCE, "the shard moves", moved).await;
    let written = holder_of(replicas, before).proxy.leases();
    taken_in_time(before, renewed_before(&written, &installation.lease_of(shard), taken), taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_share_three_shards_and_those_of_one_that_dies_or_hangs_move_in_time() {
    let mut shared = Installation::start().await;
    let mut replicas = Vec::new();
    // One after the other: each that comes gets its share of those that are there.
    for count in 1..=3 {
        replicas.push(shared.replica("3").await);
        shared.until_shared_by(count).await;
    }
    let busy = Busy::default();
    let story = async {
        for shard in 0..3 {
            shared.until_worked_in(shard).await;
        }
        let holders = shared.holders().await;

        let (killed, stopped) = (0, 1);
        shared.until_more_come(6).await;
        shared.quieten(&busy).await;
        holder_of(&replicas, &holders[killed]).operator.signal("KILL");
        let waited = until_moved(&shared, killed, &replicas, &holders[killed]).await;
        eprintln!("killed: its shard was held by another {waited:.1} s after the last renewal");
        busy.ask_again();
        shared.until_worked_in(killed).await;
        shared.until_more_come(3).await;

        // The hanging replica may have taken over the first: everything moves to the last one.
        let silent = holder_of(&replicas, &holders[stopped]);
        shared.quieten(&busy).await;
        silent.operator.signal("STOP");
        let waited = until_moved(&shared, stopped, &replicas, &holders[stopped]).await;
        eprintln!("stopped: its shard was held by another {waited:.1} s after the last renewal");
        shared.until_shared_by(1).await;
        for shard in 0..3 {
            shared.until_worked_in(shard).await;
        }
        busy.ask_again();
        let goes_on = Instant::now();
        silent.operator.signal("CONT");
        let ended = async || silent.operator.log().contains("bpo-operator: ").then_some(());
        shared.places[0].eventually_within(PATIENCE, "the replica that hung ends", ended).await;
        shared.until_more_come(3).await;
        for place in &shared.places {
            let late = writes_after(silent, &place.namespace, goes_on);
            assert!(late.is_empty(), "the replica that hung wrote when it resumed: {late:?}");
        }
        busy.end();
    };
    tokio::join!(story, busy.keep(&shared.places));
    shared.nothing_is_lost_or_doubled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_comes_gets_its_share_without_a_gap_or_a_double_and_another_number_of_shards_waits_for_all() {
    let mut shared = Installation::start().await;
    let first = shared.replica("3").await;
    shared.until_shared_by(1).await;
    let second = shared.replica("3").await;
    let busy = Busy::default();
    let story = async {
        let holders = shared.until_shared_by(2).await;
        for shard in 0..3 {
            shared.until_worked_in(shard).await;
        }
        let replicas = [&first, &second];
        // From here on each writes to the namespaces of its own shards alone.
        let settled = Instant::now();
        for shard in 0..3 {
            shared.until_worked_in(shard).await;
        }
        for (place, holder) in shared.places.iter().zip(&holders) {
            for replica in replicas {
                let is_its = holder.ends_with(&format!("_{}", replica.operator.pid()));
                let writes = writes_after(replica, &place.namespace, settled);
                assert_eq!(!writes.is_empty(), is_its, "{}: {writes:?}", replica.operator.pid());
            }
        }
        busy.end();
    };
    tokio::join!(story, busy.keep(&shared.places));

    let other = shared.replica("2").await;
    other.operator.until_it_says("replicas-of-3-shards holds the Lease").await;
    assert_eq!(
        other.operator.http("/readyz").await.0,
        200,
        "a rolling update ends the old ones when the new one is ready"
    );
    assert_eq!(first.operator.stop().await, Some(0));
    shared.until_shared_by(1).await;
    assert!(!other.operator.log().contains("this process works on the shard"), "{}", other.operator.log());
    assert_eq!(second.operator.stop().await, Some(0));
    other.operator.until_it_says("this process works on the shard").await;
    for shard in 0..3 {
        shared.until_worked_in(shard).await;
    }
    shared.nothing_is_lost_or_doubled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_without_a_store_that_replicas_can_share_are_refused_in_clear_words() {
    let place = Place::fresh().await;
    let operator = place.operator_with(&["--shards", "2"]);
    let log = operator.log_path();
    assert_eq!(operator.ended().await, Some(1));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("--shards 2 needs a PostgreSQL that all replicas share, such as --evidence-url postgres://"),
        "{log}"
    );
}
