//! The checks of rows: each bad row is kept aside with its reason and spoils no other.
//!
//! What needs the rows of earlier bodies (conflicts, overlaps) is the evidence store's.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::outbound::error::presentable;

/// What the checks have to know of a feed.
#[derive(Clone, Copy, Debug)]
pub struct QualityRules<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// Whether the rows say what is planned.
    pub plan: bool,
    /// How long one row is.
    pub cadence: SignedDuration,
    /// Measures that were made from shares by their volume, in which a fraction of a count is nothing odd.
    pub derived: &'a [&'a str],
}

/// How far a vendor's clock may be ahead.
pub(crate) const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far a plan may reach.
pub(crate) const PLAN_REACH: SignedDuration = SignedDuration::from_hours(60 * 24);
/// The longest row: a year and its leap day, with room for offsets.
const LONGEST_ROW: SignedDuration = SignedDuration::from_hours(367 * 24);
const MOST_LABELS: usize = 10;
const LONGEST_LABEL_NAME: usize = 63;
const LONGEST_LABEL_VALUE: usize = 128;
const MOST_MEASURES: usize = 100;
const LONGEST_MEASURE_NAME: usize = 63;

/// Parts and their wholes: the shares of the catalogue whose two counts speak of the same contacts in the same interval.
///
/// `answered` is not compared with `offered`, nor `responses` with `delivered`, nor `earlyLeavers` with `starters`: what began in
/// one interval may end in a later one.
const SHARES: &[(&str, &str)] = &[
    ("answeredWithin", "answered"),
    ("abandoned", "offered"),
    ("abandonedWithin", "abandoned"),
    ("abandonedShort", "abandoned"),
    ("longWaits", "offered"),
    ("resolvedFirstContact", "contactsWithIssue"),
    ("repeatContacts", "contacts"),
    ("transferred", "handled"),
    ("satisfied", "surveyResponses"),
    ("verySatisfied", "surveyResponses"),
    ("promoters", "surveyResponses"),
    ("detractors", "surveyResponses"),
    ("qualityPoints", "qualityPointsPossible"),
    ("scriptElementsDone", "scriptElementsApplicable"),
    ("evaluationsWithoutCriticalError", "evaluations"),
    ("adherentMinutes", "scheduledMinutes"),
    ("unavailableHours", "scheduledHours"),
    ("modulesCompleted", "modulesRequired"),
    ("favourableAnswers", "answers"),
    ("ivrContained", "ivrCalls"),
    ("ivrRepeats", "ivrContained"),
    ("selfServed", "contacts"),
    ("sales", "eligibleContacts"),
    ("salesCancelled", "sales"),
    ("offersAccepted", "offersMade"),
    ("completedOnTime", "completed"),
    ("customersLost", "customersAtStart"),
    ("cohortActive", "cohortStart"),
    ("positiveContacts", "scoredContacts"),
    ("negativeContacts", "scoredContacts"),
];

/// [`SHARES`] with their places, by their parts: a row has few measures, and each of millions of rows is checked.
static SHARES_BY_PART: LazyLock<HashMap<&str, (usize, (&str, &str))>> =
    LazyLock::new(|| SHARES.iter().enumerate().map(|(place, share)| (share.0, (place, *share))).collect());

/// Parts that are amounts of time or points, not counts: a fraction of one is nothing odd.
const AMOUNTS: &[&str] = &["qualityPoints", "adherentMinutes", "unavailableHours"];

/// Measures, beyond those in [`SHARES`], that cannot be below zero.
const NEVER_NEGATIVE: &[&str] = &[
    "answered",
    "delivered",
    "handleSeconds",
    "talkSeconds",
    "holdSeconds",
    "wrapSeconds",
    "waitSeconds",
    "availableSeconds",
    "paidSeconds",
    "surveysOffered",
    "abandonedLive",
    "connectedLive",
    "responses",
    "leavers",
    "earlyLeavers",
    "starters",
    "headcount",
    "backlog",
    "overdueOpen",
    "activeCustomers",
    "scheduledAgents",
];

/// Parts the rows that may be kept from those that may not.
pub fn check(rows: Vec<IncomingRow>, rules: QualityRules<'_>) -> (Vec<IncomingRow>, Vec<RejectedRow>) {
    let mut rejected = Vec::new();
    let kept = rows
        .into_iter()
        .filter(|row| match fault(row, rules) {
            None => true,
            Some(reason) => {
                rejected.push(RejectedRow { reason, text: describe(row) });
                false
            }
        })
        .collect();
    (kept, rejected)
}

/// The first thing that is wrong with a row.
pub fn fault(row: &IncomingRow, rules: QualityRules<'_>) -> Option<RejectionReason> {
    time_fault(row, rules).or_else(|| size_fault(row)).or_else(|| number_fault(row, rules.derived))
}

fn time_fault(row: &IncomingRow, rules: QualityRules<'_>) -> Option<RejectionReason> {
    let reach = if rules.plan { PLAN_REACH } else { CLOCK_SKEW };
    if row.end <= row.start {
        Some(RejectionReason::EndNotAfterStart)
    } else if row.start.duration_since(rules.now) > reach || ends_too_late(row, rules) {
        Some(RejectionReason::InFuture)
    } else if row.end.duration_since(row.start) > LONGEST_ROW {
        Some(RejectionReason::OutOfRange)
    } else {
        None
    }
}

/// Whether a row reaches further than one that has just begun: one long row must not pretend that all time up to its end is known.
fn ends_too_late(row: &IncomingRow, rules: QualityRules<'_>) -> bool {
    // A day has 25 hours when the clock is set back.
    let longest = if rules.cadence >= DAY { rules.cadence.saturating_add(HOUR) } else { rules.cadence };
    !rules.plan && row.end.duration_since(rules.now) > longest.saturating_add(CLOCK_SKEW)
}

fn size_fault(row: &IncomingRow) -> Option<RejectionReason> {
    // A text has at most as many characters as bytes.
    let longer = |text: &str, most: usize| text.len() > most && text.chars().count() > most;
    if row.labels.len() > MOST_LABELS {
        return Some(RejectionReason::TooManyLabels);
    }
    if row.labels.iter().any(|(name, value)| longer(name, LONGEST_LABEL_NAME) || longer(value, LONGEST_LABEL_VALUE)) {
        return Some(RejectionReason::LabelTooLong);
    }
    if row.measures.len() > MOST_MEASURES {
        return Some(RejectionReason::TooManyMeasures);
    }
    if row.measures.is_empty() || row.measures.keys().any(|name| name.is_empty() || longer(name, LONGEST_MEASURE_NAME))
    {
        return Some(RejectionReason::Mapping);
    }
    None
}

fn number_fault(row: &IncomingRow, derived: &[&str]) -> Option<RejectionReason> {
    let negative =
        row.measures.iter().any(|(name, value)| value.is_sign_negative() && !value.is_zero() && is_count(name));
    if negative {
        return Some(RejectionReason::OutOfRange);
    }
    share_fault(row, derived).map(|(_, _, reason)| reason)
}

/// The first part of a row that cannot be one of its whole: part, whole, and why.
pub(crate) fn share_fault(
    row: &IncomingRow,
    derived: &[&str],
) -> Option<(&'static str, &'static str, RejectionReason)> {
    let faults = row.measures.iter().filter_map(|(name, value)| {
        let (place, (part, whole)) = *SHARES_BY_PART.get(name.as_str())?;
        let reason = fault_of_share((part, *value), *row.measures.get(whole)?, derived)?;
        Some((place, (part, whole, reason)))
    });
    faults.min_by_key(|(place, _)| *place).map(|(_, fault)| fault)
}

fn fault_of_share((part, value): (&str, Decimal), whole: Decimal, derived: &[&str]) -> Option<RejectionReason> {
    if value > whole {
        return Some(RejectionReason::PartAboveWhole);
    }
    // A count of 0.8 among several is a share that was written in the count's place.
    let fraction = value < Decimal::ONE && !value.is_zero() && whole > Decimal::ONE;
    let slip = fraction && !AMOUNTS.contains(&part) && !derived.contains(&part);
    slip.then_some(RejectionReason::UnitSlip)
}

fn is_count(name: &str) -> bool {
    NEVER_NEGATIVE.contains(&name) || SHARES.iter().any(|(part, whole)| *part == name || *whole == name)
}

/// A row in words, for the list of rows kept aside.
pub(crate) fn describe(row: &IncomingRow) -> String {
    let mut text = format!("{} to {}", row.start, row.end);
    // Writing into a String cannot fail.
    for (name, value) in &row.labels {
        let _ = write!(text, ", {}={}", presentable(name, 63), presentable(value, 128));
    }
    for (name, value) in row.measures.iter().take(MOST_MEASURES) {
        let _ = write!(text, ", {} {value}", presentable(name, 63));
    }
    presentable(&text, 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-05T12:00:00Z";

    fn row(start: &str, end: &str, measures: &[(&str, &str)]) -> IncomingRow {
        IncomingRow {
            labels: [("queue".to_owned(), "billing".to_owned())].into(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            measures: measures.iter().map(|(name, value)| ((*name).to_owned(), value.parse().unwrap())).collect(),
            vendor_revision: None,
            recorded_at: None,
        }
    }

    fn rules(plan: bool) -> QualityRules<'static> {
        QualityRules { now: NOW.parse().unwrap(), plan, cadence: SignedDuration::from_mins(30), derived: &[] }
    }

    #[test]
    fn times_are_checked() {
        let cases = [
            ("2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z", false, None),
            ("2026-01-05T12:05:00Z", "2026-01-05T12:30:00Z", false, None),
            // A row that has just begun may end a cadence and five minutes ahead; a longer one pretends to know what comes.
            ("2026-01-05T12:00:00Z", "2026-01-05T12:35:00Z", false, None),
            ("2026-01-05T09:00:00Z", "2026-01-05T12:35:01Z", false, Some(RejectionReason::InFuture)),
            ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", false, Some(RejectionReason::InFuture)),
            ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", true, None),
            ("2026-01-05T12:05:01Z", "2026-01-05T12:30:00Z", false, Some(RejectionReason::InFuture)),
            ("2026-01-05T12:05:01Z", "2026-01-05T12:30:00Z", true, None),
            ("2026-03-06T12:00:00Z", "2026-03-06T12:30:00Z", true, None),
            ("2026-03-06T12:00:01Z", "2026-03-06T12:30:00Z", true, Some(RejectionReason::InFuture)),
            ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z", false, Some(RejectionReason::EndNotAfterStart)),
            ("2026-01-05T09:30:00Z", "2026-01-05T09:00:00Z", false, Some(RejectionReason::EndNotAfterStart)),
            ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false, None),
            ("2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false, Some(RejectionReason::OutOfRange)),
        ];
        for (start, end, plan, expected) in cases {
            assert_eq!(fault(&row(start, end, &[("offered", "1")]), rules(plan)), expected, "{start} {end} {plan}");
        }
    }

    #[test]
    fn numbers_are_checked() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<RejectionReason>);
        let cases: &[Case<'_>] = &[
            (&[("offered", "97"), ("answered", "44"), ("answeredWithin", "2"), ("abandoned", "53")], None),
            (&[("answered", "100"), ("offered", "97")], None),
            (&[("answered", "0"), ("answeredWithin", "0")], None),
            (&[("answered", "44"), ("answeredWithin", "45")], Some(RejectionReason::PartAboveWhole)),
            (&[("abandoned", "98"), ("offered", "97")], Some(RejectionReason::PartAboveWhole)),
            (&[("satisfied", "0.8"), ("surveyResponses", "100")], Some(RejectionReason::UnitSlip)),
            (&[("adherentMinutes", "0.8"), ("scheduledMinutes", "100")], None),
            (&[("offered", "-1")], Some(RejectionReason::OutOfRange)),
            (&[("handleSeconds", "-0.5")], Some(RejectionReason::OutOfRange)),
            (&[("revenue", "-120.50"), ("myOwn", "-1")], None),
            (&[], Some(RejectionReason::Mapping)),
        ];
        for (measures, expected) in cases {
            let row = row("2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z", measures);
            assert_eq!(fault(&row, rules(false)), *expected, "{measures:?}");
        }
    }

    #[test]
    fn each_part_has_one_whole_and_the_first_share_that_is_wrong_is_named() {
        assert_eq!(SHARES_BY_PART.len(), SHARES.len());
        let numbers = [("abandoned", "98"), ("answered", "1"), ("answeredWithin", "2"), ("offered", "97")];
        let row = row("2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z", &numbers);
        assert_eq!(share_fault(&row, &[]), Some(("answeredWithin", "answered", RejectionReason::PartAboveWhole)));
    }

    #[test]
    fn sizes_are_checked() {
        let good = row("2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z", &[("offered", "1")]);
        let with = |labels: Vec<(String, String)>| IncomingRow { labels: labels.into_iter().collect(), ..good.clone() };
        let many = |count: usize| (0..count).map(|number| (format!("l{number}"), "x".to_owned())).collect::<Vec<_>>();
        let cases = [
            (with(many(10)), None),
            (with(many(11)), Some(RejectionReason::TooManyLabels)),
            (with(vec![("queue".into(), "ü".repeat(128))]), None),
            (with(vec![("queue".into(), "x".repeat(129))]), Some(RejectionReason::LabelTooLong)),
            (with(vec![("q".repeat(64), "x".into())]), Some(RejectionReason::LabelTooLong)),
        ];
        for (row, expected) in cases {
            assert_eq!(fault(&row, rules(false)), expected, "{row:?}");
        }
        let crowded = IncomingRow {
            measures: (0..101).map(|number| (format!("m{number}"), Decimal::ONE)).collect(),
            ..good.clone()
        };
        assert_eq!(fault(&crowded, rules(false)), Some(RejectionReason::TooManyMeasures));
        let (kept, rejected) = check(vec![good.clone(), crowded, good], rules(false));
        assert_eq!((kept.len(), rejected.len()), (2, 1));
    }
}
