//! A window fetched from Prometheus: every measure's query over every run of slots, or nothing.

use jiff::tz::TimeZone;
use url::Url;

use super::collected::Collected;
use super::fetch_request::FetchRequest;
use super::format::mapping::ParsedPage;
use super::format::prometheus::{Answers, Run, runs};
use super::format::scale;
use super::page_walk::ask;
use super::timing::cadence;
use crate::api::feed::{Feed, MeasureMapping, PrometheusFormat};
use crate::outbound::client::{FeedClient, PageResponse};
use crate::outbound::credentials::parse_url;
use crate::outbound::error::{FailureKind, FetchError, presentable};

const PATH: &str = "/api/v1/query_range";

/// Asks for all rows of the request's window.
///
/// # Errors
/// As [`super::fetch::fetch`]; after any query that fails no row counts.
pub(super) async fn collect(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    format: &PrometheusFormat,
    zone: &TimeZone,
) -> Result<Collected, FetchError> {
    scale::check(&format.measures)?;
    let step = i64::try_from(cadence(request.feed).as_secs()).unwrap_or(i64::MAX).max(1);
    let base = address(request.feed)?;
    let (mut collected, mut answers) = (Collected::of(client), Answers::default());
    for run in runs(zone, step, request.window.since, request.window.until) {
        for measure in &format.measures {
            let url = query(&base, measure, run);
            let call = super::request::get(url, request.feed)?;
            let answer = ask(client, request, &call, None).await.map_err(|error| refused(measure, error))?;
            let PageResponse::Page(page) = answer else { return Err(unasked()) };
            collected.check_room(&page)?;
            let (format, measure) = (format.clone(), measure.clone());
            let weight = client.readers.weigh(&page.body)?;
            let read = client.readers.run(request.namespace, weight, move || {
                answers.add(&format, &measure, run, &page.body)?;
                Ok((answers, page))
            });
            let (added, page) = read.await?;
            answers = added;
            collected.add(page, ParsedPage::default())?;
        }
    }
    let (rows, rejected) = answers.finish(format, step);
    collected.extend(rows, rejected);
    Ok(collected)
}

fn unasked() -> FetchError {
    FetchError::new(FailureKind::Malformed, "the answer says \"unchanged\", which was not asked for")
}

/// The API's address below the feed's URL, with the feed's own parameters.
fn address(feed: &Feed) -> Result<Url, FetchError> {
    let mut url = parse_url(&feed.url)?;
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    for parameter in feed.request.iter().flat_map(|request| &request.query) {
        url.query_pairs_mut().append_pair(&parameter.name, &parameter.value);
    }
    Ok(url)
}

fn query(base: &Url, measure: &MeasureMapping, run: Run) -> Url {
    let mut url = base.clone();
    url.query_pairs_mut()
        .append_pair("query", measure.query.as_deref().unwrap_or_default())
        .append_pair("start", &run.first.to_string())
        .append_pair("end", &run.last.to_string())
        .append_pair("step", &run.step.to_string());
    url
}

/// Prometheus answers with 400 or 422 where it cannot read or run a query.
fn refused(measure: &MeasureMapping, error: FetchError) -> FetchError {
    if error.kind != FailureKind::Status || !matches!(error.status(), Some(400 | 422)) {
        return error;
    }
    let (name, query) = (presentable(&measure.name, 63), measure.query.as_deref().unwrap_or_default());
    let message =
        format!("measure {name}: Prometheus refuses the query {:?} ({})", presentable(query, 80), error.message);
    FetchError::new(FailureKind::Mapping, message)
}
