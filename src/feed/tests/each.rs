//! Feeds that are asked once for each value of a list, through the fetcher and the scheduler, against a server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::fetching::{impatient, opened};
use super::findings::assert_findings;
use super::platforms::{Wrongs, ask_in, must};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server};
use crate::api::feed::Feed;
use crate::evidence::IncomingRow;
use crate::feed::scheduler::FeedTask;
use crate::feed::shown::requests;
use crate::feed::time_window::Window;
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::guard::SystemLookup;

/// A feed as of a vendor that says the figures of one queue and one slot in one answer.
fn feed_at(server: &Server, members: Value) -> Feed {
    let mut feed = json!({"name": "acd", "url": server.url("/queues/{queue}?from={since}&to={until}"), "cadence": "30m",
        "each": [{"name": "queue", "values": ["WQ1", "WQ 2"], "names": {"WQ1": "Billing"}}],
        "format": {"json": {"rows": "$", "time": "Window", "measures": [{"name": "offered", "path": "$.offered"}]}}});
    feed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    serde_json::from_value(feed).unwrap()
}

fn window(since: &str, until: &str) -> Window {
    Window {
        since: format!("2026-01-05T{since}:00Z").parse().unwrap(),
        until: format!("2026-01-05T{until}:00Z").parse().unwrap(),
    }
}

fn shown(rows: &[IncomingRow]) -> Vec<String> {
    let shown = |row: &IncomingRow| {
        let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {} {}", row.start.strftime("%H:%M"), labels.join(" "), measures.join(" "))
    };
    rows.iter().map(shown).collect()
}

fn query(asked: &Asked) -> (String, BTreeMap<String, String>) {
    let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
    (url.path().to_owned(), url.query_pairs().into_owned().collect())
}

#[tokio::test]
async fn each_value_is_a_request_for_each_slot_and_a_label_of_its_rows() {
    let server = Server::start(|asked| {
        let (path, query) = query(asked);
        let count = if path == "/queues/WQ1" { 10 } else { 20 };
        let second = query["from"].contains("09:30");
        Reply::json(json!({"offered": count + i32::from(second)}).to_string())
    })
    .await;
    let body = ask_in("UTC", &feed_at(&server, json!({})), &MemorySource::default(), window("09:00", "10:00")).await;
    assert_eq!(
        shown(&body.unwrap().rows),
        [
            "09:00 queue=Billing offered 10",
            "09:00 queue=WQ 2 offered 20",
            "09:30 queue=Billing offered 11",
            "09:30 queue=WQ 2 offered 21"
        ]
    );
    let asked: Vec<String> = server.asked().iter().map(|asked| query(asked).0).collect();
    assert_eq!(asked, ["/queues/WQ1", "/queues/WQ%202", "/queues/WQ1", "/queues/WQ%202"]);
    let shown = requests(
        &feed_at(&server, json!({})),
        "UTC",
        window("09:00", "09:30"),
        "2026-01-05T12:00:00Z".parse().unwrap(),
    );
    let urls: Vec<String> = shown.unwrap().into_iter().map(|request| request.url).collect();
    assert_eq!(urls.len(), 2, "feed preview shows the request of each value");
    assert!(urls[1].contains("/queues/WQ%202?from=2026-01-05T09%3A00%3A00Z"), "{urls:?}");
}

#[tokio::test]
async fn records_of_different_values_are_different_ones_and_bodies_take_values_as_texts() {
    let (wrongs, format) = (Wrongs::default(), |body: Value| {
        json!({"url": "", "request": {"method": "Post", "json": body.to_string()}, "each": [{"name": "survey", "values": ["7", "8"]}],
            "format": {"json": {"rows": "$.answers[*]", "records": {"at": "$.at", "id": "$.id"},
                "measures": [{"name": "surveyResponses", "count": {}}]}}})
    });
    let log = wrongs.clone();
    let server = Server::start(move |asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let answers = json!([{"id": 1, "at": "2026-01-05T09:05:00Z"}, {"id": 2, "at": "2026-01-05T09:06:00Z"}]);
        must(&log, "from", &body["from"], &json!(1_767_603_600));
        // The second survey has one answer, of an id that the first one has, too.
        let count = if body["survey"] == "7" { 2 } else { 1 };
        Reply::json(json!({"answers": answers.as_array().unwrap()[..count]}).to_string())
    })
    .await;
    let mut members = format(json!({"survey": "{survey}", "from": "{since:UnixSeconds}"}));
    members["url"] = json!(server.url("/answers"));
    let body =
        ask_in("UTC", &feed_at(&server, members), &MemorySource::default(), window("09:00", "10:00")).await.unwrap();
    assert_eq!(*wrongs.lock().unwrap(), Vec::<String>::new());
    assert_eq!(shown(&body.rows), ["09:00 survey=7 surveyResponses 2", "09:00 survey=8 surveyResponses 1"]);
    assert_eq!(body.truth, [window("09:00", "10:00")], "every value was answered");
}

#[tokio::test]
async fn a_window_of_which_one_value_is_not_there_yet_is_neither_whole_nor_quiet() {
    for (pending, zeros, whole) in [(false, 1, 1), (true, 0, 0)] {
        let server = Server::start(move |asked| match query(asked).0.as_str() {
            "/queues/WQ1" => Reply::json(r#"{"rows":[{"at":"2026-01-05T09:00:00Z","offered":3}]}"#),
            _ if pending => Reply::answer("404 Not Found", &[], ""),
            _ => Reply::json(r#"{"rows":[]}"#),
        })
        .await;
        let format = json!({"json": {"rows": "$.rows[*]", "records": {"at": "$.at"}, "measures": [{"name": "offered", "sum": [{"path": "$.offered"}]}]}});
        let members = json!({"request": {"pending": [404]}, "quiet": "Zeros", "format": format});
        let body = ask_in("UTC", &feed_at(&server, members), &MemorySource::default(), window("09:00", "10:00"))
            .await
            .unwrap();
        let mut expected = vec!["09:00 queue=Billing offered 3"];
        expected.extend(vec!["09:30  offered 0"; zeros]);
        assert_eq!(
            (shown(&body.rows), body.truth.len()),
            (expected.into_iter().map(str::to_owned).collect(), whole),
            "{pending}"
        );
    }
}

#[tokio::test]
async fn what_one_fetch_has_no_time_for_follows_at_once_also_where_the_vendor_is_asked_for_many_values() {
    let server = Server::start(|_| Reply::json(r#"{"offered": 1}"#)).await;
    let directory = tempfile::tempdir().unwrap();
    // Each fetch ends after the first of its windows.
    let client =
        FeedClient::with(opened(), Arc::new(SystemLookup), ClientLimits { turn: Duration::ZERO, ..impatient() });
    let running = Running::start_asking(client, &directory, rehearsal(1.0), Arc::default());
    let feed = feed_at(&server, json!({"lookBack": "6h"}));
    let term_start = "2026-04-08T00:00:00Z".parse().unwrap();
    let task =
        FeedTask { feed: feed.into(), term_start, time_zone: "UTC".into(), ..task("uid-1", &server.url("/"), "") };
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
    // Two days in half hours, of two queues.
    eventually("every slot of every queue", async || rows().await.len() == 2 * 2 * 48).await;
    eventually("the past is complete", async || {
        running.scheduler.health_of("uid-1").get("acd").is_some_and(|health| !health.backfilling)
    })
    .await;
    let asked: Vec<String> = server.asked().iter().map(|asked| asked.target.clone()).collect();
    let distinct: std::collections::BTreeSet<&String> = asked.iter().collect();
    assert_eq!(distinct.len(), 2 * 2 * 48, "{} requests", asked.len());
    running.end().await;
}

#[test]
fn lists_are_refused_with_what_to_write() {
    let each = |each: Value, members: Value| {
        let mut feed = json!({"name": "acd", "url": "https://api.acme.example/queues/{queue}?s={site}", "each": each,
            "format": {"json": {"rows": "$", "time": "Window", "labels": [{"name": "team", "value": "a"}],
                "measures": [{"name": "offered", "path": "$.n"}]}}});
        feed["request"] = json!({"query": [{"name": "from", "value": "{since}"}]});
        feed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        feed
    };
    let values = |name: &str, count: usize| json!({"name": name, "values": (0..count).map(|number| number.to_string()).collect::<Vec<_>>()});
    let both = json!([values("queue", 2), values("site", 2)]);
    let cases = [
        (each(both.clone(), json!({})), ""),
        (each(json!([values("queue", 2)]), json!({})), "{site} is not a placeholder"),
        (
            each(json!([values("queue", 2), values("site", 2), values("skill", 2)]), json!({})),
            "is not used in the request",
        ),
        (each(json!([values("queue", 100), values("site", 3)]), json!({})), "makes 300 requests"),
        (
            each(json!([values("queue", 50), values("site", 1)]), json!({"window": {"perMinute": 6}})),
            "take longer than 5 minutes at 6 a minute",
        ),
        (each(json!([values("queue", 2), {"name": "site", "values": []}]), json!({})), "is empty"),
        (
            each(json!([values("queue", 2), {"name": "site", "values": ["a"], "names": {"b": "B"}}]), json!({})),
            "none of the values",
        ),
        (each(json!([values("queue", 2), {"name": "site", "values": ["a", "a"]}]), json!({})), "site"),
        (
            each(
                both.clone(),
                json!({"format": {"json": {"rows": "$", "time": "Window", "labels": [{"name": "site", "path": "$.s"}],
                "measures": [{"name": "offered", "path": "$.n"}]}}}),
            ),
            "which the format maps, too",
        ),
        (
            each(
                both.clone(),
                json!({"format": {"openMetrics": {"measures": [{"name": "offered", "metric": "calls"}]}}}),
            ),
            "does not go with format.openMetrics",
        ),
        (
            each(
                json!([values("queue", 2), {"name": "site", "values": ["a b"]}]),
                json!({"request": {"method": "Post", "text": "{since} {site}"}}),
            ),
            "cannot stand within a longer text",
        ),
        (each(json!([values("until", 2)]), json!({})), "is not a name"),
    ];
    for (feed, fragment) in cases {
        assert_findings(&feed, fragment);
    }
}
