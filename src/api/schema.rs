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

fn fit(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(crd)?;
    tidy(&mut document);
    Ok(document)
}

/// Takes away what a derived schema says and a CRD must not: `nullable` (a stored null would break enums and Git diffs),
/// integer formats that Kubernetes does not know, and defaults of `null` or of empty lists.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            if matches!(map.get("format").and_then(Value::as_str), Some("int64" | "int32" | "uint8" | "uint32")) {
                map.remove("format");
            }
            if matches!(map.get("default"), Some(Value::Null)) {
                map.remove("default");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
