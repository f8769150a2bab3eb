//! `kubectl bpo schema`: a JSON Schema by which editors complete manifests and mark mistakes while they are written.

use clap::Args;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::streams::print_line;
use crate::api::schema::custom_resource_definitions;
use crate::api::{GROUP, VERSION};

/// Arguments of `kubectl bpo schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {}

/// Prints the schema.
///
/// # Errors
/// When a definition cannot be read, which the tests rule out.
pub fn run(_arguments: &SchemaArguments) -> Answer {
    let schema = schema().map_err(|error| vec![error.to_string()])?;
    print_line(format_args!("{schema:#}"))?;
    Ok(0)
}

/// One schema for documents of all kinds; documents of others are let through.
///
/// # Errors
/// When a definition cannot be turned into JSON.
fn schema() -> Result<Value, serde_json::Error> {
    let api_version = format!("{GROUP}/{VERSION}");
    let mut kinds = Vec::new();
    let mut rules = Vec::new();
    for (_, definition) in custom_resource_definitions()? {
        let kind = definition.pointer("/spec/names/kind").cloned().unwrap_or_default();
        let written = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default();
        let mut schema = json_schema(&written);
        // Definitions leave out what every object has, and statuses are written by the operator alone.
        if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
            for text in ["apiVersion", "kind"] {
                properties.insert(text.to_owned(), json!({"type": "string"}));
            }
            for open in ["metadata", "status"] {
                properties.insert(open.to_owned(), json!({"type": "object"}));
            }
        }
        rules.push(json!({"if": is("kind", &kind), "then": schema}));
        kinds.push(kind);
    }
    let ours = json!({"properties": {"kind": {"enum": kinds}}, "required": ["kind"], "allOf": rules});
    Ok(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Manifests of bpo-operator",
        "type": "object",
        "if": is("apiVersion", &json!(api_version)),
        "then": ours,
    }))
}

fn is(member: &str, value: &Value) -> Value {
    json!({"properties": {member: {"const": value}}, "required": [member]})
}

/// A schema of a definition as JSON Schema has it: closed, since a field that no kind has is a mistake.
fn json_schema(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let mut written = Map::new();
    for (name, member) in members {
        let member = match name.as_str() {
            "properties" => of_each(member),
            "items" | "additionalProperties" | "not" => json_schema(member),
            "oneOf" | "anyOf" | "allOf" => member.as_array().into_iter().flatten().map(alternative).collect(),
            name if name.starts_with("x-kubernetes-") => continue,
            _ => member.clone(),
        };
        written.insert(name.clone(), member);
    }
    if members.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        written.insert("type".to_owned(), json!(["integer", "string"]));
    }
    let is_open = members.contains_key("x-kubernetes-preserve-unknown-fields");
    if members.contains_key("properties") && !members.contains_key("additionalProperties") && !is_open {
        written.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(written)
}

/// One of several ways to write an object names some of its members alone, so it cannot be closed.
fn alternative(schema: &Value) -> Value {
    let mut written = json_schema(schema);
    if let Some(members) = written.as_object_mut() {
        members.remove("additionalProperties");
    }
    written
}

fn of_each(properties: &Value) -> Value {
    let properties = properties.as_object().into_iter().flatten();
    properties.map(|(name, schema)| (name.clone(), json_schema(schema))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// Returns what is wrong with a document; empty where nothing is.
    fn mistakes(document: &Value) -> String {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("schema.json", schema().unwrap()).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        schemas.validate(document, index).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    fn manifests(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => files.extend(manifests(&path)),
                Some(ending) if ending == "yaml" => files.push(path),
                _ => {}
            }
        }
        files
    }

    #[test]
    fn every_example_is_right_and_documents_of_other_kinds_are_let_through() {
        let mut count = 0;
        for file in manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for document in documents.iter().filter(|document| document.is_object()) {
                assert_eq!(mistakes(document), "", "{}", file.display());
                count += usize::from(document["apiVersion"] == "bpo-operator.io/v1alpha1");
            }
        }
        assert!(count > 50, "{count} documents prove nothing");
    }

    #[test]
    fn mistakes_are_found_at_their_place() {
        let right = json!({
            "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": "level"},
            "spec": {"contractRef": {"name": "care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
        });
        assert_eq!(mistakes(&right), "");
        let cases = [
            ("/spec/objective", json!({"taget": 80}), "taget"),
            ("/spec/objective/target", json!(80.5), "/spec/objective/target"),
            ("/spec/objective/target", json!([80]), "/spec/objective/target"),
            ("/spec/source", json!({}), "feed"),
            ("/spec/source", json!("acd"), "/spec/source"),
            ("/kind", json!("KpiTargets"), "/kind"),
        ];
        for (place, value, said) in cases {
            let mut wrong = right.clone();
            *wrong.pointer_mut(place).unwrap() = value;
            assert!(mistakes(&wrong).contains(said), "{place}: {}", mistakes(&wrong));
        }
    }
}
