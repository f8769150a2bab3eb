//! `kubectl bpo scorecard`: a contract at a glance, or one of its KPIs: text, Markdown, a page, or for programs.
//!
//! gather (cluster or files) → [`Scorecard`] or [`KpiPage`] (pure) → print.

use clap::Args;

use super::answer::{Answer, Written};
use super::cluster::{Cluster, ClusterArguments, wait_for};
use super::gathered::Gathered;
use super::offline::{BundleArguments, OfflineArguments};
use crate::clock::Clock;
use crate::view::kpi::{self, KpiPage};
use crate::view::links::Links;
use crate::view::scorecard::{Scorecard, html, markdown, text};

/// Arguments of `kubectl bpo scorecard`.
#[derive(Debug, Args)]
pub struct ScorecardArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    /// Instead: one KPI of the contract, by the name of its KpiTarget: its history, what a miss costs, how it is judged
    #[arg(long, value_name = "KPITARGET")]
    kpi: Option<String>,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    bundles: BundleArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the scorecard is written: text, md (for a wiki or a ticket), html (one page that needs nothing else), json, yaml
    #[arg(short = 'o', long, default_value = "text", value_parser = Written::one_of(&OUTPUTS))]
    output: Written,
}

const OUTPUTS: [Written; 5] = [Written::Text, Written::Md, Written::Html, Written::Json, Written::Yaml];

/// Writes the scorecard, or the page of a KPI.
pub fn run(arguments: &ScorecardArguments) -> Answer {
    let found = match arguments.offline.now {
        Some(now) => Gathered::of_files_with_inside(&arguments.offline, &arguments.bundles, now)?,
        None => {
            let evidence = arguments.bundles.judge()?;
            let mut found =
                wait_for(async { Gathered::of_cluster(&Cluster::connect(&arguments.cluster).await?, false).await })?;
            evidence.iter().for_each(|evidence| found.look_inside(evidence));
            found
        }
    };
    let wrong = |error: String| vec![error];
    let contract = found.contract(None, &arguments.contract).map_err(wrong)?;
    let shown = match &arguments.kpi {
        None => {
            let now = arguments.offline.now.unwrap_or_else(|| Clock::real().now());
            let card = Scorecard::of(contract, &found.kpis_of(contract)).in_year(contract, &found.launches, now);
            scorecard(&card, arguments.output)?
        }
        Some(name) => kpi_page(&found.kpi_page(contract, name).map_err(wrong)?, arguments.output)?,
    };
    super::streams::print(shown)?;
    Ok(0)
}

fn scorecard(card: &Scorecard, output: Written) -> Result<String, Vec<String>> {
    Ok(match output {
        Written::Text => super::terminal::escaped(&text(card)),
        Written::Md => markdown(card),
        Written::Html => html(card, Links::None),
        output => output.document(&serde_json::json!(card))?,
    })
}

fn kpi_page(page: &KpiPage, output: Written) -> Result<String, Vec<String>> {
    Ok(match output {
        Written::Text => super::terminal::escaped(&kpi::text(page)),
        Written::Md => kpi::markdown(page),
        Written::Html => kpi::html(page, Links::None),
        output => output.document(&serde_json::json!(page))?,
    })
}
