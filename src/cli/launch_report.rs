//! `kubectl bpo launch report`: a launch from its readiness to its result, for whoever started the campaign.
//!
//! gather (manifests, files) → `Document` (pure) → Markdown or HTML. What people wrote is escaped in both.

mod render;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use super::evaluate::{FeedFile, View};
use super::offline::judge_files;
use super::plugin::Answer;
use crate::api::CampaignLaunch;
use crate::api::campaign_launch::{
    CampaignLaunchStatus, CohortVerdict, GateState, GateStatus, LaunchDecision, LaunchPhase, Spike, SpikeCause,
};
use crate::api::condition::ConditionStatus;
use crate::domain::calendar::Calendar;

/// `kubectl bpo launch …`.
#[derive(Debug, Args)]
pub struct LaunchArguments {
    #[command(subcommand)]
    command: LaunchCommand,
}

#[derive(Debug, Subcommand)]
enum LaunchCommand {
    /// Report on launches offline, in Markdown or HTML: readiness, decision, people, spikes, cohorts, success
    Report(LaunchReportArguments),
}

#[derive(Debug, Args)]
struct LaunchReportArguments {
    /// Name of the CampaignLaunch; default: all
    #[arg(value_name = "LAUNCH")]
    launch: Option<String>,

    /// Manifests: files, folders or `-`; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    paths: Vec<PathBuf>,

    /// What a feed's endpoint would have answered: [CONTRACT/]NAME=FILE; may be given several times
    #[arg(long = "feed", value_name = "[CONTRACT/]NAME=FILE", num_args = 1..)]
    feeds: Vec<FeedFile>,

    /// The instant of the report, RFC 3339 such as 2026-07-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    now: Timestamp,

    /// How the report is written
    #[arg(short = 'o', long, value_enum, default_value = "markdown")]
    output: ReportOutput,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportOutput {
    /// For a wiki or a ticket.
    Markdown,
    /// One page for a browser, without anything from elsewhere.
    Html,
}

/// Reports, and prints.
pub fn run(arguments: &LaunchArguments) -> Answer {
    use std::io::Write;
    let LaunchCommand::Report(arguments) = &arguments.command;
    let judged = judge_files(&arguments.paths, &arguments.feeds, arguments.now)?;
    let documents = documents(&judged, arguments.now);
    let known: Vec<&str> = documents.iter().map(|document| document.name.as_str()).collect();
    let wanted: Vec<&Document> = documents
        .iter()
        .filter(|document| arguments.launch.as_ref().is_none_or(|name| *name == document.name))
        .collect();
    if wanted.is_empty() {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let asked = arguments.launch.as_deref().map(crate::api::scalar::shorten).unwrap_or_default();
        return Err(vec![format!("there is no CampaignLaunch {asked} in these manifests; there are: {known}")]);
    }
    let text = match arguments.output {
        ReportOutput::Markdown => render::markdown(&wanted),
        ReportOutput::Html => render::html(&wanted),
    };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| vec![error.to_string()])?;
    Ok(0)
}

/// The report of one launch.
#[derive(Clone, Debug, PartialEq)]
struct Document {
    name: String,
    title: String,
    /// Sentences at its beginning, the most important first.
    summary: Vec<String>,
    sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug, Default, PartialEq)]
struct Section {
    title: &'static str,
    sentences: Vec<String>,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

fn documents(view: &View, now: Timestamp) -> Vec<Document> {
    let launches = view.objects.iter().filter(|object| object.get("kind").is_some_and(|kind| kind == "CampaignLaunch"));
    launches.filter_map(|object| document(view, object, now)).collect()
}

fn document(view: &View, object: &Value, now: Timestamp) -> Option<Document> {
    let launch: CampaignLaunch = serde_json::from_value(object.clone()).ok()?;
    let status = launch.status.clone().unwrap_or_default();
    let namespace = launch.metadata.namespace.clone().unwrap_or_default();
    let first = launch.spec.contract_refs.first().map(|first| (namespace, first.name.clone()));
    let terms = first.as_ref().and_then(|first| view.terms.get(first));
    let times = Times(terms.and_then(|terms| Calendar::of(&terms.contract).ok()));
    let vendor = terms.map_or("an unknown vendor", |terms| terms.contract.vendor.name.as_str());
    let zone = terms.map_or("UTC", |terms| terms.contract.time_zone.as_str());
    let mut summary = vec![verdict(&status)];
    summary.push(format!(
        "First customer contact: {}. Phase: {}. The calls are answered by {vendor}.",
        times.show(launch.spec.launch_at),
        phase(status.phase),
    ));
    summary.push(format!("As of {}; all times are of {zone}.", times.show(now)));
    let sections = [
        readiness(&status, &times),
        people(&status, &times),
        spikes(&status, &times),
        cohorts(&launch, &status),
        success(&status),
    ];
    Some(Document {
        name: launch.metadata.name.clone().unwrap_or_default(),
        title: format!("{}: launch report", launch.spec.product),
        summary,
        sections: sections.into_iter().flatten().collect(),
    })
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

fn readiness(status: &CampaignLaunchStatus, times: &Times) -> Option<Section> {
    let percent = status.readiness_percent.filter(|_| !status.gates.is_empty())?;
    let row = |gate: &GateStatus| {
        let state = match gate.state {
            GateState::AtRisk => "at risk".to_owned(),
            state => format!("{state:?}").to_lowercase(),
        };
        let why = gate.message.clone().unwrap_or_default();
        let must = if gate.blocking { "must pass" } else { "should pass" };
        vec![gate.name.clone(), must.to_owned(), times.show(gate.due_at), state, why]
    };
    Some(Section {
        title: "Readiness",
        sentences: vec![format!("{percent} % of the gates are passed or waived.")],
        columns: vec!["Gate", "Weight", "Due", "State", "Why"],
        rows: status.gates.iter().map(row).collect(),
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
                "Staffing is worst from {} on, with {} % of the people needed; {} intervals are short of people.",
                times.show(worst.start),
                worst.coverage_percent,
                staffing.short_intervals
            ));
        }
    }
    let rows = demand.days.iter().map(|day| vec![day.date.to_string(), day.contacts.clone()]).collect();
    Some(Section { title: "Contacts and people", sentences, columns: vec!["Day", "Contacts of the campaign"], rows })
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
        sentences.push(format!("{percent} % of the contacts since the launch say whether they are the campaign's."));
    }
    Some(Section {
        title: "What happened",
        sentences,
        columns: vec!["From", "To", "Contacts", "Usual", "Planned by campaigns", "Cause", "Quality held"],
        rows: status.spikes.iter().rev().map(row).collect(),
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
            (Some(lower), Some(upper)) => format!("{lower} to {upper} %"),
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
        columns: vec!["Group", "Successes", "Contacts", "Rate", "95 % interval", "p", "Than the control"],
        rows: rows.collect(),
    })
}

/// A percentage to one decimal, for people.
fn percent(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| format!("{text} %"), |percent| format!("{percent:.1} %"))
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
    })
}
