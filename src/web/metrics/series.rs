//! The series of the metrics: their labels, and the figures of each object.

use prometheus_client::encoding::EncodeLabelSet;

/// Labels of a KPI's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct KpiLabels {
    /// Namespace of the KpiTarget.
    pub namespace: String,
    /// Name of its contract.
    pub contract: String,
    /// Name of the KpiTarget.
    pub kpi_target: String,
    /// The catalogue KPI.
    pub kpi: String,
    /// The tier; empty for the whole.
    pub tier: String,
    /// Which period it is of: Running or Closed, the latest closed one.
    pub period: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct VerdictLabels {
    pub(super) namespace: String,
    pub(super) contract: String,
    pub(super) kpi_target: String,
    pub(super) kpi: String,
    pub(super) tier: String,
    pub(super) verdict: String,
}

/// Labels of a contract's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct ContractLabels {
    /// Namespace of the contract.
    pub namespace: String,
    /// Name of the contract.
    pub contract: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CreditLabels {
    pub(super) namespace: String,
    pub(super) contract: String,
    pub(super) state: String,
}

/// Labels of a feed's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct FeedLabels {
    /// Namespace of the contract.
    pub namespace: String,
    /// Name of the contract.
    pub contract: String,
    /// Name of the feed.
    pub feed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FeedOutcomeLabels {
    pub(super) namespace: String,
    pub(super) contract: String,
    pub(super) feed: String,
    pub(super) outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReconcileLabels {
    pub(super) kind: String,
    pub(super) outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WriteLabels {
    pub(super) kind: String,
    pub(super) what: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AlertLabels {
    pub(super) sink: String,
    pub(super) outcome: String,
}

/// One KPI, or one tier's part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiSeries {
    /// Whose figures these are.
    pub labels: KpiLabels,
    /// The value of its period.
    pub value: Option<f64>,
    /// The target in force.
    pub target: Option<f64>,
    /// The value that the running period is projected to end with.
    pub projected: Option<f64>,
    /// How far its two sources lie apart.
    pub sources_apart: Option<f64>,
    /// Whether the running period is at risk; `None` where that is unknown, and for tiers.
    pub at_risk: Option<bool>,
    /// The verdict of the latest closed period.
    pub verdict: Option<String>,
}

/// One contract.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractSeries {
    /// Whose figures these are.
    pub labels: ContractLabels,
    /// Score of the latest closed period.
    pub score: Option<f64>,
    /// Credit of the latest closed period, and its state.
    pub credit: Option<(String, f64)>,
    /// Whether the contract is compliant; `None` where that is unknown.
    pub compliant: Option<bool>,
    /// Whether every Final report follows from the evidence; `None` where that is not known yet.
    pub consistent: Option<bool>,
    /// How far each feed reaches, in seconds since 1970.
    pub watermarks: Vec<(FeedLabels, f64)>,
    /// When the next rows of each feed are late, in seconds since 1970; without those that are waited for no longer.
    pub due: Vec<(FeedLabels, f64)>,
}

/// One launch.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LaunchSeries {
    /// Namespace of the launch.
    pub namespace: String,
    /// Name of the launch.
    pub launch: String,
    /// The decision.
    pub decision: Option<String>,
    /// Gates by name and state.
    pub gates: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LaunchLabels {
    pub(super) namespace: String,
    pub(super) launch: String,
    pub(super) decision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GateLabels {
    pub(super) namespace: String,
    pub(super) launch: String,
    pub(super) gate: String,
    pub(super) state: String,
}

/// The series of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectSeries {
    /// A KpiTarget and its tiers.
    Kpi(Vec<KpiSeries>),
    /// A VendorContract.
    Contract(ContractSeries),
    /// A CampaignLaunch.
    Launch(LaunchSeries),
}
