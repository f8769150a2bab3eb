//! The HTTP server: `/metrics`, `/healthz`, `/readyz`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// Says whether the operator can do its work. That it lives shows by its answering: a process with a fault ends by itself.
pub trait Health: Send + Sync + 'static {
    /// What is still missing before the operator can do its work; empty when it can.
    fn missing(&self) -> Vec<String>;
}

#[derive(Clone)]
struct Shared {
    metrics: Metrics,
    health: Arc<dyn Health>,
}

/// Serves until `stop`; returns the address that was bound (port 0 takes a free one).
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    health: Arc<dyn Health>,
    stop: CancellationToken,
) -> Result<(SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>), ServeError> {
    let failed = |source| ServeError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(show_health))
        .route("/readyz", get(show_readiness))
        .with_state(Shared { metrics, health });
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    Ok((bound, tokio::spawn(server.into_future())))
}

/// The address cannot be served on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; choose another with --listen")]
pub struct ServeError {
    address: SocketAddr,
    source: std::io::Error,
}

async fn show_metrics(State(shared): State<Shared>) -> Response {
    match shared.metrics.encode() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn show_health() -> &'static str {
    "ok\n"
}

async fn show_readiness(State(shared): State<Shared>) -> Response {
    let missing = shared.health.missing();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.into_iter().map(|line| line + "\n").collect::<String>()).into_response()
}
