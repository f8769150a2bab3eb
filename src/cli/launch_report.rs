//! `kubectl bpo launch report`: a launch from its readiness to its result, for whoever started the campaign.
//!
//! gather (cluster or files) → [`Document`] (pure) → text, Markdown, HTML, or for programs. What people wrote is escaped in all.

use clap::{Args, Subcommand};

use super::answer::{Answer, Written};
use super::cluster::{Cluster, ClusterArguments, wait_for};
use super::gathered::Gathered;
use super::offline::OfflineArguments;
use crate::view::launch::{Document, html, markdown, text};
use crate::view::links::Links;

/// `kubectl bpo launch …`.
#[derive(Debug, Args)]
pub struct LaunchArguments {
    #[command(subcommand)]
    command: LaunchCommand,
}

#[derive(Debug, Subcommand)]
enum LaunchCommand {
    /// Report on launches, in Markdown, as text, as a page or for programs: readiness, decision, people, spikes, cohorts, success
    ///
    /// From the cluster with your own rights, or offline with -f, --feed and --now.
    Report(LaunchReportArguments),
}

#[derive(Debug, Args)]
struct LaunchReportArguments {
    /// Name of the CampaignLaunch; default: all
    #[arg(value_name = "LAUNCH")]
    launch: Option<String>,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the report is written: md (for a wiki or a ticket), text, html (one page of one launch), json, yaml (a list of launches)
    #[arg(short = 'o', long, default_value = "md", value_parser = Written::one_of(&OUTPUTS))]
    output: Written,
}

const OUTPUTS: [Written; 5] = [Written::Md, Written::Text, Written::Html, Written::Json, Written::Yaml];

/// Reports, and prints.
pub fn run(arguments: &LaunchArguments) -> Answer {
    let LaunchCommand::Report(arguments) = &arguments.command;
    let (now, found) = match arguments.offline.now {
        Some(now) => (now, Gathered::of_files(&arguments.offline, now)?),
        None => {
            let of_cluster = async { Gathered::of_cluster(&Cluster::connect(&arguments.cluster).await?, false).await };
            (crate::clock::Clock::real().now(), wait_for(of_cluster)?)
        }
    };
    let documents: Vec<Document> = found.launches.iter().map(|launch| found.launch(launch, now)).collect();
    let known: Vec<&str> = documents.iter().map(|document| document.name.as_str()).collect();
    let wanted: Vec<&Document> = documents
        .iter()
        .filter(|document| arguments.launch.as_ref().is_none_or(|name| *name == document.name))
        .collect();
    if wanted.is_empty() {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let asked = arguments.launch.as_deref().map(crate::api::scalar::shorten).unwrap_or_default();
        return Err(vec![format!("there is no CampaignLaunch {asked} here; there are: {known}")]);
    }
    let text = match arguments.output {
        Written::Md => markdown(&wanted),
        Written::Text => super::terminal::escaped(&text(&wanted)),
        Written::Html => page(&wanted)?,
        output => output.document(&serde_json::json!(wanted))?,
    };
    super::streams::print(text)?;
    Ok(0)
}

/// The page of the one launch that is wanted.
fn page(wanted: &[&Document]) -> Result<String, Vec<String>> {
    match wanted {
        [one] => Ok(html(one, Links::None)),
        several => {
            let names: Vec<&str> = several.iter().map(|document| document.name.as_str()).collect();
            Err(vec![format!("a page is of one launch: name one of {}", names.join(", "))])
        }
    }
}
