//! A canary in every kind of credential, and a sink on a second host: whatever an answer says, nothing of a credential gets there.

use serde_json::{Value, json};

use super::fetching::{CANARY, client};
use super::server::{Asked, Reply, Server};
use crate::api::feed::Feed;
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, Life, Step};
use crate::feed::time_window::Window;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{parse_url, resolve};
use crate::outbound::error::{FailureKind, FetchError};

/// What happens to a way to the second host.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    /// The fetch fails, and the second host is not connected to.
    Fails(FailureKind),
    /// The fetch goes on without the second host.
    Goes,
    /// The second host is asked, without any credential.
    Asks,
}

/// A way by which an answer leads to a second host.
struct Way {
    name: &'static str,
    /// Members of the feed; `HOST` is replaced by the vendor's host.
    feed: Value,
    /// What the vendor answers; the text is the address of the second host.
    reply: fn(&Asked, &str) -> Reply,
    /// What happens to it where the Secret names the vendor's host alone.
    ends: Ends,
    /// And where it names the second host, too.
    listed: Ends,
}

/// How a feed shows who it is; `HOST` is replaced by the vendor's host.
fn kinds() -> Vec<(&'static str, Value)> {
    let secret = |key: &str| json!({"name": "acme", "key": key});
    vec![
        ("bearer", json!({"bearer": {"tokenSecretRef": secret("token")}})),
        ("basic", json!({"basic": {"usernameSecretRef": secret("user"), "passwordSecretRef": secret("token")}})),
        ("header", json!({"apiKey": {"header": "X-Key", "secretRef": secret("token")}})),
        ("query", json!({"apiKey": {"query": "key", "secretRef": secret("token")}})),
        ("hmac", json!({"hmac": {"header": "X-Signature", "secretRef": secret("token")}})),
        (
            "awsSigV4",
            json!({"awsSigV4": {"region": "eu-central-1", "service": "s3", "accessKeyIdSecretRef": secret("user"),
                "secretAccessKeySecretRef": secret("token"), "sessionTokenSecretRef": secret("session")}}),
        ),
        (
            "oauth2",
            json!({"oauth2": {"tokenUrl": "HOST/token", "clientIdSecretRef": secret("user"),
                "clientSecretSecretRef": secret("token")}}),
        ),
        (
            "oauth2, refreshed",
            json!({"oauth2": {"tokenUrl": "HOST/token", "clientIdSecretRef": secret("user"), "clientIn": "Form",
                "clientSecretSecretRef": secret("token"), "grant": "RefreshToken", "refreshTokenSecretRef": secret("session")}}),
        ),
        (
            "login",
            json!({"login": {"url": "HOST/token", "json": "{\"password\": \"{password}\"}", "token": "$.access_token",
                "secrets": [{"name": "password", "secretRef": secret("token")}], "send": {"header": "X-Key"}}}),
        ),
        (
            "jwtBearer, exchanged",
            json!({"jwtBearer": {"tokenUrl": "HOST/token", "keySecretRef": secret("pem"), "algorithm": "RS256", "issuer": "feeds"}}),
        ),
        (
            "jwtBearer, sent",
            json!({"jwtBearer": {"keySecretRef": secret("pem"), "algorithm": "RS256", "issuer": "feeds"}}),
        ),
    ]
}

fn rows(more: &str) -> Reply {
    Reply::json(format!(r#"{{"rows":[{{"at":"2026-01-05T09:00:00Z","n":7}}]{more}}}"#))
}

fn moved(status: &str, to: &str) -> Reply {
    Reply::answer(status, &[("Location", to)], "")
}

fn link(relation: &str, to: &str, body: &str) -> Reply {
    let value = format!("<{to}>; rel=\"{relation}\"");
    Reply::answer("200 OK", &[("Content-Type", "application/json"), ("Link", &value)], body)
}

/// A report whose state or file may lie elsewhere.
fn job(start: Value, ask: &str, fetch: Value) -> Value {
    let mut start = start;
    start["url"] = json!("HOST/make");
    let ask = json!({"url": ask, "state": "$.state", "done": ["done"], "handle": "$.file"});
    let mut job = json!({"start": start, "ask": ask});
    if !fetch.is_null() {
        job["fetch"] = json!({ "url": fetch });
    } else {
        job["ask"].as_object_mut().unwrap().remove("handle");
    }
    json!({ "job": job })
}

fn folder(list: &str) -> Value {
    json!({"url": "HOST/reports/", "files": {"list": list, "name": "calls-{made:%Y%m%d}.csv"},
        "format": {"csv": {"start": {"columns": ["Start"]}, "measures": [{"name": "offered", "column": "Offered"}]}}})
}

fn ways() -> Vec<Way> {
    use Ends::{Asks, Fails, Goes};
    let refused = Fails(FailureKind::Denied);
    let way = |name, feed, reply, ends, listed| Way { name, feed, reply, ends, listed };
    let never = |name, feed, reply, kind| way(name, feed, reply, Fails(kind), Fails(kind));
    let next = json!({"pagination": {"nextUrl": {"path": "$.next"}}});
    vec![
        never("a redirect", json!({}), |_, sink| moved("302 Found", &format!("{sink}/v1")), FailureKind::Status),
        never(
            "a redirect of a POST",
            json!({"request": {"method": "Post", "json": "{}"}}),
            |_, sink| moved("307 Temporary Redirect", &format!("{sink}/v1")),
            FailureKind::Status,
        ),
        never("a lasting redirect", json!({}), |_, sink| moved("308 Permanent Redirect", sink), FailureKind::Status),
        way("a next page", next.clone(), |_, sink| rows(&format!(r#","next":"{sink}/v1?page=2""#)), refused, Asks),
        way(
            "a next page without a scheme",
            next,
            |_, sink| rows(&format!(r#","next":"{}/v1""#, sink.trim_start_matches("http:"))),
            refused,
            Asks,
        ),
        way(
            "a Link header",
            json!({"pagination": {"linkHeader": {}}}),
            |_, sink| link("next", &format!("{sink}/v1"), r#"{"rows":[]}"#),
            refused,
            Asks,
        ),
        way(
            "the status of a job in a Link header",
            job(json!({"link": "status"}), "{handle}", Value::Null),
            |_, sink| link("status", &format!("{sink}/state"), r#"{"state":"made"}"#),
            refused,
            Asks,
        ),
        way(
            "the status of a job in its answer",
            job(json!({"handle": "$.id"}), "{handle}", Value::Null),
            |_, sink| Reply::json(format!(r#"{{"id":"{sink}/state"}}"#)),
            refused,
            Asks,
        ),
        way(
            "the file of a job",
            job(json!({"handle": "$.id"}), "HOST/made/{handle}", json!("{handle}")),
            |asked, sink| match asked.target.starts_with("/make") {
                true => Reply::json(r#"{"id":"7"}"#),
                false => Reply::json(format!(r#"{{"state":"done","file":"{sink}/file"}}"#)),
            },
            refused,
            Asks,
        ),
        never(
            "a redirect of a job's file",
            job(json!({"handle": "$.id"}), "HOST/made/{handle}", json!("HOST/file/{handle}")),
            |asked, sink| match asked.target.split(['/', '?']).nth(1) {
                Some("make") => Reply::json(r#"{"id":"7"}"#),
                Some("made") => Reply::json(r#"{"state":"done","file":"7"}"#),
                _ => moved("302 Found", &format!("{sink}/file")),
            },
            FailureKind::Status,
        ),
        way(
            "a page of links",
            folder("Index"),
            |_, sink| Reply::answer("200 OK", &[], format!("<a href=\"{sink}/reports/calls-20260105.csv\">calls</a>")),
            Goes,
            Goes,
        ),
        never(
            "a redirect of a file in a page of links",
            folder("Index"),
            |asked, sink| match asked.target.contains("calls-") {
                false => Reply::answer("200 OK", &[], "<a href=\"calls-20260105.csv\">calls</a>"),
                true => moved("302 Found", &format!("{sink}/calls-20260105.csv")),
            },
            FailureKind::Status,
        ),
        never(
            "a bucket's token and a redirect of its file",
            folder("S3"),
            |asked, sink| match (asked.target.contains("calls-"), asked.target.contains("continuation-token")) {
                (false, false) => Reply::answer(
                    "200 OK",
                    &[],
                    format!(
                        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{sink}/</NextContinuationToken>\
                         <Contents><Key>{sink}/calls-20260105.csv</Key></Contents></ListBucketResult>"
                    ),
                ),
                (false, true) => Reply::answer(
                    "200 OK",
                    &[],
                    "<ListBucketResult><Contents><Key>calls-20260105.csv</Key></Contents></ListBucketResult>",
                ),
                (true, _) => moved("307 Temporary Redirect", &format!("{sink}/calls-20260105.csv")),
            },
            FailureKind::Status,
        ),
    ]
}

/// Asks the feed until it has an answer.
async fn attempt(feed: &Feed, source: &MemorySource) -> Result<(), FetchError> {
    let at = |text: &str| text.parse().unwrap();
    let window = Window { since: at("2026-01-05T00:00:00Z"), until: at("2026-01-05T12:00:00Z") };
    let credentials = resolve(feed, &parse_url(feed.address())?, "team", source).await?;
    let (client, mut ticket) = (client(), None);
    loop {
        let request = FetchRequest {
            feed,
            namespace: "team",
            time_zone: "UTC",
            window,
            now: at("2026-01-06T00:00:00Z"),
            credentials: &credentials,
            validators: None,
            known: None,
            state: None,
            life: Life::default(),
            step: Step { ticket: ticket.as_ref(), ..Step::default() },
        };
        match fetch(&client, &request).await? {
            Fetched::Waiting(waiting) => ticket = Some(*waiting),
            Fetched::Files { failure: Some(error), .. } => return Err(error),
            Fetched::Body(_) | Fetched::Files { .. } => return Ok(()),
            Fetched::Unchanged | Fetched::Repeated(_) => panic!("nothing was asked before"),
        }
    }
}

const PEM: &str = include_str!("../../../tests/data/keys/rsa-for-tests-alone.pem");

/// What of a credential a request carries: a header or a parameter for it, or the canary anywhere.
fn carried(asked: &Asked) -> Option<String> {
    let headers = ["authorization", "cookie", "x-key", "x-signature", "x-amz-security-token", "x-bpo-timestamp"];
    let header = headers.iter().find(|name| asked.header(name).is_some()).map(|name| (*name).to_owned());
    let whole = format!("{}\n{}", asked.head, asked.body);
    let key = PEM.lines().nth(1).unwrap();
    let text = ["canary", "assertion=", "key=", key].into_iter().find(|text| whole.contains(text));
    header.or_else(|| text.map(str::to_owned))
}

/// A vendor whose token endpoint works, and says where else its tokens might go.
async fn vendor(reply: fn(&Asked, &str) -> Reply, sink: String, token: fn(&str) -> Reply) -> Server {
    Server::start(move |asked| if asked.target == "/token" { token(&sink) } else { reply(asked, &sink) }).await
}

fn token(sink: &str) -> Reply {
    Reply::json(format!(
        r#"{{"access_token":"canary-token-1234","token_type":"Bearer","expires_in":3600,"refresh_token":"canary-next","instance_url":"{sink}","resource_server_base_uri":"{sink}"}}"#
    ))
}

async fn sink() -> Server {
    Server::start(|_| Reply::json(r#"{"state":"done","file":"7","rows":[{"at":"2026-01-05T09:00:00Z","n":7}]}"#)).await
}

/// Goes one way with one kind of credential, and says what is wrong with where it led.
async fn goes(way: &Way, kind: &str, auth: &Value, is_listed: bool, token: fn(&str) -> Reply) {
    let sink = sink().await;
    let server = vendor(way.reply, sink.url(""), token).await;
    let mut feed = json!({"name": "acd", "timeout": "5s", "cadence": "30m", "auth": auth, "format": {"json": {
        "rows": "$.rows[*]", "start": "$.at", "measures": [{"name": "offered", "path": "$.n"}]}}});
    feed.as_object_mut().unwrap().extend(way.feed.as_object().unwrap().clone());
    if feed.get("url").is_none() && feed.get("job").is_none() {
        feed["url"] = json!("HOST/v1");
    }
    let feed: Feed = serde_json::from_str(&feed.to_string().replace("HOST", &server.url(""))).unwrap();
    let source = MemorySource::default();
    let hosts = if is_listed { format!("{}, {}", server.address, sink.address) } else { server.address.to_string() };
    let values = [("token", CANARY), ("user", "canary-user"), ("session", "canary-session"), ("pem", PEM)];
    source.put("team", "acme", &hosts, &values);
    let (found, what) = (attempt(&feed, &source).await, format!("{kind}, {}, listed {is_listed}", way.name));
    let expected = if is_listed { way.listed } else { way.ends };
    assert!(server.asked().iter().any(|asked| carried(asked).is_some()), "{what}: the vendor itself is shown who asks");
    let leaked: Vec<String> = sink.asked().iter().filter_map(carried).collect();
    assert_eq!(leaked, Vec::<String>::new(), "{what}");
    assert_eq!(sink.connections() > 0, expected == Ends::Asks, "{what}: {found:?}");
    match (expected, &found) {
        (Ends::Fails(kind), Err(error)) => {
            assert_eq!(error.kind, kind, "{what}: {error}");
            assert!(!error.message.contains("canary"), "{what}: {error}");
        }
        (Ends::Goes | Ends::Asks, Ok(())) => {}
        _ => panic!("{what}: {found:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn no_credential_reaches_a_second_host_by_any_way_that_an_answer_leads() {
    for (kind, auth) in kinds() {
        for way in ways() {
            for is_listed in [false, true] {
                goes(&way, kind, &auth, is_listed, token).await;
            }
        }
    }
}

#[tokio::test]
async fn no_credential_reaches_a_second_host_by_a_token_endpoint_that_leads_there() {
    let way = Way {
        name: "a redirect of the token endpoint",
        feed: json!({}),
        reply: |_, _| rows(""),
        ends: Ends::Fails(FailureKind::Status),
        listed: Ends::Fails(FailureKind::Status),
    };
    let with_token = kinds().into_iter().filter(|(_, auth)| auth.to_string().contains("HOST/token"));
    let mut count = 0;
    for (kind, auth) in with_token {
        for is_listed in [false, true] {
            goes(&way, kind, &auth, is_listed, |sink| moved("307 Temporary Redirect", &format!("{sink}/token"))).await;
            count += 1;
        }
    }
    assert_eq!(count, 8, "oauth2, login and jwtBearer ask for tokens");
}

/// Without this, the tests above would pass with a sink that nothing could reach, or a watch that sees nothing.
#[tokio::test]
async fn the_canary_is_seen_wherever_a_credential_is_meant_to_go() {
    for (kind, auth) in kinds() {
        let server = vendor(|_, _| rows(""), String::new(), token).await;
        let feed = json!({"name": "acd", "url": server.url("/v1"), "timeout": "5s", "auth": auth, "format": {"json": {
            "rows": "$.rows[*]", "start": "$.at", "measures": [{"name": "offered", "path": "$.n"}]}}});
        let feed: Feed = serde_json::from_str(&feed.to_string().replace("HOST", &server.url(""))).unwrap();
        let source = MemorySource::default();
        let values = [("token", CANARY), ("user", "canary-user"), ("session", "canary-session"), ("pem", PEM)];
        source.put("team", "acme", &server.address.to_string(), &values);
        attempt(&feed, &source).await.unwrap();
        assert!(server.asked().iter().all(|asked| carried(asked).is_some()), "{kind}");
    }
}
