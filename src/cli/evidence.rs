//! `kubectl bpo verify` and `kubectl bpo export`: the evidence of a store or of a bundle, and reports against it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::answer::{Answer, Output};
use super::exec::{ExecArguments, OperatorPod, push};
use super::streams::{StandardOutput, print, print_line, prompt, warn};
use super::tables;
use super::terminal::escaped;
use crate::api::sla_report::SlaReport;
use crate::api::verdict::PeriodState;
use crate::controller::reports::report_digest;
use crate::domain::judgement::judge::judge;
use crate::domain::judgement::outcome::NOTHING_SAID;
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::feed_rows::packed;
use crate::domain::measuring::row::Row;
use crate::domain::settlement::basis::as_far_as;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::Journal;
use crate::domain::terms::periods::Periods;
use crate::evidence::bundle::{Bundle, read_bundle, write_bundle};
use crate::evidence::postgres::{EvidenceUrl, PostgresStore};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{
    Broken, Digest, EvidenceStore, FeedKey, StoreError, VerifyProgress, VerifyReport, digest_text, recorded_facts,
};

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

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// The contract: [NAMESPACE/]NAME, or its UID where several had that name
    #[arg(long, value_name = "CONTRACT")]
    contract: String,

    /// Write out the rows of this measurement period in words, such as 2026-05
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "until"])]
    period: Option<String>,

    /// Write out the rows that start from this instant on; default: all
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,

    /// Write out the rows that start before this instant; default: all
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,

    /// The file to write, which must not exist yet; `-` for standard output
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
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

/// Does what `export` asks for.
pub fn export(arguments: &ExportArguments) -> Answer {
    let pod = arguments.store.exec.pod()?;
    if arguments.to.as_os_str() == "-" {
        return match &pod {
            Some(pod) => export_from(pod, arguments, Stdio::inherit()),
            None => write_export(arguments, &mut StandardOutput::new()),
        };
    }
    let shown = arguments.to.display();
    let mut file = File::create_new(&arguments.to).map_err(|error| vec![format!("--to {shown}: {error}")])?;
    let done = match &pod {
        Some(pod) => match file.try_clone() {
            Ok(file) => export_from(pod, arguments, Stdio::from(file)),
            Err(error) => Err(vec![format!("--to {shown}: {error}")]),
        },
        None => write_export(arguments, &mut file),
    };
    if done != Ok(0) {
        // What is not whole must not pass for a bundle.
        let _ = std::fs::remove_file(&arguments.to);
    }
    done
}

fn export_from(pod: &OperatorPod, arguments: &ExportArguments, output: Stdio) -> Answer {
    let mut flags = vec!["--contract".to_owned(), arguments.contract.clone()];
    push(&mut flags, "--period", arguments.period.as_ref());
    push(&mut flags, "--from", arguments.from);
    push(&mut flags, "--until", arguments.until);
    push(&mut flags, "--to", Some("-"));
    pod.run(&["export"], &flags, None, output)
}

/// Writes the bundle to `out`, and says on standard error, or on standard output if that is free, what is in it.
fn write_export(arguments: &ExportArguments, out: &mut (dyn Write + Send)) -> Answer {
    let manifest = in_runtime(async {
        let store = open(&arguments.store)?;
        let contract = find_contract(&*store, &arguments.contract).await?;
        let span = span_of(&*store, &contract, arguments).await?;
        let mut out = BufWriter::new(out);
        let manifest = write_bundle(&*store, &contract, span, &mut out).await?;
        out.flush().map_err(|error| StoreError::Invalid(format!("--to: {error}")))?;
        Ok(manifest)
    })?;
    let rows: i64 = manifest.feeds.iter().map(|feed| feed.rows).sum();
    let feeds = manifest.feeds.len();
    let said = format!("contract {}/{}, {feeds} feeds, {rows} rows", manifest.namespace, manifest.contract);
    match arguments.to.as_os_str() == "-" {
        true => warn(format_args!("{said}")),
        false => print_line(format_args!("{}: {said}", arguments.to.display()))?,
    }
    Ok(0)
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

async fn span_of(
    store: &dyn EvidenceStore,
    contract: &FeedKey,
    arguments: &ExportArguments,
) -> Result<(Timestamp, Timestamp), StoreError> {
    let Some(wanted) = &arguments.period else {
        return Ok((arguments.from.unwrap_or(Timestamp::MIN), arguments.until.unwrap_or(Timestamp::MAX)));
    };
    let terms = store.last_terms(&contract.contract_uid).await?.map(|recorded| recorded.terms);
    let calendar = terms.as_ref().and_then(|terms| Calendar::of(&terms.contract).ok());
    let periods = terms.as_ref().zip(calendar).map(|(terms, calendar)| Periods::of(&terms.contract, &calendar));
    let span = periods.and_then(|periods| {
        let period = periods.all().iter().find(|period| period.name == *wanted)?;
        let span = period.span();
        Some((span.start, span.end))
    });
    span.ok_or_else(|| {
        StoreError::Invalid(format!(
            "--period {wanted:?}: the recorded terms of {} have no such period; write it as in its SlaReport, such as 2026-05, or give --from and --until",
            contract.contract
        ))
    })
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

/// What the evidence knows of the contract of a report.
#[derive(Default)]
struct Record {
    terms: Option<Terms>,
    closings: BTreeMap<String, Terms>,
    journal: Journal,
    rows: BTreeMap<String, Vec<Row>>,
    /// The chain's digest at each head that the report names.
    digests: BTreeMap<String, Option<Digest>>,
    /// Whether rows were removed at the end of the retention: nothing is judged again.
    has_removed: bool,
    /// By feed, the row up to which the digests are not known: a bundle has none of removed rows.
    unknown_until: BTreeMap<String, i64>,
    /// The digest of the report as it was written, where it was recorded.
    written: Option<Digest>,
}

/// Judges a report again from the rows that it rests on, and says what differs.
fn compare(file: &str, report: &SlaReport, mut record: Record) -> Vec<Broken> {
    let mut differences = Vec::new();
    let mut differs = |what: String| differences.push(difference(report, format!("{file}: {what}")));
    for head in report.status.iter().flat_map(|status| &status.evidence_heads) {
        let found = record.digests.get(&head.feed).copied().flatten().map(|digest| digest_text(&digest));
        let is_unknown = record.unknown_until.get(&head.feed).is_some_and(|until| head.rows <= *until);
        if head.rows > 0 && !is_unknown && found.as_ref() != Some(&head.head) {
            let found = found.as_deref().unwrap_or("no such row");
            differs(format!(
                "feed {}: the report rests on {} after row {}, the evidence has {found}",
                head.feed, head.head, head.rows
            ));
        }
        if let Some(rows) = record.rows.get_mut(&head.feed) {
            rows.retain(|row| row.sequence <= head.rows);
        }
    }
    if report.spec.state != PeriodState::Final {
        // A Provisional report may have been judged before the evidence that it names was complete.
        return differences;
    }
    if record.written.is_some_and(|written| written != report_digest(&report.spec)) {
        differs("the report is not the one that the operator recorded when it wrote it".to_owned());
    }
    if record.has_removed {
        warn(format_args!(
            "{}: the rows of {} were removed at the end of the retention, so it is not judged again: its heads are compared, and a store compares it with what was recorded when it was written",
            escaped(file),
            escaped(&report.metadata.name.clone().unwrap_or_default())
        ));
        return differences;
    }
    match judged_again(report, &record) {
        Err(why) => differs(why),
        Ok(again) => {
            for (place, was, now) in members_that_differ(&report.spec, &as_far_as(&report.spec, &again)) {
                differs(format!("{place} is {was} in the report, the evidence says {now}"));
            }
        }
    }
    differences
}

/// How long after its end a period that is Final has been closed in any case: `closeAfter` is shorter.
const SURELY_CLOSED: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

fn judged_again(report: &SlaReport, record: &Record) -> Result<crate::api::sla_report::SlaReportSpec, String> {
    let terms = record.terms.as_ref().ok_or("the evidence holds no terms of this contract")?;
    let facts = ContractFacts {
        name: &report.spec.contract,
        terms,
        closed_under: &record.closings,
        rows: &packed(&record.rows),
        journal: Some(&record.journal),
        said: &NOTHING_SAID,
    };
    // A Final report says the same at every later instant. A rehearsal's clock may be ahead of this one, and the last row may be older
    // than the close of the last period.
    let last_row = record.rows.values().flatten().map(|row| row.known_at).max();
    let last_known = last_row.max(record.journal.last_recorded_at());
    let closed = report.spec.period.end.checked_add(SURELY_CLOSED).ok();
    let now = last_known.into_iter().chain(closed).fold(crate::clock::Clock::real().now(), Timestamp::max);
    let judgement = judge(&facts, now).map_err(|_| "the recorded terms cannot be judged".to_owned())?;
    let wanted = (&report.spec.period.name, report.spec.revision);
    let again = judgement.reports.into_iter().find(|spec| (&spec.period.name, spec.revision) == wanted);
    again.ok_or_else(|| format!("the evidence holds no report of {} with revision {}", wanted.0, wanted.1))
}

/// Place, value in the report, and value from the evidence; KPIs are compared member by member.
fn members_that_differ<T: serde::Serialize>(was: &T, now: &T) -> Vec<(String, String, String)> {
    let value = |spec: &T| serde_json::to_value(spec).unwrap_or_default();
    let mut differences = Vec::new();
    walk("", &value(was), &value(now), &mut differences);
    differences.truncate(100);
    differences
}

fn walk(place: &str, was: &Value, now: &Value, differences: &mut Vec<(String, String, String)>) {
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let null = Value::Null;
                walk(&inner, a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                let name = a.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                walk(&format!("{place}[{name}]"), a, b, differences);
            }
        }
        _ if was == now => {}
        _ => differences.push((place.to_owned(), was.to_string(), now.to_string())),
    }
}

fn difference(report: &SlaReport, what: String) -> Broken {
    Broken { contract_uid: contract_uid(report).to_owned(), feed: String::new(), sequence: 0, what }
}

fn contract_uid(report: &SlaReport) -> &str {
    report.status.as_ref().and_then(|status| status.contract_uid.as_deref()).unwrap_or_default()
}

/// Reads reports: one object a file, or the List that `kubectl get` prints.
fn read_reports(files: &[PathBuf]) -> Result<Vec<(String, SlaReport)>, Vec<String>> {
    let mut reports = Vec::new();
    for file in files {
        let shown = file.display().to_string();
        let failed = |error: &dyn std::fmt::Display| vec![format!("--report {shown}: {error}")];
        let text = read_text(file).map_err(|error| failed(&error))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| failed(&error))?;
        let items = |document: Value| match document.get("items").and_then(Value::as_array) {
            Some(items) => items.clone(),
            None => vec![document],
        };
        for item in documents.into_iter().filter(|document| !document.is_null()).flat_map(items) {
            let report: SlaReport = serde_json::from_value(item).map_err(|error| {
                failed(&format!("{error}; write SlaReports as `kubectl get slar NAME -o yaml` prints them"))
            })?;
            if contract_uid(&report).is_empty() {
                return Err(failed(&"the report has no status.contractUid, so its evidence cannot be found"));
            }
            reports.push((shown.clone(), report));
        }
    }
    Ok(reports)
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

#[cfg(test)]
mod tests;
