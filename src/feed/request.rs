//! What a feed is asked with: its request with the window and the cursor filled in.
//!
//! A value never changes the structure of what it is filled into: addresses and XML encode it, JSON and forms are read first and filled
//! afterwards, and free text takes only times, whole numbers, plain cursors and plain values of lists.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{self, Serializer};

use super::each::Selection;
use super::time_window::Window;
use super::window_placeholders::appends_window;
use crate::api::feed::{Feed, FeedRequest, RequestMethod, TimeFormat};
use crate::domain::terms::calendar::zone_of;
use crate::domain::terms::forbidden_headers::is_framing_or_routing;
use crate::domain::terms::placeholders::{Edge, Piece, Placeholder, TimeForm, Unknown, is_plain_cursor, pieces};
use crate::outbound::call::{Call, Post, percent_encoded};
use crate::outbound::credentials::parse_url;
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::strict_value;

/// A GET with the headers of a feed.
pub(crate) fn get(url: Url, feed: &Feed) -> Result<Call, FetchError> {
    let blank = Values {
        window: None,
        cursor: None,
        handle: None,
        key: None,
        selection: &Selection::default(),
        now: Timestamp::UNIX_EPOCH,
        zone: TimeZone::UTC,
    };
    Ok(Call { url, headers: headers(feed, &blank)?, post: None })
}

/// A feed's request for one window, before its pages are known.
#[derive(Clone, Debug)]
pub(crate) struct Blank {
    feed: Arc<Feed>,
    window: Window,
    now: Timestamp,
    /// Of the patterns in placeholders.
    zone: TimeZone,
    contract_zone: TimeZone,
    /// The handle of a report.
    handle: Option<String>,
    /// The key of a report.
    key: Option<String>,
    /// The address, where it is known whole.
    address: Option<Url>,
    /// The values of the feed's lists.
    selection: Selection,
}

impl Blank {
    /// The same with the handle of a report, and with its address where the handle is one.
    pub(crate) fn with_handle(self, handle: &str, address: Option<Url>) -> Self {
        Blank { handle: Some(handle.to_owned()), address, ..self }
    }

    /// The same with the key of a report.
    pub(crate) fn with_key(self, key: &str) -> Self {
        Blank { key: Some(key.to_owned()), ..self }
    }

    /// The same for values of the feed's lists.
    pub(crate) fn of_selection(self, selection: Selection) -> Self {
        Blank { selection, ..self }
    }

    /// The request of `feed` for `window`.
    ///
    /// # Errors
    /// `Mapping` where a zone is unknown.
    pub(crate) fn new(feed: &Feed, window: Window, now: Timestamp, zone: &TimeZone) -> Result<Self, FetchError> {
        let own = feed.request.as_ref().and_then(|request| request.time_zone.as_deref());
        let named = own.or_else(|| crate::feed::capabilities::time_zone(feed));
        let patterns = match named {
            None => zone.clone(),
            Some(name) => zone_of(name).map_err(|error| fault(format!("request.timeZone: {error}")))?,
        };
        let (feed, contract_zone) = (Arc::new(feed.clone()), zone.clone());
        let selection = Selection::default();
        let (handle, key, address) = (None, None, None);
        Ok(Blank { feed, window, now, zone: patterns, contract_zone, handle, key, address, selection })
    }

    /// The request for the page of a cursor.
    ///
    /// # Errors
    /// `Mapping` where the request cannot be written as the feed says, `Malformed` where a cursor cannot stand where it is to.
    pub(crate) fn filled(&self, cursor: Option<&str>) -> Result<Call, FetchError> {
        let handle = self.handle.as_deref();
        let (window, selection, key) = (Some(self.window), &self.selection, self.key.as_deref());
        let values = Values { window, cursor, handle, key, selection, now: self.now, zone: self.zone.clone() };
        Ok(Call { url: self.url(&values)?, headers: headers(&self.feed, &values)?, post: post(&self.feed, &values)? })
    }

    fn url(&self, values: &Values<'_>) -> Result<Url, FetchError> {
        if let Some(address) = &self.address {
            return Ok(address.clone());
        }
        let mut url = parse_url(&address(&self.feed.url, values)?)?;
        url.set_fragment(None);
        let asked = self.feed.request.clone().unwrap_or_default();
        let mut query = url.query_pairs_mut();
        for parameter in &asked.query {
            if let Some(value) =
                filled(&format!("request.query {}", parameter.name), &parameter.value, values, At::Alone)?
            {
                query.append_pair(&parameter.name, &value);
            }
        }
        if appends_window(&self.feed) {
            let form = asked.time_format.unwrap_or(TimeFormat::Rfc3339);
            let (since, until) = (self.written(self.window.since, form), self.written(self.window.until, form));
            query.append_pair(asked.since_parameter.as_deref().unwrap_or("since"), &since);
            query.append_pair(asked.until_parameter.as_deref().unwrap_or("until"), &until);
        }
        drop(query);
        if url.query() == Some("") {
            url.set_query(None);
        }
        Ok(url)
    }

    /// An instant as the vendor wants it, to the second.
    fn written(&self, instant: Timestamp, form: TimeFormat) -> String {
        let whole = whole(instant);
        match form {
            TimeFormat::Rfc3339 => whole.to_string(),
            TimeFormat::Date => whole.to_zoned(self.contract_zone.clone()).date().to_string(),
            TimeFormat::UnixSeconds => whole.as_second().to_string(),
            TimeFormat::UnixMilliseconds => whole.as_millisecond().to_string(),
        }
    }
}

fn whole(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

fn fault(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Mapping, message)
}

/// What is filled in.
struct Values<'a> {
    window: Option<Window>,
    cursor: Option<&'a str>,
    handle: Option<&'a str>,
    key: Option<&'a str>,
    selection: &'a Selection,
    now: Timestamp,
    zone: TimeZone,
}

/// A value, and whether it is a whole number.
struct Filling {
    text: String,
    number: Option<i64>,
}

impl Values<'_> {
    /// The names of placeholders beside those that every feed has.
    fn names(&self) -> Vec<&str> {
        let of_a_report = self.handle.map(|_| "handle").into_iter().chain(self.key.map(|_| "key"));
        of_a_report.chain(self.selection.names()).collect()
    }

    fn of(&self, placeholder: Placeholder<'_>) -> Result<Option<Filling>, FetchError> {
        let Some(window) = self.window else { return Ok(None) };
        let number = |number: i64| Filling { text: number.to_string(), number: Some(number) };
        Ok(Some(match placeholder {
            Placeholder::Since(form) => self.time(window.since, form)?,
            Placeholder::Until(form) => self.time(window.until, form)?,
            Placeholder::Length => number(window.until.duration_since(window.since).as_secs()),
            Placeholder::DaysAgo(edge) => {
                let instant = if edge == Edge::Since { window.since } else { window.until };
                let day = |instant: Timestamp| instant.to_zoned(self.zone.clone()).date();
                number(day(instant).duration_until(day(self.now)).as_hours() / 24)
            }
            Placeholder::Cursor => {
                return Ok(self.cursor.map(|cursor| Filling { text: cursor.to_owned(), number: None }));
            }
            Placeholder::Named("handle") => {
                return Ok(self.handle.map(|handle| Filling { text: handle.to_owned(), number: None }));
            }
            Placeholder::Named("key") if self.key.is_some() => {
                return Ok(self.key.map(|key| Filling { text: key.to_owned(), number: None }));
            }
            Placeholder::Named(name) => {
                return Ok(self.selection.value(name).map(|value| Filling { text: value.to_owned(), number: None }));
            }
        }))
    }

    fn time(&self, instant: Timestamp, form: TimeForm<'_>) -> Result<Filling, FetchError> {
        let whole = whole(instant);
        let number = match form {
            TimeForm::UnixSeconds => Some(whole.as_second()),
            TimeForm::UnixMilliseconds => Some(whole.as_millisecond()),
            TimeForm::Rfc3339 | TimeForm::Pattern(_) => None,
        };
        let text = match (form, number) {
            (_, Some(number)) => number.to_string(),
            (TimeForm::Pattern(pattern), None) => {
                let local = whole.to_zoned(self.zone.clone());
                jiff::fmt::strtime::format(pattern, &local).map_err(|error| {
                    fault(format!("{:?} is not a strftime pattern: {error}", presentable(pattern, 60)))
                })?
            }
            _ => whole.to_string(),
        };
        Ok(Filling { text, number })
    }
}

/// The place of a text, which decides what its values may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Where it is encoded or refused as a whole: any value.
    Alone,
    /// Within a text that means something: values that cannot mean anything there.
    FreeText,
    /// In XML, where every value is encoded.
    Xml,
}

/// A text with its values; `None` where it is nothing but a placeholder without one.
fn filled(field: &str, text: &str, values: &Values<'_>, at: At) -> Result<Option<String>, FetchError> {
    let unknown = if at == At::Alone { Unknown::Refused } else { Unknown::Literal };
    let pieces = pieces(text, &values.names(), unknown).map_err(|message| fault(format!("{field}: {message}")))?;
    let is_alone = matches!(pieces.as_slice(), [Piece::Placeholder(_)]);
    let mut whole = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Placeholder(placeholder) => match values.of(placeholder)? {
                Some(filling) => {
                    check_in_free_text(placeholder, &filling, at)?;
                    match at {
                        At::Xml => whole.push_str(&quick_xml::escape::escape(filling.text.as_str())),
                        At::Alone | At::FreeText => whole.push_str(&filling.text),
                    }
                }
                None if is_alone => return Ok(None),
                None => {}
            },
        }
    }
    Ok(Some(whole))
}

fn check_in_free_text(placeholder: Placeholder<'_>, filling: &Filling, at: At) -> Result<(), FetchError> {
    let is_a_time_or_number = !matches!(placeholder, Placeholder::Cursor | Placeholder::Named(_));
    if at != At::FreeText || is_a_time_or_number || is_plain_cursor(&filling.text) {
        return Ok(());
    }
    let what = match placeholder {
        Placeholder::Named(name) => name,
        _ => "cursor",
    };
    let shown = presentable(&filling.text, 60);
    let message = format!(
        "the {what} {shown:?} cannot stand in the text of the request: it may have up to 512 letters, digits and +/=_.-"
    );
    Err(FetchError::new(FailureKind::Malformed, message))
}

/// The address with its values, each percent-encoded as a whole.
fn address(text: &str, values: &Values<'_>) -> Result<String, FetchError> {
    let pieces = pieces(text, &values.names(), Unknown::Refused).map_err(|message| fault(format!("url: {message}")))?;
    let mut whole = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Placeholder(placeholder) => {
                let value = values.of(placeholder)?.map(|filling| filling.text).unwrap_or_default();
                whole.push_str(&percent_encoded(&value));
            }
        }
    }
    Ok(whole)
}

fn headers(feed: &Feed, values: &Values<'_>) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(crate::feed::capabilities::accepted(feed)));
    for header in feed.request.iter().flat_map(|request| &request.headers) {
        let Some(value) = filled(&format!("request.headers {}", header.name), &header.value, values, At::Alone)? else {
            continue;
        };
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) else {
            return Err(fault(format!("request.headers: {:?} cannot be sent", header.name)));
        };
        if ["authorization", "proxy-authorization", "cookie"].contains(&name.as_str()) {
            return Err(fault(format!("request.headers may not hold {name}: use `auth`")));
        }
        // Contracts of an earlier version may hold them: the request is framed and routed by the operator all the same.
        if is_framing_or_routing(name.as_str()) {
            continue;
        }
        headers.append(name, value);
    }
    Ok(headers)
}

fn post(feed: &Feed, values: &Values<'_>) -> Result<Option<Post>, FetchError> {
    let Some(request) = feed.request.as_ref().filter(|request| request.method == Some(RequestMethod::Post)) else {
        return Ok(None);
    };
    let (content_type, body) = body(request, values)?;
    let content_type = HeaderValue::from_static(content_type);
    Ok(Some(Post { content_type, body: body.into_bytes(), safe: request.safe.unwrap_or(false) }))
}

fn body(request: &FeedRequest, values: &Values<'_>) -> Result<(&'static str, String), FetchError> {
    if let Some(json) = &request.json {
        let template = strict_value(json.as_bytes())
            .map_err(|error| fault(format!("request.json cannot be read: {}", error.message)))?;
        let body = filled_value(template, values)?.unwrap_or(Value::Null);
        return Ok(("application/json", body.to_string()));
    }
    if let Some(form) = &request.form {
        return Ok(("application/x-www-form-urlencoded", filled_form(form, values)?));
    }
    if let Some(xml) = &request.xml {
        let body = filled("request.xml", xml, values, At::Xml)?.unwrap_or_default();
        return Ok(("text/xml; charset=utf-8", body));
    }
    let text = request.text.as_deref().unwrap_or_default();
    let body = filled("request.text", text, values, At::FreeText)?.unwrap_or_default();
    Ok(("text/plain; charset=utf-8", body))
}

/// A form with its values, each encoded; a field that is nothing but a placeholder without a value is left out.
fn filled_form(form: &str, values: &Values<'_>) -> Result<String, FetchError> {
    let decoded = |text: &str| {
        let pair = format!("x={text}");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let mut body = Serializer::new(String::new());
    for pair in form.trim().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let pieces = pieces(value, &values.names(), Unknown::Literal)
            .map_err(|message| fault(format!("request.form: {message}")))?;
        let mut whole = String::new();
        let mut is_there = !matches!(pieces.as_slice(), [Piece::Placeholder(_)]);
        for piece in pieces {
            match piece {
                Piece::Text(text) => whole.push_str(&decoded(text)),
                Piece::Placeholder(placeholder) => {
                    if let Some(filling) = values.of(placeholder)? {
                        is_there = true;
                        whole.push_str(&filling.text);
                    }
                }
            }
        }
        if is_there {
            body.append_pair(&decoded(name), &whole);
        }
    }
    Ok(body.finish())
}

/// A JSON value with its texts filled; `None` for a text that is nothing but a placeholder without a value.
fn filled_value(template: Value, values: &Values<'_>) -> Result<Option<Value>, FetchError> {
    Ok(Some(match template {
        Value::String(text) => match pieces(&text, &values.names(), Unknown::Literal).as_deref() {
            Ok([Piece::Placeholder(placeholder)]) => match values.of(*placeholder)? {
                None => return Ok(None),
                Some(Filling { number: Some(number), .. }) => Value::from(number),
                Some(filling) => Value::String(filling.text),
            },
            _ => Value::String(filled("request.json", &text, values, At::FreeText)?.unwrap_or_default()),
        },
        Value::Array(items) => {
            let items = items.into_iter().filter_map(|item| filled_value(item, values).transpose());
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let mut filled = serde_json::Map::new();
            for (name, member) in members {
                if let Some(member) = filled_value(member, values)? {
                    filled.insert(name, member);
                }
            }
            Value::Object(filled)
        }
        scalar => scalar,
    }))
}

#[cfg(test)]
mod tests;
