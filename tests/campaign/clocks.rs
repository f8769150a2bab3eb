//! The machine's clock jumps by an hour and by a month, forward and back: no verdict changes by a clock alone, nothing is signed that
//! would not have been, and no entry of the journal is dated by a wrong clock.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, ToSpan, Unit};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::figures::hours;
use crate::harness::{Place, condition, installation, path};
use crate::proxy::{Proxy, leading_to};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(90);
/// A feed of a day, of a contract that is deleted and goes on under its name.
const DAY: &str = "day";

/// The library that shows a process another clock, where Debian keeps it for this machine's processor.
fn library() -> PathBuf {
    let found = || {
        let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.exists())
    };
    found().unwrap_or_else(|| {
        // Its package has a program beside the library.
        crate::debian::program("faketime", "faketime").unwrap_or_else(|advice| panic!("{advice}"));
        found().unwrap_or_else(|| panic!("this test needs faketime/libfaketimeMT.so.1 in a folder of /usr/lib"))
    })
}

/// How far the operator's clock is from the machine's.
struct Offset(PathBuf);

impl Offset {
    fn none(place: &Place) -> Self {
        let offset = Offset(place.folder.path().join("offset"));
        offset.be("+0");
        offset
    }

    fn be(&self, text: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{text}\n")).unwrap();
        std::fs::rename(&next, &self.0).unwrap();
    }
}

fn object(kind: &str, metadata: Value, spec: Value) -> String {
    let object = json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    format!("---\n{object}\n")
}

/// A contract over 60 days up to the last hour that is over, whose weeks are final a week after their end.
fn contract(metadata: Value, feed: &str, now: Timestamp) -> String {
    let day = |instant: Timestamp| instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    let spec = json!({
        "vendor": {"name": "Acme"}, "timeZone": "UTC", "period": "Weekly", "closeAfter": "7d", "firstCloseAfter": "0h",
        "term": {"start": day(now - 1_440.hours()), "end": day(now + 4_320.hours())},
        "feeds": [{"name": "acd", "url": feed, "interval": "30s"}],
    });
    object("VendorContract", metadata, spec)
}

fn manifests(feed: &str, now: Timestamp) -> String {
    let kpi = json!({"contractRef": {"name": "care"}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": 80}});
    contract(json!({"name": "care"}), feed, now) + &object("KpiTarget", json!({"name": "level"}), kpi)
}

/// Brings evidence of a contract that is deleted then; returns its UID.
async fn leave_evidence(place: &Place, feed: &str, now: Timestamp) -> String {
    place.apply(&contract(json!({"name": "gone"}), feed, now)).await;
    let is_fetched = |contract: &Value| condition(contract, "FeedHealthy").0 == "True";
    let contract = place.wait_for("vc", "gone", "its feed is fetched", is_fetched).await;
    place.kubectl(&["delete", "vc", "gone"]).await;
    contract["metadata"]["uid"].as_str().unwrap().to_owned()
}

async fn is_adopted(place: &Place) -> bool {
    place.list("events").await.iter().any(|event| event["reason"] == "EvidenceAdopted")
}

/// When the entries of the journal were recorded, as they say; each commit of rows is one.
fn recorded(place: &Place) -> Vec<Timestamp> {
    let connection = Connection::open(place.data_dir().join("evidence.sqlite")).unwrap();
    let mut entries = connection.prepare("SELECT recorded_at FROM journal").unwrap();
    let recorded = entries.query_map([], |entry| entry.get::<_, String>(0)).unwrap();
    recorded.map(|at| at.unwrap().parse().unwrap()).collect()
}

/// How many rows the evidence holds of a contract.
fn rows_of(place: &Place, contract: &str) -> usize {
    let connection = Connection::open(place.data_dir().join("evidence.sqlite")).unwrap();
    let count =
        "SELECT count(*) FROM log JOIN feeds ON feeds.id = log.feed_id WHERE log.kind = 4 AND feeds.contract = ?1";
    let count: i64 = connection.query_row(count, [contract], |row| row.get(0)).unwrap();
    count.try_into().unwrap()
}

/// Up to when feeds were asked, as the evidence says.
fn reached(place: &Place) -> Vec<Timestamp> {
    let connection = Connection::open(place.data_dir().join("evidence.sqlite")).unwrap();
    let mut instants = connection.prepare("SELECT reached FROM backfills").unwrap();
    let instants = instants.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    instants.map(|at| Timestamp::from_nanosecond(i128::from(at.unwrap())).unwrap()).collect()
}

/// The reports that are signed, with what they say.
async fn signed(place: &Place) -> BTreeSet<String> {
    let reports = place.list("slar").await;
    let signed = reports.iter().filter(|report| report["spec"]["state"] == "Final" && report["status"].is_object());
    signed.map(|report| format!("{} {}", report["metadata"]["name"], report["spec"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_an_hour_or_a_month_signs_nothing_and_takes_nothing_back() {
    let mut place = Place::fresh().await;
    let direct = installation().await;
    // Certificates are not valid yet a month ago: what is tested lies behind a connection that checks none.
    let proxy = Proxy::start(direct).await;
    place.installation = leading_to(proxy.port(), direct, place.folder.path());
    let began = Timestamp::now();
    let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor);
    let now = Timestamp::now().round(hour).unwrap();
    // The vendor has a new hour at each jump.
    let until = |hours_ago: i64| hours(&(now - 1_440.hours()).to_string(), &(now - hours_ago.hours()).to_string(), 90);
    let rows = until(4);
    let day = hours(&(now - 24.hours()).to_string(), &now.to_string(), 90);
    let dataset = Dataset::default().with_feed(INTERVALS, rows).with_feed(DAY, day);
    let vendor = VendorServer::start(dataset).await.unwrap();
    place.apply(&manifests(&vendor.url(INTERVALS), now)).await;
    let offset = Offset::none(&place);
    let library = library();
    let environment = [
        ("LD_PRELOAD", path(&library)),
        ("FAKETIME_TIMESTAMP_FILE", path(&offset.0)),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let operator = place.operator_in(&place.data_dir(), &["--settle-seconds", "0"], "info", &environment);
    let settled = async || {
        let reports = place.list("slar").await;
        let is_due = |report: &Value| {
            let end: Timestamp = report["spec"]["period"]["end"].as_str().unwrap().parse().unwrap();
            end + 168.hours() <= now
        };
        let as_due =
            |report: &Value| (report["spec"]["state"] == "Final") == is_due(report) && report["status"].is_object();
        (reports.len() >= 8 && reports.iter().all(as_due)).then_some(())
    };
    place.eventually_within(PATIENCE, "the past is signed", settled).await;
    let before = signed(&place).await;
    assert!(before.len() >= 6, "{before:#?}");
    let left = leave_evidence(&place, &vendor.url(DAY), now).await;
    let goes_on = json!({"name": "gone", "annotations": {"bpo-operator.io/evidence-of": left}});
    let polls = || vendor.count(INTERVALS).requests;
    // A change is looked at by the clock of the moment, and a feed that is changed is asked at once, unless the clock is wrong.
    let change = async |what: &str, seconds: usize, is_asked: bool| {
        let asked = polls();
        let feed =
            json!({"name": "acd", "url": vendor.url(INTERVALS), "interval": "30s", "timeout": format!("{seconds}s")});
        let patch = json!({"spec": {"feeds": [feed]}}).to_string();
        place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", &patch]).await;
        let seen = async || {
            let contract = place.get("vc", "care").await?;
            let looked = contract["status"]["observedGeneration"] == contract["metadata"]["generation"];
            (looked && (!is_asked || polls() > asked)).then_some(())
        };
        place.eventually_within(PATIENCE, &format!("{what}: the change is seen, and the feed asked"), seen).await;
    };
    for (number, jump) in ["+1h", "+31d", "-1h", "-31d"].into_iter().enumerate() {
        let ago = 3 - i64::try_from(number).unwrap();
        offset.be(jump);
        // An answer that is under way at a jump is not kept.
        vendor.publish(INTERVALS, until(ago));
        if jump == "+31d" {
            place.apply(&contract(goes_on.clone(), &vendor.url(DAY), now)).await;
        }
        change(jump, 10 + 2 * number, false).await;
        assert_eq!(signed(&place).await, before, "{jump}");
        assert!(jump != "+31d" || !is_adopted(&place).await, "the adoption waits for the clocks");
        assert_eq!(rows_of(&place, "care"), 1_440 - 4 + number, "{jump}: nothing is kept by a wrong clock");
        offset.be("+0");
        change(&format!("after {jump}"), 11 + 2 * number, true).await;
        let back = async || {
            let kpi = place.get("kpi", "level").await?;
            let end: Timestamp = kpi["status"]["current"]["asOf"].as_str()?.parse().ok()?;
            (end == now - ago.hours()).then_some(())
        };
        place
            .eventually_within(PATIENCE, &format!("after {jump} all is as before, and the new hour is judged"), back)
            .await;
        assert_eq!(signed(&place).await, before, "after {jump}");
    }
    // A change is looked at at once.
    place.kubectl(&["label", "vc", "gone", "looked=now"]).await;
    let adopted = async || is_adopted(&place).await.then_some(());
    place.eventually_within(PATIENCE, "the evidence is adopted when the clocks agree", adopted).await;
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
    let (code, text) = place.verify();
    assert!(code == 0 && text.contains("2 feeds, 1464 rows"), "{text}");
    let entries = [recorded(&place), reached(&place)].concat();
    let most = SignedDuration::from_mins(5);
    let wrong = |at: &&Timestamp| **at < began - most || **at > Timestamp::now() + most;
    let wrong: Vec<&Timestamp> = entries.iter().filter(wrong).collect();
    assert!(
        entries.len() >= 6 && wrong.is_empty(),
        "of {} entries these are dated by a wrong clock: {wrong:?}",
        entries.len()
    );
}
