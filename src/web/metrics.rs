//! The operator's metrics. The series of a deleted object go with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::catalogue::Metric;
use crate::api::condition::closed_enum;
use crate::evidence::RejectionReason;

closed_enum! {
    /// How a reconcile ended. Unreadable: the object cannot be decoded, and an Event says so.
    Outcome { Completed, Skipped, Unreadable, Conflict, Failed }
}

/// Labels of a KPI's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct KpiLabels {
    /// Namespace of the KpiTarget.
    pub namespace: String,
    /// Name of its contract.
    pub contract: String,
    /// Name of the KpiTarget.
    pub kpi_target: String,
    /// The catalogue KPI.
    pub kpi: String,
    /// The tier; empty for the whole.
    pub tier: String,
    /// Which period it is of: Running or Closed, the latest closed one.
    pub period: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    namespace: String,
    contract: String,
    kpi_target: String,
    kpi: String,
    tier: String,
    verdict: String,
}

/// Labels of a contract's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct ContractLabels {
    /// Namespace of the contract.
    pub namespace: String,
    /// Name of the contract.
    pub contract: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CreditLabels {
    namespace: String,
    contract: String,
    state: String,
}

/// Labels of a feed's series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct FeedLabels {
    /// Namespace of the contract.
    pub namespace: String,
    /// Name of the contract.
    pub contract: String,
    /// Name of the feed.
    pub feed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedOutcomeLabels {
    namespace: String,
    contract: String,
    feed: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    kind: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: String,
    what: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    sink: String,
    outcome: String,
}

/// One KPI, or one tier's part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiSeries {
    /// Whose figures these are.
    pub labels: KpiLabels,
    /// The value of its period.
    pub value: Option<f64>,
    /// The target in force.
    pub target: Option<f64>,
    /// The value that the running period is projected to end with.
    pub projected: Option<f64>,
    /// How far its two sources lie apart.
    pub sources_apart: Option<f64>,
    /// Whether the running period is at risk; `None` where that is unknown, and for tiers.
    pub at_risk: Option<bool>,
    /// The verdict of the latest closed period.
    pub verdict: Option<String>,
}

/// One contract.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractSeries {
    /// Whose figures these are.
    pub labels: ContractLabels,
    /// Score of the latest closed period.
    pub score: Option<f64>,
    /// Credit of the latest closed period, and its state.
    pub credit: Option<(String, f64)>,
    /// Whether the contract is compliant; `None` where that is unknown.
    pub compliant: Option<bool>,
    /// Whether every Final report follows from the evidence; `None` where that is not known yet.
    pub consistent: Option<bool>,
    /// How far each feed reaches, in seconds since 1970.
    pub watermarks: Vec<(FeedLabels, f64)>,
    /// When the next rows of each feed are late, in seconds since 1970; without those that are waited for no longer.
    pub due: Vec<(FeedLabels, f64)>,
}

/// One launch.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LaunchSeries {
    /// Namespace of the launch.
    pub namespace: String,
    /// Name of the launch.
    pub launch: String,
    /// The decision.
    pub decision: Option<String>,
    /// Gates by name and state.
    pub gates: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaunchLabels {
    namespace: String,
    launch: String,
    decision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GateLabels {
    namespace: String,
    launch: String,
    gate: String,
    state: String,
}

/// The series of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectSeries {
    /// A KpiTarget and its tiers.
    Kpi(Vec<KpiSeries>),
    /// A VendorContract.
    Contract(ContractSeries),
    /// A CampaignLaunch.
    Launch(LaunchSeries),
}

/// All metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: RwLock<Registry>,
    objects: Arc<RwLock<BTreeMap<String, ObjectSeries>>>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Family<KindLabels, Histogram>,
    slow_reconciles: Family<KindLabels, Counter>,
    api_writes: Family<WriteLabels, Counter>,
    fetches: Family<FeedOutcomeLabels, Counter>,
    fetch_seconds: Family<FeedLabels, Histogram>,
    rows: Family<FeedLabels, Counter>,
    rejected_rows: Arc<RwLock<BTreeMap<FeedLabels, Rejections>>>,
    alerts: Family<AlertLabels, Counter>,
    alert_outbox: Gauge,
    clock_difference: Gauge,
    evidence_free: Gauge,
    evidence_reserve: Gauge,
    memory: EvidenceMemory,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(false)
    }
}

impl Metrics {
    /// Fresh metrics; `rehearsal` says whether the operator runs on a rehearsal clock, which a metric shows.
    pub fn new(rehearsal: bool) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let inner = Inner {
            registry: RwLock::new(Registry::with_prefix("bpo")),
            objects: Arc::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(histogram),
            slow_reconciles: Family::default(),
            api_writes: Family::default(),
            fetches: Family::default(),
            fetch_seconds: Family::new_with_constructor(histogram),
            rows: Family::default(),
            rejected_rows: Arc::default(),
            alerts: Family::default(),
            alert_outbox: Gauge::default(),
            clock_difference: Gauge::default(),
            evidence_free: Gauge::default(),
            evidence_reserve: Gauge::default(),
            memory: Arc::default(),
        };
        inner.register(rehearsal);
        Metrics(Arc::new(inner))
    }

    /// Counts a reconcile of a kind and how long it took.
    pub fn reconciled(&self, kind: &str, outcome: Outcome, seconds: f64) {
        let outcome = outcome.as_str().to_lowercase();
        self.0.reconciles.get_or_create(&ReconcileLabels { kind: kind.to_owned(), outcome }).inc();
        self.0.reconcile_seconds.get_or_create(&KindLabels { kind: kind.to_owned() }).observe(seconds);
    }

    /// Counts a reconcile of a kind that took long.
    pub fn slow_reconcile(&self, kind: &str) {
        self.0.slow_reconciles.get_or_create(&KindLabels { kind: kind.to_owned() }).inc();
    }

    /// Counts a write to the API server: what (status, object, delete) of which kind.
    pub fn api_write(&self, kind: &str, what: &str) {
        let labels = WriteLabels { kind: kind.to_owned(), what: what.to_owned() };
        self.0.api_writes.get_or_create(&labels).inc();
    }

    /// Counts a message about an alert by the kind of its sink and what became of it.
    pub fn alert(&self, sink: &str, outcome: &str) {
        let labels = AlertLabels { sink: sink.to_owned(), outcome: outcome.to_owned() };
        self.0.alerts.get_or_create(&labels).inc();
    }

    /// Shows how much memory evidence takes by kind, asked for at each scrape, and how much it may take.
    pub fn evidence_memory(&self, limit: usize, used: MemoryUse) {
        *self.0.memory.write().unwrap_or_else(PoisonError::into_inner) = Some((limit, used));
    }

    /// Shows how many messages about alerts wait.
    pub fn alerts_waiting(&self, waiting: usize) {
        self.0.alert_outbox.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Shows how far this machine's clock is ahead of the API server's, in seconds.
    pub fn clock_ahead(&self, seconds: i64) {
        self.0.clock_difference.set(seconds);
    }

    /// Shows how much room the volume of the evidence has, and below how much rows are refused, in bytes.
    pub fn evidence_room(&self, free: u64, reserve: u64) {
        self.0.evidence_free.set(i64::try_from(free).unwrap_or(i64::MAX));
        self.0.evidence_reserve.set(i64::try_from(reserve).unwrap_or(i64::MAX));
    }

    /// Counts a fetch of a feed, its outcome (a condition reason), how long it took and what rows came.
    pub fn fetched(&self, feed: &FeedLabels, outcome: &str, seconds: f64, rows: u64, rejected: &BTreeMap<String, u64>) {
        let FeedLabels { namespace, contract, feed: name } = feed.clone();
        let labels = FeedOutcomeLabels { namespace, contract, feed: name, outcome: outcome.to_owned() };
        self.0.fetches.get_or_create(&labels).inc();
        self.0.fetch_seconds.get_or_create(feed).observe(seconds);
        self.0.rows.get_or_create(feed).inc_by(rows);
        if rejected.is_empty() {
            return;
        }
        let mut feeds = self.0.rejected_rows.write().unwrap_or_else(PoisonError::into_inner);
        let counted = feeds.entry(feed.clone()).or_default();
        for (known, reason) in counted.iter_mut().zip(RejectionReason::ALL) {
            *known += rejected.get(reason.as_str()).copied().unwrap_or(0);
        }
    }

    /// Begins the counters of a feed at zero: to Prometheus a count that begins with its first event is not an increase.
    pub fn feed_is_known(&self, feed: &FeedLabels) {
        drop(self.0.rows.get_or_create(feed));
        let mut feeds = self.0.rejected_rows.write().unwrap_or_else(PoisonError::into_inner);
        feeds.entry(feed.clone()).or_default();
    }

    /// Sets the series of the object with this UID.
    pub fn set_object(&self, uid: &str, series: ObjectSeries) {
        let mut objects = self.0.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.insert(uid.to_owned(), series);
    }

    /// Takes away the series of the object with this UID.
    pub fn remove_object(&self, uid: &str) {
        self.0.objects.write().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Takes away the counters of a contract's feeds.
    pub fn remove_feeds(&self, namespace: &str, contract: &str, feeds: &[String]) {
        for feed in feeds {
            let labels =
                FeedLabels { namespace: namespace.to_owned(), contract: contract.to_owned(), feed: feed.clone() };
            self.0.fetch_seconds.remove(&labels);
            self.0.rows.remove(&labels);
            for outcome in crate::api::condition::Reason::ALL {
                self.0.fetches.remove(&FeedOutcomeLabels {
                    namespace: namespace.to_owned(),
                    contract: contract.to_owned(),
                    feed: feed.clone(),
                    outcome: outcome.as_str().to_owned(),
                });
            }
            self.0.rejected_rows.write().unwrap_or_else(PoisonError::into_inner).remove(&labels);
        }
    }

    /// All metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a label or number cannot be written, which the types rule out.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let registry = self.0.registry.read().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Inner {
    fn register(&self, rehearsal: bool) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        let clock: prometheus_client::metrics::gauge::Gauge = Default::default();
        clock.set(i64::from(rehearsal));
        registry.register(Metric::ClockRehearsal.name(), Metric::ClockRehearsal.help(), clock);
        registry.register(Metric::Reconciles.name(), Metric::Reconciles.help(), self.reconciles.clone());
        registry.register(
            Metric::ReconcileSeconds.name(),
            Metric::ReconcileSeconds.help(),
            self.reconcile_seconds.clone(),
        );
        registry.register(Metric::SlowReconciles.name(), Metric::SlowReconciles.help(), self.slow_reconciles.clone());
        registry.register(Metric::ApiWrites.name(), Metric::ApiWrites.help(), self.api_writes.clone());
        registry.register(Metric::FeedFetches.name(), Metric::FeedFetches.help(), self.fetches.clone());
        registry.register(Metric::FeedFetchSeconds.name(), Metric::FeedFetchSeconds.help(), self.fetch_seconds.clone());
        registry.register(Metric::FeedRows.name(), Metric::FeedRows.help(), self.rows.clone());
        registry.register(Metric::Alerts.name(), Metric::Alerts.help(), self.alerts.clone());
        registry.register(Metric::AlertOutbox.name(), Metric::AlertOutbox.help(), self.alert_outbox.clone());
        registry.register(
            Metric::ClockDifference.name(),
            Metric::ClockDifference.help(),
            self.clock_difference.clone(),
        );
        registry.register(Metric::EvidenceFree.name(), Metric::EvidenceFree.help(), self.evidence_free.clone());
        registry.register(
            Metric::EvidenceReserve.name(),
            Metric::EvidenceReserve.help(),
            self.evidence_reserve.clone(),
        );
        registry.register_collector(Box::new(Rejected(self.rejected_rows.clone())));
        registry.register_collector(Box::new(Objects(self.objects.clone())));
        registry.register_collector(Box::new(Memory(self.memory.clone())));
    }
}

/// How many rows of a feed were rejected, in the order of the reasons: a series for each reason would hold the feed's labels that often.
type Rejections = [u64; RejectionReason::ALL.len()];

/// Shows how many rows of each feed were rejected, by reason.
struct Rejected(Arc<RwLock<BTreeMap<FeedLabels, Rejections>>>);

impl fmt::Debug for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rejected")
    }
}

impl Collector for Rejected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let feeds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if feeds.is_empty() {
            return Ok(());
        }
        let metric = Metric::FeedRejectedRows;
        let mut family = encoder.encode_descriptor(metric.name(), metric.help(), None, MetricType::Counter)?;
        for (FeedLabels { namespace, contract, feed }, counted) in feeds.iter() {
            for (reason, count) in RejectionReason::ALL.iter().zip(counted) {
                let labels = [
                    ("namespace", namespace.as_str()),
                    ("contract", contract.as_str()),
                    ("feed", feed.as_str()),
                    ("reason", reason.as_str()),
                ];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Shows how many bytes each kind of what is held takes now.
pub type MemoryUse = Arc<dyn Fn() -> Vec<(&'static str, usize)> + Send + Sync>;

/// The most bytes that evidence may take, and who knows how many it takes.
type EvidenceMemory = Arc<RwLock<Option<(usize, MemoryUse)>>>;

/// Shows how much memory evidence takes.
struct Memory(EvidenceMemory);

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memory")
    }
}

impl Collector for Memory {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let memory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some((limit, used)) = memory.as_ref() else { return Ok(()) };
        let used = used().into_iter().map(|(kind, bytes)| (KindLabels { kind: kind.to_owned() }, bytes as f64));
        gauge(&mut encoder, Metric::EvidenceMemory, used)?;
        let metric = Metric::EvidenceMemoryLimit;
        let family = encoder.encode_descriptor(metric.name(), metric.help(), None, MetricType::Gauge)?;
        ConstGauge::new(*limit as f64).encode(family)
    }
}

/// Shows the series of the objects that exist.
struct Objects(Arc<RwLock<BTreeMap<String, ObjectSeries>>>);

impl fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Objects")
    }
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let objects = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let kpis: Vec<&KpiSeries> = objects
            .values()
            .filter_map(|series| if let ObjectSeries::Kpi(kpis) = series { Some(kpis) } else { None })
            .flatten()
            .collect();
        type Figure = fn(&KpiSeries) -> Option<f64>;
        let figures: [(Metric, Figure); 5] = [
            (Metric::KpiValue, |kpi| kpi.value),
            (Metric::KpiTarget, |kpi| kpi.target),
            (Metric::KpiProjected, |kpi| kpi.projected),
            (Metric::KpiSourcesApart, |kpi| kpi.sources_apart),
            (Metric::KpiAtRisk, |kpi| kpi.at_risk.map(|at_risk| if at_risk { 1.0 } else { 0.0 })),
        ];
        for (metric, figure) in figures {
            let samples = kpis.iter().filter_map(|kpi| figure(kpi).map(|value| (kpi.labels.clone(), value)));
            gauge(&mut encoder, metric, samples)?;
        }
        let verdicts = kpis.iter().filter_map(|kpi| Some((verdict_labels(&kpi.labels, kpi.verdict.as_ref()?), 1.0)));
        gauge(&mut encoder, Metric::KpiVerdict, verdicts)?;
        encode_contracts(&mut encoder, &objects)?;
        encode_launches(&mut encoder, &objects)
    }
}

fn encode_contracts(
    encoder: &mut DescriptorEncoder<'_>,
    objects: &BTreeMap<String, ObjectSeries>,
) -> Result<(), fmt::Error> {
    let contracts: Vec<&ContractSeries> = objects
        .values()
        .filter_map(|series| if let ObjectSeries::Contract(contract) = series { Some(contract) } else { None })
        .collect();
    let scores = contracts.iter().filter_map(|contract| Some((contract.labels.clone(), contract.score?)));
    gauge(encoder, Metric::ContractScore, scores)?;
    let credits = contracts.iter().filter_map(|contract| {
        let (state, amount) = contract.credit.as_ref()?;
        let ContractLabels { namespace, contract } = contract.labels.clone();
        Some((CreditLabels { namespace, contract, state: state.clone() }, *amount))
    });
    gauge(encoder, Metric::ContractCredit, credits)?;
    let compliant = contracts
        .iter()
        .filter_map(|contract| Some((contract.labels.clone(), if contract.compliant? { 1.0 } else { 0.0 })));
    gauge(encoder, Metric::ContractCompliant, compliant)?;
    let consistent = contracts
        .iter()
        .filter_map(|contract| Some((contract.labels.clone(), if contract.consistent? { 1.0 } else { 0.0 })));
    gauge(encoder, Metric::ContractConsistent, consistent)?;
    let watermarks = contracts.iter().flat_map(|contract| contract.watermarks.iter().cloned());
    gauge(encoder, Metric::FeedWatermark, watermarks)?;
    gauge(encoder, Metric::FeedDue, contracts.iter().flat_map(|contract| contract.due.iter().cloned()))
}

fn encode_launches(
    encoder: &mut DescriptorEncoder<'_>,
    objects: &BTreeMap<String, ObjectSeries>,
) -> Result<(), fmt::Error> {
    let launches: Vec<&LaunchSeries> = objects
        .values()
        .filter_map(|series| if let ObjectSeries::Launch(launch) = series { Some(launch) } else { None })
        .collect();
    let decisions = launches.iter().filter_map(|launch| {
        let (namespace, name) = (launch.namespace.clone(), launch.launch.clone());
        Some((LaunchLabels { namespace, launch: name, decision: launch.decision.clone()? }, 1.0))
    });
    gauge(encoder, Metric::LaunchDecision, decisions)?;
    let gates = launches.iter().flat_map(|launch| {
        launch.gates.iter().map(|(gate, state)| {
            let (namespace, name) = (launch.namespace.clone(), launch.launch.clone());
            (GateLabels { namespace, launch: name, gate: gate.clone(), state: state.clone() }, 1.0)
        })
    });
    gauge(encoder, Metric::LaunchGateState, gates)
}

fn verdict_labels(labels: &KpiLabels, verdict: &str) -> VerdictLabels {
    let KpiLabels { namespace, contract, kpi_target, kpi, tier, period: _ } = labels.clone();
    VerdictLabels { namespace, contract, kpi_target, kpi, tier, verdict: verdict.to_owned() }
}

fn gauge<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: Metric,
    samples: impl Iterator<Item = (L, f64)>,
) -> Result<(), fmt::Error> {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut family: MetricEncoder<'_> =
        encoder.encode_descriptor(metric.name(), metric.help(), None, MetricType::Gauge)?;
    for (labels, value) in samples {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metrics in which every series has a sample.
    fn full() -> Metrics {
        let metrics = Metrics::new(false);
        let text = |text: &str| text.to_owned();
        let kpi = KpiSeries {
            labels: KpiLabels {
                namespace: text("a"),
                contract: text("acme"),
                kpi_target: text("level"),
                kpi: text("ServiceLevel"),
                tier: text(""),
                period: text("Running"),
            },
            value: Some(78.4),
            target: Some(80.0),
            projected: Some(79.0),
            sources_apart: Some(1.5),
            at_risk: Some(true),
            verdict: Some(text("Missed")),
        };
        let feed = FeedLabels { namespace: text("a"), contract: text("acme"), feed: text("acd") };
        let contract = ContractSeries {
            labels: ContractLabels { namespace: text("a"), contract: text("acme") },
            score: Some(91.3),
            credit: Some((text("Final"), 2000.0)),
            compliant: Some(false),
            consistent: Some(true),
            watermarks: vec![(feed.clone(), 1.0)],
            due: vec![(feed.clone(), 2.0)],
        };
        let launch = LaunchSeries {
            namespace: text("a"),
            launch: text("winter"),
            decision: Some(text("Go")),
            gates: vec![(text("ivr"), text("Passed"))],
        };
        metrics.set_object("kpi", ObjectSeries::Kpi(vec![kpi]));
        metrics.set_object("contract", ObjectSeries::Contract(contract));
        metrics.set_object("launch", ObjectSeries::Launch(launch));
        metrics.reconciled("KpiTarget", Outcome::Completed, 0.1);
        metrics.slow_reconcile("VendorContract");
        metrics.alert("webhook", "delivered");
        metrics.alerts_waiting(1);
        metrics.evidence_memory(1, Arc::new(|| vec![("rows", 1)]));
        metrics.api_write("KpiTarget", "status");
        metrics.fetched(&feed, "Fetched", 0.1, 1, &BTreeMap::from([(text("Overlap"), 1)]));
        metrics
    }

    #[test]
    fn the_table_of_metrics_is_what_is_shown_with_its_labels_and_nothing_else() {
        let shown = full().encode().unwrap();
        let mut told = std::collections::BTreeSet::new();
        for line in shown.lines().filter(|line| !line.starts_with('#')) {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
            let labels: Vec<&str> = match rest.strip_prefix('{') {
                Some(rest) => {
                    rest.split_once('}').unwrap().0.split(',').map(|label| label.split_once('=').unwrap().0).collect()
                }
                None => Vec::new(),
            };
            let metric = Metric::ALL.iter().find(|metric| metric.series().contains(&name.to_owned()));
            let definition = metric.unwrap_or_else(|| panic!("{name} is not in the table")).definition();
            let own: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
            assert_eq!(own, definition.labels, "{name}");
            told.insert(name.to_owned());
        }
        for metric in Metric::ALL {
            assert!(metric.series().iter().all(|series| told.contains(series)), "{metric} is not shown:\n{shown}");
        }
    }

    #[test]
    fn a_feed_is_counted_from_zero_and_its_counters_go_with_it() {
        let metrics = Metrics::new(false);
        let feed = FeedLabels { namespace: "a".into(), contract: "acme".into(), feed: "acd".into() };
        metrics.feed_is_known(&feed);
        let line = |count: u64| {
            format!(
                "bpo_feed_rejected_rows_total{{namespace=\"a\",contract=\"acme\",feed=\"acd\",reason=\"Overlap\"}} {count}"
            )
        };
        assert!(metrics.encode().unwrap().contains(&line(0)));
        metrics.fetched(&feed, "Fetched", 0.1, 1, &BTreeMap::from([("Overlap".to_owned(), 3)]));
        metrics.feed_is_known(&feed);
        assert!(metrics.encode().unwrap().contains(&line(3)), "what is known already is not counted anew");
        metrics.remove_feeds("a", "acme", &["acd".to_owned()]);
        assert!(!metrics.encode().unwrap().contains("acme"));
    }

    #[test]
    fn the_series_of_a_removed_object_go_with_it() {
        let metrics = Metrics::new(true);
        let labels = ContractLabels { namespace: "a".into(), contract: "acme".into() };
        let series = ContractSeries {
            labels,
            score: Some(91.3),
            credit: Some(("Final".into(), 2000.0)),
            compliant: Some(false),
            consistent: Some(true),
            watermarks: Vec::new(),
            due: Vec::new(),
        };
        metrics.set_object("uid", ObjectSeries::Contract(series));
        metrics.api_write("VendorContract", "status");
        let text = metrics.encode().unwrap();
        for line in [
            "bpo_contract_score{namespace=\"a\",contract=\"acme\"} 91.3",
            "bpo_contract_credit{namespace=\"a\",contract=\"acme\",state=\"Final\"} 2000.0",
            "bpo_contract_compliant{namespace=\"a\",contract=\"acme\"} 0.0",
            "bpo_api_writes_total{kind=\"VendorContract\",what=\"status\"} 1",
            "bpo_clock_rehearsal 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        metrics.remove_object("uid");
        assert!(!metrics.encode().unwrap().contains("acme"));
    }
}
