//! The operator's own commands: `run`, `crds` and `dashboard`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use jiff::Timestamp;
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::alert::dispatcher::{self, Dispatcher, Pace};
use crate::alert::mail::Mailer;
use crate::clock::Clock;
use crate::cluster::client::connect;
use crate::cluster::credentials::ClusterCredentials;
use crate::cluster::lease::Candidate;
use crate::controller::run::{Parts, run_controllers};
use crate::evidence::postgres::{EvidenceUrl, PostgresStore, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreError};
use crate::feed::client::{ClientLimits, FeedClient};
use crate::feed::guard::{AddressPolicy, SystemLookup};
use crate::feed::scheduler::Scheduler;
use crate::web::metrics::Metrics;

/// A Kubernetes operator for business-process-outsourcing contracts and their SLAs.
///
/// It pulls KPI figures from the vendors' endpoints, keeps them as evidence, judges each measurement period and writes
/// statuses, Events, SlaReports and metrics.
#[derive(Debug, Parser)]
#[command(name = "bpo-operator", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator against a cluster, found as kubectl finds it
    Run(Box<RunArguments>),
    /// Print the CustomResourceDefinitions as YAML, ready for `kubectl apply -f -`
    Crds,
    /// Print the Grafana dashboard as JSON, ready for its import
    Dashboard,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Flags of `bpo-operator run`. Each is also an environment variable `BPO_…`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Look after this namespace only; may be given several times. Default: all namespaces
    #[arg(long = "namespace", env = "BPO_NAMESPACE", value_name = "NS", value_delimiter = ',')]
    namespaces: Vec<String>,

    /// Folder of the evidence (an SQLite file); it must survive restarts
    #[arg(long, env = "BPO_DATA_DIR", value_name = "DIR", default_value = "./data")]
    data_dir: PathBuf,

    /// Keep the evidence in PostgreSQL instead, such as postgres://user:password@host/database; best given as the variable,
    /// which no list of processes shows. The server is verified unless it is on this machine or the URL says sslmode=disable
    #[arg(long, env = "BPO_EVIDENCE_URL", value_name = "URL", hide_env_values = true)]
    evidence_url: Option<EvidenceUrl>,

    /// Let feeds be read from this network, and over http; private addresses are refused otherwise. May be given several times
    #[arg(long = "feed-allow-network", env = "BPO_FEED_ALLOW_NETWORK", value_name = "CIDR", value_delimiter = ',')]
    feed_allow_networks: Vec<IpNet>,

    /// Let alerts be sent to this network, and over http; private addresses are refused otherwise. May be given several times
    #[arg(long = "alert-allow-network", env = "BPO_ALERT_ALLOW_NETWORK", value_name = "CIDR", value_delimiter = ',')]
    alert_allow_networks: Vec<IpNet>,

    /// Serve /metrics, /healthz and /readyz here
    #[arg(long, env = "BPO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Run only while holding a lease, so that several replicas may stand by
    #[arg(long, env = "BPO_LEADER_ELECT")]
    leader_elect: bool,

    /// How log lines are written
    #[arg(long, env = "BPO_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// Rehearsal: start the operator's clock at this instant instead of now
    #[arg(long, env = "BPO_CLOCK_START", value_name = "INSTANT")]
    clock_start: Option<Timestamp>,

    /// Rehearsal: run the operator's clock this many times as fast
    #[arg(long, env = "BPO_CLOCK_SPEED", value_name = "N")]
    clock_speed: Option<f64>,

    /// How long a contract's terms must stand unchanged before a period becomes Final under them
    #[arg(long, env = "BPO_SETTLE", value_name = "SECONDS", default_value = "5")]
    settle_seconds: u64,
}

/// Why the operator cannot run. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No runtime for asynchronous work.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// A flag asks for what there is not.
    #[error("{0}")]
    Flag(String),
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] crate::cluster::client::ConnectError),
    /// No evidence.
    #[error(transparent)]
    Evidence(#[from] crate::evidence::StoreError),
    /// No address.
    #[error(transparent)]
    Serve(#[from] crate::web::server::ServeError),
    /// Another replica leads now.
    #[error("the lease was lost: another replica leads, and this one ends so that nothing is written twice")]
    LeaseLost,
    /// The CRDs cannot be written out.
    #[error("cannot print the CRDs: {0}")]
    Crds(String),
}

/// Does what the command line asks for.
///
/// # Errors
/// When it cannot be done; the message says why and what to do.
pub fn execute(cli: Cli) -> Result<(), RunError> {
    match cli.command {
        Command::Crds => print_crds(),
        Command::Dashboard => {
            use std::io::Write;
            writeln!(std::io::stdout().lock(), "{:#}", crate::web::dashboard::dashboard())?;
            Ok(())
        }
        Command::Run(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(run(*arguments))
        }
    }
}

fn dispatcher(
    arguments: &RunArguments,
    client: &Client,
    evidence: &Arc<dyn EvidenceStore>,
    metrics: &Metrics,
) -> Dispatcher {
    let policy = AddressPolicy::for_alerts(arguments.alert_allow_networks.clone());
    let (counted, shown) = (metrics.clone(), metrics.clone());
    // The dispatcher leaves a failing receiver alone by itself, and tells of it in words that stay the same.
    let limits = ClientLimits { breaker_failures: u32::MAX, ..ClientLimits::default() };
    Dispatcher::new(dispatcher::Parts {
        store: evidence.clone(),
        client: FeedClient::with(policy.clone(), Arc::new(SystemLookup), limits),
        mailer: Mailer::new(policy, Arc::new(SystemLookup)),
        credentials: Arc::new(ClusterCredentials::new(client.clone())),
        count: Box::new(move |sink, outcome| counted.alert(sink, outcome)),
        show_waiting: Box::new(move |waiting| shown.alerts_waiting(waiting)),
        pace: Pace::default(),
    })
}

fn print_crds() -> Result<(), RunError> {
    use std::io::Write;
    let documents =
        crate::api::schema::custom_resource_definitions().map_err(|error| RunError::Crds(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    for (_, document) in documents {
        let yaml = crate::api::schema::to_yaml(&document).map_err(|error| RunError::Crds(error.to_string()))?;
        write!(out, "---\n{yaml}")?;
    }
    Ok(())
}

async fn run(arguments: RunArguments) -> Result<(), RunError> {
    start_logging(arguments.log_format);
    let clock = clock(&arguments)?;
    let client = connect().await?;
    let stop = stop_on_signal();
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "bpo-operator".to_owned());
    let (lost, finished) = (CancellationToken::new(), CancellationToken::new());
    let mut lease = None;
    if arguments.leader_elect {
        let Some(candidate) = lead(&client, &instance, &stop).await else { return Ok(()) };
        lease = Some(tokio::spawn(candidate.hold(finished.clone(), lost.clone())));
    }
    let evidence = open_evidence(&arguments).await?;
    let metrics = Metrics::new(clock.is_rehearsal());
    let policy = AddressPolicy::new(arguments.feed_allow_networks.clone());
    let scheduler = Scheduler::new(
        Arc::new(FeedClient::new(policy)),
        evidence.clone(),
        Arc::new(ClusterCredentials::new(client.clone())),
        clock.clone(),
    );
    let watched = evidence.clone();
    let alerts = dispatcher(&arguments, &client, &evidence, &metrics);
    let parts = Parts {
        client,
        namespaces: arguments.namespaces,
        clock,
        evidence,
        scheduler,
        metrics,
        alerts,
        listen: arguments.listen,
        settle: Duration::from_secs(arguments.settle_seconds),
        instance,
    };
    let ended = tokio::select! {
        result = run_controllers(parts, stop.clone()) => result.map_err(RunError::from),
        // Nothing may be written after the lease is lost: the work under way is dropped, not finished.
        () = lost.cancelled() => return Err(RunError::LeaseLost),
        // A leader that may accept nothing more makes way for a replica that opens the store anew.
        fault = fault_of(&*watched), if lease.is_some() => Err(RunError::Evidence(StoreError::Fault(fault))),
    };
    if let Some(lease) = lease {
        // Given back only now that nothing is written any more.
        finished.cancel();
        let _ = lease.await;
    }
    ended
}

/// Waits until the store has failed, and gives the fault.
async fn fault_of(evidence: &dyn EvidenceStore) -> String {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        if !evidence.healthy() {
            return evidence.fault().unwrap_or_else(|| "the store has stopped".to_owned());
        }
    }
}

/// Waits for the lease; `None`: a stop came first.
async fn lead(client: &kube::Client, instance: &str, stop: &CancellationToken) -> Option<Candidate> {
    let namespace = std::env::var("BPO_LEASE_NAMESPACE").unwrap_or_else(|_| client.default_namespace().to_owned());
    let identity = format!("{instance}_{}", std::process::id());
    let mut candidate = Candidate::new(client.clone(), &namespace, "bpo-operator", &identity);
    tracing::info!(namespace, identity, "waiting for the lease bpo-operator");
    if !candidate.acquire(stop).await {
        return None;
    }
    tracing::info!(namespace, identity, "this replica leads");
    Some(candidate)
}

fn clock(arguments: &RunArguments) -> Result<Clock, RunError> {
    let speed = arguments.clock_speed.unwrap_or(1.0);
    match arguments.clock_start {
        None if arguments.clock_speed.is_some() => Err(RunError::Flag(
            "--clock-speed needs --clock-start: from which instant should the rehearsal run?".into(),
        )),
        None => Ok(Clock::real()),
        Some(start) => {
            let clock = Clock::rehearsal(start, speed).map_err(|error| RunError::Flag(error.to_string()))?;
            tracing::warn!(%start, speed, "REHEARSAL: the clock is not the real one; nothing that is written is a commitment");
            Ok(clock)
        }
    }
}

/// Opens the evidence where the flags say. A replica that holds the lease ends the session of one that lost it.
async fn open_evidence(arguments: &RunArguments) -> Result<Arc<dyn EvidenceStore>, RunError> {
    let Some(url) = arguments.evidence_url.clone() else {
        return Ok(Arc::new(SqliteStore::open(&arguments.data_dir)?));
    };
    let when_in_use = if arguments.leader_elect { WhenInUse::TakeOver } else { WhenInUse::Refuse };
    let opening = tokio::task::spawn_blocking(move || PostgresStore::open(&url, when_in_use));
    let store = opening.await.map_err(|error| StoreError::Invalid(error.to_string()))??;
    Ok(Arc::new(store))
}

fn start_logging(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("BPO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// A token that a first SIGTERM or Ctrl-C cancels; a second one ends the process at once.
fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        token.cancel();
        wait_for_signal().await;
        std::process::exit(130);
    });
    stop
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_fails_is_noticed_and_a_whole_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let patience = Duration::from_millis(1_500);
        assert!(tokio::time::timeout(patience, fault_of(&store)).await.is_err(), "a whole store was taken for failed");
        std::fs::remove_file(directory.path().join(crate::evidence::sqlite::FILE_NAME)).unwrap();
        let value = serde_json::json!("Go");
        let written = store.record_fact("uid".into(), "launch".into(), "spring".into(), value, Timestamp::UNIX_EPOCH);
        assert!(written.await.is_err());
        assert!(fault_of(&store).await.contains("deleted while in use"));
    }
}
