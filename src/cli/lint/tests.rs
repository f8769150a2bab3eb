//! What people write wrong, and what lint answers: their words, what was expected, one example; never a pattern or a type.

use std::path::Path;

use super::*;
use crate::cli::manifests::parse;

const CONTRACT: &str = "apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: acme-care}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
  charges: {currency: GBP, amount: 100000}
  feeds:
    - {name: acd, url: https://feeds.example/v1}
";

const KPI: &str = "---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: acme-service-level}
spec:
  contractRef: {name: acme-care}
  kpi: ServiceLevel
  source: {feed: acd}
  objective: {target: 80}
";

/// What lint says of the text, a line for each mistake.
fn said(text: &str) -> Vec<String> {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let mistakes = match parse(text, Path::new("a.yaml")) {
        Ok(manifests) => lint(&manifests, now).mistakes,
        Err(mistakes) => mistakes,
    };
    mistakes.iter().map(ToString::to_string).collect()
}

/// What is written instead of what, and what the first mistake says.
type Case = (&'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // Misspelt names.
    (
        "  vendor:",
        "  vednor:",
        "a.yaml:5: VendorContract acme-care: spec.vednor: is not a field that exists (did you mean vendor?): take it away",
    ),
    (
        "{name: Acme}",
        "{name: Acme, site: London}",
        "spec.vendor.site: is not a field that exists (did you mean sites?)",
    ),
    (
        "{start: 2026-01-01,",
        "{begin: 2026-01-01,",
        "spec.term.begin: is not a field that exists: take it away, or write one of",
    ),
    (
        "kpi: ServiceLevel",
        "kpi: ServiceLevle",
        "spec.kpi: \"ServiceLevle\" is not a choice here (did you mean ServiceLevel?)",
    ),
    (
        "kind: KpiTarget",
        "kind: KpiTargets",
        "a.yaml:12: kind: \"KpiTargets\" is not a kind of bpo-operator.io (did you mean KpiTarget?)",
    ),
    (
        "spec:\n  vendor",
        "sepc:\n  vendor",
        "a.yaml:4: VendorContract acme-care: sepc: is not a field that exists (did you mean spec?)",
    ),
    (
        "  feeds:",
        "  period: Montly\n  feeds:",
        "spec.period: \"Montly\" is not a choice here (did you mean Monthly?): write one of Weekly, Monthly",
    ),
    (
        "url: https://feeds.example/v1}",
        "url: 'https://feeds.example/v1?from={sinse}'}",
        "spec.feeds[acd].url: {sinse} is not a placeholder: write one of {since}",
    ),
    // What is missing.
    (", end: 2026-12-31}", "}", "spec.term.end: is missing: "),
    ("  source: {feed: acd}\n", "", "spec.source: is missing: "),
    (
        "metadata: {name: acme-care}",
        "metadata: {}",
        "VendorContract: metadata.name is missing: write a name, such as acme-care",
    ),
    // Types.
    ("amount: 100000", "amount: 100000.5", "spec.charges.amount: 100000.5 needs quotes here: write \"100000.5\""),
    ("{name: Acme}", "{name: 12}", "spec.vendor.name: 12 needs quotes here: write \"12\""),
    (
        "amount: 100000",
        "amount: true",
        "spec.charges.amount: true does not fit here: write a number, such as 80 or \"79.5\"",
    ),
    ("vendor: {name: Acme}", "vendor: Acme", "spec.vendor: \"Acme\" is text: write fields below it, such as name"),
    (
        "    - {name: acd, url: https://feeds.example/v1}",
        "    {name: acd, url: https://feeds.example/v1}",
        "spec.feeds: holds fields: write a list: begin each entry with -",
    ),
    ("  feeds:", "  tiers: gold\n  feeds:", "spec.tiers: \"gold\" is text: write a list: begin each entry with -"),
    ("  feeds:", "  calendar:\n  feeds:", "spec.calendar: is empty: write fields below it, such as "),
    // Days, lengths of time, numbers.
    (
        "end: 2026-12-31",
        "end: 31.12.2026",
        "spec.term.end: \"31.12.2026\" is not a day of the calendar: write year-month-day, such as 2026-01-31",
    ),
    ("end: 2026-12-31", "end: 2026-02-30", "spec.term.end: \"2026-02-30\" is not a day of the calendar"),
    (
        "  feeds:",
        "  closeAfter: 10 days\n  feeds:",
        "spec.closeAfter: \"10 days\" is not a duration: write one number and one unit",
    ),
    ("  feeds:", "  closeAfter: soon\n  feeds:", "spec.closeAfter: \"soon\" is not a duration"),
    ("target: 80", "target: eighty", "spec.objective.target: \"eighty\" is not a decimal: write up to 12 digits"),
    ("currency: GBP", "currency: gbp", "spec.charges.currency: \"gbp\" is not a currency"),
    ("currency: GBP", "currency: GPB", "spec.charges.currency: \"GPB\" is not a currency of ISO 4217"),
    (
        "  feeds:",
        "  relief: [{name: a, cause: ThirdParty, from: 2026-02-01, to: 2026-02-02}]\n  feeds:",
        "spec.relief[0].from: \"2026-02-01\" is not an instant: write a date, a time and its offset",
    ),
    // Structure.
    (
        "  vendor: {name: Acme}",
        "  vendor: {name: Acme}\n  vendor: {name: B}",
        "a.yaml:6: VendorContract acme-care: spec.vendor: is written twice: keep one of them",
    ),
    (
        "v1alpha1\nkind: VendorContract",
        "v9\nkind: VendorContract",
        "a.yaml:1: apiVersion: write bpo-operator.io/v1alpha1",
    ),
    ("name: acme-care}\nspec", "name: acme.care}\nspec", "metadata.name: \"acme.care\" has a dot"),
    (
        "contractRef: {name: acme-care}",
        "contractRef: {name: acme-cage}",
        "spec.contractRef.name: there is no VendorContract \"acme-cage\" (did you mean acme-care?): create it in this namespace",
    ),
    (
        "feed: acd",
        "feed: adc",
        "spec.source.feed: the contract has no feed \"adc\" (did you mean acd?): write one of \"acd\", or add it to",
    ),
    (
        "kpi: ServiceLevel",
        "kpi: ServiceLevel\n  counterMetric: fcr",
        "spec.counterMetric: the contract has no KpiTarget \"fcr\"",
    ),
];

#[test]
fn a_mistake_is_answered_with_the_words_that_were_written_and_what_to_write() {
    let right = format!("{CONTRACT}{KPI}");
    assert_eq!(said(&right), [""; 0]);
    for (was, is, expected) in CASES {
        assert!(right.contains(was), "{was}");
        let found = said(&right.replacen(was, is, 1));
        assert!(found.first().is_some_and(|first| first.contains(expected)), "{is}\n{expected}\n{found:#?}");
        let of_a_library = [
            "invalid type",
            "expected struct",
            "DuplicateKeyPolicy",
            "missing field",
            "unknown variant",
            "^[",
            "i64",
            ".?",
        ];
        for words in of_a_library {
            assert!(!found.concat().contains(words), "{is}: {words} in {found:#?}");
        }
    }
}

#[test]
fn a_file_without_documents_and_one_that_is_not_yaml_are_reported() {
    for (text, expected) in [
        ("", "a.yaml:1: holds no document: write one, such as a VendorContract"),
        ("# nothing yet\n", "a.yaml:1: holds no document"),
        ("apiVersion: bpo-operator.io/v1alpha1\nspec: [1\n", "is not YAML: "),
    ] {
        assert!(said(text).concat().contains(expected), "{text}: {:?}", said(text));
    }
}

#[test]
fn a_list_of_objects_is_read_object_by_object() {
    let document = |text: &str| serde_saphyr::from_str::<Value>(text.trim_start_matches("---\n")).unwrap();
    let list = |items: Vec<Value>| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    assert_eq!(said(&list(vec![document(CONTRACT), document(KPI)])), [""; 0]);
    let wrong = document(&KPI.replace("target: 80", "targt: 80"));
    assert!(
        said(&list(vec![document(CONTRACT), wrong]))
            .concat()
            .contains("spec.objective.targt: is not a field that exists")
    );
}

#[test]
fn all_mistakes_of_a_document_are_said_at_once() {
    let text = CONTRACT.replace("vendor:", "vednor:").replace("end:", "edn:").replace("amount: 100000", "amount: [1]");
    assert_eq!(said(&text).len(), 3, "{:#?}", said(&text));
}
