//! Where the request of a feed says which window is asked for.

use crate::api::feed::Feed;
use crate::domain::terms::placeholders;
use crate::domain::terms::placeholders::Placeholder;

/// Every placeholder of a feed's request.
pub(crate) fn placeholders_of(feed: &Feed) -> Vec<Placeholder<'_>> {
    let mut texts = vec![feed.url.as_str()];
    if let Some(start) = feed.job.as_ref().map(|job| &job.start) {
        texts.push(&start.url);
        texts.extend([&start.json, &start.form, &start.xml, &start.text].into_iter().flatten().map(String::as_str));
    }
    if let Some(request) = &feed.request {
        texts.extend(request.bodies().map(|(_, body)| body.as_str()));
        texts.extend(request.headers.iter().chain(&request.query).map(|pair| pair.value.as_str()));
    }
    texts.into_iter().flat_map(|text| placeholders::placeholders(text, &[])).collect()
}

/// Whether `since` and `until` are appended to the query: unless a placeholder names the window, or the feed wants none.
pub(crate) fn appends_window(feed: &Feed) -> bool {
    let wanted = feed.request.as_ref().and_then(|request| request.append_window).unwrap_or(true);
    wanted
        && feed.job.is_none()
        && feed.files.is_none()
        && crate::feed::capabilities::takes_window(feed)
        && !placeholders_of(feed).iter().any(Placeholder::names_window)
}

/// Whether the request says of which time it asks.
pub(crate) fn asks_for_a_window(feed: &Feed) -> bool {
    let is_prometheus = feed.format.as_ref().is_some_and(|format| format.prometheus.is_some());
    // Files are chosen by the times in their names.
    is_prometheus
        || feed.files.is_some()
        || appends_window(feed)
        || placeholders_of(feed).iter().any(Placeholder::names_window)
}
