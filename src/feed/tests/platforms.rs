//! Samples of real platforms' answers, through the fetcher, against a server that answers like the platform and checks what it is asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::fetching::client;
use super::server::{Asked, Reply, Server};
use super::{buckets, files, files_of_platforms, reports_of_platforms, sftp};
use crate::api::feed::Feed;
use crate::domain::terms::validation::validate_contract;
use crate::evidence::IncomingRow;
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, FetchedBody, Life, Step};
use crate::feed::time_window::Window;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{parse_url, resolve};
use crate::outbound::error::{FailureKind, FetchError};

/// A platform's sample.
pub(super) struct Sample {
    pub feed: &'static str,
    pub request: &'static str,
    pub expected: Value,
    pub answers: Vec<&'static str>,
}

macro_rules! sample {
    ($name:literal, $($answer:literal),*) => {
        crate::feed::tests::platforms::Sample {
            feed: include_str!(concat!("../../../tests/data/platforms/", $name, "/feed.yaml")),
            request: include_str!(concat!("../../../tests/data/platforms/", $name, "/request.txt")),
            expected: serde_json::from_str(include_str!(concat!("../../../tests/data/platforms/", $name, "/expected.json"))).unwrap(),
            answers: vec![$(include_str!(concat!("../../../tests/data/platforms/", $name, "/", $answer))),*],
        }
    };
}

pub(super) use sample;

fn genesys() -> Sample {
    sample!("genesys-cloud", "answer.json")
}

fn connect() -> Sample {
    sample!("amazon-connect", "answer-1.json", "answer-2.json")
}

fn cxone() -> Sample {
    sample!("nice-cxone", "answer-1.json", "answer-2.json", "answer-3.json")
}

fn webex() -> Sample {
    sample!("webex-contact-center", "answer-1.json", "answer-2.json", "answer-error.json")
}

impl Sample {
    /// The feed with every address of the platform replaced by the server's.
    pub(super) fn feed_at(&self, server: &Server) -> Feed {
        let mut feed: Feed = serde_saphyr::from_str(self.feed).unwrap();
        let moved = |address: &str| {
            let path = address.splitn(4, '/').nth(3).unwrap();
            server.url(&format!("/{path}"))
        };
        if !feed.url.is_empty() {
            feed.url = moved(&feed.url);
        }
        if let Some(job) = &mut feed.job {
            job.start.url = moved(&job.start.url);
            job.ask.url = moved(&job.ask.url);
            job.fetch.iter_mut().for_each(|fetch| fetch.url = moved(&fetch.url));
        }
        // Samples are of times long ago, and need not be asked for at a vendor's pace.
        feed.window.iter_mut().for_each(|window| window.per_minute = None);
        if let Some(auth) = &mut feed.auth {
            auth.oauth2.iter_mut().for_each(|oauth2| oauth2.token_url = moved(&oauth2.token_url));
            auth.login.iter_mut().for_each(|login| login.url = moved(&login.url));
            auth.jwt_bearer.iter_mut().for_each(|jwt| jwt.token_url = jwt.token_url.as_deref().map(moved));
        }
        feed
    }

    pub(super) fn window(&self) -> Window {
        let at = |name: &str| self.expected["asked"][name].as_str().unwrap().parse().unwrap();
        Window { since: at("since"), until: at("until") }
    }

    /// The JSON that `request.txt` shows, from a line `{` to a line `}`.
    pub(super) fn request_body(&self) -> Value {
        let lines: Vec<&str> = self.request.lines().skip_while(|line| *line != "{").collect();
        let end = lines.iter().position(|line| *line == "}").unwrap();
        serde_json::from_str(&lines[..=end].join("\n")).unwrap()
    }

    /// Rows as `expected.json` writes them, the quiet slots as rows of zeros.
    pub(super) fn expected_rows(&self) -> BTreeMap<String, BTreeMap<String, Decimal>> {
        let mut rows: BTreeMap<String, BTreeMap<String, Decimal>> = BTreeMap::new();
        for row in self.expected["rows"].as_array().unwrap() {
            let measures = row["measures"].as_object().unwrap().iter();
            let measures = measures.map(|(name, value)| (name.clone(), value.to_string().parse().unwrap())).collect();
            rows.insert(format!("{} {} {}", row["start"], row["end"], row["labels"]), measures);
        }
        rows
    }
}

pub(super) fn found_rows(rows: &[IncomingRow]) -> BTreeMap<String, BTreeMap<String, Decimal>> {
    let measures =
        |row: &IncomingRow| row.measures.iter().map(|(name, value)| (name.clone(), value.normalize())).collect();
    rows.iter()
        .map(|row| (format!("{} {} {}", json!(row.start), json!(row.end), json!(row.labels)), measures(row)))
        .collect()
}

/// Secrets under the names that the feeds use, for the server alone.
pub(super) fn source(server: &Server) -> MemorySource {
    let source = MemorySource::default();
    for name in ["genesys", "connect", "cxone", "webex", "uccx", "qualtrics", "reports"] {
        let values = [("id", "canary-id"), ("secret", "canary-secret"), ("token", "canary-token")];
        source.put("team", name, &server.address.to_string(), &values);
    }
    source
}

async fn ask(feed: &Feed, source: &MemorySource, window: Window) -> Result<FetchedBody, FetchError> {
    ask_in("UTC", feed, source, window).await
}

/// Fetches a window two hours after its end, for a contract of a zone.
pub(super) async fn ask_in(
    time_zone: &str,
    feed: &Feed,
    source: &MemorySource,
    window: Window,
) -> Result<FetchedBody, FetchError> {
    let credentials = resolve(feed, &parse_url(feed.address())?, "team", source).await?;
    let now = window.until.checked_add(jiff::SignedDuration::from_hours(2)).unwrap();
    let client = client();
    let mut ticket = None;
    loop {
        let request = FetchRequest {
            feed,
            namespace: "team",
            time_zone,
            window,
            now,
            credentials: &credentials,
            validators: None,
            known: None,
            state: None,
            life: Life::default(),
            step: Step { ticket: ticket.as_ref(), ..Step::default() },
        };
        match fetch(&client, &request).await? {
            Fetched::Body(body) => return Ok(*body),
            Fetched::Waiting(waiting) => ticket = Some(*waiting),
            Fetched::Files { .. } => panic!("files are bodies of their own"),
            Fetched::Unchanged | Fetched::Repeated(_) => panic!("nothing was asked before"),
        }
    }
}

/// What a server found wrong with what it was asked.
pub(super) type Wrongs = Arc<Mutex<Vec<String>>>;

pub(super) fn must<T: PartialEq + std::fmt::Debug>(wrongs: &Wrongs, what: &str, found: &T, expected: &T) {
    if found != expected {
        wrongs.lock().unwrap().push(format!("{what}: {found:#?} instead of {expected:#?}"));
    }
}

pub(super) fn method(asked: &Asked) -> String {
    asked.head.split(' ').next().unwrap_or_default().to_owned()
}

/// Fetches the sample and compares every row; the answer is complete, so what is neither a row nor quiet is wrong.
async fn check_rows(sample: &Sample, server: &Server, wrongs: &Wrongs) {
    let body = ask(&sample.feed_at(server), &source(server), sample.window()).await;
    check_body(sample, body, wrongs);
}

/// The rows of the sample and its quiet slots, and nothing else.
pub(super) fn check_body(sample: &Sample, body: Result<FetchedBody, FetchError>, wrongs: &Wrongs) {
    let wrongs = wrongs.lock().unwrap().clone();
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    let body = body.unwrap();
    let (zeros, rows): (Vec<IncomingRow>, Vec<IncomingRow>) =
        body.rows.iter().cloned().partition(|row| row.labels.is_empty());
    assert_eq!(found_rows(&rows), sample.expected_rows());
    let quiet: Vec<Value> = zeros.iter().map(|row| json!({"start": row.start, "end": row.end})).collect();
    let expected = sample.expected.get("quiet").cloned().unwrap_or_else(|| json!([]));
    assert_eq!(Value::from(quiet), expected, "a quiet slot is known, and nothing else is");
    assert!(zeros.iter().all(|row| row.measures.values().all(Decimal::is_zero)));
    assert_eq!(body.rejected, []);
}

#[tokio::test]
async fn genesys_cloud_returns_the_expected_rows() {
    let (sample, wrongs) = (genesys(), Wrongs::default());
    let (expected, answer, log) = (sample.request_body(), sample.answers[0], wrongs.clone());
    let server = Server::start(move |asked| {
        must(&log, "method", &method(asked), &"POST".to_owned());
        if asked.target == "/oauth/token" {
            must(&log, "token", &asked.body, &"grant_type=client_credentials".to_owned());
            must(
                &log,
                "basic",
                &asked.header("authorization"),
                &Some("Basic Y2FuYXJ5LWlkOmNhbmFyeS1zZWNyZXQ=".to_owned()),
            );
            return Reply::json(r#"{"access_token":"canary-bearer","token_type":"bearer","expires_in":"86399"}"#);
        }
        must(&log, "address", &asked.target, &"/api/v2/analytics/conversations/aggregates/query".to_owned());
        must(&log, "media type", &asked.header("content-type"), &Some("application/json".to_owned()));
        must(&log, "bearer", &asked.header("authorization"), &Some("Bearer canary-bearer".to_owned()));
        must(&log, "body", &serde_json::from_str(&asked.body).unwrap_or_default(), &expected);
        Reply::json(answer)
    })
    .await;
    check_rows(&sample, &server, &wrongs).await;
}

#[tokio::test]
async fn amazon_connect_returns_the_expected_rows() {
    let (sample, wrongs) = (connect(), Wrongs::default());
    let (expected, answers, log) = (sample.request_body(), sample.answers.clone(), wrongs.clone());
    let server = Server::start(move |asked| {
        must(&log, "address", &format!("{} {}", method(asked), asked.target), &"POST /metrics/data".to_owned());
        let signed = asked.header("authorization").unwrap_or_default();
        let day: String = asked.header("x-amz-date").unwrap_or_default().chars().take(8).collect();
        let begins = format!(
            "AWS4-HMAC-SHA256 Credential=canary-id/{day}/eu-central-1/connect/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature="
        );
        must(&log, "signature", &signed.strip_prefix(&begins).map(str::len), &Some(64));
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let (mut expected, is_second) = (expected.clone(), body.get("NextToken").is_some());
        if is_second {
            expected["NextToken"] = json!("AAEAAc9fPageTwoMadeUp");
        }
        must(&log, "body", &body, &expected);
        Reply::json(answers[usize::from(is_second)])
    })
    .await;
    check_rows(&sample, &server, &wrongs).await;
    assert_eq!(server.asked().len(), 2);
    assert!(server.asked().iter().all(|asked| !asked.head.contains("canary-secret")));
}

/// A server like CXone's, whose token is refused once where `expires` says so.
async fn cxone_server(wrongs: &Wrongs, expires: Arc<AtomicBool>) -> Server {
    let (answers, log) = (cxone().answers, wrongs.clone());
    Server::start(move |asked| {
        if asked.target == "/authentication/v1/token/access-key" {
            let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
            must(&log, "sign-in", &body, &json!({"accessKeyId": "canary-id", "accessKeySecret": "canary-secret"}));
            must(&log, "method", &method(asked), &"POST".to_owned());
            return Reply::json(
                r#"{"access_token":"canary-bearer","expires_in":3600,"refresh_token":"r","token_type":"Bearer"}"#,
            );
        }
        must(&log, "bearer", &asked.header("authorization"), &Some("Bearer canary-bearer".to_owned()));
        let url = url::Url::parse(&format!("http://cxone{}", asked.target)).unwrap();
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let slots = ["09:00", "09:30", "10:00", "10:30"].map(|time| format!("2026-01-05T{time}:00.000Z"));
        let place = slots.iter().position(|slot| query.first().is_some_and(|(_, start)| start == slot)).unwrap_or(3);
        let pair = |name: &str, place: usize| (name.to_owned(), slots.get(place).cloned().unwrap_or_default());
        must(&log, "query", &query, &vec![pair("startDate", place), pair("endDate", place + 1)]);
        must(&log, "address", &url.path().to_owned(), &"/inContactAPI/services/v31.0/skills/summary".to_owned());
        if place == 1 && expires.swap(false, Ordering::SeqCst) {
            return Reply::answer("401 Unauthorized", &[], "");
        }
        Reply::json(answers.get(place).copied().unwrap_or("{}"))
    })
    .await
}

#[tokio::test]
async fn nice_cxone_returns_the_expected_rows_one_request_a_slot_even_if_the_token_ends_between_them() {
    for expires in [false, true] {
        let wrongs = Wrongs::default();
        let server = cxone_server(&wrongs, Arc::new(AtomicBool::new(expires))).await;
        check_rows(&cxone(), &server, &wrongs).await;
        let sign_ins = server.asked().iter().filter(|asked| asked.target.starts_with("/authentication")).count();
        assert_eq!((sign_ins, server.asked().len()), if expires { (2, 6) } else { (1, 4) });
    }
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

#[tokio::test]
async fn webex_contact_center_returns_the_expected_rows() {
    let (sample, wrongs) = (webex(), Wrongs::default());
    let shown = sample.request.split("{ taskLegDetails").nth(1).unwrap().split("\n\n").next().unwrap();
    let expected = without_spaces(&format!("{{ taskLegDetails{shown}"));
    let (answers, log) = (sample.answers.clone(), wrongs.clone());
    let server = Server::start(move |asked| {
        let address = "POST /search?orgId=0a1b2c3d-1111-4222-8333-abcdefabcdef".to_owned();
        must(&log, "address", &format!("{} {}", method(asked), asked.target), &address);
        must(&log, "bearer", &asked.header("authorization"), &Some("Bearer canary-token".to_owned()));
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let query = without_spaces(body["query"].as_str().unwrap_or_default());
        let is_second = query.contains(r#"cursor:"2""#);
        let cursor = if is_second { r#"cursor:"2""# } else { r#"cursor:"NA""# };
        must(&log, "query", &query, &expected.replace(r#"cursor:"NA""#, cursor));
        Reply::json(answers[usize::from(is_second)])
    })
    .await;
    check_rows(&sample, &server, &wrongs).await;
    assert_eq!(server.asked().len(), 2, "the last page has a cursor, and says that it is the last");
}

#[tokio::test]
async fn faults_of_platforms_have_a_typed_reason_and_give_no_row() {
    let answers = webex().answers;
    let with = |what: &str, instead: &str| Reply::json(answers[0].replace(what, instead));
    let cases = [
        ("an error with status 200", webex(), Reply::json(answers[2]), FailureKind::Malformed, "Field 'handleTimes'"),
        (
            "another page without a cursor",
            webex(),
            with(r#""endCursor": "2""#, r#""endCursor": null"#),
            FailureKind::Malformed,
            "no cursor",
        ),
        (
            "a flag that is none",
            webex(),
            with(r#""hasNextPage": true"#, r#""hasNextPage": "perhaps""#),
            FailureKind::Mapping,
            "neither true nor false",
        ),
        ("a cursor that comes twice", webex(), Reply::json(answers[0]), FailureKind::Malformed, "in a circle"),
        (
            "a cursor that would change the query",
            webex(),
            with(r#""endCursor": "2""#, r#""endCursor": "2\" }) { secrets }""#),
            FailureKind::Malformed,
            "cannot stand in the text",
        ),
        (
            "a page token that comes twice",
            connect(),
            Reply::json(connect().answers[0]),
            FailureKind::Malformed,
            "in a circle",
        ),
        (
            "a renamed member",
            webex(),
            with("intervalStartTime", "intervalStart"),
            FailureKind::Mapping,
            "format.json.start",
        ),
        (
            "a sign-in without a token",
            cxone(),
            Reply::json(r#"{"skillSummaries":[{"outbound":"False","access_token":"t"}]}"#),
            FailureKind::Auth,
            "no text where `token` points",
        ),
        (
            "a page for people instead of a token",
            genesys(),
            Reply::answer("200 OK", &[("Content-Type", "text/html")], "<html>"),
            FailureKind::Auth,
            "token endpoint",
        ),
    ];
    for (what, sample, reply, kind, fragment) in cases {
        let server = Server::start(move |_| reply.clone()).await;
        let error = ask(&sample.feed_at(&server), &source(&server), sample.window()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{what}: {}", error.message);
        assert!(error.message.contains(fragment), "{what}: {}", error.message);
        assert!(!error.message.contains("canary"), "{what}: {}", error.message);
    }
}

#[tokio::test]
async fn a_row_whose_id_has_no_name_is_set_aside_and_makes_no_slot_quiet() {
    let sample = genesys();
    let answer = sample.answers[0].replace("8b7d2f90-2f43-4a6c-8a0b-5d1b9c7e4e22", "00000000-new-queue");
    let server = Server::start(move |asked| match asked.target.as_str() {
        "/oauth/token" => Reply::json(r#"{"access_token":"t","token_type":"Bearer"}"#),
        _ => Reply::json(answer.clone()),
    })
    .await;
    let body = ask(&sample.feed_at(&server), &source(&server), sample.window()).await.unwrap();
    assert_eq!((body.rows.len(), body.rejected.len()), (3, 3), "{:?}", body.rejected);
    assert!(body.rows.iter().all(|row| row.labels.get("queue").is_some_and(|queue| queue == "Billing")));
}

#[tokio::test]
async fn a_token_goes_to_no_host_that_its_secret_does_not_allow() {
    let (sink, wrongs) = (Server::start(|_| Reply::json("{}")).await, Wrongs::default());
    let server = cxone_server(&wrongs, Arc::default()).await;
    let sample = cxone();
    let mut feed = sample.feed_at(&server);
    // The Secret names the host of the sign-in, and not the one that the token would be sent to.
    feed.url = sink.url("/inContactAPI/services/v31.0/skills/summary");
    let error = ask(&feed, &source(&server), sample.window()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::SecretNotAllowed, "{}", error.message);
    assert_eq!((sink.connections(), server.connections()), (0, 0));
}

#[test]
fn the_feeds_are_accepted_and_stand_in_the_recipes() {
    for (name, sample) in [
        ("genesys-cloud", genesys()),
        ("amazon-connect", connect()),
        ("nice-cxone", cxone()),
        ("webex-contact-center", webex()),
        ("cisco-uccx", files_of_platforms::uccx()),
        ("qualtrics", reports_of_platforms::qualtrics()),
        ("s3-connect-reports", files::s3_reports()),
        ("google-cloud-storage", buckets::google()),
        ("azure-blob-storage", buckets::azure()),
        ("sftp", sftp::sample_files()),
    ] {
        let feed: Value = serde_saphyr::from_str(sample.feed).unwrap();
        let contract =
            json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [feed]});
        let findings = validate_contract("care", &serde_json::from_value(contract).unwrap());
        assert!(findings.is_empty(), "{name}: {findings:?}");
        let path = format!("{}/docs/platforms/{name}.md", env!("CARGO_MANIFEST_DIR"));
        let recipe = std::fs::read_to_string(path).unwrap();
        assert!(recipe.contains(sample.feed), "docs/platforms/{name}.md does not show\n{}", sample.feed);
    }
}
