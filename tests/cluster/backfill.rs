//! The past of a feed whose vendor limits requests: the status shows its progress, and the death of the operator loses none of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::figures::hours;
use crate::harness::{Operator, Place, has};
use crate::judged::contract;
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const CLOCK: [&str; 4] = ["--clock-start", "2026-03-02T00:00:00Z", "--clock-speed", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_past_is_fetched_shows_in_the_status_and_goes_on_where_a_killed_operator_was() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-03-02T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let window = "interval: 30s, cadence: 1h, window: {atMost: 25h, align: 1h, perMinute: 120}";
    let contract = contract("care", "UTC", "Monthly", ("2026-01-01", "2030-12-31"), &server.url(INTERVALS));
    place.apply(&contract.replace("interval: 30s", window)).await;
    let operator = place.operator_with(&CLOCK);
    let percent = |contract: &serde_json::Value| contract["status"]["feeds"][0]["backfill"]["percent"].as_i64();
    let seen = place
        .wait_for("vc", "care", "some of the past is fetched", |contract| {
            percent(contract).is_some_and(|share| share >= 5)
        })
        .await;
    let feed = &seen["status"]["feeds"][0];
    assert_eq!((&feed["backfilling"], &feed["backfill"]["from"]), (&true.into(), &"2026-01-01T00:00:00Z".into()));
    assert_eq!(feed["backfill"]["fetchedUntil"].as_str().map(|until| until.ends_with(":00:00Z")), Some(true), "{feed}");
    let (_, shown, error) = place.plugin(&["status", "care"]);
    assert!(shown.contains("the past since 2026-01-01T00:00:00Z is being fetched:"), "{shown}{error}");
    operator.kill();
    let _operator = place.operator_with(&CLOCK);
    let whole = place
        .wait_for("vc", "care", "the past is fetched", |contract| {
            contract["status"]["feeds"][0]["backfilling"] == false && has(contract, "FeedHealthy", "True", "Fetched")
        })
        .await;
    assert!(whole["status"]["feeds"][0]["backfill"].is_null(), "{whole}");
    // Sixty days in windows of a day, each beginning an hour before the last one ended: from the start again it would be more.
    let requests = server.count(INTERVALS).requests;
    assert!((60..=70).contains(&requests), "{requests} requests");
}

/// What a vendor was asked, in order: when, and for which window.
type Asked = Arc<Mutex<Vec<(Instant, Timestamp, Timestamp)>>>;

/// A vendor with a row an hour, that refuses windows of more than three days.
async fn strict_vendor() -> (String, Asked) {
    let asked = Asked::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/intervals", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn answer(State(asked): State<Asked>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: BTreeMap<String, String> = form_urlencoded::parse(query).into_owned().collect();
    let at = |name: &str| query[name].parse::<Timestamp>().unwrap();
    let (since, until) = (at("since"), at("until"));
    asked.lock().unwrap().push((Instant::now(), since, until));
    if until.duration_since(since) > SignedDuration::from_hours(72) {
        return (StatusCode::BAD_REQUEST, "three days at most").into_response();
    }
    let (mut start, mut rows) = (since, Vec::new());
    while start < until {
        let end = start + SignedDuration::from_hours(1);
        rows.push(
            json!({"start": start, "end": end, "measures": {"offered": 100, "answered": 90, "answeredWithin": 80}}),
        );
        start = end;
    }
    let body = json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string();
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// A year in windows of three days is about 126 requests, at one a second.
const A_YEAR: Duration = Duration::from_secs(300);

/// Reads the status until `wanted` is true of the feed; returns every share of the past that it showed.
async fn shares_until(place: &Place, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<i64> {
    let mut seen = Vec::new();
    place
        .eventually_within(A_YEAR, what, async || {
            let contract = place.get("vc", "care").await?;
            let feed = &contract["status"]["feeds"][0];
            let share = feed["backfill"]["percent"].as_i64();
            seen.extend(share.filter(|share| seen.last() != Some(share)));
            wanted(feed).then_some(())
        })
        .await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_is_fetched_in_windows_of_three_days_at_60_requests_a_minute_over_the_death_of_the_operator() {
    let place = Place::fresh().await;
    let (url, asked) = strict_vendor().await;
    let window = "interval: 30s, cadence: 1h, window: {atMost: 3d, align: 1h, settle: 15m, perMinute: 60}";
    let contract = contract("care", "UTC", "Monthly", ("2025-03-02", "2030-12-31"), &url);
    place.apply(&contract.replace("interval: 30s", window)).await;
    let start = || -> Operator { place.operator_with(&CLOCK) };
    let operator = start();
    let mut seen = shares_until(&place, "a third of the past is fetched", |feed| {
        feed["backfill"]["percent"].as_i64().is_some_and(|share| share >= 33)
    })
    .await;
    operator.kill();
    let before = asked.lock().unwrap().len();
    let _operator = start();
    seen.extend(
        shares_until(&place, "the past is fetched", |feed| feed["backfilling"] == false && feed["healthy"] == true)
            .await,
    );
    let asked = asked.lock().unwrap().clone();
    let of_the_past: Vec<_> =
        asked.iter().take_while(|(_, _, until)| *until < "2026-03-01T00:00:00Z".parse().unwrap()).collect();
    assert!((120..=135).contains(&of_the_past.len()), "{} requests", of_the_past.len());
    // One request a second, and one more for a process that had just begun. What arrives late comes closer to the next one, and twice the rate
    // would be 62 in half a minute.
    let (first, last) = (of_the_past[0].0, of_the_past[of_the_past.len() - 1].0);
    let rate = (of_the_past.len() - 2) as f64 / (last - first).as_secs_f64();
    assert!(rate <= 60.0 / 57.0, "{rate:.3} requests a second");
    let busiest = asked.windows(62).map(|minute| minute[61].0 - minute[0].0).min().unwrap();
    assert!(busiest >= Duration::from_secs(45), "62 requests within {busiest:?}");
    // Every instant was asked for, and the second process went on where the first one was.
    let touch = |pair: &[&(Instant, Timestamp, Timestamp)]| pair[1].1 <= pair[0].2;
    assert!(of_the_past.windows(2).all(touch), "a gap");
    assert!(asked[before].1 >= asked[before - 1].1, "{:?} after {:?}", asked[before], asked[before - 1]);
    assert!(seen.len() >= 20 && seen.is_sorted() && seen[seen.len() - 1] >= 90, "{seen:?}");
}
