//! Every way out of the process: addresses that may be asked, the HTTP client, credentials, secrets, TLS, limits, and errors with
//! their causes. Feeds and alerts use it; it knows neither.

pub mod auth;
pub mod body;
pub mod call;
pub(crate) mod cause;
pub mod client;
pub mod credentials;
pub mod error;
pub mod guard;
pub(crate) mod json;
pub mod jwt;
pub(crate) mod limits;
pub mod login;
pub(crate) mod memory_share;
pub mod oauth2;
pub mod proxy;
pub(crate) mod readers;
pub mod secret;
pub mod sftp;
pub mod sigv4;
pub mod ssh;
pub mod tls;
pub mod tokens;
pub(crate) mod xml;
