//! Reports that a vendor makes on request: one request starts it, others ask until it is done, the last one fetches it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::RequestMethod;
use crate::api::scalar::Duration;

/// A report that is started, asked for until it is done, and then fetched. Its handle is kept with the feed, so that a restart of the
/// operator asks on and starts no second report. All steps share the headers, the query and the auth of the feed; a report on another
/// host is fetched without them, and only from a host that each Secret of the feed lists in its annotation `bpo-operator.io/allowed-hosts`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedJob {
    /// What starts the report. It is never sent again for the same report.
    pub start: JobStart,
    /// What asks whether the report is done.
    pub ask: JobAsk,
    /// What fetches the report. Default: the answer that says that it is done holds it.
    pub fetch: Option<JobFetch>,
}

/// The request that starts a report. Placeholders of the window stand in its url and body, as in `request`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "[has(self.json), has(self.form), has(self.text)].filter(x, x).size() <= 1",
    "write at most one of json, form, text"
))]
#[x_kube(validation = (
    "!(has(self.json) || has(self.form) || has(self.text)) || !has(self.method) || self.method == 'Post'",
    "json, form and text belong to method: Post"
))]
#[x_kube(validation = crate::api::rules::one_of(&["handle", "link"], ""))]
pub struct JobStart {
    /// How it is asked.
    #[schemars(extend("description" = "How it is asked: Get or Post. Default Post."))]
    pub method: Option<RequestMethod>,
    /// Address of the request that starts the report, such as https://api.acme.example/reports.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS_WITH_PLACEHOLDERS)]
    pub url: String,
    /// Body in JSON; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub json: Option<String>,
    /// Body as of a web form: names and values. Either this, `json` or `text`.
    #[schemars(length(min = 1, max = 16384))]
    pub form: Option<String>,
    /// Body as plain text, such as a query. Either this, `json` or `form`.
    #[schemars(length(min = 1, max = 16384))]
    pub text: Option<String>,
    /// JSONPath of the report's handle in the answer, such as `$.result.progressId`: a text or a number, which fills `{handle}`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub handle: Option<String>,
    /// The relation of the `Link` header whose address is the handle, such as status.
    #[schemars(length(min = 1, max = 63))]
    pub link: Option<String>,
}

/// The request that asks whether the report is done, with a Get.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.state) ? has(self.done) && self.done.size() > 0 && !(has(self.status) && self.status) : has(self.status) && self.status",
    "write `state` with the texts of `done`, or `status: true` where status 202 means not yet and 200 means done"
))]
pub struct JobAsk {
    /// Address with `{handle}` in its path or query, or `{handle}` alone where the handle is an address.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS_WITH_HANDLE)]
    pub url: String,
    /// JSONPath of the report's state in the answer, such as `$.result.status`. Any text that is not listed below means not yet.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub state: Option<String>,
    /// True: the status says it, 202 for not yet and 200 for done. Default false.
    pub status: Option<bool>,
    /// States that mean that the report is done, such as complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub done: Vec<String>,
    /// States that mean that there will be no report, such as failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub failed: Vec<String>,
    /// States that mean that the report is done and holds nothing, such as noData: no rows, and no failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub empty: Vec<String>,
    /// JSONPath of the handle with which the report is fetched, in the answer that says that it is done. Default: the same handle.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub handle: Option<String>,
    /// How long after one question the next one follows, from 5s to 1h. Default 30s.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = ("duration(self) >= duration('5s') && duration(self) <= duration('1h')", "write a time from 5s to 1h, such as 30s"))]
    pub every: Option<Duration>,
    /// How long a report may take, from 1m to 24h: after that it is given up, and the next turn starts another one. Default 1h.
    #[serde(default)]
    #[schemars(schema_with = "crate::api::scalar::technical_duration")]
    #[x_kube(validation = ("duration(self) >= duration('1m') && duration(self) <= duration('24h')", "write a time from 1m to 24h, such as 1h"))]
    pub at_most: Option<Duration>,
}

/// The request that fetches a report, with a Get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct JobFetch {
    /// Address with `{handle}` in its path or query, or `{handle}` alone where the handle is an address.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS_WITH_HANDLE)]
    pub url: String,
}
