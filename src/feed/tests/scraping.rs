//! Counters scraped by the scheduler: their flows survive restarts, and no call is counted twice or lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rust_decimal::Decimal;

use super::polling::{Running, eventually, rehearsal, task};
use super::server::{Reply, Server};
use crate::api::condition::Reason;
use crate::domain::measuring::row::Row;

const FORMAT: &str = r#","format":{"openMetrics":{"measures":[{"name":"offered","metric":"calls_total"}],
    "labels":[{"name":"queue","label":"queue"}]}}"#;

/// An exporter whose counter has grown by seven at each scrape.
async fn exporter(scrapes: Arc<AtomicU64>) -> Server {
    Server::start(move |_| {
        let calls = 1_000 + 7 * scrapes.fetch_add(1, Ordering::SeqCst);
        let text = format!("# TYPE calls counter\ncalls_total{{queue=\"billing\"}} {calls}.0\n# EOF\n");
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Reply::answer("200 OK", &[("Content-Type", kind), ("ETag", "\"always\"")], text)
    })
    .await
}

async fn rows(running: &Running) -> Vec<Row> {
    running.store.rows("uid-1", "acd", 0).await.unwrap()
}

#[tokio::test]
async fn scrapes_follow_each_other_without_a_gap_and_over_a_restart() {
    let scrapes = Arc::new(AtomicU64::new(0));
    let server = exporter(scrapes.clone()).await;
    let directory = tempfile::tempdir().unwrap();
    // As long as a restart may take at this speed.
    let extra = format!(r#"{FORMAT},"cadence":"24h""#);
    let clock = rehearsal(1_500.0);
    for expected in [4, 8] {
        let running = Running::start(&directory, clock.clone());
        running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/metrics"), &extra)]);
        eventually("rows", async || rows(&running).await.len() >= expected).await;
        let health = running.scheduler.health_of("uid-1");
        assert!(health["acd"].is_healthy() && !health["acd"].backfilling, "{health:?}");
        running.end().await;
    }
    let running = Running::start(&directory, rehearsal(1.0));
    let rows = rows(&running).await;
    assert!(rows.windows(2).all(|pair| pair[0].end == pair[1].start), "{rows:?}");
    let total: Decimal = rows.iter().map(|row| row.measures["offered"]).sum();
    assert_eq!(total, Decimal::from(7 * rows.len()));
    let asked = server.asked();
    assert!(asked[0].header("accept").unwrap().starts_with("application/openmetrics-text"));
    assert!(asked.iter().all(|asked| asked.header("if-none-match").is_none() && asked.target == "/metrics"));
    running.end().await;
}

#[tokio::test]
async fn an_answer_that_was_cut_off_changes_nothing_and_the_next_goes_on() {
    let scrapes = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let scrapes = scrapes.clone();
        move |_| {
            let number = scrapes.fetch_add(1, Ordering::SeqCst);
            let calls = 1_000 + 7 * number;
            let whole = format!("calls_total{{queue=\"billing\"}} {calls}\n# EOF\n");
            let cut = number == 2;
            let text = if cut { whole.replace("# EOF\n", "") } else { whole };
            Reply::answer("200 OK", &[("Content-Type", "application/openmetrics-text")], text)
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&directory, rehearsal(1_500.0));
    let extra = format!(r#"{FORMAT},"cadence":"24h""#);
    let mut events = running.scheduler.events();
    running.scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/metrics"), &extra)]);
    eventually("rows", async || rows(&running).await.len() >= 3).await;
    let mut reasons = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let crate::feed::scheduler::FeedOutcome::Failed(error) = &event.outcome {
            reasons.push((error.kind.reason(), error.message.clone()));
        }
    }
    assert!(
        matches!(reasons.as_slice(), [(Reason::Malformed, message)] if message.contains("`# EOF` is missing")),
        "{reasons:?}"
    );
    let flows: Vec<Decimal> = rows(&running).await.iter().take(3).map(|row| row.measures["offered"]).collect();
    assert_eq!(flows, [7.into(), 14.into(), 7.into()], "the flow over the failure is whole");
    running.end().await;
}
