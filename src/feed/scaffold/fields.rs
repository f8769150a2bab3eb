//! What a field of a sample is taken for, by its name and its values.

use crate::feed::format::times::{WrittenTime, counted, formatted, written};
use crate::feed::format::units::{Notation, figure, is_absent};

use crate::api::feed::MeasureUnit;

/// A field with the values that the sample has for it.
pub(super) struct Field {
    /// A column, or a path.
    pub field: String,
    /// By what it is called, for guesses.
    pub name: String,
    pub values: Vec<String>,
}

/// What a field is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A whole time, with its format where it is not RFC 3339.
    Time(Option<&'static str>),
    /// A date, a part of a time.
    Date(&'static str),
    /// A time of day, a part of a time.
    Clock(&'static str),
    /// Two times with a slash between them.
    Interval,
    /// A number in a unit, under the name of a measure.
    Measure { name: String, unit: MeasureUnit, is_mean: bool },
    /// A share, which needs its volume.
    Share,
    /// A text by which rows may be separated.
    Label(String),
    /// Nothing that is read.
    Nothing,
}

/// Formats that are tried, those that can be taken for one another side by side.
const TIMES: [&str; 10] = [
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %I:%M %p",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y%m%d %H:%M",
];
const DATES: [&str; 6] = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d"];
const CLOCKS: [&str; 4] = ["%I:%M %p", "%I:%M:%S %p", "%H:%M:%S", "%H:%M"];

impl Field {
    /// The values that say something.
    pub(super) fn said(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str).filter(|value| !is_absent(value))
    }

    fn all(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.said().next().is_some() && self.said().all(holds)
    }

    /// What the field is taken for. `is_table` is for texts alone, where numbers of seconds need a format.
    pub(super) fn role(&self, is_table: bool) -> Role {
        let speaks_of_time =
            has(&self.name, &["time", "date", "day", "start", "end", "interval", "begin", "from", "until", "at"]);
        if self.all(|value| value.split_once('/').is_some_and(|(from, to)| is_instant(from) && is_instant(to))) {
            return Role::Interval;
        }
        if self.all(|value| matches!(written(value), Some(WrittenTime::Instant(_) | WrittenTime::Local(_)))) {
            return Role::Time(None);
        }
        let is_count = |value: &str| value.parse().ok().and_then(counted).is_some();
        if speaks_of_time && self.all(is_count) {
            return Role::Time(if is_table { Some("%s") } else { None });
        }
        let fits = |formats: &'static [&'static str], read: &dyn Fn(&str, &str) -> bool| {
            formats.iter().copied().find(|format| self.all(|value| read(value, format)))
        };
        if let Some(format) = fits(&TIMES, &|value, format| formatted(value, format).is_some()) {
            return Role::Time(Some(format));
        }
        if let Some(format) = fits(&DATES, &|value, format| formatted(value, format).is_some()) {
            return Role::Date(format);
        }
        let clock = |value: &str, format: &str| {
            formatted(&format!("2026-01-05 {value}"), &format!("%Y-%m-%d {format}")).is_some()
        };
        let is_duration = has(
            &self.name,
            &["avg", "average", "mean", "talk", "handle", "wait", "hold", "wrap", "duration", "asa", "speed"],
        );
        if let Some(format) =
            fits(&CLOCKS, &clock).filter(|format| format.ends_with("%p") || (speaks_of_time && !is_duration))
        {
            return Role::Clock(format);
        }
        self.figure().unwrap_or_else(|| self.label())
    }

    fn figure(&self) -> Option<Role> {
        let reads = |unit, notation| self.all(|value| figure(value, unit, notation).is_ok());
        if self.all(|value| value.ends_with('%'))
            || (has(&self.name, &["percent", "%"]) && reads(MeasureUnit::Count, Notation::Point))
        {
            return Some(Role::Share);
        }
        let unit = if reads(MeasureUnit::Count, Notation::Point) || reads(MeasureUnit::Count, Notation::Comma) {
            if has(&self.name, &["millis", "(ms)", "_ms"]) { MeasureUnit::Milliseconds } else { MeasureUnit::Count }
        } else if reads(MeasureUnit::ClockTime, Notation::Point) {
            MeasureUnit::ClockTime
        } else if reads(MeasureUnit::IsoDuration, Notation::Point) {
            MeasureUnit::IsoDuration
        } else {
            return None;
        };
        let name = &self.name;
        // A service level is a share, also where nothing says so.
        if has(name, &["service level", "servicelevel", "sla"]) && !has(name, &["calls", "contacts", "answered", "sec"])
        {
            return Some(Role::Share);
        }
        if has(name, &["_id", " id", "uuid", "phone", "number"]) || name.eq_ignore_ascii_case("id") {
            return Some(Role::Nothing);
        }
        let is_mean = has(name, &["avg", "average", "mean", "asa", "speed"]);
        Some(Role::Measure { name: measure(name, unit), unit, is_mean })
    }

    fn label(&self) -> Role {
        let known = [
            ("queue", ["queue", "skill", "split", "csq", "vdn"]),
            ("site", ["site", "location", "centre", "center", "office"]),
            ("channel", ["channel", "media", "medium", "mode", "type"]),
        ];
        let is_short = self.all(|value| value.chars().count() <= 128);
        let found = known.iter().find(|(_, words)| has(&self.name, words)).map(|(label, _)| (*label).to_owned());
        match found {
            Some(label) if is_short => Role::Label(label),
            _ => Role::Nothing,
        }
    }
}

fn is_instant(text: &str) -> bool {
    matches!(written(text), Some(WrittenTime::Instant(_) | WrittenTime::Local(_)))
}

/// Whether a name holds one of some words, whatever its case.
pub(super) fn has(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| if word.len() <= 2 { name == *word } else { name.contains(word) })
}

/// The name of a measure: that of the catalogue where the field's name says so, else its own.
fn measure(name: &str, unit: MeasureUnit) -> String {
    let within =
        has(name, &["within", "<", "in sla", "service level"]) || name.chars().any(|letter| letter.is_ascii_digit());
    // `answered in 20 seconds` counts calls, `handle seconds` is a time.
    let is_time = !matches!(unit, MeasureUnit::Count)
        || has(name, &["time", "duration", "avg", "average", "asa", "speed"])
        || (has(name, &["seconds"]) && !within);
    let times: [(&str, &[&str]); 5] = [
        ("talkSeconds", &["talk"]),
        ("handleSeconds", &["handle", "aht"]),
        ("holdSeconds", &["hold"]),
        ("wrapSeconds", &["wrap", "acw", "after call"]),
        ("waitSeconds", &["wait", "queue", "asa", "speed", "answer"]),
    ];
    let counts: [(&str, &[&str]); 4] = [
        ("abandoned", &["aband"]),
        ("offered", &["offered", "queued", "presented", "entered"]),
        ("answered", &["answered", "handled", "accepted", "acd calls"]),
        ("surveyResponses", &["responses"]),
    ];
    let find = |list: &[(&str, &[&str])]| {
        list.iter().find(|(_, words)| has(name, words)).map(|(known, _)| (*known).to_owned())
    };
    let known = if is_time { find(&times) } else { find(&counts) };
    match known {
        Some(count) if !is_time && within && ["abandoned", "answered"].contains(&count.as_str()) => {
            format!("{count}Within")
        }
        Some(known) => known,
        None => camel_case(name),
    }
}

fn camel_case(name: &str) -> String {
    let words: Vec<String> = name
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let mut whole = String::new();
    for (place, word) in words.iter().enumerate() {
        let (first, rest) = word.split_at(1);
        let rest =
            if word.chars().all(|letter| !letter.is_ascii_lowercase()) { rest.to_lowercase() } else { rest.to_owned() };
        let first = if place == 0 { first.to_lowercase() } else { first.to_uppercase() };
        whole.push_str(&first);
        whole.push_str(&rest);
    }
    if whole.starts_with(|letter: char| letter.is_ascii_alphabetic()) { whole } else { format!("m{whole}") }
}
