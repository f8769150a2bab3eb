//! The folder says what the code in it may touch: these tests hold the imports to it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall stop")]

use std::fs;
use std::path::{Path, PathBuf};

use bpo_operator::api::condition::{EventReason, Reason};

mod imports;
mod lints;
mod rooms;
mod words;

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

/// The files of tests alone: those that a `mod` behind `#[cfg(test)]` names, and folders and files called tests.
fn is_of_tests(file: &Path, files_of_tests: &[PathBuf]) -> bool {
    let named = |part: std::path::Component<'_>| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs";
    file.components().any(named) || files_of_tests.iter().any(|known| known == file)
}

/// The lines of a file without its items of tests, which rustfmt ends at the indentation that they begin with; and the
/// names of the modules of tests that it declares.
fn outside_tests(text: &str) -> (Vec<(usize, &str)>, Vec<String>) {
    let (mut found, mut modules) = (Vec::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            found.push((number + 1, line));
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let (end, deeper) = (format!("{indentation}}}"), format!("{indentation} "));
        for (_, item) in lines.by_ref() {
            let declared =
                item.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("mod ");
            modules.extend(declared.and_then(|name| name.strip_suffix(';')).map(str::to_owned));
            if item == end || (item.ends_with(';') && !item.starts_with(&deeper)) {
                break;
            }
        }
    }
    (found, modules)
}

/// The files of tests alone below a folder.
fn files_of_tests(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in files {
        let (_, modules) = outside_tests(&fs::read_to_string(file).unwrap());
        let is_folder = file.ends_with("mod.rs") || file.ends_with("lib.rs");
        let beside = if is_folder { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        found.extend(modules.iter().map(|module| beside.join(format!("{module}.rs"))));
    }
    found
}

/// Lines of code outside tests, comments left out, below `folder` that hold one of the `words`.
fn offences(folder: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let files = if root.is_dir() { sources(&root) } else { vec![root] };
    assert!(!files.is_empty(), "{folder} is not there: the test would prove nothing");
    let of_tests = files_of_tests(&files);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_of_tests(file, &of_tests)) {
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in outside_tests(&text).0 {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| holds(code, word)) {
                found.push(format!("{}:{number}: {}", file.display(), code.trim()));
            }
        }
    }
    found
}

/// Whether code holds a path that begins with `word`: `mykube::` does not hold `kube::`.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

#[test]
fn every_line_outside_tests_is_read_and_none_of_a_test() {
    let text = "#[cfg(test)]\nmod cases;\nuse a;\n#[cfg(test)]\nfn only() {\n    b;\n}\nfn c() {\n    #[cfg(test)]\n    d();\n    e();\n}\n";
    let (lines, modules) = outside_tests(text);
    let lines: Vec<&str> = lines.into_iter().map(|(_, line)| line.trim()).collect();
    assert_eq!((lines, modules), (vec!["use a;", "fn c() {", "e();", "}"], vec!["cases".to_owned()]));
    assert!(
        holds("use kube::Api;", "kube::") && holds("(kube::Api)", "kube::") && !holds("use mykube::Api;", "kube::")
    );
}

#[test]
fn each_folder_touches_only_what_it_may() {
    let shell = [
        "kube::",
        "tokio::",
        "reqwest::",
        "axum::",
        "hyper::",
        "lettre::",
        "rusqlite::",
        "postgres::",
        "tokio_postgres::",
        "std::fs",
        "std::net",
    ];
    let clock = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"];
    let upward = ["crate::controller", "crate::cluster", "crate::web", "crate::cli"];
    let below = ["crate::outbound", "crate::feed", "crate::evidence", "crate::clock"];
    let cases: [(&str, Vec<&str>); 8] = [
        ("domain", [&shell[..], &clock[..], &upward[..], &below[..]].concat()),
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
            [
                &["reqwest::", "axum::", "crate::outbound", "crate::feed", "domain::judgement", "kube::Client"][..],
                &upward[..],
            ]
            .concat(),
        ),
        ("outbound", [&["domain::judgement", "kube::", "rusqlite::", "crate::evidence"][..], &upward[..]].concat()),
        ("feed", [&["domain::judgement", "kube::"][..], &upward[..]].concat()),
        ("alert", [&["domain::judgement", "kube::", "rusqlite::", "crate::feed"][..], &upward[..]].concat()),
        ("cluster", vec!["crate::controller", "domain::judgement", "reqwest::"]),
        ("controller", vec!["reqwest::", "feed::fetch", "feed::page_walk", "outbound::client"]),
    ];
    for (folder, words) in cases {
        let found = offences(folder, &words);
        assert!(found.is_empty(), "src/{folder} touches what it may not:\n{}", found.join("\n"));
    }
}

#[test]
fn decisions_read_the_time_only_from_the_clock() {
    // Events and leases carry the machine's own time by the conventions of Kubernetes, whatever clock is rehearsed.
    let allowed = ["src/clock.rs", "src/cluster/write.rs", "src/cluster/lease.rs"];
    let found: Vec<String> = offences("", &["SystemTime::now", "Timestamp::now", "Zoned::now"])
        .into_iter()
        .filter(|offence| !allowed.iter().any(|allowed| offence.contains(allowed)))
        .collect();
    assert!(found.is_empty(), "these read a clock of their own:\n{}", found.join("\n"));
}

#[test]
fn one_file_of_the_controllers_writes_into_journals_and_asks_the_clocks_before() {
    let kinds = ["fact", "terms", "closing", "report_digest", "scheduled_reports"];
    let mut methods: Vec<String> = kinds.iter().map(|kind| format!("record_{kind}(")).collect();
    methods.push("remove_rows(".to_owned());
    let of_store = |place: &str| methods.iter().map(|method| format!("{place}.{method}")).collect::<Vec<_>>();
    let words = [of_store("evidence"), of_store("store"), vec!["recorded_facts::record(".to_owned()]].concat();
    let writes = offences("controller", &words.iter().map(String::as_str).collect::<Vec<_>>());
    let (own, others): (Vec<String>, Vec<String>) =
        writes.into_iter().partition(|write| write.contains("src/controller/recording.rs:"));
    assert_eq!(own.len(), 6, "each of its methods writes once:\n{}", own.join("\n"));
    assert!(
        others.is_empty(),
        "these record without a look at the clocks: use `context.journal()`:\n{}",
        others.join("\n")
    );
}

#[test]
fn zones_come_from_the_program_and_from_no_machine() {
    let found = offences("", &["TimeZone::get(", "TimeZone::system(", "tz::db("]);
    assert!(found.is_empty(), "these read the zones of the machine that they run on:\n{}", found.join("\n"));
}

#[test]
fn nothing_is_remembered_by_where_it_lies_in_memory() {
    let found = offences("", &["*const ", "*mut "]);
    assert!(
        found.is_empty(),
        "an address is another's as soon as its owner is gone; use a name:\n{}",
        found.join("\n")
    );
}

#[test]
fn nothing_is_decided_by_the_words_of_a_message() {
    let asked = ["contains(", "starts_with(", "ends_with(", "find(", "split", "strip_"];
    let words: Vec<String> = asked.iter().map(|asked| format!("message.{asked}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let found = offences("", &words);
    assert!(found.is_empty(), "carry the cause from where it arises instead:\n{}", found.join("\n"));
}

/// What `{:?}` shows as Rust writes it, not as a manifest does: words of the API, and maps of labels.
const NOT_AS_RUST_WRITES_IT: [&str; 8] = ["kind", "ramp", "cadence", "period", "labels", "state", "decision", "reason"];

/// Statements outside tests that show one of these by `{:?}`, each by its first line. Texts may be quoted by it.
fn shown_as_rust_writes_it(text: &str) -> Vec<String> {
    let lines = outside_tests(text).0;
    let mut found = Vec::new();
    for (place, (number, line)) in lines.iter().enumerate().filter(|(_, (_, line))| line.contains(":?}")) {
        let named = NOT_AS_RUST_WRITES_IT.iter().any(|word| line.contains(&format!("{{{word}:?}}")));
        let rest = lines.iter().skip(place).take(6).map(|(_, line)| *line);
        let statement: Vec<&str> =
            rest.scan(false, |ended, line| (!std::mem::replace(ended, line.ends_with(';'))).then_some(line)).collect();
        let arguments = |word: &&str| {
            statement.iter().any(|line| {
                [",", ")", ";"].iter().any(|end| line.contains(&format!(".{word}{end}")))
                    || line.ends_with(&format!(".{word}"))
            })
        };
        if named || (line.contains("{:?}") && NOT_AS_RUST_WRITES_IT.iter().any(arguments)) {
            found.push(format!("{number}: {}", line.trim()));
        }
    }
    found
}

#[test]
fn words_of_the_api_and_labels_are_shown_as_they_are_written() {
    let shown =
        "let a = format!(\"{labels:?}\");\nformat!(\n    \"{:?} is short\",\n    report.cadence, spec.period\n)\n";
    assert_eq!(shown_as_rust_writes_it(shown).len(), 2);
    assert!(shown_as_rust_writes_it("format!(\"{text:?} {:?}\", shorten(name));\nlet b = spec.period;\n").is_empty());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
    let of_tests = files_of_tests(&files);
    // Keys, which nobody reads, and texts.
    let allowed = [
        "{kind:?}-{name}",
        "{:?} {generation} {}",
        "{type_} {:?} may not carry {}",
        "whose period is {}: write one such as {:?}",
        "is not a period of the cadence {cadence}: write one such as {:?}",
    ];
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_of_tests(file, &of_tests)) {
        let lines = shown_as_rust_writes_it(&fs::read_to_string(file).unwrap());
        let shown = lines.into_iter().filter(|line| !allowed.iter().any(|allowed| line.contains(allowed)));
        found.extend(shown.map(|line| format!("{}:{line}", file.display())));
    }
    assert!(found.is_empty(), "write these as a manifest has them, or labels as name=value:\n{}", found.join("\n"));
}

#[test]
fn every_reason_of_conditions_and_events_is_given_somewhere() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let of_tests = files_of_tests(&files);
    let mut code = String::new();
    for file in files.iter().filter(|file| !is_of_tests(file, &of_tests) && !file.ends_with("api/condition.rs")) {
        let text = fs::read_to_string(file).unwrap();
        outside_tests(&text).0.into_iter().for_each(|(_, line)| code.extend([line, "\n"]));
    }
    let given = |name: &str| {
        code.match_indices(name)
            .any(|(at, _)| !code[at + name.len()..].starts_with(|next: char| next.is_alphanumeric()))
    };
    let reasons = Reason::ALL.iter().map(|reason| format!("Reason::{reason}"));
    let events = EventReason::ALL.iter().map(|reason| format!("EventReason::{reason}"));
    let never: Vec<String> = reasons.chain(events).filter(|name| !given(name)).collect();
    assert!(never.is_empty(), "these are documented and can never occur: {never:?}");
}
