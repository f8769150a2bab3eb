//! The project's texts and names are written in plain words: documents, messages, descriptions, comments, help, and the names in code.

use std::fs;
use std::path::Path;

use super::{files_of_tests, is_of_tests, outside_tests, sources};

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

/// The string literals of Rust code, its comments, and the code between them, each with its line.
#[derive(Default)]
struct Texts {
    strings: Vec<(usize, String)>,
    comments: Vec<(usize, String)>,
    code: Vec<(usize, String)>,
}

fn texts(code: &str) -> Texts {
    let mut found = Texts::default();
    let (mut rest, mut line) = (code, 1);
    while let Some(at) = rest.find(['"', '/', '\'', '\n', 'r']) {
        let (before, from) = rest.split_at(at);
        found.code.push((line, before.to_owned()));
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
            // A new line, a slash or an `r`, which belong to the code.
            found.code.push((line, from[..1].to_owned()));
            (None, 1)
        };
        let length = length.min(from.len());
        found.strings.extend(text.map(|text| (line, text)));
        line += rest[..at + length].matches('\n').count();
        rest = &rest[at + length..];
    }
    found.code.push((line, rest.to_owned()));
    found
}

/// The identifiers that have a word of the list in them, whatever their case, each with its line.
fn lost_words_of_identifiers(place: &str, text: &str) -> Vec<String> {
    let mut lines = vec![String::new(); text.lines().count() + 1];
    for (line, code) in texts(text).code {
        lines.get_mut(line - 1).unwrap().push_str(&code);
    }
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        for name in line.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            let spaced: String = name
                .chars()
                .flat_map(|letter| [letter.is_uppercase().then_some('_'), Some(letter)].into_iter().flatten())
                .collect();
            let mut words = spaced.split('_').chain(name.split('_')).map(str::to_lowercase);
            if words.any(|word| WORDS_TO_LOSE.contains(&word.as_str())) {
                found.push(format!("{place}:{}: {name}", number + 1));
            }
        }
    }
    found
}

#[test]
fn strings_and_comments_of_a_file_are_separated() {
    let code = "let a = \"one\"; // \"none\"\nlet b = 'x'; let c = '\"'; let d: &'static str = r#\"two \"quoted\"\"#;\nlet e = \"th\\\"ree\";\n";
    let Texts { strings, comments, .. } = texts(code);
    let expected = [(1, "one"), (2, "two \"quoted\""), (3, "th\\\"ree")];
    assert_eq!(strings, expected.map(|(line, text)| (line, text.to_owned())));
    assert_eq!(comments, [(1, "// \"none\"".to_owned())]);
}

#[test]
fn the_words_of_identifiers_are_found_and_those_of_texts_are_not() {
    let code = "let for_told = \"told\"; // told\nstruct IsTold;\nfn r_stands<'a>(gives: &'a str) { understands(); }\nconst TOLD: u8 = 1 / 1;\n";
    let expected = ["x:1: for_told", "x:2: IsTold", "x:3: r_stands", "x:3: gives", "x:4: TOLD"];
    assert_eq!(lost_words_of_identifiers("x", code), expected);
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

/// The code of the whole repository: each file's path below the root, and its text.
fn code_of_all_folders() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "testkit/src", "examples", "fuzz/src", "fuzz/targets", "xtask/src"] {
        let files = sources(&root.join(folder));
        assert!(!files.is_empty(), "{folder} has no code: the test would prove nothing");
        let shown = |file: &Path| file.strip_prefix(root).unwrap().display().to_string();
        found.extend(files.iter().map(|file| (shown(file), fs::read_to_string(file).unwrap())));
    }
    found
}

#[test]
fn comments_are_written_in_plain_words() {
    let (mut found, mut count) = (Vec::new(), 0);
    for (shown, text) in code_of_all_folders() {
        // A sentence goes on in the next line of a comment, and ends with the comment.
        let comments = texts(&text).comments;
        let mut lines = vec!["."; text.lines().count()];
        comments.iter().for_each(|(line, comment)| lines[line - 1] = comment);
        found.extend(lost_words(&shown, &lines.join("\n")));
        count += comments.len();
    }
    println!("{count} lines of comments, {} words to lose", found.len());
    assert!(count > 10_000, "{count} lines are too few to prove anything");
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

/// This file has the words themselves.
const OF_THE_WORDS: &str = "tests/architecture/words.rs";

#[test]
fn identifiers_and_the_texts_of_tests_are_written_in_plain_words() {
    let (mut found, mut count) = (Vec::new(), 0);
    for (shown, text) in code_of_all_folders() {
        if shown == OF_THE_WORDS {
            continue;
        }
        found.extend(lost_words_of_identifiers(&shown, &text));
        for (line, text) in texts(&text).strings {
            found.extend(lost_words(&format!("{shown} (text from line {line} on)"), &text));
        }
        count += 1;
    }
    println!("{count} files, {} words to lose", found.len());
    assert!(count > 500, "{count} files are too few to prove anything");
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
