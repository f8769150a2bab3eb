//! Every way in which an endpoint can fail: each has its kind and no row, and the next good answer heals it; the same through the
//! scheduler into a store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fetching::{CANARY, NOW, body, client, feed, native, source_for, try_fetch};
use super::polling::{Running, eventually, task};
use super::server::{Reply, Server, gzip};
use super::tls::{authority, certificates, secure, server_configuration, speaking_plainly, trusting};
use crate::clock::Clock;
use crate::feed::fetch_request::Fetched;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::error::FailureKind;
use crate::outbound::error::FailureKind::*;

fn status(line: &str) -> Reply {
    Reply::answer(line, &[("Content-Type", "text/plain")], format!("you sent {CANARY}"))
}

fn moved(line: &str) -> Reply {
    Reply::answer(line, &[("Location", "http://169.254.169.254/")], "")
}

fn typed(media_type: &str, body: &str) -> Reply {
    Reply::answer("200 OK", &[("Content-Type", media_type)], body)
}

fn encoded(encoding: &str, body: &[u8]) -> Reply {
    Reply::answer("200 OK", &[("Content-Type", "application/json"), ("Content-Encoding", encoding)], body)
}

fn raw(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

fn measure(number: &str) -> Reply {
    let row = r#""start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#;
    Reply::json(format!(
        r#"{{"schema":"bpo-feed/v1","rows":[{{{row},"measures":{{"offered":{number}}}}}],"next":null}}"#
    ))
}

fn timed(start: &str, end: &str) -> Reply {
    Reply::json(format!(
        r#"{{"schema":"bpo-feed/v1","rows":[{{"start":"{start}","end":"{end}","measures":{{"offered":1}}}}],"next":null}}"#
    ))
}

/// What is wrong with a feed.
#[derive(Clone, Debug)]
enum Fault {
    /// What the endpoint answers.
    Answer(Reply),
    /// Its address, where nobody answers or nobody may be asked, and more of the feed.
    Place(String, String),
}

/// The faults with the kind that each must give, and what has to live as long as they do.
struct Faults {
    table: Vec<(String, Fault, FailureKind)>,
    /// Knows the Secret of the server and the authority of the right certificates.
    source: MemorySource,
    _servers: Vec<Server>,
    _silent: TcpListener,
    plain: JoinHandle<()>,
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.plain.abort();
    }
}

const TOKEN: &str = r#","auth":{"bearer":{"tokenSecretRef":{"name":"acme","key":"token"}}}"#;

impl Faults {
    /// All faults of a feed whose right endpoint is `server`.
    async fn of(server: &Server) -> Self {
        let source = source_for(server);
        let (ours, strangers) = (authority(), authority());
        trusting(&source, &ours.pem());
        source.put("team", "elsewhere", "feeds.acme.example", &[("token", CANARY)]);
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (plain, plain_worker) = speaking_plainly().await;
        let mut places = unreachable_places(server).await;
        let handshakes = [(plain, "plain http", Tls), (silent.local_addr().unwrap(), "a silent handshake", Timeout)];
        let handshakes =
            handshakes.map(|(address, name, kind)| (name, format!("https://{address}/"), String::new(), kind));
        places.extend(handshakes);
        let mut servers = Vec::new();
        for (name, certificate, extra, expected) in certificates(&ours, &strangers) {
            let Some(kind) = expected else { continue };
            let (wrong, url) = secure(server_configuration(&certificate, None)).await;
            places.push((name, url, extra.to_owned(), kind));
            servers.push(wrong);
        }
        let answers = answers().into_iter().map(|(name, reply, kind)| (name.to_owned(), Fault::Answer(reply), kind));
        let places =
            places.into_iter().map(|(name, url, extra, kind)| (name.to_owned(), Fault::Place(url, extra), kind));
        Faults {
            table: answers.chain(places).collect(),
            source,
            _servers: servers,
            _silent: silent,
            plain: plain_worker,
        }
    }
}

/// Addresses at which there is nobody, or where nobody may be asked.
async fn unreachable_places(server: &Server) -> Vec<(&'static str, String, String, FailureKind)> {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let place = |name, url: &str, kind| (name, url.to_owned(), String::new(), kind);
    let with_secret = |name, secret: &str, kind| (name, server.url("/"), TOKEN.replace("acme", secret), kind);
    vec![
        place("refused", &format!("http://{closed}/"), Connect),
        place("an unknown name", "http://unknown.invalid/", Dns),
        place("an address of the inside", "https://169.254.169.254/latest", Denied),
        place("http to the outside", "http://1.1.1.1/", Denied),
        place("no host", "http://", Denied),
        place("another scheme", "gopher://x/", Denied),
        place("user information", "http://user:secret@127.0.0.1/", Denied),
        with_secret("a Secret that is not there", "absent", SecretNotFound),
        with_secret("a Secret for another host", "elsewhere", SecretNotAllowed),
    ]
}

/// What a broken endpoint answers.
fn answers() -> Vec<(&'static str, Reply, FailureKind)> {
    let good = native(0, 20, None);
    let head = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
    };
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let whole_gzip = gzip(good.as_bytes());
    let pause = Duration::from_millis(50);
    let bomb = gzip(&vec![b' '; 30_000_000]);
    vec![
        ("closed at once", raw(""), Connect),
        ("reset at once", Reply::Reset(Vec::new()), Connect),
        ("reset in the head", Reply::Reset(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), Connect),
        ("reset in the body", Reply::Reset(format!("{}{{\"schema\"", head(500)).into_bytes()), Connect),
        ("stalled before the head", Reply::Stall(Vec::new()), Timeout),
        ("stalled in the head", Reply::Stall(b"HTTP/1.1 200 OK\r\n".to_vec()), Timeout),
        ("stalled in the body", Reply::Stall(format!("{}{{", head(500)).into_bytes()), Timeout),
        ("dripping head", Reply::Drip(head(500).into_bytes(), pause), Timeout),
        ("dripping body", Reply::Drip([head(good.len()).as_bytes(), good.as_bytes()].concat(), pause), Timeout),
        (
            "endless interim answers",
            Reply::Drip(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50), Duration::from_millis(2)),
            Timeout,
        ),
        ("truncated by length", raw(&format!("{}{}", head(good.len() + 10), good)), Connect),
        ("length too short", raw(&format!("{}{}", head(good.len() - 10), good)), Malformed),
        ("length no number", raw("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"), Malformed),
        ("two lengths", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), Malformed),
        ("no HTTP", raw("220 mail.acme.example ESMTP\r\n"), Malformed),
        ("a version that is none", raw("HTTP/9.9 200 OK\r\n\r\n"), Malformed),
        ("a status that is none", raw("HTTP/1.1 two hundred\r\n\r\n"), Malformed),
        ("too many headers", raw(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(500))), Malformed),
        ("a head without end", raw(&format!("HTTP/1.1 200 OK\r\nX-A: {}", "b".repeat(2_000_000))), Malformed),
        ("chunk length no number", raw(&format!("{chunked}zz\r\n{good}\r\n0\r\n\r\n")), Connect),
        ("chunks without end", raw(&format!("{chunked}5\r\n{{\"sch\r\n")), Connect),
        ("empty body", typed("application/json", ""), Malformed),
        ("blank body", typed("application/json", " \n "), Malformed),
        ("HTML", typed("text/html", "<!DOCTYPE html><title>Login</title>"), Malformed),
        ("HTML called JSON", typed("application/json", "<html>\u{1b}[31m\u{202e}"), Malformed),
        ("JSON called HTML", typed("text/html", &good), Malformed),
        ("XML", typed("application/xml", "<rows/>"), Malformed),
        ("truncated JSON", typed("application/json", &good[..good.len() / 2]), Malformed),
        ("two documents", typed("application/json", &format!("{good}{good}")), Malformed),
        ("a byte order mark in UTF-16", typed("application/json", "\u{0}{\u{0}}"), Malformed),
        ("an array", typed("application/json", "[]"), Malformed),
        ("another schema", typed("application/json", r#"{"schema":"bpo-feed/v2","rows":[],"next":null}"#), Malformed),
        ("no rows", typed("application/json", r#"{"schema":"bpo-feed/v1","next":null}"#), Malformed),
        ("an error with status 200", typed("application/json", r#"{"error":"internal"}"#), Malformed),
        (
            "deep nesting",
            typed("application/json", &format!(r#"{{"schema":"bpo-feed/v1","rows":{}"#, "[".repeat(200_000))),
            Malformed,
        ),
        ("NaN", measure("NaN"), Malformed),
        ("Infinity", measure("-Infinity"), Malformed),
        ("1e400", measure("1e400"), Malformed),
        ("a number as text", measure("\"97\""), Malformed),
        ("null as a number", measure("null"), Malformed),
        ("duplicate keys", measure("1,\"offered\":2"), Malformed),
        ("a huge number only", measure("1e20"), Malformed),
        ("a bad zone", timed("2026-01-05T09:00:00+25:00", "2026-01-05T09:30:00+25:00"), Malformed),
        ("no zone", timed("2026-01-05T09:00:00", "2026-01-05T09:30:00"), Malformed),
        ("an impossible date", timed("2026-02-30T09:00:00Z", "2026-02-30T09:30:00Z"), Malformed),
        ("a clock that is ahead", timed("2030-01-06T09:00:00Z", "2030-01-06T09:30:00Z"), Malformed),
        ("end before start", timed("2026-01-05T09:30:00Z", "2026-01-05T09:00:00Z"), Malformed),
        ("no content", Reply::answer("204 No Content", &[], ""), Status),
        (
            "partial content",
            Reply::answer("206 Partial Content", &[("Content-Type", "application/json")], &good),
            Status,
        ),
        ("304 that nobody asked for", Reply::answer("304 Not Modified", &[], ""), Status),
        ("301", moved("301 Moved Permanently"), Status),
        ("302", moved("302 Found"), Status),
        ("303", moved("303 See Other"), Status),
        ("307", moved("307 Temporary Redirect"), Status),
        ("308", moved("308 Permanent Redirect"), Status),
        ("pages in a circle", Reply::json(native(0, 1, Some("again"))), Malformed),
        ("400", status("400 Bad Request"), Status),
        ("401", status("401 Unauthorized"), Auth),
        ("403", status("403 Forbidden"), Auth),
        ("404", status("404 Not Found"), Status),
        ("410", status("410 Gone"), Status),
        ("418", status("418 I'm a teapot"), Status),
        ("429 without Retry-After", status("429 Too Many Requests"), RateLimited),
        ("429 for a minute", Reply::answer("429 Too Many Requests", &[("Retry-After", "60")], ""), RateLimited),
        (
            "429 for ever",
            Reply::answer("429 Too Many Requests", &[("Retry-After", "99999999999999999999")], ""),
            RateLimited,
        ),
        (
            "429 until a date",
            Reply::answer("429 Too Many Requests", &[("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT")], ""),
            RateLimited,
        ),
        ("429 until nonsense", Reply::answer("429 Too Many Requests", &[("Retry-After", "soon")], ""), RateLimited),
        ("500", status("500 Internal Server Error"), Status),
        ("502", status("502 Bad Gateway"), Status),
        ("503", status("503 Service Unavailable"), Status),
        ("503 for an hour", Reply::answer("503 Service Unavailable", &[("Retry-After", "3600")], ""), Status),
        ("504", status("504 Gateway Timeout"), Status),
        ("599", status("599 Whatever"), Status),
        ("declared huge", raw(&head(20_000_000)), TooLarge),
        ("huge", raw(&format!("{chunked}{:x}\r\n{}", 11_000_000, " ".repeat(11_000_000))), TooLarge),
        ("a bomb", encoded("gzip", &bomb), TooLarge),
        ("a bomb in a bomb", encoded("gzip, gzip", &gzip(&bomb)), Malformed),
        ("gzip that is none", encoded("gzip", good.as_bytes()), Malformed),
        ("gzip cut short", encoded("gzip", &whole_gzip[..whole_gzip.len() - 20]), Malformed),
        (
            "gzip with a wrong checksum",
            encoded("gzip", &[&whole_gzip[..whole_gzip.len() - 8], &[1; 8]].concat()),
            Malformed,
        ),
        ("an encoding nobody asked for", encoded("br", good.as_bytes()), Malformed),
    ]
}

/// Answers well, or, while it is broken, by the fault whose number its path holds.
async fn breakable(replies: Arc<Mutex<Vec<Reply>>>, broken: Arc<AtomicBool>) -> Server {
    Server::start(move |asked| {
        let number: usize = asked.target.trim_start_matches('/').split(['?', '/']).next().unwrap().parse().unwrap();
        match replies.lock().unwrap().get(number) {
            Some(reply) if broken.load(Ordering::SeqCst) => reply.clone(),
            _ => Reply::json(native(0, 5, None)),
        }
    })
    .await
}

/// The faults, and a server that answers with those which are answers.
async fn breakable_and_faults() -> (Server, Faults, Arc<AtomicBool>) {
    let (replies, broken) = (Arc::<Mutex<Vec<Reply>>>::default(), Arc::new(AtomicBool::new(true)));
    let server = breakable(replies.clone(), broken.clone()).await;
    let faults = Faults::of(&server).await;
    let answer = |fault: &Fault| match fault {
        Fault::Answer(reply) => reply.clone(),
        Fault::Place(..) => Reply::Bytes(Vec::new()),
    };
    *replies.lock().unwrap() = faults.table.iter().map(|(_, fault, _)| answer(fault)).collect();
    assert!(faults.table.len() >= 90, "{}", faults.table.len());
    (server, faults, broken)
}

/// Where the feed of a fault is, and what else it says.
fn address(server: &Server, number: usize, fault: &Fault) -> (String, String) {
    match fault {
        Fault::Answer(_) => (server.url(&format!("/{number}?visible=no")), TOKEN.to_owned()),
        Fault::Place(url, extra) => (url.clone(), extra.clone()),
    }
}

#[tokio::test]
async fn each_fault_has_its_kind_and_no_row_and_the_next_answer_heals_it() {
    let (server, faults, broken) = breakable_and_faults().await;
    let (client, source) = (client(), &faults.source);
    for (number, (name, fault, kind)) in faults.table.iter().enumerate() {
        let (url, extra) = address(&server, number, fault);
        let feed = feed(&url, &extra);
        broken.store(true, Ordering::SeqCst);
        let error = match try_fetch(&client, &feed, source).await {
            Err(error) => error,
            Ok(Fetched::Body(body)) => {
                assert!(body.rows.is_empty(), "{name}: {} rows", body.rows.len());
                body.fault().unwrap_or_else(|| panic!("{name}: no error"))
            }
            Ok(other) => panic!("{name}: {other:?}"),
        };
        assert_eq!(error.kind, *kind, "{name}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(CANARY) && !shown.contains("visible"), "{name}: {shown}");
        assert!(
            error.message.chars().count() <= 240 && !error.message.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{name}"
        );
        let wish = error.retry_after;
        assert!(wish.is_none_or(|wish| (1..=3_600).contains(&wish.as_secs())), "{name}: {wish:?}");
        if let Fault::Answer(_) = fault {
            broken.store(false, Ordering::SeqCst);
            assert_eq!(body(&client, &feed, source).await.rows.len(), 5, "{name}: no recovery");
        }
    }
}

/// Whether an endpoint asked to be left alone for longer than a test lasts.
fn asks_for_patience(fault: &Fault) -> bool {
    matches!(fault, Fault::Answer(Reply::Bytes(bytes)) if String::from_utf8_lossy(bytes).contains("Retry-After"))
}

/// All at once, each a contract of its own: the reason shown is the right one, nothing is stored, and all come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_reaches_the_health_of_its_feed_and_never_the_store() {
    let (server, faults, broken) = breakable_and_faults().await;
    let Faults { table, source, .. } = &faults;
    let source = Arc::new(MemorySource {
        secrets: Mutex::new(source.secrets.lock().unwrap().clone()),
        config_maps: Mutex::new(source.config_maps.lock().unwrap().clone()),
    });
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, Clock::rehearsal(NOW.parse().unwrap(), 3_600.0).unwrap(), source);
    let (scheduler, store) = (running.scheduler.clone(), running.store.clone());
    let uid = |number: usize| format!("uid-{number}");
    let hourly = |url: &str, extra: &str, number| task(&uid(number), url, &format!(r#","interval":"1h"{extra}"#));
    for (number, (_, fault, _)) in table.iter().enumerate() {
        let (url, extra) = address(&server, number, fault);
        scheduler.set_feeds_of(&uid(number), vec![hourly(&url, &extra, number)]);
    }
    let health = |number| scheduler.health_of(&uid(number)).get("acd").cloned();
    for (number, (name, _, kind)) in table.iter().enumerate() {
        let is_reported =
            || health(number).is_some_and(|health| !health.is_healthy() && health.reason == kind.reason());
        eventually(&format!("{name}: {kind}"), async || is_reported()).await;
    }
    for (number, (name, ..)) in table.iter().enumerate() {
        let message = health(number).unwrap().message;
        assert!(!message.contains(CANARY) && !message.contains("visible"), "{name}: {message}");
        assert!(store.rows(&uid(number), "acd", 0).await.unwrap().is_empty(), "{name}: rows of a fault");
    }
    broken.store(false, Ordering::SeqCst);
    for (number, (_, fault, _)) in table.iter().enumerate() {
        // Who must wait, or is at a wrong address, is edited; the others come back by themselves.
        if asks_for_patience(fault) || matches!(fault, Fault::Place(..)) {
            scheduler.set_feeds_of(&uid(number), vec![hourly(&server.url(&format!("/{number}/repaired")), "", number)]);
        }
    }
    let healed = |number| health(number).is_some_and(|health| health.is_healthy() && !health.backfilling);
    for (number, (name, ..)) in table.iter().enumerate() {
        eventually(&format!("{name}: healthy again"), async || healed(number)).await;
        assert_eq!(store.rows(&uid(number), "acd", 0).await.unwrap().len(), 5, "{name}");
    }
    running.end().await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    // (the first answers, how many requests, whether it succeeds)
    let cases = [
        (vec!["503 Service Unavailable", "502 Bad Gateway"], 3, true),
        (vec!["429 Too Many Requests"], 2, true),
        (vec!["504 Gateway Timeout"; 3], 3, false),
        (vec!["500 Internal Server Error"], 1, false),
        (vec!["404 Not Found"], 1, false),
        (vec!["401 Unauthorized"], 1, false),
    ];
    for (answers, requests, succeeds) in cases {
        let script = Mutex::new(answers.clone());
        let server = Server::start(move |_| {
            let mut left = script.lock().unwrap();
            if left.is_empty() { Reply::json(native(0, 1, None)) } else { Reply::answer(left.remove(0), &[], "") }
        })
        .await;
        let source = source_for(&server);
        let outcome = try_fetch(&client(), &feed(&server.url("/"), ""), &source).await;
        assert_eq!((outcome.is_ok(), server.asked().len()), (succeeds, requests), "{answers:?}");
    }
}
