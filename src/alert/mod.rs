//! Alerts on their way to people: from the outbox of the evidence store to Alertmanagers, webhooks, chats, pagers and mailboxes.
//!
//! What is alerted of is decided in [`crate::domain::decision::alerts`]; nothing here decides. A message leaves the outbox only when its sink has
//! taken it or will never take it, so each arrives at least once, and every repeat carries the same fingerprint and message id.

pub mod dispatcher;
pub mod envelope;
pub mod mail;
pub mod sinks;
#[cfg(test)]
mod tests;
