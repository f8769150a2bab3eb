//! The committed CRDs are those that the types in `src/api` say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bpo_operator::api::schema::{custom_resource_definitions, to_yaml};
use serde_json::Value;

/// Set to 1 to have the files in `crds/` and in the chart written again.
const UPDATE: &str = "BPO_UPDATE";

/// For users who apply them, and for helm, which reads them from the chart only.
const FOLDERS: [&str; 2] = ["crds", "charts/bpo-operator/crds"];

#[test]
fn the_committed_crds_are_those_of_the_types() {
    let update = std::env::var(UPDATE).is_ok_and(|value| value == "1");
    let mut drifted = vec![];
    let mut expected = vec![];
    let folders = FOLDERS.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    for (name, document) in custom_resource_definitions().unwrap() {
        let text = to_yaml(&document).unwrap();
        for folder in &folders {
            let path = folder.join(format!("{name}.yaml"));
            if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                if update {
                    std::fs::create_dir_all(folder).unwrap();
                    std::fs::write(&path, &text).unwrap();
                } else {
                    drifted.push(path.display().to_string());
                }
            }
            expected.push(path);
        }
    }
    assert!(
        drifted.is_empty(),
        "{} no longer match the types in src/api; `{UPDATE}=1 cargo test --test documents crds` writes them again",
        drifted.join(", ")
    );

    let read = |folder: &PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = folders.iter().flat_map(read).collect();
    let stray: Vec<_> = found.iter().filter(|path| !expected.contains(path)).collect();
    assert!(stray.is_empty(), "no type makes {stray:?}; delete what is left over");
}

/// `kubectl apply` writes the whole definition into an annotation, of which an object may have 256 KiB.
const MOST_BYTES: usize = 256 * 1_024;

#[test]
fn kubectl_apply_can_write_each_definition() {
    for (name, document) in custom_resource_definitions().unwrap() {
        let bytes = serde_json::to_string(&document).unwrap().len();
        assert!(bytes < MOST_BYTES - 2_048, "{name} has {bytes} bytes as JSON: shorten descriptions or share shapes");
    }
}

#[test]
fn the_yaml_reads_back_as_the_document() {
    for (name, document) in custom_resource_definitions().unwrap() {
        let read: serde_json::Value = serde_saphyr::from_str(&to_yaml(&document).unwrap()).unwrap();
        assert_eq!(read, document, "{name}");
    }
}

#[test]
fn every_field_of_every_spec_is_in_a_reference_example() {
    let mut shown = BTreeSet::new();
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/reference");
    for path in std::fs::read_dir(reference).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_file() {
            let objects: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap();
            for object in objects {
                let kind = object.get("kind").and_then(Value::as_str).unwrap().to_lowercase();
                gather_written(&format!("{kind}.spec"), object.get("spec").unwrap(), &mut shown);
            }
        }
    }
    let mut known = BTreeSet::new();
    for (_, document) in custom_resource_definitions().unwrap() {
        let kind = document.pointer("/spec/names/singular").and_then(Value::as_str).unwrap();
        let spec = document.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        gather_known(&format!("{kind}.spec"), spec, &mut known);
    }
    // Tables are one shape under three names, trees one under two: each member is shown once.
    let known: BTreeSet<String> = known.iter().map(|path| of_one_shape(path)).collect();
    let shown: BTreeSet<String> = shown.iter().map(|path| of_one_shape(path)).collect();
    let missing: Vec<_> = known.difference(&shown).filter(|path| !is_alternative(path)).collect();
    assert!(missing.is_empty(), "show them in examples/reference: {missing:#?}");
}

fn of_one_shape(path: &str) -> String {
    let table = [".format.xlsx.", ".format.arrays."]
        .iter()
        .fold(path.to_owned(), |path, name| path.replace(name, ".format.csv."));
    table.replace(".format.xml.", ".format.json.")
}

/// What an example cannot show, or shows elsewhere: members that belong to another format than the one that holds them.
fn is_alternative(path: &str) -> bool {
    let own = [
        ("json", "path"),
        ("json", "in"),
        ("json", "absent"),
        ("json", "sum"),
        ("json", "count"),
        ("json", "names"),
        ("json", "otherwise"),
        ("csv", "column"),
        ("openMetrics", "label"),
        ("openMetrics", "metric"),
        ("prometheus", "label"),
        ("prometheus", "query"),
    ];
    let members = [
        "path",
        "column",
        "label",
        "metric",
        "query",
        "value",
        "stock",
        "unit",
        "of",
        "in",
        "sum",
        "count",
        "absent",
        "names",
        "otherwise",
    ];
    let Some((format, member)) =
        path.split_once(".format.").and_then(|(_, rest)| Some((rest.split('.').next()?, rest.rsplit('.').next()?)))
    else {
        return ["spec.credits.points.perPointPercent", "spec.triggers[].when", "staffing.scheduled.agents"]
            .iter()
            .any(|known| path.contains(known));
    };
    let is_mapping = path.contains(".labels[].") || path.contains(".measures[].");
    // Sums, counts and conditions are the same in every format that has them, except for where they look.
    let is_nested = path.contains(".sum[].") || path.contains(".count.");
    if is_nested && ["openMetrics", "prometheus"].contains(&format) {
        return true;
    }
    if path.contains(".sum[].") && format == "csv" {
        return member != "column" || path.contains(".where[].");
    }
    if path.contains(".where[].") {
        return if format == "csv" { member != "column" } else { member == "column" };
    }
    is_mapping && members.contains(&member) && !own.contains(&(format, member))
}

fn gather_written(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            paths.insert(format!("{path}.{name}"));
            gather_written(&format!("{path}.{name}"), member, paths);
        }),
        Value::Array(items) => items.iter().for_each(|item| gather_written(&format!("{path}[]"), item, paths)),
        _ => {}
    }
}

fn gather_known(path: &str, schema: &Value, paths: &mut BTreeSet<String>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        paths.insert(format!("{path}.{name}"));
        gather_known(&format!("{path}.{name}"), property, paths);
    }
    schema.get("items").into_iter().for_each(|items| gather_known(&format!("{path}[]"), items, paths));
}
