//! The operator's metrics. The series of a deleted object go with it.

mod collectors;
mod series;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use self::collectors::MemoryUse;
use self::collectors::{EvidenceMemory, Memory, Objects, Rejected, Rejections};
use self::series::{AlertLabels, FeedOutcomeLabels, KindLabels, ReconcileLabels, WriteLabels};
pub use self::series::{ContractLabels, ContractSeries, FeedLabels, KpiLabels, KpiSeries, LaunchSeries, ObjectSeries};
use super::catalogue::Metric;
use crate::api::condition::closed_enum;
use crate::evidence::RejectionReason;

closed_enum! {
    /// How a reconcile ended. Unreadable: the object cannot be decoded, and an Event says so.
    Outcome { Completed, Skipped, Unreadable, Conflict, Failed }
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

#[cfg(test)]
mod tests;
