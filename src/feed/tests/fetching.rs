//! Fetches of a well-behaved vendor: pages, authentication, conditions, and what must never be asked.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;

use super::server::{Asked, Reply, Server, gzip};
use crate::api::feed::Feed;
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, FetchedBody, Life, Step};
use crate::feed::time_window::Window;
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{parse_url, resolve};
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::guard::{AddressPolicy, NameLookup, SystemLookup};

pub(super) const NOW: &str = "2026-01-06T00:00:00Z";
pub(super) const CANARY: &str = "canary-f00d-5ecret";

/// A page of the native format with `count` rows of half hours that begin at `first`.
pub(super) fn native(first: usize, count: usize, next: Option<&str>) -> String {
    let rows: Vec<String> = (first..first + count)
        .map(|slot| {
            let (hour, half) = (slot / 2, slot % 2);
            let (start, end) =
                (format!("{hour:02}:{:02}", half * 30), format!("{:02}:{:02}", slot.div_ceil(2), (slot + 1) % 2 * 30));
            format!(
                r#"{{"start":"2026-01-05T{start}:00Z","end":"2026-01-05T{end}:00Z","measures":{{"offered":{}}}}}"#,
                slot + 1
            )
        })
        .collect();
    let next = next.map_or("null".to_owned(), |next| format!("{next:?}"));
    format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":{next}}}"#, rows.join(","))
}

pub(super) fn opened() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()])
}

/// Limits with which tests of failures need no patience.
pub(super) fn impatient() -> ClientLimits {
    ClientLimits {
        connect_timeout: Duration::from_millis(400),
        retry_pause: Duration::from_millis(5),
        breaker_failures: 1_000,
        ..ClientLimits::default()
    }
}

pub(super) fn client() -> FeedClient {
    FeedClient::with(opened(), Arc::new(SystemLookup), impatient())
}

pub(super) fn feed(url: &str, extra: &str) -> Feed {
    let timeout = if extra.contains("timeout") { "" } else { r#","timeout":"1s""# };
    serde_json::from_str(&format!(r#"{{"name":"acd","url":{url:?}{timeout}{extra}}}"#)).unwrap()
}

/// A source that holds the Secret `acme` with the canary under every key, for every loopback port.
pub(super) fn source_for(server: &Server) -> MemorySource {
    let source = MemorySource::default();
    source.put("team", "acme", &server.address.to_string(), &[("token", CANARY), ("user", "acme-user")]);
    source
}

pub(super) async fn try_fetch(client: &FeedClient, feed: &Feed, source: &MemorySource) -> Result<Fetched, FetchError> {
    let url = parse_url(&feed.url)?;
    let credentials = resolve(feed, &url, "team", source).await?;
    let window = Window { since: "2026-01-03T00:00:00Z".parse().unwrap(), until: NOW.parse().unwrap() };
    let request = FetchRequest {
        feed,
        namespace: "team",
        time_zone: "Europe/London",
        window,
        now: NOW.parse().unwrap(),
        credentials: &credentials,
        validators: None,
        known: None,
        state: None,
        life: Life::default(),
        step: Step::default(),
    };
    fetch(client, &request).await
}

pub(super) async fn body(client: &FeedClient, feed: &Feed, source: &MemorySource) -> FetchedBody {
    match try_fetch(client, feed, source).await.unwrap() {
        Fetched::Body(body) => *body,
        Fetched::Unchanged | Fetched::Repeated(_) | Fetched::Waiting(_) | Fetched::Files { .. } => {
            panic!("nothing was asked before")
        }
    }
}

#[tokio::test]
async fn the_window_and_the_headers_are_sent_as_the_feed_says() {
    let server = Server::start(|_| Reply::json(native(0, 2, None))).await;
    let source = source_for(&server);
    let cases = [
        ("", "/v1?since=2026-01-03T00%3A00%3A00Z&until=2026-01-06T00%3A00%3A00Z"),
        (
            r#","request":{"sinceParameter":"from","untilParameter":"to","timeFormat":"Date","query":[{"name":"granularity","value":"PT30M"}]}"#,
            "/v1?granularity=PT30M&from=2026-01-03&to=2026-01-06",
        ),
        (r#","request":{"timeFormat":"UnixSeconds"}"#, "/v1?since=1767398400&until=1767657600"),
        (r#","request":{"timeFormat":"UnixMilliseconds"}"#, "/v1?since=1767398400000&until=1767657600000"),
    ];
    for (extra, target) in cases {
        let body = body(&client(), &feed(&server.url("/v1"), extra), &source).await;
        assert_eq!((body.rows.len(), body.pages, body.rejected.len()), (2, 1, 0));
        assert_eq!(server.asked().last().unwrap().target, target);
    }
    let with_headers = feed(&server.url("/v1"), r#","request":{"headers":[{"name":"X-Tenant","value":"acme"}]}"#);
    body(&client(), &with_headers, &source).await;
    let asked = server.asked().last().unwrap().clone();
    assert_eq!(asked.header("x-tenant").as_deref(), Some("acme"));
    assert_eq!(asked.header("accept").as_deref(), Some("application/json"));
    assert_eq!(asked.header("accept-encoding").as_deref(), Some("gzip"));
    let forbidden = feed(&server.url("/v1"), r#","request":{"headers":[{"name":"Cookie","value":"x"}]}"#);
    assert_eq!(try_fetch(&client(), &forbidden, &source).await.unwrap_err().kind, FailureKind::Mapping);
}

#[tokio::test]
async fn compressed_answers_are_read() {
    let server = Server::start(|_| {
        let body = gzip(native(0, 40, None).as_bytes());
        Reply::answer(
            "200 OK",
            &[("Content-Type", "application/json; charset=utf-8"), ("Content-Encoding", "gzip")],
            body,
        )
    })
    .await;
    assert_eq!(body(&client(), &feed(&server.url("/"), ""), &source_for(&server)).await.rows.len(), 40);
}

/// Answers pages of ten rows, thirty in all, in whatever way the request asks for them.
fn paged(asked: &Asked) -> Reply {
    let value = |name: &str| {
        let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let number = |name: &str| value(name).and_then(|text| text.parse::<usize>().ok());
    let path = asked.target.split('?').next().unwrap();
    match path {
        "/native" | "/cursor" => {
            let page = number(if path == "/native" { "cursor" } else { "after" }).unwrap_or(0);
            Reply::json(native(page * 10, 10, (page < 2).then(|| (page + 1).to_string()).as_deref()))
        }
        "/url" => {
            let page = number("p").unwrap_or(0);
            Reply::json(native(page * 10, 10, (page < 2).then(|| format!("/url?p={}", page + 1)).as_deref()))
        }
        "/link" => {
            let page = number("p").unwrap_or(0);
            let link = format!("</link?p={}>; rel=\"next\"", page + 1);
            let headers = [("Content-Type", "application/json"), ("Link", link.as_str())];
            Reply::answer("200 OK", if page < 2 { &headers } else { &headers[..1] }, native(page * 10, 10, None))
        }
        "/page" => {
            let page = number("page").unwrap() - 1;
            Reply::json(native(page * 10, if page < 3 { 10 } else { 0 }, None))
        }
        "/offset" => {
            let (offset, limit) = (number("start").unwrap(), number("size").unwrap());
            Reply::json(native(offset, limit.min(30usize.saturating_sub(offset)), None))
        }
        "/circle" => Reply::json(native(0, 1, Some("same"))),
        "/endless" => Reply::json(native(0, 1, Some(&(number("cursor").unwrap_or(0) + 1).to_string()))),
        "/elsewhere" => Reply::json(native(0, 1, Some("http://127.0.0.2:1/"))),
        "/breaks" if number("cursor") == Some(1) => Reply::answer("500 Internal Server Error", &[], ""),
        "/breaks" => Reply::json(native(0, 10, Some("1"))),
        _ => Reply::answer("404 Not Found", &[], ""),
    }
}

#[tokio::test]
async fn all_five_ways_of_paging_give_all_rows_once() {
    let server = Server::start(paged).await;
    let source = source_for(&server);
    let cases = [
        ("/native", "", 3),
        ("/cursor", r#","pagination":{"cursor":{"path":"$.next","parameter":"after"}}"#, 3),
        ("/url", r#","pagination":{"nextUrl":{"path":"$.next"}}"#, 3),
        ("/link", r#","pagination":{"linkHeader":{}}"#, 3),
        ("/page", r#","pagination":{"pageNumber":{"parameter":"page","first":1}}"#, 4),
        ("/offset", r#","pagination":{"offset":{"parameter":"start","limitParameter":"size","limit":10}}"#, 4),
    ];
    for (path, extra, pages) in cases {
        let body = body(&client(), &feed(&server.url(path), extra), &source).await;
        let starts: std::collections::BTreeSet<_> = body.rows.iter().map(|row| row.start).collect();
        assert_eq!((body.rows.len(), starts.len(), body.pages), (30, 30, pages), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_a_filter_makes_look_short_is_not_the_last() {
    let server = Server::start(paged).await;
    let source = source_for(&server);
    let rest = r#""start":"$.start","end":"$.end","measures":[{"name":"offered","path":"$.measures.offered"}]"#;
    // The rows that count stand on the last page alone.
    let filter = format!(r#"{{"rows":"$.rows[?@.measures.offered > 25]",{rest}}}"#);
    let condition = format!(r#"{{"rows":"$.rows[*]","where":[{{"path":"$.measures.offered","above":25}}],{rest}}}"#);
    for json in [filter, condition] {
        for (path, pagination) in [
            ("/page", r#"{"pageNumber":{"parameter":"page"}}"#),
            ("/offset", r#"{"offset":{"parameter":"start","limitParameter":"size","limit":10}}"#),
        ] {
            let extra = format!(r#","format":{{"json":{json}}},"pagination":{pagination}"#);
            let body = body(&client(), &feed(&server.url(path), &extra), &source).await;
            assert_eq!((body.rows.len(), body.pages), (5, 4), "{path} {json}");
        }
    }
}

#[tokio::test]
async fn a_number_ends_the_pages_a_total_must_match_and_a_full_set_is_asked_for_in_halves() {
    // An hour has ten rows, one each six minutes; no answer has more than a hundred, and each says that there is another page.
    let server = Server::start(|asked| {
        let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let at = |name: &str| value(name).unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        let all: Vec<i64> = (at("since")..at("until")).step_by(360).take(100).collect();
        let page: usize = value("p").map_or(0, |page| page.parse().unwrap());
        let shown: Vec<String> =
            all.iter().skip(page * 40).take(40).map(|start| format!(r#"{{"at":{start},"n":1}}"#)).collect();
        let (next, count) = (format!("{}&p={}", asked.target.split("&p=").next().unwrap(), page + 1), shown.len());
        Reply::json(format!(
            r#"{{"rows":[{}],"next":"{next}","count":{count},"total":{}}}"#,
            shown.join(","),
            all.len()
        ))
    })
    .await;
    let source = source_for(&server);
    let feed_with = |paging: &str, cadence: &str| {
        let json = r#"{"rows":"$.rows[*]","start":"$.at","measures":[{"name":"offered","path":"$.n"}]}"#;
        let extra = format!(
            r#","cadence":"{cadence}","format":{{"json":{json}}},"pagination":{{"nextUrl":{{"path":"$.next"}},{paging}}}"#
        );
        feed(&server.url("/"), &extra)
    };
    let enough = r#""enough":{"path":"$.count","atMost":39}"#;
    let cut = body(&client(), &feed_with(enough, "6m"), &source).await;
    assert_eq!((cut.rows.len(), cut.pages), (100, 3), "without a limit nobody sees that rows are missing");
    let whole = body(&client(), &feed_with(&format!(r#"{enough},"limit":100,"total":"$.total""#), "6m"), &source).await;
    assert_eq!(whole.rows.len(), 720, "three days of ten rows an hour");
    let starts: std::collections::BTreeSet<_> = whole.rows.iter().map(|row| row.start).collect();
    assert_eq!(starts.len(), 720);
    let full = try_fetch(&client(), &feed_with(&format!(r#"{enough},"limit":100"#), "24h"), &source).await.unwrap_err();
    assert!(full.kind == FailureKind::TooLarge && full.message.contains("for one slot"), "{}", full.message);
    let other =
        try_fetch(&client(), &feed_with(&format!(r#"{enough},"total":"$.count""#), "6m"), &source).await.unwrap_err();
    assert!(
        other.kind == FailureKind::Malformed && other.message.contains("20 rows, and 100 came"),
        "{}",
        other.message
    );
}

#[tokio::test]
async fn a_post_is_sent_again_only_where_it_changes_nothing_and_an_answer_may_be_pending() {
    let server = Server::start(|asked| match asked.target.split('?').next().unwrap() {
        "/busy" => Reply::answer("503 Service Unavailable", &[], ""),
        _ => Reply::answer("404 Not Found", &[], ""),
    })
    .await;
    let source = source_for(&server);
    for (path, request, kind, times) in [
        ("/busy", r#"{"method":"Post","json":"{}","safe":true}"#, Some(FailureKind::Status), 3),
        ("/busy", r#"{"method":"Post","json":"{}"}"#, Some(FailureKind::Status), 1),
        ("/gone", r#"{"pending":[404]}"#, None, 1),
        ("/gone", "{}", Some(FailureKind::Status), 1),
    ] {
        let before = server.asked().len();
        let feed = feed(&server.url(path), &format!(r#","request":{request}"#));
        let outcome = try_fetch(&client(), &feed, &source).await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind), kind, "{path} {request}");
        assert_eq!(server.asked().len() - before, times, "{path} {request}");
        if let Ok(Fetched::Body(body)) = outcome {
            assert_eq!((body.rows.len(), body.pages), (0, 0));
        }
    }
}

#[tokio::test]
async fn pages_that_lead_astray_give_no_row() {
    let server = Server::start(paged).await;
    let source = source_for(&server);
    let cases = [
        ("/circle", "", FailureKind::Malformed),
        (
            "/endless",
            r#","pagination":{"cursor":{"path":"$.next","parameter":"cursor"},"maxPages":5}"#,
            FailureKind::TooLarge,
        ),
        ("/elsewhere", r#","pagination":{"nextUrl":{"path":"$.next"}}"#, FailureKind::Denied),
        ("/breaks", "", FailureKind::Status),
        ("/native", r#","pagination":{"cursor":{"path":"not a path","parameter":"cursor"}}"#, FailureKind::Mapping),
        ("/native", r#","pagination":{"cursor":{"path":"$.rows","parameter":"cursor"}}"#, FailureKind::Mapping),
    ];
    for (path, extra, kind) in cases {
        let error = try_fetch(&client(), &feed(&server.url(path), extra), &source).await.unwrap_err();
        assert_eq!(error.kind, kind, "{path}: {error}");
    }
    assert_eq!(server.asked().iter().filter(|asked| asked.target.starts_with("/endless")).count(), 5);
}

#[tokio::test]
async fn each_kind_of_authentication_shows_who_asks() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let tokens = tokens.clone();
        move |asked| {
            if asked.target == "/token" {
                let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
                return Reply::json(format!(
                    r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":3600}}"#
                ));
            }
            // The first token is refused the third time.
            if asked.target.starts_with("/oauth") && asked.header("authorization").as_deref() == Some("Bearer t1") {
                let turn = asked.target.contains("refuse");
                return if turn { Reply::answer("401 Unauthorized", &[], "") } else { Reply::json(native(0, 1, None)) };
            }
            Reply::json(native(0, 1, None))
        }
    })
    .await;
    let source = source_for(&server);
    let reference = |key: &str| format!(r#"{{"name":"acme","key":"{key}"}}"#);
    let (token, user) = (reference("token"), reference("user"));
    let client = client();
    let ask = async |path: &str, auth: String| {
        body(&client, &feed(&server.url(path), &format!(r#","auth":{auth}"#)), &source).await;
        server.asked().last().unwrap().clone()
    };
    let bearer = ask("/", format!(r#"{{"bearer":{{"tokenSecretRef":{token}}}}}"#)).await;
    assert_eq!(bearer.header("authorization"), Some(format!("Bearer {CANARY}")));
    let basic = ask("/", format!(r#"{{"basic":{{"usernameSecretRef":{user},"passwordSecretRef":{token}}}}}"#)).await;
    assert_eq!(basic.header("authorization").as_deref(), Some("Basic YWNtZS11c2VyOmNhbmFyeS1mMDBkLTVlY3JldA=="));
    let header = ask("/", format!(r#"{{"apiKey":{{"header":"X-Key","secretRef":{token}}}}}"#)).await;
    assert_eq!(header.header("x-key").as_deref(), Some(CANARY));
    let query = ask("/", format!(r#"{{"apiKey":{{"query":"key","secretRef":{token}}}}}"#)).await;
    assert!(query.target.ends_with(&format!("&key={CANARY}")));
    let hmac = ask("/v1", format!(r#"{{"hmac":{{"secretRef":{token},"header":"X-Signature"}}}}"#)).await;
    let stamp = hmac.header("x-bpo-timestamp").unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, CANARY.as_bytes());
    let expected = ring::hmac::sign(&key, format!("GET\n{}\n{stamp}\n{empty}", hmac.target).as_bytes());
    assert_eq!(
        hmac.header("x-signature").unwrap(),
        crate::domain::numbers::hexadecimal::hexadecimal(expected.as_ref())
    );

    let url = server.url("/token");
    let oauth = format!(
        r#"{{"oauth2":{{"tokenUrl":"{url}","clientIdSecretRef":{user},"clientSecretSecretRef":{token},"scopes":["a","b"]}}}}"#
    );
    for _ in 0..3 {
        assert_eq!(ask("/oauth", oauth.clone()).await.header("authorization").as_deref(), Some("Bearer t1"));
    }
    assert_eq!(tokens.load(Ordering::SeqCst), 1, "the token is kept");
    assert_eq!(ask("/oauth?refuse", oauth).await.header("authorization").as_deref(), Some("Bearer t2"));
    let form = server.asked().into_iter().find(|asked| asked.target == "/token").unwrap();
    assert_eq!(form.body, "grant_type=client_credentials&scope=a+b");
}

/// Answers names from a list, one answer after the other.
struct Fickle(Mutex<Vec<Vec<IpAddr>>>);

impl NameLookup for Fickle {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

#[tokio::test]
async fn a_sink_on_a_forbidden_address_sees_no_connection() {
    let sink = Server::start(|_| Reply::json(native(0, 1, None))).await;
    let port = sink.address.port();
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    let answers: [&[&str]; 4] =
        [&["127.0.0.1"], &["::1", "127.0.0.1"], &["::ffff:127.0.0.1"], &["169.254.169.254", "127.0.0.1"]];
    for answer in answers {
        let lookup = Fickle(Mutex::new(vec![answer.iter().map(|address| address.parse().unwrap()).collect()]));
        let closed = FeedClient::with(AddressPolicy::default(), Arc::new(lookup), impatient());
        for scheme in ["http", "https"] {
            let feed = feed(&format!("{scheme}://feeds.acme.example:{port}/"), "");
            let error = try_fetch(&closed, &feed, &MemorySource::default()).await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Denied, "{answer:?} {scheme}: {error}");
        }
    }
    let closed = FeedClient::with(AddressPolicy::default(), Arc::new(SystemLookup), impatient());
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"] {
        let feed = feed(&format!("http://{host}:{port}/"), "");
        let error = try_fetch(&closed, &feed, &MemorySource::default()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Denied, "{host}: {error}");
    }
    // A resolver that changes its mind is asked once for a connection: what it says later is judged again.
    let lookup = Fickle(Mutex::new(vec![vec!["1.1.1.1".parse().unwrap()], vec![loopback]]));
    let purpose = crate::outbound::guard::Purpose { port: 443, tenant: "team", plain: false };
    let resolver = crate::outbound::guard::GuardedResolver::new(Arc::default(), Arc::new(lookup), &purpose);
    use reqwest::dns::Resolve;
    let name = || "feeds.acme.example".parse().unwrap();
    assert!(resolver.resolve(name()).await.unwrap().all(|address| address.ip() != loopback));
    assert!(resolver.resolve(name()).await.is_err());
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_sees_nothing() {
    let sink = Server::start(|_| Reply::json(native(0, 1, None))).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let target = sink.url("/");
        let server = Server::start(move |_| Reply::answer(status, &[("Location", &target)], "")).await;
        let error = try_fetch(&client(), &feed(&server.url("/"), ""), &MemorySource::default()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Status, "{status}");
        assert!(error.message.contains("redirects are refused"), "{error}");
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn an_ill_host_is_left_alone_after_failures_in_a_row() {
    let server = Server::start(|_| Reply::answer("500 Internal Server Error", &[], "")).await;
    let limits = ClientLimits { breaker_failures: 5, breaker_pause: Duration::from_millis(300), ..impatient() };
    let client = FeedClient::with(opened(), Arc::new(SystemLookup), limits);
    let (feed, source) = (feed(&server.url("/"), ""), MemorySource::default());
    for _ in 0..20 {
        assert_eq!(try_fetch(&client, &feed, &source).await.unwrap_err().kind, FailureKind::Status);
    }
    assert_eq!(server.asked().len(), 5);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while server.asked().len() == 5 {
        assert!(std::time::Instant::now() < deadline, "no request tries again");
        let _ = try_fetch(&client, &feed, &source).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn pages_that_count_by_different_times_are_refused() {
    for (second, expected) in [(20, None), (30, Some("20 on one page and 30 on another"))] {
        let server = Server::start(move |asked| {
            let (seconds, next) = if asked.target.contains("cursor") { (second, None) } else { (20, Some("two")) };
            let page = native(if next.is_some() { 0 } else { 1 }, 1, next);
            Reply::json(page.replacen(
                "\"next\"",
                &format!("\"thresholds\":{{\"answeredWithin\":{seconds}}},\"next\""),
                1,
            ))
        })
        .await;
        let fetched = try_fetch(&client(), &feed(&server.url("/v1"), ""), &source_for(&server)).await;
        match (fetched, expected) {
            (Ok(Fetched::Body(body)), None) => assert_eq!(body.thresholds["answeredWithin"], 20),
            (Err(error), Some(words)) => {
                assert_eq!(error.kind, FailureKind::Malformed);
                assert!(error.message.contains(words), "{}", error.message);
            }
            (fetched, _) => panic!("{second}: {fetched:?}"),
        }
    }
}
