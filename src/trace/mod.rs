//! Traces: how long each stage took between the poll of a feed and the status that resulted.
//!
//! A build without the feature `otel` has stages that are empty and cost nothing. With the feature, and with `--otlp-endpoint`, they are
//! spans, which `otlp` sends to a collector in batches. Invariant: a span holds names of objects, counts and words of closed lists; no
//! address, no row, no text of an error, no secret.

#[cfg_attr(not(feature = "otel"), path = "no_causes.rs")]
mod causes;
#[cfg(feature = "otel")]
pub mod otlp;

use std::future::Future;

use tracing::{Instrument, Span};

use crate::api::condition::Kind;

/// The target of the spans of traces, which no line of the log has.
#[cfg(feature = "otel")]
pub(crate) const TARGET: &str = "bpo_operator::trace::span";

/// A stage of the work.
#[derive(Clone, Debug)]
pub struct Stage(Span);

/// Without the feature, the names of the fields are all that is left of a stage.
macro_rules! stage {
    ($name:literal $(, $field:ident = $value:expr)*) => {{
        #[cfg(feature = "otel")]
        let span = tracing::info_span!(
            target: TARGET,
            $name,
            $($field = $value,)*
            rows = tracing::field::Empty,
            outcome = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        );
        #[cfg(not(feature = "otel"))]
        let span = {
            $(let _ = $value;)*
            Span::none()
        };
        Stage(span)
    }};
}

impl Stage {
    /// The poll of a feed, from the look at its Secrets to the commit of its rows.
    pub fn poll(namespace: &str, contract: &str, feed: &str) -> Self {
        stage!("poll", namespace = namespace, contract = contract, feed = feed)
    }

    /// The vendor is asked, and its answer is read.
    pub fn fetch() -> Self {
        stage!("fetch")
    }

    /// Rows are committed. What comes of them within the next seconds belongs to the same trace.
    pub fn commit(namespace: &str, contract: &str, rows: usize) -> Self {
        let stage = stage!("commit");
        stage.rows(rows);
        causes::remember(namespace, contract);
        stage
    }

    /// A look at an object. That at a contract belongs to the trace of the poll that has just brought it rows.
    pub fn reconcile(kind: &'static str, namespace: &str, name: &str) -> Self {
        let stage = stage!("reconcile", kind = kind, namespace = namespace, name = name);
        if kind == Kind::VendorContract.as_str() {
            causes::follow(&stage.0, namespace, name);
        }
        stage
    }

    /// A contract is judged from rows.
    pub fn judge(contract: &str) -> Self {
        stage!("judge", contract = contract)
    }

    /// What a decision wants beside the status is written: reports, and the journal.
    pub fn apply() -> Self {
        stage!("apply")
    }

    /// A status is written.
    pub fn write_status() -> Self {
        stage!("write status")
    }

    /// Work that is done in this stage.
    pub async fn around<F: Future>(&self, work: F) -> F::Output {
        work.instrument(self.0.clone()).await
    }

    /// Notes how many rows the stage had.
    pub fn rows(&self, rows: usize) {
        self.0.record("rows", i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// Notes how the stage ended, by a word of a closed list.
    pub fn ended(&self, outcome: &str, is_failure: bool) {
        self.0.record("outcome", outcome);
        if is_failure {
            self.0.record("otel.status_code", "ERROR");
        }
    }
}
