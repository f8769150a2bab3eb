//! The CustomResourceDefinitions as they are installed: the derived schemas, made fit for an API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use super::wording::{in_words, without_patterns};
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
            properties.get_mut(part).into_iter().for_each(|part| {
                without_patterns(part);
                bound(part);
            });
        }
        word(properties, false);
    }
    Ok(document)
}

/// Says in words what patterns say. Numbers of `where` keep their pattern: there are too many places for them, and a rule at each would
/// exceed what an API server lets all rules of a definition cost.
fn word(value: &mut Value, is_in_where: bool) {
    match value {
        Value::Object(map) => {
            if !is_in_where || !map.contains_key("x-kubernetes-int-or-string") {
                in_words(map);
            }
            map.iter_mut().for_each(|(name, inner)| word(inner, is_in_where || name == "where"));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| word(item, is_in_where)),
        _ => {}
    }
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
            // The line breaks of a comment are not meant for readers of `kubectl explain`.
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n");
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A place in a CRD's schema: its path, such as `kpitargets.spec.bands[].bound`, and the schema there.
    type Place = (String, Value);

    /// Every place of every CRD below `spec` and `status`.
    fn places() -> Vec<Place> {
        let mut places = vec![];
        for (name, document) in custom_resource_definitions().unwrap() {
            let properties = document.pointer("/spec/versions/0/schema/openAPIV3Schema/properties").unwrap();
            for part in ["spec", "status"] {
                gather(&format!("{name}.{part}"), properties.get(part).unwrap(), &mut places);
            }
        }
        assert!(places.len() > 500, "{}", places.len());
        places
    }

    fn gather(path: &str, schema: &Value, places: &mut Vec<Place>) {
        places.push((path.to_owned(), schema.clone()));
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            gather(&format!("{path}.{name}"), property, places);
        }
        for (member, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
            schema.get(member).into_iter().for_each(|inner| gather(&format!("{path}{suffix}"), inner, places));
        }
    }

    /// The paths of the places at which `is_wrong`.
    fn wrong(is_wrong: impl Fn(&str, &Value) -> bool) -> Vec<String> {
        places().into_iter().filter(|(path, schema)| is_wrong(path, schema)).map(|(path, _)| path).collect()
    }

    fn type_is(schema: &Value, type_: &str) -> bool {
        schema.get("type").and_then(Value::as_str) == Some(type_)
    }

    const NONE: [String; 0] = [];

    /// A shorter description repeats the field's name.
    const SHORTEST_DESCRIPTION: usize = 20;

    #[test]
    fn every_field_is_described() {
        let (mut fields, mut short) = (0, 0);
        let mut undescribed = Vec::new();
        for (path, schema) in places() {
            let is_item = path.ends_with("[]") || path.ends_with("{}");
            let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            if !is_item {
                fields += 1;
                short += usize::from(text.chars().count() < 40);
            }
            if !is_item && (text.chars().count() < SHORTEST_DESCRIPTION || !text.ends_with(['.', ')'])) {
                undescribed.push(path);
            }
        }
        println!("{fields} fields, {} descriptions under 20 characters, {short} under 40", undescribed.len());
        assert_eq!(undescribed, NONE);
    }

    #[test]
    fn every_string_list_map_and_number_is_bounded() {
        let unbounded = wrong(|path, schema| {
            let lacks = |bound: &str| schema.get(bound).is_none();
            let of_the_operator = path.contains(".status") || path.starts_with("slareports");
            (type_is(schema, "string") && lacks("enum") && lacks("maxLength"))
                || (schema.get("x-kubernetes-int-or-string").is_some()
                    && (lacks("maxLength")
                        || (!of_the_operator && lacks("pattern") && lacks("x-kubernetes-validations"))))
                || (type_is(schema, "array") && lacks("maxItems"))
                || (schema.get("additionalProperties").is_some() && lacks("maxProperties"))
                || (type_is(schema, "integer") && !of_the_operator && (lacks("minimum") || lacks("maximum")))
        });
        assert_eq!(unbounded, NONE);
    }

    #[test]
    fn every_list_says_how_it_merges_and_every_map_list_has_required_keys() {
        let wrong = wrong(|_, schema| {
            let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
            let required = schema.pointer("/items/required").and_then(Value::as_array);
            let merges = schema.get("x-kubernetes-list-type").and_then(Value::as_str);
            let has_keys =
                keys.is_some_and(|keys| keys.iter().all(|key| required.is_some_and(|required| required.contains(key))));
            type_is(schema, "array")
                && match merges {
                    Some("map") => !has_keys,
                    Some("atomic" | "set") => false,
                    _ => true,
                }
        });
        assert_eq!(wrong, NONE);
    }

    #[test]
    fn nothing_is_nullable_or_of_an_unknown_format_or_an_alternative_of_schemas() {
        let wrong = wrong(|_, schema| {
            let format = schema.get("format").and_then(Value::as_str);
            let has_null = |member: &str| {
                schema.get(member).is_some_and(|value| {
                    value.is_null() || value.as_array().is_some_and(|items| items.iter().any(Value::is_null))
                })
            };
            schema.get("nullable").is_some()
                || !matches!(format, None | Some("date" | "date-time"))
                || has_null("enum")
                || has_null("default")
                || ["anyOf", "oneOf", "allOf", "$ref", "title"].iter().any(|word| schema.get(*word).is_some())
        });
        assert_eq!(wrong, NONE);
    }

    #[test]
    fn no_field_answers_with_a_pattern() {
        let patterns = wrong(|_, schema| schema.get("pattern").is_some());
        let (of_where, elsewhere): (Vec<String>, Vec<String>) =
            patterns.into_iter().partition(|path| path.contains(".where[]."));
        println!("{} fields answer with a pattern, and {} numbers of `where`", elsewhere.len(), of_where.len());
        assert_eq!(elsewhere, NONE);
    }

    #[test]
    fn no_message_holds_a_pattern() {
        let mut messages = 0;
        for (path, schema) in places() {
            for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                let message = rule.get("message").and_then(Value::as_str).unwrap_or_default();
                let holds = ["^", "[0-9", "[a-z", "[A-Z", "\\d", "\\s", ".*"].iter().any(|sign| message.contains(sign));
                assert!(!holds, "{path}: {message}");
                messages += 1;
            }
        }
        println!("{messages} messages of rules, none with a pattern");
    }

    #[test]
    fn only_scalars_outside_lists_have_defaults() {
        let wrong = wrong(|path, schema| {
            schema.get("default").is_some_and(|value| path.contains("[]") || value.is_array() || value.is_object())
        });
        assert_eq!(wrong, NONE);
    }

    #[test]
    fn every_rule_has_a_message_on_one_line() {
        let mut rules = 0;
        for (path, schema) in places() {
            for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                let message = rule.get("message").and_then(Value::as_str).unwrap_or_default();
                assert!(message.len() > 15 && !message.contains('\n') && !message.contains("  "), "{path}: {rule}");
                rules += 1;
            }
        }
        assert!(rules > 80, "{rules}");
    }

    #[test]
    fn required_is_only_what_nothing_can_do_without() {
        let required = |path: &str| -> Vec<String> {
            let place = places().into_iter().find(|(found, _)| found == path).unwrap();
            serde_json::from_value(place.1.get("required").cloned().unwrap_or_default()).unwrap_or_default()
        };
        for (path, expected) in [
            ("vendorcontracts.spec", &["term", "vendor"][..]),
            ("vendorcontracts.spec.vendor", &["name"]),
            ("vendorcontracts.spec.term", &["end", "start"]),
            ("vendorcontracts.spec.charges", &["currency"]),
            // One of `url` and `job` is needed, which a rule says.
            ("vendorcontracts.spec.feeds[]", &["name"]),
            ("servicetiers.spec", &["rank"]),
            ("kpitargets.spec", &["contractRef", "kpi", "objective", "source"]),
            ("kpitargets.spec.source", &["feed"]),
            ("kpitargets.spec.objective", &["target"]),
            ("campaignlaunches.spec", &["contractRefs", "launchAt", "product"]),
        ] {
            let mut found = required(path);
            found.sort();
            assert_eq!(found, expected, "{path}");
        }
    }
}
