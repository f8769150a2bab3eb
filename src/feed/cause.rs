//! What an error of the HTTP client means: its chain of causes is searched for the one that tells.

use std::error::Error;
use std::io;

use super::error::{FailureKind, FetchError};
use super::guard::ResolutionError;

/// The kind and a sentence. URLs are never passed on.
pub(crate) fn explain(error: &reqwest::Error) -> FetchError {
    if let Some(known) = find(error) {
        return known;
    }
    if error.is_timeout() {
        return FetchError::new(FailureKind::Timeout, "no connection in time (name, TCP and TLS together)");
    }
    let deepest = deepest(error);
    if error.is_connect() {
        return FetchError::new(FailureKind::Connect, format!("no connection: {deepest}"));
    }
    FetchError::new(FailureKind::Connect, format!("the connection broke: {deepest}"))
}

fn find(error: &(dyn Error + 'static)) -> Option<FetchError> {
    if let Some(resolution) = error.downcast_ref::<ResolutionError>() {
        return Some(resolution.clone().into());
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(FetchError::new(FailureKind::Tls, format!("TLS: {tls}")));
    }
    if let Some(http) = error.downcast_ref::<hyper::Error>()
        && http.is_parse()
    {
        return Some(FetchError::new(FailureKind::Malformed, format!("the answer is no HTTP: {http}")));
    }
    // An io::Error hides what it was made from: `source` is the source of that.
    let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
    inner.and_then(|inner| find(inner)).or_else(|| error.source().and_then(find))
}

fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    // Without a cause the error speaks of the URL.
    if std::ptr::addr_eq(cause, error) { "no cause is known".to_owned() } else { cause.to_string() }
}
