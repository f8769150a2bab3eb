//! Running the plugin, and files for it.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What a command said.
pub(crate) struct Said {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs `kubectl bpo`.
pub(crate) fn plugin(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The path of a new file with `content`.
pub(crate) fn file(folder: &TempDir, name: &str, content: &str) -> String {
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    file.to_str().unwrap().to_owned()
}
