//! No output of the operator contains a secret, whatever it is asked to show.

use base64::Engine;

use crate::harness::Place;
use crate::receiver::Receiver;

/// Every way in which a feed and an alert use a secret: name of the Secret's key, and where it goes.
const KEYS: [&str; 11] =
    ["bearer", "user", "password", "header", "query", "signing", "client", "client-secret", "hook", "routing", "chat"];

fn canary(key: &str) -> String {
    format!("canary-{key}-7b1f")
}

fn manifests(receiver: &Receiver) -> String {
    let url = receiver.url();
    let data: String = KEYS
        .iter()
        .map(|key| {
            let value = if *key == "chat" { format!("{url}/{}", canary(key)) } else { canary(key) };
            format!("  {key}: {}\n", base64::engine::general_purpose::STANDARD.encode(value))
        })
        .collect();
    let secret = |key: &str| format!("{{name: all, key: {key}}}");
    let auths = [
        ("bearer", format!("bearer: {{tokenSecretRef: {}}}", secret("bearer"))),
        (
            "basic",
            format!("basic: {{usernameSecretRef: {}, passwordSecretRef: {}}}", secret("user"), secret("password")),
        ),
        ("header", format!("apiKey: {{header: X-Key, secretRef: {}}}", secret("header"))),
        ("query", format!("apiKey: {{query: key, secretRef: {}}}", secret("query"))),
        ("signed", format!("hmac: {{secretRef: {}, header: X-Signature}}", secret("signing"))),
        (
            "oauth",
            format!(
                "oauth2: {{tokenUrl: \"{url}/token\", clientIdSecretRef: {}, clientSecretSecretRef: {}}}",
                secret("client"),
                secret("client-secret")
            ),
        ),
    ];
    let feeds: String = auths
        .iter()
        .map(|(name, auth)| format!("  - {{name: {name}, url: \"{url}/{name}\", interval: 30s, auth: {{{auth}}}}}\n"))
        .collect();
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: all, annotations: {{bpo-operator.io/allowed-hosts: 127.0.0.1}}}}
data:
{data}---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: telling}}
spec:
  vendor: {{name: Acme}}
  term: {{start: 2026-01-01, end: 2030-12-31}}
  feeds:
{feeds}  alerts:
  - {{name: hook, webhook: {{url: \"{url}/hook\", signingSecretRef: {}}}}}
  - {{name: chat, slack: {{urlSecretRef: {}}}}}
  - {{name: pager, pagerduty: {{routingKeySecretRef: {}, url: \"{url}/pager\"}}}}
",
        secret("hook"),
        secret("chat"),
        secret("routing")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_in_every_secret_is_found_in_no_log_event_status_metric_or_store_at_trace_level() {
    let place = Place::fresh().await;
    // The host's answers are not rows: every feed fails, and it receives every alert.
    let receiver = Receiver::start().await;
    place.apply(&manifests(&receiver)).await;
    let operator = place.operator_telling(&["--alert-allow-network", "127.0.0.0/8"], "trace");
    let paths = ["/bearer", "/basic", "/header", "/query", "/signed", "/token", "/hook", "/pager"];
    let chat = format!("/{}", canary("chat"));
    receiver
        .until("every secret is used", |received| {
            let came = |path: &str| received.iter().any(|one| one.path == path);
            paths.iter().all(|path| came(path)) && came(&chat)
        })
        .await;
    // And once more where the credentials themselves are refused.
    receiver.answer(401);
    let before = receiver.received().len();
    receiver
        .until("they are refused", |received| {
            let refused = |path: &str| received[before..].iter().any(|one| one.path == path && one.answered == 401);
            ["/bearer", "/basic", "/header", "/query", "/signed", "/token"].iter().all(|path| refused(path))
        })
        .await;
    place
        .wait_for("vc", "telling", "the refusal is reported", |contract| {
            let feeds = contract["status"]["feeds"].as_array();
            feeds.is_some_and(|feeds| feeds.iter().all(|feed| feed["reason"] == "Auth"))
        })
        .await;

    let sent: String = receiver.received().iter().map(|one| format!("{:?} {:?}", one.headers, one.body)).collect();
    assert!(sent.contains(&canary("bearer")), "the canaries were alive");
    let (_, metrics) = operator.http("/metrics").await;
    let objects = place.kubectl(&["get", "vc,kpi,st,cl,slar,events", "-o", "yaml"]).await;
    let logged = operator.log();
    assert!(logged.contains("TRACE"), "the log is at trace level");
    operator.stop().await;
    let store = std::fs::read(place.data_dir().join("evidence.sqlite")).unwrap();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", canary("user"), canary("password")));
    for secret in KEYS.map(canary).into_iter().chain([basic]) {
        for (place, text) in [("log", &logged), ("metrics", &metrics), ("objects", &objects)] {
            let found = text.lines().find(|line| line.contains(&secret));
            assert!(found.is_none(), "{secret} is in the {place}: {}", found.unwrap_or_default());
        }
        assert!(!store.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in the store");
    }
}
