//! The paths of a mapping, parsed, each with the level that it starts from.

use super::super::fields::{Figure, Part, Test, Value};
use super::super::records::RecordPlaces;
use crate::api::feed::{Condition, JsonFormat, JsonTime, LabelMapping, MeasureMapping, MeasureUnit, RowTime, Summand};
use crate::domain::terms::json_path;
use crate::domain::terms::json_path::JsonPath;
use crate::feed::format::mapping::mapping_fault;
use crate::outbound::error::{FetchError, presentable};

/// A path and the level that it starts from: a parent by its place, outermost first, or the row.
pub(super) struct Lookup {
    pub path: JsonPath,
    pub level: Option<usize>,
}

/// Where a row's interval is.
pub(super) enum Times<'f> {
    /// In one value, or in two.
    Start { start: (Lookup, Option<&'f str>), end: Option<(Lookup, Option<&'f str>)> },
    /// In one text, with a slash between start and end.
    Interval(Lookup),
    /// Nowhere: it is the window that was asked for.
    Window,
    /// Each item is a record of an instant.
    Record { at: (Lookup, Option<&'f str>), places: RecordPlaces<Lookup> },
}

/// The mapping's paths, parsed.
pub(super) struct Paths<'f> {
    pub parents: Vec<JsonPath>,
    pub rows: JsonPath,
    pub conditions: Vec<Test<'f, Lookup>>,
    pub times: Times<'f>,
    pub labels: Vec<(&'f LabelMapping, Option<Lookup>)>,
    pub measures: Vec<(&'f MeasureMapping, Figure<'f, Lookup>)>,
}

impl<'f> Paths<'f> {
    pub(super) fn of(format: &'f JsonFormat) -> Result<Self, FetchError> {
        let levels = Levels(format);
        let parents =
            format.parents.iter().map(|parent| path_of(&format!("parents[{}].path", parent.name), &parent.path));
        let labels = format.labels.iter().map(|label| {
            let lookup =
                |path: &String| levels.lookup(&format!("labels[{}]", label.name), path, label.within.as_deref());
            Ok((label, label.path.as_ref().map(lookup).transpose()?))
        });
        let measures = format.measures.iter().map(|measure| Ok((measure, levels.source(measure)?)));
        Ok(Self {
            parents: parents.collect::<Result<_, FetchError>>()?,
            rows: path_of("rows", &format.rows)?,
            conditions: levels.tests("", &format.conditions)?,
            times: levels.times()?,
            labels: labels.collect::<Result<_, FetchError>>()?,
            measures: measures.collect::<Result<_, FetchError>>()?,
        })
    }
}

/// The levels of a format by name.
struct Levels<'f>(&'f JsonFormat);

impl<'f> Levels<'f> {
    fn lookup(&self, field: &str, path: &str, within: Option<&str>) -> Result<Lookup, FetchError> {
        let level = match within {
            None => None,
            Some(name) => {
                let place = self.0.parents.iter().position(|parent| parent.name == name);
                Some(place.ok_or_else(|| {
                    let name = presentable(name, 60);
                    mapping_fault(format!("format.json.{field}.in: there is no parent {name:?} in format.json.parents"))
                })?)
            }
        };
        Ok(Lookup { path: path_of(&format!("{field}.path"), path)?, level })
    }

    fn time(&self, field: &str, time: &'f JsonTime) -> Result<(Lookup, Option<&'f str>), FetchError> {
        Ok((self.lookup(field, &time.path, time.within.as_deref())?, time.format.as_deref()))
    }

    fn times(&self) -> Result<Times<'f>, FetchError> {
        let format = self.0;
        if let Some(RowTime::Window) = format.time {
            return Ok(Times::Window);
        }
        if let Some(interval) = &format.interval {
            return Ok(Times::Interval(self.lookup("interval", interval, None)?));
        }
        if let Some(records) = &format.records {
            let optional = |name: &str, path: &Option<String>| {
                path.as_ref().map(|path| self.lookup(&format!("records.{name}"), path, None)).transpose()
            };
            let places =
                RecordPlaces { id: optional("id", &records.id)?, newest: optional("newest", &records.newest)? };
            return Ok(Times::Record { at: self.time("records.at", &records.at)?, places });
        }
        let Some(start) = &format.start else {
            return Err(mapping_fault("format.json says no time: write exactly one of start, interval, time, records"));
        };
        let end = format.end.as_ref().map(|end| self.time("end", end)).transpose()?;
        Ok(Times::Start { start: self.time("start", start)?, end })
    }

    fn value(
        &self,
        field: &str,
        path: Option<&String>,
        (from, to): (Option<&String>, Option<&String>),
        within: Option<&str>,
    ) -> Result<Value<Lookup>, FetchError> {
        match (from, to) {
            (Some(from), Some(to)) => Ok(Value::Between(
                self.lookup(&format!("{field}.from"), from, within)?,
                self.lookup(&format!("{field}.to"), to, within)?,
            )),
            _ => self.lookup(field, path.map_or("", String::as_str), within).map(Value::One),
        }
    }

    fn tests(&self, field: &str, conditions: &'f [Condition]) -> Result<Vec<Test<'f, Lookup>>, FetchError> {
        let test = |(number, condition): (usize, &'f Condition)| {
            let field = format!("{field}where[{number}]");
            let times = (condition.from.as_ref(), condition.to.as_ref());
            let value = self.value(&field, condition.path.as_ref(), times, condition.within.as_deref())?;
            Ok(Test { condition, value })
        };
        conditions.iter().enumerate().map(test).collect()
    }

    fn source(&self, measure: &'f MeasureMapping) -> Result<Figure<'f, Lookup>, FetchError> {
        let (field, within) = (format!("measures[{}]", measure.name), measure.within.as_deref());
        let unit = measure.unit.unwrap_or(MeasureUnit::Count);
        if let Some(count) = &measure.count {
            return self.tests(&format!("{field}.count."), &count.conditions).map(Figure::Count);
        }
        if measure.sum.is_empty() {
            let path = measure.path.as_deref().unwrap_or_default();
            return Ok(Figure::One(self.lookup(&field, path, within)?, unit));
        }
        let part = |(number, summand): (usize, &'f Summand)| {
            let field = format!("{field}.sum[{number}]");
            let times = (summand.from.as_ref(), summand.to.as_ref());
            let value = self.value(&field, summand.path.as_ref(), times, within)?;
            let tests = self.tests(&format!("{field}."), &summand.conditions)?;
            Ok(Part { value, unit: summand.unit.unwrap_or(unit), tests })
        };
        let parts = measure.sum.iter().enumerate().map(part);
        parts.collect::<Result<_, FetchError>>().map(Figure::Sum)
    }
}

pub(super) fn path_of(field: &str, text: &str) -> Result<JsonPath, FetchError> {
    json_path::parse(text).map_err(|error| {
        mapping_fault(format!("format.json.{field}: {:?} is not a JSONPath: {error}", presentable(text, 80)))
    })
}

/// A path with every filter replaced by "all"; `None` where it has none.
pub(super) fn without_filters(path: &str) -> Option<String> {
    let (mut whole, mut rest, mut has_filter) = (String::new(), path, false);
    while let Some(open) = rest.find('[') {
        let (before, bracket) = rest.split_at(open);
        let end = end_of_bracket(bracket);
        let (inside, after) = bracket.split_at(end);
        whole.push_str(before);
        // A name in quotes may hold a question mark.
        if inside.trim_start_matches(['[', ' ', '\t', '\n', '\r']).starts_with('?') {
            has_filter = true;
            whole.push_str("[*]");
        } else {
            whole.push_str(inside);
        }
        rest = after;
    }
    whole.push_str(rest);
    has_filter.then_some(whole)
}

/// How long a bracket is, with those inside it and its own end.
fn end_of_bracket(text: &str) -> usize {
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    for (place, character) in text.char_indices() {
        match (quote, character) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place + 1;
                }
            }
            (None, _) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_replaced_and_nothing_else() {
        for (path, expected) in [
            ("$.rows[*]", None),
            ("$.rows[?@.type == 'call']", Some("$.rows[*]")),
            ("$.rows[ ?@.a['b]'] == \"]\" && @.c[0] > 1]", Some("$.rows[*]")),
            ("$.groups[?@.total==null].rows[0]", Some("$.groups[*].rows[0]")),
            ("$['really?'][*]", None),
            ("$[?@.x]", Some("$[*]")),
        ] {
            assert_eq!(without_filters(path).as_deref(), expected, "{path}");
        }
    }
}
