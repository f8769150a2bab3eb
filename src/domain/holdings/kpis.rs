//! What a KpiTarget rests on: its own spec, its references, and what its contract's judgement says of it.

use super::unresolved::{Dangling, Unresolved};
use super::{Entry, FeedHealth, Held, Holdings, Judged};
use crate::api::condition::{ConditionStatus, ConditionType, Reason};
use crate::api::kpi_target::{KpiTargetSpec, KpiTargetStatus};
use crate::api::{VendorContract, VendorContractSpec};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::terms::catalogue::Origin;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::finding::{Finding, InvalidSpec};
use crate::domain::terms::validation::{validate_kpi_is_payable, validate_kpi_parts, validate_kpi_target};
use crate::domain::terms::{catalogue, thresholds};

/// A KpiTarget as it is written, with its status.
#[derive(Clone, Copy, Debug)]
pub struct WrittenKpi<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its spec.
    pub spec: &'a KpiTargetSpec,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Its status.
    pub status: Option<&'a KpiTargetStatus>,
}

impl WrittenKpi<'_> {
    /// Money that `contract` can never pay, where that refuses the KpiTarget. What was judged before as it is written goes on being
    /// judged, with advice, until somebody edits it.
    ///
    /// `recorded`: terms that the contract was judged under, as its journal holds them. The journal decides, since a status is lost
    /// whenever its KpiTarget cannot be judged for a while; a status counts where there is no journal.
    #[must_use]
    pub fn never_payable<'t>(
        &self,
        contract: &VendorContractSpec,
        recorded: impl IntoIterator<Item = &'t Terms>,
    ) -> Vec<Finding> {
        let in_journal = || recorded.into_iter().any(|terms| terms.kpi(self.name) == Some(self.spec));
        if self.status_shows_a_judgement() || in_journal() {
            Vec::new()
        } else {
            validate_kpi_is_payable(self.name, self.spec, contract)
        }
    }

    /// Whether the status is of this very spec and says what only a judgement says.
    fn status_shows_a_judgement(&self) -> bool {
        let Some(status) = self.status.filter(|status| status.observed_generation.is_some()) else { return false };
        let ready = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        let judged_and_not_ready = [Reason::NoRowsMatch, Reason::ThresholdMismatch];
        status.observed_generation == self.generation
            && ready.is_some_and(|ready| {
                ready.status == ConditionStatus::True
                    || judged_and_not_ready.iter().any(|reason| reason.as_str() == ready.reason)
            })
    }
}

/// What the contract says of a KpiTarget.
#[derive(Clone, Debug)]
pub enum ContractOfKpi {
    /// Nothing: a reference leads nowhere, so that the KpiTarget is left out of the contract.
    Apart,
    /// The contract's own spec cannot be judged.
    Invalid,
    /// The contract has not been judged yet, or not with this spec of the KpiTarget.
    Pending,
    /// The contract is judged.
    Judged {
        /// What the judgement says of the KPI.
        judgement: Box<KpiJudgement>,
        /// The health of the KPI's feed, lateness included.
        feed: FeedHealth,
        /// Whether the contract is suspended.
        suspended: bool,
    },
}

/// What is observed of a KpiTarget.
#[derive(Clone, Debug)]
pub struct HeldKpi {
    /// What is wrong with the spec by itself, and with its money under its contract.
    pub invalid: Option<InvalidSpec>,
    /// Its references that do not resolve, the gravest first.
    pub unresolved: Vec<Dangling>,
    /// What the contract says of it.
    pub contract: ContractOfKpi,
    /// Whether its first verdict is about to come: the contract is to be judged, or a feed of it is fetched for the first time.
    pub awaits_verdict: bool,
}

/// Observes a KpiTarget. `recorded`: terms that its contract was judged under, for [`WrittenKpi::never_payable`]; `None` where they
/// cannot be read, and then its money is not held against it.
pub fn observe_kpi(holdings: &impl Holdings, kpi: &WrittenKpi<'_>, recorded: Option<&[&Terms]>) -> HeldKpi {
    let entry = holdings.contract(&kpi.spec.contract_ref.name);
    let contract = entry.read();
    let invalid = invalid(kpi, contract.found(), recorded);
    let unresolved = references(holdings, kpi.spec, contract);
    let judged = holdings.judged(&kpi.spec.contract_ref.name);
    let is_apart = unresolved.iter().any(|dangling| dangling.what.leaves_kpi_out());
    let contract = match (contract, judged.as_ref()) {
        _ if is_apart => ContractOfKpi::Apart,
        (Held::Found(_), Some(judged)) => said_by(judged, kpi),
        _ => ContractOfKpi::Pending,
    };
    let awaits_verdict = invalid.is_none()
        && match &contract {
            ContractOfKpi::Apart | ContractOfKpi::Invalid => false,
            ContractOfKpi::Pending => true,
            ContractOfKpi::Judged { suspended, .. } => {
                !suspended && judged.is_some_and(|judged| is_being_fetched_first(kpi.spec, &judged))
            }
        };
    HeldKpi { invalid, unresolved, contract, awaits_verdict }
}

fn invalid(
    kpi: &WrittenKpi<'_>,
    contract: Option<&VendorContract>,
    recorded: Option<&[&Terms]>,
) -> Option<InvalidSpec> {
    let mut findings = validate_kpi_target(kpi.name, kpi.spec);
    if let Some(contract) = contract {
        findings.extend(validate_kpi_parts(kpi.name, kpi.spec, &contract.spec));
        if let Some(recorded) = recorded {
            findings.extend(kpi.never_payable(&contract.spec, recorded.iter().copied()));
        }
    }
    (!findings.is_empty()).then_some(InvalidSpec(findings))
}

fn said_by(judged: &Judged, kpi: &WrittenKpi<'_>) -> ContractOfKpi {
    let Some(judgement) = judged.judgement() else { return ContractOfKpi::Invalid };
    match judgement.kpis.get(kpi.name) {
        // A contract that was judged before this spec was seen will be judged again.
        Some(found) if judged.terms.kpi(kpi.name) == Some(kpi.spec) => ContractOfKpi::Judged {
            judgement: found.clone(),
            feed: judged.feeds.get(&kpi.spec.source.feed).map(|health| (**health).clone()).unwrap_or_default(),
            suspended: judged.terms.contract.suspend,
        },
        _ => ContractOfKpi::Pending,
    }
}

fn is_being_fetched_first(spec: &KpiTargetSpec, judged: &Judged) -> bool {
    let own = spec.source.cross_check.as_ref().map(|own| &own.feed);
    let mut feeds = std::iter::once(&spec.source.feed).chain(own).map(|feed| judged.feeds.get(feed));
    feeds.any(|health| health.is_none_or(|health| health.is_being_fetched_first()))
}

/// Every reference of a KpiTarget that does not resolve, and a feed that counts by another time than it names.
pub fn references_of_kpi(holdings: &impl Holdings, spec: &KpiTargetSpec) -> Vec<Dangling> {
    let entry = holdings.contract(&spec.contract_ref.name);
    let contract = entry.read();
    let mut found = references(holdings, spec, contract);
    let mismatch = contract.found().and_then(|contract| thresholds::mismatch(spec, &contract.spec));
    found.extend(mismatch.map(|message| Dangling {
        what: Unresolved::Threshold,
        field: "spec.within".to_owned(),
        message,
    }));
    found
}

fn references(holdings: &impl Holdings, spec: &KpiTargetSpec, contract: Held<&VendorContract>) -> Vec<Dangling> {
    match contract {
        Held::Absent => {
            let name = &spec.contract_ref.name;
            let known: Vec<String> = holdings
                .contracts()
                .iter()
                .filter_map(|entry| entry.read().found().and_then(|contract| contract.metadata.name.clone()))
                .collect();
            vec![Dangling::contract("spec.contractRef.name", name, known.iter().map(String::as_str))]
        }
        Held::Unreadable => Vec::new(),
        Held::Found(contract) => {
            let mut found = references_into(spec, &contract.spec);
            found.extend(counter_metric(holdings, spec));
            found
        }
    }
}

/// The references of a KpiTarget into its contract that do not resolve: feeds, goal, owner.
pub fn references_into(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Vec<Dangling> {
    let mut found = Vec::new();
    // What the contract records of its own deliverables needs no feed.
    let reads_feeds = catalogue::entry(spec.kpi).is_none_or(|entry| entry.origin != Origin::Deliverables);
    if reads_feeds {
        found.extend(feed("spec.source.feed", &spec.source.feed, contract));
        let own = spec.source.cross_check.as_ref();
        found.extend(own.and_then(|own| feed("spec.source.crossCheck.feed", &own.feed, contract)));
    }
    let goals = contract.goals.iter().map(|goal| goal.name.as_str());
    found.extend(part(Unresolved::Goal, "spec.goalRef", spec.goal_ref.as_deref(), goals));
    let contacts = contract.contacts.iter().map(|contact| contact.name.as_str());
    found.extend(part(Unresolved::Owner, "spec.owner", spec.owner.as_deref(), contacts));
    found
}

/// A feed whose figures are judged is one of the contract's, and holds no plan.
fn feed(field: &str, name: &str, contract: &VendorContractSpec) -> Option<Dangling> {
    match contract.feeds.iter().find(|feed| feed.name == name) {
        Some(feed) if feed.plan == Some(true) => Some(Dangling::feed_is_plan(field, name)),
        Some(_) => None,
        None => {
            let usable = contract.feeds.iter().filter(|feed| feed.plan != Some(true));
            Some(Dangling::part(Unresolved::Feed, field, name, usable.map(|feed| feed.name.as_str())))
        }
    }
}

fn part<'n>(
    what: Unresolved,
    field: &str,
    name: Option<&str>,
    known: impl Iterator<Item = &'n str>,
) -> Option<Dangling> {
    let (name, known) = (name?, known.collect::<Vec<&str>>());
    (!known.contains(&name)).then(|| Dangling::part(what, field, name, known))
}

/// A counter metric is another KpiTarget of the same contract. One that cannot be read is there.
fn counter_metric(holdings: &impl Holdings, spec: &KpiTargetSpec) -> Option<Dangling> {
    let (counter, contract) = (spec.counter_metric.as_ref()?, &spec.contract_ref.name);
    let is_there = match holdings.kpi(counter).read() {
        Held::Absent => false,
        Held::Unreadable => true,
        Held::Found(kpi) => kpi.spec.contract_ref.name == *contract,
    };
    if is_there {
        return None;
    }
    let known: Vec<String> = holdings
        .kpis_of(contract)
        .iter()
        .filter_map(|entry| entry.read().found().and_then(|kpi| kpi.metadata.name.clone()))
        .collect();
    Dangling::counter_metric(counter, known.iter().map(String::as_str))
}
