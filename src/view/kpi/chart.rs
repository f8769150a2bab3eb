//! The closed periods of a KPI and its running one as a control chart, with the volumes below it.

use maud::{Markup, html};
use rust_decimal::Decimal;
use serde::Serialize;

use kube::ResourceExt;

use super::{PERIODS, Words, number};
use crate::api::KpiTarget;
use crate::api::kpi_target::Verdict;
use crate::api::sla_report::SlaReportSpec;
use crate::api::verdict::Severity;
use crate::domain::foresight::trend::chart;
use crate::view::charts::{colour, marks_around, short};
use crate::view::words::{figure, thousands, verdict_title};

/// Values below which control limits say nothing.
const LEAST_VALUES: usize = 7;

/// A history on one scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The closed periods, the oldest first.
    pub points: Vec<Point>,
    /// The running period.
    pub running: Option<Point>,
    /// The interval of the running value, on the scale.
    #[serde(skip)]
    pub interval: Option<(f64, f64)>,
    /// The control limits; absent with fewer than seven values.
    #[serde(skip)]
    pub limits: Option<(f64, f64)>,
    /// The control limits with their unit.
    pub limit_texts: Option<(String, String)>,
    /// The marks of the scale, from the lowest up: place and text.
    #[serde(skip)]
    pub scale: Vec<(f64, String)>,
}

/// One period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The period.
    pub period: String,
    /// The value with its unit.
    pub shown: String,
    /// The value, where there is one.
    #[serde(skip)]
    pub value: Option<f64>,
    /// The value before relief, where it differs.
    #[serde(skip)]
    pub before_relief: Option<f64>,
    /// The target in force, with its unit and as a position.
    pub target: Option<String>,
    #[serde(skip)]
    aim: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// The volume that was divided by, as it is written.
    pub volume: Option<String>,
}

/// The history of a KPI: what reports say of its closed periods, and what the status says of those without a report.
pub(super) fn history(kpi: &KpiTarget, reports: &[&SlaReportSpec], currency: &str) -> History {
    let words = Words::of(kpi, currency);
    let name = kpi.name_any();
    let agreed = kpi.spec.objective.target.to_string();
    let past = kpi.status.iter().flat_map(|status| &status.history).take(PERIODS);
    let mut points: Vec<Point> = past
        .map(|past| {
            let report = reports.iter().find(|report| report.period.name == past.name);
            let line = report.and_then(|report| report.kpis.iter().find(|line| line.name == name));
            let target = line.and_then(|line| line.target.as_deref()).unwrap_or(&agreed);
            Point {
                period: past.name.clone(),
                shown: past.value.as_deref().map_or_else(|| "no value".to_owned(), |it| words.value(it, Some(target))),
                value: past.value.as_deref().and_then(number),
                before_relief: line
                    .and_then(|it| it.raw_value.as_ref().filter(|raw| it.value.as_ref() != Some(raw)))
                    .and_then(|raw| number(raw)),
                target: Some(words.target(target)),
                aim: number(target),
                verdict: past.verdict,
                severity: past.severity,
                volume: line.and_then(|line| line.denominator.clone()),
            }
        })
        .collect();
    points.reverse();
    let current = kpi.status.as_ref().and_then(|status| status.current.as_ref());
    let running = current.filter(|current| current.value.is_some()).map(|current| Point {
        period: current.name.clone(),
        shown: current.value.as_deref().map(|it| words.value(it, current.target.as_deref())).unwrap_or_default(),
        value: current.value.as_deref().and_then(number),
        before_relief: None,
        target: current.target.as_deref().map(|it| words.target(it)),
        aim: current.target.as_deref().and_then(number),
        verdict: current.verdict,
        severity: None,
        volume: current.denominator.clone(),
    });
    let values: Vec<f64> = points.iter().filter_map(|point| point.value).collect();
    let limits = (values.len() >= LEAST_VALUES).then(|| chart(&values)).flatten();
    let limits = limits.map(|chart| (chart.lower_limit, chart.upper_limit));
    let text = |at: f64| {
        let rounded = Decimal::try_from((at * 10.0).round() / 10.0).unwrap_or_default().normalize().to_string();
        figure(&rounded, words.unit, currency)
    };
    let interval = current.and_then(|it| Some((number(it.lower.as_deref()?)?, number(it.upper.as_deref()?)?)));
    let mut history = History {
        points,
        running,
        interval,
        limits,
        limit_texts: limits.map(|(lower, upper)| (text(lower), text(upper))),
        scale: Vec::new(),
    };
    history.scale = scale(&history).into_iter().map(|at| (at, text(at))).collect();
    history
}

/// At most five round marks around everything that the chart holds.
fn scale(history: &History) -> Vec<f64> {
    let all = || history.points.iter().chain(&history.running);
    let marks = all().flat_map(|it| [it.value, it.before_relief, it.aim]).flatten();
    let marks = marks.chain(history.interval.iter().flat_map(|(low, high)| [*low, *high]));
    marks_around(marks, 3.0).into_iter().map(|(at, _)| at).collect()
}

/// Height of the part of the chart with values, in pixels.
const HEIGHT: f64 = 200.0;
/// Height of the volumes below it.
const VOLUMES: f64 = 44.0;

impl History {
    fn y(&self, value: f64) -> f64 {
        let low = self.scale.first().map_or(0.0, |(at, _)| *at);
        let high = self.scale.last().map_or(1.0, |(at, _)| *at);
        short(12.0 + (HEIGHT - 12.0) * (1.0 - (value - low) / (high - low).max(f64::MIN_POSITIVE)))
    }

    fn within(&self, value: f64) -> bool {
        let ends = self.scale.first().zip(self.scale.last());
        ends.is_some_and(|((low, _), (high, _))| (*low..=*high).contains(&value))
    }

    /// What the chart finds, in words.
    pub fn finding(&self, title: &str) -> String {
        let missed = self.points.iter().filter(|point| point.verdict == Verdict::Missed).count();
        let latest = self.points.last().map(|it| format!("; {} in {}", it.shown, it.period)).unwrap_or_default();
        format!("{title}: missed in {missed} of {} closed periods{latest}", self.points.len())
    }

    /// Heads and rows of the table behind the chart.
    pub fn table(&self) -> Vec<Vec<String>> {
        let row = |point: &Point, verdict: String| {
            let volume = point.volume.as_deref().map_or_else(|| "–".to_owned(), thousands);
            vec![point.period.clone(), point.shown.clone(), point.target.clone().unwrap_or_default(), verdict, volume]
        };
        let closed = self.points.iter().map(|point| row(point, verdict_title(point.verdict).to_owned()));
        closed.chain(self.running.iter().map(|point| row(point, "running".to_owned()))).collect()
    }

    /// The chart.
    pub fn draw(&self, title: &str) -> Markup {
        let all: Vec<&Point> = self.points.iter().chain(&self.running).collect();
        if self.scale.is_empty() {
            return html! { p.text { "No period has a value yet." } };
        }
        let slot = 100.0 / f64::from(u32::try_from(all.len().max(1)).unwrap_or(1));
        let x = |index: usize| short(slot * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5));
        let largest = all.iter().filter_map(|it| number(it.volume.as_deref()?)).fold(0.0, f64::max);
        let has_volumes = largest > 0.0;
        let foot = HEIGHT + 18.0 + if has_volumes { VOLUMES } else { 0.0 };
        html! {
            div.yax {
                svg.chart role="img" aria-label=(self.finding(title)) width="100%" height=(foot) {
                    @for (at, text) in &self.scale {
                        line.grid x1="0" x2="100%" y1=(self.y(*at)) y2=(self.y(*at)) {}
                        text x="-8" y=(short(self.y(*at) + 4.0)) text-anchor="end" { (text) }
                    }
                    @if has_volumes { text x="-8" y=(HEIGHT + VOLUMES) text-anchor="end" { "Volume" } }
                    (self.limit_lines())
                    @for (index, point) in all.iter().enumerate() { (self.aim(point, index, slot)) }
                    @if let Some((aim, text)) = all.first().and_then(|first| Some((first.aim?, first.target.as_ref()?))) {
                        text.halo x="0" y=(short(self.y(aim) - 5.0)) { "target " (text) }
                    }
                    @for (index, pair) in all.windows(2).enumerate() {
                        @if let [Some(from), Some(to)] = [pair.first().and_then(|it| it.value), pair.last().and_then(|it| it.value)] {
                            line.path x1={ (x(index)) "%" } x2={ (x(index + 1)) "%" } y1=(self.y(from)) y2=(self.y(to)) {}
                        }
                    }
                    @for (index, point) in self.points.iter().enumerate() { (self.mark(point, x(index), self.is_labelled(index))) }
                    @if let Some(point) = &self.running { (self.open(point, x(self.points.len()))) }
                    @for (index, point) in all.iter().enumerate() {
                        @if all.len() <= 5 || index % all.len().div_ceil(5) == 0 {
                            text x={ (x(index)) "%" } y=(foot - 2.0) text-anchor="middle" { (point.period) }
                        }
                        @if has_volumes { (volume(point, x(index), slot, largest)) }
                    }
                }
            }
        }
    }

    fn limit_lines(&self) -> Markup {
        let limits = self.limits.into_iter().zip(&self.limit_texts);
        let lines: Vec<(f64, String)> = limits
            .flat_map(|((lower, upper), (low, high))| {
                [(lower, format!("lower limit {low}")), (upper, format!("upper limit {high}"))]
            })
            .filter(|(at, _)| self.within(*at))
            .collect();
        html! {
            @for (at, text) in &lines {
                line.limit x1="0" x2="100%" y1=(self.y(*at)) y2=(self.y(*at)) {}
                text.halo x="100%" y=(short(self.y(*at) - 3.0)) text-anchor="end" { (text) }
            }
        }
    }

    /// The target in force in a period, as wide as the period.
    fn aim(&self, point: &Point, index: usize, slot: f64) -> Markup {
        let Some(aim) = point.aim else { return html! {} };
        let from = slot * f64::from(u32::try_from(index).unwrap_or(0));
        html! { line.aim x1={ (short(from)) "%" } x2={ (short(from + slot)) "%" } y1=(self.y(aim)) y2=(self.y(aim)) {} }
    }

    /// Whether a value is written beside its mark: all of a few; of many the latest, the lowest and the highest.
    fn is_labelled(&self, index: usize) -> bool {
        let value = |point: &Point| point.value.unwrap_or(f64::NAN);
        let ends = |better: fn(f64, f64) -> bool| {
            let best = self.points.iter().map(value).reduce(|one, other| if better(other, one) { other } else { one });
            self.points.iter().position(|point| Some(value(point)) == best)
        };
        self.points.len() <= 7
            || index + 1 == self.points.len()
            || ends(|one, other| one < other) == Some(index)
            || ends(|one, other| one > other) == Some(index)
    }

    /// A closed value: a disc, or a square where it was missed; a small ring for the value before relief.
    fn mark(&self, point: &Point, x: f64, is_labelled: bool) -> Markup {
        let Some(value) = point.value else { return html! {} };
        let class = colour(point.verdict, point.severity);
        html! {
            @if let Some(before) = point.before_relief { circle.hollow cx={ (x) "%" } cy=(self.y(before)) r="3" {} }
            svg x={ (x) "%" } y=(self.y(value)) overflow="visible" {
                title { (point.period) ": " (point.shown) ", " (verdict_title(point.verdict)) }
                @if point.verdict == Verdict::Missed { rect class=(class) x="-5" y="-5" width="10" height="10" {} }
                @else { circle class=(class) r="5" {} }
            }
            @if is_labelled {
                // Misses lie at the bottom of a dip: below them is room.
                @let away = if point.verdict == Verdict::Missed { 19.0 } else { -9.0 };
                text.halo x={ (x) "%" } y=(short(self.y(value) + away)) text-anchor="middle" { (point.shown) }
            }
        }
    }

    /// The running value, hollow, with its interval.
    fn open(&self, point: &Point, x: f64) -> Markup {
        let Some(value) = point.value else { return html! {} };
        html! {
            @if let Some((low, high)) = self.interval {
                line.interval x1={ (x) "%" } x2={ (x) "%" } y1=(self.y(low)) y2=(self.y(high)) {}
            }
            circle.hollow cx={ (x) "%" } cy=(self.y(value)) r="5" { title { (point.period) ", running: " (point.shown) } }
            text.halo x="100%" y=(short(self.y(value) + 19.0)) text-anchor="end" { (point.shown) " so far" }
        }
    }
}

/// The volume of a period, as a bar from zero.
fn volume(point: &Point, x: f64, slot: f64, largest: f64) -> Markup {
    let Some(volume) = point.volume.as_deref().and_then(number) else { return html! {} };
    let height = short((VOLUMES - 8.0) * volume / largest);
    let width = (slot * 0.5).min(4.0);
    html! {
        rect.volume x={ (short(x - width / 2.0)) "%" } width={ (short(width)) "%" } y=(short(HEIGHT + VOLUMES - height)) height=(height) {
            title { (point.period) ": volume " (thousands(point.volume.as_deref().unwrap_or_default())) }
        }
    }
}
