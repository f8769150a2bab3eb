//! The kubectl plugin: `kubectl bpo` finds it by its name.

use std::process::ExitCode;

use bpo_operator::cli::plugin::{Cli, execute};
use clap::Parser;

fn main() -> ExitCode {
    execute(Cli::parse())
}
