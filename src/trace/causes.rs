//! Which poll brought a contract the rows that it is judged by: a look at the contract runs elsewhere, a moment later.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// How long after a commit a look at its contract counts as its consequence.
const HOLDS_FOR: Duration = Duration::from_secs(10);
/// Of how many contracts a cause is remembered at most.
const MOST: usize = 10_000;

type Causes = HashMap<(String, String), (Instant, SpanContext)>;

/// Traces are the whole process's, as the log is.
static CAUSES: LazyLock<Mutex<Causes>> = LazyLock::new(Mutex::default);

/// Remembers the stage that runs, a poll, as the cause of what happens next to a contract.
pub(super) fn remember(namespace: &str, contract: &str) {
    let context = Span::current().context().span().span_context().clone();
    if !context.is_valid() {
        return;
    }
    let now = Instant::now();
    let mut causes = CAUSES.lock().unwrap_or_else(PoisonError::into_inner);
    if causes.len() >= MOST {
        causes.retain(|_, (since, _)| now.duration_since(*since) < HOLDS_FOR);
    }
    if causes.len() < MOST {
        causes.insert((namespace.to_owned(), contract.to_owned()), (now, context));
    }
}

/// Makes a look at a contract a part of the trace that caused it.
pub(super) fn follow(look: &Span, namespace: &str, contract: &str) {
    let key = (namespace.to_owned(), contract.to_owned());
    let causes = CAUSES.lock().unwrap_or_else(PoisonError::into_inner);
    let cause = causes.get(&key).filter(|(since, _)| since.elapsed() < HOLDS_FOR);
    if let Some((_, cause)) = cause {
        // Without a collector there is no parent to be had, and none is needed.
        let _ = look.set_parent(Context::new().with_remote_span_context(cause.clone()));
    }
}
