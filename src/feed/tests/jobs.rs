//! Reports that a vendor makes on request: restarts, failures, and what a contract may say of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::findings::assert_findings;
use super::platforms::{Wrongs, ask_in, found_rows, method, must};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Reply, Server};
use crate::api::condition::Reason;
use crate::api::feed::Feed;
use crate::domain::terms::validation::validate_contract;
use crate::feed::scheduler::FeedTask;
use crate::feed::shown::requests;
use crate::feed::time_window::Window;
use crate::outbound::credentials::tests::MemorySource;

/// A feed whose reports are made at a server; members replace those of the job.
fn reports(server: &Server, members: Value) -> Value {
    let at = |path: &str| server.url(path);
    let mut job = json!({"start": {"url": at("/make"), "json": "{\"from\": \"{since}\"}", "handle": "$.id"},
        "ask": {"url": at("/made/{handle}"), "state": "$.state", "done": ["done"], "failed": ["failed"], "empty": ["none"],
            "every": "30s", "atMost": "10m"}});
    job.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"name": "acd", "timeout": "5s", "cadence": "1h", "job": job,
        "format": {"json": {"rows": "$.rows[*]", "start": "$.at", "measures": [{"name": "offered", "path": "$.n"}]}}})
}

const REPORT: &str = r#"{"state":"done","rows":[{"at":"2026-04-09T21:00:00Z","n":7}]}"#;

/// A task whose reports are made at the server.
fn report_task(server: &Server) -> FeedTask {
    let mut feed = reports(server, json!({}));
    feed["interval"] = json!("5m");
    let feed: Feed = serde_json::from_value(feed).unwrap();
    let task = task("uid-1", &server.url("/"), "");
    FeedTask { feed: feed.into(), term_start: "2026-04-09T00:00:00Z".parse().unwrap(), time_zone: "UTC".into(), ..task }
}

/// What the vendor says of its reports: 0 that they are being made, 1 that they are done, 2 that they failed.
async fn vendor(stand: Arc<AtomicUsize>) -> Server {
    Server::start(move |asked| match (asked.target.as_str(), stand.load(Ordering::SeqCst)) {
        ("/make", _) => Reply::json(r#"{"id":"7"}"#),
        (_, 0) => Reply::json(r#"{"state":"working"}"#),
        (_, 1) => Reply::json(REPORT),
        _ => Reply::json(r#"{"state":"failed"}"#),
    })
    .await
}

#[tokio::test]
async fn a_report_survives_a_restart_of_the_operator_which_asks_on_and_starts_no_second_one() {
    let stand = Arc::new(AtomicUsize::new(0));
    let server = vendor(stand.clone()).await;
    let started = || server.asked().iter().filter(|asked| asked.target == "/make").count();
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(100.0));
    running.scheduler.set_feeds_of("uid-1", vec![report_task(&server)]);
    eventually("the report is asked for", async || server.asked().len() >= 3).await;
    assert!(running.scheduler.health_of("uid-1").is_empty(), "nothing is known of the feed yet");
    running.end().await;
    let before = server.asked().len();
    stand.store(1, Ordering::SeqCst);
    let running = Running::start(&directory, rehearsal(100.0));
    running.scheduler.set_feeds_of("uid-1", vec![report_task(&server)]);
    let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
    eventually("the report is in the store", async || !rows().await.is_empty()).await;
    assert_eq!(started(), 1, "one report was started");
    assert_eq!(server.asked()[before].target, "/made/7", "the restart asks on");
    // The next turn starts another report.
    eventually("the next report", async || started() >= 2).await;
    assert_eq!(rows().await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_sent_again_after_a_crash_with_the_same_key_and_the_next_report_has_another() {
    let answers = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let answers = answers.clone();
        move |asked| match (asked.target.as_str(), answers.load(Ordering::SeqCst)) {
            // The report is made, and nobody hears of it.
            ("/make", 0) => Reply::Reset(Vec::new()),
            ("/make", _) => Reply::json(r#"{"id":"7"}"#),
            _ => Reply::json(REPORT),
        }
    })
    .await;
    let keys = || -> Vec<String> {
        let starts = server.asked().into_iter().filter(|asked| asked.target == "/make");
        starts.map(|asked| asked.header("idempotency-key").unwrap()).collect()
    };
    let mut feed = reports(&server, json!({}));
    feed["interval"] = json!("5m");
    feed["request"] = json!({"headers": [{"name": "Idempotency-Key", "value": "{key}"}]});
    let task = FeedTask { feed: serde_json::from_value(feed.clone()).unwrap(), ..report_task(&server) };
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(100.0));
    running.scheduler.set_feeds_of("uid-1", vec![task.clone()]);
    eventually("the report is started", async || !keys().is_empty()).await;
    running.end().await;
    answers.store(1, Ordering::SeqCst);
    let before = keys().len();
    let running = Running::start(&directory, rehearsal(100.0));
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    let rows = async || running.store.rows("uid-1", "acd", 0).await.unwrap();
    eventually("the report is in the store", async || !rows().await.is_empty()).await;
    eventually("the next report", async || keys().len() > before + 1).await;
    let keys = keys();
    assert!(keys[..=before].iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");
    assert_ne!(keys[before + 1], keys[0]);
    running.end().await;
    let contract =
        json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [feed]});
    let findings = validate_contract("care", &serde_json::from_value(contract).unwrap());
    assert!(findings.iter().all(|finding| !format!("{finding:?}").contains("placeholder")), "{findings:?}");
}

#[tokio::test]
async fn a_report_that_fails_or_never_ends_is_a_typed_failure_that_heals_with_the_next_one() {
    for (stand_of, reason) in [(2, Reason::JobFailed), (0, Reason::JobStuck)] {
        let stand = Arc::new(AtomicUsize::new(stand_of));
        let server = vendor(stand.clone()).await;
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&directory, rehearsal(1_000.0));
        running.scheduler.set_feeds_of("uid-1", vec![report_task(&server)]);
        let health = || running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason);
        eventually("the failure", async || health() == Some(reason)).await;
        assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap(), []);
        stand.store(1, Ordering::SeqCst);
        eventually("it heals", async || health() == Some(Reason::Fetched)).await;
        assert_eq!(running.store.rows("uid-1", "acd", 0).await.unwrap().len(), 1);
        running.end().await;
    }
}

#[tokio::test]
async fn steps_may_be_posted_in_xml_with_the_handle_in_their_bodies_as_soap_does() {
    let wrongs = Wrongs::default();
    let log = wrongs.clone();
    let server = Server::start(move |asked| {
        must(&log, "address", &format!("{} {}", method(asked), asked.target), &"POST /soap".to_owned());
        must(&log, "media type", &asked.header("content-type"), &Some("text/xml; charset=utf-8".to_owned()));
        let envelope = |body: &str| {
            Reply::answer(
                "200 OK",
                &[("Content-Type", "text/xml")],
                format!("<s:Envelope xmlns:s=\"x\"><s:Body>{body}</s:Body></s:Envelope>"),
            )
        };
        match asked.body.as_str() {
            r#"<run from="2026-01-05T09:00:00Z" name="a &amp; b"/>"# => {
                envelope("<runResponse><id>r&lt;7</id></runResponse>")
            }
            "<isRunning><id>r&lt;7</id></isRunning>" => {
                envelope("<isRunningResponse><running>false</running></isRunningResponse>")
            }
            "<getCsv><id>r&lt;7</id></getCsv>" => {
                envelope("<getCsvResponse><csv>Start,Offered&#10;2026-01-05 09:00,7&#10;</csv></getCsvResponse>")
            }
            other => {
                must(&log, "body", &other.to_owned(), &"one of the three".to_owned());
                Reply::answer("500 Internal Server Error", &[], "")
            }
        }
    })
    .await;
    let at = server.url("/soap");
    let feed = json!({"name": "acd", "timeout": "5s", "cadence": "1h", "window": {"atMost": "1h"}, "failWhen": {"path": "$.Envelope.Body.Fault"},
        "job": {"start": {"url": at, "xml": "<run from=\"{since}\" name=\"a &amp; b\"/>", "handle": "$.Envelope.Body.runResponse.id"},
            "ask": {"method": "Post", "url": at, "xml": "<isRunning><id>{handle}</id></isRunning>",
                "state": "$.Envelope.Body.isRunningResponse.running", "done": ["false"]},
            "fetch": {"method": "Post", "url": at, "xml": "<getCsv><id>{handle}</id></getCsv>"}},
        "format": {"csv": {"text": "$.Envelope.Body.getCsvResponse.csv", "start": {"columns": ["Start"], "format": "%Y-%m-%d %H:%M"},
            "measures": [{"name": "offered", "column": "Offered"}]}}});
    let feed: Feed = serde_json::from_value(feed).unwrap();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let window = Window { since: at("2026-01-05T09:00:00Z"), until: at("2026-01-05T10:00:00Z") };
    let body = ask_in("UTC", &feed, &MemorySource::default(), window).await;
    assert_eq!(*wrongs.lock().unwrap(), Vec::<String>::new());
    let rows = found_rows(&body.unwrap().rows);
    assert_eq!(rows.into_values().collect::<Vec<_>>(), [[("offered".to_owned(), 7.into())].into()]);
    let contract =
        json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [feed]});
    let found = validate_contract("care", &serde_json::from_value(contract).unwrap());
    assert_eq!(found.len(), 0, "{found:?}");
    let steps = requests(&feed, "UTC", window, window.until).unwrap();
    let bodies: Vec<&str> = steps.iter().filter_map(|step| step.body.as_deref()).collect();
    assert!(bodies[1].contains("<id>{handle}</id>") && bodies.len() == 3, "{bodies:?}");
}

#[tokio::test]
async fn handles_in_links_and_states_by_status_are_written_in_either_way() {
    for (start, ask) in [
        (json!({"handle": {"link": "status"}}), json!({"state": {"status": true}})),
        (json!({"link": "status"}), json!({"status": true})),
    ] {
        let server = Server::start(|asked| match asked.target.as_str() {
            "/make" => Reply::answer("202 Accepted", &[("Link", "</made/7>; rel=\"status\"")], "{}"),
            _ => Reply::json(REPORT),
        })
        .await;
        let mut feed = reports(&server, json!({}));
        let with = |step: &str, members: Value| {
            let mut step: Value =
                json!({"url": if step == "start" { json!(server.url("/make")) } else { json!("{handle}") }});
            step.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            step
        };
        feed["job"] = json!({"start": with("start", start), "ask": with("ask", ask)});
        let read: Feed = serde_json::from_value(feed.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap()["job"], feed["job"], "it is written as it was read");
        let window =
            Window { since: "2026-04-09T21:00:00Z".parse().unwrap(), until: "2026-04-09T22:00:00Z".parse().unwrap() };
        let body = ask_in("UTC", &read, &MemorySource::default(), window).await.unwrap();
        assert_eq!(body.rows.len(), 1);
    }
}

#[test]
fn a_job_is_refused_with_what_to_write() {
    let whole = json!({"name": "acd", "cadence": "1h", "job": {
        "start": {"url": "https://api.acme.example/make", "handle": "$.id"},
        "ask": {"url": "https://api.acme.example/made/{handle}", "state": "$.state", "done": ["done"]}},
        "format": {"json": {"rows": "$.rows[*]", "start": "$.at", "measures": [{"name": "offered", "path": "$.n"}]}}});
    let changed = |pointer: &str, value: Value| {
        let mut feed = whole.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        feed.pointer_mut(parent).unwrap()[name] = value;
        feed
    };
    let cases = [
        (whole.clone(), ""),
        (changed("/url", json!("https://api.acme.example/v1")), "cannot be used with `job`"),
        (changed("/job/start/link", json!("status")), "write exactly one of handle, link"),
        (changed("/job/start/json", json!("{")), "is not JSON"),
        (changed("/job/start/xml", json!("<a>")), "is not XML"),
        (changed("/job/start/handle", json!({"rel": "status"})), "is not a JSONPath"),
        (changed("/job/ask/state", json!(7)), "is not a JSONPath"),
        (
            changed(
                "/job/ask",
                json!({"url": "https://api.acme.example/made", "json": "{\"id\": \"{handle}\"}", "state": "$.s", "done": ["d"]}),
            ),
            "",
        ),
        (changed("/job/ask/url", json!("https://api.acme.example/made")), "does not say which report"),
        (changed("/job/ask/url", json!("https://{handle}/made")), "has the handle in its host"),
        (changed("/job/ask/status", json!(true)), "write `state` with `done`, or `status: true`"),
        (changed("/job/ask/done", json!([])), "list the states"),
        (changed("/job/ask/failed", json!(["done"])), "is in two lists"),
        (changed("/job/ask/every", json!("1s")), "such as 30s"),
        (changed("/request", json!({"method": "Post"})), "has more than the steps of a job share"),
        (changed("/pagination", json!({"linkHeader": {}, "limit": 100})), "halves a window"),
        (
            changed("/format", json!({"openMetrics": {"measures": [{"name": "offered", "metric": "calls"}]}})),
            "needs the format",
        ),
    ];
    for (feed, fragment) in cases {
        assert_findings(&feed, fragment);
    }
}
