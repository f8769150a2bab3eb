//! Who the operator says it is: tokens that end, are refused or never come, and secrets that change while it runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fetching::{CANARY, body, client, feed, native, source_for, try_fetch};
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server};
use super::tls::{WITH_CA, authority, leaf, server_configuration, trusting};
use crate::outbound::error::FailureKind;

fn oauth(token_url: &str, more: &str) -> String {
    let reference = |key: &str| format!(r#"{{"name":"acme","key":"{key}"}}"#);
    let (id, secret) = (reference("user"), reference("token"));
    format!(
        r#","auth":{{"oauth2":{{"tokenUrl":"{token_url}","clientIdSecretRef":{id},"clientSecretSecretRef":{secret}{more}}}}}"#
    )
}

fn bearer(asked: &Asked) -> Option<String> {
    asked.header("authorization")?.strip_prefix("Bearer ").map(str::to_owned)
}

/// Returns a new token at each request, and rows to those who show one that `counts`.
async fn vendor(expires_in: u64, counts: impl Fn(usize) -> bool + Send + Sync + 'static) -> Server {
    let tokens = AtomicUsize::new(0);
    Server::start(move |asked| {
        if asked.target == "/token" {
            let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            let answer =
                format!(r#"{{"access_token":"token-{number}","token_type":"bearer","expires_in":{expires_in}}}"#);
            return Reply::json(answer);
        }
        let shown = bearer(asked).and_then(|token| token.strip_prefix("token-")?.parse().ok());
        if shown.is_some_and(&counts) {
            Reply::json(native(0, 1, None))
        } else {
            Reply::answer("401 Unauthorized", &[], "")
        }
    })
    .await
}

fn count(server: &Server, path: &str) -> usize {
    server.asked().iter().filter(|asked| asked.target.split('?').next() == Some(path)).count()
}

#[tokio::test]
async fn a_token_is_kept_renewed_when_it_ends_and_fetched_once_more_when_it_is_refused() {
    // Lifetime, which tokens count, fetches that succeed or fail; requests of tokens and of rows.
    type Case<'a> = (&'a str, u64, fn(usize) -> bool, &'a [bool], (usize, usize));
    let cases: [Case<'_>; 4] = [
        ("kept", 3_600, |_| true, &[true, true, true], (1, 3)),
        ("ended", 1, |_| true, &[true, true, true], (3, 3)),
        ("revoked", 3_600, |number| number == 2, &[true, true], (2, 3)),
        ("never good", 3_600, |_| false, &[false], (2, 2)),
    ];
    for (name, expires_in, counts, outcomes, expected) in cases {
        let server = vendor(expires_in, counts).await;
        let (client, source) = (client(), source_for(&server));
        let feed = feed(&server.url("/rows"), &oauth(&server.url("/token"), ""));
        for outcome in outcomes {
            let found = try_fetch(&client, &feed, &source).await;
            assert_eq!(found.is_ok(), *outcome, "{name}: {found:?}");
            assert!(found.err().is_none_or(|error| error.kind == FailureKind::Auth), "{name}");
        }
        assert_eq!((count(&server, "/token"), count(&server, "/rows")), expected, "{name}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_named_and_shows_no_secret() {
    let kinds = [
        ("400 Bad Request", r#"{"error":"invalid_client"}"#, FailureKind::Auth),
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#, FailureKind::Auth),
        ("500 Internal Server Error", "", FailureKind::Status),
        ("302 Found", "", FailureKind::Status),
        ("200 OK", "<html>", FailureKind::Auth),
        ("200 OK", r#"{"access_token":""}"#, FailureKind::Auth),
        ("200 OK", r#"{"access_token":"x","token_type":"mac"}"#, FailureKind::Auth),
        ("200 OK", r#"{"access_token":"canary\nx: y","token_type":"Bearer"}"#, FailureKind::Auth),
    ];
    for (status, answer, kind) in kinds {
        let server = Server::start(move |_| Reply::answer(status, &[("Location", "/elsewhere")], answer)).await;
        let source = source_for(&server);
        let error = try_fetch(&client(), &feed(&server.url("/"), &oauth(&server.url("/token"), "")), &source)
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{status} {answer}: {error}");
        assert!(!error.message.contains("canary"), "{error}");
        assert_eq!(count(&server, "/"), 0, "no rows are asked for without a token");
    }
    let server = Server::start(|_| Reply::json("")).await;
    let forbidden = oauth("http://169.254.169.254/token", "");
    let source = source_for(&server);
    source.put("team", "acme", &format!("{}, 169.254.169.254", server.address), &[("token", CANARY), ("user", "u")]);
    let error = try_fetch(&client(), &feed(&server.url("/"), &forbidden), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Denied, "{error}");
}

#[tokio::test]
async fn a_token_that_the_vendor_sends_back_is_not_shown() {
    let server = Server::start(|asked| match (asked.target.as_str(), bearer(asked)) {
        ("/token", _) => Reply::json(r#"{"access_token":"canary-token-77","token_type":"Bearer","expires_in":60}"#),
        (_, token) => Reply::json(format!("{} is who you are", token.unwrap_or_default())),
    })
    .await;
    let source = source_for(&server);
    let feed = feed(&server.url("/"), &oauth(&server.url("/token"), ""));
    let error = try_fetch(&client(), &feed, &source).await.unwrap_err();
    assert!(error.message.contains("[redacted]") && !error.message.contains("canary"), "{error}");
}

#[tokio::test]
async fn scopes_and_audience_are_asked_for_over_a_tls_of_the_own_authority() {
    let ours = authority();
    let configuration = server_configuration(&leaf(Some(&ours), "localhost", 2099), None);
    let server = Server::start_with(Some(configuration), |asked| match asked.target.as_str() {
        "/token" => Reply::json(r#"{"access_token":"t","expires_in":60}"#),
        _ => Reply::json(native(0, 1, None)),
    })
    .await;
    let source = source_for(&server);
    trusting(&source, &ours.pem());
    let (host, url) =
        (format!("localhost:{}", server.address.port()), format!("https://localhost:{}", server.address.port()));
    source.put("team", "acme", &host, &[("user", "a:b c"), ("token", "p%w&")]);
    let more = r#","scopes":["rows:read","x"],"audience":"https://feeds.acme.example""#;
    body(&client(), &feed(&url, &format!("{WITH_CA}{}", oauth(&format!("{url}/token"), more))), &source).await;
    let asked = server.asked()[0].clone();
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&scope=rows%3Aread+x&audience=https%3A%2F%2Ffeeds.acme.example"
    );
    // `a%3Ab+c:p%25w%26`: encoded first, so that a colon in the id stays apart (RFC 6749, section 2.3.1).
    assert_eq!(asked.header("authorization").as_deref(), Some("Basic YSUzQWIrYzpwJTI1dyUyNg=="));
}

#[tokio::test]
async fn every_kind_of_secret_is_taken_up_by_the_next_poll_after_it_changed() {
    let reference = |key: &str| format!(r#"{{"name":"acme","key":"{key}"}}"#);
    let (token, user) = (reference("token"), reference("user"));
    let server = Server::start(|asked| match asked.target.starts_with("/token") {
        true => Reply::json(format!(r#"{{"access_token":{:?}}}"#, asked.header("authorization").unwrap())),
        false => Reply::json(native(0, 1, None)),
    })
    .await;
    let kinds = [
        ("bearer", format!(r#","auth":{{"bearer":{{"tokenSecretRef":{token}}}}}"#)),
        ("basic", format!(r#","auth":{{"basic":{{"usernameSecretRef":{user},"passwordSecretRef":{token}}}}}"#)),
        ("header", format!(r#","auth":{{"apiKey":{{"header":"X-Key","secretRef":{token}}}}}"#)),
        ("query", format!(r#","auth":{{"apiKey":{{"query":"key","secretRef":{token}}}}}"#)),
        ("hmac", format!(r#","auth":{{"hmac":{{"secretRef":{token},"header":"X-Signature"}}}}"#)),
        ("oauth2", oauth(&server.url("/token"), "")),
    ];
    let source = Arc::new(source_for(&server));
    source.put("team", "acme", &server.address.to_string(), &[("token", "first-secret"), ("user", "acme-user")]);
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start_with(&directory, rehearsal(1_500.0), source.clone());
    for (name, auth) in &kinds {
        running.scheduler.set_feeds_of(name, vec![task(name, &server.url(&format!("/{name}")), auth)]);
    }
    // What each kind showed: the value that the server can tell one secret from another by.
    let shown = |name: &str| -> BTreeSet<String> {
        let asked = server.asked();
        let of_kind = asked.iter().filter(|asked| asked.target.starts_with(&format!("/{name}")));
        let value = |asked: &Asked| match name {
            "hmac" => Some(secret_of(asked, &["first-secret", "second-secret"])),
            "header" => asked.header("x-key"),
            "query" => asked.target.split("&key=").nth(1).map(str::to_owned),
            _ => asked.header("authorization"),
        };
        of_kind.filter_map(value).collect()
    };
    eventually("the first secret", async || kinds.iter().all(|(name, _)| !shown(name).is_empty())).await;
    source.put("team", "acme", &server.address.to_string(), &[("token", "second-secret"), ("user", "acme-user")]);
    eventually("the second secret", async || kinds.iter().all(|(name, _)| shown(name).len() == 2)).await;
    assert_eq!(shown("hmac"), ["first-secret", "second-secret"].map(str::to_owned).into());
    assert_eq!(shown("bearer"), ["Bearer first-secret", "Bearer second-secret"].map(str::to_owned).into());
    running.end().await;
}

/// Which of the secrets a request was signed with.
fn secret_of(asked: &Asked, secrets: &[&str]) -> String {
    let stamp = asked.header("x-bpo-timestamp").unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let signature = asked.header("x-signature").unwrap();
    let made = |secret: &&&str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let text = format!("GET\n{}\n{stamp}\n{empty}", asked.target);
        crate::domain::numbers::hexadecimal::hexadecimal(ring::hmac::sign(&key, text.as_bytes()).as_ref()) == signature
    };
    secrets.iter().find(made).expect("signed with neither secret").to_string()
}

#[tokio::test]
async fn a_token_that_is_signed_here_is_exchanged_or_sent_itself_and_the_key_never_leaves() {
    let key = include_str!("../../../tests/data/keys/rsa-for-tests-alone.pem");
    for exchanged in [true, false] {
        let server = Server::start(move |asked| {
            if asked.target == "/token" {
                let form: std::collections::BTreeMap<String, String> =
                    url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
                let is_grant = form.get("grant_type").is_some_and(|grant| grant.ends_with("grant-type:jwt-bearer"));
                let parts = form.get("assertion").map_or(0, |assertion| assertion.split('.').count());
                return match (is_grant, parts) {
                    (true, 3) => Reply::json(r#"{"access_token":"bought","expires_in":3600}"#),
                    _ => Reply::answer("400 Bad Request", &[], ""),
                };
            }
            let shown = bearer(asked).unwrap_or_default();
            let counts = if exchanged { shown == "bought" } else { shown.split('.').count() == 3 };
            if counts { Reply::json(native(0, 1, None)) } else { Reply::answer("401 Unauthorized", &[], "") }
        })
        .await;
        let token_url = if exchanged { format!(r#""tokenUrl":"{}","#, server.url("/token")) } else { String::new() };
        let extra = format!(
            r#","auth":{{"jwtBearer":{{{token_url}"keySecretRef":{{"name":"acme","key":"token"}},"algorithm":"RS256","issuer":"feeds"}}}}"#
        );
        let source = crate::outbound::credentials::tests::MemorySource::default();
        source.put("team", "acme", &server.address.to_string(), &[("token", key)]);
        let feed = feed(&server.url("/"), &extra);
        let window = crate::feed::time_window::Window {
            since: "2026-01-05T00:00:00Z".parse().unwrap(),
            until: "2026-01-05T12:00:00Z".parse().unwrap(),
        };
        let body = super::platforms::ask_in("UTC", &feed, &source, window).await.unwrap();
        assert_eq!(body.rows.len(), 1, "exchanged {exchanged}");
        let body_of_key = key.lines().nth(1).unwrap();
        assert!(
            server.asked().iter().all(|asked| !asked.head.contains(body_of_key) && !asked.body.contains(body_of_key))
        );
        // A Secret that does not list the host of the tokens is not used at all.
        if exchanged {
            let elsewhere = extra.replace(&server.address.to_string(), "127.0.0.1:9");
            let refused =
                super::platforms::ask_in("UTC", &super::fetching::feed(&server.url("/"), &elsewhere), &source, window)
                    .await;
            assert_eq!(refused.unwrap_err().kind, FailureKind::SecretNotAllowed);
        }
    }
}
