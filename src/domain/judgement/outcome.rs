//! What a judgement takes and what it returns: the boundary between the rules and everything else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filed_reports::JudgedReport;
use crate::api::Shared;
use crate::api::kpi_target::{ClosedValue, CurrentValue, HistoryEntry, TierSlice, Trend};
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::{
    Advice, CreditsStatus, KpiCounts, LastPeriod, PeriodBounds, PlanStatus, TriggerStatus,
};
use crate::api::verdict::PeriodState;
use crate::domain::foresight::risks::Risk;
use crate::domain::measuring::coverage::FeedCoverage;
use crate::domain::measuring::doubts::Doubt;
use crate::domain::measuring::matching::Unmatched;
use crate::domain::measuring::offered::OfferedDiffers;
use crate::domain::settlement::gaming::Gaming;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{JournalFact, ThresholdsSaid};

/// Of no feed is anything said.
pub static NOTHING_SAID: BTreeMap<String, ThresholdsSaid> = BTreeMap::new();

/// What a judgement of one contract says at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Every SlaReport that exists by then: revision 1 of each closed period (Provisional or Final) and each restatement,
    /// ordered by period, then revision. Later judgements share those that stay the same.
    #[serde(deserialize_with = "super::filed_reports::deserialize")]
    pub reports: Vec<JudgedReport>,
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
    /// Each KPI of the terms in force. In boxes: a map has room for eleven entries from the first one on.
    pub kpis: BTreeMap<String, Box<KpiJudgement>>,
    /// How far each feed reaches without a gap that a KPI names.
    pub feeds: BTreeMap<String, Box<FeedCoverage>>,
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
    /// All that its reports say.
    pub fn whole_reports(&self) -> impl Iterator<Item = Shared<SlaReportSpec>> {
        self.reports.iter().filter_map(JudgedReport::open)
    }

    /// Its reports alone, each a value of its own.
    #[must_use]
    pub fn into_reports(self) -> Vec<SlaReportSpec> {
        let opened = self.reports.into_iter().filter_map(|report| match report {
            JudgedReport::Whole(report) => Some(report),
            JudgedReport::Filed(_) => report.open(),
        });
        opened.map(Shared::into_inner).collect()
    }

    /// The same in lists without room for more: a judgement is held for long and never added to.
    #[must_use]
    pub fn fitted(mut self) -> Judgement {
        self.reports.shrink_to_fit();
        let whole = self.reports.iter_mut().filter_map(|report| match report {
            JudgedReport::Whole(report) => report.own(),
            JudgedReport::Filed(_) => None,
        });
        whole.for_each(|report| report.kpis.shrink_to_fit());
        for kpi in self.kpis.values_mut() {
            kpi.history.shrink_to_fit();
            kpi.tiers.shrink_to_fit();
        }
        self
    }

    /// The same judgement while the past is still being fetched: no period that was not closed before counts as Final yet, and
    /// nothing is restated, since the rows that are missing were never late.
    #[must_use]
    pub fn held_open(&self, closed: &BTreeMap<String, Shared<Terms>>) -> Judgement {
        let mut held = self.clone();
        held.reports.retain(|report| report.revision() == 1 || closed.contains_key(&report.period().name));
        let is_open = |period: &str| !closed.contains_key(period);
        // What is Provisional already stays shared with other judgements.
        let is_to_change =
            |report: &&mut JudgedReport| is_open(&report.period().name) && report.state() != PeriodState::Provisional;
        for report in held.reports.iter_mut().filter(is_to_change) {
            if let Some(mut whole) = report.open() {
                whole.state = PeriodState::Provisional;
                *report = JudgedReport::Whole(whole);
            }
        }
        if let Some(last) = held.last.as_mut().filter(|last| is_open(&last.name)) {
            last.state = PeriodState::Provisional;
        }
        for last in held.kpis.values_mut().filter_map(|kpi| kpi.last.as_mut()).filter(|last| is_open(&last.name)) {
            last.state = PeriodState::Provisional;
        }
        // Rows that match may be among those that are still to come.
        held.kpis.values_mut().for_each(|kpi| kpi.unmatched = None);
        held.finals.retain(|period, _| closed.contains_key(period));
        held
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
    /// Whether the denominator of the running or of the latest closed period is below 0, which counts as no data.
    pub negative_volume: bool,
    /// Why nothing is read: the feed counts by another time than was agreed.
    pub threshold_mismatch: Option<String>,
    /// Why the vendor's answers contradict the time that was agreed; the figures are judged all the same.
    pub threshold_said: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_a_judgement_s_maps_are_small() {
        fn entry<K, V>(_: &BTreeMap<K, V>) -> usize {
            std::mem::size_of::<(K, V)>()
        }
        let judgement = Judgement::default();
        for size in [entry(&judgement.kpis), entry(&judgement.feeds)] {
            assert!(
                size <= 64,
                "{size} bytes, and a map has room for eleven from the first one on: put them into a Box"
            );
        }
    }

    #[test]
    fn a_report_is_small_where_it_says_little() {
        let size = std::mem::size_of::<SlaReportSpec>();
        assert!(size <= 384, "{size} bytes: put what most reports do not have into a Box");
    }
}
