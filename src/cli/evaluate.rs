//! `kubectl bpo evaluate`: the operator's own judgement without a cluster.
//!
//! gather (manifests, files) → [`view`] (pure) → print.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::manifests::{Manifests, Written};
use crate::api::campaign_launch::{CampaignLaunchSpec, CampaignLaunchStatus, LaunchDecision};
use crate::api::condition::Reason;
use crate::api::feed::Feed;
use crate::api::kpi_target::{KpiClass, Verdict};
use crate::api::sla_report::SlaReportSpec;
use crate::api::{CampaignLaunch, KpiTarget, VendorContract, VendorContractSpec};
use crate::domain::decision::FeedHealth;
use crate::domain::decision::contract::{ObservedContract, decide_contract, latest_report};
use crate::domain::decision::counsel::LaunchOfContract;
use crate::domain::decision::kpi_target::{ContractOfKpi, ObservedKpiTarget, WrittenKpi, decide_kpi_target};
use crate::domain::decision::launch::{
    LaunchContract, ObservedLaunch, OtherLaunch, Past, decide_launch, feeds_named, kpis_named,
};
use crate::domain::decision::service_tier::{ObservedServiceTier, decide_service_tier, slices_of};
use crate::domain::disputes;
use crate::domain::facts::{ContractFacts, Finding, InvalidSpec, Judgement, KpiJudgement, Terms};
use crate::domain::feed_rows::RowsByFeed;
use crate::domain::journal::{Journal, decision_in_contract};
use crate::domain::relief::unseen;
use crate::domain::reports::report_name;
use crate::domain::validation::{
    validate_campaign_launch, validate_contract, validate_kpi_against_contract, validate_kpi_target,
    validate_service_tier,
};

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

/// What the evidence of a contract holds besides rows, where there is evidence.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The terms under which periods closed.
    pub closings: BTreeMap<String, Terms>,
    /// The facts of the journal.
    pub journal: Journal,
    /// Each version of the terms that the contract was judged under.
    pub terms: Vec<Terms>,
}

/// What evidence holds by contract.
pub type RecordsByContract = BTreeMap<(String, String), Recorded>;

/// What would stand in the cluster.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Every object with its status, in the order contracts, tiers, KPIs, launches.
    pub objects: Vec<Value>,
    /// The SlaReports: name, namespace, spec.
    pub reports: Vec<(String, String, SlaReportSpec)>,
    /// Terms by namespace and contract.
    pub terms: BTreeMap<(String, String), Terms>,
    /// Judgements by namespace and contract.
    pub judgements: BTreeMap<(String, String), Result<Judgement, InvalidSpec>>,
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
    let mut view = View::default();
    let mut missing_tiers = BTreeMap::new();
    for (key, written) in &manifests.contracts {
        let (terms, missing) = terms_of_contract(manifests, key, written, records.get(key));
        let judgement = judge_contract(&key.1, &terms, rows.get(key), records.get(key), now);
        if let Ok(judgement) = &judgement {
            view.missed |= latest_report(judgement).is_some_and(missed_critical);
            view.reports.extend(judgement.reports.iter().map(|report| {
                (key.0.clone(), report_name(&report.contract, &report.period.name, report.revision), report.clone())
            }));
        }
        view.judgements.insert(key.clone(), judgement);
        view.terms.insert(key.clone(), terms);
        missing_tiers.insert(key, missing);
    }
    // Contracts tell of their launches, and launches are judged from what was judged of the contracts.
    let launches = launch_statuses(manifests, &view, (rows, records), now);
    for (key, written) in &manifests.contracts {
        let (Some(terms), Some(judgement)) = (view.terms.get(key), view.judgements.get(key)) else { continue };
        let contract = ContractView {
            written,
            namespace: &key.0,
            name: &key.1,
            terms,
            missing_tiers: missing_tiers.remove(key).unwrap_or_default(),
            judgement,
            rows: rows.get(key),
            launches: launches_of(manifests, &launches, key),
        };
        let object = contract_object(contract, now);
        view.objects.push(object);
    }
    let terms_of = view.terms.clone();
    tier_objects(manifests, &terms_of, &mut view, now);
    for (key, written) in &manifests.kpis {
        let object = kpi_object(manifests, key, written, &view, (rows, records), now);
        view.objects.push(object);
    }
    for (key, written) in &manifests.launches {
        if let Some(status) = launches.get(key) {
            view.objects.push(with_status(&written.document, status));
        }
    }
    view
}

/// The status of every launch, by namespace and name.
fn launch_statuses(
    manifests: &Manifests,
    view: &View,
    (rows, records): (&RowsByContract, &RecordsByContract),
    now: Timestamp,
) -> BTreeMap<(String, String), CampaignLaunchStatus> {
    let mut views_at: BTreeMap<Timestamp, View> = BTreeMap::new();
    let mut statuses = BTreeMap::new();
    for (key, written) in &manifests.launches {
        let launch_at = written.object.spec.launch_at;
        let launch = LaunchView { manifests, rows, key, written };
        // The operator keeps the decision of launchAt, and a journal has it. Without one it is made again here from what was known
        // then: nothing that came later may turn it.
        let kept_decision = launch.recorded_decision(records).or_else(|| {
            let then = (launch_at < now)
                .then(|| views_at.entry(launch_at).or_insert_with(|| judged(manifests, (rows, records), launch_at)));
            launch.status(then?, None, launch_at).decision
        });
        statuses.insert(key.clone(), launch.status(view, kept_decision, now));
    }
    statuses
}

/// The terms and judgements of every contract at an instant, without any status.
fn judged(manifests: &Manifests, (rows, records): (&RowsByContract, &RecordsByContract), now: Timestamp) -> View {
    let mut view = View::default();
    for (key, written) in &manifests.contracts {
        let (terms, _) = terms_of_contract(manifests, key, written, records.get(key));
        view.judgements.insert(key.clone(), judge_contract(&key.1, &terms, rows.get(key), records.get(key), now));
        view.terms.insert(key.clone(), terms);
    }
    view
}

/// A launch among the manifests.
struct LaunchView<'a> {
    manifests: &'a Manifests,
    rows: &'a RowsByContract,
    key: &'a (String, String),
    written: &'a Written<CampaignLaunch>,
}

impl LaunchView<'_> {
    /// The decision that the journal of its first contract has.
    fn recorded_decision(&self, records: &RecordsByContract) -> Option<LaunchDecision> {
        let spec = &self.written.object.spec;
        let first = (self.key.0.clone(), spec.contract_refs.first()?.name.clone());
        let decisions = records.get(&first)?.journal.launch_decisions();
        decisions.get(decision_in_contract(&self.key.1, spec.launch_at).as_str()).copied()
    }

    /// Its status at an instant at which its contracts are judged as in `view`.
    fn status(&self, view: &View, kept: Option<LaunchDecision>, now: Timestamp) -> CampaignLaunchStatus {
        let LaunchView { manifests, rows, key, written } = self;
        let none = BTreeMap::new();
        let spec = &written.object.spec;
        let findings = validate_campaign_launch(&key.1, spec);
        let first = spec.contract_refs.first().map(|first| (key.0.clone(), first.name.clone()));
        let missing = |name: &String| !manifests.contracts.contains_key(&(key.0.clone(), name.clone()));
        let missing_kpi = |name: &String| !manifests.kpis.contains_key(&(key.0.clone(), name.clone()));
        let named = spec.contract_refs.iter().map(|reference| reference.name.clone());
        let observed = ObservedLaunch {
            generation: Some(1),
            previous: None,
            spec,
            invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
            missing_contracts: named.filter(missing).collect(),
            missing_kpis: kpis_named(spec).into_iter().filter(missing_kpi).collect(),
            missing_feeds: missing_feeds(manifests, first.as_ref(), spec),
            contract: first.as_ref().and_then(|first| {
                Some(LaunchContract { terms: view.terms.get(first)?, rows: rows.get(first).unwrap_or(&none) })
            }),
            kpis: judged_kpis(view, key, spec),
            kept_decision: kept,
            past: Past::Known,
            others: other_launches(manifests, view, key, rows, &none),
        };
        decide_launch(&observed, now).status
    }
}

fn missing_feeds(manifests: &Manifests, first: Option<&(String, String)>, spec: &CampaignLaunchSpec) -> Vec<String> {
    let Some(contract) = first.and_then(|first| manifests.contracts.get(first)) else { return Vec::new() };
    let has = |name: &String| contract.object.spec.feeds.iter().any(|feed| feed.name == *name);
    feeds_named(spec).into_iter().filter(|name| !has(name)).collect()
}

/// The other launches of a namespace whose first contract is there.
fn other_launches<'a>(
    manifests: &'a Manifests,
    view: &'a View,
    own: &(String, String),
    rows: &'a RowsByContract,
    none: &'a RowsByFeed,
) -> Vec<OtherLaunch<'a>> {
    let others = manifests.launches.iter().filter(|(key, _)| key.0 == own.0 && key.1 != own.1);
    others
        .filter(|(key, written)| validate_campaign_launch(&key.1, &written.object.spec).is_empty())
        .filter_map(|(key, written)| {
            let spec = &written.object.spec;
            let first = (key.0.clone(), spec.contract_refs.first()?.name.clone());
            let contract = LaunchContract { terms: view.terms.get(&first)?, rows: rows.get(&first).unwrap_or(none) };
            Some(OtherLaunch { spec, contract, kpis: judged_kpis(view, key, spec) })
        })
        .collect()
}

fn launches_of(
    manifests: &Manifests,
    statuses: &BTreeMap<(String, String), CampaignLaunchStatus>,
    (namespace, contract): &(String, String),
) -> BTreeMap<String, LaunchOfContract> {
    manifests
        .launches
        .iter()
        .filter(|((launch_namespace, _), written)| {
            launch_namespace == namespace
                && written.object.spec.contract_refs.iter().any(|reference| reference.name == *contract)
        })
        .map(|(key, written)| {
            let launch = LaunchOfContract { spec: written.object.spec.clone(), status: statuses.get(key).cloned() };
            (key.1.clone(), launch)
        })
        .collect()
}

fn missed_critical(report: &SlaReportSpec) -> bool {
    report.kpis.iter().any(|line| line.class == KpiClass::Critical && !line.dry_run && line.verdict == Verdict::Missed)
}

fn terms_of_contract(
    manifests: &Manifests,
    (namespace, name): &(String, String),
    written: &Written<VendorContract>,
    recorded: Option<&Recorded>,
) -> (Terms, Vec<String>) {
    let contract = written.object.spec.clone();
    let kpis = manifests
        .kpis
        .iter()
        .filter(|((kpi_namespace, kpi), written)| {
            let spec = &written.object.spec;
            kpi_namespace == namespace
                && spec.contract_ref.name == *name
                && validate_kpi_target(kpi, spec).is_empty()
                && validate_kpi_against_contract(kpi, spec, &contract).is_empty()
                && never_payable(kpi, written, &contract, recorded).is_empty()
        })
        .map(|((_, kpi), written)| (kpi.clone(), written.object.spec.clone()))
        .collect();
    let mut tiers = BTreeMap::new();
    let mut missing = Vec::new();
    for tier in &contract.tiers {
        match manifests.tiers.get(&(namespace.clone(), tier.clone())) {
            Some(written) => {
                tiers.insert(tier.clone(), written.object.spec.clone());
            }
            None => missing.push(tier.clone()),
        }
    }
    (Terms { contract, kpis, tiers }, missing)
}

fn never_payable(
    name: &str,
    written: &Written<KpiTarget>,
    contract: &VendorContractSpec,
    recorded: Option<&Recorded>,
) -> Vec<Finding> {
    let KpiTarget { metadata, spec, status } = &written.object;
    let written = WrittenKpi { name, spec, generation: metadata.generation, status: status.as_ref() };
    written.never_payable(contract, recorded.into_iter().flat_map(|recorded| &recorded.terms))
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
    let (none, nothing) = (BTreeMap::new(), BTreeMap::new());
    // Relief that was decided and disputes that were raised since are seen now, as the operator would see them.
    let journal = recorded.map(|Recorded { journal, .. }| {
        let relief = unseen(&terms.contract.relief, journal, false, now);
        let disputes = disputes::unseen(&terms.contract.disputes, journal, now);
        Journal { facts: [&journal.facts[..], &relief, &disputes].concat() }
    });
    let closed_under = recorded.map_or(&nothing, |recorded| &recorded.closings);
    let facts = ContractFacts { name, terms, closed_under, rows: rows.unwrap_or(&none), journal: journal.as_ref() };
    crate::domain::judgement::judge(&facts, now)
}

/// A feed with a file was fetched; one without was not.
fn health(feed: &Feed, rows: Option<&RowsByFeed>, now: Timestamp) -> FeedHealth {
    if rows.is_some_and(|rows| rows.contains_key(&feed.name)) {
        FeedHealth {
            reason: Reason::Fetched,
            message: "read from a file".into(),
            since: None,
            backfilling: false,
            backfill: None,
            set_aside: 0,
            // A file holds all that there was.
            asked_until: Some(now),
        }
    } else {
        FeedHealth {
            reason: Reason::Pending,
            message: "no file was given".into(),
            since: None,
            backfilling: false,
            backfill: None,
            set_aside: 0,
            asked_until: None,
        }
    }
}

/// What is known of a contract before its status is decided.
struct ContractView<'a> {
    written: &'a Written<VendorContract>,
    namespace: &'a str,
    name: &'a str,
    terms: &'a Terms,
    missing_tiers: Vec<String>,
    judgement: &'a Result<Judgement, InvalidSpec>,
    rows: Option<&'a RowsByFeed>,
    launches: BTreeMap<String, LaunchOfContract>,
}

fn contract_object(contract: ContractView<'_>, now: Timestamp) -> Value {
    let ContractView { written, namespace, name, terms, missing_tiers, judgement, rows, launches } = contract;
    let observed = ObservedContract {
        namespace,
        name,
        generation: Some(1),
        previous: None,
        terms,
        judgement: judgement.as_ref(),
        missing_tiers,
        feeds: terms.contract.feeds.iter().map(|feed| (feed.name.clone(), health(feed, rows, now))).collect(),
        evidence_problem: None,
        no_room: None,
        contradicted: Vec::new(),
        launches,
        acknowledged: crate::domain::decision::contract::acknowledgement_of(
            written.object.metadata.annotations.as_ref(),
        ),
        alert_sinks: Vec::new(),
    };
    with_status(&written.document, &decide_contract(&observed, now).status)
}

fn tier_objects(manifests: &Manifests, terms_of: &BTreeMap<(String, String), Terms>, view: &mut View, now: Timestamp) {
    for ((namespace, name), written) in &manifests.tiers {
        let listing: Vec<(&String, &Terms)> = terms_of
            .iter()
            .filter(|((contract_namespace, _), terms)| {
                contract_namespace == namespace && terms.contract.tiers.contains(name)
            })
            .map(|((_, contract), terms)| (contract, terms))
            .collect();
        let mut findings = Vec::new();
        let mut slices = Vec::new();
        for (contract, terms) in &listing {
            for finding in crate::domain::decision::service_tier::findings_of(name, terms) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
            if let Some(Ok(judgement)) = view.judgements.get(&(namespace.clone(), (*contract).clone())) {
                slices.extend(slices_of(name, contract, judgement));
            }
        }
        let invalid = validate_service_tier(name, &written.object.spec);
        let observed = ObservedServiceTier {
            generation: Some(1),
            previous: None,
            spec: &written.object.spec,
            invalid: (!invalid.is_empty()).then_some(InvalidSpec(invalid)),
            contracts: listing.iter().map(|(contract, _)| (*contract).clone()).collect(),
            findings,
            slices,
        };
        view.objects.push(with_status(&written.document, &decide_service_tier(&observed, now).status));
    }
}

fn kpi_object(
    manifests: &Manifests,
    (namespace, name): &(String, String),
    written: &Written<KpiTarget>,
    view: &View,
    (rows, records): (&RowsByContract, &RecordsByContract),
    now: Timestamp,
) -> Value {
    let spec = &written.object.spec;
    let key = (namespace.clone(), spec.contract_ref.name.clone());
    let mut findings = validate_kpi_target(name, spec);
    if let Some(contract) = manifests.contracts.get(&key) {
        findings.extend(never_payable(name, written, &contract.object.spec, records.get(&key)));
    }
    let unresolved: Vec<Finding> = manifests
        .contracts
        .get(&key)
        .map(|contract| validate_kpi_against_contract(name, spec, &contract.object.spec))
        .unwrap_or_default();
    let contract = match (view.terms.get(&key), view.judgements.get(&key)) {
        (None, _) | (_, None) => ContractOfKpi::Missing,
        _ if unresolved.iter().any(|finding| finding.field == "spec.source.feed") => ContractOfKpi::FeedMissing,
        _ if !unresolved.is_empty() => {
            ContractOfKpi::ReferenceMissing(unresolved.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        (_, Some(Err(_))) => ContractOfKpi::Invalid,
        (Some(terms), Some(Ok(judgement))) => match judgement.kpis.get(name) {
            None => ContractOfKpi::Pending,
            Some(kpi) => {
                let feed = terms.contract.feeds.iter().find(|feed| feed.name == spec.source.feed);
                let late_at = judgement.feeds.get(&spec.source.feed).and_then(|coverage| coverage.late_at);
                let feed = feed.map(|feed| health(feed, rows.get(&key), now)).unwrap_or_default();
                ContractOfKpi::Judged {
                    judgement: kpi,
                    feed: feed.with_lateness(late_at, now),
                    suspended: terms.contract.suspend,
                }
            }
        },
    };
    let observed = ObservedKpiTarget {
        name,
        generation: Some(1),
        previous: None,
        spec,
        invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
        contract,
    };
    with_status(&written.document, &decide_kpi_target(&observed, now).status)
}

fn with_status(document: &Value, status: &impl serde::Serialize) -> Value {
    let mut object = document.clone();
    if let (Some(members), Ok(status)) = (object.as_object_mut(), serde_json::to_value(status)) {
        members.insert("status".to_owned(), status);
    }
    object
}

fn judged_kpis(
    view: &View,
    (namespace, _): &(String, String),
    spec: &CampaignLaunchSpec,
) -> BTreeMap<String, KpiJudgement> {
    let judged = spec
        .contract_refs
        .iter()
        .filter_map(|reference| view.judgements.get(&(namespace.clone(), reference.name.clone()))?.as_ref().ok());
    judged.flat_map(|judgement| judgement.kpis.iter().map(|(name, kpi)| (name.clone(), kpi.clone()))).collect()
}

/// A report as the object that would stand in the cluster.
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
