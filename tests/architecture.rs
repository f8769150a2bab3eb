//! The folder says what the code in it may touch: these tests hold the imports to it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall stop")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Lines of code (comments left out) below `folder` that hold one of the `words`.
fn offences(folder: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let files = if root.is_dir() { sources(&root) } else { vec![root] };
    assert!(!files.is_empty(), "{folder} is not there: the test would prove nothing");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // Tests stand at a file's end and may touch more.
        for (number, line) in text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn each_folder_touches_only_what_it_may() {
    let shell = ["kube::", "tokio::", "reqwest::", "axum::", "rusqlite::"];
    let clock = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"];
    let upward = ["crate::controller", "crate::cluster", "crate::web", "crate::cli"];
    let cases: [(&str, Vec<&str>); 7] = [
        ("domain", [&shell[..], &clock[..], &upward[..], &["crate::feed", "crate::evidence", "crate::clock"]].concat()),
        (
            "api",
            [
                &["tokio::", "reqwest::", "rusqlite::", "crate::domain", "crate::evidence", "crate::feed"][..],
                &clock[..],
            ]
            .concat(),
        ),
        (
            "evidence",
            [&["reqwest::", "axum::", "crate::feed", "domain::judgement", "kube::Client"][..], &upward[..]].concat(),
        ),
        ("feed", [&["domain::judgement", "kube::"][..], &upward[..]].concat()),
        (
            "alert",
            [&["domain::judgement", "kube::", "rusqlite::", "feed::fetch", "feed::scheduler"][..], &upward[..]]
                .concat(),
        ),
        ("cluster", vec!["crate::controller", "domain::judgement", "reqwest::"]),
        ("controller", vec!["reqwest::", "feed::fetch", "feed::client"]),
    ];
    for (folder, words) in cases {
        let found = offences(folder, &words);
        assert!(found.is_empty(), "src/{folder} touches what it may not:\n{}", found.join("\n"));
    }
}

#[test]
fn only_the_clock_tells_decisions_the_time() {
    // Events and leases carry the machine's own time by the conventions of Kubernetes, whatever clock is rehearsed.
    let allowed = ["src/clock.rs", "src/cluster/write.rs", "src/cluster/lease.rs"];
    let found: Vec<String> = offences("", &["SystemTime::now", "Timestamp::now", "Zoned::now"])
        .into_iter()
        .filter(|offence| !allowed.iter().any(|allowed| offence.contains(allowed)))
        .collect();
    assert!(found.is_empty(), "these read a clock of their own:\n{}", found.join("\n"));
}

#[test]
fn zones_come_from_the_program_and_from_no_machine() {
    // Files named `tests` stand beside what they test, and may ask the machine.
    let found: Vec<String> = offences("", &["TimeZone::get(", "TimeZone::system(", "tz::db("])
        .into_iter()
        .filter(|offence| !offence.contains("/tests") && !offence.contains("month.rs"))
        .collect();
    assert!(found.is_empty(), "these read the zones of the machine that they run on:\n{}", found.join("\n"));
}
