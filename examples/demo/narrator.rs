//! Turns what the operator writes into sentences: reports, Events, and what the vendor was asked.

use std::collections::{BTreeMap, BTreeSet};

use bpo_operator::api::campaign_launch::LaunchPhase;
use bpo_operator::api::kpi_target::{KpiClass, Verdict};
use bpo_operator::api::sla_report::{KpiLine, SlaReportSpec};
use bpo_operator::api::vendor_contract::{CapKind, TriggerConsequence};
use bpo_operator::api::verdict::{Comparison, PeriodState};
use bpo_operator::api::{CampaignLaunch, SlaReport};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use k8s_openapi::api::events::v1::Event;

use super::launches;
use super::screen::{Mood, Story};
use super::vendor::{INTERVALS, OUTCOMES, TOTALS, VendorServer};

/// Events whose figures the reports show better.
const SHOWN_BY_REPORTS: [&str; 6] =
    ["TargetMissed", "TargetMet", "PeriodClosed", "PeriodFinal", "CreditDue", "TriggerFired"];

/// Events in which a contract repeats what its KPIs say.
const SHOWN_BY_KPIS: [&str; 2] = ["AtRisk", "AtRiskCleared"];

/// Narrates the story as it happens, and remembers what it has said.
pub(crate) struct Narrator<'a> {
    story: Story<'a>,
    vendor: &'a VendorServer,
    zone: TimeZone,
    begin: Timestamp,
    /// What it has said of each report.
    reports: BTreeMap<String, Narrated>,
    events: BTreeSet<(String, String, String)>,
    /// The last phase that it has said of each launch.
    phases: BTreeMap<String, LaunchPhase>,
    month_narrated: Option<Date>,
}

/// What it has said of one report.
#[derive(Default, PartialEq)]
struct Narrated {
    is_final: bool,
    lines: Vec<(Mood, String)>,
}

impl<'a> Narrator<'a> {
    /// Says what a vendor is asked for from `begin` on, in the days of a zone.
    pub(crate) fn new(story: Story<'a>, vendor: &'a VendorServer, zone: TimeZone, begin: Timestamp) -> Self {
        let (reports, events, phases) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { story, vendor, zone, begin, reports, events, phases, month_narrated: None }
    }

    /// The rehearsal's present, as the operator shows it to the vendor.
    pub(crate) fn now(&self) -> Timestamp {
        let asked = [INTERVALS, OUTCOMES].into_iter().filter_map(|feed| self.vendor.count(feed).latest_until);
        asked.max().unwrap_or(self.begin)
    }

    /// Moves the bar, and says once a month what was fetched.
    pub(crate) fn tick(&mut self) {
        let now = self.local_now();
        let days = now.timestamp().duration_since(self.begin).as_hours() / 24;
        self.story.reach(u64::try_from(days).unwrap_or_default(), &now.strftime("%-d %B %Y").to_string());
        let month = now.date().first_of_month();
        let [intervals, totals, outcomes] = [INTERVALS, TOTALS, OUTCOMES].map(|feed| self.vendor.count(feed));
        if intervals.rows == 0 || self.month_narrated.is_some_and(|narrated| narrated >= month) {
            return;
        }
        let narrated = match self.month_narrated {
            None => "The operator has asked the vendor for the first time".to_owned(),
            Some(_) => format!("It is {}", month.strftime("%B")),
        };
        self.month_narrated = Some(month);
        let sentence = format!(
            "{narrated}: {} rows of calls and {} rows of outcomes in {} requests so far.",
            intervals.rows + totals.rows,
            outcomes.rows,
            intervals.requests + totals.requests + outcomes.requests
        );
        self.tell(Mood::Plain, &sentence);
    }

    /// Says what is new in a report.
    pub(crate) fn report(&mut self, report: &SlaReport) {
        let name = report.metadata.name.clone().unwrap_or_default();
        let spec = &report.spec;
        let now = Narrated { is_final: spec.state == PeriodState::Final, lines: sentences(spec) };
        let before = self.reports.get(&name);
        if before == Some(&now) {
            return;
        }
        let (contract, period) = (&spec.contract, spoken(&spec.period.name));
        let score = spec.score.as_deref().map_or(String::new(), |score| format!(", score {score}"));
        let headline = match before {
            None if now.is_final => format!("{contract}: {period} is final{score}."),
            None => format!("{contract}: {period} has closed{score}. Late data still counts."),
            Some(before) if now.is_final && !before.is_final => {
                format!("{contract}: {period} is final{score}. Nothing changes the report {name} any more.")
            }
            Some(_) => format!("{contract}: {period} changed with late data{score}."),
        };
        let is_new = |line: &&(Mood, String)| before.is_none_or(|before| !before.lines.contains(line));
        let news: Vec<(Mood, String)> = now.lines.iter().filter(is_new).cloned().collect();
        // Small changes of a period that is still provisional are not news.
        if before.is_none() || now.is_final {
            self.tell(Mood::Plain, &headline);
            for (mood, sentence) in news {
                self.tell(mood, &format!("  {sentence}"));
            }
            self.reports.insert(name, now);
        }
    }

    /// Says which phase a launch has reached, if that is new.
    pub(crate) fn launch(&mut self, launch: &CampaignLaunch) {
        let Some(status) = &launch.status else { return };
        let Some(phase) = status.phase else { return };
        let name = launch.metadata.name.clone().unwrap_or_default();
        if self.phases.insert(name.clone(), phase) == Some(phase) {
            return;
        }
        for (mood, sentence) in launches::sentences(launch, status, phase) {
            self.tell(mood, &format!("{name}: {sentence}"));
        }
    }

    /// Says what an Event reports, if that is new.
    pub(crate) fn event(&mut self, event: &Event) {
        let reason = event.reason.clone().unwrap_or_default();
        let note = event.note.clone().unwrap_or_default();
        let object = event.regarding.as_ref().and_then(|object| object.name.clone()).unwrap_or_default();
        let is_contract =
            event.regarding.as_ref().is_some_and(|object| object.kind.as_deref() == Some("VendorContract"));
        let is_narrated_elsewhere =
            SHOWN_BY_REPORTS.contains(&reason.as_str()) || (is_contract && SHOWN_BY_KPIS.contains(&reason.as_str()));
        let is_news = !is_narrated_elsewhere && self.events.insert((object.clone(), reason.clone(), note.clone()));
        if is_news {
            let mood = if event.type_.as_deref() == Some("Warning") { Mood::Bad } else { Mood::Good };
            self.tell(mood, &format!("{object}: {reason}: {note}"));
        }
    }

    /// One sentence at the rehearsal's present.
    pub(crate) fn tell(&self, mood: Mood, sentence: &str) {
        self.story.tell(&self.local_now().date().to_string(), mood, sentence);
    }

    fn local_now(&self) -> Zoned {
        self.now().to_zoned(self.zone.clone())
    }
}

/// A period's name as people say it: `2026-03` is March 2026.
fn spoken(period: &str) -> String {
    match format!("{period}-01").parse::<Date>() {
        Ok(day) => day.strftime("%B %Y").to_string(),
        Err(_) => period.to_owned(),
    }
}

/// What a report says that people want to know: each KPI that was not simply met, tiers that were not served as they are
/// owed, money, triggers.
fn sentences(report: &SlaReportSpec) -> Vec<(Mood, String)> {
    let mut sentences: Vec<(Mood, String)> = Vec::new();
    let met = report.kpis.iter().filter(|line| line.verdict == Verdict::Met).count();
    sentences.push((Mood::Good, format!("{met} of {} KPIs met.", report.kpis.len())));
    sentences.extend(report.kpis.iter().filter_map(verdict_sentence));
    sentences.extend(report.kpis.iter().filter_map(tier_sentence));
    sentences.extend(money_sentences(report));
    for trigger in &report.triggers {
        let kpi = trigger.kpi.as_deref().map_or(String::new(), |kpi| format!(", by {kpi}"));
        let consequence = match trigger.then {
            TriggerConsequence::TerminationRight => "the client may terminate",
            TriggerConsequence::RectificationPlan => "the vendor owes a rectification plan",
            TriggerConsequence::Notify => "both parties are notified",
        };
        sentences.push((Mood::Bad, format!("The trigger {} fires{kpi}: {consequence}.", trigger.name)));
    }
    sentences
}

fn verdict_sentence(line: &KpiLine) -> Option<(Mood, String)> {
    let name = &line.name;
    let value = line.value.as_deref().unwrap_or("–");
    let target = format!("{} {}", comparison_sign(line.comparison), line.target.as_deref().unwrap_or("–"));
    match line.verdict {
        Verdict::Met => None,
        Verdict::Missed => {
            let severity = line.severity.map_or(String::new(), |severity| format!(", {severity:?}"));
            let repeat = if line.repeat { ", again" } else { "" };
            let points = match (line.points, line.class) {
                (0, KpiClass::KeyMeasurement) => ", reported only".to_owned(),
                (0, KpiClass::Critical) => String::new(),
                (points, _) => format!(", {points} points"),
            };
            Some((Mood::Bad, format!("{name} missed: {value} where {target} was owed{severity}{repeat}{points}.")))
        }
        Verdict::Excused => {
            let raw = line.raw_value.as_deref().unwrap_or("–");
            let causes = line.excused_by.join(", ");
            let sentence = format!("{name} is excused: {raw} where {target} was owed, but {value} without {causes}.");
            Some((Mood::Plain, sentence))
        }
        Verdict::Inconclusive => {
            let volume = line.denominator.as_deref().unwrap_or("–");
            let sentence = format!("{name} is inconclusive: {value} against {target}, from {volume} cases only.");
            Some((Mood::Plain, sentence))
        }
        other => Some((Mood::Plain, format!("{name} was not judged: {other:?}."))),
    }
}

fn tier_sentence(line: &KpiLine) -> Option<(Mood, String)> {
    let missed = line.tiers.iter().filter(|tier| tier.verdict == Verdict::Missed);
    let tiers: Vec<String> = missed
        .map(|tier| {
            let (value, target) = (tier.value.as_deref().unwrap_or("–"), tier.target.as_deref().unwrap_or("–"));
            format!("{} got {value} where {target} was owed", tier.tier)
        })
        .collect();
    // Where the whole is missed, its tiers add nothing.
    let is_news = !tiers.is_empty() && line.verdict == Verdict::Met;
    is_news.then(|| (Mood::Bad, format!("{} was met, but not for every tier: {}.", line.name, tiers.join(", "))))
}

fn money_sentences(report: &SlaReportSpec) -> Vec<(Mood, String)> {
    let Some(credit) = &report.credit else { return Vec::new() };
    let currency = &credit.currency;
    let is_something = |amount: &str| amount.chars().any(|digit| ('1'..='9').contains(&digit));
    let mut sentences = Vec::new();
    if is_something(&credit.net) || is_something(&credit.before_caps) {
        let caps: Vec<&str> = credit
            .capped_by
            .iter()
            .map(|cap| match cap {
                CapKind::Period => "the period's cap",
                CapKind::Year => "the year's cap",
            })
            .collect();
        let before = match caps.is_empty() {
            true => String::new(),
            false => format!(" ({currency} {} before {})", credit.before_caps, caps.join(" and ")),
        };
        let points = report.points;
        sentences.push((Mood::Bad, format!("The vendor owes {currency} {} for {points} points{before}.", credit.net)));
    }
    if is_something(&credit.bonus) {
        sentences.push((Mood::Good, format!("The vendor has earned a bonus of {currency} {}.", credit.bonus)));
    }
    sentences
}

fn comparison_sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtLeast => "≥",
        Comparison::MoreThan => ">",
        Comparison::AtMost => "≤",
        Comparison::LessThan => "<",
        Comparison::Between => "from",
    }
}
