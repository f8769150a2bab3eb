//! What the status and the headers of an answer say.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::PostError;
use crate::clock::Clock;
use crate::outbound::body::Encoding;
use crate::outbound::error::{Detail, FailureKind, FetchError};

/// A failed attempt: what went wrong, and whether another may help.
pub(super) struct Failure {
    pub(super) error: FetchError,
    pub(super) again: bool,
}

pub(super) fn late(timeout: Duration) -> FetchError {
    FetchError::new(FailureKind::Timeout, format!("no whole answer within {} s", timeout.as_secs_f64()))
}

pub(super) fn check_status(response: &Response, conditional: bool, accepted: &[u16]) -> Result<(), Failure> {
    let status = response.status();
    let code = status.as_u16();
    let failure = |kind, message: String, again| {
        let error = FetchError::new(kind, message).with_detail(Detail::Status(code));
        let error = error.with_retry_after(retry_after(response.headers()));
        Err(Failure { error, again })
    };
    match code {
        200 => Ok(()),
        304 if conditional => Ok(()),
        code if accepted.contains(&code) => Ok(()),
        300..=399 => failure(
            FailureKind::Status,
            format!("status {code}: redirects are refused, write the address that answers in `url`"),
            false,
        ),
        401 | 403 | 407 => failure(FailureKind::Auth, format!("status {code}: the credentials were refused"), false),
        429 => failure(FailureKind::RateLimited, "status 429: too many requests".to_owned(), true),
        502..=504 => failure(FailureKind::Status, format!("status {code} instead of 200"), true),
        _ => failure(FailureKind::Status, format!("status {code} instead of 200"), false),
    }
}

pub(super) fn check_delivery(response: &Response) -> Result<(), PostError> {
    let code = response.status().as_u16();
    if (200..300).contains(&code) {
        return Ok(());
    }
    let failure = match check_status(response, false, &[]) {
        Err(failure) => failure.error.with_retry_after(retry_after(response.headers())),
        Ok(()) => return Ok(()),
    };
    Err(PostError { error: failure, refused: matches!(code, 400 | 410 | 413 | 415 | 422) })
}

/// `Retry-After` in seconds or as a date, from 1 s to 1 h.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wish = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let now = std::time::SystemTime::from(Clock::real().now());
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wish.clamp(Duration::from_secs(1), Duration::from_secs(3_600)))
}

pub(super) fn content_encoding(headers: &HeaderMap) -> Result<Encoding, FetchError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let first = values.next().map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
    match (first.as_deref(), values.next()) {
        (None | Some(b"" | b"identity"), None) => Ok(Encoding::Identity),
        (Some(b"gzip" | b"x-gzip"), None) => Ok(Encoding::Gzip),
        (first, _) => {
            let named = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
            let message = format!("content encoding {named:.40?} is not taken: send gzip, once, or none");
            Err(FetchError::new(FailureKind::Malformed, message).with_detail(Detail::Encoding))
        }
    }
}

pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// A validator, unless it is so long that sending it back would be a burden.
pub(super) fn validator(headers: &HeaderMap, name: HeaderName) -> Option<HeaderValue> {
    headers.get(name).filter(|value| value.len() <= 1_024).cloned()
}
