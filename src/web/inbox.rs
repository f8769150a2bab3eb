//! `POST /v1/inbox/NAMESPACE/CONTRACT/FEED`: what vendors push.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::server::Health;
use crate::evidence::{CommitReport, StoreError};
use crate::feed::inbox::{Inbox, Refusal};
use crate::feed::scheduler::{FeedOutcome, Pushed};
use crate::feed::time_window::Window;
use crate::outbound::body::Encoding;
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// The inbox of a process that may not work yet: it has one once it does.
pub struct WhenItWorks {
    /// The inbox, and in which namespaces the process works.
    pub inbox: OnceLock<(Inbox, WorksIn)>,
    /// What the process still lacks before it knows all contracts.
    pub health: Arc<dyn Health>,
}

/// Whether a process works in a namespace.
pub type WorksIn = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Rows that are shown of those that were set aside.
const SHOWN: usize = 100;
/// How soon a replica that does not work is asked again.
const NOT_HERE: Duration = Duration::from_secs(5);
/// How soon there may be a place again.
const BUSY: Duration = Duration::from_secs(1);
/// How soon the store may take rows again, or the clock be right.
const NOT_STORED: Duration = Duration::from_secs(30);

/// Answers a request.
pub async fn answer(process: Arc<WhenItWorks>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some((namespace, contract, feed)) = names(&path) else {
        return refused(StatusCode::NOT_FOUND, "the address is /v1/inbox/NAMESPACE/CONTRACT/FEED");
    };
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "an inbox takes a POST with the rows in its body");
    }
    let Some((inbox, works_in)) = process.inbox.get() else { return not_here() };
    if !works_in(namespace) {
        return not_here();
    }
    let token = bearer(request.headers());
    let admitted = match inbox.admit((namespace, contract, feed), token.as_deref()).await {
        Ok(admitted) => admitted,
        // A process that does not know all contracts yet cannot say that there is no such inbox.
        Err(Refusal::Unauthorised) if !process.health.missing().is_empty() => return not_here(),
        Err(refusal) => return of_refusal(refusal),
    };
    let Some(encoding) = encoding(request.headers()) else {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "write Content-Encoding gzip, or none");
    };
    let Ok(about) = stretch(request.uri().query().unwrap_or_default()) else {
        let words = "write since and until as instants, the earlier one first: ?since=2026-01-05T09:00:00Z&until=2026-01-05T10:00:00Z";
        return refused(StatusCode::UNPROCESSABLE_ENTITY, words);
    };
    let media_type = media_type(request.headers());
    let body = request.into_body().into_data_stream();
    match inbox.take(admitted, about, encoding, media_type, body).await {
        Ok(pushed) => of_push(&pushed),
        Err(refusal) => of_refusal(refusal),
    }
}

/// Namespace, contract and feed of an address. Their names need no encoding.
fn names(path: &str) -> Option<(&str, &str, &str)> {
    let mut parts = path.strip_prefix("/v1/inbox/")?.split('/');
    let names = (parts.next()?, parts.next()?, parts.next()?);
    let is_name = |name: &str| !name.is_empty() && name.len() <= 253;
    (parts.next().is_none() && [names.0, names.1, names.2].into_iter().all(is_name)).then_some(names)
}

/// A query that says no stretch of time, or no whole one.
#[derive(Debug, PartialEq, Eq)]
struct NoStretch;

/// The stretch of time that a push says it is about: `since=INSTANT&until=INSTANT`. Other parameters say nothing.
fn stretch(query: &str) -> Result<Option<Window>, NoStretch> {
    let named =
        |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    let (since, until) = match (named("since"), named("until")) {
        (None, None) => return Ok(None),
        (Some(since), Some(until)) => (since, until),
        _ => return Err(NoStretch),
    };
    let instant = |text: &str| text.parse::<Timestamp>().map_err(|_| NoStretch);
    let window = Window { since: instant(&since)?, until: instant(&until)? };
    if window.since < window.until { Ok(Some(window)) } else { Err(NoStretch) }
}

fn bearer(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii().to_vec())
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Some(Encoding::Identity),
        Some(b"gzip") => Some(Encoding::Gzip),
        Some(_) => None,
    }
}

/// The media type of the body. What a command line says where nobody said anything says nothing.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let plain = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let says_nothing = ["", "application/octet-stream", "application/x-www-form-urlencoded"].contains(&plain.as_str());
    (!says_nothing).then_some(plain)
}

fn not_here() -> Response {
    let words = "this replica does not look after the contract: send it again";
    later(refused(StatusCode::SERVICE_UNAVAILABLE, words), NOT_HERE)
}

fn of_refusal(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Unauthorised => {
            let mut response = refused(
                StatusCode::UNAUTHORIZED,
                "no inbox takes this token: look at the address, at the token, and at its Secret",
            );
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Refusal::Suspended => refused(StatusCode::CONFLICT, "the contract is suspended, so its feeds take nothing"),
        Refusal::TooMany(wait) => later(refused(StatusCode::TOO_MANY_REQUESTS, "too many pushes: send fewer"), wait),
        Refusal::Busy => {
            later(refused(StatusCode::SERVICE_UNAVAILABLE, "other pushes are being read: send it again"), BUSY)
        }
        Refusal::Body(error) => refused(status_of(&error), &error.message),
    }
}

fn status_of(error: &FetchError) -> StatusCode {
    match error.kind {
        FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::Timeout => StatusCode::REQUEST_TIMEOUT,
        FailureKind::Connect => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What was taken, and what was set aside.
fn of_push(pushed: &Pushed) -> Response {
    let mut body = taken(pushed.commit.as_ref());
    let set_aside = pushed.set_aside.iter().take(SHOWN);
    let rows = set_aside.map(|row| json!({"reason": row.reason.as_str(), "row": presentable(&row.text, 300)}));
    body.insert("rows".to_owned(), rows.collect());
    match &pushed.outcome {
        FeedOutcome::Fetched | FeedOutcome::Waiting => {
            // The very body that came last: nothing of it is new.
            body.insert("repeat".to_owned(), json!(pushed.commit.is_none()));
            answered(StatusCode::OK, &Value::Object(body))
        }
        FeedOutcome::Failed(error) | FeedOutcome::NotAsked(error) => {
            body.insert("error".to_owned(), json!({"kind": error.kind.as_str(), "message": error.message}));
            let status =
                if error.kind == FailureKind::RowQuota { StatusCode::INSUFFICIENT_STORAGE } else { status_of(error) };
            answered(status, &Value::Object(body))
        }
        FeedOutcome::NotStored(error) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            // What the database says is for whoever runs the operator.
            tracing::warn!(%error, "a push was not stored");
            let words = match error {
                StoreError::Quota { .. } => "the feed has more rows than are kept",
                _ => "the evidence cannot be written at the moment: send it again",
            };
            later(refused(status, words), NOT_STORED)
        }
        FeedOutcome::ClocksDiffer => {
            let words = "the operator's clock may be wrong, and nothing is taken until it is right: send it again";
            later(refused(StatusCode::SERVICE_UNAVAILABLE, words), NOT_STORED)
        }
    }
}

fn taken(commit: Option<&CommitReport>) -> Map<String, Value> {
    let count = |of: fn(&CommitReport) -> u64| commit.map_or(0, of);
    let set_aside: Map<String, Value> = commit
        .into_iter()
        .flat_map(|report| &report.rejected)
        .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)))
        .collect();
    let members = [
        ("taken", json!(count(|report| report.added + report.revised + report.unchanged + report.superseded))),
        ("new", json!(count(|report| report.added))),
        ("corrected", json!(count(|report| report.revised))),
        ("known", json!(count(|report| report.unchanged + report.superseded))),
        ("setAside", Value::Object(set_aside)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn refused(status: StatusCode, words: &str) -> Response {
    answered(status, &json!({"error": {"message": words}}))
}

fn later(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

fn answered(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
