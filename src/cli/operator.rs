//! The operator's own commands: `run`, `crds` and `dashboard`.

mod arguments;
mod assembly;
mod evidence;
mod leading;
mod logging;
mod process;

use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{Parser, Subcommand};
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use self::arguments::{LogFormat, RunArguments};
use self::assembly::{clock, parts, proxy};
use self::evidence::fault_of;
use self::leading::{Leading, check_shards, lead, why_lost};
use self::process::stop_on_signal;
use crate::clock::Clock;
use crate::cluster::client::connect;
use crate::cluster::credentials::ClusterCredentials;
use crate::cluster::fence::Fence;
use crate::controller::readiness::Progress;
use crate::controller::run::{PartEnded, Parts, run_controllers};
use crate::evidence::StoreError;
use crate::feed::inbox::Inbox;
use crate::outbound::proxy::Proxy;
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
            let runtime = runtime(std::thread::available_parallelism().map_or(1, NonZero::get))?;
            let ended = runtime.block_on(async {
                let traces = logging::start(arguments.log_format, arguments.otlp_endpoint.as_deref());
                let traces = traces.map_err(RunError::Flag)?;
                let ended = run(*arguments).await;
                traces.end().await;
                ended
            });
            // A thread that waits for a database that hangs must not keep the process.
            runtime.shutdown_timeout(FAREWELL);
            ended
        }
    }
}

/// Threads that wait for answers and pass them on. Reading, judging and the store have threads of their own, so that a machine with many
/// cores needs no more of these; each has a stack, and memory that the C library keeps for it.
const MOST_WORKERS: usize = 4;

/// How long a thread that reads, judges or waits for the store stays without work. The next work goes to the thread that has waited longest, so
/// that with a longer time the few calls a second of a quiet operator keep all threads of its start.
const IDLE_THREAD: Duration = Duration::from_millis(500);

/// The runtime on a machine with this number of cores.
fn runtime(cores: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Who sets the variable that Tokio reads knows better.
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        runtime.worker_threads(cores.clamp(1, MOST_WORKERS));
    }
    runtime.thread_keep_alive(IDLE_THREAD).enable_all().build()
}

/// How long threads that read and write may take to end after everything else has.
const FAREWELL: Duration = Duration::from_secs(5);

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
        // A process that can accept nothing more ends: it starts again and opens the store again, or another replica does.
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

#[cfg(test)]
mod tests {
    use super::runtime;

    #[test]
    fn a_machine_with_many_cores_has_no_more_threads_that_wait_for_answers_than_four() {
        for (cores, threads) in [(1, 1), (2, 2), (4, 4), (64, 4)] {
            assert_eq!(runtime(cores).unwrap().metrics().num_workers(), threads, "{cores}");
        }
    }
}
