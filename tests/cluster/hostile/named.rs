//! Finds the tests that the table of bounds names: a page that names a test which is gone proves nothing.

use std::path::{Path, PathBuf};

/// Whether there is a test of a name: a path of modules (`feed::tests::jobs`, with or without a function), a file (`tests/cluster/leases.rs`,
/// with or without `::function`), or a program of tests with words of a function's name (`cluster -- set_back`).
pub(crate) fn is_there(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some((program, words)) = name.split_once(" -- ") {
        return files_below(&root.join("tests").join(program)).iter().any(|file| {
            let is_named = file.file_stem().is_some_and(|stem| stem == words);
            is_named || tests_of(file).any(|test| test.contains(words))
        });
    }
    if let Some((file, function)) = name.split_once(".rs::") {
        return tests_of(&root.join(format!("{file}.rs"))).any(|test| test == function);
    }
    if name.ends_with(".rs") {
        return tests_of(&root.join(name)).next().is_some();
    }
    let parts: Vec<&str> = name.split("::").collect();
    let (function, module) = parts.split_last().unwrap();
    let has = |module: &[&str], function: Option<&str>| {
        files_of(root, module).iter().flat_map(|file| tests_of(file)).any(|test| function.is_none_or(|one| test == one))
    };
    has(&parts, None) || has(module, Some(*function))
}

/// The files of a module and of those inside it.
fn files_of(root: &Path, module: &[&str]) -> Vec<PathBuf> {
    let folder = module.iter().fold(root.join("src"), |folder, part| folder.join(part));
    let mut files = files_below(&folder);
    files.push(folder.with_extension("rs"));
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let found = entries.map(|entry| entry.unwrap().path());
    found.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Names of the tests of a file: functions after `#[test]` or `#[tokio::test]`, and those that a macro makes tests of.
fn tests_of(file: &Path) -> impl Iterator<Item = String> + use<> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let of_macros = text.contains("on_both_stores!(");
    let mut is_next = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let function = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ");
        match function.and_then(|rest| rest.split('(').next()) {
            Some(name) if is_next || (of_macros && is_listed(&text, name)) => found.push(name.to_owned()),
            _ => {}
        }
        is_next =
            line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (is_next && line.starts_with("#["));
    }
    found.into_iter()
}

/// Whether a macro that makes tests lists a function.
fn is_listed(text: &str, name: &str) -> bool {
    let listed = text.split("on_both_stores!(").nth(1).and_then(|rest| rest.split(");").next()).unwrap_or_default();
    listed.split(',').any(|one| one.trim() == name)
}

#[test]
fn tests_are_found_by_module_function_file_and_program() {
    for there in [
        "controller::pace",
        "controller::evidence_cache",
        "evidence::tests::journal::terms_are_recorded_when_they_change",
        "cluster::fence::a_write_begins_only_within_the_deadline_and_ends_before_the_lease_does",
        "tests/cluster/leases.rs",
        "tests/architecture/main.rs::zones_come_from_the_program_and_from_no_machine",
        "cluster -- set_back",
    ] {
        assert!(is_there(there), "{there}");
    }
    for gone in [
        "domain::decision::month",
        "controller::pace::a_test_that_is_gone",
        "tests/cluster/gone.rs",
        "tests/architecture/main.rs::sources",
        "cluster -- a_test_that_is_gone",
    ] {
        assert!(!is_there(gone), "{gone}");
    }
}
