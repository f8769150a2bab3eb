//! The operator's own commands: `run`, `crds` and `dashboard`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use crate::alert::dispatcher::{self, Dispatcher, Pace};
use crate::alert::mail::Mailer;
use crate::clock::Clock;
use crate::cluster::client::connect;
use crate::cluster::credentials::ClusterCredentials;
use crate::cluster::fence::Fence;
use crate::cluster::lease::{Candidate, Claim};
use crate::cluster::shards::Shards;
use crate::cluster::sharing::{Sharing, common_claim};
use crate::controller::context::AlertMode;
use crate::controller::readiness::Progress;
use crate::controller::run::{PartEnded, Parts, ShareOfWork, run_controllers};
use crate::evidence::postgres::{EvidenceUrl, PostgresStore, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreClock, StoreError};
use crate::feed::inbox::Inbox;
use crate::feed::scheduler::{RowQuota, Scheduler};
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::guard::{AddressPolicy, OpenedNetwork, SystemLookup};
use crate::outbound::proxy::{Proxy, ProxyUrl};
use crate::shard::ShardCount;
use crate::web::door::{self, Certificate};
use crate::web::inbox::{self, WhenItWorks};
use crate::web::metrics::Metrics;
use crate::web::server::serve;

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
#[command(group(ArgGroup::new("rehearsal").args(["clock_start", "clock_steps"])))]
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

    /// Let feeds be read from this network, and over http; private addresses are refused otherwise. A port and a namespace narrow it,
    /// such as 10.20.0.0/16:8443@team. Link-local and metadata addresses, the API server and the kubelet stay refused. May be given
    /// several times
    #[arg(
        long = "feed-allow-network",
        env = "BPO_FEED_ALLOW_NETWORK",
        value_name = "CIDR[:PORT][@NAMESPACE]",
        value_delimiter = ','
    )]
    feed_allow_networks: Vec<OpenedNetwork>,

    /// Let alerts be sent to this network, and over http; private addresses are refused otherwise. Narrowed as the one for feeds. May
    /// be given several times
    #[arg(
        long = "alert-allow-network",
        env = "BPO_ALERT_ALLOW_NETWORK",
        value_name = "CIDR[:PORT][@NAMESPACE]",
        value_delimiter = ','
    )]
    alert_allow_networks: Vec<OpenedNetwork>,

    /// Open connections for feeds, their tokens and alerts over HTTP(S) through this egress proxy, such as `http://proxy.example:3128`, or
    /// `http://user:password@proxy.example:3128`, best given as the variable. The operator resolves names, and the proxy is sent the
    /// address that was judged. Mail, the API server and the database are connected to without it
    #[arg(long, env = "BPO_PROXY", value_name = "URL", hide_env_values = true)]
    proxy: Option<ProxyUrl>,

    /// Let the proxy resolve names, and send it names. The operator then judges addresses only where a contract writes one: what a name
    /// may lead to is for the proxy's own rules
    #[arg(long, env = "BPO_PROXY_RESOLVES", requires = "proxy")]
    proxy_resolves: bool,

    /// Connect to addresses in this network without the proxy. May be given several times
    #[arg(
        long = "proxy-except",
        env = "BPO_PROXY_EXCEPT",
        value_name = "CIDR",
        value_delimiter = ',',
        requires = "proxy"
    )]
    proxy_except: Vec<ipnet::IpNet>,

    /// Serve /metrics, /healthz and /readyz here
    #[arg(long, env = "BPO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Take what vendors push here, at /v1/inbox/NAMESPACE/CONTRACT/FEED. Default: nothing is taken
    #[arg(long, env = "BPO_INBOX_LISTEN", value_name = "ADDR")]
    inbox_listen: Option<SocketAddr>,

    /// Certificate chain of the inbox, in PEM; it is read again each minute
    #[arg(long, env = "BPO_INBOX_CERTIFICATE", value_name = "FILE", requires = "inbox_listen", requires = "inbox_key")]
    inbox_certificate: Option<PathBuf>,

    /// Private key of that certificate, in PEM
    #[arg(long, env = "BPO_INBOX_KEY", value_name = "FILE", requires = "inbox_certificate")]
    inbox_key: Option<PathBuf>,

    /// Take pushes without TLS, behind an ingress that has it: tokens come in plain text
    #[arg(long, env = "BPO_INBOX_PLAIN_HTTP", requires = "inbox_listen", conflicts_with = "inbox_certificate")]
    inbox_plain_http: bool,

    /// Run several replicas: one works, and another takes over when it ends or falls silent for 15 seconds
    #[arg(long, env = "BPO_LEADER_ELECT")]
    leader_elect: bool,

    /// Spread the contracts by their namespaces over N shards, which replicas on one PostgreSQL share: each works on some, takes over
    /// those of one that ends or falls silent for 15 seconds, and hands some over to one that joins. All replicas need the same number:
    /// those with another one wait until the last of the others has ended
    #[arg(long, env = "BPO_SHARDS", value_name = "N", default_value = "1")]
    shards: ShardCount,

    /// Name of the Lease that every operator holds while it works, so that two of one installation are noticed. It lies in the
    /// pod's own namespace, or in the one that the kubeconfig names. A rehearsal adds "-rehearsal"
    #[arg(long, env = "BPO_LEASE_NAME", value_name = "NAME", default_value = "bpo-operator")]
    lease_name: String,

    /// Namespace of that Lease; default: the pod's own, or the one that the kubeconfig names
    #[arg(long, env = "BPO_LEASE_NAMESPACE", value_name = "NS")]
    lease_namespace: Option<String>,

    /// How log lines are written
    #[arg(long, env = "BPO_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// Rehearsal: start the operator's clock at this instant instead of now. A rehearsal works only in namespaces labelled
    /// bpo-operator.io/rehearsal=true, which every other operator leaves alone, and needs a --data-dir of its own
    #[arg(long, env = "BPO_CLOCK_START", value_name = "INSTANT")]
    clock_start: Option<Timestamp>,

    /// Rehearsal: run the operator's clock this many times as fast
    #[arg(long, env = "BPO_CLOCK_SPEED", value_name = "N")]
    clock_speed: Option<f64>,

    /// Rehearsal: let the clock stand still at the instant that this file holds, such as 2026-03-01T07:00:00Z, and move on each time
    /// that the file holds a later one
    #[arg(long, env = "BPO_CLOCK_STEPS", value_name = "FILE", conflicts_with = "clock_speed")]
    clock_steps: Option<PathBuf>,

    /// Rows, corrections counted, that are kept of a feed for each contract year; more make the feed's FeedHealthy say RowQuota
    #[arg(long, env = "BPO_ROWS_PER_FEED_YEAR", value_name = "N", default_value_t = RowQuota::default().feed_year)]
    rows_per_feed_year: u64,

    /// Rows, corrections counted, that are kept of all feeds of a contract together
    #[arg(long, env = "BPO_ROWS_PER_CONTRACT", value_name = "N", default_value_t = RowQuota::default().contract)]
    rows_per_contract: u64,

    /// Rehearsal: send alerts, each marked as a rehearsal's; without this flag a rehearsal sends none
    #[arg(long, env = "BPO_REHEARSAL_ALERTS", requires = "rehearsal")]
    rehearsal_alerts: bool,

    /// How much memory the operator may use, such as 400Mi. Half of it is for the rows of feeds; beyond that, those of contracts that
    /// were judged longest ago are read from the evidence again when they are needed. Default: four fifths of the container's limit,
    /// or of the machine's memory where there is none
    #[arg(long, env = "BPO_MEMORY", value_name = "BYTES")]
    memory: Option<Memory>,

    /// How long a contract's terms must stay unchanged before a period becomes Final under them
    #[arg(long, env = "BPO_SETTLE", value_name = "SECONDS", default_value = "5")]
    settle_seconds: u64,
}

impl RunArguments {
    fn memory(&self) -> Memory {
        self.memory.unwrap_or_else(Memory::of_this_process)
    }
}

/// Why the operator cannot run. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No runtime for asynchronous work.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// Nothing can be printed.
    #[error(transparent)]
    Print(#[from] super::streams::NotPrinted),
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
    /// No inbox.
    #[error(transparent)]
    Inbox(#[from] crate::web::door::DoorError),
    /// Another process holds the lease now.
    #[error("the lease was lost, and this process ends so that nothing is written twice: {0}")]
    LeaseLost(String),
    /// A part of the operator ended.
    #[error(transparent)]
    PartEnded(#[from] PartEnded),
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
        Command::Dashboard => Ok(super::streams::print_line(format_args!("{:#}", crate::web::dashboard::dashboard()))?),
        Command::Run(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let ended = runtime.block_on(run(*arguments));
            // A thread that waits for a database that hangs must not keep the process.
            runtime.shutdown_timeout(FAREWELL);
            ended
        }
    }
}

/// How long threads that read and write may take to end after everything else has.
const FAREWELL: Duration = Duration::from_secs(5);

fn dispatcher(
    arguments: &RunArguments,
    api_server: Vec<SocketAddr>,
    client: &Client,
    evidence: &Arc<dyn EvidenceStore>,
    metrics: &Metrics,
    shards: &Shards,
    proxy: Option<Arc<Proxy>>,
) -> Dispatcher {
    let shards = shards.clone();
    let policy = AddressPolicy::for_alerts(arguments.alert_allow_networks.clone()).sparing(api_server);
    let (counted, shown) = (metrics.clone(), metrics.clone());
    // The dispatcher leaves a failing receiver alone by itself, and tells of it in words that stay the same.
    let limits = ClientLimits { breaker_failures: u32::MAX, ..ClientLimits::default() };
    Dispatcher::new(dispatcher::Parts {
        store: evidence.clone(),
        client: FeedClient::with(policy.clone(), Arc::new(SystemLookup), limits).through(proxy),
        mailer: Mailer::new(policy, Arc::new(SystemLookup)),
        credentials: Arc::new(ClusterCredentials::new(client.clone())),
        count: Box::new(move |sink, outcome| counted.alert(sink, outcome)),
        show_waiting: Box::new(move |waiting| shown.alerts_waiting(waiting)),
        may_send: Box::new(move |namespace| Some(Box::new(shards.turn_to_tell(namespace)?) as dispatcher::Turn)),
        pace: Pace::default(),
    })
}

fn print_crds() -> Result<(), RunError> {
    let documents =
        crate::api::schema::custom_resource_definitions().map_err(|error| RunError::Crds(error.to_string()))?;
    let mut text = String::new();
    for (_, document) in documents {
        let yaml = crate::api::schema::to_yaml(&document).map_err(|error| RunError::Crds(error.to_string()))?;
        text.push_str("---\n");
        text.push_str(&yaml);
    }
    Ok(super::streams::print(text)?)
}

/// What is there from the start.
struct Surroundings {
    clock: Clock,
    client: Client,
    metrics: Metrics,
    progress: Arc<Progress>,
    fence: Fence,
    proxy: Option<Arc<Proxy>>,
    stop: CancellationToken,
}

async fn run(arguments: RunArguments) -> Result<(), RunError> {
    start_logging(arguments.log_format);
    let clock = clock(&arguments)?;
    let proxy = proxy(&arguments)?;
    check_shards(&arguments)?;
    let around = Surroundings {
        client: connect().await?,
        metrics: Metrics::new(clock.is_rehearsal()),
        clock,
        progress: Arc::default(),
        fence: Fence::closed(),
        proxy,
        stop: stop_on_signal(),
    };
    // Before anything that takes time: a process that waits must answer its probes too, and one that stops to its very end.
    let served = CancellationToken::new();
    let (metrics, progress) = (around.metrics.clone(), around.progress.clone());
    let (bound, server) = serve(arguments.listen, metrics, progress, served.clone()).await?;
    tracing::info!(address = %bound, "serving /metrics, /healthz and /readyz");
    let inbox = open_inbox(&arguments, around.progress.clone(), served.clone()).await?;
    let Some(Leading { mut lease, finished, evidence, instance, shards, sharing }) = lead(&arguments, &around).await?
    else {
        return Ok(());
    };
    let (watched, stop) = (evidence.clone(), around.stop.clone());
    let api_server = crate::cluster::client::addresses().await;
    let credentials = Arc::new(ClusterCredentials::new(around.client.clone()));
    let parts = Parts { sharing, ..parts(&arguments, api_server, around, evidence, (instance, shards)) };
    if let Some(found) = Inbox::new(parts.scheduler.clone(), credentials) {
        let shards = parts.shards.clone();
        // It is set once, here.
        let _ = inbox.inbox.set((found, Box::new(move |namespace| shards.works_in(namespace))));
    }
    let ended = tokio::select! {
        result = run_controllers(parts, stop) => result.map_err(RunError::from),
        // Nothing may be written after the lease is lost: the work under way is dropped, not finished.
        lost = &mut lease => return Err(RunError::LeaseLost(why_lost(lost))),
        // A process that can accept nothing more ends: it starts again and opens the store anew, or another replica does.
        fault = fault_of(&*watched) => Err(RunError::Evidence(StoreError::Fault(fault))),
        ended = server => Err(RunError::Runtime(match ended {
            Ok(Err(error)) => error,
            _ => std::io::Error::other("the server of metrics and health has ended"),
        })),
    };
    // Given back only now that nothing is written any more.
    finished.cancel();
    let _ = lease.await;
    ended
}

/// Opens the inbox, where there is to be one. It answers before this process works, and takes nothing until then.
async fn open_inbox(
    arguments: &RunArguments,
    health: Arc<Progress>,
    stop: CancellationToken,
) -> Result<Arc<WhenItWorks>, RunError> {
    let process = Arc::new(WhenItWorks { inbox: OnceLock::new(), health });
    let Some(address) = arguments.inbox_listen else { return Ok(process) };
    let certificate = match (&arguments.inbox_certificate, &arguments.inbox_key) {
        (Some(chain), Some(key)) => Some(Certificate { chain: chain.clone(), key: key.clone() }),
        _ if arguments.inbox_plain_http => None,
        _ => {
            let words = "--inbox-listen takes tokens: write --inbox-certificate and --inbox-key, or --inbox-plain-http behind an ingress with TLS";
            return Err(RunError::Flag(words.to_owned()));
        }
    };
    let answer = {
        let process = process.clone();
        move |request| inbox::answer(process.clone(), request)
    };
    let is_plain = certificate.is_none();
    let (bound, _serving) = door::open(address, certificate, answer, stop).await?;
    tracing::info!(address = %bound, tls = !is_plain, "taking what is pushed to /v1/inbox");
    Ok(process)
}

type Held = tokio::task::JoinHandle<Result<(), String>>;

fn why_lost(ended: Result<Result<(), String>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Err(why)) => why,
        Ok(Ok(())) => "it was given back".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A process that may work now.
struct Leading {
    /// Renews the lease; ends when it is lost, or given back after `finished`.
    lease: Held,
    finished: CancellationToken,
    evidence: Arc<dyn EvidenceStore>,
    /// Name of this process or pod.
    instance: String,
    shards: Shards,
    /// Where replicas share the work.
    sharing: Option<ShareOfWork>,
}

/// Refuses shards where nothing can share them.
fn check_shards(arguments: &RunArguments) -> Result<(), RunError> {
    if arguments.shards == ShardCount::ONE || arguments.evidence_url.is_some() {
        return Ok(());
    }
    Err(RunError::Flag(format!(
        "--shards {} needs a PostgreSQL that all replicas share, such as --evidence-url postgres://bpo@database.example/evidence: the SQLite \
         store in --data-dir has one writer. Without it, leave --shards out",
        arguments.shards
    )))
}

/// Gets the lease and the store. `None`: a stop came first.
///
/// With leader election the lease comes first, since the leader has the store. Without it the store does: whoever has it for itself
/// knows that an earlier holder of the same store's lease is gone, and a restart does not wait.
async fn lead(arguments: &RunArguments, around: &Surroundings) -> Result<Option<Leading>, RunError> {
    let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "bpo-operator".to_owned());
    let mut name = arguments.lease_name.clone();
    if around.clock.is_rehearsal() {
        name.push_str("-rehearsal");
    }
    let namespace = arguments.lease_namespace.clone().unwrap_or_else(|| around.client.default_namespace().to_owned());
    let identity = format!("{instance}_{}", std::process::id());
    let store = Arc::new(OnceLock::new());
    if arguments.shards != ShardCount::ONE {
        return work_beside_others(arguments, around, (&namespace, &name), &identity, instance).await;
    }
    let shards = Shards::whole(around.fence.clone());
    let standby = arguments.leader_elect;
    let claim =
        Claim { namespace, name, identity, store: store.clone(), standby, shared: false, labels: BTreeMap::new() };
    if !arguments.leader_elect {
        let Some((evidence, id)) = open_evidence(arguments, around).await? else { return Ok(None) };
        let _ = store.set(id);
        let held = acquire(claim, around).await;
        return Ok(held.map(|(lease, finished)| Leading {
            lease,
            finished,
            evidence,
            instance,
            shards,
            sharing: None,
        }));
    }
    let Some((lease, finished)) = acquire(claim, around).await else { return Ok(None) };
    match open_evidence(arguments, around).await {
        Ok(Some((evidence, id))) => {
            let _ = store.set(id);
            Ok(Some(Leading { lease, finished, evidence, instance, shards, sharing: None }))
        }
        not_opened => {
            // Another replica may have better luck at once.
            finished.cancel();
            let _ = lease.await;
            not_opened.map(|_| None)
        }
    }
}

/// The same for a replica that works beside others: it gets the lease that they hold together, and then takes part in sharing the work.
async fn work_beside_others(
    arguments: &RunArguments,
    around: &Surroundings,
    lease: (&str, &str),
    identity: &str,
    instance: String,
) -> Result<Option<Leading>, RunError> {
    let claim = common_claim(lease.0, lease.1, arguments.shards);
    let Some((common, finished)) = acquire(claim, around).await else { return Ok(None) };
    let Some((evidence, _)) = open_evidence(arguments, around).await? else { return Ok(None) };
    let shards = Shards::spread(arguments.shards, around.fence.clone());
    let (to_do, moves) = mpsc::channel(MOVES);
    let begun = CancellationToken::new();
    let part = Sharing::new(around.client.clone(), lease, identity, shards.clone(), to_do);
    let part = part.run(begun.clone(), around.stop.clone(), finished.clone());
    let common = async { common.await.map_err(|error| error.to_string())? };
    let lease = tokio::spawn(async { tokio::try_join!(common, part).map(|_| ()) });
    let sharing = Some(ShareOfWork { begun, moves });
    Ok(Some(Leading { lease, finished, evidence, instance, shards, sharing }))
}

/// How many shards may wait to be begun or ended.
const MOVES: usize = 64;

/// Waits for the lease, and renews it from then on. `None`: a stop came first.
async fn acquire(claim: Claim, around: &Surroundings) -> Option<(Held, CancellationToken)> {
    let (lease, holder) = (format!("{}/{}", claim.namespace, claim.name), claim.identity.clone());
    let (standby, is_shared, progress) = (claim.standby, claim.shared, &around.progress);
    let mut candidate = Candidate::new(around.client.clone(), claim, around.fence.clone());
    let waits = |why: &str, held: bool| if standby && held { progress.stands_by() } else { progress.waits(why) };
    if !candidate.acquire(&around.stop, waits).await {
        return None;
    }
    match is_shared {
        true => {
            tracing::info!(lease, holder, "the lease is held together with others: this process takes part in the work")
        }
        false => tracing::info!(lease, holder, "the lease is held: this process works"),
    }
    progress.waits("the lease is held, and the evidence is opened");
    let finished = CancellationToken::new();
    Some((tokio::spawn(candidate.hold(finished.clone())), finished))
}

fn parts(
    arguments: &RunArguments,
    api_server: Vec<SocketAddr>,
    around: Surroundings,
    evidence: Arc<dyn EvidenceStore>,
    (instance, shards): (String, Shards),
) -> Parts {
    let Surroundings { clock, client, metrics, progress, fence: _, proxy, stop: _ } = around;
    let policy = AddressPolicy::new(arguments.feed_allow_networks.clone()).sparing(api_server.clone());
    let quota = RowQuota { feed_year: arguments.rows_per_feed_year, contract: arguments.rows_per_contract };
    let credentials = Arc::new(ClusterCredentials::new(client.clone()));
    let memory = arguments.memory();
    let limits = ClientLimits {
        text: memory.for_text(),
        reading: memory.for_reading(),
        most_rows: memory.rows_of_a_fetch(),
        ..ClientLimits::default()
    };
    let feeds = Arc::new(FeedClient::with(policy, Arc::new(SystemLookup), limits).through(proxy.clone()));
    let alert_mode = match (clock.is_rehearsal(), arguments.rehearsal_alerts) {
        (false, _) => AlertMode::Sent,
        (true, true) => AlertMode::Marked,
        (true, false) => AlertMode::Silent,
    };
    if alert_mode == AlertMode::Silent {
        tracing::warn!("REHEARSAL: no alert is sent; --rehearsal-alerts sends them, each marked");
    }
    Parts {
        scheduler: Scheduler::within(feeds, evidence.clone(), credentials, clock.clone(), quota),
        alerts: dispatcher(arguments, api_server, &client, &evidence, &metrics, &shards, proxy),
        client,
        namespaces: arguments.namespaces.clone(),
        clock,
        evidence,
        metrics,
        alert_mode,
        progress,
        shards,
        sharing: None,
        settle: Duration::from_secs(arguments.settle_seconds),
        evidence_memory: arguments.memory().for_evidence(),
        instance,
    }
}

/// Waits until the store has failed, and returns the fault.
async fn fault_of(evidence: &dyn EvidenceStore) -> String {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        if !evidence.healthy() {
            return evidence.fault().unwrap_or_else(|| "the store has stopped".to_owned());
        }
    }
}

fn proxy(arguments: &RunArguments) -> Result<Option<Arc<Proxy>>, RunError> {
    let Some(url) = &arguments.proxy else { return Ok(None) };
    let proxy = Proxy::new(url, arguments.proxy_resolves, arguments.proxy_except.clone()).map_err(RunError::Flag)?;
    tracing::info!(proxy = proxy.shown(), resolves = arguments.proxy_resolves, "feeds and alerts go through a proxy");
    Ok(Some(Arc::new(proxy)))
}

fn clock(arguments: &RunArguments) -> Result<Clock, RunError> {
    if let Some(file) = &arguments.clock_steps {
        let clock = super::steps::clock_in(file).map_err(RunError::Flag)?;
        tracing::warn!(start = %clock.now(), file = %file.display(), "REHEARSAL: the clock is stopped and moves by the file; nothing that is written is a commitment");
        return Ok(clock);
    }
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

/// How long the server of the evidence may be away when the operator starts: a failover takes seconds, and a restart of the pod longer.
const OPENING: Duration = Duration::from_secs(60);

/// Opens the evidence where the flags say and returns its identity; tries again while its server is away. `None`: a stop came first.
async fn open_evidence(
    arguments: &RunArguments,
    around: &Surroundings,
) -> Result<Option<(Arc<dyn EvidenceStore>, String)>, RunError> {
    let store_clock = if around.clock.is_rehearsal() { StoreClock::Rehearsal } else { StoreClock::Real };
    let began = std::time::Instant::now();
    loop {
        let error = match try_to_open(arguments, store_clock).await {
            Err(error @ StoreError::Unreachable { .. }) if began.elapsed() < OPENING => error,
            result => return Ok(result.map(Some)?),
        };
        tracing::warn!(%error, "trying again");
        around.progress.waits(&error.to_string());
        tokio::select! {
            () = around.stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// Opens the evidence once. A replica that holds the lease ends the session of one that lost it.
async fn try_to_open(
    arguments: &RunArguments,
    clock: StoreClock,
) -> Result<(Arc<dyn EvidenceStore>, String), StoreError> {
    let Some(url) = arguments.evidence_url.clone() else {
        let store = SqliteStore::open_with_pages(&arguments.data_dir, arguments.memory().for_pages())?;
        let identity = store.claim(clock).await?;
        return Ok((Arc::new(store), identity));
    };
    let when_in_use = match (arguments.shards, arguments.leader_elect) {
        (ShardCount::ONE, false) => WhenInUse::Refuse,
        (ShardCount::ONE, true) => WhenInUse::TakeOver,
        (shards, _) => WhenInUse::Share(shards),
    };
    let store = PostgresStore::open_while_it_answers(&url, when_in_use).await?;
    let identity = store.claim(clock).await?;
    Ok((Arc::new(store), identity))
}

fn start_logging(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("BPO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false);
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
