//! JSONPath expressions as contracts write them: the rows, then, on lines of their own, the start and a measure.
#![no_main]

use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

const DOCUMENT: &str = r#"{"took":7,"results":[
    {"at":"2026-01-05T09:30:00","queue":"billing","stats":{"offered":97,"answered":"44"},"tags":["a","b"]},
    {"at":1767603600,"queue":"sales","stats":{"offered":1.5},"tags":[]}],
    "totals":{"kind":"total","a/b":[1,2,[3,4]],"~":null}}"#;

/// What the schema of the resource allows.
const LONGEST_PATH: usize = 1_024;

fuzz_target!(|text: &str| {
    let mut paths = text.lines().filter(|path| !path.is_empty());
    let rows = paths.next().unwrap_or("$.results[*]");
    let start = paths.next().unwrap_or("$.at");
    let measure = paths.next().unwrap_or("$.stats.offered");
    if [rows, start, measure].iter().any(|path| path.chars().count() > LONGEST_PATH) {
        return;
    }
    let quoted = |path: &str| serde_json::to_string(path).expect("a text");
    let feed = feed(&format!(
        r#"{{"json":{{"rows":{},"start":{},"measures":[{{"name":"offered","path":{}}}]}}}}"#,
        quoted(rows),
        quoted(start),
        quoted(measure)
    ));
    if let Some(page) = check_body(&feed, DOCUMENT.as_bytes()) {
        assert_eq!(page.rows.len() + page.rejected.len(), page.count, "a row was lost");
    }
});
