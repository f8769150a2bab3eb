//! What happens to messages when receivers are down, slow, refuse or must not be reached, and when the operator ends.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::{Post, alert, sink};
use crate::api::vendor_contract::AlertSink;
use crate::evidence::MessageKind;
use crate::receiver::{Received, Receiver};

fn hook(name: &str, receiver: &Receiver) -> AlertSink {
    sink(name, json!({"webhook": {"url": format!("{}/{name}", receiver.url())}}))
}

fn ids(received: &[Received]) -> Vec<String> {
    let alerts = received.iter().flat_map(Received::alerts);
    alerts.map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_once_and_in_order_when_it_is_back() {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let post = Post::new();
    let hook = hook("hook", &receiver);
    let running = post.run(vec![hook.clone()]);
    for number in 0..250 {
        let kind = if number % 2 == 0 { MessageKind::Fired } else { MessageKind::Resolved };
        post.write(&hook, kind, &format!("alert-{}", number / 2), alert("speed: missed")).await;
        running.dispatcher.wake();
    }
    receiver.until("it is tried again and again", |received| received.len() >= 8).await;
    let status = running.dispatcher.status_of("uid-1", std::slice::from_ref(&hook));
    assert_eq!(status[0].failure.as_deref(), Some("status 503 instead of 200"), "sent in the same words each time");
    assert!(post.ends().await.iter().all(|end| end.ends_with("waiting")));
    // Whatever is counted from here on was delivered, but for one try that may be under way.
    let before = post.counts.lock().unwrap().len();
    receiver.answer(200);
    post.counted(before + 250).await;
    let taken = ids(&receiver.taken());
    let expected: Vec<String> = (1..=250).map(|number| format!("uid-1-{number}")).collect();
    assert_eq!(taken, expected);
    assert!(running.dispatcher.status_of("uid-1", &[hook]).is_empty(), "a failure that is over is shown no longer");
}

#[tokio::test]
async fn nothing_is_sent_without_the_lease_and_everything_once_it_is_held_again() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let hook = hook("hook", &receiver);
    post.leads.store(false, Ordering::SeqCst);
    post.write(&hook, MessageKind::Fired, "alert", alert("speed: missed")).await;
    let running = post.run(vec![hook.clone()]);
    // Nor is a message given up that nobody wants any more: another process may have it.
    let gone = sink("gone", json!({"webhook": {"url": receiver.url()}}));
    post.write(&gone, MessageKind::Fired, "other", alert("speed: missed")).await;
    running.dispatcher.wake();
    // Both sinks, and each once more after its pause.
    post.until_asked(4).await;
    assert_eq!(post.ends().await, ["fired alert waiting", "fired other waiting"]);
    assert!(receiver.received().is_empty());
    post.leads.store(true, Ordering::SeqCst);
    post.settled().await;
    assert_eq!(ids(&receiver.taken()), ["uid-1-1"]);
    assert_eq!(post.ends().await, ["fired alert delivered", "fired other given up"]);
}

#[tokio::test]
async fn what_another_process_works_on_is_left_to_it() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let hook = hook("hook", &receiver);
    let running = post.run(vec![hook.clone()]);
    for uid in ["elsewhere-1", "uid-1"] {
        post.write_of(uid, &hook, MessageKind::Fired, &["alert".to_owned()], alert("speed: missed")).await;
    }
    running.dispatcher.wake();
    receiver.until("one of them arrives", |received| !received.is_empty()).await;
    let waiting = async || post.store.waiting_messages(10).await.unwrap();
    while waiting().await.len() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(waiting().await[0].contract_uid, "elsewhere-1");
    assert_eq!(ids(&receiver.received()).len(), 1);
}

#[tokio::test]
async fn an_operator_that_ends_before_the_answer_sends_again_under_the_same_names() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let hook = hook("hook", &receiver);
    for number in 0..5 {
        post.write(&hook, MessageKind::Fired, &format!("alert-{number}"), alert("speed: missed")).await;
    }
    receiver.be_silent(true);
    let killed = post.run(vec![hook.clone()]);
    receiver.until("the messages arrive", |received| !received.is_empty()).await;
    drop(killed);
    receiver.be_silent(false);
    let _running = post.run(vec![hook]);
    post.settled().await;
    let came = ids(&receiver.received());
    let distinct: BTreeSet<&String> = came.iter().collect();
    assert_eq!((came.len(), distinct.len()), (10, 5), "each twice, by the same ids: {came:?}");
}

#[tokio::test]
async fn a_message_that_is_refused_does_not_take_the_others_with_it() {
    let receiver = Receiver::start().await;
    receiver.refuse("poison");
    let post = Post::new();
    let hook = hook("hook", &receiver);
    for summary in ["good 1", "poison", "good 2"] {
        post.write(&hook, MessageKind::Fired, summary, alert(summary)).await;
    }
    let running = post.run(vec![hook.clone()]);
    post.counted(3).await;
    assert_eq!(post.ends().await, ["fired good 1 delivered", "fired poison given up", "fired good 2 delivered"]);
    let status = running.dispatcher.status_of("uid-1", &[hook]);
    assert_eq!((status[0].given_up, status[0].failure.as_deref()), (1, None));
    let mut counts = post.counts.lock().unwrap().clone();
    counts.sort();
    assert_eq!(counts, ["webhook delivered", "webhook delivered", "webhook given_up"]);
}

#[tokio::test]
async fn no_sink_waits_for_another_that_does_not_answer() {
    let (silent, good) = (Receiver::start().await, Receiver::start().await);
    silent.be_silent(true);
    let post = Post::new();
    let sinks: Vec<AlertSink> = (0..8).map(|number| hook(&format!("silent-{number}"), &silent)).collect();
    for sink in &sinks {
        post.write(sink, MessageKind::Fired, "a", alert("speed: missed")).await;
    }
    let fast = hook("good", &good);
    post.write(&fast, MessageKind::Fired, "a", alert("speed: missed")).await;
    let _running = post.run([sinks, vec![fast]].concat());
    good.until("it is served while the others are silent", |received| received.len() == 1).await;
}

#[tokio::test]
async fn a_namespace_with_an_outbox_full_of_messages_for_sinks_that_hang_holds_up_no_other() {
    let (silent, good) = (Receiver::start().await, Receiver::start().await);
    silent.be_silent(true);
    let post = Post::new();
    let many: Vec<String> = (0..11_000).map(|number| format!("alert-{number}")).collect();
    let hanging: Vec<AlertSink> = (0..80).map(|number| hook(&format!("silent-{number}"), &silent)).collect();
    post.write_of("hostile", &hanging[0], MessageKind::Fired, &many, alert("speed: missed")).await;
    for sink in &hanging {
        post.write_of("hostile", sink, MessageKind::Fired, &["a".to_owned()], alert("speed: missed")).await;
    }
    let running = post.run([hanging, vec![hook("good", &good)]].concat());
    silent.until("the hostile namespace has taken its places", |received| received.len() >= 4).await;
    let began = std::time::Instant::now();
    let sink = hook("good", &good);
    post.write_of("honest", &sink, MessageKind::Fired, &["b".to_owned()], alert("speed: missed")).await;
    running.dispatcher.wake();
    good.until("the honest contract's alert", |received| received.len() == 1).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn messages_for_a_sink_that_is_gone_and_of_long_ago_are_given_up_with_the_reason() {
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let post = Post {
        pace: crate::alert::dispatcher::Pace { patience: jiff::SignedDuration::ZERO, ..Post::new().pace },
        ..Post::new()
    };
    let (gone, old) = (hook("gone", &receiver), hook("old", &receiver));
    post.write(&gone, MessageKind::Fired, "a", alert("x")).await;
    post.write(&old, MessageKind::Fired, "b", alert("x")).await;
    let _running = post.run(vec![old]);
    post.settled().await;
    assert_eq!(post.ends().await, ["fired a given up", "fired b given up"]);
    let messages = post.store.latest_messages(Some("uid-1"), 10).await.unwrap();
    let reasons: Vec<&str> = messages.iter().rev().map(|message| message.failure.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["the contract no longer has this alert", "status 500 instead of 200"]);
}

#[tokio::test]
async fn nothing_goes_to_an_address_of_the_inside_that_was_not_opened() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let post = Post { opened: Vec::new(), ..Post::new() };
    let hosts = ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "2130706433", "169.254.169.254", "10.0.0.1"];
    let sinks: Vec<AlertSink> = hosts
        .iter()
        .zip(0..)
        .map(|(host, number)| {
            sink(&format!("inside-{number}"), json!({"webhook": {"url": format!("http://{host}:{port}/")}}))
        })
        .collect();
    for sink in &sinks {
        post.write(sink, MessageKind::Fired, "a", alert("x")).await;
    }
    let running = post.run(sinks.clone());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let failing = running.dispatcher.status_of("uid-1", &sinks);
        if failing.len() == hosts.len() {
            for status in failing {
                let failure = status.failure.unwrap();
                let says = ["--alert-allow-network", "no flag opens it"].iter().any(|what| failure.contains(what));
                assert!(failure.contains("is refused") && says, "{failure}");
            }
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{failing:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(receiver.received().is_empty());
}
