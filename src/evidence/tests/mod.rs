//! Tests of the store; each says in its name what it proves.

mod commits;
mod crashes;
mod faults;
mod journal;
mod orders;
mod support;
mod tampering;
