//! The days and the parts that reports and statuses list.

use super::*;
use crate::api::made_of::{DayValue, PartValue};
use crate::domain::settlement::stored_size::{MOST_STORED, stored_bytes};
use crate::domain::terms::calendar::days_after;

const LEVEL: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80}
    rounding: {decimals: 1}
    ";

fn contract(more: &str) -> String {
    format!(
        "{}\nfeeds: [{{name: acd, url: 'https://feeds.example', cadence: 24h}}]\n{}",
        more, "charges: {currency: GBP, amount: 100000}"
    )
}

/// A row of an hour of a day: how many of 100 calls were answered in time.
fn hour(start: &str, end: &str, good: i64) -> Row {
    row(start, end, &[("answeredWithin", good), ("answered", 100), ("abandoned", 0), ("abandonedWithin", 0)])
}

fn noon(date: &str, good: i64) -> Row {
    hour(&format!("{date}T12:00Z"), &format!("{date}T13:00Z"), good)
}

fn day_by_day(first: &str, count: i64, good: i64) -> Vec<Row> {
    (0..count).map(|place| noon(&days_after(first.parse().unwrap(), place).to_string(), good)).collect()
}

fn judged(contract: &str, kpi: &str, rows: Vec<Row>, now: &str, period: &str) -> KpiLine {
    line(&Case::new(terms(contract, &[("sl", kpi)]), rows).judge(now), period, "sl").clone()
}

fn of_date<'d>(days: &'d [DayValue], date: &str) -> &'d DayValue {
    days.iter().find(|day| day.date.to_string() == date).unwrap_or_else(|| panic!("{date}: {days:?}"))
}

fn figures(day: &DayValue) -> (Option<&str>, Option<&str>, Verdict) {
    (day.value.as_deref(), day.denominator.as_deref(), day.verdict)
}

/// The sum of the denominators, and of value times denominator.
fn sums(days: &[DayValue]) -> (Exact, Exact) {
    let number = |text: &Option<String>| text.as_deref().map(exact).unwrap_or_default();
    days.iter().fold((Exact::ZERO, Exact::ZERO), |(numerator, denominator), day| {
        let own = number(&day.denominator);
        (numerator + number(&day.value) * &own, denominator + own)
    })
}

#[test]
fn a_report_lists_each_day_and_its_verdict_against_the_target_of_the_period() {
    let rows = vec![noon("2026-05-04", 90), noon("2026-05-05", 80), noon("2026-05-06", 79)];
    let line =
        judged(&contract("term: {start: 2026-01-01, end: 2026-12-31}"), LEVEL, rows, "2026-06-20T00:00Z", "2026-05");
    let days = line.days.lines();
    assert_eq!(days.len(), 31);
    assert_eq!(figures(of_date(&days, "2026-05-04")), (Some("90.0"), Some("100"), Verdict::Met));
    assert_eq!(figures(of_date(&days, "2026-05-05")), (Some("80.0"), Some("100"), Verdict::Met));
    assert_eq!(figures(of_date(&days, "2026-05-06")), (Some("79.0"), Some("100"), Verdict::Missed));
    assert_eq!(figures(of_date(&days, "2026-05-01")), (None, None, Verdict::NoData));
    let (weighted, denominator) = sums(&days);
    assert_eq!(Some(denominator.show(6)), line.denominator);
    assert_eq!(Some((weighted * exact("0.01")).show(6)), line.numerator);
    let empty = judged(
        &contract("term: {start: 2026-01-01, end: 2026-12-31}"),
        LEVEL,
        vec![noon("2026-05-04", 90)],
        "2026-07-20T00:00Z",
        "2026-06",
    );
    assert!(empty.days.is_empty() && empty.parts.is_empty(), "a month without rows has no days: {:?}", empty.days);
}

#[test]
fn days_are_those_of_the_zone_also_where_clocks_change() {
    // Clocks go forward in London on 29 March: 23:30 UTC of the 28th is still the 28th, 23:30 UTC of the 29th is the 30th.
    let rows = vec![
        hour("2026-03-28T23:00Z", "2026-03-28T23:30Z", 100),
        hour("2026-03-29T00:00Z", "2026-03-29T00:30Z", 50),
        hour("2026-03-29T22:30Z", "2026-03-29T23:00Z", 50),
        hour("2026-03-29T23:00Z", "2026-03-29T23:30Z", 100),
    ];
    let zone = contract("timeZone: Europe/London\nterm: {start: 2026-01-01, end: 2026-12-31}");
    let days = judged(&zone, LEVEL, rows, "2026-05-20T00:00Z", "2026-03").days.lines();
    assert_eq!(days.len(), 31);
    assert_eq!(figures(of_date(&days, "2026-03-28")), (Some("100.0"), Some("100"), Verdict::Met));
    assert_eq!(figures(of_date(&days, "2026-03-29")), (Some("50.0"), Some("200"), Verdict::Missed));
    assert_eq!(figures(of_date(&days, "2026-03-30")), (Some("100.0"), Some("100"), Verdict::Met));
}

#[test]
fn longer_periods_are_listed_by_weeks_and_months_from_their_own_first_day_on() {
    for (name, terms, rows, now, period, count, first, second) in [
        (
            "a term that begins inside of a month",
            "term: {start: 2026-01-15, end: 2026-12-31}",
            day_by_day("2026-01-15", 17, 90),
            "2026-03-20T00:00Z",
            "2026-01",
            17,
            "2026-01-15",
            "2026-01-16",
        ),
        (
            "a quarter of 91 days from a Wednesday on",
            "term: {start: 2026-01-01, end: 2026-12-31}\nperiod: Quarterly",
            day_by_day("2026-04-01", 91, 90),
            "2026-09-20T00:00Z",
            "2026-Q2",
            14,
            "2026-04-01",
            "2026-04-06",
        ),
        (
            "a year",
            "term: {start: 2026-01-01, end: 2027-12-31}\nperiod: ContractYear",
            day_by_day("2026-01-01", 365, 90),
            "2027-03-20T00:00Z",
            "",
            12,
            "2026-01-01",
            "2026-02-01",
        ),
    ] {
        let judgement = Case::new(super::terms(&contract(terms), &[("sl", LEVEL)]), rows).judge(now);
        let period = if period.is_empty() { judgement.reports[0].period.name.as_str() } else { period };
        let line = line(&judgement, period, "sl");
        let days = line.days.lines();
        let dates: Vec<String> = days.iter().take(2).map(|day| day.date.to_string()).collect();
        assert_eq!((days.len(), dates), (count, vec![first.to_owned(), second.to_owned()]), "{name}");
        assert_eq!(Some(sums(&days).1.show(6)), line.denominator, "{name}");
    }
}

#[test]
fn relief_takes_rows_out_of_days_and_parts() {
    let relief = "term: {start: 2026-01-01, end: 2026-12-31}\nrelief: [{name: flood, cause: ForceMajeure, from: 2026-05-05T00:00:00Z, to: 2026-05-06T00:00:00Z, decision: Accepted, decidedAt: 2026-05-20T00:00:00Z}]";
    let rows = vec![noon("2026-05-04", 90).labelled("site", "cebu"), noon("2026-05-05", 10).labelled("site", "cebu")];
    let line = judged(&contract(relief), LEVEL, rows, "2026-06-20T00:00Z", "2026-05");
    assert_eq!(figures(of_date(&line.days.lines(), "2026-05-05")), (None, None, Verdict::Excused));
    let parts = line.parts.lines();
    assert_eq!((parts[0].value.as_deref(), parts[0].denominator.as_deref()), (Some("90.0"), Some("100")));
}

#[test]
fn parts_are_the_values_of_labels_with_their_effect_against_the_months_before() {
    let month = |month: &str, cebu: i64, bogota: i64| {
        let date = format!("2026-{month}-04");
        [
            noon(&date, cebu).labelled("site", "cebu").labelled("tier", "gold"),
            noon(&date, bogota).labelled("site", "bogota").labelled("tier", "gold"),
        ]
    };
    let rows = [month("03", 90, 90), month("04", 90, 90), month("05", 50, 90)].concat();
    let judgement = Case::new(terms(&contract("term: {start: 2026-03-01, end: 2026-12-31}"), &[("sl", LEVEL)]), rows)
        .judge("2026-06-20T00:00Z");
    let shown = |period: &str| {
        let one = |part: PartValue| {
            let label: Vec<String> = part.label.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
            format!(
                "{} {} {} {}",
                label.join(","),
                part.value.unwrap(),
                part.denominator.unwrap(),
                part.effect.unwrap_or_else(|| "-".to_owned())
            )
        };
        line(&judgement, period, "sl").parts.lines().into_iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(shown("2026-03"), ["tier=gold 90.0 200 -", "site=bogota 90.0 100 -", "site=cebu 90.0 100 -"]);
    assert_eq!(shown("2026-05"), ["tier=gold 70.0 200 -20.0", "site=cebu 50.0 100 -20.0", "site=bogota 90.0 100 0.0"]);
}

#[test]
fn a_part_that_is_gone_is_listed_by_its_effect_alone() {
    let rows = vec![
        noon("2026-04-04", 50).labelled("site", "cebu"),
        noon("2026-04-04", 90).labelled("site", "bogota"),
        noon("2026-05-04", 90).labelled("site", "bogota"),
    ];
    let line =
        judged(&contract("term: {start: 2026-04-01, end: 2026-12-31}"), LEVEL, rows, "2026-06-20T00:00Z", "2026-05");
    let parts: Vec<_> =
        line.parts.lines().into_iter().map(|it| (it.label, it.value, it.denominator, it.effect)).collect();
    let site = |name: &str| std::collections::BTreeMap::from([("site".to_owned(), name.to_owned())]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        parts,
        [(site("bogota"), text("90.0"), text("100"), text("10.0")), (site("cebu"), None, None, text("10.0"))],
        "90 less 70"
    );
}

#[test]
fn a_figure_of_a_year_has_parts_by_their_yearly_value_and_without_an_effect() {
    let month = |month: &str, cebu: i64| {
        let site = |site: &str, leavers: i64| {
            row(
                &format!("2026-{month}-01T00:00Z"),
                &format!("2026-{month}-02T00:00Z"),
                &[("leavers", leavers), ("headcount", 100)],
            )
            .labelled("site", site)
        };
        [site("cebu", cebu), site("bogota", 2)]
    };
    let rows = [month("03", 2), month("04", 2), month("05", 8)].concat();
    let attrition = "kpi: Attrition\nobjective: {target: 40}\nrounding: {decimals: 1}";
    let line = judged(
        &contract("term: {start: 2026-03-01, end: 2026-12-31}"),
        attrition,
        rows,
        "2026-06-20T00:00Z",
        "2026-05",
    );
    let parts: Vec<_> = line.parts.lines().into_iter().map(|it| (it.value.unwrap(), it.effect)).collect();
    // 8 and 2 of 100 in 31 days, times 12 · 30.4375 / 31; the site with more people first.
    assert_eq!(parts, [("23.6".to_owned(), None), ("94.3".to_owned(), None)]);
}

#[test]
fn a_correction_that_moves_calls_between_days_alone_restates_nothing() {
    let rows = vec![noon("2026-01-05", 90), noon("2026-01-06", 70)];
    let mut case = Case::new(terms(&contract("term: {start: 2026-01-01, end: 2026-12-31}"), &[("sl", LEVEL)]), rows);
    case.add(vec![
        noon("2026-01-05", 70).revised(2).known("2026-03-10T00:00Z"),
        noon("2026-01-06", 90).revised(2).known("2026-03-10T00:00Z"),
    ]);
    let judgement = case.judge("2026-03-20T00:00Z");
    let january: Vec<_> = judgement.reports.iter().filter(|report| report.period.name == "2026-01").collect();
    assert_eq!(january.len(), 1);
    assert_eq!(
        figures(of_date(&january[0].kpis[0].days.lines(), "2026-01-05")),
        (Some("90.0"), Some("100"), Verdict::Met)
    );
}

#[test]
fn the_days_of_a_tally_are_its_parts_and_it_has_no_parts_by_label() {
    let tally = "
        kpi: ServiceLevel
        variant: AnsweredOnly
        tally: {each: Day, target: 80}
        objective: {target: 2}
        rounding: {decimals: 1}
        ";
    let rows = vec![noon("2026-05-04", 79).labelled("site", "cebu"), noon("2026-05-05", 80)];
    let line = judged(
        &contract("term: {start: 2026-01-01, end: 2026-12-31}"),
        tally,
        rows.clone(),
        "2026-06-20T00:00Z",
        "2026-05",
    );
    let days = line.days.lines();
    assert_eq!((days.len(), line.parts.is_empty()), (31, true));
    assert_eq!(figures(of_date(&days, "2026-05-04")), (Some("79.0"), Some("100"), Verdict::Missed));
    assert_eq!(figures(of_date(&days, "2026-05-05")), (Some("80.0"), Some("100"), Verdict::Met));
    let missed: Vec<String> =
        days.iter().filter(|day| day.verdict == Verdict::Missed).map(|day| day.date.to_string()).collect();
    assert_eq!(missed, line.tally.unwrap().missed);
    let quarter = contract("term: {start: 2026-01-01, end: 2026-12-31}\nperiod: Quarterly");
    let line = judged(&quarter, tally, rows, "2026-09-20T00:00Z", "2026-Q2");
    assert!(line.days.is_empty() && line.value.is_some(), "verdicts of days do not add up to weeks");
}

#[test]
fn the_level_of_a_stock_has_a_value_each_day_and_parts_without_an_effect() {
    let backlog = "
        kpi: Custom
        formula: {numerator: open, unit: Count, better: Lower, stocks: [open]}
        objective: {target: 50, comparison: AtMost}
        ";
    let level = |date: &str, site: &str, level: i64| {
        let next = days_after(date.parse().unwrap(), 1);
        row(&format!("{date}T00:00Z"), &format!("{next}T00:00Z"), &[("open", level)]).labelled("site", site)
    };
    let rows = ["2026-04-06", "2026-05-06", "2026-05-07"]
        .iter()
        .flat_map(|date| [level(date, "cebu", 40), level(date, "bogota", 20)]);
    let line = judged(
        &contract("term: {start: 2026-04-01, end: 2026-12-31}"),
        backlog,
        rows.collect(),
        "2026-06-20T00:00Z",
        "2026-05",
    );
    let days = line.days.lines();
    assert_eq!(of_date(&days, "2026-05-06").value.as_deref(), Some("60"));
    assert_eq!(of_date(&days, "2026-05-06").verdict, Verdict::Missed);
    let parts = line.parts.lines();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|part| part.effect.is_none() && part.value.is_some()), "{parts:?}");
}

#[test]
fn the_days_of_a_rolling_window_are_those_of_the_window() {
    let rolling = format!("{}\n    window: {{type: Rolling, length: 14d}}\n", LEVEL.trim_end());
    let rows = day_by_day("2026-05-01", 31, 90);
    let line =
        judged(&contract("term: {start: 2026-01-01, end: 2026-12-31}"), &rolling, rows, "2026-06-20T00:00Z", "2026-05");
    let days = line.days.lines();
    assert_eq!((days.len(), days[0].date.to_string().as_str()), (14, "2026-05-18"));
    assert_eq!(Some(sums(&days).1.show(6)), line.denominator);
}

#[test]
fn a_rolling_window_lists_its_whole_days_also_where_clocks_change_in_it() {
    // Its length is real time: of a window in which clocks go forward an hour of the day before is part, of one in which they go back the
    // first day lacks an hour.
    for (length, period, now, count, first) in [
        ("30d", "2026-03", "2026-05-20T00:00Z", 30, "2026-03-02"),
        ("31d", "2026-03", "2026-05-20T00:00Z", 31, "2026-03-01"),
        ("30d", "2026-10", "2026-12-20T00:00Z", 29, "2026-10-03"),
        ("31d", "2026-10", "2026-12-20T00:00Z", 30, "2026-10-02"),
        ("30d", "2026-05", "2026-07-20T00:00Z", 30, "2026-05-02"),
    ] {
        let kpi = format!("{}\n    window: {{type: Rolling, length: {length}}}\n", LEVEL.trim_end());
        let zone = contract("timeZone: Europe/London\nterm: {start: 2026-01-01, end: 2026-12-31}");
        let days = judged(&zone, &kpi, day_by_day("2026-01-05", 340, 90), now, period).days.lines();
        let dates: Vec<String> = days.iter().map(|day| day.date.to_string()).collect();
        assert_eq!((dates.len(), dates[0].as_str()), (count, first), "{length} of {period}: {dates:?}");
        assert!(days.iter().all(|day| day.denominator.as_deref() == Some("100")), "{length} of {period}: {days:?}");
    }
}

#[test]
fn a_day_is_judged_by_the_target_in_force_on_it() {
    let kpi = LEVEL.replace("{target: 80}", "{target: 80, schedule: [{from: 2026-05-04, target: 90}]}");
    // 85 a day: enough until the 3rd, and too little from the 4th on.
    let terms = terms(&contract("term: {start: 2026-01-01, end: 2026-12-31}"), &[("sl", &kpi)]);
    let case = Case::new(terms, day_by_day("2026-05-01", 31, 85));
    let verdicts = |days: Packed<DayValue>| days.lines().into_iter().map(|day| day.verdict).collect::<Vec<_>>();
    let expected = |count: usize| {
        (0..count).map(|place| if place < 3 { Verdict::Met } else { Verdict::Missed }).collect::<Vec<_>>()
    };
    for (now, count) in [("2026-05-03T18:00Z", 2), ("2026-05-05T18:00Z", 4), ("2026-05-20T18:00Z", 19)] {
        let days = case.judge(now).kpis["sl"].current.clone().unwrap().days;
        assert_eq!(verdicts(days), expected(count), "{now}");
    }
    let closed = line(&case.judge("2026-06-20T00:00Z"), "2026-05", "sl").days.clone();
    assert_eq!(verdicts(closed), expected(31));
}

#[test]
fn the_running_period_lists_the_days_that_have_ended_and_changes_once_a_day() {
    for (name, window) in [("the period", ""), ("a longer window", "    window: {type: Rolling, length: 7d}")] {
        let kpi = format!("{}\n{window}", LEVEL.trim_end());
        let hours = (1..=10).flat_map(|day| {
            (0..24).map(move |hour_of_day| {
                let start =
                    instant("2026-05-01T00:00Z") + jiff::SignedDuration::from_hours(24 * (day - 1) + hour_of_day);
                hour(&start.to_string(), &(start + jiff::SignedDuration::from_hours(1)).to_string(), 90)
            })
        });
        let feeds = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example', cadence: 1h}]";
        let case = Case::new(terms(feeds, &[("sl", &kpi)]), hours.collect());
        let days = |now: &str| case.judge(now).kpis["sl"].current.clone().unwrap().days;
        let (morning, evening) = (days("2026-05-10T08:30Z"), days("2026-05-10T21:30Z"));
        assert_eq!(morning, evening, "{name}");
        let lines = morning.lines();
        assert_eq!(lines.last().map(|day| day.date.to_string()).as_deref(), Some("2026-05-09"), "{name}");
        assert!(lines.iter().all(|day| day.denominator.as_deref() == Some("2400")), "{name}: {lines:?}");
        assert_ne!(days("2026-05-09T21:30Z"), morning, "{name}");
        assert!(days("2026-05-01T12:30Z").is_empty(), "{name}: no day has ended yet");
    }
}

#[test]
fn days_and_parts_are_the_same_from_what_earlier_judgements_kept() {
    let sites = |day: i64, cebu: i64| {
        let date = days_after("2026-01-01".parse().unwrap(), day).to_string();
        [noon(&date, cebu).labelled("site", "cebu"), noon(&date, 90).labelled("site", "bogota")]
    };
    let rows = (0..109).flat_map(|day| sites(day, 60 + day % 40)).collect();
    let case = Case::new(terms(&contract("term: {start: 2026-01-01, end: 2026-12-31}"), &[("sl", LEVEL)]), rows);
    let now = instant("2026-04-20T00:00Z");
    let judgement = case.judge_at(now);
    assert_eq!(judgement.reports.len(), 3);
    let lists = |line: &KpiLine| !line.days.is_empty() && line.parts.lines().len() == 2;
    assert!(judgement.reports.iter().all(|report| lists(&report.kpis[0])), "{:?}", judgement.reports);
    let again = case.judge_by(&case.past(now), now).expect("the rows that are left are enough");
    let json = |judgement: &JudgedCase| serde_json::to_value(&judgement.reports).unwrap();
    assert_eq!(json(&again), json(&judgement));
}

/// A contract of equal KPIs, each with 31 days and with 20 sites that have effects; with a letter, and how long the names of labels and of sites are.
fn filled(kpis: usize, (letter, in_label, in_site): (&str, usize, usize)) -> SlaReportSpec {
    let names: Vec<String> = (0..kpis).map(|place| format!("sl-{place:03}")).collect();
    let kpis: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), LEVEL)).collect();
    let label = letter.repeat(in_label);
    let sites: Vec<String> = (0..20).map(|place| format!("{place:02}{}", letter.repeat(in_site - 2))).collect();
    let of_day = |day: i64| {
        let date = days_after("2026-04-30".parse().unwrap(), day).to_string();
        sites.iter().enumerate().map(move |(place, site)| (date.clone(), place, site))
    };
    let rows = (0..=31).flat_map(of_day).map(|(date, place, site)| {
        let good = if date.starts_with("2026-05") { 77 } else { 70 + i64::try_from(place).unwrap() };
        noon(&date, good).labelled(&label, site)
    });
    let of_term = contract("term: {start: 2026-04-01, end: 2026-12-31}");
    let judgement = Case::new(terms(&of_term, &kpis), rows.collect()).judge("2026-06-20T00:00Z");
    report(&judgement, "2026-05").clone()
}

#[test]
fn a_report_lists_what_can_be_stored_and_of_very_many_kpis_neither_days_nor_parts() {
    for (name, kpis, letters, days, parts) in [
        ("usual names", 50, ("x", 8, 12), 31, 20),
        // 4 kB hold 19 of them.
        ("the longest names, of letters that are stored in six bytes", 50, ("&", 63, 128), 31, 0),
        ("the same of fewer KPIs", 20, ("&", 63, 128), 31, 19),
        ("one KPI more", 51, ("x", 8, 12), 0, 0),
    ] {
        let report = filled(kpis, letters);
        let bytes = stored_bytes(&report);
        for line in &report.kpis {
            let effects = line.parts.lines().into_iter().filter(|part| part.effect.is_some()).count();
            assert_eq!((line.days.lines().len(), effects), (days, parts), "{name}: {}", line.name);
        }
        assert!(report.kpis.len() == kpis && bytes <= MOST_STORED, "{name}: a report of {bytes} bytes");
    }
}
