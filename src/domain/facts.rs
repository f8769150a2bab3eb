//! What a judgement takes and what it gives: the boundary between the rules and everything else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::doubts::Doubt;
use super::feed_rows::RowsByFeed;
use super::journal::{Journal, JournalFact};
use super::matching::Unmatched;
use super::offered::OfferedDiffers;
use super::thresholds::ThresholdsSaid;
use crate::api::kpi_target::{ClosedValue, CurrentValue, HistoryEntry, KpiTargetSpec, TierSlice, Trend};
use crate::api::service_tier::ServiceTierSpec;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::{
    Advice, CreditsStatus, KpiCounts, LastPeriod, PeriodBounds, PeriodState, PlanStatus, TriggerStatus,
    VendorContractSpec,
};

/// The terms of a contract: all that people wrote about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The contract's spec.
    pub contract: VendorContractSpec,
    /// Its KpiTargets by name.
    pub kpis: BTreeMap<String, KpiTargetSpec>,
    /// The ServiceTiers that it lists and that exist, by name.
    pub tiers: BTreeMap<String, ServiceTierSpec>,
}

/// All facts that a judgement of one contract rests on.
#[derive(Clone, Copy, Debug)]
pub struct ContractFacts<'a> {
    /// Name of the contract.
    pub name: &'a str,
    /// The terms in force now.
    pub terms: &'a Terms,
    /// The terms under which periods closed, by period name. A period that is not in it is judged by `terms`.
    /// Relief is that of the journal, and without one always that of `terms`.
    pub closed_under: &'a BTreeMap<String, Terms>,
    /// The rows of each feed by feed name, in any order, every revision. A feed without an entry has no rows.
    pub rows: &'a RowsByFeed,
    /// What the journal of the evidence says besides terms and rows; `None` where there is no journal, as offline without a bundle.
    pub journal: Option<&'a Journal>,
    /// By which times the answers of feeds say that they count, by feed, where no journal says when they said so.
    pub said: &'a BTreeMap<String, ThresholdsSaid>,
}

/// Of no feed is anything said.
pub static NOTHING_SAID: BTreeMap<String, ThresholdsSaid> = BTreeMap::new();

/// What a judgement of one contract says at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Every SlaReport that exists by then: revision 1 of each closed period (Provisional or Final) and each restatement,
    /// ordered by period, then revision.
    pub reports: Vec<SlaReportSpec>,
    /// The running period; `None` outside the term.
    pub period: Option<PeriodBounds>,
    /// The latest closed period, by its latest revision.
    pub last: Option<LastPeriod>,
    /// Verdicts of `last`; `atRisk` of the running period.
    pub counts: Option<KpiCounts>,
    /// Money of the running contract year; `None` without charges.
    pub credits: Option<CreditsStatus>,
    /// Triggers that stand.
    pub triggers: Vec<TriggerStatus>,
    /// Rectification plans, due or under way.
    pub plans: Vec<PlanStatus>,
    /// Each KPI of the terms in force.
    pub kpis: BTreeMap<String, KpiJudgement>,
    /// How far each feed reaches without a gap that a KPI names.
    pub feeds: BTreeMap<String, FeedCoverage>,
    /// Figures of the feeds that were probably misread, by feed; feeds without any are not in it.
    pub doubts: BTreeMap<String, Vec<Doubt>>,
    /// Feeds whose contacts offered are not those answered and abandoned, with the latest such day.
    pub offered: BTreeMap<String, OfferedDiffers>,
    /// Names of the closed periods that are Final, with the instant at which each became so.
    pub finals: BTreeMap<String, Timestamp>,
    /// Advice on changes of the terms that reach back into the running period.
    pub changes: Vec<Advice>,
    /// The earliest instant after `now` at which time alone can change this judgement.
    pub next: Option<Timestamp>,
}

impl Judgement {
    /// The same judgement while the past is still being fetched: no period that was not closed before counts as Final yet, and
    /// nothing is restated, since the rows that are missing were never late.
    #[must_use]
    pub fn held_open(&self, closed: &BTreeMap<String, Terms>) -> Judgement {
        let mut held = self.clone();
        held.reports.retain(|report| report.revision == 1 || closed.contains_key(&report.period.name));
        for report in &mut held.reports {
            hold(&mut report.state, &report.period.name, closed);
        }
        if let Some(last) = &mut held.last {
            hold(&mut last.state, &last.name, closed);
        }
        for last in held.kpis.values_mut().filter_map(|kpi| kpi.last.as_mut()) {
            hold(&mut last.state, &last.name, closed);
        }
        // Rows that match may be among those that are still to come.
        held.kpis.values_mut().for_each(|kpi| kpi.unmatched = None);
        held.finals.retain(|period, _| closed.contains_key(period));
        held
    }
}

fn hold(state: &mut PeriodState, period: &str, closed: &BTreeMap<String, Terms>) {
    if !closed.contains_key(period) {
        *state = PeriodState::Provisional;
    }
}

/// What a judgement says of one KPI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KpiJudgement {
    /// The latest closed period (for rolling windows too).
    pub last: Option<ClosedValue>,
    /// The end of the latest closed period: when its verdict began.
    pub last_ended_at: Option<Timestamp>,
    /// The running period, or the rolling window up to `asOf`.
    pub current: Option<CurrentValue>,
    /// Parts of the latest closed period by tier.
    pub tiers: Vec<TierSlice>,
    /// Closed periods, newest first, at most 13.
    pub history: Vec<HistoryEntry>,
    /// Where it is heading; `None` with under 7 values.
    pub trend: Option<Trend>,
    /// The rule of the control chart that gave a signal.
    pub signal: Option<String>,
    /// Why the running period is at risk.
    pub risk: Risk,
    /// Since when it is; `None` where it is not.
    pub risk_since: Option<Timestamp>,
    /// What the journal does not say of the risk yet. A judgement with such news is not kept on disk.
    #[serde(skip)]
    pub risk_news: Option<JournalFact>,
    /// Whether the counter metric suggests gaming.
    pub gaming: Gaming,
    /// That no row of its feed ever matched it, though the feed has some.
    pub unmatched: Option<Unmatched>,
    /// Whether the denominator of the running or of the latest closed period is below 0, which is no data.
    pub negative_volume: bool,
    /// Why nothing is read: the feed counts by another time than was agreed.
    pub threshold_mismatch: Option<String>,
    /// Why the vendor's answers contradict the time that was agreed; the figures are judged all the same.
    pub threshold_said: Option<String>,
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

/// Which warning says that a running period is at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// It is projected to end Missed.
    ProjectedMiss,
    /// The budget of misses is being spent too fast.
    BudgetBurn,
    /// The running value is on the wrong side of the warning level.
    BelowWarning,
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

/// Whether the counter metric suggests gaming.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gaming {
    /// The KPI names no counter metric.
    #[default]
    NoCounterMetric,
    /// Too few closed periods, or no share.
    NoData,
    /// It does not.
    NotSuspected,
    /// The KPI became better and its counter metric worse, both significantly.
    Suspected {
        /// A sentence with both figures.
        message: String,
    },
}

/// How far the rows of a feed reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCoverage {
    /// Up to where no slot is missing; `None` without rows.
    pub watermark: Option<Timestamp>,
    /// The end of the latest row that has ended, over closed hours moved on like the watermark; `None` without one.
    pub as_of: Option<Timestamp>,
    /// The end of the latest row that has ended; `None` without one.
    pub latest_end: Option<Timestamp>,
    /// When the feed counts as late if no further row arrives; `None` for a plan and outside the term.
    pub late_at: Option<Timestamp>,
}

/// A spec that cannot be judged, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InvalidSpec(pub Vec<Finding>);

impl InvalidSpec {
    /// The same, with the name of the object where it is not given yet.
    pub fn named(mut self, name: &str) -> Self {
        for finding in self.0.iter_mut().filter(|finding| finding.name.is_empty()) {
            name.clone_into(&mut finding.name);
        }
        self
    }
}

/// One thing that is wrong with an object, or advisable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: {field}: {message}")]
pub struct Finding {
    /// Kind of the object.
    pub kind: &'static str,
    /// Name of the object.
    pub name: String,
    /// Path of the field, such as spec.term.end.
    pub field: String,
    /// What is wrong, what was expected and what to write instead.
    pub message: String,
}
