//! Pages whose commands need no cluster: they are run in their order, in a folder with the repository's examples, and print what the page
//! says. With `BPO_UPDATE=1` the page is written as they print.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// What the page calls: kubectl with the plugin alone.
const KUBECTL: &str = "#!/bin/sh\n[ \"$1\" = bpo ] || { echo \"no cluster is needed here: $*\"; exit 1; }\nshift\nexec kubectl-bpo \"$@\"\n";

/// A block of commands, and what is shown to come of it.
struct Step {
    commands: String,
    shown: Option<String>,
}

/// The blocks `sh` of the page, each with the block `text` that follows it.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step { commands: text.to_owned(), shown: None }),
            "text" => steps.last_mut().unwrap().shown = Some(text.trim_end().to_owned()),
            _ => {}
        }
    }
    steps
}

/// Runs commands in a folder; returns what they printed, on both streams, as it is on the page.
fn run(folder: &Path, commands: &str) -> String {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let script = format!("exec 2>&1\n{commands}");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("KUBECONFIG")
        .env("TERM", "dumb")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{commands}\nended with {}:\n{printed}", output.status);
    // Figures and their signs are not parted at the end of a line.
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    lines.join("\n").replace('\u{a0}', " ")
}

/// Runs the commands of a page from a section on. Returns how many outputs the page shows.
pub(crate) fn follow(file: &str, from_section: &str) -> usize {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    symlink(repository.join("examples"), folder.path().join("examples")).unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_kubectl-bpo"), bin.join("kubectl-bpo")).unwrap();
    fs::write(bin.join("kubectl"), KUBECTL).unwrap();
    fs::set_permissions(bin.join("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();

    let file = repository.join(file);
    let mut page = fs::read_to_string(&file).unwrap();
    let (_, followed) = page.split_once(&format!("\n## {from_section}\n")).unwrap();
    let mut shown = 0;
    for Step { commands, shown: expected } in steps(followed) {
        let printed = run(folder.path(), &commands);
        let Some(expected) = expected else { continue };
        shown += 1;
        if std::env::var_os("BPO_UPDATE").is_some() {
            page = page.replace(&expected, &printed);
        } else {
            assert_eq!(printed, expected, "{commands}");
        }
    }
    if std::env::var_os("BPO_UPDATE").is_some() {
        fs::write(&file, page).unwrap();
    }
    shown
}
