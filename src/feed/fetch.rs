//! One fetch of one feed: all pages of a window, or nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;

use super::collected::Collected;
use super::each::{Selection, selections};
use super::fetch_request::{FetchRequest, Fetched, Repeated};
use super::page_walk::{
    Begun, LastAnswer, PageReader, Walk, Walked, halves, is_cut, longest, walk_through, windows, zone_of_contract,
};
use super::time_window::Window;
use super::{files, job, ranges};
use crate::outbound::auth::redactor;
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::parse_url;
use crate::outbound::error::{FailureKind, FetchError};

/// Fetches all pages of a window and checks their rows. After any failure no row counts.
///
/// `timeout` bounds each page with its retries; `interval`, and at most ten minutes, all pages together.
///
/// # Errors
/// See [`FailureKind`]; messages hold no secret of the request.
pub async fn fetch(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let whole = longest(request);
    let outcome = tokio::time::timeout(whole, pages(client, request)).await.unwrap_or_else(|_| {
        let message = format!("the pages together took more than {} s", whole.as_secs());
        Err(FetchError::new(FailureKind::Timeout, message))
    });
    let redactor = redactor(client, request.credentials);
    match outcome {
        Ok(Fetched::Body(mut body)) => {
            body.redact(&redactor);
            Ok(Fetched::Body(body))
        }
        Ok(Fetched::Files { mut bodies, failure }) => {
            bodies.iter_mut().for_each(|body| body.redact(&redactor));
            Ok(Fetched::Files { bodies, failure: failure.map(|error| redactor.redact_error(error)) })
        }
        other => other.map_err(|error| redactor.redact_error(error)),
    }
}

async fn pages(client: &FeedClient, request: &FetchRequest<'_>) -> Result<Fetched, FetchError> {
    let zone = zone_of_contract(request)?;
    if let Some(prometheus) = request.feed.format.as_ref().and_then(|format| format.prometheus.as_ref()) {
        let collected = ranges::collect(client, request, prometheus, &zone).await?;
        let body = collected.finish(request, &zone, parse_url(request.feed.address())?.host_str());
        return Ok(Fetched::Body(Box::new(body)));
    }
    if let Some(job) = &request.feed.job {
        return job::turn(client, request, job, &zone).await;
    }
    if let Some(wanted) = &request.feed.files {
        return files::turn(client, request, wanted, &zone).await;
    }
    let reader = Arc::new(PageReader::new(request, zone.clone()));
    let selections = selections(request.feed);
    let mut parts = VecDeque::from(windows(request, &zone));
    let is_one = parts.len() == 1 && selections.len() == 1;
    let validators = request.validators.filter(|validators| is_one && !validators.is_empty());
    let last = LastAnswer { validators, page: request.known.filter(|_| is_one) };
    let (mut collected, mut rest) = (Collected::of(client), None);
    let (began, turn) = (Instant::now(), client.turn().min(longest(request) / 2));
    while let Some(part) = parts.pop_front() {
        // What is left follows at once, so that no number of requests is too many for one fetch.
        if !collected.digests.is_empty() && began.elapsed() > turn {
            rest = Some(part.since);
            break;
        }
        collected.begin(part);
        match ask_for(client, request, &reader, part, &selections, last, &mut collected).await? {
            Asked::Unchanged => return Ok(Fetched::Unchanged),
            Asked::Repeated(repeated) => return Ok(Fetched::Repeated(repeated)),
            Asked::Whole => collected.end(request.feed, &zone),
            Asked::Cut => {
                let (first, second) = halves(request.feed, &zone, part)?;
                collected.forget_part();
                parts.push_front(second);
                parts.push_front(first);
            }
        }
    }
    let host = parse_url(&request.feed.url)?;
    let mut body = collected.finish(request, &zone, host.host_str());
    body.rest = rest;
    Ok(Fetched::Body(Box::new(body)))
}

/// What became of a window that was asked for.
enum Asked {
    /// Nothing changed since the last answer.
    Unchanged,
    /// The last answer came again.
    Repeated(Box<Repeated>),
    /// Every page came.
    Whole,
    /// An answer has as many rows as the vendor returns at most.
    Cut,
}

/// Asks for a window, once for each selection of the feed's lists.
async fn ask_for(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    reader: &Arc<PageReader>,
    part: Window,
    selections: &[Selection],
    last: LastAnswer<'_>,
    collected: &mut Collected,
) -> Result<Asked, FetchError> {
    for selection in selections {
        let walk = Walk::begin(request, part, selection.clone())?;
        let through = walk_through(client, request, reader, part, walk, Begun::Asking(last), collected);
        match through.await? {
            Walked::Unchanged => return Ok(Asked::Unchanged),
            Walked::Repeated(repeated) => return Ok(Asked::Repeated(repeated)),
            Walked::Whole(rows) if is_cut(request.feed, rows) => return Ok(Asked::Cut),
            Walked::Whole(_) => {}
        }
    }
    Ok(Asked::Whole)
}

/// What is said of a vendor's clock: nothing while it is less than two minutes off. Steps, so that a figure that trembles is not news.
pub fn clock_is_off(ahead: SignedDuration) -> Option<String> {
    let steps = [(86_400, "a day"), (3_600, "an hour"), (900, "15 minutes"), (300, "5 minutes"), (120, "2 minutes")];
    let (_, step) = steps.iter().find(|(seconds, _)| ahead.abs().as_secs() >= *seconds)?;
    let what = match ahead.is_negative() {
        false => "ahead: rows that lie in the future are set aside",
        true => "behind: its newest rows may come late",
    };
    Some(format!("the vendor's clock is more than {step} {what}"))
}
