//! The OpenMetrics and Prometheus text formats, read strictly: an answer that was cut off, or says a thing twice, is refused.
//!
//! No library that is kept well reads them, and only what a mapping asks for is kept: names, labels and exact numbers.

mod flows;
mod line;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::outbound::error::presentable;
#[doc(hidden)]
pub use flows::{Scrape, scrape};
pub(crate) use line::number as sample_value;

/// Labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// Why a text is not an exposition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ExpositionError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: ExpositionFault,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionFault {
    /// Bytes that are not text.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The last line does not end.
    #[error("the last line has no end: the answer was cut off")]
    CutOff,
    /// OpenMetrics without its last line.
    #[error("`# EOF` is missing at the end: the answer was cut off")]
    NoEnd,
    /// Something after the last line.
    #[error("something follows `# EOF`")]
    AfterEnd,
    /// A name that is none.
    #[error("{0:?} is not a name of a metric or a label")]
    Name(String),
    /// Labels that cannot be read.
    #[error("labels are not written like {{queue=\"billing\"}}")]
    Labels,
    /// A value that is not a number.
    #[error("{0:?} is not a number")]
    Number(String),
    /// A counter below zero.
    #[error("the counter {0:?} is below zero")]
    Negative(String),
    /// Something behind the value that is neither timestamp nor exemplar.
    #[error("{0:?} behind the value is neither a timestamp nor an exemplar")]
    Rest(String),
    /// A label that is there twice.
    #[error("the label {0:?} is there twice")]
    LabelTwice(String),
    /// A series that is there twice.
    #[error("the series {0} is there twice")]
    SeriesTwice(String),
    /// A type that is given twice.
    #[error("the type of {0:?} is given twice")]
    TypeTwice(String),
}

impl ExpositionFault {
    fn at(self, line: usize) -> ExpositionError {
        ExpositionError { line, fault: self }
    }
}

/// What a sample's metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until it begins again.
    Counter,
    /// A level.
    Gauge,
    /// The exposition does not say.
    Unknown,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleValue {
    /// An exact number.
    Number(Decimal),
    /// NaN: there is no value.
    Missing,
    /// Infinite, or beyond what an honest figure is.
    OutOfRange,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its name, with suffixes such as `_total`.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: SampleValue,
}

/// The samples that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposition {
    /// In the order of the text.
    pub samples: Vec<Sample>,
    /// Types by family.
    types: BTreeMap<String, String>,
    /// When series began, as the text has it, by the family's name and labels.
    created: BTreeMap<(String, Labels), Decimal>,
}

/// Suffixes of samples of one family.
const SUFFIXES: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

fn family(name: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

impl Exposition {
    /// What the metric of a sample's name is.
    pub fn kind(&self, name: &str) -> Kind {
        let own = self.types.get(name);
        let base = family(name);
        match own.or_else(|| self.types.get(base)).map(String::as_str) {
            Some("counter") => Kind::Counter,
            Some("histogram" | "summary") if own.is_none() && base != name => Kind::Counter,
            Some("gauge" | "gaugehistogram" | "histogram" | "summary" | "info" | "stateset") => Kind::Gauge,
            _ => Kind::Unknown,
        }
    }

    /// When the series of a sample began, in seconds since 1970, where the text says it.
    pub fn created(&self, sample: &Sample) -> Option<Decimal> {
        let mut labels = sample.labels.clone();
        if sample.name.ends_with("_bucket") {
            labels.remove("le");
        }
        self.created.get(&(family(&sample.name).to_owned(), labels)).copied()
    }
}

/// Reads an exposition; of its samples those are kept whose names are `wanted`.
///
/// `open_metrics` says that the text calls itself OpenMetrics, which ends with `# EOF`.
///
/// # Errors
/// With the line; then no sample counts.
pub fn read(body: &[u8], open_metrics: bool, wanted: &BTreeSet<&str>) -> Result<Exposition, ExpositionError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        ExpositionFault::NotUtf8.at(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    let mut reader = Reader { exposition: Exposition::default(), seen: BTreeSet::new(), wanted };
    let (mut ended, mut last) = (false, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        last = index + 1;
        if ended {
            return Err(ExpositionFault::AfterEnd.at(last));
        }
        let whole = line.strip_suffix('\n');
        let line = whole.unwrap_or(line);
        ended = line == "# EOF";
        if whole.is_none() && !ended {
            return Err(ExpositionFault::CutOff.at(last));
        }
        reader.line(line).map_err(|fault| fault.at(last))?;
    }
    if open_metrics && !ended {
        return Err(ExpositionFault::NoEnd.at(last.max(1)));
    }
    Ok(reader.exposition)
}

struct Reader<'a> {
    exposition: Exposition,
    seen: BTreeSet<(String, Labels)>,
    wanted: &'a BTreeSet<&'a str>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Result<(), ExpositionFault> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if let Some(comment) = line.strip_prefix('#') {
            return self.comment(comment);
        }
        let (name, labels, value) = line::sample(line)?;
        if let Some(base) = name.strip_suffix("_created") {
            if let SampleValue::Number(value) = value {
                self.exposition.created.insert((base.to_owned(), labels), value);
            }
            return Ok(());
        }
        if !self.wanted.contains(name.as_str()) {
            return Ok(());
        }
        if !self.seen.insert((name.clone(), labels.clone())) {
            return Err(ExpositionFault::SeriesTwice(presentable(&line::series(&name, &labels), 120)));
        }
        self.exposition.samples.push(Sample { name, labels, value });
        Ok(())
    }

    /// `# TYPE calls_offered counter`; other comments say nothing that is needed.
    fn comment(&mut self, comment: &str) -> Result<(), ExpositionFault> {
        let mut words = comment.split_ascii_whitespace();
        if words.next() != Some("TYPE") {
            return Ok(());
        }
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { return Ok(()) };
        let name = name.trim_matches('"').to_owned();
        let shown = presentable(&name, 60);
        match self.exposition.types.insert(name, kind.to_owned()) {
            None => Ok(()),
            Some(_) => Err(ExpositionFault::TypeTwice(shown)),
        }
    }
}

#[cfg(test)]
mod tests;
