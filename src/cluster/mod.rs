//! Kubernetes plumbing without business words: the client, watches into stores, and writes.

pub mod api_clock;
pub mod backoff;
pub mod client;
pub mod credentials;
pub mod errors;
pub mod fence;
pub mod lease;
pub mod managers;
pub mod namespaces;
pub mod shards;
pub mod sharing;
pub mod watch;
pub mod write;
