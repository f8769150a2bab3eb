//! A real PostgreSQL server that can be restarted and stopped where it is.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::ports::{TRIES, free_port};
use crate::postgres_server::IN_USE;

/// Ends the server when its standard input ends, which is when the process of the tests ends, however it does.
const KEEPER: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$DIR/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
sleep 1
rm -rf "$DIR"
"#;

/// A running server; it ends with the value.
pub(crate) struct Database {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    directory: PathBuf,
    server: Mutex<Option<Child>>,
    keeper: Child,
}

impl Database {
    /// Starts a server with an empty database `evidence`. What it acknowledges outlives its processes.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("bpo-campaign-pg").tempdir_in("/tmp").unwrap().keep();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).env("DIR", &directory).stdin(Stdio::piped()).stdout(Stdio::null());
        let keeper = keeper.stderr(Stdio::null()).spawn().unwrap();
        let mut database = Database { port: 0, directory, server: Mutex::default(), keeper };
        give_to_postgres(&database.directory);
        let data = database.directory.join("data");
        let made = database
            .command("initdb")
            .args(["--username", "bpo", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for tried in 1..=TRIES {
            database.port = free_port().unwrap();
            match database.run().await {
                Ok(()) => break,
                Err(log) => assert!(tried < TRIES && log.contains(IN_USE), "PostgreSQL did not start:\n{log}"),
            }
        }
        database.execute("postgres", "CREATE DATABASE evidence");
        database
    }

    /// Kills all processes of the server in the middle of their work, and starts it again.
    pub(crate) async fn restart(&self) {
        // SIGQUIT to the postmaster ends it and all its children at once, without a checkpoint.
        crate::debian::signal_with_children(self.process(), "QUIT");
        if let Some(mut server) = self.server.lock().unwrap().take() {
            server.wait().unwrap();
        }
        self.run().await.unwrap_or_else(|log| panic!("PostgreSQL did not start:\n{log}"));
    }

    /// Makes commits to the journal wait in the middle of their transaction, until the server is restarted; returns when one does.
    pub(crate) async fn hold_commits(&self) {
        let hold = "BEGIN; LOCK TABLE bpo_evidence.journal IN SHARE MODE; SELECT pg_sleep(120)";
        let mut holder = self.psql("evidence", hold);
        // It ends with the server.
        std::thread::spawn(move || holder.stdout(Stdio::null()).stderr(Stdio::null()).status());
        let began = Instant::now();
        while self.execute("evidence", "SELECT count(*) FROM pg_locks WHERE NOT granted") == "0" {
            assert!(began.elapsed() < Duration::from_secs(60), "nobody commits");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the server's processes where they are, or lets them go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        crate::debian::signal_with_children(self.process(), if frozen { "STOP" } else { "CONT" });
    }

    fn process(&self) -> u32 {
        self.server.lock().unwrap().as_ref().unwrap().id()
    }

    /// Runs statements as the owner of everything.
    pub(crate) fn execute(&self, database: &str, statements: &str) -> String {
        let output = self.psql(database, statements).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn psql(&self, database: &str, statements: &str) -> Command {
        let mut command = self.command("psql");
        let port = self.port.to_string();
        command.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", &port, "-U", "bpo", "-d", database]);
        command.args(["-c", statements]).stdin(Stdio::null());
        command
    }

    /// The URL of the evidence behind a port, which may be that of a wire to this server.
    pub(crate) fn url(port: u16) -> String {
        format!("postgres://bpo@127.0.0.1:{port}/evidence")
    }

    /// Starts the server, and waits until it takes connections; where it ends before, the error is its log.
    async fn run(&self) -> Result<(), String> {
        let file = self.directory.join("server.log");
        let log = File::create(&file).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.directory.join("data"));
        // Its processes are killed, not the machine: what it wrote is there when it starts again, and seven of them do not wait for the disk.
        let port = format!("port={}", self.port);
        for setting in ["listen_addresses=127.0.0.1", &port, "max_connections=100", "fsync=off"] {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.directory.display()));
        let mut child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let began = Instant::now();
        while !self.is_ready() {
            let log = || std::fs::read_to_string(&file).unwrap_or_default();
            if child.try_wait().unwrap().is_some() {
                return Err(log());
            }
            assert!(began.elapsed() < Duration::from_secs(60), "PostgreSQL did not start:\n{}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        *self.server.lock().unwrap() = Some(child);
        Ok(())
    }

    /// Whether this server takes connections, and not another one that has its port.
    fn is_ready(&self) -> bool {
        let mut look = self.command("pg_isready");
        look.arg("-q").arg("-h").arg(&self.directory).args(["-p", &self.port.to_string()]).status().unwrap().success()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command.current_dir("/tmp");
        if let Some((user, group)) = postgres_user() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = self.server.get_mut().unwrap() {
            for signal in ["CONT", "QUIT"] {
                crate::debian::signal_with_children(server.id(), signal);
            }
            let _ = server.wait();
        }
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The folder in which Debian's package keeps all programs of its newest server.
fn programs() -> PathBuf {
    let installed = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
    };
    installed().unwrap_or_else(|| {
        crate::debian::program("postgres", "postgresql").unwrap_or_else(|advice| panic!("{advice}"));
        installed().unwrap_or_else(|| panic!("these tests need PostgreSQL's server in /usr/lib/postgresql/VERSION/bin"))
    })
}

/// PostgreSQL refuses to run as root, so root runs it as the user of its package: user and group.
fn postgres_user() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap().stdout;
        String::from_utf8(output).unwrap().trim().parse().unwrap_or_else(|_| panic!("no user postgres: {arguments:?}"))
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])))
}

fn give_to_postgres(directory: &Path) {
    if let Some((user, group)) = postgres_user() {
        std::os::unix::fs::chown(directory, Some(user), Some(group)).unwrap();
    }
}
