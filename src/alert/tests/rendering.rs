//! What each kind of sink is sent, as its own documents ask for it; and that no text breaks out of its place.

use serde_json::{Value, json};

use super::{Post, alert, sink};
use crate::alert::envelope::{Envelope, Message};
use crate::alert::sinks::{SIGNATURE_HEADER, address_of, render};
use crate::api::vendor_contract::AlertSink;
use crate::evidence::MessageKind;
use crate::outbound::secret::SecretValue;
use crate::receiver::Receiver;

fn message(id: i64, kind: MessageKind, sink: &AlertSink, summary: &str) -> Message {
    let now = "2026-06-01T02:00:00Z".parse().unwrap();
    Message {
        id,
        message_id: format!("uid-1-{id}"),
        fingerprint: "0123456789abcdef".to_owned(),
        kind,
        written_at: now,
        envelope: Envelope {
            namespace: "care".to_owned(),
            contract: "acme-care".to_owned(),
            sink: sink.clone(),
            mail_to: vec![("sam".to_owned(), "sam@client.example".to_owned())],
            fired_at: now,
            alert: alert(summary),
            report: None,
        },
    }
}

fn bodies(sink: &AlertSink, group: &[Message], secret: Option<&str>) -> Vec<Value> {
    let secret = secret.map(SecretValue::new);
    let outgoing = render(sink, group, secret.as_ref(), "2026-06-01T02:00:01Z".parse().unwrap());
    outgoing.iter().map(|outgoing| serde_json::from_slice(&outgoing.body).unwrap()).collect()
}

#[test]
fn an_alertmanager_is_sent_alerts_of_its_api_v2_and_a_resolved_one_has_ended() {
    let sink = sink("ops", json!({"alertmanager": {"url": "https://alerts.example/team-a/"}}));
    assert_eq!(address_of(&sink, None).unwrap().as_str(), "https://alerts.example/team-a/api/v2/alerts");
    let group = [
        message(1, MessageKind::Fired, &sink, "speed: missed"),
        message(2, MessageKind::Resolved, &sink, "speed: missed"),
    ];
    let labels = json!({
        "alertname": "TargetMissed", "severity": "critical", "namespace": "care", "contract": "acme-care", "vendor": "Acme",
        "kpi_target": "speed",
    });
    let annotations =
        json!({"summary": "speed: missed", "period": "2026-05", "since": "2026-06-01T00:00:00Z", "contacts": "sam"});
    let expected = json!([
        {"labels": labels, "annotations": annotations,
         "startsAt": "2026-06-01T02:00:00Z", "endsAt": "2026-06-01T02:30:01Z"},
        {"labels": labels, "annotations": annotations,
         "startsAt": "2026-06-01T02:00:00Z", "endsAt": "2026-06-01T02:00:01Z"},
    ]);
    assert_eq!(bodies(&sink, &group, None), [expected]);
}

#[test]
fn a_webhook_is_sent_one_cloud_event_for_a_group_signed_with_its_time() {
    let hook = sink("hook", json!({"webhook": {"url": "https://hooks.example/bpo"}}));
    let group =
        [message(7, MessageKind::Fired, &hook, "speed: missed"), message(9, MessageKind::Test, &hook, "a test")];
    let secret = SecretValue::new("key\n");
    let outgoing = render(&hook, &group, Some(&secret), "2026-06-01T02:00:01Z".parse().unwrap()).remove(0);
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    let frame = ["specversion", "id", "source", "type", "time", "datacontenttype"].map(|name| body[name].clone());
    let expected = [
        "1.0",
        "uid-1-7/uid-1-9",
        "/namespaces/care/vendorcontracts/acme-care",
        "io.bpo-operator.alerts.v1",
        "2026-06-01T02:00:01Z",
        "application/json",
    ];
    assert_eq!(frame, expected.map(Value::from));
    let first = &body["data"]["alerts"][0];
    assert_eq!(
        (&first["id"], &first["status"], &first["fingerprint"]),
        (&json!("uid-1-7"), &json!("fired"), &json!("0123456789abcdef"))
    );
    assert_eq!(body["data"]["alerts"][1]["status"], "test");
    assert_eq!(outgoing.headers["content-type"], "application/cloudevents+json");
    // As a receiver checks it: the time and the body as they came.
    let header = outgoing.headers[SIGNATURE_HEADER].to_str().unwrap();
    let (time, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(time, "1780279201");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let signed = [time.as_bytes(), b".", &outgoing.body].concat();
    let expected: String = ring::hmac::sign(&key, &signed).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, expected);
    assert!(
        render(&hook, &group, None, "2026-06-01T02:00:01Z".parse().unwrap())[0].headers.get(SIGNATURE_HEADER).is_none()
    );
}

#[test]
fn a_chat_is_sent_lines_and_a_pager_one_event_for_each_message() {
    let reference = json!({"urlSecretRef": {"name": "chat", "key": "url"}});
    let slack = sink("chat", json!({"slack": reference}));
    let group = [
        message(1, MessageKind::Fired, &slack, "speed: missed"),
        message(2, MessageKind::Resolved, &slack, "speed: missed"),
    ];
    let text = "[TargetMissed, critical] care/acme-care: speed: missed\n    period: 2026-05\n    to act: sam\n    since: 2026-06-01T00:00:00Z\n\
                [TargetMissed, resolved] care/acme-care: speed: missed\n    period: 2026-05\n    to act: sam\n    since: 2026-06-01T00:00:00Z";
    assert_eq!(bodies(&slack, &group, Some("https://chat.example/x"))[0]["text"], text);
    let teams = sink("chat", json!({"teams": reference}));
    let card = &bodies(&teams, &group, Some("https://chat.example/x"))[0];
    assert_eq!(card["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    let paragraphs = card["attachments"][0]["content"]["body"].as_array().unwrap();
    assert_eq!((paragraphs.len(), &paragraphs[0]["type"]), (8, &json!("RichTextBlock")));

    let pager = sink("pager", json!({"pagerduty": {"routingKeySecretRef": {"name": "pager", "key": "key"}}}));
    assert_eq!(address_of(&pager, None).unwrap().as_str(), "https://events.pagerduty.com/v2/enqueue");
    let events = bodies(&pager, &group, Some("routing-key"));
    let frames: Vec<[&Value; 4]> = events
        .iter()
        .map(|event| {
            [&event["routing_key"], &event["event_action"], &event["dedup_key"], &event["payload"]["severity"]]
        })
        .collect();
    let frame = |action: &str| ["routing-key", action, "0123456789abcdef", "critical"].map(Value::from);
    let expected = [frame("trigger"), frame("resolve")];
    assert_eq!(frames, expected.each_ref().map(|frame| frame.each_ref()));
}

#[test]
fn no_text_of_a_contract_or_a_vendor_breaks_out_of_its_place() {
    let evil = "<!channel> \"},{\"x\":1} \r\nBcc: evil@x.example\r\n\r\n \u{1b}[31m \u{202e}txt <https://x.example|y> &amp; =cmd()";
    let reference = json!({"urlSecretRef": {"name": "chat", "key": "url"}});
    for target in [
        json!({"alertmanager": {"url": "https://alerts.example"}}),
        json!({"webhook": {"url": "https://hooks.example"}}),
        json!({"slack": reference}),
        json!({"teams": reference}),
        json!({"pagerduty": {"routingKeySecretRef": {"name": "pager", "key": "key"}}}),
    ] {
        let sink = sink("it", target.clone());
        let plain = bodies(&sink, &[message(1, MessageKind::Fired, &sink, "plain")], Some("key"));
        let mut evil_message = message(1, MessageKind::Fired, &sink, evil);
        evil_message.envelope.alert.details.insert("period".to_owned(), evil.to_owned());
        evil_message.envelope.alert.labels.insert("vendor".to_owned(), evil.to_owned());
        let sent = bodies(&sink, &[evil_message], Some("key"));
        assert_eq!(shape(&sent[0]), shape(&plain[0]), "{target}: the text has changed the message's shape");
        let mut texts = Vec::new();
        collect(&sent[0], &mut texts);
        for text in texts {
            let disturbing = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
            assert!(!text.contains(disturbing), "{target}: {text:?}");
            assert!(!text.contains("\r\nBcc"), "{target}: {text:?}");
            assert!(sink.slack.is_none() || !text.contains('<'), "{text:?}");
        }
    }
}

/// The names of the members of a document, without their texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => Value::Null,
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, texts)),
        Value::String(text) => texts.push(text.clone()),
        _ => {}
    }
}

#[tokio::test]
async fn every_kind_arrives_over_http_and_its_secret_goes_only_where_its_owner_lets_it() {
    let receiver = Receiver::start().await;
    let host = receiver.address.to_string();
    let post = Post::new();
    post.secrets.put("care", "hook", &host, &[("hmac", "canary-signing-key")]);
    post.secrets.put("care", "chat", &host, &[("url", &format!("{}/canary-chat", receiver.url()))]);
    post.secrets.put("care", "elsewhere", "chat.example", &[("url", &format!("{}/never", receiver.url()))]);
    post.secrets.put("care", "pager", &host, &[("key", "canary-routing-key")]);
    let reference = |name: &str| json!({"urlSecretRef": {"name": name, "key": "url"}});
    let pager =
        json!({"routingKeySecretRef": {"name": "pager", "key": "key"}, "url": format!("{}/pager", receiver.url())});
    let signing = json!({"name": "hook", "key": "hmac"});
    let sinks = vec![
        sink("ops", json!({"alertmanager": {"url": receiver.url()}})),
        sink("hook", json!({"webhook": {"url": format!("{}/hook", receiver.url()), "signingSecretRef": signing}})),
        sink("slack", json!({"slack": reference("chat")})),
        sink("teams", json!({"teams": reference("chat")})),
        sink("pager", json!({"pagerduty": pager})),
        sink("never", json!({"slack": reference("elsewhere")})),
        sink("lost", json!({"slack": reference("no-such-secret")})),
    ];
    for sink in &sinks {
        post.write(sink, MessageKind::Fired, "a", alert("speed: missed")).await;
    }
    let running = post.run(sinks.clone());
    receiver.until("five kinds arrive", |received| received.len() >= 5).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let failing = loop {
        let failing = running.dispatcher.status_of("uid-1", &sinks);
        if failing.len() == 2 {
            break failing;
        }
        assert!(std::time::Instant::now() < deadline, "{failing:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let mut paths: Vec<String> = receiver.received().into_iter().map(|received| received.path).collect();
    paths.sort();
    let signed = |one: &crate::receiver::Received| one.headers.contains_key(SIGNATURE_HEADER) == (one.path == "/hook");
    assert!(receiver.received().iter().all(signed));
    assert_eq!(paths, ["/api/v2/alerts", "/canary-chat", "/canary-chat", "/hook", "/pager"]);
    assert!(failing[0].failure.as_ref().unwrap().contains("may not be sent to 127.0.0.1"), "{failing:?}");
    assert_eq!(failing[1].failure.as_deref(), Some("Secret no-such-secret is not found"));
    let kept = format!("{:?}", post.store.latest_messages(Some("uid-1"), 100).await.unwrap());
    assert!(!kept.contains("canary") && !format!("{failing:?}").contains("canary"), "a secret is in the outbox");
}
