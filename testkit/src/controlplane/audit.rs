//! The API server's audit log: who asked for what, and what came of it.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

/// Everything at the level Metadata: each request once when it is answered, and a watch also when its answer begins.
pub(crate) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [{"level": "Metadata"}]
}
"#;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The user's name; a service account's is `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; an HTTP method in small
    /// letters for paths that are not resources.
    pub verb: String,
    /// The path and query of the request.
    pub uri: String,
    /// The program that asked, as it names itself.
    pub user_agent: String,
    /// The API group; empty for the core group and for paths that are not resources.
    pub api_group: String,
    /// The resource in the plural; empty for paths that are not resources.
    pub resource: String,
    /// `status`, `scale`, `token`, …; empty for the resource itself.
    pub subresource: String,
    /// The object's namespace; empty for objects without one.
    pub namespace: String,
    /// The object's name; empty when the request names none, as lists do.
    pub name: String,
    /// The HTTP status of the answer; 0 when there was none.
    pub code: u16,
    /// `ResponseStarted`, `ResponseComplete` or `Panic`.
    pub stage: String,
    /// When the request came, by the API server's clock.
    pub received: Timestamp,
}

impl AuditEvent {
    /// Whether the request, if it succeeded, changed something in the store.
    ///
    /// Creating a review (of access or of a token) or a token stores nothing and does not count, nor does a dry run.
    pub fn is_write(&self) -> bool {
        let changes = matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        let stores = !matches!(self.api_group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
            && self.subresource != "token"
            && !self.uri.contains("dryRun=All");
        changes && stores && self.stage == "ResponseComplete"
    }
}

/// The form of a line, as far as it is used.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    user_agent: String,
    object_ref: ObjectReference,
    response_status: ResponseStatus,
    request_received_timestamp: Timestamp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectReference {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        Self {
            user: line.user.username,
            verb: line.verb,
            uri: line.request_uri,
            user_agent: line.user_agent,
            api_group: line.object_ref.api_group,
            resource: line.object_ref.resource,
            subresource: line.object_ref.subresource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            code: line.response_status.code,
            stage: line.stage,
            received: line.request_received_timestamp,
        }
    }
}

/// Reads all events of a log in their order. A last line without its end is still being written and left out.
pub(crate) fn read(log: &Path) -> io::Result<Vec<AuditEvent>> {
    let text = fs::read_to_string(log)?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| Ok(serde_json::from_str::<Line>(line)?.into())).collect()
}
