//! Expositions of OpenMetrics and Prometheus: one read twice, or two, divided by the byte 1E, read one after the other.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bpo_operator::api::feed::OpenMetricsFormat;
use bpo_operator::feed::format::mapping::ParsedPage;
use bpo_operator::feed::format::openmetrics::{Scrape, read, scrape};
use bpo_operator::feed::offline::page_of;
use bpo_operator::feed::quality::{QualityRules, check};
use bpo_operator_fuzz::{check_error, check_kept, check_rejected, check_stored};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

static FORMAT: LazyLock<OpenMetricsFormat> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{"measures":[{"name":"offered","metric":"calls_total"},{"name":"headcount","metric":"agents","stock":true},
            {"name":"answeredWithin","metric":"wait_bucket{le=\"20\"}"},{"name":"talkSeconds","metric":"talk","unit":"Milliseconds"}],
            "labels":[{"name":"queue","label":"queue"},{"name":"site","value":"cebu"}]}"#,
    )
    .expect("a mapping")
});

fn try_scrape(minute: i64, body: &[u8], before: Option<&str>) -> Option<ParsedPage> {
    let mut page = page_of(body);
    page.media_type = body.ends_with(b"# EOF").then(|| "application/openmetrics-text".to_owned());
    let longest = SignedDuration::from_mins(30);
    let scraped = || scrape(&FORMAT, &Scrape { at: at(minute), longest, origin: "here", before }, &page);
    let outcome = scraped();
    assert_eq!(outcome, scraped(), "the same bytes were read in two ways");
    match outcome {
        Ok(page) => Some(page),
        Err(error) => {
            check_error(&error);
            None
        }
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_767_603_600 + 60 * minute).expect("an instant")
}

fn check_rows(page: &ParsedPage, minutes: (i64, i64)) {
    page.rows.iter().for_each(check_stored);
    let rules = QualityRules { now: at(60), plan: false, cadence: jiff::SignedDuration::from_mins(30), derived: &[] };
    let (kept, rejected) = check(page.rows.clone(), rules);
    kept.iter().for_each(check_kept);
    check_rejected(&rejected);
    for row in &page.rows {
        assert_eq!((row.start, row.end), (at(minutes.0), at(minutes.1)));
        for name in ["offered", "answeredWithin", "talkSeconds"] {
            let grown = row.measures.get(name);
            assert!(grown.is_none_or(|grown| !grown.is_sign_negative()), "a counter grew by {grown:?}");
        }
    }
    check_rejected(&page.rejected);
}

fuzz_target!(|body: &[u8]| {
    let wanted: BTreeSet<&str> = ["calls_total", "agents", "wait_bucket", "talk"].into();
    for open_metrics in [false, true] {
        if let Ok(exposition) = read(body, open_metrics, &wanted) {
            assert!(exposition.samples.iter().all(|sample| wanted.contains(sample.name.as_str())));
            let series: BTreeSet<_> = exposition.samples.iter().map(|sample| (&sample.name, &sample.labels)).collect();
            assert_eq!(series.len(), exposition.samples.len(), "a series appears twice");
        }
    }
    let mut bodies = body.splitn(2, |byte| *byte == 0x1e);
    let first = bodies.next().unwrap_or_default();
    let Some(begun) = try_scrape(0, first, None) else { return };
    assert!(begun.rows.is_empty(), "one scrape alone says nothing");
    check_rejected(&begun.rejected);
    let state = begun.state.expect("what the next scrape has to know");
    match bodies.next() {
        None => {
            let again = try_scrape(5, first, Some(&state)).expect("it was read before");
            check_rows(&again, (0, 5));
            for row in &again.rows {
                let flows = row.measures.iter().filter(|(name, _)| *name != "headcount");
                flows.for_each(|(name, grown)| assert!(grown.is_zero(), "{name} did not change and grew by {grown}"));
            }
        }
        Some(second) => {
            let Some(grown) = try_scrape(5, second, Some(&state)) else { return };
            check_rows(&grown, (0, 5));
            let state = grown.state.expect("what the next scrape has to know");
            if let Some(back) = try_scrape(10, first, Some(&state)) {
                check_rows(&back, (5, 10));
            }
        }
    }
});
