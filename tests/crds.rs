//! The committed CRDs are those that the types in `src/api` say.

use std::path::{Path, PathBuf};

use bpo_operator::api::schema::{custom_resource_definitions, to_yaml};

/// Set to 1 to have the files in `crds/` and in the chart written anew.
const UPDATE: &str = "BPO_UPDATE";

/// For whoever applies them, and for helm, which takes them from the chart only.
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
        "{} no longer match the types in src/api; `{UPDATE}=1 cargo test --test crds` writes them anew",
        drifted.join(", ")
    );

    let read = |folder: &PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = folders.iter().flat_map(read).collect();
    let stray: Vec<_> = found.iter().filter(|path| !expected.contains(path)).collect();
    assert!(stray.is_empty(), "no type gives {stray:?}; delete what is left over");
}

#[test]
fn the_yaml_reads_back_as_the_document() {
    for (name, document) in custom_resource_definitions().unwrap() {
        let read: serde_json::Value = serde_saphyr::from_str(&to_yaml(&document).unwrap()).unwrap();
        assert_eq!(read, document, "{name}");
    }
}
