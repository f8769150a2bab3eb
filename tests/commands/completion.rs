//! The scripts of shells, run by these shells: they offer what the program itself offers.

use std::path::Path;
use std::process::Command;

use testkit::debian;

fn script(shell: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(["completion", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a shell prints when it runs the script and then `rest`, with the plugin on its PATH and no configuration of anybody.
fn run(shell: &str, flags: &[&str], rest: &str) -> String {
    let program = debian::program(shell, shell).unwrap_or_else(|advice| panic!("{advice}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all");
    std::fs::write(&file, format!("{}\n{rest}\n", script(shell))).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_kubectl-bpo")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.args(flags).arg(&file).env("PATH", format!("{}:{path}", bin.display())).env("HOME", folder.path());
    let output = command.env("KUBECONFIG", "/nowhere").output().unwrap();
    assert!(output.stderr.is_empty(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of the answer to each question, after the line `== QUESTION`.
fn answers(said: &str) -> Vec<(String, Vec<String>)> {
    said.split("== ")
        .skip(1)
        .map(|part| {
            let mut lines = part.lines().map(str::to_owned);
            (lines.next().unwrap_or_default(), lines.collect())
        })
        .collect()
}

/// Holds what a shell offers to what is meant: words of ours for both names of the program, and none of ours for kubectl's own words.
fn hold(shell: &str, said: &str) {
    let answers = answers(said);
    assert_eq!(answers.len(), 3, "{shell}: {said}");
    for (question, offered) in &answers {
        let has = |word: &str| offered.iter().any(|line| line.split(['\t', ':', ' ']).next() == Some(word));
        match question.as_str() {
            "kubectl get sta" => assert!(!has("status"), "{shell}: {said}"),
            _ => assert!(has("status") && has("staffing") && !has("scorecard"), "{shell} {question}: {said}"),
        }
    }
}

#[test]
fn bash_completes_by_its_script() {
    let rest = "ask() { COMPREPLY=(); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _kubectl_bpo
        printf '== %s\\n' \"$*\"; printf '%s\\n' \"${COMPREPLY[@]}\"; }
        ask kubectl bpo sta; ask kubectl-bpo sta; ask kubectl get sta";
    hold("bash", &run("bash", &["--norc"], rest));
}

#[test]
fn zsh_completes_by_its_script() {
    // What zsh's own completion does with the words is its affair; here they are printed. The script names compdef when it is loaded.
    let rest = "_describe() { print -rl -- \"${(@P)2}\" }
        ask() { words=(\"$@\"); CURRENT=$#; print -r -- \"== $*\"; _kubectl_bpo }
        ask kubectl bpo sta; ask kubectl-bpo sta; ask kubectl get sta";
    hold("zsh", &run("zsh", &["-f", "-c", "compdef() { :; }; source $0"], rest));
}

#[test]
fn fish_completes_by_its_script() {
    let rest = "for line in 'kubectl bpo sta' 'kubectl-bpo sta' 'kubectl get sta'
            echo \"== $line\"
            complete -C \"$line\"
        end";
    hold("fish", &run("fish", &["-N"], rest));
}

#[test]
fn powershell_gets_a_script_that_says_how_it_is_loaded() {
    let script = script("powershell");
    assert!(script.contains("kubectl bpo completion powershell | Out-String | Invoke-Expression"), "{script}");
    assert!(script.contains("Register-ArgumentCompleter -Native -CommandName 'kubectl-bpo'"), "{script}");
}
