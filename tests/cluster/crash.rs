//! An operator that is killed again and again ends where one ends that never was, and its evidence shows it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{DEADLINE, Operator, Place};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, Fault, INTERVALS, Outage, VendorServer};

/// Five months, back-filled in five windows that end about here: 1 February, 3 March, 3 April, 4 May, 3 June.
const TERM: (&str, &str) = ("2026-01-01", "2026-05-31");
const PERIODS: usize = 5;
/// Half hours that end after the term's look-back are never asked for.
const ASKED_UNTIL: &str = "2026-06-03T23:00:00Z";

fn manifests(server: &VendorServer) -> String {
    let contract = contract("care", "Europe/London", "Monthly", TERM, &server.url(INTERVALS));
    let money = "  charges: {currency: GBP, amount: \"100000.00\", atRiskPercent: 5}\n  credits: {points: {perPointPercent: \"0.5\"}}\n";
    let level = "kpi: ServiceLevel\nobjective: {target: 80}\nbands: [{severity: Minor, bound: 75, points: 2}, {severity: Critical, points: 4}]";
    let abandoned = "kpi: AbandonmentRate\nobjective: {target: 8}";
    format!("{contract}{money}{}{}", kpi("level", "care", level), kpi("abandoned", "care", abandoned))
}

/// The story's vendor, without its own outages.
async fn vendor() -> VendorServer {
    let server = VendorServer::start(Dataset::story()).await.unwrap();
    server.set_outages(Vec::new());
    server
}

/// Requests for windows that end from here on get no answer; `None`: all get one.
fn stall(server: &VendorServer, from: Option<&str>) {
    let outage = |from: &str| Outage {
        feed: INTERVALS.to_owned(),
        from: from.parse().unwrap(),
        to: Timestamp::MAX,
        fault: Fault::Stalled,
    };
    server.set_outages(from.map(outage).into_iter().collect());
}

/// When the operator is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// It has logged this.
    Logged(&'static str),
    /// It waits for an answer: the windows before were committed.
    Waiting,
    /// It writes to its evidence.
    Writing,
    /// The contract has its first status, which waited for a verdict that did not come.
    FirstStatus,
    /// A report is in this state.
    Report(&'static str),
    /// An Event has this reason.
    Event(&'static str),
    /// Both KPIs show the last period as final.
    KpisFinal,
    /// Everything is in its final state.
    Ended,
}

/// Until when the vendor answers, and the moment of the kill, in the order of the contract's life.
const KILLS: [(Option<&str>, Moment); 13] = [
    (None, Moment::Logged("the lease is held")),
    (Some("2026-01-01T00:00:00Z"), Moment::Logged("the controllers start")),
    (Some("2026-01-01T00:00:00Z"), Moment::Waiting),
    (Some("2026-02-02T00:00:00Z"), Moment::Writing),
    (Some("2026-02-02T00:00:00Z"), Moment::Waiting),
    (Some("2026-02-02T00:00:00Z"), Moment::FirstStatus),
    // In the middle of the back-fill: two of five windows are committed, the third is asked for.
    (Some("2026-04-01T00:00:00Z"), Moment::Waiting),
    (Some("2026-06-01T00:00:00Z"), Moment::Writing),
    (Some("2026-06-01T00:00:00Z"), Moment::Waiting),
    (None, Moment::Event("PeriodFinal")),
    (None, Moment::Report("Final")),
    (None, Moment::KpisFinal),
    (None, Moment::Ended),
];

/// How the evidence's files look from outside: they change with every write.
fn files(place: &Place) -> Vec<Option<(u64, std::time::SystemTime)>> {
    let look = |name: &str| {
        let found = std::fs::metadata(place.data_dir().join(name)).ok()?;
        Some((found.len(), found.modified().unwrap()))
    };
    ["evidence.sqlite", "evidence.sqlite-wal"].iter().map(|name| look(name)).collect()
}

async fn kill_at(place: &Place, server: &VendorServer, until: Option<&str>, moment: Moment) {
    stall(server, until);
    let (stalled, before) = (server.count(INTERVALS).failed, files(place));
    let operator = place.operator();
    let started = Instant::now();
    while !has_come(place, server, &operator, moment, stalled, &before).await {
        assert!(started.elapsed() < DEADLINE, "{moment:?} did not come:\n{}", operator.log());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    operator.kill();
}

async fn has_come(
    place: &Place,
    server: &VendorServer,
    operator: &Operator,
    moment: Moment,
    stalled: u64,
    before: &[Option<(u64, std::time::SystemTime)>],
) -> bool {
    match moment {
        Moment::Logged(text) => operator.log().contains(text),
        Moment::Waiting => server.count(INTERVALS).failed > stalled,
        Moment::Writing => operator.log().contains("the controllers start") && files(place) != before,
        Moment::FirstStatus => place.list("vc").await.iter().any(|contract| contract["status"].is_object()),
        Moment::Report(state) => place.list("slar").await.iter().any(|report| report["spec"]["state"] == state),
        Moment::Event(reason) => place.list("events").await.iter().any(|event| event["reason"] == reason),
        Moment::KpisFinal => place.list("kpi").await.iter().all(is_final),
        Moment::Ended => has_ended(place).await,
    }
}

/// Whether the status covers the last period, and says that it is final.
fn is_final(object: &Value) -> bool {
    let last = &object["status"]["last"];
    last["name"] == "2026-05" && last["state"] == "Final"
}

async fn has_ended(place: &Place) -> bool {
    let reports = place.list("slar").await;
    reports.len() == PERIODS
        && reports.iter().all(|report| report["spec"]["state"] == "Final" && report["status"].is_object())
        && place.list("kpi").await.iter().all(is_final)
        && place.list("vc").await.iter().all(is_final)
}

async fn until_it_ended(place: &Place) {
    place.eventually("the end", async || has_ended(place).await.then_some(())).await;
}

/// The objects of a namespace at the end, without what is unique to it: UIDs, instants of transitions, digests that hold them.
async fn shown(place: &Place) -> Vec<Value> {
    let mut shown = Vec::new();
    for report in place.list("slar").await {
        assert_eq!(report["status"]["evidenceHeads"].as_array().unwrap().len(), 1, "{report:#}");
        shown.extend([report["metadata"]["name"].clone(), report["spec"].clone()]);
        shown.extend([report["status"]["clock"].clone(), report["status"]["evidenceHeads"][0]["rows"].clone()]);
    }
    for kind in ["kpi", "vc"] {
        for mut object in place.list(kind).await {
            for condition in object["status"]["conditions"].as_array_mut().unwrap() {
                condition.as_object_mut().unwrap().remove("lastTransitionTime");
            }
            for feed in object["status"]["feeds"].as_array_mut().into_iter().flatten() {
                feed.as_object_mut().unwrap().remove("since");
            }
            shown.extend([object["metadata"]["name"].clone(), object["status"].clone()]);
        }
    }
    shown
}

/// Events as reason and message of an object; each must be there once.
async fn events(place: &Place) -> BTreeSet<[String; 3]> {
    let mut shown = BTreeSet::new();
    for event in place.list("events").await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let identity = [text(&event["involvedObject"]["name"]), text(&event["reason"]), text(&event["message"])];
        assert!(event["count"].as_i64().unwrap_or(1) <= 1, "{event:#}");
        assert!(shown.insert(identity.clone()), "written twice: {identity:?}");
    }
    shown
}

/// The Events about the result of a period.
fn results(events: BTreeSet<[String; 3]>) -> BTreeSet<[String; 3]> {
    events.into_iter().filter(|[_, reason, _]| ["PeriodFinal", "CreditDue"].contains(&reason.as_str())).collect()
}

async fn undisturbed() -> Place {
    let (place, server) = (Place::fresh().await, vendor().await);
    place.apply(&manifests(&server)).await;
    let operator = place.operator();
    until_it_ended(&place).await;
    assert_eq!(operator.stop().await, Some(0));
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_operator_is_killed_it_ends_where_it_would_have_ended() {
    let twin = undisturbed().await;
    let (place, server) = (Place::fresh().await, vendor().await);
    place.apply(&manifests(&server)).await;
    for (until, moment) in KILLS {
        let started = Instant::now();
        kill_at(&place, &server, until, moment).await;
        eprintln!("killed at {moment:?} after {:.1} s", started.elapsed().as_secs_f64());
        if place.data_dir().exists() {
            let (code, text) = place.verify();
            assert_eq!(code, 0, "after {moment:?}: {text}");
        }
    }
    let before = versions(&place).await;
    let operator = place.operator();
    until_it_ended(&place).await;
    place.eventually("every object was looked at", async || looked_at_all(&operator).await.then_some(())).await;
    assert_eq!(operator.stop().await, Some(0));

    assert_eq!(versions(&place).await, before, "a report is not written again");
    let (found, wanted) = (shown(&place).await, shown(&twin).await);
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found, wanted, "of the killed one, and of the undisturbed one");
    }
    assert_eq!(found.len(), wanted.len());
    let (found, wanted) = (results(events(&place).await), results(events(&twin).await));
    assert_eq!(found, wanted);
    // The whole past was over before anybody looked: one Event covers it.
    let past = found.iter().collect::<Vec<_>>();
    let [[_, reason, message]] = &past[..] else { panic!("one Event of the past: {found:#?}") };
    let others = format!("so are {} periods before it", PERIODS - 1);
    assert!(reason == "PeriodFinal" && message.starts_with("2026-05") && message.contains(&others), "{message}");

    let asked_until = ASKED_UNTIL.parse().unwrap();
    let rows = Dataset::story().feeds[INTERVALS].between("2026-01-01T00:00:00Z".parse().unwrap(), asked_until).len();
    for place in [&place, &twin] {
        let (code, text) = place.verify();
        assert!(code == 0 && text.contains(&format!("1 feeds, {rows} rows")), "{rows} rows were sent: {text}");
    }
    one_flipped_bit_is_found(&place);
}

async fn versions(place: &Place) -> Vec<Value> {
    place.list("slar").await.iter().map(|report| report["metadata"]["resourceVersion"].clone()).collect()
}

/// Whether the contract and both KPIs were reconciled since this operator began.
async fn looked_at_all(operator: &Operator) -> bool {
    let (_, metrics) = operator.http("/metrics").await;
    let completed = |kind: &str| {
        let lines = metrics.lines().filter(|line| line.starts_with("bpo_reconciles_total"));
        let of_kind = lines.filter(|line| line.contains(&format!("\"{kind}\"")) && line.contains("\"completed\""));
        of_kind.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    completed("VendorContract") >= 1.0 && completed("KpiTarget") >= 2.0
}

/// Flips one bit of one row in the file itself, and looks where the verification finds it.
fn one_flipped_bit_is_found(place: &Place) {
    const ROW: i64 = 777;
    let file = place.data_dir().join("evidence.sqlite");
    let digest = digest_of_row(&file, ROW);
    let whole = std::fs::read(&file).unwrap();
    // A page that was split may still hold the bytes of a row that moved: nothing reads those, so only the row's own place counts.
    let found = whole.windows(digest.len()).enumerate().filter(|(_, bytes)| *bytes == digest).filter(|(at, _)| {
        let mut flipped = whole.clone();
        flipped[at + 5] ^= 0b0001_0000;
        std::fs::write(&file, &flipped).unwrap();
        let (code, text) = place.verify();
        let named = text.contains(&format!("feed acd, row {ROW}: ")) && text.contains("BROKEN");
        assert!((code == 1 && named) || code == 0, "{text}");
        code == 1
    });
    assert_eq!(found.count(), 1, "the row's one place in the file");
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(place.verify().0, 0, "the same bit flipped back makes it whole");
}

/// The digest of a row, once a checkpoint has moved all writes into the one file.
fn digest_of_row(file: &Path, row: i64) -> Vec<u8> {
    let connection = Connection::open(file).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let digest = "SELECT digest FROM log WHERE sequence = ?1 AND kind = 4";
    connection.query_row(digest, [row], |found| found.get(0)).unwrap()
}
