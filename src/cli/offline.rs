//! Commands that judge files instead of asking a cluster: their flags, and the one way from files to a judgement.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use super::answer::lines;
use super::bundles::Gathered;
use super::evaluate::{FeedFile, RecordsByContract, RowsByContract, View, break_down_contract, view_of_records};
use super::feed_files::gather_rows;
use super::lint;
use super::manifests::{Key, Manifests, read};
use crate::api::sla_report::SlaReportSpec;
use crate::clock::Clock;
use crate::domain::judgement::breakdowns::Breakdowns;

/// The flags of a command that reads a cluster, or files where `--now` is given.
#[derive(Clone, Debug, Default, Args)]
#[command(group(ArgGroup::new("files").multiple(true)))]
pub struct OfflineArguments {
    /// Offline: manifests (files, folders or `-`); may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., requires = "now", group = "files")]
    paths: Vec<PathBuf>,

    /// Offline: what a feed's endpoint would have answered: [CONTRACT/]NAME=FILE; may be given several times
    #[arg(long = "feed", value_name = "[CONTRACT/]NAME=FILE", num_args = 1.., requires = "paths")]
    feeds: Vec<FeedFile>,

    /// Offline: the instant of the judgement, RFC 3339 such as 2026-07-01T00:00:00Z
    #[arg(long, value_name = "INSTANT", requires = "files")]
    pub now: Option<Timestamp>,
}

/// The flag of a command that shows what figures are made of.
#[derive(Clone, Debug, Default, Args)]
pub struct BundleArguments {
    /// The evidence of a contract as `kubectl bpo export` wrote it: shows each day and each part (queue, site, tier) of the cluster's
    /// own figures. With --now no cluster is asked: all is judged from it. May be given several times
    #[arg(long = "bundle", value_name = "FILE", num_args = 1.., group = "files")]
    pub bundles: Vec<PathBuf>,
}

impl BundleArguments {
    /// What the bundles say; `None` without any.
    ///
    /// # Errors
    /// Each bundle that cannot be read or is broken.
    pub fn judge(&self) -> Result<Option<JudgedFiles>, Vec<String>> {
        if self.bundles.is_empty() { Ok(None) } else { judge_all(&[], &[], &self.bundles, None).map(Some) }
    }
}

/// What was judged, with what it was judged from.
pub struct JudgedFiles {
    rows: RowsByContract,
    records: RecordsByContract,
    now: Timestamp,
    /// The instant as of which running periods are looked at.
    running_at: Timestamp,
    /// What would be in the cluster.
    pub view: View,
}

impl OfflineArguments {
    /// What would be in the cluster at `now` by these files.
    ///
    /// # Errors
    /// What is wrong with the files, a line each.
    pub fn judge(&self, now: Timestamp) -> Result<View, Vec<String>> {
        judge_files(&self.paths, &self.feeds, now)
    }

    /// The same by these files and by bundles, with the rows.
    ///
    /// # Errors
    /// What is wrong with the files, a line each.
    pub fn judge_with(&self, bundles: &BundleArguments, now: Timestamp) -> Result<JudgedFiles, Vec<String>> {
        judge_all(&self.paths, &self.feeds, &bundles.bundles, Some(now))
    }
}

/// What would be in the cluster at `now` by manifests and the answers of feeds.
///
/// # Errors
/// What is wrong with the files, a line each.
pub fn judge_files(paths: &[PathBuf], feeds: &[FeedFile], now: Timestamp) -> Result<View, Vec<String>> {
    Ok(judge_all(paths, feeds, &[], Some(now))?.view)
}

/// Judges at `now`; without it at present, or at the latest instant that the bundles know of where that is later, as after a rehearsal.
fn judge_all(
    paths: &[PathBuf],
    feeds: &[FeedFile],
    bundles: &[PathBuf],
    now: Option<Timestamp>,
) -> Result<JudgedFiles, Vec<String>> {
    let has_manifests = !paths.is_empty();
    let mut manifests = match has_manifests {
        true => read(paths).map_err(|problems| lines(&problems))?,
        false => Manifests::default(),
    };
    let present = Clock::real().now();
    let (mut rows, records) = gather_rows(&manifests, feeds, now.unwrap_or(present))?;
    let (manifests_of, rows_of) = (&mut manifests, &mut rows);
    let mut gathered = Gathered { manifests: manifests_of, has_manifests, rows: rows_of, records, latest: None };
    gathered.take_all(bundles)?;
    let (records, latest) = (gathered.records, gathered.latest.unwrap_or(present));
    let wrong = lint::problems(&manifests);
    if !wrong.is_empty() {
        return Err(lines(&wrong));
    }
    let (now, running_at) = now.map_or((present.max(latest), latest), |now| (now, now));
    let view = view_of_records(&manifests, &rows, &records, now);
    Ok(JudgedFiles { rows, records, now, running_at, view })
}

impl JudgedFiles {
    /// What the figures of reports of a contract are made of; `None` where it was not judged.
    pub fn break_down(&self, contract: &Key, reports: &[&SlaReportSpec]) -> Option<Breakdowns> {
        let judged = self.view.judged.get(contract)?;
        let evidence = (self.rows.get(contract), self.records.get(contract));
        break_down_contract(&contract.1, &judged.terms, evidence, reports, (self.now, self.running_at))
    }
}
