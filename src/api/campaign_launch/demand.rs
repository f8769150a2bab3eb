//! Ways of reaching customers, and the contacts that they are expected to bring.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::Decimal;

/// A way of reaching customers: `volume` with `responsePercent`, or `expectedContacts`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.volume) == has(self.responsePercent) && has(self.volume) != has(self.expectedContacts)",
    "say how many contacts the channel brings: write `volume` with `responsePercent`, or `expectedContacts`"
))]
pub struct Channel {
    /// Name of the channel, such as letter-north; reports refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What kind of channel it is: DirectMail, Email, Banner, Search, Social, Television, Radio, Print, Sms or Outbound.
    #[serde(rename = "type")]
    pub type_: ChannelType,
    /// When it starts. Default `launchAt`.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::instant")]
    pub at: Option<Timestamp>,
    /// How many customers the channel reaches, such as 120000; with `responsePercent` it makes the expected contacts.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub volume: Option<i64>,
    /// How many of them make contact, in percent.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    pub response_percent: Option<Decimal>,
    /// How many contacts the channel brings in all, such as 4000; write it where `volume` and `responsePercent` are not known.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::non_negative")]
    pub expected_contacts: Option<Decimal>,
    /// How the contacts spread over the days from `at` on, in percent. Default: all on the first day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "day_shares")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = (
        "self.map(s, quantity(string(s)).asApproximateFloat()).sum() >= 99.0 && self.map(s, quantity(string(s)).asApproximateFloat()).sum() <= 101.0",
        "write shares in percent that add up to 100"
    ))]
    pub day_shares: Vec<Decimal>,
}

fn day_shares(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "array", "items": crate::api::scalar::percent(generator), "maxItems": 100})
}

/// A kind of channel: DirectMail, Email, Banner, Search, Social, Television, Radio, Print, Sms or Outbound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ChannelType {
    DirectMail,
    Email,
    Banner,
    Search,
    Social,
    Television,
    Radio,
    Print,
    Sms,
    Outbound,
}

/// Whether customers are surveyed after the launch, and why.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Whether customers are surveyed after the contact.
    pub conduct: bool,
    /// Why it was decided so, in a sentence; it is shown in the status.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// The margin of error that the sample must have at 95 %, in percentage points.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::percent")]
    #[x_kube(validation = ("quantity(string(self)).isGreaterThan(quantity('0'))", "write a margin above 0, such as 5"))]
    pub margin_of_error_percent: Option<Decimal>,
}
