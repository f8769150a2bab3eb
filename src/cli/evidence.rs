//! `kubectl bpo verify` and `kubectl bpo export`: the evidence of a store or of a bundle, and reports against it.

mod export;
mod reports;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use clap::Args;

pub use self::export::{ExportArguments, export};
use self::reports::{Record, compare, contract_uid, difference, read_reports};
use super::answer::{Answer, Output};
use super::exec::{ExecArguments, OperatorPod, push};
use super::streams::{print, prompt, warn};
use super::tables;
use crate::api::sla_report::SlaReport;
use crate::evidence::bundle::{Bundle, read_bundle};
use crate::evidence::postgres::{EvidenceUrl, PostgresStore};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Broken, EvidenceStore, FeedKey, StoreError, VerifyProgress, VerifyReport, recorded_facts};

/// Where the evidence is.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// Folder of the evidence, as the operator's --data-dir
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Database of the evidence, as the operator's --evidence-url
    #[arg(long, env = "BPO_EVIDENCE_URL", value_name = "URL", hide_env_values = true)]
    evidence_url: Option<EvidenceUrl>,

    #[command(flatten)]
    pub(super) exec: ExecArguments,
}

impl StoreArguments {
    /// Whether any place is named.
    pub(super) fn is_given(&self) -> bool {
        self.data_dir.is_some() || self.evidence_url.is_some()
    }
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// A bundle that `kubectl bpo export` wrote, in place of a store: neither the operator nor the cluster is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "exec"])]
    bundle: Option<PathBuf>,

    /// SlaReports as `kubectl get slar -o yaml` prints them, or `-` for standard input: each is judged again from the evidence and compared
    #[arg(long = "report", value_name = "FILE")]
    reports: Vec<PathBuf>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// Does what `verify` asks for: exit code 0 whole, 1 broken.
pub fn verify(arguments: &VerifyArguments) -> Answer {
    if let Some(pod) = arguments.store.exec.pod()? {
        return verify_in(&pod, arguments);
    }
    let reports = read_reports(&arguments.reports)?;
    let (mut found, differences) = match &arguments.bundle {
        Some(file) => verify_bundle(file, &reports)?,
        None => in_runtime(verify_store(&arguments.store, &reports))?,
    };
    found.broken.extend(differences);
    let shown = match arguments.output {
        Output::Table => super::terminal::escaped(&tables::verification(&found)),
        output => output.document(&tables::verification_json(&found)).map_err(|error| vec![error.to_string()])?,
    };
    print(shown)?;
    Ok(u8::from(!found.whole()))
}

/// The same inside the operator's pod; the reports, which are files here, go there as standard input.
fn verify_in(pod: &OperatorPod, arguments: &VerifyArguments) -> Answer {
    let mut flags = vec!["-o".to_owned(), arguments.output.name().to_owned()];
    let mut texts = Vec::new();
    for file in &arguments.reports {
        texts.push(read_text(file).map_err(|error| vec![format!("--report {}: {error}", file.display())])?);
    }
    let input = (!texts.is_empty()).then(|| texts.join("\n---\n"));
    push(&mut flags, "--report", input.as_ref().map(|_| "-"));
    pod.run(&["verify"], &flags, input, Stdio::inherit())
}

fn read_text(file: &Path) -> std::io::Result<String> {
    match file.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(file),
    }
}

pub(super) fn in_runtime<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, Vec<String>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| vec![error.to_string()])?;
    runtime.block_on(work).map_err(|error| vec![error.to_string()])
}

pub(super) fn open(arguments: &StoreArguments) -> Result<Box<dyn EvidenceStore>, StoreError> {
    match (&arguments.data_dir, &arguments.evidence_url) {
        (Some(folder), _) => Ok(Box::new(SqliteStore::open_for_reading(folder)?)),
        (None, Some(url)) => Ok(Box::new(PostgresStore::open_for_reading(url)?)),
        (None, None) => Err(StoreError::Invalid(
            "where is the evidence? Give --data-dir DIR or --evidence-url URL, as the operator has it".to_owned(),
        )),
    }
}

pub(super) async fn find_contract(store: &dyn EvidenceStore, wanted: &str) -> Result<FeedKey, StoreError> {
    let mut found: BTreeMap<String, FeedKey> = BTreeMap::new();
    for key in store.feeds().await? {
        let name = format!("{}/{}", key.namespace, key.contract);
        if wanted == key.contract_uid || wanted == key.contract || wanted == name {
            found.insert(key.contract_uid.clone(), key);
        }
    }
    let uids: Vec<String> = found.keys().cloned().collect();
    match (found.pop_first(), uids.as_slice()) {
        (Some((_, key)), [_]) => Ok(key),
        (None, _) => Err(StoreError::Invalid(format!(
            "--contract {wanted:?}: the store has no rows of such a contract; write NAMESPACE/NAME or its UID"
        ))),
        _ => Err(StoreError::Invalid(format!(
            "--contract {wanted:?}: several contracts had this name; give one of their UIDs: {}",
            uids.join(", ")
        ))),
    }
}

type Found = (VerifyReport, Vec<Broken>);

async fn verify_store(arguments: &StoreArguments, reports: &[(String, SlaReport)]) -> Result<Found, StoreError> {
    let store = open(arguments)?;
    let found = store.verify(Arc::new(show_progress)).await?;
    let mut differences = Vec::new();
    for (file, report) in reports {
        let uid = contract_uid(report).to_owned();
        let mut record = Record {
            terms: store.last_terms(&uid).await?.map(|recorded| recorded.terms),
            closings: store.closings(&uid).await?,
            journal: recorded_facts::journal(&*store, &uid).await?,
            ..Record::default()
        };
        for feed in store.feeds().await?.into_iter().filter(|feed| feed.contract_uid == uid) {
            record.rows.insert(feed.feed.clone(), store.rows(&uid, &feed.feed, 0).await?);
            record.has_removed |= !store.summaries(&uid, &feed.feed).await?.is_empty();
        }
        for head in report.status.iter().flat_map(|status| &status.evidence_heads) {
            record.digests.insert(head.feed.clone(), store.digest_at(&uid, &head.feed, head.rows).await?);
        }
        let name = report.metadata.name.clone().unwrap_or_default();
        record.written = store.report_digests(&uid).await?.remove(&name);
        differences.extend(compare(file, report, record));
    }
    Ok((found, differences))
}

fn verify_bundle(file: &Path, reports: &[(String, SlaReport)]) -> Result<Found, Vec<String>> {
    let shown = file.display();
    let failed = |error: std::io::Error| vec![format!("--bundle {shown}: {error}")];
    let Bundle { manifest, summaries, rows, digests, terms, closings, facts, report: found, .. } =
        read_bundle(BufReader::new(File::open(file).map_err(failed)?)).map_err(failed)?;
    let journal = recorded_facts::journal_of(&facts).map_err(|error| vec![format!("--bundle {shown}: {error}")])?;
    let terms = terms.map(|recorded| recorded.terms);
    let mut differences = Vec::new();
    for (file, report) in reports {
        if manifest.as_ref().is_none_or(|manifest| manifest.contract_uid != contract_uid(report)) {
            differences.push(difference(report, format!("{file}: the bundle is of another contract than the report")));
            continue;
        }
        let heads = report.status.iter().flat_map(|status| &status.evidence_heads);
        let digests = heads.map(|head| {
            let removed = summaries.get(&head.feed).and_then(|found| found.last()).map_or(0, |last| last.last);
            let place = usize::try_from(head.rows - 1 - removed).ok();
            (head.feed.clone(), place.and_then(|place| digests.get(&head.feed)?.get(place).copied()))
        });
        let record = Record {
            terms: terms.clone(),
            closings: closings.clone(),
            journal: journal.clone(),
            rows: rows.clone(),
            digests: digests.collect(),
            has_removed: !summaries.is_empty(),
            unknown_until: summaries
                .iter()
                .filter_map(|(feed, found)| Some((feed.clone(), found.last()?.last)))
                .collect(),
            written: None,
        };
        differences.extend(compare(file, report, record));
    }
    Ok((found, differences))
}

/// A line of progress now and then, for people alone.
fn show_progress(progress: VerifyProgress) {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() && progress.total_rows > 0 {
        prompt(format_args!("\r{} of {} rows", progress.rows, progress.total_rows));
        if progress.rows >= progress.total_rows {
            warn(format_args!(""));
        }
    }
}
