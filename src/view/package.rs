//! What goes out as one scheduled report: a few sentences for the mail itself, and the documents with it.
//!
//! Sentences hold what contracts and vendors wrote. Whoever sends them escapes them for where they go.

use serde_json::{Value, json};

use super::links::Links;
use super::report::{self, PeriodReport};
use super::scorecard::{self, Scorecard};
use super::words::period_title;
use crate::api::sla_report::{SlaReportSpec, SlaReportStatus};
use crate::api::vendor_contract::ReportFormat;
use crate::api::{KpiTarget, VendorContract};
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::domain::terms::contract_terms::Terms;

/// What the documents of one mail hold together at most. Larger ones are left out, and the mail says so.
pub const MOST_BYTES: usize = 10 << 20;

/// What a package is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Name of the contract.
    pub name: &'a str,
    /// The contract.
    pub contract: &'a VendorContract,
    /// Its KPIs.
    pub kpis: &'a [KpiTarget],
    /// The terms that it is judged by.
    pub terms: &'a Terms,
    /// All SlaReports of the contract: name, content, provenance.
    pub reports: &'a [(String, SlaReportSpec, Option<SlaReportStatus>)],
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The name of its file.
    pub file: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// One report, ready to go out.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// One line.
    pub subject: String,
    /// Sentences; an empty one parts two blocks.
    pub sentences: Vec<String>,
    /// For a mailbox.
    pub documents: Vec<Document>,
    /// For programs: each SlaReport as it is and in words, and the scorecard.
    pub json: Vec<Value>,
}

/// Puts together what an order asks for.
///
/// # Errors
/// The name of an SlaReport that is not there.
pub fn package(order: &ReportOrder, facts: &Facts<'_>) -> Result<Package, String> {
    let vendor = &facts.contract.spec.vendor.name;
    let mut package = Package {
        subject: format!("{}, {vendor}: report for {}", facts.name, period_title(&order.period.name)),
        sentences: Vec::new(),
        documents: Vec::new(),
        json: Vec::new(),
    };
    if order.scorecard {
        add_scorecard(&mut package, facts);
    }
    for name in &order.reports {
        add_report(&mut package, order.format, name, facts)?;
    }
    let left_out = leave_out(&mut package.documents);
    if left_out > 0 {
        package.sentences.push(format!("{left_out} of its documents are too large for a mail and were left out."));
    }
    Ok(package)
}

fn add_scorecard(package: &mut Package, facts: &Facts<'_>) {
    let card = Scorecard::of(facts.contract, facts.kpis);
    package.sentences.push(format!("{}: {}.", facts.name, card.headline));
    package.sentences.extend(card.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    if !card.to_raise.is_empty() {
        package.sentences.push("To raise in the next review:".to_owned());
        package.sentences.extend(card.to_raise.iter().map(|item| format!("- {item}")));
    }
    package.sentences.push(String::new());
    package.documents.push(Document {
        file: format!("{}-scorecard.html", facts.name),
        media_type: "text/html; charset=utf-8",
        content: scorecard::html(&card, Links::None).into_bytes(),
    });
    package.json.push(json!({"kind": "Scorecard", "name": facts.name, "shown": card}));
}

fn add_report(package: &mut Package, format: ReportFormat, name: &str, facts: &Facts<'_>) -> Result<(), String> {
    let found = facts.reports.iter().find(|(found, _, _)| found == name);
    let (_, spec, status) = found.ok_or_else(|| name.to_owned())?;
    let earlier = report::earlier(facts.reports.iter().map(|(_, spec, _)| spec), spec);
    let report_facts = report::Facts {
        namespace: facts.namespace,
        name,
        report: spec,
        status: status.as_ref(),
        terms: Some(facts.terms),
        earlier: &earlier,
        evidence: None,
    };
    let shown = PeriodReport::of(&report_facts);
    package.sentences.push(format!("{}.", shown.headline.trim_end_matches('.')));
    package.sentences.push(format!("{}.", shown.parties().trim_end_matches('.')));
    package.sentences.extend(shown.summary.iter().cloned());
    package.sentences.extend(shown.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    package.sentences.extend(shown.insight.iter().map(|insight| format!("- {}", insight.sentence)));
    package.sentences.push(String::new());
    package.json.push(json!({"kind": "SlaReport", "name": name, "spec": spec, "shown": shown}));
    package.documents.push(match format {
        ReportFormat::Html => Document {
            file: format!("{name}.html"),
            media_type: "text/html; charset=utf-8",
            content: report::html(&shown, Links::None).into_bytes(),
        },
        ReportFormat::Xlsx => Document {
            file: format!("{name}.xlsx"),
            media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            content: report::xlsx(&report_facts).map_err(|error| format!("{name}: {error}"))?,
        },
    });
    Ok(())
}

/// Leaves out what is beyond [`MOST_BYTES`], the last first; returns how many those are.
fn leave_out(documents: &mut Vec<Document>) -> usize {
    let before = documents.len();
    let mut total = 0_usize;
    documents.retain(|document| {
        total = total.saturating_add(document.content.len());
        total <= MOST_BYTES
    });
    before - documents.len()
}
