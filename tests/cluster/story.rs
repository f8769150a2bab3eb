//! The log of a month at level `info` is its story, a line each: what people learn from Events and alerts, and nothing twice.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::figures::hours;
use crate::harness::{Hand, Place, has};
use crate::judged::{contract, kpi};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, Fault, INTERVALS, VendorServer};

const FLAGS: [&str; 5] = ["--alert-allow-network", "127.0.0.0/8", "--rehearsal-alerts", "--settle-seconds", "0"];

/// A contract that costs money when it is missed, and a hook that hears of everything.
fn manifests(server: &VendorServer, receiver: &Receiver) -> String {
    let care = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-12-31"), &server.url(INTERVALS));
    let more = format!(
        "  charges: {{currency: GBP, amount: \"100000.00\", atRiskPercent: 5}}
  credits: {{points: {{perPointPercent: \"0.5\"}}}}
  alerts: [{{name: hook, webhook: {{url: \"{}/bpo\"}}}}]
",
        receiver.url()
    );
    let bands = "bands: [{severity: Minor, bound: 75, points: 2}, {severity: Critical, points: 4}]";
    let level = kpi("level", "care", &format!("kpi: ServiceLevel\nobjective: {{target: 80}}\n{bands}"));
    format!("{care}{more}{level}")
}

/// The lines of a log with a reason.
fn lines<'a>(log: &'a str, reason: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(&format!("reason=\"{reason}\""))).collect()
}

/// Kind, name, reason and text of each Event, without the mark of rehearsals.
async fn events(place: &Place) -> BTreeSet<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = |event: Value| {
        let regarding = &event["involvedObject"];
        let note = text(&event["message"]).replacen("REHEARSAL: ", "", 1);
        [text(&regarding["kind"]), text(&regarding["name"]), text(&event["reason"]), note]
    };
    place.list("events").await.into_iter().map(shown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_month_has_each_event_and_each_alert_in_one_line_once() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-20T09:00:00Z", 70);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let receiver = Receiver::start().await;
    let hand = Hand::at(&place, "2026-01-20T09:00:00Z");
    place.apply(&manifests(&server, &receiver)).await;
    let flags = [&FLAGS[..], &hand.flags()].concat();
    let operator = place.operator_with(&flags);
    let settled =
        |care: &Value| has(care, "Ready", "True", "Reconciled") && has(care, "FeedHealthy", "True", "Fetched");
    place.wait_for("vc", "care", "the running month is judged", settled).await;
    server.fail(INTERVALS, Some(Fault::Status(500, None)));
    hand.move_to("2026-01-21T09:00:00Z");
    place.wait_for("vc", "care", "the feed fails", |care| has(care, "FeedHealthy", "False", "Status")).await;
    server.fail(INTERVALS, None);
    hand.move_to("2026-01-22T09:00:00Z");
    place.wait_for("vc", "care", "the feed is healthy again", settled).await;
    hand.move_to("2026-02-02T09:00:00Z");
    place.wait_for("slar", "care-2026-01", "January has ended", |report| report["status"].is_object()).await;
    hand.move_to("2026-02-20T09:00:00Z");
    place.wait_for("slar", "care-2026-01", "January is Final", |report| report["spec"]["state"] == "Final").await;
    place.wait_for("vc", "care", "January is judged", settled).await;
    let shown = |received: &[Received]| {
        let alerts: Vec<Value> = received.iter().flat_map(Received::alerts).collect();
        alerts.iter().any(|alert| alert["labels"]["alertname"] == "TargetMissed")
    };
    receiver.until("the miss is alerted", shown).await;
    let log = operator.log_path();
    assert_eq!(operator.stop().await, Some(0));
    let log = std::fs::read_to_string(log).unwrap();

    for (reason, words) in [
        ("FeedFailing", &["acd", "500"][..]),
        ("FeedRecovered", &["acd"]),
        ("PeriodClosed", &["2026-01"]),
        ("TargetMissed", &["70", "80"]),
        ("PeriodFinal", &["2026-01"]),
        ("CreditDue", &["GBP", "2000.00"]),
    ] {
        let found = lines(&log, reason);
        let [line] = found.as_slice() else { panic!("{reason} has {} lines: {found:#?}\n{log}", found.len()) };
        assert!(line.contains(" INFO ") && words.iter().all(|word| line.contains(word)), "{reason}: {line}");
        assert!(line.contains(&format!("namespace=\"{}\"", place.namespace)), "{line}");
    }
    // Each Event has its line, and no line of a reason is without its Event.
    let events = events(&place).await;
    for [kind, name, reason, note] in &events {
        let is_line = |line: &&str| {
            line.contains(note)
                && [("kind", kind), ("name", name)]
                    .iter()
                    .all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
        };
        assert_eq!(lines(&log, reason).into_iter().filter(is_line).count(), 1, "{reason} {kind} {name}: {note}\n{log}");
    }
    let of_reasons = log.lines().filter(|line| line.contains(" reason=\"")).count();
    assert_eq!(of_reasons, events.len(), "{log}");
    let delivered = log.lines().filter(|line| line.contains("an alert was delivered")).collect::<Vec<_>>();
    assert_eq!(delivered.len(), receiver.taken().iter().flat_map(Received::alerts).count(), "{delivered:#?}");
    assert!(
        delivered.iter().any(|line| line.contains("alert=\"hook\"") && line.contains("contract=\"care\"")),
        "{delivered:#?}"
    );
    assert!(log.lines().count() < 60, "a month is a page:\n{log}");

    // A restart repeats nothing.
    let operator = place.operator_with(&flags);
    operator.until_it_is_ready().await;
    let (code, _, error) = place.reconcile("contract/care");
    assert_eq!(code, 0, "{error}");
    let log = operator.log_path();
    assert_eq!(operator.stop().await, Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains(" reason=\"") && !log.contains("an alert was delivered"), "{log}");
}
