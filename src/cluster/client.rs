//! The connection to the API server, found as kubectl finds it.

use std::time::Duration;

use kube::{Client, Config};

/// How long one call to the API server may take. Every call is bounded by it at the place where it waits.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a watch may be silent. The server ends a watch after 290 seconds, so a longer silence is a dead connection.
const SILENCE: Duration = Duration::from_secs(320);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No kubeconfig and not inside a cluster.
    #[error(
        "no cluster found: set KUBECONFIG to a kubeconfig whose current context is the cluster, or run inside one: {0}"
    )]
    Config(#[from] kube::config::InferConfigError),
    /// The client cannot be built from the configuration.
    #[error("the cluster's configuration cannot be used: {0}")]
    Client(#[from] kube::Error),
}

/// Connects as kubectl would: `KUBECONFIG`, the current context, else the service account of the pod.
///
/// # Errors
/// When no configuration is found or it cannot be used. The server itself is not asked yet.
pub async fn connect() -> Result<Client, ConnectError> {
    let mut config = Config::infer().await?;
    // One policy for repeats, the reconcile's own back-off: the client's would repeat any verb up to fifteen times.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(SILENCE);
    config.write_timeout = Some(CALL_TIMEOUT);
    Ok(Client::try_from(config)?)
}
