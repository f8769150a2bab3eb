use proptest::prelude::*;

use super::*;
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Batch, EvidenceStore, FeedKey, rehearse};
use crate::feed::format::native;
use crate::feed::quality::check;
use crate::outbound::error::{Detail, FailureKind};

const NOW: &str = "2026-01-06T00:00:00Z";

fn native() -> Feed {
    serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/v1"}"#).unwrap()
}

fn inspect_body(body: &str) -> Inspection {
    let feed = native();
    let answers = read_file(&feed, "UTC", body.as_bytes()).unwrap();
    inspect(&answers, Expectations { feed: &feed, now: NOW.parse().unwrap(), up_to_now: false })
}

fn body_of(rows: &[&str]) -> String {
    format!(r#"{{"schema":"bpo-feed/v1","rows":[{}],"next":null}}"#, rows.join(","))
}

/// What is found, the places of rows as JSON counts them.
fn found(inspection: &Inspection) -> Vec<(Cost, &'static str, Option<usize>)> {
    let place = |finding: &Finding| finding.place.and_then(|place| place.row);
    inspection.findings.iter().map(|finding| (finding.cost, finding.rule, place(finding))).collect()
}

/// A row of 5 January from `start` to `end`, with labels and measures as JSON.
fn row(start: &str, end: &str, labels: &str, measures: &str) -> String {
    format!(
        r#"{{"start":"2026-01-05T{start}:00Z","end":"2026-01-05T{end}:00Z","labels":{{{labels}}},"measures":{{{measures}}}}}"#
    )
}

#[test]
fn each_wrong_row_is_reported_with_its_number_and_spoils_no_other_finding() {
    let good = row("08:00", "08:30", "", r#""offered":1"#);
    let times = r#""start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#;
    let many = |count: usize, value: &str| {
        (0..count).map(|number| format!(r#""n{number}":{value}"#)).collect::<Vec<_>>().join(",")
    };
    let measured = |measures: &str| row("09:00", "09:30", "", measures);
    let cases = [
        (format!(r#"{{{times},"measures":{{"offered":"97"}}}}"#), Cost::Answer, "Malformed"),
        (format!(r#"{{{times},"measures":{{"offered":null}}}}"#), Cost::Answer, "Malformed"),
        (format!(r#"{{{times},"measures":{{"offered":1,"offered":2}}}}"#), Cost::Answer, "Malformed"),
        (format!(r#"{{{times}}}"#), Cost::Answer, "Malformed"),
        (r#"{"end":"2026-01-05T09:30:00Z","measures":{"offered":1}}"#.to_owned(), Cost::Answer, "Malformed"),
        (r#"{"start":"2026-01-05T09:30:00Z","measures":{"offered":1}}"#.to_owned(), Cost::Answer, "Malformed"),
        (r#"{"start":1767603600,"end":1767605400,"measures":{"offered":1}}"#.to_owned(), Cost::Answer, "Malformed"),
        (format!(r#"{{{times},"labels":{{"queue":7}},"measures":{{"offered":1}}}}"#), Cost::Answer, "Malformed"),
        (format!(r#"{{{times},"revision":1.5,"measures":{{"offered":1}}}}"#), Cost::Answer, "Malformed"),
        ("7".to_owned(), Cost::Answer, "Malformed"),
        (
            r#"{"start":"2026-01-05T09:00:00","end":"2026-01-05T09:30:00","measures":{"offered":1}}"#.to_owned(),
            Cost::Row,
            "Malformed",
        ),
        (row("09:30", "09:00", "", r#""offered":1"#), Cost::Row, "EndNotAfterStart"),
        (
            r#"{"start":"2026-01-06T00:05:01Z","end":"2026-01-06T00:30:00Z","measures":{"offered":1}}"#.to_owned(),
            Cost::Row,
            "InFuture",
        ),
        (measured(r#""offered":-1"#), Cost::Row, "OutOfRange"),
        (measured(r#""offered":1e16"#), Cost::Row, "OutOfRange"),
        (measured(r#""answered":44,"answeredWithin":45"#), Cost::Row, "PartAboveWhole"),
        (measured(r#""surveyResponses":100,"satisfied":0.8"#), Cost::Row, "UnitSlip"),
        (measured(""), Cost::Row, "Mapping"),
        (measured(&many(101, "1")), Cost::Row, "TooManyMeasures"),
        (row("09:00", "09:30", &many(11, "\"x\""), r#""offered":1"#), Cost::Row, "TooManyLabels"),
        (
            row("09:00", "09:30", &format!(r#""queue":"{}""#, "x".repeat(129)), r#""offered":1"#),
            Cost::Row,
            "LabelTooLong",
        ),
        (row("08:15", "08:45", "", r#""offered":2"#), Cost::Row, "Overlap"),
        (measured(r#""answered_within":2"#), Cost::Doubt, "MisspeltMeasure"),
        (measured(r#""serviceLevelPercent":80"#), Cost::Doubt, "NotAdditive"),
        (measured(r#""avg_handle":80"#), Cost::Doubt, "NotAdditive"),
    ];
    for (wrong, cost, rule) in cases {
        let inspection = inspect_body(&body_of(&[&good, &wrong, &row("10:00", "10:30", "", r#""offered":3"#)]));
        assert_eq!(found(&inspection), [(cost, rule, Some(1))], "{wrong}");
        assert_eq!(inspection.refused(), cost != Cost::Doubt, "{wrong}");
        let taken = [(Cost::Answer, 0), (Cost::Row, 2), (Cost::Doubt, 3)].into_iter().find(|(of, _)| *of == cost);
        assert_eq!((inspection.facts.rows, Some(inspection.facts.taken)), (3, taken.map(|(_, rows)| rows)), "{wrong}");
        let finding = &inspection.findings[0];
        let texts = [&finding.found, &finding.expected, &finding.write];
        assert!(texts.iter().all(|text| !text.is_empty() && text.chars().count() <= 240), "{finding:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_at_all_is_reported_with_what_to_write() {
    let cases = [
        ("", "the body is empty", "\"rows\": […]"),
        ("<!DOCTYPE html>", "not a JSON object", "\"rows\": […]"),
        ("[]", "cannot be read", "\"rows\": […]"),
        (r#"{"schema":"bpo-feed/v9","rows":[],"next":null}"#, "bpo-feed/v9", "\"schema\": \"bpo-feed/v1\""),
        (r#"{"schema":"bpo-feed/v1","rows":[],"rows":[],"next":null}"#, "is there twice", "once"),
        (r#"{"schema":"bpo-feed/v1","next":null}"#, "rows", "\"rows\": […]"),
    ];
    for (body, message, write) in cases {
        let inspection = inspect_body(body);
        assert_eq!(found(&inspection), [(Cost::Answer, "Malformed", None)], "{body}");
        let finding = &inspection.findings[0];
        assert!(finding.found.contains(message) && finding.write.contains(write), "{body}: {finding:?}");
    }
}

#[test]
fn a_time_by_which_the_vendor_counts_is_held_against_each_that_the_contract_names() {
    let good = row("08:00", "08:30", "", r#""answered":9,"answeredWithin":7,"answeredIn30":8"#);
    let one = r#"[{"measure":"answeredWithin","within":"20s"}]"#;
    let two = r#"[{"measure":"answeredWithin","within":"20s"},{"measure":"answeredIn30","of":"answeredWithin","within":"30s"}]"#;
    let minute = r#"[{"measure":"answeredWithin","within":"1m"}]"#;
    for (agreed, said, doubted) in [
        (one, r#"{"answeredWithin":20}"#, vec![]),
        (one, r#"{"answeredWithin":30}"#, vec![("answeredWithin is counted by 30 s", "20s,")]),
        (one, r#"{"longWaits":120}"#, vec![]),
        (one, "{}", vec![]),
        ("[]", r#"{"answeredWithin":30}"#, vec![]),
        (minute, r#"{"answeredWithin":60}"#, vec![]),
        (minute, r#"{"answeredWithin":1}"#, vec![("answeredWithin is counted by 1 s", "1m,")]),
        (two, r#"{"answeredWithin":20,"answeredIn30":30}"#, vec![]),
        (two, r#"{"answeredWithin":20,"answeredIn30":20}"#, vec![("answeredIn30 is counted by 20 s", "30s,")]),
        (
            two,
            r#"{"answeredWithin":30,"answeredIn30":20}"#,
            vec![("answeredWithin is counted by 30 s", "20s,"), ("answeredIn30 is counted by 20 s", "30s,")],
        ),
    ] {
        let feed = format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1","thresholds":{agreed}}}"#);
        let feed: Feed = serde_json::from_str(&feed).unwrap();
        let body = body_of(&[&good]).replace(r#""next":null"#, &format!(r#""thresholds":{said},"next":null"#));
        let answers = read_file(&feed, "UTC", body.as_bytes()).unwrap();
        let inspection = inspect(&answers, Expectations { feed: &feed, now: NOW.parse().unwrap(), up_to_now: false });
        let doubts: Vec<&Finding> =
            inspection.findings.iter().filter(|finding| finding.rule == "ThresholdMismatch").collect();
        assert_eq!(doubts.len(), doubted.len(), "{agreed} {said}: {doubts:?}");
        for (finding, (found, expected)) in doubts.iter().zip(doubted) {
            assert!(finding.found.contains(found) && finding.expected.starts_with(expected), "{finding:?}");
            assert!(finding.cost == Cost::Doubt && finding.write.contains("was agreed"), "{finding:?}");
        }
        assert_eq!((inspection.refused(), inspection.facts.taken), (false, 1), "{agreed} {said}");
    }
}

#[test]
fn every_kind_of_failure_has_words_of_its_own() {
    let unknown = words::of_failure(&FetchError::new(FailureKind::Late, "late"));
    for kind in FailureKind::ALL {
        let by_cluster = [
            FailureKind::SecretNotFound,
            FailureKind::SecretNotAllowed,
            FailureKind::RowQuota,
            FailureKind::Late,
            FailureKind::Shrunk,
        ];
        let words = words::of_failure(&FetchError::new(*kind, "whatever"));
        assert_eq!(words == unknown, by_cluster.contains(kind), "{kind}");
    }
}

#[test]
fn advice_follows_the_cause_and_not_the_words_of_the_message() {
    let write = |kind, detail| words::of_failure(&FetchError::new(kind, "any words").with_detail(detail)).1;
    for (kind, detail, expected) in [
        (FailureKind::Malformed, Detail::NotHttp, "curl -v"),
        (FailureKind::Malformed, Detail::MediaType, "Content-Type"),
        (FailureKind::Malformed, Detail::Circle, "null on the last page"),
        (FailureKind::Malformed, Detail::Encoding, "gzip"),
        (FailureKind::Malformed, Detail::Unspecified, "docs/feeds.md"),
        (FailureKind::Status, Detail::Status(204), "an empty list of rows"),
        (FailureKind::Status, Detail::Status(308), "the address that answers"),
        (FailureKind::Status, Detail::Status(500), "server's log"),
        (FailureKind::TooLarge, Detail::TooManyPages, "larger pages"),
        (FailureKind::Denied, Detail::Elsewhere, "a cursor in \"next\""),
    ] {
        let found = write(kind, detail);
        assert!(found.contains(expected), "{kind} {detail:?}: {found}");
    }
    let times = r#""start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#;
    let measures = r#""measures":{"offered":1}"#;
    for (row, expected) in [
        ("7".to_owned(), r#"{"start": …"#),
        (format!("{{{times}}}"), r#""measures": "#),
        (format!(r#"{{{times},"mesures":{{"offered":1}}}}"#), r#""measures": "#),
        (format!(r#"{{{times},"measures":[]}}"#), r#""measures": "#),
        (format!(r#"{{{times},"measures":{{"labels":"start"}}}}"#), "without quotes"),
        (format!(r#"{{{times},"labels":{{"end":7}},{measures}}}"#), r#""labels": "#),
        (format!(r#"{{{times},"lables":{{"queue":"a"}},{measures}}}"#), r#""labels": "#),
        (format!(r#"{{{times},"labels":{{"a":"1","a":"1"}},{measures}}}"#), "one of the two"),
        (format!(r#"{{{times},"revision":-1,{measures}}}"#), r#""revision": "#),
        (format!(r#"{{{times},"recordedAt":7,{measures}}}"#), r#""recordedAt": "#),
        (format!(r#"{{"start":7,"end":7,{measures}}}"#), r#""start": "#),
        (format!(r#"{{"start":"2026-01-05T09:00:00Z",{measures}}}"#), r#""end": "#),
    ] {
        let inspection = inspect_body(&body_of(&[&row]));
        let write = &inspection.findings[0].write;
        assert!(write.contains(expected), "{row}: {write}");
    }
}

#[test]
fn rows_are_compared_with_each_other_within_their_labels() {
    let queue = |start, end, queue: &str, offered: u32| {
        row(start, end, &format!(r#""queue":"{queue}""#), &format!(r#""offered":{offered}"#))
    };
    let corrected = queue("09:00", "09:30", "a", 2).replace("\"measures\"", "\"revision\":2,\"measures\"");
    type Case<'a> = (&'a str, Vec<String>, Vec<(Cost, &'static str, Option<usize>)>, (usize, usize, usize));
    // The numbers are those of rows that repeat, that are superseded, and of gaps.
    let cases: [Case<'_>; 10] = [
        ("apart", vec![queue("09:00", "09:30", "a", 1), queue("09:30", "10:00", "a", 1)], vec![], (0, 0, 0)),
        ("other labels", vec![queue("09:00", "09:30", "a", 1), queue("09:15", "09:45", "b", 2)], vec![], (0, 0, 0)),
        ("a gap", vec![queue("11:00", "11:30", "a", 1), queue("09:00", "09:30", "a", 1)], vec![], (0, 0, 1)),
        ("the same twice", vec![queue("09:00", "09:30", "a", 1), queue("09:00", "09:30", "a", 1)], vec![], (1, 0, 0)),
        (
            "two that differ",
            vec![queue("09:00", "09:30", "a", 1), queue("09:00", "09:30", "a", 2)],
            vec![(Cost::Row, "Conflict", Some(0)), (Cost::Row, "Conflict", Some(1))],
            (0, 0, 0),
        ),
        (
            "a row beside one that is refused",
            vec![queue("09:00", "10:00", "a", 1), queue("09:30", "11:00", "a", 1), queue("10:30", "11:00", "a", 1)],
            vec![(Cost::Row, "Overlap", Some(1))],
            (0, 0, 1),
        ),
        ("a correction", vec![corrected.clone(), queue("09:00", "09:30", "a", 1)], vec![], (0, 1, 0)),
        (
            "a long row over two",
            vec![queue("09:00", "09:30", "a", 1), queue("09:30", "10:00", "a", 1), queue("09:00", "10:00", "a", 2)],
            vec![(Cost::Row, "Overlap", Some(2))],
            (0, 0, 0),
        ),
        (
            "a whole beside its parts",
            vec![queue("09:00", "09:30", "a", 1), row("09:00", "09:30", "", r#""offered":1"#)],
            vec![(Cost::Doubt, "TotalBesideParts", Some(1))],
            (0, 0, 0),
        ),
        (
            "a whole by its name",
            vec![queue("09:00", "09:30", "a", 1), queue("09:00", "09:30", "Total", 1)],
            vec![(Cost::Doubt, "TotalBesideParts", Some(1))],
            (0, 0, 0),
        ),
    ];
    for (name, rows, findings, counts) in cases {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let inspection = inspect_body(&body_of(&rows));
        let facts = &inspection.facts;
        assert_eq!(found(&inspection), findings, "{name}");
        assert_eq!((facts.repeated, facts.superseded, facts.gaps.len()), counts, "{name}");
    }
}

#[test]
fn the_summary_of_what_was_read_is_in_figures() {
    let measures = r#""offered":9,"answered":8,"abandoned":1,"answeredWithin":7,"abandonedWithin":0"#;
    let rows = [
        row("09:00", "09:15", r#""queue":"billing""#, measures),
        row("09:15", "09:30", r#""queue":"billing""#, measures),
        row("09:00", "09:15", r#""queue":"sales""#, r#""offered":3"#),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let facts = inspect_body(&body_of(&rows)).facts;
    assert_eq!((facts.pages, facts.rows, facts.right, facts.taken), (1, 3, 3, 3));
    assert_eq!((facts.label_sets, facts.cadence), (2, 1_800));
    assert_eq!(facts.lengths.into_iter().collect::<Vec<_>>(), [(900, 3)]);
    assert_eq!(facts.labels["queue"].iter().collect::<Vec<_>>(), ["billing", "sales"]);
    assert_eq!((facts.measures["offered"], facts.measures["answered"]), (3, 2));
    assert!(facts.kpis.contains(&"ServiceLevel".to_owned()) && facts.kpis.contains(&"AbandonmentRate".to_owned()));
    assert!(!facts.kpis.contains(&"AverageHandleTime".to_owned()), "{:?}", facts.kpis);
    let (start, end) = facts.span.unwrap();
    assert_eq!((start.to_string(), end.to_string()), ("2026-01-05T09:00:00Z".into(), "2026-01-05T09:30:00Z".into()));
}

#[test]
fn rows_that_come_late_and_windows_without_rows_are_doubtful() {
    let feed = native();
    let cases = [
        (body_of(&[&row("22:00", "22:30", "", r#""offered":1"#)]), true, Some("Late")),
        (body_of(&[&row("22:30", "23:00", "", r#""offered":1"#)]), true, None),
        (body_of(&[&row("08:00", "08:30", "", r#""offered":1"#)]), false, None),
        (body_of(&[]), true, Some("NoRows")),
    ];
    for (body, up_to_now, rule) in cases {
        let answers = read_file(&feed, "UTC", body.as_bytes()).unwrap();
        let inspection = inspect(&answers, Expectations { feed: &feed, now: NOW.parse().unwrap(), up_to_now });
        assert_eq!(inspection.findings.first().map(|finding| finding.rule), rule, "{body}");
        assert!(!inspection.refused(), "{body}");
    }
}

#[test]
fn lengths_of_time_are_shown_in_their_two_largest_units() {
    let cases = [
        (0, "0s"),
        (59, "59s"),
        (1_800, "30m"),
        (5_400, "1h 30m"),
        (90_061, "1d 1h"),
        (86_400, "1d"),
        (86_401, "1d 1s"),
    ];
    for (seconds, text) in cases {
        assert_eq!(span_text(SignedDuration::from_secs(seconds)), text);
    }
}

/// Half hours and hours that meet, repeat, contradict and overlap each other often.
fn crowded_rows() -> impl Strategy<Value = Vec<String>> {
    let row = (0..6_i64, 1..4_i64, 0..2_u8, 0..2_u8, prop::option::of(1..3_i64)).prop_map(
        |(slot, length, queue, offered, revision)| {
            let at = |slot: i64| format!("2026-01-05T{:02}:{:02}:00Z", 9 + slot / 2, slot % 2 * 30);
            let revision = revision.map_or("null".to_owned(), |revision| revision.to_string());
            format!(
                r#"{{"start":"{}","end":"{}","labels":{{"queue":"{queue}"}},"measures":{{"offered":{offered}}},"revision":{revision}}}"#,
                at(slot),
                at(slot + length)
            )
        },
    );
    prop::collection::vec(row, 0..14)
}

/// What the operator itself does with a body: how many rows it keeps, and how many it refuses by which reason.
fn committed(
    store: &SqliteStore,
    runtime: &tokio::runtime::Runtime,
    body: &str,
    uid: u64,
) -> (u64, Vec<(String, u64)>) {
    let page = native::parse(body.as_bytes(), None, &jiff::tz::TimeZone::UTC).unwrap();
    let rules = QualityRules {
        now: NOW.parse().unwrap(),
        plan: false,
        cadence: jiff::SignedDuration::from_mins(30),
        derived: &[],
    };
    let (rows, rejected) = check(page.rows, rules);
    let batch = Batch {
        received_at: NOW.parse().unwrap(),
        body_digest: [0; 32],
        url_host: None,
        backfill: false,
        plan: false,
        rows,
        rejected,
        progress: None,
        state: None,
    };
    let key =
        FeedKey { contract_uid: uid.to_string(), namespace: "team".into(), contract: "c".into(), feed: "acd".into() };
    // The preview of a sample says what the store does.
    let rehearsed = rehearse(&batch).unwrap();
    let report = runtime.block_on(store.commit(key, batch)).unwrap();
    let set_aside: u64 = report.rejected.values().sum();
    assert_eq!((rehearsed.rows.len() as u64, rehearsed.rejected.len() as u64), (report.added, set_aside), "{body}");
    let kept = runtime.block_on(store.rows(&uid.to_string(), "acd", 0)).unwrap();
    let figures = |rows: &[crate::domain::measuring::row::Row]| -> Vec<_> {
        rows.iter().map(|row| (row.start, row.end, row.labels.clone(), row.measures.clone())).collect()
    };
    assert_eq!(figures(&rehearsed.rows), figures(&kept), "{body}");
    (report.added, report.rejected.into_iter().map(|(reason, count)| (reason.to_string(), count)).collect())
}

#[test]
fn a_check_reports_to_the_vendor_what_the_operator_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let number = std::cell::Cell::new(0_u64);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let outcome = runner.run(&crowded_rows(), |rows| {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let body = body_of(&rows);
        number.set(number.get() + 1);
        let (kept, refused) = committed(&store, &runtime, &body, number.get());
        let inspection = inspect_body(&body);
        let mut counted: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for finding in inspection.findings.iter().filter(|finding| finding.cost == Cost::Row) {
            *counted.entry(finding.rule.to_owned()).or_default() += 1;
        }
        prop_assert_eq!(counted.into_iter().collect::<Vec<_>>(), refused);
        let facts = &inspection.facts;
        prop_assert_eq!((facts.taken - facts.repeated - facts.superseded) as u64, kept);
        Ok(())
    });
    outcome.unwrap();
}
