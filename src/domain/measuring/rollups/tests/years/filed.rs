//! Judgements whose closed periods are filed are those from all rows, and they read back what is filed only where they need it.

use proptest::prelude::*;

use super::*;
use crate::domain::measuring::kept_readings::{Filed, TIMES_READ_BACK};

/// What is filed of a contract.
fn filed_of(years: &Years) -> Option<Shared<Filed>> {
    years.live.as_ref().and_then(|part| part.rollups.figures.filed.borrow().clone())
}

/// The KPIs that look at their month, or at three.
fn of_months() -> Vec<(&'static str, &'static str)> {
    KPIS.into_iter().filter(|(name, _)| ["answered", "sales", "checked", "periods"].contains(name)).collect()
}

/// A contract after this many days of rows, and few more: its closed months were taken as they were, and are filed.
fn filed(kpis: &[(&str, &str)], days: i64) -> Years {
    let mut years = Years::of_kpis(kpis, DIVISIONS[0], ZONES[1], true, days);
    years.judge_whole();
    assert!(filed_of(&years).is_none(), "closed periods were made");
    // A month may end, or become Final, on the days after.
    for _ in 0..4 {
        if filed_of(&years).is_none() {
            judge_on(&mut years);
        }
    }
    years.take(&Step::Keep);
    assert!(filed_of(&years).is_some(), "closed periods were taken");
    years
}

/// Judges what is live after one more day of rows.
fn judge_on(years: &mut Years) {
    years.take(&Step::Days(1));
    years.live = years.judge_live().map(|(_, part)| part);
}

fn bytes(years: &Years) -> usize {
    years.live.as_ref().unwrap().rollups.figures.bytes()
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn a_judgement_with_filed_answers_is_the_judgement_from_all_rows_whatever_happens_in_between(
        days in 300..700_i64, steps in prop::collection::vec(prop_oneof![late_step(), step()], 1..10),
    ) {
        filed(&of_months(), days).go_on(steps)?;
    }
}

#[test]
fn judgements_with_filed_answers_are_those_from_all_rows_and_only_what_is_dirty_is_filed_again() {
    // Rows are known from their receipt on: what was known before of a month stays as it was filed.
    let cases = [
        ("new rows", vec![Step::Days(1), Step::Days(1), Step::Days(1)], true),
        ("corrections of the running month", vec![Step::Late(2, 5), Step::Days(1)], true),
        ("a month that closes", vec![Step::Days(10), Step::Days(10)], true),
        ("a late row of an old month", vec![Step::Days(1), Step::Late(400, 5)], true),
        ("a row that nobody knew", vec![Step::Fill(300)], true),
        ("a restatement, and new rows after it", vec![Step::Late(400, 5), Step::Days(1), Step::Days(1)], true),
        ("closings", vec![Step::Closings, Step::Days(1)], true),
        ("an old row that was known at once", vec![Step::Old(400)], false),
        ("relief of an old month", vec![Step::Relief(300)], false),
        ("a dispute about an old month", vec![Step::Dispute(300)], false),
        ("another target", vec![Step::Target(51)], false),
        ("half a year", vec![Step::Days(90), Step::Days(1), Step::Days(90), Step::Days(1)], false),
        ("restarts", vec![Step::Keep, Step::Days(1), Step::Keep, Step::Late(400, 2), Step::Keep, Step::Days(20)], true),
    ];
    let is_same_after = |case: &str, steps: Vec<Step>| {
        let mut years = filed(&of_months(), 600);
        let before = filed_of(&years).unwrap();
        years.go_on(steps).unwrap_or_else(|error| panic!("{case}: {error}"));
        filed_of(&years).is_some_and(|filed| filed.is_one_with(&before))
    };
    let expected = cases.each_ref().map(|(case, _, is_same)| (*case, *is_same));
    let found = cases.map(|(case, steps, _)| (case, is_same_after(case, steps)));
    assert_eq!(found, expected);
}

#[test]
fn a_damaged_text_is_as_if_nothing_was_kept() {
    let mut years = filed(&of_months(), 600);
    let whole: serde_json::Value = serde_json::from_str(years.kept.as_ref().unwrap()).unwrap();
    let text = whole["figures"]["filed"]["text"].as_str().unwrap().to_owned();
    assert!(years.judge_kept().is_some());
    for (case, text) in [("none", ""), ("a half", &text[..text.len() / 8 * 4]), ("another", "AAAA")] {
        let mut damaged = whole.clone();
        damaged["figures"]["filed"]["text"] = text.into();
        years.kept = Some(damaged.to_string());
        assert!(years.judge_kept().is_none(), "{case}: all rows are needed");
    }
    years.go_on(vec![Step::Days(1), Step::Late(300, 5)]).unwrap();
}

#[test]
fn two_months_of_judgements_read_back_where_a_period_ends_and_where_one_becomes_final() {
    // From the middle of a February on.
    let mut years = filed(&KPIS, 410);
    let (mut before, mut written, read_before) = (filed_of(&years), 0, TIMES_READ_BACK.get());
    for _ in 0..61 {
        judge_on(&mut years);
        let now = filed_of(&years);
        let is_same = before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| before.is_one_with(now));
        written += usize::from(now.is_some() && !is_same);
        before = now;
    }
    let read_back = TIMES_READ_BACK.get() - read_before;
    assert!((2..=6).contains(&read_back), "read back {read_back} times");
    assert!(written <= 2, "written {written} times");
    assert!(before.is_some());
}

#[test]
fn ten_years_take_a_quarter_of_the_memory_once_they_are_filed_also_after_a_restart() {
    let mut years = Years::of_kpis(&of_months(), DIVISIONS[0], ZONES[1], true, 0);
    years.case.terms.contract.term.end = "2032-12-31".parse().unwrap();
    years.take(&Step::Days(3_650));
    years.judge_whole();
    let before = bytes(&years);
    judge_on(&mut years);
    let (after, filed) = (bytes(&years), filed_of(&years).unwrap());
    years.take(&Step::Keep);
    let restarted = years.case.begin(years.kept.as_ref().unwrap()).rollups.figures.bytes();
    years.take(&Step::Days(1));
    years.live = years.judge_kept().map(|(_, part)| part);
    let judged = bytes(&years);
    assert!(after * 4 <= before, "{after} of {before}");
    assert!(restarted <= after, "{restarted} after a restart, {after} before");
    assert!(judged * 4 <= before, "{judged} of {before} after a judgement then");
    assert!(filed_of(&years).unwrap() == filed, "the text is the same");
}
