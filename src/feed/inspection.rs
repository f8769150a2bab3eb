//! What a vendor is shown of its own endpoint: everything that is wrong with its answers, not the first alone, and what was read.
//!
//! The endpoint is asked, and its answers are read and checked, by the code that the operator itself uses. What is added is where
//! something is, what was expected there and what to write instead.

mod facts;
pub mod gap;
mod keys;
mod names;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::capabilities::derived;
use super::quality::{CLOCK_SKEW, QualityRules, describe, fault, share_fault};
use super::timing::{cadence, row_length, seconds_or};
use crate::api::feed::Feed;
use crate::evidence::{IncomingRow, RejectionReason};
use crate::outbound::error::{FetchError, presentable};

pub use facts::{Facts, span_text};
pub use gap::Gap;
pub use names::{Coverage, coverage};
pub use walk::{Answers, Repeated, ask_all, read_file};

/// Where something is in what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The page, from 1.
    pub page: usize,
    /// The row, from 0 as JSON counts, where it is known.
    pub row: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(formatter, "page {}, rows[{row}]", self.page),
            None => write!(formatter, "page {}", self.page),
        }
    }
}

/// What a finding costs the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// The operator takes no row of the whole answer.
    Answer,
    /// The operator sets the row aside.
    Row,
    /// The operator takes it, and it is hardly meant.
    Doubt,
}

impl Cost {
    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cost::Answer => "AnswerRefused",
            Cost::Row => "RowRefused",
            Cost::Doubt => "Doubtful",
        }
    }
}

/// Something that is wrong or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it costs.
    pub cost: Cost,
    /// By what name the operator counts it, or the name of the doubt.
    pub rule: &'static str,
    /// Its state.
    pub place: Option<Place>,
    /// What is there.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to write.
    pub write: String,
}

impl Finding {
    fn doubt(rule: &'static str, place: Option<Place>, found: String, expected: &str, write: &str) -> Self {
        Finding { cost: Cost::Doubt, rule, place, found, expected: expected.to_owned(), write: write.to_owned() }
    }

    fn of_row(reason: RejectionReason, place: Place, found: String) -> Self {
        let (expected, write) = words::of_rejection(reason);
        let (expected, write) = (expected.to_owned(), write.to_owned());
        Finding { cost: Cost::Row, rule: reason.as_str(), place: Some(place), found, expected, write }
    }

    fn of_answer(rule: &'static str, place: Option<Place>, found: &str, words: (&str, &str)) -> Self {
        let found = found.to_owned();
        let (expected, write) = (words.0.to_owned(), words.1.to_owned());
        Finding { cost: Cost::Answer, rule, place, found, expected, write }
    }
}

/// A row and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedRow {
    /// Where.
    pub place: Place,
    /// What it says.
    pub row: IncomingRow,
}

/// Against what answers are held.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The feed as a contract describes it, or would.
    pub feed: &'a Feed,
    /// The present instant.
    pub now: Timestamp,
    /// Whether the answers speak of the present, so that their newest row must be young.
    pub up_to_now: bool,
}

/// All that is said of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// What is wrong or doubtful, the worst first, in the order of the answers.
    pub findings: Vec<Finding>,
    /// What was read.
    pub facts: Facts,
}

impl Inspection {
    /// Whether the operator would refuse something.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.cost != Cost::Doubt)
    }
}

const DEFAULT_LATENESS: u64 = 3_600;
/// From when on two clocks differ enough to be worth a word.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);

/// Looks through what was answered.
#[must_use]
pub fn inspect(answers: &Answers, expectations: Expectations<'_>) -> Inspection {
    let derived = derived(expectations.feed);
    let plan = expectations.feed.plan.unwrap_or(false);
    let rules = QualityRules { now: expectations.now, plan, cadence: row_length(expectations.feed), derived: &derived };
    let mut findings = refusals(answers);
    let (good, bad): (Vec<&PlacedRow>, Vec<&PlacedRow>) =
        answers.rows().partition(|placed| fault(&placed.row, rules).is_none());
    findings.extend(bad.into_iter().filter_map(|placed| of_quality(placed, rules)));
    let keys = keys::examine(&good);
    let mut facts = Facts::of(answers, &good, &keys, cadence(expectations.feed));
    findings.extend(keys.findings);
    facts.taken = taken(answers, &findings);
    findings.extend(names::doubts(&good));
    findings.extend(doubts_of_time(answers, &facts, expectations));
    findings.extend(doubts_of_thresholds(answers, expectations.feed));
    findings.extend(walk::doubts_of_repetition(answers));
    findings.sort_by_key(|finding| (finding.cost, finding.place));
    Inspection { findings, facts }
}

/// How many rows the operator takes: each row that it refuses has one finding.
fn taken(answers: &Answers, findings: &[Finding]) -> usize {
    if findings.iter().any(|finding| finding.cost == Cost::Answer) {
        return 0;
    }
    answers.count().saturating_sub(findings.iter().filter(|finding| finding.cost == Cost::Row).count())
}

/// What the parser refused.
fn refusals(answers: &Answers) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((place, error)) = &answers.failure {
        let rule = error.kind.as_str();
        findings.push(Finding::of_answer(rule, Some(*place), &error.message, words::of_failure(error)));
    }
    for (place, broken) in answers.broken() {
        let rule = RejectionReason::Malformed.as_str();
        findings.push(Finding::of_answer(rule, Some(*place), &broken.message, words::of_broken_row(broken.fault)));
    }
    for (place, reason, what) in answers.set_aside() {
        findings.push(Finding::of_row(*reason, *place, presentable(what, 240)));
    }
    findings
}

fn of_quality(placed: &PlacedRow, rules: QualityRules<'_>) -> Option<Finding> {
    let reason = fault(&placed.row, rules)?;
    let row = &placed.row;
    let found = match reason {
        RejectionReason::InFuture => {
            let (starts, ends) = (row.start.duration_since(rules.now), row.end.duration_since(rules.now));
            let (verb, ahead) = if starts > CLOCK_SKEW { ("starts", starts) } else { ("ends", ends) };
            format!("{verb} {} after now: {}", facts::span_text(ahead), describe(row))
        }
        RejectionReason::PartAboveWhole | RejectionReason::UnitSlip => match share_fault(row, rules.derived) {
            Some((part, whole, _)) => format!("{part} of {whole}: {}", describe(row)),
            None => describe(row),
        },
        _ => describe(row),
    };
    Some(Finding::of_row(reason, placed.place, presentable(&found, 240)))
}

/// Clocks that differ, rows that are late, windows without rows.
fn doubts_of_time(answers: &Answers, facts: &Facts, expectations: Expectations<'_>) -> Vec<Finding> {
    let mut doubts = Vec::new();
    if let Some(ahead) = answers.clock.filter(|ahead| ahead.abs() > CLOCKS_DIFFER) {
        let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
        let found =
            format!("by its Date header the server's clock is {} {direction} this one", facts::span_text(ahead.abs()));
        let expected = format!(
            "clocks that agree to a minute; rows that start more than {} min ahead are refused",
            CLOCK_SKEW.as_mins()
        );
        doubts.push(Finding::doubt("ClockDiffers", None, found, &expected, "keep the server's clock by NTP"));
    }
    let plan = expectations.feed.plan.unwrap_or(false);
    let lateness = seconds_or(expectations.feed.lateness, DEFAULT_LATENESS);
    let lateness = SignedDuration::try_from(lateness).unwrap_or(SignedDuration::MAX);
    match facts.span {
        Some((_, end)) if expectations.up_to_now && !plan && expectations.now.duration_since(end) > lateness => {
            let found = format!("the newest row ended {} ago", facts::span_text(expectations.now.duration_since(end)));
            let expected =
                format!("a row at most {} after its end, or the feed counts as late", facts::span_text(lateness));
            let write = "publish each row soon after its end, quiet intervals as rows of zeros, or agree on a longer \
                         `lateness` in the contract's feed";
            doubts.push(Finding::doubt("Late", None, found, &expected, write));
        }
        None if answers.failure.is_none() && answers.count() == 0 => {
            let write = "give the rows whose intervals lie between since and until; a quiet interval is a row of zeros";
            let found = "the answer has no rows".to_owned();
            doubts.push(Finding::doubt("NoRows", None, found, "rows for the window that was asked for", write));
        }
        _ => {}
    }
    doubts
}

/// Times by which the vendor says that it counts, and that are others than the contract names.
fn doubts_of_thresholds(answers: &Answers, feed: &Feed) -> Vec<Finding> {
    let contradicted = feed.thresholds.iter().filter_map(|agreed| {
        let said = answers.thresholds.get(&agreed.measure).filter(|said| Some(**said) != agreed.within.seconds())?;
        let found = format!("thresholds says that {} is counted by {said} s", agreed.measure);
        let expected = format!("{}, which the contract's feed names in its thresholds", agreed.within);
        let write = "count by the time that was agreed, or agree on the other one; until then periods stay Provisional";
        Some(Finding::doubt("ThresholdMismatch", None, found, &expected, write))
    });
    contradicted.collect()
}

/// What is said where nothing at all could be asked.
#[must_use]
pub fn advice_on(error: &FetchError) -> &'static str {
    words::of_failure(error).1
}
