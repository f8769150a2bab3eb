//! The repository of `docs/gitops`: what Kustomize builds of it is accepted, the chart takes its values, and each path leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::controlplane::kubectl_path;

use super::helm::{render, repository, strings};

fn folder() -> PathBuf {
    repository().join("docs/gitops/repository")
}

/// The objects of a file of the repository.
fn objects(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

/// What Kustomize builds of a folder, as text.
async fn built(folder: &Path) -> String {
    let output = Command::new(kubectl_path().await.unwrap()).arg("kustomize").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What `kubectl bpo lint` says of manifests: its exit code and its output.
fn lint(manifests: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["lint", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), manifests.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_contracts_are_accepted_as_kustomize_builds_them_and_bare_dates_are_not() {
    let contracts = built(&folder().join("contracts")).await;
    let (code, said) = lint(&contracts);
    assert!(code == Some(0) && said.contains(" 0 errors, "), "{said}");
    let team: Vec<Value> = serde_saphyr::from_multiple(&contracts).unwrap();
    assert_eq!(team.iter().filter(|object| object["metadata"]["namespace"] == "care").count(), 2, "{contracts}");

    // The page says so, and would be wrong the day that Kustomize keeps them.
    let bare = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder().join("contracts/care")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap().replace('"', "");
        fs::write(bare.path().join(file.file_name().unwrap()), text).unwrap();
    }
    let bare = built(bare.path()).await;
    let (code, said) = lint(&bare);
    assert!(
        bare.contains("2026-01-01T00:00:00Z") && code == Some(2) && said.contains("spec.term.end"),
        "{bare}\n{said}"
    );
}

#[tokio::test]
async fn the_chart_takes_the_values_that_both_tools_give_it() {
    let release = objects("operator/release.yaml").remove(0);
    let application = objects("argocd/operator.yaml").remove(0);
    assert_eq!(
        release["spec"]["values"], application["spec"]["source"]["helm"]["valuesObject"],
        "both install the same"
    );
    let namespaces: Vec<Value> = ["care"].map(Value::from).to_vec();
    assert_eq!(release["spec"]["values"]["namespaces"], Value::from(namespaces));
    assert!(!render(&release["spec"]["values"]).await.is_empty());
    for chart in [&release["spec"]["chart"]["spec"]["chart"], &application["spec"]["source"]["path"]] {
        let chart = chart.as_str().unwrap().trim_start_matches("./");
        assert!(repository().join(chart).join("Chart.yaml").is_file(), "{chart}");
    }
    let tag = &objects("operator/source.yaml").remove(0)["spec"]["ref"]["tag"];
    assert_eq!(
        (tag, tag),
        (&application["spec"]["source"]["targetRevision"], &format!("v{}", env!("CARGO_PKG_VERSION")).into())
    );
}

#[tokio::test]
async fn each_path_of_the_repository_leads_to_a_folder_that_builds() {
    let paths = [
        objects("clusters/production/operator.yaml").remove(0)["spec"]["path"].clone(),
        objects("clusters/production/contracts.yaml").remove(0)["spec"]["path"].clone(),
        objects("argocd/contracts.yaml").remove(0)["spec"]["source"]["path"].clone(),
    ];
    for path in paths {
        let path = path.as_str().unwrap();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&built(&folder().join(path)).await).unwrap();
        assert!(objects.iter().any(|object| object["kind"] == "Namespace"), "{path}");
    }
    let contracts = objects("clusters/production/contracts.yaml").remove(0);
    assert_eq!(
        contracts["spec"]["dependsOn"][0]["name"],
        objects("clusters/production/operator.yaml")[0]["metadata"]["name"]
    );
    let checks = fs::read_to_string(repository().join("docs/gitops/flux-health-checks.yaml")).unwrap();
    assert_eq!(contracts["spec"]["healthCheckExprs"], serde_saphyr::from_str::<Value>(&checks).unwrap());
    let sync = &objects("argocd/contracts.yaml")[0]["spec"]["syncPolicy"]["syncOptions"];
    assert!(strings(sync).contains(&"ServerSideApply=true"), "{sync}");
}
