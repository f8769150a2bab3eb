//! The control plane of the tests is itself tested: what other tests rely on is true of it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use controlplane::{ADMIN, AuditEvent, ControlPlane, ControlPlaneError, ControlPlaneOptions, Identity};
use testkit::controlplane;

/// How long an effect may take, and how long to wait between two looks.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Asks kubectl until it succeeds and prints `expected`.
async fn wait_for(control_plane: &ControlPlane, arguments: &[&str], expected: &str) {
    let begin = Instant::now();
    loop {
        let answer = control_plane.kubectl(arguments).await;
        if answer.as_ref().is_ok_and(|found| found.trim() == expected) {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "kubectl {arguments:?} answers {answer:?}, not {expected:?}");
        tokio::time::sleep(POLL).await;
    }
}

fn writes_of<'a>(events: &'a [AuditEvent], namespace: &str, resource: &str) -> Vec<&'a AuditEvent> {
    let wanted = |event: &&AuditEvent| event.namespace == namespace && event.resource == resource && event.is_write();
    events.iter().filter(wanted).collect()
}

#[tokio::test]
async fn every_write_is_in_the_audit_log_once() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let manifest =
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hours"}, "data": {"open": "09:00"}}"#;
    let apply = ["apply", "--server-side", "--namespace", &namespace, "--filename", "-"];
    control_plane.kubectl_with_input(&apply, manifest).await.unwrap();
    control_plane.kubectl(&["get", "configmap", "hours", "--namespace", &namespace]).await.unwrap();

    let events = control_plane.audit_events().unwrap();
    let ours: Vec<_> = writes_of(&events, &namespace, "configmaps").into_iter().filter(|e| e.user == ADMIN).collect();
    let [write] = ours.as_slice() else { panic!("not one write: {ours:#?}") };
    assert_eq!((write.verb.as_str(), write.name.as_str(), write.code), ("patch", "hours", 201));
    assert!(events.iter().any(|event| event.verb == "get" && event.name == "hours" && !event.is_write()));
}

#[tokio::test]
async fn a_service_account_may_do_what_its_roles_say() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let kubeconfig = control_plane.service_account_kubeconfig(&namespace, "default").await.unwrap();
    let get = ["get", "configmaps", "--namespace", &namespace];

    let refused = control_plane.kubectl_as(&kubeconfig, &get, "").await.unwrap();
    let user = format!("system:serviceaccount:{namespace}:default");
    assert!(!refused.is_success() && refused.stderr.contains(&user), "{refused}");

    let account = format!("--serviceaccount={namespace}:default");
    control_plane
        .kubectl(&["create", "rolebinding", "view", "--clusterrole=view", &account, "--namespace", &namespace])
        .await
        .unwrap();
    let begin = Instant::now();
    while !control_plane.kubectl_as(&kubeconfig, &get, "").await.unwrap().is_success() {
        assert!(begin.elapsed() < DEADLINE, "the role binding has no effect");
        tokio::time::sleep(POLL).await;
    }

    let codes: Vec<u16> = control_plane
        .audit_events()
        .unwrap()
        .into_iter()
        .filter(|event| event.user == user && event.resource == "configmaps")
        .map(|event| event.code)
        .collect();
    assert_eq!((codes.first(), codes.last()), (Some(&403), Some(&200)));
}

#[tokio::test]
async fn the_operators_client_trusts_the_server_by_the_kubeconfig() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.kubeconfig(ADMIN).unwrap()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let client = kube::Client::try_from(config).unwrap();
    assert!(client.apiserver_version().await.unwrap().git_version.starts_with("v1."));
}

#[tokio::test]
async fn a_namespace_may_enforce_the_restricted_standard_for_pods() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let run = ["run", "pod", "--image=image", "--dry-run=server", "--namespace", &namespace];
    control_plane.kubectl(&run).await.unwrap();
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    control_plane.kubectl(&["label", "namespace", &namespace, enforce]).await.unwrap();
    let error = control_plane.kubectl(&run).await.unwrap_err().to_string();
    assert!(error.contains("violates PodSecurity \"restricted"), "{error}");
}

#[tokio::test]
async fn a_thousand_objects_go_through_one_call_of_kubectl() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let item = |number: u32| {
        let name = format!("object-with-a-name-that-is-long-enough-to-fill-the-pipe-{number}");
        serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}).to_string()
    };
    let manifests = (0..1_000).map(item).collect::<Vec<_>>().join("\n---\n");
    let create = ["create", "--namespace", &namespace, "--filename", "-"];
    let printed = control_plane.kubectl_with_input(&create, &manifests).await.unwrap();
    assert_eq!(printed.lines().count(), 1_000);
}

#[tokio::test]
async fn what_a_deleted_object_owns_is_collected() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let create = ["create", "configmap", "owner", "--namespace", &namespace, "--output=jsonpath={.metadata.uid}"];
    let uid = control_plane.kubectl(&create).await.unwrap();
    let owned = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "owned",
            "namespace": namespace,
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid.trim()}],
        },
    });
    control_plane.kubectl_with_input(&["create", "--filename", "-"], &owned.to_string()).await.unwrap();

    control_plane.kubectl(&["delete", "configmap", "owner", "--namespace", &namespace]).await.unwrap();
    let list = ["get", "configmap", "owned", "--namespace", &namespace, "--ignore-not-found"];
    wait_for(control_plane, &list, "").await;
}

#[tokio::test]
async fn a_deleted_namespace_goes_away() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    control_plane.kubectl(&["delete", "namespace", &namespace, "--timeout=60s"]).await.unwrap();
    wait_for(control_plane, &["get", "namespace", &namespace, "--ignore-not-found"], "").await;
}

#[tokio::test]
async fn identities_and_data_outlast_the_api_server_and_nothing_outlasts_the_control_plane() {
    let reader = Identity { user: "reader".to_owned(), groups: vec!["readers".to_owned()] };
    let options = ControlPlaneOptions { identities: vec![reader], ..ControlPlaneOptions::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    control_plane.kubectl(&["create", "configmap", "kept", "--namespace", &namespace]).await.unwrap();
    let get = ["get", "configmap", "kept", "--namespace", &namespace, "--output=name"];

    control_plane.pause_api_server().unwrap();
    let impatient = [get.as_slice(), &["--request-timeout=1s"]].concat();
    assert!(control_plane.kubectl(&impatient).await.is_err(), "a paused server answers");
    control_plane.resume_api_server().unwrap();
    wait_for(&control_plane, &get, "configmap/kept").await;

    control_plane.stop_api_server().unwrap();
    let refused = control_plane.kubectl(&get).await.unwrap_err();
    assert!(matches!(refused, ControlPlaneError::Kubectl { .. }), "{refused}");
    control_plane.start_api_server().await.unwrap();
    wait_for(&control_plane, &get, "configmap/kept").await;

    let reader = control_plane.kubeconfig("reader").unwrap();
    let output = control_plane.kubectl_as(&reader, &["auth", "whoami"], "").await.unwrap();
    assert!(output.is_success() && output.stdout.contains("readers"), "{output}");
    assert!(matches!(control_plane.kubeconfig("nobody"), Err(ControlPlaneError::UnknownIdentity { .. })));

    let folder = control_plane.folder().to_owned();
    assert!(!processes_that_name(&folder).is_empty());
    drop(control_plane);
    assert_eq!((folder.exists(), processes_that_name(&folder)), (false, vec![]));
}

/// The command lines of all processes that have a path in them.
fn processes_that_name(path: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .map(|command_line| String::from_utf8_lossy(&command_line).replace('\0', " "))
        .filter(|command_line| command_line.contains(&*path.to_string_lossy()))
        .collect()
}

#[tokio::test]
async fn nothing_outlasts_a_process_that_is_killed() {
    // The process to kill is this very test once more: a control plane ends with its process, so it takes another one.
    if std::env::var_os(WAIT_TO_BE_KILLED).is_some() {
        let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
        println!("{FOLDER_MARK}{}", control_plane.folder().display());
        return std::future::pending().await;
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "control_plane::nothing_outlasts_a_process_that_is_killed", "--nocapture"])
        .env(WAIT_TO_BE_KILLED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let folder = lines.filter_map(|line| Some(line.split_once(FOLDER_MARK)?.1.to_owned())).next();
    process.kill().unwrap();
    process.wait().unwrap();

    let folder = PathBuf::from(folder.expect("the process starts a control plane"));
    let begin = Instant::now();
    while folder.exists() || !processes_that_name(&folder).is_empty() {
        assert!(begin.elapsed() < DEADLINE, "left: {:?}", processes_that_name(&folder));
        tokio::time::sleep(POLL).await;
    }
}

/// Set in the process that starts a control plane for the sake of being killed.
const WAIT_TO_BE_KILLED: &str = "CONTROLPLANE_WAIT_TO_BE_KILLED";
const FOLDER_MARK: &str = "started in ";

/// Options with which the API server ends at once, and so does the start, with an error.
fn broken_options() -> ControlPlaneOptions {
    ControlPlaneOptions { api_server_arguments: vec!["--no-such-flag".to_owned()], ..ControlPlaneOptions::default() }
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let error = ControlPlane::start(broken_options()).await.unwrap_err().to_string();
    assert!(error.starts_with("kube-apiserver ended with"), "{error}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
}

#[tokio::test]
async fn a_start_removes_the_folders_of_dead_runs_only() {
    let alive = ControlPlane::shared().await.unwrap().folder();
    let dead = alive.with_file_name("run-dead");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    ControlPlane::start(broken_options()).await.unwrap_err();
    assert_eq!((alive.exists(), dead.exists()), (true, false));
}

#[tokio::test]
async fn the_chart_tools_report_their_versions() {
    let version_of = async |path: PathBuf, argument: &str| {
        let output = tokio::process::Command::new(path).arg(argument).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let helm = controlplane::helm_path().await.unwrap();
    assert!(version_of(helm, "version").await.contains("v4."));
    let kubeconform = controlplane::kubeconform_path().await.unwrap();
    assert!(version_of(kubeconform, "-v").await.starts_with('v'));
}
