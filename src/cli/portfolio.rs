//! `kubectl bpo portfolio`: the vendors side by side, what their misses cost, and what is next; or the ratings of their KPIs as a
//! public client publishes them.
//!
//! gather (cluster or files) → lines (pure) → a table, Markdown, CSV, a page, or for programs.

mod render;

use clap::Args;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::answer::{Answer, Written};
use super::cluster;
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::gathered::Gathered;
use super::offline::OfflineArguments;
use super::streams::print;
use super::terminal::escaped;
use crate::api::condition::ConditionStatus;
use crate::api::kpi_target::Verdict;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::VendorContractStatus;
use crate::api::verdict::{PeriodState, Rating};
use crate::api::{SlaReport, VendorContract};
use crate::view::links::Links;
use crate::view::portfolio::{Portfolio, html};

/// Arguments of `kubectl bpo portfolio`.
#[derive(Debug, Args)]
pub struct PortfolioArguments {
    /// Instead: each KPI's rating in the latest closed period, as public clients publish it (Procurement Act 2023, sections 52 and 71)
    #[arg(long)]
    ratings: bool,

    #[command(flatten)]
    offline: OfflineArguments,

    /// Every namespace of the cluster
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the result is printed: text or table, md (for a wiki or a ticket), csv, html (one page that needs nothing else), json, yaml
    #[arg(short = 'o', long, default_value = "text", value_parser = Written::one_of(&OUTPUTS))]
    output: Written,
}

const OUTPUTS: [Written; 6] = [Written::Text, Written::Md, Written::Csv, Written::Html, Written::Json, Written::Yaml];

/// Contracts with their status, and the SlaReports that there are.
#[derive(Clone, Debug, Default)]
pub struct Contracts {
    /// The contracts.
    pub contracts: Vec<VendorContract>,
    /// Namespace, name and content of the reports.
    pub reports: Vec<(String, String, SlaReportSpec)>,
}

/// One contract in the portfolio.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    vendor: String,
    namespace: String,
    contract: String,
    phase: Option<String>,
    compliant: Option<ConditionStatus>,
    at_risk: Option<ConditionStatus>,
    /// The latest closed period.
    period: Option<String>,
    score: Option<String>,
    rating: Option<Rating>,
    kpis_met: Option<i64>,
    kpis: Option<i64>,
    currency: Option<String>,
    /// What the latest closed period's misses cost the vendor, and those of the contract year.
    credit: Option<String>,
    year_to_date: Option<String>,
    next: Option<String>,
}

/// One KPI's rating in its contract's latest closed period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RatingLine {
    vendor: String,
    namespace: String,
    contract: String,
    from: Timestamp,
    to: Timestamp,
    state: PeriodState,
    revision: i64,
    name: String,
    kpi: String,
    target: Option<String>,
    value: Option<String>,
    verdict: Verdict,
    rating: &'static str,
}

/// Prints the portfolio.
///
/// # Errors
/// What is wrong with the input, or what the cluster said.
pub fn run(arguments: &PortfolioArguments) -> Answer {
    if arguments.output == Written::Html {
        return page(arguments);
    }
    let holdings = match arguments.offline.now {
        Some(now) => of_files(arguments, now)?,
        None => wait_for(of_cluster(arguments))?,
    };
    let text = match (arguments.ratings, arguments.output) {
        (false, Written::Text) => escaped(&render::portfolio_table(&portfolio(&holdings))),
        (false, Written::Md) => render::portfolio_markdown(&portfolio(&holdings)),
        (false, Written::Csv) => render::portfolio_csv(&portfolio(&holdings)),
        (false, output) => output.document(&serde_json::json!(portfolio(&holdings)))?,
        (true, Written::Text) => escaped(&render::ratings_table(&ratings(&holdings))),
        (true, Written::Md) => render::ratings_markdown(&ratings(&holdings)),
        (true, Written::Csv) => render::ratings_csv(&ratings(&holdings)),
        (true, output) => output.document(&serde_json::json!(ratings(&holdings)))?,
    };
    print(&text)?;
    Ok(0)
}

/// The portfolio as a page.
fn page(arguments: &PortfolioArguments) -> Answer {
    if arguments.ratings {
        return Err(vec!["--ratings has no page: take -o csv, -o md, -o json or -o text".to_owned()]);
    }
    let (now, found) = match arguments.offline.now {
        Some(now) => (now, Gathered::of_files(&arguments.offline, now)?),
        None => {
            let everywhere = arguments.all_namespaces;
            let of_cluster =
                async { Gathered::of_cluster(&Cluster::connect(&arguments.cluster).await?, everywhere).await };
            (crate::clock::Clock::real().now(), wait_for(of_cluster)?)
        }
    };
    print(html(&Portfolio::of(&found.portfolio(now)), Links::None))?;
    Ok(0)
}

fn of_files(arguments: &PortfolioArguments, now: Timestamp) -> Result<Contracts, Vec<String>> {
    let result = arguments.offline.judge(now)?;
    Ok(Contracts { contracts: result.contracts.into_values().collect(), reports: result.reports })
}

async fn of_cluster(arguments: &PortfolioArguments) -> Result<Contracts, String> {
    let Cluster { client, namespace } = cluster::Cluster::connect(&arguments.cluster).await?;
    let (contracts, reports): (Api<VendorContract>, Api<SlaReport>) = match arguments.all_namespaces {
        true => (Api::all(client.clone()), Api::all(client)),
        false => (Api::namespaced(client.clone(), &namespace), Api::namespaced(client, &namespace)),
    };
    let contracts = answered(contracts.list(&ListParams::default())).await?.items;
    let reports = answered(reports.list(&ListParams::default())).await?.items;
    let named = |report: SlaReport| (report.namespace().unwrap_or_default(), report.name_any(), report.spec);
    Ok(Contracts { contracts, reports: reports.into_iter().map(named).collect() })
}

/// The contracts by vendor, then by name.
pub fn portfolio(holdings: &Contracts) -> Vec<Line> {
    let mut found: Vec<Line> = holdings.contracts.iter().map(line).collect();
    found.sort_by(|left, right| {
        (&left.vendor, &left.namespace, &left.contract).cmp(&(&right.vendor, &right.namespace, &right.contract))
    });
    found
}

fn line(contract: &VendorContract) -> Line {
    let empty = VendorContractStatus::default();
    let status = contract.status.as_ref().unwrap_or(&empty);
    let condition = |name: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == name);
        found.map(|condition| condition.status)
    };
    let last = status.last.as_ref();
    let counts = status.kpis.as_ref();
    let credits = status.credits.as_ref();
    Line {
        vendor: contract.spec.vendor.name.clone(),
        namespace: contract.namespace().unwrap_or_default(),
        contract: contract.name_any(),
        phase: status.phase.map(|phase| phase.to_string()),
        compliant: condition("SLACompliant"),
        at_risk: condition("AtRisk"),
        period: last.map(|last| last.name.clone()),
        score: last.and_then(|last| last.score.clone()),
        rating: last.and_then(|last| last.rating),
        kpis_met: counts.map(|counts| counts.met),
        kpis: counts.map(|counts| counts.total),
        currency: credits.map(|credits| credits.currency.clone()),
        credit: last.and_then(|last| last.credit.clone()),
        year_to_date: credits.and_then(|credits| credits.year_to_date.clone()),
        next: next(status),
    }
}

/// What somebody has to do next: what is overdue longest, else the next review.
fn next(status: &VendorContractStatus) -> Option<String> {
    let governance = status.governance.as_ref()?;
    let overdue = governance.overdue.iter().min_by_key(|overdue| overdue.due);
    let overdue = overdue.map(|it| format!("{} {} overdue since {}", it.kind, it.name, it.due));
    overdue.or_else(|| governance.next_review.as_ref().map(|review| format!("review {} {}", review.name, review.due)))
}

/// The KPIs of the latest closed period of each contract, in its latest revision.
pub fn ratings(holdings: &Contracts) -> Vec<RatingLine> {
    let mut found = Vec::new();
    for contract in &holdings.contracts {
        let (namespace, name) = (contract.namespace().unwrap_or_default(), contract.name_any());
        let own = holdings.reports.iter().filter(|(of, _, report)| *of == namespace && report.contract == name);
        let Some((_, _, report)) = own.max_by_key(|(_, _, report)| (report.period.end, report.revision)) else {
            continue;
        };
        found.extend(report.kpis.iter().filter(|line| !line.dry_run).map(|line| RatingLine {
            vendor: contract.spec.vendor.name.clone(),
            namespace: namespace.clone(),
            contract: name.clone(),
            from: report.period.start,
            to: report.period.end,
            state: report.state,
            revision: report.revision,
            name: line.name.clone(),
            kpi: line.kpi.to_string(),
            target: line.target.clone(),
            value: line.value.clone(),
            verdict: line.verdict,
            rating: published(line.rating),
        }));
    }
    found.sort_by(|left, right| {
        (&left.vendor, &left.namespace, &left.contract, &left.name).cmp(&(
            &right.vendor,
            &right.namespace,
            &right.contract,
            &right.name,
        ))
    });
    found
}

/// A rating in the words in which it is published.
fn published(rating: Option<Rating>) -> &'static str {
    match rating {
        Some(Rating::Good) => "Good",
        Some(Rating::ApproachingTarget) => "Approaching target",
        Some(Rating::RequiresImprovement) => "Requires improvement",
        Some(Rating::Inadequate) => "Inadequate",
        Some(Rating::Other) | None => "Other",
    }
}
