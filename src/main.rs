//! The operator: flags in, exit code out.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a stream that is closed makes them panic: cli::streams does not"
)]

use std::process::ExitCode;

use bpo_operator::cli::operator::{Cli, execute};
use bpo_operator::cli::streams::warn;
use clap::Parser;

/// The C library's allocator returns little of what judgements take for a moment. `.cargo/config.toml` has its settings.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(format_args!("bpo-operator: {error}"));
            ExitCode::FAILURE
        }
    }
}
