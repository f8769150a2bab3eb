//! The page `docs/first-contract.md`: from an empty cluster to a verdict on a CSV, by the commands that are written there.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::controlplane::{ADMIN, ControlPlane, ControlPlaneOptions, helm_path};
use crate::harness::path;
use crate::pages::{Shell, commands};

const PAGE: &str = "docs/first-contract.md";
/// What the page promises, without the build.
const PROMISED: Duration = Duration::from_secs(15 * 60);
/// Where the cluster's DNS would find the web server.
const INSIDE: &str = "http://figures.care.svc";

/// An operator that runs as its Deployment says; it ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does what the kubelet would: runs the operator with the arguments and as the service account of its Deployment.
///
/// The folder and the port are others, since the pod's own are not here, and feeds on loopback are allowed.
async fn run_the_deployment(plane: &ControlPlane, folder: &std::path::Path) -> Running {
    let get = ["get", "deployment", "bpo-operator", "--namespace", "bpo-system", "--output", "json"];
    let deployment: Value = serde_json::from_str(&plane.kubectl(&get).await.unwrap()).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "bpo-operator:0.1.0");
    let mut arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
    let get = ["get", "service", "figures", "--namespace", "care", "--output", "jsonpath={.spec.clusterIP}"];
    let allowed = format!("--feed-allow-network={}/32:80@care", plane.kubectl(&get).await.unwrap());
    assert!(arguments.contains(&allowed), "{allowed} is not in {arguments:?}");
    arguments.retain(|argument| !argument.starts_with("--data-dir"));
    arguments.push("--feed-allow-network=127.0.0.0/8".to_owned());
    let log = std::fs::File::create(folder.join("operator.log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_bpo-operator"))
        .args(arguments)
        .args(["--data-dir", path(&folder.join("evidence")), "--listen", "127.0.0.1:0"])
        .env("KUBECONFIG", plane.service_account_kubeconfig("bpo-system", "bpo-operator").await.unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Running(child)
}

/// Serves the ConfigMap of the API server, as the web server's pod would. Returns its address.
async fn serve_the_figures(plane: &ControlPlane) -> String {
    let get = ["get", "configmap", "figures", "--namespace", "care", "--output", r"jsonpath={.data.calls\.csv}"];
    let csv = plane.kubectl(&get).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/calls.csv", axum::routing::get(async move || csv));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_from_an_empty_cluster_to_a_verdict_on_a_csv() {
    let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["charts", "examples"] {
        std::os::unix::fs::symlink(repository.join(part), folder.path().join(part)).unwrap();
    }
    let mut shell = Shell::new(folder.path(), plane.kubectl_path(), &plane.kubeconfig(ADMIN).unwrap());
    // There is nothing to build an image with, and no node that would take it.
    for program in ["docker", "kind"] {
        shell.program(program, "#!/bin/sh\n");
    }
    std::os::unix::fs::symlink(helm_path().await.unwrap(), folder.path().join("bin/helm")).unwrap();
    for (name, value) in [("INSIDE", INSIDE), ("REACHED", INSIDE), ("HELM_CACHE_HOME", path(folder.path()))] {
        shell.set(name, value);
    }

    let began = Instant::now();
    let blocks = commands(PAGE, None);
    let [build, look, write, offline, publish, install, verdict] = blocks.as_slice() else {
        panic!("{} blocks of commands", blocks.len())
    };
    shell.run(build);
    let draft = shell.run(look);
    shell.run(write);
    let contract = std::fs::read_to_string(folder.path().join("first.yaml")).unwrap();
    let page = std::fs::read_to_string(repository.join(PAGE)).unwrap();
    let outputs: Vec<&str> = page.split("```text\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(draft.starts_with(outputs[0]), "{draft}\nis not\n{}", outputs[0]);
    let (_, format) = draft.split_once("format:\n").unwrap();
    let indented: String = format.lines().map(|line| format!("      {line}\n")).collect();
    assert!(contract.contains(&indented), "the contract has the draft's mapping:\n{indented}");
    // Figures and their signs are not parted at the end of a line.
    let without = shell.run(offline).replace('\u{a0}', " ");
    assert!(without.starts_with(outputs[1]), "{without}\nis not\n{}", outputs[1]);

    shell.run(publish);
    let served = serve_the_figures(&plane).await;
    shell.set("REACHED", &served);
    shell.run(install);
    let _operator = run_the_deployment(&plane, folder.path()).await;
    let shown = shell.run(verdict).replace('\u{a0}', " ");
    let took = began.elapsed();
    eprintln!("from the first command to the verdict: {:.1} s", took.as_secs_f64());
    assert!(shown.contains(outputs[1]), "{shown}");
    assert!(took < PROMISED, "{took:?}");
    let versions: Value = serde_json::from_str(&shell.run("kubectl bpo version -o json")).unwrap();
    assert_eq!(versions["plugin"], env!("CARGO_PKG_VERSION"));
    assert!(versions["operators"] == serde_json::json!([]) && versions["kubernetes"].is_string(), "{versions}");
}
