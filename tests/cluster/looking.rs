//! Reading objects of the API server without a process for each look: tests look many times a second.

use std::path::Path;

use kube::api::{Api, DynamicObject, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Client, Config};
use serde_json::Value;

const GROUP: &str = "bpo-operator.io";

/// How often the API server is asked where connections break before it answers.
const TRIES: u32 = 5;

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
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The objects of a kind in a namespace, by its short name, its kind or its plural.
fn objects(client: &Client, namespace: &str, kind: &str) -> (Api<DynamicObject>, ApiResource) {
    let known = KINDS
        .iter()
        .find(|(short, _, _, name, plural)| [short, name, plural].iter().any(|known| known.eq_ignore_ascii_case(kind)));
    let (_, group, version, kind, plural) =
        known.unwrap_or_else(|| panic!("{kind}: add it to the kinds that tests look at"));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    (Api::namespaced_with(client.clone(), namespace, &resource), resource)
}

/// An object, or `None`.
pub(crate) async fn get(client: &Client, namespace: &str, kind: &str, name: &str) -> Option<Value> {
    let (api, resource) = objects(client, namespace, kind);
    let found = answered(async || api.get_opt(name).await).await;
    let found = found.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    found.map(|object| shown(object, &resource))
}

/// All objects of a kind, or of several with commas between them.
pub(crate) async fn list(client: &Client, namespace: &str, kinds: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in kinds.split(',') {
        let (api, resource) = objects(client, namespace, kind);
        let found = answered(async || api.list(&ListParams::default()).await).await;
        let found = found.unwrap_or_else(|error| panic!("{kind}: {error}"));
        all.extend(found.items.into_iter().map(|object| shown(object, &resource)));
    }
    all
}

/// Asks, and asks again where the connection broke.
async fn answered<T>(ask: impl AsyncFn() -> Result<T, kube::Error>) -> Result<T, kube::Error> {
    for _ in 1..TRIES {
        match ask().await {
            Err(error @ (kube::Error::Service(_) | kube::Error::HyperError(_))) => eprintln!("asked again: {error}"),
            answer => return answer,
        }
    }
    ask().await
}

/// What kubectl shows: with apiVersion and kind, which the items of a list lack, and without the bookkeeping of who wrote which field.
fn shown(mut object: DynamicObject, resource: &ApiResource) -> Value {
    let types = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
    object.types.get_or_insert(types);
    object.metadata.managed_fields = None;
    serde_json::to_value(object).unwrap()
}
