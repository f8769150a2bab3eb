//! The CustomResourceDefinitions as they are installed: the derived schemas, made fit for an API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use super::{CampaignLaunch, KpiTarget, ServiceTier, SlaReport, VendorContract};

/// All CRDs, in the order in which people meet them. File name (without ending) and document.
///
/// # Errors
/// When a derived schema cannot be turned into JSON, which a test rules out.
pub fn custom_resource_definitions() -> Result<Vec<(String, Value)>, serde_json::Error> {
    [VendorContract::crd(), ServiceTier::crd(), KpiTarget::crd(), CampaignLaunch::crd(), SlaReport::crd()]
        .into_iter()
        .map(|crd| {
            let name = crd.spec.names.plural.clone();
            Ok((name, fit(&crd)?))
        })
        .collect()
}

/// A document as YAML that every reader, of YAML 1.1 too, takes for the same document.
///
/// # Errors
/// When the document nests too deep for the serializer.
pub fn to_yaml(document: &Value) -> Result<String, serde_saphyr::ser::Error> {
    // Folded text would hide a long rule's own spaces from a reader: every string stays on its line.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(document, options)
}

fn fit(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(crd)?;
    tidy(&mut document);
    if let Some(properties) = document.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties") {
        for part in parts_written_by_the_operator(&crd.spec.names.kind) {
            properties.get_mut(part).into_iter().for_each(bound);
        }
    }
    Ok(document)
}

/// Which parts of a kind only the operator writes. An SlaReport is written by nobody else.
fn parts_written_by_the_operator(kind: &str) -> &'static [&'static str] {
    if kind == "SlaReport" { &["spec", "status"] } else { &["status"] }
}

/// Bounds what says nothing of its own: strings to 256 characters, lists to being replaced as a whole.
fn bound(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    match map.get("type").and_then(Value::as_str) {
        Some("string") if !map.contains_key("enum") && !map.contains_key("maxLength") => {
            map.insert("maxLength".to_owned(), 256.into());
        }
        Some("array") => {
            map.entry("x-kubernetes-list-type").or_insert_with(|| "atomic".into());
            map.get_mut("items").into_iter().for_each(bound);
        }
        _ => {}
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(bound);
    }
}

/// Takes away what a derived schema says and a CRD must not: `nullable` and members of `null` (a stored null would break enums and Git diffs),
/// integer formats that say nothing beyond the bounds, titles, and defaults of `null` or of empty lists and maps.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("nullable").is_some_and(Value::is_boolean) {
                map.remove("nullable");
            }
            if matches!(map.get("format").and_then(Value::as_str), Some("int64" | "int32" | "uint8" | "uint32")) {
                map.remove("format");
            }
            let says_nothing = match map.get("default") {
                Some(Value::Null) => true,
                Some(Value::Array(items)) => items.is_empty(),
                Some(Value::Object(members)) => members.is_empty(),
                _ => false,
            };
            if says_nothing {
                map.remove("default");
            }
            if let Some(Value::Array(members)) = map.get_mut("enum") {
                members.retain(|member| !member.is_null());
            }
            if map.get("title").is_some_and(Value::is_string) {
                map.remove("title");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
