//! `kubectl bpo status`: the objects of a namespace as a tree, with what is wrong and why.

use clap::Args;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::answer::{Answer, Output};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::print;
use super::terminal::escaped;
use crate::view::tree::{Branch, Health, Objects, text, trees};

/// Arguments of `kubectl bpo status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Name of one VendorContract; default: all that is in the namespace
    #[arg(value_name = "CONTRACT", conflicts_with = "all_namespaces")]
    contract: Option<String>,

    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Leave out what is good
    #[arg(long)]
    problems: bool,

    /// End with exit code 1 where something is wrong
    #[arg(long)]
    exit_code: bool,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// Prints the tree.
///
/// # Errors
/// What the cluster said, or that there is no such contract.
pub fn run(arguments: &StatusArguments) -> Answer {
    let mut trees = trees(&wait_for(gather(arguments))?);
    if let Some(name) = &arguments.contract {
        let known: Vec<String> = of_contracts(&trees).map(|tree| tree.name.clone()).collect();
        trees.retain(|tree| tree.kind == "VendorContract" && tree.name == *name);
        if trees.is_empty() {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let asked = crate::api::scalar::shorten(name);
            return Err(vec![format!("there is no VendorContract {asked} in this namespace; there are: {known}")]);
        }
    }
    let shown = match arguments.output {
        Output::Table => escaped(&text(&trees, arguments.problems)),
        output => output.document(&json!(trees)).map_err(|error| vec![error.to_string()])?,
    };
    print(shown)?;
    let is_wrong = trees.iter().any(|tree| tree.health >= Health::Attention);
    Ok(u8::from(arguments.exit_code && is_wrong))
}

fn of_contracts(trees: &[Branch]) -> impl Iterator<Item = &Branch> {
    trees.iter().filter(|tree| tree.kind == "VendorContract")
}

async fn gather(arguments: &StatusArguments) -> Result<Objects, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let all = arguments.all_namespaces;
    let (contracts, kpis, tiers, launches) =
        tokio::try_join!(list(&cluster, all), list(&cluster, all), list(&cluster, all), list(&cluster, all))?;
    Ok(Objects { contracts, kpis, tiers, launches })
}

/// How many objects one answer of the API server may have.
const PAGE: u32 = 500;

/// All objects of a kind, page by page.
async fn list<K>(cluster: &Cluster, all_namespaces: bool) -> Result<Vec<K>, String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = match all_namespaces {
        true => Api::all(cluster.client.clone()),
        false => Api::namespaced(cluster.client.clone(), &cluster.namespace),
    };
    let mut found = Vec::new();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = answered(api.list(&parameters)).await?;
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        found.extend(page.items);
        match next {
            Some(token) => parameters = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// The names of the contracts in a namespace, in order.
pub(super) async fn contract_names(cluster: &Cluster) -> Result<Vec<String>, String> {
    let contracts: Vec<crate::api::VendorContract> = list(cluster, false).await?;
    let mut names: Vec<String> = contracts.iter().map(ResourceExt::name_any).collect();
    names.sort();
    Ok(names)
}
