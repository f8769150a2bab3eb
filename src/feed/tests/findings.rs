//! What the validation of a contract says of a feed.

use serde_json::{Value, json};

use crate::domain::terms::validation::validate_contract;

/// Asserts that a finding on a contract with this feed alone has `fragment`, or, where that is empty, that there is no finding.
pub(super) fn assert_findings(feed: &Value, fragment: &str) {
    let contract =
        json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [feed]});
    let findings = validate_contract("care", &serde_json::from_value(contract).unwrap());
    let found: Vec<String> = findings.iter().map(|finding| format!("{finding:?}")).collect();
    match fragment {
        "" => assert!(found.is_empty(), "{found:?}"),
        fragment => assert!(found.iter().any(|finding| finding.contains(fragment)), "{fragment}: {found:?}"),
    }
}
