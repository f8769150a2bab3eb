//! Two sources: which value is judged, and how long a period waits for two that disagree. Each case has its arithmetic beside it.

use super::*;
use crate::api::cross_check::{SourceParty, SourcesFinding, SourcesLine};
use crate::domain::terms::calendar::days_from;

/// Daily figures of 2026 in UTC: the vendor's feed `acd` and the client's own, `ours`.
const TWO_FEEDS: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}, {name: ours, url: 'https://own.example', cadence: 24h}]
    charges: {currency: GBP}
    ";

fn checked(prefer: &str, more: &str) -> String {
    format!(
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80}}\nbands: [{{severity: Minor, credit: 500}}]\nsource: {{feed: acd, crossCheck: {{feed: ours, tolerance: 1, prefer: {prefer}}}}}\n{more}"
    )
}

/// January by days: how many of 100 calls were answered in time on each of the first days.
fn january(days: usize, good: i64) -> Vec<Row> {
    let first = days_from("2026-01-01".parse().unwrap());
    first.take(days).map(|day| day_row(&day.to_string(), good)).collect()
}

fn day_row(day: &str, good: i64) -> Row {
    let next = days_from(day.parse().unwrap()).nth(1).unwrap();
    row(&format!("{day}T00:00Z"), &format!("{next}T00:00Z"), &[("answeredWithin", good), ("answered", 100)])
}

fn case(contract: &str, kpi: &str, vendor: Vec<Row>, own: Vec<Row>) -> Case {
    let mut case = Case::new(terms(contract, &[("sl", kpi)]), vendor);
    let numbered = own.into_iter().zip(1..).map(|(row, sequence)| Row { sequence, ..row });
    case.rows.insert("ours".to_owned(), numbered.collect());
    case
}

fn sources(line: &KpiLine) -> &SourcesLine {
    line.sources.as_ref().unwrap()
}

#[test]
fn which_value_is_judged_follows_from_what_the_two_say_of_the_time_that_both_know() {
    use SourceParty::{Own, Vendor};
    use SourcesFinding::{Agree, Disagree, NoData, OneSource};
    // The vendor says 81 % on each of 31 days, where it has rows; the target is 80 %, the tolerance one point.
    // Each: days and value of the client's own, preference; what is found, apart by how much, judged, verdict, credit.
    let cases = [
        ("one point is within it", 31, 31, 80, "Own", Agree, Some("1"), Vendor, Verdict::Met, "0.00"),
        ("two points are not", 31, 31, 79, "Vendor", Disagree, Some("2"), Vendor, Verdict::Met, "0.00"),
        ("the client's own counts", 31, 31, 79, "Own", Disagree, Some("2"), Own, Verdict::Missed, "500.00"),
        ("the worse one is the client's", 31, 31, 79, "Worse", Disagree, Some("2"), Own, Verdict::Missed, "500.00"),
        ("the worse one is the vendor's", 31, 31, 85, "Worse", Disagree, Some("4"), Vendor, Verdict::Met, "0.00"),
        // 28 of 31 days are 90.3 %, 27 are 87.1 %.
        ("28 days are enough", 31, 28, 79, "Own", Disagree, Some("2"), Own, Verdict::Missed, "500.00"),
        ("27 days are too few", 31, 27, 79, "Own", OneSource, None, Vendor, Verdict::Met, "0.00"),
        ("the client has nothing", 31, 0, 79, "Own", OneSource, None, Vendor, Verdict::Met, "0.00"),
        ("the vendor has nothing", 0, 31, 79, "Vendor", OneSource, None, Own, Verdict::Missed, "500.00"),
        ("neither has anything", 0, 0, 79, "Vendor", NoData, None, Vendor, Verdict::NoData, "0.00"),
    ];
    for (name, vendor_days, own_days, own, prefer, finding, apart, judged, verdict, credit) in cases {
        let case = case(TWO_FEEDS, &checked(prefer, ""), january(vendor_days, 81), january(own_days, own));
        let judgement = case.judge("2026-04-01T00:00Z");
        let line = line(&judgement, "2026-01", "sl");
        let found = sources(line);
        assert_eq!((found.finding, found.judged, found.difference.as_deref()), (finding, judged, apart), "{name}");
        assert_eq!((line.verdict, line.credit.as_deref()), (verdict, Some(credit)), "{name}");
        let value = |days: usize, good: i64| (days > 0).then(|| good.to_string());
        assert_eq!((&found.vendor, &found.own), (&value(vendor_days, 81), &value(own_days, own)), "{name}");
        let shown = if judged == Own { &found.own } else { &found.vendor };
        assert_eq!(&line.value, shown, "{name}");
    }
}

#[test]
fn compared_is_the_time_that_both_know_and_shown_are_the_values_over_all_of_it() {
    // 28 days of 81 and three of 30: (28 × 81 + 3 × 30) / 31 = 2358 / 31 = 76.06 %. The client knows the 28 days alone, and says 81 too.
    let vendor =
        [january(28, 81), vec![day_row("2026-01-29", 30), day_row("2026-01-30", 30), day_row("2026-01-31", 30)]];
    let kpi = checked("Own", "rounding: {decimals: 2}");
    let judgement = case(TWO_FEEDS, &kpi, vendor.concat(), january(28, 81)).judge("2026-04-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    let found = sources(line);
    assert_eq!((found.finding, found.difference.as_deref()), (SourcesFinding::Agree, Some("0")));
    assert_eq!((found.vendor.as_deref(), found.own.as_deref()), (Some("76.06"), Some("81.00")));
    assert_eq!((line.value.as_deref(), line.verdict), (Some("76.06"), Verdict::Missed));
    let basis = line.basis.as_ref().unwrap().cross_check.as_ref().unwrap();
    assert_eq!((basis.feed.as_str(), basis.tolerance.as_str()), ("ours", "1"));
}

#[test]
fn rows_of_different_length_are_compared_by_the_longer_slot() {
    // The vendor reports two half days of 80 and 82 of 100 each: 162 / 200 = 81 %. The client reports days of 79 %.
    let contract = TWO_FEEDS.replace("feeds.example', cadence: 24h", "feeds.example', cadence: 12h");
    let halves = days_from("2026-01-01".parse().unwrap()).take(31).flat_map(|day| {
        let next = days_from(day).nth(1).unwrap();
        let half = |start: String, end: String, good| row(&start, &end, &[("answeredWithin", good), ("answered", 100)]);
        [
            half(format!("{day}T00:00Z"), format!("{day}T12:00Z"), 80),
            half(format!("{day}T12:00Z"), format!("{next}T00:00Z"), 82),
        ]
    });
    let judgement = case(&contract, &checked("Own", ""), halves.collect(), january(31, 79)).judge("2026-04-01T00:00Z");
    let found = sources(line(&judgement, "2026-01", "sl"));
    assert_eq!((found.finding, found.difference.as_deref()), (SourcesFinding::Disagree, Some("2")));
}

#[test]
fn a_period_waits_for_two_that_disagree_until_they_agree_or_a_dispute_is_decided_or_twenty_business_days() {
    // January would be Final on 14 February. Twenty business days after its end are over with Friday, 27 February.
    let dispute = |decision: &str| {
        format!(
            "disputes: [{{name: january, period: '2026-01', kpi: sl, raisedOn: 2026-02-10, party: Client{decision}}}]"
        )
    };
    let corrected = || january(31, 81).into_iter().map(|row| row.revised(2).known("2026-02-20T12:00Z")).collect();
    let cases: [(&str, i64, Vec<Row>, String, &str, &str); 6] = [
        ("they agree", 80, vec![], String::new(), "2026-02-14T00:00:00Z", "Vendor"),
        ("they disagree", 79, vec![], String::new(), "2026-02-28T00:00:00Z", "Own"),
        ("the client corrects its figures", 79, corrected(), String::new(), "2026-02-20T12:00:00Z", "Vendor"),
        (
            "a dispute about it is decided",
            79,
            vec![],
            dispute(", decision: Rejected, decidedAt: 2026-02-18T09:00:00Z"),
            "2026-02-18T09:00:00Z",
            "Own",
        ),
        // Ten business days, and twenty more.
        ("a dispute about it stays open", 79, vec![], dispute(""), "2026-03-14T00:00:00Z", "Own"),
        (
            "a dispute about another KPI is decided",
            79,
            vec![],
            dispute(", decision: Rejected, decidedAt: 2026-02-18T09:00:00Z").replace("kpi: sl", "kpi: other"),
            "2026-02-28T00:00:00Z",
            "Own",
        ),
    ];
    for (name, own, later, disputes, final_at, judged) in cases {
        let own = [january(31, own), later].concat();
        let contract = flat(TWO_FEEDS) + &disputes;
        let case = case(&contract, &checked("Own", ""), january(31, 81), own);
        let before = instant(final_at).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
        assert!(!case.judge_at(before).finals.contains_key("2026-01"), "{name}");
        let judgement = case.judge("2026-04-01T00:00Z");
        assert_eq!(judgement.finals["2026-01"], instant(final_at), "{name}");
        let found = sources(line(&judgement, "2026-01", "sl"));
        assert_eq!(format!("{:?}", found.judged), judged, "{name}");
    }
}

#[test]
fn what_is_preferred_is_judged_from_the_first_provisional_report_on() {
    let case = case(TWO_FEEDS, &checked("Worse", ""), january(31, 81), january(31, 79));
    let judgement = case.judge("2026-02-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    assert_eq!((judgement.reports[0].state, line.verdict), (PeriodState::Provisional, Verdict::Missed));
    let last = judgement.kpis["sl"].last.as_ref().unwrap();
    assert_eq!(last.sources.as_ref().unwrap().finding, SourcesFinding::Disagree);
}

#[test]
fn silence_is_a_miss_where_neither_source_knows_the_figure() {
    let kpi = checked("Own", "missingData: {policy: Miss, after: 1d}");
    for (own_days, verdict) in [(31, Verdict::Met), (0, Verdict::Missed)] {
        let judgement = case(TWO_FEEDS, &kpi, vec![], january(own_days, 85)).judge("2026-04-01T00:00Z");
        assert_eq!(line(&judgement, "2026-01", "sl").verdict, verdict, "{own_days} days of the client's own");
    }
}

#[test]
fn figures_of_the_client_that_come_after_final_restate_what_was_signed() {
    // January is Final on 14 February by the vendor's 81 %. On 10 March the client says 75 %, which counts: a miss of 500.00.
    let own = january(31, 81);
    let late = january(31, 75).into_iter().map(|row| row.revised(2).known("2026-03-10T00:00Z"));
    let judgement = case(TWO_FEEDS, &checked("Own", ""), january(31, 81), own.into_iter().chain(late).collect())
        .judge("2026-04-01T00:00Z");
    let january: Vec<_> = judgement.reports.iter().filter(|one| one.period.name == "2026-01").collect();
    let found: Vec<(i64, SourcesFinding, &str)> = january
        .iter()
        .map(|one| (one.revision, sources(&one.kpis[0]).finding, one.kpis[0].credit.as_deref().unwrap()))
        .collect();
    assert_eq!(found, [(1, SourcesFinding::Agree, "0.00"), (2, SourcesFinding::Disagree, "500.00")]);
}
