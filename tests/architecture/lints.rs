//! The compiler's lints that the manifests switch on, and where they are switched off.

use std::fs;
use std::path::Path;

use super::sources;

/// The lines of a section of a manifest.
fn section<'t>(manifest: &'t str, heading: &str) -> Vec<&'t str> {
    manifest.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with('[')).collect()
}

/// Whether a line is an attribute that names the lint, or the line of a longer one.
fn names_the_lint(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with('#') && line.contains("unreachable_pub")) || line.starts_with("unreachable_pub")
}

#[test]
fn what_is_public_and_reached_by_nobody_is_found_except_where_a_macro_makes_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for manifest in ["Cargo.toml", "testkit/Cargo.toml"] {
        let text = fs::read_to_string(root.join(manifest)).unwrap();
        assert!(section(&text, "[lints.rust]").contains(&"unreachable_pub = \"warn\""), "{manifest}");
    }
    let folders = ["src", "tests", "benches", "examples", "testkit/src"];
    let files = folders.iter().flat_map(|folder| sources(&root.join(folder)));
    let silenced = files.filter(|file| fs::read_to_string(file).unwrap().lines().any(names_the_lint));
    let silenced: Vec<_> = silenced.map(|file| file.strip_prefix(root).unwrap().to_owned()).collect();
    assert_eq!(silenced, [Path::new("src/api/mod.rs")]);
}
