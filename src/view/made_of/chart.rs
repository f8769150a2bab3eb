//! The days of a window as a chart: a mark a day, the value so far as a line, the target, and the volumes below.

use jiff::civil::Date;
use maud::{Markup, html};

use super::DayLine;
use crate::api::kpi_target::Verdict;
use crate::domain::measuring::breakdown::Breakdown;
use crate::domain::terms::calendar::days_between;
use crate::view::charts::{colour, marks_around, short};
use crate::view::words::{figure, verdict_title};

/// Days on one scale. Places are shares of the width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    label: String,
    days: Vec<Mark>,
    /// The marks of the scale, from the lowest up: place and text.
    scale: Vec<(f64, String)>,
    /// The first and the last day of the window.
    ends: Option<(Date, Date)>,
    /// The latest target: value and text.
    target: Option<(f64, String)>,
    /// What the rest of a running window must reach: value and text.
    pub needed: Option<(f64, String)>,
    /// Whether the value so far is drawn.
    has_line: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Mark {
    from: f64,
    to: f64,
    value: Option<f64>,
    before_relief: Option<f64>,
    so_far: Option<f64>,
    target: f64,
    volume: f64,
    verdict: Verdict,
    title: String,
}

impl Mark {
    fn x(&self) -> f64 {
        short((self.from + self.to) * 50.0)
    }
}

/// Heights in pixels.
#[derive(Clone, Copy)]
struct Heights {
    values: f64,
    volumes: f64,
}

/// For a chart that fills the page.
const TALL: Heights = Heights { values: 168.0, volumes: 40.0 };
/// For one of several beside each other.
const LOW: Heights = Heights { values: 84.0, volumes: 0.0 };
/// Room above the highest mark.
const TOP: f64 = 14.0;
/// Room below for the days.
const FOOT: f64 = 20.0;

impl Chart {
    pub(super) fn of(title: &str, broken: &Breakdown, lines: &[DayLine], currency: &str) -> Chart {
        let (first, last) = broken.days;
        let length = f64::from(i32::try_from(days_between(first, last) + 1).unwrap_or(1).max(1));
        let place = |day: Date| f64::from(i32::try_from(days_between(first, day)).unwrap_or(0)) / length;
        let days = broken.steps.iter().zip(lines).map(|(step, line)| Mark {
            from: place(step.first).clamp(0.0, 1.0),
            to: (place(step.last) + 1.0 / length).clamp(0.0, 1.0),
            value: step.counts.value.as_ref().map(|value| value.to_f64()),
            before_relief: step.before_relief.as_ref().map(|value| value.to_f64()),
            so_far: step.so_far.as_ref().map(|value| value.to_f64()),
            target: step.target.to_f64(),
            volume: step.counts.denominator.to_f64().max(0.0),
            verdict: step.verdict,
            title: spoken(line),
        });
        let days: Vec<Mark> = days.collect();
        let values = days.iter().flat_map(|day| [day.value, day.before_relief, day.so_far, Some(day.target)]).flatten();
        let scale = marks_around(values, 3.0).into_iter().map(|(at, text)| (at, figure(&text, broken.unit, currency)));
        let missed = days.iter().filter(|day| day.verdict == Verdict::Missed).count();
        Chart {
            label: format!("{title}: {missed} of {} {}s missed the target", days.len(), super::each(broken.each)),
            scale: scale.collect(),
            ends: Some((first, last)),
            target: days.last().zip(lines.last()).map(|(day, line)| (day.target, format!("target {}", line.target))),
            needed: None,
            has_line: broken.steps_add_up && !broken.is_tally,
            days,
        }
    }

    /// The same with what the rest of the window must reach.
    #[must_use]
    pub fn needing(mut self, needed: f64, text: String) -> Chart {
        let within =
            self.scale.first().zip(self.scale.last()).is_some_and(|(low, high)| (low.0..=high.0).contains(&needed));
        self.needed = within.then_some((needed, text));
        self
    }

    fn y(&self, value: f64, heights: Heights) -> f64 {
        let low = self.scale.first().map_or(0.0, |(at, _)| *at);
        let high = self.scale.last().map_or(1.0, |(at, _)| *at);
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        short(TOP + (heights.values - TOP) * (1.0 - share.clamp(0.0, 1.0)))
    }

    /// The chart over the whole width, with volumes.
    pub(super) fn tall(&self) -> Markup {
        self.draw(TALL)
    }

    /// The chart as one of several beside each other.
    pub(super) fn low(&self) -> Markup {
        self.draw(LOW)
    }

    fn draw(&self, heights: Heights) -> Markup {
        let foot = heights.values + heights.volumes + FOOT;
        let largest = self.days.iter().map(|day| day.volume).fold(0.0, f64::max);
        html! {
            div.yax {
                svg.chart.days role="img" aria-label=(self.label) width="100%" height=(foot) {
                    @for (at, text) in &self.scale {
                        line.grid x1="0" x2="100%" y1=(self.y(*at, heights)) y2=(self.y(*at, heights)) {}
                        text.y-label x="-8" y=(short(self.y(*at, heights) + 4.0)) text-anchor="end" { (text) }
                    }
                    (self.targets(heights))
                    @if let Some((needed, text)) = &self.needed { (self.rest(*needed, text, heights)) }
                    @if self.has_line { (self.line(heights)) }
                    @for day in &self.days { (self.mark(day, heights)) }
                    @if let Some((target, text)) = self.target.as_ref().filter(|_| heights.volumes > 0.0) {
                        text.halo x="100%" y=(short(self.y(*target, heights) + 13.0)) text-anchor="end" { (text) }
                    }
                    @if heights.volumes > 0.0 && largest > 0.0 {
                        @for day in &self.days { (volume(day, heights, largest)) }
                    }
                    (self.dates(foot))
                }
            }
        }
    }

    /// The target of each day, one line where it stays the same.
    fn targets(&self, heights: Heights) -> Markup {
        let mut lines: Vec<(f64, f64, f64)> = Vec::new();
        for day in &self.days {
            match lines.last_mut() {
                Some((_, to, target)) if (*target - day.target).abs() < f64::EPSILON => *to = day.to,
                _ => lines.push((day.from, day.to, day.target)),
            }
        }
        if let Some(first) = lines.first_mut() {
            first.0 = 0.0;
        }
        if let Some(last) = lines.last_mut() {
            last.1 = 1.0;
        }
        html! {
            @for (from, to, target) in lines {
                line.aim x1=(percent(from)) x2=(percent(to)) y1=(self.y(target, heights)) y2=(self.y(target, heights)) {}
            }
        }
    }

    /// What the days that are left must reach.
    fn rest(&self, needed: f64, text: &str, heights: Heights) -> Markup {
        let from = self.days.last().map_or(0.0, |day| day.to);
        let y = self.y(needed, heights);
        html! {
            line.needed x1=(percent(from)) x2="100%" y1=(y) y2=(y) {}
            text.needed.halo x="100%" y=(short(y - 5.0)) text-anchor="end" { (text) }
        }
    }

    /// The value so far, from one day with data to the next.
    fn line(&self, heights: Heights) -> Markup {
        let reached: Vec<(f64, f64)> = self.days.iter().filter_map(|day| Some((day.x(), day.so_far?))).collect();
        html! {
            @for pair in reached.windows(2) {
                @if let [from, to] = pair {
                    line.so-far x1={ (from.0) "%" } x2={ (to.0) "%" } y1=(self.y(from.1, heights)) y2=(self.y(to.1, heights)) {}
                }
            }
        }
    }

    /// A disc for a day that met its target, a square for one that did not, a ring for what relief took, a dash for a day without data.
    fn mark(&self, day: &Mark, heights: Heights) -> Markup {
        let x = format!("{}%", day.x());
        let class = colour(day.verdict, None);
        let at = day.value.or(day.before_relief);
        html! {
            @if let (Some(_), Some(before)) = (day.value, day.before_relief) {
                circle.hollow cx=(x) cy=(self.y(before, heights)) r="2.5" {}
            }
            @match at {
                Some(value) => {
                    svg x=(x) y=(self.y(value, heights)) overflow="visible" {
                        title { (day.title) }
                        @match day.verdict {
                            Verdict::Missed => rect class=(class) x="-3.5" y="-3.5" width="7" height="7" {},
                            Verdict::Excused => path.excused-mark d="M0-5 5 0 0 5-5 0z" {},
                            _ => circle class=(class) r="3.5" {},
                        }
                    }
                }
                None => line.no-data x1=(x) x2=(x) y1=(TOP) y2=(heights.values) { title { (day.title) } },
            }
        }
    }

    fn dates(&self, foot: f64) -> Markup {
        let Some((first, last)) = self.ends else { return html! {} };
        let length = days_between(first, last);
        let middle = crate::domain::terms::calendar::days_after(first, length / 2);
        html! {
            text x="0" y=(foot - 4.0) { (short_date(first)) }
            @if length > 2 { text x="50%" y=(foot - 4.0) text-anchor="middle" { (short_date(middle)) } }
            @if length > 0 { text x="100%" y=(foot - 4.0) text-anchor="end" { (short_date(last)) } }
        }
    }
}

/// What a mark says when somebody points at it.
fn spoken(line: &DayLine) -> String {
    let counts = super::counts(line.numerator.as_deref(), &line.denominator);
    let relief = line.before_relief.as_ref().map(|before| format!(", {before} before relief")).unwrap_or_default();
    match line.value {
        Some(_) => format!("{}: {}, {counts}, {}{relief}", line.date, line.shown, verdict_title(line.verdict)),
        None => format!("{}: {}{relief}", line.date, verdict_title(line.verdict)),
    }
}

/// The volume of a day, as a bar from zero.
fn volume(day: &Mark, heights: Heights, largest: f64) -> Markup {
    let height = short((heights.volumes - 10.0) * day.volume / largest);
    let width = (day.to - day.from) * 100.0 * 0.6;
    html! {
        rect.volume x={ (short(day.x() - width / 2.0)) "%" } width={ (short(width)) "%" }
            y=(short(heights.values + heights.volumes - height)) height=(height) {}
    }
}

/// `5 Mar`.
fn short_date(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

fn percent(share: f64) -> String {
    format!("{}%", short(share * 100.0))
}
