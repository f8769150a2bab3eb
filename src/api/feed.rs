//! A contract's feeds: where a vendor publishes its figures and how they are read.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{Duration, SecretKeyReference};

/// One endpoint at which the vendor publishes figures. It is fetched once per interval for all KPIs that read it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "duration(has(self.timeout) ? self.timeout : '10s') < duration(has(self.interval) ? self.interval : '5m')",
    "write a timeout that is shorter than the interval (default 5m)"
))]
#[x_kube(validation = (
    "!has(self.pagination) || !(has(self.pagination.cursor) || has(self.pagination.nextUrl)) || !has(self.format) || has(self.format.json)",
    "pagination by cursor and nextUrl reads JSON, which this format is not: write linkHeader, pageNumber or offset"
))]
pub struct Feed {
    /// Name of the feed; KpiTargets refer to it in `source.feed`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Address of the endpoint: http or https, without user information. http and private addresses are refused unless
    /// the operator was started with `--feed-allow-network` for them.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS)]
    pub url: String,
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
    /// How long one row is; tells a gap from a quiet hour. Default 30m.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    #[x_kube(validation = (
        "duration(self) >= duration('1m') && duration(self) <= duration('24h')",
        "write a cadence from 1m to 24h, such as 30m"
    ))]
    pub cadence: Option<Duration>,
    /// True: the rows say what is planned (rosters), may lie up to 60 days ahead, and are never judged by a KPI or late. Default false.
    pub plan: Option<bool>,
    /// How long after its end a row may arrive before the feed counts as late. Default 1h.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::technical_duration")]
    pub lateness: Option<Duration>,
    /// What the endpoint answers, at most one of json, csv, openMetrics, prometheus. Default: the native format bpo-feed/v1.
    pub format: Option<FeedFormat>,
    /// Headers, query and parameter names of the request.
    pub request: Option<FeedRequest>,
    /// How further pages are asked for, one of cursor, nextUrl, linkHeader, pageNumber, offset. Default: the native format's own cursor.
    pub pagination: Option<Pagination>,
    /// How the operator shows who it is, one of bearer, basic, apiKey, oauth2, hmac. Default: not at all.
    pub auth: Option<FeedAuth>,
    /// Whom the operator trusts and how it identifies itself in TLS. Verification cannot be switched off.
    pub tls: Option<FeedTls>,
}

/// What an endpoint answers: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["json", "csv", "openMetrics", "prometheus"], "; leave `format` out for the native one"))]
pub struct FeedFormat {
    /// JSON of any shape, read by RFC 9535 JSONPath.
    pub json: Option<JsonFormat>,
    /// A CSV export.
    pub csv: Option<CsvFormat>,
    /// The OpenMetrics or Prometheus text format; counters become flows between two fetches.
    pub open_metrics: Option<OpenMetricsFormat>,
    /// Range queries against the Prometheus HTTP API at `url`.
    pub prometheus: Option<PrometheusFormat>,
}

/// JSON of any shape.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::label_members("path", &["column", "label"]))]
#[x_kube(validation = super::rules::measure_members("path", &["column", "metric", "query", "stock"]))]
pub struct JsonFormat {
    /// RFC 9535 JSONPath of the rows, such as `$.results[*]`; the other paths are relative to a row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub rows: String,
    /// Path of a row's start.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub start: String,
    /// Path of a row's end. Default: the start plus `cadence`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub end: Option<String>,
    /// IANA zone of local times without an offset. Default: the contract's.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = super::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
    /// Labels of a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
    /// Measures of a row.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
}

/// Where a label's value comes from: `path` (JSON), `column` (CSV), `label` (OpenMetrics, Prometheus) or a constant `value`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelMapping {
    /// Name of the label, such as queue or site.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// JSONPath of the value, relative to the row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub path: Option<String>,
    /// Column of the value.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// Label of the sample that holds the value.
    #[schemars(length(min = 1, max = 253))]
    pub label: Option<String>,
    /// A constant.
    #[schemars(length(min = 1, max = 128))]
    pub value: Option<String>,
}

/// Where a measure's number comes from: `path` (JSON), `column` (CSV), `metric` (OpenMetrics) or `query` (Prometheus).
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasureMapping {
    /// Name of the measure, such as offered or answeredWithin.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_.-]*$"))]
    pub name: String,
    /// JSONPath of the number, relative to the row.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub path: Option<String>,
    /// Column of the number.
    #[schemars(length(min = 1, max = 253))]
    pub column: Option<String>,
    /// Name of the metric.
    #[schemars(length(min = 1, max = 253))]
    pub metric: Option<String>,
    /// PromQL query.
    #[schemars(length(min = 1, max = 1024))]
    pub query: Option<String>,
    /// True: the metric is a stock (a level), not a counter. Default false.
    pub stock: Option<bool>,
    /// The unit in which the vendor writes it. Default Count.
    #[schemars(extend("description" = "The unit in which the vendor writes it: Milliseconds, Seconds, Minutes, ClockTime (`0:02:14`), IsoDuration (`PT2M14S`), Fraction (0.94), Percent (94), PercentText (`94.01%`), BasisPoints (9401) or Count. Times become seconds, shares become counts by `of`. Default Count."))]
    pub unit: Option<MeasureUnit>,
    /// The measure by which a percentage or mean becomes a count or a sum: its volume.
    #[schemars(length(min = 1, max = 63))]
    pub of: Option<String>,
}

/// The unit in which a vendor writes a number: Milliseconds, Seconds, Minutes, ClockTime (`0:02:14`), IsoDuration (`PT2M14S`),
/// Fraction (0.94), Percent (94), PercentText (`94.01%`), BasisPoints (9401), Count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum MeasureUnit {
    Milliseconds,
    Seconds,
    Minutes,
    ClockTime,
    IsoDuration,
    Fraction,
    Percent,
    PercentText,
    BasisPoints,
    Count,
}

/// A CSV export.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::label_members("column", &["path", "label"]))]
#[x_kube(validation = super::rules::measure_members("column", &["path", "metric", "query", "stock"]))]
pub struct CsvFormat {
    /// One character between fields. Default `,`.
    #[schemars(length(min = 1, max = 1))]
    #[x_kube(validation = (r"self.matches('^[\\t !#-~]$')", "write one character such as , or ; or | or a tab"))]
    pub delimiter: Option<String>,
    /// Lines before the header. Default 0.
    #[schemars(range(min = 0, max = 1000))]
    pub skip_lines: Option<i64>,
    /// Where a row's start stands.
    pub start: CsvTime,
    /// Where a row's end stands. Default: the start plus `cadence`.
    pub end: Option<CsvTime>,
    /// IANA zone of local times without an offset. Default: the contract's.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = super::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
    /// Labels of a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
    /// Measures of a row.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// True: numbers are written `1.234,5`. Default false.
    pub decimal_comma: Option<bool>,
    /// Lines that are no rows, such as totals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub skip_rows: Vec<CsvSkip>,
}

/// A time in a CSV line.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CsvTime {
    /// Columns that hold the time, joined with one space.
    #[schemars(length(min = 1, max = 4), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub columns: Vec<String>,
    /// strftime format of the joined text. Default: RFC 3339.
    #[schemars(length(min = 1, max = 64))]
    pub format: Option<String>,
}

/// A line to leave out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CsvSkip {
    /// The column that is looked at.
    #[schemars(length(min = 1, max = 253))]
    pub column: String,
    /// The text at which the line is left out.
    #[schemars(length(max = 128))]
    pub equals: String,
}

/// The OpenMetrics or Prometheus text format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = super::rules::label_members("label", &["path", "column"]))]
#[x_kube(validation = super::rules::measure_members("metric", &["path", "column", "query"]))]
pub struct OpenMetricsFormat {
    /// Measures and the metrics that hold them.
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// Labels of a row and the sample labels that hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
}

/// Range queries against the Prometheus HTTP API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = super::rules::label_members("label", &["path", "column"]))]
#[x_kube(validation = super::rules::measure_members("query", &["path", "column", "metric"]))]
pub struct PrometheusFormat {
    /// Measures and the queries that give them.
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub measures: Vec<MeasureMapping>,
    /// Labels of a row and the series labels that hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub labels: Vec<LabelMapping>,
}

/// Headers, query and parameter names of a feed's request.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedRequest {
    /// Headers to send. Authorization and Cookie belong in `auth`; headers that frame or route the request (Host, Content-Length,
    /// Transfer-Encoding, Connection, TE, Trailer, Upgrade, Expect, Keep-Alive, Proxy-*) are the operator's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[x_kube(validation = (
        "!self.exists(h, h.name.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie'])",
        "Authorization, Proxy-Authorization and Cookie would hold a secret in plain sight: write `auth` with a reference to a Secret instead"
    ))]
    #[x_kube(validation = (
        "!self.exists(h, h.name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'trailer', 'upgrade', 'expect', 'keep-alive'] || h.name.lowerAscii().startsWith('proxy-'))",
        "Host, Content-Length, Transfer-Encoding, Connection, TE, Trailer, Upgrade, Expect, Keep-Alive and Proxy-* say how the request is framed and where it goes, which the operator does itself: take them away"
    ))]
    pub headers: Vec<NameValue>,
    /// Query parameters to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub query: Vec<NameValue>,
    /// Name of the parameter that says from when. Default since.
    #[schemars(length(min = 1, max = 63))]
    pub since_parameter: Option<String>,
    /// Name of the parameter that says until when. Default until.
    #[schemars(length(min = 1, max = 63))]
    pub until_parameter: Option<String>,
    /// How these two instants are written. Default Rfc3339.
    #[schemars(extend("description" = "How these two instants are written: Rfc3339, Date (`2026-01-31`), UnixSeconds or UnixMilliseconds. Default Rfc3339."))]
    pub time_format: Option<TimeFormat>,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct NameValue {
    /// The name of the header or parameter.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// The value, on one line.
    #[schemars(length(max = 1024), regex(pattern = "^[^\\r\\n]*$"))]
    pub value: String,
}

/// How an instant is written in a request: Rfc3339, Date (`2026-01-31`), UnixSeconds, UnixMilliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TimeFormat {
    Rfc3339,
    Date,
    UnixSeconds,
    UnixMilliseconds,
}

/// How further pages are asked for: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["cursor", "nextUrl", "linkHeader", "pageNumber", "offset"], ""))]
pub struct Pagination {
    /// A cursor in the answer becomes a parameter of the next request.
    pub cursor: Option<CursorPagination>,
    /// The answer holds the next page's address, on the same host.
    pub next_url: Option<NextUrlPagination>,
    /// The header `Link` with `rel="next"`, on the same host.
    pub link_header: Option<LinkHeaderPagination>,
    /// A page number, until a page is empty.
    pub page_number: Option<PageNumberPagination>,
    /// An offset and a limit, until a page is short.
    pub offset: Option<OffsetPagination>,
    /// How many pages one fetch may have. Default 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_pages: Option<i64>,
}

/// A cursor in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct CursorPagination {
    /// JSONPath of the cursor; absent, null or empty at the end.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub path: String,
    /// The parameter that carries it.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: String,
}

/// The next page's address in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct NextUrlPagination {
    /// JSONPath of the address; absent, null or empty at the end.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = super::rules::JSON_PATH)]
    pub path: String,
}

/// The header `Link`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct LinkHeaderPagination {}

/// Page numbers.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PageNumberPagination {
    /// The parameter that carries the number.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: String,
    /// The first page's number. Default 1.
    #[schemars(range(min = 0, max = 1))]
    pub first: Option<i64>,
}

/// Offset and limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OffsetPagination {
    /// The parameter that carries the offset.
    #[schemars(length(min = 1, max = 63))]
    pub parameter: String,
    /// The parameter that carries the limit.
    #[schemars(length(min = 1, max = 63))]
    pub limit_parameter: String,
    /// How many rows one page has.
    #[schemars(range(min = 1, max = 100_000))]
    pub limit: i64,
}

/// How the operator shows who it is: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["bearer", "basic", "apiKey", "oauth2", "hmac"], ""))]
pub struct FeedAuth {
    /// A bearer token.
    pub bearer: Option<BearerAuth>,
    /// User name and password.
    pub basic: Option<BasicAuth>,
    /// A key in a header or a query parameter.
    pub api_key: Option<ApiKeyAuth>,
    /// OAuth2 client credentials.
    pub oauth2: Option<OAuth2Auth>,
    /// A signature over method, path with query, timestamp header and body hash.
    pub hmac: Option<HmacAuth>,
}

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BearerAuth {
    /// The Secret that holds the token.
    pub token_secret_ref: SecretKeyReference,
}

/// User name and password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// The Secret that holds the user name.
    pub username_secret_ref: SecretKeyReference,
    /// The Secret that holds the password.
    pub password_secret_ref: SecretKeyReference,
}

/// A key in a header or a query parameter.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["header", "query"], ""))]
pub struct ApiKeyAuth {
    /// The header that carries the key, such as X-Key.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub header: Option<String>,
    /// The query parameter that carries the key.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub query: Option<String>,
    /// The Secret that holds the key.
    pub secret_ref: SecretKeyReference,
}

/// OAuth2 client credentials.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Auth {
    /// Address of the token endpoint.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS)]
    pub token_url: String,
    /// The Secret that holds the client id.
    pub client_id_secret_ref: SecretKeyReference,
    /// The Secret that holds the client secret.
    pub client_secret_secret_ref: SecretKeyReference,
    /// Scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub scopes: Vec<String>,
    /// Audience to ask for.
    #[schemars(length(min = 1, max = 1024))]
    pub audience: Option<String>,
}

/// A signature: HMAC with SHA-256.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HmacAuth {
    /// The Secret that holds the key.
    pub secret_ref: SecretKeyReference,
    /// The header that carries the signature.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub header: String,
}

/// Whom the operator trusts and how it identifies itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedTls {
    /// Certificate authorities (PEM) to trust instead of the usual ones.
    pub ca_ref: Option<CaReference>,
    /// A Secret of type kubernetes.io/tls with the client's certificate and key.
    pub client_certificate_secret_ref: Option<super::scalar::NameReference>,
}

/// Where certificate authorities stand: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["configMapRef", "secretRef"], ""))]
pub struct CaReference {
    /// A key of a ConfigMap in the same namespace.
    pub config_map_ref: Option<SecretKeyReference>,
    /// A key of a Secret in the same namespace.
    pub secret_ref: Option<SecretKeyReference>,
}
