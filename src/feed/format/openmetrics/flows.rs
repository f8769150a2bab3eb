//! Counters become flows: the difference between two scrapes. The first scrape of a series says nothing yet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::line::{Selector, series};
use super::{Exposition, Kind, Labels, Sample, SampleValue, read};
use crate::api::feed::{MeasureMapping, OpenMetricsFormat};
use crate::evidence::{IncomingRow, RejectedRow, RejectionReason};
use crate::feed::format::mapping::ParsedPage;
use crate::feed::format::scale;
use crate::outbound::client::Page;
use crate::outbound::error::{FailureKind, FetchError, presentable};

/// When and where a scrape was made.
#[derive(Clone, Debug)]
pub struct Scrape<'a> {
    /// The instant.
    pub at: Timestamp,
    /// How far apart two scrapes may be for their difference to be a row.
    pub longest: SignedDuration,
    /// What identifies this endpoint: counters of two endpoints are not compared.
    pub origin: &'a str,
    /// What the scrape before left behind.
    pub before: Option<&'a str>,
}

/// What one scrape leaves behind for the next.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Scraped {
    origin: String,
    at: Timestamp,
    counters: BTreeMap<String, Counter>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counter {
    value: Decimal,
    /// When it was seen last.
    at: Timestamp,
    /// When it began, as the exposition says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Decimal>,
}

/// Series that one scrape may have.
const MOST_SERIES: usize = 10_000;

/// The same scrape again, or one of a clock that was set back by at most this, waits for the clock; a greater step begins again.
const CLOCK_STEP: SignedDuration = SignedDuration::from_mins(5);

/// Reads a scrape: rows since the one before, and what the next one needs.
///
/// # Errors
/// `Malformed`, or `Mapping` where the metrics are not those that the mapping means.
pub fn scrape(format: &OpenMetricsFormat, scrape: &Scrape<'_>, page: &Page) -> Result<ParsedPage, FetchError> {
    scale::check(&format.measures)?;
    let wanted = selectors(format)?;
    let open_metrics = is_open_metrics(page.media_type.as_deref())?;
    let names = wanted.iter().map(|(_, selector)| selector.name.as_str()).collect();
    let exposition = read(&page.body, open_metrics, &names)
        .map_err(|error| FetchError::new(FailureKind::Malformed, error.to_string()))?;
    check_kinds(&exposition, &wanted)?;
    if exposition.samples.len() > MOST_SERIES {
        let message = format!("the mapped metrics have more than {MOST_SERIES} series: aggregate them");
        return Err(FetchError::new(FailureKind::TooLarge, message));
    }
    let before = before(scrape);
    let mut next = Scraped { origin: scrape.origin.to_owned(), at: scrape.at, counters: BTreeMap::new() };
    if let Some(before) = &before {
        if before.at >= scrape.at {
            return Ok(ParsedPage { state: scrape.before.map(str::to_owned), ..ParsedPage::default() });
        }
        let recent = before.counters.iter().filter(|(_, counter)| joins(counter.at, scrape));
        next.counters.extend(recent.map(|(name, counter)| (name.clone(), counter.clone())));
    }
    let mut page = ParsedPage { count: exposition.samples.len(), ..ParsedPage::default() };
    let sums = sums(format, &exposition, &wanted, scrape, before.as_ref(), &mut next, &mut page)?;
    if let Some(before) = before.filter(|before| joins(before.at, scrape)) {
        page.rows = rows(format, sums, before.at, scrape.at);
    }
    let state = serde_json::to_string(&next);
    page.state = Some(state.map_err(|error| FetchError::new(FailureKind::Malformed, error.to_string()))?);
    Ok(page)
}

fn selectors(format: &OpenMetricsFormat) -> Result<Vec<(&MeasureMapping, Selector)>, FetchError> {
    let selector = |measure: &MeasureMapping| {
        Selector::parse(measure.metric.as_deref().unwrap_or_default())
            .map_err(|fault| mapping(measure, &format!("`metric`: {fault}: write a name such as calls_offered_total")))
    };
    format.measures.iter().map(|measure| Ok((measure, selector(measure)?))).collect()
}

fn mapping(measure: &MeasureMapping, what: &str) -> FetchError {
    FetchError::new(FailureKind::Mapping, format!("measure {}: {what}", presentable(&measure.name, 63)))
}

/// Whether the answer calls itself OpenMetrics.
fn is_open_metrics(media_type: Option<&str>) -> Result<bool, FetchError> {
    match media_type.unwrap_or_default() {
        "application/openmetrics-text" => Ok(true),
        "" | "text/plain" | "application/octet-stream" | "binary/octet-stream" => Ok(false),
        other => {
            let other = presentable(other, 40);
            let message = format!("the answer is {other:?}, not application/openmetrics-text or text/plain");
            Err(FetchError::new(FailureKind::Malformed, message))
        }
    }
}

/// A level that is taken for a counter would make nonsense of flows, and the other way round.
fn check_kinds(exposition: &Exposition, wanted: &[(&MeasureMapping, Selector)]) -> Result<(), FetchError> {
    let mut any = false;
    for (measure, selector) in wanted {
        let present = exposition.samples.iter().any(|sample| selector.selects(&sample.name, &sample.labels));
        any |= present;
        let name = presentable(&selector.name, 80);
        match (exposition.kind(&selector.name), measure.stock.unwrap_or(false)) {
            (Kind::Gauge, false) => return Err(mapping(measure, &format!("{name} is a gauge: write `stock: true`"))),
            (Kind::Counter, true) => {
                return Err(mapping(measure, &format!("{name} is a counter: take `stock: true` away")));
            }
            _ => {}
        }
        let parts = [("_bucket", "le"), ("", "quantile")];
        let divided = parts.iter().find(|(suffix, label)| {
            selector.name.ends_with(suffix)
                && !selector.labels.contains_key(*label)
                && exposition
                    .samples
                    .iter()
                    .any(|sample| sample.name == selector.name && sample.labels.contains_key(*label))
        });
        if let Some((_, label)) = divided {
            let message =
                format!("{name} has a series for each {label:?}: choose one, such as {name}{{{label}=\"20\"}}");
            return Err(mapping(measure, &message));
        }
    }
    if any {
        return Ok(());
    }
    let names: Vec<String> = wanted.iter().take(5).map(|(_, selector)| presentable(&selector.name, 60)).collect();
    let message = format!("the answer has none of the metrics that are mapped ({})", names.join(", "));
    Err(FetchError::new(FailureKind::Mapping, message))
}

/// What the scrape before left, where it was of the same endpoint and not of a clock that was far ahead.
fn before(scrape: &Scrape<'_>) -> Option<Scraped> {
    let before: Scraped = serde_json::from_str(scrape.before?).ok()?;
    let ahead = before.at.duration_since(scrape.at) > CLOCK_STEP;
    (before.origin == scrape.origin && !ahead).then_some(before)
}

fn joins(earlier: Timestamp, scrape: &Scrape<'_>) -> bool {
    scrape.at.duration_since(earlier) <= scrape.longest
}

/// Measures by labels of rows.
type Sums = BTreeMap<Labels, BTreeMap<String, Decimal>>;

fn sums(
    format: &OpenMetricsFormat,
    exposition: &Exposition,
    wanted: &[(&MeasureMapping, Selector)],
    scrape: &Scrape<'_>,
    before: Option<&Scraped>,
    next: &mut Scraped,
    page: &mut ParsedPage,
) -> Result<Sums, FetchError> {
    let mut sums = Sums::new();
    for sample in &exposition.samples {
        let chosen = wanted.iter().filter(|(_, selector)| selector.selects(&sample.name, &sample.labels));
        for (measure, _) in chosen {
            let value = match sample.value {
                SampleValue::Number(value) => value,
                // A gap: neither a number nor a reason to forget what was known.
                SampleValue::Missing => continue,
                SampleValue::OutOfRange => {
                    page.rejected.push(out_of_range(sample));
                    continue;
                }
            };
            let flow = if measure.stock.unwrap_or(false) {
                Some(value)
            } else {
                flow(exposition, sample, value, scrape, before, next)?
            };
            let Some(flow) = flow else { continue };
            let sum = sums.entry(row_labels(format, sample)).or_default().entry(measure.name.clone()).or_default();
            *sum = sum.checked_add(flow).unwrap_or(Decimal::MAX);
        }
    }
    Ok(sums)
}

fn out_of_range(sample: &Sample) -> RejectedRow {
    let text = presentable(&series(&sample.name, &sample.labels), 500);
    RejectedRow { reason: RejectionReason::OutOfRange, text }
}

/// How much a counter grew since it was seen last; `None` where that is not known. Remembers it.
fn flow(
    exposition: &Exposition,
    sample: &Sample,
    value: Decimal,
    scrape: &Scrape<'_>,
    before: Option<&Scraped>,
    next: &mut Scraped,
) -> Result<Option<Decimal>, FetchError> {
    let name = series(&sample.name, &sample.labels);
    if value.is_sign_negative() && !value.is_zero() {
        let message = super::ExpositionFault::Negative(presentable(&name, 120)).to_string();
        return Err(FetchError::new(FailureKind::Malformed, message));
    }
    let created = exposition.created(sample);
    let known = before.and_then(|before| before.counters.get(&name)).filter(|known| joins(known.at, scrape));
    let flow = match (known, before) {
        (Some(known), _) => {
            let begun_again = matches!((known.created, created), (Some(before), Some(now)) if before != now);
            // Begun again: what it had grown between the scrape before and its end is lost, and never made up.
            Some(if begun_again || value < known.value { value } else { value - known.value })
        }
        // It was not there before. If it says that it began since then, all of it is new.
        (None, Some(before)) => {
            let since = Decimal::from(before.at.as_second());
            let until = Decimal::from(scrape.at.as_second()) + Decimal::from(CLOCK_STEP.as_secs());
            created.filter(|created| *created >= since && *created <= until).map(|_| value)
        }
        (None, None) => None,
    };
    next.counters.insert(name, Counter { value, at: scrape.at, created });
    Ok(flow)
}

fn row_labels(format: &OpenMetricsFormat, sample: &Sample) -> Labels {
    let value = |mapping: &crate::api::feed::LabelMapping| match (&mapping.value, &mapping.label) {
        (Some(constant), _) => Some(constant.clone()),
        (None, Some(label)) => sample.labels.get(label).filter(|value| !value.is_empty()).cloned(),
        (None, None) => None,
    };
    format.labels.iter().filter_map(|mapping| Some((mapping.name.clone(), value(mapping)?))).collect()
}

fn rows(format: &OpenMetricsFormat, sums: Sums, start: Timestamp, end: Timestamp) -> Vec<IncomingRow> {
    let row = |(labels, raw): (Labels, BTreeMap<String, Decimal>)| {
        let measures = scale::scaled(&format.measures, &raw);
        (!measures.is_empty()).then_some(IncomingRow {
            labels,
            start,
            end,
            measures,
            vendor_revision: None,
            recorded_at: None,
        })
    };
    sums.into_iter().filter_map(row).collect()
}
