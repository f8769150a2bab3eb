//! What is read at each scrape: the series of the objects that exist, and the memory that evidence takes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::series::{
    ContractLabels, ContractSeries, CreditLabels, FeedLabels, GateLabels, KindLabels, KpiLabels, KpiSeries,
    LaunchLabels, LaunchSeries, ObjectSeries, VerdictLabels,
};
use crate::evidence::RejectionReason;
use crate::web::catalogue::Metric;

/// How many rows of a feed were rejected, in the order of the reasons: a series for each reason would hold the feed's labels that often.
pub(super) type Rejections = [u64; RejectionReason::ALL.len()];

/// Shows how many rows of each feed were rejected, by reason.
pub(super) struct Rejected(pub(super) Arc<RwLock<BTreeMap<FeedLabels, Rejections>>>);

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
pub(super) type EvidenceMemory = Arc<RwLock<Option<(usize, MemoryUse)>>>;

/// Shows how much memory evidence takes.
pub(super) struct Memory(pub(super) EvidenceMemory);

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
pub(super) struct Objects(pub(super) Arc<RwLock<BTreeMap<String, ObjectSeries>>>);

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
