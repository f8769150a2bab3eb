//! Tests of the stores; each says in its name what it proves.

mod bundles;
mod checkpoints;
mod commits;
mod crashes;
mod databases;
mod faults;
mod groups;
mod identity;
mod journal;
mod opening;
mod orders;
mod outbox;
mod packed;
mod plans;
mod retention;
pub(super) mod server;
mod shards;
mod support;
mod tampering;
mod terms;
mod upgrades;
mod wholeness;
