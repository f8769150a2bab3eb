//! The commands by which pages and scripts run tests: each name that they filter by is that of a test.

use std::fs;
use std::path::{Path, PathBuf};

/// Options of `cargo test`, and of the tests, that have their value in the next word.
const WITH_VALUE: [&str; 12] = [
    "--test",
    "--features",
    "--manifest-path",
    "--target-dir",
    "--package",
    "-p",
    "--bench",
    "--example",
    "--message-format",
    "--jobs",
    "-j",
    "--skip",
];

/// A command that runs tests.
#[derive(Debug, Default, PartialEq)]
struct Run {
    /// The folders whose tests it runs, such as `src` or `tests/cluster`; all where there are none.
    folders: Vec<String>,
    /// The names by which it filters.
    names: Vec<String>,
}

/// The commands in a text, which end with their line or the backquote that closes them.
fn runs(text: &str) -> Vec<Run> {
    let text = text.replace("\\\n", " ");
    text.split("cargo test")
        .skip(1)
        .map(|rest| run(rest.split(['`', '\n', '|', ';', '(', '&']).next().unwrap()))
        .collect()
}

fn run(words: &str) -> Run {
    let mut run = Run::default();
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--lib" => run.folders.push("src".to_owned()),
            "--test" => run.folders.push(format!("tests/{}", words.next().unwrap())),
            word if WITH_VALUE.contains(&word) => drop(words.next()),
            // Options that are a word, and where what is printed goes.
            word if word.starts_with('-') || word.contains('>') => {}
            name => run.names.push(name.to_owned()),
        }
    }
    run
}

/// The paths of the tests of a folder, as the test program names them. Those in modules inside a file have that of the file and `tests`.
fn tests(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(folder) {
        let path = file.strip_prefix(folder).unwrap().with_extension("");
        let words: Vec<_> = path.iter().map(|word| word.to_str().unwrap()).collect();
        let module: String = words
            .iter()
            .filter(|word| !["mod", "main", "lib"].contains(word))
            .map(|word| format!("{word}::"))
            .collect();
        let mut is_test = false;
        for line in fs::read_to_string(&file).unwrap().lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((before, rest)) = line.split_once("fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            if std::mem::take(&mut is_test) && ["", "async "].contains(&before) {
                found.extend([format!("{module}{name}"), format!("{module}tests::{name}")]);
            }
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

#[test]
fn a_command_is_read_with_the_tests_that_it_runs_and_the_names_that_it_filters_by() {
    let run = |folders: &[&str], names: &[&str]| Run {
        folders: folders.iter().map(|word| (*word).to_owned()).collect(),
        names: names.iter().map(|word| (*word).to_owned()).collect(),
    };
    for (text, expected) in [
        ("`BPO_COLD=2 cargo test --test cluster -- cold:: --nocapture`: all", run(&["tests/cluster"], &["cold::"])),
        (
            "cargo test --locked \\\n  --test figures spikes -- --nocapture || code=$?",
            run(&["tests/figures"], &["spikes"]),
        ),
        ("cargo test --features otel --lib --test cluster -- trace 2>&1\n", run(&["src", "tests/cluster"], &["trace"])),
        ("cargo test --locked --test campaign -- away:: call::", run(&["tests/campaign"], &["away::", "call::"])),
    ] {
        assert_eq!(runs(text), [expected], "{text}");
    }
}

#[test]
fn every_test_that_a_page_or_a_script_runs_by_its_name_is_there() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts: Vec<(PathBuf, String)> = super::docs::documents().into_iter().collect();
    for entry in fs::read_dir(repository.join(".ci")).unwrap() {
        let path = entry.unwrap().path();
        texts.push((path.clone(), fs::read_to_string(path).unwrap()));
    }
    let (mut checked, mut lost) = (0, Vec::new());
    for (file, text) in texts {
        for run in runs(&text) {
            let folders = if run.folders.is_empty() { vec!["src".to_owned(), "tests".to_owned()] } else { run.folders };
            let there: Vec<String> = folders.iter().flat_map(|folder| tests(&repository.join(folder))).collect();
            checked += run.names.len();
            let of_none = run.names.into_iter().filter(|name| !there.iter().any(|test| test.contains(name)));
            lost.extend(
                of_none.map(|name| format!("{}: {name} is the name of no test in {folders:?}", file.display())),
            );
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(checked > 20, "{checked} names are too few to prove anything");
}
