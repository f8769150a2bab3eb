//! What people may do by the roles of the chart.

use serde_json::{Value, json};
use testkit::controlplane::{ControlPlane, Output};

use super::{create_namespace, helm_on, kubectl, may, names, own_control_plane, wait_until};
use crate::chart::helm::{NAMESPACE, RELEASE, chart, of_kind, render};
use crate::chart::installing::beside_others;

#[tokio::test]
async fn people_get_the_kinds_with_the_built_in_roles() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let (release, namespace) = names("people");
    create_namespace(control_plane, &namespace).await;
    helm_on(control_plane, "install", &release, &namespace, &beside_others(&release)).await;
    // Verb, resource, and whether `view`, `edit` and `admin` may.
    let cases = [
        ("list", "vendorcontracts.bpo-operator.io", [true, true, true]),
        ("watch", "slareports.bpo-operator.io", [true, true, true]),
        ("create", "vendorcontracts.bpo-operator.io", [false, true, true]),
        ("patch", "kpitargets.bpo-operator.io", [false, true, true]),
        ("delete", "campaignlaunches.bpo-operator.io", [false, true, true]),
        ("update", "servicetiers.bpo-operator.io", [false, true, true]),
        ("create", "slareports.bpo-operator.io", [false, false, false]),
        ("delete", "slareports.bpo-operator.io", [false, false, false]),
        ("patch", "vendorcontracts.bpo-operator.io/status", [false, false, false]),
    ];
    for (index, role) in ["view", "edit", "admin"].into_iter().enumerate() {
        control_plane.kubectl(&["create", "serviceaccount", role, "--namespace", &namespace]).await.unwrap();
        let (cluster_role, account) = (format!("--clusterrole={role}"), format!("--serviceaccount={namespace}:{role}"));
        let bind = ["create", "rolebinding", role, &cluster_role, &account, "--namespace", &namespace];
        control_plane.kubectl(&bind).await.unwrap();
        let kubeconfig = control_plane.service_account_kubeconfig(&namespace, role).await.unwrap();
        // The built-in roles take the new ones in a moment later; `edit` has its own rules after those of `view`.
        let last = if role == "view" { ["get", "slareports"] } else { ["patch", "campaignlaunches"] };
        let arguments = ["auth", "can-i", last[0], last[1], "--namespace", &namespace];
        let ask = async || control_plane.kubectl_as(&kubeconfig, &arguments, "").await.unwrap();
        wait_until("the roles are not aggregated", ask, |output| output.stdout.trim() == "yes").await;
        for (verb, resource, expected) in cases {
            let found = may(control_plane, &kubeconfig, verb, resource, &namespace).await;
            assert_eq!(found, expected[index], "{role}: {verb} {resource}");
        }
    }
    helm_on(control_plane, "uninstall", &release, &namespace, &json!({})).await;
}

#[tokio::test]
async fn the_api_server_finds_no_fault_in_the_types_of_the_policys_expressions() {
    let control_plane = &own_control_plane().await;
    for crd in std::fs::read_dir(chart().join("crds")).unwrap().map(|entry| entry.unwrap().path()) {
        control_plane.kubectl(&["create", "--filename", crd.to_str().unwrap()]).await.unwrap();
    }
    let objects = render(&json!({})).await;
    for policy in of_kind(&objects, "ValidatingAdmissionPolicy") {
        let name = policy["metadata"]["name"].as_str().unwrap();
        control_plane.kubectl_with_input(&["create", "--filename", "-"], &policy.to_string()).await.unwrap();
        let get = ["get", "validatingadmissionpolicy", name, "--output=json"];
        let ask = async || kubectl(control_plane, &get).await;
        let checked = |output: &Output| {
            let found: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
            found["status"]["observedGeneration"] == found["metadata"]["generation"] && found["status"].is_object()
        };
        let output = wait_until("the policy's types are not checked", ask, checked).await;
        let found: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(found["status"]["typeChecking"]["expressionWarnings"], Value::Null, "{found}");
    }
}

#[tokio::test]
async fn a_contract_manager_decides_on_relief_and_does_not_write_terms() {
    // A control plane of its own: the policy is for the whole cluster.
    let control_plane = &own_control_plane().await;
    create_namespace(control_plane, NAMESPACE).await;
    helm_on(control_plane, "install", RELEASE, NAMESPACE, &json!({})).await;
    let crd = "crd/vendorcontracts.bpo-operator.io";
    control_plane.kubectl(&["wait", "--for=condition=Established", crd, "--timeout=60s"]).await.unwrap();
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let contract = json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
        "metadata": {"name": "acme", "namespace": namespace},
        "spec": {
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "timeZone": "Europe/London",
            "charges": {"amount": "1000.00", "currency": "GBP", "atRiskPercent": "10"},
            "credits": {"points": {"perPointPercent": "0.5"}},
            "relief": [{"name": "storm", "cause": "ForceMajeure", "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}],
        },
    });
    let manifest = contract.to_string();
    let created = control_plane.kubectl_with_input(&["create", "--filename", "-"], &manifest).await;
    created.unwrap();

    let users = [
        ("manager", "bpo-contract-manager".to_owned()),
        ("editor", "edit".to_owned()),
        ("vendor", "bpo-vendor".to_owned()),
    ];
    let mut kubeconfigs = Vec::new();
    for (user, role) in &users {
        control_plane.kubectl(&["create", "serviceaccount", user, "--namespace", &namespace]).await.unwrap();
        let (role, account) = (format!("--clusterrole={role}"), format!("--serviceaccount={namespace}:{user}"));
        let bind = ["create", "rolebinding", user, &role, &account, "--namespace", &namespace];
        control_plane.kubectl(&bind).await.unwrap();
        kubeconfigs.push(control_plane.service_account_kubeconfig(&namespace, user).await.unwrap());
    }
    let patch = async |user: usize, patch: &Value| {
        let patch = patch.to_string();
        let arguments = [
            "patch",
            "vendorcontract",
            "acme",
            "--namespace",
            &namespace,
            "--type=merge",
            "--dry-run=server",
            "-p",
            &patch,
        ];
        control_plane.kubectl_as(&kubeconfigs[user], &arguments, "").await.unwrap()
    };
    let accepted = json!([{"name": "storm", "cause": "ForceMajeure", "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z",
        "decision": "Accepted", "decidedAt": "2026-03-10T00:00:00Z"}]);
    let cheaper = json!({"spec": {"credits": {"points": {"perPointPercent": "0.1"}}}});
    let refused = wait_until(
        "the policy has no effect",
        async || patch(0, &cheaper).await,
        |output| output.stderr.contains("contract managers decide on relief"),
    );
    refused.await;
    wait_until("the roles are not aggregated", async || patch(1, &cheaper).await, Output::is_success).await;
    // What is changed, and whether manager, editor and vendor may.
    let cases = [
        (json!({"spec": {"relief": accepted}}), [true, true, false]),
        (
            json!({"metadata": {"annotations": {"bpo-operator.io/acknowledged": "sam at 2026-03-10T00:00:00Z"}}}),
            [true, true, false],
        ),
        (cheaper, [false, true, false]),
        (json!({"spec": {"credits": null}}), [false, true, false]),
        (json!({"spec": {"relief": accepted, "closeAfter": "3bd"}}), [false, true, false]),
        (json!({"spec": {"term": {"end": "2026-06-30"}}}), [false, true, false]),
    ];
    for (change, expected) in cases {
        for (user, expected) in expected.into_iter().enumerate() {
            let output = patch(user, &change).await;
            assert_eq!(output.is_success(), expected, "{}: {change}: {output}", users[user].0);
        }
    }
    // Who may do everything is not held to decisions.
    let everything = [
        "patch",
        "vendorcontract",
        "acme",
        "--namespace",
        &namespace,
        "--type=merge",
        "-p",
        r#"{"spec":{"closeAfter":"3bd"}}"#,
    ];
    control_plane.kubectl(&everything).await.unwrap();
}
