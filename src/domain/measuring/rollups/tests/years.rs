//! Judgements of contracts of years from a part of their rows are those from all rows, or there are none.

use proptest::prelude::*;

use super::*;
use crate::domain::measuring::feed_rows::FeedRows;
use crate::domain::terms::calendar::Span;

mod filed;
mod growing;

use growing::{DIVISIONS, KPIS, Step, Years, ZONES, late_step, step};

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn a_judgement_from_a_part_of_the_rows_is_the_judgement_from_all_whatever_happens_in_between(
        division in prop_oneof![3 => Just(0), 4 => 1..DIVISIONS.len()], zone in 0..ZONES.len(), with_journal in any::<bool>(),
        days in 200..600_i64, steps in prop::collection::vec(step(), 1..12),
    ) {
        Years::new(DIVISIONS[division], ZONES[zone], with_journal, days).go_through(steps)?;
    }

    #[test]
    fn a_judgement_with_pages_of_months_long_ago_is_the_judgement_from_all_whatever_came_late(
        division in prop_oneof![4 => Just(0), 1 => Just(1)], zone in 0..ZONES.len(), with_journal in any::<bool>(),
        days in 500..1_000_i64, steps in prop::collection::vec(late_step(), 2..12),
    ) {
        Years::of_kpis(&without_year(), DIVISIONS[division], ZONES[zone], with_journal, days).go_through(steps)?;
    }
}

/// The KPIs but the one whose window is a year.
fn without_year() -> Vec<(&'static str, &'static str)> {
    KPIS.into_iter().filter(|(name, _)| *name != "year").collect()
}

/// A contract of 1,200 days whose KPIs look at their month, or at three.
fn long_ago(kpis: &[(&str, &str)], before: &[Step]) -> Years {
    let mut years = Years::of_kpis(kpis, DIVISIONS[0], ZONES[0], true, 1_000);
    before.iter().for_each(|step| years.take(step));
    years.take(&Step::Days(200));
    years.judge_whole();
    years.take(&Step::Keep);
    years.live = None;
    years
}

/// The pages of a feed from the first day of a month to before that of another.
fn months(pages: &Pages, feed: &str) -> Vec<String> {
    let shown = |page: &Span| format!("{} {}", page.start, page.end).replace("-01T00:00:00Z", "");
    pages.get(feed).into_iter().flatten().map(shown).collect()
}

#[test]
fn a_late_row_needs_the_windows_that_it_lies_in_and_no_other_row_of_long_ago() {
    let month: Vec<(&str, &str)> = KPIS.into_iter().filter(|(name, _)| ["answered", "sales"].contains(name)).collect();
    let three = without_year();
    // The term begins 2022-01-01, and there are rows up to 2025-04-15.
    for (case, kpis, before, steps, pages) in [
        ("of the last days", &month, vec![], vec![Step::Late(3, 5)], vec![]),
        ("a year ago", &month, vec![], vec![Step::Late(365, 5)], vec!["2024-04 2024-05"]),
        ("30 months ago", &month, vec![], vec![Step::Late(900, 5)], vec!["2022-10 2022-11"]),
        (
            "both",
            &month,
            vec![],
            vec![Step::Lates(vec![(365, 5), (900, 2)])],
            vec!["2022-10 2022-11", "2024-04 2024-05"],
        ),
        ("nobody knew it", &month, vec![], vec![Step::Fill(900)], vec!["2022-10 2022-11"]),
        (
            "nobody knew it, where no row was",
            &month,
            vec![Step::Silent(40), Step::Days(20)],
            vec![Step::Fill(250)],
            vec!["2024-10 2024-11"],
        ),
        ("over the end of a month", &month, vec![], vec![Step::Overlap(897, 20)], vec!["2022-10 2022-11-20T00:00:00Z"]),
        ("in windows of three months", &three, vec![], vec![Step::Late(900, 5)], vec!["2022-08 2023-01"]),
    ] {
        let mut years = long_ago(kpis, &before);
        let beginning = years.case.begin(years.kept.as_ref().unwrap()).rows["acd"].len();
        steps.iter().for_each(|step| years.take(step));
        let (judgement, part) = years.judge_kept().unwrap_or_else(|| panic!("{case}: all are needed"));
        assert_eq!(months(&part.pages, "acd"), pages, "{case}");
        let most = 31 * 2 * 5 * part.pages.get("acd").map_or(0, Vec::len);
        let more = part.rows["acd"].len() - beginning;
        assert!(more <= most + 3, "{case}: {more} rows more");
        assert_eq!(judgement, years.judge_whole(), "{case}");
    }
}

#[test]
fn rows_of_pages_are_left_out_again_once_what_they_said_is_kept() {
    for (case, late, days, is_kept) in [
        // A correction changes no time that rows cover.
        ("a correction", Step::Late(900, 5), 1, true),
        ("a row that nobody knew while a period is open that ended before", Step::Fill(900), 1, false),
        ("a row that nobody knew", Step::Fill(900), 120, true),
    ] {
        let mut years = long_ago(&without_year(), &[]);
        years.take(&late);
        years.live = years.judge_kept().map(|(_, part)| part);
        years.take(&Step::Days(days));
        let (judgement, part) = years.judge_live().unwrap();
        assert!(!part.pages.is_empty(), "{case}");
        let before = years.kept.clone();
        years.live = Some(part);
        years.take(&Step::Keep);
        assert_eq!(years.kept != before, is_kept, "{case}");
        let (again, part) = years.judge_kept().unwrap();
        assert_eq!(part.pages.is_empty(), is_kept, "{case}");
        assert_eq!(again, judgement, "{case}");
        assert_eq!(again, years.judge_whole(), "{case}");
    }
}

#[test]
fn a_row_that_comes_into_a_page_needs_no_other() {
    let mut years = long_ago(&without_year(), &[]);
    years.take(&Step::Late(900, 5));
    let part = years.judge_kept().unwrap().1;
    let pages = part.pages.clone();
    years.live = Some(part);
    years.take(&Step::Late(901, 3));
    let (judgement, part) = years.judge_live().unwrap();
    assert_eq!(part.pages, pages);
    assert_eq!(judgement, years.judge_whole());
}

/// Rows that a judgement from what was kept is given after a step, and those that there are; `None` where it needs all.
fn needed_after(division: &str, before: &[Step], steps: &[Step]) -> (Option<usize>, usize) {
    let mut years = Years::new(division, ZONES[1], true, 1_200);
    before.iter().for_each(|step| years.take(step));
    years.judge_whole();
    years.take(&Step::Keep);
    for step in steps {
        years.take(step);
    }
    let kept = years.judge_kept();
    let whole = years.judge_whole();
    let count = |rows: &RowsByFeed| rows.values().map(FeedRows::len).sum::<usize>();
    let needed = kept.map(|(judgement, part)| {
        assert_eq!(judgement, whole);
        count(&part.rows)
    });
    (needed, count(&years.case.packed()))
}

#[test]
fn news_need_few_rows_and_what_touches_a_final_period_needs_all() {
    // A year's window is needed, and that of three periods.
    for (case, division, steps, most_percent) in [
        ("nothing new", DIVISIONS[0], vec![], Some(36)),
        ("a day", DIVISIONS[0], vec![Step::Days(1)], Some(36)),
        ("a correction of the last days", DIVISIONS[0], vec![Step::Days(1), Step::Late(2, 5)], Some(36)),
        ("two months", DIVISIONS[0], vec![Step::Days(62)], Some(45)),
        ("closings", DIVISIONS[0], vec![Step::Days(20), Step::Closings, Step::Days(1)], Some(40)),
        ("a silent month", DIVISIONS[0], vec![Step::Silent(30)], Some(36)),
        ("quarters", DIVISIONS[1], vec![Step::Days(1)], Some(50)),
        ("a late row of two years ago", DIVISIONS[0], vec![Step::Days(1), Step::Late(700, 5)], None),
        ("old rows that were known at once", DIVISIONS[0], vec![Step::Old(700)], None),
        ("relief", DIVISIONS[0], vec![Step::Relief(600)], None),
        ("a dispute", DIVISIONS[0], vec![Step::Dispute(20)], None),
        ("another target", DIVISIONS[0], vec![Step::Target(51)], None),
    ] {
        let (needed, all) = needed_after(division, &[], &steps);
        match (needed, most_percent) {
            (Some(needed), Some(most)) => assert!(needed * 100 <= all * most, "{case}: {needed} of {all}"),
            (needed, most) => assert_eq!(needed.is_some(), most.is_some(), "{case}: {needed:?} of {all}"),
        }
    }
}

#[test]
fn rows_that_came_late_before_are_not_reported_again() {
    let before = |step: Step| [Step::Days(1), step, Step::Days(2)];
    for (case, step, few) in [
        ("a correction of two years ago", Step::Late(700, 5), true),
        ("a new row of two years ago that was known at once", Step::Old(700), true),
        // Which times are covered changed when it came.
        ("a row that overlaps others", Step::Overlap(700, 2), false),
    ] {
        let (needed, all) = needed_after(DIVISIONS[0], &before(step), &[Step::Days(1)]);
        let needed = needed.unwrap_or_else(|| panic!("{case}: all are needed"));
        assert_eq!(needed * 100 < all * 40, few, "{case}: {needed} of {all}");
    }
}
