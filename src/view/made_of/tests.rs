use super::*;
use crate::api::kpi_target::{FormulaUnit, Rounding, RoundingMode};
use crate::api::verdict::Comparison;
use crate::domain::fixtures::contracts::exact;
use crate::domain::measuring::verdict::Aim;

fn counts(above: i64, below: i64) -> Counts {
    let value = (Exact::from(above) * Exact::HUNDRED).checked_div(&below.into());
    Counts { numerator: above.into(), denominator: below.into(), value, rows: 1 }
}

fn part(of: PartOf, above: i64, below: i64, whole: i64) -> Part {
    let effect = (Exact::from(above * 100) - exact("80") * Exact::from(below)).checked_div(&whole.into());
    Part { of, meets: Some(above * 100 >= below * 80), effect, counts: counts(above, below) }
}

fn step(name: &str, above: i64, below: i64) -> Step {
    let day = name.parse().unwrap();
    let verdict = match below {
        0 => Verdict::NoData,
        below if above * 100 >= below * 80 => Verdict::Met,
        _ => Verdict::Missed,
    };
    Step {
        name: name.to_owned(),
        first: day,
        last: day,
        counts: counts(above, below),
        before_relief: None,
        target: exact("80"),
        verdict,
        effect: (Exact::from(above * 100) - exact("80") * Exact::from(below)).checked_div(&200.into()),
        so_far: Some(exact("66.5")),
        has_gap: false,
    }
}

/// Two days and two sites: 133 of 200, with a target of 80 %.
fn broken(sites: [(&str, i64, i64); 2]) -> Breakdown {
    let parts = sites.map(|(site, above, below)| part(PartOf::Value(site.to_owned()), above, below, 200));
    Breakdown {
        whole: counts(133, 200),
        aim: Aim { comparison: Comparison::AtLeast, target: exact("80"), upper: None },
        step_comparison: Comparison::AtLeast,
        unit: FormulaUnit::Percent,
        rounding: Some(Rounding { decimals: 1, mode: RoundingMode::HalfUp }),
        days: ("2026-03-01".parse().unwrap(), "2026-03-31".parse().unwrap()),
        each: Each::Day,
        steps: vec![step("2026-03-02", 90, 100), step("2026-03-03", 43, 100), step("2026-03-04", 0, 0)],
        steps_add_up: true,
        is_tally: false,
        groups: vec![Group { label: Some("site".to_owned()), parts: parts.to_vec(), adds_up: true }],
    }
}

fn made(sites: [(&str, i64, i64); 2]) -> MadeOf {
    MadeOf::of("level", "Service level", &broken(sites), None, "GBP")
}

#[test]
fn sentences_say_how_many_days_missed_and_which_part_is_conspicuous() {
    let days = "One of two days with data missed the target by itself; 2026-03-03 cost most, with 43.0% (43 ÷ 100).";
    let cases = [
        (
            [("Cebu", 43, 100), ("Bogotá", 90, 100)],
            "All of the miss lies in site Cebu: 43.0% on 50.0% of the volume; without it the target was met.",
        ),
        (
            [("Cebu", 55, 100), ("Bogotá", 78, 100)],
            "92.6% of the miss lies in site Cebu: 55.0% on 50.0% of the volume.",
        ),
        ([("Cebu", 66, 100), ("Bogotá", 67, 100)], "No site is much worse than the others: all of them fell short."),
    ];
    for (sites, sentence) in cases {
        assert_eq!(made(sites).summary, [days, "One day without data.", sentence], "{sites:?}");
    }
}

#[test]
fn effects_are_signed_and_add_up_to_the_value_less_the_target() {
    let made = made([("Cebu", 43, 100), ("Bogotá", 90, 100)]);
    let effects: Vec<&str> = made.parts[0].parts.iter().filter_map(|part| part.effect.as_deref()).collect();
    assert_eq!((effects, made.parts[0].whole.effect.as_deref()), (vec!["-18.5", "5"], Some("-13.5")));
    for (effect, shown) in [("-18.5", "−18.5"), ("5", "+5"), ("0.04", "0"), ("1234.56", "+1,234.6"), ("none", "none")]
    {
        assert_eq!(signed(effect), shown);
    }
    assert_eq!(made.parts[0].parts[0].share.as_deref(), Some("50.0%"));
}

#[test]
fn the_period_before_is_shown_next_to_each_part_by_its_label() {
    let before = broken([("Cebu", 83, 100), ("Lima", 1, 1)]);
    let made =
        MadeOf::of("level", "Service level", &broken([("Cebu", 43, 100), ("Bogotá", 90, 100)]), Some(&before), "");
    let shown: Vec<Option<&str>> = made.parts[0].parts.iter().map(|part| part.before.as_deref()).collect();
    assert_eq!(shown, [Some("83.0%"), None]);
}

#[test]
fn every_day_and_part_is_on_the_page_and_in_the_texts() {
    let made = made([("Cebu", 43, 100), ("Bogotá", 90, 100)]);
    for (name, shown) in [
        ("full", full(&made).into_string()),
        ("small", small(&made).into_string()),
        ("markdown", markdown(&made)),
        ("text", text(&made).join("\n")),
    ] {
        for figure in
            ["2026-03-02", "90.0%", "2026-03-03", "43.0%", "43 ÷ 100", "2026-03-04", "No data", "Cebu", "Bogotá"]
        {
            assert!(shown.contains(figure), "{name} lacks {figure}:\n{shown}");
        }
    }
    let drawn = full(&made).into_string();
    assert!(drawn.contains("2026-03-03: 43.0%, 43 ÷ 100, Missed"), "marks say what they are: {drawn}");
}

#[test]
fn hostile_text_in_labels_stays_text() {
    let hostile = "<script>alert(1)</script>|[x](javascript:1)`\"'";
    let mut broken = broken([(hostile, 43, 100), ("Bogotá", 90, 100)]);
    broken.groups[0].label = Some(hostile.to_owned());
    let set = [(hostile.to_owned(), hostile.to_owned())].into();
    let parts = vec![part(PartOf::Set(set), 133, 200, 200)];
    broken.groups.push(Group { label: None, parts, adds_up: true });
    let made = MadeOf::of(hostile, hostile, &broken, Some(&broken), "GBP");
    for page in [full(&made), small(&made)].map(maud::Markup::into_string) {
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
    }
    let markdown = markdown(&made);
    assert!(!markdown.contains("<script") && !markdown.contains("[x](javascript"), "{markdown}");
}

#[test]
fn a_page_without_evidence_says_how_to_see_the_days_in_commands_that_a_shell_takes() {
    let advice = Advice::without_evidence("acme'; rm -rf ~", "report acme-2026-03", Unlisted::Other);
    assert_eq!(
        advice.commands,
        [
            "kubectl bpo export --exec -n bpo-system --contract acmerm-rf --to acmerm-rf.bundle",
            "kubectl bpo report acme-2026-03 --bundle acmerm-rf.bundle --output html",
        ]
    );
    assert!(advice_html(&advice).into_string().contains("kubectl bpo report acme-2026-03"));
}

#[test]
fn a_page_says_why_days_and_parts_are_not_listed() {
    let bounds = |end: &str| PeriodBounds {
        name: "2026-Q1".to_owned(),
        start: "2026-01-01T00:00:00Z".parse().unwrap(),
        end: end.parse().unwrap(),
    };
    // A month in which clocks go back has an hour more.
    let (month, quarter) = (bounds("2026-02-01T01:00:00Z"), bounds("2026-04-01T00:00:00Z"));
    for (name, kpis, period, are_tallies, expected) in [
        ("very many KPIs", 51, &month, false, Unlisted::ManyKpis),
        ("very many tallies", 51, &quarter, true, Unlisted::ManyKpis),
        ("a tally of a quarter", 1, &quarter, true, Unlisted::LongTally),
        ("a tally of a month", 1, &month, true, Unlisted::Other),
        ("a level of a quarter", 50, &quarter, false, Unlisted::Other),
    ] {
        assert_eq!(Unlisted::of_report(kpis, period, are_tallies), expected, "{name}");
    }
    for (why, words) in [
        (Unlisted::FirstDays, "No two days"),
        (Unlisted::LongTally, "more than 31 parts"),
        (Unlisted::ManyKpis, "more than 50 KPIs"),
        (Unlisted::Other, "an earlier version wrote this, or"),
    ] {
        let advice = Advice::without_evidence("acme", "report acme-2026-03", why);
        assert!(advice.why.contains(words), "{}", advice.why);
        assert_eq!(advice.why.contains("earlier version"), why == Unlisted::Other, "{}", advice.why);
    }
}

/// A line that lists two days of a month and two sites, and that of the month before.
fn listing() -> (crate::api::sla_report::KpiLine, crate::api::SlaReportSpec) {
    use crate::view::report::fixtures::{line, march};
    let listed = |value: &str, cebu: &str, effect: Option<&str>| {
        let mut own = serde_json::to_value(line("level", value, "80")).unwrap();
        own["denominator"] = "200".into();
        own["basis"] = serde_json::json!({"formula": "a / b", "scale": "100", "unit": "Percent", "ramp": "Full",
            "rounding": {"decimals": 1, "mode": "HalfUp"}});
        own["days"] = serde_json::json!([
            {"date": "2026-03-02", "value": "90.0", "denominator": "100", "verdict": "Met"},
            {"date": "2026-03-03", "value": "43.0", "denominator": "100", "verdict": "Missed"},
            {"date": "2026-03-04", "verdict": "NoData"},
        ]);
        own["parts"] = serde_json::json!([
            {"label": {"site": "cebu"}, "value": cebu, "denominator": "100", "effect": effect},
            {"label": {"site": "bogota"}, "value": "90.0", "denominator": "100", "effect": effect.map(|_| "0.0")},
            {"label": {"queue": "care"}, "value": value, "denominator": "200", "effect": effect},
        ]);
        serde_json::from_value::<crate::api::sla_report::KpiLine>(own).unwrap()
    };
    let mut before = march();
    before.kpis = vec![listed("86.5", "83.0", None)];
    (listed("66.5", "43.0", Some("-20.0")), before)
}

#[test]
fn what_a_report_lists_is_shown_where_the_evidence_is_not_at_hand() {
    let (line, before) = listing();
    let listed = Listed::of_line(&line, Some(&before), "2026-03-31".parse().unwrap()).unwrap();
    let made = MadeOf::listed("level", "Service level", &listed, "GBP");
    assert_eq!(made.summary, ["One of two days with data missed the target by itself."]);
    assert_eq!((made.each, made.days.len(), made.days_add_up), ("day", 2, false));
    // The queue is the same everywhere.
    let [PartsLine { label, parts, adds_up: false, .. }] = made.parts.as_slice() else { panic!("{:#?}", made.parts) };
    assert_eq!(label, "site");
    let shown: Vec<_> = parts.iter().map(|part| (part.label.as_str(), part.before.as_deref(), part.meets)).collect();
    assert_eq!(shown, [("cebu", Some("83.0%"), Some(false)), ("bogota", Some("90.0%"), Some(true))]);
    for (name, shown) in [
        ("full", full(&made).into_string()),
        ("small", small(&made).into_string()),
        ("markdown", markdown(&made)),
        ("text", text(&made).join("\n")),
    ] {
        for figure in ["2026-03-03", "43.0%", "cebu", "bogota", "−20"] {
            assert!(shown.contains(figure), "{name} lacks {figure}:\n{shown}");
        }
        assert!(!shown.contains('÷'), "{name}: what was divided is not listed:\n{shown}");
    }
    assert!(markdown(&made).contains("Effect against the periods before"));
}

#[test]
fn a_listed_day_is_shown_against_the_target_in_force_on_it() {
    let (line, _) = listing();
    let mut line = serde_json::to_value(line).unwrap();
    line["basis"]["targets"] = serde_json::json!([
        {"from": "2026-03-01", "target": "80", "denominator": "100"},
        {"from": "2026-03-03", "target": "90", "denominator": "100"},
    ]);
    let line: crate::api::sla_report::KpiLine = serde_json::from_value(line).unwrap();
    let listed = Listed::of_line(&line, None, "2026-03-31".parse().unwrap()).unwrap();
    let days = MadeOf::listed("level", "Service level", &listed, "GBP").days;
    let targets: Vec<&str> = days.iter().map(|day| day.target.as_str()).collect();
    assert_eq!(targets, ["≥\u{a0}80%", "≥\u{a0}90%"]);
}

#[test]
fn a_line_of_an_earlier_version_lists_nothing() {
    let (mut line, before) = listing();
    line.days = crate::api::Packed::default();
    line.parts = crate::api::Packed::default();
    assert!(Listed::of_line(&line, Some(&before), "2026-03-31".parse().unwrap()).is_none());
}
