//! The page `docs/dependencies.md` has the versions of the lock file, and names crates that the operator itself depends on.

use std::fs;
use std::path::Path;

/// The rows of the page: crate and version.
fn rows(page: &str) -> Vec<(String, String)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1).filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    });
    rows.collect()
}

#[test]
fn the_crates_have_the_versions_that_are_built_in() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(repository.join(file)).unwrap();
    let (page, lock, manifest) = (read("docs/dependencies.md"), read("Cargo.lock"), read("Cargo.toml"));
    let own = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let rows = rows(&page);
    assert!(rows.len() > 15, "{} crates are too few to prove anything", rows.len());
    for (name, version) in rows {
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{name} {version}");
        assert!(
            own.lines().any(|line| line.starts_with(&format!("{name} = "))),
            "{name} is not among the dependencies"
        );
    }
}
