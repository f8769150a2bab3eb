//! The chart on a real API server: it is installed, and what it installs does what it is there for.

mod people;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::helm::{FULL_NAME, NAMESPACE, RELEASE, chart, helm, render};
use super::rendering::everything;
use testkit::controlplane::{ADMIN, ControlPlane, Output};

/// How long an effect may take, and how long to wait between two looks.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Runs `helm COMMAND RELEASE CHART` in a namespace of the control plane.
async fn helm_on(control_plane: &ControlPlane, command: &str, release: &str, namespace: &str, values: &Value) {
    let (kubeconfig, chart) = (control_plane.kubeconfig(ADMIN).unwrap(), chart());
    let mut arguments = vec![command, release];
    if command != "uninstall" {
        arguments.extend([chart.to_str().unwrap(), "--values", "-"]);
    }
    arguments.extend(["--namespace", namespace, "--kubeconfig", kubeconfig.to_str().unwrap()]);
    let output = helm(&arguments, values).await;
    assert!(output.is_success(), "helm {arguments:?}: {output}");
}

/// Asks until the answer is accepted.
async fn wait_until(what: &str, ask: impl AsyncFn() -> Output, accepted: impl Fn(&Output) -> bool) -> Output {
    let begin = Instant::now();
    loop {
        let output = ask().await;
        if accepted(&output) {
            return output;
        }
        assert!(begin.elapsed() < DEADLINE, "{what}: {output}");
        tokio::time::sleep(POLL).await;
    }
}

/// Runs kubectl as `admin`; any exit code is accepted.
async fn kubectl(control_plane: &ControlPlane, arguments: &[&str]) -> Output {
    control_plane.kubectl_as(&control_plane.kubeconfig(ADMIN).unwrap(), arguments, "").await.unwrap()
}

async fn create_namespace(control_plane: &ControlPlane, name: &str) {
    control_plane.kubectl(&["create", "namespace", name]).await.unwrap();
    control_plane
        .kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"])
        .await
        .unwrap();
}

/// A name for what no other test of this file may have, namespaced or not.
fn names(test: &str) -> (String, String) {
    (format!("{test}-bpo-operator"), format!("{test}-system"))
}

#[tokio::test]
async fn the_api_server_takes_every_object_without_a_warning() {
    let control_plane = ControlPlane::shared().await.unwrap();
    for namespace in [NAMESPACE, "one", "two"] {
        create_namespace(control_plane, namespace).await;
    }
    for values in [vec![json!({})], everything().to_vec()].concat() {
        let mut objects = render(&values).await;
        // The Prometheus operator's kind is not there.
        objects.retain(|object| object["kind"] != "ServiceMonitor" && object["kind"] != "PrometheusRule");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-"];
        let kubeconfig = control_plane.kubeconfig(ADMIN).unwrap();
        let output = control_plane.kubectl_as(&kubeconfig, &apply, &list).await.unwrap();
        // In a namespace that enforces `restricted`, the server warns of a Deployment whose pods it would refuse.
        assert!(output.is_success() && output.stderr.is_empty(), "{values}: {output}");
        assert_eq!(output.stdout.lines().count(), objects.len(), "{output}");
    }
}

/// A control plane of its own, with controllers: what a test does concerns the whole cluster.
pub(super) async fn own_control_plane() -> ControlPlane {
    let options = testkit::controlplane::ControlPlaneOptions { controller_manager: true, ..Default::default() };
    ControlPlane::start(options).await.unwrap()
}

/// Values of a release that shares the cluster with those of other tests: its roles have names of their own, and it leaves out the
/// policies, which are for the whole cluster, where another test wants to see what is without them.
pub(super) fn beside_others(release: &str) -> Value {
    json!({"admissionPolicy": {"create": false}, "userRoles": {"namePrefix": release}})
}

#[tokio::test]
async fn it_is_installed_with_its_kinds_and_uninstalled_without_the_evidence() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let (release, namespace) = names("installed");
    create_namespace(control_plane, &namespace).await;
    let values = beside_others(&release);
    helm_on(control_plane, "install", &release, &namespace, &values).await;

    let label = format!("app.kubernetes.io/instance={release}");
    let kinds = "serviceaccounts,deployments,services,persistentvolumeclaims,roles,rolebindings";
    let list = ["get", kinds, "--selector", &label, "--namespace", &namespace, "--output=name"];
    let mut found: Vec<String> = control_plane.kubectl(&list).await.unwrap().lines().map(str::to_owned).collect();
    found.sort();
    let expected = [
        format!("deployment.apps/{release}"),
        format!("persistentvolumeclaim/{release}-evidence"),
        format!("role.rbac.authorization.k8s.io/{release}-lease"),
        format!("rolebinding.rbac.authorization.k8s.io/{release}-lease"),
        format!("service/{release}"),
        format!("serviceaccount/{release}"),
    ];
    assert_eq!(found, expected);
    for kind in ["campaignlaunches", "kpitargets", "servicetiers", "slareports", "vendorcontracts"] {
        let crd = format!("crd/{kind}.bpo-operator.io");
        control_plane.kubectl(&["wait", "--for=condition=Established", &crd, "--timeout=60s"]).await.unwrap();
    }

    helm_on(control_plane, "uninstall", &release, &namespace, &json!({})).await;
    let left = control_plane.kubectl(&list).await.unwrap();
    assert_eq!(left.trim(), format!("persistentvolumeclaim/{release}-evidence"));
    control_plane.kubectl(&["get", "crd", "slareports.bpo-operator.io"]).await.unwrap();
    // A release of the same name takes the evidence up again.
    helm_on(control_plane, "install", &release, &namespace, &values).await;
    helm_on(control_plane, "uninstall", &release, &namespace, &json!({})).await;
}

#[tokio::test]
async fn a_release_takes_the_definitions_over_upgrades_them_and_leaves_them_when_it_goes() {
    // A control plane of its own: the definitions are for the whole cluster.
    let control_plane = &own_control_plane().await;
    create_namespace(control_plane, NAMESPACE).await;
    helm_on(control_plane, "install", RELEASE, NAMESPACE, &json!({})).await;
    let crd = "vendorcontracts.bpo-operator.io";
    let older =
        r#"{"metadata": {"annotations": {"of": "an older version"}}, "spec": {"names": {"shortNames": ["old"]}}}"#;
    control_plane.kubectl(&["patch", "crd", crd, "--type=merge", "--patch", older]).await.unwrap();
    let short_names = async || {
        let get = ["get", "crd", crd, "--output=jsonpath={.spec.names.shortNames}"];
        control_plane.kubectl(&get).await.unwrap()
    };
    helm_on(control_plane, "upgrade", RELEASE, NAMESPACE, &json!({})).await;
    assert_eq!(short_names().await, r#"["old"]"#, "helm itself does not touch them");

    let (kubeconfig, chart) = (control_plane.kubeconfig(ADMIN).unwrap(), chart());
    let take_over =
        ["upgrade", RELEASE, chart.to_str().unwrap(), "--values", "-", "--take-ownership", "--force-conflicts"];
    let place = ["--namespace", NAMESPACE, "--kubeconfig", kubeconfig.to_str().unwrap()];
    let owned = json!({"crds": {"enabled": true}});
    let output = helm(&[&take_over[..], &place].concat(), &owned).await;
    assert!(output.is_success(), "{output}");
    assert_ne!(short_names().await, r#"["old"]"#, "now they are upgraded with the release");

    helm_on(control_plane, "uninstall", RELEASE, NAMESPACE, &json!({})).await;
    control_plane.kubectl(&["get", "crd", crd]).await.unwrap();
}

#[tokio::test]
async fn its_pod_is_let_in_where_restricted_is_enforced() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let (release, namespace) = names("restricted");
    create_namespace(control_plane, &namespace).await;
    let values = beside_others(&release);
    helm_on(control_plane, "install", &release, &namespace, &values).await;
    let get = ["get", "deployment", &release, "--namespace", &namespace, "--output=json"];
    let deployment: Value = serde_json::from_str(&control_plane.kubectl(&get).await.unwrap()).unwrap();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator", "namespace": namespace},
        "spec": deployment["spec"]["template"]["spec"],
    });
    let create = ["create", "--dry-run=server", "--validate=strict", "--filename", "-"];
    control_plane.kubectl_with_input(&create, &pod.to_string()).await.unwrap();

    // The server does look: one right more, and it refuses.
    let more_rights = [
        ("/spec/securityContext/runAsNonRoot", json!(false), "runAsNonRoot"),
        ("/spec/securityContext/seccompProfile", Value::Null, "seccompProfile"),
        ("/spec/containers/0/securityContext/allowPrivilegeEscalation", json!(true), "allowPrivilegeEscalation"),
        ("/spec/containers/0/securityContext/capabilities/drop", json!([]), "unrestricted capabilities"),
    ];
    for (place, value, expected) in more_rights {
        let mut pod = pod.clone();
        *pod.pointer_mut(place).unwrap() = value;
        let error = control_plane.kubectl_with_input(&create, &pod.to_string()).await.unwrap_err().to_string();
        assert!(error.contains("violates PodSecurity \"restricted") && error.contains(expected), "{place}: {error}");
    }
    helm_on(control_plane, "uninstall", &release, &namespace, &json!({})).await;
}

/// Asks the API server whether the user of a kubeconfig may do something.
async fn may(
    control_plane: &ControlPlane,
    kubeconfig: &std::path::Path,
    verb: &str,
    resource: &str,
    place: &str,
) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let subresource = format!("--subresource={subresource}");
    let mut arguments = vec!["auth", "can-i", verb, resource, &subresource];
    match place {
        "" => arguments.push("--all-namespaces"),
        namespace => arguments.extend(["--namespace", namespace]),
    }
    let output = control_plane.kubectl_as(kubeconfig, &arguments, "").await.unwrap();
    match output.stdout.trim() {
        "yes" => true,
        "no" => false,
        _ => panic!("{arguments:?}: {output}"),
    }
}

#[tokio::test]
async fn with_namespaces_the_operator_may_do_nothing_elsewhere() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let (release, namespace) = names("bounded");
    create_namespace(control_plane, &namespace).await;
    let [inside, outside] =
        [control_plane.fresh_namespace().await.unwrap(), control_plane.fresh_namespace().await.unwrap()];
    let mut values = beside_others(&release);
    values["namespaces"] = json!([inside]);
    values["leaderElect"] = json!(true);
    helm_on(control_plane, "install", &release, &namespace, &values).await;
    let kubeconfig = control_plane.service_account_kubeconfig(&namespace, &release).await.unwrap();

    let list = ["get", "vendorcontracts", "--namespace", &inside];
    let ask = async || control_plane.kubectl_as(&kubeconfig, &list, "").await.unwrap();
    wait_until("the role has no effect", ask, Output::is_success).await;
    // Verb, resource, and whether it is allowed inside, outside, in the operator's own namespace, and everywhere.
    let cases = [
        ("list", "vendorcontracts.bpo-operator.io", [true, false, false, false]),
        ("watch", "kpitargets.bpo-operator.io", [true, false, false, false]),
        ("delete", "slareports.bpo-operator.io", [true, false, false, false]),
        ("update", "slareports.bpo-operator.io", [false, false, false, false]),
        ("patch", "vendorcontracts.bpo-operator.io", [false, false, false, false]),
        ("patch", "vendorcontracts.bpo-operator.io/status", [true, false, false, false]),
        ("delete", "vendorcontracts.bpo-operator.io", [false, false, false, false]),
        ("get", "secrets", [true, false, false, false]),
        ("list", "secrets", [false, false, false, false]),
        ("watch", "configmaps", [false, false, false, false]),
        ("create", "events.events.k8s.io", [true, false, false, false]),
        ("get", "namespaces", [true, false, false, false]),
        ("list", "namespaces", [false, false, false, false]),
        ("update", "leases.coordination.k8s.io", [false, false, true, false]),
        ("delete", "leases.coordination.k8s.io", [false, false, false, false]),
        ("create", "pods", [false, false, false, false]),
    ];
    for (verb, resource, expected) in cases {
        for (place, expected) in [inside.as_str(), outside.as_str(), namespace.as_str(), ""].into_iter().zip(expected) {
            let found = may(control_plane, &kubeconfig, verb, resource, place).await;
            assert_eq!(found, expected, "{verb} {resource} in {place:?}");
        }
    }
    helm_on(control_plane, "uninstall", &release, &namespace, &json!({})).await;
}

fn report(name: &str, state: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "bpo-operator.io/v1alpha1",
        "kind": "SlaReport",
        "metadata": {"name": name, "namespace": namespace, "labels": {"bpo-operator.io/contract": "acme"}},
        "spec": {
            "contract": "acme",
            "period": {"name": "2026-05", "start": "2026-05-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"},
            "state": state,
            "revision": 1,
            "points": 0,
        },
    })
}

#[tokio::test]
async fn a_final_report_goes_with_its_namespace_only() {
    // A control plane of its own: the policy is for the whole cluster.
    let control_plane = &own_control_plane().await;
    create_namespace(control_plane, NAMESPACE).await;
    let without = json!({"admissionPolicy": {"create": false}});
    helm_on(control_plane, "install", RELEASE, NAMESPACE, &without).await;
    let crd = "crd/slareports.bpo-operator.io";
    control_plane.kubectl(&["wait", "--for=condition=Established", crd, "--timeout=60s"]).await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let reports =
        [("signed", "Final"), ("also-signed", "Final"), ("draft", "Provisional"), ("second-draft", "Provisional")];
    for (name, state) in reports {
        let manifest = report(name, state, &namespace).to_string();
        control_plane.kubectl_with_input(&["create", "--filename", "-"], &manifest).await.unwrap();
    }
    let delete = |name: &'static str| ["delete", "slareport", name, "--namespace", &namespace, "--wait=false"];
    let try_delete = [&delete("signed")[..], &["--dry-run=server"]].concat();

    // Without the policy it could be deleted, and with it not even by who may do everything.
    control_plane.kubectl(&try_delete).await.unwrap();
    // Said in full: without a value, an upgrade takes those of the time before.
    helm_on(control_plane, "upgrade", RELEASE, NAMESPACE, &json!({"admissionPolicy": {"create": true}})).await;
    let ask = async || kubectl(control_plane, &try_delete).await;
    let refused = wait_until("the policy has no effect", ask, |output| !output.is_success()).await;
    for words in ["SlaReport signed is Final", "goes only with its namespace", "corrected by the next revision"] {
        assert!(refused.stderr.contains(words), "{refused}");
    }

    let operator = control_plane.service_account_kubeconfig(NAMESPACE, FULL_NAME).await.unwrap();
    // Nobody but the operator writes reports and their status; what says nothing of them others may write.
    let forged = report("forged", "Final", &namespace).to_string();
    let create = ["create", "--dry-run=server", "--filename", "-"];
    let ask =
        async || control_plane.kubectl_as(&control_plane.kubeconfig(ADMIN).unwrap(), &create, &forged).await.unwrap();
    let refused = wait_until("the policy has no effect", ask, |output| !output.is_success()).await;
    assert!(refused.stderr.contains("written by the operator alone"), "{refused}");
    let created = control_plane.kubectl_as(&operator, &create, &forged).await.unwrap();
    assert!(created.is_success(), "{created}");
    // A rehearsal runs with the rights of the user who starts it.
    let rehearsal = names("rehearsal").1;
    create_namespace(control_plane, &rehearsal).await;
    control_plane.kubectl(&["label", "namespace", &rehearsal, "bpo-operator.io/rehearsal=true"]).await.unwrap();
    let rehearsed = report("rehearsed", "Final", &rehearsal).to_string();
    control_plane.kubectl_with_input(&create, &rehearsed).await.unwrap();
    let status = r#"{"status": {"contractUID": "x"}}"#;
    let of = ["--namespace", &namespace, "--type=merge", "--dry-run=server"];
    let patch = [&["patch", "slareport", "signed", "--subresource=status", "--patch", status][..], &of].concat();
    let refused = kubectl(control_plane, &patch).await;
    assert!(!refused.is_success() && refused.stderr.contains("written by the operator alone"), "{refused}");
    let noted = r#"{"metadata": {"annotations": {"note": "seen"}}}"#;
    let patch = [&["patch", "slareport", "signed", "--patch", noted][..], &of].concat();
    control_plane.kubectl(&patch).await.unwrap();

    let refused = control_plane.kubectl_as(&operator, &delete("signed"), "").await.unwrap();
    assert!(!refused.is_success() && refused.stderr.contains("is Final"), "{refused}");
    let deleted = control_plane.kubectl_as(&operator, &delete("draft"), "").await.unwrap();
    assert!(deleted.is_success(), "{deleted}");
    control_plane.kubectl(&delete("second-draft")).await.unwrap();

    // Deleting the whole collection does not get around it.
    let collection = format!("/apis/bpo-operator.io/v1alpha1/namespaces/{namespace}/slareports");
    let refused = kubectl(control_plane, &["delete", "--raw", &collection]).await;
    assert!(!refused.is_success() && refused.stderr.contains("is Final"), "{refused}");
    let list = ["get", "slareports", "--namespace", &namespace, "--output=name"];
    let left = control_plane.kubectl(&list).await.unwrap();
    assert_eq!(left, "slareport.bpo-operator.io/also-signed\nslareport.bpo-operator.io/signed\n");

    // A namespace is not held up by what is signed.
    control_plane.kubectl(&["delete", "namespace", &namespace, "--timeout=60s"]).await.unwrap();
    let left = control_plane.kubectl(&["get", "namespace", &namespace, "--ignore-not-found"]).await.unwrap();
    assert_eq!(left, "");
}
