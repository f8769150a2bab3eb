//! The rooms of the domain: nothing points up, and no part of a folder imports another one in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Segments, circle, imports_of, modules, parts_of};

/// The rooms of the domain from the ground up: each may use those before it.
const ROOMS: [&str; 10] = [
    "numbers",
    "terms",
    "measuring",
    "settlement",
    "foresight",
    "governance",
    "launch",
    "judgement",
    "holdings",
    "decision",
];

fn segments(path: &str) -> Segments {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn imports_are_found_however_they_are_written() {
    let place = segments("domain::terms::calendar");
    let cases: [(&str, &[&str]); 9] = [
        ("use crate::domain::numbers::exact::Exact;", &["domain::numbers::exact::Exact"]),
        (
            "use super::periods::{Period, Periods as All};",
            &["domain::terms::periods::Period", "domain::terms::periods::Periods"],
        ),
        (
            "use super::super::{\n    decision::{self, Notice},\n    numbers::*,\n};",
            &["domain::decision", "domain::decision::Notice", "domain::numbers::*"],
        ),
        ("fn f() { super::super::launch::look(1) }", &["domain::launch::look"]),
        ("pub(in crate::domain) fn f() {}", &["domain"]),
        ("let days = self::zone::of::<Day>(x);", &["domain::terms::calendar::zone::of"]),
        ("// use crate::cli::plugin;\nuse jiff::civil::{Date, Time};", &[]),
        ("let text = self.name; supers::call();", &[]),
        ("#[cfg(test)]\nuse crate::web::a;\n#[cfg(test)]\nmod tests {\n    use crate::cli::b;\n}", &["web::a"]),
    ];
    for (text, expected) in cases {
        let expected: BTreeSet<Segments> = expected.iter().map(|path| segments(path)).collect();
        assert_eq!(imports_of(text, &place), expected, "{text}");
    }
}

#[test]
fn a_circle_is_found_without_what_hangs_on_it() {
    let parts = |edges: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        edges
            .iter()
            .map(|(one, others)| ((*one).to_owned(), others.iter().map(|other| (*other).to_owned()).collect()))
            .collect()
    };
    assert!(circle(&parts(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])).is_empty());
    assert_eq!(circle(&parts(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])])), ["b", "c"]);
}

#[test]
fn nothing_in_the_domain_points_up() {
    let (mut upward, mut between) = (Vec::new(), 0);
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    let modules = modules();
    for module in modules.iter().filter(|module| module.place.len() > 1 && module.place[0] == "domain") {
        let level = |path: &[String]| ROOMS.iter().position(|room| path.get(1).is_some_and(|name| name == room));
        let here = level(&module.place).unwrap_or_else(|| panic!("{} is in no room", module.place.join("::")));
        *files.entry(ROOMS[here]).or_default() += 1;
        for import in module.imports.iter().filter(|import| import[0] == "domain" && import.len() > 1) {
            let there = level(import).unwrap_or_else(|| panic!("{} is in no room", import.join("::")));
            between += usize::from(here != there);
            if there > here {
                upward.push(format!("{} imports {}", module.place.join("::"), import.join("::")));
            }
        }
    }
    for room in ROOMS {
        println!("{room}: {} files", files.get(room).copied().unwrap_or_default());
    }
    println!("{} imports between rooms, {} of them upward", between, upward.len());
    assert!(between > 100, "{between} imports between rooms are too few to prove anything");
    assert!(upward.is_empty(), "a room imports what is above it:\n{}", upward.join("\n"));
}

#[test]
fn no_parts_of_a_folder_import_each_other_in_a_circle() {
    let modules = modules();
    let rooms = ROOMS.iter().map(|room| vec!["domain", *room]);
    let folders =
        ["alert", "api", "cli", "cluster", "controller", "domain", "evidence", "feed", "outbound", "view", "web"];
    let circles: Vec<String> = folders
        .iter()
        .map(|folder| vec![*folder])
        .chain(rooms)
        .map(|folder| (folder.join("/"), circle(&parts_of(&modules, &folder))))
        .filter(|(_, circle)| !circle.is_empty())
        .map(|(folder, circle)| format!("src/{folder}: {}", circle.join(", ")))
        .collect();
    assert!(circles.is_empty(), "these import each other:\n{}", circles.join("\n"));
}

#[test]
fn ways_out_know_neither_feeds_nor_alerts() {
    for module in modules().iter().filter(|module| module.place.first().is_some_and(|first| first == "outbound")) {
        for import in &module.imports {
            assert!(
                ["outbound", "domain", "api", "clock"].contains(&import[0].as_str()),
                "{} imports {}",
                module.place.join("::"),
                import.join("::")
            );
        }
    }
}
