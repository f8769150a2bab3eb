//! `kubectl bpo dashboard`: all pages on this machine alone, with the rights of whoever runs it.
//!
//! The address carries a random token, which becomes a cookie that no script and no other site can use. Pages are read-only.

mod door;
mod pages;
mod server;

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::answer::Answer;
use super::cluster::{Cluster, ClusterArguments};
use super::gathered::Gathered;
use super::offline::{BundleArguments, OfflineArguments};
use super::streams::{print_line, warn};
use pages::{Source, Store};

/// Arguments of `kubectl bpo dashboard`.
#[derive(Debug, Args)]
pub struct DashboardArguments {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// Every namespace of the cluster
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,

    /// Instead: write everything into this folder as files that stand alone: pages, workbooks, calendars
    #[arg(long, value_name = "FOLDER", conflicts_with = "port")]
    to: Option<PathBuf>,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    bundles: BundleArguments,

    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Writes every page, workbook and calendar into a folder, and returns how many files that are.
///
/// # Errors
/// A sentence that names the file which could not be written.
pub fn write(found: &Gathered, now: Timestamp, folder: &Path) -> Result<usize, String> {
    let wrong = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    let files = pages::files(found, now);
    for (name, bytes) in &files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| wrong(&path, error))?;
    }
    Ok(files.len())
}

/// Serves until it is interrupted, or writes files.
pub fn run(arguments: &DashboardArguments) -> Answer {
    let files = match arguments.offline.now {
        Some(now) => {
            let gathered = Gathered::of_files_with_inside(&arguments.offline, &arguments.bundles, now)?;
            Some(Source::Files { gathered, now })
        }
        None => None,
    };
    let evidence = if files.is_some() { None } else { arguments.bundles.judge()? };
    super::cluster::wait_for(async {
        let source = match files {
            Some(files) => files,
            None => Source::Cluster {
                cluster: Box::new(Cluster::connect(&arguments.cluster).await?),
                everywhere: arguments.all_namespaces,
                evidence,
            },
        };
        // What is wrong with the connection is said here and not on a page.
        let store = Store::new(source);
        let found = store.fresh().await?;
        if let Some(folder) = &arguments.to {
            print_line(format_args!("{} files in {}", write(&found, store.now(), folder)?, folder.display()))?;
            return Ok(());
        }
        let served = server::serve(arguments.port, store, tokio_util::sync::CancellationToken::new()).await?;
        print_line(&served.address)?;
        warn(format_args!("Only who has this address sees the pages. Ctrl-C ends them."));
        tokio::select! {
            ended = served.task => ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| error.to_string()),
        }
    })?;
    Ok(0)
}

#[cfg(test)]
mod tests;
