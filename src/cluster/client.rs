//! The connection to the API server, found as kubectl finds it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long one call to the API server may take. Every call is bounded by it at the place where it waits.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// After how many seconds the server ends a watch, which then goes on where it was. Short, since until then nobody can tell a watch that
/// never began from one of things that do not change.
pub const WATCH_SECONDS: u32 = 30;

/// How long a connection may be silent: the answer to a list or the beginning of a watch that does not come, or a watch that the
/// server should have ended.
const SILENCE: Duration = Duration::from_secs(40);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No kubeconfig and not inside a cluster.
    #[error(
        "no cluster found: set KUBECONFIG to a kubeconfig whose current context is the cluster, or run inside one: {0}"
    )]
    Config(#[from] kube::config::InferConfigError),
    /// The kubeconfig that was named, or its context, is not there or not readable.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The client cannot be built from the configuration.
    #[error("the cluster's configuration cannot be used: {}", super::errors::words(.0))]
    Client(#[from] kube::Error),
}

/// Connects as kubectl would: `KUBECONFIG`, the current context, else the service account of the pod.
///
/// # Errors
/// When no configuration is found or it cannot be used. The server itself is not asked yet.
pub async fn connect() -> Result<Client, ConnectError> {
    client_of(Config::infer().await?)
}

/// Where the API server is: addresses with the port, as far as they are known. No feed and no alert may go there.
pub async fn addresses() -> Vec<SocketAddr> {
    let mut places = Vec::new();
    if let Ok(config) = Config::infer().await {
        let scheme_port = if config.cluster_url.scheme_str() == Some("http") { 80 } else { 443 };
        let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        places.push((host, config.cluster_url.port_u16().unwrap_or(scheme_port)));
    }
    let (host, port) = (std::env::var("KUBERNETES_SERVICE_HOST"), std::env::var("KUBERNETES_SERVICE_PORT"));
    if let (Ok(host), Ok(port)) = (host, port)
        && let Ok(port) = port.parse()
    {
        places.push((host, port));
    }
    let mut addresses = Vec::new();
    for place in places {
        if let Ok(Ok(found)) = tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host(place)).await {
            addresses.extend(found);
        }
    }
    addresses
}

/// Connects as [`connect`] does, unless a kubeconfig or a context is named.
///
/// # Errors
/// When no configuration is found, the one named is not there, or it cannot be used. The server itself is not asked yet.
pub async fn connect_to(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, ConnectError> {
    if kubeconfig.is_none() && context.is_none() {
        return connect().await;
    }
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    client_of(match kubeconfig {
        Some(file) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
        None => Config::from_kubeconfig(&options).await?,
    })
}

fn client_of(mut config: Config) -> Result<Client, ConnectError> {
    // One policy for repeats, the reconcile's own back-off: the client's would repeat any verb up to fifteen times.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(SILENCE);
    // A connection that nobody used for a while is not silent: the time runs from the request.
    config.reset_reader_on_write = true;
    config.write_timeout = Some(CALL_TIMEOUT);
    Ok(Client::try_from(config)?)
}
