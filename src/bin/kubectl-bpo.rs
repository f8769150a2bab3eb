//! The kubectl plugin: `kubectl bpo` finds it by its name.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a stream that is closed makes them panic: cli::streams does not"
)]

use std::process::ExitCode;

use bpo_operator::cli::plugin::{Cli, execute};
use clap::Parser;

fn main() -> ExitCode {
    execute(Cli::parse())
}
