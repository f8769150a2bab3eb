//! Rows of feeds out of files that a command names.

use jiff::Timestamp;

use super::evaluate::{FeedFile, RecordsByContract, RowsByContract, contract_of_file};
use super::manifests::Manifests;
use super::streams::warn;
use crate::domain::terms::journal::ThresholdsSaid;
use crate::feed::offline::OfflineRows;

/// The rows of files by contract and feed, and by which times they say that they count.
pub(super) fn gather_rows(
    manifests: &Manifests,
    files: &[FeedFile],
    now: Timestamp,
) -> Result<(RowsByContract, RecordsByContract), Vec<String>> {
    let (mut rows, mut records) = (RowsByContract::new(), RecordsByContract::new());
    let mut wrong = Vec::new();
    for file in files {
        match rows_of_file(manifests, file, now) {
            Ok((key, OfflineRows { rows: found, thresholds, .. })) => {
                if !thresholds.is_empty() {
                    let of_contract = records.entry(key.clone()).or_default();
                    of_contract.said.insert(file.feed.clone(), ThresholdsSaid { thresholds });
                }
                rows.entry(key).or_default().insert(file.feed.clone(), found.into_iter().collect());
            }
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok((rows, records)) } else { Err(wrong) }
}

pub(crate) type ContractKey = (String, String);

pub(crate) fn rows_of_file(
    manifests: &Manifests,
    file: &FeedFile,
    now: Timestamp,
) -> Result<(ContractKey, OfflineRows), String> {
    let key = contract_of_file(manifests, file)?;
    let shown = file.file.display();
    let content = std::fs::read(&file.file).map_err(|error| format!("--feed {}: {shown}: {error}", file.feed))?;
    let contract = manifests.contracts.get(&key).map(|written| &written.object.spec);
    let found = contract.and_then(|contract| {
        let feed = contract.feeds.iter().find(|feed| feed.name == file.feed)?;
        Some(crate::feed::offline::rows_of(feed, &contract.time_zone, &content, now))
    });
    let Some(found) = found else { return Err(format!("--feed {}: no such feed", file.feed)) };
    let found = found.map_err(|error| format!("--feed {}: {shown}: {error}", file.feed))?;
    for rejected in found.rejected.iter().take(20) {
        warn(format_args!("warning: {shown}: a row is set aside ({}): {}", rejected.reason, rejected.text));
    }
    if found.rejected.len() > 20 {
        warn(format_args!("warning: {shown}: and {} rows more are set aside", found.rejected.len() - 20));
    }
    Ok((key, found))
}
