//! `kubectl bpo ack` and `kubectl bpo alert`: taking up an escalation, trying a sink, and looking into the outbox.

use std::time::Duration;

use clap::{Args, Subcommand};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::answer::{Answer, OutcomeArguments, Output};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::evidence::{StoreArguments, in_runtime, open};
use super::exec::push;
use super::streams::{print, print_line, warn};
use super::tables;
use crate::alert::envelope::Envelope;
use crate::alert::sinks::kind_of;
use crate::api::vendor_contract::EscalationStatus;
use crate::api::{ACKNOWLEDGED_ANNOTATION, ALERT_TEST_ANNOTATION, VendorContract};
use crate::clock::Clock;
use crate::evidence::OutboxMessage;
use crate::outbound::error::presentable;

/// Arguments of `kubectl bpo ack`.
#[derive(Debug, Args)]
pub struct AckArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    /// Who takes it up; default: the user of this machine
    #[arg(long, value_name = "NAME", env = "USER")]
    by: String,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    outcome: OutcomeArguments,
}

/// Arguments of `kubectl bpo alert`.
#[derive(Debug, Args)]
pub struct AlertArguments {
    #[command(subcommand)]
    command: AlertCommand,
}

#[derive(Debug, Subcommand)]
enum AlertCommand {
    /// The latest messages of an operator's outbox: what was delivered, what waits, what was given up and why
    List(ListArguments),
    /// Have the operator send a test message to one of a contract's alerts, by the way that every alert takes
    ///
    /// Exit code 0 when the operator reports no failure in time; 1 when it does; 2 when there is no such contract or alert.
    Test(TestArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Of this contract alone: [NAMESPACE/]NAME
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,

    /// Those alone that were not delivered
    #[arg(long)]
    undelivered: bool,

    /// At most this number
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Name of the VendorContract
    #[arg(value_name = "CONTRACT")]
    contract: String,

    /// Name of one of its alerts
    #[arg(value_name = "ALERT")]
    alert: String,

    /// How many seconds to wait for the operator to report a failure
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    wait: u64,

    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Does what `alert` asks for.
pub fn run(arguments: &AlertArguments) -> Answer {
    match &arguments.command {
        AlertCommand::List(arguments) => list(arguments),
        AlertCommand::Test(arguments) => wait_for(test(arguments)),
    }
}

/// Does what `ack` asks for.
pub fn acknowledge(arguments: &AckArguments) -> Answer {
    let taken = wait_for(take_up(arguments))?;
    let EscalationStatus { level, cause, since, .. } = taken;
    let (contract, by) = (&arguments.contract, arguments.by.trim());
    arguments.outcome.print(
        format_args!("{contract}: level {level} because of {cause} since {since} is acknowledged by {by}"),
        &json!({"contract": contract, "level": level, "cause": cause, "since": since, "acknowledgedBy": by}),
    )?;
    Ok(0)
}

async fn take_up(arguments: &AckArguments) -> Result<EscalationStatus, String> {
    let by = arguments.by.trim();
    if by.is_empty() || by.contains(char::is_control) {
        return Err(format!("--by {:?}: write the name of a person", arguments.by));
    }
    let (contracts, contract) = contract(&arguments.cluster, &arguments.contract).await?;
    let escalation = contract.status.and_then(|status| status.escalation);
    let Some(escalation) = escalation else {
        return Err(format!("{}: nothing is escalated, so there is nothing to acknowledge", arguments.contract));
    };
    // The level's own instant: it answers this level and those below, on whatever clock the operator runs, and none raised later.
    let value = format!("{by} at {}", escalation.since);
    annotate(&contracts, &arguments.contract, ACKNOWLEDGED_ANNOTATION, &value).await?;
    Ok(escalation)
}

pub(super) async fn contract(
    cluster: &ClusterArguments,
    name: &str,
) -> Result<(Api<VendorContract>, VendorContract), String> {
    let cluster = Cluster::connect(cluster).await?;
    let contracts: Api<VendorContract> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let found = answered(contracts.get_opt(name)).await?;
    let found = found.ok_or_else(|| format!("there is no VendorContract {name} in namespace {}", cluster.namespace))?;
    Ok((contracts, found))
}

pub(super) async fn annotate(
    contracts: &Api<VendorContract>,
    name: &str,
    annotation: &str,
    value: &str,
) -> Result<(), String> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
    answered(contracts.patch(name, &PatchParams::default(), &patch)).await.map(|_| ())
}

async fn test(arguments: &TestArguments) -> Result<u8, String> {
    let (contracts, found) = contract(&arguments.cluster, &arguments.contract).await?;
    if !found.spec.alerts.iter().any(|alert| alert.name == arguments.alert) {
        let known: Vec<&str> = found.spec.alerts.iter().map(|alert| alert.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("{} has no alert {}; it has: {known}", found.name_any(), arguments.alert));
    }
    let value = format!("{} at {}", arguments.alert, Clock::real().now());
    annotate(&contracts, &arguments.contract, ALERT_TEST_ANNOTATION, &value).await?;
    for _ in 0..arguments.wait.max(1) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = answered(contracts.get(&arguments.contract)).await?.status.unwrap_or_default();
        let failing = status.alerts.into_iter().find(|sink| sink.name == arguments.alert);
        if let Some(failure) = failing.and_then(|sink| sink.failure) {
            warn(format_args!("{} of {} fails: {failure}", arguments.alert, arguments.contract));
            return Ok(1);
        }
    }
    print_line(format_args!(
        "{} of {}: a test message was asked for, and no failure was reported within {} s",
        arguments.alert, arguments.contract, arguments.wait
    ))?;
    Ok(0)
}

fn list(arguments: &ListArguments) -> Answer {
    if let Some(pod) = arguments.store.exec.pod()? {
        let mut flags = vec!["-o".to_owned(), arguments.output.name().to_owned()];
        push(&mut flags, "--contract", arguments.contract.as_ref());
        push(&mut flags, "--limit", Some(arguments.limit));
        flags.extend(arguments.undelivered.then(|| "--undelivered".to_owned()));
        return pod.show(&["alert", "list"], &flags);
    }
    let messages = in_runtime(async {
        let store = open(&arguments.store)?;
        store.latest_messages(None, arguments.limit.saturating_mul(100)).await
    })?;
    let lines: Vec<Value> = messages
        .iter()
        .filter(|message| !(arguments.undelivered && message.delivered))
        .filter_map(line)
        .filter(|line| arguments.contract.as_ref().is_none_or(|wanted| is_of(line, wanted)))
        .take(arguments.limit)
        .collect();
    match arguments.output {
        Output::Table => print(super::terminal::escaped(&table(&lines)))?,
        output => print(output.document(&Value::Array(lines)).map_err(|error| vec![error.to_string()])?)?,
    }
    Ok(0)
}

fn line(message: &OutboxMessage) -> Option<Value> {
    let envelope: Envelope = serde_json::from_str(&message.content).ok()?;
    let state = match (message.delivered, message.settled_at) {
        (true, _) => "delivered",
        (false, Some(_)) => "given up",
        (false, None) => "waiting",
    };
    Some(json!({
        "id": format!("{}-{}", message.contract_uid, message.id),
        "writtenAt": message.written_at.to_string(),
        "namespace": envelope.namespace,
        "contract": envelope.contract,
        "alert": message.sink,
        "sink": kind_of(&envelope.sink),
        "kind": message.kind.as_str(),
        "state": state,
        "attempts": message.attempts,
        "failure": message.failure,
        "fingerprint": message.fingerprint,
        "summary": presentable(&envelope.alert.summary, 240),
    }))
}

fn is_of(line: &Value, wanted: &str) -> bool {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    wanted == text("contract") || wanted == format!("{}/{}", text("namespace"), text("contract"))
}

fn table(lines: &[Value]) -> String {
    if lines.is_empty() {
        return "no messages\n".to_owned();
    }
    let head = ["WRITTEN", "CONTRACT", "ALERT", "KIND", "STATE", "ATTEMPTS", "SUMMARY", "FAILURE"];
    let text = |line: &Value, name: &str| match line.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "-".to_owned(),
    };
    let mut table = tables::table(&head);
    for line in lines {
        let contract = format!("{}/{}", text(line, "namespace"), text(line, "contract"));
        let rest = ["alert", "kind", "state", "attempts", "summary", "failure"].map(|name| text(line, name));
        table.add_row([vec![text(line, "writtenAt"), contract], rest.to_vec()].concat());
    }
    format!("{table}\n")
}
