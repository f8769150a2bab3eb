use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::api::INBOX_ANNOTATION;
use crate::api::condition::Reason;
use crate::clock::Clock;
use crate::evidence::EvidenceStore;
use crate::evidence::sqlite::SqliteStore;
use crate::feed::scheduler::{ClocksAgree, FeedTask, RowQuota, Scheduler};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::guard::AddressPolicy;
use crate::web::door::{self, Certificate};

#[test]
fn an_address_names_a_feed_and_nothing_else() {
    for (path, expected) in [
        ("/v1/inbox/team/care/acd", Some(("team", "care", "acd"))),
        ("/v1/inbox/team/care", None),
        ("/v1/inbox/team/care/acd/more", None),
        ("/v1/inbox/team//acd", None),
        ("/v1/feeds/team/care/acd", None),
        ("/", None),
    ] {
        assert_eq!(names(path), expected, "{path}");
    }
}

#[test]
fn a_push_says_the_stretch_of_time_that_it_is_about_in_whole_or_not_at_all() {
    let at = |text: &str| text.parse().unwrap();
    let whole = Window { since: at("2026-01-05T09:00:00Z"), until: at("2026-01-05T10:00:00Z") };
    for (query, expected) in [
        ("", Ok(None)),
        ("from=mail", Ok(None)),
        ("since=2026-01-05T09:00:00Z&until=2026-01-05T10:00:00Z", Ok(Some(whole))),
        ("since=2026-01-05T10%3A00%3A00%2B01:00&until=2026-01-05T10:00:00Z&x", Ok(Some(whole))),
        ("since=2026-01-05T09:00:00Z", Err(NoStretch)),
        ("until=2026-01-05T09:00:00Z", Err(NoStretch)),
        ("since=2026-01-05T10:00:00Z&until=2026-01-05T09:00:00Z", Err(NoStretch)),
        ("since=2026-01-05T09:00:00Z&until=2026-01-05T09:00:00Z", Err(NoStretch)),
        ("since=yesterday&until=today", Err(NoStretch)),
    ] {
        assert_eq!(stretch(query), expected, "{query}");
    }
}

#[test]
fn a_token_comes_as_a_bearer_of_any_case() {
    for (value, expected) in [
        ("Bearer canary", Some("canary")),
        ("bearer  canary ", Some("canary")),
        ("Basic canary", None),
        ("Bearer", None),
        ("", None),
    ] {
        let headers: HeaderMap = [(AUTHORIZATION, HeaderValue::from_str(value).unwrap())].into_iter().collect();
        assert_eq!(bearer(&headers).as_deref(), expected.map(str::as_bytes), "{value:?}");
    }
    assert_eq!(bearer(&HeaderMap::new()), None);
}

/// What a process lacks.
struct Lacks(&'static [&'static str]);

impl Health for Lacks {
    fn missing(&self) -> Vec<String> {
        self.0.iter().map(|text| (*text).to_owned()).collect()
    }
}

const TOKEN: &str = "canary-token-of-the-inbox";
const NOW: &str = "2026-01-05T12:00:00Z";
/// A table without a time zone, whose times are those of the contract.
const CSV: &str = r#","format":{"csv":{"start":{"columns":["Start"],"format":"%Y-%m-%d %H:%M"},"labels":[{"name":"queue","column":"Queue"}],"measures":[{"name":"offered","column":"Offered"}]}}"#;

/// Calls, which are counted into the half hours of the stretch that a push is about.
const RECORDS: &str = r#","format":{"json":{"rows":"$[*]","records":{"at":"$.at","id":"$.id"},"measures":[{"name":"offered","count":{}}]}}"#;
/// An answer without a time, which is of the half hour that a push is about.
const SLOTS: &str =
    r#","format":{"json":{"rows":"$","time":"Window","measures":[{"name":"offered","path":"$.offered"}]}}"#;

/// An inbox over real HTTP, with a scheduler and a store behind it.
struct Running {
    address: std::net::SocketAddr,
    scheduler: Scheduler,
    store: Arc<dyn EvidenceStore>,
    clocks_agree: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn task(name: &str, members: &str, suspended: bool) -> FeedTask {
    let feed = format!(r#"{{"name":"{name}","cadence":"30m"{members}}}"#);
    FeedTask {
        contract_uid: "uid-1".into(),
        namespace: "team".into(),
        contract: "care".into(),
        feed: serde_json::from_str(&feed).unwrap(),
        term_start: "2026-01-01T00:00:00Z".parse().unwrap(),
        term_end: "2027-01-01T00:00:00Z".parse().unwrap(),
        time_zone: "UTC".into(),
        calendar: None,
        suspended,
    }
}

fn inbox_of(secret: &str) -> String {
    format!(r#","inbox":{{"tokenSecretRef":{{"name":"{secret}","key":"token"}}}}"#)
}

impl Running {
    async fn start(directory: &Path, lacks: &'static [&'static str], certificate: Option<Certificate>) -> Self {
        let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(directory).unwrap());
        let source = Arc::new(MemorySource::default());
        for (name, token) in
            [("acme", TOKEN), ("unmeant", TOKEN), ("short", "0123456789"), ("other", "canary-token-of-another")]
        {
            source.put("team", name, "", &[("token", token)]);
        }
        for name in ["acme", "short", "other"] {
            source.annotate("team", name, INBOX_ANNOTATION);
        }
        let client = Arc::new(FeedClient::new(AddressPolicy::new(Vec::new())));
        let clock = Clock::rehearsal(NOW.parse().unwrap(), 1.0).unwrap();
        let clocks_agree = Arc::new(AtomicBool::new(true));
        let agree: ClocksAgree = {
            let clocks_agree = clocks_agree.clone();
            Arc::new(move || clocks_agree.load(Ordering::SeqCst))
        };
        let scheduler = Scheduler::within(client, store.clone(), source.clone(), (clock, agree), RowQuota::default());
        let stop = CancellationToken::new();
        tokio::spawn({
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop).await }
        });
        let csv = |secret: &str| format!("{}{CSV}", inbox_of(secret));
        let tasks = vec![
            task("acd", &csv("acme"), false),
            task("native", &inbox_of("acme"), false),
            task("calls", &format!("{}{RECORDS}", inbox_of("acme")), false),
            task("slots", &format!("{}{SLOTS}", inbox_of("acme")), false),
            task("unmeant", &csv("unmeant"), false),
            task("short", &csv("short"), false),
            task("gone", &csv("gone"), false),
            task("pulled", r#","url":"https://feeds.acme.example""#, true),
        ];
        scheduler.set_feeds_of("uid-1", tasks);
        let process = Arc::new(WhenItWorks { inbox: OnceLock::new(), health: Arc::new(Lacks(lacks)) });
        let works_in: WorksIn = Box::new(|namespace| namespace != "afar");
        assert!(process.inbox.set((Inbox::new(scheduler.clone(), source).unwrap(), works_in)).is_ok());
        let answer = move |request| answer(process.clone(), request);
        let (address, _) = door::open("127.0.0.1:0".parse().unwrap(), certificate, answer, stop.clone()).await.unwrap();
        Running { address, scheduler, store, clocks_agree, stop }
    }

    /// Sends a request with these headers; returns the status, the head and the body of the answer.
    async fn send(&self, start: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{start} HTTP/1.1\r\nHost: inbox\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        // A server that refuses need not read on.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(!answer.contains("canary"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
        let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
        (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn push(&self, feed: &str, body: &[u8]) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        let (status, _, answer) =
            self.send(&format!("POST /v1/inbox/team/care/{feed}"), &[("Authorization", &bearer)], body).await;
        (status, answer)
    }

    async fn offered(&self, feed: &str) -> Vec<String> {
        let rows = self.store.rows("uid-1", feed, 0).await.unwrap();
        rows.iter().map(|row| format!("{} {}", row.start.strftime("%H:%M"), row.measures["offered"])).collect()
    }

    /// Waits until the health of a feed is so.
    async fn until(&self, feed: &str, reason: Reason) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.scheduler.health_of("uid-1").get(feed).map(|health| health.reason) != Some(reason) {
            assert!(Instant::now() < deadline, "{feed} is not {reason:?}: {:?}", self.scheduler.health_of("uid-1"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

const ROWS: &str = "Start,Queue,Offered\n2026-01-05 09:00,a,7\n2026-01-05 09:30,a,8\n";

#[tokio::test]
async fn a_push_is_taken_as_an_answer_of_its_feed_and_answered_with_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let counts = |answer: &Value| -> Vec<u64> {
        ["taken", "new", "corrected", "known"].iter().map(|name| answer[*name].as_u64().unwrap()).collect()
    };
    let (status, answer) = running.push("acd", ROWS.as_bytes()).await;
    assert_eq!((status, counts(&answer), &answer["repeat"]), (200, vec![2, 2, 0, 0], &json!(false)), "{answer}");
    let (status, answer) = running.push("acd", ROWS.as_bytes()).await;
    assert_eq!((status, &answer["repeat"]), (200, &json!(true)), "the same body again: {answer}");
    let corrected = format!("{}2026-01-05 10:00,a,x\n", ROWS.replace(",8", ",9"));
    let (status, answer) = running.push("acd", corrected.as_bytes()).await;
    assert_eq!((status, counts(&answer)), (200, vec![2, 0, 1, 1]), "{answer}");
    assert_eq!((&answer["setAside"], &answer["rows"][0]["reason"]), (&json!({"Malformed": 1}), &json!("Malformed")));
    assert_eq!(running.offered("acd").await, ["09:00 7", "09:30 8", "09:30 9"]);
    let native = json!({"schema": "bpo-feed/v1", "next": null, "rows": [{"start": "2026-01-05T09:00:00Z",
        "end": "2026-01-05T09:30:00Z", "measures": {"offered": 3}}]});
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, native.to_string().as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let headers = [
        ("Authorization", &*format!("bearer {TOKEN}")),
        ("Content-Encoding", "gzip"),
        ("Content-Type", "application/json"),
    ];
    let (status, _, answer) = running.send("POST /v1/inbox/team/care/native", &headers, &packed).await;
    assert_eq!((status, counts(&answer)), (200, vec![1, 1, 0, 0]), "{answer}");
    running.until("acd", Reason::Fetched).await;
    let asked_until = running.scheduler.health_of("uid-1")["acd"].asked_until;
    assert!(asked_until >= NOW.parse().ok(), "nothing waits anywhere: {asked_until:?}");
}

#[tokio::test]
async fn a_push_is_put_off_by_the_scheduler_while_the_clocks_differ() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let bearer = format!("Bearer {TOKEN}");
    running.clocks_agree.store(false, Ordering::SeqCst);
    let headers = [("Authorization", &*bearer)];
    let (status, head, answer) = running.send("POST /v1/inbox/team/care/acd", &headers, ROWS.as_bytes()).await;
    assert_eq!((status, head.contains("retry-after: 30")), (503, true), "{head} {answer}");
    assert_eq!(running.offered("acd").await, [""; 0]);
    assert!(running.store.feeds().await.unwrap().is_empty(), "nothing is kept of it");
    running.clocks_agree.store(true, Ordering::SeqCst);
    let (status, answer) = running.push("acd", ROWS.as_bytes()).await;
    assert_eq!((status, &answer["new"]), (200, &json!(2)), "{answer}");
}

#[tokio::test]
async fn records_and_rows_without_a_time_are_taken_for_the_stretch_that_a_push_is_about() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let call = |id: u32, time: &str| json!({"id": id, "at": format!("2026-01-05T{time}:00Z")});
    let between = |feed: &str, since: &str, until: &str| {
        format!("{feed}?since=2026-01-05T{since}:00Z&until=2026-01-05T{until}:00Z")
    };
    let all =
        json!([call(1, "09:05"), call(2, "09:25"), call(2, "09:25"), call(3, "09:40"), call(4, "10:10")]).to_string();
    let (status, answer) = running.push(&between("calls", "09:00", "10:00"), all.as_bytes()).await;
    assert_eq!((status, &answer["new"]), (200, &json!(2)), "{answer}");
    assert_eq!(
        running.offered("calls").await,
        ["09:00 2", "09:30 1"],
        "what lies outside of the stretch is not counted"
    );
    // The same file about another stretch says something else.
    let (status, answer) = running.push(&between("calls", "10:00", "10:30"), all.as_bytes()).await;
    assert_eq!((status, &answer["repeat"], &answer["new"]), (200, &json!(false), &json!(1)), "{answer}");
    let quiet = br#"{"offered": 0}"#;
    for (since, until) in [("09:00", "09:30"), ("09:30", "10:00")] {
        let (status, answer) = running.push(&between("slots", since, until), quiet).await;
        assert_eq!((status, &answer["new"]), (200, &json!(1)), "{answer}");
    }
    assert_eq!(running.offered("slots").await, ["09:00 0", "09:30 0"]);
    for (feed, said) in [
        ("calls".to_owned(), "?since=INSTANT&until=INSTANT"),
        (between("slots", "09:00", "10:00"), "one slot"),
        (between("native", "09:00", "10:00"), "leave since and until out"),
        (between("calls", "10:00", "09:00"), "the earlier one first"),
    ] {
        let (status, answer) = running.push(&feed, b"[]").await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((status, message.contains(said)), (422, true), "{feed}: {answer}");
    }
}

#[tokio::test]
async fn every_refusal_of_a_token_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let right = format!("Bearer {TOKEN}");
    let cases: [(&str, &[(&str, &str)]); 10] = [
        ("team/care/acd", &[]),
        ("team/care/acd", &[("Authorization", "Bearer canary-token-of-the-inboy")]),
        ("team/care/acd", &[("Authorization", "Bearer ")]),
        ("team/care/acd", &[("Authorization", "Basic canary-token-of-the-inbox")]),
        ("team/care/unmeant", &[("Authorization", &right)]),
        ("team/care/short", &[("Authorization", "Bearer 0123456789")]),
        ("team/care/gone", &[("Authorization", &right)]),
        ("team/care/pulled", &[("Authorization", &right)]),
        ("team/other/acd", &[("Authorization", &right)]),
        ("elsewhere/care/acd", &[("Authorization", &right)]),
    ];
    let mut answers = std::collections::BTreeSet::new();
    for (place, headers) in cases {
        let (status, head, answer) = running.send(&format!("POST /v1/inbox/{place}"), headers, ROWS.as_bytes()).await;
        let without_date: String = head.lines().filter(|line| !line.starts_with("date:")).collect();
        assert_eq!(status, 401, "{place} {headers:?}");
        answers.insert((without_date, answer.to_string()));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(running.offered("acd").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_push_that_is_refused_is_answered_with_the_reason_and_reported_until_a_good_one_comes() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let bearer = format!("Bearer {TOKEN}");
    let right = ("Authorization", bearer.as_str());
    let large = vec![b'x'; 10 * 1_024 * 1_024 + 1];
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b' '; 40 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let cases: [(&str, &[(&str, &str)], &[u8], u16, &str); 8] = [
        ("GET /v1/inbox/team/care/acd", &[right], b"", 405, "POST"),
        ("POST /v1/inbox/team/care", &[right], b"", 404, "NAMESPACE/CONTRACT/FEED"),
        ("POST /v1/inbox/team/care/acd", &[right, ("Content-Encoding", "br")], b"x", 415, "gzip"),
        ("POST /v1/inbox/team/care/acd", &[right], &large, 413, "larger than"),
        ("POST /v1/inbox/team/care/acd", &[right, ("Content-Encoding", "gzip")], &bomb, 413, "times its size"),
        ("POST /v1/inbox/team/care/acd", &[right, ("Content-Encoding", "gzip")], b"x", 422, "not a whole gzip"),
        ("POST /v1/inbox/team/care/acd", &[right], b"<html>sign in</html>", 422, "is not CSV"),
        ("POST /v1/inbox/team/care/acd", &[right], b"Start,Queue\n2026-01-05 09:00,a\n", 422, "Offered"),
    ];
    for (start, headers, body, status, fragment) in cases {
        let (found, _, answer) = running.send(start, headers, body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((found, message.contains(fragment)), (status, true), "{start} {headers:?}: {answer}");
    }
    running.until("acd", Reason::Mapping).await;
    // A turn of the feed that asks for nothing forgets nothing.
    running.scheduler.poll_now("uid-1", Some("acd"));
    tokio::task::yield_now().await;
    running.until("acd", Reason::Mapping).await;
    assert_eq!(running.push("acd", ROWS.as_bytes()).await.0, 200);
    running.until("acd", Reason::Fetched).await;
    assert_eq!(running.offered("acd").await.len(), 2);
}

#[tokio::test]
async fn pushes_are_taken_at_a_rate_and_a_process_that_does_not_know_its_contracts_yet_takes_none() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &[], None).await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    let mut statuses = Vec::new();
    for _ in 0..14 {
        let (status, head, _) = running.send("POST /v1/inbox/team/care/acd", &headers, ROWS.as_bytes()).await;
        assert_eq!(status == 429, head.contains("retry-after: "), "{head}");
        statuses.push(status);
    }
    assert!(statuses[..10].iter().all(|status| *status == 200) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(
        running.push("native", br#"{"schema":"bpo-feed/v1","rows":[],"next":null}"#).await.0,
        200,
        "another feed"
    );
    let other = tempfile::tempdir().unwrap();
    let starting = Running::start(other.path(), &["the contracts are not known yet"], None).await;
    let (status, head, _) = starting.send("POST /v1/inbox/team/care/unknown", &headers, b"").await;
    assert!(status == 503 && head.contains("retry-after: 5"), "{head}");
    let (status, head, _) = running.send("POST /v1/inbox/afar/care/acd", &headers, b"").await;
    assert!(status == 503 && head.contains("retry-after: 5"), "another replica works there: {head}");
    assert_eq!(starting.push("acd", ROWS.as_bytes()).await.0, 200, "what it knows already it takes");
}

#[tokio::test]
async fn a_push_over_tls_is_taken_and_plain_text_to_the_same_door_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["inbox.acme.example".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let (chain, private) = (directory.path().join("tls.crt"), directory.path().join("tls.key"));
    std::fs::write(&chain, certificate.pem()).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    let files = Certificate { chain: chain.clone(), key: private.clone() };
    let running = Running::start(&directory.path().join("data"), &[], Some(files)).await;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trusting(&certificate.pem()))
        .resolve("inbox.acme.example", running.address)
        .build()
        .unwrap();
    let url = format!("https://inbox.acme.example:{}/v1/inbox/team/care/acd", running.address.port());
    let answer = client.post(&url).bearer_auth(TOKEN).body(ROWS).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(running.push("acd", ROWS.as_bytes()).await.0, 0, "plain text is answered by nothing");
    std::fs::write(&private, "no key").unwrap();
    let wrong = door::open(
        "127.0.0.1:0".parse().unwrap(),
        Some(Certificate { chain, key: private }),
        |_| async { Response::new(Body::empty()) },
        CancellationToken::new(),
    );
    let error = wrong.await.unwrap_err().to_string();
    assert!(error.contains("tls.key") && error.contains("no private key"), "{error}");
}

fn trusting(pem: &str) -> rustls::ClientConfig {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
