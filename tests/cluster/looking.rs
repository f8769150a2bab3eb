//! Reading objects of the API server without a process for each look: tests look many times a second.

use std::path::Path;

use kube::api::{Api, DynamicObject, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::Value;

const GROUP: &str = "bpo-operator.io";

/// What tests look at: the name that kubectl knows, group, version, kind and plural.
const KINDS: [(&str, &str, &str, &str, &str); 6] = [
    ("vc", GROUP, "v1alpha1", "VendorContract", "vendorcontracts"),
    ("kpi", GROUP, "v1alpha1", "KpiTarget", "kpitargets"),
    ("st", GROUP, "v1alpha1", "ServiceTier", "servicetiers"),
    ("cl", GROUP, "v1alpha1", "CampaignLaunch", "campaignlaunches"),
    ("slar", GROUP, "v1alpha1", "SlaReport", "slareports"),
    ("events", "", "v1", "Event", "events"),
];

/// The client of a kubeconfig. It belongs to the runtime that makes it, so each test makes its own.
pub async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The objects of a kind in a namespace. The kind is one of the six short names, or any of their plurals.
fn objects(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let known = KINDS.iter().find(|(short, .., plural)| *short == kind || *plural == kind);
    let (_, group, version, kind, plural) =
        known.unwrap_or_else(|| panic!("{kind}: add it to the kinds that tests look at"));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// An object, or `None`.
pub async fn get(client: &Client, namespace: &str, kind: &str, name: &str) -> Option<Value> {
    let found = objects(client, namespace, kind).get_opt(name).await;
    found.unwrap_or_else(|error| panic!("{kind} {name}: {error}")).map(shown)
}

/// All objects of a kind.
pub async fn list(client: &Client, namespace: &str, kind: &str) -> Vec<Value> {
    let found = objects(client, namespace, kind).list(&ListParams::default()).await;
    found.unwrap_or_else(|error| panic!("{kind}: {error}")).items.into_iter().map(shown).collect()
}

/// What kubectl shows: without the bookkeeping of who wrote which field.
fn shown(mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    serde_json::to_value(object).unwrap()
}
