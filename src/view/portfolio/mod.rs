//! The portfolio: which vendor needs somebody today, and who is better at what. Contracts, KpiTargets and reports in words.

mod compared;
mod html;
mod needs;
mod upcoming;

pub use compared::{Compared, ComparedLine};
pub use html::html;
pub use needs::Need;
pub use upcoming::Upcoming;

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::page::Key;
use super::words::{self, money_at_a_glance, number_word, period_title};
use crate::api::condition::ConditionStatus;
use crate::api::kpi_target::Verdict;
use crate::api::vendor_contract::{ContractPhase, VendorContractStatus};
use crate::api::verdict::Severity;
use crate::api::{CampaignLaunch, KpiTarget, SlaReport, VendorContract};

/// How many periods the line of scores shows.
const PERIODS: usize = 13;

/// What a portfolio is shown from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The contracts.
    pub contracts: &'a [VendorContract],
    /// Their KPIs.
    pub kpis: &'a [KpiTarget],
    /// Their launches.
    pub launches: &'a [CampaignLaunch],
    /// Their reports.
    pub reports: &'a [SlaReport],
    /// As of when.
    pub now: Timestamp,
}

/// All contracts at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Portfolio {
    /// The answer in one sentence.
    pub headline: String,
    /// What to know of it.
    pub summary: String,
    /// Contracts, those that need somebody, credits of the year by currency, what is overdue.
    pub keys: Vec<Key>,
    /// What somebody has to do, the most pressing first.
    pub needs: Vec<Need>,
    /// The contracts: those that need somebody first, then by score.
    pub lines: Vec<PortfolioLine>,
    /// Vendors side by side, a KPI each.
    pub compared: Vec<Compared>,
    /// The dates of the next weeks.
    pub upcoming: Vec<Upcoming>,
    /// As of when, in universal time.
    pub as_of: String,
}

/// One contract at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortfolioLine {
    /// Its namespace.
    pub namespace: String,
    /// The contract.
    pub contract: String,
    /// Who serves.
    pub vendor: String,
    /// How the running period goes.
    pub running: Running,
    /// What there is to know of that.
    pub running_note: String,
    /// The latest closed period in words, with what became of it.
    pub closed: Option<Closed>,
    /// The score of that period.
    pub score: Option<String>,
    /// The scores of the latest periods with one, the oldest first.
    pub scores: Vec<(String, String)>,
    /// Credits of the contract year, with their currency; absent where no money is agreed.
    pub credits: Option<String>,
    /// The cap of the contract year, with its currency.
    pub cap: Option<String>,
    /// How much of the cap is used, from 0 to 1.
    #[serde(skip)]
    pub used: Option<f64>,
    /// What is next.
    pub next: Option<String>,
}

/// The latest closed period of a contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Closed {
    /// The period in words.
    pub period: String,
    /// Missed where one target was missed, Met where all were met, else no verdict on the whole.
    pub verdict: Verdict,
    /// The gravest miss.
    pub severity: Option<Severity>,
    /// `7 of 8`.
    pub met: String,
}

/// How the running period of a contract goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs)]
pub enum Running {
    Silent,
    AtRisk,
    NoData,
    OnCourse,
    NotBegun,
    Suspended,
    Ended,
}

impl Running {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Running::Silent => "silent",
            Running::AtRisk => "at risk",
            Running::NoData => "no data yet",
            Running::OnCourse => "on course",
            Running::NotBegun => "not begun",
            Running::Suspended => "suspended",
            Running::Ended => "ended",
        }
    }
}

/// A contract with what belongs to it.
pub(super) struct Own<'a> {
    contract: &'a VendorContract,
    status: &'a VendorContractStatus,
    kpis: Vec<&'a KpiTarget>,
    reports: Vec<&'a SlaReport>,
}

impl Own<'_> {
    fn name(&self) -> String {
        self.contract.name_any()
    }

    fn namespace(&self) -> String {
        self.contract.namespace().unwrap_or_default()
    }

    fn condition(&self, name: &str) -> Option<&crate::api::condition::Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == name)
    }
}

impl Portfolio {
    /// Puts contracts into words.
    pub fn of(facts: &Facts<'_>) -> Portfolio {
        let empty = VendorContractStatus::default();
        let own = grouped(facts, &empty);
        let needs: Vec<Need> = needs::needs(&own);
        let mut lines: Vec<PortfolioLine> = own.iter().map(line).collect();
        let waiting = |line: &PortfolioLine| {
            needs.iter().position(|need| need.namespace == line.namespace && need.contract == line.contract)
        };
        lines.sort_by_cached_key(|line| {
            let score = line.score.as_ref().and_then(|score| score.parse::<Decimal>().ok());
            (waiting(line).unwrap_or(usize::MAX), score.is_none(), score, line.namespace.clone(), line.contract.clone())
        });
        Portfolio {
            headline: headline(&needs, lines.len()),
            summary: summary(&needs, &lines),
            keys: keys(&needs, &own),
            compared: compared::compared(facts),
            upcoming: upcoming::upcoming(facts),
            as_of: facts.now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            needs,
            lines,
        }
    }
}

type Key2 = (Option<String>, String);

fn grouped<'a>(facts: &Facts<'a>, empty: &'a VendorContractStatus) -> Vec<Own<'a>> {
    let mut kpis: BTreeMap<Key2, Vec<&KpiTarget>> = BTreeMap::new();
    for kpi in facts.kpis {
        kpis.entry((kpi.namespace(), kpi.spec.contract_ref.name.clone())).or_default().push(kpi);
    }
    let mut reports: BTreeMap<Key2, Vec<&SlaReport>> = BTreeMap::new();
    for report in facts.reports {
        reports.entry((report.namespace(), report.spec.contract.clone())).or_default().push(report);
    }
    facts
        .contracts
        .iter()
        .map(|contract| {
            let key = (contract.namespace(), contract.name_any());
            let mut reports = reports.remove(&key).unwrap_or_default();
            reports.sort_by_key(|report| std::cmp::Reverse((report.spec.period.start, report.spec.revision)));
            reports.dedup_by_key(|report| report.spec.period.start);
            let kpis = kpis.remove(&key).unwrap_or_default();
            Own { contract, status: contract.status.as_ref().unwrap_or(empty), kpis, reports }
        })
        .collect()
}

fn line(own: &Own<'_>) -> PortfolioLine {
    let status = own.status;
    let (running, running_note) = running(own);
    let last = status.last.as_ref();
    let credits = status.credits.as_ref();
    let amount = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Decimal>().ok());
    let used = credits.and_then(|credits| {
        let cap = amount(&credits.year_cap).filter(|cap| !cap.is_zero())?;
        (amount(&credits.year_to_date)? / cap).to_f64()
    });
    PortfolioLine {
        namespace: own.namespace(),
        contract: own.name(),
        vendor: own.contract.spec.vendor.name.clone(),
        running,
        running_note,
        closed: closed(own),
        score: last.and_then(|last| last.score.clone()),
        scores: own
            .reports
            .iter()
            .take(PERIODS)
            .rev()
            .filter_map(|report| Some((report.spec.period.name.clone(), report.spec.score.clone()?)))
            .collect(),
        credits: credits.map(|it| money_at_a_glance(it.year_to_date.as_deref().unwrap_or("0"), &it.currency)),
        cap: credits.and_then(|it| Some(money_at_a_glance(it.year_cap.as_deref()?, &it.currency))),
        used,
        next: next(status),
    }
}

fn closed(own: &Own<'_>) -> Option<Closed> {
    let last = own.status.last.as_ref()?;
    let counts = own.status.kpis.as_ref()?;
    let of_last = own.kpis.iter().filter(|kpi| !kpi.spec.dry_run).filter_map(|kpi| kpi.status.as_ref()?.last.as_ref());
    let missed = of_last.filter(|closed| closed.name == last.name && closed.verdict == Verdict::Missed);
    Some(Closed {
        period: period_title(&last.name),
        verdict: match (counts.missed, counts.met) {
            (0, 0) => Verdict::NoData,
            (0, _) => Verdict::Met,
            _ => Verdict::Missed,
        },
        severity: missed.filter_map(|closed| closed.severity).max(),
        met: format!("{} of {}", counts.met, counts.total),
    })
}

/// How the running period goes: what keeps anybody from knowing it comes first.
fn running(own: &Own<'_>) -> (Running, String) {
    let status = own.status;
    match status.phase {
        Some(ContractPhase::Ended) => return (Running::Ended, "nothing is measured any more".to_owned()),
        Some(ContractPhase::Pending) => return (Running::NotBegun, format!("begins {}", own.contract.spec.term.start)),
        Some(ContractPhase::Suspended) => return (Running::Suspended, "not judged until it is resumed".to_owned()),
        _ => {}
    }
    if let Some(feed) = needs::silent(own) {
        return (Running::Silent, feed);
    }
    let at_risk: Vec<String> = needs::at_risk(own).map(|(title, _)| title).collect();
    if !at_risk.is_empty() {
        return (Running::AtRisk, words::list(&at_risk));
    }
    let with_data = own.kpis.iter().filter(|kpi| {
        kpi.status.as_ref().and_then(|status| status.current.as_ref()).is_some_and(|current| current.value.is_some())
    });
    match with_data.count() {
        0 => (Running::NoData, String::new()),
        count => (Running::OnCourse, format!("{count} of {}", own.kpis.len())),
    }
}

/// What is next: what is overdue longest, else the next review.
fn next(status: &VendorContractStatus) -> Option<String> {
    let governance = status.governance.as_ref()?;
    let overdue = governance.overdue.iter().min_by_key(|overdue| overdue.due);
    let overdue = overdue.map(|it| format!("{} {} overdue since {}", it.kind, it.name, it.due));
    overdue.or_else(|| governance.next_review.as_ref().map(|review| format!("{}: review {}", review.due, review.name)))
}

fn headline(needs: &[Need], contracts: usize) -> String {
    let mut waiting: Vec<(&str, &str)> =
        needs.iter().map(|need| (need.namespace.as_str(), need.contract.as_str())).collect();
    waiting.sort_unstable();
    waiting.dedup();
    match (waiting.len(), contracts) {
        (_, 0) => "There is no contract here".to_owned(),
        (0, _) => "No contract needs you today".to_owned(),
        (1, _) => "One contract needs you".to_owned(),
        (count, _) => format!("{} contracts need you", words::capital(&number_word(count))),
    }
}

fn summary(needs: &[Need], lines: &[PortfolioLine]) -> String {
    let kinds = needs::counted(needs);
    let why = if kinds.is_empty() { String::new() } else { format!("{}. ", words::capital(&words::list(&kinds))) };
    let closed = || lines.iter().filter_map(|line| line.closed.as_ref());
    let met = closed().filter(|closed| closed.verdict == Verdict::Met).count();
    match closed().count() {
        0 => format!("{why}No period has closed yet."),
        all => format!(
            "{why}In the latest closed period {} of {} met every target that was judged.",
            number_word(met),
            number_word(all)
        ),
    }
}

fn keys(needs: &[Need], own: &[Own<'_>]) -> Vec<Key> {
    let mut credits: BTreeMap<&str, Decimal> = BTreeMap::new();
    for credit in own.iter().filter_map(|own| own.status.credits.as_ref()) {
        let amount = credit.year_to_date.as_deref().and_then(|amount| amount.parse::<Decimal>().ok());
        *credits.entry(credit.currency.as_str()).or_default() += amount.unwrap_or_default();
    }
    let credits: Vec<String> =
        credits.iter().map(|(currency, sum)| money_at_a_glance(&sum.to_string(), currency)).collect();
    let overdue: usize = own.iter().filter_map(|own| own.status.governance.as_ref()).map(|it| it.overdue.len()).sum();
    let at_risk = own.iter().filter(|own| is_true(own, "AtRisk")).count();
    let vendors: std::collections::BTreeSet<&str> =
        own.iter().map(|own| own.contract.spec.vendor.name.as_str()).collect();
    vec![
        Key { name: "Contracts", figure: own.len().to_string(), note: format!("with {}", of(vendors.len(), "vendor")) },
        Key { name: "Need you", figure: needs.len().to_string(), note: "things that somebody has to do".to_owned() },
        Key { name: "At risk", figure: at_risk.to_string(), note: format!("and {overdue} overdue") },
        Key {
            name: "Credits, contract years",
            figure: if credits.is_empty() { "none".to_owned() } else { credits.join(" + ") },
            note: "owed by vendors, a currency each".to_owned(),
        },
    ]
}

fn is_true(own: &Own<'_>, condition: &str) -> bool {
    own.condition(condition).is_some_and(|found| found.status == ConditionStatus::True)
}

/// `1 vendor`, `2 vendors`.
fn of(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests;
