//! What a feed's request must hold to: placeholders, bodies, and the cursor in them.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::super::checks::{Findings, check_count, check_range, check_text, check_time_zone, quoted};
use crate::api::feed::{CursorPlace, Feed, FeedRequest, JobStart, RequestMethod};
use crate::domain::terms::placeholders::{Piece, Placeholder, Unknown, pieces, placeholders};

/// Headers that would carry a secret past the rule that a Secret's owner says where it goes.
const FORBIDDEN_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
const LONGEST_BODY: usize = 16_384;
/// Status codes that are refusals, whatever a feed says.
const REFUSALS: [i64; 4] = [401, 403, 407, 429];

/// The address with its placeholders filled with what an address may hold, so that the rest of it can be checked.
pub(super) fn without_placeholders(findings: &mut Findings, field: &str, address: &str, named: &[&str]) -> String {
    match pieces(address, named, Unknown::Refused) {
        Ok(pieces) => {
            let text = |piece: &Piece<'_>| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Placeholder(_) => "0".to_owned(),
            };
            let host = address.split(['/', '?', '#']).nth(2).unwrap_or_default();
            findings.ensure(!host.contains('{'), field, || {
                format!("{} has a placeholder in its host: a Secret's owner says to which host it goes, so write the host out", quoted(address))
            });
            pieces.iter().map(text).collect()
        }
        Err(message) => {
            findings.add(field, message);
            address.to_owned()
        }
    }
}

pub(super) fn check(findings: &mut Findings, field: &str, request: &FeedRequest, named: &[&str]) {
    check_count(findings, &format!("{field}.headers"), request.headers.len(), 20);
    check_count(findings, &format!("{field}.query"), request.query.len(), 20);
    for header in &request.headers {
        let is_allowed = !FORBIDDEN_HEADERS.contains(&header.name.to_ascii_lowercase().as_str());
        findings.ensure(is_allowed, format!("{field}.headers"), || {
            format!(
                "{} would hold a secret in plain sight: write `auth` with a reference to a Secret instead",
                quoted(&header.name)
            )
        });
    }
    for (list, pairs) in [("headers", &request.headers), ("query", &request.query)] {
        for pair in pairs {
            let field = format!("{field}.{list}[{}]", pair.name);
            findings.ensure(!pair.value.contains(['\r', '\n']), &field, || {
                format!("{} has a line break in its value: write it on one line", quoted(&pair.name))
            });
            if let Err(message) = pieces(&pair.value, named, Unknown::Refused) {
                findings.add(&field, message);
            }
        }
    }
    check_bodies(findings, field, request, named);
    if let Some(zone) = &request.time_zone {
        check_time_zone(findings, &format!("{field}.timeZone"), zone);
    }
    check_count(findings, &format!("{field}.pending"), request.pending.len(), 5);
    for status in &request.pending {
        check_range(findings, &format!("{field}.pending"), *status, 400, 499);
        findings.ensure(!REFUSALS.contains(status), format!("{field}.pending"), || {
            format!("{status} is a refusal, which must not look like \"not there yet\": write codes such as 404")
        });
    }
}

pub(super) fn check_bodies(findings: &mut Findings, field: &str, request: &FeedRequest, named: &[&str]) {
    let given: Vec<(&str, &String)> = request.bodies().collect();
    findings.ensure(given.len() <= 1, field, || {
        "has several bodies: write at most one of json, form, xml, text".to_owned()
    });
    let is_post = request.method == Some(RequestMethod::Post);
    findings.ensure(is_post || (given.is_empty() && request.safe.is_none()), field, || {
        "has a body or `safe`, and is not a Post: write `method: Post`".to_owned()
    });
    for (name, body) in given {
        let field = format!("{field}.{name}");
        check_text(findings, &field, body, LONGEST_BODY);
        if let Err(message) = pieces(body, named, Unknown::Literal) {
            findings.add(&field, message);
        }
        if name == "json"
            && let Err(error) = serde_json::from_str::<serde_json::Value>(body)
        {
            findings.add(
                &field,
                format!("is not JSON: {error}; write placeholders in quotes, such as \"{{since:UnixSeconds}}\""),
            );
        }
        if name == "xml"
            && let Some(fault) = xml_fault(body)
        {
            findings.add(&field, format!("is not XML: {fault}; write one whole element, such as <report>…</report>"));
        }
    }
}

/// Why a text is not a whole XML document; `None` where it is one.
fn xml_fault(text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut elements) = (0_usize, 0_usize);
    loop {
        match reader.read_event() {
            Err(error) => return Some(error.to_string()),
            Ok(Event::Start(_)) => (depth, elements) = (depth + 1, elements + 1),
            Ok(Event::Empty(_)) => elements += 1,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) if depth > 0 => return Some("an element has no end".to_owned()),
            Ok(Event::Eof) => return (elements == 0).then(|| "it has no element".to_owned()),
            Ok(_) => {}
        }
    }
}

/// The cursor is in the request where, and only where, the pagination says so.
pub(super) fn check_cursor(findings: &mut Findings, field: &str, feed: &Feed) {
    let cursor = feed.pagination.as_ref().and_then(|pagination| pagination.cursor.as_ref());
    let in_body = cursor.is_some_and(|cursor| cursor.place == Some(CursorPlace::Body));
    let request = feed.request.clone().unwrap_or_default();
    let bodies = request.bodies().map(|(_, body)| body);
    let pairs = request.headers.iter().chain(&request.query).map(|pair| &pair.value);
    let is_needed =
        bodies.chain(pairs).chain([&feed.url]).any(|text| placeholders(text, &[]).contains(&Placeholder::Cursor));
    let place = format!("{field}.pagination.cursor");
    findings.ensure(!in_body || is_needed, &place, || {
        "has `in: Body`, and {cursor} is not used in the request: write it where the cursor belongs, such as \"NextToken\": \"{cursor}\""
            .to_owned()
    });
    findings.ensure(in_body || !is_needed, &place, || {
        "does not fill the {cursor} of the request: write `in: Body` with the path of the cursor".to_owned()
    });
    if let Some(cursor) = cursor {
        findings.ensure(in_body != cursor.parameter.is_some(), &place, || {
            "does not say where the cursor is written: write `parameter` for the query, or `in: Body` without it"
                .to_owned()
        });
        let needs_first = in_body
            && cursor.first.is_none()
            && [&request.json, &request.text].into_iter().flatten().any(|body| is_in_free_text(body));
        findings.ensure(!needs_first, format!("{place}.first"), || {
            "is missing: {cursor} is within a text, which needs one for the first page, too, such as NA".to_owned()
        });
    }
}

/// Whether {cursor} is within a longer text, so that it cannot be left out.
fn is_in_free_text(body: &str) -> bool {
    placeholders(body, &[]).contains(&Placeholder::Cursor) && !body.contains("\"{cursor}\"")
}

/// Whether anything in the request says which window is asked for, or since and until are appended.
pub(super) fn asks_for_a_window(feed: &Feed) -> bool {
    let request = feed.request.clone().unwrap_or_default();
    let bodies = request.bodies().map(|(_, body)| body);
    let pairs = request.headers.iter().chain(&request.query).map(|pair| &pair.value);
    let start = feed.job.iter().flat_map(|job| {
        let JobStart { url, json, form, xml, text, .. } = &job.start;
        [Some(url), json.as_ref(), form.as_ref(), xml.as_ref(), text.as_ref()]
    });
    let named = bodies
        .chain(pairs)
        .chain([&feed.url])
        .chain(start.flatten())
        .any(|text| placeholders(text, &[]).iter().any(Placeholder::names_window));
    named || (feed.job.is_none() && request.append_window.unwrap_or(true))
}
