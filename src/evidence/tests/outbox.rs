//! The outbox: a change and its messages are there together or not at all, and outlive the operator.

use super::support::{Backend, Fixture, minute, on_both_stores};
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::evidence::{Delivery, MessageKind, NewMessage, OutboxMessage, ReportEntry};

on_both_stores!(
    active_alerts_follow_from_the_messages_and_outlive_the_store,
    a_message_waits_until_it_is_delivered_or_given_up,
    a_trial_is_written_once_and_is_never_active,
    settled_messages_go_after_thirty_days_and_waiting_ones_never,
    a_report_is_handed_over_once_with_its_journal_and_outlives_the_store,
);

fn message(kind: MessageKind, fingerprint: &str, content: &str) -> NewMessage {
    let (sink, fingerprint, content) = ("ops".to_owned(), fingerprint.to_owned(), content.to_owned());
    NewMessage { sink, fingerprint, kind, content }
}

fn summaries(messages: &[OutboxMessage]) -> Vec<String> {
    messages
        .iter()
        .map(|message| format!("{} {} {}", message.kind.as_str(), message.fingerprint, message.content))
        .collect()
}

async fn active_alerts_follow_from_the_messages_and_outlive_the_store(backend: Backend) {
    let fixture = Fixture::new(backend);
    let record = async |fixture: &Fixture, messages: Vec<NewMessage>| {
        fixture.store.record_alerts("uid-1".to_owned(), messages, minute(1)).await.unwrap();
    };
    record(&fixture, vec![message(MessageKind::Fired, "a", "1"), message(MessageKind::Fired, "b", "1")]).await;
    record(&fixture, vec![message(MessageKind::Resolved, "b", "1"), message(MessageKind::Fired, "a", "2 'quoted'")])
        .await;
    let fixture = fixture.restart();
    let standing = fixture.store.standing_alerts("uid-1").await.unwrap();
    let standing: Vec<(&str, &str)> =
        standing.iter().map(|alert| (alert.fingerprint.as_str(), alert.content.as_str())).collect();
    assert_eq!(standing, [("a", "2 'quoted'")]);
    assert!(fixture.store.standing_alerts("uid-2").await.unwrap().is_empty());
    assert_eq!(fixture.store.contracts_with_alerts().await.unwrap(), ["uid-1"]);
    let waiting = fixture.store.waiting_messages(10).await.unwrap();
    assert_eq!(summaries(&waiting), ["fired a 1", "fired b 1", "resolved b 1", "fired a 2 'quoted'"]);
    assert!(waiting.iter().all(|message| message.written_at == minute(1)));
    assert_eq!(summaries(&fixture.store.waiting_messages(1).await.unwrap()), ["fired a 1"]);
}

async fn a_message_waits_until_it_is_delivered_or_given_up(backend: Backend) {
    let fixture = Fixture::new(backend);
    let messages = ["a", "b", "c", "d"].map(|fingerprint| message(MessageKind::Fired, fingerprint, "x")).to_vec();
    fixture.store.record_alerts("uid-1".to_owned(), messages, minute(1)).await.unwrap();
    let ids: Vec<i64> = fixture.store.waiting_messages(10).await.unwrap().iter().map(|message| message.id).collect();
    let settle = async |ids: &[i64], delivery| {
        fixture.store.settle_messages(ids.to_vec(), delivery, minute(2)).await.unwrap();
    };
    settle(&ids[..2], Delivery::Failed("refused".to_owned())).await;
    settle(&ids[..1], Delivery::Delivered).await;
    settle(&ids[1..2], Delivery::GivenUp("status 400".to_owned())).await;
    assert_eq!(summaries(&fixture.store.waiting_messages(10).await.unwrap()), ["fired c x", "fired d x"]);
    settle(&ids[3..], Delivery::Withdrawn("the contract no longer has this alert".to_owned())).await;
    let all = fixture.store.latest_messages(Some("uid-1"), 10).await.unwrap();
    let ends: Vec<(i64, Option<&str>, bool, bool)> = all
        .iter()
        .map(|message| {
            (message.attempts, message.failure.as_deref(), message.delivered, message.settled_at == Some(minute(2)))
        })
        .collect();
    // The newest first. The attempt that succeeded is one; what nobody wanted any more was not tried.
    let withdrawn = (0, Some("the contract no longer has this alert"), false, true);
    assert_eq!(ends, [withdrawn, (0, None, false, false), (2, Some("status 400"), false, true), (2, None, true, true)]);
}

async fn a_trial_is_written_once_and_is_never_active(backend: Backend) {
    let fixture = Fixture::new(backend);
    for _ in 0..2 {
        let trial = vec![message(MessageKind::Test, "trial-1", "x")];
        fixture.store.record_alerts("uid-1".to_owned(), trial, minute(1)).await.unwrap();
    }
    assert_eq!(summaries(&fixture.store.waiting_messages(10).await.unwrap()), ["test trial-1 x"]);
    assert!(fixture.store.standing_alerts("uid-1").await.unwrap().is_empty());
}

async fn settled_messages_go_after_thirty_days_and_waiting_ones_never(backend: Backend) {
    let fixture = Fixture::new(backend);
    let day = 24 * 60;
    let messages = ["a", "b"].map(|fingerprint| message(MessageKind::Fired, fingerprint, "x")).to_vec();
    fixture.store.record_alerts("uid-1".to_owned(), messages, minute(0)).await.unwrap();
    let ids: Vec<i64> = fixture.store.waiting_messages(10).await.unwrap().iter().map(|message| message.id).collect();
    fixture.store.settle_messages(ids[..1].to_vec(), Delivery::Delivered, minute(1)).await.unwrap();
    for (now, left) in [(30 * day, 2), (31 * day, 1)] {
        fixture.store.settle_messages(Vec::new(), Delivery::Delivered, minute(now)).await.unwrap();
        assert_eq!(fixture.store.latest_messages(Some("uid-1"), 10).await.unwrap().len(), left, "day {}", now / day);
    }
}

async fn a_report_is_handed_over_once_with_its_journal_and_outlives_the_store(backend: Backend) {
    let fixture = Fixture::new(backend);
    let row = |number: i64, period: &str| HandedOver {
        report: "monthly".to_owned(),
        sink: "mail's".to_owned(),
        until: minute(number),
        period: period.to_owned(),
    };
    let handed =
        |number, period: &str| ReportEntry::HandOver(row(number, period), message(MessageKind::Report, period, "x"));
    let record = async |fixture: &Fixture, entries: Vec<ReportEntry>| {
        let uids = ("evidence-1".to_owned(), "uid-1".to_owned());
        fixture.store.record_scheduled_reports(uids.0, uids.1, entries, minute(9)).await.unwrap();
    };
    assert!(fixture.store.scheduled_reports("evidence-1").await.unwrap().is_empty(), "before there is a table");
    record(&fixture, vec![ReportEntry::Begin(row(1, "")), handed(2, "2026-01")]).await;
    // What was decided again, by a process that did not know, makes no second message.
    record(&fixture, vec![ReportEntry::Begin(row(1, "")), handed(2, "2026-01"), handed(3, "2026-02")]).await;
    let fixture = fixture.restart();
    record(&fixture, vec![handed(3, "2026-02"), ReportEntry::Forget(row(1, ""))]).await;
    let journal = fixture.store.scheduled_reports("evidence-1").await.unwrap();
    assert_eq!(journal, [row(2, "2026-01"), row(3, "2026-02")]);
    assert!(fixture.store.scheduled_reports("uid-1").await.unwrap().is_empty());
    let waiting = fixture.store.waiting_messages_of("uid-1", "ops", 10).await.unwrap();
    assert_eq!(summaries(&waiting), ["report 2026-01 x", "report 2026-02 x"]);
    assert!(fixture.store.standing_alerts("uid-1").await.unwrap().is_empty());
}
