//! What one tenant, or a vendor, could do to others, and what happens to it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::fetching::{CANARY, NOW, body, client, feed, impatient, native, opened, source_for, try_fetch};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Reply, Server};
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, Life, Step};
use crate::feed::time_window::Window;
use crate::outbound::body::BodyLimits;
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{parse_url, resolve};
use crate::outbound::error::FailureKind;
use crate::outbound::guard::SystemLookup;

/// An answer that leaves the connection open, as a server does that keeps connections for further requests.
fn kept_open(body: &str) -> Reply {
    let length = body.len();
    Reply::Stall(
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into(),
    )
}

#[tokio::test]
async fn headers_that_frame_or_route_a_request_are_never_sent() {
    let server = Server::start(|_| Reply::json(native(0, 1, None))).await;
    let mut headers = String::new();
    for (name, value) in [
        ("Host", "inner.example"),
        ("Content-Length", "40"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive, x-tenant"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Upgrade", "h2c"),
        ("Expect", "100-continue"),
        ("Keep-Alive", "timeout=600"),
        ("Proxy-Connection", "keep-alive"),
    ] {
        write!(headers, r#"{{"name":"{name}","value":"{value}"}},"#).unwrap();
    }
    let with_headers = format!(r#","request":{{"headers":[{headers}{{"name":"X-Tenant","value":"acme"}}]}}"#);
    body(&client(), &feed(&server.url("/v1"), &with_headers), &source_for(&server)).await;
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.header("x-tenant").as_deref(), Some("acme"), "{}", asked.head);
    assert_eq!(asked.header("host"), Some(server.address.to_string()), "{}", asked.head);
    for name in
        ["content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect", "keep-alive"]
    {
        assert_eq!(asked.header(name), None, "{}", asked.head);
    }
    assert_eq!(asked.header("proxy-connection"), None, "{}", asked.head);
}

#[tokio::test]
async fn no_connection_is_shared_between_credentials() {
    // The server answers one request a connection and keeps it open: who shared a connection would wait for the deadline.
    let server = Server::start(|_| kept_open(&native(0, 1, None))).await;
    let (client, source) = (client(), MemorySource::default());
    let hosts = server.address.to_string();
    for name in ["acme", "other"] {
        let token = format!("{CANARY}-{name}");
        source.put("team", name, &hosts, &[("token", token.as_str())]);
    }
    for (name, connections) in [("acme", 1), ("other", 2)] {
        let auth = format!(r#","auth":{{"bearer":{{"tokenSecretRef":{{"name":"{name}","key":"token"}}}}}}"#);
        body(&client, &feed(&server.url("/v1"), &auth), &source).await;
        assert_eq!(server.connections(), connections, "{name}");
    }
}

#[tokio::test]
async fn a_token_is_sent_only_to_hosts_that_its_secret_lists() {
    let token_endpoint = Server::start(|_| Reply::json(r#"{"access_token":"canary-token","expires_in":60}"#)).await;
    let thief = Server::start(|_| Reply::json(native(0, 1, None))).await;
    let reference = r#"{"name":"acme","key":"token"}"#;
    let auth = format!(
        r#","auth":{{"oauth2":{{"tokenUrl":"{}","clientIdSecretRef":{reference},"clientSecretSecretRef":{reference}}}}}"#,
        token_endpoint.url("/token")
    );
    let feed = feed(&thief.url("/v1"), &auth);
    let error = try_fetch(&client(), &feed, &source_for(&token_endpoint)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::SecretNotAllowed, "{error}");
    assert_eq!((thief.connections(), token_endpoint.connections()), (0, 0), "no token was even asked for");
    let source = MemorySource::default();
    source.put("team", "acme", &format!("{}, {}", token_endpoint.address, thief.address), &[("token", CANARY)]);
    assert_eq!(body(&client(), &feed, &source).await.rows.len(), 1);
}

#[tokio::test]
async fn a_vendor_that_echoes_a_secret_brings_it_into_no_row() {
    let server = Server::start(|asked| {
        let shown = asked.header("authorization").unwrap();
        let page = native(0, 1, None);
        let labels = format!(r#""labels":{{"queue":"{shown}","{CANARY}":"x"}},"measures":{{"{CANARY}":1,"#);
        Reply::json(page.replace(r#""measures":{"#, &labels))
    })
    .await;
    let auth = r#","auth":{"bearer":{"tokenSecretRef":{"name":"acme","key":"token"}}}"#;
    let body = body(&client(), &feed(&server.url("/v1"), auth), &source_for(&server)).await;
    let row = &body.rows[0];
    assert_eq!(row.labels.get("queue").map(String::as_str), Some("Bearer [redacted]"));
    assert!(row.measures.contains_key("[redacted]") && !format!("{row:?}").contains(CANARY), "{row:?}");
}

#[tokio::test]
async fn a_poll_ends_with_its_contract() {
    // Four requests to a host are in flight at once; these never end by themselves within the minute that they may take.
    let server = Server::start(|asked| match asked.target.starts_with("/slow") {
        true => Reply::Stall(Vec::new()),
        false => Reply::json(native(0, 1, None)),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1.0));
    let slow: Vec<_> = (0..4)
        .map(|number| {
            let mut slow = task("slow", &server.url("/slow"), r#","timeout":"60s""#);
            slow.feed.name = format!("slow-{number}");
            slow
        })
        .collect();
    running.scheduler.set_feeds_of("slow", slow);
    eventually("four requests that wait", async || server.asked().len() == 4).await;
    running.scheduler.set_feeds_of("quick", vec![task("quick", &server.url("/quick"), "")]);
    running.scheduler.remove("slow");
    let began = Instant::now();
    eventually("the other contract's rows", async || running.scheduler.health_of("quick").contains_key("acd")).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    running.end().await;
}

#[tokio::test]
async fn a_hostile_path_ends_in_a_failure_of_its_own_feed_while_the_runtime_goes_on() {
    let nested = format!("{}1{}", "[".repeat(30), "]".repeat(30));
    let server = Server::start(move |_| Reply::json(&nested)).await;
    let rows = format!("${}", "[*,*]".repeat(30));
    let mapping = format!(
        r#","timeout":"60s","format":{{"json":{{"rows":"{rows}","start":"$.at","measures":[{{"name":"offered","path":"$.n"}}]}}}}"#
    );
    let hostile = feed(&server.url("/v1"), &mapping);
    let began = Instant::now();
    // The test's runtime has one thread: were the path evaluated on it, the ticks would stop.
    let mut ticks = 0;
    let (client, source) = (client(), source_for(&server));
    let mut fetching = std::pin::pin!(try_fetch(&client, &hostile, &source));
    let outcome = loop {
        tokio::select! {
            outcome = &mut fetching => break outcome,
            () = tokio::time::sleep(Duration::from_millis(5)) => ticks += 1,
        }
    };
    let error = outcome.unwrap_err();
    assert!(error.kind == FailureKind::Mapping && error.message.contains("look at more than"), "{error}");
    assert!(ticks > 3, "{ticks} ticks in {:?}", began.elapsed());
}

/// The beginning of an answer of 400 KiB, whose end never comes.
fn endless() -> Reply {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 409600\r\n\r\n";
    Reply::Stall([head.as_bytes(), &vec![b' '; 300 << 10]].concat())
}

/// Asks for a big answer in a namespace; how it ends.
fn ask_for(client: &Arc<FeedClient>, server: &Server, namespace: &'static str) -> JoinHandle<Result<usize, String>> {
    let (client, feed) = (client.clone(), feed(&server.url("/v1"), r#","timeout":"60s""#));
    tokio::spawn(async move {
        let url = parse_url(&feed.url).map_err(|error| error.to_string())?;
        let credentials = resolve(&feed, &url, namespace, &MemorySource::default()).await;
        let request = FetchRequest {
            feed: &feed,
            namespace,
            time_zone: "UTC",
            window: Window { since: "2026-01-03T00:00:00Z".parse().unwrap(), until: NOW.parse().unwrap() },
            now: NOW.parse().unwrap(),
            credentials: &credentials.map_err(|error| error.to_string())?,
            validators: None,
            known: None,
            state: None,
            life: Life::default(),
            step: Step::default(),
        };
        match fetch(&client, &request).await.map_err(|error| error.to_string())? {
            Fetched::Body(body) => Ok(body.rows.len()),
            _ => Err("no body".to_owned()),
        }
    })
}

#[tokio::test]
async fn big_answers_of_one_namespace_are_bounded_together_and_another_one_does_not_wait_for_them() {
    // Room for eight answers of the largest size: four for one namespace.
    let largest = 1 << 20;
    let limits = ClientLimits { body: BodyLimits { largest, largest_ratio: 100 }, text: 8 * largest, ..impatient() };
    let client = Arc::new(FeedClient::with(opened(), Arc::new(SystemLookup), limits));
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(Server::start(|_| endless()).await);
    }
    // Each endpoint is another host, so that no limit of a host is met.
    let mut held: Vec<_> = servers.iter().map(|server| ask_for(&client, server, "hostile")).collect();
    eventually("four answers hold their room", async || client.text_left("hostile") == 0).await;
    let padded = native(0, 1, None) + &" ".repeat(400 << 10);
    let whole = Server::start(move |_| Reply::json(&padded)).await;
    let fifth = ask_for(&client, &whole, "hostile");
    eventually("the fifth is asked for", async || whole.asked().len() == 1).await;
    let honest = ask_for(&client, &whole, "honest").await.unwrap();
    assert_eq!(honest, Ok(1), "another namespace does not wait");
    assert!(!fifth.is_finished(), "what is whole waits for its namespace's room");
    held.pop().unwrap().abort();
    assert_eq!(fifth.await.unwrap(), Ok(1), "it has the room that was given back");
    held.iter().for_each(JoinHandle::abort);
}
