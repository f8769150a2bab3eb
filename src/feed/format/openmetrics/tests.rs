use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::api::feed::OpenMetricsFormat;
use crate::feed::format::mapping::ParsedPage;
use crate::outbound::client::{Page, Validators};
use crate::outbound::error::{FailureKind, FetchError};

fn wanted<'a>() -> BTreeSet<&'a str> {
    ["calls_total", "agents", "wait_bucket", "my.calls"].into()
}

#[test]
fn expositions_are_read_line_by_line() {
    let text = "# HELP calls_total Calls, \"offered\" {all}\n# TYPE calls counter\n# UNIT calls calls\n\n\
        calls_total{queue=\"billing\",site=\"a\\\\b\\\"c\\nd\"} 97 1767603600.123 # {trace=\"x # y\"} 1 1767603600\n\
        calls_total {queue = \"sales\" , } +1.5e+02\t1767603600000\n\
        calls_created{queue=\"billing\",site=\"a\\\\b\\\"c\\nd\"} 1767600000\n\
        # TYPE agents gauge\nagents 7.\nagents{team=\"NaN\"} NaN\nagents{team=\"inf\"} -Inf\nagents{team=\"e\"} .5\n\
        # TYPE wait histogram\nwait_bucket{le=\"+Inf\"} 3\nother{a=\"}\"} 1\n{\"my.calls\",\"my.queue\"=\"x\"} 2\n# EOF";
    let found = read(text.as_bytes(), true, &wanted()).unwrap();
    let shown: Vec<(String, SampleValue)> =
        found.samples.iter().map(|sample| (line::series(&sample.name, &sample.labels), sample.value)).collect();
    let number = |text: &str| SampleValue::Number(text.parse().unwrap());
    let expected = [
        (r#"calls_total{queue="billing",site="a\\b\"c\nd"}"#, number("97")),
        (r#"calls_total{queue="sales"}"#, number("150")),
        ("agents{}", number("7")),
        (r#"agents{team="NaN"}"#, SampleValue::Missing),
        (r#"agents{team="inf"}"#, SampleValue::OutOfRange),
        (r#"agents{team="e"}"#, number("0.5")),
        (r#"wait_bucket{le="+Inf"}"#, number("3")),
        (r#"my.calls{my.queue="x"}"#, number("2")),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(shown, expected);
    assert_eq!(found.created(&found.samples[0]), Some(1_767_600_000.into()));
    let kinds =
        [("calls_total", Kind::Counter), ("agents", Kind::Gauge), ("wait_bucket", Kind::Counter), ("x", Kind::Unknown)];
    for (name, kind) in kinds {
        assert_eq!(found.kind(name), kind, "{name}");
    }
}

#[test]
fn a_text_that_is_cut_off_repeated_or_malformed_is_refused() {
    let cases: [(&[u8], bool, &str); 22] = [
        (b"calls_total 1", false, "line 1: the last line has no end"),
        (b"calls_total 1\n", true, "line 1: `# EOF` is missing"),
        (b"", true, "line 1: `# EOF` is missing"),
        (b"# EOF\ncalls_total 1\n", true, "line 2: something follows"),
        (b"x 1\ncalls_total \xff\n", false, "line 2: the text is not UTF-8"),
        (b"calls_total 1\ncalls_total 1\n", false, "line 2: the series calls_total{} is there twice"),
        (b"calls_total{a=\"1\",b=\"2\"} 1\ncalls_total{b=\"2\",a=\"1\"} 2\n", false, "line 2: the series"),
        (b"calls_total{a=\"1\",a=\"2\"} 1\n", false, "line 1: the label \"a\" is there twice"),
        (b"# TYPE calls counter\n# TYPE calls gauge\n", false, "line 2: the type of \"calls\""),
        (b"calls_total\n", false, "line 1: \"\" is not a number"),
        (b"calls_total one\n", false, "line 1: \"one\" is not a number"),
        (b"calls_total 1,5\n", false, "line 1: \"1,5\" is not a number"),
        (b"calls_total 1e400\n", false, "line 1: \"1e400\" is not a number"),
        (b"calls_total 1 2 3\n", false, "line 1: \"3\" behind the value"),
        (b"calls_total 1 # trace\n", false, "line 1: \"trace\" behind the value"),
        (b"calls_total 1 soon\n", false, "line 1: \"soon\" behind the value"),
        (b"calls-total 1\n", false, "line 1: \"calls-total\" is not a name"),
        (b"calls_total{queue=billing} 1\n", false, "line 1: labels are not written"),
        (b"calls_total{queue=\"billing} 1\n", false, "line 1: labels are not written"),
        (b"calls_total{queue=\"a\\t\"} 1\n", false, "line 1: labels are not written"),
        (b"calls_total{1=\"a\"} 1\n", false, "line 1: \"1\" is not a name"),
        (b"<!doctype html>\n", false, "line 1: \"<!doctype\" is not a name"),
    ];
    for (body, open_metrics, expected) in cases {
        let error = read(body, open_metrics, &wanted()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{:?}: {error}", String::from_utf8_lossy(body));
    }
}

const FORMAT: &str = r#"{"measures":[{"name":"offered","metric":"calls_total"},{"name":"headcount","metric":"agents","stock":true},
    {"name":"answeredWithin","metric":"wait_bucket{le=\"20\"}"}],
    "labels":[{"name":"queue","label":"queue"},{"name":"site","value":"cebu"}]}"#;

/// Scrapes at 09:00 and later on 5 January 2026, one after the other.
struct Endpoint {
    format: OpenMetricsFormat,
    state: Option<String>,
    origin: &'static str,
}

impl Endpoint {
    fn new() -> Self {
        Endpoint { format: serde_json::from_str(FORMAT).unwrap(), state: None, origin: "here" }
    }

    fn try_scrape(&mut self, minute: i64, text: &str) -> Result<ParsedPage, FetchError> {
        let at = instant(minute);
        let page = Page {
            body: text.as_bytes().to_vec(),
            media_type: Some("text/plain".to_owned()),
            links: Vec::new(),
            validators: Validators::default(),
            date: None,
            reserved: None,
        };
        let longest = SignedDuration::from_mins(30);
        let parsed =
            scrape(&self.format, &Scrape { at, longest, origin: self.origin, before: self.state.as_deref() }, &page)?;
        self.state.clone_from(&parsed.state);
        Ok(parsed)
    }

    /// Rows as `start-end queue measure value …`, in minutes.
    fn scrape(&mut self, minute: i64, text: &str) -> Vec<String> {
        let rows = self.try_scrape(minute, text).unwrap().rows;
        let minutes = |at: Timestamp| at.duration_since(instant(0)).as_mins();
        let shown = rows.iter().map(|row| {
            let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let queue = row.labels.get("queue").map_or("-", String::as_str);
            assert_eq!(row.labels["site"], "cebu");
            format!("{}-{} {queue} {}", minutes(row.start), minutes(row.end), measures.join(" "))
        });
        shown.collect()
    }
}

fn instant(minute: i64) -> Timestamp {
    "2026-01-05T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn calls(value: &str) -> String {
    format!("calls_total{{queue=\"billing\"}} {value}\n")
}

#[test]
fn counters_become_flows_between_two_scrapes() {
    let nothing: [&str; 0] = [];
    // What happens at which minute, and the rows that follow.
    let cases: [(&str, Vec<(i64, String, Vec<&str>)>); 11] = [
        (
            "growth",
            vec![
                (0, calls("10"), vec![]),
                (5, calls("17"), vec!["0-5 billing offered 7"]),
                (10, calls("17"), vec!["5-10 billing offered 0"]),
            ],
        ),
        (
            "fractions",
            vec![
                (0, calls("0.1"), vec![]),
                (5, calls("0.30000000000000004"), vec!["0-5 billing offered 0.20000000000000004"]),
            ],
        ),
        (
            "a reset",
            vec![
                (0, calls("10"), vec![]),
                (5, calls("3"), vec!["0-5 billing offered 3"]),
                (10, calls("4"), vec!["5-10 billing offered 1"]),
            ],
        ),
        (
            "a reset that only its creation shows",
            vec![
                (0, calls("10") + "calls_created{queue=\"billing\"} 1767600000\n", vec![]),
                (5, calls("12") + "calls_created{queue=\"billing\"} 1767603700\n", vec!["0-5 billing offered 12"]),
            ],
        ),
        (
            "a series that is new counts from the next scrape",
            vec![
                (0, calls("10"), vec![]),
                (5, calls("11") + "calls_total{queue=\"sales\"} 500\n", vec!["0-5 billing offered 1"]),
                (
                    10,
                    calls("12") + "calls_total{queue=\"sales\"} 502\n",
                    vec!["5-10 billing offered 1", "5-10 sales offered 2"],
                ),
            ],
        ),
        (
            "a series that says that it is new counts whole",
            vec![
                (0, calls("10"), vec![]),
                (
                    5,
                    calls("11") + "calls_total{queue=\"sales\"} 4\ncalls_created{queue=\"sales\"} 1767603660\n",
                    vec!["0-5 billing offered 1", "0-5 sales offered 4"],
                ),
                (
                    10,
                    calls("12") + "calls_total{queue=\"old\"} 4\ncalls_created{queue=\"old\"} 1\n",
                    vec!["5-10 billing offered 1"],
                ),
            ],
        ),
        (
            "a series that was away for one scrape loses nothing",
            vec![
                (0, calls("10") + "agents 5\n", vec![]),
                (5, "agents 6\n".to_owned(), vec!["0-5 - headcount 6"]),
                (10, calls("15") + "agents 6\n", vec!["5-10 billing offered 5", "5-10 - headcount 6"]),
            ],
        ),
        (
            "series of one row are added after each was compared",
            vec![
                (
                    0,
                    "calls_total{queue=\"a\",host=\"1\"} 100\ncalls_total{queue=\"a\",host=\"2\"} 5\n".to_owned(),
                    vec![],
                ),
                (
                    5,
                    "calls_total{queue=\"a\",host=\"1\"} 2\ncalls_total{queue=\"a\",host=\"2\"} 9\n".to_owned(),
                    vec!["0-5 a offered 6"],
                ),
            ],
        ),
        (
            "one bucket of a histogram",
            vec![
                (0, "wait_bucket{le=\"20\"} 1\nwait_bucket{le=\"+Inf\"} 9\n".to_owned(), vec![]),
                (
                    5,
                    "wait_bucket{le=\"20\"} 3\nwait_bucket{le=\"+Inf\"} 19\n".to_owned(),
                    vec!["0-5 - answeredWithin 2"],
                ),
            ],
        ),
        (
            "not a number",
            vec![
                (0, calls("10"), vec![]),
                (5, calls("NaN"), vec![]),
                (10, calls("14"), vec!["5-10 billing offered 4"]),
            ],
        ),
        (
            "too far apart",
            vec![
                (0, calls("10"), vec![]),
                (31, calls("90"), vec![]),
                (36, calls("91"), vec!["31-36 billing offered 1"]),
            ],
        ),
    ];
    for (name, story) in cases {
        let mut endpoint = Endpoint::new();
        for (minute, text, expected) in story {
            assert_eq!(endpoint.scrape(minute, &text), expected, "{name} at {minute}");
        }
    }
    let mut endpoint = Endpoint::new();
    endpoint.scrape(0, &calls("10"));
    endpoint.origin = "elsewhere";
    assert_eq!(endpoint.scrape(5, &calls("900")), nothing, "counters of two endpoints are not compared");
    assert_eq!(endpoint.scrape(5, &calls("901")), nothing, "no time has passed");
    assert_eq!(endpoint.scrape(3, &calls("902")), nothing, "the clock was set back a little");
    assert_eq!(endpoint.scrape(10, &calls("905")), ["5-10 billing offered 5"]);
    assert_eq!(endpoint.scrape(-60, &calls("906")), nothing, "the clock was set back by much");
    assert_eq!(endpoint.scrape(-55, &calls("908")), ["-60--55 billing offered 2"]);
    endpoint.state = Some("of another version".to_owned());
    assert_eq!(endpoint.scrape(0, &calls("999")), nothing);
}

#[test]
fn what_the_metrics_cannot_mean_is_said_in_words() {
    let cases = [
        ("calls_total -1\n", FailureKind::Malformed, "below zero"),
        (
            "# TYPE calls_total gauge\ncalls_total 1\n",
            FailureKind::Mapping,
            "calls_total is a gauge: write `stock: true`",
        ),
        ("# TYPE agents counter\nagents 1\n", FailureKind::Mapping, "agents is a counter: take `stock: true` away"),
        ("calls_total{quantile=\"0.5\"} 1\n", FailureKind::Mapping, "has a series for each \"quantile\""),
        ("other 1\n", FailureKind::Mapping, "none of the metrics that are mapped (calls_total, agents, wait_bucket)"),
        ("", FailureKind::Mapping, "none of the metrics"),
        ("<html>\n", FailureKind::Malformed, "line 1"),
    ];
    for (text, kind, message) in cases {
        let error = Endpoint::new().try_scrape(0, text).unwrap_err();
        assert!(error.kind == kind && error.message.contains(message), "{text}: {error:?}");
    }
    let mut endpoint = Endpoint::new();
    endpoint.format.measures[0].metric = Some("wait_bucket".to_owned());
    let error = endpoint.try_scrape(0, "wait_bucket{le=\"20\"} 1\n").unwrap_err();
    assert!(error.message.contains("choose one, such as wait_bucket{le=\"20\"}"), "{error:?}");
    endpoint.format.measures[0].metric = Some("calls total".to_owned());
    let error = endpoint.try_scrape(0, "wait_bucket{le=\"20\"} 1\n").unwrap_err();
    assert!(error.message.contains("write a name such as"), "{error:?}");
    let mut endpoint = Endpoint::new();
    endpoint.scrape(0, &calls("1"));
    let page = endpoint.try_scrape(5, "calls_total{queue=\"billing\"} +Inf\n").unwrap();
    assert_eq!((page.rows.len(), page.rejected.len()), (0, 1));
}
