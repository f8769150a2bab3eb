//! Contracts and KpiTargets in a namespace, made by a client as fast as the API server takes them.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::harness::{Operator, Place};
use crate::looking;

/// How many requests are under way at once: as many as the operator looks at objects of two kinds.
const AT_ONCE: usize = 16;

/// The administrator's client.
pub(crate) async fn client(place: &Place) -> Client {
    looking::client(&place.installation.plane.kubeconfig(crate::controlplane::ADMIN).unwrap()).await
}

/// The operator's objects of a kind.
pub(crate) fn api(client: &Client, place: &Place, kind: &str, plural: &str) -> Api<DynamicObject> {
    objects(client, place, &GroupVersionKind::gvk("bpo-operator.io", "v1alpha1", kind), plural)
}

/// The objects of any kind.
pub(crate) fn objects(client: &Client, place: &Place, kind: &GroupVersionKind, plural: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), &place.namespace, &ApiResource::from_gvk_with_plural(kind, plural))
}

/// A contract over one feed, and its KpiTarget.
pub(crate) struct Pair {
    pub contract: Value,
    pub kpi: Value,
}

/// A contract `NAME` over one feed, with a KpiTarget of that name. `more` changes the contract's spec.
pub(crate) fn pair(name: &str, term: (&str, &str), feed: Value, more: &Value) -> Pair {
    let mut spec = json!({
        "vendor": {"name": "Acme"}, "term": {"start": term.0, "end": term.1}, "timeZone": "UTC", "firstCloseAfter": "0h",
        "feeds": [feed],
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let object = |kind: &str, spec: Value| json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let kpi = json!({
        "contractRef": {"name": name}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": 80},
    });
    Pair { contract: object("VendorContract", spec), kpi: object("KpiTarget", kpi) }
}

/// Makes all of them.
pub(crate) async fn create(client: &Client, place: &Place, pairs: Vec<Pair>) {
    let contracts = api(client, place, "VendorContract", "vendorcontracts");
    let kpis = api(client, place, "KpiTarget", "kpitargets");
    create_all(pairs.into_iter().flat_map(|pair| [(contracts.clone(), pair.contract), (kpis.clone(), pair.kpi)])).await;
}

/// Makes objects.
pub(crate) async fn create_all(all: impl Iterator<Item = (Api<DynamicObject>, Value)>) {
    let made = stream::iter(all).map(|(api, object)| async move {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", object.name_any()));
    });
    made.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Merges a patch into each of some objects.
pub(crate) async fn patch_all(api: &Api<DynamicObject>, names: impl Iterator<Item = String>, patch: &Value) {
    let parameters = PatchParams::default();
    let patched = stream::iter(names).map(|name| {
        let (parameters, patch) = (&parameters, Patch::Merge(patch));
        async move {
            api.patch(&name, parameters, &patch).await.map(|_| ()).unwrap_or_else(|error| panic!("{name}: {error}"))
        }
    });
    patched.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// How many server-side applies a second the API server takes when nobody else works: of statuses, as the operator writes them.
pub(crate) async fn write_limit(client: &Client, place: &Place, writes: usize) -> f64 {
    let tiers = api(client, place, "ServiceTier", "servicetiers");
    let name = |place: usize| format!("raw-{}", place % (4 * AT_ONCE));
    let document = |place: usize| {
        let condition = json!({"type": "Ready", "status": "True", "reason": "Reconciled", "message": place.to_string(),
            "lastTransitionTime": Timestamp::from_second(place as i64).unwrap()});
        json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "ServiceTier", "metadata": {"name": name(place)},
            "status": {"observedGeneration": 1, "conditions": [condition]}})
    };
    for place in 0..4 * AT_ONCE {
        let object = json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "ServiceTier", "metadata": {"name": name(place)}, "spec": {"rank": 1}});
        tiers.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }
    let parameters = PatchParams::apply("bench").force();
    let began = std::time::Instant::now();
    let written = stream::iter(0..writes).map(|place| {
        let (tiers, parameters, document, name) = (&tiers, &parameters, document(place), name(place));
        async move { tiers.patch_status(&name, parameters, &Patch::Apply(&document)).await.map(|_| ()).unwrap() }
    });
    written.buffer_unordered(AT_ONCE).collect::<()>().await;
    writes as f64 / began.elapsed().as_secs_f64()
}

/// When a user wrote in this namespace, as the API server's audit log shows.
pub(crate) fn writes(place: &Place, user: &str) -> Vec<Timestamp> {
    let events = place.installation.plane.audit_events().unwrap();
    let theirs = events.iter().filter(|event| event.user == user && event.namespace == place.namespace);
    theirs.filter(|event| event.is_write()).map(|event| event.received).collect()
}

/// The sum of a metric of the operator.
pub(crate) async fn metric(operator: &Operator, name: &str) -> f64 {
    let (_, text) = operator.http("/metrics").await;
    let series = text.lines().filter_map(|line| line.strip_prefix(name));
    let series = series.filter(|rest| rest.starts_with('{') || rest.starts_with(' '));
    series.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
