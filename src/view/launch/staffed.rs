//! People needed and scheduled, interval by interval: bars, a line, and the figures behind them.

use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;

use super::Times;
use crate::api::campaign_launch::PlannedInterval;
use crate::view::charts::{marks_around, short};
use crate::view::page::figures;
use crate::view::words::thousands;

/// Height of the bars with the room above them, in pixels.
const HEIGHT: f64 = 150.0;
/// Room above the highest mark of the scale.
const HEAD: f64 = 12.0;
/// Height of the names of days below the bars.
const FOOT: f64 = 20.0;
/// Names below the bars at most: more would touch on a narrow screen.
const MOST_NAMES: usize = 5;

/// People needed and scheduled.
#[derive(Clone, Debug, PartialEq)]
pub struct Staffed {
    /// What the picture shows, in words.
    described: String,
    bars: Vec<Bar>,
    /// Names of days, or of hours of a single day: the place in percent of the width, and the name.
    names: Vec<(f64, String)>,
    /// The marks of the scale, from zero up: place and text.
    scale: Vec<(f64, String)>,
}

/// One interval.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    start: String,
    contacts: String,
    needed: i64,
    scheduled: Option<i64>,
}

impl Bar {
    fn is_short(&self) -> bool {
        self.scheduled.is_some_and(|scheduled| scheduled < self.needed)
    }

    /// Heads scheduled as they are written.
    fn scheduled(&self) -> String {
        self.scheduled.map_or_else(|| "not known".to_owned(), |heads| thousands(&heads.to_string()))
    }
}

impl Staffed {
    /// The picture of the intervals of a status.
    pub(super) fn of(plan: &[PlannedInterval], times: &Times) -> Staffed {
        let bars: Vec<Bar> = plan
            .iter()
            .map(|interval| Bar {
                start: times.show(interval.start),
                contacts: thousands(&interval.expected),
                needed: interval.required,
                scheduled: interval.scheduled,
            })
            .collect();
        let heads = bars.iter().flat_map(|bar| [Some(bar.needed), bar.scheduled]).flatten();
        let scale = marks_around(heads.map(place).chain([0.0, 1.0]), 3.0);
        Staffed { described: described(&bars), names: names(plan, times), scale, bars }
    }

    /// The picture with its words.
    pub(super) fn draw(&self) -> Markup {
        let slot = 100.0 / size(self.bars.len().max(1));
        let percent = |at: usize| format!("{}%", short(slot * size(at)));
        let rows: Vec<Vec<String>> = self.bars.iter().map(row).collect();
        html! {
            h3 { "People needed and scheduled" }
            div.yax {
                svg.chart role="img" aria-label=(self.described) width="100%" height=(HEIGHT + FOOT) {
                    @for (at, text) in &self.scale {
                        line.grid x1="0" x2="100%" y1=(self.y(*at)) y2=(self.y(*at)) {}
                        text x="-8" y=(short(self.y(*at) + 4.0)) text-anchor="end" { (text) }
                    }
                    @for (index, bar) in self.bars.iter().enumerate() {
                        @let top = self.y(place(bar.needed));
                        rect class=(if bar.is_short() { "fill-missed-2" } else { "volume" }) x=(percent(index))
                            width={ (short(slot * 0.86)) "%" } y=(top) height=(short(HEIGHT - top)) {
                            title { (bar.start) ": " (needed_and_scheduled(bar)) }
                        }
                    }
                    @for (from, until, heads) in self.levels() {
                        line.target x1=(percent(from)) x2=(percent(until)) y1=(self.y(place(heads))) y2=(self.y(place(heads))) {}
                    }
                    @for (at, name) in &self.names {
                        text x={ (short(*at)) "%" } y=(HEIGHT + FOOT - 4.0) text-anchor="middle" { (name) }
                    }
                }
            }
            p.note { "A bar is the people needed in an interval, shrinkage included; the line is who is scheduled. A bar that rises above the line is short of people." }
            (figures("people needed and scheduled by interval", &["From", "Contacts", "People needed", "People scheduled"], &rows))
        }
    }

    fn y(&self, heads: f64) -> f64 {
        let top = self.scale.last().map_or(1.0, |(at, _)| *at).max(f64::MIN_POSITIVE);
        short(HEAD + (HEIGHT - HEAD) * (1.0 - (heads / top).clamp(0.0, 1.0)))
    }

    /// Heads scheduled where they stay the same: from which bar, up to which one, and how many.
    fn levels(&self) -> Vec<(usize, usize, i64)> {
        let (mut levels, mut from) = (Vec::new(), 0);
        for same in self.bars.chunk_by(|left, right| left.scheduled == right.scheduled) {
            let until = from + same.len();
            levels.extend(same.first().and_then(|bar| bar.scheduled).map(|heads| (from, until, heads)));
            from = until;
        }
        levels
    }
}

fn row(bar: &Bar) -> Vec<String> {
    vec![bar.start.clone(), bar.contacts.clone(), thousands(&bar.needed.to_string()), bar.scheduled()]
}

fn needed_and_scheduled(bar: &Bar) -> String {
    match bar.scheduled {
        Some(_) => format!("{} needed, {} scheduled", thousands(&bar.needed.to_string()), bar.scheduled()),
        None => format!("{} needed", thousands(&bar.needed.to_string())),
    }
}

fn described(bars: &[Bar]) -> String {
    let most = bars.iter().rev().max_by_key(|bar| bar.needed);
    let peak = most.map(|bar| format!(", most from {} on: {}", bar.start, needed_and_scheduled(bar)));
    let short = match bars.iter().filter(|bar| bar.is_short()).count() {
        _ if bars.iter().all(|bar| bar.scheduled.is_none()) => String::new(),
        0 => "; no interval is short of people".to_owned(),
        1 => "; one interval is short of people".to_owned(),
        several => format!("; {several} intervals are short of people"),
    };
    format!("People needed and scheduled in {} intervals{}{short}", bars.len(), peak.unwrap_or_default())
}

/// Names below the bars: each day in the middle of its bars, or hours where there is one day.
fn names(plan: &[PlannedInterval], times: &Times) -> Vec<(f64, String)> {
    let all: Vec<(String, String)> = plan.iter().map(|interval| times.day_and_hour(interval.start)).collect();
    let days: Vec<&[(String, String)]> = all.chunk_by(|left, right| left.0 == right.0).collect();
    let middle = |from: usize, bars: usize| 100.0 * (size(from) + size(bars) / 2.0) / size(all.len().max(1));
    let mut names = Vec::new();
    if days.len() < 2 {
        let hours = all.iter().enumerate().map(|(index, (_, hour))| (middle(index, 1), hour.clone()));
        names.extend(hours);
    } else {
        let mut from = 0;
        for day in days {
            names.extend(day.first().map(|(name, _)| (middle(from, day.len()), name.clone())));
            from += day.len();
        }
    }
    let every = names.len().div_ceil(MOST_NAMES).max(1);
    names.into_iter().step_by(every).collect()
}

fn place(heads: i64) -> f64 {
    heads.to_f64().unwrap_or_default()
}

fn size(count: usize) -> f64 {
    count.to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start: &str, required: i64, scheduled: Option<i64>) -> PlannedInterval {
        PlannedInterval { start: start.parse().unwrap(), expected: "1312.4".to_owned(), required, scheduled }
    }

    fn of(plan: &[PlannedInterval]) -> Staffed {
        Staffed::of(plan, &Times(None))
    }

    #[test]
    fn demand_against_staffing_is_said_in_words_and_shown_by_bars_that_rise_above_a_line() {
        let at = |hour: u8| format!("2026-11-30T{hour:02}:00:00Z");
        let plan = |scheduled: [Option<i64>; 3]| {
            let needed = [(8, 20), (9, 43), (10, 20)].into_iter().zip(scheduled);
            of(&needed.map(|((hour, needed), scheduled)| interval(&at(hour), needed, scheduled)).collect::<Vec<_>>())
        };
        for (scheduled, peak, short, lines) in [
            ([Some(43); 3], ", 43 scheduled; no interval is short of people", 0, 1),
            ([Some(43), Some(42), Some(43)], ", 42 scheduled; one interval is short of people", 1, 3),
            ([Some(19), Some(42), Some(42)], ", 42 scheduled; 2 intervals are short of people", 2, 2),
            ([None; 3], "", 0, 0),
        ] {
            let shown = plan(scheduled);
            let expected = format!(
                "People needed and scheduled in 3 intervals, most from 2026-11-30T09:00:00Z on: 43 needed{peak}"
            );
            assert_eq!(shown.described, expected);
            let drawn = shown.draw().into_string();
            assert!(drawn.contains(&format!("aria-label=\"{expected}\"")), "{drawn}");
            let count = |text: &str| drawn.matches(text).count();
            assert_eq!((count("fill-missed-2"), count("<line class=\"target\"")), (short, lines), "{drawn}");
            assert_eq!((count("<rect"), count("<td>1,312.4</td>")), (3, 3), "{drawn}");
        }
    }

    #[test]
    fn at_most_five_days_or_hours_are_named_each_in_the_middle_of_its_bars() {
        let named = |starts: &[String]| {
            let plan: Vec<_> = starts.iter().map(|start| interval(start, 1, None)).collect();
            of(&plan).names
        };
        let hours: Vec<String> = (8..18).map(|hour| format!("2026-11-30T{hour:02}:00:00Z")).collect();
        let texts = |names: Vec<(f64, String)>| names.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(texts(named(&hours)), ["08:00", "10:00", "12:00", "14:00", "16:00"]);
        let two_days: Vec<String> =
            [(30, 8), (30, 9), (30, 10)].map(|(day, hour)| format!("2026-11-{day}T{hour:02}:00:00Z")).to_vec();
        let two_days = [two_days, vec!["2026-12-01T08:00:00Z".to_owned()]].concat();
        assert_eq!(named(&two_days), [(37.5, "30 Nov".to_owned()), (87.5, "1 Dec".to_owned())]);
        let month: Vec<String> = (1..=30).map(|day| format!("2026-11-{day:02}T08:00:00Z")).collect();
        assert_eq!(texts(named(&month)), ["1 Nov", "7 Nov", "13 Nov", "19 Nov", "25 Nov"]);
    }

    #[test]
    fn nobody_needed_is_a_picture_too() {
        for plan in [vec![], vec![interval("2026-11-30T08:00:00Z", 0, Some(0))]] {
            let drawn = of(&plan).draw().into_string();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
