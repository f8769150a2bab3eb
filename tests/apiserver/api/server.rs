//! An API server with the CRDs, and how the tests speak with it.

use std::path::{Path, PathBuf};

use kube::api::{Api, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use bpo_operator::api::schema::custom_resource_definitions;
use bpo_operator::api::{GROUP, VERSION};
use testkit::controlplane::{ADMIN, ControlPlane};

/// The kinds and their plurals.
pub(crate) const KINDS: [(&str, &str); 5] = [
    ("VendorContract", "vendorcontracts"),
    ("ServiceTier", "servicetiers"),
    ("KpiTarget", "kpitargets"),
    ("CampaignLaunch", "campaignlaunches"),
    ("SlaReport", "slareports"),
];

/// The control plane of this file's tests, with the CRDs established.
pub(crate) async fn control_plane() -> &'static ControlPlane {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let control_plane = ControlPlane::shared().await.unwrap();
    INSTALLED
        .get_or_init(|| async {
            let items: Vec<Value> =
                custom_resource_definitions().unwrap().into_iter().map(|(_, document)| document).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
            control_plane.kubectl_with_input(&["apply", "--server-side", "--filename", "-"], &list).await.unwrap();
            let names: Vec<String> = KINDS.iter().map(|(_, plural)| format!("crd/{plural}.{GROUP}")).collect();
            let mut wait = vec!["wait", "--for=condition=Established", "--timeout=60s"];
            wait.extend(names.iter().map(String::as_str));
            control_plane.kubectl(&wait).await.unwrap();
        })
        .await;
    control_plane
}

/// A client of one test. Clients are bound to the test's own runtime, so each test makes its own.
pub(crate) async fn client(control_plane: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig(ADMIN).unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The objects of a kind in a namespace.
pub(crate) fn objects(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let plural = KINDS.iter().find(|(known, _)| *known == kind).unwrap().1;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Creates an object; with `dry_run` the server only says whether it would. The error is the server's message.
pub(crate) async fn create(
    client: &Client,
    namespace: &str,
    object: &Value,
    dry_run: bool,
) -> Result<DynamicObject, String> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap();
    let typed: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let parameters = PostParams { dry_run, ..PostParams::default() };
    objects(client, namespace, kind).create(&parameters, &typed).await.map_err(message)
}

/// The server's words.
pub(crate) fn message(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// The YAML files of a folder below `examples/reference`.
pub(crate) fn reference_files(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/reference").join(folder);
    let entries = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

/// The objects of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// All objects of the reference examples.
pub(crate) fn reference_objects() -> Vec<Value> {
    let files = [reference_files(""), reference_files("minimal")].concat();
    files.iter().flat_map(|path| documents(&std::fs::read_to_string(path).unwrap())).collect()
}
