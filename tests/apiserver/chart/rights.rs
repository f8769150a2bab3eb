//! What the roles of the chart grant.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::helm::{FULL_NAME, NAMESPACE, of_kind, render, strings};
use super::rendering::everything;

/// What each role of the rendered chart grants: `kind/namespace/name`, then `group/resource` with its verbs.
fn grants(objects: &[Value]) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut found: BTreeMap<_, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for role in [of_kind(objects, "Role"), of_kind(objects, "ClusterRole")].concat() {
        let metadata = &role["metadata"];
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = format!("{}/{}/{}", part(&role["kind"]), part(&metadata["namespace"]), part(&metadata["name"]));
        let granted = found.entry(key).or_default();
        assert!(role.get("aggregationRule").is_none());
        for rule in role["rules"].as_array().unwrap() {
            let members: BTreeSet<&str> = rule.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, BTreeSet::from(["apiGroups", "resources", "verbs"]), "{rule}");
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    let verbs = granted.entry(format!("{group}/{resource}")).or_default();
                    verbs.extend(strings(&rule["verbs"]).into_iter().map(str::to_owned));
                }
            }
        }
    }
    found
}

/// A table of grants, from lines such as `get,list group/resource`.
fn table(lines: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for line in lines {
        let (verbs, resource) = line.split_once(' ').unwrap();
        found.insert(resource.to_owned(), verbs.split(',').map(str::to_owned).collect());
    }
    found
}

/// The operator's rights with a look at the namespaces.
fn operator(namespaces: &str) -> BTreeMap<String, BTreeSet<String>> {
    table(&[&OPERATOR[..], &[namespaces]].concat())
}

const ALL_NAMESPACES: &str = "get,list,watch /namespaces";

const OWN_NAMESPACE: &str = "get /namespaces";

/// All that the operator may do in the namespaces that it works in.
const OPERATOR: [&str; 13] = [
    "get,list,watch bpo-operator.io/vendorcontracts",
    "get,list,watch bpo-operator.io/servicetiers",
    "get,list,watch bpo-operator.io/kpitargets",
    "get,list,watch bpo-operator.io/campaignlaunches",
    "get,list,watch,create,patch,delete bpo-operator.io/slareports",
    "patch bpo-operator.io/vendorcontracts/status",
    "patch bpo-operator.io/servicetiers/status",
    "patch bpo-operator.io/kpitargets/status",
    "patch bpo-operator.io/campaignlaunches/status",
    "patch bpo-operator.io/slareports/status",
    "create events.k8s.io/events",
    "get /secrets",
    "get /configmaps",
];

const LEASE: [&str; 1] = ["get,create,update coordination.k8s.io/leases"];

const SHARED_LEASES: [&str; 1] = ["get,list,create,update,delete coordination.k8s.io/leases"];

const VIEW: [&str; 5] = [
    "get,list,watch bpo-operator.io/vendorcontracts",
    "get,list,watch bpo-operator.io/servicetiers",
    "get,list,watch bpo-operator.io/kpitargets",
    "get,list,watch bpo-operator.io/campaignlaunches",
    "get,list,watch bpo-operator.io/slareports",
];

const EDIT: [&str; 4] = [
    "create,delete,deletecollection,patch,update bpo-operator.io/vendorcontracts",
    "create,delete,deletecollection,patch,update bpo-operator.io/servicetiers",
    "create,delete,deletecollection,patch,update bpo-operator.io/kpitargets",
    "create,delete,deletecollection,patch,update bpo-operator.io/campaignlaunches",
];

const CONTRACT_MANAGER: [&str; 1] = ["get,list,watch,decide,patch,update bpo-operator.io/vendorcontracts"];

const VENDOR: [&str; 4] = [
    "get,list,watch bpo-operator.io/vendorcontracts",
    "get,list,watch bpo-operator.io/servicetiers",
    "get,list,watch bpo-operator.io/kpitargets",
    "get,list,watch bpo-operator.io/slareports",
];

#[tokio::test]
async fn the_roles_grant_exactly_what_is_listed_here() {
    let without_user_roles = json!({"create": false});
    let cases = [
        (
            json!({}),
            vec![
                (format!("ClusterRole//{FULL_NAME}"), operator(ALL_NAMESPACES)),
                (format!("Role/{NAMESPACE}/{FULL_NAME}-lease"), table(&LEASE)),
                (format!("ClusterRole//{FULL_NAME}-view"), table(&VIEW)),
                (format!("ClusterRole//{FULL_NAME}-edit"), table(&EDIT)),
                ("ClusterRole//bpo-contract-manager".to_owned(), table(&[&VIEW[..], &CONTRACT_MANAGER].concat())),
                ("ClusterRole//bpo-vendor".to_owned(), table(&VENDOR)),
            ],
        ),
        (
            json!({"userRoles": {"namePrefix": "second"}}),
            vec![
                (format!("ClusterRole//{FULL_NAME}"), operator(ALL_NAMESPACES)),
                (format!("Role/{NAMESPACE}/{FULL_NAME}-lease"), table(&LEASE)),
                (format!("ClusterRole//{FULL_NAME}-view"), table(&VIEW)),
                (format!("ClusterRole//{FULL_NAME}-edit"), table(&EDIT)),
                ("ClusterRole//second-contract-manager".to_owned(), table(&[&VIEW[..], &CONTRACT_MANAGER].concat())),
                ("ClusterRole//second-vendor".to_owned(), table(&VENDOR)),
            ],
        ),
        (
            json!({"leaderElect": true, "userRoles": without_user_roles}),
            vec![
                (format!("ClusterRole//{FULL_NAME}"), operator(ALL_NAMESPACES)),
                (format!("Role/{NAMESPACE}/{FULL_NAME}-lease"), table(&LEASE)),
            ],
        ),
        (
            json!({"namespaces": ["one", "two"], "leaderElect": true, "userRoles": without_user_roles}),
            vec![
                (format!("Role/one/{FULL_NAME}"), operator(OWN_NAMESPACE)),
                (format!("Role/two/{FULL_NAME}"), operator(OWN_NAMESPACE)),
                (format!("Role/{NAMESPACE}/{FULL_NAME}-lease"), table(&LEASE)),
            ],
        ),
        (
            json!({"shards": 3, "evidenceUrl": {"secretName": "evidence"}, "userRoles": without_user_roles}),
            vec![
                (format!("ClusterRole//{FULL_NAME}"), operator(ALL_NAMESPACES)),
                (format!("Role/{NAMESPACE}/{FULL_NAME}-lease"), table(&SHARED_LEASES)),
            ],
        ),
    ];
    for (values, expected) in cases {
        let objects = render(&values).await;
        assert_eq!(grants(&objects), expected.into_iter().collect(), "{values}");
    }
}

#[tokio::test]
async fn every_role_of_the_operator_is_bound_to_its_service_account_alone() {
    for values in everything() {
        let objects = render(&values).await;
        let account = json!([{"kind": "ServiceAccount", "name": FULL_NAME, "namespace": NAMESPACE}]);
        let bindings = [of_kind(&objects, "RoleBinding"), of_kind(&objects, "ClusterRoleBinding")].concat();
        let mut bound = BTreeSet::new();
        for binding in bindings {
            let (metadata, reference) = (&binding["metadata"], &binding["roleRef"]);
            assert_eq!(binding["subjects"], account, "{binding}");
            assert_eq!(metadata["name"], reference["name"], "{binding}");
            let expected = binding["kind"].as_str().unwrap().trim_end_matches("Binding");
            assert_eq!(reference["kind"], expected, "{binding}");
            let namespace = metadata["namespace"].as_str().unwrap_or_default();
            bound.insert(format!("{expected}/{namespace}/{}", metadata["name"].as_str().unwrap()));
        }
        let users = [&format!("{FULL_NAME}-view"), &format!("{FULL_NAME}-edit"), "bpo-contract-manager", "bpo-vendor"]
            .map(|role| format!("ClusterRole//{role}"));
        let roles: BTreeSet<String> = grants(&objects).into_keys().filter(|role| !users.contains(role)).collect();
        assert_eq!(bound, roles);
    }
}
