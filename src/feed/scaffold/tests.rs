use super::*;
use crate::api::feed::Feed;
use crate::domain::terms::validation::validate_contract;
use crate::feed::offline::checked_rows;

/// Reads the sample by its own draft: how many rows come, and the names of their measures.
fn read(content: &[u8]) -> (String, usize, Vec<String>) {
    let draft = scaffold(content).unwrap();
    let value: serde_json::Value =
        serde_saphyr::from_str(&draft.yaml).unwrap_or_else(|error| panic!("{error}\n{}", draft.yaml));
    let feed: Feed = serde_json::from_value(value.clone()).unwrap();
    let contract = serde_json::json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [value]});
    let findings = validate_contract("care", &serde_json::from_value(contract).unwrap());
    assert!(findings.is_empty(), "{findings:?}\n{}", draft.yaml);
    let found = checked_rows(&feed, "UTC", content, None, jiff::Timestamp::MAX)
        .unwrap_or_else(|error| panic!("{error}\n{}", draft.yaml));
    let names = found.rows.first().map(|row| row.measures.keys().cloned().collect()).unwrap_or_default();
    (draft.yaml, found.rows.len(), names)
}

#[test]
fn the_draft_of_a_sample_is_accepted_and_reads_the_sample() {
    let cases: [(&str, &[u8], usize, &[&str]); 5] = [
        (
            "CSV of Amazon Connect",
            include_bytes!("../../../tests/data/exports/amazon-connect.csv"),
            3,
            &["abandoned", "abandonedWithin", "answered", "answeredWithin", "handleSeconds", "offered", "waitSeconds"],
        ),
        (
            "workbook of Cisco UCCX",
            include_bytes!("../../../tests/data/platforms/cisco-uccx/answer.xlsx"),
            4,
            &["abandoned", "abandonedWithin", "answered", "answeredWithin", "offered"],
        ),
        (
            "JSON of a warehouse",
            br#"{"rows":[{"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","queue":{"name":"a"},"offered":97,"answered":44},
                {"start":"2026-01-05T09:30:00Z","end":"2026-01-05T10:00:00Z","queue":{"name":"a"},"offered":9,"answered":null}]}"#,
            2,
            &["answered", "offered"],
        ),
        (
            "JSON with names and values",
            br#"[{"interval":"2026-01-05T09:00:00Z/2026-01-05T09:30:00Z","skill":"a","metrics":[{"name":"nOffered","value":7},{"name":"tTalk","value":60}]}]"#,
            1,
            &["offered", "tTalk"],
        ),
        ("times as numbers", br#"{"calls":[{"started_at":1767605400,"queue":"a","offered":7}]}"#, 1, &["offered"]),
    ];
    for (what, content, count, names) in cases {
        let (yaml, rows, found) = read(content);
        assert_eq!(rows, count, "{what}\n{yaml}");
        assert!(names.iter().all(|name| found.iter().any(|known| known == name)), "{what}: {found:?}\n{yaml}");
    }
}

#[test]
fn percentages_are_left_out_with_a_word_and_means_get_their_volume() {
    let (yaml, _, names) = read(include_bytes!("../../../tests/data/exports/amazon-connect.csv"));
    assert!(yaml.contains("# \"Service level 20 seconds\" is a percentage") && yaml.contains("of: answered"), "{yaml}");
    assert!(names.iter().all(|name| !name.to_lowercase().contains("service")), "{names:?}");
    assert!(yaml.contains("cadence: 30m\n"), "{yaml}");
}

#[test]
fn a_row_with_a_date_and_no_time_is_a_day_long() {
    let (yaml, rows, _) = read(include_bytes!("../../../examples/first-csv/calls.csv"));
    assert!(rows == 22 && yaml.contains("cadence: 24h\n"), "{yaml}");
}

#[test]
fn text_that_is_not_a_sample_is_refused_with_what_to_do() {
    for (content, fragment) in [
        (&b"<html>"[..], "write the mapping by hand"),
        (b"{\"total\": 5}", "no list of objects"),
        (b"7;8;9\n1;2;3\n", "names of columns"),
    ] {
        let error = scaffold(content).unwrap_err();
        assert!(error.message.contains(fragment), "{}", error.message);
    }
}
