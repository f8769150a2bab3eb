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
    Ok(document)
}

/// Takes away what a derived schema says and a CRD must not: `nullable` (a stored null would break enums and Git diffs),
/// integer formats that say nothing beyond the bounds, and defaults of `null` or of empty lists and maps.
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
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
