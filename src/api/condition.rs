//! Conditions: their types and reasons as closed enums, in one table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One condition of an object, in the shape of `metav1.Condition`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type of the condition, such as Ready or SLACompliant.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    pub type_: String,
    /// Whether the condition holds: True or False; Unknown where nothing is known yet.
    pub status: ConditionStatus,
    /// One word that a program can branch on.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Sentence for people with the details, at most 256 characters; programs branch on the reason.
    #[schemars(length(max = 256))]
    pub message: String,
    /// When the status last flipped: the instant at which the state began by the contract's rules, where it can be derived.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub last_transition_time: jiff::Timestamp,
    /// The generation of the spec that was observed.
    pub observed_generation: Option<i64>,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// Nothing is known.
    Unknown,
}

impl ConditionStatus {
    /// The word in a status.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        }
    }
}

macro_rules! closed_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum $name { $($variant),* }

        impl $name {
            /// Every member, in the order of the table.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word in a status.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use closed_enum;

closed_enum! {
    /// The types of conditions. Which kind has which: [`ConditionType::of_kind`].
    ConditionType {
        Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GovernanceCurrent, WellFormed, ActionRequired, Coherent,
        GamingSuspected, SourcesAgree, LaunchReady, SpikeDetected, QualityHeld, Consistent,
    }
}

closed_enum! {
    /// The reasons of conditions, over all types.
    Reason {
        Reconciled, Suspended, InvalidSpec, ContractNotFound, KpiTargetNotFound, TierNotFound, FeedNotFound, FeedIsPlan,
        GoalNotFound, ContactNotFound,
        SecretNotFound, SecretNotAllowed, EvidenceUnavailable, Pending, Progressing, Fetched, Dns, Connect, Tls,
        Timeout, Status, TooLarge, Malformed, Mapping, Denied, Auth, RateLimited, Late, Shrunk, JobFailed, JobStuck,
        LinkExpired, Proxy, HostKey, TargetMet, Excused,
        TargetMissed, NoClosedPeriod, ThresholdMismatch, NoData, InsufficientVolume, Inconclusive, ProjectedMiss, BudgetBurn,
        BelowWarning, GateDue, Understaffed, OnTrack, Current, ReviewOverdue, DeliverableOverdue, PlanOverdue, DisputeOverdue,
        Agree, OneSource, Disagree,
        NoFindings, FindingsPresent, Escalated, TriggerFired, Nothing, Coherent, TierGap, TierOverlap, TierInversion,
        CounterMetricWorse, NotSuspected, NoCounterMetric, AllGatesPassed, BlockingGatesPassed, GatesOpen,
        NoRowsMatch, GatesFailed, NoGates, SpikeDetected, NoSpike, NotLive, NoBaseline, Held, QualityDropped, RowQuota,
        ReportsHold, ReportContradicted,
    }
}

closed_enum! {
    /// The kinds that have conditions.
    Kind { VendorContract, ServiceTier, KpiTarget, CampaignLaunch }
}

impl ConditionType {
    /// The condition types of a kind, all of which are present from the first reconcile.
    pub fn of_kind(kind: Kind) -> &'static [ConditionType] {
        use ConditionType::*;
        match kind {
            Kind::VendorContract => &[
                Ready,
                Stalled,
                FeedHealthy,
                SLACompliant,
                AtRisk,
                GovernanceCurrent,
                WellFormed,
                ActionRequired,
                Consistent,
            ],
            Kind::ServiceTier => &[Ready, Stalled, SLACompliant, Coherent],
            Kind::KpiTarget => &[Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GamingSuspected, SourcesAgree],
            Kind::CampaignLaunch => &[Ready, Stalled, AtRisk, LaunchReady, SpikeDetected, QualityHeld],
        }
    }

    /// The reasons that this type may carry with `status`: the closed table of the API.
    pub fn reasons(self, status: ConditionStatus) -> &'static [Reason] {
        use ConditionStatus::{False, True, Unknown};
        use Reason as R;
        match (self, status) {
            (Self::Ready, True) => &[R::Reconciled, R::Suspended],
            (Self::Ready, False) => &[
                R::InvalidSpec,
                R::ContractNotFound,
                R::KpiTargetNotFound,
                R::TierNotFound,
                R::FeedNotFound,
                R::FeedIsPlan,
                R::GoalNotFound,
                R::ContactNotFound,
                R::ThresholdMismatch,
                R::SecretNotFound,
                R::SecretNotAllowed,
                R::EvidenceUnavailable,
                R::NoRowsMatch,
            ],
            (Self::Ready, Unknown) => &[R::Pending],
            (Self::Stalled, True) => &[R::InvalidSpec],
            (Self::Stalled, False) => &[R::Progressing],
            (Self::Stalled, Unknown) => &[],
            (Self::FeedHealthy, True) => &[R::Fetched],
            (Self::FeedHealthy, False) => &[
                R::Dns,
                R::Connect,
                R::Tls,
                R::Timeout,
                R::Status,
                R::TooLarge,
                R::Malformed,
                R::Mapping,
                R::Denied,
                R::Auth,
                R::RateLimited,
                R::SecretNotFound,
                R::SecretNotAllowed,
                R::RowQuota,
                R::Late,
                R::Shrunk,
                R::JobFailed,
                R::JobStuck,
                R::LinkExpired,
                R::Proxy,
                R::HostKey,
            ],
            (Self::FeedHealthy, Unknown) => &[R::Pending, R::Suspended],
            (Self::SLACompliant, True) => &[R::TargetMet, R::Excused],
            (Self::SLACompliant, False) => &[R::TargetMissed],
            (Self::SLACompliant, Unknown) => {
                &[R::NoClosedPeriod, R::NoData, R::InsufficientVolume, R::Inconclusive, R::Suspended]
            }
            (Self::AtRisk, True) => &[R::ProjectedMiss, R::BudgetBurn, R::BelowWarning, R::GateDue, R::Understaffed],
            (Self::AtRisk, False) => &[R::OnTrack],
            (Self::AtRisk, Unknown) => &[R::NoData, R::Suspended],
            (Self::GovernanceCurrent, True) => &[R::Current],
            (Self::GovernanceCurrent, False) => {
                &[R::ReviewOverdue, R::DeliverableOverdue, R::PlanOverdue, R::DisputeOverdue]
            }
            (Self::WellFormed, True) => &[R::NoFindings],
            (Self::WellFormed, False) => &[R::FindingsPresent],
            (Self::ActionRequired, True) => &[R::Escalated, R::TriggerFired],
            (Self::ActionRequired, False) => &[R::Nothing],
            (Self::Coherent, True) => &[R::Coherent],
            (Self::Coherent, False) => &[R::TierGap, R::TierOverlap, R::TierInversion],
            (Self::GamingSuspected, True) => &[R::CounterMetricWorse],
            (Self::GamingSuspected, False) => &[R::NotSuspected],
            (Self::GamingSuspected, Unknown) => &[R::NoCounterMetric, R::NoData],
            (Self::SourcesAgree, True) => &[R::Agree, R::OneSource],
            (Self::SourcesAgree, False) => &[R::Disagree],
            (Self::SourcesAgree, Unknown) => &[R::NoData],
            (Self::LaunchReady, True) => &[R::AllGatesPassed, R::BlockingGatesPassed],
            (Self::LaunchReady, False) => &[R::GatesOpen, R::GatesFailed],
            (Self::LaunchReady, Unknown) => &[R::NoGates, R::Pending, R::EvidenceUnavailable],
            (Self::SpikeDetected, True) => &[R::SpikeDetected],
            (Self::SpikeDetected, False) => &[R::NoSpike],
            (Self::SpikeDetected, Unknown) => &[R::NotLive, R::NoBaseline],
            (Self::QualityHeld, True) => &[R::Held],
            (Self::QualityHeld, False) => &[R::QualityDropped],
            (Self::Consistent, True) => &[R::ReportsHold],
            (Self::Consistent, False) => &[R::ReportContradicted],
            (Self::QualityHeld, Unknown) => &[R::NotLive, R::NoData],
            (_, Unknown) => &[],
        }
    }
}

closed_enum! {
    /// The reasons of Events: transitions only.
    EventReason {
        TargetMissed, AtRisk, FeedFailing, TriggerFired, EscalationRaised, ReviewOverdue, DeliverableOverdue,
        PlanOverdue, DisputeOverdue, GamingSuspected, SourcesDisagree, ThresholdMismatch, GateFailed, LaunchNoGo, SpikeDetected, InvalidSpec, EvidenceRejected,
        TermsChangedInPeriod, TargetMet,
        AtRiskCleared, FeedRecovered, PeriodClosed, PeriodFinal, CreditDue, CreditEarnedBack, TriggerCleared,
        PeriodRestated, LaunchGo, SpikeEnded, EvidenceAdopted, EvidenceNotAdopted, EvidenceRetired, LossAccepted, ReportContradicted, StoreRolledBack,
        StoreFull, ClockDiffers, SlowReconcile,
    }
}

impl EventReason {
    /// Whether the Event is of type Warning (else Normal).
    pub fn is_warning(self) -> bool {
        !matches!(
            self,
            Self::TargetMet
                | Self::AtRiskCleared
                | Self::FeedRecovered
                | Self::PeriodClosed
                | Self::PeriodFinal
                | Self::CreditDue
                | Self::CreditEarnedBack
                | Self::TriggerCleared
                | Self::PeriodRestated
                | Self::LaunchGo
                | Self::SpikeEnded
                | Self::EvidenceAdopted
                | Self::EvidenceRetired
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_belongs_to_a_condition() {
        let used: std::collections::BTreeSet<Reason> = ConditionType::ALL
            .iter()
            .flat_map(|type_| {
                [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown]
                    .into_iter()
                    .flat_map(|status| type_.reasons(status).iter().copied())
            })
            .collect();
        assert_eq!(used.len(), Reason::ALL.len());
    }
}
