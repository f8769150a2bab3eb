//! `kubectl bpo events`: what the operator reported about a contract and about what belongs to it, in the order of time.

use std::collections::BTreeSet;

use clap::Args;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Output};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::print;
use super::tables;
use super::terminal::escaped;
use crate::api::{CampaignLaunch, GROUP, KpiTarget, VendorContract};

/// Arguments of `kubectl bpo events`.
#[derive(Debug, Args)]
pub struct EventsArguments {
    /// Name of one VendorContract: its Events and those of its KpiTargets, reports and launches; default: of all in the namespace
    #[arg(value_name = "CONTRACT")]
    contract: Option<String>,

    /// Warnings alone
    #[arg(long)]
    warnings: bool,

    /// At most this many, the latest
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// One Event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at: String,
    #[serde(rename = "type")]
    type_: String,
    reason: String,
    kind: String,
    name: String,
    /// How often it was reported.
    count: i32,
    message: String,
}

/// Prints the Events, the oldest first.
///
/// # Errors
/// What the cluster said.
pub fn run(arguments: &EventsArguments) -> Answer {
    let lines = wait_for(gather(arguments))?;
    match arguments.output {
        Output::Table => print(escaped(&table(&lines)))?,
        output => print(output.document(&json!(lines)).map_err(|error| vec![error.to_string()])?)?,
    }
    Ok(0)
}

async fn gather(arguments: &EventsArguments) -> Result<Vec<Line>, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let wanted = match &arguments.contract {
        Some(contract) => Some(belonging(&cluster, contract).await?),
        None => None,
    };
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut lines: Vec<Line> = answered(events.list(&ListParams::default())).await?.iter().filter_map(line).collect();
    lines.retain(|line| {
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(line));
        is_wanted && (!arguments.warnings || line.type_ == "Warning")
    });
    lines.sort();
    let surplus = lines.len().saturating_sub(arguments.limit);
    Ok(lines.split_off(surplus))
}

/// What belongs to a contract, by kind and name.
struct Belonging {
    objects: BTreeSet<(&'static str, String)>,
    /// How the names of the contract's reports begin.
    report: String,
}

impl Belonging {
    fn contains(&self, line: &Line) -> bool {
        let named = self.objects.iter().any(|(kind, name)| *kind == line.kind && *name == line.name);
        named || (line.kind == "SlaReport" && line.name.starts_with(&self.report))
    }
}

async fn belonging(cluster: &Cluster, contract: &str) -> Result<Belonging, String> {
    let contracts: Api<VendorContract> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    if answered(contracts.get_opt(contract)).await?.is_none() {
        let known = super::status::contract_names(cluster).await?;
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!(
            "there is no VendorContract {contract} in namespace {}; there are: {known}",
            cluster.namespace
        ));
    }
    let kpis: Api<KpiTarget> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let launches: Api<CampaignLaunch> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let kpis = answered(kpis.list(&ListParams::default())).await?;
    let launches = answered(launches.list(&ListParams::default())).await?;
    let mut objects = BTreeSet::from([("VendorContract", contract.to_owned())]);
    let own = kpis.iter().filter(|kpi| kpi.spec.contract_ref.name == contract);
    objects.extend(own.map(|kpi| ("KpiTarget", kpi.name_any())));
    let own = launches.iter().filter(|launch| launch.spec.contract_refs.iter().any(|name| name.name == contract));
    objects.extend(own.map(|launch| ("CampaignLaunch", launch.name_any())));
    Ok(Belonging { objects, report: format!("{contract}-") })
}

/// An Event about one of our objects.
fn line(event: &Event) -> Option<Line> {
    let regarding = event.regarding.as_ref()?;
    let is_ours = regarding.api_version.as_deref().is_some_and(|version| version.starts_with(&format!("{GROUP}/")));
    if !is_ours {
        return None;
    }
    let series = event.series.as_ref();
    let at = series
        .map(|series| series.last_observed_time.0)
        .or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| event.deprecated_last_timestamp.as_ref().map(|time| time.0));
    Some(Line {
        at: at.map(|at| at.to_string()).unwrap_or_default(),
        type_: event.type_.clone().unwrap_or_default(),
        reason: event.reason.clone().unwrap_or_default(),
        kind: regarding.kind.clone().unwrap_or_default(),
        name: regarding.name.clone().unwrap_or_default(),
        count: series.map(|series| series.count).or(event.deprecated_count).unwrap_or(1),
        message: event.note.clone().unwrap_or_default(),
    })
}

fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no Events: the API server keeps them for an hour by default\n".to_owned();
    }
    let mut table = tables::table(&["TIME", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"]);
    for line in lines {
        let object = format!("{}/{}", line.kind, line.name);
        let message = line.message.replace('\n', " ");
        table.add_row([&line.at, &line.type_, &line.reason, &object, &line.count.to_string(), &message]);
    }
    format!("{table}\n")
}
