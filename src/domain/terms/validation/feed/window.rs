//! What the windows of a feed must hold to, and where quiet slots can be recognised.

use super::super::checks::{Findings, Units, check_count, check_range, check_units, quoted};
use super::request::asks_for_a_window;
use crate::api::feed::{Feed, FeedFormat, FeedWindow, Quiet, RowTime};
use crate::api::scalar::{Duration, DurationUnit};
use crate::domain::terms::catalogue;
use crate::domain::terms::defaults::DEFAULT_CADENCE;

const DAY: i64 = 86_400;

pub(super) fn check(findings: &mut Findings, field: &str, feed: &Feed) {
    if let Some(window) = &feed.window {
        check_window(findings, &format!("{field}.window"), window, feed);
    }
    check_row_time(findings, field, feed);
    check_records(findings, field, feed);
    check_quiet(findings, field, feed);
    check_count(findings, &format!("{field}.emptyWhen"), feed.empty_when.len(), 5);
    for condition in &feed.empty_when {
        super::check_path(findings, &format!("{field}.emptyWhen.path"), &condition.path);
        let is_tree = feed.format.as_deref().is_none_or(FeedFormat::is_tree);
        findings.ensure(is_tree, format!("{field}.emptyWhen"), || {
            "reads JSON or XML, which this format is not: take it away".to_owned()
        });
    }
    if let Some(fail_when) = &feed.fail_when {
        super::check_path(findings, &format!("{field}.failWhen.path"), &fail_when.path);
        // The answers about a report are JSON or XML, whatever the report is.
        let is_tree = feed.job.is_some() || feed.format.as_deref().is_none_or(FeedFormat::is_tree);
        findings.ensure(is_tree, format!("{field}.failWhen"), || {
            "reads JSON or XML, which this format is not: take it away".to_owned()
        });
    }
}

fn check_window(findings: &mut Findings, field: &str, window: &FeedWindow, feed: &Feed) {
    for (name, duration, units) in [
        ("atMost", window.at_most, Units::Real),
        ("align", window.align, Units::Technical),
        ("settle", window.settle, Units::Technical),
        ("history", window.history, Units::Real),
    ] {
        duration.into_iter().for_each(|duration| check_units(findings, &format!("{field}.{name}"), duration, units));
    }
    let cadence = feed.cadence.unwrap_or(DEFAULT_CADENCE);
    let align = window.align.unwrap_or(cadence);
    let (Some(step), Some(row)) = (align.seconds(), cadence.seconds()) else { return };
    let fits = step > 0 && row > 0 && step % row == 0 && (step <= DAY && DAY % step == 0);
    findings.ensure(fits, format!("{field}.align"), || {
        format!(
            "\"{align}\" does not fit the cadence \"{cadence}\": write a multiple of it that divides 24h, such as 1h"
        )
    });
    let shortest = |name: &str, duration: Option<Duration>, least: i64, example: &str| {
        let fits = duration.is_none_or(|duration| duration.seconds().is_some_and(|seconds| seconds >= least));
        (
            fits,
            format!("{field}.{name}"),
            format!("is too short: write at least {}, such as {example}", Duration::new(least, DurationUnit::Seconds)),
        )
    };
    for (fits, field, message) in
        [shortest("atMost", window.at_most, step, "7d"), shortest("history", window.history, 3_600, "90d")]
    {
        findings.ensure(fits, field, || message);
    }
    if let Some(per_minute) = window.per_minute {
        check_range(findings, &format!("{field}.perMinute"), per_minute, 1, 6_000);
    }
    let is_scraped =
        feed.format.as_ref().is_some_and(|format| format.open_metrics.is_some() || format.prometheus.is_some());
    findings.ensure(!is_scraped, field, || {
        "belongs to feeds in bpo-feed/v1, json, xml and tables: take it away".to_owned()
    });
    findings.ensure(asks_for_a_window(feed), field, || {
        "belongs to a request that names its window: write placeholders such as {since} and {until}, or take appendWindow away"
            .to_owned()
    });
}

/// Whether rows have the window as their interval.
fn is_the_row(feed: &Feed) -> bool {
    feed.format.as_deref().and_then(FeedFormat::row_time) == Some(RowTime::Window)
}

fn check_row_time(findings: &mut Findings, field: &str, feed: &Feed) {
    findings.ensure(!is_the_row(feed) || asks_for_a_window(feed), format!("{field}.format"), || {
        "has `time: Window`, and the request names no window: write placeholders such as {since} and {until}".to_owned()
    });
    let window = feed.window.clone().unwrap_or_default();
    findings.ensure(!is_the_row(feed) || window.at_most.is_none(), format!("{field}.window.atMost"), || {
        "has no meaning with `time: Window`, where each request asks for one slot: take it away".to_owned()
    });
}

fn check_records(findings: &mut Findings, field: &str, feed: &Feed) {
    let format = feed.format.clone().unwrap_or_default();
    let tree = format.tree().and_then(|(_, tree)| Some((tree.records.as_ref()?.slot, &tree.measures, "path")));
    let table = format.table().and_then(|(_, table)| Some((table.records.as_ref()?.slot, &table.measures, "column")));
    let Some((slot, measures, member)) = tree.or(table) else {
        check_no_counts(findings, field, feed);
        return;
    };
    let cadence = feed.cadence.unwrap_or(DEFAULT_CADENCE);
    let field = format!("{field}.format.records");
    findings.ensure(slot.is_none_or(|slot| slot.seconds() == cadence.seconds()), format!("{field}.slot"), || {
        format!("is not the feed's cadence: write \"{cadence}\", or the slot as `cadence`, too")
    });
    let fits = cadence.seconds().is_some_and(|seconds| seconds > 0 && seconds <= DAY && DAY % seconds == 0);
    findings.ensure(fits, &field, || {
        format!("need slots that divide a day: \"{cadence}\" does not, write a cadence such as 1h")
    });
    findings.ensure(asks_for_a_window(feed), &field, || {
        "need a request that names its window, or nobody knows which slots are whole: write {since} and {until}"
            .to_owned()
    });
    findings.ensure(feed.plan != Some(true), &field, || "do not belong to a plan: take them away".to_owned());
    for measure in measures {
        findings.ensure(measure.of.is_none(), &field, || {
            format!(
                "add up measures: {} has `of`, so write a count or a sum of {member}s instead",
                quoted(&measure.name)
            )
        });
    }
}

/// Counts belong to records.
fn check_no_counts(findings: &mut Findings, field: &str, feed: &Feed) {
    let format = feed.format.clone().unwrap_or_default();
    for measure in format.mapped_measures() {
        findings.ensure(measure.count.is_none(), format!("{field}.format.measures[{}].count", measure.name), || {
            "counts records, and the format has none: write `records`, or a path or column".to_owned()
        });
    }
}

fn check_quiet(findings: &mut Findings, field: &str, feed: &Feed) {
    if let Some(days) = feed.quiet_at_most {
        check_range(findings, &format!("{field}.quietAtMost"), days, 1, 31);
    }
    let is_quiet = feed.quiet == Some(Quiet::Zeros);
    findings.ensure(is_quiet || feed.quiet_at_most.is_none(), format!("{field}.quietAtMost"), || {
        "belongs to `quiet: Zeros`: write both or neither".to_owned()
    });
    if !is_quiet {
        return;
    }
    let field = format!("{field}.quiet");
    let measures = feed.format.as_deref().map(FeedFormat::mapped_measures).unwrap_or_default();
    if measures.is_empty() {
        findings.add(&field, "Zeros belongs to formats with a mapping, such as json or csv: take it away".to_owned());
        return;
    }
    findings.ensure(feed.plan != Some(true), &field, || "Zeros does not belong to a plan: take it away".to_owned());
    findings.ensure(asks_for_a_window(feed), &field, || {
        "Zeros needs a request that names its window, or nobody knows which slots an answer is about: write {since} and {until}"
            .to_owned()
    });
    for measure in measures.iter().filter(|measure| catalogue::is_stock(&measure.name)) {
        findings.add(
            &field,
            format!(
                "Zeros would say that {} was 0: it is a level, not a count; read it by a feed of its own",
                quoted(&measure.name)
            ),
        );
    }
}
