//! What an error of the HTTP client means: its chain of causes is searched for the one that says it.

use std::error::Error;
use std::io;

use super::error::{Detail, FailureKind, FetchError};
use super::guard::ResolutionError;

/// The kind and a sentence. URLs are never passed on.
pub(crate) fn explain(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() && find(error).is_none() {
        return FetchError::new(FailureKind::Timeout, "no connection in time (name, TCP and TLS together)");
    }
    explain_connecting(error, error.is_connect())
}

/// The same of any error; `connecting` is whether there was no connection yet.
pub(crate) fn explain_connecting(error: &(dyn Error + 'static), connecting: bool) -> FetchError {
    if let Some(known) = find(error) {
        return known;
    }
    let deepest = deepest(error);
    let what = if connecting { "no connection" } else { "the connection broke" };
    FetchError::new(FailureKind::Connect, format!("{what}: {deepest}"))
}

fn find(error: &(dyn Error + 'static)) -> Option<FetchError> {
    if let Some(resolution) = error.downcast_ref::<ResolutionError>() {
        return Some(resolution.clone().into());
    }
    if let Some(known) = error.downcast_ref::<FetchError>() {
        return Some(known.clone());
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(FetchError::new(FailureKind::Tls, format!("TLS: {tls}")));
    }
    if let Some(http) = error.downcast_ref::<hyper::Error>()
        && http.is_parse()
    {
        let error = FetchError::new(FailureKind::Malformed, format!("the answer is not HTTP: {http}"));
        return Some(error.with_detail(Detail::NotHttp));
    }
    // An io::Error hides what it was made from: `source` is the source of that.
    let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
    inner.and_then(|inner| find(inner)).or_else(|| error.source().and_then(find))
}

pub(crate) fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    // Without a cause the error speaks of the URL.
    if std::ptr::addr_eq(cause, error) { "no cause is known".to_owned() } else { cause.to_string() }
}
