//! What the plugin's commands read from a cluster, found as kubectl finds it.

use std::future::Future;
use std::path::PathBuf;

use clap::Args;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::api::SlaReport;
use crate::cluster::client::{CALL_TIMEOUT, connect_to};
use crate::cluster::errors::words;

/// Which cluster and namespace, in kubectl's own words.
#[derive(Clone, Debug, Default, Args)]
pub struct ClusterArguments {
    /// Namespace; default: that of the kubeconfig's context
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Kubeconfig file; default: KUBECONFIG, then ~/.kube/config, then the pod's own account
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; default: its current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// A connection, and the namespace that is meant.
#[derive(Clone)]
pub struct Cluster {
    /// The connection.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

impl Cluster {
    /// Connects as the arguments say.
    ///
    /// # Errors
    /// A sentence: no kubeconfig, an unknown context, a configuration that cannot be used.
    pub async fn connect(arguments: &ClusterArguments) -> Result<Cluster, String> {
        let client = connect_to(arguments.kubeconfig.as_deref(), arguments.context.as_deref())
            .await
            .map_err(|error| error.to_string())?;
        let namespace = arguments.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        Ok(Cluster { client, namespace })
    }

    /// A SlaReport by name.
    ///
    /// # Errors
    /// A sentence; where there is no such report, it lists those that there are.
    pub async fn report(&self, name: &str) -> Result<SlaReport, String> {
        let reports: Api<SlaReport> = Api::namespaced(self.client.clone(), &self.namespace);
        if let Some(report) = answered(reports.get_opt(name)).await? {
            return Ok(report);
        }
        let list = answered(reports.list(&ListParams::default().limit(500))).await?;
        let mut known: Vec<String> = list.iter().map(ResourceExt::name_any).collect();
        known.sort();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(format!("there is no SlaReport {name} in namespace {}; there are: {known}", self.namespace))
    }
}

/// The answer to one call, within the time that a call may take.
///
/// # Errors
/// A sentence with what the server said.
pub async fn answered<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(|error| format!("the cluster says: {}", words(&error))),
        Err(_) => Err(format!("the cluster did not answer within {} s", CALL_TIMEOUT.as_secs())),
    }
}

/// Runs what waits on a cluster to its end, on this thread.
///
/// # Errors
/// What the work itself returns, or that no runtime could be started.
pub fn wait_for<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, Vec<String>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| vec![error.to_string()])?;
    runtime.block_on(work).map_err(|error| vec![error])
}
