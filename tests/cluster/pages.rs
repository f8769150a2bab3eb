//! Commands of the documents, run as they are written there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::path;

/// Replaces what a control plane without nodes lacks, and passes everything else to the real kubectl:
///
/// - what `exec` would run in the pod runs here, on the folder `$EVIDENCE`, which the pod would mount at `/evidence`;
/// - files that are applied name the address `$INSIDE`, which the cluster's DNS would resolve: `$REACHED` takes its place.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
case " $* " in
*" exec "*)
    while [ "$1" != -- ]; do shift; done
    shift
    for word; do
        shift
        [ "$word" = /evidence ] && word=$EVIDENCE
        set -- "$@" "$word"
    done
    exec "$@" ;;
*" apply --filename "*)
    sed "s|$INSIDE|$REACHED|" "$3" | "$REAL_KUBECTL" apply --filename - ;;
*) exec "$REAL_KUBECTL" "$@" ;;
esac
"#;

/// The blocks of shell commands in a document, or in one of its sections, in their order.
pub(crate) fn commands(page: &str, section: Option<&str>) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let text = match section {
        None => text.as_str(),
        Some(section) => {
            let heading = format!("\n## {section}\n");
            let (_, rest) = text.split_once(&heading).unwrap_or_else(|| panic!("{page} has no section {section:?}"));
            rest.split("\n## ").next().unwrap()
        }
    };
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A shell in a folder of its own, with the programs that the documents name on its path.
pub(crate) struct Shell {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Shell {
    /// A shell that works in `folder` and on the cluster of a kubeconfig.
    pub(crate) fn new(folder: &Path, kubectl: &Path, kubeconfig: &Path) -> Self {
        let mut shell = Shell { folder: folder.to_owned(), variables: Vec::new() };
        std::fs::create_dir(shell.bin()).unwrap();
        shell.program("kubectl", KUBECTL);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-bpo"), shell.bin().join("kubectl-bpo")).unwrap();
        shell.set("REAL_KUBECTL", path(kubectl));
        shell.set("KUBECONFIG", path(kubeconfig));
        shell
    }

    fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Puts a program on the path.
    pub(crate) fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = self.bin().join(name);
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Sets a variable of the environment for all that runs from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Runs commands, each of which must succeed; returns their output.
    pub(crate) fn run(&self, script: &str) -> String {
        let before = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{before}", path(&self.bin())))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}\nended with {}:\n{stdout}{stderr}", output.status);
        stdout.into_owned()
    }
}
