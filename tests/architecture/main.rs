//! The folder says what the code in it may touch: these tests hold the imports to it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall stop")]

use std::fs;
use std::path::{Path, PathBuf};

use bpo_operator::api::condition::{EventReason, Reason};

mod imports;
mod rooms;

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
            let declared = item.trim().trim_start_matches("pub ").strip_prefix("mod ");
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
    let methods: Vec<String> = kinds.iter().map(|kind| format!("record_{kind}(")).collect();
    let of_store = |place: &str| methods.iter().map(|method| format!("{place}.{method}")).collect::<Vec<_>>();
    let words = [of_store("evidence"), of_store("store"), vec!["recorded_facts::record(".to_owned()]].concat();
    let writes = offences("controller", &words.iter().map(String::as_str).collect::<Vec<_>>());
    let (own, others): (Vec<String>, Vec<String>) =
        writes.into_iter().partition(|write| write.contains("src/controller/recording.rs:"));
    assert_eq!(own.len(), 5, "each of its methods writes once:\n{}", own.join("\n"));
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

/// Words that the project's texts do without: *say, show, notify, is, again, in addition, fix, returns* say the same plainly.
const WORDS_TO_LOSE: [&str; 11] =
    ["tells", "told", "stands", "stood", "anew", "besides", "mend", "mends", "mended", "mending", "gives"];

/// The words of `text` to replace, each with its line: those of the list, `so` with `many` or `much`, and `is` or `are` with `no`.
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
    println!("{count} documents, {} words to lose", found.len());
    assert!(count > 15, "{count} documents are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

/// Where a string ends that has begun: at the first quote that no backslash escapes.
fn end_of_string(inside: &str) -> usize {
    let mut is_escaped = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(inside.len())
}

/// The string literals of Rust code, and its comments, each with its line.
#[derive(Default)]
struct Texts {
    strings: Vec<(usize, String)>,
    comments: Vec<(usize, String)>,
}

fn texts(code: &str) -> Texts {
    let mut found = Texts::default();
    let (mut rest, mut line) = (code, 1);
    while let Some(at) = rest.find(['"', '/', '\'', '\n', 'r']) {
        let (before, from) = rest.split_at(at);
        let is_word = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let hashes = from.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        let raw = hashes.filter(|hashes| !is_word && from[1 + hashes..].starts_with('"'));
        let (text, length) = if let Some(hashes) = raw {
            let close = format!("\"{}", "#".repeat(hashes));
            let inside = &from[hashes + 2..];
            let end = inside.find(&close).unwrap_or(inside.len());
            (Some(inside[..end].to_owned()), hashes + 2 + end + close.len())
        } else if let Some(inside) = from.strip_prefix('"') {
            let end = end_of_string(inside);
            (Some(inside[..end].replace("\\\n", " ")), end + 2)
        } else if from.starts_with("//") {
            let end = from.find('\n').unwrap_or(from.len());
            found.comments.push((line, from[..end].to_owned()));
            (None, end)
        } else if let Some(inside) = from.strip_prefix('\'') {
            // A character, or a lifetime.
            let character = inside.strip_prefix('\\').and_then(|rest| Some(rest[1..].find('\'')? + 4));
            let plain = inside.chars().next().filter(|_| inside.chars().nth(1) == Some('\''));
            (None, character.or(plain.map(|letter| letter.len_utf8() + 2)).unwrap_or(1))
        } else {
            (None, 1)
        };
        let length = length.min(from.len());
        found.strings.extend(text.map(|text| (line, text)));
        line += rest[..at + length].matches('\n').count();
        rest = &rest[at + length..];
    }
    found
}

#[test]
fn strings_and_comments_of_a_file_are_separated() {
    let code = "let a = \"one\"; // \"none\"\nlet b = 'x'; let c = '\"'; let d: &'static str = r#\"two \"quoted\"\"#;\nlet e = \"th\\\"ree\";\n";
    let Texts { strings, comments } = texts(code);
    let expected = [(1, "one"), (2, "two \"quoted\""), (3, "th\\\"ree")];
    assert_eq!(strings, expected.map(|(line, text)| (line, text.to_owned())));
    assert_eq!(comments, [(1, "// \"none\"".to_owned())]);
}

#[test]
fn messages_and_descriptions_are_written_in_plain_words() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let of_tests = files_of_tests(&files);
    let mut found = Vec::new();
    let mut count = 0;
    for file in files.iter().filter(|file| !is_of_tests(file, &of_tests) && !file.ends_with("testing.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let lines = outside_tests(&text).0;
        let code: String = lines.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
        let shown = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        for (line, text) in texts(&code).strings {
            found.extend(lost_words(&format!("{shown} (line {line} outside tests)"), &text));
            count += 1;
        }
        // What documents the kinds is what `kubectl explain` prints.
        let documents = lines.iter().filter_map(|(number, line)| Some((number, line.trim().strip_prefix("/// ")?)));
        for (number, description) in documents.filter(|_| shown.starts_with("src/api")) {
            found.extend(lost_words(&format!("{shown} (line {number})"), description));
        }
    }
    println!("{count} messages and descriptions, {} words to lose", found.len());
    assert!(count > 5_000, "{count} texts are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn comments_are_written_in_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut count) = (Vec::new(), 0);
    for folder in ["src", "tests", "benches", "testkit/src", "examples", "fuzz/src", "fuzz/targets", "xtask/src"] {
        let files = sources(&root.join(folder));
        assert!(!files.is_empty(), "{folder} has no code: the test would prove nothing");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix(root).unwrap().display().to_string();
            // A sentence goes on in the next line of a comment, and ends with the comment.
            let comments = texts(&text).comments;
            let mut lines = vec!["."; text.lines().count()];
            comments.iter().for_each(|(line, comment)| lines[line - 1] = comment);
            found.extend(lost_words(&shown, &lines.join("\n")));
            count += comments.len();
        }
    }
    println!("{count} lines of comments, {} words to lose", found.len());
    assert!(count > 10_000, "{count} lines are too few to prove anything");
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
    println!("{pages} pages of help, {} words to lose", found.len());
    assert!(pages > 15, "{pages} pages are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
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
