//! Two replicas on one PostgreSQL: whatever the leader loses, the other one takes over within the lease and five seconds, and the loser
//! writes nothing and alerts nobody from then on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{RoundMode, Timestamp, TimestampRound, ToSpan, Unit};
use serde_json::Value;

use crate::busy::Busy;
use crate::database::Database;
use crate::figures::hours;
use crate::harness::{Operator, Place, installation};
use crate::lease::{renewed_before, taken, taken_in_time};
use crate::link::{Link, Wire};
use crate::proxy::{Call, Proxy, leading_to};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(90);
const WORKS: &str = "the lease is held: this process works";

/// A replica, and its wires to the API server and to the database.
struct Replica {
    operator: Operator,
    api: Link,
    database: Link,
    proxy: Proxy,
}

/// What the leader loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// It is stopped (SIGSTOP) until another one has taken over, and goes on then.
    Stopped,
    /// Its connections to the API server are reset.
    ApiServerCut,
    /// Its connections to the API server fall silent.
    ApiServerSilent,
    /// Its connections to the database are reset.
    DatabaseCut,
    /// Its connections to the database fall silent.
    DatabaseSilent,
    /// The database's server is killed in the middle of a commit and starts again.
    DatabaseRestarted,
    /// The database's server hangs until the leader has ended.
    DatabaseFrozen,
}

/// Two replicas, and what keeps them busy.
struct Pair {
    leader: Replica,
    standby: Replica,
    place: Place,
    receiver: Receiver,
    database: Database,
    _vendor: VendorServer,
}

impl Pair {
    async fn start() -> Self {
        let mut place = Place::fresh().await;
        let database = Database::start().await;
        // The last hour that is over: the vendor sends no hour before its end.
        let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor);
        let now = Timestamp::now().round(hour).unwrap();
        let rows = hours(&(now - 480.hours()).to_string(), &now.to_string(), 90);
        let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
        let receiver = Receiver::start().await;
        place
            .apply(&manifests(&vendor.url(INTERVALS), &receiver.url(), (now - 480.hours(), now + 1_000.hours())))
            .await;
        let leader = replica(&mut place, database.port).await;
        leader.operator.until_it_says(WORKS).await;
        leader.operator.until_it_is_ready().await;
        // In the first hour of a month only the month before has rows.
        let judged = |kpi: &Value| ["current", "last"].iter().any(|period| kpi["status"][period]["value"].is_string());
        place.wait_for("kpi", "level", "it is judged", judged).await;
        let standby = replica(&mut place, database.port).await;
        standby.operator.until_it_says("standing by: ").await;
        Pair { leader, standby, place, receiver, database, _vendor: vendor }
    }

    /// Asks for no more alerts, and waits until those that were asked for are delivered and noted: a leader that is lost after a delivery and
    /// before it notes the delivery makes any other one deliver it again.
    async fn quieten(&self, busy: &Busy) {
        busy.quieten(PATIENCE, &self.place, &self.receiver).await;
        let none = async || (waiting_alerts(self) == 0).then_some(());
        self.place.eventually_within(PATIENCE, "every delivery is noted", none).await;
    }

    async fn lose(&self, loss: Loss) {
        match loss {
            Loss::Stopped => self.leader.operator.signal("STOP"),
            Loss::ApiServerCut => self.leader.api.be(Wire::Cut),
            Loss::ApiServerSilent => self.leader.api.be(Wire::Silent),
            Loss::DatabaseCut => self.leader.database.be(Wire::Cut),
            Loss::DatabaseSilent => self.leader.database.be(Wire::Silent),
            Loss::DatabaseRestarted => self.database.restart().await,
            Loss::DatabaseFrozen => self.database.freeze(true),
        }
    }

    /// Restores what was lost.
    fn give_back(&self, loss: Loss) {
        if loss == Loss::Stopped {
            self.leader.operator.signal("CONT");
        }
        self.leader.api.be(Wire::Whole);
        self.leader.database.be(Wire::Whole);
    }
}

async fn replica(place: &mut Place, database: u16) -> Replica {
    let direct = installation().await;
    let proxy = Proxy::start(direct).await;
    let (api, database) = (Link::to(proxy.port()).await, Link::to(database).await);
    place.installation = leading_to(api.port, direct, place.folder.path());
    let url = Database::url(database.port);
    let flags = ["--leader-elect", "--evidence-url", &url, "--alert-allow-network", "127.0.0.0/8"];
    Replica { operator: place.operator_with(&flags), api, database, proxy }
}

/// A contract with one KPI, whose term begins and ends on these days, and a receiver of its alerts.
pub(crate) fn manifests(feed: &str, receiver: &str, (start, end): (Timestamp, Timestamp)) -> String {
    let day = |instant: Timestamp| instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    format!(
        "---
{{apiVersion: bpo-operator.io/v1alpha1, kind: ServiceTier, metadata: {{name: gold}}, spec: {{rank: 1}}}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: {}, end: {}}}
  timeZone: UTC
  period: Monthly
  tiers: [gold]
  feeds: [{{name: acd, url: '{feed}', interval: 30s}}]
  alerts: [{{name: hook, webhook: {{url: '{receiver}/bpo'}}}}]
---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {{name: level}}
spec:
  contractRef: {{name: care}}
  source: {{feed: acd}}
  kpi: ServiceLevel
  objective: {{target: 80}}
",
        day(start),
        day(end)
    )
}

/// Whether a call changes something other than the lease.
fn is_write(call: &&Call) -> bool {
    !call.kind.ends_with(" leases")
        && ["patch ", "create ", "update ", "delete "].iter().any(|verb| call.kind.starts_with(verb))
}

/// When the replica took the lease: the first call that writes it.
fn took_the_lease(replica: &Replica) -> Option<Instant> {
    replica.proxy.calls().iter().find(|call| call.kind == "update leases").map(|call| call.at)
}

/// When what happened after a loss.
struct Timeline {
    lost: Instant,
    lost_at: Timestamp,
    /// The standby writes the lease.
    taken: Instant,
    /// The successor writes something else.
    wrote: Instant,
    /// The loser has ended.
    ended: Instant,
}

/// Has the leader lose something while both are busy, and returns it once the other one works.
async fn live(pair: &Pair, busy: &Busy, loss: Loss) -> Timeline {
    // Some changes are carried out and an alert is sent before the loss.
    let writes = || pair.leader.proxy.calls().iter().filter(is_write).count();
    let alerts = || pair.receiver.taken().iter().flat_map(Received::alerts).count();
    let before = writes();
    let is_busy = async || (writes() >= before + 4 && alerts() > 0).then_some(());
    pair.place.eventually_within(PATIENCE, "the leader writes and alerts", is_busy).await;
    pair.quieten(busy).await;
    if loss == Loss::DatabaseRestarted {
        pair.database.hold_commits().await;
    }
    let (lost, lost_at) = (Instant::now(), Timestamp::now());
    pair.lose(loss).await;
    let taken = async || took_the_lease(&pair.standby);
    let taken = pair.place.eventually_within(PATIENCE, "the lease is taken", taken).await;
    if loss == Loss::DatabaseFrozen {
        pair.database.freeze(false);
    }
    let wrote = async || pair.standby.proxy.calls().iter().find(is_write).map(|call| call.at);
    let wrote = pair.place.eventually_within(PATIENCE, "the successor writes", wrote).await;
    pair.give_back(loss);
    busy.ask_again();
    // The loser sees what was lost again, and what it does then is seen too.
    let ended = async || pair.leader.operator.log().contains("bpo-operator: ").then(Instant::now);
    let ended = pair.place.eventually_within(PATIENCE, "the loser ends", ended).await;
    let heard = alerts();
    let alerted = async || (alerts() > heard).then_some(());
    pair.place.eventually_within(PATIENCE, "the successor alerts", alerted).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    busy.end();
    Timeline { lost, lost_at, taken, wrote, ended }
}

/// Fails where the lease was taken too late; returns after how many seconds it was taken from the instant that counts.
fn waited_for_the_lease(pair: &Pair, loss: Loss, lost_at: Timestamp) -> f64 {
    let name = &pair.place.namespace;
    let taken = taken(&pair.standby.proxy.leases(), name).unwrap();
    let from = match loss {
        // The lease runs out after the last renewal.
        Loss::Stopped | Loss::ApiServerCut | Loss::ApiServerSilent => {
            renewed_before(&pair.leader.proxy.leases(), name, taken)
        }
        // The leader renews the lease until it returns it.
        Loss::DatabaseCut | Loss::DatabaseSilent | Loss::DatabaseRestarted | Loss::DatabaseFrozen => lost_at,
    };
    taken_in_time(&format!("{loss:?}"), from, taken)
}

/// One loss from beginning to end; returns its timeline in words.
async fn takeover(loss: Loss) -> String {
    let pair = Pair::start().await;
    let busy = Busy::default();
    let (times, ()) = tokio::join!(live(&pair, &busy, loss), busy.keep(std::slice::from_ref(&pair.place)));
    let since = |instant: Instant| instant.saturating_duration_since(times.lost).as_secs_f64();
    let of_loser: Vec<Call> = pair.leader.proxy.calls().into_iter().filter(|call| is_write(&call)).collect();
    let late: Vec<&Call> = of_loser.iter().filter(|call| call.at > times.taken).collect();
    assert!(late.is_empty(), "{loss:?}: the loser wrote after another had the lease: {late:?}");
    let waited = waited_for_the_lease(&pair, loss, times.lost_at);
    let last = of_loser.iter().map(|call| call.at).max().unwrap();
    let line = format!(
        "{loss:?}: the loser's last write {:.1} s, lease taken {:.1} s, which counts as {waited:.1} s, first write of the successor {:.1} s, \
         the loser ended {:.1} s",
        since(last),
        since(times.taken),
        since(times.wrote),
        since(times.ended)
    );
    alerts_come_once(&pair).await;
    evidence_is_whole(&pair).await;
    line
}

/// Each message of the outbox came, and came once.
async fn alerts_come_once(pair: &Pair) {
    let none = async || (waiting_alerts(pair) == 0).then_some(());
    pair.place.eventually_within(PATIENCE, "every alert is delivered", none).await;
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for alert in pair.receiver.taken().iter().flat_map(Received::alerts) {
        *came.entry(alert["id"].to_string()).or_default() += 1;
    }
    let twice: Vec<&String> = came.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    assert!(!came.is_empty() && twice.is_empty(), "{} alerts came, and these twice: {twice:?}", came.len());
}

fn waiting_alerts(pair: &Pair) -> usize {
    let listed = bpo(&["alert", "list", "-o", "json", "--evidence-url", &Database::url(pair.database.port)]);
    let messages: Vec<Value> = serde_json::from_str(&listed).unwrap();
    messages.iter().filter(|message| message["state"] != "delivered").count()
}

async fn evidence_is_whole(pair: &Pair) {
    let url = Database::url(pair.database.port);
    let whole = async || bpo(&["verify", "--evidence-url", &url]).contains("480 rows").then_some(());
    pair.place.eventually_within(PATIENCE, "the evidence is whole and has all 480 rows", whole).await;
}

/// The output of `kubectl bpo`, which must succeed.
fn bpo(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_leader_loses_another_one_takes_over_and_the_loser_writes_nothing() {
    use Loss::{
        ApiServerCut, ApiServerSilent, DatabaseCut, DatabaseFrozen, DatabaseRestarted, DatabaseSilent, Stopped,
    };
    let all = [Stopped, ApiServerCut, ApiServerSilent, DatabaseCut, DatabaseSilent, DatabaseRestarted, DatabaseFrozen];
    for line in futures::future::join_all(all.map(takeover)).await {
        eprintln!("{line}");
    }
}
