//! A real PostgreSQL server on loopback, gone with its value or with the process of the tests, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::ports::{TRIES, free_port};

/// What the server's password would look like in an output.
pub const CANARY: &str = "canary-4f1c-of-the-database";

/// Makes a folder of data and starts a server on it, with the first of the ports in its standard input that nobody else has. Runs until that
/// ends, which is when the process of the tests ends, however it does.
const SCRIPT: &str = r#"
set -eu
"$BIN/initdb" --pgdata "$DIR/data" --username bpo --pwfile "$DIR/password" --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C --no-sync >"$DIR/initdb.log" 2>&1
echo made
while read -r port; do
  "$BIN/postgres" -D "$DIR/data" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$DIR" -c fsync=off -c max_connections=400 $MORE >"$DIR/server.log" 2>&1 </dev/null &
  server=$!
  until "$BIN/pg_isready" -q -h "$DIR" -p "$port"; do kill -0 $server 2>/dev/null || { server=; break; }; sleep 0.1; done
  if [ -n "$server" ]; then echo ready; break; fi
  echo ended
done
if [ -z "${server:-}" ]; then rm -rf "$DIR"; exit 1; fi
cat >/dev/null
kill -QUIT $server
wait $server || true
rm -rf "$DIR"
"#;

/// What a server says that ends because another program has its port.
pub const IN_USE: &str = "Address already in use";

/// A running server.
pub struct Server {
    directory: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    _keeper: Child,
}

impl Server {
    /// Starts one with more settings, given as words of its command line.
    pub fn start(settings: &str, files: &[(&str, &str)]) -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new().prefix("bpo-pg").tempdir_in("/tmp").unwrap().keep();
        std::fs::write(directory.join("password"), CANARY).unwrap();
        for (name, content) in files {
            std::fs::write(directory.join(name), content).unwrap();
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .env("BIN", programs)
            .env("DIR", &directory)
            .env("MORE", settings.replace("$DIR", &directory.display().to_string()))
            .current_dir("/tmp");
        give_to_postgres(&mut command, &directory);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(keeper.stdout.take().unwrap()).lines().map_while(Result::ok);
        let log = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert_eq!(said.next().as_deref(), Some("made"), "PostgreSQL's data was not made: {}", log("initdb.log"));
        let port = (0..TRIES).find_map(|_| {
            let port = free_port().unwrap();
            writeln!(keeper.stdin.as_mut().unwrap(), "{port}").unwrap();
            let is_ready = said.next().as_deref() == Some("ready");
            assert!(is_ready || log("server.log").contains(IN_USE), "PostgreSQL did not start: {}", log("server.log"));
            is_ready.then_some(port)
        });
        let port = port.unwrap_or_else(|| panic!("others take each port that was free: {}", log("server.log")));
        Self { directory, port, _keeper: keeper }
    }

    /// The URL of one of its databases, password included.
    pub fn address(&self, host: &str, database: &str) -> String {
        format!("postgres://bpo:{CANARY}@{host}:{}/{database}", self.port)
    }

    /// A file that it was started with.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Stops all its processes where they are, or lets them go on.
    pub fn freeze(&self, frozen: bool) {
        let pid = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap().parse().unwrap();
        crate::debian::signal_with_children(postmaster, if frozen { "STOP" } else { "CONT" });
    }

    /// Runs statements as the owner of everything.
    pub fn execute(&self, database: &str, statements: &str) {
        self.session(database, |client| client.batch_execute(statements).unwrap());
    }

    /// Does work in a session of the owner of everything.
    pub fn session<T: Send>(&self, database: &str, work: impl FnOnce(&mut postgres::Client) -> T + Send) -> T {
        let mut config = postgres::Config::new();
        config.host_path(&self.directory).port(self.port).user("bpo").dbname(database);
        // A client may not wait on a thread of the tests' runtime.
        std::thread::scope(|scope| scope.spawn(|| work(&mut config.connect(postgres::NoTls).unwrap())).join().unwrap())
    }
}

/// The folder in which Debian's package keeps all programs of its newest server; a PATH may know single ones of them.
fn programs() -> PathBuf {
    installed().unwrap_or_else(|| {
        crate::debian::program("postgres", "postgresql").unwrap();
        installed().unwrap_or_else(|| {
            panic!("these tests need PostgreSQL's server programs in /usr/lib/postgresql/VERSION/bin")
        })
    })
}

fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    folders.max()
}

/// PostgreSQL refuses to run as root, so root runs it as the user of its package.
fn give_to_postgres(command: &mut Command, directory: &Path) {
    let number = |flag: &str, user: &str| -> u32 {
        let mut id = Command::new("id");
        if !user.is_empty() {
            id.arg(user);
        }
        let output = id.arg(flag).output().unwrap().stdout;
        let parsed = String::from_utf8(output).unwrap().trim().parse();
        parsed.unwrap_or_else(|_| panic!("the package postgresql makes a user postgres"))
    };
    if number("-u", "") != 0 {
        return;
    }
    let (user, group) = (number("-u", "postgres"), number("-g", "postgres"));
    for entry in std::fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().path();
        std::os::unix::fs::chown(&file, Some(user), Some(group)).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    std::os::unix::fs::chown(directory, Some(user), Some(group)).unwrap();
    command.uid(user).gid(group);
}
