//! Disputes: what a party does not accept of a period, on record.

use jiff::Timestamp;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a party does not accept of a period. It changes no figure by itself: relief, a restated row or `crossCheck.prefer` does.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(has(self.decision) && self.decision != 'Open') == has(self.decidedAt)",
    "each decision but Open needs `decidedAt`, and Open has none: write decision: Accepted with decidedAt: 2026-04-20T12:00:00Z, or take both away"
))]
pub struct Dispute {
    /// Name of the dispute, such as march-service-level.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Name of the period, such as "2026-03".
    #[schemars(length(min = 1, max = 16))]
    pub period: String,
    /// Name of the KpiTarget. Default: the whole report of the period.
    #[schemars(length(min = 1, max = 63))]
    pub kpi: Option<String>,
    /// The day on which it was raised, such as 2026-04-09; the clock of the dispute begins with it.
    #[schemars(schema_with = "super::scalar::date")]
    pub raised_on: Date,
    /// Which party raised it: Vendor or Client.
    pub party: Party,
    /// Name of the person who raised it, such as Jane Doe.
    #[schemars(length(max = 253))]
    pub by: Option<String>,
    /// What is wrong, in a sentence; it is shown in reports.
    #[schemars(length(max = 2048))]
    pub reason: Option<String>,
    /// Open, Accepted, Rejected or Withdrawn. Default Open.
    #[schemars(extend("description" = "Open (an open dispute that was seen before the period is Final holds it Provisional), Accepted, Rejected or Withdrawn. Default Open."))]
    pub decision: Option<DisputeDecision>,
    /// When it was decided; with each decision but Open.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub decided_at: Option<Timestamp>,
    /// Address of the proof, such as https://wiki.acme.example/minutes-42. It is shown and never fetched.
    #[schemars(length(max = 2048))]
    pub evidence: Option<String>,
}

impl Dispute {
    /// The decision, Open where none is written.
    #[must_use]
    pub fn decision(&self) -> DisputeDecision {
        self.decision.unwrap_or_default()
    }

    /// Whether it is about a KPI of a period: names it, or the whole report.
    #[must_use]
    pub fn concerns(&self, period: &str, kpi: &str) -> bool {
        self.period == period && self.kpi.as_deref().is_none_or(|name| name == kpi)
    }
}

/// The state of a dispute: Open, Accepted, Rejected or Withdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum DisputeDecision {
    #[default]
    Open,
    Accepted,
    Rejected,
    Withdrawn,
}

/// A dispute as a report lists it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct ReportDispute {
    /// Name of the dispute in spec.disputes, such as may-service-level.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Name of the KpiTarget; absent where the whole report is disputed.
    #[schemars(length(max = 63))]
    pub kpi: Option<String>,
    /// Its state when the report was written: Open, Accepted, Rejected or Withdrawn.
    pub decision: DisputeDecision,
}

/// A dispute as a contract's status lists it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct DisputeStatus {
    /// Name of the dispute in spec.disputes, such as may-service-level.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Name of the disputed period, such as 2026-05.
    #[schemars(length(max = 16))]
    pub period: String,
    /// Name of the KpiTarget; absent where the whole report is disputed.
    #[schemars(length(max = 63))]
    pub kpi: Option<String>,
    /// Its state: Open, Accepted, Rejected or Withdrawn.
    pub decision: DisputeDecision,
    /// The day by which an open one is to be decided; absent once it is.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub due: Option<Date>,
}

/// A party of the contract: Vendor or Client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Party {
    Vendor,
    Client,
}
