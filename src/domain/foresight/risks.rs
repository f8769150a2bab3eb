//! The risk of a running period, from the instant at which it began until it is over.
//!
//! A warning comes and goes with each row, and people must not be asked again each time. So a risk begins with the first warning,
//! and is over once it is seen that a whole service day has passed without one, or with its period. That does not follow from the
//! rows that are known now: the beginning, and each service day with a warning, are facts of the journal. Without a journal a risk
//! is what the rows say now, and the end of the latest one is taken for its beginning.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::domain::terms::calendar::{Calendar, days_after};
use crate::domain::terms::journal::{Journal, JournalFact, RecordedFact, RiskBegan, RiskCleared, Warning};

/// How far a service day is looked for before it counts as none: no calendar rests for so long while it is judged.
const LONGEST_REST_DAYS: i64 = 400;

/// What the rows say of the risk of a KPI.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenRisk {
    /// The risk.
    pub risk: Risk,
    /// How far the data reaches, over closed hours moved on.
    pub as_of: Option<Timestamp>,
    /// The end of the latest row: what it shows began by then, and not when service begins again.
    pub latest_end: Option<Timestamp>,
}

/// The risk of a KPI in the running period.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingRisk {
    /// The risk, held until it is over.
    pub risk: Risk,
    /// Since when it is active; `None` where there is none.
    pub since: Option<Timestamp>,
    /// What the journal does not say of it yet.
    pub news: Option<JournalFact>,
}

/// The facts about the risk of a KPI as the journal had them at `now`: the last one that began in a period, if it is not over.
fn known<'j>(journal: &'j Journal, kpi: &str, period: &str, now: Timestamp) -> Option<&'j RiskBegan> {
    let of_kpi = |recorded: &&RecordedFact| recorded.name == kpi && recorded.recorded_at <= now;
    let mut standing: Option<&RiskBegan> = None;
    for recorded in journal.facts.iter().filter(of_kpi) {
        match &recorded.fact {
            JournalFact::RiskBegan(began) if began.period == period => standing = Some(began),
            JournalFact::RiskCleared(cleared) if cleared.period == period => standing = None,
            _ => {}
        }
    }
    standing
}

/// The risk of a KPI in the running period, given what the rows say of it now.
pub fn standing_risk(
    journal: Option<&Journal>,
    calendar: &Calendar,
    (kpi, period): (&str, &str),
    SeenRisk { risk: seen, as_of, latest_end }: SeenRisk,
    now: Timestamp,
) -> StandingRisk {
    let known = journal.and_then(|journal| known(journal, kpi, period, now));
    let Some(as_of) = as_of else { return StandingRisk { risk: seen, since: None, news: None } };
    let shown_at = latest_end.map_or(as_of, |end| end.min(as_of));
    match (seen.warning(), known) {
        (Some(_), _) if journal.is_none() => StandingRisk { risk: seen, since: Some(shown_at), news: None },
        (Some(warning), known) => {
            let day = service_day_up_to(calendar, as_of);
            // Days on which nobody looked were not seen to be clear: the risk goes on, and nobody is asked again.
            let since = known.map_or(shown_at, |known| known.since);
            let is_known = known.is_some_and(|known| known.last_warned_on >= day);
            let began = RiskBegan { period: period.to_owned(), since, last_warned_on: day, warning };
            let news = (!is_known).then_some(JournalFact::RiskBegan(began));
            StandingRisk { risk: seen, since: Some(since), news }
        }
        (None, Some(known)) if !is_over(calendar, known.last_warned_on, as_of) => {
            let message = format!(
                "no warning since {}: at risk until a whole service day has passed without one",
                known.last_warned_on
            );
            StandingRisk { risk: Risk::of(known.warning, message), since: Some(known.since), news: None }
        }
        (None, Some(known)) => {
            let cleared = RiskCleared { period: period.to_owned(), since: known.since, at: as_of };
            StandingRisk { risk: seen, since: None, news: Some(JournalFact::RiskCleared(cleared)) }
        }
        (None, None) => StandingRisk { risk: seen, since: None, news: None },
    }
}

/// Whether a whole service day has passed up to an instant after the last one with a warning.
fn is_over(calendar: &Calendar, last_warned_on: Date, as_of: Timestamp) -> bool {
    let next = next_service_day(calendar, last_warned_on);
    next.is_some_and(|day| {
        let end = calendar.end_of_day(day);
        as_of > calendar.start_of_day(day) && calendar.service_seconds(as_of.min(end), end) == 0
    })
}

fn has_service(calendar: &Calendar, day: Date) -> bool {
    calendar.service_seconds(calendar.start_of_day(day), calendar.end_of_day(day)) > 0
}

fn next_service_day(calendar: &Calendar, day: Date) -> Option<Date> {
    (1..=LONGEST_REST_DAYS).map(|days| days_after(day, days)).find(|day| has_service(calendar, *day))
}

/// The service day that the data up to an instant ends in; the day of the instant where there was none for long.
fn service_day_up_to(calendar: &Calendar, as_of: Timestamp) -> Date {
    let last = calendar.date_of(as_of.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(as_of));
    let served =
        |day: &Date| calendar.service_seconds(calendar.start_of_day(*day), calendar.end_of_day(*day).min(as_of)) > 0;
    let days = (0..LONGEST_REST_DAYS).map_while(|days| last.checked_sub(days.days()).ok());
    days.into_iter().find(served).unwrap_or(last)
}

/// Whether the running period is at risk, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Risk {
    /// Nothing is known of the running period.
    #[default]
    NoData,
    /// No warning that is switched on says so.
    OnTrack,
    /// It is projected to end Missed.
    ProjectedMiss {
        /// A sentence with the figures.
        message: String,
    },
    /// The budget of misses is being spent too fast.
    BudgetBurn {
        /// A sentence with the figures.
        message: String,
    },
    /// The running value is on the wrong side of the warning level.
    BelowWarning {
        /// A sentence with the figures.
        message: String,
    },
}

impl Risk {
    /// A risk of which a warning says so, with a sentence.
    pub fn of(warning: Warning, message: String) -> Self {
        match warning {
            Warning::ProjectedMiss => Risk::ProjectedMiss { message },
            Warning::BudgetBurn => Risk::BudgetBurn { message },
            Warning::BelowWarning => Risk::BelowWarning { message },
        }
    }

    /// The warning that says so; `None` where there is no risk.
    pub fn warning(&self) -> Option<Warning> {
        match self {
            Risk::NoData | Risk::OnTrack => None,
            Risk::ProjectedMiss { .. } => Some(Warning::ProjectedMiss),
            Risk::BudgetBurn { .. } => Some(Warning::BudgetBurn),
            Risk::BelowWarning { .. } => Some(Warning::BelowWarning),
        }
    }
}

#[cfg(test)]
mod tests;
