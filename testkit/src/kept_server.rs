//! A real server of Debian's packages that answers on loopback, with a folder of its own, for as long as a test wants it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::ports::free_port;

/// Runs until its standard input ends, which is when the process of the tests ends, however it does.
const SCRIPT: &str = r#"
"$@" --web.listen-address=127.0.0.1:"$PORT" >"$DIR/log" 2>&1 &
server=$!
cat >/dev/null
kill $server
wait $server
rm -rf "$DIR"
"#;

/// A running server; it ends with the value.
pub struct KeptServer {
    port: u16,
    directory: PathBuf,
    keeper: Child,
}

impl KeptServer {
    /// Starts the program that has the name of its package, with a configuration and further arguments; `DIR` in them is its folder.
    pub fn start(name: &str, configuration: &str, arguments: &[&str]) -> Self {
        let program = crate::debian::program(name, name).unwrap_or_else(|advice| panic!("{advice}"));
        let directory = tempfile::Builder::new().prefix(&format!("bpo-{name}")).tempdir().unwrap().keep();
        let file = directory.join("configuration.yml");
        std::fs::write(&file, configuration).unwrap();
        let port = free_port().unwrap();
        let folder = directory.to_str().unwrap();
        let keeper = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .arg(format!("--config.file={}", file.display()))
            .args(arguments.iter().map(|argument| argument.replace("DIR", folder)))
            .env("DIR", folder)
            .env("PORT", port.to_string())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        KeptServer { port, directory, keeper }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for KeptServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
