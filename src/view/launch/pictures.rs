//! The pictures of a launch: gates on a line to its beginning, contacts by day, groups with their intervals.

use jiff::Timestamp;
use maud::{Markup, html};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Times;
use super::staffed::Staffed;
use crate::api::CampaignLaunch;
use crate::api::campaign_launch::{CampaignLaunchStatus, CohortVerdict, DemandStatus, GateState};
use crate::view::charts::short;
use crate::view::marks::mark;
use crate::view::words::thousands;

/// A picture of a part of a launch.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Gates on a line of time.
    Gates(Gates),
    /// People needed and scheduled, by interval.
    Plan(Staffed),
    /// Contacts of each day, from zero.
    Days(Vec<(String, String, f64)>),
    /// Groups, each with its rate and interval.
    Groups(Vec<Group>),
}

/// The line of time to the launch, and the gates on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gates {
    gates: Vec<Gate>,
    /// The ends of the line, in words.
    ends: [String; 2],
    /// Where the launch begins, and where now is.
    launch: f64,
    now: Option<f64>,
}

/// One gate: from where on it is passed, where it is due.
#[derive(Clone, Debug, PartialEq)]
struct Gate {
    name: String,
    state: GateState,
    passed: Option<f64>,
    due: f64,
    described: String,
}

/// One group: rate and interval in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    name: String,
    described: String,
    rate: f64,
    interval: Option<(f64, f64)>,
    verdict: Option<CohortVerdict>,
}

impl Picture {
    /// The picture.
    pub fn draw(&self) -> Markup {
        match self {
            Picture::Gates(gates) => gates.draw(),
            Picture::Plan(plan) => plan.draw(),
            Picture::Days(days) => draw_days(days),
            Picture::Groups(groups) => draw_groups(groups),
        }
    }
}

/// The shape and the words of a gate's state.
fn state(state: GateState) -> (&'static str, &'static str, &'static str) {
    match state {
        GateState::Passed => ("met", "met", "passed"),
        GateState::Waived => ("excused", "excused", "waived"),
        GateState::Failed => ("missed", "missed", "failed"),
        GateState::Stale => ("no-data", "unknown", "stale"),
        GateState::AtRisk => ("risk", "at-risk", "at risk"),
        GateState::Pending => ("running", "unknown", "pending"),
    }
}

pub(super) fn gates(launch: &CampaignLaunch, status: &CampaignLaunchStatus, times: &Times, now: Timestamp) -> Gates {
    let seconds = |at: Timestamp| at.as_second().to_f64().unwrap_or_default();
    let begins = launch.spec.launch_at;
    let passed = status.gates.iter().filter_map(|gate| gate.passed_at);
    let first = status.gates.iter().map(|gate| gate.due_at).chain(passed).chain([begins]).min().unwrap_or(begins);
    let last = status.gates.iter().map(|gate| gate.due_at).chain([begins]).max().unwrap_or(begins);
    let (from, until) = (seconds(first), seconds(last));
    let margin = (until - from).max(86_400.0) * 0.06;
    let place = |at: Timestamp| ((seconds(at) - from + margin) / (until - from + 2.0 * margin)).clamp(0.0, 1.0);
    let of = |gate: &crate::api::campaign_launch::GateStatus| {
        let passed = gate.passed_at.filter(|_| gate.state == GateState::Passed);
        let since = passed.map(|at| format!(" since {}", times.show(at))).unwrap_or_default();
        Gate {
            name: gate.name.clone(),
            state: gate.state,
            passed: matches!(gate.state, GateState::Passed | GateState::Waived).then(|| passed.map_or(0.0, place)),
            due: place(gate.due_at),
            described: format!("{}: {}{since}, due {}", gate.name, state(gate.state).2, times.show(gate.due_at)),
        }
    };
    Gates {
        gates: status.gates.iter().map(of).collect(),
        ends: [times.show(first), times.show(last)],
        launch: place(begins),
        now: (first..=last).contains(&now).then(|| place(now)),
    }
}

impl Gates {
    fn draw(&self) -> Markup {
        let percent = |place: f64| format!("{}%", short(place * 100.0));
        html! {
            ul.gates {
                @for gate in &self.gates {
                    @let (shape, class, said) = state(gate.state);
                    li {
                        span { b { (gate.name) } }
                        span class={ "verdict " (class) } { (mark(shape)) (said) }
                        svg.dot role="img" aria-label=(gate.described) width="100%" height="16" {
                            line.base x1="0" x2="100%" y1="8" y2="8" {}
                            @match gate.passed {
                                Some(passed) => {
                                    line.gate-open x1=(percent(passed)) x2=(percent(self.launch)) y1="8" y2="8" {}
                                    @if passed > gate.due { line.gate-late x1=(percent(gate.due)) x2=(percent(passed)) y1="8" y2="8" {} }
                                },
                                None => line.gate-wait x1=(percent(gate.due)) x2=(percent(self.launch)) y1="8" y2="8" {},
                            }
                            line.target x1=(percent(gate.due)) x2=(percent(gate.due)) y1="2" y2="14" {}
                            line.limit x1=(percent(self.launch)) x2=(percent(self.launch)) y1="0" y2="16" {}
                            @if let Some(now) = self.now { line.grid x1=(percent(now)) x2=(percent(now)) y1="0" y2="16" {} }
                        }
                    }
                }
            }
            @let [left, right] = &self.ends;
            div.ends aria-hidden="true" { span { (left) } span { (right) } }
            p.note { "A line begins where its gate passed; one from the left edge had passed from the start. The upright tick is when it was due, the thick part time overdue; the dotted line is the launch." }
        }
    }
}

pub(super) fn days(demand: &DemandStatus) -> Vec<(String, String, f64)> {
    let days = demand.days.iter().map(|day| {
        (day.date.strftime("%-d %b").to_string(), thousands(&day.contacts), number(&day.contacts).unwrap_or_default())
    });
    days.collect()
}

fn draw_days(days: &[(String, String, f64)]) -> Markup {
    let top = days.iter().map(|(.., contacts)| *contacts).fold(0.0, f64::max);
    if top <= 0.0 {
        return html! {};
    }
    let slot = 100.0 / f64::from(u32::try_from(days.len().max(1)).unwrap_or(1));
    let every = days.len().div_ceil(10).max(1);
    let most = days.iter().max_by(|one, other| one.2.total_cmp(&other.2));
    let described = most
        .map(|(day, contacts, _)| format!("Contacts of the campaign by day, most on {day}: {contacts}"))
        .unwrap_or_default();
    html! {
        svg.chart role="img" aria-label=(described) width="100%" height="150" {
            line.base x1="0" x2="100%" y1="126" y2="126" {}
            @for (index, (day, contacts, amount)) in (0_u32..).zip(days) {
                @let x = f64::from(index) * slot;
                @let height = short(104.0 * amount / top);
                rect.volume x={ (short(x + slot * 0.15)) "%" } width={ (short(slot * 0.7)) "%" } y=(short(126.0 - height)) height=(height) {
                    title { (day) ": " (contacts) }
                }
                @if usize::try_from(index).unwrap_or(0) % every == 0 {
                    text x={ (short(x + slot / 2.0)) "%" } y="142" text-anchor="middle" { (day) }
                    text.figure x={ (short(x + slot / 2.0)) "%" } y=(short(120.0 - height)) text-anchor="middle" { (contacts) }
                }
            }
        }
    }
}

pub(super) fn groups(status: &CampaignLaunchStatus) -> Vec<Group> {
    let group = |cohort: &crate::api::campaign_launch::CohortResult| {
        let text = |value: &Option<String>| value.as_deref().and_then(number);
        let interval = text(&cohort.lower).zip(text(&cohort.upper));
        let between = interval.map(|(low, high)| format!(", from {low:.1}% to {high:.1}%")).unwrap_or_default();
        let rate = text(&cohort.rate)?;
        Some(Group {
            name: cohort.name.clone(),
            described: format!("{}: {rate:.1}%{between}", cohort.name),
            rate,
            interval,
            verdict: cohort.verdict,
        })
    };
    status.cohorts.iter().filter_map(group).collect()
}

fn draw_groups(groups: &[Group]) -> Markup {
    let most = groups.iter().map(|it| it.interval.map_or(it.rate, |(_, high)| high)).fold(0.0, f64::max);
    if most <= 0.0 {
        return html! {};
    }
    let top = (most * 1.1).min(100.0);
    let percent = |at: f64| format!("{}%", short((at / top * 100.0).clamp(0.0, 100.0)));
    html! {
        ul.gates {
            @for group in groups {
                @let class = match group.verdict {
                    Some(CohortVerdict::Better) => "fill-met",
                    Some(CohortVerdict::Worse) => "fill-missed-2",
                    _ => "fill-unknown",
                };
                li {
                    span { b { (group.name) } }
                    span { (short((group.rate * 10.0).round() / 10.0)) "%" }
                    svg.dot role="img" aria-label=(group.described) width="100%" height="16" {
                        line.base x1="0" x2="100%" y1="8" y2="8" {}
                        @if let Some((low, high)) = group.interval { line.interval x1=(percent(low)) x2=(percent(high)) y1="8" y2="8" {} }
                        circle class=(class) cx=(percent(group.rate)) cy="8" r="5" {}
                    }
                }
            }
        }
        div.ends aria-hidden="true" { span { "0%" } span { (short(top.round())) "%" } }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse::<Decimal>().ok()?.to_f64()
}
