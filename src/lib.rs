//! bpo-operator: business-process-outsourcing contracts and their SLAs as Kubernetes resources.
//!
//! The modules in reading order, each with what it does and what holds for it:
//!
//! 1. [`api`]: the kinds as users write them. Shapes alone; nothing in it decides, reads a clock or a network.
//! 2. [`domain`]: the rules by which a contract is judged. Pure functions of facts and `now`: no client, no runtime, no clock.
//! 3. [`evidence`]: what the vendors' feeds said, append-only and chained. What was acknowledged is on disk; nothing in it judges.
//! 4. [`outbound`]: every way out of the process: addresses, HTTP, credentials, TLS and limits. Verification cannot be switched off.
//! 5. [`feed`]: rows from the outside, fetched within bounds. A failure is a typed reason and never a row.
//! 6. [`cluster`]: Kubernetes plumbing (client, watches, writes, lease) without a business word.
//! 7. [`alert`]: alerts on their way to people: an outbox that outlives the process, and what each sink wants to be sent.
//! 8. [`controller`]: one driver that observes, decides, applies and reports. It never fetches a feed and never decides itself.
//! 9. [`web`]: metrics, health and readiness. The series of a deleted object go with it.
//! 10. [`cli`]: the two programs' flags and commands; offline ones call the same decisions as the operator.
//! 11. [`view`]: what people look at: reports as typed views, rendered to text, Markdown and HTML. It decides nothing.
//! 12. [`clock`]: the only reader of the system's clock.
//! 13. [`trace`]: how long each stage took between a poll and the status that resulted. Empty without the feature `otel`.
//!
//! Data flows one way: feed → evidence → domain → controller → status, report, Event, alert.

#![cfg_attr(
    not(test),
    deny(
        clippy::print_stdout,
        clippy::print_stderr,
        reason = "a stream that is closed makes them panic: cli::streams does not"
    )
)]

pub mod alert;
pub mod api;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod controller;
pub mod domain;
pub mod evidence;
pub mod feed;
pub mod outbound;
pub mod shard;
pub mod trace;
pub mod view;
pub mod web;

#[cfg(test)]
use testkit::{kept_server, mail_server, postgres_server, receiver};
