//! What a reconcile of a KpiTarget wants.

mod notices;

use jiff::Timestamp;

use self::notices::{notices, of_these_periods};
use super::Notice;
use super::conditions::{Finding, conditions};
use crate::api::condition::{ConditionStatus, ConditionType, Kind, Reason};
use crate::api::cross_check::{SourceParty, SourcesFinding};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, KpiTargetSpec, KpiTargetStatus, Verdict, WindowType};
use crate::api::scalar::DurationUnit;
use crate::api::tally::{Tally, TallyEach};
use crate::api::verdict::Comparison;
use crate::domain::foresight::risks::Risk;
use crate::domain::holdings::{ContractOfKpi, Dangling, FeedHealth, in_words};
use crate::domain::judgement::outcome::KpiJudgement;
use crate::domain::settlement::gaming::Gaming;
use crate::domain::terms::catalogue::{better_value, definition, unit_of_part, unit_of_value};
use crate::domain::terms::finding::InvalidSpec;

/// All that a decision on a KpiTarget rests on.
#[derive(Clone, Debug)]
pub struct ObservedKpiTarget<'a> {
    /// Name of the KpiTarget.
    pub name: &'a str,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// The status that it has.
    pub previous: Option<&'a KpiTargetStatus>,
    /// Its spec.
    pub spec: &'a KpiTargetSpec,
    /// What is wrong with the spec itself.
    pub invalid: Option<InvalidSpec>,
    /// Its references that do not resolve, the gravest first.
    pub unresolved: &'a [Dangling],
    /// What the contract says of it.
    pub contract: &'a ContractOfKpi,
}

/// What a reconcile of a KpiTarget wants.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiTargetDecision {
    /// The status.
    pub status: KpiTargetStatus,
    /// Transitions.
    pub notices: Vec<Notice>,
}

/// Decides what a KpiTarget's status says.
pub fn decide_kpi_target(observed: &ObservedKpiTarget<'_>, now: Timestamp) -> KpiTargetDecision {
    let previous = observed.previous;
    let mut status = match (observed.contract, &observed.invalid) {
        (ContractOfKpi::Judged { judgement, .. }, None) => judged_status(judgement),
        // Until the contract is judged again, what was found last holds.
        (ContractOfKpi::Pending, None) => previous.cloned().unwrap_or_default(),
        _ => KpiTargetStatus::default(),
    };
    status.observed_generation = observed.generation;
    status.target = Some(target_text(observed.spec));
    // Without a status nothing was reported yet.
    let mut before = previous.cloned().unwrap_or_default();
    before.conditions = of_these_periods(&before, &status);
    status.conditions = conditions(Kind::KpiTarget, &findings(observed), &before.conditions, observed.generation, now);
    let notices = notices(&before, &status);
    KpiTargetDecision { status, notices }
}

fn judged_status(judgement: &KpiJudgement) -> KpiTargetStatus {
    KpiTargetStatus {
        last: judgement.last.clone(),
        current: judgement.current.clone(),
        tiers: judgement.tiers.iter().take(20).cloned().collect(),
        history: judgement.history.iter().take(13).cloned().collect(),
        trend: judgement.trend,
        signal: judgement.signal.clone(),
        ..KpiTargetStatus::default()
    }
}

/// The target in short, such as `≥ 80 %`, `≥ 80 % in 20 s`, or `≤ 2 days not ≥ 80 %` of a tally.
pub fn target_text(spec: &KpiTargetSpec) -> String {
    match &spec.tally {
        None => format!("{}{}", aim_text(spec, unit_text(unit_of_value(spec))), within_text(spec)),
        Some(tally) => format!("{} {}", aim_text(spec, ""), missing_parts(spec, tally)),
    }
}

/// What a tally counts, such as `days not ≥ 80 %`.
fn missing_parts(spec: &KpiTargetSpec, tally: &Tally) -> String {
    let parts = match tally.each {
        TallyEach::Day => "days",
        TallyEach::Week => "weeks",
        TallyEach::Month => "months",
    };
    let comparison = definition(spec).ok().and_then(|found| found.parts).map(|rule| rule.comparison);
    let sign = comparison.map_or("", sign_of);
    format!("{parts} not {sign} {}{}{}", tally.target, unit_text(unit_of_part(spec)), within_text(spec))
}

/// The time that was agreed, such as ` in 20 s`, or ` beyond 2 min` where long waits are counted.
fn within_text(spec: &KpiTargetSpec) -> String {
    let Some(within) = spec.within else { return String::new() };
    let unit = match within.unit {
        DurationUnit::Seconds => "s",
        DurationUnit::Minutes => "min",
        _ => "h",
    };
    let word = if spec.kpi == CatalogueKpi::LongWaitRate { "beyond" } else { "in" };
    format!(" {word} {} {unit}", within.amount)
}

fn sign_of(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtLeast | Comparison::Between => "≥",
        Comparison::MoreThan => ">",
        Comparison::AtMost => "≤",
        Comparison::LessThan => "<",
    }
}

/// How value and target are compared: as the objective says, else by the KPI's direction.
pub fn comparison_of(spec: &KpiTargetSpec) -> Comparison {
    spec.objective.comparison.unwrap_or_else(|| default_comparison(spec))
}

fn aim_text(spec: &KpiTargetSpec, unit: &str) -> String {
    let objective = &spec.objective;
    match (comparison_of(spec), objective.upper) {
        (Comparison::Between, upper) => {
            let upper = upper.map(|upper| upper.to_string()).unwrap_or_default();
            format!("{} to {upper}{unit}", objective.target)
        }
        (comparison, _) => format!("{} {}{unit}", sign_of(comparison), objective.target),
    }
}

fn default_comparison(spec: &KpiTargetSpec) -> Comparison {
    match better_value(spec) {
        Better::Lower => Comparison::AtMost,
        Better::Higher | Better::Range => Comparison::AtLeast,
    }
}

fn unit_text(unit: FormulaUnit) -> &'static str {
    match unit {
        FormulaUnit::Percent => " %",
        FormulaUnit::Seconds => " s",
        FormulaUnit::Points => " points",
        FormulaUnit::Count | FormulaUnit::Money | FormulaUnit::Score => "",
    }
}

/// Ready=False and Stalled=True because of a spec that only an edit can correct.
pub fn stalled(message: &str) -> Vec<Finding> {
    vec![
        Finding::is_false(ConditionType::Ready, Reason::InvalidSpec, message),
        Finding::is_true(ConditionType::Stalled, Reason::InvalidSpec, message),
    ]
}

fn findings(observed: &ObservedKpiTarget<'_>) -> Vec<Finding> {
    let mut findings = readiness(observed);
    match observed.contract {
        ContractOfKpi::Judged { judgement, feed, suspended } if observed.invalid.is_none() => {
            let suspended = *suspended || observed.spec.suspend;
            findings.push(feed_finding(feed));
            findings.push(compliance(observed.spec, judgement, suspended));
            findings.push(at_risk(judgement, suspended));
            findings.push(gaming(&judgement.gaming));
            findings.push(sources(observed.spec, judgement, suspended));
        }
        // Nothing is concluded, and nothing that was concluded is taken back, while the contract waits to be judged.
        ContractOfKpi::Pending
            if observed.invalid.is_none()
                && observed.previous.is_some_and(|previous| previous.conditions.len() > 2) => {}
        _ => findings.extend(nothing_known()),
    }
    findings
}

fn nothing_known() -> [Finding; 5] {
    let message = "waiting for the contract";
    [
        Finding::is_unknown(ConditionType::FeedHealthy, Reason::Pending, message),
        Finding::is_unknown(ConditionType::SLACompliant, Reason::NoClosedPeriod, message),
        Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, message),
        Finding::is_unknown(ConditionType::GamingSuspected, Reason::NoData, message),
        Finding::is_unknown(ConditionType::SourcesAgree, Reason::NoData, message),
    ]
}

const NOT_JUDGED_YET: &str = "the contract has not been judged yet";

/// Ready=False because of references that do not resolve: the first has the reason, and all of them are in the message.
pub(super) fn unresolved(dangling: &[Dangling]) -> Finding {
    let reason = dangling.first().map_or(Reason::ContractNotFound, |first| first.what.reason());
    Finding::is_false(ConditionType::Ready, reason, in_words(dangling))
}

fn readiness(observed: &ObservedKpiTarget<'_>) -> Vec<Finding> {
    if let Some(invalid) = &observed.invalid {
        return stalled(&invalid.to_string());
    }
    let contract = &observed.spec.contract_ref.name;
    let not_ready = |reason, message: String| Finding::is_false(ConditionType::Ready, reason, message);
    let ready = match observed.contract {
        _ if !observed.unresolved.is_empty() => unresolved(observed.unresolved),
        ContractOfKpi::Apart => Finding::is_unknown(ConditionType::Ready, Reason::Pending, NOT_JUDGED_YET),
        ContractOfKpi::Invalid => not_ready(
            Reason::ContractNotFound,
            format!("contract {contract} cannot be judged: see its condition Stalled"),
        ),
        ContractOfKpi::Pending => match observed.previous.and_then(|previous| {
            previous.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
        }) {
            Some(before) if before.status == ConditionStatus::True => {
                Finding::is_true(ConditionType::Ready, Reason::Reconciled, before.message.clone())
            }
            _ => Finding::is_unknown(ConditionType::Ready, Reason::Pending, NOT_JUDGED_YET),
        },
        ContractOfKpi::Judged { judgement, .. } if judgement.threshold_mismatch.is_some() && !observed.spec.suspend => {
            not_ready(Reason::ThresholdMismatch, judgement.threshold_mismatch.clone().unwrap_or_default())
        }
        ContractOfKpi::Judged { .. } if observed.spec.suspend => {
            Finding::is_true(ConditionType::Ready, Reason::Suspended, "spec.suspend is true: the KPI is not judged")
        }
        ContractOfKpi::Judged { judgement, .. } => match &judgement.unmatched {
            Some(unmatched) => not_ready(Reason::NoRowsMatch, unmatched.message.clone()),
            None => Finding::is_true(ConditionType::Ready, Reason::Reconciled, "the KPI is being judged"),
        },
    };
    vec![ready, Finding::is_false(ConditionType::Stalled, Reason::Progressing, "the spec can be worked on")]
}

fn feed_finding(feed: &FeedHealth) -> Finding {
    let type_ = ConditionType::FeedHealthy;
    match feed.reason {
        Reason::Fetched => Finding::is_true(type_, Reason::Fetched, feed.message.clone()).since(feed.since),
        Reason::Pending | Reason::Suspended => Finding::is_unknown(type_, feed.reason, feed.message.clone()),
        reason => Finding::is_false(type_, reason, feed.message.clone()).since(feed.since),
    }
}

/// Compliance speaks of the latest closed period, for a rolling window of the window up to `asOf`, once a
/// first period has closed.
fn compliance(spec: &KpiTargetSpec, judgement: &KpiJudgement, suspended: bool) -> Finding {
    let type_ = ConditionType::SLACompliant;
    if suspended {
        return Finding::is_unknown(type_, Reason::Suspended, "not judged while suspended");
    }
    let rolling = spec.window.as_ref().is_some_and(|window| window.type_ != WindowType::Period);
    let current = judgement.current.as_ref().filter(|_| rolling && judgement.last.is_some());
    let (name, verdict, value, target, since) = match (current, &judgement.last) {
        (Some(current), _) => (&current.name, current.verdict, &current.value, &current.target, current.as_of),
        (None, Some(last)) => (&last.name, last.verdict, &last.value, &last.target, judgement.last_ended_at),
        (None, None) => {
            return Finding::is_unknown(type_, Reason::NoClosedPeriod, "no measurement period has closed yet");
        }
    };
    let figures = match (value, target) {
        (Some(value), Some(target)) => format!("{name}: {value} against a target of {target}"),
        _ => format!("{name}: no value"),
    };
    let finding = match verdict {
        Verdict::Met => Finding::is_true(type_, Reason::TargetMet, figures),
        Verdict::Excused => Finding::is_true(type_, Reason::Excused, format!("{figures}, excused by accepted relief")),
        Verdict::Missed => Finding::is_false(type_, Reason::TargetMissed, figures),
        Verdict::NoData => Finding::is_unknown(type_, Reason::NoData, figures),
        Verdict::NotMeasured => Finding::is_unknown(type_, Reason::NoData, format!("{name}: not measured")),
        Verdict::Inconclusive => {
            Finding::is_unknown(type_, Reason::Inconclusive, format!("{figures}: the sample is too small to decide"))
        }
        Verdict::InsufficientVolume => {
            Finding::is_unknown(type_, Reason::InsufficientVolume, format!("{figures}: too few to judge"))
        }
    };
    finding.since(since)
}

fn at_risk(judgement: &KpiJudgement, suspended: bool) -> Finding {
    if suspended {
        return Finding::is_unknown(ConditionType::AtRisk, Reason::Suspended, "not judged while suspended");
    }
    let as_of = judgement.current.as_ref().and_then(|current| current.as_of);
    risk_finding(&judgement.risk)
        .unwrap_or_else(|| {
            Finding::is_unknown(ConditionType::AtRisk, Reason::NoData, "nothing is known yet of the running period")
        })
        .since(judgement.risk_since.or(as_of))
}

/// The condition AtRisk for a risk; `None` without data.
pub fn risk_finding(risk: &Risk) -> Option<Finding> {
    let type_ = ConditionType::AtRisk;
    Some(match risk {
        Risk::NoData => return None,
        Risk::OnTrack => Finding::is_false(type_, Reason::OnTrack, "no warning"),
        Risk::ProjectedMiss { message } => Finding::is_true(type_, Reason::ProjectedMiss, message.clone()),
        Risk::BudgetBurn { message } => Finding::is_true(type_, Reason::BudgetBurn, message.clone()),
        Risk::BelowWarning { message } => Finding::is_true(type_, Reason::BelowWarning, message.clone()),
    })
}

fn gaming(gaming: &Gaming) -> Finding {
    let type_ = ConditionType::GamingSuspected;
    match gaming {
        Gaming::NoCounterMetric => Finding::is_unknown(type_, Reason::NoCounterMetric, "spec.counterMetric is not set"),
        Gaming::NoData => Finding::is_unknown(type_, Reason::NoData, "too few closed periods to compare"),
        Gaming::NotSuspected => Finding::is_false(type_, Reason::NotSuspected, "the counter metric has held"),
        Gaming::Suspected { message } => Finding::is_true(type_, Reason::CounterMetricWorse, message.clone()),
    }
}

/// What the comparison of two sources found in the latest closed period; before one has closed, in the running one.
fn sources(spec: &KpiTargetSpec, judgement: &KpiJudgement, suspended: bool) -> Finding {
    let type_ = ConditionType::SourcesAgree;
    let Some(rule) = &spec.source.cross_check else {
        return Finding::is_true(type_, Reason::OneSource, "one source is agreed: spec.source.crossCheck is not set");
    };
    let closed = judgement.last.as_ref().map(|last| (&last.name, &last.sources, judgement.last_ended_at));
    let running = judgement.current.as_ref().map(|current| (&current.name, &current.sources, current.as_of));
    let Some((name, Some(line), since)) = closed.or(running).filter(|_| !suspended) else {
        return Finding::is_unknown(type_, Reason::NoData, "nothing is compared yet");
    };
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "no value".to_owned());
    let (vendor, own) = (value(&line.vendor), value(&line.own));
    let apart = line.difference.as_deref().unwrap_or("0");
    let judged = match line.judged {
        SourceParty::Vendor => "the vendor's",
        SourceParty::Own => "the client's own",
    };
    let finding = match line.finding {
        SourcesFinding::Agree => Finding::is_true(
            type_,
            Reason::Agree,
            format!(
                "{name}: the vendor's {vendor} and the client's own {own} lie {apart} apart, within {}",
                rule.tolerance
            ),
        ),
        SourcesFinding::Disagree => Finding::is_false(
            type_,
            Reason::Disagree,
            format!(
                "{name}: the vendor's {vendor} and the client's own {own} lie {apart} apart, more than {}; {judged} is judged",
                rule.tolerance
            ),
        ),
        SourcesFinding::OneSource => Finding::is_true(
            type_,
            Reason::OneSource,
            format!(
                "{name}: too little to compare (the vendor's {vendor}, the client's own {own}); {judged} is judged"
            ),
        ),
        SourcesFinding::NoData => {
            Finding::is_unknown(type_, Reason::NoData, format!("{name}: neither source has data"))
        }
    };
    finding.since(since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ObservedKpiTarget, decide_kpi_target, target_text};
    use crate::api::condition::EventReason;
    use crate::domain::fixtures::specs::target;
    use crate::domain::holdings::ContractOfKpi;
    use crate::domain::terms::finding::{Finding, InvalidSpec};

    #[test]
    fn a_spec_that_is_wrong_from_the_beginning_has_one_event_however_often_its_status_cannot_be_written() {
        let spec = target(json!({"kpi": "ServiceLevel"}));
        let wrong =
            Finding { kind: "KpiTarget", name: "level".into(), field: "spec.kpi".into(), message: "wrong".into() };
        let notices = |now: &str| {
            let observed = ObservedKpiTarget {
                name: "level",
                generation: Some(3),
                previous: None,
                spec: &spec,
                invalid: Some(InvalidSpec(vec![wrong.clone()])),
                unresolved: &[],
                contract: &ContractOfKpi::Pending,
            };
            decide_kpi_target(&observed, now.parse().unwrap()).notices
        };
        let first = notices("2026-02-01T00:00:00Z");
        assert_eq!(first.len(), 1, "{first:?}");
        assert_eq!((first[0].reason, first[0].key.as_str()), (EventReason::InvalidSpec, "generation 3"));
        assert_eq!(notices("2026-02-01T00:05:00Z"), first);
    }

    #[test]
    fn the_target_is_shown_with_its_unit_and_with_the_time_that_was_agreed() {
        for (spec, expected) in [
            (json!({"kpi": "ServiceLevel"}), "≥ 80 %"),
            (json!({"kpi": "ServiceLevel", "within": "20s"}), "≥ 80 % in 20 s"),
            (json!({"kpi": "LongWaitRate", "objective": {"target": 10}, "within": "2m"}), "≤ 10 % beyond 2 min"),
            (
                json!({"kpi": "ServiceLevel", "within": "20s", "tally": {"each": "Day", "target": 80}, "objective": {"target": 2}}),
                "≤ 2 days not ≥ 80 % in 20 s",
            ),
            (
                json!({"kpi": "AverageHandleTime", "objective": {"comparison": "Between", "target": 240, "upper": 420}}),
                "240 to 420 s",
            ),
        ] {
            assert_eq!(target_text(&target(spec.clone())), expected, "{spec}");
        }
    }
}
