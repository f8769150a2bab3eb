//! Rows from the outside: what a vendor publishes is fetched, checked and handed to the evidence store.
//!
//! Nothing here judges a contract. Every way in which an endpoint can fail ends in a [`error::FetchError`] of a closed
//! kind, never in rows.

pub mod auth;
pub mod body;
mod cause;
pub mod client;
pub mod credentials;
pub mod error;
pub mod fetch;
pub mod format;
pub mod guard;
pub mod inspection;
mod limits;
pub mod offline;
mod pagination;
pub mod quality;
mod ranges;
mod reading;
pub mod scheduler;
pub mod secret;
pub mod tls;

#[cfg(test)]
mod tests;
