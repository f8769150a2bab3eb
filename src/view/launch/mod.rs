//! A launch from its readiness to its result, for whoever started the campaign: Markdown, and a page with pictures.

mod html;
mod markdown;
mod pictures;
mod staffed;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use pictures::Picture;
pub use staffed::Staffed;
pub use text::text;

use jiff::Timestamp;
use serde::Serialize;

use super::page::Key;
use super::words::thousands;
use crate::api::campaign_launch::{
    CampaignLaunchStatus, CohortVerdict, GateState, GateStatus, LaunchDecision, LaunchPhase, Spike, SpikeCause,
};
use crate::api::condition::ConditionStatus;
use crate::api::{CampaignLaunch, VendorContractSpec};
use crate::domain::terms::calendar::Calendar;

/// The report of one launch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Its namespace; empty where files name none.
    pub namespace: String,
    /// Name of the CampaignLaunch.
    pub name: String,
    /// The product.
    pub title: String,
    /// The contract that answers.
    pub contract: Option<String>,
    /// Sentences at its beginning, the most important first.
    pub summary: Vec<String>,
    /// Decision, readiness, contacts, coverage.
    pub keys: Vec<Key>,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Its title.
    pub title: &'static str,
    /// What is to be said first.
    pub sentences: Vec<String>,
    /// Heads of its table.
    pub columns: Vec<&'static str>,
    /// Rows of its table.
    pub rows: Vec<Vec<String>>,
    /// The pictures of it.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
}

impl Document {
    /// Puts a launch into words. `contract` is the first one that it names, where that is known.
    pub fn of(launch: &CampaignLaunch, contract: Option<&VendorContractSpec>, now: Timestamp) -> Document {
        let status = launch.status.clone().unwrap_or_default();
        let times = Times(contract.and_then(|contract| Calendar::of(contract).ok()));
        let vendor = contract.map_or("an unknown vendor", |contract| contract.vendor.name.as_str());
        let zone = contract.map_or("UTC", |contract| contract.time_zone.as_str());
        let mut summary = vec![verdict(&status)];
        summary.push(format!(
            "First customer contact: {}. Phase: {}. The calls are answered by {vendor}.",
            times.show(launch.spec.launch_at),
            phase(status.phase),
        ));
        summary.push(format!("As of {}; all times are of {zone}.", times.show(now)));
        let sections = [
            readiness(launch, &status, &times, now),
            people(&status, &times),
            spikes(&status, &times),
            cohorts(launch, &status),
            success(&status),
        ];
        Document {
            namespace: launch.metadata.namespace.clone().unwrap_or_default(),
            name: launch.metadata.name.clone().unwrap_or_default(),
            title: format!("{}: launch report", launch.spec.product),
            contract: launch.spec.contract_refs.first().map(|first| first.name.clone()),
            keys: keys(&status),
            summary,
            sections: sections.into_iter().flatten().collect(),
        }
    }
}

fn keys(status: &CampaignLaunchStatus) -> Vec<Key> {
    let decision = match status.decision {
        Some(LaunchDecision::Go) => "Go",
        Some(LaunchDecision::ConditionalGo) => "Go, with a condition",
        Some(LaunchDecision::NoGo) => "No go",
        Some(LaunchDecision::Pending) | None => "Not decided",
    };
    let open = status.blocked_by.len();
    let mut keys = vec![Key {
        name: "Decision",
        figure: decision.to_owned(),
        note: if open == 0 { "nothing blocks it".to_owned() } else { format!("{open} gates block it") },
    }];
    if let Some(percent) = status.readiness_percent.filter(|_| !status.gates.is_empty()) {
        keys.push(Key { name: "Gates", figure: format!("{percent}%"), note: "passed or waived".to_owned() });
    }
    if let Some(demand) = &status.demand {
        let note = format!("of the campaign itself, over {} days", demand.days.len());
        keys.push(Key { name: "Contacts planned", figure: thousands(&demand.contacts), note });
    }
    if let Some(worst) = status.staffing.as_ref().and_then(|staffing| staffing.worst.as_ref()) {
        let short = status.staffing.as_ref().map_or(0, |staffing| staffing.short_intervals);
        let note = format!("of the people needed; {short} intervals are short");
        keys.push(Key { name: "Tightest interval", figure: format!("{}%", thousands(&worst.coverage_percent)), note });
    }
    keys
}

/// Local times of the first contract.
struct Times(Option<Calendar>);

impl Times {
    fn show(&self, instant: Timestamp) -> String {
        match &self.0 {
            Some(calendar) => calendar.local(instant).strftime("%a %-d %b %Y, %H:%M").to_string(),
            None => instant.to_string(),
        }
    }

    /// The day and the time of day, such as `30 Nov` and `08:00`; in UTC where the contract is not known.
    fn day_and_hour(&self, instant: Timestamp) -> (String, String) {
        let show = |format: &str| match &self.0 {
            Some(calendar) => calendar.local(instant).strftime(format).to_string(),
            None => instant.strftime(format).to_string(),
        };
        (show("%-d %b"), show("%H:%M"))
    }
}

fn verdict(status: &CampaignLaunchStatus) -> String {
    let blocked = status.blocked_by.join(", ");
    let started = status.phase.is_some_and(|phase| phase >= LaunchPhase::Live);
    match (status.decision, started) {
        (Some(LaunchDecision::Go), _) => "Go: everything is ready.".to_owned(),
        (Some(LaunchDecision::ConditionalGo), _) => {
            "Go, with a condition: everything that must be ready is; see the open gates below.".to_owned()
        }
        (Some(LaunchDecision::NoGo), false) => format!("No go: do not start. Open: {blocked}."),
        (Some(LaunchDecision::NoGo), true) => "No go was the decision when the launch began.".to_owned(),
        (Some(LaunchDecision::Pending), _) if status.gates.is_empty() => {
            "Nothing is decided: the launch has no gates.".to_owned()
        }
        (Some(LaunchDecision::Pending), _) => format!("Not decided yet. Open: {blocked}."),
        (None, _) => "Nothing is known: the first contract of the launch cannot be judged.".to_owned(),
    }
}

fn phase(phase: Option<LaunchPhase>) -> &'static str {
    match phase {
        None => "unknown",
        Some(LaunchPhase::Planned) => "planned",
        Some(LaunchPhase::Preparing) => "being prepared",
        Some(LaunchPhase::Ready) => "ready",
        Some(LaunchPhase::Live) => "live, watched closely",
        Some(LaunchPhase::Measuring) => "being measured",
        Some(LaunchPhase::Completed) => "completed",
    }
}

fn readiness(launch: &CampaignLaunch, status: &CampaignLaunchStatus, times: &Times, now: Timestamp) -> Option<Section> {
    let percent = status.readiness_percent.filter(|_| !status.gates.is_empty())?;
    let row = |gate: &GateStatus| {
        let state = match gate.state {
            GateState::AtRisk => "at risk".to_owned(),
            state => state.to_string().to_lowercase(),
        };
        let why = gate.message.clone().unwrap_or_default();
        let must = if gate.blocking { "must pass" } else { "should pass" };
        vec![gate.name.clone(), must.to_owned(), times.show(gate.due_at), state, why]
    };
    Some(Section {
        title: "Readiness",
        sentences: vec![format!("{percent}% of the gates are passed or waived.")],
        columns: vec!["Gate", "Weight", "Due", "State", "Why"],
        rows: status.gates.iter().map(row).collect(),
        pictures: vec![Picture::Gates(pictures::gates(launch, status, times, now))],
    })
}

fn people(status: &CampaignLaunchStatus, times: &Times) -> Option<Section> {
    let demand = status.demand.as_ref()?;
    let mut sentences = vec![format!("The campaign itself brings {} contacts.", demand.contacts)];
    if let Some(staffing) = &status.staffing {
        if let Some(peak) = &staffing.peak {
            let scheduled =
                peak.scheduled.map_or(String::new(), |scheduled| format!("; {scheduled} are on the schedule"));
            sentences.push(format!(
                "Most contacts come from {} on: {} with what is usual, which takes {} agents, or {} people on the schedule{scheduled}.",
                times.show(peak.start), peak.contacts, peak.required, peak.heads
            ));
        }
        if let Some(worst) = &staffing.worst {
            sentences.push(format!(
                "Staffing is worst from {} on, with {}% of the people needed; {} intervals are short of people.",
                times.show(worst.start),
                worst.coverage_percent,
                staffing.short_intervals
            ));
        }
    }
    let rows = demand.days.iter().map(|day| vec![day.date.to_string(), day.contacts.clone()]).collect();
    let plan = (!status.plan.is_empty()).then(|| Picture::Plan(Staffed::of(&status.plan, times)));
    Some(Section {
        title: "Contacts and people",
        sentences,
        columns: vec!["Day", "Contacts of the campaign"],
        rows,
        pictures: plan.into_iter().chain([Picture::Days(pictures::days(demand))]).collect(),
    })
}

fn spikes(status: &CampaignLaunchStatus, times: &Times) -> Option<Section> {
    if status.phase? < LaunchPhase::Live {
        return None;
    }
    let row = |spike: &Spike| {
        let cause = match spike.cause {
            SpikeCause::CampaignDemand => "the campaign",
            SpikeCause::ProcessFailure => "a process that failed: people came again or were passed on",
            SpikeCause::Mixed => "the campaign and something else",
            SpikeCause::Unattributed => "not known",
        };
        let held = match spike.quality_held {
            ConditionStatus::True => "yes",
            ConditionStatus::False => "no",
            ConditionStatus::Unknown => "not known",
        };
        let planned = spike.planned.clone().unwrap_or_default();
        [times.show(spike.start), times.show(spike.end), spike.actual.clone(), spike.expected.clone(), planned]
            .into_iter()
            .chain([cause.to_owned(), held.to_owned()])
            .collect()
    };
    let mut sentences = Vec::new();
    if status.spikes.is_empty() {
        sentences.push("The load was never beyond what is usual.".to_owned());
    }
    if let Some(percent) = &status.label_coverage_percent {
        sentences.push(format!("{percent}% of the contacts since the launch say whether they are the campaign's."));
    }
    Some(Section {
        title: "What happened",
        sentences,
        columns: vec!["From", "To", "Contacts", "Usual", "Planned by campaigns", "Cause", "Quality held"],
        rows: status.spikes.iter().rev().map(row).collect(),
        pictures: Vec::new(),
    })
}

fn cohorts(launch: &CampaignLaunch, status: &CampaignLaunchStatus) -> Option<Section> {
    let planned = launch.spec.cohorts.as_ref()?.planned_per_cohort;
    let judged = status.cohorts.iter().any(|cohort| cohort.verdict.is_some());
    let sentence = match judged {
        true => "A difference counts when chance alone would show one as large in fewer than 5 of 100 cases, all comparisons together.".to_owned(),
        false => format!("Nothing is compared before each group has {planned} contacts: who looks earlier finds what is not there."),
    };
    let rows = status.cohorts.iter().map(|cohort| {
        let verdict = match cohort.verdict {
            Some(CohortVerdict::Better) => "better",
            Some(CohortVerdict::Worse) => "worse",
            Some(CohortVerdict::NoDifference) => "no difference",
            None => "",
        };
        let interval = match (&cohort.lower, &cohort.upper) {
            (Some(lower), Some(upper)) => format!("{lower} to {upper}%"),
            _ => String::new(),
        };
        let rate = cohort.rate.as_ref().map_or(String::new(), |rate| percent(rate));
        let p = cohort.p.clone().unwrap_or_default();
        let counts = [cohort.name.clone(), cohort.numerator.clone(), cohort.denominator.clone()];
        counts.into_iter().chain([rate, interval, p, verdict.to_owned()]).collect()
    });
    Some(Section {
        title: "Groups compared",
        sentences: vec![sentence],
        columns: vec!["Group", "Successes", "Contacts", "Rate", "95% interval", "p", "Than the control"],
        rows: rows.collect(),
        pictures: vec![Picture::Groups(pictures::groups(status))],
    })
}

/// A percentage to one decimal, for people.
fn percent(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| format!("{text}%"), |percent| format!("{percent:.1}%"))
}

fn success(status: &CampaignLaunchStatus) -> Option<Section> {
    let mut sentences = Vec::new();
    if let Some(size) = status.sample_size {
        sentences.push(format!("The survey needs {size} answers."));
    }
    if status.metrics.is_empty() && sentences.is_empty() {
        return None;
    }
    let rows = status.metrics.iter().map(|metric| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![metric.kpi.clone(), text(&metric.value), text(&metric.target), metric.verdict.to_string()]
    });
    Some(Section {
        title: "Success",
        sentences,
        columns: vec!["Metric", "Value", "Target", "Verdict"],
        rows: rows.collect(),
        pictures: Vec::new(),
    })
}
