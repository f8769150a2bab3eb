//! `kubectl bpo reconcile`: has the operator look at one object now, and waits until it has.

use std::time::Duration;

use clap::Args;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, OutcomeArguments};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::warn;
use super::terminal::escaped;
use crate::api::condition::{Condition, ConditionType};
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
    let Some(looked) = wait_for(reconcile(arguments))? else {
        warn(format_args!(
            "no operator has looked at {kind} {name} within {} s: `kubectl bpo check` shows whether one works here",
            arguments.wait
        ));
        arguments.outcome.print_failed(&json!({"kind": kind, "name": name, "handled": false}))?;
        return Ok(1);
    };
    let (namespace, looked) = looked;
    arguments.outcome.print(
        escaped(&format!("{kind} {name} was looked at: {}", looked.in_words())),
        &json!({"kind": kind, "namespace": namespace, "name": name, "handled": true, "ready": looked.ready()}),
    )?;
    Ok(0)
}

/// The object's namespace, and what its status says after the operator has looked at it; `None` where it has not in time.
async fn reconcile(arguments: &ReconcileArguments) -> Result<Option<(String, Looked)>, String> {
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
        let looked = Looked::at(&found.data);
        let handled = looked.last_handled_request.as_ref();
        if handled == Some(&asked) {
            return Ok(Some((cluster.namespace, looked)));
        }
        // Somebody else asked in between: what is handled then is at least as new as this wish.
        let standing = found.annotations().get(REQUESTED_AT_ANNOTATION);
        if standing != Some(&asked) && handled == standing {
            return Ok(Some((cluster.namespace, looked)));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What the statuses of all kinds have in common.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Looked {
    last_handled_request: Option<String>,
    conditions: Vec<Condition>,
}

impl Looked {
    /// The status of an object; empty where it has none that this version reads.
    fn at(object: &Value) -> Self {
        object.get("status").and_then(|status| Looked::deserialize(status).ok()).unwrap_or_default()
    }

    fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
    }

    /// What the condition Ready says.
    fn in_words(&self) -> String {
        match self.ready() {
            Some(Condition { status, reason, message, .. }) => format!("Ready is {status} ({reason}): {message}"),
            None => "nothing is known of Ready".to_owned(),
        }
    }
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

    #[test]
    fn what_was_looked_at_is_read_from_the_status_of_any_kind() {
        let condition = |type_: &str| {
            json!({"type": type_, "status": "False", "reason": "InvalidSpec", "message": "write a name",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let status = json!({"lastHandledRequest": "2026-01-02T00:00:00Z", "score": "91",
            "conditions": [condition("FeedHealthy"), condition("Ready")]});
        let looked = Looked::at(&json!({"spec": {}, "status": status}));
        assert_eq!(looked.last_handled_request.as_deref(), Some("2026-01-02T00:00:00Z"));
        assert_eq!(looked.in_words(), "Ready is False (InvalidSpec): write a name");
        for unknown in [json!({"spec": {}}), json!({"status": {"conditions": "none"}})] {
            assert_eq!(Looked::at(&unknown), Looked::default());
        }
        assert_eq!(Looked::default().in_words(), "nothing is known of Ready");
    }
}
