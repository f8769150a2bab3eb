//! A clock that is wrong for a while, by minutes, days or a month: what was signed stays, and when the clock is right again everything
//! stands as if it had never been wrong.

use crate::faults::undisturbed;
use crate::month::{CONVERGENCE, END, Month, Trouble};
use crate::proxy::Plan;

/// Where the clock is wrong, from the month's end on: ahead, without the end of a period, which would be news by any clock.
const AHEAD: [&str; 3] = ["2026-02-20T07:40:00Z", "2026-02-20T08:30:00Z", "2026-02-27T07:30:00Z"];
/// And behind: a few minutes, an hour, a day, a month.
const BEHIND: [&str; 4] =
    ["2026-02-20T07:20:00Z", "2026-02-20T06:30:00Z", "2026-02-19T07:30:00Z", "2026-01-20T07:30:00Z"];

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_changes_no_report_and_nothing_that_stands_when_it_is_right_again() {
    let (ends, _) = undisturbed().await;
    let mut month = Month::begin(Plan::new()).await;
    month.live(Trouble::None, ends).await;
    let end = ends.last().unwrap();
    for wrong in AHEAD.into_iter().chain(BEHIND) {
        month.restart_at(wrong).await;
        let found = month.end().await;
        let reports = found.only(&["slar "]).differences(&end.only(&["slar "]));
        assert!(reports.is_empty(), "at {wrong}: {}", reports.join("\n"));
        eprintln!("at {wrong}: {:#?}", found.differences(end));
        month.restart_at(END).await;
        month.stands_as(end, CONVERGENCE).await;
    }
    month.close().await;
}
