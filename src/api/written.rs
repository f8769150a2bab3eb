//! How the words of the API are shown: as a manifest or a status has them.

use std::fmt;

use serde::Serialize;

use super::campaign_launch::{GateState, GateType, LaunchDecision, LaunchPhase, PlanParty, QueueModel, SpikeCause};
use super::condition::ConditionStatus;
use super::cross_check::{PreferredSource, SourcesFinding};
use super::dispute::{DisputeDecision, Party};
use super::feed::MeasureUnit;
use super::kpi_target::{Better, FormulaUnit, IndicatorKind, KpiCategory, KpiClass, RoundingMode, Trend};
use super::service_tier::{ContactChannel, TierFlaw, ValueMeasure};
use super::tally::TallyEach;
use super::vendor_contract::{
    CapKind, ContractPhase, EscalationCause, OverdueKind, PeriodLength, PlanState, RampCredit, TriggerConsequence,
    Weekday,
};
use super::verdict::{Comparison, PeriodState, Rating, Severity};

/// Shows each of these enums by the word that a manifest has for it: serde writes the name of a variant into a formatter as it is.
macro_rules! shown_as_written {
    ($($name:ty),* $(,)?) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(formatter)
            }
        })*
    };
}

shown_as_written! {
    Better, CapKind, Comparison, ConditionStatus, ContactChannel, ContractPhase, DisputeDecision, EscalationCause, FormulaUnit, GateState,
    GateType, IndicatorKind, KpiCategory, KpiClass, LaunchDecision, LaunchPhase, MeasureUnit, OverdueKind, Party,
    PeriodLength, PeriodState, PlanParty, PlanState, PreferredSource, QueueModel, RampCredit, Rating, RoundingMode, Severity,
    SourcesFinding, SpikeCause, TallyEach, TierFlaw, Trend, TriggerConsequence, ValueMeasure, Weekday,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_shown_as_it_is_written() {
        for (shown, written) in [
            (PeriodLength::HalfYearly.to_string(), "HalfYearly"),
            (Severity::Minor.to_string(), "Minor"),
            (CapKind::Period.to_string(), "Period"),
            (RampCredit::Half.to_string(), "Half"),
            (LaunchDecision::NoGo.to_string(), "NoGo"),
        ] {
            assert_eq!(shown, written);
        }
    }
}
