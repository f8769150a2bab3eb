//! Answers are filed and read back.

use super::*;
use crate::api::Packed;
use crate::api::made_of::PartValue;
use crate::domain::fixtures::contracts::instant;

const DIGEST: [u8; 16] = [7; 16];

fn coverage_asked(at: &str) -> AskedOfFeed {
    (0, "acd".to_owned(), instant(at))
}

fn reading_asked(at: &str, month: i8) -> AskedOfKpi {
    let first = |month: i8| instant(&format!("2026-{month:02}-01T00:00Z"));
    let period = Span::new(first(month), first(month + 1));
    (0, 1, Asked { at: instant(at), period, window: period, is_closing: true })
}

/// Coverages of three instants, and the parts of a report.
fn figures() -> Figures {
    let figures = Figures::default();
    let coverages = ["2026-04-02T00:00Z", "2026-05-02T00:00Z", "2026-06-02T00:00Z"].map(coverage_asked);
    let parts = part_values(3);
    figures.add(Contents {
        coverages: coverages.map(|asked| (asked, Coverage::default().into())).into(),
        parts: [(DIGEST, KeptParts(parts).into())].into(),
        ..Contents::default()
    });
    figures
}

fn part_values(count: usize) -> Packed<PartValue> {
    let part = |place: usize| PartValue {
        label: [("queue".to_owned(), format!("q{place}"))].into(),
        value: Some("80".to_owned()),
        denominator: Some("100".to_owned()),
        effect: None,
    };
    Packed::of((0..count).map(part).collect())
}

/// The same, filed.
fn filed() -> Figures {
    let mut figures = figures();
    figures.file();
    assert!(figures.coverages.get_mut().earlier.is_empty() && figures.parts.get_mut().earlier.is_empty());
    figures
}

#[test]
fn what_is_read_back_is_what_was_filed_and_is_not_filed_any_more() {
    let (before, after) = (figures().earlier(), filed());
    assert_ne!(after.earlier(), before);
    after.read_back();
    assert_eq!(after.earlier(), before);
}

#[test]
fn filed_answers_are_written_and_read_as_the_text_that_they_are() {
    let earlier = filed().earlier();
    let read = serde_json::from_str::<super::super::Earlier>(&serde_json::to_string(&earlier).unwrap()).unwrap();
    assert_eq!(read, earlier);
    assert!(read.coverages.is_empty() && read.filed.is_some());
}

#[test]
fn a_question_reads_back_only_what_may_hold_its_answer() {
    let mut contents = Contents::default();
    let readings = [reading_asked("2026-04-02T00:00Z", 3), reading_asked("2026-05-02T00:00Z", 4)];
    contents.coverages = [(coverage_asked("2026-04-02T00:00Z"), Coverage::default().into())].into();
    contents.parts = [(DIGEST, KeptParts(part_values(1)).into())].into();
    let marks = readings.iter().map(|reading| mark(&Marked::reading(reading)));
    let mut marks: Vec<u32> = contents.marks().into_iter().chain(marks).collect();
    marks.sort_unstable();
    let filed = Filed { latest: instant("2026-05-02T00:00Z"), marks: marks.into(), text: Box::default() };
    let [march, april] = readings;
    let running = (0, 1, Asked { is_closing: false, ..march.2 });
    for (case, holds, expected) in [
        ("a reading that is filed", filed.may_hold_reading(&march), true),
        ("one of a later instant", filed.may_hold_reading(&reading_asked("2026-05-02T00:01Z", 4)), false),
        ("one of another period", filed.may_hold_reading(&reading_asked("2026-05-02T00:00Z", 5)), false),
        ("one of another KPI", filed.may_hold_reading(&(0, 2, march.2)), false),
        ("one of another book", filed.may_hold_reading(&(1, 1, march.2)), false),
        ("one that does not close", filed.may_hold_reading(&running), false),
        ("an earlier one of a period", filed.may_hold_earlier(&reading_asked("2026-07-01T00:00Z", 4), None), true),
        (
            "one of a period that is not filed",
            filed.may_hold_earlier(&reading_asked("2026-07-01T00:00Z", 6), None),
            false,
        ),
        ("one later than what was found", filed.may_hold_earlier(&april, Some(march.2.at)), true),
        ("none later than what was found", filed.may_hold_earlier(&march, Some(april.2.at)), false),
        ("a coverage that is filed", filed.may_hold_coverage(&coverage_asked("2026-04-02T00:00Z")), true),
        ("one of another instant", filed.may_hold_coverage(&coverage_asked("2026-04-03T00:00Z")), false),
        ("parts that are filed", filed.may_hold_parts(&DIGEST), true),
        ("other parts", filed.may_hold_parts(&[8; 16]), false),
    ] {
        assert_eq!(holds, expected, "{case}");
    }
}

#[test]
fn news_read_back_what_was_known_then_and_leave_the_rest() {
    for (known, is_read_back) in
        [("2026-04-01T00:00Z", true), ("2026-06-02T00:00Z", true), ("2026-06-02T00:01Z", false)]
    {
        let mut figures = filed();
        figures.note_news(&[("acd".to_owned(), instant(known))].into());
        assert_eq!(figures.filed.get_mut().is_none(), is_read_back, "{known}");
    }
}

#[test]
fn a_text_that_cannot_be_read_holds_no_answers() {
    let whole = filed().filed.take().unwrap().into_inner();
    let half = whole.text[..whole.text.len() / 2].into();
    let other = deflated(Vec::new(), &Contents::default(), Compression::default()).unwrap().into();
    for (case, text) in
        [("none", Box::default()), ("a half", half), ("other bytes", [0xff; 64].into()), ("empty lists", other)]
    {
        let figures = Figures::default();
        figures.filed.replace(Some(Filed { text, ..whole.clone() }.into()));
        let parts = figures.answer(&figures.parts, &DIGEST, |filed| filed.may_hold_parts(&DIGEST));
        assert!(parts.is_none(), "{case}");
        assert_eq!(figures.earlier(), Figures::default().earlier(), "{case}");
    }
}

#[test]
fn what_was_read_back_is_put_back_as_the_same_text_where_all_of_it_still_holds() {
    let dates = ["2026-04-02T00:00Z", "2026-05-02T00:00Z", "2026-06-02T00:00Z"];
    for (case, were_taken, asked, forgotten, is_same) in [
        ("taken, and one asked for", true, 1, 0, true),
        ("taken, and all asked for", true, 3, 0, true),
        ("taken, and one forgotten", true, 0, 1, false),
        ("made of all", false, 3, 0, true),
        ("made of most", false, 2, 0, true),
        ("made of few", false, 1, 0, false),
        ("made of all but one that was forgotten", false, 2, 1, false),
    ] {
        let mut figures = filed();
        let before = figures.filed.get_mut().clone().unwrap();
        figures.read_back();
        dates.iter().take(asked).for_each(|at| assert!(figures.coverages.get_mut().get(&coverage_asked(at)).is_some()));
        figures.coverages.get_mut().forget(|(.., at)| forgotten > 0 && *at == instant(dates[2]));
        figures.turn(instant("2026-07-01T00:00Z"), were_taken);
        let after = figures.filed.get_mut().clone();
        assert_eq!(after.is_some_and(|after| after.is_one_with(&before)), is_same, "{case}");
        // Coverages that were asked for stay in memory too.
        let in_memory = figures.coverages.get_mut().earlier.len();
        let all_that_stay = if were_taken { dates.len() - forgotten } else { asked };
        assert_eq!(in_memory, if is_same { asked } else { all_that_stay }, "{case}");
    }
}

#[test]
fn an_answer_that_was_worked_out_again_and_is_another_one_is_not_put_back() {
    for (reach, is_same) in [(None, true), (Some(instant("2026-04-01T00:00Z")), false)] {
        let mut figures = filed();
        figures.read_back();
        let asked = coverage_asked("2026-06-02T00:00Z");
        let mut again = Coverage::default();
        again.reach.as_of = reach;
        figures.coverages.get_mut().forget(|question| *question == asked);
        figures.coverages.get_mut().put(asked, again);
        figures.turn(instant("2026-07-01T00:00Z"), true);
        assert_eq!(figures.filed.get_mut().is_some(), is_same);
    }
}
