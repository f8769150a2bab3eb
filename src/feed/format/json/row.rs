//! One row of a JSON document, with the levels above it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value;

use super::super::assembly::FoundRow;
use super::super::conditions::named;
use super::super::fields::{self, Fields, Figure, meets_all};
use super::super::number::exact;
use super::super::records::{FoundRecord, record};
use super::super::times::{WrittenTime, counted, formatted, written};
use super::super::units::{Notation, figure, is_absent};
use super::paths::{Lookup, Paths, Times};
use crate::api::feed::MeasureUnit;
use crate::domain::terms::json_path::{JsonPath, TooMuchWork, Work};
use crate::evidence::RejectionReason;
use crate::feed::format::number::reason;
use crate::feed::time_window::Window;
use crate::outbound::json::Document;

/// A value and its place in the document.
#[derive(Clone)]
pub(super) struct Hit<'d> {
    pub value: &'d Value,
    pub pointer: String,
}

/// One row of the document.
pub(super) struct Row<'d> {
    document: &'d Document,
    /// The row itself.
    pub value: &'d Value,
    pointer: String,
    /// The levels above it, outermost first.
    parents: Vec<Hit<'d>>,
    work: &'d Work,
    /// Of local times.
    zone: &'d TimeZone,
}

/// The rows of a document.
pub(super) fn rows<'d>(
    document: &'d Document,
    paths: &Paths<'_>,
    work: &'d Work,
    zone: &'d TimeZone,
) -> Result<Vec<Row<'d>>, TooMuchWork> {
    let row = |(hit, parents): (Hit<'d>, Vec<Hit<'d>>)| Row {
        document,
        value: hit.value,
        pointer: hit.pointer,
        parents,
        work,
        zone,
    };
    Ok(items(document, paths, &paths.rows, work)?.into_iter().map(row).collect())
}

/// What a path finds below the parents, with the levels above it.
pub(super) fn items<'d>(
    document: &'d Document,
    paths: &Paths<'_>,
    rows: &JsonPath,
    work: &Work,
) -> Result<Vec<(Hit<'d>, Vec<Hit<'d>>)>, TooMuchWork> {
    let mut levels: Vec<Vec<Hit<'d>>> = vec![vec![Hit { value: &document.value, pointer: String::new() }]];
    for path in &paths.parents {
        let mut below = Vec::new();
        for above in levels {
            let Some(last) = above.last().cloned() else { continue };
            let inside = |hit| above.iter().cloned().chain([hit]).collect();
            below.extend(hits(path, &last, work)?.into_iter().map(inside));
        }
        levels = below;
    }
    let mut found = Vec::new();
    for above in levels {
        let Some(last) = above.last().cloned() else { continue };
        // The document itself is not a parent.
        let parents: Vec<Hit<'d>> = above.into_iter().skip(1).collect();
        found.extend(hits(rows, &last, work)?.into_iter().map(|hit| (hit, parents.clone())));
    }
    Ok(found)
}

fn hits<'d>(path: &JsonPath, from: &Hit<'d>, work: &Work) -> Result<Vec<Hit<'d>>, TooMuchWork> {
    let found = path.find(from.value, work, usize::MAX)?;
    let hit = |found: crate::domain::terms::json_path::Found<'d>| Hit {
        value: found.value,
        pointer: format!("{}{}", from.pointer, found.pointer),
    };
    Ok(found.into_iter().map(hit).collect())
}

impl<'d> Row<'d> {
    /// The one value that a path finds; several are a fault of the mapping.
    fn one(&self, lookup: &Lookup) -> Result<Option<Hit<'d>>, RejectionReason> {
        let (value, pointer) = match lookup.level {
            None => (self.value, &self.pointer),
            Some(level) => {
                let parent = self.parents.get(level).ok_or(RejectionReason::Mapping)?;
                (parent.value, &parent.pointer)
            }
        };
        // A budget that is used up shows in `work`.
        let mut found = lookup.path.find(value, self.work, 2).map_err(|_| RejectionReason::Mapping)?;
        match found.len() {
            0 | 1 => {
                Ok(found.pop().map(|found| Hit { value: found.value, pointer: format!("{pointer}{}", found.pointer) }))
            }
            _ => Err(RejectionReason::Mapping),
        }
    }

    /// The text of a value; `None` where there is none: nothing, null, an empty text.
    fn text_at(&self, lookup: &Lookup) -> Result<Option<String>, RejectionReason> {
        let Some(hit) = self.one(lookup)? else { return Ok(None) };
        Ok(match hit.value {
            Value::Null => None,
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(self.document.number(&hit.pointer, number)),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Array(_) | Value::Object(_) => return Err(RejectionReason::Mapping),
        })
    }

    /// Whether there is anything where a path points to, null included.
    pub(super) fn finds(&self, lookup: &Lookup) -> bool {
        !matches!(self.one(lookup), Ok(None))
    }

    /// Whether the row meets all conditions.
    pub(super) fn counts(&self, paths: &Paths<'_>) -> Result<bool, RejectionReason> {
        meets_all(self, &paths.conditions)
    }

    /// What counts of the row, which is a record.
    pub(super) fn record(&self, paths: &Paths<'_>, number: usize) -> Option<FoundRecord> {
        let Times::Record { at: (lookup, format), places } = &paths.times else { return None };
        let (at, labels) = (self.time_at(lookup, *format), || self.labels(paths));
        Some(record(self, places, &paths.conditions, &paths.measures, at, labels, number))
    }

    /// The row in the vendor's words; of a record, which may be a person's, the names of its members alone.
    pub(super) fn text(&self, paths: &Paths<'_>) -> String {
        match (&paths.times, self.value) {
            (Times::Record { .. }, Value::Object(members)) => {
                let names: Vec<&str> = members.keys().map(String::as_str).collect();
                format!("a record with the members {}", names.join(", "))
            }
            (Times::Record { .. }, _) => "a record that is not an object".to_owned(),
            _ => self.value.to_string(),
        }
    }

    pub(super) fn read(&self, paths: &Paths<'_>, window: Option<Window>) -> Result<FoundRow, RejectionReason> {
        let (start, end) = self.times(paths, window)?;
        Ok(FoundRow { start, end, labels: self.labels(paths)?, figures: self.figures(paths)?, text: self.text(paths) })
    }

    pub(super) fn start(&self, paths: &Paths<'_>, window: Option<Window>) -> Result<WrittenTime, RejectionReason> {
        self.times(paths, window).map(|(start, _)| start)
    }

    /// What is there where the start is looked for.
    pub(super) fn written_start(&self, paths: &Paths<'_>) -> Result<Option<&'d Value>, RejectionReason> {
        match &paths.times {
            Times::Start { start: (lookup, _), .. }
            | Times::Interval(lookup)
            | Times::Record { at: (lookup, _), .. } => {
                Ok(Some(self.one(lookup)?.ok_or(RejectionReason::Mapping)?.value))
            }
            Times::Window => Ok(None),
        }
    }

    fn times(
        &self,
        paths: &Paths<'_>,
        window: Option<Window>,
    ) -> Result<(WrittenTime, Option<WrittenTime>), RejectionReason> {
        match &paths.times {
            Times::Window => {
                let Window { since, until } = window.ok_or(RejectionReason::Mapping)?;
                Ok((WrittenTime::Instant(since), Some(WrittenTime::Instant(until))))
            }
            Times::Interval(lookup) => {
                let hit = self.one(lookup)?.ok_or(RejectionReason::Mapping)?;
                let text = hit.value.as_str().ok_or(RejectionReason::Malformed)?;
                let (start, end) = text.split_once('/').ok_or(RejectionReason::Malformed)?;
                let (start, end) = (written(start), written(end));
                Ok((start.ok_or(RejectionReason::Malformed)?, Some(end.ok_or(RejectionReason::Malformed)?)))
            }
            Times::Record { at: (lookup, format), .. } => Ok((self.time_at(lookup, *format)?, None)),
            Times::Start { start, end } => {
                let end = end.as_ref().map(|(lookup, format)| self.time_at(lookup, *format)).transpose()?;
                Ok((self.time_at(&start.0, start.1)?, end))
            }
        }
    }

    fn time_at(&self, lookup: &Lookup, format: Option<&str>) -> Result<WrittenTime, RejectionReason> {
        let hit = self.one(lookup)?.ok_or(RejectionReason::Mapping)?;
        self.written(&hit, format).ok_or(RejectionReason::Malformed)
    }

    fn written(&self, hit: &Hit<'_>, format: Option<&str>) -> Option<WrittenTime> {
        match (hit.value, format) {
            (Value::String(text), Some(format)) => formatted(text, format),
            (Value::String(text), None) => written(text),
            (Value::Number(number), Some(format)) => formatted(&self.document.number(&hit.pointer, number), format),
            (Value::Number(number), None) => whole(&self.document.number(&hit.pointer, number)).and_then(counted),
            _ => None,
        }
    }

    fn labels(&self, paths: &Paths<'_>) -> Result<BTreeMap<String, String>, RejectionReason> {
        let mut labels = BTreeMap::new();
        for (label, lookup) in &paths.labels {
            let value = match lookup {
                None => label.value.clone(),
                Some(lookup) => self.text_at(lookup)?.map(|value| named(label, value)).transpose()?,
            };
            labels.extend(value.map(|value| (label.name.clone(), value)));
        }
        Ok(labels)
    }

    fn figures(&self, paths: &Paths<'_>) -> Result<BTreeMap<String, Decimal>, RejectionReason> {
        let mut figures = BTreeMap::new();
        for (measure, source) in &paths.measures {
            if let Some(figure) = fields::figure(self, measure, source)? {
                figures.insert(measure.name.clone(), figure);
            }
        }
        if figures.is_empty() { Err(RejectionReason::Mapping) } else { Ok(figures) }
    }

    /// Whether anything is there where a figure is looked for.
    pub(super) fn has_figure(&self, paths: &Paths<'_>) -> bool {
        let has = |lookup: &Lookup| matches!(self.one(lookup), Ok(Some(_)) | Err(_));
        paths.measures.iter().any(|(_, source)| match source {
            Figure::One(lookup, _) => has(lookup),
            Figure::Sum(parts) => parts.iter().any(|part| part.value.places().into_iter().any(has)),
            Figure::Count(_) => true,
        })
    }
}

impl Fields for Row<'_> {
    type Place = Lookup;

    fn text(&self, place: &Lookup) -> Result<Option<String>, RejectionReason> {
        self.text_at(place)
    }

    fn number(&self, place: &Lookup, unit: MeasureUnit) -> Result<Option<Decimal>, RejectionReason> {
        let Some(hit) = self.one(place)? else { return Ok(None) };
        let text = match hit.value {
            Value::Null => return Ok(None),
            Value::String(text) if is_absent(text) => return Ok(None),
            Value::String(text) => text.clone(),
            Value::Number(number) => self.document.number(&hit.pointer, number),
            _ => return Err(RejectionReason::Malformed),
        };
        figure(&text, unit, Notation::Plain).map(Some).map_err(reason)
    }

    fn time(&self, place: &Lookup) -> Result<Option<WrittenTime>, RejectionReason> {
        if self.text_at(place)?.is_none() {
            return Ok(None);
        }
        self.time_at(place, None).map(Some)
    }

    fn zone(&self) -> &TimeZone {
        self.zone
    }
}

/// A whole number as it is written: `1767605400`, `1767605400.0`, `1.7676054E9`.
fn whole(text: &str) -> Option<i64> {
    exact(text).ok().filter(|number| number.fract().is_zero()).and_then(|number| i64::try_from(number).ok())
}
