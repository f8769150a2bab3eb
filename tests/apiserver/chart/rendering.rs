//! What the chart renders, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::helm::{FULL_NAME, NAMESPACE, chart, helm, of_kind, only, render, repository, strings, template};

/// Values that render everything that the chart can, in two ways.
pub(crate) fn everything() -> [Value; 2] {
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
