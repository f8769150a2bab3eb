//! Range queries of Prometheus: which slots to ask for, and what the answers say, exactly. What is not sure does not become a number.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::number::exact;
use super::openmetrics::{SampleValue, sample_value};
use super::scale;
use crate::api::feed::{LabelMapping, MeasureMapping, PrometheusFormat};
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::feed::labels_text::labels_text;
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// Slots that follow each other at equal steps: one range query. Instants are seconds since 1970.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the first slot ends; a query looks back from there.
    pub first: i64,
    /// Where the last one ends.
    pub last: i64,
    /// How long each is.
    pub step: i64,
}

/// Prometheus answers at most 11,000 points of a series.
const MOST_POINTS: i64 = 10_000;

/// The whole slots that end after `since` and not after `until`. Slots start at each local midnight, as the domain counts them; a
/// shorter one at the end of a day is left out, since a query looks back by a whole one.
pub(crate) fn runs(zone: &TimeZone, step: i64, since: Timestamp, until: Timestamp) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut date = since.to_zoned(zone.clone()).date();
    let midnight =
        |date: jiff::civil::Date| date.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp().as_second());
    while let (Some(start), Ok(tomorrow)) = (midnight(date), date.tomorrow()) {
        let Some(end_of_day) = midnight(tomorrow).filter(|_| start < until.as_second()) else { break };
        let mut end = start + step;
        while end <= end_of_day.min(until.as_second()) {
            if end > since.as_second() {
                extend(&mut runs, end, step);
            }
            end += step;
        }
        date = tomorrow;
    }
    runs
}

fn extend(runs: &mut Vec<Run>, end: i64, step: i64) {
    match runs.last_mut() {
        Some(run) if run.last + step == end && (end - run.first) / step < MOST_POINTS => run.last = end,
        _ => runs.push(Run { first: end, last: end, step }),
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    status: String,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    /// VictoriaMetrics says so that some of its stores did not answer.
    #[serde(rename = "isPartial", default)]
    is_partial: bool,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    result_type: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct Series<'a> {
    metric: BTreeMap<String, String>,
    #[serde(borrow, default)]
    values: Vec<(&'a RawValue, String)>,
    histograms: Option<serde::de::IgnoredAny>,
}

/// What the queries of one window answered, by the end of the slot and the labels of the row.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Answers {
    figures: BTreeMap<(i64, BTreeMap<String, String>), BTreeMap<String, Decimal>>,
    rejected: Vec<RejectedRow>,
}

fn fault(kind: FailureKind, measure: &MeasureMapping, what: &str) -> FetchError {
    FetchError::new(kind, format!("measure {}: {what}", presentable(&measure.name, 63)))
}

/// Warnings of Prometheus 2 that are mere information.
const INFORMATION: &str = "PromQL info";

impl Answers {
    /// Takes the answer to the query of one measure over one run.
    ///
    /// # Errors
    /// `Mapping` where the query does not fit, else `Malformed`; an answer that warns may lack something, and counts as none.
    pub fn add(
        &mut self,
        format: &PrometheusFormat,
        measure: &MeasureMapping,
        run: Run,
        body: &[u8],
    ) -> Result<(), FetchError> {
        let unreadable = |error: serde_json::Error| {
            fault(FailureKind::Malformed, measure, &format!("the answer is none of Prometheus's API: {error}"))
        };
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
        let data = sure(answer, measure)?;
        let series: Vec<Series<'_>> = serde_json::from_str(data.result.get()).map_err(unreadable)?;
        for series in series {
            self.add_series(format, measure, run, series)?;
        }
        Ok(())
    }

    fn add_series(
        &mut self,
        format: &PrometheusFormat,
        measure: &MeasureMapping,
        run: Run,
        series: Series<'_>,
    ) -> Result<(), FetchError> {
        if series.histograms.is_some() {
            return Err(fault(FailureKind::Mapping, measure, "the query returns native histograms, not numbers"));
        }
        let labels = row_labels(&format.labels, &series.metric);
        for (at, text) in series.values {
            let end = slot_end(at, run).ok_or_else(|| {
                let at = presentable(at.get(), 40);
                fault(FailureKind::Malformed, measure, &format!("the answer is of {at}, which was not asked for"))
            })?;
            let value =
                sample_value(&text).map_err(|error| fault(FailureKind::Malformed, measure, &error.to_string()))?;
            match value {
                // NaN is how PromQL says that there is nothing, such as by a division by zero.
                SampleValue::Missing => continue,
                SampleValue::OutOfRange => self.rejected.push(out_of_range(measure, end, &labels, &text)),
                SampleValue::Number(value) => {
                    let row = self.figures.entry((end, labels.clone())).or_default();
                    if row.insert(measure.name.clone(), value).is_some() {
                        return Err(ambiguous(format, measure));
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows, in order of time.
    pub fn finish(self, format: &PrometheusFormat, step: i64) -> (Vec<IncomingRow>, Vec<RejectedRow>) {
        let row = |((end, labels), raw): ((i64, BTreeMap<String, String>), BTreeMap<String, Decimal>)| {
            let end = Timestamp::from_second(end).ok()?;
            let start = end.checked_sub(SignedDuration::from_secs(step)).ok()?;
            let measures = scale::scaled(&format.measures, &raw);
            let row = IncomingRow { labels, start, end, measures, vendor_revision: None, recorded_at: None };
            (!row.measures.is_empty()).then_some(row)
        };
        (self.figures.into_iter().filter_map(row).collect(), self.rejected)
    }
}

/// The data of an answer that is whole.
fn sure<'a>(answer: Answer<'a>, measure: &MeasureMapping) -> Result<Data<'a>, FetchError> {
    if answer.status != "success" {
        let kind = match answer.error_type.as_str() {
            "bad_data" | "execution" => FailureKind::Mapping,
            "timeout" => FailureKind::Timeout,
            _ => FailureKind::Malformed,
        };
        let (what, why) = (presentable(&answer.error_type, 40), presentable(&answer.error, 160));
        return Err(fault(kind, measure, &format!("Prometheus answers with the error {what:?}: {why}")));
    }
    let warning = answer.warnings.iter().find(|warning| !warning.starts_with(INFORMATION));
    if let Some(warning) = warning {
        let warning = presentable(warning, 140);
        return Err(fault(FailureKind::Malformed, measure, &format!("the answer may lack something: {warning}")));
    }
    if answer.is_partial {
        return Err(fault(FailureKind::Malformed, measure, "the answer says that it is partial"));
    }
    match answer.data {
        Some(data) if data.result_type == "matrix" => Ok(data),
        Some(data) => {
            let found = presentable(&data.result_type, 40);
            Err(fault(FailureKind::Malformed, measure, &format!("the answer is a {found:?}, not a \"matrix\"")))
        }
        None => Err(fault(FailureKind::Malformed, measure, "the answer has no data")),
    }
}

/// The end of the slot that a point belongs to; `None` for an instant that was not asked for.
fn slot_end(at: &RawValue, run: Run) -> Option<i64> {
    let at = exact(at.get()).ok().filter(Decimal::is_integer)?;
    let at = i64::try_from(at).ok()?;
    ((run.first..=run.last).contains(&at) && (at - run.first) % run.step == 0).then_some(at)
}

fn row_labels(mappings: &[LabelMapping], metric: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let value = |mapping: &LabelMapping| match (&mapping.value, &mapping.label) {
        (Some(constant), _) => Some(constant.clone()),
        (None, Some(label)) => metric.get(label).filter(|value| !value.is_empty()).cloned(),
        (None, None) => None,
    };
    mappings.iter().filter_map(|mapping| Some((mapping.name.clone(), value(mapping)?))).collect()
}

fn out_of_range(measure: &MeasureMapping, end: i64, labels: &BTreeMap<String, String>, text: &str) -> RejectedRow {
    let end = Timestamp::from_second(end).unwrap_or_default();
    let (name, text) = (presentable(&measure.name, 63), presentable(text, 40));
    let text = presentable(&format!("until {end}, {}: {name} is {text}", labels_text(labels)), 500);
    RejectedRow { reason: RejectionReason::OutOfRange, text }
}

fn ambiguous(format: &PrometheusFormat, measure: &MeasureMapping) -> FetchError {
    let labels: Vec<&str> = format.labels.iter().filter_map(|mapping| mapping.label.as_deref()).collect();
    let what = format!(
        "the query returns several series with the same mapped labels: aggregate them, such as by sum by ({}) (…)",
        presentable(&labels.join(", "), 80)
    );
    fault(FailureKind::Mapping, measure, &what)
}

#[cfg(test)]
mod tests;
