//! The report of one closed period, as two companies sign it: a [`SlaReportSpec`] in words.

mod changes;
mod html;
mod insight;
mod lines;
mod money;
mod text;
mod xlsx;

pub use changes::Change;
pub use html::html;
pub use insight::{Insight, InsightKind};
pub use lines::{EvidenceLine, ResultLine};
pub use money::{LedgerLine, LedgerWeight, Money};
pub use text::{markdown, text};
pub use xlsx::xlsx;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::made_of::{self, Advice, Listed, MadeOf, Unlisted};
use super::page::Key;
use super::words::{self, period_title};
use crate::api::kpi_target::{KpiClass, Verdict};
use crate::api::sla_report::{ClockKind, SlaReportSpec, SlaReportStatus};
use crate::api::vendor_contract::{CLIENT, TriggerConsequence};
use crate::api::verdict::PeriodState;
use crate::domain::terms::contract_terms::Terms;

/// What a report is shown from. Nothing else is read.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its namespace; empty where files name none.
    pub namespace: &'a str,
    /// Name of the SlaReport.
    pub name: &'a str,
    /// What is signed.
    pub report: &'a SlaReportSpec,
    /// Its provenance, where the cluster has it.
    pub status: Option<&'a SlaReportStatus>,
    /// The terms as they are now, where the contract still exists: names, units and bands.
    pub terms: Option<&'a Terms>,
    /// The latest revisions of the same contract's earlier periods, the newest first.
    pub earlier: &'a [&'a SlaReportSpec],
    /// What its figures are made of, where the evidence was at hand.
    pub evidence: Option<made_of::Evidence<'a>>,
}

/// A report in words: everything that a page, a text or a program shows of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodReport {
    /// Its namespace; empty where files name none.
    pub namespace: String,
    /// Name of the SlaReport.
    pub name: String,
    /// The contract.
    pub contract: String,
    /// Who is served; "the client" where the contract does not say.
    pub client: String,
    /// Who serves.
    pub vendor: String,
    /// The period in words.
    pub period: String,
    /// The answer in one sentence.
    pub headline: String,
    /// What to know of it, in sentences.
    pub summary: Vec<String>,
    /// Report, state, period, how far the data reaches, clock.
    pub facts: Vec<(&'static str, String)>,
    /// Score, rating, points, credit.
    pub keys: Vec<Key>,
    /// The KPIs: misses first, the gravest first.
    pub lines: Vec<ResultLine>,
    /// What the result sets in motion.
    pub follows: Vec<Consequence>,
    /// From points and credits to what is owed; absent without charges.
    pub money: Option<Money>,
    /// What the figures say together, the most costly first.
    pub insight: Vec<Insight>,
    /// What changed against the periods before.
    pub changes: Vec<Change>,
    /// The periods that it is compared with, in words.
    pub compared_with: Vec<String>,
    /// What each figure is made of: its days and its parts. Misses first, as in `lines`.
    pub made_of: Vec<MadeOf>,
    /// What to do to see days and parts that are not shown.
    pub advice: Option<Advice>,
    /// What else there is to know: excuses, gaps, small samples, tiers, restatement.
    pub notes: Vec<(&'static str, String)>,
    /// The rows that were judged.
    pub evidence: Vec<EvidenceLine>,
    /// The heads of the chains.
    pub heads: Vec<EvidenceLine>,
    /// Whether the operator's clock was a rehearsal.
    pub rehearsal: bool,
}

/// What a trigger sets in motion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consequence {
    /// The trigger.
    pub trigger: String,
    /// The KPI that set it off.
    pub because: String,
    /// What follows.
    pub follows: &'static str,
}

/// The latest revision of each earlier period of the contract that a report is about, the newest first.
pub fn earlier<'a>(reports: impl IntoIterator<Item = &'a SlaReportSpec>, of: &SlaReportSpec) -> Vec<&'a SlaReportSpec> {
    let is_earlier = |spec: &&SlaReportSpec| spec.contract == of.contract && spec.period.start < of.period.start;
    let mut earlier: Vec<&SlaReportSpec> = reports.into_iter().filter(is_earlier).collect();
    earlier.sort_by_key(|spec| std::cmp::Reverse((spec.period.start, spec.revision)));
    earlier.dedup_by_key(|spec| spec.period.start);
    earlier
}

impl PeriodReport {
    /// Puts a report into words.
    pub fn of(facts: &Facts<'_>) -> PeriodReport {
        let report = facts.report;
        let zone = zone(facts);
        let currency = report.credit.as_ref().map_or("", |credit| credit.currency.as_str());
        let lines = lines::lines(facts, currency);
        let changes = changes::changes(facts, &lines, currency);
        let rehearsal = facts.status.and_then(|status| status.clock) == Some(ClockKind::Rehearsal);
        PeriodReport {
            namespace: facts.namespace.to_owned(),
            name: facts.name.to_owned(),
            contract: report.contract.clone(),
            client: facts.terms.map_or(CLIENT, |terms| terms.contract.client_name()).to_owned(),
            vendor: facts.terms.map_or_else(|| "the vendor".to_owned(), |terms| terms.contract.vendor.name.clone()),
            period: period_title(&report.period.name),
            headline: headline(report, currency),
            summary: summary(report, &lines, &changes),
            facts: provenance(facts, &zone, rehearsal),
            keys: keys(report, currency),
            follows: consequences(report, &lines),
            money: report.credit.as_ref().map(|credit| money::money(report, credit, &lines)),
            insight: insight::insight(facts, &lines, currency),
            changes,
            compared_with: facts
                .earlier
                .iter()
                .take(changes::COMPARED)
                .map(|it| period_title(&it.period.name))
                .collect(),
            made_of: made_of(facts, &lines, currency),
            advice: advice(facts),
            notes: lines::notes(report, &lines, &zone),
            evidence: lines::evidence(report),
            heads: facts.status.map(lines::heads).unwrap_or_default(),
            lines,
            rehearsal,
        }
    }
}

impl PeriodReport {
    /// The contract and its parties, such as `Contract acme-care between Client plc and Acme Contact Services`.
    pub fn parties(&self) -> String {
        format!("Contract {} between {} and {}", self.contract, self.client, self.vendor)
    }
}

/// What the figures of the lines are made of, in the order of the lines.
fn made_of(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Vec<MadeOf> {
    let last = last_day(facts);
    let made = lines.iter().filter_map(|line| {
        let evidence = facts.evidence.as_ref().and_then(|evidence| Some((evidence, evidence.now.get(&line.name)?)));
        if let Some((evidence, broken)) = evidence {
            let before = evidence.before.and_then(|before| before.get(&line.name));
            return Some(MadeOf::of(&line.name, &line.title, broken, before, currency));
        }
        let own = facts.report.kpis.iter().find(|own| own.name == line.name)?;
        let listed = Listed::of_line(own, facts.earlier.first().copied(), last)?;
        Some(MadeOf::listed(&line.name, &line.title, &listed, currency))
    });
    made.filter(MadeOf::says_something).collect()
}

/// The last day of the period.
fn last_day(facts: &Facts<'_>) -> Date {
    let end = facts.report.period.end;
    end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(end).to_zoned(zone(facts)).date()
}

/// What to do where days and parts are missing.
fn advice(facts: &Facts<'_>) -> Option<Advice> {
    let measured = || facts.report.kpis.iter().filter(|line| line.value.is_some());
    match &facts.evidence {
        _ if measured().next().is_none() => None,
        None if facts.report.kpis.iter().any(|line| !line.days.is_empty() || !line.parts.is_empty()) => None,
        None => {
            let command = format!("report {}", made_of::in_a_shell(facts.name));
            let are_tallies = measured().all(|line| line.basis.as_ref().is_some_and(|basis| basis.tally.is_some()));
            let why = Unlisted::of_report(facts.report.kpis.len(), &facts.report.period, are_tallies);
            Some(Advice::without_evidence(&facts.report.contract, &command, why))
        }
        Some(evidence) => {
            let all = measured().all(|line| evidence.now.contains_key(&line.name));
            (!all).then(Advice::other_figures)
        }
    }
}

/// The contract's zone, or UTC where the contract is gone.
fn zone(facts: &Facts<'_>) -> TimeZone {
    facts
        .terms
        .and_then(|terms| crate::domain::terms::calendar::zone_of(&terms.contract.time_zone).ok())
        .unwrap_or(TimeZone::UTC)
}

/// How many KPIs count, and how many of them were missed. Dry runs do not count.
fn counted(report: &SlaReportSpec) -> (usize, usize) {
    let counted = || report.kpis.iter().filter(|line| !line.dry_run && line.verdict != Verdict::NotMeasured);
    (counted().count(), counted().filter(|line| line.verdict == Verdict::Missed).count())
}

fn headline(report: &SlaReportSpec, currency: &str) -> String {
    let period = words::capital(&period_title(&report.period.name));
    let (all, missed) = counted(report);
    let judged =
        report.kpis.iter().any(|line| matches!(line.verdict, Verdict::Met | Verdict::Missed | Verdict::Excused));
    let result = match (judged, missed) {
        (false, _) => "nothing could be judged".to_owned(),
        (true, 0) => "no target missed".to_owned(),
        (true, 1) => format!("one of {} targets missed", words::number_word(all)),
        (true, missed) => format!("{} of {} targets missed", words::number_word(missed), words::number_word(all)),
    };
    let owed = report.credit.as_ref().filter(|credit| !words::is_zero(&credit.net));
    let owed = owed.map(|credit| format!(", {} owed", words::money(&credit.net, currency))).unwrap_or_default();
    format!("{period}: {result}{owed}")
}

/// The gravest miss, how many others there are, and what got better, in sentences with their figures.
fn summary(report: &SlaReportSpec, lines: &[ResultLine], changes: &[Change]) -> Vec<String> {
    let missed: Vec<&ResultLine> =
        lines.iter().filter(|line| line.verdict == Verdict::Missed && !line.dry_run).collect();
    let mut sentences = Vec::new();
    if let Some(gravest) = missed.first() {
        let value = gravest.value.as_deref().unwrap_or("no value");
        let severity = gravest.severity.map(|severity| format!(", a {severity} miss")).unwrap_or_default();
        sentences.push(format!("{} was {value} against {}{severity}.", gravest.title, gravest.target));
    }
    if missed.len() > 1 {
        let others: Vec<String> = missed.iter().skip(1).map(|line| line.title.clone()).collect();
        sentences.push(format!("Also missed: {}.", words::list(&others)));
    }
    if let Some(worst) = changes.first().filter(|change| change.worse) {
        sentences.push(format!("{} changed most: {} before, {} now.", worst.title, worst.before, worst.now));
    }
    let repeats: Vec<String> = missed.iter().filter(|line| line.repeat).map(|line| line.title.clone()).collect();
    if !repeats.is_empty() {
        sentences.push(format!("Missed for the second time or more in a row: {}.", words::list(&repeats)));
    }
    if !report.gaps.is_empty() {
        sentences.push("The data has gaps; they are listed below.".to_owned());
    }
    sentences
}

fn provenance(facts: &Facts<'_>, zone: &TimeZone, rehearsal: bool) -> Vec<(&'static str, String)> {
    let report = facts.report;
    let state = match report.state {
        PeriodState::Provisional => format!("Provisional, revision {}: late data still counts", report.revision),
        PeriodState::Final => format!("Final, revision {}", report.revision),
    };
    let reach = report.data_through.map_or_else(|| "no data".to_owned(), |instant| local(instant, zone));
    let gaps = if report.gaps.is_empty() { "no gap" } else { "with gaps" };
    let mut facts = vec![
        ("Report", facts.name.to_owned()),
        ("State", state),
        ("Period", format!("{} to {}", local(report.period.start, zone), local(report.period.end, zone))),
        ("Time zone", zone.iana_name().unwrap_or("UTC").to_owned()),
        ("Data through", format!("{reach}; {gaps}")),
    ];
    if rehearsal {
        facts.push(("Clock", "Rehearsal: this report is practice and binds nobody".to_owned()));
    }
    facts
}

/// An instant in the contract's zone, such as `2026-03-31 08:30`.
fn local(instant: Timestamp, zone: &TimeZone) -> String {
    let zoned = instant.to_zoned(zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}

fn keys(report: &SlaReportSpec, currency: &str) -> Vec<Key> {
    let score = report.score.as_deref();
    let confidence = report.confidence.as_deref().unwrap_or("0");
    let mut keys = vec![
        Key {
            name: "Score",
            figure: score.map_or_else(|| "none".to_owned(), words::thousands),
            note: format!("of 100, for {}% of the weight", words::thousands(confidence)),
        },
        Key {
            name: "Rating",
            figure: report.rating.map_or("None", words::rating_title).to_owned(),
            note: "the worst of the Critical KPIs".to_owned(),
        },
        Key { name: "Service points", figure: report.points.to_string(), note: points_note(report) },
    ];
    if let Some(credit) = &report.credit {
        let note = match credit.capped_by.is_empty() {
            true => "owed by the vendor".to_owned(),
            false => format!("{} before caps", words::money(&credit.before_caps, currency)),
        };
        keys.push(Key { name: "Credit", figure: words::money(&credit.net, currency), note });
    }
    keys
}

fn points_note(report: &SlaReportSpec) -> String {
    let parts: Vec<String> = report
        .kpis
        .iter()
        .filter(|line| line.points != 0)
        .map(|line| format!("{} {}", line.points, words::kpi_title(line.kpi, &line.name)))
        .collect();
    if parts.is_empty() { "no miss costs points".to_owned() } else { words::list(&parts) }
}

fn consequences(report: &SlaReportSpec, lines: &[ResultLine]) -> Vec<Consequence> {
    let title =
        |name: &str| lines.iter().find(|line| line.name == name).map_or_else(|| name.to_owned(), |it| it.title.clone());
    report
        .triggers
        .iter()
        .map(|trigger| Consequence {
            trigger: trigger.name.clone(),
            because: trigger.kpi.as_deref().map_or_else(|| "the period as a whole".to_owned(), title),
            follows: match trigger.then {
                TriggerConsequence::TerminationRight => "the client may terminate",
                TriggerConsequence::RectificationPlan => "the vendor owes a rectification plan",
                TriggerConsequence::Notify => "both parties are notified",
            },
        })
        .collect()
}

/// `reported only`, `dry run` or nothing.
pub(super) fn standing(class: KpiClass, dry_run: bool) -> Option<&'static str> {
    match (class, dry_run) {
        (_, true) => Some("dry run"),
        (KpiClass::KeyMeasurement, false) => Some("reported only"),
        (KpiClass::Critical, false) => None,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod fixtures;
