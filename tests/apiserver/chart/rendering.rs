//! What the chart renders, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::helm::{FULL_NAME, NAMESPACE, chart, helm, of_kind, only, render, repository, strings, template};

/// Values that render everything that the chart can, in two ways.
pub fn everything() -> [Value; 2] {
    let common = json!({
        "namespaces": [],
        "feedAllowNetworks": ["10.20.0.0/16", "fd00:20::/32"],
        "alertAllowNetworks": ["10.20.0.0/16:9093", "10.30.0.0/16@team"],
        "serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}},
        "grafanaDashboard": {"enabled": true},
        "networkPolicy": {
            "enabled": true,
            "apiServerNetworks": ["172.18.0.2/32"],
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.40.0.0/16"}}]}],
        },
        "proxy": {"url": "http://proxy.example:3128", "resolves": true, "except": ["10.20.0.0/16"]},
        "imagePullSecrets": [{"name": "registry"}],
        "image": {"repository": "registry.example:5000/bpo/operator", "digest": format!("sha256:{}", "a".repeat(64))},
        "podAnnotations": {"note": "true"},
        "podLabels": {"team": "cx"},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
        "logLevel": "info,bpo_operator::feed=debug",
        "settleSeconds": 10,
        "extraArgs": ["--alert-allow-network=10.50.0.0/16"],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "unused"}],
        "extraVolumes": [{"name": "extra", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
        "service": {"type": "LoadBalancer", "annotations": {"note": "1"}, "port": 80},
        "serviceAccount": {"annotations": {"note": "1"}},
        "persistence": {"storageClassName": "fast", "accessMode": "ReadWriteOncePod", "size": "1.5Gi"},
    });
    let mut namespaced = common.clone();
    namespaced["namespaces"] = json!(["one", "two"]);
    namespaced["leaderElect"] = json!(true);
    namespaced["replicas"] = json!(2);
    namespaced["evidenceUrl"] = json!({"secretName": "evidence", "secretKey": "postgres.url"});
    namespaced["proxy"] = json!({"secretName": "proxy", "secretKey": "proxy.url"});
    namespaced["podUser"] = json!({"runAsUser": null, "fsGroup": null});
    [common, namespaced]
}

#[tokio::test]
async fn helm_finds_nothing_to_say_against_the_chart() {
    for values in [vec![json!({})], everything().to_vec()].concat() {
        let output = helm(&["lint", "--strict", chart().to_str().unwrap(), "--values", "-"], &values).await;
        assert!(output.is_success(), "{values}: {output}");
    }
}

/// The texts of the files in a folder, by name.
fn texts(folder: PathBuf) -> BTreeMap<String, String> {
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |file: PathBuf| (file.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(file));
    files.map(read).map(|(name, text)| (name, text.unwrap())).collect()
}

#[test]
fn the_chart_has_the_crds_of_the_repository() {
    let (ours, theirs) = (texts(chart().join("crds")), texts(repository().join("crds")));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    let drifted: Vec<&String> = ours.keys().filter(|name| ours[*name] != theirs[*name]).collect();
    assert!(
        drifted.is_empty(),
        "{drifted:?} drifted; `BPO_UPDATE=1 cargo test --test documents crds` writes them again"
    );
}

/// The paths of all keys in an object, down to those that the schema leaves open.
fn keys(value: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else { return };
    for (key, member) in members {
        found.insert(format!("{path}{key}"));
        let schema = properties.get(key).unwrap_or(&Value::Null);
        keys(member, schema, &format!("{path}{key}."), found);
    }
}

/// The same of a schema.
fn schema_keys(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(format!("{path}{key}"));
        schema_keys(property, &format!("{path}{key}."), found);
    }
}

#[test]
fn every_value_is_in_the_schema_and_has_a_comment() {
    let text = fs::read_to_string(chart().join("values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&text).unwrap();
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap();
    let (mut in_values, mut in_schema) = (BTreeSet::new(), BTreeSet::new());
    keys(&values, &schema, "", &mut in_values);
    schema_keys(&schema, "", &mut in_schema);
    // A parent chart sets `global`: it is not a value of this chart.
    in_schema.remove("global");
    assert_eq!(in_values, in_schema);

    for block in text.split("\n\n").skip(1) {
        let lines: Vec<&str> = block.lines().collect();
        let explained = lines.first().unwrap().starts_with('#');
        let uncommented = lines.windows(2).filter(|pair| {
            pair[1].trim_start().starts_with(|c: char| c.is_ascii_lowercase()) && !pair[0].trim_start().starts_with('#')
        });
        // A block with a comment of its own may hold members that speak for themselves, as the amounts of resources.
        assert!(explained || uncommented.count() == 0, "not every value has a comment:\n{block}");
    }
}

#[tokio::test]
async fn wrong_values_are_refused() {
    let digest_without_algorithm = "a".repeat(64);
    // Values, and what helm's answer names.
    let cases = [
        (json!({"nameSpaces": ["a"]}), "nameSpaces"),
        (json!({"namespace": "a"}), "namespace"),
        (json!({"namespaces": "a"}), "/namespaces"),
        (json!({"namespaces": ["A"]}), "/namespaces/0"),
        (json!({"namespaces": ["a.b"]}), "/namespaces/0"),
        (json!({"namespaces": ["*"]}), "/namespaces/0"),
        (json!({"namespaces": ["a", "a"]}), "/namespaces"),
        (json!({"namespaces": [""]}), "/namespaces/0"),
        (json!({"feedAllowNetworks": ["10.0.0.0"]}), "/feedAllowNetworks/0"),
        (json!({"feedAllowNetworks": ["10.0.0.0/33"]}), "/feedAllowNetworks/0"),
        (json!({"feedAllowNetworks": ["all"]}), "/feedAllowNetworks/0"),
        (json!({"feedAllowNetworks": ["10.0.0.0/8:http"]}), "/feedAllowNetworks/0"),
        (json!({"feedAllowNetworks": ["10.0.0.0/8@"]}), "/feedAllowNetworks/0"),
        (json!({"admissionPolicy": {"reportWriters": ["it's me"]}}), "/admissionPolicy/reportWriters/0"),
        (json!({"feedAllowNetworks": "10.0.0.0/8"}), "/feedAllowNetworks"),
        (json!({"alertAllowNetworks": ["fd00::/129"]}), "/alertAllowNetworks/0"),
        (json!({"alertAllowNetworks": ["fd00::"]}), "/alertAllowNetworks/0"),
        (json!({"proxy": "http://proxy.example"}), "/proxy"),
        (json!({"proxy": {"url": "proxy.example:3128"}}), "/proxy/url"),
        (json!({"proxy": {"url": "http://user:password@proxy.example:3128"}}), "/proxy/url"),
        (json!({"proxy": {"secretName": "a", "except": ["10.0.0.0"]}}), "/proxy/except/0"),
        (json!({"evidenceUrl": "postgres://user:password@host/db"}), "/evidenceUrl"),
        (json!({"evidenceUrl": {"url": "postgres://host/db"}}), "/evidenceUrl"),
        (json!({"evidenceUrl": {"secretName": "A B"}}), "/evidenceUrl/secretName"),
        (json!({"evidenceUrl": {"secretName": "a", "secretKey": ""}}), "/evidenceUrl/secretKey"),
        (json!({"persistence": {"enabled": "yes"}}), "/persistence/enabled"),
        (json!({"persistence": {"size": "lots"}}), "/persistence/size"),
        (json!({"persistence": {"size": "0"}}), "/persistence/size"),
        (json!({"persistence": {"accessMode": "ReadWriteMany"}}), "/persistence/accessMode"),
        (json!({"persistence": {"storageClass": "fast"}}), "/persistence"),
        (json!({"replicas": "2"}), "/replicas"),
        (json!({"replicas": -1}), "/replicas"),
        (json!({"replicas": 1.5}), "/replicas"),
        (json!({"leaderElect": "true"}), "/leaderElect"),
        (json!({"shards": 0}), "/shards"),
        (json!({"shards": 65}), "/shards"),
        (json!({"logFormat": "xml"}), "/logFormat"),
        (json!({"logFormat": "JSON"}), "/logFormat"),
        (json!({"image": "bpo-operator:1"}), "/image"),
        (json!({"image": {"repository": ""}}), "/image/repository"),
        (json!({"image": {"repository": "Bpo"}}), "/image/repository"),
        (json!({"image": {"tag": "a b"}}), "/image/tag"),
        (json!({"image": {"digest": digest_without_algorithm}}), "/image/digest"),
        (json!({"image": {"pullPolicy": "Sometimes"}}), "/image/pullPolicy"),
        (json!({"imagePullSecrets": ["registry"]}), "/imagePullSecrets/0"),
        (json!({"serviceAccount": {"create": 1}}), "/serviceAccount/create"),
        (json!({"userRoles": {"namePrefix": ""}}), "/userRoles/namePrefix"),
        (json!({"userRoles": {"namePrefix": "Care team"}}), "/userRoles/namePrefix"),
        (json!({"service": {"port": 0}}), "/service/port"),
        (json!({"service": {"port": 70000}}), "/service/port"),
        (json!({"service": {"type": "ExternalName"}}), "/service/type"),
        (json!({"serviceMonitor": {"interval": "often"}}), "/serviceMonitor/interval"),
        (json!({"serviceMonitor": {"labels": {"a": 1}}}), "/serviceMonitor/labels/a"),
        (json!({"networkPolicy": {"apiServerPorts": []}}), "/networkPolicy/apiServerPorts"),
        (json!({"networkPolicy": {"apiServerNetworks": ["kubernetes"]}}), "/networkPolicy/apiServerNetworks/0"),
        (json!({"podUser": {"runAsUser": 0}}), "/podUser/runAsUser"),
        (json!({"podUser": {"privileged": true}}), "/podUser"),
        (json!({"resources": {"limits": {"memory": "a lot"}}}), "/resources/limits/memory"),
        (json!({"resources": {"claims": []}}), "/resources"),
        (json!({"terminationGracePeriodSeconds": 0}), "/terminationGracePeriodSeconds"),
        (json!({"podLabels": {"a": true}}), "/podLabels/a"),
        (json!({"fullnameOverride": "Bpo"}), "/fullnameOverride"),
        // What one value alone cannot say, with what to do.
        (json!({"replicas": 2}), "more than 1 needs leaderElect: true"),
        (json!({"proxy": {"url": "http://proxy.example", "secretName": "proxy"}}), "write one of them"),
        (json!({"proxy": {"resolves": true}}), "need a proxy"),
        (json!({"replicas": 2, "leaderElect": true}), "evidenceUrl.secretName"),
        (json!({"replicas": 2, "evidenceUrl": {"secretName": "evidence"}}), "leaderElect: true"),
        (json!({"replicas": 2, "shards": 2}), "evidenceUrl.secretName"),
        (json!({"shards": 2}), "shards is 2: more than 1 needs a PostgreSQL store in evidenceUrl.secretName"),
        (json!({"serviceAccount": {"create": false}}), "name the ServiceAccount to use in serviceAccount.name"),
        (json!({"networkPolicy": {"enabled": true}}), "networkPolicy.apiServerNetworks"),
    ];
    for (values, expected) in cases {
        let output = template(&values).await;
        // Helm quotes the place with quotes of its own, as '/a/b' or as a.b.
        let dotted = expected.trim_start_matches('/').replace('/', ".");
        let named = output.stderr.contains(expected) || output.stderr.contains(&dotted);
        assert!(!output.is_success() && named, "{values} shall be refused by {expected:?}: {output}");
    }
}

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

#[tokio::test]
async fn the_flags_are_those_of_the_values() {
    let data = "--data-dir=/var/lib/bpo-operator";
    let lease = format!("--lease-name={FULL_NAME}");
    let lease = lease.as_str();
    let settle = "--settle-seconds=5";
    let cases = [
        (json!({}), vec!["run", "--log-format=json", settle, data, lease]),
        (json!({"logFormat": "text"}), vec!["run", "--log-format=text", settle, data, lease]),
        (json!({"leaderElect": true}), vec!["run", "--log-format=json", settle, data, lease, "--leader-elect"]),
        (
            json!({"namespaces": ["one", "two"]}),
            vec!["run", "--log-format=json", settle, data, "--namespace=one", "--namespace=two", lease],
        ),
        (
            json!({"feedAllowNetworks": ["10.0.0.0/8", "fd00::/8"], "alertAllowNetworks": ["192.168.0.0/16"]}),
            vec![
                "run",
                "--log-format=json",
                settle,
                data,
                "--feed-allow-network=10.0.0.0/8",
                "--feed-allow-network=fd00::/8",
                "--alert-allow-network=192.168.0.0/16",
                lease,
            ],
        ),
        (json!({"evidenceUrl": {"secretName": "evidence"}}), vec!["run", "--log-format=json", settle, lease]),
        (
            json!({"proxy": {"url": "http://proxy.example:3128", "except": ["10.0.0.0/8"]}}),
            vec![
                "run",
                "--log-format=json",
                settle,
                data,
                "--proxy=http://proxy.example:3128",
                "--proxy-except=10.0.0.0/8",
                lease,
            ],
        ),
        // The URL has a password, so it is not among the arguments.
        (
            json!({"proxy": {"secretName": "proxy", "resolves": true}}),
            vec!["run", "--log-format=json", settle, data, "--proxy-resolves", lease],
        ),
        (
            json!({"evidenceUrl": {"secretName": "evidence"}, "replicas": 3, "shards": 6, "leaderElect": true}),
            vec!["run", "--log-format=json", settle, lease, "--shards=6"],
        ),
        (
            json!({"inbox": {"enabled": true}}),
            vec!["run", "--log-format=json", settle, data, lease, "--inbox-listen=0.0.0.0:8443", "--inbox-plain-http"],
        ),
        (
            json!({"inbox": {"enabled": true, "tlsSecretName": "inbox"}}),
            vec![
                "run",
                "--log-format=json",
                settle,
                data,
                lease,
                "--inbox-listen=0.0.0.0:8443",
                "--inbox-certificate=/etc/bpo-operator/inbox/tls.crt",
                "--inbox-key=/etc/bpo-operator/inbox/tls.key",
            ],
        ),
    ];
    for (values, expected) in cases {
        let objects = render(&values).await;
        let container = &only(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(strings(&container["args"]), expected, "{values}");
        let mut environment = vec![json!({"name": "BPO_LOG", "value": "info"})];
        for (value, variable) in [("proxy", "BPO_PROXY"), ("evidenceUrl", "BPO_EVIDENCE_URL")] {
            if let Some(name) = values.pointer(&format!("/{value}/secretName")) {
                let from = json!({"secretKeyRef": {"name": name, "key": "url"}});
                environment.push(json!({"name": variable, "valueFrom": from}));
            }
        }
        assert_eq!(container["env"], Value::from(environment), "{values}");
    }
}

#[tokio::test]
async fn the_evidence_is_where_the_values_say() {
    let claim = |name: &str| json!({"name": "evidence", "persistentVolumeClaim": {"claimName": name}});
    let own = format!("{FULL_NAME}-evidence");
    let in_pod = json!({"name": "evidence", "emptyDir": {"sizeLimit": "1Gi"}});
    // Values, the volume, whether the chart makes a claim, and the strategy.
    let cases = [
        (json!({}), Some(claim(&own)), true, "Recreate"),
        (json!({"persistence": {"existingClaim": "mine"}}), Some(claim("mine")), false, "Recreate"),
        (json!({"persistence": {"enabled": false, "size": "1Gi"}}), Some(in_pod), false, "Recreate"),
        (json!({"evidenceUrl": {"secretName": "evidence"}}), None, false, "RollingUpdate"),
    ];
    for (values, volume, has_claim, strategy) in cases {
        let objects = render(&values).await;
        let deployment = only(&objects, "Deployment");
        let pod = &deployment["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().unwrap();
        assert_eq!(volumes.iter().find(|found| found["name"] == "evidence"), volume.as_ref(), "{values}");
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        assert_eq!(mounts.iter().any(|mount| mount["name"] == "evidence"), volume.is_some(), "{values}");
        assert_eq!(!of_kind(&objects, "PersistentVolumeClaim").is_empty(), has_claim, "{values}");
        assert_eq!(deployment["spec"]["strategy"], json!({"type": strategy}), "{values}");
    }

    let keep = "helm.sh/resource-policy";
    let kept = render(&json!({})).await;
    assert_eq!(only(&kept, "PersistentVolumeClaim")["metadata"]["annotations"][keep], "keep");
    let dropped = render(&json!({"persistence": {"keep": false}})).await;
    assert_eq!(only(&dropped, "PersistentVolumeClaim")["metadata"].get("annotations"), None);
}

#[tokio::test]
async fn the_pod_has_no_more_rights_than_it_needs() {
    for values in [vec![json!({})], everything().to_vec()].concat() {
        let objects = render(&values).await;
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(
            container["securityContext"],
            json!({
                "allowPrivilegeEscalation": false,
                "privileged": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            })
        );
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
        assert_ne!(pod["securityContext"]["runAsUser"], 0);
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
        assert_eq!(pod.get("initContainers"), None);
        assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/healthz", "port": "http"}));
        assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "http"}));
        assert_eq!(container["ports"], json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]));
        assert_eq!(only(&objects, "ServiceAccount")["automountServiceAccountToken"], false);
    }
}

#[tokio::test]
async fn nothing_but_the_test_is_a_hook_and_everything_selects_the_pod() {
    for values in everything() {
        let objects = render(&values).await;
        for object in &objects {
            let hook = &object["metadata"]["annotations"]["helm.sh/hook"];
            assert_eq!(*hook, if object["kind"] == "Pod" { json!("test") } else { Value::Null }, "{object}");
            assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm", "{object}");
        }
        let deployment = only(&objects, "Deployment");
        let labels = deployment["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
        let selectors = [
            &deployment["spec"]["selector"]["matchLabels"],
            &only(&objects, "Service")["spec"]["selector"],
            &only(&objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        ];
        for selector in selectors {
            let selector = selector.as_object().unwrap();
            assert!(selector.len() == 2 && selector.iter().all(|(name, value)| labels.get(name) == Some(value)));
        }
        let monitored = &only(&objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"];
        let service = only(&objects, "Service")["metadata"]["labels"].as_object().unwrap();
        assert!(monitored.as_object().unwrap().iter().all(|(name, value)| service.get(name) == Some(value)));
    }
}

#[tokio::test]
async fn the_network_policy_opens_no_private_network_but_those_of_the_values() {
    let [values, _] = everything();
    let objects = render(&values).await;
    let policy = &only(&objects, "NetworkPolicy")["spec"];
    let blocks =
        policy["egress"].as_array().unwrap().iter().flat_map(|rule| rule["to"].as_array().into_iter().flatten());
    let open: BTreeSet<&str> = blocks.clone().map(|block| block["ipBlock"]["cidr"].as_str().unwrap()).collect();
    let named = ["10.20.0.0/16", "10.30.0.0/16", "10.40.0.0/16", "172.18.0.2/32", "fd00:20::/32"];
    assert_eq!(open, BTreeSet::from_iter(named.into_iter().chain(["0.0.0.0/0", "::/0"])));
    let except: Vec<&str> = blocks.flat_map(|block| strings(&block["ipBlock"]["except"])).collect();
    for private in ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"] {
        assert!(except.contains(&private), "{private} is not in {except:?}");
    }
    assert_eq!(policy["ingress"][0]["ports"], json!([{"port": "http", "protocol": "TCP"}]));
}

#[tokio::test]
async fn the_figures_of_all_namespaces_are_shown_to_the_own_namespace_and_to_those_that_are_labelled() {
    let objects = render(&json!({})).await;
    let policy = &only(&objects, "NetworkPolicy")["spec"];
    assert_eq!((&policy["policyTypes"], &policy["egress"]), (&json!(["Ingress"]), &Value::Null));
    let labelled = json!({"namespaceSelector": {"matchLabels": {"bpo-operator.io/metrics": "true"}}});
    assert_eq!(policy["ingress"][0]["from"], json!([{"podSelector": {}}, labelled]));
}

#[tokio::test]
async fn the_inbox_has_a_service_of_its_own_and_is_reached_by_whom_the_values_say() {
    let ingress = json!([{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]);
    for (inbox, from) in [
        (json!({"enabled": true}), json!([{"podSelector": {}}])),
        (json!({"enabled": true, "tlsSecretName": "inbox"}), Value::Null),
        (json!({"enabled": true, "ingressFrom": ingress}), ingress.clone()),
        (json!({"enabled": true, "tlsSecretName": "inbox", "ingressFrom": ingress}), ingress.clone()),
    ] {
        let objects = render(&json!({ "inbox": inbox })).await;
        let policy = &only(&objects, "NetworkPolicy")["spec"];
        assert_eq!(policy["ingress"][1]["ports"], json!([{"port": "inbox", "protocol": "TCP"}]));
        assert_eq!(policy["ingress"][1]["from"], from, "{inbox}");
        let services = of_kind(&objects, "Service");
        let ports: Vec<&Value> = services.iter().map(|service| &service["spec"]["ports"][0]["targetPort"]).collect();
        assert_eq!(ports, [&json!("http"), &json!("inbox")]);
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        let has_certificate = inbox.get("tlsSecretName").is_some();
        let volumes = pod["volumes"].as_array().unwrap().iter().filter(|volume| volume["name"] == "inbox");
        assert_eq!(volumes.count(), usize::from(has_certificate), "{inbox}");
        assert_eq!(pod["containers"][0]["ports"][1]["containerPort"], 8443);
    }
    let closed = render(&json!({})).await;
    assert_eq!(only(&closed, "NetworkPolicy")["spec"]["ingress"].as_array().map(Vec::len), Some(1));
    assert_eq!(of_kind(&closed, "Service").len(), 1);
}

#[tokio::test]
async fn what_could_be_switched_off_is_off_or_on_as_the_values_say() {
    let quiet = json!({"userRoles": {"create": false}, "admissionPolicy": {"create": false}});
    // Values, a kind, and how many of it there are.
    let cases = [
        (json!({}), "ServiceMonitor", 0),
        (json!({"serviceMonitor": {"enabled": true}}), "ServiceMonitor", 1),
        (json!({}), "PodMonitor", 0),
        (json!({"podMonitor": {"enabled": true}}), "PodMonitor", 1),
        (json!({}), "PrometheusRule", 0),
        (json!({"prometheusRule": {"enabled": true}}), "PrometheusRule", 1),
        (json!({}), "ConfigMap", 0),
        (json!({"grafanaDashboard": {"enabled": true}}), "ConfigMap", 1),
        (json!({}), "NetworkPolicy", 1),
        (json!({"networkPolicy": {"ingress": false}}), "NetworkPolicy", 0),
        (json!({}), "ValidatingAdmissionPolicy", 3),
        (json!({}), "ValidatingAdmissionPolicyBinding", 3),
        (quiet.clone(), "ValidatingAdmissionPolicy", 0),
        (quiet.clone(), "ValidatingAdmissionPolicyBinding", 0),
        (quiet, "ClusterRole", 1),
        (json!({"serviceAccount": {"create": false, "name": "mine"}}), "ServiceAccount", 0),
    ];
    for (values, kind, count) in cases {
        assert_eq!(of_kind(&render(&values).await, kind).len(), count, "{kind} with {values}");
    }
}

#[tokio::test]
async fn each_alert_links_to_its_section_of_the_runbooks_where_they_are_served() {
    let links = async |values: Value| -> Vec<Value> {
        let objects = render(&values).await;
        let groups = only(&objects, "PrometheusRule")["spec"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| json!([rule["alert"], rule["annotations"]["runbook_url"]])).collect()
    };
    let without = links(json!({"prometheusRule": {"enabled": true}})).await;
    assert!(without.iter().all(|rule| rule[1].is_null()), "{without:?}");
    let page = "https://wiki.example.com/runbooks";
    let with = links(json!({"prometheusRule": {"enabled": true, "runbookUrl": page}})).await;
    let expected = |rule: &Value| format!("{page}#{}", rule[0].as_str().unwrap().to_lowercase());
    assert!(with.len() >= 10 && with.iter().all(|rule| rule[1] == expected(rule)), "{with:?}");
}

#[tokio::test]
async fn pods_are_spread_and_kept_by_the_labels_of_their_release() {
    let [_, replicated] = everything();
    let objects = render(&replicated).await;
    let own = json!({"app.kubernetes.io/name": "bpo-operator", "app.kubernetes.io/instance": "bpo"});
    let budget = only(&objects, "PodDisruptionBudget");
    assert_eq!(budget["spec"], json!({"maxUnavailable": 1, "selector": {"matchLabels": own}}));
    let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"], own);

    let single = render(&json!({})).await;
    assert!(of_kind(&single, "PodDisruptionBudget").is_empty(), "a budget for one pod blocks the draining of its node");
}

#[tokio::test]
async fn a_pod_monitor_selects_the_pods_and_the_port_that_they_have() {
    let values = json!({"podMonitor": {"enabled": true, "interval": "15s", "labels": {"release": "prometheus"}}});
    let objects = render(&values).await;
    let monitor = only(&objects, "PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let template = &only(&objects, "Deployment")["spec"]["template"];
    let labels = template["metadata"]["labels"].as_object().unwrap();
    let selector = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
    assert!(selector.len() == 2 && selector.iter().all(|(name, value)| labels.get(name) == Some(value)), "{monitor}");
    let endpoint = json!({"port": "http", "path": "/metrics", "interval": "15s", "honorLabels": true});
    assert_eq!(monitor["spec"]["podMetricsEndpoints"], json!([endpoint]));
    assert_eq!(template["spec"]["containers"][0]["ports"][0]["name"], "http");
}

#[tokio::test]
async fn two_monitors_that_collect_each_figure_twice_are_refused() {
    let both = json!({"serviceMonitor": {"enabled": true}, "podMonitor": {"enabled": true}});
    let output = template(&both).await;
    assert!(!output.is_success() && output.stderr.contains("enable one"), "{output}");
}

#[tokio::test]
async fn further_arguments_variables_and_volumes_reach_the_container() {
    let [values, _] = everything();
    let objects = render(&values).await;
    let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = strings(&container["args"]);
    assert!(arguments.contains(&"--alert-allow-network=10.50.0.0/16"), "{arguments:?}");
    assert!(arguments.contains(&"--settle-seconds=10"), "{arguments:?}");
    let variables = json!([{"name": "BPO_LOG", "value": "info,bpo_operator::feed=debug"}, {"name": "HTTPS_PROXY", "value": "unused"}]);
    assert_eq!(container["env"], variables);
    assert!(container["volumeMounts"].as_array().unwrap().contains(&json!({"name": "extra", "mountPath": "/extra"})));
    assert!(pod["volumes"].as_array().unwrap().contains(&json!({"name": "extra", "emptyDir": {}})));
}

#[tokio::test]
async fn the_definitions_are_a_part_of_the_release_where_that_is_wanted_and_are_kept_unless_that_is_not() {
    let keep = "helm.sh/resource-policy";
    assert!(of_kind(&render(&json!({})).await, "CustomResourceDefinition").is_empty());
    for (values, kept) in [
        (json!({"crds": {"enabled": true}}), json!("keep")),
        (json!({"crds": {"enabled": true, "keep": false}}), Value::Null),
    ] {
        let objects = render(&values).await;
        let rendered = of_kind(&objects, "CustomResourceDefinition");
        let files = texts(chart().join("crds"));
        assert_eq!(rendered.len(), files.len());
        let specs: Vec<Value> =
            files.values().map(|text| serde_saphyr::from_str::<Value>(text).unwrap()["spec"].clone()).collect();
        for crd in rendered {
            assert!(specs.contains(&crd["spec"]), "{} is changed on its way", crd["metadata"]["name"]);
            assert_eq!(crd["metadata"]["annotations"][keep], kept, "{values}");
        }
    }
}

#[tokio::test]
async fn the_test_of_a_release_asks_its_own_service_and_has_no_rights() {
    for (values, port) in [(json!({}), 8080), (json!({"service": {"port": 80}}), 80)] {
        let objects = render(&values).await;
        let pod = only(&objects, "Pod");
        let command = strings(&pod["spec"]["containers"][0]["command"]);
        let service = only(&objects, "Service");
        assert_eq!(service["spec"]["ports"][0]["port"], port);
        let name = service["metadata"]["name"].as_str().unwrap();
        assert_eq!(*command.last().unwrap(), format!("http://{name}.{NAMESPACE}.svc:{port}/readyz"));
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
        let selector = service["spec"]["selector"].as_object().unwrap();
        let labels = &pod["metadata"]["labels"];
        assert!(selector.iter().any(|(name, value)| labels[name] != *value), "it would be taken for the operator");
    }
}
