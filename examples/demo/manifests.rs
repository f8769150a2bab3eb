//! What is applied: the definitions, the operator's rights, the examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use super::cluster::find_on_path;
use super::controlplane;
use super::failure::{Failure, OrAdvise, Result};
use super::vendor::VendorServer;

const ADVICE: &str = "run the demo from a complete checkout of the project";

/// A folder of the project.
pub(crate) fn project_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// All documents of all YAML files of a folder, files by name.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Value>> {
    let reading = format!("reading {}", folder.display());
    let entries = fs::read_dir(folder).or_advise(&reading, ADVICE)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut documents = Vec::new();
    for file in files {
        let reading = format!("reading {}", file.display());
        let text = fs::read_to_string(&file).or_advise(&reading, ADVICE)?;
        documents.extend(parse(&text).or_advise(&reading, ADVICE)?);
    }
    match documents.is_empty() {
        true => Err(Failure::new(format!("{} has no YAML files", folder.display()), ADVICE)),
        false => Ok(documents),
    }
}

/// All documents of a YAML text.
pub(crate) fn parse(text: &str) -> std::result::Result<Vec<Value>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Documents one after the other, for kubectl's standard input.
pub(crate) fn as_stream(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}

/// An example's documents for the demo: the same except for the vendor's address and token, and for how often a feed is
/// fetched where the example leaves that at five minutes, which the rehearsal's clock would pass 800 times a second.
pub(crate) fn for_the_vendor(documents: Vec<Value>, vendor: &VendorServer, token: &str) -> Vec<Value> {
    documents.into_iter().map(|document| redirect(document, vendor, token)).collect()
}

fn redirect(mut document: Value, vendor: &VendorServer, token: &str) -> Value {
    match document.get("kind").and_then(Value::as_str) {
        Some("VendorContract") => {
            let feeds = document.pointer_mut("/spec/feeds").and_then(Value::as_array_mut);
            for feed in feeds.into_iter().flatten().filter_map(Value::as_object_mut) {
                redirect_feed(feed, vendor);
            }
        }
        Some("Secret") => {
            let host = vendor.address().ip().to_string();
            if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("annotations".to_owned(), json!({"bpo-operator.io/allowed-hosts": host}));
            }
            if let Some(secret) = document.as_object_mut() {
                secret.insert("stringData".to_owned(), json!({"token": token}));
            }
        }
        _ => {}
    }
    document
}

fn redirect_feed(feed: &mut Map<String, Value>, vendor: &VendorServer) {
    let url = feed.get("url").and_then(Value::as_str).unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    feed.insert("url".to_owned(), json!(vendor.url(&name)));
    if !feed.contains_key("interval") {
        feed.extend([
            ("interval".to_owned(), json!("12h")),
            ("lateness".to_owned(), json!("48h")),
            ("lookBack".to_owned(), json!("7d")),
        ]);
    }
}

/// What the operator may do, as its chart says.
pub(crate) struct Rights {
    /// The namespace, the service account, the roles and their bindings, the admission policy.
    pub documents: Vec<Value>,
    /// Who the operator is.
    pub service_account: String,
}

/// The kinds of the chart's manifests that say who the operator is and what it may do.
const RIGHTS: [&str; 7] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ServiceAccount",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// Renders the chart and takes what the operator may do; the Deployment is left out, since the operator runs here.
pub(crate) async fn operator_rights(namespace: &str) -> Result<Rights> {
    const ADVICE: &str = "install helm, or Go to build it";
    let helm = match find_on_path("helm") {
        Some(path) => path,
        None => controlplane::helm_path().await.or_advise("building helm", ADVICE)?,
    };
    let rendering = Command::new(helm)
        .args(["template", "bpo-operator"])
        .arg(project_folder("charts/bpo-operator"))
        .args(["--namespace", namespace])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = rendering.await.or_advise("rendering the chart", ADVICE)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::new(format!("rendering the chart failed: {said}"), ADVICE));
    }
    let rendered = parse(&String::from_utf8_lossy(&output.stdout)).or_advise("reading the rendered chart", ADVICE)?;
    let kind = |document: &Value| document.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let rights: Vec<Value> = rendered.into_iter().filter(|found| RIGHTS.contains(&kind(found).as_str())).collect();
    let account = rights.iter().find(|document| kind(document) == "ServiceAccount");
    let service_account = account.and_then(|found| found.pointer("/metadata/name")).and_then(Value::as_str);
    let service_account =
        service_account.ok_or_else(|| Failure::new("the chart has no ServiceAccount", ADVICE))?.to_owned();
    let mut documents = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    documents.extend(rights);
    Ok(Rights { documents, service_account })
}
