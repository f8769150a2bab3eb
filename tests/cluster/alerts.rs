//! Alerts reach people: through an outage of the receiver and kills of the operator, once; and a vendor that is down makes no storm.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::figures::hours;
use crate::harness::{Place, has, path};
use crate::judged::{contract, kpi};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const LOOPBACK: [&str; 2] = ["--alert-allow-network", "127.0.0.0/8"];

/// The part of a contract that sends every alert to a hook, and escalates a miss at once.
fn sent_to(receiver: &Receiver) -> String {
    format!(
        "  contacts: [{{name: sam, party: Client, deputy: maria}}, {{name: maria}}]
  escalation: [{{level: 1, after: 0h, causes: [Missed], contacts: [sam], alerts: [hook], respond: 4h}}]
  alerts: [{{name: hook, webhook: {{url: \"{}/bpo\"}}}}]
",
        receiver.url()
    )
}

/// Each message that was taken: status, name of the alert, contract.
fn taken(receiver: &Receiver) -> Vec<String> {
    let alerts = receiver.taken().iter().flat_map(Received::alerts).collect::<Vec<Value>>();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut sent: Vec<String> = alerts
        .iter()
        .map(|alert| format!("{} {}", text(&alert["status"]), text(&alert["labels"]["alertname"])))
        .collect();
    sent.sort();
    sent
}

fn fingerprints(receiver: &Receiver) -> BTreeMap<String, String> {
    let alerts = receiver.taken().into_iter().flat_map(|received| received.alerts());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    alerts.map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["fingerprint"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_target_is_alerted_once_though_the_receiver_was_down_and_the_operator_was_killed() {
    let place = Place::fresh().await;
    let zone = TimeZone::get("Asia/Jerusalem").unwrap();
    let server = VendorServer::start(Dataset::real_day(date(2026, 1, 14), &zone)).await.unwrap();
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let term = ("2026-01-14", "2026-01-14");
    place
        .apply(&format!(
            "{}{}{}",
            contract("bank", "Asia/Jerusalem", "Monthly", term, &server.url(INTERVALS)),
            sent_to(&receiver),
            kpi("bank-service-level", "bank", "kpi: ServiceLevel\nvariant: AllOffered\nobjective: {target: 80}")
        ))
        .await;
    for _ in 0..3 {
        let attempts = receiver.received().len();
        let operator = place.operator_with(&LOOPBACK);
        receiver.until("it is tried", |received| received.len() > attempts).await;
        operator.kill();
    }
    let operator = place.operator_with(&LOOPBACK);
    place
        .wait_for("vc", "bank", "the failing alert is shown", |contract| {
            contract["status"]["alerts"][0]["failure"] == "status 503 instead of 200"
        })
        .await;
    assert!(taken(&receiver).is_empty());
    receiver.answer(200);
    let once = ["fired EscalationRaised", "fired TargetMissed"];
    place.eventually("both alerts arrive", async || (taken(&receiver).len() >= 2).then_some(())).await;
    place.wait_for("vc", "bank", "nothing fails any more", |contract| contract["status"]["alerts"].is_null()).await;
    assert_eq!(taken(&receiver), once);

    let (code, out, err) = place.plugin(&["ack", "bank", "--by", "sam"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let acknowledged = place
        .wait_for("vc", "bank", "the escalation is acknowledged", |contract| {
            contract["status"]["escalation"]["acknowledgedBy"] == "sam"
        })
        .await;
    assert!(has(&acknowledged, "ActionRequired", "True", "Escalated"));

    let (code, out, err) = place.plugin(&["alert", "test", "bank", "hook", "--wait", "2"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    place
        .eventually("the trial arrives", async || taken(&receiver).contains(&"test Test".to_owned()).then_some(()))
        .await;
    let (code, _, err) = place.plugin(&["alert", "test", "bank", "nowhere"]);
    assert_eq!((code, err.as_str()), (2, "error: bank has no alert nowhere; it has: hook\n"));

    // A contract that goes while nobody looks ends its alerts all the same.
    let sent = fingerprints(&receiver);
    operator.kill();
    place.kubectl(&["delete", "vc", "bank", "--wait=false"]).await;
    place.eventually("the contract is gone", async || place.get("vc", "bank").await.is_none().then_some(())).await;
    let operator = place.operator_with(&LOOPBACK);
    place.eventually("both alerts end", async || (taken(&receiver).len() >= 5).then_some(())).await;
    let all = [once[0], once[1], "resolved EscalationRaised", "resolved TargetMissed", "test Test"];
    assert_eq!(taken(&receiver), all);
    assert_eq!(fingerprints(&receiver), sent, "an alert ends under the name under which it began");
    operator.stop().await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["alert", "list", "-o", "json", "--data-dir", path(&place.data_dir())])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let states: Vec<&str> =
        listed.as_array().unwrap().iter().map(|message| message["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered"; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_feeds_that_fail_at_once_or_flap_make_one_alert_for_each_contract_and_transition() {
    const CONTRACTS: usize = 40;
    const FEEDS: usize = 25;
    const FLAPS: usize = 2;
    let place = Place::fresh().await;
    let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
    let (start, end) = (today.to_string(), today.checked_add(jiff::ToSpan::days(3)).unwrap().to_string());
    let rows = hours(&format!("{start}T00:00:00Z"), &format!("{end}T00:00:00Z"), 90);
    let mut server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let receiver = Receiver::start().await;
    server.refuse_connections().await;
    let url = server.url(INTERVALS);
    let feeds: String = (0..FEEDS)
        .map(|number| format!("{{name: f{number}, url: \"{url}\", interval: 30s, lateness: 72h}},"))
        .collect();
    let manifests: String = (0..CONTRACTS)
        .map(|number| {
            let one = format!("feeds: [{{name: acd, url: \"{url}\", interval: 30s}}]");
            let whole = contract(&format!("c{number}"), "UTC", "Monthly", (&start, "2030-12-31"), &url);
            format!("{}{}", whole.replace(&one, &format!("feeds: [{feeds}]")), sent_to(&receiver))
        })
        .collect();
    place.apply(&manifests).await;
    let _operator = place.operator_with(&LOOPBACK);
    let failing = |contract: &Value| {
        let feeds = contract["status"]["feeds"].as_array();
        feeds.is_some_and(|feeds| feeds.len() == FEEDS && feeds.iter().all(|feed| feed["reason"] == "Connect"))
    };
    place.eventually("every feed fails", async || place.list("vc").await.iter().all(failing).then_some(())).await;
    place.eventually("each contract alerts", async || (taken(&receiver).len() >= CONTRACTS).then_some(())).await;
    assert_eq!(taken(&receiver), vec!["fired FeedFailing"; CONTRACTS]);
    server.accept_connections().await.unwrap();
    place.eventually("each contract recovers", async || (taken(&receiver).len() >= 2 * CONTRACTS).then_some(())).await;
    let expected = [vec!["fired FeedFailing"; CONTRACTS], vec!["resolved FeedFailing"; CONTRACTS]].concat();
    assert_eq!(taken(&receiver), expected);

    // The vendor goes again before all feeds answer, and is back before all of them fail: feeds of one contract change one after the other.
    let all = CONTRACTS * FEEDS;
    place.eventually("every feed answers", async || (failing_feeds(&place).await == 0).then_some(())).await;
    for _ in 0..FLAPS {
        server.refuse_connections().await;
        place.eventually("many feeds fail", async || (failing_feeds(&place).await > all / 4).then_some(())).await;
        server.accept_connections().await.unwrap();
        place.eventually("most answer again", async || (failing_feeds(&place).await < all / 8).then_some(())).await;
    }
    place.eventually("every feed answers", async || (failing_feeds(&place).await == 0).then_some(())).await;
    let ended = async || {
        let sent = alerts_of_contracts(&receiver);
        let of =
            |status: &str| sent.iter().filter(|((_, one), _)| one == status).map(|(_, count)| count).sum::<usize>();
        (of("fired") == of("resolved")).then_some(sent)
    };
    let alerts = place.eventually("every alert has ended", ended).await;
    let storm: Vec<_> = alerts.iter().filter(|(_, count)| **count > 1 + FLAPS).collect();
    assert!(storm.is_empty(), "more than one alert for a contract and transition: {storm:#?}");
    let events = events_of_feeds(&place).await;
    let storm: Vec<_> = events.iter().filter(|(_, count)| **count > 1 + FLAPS).collect();
    assert!(!events.is_empty() && storm.is_empty(), "more than one Event for a feed and transition: {storm:#?}");
}

/// How many feeds fail, as the statuses of their contracts show.
async fn failing_feeds(place: &Place) -> usize {
    let contracts = place.list("vc").await;
    let feeds = contracts.iter().flat_map(|contract| contract["status"]["feeds"].as_array().into_iter().flatten());
    feeds.filter(|feed| feed["healthy"] == false).count()
}

/// How many alerts came of each contract, by `fired` and `resolved`.
fn alerts_of_contracts(receiver: &Receiver) -> BTreeMap<(String, String), usize> {
    let mut sent = BTreeMap::new();
    for alert in receiver.taken().iter().flat_map(Received::alerts) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        *sent.entry((text(&alert["labels"]["contract"]), text(&alert["status"]))).or_default() += 1;
    }
    sent
}

/// How many Events there are of each feed of a contract, by reason.
async fn events_of_feeds(place: &Place) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for event in place.list("events").await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (reason, message) = (text(&event["reason"]), text(&event["message"]));
        if ["FeedFailing", "FeedRecovered"].contains(&reason.as_str()) {
            let feed = message.split([' ', ':']).nth(1).unwrap().to_owned();
            *sent.entry(format!("{} {feed} {reason}", text(&event["involvedObject"]["name"]))).or_default() += 1;
        }
    }
    sent
}
