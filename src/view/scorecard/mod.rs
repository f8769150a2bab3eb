//! The scorecard of a contract: is it all right, and why not. Contract, KpiTargets and their statuses in words.

mod html;
mod text;
mod year;

pub use html::html;
pub use text::{markdown, text};
pub use year::{Lane, Year};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::ResourceExt;
use serde::Serialize;

use super::bullets::{Measured, bullet};
use super::charts::Bullet;
use super::marks::rank;
use super::words::{self, figure, kpi_title, money_at_a_glance, period_title, shown_value};
use crate::api::condition::{Condition, ConditionStatus};
use crate::api::kpi_target::{HistoryEntry, KpiTargetStatus, Outlook, Verdict};
use crate::api::vendor_contract::{Advice, TriggerConsequence, VendorContractStatus};
use crate::api::verdict::{PeriodState, Severity};
use crate::api::{CampaignLaunch, KpiTarget, VendorContract};
use crate::domain::decision::kpi_target::comparison_of;

/// How many closed periods the bars show.
pub const PERIODS: usize = 13;

/// A contract at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scorecard {
    /// Its namespace; empty where files name none.
    pub namespace: String,
    /// The contract.
    pub contract: String,
    /// Who serves.
    pub vendor: String,
    /// The answer in one sentence.
    pub headline: String,
    /// What deserves a question, the most pressing first.
    pub to_raise: Vec<String>,
    /// Term, period, zone.
    pub facts: Vec<(&'static str, String)>,
    /// Score, credits, running period, next.
    pub keys: Vec<crate::view::page::Key>,
    /// The KPIs by name.
    pub lines: Vec<ScoreLine>,
    /// Triggers, escalation, plans, what is overdue.
    pub commitments: Vec<(&'static str, String)>,
    /// How the feeds are.
    pub feeds: Vec<(String, String)>,
    /// The dates of the year; absent where the instant is not known as of which it speaks.
    pub year: Option<Year>,
    /// Advice on the contract itself.
    pub advice: Vec<String>,
    /// Names of its reports to link to, the newest first.
    #[serde(skip)]
    pub reports: Vec<String>,
    /// Names of its launches to link to.
    #[serde(skip)]
    pub launches: Vec<String>,
}

/// One KPI at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreLine {
    /// Name of the KpiTarget.
    pub name: String,
    /// The KPI as people say it.
    pub title: String,
    /// `reported only` or `dry run`.
    pub standing: Option<&'static str>,
    /// The target with its unit.
    pub target: String,
    /// The latest closed period in words, its value and verdict.
    pub last: Option<(String, String)>,
    /// The verdict of the latest closed period.
    pub verdict: Option<Verdict>,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// The running period: its value.
    pub running: Option<String>,
    /// What it is heading for, in words.
    pub outlook: Option<String>,
    /// Whether it is at risk, with the reason in words.
    pub at_risk: Option<String>,
    /// The closed periods, the oldest first.
    pub history: Vec<Past>,
    /// The picture of the latest closed value.
    #[serde(skip)]
    pub bullet: Option<Bullet>,
}

/// One closed period of a KPI.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Past {
    /// The period.
    pub period: String,
    /// The value with its unit.
    pub value: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
}

impl Scorecard {
    /// Puts a contract and its KPIs into words.
    pub fn of(contract: &VendorContract, kpis: &[KpiTarget]) -> Scorecard {
        let empty = VendorContractStatus::default();
        let status = contract.status.as_ref().unwrap_or(&empty);
        let currency = status.credits.as_ref().map_or("", |credits| credits.currency.as_str());
        let mut lines: Vec<ScoreLine> = kpis.iter().map(|kpi| line(kpi, currency)).collect();
        lines.sort_by(|one, other| one.name.cmp(&other.name));
        Scorecard {
            namespace: contract.namespace().unwrap_or_default(),
            contract: contract.name_any(),
            vendor: contract.spec.vendor.name.clone(),
            headline: headline(status, &lines),
            to_raise: to_raise(status, &lines, kpis),
            facts: facts(contract),
            keys: keys(status, &lines, currency),
            commitments: commitments(status).into_iter().chain(two_sources(kpis)).collect(),
            feeds: feeds(contract, status),
            year: None,
            advice: advice(status),
            reports: Vec::new(),
            launches: Vec::new(),
            lines,
        }
    }
}

impl Scorecard {
    /// The same with the dates of the year around an instant.
    #[must_use]
    pub fn in_year(self, contract: &VendorContract, launches: &[CampaignLaunch], now: Timestamp) -> Scorecard {
        Scorecard { year: Year::of(contract, launches, now), ..self }
    }
}

fn line(kpi: &KpiTarget, currency: &str) -> ScoreLine {
    let empty = KpiTargetStatus::default();
    let (spec, status) = (&kpi.spec, kpi.status.as_ref().unwrap_or(&empty));
    let unit = words::unit(spec.kpi, spec.variant, Some(spec));
    let comparison = comparison_of(spec);
    let upper = spec.objective.upper.map(|upper| upper.to_string());
    let agreed = spec.objective.target.to_string();
    let last = status.last.as_ref();
    let target = last.and_then(|last| last.target.clone()).unwrap_or_else(|| agreed.clone());
    let shown = |value: &str| figure(&shown_value(value, &[Some(&target), upper.as_deref()]), unit, currency);
    let measured = last.map(|last| Measured {
        comparison,
        target: Some(&target),
        upper: upper.as_deref(),
        value: last.value.as_deref(),
        verdict: last.verdict,
        severity: last.severity,
    });
    let title = kpi_title(spec.kpi, &kpi.name_any());
    let running = status.current.as_ref();
    ScoreLine {
        name: kpi.name_any(),
        standing: super::report::standing(spec.class, spec.dry_run),
        target: words::target(comparison, Some(&agreed), upper.as_deref(), unit, currency),
        last: last.map(|last| (period_title(&last.name), last.value.as_deref().map_or_else(|| "–".to_owned(), shown))),
        verdict: last.map(|last| last.verdict),
        severity: last.and_then(|last| last.severity),
        running: running.and_then(|current| current.value.as_deref()).map(shown),
        outlook: running.and_then(|current| {
            let heads = current.projected.as_deref().map(|projected| format!("heads for {}", shown(projected)));
            match current.outlook {
                Some(Outlook::Secured) => Some("secured".to_owned()),
                Some(Outlook::Unreachable) => Some("out of reach".to_owned()),
                Some(Outlook::Open) | None => heads,
            }
        }),
        at_risk: condition(&status.conditions, "AtRisk")
            .filter(|found| found.status == ConditionStatus::True)
            .map(|found| found.message.clone()),
        history: status.history.iter().take(PERIODS).rev().map(|past| past_of(past, &shown)).collect(),
        bullet: measured.and_then(|measured| bullet(&title, &measured, Some(spec), unit, currency)),
        title,
    }
}

fn past_of(past: &HistoryEntry, shown: &dyn Fn(&str) -> String) -> Past {
    Past {
        period: past.name.clone(),
        value: past.value.as_deref().map_or_else(|| "no value".to_owned(), shown),
        verdict: past.verdict,
        severity: past.severity,
    }
}

fn condition<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == name)
}

fn counted(lines: &[ScoreLine]) -> impl Iterator<Item = &ScoreLine> {
    lines.iter().filter(|line| line.standing != Some("dry run"))
}

fn headline(status: &VendorContractStatus, lines: &[ScoreLine]) -> String {
    let Some(last) = &status.last else { return "No period has closed yet".to_owned() };
    let period = period_title(&last.name);
    let missed = counted(lines).filter(|line| line.verdict == Some(Verdict::Missed)).count();
    let judged = counted(lines).filter(|line| line.verdict.is_some_and(is_judged)).count();
    let at_risk = counted(lines).filter(|line| line.at_risk.is_some()).count();
    let result = match (judged, missed) {
        (0, _) => format!("Nothing could be judged in {period}"),
        (_, 0) => format!("Every judged target was met in {period}"),
        (all, missed) => format!(
            "{} of {} targets missed in {period}",
            words::capital(&words::number_word(missed)),
            words::number_word(all.max(missed))
        ),
    };
    match at_risk {
        0 => format!("{result}, and nothing is at risk"),
        1 => format!("{result}, and one is at risk"),
        count => format!("{result}, and {} are at risk", words::number_word(count)),
    }
}

fn is_judged(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Met | Verdict::Missed | Verdict::Excused)
}

/// Risks first, then suspicion of gaming, then worsening trends, then what a feed withholds.
fn to_raise(status: &VendorContractStatus, lines: &[ScoreLine], kpis: &[KpiTarget]) -> Vec<String> {
    let rights = status.triggers.iter().filter(|trigger| trigger.then == TriggerConsequence::TerminationRight);
    let mut raised: Vec<String> = rights
        .map(|trigger| {
            let kpi = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
            let since = period_title(&trigger.period);
            format!("The client may terminate since {since}: trigger {}{kpi}", trigger.name)
        })
        .collect();
    raised.extend(missed(lines));
    raised
        .extend(lines.iter().filter_map(|line| Some(format!("{} is at risk: {}", line.title, line.at_risk.as_ref()?))));
    for kpi in kpis {
        let Some(status) = &kpi.status else { continue };
        let gaming = condition(&status.conditions, "GamingSuspected");
        if let Some(found) = gaming.filter(|found| found.status == ConditionStatus::True) {
            raised.push(format!("{}: {}", kpi_title(kpi.spec.kpi, &kpi.name_any()), found.message));
        }
    }
    for feed in status.feeds.iter().filter(|feed| !feed.healthy) {
        raised.push(format!("Feed {} fails: {}", feed.name, feed.reason));
    }
    raised
}

/// The targets that the latest closed period missed, the gravest first.
fn missed(lines: &[ScoreLine]) -> Vec<String> {
    let is_missed = |line: &&ScoreLine| line.verdict == Some(Verdict::Missed) && line.standing.is_none();
    let mut missed: Vec<&ScoreLine> = lines.iter().filter(is_missed).collect();
    missed.sort_by_key(|line| std::cmp::Reverse(line.severity.map_or(0, rank)));
    let sentence = |line: &ScoreLine| {
        let (period, value) = line.last.as_ref()?;
        let severity = line.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
        Some(format!("{} missed its target in {period}: {value} against {}{severity}", line.title, line.target))
    };
    missed.into_iter().filter_map(sentence).collect()
}

fn facts(contract: &VendorContract) -> Vec<(&'static str, String)> {
    let spec = &contract.spec;
    vec![
        ("Begins", spec.term.start.to_string()),
        ("Ends", spec.term.end.to_string()),
        ("Period", spec.period.to_string()),
        ("Time zone", spec.time_zone.clone()),
        ("Tiers", if spec.tiers.is_empty() { "none".to_owned() } else { spec.tiers.join(", ") }),
    ]
}

fn keys(status: &VendorContractStatus, lines: &[ScoreLine], currency: &str) -> Vec<crate::view::page::Key> {
    use super::page::Key;
    let mut keys = Vec::new();
    if let Some(last) = &status.last {
        let state = match last.state {
            PeriodState::Provisional => "provisional: late data still counts",
            PeriodState::Final => "final",
        };
        let figure = last.score.as_deref().map_or_else(|| "none".to_owned(), words::thousands);
        keys.push(Key { name: "Score", figure, note: format!("of 100, {}, {state}", period_title(&last.name)) });
    }
    if let Some(credits) = &status.credits {
        let so_far = credits.year_to_date.as_deref().unwrap_or("0");
        let cap = credits.year_cap.as_deref().map(|cap| format!("of at most {}", money_at_a_glance(cap, currency)));
        let note = cap.unwrap_or_else(|| "no cap of the year is agreed".to_owned());
        keys.push(Key { name: "Credits, contract year", figure: money_at_a_glance(so_far, currency), note });
    }
    let running = lines.iter().filter(|line| line.running.is_some()).count();
    let at_risk = lines.iter().filter(|line| line.at_risk.is_some()).count();
    let period = status.period.as_ref().map(|period| period_title(&period.name)).unwrap_or_default();
    keys.push(match running {
        0 => Key { name: "Running period", figure: "no data".to_owned(), note: period },
        _ => Key {
            name: "Running period",
            figure: format!("{} of {running}", running.saturating_sub(at_risk)),
            note: format!("on course, {period}"),
        },
    });
    let review = status.governance.as_ref().and_then(|governance| governance.next_review.as_ref());
    keys.push(match review {
        Some(review) => Key { name: "Next review", figure: review.due.to_string(), note: review.name.clone() },
        None => Key { name: "Next review", figure: "none".to_owned(), note: "no review is agreed".to_owned() },
    });
    keys
}

/// What two sources say of the KPIs that have two, by the latest closed period, or the running one before there is any.
fn two_sources(kpis: &[KpiTarget]) -> Option<(&'static str, String)> {
    let said = kpis.iter().filter_map(|kpi| {
        let status = kpi.status.as_ref()?;
        let closed = status.last.as_ref().map(|last| (&last.name, &last.sources));
        let running = status.current.as_ref().map(|current| (&current.name, &current.sources));
        let (period, sources) = closed.or(running)?;
        let title = words::kpi_title(kpi.spec.kpi, &kpi.name_any());
        Some(format!("{title}, {}: {}", period_title(period), words::sources(sources.as_ref()?)))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| ("Two sources", said.join("; ")))
}

fn commitments(status: &VendorContractStatus) -> Vec<(&'static str, String)> {
    let none = || "None.".to_owned();
    let joined = |items: Vec<String>| if items.is_empty() { none() } else { items.join("; ") };
    let triggers = status.triggers.iter().map(|trigger| {
        let follows = match trigger.then {
            TriggerConsequence::TerminationRight => "the client may terminate",
            TriggerConsequence::RectificationPlan => "a rectification plan is owed",
            TriggerConsequence::Notify => "both parties are notified",
        };
        let because = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
        format!("{}{because} since {}: {follows}", trigger.name, period_title(&trigger.period))
    });
    let escalation = status.escalation.as_ref().map_or_else(none, |escalation| {
        let people = words::list(&escalation.contacts);
        format!("Level {} because of {}; {people} to respond.", escalation.level, escalation.cause)
    });
    let governance = status.governance.as_ref();
    // A plan that answers several misses is in a status once for each.
    let plans = governance.map(|governance| {
        let mut plans: Vec<String> = Vec::new();
        for plan in &governance.plans {
            let due = plan.due.map(|due| format!(", due {due}")).unwrap_or_default();
            plans.push(format!("{}: {}{due}", plan.name, plan.state));
        }
        plans.dedup();
        plans
    });
    let overdue = governance
        .map(|governance| governance.overdue.iter().map(|it| format!("{} {} since {}", it.kind, it.name, it.due)));
    let disputes = governance.into_iter().flat_map(|governance| &governance.disputes);
    let disputes: Vec<String> = disputes
        .map(|dispute| {
            let about = dispute.kpi.as_deref().unwrap_or("the whole report");
            let due = dispute.due.map(|due| format!(", to be decided by {due}")).unwrap_or_default();
            let decision = dispute.decision.to_string().to_lowercase();
            format!("{} about {about} of {}: {decision}{due}", dispute.name, period_title(&dispute.period))
        })
        .collect();
    let disputes = (!disputes.is_empty()).then(|| ("Disputes", disputes.join("; ")));
    let commitments = [
        ("Triggers", joined(triggers.collect())),
        ("Escalation", escalation),
        ("Plans", joined(plans.into_iter().flatten().collect())),
        ("Overdue", joined(overdue.into_iter().flatten().collect())),
    ];
    commitments.into_iter().chain(disputes).collect()
}

/// Advice, each piece with the object that it concerns.
fn advice(status: &VendorContractStatus) -> Vec<String> {
    let sentence = |advice: &Advice| match &advice.kpi {
        Some(kpi) => format!("{kpi}: {}", advice.message),
        None => advice.message.clone(),
    };
    status.advice.iter().map(sentence).collect()
}

fn feeds(contract: &VendorContract, status: &VendorContractStatus) -> Vec<(String, String)> {
    let zone = crate::domain::terms::calendar::zone_of(&contract.spec.time_zone).unwrap_or(TimeZone::UTC);
    status
        .feeds
        .iter()
        .map(|feed| {
            let health = if feed.healthy { "answers".to_owned() } else { format!("fails: {}", feed.reason) };
            let reach = feed.watermark.map_or_else(
                || "no data yet".to_owned(),
                |until| format!("data without a gap until {}", until.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M")),
            );
            (feed.name.clone(), format!("{health}; {reach}"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
