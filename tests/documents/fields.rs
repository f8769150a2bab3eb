//! The page on which fields have an effect names every field of every spec, and none that is gone.

use std::collections::{BTreeMap, BTreeSet};

use bpo_operator::api::schema::custom_resource_definitions;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/status-of-fields.md");

/// The sections of the page by their kinds.
fn sections() -> BTreeMap<&'static str, &'static str> {
    PAGE.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect()
}

/// The words in code of a text.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The fields of a shape, or of the items of a list of it.
fn fields(schema: &Value) -> BTreeSet<&str> {
    let of = |pointer: &str| schema.pointer(pointer).and_then(Value::as_object);
    let found = of("/properties").or_else(|| of("/items/properties"));
    found.into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

/// What a section says too little of: a field that no row names, and where rows name members of a field, a member that none of them does.
fn missing(section: &str, spec: &Value) -> Vec<String> {
    let rows: Vec<Vec<&str>> = section.lines().filter(|line| line.starts_with('|')).map(names).collect();
    let mut missing = Vec::new();
    for field in fields(spec) {
        if rows.iter().flatten().any(|name| *name == field) {
            continue;
        }
        let (of_object, of_list) = (format!("{field}."), format!("{field}[]."));
        let is_member = |name: &&str| name.starts_with(&of_object) || name.starts_with(&of_list);
        let of_members: Vec<&str> = rows.iter().filter(|row| row.iter().any(is_member)).flatten().copied().collect();
        if of_members.is_empty() {
            missing.push(field.to_owned());
        }
        for member in fields(&spec["properties"][field]) {
            let written = [member.to_owned(), format!("{of_object}{member}"), format!("{of_list}{member}")];
            if !of_members.is_empty() && !of_members.iter().any(|name| written.iter().any(|one| one == name)) {
                missing.push(format!("{field}.{member}"));
            }
        }
    }
    missing
}

/// Names of the first column that no field of the spec has.
fn gone(section: &str, spec: &Value) -> Vec<String> {
    let known: BTreeSet<String> = fields(spec)
        .into_iter()
        .flat_map(|field| {
            let members = fields(&spec["properties"][field]).into_iter();
            let written = members.flat_map(move |member| {
                [member.to_owned(), format!("{field}.{member}"), format!("{field}[].{member}")]
            });
            written.chain([field.to_owned()])
        })
        .collect();
    let cells = section.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells.flat_map(names).filter(|name| !known.contains(*name)).map(str::to_owned).collect()
}

#[test]
fn the_page_names_every_field_of_every_spec_and_none_that_is_gone() {
    let sections = sections();
    for (plural, document) in custom_resource_definitions().unwrap() {
        let kind = document.pointer("/spec/names/kind").and_then(Value::as_str).unwrap();
        let section = sections.get(kind).unwrap_or_else(|| panic!("the page has no section {kind}"));
        let spec = document.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        assert!(!fields(spec).is_empty(), "{plural}");
        if section.contains("Every field works") || section.contains("Only the operator writes it") {
            continue;
        }
        assert_eq!(missing(section, spec), Vec::<String>::new(), "{kind}: say which effect these have");
        assert_eq!(gone(section, spec), Vec::<String>::new(), "{kind}: no field is called so");
    }
}

#[test]
fn a_field_that_is_missing_or_gone_is_found() {
    let spec = serde_json::json!({"properties": {
        "term": {"properties": {"start": {}, "end": {}}},
        "feeds": {"items": {"properties": {"url": {}, "job": {}}}},
        "alerts": {"items": {"properties": {"name": {}}}},
        "suspend": {},
    }});
    let section = "| field |\n|---|\n| `term.start` |\n| `feeds[].url`, `job` |\n| `alerts`, `noise` |\n";
    assert_eq!(missing(section, &spec), ["suspend", "term.end"]);
    assert_eq!(gone(section, &spec), ["noise"]);
}
