//! `kubectl bpo`: the commands of the plugin. Those that need no cluster run on the operator's own engine.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, BAD_INPUT, Output, lines};
use super::bundles::Gathered;
use super::cluster::{Cluster, ClusterArguments, wait_for};
use super::evaluate::{FeedFile, RecordsByContract, RowsByContract, View, report_object, view_of_records};
use super::explain::explain;
use super::feed_files::gather_rows;
use super::gathered::terms_in_cluster;
use super::manifests::{Manifests, read};
use super::offline::OfflineArguments;
use super::streams::{NotPrinted, StandardOutput, print, warn};
use super::terminal::escaped;
use super::{
    accept_loss, alert, backtest, calendar, catalogue, check, completion, dashboard, editor, events, evidence, feed,
    history, init, launch_report, lint, man, portfolio, reconcile, report, retention, scorecard, staffing, status,
    suspend, tables, version,
};

/// Business-process-outsourcing contracts and their SLAs, beside kubectl.
///
/// Offline commands need no cluster: they use the same rules as the operator.
#[derive(Debug, Parser)]
#[command(name = "kubectl-bpo", bin_name = "kubectl bpo", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge contracts offline: print every object's status and the SlaReports that would exist
    ///
    /// Exit code 0; 1 when a Critical-class KPI (dry runs left out) is Missed in its latest closed period; 2 on bad input.
    Evaluate(EvaluateArguments),
    /// Explain one SlaReport: how each figure came about, from rows to caps
    ///
    /// The report is the cluster's own; with -f, --feed and --now it is the one that `evaluate` would print, and no cluster is needed.
    Explain(ExplainArguments),
    /// The report of a closed period as a document, as both parties read and sign it: text, Markdown, a page, or JSON
    ///
    /// From the cluster with your own rights, or offline with -f, --feed and --now.
    Report(report::ReportArguments),
    /// A contract at a glance: is it all right, and why not; text, a page, or JSON
    ///
    /// From the cluster with your own rights, or offline with -f, --feed and --now.
    Scorecard(scorecard::ScorecardArguments),
    /// All pages, live, on this machine alone: portfolio, scorecards, KPIs, reports, launches
    ///
    /// From the cluster with your own rights, or offline with -f, --feed and --now. Prints the address, which carries a token; pages are
    /// read-only. Ctrl-C ends it.
    Dashboard(dashboard::DashboardArguments),
    /// The dates of a contract for a calendar program (ICS): ends and closings of periods, reviews, deliverables, plans, gates, launches
    ///
    /// From the cluster with your own rights, or offline with -f, --feed and --now. A later file moves the entries of an earlier one.
    Calendar(calendar::CalendarArguments),
    /// The contracts of a namespace as a tree, with their feeds, KPIs, tiers and launches: what is wrong, and why
    Status(status::StatusArguments),
    /// Check the installation: API server, definitions, operator, Lease, versions, and what you may do
    ///
    /// Exit code 0; 1 when something does not work; 2 when the cluster cannot be reached.
    Check(check::CheckArguments),
    /// What the operator reported about a contract and about what belongs to it, in the order of time
    Events(events::EventsArguments),
    /// Stop one contract or KPI: it is not judged, and a contract's feeds are not fetched, until `resume`
    Suspend(suspend::SuspendArguments),
    /// Go on with a contract or KPI that was suspended
    Resume(suspend::SuspendArguments),
    /// Have the operator look at a contract, KPI, tier or launch now, and wait until it has
    ///
    /// Reports are compared with the evidence again, too. It sets the annotation `bpo-operator.io/requested-at`, so it takes the right to
    /// patch the object; `status.lastHandledRequest` shows the last one that was handled. Exit code 0 when it was; 1 when not in time; 2
    /// when there is no such object.
    Reconcile(reconcile::ReconcileArguments),
    /// The terms of a contract in time: what changed, when, and which field manager wrote it
    ///
    /// With a store or a bundle: every version that the operator saw. Without: what the cluster itself knows, which is who wrote each
    /// field last.
    History(history::HistoryArguments),
    /// The KPIs that a contract can name: formula, measures, unit, direction, benchmark, what guards each and how it is gamed
    Catalogue(catalogue::CatalogueArguments),
    /// Write a first contract with KPIs, tiers and a feed, from six answers: on a terminal, or by flags
    Init(init::InitArguments),
    /// Check manifests offline: mistakes (exit code 2) and advice on the contract itself
    Lint(LintArguments),
    /// A JSON Schema of all kinds, by which editors complete manifests and mark mistakes while they are written
    ///
    /// Such as `kubectl bpo schema > bpo-operator.schema.json`, and `# yaml-language-server: $schema=bpo-operator.schema.json` as the first
    /// line of a manifest. Rules that concern several fields are checked by `lint`.
    Schema(editor::SchemaArguments),
    /// Vendors side by side: who meets what was agreed, what misses cost, what is next; or the ratings of their KPIs
    Portfolio(portfolio::PortfolioArguments),
    /// Look at a feed: check a vendor's endpoint, or what a mapping makes of a sample
    Feed(feed::FeedArguments),
    /// Acknowledge the escalation of a contract: say that someone has taken it up
    Ack(alert::AckArguments),
    /// Accept that rows which a Final report rests on are lost for good, after a restore, so that its contract goes on
    ///
    /// The signed report does not change, and the journal of the evidence records who accepted what. It sets the annotation
    /// `bpo-operator.io/loss-accepted`, so it takes the right to patch contracts. Exit code 0 when the contract goes on; 1 when not in time;
    /// 2 when there is nothing to accept.
    AcceptLoss(accept_loss::AcceptLossArguments),
    /// Alerts: which are active, which wait and which were given up; and test alerts
    Alert(alert::AlertArguments),
    /// What became of a campaign launch: a report for people
    Launch(launch_report::LaunchArguments),
    /// How many agents a load needs, by Erlang C or, with --patience, Erlang A
    Staffing(staffing::StaffingArguments),
    /// Re-compute the evidence chain of a store, at rest or in use, or of a bundle, and judge SlaReports again from it:
    /// exit code 0 whole, 1 broken, 2 not readable
    Verify(evidence::VerifyArguments),
    /// Write the evidence of one contract as a bundle that `verify --bundle` checks without the operator or the cluster
    Export(evidence::ExportArguments),
    /// Until when the rows of contracts are kept, what still needs them, and what was removed: it only shows, the operator removes
    ///
    /// `spec.retention` of the contract says how long; --now shows a later day.
    Retention(retention::RetentionArguments),
    /// The versions of the plugin, of the operators in the cluster, of the API and of the API server
    Version(version::VersionArguments),
    /// Print a script by which kubectl completes `kubectl bpo`, names of objects included, in every shell that it completes in;
    /// or, with the name of a shell, one for that shell alone, whose first lines say how to load it
    Completion(completion::CompletionArguments),
    /// The manual of the plugin, a page for each command, as `man` reads it
    ///
    /// Such as `kubectl bpo man feed check | man -l -`, or all pages into a folder with --to.
    Man(man::ManArguments),
    #[command(name = "__complete", hide = true)]
    Complete(completion::CompleteArguments),
}

#[derive(Debug, Args)]
struct EvaluateArguments {
    /// Manifests: files, folders or `-`; may be given several times. With --bundle default: the terms that it holds
    #[arg(short = 'f', long = "filename", value_name = "PATH", required_unless_present = "bundles", num_args = 1..)]
    paths: Vec<PathBuf>,

    /// What a feed's endpoint would have answered, in the feed's own format: [CONTRACT/]NAME=FILE; may be given several times
    #[arg(long = "feed", value_name = "[CONTRACT/]NAME=FILE", num_args = 1..)]
    feeds: Vec<FeedFile>,

    /// The evidence of a contract as `kubectl bpo export` wrote it, in place of its feeds' files: rows with the instants at which they
    /// were known, closings and facts, so that the judgement is the operator's own; may be given several times
    #[arg(long = "bundle", value_name = "FILE", num_args = 1..)]
    bundles: Vec<PathBuf>,

    /// The instant of the judgement, RFC 3339 such as 2026-07-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    now: Timestamp,

    /// Back-test: manifests with other terms, which take the place of objects of the same name; shows what they would have meant
    #[arg(long = "terms", value_name = "PATH", num_args = 1..)]
    terms: Vec<PathBuf>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// Name of the SlaReport, such as acme-care-2026-05
    #[arg(value_name = "SLAREPORT")]
    report: String,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    cluster: ClusterArguments,
}

#[derive(Debug, Args)]
struct LintArguments {
    /// Manifests: files, folders or `-`; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    paths: Vec<PathBuf>,

    /// The day of the advice on terms and targets, RFC 3339; default: now
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// Does what the command line asks for, and returns the exit code.
pub fn execute(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Evaluate(arguments) => evaluate(&arguments),
        Command::Explain(arguments) => explain_report(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Scorecard(arguments) => scorecard::run(&arguments),
        Command::Dashboard(arguments) => dashboard::run(&arguments),
        Command::Calendar(arguments) => calendar::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Suspend(arguments) => suspend::run(&arguments, true),
        Command::Resume(arguments) => suspend::run(&arguments, false),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Catalogue(arguments) => catalogue::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Lint(arguments) => run_lint(&arguments),
        Command::Schema(arguments) => editor::run(&arguments),
        Command::Portfolio(arguments) => portfolio::run(&arguments),
        Command::Feed(arguments) => feed::run(&arguments),
        Command::Ack(arguments) => alert::acknowledge(&arguments),
        Command::AcceptLoss(arguments) => accept_loss::run(&arguments),
        Command::Alert(arguments) => alert::run(&arguments),
        Command::Launch(arguments) => launch_report::run(&arguments),
        Command::Staffing(arguments) => staffing::run(&arguments),
        Command::Verify(arguments) => evidence::verify(&arguments),
        Command::Export(arguments) => evidence::export(&arguments),
        Command::Retention(arguments) => retention::run(&arguments),
        Command::Version(arguments) => version::run(&arguments),
        Command::Completion(arguments) => completion::script(&arguments),
        Command::Man(arguments) => man::run(&<Cli as clap::CommandFactory>::command(), &arguments),
        Command::Complete(arguments) => completion::run(&<Cli as clap::CommandFactory>::command(), &arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(lines) => {
            for line in lines {
                warn(format_args!("error: {}", escaped(&line)));
            }
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn evaluate(arguments: &EvaluateArguments) -> Answer {
    let has_manifests = !arguments.paths.is_empty();
    let mut manifests = match has_manifests {
        true => read(&arguments.paths).map_err(|problems| lines(&problems))?,
        false => Manifests::default(),
    };
    let (mut rows, records) = gather_rows(&manifests, &arguments.feeds, arguments.now)?;
    let said = records.clone();
    let mut gathered = Gathered { manifests: &mut manifests, has_manifests, rows: &mut rows, records, latest: None };
    gathered.take_all(&arguments.bundles)?;
    let records = gathered.records;
    let wrong = lint::problems(&manifests);
    if !wrong.is_empty() {
        return Err(lines(&wrong));
    }
    let result = view_of_records(&manifests, &rows, &records, arguments.now);
    if !arguments.terms.is_empty() {
        return back_test(arguments, &manifests, (&rows, &said), &result);
    }
    print_view(&result, arguments.output).map_err(NotPrinted::from)?;
    Ok(u8::from(result.missed))
}

fn back_test(
    arguments: &EvaluateArguments,
    manifests: &Manifests,
    (rows, said): (&RowsByContract, &RecordsByContract),
    was: &View,
) -> Answer {
    let terms = read(&arguments.terms).map_err(|problems| lines(&problems))?;
    let other = backtest::with_terms(manifests, &terms);
    let wrong = lint::problems(&other);
    if !wrong.is_empty() {
        return Err(lines(&wrong));
    }
    let comparisons = backtest::compare(was, &view_of_records(&other, rows, said, arguments.now));
    print(match arguments.output {
        Output::Table => escaped(&backtest::as_table(&comparisons)),
        output => output.document(&backtest::as_json(&comparisons)).map_err(|error| vec![error.to_string()])?,
    })?;
    Ok(0)
}

fn explain_report(arguments: &ExplainArguments) -> Answer {
    let text = match arguments.offline.now {
        Some(now) => explain_offline(arguments, now)?,
        None => wait_for(explain_of_cluster(arguments))?,
    };
    print(escaped(&text))?;
    Ok(0)
}

async fn explain_of_cluster(arguments: &ExplainArguments) -> Result<String, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let report = cluster.report(&arguments.report).await?;
    let terms = terms_in_cluster(&cluster, &report.spec.contract).await?;
    Ok(explain(&arguments.report, &report.spec, terms.as_ref()))
}

fn explain_offline(arguments: &ExplainArguments, now: Timestamp) -> Result<String, Vec<String>> {
    let result = arguments.offline.judge(now)?;
    let Some((namespace, name, report)) = result.reports.iter().find(|(_, name, _)| *name == arguments.report) else {
        let known: Vec<&str> = result.reports.iter().map(|(_, name, _)| name.as_str()).collect();
        let known = if known.is_empty() { "none has closed yet".to_owned() } else { known.join(", ") };
        return Err(vec![format!("there is no SlaReport {} at {now}; there are: {known}", arguments.report)]);
    };
    let terms = result.judged.get(&(namespace.clone(), report.contract.clone())).map(|judged| &*judged.terms);
    Ok(explain(name, report, terms))
}

fn print_view(result: &View, output: Output) -> std::io::Result<()> {
    let objects = || {
        let reports = result.reports.iter().map(|(namespace, name, spec)| report_object(namespace, name, spec));
        result.objects.iter().cloned().chain(reports)
    };
    let mut out = StandardOutput::new();
    match output {
        Output::Yaml => {
            for object in objects() {
                let yaml = crate::api::schema::to_yaml(&object).map_err(std::io::Error::other)?;
                write!(out, "---\n{yaml}")?;
            }
        }
        Output::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects().collect::<Vec<Value>>()});
            serde_json::to_writer_pretty(&mut out, &list)?;
            writeln!(out)?;
        }
        Output::Table => write!(out, "{}", escaped(&tables::evaluation(result)))?,
    }
    out.flush()
}

fn run_lint(arguments: &LintArguments) -> Answer {
    let now = arguments.now.unwrap_or_else(|| crate::clock::Clock::real().now());
    let result = match read(&arguments.paths) {
        Ok(manifests) => lint::lint(&manifests, now),
        Err(problems) if arguments.output == Output::Table => return Err(lines(&problems)),
        Err(mistakes) => lint::Lint { mistakes, ..lint::Lint::default() },
    };
    print(match arguments.output {
        Output::Table => escaped(&lint::as_text(&result)),
        output => output.document(&lint::as_json(&result)).map_err(|error| vec![error.to_string()])?,
    })?;
    Ok(if result.mistakes.is_empty() { 0 } else { BAD_INPUT })
}
