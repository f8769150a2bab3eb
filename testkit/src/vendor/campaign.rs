//! The calls that a campaign brings, in a queue of their own of the feed `intervals`. No public data holds such figures: how
//! many call, and which of two scripts sells more, is made up. Their shape over the day and the handling time are the real day's.

use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::random::{Rounding, noise};
use super::real_days::{CALL_CENTRE_DAY, HalfHour};
use super::row::FeedRow;
use super::story;

/// The first contact, local time, and the end of the vendor's day.
const HOURS: (Time, Time) = (time(9, 0, 0, 0), time(20, 0, 0, 0));
/// Who opens a mail calls soon: until noon of the first day this many times as many calls as the day's shape has.
const FIRST_MORNING: (Time, f64) = (time(12, 0, 0, 0), 1.6);

/// Shares of the calls: answered, of those within 20 s; of the answered ones, those to whom the offer could be made.
const ANSWERED: f64 = 0.965;
const ANSWERED_WITHIN: f64 = 0.88;
const ELIGIBLE: f64 = 0.9;
const WAIT_SECONDS: i64 = 13;

/// All rows: half hours of the campaign's days, by script.
pub(crate) fn rows(zone: &TimeZone) -> Vec<FeedRow> {
    let mut rows = Vec::new();
    for (number, (script, sold_percent)) in story::SCRIPTS.into_iter().enumerate() {
        let mut counter = Counter { script: number as u64, sold_percent, ..Counter::default() };
        for (day, calls) in story::campaign_days() {
            for half_hour in CALL_CENTRE_DAY.iter().filter(|one| (HOURS.0..HOURS.1).contains(&one.begin)) {
                let offered = calls * share_of_day(half_hour, day) / story::SCRIPTS.len() as f64;
                let start = instant(day, half_hour.begin, zone);
                let labels =
                    [("queue", story::CAMPAIGN), ("scriptVersion", script), ("site", "bogota"), ("tier", "standard")];
                rows.push(FeedRow::new(start, start + 30.minutes(), &labels, &counter.count(day, half_hour, offered)));
            }
        }
    }
    rows
}

fn instant(day: Date, begin: Time, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(day.to_datetime(begin)).compatible().expect("a day within the term")
}

/// The part of its day's calls that a half hour has.
fn share_of_day(half_hour: &HalfHour, day: Date) -> f64 {
    let weight = |one: &HalfHour| {
        let is_first_morning = day == story::LAUNCH && one.begin < FIRST_MORNING.0;
        one.offered as f64 * if is_first_morning { FIRST_MORNING.1 } else { 1.0 }
    };
    let open = CALL_CENTRE_DAY.iter().filter(|one| (HOURS.0..HOURS.1).contains(&one.begin));
    weight(half_hour) / open.map(weight).sum::<f64>()
}

/// Counts the calls of one script, half hour by half hour.
#[derive(Default)]
struct Counter {
    script: u64,
    sold_percent: f64,
    roundings: [Rounding; 5],
}

impl Counter {
    fn count(&mut self, day: Date, like: &HalfHour, offered: f64) -> [(&'static str, i64); 10] {
        let mut roundings = self.roundings.iter_mut();
        let mut whole = |amount: f64, most: i64| roundings.next().map_or(0, |rounding| rounding.whole(amount, most));
        let days = i64::from((day - story::TERM.0).get_days()).unsigned_abs();
        let random = noise(&[77, self.script, days, u64::from(like.begin.hour().unsigned_abs())]);
        let offered = whole(offered, i64::MAX);
        let answered = whole(offered as f64 * ANSWERED, offered);
        let within = whole(answered as f64 * (ANSWERED_WITHIN + 0.04 * random), answered);
        let eligible = whole(answered as f64 * ELIGIBLE, answered);
        let sales = whole(eligible as f64 * self.sold_percent / 100.0, eligible);
        [
            ("offered", offered),
            ("answered", answered),
            ("answeredWithin", within),
            ("abandoned", offered - answered),
            ("abandonedWithin", 0),
            ("waitSeconds", answered * WAIT_SECONDS),
            ("handled", answered),
            ("handleSeconds", answered * like.handle_seconds / like.answered.max(1)),
            ("eligibleContacts", eligible),
            ("sales", sales),
        ]
    }
}
