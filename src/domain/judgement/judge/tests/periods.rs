//! Open, Provisional and Final; missing data; ends of the term.

use super::*;

#[test]
fn a_period_is_open_then_provisional_then_final() {
    let case = Case::new(terms(CONTRACT, &[("sl", SERVICE_LEVEL)]), vec![month("2026-01", 79, 100)]);
    let open = case.judge("2026-01-20T00:00Z");
    assert!(open.reports.is_empty());
    assert_eq!(open.period.as_ref().unwrap().name, "2026-01");
    let current = open.kpis["sl"].current.as_ref().unwrap();
    assert_eq!((current.value.as_deref(), current.verdict), (Some("79"), Verdict::Missed));
    for (now, state, next) in [
        ("2026-02-01T00:00:00Z", PeriodState::Provisional, "2026-02-04T00:00:00Z"),
        ("2026-02-13T23:59:59Z", PeriodState::Provisional, "2026-02-14T00:00:00Z"),
        ("2026-02-14T00:00:00Z", PeriodState::Final, "2026-03-01T00:00:00Z"),
    ] {
        let judgement = case.judge(now);
        assert_eq!((judgement.reports[0].state, judgement.next), (state, Some(instant(next))), "{now}");
        assert_eq!(judgement.finals.contains_key("2026-01"), state == PeriodState::Final, "{now}");
    }
}

#[test]
fn a_period_waits_for_its_data_no_longer_than_agreed() {
    let waiting =
        |policy: &str, after: &str| format!("{}missingData: {{policy: {policy}, after: {after}}}", flat(SERVICE_LEVEL));
    let contract = flat(CONTRACT) + "closeAfter: 1d";
    let full = || vec![month_long("2026-01-01T00:00Z", "2026-02-01T00:00Z", 79)];
    for (policy, after, rows, finals, verdict) in [
        // Data through the end: Final by closeAfter.
        ("Hold", "20d", full(), "2026-02-02T00:00:00Z", Verdict::Missed),
        // A gap: its state `after` the end.
        ("Hold", "20d", vec![month("2026-01", 79, 100)], "2026-02-21T00:00:00Z", Verdict::Missed),
        ("Hold", "20d", vec![], "2026-02-21T00:00:00Z", Verdict::NoData),
        ("Miss", "20d", vec![], "2026-02-21T00:00:00Z", Verdict::Missed),
        ("Miss", "20d", full(), "2026-02-02T00:00:00Z", Verdict::Missed),
        // `after` before `closeAfter`.
        ("Miss", "0h", vec![], "2026-02-02T00:00:00Z", Verdict::Missed),
        // The rows come on the 10th.
        ("Hold", "20d", known(full(), "2026-02-10T00:00Z"), "2026-02-10T00:00:00Z", Verdict::Missed),
        ("Miss", "20d", known(full(), "2026-02-10T00:00Z"), "2026-02-10T00:00:00Z", Verdict::Missed),
    ] {
        let case = Case::new(terms(&contract, &[("sl", &waiting(policy, after))]), rows);
        let judgement = case.judge("2026-02-28T00:00Z");
        assert_eq!(judgement.finals.get("2026-01"), Some(&instant(finals)), "{policy} {after}");
        assert_eq!(line(&judgement, "2026-01", "sl").verdict, verdict, "{policy} {after}");
        let before = instant(finals).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
        assert!(case.judge_at(before).finals.is_empty(), "{policy} {after}");
    }
}

#[test]
fn a_period_is_final_from_the_first_instant_that_had_its_value_even_if_a_revision_takes_it_away() {
    let kpi = format!("{}missingData: {{policy: Miss, after: 20d}}", flat(SERVICE_LEVEL));
    let whole =
        |good, all| row("2026-01-01T00:00Z", "2026-02-01T00:00Z", &[("answeredWithin", good), ("answered", all)]);
    let withdrawn = (6..12).map(|day| {
        let mut row = whole(0, 0).known(&format!("2026-02-{day:02}T00:00Z"));
        row.revision = day - 4;
        row
    });
    let rows = std::iter::once(whole(79, 100).known("2026-02-05T00:00Z")).chain(withdrawn).collect();
    let case = Case::new(terms(&(flat(CONTRACT) + "closeAfter: 1d"), &[("sl", &kpi)]), rows);
    for now in ["2026-02-05T00:00Z", "2026-02-07T00:00Z", "2026-02-28T00:00Z"] {
        assert_eq!(case.judge(now).finals.get("2026-01"), Some(&instant("2026-02-05T00:00:00Z")), "{now}");
    }
}

#[test]
fn no_period_becomes_final_before_the_one_before_it() {
    // January has no row of the queue, so its miss by agreement waits 60 days; February has all that it needs on 2 March.
    let kpi = format!(
        "{}source: {{feed: acd, labels: {{queue: a}}}}\nmissingData: {{policy: Miss, after: 60d}}",
        flat(SERVICE_LEVEL)
    );
    let rows = || {
        vec![
            month_long("2026-01-01T00:00Z", "2026-02-01T00:00Z", 79).labelled("queue", "b"),
            month_long("2026-02-01T00:00Z", "2026-03-01T00:00Z", 90).labelled("queue", "a"),
        ]
    };
    let contract = flat(CONTRACT) + "closeAfter: 1d";
    let case = Case::new(terms(&contract, &[("sl", &kpi)]), rows());
    for (now, finals) in [
        ("2026-03-02T00:00:00Z", vec![]),
        ("2026-04-01T23:59:59Z", vec![]),
        ("2026-04-02T00:00:00Z", vec!["2026-04-02T00:00:00Z", "2026-04-02T00:00:00Z"]),
    ] {
        let judgement = case.judge(now);
        let found: Vec<_> = judgement.finals.values().copied().collect();
        assert_eq!(found, finals.into_iter().map(instant).collect::<Vec<_>>(), "{now}");
    }
    // What January waits for comes on 20 March: both become Final then, with what is known at that very instant.
    let mut late = rows();
    late.push(
        month_long("2026-01-01T00:00Z", "2026-02-01T00:00Z", 85).labelled("queue", "a").known("2026-03-20T00:00Z"),
    );
    let corrected = month_long("2026-02-01T00:00Z", "2026-03-01T00:00Z", 70).labelled("queue", "a").revised(2);
    late.push(corrected.known("2026-03-20T00:00Z"));
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), late).judge("2026-03-21T00:00Z");
    let closed: Vec<_> = judgement.reports.iter().map(|one| (one.period.name.as_str(), one.revision)).collect();
    assert_eq!(closed, [("2026-01", 1), ("2026-02", 1)]);
    assert_eq!(judgement.finals.values().copied().collect::<Vec<_>>(), [instant("2026-03-20T00:00:00Z"); 2]);
    assert_eq!(line(&judgement, "2026-02", "sl").value.as_deref(), Some("70"));
}

fn month_long(start: &str, end: &str, good: i64) -> Row {
    row(start, end, &[("answeredWithin", good), ("answered", 100)])
}

fn known(rows: Vec<Row>, at: &str) -> Vec<Row> {
    rows.into_iter().map(|row| row.known(at)).collect()
}

#[test]
fn an_absence_is_a_miss_only_by_agreement_and_never_before_its_time() {
    let kpi = format!(
        "{}bands: [{{severity: Minor, bound: 75, percent: 1}}, {{severity: Critical, percent: 9}}]\nmissingData: {{policy: Miss, after: 3d}}",
        flat(SERVICE_LEVEL)
    );
    let case = Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![]);
    for (now, verdict, severity, net, rating) in [
        ("2026-02-03T23:59:59Z", Verdict::NoData, None, "0.00", crate::api::verdict::Rating::Other),
        (
            "2026-02-04T00:00:00Z",
            Verdict::Missed,
            Some(crate::api::verdict::Severity::Critical),
            "9000.00",
            crate::api::verdict::Rating::Inadequate,
        ),
    ] {
        let judgement = case.judge(now);
        let line = line(&judgement, "2026-01", "sl");
        assert_eq!((line.verdict, line.severity, line.rating), (verdict, severity, Some(rating)), "{now}");
        assert_eq!(nets(&judgement), [net], "{now}");
        assert_eq!((line.value.clone(), line.denominator.clone()), (None, None));
    }
}

#[test]
fn a_contract_without_kpis_has_no_reports_and_a_suspended_one_measures_nothing() {
    let empty = Case::new(terms(CONTRACT, &[]), vec![]).judge("2026-03-01T00:00Z");
    assert!(empty.reports.is_empty() && empty.last.is_none() && empty.counts.is_none());
    let suspended = flat(CONTRACT) + "suspend: true";
    let judgement = Case::new(terms(&suspended, &[("sl", SERVICE_LEVEL)]), months(&["70"])).judge("2026-03-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    assert_eq!((line.verdict, line.value.clone(), line.evidence.rows), (Verdict::NotMeasured, None, 0));
    assert_eq!(report(&judgement, "2026-01").score, None);
}

#[test]
fn final_periods_keep_the_terms_that_they_closed_with() {
    let old = terms(CONTRACT, &[("sl", &format!("{}bands: [{{severity: Minor, percent: 1}}]", flat(SERVICE_LEVEL)))]);
    let new = terms(CONTRACT, &[("sl", &format!("{}bands: [{{severity: Minor, percent: 7}}]", flat(SERVICE_LEVEL)))]);
    let mut case = Case::new(new, months(&["70", "70"]));
    case.closed_under.insert("2026-01".to_owned(), old.into());
    assert_eq!(nets(&case.judge("2026-03-20T00:00Z")), ["1000.00", "7000.00"]);
}

#[test]
fn the_report_shows_how_far_the_data_reached_and_what_is_missing() {
    let rows = vec![
        month_long("2026-01-01T00:00Z", "2026-01-20T00:00Z", 79),
        month_long("2026-01-21T00:00Z", "2026-02-05T00:00Z", 79),
    ];
    let case = Case::new(terms(CONTRACT, &[("sl", SERVICE_LEVEL)]), rows);
    let judgement = case.judge("2026-02-06T00:00Z");
    let report = report(&judgement, "2026-01");
    assert_eq!(report.data_through, Some(instant("2026-01-20T00:00Z")));
    assert_eq!(report.gaps.len(), 1);
    assert_eq!((report.gaps[0].from, report.gaps[0].to), (instant("2026-01-20T00:00Z"), instant("2026-01-21T00:00Z")));
    let rows = vec![month_long("2026-01-01T00:00Z", "2026-02-05T00:00Z", 79)];
    let judgement = Case::new(terms(CONTRACT, &[("sl", SERVICE_LEVEL)]), rows).judge("2026-02-06T00:00Z");
    assert_eq!(super::report(&judgement, "2026-01").data_through, Some(instant("2026-02-01T00:00Z")));
}

#[test]
fn reports_are_named_by_contract_period_and_revision() {
    for (period, revision, name) in [
        ("2026-05", 1, "acme-care-2026-05"),
        ("2026-W07", 1, "acme-care-2026-w07"),
        ("2026-Q1", 2, "acme-care-2026-q1-r2"),
        ("2026", 10, "acme-care-2026-r10"),
    ] {
        assert_eq!(report_name("acme-care", period, revision), name);
    }
}

#[test]
fn a_spec_that_cannot_be_judged_is_refused_with_its_reasons() {
    let wrong = terms(
        "term: {start: 2026-01-01, end: 2026-12-31}\ntimeZone: Mars/Olympus",
        &[("own", "kpi: Custom\nformula: {numerator: 'a +', better: Higher}\nobjective: {target: 1}")],
    );
    let (closed_under, rows) = (BTreeMap::new(), BTreeMap::new());
    let facts = ContractFacts {
        name: "acme",
        terms: &wrong,
        closed_under: &closed_under,
        rows: &rows,
        journal: None,
        said: &crate::domain::judgement::outcome::NOTHING_SAID,
    };
    let findings = judge(&facts, instant("2026-02-01T00:00Z")).unwrap_err().0;
    let found: Vec<_> = findings.iter().map(|finding| (finding.name.as_str(), finding.field.as_str())).collect();
    assert_eq!(found, [("acme", "spec.timeZone"), ("own", "spec.formula.numerator")]);
}

#[test]
fn of_a_feed_that_no_kpi_names_nothing_is_said() {
    let contract = "
        term: {start: 2026-01-01, end: 2026-12-31}
        feeds: [{name: acd, url: 'https://feeds.example'}, {name: ours, url: 'https://own.example'}, {name: roster, url: 'https://wfm.example'}]
        ";
    let checked = format!("{}source: {{feed: acd, crossCheck: {{feed: ours}}}}", flat(SERVICE_LEVEL));
    for (kpi, named) in [(SERVICE_LEVEL, &["acd"][..]), (&checked, &["acd", "ours"])] {
        let judgement = Case::new(terms(contract, &[("sl", kpi)]), months(&["81"])).judge("2026-03-01T00:00Z");
        assert_eq!(judgement.feeds.keys().collect::<Vec<_>>(), named);
        assert!(judgement.feeds.values().all(|coverage| coverage.late_at.is_some()), "{:?}", judgement.feeds);
    }
}
