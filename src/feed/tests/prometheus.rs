//! A real Prometheus, from Debian's packages, between an exporter and a feed: the same flows as scraped directly.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::fetching::{client, feed};
use super::polling::eventually;
use super::server::{Reply, Server};
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::evidence::IncomingRow;
use crate::feed::fetch::fetch;
use crate::feed::fetch_request::{FetchRequest, Fetched, FetchedBody};
use crate::feed::time_window::Window;
use crate::kept_server::KeptServer;
use crate::outbound::credentials::Credentials;
use crate::outbound::error::{FailureKind, FetchError};

/// One that scrapes `target` ten times a second.
fn prometheus(target: &str) -> KeptServer {
    let configuration = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs: [{{job_name: acd, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    KeptServer::start("prometheus", &configuration, &["--storage.tsdb.path=DIR/data"])
}

const LABELS: &str = r#""labels":[{"name":"queue","label":"queue"}]"#;
/// The growth of a second, and what a counter shows after it began again: what a scrape before and after it would show.
const FLOW: &str =
    "sum by (queue) ((calls_total - calls_total offset 1s >= 0) or (calls_total and calls_total offset 1s))";

fn queried(prometheus: &KeptServer, query: &str) -> Feed {
    let measures = serde_json::json!([{"name": "offered", "query": query}]);
    let extra =
        format!(r#","cadence":"1s","timeout":"10s","format":{{"prometheus":{{"measures":{measures},{LABELS}}}}}"#);
    feed(&prometheus.url(), &extra)
}

fn now() -> Timestamp {
    Clock::real().now()
}

async fn ask(feed: &Feed, since: Timestamp, state: Option<&str>) -> Result<FetchedBody, FetchError> {
    let now = now();
    let request = FetchRequest {
        feed,
        namespace: "team",
        time_zone: "UTC",
        window: Window { since, until: now },
        now,
        credentials: &Credentials::default(),
        validators: None,
        known: None,
        state,
        life: crate::feed::fetch_request::Life::default(),
        step: crate::feed::fetch_request::Step::default(),
    };
    match fetch(&client(), &request).await? {
        Fetched::Body(body) => Ok(*body),
        Fetched::Unchanged | Fetched::Repeated(_) | Fetched::Waiting(_) | Fetched::Files { .. } => {
            panic!("nothing was asked before")
        }
    }
}

/// What happened, in order of time: the flows of a queue that are not zero.
fn flows(rows: &[IncomingRow], queue: &str) -> Vec<Decimal> {
    let of_queue = rows.iter().filter(|row| row.labels["queue"] == queue);
    of_queue.map(|row| row.measures["offered"]).filter(|flow| !flow.is_zero()).collect()
}

/// Whether Prometheus has the value of a queue's counter.
async fn has_seen(prometheus: &KeptServer, since: Timestamp, queue: &str, value: u64) -> bool {
    let levels = ask(&queried(prometheus, "sum by (queue) (calls_total)"), since, None).await;
    levels.is_ok_and(|body| {
        let last = body.rows.iter().rfind(|row| row.labels["queue"] == queue);
        last.is_some_and(|row| row.measures["offered"] == Decimal::from(value))
    })
}

#[tokio::test]
async fn counters_scraped_directly_and_through_prometheus_give_the_same_flows() {
    let counters = Arc::new(Mutex::new(Some((1_000_u64, 50_u64))));
    let exporter = Server::start({
        let counters = counters.clone();
        move |_| match *counters.lock().unwrap() {
            None => Reply::answer("503 Service Unavailable", &[], ""),
            Some((billing, sales)) => {
                let text = format!(
                    "# TYPE calls_total counter\ncalls_total{{queue=\"billing\"}} {billing}\ncalls_total{{queue=\"sales\"}} {sales}\n"
                );
                Reply::answer("200 OK", &[("Content-Type", "text/plain; version=0.0.4")], text)
            }
        }
    })
    .await;
    let prometheus = prometheus(&exporter.address.to_string());
    let since = now();
    let metrics =
        format!(r#","format":{{"openMetrics":{{"measures":[{{"name":"offered","metric":"calls_total"}}],{LABELS}}}}}"#);
    let scraped = feed(&exporter.url("/metrics"), &metrics);
    let (mut direct, mut state) = (Vec::new(), None);
    // The second but last step is a restart of the exporter.
    for (billing, sales) in [(1_000, 50), (1_007, 50), (1_021, 53), (3, 1), (8, 1)] {
        *counters.lock().unwrap() = Some((billing, sales));
        eventually(&format!("{billing} in Prometheus: {}", prometheus.log()), async || {
            has_seen(&prometheus, since, "billing", billing).await
        })
        .await;
        let body = ask(&scraped, since, state.as_deref()).await.unwrap();
        direct.extend(body.rows);
        state = body.state;
    }
    let through = ask(&queried(&prometheus, FLOW), since, None).await.unwrap();
    for (queue, expected) in [("billing", vec![7, 14, 3, 5]), ("sales", vec![3, 1])] {
        let expected: Vec<Decimal> = expected.into_iter().map(Decimal::from).collect();
        assert_eq!(flows(&direct, queue), expected, "{queue}, directly: {direct:?}");
        assert_eq!(flows(&through.rows, queue), expected, "{queue}, through Prometheus: {:?}", through.rows);
    }
    assert!(through.rows.windows(2).all(|pair| pair[0].labels != pair[1].labels || pair[0].end <= pair[1].start));

    // An exporter that is gone is a gap, not a level that stays the same.
    *counters.lock().unwrap() = None;
    let gone = now();
    let levels = queried(&prometheus, "sum by (queue) (calls_total)");
    let later = gone + jiff::SignedDuration::from_secs(2);
    eventually("a stale series", async || {
        now() > later && ask(&levels, later, None).await.is_ok_and(|body| body.rows.is_empty())
    })
    .await;
    for query in ["sum by (queue) (calls_total / 0 * 0)", "absent_metric"] {
        assert!(ask(&queried(&prometheus, query), since, None).await.unwrap().rows.is_empty(), "{query}");
    }
    let endless = ask(&queried(&prometheus, "calls_total / 0"), since, None).await.unwrap();
    assert!(endless.rows.is_empty() && endless.fault().is_some_and(|fault| fault.message.contains("OutOfRange")));
    let refused = ask(&queried(&prometheus, "sum by (queue) (calls_total"), since, None).await.unwrap_err();
    assert!(refused.kind == FailureKind::Mapping && refused.message.contains("refuses the query"), "{refused:?}");
    let several =
        ask(&queried(&prometheus, "label_replace(calls_total, \"queue\", \"\", \"queue\", \".*\")"), since, None).await;
    assert_eq!(several.unwrap_err().kind, FailureKind::Mapping);
}
