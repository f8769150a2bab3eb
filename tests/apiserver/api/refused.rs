//! What the server refuses, and that its words say what to write instead. Without a server, the same is refused.

mod contracts;
mod kpis;
mod launches;

use serde::de::DeserializeOwned;
use serde_json::Value;

use bpo_operator::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use bpo_operator::domain::terms::validation::{
    refused_on_writing, validate_campaign_launch, validate_contract, validate_kpi_target, validate_service_tier,
};

use self::contracts::{CONTRACT, CONTRACT_CASES};
use self::kpis::{KPI, KPI_CASES};
use self::launches::{LAUNCH, LAUNCH_CASES};
use super::server::{client, control_plane, create, documents};

const TIER: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: ServiceTier
metadata: {name: gold}
spec: {rank: 1}
";

/// What is written into the spec of a good object, and what the refusal says.
type Case = (&'static str, &'static str);

const TIER_CASES: &[Case] = &[
    ("rank: 0", "rank"),
    ("customerValue: {measure: LoyaltyIndex, currency: GBP}", "`currency` belongs to measure LifetimeValue"),
    (
        "customerValue: {measure: LifetimeValue, atLeast: '10000.5', below: 9000}",
        "write a `below` that is above `atLeast`",
    ),
    ("targets: [{kpi: Custom, target: 1}]", "name a KPI of the catalogue"),
    ("targets: [{kpi: ServiceLevel, target: 1}, {kpi: ServiceLevel, target: 2}]", "Duplicate value"),
    ("entitlements: {incentivePercent: 101}", "incentivePercent"),
    ("entitlements: {channels: [Fax]}", "supported values"),
    ("entitlements: {channels: [Voice], selfService: Required}", "`channels` has no SelfService: add it"),
    ("entitlements: {channels: [SelfService], proactiveContactsPerYear: 2}", "add a channel such as Email"),
    ("entitlements: {incentivePercent: 20, retentionSpendPercent: 5}", "raise the ceiling"),
];

/// Names that are too long, or no value of a label.
fn name_cases() -> Vec<(&'static str, String, &'static str)> {
    vec![
        (CONTRACT, "a".repeat(51), "choose a metadata.name of at most 50 characters"),
        (TIER, "a".repeat(64), "choose a metadata.name of at most 63 characters"),
        (KPI, "a".repeat(64), "choose a metadata.name of at most 63 characters without dots"),
        (KPI, "acme.service-level".to_owned(), "choose a metadata.name of at most 63 characters without dots"),
    ]
}

/// Merges as a JSON merge patch does: objects member by member, everything else as a whole.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            patch.into_iter().for_each(|(key, value)| merge(target.entry(key).or_insert(Value::Null), value));
        }
        (target, patch) => *target = patch,
    }
}

fn wrong_objects() -> Vec<(Value, String, &'static str)> {
    let tables = [(CONTRACT, CONTRACT_CASES), (TIER, TIER_CASES), (KPI, KPI_CASES), (LAUNCH, LAUNCH_CASES)];
    let of_specs = tables.into_iter().flat_map(|(base, cases)| {
        cases.iter().map(move |(patch, expected)| {
            let mut object = documents(base).remove(0);
            merge(object.get_mut("spec").unwrap(), documents(patch).remove(0));
            (object, (*patch).to_owned(), *expected)
        })
    });
    let of_names = name_cases().into_iter().map(|(base, name, expected)| {
        let mut object = documents(base).remove(0);
        merge(&mut object, serde_json::json!({"metadata": {"name": name}}));
        (object, name, expected)
    });
    of_specs.chain(of_names).collect()
}

#[tokio::test]
async fn wrong_specs_are_refused_with_words_that_say_what_to_write() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    for base in [CONTRACT, TIER, KPI, LAUNCH] {
        create(&client, &namespace, &documents(base).remove(0), true).await.unwrap();
    }
    let cases = wrong_objects();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut failures = vec![];
    for (object, what, expected) in cases {
        match create(&client, &namespace, &object, true).await {
            Ok(_) => failures.push(format!("accepted: {what}")),
            Err(message) if !message.contains(expected) => {
                failures.push(format!("{what}\n  expected {expected:?}\n  not      {message:?}"));
            }
            Err(_) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn wrong_specs_are_found_without_a_server_too() {
    let accepted: Vec<String> = wrong_objects()
        .into_iter()
        .filter(|(object, _, _)| problems(object).is_empty())
        .map(|(_, what, _)| what)
        .collect();
    assert_eq!(accepted, Vec::<String>::new());
    for base in [CONTRACT, TIER, KPI, LAUNCH] {
        assert_eq!(problems(&documents(base).remove(0)), Vec::<String>::new());
    }
}

/// What the types and the validation without a server find wrong with an object.
fn problems(object: &Value) -> Vec<String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    let findings = match object.get("kind").and_then(Value::as_str).unwrap() {
        "VendorContract" => typed::<VendorContract>(object)
            .map(|typed| [validate_contract(name, &typed.spec), refused_on_writing(name, &typed.spec)].concat()),
        "ServiceTier" => typed::<ServiceTier>(object).map(|typed| validate_service_tier(name, &typed.spec)),
        "KpiTarget" => typed::<KpiTarget>(object).map(|typed| validate_kpi_target(name, &typed.spec)),
        _ => typed::<CampaignLaunch>(object).map(|typed| validate_campaign_launch(name, &typed.spec)),
    };
    match findings {
        Ok(findings) => findings.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error],
    }
}

fn typed<Kind: DeserializeOwned>(object: &Value) -> Result<Kind, String> {
    serde_json::from_value(object.clone()).map_err(|error| error.to_string())
}

#[test]
fn the_reference_examples_have_no_findings() {
    for object in super::server::reference_objects() {
        if object.get("kind") != Some(&"SlaReport".into()) {
            assert_eq!(problems(&object), Vec::<String>::new());
        }
    }
}
