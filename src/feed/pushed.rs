//! Reading what a vendor pushed.

use std::sync::Arc;

use super::collected::Collected;
use super::each::Selection;
use super::fetch_request::{FetchRequest, FetchedBody};
use super::page_walk::{PageReader, zone_of_contract};
use crate::outbound::client::{FeedClient, Page};
use crate::outbound::error::FetchError;
use crate::outbound::secret::Redactor;

/// Reads a push as an answer of its feed.
///
/// # Errors
/// As [`crate::feed::fetch::fetch`]; no row of it counts then.
pub(super) async fn read(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    page: Page,
    redactor: &Redactor,
) -> Result<FetchedBody, FetchError> {
    let cleaned = |error| redactor.redact_error(error);
    let zone = zone_of_contract(request)?;
    let (reader, window) = (Arc::new(PageReader::new(request, zone.clone())), request.window);
    let mut collected = Collected::of(client);
    collected.check_room(&page)?;
    let weight = client.readers.weigh(&page.body)?;
    let reading = client.readers.run(request.namespace, weight, move || {
        let parsed = reader.read(&page, window, &Selection::default())?;
        Ok((page, parsed))
    });
    let (page, parsed) = reading.await.map_err(cleaned)?;
    collected.add(page, parsed).map_err(cleaned)?;
    let mut body = collected.finish(request, &zone, None);
    body.redact(redactor);
    Ok(body)
}
