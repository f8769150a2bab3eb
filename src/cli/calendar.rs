//! `kubectl bpo calendar`: the dates of a contract for a calendar program, a terminal or a program.
//!
//! gather (cluster or files) → [`Dates`] (pure) → print.

use clap::Args;
use jiff::ToSpan;
use jiff::civil::Date;

use super::answer::{Answer, Written};
use super::cluster::{Cluster, ClusterArguments, wait_for};
use super::gathered::Gathered;
use super::offline::OfflineArguments;
use crate::domain::terms::calendar::zone_of;
use crate::view::dates::Dates;

/// Arguments of `kubectl bpo calendar`.
#[derive(Debug, Args)]
pub struct CalendarArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    /// The first day, such as 2026-07-01; default: 31 days before today
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,

    /// The last day, such as 2027-06-30; default: 400 days after today
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the dates are written: ics (for a calendar program), text, json, yaml
    #[arg(short = 'o', long, default_value = "ics", value_parser = Written::one_of(&OUTPUTS))]
    output: Written,
}

const OUTPUTS: [Written; 4] = [Written::Ics, Written::Text, Written::Json, Written::Yaml];

/// Writes the dates.
pub fn run(arguments: &CalendarArguments) -> Answer {
    let now = arguments.offline.now.unwrap_or_else(|| crate::clock::Clock::real().now());
    let gathered = match arguments.offline.now {
        Some(now) => Gathered::of_files(&arguments.offline, now)?,
        None => wait_for(async { Gathered::of_cluster(&Cluster::connect(&arguments.cluster).await?, false).await })?,
    };
    let wrong = |error: String| vec![error];
    let contract = gathered.contract(None, &arguments.contract).map_err(wrong)?;
    let today = now.to_zoned(zone_of(&contract.spec.time_zone).map_err(wrong)?).date();
    let from = arguments.from.unwrap_or_else(|| today.saturating_sub(31.days()));
    let until = arguments.until.unwrap_or_else(|| today.saturating_add(400.days()));
    if until < from {
        return Err(vec![format!(
            "--until {until} is before --from {from}: give the last day of the span, such as --until {}",
            from.saturating_add(365.days())
        )]);
    }
    let dates = Dates::of(contract, &gathered.launches, now).map_err(wrong)?.between(from, until);
    let shown = match arguments.output {
        Written::Ics => dates.ics(now),
        Written::Text => super::terminal::escaped(&dates.text()),
        output => output.document(&serde_json::json!(dates))?,
    };
    super::streams::print(shown)?;
    Ok(0)
}
