//! `kubectl bpo suspend` and `kubectl bpo resume`: stop and go on with one contract or KPI.

use clap::{Args, ValueEnum};
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde_json::json;

use super::answer::{Answer, OutcomeArguments};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::warn;
use crate::api::{KpiTarget, VendorContract};
use crate::cluster::managers::manager_of;

/// Arguments of `kubectl bpo suspend` and `kubectl bpo resume`.
#[derive(Debug, Args)]
pub struct SuspendArguments {
    /// What is meant: contract or kpi
    #[arg(value_enum, value_name = "KIND")]
    kind: Suspendable,

    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    outcome: OutcomeArguments,
}

/// The kinds with `spec.suspend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suspendable {
    /// A VendorContract: its feeds are not fetched, nothing of it is judged.
    #[value(alias = "vendorcontract", alias = "vc")]
    Contract,
    /// A KpiTarget: it is not judged.
    #[value(alias = "kpitarget")]
    Kpi,
}

/// The field manager of what this program writes.
const FIELD_MANAGER: &str = "kubectl-bpo";

/// Writes `spec.suspend`.
///
/// # Errors
/// What the cluster said, or that there is no such object.
pub fn run(arguments: &SuspendArguments, suspend: bool) -> Answer {
    let said = wait_for(async {
        let cluster = Cluster::connect(&arguments.cluster).await?;
        match arguments.kind {
            Suspendable::Contract => write::<VendorContract>(&cluster, &arguments.name, suspend).await,
            Suspendable::Kpi => write::<KpiTarget>(&cluster, &arguments.name, suspend).await,
        }
    })?;
    if let Some(manager) = &said.manager {
        warn(format_args!(
            "warning: {manager} wrote spec.suspend last: if it applies the object again, change it there as well"
        ));
    }
    let now = if suspend { "suspended" } else { "goes on" };
    let Said { kind, namespace, manager } = &said;
    arguments.outcome.print(
        format_args!("{kind} {}: {now}", arguments.name),
        &json!({"kind": kind, "namespace": namespace, "name": arguments.name, "suspend": suspend, "lastWrittenBy": manager}),
    )?;
    Ok(0)
}

struct Said {
    kind: String,
    namespace: String,
    /// Another program that wrote the field before.
    manager: Option<String>,
}

async fn write<K>(cluster: &Cluster, name: &str, suspend: bool) -> Result<Said, String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Serialize
        + std::fmt::Debug,
{
    let kind = K::kind(&()).into_owned();
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = answered(api.get_opt(name)).await?;
    let Some(found) = found else {
        return Err(format!(
            "there is no {kind} {name} in namespace {}: give its namespace with -n",
            cluster.namespace
        ));
    };
    let manager = manager_of(found.meta(), "spec.suspend").filter(|manager| !manager.starts_with("kubectl"));
    let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    answered(api.patch(name, &parameters, &patch)).await?;
    Ok(Said { kind, namespace: cluster.namespace.clone(), manager })
}
