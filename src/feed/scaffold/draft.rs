//! The draft itself: a feed in YAML, with what is to be decided as comments.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::tz::TimeZone;

use super::fields::{Field, Role, has};
use super::{Guess, Scaffold};
use crate::api::feed::MeasureUnit;
use crate::feed::format::times::{WrittenTime, counted, formatted, written};
use crate::outbound::error::presentable;

/// What a draft is made of.
pub(super) struct Draft {
    /// csv, xlsx or json.
    pub kind: &'static str,
    /// Lines of the format before its times, such as a delimiter.
    pub options: Vec<String>,
    pub fields: Vec<(Field, Role)>,
}

/// A text as YAML takes it, in quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

impl Draft {
    pub(super) fn finish(self) -> Scaffold {
        let guesses = self.fields.iter().map(|(field, role)| Guess {
            field: presentable(&field.field, 80),
            sample: presentable(field.values.first().map_or("", String::as_str), 40),
            taken_for: words(role),
        });
        Scaffold { guesses: guesses.collect(), yaml: self.yaml() }
    }

    fn member(&self) -> &'static str {
        if self.kind == "json" { "path" } else { "column" }
    }

    fn yaml(&self) -> String {
        let mut text =
            String::from("name: acd\nurl: https://feeds.acme.example/v1          # where the vendor publishes it\n");
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "cadence: {}",
            self.cadence().unwrap_or_else(|| "30m                               # how long a row is".to_owned())
        );
        let _ = writeln!(text, "format:\n  {}:", self.kind);
        for line in self.options.iter().chain(&self.times()) {
            let _ = writeln!(text, "    {line}");
        }
        let labels: Vec<String> = self.labels();
        if !labels.is_empty() {
            let _ = writeln!(text, "    labels:\n{}", labels.concat().trim_end());
        }
        let _ = writeln!(text, "    measures:\n{}", self.measures().concat().trim_end());
        text
    }

    /// The field of the start and of the end.
    fn start_and_end(&self) -> (Option<&(Field, Role)>, Option<&(Field, Role)>) {
        let is_end = |name: &str| has(name, &["end", "until", "stop", "to"]);
        let times = || self.fields.iter().filter(|(_, role)| matches!(role, Role::Time(_)));
        let start = times().find(|(field, _)| !is_end(&field.name)).or_else(|| times().next());
        let is_other = |end: &&(Field, Role)| start.is_some_and(|start| !std::ptr::eq(start, *end));
        let end = times().find(|(field, _)| is_end(&field.name)).filter(is_other);
        (start, end)
    }

    fn times(&self) -> Vec<String> {
        let one = |name: &str, (field, role): &(Field, Role)| {
            let format = match role {
                Role::Time(Some(format)) => format!(", format: {}", quoted(format)),
                _ => String::new(),
            };
            match (self.kind, format.is_empty()) {
                ("json", true) => format!("{name}: {}", quoted(&field.field)),
                ("json", false) => format!("{name}: {{path: {}{format}}}", quoted(&field.field)),
                _ => format!("{name}: {{columns: [{}]{format}}}", quoted(&field.field)),
            }
        };
        if let Some((field, _)) = self.fields.iter().find(|(_, role)| *role == Role::Interval) {
            return vec![format!("interval: {}", quoted(&field.field))];
        }
        let (start, end) = self.start_and_end();
        let mut lines: Vec<String> = start.map(|start| one("start", start)).into_iter().collect();
        lines.extend(end.map(|end| one("end", end)));
        if lines.is_empty() {
            let date = self.fields.iter().find_map(|(field, role)| match role {
                Role::Date(format) => Some((field, *format)),
                _ => None,
            });
            let clock = self.fields.iter().find_map(|(field, role)| match role {
                Role::Clock(format) => Some((field, *format)),
                _ => None,
            });
            lines.extend(match (self.kind, date, clock) {
                ("json", Some((date, format)), _) => {
                    Some(format!("start: {{path: {}, format: {}}}", quoted(&date.field), quoted(format)))
                }
                (_, Some((date, day)), Some((clock, time))) => Some(format!(
                    "start: {{columns: [{}, {}], format: {}}}",
                    quoted(&date.field),
                    quoted(&clock.field),
                    quoted(&format!("{day} {time}"))
                )),
                (_, Some((date, day)), None) => {
                    Some(format!("start: {{columns: [{}], format: {}}}", quoted(&date.field), quoted(day)))
                }
                _ => None,
            });
        }
        if lines.is_empty() {
            lines.push("time: Window                            # nothing in the sample looks like a time: write start, if there is one".to_owned());
        }
        if lines.iter().any(|line| line.contains("%d/%m")) {
            lines.push(
                "# the day comes before the month, as far as the sample shows: look at one after the 12th".to_owned(),
            );
        }
        lines
    }

    fn labels(&self) -> Vec<String> {
        let mut named = BTreeSet::new();
        let line = |(field, role): &(Field, Role)| match role {
            Role::Label(name) => {
                let mark = if named.insert(name.clone()) { "" } else { "# " };
                Some(format!("      {mark}- {{name: {name}, {}: {}}}\n", self.member(), quoted(&field.field)))
            }
            _ => None,
        };
        self.fields.iter().filter_map(line).take(10).collect()
    }

    fn measures(&self) -> Vec<String> {
        let is = |wanted: &str| {
            self.fields
                .iter()
                .any(|(_, role)| matches!(role, Role::Measure { name, is_mean: false, .. } if name == wanted))
        };
        let volume = ["answered", "offered"].into_iter().find(|wanted| is(wanted));
        let mut named = BTreeSet::new();
        let mut lines = Vec::new();
        for (field, role) in &self.fields {
            let (member, place) = (self.member(), quoted(&field.field));
            match role {
                Role::Measure { name, unit, is_mean } => {
                    let unit = if *unit == MeasureUnit::Count { String::new() } else { format!(", unit: {unit}") };
                    let of = volume.filter(|_| *is_mean).map_or(String::new(), |volume| format!(", of: {volume}"));
                    let is_taken = (*is_mean && volume.is_none()) || !named.insert(name.clone());
                    let mark = if is_taken { "# " } else { "" };
                    lines.push(format!("      {mark}- {{name: {name}, {member}: {place}{unit}{of}}}\n"));
                }
                Role::Share => lines.push(format!(
                    "      # {place} is a percentage: map the counts that it is made of, or write `unit: Percent` and in `of` the measure that it is a share of\n"
                )),
                _ => {}
            }
        }
        if !lines.iter().any(|line| line.trim_start().starts_with('-')) {
            lines.push(format!(
                "      - {{name: offered, {}: …}}              # nothing in the sample looks like a count\n",
                self.member()
            ));
        }
        lines
    }

    /// How long a row is: from its start to its end, or from one start to the next.
    fn cadence(&self) -> Option<String> {
        let (start, end) = self.start_and_end();
        let seconds = |(field, role): &(Field, Role)| -> Vec<i64> {
            let read = |text: &str| match role {
                Role::Time(Some(format)) => formatted(text, format),
                _ => written(text).or_else(|| counted(text.parse().ok()?)),
            };
            field.said().filter_map(read).filter_map(second).collect()
        };
        let has = |wanted: fn(&Role) -> bool| self.fields.iter().any(|(_, role)| wanted(role));
        if start.is_none() && has(|role| matches!(role, Role::Date(_))) && !has(|role| matches!(role, Role::Clock(_))) {
            return Some("24h".to_owned());
        }
        let starts = seconds(start?);
        let length = match end.map(seconds) {
            Some(ends) => ends.first()?.checked_sub(*starts.first()?)?,
            None => {
                let distinct: BTreeSet<i64> = starts.into_iter().collect();
                let all: Vec<i64> = distinct.into_iter().collect();
                all.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?)).min()?
            }
        };
        match length {
            60..=86_399 if length % 3_600 == 0 => Some(format!("{}h", length / 3_600)),
            60..=86_399 if length % 60 == 0 => Some(format!("{}m", length / 60)),
            82_800..=90_000 => Some("24h".to_owned()),
            _ => None,
        }
    }
}

fn second(time: WrittenTime) -> Option<i64> {
    match time {
        WrittenTime::Instant(instant) => Some(instant.as_second()),
        WrittenTime::Local(local) => local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second()),
        WrittenTime::Date(date) => date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second()),
    }
}

fn words(role: &Role) -> String {
    match role {
        Role::Time(None) => "a time".to_owned(),
        Role::Time(Some(format)) => format!("a time, {format}"),
        Role::Date(format) => format!("a date, {format}"),
        Role::Clock(format) => format!("a time of day, {format}"),
        Role::Interval => "two times".to_owned(),
        Role::Measure { name, unit, is_mean } => {
            let mean = if *is_mean { ", a mean" } else { "" };
            format!("measure {name}, {unit}{mean}")
        }
        Role::Share => "a percentage, which needs its volume".to_owned(),
        Role::Label(name) => format!("label {name}"),
        Role::Nothing => "-".to_owned(),
    }
}
