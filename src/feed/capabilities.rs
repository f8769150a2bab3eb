//! What the format of a feed can say, and what is asked for in it.

use crate::api::feed::{Feed, FeedFormat};

/// The measures of a feed that were made from shares or means by their volume: fractions of a count among them mean nothing odd.
pub(crate) fn derived(feed: &Feed) -> Vec<&str> {
    let Some(format) = &feed.format else { return Vec::new() };
    let metrics = format.open_metrics.iter().flat_map(|format| &format.measures);
    let queries = format.prometheus.iter().flat_map(|format| &format.measures);
    let measures = format.mapped_measures().iter().chain(metrics).chain(queries);
    measures.filter(|measure| measure.of.is_some()).map(|measure| measure.name.as_str()).collect()
}

/// Whether rows are counted from records.
pub(crate) fn has_records(feed: &Feed) -> bool {
    feed.format.as_deref().is_some_and(FeedFormat::has_records)
}

/// The zone of local times that the format itself names.
pub(crate) fn time_zone(feed: &Feed) -> Option<&str> {
    let format = feed.format.as_ref()?;
    let tree = format.tree().and_then(|(_, tree)| tree.time_zone.as_deref());
    tree.or_else(|| format.table().and_then(|(_, table)| table.time_zone.as_deref()))
}

/// The media types to ask for.
pub(crate) fn accepted(feed: &Feed) -> &'static str {
    match feed.format.as_deref() {
        None => "application/json",
        Some(FeedFormat { unpack: Some(_), .. }) => "*/*",
        Some(FeedFormat { json: Some(_), .. } | FeedFormat { arrays: Some(_), .. }) => "application/json, */*;q=0.1",
        Some(FeedFormat { xml: Some(_), .. }) => "application/xml, text/xml;q=0.9, */*;q=0.1",
        Some(FeedFormat { csv: Some(csv), .. }) if csv.text.is_some() => "application/json, */*;q=0.1",
        Some(FeedFormat { xlsx: Some(_), .. }) => {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*;q=0.1"
        }
        Some(FeedFormat { csv: Some(_), .. }) => "text/csv, */*;q=0.1",
        Some(format) if format.open_metrics.is_some() => {
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        }
        Some(format) if format.prometheus.is_some() => "application/json",
        Some(_) => "*/*",
    }
}

/// Whether the request says from when until when.
pub(crate) fn takes_window(feed: &Feed) -> bool {
    feed.format.as_ref().is_none_or(|format| format.open_metrics.is_none() && format.prometheus.is_none())
}

/// Whether the endpoint shows what was, and not only the present.
pub(crate) fn has_a_past(feed: &Feed) -> bool {
    feed.format.as_ref().is_none_or(|format| format.open_metrics.is_none())
}
