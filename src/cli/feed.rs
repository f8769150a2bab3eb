//! `kubectl bpo feed`: looks at feeds without a cluster.

mod preview;

use clap::{Args, Subcommand};

use super::plugin::Answer;

/// Arguments of `kubectl bpo feed`.
#[derive(Debug, Args)]
pub struct FeedArguments {
    #[command(subcommand)]
    command: FeedCommand,
}

#[derive(Debug, Subcommand)]
enum FeedCommand {
    /// Show which rows the mapping of a feed makes of a sample, and which it sets aside and why
    ///
    /// Exit code 0; 1 when a row is set aside; 2 when the sample cannot be read at all, or on bad input.
    Preview(preview::PreviewArguments),
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the input, a line each.
pub fn run(arguments: &FeedArguments) -> Answer {
    match &arguments.command {
        FeedCommand::Preview(arguments) => preview::run(arguments),
    }
}
