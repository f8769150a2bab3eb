//! The feed `outcomes`: what became of the contacts, by day and tier. No public data holds such figures: they are generated
//! with a fixed seed. Their volumes follow those of the calls.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::random::{Rounding, noise};
use super::real_days::{CALL_CENTRE_DAY, day_factor};
use super::row::FeedRow;
use super::story;

/// Shares of the day's calls: contacts with an issue, surveys sent, members due for renewal, members about to leave.
const WITH_ISSUE: f64 = 0.8;
const SURVEYED: f64 = 0.3;
const DUE_FOR_RENEWAL: f64 = 0.08;
const ABOUT_TO_LEAVE: f64 = 0.05;

/// Answered surveys of those sent, and by how much a day may differ from its month, in percentage points.
const RESPONSE_SHARE: f64 = 0.46;
const SPREAD: f64 = 2.0;

/// All rows of the story: one for each weekday and tier, from local midnight to midnight.
pub(crate) fn rows(zone: &TimeZone) -> Vec<FeedRow> {
    let calls_of_the_real_day: i64 = CALL_CENTRE_DAY.iter().map(|half_hour| half_hour.answered).sum();
    let mut rows = Vec::new();
    for (number, (tier, share, _)) in story::TIERS.into_iter().enumerate() {
        let mut counter = Counter { tier_number: number as u64, ..Counter::default() };
        for day in story::TERM.0.series(1.day()).take_while(|day| *day <= story::TERM.1) {
            if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                continue;
            }
            let contacts = (calls_of_the_real_day as f64 * day_factor(day) * share).round() as i64;
            let (start, end) = (midnight(day, zone), midnight(day + 1.day(), zone));
            rows.push(FeedRow::new(start, end, &[("tier", tier)], &counter.count(day, contacts)));
        }
    }
    rows
}

fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible().expect("a day within the term")
}

/// Counts one tier's outcomes day by day.
#[derive(Default)]
struct Counter {
    tier_number: u64,
    roundings: [Rounding; 10],
}

impl Counter {
    fn count(&mut self, day: Date, contacts: i64) -> [(&'static str, i64); 13] {
        let days = i64::from((day - story::TERM.0).get_days()).unsigned_abs();
        let keys = |what: u64| [99, self.tier_number, days, what];
        let random = [noise(&keys(0)), noise(&keys(1)), noise(&keys(2)), noise(&keys(3))];
        let month = story::month(day);
        let mut roundings = self.roundings.iter_mut();
        let mut part = |of: i64, share: f64| match roundings.next() {
            Some(rounding) => rounding.whole(of as f64 * share, of),
            None => 0,
        };
        let percent = |percent: f64, random: f64| (percent + SPREAD * random) / 100.0;

        let with_issue = part(contacts, WITH_ISSUE);
        let solved = part(with_issue, percent(month.solved_at_once, random[0]));
        let surveyed = part(contacts, SURVEYED);
        let responses = part(surveyed, RESPONSE_SHARE);
        let satisfied = part(responses, percent(month.satisfied, random[1]));
        let promoters = part(satisfied, 0.6);
        let due = part(contacts, DUE_FOR_RENEWAL);
        let renewed = part(due, percent(month.renewed, random[2]));
        let leaving = part(contacts, ABOUT_TO_LEAVE);
        let converted = part(leaving, percent(month.converted, random[3]));
        [
            ("contacts", contacts),
            ("repeatContacts", with_issue - solved),
            ("contactsWithIssue", with_issue),
            ("resolvedFirstContact", solved),
            ("surveysOffered", surveyed),
            ("surveyResponses", responses),
            ("satisfied", satisfied),
            ("promoters", promoters),
            ("detractors", responses - satisfied),
            ("cohortStart", due),
            ("cohortActive", renewed),
            ("eligibleContacts", leaving),
            ("sales", converted),
        ]
    }
}
