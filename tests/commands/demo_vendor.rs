//! The vendor of the demo and of the tests is itself tested: its figures match the story, and its faults are faults.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;
use testkit::vendor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vendor::{Dataset, Fault, FeedRow, INTERVALS, OUTCOMES, VendorServer};

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Sums of all measures over rows that a filter takes, the latest revisions only.
fn sums(dataset: &Dataset, feed: &str, filter: impl Fn(&FeedRow) -> bool) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for row in dataset.feeds[feed].between(Timestamp::MIN, Timestamp::MAX).into_iter().filter(|row| filter(row)) {
        for (measure, count) in &row.measures {
            *sums.entry(measure.clone()).or_default() += count;
        }
    }
    sums
}

fn percent(sums: &BTreeMap<String, i64>, numerator: &str, denominator: impl Fn(&dyn Fn(&str) -> i64) -> i64) -> f64 {
    let sum = |measure: &str| sums.get(measure).copied().unwrap_or_default();
    100.0 * sum(numerator) as f64 / denominator(&sum) as f64
}

fn service_level(sums: &BTreeMap<String, i64>) -> f64 {
    percent(sums, "answeredWithin", |sum| sum("answered") + sum("abandoned") - sum("abandonedWithin"))
}

fn is_in_month(row: &FeedRow, month: i8) -> bool {
    row.start.to_zoned(TimeZone::get("Europe/London").unwrap()).date().month() == month
}

#[test]
fn the_real_day_is_served_as_it_was_counted() {
    let zone = TimeZone::get("Asia/Jerusalem").unwrap();
    let dataset = Dataset::real_day(date(2026, 1, 7), &zone);
    assert_eq!(dataset.feeds[INTERVALS].all().len(), 48);
    let sums = sums(&dataset, INTERVALS, |_| true);
    assert_eq!((sums["answeredWithin"], sums["offered"]), (404, 2_239));
}

#[test]
fn every_row_counts_parts_that_fit_their_whole() {
    let dataset = Dataset::story();
    for row in dataset.feeds[INTERVALS].all() {
        let measure = |name: &str| row.measures[name];
        assert_eq!(measure("offered"), measure("answered") + measure("abandoned"), "{row:?}");
        assert!(measure("answeredWithin") <= measure("answered"), "{row:?}");
        assert!(measure("abandonedWithin") <= measure("abandoned"), "{row:?}");
        assert!(row.measures.values().all(|count| *count >= 0), "{row:?}");
    }
    for row in dataset.feeds[OUTCOMES].all() {
        for (part, whole) in [
            ("resolvedFirstContact", "contactsWithIssue"),
            ("satisfied", "surveyResponses"),
            ("surveyResponses", "surveysOffered"),
            ("cohortActive", "cohortStart"),
            ("sales", "eligibleContacts"),
        ] {
            assert!((0..=row.measures[whole]).contains(&row.measures[part]), "{part} in {row:?}");
        }
    }
}

#[test]
fn the_months_tell_the_story() {
    let dataset = Dataset::story();
    let of_month = |feed: &str, month: i8| sums(&dataset, feed, |row| is_in_month(row, month));
    for (month, lowest, highest) in
        [(1, 83.5, 85.5), (2, 78.0, 80.0), (3, 60.0, 70.0), (4, 75.0, 80.0), (5, 83.0, 85.5), (6, 86.5, 88.5)]
    {
        let level = service_level(&of_month(INTERVALS, month));
        assert!((lowest..highest).contains(&level), "service level of month {month} is {level}");
    }

    let (from, to) = (instant("2026-02-11T08:00:00Z"), instant("2026-02-11T20:00:00Z"));
    let is_excused = |row: &FeedRow| row.labels["site"] == "cebu" && row.start < to && row.end > from;
    let excused = sums(&dataset, INTERVALS, |row| is_in_month(row, 2) && !is_excused(row));
    assert!(service_level(&excused) >= 80.5, "without the power cut, February is {}", service_level(&excused));

    let is_platinum = |row: &FeedRow| is_in_month(row, 5) && row.labels["tier"] == "platinum";
    let platinum = service_level(&sums(&dataset, INTERVALS, is_platinum));
    assert!((86.0..90.0).contains(&platinum), "platinum in May is {platinum}");

    for (month, satisfied, solved, renewed) in [(1, 84.0, 76.4, 82.6), (3, 78.4, 74.2, 83.4), (6, 88.1, 73.2, 86.3)] {
        let sums = of_month(OUTCOMES, month);
        for (name, found, expected) in [
            ("satisfied", percent(&sums, "satisfied", |sum| sum("surveyResponses")), satisfied),
            ("solved", percent(&sums, "resolvedFirstContact", |sum| sum("contactsWithIssue")), solved),
            ("renewed", percent(&sums, "cohortActive", |sum| sum("cohortStart")), renewed),
        ] {
            assert!((found - expected).abs() < 0.7, "{name} of month {month} is {found}");
        }
    }
}

#[test]
fn only_what_has_ended_is_sent_and_corrections_replace_what_they_correct() {
    let dataset = Dataset::story();
    let rows = &dataset.feeds[INTERVALS];
    let since = instant("2026-05-06T00:00:00Z");
    let published = rows.between(since, instant("2026-05-06T12:00:00Z"));
    // From 08:00 in London, which is 07:00 UTC: ten half hours, two sites, three tiers.
    assert_eq!(published.len(), 10 * 6);
    assert!(published.iter().all(|row| row.revision == 1 && row.end <= instant("2026-05-06T12:00:00Z")));

    let later = rows.between(since, instant("2026-05-08T12:00:00Z"));
    let corrected = later.iter().filter(|row| row.revision == 2).count();
    assert_eq!(corrected, 24 * 3);
    let mut keys: Vec<_> = later.iter().map(|row| (row.start, &row.labels)).collect();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all, "an interval is sent twice");
}

/// Asks over a bare connection, so that what is broken stays visible: head and body, as far as they came.
async fn ask(server: &VendorServer, path_and_query: &str, token: &str) -> std::io::Result<(String, String)> {
    let mut connection = TcpStream::connect(server.address()).await?;
    let request = format!("GET {path_and_query} HTTP/1.0\r\nHost: vendor\r\nAuthorization: Bearer {token}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // A connection that breaks off is an answer too.
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

const QUESTION: &str = "/v1/intervals?since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z";

#[tokio::test]
async fn pages_add_up_to_all_rows_and_are_counted() {
    let server = VendorServer::start(Dataset::story().with_token("t0p")).await.unwrap();
    let (head, _) = ask(&server, QUESTION, "wrong").await.unwrap();
    assert!(head.starts_with("HTTP/1.0 401") || head.starts_with("HTTP/1.1 401"), "{head}");

    let (mut query, mut rows, mut pages) = (QUESTION.to_owned(), 0, 0);
    loop {
        let (_, body) = ask(&server, &query, "t0p").await.unwrap();
        let page: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(page["schema"], "bpo-feed/v1");
        rows += page["rows"].as_array().unwrap().len();
        pages += 1;
        match page["next"].as_str() {
            Some(cursor) => query = format!("{QUESTION}&cursor={}", cursor.replace('/', "%2F")),
            None => break,
        }
    }
    // 22 weekdays of 24 half hours, two sites, three tiers.
    assert_eq!((rows, pages), (22 * 24 * 6, 2));
    let (_, totals) = ask(&server, &QUESTION.replace("intervals", "totals"), "").await.unwrap();
    let totals: Value = serde_json::from_str(&totals).unwrap();
    assert_eq!(totals["rows"].as_array().unwrap().len(), 22 * 24, "the open feed needs no token");

    let count = server.count(INTERVALS);
    assert_eq!((count.requests, count.unauthorised, count.failed, count.rows), (3, 1, 0, 22 * 24 * 6));
    assert_eq!(count.latest_until, Some(instant("2026-02-01T00:00:00Z")));
}

#[tokio::test]
async fn a_feed_fails_on_request_and_heals() {
    let mut server = VendorServer::start(Dataset::story()).await.unwrap();
    let is_right = |body: &str| {
        serde_json::from_str::<Value>(body)
            .is_ok_and(|page| page["schema"] == "bpo-feed/v1" && page["rows"][0]["measures"]["offered"].is_i64())
    };
    for fault in [
        Fault::Status(503, Some("1".to_owned())),
        Fault::Html,
        Fault::Empty,
        Fault::Truncated,
        Fault::CutOff,
        Fault::Redirect("http://169.254.169.254/".to_owned()),
        Fault::OtherSchema,
        Fault::NotANumber,
        Fault::Huge(1_000),
    ] {
        server.fail(INTERVALS, Some(fault.clone()));
        let (head, body) = ask(&server, QUESTION, "").await.unwrap();
        assert!(!is_right(&body), "{fault:?}: {head}");
    }
    server.refuse_connections().await;
    assert_eq!(ask(&server, QUESTION, "").await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    server.accept_connections().await.unwrap();
    server.fail(INTERVALS, None);
    let (_, body) = ask(&server, QUESTION, "").await.unwrap();
    assert!(is_right(&body));
    assert_eq!(server.count(INTERVALS).failed, 9);
}

#[tokio::test]
async fn the_outage_of_the_story_is_in_may() {
    let server = VendorServer::start(Dataset::story()).await.unwrap();
    for (until, status) in
        [("2026-05-17T12:00:00Z", "200"), ("2026-05-19T12:00:00Z", "500"), ("2026-05-22T00:00:00Z", "200")]
    {
        let question = format!("/v1/intervals?since=2026-05-12T00:00:00Z&until={until}");
        let (head, _) = ask(&server, &question, "").await.unwrap();
        assert!(head.lines().next().unwrap_or_default().contains(status), "{until}: {head}");
    }
}
