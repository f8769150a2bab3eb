//! What excuses a miss, and what a change of a Final period does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An excusing cause.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.from < self.to", "write a `to` that is later than `from`"))]
#[x_kube(validation = (
    "!has(self.decidedAt) || (has(self.decision) && self.decision != 'Claimed')",
    "`decidedAt` needs a decision: write decision Accepted or Rejected, or take `decidedAt` away"
))]
pub struct Relief {
    /// Name of the relief, such as storm-february.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What excuses: ForceMajeure, ClientCause, ThirdParty, PlannedMaintenance or ForecastExceeded.
    pub cause: ReliefCause,
    /// The first instant that is excused, such as 2026-02-02T06:00:00Z.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub from: Timestamp,
    /// The instant at which it ends, such as 2026-02-03T18:00:00Z.
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub to: Timestamp,
    /// Names of the KpiTargets that it concerns. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub kpis: Vec<String>,
    /// Labels that a row must carry to be excused, such as a site or queue. Default: any row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::api::scalar::labels")]
    #[x_kube(validation = crate::api::rules::LABEL_KEYS)]
    pub labels: BTreeMap<String, String>,
    /// The day on which it was claimed, such as 2026-02-03. It is shown in reports.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::date")]
    pub claimed_on: Option<Date>,
    /// Claimed, Accepted or Rejected. Default Claimed.
    #[schemars(extend("description" = "Claimed (changes nothing yet), Accepted (rows that it covers are left out) or Rejected. Default Claimed."))]
    pub decision: Option<ReliefDecision>,
    /// When it was decided: from then on the decision is known to a judgement. Default `to`.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub decided_at: Option<Timestamp>,
    /// Address of the proof, such as https://wiki.acme.example/minutes-42. It is shown and never fetched.
    #[schemars(length(max = 2048))]
    pub evidence: Option<String>,
}

/// What excuses a miss: ForceMajeure, ClientCause, ThirdParty, PlannedMaintenance or ForecastExceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReliefCause {
    ForceMajeure,
    ClientCause,
    ThirdParty,
    PlannedMaintenance,
    ForecastExceeded,
}

/// The state of a claim of relief: Claimed (changes nothing yet), Accepted or Rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReliefDecision {
    #[default]
    Claimed,
    Accepted,
    Rejected,
}

/// What happens when data or relief changes a Final period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restatements {
    /// NextPeriod: the credit's difference is booked on the next report. Ignore: nothing changes. Default NextPeriod.
    #[serde(default)]
    pub after_final: AfterFinal,
}

/// What a change after Final does: NextPeriod (the difference is booked on the next report) or Ignore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum AfterFinal {
    #[default]
    NextPeriod,
    Ignore,
}
