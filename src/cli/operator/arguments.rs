//! The flags of `bpo-operator run`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;

use crate::cli::memory::Memory;
use crate::evidence::postgres::EvidenceUrl;
use crate::feed::scheduler::RowQuota;
use crate::outbound::guard::OpenedNetwork;
use crate::outbound::proxy::ProxyUrl;
use crate::shard::ShardCount;

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
    pub(super) namespaces: Vec<String>,

    /// Folder of the evidence (an SQLite file); it must survive restarts
    #[arg(long, env = "BPO_DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub(super) data_dir: PathBuf,

    /// Keep the evidence in PostgreSQL instead, such as postgres://user:password@host/database; best given as the variable,
    /// which no list of processes shows. The server is verified unless it is on this machine or the URL says sslmode=disable
    #[arg(long, env = "BPO_EVIDENCE_URL", value_name = "URL", hide_env_values = true)]
    pub(super) evidence_url: Option<EvidenceUrl>,

    /// Let feeds be read from this network, and over http; private addresses are refused otherwise. A port and a namespace narrow it,
    /// such as 10.20.0.0/16:8443@team. Link-local and metadata addresses, the API server and the kubelet stay refused. May be given
    /// several times
    #[arg(
        long = "feed-allow-network",
        env = "BPO_FEED_ALLOW_NETWORK",
        value_name = "CIDR[:PORT][@NAMESPACE]",
        value_delimiter = ','
    )]
    pub(super) feed_allow_networks: Vec<OpenedNetwork>,

    /// Let alerts be sent to this network, and over http; private addresses are refused otherwise. Narrowed as the one for feeds. May
    /// be given several times
    #[arg(
        long = "alert-allow-network",
        env = "BPO_ALERT_ALLOW_NETWORK",
        value_name = "CIDR[:PORT][@NAMESPACE]",
        value_delimiter = ','
    )]
    pub(super) alert_allow_networks: Vec<OpenedNetwork>,

    /// Open connections for feeds, their tokens and alerts over HTTP(S) through this egress proxy, such as `http://proxy.example:3128`, or
    /// `http://user:password@proxy.example:3128`, best given as the variable. The operator resolves names, and the proxy is sent the
    /// address that was judged. Mail, the API server and the database are connected to without it
    #[arg(long, env = "BPO_PROXY", value_name = "URL", hide_env_values = true)]
    pub(super) proxy: Option<ProxyUrl>,

    /// Let the proxy resolve names, and send it names. The operator then judges addresses only where a contract writes one: what a name
    /// may lead to is for the proxy's own rules
    #[arg(long, env = "BPO_PROXY_RESOLVES", requires = "proxy")]
    pub(super) proxy_resolves: bool,

    /// Connect to addresses in this network without the proxy. May be given several times
    #[arg(
        long = "proxy-except",
        env = "BPO_PROXY_EXCEPT",
        value_name = "CIDR",
        value_delimiter = ',',
        requires = "proxy"
    )]
    pub(super) proxy_except: Vec<ipnet::IpNet>,

    /// Serve /metrics, /healthz and /readyz here
    #[arg(long, env = "BPO_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub(super) listen: SocketAddr,

    /// Take what vendors push here, at /v1/inbox/NAMESPACE/CONTRACT/FEED. Default: nothing is taken
    #[arg(long, env = "BPO_INBOX_LISTEN", value_name = "ADDR")]
    pub(super) inbox_listen: Option<SocketAddr>,

    /// Certificate chain of the inbox, in PEM; it is read again each minute
    #[arg(long, env = "BPO_INBOX_CERTIFICATE", value_name = "FILE", requires = "inbox_listen", requires = "inbox_key")]
    pub(super) inbox_certificate: Option<PathBuf>,

    /// Private key of that certificate, in PEM
    #[arg(long, env = "BPO_INBOX_KEY", value_name = "FILE", requires = "inbox_certificate")]
    pub(super) inbox_key: Option<PathBuf>,

    /// Take pushes without TLS, behind an ingress that has it: tokens come in plain text
    #[arg(long, env = "BPO_INBOX_PLAIN_HTTP", requires = "inbox_listen", conflicts_with = "inbox_certificate")]
    pub(super) inbox_plain_http: bool,

    /// Run several replicas: one works, and another takes over when it ends or falls silent for 15 seconds
    #[arg(long, env = "BPO_LEADER_ELECT")]
    pub(super) leader_elect: bool,

    /// Spread the contracts by their namespaces over N shards, which replicas on one PostgreSQL share: each works on some, takes over
    /// those of one that ends or falls silent for 15 seconds, and hands some over to one that joins. All replicas need the same number:
    /// those with another one wait until the last of the others has ended
    #[arg(long, env = "BPO_SHARDS", value_name = "N", default_value = "1")]
    pub(super) shards: ShardCount,

    /// Name of the Lease that every operator holds while it works, so that two of one installation are noticed. It lies in the
    /// pod's own namespace, or in the one that the kubeconfig names. A rehearsal adds "-rehearsal"
    #[arg(long, env = "BPO_LEASE_NAME", value_name = "NAME", default_value = "bpo-operator")]
    pub(super) lease_name: String,

    /// Namespace of that Lease; default: the pod's own, or the one that the kubeconfig names
    #[arg(long, env = "BPO_LEASE_NAMESPACE", value_name = "NS")]
    pub(super) lease_namespace: Option<String>,

    /// How log lines are written
    #[arg(long, env = "BPO_LOG_FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,

    /// Send traces of what each poll set off to this collector, by OTLP over HTTP, such as `http://collector.monitoring.svc:4318`. A token
    /// goes into the variable OTEL_EXPORTER_OTLP_HEADERS. Needs a program that is built with the feature `otel`, as that of the image is
    #[arg(long, env = "BPO_OTLP_ENDPOINT", value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,

    /// Rehearsal: start the operator's clock at this instant instead of now. A rehearsal works only in namespaces labelled
    /// bpo-operator.io/rehearsal=true, which every other operator leaves alone, and needs a --data-dir of its own
    #[arg(long, env = "BPO_CLOCK_START", value_name = "INSTANT")]
    pub(super) clock_start: Option<Timestamp>,

    /// Rehearsal: run the operator's clock this many times as fast
    #[arg(long, env = "BPO_CLOCK_SPEED", value_name = "N")]
    pub(super) clock_speed: Option<f64>,

    /// Rehearsal: let the clock stand still at the instant that this file holds, such as 2026-03-01T07:00:00Z, and move on each time
    /// that the file holds a later one
    #[arg(long, env = "BPO_CLOCK_STEPS", value_name = "FILE", conflicts_with = "clock_speed")]
    pub(super) clock_steps: Option<PathBuf>,

    /// Rows, corrections counted, that are kept of a feed for each contract year; more make the feed's FeedHealthy say RowQuota
    #[arg(long, env = "BPO_ROWS_PER_FEED_YEAR", value_name = "N", default_value_t = RowQuota::default().feed_year)]
    pub(super) rows_per_feed_year: u64,

    /// Rows, corrections counted, that are kept of all feeds of a contract together; fewer where --memory holds fewer, at 96
    /// bytes of it a row
    #[arg(long, env = "BPO_ROWS_PER_CONTRACT", value_name = "N", default_value_t = RowQuota::default().contract)]
    pub(super) rows_per_contract: u64,

    /// Rehearsal: send alerts, each marked as a rehearsal's; without this flag a rehearsal sends none
    #[arg(long, env = "BPO_REHEARSAL_ALERTS", requires = "rehearsal")]
    pub(super) rehearsal_alerts: bool,

    /// How much memory the operator may use, such as 400Mi. Half of it is for the rows of feeds; beyond that, those of contracts that
    /// were judged longest ago are read from the evidence again when they are needed. Default: four fifths of the container's limit,
    /// or of the machine's memory where there is none
    #[arg(long, env = "BPO_MEMORY", value_name = "BYTES")]
    pub(super) memory: Option<Memory>,

    /// How long a contract's terms must stay unchanged before a period becomes Final under them. Terms that change again before that
    /// hold it up for a minute, or for twice this time where that is longer
    #[arg(long, env = "BPO_SETTLE", value_name = "SECONDS", default_value = "5")]
    pub(super) settle_seconds: u64,
}

impl RunArguments {
    pub(super) fn memory(&self) -> Memory {
        self.memory.unwrap_or_else(Memory::of_this_process)
    }
}
