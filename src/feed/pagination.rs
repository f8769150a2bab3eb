//! How the pages of one fetch follow each other.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::format::mapping::ParsedPage;
use super::request::Blank;
use crate::api::feed::{CursorPlace, Feed, Pagination};
use crate::domain::terms::json_path::JsonPath;
use crate::outbound::call::{Call, host_and_port};
use crate::outbound::client::Page;
use crate::outbound::error::{Detail, FailureKind, FetchError, presentable};
use crate::outbound::json::{first, json_path};
use crate::outbound::xml::answer;

/// Pages of one fetch when `maxPages` is not given.
const DEFAULT_MOST_PAGES: i64 = 100;

/// Walks from page to page.
#[derive(Clone)]
pub(crate) struct Pager {
    blank: Blank,
    /// The request without paging.
    base: Call,
    way: Way,
    more: Option<JsonPath>,
    enough: Option<(JsonPath, i64)>,
    total: Option<JsonPath>,
    most_pages: i64,
    pages: i64,
    /// How many rows came so far.
    rows: usize,
    seen: BTreeSet<[u8; 32]>,
}

#[derive(Clone)]
enum Way {
    /// One page, or the native format's own cursor.
    Native {
        parameter: String,
    },
    Cursor {
        path: JsonPath,
        /// The parameter that carries it; none where it is in the body.
        parameter: Option<String>,
        first: Option<String>,
    },
    NextUrl {
        path: JsonPath,
    },
    LinkHeader,
    PageNumber {
        parameter: String,
        number: i64,
    },
    Offset {
        parameter: String,
        limit: i64,
        offset: i64,
    },
}

impl Pager {
    /// A pager for `feed`, whose request is `blank`.
    ///
    /// # Errors
    /// `Mapping` where a path is not a JSONPath, or the request cannot be written.
    pub(crate) fn new(feed: &Feed, blank: Blank) -> Result<Self, FetchError> {
        let pagination = feed.pagination.as_deref().cloned().unwrap_or_default();
        let most_pages = pagination.max_pages.unwrap_or(DEFAULT_MOST_PAGES).max(1);
        let more = pagination.more.as_ref().map(|more| json_path(&more.path)).transpose()?;
        let enough = pagination
            .enough
            .as_ref()
            .map(|enough| Ok::<_, FetchError>((json_path(&enough.path)?, enough.at_most)))
            .transpose()?;
        let total = pagination.total.as_deref().map(json_path).transpose()?;
        let mut base = blank.filled(None)?;
        if let Some(offset) = &pagination.offset {
            base.url.query_pairs_mut().append_pair(&offset.limit_parameter, &offset.limit.to_string());
        }
        let way = way(pagination)?;
        Ok(Pager { blank, base, way, more, enough, total, most_pages, pages: 0, rows: 0, seen: BTreeSet::new() })
    }

    /// Whether an address is of another host than the first page's.
    pub(crate) fn is_elsewhere(&self, url: &Url) -> bool {
        host_and_port(url) != host_and_port(&self.base.url)
    }

    /// What is sent over TLS once is never sent without it.
    fn check_scheme(&self, url: &Url) -> Result<(), FetchError> {
        if url.scheme() == self.base.url.scheme() {
            return Ok(());
        }
        let (scheme, own) = (presentable(url.scheme(), 20), self.base.url.scheme());
        let message = format!("the next page is asked for by {scheme}, and the first one by {own}");
        Err(FetchError::new(FailureKind::Denied, message).with_detail(Detail::Elsewhere))
    }

    /// The first page's request.
    ///
    /// # Errors
    /// As [`Blank::filled`].
    pub(crate) fn first(&mut self) -> Result<Call, FetchError> {
        let call = match &self.way {
            Way::PageNumber { parameter, number } => with(&self.base, parameter, &number.to_string()),
            Way::Offset { parameter, offset, .. } => with(&self.base, parameter, &offset.to_string()),
            Way::Cursor { parameter, first: Some(first), .. } => self.at_cursor(parameter.as_deref(), first)?,
            _ => self.base.clone(),
        };
        self.seen.insert(call.key());
        self.pages = 1;
        Ok(call)
    }

    /// The page after `asked`; `None` at the end.
    ///
    /// # Errors
    /// `Malformed` where the pages run in a circle, `Denied` where they lead away from TLS, `TooLarge` beyond `maxPages`.
    pub(crate) fn next(&mut self, asked: &Call, page: &Page, parsed: &ParsedPage) -> Result<Option<Call>, FetchError> {
        self.rows = self.rows.saturating_add(parsed.count);
        let next = if self.says_more(page)? { self.following(&asked.url, page, parsed)? } else { None };
        let Some(next) = next else {
            self.check_total(page)?;
            return Ok(None);
        };
        self.check_scheme(&next.url)?;
        if !self.seen.insert(next.key()) {
            let error = FetchError::new(FailureKind::Malformed, "the pages run in a circle: a cursor came twice");
            return Err(error.with_detail(Detail::Circle));
        }
        if self.pages >= self.most_pages {
            let message =
                format!("more than {} pages: raise pagination.maxPages, or serve larger pages", self.most_pages);
            return Err(FetchError::new(FailureKind::TooLarge, message).with_detail(Detail::TooManyPages));
        }
        self.pages += 1;
        Ok(Some(next))
    }

    /// How many rows the pages had, those included that the mapping leaves out.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Fails where the last page says that there are other rows than came.
    fn check_total(&self, page: &Page) -> Result<(), FetchError> {
        let Some(path) = &self.total else { return Ok(()) };
        let total = number(path, page, "total")?;
        if usize::try_from(total).is_ok_and(|total| total == self.rows) {
            return Ok(());
        }
        let message = format!("the answer says that there are {total} rows, and {} came", self.rows);
        Err(FetchError::new(FailureKind::Malformed, message))
    }

    /// Whether the answer says that there is another page; true where nothing says so.
    fn says_more(&self, page: &Page) -> Result<bool, FetchError> {
        if let Some((path, at_most)) = &self.enough
            && number(path, page, "enough")? <= *at_most
        {
            return Ok(false);
        }
        let Some(path) = &self.more else { return Ok(true) };
        let document = answer(&page.body, &[])?;
        match first(path, &document)? {
            Some(Value::Bool(more)) => Ok(*more),
            None | Some(Value::Null) => Ok(false),
            Some(other) => match other.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("true") => Ok(true),
                Some("false" | "") => Ok(false),
                _ => Err(FetchError::new(
                    FailureKind::Mapping,
                    format!(
                        "pagination.more points to {}, which is neither true nor false",
                        presentable(&other.to_string(), 60)
                    ),
                )),
            },
        }
    }

    fn at_cursor(&self, parameter: Option<&str>, cursor: &str) -> Result<Call, FetchError> {
        match parameter {
            Some(parameter) => Ok(with(&self.base, parameter, cursor)),
            None => self.blank.filled(Some(cursor)),
        }
    }

    fn following(&mut self, asked: &Url, page: &Page, parsed: &ParsedPage) -> Result<Option<Call>, FetchError> {
        let at = |base: &Call, url: Url| Call { url, ..base.clone() };
        match &mut self.way {
            Way::Native { parameter } => Ok(parsed.next.as_ref().map(|next| with(&self.base, parameter, next))),
            Way::Cursor { path, parameter, .. } => {
                let (found, parameter) = (found(path, page)?, parameter.clone());
                if found.is_none() && self.more.is_some() {
                    return Err(FetchError::new(
                        FailureKind::Malformed,
                        "the answer says that there is another page, and has no cursor for it",
                    ));
                }
                found.map(|cursor| self.at_cursor(parameter.as_deref(), &cursor)).transpose()
            }
            Way::NextUrl { path } => found(path, page)?.map(|next| Ok(at(&self.base, join(asked, &next)?))).transpose(),
            Way::LinkHeader => {
                let next = page.links.iter().find_map(|link| next_link(link, "next"));
                next.map(|next| Ok(at(&self.base, join(asked, &next)?))).transpose()
            }
            Way::PageNumber { parameter, number } => {
                *number += 1;
                Ok((parsed.count > 0).then(|| with(&self.base, parameter, &number.to_string())))
            }
            Way::Offset { parameter, limit, offset } => {
                *offset = offset.saturating_add(*limit);
                let full = i64::try_from(parsed.count).is_ok_and(|count| count >= *limit);
                Ok(full.then(|| with(&self.base, parameter, &offset.to_string())))
            }
        }
    }
}

fn way(pagination: Pagination) -> Result<Way, FetchError> {
    if let Some(cursor) = pagination.cursor {
        let in_body = cursor.place == Some(CursorPlace::Body);
        let parameter = if in_body { None } else { cursor.parameter.or_else(|| Some("cursor".to_owned())) };
        return Ok(Way::Cursor { path: json_path(&cursor.path)?, parameter, first: cursor.first });
    }
    if let Some(next_url) = pagination.next_url {
        return Ok(Way::NextUrl { path: json_path(&next_url.path)? });
    }
    if pagination.link_header.is_some() {
        return Ok(Way::LinkHeader);
    }
    if let Some(page) = pagination.page_number {
        return Ok(Way::PageNumber { parameter: page.parameter, number: page.first.unwrap_or(1) });
    }
    Ok(match pagination.offset {
        Some(offset) => Way::Offset { parameter: offset.parameter, limit: offset.limit.max(1), offset: 0 },
        None => Way::Native { parameter: "cursor".to_owned() },
    })
}

/// A whole number in an answer.
fn number(path: &JsonPath, page: &Page, field: &str) -> Result<i64, FetchError> {
    let document = answer(&page.body, &[])?;
    let found = first(path, &document)?;
    let number = found.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()));
    number.ok_or_else(|| {
        let message = format!("pagination.{field} points to no whole number in the answer");
        FetchError::new(FailureKind::Mapping, message)
    })
}

fn found(path: &JsonPath, page: &Page) -> Result<Option<String>, FetchError> {
    let value = answer(&page.body, &[])?;
    match first(path, &value)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(FetchError::new(FailureKind::Mapping, "what pagination points to is neither text nor number")),
    }
}

fn with(base: &Call, parameter: &str, value: &str) -> Call {
    let mut call = base.clone();
    call.url.query_pairs_mut().append_pair(parameter, value);
    call
}

fn join(asked: &Url, next: &str) -> Result<Url, FetchError> {
    asked.join(next).map_err(|_| FetchError::new(FailureKind::Malformed, "the next page's address cannot be read"))
}

/// The target of a relation, such as next, in one `Link` header (RFC 8288).
pub(crate) fn next_link(header: &str, relation: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let (target, after) = rest.get(start + 1..)?.split_once('>')?;
        let end = end_of_link(after);
        let parameters = after.get(..end)?;
        let is_next = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            let mut kinds = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && kinds.any(|kind| kind.eq_ignore_ascii_case(relation))
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = after.get(end..)?;
    }
    None
}

/// Where a link's parameters end: at a comma outside quotes.
fn end_of_link(text: &str) -> usize {
    let mut quoted = false;
    for (place, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => return place,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_link_headers() {
        let cases = [
            (r#"<https://a.example/?page=2>; rel="next""#, Some("https://a.example/?page=2")),
            (r#"<https://a.example/?page=9>; rel="last", </b?x=1,2>; title="a, b"; rel=next"#, Some("/b?x=1,2")),
            (r#"</first>; rel="first prev", </n>; REL="Next last""#, Some("/n")),
            (r#"</first>; rel="first", </last>; rel="nextish""#, None),
            ("<broken; rel=next", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(next_link(header, "next").as_deref(), expected, "{header}");
        }
    }
}
