//! The marks of verdicts: shape, word and colour say the same, so that no reader depends on colour.

use maud::{Markup, PreEscaped, html};

use super::words::verdict_title;
use crate::api::kpi_target::Verdict;
use crate::api::verdict::Severity;

/// The shapes that pages refer to, drawn once a page. `currentColor` fills them; what is cut out shows the paper.
pub fn sprite() -> Markup {
    PreEscaped(include_str!("sprite.svg").to_owned())
}

/// One of the shapes of the sprite, by its name after `mark-`.
pub fn mark(shape: &str) -> Markup {
    html! { svg.mark aria-hidden="true" { use href={ "#mark-" (shape) } {} } }
}

/// The verdict with its shape and, for a miss, its severity in a word and in one to four bars.
pub fn verdict(verdict: Verdict, severity: Option<Severity>) -> Markup {
    let severity = severity.filter(|_| verdict == Verdict::Missed);
    html! {
        span class={ "verdict " (class(verdict)) } {
            (mark(class(verdict)))
            span {
                (verdict_title(verdict))
                @if let Some(severity) = severity { ", " (severity) }
            }
            @if let Some(severity) = severity { (bars(severity)) }
        }
    }
}

/// One to four rising bars.
fn bars(severity: Severity) -> Markup {
    let grave = rank(severity);
    html! {
        svg.pips width="19" height="11" viewBox="0 0 19 11" aria-hidden="true" {
            @for step in 1..=4_u32 {
                rect x=((step - 1) * 5) y=(11 - step * 11 / 4) width="3.5" height=(step * 11 / 4)
                    class=(if step <= grave { "on" } else { "off" }) {}
            }
        }
    }
}

/// 1 for Minor to 4 for Critical.
pub fn rank(severity: Severity) -> u32 {
    match severity {
        Severity::Minor => 1,
        Severity::Serious => 2,
        Severity::Severe => 3,
        Severity::Critical => 4,
    }
}

/// The class of the style sheet, and the shape's id after `mark-`.
pub fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::Excused => "excused",
        Verdict::Inconclusive => "inconclusive",
        Verdict::InsufficientVolume => "too-few",
        Verdict::NoData => "no-data",
        Verdict::NotMeasured => "not-measured",
    }
}
