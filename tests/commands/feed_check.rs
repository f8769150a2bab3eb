//! `kubectl bpo feed check` against endpoints that are right, wrong, away or doubtful.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::date;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use testkit::vendor;
use tokio::net::TcpListener;
use vendor::{Dataset, Fault, FeedRow, INTERVALS, VendorServer};

use crate::plugin::{Said, file, plugin};

const CANARY: &str = "canary-f00d-5ecret";
const NOW: &str = "2026-02-01T00:00:00Z";
const LOOPBACK: [&str; 2] = ["--allow-network", "127.0.0.0/8"];
const JANUARY: [&str; 4] = ["--from", "2026-01-01T00:00:00Z", "--until", NOW];

/// The rules of the findings, each once.
fn rules_of(said: &Said) -> Vec<String> {
    let json = said.json();
    let findings = json["findings"].as_array().unwrap();
    let mut rules: Vec<String> = findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
    rules.dedup();
    rules
}

/// Runs the program beside the servers of this test.
async fn check(arguments: &[&str]) -> Said {
    let arguments: Vec<String> =
        ["feed", "check"].iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
    let run = move || plugin(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A server that answers with `answer`; it ends with the test.
async fn serve(answer: impl Fn(&HeaderMap) -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/intervals", listener.local_addr().unwrap());
    let router = Router::new().fallback(move |request: Request| {
        let response = answer(request.headers());
        async move { response }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn json_answer(body: String) -> Response {
    Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
}

fn native(offered: usize, more: &str) -> String {
    let row = r#""start":"2026-01-31T23:00:00Z","end":"2026-01-31T23:30:00Z""#;
    format!(r#"{{"schema":"bpo-feed/v1","rows":[{{{row},"measures":{{"offered":{offered}}}}}],{more}"next":null}}"#)
}

/// A contract whose only feed is `acd`, with more lines of it.
fn contract(folder: &TempDir, url: &str, lines: &str) -> String {
    let text = format!(
        "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  feeds:
    - name: acd
      url: {url}
{lines}"
    );
    file(folder, "contract.yaml", &text)
}

#[tokio::test]
async fn a_right_endpoint_is_accepted_with_all_its_pages_and_summarised() {
    let folder = tempfile::tempdir().unwrap();
    let server = VendorServer::start(Dataset::story().with_token(CANARY)).await.unwrap();
    let token = file(&folder, "token", &format!("{CANARY}\n"));
    let url = server.url(INTERVALS);
    let arguments = [&[url.as_str(), "--bearer-token-file", &token, "--now", NOW], &LOOPBACK[..], &JANUARY].concat();
    let said = check(&[&arguments[..], &["-o", "json"]].concat()).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let json = said.json();
    let read = &json["read"];
    // 22 weekdays of 24 half hours, two sites, three tiers, on pages of 2,000.
    assert_eq!((&read["rows"], &read["pages"], &read["labelSets"]), (&3168.into(), &2.into(), &6.into()));
    assert_eq!((&read["rowsByLengthSeconds"]["1800"], &read["askedTwice"]), (&3168.into(), &"SameBytes".into()));
    assert!(read["kpis"].as_array().unwrap().contains(&"ServiceLevel".into()), "{read}");
    assert_eq!(read["gaps"].as_array().unwrap().len(), 21 * 6, "a night or a week-end between the days");
    assert_eq!((&json["accepted"], json["findings"].as_array().unwrap().len()), (&true.into(), 0), "{json}");
    assert_eq!(server.count(INTERVALS).latest_until, Some(NOW.parse().unwrap()));

    let text = check(&arguments).await;
    for fragment in [
        "rows        3168 on 2 pages, all taken",
        "intervals   30m (3168)",
        "tier (gold, platinum, standard)",
        "asked twice",
        "The operator takes all of it.",
    ] {
        assert!(text.out.contains(fragment), "{fragment:?} is missing:\n{}", text.out);
    }
    assert!(!format!("{}{}{}", said.out, text.out, text.err).contains(CANARY));
}

#[tokio::test]
async fn each_fault_of_an_endpoint_is_reported_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let server = VendorServer::start(Dataset::real_day(date(2026, 1, 30), &TimeZone::UTC)).await.unwrap();
    let manifest = contract(&folder, &server.url(INTERVALS), "      timeout: 1s\n");
    let arguments = [&["-f", &manifest, "--feed", "acd", "--now", NOW, "-o", "json"], &LOOPBACK[..], &JANUARY].concat();
    let cases = [
        (Fault::Status(500, None), 1, "Status", "server's log"),
        (Fault::Status(401, None), 1, "Auth", "--bearer-token-file"),
        (Fault::Status(429, Some("3600".to_owned())), 1, "RateLimited", "limit"),
        (Fault::Redirect("http://169.254.169.254/".to_owned()), 1, "Status", "the address that answers"),
        (Fault::Html, 1, "Malformed", "Content-Type: application/json"),
        (Fault::Empty, 1, "Malformed", "\"rows\": […]"),
        (Fault::CutOff, 1, "Malformed", "\"rows\": […]"),
        (Fault::OtherSchema, 1, "Malformed", "\"schema\": \"bpo-feed/v1\""),
        (Fault::NotANumber, 1, "Malformed", "\"rows\": […]"),
        (Fault::Huge(11_000_000), 1, "TooLarge", "cursor in \"next\""),
        (Fault::Truncated, 2, "Connect", "listens"),
        (Fault::Stalled, 2, "Timeout", "smaller pages"),
        (Fault::Dripping, 2, "Timeout", "smaller pages"),
    ];
    for (fault, code, rule, write) in cases {
        server.fail(INTERVALS, Some(fault.clone()));
        let said = check(&arguments).await;
        assert_eq!(said.code, code, "{fault:?}: {}{}", said.out, said.err);
        if code == 1 {
            let finding = &said.json()["findings"][0];
            assert_eq!((&finding["cost"], &finding["rule"]), (&"AnswerRefused".into(), &rule.into()), "{fault:?}");
            assert!(finding["write"].as_str().unwrap().contains(write), "{fault:?}: {finding}");
        } else {
            assert!(said.err.contains(rule) && said.err.contains(write), "{fault:?}: {}", said.err);
        }
    }
    server.fail(INTERVALS, None);
    assert_eq!(check(&arguments).await.code, 0);
}

#[tokio::test]
async fn rows_of_a_later_page_are_reported_with_their_page_and_number() {
    let half_hour = |number: i64, offered: i64| {
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |slots: i64| start + jiff::SignedDuration::from_mins(30 * slots);
        FeedRow::new(
            at(number % 1_400),
            at(number % 1_400 + 1),
            &[("queue", if number < 1_400 { "a" } else { "b" })],
            &[("answered", offered), ("answeredWithin", 5)],
        )
    };
    let mut rows: Vec<FeedRow> = (0..2_800).map(|number| half_hour(number, 9)).collect();
    rows[2_799] = half_hour(2_799, 4);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let url = server.url(INTERVALS);
    let said = check(&[&[url.as_str(), "--now", NOW, "-o", "json"], &LOOPBACK[..], &JANUARY].concat()).await;
    assert_eq!(said.code, 1, "{}", said.err);
    let findings = said.json()["findings"].clone();
    let finding = &findings[0];
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings}");
    assert_eq!(
        (&finding["cost"], &finding["rule"], &finding["page"], &finding["row"]),
        (&"RowRefused".into(), &"PartAboveWhole".into(), &2.into(), &799.into())
    );
    assert!(finding["found"].as_str().unwrap().starts_with("answeredWithin of answered"), "{finding}");
}

/// An answer with a tag, or 304 to a server that still knows it.
fn tagged(headers: &HeaderMap, knows: bool) -> Response {
    let unchanged = knows && headers.get("if-none-match").is_some_and(|tag| tag == "\"v1\"");
    let mut response = if unchanged {
        Response::builder().status(304).body(String::new().into()).unwrap()
    } else {
        json_answer(native(7, ""))
    };
    response.headers_mut().insert("etag", "\"v1\"".parse().unwrap());
    response
}

#[tokio::test]
async fn a_second_request_shows_whether_the_endpoint_repeats_what_it_said() {
    type Script = fn(&HeaderMap, usize) -> Response;
    let cases: [(&str, Script, &str, &[&str]); 6] = [
        ("a tag that it knows", |headers, _| tagged(headers, true), "Unchanged", &[]),
        ("a tag that it forgets", |headers, _| tagged(headers, false), "SameBytes", &[]),
        ("no tag", |_, _| json_answer(native(7, "")), "SameBytes", &[]),
        ("other bytes", |_, turn| json_answer(native(7, &format!("\"took\":{turn},"))), "SameRows", &[]),
        ("other figures", |_, turn| json_answer(native(turn, "")), "OtherRows", &["NotRepeatable"]),
        (
            "a failure",
            |_, turn| match turn {
                0 => json_answer(native(7, "")),
                _ => Response::builder().status(500).body(String::new().into()).unwrap(),
            },
            "Failed",
            &["NotRepeatable"],
        ),
    ];
    for (name, script, word, rules) in cases {
        let turn = Arc::new(AtomicUsize::new(0));
        let url = serve(move |headers| script(headers, turn.fetch_add(1, Ordering::SeqCst))).await;
        let said = check(&[&[url.as_str(), "--now", NOW, "-o", "json"], &LOOPBACK[..]].concat()).await;
        assert_eq!((said.code, &said.json()["read"]["askedTwice"]), (0, &word.into()), "{name}: {}", said.out);
        assert_eq!(rules_of(&said), rules, "{name}");
    }
}

#[tokio::test]
async fn a_clock_that_is_ahead_is_seen_by_its_date_header() {
    let url = serve(|_| {
        let mut response = json_answer(native(7, ""));
        response.headers_mut().insert("date", "Fri, 31 Dec 2100 23:59:59 GMT".parse().unwrap());
        response
    })
    .await;
    let said = check(&[&[url.as_str(), "--now", "2026-01-31T22:00:00Z", "-o", "json"], &LOOPBACK[..]].concat()).await;
    assert_eq!(
        (said.code, rules_of(&said)),
        (1, vec!["InFuture".to_owned(), "ClockDiffers".to_owned()]),
        "{}",
        said.out
    );
    let findings = &said.json()["findings"];
    assert!(findings[0]["found"].as_str().unwrap().starts_with("starts 1h after now"), "{findings}");
    assert!(findings[1]["found"].as_str().unwrap().contains("ahead of this one"), "{findings}");
}

#[tokio::test]
async fn a_token_that_the_endpoint_sends_back_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let token = file(&folder, "token", CANARY);
    let echo = |headers: &HeaderMap| headers["authorization"].to_str().unwrap().to_owned();
    let bodies: [fn(&str) -> String; 4] = [
        |canary| format!("you sent {canary}"),
        |canary| format!(r#"{{"schema":"{canary}","rows":[],"next":null}}"#),
        |canary| native(7, "").replace("\"measures\"", &format!("\"labels\":{{\"queue\":\"{canary}\"}},\"measures\"")),
        |canary| native(7, "").replace("\"offered\":7", &format!("\"offered\":\"{canary}\"")),
    ];
    for body in bodies {
        let url = serve(move |headers| json_answer(body(&echo(headers)))).await;
        for output in ["table", "json"] {
            let arguments = [url.as_str(), "--bearer-token-file", &token, "--now", NOW, "-o", output];
            let said = check(&[&arguments, &LOOPBACK[..]].concat()).await;
            assert!(said.code < 2 && !said.out.contains(CANARY) && !said.err.contains(CANARY), "{}", said.out);
            assert!(said.out.contains("[redacted]"), "the endpoint sent it back: {}", said.out);
        }
    }
    let asked = check(&["https://feeds.acme.example/", "--bearer-token", CANARY]).await;
    assert_eq!(asked.code, 2, "no argument takes a secret");
}

#[tokio::test]
async fn a_feed_is_checked_with_its_own_auth_by_secrets_of_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let url = serve(|headers| match headers.get("x-key").is_some_and(|key| key == CANARY) {
        true => json_answer(native(7, "")),
        false => Response::builder().status(401).body("no".into()).unwrap(),
    })
    .await;
    let auth = "      auth: {apiKey: {header: X-Key, secretRef: {name: acme, key: key}}}\n";
    let manifest = contract(&folder, &url, auth);
    let host = url.split('/').nth(2).unwrap();
    let secret = |hosts: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: acme\n  annotations: {{bpo-operator.io/allowed-hosts: \"{hosts}\"}}\n{more}"
        )
    };
    let plain = format!("stringData: {{key: {CANARY}}}\n");
    for (content, code, fragment) in [
        (secret(host, &plain), 0, "\"taken\": 1"),
        (secret(host, "data: {key: Y2FuYXJ5LWYwMGQtNWVjcmV0}\n"), 0, "\"taken\": 1"),
        (secret("elsewhere.example", &plain), 2, "SecretNotAllowed"),
        (secret(host, "stringData: {other: x}\n"), 2, "SecretNotFound"),
        (secret(host, "data: {key: \"canary!\"}\n"), 2, "not base64"),
        ("kind: Service\nmetadata: {name: acme}\n".to_owned(), 2, "neither a Secret nor a ConfigMap"),
    ] {
        let secrets = file(&folder, "secret.yaml", &content);
        let arguments = ["-f", &manifest, "--feed", "acd", "--secrets", &secrets, "--now", NOW, "-o", "json"];
        let said = check(&[&arguments[..], &LOOPBACK].concat()).await;
        assert_eq!(said.code, code, "{content}: {}{}", said.out, said.err);
        assert!(format!("{}{}", said.out, said.err).contains(fragment), "{content}: {}{}", said.out, said.err);
        assert!(!said.out.contains("canary") && !said.err.contains("canary"), "{}{}", said.out, said.err);
    }
}

#[tokio::test]
async fn bad_usage_and_what_cannot_be_reached_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/v1?key={CANARY}", listener.local_addr().unwrap());
    drop(listener);
    let empty = file(&folder, "empty", " \n");
    let manifest = contract(&folder, "https://feeds.acme.example/v1", "");
    let metrics = folder.path().join("metrics");
    std::fs::create_dir(&metrics).unwrap();
    let lines = "      format: {openMetrics: {measures: [{name: offered, metric: calls_total}]}}\n";
    let scraped = std::fs::read_to_string(&manifest).unwrap() + lines;
    std::fs::write(metrics.join("contract.yaml"), scraped).unwrap();
    let metrics = metrics.to_str().unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&[], "URL|FILE"),
        (&["nowhere.json"], "nowhere.json"),
        (&["feeds.acme.example/v1"], "begins with https://"),
        (&["https://feeds.acme.example/", "--from", "yesterday"], "--from"),
        (&["https://feeds.acme.example/", "--from", NOW, "--until", NOW], "is not before"),
        (&["https://feeds.acme.example/", "--bearer-token-file", &empty], "is empty"),
        (&["https://feeds.acme.example/", "--feed", "acd"], "--filename"),
        (&["-f", &manifest, "--feed", "other"], "there are: care/acd"),
        (&["-f", metrics, "--feed", "acd"], "rows of metrics"),
        (&[&closed], "--allow-network"),
        (&[&closed, "--allow-network", "127.0.0.0/8"], "Connection refused"),
        (&["http://user:canary-f00d-5ecret@127.0.0.1/", "--allow-network", "127.0.0.0/8"], "user information"),
    ];
    for (arguments, fragment) in cases {
        let said = check(arguments).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(fragment) && !said.err.contains(CANARY), "{arguments:?}: {}", said.err);
    }
}

#[tokio::test]
async fn saved_answers_are_checked_in_the_format_of_a_contract() {
    let folder = tempfile::tempdir().unwrap();
    let data = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports").join(name);
    // The exports are of days in January; Avaya's has a line with a figure that is none.
    for (product, code, rules, rows) in
        [("amazon-connect", 0, vec![], 3), ("genesys-cloud", 0, vec![], 6), ("avaya-bcms", 1, vec!["Malformed"], 2)]
    {
        let mapping = std::fs::read_to_string(data(&format!("{product}.yaml"))).unwrap();
        let lines: String = mapping.lines().map(|line| format!("      {line}\n")).collect();
        let manifest = contract(&folder, "https://feeds.acme.example/export.csv", &lines);
        let export = data(&format!("{product}.csv"));
        let arguments = [export.to_str().unwrap(), "-f", &manifest, "--feed", "care/acd", "-o", "json"];
        let said = check(&arguments).await;
        assert_eq!((said.code, rules_of(&said)), (code, rules.into_iter().map(str::to_owned).collect()), "{product}");
        assert_eq!(said.json()["read"]["taken"], rows, "{product}");
    }
}

#[tokio::test]
async fn the_help_teaches_by_examples() {
    let help = check(&["--help"]).await;
    for fragment in ["Examples:", "--bearer-token-file token.txt", "--allow-network 127.0.0.0/8", "Exit code 0"] {
        assert!(help.out.contains(fragment), "{fragment:?} is missing:\n{}", help.out);
    }
}
