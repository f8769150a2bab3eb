//! Reports on launches as their readers meet them: the folders of examples say what the plugin really prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn plugin(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).current_dir(project()).args(arguments).output().unwrap()
}

/// The blocks of a README: each command with what is printed after it.
fn commands(readme: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(readme).unwrap();
    let mut blocks = text.split("```").skip(1).step_by(2);
    let mut found = Vec::new();
    while let (Some(command), Some(printed)) = (blocks.next(), blocks.next()) {
        let command = command.strip_prefix("sh\n").unwrap().replace("\\\n", " ");
        found.push((command.trim().to_owned(), printed.split_once('\n').unwrap().1.to_owned()));
    }
    found
}

#[test]
fn the_example_folders_print_what_their_readmes_say() {
    for folder in ["launch-goes", "launch-must-not"] {
        let found = commands(&project().join("examples").join(folder).join("README.md"));
        assert_eq!(found.len(), 1, "{folder}");
        for (command, printed) in found {
            let words: Vec<&str> = command.strip_prefix("kubectl bpo ").unwrap().split_whitespace().collect();
            let output = plugin(&words);
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && err.is_empty(), "{command}: {err}");
            assert_eq!(out.trim_end(), printed.trim_end(), "{folder}: {command} prints:\n{out}");
        }
    }
}

const GOES: [&str; 10] = [
    "launch",
    "report",
    "-f",
    "examples/launch-goes/contract.yaml",
    "--feed",
    "calls=examples/launch-goes/feeds/calls.json",
    "--feed",
    "sales=examples/launch-goes/feeds/sales.json",
    "--now",
    "2026-03-25T00:00:00Z",
];

#[test]
fn a_page_for_a_browser_holds_the_same_and_needs_nothing_from_elsewhere() {
    let output = plugin(&[&GOES[..], &["-o", "html"]].concat());
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    for said in ["Home fibre upgrade", "Go: everything is ready.", "the campaign", "better", "conversion"] {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    for foreign in ["http://", "https://", "<script", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_launch_that_is_not_there_is_asked_for_in_vain() {
    let mut arguments = GOES.to_vec();
    arguments.insert(2, "winter");
    let output = plugin(&arguments);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("there is no CampaignLaunch winter here; there are: fibre-upgrade"), "{said}");
}
