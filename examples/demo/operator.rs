//! The operator as a process of its own: built, started, watched and stopped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bpo_operator::cli::offline::{BundleArguments, JudgedFiles};
use bpo_operator::evidence::bundle::write_bundle;
use bpo_operator::evidence::sqlite::SqliteStore;
use bpo_operator::evidence::{EvidenceStore, FeedKey};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::failure::{Failure, OrAdvise, Result};

/// How long the operator may take to become ready, and to stop.
const READY_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// How many of its last lines a failure quotes.
const QUOTED_LINES: usize = 20;

/// The first argument with which the demo's own program becomes the operator.
pub(crate) const AS_OPERATOR: &str = "operator";

/// The program that is started as the operator: the demo's own, which links to all of it. So nothing is compiled twice.
pub(crate) fn program() -> Result<PathBuf> {
    std::env::current_exe().or_advise("finding the demo's own path", "start the demo by `cargo demo`")
}

/// How the operator is run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The program that becomes the operator when its first argument is [`AS_OPERATOR`].
    pub program: PathBuf,
    /// Who it is.
    pub kubeconfig: PathBuf,
    /// Whose objects it serves.
    pub namespace: String,
    /// Where it keeps its evidence.
    pub data_folder: PathBuf,
    /// Where its output goes; appended to.
    pub log: PathBuf,
}

impl Settings {
    /// What its evidence holds once it has ended, as bundles in a folder: by it pages show days and parts.
    pub(crate) async fn evidence(&self, folder: &Path) -> Result<Option<JudgedFiles>> {
        const ADVICE: &str = "please report this with the operator's log";
        let store = SqliteStore::open_for_reading(&self.data_folder);
        let store = store.or_advise("opening the operator's evidence", ADVICE)?;
        let feeds = store.feeds().await.or_advise("listing the operator's evidence", ADVICE)?;
        let contracts: BTreeMap<String, FeedKey> =
            feeds.into_iter().map(|feed| (feed.contract_uid.clone(), feed)).collect();
        let mut bundles = Vec::new();
        for contract in contracts.into_values() {
            let file = folder.join(format!("{}.bundle", contract.contract_uid));
            let mut out =
                File::create(&file).or_advise("writing a bundle", "free some space in the temporary folder")?;
            let always = (Timestamp::MIN, Timestamp::MAX);
            write_bundle(&store, &contract, always, &mut out).await.or_advise("writing a bundle", ADVICE)?;
            bundles.push(file);
        }
        let judged = BundleArguments { bundles }.judge();
        judged.map_err(|wrong| Failure::new(format!("reading the bundles failed: {}", wrong.join("; ")), ADVICE))
    }
}

/// A running operator; it is killed when this is dropped.
pub(crate) struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Operator {
    /// Starts it with a clock that shows `clock_start` and runs `clock_speed` times as fast as the real one.
    pub(crate) async fn start(settings: &Settings, clock_start: Timestamp, clock_speed: f64) -> Result<Self> {
        let advice = format!("read {}", settings.log.display());
        let open = || File::options().create(true).append(true).open(&settings.log);
        let output = open().or_advise("opening the operator's log", advice.as_str())?;
        let errors = open().or_advise("opening the operator's log", advice.as_str())?;
        let address = free_address().or_advise("finding a free port", advice.as_str())?;
        let child = Command::new(&settings.program)
            .args([AS_OPERATOR, "run"])
            .args(["--namespace", &settings.namespace, "--lease-namespace", super::OPERATOR_NAMESPACE])
            .arg("--data-dir")
            .arg(&settings.data_folder)
            .args(["--listen", &address.to_string()])
            .args(["--feed-allow-network", "127.0.0.0/8"])
            .args(["--clock-start", &clock_start.to_string()])
            .args(["--clock-speed", &clock_speed.to_string()])
            .env("KUBECONFIG", &settings.kubeconfig)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .or_advise("starting the operator", advice.as_str())?;
        Ok(Self { child, address, log: settings.log.clone() })
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn wait_until_ready(&mut self) -> Result<()> {
        let begin = Instant::now();
        while !self.answers_ready().await {
            self.check()?;
            if begin.elapsed() > READY_DEADLINE {
                return Err(self.failure(format!("the operator was not ready after {} s", READY_DEADLINE.as_secs())));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(format!("the operator ended with {status}"))),
            Err(error) => Err(self.failure(format!("the operator cannot be watched: {error}"))),
        }
    }

    /// Where its metrics and health are.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to end, as Kubernetes would, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            // The shell's own kill: the standard library sends no signal but SIGKILL.
            let arguments = ["-c", "kill -s TERM \"$1\"", "stop-operator", &id.to_string()];
            let _ = Command::new("/bin/sh").args(arguments).stderr(Stdio::null()).status().await;
        }
        match timeout(STOP_DEADLINE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failure(format!("the operator was asked to end and ended with {status}"))),
            Ok(Err(error)) => Err(self.failure(format!("the operator cannot be waited for: {error}"))),
            Err(_) => Err(self.failure(format!("the operator did not end within {} s", STOP_DEADLINE.as_secs()))),
        }
    }

    async fn answers_ready(&self) -> bool {
        let asking = async {
            let mut connection = TcpStream::connect(self.address).await.ok()?;
            connection.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.ok()?;
            answer.split_whitespace().nth(1).map(|status| status == "200")
        };
        timeout(Duration::from_secs(5), asking).await.ok().flatten().unwrap_or(false)
    }

    fn failure(&self, what: String) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        Failure::new(
            format!("{what}; the last lines of its log:\n{}", last_lines(&log)),
            format!("read the whole log, {}", self.log.display()),
        )
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(QUOTED_LINES)..).unwrap_or_default().join("\n")
}
