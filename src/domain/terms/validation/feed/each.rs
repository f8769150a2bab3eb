//! What the lists of a feed must hold to.

use super::super::checks::{Findings, check_count, check_text, check_unique, quoted};
use crate::api::feed::{Feed, FeedEach};
use crate::domain::terms::placeholders::{Placeholder, is_plain_cursor, placeholders};

/// Names that every feed has.
const OWN: [&str; 6] = ["since", "until", "length", "daysAgo", "cursor", "handle"];
/// Labels of a row.
const MOST_LABELS: usize = 10;
/// Requests for one window.
const MOST_REQUESTS: usize = 200;
/// Requests for one window must go out within this many minutes.
const MOST_MINUTES: i64 = 5;

/// The names of placeholders that are a feed's own: its lists, and the key of its reports.
pub(super) fn names(feed: &Feed) -> Vec<&str> {
    let key = feed.job.as_ref().map(|_| "key");
    feed.each.iter().map(|each| each.name.as_str()).chain(key).collect()
}

pub(super) fn check(findings: &mut Findings, feed_field: &str, feed: &Feed) {
    if feed.each.is_empty() {
        return;
    }
    let field = format!("{feed_field}.each");
    check_count(findings, &field, feed.each.len(), 3);
    check_unique(findings, &field, feed.each.iter().map(|each| &each.name));
    for each in &feed.each {
        check_list(findings, &format!("{field}[{}]", each.name), each, feed);
    }
    check_requests(findings, &field, feed);
    let format = feed.format.clone().unwrap_or_default();
    let strange = [
        ("job", feed.job.is_some()),
        ("files", feed.files.is_some()),
        ("format.openMetrics", format.open_metrics.is_some()),
        ("format.prometheus", format.prometheus.is_some()),
    ];
    for (name, _) in strange.iter().filter(|(_, given)| *given) {
        findings.add(&field, format!("does not go with {name}: write a feed for each value"));
    }
    let labels = format.mapped_labels();
    findings.ensure(labels.len() + feed.each.len() <= MOST_LABELS, &field, || {
        format!("makes labels beside {} of the format: a row has at most {MOST_LABELS}", labels.len())
    });
    for label in labels.iter().filter(|label| feed.each.iter().any(|each| each.name == label.name)) {
        findings.add(
            &field,
            format!("makes the label {}, which the format maps, too: take one of them away", quoted(&label.name)),
        );
    }
}

fn check_list(findings: &mut Findings, field: &str, each: &FeedEach, feed: &Feed) {
    let is_name = each.name.starts_with(|first: char| first.is_ascii_alphabetic())
        && each.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !OWN.contains(&each.name.as_str());
    findings.ensure(is_name, field, || {
        format!("is not a name: write letters, digits and _, such as queue, and none of {}", OWN.join(", "))
    });
    check_count(findings, &format!("{field}.values"), each.values.len(), 100);
    findings.ensure(!each.values.is_empty(), format!("{field}.values"), || {
        "is empty: write what the feed is asked for, such as [WQ1, WQ2]".to_owned()
    });
    check_unique(findings, &format!("{field}.values"), each.values.iter());
    for text in each.values.iter().chain(each.names.values()) {
        check_text(findings, &format!("{field}.values"), text, 128);
    }
    for value in each.names.keys().filter(|value| !each.values.contains(value)) {
        findings.add(format!("{field}.names"), format!("names {}, which is none of the values", quoted(value)));
    }
    let request = feed.request.clone().unwrap_or_default();
    let pairs = request.headers.iter().chain(&request.query).map(|pair| &pair.value);
    let has_placeholder = |text: &String| placeholders(text, &[&each.name]).contains(&Placeholder::Named(&each.name));
    let is_there = request.bodies().map(|(_, body)| body).chain(pairs).chain([&feed.url]).any(has_placeholder);
    findings.ensure(is_there, field, || {
        format!(
            "is not used in the request, so that all of its requests are the same: write {{{}}} where it belongs",
            each.name
        )
    });
    let in_text = request.text.as_ref().is_some_and(has_placeholder)
        || request
            .json
            .as_ref()
            .is_some_and(|json| has_placeholder(json) && !json.contains(&format!("\"{{{}}}\"", each.name)));
    for value in each.values.iter().filter(|value| in_text && !is_plain_cursor(value)) {
        findings.add(
            format!("{field}.values"),
            format!(
                "{} cannot stand within a longer text: there it may have letters, digits and +/=_.-",
                quoted(value)
            ),
        );
    }
}

/// How many requests a window takes, and for how long.
fn check_requests(findings: &mut Findings, field: &str, feed: &Feed) {
    let requests = feed.each.iter().map(|each| each.values.len()).fold(1, usize::saturating_mul);
    findings.ensure(requests <= MOST_REQUESTS, field, || {
        format!(
            "makes {requests} requests for one window, and at most {MOST_REQUESTS} are allowed: write several feeds"
        )
    });
    let Some(per_minute) = feed.window.as_ref().and_then(|window| window.per_minute) else { return };
    let most = per_minute.saturating_mul(MOST_MINUTES);
    findings.ensure(i64::try_from(requests).is_ok_and(|requests| requests <= most), field, || {
        format!(
            "makes {requests} requests for one window, which take longer than {MOST_MINUTES} minutes at {per_minute} a minute: \
             write several feeds with {most} values at most"
        )
    });
}
