//! Reports that a vendor makes on request: one request starts it, others ask until it is done, the last one fetches it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{FeedRequest, JobHandle, JobState, RequestMethod};
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
#[x_kube(validation = crate::api::rules::ONE_BODY)]
#[x_kube(validation = (
    "!(has(self.json) || has(self.form) || has(self.xml) || has(self.text)) || !has(self.method) || self.method == 'Post'",
    "json, form, xml and text belong to method: Post"
))]
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
    /// Body as of a web form: names and values.
    #[schemars(length(min = 1, max = 16384))]
    pub form: Option<String>,
    /// Body in XML; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub xml: Option<String>,
    /// Body as plain text, such as a query.
    #[schemars(length(min = 1, max = 16384))]
    pub text: Option<String>,
    /// Where the report's handle is in the answer: the JSONPath of a text or a number, such as `$.result.progressId`, or `{link: status}`
    /// for the address in the `Link` header of that relation. It fills `{handle}`.
    pub handle: Option<JobHandle>,
    /// The relation of the `Link` header whose address is the handle, such as status. The same as `handle: {link: status}`.
    #[schemars(length(min = 1, max = 63))]
    pub link: Option<String>,
}

impl JobStart {
    /// Where the handle is; `None` where that is not said, or twice.
    pub fn handle_place(&self) -> Option<JobHandle> {
        match (&self.handle, &self.link) {
            (Some(handle), None) => Some(handle.clone()),
            (None, Some(relation)) => Some(JobHandle::Link(relation.clone())),
            _ => None,
        }
    }

    /// The request, with what the steps of a job share.
    pub fn request(&self, shared: FeedRequest) -> FeedRequest {
        let Self { method, json, form, xml, text, .. } = self.clone();
        FeedRequest { method: Some(method.unwrap_or(RequestMethod::Post)), json, form, xml, text, ..shared }
    }
}

/// The request that asks whether the report is done. It may be sent again.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::ONE_BODY)]
pub struct JobAsk {
    /// How it is asked.
    #[schemars(extend("description" = "How it is asked: Get or Post. Default Get, and Post with a body."))]
    pub method: Option<RequestMethod>,
    /// Address with `{handle}` in its path or query, or `{handle}` alone where the handle is an address. With a body that holds
    /// `{handle}` the address may be without it.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS_OF_A_STEP)]
    pub url: String,
    /// Body in JSON, of a Post; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub json: Option<String>,
    /// Body as of a web form, of a Post.
    #[schemars(length(min = 1, max = 16384))]
    pub form: Option<String>,
    /// Body in XML, of a Post; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub xml: Option<String>,
    /// Body as plain text, of a Post.
    #[schemars(length(min = 1, max = 16384))]
    pub text: Option<String>,
    /// State of the report: the JSONPath of it in the answer, such as `$.result.status`, where any text that is not listed below
    /// means not yet; or `{status: true}` where status 202 means not yet and 200 means done.
    pub state: Option<JobState>,
    /// True: the status says it, as in `state: {status: true}`. Default false.
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

impl JobAsk {
    /// JSONPath of the state; `None` where the status says it.
    pub fn state_path(&self) -> Option<&str> {
        match &self.state {
            Some(JobState::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether the status of the answer says the state of the report.
    pub fn is_by_status(&self) -> bool {
        self.status == Some(true) || self.state == Some(JobState::Status)
    }

    /// The request, with what the steps of a job share.
    pub fn request(&self, shared: FeedRequest) -> FeedRequest {
        let Self { method, json, form, xml, text, .. } = self.clone();
        step(method, FeedRequest { json, form, xml, text, ..shared })
    }
}

/// The request that fetches a report. It may be sent again.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = crate::api::rules::ONE_BODY)]
pub struct JobFetch {
    /// How it is asked.
    #[schemars(extend("description" = "How it is asked: Get or Post. Default Get, and Post with a body."))]
    pub method: Option<RequestMethod>,
    /// Address with `{handle}` in its path or query, or `{handle}` alone where the handle is an address. With a body that holds
    /// `{handle}` the address may be without it.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS_OF_A_STEP)]
    pub url: String,
    /// Body in JSON, of a Post; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub json: Option<String>,
    /// Body as of a web form, of a Post.
    #[schemars(length(min = 1, max = 16384))]
    pub form: Option<String>,
    /// Body in XML, of a Post; read first and filled afterwards.
    #[schemars(length(min = 1, max = 16384))]
    pub xml: Option<String>,
    /// Body as plain text, of a Post.
    #[schemars(length(min = 1, max = 16384))]
    pub text: Option<String>,
}

impl JobFetch {
    /// The request, with what the steps of a job share.
    pub fn request(&self, shared: FeedRequest) -> FeedRequest {
        let Self { method, json, form, xml, text, .. } = self.clone();
        step(method, FeedRequest { json, form, xml, text, ..shared })
    }
}

/// A step that changes nothing at the vendor: it may be sent again, also where it is a Post.
fn step(method: Option<RequestMethod>, request: FeedRequest) -> FeedRequest {
    let has_body = request.body().is_some();
    let method = method.unwrap_or(if has_body { RequestMethod::Post } else { RequestMethod::Get });
    let safe = (method == RequestMethod::Post).then_some(true);
    FeedRequest { method: Some(method), safe, ..request }
}
