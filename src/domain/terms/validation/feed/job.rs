//! What a report that is made on request must hold to.

use super::super::checks::{Findings, Units, check_count, check_text, check_units, check_url, quoted};
use super::request::{check_bodies, without_placeholders};
use super::{check_path, is_one};
use crate::api::feed::{Feed, FeedJob, FeedRequest, JobAsk, JobHandle, RowTime};
use crate::api::scalar::Duration;

/// Where the handle of a report is, or a whole address.
const HANDLE: &str = "{handle}";

pub(super) fn check(findings: &mut Findings, feed_field: &str, job: &FeedJob, feed: &Feed) {
    findings.ensure(feed.url.is_empty(), format!("{feed_field}.url"), || {
        "cannot be used with `job`, whose steps have addresses of their own: write one of them".to_owned()
    });
    let field = format!("{feed_field}.job");
    check_start(findings, &format!("{field}.start"), job);
    check_ask(findings, &format!("{field}.ask"), &job.ask);
    check_step(findings, &format!("{field}.ask"), &job.ask.url, &job.ask.request(FeedRequest::default()));
    if let Some(fetch) = &job.fetch {
        check_step(findings, &format!("{field}.fetch"), &fetch.url, &fetch.request(FeedRequest::default()));
    }
    let format = feed.format.as_ref();
    let is_mapped = format.is_some_and(|format| format.tree().is_some() || format.table().is_some());
    findings.ensure(is_mapped, &field, || {
        "needs the format of its report: write format with json, xml, csv, xlsx or arrays".to_owned()
    });
    let is_row = format.and_then(|format| format.row_time()) == Some(RowTime::Window);
    findings.ensure(!is_row, &field, || {
        "would be started for each slot, since the format has `time: Window`: write a request without a job".to_owned()
    });
    let request = feed.request.clone().unwrap_or_default();
    let own = FeedRequest {
        headers: request.headers.clone(),
        query: request.query.clone(),
        time_zone: request.time_zone.clone(),
        ..FeedRequest::default()
    };
    findings.ensure(*request == own, format!("{feed_field}.request"), || {
        "has more than the steps of a job share: keep headers, query and timeZone, and write method and body in job.start"
            .to_owned()
    });
    let halves = feed.pagination.as_ref().is_some_and(|pagination| pagination.limit.is_some());
    findings.ensure(!halves, format!("{feed_field}.pagination.limit"), || {
        "halves a window, which a report has only one of: take it away, and write a shorter window.atMost".to_owned()
    });
}

fn check_start(findings: &mut Findings, field: &str, job: &FeedJob) {
    let start = &job.start;
    let url = without_placeholders(findings, &format!("{field}.url"), &start.url, &["key"]);
    check_url(findings, &format!("{field}.url"), &url);
    check_bodies(findings, field, &start.request(FeedRequest::default()), &["key"]);
    match start.handle_place() {
        Some(JobHandle::Path(path)) => check_path(findings, &format!("{field}.handle"), &path),
        Some(JobHandle::Link(relation)) => check_text(findings, &format!("{field}.handle.link"), &relation, 63),
        None => findings.add(
            field,
            "does not say where the handle of the report is: write exactly one of handle, link, such as $.id"
                .to_owned(),
        ),
    }
}

fn check_ask(findings: &mut Findings, field: &str, ask: &JobAsk) {
    findings.ensure(is_one(&[ask.state_path().is_some(), ask.is_by_status()]), field, || {
        "does not say how it is known that the report is done: write `state` with `done`, or `status: true`".to_owned()
    });
    findings.ensure(ask.state_path().is_none() || !ask.done.is_empty(), format!("{field}.done"), || {
        "is empty: list the states that mean that the report is done, such as complete".to_owned()
    });
    for path in [ask.state_path(), ask.handle.as_deref()].into_iter().flatten() {
        check_path(findings, field, path);
    }
    for (name, states) in [("done", &ask.done), ("failed", &ask.failed), ("empty", &ask.empty)] {
        check_count(findings, &format!("{field}.{name}"), states.len(), 10);
    }
    let lists = [&ask.done, &ask.failed, &ask.empty];
    for state in &ask.done {
        let times = lists.iter().filter(|list| list.contains(state)).count();
        findings.ensure(times == 1, field, || format!("{} is in two lists of states: keep one", quoted(state)));
    }
    for (name, duration, least, most, example) in
        [("every", ask.every, 5, 3_600, "30s"), ("atMost", ask.at_most, 60, 86_400, "1h")]
    {
        let Some(duration): Option<Duration> = duration else { continue };
        let field = format!("{field}.{name}");
        check_units(findings, &field, duration, Units::Technical);
        let fits = duration.seconds().is_some_and(|seconds| (least..=most).contains(&seconds));
        findings.ensure(fits, &field, || {
            format!("\"{duration}\" does not fit: write {least} to {most} seconds, such as {example}")
        });
    }
}

fn check_step(findings: &mut Findings, step: &str, url: &str, request: &FeedRequest) {
    check_bodies(findings, step, request, &["handle", "key"]);
    let field = &format!("{step}.url");
    if url == HANDLE {
        return;
    }
    let says_which = url.contains(HANDLE) || request.body().is_some_and(|body| body.contains(HANDLE));
    findings.ensure(says_which, field, || {
        format!("{} does not say which report: write {{handle}} where its handle belongs", quoted(url))
    });
    let host = url.split(['/', '?', '#']).nth(2).unwrap_or_default();
    findings.ensure(!host.contains('{'), field, || {
        "has the handle in its host: write the host out, or {handle} alone where the handle is an address".to_owned()
    });
    check_url(findings, field, &url.replace(HANDLE, "0"));
}
