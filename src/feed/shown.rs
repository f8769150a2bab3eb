//! The requests that a feed would send, for people: nothing is asked, and no secret is read.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::each::{Selection, selections};
use super::job::HANDLE;
use super::pagination::Pager;
use super::request::Blank;
use super::time_window::Window;
use super::{folder, window};
use crate::api::feed::{Feed, FeedAuth, Listing};
use crate::domain::terms::calendar::zone_of;
use crate::outbound::error::{FailureKind, FetchError};

/// What is shown for the key of a report, which is another one each time.
const KEY: &str = "{key}";

/// A request as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRequest {
    /// GET or POST; LIST or READ at an SSH server.
    pub method: &'static str,
    /// The address of the first page.
    pub url: String,
    /// Headers, with the names of secrets in place of what they hold.
    pub headers: Vec<(String, String)>,
    /// The body of a POST.
    pub body: Option<String>,
}

/// The first page's request of each window that a fetch of `window` would ask for, in order, however young it is.
///
/// # Errors
/// `Mapping` where a request cannot be written as the feed says.
pub fn requests(
    feed: &Feed,
    contract_time_zone: &str,
    window: Window,
    now: Timestamp,
) -> Result<Vec<ShownRequest>, FetchError> {
    let zone = zone_of(contract_time_zone)
        .map_err(|_| FetchError::new(FailureKind::Mapping, format!("the time zone {contract_time_zone} is unknown")))?;
    let parts = window::parts(feed, &zone, window::rounded(feed, &zone, window));
    if let Some(files) = feed.files.as_ref().filter(|files| files.list == Listing::Sftp) {
        let folder = if feed.url.ends_with('/') { feed.url.clone() } else { format!("{}/", feed.url) };
        let shown = |method, url| ShownRequest { method, url, headers: Vec::new(), body: None };
        return Ok(vec![shown("LIST", folder.clone()), shown("READ", format!("{folder}{}", files.name))]);
    }
    if let Some(files) = &feed.files {
        let mut listing = request(feed, &Selection::default(), &zone, window, now)?;
        listing.url = folder::listing_url(feed, files, None)?.to_string();
        let mut file = listing.clone();
        file.url = format!("{}{}{}", feed.url, files.prefix.as_deref().unwrap_or_default(), files.name);
        return Ok(vec![listing, file]);
    }
    let Some(job) = &feed.job else {
        let selections = selections(feed);
        let asked_for = parts.into_iter().flat_map(|part| selections.iter().map(move |selection| (part, selection)));
        return asked_for.map(|(part, selection)| request(feed, selection, &zone, part, now)).collect();
    };
    let mut steps = Vec::new();
    for part in parts {
        let (start, shared) = (&job.start, feed.request.as_deref().cloned().unwrap_or_default());
        let asked = start.request(shared.clone());
        let start = Feed { url: start.url.clone(), request: Some(Box::new(asked)), pagination: None, ..feed.clone() };
        steps.push(shown(&start, Blank::new(&start, part, now, &zone)?.with_key(KEY))?);
        let ask = (&job.ask.url, job.ask.request(shared.clone()));
        let fetch = job.fetch.as_ref().map(|fetch| (&fetch.url, fetch.request(shared.clone())));
        for (url, asked) in [Some(ask), fetch].into_iter().flatten() {
            // What the handle will be is not known yet; where it is an address, so is nothing else.
            let step =
                Feed { url: start.url.clone(), request: Some(Box::new(asked)), pagination: None, ..feed.clone() };
            let blank = Blank::new(&step, part, now, &zone)?.with_key(KEY).with_handle(HANDLE, None);
            let mut shown = shown(&step, blank)?;
            shown.url.clone_from(url);
            steps.push(shown);
        }
    }
    Ok(steps)
}

fn request(
    feed: &Feed,
    selection: &Selection,
    zone: &TimeZone,
    window: Window,
    now: Timestamp,
) -> Result<ShownRequest, FetchError> {
    shown(feed, Blank::new(feed, window, now, zone)?.of_selection(selection.clone()))
}

/// The first page's request.
fn shown(feed: &Feed, blank: Blank) -> Result<ShownRequest, FetchError> {
    let call = Pager::new(feed, blank)?.first()?;
    let mut headers: Vec<(String, String)> = call
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    if let Some(post) = call.post.as_ref().filter(|_| !call.headers.contains_key("content-type")) {
        headers.push(("content-type".to_owned(), String::from_utf8_lossy(post.content_type.as_bytes()).into_owned()));
    }
    let mut url = call.url.to_string();
    match feed.auth.as_deref().map(authorization) {
        Some(Blanked::Header(name, value)) => headers.push((name, value)),
        Some(Blanked::Query(name)) => {
            let separator = if call.url.query().is_some() { '&' } else { '?' };
            url.push_str(&format!("{separator}{name}=[secret]"));
        }
        None => {}
    }
    let method = if call.post.is_some() { "POST" } else { "GET" };
    let body = call.post.map(|post| String::from_utf8_lossy(&post.body).into_owned());
    Ok(ShownRequest { method, url, headers, body })
}

/// What shows who asks, without the secret.
enum Blanked {
    Header(String, String),
    Query(String),
}

fn authorization(auth: &FeedAuth) -> Blanked {
    let header = |name: &str, value: &str| Blanked::Header(name.to_owned(), value.to_owned());
    if auth.basic.is_some() {
        return header("authorization", "Basic [secret]");
    }
    if let Some(key) = &auth.api_key {
        return match (&key.header, &key.query) {
            (Some(name), _) => header(name, "[secret]"),
            (None, name) => Blanked::Query(name.clone().unwrap_or_default()),
        };
    }
    if let Some(hmac) = &auth.hmac {
        return header(&hmac.header, "[signature]");
    }
    if auth.aws_sig_v4.is_some() {
        return header("authorization", "AWS4-HMAC-SHA256 [signature]");
    }
    if let Some(send) = auth.login.as_ref().and_then(|login| login.send.as_ref()) {
        return header(&send.header, &format!("{}[token]", send.prefix.as_deref().unwrap_or_default()));
    }
    header("authorization", "Bearer [token]")
}
