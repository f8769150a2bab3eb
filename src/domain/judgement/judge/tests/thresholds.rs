//! Times that were agreed and times by which a feed counts.

use super::*;
use crate::domain::terms::thresholds::{Agreement, agreement};

fn contract(thresholds: &str) -> String {
    format!(
        "term: {{start: 2026-01-01, end: 2026-12-31}}\nfeeds: [{{name: acd, url: 'https://feeds.example', thresholds: [{thresholds}]}}]"
    )
}

/// In 20 seconds 70 of 100 calls were answered, in 30 seconds 85; 4 were abandoned within either.
fn figures() -> Vec<Row> {
    let measures = [
        ("answered", 100),
        ("answeredWithin", 70),
        ("answered30", 85),
        ("abandoned", 10),
        ("abandonedWithin", 4),
        ("longWaits", 9),
        ("offered", 110),
    ];
    vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &measures)]
}

#[test]
fn a_kpi_reads_the_measure_that_is_counted_by_the_agreed_time() {
    let only = "variant: AnsweredOnly";
    for (kpi, thresholds, value) in [
        // 70 of 100 in 20 seconds.
        (format!("kpi: ServiceLevel\n{only}\nwithin: 20s"), "{measure: answeredWithin, within: 20s}", Some("70")),
        // The feed counts by two times: 85 of 100 in 30 seconds.
        (
            format!("kpi: ServiceLevel\n{only}\nwithin: 30s"),
            "{measure: answeredWithin, within: 20s}, {measure: answered30, of: answeredWithin, within: 30s}",
            Some("85"),
        ),
        // 60s and 1m are the same time.
        (format!("kpi: ServiceLevel\n{only}\nwithin: 1m"), "{measure: answeredWithin, within: 60s}", Some("70")),
        // Nothing is declared: read as it is.
        (format!("kpi: ServiceLevel\n{only}\nwithin: 20s"), "", Some("70")),
        // No time is agreed: read as it is.
        (format!("kpi: ServiceLevel\n{only}"), "{measure: answeredWithin, within: 45s}", Some("70")),
        // Another time than was agreed.
        (format!("kpi: ServiceLevel\n{only}\nwithin: 20s"), "{measure: answeredWithin, within: 30s}", None),
        // The usual formula needs abandonedWithin too, of which the feed does not say by which time it counts.
        ("kpi: ServiceLevel\nwithin: 20s".to_owned(), "{measure: answeredWithin, within: 20s}", None),
        // 70 / (100 + 10 − 4) = 66.037736 %.
        (
            "kpi: ServiceLevel\nwithin: 20s".to_owned(),
            "{measure: answeredWithin, within: 20s}, {measure: abandonedWithin, within: 20s}",
            Some("66.037736"),
        ),
        ("kpi: LongWaitRate\nwithin: 2m".to_owned(), "{measure: longWaits, within: 5m}", None),
    ] {
        let kpi = format!("{kpi}\nobjective: {{target: 80}}");
        let judgement = Case::new(terms(&contract(thresholds), &[("sl", &kpi)]), figures()).judge("2026-02-02T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!(line.value.as_deref(), value, "{kpi} {thresholds}");
        assert_eq!(line.verdict == Verdict::NoData, value.is_none());
        assert_eq!(judgement.kpis["sl"].threshold_mismatch.is_some(), value.is_none());
    }
}

#[test]
fn a_mismatch_names_both_times_and_is_never_a_miss() {
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nwithin: 20s\nobjective: {target: 80}\nmissingData: {policy: Miss, after: 3d}";
    let wrong = terms(&contract("{measure: answeredWithin, within: 30s}"), &[("sl", kpi)]);
    let Agreement::Mismatch { message } = agreement(&wrong.kpis["sl"], &wrong.contract) else { panic!() };
    assert!(message.contains("20s was agreed") && message.contains("answeredWithin by 30s"), "{message}");
    let case = Case::new(wrong, figures());
    // Twenty business days after January's end are over with 27 February.
    for (now, state) in [("2026-02-27T23:59Z", PeriodState::Provisional), ("2026-02-28T00:00Z", PeriodState::Final)] {
        let judgement = case.judge(now);
        assert_eq!(
            (report(&judgement, "2026-01").state, line(&judgement, "2026-01", "sl").verdict),
            (state, Verdict::NoData),
            "{now}"
        );
    }
}

#[test]
fn a_dry_run_with_another_time_holds_nothing() {
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nwithin: 20s\nobjective: {target: 80}\ndryRun: true";
    let judgement = Case::new(terms(&contract("{measure: answeredWithin, within: 30s}"), &[("sl", kpi)]), figures())
        .judge("2026-02-16T00:00Z");
    assert_eq!(report(&judgement, "2026-01").state, PeriodState::Final);
}

#[test]
fn answers_that_contradict_the_agreed_time_hold_a_period_and_change_no_figure() {
    use crate::domain::terms::journal::ThresholdsSaid;
    use crate::domain::terms::journal::{Journal, JournalFact, RecordedFact};
    use crate::domain::terms::thresholds::unrecorded;
    // January is Final on 14 February; twenty business days after its end are over with 27 February.
    let said = |seconds: i64, at: &str| {
        let thresholds = [("answeredWithin".to_owned(), seconds)].into();
        fact("acd", JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds }), at)
    };
    let cases: [(&str, Vec<RecordedFact>, &str, bool); 5] = [
        ("nothing is said", vec![], "2026-02-14T00:00:00Z", false),
        ("the agreed time", vec![said(20, "2026-01-10T00:00Z")], "2026-02-14T00:00:00Z", false),
        ("another one", vec![said(30, "2026-01-10T00:00Z")], "2026-02-28T00:00:00Z", true),
        (
            "corrected in time",
            vec![said(30, "2026-01-10T00:00Z"), said(20, "2026-02-18T08:00Z")],
            "2026-02-18T08:00:00Z",
            false,
        ),
        ("said after Final", vec![said(30, "2026-02-20T00:00Z")], "2026-02-14T00:00:00Z", true),
    ];
    for (name, facts, final_at, contradicts) in cases {
        let kpi = format!("{}within: 20s", flat(SERVICE_LEVEL));
        let mut case = Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![month("2026-01", 85, 100)]);
        case.journal = Some(Journal { facts });
        let judgement = case.judge("2026-05-01T00:00Z");
        assert_eq!(judgement.finals["2026-01"], instant(final_at), "{name}");
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!((line.value.as_deref(), line.verdict), (Some("85"), Verdict::Met), "{name}");
        let contradiction = &judgement.kpis["sl"].threshold_said;
        assert_eq!(contradiction.is_some(), contradicts, "{name}: {contradiction:?}");
        if let Some(message) = contradiction {
            assert!(message.contains("20s was agreed") && message.contains("30s"), "{message}");
        }
        // What the journal holds is not news; another time is.
        let journal = case.journal.unwrap();
        let now = |seconds: i64| [("acd".to_owned(), [("answeredWithin".to_owned(), seconds)].into())].into();
        let last = journal.thresholds().last().map(|(_, said, _)| said.thresholds["answeredWithin"]);
        for seconds in [20, 30] {
            let is_news = last != Some(seconds);
            assert_eq!(unrecorded(&now(seconds), &journal, instant("2026-05-01T00:00Z")).len(), usize::from(is_news));
        }
    }
}
