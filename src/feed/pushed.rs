//! Reading what a vendor pushed.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::collected::Collected;
use super::each::Selection;
use super::fetch_request::{FetchRequest, FetchedBody};
use super::page_walk::{PageReader, zone_of_contract};
use super::time_window::Window;
use super::window::{Grid, is_on_grid, is_the_row};
use crate::api::feed::Feed;
use crate::outbound::client::{FeedClient, Page};
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::secret::Redactor;

/// How many days of the contract's zone one push may be about at most: what it lacks of its stretch is withdrawn.
const LONGEST_DAYS: i64 = 31;

/// Reads a push as an answer of its feed. `about` is the stretch of time that the push says it is about.
///
/// # Errors
/// As [`crate::feed::fetch::fetch`], and `Mapping` where the feed cannot be read without that stretch, or with this one; no row of it
/// counts then.
pub(super) async fn read(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    about: Option<Window>,
    page: Page,
    redactor: &Redactor,
) -> Result<FetchedBody, FetchError> {
    let cleaned = |error| redactor.redact_error(error);
    let zone = zone_of_contract(request)?;
    check_stretch(request.feed, &zone, request.window.since, about)?;
    let (reader, window) = (Arc::new(PageReader::new(request, zone.clone())), about.unwrap_or(request.window));
    let mut collected = Collected::of(client);
    collected.check_room(&page)?;
    if let Some(window) = about {
        collected.begin(window);
    }
    let weight = client.readers.weigh(&page.body)?;
    let reading = client.readers.run(request.namespace, weight, move || {
        let parsed = reader.read(&page, window, &Selection::default())?;
        Ok((page, parsed))
    });
    let (page, parsed) = reading.await.map_err(cleaned)?;
    collected.add(page, parsed).map_err(cleaned)?;
    collected.end(request.feed, &zone);
    let mut body = collected.finish(request, &zone, None);
    body.redact(redactor);
    Ok(body)
}

/// Records become rows, and rows get their time, by the stretch that a push is about. Other feeds say their own times. `oldest` is when the
/// term begins.
fn check_stretch(feed: &Feed, zone: &TimeZone, oldest: Timestamp, about: Option<Window>) -> Result<(), FetchError> {
    let wrong = |message: &str| Err(FetchError::new(FailureKind::Mapping, message));
    let Some(Window { since, until }) = about else {
        return match is_on_grid(feed) {
            true => wrong(
                "nothing says which stretch of time this is about: add ?since=INSTANT&until=INSTANT to the address, such as \
                 ?since=2026-01-05T09:00:00Z&until=2026-01-05T10:00:00Z",
            ),
            false => Ok(()),
        };
    };
    if !is_on_grid(feed) {
        return wrong("the rows of this feed say their own times: leave since and until out of the address");
    }
    let grid = Grid::of_slots(feed, zone);
    if grid.floor(since) != since || grid.floor(until) != until {
        return wrong("since and until must be edges of the feed's slots, which are as long as its `cadence`");
    }
    if is_the_row(feed) && grid.after(since) != until {
        return wrong("with `time: Window` since and until must be the edges of one slot: push each slot by itself");
    }
    let oldest = grid.floor(oldest);
    if since < oldest {
        return wrong(&format!("since is before the contract's term, whose first slot begins at {oldest}"));
    }
    // By days, since a month in which the clock is set back has an hour more.
    let last = since.to_zoned(zone.clone()).checked_add(LONGEST_DAYS.days()).map(|last| last.timestamp());
    if last.is_ok_and(|last| until > last) {
        return wrong("since and until are more than 31 days apart: push shorter stretches");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn feed(format: Value) -> Feed {
        let inbox = json!({"tokenSecretRef": {"name": "acme", "key": "token"}});
        serde_json::from_value(json!({"name": "mailed", "cadence": "30m", "inbox": inbox, "format": {"json": format}}))
            .unwrap()
    }

    #[test]
    fn a_push_says_its_stretch_where_its_feed_needs_one_and_nowhere_else() {
        let measures = json!([{"name": "offered", "path": "$.n"}]);
        let rows = feed(json!({"rows": "$[*]", "start": "$.at", "measures": measures}));
        let slot = feed(json!({"rows": "$", "time": "Window", "measures": measures}));
        let records =
            feed(json!({"rows": "$[*]", "records": {"at": "$.at"}, "measures": [{"name": "offered", "count": {}}]}));
        for (feed, about, said) in [
            (&rows, None, None),
            (&rows, Some(("09:00", "10:00")), Some("say their own times")),
            (&records, None, Some("?since=INSTANT&until=INSTANT")),
            (&records, Some(("09:00", "12:00")), None),
            (&records, Some(("09:10", "12:00")), Some("edges of the feed's slots")),
            (&records, Some(("09:00", "12:10")), Some("edges of the feed's slots")),
            (&slot, None, Some("?since=INSTANT&until=INSTANT")),
            (&slot, Some(("09:00", "09:30")), None),
            (&slot, Some(("09:00", "10:00")), Some("one slot")),
        ] {
            let at = |time: &str| format!("2026-01-05T{time}:00Z").parse().unwrap();
            let window = about.map(|(since, until)| Window { since: at(since), until: at(until) });
            let found = check_stretch(feed, &TimeZone::UTC, Timestamp::MIN, window).err().map(|error| error.message);
            let is_said = found.as_ref().map(|message| said.is_some_and(|words| message.contains(words)));
            assert_eq!(is_said, said.map(|_| true), "{about:?}: {found:?}");
        }
    }

    #[test]
    fn a_push_is_about_31_days_at_most_in_the_zone_of_the_contract_and_not_about_what_was_before_its_term() {
        let records =
            feed(json!({"rows": "$[*]", "records": {"at": "$.at"}, "measures": [{"name": "offered", "count": {}}]}));
        for (zone, since, until, said) in [
            ("UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", None),
            ("UTC", "2026-01-01T00:00:00Z", "2026-02-01T00:30:00Z", Some("31 days")),
            // October, in which the clock is set back.
            ("Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", None),
            ("Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:30:00Z", Some("31 days")),
            ("UTC", "2025-12-31T23:30:00Z", "2026-01-01T01:00:00Z", Some("2026-01-01T00:00:00Z")),
        ] {
            let [since, until, begin] = [since, until, "2026-01-01T00:10:00Z"].map(|at| at.parse().unwrap());
            let zone = TimeZone::get(zone).unwrap();
            let found = check_stretch(&records, &zone, begin, Some(Window { since, until })).err();
            let message = found.map(|error| error.message);
            let is_said = message.as_ref().map(|message| said.is_some_and(|words| message.contains(words)));
            assert_eq!(is_said, said.map(|_| true), "{since} to {until}: {message:?}");
        }
    }
}
