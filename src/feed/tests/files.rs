//! Files of a folder, through the scheduler and a real store, against a server that lists as S3 does and verifies each signature.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::platforms::{Sample, Wrongs, must, sample, source};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server};
use crate::api::condition::Reason;
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::domain::measuring::row::Row;
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::feed::scheduler::FeedTask;

pub(super) fn s3_reports() -> Sample {
    sample!(
        "s3-connect-reports",
        "answer-1-listing.xml",
        "answer-2-listing.xml",
        "answer-3-a.csv",
        "answer-3-b.csv",
        "answer-3-c.csv"
    )
}

/// What is wrong with the signature of a request, by the rules that AWS documents: computed from what was sent alone.
fn wrong_signature(asked: &Asked, secret: &str) -> Option<String> {
    let authorization = asked.header("authorization")?;
    let field = |name: &str| {
        let value = authorization.split([' ', ',']).find_map(|part| part.strip_prefix(&format!("{name}=")));
        value.unwrap_or_default().to_owned()
    };
    let (names, signature, credential) = (field("SignedHeaders"), field("Signature"), field("Credential"));
    let scope: Vec<&str> = credential.split('/').skip(1).collect();
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let headers: String =
        names.split(';').map(|name| format!("{name}:{}\n", asked.header(name).unwrap_or_default())).collect();
    let body = hexadecimal(Sha256::digest(asked.body.as_bytes()));
    let request = format!("GET\n{path}\n{}\n{headers}\n{names}\n{body}", pairs.join("&"));
    let time = asked.header("x-amz-date").unwrap_or_default();
    let digest = hexadecimal(Sha256::digest(request.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{digest}", scope.join("/"));
    let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in &scope {
        key = sign(&key, part).as_ref().to_vec();
    }
    let expected = hexadecimal(sign(&key, &text).as_ref());
    let is_right = expected == signature
        && names == "host;x-amz-content-sha256;x-amz-date"
        && asked.header("x-amz-content-sha256") == Some(body)
        && scope.get(1..) == Some(&["eu-central-1", "s3", "aws4_request"][..]);
    (!is_right).then(|| format!("{authorization} for {request}"))
}

/// The latest figures of each key.
pub(super) fn latest(rows: &[Row]) -> BTreeMap<String, Value> {
    let mut latest = BTreeMap::new();
    for row in rows {
        let measures: BTreeMap<&String, String> =
            row.measures.iter().map(|(name, value)| (name, value.normalize().to_string())).collect();
        let key = format!("{} {} {}", json!(row.start), json!(row.end), json!(row.labels));
        latest.insert(key, json!(measures));
    }
    latest
}

/// The rows that a sample must give, as [`latest`] writes them.
pub(super) fn expected(sample: &Sample) -> BTreeMap<String, Value> {
    let row = |(key, measures): (String, BTreeMap<String, rust_decimal::Decimal>)| {
        let texts = measures.into_iter().map(|(name, value)| (name, value.normalize().to_string()));
        (key, json!(texts.collect::<BTreeMap<String, String>>()))
    };
    sample.expected_rows().into_iter().map(row).collect()
}

#[tokio::test]
async fn reports_of_connect_in_a_bucket_give_the_expected_rows_and_no_file_is_read_twice() {
    let (sample, wrongs) = (s3_reports(), Wrongs::default());
    let (answers, log, files) = (sample.answers.clone(), wrongs.clone(), sample.expected["files"].clone());
    let server = Server::start(move |asked| {
        must(&log, "signature", &wrong_signature(asked, "canary-secret"), &None);
        let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if url.path() == "/" {
            must(&log, "list-type", &query.get("list-type").map(String::as_str), &Some("2"));
            must(&log, "prefix", &query.get("prefix").map(String::as_str), &Some("reports/queue30/"));
            let token = query.get("continuation-token").map(String::as_str);
            must(&log, "token", &token.is_none_or(|token| token == "1madeUpToken/+next=="), &true);
            let page = usize::from(token.is_some());
            return Reply::answer("200 OK", &[("Content-Type", "application/xml")], answers[page]);
        }
        let name = asked.target.trim_start_matches('/').replace("%20", " ").replace("%3A", ":");
        let file = files.get(&name).and_then(Value::as_str).map(str::to_owned);
        must(&log, "a file that is not to be fetched", &file.is_some(), &true);
        let place = ["answer-3-a.csv", "answer-3-b.csv", "answer-3-c.csv"]
            .iter()
            .position(|known| Some(*known) == file.as_deref());
        Reply::answer("200 OK", &[("Content-Type", "text/csv")], answers[2 + place.unwrap_or(0)])
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::rehearsal("2026-01-05T13:00:00Z".parse().unwrap(), 1_000.0).unwrap();
    let running = Running::start_with(&directory, clock, Arc::new(source(&server)));
    let task = FeedTask {
        feed: sample.feed_at(&server).into(),
        term_start: "2026-01-05T00:00:00Z".parse().unwrap(),
        time_zone: "UTC".into(),
        ..task("uid-1", &server.url("/"), "")
    };
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    let listings = || server.asked().iter().filter(|asked| asked.target.starts_with("/?")).count();
    eventually("three turns", async || listings() >= 6).await;
    assert_eq!(*wrongs.lock().unwrap(), Vec::<String>::new());
    assert_eq!(server.asked().len() - listings(), 3, "each file is read once");
    let rows = running.store.rows("uid-1", "reports", 0).await.unwrap();
    assert_eq!(latest(&rows), expected(&sample));
    let superseded = &sample.expected["superseded"][0]["measures"];
    let before = rows.iter().find(|row| row.revision == 1 && row.labels["queue"] == "Billing").unwrap();
    assert_eq!(before.measures["answered"].to_string(), superseded["answered"].to_string());
    assert_eq!(rows.iter().filter(|row| row.revision == 2).count(), 1, "the same figures again are not a revision");
    running.end().await;
}

/// A file of a bucket: its content, its version, when it was changed.
#[derive(Clone)]
struct Object(String, &'static str, &'static str);

#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Object>>>);

impl Bucket {
    fn put(&self, name: &str, offered: &str, etag: &'static str) {
        let object = Object(csv(offered), etag, "2026-04-09T00:00:00.000Z");
        self.0.lock().unwrap().insert(name.to_owned(), object);
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Object)) {
        change(self.0.lock().unwrap().get_mut(name).unwrap());
    }

    async fn serve(&self) -> Server {
        let bucket = self.clone();
        Server::start(move |asked| bucket.answer(asked)).await
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let objects = self.0.lock().unwrap();
        if asked.target.starts_with("/?") {
            let item = |(name, Object(content, etag, modified)): (&String, &Object)| {
                format!(
                    "<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><ETag>\"{etag}\"</ETag><Size>{}</Size></Contents>",
                    content.len()
                )
            };
            let items: String = objects.iter().map(item).collect();
            return Reply::answer(
                "200 OK",
                &[],
                format!("<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"),
            );
        }
        match objects.get(asked.target.trim_start_matches('/')) {
            Some(Object(content, ..)) if content != "gone" => {
                Reply::answer("200 OK", &[("Content-Type", "text/csv")], content)
            }
            _ => Reply::answer("404 Not Found", &[], ""),
        }
    }
}

fn csv(offered: &str) -> String {
    format!("Start,Offered\n2026-04-09T09:00:00Z,{offered}\n")
}

fn folder(server: &Server) -> FeedTask {
    let feed: Feed = serde_json::from_value(json!({"name": "acd", "url": server.url("/"), "timeout": "5s",
        "files": {"list": "S3", "name": "calls-{made:%Y%m%d-%H%M}.csv"},
        "format": {"csv": {"start": {"columns": ["Start"]}, "measures": [{"name": "offered", "column": "Offered"}]}}}))
    .unwrap();
    let term_start = "2026-04-09T00:00:00Z".parse().unwrap();
    FeedTask { feed: feed.into(), term_start, time_zone: "UTC".into(), ..task("uid-1", &server.url("/"), "") }
}

async fn offered(running: &Running) -> Vec<String> {
    let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
    rows.iter().map(|row| row.measures["offered"].to_string()).collect()
}

fn reason(running: &Running) -> Option<Reason> {
    running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason)
}

fn message(running: &Running) -> String {
    running.scheduler.health_of("uid-1").get("acd").map(|health| health.message.clone()).unwrap_or_default()
}

#[tokio::test]
async fn the_time_in_a_name_ranks_what_files_say_and_a_file_that_changed_is_read_again() {
    let bucket = Bucket::default();
    bucket.put("calls-20260409-1000.csv", "97", "a");
    bucket.put("calls-20260409-1200.csv", "99", "b");
    bucket.put("other-20260409-1200.csv", "1", "c");
    let server = bucket.serve().await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![folder(&server)]);
    eventually("both files", async || offered(&running).await == ["97", "99"]).await;
    // A file that comes late, and was made before: what was said after it stays.
    bucket.put("calls-20260409-1100.csv", "98", "d");
    let read = |name: &str| server.asked().iter().filter(|asked| asked.target.ends_with(name)).count();
    eventually("the late file", async || read("1100.csv") == 1).await;
    // One that is written again is read again.
    bucket.put("calls-20260409-1200.csv", "100", "e");
    eventually("the file that changed", async || offered(&running).await == ["97", "99", "100"]).await;
    assert_eq!((read("1000.csv"), read("1100.csv"), read("1200.csv"), read("other-20260409-1200.csv")), (1, 1, 2, 0));
    running.end().await;
    // A restart knows what was read.
    let (turns, before) = (server.asked().len(), read("calls-20260409-1200.csv"));
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![folder(&server)]);
    eventually("two turns", async || server.asked().len() >= turns + 2).await;
    assert_eq!((read("1000.csv"), read("calls-20260409-1200.csv")), (1, before));
    running.end().await;
}

#[tokio::test]
async fn a_file_that_is_still_written_waits_and_so_do_those_after_it() {
    let bucket = Bucket::default();
    bucket.put("calls-20260409-1000.csv", "97", "a");
    bucket.put("calls-20260409-1200.csv", "99", "b");
    bucket.change("calls-20260409-1000.csv", |object| object.2 = "2026-12-01T00:00:00Z");
    let server = bucket.serve().await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    running.scheduler.set_feeds_of("uid-1", vec![folder(&server)]);
    eventually("some turns", async || server.asked().len() >= 3).await;
    assert!(server.asked().iter().all(|asked| asked.target.starts_with("/?")), "no file is read");
    assert_eq!((offered(&running).await, reason(&running)), (vec![], Some(Reason::Fetched)));
    bucket.change("calls-20260409-1000.csv", |object| object.2 = "2026-04-09T00:00:00Z");
    eventually("both files", async || offered(&running).await == ["97", "99"]).await;
    running.end().await;
}

#[tokio::test]
async fn faults_of_folders_name_the_file_keep_what_was_read_before_it_and_heal() {
    type Change = fn(&mut Object);
    let cases: [(&str, Change, Change, Reason, &str); 4] = [
        (
            "gone between the listing and the fetch",
            |file| file.0 = "gone".into(),
            |file| *file = Object(csv("99"), "f", file.2),
            Reason::Status,
            "404",
        ),
        (
            "another format",
            |file| file.0 = "<html>sign in</html>".into(),
            |file| *file = Object(csv("99"), "f", file.2),
            Reason::Malformed,
            "not CSV",
        ),
        (
            "a column renamed",
            |file| file.0 = csv("99").replace("Offered", "Calls"),
            |file| *file = Object(csv("99"), "f", file.2),
            Reason::Mapping,
            "there is no column",
        ),
        (
            "no row that can be used",
            |file| file.0 = csv("many"),
            |file| *file = Object(csv("99"), "f", file.2),
            Reason::Malformed,
            "none of 1 rows",
        ),
    ];
    for (what, breaks, heals, expected, fragment) in cases {
        let bucket = Bucket::default();
        bucket.put("calls-20260409-1000.csv", "97", "a");
        bucket.put("calls-20260409-1200.csv", "99", "b");
        bucket.change("calls-20260409-1200.csv", breaks);
        let server = bucket.serve().await;
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&directory, rehearsal(1_000.0));
        running.scheduler.set_feeds_of("uid-1", vec![folder(&server)]);
        eventually(what, async || reason(&running) == Some(expected)).await;
        assert!(message(&running).contains(fragment), "{what}: {}", message(&running));
        assert_eq!(offered(&running).await, ["97"], "{what}");
        bucket.change("calls-20260409-1200.csv", heals);
        eventually("it heals", async || offered(&running).await == ["97", "99"]).await;
        eventually("it is healthy", async || reason(&running) == Some(Reason::Fetched)).await;
        running.end().await;
    }
}

#[tokio::test]
async fn names_that_no_longer_fit_and_listings_that_are_none_are_failures() {
    let listing = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    let renamed = "<ListBucketResult><Contents><Key>anrufe-20260409.csv</Key></Contents></ListBucketResult>";
    for (what, status, body, expected) in [
        ("renamed", "200 OK", renamed, Reason::Mapping),
        ("a circle", "200 OK", listing, Reason::Malformed),
        ("half a listing", "200 OK", &listing[..60], Reason::Malformed),
        ("denied", "403 Forbidden", "<Error/>", Reason::Auth),
    ] {
        let body = body.to_owned();
        let server = Server::start(move |_| Reply::answer(status, &[], &body)).await;
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(&directory, rehearsal(1_000.0));
        running.scheduler.set_feeds_of("uid-1", vec![folder(&server)]);
        eventually(what, async || reason(&running) == Some(expected)).await;
        assert_eq!(offered(&running).await, Vec::<String>::new(), "{what}");
        running.end().await;
    }
}

#[tokio::test]
async fn a_page_of_links_is_a_folder_too() {
    let page = r#"<pre><a href="../">../</a> <a href="calls-20260409-1000.csv">calls</a> 09-Apr-2026 10:15 40
        <a href="calls-20260409-1200.csv">calls</a> 09-Apr-2026 12:15 40</pre>"#;
    let server = Server::start(move |asked| match asked.target.as_str() {
        "/reports/" => Reply::answer("200 OK", &[("Content-Type", "text/html")], page),
        "/reports/calls-20260409-1000.csv" => Reply::answer("200 OK", &[], csv("97")),
        // It is being written: its last change lies ahead of the rehearsal.
        _ => Reply::answer("200 OK", &[("Last-Modified", "Tue, 01 Dec 2026 00:00:00 GMT")], csv("99")),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_000.0));
    let mut task = folder(&server);
    task.feed.url = server.url("/reports/");
    task.feed.files.iter_mut().for_each(|files| files.list = crate::api::feed::Listing::Index);
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    eventually("the first file", async || offered(&running).await == ["97"]).await;
    let turns = server.asked().len();
    eventually("more turns", async || server.asked().len() >= turns + 4).await;
    assert_eq!((offered(&running).await, reason(&running)), (vec!["97".to_owned()], Some(Reason::Fetched)));
    running.end().await;
}
