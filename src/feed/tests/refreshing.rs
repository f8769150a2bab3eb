//! Refresh tokens that are good for one use: each new one is kept in its Secret before the feed is asked, and over a restart.

use std::sync::{Arc, Mutex};

use super::fetching::native;
use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Asked, Reply, Server};
use crate::api::ROTATE_ANNOTATION;
use crate::api::condition::Reason;
use crate::domain::holdings::LAST_POLL_SUCCEEDED;
use crate::outbound::credentials::tests::MemorySource;

/// A token endpoint whose refresh tokens are good once where they `rotate`, and rows for the tokens that it gave last.
struct Vendor {
    rotates: bool,
    /// The number of the refresh token that is good, and of the access token.
    state: Mutex<(usize, usize)>,
    /// What was asked, in order: `token refresh-1`, `rows`.
    asked: Mutex<Vec<String>>,
}

impl Vendor {
    fn new(rotates: bool) -> Arc<Self> {
        Arc::new(Vendor { rotates, state: Mutex::new((1, 0)), asked: Mutex::default() })
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let mut state = self.state.lock().unwrap();
        if asked.target != "/token" {
            self.asked.lock().unwrap().push("rows".to_owned());
            let is_good = asked.header("authorization") == Some(format!("Bearer access-{}", state.1));
            return if is_good { Reply::json(native(0, 1, None)) } else { Reply::answer("401 Unauthorized", &[], "") };
        }
        let form: std::collections::BTreeMap<String, String> =
            url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        let shown = form.get("refresh_token").cloned().unwrap_or_default();
        self.asked.lock().unwrap().push(format!("token {shown}"));
        if shown != format!("refresh-{}", state.0) || form["grant_type"] != "refresh_token" {
            return Reply::answer("400 Bad Request", &[], r#"{"error":"invalid_grant"}"#);
        }
        state.1 += 1;
        let given = if self.rotates {
            state.0 += 1;
            format!(r#","refresh_token":"refresh-{}""#, state.0)
        } else {
            String::new()
        };
        // Each poll needs a new token.
        Reply::json(format!(r#"{{"access_token":"access-{}","expires_in":1{given}}}"#, state.1))
    }

    fn tokens(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with("token")).count()
    }
}

fn source(server: &Server) -> Arc<MemorySource> {
    let source = MemorySource::default();
    let values = [("id", "acme-client"), ("secret", "canary-secret"), ("refresh", "refresh-1")];
    source.put("team", "acme", &server.address.to_string(), &values);
    Arc::new(source)
}

fn start(server: &Server, directory: &tempfile::TempDir, source: Arc<MemorySource>) -> Running {
    let secret = |key: &str| format!(r#"{{"name":"acme","key":"{key}"}}"#);
    let auth = format!(
        r#","auth":{{"oauth2":{{"tokenUrl":"{}","grant":"RefreshToken","clientIdSecretRef":{},"clientSecretSecretRef":{},"refreshTokenSecretRef":{}}}}}"#,
        server.url("/token"),
        secret("id"),
        secret("secret"),
        secret("refresh")
    );
    let running = Running::start_with(directory, rehearsal(1_500.0), source);
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/rows"), &auth)]);
    running
}

async fn serve(vendor: &Arc<Vendor>) -> Server {
    let vendor = vendor.clone();
    Server::start(move |asked| vendor.answer(asked)).await
}

async fn until_healthy(running: &Running) {
    let health = || running.scheduler.health_of("uid-1").get("acd").map(|health| health.message.clone());
    eventually("it is healthy", async || health().as_deref() == Some(LAST_POLL_SUCCEEDED)).await;
}

#[tokio::test]
async fn a_refresh_token_that_changes_is_kept_in_its_secret_over_polls_and_a_restart() {
    let vendor = Vendor::new(true);
    let server = serve(&vendor).await;
    let (source, directory) = (source(&server), tempfile::tempdir().unwrap());
    source.annotate("team", "acme", ROTATE_ANNOTATION);
    for turns in [4, 8] {
        let running = start(&server, &directory, source.clone());
        eventually("some tokens", async || vendor.tokens() >= turns).await;
        until_healthy(&running).await;
        running.end().await;
    }
    let asked = vendor.asked.lock().unwrap().clone();
    let tokens: Vec<&str> = asked.iter().filter_map(|asked| asked.strip_prefix("token ")).collect();
    let expected: Vec<String> = (1..=tokens.len()).map(|number| format!("refresh-{number}")).collect();
    assert_eq!(tokens, expected, "each is used once");
    let last = vendor.state.lock().unwrap().0;
    assert_eq!(source.value("team", "acme", "refresh"), format!("refresh-{last}"));
}

#[tokio::test]
async fn without_leave_to_replace_it_the_feed_goes_on_says_so_and_fails_after_a_restart() {
    let vendor = Vendor::new(true);
    let server = serve(&vendor).await;
    let (source, directory) = (source(&server), tempfile::tempdir().unwrap());
    let running = start(&server, &directory, source.clone());
    let health = |running: &Running| running.scheduler.health_of("uid-1").get("acd").cloned();
    eventually("some tokens", async || vendor.tokens() >= 4).await;
    let note = "the vendor issues a new refresh token with each use";
    eventually("its health says so", async || {
        health(&running).is_some_and(|health| health.is_healthy() && health.message.contains(note))
    })
    .await;
    assert!(!health(&running).unwrap().message.contains("refresh-"), "no token is shown");
    assert_eq!(source.value("team", "acme", "refresh"), "refresh-1");
    running.end().await;
    let running = start(&server, &directory, source);
    eventually("the used token is refused", async || {
        health(&running).is_some_and(|health| health.reason == Reason::Auth)
    })
    .await;
    running.end().await;
}

#[tokio::test]
async fn a_refresh_token_that_stays_is_used_again_and_needs_no_leave() {
    let vendor = Vendor::new(false);
    let server = serve(&vendor).await;
    let (source, directory) = (source(&server), tempfile::tempdir().unwrap());
    let running = start(&server, &directory, source);
    eventually("some tokens", async || vendor.tokens() >= 3).await;
    until_healthy(&running).await;
    running.end().await;
}
