//! A real Alertmanager, from Debian's packages, between the operator and a receiver.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Post, alert, sink};
use crate::evidence::MessageKind;
use crate::kept_server::KeptServer;
use crate::receiver::Receiver;

/// One that groups by contract and notifies `receiver` at once.
fn alertmanager(receiver: &str) -> KeptServer {
    let configuration = format!(
        "route: {{receiver: test, group_by: [namespace, contract], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\n\
         receivers: [{{name: test, webhook_configs: [{{url: '{receiver}', send_resolved: true}}]}}]\n"
    );
    let arguments = ["--storage.path=DIR/data", "--cluster.listen-address="];
    KeptServer::start("prometheus-alertmanager", &configuration, &arguments)
}

/// Status, names and KPI in a notification.
fn states(notification: &Value) -> (String, Vec<String>) {
    let alerts = notification["alerts"].as_array().unwrap();
    let name = |alert: &Value| {
        format!("{} {}", alert["status"].as_str().unwrap(), alert["labels"]["kpi_target"].as_str().unwrap())
    };
    let mut names: Vec<String> = alerts.iter().map(name).collect();
    names.sort();
    (notification["status"].as_str().unwrap().to_owned(), names)
}

#[tokio::test]
async fn a_real_alertmanager_receives_groups_and_resolves() {
    let receiver = Receiver::start().await;
    let alertmanager = alertmanager(&receiver.url());
    let post = Post::new();
    let ops = sink("ops", json!({"alertmanager": {"url": alertmanager.url()}}));
    let of_kpi = |name: &str| {
        let mut alert = alert(&format!("{name}: missed"));
        alert.labels.insert("kpi_target".to_owned(), name.to_owned());
        alert
    };
    for kpi in ["speed", "tone", "answer"] {
        post.write(&ops, MessageKind::Fired, kpi, of_kpi(kpi)).await;
    }
    let running = post.run(vec![ops.clone()]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while receiver.received().is_empty() {
        assert!(
            Instant::now() < deadline,
            "{}\n{:?}",
            alertmanager.log(),
            running.dispatcher.status_of("uid-1", std::slice::from_ref(&ops))
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let names = |status: &str| ["answer", "speed", "tone"].map(|kpi| format!("{status} {kpi}")).to_vec();
    assert_eq!(
        states(&receiver.received()[0].json()),
        ("firing".to_owned(), names("firing")),
        "one group for the contract"
    );
    assert_eq!(receiver.received()[0].json()["groupLabels"], json!({"namespace": "care", "contract": "acme-care"}));
    for kpi in ["speed", "tone", "answer"] {
        post.write(&ops, MessageKind::Resolved, kpi, of_kpi(kpi)).await;
    }
    running.dispatcher.wake();
    receiver
        .until("all are resolved", |received| {
            received.last().is_some_and(|last| states(&last.json()) == ("resolved".to_owned(), names("resolved")))
        })
        .await;
    post.settled().await;
}

#[tokio::test]
async fn alertmanagers_that_hang_let_no_other_namespaces_alerts_end() {
    let (silent, good) = (Receiver::start().await, Receiver::start().await);
    let mut post = Post::new();
    post.pace.refresh = Duration::from_millis(50);
    let hanging: Vec<_> = (0..12)
        .map(|number| sink(&format!("silent-{number}"), json!({"alertmanager": {"url": silent.url()}})))
        .collect();
    let ops = sink("ops", json!({"alertmanager": {"url": good.url()}}));
    for sink in &hanging {
        post.write_of("hostile", sink, MessageKind::Fired, &["a".to_owned()], alert("speed: missed")).await;
    }
    post.write_of("honest", &ops, MessageKind::Fired, &["a".to_owned()], alert("speed: missed")).await;
    let _running = post.run([hanging, vec![ops]].concat());
    post.settled().await;
    silent.be_silent(true);
    let (silent_had, good_had) = (silent.received().len(), good.received().len());
    silent.until("one of them hangs", |received| received.len() > silent_had).await;
    let began = Instant::now();
    good.until("the other namespace's is refreshed all the same", |received| received.len() >= good_had + 20).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn active_alerts_are_sent_again_until_they_end() {
    let receiver = Receiver::start().await;
    let mut post = Post::new();
    post.pace.refresh = Duration::from_millis(50);
    let ops = sink("ops", json!({"alertmanager": {"url": receiver.url()}}));
    let hook = sink("hook", json!({"webhook": {"url": format!("{}/hook", receiver.url())}}));
    post.write(&ops, MessageKind::Fired, "a", alert("speed: missed")).await;
    post.write(&hook, MessageKind::Fired, "a", alert("speed: missed")).await;
    let running = post.run(vec![ops.clone(), hook]);
    let to =
        |received: &[crate::receiver::Received], path: &str| received.iter().filter(|one| one.path == path).count();
    receiver.until("it is sent again", |received| to(received, "/api/v2/alerts") >= 4).await;
    assert_eq!(to(&receiver.received(), "/hook"), 1, "a webhook is sent once");
    post.write(&ops, MessageKind::Resolved, "a", alert("speed: missed")).await;
    running.dispatcher.wake();
    post.settled().await;
    let ended = receiver.received().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    // One that was under way when the alert ended may still arrive.
    assert!(receiver.received().len() <= ended + 1);
}
