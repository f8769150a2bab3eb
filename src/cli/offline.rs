//! Commands that judge files instead of asking a cluster: their flags, and the one way from files to a judgement.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::answer::lines;
use super::evaluate::{FeedFile, View, view_of_records};
use super::feed_files::gather_rows;
use super::lint;
use super::manifests::read;

/// The flags of a command that reads a cluster, or files where `--now` is given.
#[derive(Clone, Debug, Default, Args)]
pub struct OfflineArguments {
    /// Offline: manifests (files, folders or `-`); may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., requires = "now")]
    paths: Vec<PathBuf>,

    /// Offline: what a feed's endpoint would have answered: [CONTRACT/]NAME=FILE; may be given several times
    #[arg(long = "feed", value_name = "[CONTRACT/]NAME=FILE", num_args = 1.., requires = "paths")]
    feeds: Vec<FeedFile>,

    /// Offline: the instant of the judgement, RFC 3339 such as 2026-07-01T00:00:00Z
    #[arg(long, value_name = "INSTANT", requires = "paths")]
    pub now: Option<Timestamp>,
}

impl OfflineArguments {
    /// What would be in the cluster at `now` by these files.
    ///
    /// # Errors
    /// What is wrong with the files, a line each.
    pub fn judge(&self, now: Timestamp) -> Result<View, Vec<String>> {
        judge_files(&self.paths, &self.feeds, now)
    }
}

/// What would be in the cluster at `now` by manifests and the answers of feeds.
///
/// # Errors
/// What is wrong with the files, a line each.
pub fn judge_files(paths: &[PathBuf], feeds: &[FeedFile], now: Timestamp) -> Result<View, Vec<String>> {
    let manifests = read(paths).map_err(|problems| lines(&problems))?;
    let (rows, records) = gather_rows(&manifests, feeds, now)?;
    let wrong = lint::problems(&manifests);
    if !wrong.is_empty() {
        return Err(lines(&wrong));
    }
    Ok(view_of_records(&manifests, &rows, &records, now))
}
