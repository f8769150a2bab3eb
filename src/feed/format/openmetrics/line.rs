//! One line of an exposition: a name, labels, a number.

use rust_decimal::Decimal;

use super::{ExpositionFault, Labels, SampleValue};
use crate::feed::format::number::{NumberFault, exact};
use crate::outbound::error::presentable;

const BLANKS: [char; 2] = [' ', '\t'];

/// Reads `calls_offered_total{queue="billing"} 97 1767603600 # {trace="x"} 1`.
pub(super) fn sample(line: &str) -> Result<(String, Labels, SampleValue), ExpositionFault> {
    let (name, labels, rest) = name_and_labels(line)?;
    let (figures, exemplar) = match rest.split_once(" # ") {
        Some((figures, exemplar)) => (figures, Some(exemplar)),
        None => (rest, None),
    };
    let mut words = figures.split(BLANKS).filter(|word| !word.is_empty());
    let text = words.next().unwrap_or_default();
    let value = number(text)?;
    if let Some(timestamp) = words.next() {
        is_number(timestamp)?;
    }
    if let Some(more) = words.next() {
        return Err(ExpositionFault::Rest(presentable(more, 40)));
    }
    exemplar.map_or(Ok(()), check_exemplar)?;
    Ok((name, labels, value))
}

fn check_exemplar(text: &str) -> Result<(), ExpositionFault> {
    let rest = text.strip_prefix('{').ok_or_else(|| ExpositionFault::Rest(presentable(text, 40)))?;
    let (_, _, rest) = labels(rest)?;
    let mut count = 0;
    for word in rest.split(BLANKS).filter(|word| !word.is_empty()) {
        is_number(word)?;
        count += 1;
    }
    if (1..=2).contains(&count) { Ok(()) } else { Err(ExpositionFault::Rest(presentable(text, 40))) }
}

fn name_and_labels(line: &str) -> Result<(String, Labels, &str), ExpositionFault> {
    let end = line.find(['{', ' ', '\t']).unwrap_or(line.len());
    let (name, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let Some(inside) = rest.trim_start_matches(BLANKS).strip_prefix('{') else {
        return Ok((checked_name(name, true)?, Labels::new(), rest));
    };
    let (quoted_name, labels, rest) = labels(inside)?;
    match (name, quoted_name) {
        ("", Some(quoted)) => Ok((quoted, labels, rest)),
        (name, None) => Ok((checked_name(name, true)?, labels, rest)),
        (name, Some(_)) => Err(ExpositionFault::Name(presentable(name, 60))),
    }
}

/// What is between the braces, and what follows them. A quoted text without a value is the metric's name.
fn labels(text: &str) -> Result<(Option<String>, Labels, &str), ExpositionFault> {
    let (mut name, mut labels, mut rest) = (None, Labels::new(), text);
    loop {
        rest = rest.trim_start_matches(BLANKS);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((name, labels, after));
        }
        let (key, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => {
                let (key, _) = rest.split_once('=').ok_or(ExpositionFault::Labels)?;
                let after = rest.get(key.len()..).unwrap_or_default();
                (checked_name(key.trim_end_matches(BLANKS), false)?, after)
            }
        };
        let after = after.trim_start_matches(BLANKS);
        rest = match after.strip_prefix('=') {
            None if name.is_none() && labels.is_empty() => {
                name = Some(key);
                after
            }
            None => return Err(ExpositionFault::Labels),
            Some(after) => {
                let inside = after.trim_start_matches(BLANKS).strip_prefix('"').ok_or(ExpositionFault::Labels)?;
                let (value, after) = quoted(inside)?;
                let shown = presentable(&key, 60);
                if labels.insert(key, value).is_some() {
                    return Err(ExpositionFault::LabelTwice(shown));
                }
                after
            }
        };
        rest = rest.trim_start_matches(BLANKS);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err(ExpositionFault::Labels),
        }
    }
}

/// The text up to the closing quotation mark, without its escapes, and what follows.
fn quoted(text: &str) -> Result<(String, &str), ExpositionFault> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((value, text.get(place + 1..).unwrap_or_default())),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err(ExpositionFault::Labels),
            },
            other => value.push(other),
        }
    }
    Err(ExpositionFault::Labels)
}

fn checked_name(name: &str, is_metric: bool) -> Result<String, ExpositionFault> {
    let fits = |(place, letter): (usize, char)| {
        letter.is_ascii_alphabetic()
            || letter == '_'
            || (is_metric && letter == ':')
            || (place > 0 && letter.is_ascii_digit())
    };
    if !name.is_empty() && name.char_indices().all(fits) {
        Ok(name.to_owned())
    } else {
        Err(ExpositionFault::Name(presentable(name, 60)))
    }
}

/// A number as Go and the standard write it: `+Inf`, `NaN`, `1e+06`, `.5`.
pub(crate) fn number(text: &str) -> Result<SampleValue, ExpositionFault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("nan") {
        return Ok(SampleValue::Missing);
    }
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Ok(SampleValue::OutOfRange);
    }
    match exact(&plain(text)) {
        Ok(number) => Ok(SampleValue::Number(number)),
        Err(NumberFault::OutOfRange) => Ok(SampleValue::OutOfRange),
        Err(NumberFault::NotANumber) => Err(ExpositionFault::Number(presentable(text, 40))),
    }
}

/// The number as JSON would write it, where that says the same: `+1` as `1`, `.5` as `0.5`, `1.` as `1`.
fn plain(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.find(['e', 'E']).and_then(|place| digits.split_at_checked(place)) {
        Some(parts) => parts,
        None => (digits, ""),
    };
    let zero = if mantissa.starts_with('.') && mantissa.len() > 1 { "0" } else { "" };
    let mantissa = mantissa.strip_suffix('.').filter(|whole| !whole.is_empty()).unwrap_or(mantissa);
    format!("{sign}{zero}{mantissa}{exponent}")
}

fn is_number(text: &str) -> Result<Decimal, ExpositionFault> {
    match number(text) {
        Ok(SampleValue::Number(number)) => Ok(number),
        _ => Err(ExpositionFault::Rest(presentable(text, 40))),
    }
}

/// A series as one text, by which it is identified.
pub(super) fn series(name: &str, labels: &Labels) -> String {
    let escaped = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// What `metric` of a mapping names: a sample's name, and labels that it must have, such as `wait_seconds_bucket{le="20"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub name: String,
    pub labels: Labels,
}

impl Selector {
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, ExpositionFault> {
        let (name, labels, rest) = name_and_labels(text.trim_matches(BLANKS))?;
        if rest.trim_matches(BLANKS).is_empty() {
            Ok(Selector { name, labels })
        } else {
            Err(ExpositionFault::Rest(presentable(rest, 40)))
        }
    }

    pub(super) fn selects(&self, name: &str, labels: &Labels) -> bool {
        self.name == name && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}
