//! `kubectl bpo accept-loss`: says that rows which a Final report rests on are lost for good, so that its contract goes on.

use std::time::Duration;

use clap::Args;
use kube::ResourceExt;
use serde_json::json;

use super::alert::{annotate, contract};
use super::answer::{Answer, OutcomeArguments};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::warn;
use super::terminal::escaped;
use crate::api::LOSS_ACCEPTED_ANNOTATION;
use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason};
use crate::api::scalar::shorten;
use crate::api::vendor_contract::VendorContract;
use crate::api::verdict::PeriodState;
use crate::clock::Clock;

/// Arguments of `kubectl bpo accept-loss`.
#[derive(Debug, Args)]
pub struct AcceptLossArguments {
    /// Name of the Final SlaReport that the condition Ready of its contract names, such as acme-care-2026-05
    #[arg(value_name = "SLAREPORT")]
    report: String,

    /// Who accepts it: a name that stays in the journal of the evidence
    #[arg(long, value_name = "NAME")]
    by: String,

    /// How many seconds to wait until the contract goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    outcome: OutcomeArguments,
}

/// Accepts the loss, and waits until the contract goes on.
///
/// # Errors
/// What the cluster said, or that nothing is lost that could be accepted.
pub fn run(arguments: &AcceptLossArguments) -> Answer {
    let Outcome { contract, left } = wait_for(accept(arguments))?;
    let by = arguments.by.trim();
    let outcome = json!({"contract": contract, "report": arguments.report, "acceptedBy": by, "goesOn": left.is_none(), "waitsFor": left});
    match left {
        None => {
            let sentence =
                escaped(&format!("{contract} continues; the signed report {} does not change", arguments.report));
            arguments.outcome.print(sentence, &outcome)?;
            Ok(0)
        }
        Some(message) => {
            warn(format_args!(
                "{}",
                escaped(&format!("{contract} has not gone on within {} s: {message}", arguments.wait))
            ));
            arguments.outcome.print_failed(&outcome)?;
            Ok(1)
        }
    }
}

struct Outcome {
    contract: String,
    /// What still holds it, where it has not gone on.
    left: Option<String>,
}

async fn accept(arguments: &AcceptLossArguments) -> Result<Outcome, String> {
    let by = arguments.by.trim();
    if by.is_empty() || by.chars().count() > 64 || by.contains(char::is_control) {
        return Err("--by is not a name: write 1 to 64 characters, such as --by nina".to_owned());
    }
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let report = cluster.report(&arguments.report).await?;
    let (contracts, found) = contract(&arguments.cluster, &report.spec.contract).await?;
    let name = found.name_any();
    let held = held(&found)
        .ok_or_else(|| format!("{name} lacks nothing that its reports rest on: there is no loss to accept"))?;
    if report.spec.state != PeriodState::Final {
        return Err(format!(
            "{} is Provisional, so nobody signed it: delete it, and it is written again from the rows that exist",
            shorten(&arguments.report)
        ));
    }
    if !held.split_whitespace().any(|word| word == arguments.report) {
        return Err(format!("{} is not what {name} waits for: {held}", shorten(&arguments.report)));
    }
    let value = format!("{} by {by} at {}", arguments.report, Clock::real().now());
    annotate(&contracts, &name, LOSS_ACCEPTED_ANNOTATION, &value).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(arguments.wait);
    loop {
        let left = self::held(&answered(contracts.get(&name)).await?);
        if left.is_none() || tokio::time::Instant::now() >= deadline {
            return Ok(Outcome { contract: name, left });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Why a contract is neither fetched nor judged, where its evidence is the cause.
fn held(contract: &VendorContract) -> Option<String> {
    let conditions = &contract.status.as_ref()?.conditions;
    let is_held = |condition: &&Condition| {
        condition.type_ == ConditionType::Ready.as_str()
            && condition.status == ConditionStatus::False
            && condition.reason == Reason::EvidenceUnavailable.as_str()
    };
    conditions.iter().find(is_held).map(|condition| condition.message.clone())
}
