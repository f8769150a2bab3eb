//! The operator: flags in, exit code out.

use std::process::ExitCode;

use bpo_operator::cli::operator::{Cli, execute};
use clap::Parser;

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bpo-operator: {error}");
            ExitCode::FAILURE
        }
    }
}
