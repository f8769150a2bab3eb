//! The paths of a mapping, parsed, each with the level that it starts from.

use super::super::mapping_fault;
use crate::api::feed::{Condition, JsonFormat, JsonTime, LabelMapping, MeasureMapping, MeasureUnit, RowTime, Summand};
use crate::domain::json_path::{self, JsonPath};
use crate::feed::error::{FetchError, presentable};

/// A path and the level that it starts from: a parent by its place, outermost first, or the row.
pub(super) struct Lookup {
    pub path: JsonPath,
    pub level: Option<usize>,
}

/// Where a row's interval stands.
pub(super) enum Times<'f> {
    /// In one value, or in two.
    Start { start: (Lookup, Option<&'f str>), end: Option<(Lookup, Option<&'f str>)> },
    /// In one text, with a slash between start and end.
    Interval(Lookup),
    /// Nowhere: it is the window that was asked for.
    Window,
}

/// Where a figure comes from.
pub(super) enum Source {
    /// One value.
    Value(Lookup),
    /// Several, added up, each in its unit.
    Sum(Vec<(Lookup, MeasureUnit)>),
}

/// The mapping's paths, parsed.
pub(super) struct Paths<'f> {
    pub parents: Vec<JsonPath>,
    pub rows: JsonPath,
    pub conditions: Vec<(&'f Condition, Lookup)>,
    pub times: Times<'f>,
    pub labels: Vec<(&'f LabelMapping, Option<Lookup>)>,
    pub measures: Vec<(&'f MeasureMapping, Source)>,
}

impl<'f> Paths<'f> {
    pub(super) fn of(format: &'f JsonFormat) -> Result<Self, FetchError> {
        let levels = Levels(format);
        let parents =
            format.parents.iter().map(|parent| path_of(&format!("parents[{}].path", parent.name), &parent.path));
        let conditions = format.conditions.iter().enumerate().map(|(number, condition)| {
            let path = condition.path.as_deref().unwrap_or_default();
            Ok((condition, levels.lookup(&format!("where[{number}]"), path, condition.within.as_deref())?))
        });
        let labels = format.labels.iter().map(|label| {
            let lookup =
                |path: &String| levels.lookup(&format!("labels[{}]", label.name), path, label.within.as_deref());
            Ok((label, label.path.as_ref().map(lookup).transpose()?))
        });
        let measures = format.measures.iter().map(|measure| Ok((measure, levels.source(measure)?)));
        Ok(Self {
            parents: parents.collect::<Result<_, FetchError>>()?,
            rows: path_of("rows", &format.rows)?,
            conditions: conditions.collect::<Result<_, FetchError>>()?,
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
        let Some(start) = &format.start else {
            return Err(mapping_fault("format.json says no time: write exactly one of start, interval, time"));
        };
        let end = format.end.as_ref().map(|end| self.time("end", end)).transpose()?;
        Ok(Times::Start { start: self.time("start", start)?, end })
    }

    fn source(&self, measure: &MeasureMapping) -> Result<Source, FetchError> {
        let (field, within) = (format!("measures[{}]", measure.name), measure.within.as_deref());
        if measure.sum.is_empty() {
            let path = measure.path.as_deref().unwrap_or_default();
            return Ok(Source::Value(self.lookup(&field, path, within)?));
        }
        let unit = |summand: &Summand| summand.unit.or(measure.unit).unwrap_or(MeasureUnit::Count);
        let summands = measure.sum.iter().enumerate().map(|(number, summand)| {
            let path = summand.path.as_deref().unwrap_or_default();
            Ok((self.lookup(&format!("{field}.sum[{number}]"), path, within)?, unit(summand)))
        });
        summands.collect::<Result<_, FetchError>>().map(Source::Sum)
    }
}

pub(super) fn path_of(field: &str, text: &str) -> Result<JsonPath, FetchError> {
    json_path::parse(text).map_err(|error| {
        mapping_fault(format!("format.json.{field}: {:?} is no JSONPath: {error}", presentable(text, 80)))
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
