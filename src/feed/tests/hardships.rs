//! What platforms really do wrong: each has a typed reason, brings no wrong row, and heals by itself when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::fetching::CANARY;
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server, gzip};
use super::workbook::{workbook, zipped};
use crate::api::condition::Reason;
use crate::api::feed::Feed;
use crate::feed::scheduler::FeedTask;
use crate::outbound::credentials::tests::MemorySource;

/// How a fault shows.
#[derive(Clone, Copy, Debug)]
enum Shows {
    /// The feed fails with this reason, and nothing is kept.
    Fails(Reason),
    /// The row is set aside with this reason; the one beside it is kept.
    Aside(&'static str),
    /// Not at all: the rows are those of a sound answer.
    Never,
}

/// What a server answers; the flag says whether the fault is there.
type Script = Box<dyn Fn(&Asked, bool) -> Reply + Send + Sync>;

struct Fault {
    name: &'static str,
    /// The feed's members in addition to name and url; `URL` is replaced by the server's.
    feed: Value,
    script: Script,
    shows: Shows,
}

const GOOD: &str = r#"{"at":"2026-04-09T21:00:00Z","q":"1f0c","n":7}"#;

/// Rows in JSON, with a queue that has a name.
fn by_json() -> Value {
    json!({"format": {"json": {"rows": "$.rows[*]", "start": "$.at", "timeZone": "Europe/London",
        "labels": [{"name": "queue", "path": "$.q", "names": {"1f0c": "Billing", "8b7d": "Returns"}, "otherwise": "Reject"}],
        "measures": [{"name": "offered", "path": "$.n"}]}}})
}

fn with(mut feed: Value, members: Value) -> Value {
    feed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    feed
}

fn rows(second: &str) -> Reply {
    let second = if second.is_empty() { String::new() } else { format!(",{second}") };
    Reply::json(format!(r#"{{"rows":[{GOOD}{second}]}}"#))
}

/// A fault of the whole answer: `broken` instead of the sound one.
fn answer(name: &'static str, members: Value, broken: Reply, shows: Shows) -> Fault {
    let script = move |_: &Asked, is_broken: bool| if is_broken { broken.clone() } else { rows("") };
    Fault { name, feed: with(by_json(), members), script: Box::new(script), shows }
}

/// A fault of the row beside the good one.
fn row(name: &'static str, broken: &'static str, reason: &'static str) -> Fault {
    let script = move |_: &Asked, is_broken: bool| {
        rows(if is_broken { broken } else { r#"{"at":"2026-04-09T21:30:00Z","q":"8b7d","n":8}"# })
    };
    Fault { name, feed: by_json(), script: Box::new(script), shows: Shows::Aside(reason) }
}

/// A fault of a file in another format.
fn file(name: &'static str, format: Value, broken: Vec<u8>, sound: Vec<u8>, shows: Shows) -> Fault {
    let script =
        move |_: &Asked, is_broken: bool| Reply::answer("200 OK", &[], if is_broken { &broken } else { &sound });
    Fault { name, feed: json!({"format": format}), script: Box::new(script), shows }
}

/// A fault of a report: what the question answers, and what the download does.
fn report(name: &'static str, state: &'static str, file: &'static str, shows: Shows) -> Fault {
    let job = json!({"start": {"url": "URL/make", "json": "{}", "handle": "$.id"},
        "ask": {"url": "URL/made/{handle}", "state": "$.state", "done": ["done"], "failed": ["failed"], "atMost": "1m"},
        "fetch": {"url": "URL/file/{handle}"}});
    let script = move |asked: &Asked, is_broken: bool| match asked.target.split('/').nth(1) {
        Some("make") => Reply::json(r#"{"id":"7"}"#),
        Some("made") => Reply::json(format!(r#"{{"state":"{}"}}"#, if is_broken { state } else { "done" })),
        _ if is_broken => Reply::answer(file, &[], ""),
        _ => rows(""),
    };
    Fault { name, feed: with(by_json(), json!({"job": job})), script: Box::new(script), shows }
}

const TABLE: &str = "Queue,Start,Offered\nBilling,2026-04-09T21:00:00Z,7\n";

fn csv() -> Value {
    json!({"start": {"columns": ["Start"]}, "labels": [{"name": "queue", "column": "Queue", "names": {"Billing": "Billing"}, "otherwise": "Reject"}],
        "measures": [{"name": "offered", "column": "Offered"}]})
}

fn book(sheet: &str) -> Vec<u8> {
    let cell = |place: &str, text: &str| format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let line = |number: u32, texts: [&str; 3]| {
        let cells: String =
            texts.iter().zip(["A", "B", "C"]).map(|(text, column)| cell(&format!("{column}{number}"), text)).collect();
        format!(r#"<row r="{number}">{cells}</row>"#)
    };
    let rows = [line(1, ["Queue", "Start", "Offered"]), line(2, ["Billing", "2026-04-09T21:00:00Z", "7"])].concat();
    workbook(&[(sheet, &rows)])
}

fn faults() -> Vec<Fault> {
    use Shows::{Aside, Fails, Never};
    let json = |text: &str| Reply::json(text);
    let sheet = json!({"xlsx": with(csv(), json!({"sheet": "Data"}))});
    let cursor = json!({"pagination": {"cursor": {"path": "$.next", "parameter": "cursor"}}});
    let paged = format!(r#"{{"rows":[{GOOD}],"next":"2"}}"#);
    let oauth = json!({"auth": {"oauth2": {"tokenUrl": "URL/token", "clientIdSecretRef": {"name": "acme", "key": "id"},
        "clientSecretSecretRef": {"name": "acme", "key": "secret"}}}, "pagination": {"nextUrl": {"path": "$.next"}}});
    let token = move |asked: &Asked, is_broken: bool| match asked.target.split('?').next() {
        Some("/token") => Reply::json(r#"{"access_token":"t","expires_in":3600}"#),
        Some("/two") if is_broken => Reply::answer("401 Unauthorized", &[], ""),
        Some("/two") => Reply::json(r#"{"rows":[]}"#),
        _ => Reply::json(format!(r#"{{"rows":[{GOOD}],"next":"/two"}}"#)),
    };
    let sound = TABLE.as_bytes().to_vec();
    let half = gzip(TABLE.repeat(200).as_bytes());
    vec![
        Fault {
            name: "a token that ends in the middle of paging, and no new one is taken",
            feed: with(by_json(), oauth),
            script: Box::new(token),
            shows: Fails(Reason::Auth),
        },
        report("a report that failed", "failed", "200 OK", Fails(Reason::JobFailed)),
        report("a report that never ends", "working", "200 OK", Fails(Reason::JobStuck)),
        report("a download link that expired", "done", "410 Gone", Fails(Reason::LinkExpired)),
        file(
            "a file that is half written",
            json!({"unpack": "Gzip", "csv": csv()}),
            half[..half.len() / 2].to_vec(),
            gzip(TABLE.as_bytes()),
            Fails(Reason::Malformed),
        ),
        file(
            "a zip bomb",
            json!({"unpack": "Zip", "csv": csv()}),
            zipped([("a.csv", vec![b'0'; 30_000_000].as_slice())]),
            zipped([("a.csv", TABLE.as_bytes())]),
            Fails(Reason::TooLarge),
        ),
        file("a sheet that was renamed", sheet, book("Data (2)"), book("Data"), Fails(Reason::Mapping)),
        file(
            "a column that was renamed",
            json!({"csv": csv()}),
            TABLE.replace("Offered", "Calls").into_bytes(),
            sound.clone(),
            Fails(Reason::Mapping),
        ),
        file(
            "a column that moved",
            json!({"csv": csv()}),
            b"Start,Offered,Queue\n2026-04-09T21:00:00Z,7,Billing\n".to_vec(),
            sound.clone(),
            Never,
        ),
        file(
            "a line of totals in another language",
            json!({"csv": csv()}),
            format!("{TABLE}Gesamtsumme,2026-04-09T21:00:00Z,7\n").into_bytes(),
            format!("{TABLE}Billing,2026-04-09T21:30:00Z,8\n").into_bytes(),
            Aside("Mapping"),
        ),
        file(
            "XML with a document type",
            json!({"xml": {"rows": "$.r.row[*]", "start": "$.at", "measures": [{"name": "offered", "path": "$.n"}]}}),
            br#"<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><row><at>&e;</at></row></r>"#.to_vec(),
            b"<r><row><at>2026-04-09T21:00:00Z</at><n>7</n></row></r>".to_vec(),
            Fails(Reason::Malformed),
        ),
        answer("a cursor that repeats", cursor, json(&paged), Fails(Reason::Malformed)),
        answer(
            "an error with status 200",
            json!({"failWhen": {"path": "$.errors"}}),
            json(r#"{"errors":[{"message":"no such field"}],"rows":[]}"#),
            Fails(Reason::Malformed),
        ),
        answer(
            "a page for people",
            json!({}),
            Reply::answer("200 OK", &[("Content-Type", "text/html")], "<html>"),
            Fails(Reason::Malformed),
        ),
        answer("a redirect", json!({}), Reply::answer("302 Found", &[("Location", "/v2")], ""), Fails(Reason::Status)),
        answer(
            "too many requests",
            json!({}),
            Reply::answer("429 Too Many Requests", &[("Retry-After", "1")], ""),
            Fails(Reason::RateLimited),
        ),
        answer(
            "a member that was renamed",
            json!({}),
            json(r#"{"rows":[{"begin":"2026-04-09T21:00:00Z","q":"1f0c","n":7}]}"#),
            Fails(Reason::Mapping),
        ),
        answer("a list that is gone", json!({}), json(r#"{"data":[]}"#), Fails(Reason::Mapping)),
        Fault {
            name: "a total that does not match",
            feed: with(by_json(), json!({"pagination": {"nextUrl": {"path": "$.next"}, "total": "$.total"}})),
            script: Box::new(|_, is_broken| {
                Reply::json(format!(r#"{{"rows":[{GOOD}],"total":{}}}"#, if is_broken { 5 } else { 1 }))
            }),
            shows: Fails(Reason::Malformed),
        },
        row(
            "a night in which the clock changes",
            r#"{"at":"2026-03-29T01:30:00","q":"1f0c","n":8}"#,
            "NonexistentTime",
        ),
        row("a queue that was renamed", r#"{"at":"2026-04-09T21:30:00Z","q":"Returns (new)","n":8}"#, "Mapping"),
        row("an id without a name", r#"{"at":"2026-04-09T21:30:00Z","q":"00ff","n":8}"#, "Mapping"),
        row("a figure that is none", r#"{"at":"2026-04-09T21:30:00Z","q":"8b7d","n":"8x"}"#, "Malformed"),
        row("a row of tomorrow", r#"{"at":"2026-04-20T21:30:00Z","q":"8b7d","n":8}"#, "InFuture"),
    ]
}

async fn lives_through(fault: Fault) {
    let (name, shows) = (fault.name, fault.shows);
    let is_broken = Arc::new(AtomicBool::new(true));
    let server = Server::start({
        let (is_broken, script) = (is_broken.clone(), fault.script);
        move |asked| script(asked, is_broken.load(Ordering::SeqCst))
    })
    .await;
    let source = MemorySource::default();
    source.put("team", "acme", &server.address.to_string(), &[("id", "id"), ("secret", CANARY)]);
    let mut feed = with(json!({"name": "acd", "timeout": "5s", "cadence": "30m"}), fault.feed);
    if feed.get("job").is_none() {
        feed["url"] = json!(server.url("/v1"));
    }
    let feed: Feed = serde_json::from_str(&feed.to_string().replace("URL", &server.url(""))).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, rehearsal(1_000.0), Arc::new(source));
    let term_start = "2026-03-01T00:00:00Z".parse().unwrap();
    let task =
        FeedTask { feed: feed.into(), term_start, time_zone: "UTC".into(), ..task("uid-1", &server.url("/"), "") };
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    let reason = || running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason);
    let offered = async || -> Vec<String> {
        let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
        rows.iter().map(|row| row.measures["offered"].to_string()).collect()
    };
    match shows {
        Shows::Fails(expected) => {
            eventually(name, async || reason() == Some(expected)).await;
            assert_eq!(offered().await, Vec::<String>::new(), "{name}");
        }
        Shows::Aside(expected) => {
            eventually(name, async || offered().await == ["7"]).await;
            let aside = running.store.rejected("uid-1", "acd", 10).await.unwrap();
            assert!(!aside.is_empty() && aside.iter().all(|row| row.reason == expected), "{name}: {aside:?}");
        }
        Shows::Never => eventually(name, async || offered().await == ["7"]).await,
    }
    is_broken.store(false, Ordering::SeqCst);
    let healed: &[&str] = if matches!(shows, Shows::Aside(_)) { &["7", "8"] } else { &["7"] };
    eventually(name, async || offered().await == healed && reason() == Some(Reason::Fetched)).await;
    running.end().await;
}

#[tokio::test]
async fn twenty_faults_of_platforms_have_a_reason_bring_no_wrong_row_and_heal() {
    let mut faults = faults();
    assert!(faults.len() >= 20);
    // Four at a time, so that the whole table is lived through within seconds.
    while !faults.is_empty() {
        let some = faults.split_off(faults.len().saturating_sub(4));
        futures::future::join_all(some.into_iter().map(lives_through)).await;
    }
}
