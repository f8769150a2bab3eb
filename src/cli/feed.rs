//! `kubectl bpo feed`: looks at feeds and at what was set aside of them, without a cluster.

mod check;
mod fetch;
mod preview;
mod push;
mod rejected;
mod scaffold;

use clap::{Args, Subcommand};

use super::answer::Answer;

/// Arguments of `kubectl bpo feed`.
#[derive(Debug, Args)]
pub struct FeedArguments {
    #[command(subcommand)]
    command: FeedCommand,
}

#[derive(Debug, Subcommand)]
enum FeedCommand {
    /// Check an endpoint, or a saved answer, as the operator would read it: for vendors who build one
    ///
    /// Asks it as the operator does, follows its pages, asks a second time, and says what is wrong, where, what was expected and what
    /// to write; then what was read. Exit code 0 when the operator takes all of it; 1 when it would refuse something; 2 on bad
    /// usage, or when nothing can be reached.
    #[command(after_long_help = check::EXAMPLES)]
    Check(check::CheckArguments),
    /// Show which rows the mapping of a feed makes of a sample, and which it sets aside and why
    ///
    /// Exit code 0; 1 when a row is set aside; 2 when the sample cannot be read at all, or on bad input.
    Preview(preview::PreviewArguments),
    /// Draft a feed from a sample of what the endpoint answers: JSON, CSV or a workbook
    ///
    /// Shows what each field is taken for, and writes the mapping to start from. Exit code 0; 2 when nothing in it looks like rows.
    Scaffold(scaffold::ScaffoldArguments),
    /// Have the operator fetch a feed of a contract now, or all its feeds, instead of at the next interval
    ///
    /// Exit code 0 when they are healthy after it; 1 when one fails; 2 when there is no such contract or feed.
    Fetch(fetch::FetchArguments),
    /// Send a file to the inbox of a feed, as a vendor's program does
    ///
    /// Exit code 0 when all of it is taken; 1 when a row is set aside; 2 when it is refused, with the reason.
    Push(push::PushArguments),
    /// Show the rows that an operator set aside: when they came, why, and with which answer
    Rejected(rejected::RejectedArguments),
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the input, a line each.
pub fn run(arguments: &FeedArguments) -> Answer {
    match &arguments.command {
        FeedCommand::Check(arguments) => check::run(arguments),
        FeedCommand::Preview(arguments) => preview::run(arguments),
        FeedCommand::Scaffold(arguments) => scaffold::run(arguments),
        FeedCommand::Fetch(arguments) => fetch::run(arguments),
        FeedCommand::Push(arguments) => push::run(arguments),
        FeedCommand::Rejected(arguments) => rejected::run(arguments),
    }
}
