//! An operator whose watches miss changes, or show old lists, ends where it would have ended without.

use crate::month::{Month, Trouble};
use crate::proxy::Plan;
use crate::undisturbed::undisturbed;

async fn ends_as_undisturbed(trouble: Trouble) {
    let ends = &undisturbed().await.ends;
    let mut month = Month::begin(Plan::new()).await;
    month.live(trouble, ends).await;
    month.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_no_watch_shows_are_seen_with_the_next_list() {
    ends_as_undisturbed(Trouble::DroppedEvents).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_an_api_server_that_lags_behind_take_nothing_back() {
    ends_as_undisturbed(Trouble::OldLists).await;
}
