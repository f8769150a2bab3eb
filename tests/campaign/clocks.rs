//! The machine's clock jumps by an hour and by a month, forward and back: no verdict changes by a clock alone, and nothing is signed that
//! would not have been.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{RoundMode, Timestamp, TimestampRound, ToSpan, Unit};
use serde_json::{Value, json};

use crate::figures::hours;
use crate::harness::{Place, installation, path};
use crate::proxy::{Proxy, leading_to};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PATIENCE: Duration = Duration::from_secs(90);

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

/// Weeks of 60 days up to the last hour that is over, each final a week after its end.
fn manifests(feed: &str, now: Timestamp) -> String {
    let day = |instant: Timestamp| instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    let object = |kind: &str, name: &str, spec: Value| {
        let object =
            json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        format!("---\n{object}\n")
    };
    let contract = json!({
        "vendor": {"name": "Acme"}, "timeZone": "UTC", "period": "Weekly", "closeAfter": "7d", "firstCloseAfter": "0h",
        "term": {"start": day(now - 1_440.hours()), "end": day(now + 4_320.hours())},
        "feeds": [{"name": "acd", "url": feed, "interval": "30s"}],
    });
    let kpi = json!({"contractRef": {"name": "care"}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": 80}});
    object("VendorContract", "care", contract) + &object("KpiTarget", "level", kpi)
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
    let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor);
    let now = Timestamp::now().round(hour).unwrap();
    let rows = hours(&(now - 1_440.hours()).to_string(), &now.to_string(), 90);
    let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
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
    let polls = || vendor.count(INTERVALS).requests;
    // A change is looked at by the clock of the moment, and a feed that is changed is asked at once.
    let change = async |what: &str, seconds: usize| {
        let asked = polls();
        let feed =
            json!({"name": "acd", "url": vendor.url(INTERVALS), "interval": "30s", "timeout": format!("{seconds}s")});
        let patch = json!({"spec": {"feeds": [feed]}}).to_string();
        place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", &patch]).await;
        let seen = async || {
            let contract = place.get("vc", "care").await?;
            let looked = contract["status"]["observedGeneration"] == contract["metadata"]["generation"];
            (looked && polls() > asked).then_some(())
        };
        place.eventually_within(PATIENCE, &format!("{what}: the change is seen, and the feed asked"), seen).await;
    };
    for (number, jump) in ["+1h", "+31d", "-1h", "-31d"].into_iter().enumerate() {
        offset.be(jump);
        change(jump, 10 + 2 * number).await;
        assert_eq!(signed(&place).await, before, "{jump}");
        offset.be("+0");
        change(&format!("after {jump}"), 11 + 2 * number).await;
        let back = async || {
            let kpi = place.get("kpi", "level").await?;
            let end: Timestamp = kpi["status"]["current"]["asOf"].as_str()?.parse().ok()?;
            (end == now).then_some(())
        };
        place.eventually_within(PATIENCE, &format!("after {jump} all is as before"), back).await;
        assert_eq!(signed(&place).await, before, "after {jump}");
    }
    assert_eq!(operator.stop().await, Some(0), "it had ended by itself");
    let (code, text) = place.verify();
    assert!(code == 0 && text.contains("1440 rows"), "{text}");
}
