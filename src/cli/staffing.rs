//! `kubectl bpo staffing`: how many agents a load needs.

use clap::Args;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::answer::{Answer, Output};
use crate::api::campaign_launch::QueueModel;
use crate::api::scalar::Duration;
use crate::domain::launch::staffing::{QueueFigures, StaffingGoal, Varied, heads};

/// Flags of `kubectl bpo staffing`.
#[derive(Debug, Args)]
pub struct StaffingArguments {
    /// Contacts in the interval
    #[arg(long, value_name = "N", value_parser = positive)]
    contacts: f64,

    /// Length of the interval
    #[arg(long, value_name = "DURATION", default_value = "30m")]
    interval: Duration,

    /// How long one contact takes: talk, hold and wrap-up
    #[arg(long, value_name = "DURATION")]
    handle_time: Duration,

    /// The service level to reach: PERCENT/TIME
    #[arg(long, value_name = "PERCENT/TIME", default_value = "80/20s")]
    service_level: ServiceLevel,

    /// How long a caller waits on average before hanging up; given, the model is Erlang A, else Erlang C
    #[arg(long, value_name = "DURATION")]
    patience: Option<Duration>,

    /// Ceiling of the agents' occupancy, in percent
    #[arg(long, value_name = "PERCENT", default_value = "85", value_parser = percent)]
    max_occupancy: f64,

    /// Share of paid time in which agents are not available, in percent
    #[arg(long, value_name = "PERCENT", default_value = "30", value_parser = shrinkage)]
    shrinkage: Decimal,

    /// Show the figures for this number of agents, instead of the fewest that suffice
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    agents: Option<u64>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// A service level as people say it: 80/20s.
#[derive(Clone, Copy, Debug)]
struct ServiceLevel {
    percent: f64,
    within: Duration,
}

impl std::str::FromStr for ServiceLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not PERCENT/TIME, such as 80/20s");
        let (share, within) = text.split_once('/').ok_or_else(error)?;
        let within: Duration = within.parse().map_err(|_| error())?;
        within.seconds().ok_or_else(error)?;
        Ok(ServiceLevel { percent: percent(share)?, within })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e9 => Ok(number),
        _ => Err("write a number above 0, such as 100".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 100.0 => Ok(number),
        _ => Err("write a percentage above 0 and at most 100, such as 80".to_owned()),
    }
}

fn shrinkage(text: &str) -> Result<Decimal, String> {
    match text.parse::<Decimal>() {
        Ok(number) if number >= Decimal::ZERO && number < Decimal::ONE_HUNDRED => Ok(number),
        _ => Err("write a percentage from 0 to below 100, such as 30".to_owned()),
    }
}

fn seconds(duration: Duration, flag: &str) -> Result<f64, Vec<String>> {
    match duration.seconds().and_then(|seconds| seconds.to_f64()) {
        Some(seconds) if seconds > 0.0 => Ok(seconds),
        _ => Err(vec![format!("{flag} {duration}: write real time above 0, such as 240s or 30m")]),
    }
}

/// Computes and prints.
pub fn run(arguments: &StaffingArguments) -> Answer {
    let interval = seconds(arguments.interval, "--interval")?;
    let goal = goal(arguments)?;
    let agents = match arguments.agents {
        Some(agents) => agents,
        None => goal.fewest_agents(arguments.contacts, interval).ok_or_else(|| {
            vec!["no number of agents reaches this service level: lower it, or allow more time".to_owned()]
        })?,
    };
    let figures = goal.figures(arguments.contacts, interval, agents);
    let heads = heads(agents, arguments.shrinkage)
        .ok_or_else(|| vec!["--shrinkage leaves nobody: write less than 100".to_owned()])?;
    let shown = match arguments.output {
        Output::Table => as_table(&goal, arguments.contacts, interval, agents, heads, &figures),
        output => {
            let document = as_json(&goal, arguments.contacts, interval, agents, heads, &figures);
            output.document(&document).map_err(|error| vec![error.to_string()])?
        }
    };
    super::streams::print(shown)?;
    Ok(0)
}

fn goal(arguments: &StaffingArguments) -> Result<StaffingGoal, Vec<String>> {
    Ok(StaffingGoal {
        model: if arguments.patience.is_some() { QueueModel::ErlangA } else { QueueModel::ErlangC },
        handle_seconds: seconds(arguments.handle_time, "--handle-time")?,
        patience_seconds: arguments.patience.map_or(Ok(f64::INFINITY), |patience| seconds(patience, "--patience"))?,
        service_level: arguments.service_level.percent / 100.0,
        within_seconds: arguments.service_level.within.seconds().and_then(|seconds| seconds.to_f64()).unwrap_or(0.0),
        max_occupancy: arguments.max_occupancy / 100.0,
        shrinkage_percent: arguments.shrinkage,
    })
}

/// A number with that many decimals, or nothing where there is none (an endless wait).
fn rounded(value: f64, decimals: i32) -> Value {
    let scale = 10_f64.powi(decimals);
    if value.is_finite() { json!((value * scale).round() / scale) } else { Value::Null }
}

fn as_json(
    goal: &StaffingGoal,
    contacts: f64,
    interval: f64,
    agents: u64,
    heads: u64,
    figures: &QueueFigures,
) -> Value {
    let sensitivity: Vec<Value> = goal
        .sensitivity(contacts, interval, agents)
        .iter()
        .map(|row| {
            json!({
                "varied": varied(row.varied), "changePercent": row.change_percent,
                "serviceLevelPercent": rounded(row.as_planned.service_level * 100.0, 4),
                "agents": row.needed.agents, "heads": row.needed.heads,
            })
        })
        .collect();
    json!({
        "model": goal.model.to_string(),
        "agents": agents,
        "heads": heads,
        "serviceLevelPercent": rounded(figures.service_level * 100.0, 6),
        "averageSpeedOfAnswerSeconds": rounded(figures.average_speed_of_answer, 6),
        "occupancyPercent": rounded(figures.occupancy * 100.0, 6),
        "waitProbabilityPercent": rounded(figures.wait_probability * 100.0, 6),
        "abandonmentPercent": rounded(figures.abandonment * 100.0, 6),
        "sensitivity": sensitivity,
    })
}

fn varied(varied: Varied) -> &'static str {
    match varied {
        Varied::Contacts => "contacts",
        Varied::HandleTime => "handleTime",
    }
}

fn as_table(
    goal: &StaffingGoal,
    contacts: f64,
    interval: f64,
    agents: u64,
    heads: u64,
    figures: &QueueFigures,
) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let share = |value: f64| format!("{:.2} %", value * 100.0);
    let speed = if figures.average_speed_of_answer.is_finite() {
        format!("{:.1} s", figures.average_speed_of_answer)
    } else {
        "without end".to_owned()
    };
    let rows = [
        ("model", goal.model.to_string()),
        ("agents", agents.to_string()),
        ("heads", heads.to_string()),
        ("service level", share(figures.service_level)),
        ("average speed of answer", speed),
        ("occupancy", share(figures.occupancy)),
        ("probability of waiting", share(figures.wait_probability)),
        ("abandonment", share(figures.abandonment)),
    ];
    // Writing into a String cannot fail.
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<26}{value:>12}");
    }
    let _ = writeln!(text, "\nIf it comes otherwise:     with the agents above     to keep the goal");
    for row in goal.sensitivity(contacts, interval, agents) {
        let what = format!("{} {:+} %", varied(row.varied), row.change_percent);
        let level = share(row.as_planned.service_level);
        let _ = writeln!(
            text,
            "{what:<26}{level:>12} served    {:>6} agents {:>6} heads",
            row.needed.agents, row.needed.heads
        );
    }
    text
}
