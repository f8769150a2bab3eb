//! What a feed that is pushed must hold to.

use super::super::checks::Findings;
use crate::api::feed::{Feed, Quiet};

pub(super) fn check(findings: &mut Findings, field: &str, feed: &Feed) {
    let format = feed.format.as_ref();
    let strange = [
        ("url", !feed.url.is_empty()),
        ("job", feed.job.is_some()),
        ("request", feed.request.is_some()),
        ("window", feed.window.is_some()),
        ("pagination", feed.pagination.is_some()),
        ("auth", feed.auth.is_some()),
        ("tls", feed.tls.is_some()),
        ("files", feed.files.is_some()),
        ("each", !feed.each.is_empty()),
        ("quiet", feed.quiet == Some(Quiet::Zeros)),
        ("format.openMetrics", format.is_some_and(|format| format.open_metrics.is_some())),
        ("format.prometheus", format.is_some_and(|format| format.prometheus.is_some())),
    ];
    for (name, _) in strange.iter().filter(|(_, given)| *given) {
        findings.add(
            format!("{field}.{name}"),
            "belongs to feeds that are asked, and this one is pushed to an inbox: take it away".to_owned(),
        );
    }
}
