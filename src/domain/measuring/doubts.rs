//! Figures of a feed that were probably read otherwise than the vendor meant them.
//!
//! Nothing here refuses a row: each doubt can have an honest reason. The operator shows them as advice on the contract, the plugin
//! beside the rows of `feed preview`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::ledger::Known;
use crate::api::feed::{Feed, MeasureMapping, MeasureUnit};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::Span;

/// A figure that is in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The measure.
    pub measure: String,
    /// What is odd, with a value, and what to write if it was meant otherwise. One sentence or two, at most 230 bytes with any name.
    pub message: String,
}

/// How far back rows are looked at: a month, so that a corrected mapping is soon believed.
const WINDOW: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How many rows are looked at, so that a contract with many queues is judged as fast as one with few.
const SAMPLE: usize = 500;

/// Measures that count people, contacts or things, of which there is no half one.
const COUNTS: &[&str] = &[
    "offered",
    "answered",
    "answeredWithin",
    "abandoned",
    "abandonedWithin",
    "abandonedShort",
    "longWaits",
    "handled",
    "contacts",
    "contactsWithIssue",
    "resolvedFirstContact",
    "repeatContacts",
    "transferred",
    "surveyResponses",
    "surveysOffered",
    "satisfied",
    "verySatisfied",
    "promoters",
    "detractors",
    "evaluations",
    "evaluationsWithoutCriticalError",
    "leavers",
    "earlyLeavers",
    "starters",
    "modulesCompleted",
    "modulesRequired",
    "answers",
    "favourableAnswers",
    "ivrCalls",
    "ivrContained",
    "ivrRepeats",
    "selfServed",
    "sales",
    "salesCancelled",
    "eligibleContacts",
    "offersMade",
    "offersAccepted",
    "responses",
    "delivered",
    "backlog",
    "completed",
    "completedOnTime",
    "overdueOpen",
    "customersLost",
    "customersAtStart",
    "cohortActive",
    "cohortStart",
    "scoredContacts",
    "positiveContacts",
    "negativeContacts",
    "abandonedLive",
    "connectedLive",
];

/// Parts of which there should be few, so that a share under 1 % is nothing odd.
const OFTEN_FEW: &[&str] = &[
    "abandoned",
    "abandonedWithin",
    "abandonedShort",
    "abandonedLive",
    "longWaits",
    "repeatContacts",
    "transferred",
    "salesCancelled",
    "sales",
    "offersAccepted",
    "responses",
    "leavers",
    "earlyLeavers",
    "detractors",
    "customersLost",
    "negativeContacts",
    "ivrRepeats",
];

/// Seconds, and the contacts that they were spent on.
const MEANS: [(&str, &str); 3] =
    [("handleSeconds", "handled"), ("handleSeconds", "answered"), ("waitSeconds", "answered")];
/// A mean of more than this many seconds a contact was written in milliseconds.
const LONGEST_MEAN: i64 = 4 * 3_600;
/// A mean handle time of less than this many seconds was written in minutes.
const SHORTEST_HANDLING: i64 = 15;

/// What is seen of the figures of one measure.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    /// Whole numbers of four digits or more.
    large: usize,
    /// The first number that is not a whole one.
    fraction: Option<Exact>,
    fractions: usize,
    /// Numbers from 1 to 999 with exactly three digits after the point.
    thousandths: usize,
    /// Numbers that no thousands separator can have made.
    other: usize,
}

impl Seen {
    fn note(&mut self, value: &Exact) {
        if is_whole(value) {
            self.whole += 1;
            self.large += usize::from(value.abs() >= Exact::from(1_000));
            return;
        }
        self.fractions += 1;
        self.fraction.get_or_insert_with(|| value.clone());
        let times = |factor: i64| value * &Exact::from(factor);
        if value.abs() < Exact::ONE || value.abs() >= Exact::from(1_000) || !is_whole(&times(1_000)) {
            self.other += 1;
        } else if !is_whole(&times(100)) {
            self.thousandths += 1;
        }
    }

    /// Whether all of it looks as if a point between thousands had been taken for a decimal point: whole numbers up to 999, and
    /// numbers with mostly three digits after the point where larger ones should be.
    fn has_lost_thousands(&self) -> bool {
        self.whole > 0 && self.large == 0 && self.other == 0 && self.thousandths * 2 > self.fractions
    }
}

fn is_whole(value: &Exact) -> bool {
    value.to_i64().is_some()
}

/// Goes through rows, and then says what is in doubt.
#[derive(Debug)]
pub struct Doubts<'f> {
    feed: &'f Feed,
    mappings: BTreeMap<&'f str, &'f MeasureMapping>,
    seen: BTreeMap<String, Seen>,
    /// By measure, the largest share of its volume.
    shares: BTreeMap<String, Exact>,
    /// For each pair of [`MEANS`] the sums.
    means: [(Exact, Exact); MEANS.len()],
}

impl<'f> Doubts<'f> {
    /// Of the rows of a feed.
    pub fn of(feed: &'f Feed) -> Doubts<'f> {
        let measures = feed.format.iter().flat_map(|format| format.mapped_measures());
        let mappings = measures.map(|mapping| (mapping.name.as_str(), mapping)).collect();
        Doubts { feed, mappings, seen: BTreeMap::new(), shares: BTreeMap::new(), means: Default::default() }
    }

    /// Notes the measures of one row.
    pub fn note(&mut self, measures: &BTreeMap<&str, Exact>) {
        for (name, value) in measures {
            match self.mappings.get(name) {
                Some(mapping) if is_share(mapping) => {
                    let mapping = *mapping;
                    self.note_share(mapping, value, measures);
                }
                // A mean that was multiplied by its volume is not a number that anyone wrote.
                Some(mapping) if mapping.of.is_some() => {}
                _ => self.seen.entry((*name).to_owned()).or_default().note(value),
            }
        }
        for ((seconds, contacts), sums) in MEANS.iter().zip(&mut self.means) {
            if let (Some(seconds), Some(contacts)) = (measures.get(seconds), measures.get(contacts)) {
                *sums = (&sums.0 + seconds, &sums.1 + contacts);
            }
        }
    }

    fn note_share(&mut self, mapping: &MeasureMapping, value: &Exact, measures: &BTreeMap<&str, Exact>) {
        let volume = mapping.of.as_deref().and_then(|of| measures.get(of).cloned()).unwrap_or(Exact::ONE);
        let share = value.checked_div(&volume).filter(|share| !share.is_zero());
        if let (Some(MeasureUnit::Percent), Some(share)) = (mapping.unit, share) {
            let largest = self.shares.entry(mapping.name.clone()).or_insert(Exact::ZERO);
            *largest = largest.clone().max(share);
        }
    }

    /// What is in doubt, each measure once.
    pub fn into_doubts(self) -> Vec<Doubt> {
        let numbers = self.seen.iter().filter_map(|(measure, seen)| self.doubtful_number(measure, seen));
        let shares = self.shares.iter().filter_map(|(measure, largest)| doubtful_share(measure, largest));
        let means = self.means.iter().zip(MEANS).filter_map(|(sums, names)| doubtful_mean(sums, names));
        let mut named = BTreeSet::new();
        numbers.chain(shares).chain(means).filter(|doubt| named.insert(doubt.measure.clone())).collect()
    }

    fn doubtful_number(&self, measure: &str, seen: &Seen) -> Option<Doubt> {
        let format = self.feed.format.as_ref();
        // Increases of counters are extrapolated, so that fractions of counts are usual there.
        if format.is_some_and(|format| format.open_metrics.is_some() || format.prometheus.is_some()) {
            return None;
        }
        let fraction = seen.fraction.as_ref()?.show(6);
        let message = match format.and_then(|format| format.csv.as_ref()) {
            Some(csv) if seen.has_lost_thousands() => {
                let (what, write) = match csv.decimal_comma {
                    Some(true) => ("comma", "false"),
                    _ => ("point", "true"),
                };
                format!(
                    "{measure} is {fraction} in one row and a whole number below 1,000 in others: if a {what} separates thousands, \
                     set format.csv.decimalComma: {write}"
                )
            }
            _ if COUNTS.contains(&measure) => format!(
                "{measure} is {fraction} in a row, but it is a count: if it is a share, write its unit and `of`; if a point or comma \
                 separates thousands, correct that"
            ),
            _ => return None,
        };
        Some(Doubt { measure: measure.to_owned(), message })
    }
}

fn doubtful_share(measure: &str, largest: &Exact) -> Option<Doubt> {
    let percent = largest * &Exact::HUNDRED;
    if percent > Exact::ONE || OFTEN_FEW.contains(&measure) {
        return None;
    }
    let message = format!(
        "{measure} is never above {} % of its volume: if the feed writes 0.85 for 85 %, write unit: Fraction",
        percent.show(4)
    );
    Some(Doubt { measure: measure.to_owned(), message })
}

fn doubtful_mean((seconds, contacts): &(Exact, Exact), (measure, of): (&str, &str)) -> Option<Doubt> {
    let mean = seconds.checked_div(contacts).filter(|mean| mean.signum() > 0)?;
    let unit = if mean > Exact::from(LONGEST_MEAN) {
        "Milliseconds"
    } else if measure == "handleSeconds" && of == "handled" && mean < Exact::from(SHORTEST_HANDLING) {
        "Minutes"
    } else {
        return None;
    };
    let message = format!(
        "{measure} is {} s for each of `{of}`, which hardly happens: if the feed counts in {}, write unit: {unit}",
        mean.show(1),
        unit.to_lowercase()
    );
    Some(Doubt { measure: measure.to_owned(), message })
}

fn is_share(measure: &MeasureMapping) -> bool {
    use MeasureUnit::{BasisPoints, Fraction, Percent, PercentText};
    matches!(measure.unit, Some(Fraction | Percent | PercentText | BasisPoints))
}

/// What is in doubt of a mapping itself, whatever the rows say. A platform that counts the abandoned contacts knows how many were
/// abandoned in time as well, and most divide by both; one that divides by the answered ones alone is right as it is, so that this is
/// said while a mapping is written, and not of a contract in force.
pub fn of_mapping(feed: &Feed) -> Option<Doubt> {
    let measures = feed.format.as_ref()?.mapped_measures();
    measures.iter().find(|measure| measure.name == "abandoned")?;
    let within = measures.iter().find(|measure| measure.name == "answeredWithin")?;
    if !is_share(within) || within.of.as_deref() != Some("answered") {
        return None;
    }
    let message = "answeredWithin is a percentage `of: answered`, and most platforms' service level counts the abandoned, too: map the \
                   platform's own counts, or write `of` as the measure that it divides by";
    Some(Doubt { measure: within.name.clone(), message: message.to_owned() })
}

/// What is in doubt of the rows of a feed that are known: of those of the last four weeks, at most 500, evenly spread.
pub fn of_feed(feed: &Feed, known: &Known<'_>) -> Vec<Doubt> {
    let Some(last) = known.last_start() else { return Vec::new() };
    let from = last.checked_sub(WINDOW).unwrap_or(last);
    let until = last.checked_add(SignedDuration::from_nanos(1)).unwrap_or(last);
    let latest = known.starting_in(Span::new(from, until));
    let mut doubts = Doubts::of(feed);
    for row in latest.rows().step_by(latest.len() / SAMPLE + 1) {
        doubts.note(&row.measures().collect());
    }
    doubts.into_doubts()
}

#[cfg(test)]
mod tests;
