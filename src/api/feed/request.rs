//! What a feed is asked with.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Method, headers, query, body and parameter names of a feed's request.
///
/// Placeholders stand in the url's path and query, in headers, in the query and in the body: `{since}` and `{until}` (RFC 3339),
/// each with a form such as `{since:UnixSeconds}`, `{since:UnixMilliseconds}` or `{since:%Y-%m-%d}`; `{length:Seconds}` of the window;
/// `{daysAgo:since}` and `{daysAgo:until}` in local days; `{cursor}`; the names of `each`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::ONE_BODY)]
#[x_kube(validation = (
    "!(has(self.json) || has(self.form) || has(self.xml) || has(self.text) || has(self.safe)) || (has(self.method) && self.method == 'Post')",
    "json, form, xml, text and safe belong to method: Post"
))]
pub struct FeedRequest {
    /// How the feed is asked.
    #[schemars(extend("description" = "How the feed is asked: Get or Post. Default Get."))]
    pub method: Option<RequestMethod>,
    /// Body in JSON, of a Post. It is read first and filled afterwards, so that no value changes its structure; a text that is nothing
    /// but a number's placeholder, such as `"{since:UnixSeconds}"`, becomes a number; a member that is nothing but a placeholder
    /// without a value, such as `"{cursor}"` on the first page, is left out.
    #[schemars(length(min = 1, max = 16384))]
    pub json: Option<String>,
    /// Body as of a web form, of a Post: `from={since:%Y-%m-%d}&group=queue`.
    #[schemars(length(min = 1, max = 16384))]
    pub form: Option<String>,
    /// Body in XML, of a Post, such as a SOAP envelope. It is read first and filled afterwards, so that no value changes its structure.
    #[schemars(length(min = 1, max = 16384))]
    pub xml: Option<String>,
    /// Body as plain text, of a Post. Its placeholders take times, whole numbers and plain cursors only.
    #[schemars(length(min = 1, max = 16384))]
    pub text: Option<String>,
    /// True: a Post changes nothing at the vendor, so that it may be sent again after a failure, as a Get is. Default false.
    pub safe: Option<bool>,
    /// False: the request names no window, and is sent once a turn as it is. Default: `since` and `until` are appended to the query,
    /// unless a placeholder names the window.
    pub append_window: Option<bool>,
    /// Status codes that mean "not there yet", such as 404 for a file that is made tomorrow: no failure, and no rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(range(min = 400, max = 499)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = (
        "!self.exists(s, s in [401, 403, 407, 429])",
        "401, 403, 407 and 429 are refusals: write codes such as 404"
    ))]
    pub pending: Vec<i64>,
    /// IANA zone of the patterns of placeholders, such as `{since:%Y-%m-%d}`. Default: the format's timeZone, else the contract's.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = crate::api::rules::TIME_ZONE)]
    pub time_zone: Option<String>,
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
    /// Query parameters to send, which may hold placeholders such as {since}. Default: none.
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

impl FeedRequest {
    /// The bodies that are given, by the names of their fields.
    pub fn bodies(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let bodies = [("json", &self.json), ("form", &self.form), ("xml", &self.xml), ("text", &self.text)];
        bodies.into_iter().filter_map(|(name, body)| Some((name, body.as_ref()?)))
    }

    /// The body, where one is given.
    pub fn body(&self) -> Option<&String> {
        self.bodies().map(|(_, body)| body).next()
    }
}

/// How a feed is asked: Get, Post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RequestMethod {
    Get,
    Post,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct NameValue {
    /// The name of the header or parameter.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// The value, on one line. Secrets belong to `auth`, never here.
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
