//! Where the pages come from: the objects as they are now, and the page of an address.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::sla_report::SlaReportSpec;
use crate::api::{SlaReport, VendorContract};
use crate::cli::cluster::Cluster;
use crate::cli::gathered::Gathered;
use crate::cli::offline::JudgedFiles;
use crate::clock::Clock;
use crate::view::links::Links;
use crate::view::made_of::Evidence;
use crate::view::portfolio::Portfolio;
use crate::view::report::{Facts, PeriodReport};
use crate::view::scorecard::Scorecard;
use crate::view::{kpi, launch, portfolio, report, scorecard};

/// For how long what was read is taken as it is.
const FRESH: Duration = Duration::from_secs(2);

/// Where objects come from.
pub(super) enum Source {
    /// A cluster, with the caller's own rights.
    Cluster {
        /// The connection.
        cluster: Box<Cluster>,
        /// Every namespace.
        everywhere: bool,
        /// The evidence of some contracts.
        evidence: Option<JudgedFiles>,
    },
    /// Files, judged at an instant.
    Files {
        /// What they hold.
        gathered: Gathered,
        /// The instant.
        now: Timestamp,
    },
}

/// The objects, read again when they are asked for.
pub(super) struct Store {
    source: Source,
    last: Mutex<Option<(Instant, Arc<Gathered>)>>,
}

impl Store {
    /// A store that has read nothing yet.
    pub(super) fn new(source: Source) -> Store {
        Store { source, last: Mutex::new(None) }
    }

    /// The objects as they are, or were two seconds ago. Several who ask at once share one answer.
    ///
    /// # Errors
    /// A sentence with what the cluster said.
    pub(super) async fn fresh(&self) -> Result<Arc<Gathered>, String> {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(found));
        }
        let found = match &self.source {
            Source::Cluster { cluster, everywhere, evidence } => {
                let mut found = Gathered::of_cluster(cluster, *everywhere).await?;
                if let Some(evidence) = evidence {
                    // The reports are seldom others than they were: what is inside of them is found out once.
                    match last.as_ref().filter(|(_, before)| before.reports == found.reports) {
                        Some((_, before)) => found.inside = before.inside.clone(),
                        None => found.look_inside(evidence),
                    }
                }
                found
            }
            Source::Files { gathered, .. } => gathered.clone(),
        };
        // The same objects stay the same value, by which changes are noticed.
        let found = match last.take() {
            Some((_, before)) if *before == found => before,
            _ => Arc::new(found),
        };
        *last = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    /// As of when the pages speak.
    pub(super) fn now(&self) -> Timestamp {
        match &self.source {
            Source::Cluster { .. } => Clock::real().now(),
            Source::Files { now, .. } => *now,
        }
    }
}

/// A page, or a file that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    /// HTML.
    Page(String),
    /// A workbook, with the name under which it is kept.
    Workbook(String, Vec<u8>),
    /// A calendar, with the name under which it is kept.
    Calendar(String, String),
}

/// What an address shows: its kind, the namespace (`-` for none) and the name. `None` where there is no such object.
pub(super) fn shown(
    found: &Gathered,
    now: Timestamp,
    links: Links,
    [kind, namespace, name]: [&str; 3],
) -> Option<Shown> {
    let namespace = if namespace == "-" { "" } else { namespace };
    let is_it = |of: Option<String>, its_name: String| of.unwrap_or_default() == namespace && its_name == name;
    let contract = || found.contracts.iter().find(|it| is_it(it.namespace(), it.name_any()));
    match kind {
        "contracts" => Some(Shown::Page(scorecard::html(&card(found, contract()?, now), links))),
        "calendars" => {
            let dates = crate::view::dates::Dates::of(contract()?, &found.launches, now).ok()?;
            Some(Shown::Calendar(format!("{}.ics", kept(name)), dates.ics(now)))
        }
        "kpis" => {
            let kpi = found.kpis.iter().find(|it| is_it(it.namespace(), it.name_any()))?;
            let of = &kpi.spec.contract_ref.name;
            let contract =
                found.contracts.iter().find(|it| it.namespace() == kpi.namespace() && it.name_any() == *of)?;
            Some(Shown::Page(kpi::html(&found.kpi_page(contract, name).ok()?, links)))
        }
        "reports" | "workbooks" => {
            let it = found.reports.iter().find(|it| is_it(it.namespace(), it.name_any()))?;
            Some(with_facts(found, it, links, kind == "workbooks"))
        }
        "launches" => {
            let it = found.launches.iter().find(|it| is_it(it.namespace(), it.name_any()))?;
            Some(Shown::Page(launch::html(&found.launch(it, now), links)))
        }
        _ => None,
    }
}

/// The first page.
pub(super) fn first(found: &Gathered, now: Timestamp, links: Links) -> String {
    portfolio::html(&Portfolio::of(&found.portfolio(now)), links)
}

/// Everything as files that stand alone, by their names: pages, workbooks and calendars.
pub(super) fn files(found: &Gathered, now: Timestamp) -> Vec<(String, Vec<u8>)> {
    let place = |namespace: Option<String>, name: String| (namespace.unwrap_or_default(), name);
    let contracts = found.contracts.iter().map(|it| place(it.namespace(), it.name_any()));
    let kpis = found.kpis.iter().map(|it| place(it.namespace(), it.name_any()));
    let reports = || found.reports.iter().map(|it| place(it.namespace(), it.name_any()));
    let launches = found.launches.iter().map(|it| place(it.namespace(), it.name_any()));
    let contracts: Vec<(String, String)> = contracts.collect();
    let all = contracts
        .iter()
        .map(|it| ("contracts", it.clone()))
        .chain(contracts.iter().map(|it| ("calendars", it.clone())))
        .chain(kpis.map(|it| ("kpis", it)))
        .chain(reports().map(|it| ("reports", it)))
        .chain(reports().map(|it| ("workbooks", it)))
        .chain(launches.map(|it| ("launches", it)));
    let mut files = vec![("portfolio.html".to_owned(), first(found, now, Links::None).into_bytes())];
    for (kind, (namespace, name)) in all {
        let before = if namespace.is_empty() { String::new() } else { format!("{}-", kept(&namespace)) };
        let singular = if kind == "launches" { "launch" } else { kind.trim_end_matches('s') };
        match shown(found, now, Links::None, [kind, &namespace, &name]) {
            Some(Shown::Page(page)) => {
                files.push((format!("{singular}-{before}{}.html", kept(&name)), page.into_bytes()));
            }
            Some(Shown::Workbook(file, bytes)) => files.push((format!("report-{before}{file}"), bytes)),
            Some(Shown::Calendar(file, text)) => files.push((format!("contract-{before}{file}"), text.into_bytes())),
            None => {}
        }
    }
    files
}

/// The scorecard with the names of what it links to.
fn card(found: &Gathered, contract: &VendorContract, now: Timestamp) -> Scorecard {
    let mut card = Scorecard::of(contract, &found.kpis_of(contract)).in_year(contract, &found.launches, now);
    card.reports = found.reports_of(contract).into_iter().map(ResourceExt::name_any).collect();
    let of = contract.name_any();
    let own = found.launches.iter().filter(|launch| {
        launch.namespace() == contract.namespace() && launch.spec.contract_refs.iter().any(|it| it.name == of)
    });
    card.launches = own.map(ResourceExt::name_any).collect();
    card
}

/// A report as a page or as a workbook, compared with the periods before it.
fn with_facts(found: &Gathered, it: &SlaReport, links: Links, as_workbook: bool) -> Shown {
    let contract = found
        .contracts
        .iter()
        .find(|contract| contract.namespace() == it.namespace() && contract.name_any() == it.spec.contract);
    let terms = contract.map(|contract| found.terms_of(contract));
    let mut earlier: Vec<&SlaReport> = contract.map(|contract| found.reports_of(contract)).unwrap_or_default();
    earlier.retain(|other| other.spec.period.start < it.spec.period.start);
    earlier.dedup_by_key(|report| report.spec.period.start);
    let inside = contract.and_then(|it| found.inside.get(&(it.namespace().unwrap_or_default(), it.name_any())));
    let made_of = |report: &SlaReport| inside?.reports.get(&report.name_any());
    let evidence = made_of(it).map(|now| Evidence { now, before: earlier.first().and_then(|before| made_of(before)) });
    let earlier: Vec<&SlaReportSpec> = earlier.into_iter().map(|report| &report.spec).collect();
    let (namespace, name) = (it.namespace().unwrap_or_default(), it.name_any());
    let facts = Facts {
        namespace: &namespace,
        name: &name,
        report: &it.spec,
        status: it.status.as_ref(),
        terms: terms.as_ref(),
        earlier: &earlier,
        evidence,
    };
    match as_workbook {
        // Memory has room for the archive, else there is no page either.
        true => Shown::Workbook(format!("{}.xlsx", kept(&name)), report::xlsx(&facts).unwrap_or_default()),
        false => Shown::Page(report::html(&PeriodReport::of(&facts), links)),
    }
}

/// A name as a file can have it and a header can carry it.
fn kept(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter)).collect()
}
