//! The pictures, as SVG whose x is a percentage of the width: they stretch with the page while their text keeps its size.
//!
//! Positions on a chart are the only binary floats here; every figure that is written comes as text from the report.

use maud::{Markup, html};
use rust_decimal::Decimal;

use super::marks::rank;
use crate::api::kpi_target::Verdict;
use crate::api::verdict::Severity;

/// A value against its target and the bands of its misses.
#[derive(Clone, Debug, PartialEq)]
pub struct Bullet {
    /// What the picture shows, in words, for those who cannot see it.
    pub label: String,
    /// The left and the right end of the scale, as numbers and as they are written.
    pub ends: [(f64, String); 2],
    /// Edges of the strip from left to right with how grave it is between them: 0 where the target is met, 1 to 4 where not.
    pub strips: Vec<(f64, f64, u32)>,
    /// The target; two with Between.
    pub targets: Vec<f64>,
    /// The value, where there is one.
    pub value: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
}

/// Draws a value against its target.
pub fn bullet(chart: &Bullet) -> Markup {
    let [(left, left_text), (right, right_text)] = &chart.ends;
    let place = |value: f64| percent((value - left) / (right - left));
    html! {
        svg.bullet role="img" aria-label=(chart.label) width="100%" height="36" {
            @for (from, to, grave) in &chart.strips {
                rect class={ "strip" (grave) } x=(place(*from)) y="6" height="16"
                    width=(percent((to - from) / (right - left))) {}
            }
            @for target in &chart.targets {
                line.target x1=(place(*target)) x2=(place(*target)) y1="2" y2="26" {}
            }
            @if let Some(value) = chart.value {
                circle class={ "value " (colour(chart.verdict, chart.severity)) } cx=(place(value)) cy="14" r="5.5" {}
            }
            text x="0" y="35" { (left_text) }
            text x="100%" y="35" text-anchor="end" { (right_text) }
        }
    }
}

/// One bar of a bar chart that begins at zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The name below it.
    pub name: String,
    /// The figure above it.
    pub figure: String,
    /// From where to where it reaches.
    pub from: f64,
    /// Its upper or lower end.
    pub to: f64,
    /// The class of the style sheet that colours it.
    pub class: &'static str,
}

/// Draws how parts add up, and what a cap takes away, to the sum that is owed: a line for each with its name, its figure and a bar
/// that begins at zero or where the one before ends.
pub fn waterfall(label: &str, steps: &[Step]) -> Markup {
    let top = steps.iter().flat_map(|step| [step.from, step.to]).fold(0.0_f64, f64::max);
    let place = |value: f64| percent(if top > 0.0 { value / top } else { 0.0 });
    html! {
        ul.account aria-label=(label) {
            @for step in steps {
                li {
                    span { (step.name) }
                    b { (step.figure) }
                    svg aria-hidden="true" width="100%" height="10" {
                        rect class=(step.class) x=(place(step.from.min(step.to))) width=(place((step.from - step.to).abs())) height="10" {}
                    }
                }
            }
        }
    }
}

/// The class of the colour of a verdict: misses by their severity.
pub fn colour(verdict: Verdict, severity: Option<Severity>) -> String {
    match (verdict, severity) {
        (Verdict::Met, _) => "fill-met".to_owned(),
        (Verdict::Missed, severity) => format!("fill-missed-{}", severity.map_or(1, rank)),
        (Verdict::Excused, _) => "fill-excused".to_owned(),
        _ => "fill-unknown".to_owned(),
    }
}

/// Round marks around everything that a chart holds, from the lowest up, each with its decimal text; `parts` is how many steps they
/// make about. None without a value.
pub fn marks_around(values: impl Iterator<Item = f64>, parts: f64) -> Vec<(f64, String)> {
    let widen = |(low, high): (f64, f64), at: f64| (low.min(at), high.max(at));
    let (low, high) = values.filter(|at| at.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), widen);
    if !low.is_finite() {
        return Vec::new();
    }
    let exact = (high - low).max(high.abs() * 0.02).max(1e-6) / parts;
    let power = 10_f64.powf(exact.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= exact).unwrap_or(power);
    let first = (low / step).floor();
    let count = ((high / step).ceil() - first).max(1.0);
    let decimals = u32::try_from((-step.log10().floor()).clamp(0.0, 6.0) as i64).unwrap_or(0);
    let text = |at: f64| Decimal::try_from(at).unwrap_or_default().round_dp(decimals).normalize().to_string();
    let marks = (0..=8_u32).map(f64::from).take_while(|index| *index <= count).map(|index| (first + index) * step);
    marks.map(|at| (at, text(at))).collect()
}

/// A share of the width, kept inside the picture.
fn percent(share: f64) -> String {
    format!("{}%", short((share * 100.0).clamp(0.0, 100.0)))
}

/// A position with two decimals at most; one that is not a number is the left edge.
pub fn short(position: f64) -> f64 {
    if position.is_finite() { (position * 100.0).round() / 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beyond_the_scale_stays_inside_the_picture() {
        let chart = Bullet {
            label: "<b>66.3</b>".to_owned(),
            ends: [(50.0, "50%".to_owned()), (100.0, "100%".to_owned())],
            strips: vec![(50.0, 80.0, 1), (80.0, 100.0, 0)],
            targets: vec![80.0],
            value: Some(12.0),
            verdict: Verdict::Missed,
            severity: Some(Severity::Severe),
        };
        let drawn = bullet(&chart).into_string();
        assert!(drawn.contains(r#"cx="0%""#), "{drawn}");
        assert!(drawn.contains("fill-missed-3"), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;66.3"), "the label is escaped: {drawn}");
    }

    #[test]
    fn bars_begin_at_zero_and_share_the_width() {
        let step =
            |from: f64, to: f64| Step { name: "a".to_owned(), figure: "£1".to_owned(), from, to, class: "fill-ink" };
        let drawn = waterfall("sum", &[step(0.0, 1000.0), step(1000.0, 500.0)]).into_string();
        assert!(drawn.contains(r#"x="0%" width="100%""#), "the whole sum fills the width: {drawn}");
        assert!(drawn.contains(r#"x="50%" width="50%""#), "what is cut begins where the rest ends: {drawn}");
    }
}
