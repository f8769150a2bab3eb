//! `kubectl bpo export`: the rows of a contract as a bundle.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;
use jiff::Timestamp;

use super::{StoreArguments, find_contract, in_runtime, open};
use crate::cli::answer::Answer;
use crate::cli::exec::{OperatorPod, push};
use crate::cli::streams::{StandardOutput, print_line, warn};
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::periods::Periods;
use crate::evidence::bundle::write_bundle;
use crate::evidence::{EvidenceStore, FeedKey, StoreError};

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
