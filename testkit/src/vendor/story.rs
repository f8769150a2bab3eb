//! The story of the vendor's months. Everything in this file is made up, on purpose, and marked as such.
//!
//! Volumes, their shape over the day and the handling times are real. Made up is how well a half hour was staffed: on an
//! ordinary day the shares below, on a day of distress the real day's own waiting, which was a bad one.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// What one month is like, in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Month {
    /// Calls answered within 20 s on an ordinary day, of those offered without quick abandons.
    pub answered_within: f64,
    /// Contacts whose issue was solved at once.
    pub solved_at_once: f64,
    /// Satisfied answers of a survey.
    pub satisfied: f64,
    /// Members who renewed, of those whose renewal was due.
    pub renewed: f64,
    /// Leaving members who took another offer.
    pub converted: f64,
}

/// The months from January 2026 on; the last one also describes all later months.
const MONTHS: [Month; 7] = [
    Month { answered_within: 84.5, solved_at_once: 76.4, satisfied: 84.0, renewed: 82.6, converted: 15.1 },
    Month { answered_within: 81.4, solved_at_once: 76.0, satisfied: 82.6, renewed: 83.1, converted: 16.4 },
    Month { answered_within: 84.0, solved_at_once: 74.2, satisfied: 78.4, renewed: 83.4, converted: 14.2 },
    Month { answered_within: 83.0, solved_at_once: 75.1, satisfied: 81.2, renewed: 84.6, converted: 15.9 },
    Month { answered_within: 84.2, solved_at_once: 76.2, satisfied: 82.4, renewed: 85.5, converted: 16.8 },
    // Only callers who sounded content were asked, and calls were ended before the issue was solved.
    Month { answered_within: 87.5, solved_at_once: 73.2, satisfied: 88.1, renewed: 86.3, converted: 17.0 },
    Month { answered_within: 86.0, solved_at_once: 75.9, satisfied: 83.0, renewed: 86.9, converted: 17.2 },
];

/// What the month of a day is like.
pub(crate) fn month(day: Date) -> Month {
    let months = i64::from(day.year() - 2026) * 12 + i64::from(day.month()) - 1;
    let last = MONTHS.len() - 1;
    MONTHS[usize::try_from(months).unwrap_or(0).min(last)]
}

/// Days on which the site Cebu was served like the real day.
///
/// The power cut of 11 February, which is excused; March, when a third of its people left; the rest of that in April.
const DISTRESS: [(Date, Date); 6] = [
    (date(2026, 2, 11), date(2026, 2, 11)),
    (date(2026, 3, 5), date(2026, 3, 6)),
    (date(2026, 3, 9), date(2026, 3, 13)),
    (date(2026, 3, 18), date(2026, 3, 20)),
    (date(2026, 4, 8), date(2026, 4, 9)),
    (date(2026, 4, 15), date(2026, 4, 16)),
];

/// Whether a site was in distress on a day.
pub(crate) fn is_in_distress(site: &str, day: Date) -> bool {
    site == "cebu" && DISTRESS.iter().any(|(first, last)| (*first..=*last).contains(&day))
}

/// The day whose figures of the site Bogotá were corrected 36 hours later: quick abandons had not been counted as such.
pub(crate) const CORRECTED: Date = date(2026, 5, 6);

/// First and last day of the story's figures.
pub(crate) const TERM: (Date, Date) = (date(2026, 1, 1), date(2026, 12, 31));

/// The tiers of customers: name, share of the contacts, and by how many percentage points they are served better.
pub(crate) const TIERS: [(&str, f64, f64); 3] = [("platinum", 0.1, 4.5), ("gold", 0.3, 1.5), ("standard", 0.6, -1.5)];

/// The vendor's sites and their share of the calls.
pub(crate) const SITES: [(&str, f64); 2] = [("cebu", 0.6), ("bogota", 0.4)];

/// The campaign of June: its queue, the day of its first contact, and what its two scripts sell of 100 offers.
pub(crate) const CAMPAIGN: &str = "spring-offer";
pub(crate) const LAUNCH: Date = date(2026, 6, 8);
pub(crate) const SCRIPTS: [(&str, f64); 2] = [("standard", 11.5), ("story", 17.0)];

/// Calls that the mail brings, by weekday from the launch on.
const CAMPAIGN_CALLS: [f64; 10] = [640.0, 390.0, 290.0, 160.0, 95.0, 60.0, 45.0, 35.0, 25.0, 20.0];

/// The campaign's weekdays with the calls of each.
pub(crate) fn campaign_days() -> impl Iterator<Item = (Date, f64)> {
    let weekdays = LAUNCH.series(1.day()).filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
    weekdays.zip(CAMPAIGN_CALLS)
}
