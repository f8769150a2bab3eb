//! What the modules of the crate import from each other, read from their text: every `use` and every path that begins with `crate`,
//! `super` or `self`, outside comments and tests.

#![allow(clippy::indexing_slicing, reason = "a test that meets the unexpected shall stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::sources;

/// The segments of a path from the crate's root on: `["domain", "terms", "calendar", "Calendar"]`.
pub(crate) type Segments = Vec<String>;

/// One module: its own place, and all that it names of the crate.
pub(crate) struct Module {
    /// `["domain", "terms", "calendar"]` of `src/domain/terms/calendar.rs`.
    pub place: Segments,
    /// Paths of the crate that it names.
    pub imports: BTreeSet<Segments>,
}

/// Every module of `src` outside tests, with its imports.
pub(crate) fn modules() -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = Vec::new();
    for file in sources(&root) {
        let place = place_of(file.strip_prefix(&root).unwrap());
        let is_test = place.iter().any(|segment| matches!(segment.as_str(), "tests" | "fixtures"));
        if !is_test && !file.ends_with("main.rs") {
            let text = fs::read_to_string(&file).unwrap();
            modules.push(Module { imports: imports_of(&text, &place), place });
        }
    }
    modules
}

fn place_of(file: &Path) -> Segments {
    let mut place: Segments =
        file.with_extension("").iter().map(|segment| segment.to_str().unwrap().to_owned()).collect();
    if place.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib")) {
        place.pop();
    }
    place
}

/// What a text names of the crate where it is the module at `place`.
pub(crate) fn imports_of(text: &str, place: &[String]) -> BTreeSet<Segments> {
    let code: String = without_tests(text)
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find(|letter: char| letter.is_alphabetic() || letter == '_') {
        let begins_a_word = !rest[..at].ends_with([':', '\'', '.']);
        rest = &rest[at..];
        let word = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let begins_a_path = begins_a_word && matches!(&rest[..word], "crate" | "super" | "self");
        if begins_a_path && rest[word..].starts_with("::") {
            let (tree, end) = tree_of(rest);
            found.extend(tree.into_iter().filter_map(|path| resolved(&path, place)));
            rest = &rest[end..];
        } else {
            rest = &rest[word..];
        }
    }
    found
}

/// The text without the modules at its end that hold its tests.
fn without_tests(text: &str) -> &str {
    let tests = text.match_indices("#[cfg(test)]\n").find(|(at, marker)| {
        let after = text[at + marker.len()..].trim_start_matches(|letter| letter != 'm' && letter != '\n');
        after.starts_with("mod ") && (*at == 0 || text[..*at].ends_with('\n'))
    });
    tests.map_or(text, |(at, _)| &text[..at])
}

/// The leaves of a path that may end in braces, `a::{b::C, d}`, and where it ends.
fn tree_of(text: &str) -> (Vec<Segments>, usize) {
    let mut path = Segments::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with('{') {
            let (mut leaves, mut inside) = (Vec::new(), at + 1);
            loop {
                inside += text[inside..].len() - text[inside..].trim_start_matches([' ', '\n', ',']).len();
                if text[inside..].starts_with('}') {
                    return (leaves, inside + 1);
                }
                let (inner, end) = tree_of(&text[inside..]);
                leaves.extend(inner.into_iter().map(|leaf| path.iter().cloned().chain(leaf).collect()));
                // An alias, `as name`, is passed over.
                let alias = text[inside + end..].find([',', '}', ';']).unwrap_or(0);
                inside += end + alias;
                assert!(end + alias > 0, "not a tree of imports: {}", &text[..text.len().min(80)]);
            }
        }
        let word = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let word = if rest.starts_with('*') { 1 } else { word };
        path.push(rest[..word].to_owned());
        at += word;
        if !text[at..].starts_with("::") || text[at..].starts_with("::<") {
            return (vec![path], at);
        }
        at += 2;
    }
}

/// A path from the crate's root on; `None` where it leads nowhere below it.
fn resolved(path: &[String], place: &[String]) -> Option<Segments> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let base = match path.first()?.as_str() {
        "crate" => &[],
        "self" => place,
        _ => &place[..place.len().checked_sub(ups)?],
    };
    Some(base.iter().chain(path.iter().skip(ups.max(1))).filter(|segment| *segment != "self").cloned().collect())
}

/// The parts of a folder (its modules, each with the modules below it) and which of them each imports.
pub(crate) fn parts_of(modules: &[Module], folder: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let is_inside =
        |path: &Segments| path.len() > folder.len() && path.iter().zip(folder).all(|(one, other)| one == other);
    let inside: Vec<&Module> = modules.iter().filter(|module| is_inside(&module.place)).collect();
    let names: BTreeSet<&String> = inside.iter().map(|module| &module.place[folder.len()]).collect();
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in inside {
        let part = &module.place[folder.len()];
        let imported = module.imports.iter().filter(|path| is_inside(path)).map(|path| &path[folder.len()]);
        parts
            .entry(part.clone())
            .or_default()
            .extend(imported.filter(|other| *other != part && names.contains(other)).cloned());
    }
    parts
}

/// Parts that import each other, directly or through others; empty where there is no such circle.
pub(crate) fn circle(parts: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut left = parts.clone();
    // Whatever imports none of the others that are left is in no circle, nor is what none of them imports.
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|name, others| imported.contains(name) && others.iter().any(|other| names.contains(other)));
        if left.len() == before {
            return left.into_keys().collect();
        }
    }
}
