//! Rows from the outside: what a vendor publishes is fetched, checked and handed to the evidence store.
//!
//! Nothing here judges a contract. Every way in which an endpoint can fail ends in a [`error::FetchError`] of a closed
//! kind, never in rows.

mod answer;
pub mod auth;
pub mod body;
mod cause;
pub mod client;
mod collected;
pub mod credentials;
mod each;
pub mod error;
pub mod fetch;
mod files;
pub mod format;
pub mod guard;
pub mod inbox;
pub mod inspection;
pub mod job;
pub mod jwt;
mod limits;
mod listing;
pub mod login;
pub mod oauth2;
pub mod offline;
mod pages;
mod pagination;
pub mod proxy;
pub mod quality;
pub mod quiet;
mod ranges;
mod reading;
mod request;
mod room;
pub mod scaffold;
pub mod scheduler;
pub mod secret;
pub mod shown;
pub mod sigv4;
pub mod tls;
mod unpack;
mod window;

#[cfg(test)]
mod tests;
