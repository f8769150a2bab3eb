//! `kubectl bpo evaluate`: the operator's own judgement without a cluster.
//!
//! gather (manifests, files) → [`view`] (pure) → print.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::holdings::FilesOf;
use super::manifests::{Key, Manifests};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::api::feed::Feed;
use crate::api::kpi_target::{KpiClass, KpiTargetStatus, Verdict};
use crate::api::service_tier::ServiceTierStatus;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::VendorContractStatus;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, Shared, VendorContract};
use crate::domain::decision::contract::{ObservedContract, acknowledgement_of, decide_contract, latest_report};
use crate::domain::decision::kpi_target::{ObservedKpiTarget, decide_kpi_target};
use crate::domain::decision::launch::decide_launch;
use crate::domain::decision::launch::observed::{LaunchContract, ObservedLaunch, OtherLaunch, Past};
use crate::domain::decision::service_tier::{ObservedServiceTier, decide_service_tier};
use crate::domain::holdings::{
    FeedHealth, HeldContract, Holdings, Judged, WrittenKpi, feeds_with_lateness, observe_contract, observe_kpi,
    observe_launch, observe_tier, terms,
};
use crate::domain::judgement::breakdowns::{Breakdowns, break_down};
use crate::domain::judgement::outcome::{Judgement, NOTHING_SAID};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::RowsByFeed;
use crate::domain::settlement::reports::report_name;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::disputes;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{Journal, ThresholdsSaid, decision_in_contract};
use crate::domain::terms::relief::unseen;
use crate::domain::terms::validation::{validate_contract, validate_service_tier};

/// A file for a feed: `[CONTRACT/]NAME=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// The contract, where it is named.
    pub contract: Option<String>,
    /// The feed.
    pub feed: String,
    /// The file.
    pub file: PathBuf,
}

impl std::str::FromStr for FeedFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("{text:?} is not [CONTRACT/]NAME=FILE, such as acd=intervals.json or acme-care/acd=intervals.json")
        };
        let (name, file) = text.split_once('=').ok_or_else(error)?;
        let (contract, feed) = match name.split_once('/') {
            Some((contract, feed)) => (Some(contract.to_owned()), feed),
            None => (None, name),
        };
        if feed.is_empty() || file.is_empty() || contract.as_ref().is_some_and(String::is_empty) {
            return Err(error());
        }
        Ok(FeedFile { contract, feed: feed.to_owned(), file: file.into() })
    }
}

/// Rows by contract and feed.
pub type RowsByContract = BTreeMap<(String, String), RowsByFeed>;

/// What the evidence of a contract holds in addition to rows, where there is evidence.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The terms under which periods closed.
    pub closings: BTreeMap<String, Shared<Terms>>,
    /// The facts of the journal, where there is one.
    pub journal: Option<Journal>,
    /// Each version of the terms that the contract was judged under.
    pub terms: Vec<Terms>,
    /// By which times the files of feeds say that they count, by feed.
    pub said: BTreeMap<String, ThresholdsSaid>,
}

/// What evidence holds by contract.
pub type RecordsByContract = BTreeMap<(String, String), Recorded>;

/// What would be in the cluster.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The contracts with their statuses.
    pub contracts: BTreeMap<Key, VendorContract>,
    /// The tiers with their statuses.
    pub tiers: BTreeMap<Key, ServiceTier>,
    /// The KPIs with their statuses.
    pub kpis: BTreeMap<Key, KpiTarget>,
    /// The launches with their statuses.
    pub launches: BTreeMap<Key, CampaignLaunch>,
    /// Every object as it was written, with its status, in the order contracts, tiers, KPIs, launches.
    pub objects: Vec<Value>,
    /// The SlaReports: name, namespace, spec.
    pub reports: Vec<(String, String, SlaReportSpec)>,
    /// What was judged of each contract.
    pub judged: BTreeMap<Key, Judged>,
    /// Whether a Critical-class KPI, dry runs left out, is Missed in its latest closed period.
    pub missed: bool,
}

/// Computes every status and report at `now`. Pure: nothing is read and nothing is asked.
pub fn view(manifests: &Manifests, rows: &RowsByContract, now: Timestamp) -> View {
    view_of_records(manifests, rows, &RecordsByContract::new(), now)
}

/// The same for contracts whose evidence is at hand.
pub fn view_of_records(
    manifests: &Manifests,
    rows: &RowsByContract,
    records: &RecordsByContract,
    now: Timestamp,
) -> View {
    let input = Input { manifests, rows, records };
    let judged = input.judge_all(now);
    let mut view = View::default();
    for ((namespace, _), judgement) in judged.iter().filter_map(|(key, judged)| Some((key, judged.judgement()?))) {
        view.missed |= latest_report(judgement).is_some_and(|report| missed_critical(&report));
        view.reports.extend(judgement.whole_reports().map(|report| {
            (
                namespace.clone(),
                report_name(&report.contract, &report.period.name, report.revision),
                report.into_inner(),
            )
        }));
    }
    // A contract shows what its launches have come to, and launches are judged from what was judged of the contracts.
    view.launches = input.launches(&judged, now);
    for (key, written) in &manifests.contracts {
        let files = input.files(&key.0, &judged, Some(&view.launches));
        let status = input.contract_status(files, &key.1, &written.object, now);
        view.objects.push(with_status(&written.document, &status));
        view.contracts.insert(key.clone(), VendorContract { status: Some(status), ..written.object.clone() });
    }
    for (key, written) in &manifests.tiers {
        let status = tier_status(input.files(&key.0, &judged, None), &key.1, &written.object, now);
        view.objects.push(with_status(&written.document, &status));
        view.tiers.insert(key.clone(), ServiceTier { status: Some(status), ..written.object.clone() });
    }
    for (key, written) in &manifests.kpis {
        let files = input.files(&key.0, &judged, None);
        let status = input.kpi_status(files, &key.1, &written.object, now);
        view.objects.push(with_status(&written.document, &status));
        view.kpis.insert(key.clone(), KpiTarget { status: Some(status), ..written.object.clone() });
    }
    for (key, written) in &manifests.launches {
        let status = view.launches.get(key).and_then(|launch| launch.status.as_ref());
        view.objects.push(with_status(&written.document, &status));
    }
    view.judged = judged;
    view
}

/// All that is judged from.
#[derive(Clone, Copy)]
struct Input<'a> {
    manifests: &'a Manifests,
    rows: &'a RowsByContract,
    records: &'a RecordsByContract,
}

impl<'a> Input<'a> {
    fn files(
        self,
        namespace: &'a str,
        judged: &'a BTreeMap<Key, Judged>,
        launches: Option<&'a BTreeMap<Key, CampaignLaunch>>,
    ) -> FilesOf<'a> {
        FilesOf { manifests: self.manifests, namespace, judged, launches }
    }

    /// The terms that a contract was judged under, as its evidence holds them.
    fn recorded(self, key: &Key) -> Vec<&'a Terms> {
        self.records.get(key).into_iter().flat_map(|recorded| &recorded.terms).collect()
    }

    /// What the rules say of every contract at an instant.
    fn judge_all(self, now: Timestamp) -> BTreeMap<Key, Judged> {
        let nothing = BTreeMap::new();
        let judged = self.manifests.contracts.iter().map(|(key, written)| {
            let files = self.files(&key.0, &nothing, None);
            let (terms, _) = terms(&files, &key.1, &written.object.spec, &self.recorded(key));
            let rows = self.rows.get(key);
            let judgement = judge_contract(&key.1, &terms, rows, self.records.get(key), now);
            let feeds = feeds_with_lateness(&terms, judgement.as_ref().ok(), &healths(&terms, rows, now), now);
            let judged = Judged { terms: Arc::new(terms), judgement: Arc::new(judgement), feeds: Arc::new(feeds) };
            (key.clone(), judged)
        });
        judged.collect()
    }

    /// Every launch with its status.
    fn launches(self, judged: &BTreeMap<Key, Judged>, now: Timestamp) -> BTreeMap<Key, CampaignLaunch> {
        let mut judged_at: BTreeMap<Timestamp, BTreeMap<Key, Judged>> = BTreeMap::new();
        let mut launches = BTreeMap::new();
        for (key, written) in &self.manifests.launches {
            let launch_at = written.object.spec.launch_at;
            // The operator keeps the decision of launchAt, and a journal has it. Without one it is made again here from what was known
            // then: nothing that came later may turn it.
            let kept = self.recorded_decision(key, &written.object.spec).or_else(|| {
                let then =
                    (launch_at < now).then(|| judged_at.entry(launch_at).or_insert_with(|| self.judge_all(launch_at)));
                self.launch_status(key, &written.object, then?, None, launch_at).decision
            });
            let status = self.launch_status(key, &written.object, judged, kept, now);
            launches.insert(key.clone(), CampaignLaunch { status: Some(status), ..written.object.clone() });
        }
        launches
    }

    /// The decision that the journal of a launch's first contract has.
    fn recorded_decision(self, key: &Key, spec: &CampaignLaunchSpec) -> Option<LaunchDecision> {
        let first = (key.0.clone(), spec.contract_refs.first()?.name.clone());
        let decisions = self.records.get(&first)?.journal.as_ref()?.launch_decisions();
        decisions.get(decision_in_contract(&key.1, spec.launch_at).as_str()).copied()
    }

    /// The status of a launch at an instant at which its contracts are judged as in `judged`.
    fn launch_status(
        self,
        key: &Key,
        launch: &CampaignLaunch,
        judged: &BTreeMap<Key, Judged>,
        kept_decision: Option<LaunchDecision>,
        now: Timestamp,
    ) -> CampaignLaunchStatus {
        let none = BTreeMap::new();
        let spec = &launch.spec;
        let held = observe_launch(&self.files(&key.0, judged, None), &key.1, spec);
        let contract_of = |spec: &CampaignLaunchSpec| {
            let first = spec.contract_refs.first().map(|first| (key.0.clone(), first.name.clone()));
            first.and_then(|first| self.rows.get(&first)).unwrap_or(&none)
        };
        let first = held.first.as_ref();
        let others = held.others.iter().map(|other| OtherLaunch {
            spec: &other.spec,
            contract: LaunchContract { terms: &other.first.terms, rows: contract_of(&other.spec) },
            kpis: other.kpis.clone(),
        });
        let observed = ObservedLaunch {
            generation: Some(1),
            previous: None,
            spec,
            invalid: held.invalid.clone(),
            unresolved: &held.unresolved,
            contract: first.map(|first| LaunchContract { terms: &first.terms, rows: contract_of(spec) }),
            kpis: held.kpis.clone(),
            kept_decision,
            past: Past::Known,
            awaited: &[],
            is_patient: false,
            others: others.collect(),
        };
        decide_launch(&observed, now).status
    }

    fn contract_status(
        self,
        files: FilesOf<'_>,
        name: &str,
        contract: &VendorContract,
        now: Timestamp,
    ) -> VendorContractStatus {
        let key = (files.namespace.to_owned(), name.to_owned());
        let HeldContract { terms, unresolved, launches } =
            observe_contract(&files, name, &contract.spec, &self.recorded(&key));
        let judged = files.judged(name);
        let not_judged = InvalidSpec(Vec::new());
        let judgement = judged.as_ref().map_or(Err(&not_judged), |judged| judged.judgement.as_ref().as_ref());
        let observed = ObservedContract {
            namespace: files.namespace,
            name,
            generation: Some(1),
            previous: None,
            feeds: healths(&terms, self.rows.get(&key), now),
            terms: &terms,
            judgement,
            unresolved: &unresolved,
            evidence_problem: None,
            no_room: None,
            contradicted: Vec::new(),
            launches,
            acknowledged: acknowledgement_of(contract.metadata.annotations.as_ref()),
            alert_sinks: Vec::new(),
        };
        decide_contract(&observed, now).status
    }

    fn kpi_status(self, files: FilesOf<'_>, name: &str, kpi: &KpiTarget, now: Timestamp) -> KpiTargetStatus {
        let KpiTarget { metadata, spec, status } = kpi;
        let recorded = self.recorded(&(files.namespace.to_owned(), spec.contract_ref.name.clone()));
        let written = WrittenKpi { name, spec, generation: metadata.generation, status: status.as_ref() };
        let held = observe_kpi(&files, &written, Some(&recorded));
        let observed = ObservedKpiTarget {
            name,
            generation: Some(1),
            previous: None,
            spec,
            invalid: held.invalid,
            unresolved: &held.unresolved,
            contract: &held.contract,
        };
        decide_kpi_target(&observed, now).status
    }
}

fn missed_critical(report: &SlaReportSpec) -> bool {
    report.kpis.iter().any(|line| line.class == KpiClass::Critical && !line.dry_run && line.verdict == Verdict::Missed)
}

fn judge_contract(
    name: &str,
    terms: &Terms,
    rows: Option<&RowsByFeed>,
    recorded: Option<&Recorded>,
    now: Timestamp,
) -> Result<Judgement, InvalidSpec> {
    let findings = validate_contract(name, &terms.contract);
    if !findings.is_empty() {
        return Err(InvalidSpec(findings));
    }
    with_facts(name, terms, rows, recorded, now, |facts| crate::domain::judgement::judge::judge(facts, now))
}

/// Hands on the facts that a contract is judged from at an instant.
fn with_facts<T>(
    name: &str,
    terms: &Terms,
    rows: Option<&RowsByFeed>,
    recorded: Option<&Recorded>,
    now: Timestamp,
    then: impl FnOnce(&ContractFacts<'_>) -> T,
) -> T {
    let (none, nothing) = (BTreeMap::new(), BTreeMap::new());
    // Relief that was decided and disputes that were raised since are seen now, as the operator would see them.
    let journal = recorded.and_then(|recorded| recorded.journal.as_ref()).map(|journal| {
        let relief = unseen(&terms.contract.relief, journal, false, now);
        let disputes = disputes::unseen(&terms.contract.disputes, journal, now);
        Journal { facts: [&journal.facts[..], &relief, &disputes].concat() }
    });
    let closed_under = recorded.map_or(&nothing, |recorded| &recorded.closings);
    let said = recorded.map_or(&NOTHING_SAID, |recorded| &recorded.said);
    let rows = rows.unwrap_or(&none);
    then(&ContractFacts { name, terms, closed_under, rows, journal: journal.as_ref(), said })
}

/// What the figures of a contract's reports, and of its running period, are made of; `None` where it cannot be judged.
pub fn break_down_contract(
    name: &str,
    terms: &Terms,
    (rows, recorded): (Option<&RowsByFeed>, Option<&Recorded>),
    reports: &[&SlaReportSpec],
    (now, running_at): (Timestamp, Timestamp),
) -> Option<Breakdowns> {
    if !validate_contract(name, &terms.contract).is_empty() {
        return None;
    }
    with_facts(name, terms, rows, recorded, now, |facts| break_down(facts, reports, now, running_at).ok())
}

/// The health of a contract's feeds: one with a file was fetched, and one without was not.
fn healths(terms: &Terms, rows: Option<&RowsByFeed>, now: Timestamp) -> BTreeMap<String, FeedHealth> {
    let health = |feed: &Feed| match rows.is_some_and(|rows| rows.contains_key(&feed.name)) {
        // A file holds all that there was.
        true => FeedHealth { message: "read from a file".to_owned(), ..FeedHealth::fetched_before(Some(now)) },
        false => FeedHealth { message: "no file was given".to_owned(), backfilling: false, ..FeedHealth::default() },
    };
    terms.contract.feeds.iter().map(|feed| (feed.name.clone(), health(feed))).collect()
}

fn tier_status(files: FilesOf<'_>, name: &str, tier: &ServiceTier, now: Timestamp) -> ServiceTierStatus {
    let held = observe_tier(&files, name);
    let invalid = validate_service_tier(name, &tier.spec);
    let observed = ObservedServiceTier {
        generation: Some(1),
        previous: None,
        spec: &tier.spec,
        invalid: (!invalid.is_empty()).then_some(InvalidSpec(invalid)),
        contracts: held.contracts,
        findings: held.findings,
        slices: held.slices,
    };
    decide_service_tier(&observed, now).status
}

fn with_status(document: &Value, status: &impl serde::Serialize) -> Value {
    let mut object = document.clone();
    if let (Some(members), Ok(status)) = (object.as_object_mut(), serde_json::to_value(status)) {
        members.insert("status".to_owned(), status);
    }
    object
}

/// A report as the object that would be in the cluster.
pub fn report_object(namespace: &str, name: &str, spec: &SlaReportSpec) -> Value {
    let labels = json!({crate::api::CONTRACT_LABEL: spec.contract});
    let metadata = match namespace {
        "" => json!({"name": name, "labels": labels}),
        namespace => json!({"name": name, "namespace": namespace, "labels": labels}),
    };
    json!({
        "apiVersion": format!("{}/{}", crate::api::GROUP, crate::api::VERSION),
        "kind": "SlaReport",
        "metadata": metadata,
        "spec": spec,
    })
}

/// The contract that a feed's file is for.
///
/// # Errors
/// When there is none, or more than one and the file does not say which.
pub fn contract_of_file(manifests: &Manifests, file: &FeedFile) -> Result<(String, String), String> {
    contract_of_feed(manifests, file.contract.as_deref(), &file.feed)
}

/// The contract that has a feed of this name.
///
/// # Errors
/// When there is none, or more than one and `contract` does not say which.
pub fn contract_of_feed(manifests: &Manifests, contract: Option<&str>, feed: &str) -> Result<(String, String), String> {
    let mut matching = manifests.contracts.iter().filter(|((_, name), written)| {
        contract.is_none_or(|contract| contract == name)
            && written.object.spec.feeds.iter().any(|known| known.name == feed)
    });
    match (matching.next(), matching.next()) {
        (Some((key, _)), None) => Ok(key.clone()),
        (None, _) => {
            let known: Vec<String> = manifests
                .contracts
                .values()
                .flat_map(|written| {
                    let name = written.object.name_any();
                    written.object.spec.feeds.iter().map(move |feed| format!("{name}/{}", feed.name))
                })
                .collect();
            Err(format!("--feed {feed}: no contract has that feed; there are: {}", known.join(", ")))
        }
        (Some(((_, first), _)), Some(((_, second), _))) => Err(format!(
            "--feed {feed}: both {first} and {second} have that feed: write {first}/{feed} or {second}/{feed}"
        )),
    }
}

#[cfg(test)]
mod tests;
