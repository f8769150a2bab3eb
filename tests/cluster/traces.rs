//! One poll, from the vendor's answer to the status that was written, is one trace; and no span says what is nobody's business.

mod protobuf;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use self::protobuf::Message;
use crate::figures::hours;
use crate::harness::{Place, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const CLOCK: [&str; 4] = ["--clock-start", "2026-01-20T09:00:00Z", "--clock-speed", "1"];
/// What must be in no span: the token of the feed, and the query of its address.
const CANARIES: [&str; 2] = ["canary-token-4d2a", "canary-query-9c1e"];
/// All that spans may have, by name.
const FIELDS: [&str; 7] = ["contract", "feed", "kind", "name", "namespace", "outcome", "rows"];

/// A span as the collector got it.
#[derive(Clone, Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    fields: BTreeMap<String, String>,
}

impl Span {
    /// Of a message `opentelemetry.proto.trace.v1.Span`.
    fn read(span: &Message) -> Self {
        let field = |attribute: &Message| {
            let value = attribute.messages(2).remove(0);
            let text = value.text(1).unwrap_or_else(|| value.number(3).unwrap_or_default().to_string());
            (attribute.text(1).unwrap(), text)
        };
        Span {
            trace: span.bytes(1).unwrap_or_default(),
            id: span.bytes(2).unwrap_or_default(),
            parent: span.bytes(4).unwrap_or_default(),
            name: span.text(5).unwrap_or_default(),
            fields: span.messages(9).iter().map(field).collect(),
        }
    }

    fn has(&self, fields: &[(&str, &str)]) -> bool {
        fields.iter().all(|(name, value)| self.fields.get(*name).is_some_and(|found| found == value))
    }
}

/// A collector: it takes OTLP over HTTP.
#[derive(Clone, Default)]
struct Collector {
    requests: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
}

impl Collector {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let take = async |State(collector): State<Collector>, uri: Uri, headers: HeaderMap, body: Bytes| {
            collector.requests.lock().unwrap().push((uri.path().to_owned(), headers, body));
            StatusCode::OK
        };
        let routes = axum::Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    /// The spans of all requests.
    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let mut spans = Vec::new();
        for (path, headers, body) in requests.iter() {
            assert_eq!(path, "/v1/traces");
            assert_eq!(headers["content-type"], "application/x-protobuf");
            assert_eq!(headers["authorization"], "Bearer for-the-collector");
            for of_resource in Message::read(body).messages(1) {
                for of_scope in of_resource.messages(2) {
                    spans.extend(of_scope.messages(2).iter().map(Span::read));
                }
            }
        }
        spans
    }

    /// Whether something was sent in plain bytes.
    fn was_sent(&self, text: &str) -> bool {
        let requests = self.requests.lock().unwrap();
        requests.iter().any(|(_, _, body)| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

/// A contract whose feed has a token and a query.
fn manifests(server: &VendorServer) -> String {
    let url = format!("{}?site={}", server.url(INTERVALS), CANARIES[1]);
    let feed = format!("url: \"{url}\", interval: 30s");
    let with_token = format!("{feed}, auth: {{bearer: {{tokenSecretRef: {{name: acd, key: token}}}}}}");
    let care = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-12-31"), &url).replace(&feed, &with_token);
    assert!(care.contains("tokenSecretRef"));
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: acd, annotations: {{bpo-operator.io/allowed-hosts: 127.0.0.1}}}}
stringData: {{token: {}}}
{care}{level}",
        CANARIES[0]
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_and_the_status_that_came_of_it_are_one_trace_without_a_secret() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-01-20T09:00:00Z", 90);
    let count = rows.len().to_string();
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    server.expect_token(Some(CANARIES[0]));
    place.apply(&manifests(&server)).await;
    let collector = Collector::default();
    let endpoint = collector.start().await;
    let flags = [&CLOCK[..], &["--otlp-endpoint", &endpoint]].concat();
    let token = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer for-the-collector");
    let operator = place.operator_in(&place.data_dir(), &flags, "info", &[token]);
    place.wait_for("kpi", "level", "it is judged", |kpi| kpi["status"]["current"]["value"] == "90").await;
    let judged = |care: &Value| has(care, "Ready", "True", "Reconciled");
    place.wait_for("vc", "care", "it is judged", judged).await;
    let log = operator.log_path();
    assert_eq!(operator.stop().await, Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("poll{") && !log.contains("traces are not delivered"), "{log}");

    let spans = collector.spans();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.id.as_slice(), span)).collect();
    let parent = |span: &Span| by_id.get(span.parent.as_slice()).copied().cloned();
    let of_care = [("namespace", place.namespace.as_str()), ("contract", "care"), ("feed", "acd")];
    let chain = |span: &Span| std::iter::successors(Some(span.clone()), parent).collect::<Vec<Span>>();
    // Each way from a stage to the poll that caused it, and what the stages on it say.
    for (stage, way, said) in [
        ("fetch", &["fetch", "poll"][..], &[("rows", count.as_str()), ("outcome", "Fetched")][..]),
        ("commit", &["commit", "poll"], &[("rows", count.as_str()), ("outcome", "Committed")]),
        ("judge", &["judge", "reconcile", "poll"], &[("contract", "care")]),
        ("apply", &["apply", "reconcile", "poll"], &[]),
        ("write status", &["write status", "reconcile", "poll"], &[]),
    ] {
        let is_it = |span: &&Span| {
            let chain = chain(span);
            let names: Vec<&str> = chain.iter().map(|span| span.name.as_str()).collect();
            let root = chain.last().unwrap();
            let is_one_trace = chain.iter().all(|one| one.trace == root.trace);
            names == way && is_one_trace && span.has(said) && root.has(&of_care) && root.parent.is_empty()
        };
        let found = spans.iter().filter(|span| span.name == stage).find(is_it);
        assert!(found.is_some(), "no {stage} by {way:?} that says {said:?}: {spans:#?}");
    }
    let namespace = place.namespace.as_str();
    let look = [("kind", "VendorContract"), ("namespace", namespace), ("name", "care"), ("outcome", "Completed")];
    assert!(spans.iter().any(|span| span.name == "reconcile" && span.has(&look)), "{spans:#?}");

    for span in &spans {
        assert!(span.fields.keys().all(|name| FIELDS.contains(&name.as_str())), "{span:#?}");
        assert!(span.fields.values().all(|value| !value.contains("://") && !value.contains('?')), "{span:#?}");
    }
    for canary in CANARIES {
        assert!(!collector.was_sent(canary), "{canary}");
    }
}
