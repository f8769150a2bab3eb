//! SlaReport: what the two parties sign for one closed period. Only the operator writes it.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::basis::{Basis, CreditBasis};
use super::cross_check::SourcesLine;
use super::dispute::ReportDispute;
use super::kpi_target::{CatalogueKpi, Comparison, KpiClass, KpiVariant, Rating, Severity, Verdict};
use super::vendor_contract::{CapKind, PeriodBounds, PeriodState, TriggerConsequence};

/// The judgement of one contract for one closed period.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "SlaReport",
    plural = "slareports",
    shortname = "slar",
    category = "bpo",
    namespaced,
    status = "SlaReportStatus",
    derive = "PartialEq",
    doc = "SlaReport is the judgement of one contract for one closed period: what the two parties sign. The operator writes it; a Final one cannot change, and a later restatement is a new object.",
    selectable = ".spec.contract",
    selectable = ".spec.period.name",
    selectable = ".spec.state",
    printcolumn(name = "Contract", type_ = "string", json_path = ".spec.contract"),
    printcolumn(name = "Period", type_ = "string", json_path = ".spec.period.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Score", type_ = "string", json_path = ".spec.score"),
    printcolumn(name = "Points", type_ = "integer", json_path = ".spec.points"),
    printcolumn(name = "Credit", type_ = "string", json_path = ".spec.credit.net"),
    printcolumn(name = "Revision", type_ = "integer", json_path = ".spec.revision"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = (
    "oldSelf.state != 'Final' || self == oldSelf",
    "a Final report cannot change: what changes later is a new report"
))]
#[x_kube(validation = (
    "self.contract == oldSelf.contract && self.period.name == oldSelf.period.name && self.revision == oldSelf.revision",
    "a report's contract, period and revision cannot change: another one is a new report"
))]
pub struct SlaReportSpec {
    /// The contract.
    #[schemars(length(max = 63))]
    pub contract: String,
    /// The period.
    pub period: PeriodBounds,
    /// Provisional (may change) or Final.
    pub state: PeriodState,
    /// 1, and more for restatements.
    pub revision: i64,
    /// How far the data reached without a gap, at most the period's end.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub data_through: Option<Timestamp>,
    /// The KPIs, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub kpis: Vec<KpiLine>,
    /// 0 to 100; absent where nothing could be judged.
    pub score: Option<String>,
    /// How much of the weight the score speaks for, 0 to 100.
    pub confidence: Option<String>,
    /// The worst rating of the Critical-class KPIs.
    #[schemars(extend("description" = "The worst rating of the Critical-class KPIs."))]
    pub rating: Option<Rating>,
    /// Service points.
    pub points: i64,
    /// Credits and bonus, where the contract has charges.
    pub credit: Option<CreditBlock>,
    /// Credits of the contract year up to this period; revision 1 only.
    pub year_to_date: Option<YearToDate>,
    /// Triggers whose condition holds at this period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub triggers: Vec<ReportTrigger>,
    /// Spans of service time without data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gaps: Vec<Gap>,
    /// Disputes about the period as they were when the report became Final, sorted by name. What is decided later is in the contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub disputes: Vec<ReportDispute>,
    /// What this revision changes; revision 2 and later.
    pub restates: Option<Restates>,
}

/// One KPI of a report. Value, numerator and denominator are absent where there is no data.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiLine {
    /// Name of the KpiTarget.
    pub name: String,
    /// The catalogue KPI.
    pub kpi: CatalogueKpi,
    /// The variant of its formula.
    #[schemars(extend("description" = "The variant of its formula."))]
    pub variant: Option<KpiVariant>,
    /// Critical or KeyMeasurement.
    pub class: KpiClass,
    /// Weight in the score.
    pub weight: String,
    /// True: judged and shown, not counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How value and target are compared.
    pub comparison: Comparison,
    /// The target in force.
    pub target: Option<String>,
    /// The upper edge, with Between.
    pub upper: Option<String>,
    /// The value over all rows.
    pub raw_value: Option<String>,
    /// The value after relief.
    pub value: Option<String>,
    /// The numerator of `value`.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave the miss is.
    #[schemars(extend("description" = "How grave the miss is."))]
    pub severity: Option<Severity>,
    /// The rating; absent where nothing was judged.
    #[schemars(extend("description" = "The rating; absent where nothing was judged."))]
    pub rating: Option<Rating>,
    /// Whether the previous judged period was Missed too.
    pub repeat: bool,
    /// Service points.
    pub points: i64,
    /// Credit of this KPI, before caps.
    pub credit: Option<String>,
    /// Bonus of this KPI.
    pub bonus: Option<String>,
    /// Final, or Pending where the credit may be earned back; absent without a credit.
    #[schemars(extend("description" = "Final, or Pending where the credit may be earned back; absent without a credit."))]
    pub credit_state: Option<CreditState>,
    /// What it was judged by, as the terms were then. Reports of earlier versions lack it.
    #[schemars(extend("description" = "What it was judged by, as the terms were then. Reports of earlier versions lack it."))]
    pub basis: Option<Basis>,
    /// The relief that took rows away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub excused_by: Vec<String>,
    /// The part of each tier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tiers: Vec<TierLine>,
    /// Percentage of the denominator whose rows carry no tier; absent without tiers.
    pub without_tier_percent: Option<String>,
    /// The parts that a tally found Missed or could not judge; absent without a tally.
    #[schemars(extend("description" = "The parts that a tally found Missed or could not judge; absent without a tally."))]
    pub tally: Option<TallyLine>,
    /// The values of both sources, and which of them was judged; absent without `source.crossCheck`.
    #[schemars(extend("description" = "The values of both sources, and which of them was judged; absent without source.crossCheck."))]
    pub sources: Option<SourcesLine>,
    /// The rows that were judged.
    pub evidence: EvidenceReference,
}

/// What a tally found, by the names of its parts: days 2026-05-04, weeks 2026-W19, months 2026-05.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct TallyLine {
    /// The parts that missed, the first 31.
    #[serde(default)]
    #[schemars(length(max = 31))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub missed: Vec<String>,
    /// The parts without data or with too little, the first 31. They are not judged.
    #[serde(default)]
    #[schemars(length(max = 31))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub unjudged: Vec<String>,
}

/// Whether a credit is settled: Final, or Pending (it may be earned back).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CreditState {
    Final,
    Pending,
}

/// One tier's part of a KPI.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TierLine {
    /// Name of the tier.
    pub tier: String,
    /// The value.
    pub value: Option<String>,
    /// The target.
    pub target: Option<String>,
    /// The volume.
    pub denominator: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
}

/// The rows that were judged: selected before relief, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct EvidenceReference {
    /// How many rows.
    pub rows: i64,
    /// SHA-256 over their canonical form.
    pub digest: String,
}

/// Credits and bonus of a period, in the contract's currency.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditBlock {
    /// ISO 4217.
    pub currency: String,
    /// What the service points cost.
    pub from_points: String,
    /// Credits of the KPIs and of the points.
    pub before_caps: String,
    /// Caps that lowered the amount.
    #[serde(default)]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub capped_by: Vec<CapKind>,
    /// What is owed.
    pub net: String,
    /// Bonus owed to the vendor; never netted.
    pub bonus: String,
    /// Credits returned by this report.
    pub earned_back: String,
    /// Which credits these were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub earned_back_from: Vec<EarnedBack>,
    /// Difference of earlier, restated credits that is booked here.
    pub restated: String,
    /// Difference of earlier, restated bonus that is booked here.
    pub restated_bonus: String,
    /// How the amounts came about: charges, row of the points table, ramp, caps. Reports of earlier versions lack it.
    #[schemars(extend("description" = "How the amounts came about: charges, row of the points table, ramp, caps. Reports of earlier versions lack it."))]
    pub basis: Option<CreditBasis>,
}

/// A credit that was earned back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct EarnedBack {
    /// The period of the credit.
    pub period: String,
    /// The KpiTarget.
    pub kpi: String,
    /// The amount.
    pub credit: String,
}

/// Credits of the contract year.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct YearToDate {
    /// Credits of the contract year so far.
    pub credit: String,
    /// What they cannot exceed.
    pub cap: Option<String>,
}

/// A trigger whose condition holds.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct ReportTrigger {
    /// Name of the trigger, such as three-in-six; plans and escalation refer to it.
    pub name: String,
    /// What it sets in motion.
    pub then: TriggerConsequence,
    /// The KpiTarget that fired it.
    pub kpi: Option<String>,
}

/// A span of service time without data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Gap {
    /// The feed.
    pub feed: String,
    /// First instant.
    #[schemars(schema_with = "super::scalar::instant")]
    pub from: Timestamp,
    /// First instant after it.
    #[schemars(schema_with = "super::scalar::instant")]
    pub to: Timestamp,
}

/// What a revision changes.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restates {
    /// Name of the report before.
    pub report: String,
    /// The lines that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub changes: Vec<LineChange>,
    /// Difference of the net credit.
    pub credit_delta: Option<String>,
    /// Difference of the bonus.
    pub bonus_delta: Option<String>,
    /// The period whose report books the difference.
    pub booked_in: Option<String>,
}

/// A line that changed. A member is absent where it did not.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct LineChange {
    /// Name of the KpiTarget.
    pub kpi: String,
    /// The value.
    pub value: Option<WasNow>,
    /// The denominator.
    pub denominator: Option<WasNow>,
    /// The verdict.
    pub verdict: Option<WasNow>,
    /// The service points.
    pub points: Option<WasNow>,
    /// The credit.
    pub credit: Option<WasNow>,
}

/// A text before and after; absent where there was none.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct WasNow {
    /// What it was before.
    pub was: Option<String>,
    /// What it is now.
    pub now: Option<String>,
}

/// Provenance; not part of what is signed.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlaReportStatus {
    /// UID of the contract.
    pub contract_uid: Option<String>,
    /// Heads of the feeds' chains of evidence when the report was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub evidence_heads: Vec<EvidenceHead>,
    /// Real, or Rehearsal where the operator ran on a rehearsal clock.
    #[schemars(extend("description" = "Real, or Rehearsal where the operator ran on a rehearsal clock."))]
    pub clock: Option<ClockKind>,
}

/// Head of one feed's chain of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct EvidenceHead {
    /// The feed.
    pub feed: String,
    /// Digest of its last row.
    pub head: String,
    /// How many rows it has.
    pub rows: i64,
}

/// Which clock the operator ran on: Real or Rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ClockKind {
    Real,
    Rehearsal,
}
