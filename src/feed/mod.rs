//! Rows from the outside: what a vendor publishes is fetched, checked and handed to the evidence store.
//!
//! Nothing here judges a contract. Every way in which an endpoint can fail ends in a [`crate::outbound::error::FetchError`] of a closed
//! kind, never in rows.

pub mod capabilities;
mod collected;
mod each;
pub mod fetch;
pub mod fetch_request;
mod files;
mod folder;
pub mod format;
pub mod inbox;
pub mod inspection;
pub mod job;
mod labels_text;
mod listing;
pub mod offline;
mod page_walk;
mod pagination;
pub mod pushed;
pub mod quality;
pub mod quiet;
mod ranges;
mod request;
pub mod scaffold;
pub mod scheduler;
pub mod shown;
pub mod time_window;
pub mod timing;
mod unpack;
mod window;
pub mod window_placeholders;

#[cfg(test)]
mod tests;
