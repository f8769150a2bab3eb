//! Every metric of the operator in one table: what it is called, what it shows, which labels it has. The registry, the dashboard, the
//! alerting rules and their tests read this table, so that none of them can name a metric that does not exist.

use crate::api::condition::closed_enum;

closed_enum! {
    /// The metrics, without the prefix `bpo_`.
    Metric {
        KpiValue, KpiTarget, KpiProjected, KpiSourcesApart, KpiAtRisk, KpiVerdict, ContractScore, ContractCredit,
        ContractCompliant, ContractConsistent, LaunchDecision, LaunchGateState, FeedFetches, FeedFetchSeconds, FeedWatermark,
        FeedDue, FeedRows, FeedRejectedRows, Reconciles, ReconcileSeconds, SlowReconciles, ApiWrites, Alerts, AlertOutbox, ClockRehearsal,
        ClockDifference, EvidenceFree, EvidenceReserve,
        EvidenceMemory, EvidenceMemoryLimit,
    }
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A figure that goes up and down.
    Gauge,
    /// A count that only grows; its series end in `_total`.
    Counter,
    /// Counts by size; its series end in `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// The name in the registry: without the prefix `bpo_` and, for a counter, without `_total`.
    pub name: &'static str,
    /// How it counts.
    pub kind: MetricKind,
    /// The labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// A sentence without its full stop.
    pub help: &'static str,
}

const KPI: &[&str] = &["namespace", "contract", "kpi_target", "kpi", "tier", "period"];
const KPI_VERDICT: &[&str] = &["namespace", "contract", "kpi_target", "kpi", "tier", "verdict"];
const CONTRACT: &[&str] = &["namespace", "contract"];
const CREDIT: &[&str] = &["namespace", "contract", "state"];
const FEED: &[&str] = &["namespace", "contract", "feed"];
const FEED_OUTCOME: &[&str] = &["namespace", "contract", "feed", "outcome"];
const FEED_REASON: &[&str] = &["namespace", "contract", "feed", "reason"];
const DECISION: &[&str] = &["namespace", "launch", "decision"];
const RECONCILE: &[&str] = &["kind", "outcome"];
const KIND: &[&str] = &["kind"];
const WRITE: &[&str] = &["kind", "what"];
const ALERT: &[&str] = &["sink", "outcome"];
const NONE: &[&str] = &[];
const GATE: &[&str] = &["namespace", "launch", "gate", "state"];

impl Metric {
    /// What this metric is.
    pub const fn definition(self) -> MetricDefinition {
        use MetricKind::{Counter, Gauge, Histogram};
        let (name, kind, labels, help) = match self {
            Metric::KpiValue => (
                "kpi_value",
                Gauge,
                KPI,
                "Value of a KPI in the period that the label names: Running, or Closed for the latest closed one",
            ),
            Metric::KpiTarget => ("kpi_target", Gauge, KPI, "Target of a KPI in the period that the label names"),
            Metric::KpiProjected => {
                ("kpi_projected", Gauge, KPI, "Value that the running period is projected to end with")
            }
            Metric::KpiSourcesApart => (
                "kpi_sources_apart",
                Gauge,
                KPI,
                "How far the values of two sources of a KPI differ over the time for which both have rows, in the KPI's unit",
            ),
            Metric::KpiAtRisk => {
                ("kpi_at_risk", Gauge, KPI, "1 while the condition AtRisk of a KPI is True, 0 while it is False")
            }
            Metric::KpiVerdict => ("kpi_verdict", Gauge, KPI_VERDICT, "1 for the verdict of the latest closed period"),
            Metric::ContractScore => ("contract_score", Gauge, CONTRACT, "Score of the latest closed period, 0 to 100"),
            Metric::ContractCredit => {
                ("contract_credit", Gauge, CREDIT, "Credit of the latest closed period, in the contract's currency")
            }
            Metric::ContractCompliant => {
                ("contract_compliant", Gauge, CONTRACT, "1 if the latest closed period is compliant, 0 if not")
            }
            Metric::ContractConsistent => (
                "contract_consistent",
                Gauge,
                CONTRACT,
                "1 if every Final report follows from the evidence, 0 if one does not",
            ),
            Metric::LaunchDecision => ("launch_decision", Gauge, DECISION, "1 for the present decision of a launch"),
            Metric::LaunchGateState => ("launch_gate_state", Gauge, GATE, "1 for the present state of a launch's gate"),
            Metric::FeedFetches => ("feed_fetches", Counter, FEED_OUTCOME, "Fetches of a feed by outcome"),
            Metric::FeedFetchSeconds => ("feed_fetch_seconds", Histogram, FEED, "How long fetches of a feed took"),
            Metric::FeedWatermark => (
                "feed_watermark_timestamp_seconds",
                Gauge,
                FEED,
                "How far a feed's rows reach without a gap, in seconds since 1970",
            ),
            Metric::FeedDue => (
                "feed_due_timestamp_seconds",
                Gauge,
                FEED,
                "When a feed's next rows are late, by its cadence, its lateness and the service hours, in seconds since 1970",
            ),
            Metric::FeedRows => ("feed_rows", Counter, FEED, "Rows that a feed brought"),
            Metric::FeedRejectedRows => {
                ("feed_rejected_rows", Counter, FEED_REASON, "Rows of a feed that were set aside")
            }
            Metric::Reconciles => ("reconciles", Counter, RECONCILE, "Reconciles by kind and outcome"),
            Metric::ReconcileSeconds => ("reconcile_seconds", Histogram, KIND, "How long reconciles took"),
            Metric::SlowReconciles => (
                "slow_reconciles",
                Counter,
                KIND,
                "Reconciles by kind that read and judged for over 30 s, and let others go first after each further page of rows",
            ),
            Metric::ApiWrites => ("api_writes", Counter, WRITE, "Writes to the API server by kind and what"),
            Metric::Alerts => (
                "alerts",
                Counter,
                ALERT,
                "Messages about alerts by kind of sink and outcome: delivered, failed (tried again) or given_up",
            ),
            Metric::AlertOutbox => ("alert_outbox", Gauge, NONE, "Messages about alerts that wait for delivery"),
            Metric::ClockRehearsal => {
                ("clock_rehearsal", Gauge, NONE, "1 while the operator runs on a rehearsal clock, 0 otherwise")
            }
            Metric::EvidenceFree => {
                ("evidence_volume_free_bytes", Gauge, NONE, "Bytes that are free on the volume of the evidence")
            }
            Metric::EvidenceReserve => {
                ("evidence_volume_reserve_bytes", Gauge, NONE, "Free bytes below which the store refuses rows")
            }
            Metric::ClockDifference => (
                "clock_difference_seconds",
                Gauge,
                NONE,
                "How far the operator's clock is ahead of the API server's, in seconds",
            ),
            Metric::EvidenceMemory => (
                "evidence_memory_bytes",
                Gauge,
                KIND,
                "Memory held for evidence by kind: rows, and judgements for the results computed from them",
            ),
            Metric::EvidenceMemoryLimit => (
                "evidence_memory_limit_bytes",
                Gauge,
                NONE,
                "Memory for evidence beyond which rows are let go and read again when they are needed",
            ),
        };
        MetricDefinition { name, kind, labels, help }
    }

    /// The name in the registry.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it shows.
    pub const fn help(self) -> &'static str {
        self.definition().help
    }

    /// The names of its series as a query writes them: `bpo_kpi_value`, `bpo_reconciles_total`, `bpo_feed_fetch_seconds_bucket`.
    pub fn series(self) -> Vec<String> {
        let MetricDefinition { name, kind, .. } = self.definition();
        match kind {
            MetricKind::Gauge => vec![format!("bpo_{name}")],
            MetricKind::Counter => vec![format!("bpo_{name}_total")],
            MetricKind::Histogram => ["bucket", "sum", "count"].map(|part| format!("bpo_{name}_{part}")).to_vec(),
        }
    }
}
