//! The past of a feed whose vendor allows only so many requests: how far it is, in the status, and over the death of the operator.

use crate::figures::hours;
use crate::harness::{Place, has};
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
