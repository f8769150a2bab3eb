//! Answers of the Prometheus API to the queries of two measures, divided by the byte 1E.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bpo_operator::api::feed::PrometheusFormat;
use bpo_operator::evidence::{IncomingRow, RejectedRow};
use bpo_operator::outbound::error::FetchError;
use bpo_operator::feed::format::prometheus::{Answers, Run};
use bpo_operator_fuzz::{check_rejected, check_shown, check_stored};
use libfuzzer_sys::fuzz_target;

static FORMAT: LazyLock<PrometheusFormat> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{"measures":[{"name":"offered","query":"a"},{"name":"talkSeconds","query":"b","unit":"Minutes"},
            {"name":"answered","query":"c","unit":"Percent","of":"offered"}],
            "labels":[{"name":"queue","label":"queue"},{"name":"site","value":"cebu"}]}"#,
    )
    .expect("a mapping")
});

const RUN: Run = Run { first: 1_767_603_600, last: 1_767_607_200, step: 1_800 };

fn rows(body: &[u8]) -> Result<(Vec<IncomingRow>, Vec<RejectedRow>), FetchError> {
    let mut answers = Answers::default();
    for (measure, answer) in FORMAT.measures.iter().zip(body.split(|byte| *byte == 0x1e)) {
        answers.add(&FORMAT, measure, RUN, answer)?;
    }
    Ok(answers.finish(&FORMAT, RUN.step))
}

fuzz_target!(|body: &[u8]| {
    let outcome = rows(body);
    assert_eq!(outcome, rows(body), "the same bytes were read in two ways");
    let (rows, rejected) = match outcome {
        Ok(found) => found,
        Err(error) => return check_shown(&error.message, 240),
    };
    check_rejected(&rejected);
    let mut keys = BTreeSet::new();
    for row in &rows {
        check_stored(row);
        assert!(!row.measures.is_empty());
        assert!(keys.insert((row.start, &row.labels)), "one slot appears twice");
        let (start, end) = (row.start.as_second(), row.end.as_second());
        assert_eq!(end - start, RUN.step);
        assert!(end >= RUN.first && end <= RUN.last && (end - RUN.first) % RUN.step == 0, "nobody asked for {end}");
    }
});
