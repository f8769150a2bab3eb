//! The outputs that the README shows below its commands on an example are those of the program.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How the documents call the plugin: as it is installed, and from the sources.
const CALLS: [&str; 2] = ["kubectl bpo ", "cargo run --release --bin kubectl-bpo -- "];

/// The commands of the plugin in a text, each with the output that is shown below it.
fn shown(text: &str) -> Vec<(Vec<String>, String)> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| {
        let (command, rest) = rest.split_once("```")?;
        let arguments = CALLS.iter().find_map(|call| command.strip_prefix(call))?;
        let (output, _) = rest.strip_prefix("\n\n```text\n")?.split_once("```")?;
        let words = arguments.replace("\\\n", " ");
        Some((words.split_whitespace().map(str::to_owned).collect(), output.to_owned()))
    });
    blocks.collect()
}

/// A text without spaces at the ends of lines, with plain spaces between figures and their signs.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").replace('\u{a0}', " ")
}

/// What is shown and not printed, or printed in another order. A line with `…` alone leaves out any number of lines.
fn missing(shown: &str, printed: &str) -> Option<String> {
    let mut rest = printed;
    for part in shown.split("\n…").map(str::trim) {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return Some(part.to_owned()),
        }
    }
    None
}

#[test]
fn a_shown_part_that_is_not_printed_is_found() {
    let printed = "one\ntwo\nthree\nfour\n";
    assert_eq!(missing("one\n…\nthree\nfour", printed), None);
    assert_eq!(missing("three\n…\ntwo", printed).as_deref(), Some("two"));
    assert_eq!(missing("one\nthree", printed).as_deref(), Some("one\nthree"));
    let text = "```sh\nkubectl bpo lint \\\n  -f x\n```\n\n```text\nfine\n```\n";
    assert_eq!(shown(text), [(["lint", "-f", "x"].map(str::to_owned).to_vec(), "fine\n".to_owned())]);
}

#[test]
fn the_outputs_that_the_readme_shows_of_an_example_are_those_of_the_program() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commands = shown(&fs::read_to_string(repository.join("README.md")).unwrap());
    assert_eq!(commands.len(), 2, "commands with outputs in the README");
    for (arguments, output) in commands {
        let run =
            Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(&arguments).current_dir(repository).output().unwrap();
        let printed = plain(&String::from_utf8_lossy(&run.stdout));
        let missing = missing(&plain(&output), &printed);
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(missing, None, "{}:\n{printed}{said}", arguments.join(" "));
    }
}
