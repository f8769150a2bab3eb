//! What the operator says of its work: lines of the log, and traces where a collector is named.

use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;

/// `BPO_LOG`, or the level at which the log is the story of a month.
fn filter() -> EnvFilter {
    EnvFilter::try_from_env("BPO_LOG").unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Traces that are being sent, if they are.
pub(super) struct Traces(#[cfg(feature = "otel")] Option<crate::trace::otlp::Traces>);

impl Traces {
    /// Delivers what is left of them.
    #[cfg(feature = "otel")]
    pub(super) async fn end(self) {
        if let Some(traces) = self.0 {
            traces.end().await;
        }
    }

    /// There are none.
    #[cfg(not(feature = "otel"))]
    pub(super) async fn end(self) {}
}

/// Starts the log, and the traces where there is a collector; in a runtime, which delivers them.
///
/// # Errors
/// A sentence: the collector's address cannot be used.
#[cfg(feature = "otel")]
pub(super) fn start(format: LogFormat, collector: Option<&str>) -> Result<Traces, String> {
    use tracing_subscriber::filter::FilterExt;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{Layer, Registry};

    use crate::trace::otlp::{self, all_but_stages};

    let traces = match collector {
        Some(endpoint) => Some(otlp::Traces::begin(endpoint, tokio::runtime::Handle::current())?),
        None => None,
    };
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).log_internal_errors(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines),
        LogFormat::Json => Box::new(lines.json()),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter().and(all_but_stages())))
        .with(traces.as_ref().map(otlp::Traces::layer))
        .init();
    if let Some(endpoint) = collector {
        tracing::info!(endpoint, "traces are sent to a collector");
    }
    Ok(Traces(traces))
}

/// Starts the log.
///
/// # Errors
/// A sentence: traces are asked for, which this program was built without.
#[cfg(not(feature = "otel"))]
pub(super) fn start(format: LogFormat, collector: Option<&str>) -> Result<Traces, String> {
    if collector.is_some() {
        return Err("--otlp-endpoint needs traces, which this program was built without: use the published image, or build with \
                    `cargo build --release --features otel`"
            .to_owned());
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(Traces())
}

#[cfg(all(test, not(feature = "otel")))]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_traces_says_where_there_is_one_with_them() {
        let refused = start(LogFormat::Text, Some("http://collector.monitoring.svc:4318")).err().unwrap();
        for word in ["--otlp-endpoint", "the published image", "cargo build --release --features otel"] {
            assert!(refused.contains(word), "{refused}");
        }
    }
}
