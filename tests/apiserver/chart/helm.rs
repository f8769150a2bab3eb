//! The real helm, with nothing of the user's: no configuration, no cache, no plugins.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use testkit::controlplane::{Output, helm_path};

/// The name and the namespace that the chart is rendered for.
pub(crate) const RELEASE: &str = "bpo";
pub(crate) const NAMESPACE: &str = "bpo-system";

/// The name of the release's objects.
pub(crate) const FULL_NAME: &str = "bpo-bpo-operator";

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn chart() -> PathBuf {
    repository().join("charts/bpo-operator")
}

/// Runs helm with `values` as its standard input, for `--values -`.
pub(crate) async fn helm(arguments: &[&str], values: &Value) -> Output {
    let home = TempDir::new().unwrap();
    let mut child = Command::new(helm_path().await.unwrap())
        .args(arguments)
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_DATA_HOME", home.path())
        .env_remove("KUBECONFIG")
        .env_remove("HELM_NAMESPACE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What helm says to these values when it renders the chart.
pub(crate) async fn template(values: &Value) -> Output {
    let chart = chart();
    let arguments = ["template", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE, "--values", "-"];
    helm(&arguments, values).await
}

/// The objects that the chart renders with these values, without the CRDs.
pub(crate) async fn render(values: &Value) -> Vec<Value> {
    let output = template(values).await;
    assert!(output.is_success(), "{values}: {output}");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&output.stdout).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// All objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The only object of a kind.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = of_kind(objects, kind);
    let [object] = found.as_slice() else { panic!("{} of kind {kind}, not one: {found:#?}", found.len()) };
    object
}

/// The strings of a list.
pub(crate) fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().map(|item| item.as_str().unwrap()).collect()).unwrap_or_default()
}
