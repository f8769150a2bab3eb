//! A bucket of a real S3 server, which verifies each signature and lists in pages.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::polling::{Running, eventually, rehearsal, task};
use super::server::gzip;
use crate::api::condition::Reason;
use crate::feed::scheduler::FeedTask;
use crate::outbound::credentials::tests::MemorySource;

const SECRET: &str = "canary-secret";
const OLD: &str = "2026-04-09T23:00:00Z";

/// What happens to an object just before it is given out: its name, and what it holds from then on.
type Change = Arc<Mutex<Option<(String, Vec<u8>)>>>;

/// The server, with the bucket `acme`. Ends when it is dropped.
struct Store {
    address: SocketAddr,
    directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    change: Change,
    worker: tokio::task::JoinHandle<()>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Store {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("acme")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("canary-id", SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, change) = (Arc::new(Mutex::new(Vec::new())), Change::default());
        let bucket = directory.path().join("acme");
        let worker = tokio::spawn({
            let (asked, change) = (asked.clone(), change.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (service, asked, change, bucket) =
                        (service.clone(), asked.clone(), change.clone(), bucket.clone());
                    let answer = service_fn(move |request: hyper::Request<Incoming>| {
                        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
                        let mut waiting = change.lock().unwrap();
                        if let Some((name, content)) =
                            waiting.take_if(|(name, _)| target.ends_with(&name.replace(' ', "%20")))
                        {
                            write(&bucket, &name, &content, "2026-04-09T23:30:00Z");
                        }
                        asked.lock().unwrap().push(target);
                        Service::call(&service, request)
                    });
                    let connection =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                    tokio::spawn(connection);
                }
            }
        });
        Store { address, directory, asked, change, worker }
    }

    fn put(&self, name: &str, content: &[u8], changed: &str) {
        write(&self.directory.path().join("acme"), name, content, changed);
    }

    /// How often something was asked for whose address holds `part`.
    fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|target| target.contains(part)).count()
    }

    /// How often an object was asked for whose name holds `part`. Tokens of further pages hold names, too.
    fn read(&self, part: &str) -> usize {
        let is_object = |target: &&String| target.contains(part) && !target.contains("list-type=2");
        self.asked.lock().unwrap().iter().filter(is_object).count()
    }

    /// A feed of the bucket, asked for pages of two names.
    fn feed(&self, format: &Value) -> FeedTask {
        let reference = |key: &str| json!({"name": "reports", "key": key});
        let url = format!("http://{}/acme/", self.address);
        let feed = json!({"name": "acd", "url": url, "timeout": "5s", "format": format,
            "request": {"query": [{"name": "max-keys", "value": "2"}]},
            "files": {"list": "S3", "prefix": "reports/queue 30/", "name": "calls-{made:%Y%m%d-%H%M}.csv.gz"},
            "auth": {"awsSigV4": {"region": "eu-central-1", "service": "s3", "accessKeyIdSecretRef": reference("id"),
                "secretAccessKeySecretRef": reference("secret")}}});
        FeedTask {
            feed: serde_json::from_value(feed).unwrap(),
            term_start: "2026-04-09T00:00:00Z".parse().unwrap(),
            time_zone: "UTC".into(),
            ..task("uid-1", &url, "")
        }
    }

    fn source(&self, secret: &str) -> Arc<MemorySource> {
        let source = MemorySource::default();
        self.keys(&source, secret);
        Arc::new(source)
    }

    fn keys(&self, source: &MemorySource, secret: &str) {
        source.put("team", "reports", &self.address.to_string(), &[("id", "canary-id"), ("secret", secret)]);
    }
}

fn write(bucket: &std::path::Path, name: &str, content: &[u8], changed: &str) {
    let path = bucket.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let changed = SystemTime::from(changed.parse::<Timestamp>().unwrap());
    File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
}

fn format() -> Value {
    json!({"unpack": "Gzip", "csv": {"start": {"columns": ["Start"]}, "measures": [{"name": "offered", "column": "Offered"}]}})
}

/// A file with one row of half an hour of 9 April.
fn file(start: &str, offered: u32) -> Vec<u8> {
    gzip(format!("Start,Offered\n2026-04-09T{start}:00Z,{offered}\n").as_bytes())
}

async fn offered(running: &Running) -> Vec<String> {
    let rows = running.store.rows("uid-1", "acd", 0).await.unwrap();
    rows.iter().map(|row| row.measures["offered"].to_string()).collect()
}

fn reason(running: &Running) -> Option<Reason> {
    running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason)
}

#[tokio::test]
async fn a_bucket_is_listed_in_pages_by_its_prefix_and_each_packed_file_is_read_once() {
    let store = Store::start().await;
    for (number, time) in ["0900", "0930", "1000", "1030", "1100"].iter().enumerate() {
        let start = format!("{}:{}", &time[..2], &time[2..]);
        let offered = u32::try_from(90 + number).unwrap();
        store.put(&format!("reports/queue 30/calls-20260409-{time}.csv.gz"), &file(&start, offered), OLD);
    }
    store.put("reports/queue 30/readme.txt", b"not one of them", OLD);
    store.put("reports/other/calls-20260409-0900.csv.gz", b"outside of the prefix", OLD);
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, rehearsal(1_000.0), store.source(SECRET));
    running.scheduler.set_feeds_of("uid-1", vec![store.feed(&format())]);
    eventually("all files", async || offered(&running).await == ["90", "91", "92", "93", "94"]).await;
    // Six names are three pages, the second and third of them by tokens.
    let listings = store.asked("list-type=2");
    eventually("two more turns", async || store.asked("list-type=2") >= listings + 6).await;
    running.end().await;
    let running = Running::start_with(&directory, rehearsal(1_000.0), store.source(SECRET));
    running.scheduler.set_feeds_of("uid-1", vec![store.feed(&format())]);
    let listings = store.asked("list-type=2");
    eventually("two turns after a restart", async || store.asked("list-type=2") >= listings + 6).await;
    let firsts = store.asked("list-type=2") - store.asked("continuation-token");
    assert!(
        store.asked("continuation-token").abs_diff(2 * firsts) <= 4,
        "{firsts} turns: {:?}",
        store.asked.lock().unwrap()
    );
    assert_eq!((store.read(".csv.gz"), store.read("/other/"), store.read("readme")), (5, 0, 0));
    assert_eq!(reason(&running), Some(Reason::Fetched));
    running.end().await;
}

#[tokio::test]
async fn an_object_that_changes_between_the_listing_and_its_reading_ends_as_what_it_holds_at_last() {
    let store = Store::start().await;
    let name = "calls-20260409-0900.csv.gz";
    let path = format!("reports/queue 30/{name}");
    store.put(&path, &file("09:00", 97), OLD);
    *store.change.lock().unwrap() = Some((path.clone(), file("09:00", 98)));
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, rehearsal(1_000.0), store.source(SECRET));
    running.scheduler.set_feeds_of("uid-1", vec![store.feed(&format())]);
    eventually("it is read again", async || store.read(name) >= 2).await;
    let listings = store.asked("list-type=2");
    eventually("two more turns", async || store.asked("list-type=2") >= listings + 2).await;
    assert_eq!((offered(&running).await, store.read(name)), (vec!["98".to_owned()], 2));
    store.put(&path, &file("09:00", 99), "2026-04-09T23:45:00Z");
    eventually("the next version", async || offered(&running).await == ["98", "99"]).await;
    running.end().await;
}

#[tokio::test]
async fn a_wrong_key_and_a_bucket_that_is_not_there_have_their_reasons_and_heal() {
    let store = Store::start().await;
    store.put("reports/queue 30/calls-20260409-0900.csv.gz", &file("09:00", 97), OLD);
    let source = store.source("another secret");
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, rehearsal(1_000.0), source.clone());
    running.scheduler.set_feeds_of("uid-1", vec![store.feed(&format())]);
    eventually("the signature is refused", async || reason(&running) == Some(Reason::Auth)).await;
    assert_eq!(offered(&running).await, Vec::<String>::new());
    store.keys(&source, SECRET);
    eventually("the right key", async || offered(&running).await == ["97"]).await;
    let mut elsewhere = store.feed(&format());
    elsewhere.feed.url = elsewhere.feed.url.replace("acme", "gone");
    running.scheduler.set_feeds_of("uid-1", vec![elsewhere]);
    eventually("no such bucket", async || reason(&running) == Some(Reason::Status)).await;
    running.scheduler.set_feeds_of("uid-1", vec![store.feed(&format())]);
    eventually("the right bucket", async || reason(&running) == Some(Reason::Fetched)).await;
    assert_eq!(offered(&running).await, ["97"]);
    running.end().await;
}
