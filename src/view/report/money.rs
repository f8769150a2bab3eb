//! From points and credits to what is owed: the lines of an account, each with an amount of the report.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::ResultLine;
use crate::api::sla_report::{CreditBlock, SlaReportSpec};
use crate::api::vendor_contract::CapKind;
use crate::view::charts::Step;
use crate::view::words::{is_zero, money as written, points};

/// The account of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// Its lines, from the parts to what is owed and what else is settled.
    pub ledger: Vec<LedgerLine>,
    /// The picture of it.
    #[serde(skip)]
    pub steps: Vec<Step>,
}

/// A line of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerLine {
    /// What it is.
    pub what: String,
    /// The amount with its currency.
    pub amount: String,
    /// How it is set.
    pub weight: LedgerWeight,
}

/// Whether a line is a part, a sum of what is above it, or what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LedgerWeight {
    /// A part.
    Part,
    /// A sum.
    Sum,
    /// What is owed.
    Total,
}

pub(super) fn money(report: &SlaReportSpec, credit: &CreditBlock, lines: &[ResultLine]) -> Money {
    Money { ledger: ledger(report, credit), steps: steps(report, credit, lines) }
}

fn ledger(report: &SlaReportSpec, credit: &CreditBlock) -> Vec<LedgerLine> {
    let line =
        |what: String, amount: &str, weight| LedgerLine { what, amount: written(amount, &credit.currency), weight };
    let mut ledger = Vec::new();
    for kpi in report.kpis.iter().filter(|kpi| !kpi.credit.as_deref().is_none_or(is_zero)) {
        let amount = kpi.credit.as_deref().unwrap_or_default();
        ledger.push(line(crate::view::words::kpi_title(kpi.kpi, &kpi.name), amount, LedgerWeight::Part));
    }
    if report.points != 0 || !is_zero(&credit.from_points) {
        ledger.push(line(format!("For {}", points(report.points)), &credit.from_points, LedgerWeight::Part));
    }
    ledger.push(line("Before caps".to_owned(), &credit.before_caps, LedgerWeight::Sum));
    if !credit.capped_by.is_empty() {
        let names: Vec<String> = credit.capped_by.iter().map(|cap| cap_title(*cap).to_owned()).collect();
        let cut = difference(&credit.net, &credit.before_caps);
        ledger.push(line(crate::view::words::capital(&crate::view::words::list(&names)), &cut, LedgerWeight::Part));
    }
    ledger.push(line("Credit, owed by the vendor".to_owned(), &credit.net, LedgerWeight::Total));
    let settled = [
        ("Bonus, owed by the client", &credit.bonus),
        ("Earned back from earlier periods", &credit.earned_back),
        ("Restated from earlier periods", &credit.restated),
        ("Bonus restated from earlier periods", &credit.restated_bonus),
    ];
    for (what, amount) in settled {
        ledger.push(line(what.to_owned(), amount, LedgerWeight::Part));
    }
    if let Some(year) = &report.year_to_date {
        let cap = year.cap.as_ref().map(|cap| format!(", of at most {}", written(cap, &credit.currency)));
        ledger.push(line(
            format!("Contract year to date{}", cap.unwrap_or_default()),
            &year.credit,
            LedgerWeight::Part,
        ));
    }
    ledger
}

fn cap_title(cap: CapKind) -> &'static str {
    match cap {
        CapKind::Period => "cut at the period's cap",
        CapKind::Year => "cut at the contract year's cap",
    }
}

/// What the caps took away. Both amounts are of the report; an amount that is not a decimal is left as it is.
fn difference(net: &str, before: &str) -> String {
    match (net.parse::<Decimal>(), before.parse::<Decimal>()) {
        (Ok(net), Ok(before)) => (net - before).to_string(),
        _ => net.to_owned(),
    }
}

/// A bar for each KPI with a credit and for the points, one for what caps cut, one for what is owed.
fn steps(report: &SlaReportSpec, credit: &CreditBlock, lines: &[ResultLine]) -> Vec<Step> {
    let amount = |text: &str| text.parse::<Decimal>().ok().and_then(|amount| amount.to_f64()).unwrap_or_default();
    let mut steps = Vec::new();
    let mut reached = 0.0;
    let mut add = |name: String, value: &str, class| {
        let to = reached + amount(value);
        steps.push(Step { name, figure: written(value, &credit.currency), from: reached, to, class });
        reached = to;
    };
    for line in lines {
        let found = report.kpis.iter().find(|kpi| kpi.name == line.name).and_then(|kpi| kpi.credit.as_deref());
        if let Some(value) = found.filter(|value| !is_zero(value)) {
            add(line.title.clone(), value, "fill-ink");
        }
    }
    if !is_zero(&credit.from_points) {
        add(points(report.points), &credit.from_points, "fill-ink");
    }
    if !credit.capped_by.is_empty() {
        let cut = difference(&credit.net, &credit.before_caps);
        let (from, to) = (amount(&credit.before_caps), amount(&credit.net));
        steps.push(Step {
            name: "cut at caps".to_owned(),
            figure: written(&cut, &credit.currency),
            from,
            to,
            class: "cut-off",
        });
    }
    // A single amount that is owed as it is needs no picture.
    if steps.len() < 2 {
        return Vec::new();
    }
    let figure = written(&credit.net, &credit.currency);
    steps.push(Step { name: "owed".to_owned(), figure, from: 0.0, to: amount(&credit.net), class: "fill-ink" });
    steps
}
