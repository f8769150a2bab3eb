//! `kubectl bpo report`: the report of a closed period as a document: text, Markdown, a page, a workbook, or JSON.
//!
//! gather (cluster or files) → [`PeriodReport`] (pure) → print.

use clap::Args;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::answer::{Answer, Written};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::gathered::terms_in_cluster;
use super::offline::{BundleArguments, JudgedFiles, OfflineArguments};
use crate::api::SlaReport;
use crate::api::sla_report::{SlaReportSpec, SlaReportStatus};
use crate::domain::terms::contract_terms::Terms;
use crate::view::links::Links;
use crate::view::made_of::Evidence;
use crate::view::report::{Facts, PeriodReport, earlier, html, markdown, text, xlsx};

/// Arguments of `kubectl bpo report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Name of a SlaReport, such as acme-care-2026-05, or of a contract, whose latest closed period is shown
    #[arg(value_name = "SLAREPORT|CONTRACT")]
    name: String,

    /// With a contract's name: the period, such as 2026-05, in its latest revision
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,

    #[command(flatten)]
    offline: OfflineArguments,

    #[command(flatten)]
    bundles: BundleArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the report is written: text, md (for a wiki or a ticket), html (one page that needs nothing else), xlsx (a
    /// workbook whose formulas compute the credit again), json, yaml
    #[arg(short = 'o', long, default_value = "text", value_parser = Written::one_of(&OUTPUTS))]
    output: Written,
}

const OUTPUTS: [Written; 6] = [Written::Text, Written::Md, Written::Html, Written::Xlsx, Written::Json, Written::Yaml];

/// A report as it was found.
#[derive(Clone, Debug)]
struct Found {
    namespace: String,
    name: String,
    spec: SlaReportSpec,
    status: Option<SlaReportStatus>,
}

/// Writes the report.
pub fn run(arguments: &ReportArguments) -> Answer {
    let ((reports, terms), files) = match arguments.offline.now {
        Some(now) => {
            let (found, files) = offline(arguments, now)?;
            (found, Some(files))
        }
        None => {
            let files = arguments.bundles.judge()?;
            (wait_for(of_cluster(arguments))?, files)
        }
    };
    let found = choose(&reports, &arguments.name, arguments.period.as_deref()).map_err(|error| vec![error])?;
    let earlier = earlier(reports.iter().map(|report| &report.spec), &found.spec);
    let inside = files.and_then(|files| {
        let contract = (found.namespace.clone(), found.spec.contract.clone());
        let asked: Vec<&SlaReportSpec> = std::iter::once(&found.spec).chain(earlier.first().copied()).collect();
        files.break_down(&contract, &asked)
    });
    let made_of = inside.as_ref().map(|inside| inside.reports.as_slice()).unwrap_or_default();
    let facts = Facts {
        namespace: &found.namespace,
        name: &found.name,
        report: &found.spec,
        status: found.status.as_ref(),
        terms: terms.iter().find(|(contract, _)| *contract == found.spec.contract).map(|(_, terms)| terms),
        earlier: &earlier,
        evidence: made_of.first().map(|now| Evidence { now, before: made_of.get(1) }),
    };
    let report = PeriodReport::of(&facts);
    let shown = match arguments.output {
        Written::Text => super::terminal::escaped(&text(&report)).into_bytes(),
        Written::Md => markdown(&report).into_bytes(),
        Written::Html => html(&report, Links::None).into_bytes(),
        Written::Xlsx => workbook(&facts)?,
        output => output.document(&serde_json::json!(report))?.into_bytes(),
    };
    super::streams::print(shown)?;
    Ok(0)
}

/// The workbook; a terminal cannot show it.
fn workbook(facts: &Facts<'_>) -> Result<Vec<u8>, Vec<String>> {
    use std::io::IsTerminal;
    if std::io::stdout().is_terminal() {
        return Err(vec!["a workbook is for a file: add, for example, > report.xlsx".to_owned()]);
    }
    xlsx(facts).map_err(|error| vec![error.to_string()])
}

type Gathered = (Vec<Found>, Vec<(String, Terms)>);

fn offline(arguments: &ReportArguments, now: Timestamp) -> Result<(Gathered, JudgedFiles), Vec<String>> {
    let judged = arguments.offline.judge_with(&arguments.bundles, now)?;
    let named = |(namespace, name, spec): &(String, String, SlaReportSpec)| Found {
        namespace: namespace.clone(),
        name: name.clone(),
        spec: spec.clone(),
        status: None,
    };
    let reports = judged.view.reports.iter().map(named).collect();
    let contracts = judged.view.judged.iter();
    let terms = contracts.map(|((_, contract), judged)| (contract.clone(), (*judged.terms).clone())).collect();
    Ok(((reports, terms), judged))
}

async fn of_cluster(arguments: &ReportArguments) -> Result<Gathered, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let api: Api<SlaReport> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let listed = answered(api.list(&ListParams::default())).await?;
    let reports: Vec<Found> = listed
        .into_iter()
        .map(|report| Found {
            namespace: report.namespace().unwrap_or_default(),
            name: report.name_any(),
            spec: report.spec,
            status: report.status,
        })
        .collect();
    let contract = match choose(&reports, &arguments.name, arguments.period.as_deref()) {
        Ok(found) => found.spec.contract.clone(),
        Err(error) => return Err(error),
    };
    let terms = terms_in_cluster(&cluster, &contract).await?;
    Ok((reports, terms.map(|terms| (contract, terms)).into_iter().collect()))
}

/// The report of that name, or of that contract: of the period that is asked for, else of the latest, in its latest revision.
fn choose<'a>(reports: &'a [Found], name: &str, period: Option<&str>) -> Result<&'a Found, String> {
    if let (Some(found), None) = (reports.iter().find(|report| report.name == name), period) {
        return Ok(found);
    }
    let of_contract = reports.iter().filter(|report| report.spec.contract == name);
    let wanted = of_contract.filter(|report| period.is_none_or(|period| report.spec.period.name == period));
    wanted.max_by_key(|report| (report.spec.period.start, report.spec.revision)).ok_or_else(|| {
        let mut known: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
        known.sort_unstable();
        let known = if known.is_empty() { "none has closed yet".to_owned() } else { known.join(", ") };
        let of_period = period.map(|period| format!(" of {}", crate::api::scalar::shorten(period))).unwrap_or_default();
        format!("there is no report {}{of_period}; there are: {known}", crate::api::scalar::shorten(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settlement::reports::report_name;

    fn found(period: &str, start: &str, revision: i64) -> Found {
        let mut spec: SlaReportSpec = serde_json::from_value(serde_json::json!({
            "contract": "acme", "period": {"name": period, "start": start, "end": "2027-01-01T00:00:00Z"},
            "state": "Final", "revision": 1, "points": 0,
        }))
        .unwrap();
        spec.revision = revision;
        Found { namespace: String::new(), name: report_name("acme", period, revision), spec, status: None }
    }

    #[test]
    fn a_contracts_name_means_its_latest_period_in_its_latest_revision() {
        let reports = [
            found("2026-01", "2026-01-01T00:00:00Z", 1),
            found("2026-02", "2026-02-01T00:00:00Z", 1),
            found("2026-02", "2026-02-01T00:00:00Z", 2),
        ];
        let cases = [
            ("acme", None, "acme-2026-02-r2"),
            ("acme", Some("2026-01"), "acme-2026-01"),
            ("acme-2026-02", None, "acme-2026-02"),
        ];
        for (name, period, expected) in cases {
            assert_eq!(
                choose(&reports, name, period).map(|found| found.name.as_str()),
                Ok(expected),
                "{name} {period:?}"
            );
        }
        let error = choose(&reports, "acme", Some("2026-13")).map(|found| found.name.clone()).unwrap_err();
        assert!(error.contains("2026-13") && error.contains("acme-2026-02-r2"), "{error}");
        let before: Vec<(String, i64)> =
            earlier(reports.iter().map(|report| &report.spec), &found("2026-03", "2026-03-01T00:00:00Z", 1).spec)
                .into_iter()
                .map(|spec| (spec.period.name.clone(), spec.revision))
                .collect();
        assert_eq!(before, [("2026-02".to_owned(), 2), ("2026-01".to_owned(), 1)]);
    }
}
