//! Kinds of call to the API server, and what can become of one.

use std::fmt;

/// The kind of a call, such as `patch kpitargets/status`: its verb and its resource, whichever object it is about.
pub(crate) fn kind_of(method: &str, target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.first() {
        Some(&"api") => drop(parts.drain(..2.min(parts.len()))),
        Some(&"apis") => drop(parts.drain(..3.min(parts.len()))),
        _ => return format!("{} {path}", method.to_lowercase()),
    }
    // `namespaces/NAME` is a namespace; `namespaces/NAME/RESOURCE` is something in it.
    if parts.len() > 2 && parts[0] == "namespaces" {
        parts.drain(..2);
    }
    let watches = query.split('&').any(|parameter| matches!(parameter, "watch=true" | "watch=1"));
    let verb = match (method, parts.len()) {
        ("GET", 1) if watches => "watch",
        ("GET", 1) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        (other, _) => other,
    };
    let resource = parts.first().copied().unwrap_or_default();
    match parts.get(2) {
        Some(subresource) => format!("{verb} {resource}/{subresource}"),
        None => format!("{verb} {resource}"),
    }
}

/// What happens to a call instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    /// An answer with this status, as the API server writes it.
    Status(u16),
    /// The connection is reset.
    Reset,
    /// Nothing ever comes.
    Stall,
    /// The operator is killed, as by a power cut.
    Kill,
}

/// Whether the API server has done what was asked for by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Moment {
    /// It was never asked.
    Before,
    /// It has done it, and its answer is lost. A watch breaks when it has begun; of a list, half of the answer comes.
    After,
}

/// One fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fault {
    /// What the caller gets.
    pub outcome: Outcome,
    /// What the API server has done.
    pub moment: Moment,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Status(status) => write!(formatter, "{status}")?,
            Outcome::Reset => write!(formatter, "a reset")?,
            Outcome::Stall => write!(formatter, "a stall")?,
            Outcome::Kill => write!(formatter, "a kill")?,
        }
        write!(formatter, " {:?}", self.moment)
    }
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Status(409),
    Outcome::Status(410),
    Outcome::Status(422),
    Outcome::Status(429),
    Outcome::Status(500),
    Outcome::Status(503),
    Outcome::Reset,
    Outcome::Stall,
];

/// Every fault that the operator lives through: each outcome before and after the call took effect.
pub(crate) fn faults() -> Vec<Fault> {
    let at = |moment| OUTCOMES.map(|outcome| Fault { outcome, moment });
    [at(Moment::Before), at(Moment::After)].concat()
}

/// Whether calls of a kind change something.
pub(crate) fn is_mutating(kind: &str) -> bool {
    ["create ", "update ", "patch ", "delete "].iter().any(|verb| kind.starts_with(verb))
}

/// The API server's own words for a status: reason and message.
pub(crate) fn words_of(status: u16) -> (&'static str, &'static str) {
    match status {
        403 => ("Forbidden", "exceeded quota: events"),
        404 => ("NotFound", "the server could not find the requested resource"),
        409 => {
            ("Conflict", "the object has been modified; please apply your changes to the latest version and try again")
        }
        410 => ("Expired", "too old resource version"),
        422 => ("Invalid", "the object is invalid"),
        429 => ("TooManyRequests", "the server is currently unable to handle the request"),
        500 => ("InternalError", "an error on the server has prevented the request from succeeding"),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        _ => ("Unknown", "unknown"),
    }
}

#[test]
fn calls_are_distinguished_by_verb_and_resource() {
    let group = "/apis/bpo-operator.io/v1alpha1";
    let cases = [
        ("GET", "/version".to_owned(), "get /version"),
        ("GET", "/api/v1/namespaces/care".to_owned(), "get namespaces"),
        ("GET", "/api/v1/namespaces?limit=500".to_owned(), "list namespaces"),
        ("GET", "/api/v1/namespaces/care/secrets/vendor".to_owned(), "get secrets"),
        ("GET", format!("{group}/namespaces/care/kpitargets?limit=500"), "list kpitargets"),
        ("GET", format!("{group}/kpitargets?watch=true&timeoutSeconds=9"), "watch kpitargets"),
        ("GET", format!("{group}/namespaces/care/kpitargets/level"), "get kpitargets"),
        ("PATCH", format!("{group}/namespaces/care/kpitargets/level/status?force=true"), "patch kpitargets/status"),
        ("POST", "/apis/events.k8s.io/v1/namespaces/care/events".to_owned(), "create events"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/system/leases/bpo".to_owned(), "update leases"),
        ("DELETE", format!("{group}/namespaces/care/slareports/care-2026-01"), "delete slareports"),
    ];
    for (method, target, expected) in cases {
        assert_eq!(kind_of(method, &target), expected, "{method} {target}");
        assert_eq!(is_mutating(expected), method != "GET", "{expected}");
    }
}
