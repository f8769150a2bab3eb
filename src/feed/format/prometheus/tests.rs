use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn slots_begin_at_local_midnight_and_are_asked_for_in_as_few_queries_as_can_be() {
    // Zone, minutes of a slot, window; first and last end of each run, in UTC.
    let cases: [(&str, i64, &str, &str, &[(&str, &str)]); 8] = [
        (
            "UTC",
            30,
            "2026-01-05T09:10:00Z",
            "2026-01-05T10:40:00Z",
            &[("2026-01-05T09:30:00Z", "2026-01-05T10:30:00Z")],
        ),
        (
            "UTC",
            30,
            "2026-01-05T09:00:00Z",
            "2026-01-05T09:30:00Z",
            &[("2026-01-05T09:30:00Z", "2026-01-05T09:30:00Z")],
        ),
        ("UTC", 30, "2026-01-05T09:00:00Z", "2026-01-05T09:29:59Z", &[]),
        (
            "Asia/Kolkata",
            60,
            "2026-01-05T00:00:00Z",
            "2026-01-05T02:00:00Z",
            &[("2026-01-05T00:30:00Z", "2026-01-05T01:30:00Z")],
        ),
        // Over a change of the clock, half hours go on as they were.
        (
            "Europe/London",
            30,
            "2026-03-28T00:00:00Z",
            "2026-03-30T00:00:00Z",
            &[("2026-03-28T00:30:00Z", "2026-03-30T00:00:00Z")],
        ),
        // A day of 23 hours has no slot of 24, one of 25 hours has one and a rest.
        (
            "Europe/London",
            1_440,
            "2026-03-28T00:00:00Z",
            "2026-03-30T23:00:00Z",
            &[("2026-03-29T00:00:00Z", "2026-03-29T00:00:00Z"), ("2026-03-30T23:00:00Z", "2026-03-30T23:00:00Z")],
        ),
        (
            "Europe/London",
            1_440,
            "2026-10-24T23:00:00Z",
            "2026-10-27T00:00:00Z",
            &[("2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z"), ("2026-10-27T00:00:00Z", "2026-10-27T00:00:00Z")],
        ),
        // Slots that do not fill a day begin again with the next.
        (
            "UTC",
            420,
            "2026-01-05T00:00:00Z",
            "2026-01-06T07:00:00Z",
            &[("2026-01-05T07:00:00Z", "2026-01-05T21:00:00Z"), ("2026-01-06T07:00:00Z", "2026-01-06T07:00:00Z")],
        ),
    ];
    for (zone, minutes, since, until, expected) in cases {
        let found = runs(&TimeZone::get(zone).unwrap(), minutes * 60, at(since), at(until));
        let step = minutes * 60;
        let expected: Vec<Run> = expected
            .iter()
            .map(|(first, last)| Run { first: at(first).as_second(), last: at(last).as_second(), step })
            .collect();
        assert_eq!(found, expected, "{zone} {minutes} {since}");
    }
    let month = runs(&TimeZone::UTC, 60, at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    let points: Vec<i64> = month.iter().map(|run| (run.last - run.first) / 60 + 1).collect();
    assert_eq!(points, [10_000, 10_000, 10_000, 10_000, 4_640]);
    assert!(month.windows(2).all(|pair| pair[0].last + 60 == pair[1].first));
}

const FORMAT: &str = r#"{"measures":[{"name":"offered","query":"a"},{"name":"talkSeconds","query":"b","unit":"Minutes"}],
    "labels":[{"name":"queue","label":"queue"}]}"#;
const RUN: Run = Run { first: 1_767_603_600, last: 1_767_607_200, step: 1_800 };

fn matrix(series: &str, more: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}{more}}}"#)
}

fn series(queue: &str, values: &str) -> String {
    format!(r#"{{"metric":{{"queue":"{queue}","job":"acd"}},"values":[{values}]}}"#)
}

/// Rows as `start queue measure value …`, and how many were rejected.
fn rows(answers: &[(usize, String)]) -> Result<(Vec<String>, usize), FetchError> {
    let format: PrometheusFormat = serde_json::from_str(FORMAT).unwrap();
    let mut found = Answers::default();
    for (measure, body) in answers {
        found.add(&format, &format.measures[*measure], RUN, body.as_bytes())?;
    }
    let (rows, rejected) = found.finish(&format, RUN.step);
    let shown = rows.iter().map(|row| {
        let measures: Vec<String> = row.measures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(row.end.duration_since(row.start).as_secs(), RUN.step);
        format!("{} {} {}", row.start, row.labels["queue"], measures.join(" "))
    });
    Ok((shown.collect(), rejected.len()))
}

#[test]
fn points_become_the_rows_that_end_with_them() {
    let offered = [
        series("billing", r#"[1767603600,"97"],[1767605400.000,"0.30000000000000004"]"#),
        series("sales", r#"[1767603600,"5"],[1767605400,"NaN"],[1767607200,"+Inf"]"#),
    ];
    let talk = series("billing", r#"[1767603600,"1.5e+02"],[1767605400,"NaN"]"#);
    let (found, rejected) = rows(&[
        (0, matrix(&offered.join(","), r#","infos":["x"],"warnings":["PromQL info: x"]"#)),
        (1, matrix(&talk, "")),
    ])
    .unwrap();
    let expected = [
        "2026-01-05T08:30:00Z billing offered 97 talkSeconds 9000",
        "2026-01-05T08:30:00Z sales offered 5",
        "2026-01-05T09:00:00Z billing offered 0.30000000000000004",
    ];
    assert_eq!((found, rejected), (expected.map(str::to_owned).to_vec(), 1));
    assert_eq!(rows(&[(0, matrix("", ""))]).unwrap(), (vec![], 0), "an empty answer is a gap");
}

#[test]
fn an_answer_that_is_uncertain_or_malformed_is_refused() {
    let one = series("billing", r#"[1767603600,"97"]"#);
    let malformed = FailureKind::Malformed;
    let cases = [
        (
            r#"{"status":"error","errorType":"bad_data","error":"parse error: \u001b[31m"}"#.to_owned(),
            FailureKind::Mapping,
            "\"bad_data\": parse error: \\u{1b}[31m",
        ),
        (
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#.to_owned(),
            FailureKind::Timeout,
            "query timed out",
        ),
        (r#"{"status":"error","errorType":"internal","error":"x","data":null}"#.to_owned(), malformed, "\"internal\""),
        (matrix(&one, r#","warnings":["remote store did not answer"]"#), malformed, "may lack something: remote store"),
        (matrix(&one, r#","isPartial":true"#), malformed, "is partial"),
        (matrix(&one, "").replace("matrix", "vector"), malformed, "a \"vector\", not a \"matrix\""),
        (r#"{"status":"success"}"#.to_owned(), malformed, "no data"),
        (matrix(&series("billing", r#"[1767603601,"97"]"#), ""), malformed, "of 1767603601, which was not asked for"),
        (matrix(&series("billing", r#"[1767609000,"97"]"#), ""), malformed, "not asked for"),
        (matrix(&series("billing", r#"[1767603600.5,"97"]"#), ""), malformed, "not asked for"),
        (matrix(&series("billing", r#"[1767603600,"many"]"#), ""), malformed, "\"many\" is not a number"),
        (matrix(&series("billing", r#"[1767603600,97]"#), ""), malformed, "none of Prometheus's API"),
        (matrix(r#"{"metric":{},"histograms":[[1767603600,{}]]}"#, ""), FailureKind::Mapping, "native histograms"),
        (matrix(&format!("{one},{}", one.replace("\"acd\"", "\"other\"")), ""), FailureKind::Mapping, "sum by (queue)"),
        (matrix(&one, r#","status":"success""#), malformed, "duplicate field"),
        ("<html>".to_owned(), malformed, "none of Prometheus's API"),
        (matrix(&one, "").replace("]}}", ""), malformed, "none of Prometheus's API"),
    ];
    for (body, kind, message) in cases {
        let error = rows(&[(0, body.clone())]).unwrap_err();
        assert!(
            error.kind == kind && error.message.contains(message) && error.message.starts_with("measure offered: "),
            "{body}: {error:?}"
        );
    }
}
