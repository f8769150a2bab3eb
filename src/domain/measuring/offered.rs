//! Whether contacts offered are those answered and those abandoned, judged over a day: a contact that is offered in one interval may
//! be answered or abandoned in the next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ledger::Known;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span, days_after};

/// Days that are looked at, before the one up to which rows are known.
const DAYS: i64 = 28;
/// How far both may differ, in percent of those offered: calls that are offered before midnight and answered after it.
const MOST_PERCENT: i64 = 1;

/// A day on which more or fewer contacts were offered than were answered or abandoned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedDiffers {
    /// The latest such day.
    pub day: Date,
    /// How many were offered.
    pub offered: Exact,
    /// How many were answered or abandoned.
    pub handled: Exact,
}

/// The latest whole day before `as_of` on which they differ, over the rows that say all three.
pub fn offered_differs(known: &Known<'_>, calendar: &Calendar, as_of: Timestamp) -> Option<OfferedDiffers> {
    let ledger = known.ledger();
    let (offered, answered, abandoned) =
        (ledger.column("offered")?, ledger.column("answered")?, ledger.column("abandoned")?);
    let today = calendar.date_of(as_of);
    let span = Span::new(calendar.start_of_day(days_after(today, -DAYS)), calendar.start_of_day(today));
    let mut days: BTreeMap<Date, Vec<u32>> = BTreeMap::new();
    for row in known.starting_in(span).rows() {
        if [offered, answered, abandoned].iter().all(|column| column.has(row.place())) {
            days.entry(row.day()).or_default().push(row.place());
        }
    }
    let mut sums = days.into_iter().rev().map(|(day, places)| OfferedDiffers {
        day,
        offered: offered.sum(&places),
        handled: answered.sum(&places) + abandoned.sum(&places),
    });
    sums.find(OfferedDiffers::is_apart)
}

impl OfferedDiffers {
    fn is_apart(&self) -> bool {
        let apart = (&self.offered - &self.handled).abs();
        apart > self.offered.abs().percent(&Exact::from(MOST_PERCENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::specs::{at, calendar, row};
    use crate::domain::measuring::ledger::Ledger;

    #[test]
    fn contacts_are_compared_over_whole_days_and_not_over_rows() {
        let calendar = calendar("UTC", serde_json::json!({}));
        let day = |date: &str, hour: i64, offered: i64, answered: i64, abandoned: i64| {
            let (start, end) = (format!("{date}T{hour:02}:00:00Z"), format!("{date}T{:02}:00:00Z", hour + 1));
            row(&start, &end, &[], &[("offered", offered), ("answered", answered), ("abandoned", abandoned)])
        };
        for (case, rows, expected) in [
            ("nothing", vec![], None),
            // Two calls are offered in one hour and answered in the next.
            ("a row alone", vec![day("2026-01-05", 9, 100, 88, 10), day("2026-01-05", 10, 50, 52, 0)], None),
            // Up to 1 % may lie on both sides of midnight.
            ("midnight", vec![day("2026-01-05", 22, 100, 99, 0)], None),
            ("more than that", vec![day("2026-01-05", 22, 100, 98, 0)], Some(("2026-01-05", 100, 98))),
            (
                "the latest",
                vec![
                    day("2026-01-05", 9, 100, 80, 10),
                    day("2026-01-06", 9, 100, 90, 50),
                    day("2026-01-07", 9, 9, 9, 0),
                ],
                Some(("2026-01-06", 100, 140)),
            ),
            ("a day that is not over", vec![day("2026-01-08", 9, 100, 50, 0)], None),
            ("long ago", vec![day("2025-12-01", 9, 100, 50, 0)], None),
        ] {
            let ledger = Ledger::of_feed(&rows, &calendar);
            let found = offered_differs(&ledger.known_at(Timestamp::MAX), &calendar, at("2026-01-08T10:00:00Z"));
            let expected = expected.map(|(day, offered, handled): (&str, i64, i64)| OfferedDiffers {
                day: day.parse().unwrap(),
                offered: Exact::from(offered),
                handled: Exact::from(handled),
            });
            assert_eq!(found, expected, "{case}");
        }
        // A row that lacks one of the three says nothing of it.
        let partial = row("2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z", &[], &[("offered", 100), ("answered", 10)]);
        let ledger = Ledger::of_feed(&[partial], &calendar);
        let found = offered_differs(&ledger.known_at(Timestamp::MAX), &calendar, at("2026-01-08T10:00:00Z"));
        assert_eq!(found, None);
    }
}
