//! SlaReport: what the two parties sign for one closed period. Only the operator writes it.

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::basis::{Basis, CreditBasis};
use super::cross_check::SourcesLine;
use super::dispute::ReportDispute;
use super::kpi_target::{CatalogueKpi, KpiClass, KpiVariant, Verdict};
use super::made_of::{DayValue, PartValue};
use super::packed::Packed;
use super::vendor_contract::{CapKind, PeriodBounds, TriggerConsequence};
use super::verdict::{Comparison, PeriodState, Rating, Severity};

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
    /// Name of the VendorContract.
    #[schemars(length(max = 63))]
    pub contract: String,
    /// Period that the report is of: its name and both ends.
    pub period: PeriodBounds,
    /// Provisional (may change) or Final.
    pub state: PeriodState,
    /// 1 for the first report of a period, and one more for each restatement.
    pub revision: i64,
    /// How far the data reached without a gap, at most the period's end.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub data_through: Option<Timestamp>,
    /// A line for each KpiTarget of the contract, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub kpis: Vec<KpiLine>,
    /// 0 to 100; absent where nothing could be judged.
    pub score: Option<String>,
    /// How much of the weight the score covers, 0 to 100.
    pub confidence: Option<String>,
    /// The worst rating of the Critical-class KPIs.
    #[schemars(extend("description" = "The worst rating of the Critical-class KPIs."))]
    pub rating: Option<Rating>,
    /// Service points of all KPIs together.
    pub points: i64,
    /// Credits and bonus, where the contract has charges.
    pub credit: Option<Box<CreditBlock>>,
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
    pub restates: Option<Box<Restates>>,
}

/// One KPI of a report. Value, numerator and denominator are absent where there is no data.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiLine {
    /// Name of the KpiTarget.
    pub name: String,
    /// KPI of the catalogue, such as ServiceLevel; Custom with a formula of its own.
    pub kpi: CatalogueKpi,
    /// Variant of the formula, such as AnsweredOnly; left out where the KPI has none.
    #[schemars(extend("description" = "Variant of the formula, such as AnsweredOnly; left out where the KPI has none."))]
    pub variant: Option<KpiVariant>,
    /// Critical (credits and compliance) or KeyMeasurement (reported alone).
    pub class: KpiClass,
    /// Weight of the KPI in the score, such as 2.
    pub weight: String,
    /// True: judged and shown, not counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How value and target are compared.
    pub comparison: Comparison,
    /// Target that was in force in the period, in the unit of the KPI.
    pub target: Option<String>,
    /// Upper edge of the target, only with comparison Between.
    pub upper: Option<String>,
    /// Value over all rows, before relief; left out without data.
    pub raw_value: Option<String>,
    /// Value after accepted relief, which is judged; left out without data.
    pub value: Option<String>,
    /// Count above the line of the division that makes `value`.
    pub numerator: Option<String>,
    /// The denominator of `value`: the volume.
    pub denominator: Option<String>,
    /// Verdict, such as Met, Missed or NoData.
    pub verdict: Verdict,
    /// Severity of the miss, by the band that the value reached; left out where nothing was missed.
    #[schemars(extend("description" = "Severity of the miss, by the band that the value reached; left out where nothing was missed."))]
    pub severity: Option<Severity>,
    /// The rating; absent where nothing was judged.
    #[schemars(extend("description" = "The rating; absent where nothing was judged."))]
    pub rating: Option<Rating>,
    /// Whether the previous judged period was Missed too.
    pub repeat: bool,
    /// Service points that the miss cost; 0 without one.
    pub points: i64,
    /// Credit of this KPI, before caps.
    pub credit: Option<String>,
    /// Bonus of this KPI in the contract's currency; left out without one.
    pub bonus: Option<String>,
    /// Final, or Pending where the credit may be earned back; absent without a credit.
    #[schemars(extend("description" = "Final, or Pending where the credit may be earned back; absent without a credit."))]
    pub credit_state: Option<CreditState>,
    /// What it was judged by, as the terms were then. Reports of earlier versions lack it.
    #[schemars(extend("description" = "What it was judged by, as the terms were then. Reports of earlier versions lack it."))]
    pub basis: Option<Basis>,
    /// Each day of the period; where it has more than 31, each ISO week or month. Reports of earlier versions lack them.
    #[schemars(extend("description" = "Each day of the period; where it has more than 31, each ISO week or month. Reports of earlier versions lack them."))]
    #[serde(default, skip_serializing_if = "Packed::is_empty")]
    #[schemars(length(max = 31))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub days: Packed<DayValue>,
    /// The rows by each value of their labels: the 20 with the most effect on the value against the periods before, and those first.
    #[schemars(extend("description" = "The rows by each value of their labels: the 20 with the most effect on the value against the periods before, and those first."))]
    #[serde(default, skip_serializing_if = "Packed::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub parts: Packed<PartValue>,
    /// The relief that took rows away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub excused_by: Vec<String>,
    /// Value and verdict of each tier's part, sorted by tier.
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
    /// Rows that the line was computed from: how many, and their digest.
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
    /// Name of the ServiceTier.
    pub tier: String,
    /// Value of the tier's rows; left out without data.
    pub value: Option<String>,
    /// Target of the tier, in the same unit.
    pub target: Option<String>,
    /// Volume of the tier's rows, such as contacts.
    pub denominator: Option<String>,
    /// Verdict of the tier, such as Met or Missed.
    pub verdict: Verdict,
}

/// The rows that were judged: selected before relief, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct EvidenceReference {
    /// Number of rows, each in its latest revision.
    pub rows: i64,
    /// SHA-256 over their canonical form.
    pub digest: String,
}

/// Credits and bonus of a period, in the contract's currency.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditBlock {
    /// Currency of every amount here, by ISO 4217, such as GBP.
    pub currency: String,
    /// Credit that the service points of the period cost, before caps.
    pub from_points: String,
    /// Credits of the KPIs and of the points.
    pub before_caps: String,
    /// Caps that lowered the amount: Period, Year or both.
    #[serde(default)]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub capped_by: Vec<CapKind>,
    /// Credit that the vendor owes for the period, after caps.
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
    /// Period of the credit that was earned back, such as 2026-02.
    pub period: String,
    /// Name of the KpiTarget whose credit it was.
    pub kpi: String,
    /// Amount that is earned back.
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
    /// Consequence of the trigger: TerminationRight, RectificationPlan or Notify.
    pub then: TriggerConsequence,
    /// Name of the KpiTarget that fired it; left out where no single one did.
    pub kpi: Option<String>,
}

/// A span of service time without data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Gap {
    /// Name of the feed that brought no rows, as in spec.feeds.
    pub feed: String,
    /// First instant of service time without data.
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
    /// Name of the report that this one replaces, such as acme-care-2026-05.
    pub report: String,
    /// A line for each KPI whose figures are other than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub changes: Vec<LineChange>,
    /// Difference of the net credit; below 0 the vendor owes less than before.
    pub credit_delta: Option<String>,
    /// Difference of the bonus; below 0 the client owes less than before.
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
    /// Value before and after; left out where it is the same.
    pub value: Option<WasNow>,
    /// Volume before and after; left out where it is the same.
    pub denominator: Option<WasNow>,
    /// Verdict before and after; left out where it is the same.
    pub verdict: Option<WasNow>,
    /// Service points before and after; left out where they are the same.
    pub points: Option<WasNow>,
    /// Credit before and after; left out where it is the same.
    pub credit: Option<WasNow>,
}

/// A text before and after; absent where there was none.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct WasNow {
    /// What the report before says; left out where it has none.
    pub was: Option<String>,
    /// What this revision says; left out where it has none.
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
    /// Name of the feed, as in spec.feeds of the contract.
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
