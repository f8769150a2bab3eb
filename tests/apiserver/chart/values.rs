//! The values of the chart: what the schema says of them, and what it refuses.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::helm::{chart, template};

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
