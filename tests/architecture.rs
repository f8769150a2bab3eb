//! The folder says what the code in it may touch: these tests hold the imports to it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall stop")]

use std::fs;
use std::path::{Path, PathBuf};

use bpo_operator::api::condition::{EventReason, Reason};

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

/// Words that the project's texts do without: *say, show, notify, is, again, in addition, fix, returns* say the same plainly.
const WORDS_TO_LOSE: [&str; 11] =
    ["tells", "told", "stands", "stood", "anew", "besides", "mend", "mends", "mended", "mending", "gives"];

/// The words of `text` that are to be lost, each with its line: those of the list, *so many*, and *X is no Y*.
fn lost_words(place: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before: [String; 3] = Default::default();
    for (number, line) in text.lines().enumerate() {
        for (clause, words) in line.split([':', ';', '.', ',', '|']).enumerate() {
            if clause > 0 {
                before = Default::default();
            }
            for word in words.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
                let word = word.to_lowercase();
                let [third, second, first] = before.each_ref().map(String::as_str);
                let is_lost = WORDS_TO_LOSE.contains(&word.as_str())
                    || (first == "so" && matches!(word.as_str(), "many" | "much"))
                    // "There is no feed" and "is no longer" are plain.
                    || (first == "no" && matches!(second, "is" | "are") && third != "there" && word != "longer");
                if is_lost {
                    found.push(format!("{place}:{}: {second} {first} {word}", number + 1));
                }
                before.rotate_left(1);
                before[2] = word;
            }
        }
    }
    found
}

#[test]
fn documents_are_written_in_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut count = 0;
    for folder in ["docs", "docs/gitops", "docs/platforms", "."] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_document = path.extension().is_some_and(|ending| ending == "md");
            // These pages are made of the program's own texts.
            let is_made = ["feeds-for-vendors.md", "catalogue.md"].iter().any(|name| path.ends_with(name));
            if is_document && !is_made {
                let shown = path.strip_prefix(root).unwrap().display().to_string();
                found.extend(lost_words(&shown, &fs::read_to_string(&path).unwrap()));
                count += 1;
            }
        }
    }
    assert!(count > 15, "{count} documents are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_help_of_both_programs_is_written_in_plain_words() {
    let mut found = Vec::new();
    let mut pages = 0;
    for (name, program) in
        [("bpo-operator", env!("CARGO_BIN_EXE_bpo-operator")), ("kubectl-bpo", env!("CARGO_BIN_EXE_kubectl-bpo"))]
    {
        let mut commands: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(command) = commands.pop() {
            let output = std::process::Command::new(program).args(&command).arg("--help").output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && help.contains("Usage:"), "{name} {command:?}: {help}");
            found.extend(lost_words(&format!("{name} {}", command.join(" ")), &help));
            pages += 1;
            let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
            let inner =
                listed.lines().take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
            for inner in inner.filter_map(|line| line.split_whitespace().next()).filter(|inner| *inner != "help") {
                commands.push(command.iter().cloned().chain([inner.to_owned()]).collect());
            }
        }
    }
    assert!(pages > 15, "{pages} pages are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_reason_of_conditions_and_events_is_given_somewhere() {
    let code: String = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .iter()
        .filter(|file| !file.ends_with("api/condition.rs") && !file.to_string_lossy().contains("/tests"))
        .map(|file| fs::read_to_string(file).unwrap())
        .map(|text| text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned())
        .collect();
    let given = |name: &str| {
        code.match_indices(name)
            .any(|(at, _)| !code[at + name.len()..].starts_with(|next: char| next.is_alphanumeric()))
    };
    let reasons = Reason::ALL.iter().map(|reason| format!("Reason::{reason}"));
    let events = EventReason::ALL.iter().map(|reason| format!("EventReason::{reason}"));
    let never: Vec<String> = reasons.chain(events).filter(|name| !given(name)).collect();
    assert!(never.is_empty(), "these are documented and can never occur: {never:?}");
}
