//! How the groups of a campaign compare, once each has its planned size.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::campaign_launch::{CohortResult, CohortVerdict, Cohorts};
use crate::domain::measuring::ledger::Known;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::{Share, compare_shares, holm_adjusted, wilson_interval};

/// Chance that is taken for no chance.
const SIGNIFICANCE: f64 = 0.05;
/// Level of the rates' intervals, in percent.
const LEVEL: f64 = 95.0;

/// Successes and attempts of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CohortCounts {
    /// Sum of the numerator's measure.
    pub numerator: Exact,
    /// Sum of the denominator's measure.
    pub denominator: Exact,
}

/// The groups of the rows that start from `launch_at` until the end of Measuring, and whether all have their planned size.
///
/// Measuring lasts to `ends_at` and, while a group lacks its size, to the end of the row with which all have it, at the
/// latest to `measured_until`. Rows that lack the label or a measure are left out.
pub fn count_cohorts(
    known: &Known<'_>,
    cohorts: &Cohorts,
    launch_at: Timestamp,
    ends_at: Timestamp,
    measured_until: Timestamp,
) -> (BTreeMap<String, CohortCounts>, bool) {
    let mut counts: BTreeMap<String, CohortCounts> = BTreeMap::new();
    for row in known.rows() {
        let start = row.span().start;
        if start < launch_at || start >= measured_until {
            continue;
        }
        if start >= ends_at && is_complete(&counts, cohorts.planned_per_cohort) {
            break;
        }
        let (Some(name), Some(numerator), Some(denominator)) =
            (row.labels().get(&cohorts.label), row.measure(&cohorts.numerator), row.measure(&cohorts.denominator))
        else {
            continue;
        };
        let entry = counts.entry(name.clone()).or_default();
        entry.numerator = &entry.numerator + &numerator;
        entry.denominator = &entry.denominator + &denominator;
    }
    let complete = is_complete(&counts, cohorts.planned_per_cohort);
    (counts, complete)
}

fn is_complete(counts: &BTreeMap<String, CohortCounts>, planned: i64) -> bool {
    counts.len() > 1 && counts.values().all(|count| count.denominator >= Exact::from(planned))
}

/// Compares each group with the control (by default the largest, of equals the first by name).
///
/// Two-proportion z-test with pooled error, Fisher's exact test where an expected count is under 5, Holm's correction over
/// all comparisons; a difference counts at 5 %. Before every group has its planned size, without a control, and for the
/// control itself nothing is concluded. Sorted by name.
pub fn compare_cohorts(
    counts: &BTreeMap<String, CohortCounts>,
    planned: i64,
    control: Option<&str>,
) -> Vec<CohortResult> {
    let share = |count: &CohortCounts| Share::new(count.numerator.to_f64(), count.denominator.to_f64());
    let largest = counts.iter().rev().max_by(|left, right| left.1.denominator.cmp(&right.1.denominator));
    let control = control.or(largest.map(|(name, _)| name.as_str()));
    let control_share = control.and_then(|name| counts.get(name)).and_then(share);
    let mut tests: Vec<(&str, f64, f64)> = Vec::new();
    if let Some(base) = control_share.filter(|_| is_complete(counts, planned)) {
        for (name, count) in counts.iter().filter(|(name, _)| Some(name.as_str()) != control) {
            if let Some(test) = share(count).map(|share| compare_shares(base, share)) {
                tests.push((name, test.z, test.p));
            }
        }
    }
    let adjusted = holm_adjusted(&tests.iter().map(|test| test.2).collect::<Vec<f64>>());
    let verdicts: BTreeMap<&str, (f64, CohortVerdict)> = tests
        .iter()
        .zip(adjusted)
        .map(|((name, z, _), p)| {
            let verdict = match (p < SIGNIFICANCE, *z > 0.0) {
                (false, _) => CohortVerdict::NoDifference,
                (true, true) => CohortVerdict::Better,
                (true, false) => CohortVerdict::Worse,
            };
            (*name, (p, verdict))
        })
        .collect();
    counts
        .iter()
        .map(|(name, count)| {
            let interval = share(count).and_then(|share| wilson_interval(share, LEVEL));
            let percent = |rate: f64| format!("{:.1}", 100.0 * rate);
            let verdict = verdicts.get(name.as_str());
            let rate = (&count.numerator * &Exact::HUNDRED).checked_div(&count.denominator);
            CohortResult {
                name: name.clone(),
                numerator: count.numerator.show(6),
                denominator: count.denominator.show(6),
                rate: rate.map(|rate| rate.show(6)),
                lower: interval.map(|interval| percent(interval.lower)),
                upper: interval.map(|interval| percent(interval.upper)),
                p: verdict.map(|(p, _)| format!("{p:.3}")),
                verdict: verdict.map(|(_, verdict)| *verdict),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measuring::ledger::Ledger;
    use crate::domain::measuring::row::Row;
    use crate::domain::terms::calendar::Calendar;
    use serde_json::json;

    fn counts(groups: &[(&str, i64, i64)]) -> BTreeMap<String, CohortCounts> {
        let count = |numerator: i64, denominator: i64| CohortCounts {
            numerator: numerator.into(),
            denominator: denominator.into(),
        };
        groups.iter().map(|(name, successes, attempts)| ((*name).to_owned(), count(*successes, *attempts))).collect()
    }

    fn verdicts(results: &[CohortResult]) -> Vec<String> {
        let text = |result: &CohortResult| match (&result.p, result.verdict) {
            (Some(p), Some(verdict)) => format!("{} {p} {verdict:?}", result.name),
            (None, None) => format!("{} -", result.name),
            _ => panic!("a p without a verdict: {result:?}"),
        };
        results.iter().map(text).collect()
    }

    #[test]
    fn groups_are_compared_with_the_control() {
        for (groups, control, expected) in [
            // The published examples, seen from both sides.
            (vec![("a", 250, 5000), ("b", 295, 5000)], Some("a"), vec!["a -", "b 0.047 Better"]),
            (vec![("a", 250, 5000), ("b", 295, 5000)], Some("b"), vec!["a 0.047 Worse", "b -"]),
            (vec![("a", 503, 5000), ("b", 613, 5000)], None, vec!["a -", "b 0.000 Better"]),
            // With Holm the same difference is none beside a third group.
            (
                vec![("a", 250, 5000), ("b", 295, 5000), ("c", 251, 5000)],
                Some("a"),
                vec!["a -", "b 0.095 NoDifference", "c 0.963 NoDifference"],
            ),
            // Without a control of that name nothing is said.
            (vec![("a", 250, 5000), ("b", 295, 5000)], Some("z"), vec!["a -", "b -"]),
        ] {
            assert_eq!(verdicts(&compare_cohorts(&counts(&groups), 5_000, control)), expected, "{control:?}");
        }
    }

    #[test]
    fn nothing_is_concluded_before_all_have_their_size() {
        let groups = counts(&[("a", 250, 5000), ("b", 295, 4999)]);
        let results = compare_cohorts(&groups, 5_000, None);
        assert_eq!(verdicts(&results), ["a -", "b -"]);
        assert_eq!((results[0].rate.as_deref(), results[0].lower.as_deref()), (Some("5"), Some("4.4")));
        assert_eq!(verdicts(&compare_cohorts(&counts(&[("a", 250, 5000)]), 1, None)), ["a -"]);
    }

    #[test]
    fn small_expected_counts_take_fisher_s_test() {
        let results = compare_cohorts(&counts(&[("a", 1, 6), ("b", 8, 10)]), 5, Some("a"));
        assert_eq!(verdicts(&results), ["a -", "b 0.035 Better"]);
    }

    #[test]
    fn rows_count_from_the_launch_until_all_have_their_size() {
        let spec = json!({"vendor": {"name": "v"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}});
        let calendar = Calendar::of(&serde_json::from_value(spec).unwrap()).unwrap();
        let row = |day: i64, version: &str| {
            let start: Timestamp =
                "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(24 * day);
            Row {
                start,
                end: start + jiff::SignedDuration::from_hours(24),
                labels: [("version".to_owned(), version.to_owned())].into(),
                measures: [("sales".to_owned(), 1.into()), ("contacts".to_owned(), 10.into())].into(),
                revision: 1,
                known_at: start,
                sequence: day + 1,
            }
        };
        // One row a day and group from the day before the launch on; the launch ends on its fourth day.
        let rows: Vec<Row> = (-1..60).flat_map(|day| [row(day, "a"), row(day, "b")]).collect();
        let ledger = Ledger::of_feed(&rows, &calendar);
        let known = ledger.known_at("2026-12-31T00:00:00Z".parse().unwrap());
        let day = |day: i64| {
            "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(24 * day)
        };
        for (planned, counted, complete) in
            [(10, 40, true), (40, 40, true), (41, 50, true), (300, 300, true), (301, 300, false)]
        {
            let cohorts: Cohorts = serde_json::from_value(json!({
                "feed": "acd", "label": "version", "numerator": "sales", "denominator": "contacts", "plannedPerCohort": planned,
            }))
            .unwrap();
            let (counts, is_complete) = count_cohorts(&known, &cohorts, day(0), day(4), day(30));
            assert_eq!((&counts["a"].denominator, is_complete), (&Exact::from(counted), complete), "{planned}");
        }
    }
}
