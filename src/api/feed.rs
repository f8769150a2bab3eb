//! A contract's feeds: where a vendor publishes its figures and how they are read.

mod auth;
mod condition;
mod each;
mod files;
mod format;
mod inbox;
mod job;
mod job_places;
mod json_time;
mod pagination;
mod records;
mod request;
mod thresholds;
mod window;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Duration;
pub use auth::*;
pub use condition::*;
pub use each::*;
pub use files::*;
pub use format::*;
pub use inbox::*;
pub use job::*;
pub use job_places::*;
pub use json_time::*;
pub use pagination::*;
pub use records::*;
pub use request::*;
pub use thresholds::*;
pub use window::*;

/// One endpoint at which the vendor publishes figures. It is fetched once per interval for all KPIs that read it.
// What most feeds do not have lies elsewhere: inline it would be most of what a contract takes in memory.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "duration(has(self.timeout) ? self.timeout : '10s') < duration(has(self.interval) ? self.interval : '5m')",
    "write a timeout that is shorter than the interval (default 5m)"
))]
#[x_kube(validation = (
    "!has(self.pagination) || !(has(self.pagination.cursor) || has(self.pagination.nextUrl)) || !has(self.format) || \
     has(self.format.arrays) || ((has(self.format.json) || has(self.format.xml)) && !has(self.format.unpack))",
    "pagination by cursor and nextUrl reads JSON or XML, which this format is not: write linkHeader, pageNumber or offset"
))]
#[x_kube(validation = (
    "!has(self.pagination) || !(has(self.pagination.pageNumber) || has(self.pagination.offset)) || !has(self.format) || \
     !has(self.format.json) || !self.format.json.rows.contains('?')",
    "pages are counted by their rows, and a filter in format.json.rows hides some: write the filter as `where`"
))]
#[x_kube(validation = (
    "!has(self.failWhen) || has(self.job) || !has(self.format) || has(self.format.json) || has(self.format.xml) || \
     has(self.format.arrays) || (has(self.format.csv) && has(self.format.csv.text))",
    "failWhen reads JSON or XML, which this format is not: take it away"
))]
#[x_kube(validation = (
    "!has(self.emptyWhen) || !has(self.format) || has(self.format.json) || has(self.format.xml) || has(self.format.arrays) || \
     (has(self.format.csv) && has(self.format.csv.text))",
    "emptyWhen reads JSON or XML, which this format is not: take it away"
))]
#[x_kube(validation = (
    "!has(self.quiet) || self.quiet != 'Zeros' || (has(self.format) && !has(self.format.openMetrics) && \
     !has(self.format.prometheus) && !(has(self.plan) && self.plan))",
    "quiet: Zeros belongs to formats of rows with a mapping, such as json or csv, and not to a plan: take it away"
))]
#[x_kube(validation = (
    "!has(self.quiet) || self.quiet != 'Zeros' || !has(self.format) || !has(self.format.csv) || !has(self.format.csv.lastLine) || \
     self.format.csv.lastLine != 'Whole'",
    "lastLine: Whole reads a file that is still being written, so that nobody knows what was quiet: take quiet: Zeros away"
))]
#[x_kube(validation = (
    "!has(self.quietAtMost) || (has(self.quiet) && self.quiet == 'Zeros')",
    "quietAtMost belongs to quiet: Zeros: write both or neither"
))]
#[x_kube(validation = (
    "!has(self.files) || !(has(self.job) || has(self.window) || has(self.pagination) || (has(self.quiet) && self.quiet == 'Zeros') || \
     has(self.failWhen))",
    "job, window, pagination, quiet: Zeros and failWhen do not belong to files: take them away"
))]
#[x_kube(validation = (
    "!has(self.files) || !has(self.format) || !(has(self.format.openMetrics) || has(self.format.prometheus))",
    "files hold rows: write format json, xml, csv, xlsx or arrays, or leave it out for the native one"
))]
#[x_kube(validation = (
    "has(self.files) && self.files.list == 'Sftp' ? \
     has(self.url) && self.url.startsWith('sftp://') && has(self.auth) && has(self.auth.sshKey) && !has(self.request) && !has(self.tls) : \
     !(has(self.url) && self.url.startsWith('sftp://')) && !(has(self.auth) && has(self.auth.sshKey))",
    "files.list: Sftp, an address with sftp:// and auth.sshKey belong together, without request and tls: write all three or none"
))]
#[x_kube(validation = (
    "!has(self.each) || !(has(self.job) || has(self.files) || (has(self.format) && (has(self.format.openMetrics) || has(self.format.prometheus))))",
    "each belongs to feeds that are asked at `url` for rows, not to job, files, openMetrics and prometheus: write a feed for each value"
))]
#[x_kube(validation = crate::api::rules::one_of(&["url", "job", "inbox"], ""))]
#[x_kube(validation = (
    "!has(self.inbox) || !(has(self.request) || has(self.window) || has(self.pagination) || has(self.auth) || has(self.tls) || \
     has(self.files) || has(self.each) || (has(self.quiet) && self.quiet == 'Zeros'))",
    "what is pushed to an inbox is not asked for: take request, window, pagination, auth, tls, files, each and quiet: Zeros away"
))]
#[x_kube(validation = (
    "!has(self.inbox) || !has(self.format) || !(has(self.format.openMetrics) || has(self.format.prometheus))",
    "an inbox takes rows: write format json, xml, csv, xlsx or arrays, or leave it out for the native one"
))]
#[x_kube(validation = (
    "!has(self.job) || (has(self.format) && !has(self.format.openMetrics) && !has(self.format.prometheus))",
    "a job needs the format of its report: write json, xml, csv, xlsx or arrays"
))]
#[x_kube(validation = (
    "!has(self.job) || !has(self.request) || !(has(self.request.method) || has(self.request.json) || has(self.request.form) || \
     has(self.request.xml) || has(self.request.text) || has(self.request.safe) || has(self.request.pending) || has(self.request.appendWindow))",
    "the steps of a job share headers, query and timeZone of request: write method and body in job.start, and take the others away"
))]
#[x_kube(validation = (
    "!has(self.job) || !has(self.pagination) || !has(self.pagination.limit)",
    "pagination.limit halves a window, which a report has only one of: write a shorter window.atMost"
))]
pub struct Feed {
    /// Name of the feed; KpiTargets refer to it in `source.feed`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Address of the endpoint, unless `job` says how its reports are made, or `inbox` that they are pushed: http or https (sftp for `files.list: Sftp`), without user information. http and private addresses are refused unless
    /// the operator was started with `--feed-allow-network` for them. Path and query may hold placeholders such as `{since:%Y%m%d}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS_OF_A_FEED)]
    pub url: String,
    /// Instead of `url`: a report that the vendor makes on request.
    pub job: Option<Box<FeedJob>>,
    /// Instead of `url`: the vendor pushes its figures to the operator.
    pub inbox: Option<FeedInbox>,
    /// What `url` is the folder of: each of its files is an answer. A file is read again when it changes.
    pub files: Option<Box<FeedFiles>>,
    /// How often the feed is fetched, from 30s to 24h. Default 5m.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = ("duration(self) >= duration('30s') && duration(self) <= duration('24h')", "write an interval from 30s to 24h"))]
    pub interval: Option<Duration>,
    /// How long one whole request may take, from 1s to 60s and shorter than `interval`. Default 10s.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = ("duration(self) >= duration('1s') && duration(self) <= duration('60s')", "write a timeout from 1s to 60s"))]
    pub timeout: Option<Duration>,
    /// How far back each fetch asks again, so that late and corrected rows arrive. Default 3d.
    pub look_back: Option<Duration>,
    /// How long one row is; separates a gap from a quiet hour. Default 30m.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = (
        "duration(self) >= duration('1m') && duration(self) <= duration('24h')",
        "write a cadence from 1m to 24h, such as 30m"
    ))]
    pub cadence: Option<Duration>,
    /// True: the rows say what is planned (rosters), may lie up to 60 days ahead, and are never judged by a KPI or late. Default false.
    pub plan: Option<bool>,
    /// What one request may ask for, and how old a slot must be. Default: the whole look-back at once, up to now.
    pub window: Option<FeedWindow>,
    /// Lists over which the feed is asked, such as queues: one request for each value, and of several lists for each combination, at most
    /// 200. The values are placeholders of the request and labels of the rows. Default: one request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub each: Vec<FeedEach>,
    /// The meaning of a slot that a complete answer leaves out.
    #[schemars(extend("description" = "The meaning of a slot that a complete answer leaves out: Gap, or Zeros where the vendor leaves out intervals in which nothing happened. Zeros become one row of zeros, not before the feed's first row and not after `quietAtMost`. Needs measures that add up over time. Default Gap."))]
    pub quiet: Option<Quiet>,
    /// For how many service days in a row a slot without rows is quiet: beyond, it is a gap, since an empty answer may be a
    /// lost permission. Default 3.
    #[schemars(range(min = 1, max = 31))]
    pub quiet_at_most: Option<i64>,
    /// When an answer with status 200 is a failure: its path finds a value that is neither null nor empty, such as `$.errors`. In JSON and XML, of any status.
    pub fail_when: Option<AnswerCondition>,
    /// When an answer holds nothing and is not a failure, although the rows are not where they should be: one of these conditions holds,
    /// such as `{path: $.total, equals: "0"}`. In JSON and XML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub empty_when: Vec<AnswerCondition>,
    /// How long after its end a row may arrive before the feed counts as late. Default 1h.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    pub lateness: Option<Duration>,
    /// What the endpoint answers, one of json, xml, csv, xlsx, arrays, openMetrics, prometheus. Default: bpo-feed/v1.
    pub format: Option<Box<FeedFormat>>,
    /// Which times the vendor's figures are counted by, one entry for each measure that counts what happens within a time. KpiTargets with `within` are held against them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["measure".into()]))]
    pub thresholds: Vec<Threshold>,
    /// Headers, query and parameter names of the request.
    pub request: Option<Box<FeedRequest>>,
    /// How further pages are asked for, one of cursor, nextUrl, linkHeader, pageNumber, offset. Default: the native format's own cursor.
    pub pagination: Option<Box<Pagination>>,
    /// How the operator shows who it is, one of bearer, basic, apiKey, oauth2, hmac, login, awsSigV4, jwtBearer, sshKey. Default: not at all.
    pub auth: Option<Box<FeedAuth>>,
    /// Whom the operator trusts and how it identifies itself in TLS. Verification cannot be switched off.
    pub tls: Option<Box<FeedTls>>,
}

impl Feed {
    /// The address to whose host the feed's credentials go: `url`, or the one that starts its reports.
    pub fn address(&self) -> &str {
        self.job.as_ref().map_or(&self.url, |job| &job.start.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_small_where_it_says_little() {
        let size = std::mem::size_of::<Feed>();
        assert!(size <= 1_024, "{size} bytes: put what most feeds do not have into a Box");
    }
}
