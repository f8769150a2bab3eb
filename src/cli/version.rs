//! `kubectl bpo version`: of the plugin, of the operators in the cluster, of the API, and of the API server.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Output};
use super::check::pods_of;
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::print;
use super::terminal::escaped;
use crate::api::{GROUP, VERSION};

/// Arguments of `kubectl bpo version`.
#[derive(Debug, Args)]
pub struct VersionArguments {
    /// The plugin's own version alone; no cluster is asked
    #[arg(long)]
    client: bool,

    /// The operator's namespace; default: whichever has its pods
    #[arg(long, value_name = "NAME")]
    operator_namespace: Option<String>,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// What is printed.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Versions {
    plugin: &'static str,
    api: String,
    operators: Option<Vec<Operator>>,
    kubernetes: Option<String>,
}

/// A pod of the operator, as its labels have it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Operator {
    pod: String,
    version: Option<String>,
}

/// Prints the versions.
///
/// # Errors
/// When there is no connection, or the pods may not be listed.
pub fn run(arguments: &VersionArguments) -> Answer {
    let mut versions = Versions {
        plugin: env!("CARGO_PKG_VERSION"),
        api: format!("{GROUP}/{VERSION}"),
        operators: None,
        kubernetes: None,
    };
    if !arguments.client {
        let (operators, kubernetes) = wait_for(ask(arguments))?;
        versions.operators = Some(operators);
        versions.kubernetes = Some(kubernetes);
    }
    match arguments.output {
        Output::Table => print(escaped(&text(&versions)))?,
        output => print(output.document(&json!(versions)).map_err(|error| vec![error.to_string()])?)?,
    }
    Ok(0)
}

async fn ask(arguments: &VersionArguments) -> Result<(Vec<Operator>, String), String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let server = answered(cluster.client.apiserver_version()).await?;
    let pods = pods_of(&cluster, arguments.operator_namespace.as_deref()).await?;
    let operators = pods.into_iter().map(|pod| Operator { pod: pod.place, version: pod.version });
    Ok((operators.collect(), format!("{}.{}", server.major, server.minor)))
}

fn text(versions: &Versions) -> String {
    let mut text = format!("Plugin: {}\nAPI: {}\n", versions.plugin, versions.api);
    for operator in versions.operators.iter().flatten() {
        let version = operator.version.as_deref().unwrap_or("unknown");
        text.push_str(&format!("Operator: {version} ({})\n", operator.pod));
    }
    if versions.operators.as_ref().is_some_and(Vec::is_empty) {
        text.push_str("Operator: none has a pod\n");
    }
    if let Some(kubernetes) = &versions.kubernetes {
        text.push_str(&format!("Kubernetes: {kubernetes}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_a_line_and_an_operator_that_is_missing_is_said() {
        let versions = |operators: Option<Vec<Operator>>| Versions {
            plugin: "0.1.0",
            api: "bpo-operator.io/v1alpha1".into(),
            kubernetes: operators.as_ref().map(|_| "1.33".into()),
            operators,
        };
        let operator = |version: Option<&str>| Operator { pod: "bpo/one".into(), version: version.map(str::to_owned) };
        let own = "Plugin: 0.1.0\nAPI: bpo-operator.io/v1alpha1\n";
        let cases = [
            (None, ""),
            (Some(vec![]), "Operator: none has a pod\nKubernetes: 1.33\n"),
            (Some(vec![operator(Some("0.1.0"))]), "Operator: 0.1.0 (bpo/one)\nKubernetes: 1.33\n"),
            (Some(vec![operator(None)]), "Operator: unknown (bpo/one)\nKubernetes: 1.33\n"),
        ];
        for (operators, rest) in cases {
            assert_eq!(text(&versions(operators)), format!("{own}{rest}"));
        }
    }
}
