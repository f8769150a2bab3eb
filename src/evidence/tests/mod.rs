//! Tests of the store; each says in its name what it proves.

mod commits;
mod faults;
mod support;
