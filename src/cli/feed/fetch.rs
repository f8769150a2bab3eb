//! `kubectl bpo feed fetch`: asks the operator to fetch feeds now, with the rights of whoever asks.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::FETCH_ANNOTATION;
use crate::api::vendor_contract::{FeedStatus, VendorContract};
use crate::cli::alert::{annotate, contract};
use crate::cli::answer::{Answer, OutcomeArguments};
use crate::cli::cluster::{ClusterArguments, answered, wait_for};
use crate::cli::streams::warn;
use crate::clock::Clock;

/// Arguments of `kubectl bpo feed fetch`.
#[derive(Debug, Args)]
pub(super) struct FetchArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    /// Name of one of its feeds; default: all of them
    #[arg(value_name = "FEED")]
    feed: Option<String>,

    /// How many seconds to wait for a feed that fails to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u64,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    outcome: OutcomeArguments,
}

/// Does what the command asks for.
pub(super) fn run(arguments: &FetchArguments) -> Answer {
    let Fetched { feeds, failing } = wait_for(fetch(arguments))?;
    let contract = &arguments.contract;
    let reasons = failing.iter().map(|feed| json!({"name": feed.name, "reason": feed.reason}));
    let outcome = json!({"contract": contract, "feeds": feeds, "failing": reasons.collect::<Vec<_>>()});
    if failing.is_empty() {
        arguments.outcome.print(format_args!("{contract}: fetched {}", feeds.join(", ")), &outcome)?;
        return Ok(0);
    }
    for FeedStatus { name, reason, .. } in failing {
        warn(format_args!(
            "{name} of {contract} is not healthy {} s after the fetch was asked for: {reason}; the condition FeedHealthy says more",
            arguments.wait
        ));
    }
    arguments.outcome.print_failed(&outcome)?;
    Ok(1)
}

/// What became of a fetch.
struct Fetched {
    /// The feeds that were meant.
    feeds: Vec<String>,
    /// Those of them that are not healthy in time.
    failing: Vec<FeedStatus>,
}

async fn fetch(arguments: &FetchArguments) -> Result<Fetched, String> {
    let (contracts, found) = contract(&arguments.cluster, &arguments.contract).await?;
    let feeds = wanted(&found, arguments.feed.as_deref())?;
    let value = format!("{} at {}", arguments.feed.as_deref().unwrap_or("*"), Clock::real().now());
    annotate(&contracts, &arguments.contract, FETCH_ANNOTATION, &value).await?;
    let mut failing = Vec::new();
    for _ in 0..arguments.wait.max(1) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = answered(contracts.get(&arguments.contract)).await?.status.unwrap_or_default();
        failing = status.feeds.into_iter().filter(|feed| feeds.contains(&feed.name) && !feed.healthy).collect();
        if failing.is_empty() {
            break;
        }
    }
    Ok(Fetched { feeds, failing })
}

/// The names of the feeds that are meant.
fn wanted(contract: &VendorContract, feed: Option<&str>) -> Result<Vec<String>, String> {
    let name = contract.metadata.name.as_deref().unwrap_or_default();
    let known: Vec<String> = contract.spec.feeds.iter().map(|feed| feed.name.clone()).collect();
    match feed {
        _ if known.is_empty() => Err(format!("{name} has no feeds")),
        None => Ok(known),
        Some(feed) if known.iter().any(|known| known == feed) => Ok(vec![feed.to_owned()]),
        Some(feed) => Err(format!("{name} has no feed {feed}; it has: {}", known.join(", "))),
    }
}
