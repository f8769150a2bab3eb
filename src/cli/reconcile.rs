//! `kubectl bpo reconcile`: has the operator look at one object now, and waits until it has.

use std::time::Duration;

use clap::Args;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::answer::{Answer, OutcomeArguments};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::warn;
use super::terminal::escaped;
use crate::api::scalar::shorten;
use crate::api::{GROUP, REQUESTED_AT_ANNOTATION, VERSION};
use crate::clock::Clock;

/// Arguments of `kubectl bpo reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArguments {
    /// What is meant: contract, kpi, tier or launch, and its name, such as contract/acme-care
    #[arg(value_name = "KIND/NAME", value_parser = object)]
    object: Object,

    /// How many seconds to wait until the operator has looked at it
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    outcome: OutcomeArguments,
}

/// An object of a kind that the operator looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    kind: &'static str,
    name: String,
}

/// The kinds, each with the plural that the API server knows and the words for it.
const KINDS: [(&str, &str, &[&str]); 4] = [
    ("VendorContract", "vendorcontracts", &["contract", "vendorcontract", "vendorcontracts", "vc"]),
    ("KpiTarget", "kpitargets", &["kpi", "kpitarget", "kpitargets"]),
    ("ServiceTier", "servicetiers", &["tier", "servicetier", "servicetiers"]),
    ("CampaignLaunch", "campaignlaunches", &["launch", "campaignlaunch", "campaignlaunches"]),
];

/// Reads `KIND/NAME`.
fn object(text: &str) -> Result<Object, String> {
    let (kind, name) = text
        .split_once('/')
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(|| format!("{:?} is not a kind and a name: write one such as contract/acme-care", shorten(text)))?;
    // kubectl itself prints kinds with their group, such as vendorcontract.bpo-operator.io/acme-care.
    let word = kind.to_lowercase();
    let word = word.strip_suffix(GROUP).and_then(|word| word.strip_suffix('.')).unwrap_or(&word);
    let known = KINDS.iter().find(|(_, _, words)| words.contains(&word));
    match known {
        Some((kind, ..)) => Ok(Object { kind, name: name.to_owned() }),
        None if matches!(word, "slareport" | "slareports" | "report") => {
            Err("reports are written when their contract is looked at: write contract/NAME".to_owned())
        }
        None => Err(format!("{:?} is not a kind: write contract, kpi, tier or launch", shorten(kind))),
    }
}

/// Asks for a look, and waits for it.
///
/// # Errors
/// What the cluster said, or that there is no such object.
pub fn run(arguments: &ReconcileArguments) -> Answer {
    let Object { kind, name } = &arguments.object;
    let Some(found) = wait_for(reconcile(arguments))? else {
        warn(format_args!(
            "no operator has looked at {kind} {name} within {} s: `kubectl bpo check` shows whether one works here",
            arguments.wait
        ));
        arguments.outcome.print_failed(&json!({"kind": kind, "name": name, "handled": false}))?;
        return Ok(1);
    };
    arguments.outcome.print(
        escaped(&format!("{kind} {name} was looked at: {}", ready(&found.data))),
        &json!({"kind": kind, "namespace": found.namespace(), "name": name, "handled": true, "ready": ready_condition(&found.data)}),
    )?;
    Ok(0)
}

/// The object after the operator has looked at it; `None` where it has not in time.
async fn reconcile(arguments: &ReconcileArguments) -> Result<Option<DynamicObject>, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let Object { kind, name } = &arguments.object;
    let plural = KINDS.iter().find(|(known, ..)| known == kind).map_or("", |(_, plural, _)| plural);
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural);
    let objects: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    if answered(objects.get_opt(name)).await?.is_none() {
        let namespace = &cluster.namespace;
        return Err(format!("there is no {kind} {name} in namespace {namespace}: give its namespace with -n"));
    }
    let asked = Clock::real().now().to_string();
    let patch = Patch::Merge(json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: asked}}}));
    answered(objects.patch(name, &PatchParams::default(), &patch)).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(arguments.wait);
    loop {
        let found = answered(objects.get(name)).await?;
        if found.data.pointer("/status/lastHandledRequest") == Some(&Value::String(asked.clone())) {
            return Ok(Some(found));
        }
        // Somebody else asked in between: what is handled then is at least as new as this wish.
        let standing = found.annotations().get(REQUESTED_AT_ANNOTATION);
        if standing != Some(&asked)
            && found.data.pointer("/status/lastHandledRequest") == standing.map(|text| json!(text)).as_ref()
        {
            return Ok(Some(found));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The condition Ready.
fn ready_condition(object: &Value) -> Option<&Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().find(|condition| condition.get("type") == Some(&json!("Ready")))
}

/// What the condition Ready says.
fn ready(object: &Value) -> String {
    let ready = ready_condition(object);
    let word = |name: &str| ready.and_then(|ready| ready.get(name)).and_then(Value::as_str).unwrap_or("unknown");
    format!("Ready is {} ({}): {}", word("status"), word("reason"), word("message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_a_name_are_read_as_people_and_kubectl_write_them() {
        for (text, kind) in [
            ("contract/care", "VendorContract"),
            ("vc/care", "VendorContract"),
            ("vendorcontract.bpo-operator.io/care", "VendorContract"),
            ("KpiTarget/care", "KpiTarget"),
            ("tier/care", "ServiceTier"),
            ("launch/care", "CampaignLaunch"),
        ] {
            assert_eq!(object(text), Ok(Object { kind, name: "care".to_owned() }), "{text}");
        }
        for (text, said) in [
            ("care", "write one such as contract/acme-care"),
            ("contract/", "write one such as contract/acme-care"),
            ("pod/care", "\"pod\" is not a kind: write contract, kpi, tier or launch"),
            ("slareport/care-2026-05", "write contract/NAME"),
        ] {
            assert!(object(text).unwrap_err().contains(said), "{text}: {:?}", object(text));
        }
    }
}
