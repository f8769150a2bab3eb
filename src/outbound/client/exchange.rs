//! What is asked and what comes back: pages, messages, and by what a server knows a version.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use sha2::{Digest, Sha256};
use url::Url;

use crate::api::feed::AnswerCondition;
use crate::clock::Clock;
use crate::outbound::call::Post;
use crate::outbound::error::FetchError;
use crate::outbound::memory_share::Reserved;
use crate::outbound::tls::TlsIdentity;

/// What the body of an answer with an error status says of it; `None` where it says nothing.
pub type ReadRefusal = fn(&AnswerCondition, &[u8]) -> Option<String>;

/// One request.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// The address, with its query.
    pub url: Url,
    /// Headers beyond those that the client sets itself; mark secrets as sensitive.
    pub headers: HeaderMap,
    /// The namespace on whose behalf.
    pub tenant: &'a str,
    /// TLS of the feed.
    pub tls: &'a TlsIdentity,
    /// Identifies credentials; requests of different ones share no connection.
    pub identity: [u8; 32],
    /// What the last answer was known by: the answer may be "unchanged".
    pub validators: Option<&'a Validators>,
    /// For everything from the first connection to the last byte, retries included.
    pub timeout: Duration,
    /// Makes the request a POST of this.
    pub post: Option<Post>,
    /// Status codes that mean "not there yet".
    pub pending: &'a [i64],
    /// Status codes beside 200 whose answer is one.
    pub accepted: &'a [u16],
    /// Where an answer with an error status says what is wrong.
    pub fail_when: Option<(&'a AnswerCondition, ReadRefusal)>,
    /// Requests that the vendor allows in a minute: whoever asks waits for the turn of the first one, and repeats wait here.
    pub per_minute: Option<u32>,
}

/// One message to deliver.
#[derive(Clone, Debug)]
pub struct PostRequest<'a> {
    /// Where to.
    pub url: Url,
    /// Headers; mark secrets as sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The namespace on whose behalf.
    pub tenant: &'a str,
    /// For everything.
    pub timeout: Duration,
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct PostError {
    /// What went wrong.
    pub error: FetchError,
    /// Whether the receiver refuses this very message, so that sending it again cannot help.
    pub refused: bool,
}

impl From<FetchError> for PostError {
    fn from(error: FetchError) -> Self {
        PostError { error, refused: false }
    }
}

/// By what a server knows the version of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub(super) etag: Option<HeaderValue>,
    pub(super) last_modified: Option<HeaderValue>,
}

impl Validators {
    /// When the answer was changed for the last time, where it says so.
    pub(crate) fn last_modified(&self) -> Option<Timestamp> {
        let text = self.last_modified.as_ref()?.to_str().ok()?;
        Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
    }

    /// Whether there is nothing by which to ask.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// A good answer.
#[derive(Debug)]
pub enum PageResponse {
    /// What the last answer said is still so (304).
    Unchanged,
    /// There is nothing yet: one of the status codes that the request names for it.
    Pending,
    /// A body.
    Page(Page),
}

/// A whole body and what its headers say.
#[derive(Debug)]
pub struct Page {
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Its media type, in lower case, without parameters.
    pub media_type: Option<String>,
    /// The `Link` headers.
    pub links: Vec<String>,
    /// By what to ask whether it changed.
    pub validators: Validators,
    /// What the server's clock showed, where it says so (`Date`).
    pub date: Option<SystemTime>,
    /// The room that a large body has, given back with it.
    #[allow(dead_code, reason = "it is held as long as the body is, and read by nobody")]
    pub(crate) reserved: Option<Reserved>,
}

impl Page {
    /// How far the server's clock is ahead of this machine's own, where it says what it shows.
    pub(crate) fn clock_ahead(&self) -> Option<SignedDuration> {
        Some(Timestamp::try_from(self.date?).ok()?.duration_since(Clock::real().now()))
    }
}

/// Identifies the credentials of a message, by the headers that carry them.
pub(super) fn identity_of(headers: &HeaderMap) -> [u8; 32] {
    let secret = headers.get(AUTHORIZATION).filter(|value| value.is_sensitive());
    Sha256::digest(secret.map(HeaderValue::as_bytes).unwrap_or_default()).into()
}

pub(super) fn prepare(request: &PageRequest<'_>) -> reqwest::Request {
    let method = if request.post.is_some() { Method::POST } else { Method::GET };
    let mut prepared = reqwest::Request::new(method, request.url.clone());
    let headers = prepared.headers_mut();
    headers.extend(request.headers.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(validators) = request.validators {
        let conditions = [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)];
        headers.extend(conditions.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    }
    if let Some(post) = &request.post {
        headers.entry(CONTENT_TYPE).or_insert_with(|| post.content_type.clone());
        *prepared.body_mut() = Some(post.body.clone().into());
    }
    prepared
}
