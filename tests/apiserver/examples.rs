//! Every example can be applied unchanged and does what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bpo_operator::api::{CampaignLaunch, KpiTarget, ServiceTier, SlaReport, VendorContract};
use bpo_operator::domain::holdings::{Dangling, references_into};
use bpo_operator::domain::terms::validation;
use controlplane::ControlPlane;
use kube::ResourceExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use testkit::controlplane;

/// The documents of each example's files, by folder.
fn documents_by_folder() -> BTreeMap<String, Vec<(PathBuf, Value)>> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folders_in = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let mut folders: BTreeMap<String, Vec<(PathBuf, Value)>> = BTreeMap::new();
    for folder in folders_in(&examples).into_iter().chain(folders_in(&examples.join("regimes"))) {
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(&file).unwrap();
                let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
                let name = folder.strip_prefix(&examples).unwrap().to_string_lossy().into_owned();
                folders.entry(name).or_default().extend(documents.into_iter().map(|found| (file.clone(), found)));
            }
        }
    }
    folders
}

/// Fails unless everything that the document says is still there after it was read as its kind.
fn assert_nothing_is_lost<K: Serialize + DeserializeOwned>(file: &Path, document: &Value) {
    let read: K =
        serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_contains(&serde_json::to_value(read).unwrap(), document, &file.display().to_string());
}

fn assert_contains(whole: &Value, part: &Value, path: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                let found = match whole.get(key) {
                    Some(found) => found,
                    // Some flags are written only when they are true.
                    None if value == &Value::Bool(false) => continue,
                    None => panic!("{path}.{key} is not a field"),
                };
                assert_contains(found, value, &format!("{path}.{key}"));
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{path}");
            for (number, (whole, part)) in whole.iter().zip(part).enumerate() {
                assert_contains(whole, part, &format!("{path}[{number}]"));
            }
        }
        // A quoted whole number may come back without its quotes: both are the same decimal.
        _ => assert_eq!(scalar(whole), scalar(part), "{path} is read as something else"),
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn every_example_says_only_what_its_kind_knows() {
    for (file, document) in documents_by_folder().into_values().flatten() {
        match document.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "VendorContract" => assert_nothing_is_lost::<VendorContract>(&file, &document),
            "KpiTarget" => assert_nothing_is_lost::<KpiTarget>(&file, &document),
            "ServiceTier" => assert_nothing_is_lost::<ServiceTier>(&file, &document),
            "CampaignLaunch" => assert_nothing_is_lost::<CampaignLaunch>(&file, &document),
            "SlaReport" => assert_nothing_is_lost::<SlaReport>(&file, &document),
            "Secret" => assert!(document.pointer("/metadata/annotations/bpo-operator.io~1allowed-hosts").is_some()),
            kind => panic!("{}: what is a {kind:?}?", file.display()),
        }
    }
}

/// Every field of every kind as the version before this API wrote it: what is stored of it is read whole and can be judged.
#[test]
fn objects_of_the_last_version_are_read_whole_and_judged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/last-version");
    let mut read = 0;
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(&file).unwrap()).unwrap();
        for document in documents {
            let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap();
            let spec = document.get("spec").cloned().unwrap();
            let findings = match document.get("kind").and_then(Value::as_str).unwrap() {
                "VendorContract" => {
                    assert_nothing_is_lost::<VendorContract>(&file, &document);
                    validation::validate_contract(name, &serde_json::from_value(spec).unwrap())
                }
                "KpiTarget" => {
                    assert_nothing_is_lost::<KpiTarget>(&file, &document);
                    validation::validate_kpi_target(name, &serde_json::from_value(spec).unwrap())
                }
                "ServiceTier" => {
                    assert_nothing_is_lost::<ServiceTier>(&file, &document);
                    validation::validate_service_tier(name, &serde_json::from_value(spec).unwrap())
                }
                "CampaignLaunch" => {
                    assert_nothing_is_lost::<CampaignLaunch>(&file, &document);
                    validation::validate_campaign_launch(name, &serde_json::from_value(spec).unwrap())
                }
                "SlaReport" => {
                    assert_nothing_is_lost::<SlaReport>(&file, &document);
                    Vec::new()
                }
                kind => panic!("{}: what is a {kind:?}?", file.display()),
            };
            assert!(findings.is_empty(), "{name}: {findings:#?}");
            read += 1;
        }
    }
    assert!(read >= 10, "only {read} objects");
}

#[test]
fn the_first_contract_takes_twelve_lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/first-contract/contract.yaml");
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 12);
}

/// The documents of one kind.
fn of_kind<K: DeserializeOwned>(documents: &[(PathBuf, Value)], kind: &str) -> Vec<K> {
    let wanted = documents.iter().filter(|(_, document)| document.get("kind").is_some_and(|found| found == kind));
    wanted.map(|(_, document)| serde_json::from_value(document.clone()).unwrap()).collect()
}

#[test]
fn every_example_is_valid_without_a_server() {
    for (folder, documents) in documents_by_folder() {
        let contracts: Vec<VendorContract> = of_kind(&documents, "VendorContract");
        let kpis: Vec<KpiTarget> = of_kind(&documents, "KpiTarget");
        let names: Vec<String> = kpis.iter().map(ResourceExt::name_any).collect();
        let mut findings = Vec::new();
        for contract in &contracts {
            findings.extend(validation::validate_contract(&contract.name_any(), &contract.spec));
        }
        for kpi in &kpis {
            let contract = contracts.iter().find(|contract| contract.name_any() == kpi.spec.contract_ref.name);
            let contract = contract.unwrap_or_else(|| panic!("{folder}: {} has no contract", kpi.name_any()));
            findings.extend(validation::validate_kpi_target(&kpi.name_any(), &kpi.spec));
            findings.extend(validation::validate_kpi_parts(&kpi.name_any(), &kpi.spec, &contract.spec));
            let names = || names.iter().map(String::as_str);
            let counter = kpi.spec.counter_metric.as_deref();
            let dangling = references_into(&kpi.spec, &contract.spec)
                .into_iter()
                .chain(counter.and_then(|counter| Dangling::counter_metric(counter, names())));
            findings.extend(dangling.map(|dangling| dangling.of("KpiTarget", &kpi.name_any())));
        }
        for tier in of_kind::<ServiceTier>(&documents, "ServiceTier") {
            findings.extend(validation::validate_service_tier(&tier.name_any(), &tier.spec));
        }
        for launch in of_kind::<CampaignLaunch>(&documents, "CampaignLaunch") {
            findings.extend(validation::validate_campaign_launch(&launch.name_any(), &launch.spec));
        }
        assert!(findings.is_empty(), "{folder}: {findings:#?}");
    }
}

#[tokio::test]
async fn every_example_is_accepted_by_a_real_server_and_applying_it_again_changes_nothing() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crds = project.join("crds").display().to_string();
    control_plane.kubectl(&["apply", "--server-side", "--filename", &crds]).await.unwrap();
    control_plane
        .kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "--filename", &crds])
        .await
        .unwrap();

    for folder in documents_by_folder().into_keys() {
        let path = project.join("examples").join(&folder).display().to_string();
        for server_side in [false, true] {
            let namespace = control_plane.fresh_namespace().await.unwrap();
            let server_side = format!("--server-side={server_side}");
            let apply = ["apply", &server_side, "--validate=strict", "--namespace", &namespace, "--filename", &path];
            let versions = ["get", "vc,st,kpi,secrets", "--namespace", &namespace, "--output", VERSIONS];
            control_plane.kubectl(&apply).await.unwrap();
            let first = control_plane.kubectl(&versions).await.unwrap();
            control_plane.kubectl(&apply).await.unwrap();
            assert_eq!(control_plane.kubectl(&versions).await.unwrap(), first, "{folder}, {server_side}");
            assert!(!first.is_empty(), "{folder} has no objects");
        }
    }
}

/// Names with what changes at every write.
const VERSIONS: &str = "jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";

/// The findings of an example's contracts, by name without their KPIs, each once.
fn of_example(folder: &str) -> Vec<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    let manifests = bpo_operator::cli::manifests::read(&[path]).unwrap();
    let result = bpo_operator::cli::lint::lint(&manifests, "2026-06-15T00:00:00Z".parse().unwrap());
    let mut found: Vec<String> = result.advice.into_iter().map(|(_, _, advice)| advice.finding).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_example_with_technical_kpis_alone_is_flagged_and_the_one_with_engagement_targets_is_not() {
    assert!(of_example("first-contract").contains(&"OnlyTechnicalKpis".to_owned()));
    assert!(!of_example("acme-care").contains(&"OnlyTechnicalKpis".to_owned()));
}
