//! Advice on the contract itself: whether its KPIs say what it exists for. It never blocks anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::api::campaign_launch::CampaignLaunchSpec;
use crate::api::dispute::Party;
use crate::api::kpi_target::{CatalogueKpi, IndicatorKind, KpiCategory, KpiClass, KpiTargetSpec};
use crate::api::scalar::shorten;
use crate::api::service_tier::TierFlaw;
use crate::api::vendor_contract::{Advice, AlertSink, Contact, EmailSink, VendorContractSpec};
use crate::api::verdict::Comparison;
use crate::domain::holdings::Dangling;
use crate::domain::measuring::doubts::Doubt;
use crate::domain::measuring::offered::OfferedDiffers;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::days_between;
use crate::domain::terms::catalogue::{Definition, Guard, Origin, definition};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::thresholds::{Agreement, agreement};
use crate::domain::terms::tiers::coherence;
use crate::domain::terms::validation::unpayable;

mod feeds;
mod misreadings;
mod periods;
mod smart;

/// More credit-bearing KPIs than anyone steers by.
const MOST_CREDIT_KPIS: usize = 15;
/// Days after which a target that never moved is asked about.
const RATCHET_DAYS: i64 = 365;
/// Bytes of a message.
const LONGEST_MESSAGE: usize = 256;

/// What advice rests on.
#[derive(Clone, Copy, Debug)]
pub struct AdviceFacts<'a> {
    /// KPIs whose feed says in its answers that it counts by another time than was agreed, with a sentence.
    pub said: &'a BTreeMap<String, String>,
    /// The terms in force now.
    pub terms: &'a Terms,
    /// Today, in the contract's zone.
    pub today: Date,
    /// The best value of the closed periods, by KpiTarget.
    pub best: &'a BTreeMap<String, Exact>,
    /// The launches that name this contract, by name.
    pub launches: &'a BTreeMap<String, CampaignLaunchSpec>,
    /// Figures of its feeds that were probably misread, by feed.
    pub doubts: &'a BTreeMap<String, Vec<Doubt>>,
    /// The KpiTargets whose rows add up to a denominator below 0.
    pub negative: &'a BTreeSet<String>,
    /// The feeds whose contacts offered are not those answered and abandoned, with the latest such day.
    pub offered: &'a BTreeMap<String, OfferedDiffers>,
}

/// A KPI that counts: neither a dry run nor suspended.
struct Counted<'a> {
    name: &'a str,
    spec: &'a KpiTargetSpec,
    /// `None` where its formula does not resolve.
    definition: Option<Definition>,
}

impl Counted<'_> {
    fn category(&self) -> Option<KpiCategory> {
        self.definition.as_ref().map(|definition| definition.category)
    }
}

/// All findings on a contract: first what was probably misread, then in the order of the documentation's list, then by KPI. Each says
/// what to do.
pub fn advise(facts: &AdviceFacts<'_>) -> Vec<Advice> {
    let counted: Vec<Counted<'_>> = facts
        .terms
        .kpis
        .iter()
        .filter(|(_, spec)| !spec.dry_run && !spec.suspend)
        .map(|(name, spec)| Counted { name, spec, definition: definition(spec).ok() })
        .collect();
    let mut advice = Findings::default();
    misreadings::figures(facts, &mut advice);
    misreadings::contract(facts, &mut advice);
    counted.iter().for_each(|kpi| misreadings::objective(facts, kpi, &mut advice));
    balance(facts, &counted, &mut advice);
    counter_metrics(facts, &counted, &mut advice);
    credits(&counted, &mut advice);
    money(facts, &counted, &mut advice);
    periods::check(&facts.terms.contract, &mut advice);
    thresholds(facts, &counted, &mut advice);
    for kpi in &counted {
        smart::check(facts, kpi, &mut advice);
    }
    tiers(facts, &mut advice);
    people_and_goals(facts, &counted, &mut advice);
    protected_traits(facts, &mut advice);
    ratchet(facts, &counted, &mut advice);
    feeds::check(&facts.terms.contract.feeds, &mut advice);
    feeds::check_volumes(facts, &mut advice);
    advice.0
}

/// The finding that a feed's answers contradict the time that was agreed.
pub const THRESHOLD_MISMATCH: &str = "ThresholdMismatch";

#[derive(Default)]
struct Findings(Vec<Advice>);

impl Findings {
    fn add(&mut self, finding: &str, kpi: Option<&str>, message: impl Into<String>) {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            let cut = (0..=LONGEST_MESSAGE - '…'.len_utf8()).rev().find(|end| message.is_char_boundary(*end));
            message.truncate(cut.unwrap_or(0));
            message.push('…');
        }
        self.0.push(Advice { finding: finding.to_owned(), kpi: kpi.map(str::to_owned), message });
    }
}

fn weight_of<'a>(kpis: impl IntoIterator<Item = &'a Counted<'a>>) -> Exact {
    kpis.into_iter().map(|kpi| Exact::from(&kpi.spec.weight)).sum()
}

fn balance(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    let engaging = |kpi: &&Counted<'_>| {
        matches!(kpi.category(), Some(KpiCategory::Engagement | KpiCategory::Satisfaction | KpiCategory::Revenue))
    };
    let kinds = || counted.iter().filter_map(|kpi| kpi.definition.as_ref()).map(|definition| definition.kind);
    if !counted.iter().any(|kpi| engaging(&kpi)) {
        let message = "no KPI speaks of engagement, satisfaction or revenue: add one, such as CustomerSatisfaction or ConversionRate";
        advice.add("OnlyTechnicalKpis", None, message);
    } else if let Some(minimum) =
        facts.terms.contract.engagement.as_ref().map(|it| Exact::from(&it.minimum_share_percent))
    {
        let (part, all) = (weight_of(counted.iter().filter(engaging)), weight_of(counted));
        let share = (&part * &Exact::HUNDRED).checked_div(&all).unwrap_or(Exact::ZERO);
        if share < minimum {
            let message = format!(
                "engagement, satisfaction and revenue KPIs have {} % of the weight, under the {} % of engagement.minimumSharePercent: raise their `weight` or add one",
                share.show(1),
                minimum.show(6)
            );
            advice.add("OnlyTechnicalKpis", None, message);
        }
    }
    if !kinds().any(|kind| kind == IndicatorKind::Leading) {
        let message =
            "no KPI foretells: add a leading one, such as QualityScore, ScheduleAdherence or TrainingCompletion";
        advice.add("NoLeadingKpi", None, message);
    }
    if !kinds().any(|kind| kind == IndicatorKind::Lagging) {
        let message = "no KPI shows the result: add a lagging one, such as ServiceLevel or FirstContactResolution";
        advice.add("NoLaggingKpi", None, message);
    }
}

fn counter_metrics(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    for kpi in counted {
        let Some(definition) = kpi.definition.as_ref().filter(|it| it.category == KpiCategory::Efficiency) else {
            continue;
        };
        let guards: Vec<&str> = definition
            .guards
            .iter()
            .filter_map(|guard| match guard {
                Guard::Kpi(guard) => Some(guard.as_str()),
                Guard::ResponseRate => None,
            })
            .collect();
        let known = || facts.terms.kpis.keys().map(String::as_str);
        let counter = kpi.spec.counter_metric.as_deref().map(|name| Dangling::counter_metric(name, known()));
        if guards.is_empty() || matches!(counter, Some(None)) {
            continue;
        }
        let message = match counter.flatten() {
            Some(dangling) => format!("counterMetric for {}: {}", guards.join(" or "), dangling.message),
            None => format!(
                "nothing shows whether {} is reached at the customers' cost: set counterMetric to a KpiTarget of {}",
                kpi.spec.kpi,
                guards.join(" or ")
            ),
        };
        advice.add("MissingCounterMetric", Some(kpi.name), message);
    }
}

fn credits(counted: &[Counted<'_>], advice: &mut Findings) {
    let critical = || counted.iter().filter(|kpi| kpi.spec.class == KpiClass::Critical);
    let count = critical().count();
    if count > MOST_CREDIT_KPIS {
        let message = format!(
            "{count} KPIs carry credits, over {MOST_CREDIT_KPIS}: make those that do not matter most `class: KeyMeasurement`"
        );
        advice.add("TooManyCreditKpis", None, message);
    }
    let allocated: Exact = critical()
        .filter_map(|kpi| kpi.spec.bands.iter().filter_map(|band| band.at_risk_percent.as_ref().map(Exact::from)).max())
        .sum();
    if allocated > Exact::HUNDRED {
        let message = format!(
            "the worst bands together put {} % of the at-risk amount at stake; the cap holds. If this is not meant, lower atRiskPercent of the bands to 100 % in all",
            allocated.show(6)
        );
        advice.add("OverAllocated", None, message);
    }
}

/// Money that can never be paid, and points that never become money.
fn money(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    let contract = &facts.terms.contract;
    for kpi in counted {
        for never in unpayable(kpi.spec, contract) {
            let (field, wrong) = (never.field.trim_start_matches("spec."), never.wrong);
            let message = format!("{field} {wrong}: nothing is ever paid by it; see `kubectl bpo lint`");
            advice.add("RefusedWhenEdited", Some(kpi.name), message);
        }
    }
    let scores = |kpi: &&Counted<'_>| {
        kpi.spec.class == KpiClass::Critical
            && kpi.spec.bands.iter().any(|band| band.points.is_some_and(|points| points > 0))
    };
    let has_rule = contract.credits.as_ref().is_some_and(|credits| credits.points.is_some());
    if let Some(kpi) = counted.iter().find(scores).filter(|_| !has_rule) {
        let message = format!(
            "bands such as those of {} cost points, and nothing turns points into money: add credits.points, such as {{perPointPercent: 1}}, or leave it so if points alone are agreed",
            kpi.name
        );
        advice.add("PointsWithoutMoney", None, message);
    }
}

/// A time was agreed, and nobody said by which one the feed counts, or its answers say another one.
fn thresholds(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    for (kpi, message) in facts.said {
        advice.add(THRESHOLD_MISMATCH, Some(kpi.as_str()), message.clone());
    }
    for kpi in counted {
        if let (Some(within), Agreement::Unknown { measures }) =
            (kpi.spec.within, agreement(kpi.spec, &facts.terms.contract))
        {
            let message = format!(
                "{within} was agreed, and feed {} does not say with which threshold it counts {}: add it to feeds[].thresholds, such as {{measure: {}, within: {within}}}",
                shorten(&kpi.spec.source.feed),
                measures.join(" and "),
                measures.first().map_or("answeredWithin", String::as_str)
            );
            advice.add("ThresholdUnknown", Some(kpi.name), message);
        }
    }
}

fn tiers(facts: &AdviceFacts<'_>, advice: &mut Findings) {
    let found = coherence(&facts.terms.tiers, &facts.terms.kpis);
    for flaw in [TierFlaw::TierInversion, TierFlaw::TierGap] {
        for (tier, findings) in &found {
            // Each flaw is in the advice of both tiers: once is enough here.
            for finding in findings.iter().filter(|finding| finding.finding == flaw && *tier < finding.with) {
                advice.add(&flaw.to_string(), None, finding.message.clone());
            }
        }
    }
}

fn people_and_goals(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    let contract = &facts.terms.contract;
    let empty: Vec<String> = contract
        .escalation
        .iter()
        .filter(|level| level.contacts.is_empty())
        .map(|level| level.level.to_string())
        .collect();
    if contract.escalation.is_empty() {
        let message =
            "nobody is notified when a target is missed: add `contacts`, and `escalation` levels that name them";
        advice.add("NoEscalationContact", None, message);
    } else if !empty.is_empty() {
        let message = format!("escalation level {} names no one: add `contacts` to it", empty.join(", "));
        advice.add("NoEscalationContact", None, message);
    }
    for report in &contract.reports {
        let reaches_nobody = |sink: &&AlertSink| report.alerts.contains(&sink.name) && nobody_reads(contract, sink);
        if let Some(sink) = contract.alerts.iter().find(reaches_nobody) {
            let message = format!(
                "report {} goes to {}, a mailbox of nobody: give a contact of the Client an `email`, or name contacts in its `to`",
                report.name, sink.name
            );
            advice.add("ReportReachesNobody", None, message);
        }
    }
    for goal in &contract.goals {
        if !counted.iter().any(|kpi| kpi.spec.goal_ref.as_ref() == Some(&goal.name)) {
            let message =
                format!("no KPI serves the goal {}: set goalRef of the KPIs that do, or drop the goal", goal.name);
            advice.add("UnlinkedGoal", None, message);
        }
    }
}

/// Whether mail by this sink has no address to go to.
fn nobody_reads(contract: &VendorContractSpec, sink: &AlertSink) -> bool {
    let listed = |contact: &Contact, email: &EmailSink| match email.to.is_empty() {
        true => contact.party != Some(Party::Vendor),
        false => email.to.contains(&contact.name),
    };
    let has_address = |email| contract.contacts.iter().any(|contact| contact.email.is_some() && listed(contact, email));
    sink.email.as_ref().is_some_and(|email| !has_address(email))
}

/// Words that name a protected trait.
const PROTECTED: &[&str] = &[
    "age",
    "birthdate",
    "caste",
    "citizenship",
    "disability",
    "disabled",
    "ethnic",
    "ethnicity",
    "female",
    "gender",
    "male",
    "marital",
    "nationality",
    "orientation",
    "pregnancy",
    "pregnant",
    "race",
    "religion",
    "religious",
    "sex",
    "sexual",
];

/// The protected trait after which a label is named, such as `agentGender`; `language` and `agent` are none.
fn protected_trait(label: &str) -> Option<&'static str> {
    let mut words = vec![String::new()];
    for character in label.chars() {
        if !character.is_alphanumeric() || character.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    // What is written in capitals alone has no words to split.
    words.push(label.to_lowercase());
    PROTECTED.iter().find(|protected| words.iter().any(|word| word == *protected)).copied()
}

fn protected_traits(facts: &AdviceFacts<'_>, advice: &mut Findings) {
    let warn = |advice: &mut Findings, place: &str, label: &str, kpi: Option<&str>| {
        if let Some(protected) = protected_trait(label) {
            let message = format!(
                "{place} {:?} is named after a protected trait ({protected}), which must not steer work: group by site, script or training wave instead",
                shorten(label)
            );
            advice.add("ProtectedTrait", kpi, message);
        }
    };
    for (name, spec) in &facts.terms.kpis {
        for (key, value) in &spec.source.labels {
            warn(advice, "the label", key, Some(name));
            warn(advice, "the label's value", value, Some(name));
        }
    }
    for relief in &facts.terms.contract.relief {
        for key in relief.labels.keys() {
            warn(advice, "the label of a relief", key, None);
        }
    }
    for cohorts in facts.launches.values().filter_map(|launch| launch.cohorts.as_ref()) {
        warn(advice, "the cohorts' label", &cohorts.label, None);
        if let Some(control) = &cohorts.control {
            warn(advice, "the cohort", control, None);
        }
    }
}

fn ratchet(facts: &AdviceFacts<'_>, counted: &[Counted<'_>], advice: &mut Findings) {
    let start = facts.terms.contract.term.start;
    for kpi in counted {
        let changed = kpi.spec.objective.schedule.iter().map(|change| change.from).max().unwrap_or(start).max(start);
        if days_between(changed, facts.today) > RATCHET_DAYS {
            let message = format!(
                "the target has been the same since {changed}: agree on the next step and add it to objective.schedule"
            );
            advice.add("RatchetMissing", Some(kpi.name), message);
        }
    }
}

/// The comparison of a KpiTarget: its own, or the KPI's.
fn comparison_of(kpi: &Counted<'_>) -> Option<Comparison> {
    kpi.spec.objective.comparison.or_else(|| kpi.definition.as_ref()?.default_comparison())
}

/// Whether a KPI's figures come from the contract's own deliverables.
fn from_deliverables(kpi: &Counted<'_>) -> bool {
    kpi.definition.as_ref().is_some_and(|definition| definition.origin == Origin::Deliverables)
}

/// Whether a KPI is one of the catalogue's.
fn from_catalogue(kpi: &Counted<'_>) -> bool {
    kpi.spec.kpi != CatalogueKpi::Custom
}

#[cfg(test)]
mod tests;
