//! `kubectl bpo scorecard`: a contract at a glance: text, a page, or JSON.
//!
//! gather (cluster or files) → [`Scorecard`] (pure) → print.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::offline::OfflineArguments;
use super::plugin::Answer;
use crate::api::{KpiTarget, VendorContract};
use crate::view::scorecard::{Scorecard, html, text};

/// Arguments of `kubectl bpo scorecard`.
#[derive(Debug, Args)]
pub struct ScorecardArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the scorecard is written: text, html (one page that needs nothing else), json
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: ScorecardOutput,
}

/// How a scorecard is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScorecardOutput {
    /// For the terminal.
    Text,
    /// A page.
    Html,
    /// For programs.
    Json,
}

/// Writes the scorecard.
pub fn run(arguments: &ScorecardArguments) -> Answer {
    use std::io::Write;
    let (contracts, kpis) = match arguments.offline.now {
        Some(now) => offline(arguments, now)?,
        None => wait_for(of_cluster(arguments))?,
    };
    let Some(contract) = contracts.iter().find(|contract| contract.name_any() == arguments.contract) else {
        let mut known: Vec<String> = contracts.iter().map(ResourceExt::name_any).collect();
        known.sort();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let asked = crate::api::scalar::shorten(&arguments.contract);
        return Err(vec![format!("there is no VendorContract {asked}; there are: {known}")]);
    };
    let own: Vec<KpiTarget> = kpis.into_iter().filter(|kpi| kpi.spec.contract_ref.name == arguments.contract).collect();
    let card = Scorecard::of(contract, &own);
    let shown = match arguments.output {
        ScorecardOutput::Text => super::terminal::escaped(&text(&card)),
        ScorecardOutput::Html => html(&card),
        ScorecardOutput::Json => format!("{:#}\n", serde_json::json!(card)),
    };
    std::io::stdout().lock().write_all(shown.as_bytes()).map_err(|error| vec![error.to_string()])?;
    Ok(0)
}

type Gathered = (Vec<VendorContract>, Vec<KpiTarget>);

fn offline(arguments: &ScorecardArguments, now: Timestamp) -> Result<Gathered, Vec<String>> {
    let judged = arguments.offline.judge(now)?;
    let contracts = of_kind(&judged.objects, "VendorContract").map_err(|error| vec![error])?;
    let kpis = of_kind(&judged.objects, "KpiTarget").map_err(|error| vec![error])?;
    Ok((contracts, kpis))
}

/// The objects of one kind, as the cluster would give them.
fn of_kind<K: DeserializeOwned>(objects: &[Value], kind: &str) -> Result<Vec<K>, String> {
    let of_kind = objects.iter().filter(|object| object.get("kind").is_some_and(|found| found == kind));
    of_kind.map(|object| serde_json::from_value(object.clone()).map_err(|error| format!("{kind}: {error}"))).collect()
}

async fn of_cluster(arguments: &ScorecardArguments) -> Result<Gathered, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let contracts: Api<VendorContract> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let kpis: Api<KpiTarget> = Api::namespaced(cluster.client, &cluster.namespace);
    let contracts = answered(contracts.list(&ListParams::default())).await?.items;
    Ok((contracts, answered(kpis.list(&ListParams::default())).await?.items))
}
