//! ServiceTier: which customers are owed how much.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::kpi_target::{CatalogueKpi, Verdict};
use super::scalar::Decimal;

/// A tier of customers by their value, with the targets and entitlements that they are owed.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "ServiceTier",
    plural = "servicetiers",
    shortname = "st",
    category = "bpo",
    namespaced,
    status = "ServiceTierStatus",
    derive = "PartialEq",
    validation = (
        "self.metadata.name.size() <= 63",
        "choose a metadata.name of at most 63 characters, since contracts list tiers by it"
    ),
    doc = "ServiceTier says which customers, by their value, are owed which targets and entitlements. Contracts list it in `tiers`; feeds label their rows with `tier`, and KPIs are then also judged per tier.",
    printcolumn(name = "Rank", type_ = "integer", json_path = ".spec.rank"),
    printcolumn(name = "Value Band", type_ = "string", json_path = ".status.valueBand"),
    printcolumn(name = "Contracts", type_ = "string", json_path = ".status.contracts"),
    printcolumn(
        name = "Compliant",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"SLACompliant\")].status"
    ),
    printcolumn(name = "Coherent", type_ = "string", json_path = ".status.conditions[?(@.type==\"Coherent\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ServiceTierSpec {
    /// 1 is the best; unique among the tiers of a contract.
    #[schemars(range(min = 1, max = 100))]
    pub rank: i64,
    /// The band of customer value that the tier covers.
    pub customer_value: Option<CustomerValue>,
    /// Targets for this tier's customers, stricter or looser than the KpiTarget's own objective.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kpi".into()]))]
    #[x_kube(validation = (
        "!self.exists(t, t.kpi == 'Custom')",
        "Custom does not say which figure is meant: name a KPI of the catalogue"
    ))]
    pub targets: Vec<TierTarget>,
    /// What this tier's customers are offered.
    pub entitlements: Option<Entitlements>,
}

/// A half-open band of customer value: [atLeast, below).
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.currency) || self.measure == 'LifetimeValue'",
    "`currency` belongs to measure LifetimeValue: take it away, or write measure LifetimeValue"
))]
#[x_kube(validation = (
    "!has(self.atLeast) || !has(self.below) || quantity(string(self.atLeast)).isLessThan(quantity(string(self.below)))",
    "write a `below` that is above `atLeast`, or leave it out for an open end"
))]
pub struct CustomerValue {
    /// What is measured: LifetimeValue, LoyaltyIndex or Persistency.
    pub measure: ValueMeasure,
    /// ISO 4217, with LifetimeValue only.
    #[schemars(length(min = 3, max = 3), regex(pattern = "^[A-Z]{3}$"))]
    pub currency: Option<String>,
    /// The lowest value of the band. Left out: no lower end.
    pub at_least: Option<Decimal>,
    /// The first value above the band. Left out: no upper end.
    pub below: Option<Decimal>,
}

/// What a customer's value is measured by: LifetimeValue, LoyaltyIndex or Persistency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ValueMeasure {
    LifetimeValue,
    LoyaltyIndex,
    Persistency,
}

/// A tier's target for a catalogue KPI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TierTarget {
    /// The catalogue KPI; it concerns every KpiTarget of the contract for this KPI.
    pub kpi: CatalogueKpi,
    /// Its target for this tier, compared as the KpiTarget says.
    pub target: Decimal,
}

/// What a tier's customers are offered.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.selfService) || self.selfService != 'Required' || !has(self.channels) || self.channels.exists(c, c == 'SelfService')",
    "selfService is Required and `channels` has no SelfService: add it, or write Offered or Preferred"
))]
#[x_kube(validation = (
    "!has(self.proactiveContactsPerYear) || self.proactiveContactsPerYear == 0 || !has(self.channels) || self.channels.exists(c, c != 'SelfService')",
    "nobody can be contacted by SelfService alone: add a channel such as Email, or write proactiveContactsPerYear 0"
))]
#[x_kube(validation = (
    "!has(self.incentivePercent) || !has(self.retentionSpendPercent) || quantity(string(self.incentivePercent)).compareTo(quantity(string(self.retentionSpendPercent))) <= 0",
    "incentivePercent is above retentionSpendPercent, the ceiling of what retaining a customer may cost: lower it, or raise the ceiling"
))]
pub struct Entitlements {
    /// Ways of contact: Voice, Chat, Email, Callback, Messaging, SocialMedia, Video or SelfService.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub channels: Vec<ContactChannel>,
    /// Priority in the queue; more is served earlier.
    #[schemars(range(min = 0, max = 1000))]
    pub routing_priority: Option<i64>,
    /// How much time an agent takes.
    #[schemars(extend("description" = "How much time an agent takes: Unhurried, Standard or Brief."))]
    pub handling_time: Option<HandlingTime>,
    /// How strongly self-service is suggested.
    #[schemars(extend("description" = "How strongly self-service is suggested: Offered, Preferred or Required."))]
    pub self_service: Option<SelfService>,
    /// Incentives, in percent of the customer's value.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub incentive_percent: Option<Decimal>,
    /// Ceiling of what retaining a customer may cost, in percent of the customer's value.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub retention_spend_percent: Option<Decimal>,
    /// How often a customer is contacted without having asked.
    #[schemars(range(min = 0, max = 366))]
    pub proactive_contacts_per_year: Option<i64>,
}

/// A way of contact: Voice, Chat, Email, Callback, Messaging, SocialMedia, Video or SelfService.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ContactChannel {
    Voice,
    Chat,
    Email,
    Callback,
    Messaging,
    SocialMedia,
    Video,
    SelfService,
}

/// How much time an agent takes: Unhurried, Standard or Brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum HandlingTime {
    Unhurried,
    Standard,
    Brief,
}

/// How strongly self-service is suggested: Offered, Preferred or Required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum SelfService {
    Offered,
    Preferred,
    Required,
}

/// What the operator found.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTierStatus {
    /// The generation of the spec that was observed.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// The band of customer value in short, such as 5000+.
    pub value_band: Option<String>,
    /// Names of the contracts that list the tier, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub contracts: Vec<String>,
    /// Gaps, overlaps and inversions against the contract's other tiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub findings: Vec<TierFinding>,
    /// The newest 20 judgements of this tier's customers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub slices: Vec<SliceStatus>,
    /// Ready, Stalled, SLACompliant and Coherent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A flaw in how tiers fit together: TierGap, TierOverlap or TierInversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TierFlaw {
    TierGap,
    TierOverlap,
    TierInversion,
}

/// A flaw against another tier.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct TierFinding {
    /// TierGap, TierOverlap or TierInversion.
    pub finding: TierFlaw,
    /// Name of the other tier.
    pub with: String,
    /// The catalogue KPI of an inversion.
    #[schemars(extend("description" = "The catalogue KPI of an inversion."))]
    pub kpi: Option<CatalogueKpi>,
    /// Sentence that says what is wrong and what to change.
    #[schemars(length(max = 256))]
    pub message: String,
}

/// A judgement of this tier's customers.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SliceStatus {
    /// Name of the VendorContract.
    pub contract: String,
    /// Name of the KpiTarget.
    pub kpi_target: String,
    /// Name of the closed period, such as 2026-05.
    pub period: String,
    /// Value for this tier's customers, in the KPI's unit; left out without data.
    pub value: Option<String>,
    /// Target of this tier, in the same unit.
    pub target: Option<String>,
    /// Verdict for this tier, such as Met or Missed.
    pub verdict: Verdict,
}
