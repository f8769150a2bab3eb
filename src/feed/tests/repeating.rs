//! Answers that come again: what is not read a second time, and what they say all the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::fetching::{body, client, feed, native, source_for};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Reply, Server};
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, KnownPage, Life, Step};
use crate::feed::scheduler::FeedTask;
use crate::feed::time_window::Window;
use crate::outbound::client::{FeedClient, Validators};
use crate::outbound::credentials::Credentials;
use crate::outbound::error::FetchError;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn an_answer_that_did_not_change_is_known_by_its_tag() {
    let server = Server::start(|asked| match asked.header("if-none-match").as_deref() {
        Some("\"v1\"") => Reply::answer("304 Not Modified", &[("ETag", "\"v1\"")], ""),
        _ => Reply::answer("200 OK", &[JSON, ("ETag", "\"v1\"")], native(0, 3, None)),
    })
    .await;
    let (client, feed, source) = (client(), feed(&server.url("/"), ""), source_for(&server));
    let first = body(&client, &feed, &source).await;
    let asked = ask(&client, &feed, (first.validators.as_ref(), None)).await;
    assert!(matches!(asked, Ok(Fetched::Unchanged)));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_comes_again_is_not_read_and_one_that_may_say_something_else_is() {
    let answer = Arc::new(Mutex::new(Reply::json(native(0, 3, None))));
    let server = Server::start({
        let answer = answer.clone();
        move |_| answer.lock().unwrap().clone()
    })
    .await;
    let (client, plain, source) = (client(), feed(&server.url("/"), ""), source_for(&server));
    let known = body(&client, &plain, &source).await.known.unwrap();
    let reply = |headers: &[(&str, &str)], body: String| Reply::answer("200 OK", headers, body);
    let each = r#","each":[{"name":"queue","values":["a","b"]}]"#;
    for (what, again, path, extra, expected) in [
        ("the same", reply(&[JSON], native(0, 3, None)), "/", "", "repeated"),
        ("another tag", reply(&[JSON, ("ETag", "\"v2\"")], native(0, 3, None)), "/", "", "repeated"),
        ("another row", reply(&[JSON], native(0, 4, None)), "/", "", "read"),
        ("a link", reply(&[JSON, ("Link", "<?page=2>; rel=\"last\"")], native(0, 3, None)), "/", "", "read"),
        ("another type", reply(&[("Content-Type", "text/html")], native(0, 3, None)), "/", "", "refused"),
        ("one of two requests", reply(&[JSON], native(0, 3, None)), "/{queue}", each, "read"),
    ] {
        *answer.lock().unwrap() = again;
        let found = match ask(&client, &feed(&server.url(path), extra), (None, Some(&known))).await {
            Ok(Fetched::Repeated(_)) => "repeated",
            Ok(Fetched::Body(_)) => "read",
            Err(_) => "refused",
            Ok(other) => panic!("{what}: {other:?}"),
        };
        assert_eq!(found, expected, "{what}");
    }
}

/// Asks with what is known of the last answer.
async fn ask(
    client: &FeedClient,
    feed: &Feed,
    (validators, known): (Option<&Validators>, Option<&KnownPage>),
) -> Result<Fetched, FetchError> {
    let request = FetchRequest {
        feed,
        namespace: "team",
        time_zone: "Europe/London",
        window: Window {
            since: "2026-01-03T00:00:00Z".parse().unwrap(),
            until: "2026-01-06T00:00:00Z".parse().unwrap(),
        },
        now: "2026-01-06T00:00:00Z".parse().unwrap(),
        credentials: &Credentials::default(),
        validators,
        known,
        state: None,
        life: Life::default(),
        step: Step::default(),
    };
    fetch(client, &request).await
}

#[tokio::test]
async fn an_answer_that_comes_again_still_says_how_far_the_feed_is_and_what_its_vendors_clock_shows() {
    let ahead = Arc::new(AtomicI64::new(0));
    let server = Server::start({
        let ahead = ahead.clone();
        move |_| {
            let shown = Clock::real().now() + jiff::SignedDuration::from_secs(ahead.load(Ordering::SeqCst));
            let row = r#"{"start":"2026-04-09T00:00:00Z","end":"2026-04-09T00:30:00Z","measures":{"offered":7}}"#;
            let body = format!(r#"{{"schema":"bpo-feed/v1","rows":[{row}],"thresholds":{{"answeredWithin":20}}}}"#);
            let date = httpdate::fmt_http_date(std::time::SystemTime::from(shown));
            Reply::answer("200 OK", &[JSON, ("Date", &date)], body)
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(60.0));
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), r#","interval":"30s""#)]);
    let health = || running.scheduler.health_of("uid-1").get("acd").cloned();
    let polls = async |more: usize| {
        let until = server.asked().len() + more;
        eventually("further polls", async || server.asked().len() >= until).await;
    };
    eventually("the past is fetched", async || health().is_some_and(|health| !health.backfilling)).await;
    polls(3).await;
    let before = health().unwrap().asked_until;
    polls(2).await;
    let said = || running.scheduler.thresholds_of("uid-1");
    let expected = BTreeMap::from([("acd".to_owned(), BTreeMap::from([("answeredWithin".to_owned(), 20)]))]);
    assert!(health().unwrap().asked_until > before && said() == expected, "{:?} {:?}", health(), said());
    ahead.store(600, Ordering::SeqCst);
    eventually("its clock is off", async || {
        health().is_some_and(|health| health.message.contains("more than 5 minutes ahead"))
    })
    .await;
    assert_eq!((said(), running.store.rows("uid-1", "acd", 0).await.unwrap().len()), (expected, 1));
    running.end().await;
}

#[tokio::test]
async fn the_same_days_in_another_time_zone_of_the_contract_are_other_rows() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let asked = asked.clone();
        move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Reply::json(
                r#"{"schema":"bpo-feed/v1","rows":[{"start":"2026-04-05","measures":{"offered":7}}],"next":null}"#,
            )
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(60.0));
    let of = |zone: &str| FeedTask {
        time_zone: zone.to_owned(),
        ..task("uid-1", &server.url("/"), r#","interval":"30s","cadence":"24h""#)
    };
    let starts = async || -> Vec<String> {
        let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
        rows.iter().map(|row| row.start.to_string()).collect()
    };
    running.scheduler.set_feeds_of("uid-1", vec![of("Pacific/Kiritimati")]);
    eventually("six polls", async || asked.load(Ordering::SeqCst) >= 6).await;
    assert_eq!(starts().await, ["2026-04-04T10:00:00Z"]);
    running.scheduler.set_feeds_of("uid-1", vec![of("Pacific/Niue")]);
    eventually("the other day", async || starts().await.len() == 2).await;
    assert_eq!(starts().await[1], "2026-04-05T11:00:00Z");
    running.end().await;
}
