//! CampaignLaunch: a campaign that may start only when the service side is ready.

mod cohorts;
mod demand;
mod gate;
mod staffing;
mod status;

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::scalar::{Duration, NameReference};
pub use cohorts::*;
pub use demand::*;
pub use gate::*;
pub use staffing::*;
pub use status::*;

/// A campaign and what must be ready before its first customer contact.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "CampaignLaunch",
    plural = "campaignlaunches",
    shortname = "cl",
    category = "bpo",
    namespaced,
    status = "CampaignLaunchStatus",
    derive = "PartialEq",
    doc = "CampaignLaunch is a marketing campaign and the gates that the service side must pass before its first customer contact; while it is live, spikes are traced to their cause, and afterwards its cohorts are compared.",
    printcolumn(name = "Launch", type_ = "string", json_path = ".spec.launchAt"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".status.decision"),
    printcolumn(name = "Ready %", type_ = "integer", json_path = ".status.readinessPercent"),
    printcolumn(name = "Blocked By", type_ = "string", json_path = ".status.blockedBySummary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = (
    "!has(self.endsAt) || self.launchAt < self.endsAt",
    "write an `endsAt` that is later than `launchAt`"
))]
#[x_kube(validation = (
    "!has(self.channels) || self.channels.all(c, !has(c.at) || c.at >= self.launchAt)",
    "a channel starts before `launchAt`, which is the first contact of the earliest channel: write a later `at`, or an earlier `launchAt`"
))]
#[x_kube(validation = (
    "!has(self.channels) || !has(self.endsAt) || self.channels.all(c, !has(c.at) || c.at < self.endsAt)",
    "a channel starts after the campaign's end: write an `at` before `endsAt`"
))]
pub struct CampaignLaunchSpec {
    /// The VendorContracts whose service carries the campaign, in the same namespace. Local times are in the first one's zone.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = ("self.all(r, self.exists_one(o, o.name == r.name))", "name each contract once"))]
    pub contract_refs: Vec<NameReference>,
    /// What is offered, such as Fibre 500; it is shown in reports.
    #[schemars(length(min = 1, max = 253))]
    pub product: String,
    /// First customer contact of the earliest channel.
    #[schemars(schema_with = "super::scalar::instant")]
    pub launch_at: Timestamp,
    /// End of the campaign. Default: 30 days after `launchAt`.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub ends_at: Option<Timestamp>,
    /// How customers are reached: one entry for each letter, e-mail, banner or call that brings contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub channels: Vec<Channel>,
    /// How many agents the campaign needs, and how many there are.
    pub staffing: Option<Staffing>,
    /// What must be ready before the launch, one entry for each gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub gates: Vec<Gate>,
    /// Whether customers are surveyed after the launch, and why.
    pub survey: Option<Survey>,
    /// KpiTargets that measure success.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kpi".into()]))]
    pub success_metrics: Vec<SuccessMetric>,
    /// Groups that are compared after the launch.
    pub cohorts: Option<Cohorts>,
    /// How long before `launchAt` it is decided whether to launch. Default 2bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub go_no_go: Option<Duration>,
    /// How long after `launchAt` the launch is watched closely. Default 14d.
    pub hypercare: Option<Duration>,
    /// KPIs that are watched, and the labels that mark the campaign's contacts.
    pub watch: Option<Watch>,
}
