//! Every way in which an endpoint can fail: each gives its kind and no row, and the next good answer heals it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fetching::{CANARY, body, client, feed, native, source_for, try_fetch};
use super::server::{Reply, Server, gzip};
use crate::feed::error::FailureKind::{self, *};
use crate::feed::fetch::Fetched;

fn status(line: &str) -> Reply {
    Reply::answer(line, &[("Content-Type", "text/plain")], format!("you sent {CANARY}"))
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

/// The faults with the kind that each must give.
fn faults() -> Vec<(&'static str, Reply, FailureKind)> {
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
        ("a clock that is ahead", timed("2026-01-06T09:00:00Z", "2026-01-06T09:30:00Z"), Malformed),
        ("end before start", timed("2026-01-05T09:30:00Z", "2026-01-05T09:00:00Z"), Malformed),
        ("no content", Reply::answer("204 No Content", &[], ""), Status),
        (
            "partial content",
            Reply::answer("206 Partial Content", &[("Content-Type", "application/json")], &good),
            Status,
        ),
        ("304 that nobody asked for", Reply::answer("304 Not Modified", &[], ""), Status),
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

#[tokio::test]
async fn each_fault_gives_its_kind_and_no_row_and_the_next_answer_heals_it() {
    let faults = faults();
    assert!(faults.len() >= 60, "{}", faults.len());
    let broken = Arc::new(AtomicBool::new(true));
    let reply = Arc::new(Mutex::new(Reply::Bytes(Vec::new())));
    let server = Server::start({
        let (broken, reply) = (broken.clone(), reply.clone());
        move |_| {
            if broken.load(Ordering::SeqCst) { reply.lock().unwrap().clone() } else { Reply::json(native(0, 5, None)) }
        }
    })
    .await;
    let source = source_for(&server);
    let feed =
        feed(&server.url("/v1?visible=no"), r#","auth":{"bearer":{"tokenSecretRef":{"name":"acme","key":"token"}}}"#);
    let client = client();
    for (name, fault, kind) in faults {
        *reply.lock().unwrap() = fault;
        broken.store(true, Ordering::SeqCst);
        let error = match try_fetch(&client, &feed, &source).await {
            Err(error) => error,
            Ok(Fetched::Body(body)) => {
                assert!(body.rows.is_empty(), "{name}: {} rows", body.rows.len());
                body.fault().unwrap_or_else(|| panic!("{name}: no error"))
            }
            Ok(Fetched::Unchanged) => panic!("{name}: unchanged"),
        };
        assert_eq!(error.kind, kind, "{name}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(CANARY) && !shown.contains("visible"), "{name}: {shown}");
        assert!(
            error.message.chars().count() <= 240 && !error.message.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{name}"
        );
        let wish = error.retry_after;
        assert!(wish.is_none_or(|wish| (1..=3_600).contains(&wish.as_secs())), "{name}: {wish:?}");
        broken.store(false, Ordering::SeqCst);
        assert_eq!(body(&client, &feed, &source).await.rows.len(), 5, "{name}: no recovery");
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_have_their_kinds() {
    let server = Server::start(|_| Reply::json("")).await;
    let closed = server.url("/");
    drop(server);
    let source = crate::feed::credentials::tests::MemorySource::default();
    let cases =
        [(closed.as_str(), Connect), ("http://unknown.invalid/", Dns), ("http://", Denied), ("gopher://x/", Denied)];
    for (url, kind) in cases {
        let error = try_fetch(&client(), &feed(url, ""), &source).await.unwrap_err();
        assert_eq!(error.kind, kind, "{url}: {error}");
    }
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
