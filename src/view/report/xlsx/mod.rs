//! The report as a workbook for whoever keeps the account: figures as numbers, and the money as formulas that compute it again.
//!
//! Summary, KPIs, money, days, parts, evidence, and the whole record field by field. A figure is shown as the report has it; next to a
//! computed amount are the report's and the difference of the two.

mod days;
mod money;

use serde_json::Value;

use super::{Facts, PeriodReport, html::check_commands};
use crate::api::kpi_target::RoundingMode;
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::domain::numbers::exact::minor_units;
use crate::view::workbook::{Cell, Sheet, literal, place, write};

/// The first row of a table's lines, counted from 0: below the sheet's title and the table's heads.
const FIRST: usize = 2;

/// The workbook's bytes.
///
/// # Errors
/// When the archive cannot be written, which memory rules out.
pub fn xlsx(facts: &Facts<'_>) -> std::io::Result<Vec<u8>> {
    let shown = PeriodReport::of(facts);
    let decimals = facts.report.credit.as_ref().map_or(2, |credit| minor_units(&credit.currency));
    let mut sheets = vec![summary(&shown, facts.report), kpis(facts.report)];
    sheets.extend(facts.report.credit.as_ref().map(|credit| money::sheet(facts.report, credit, decimals)));
    sheets.extend(days::sheets(&shown));
    sheets.push(evidence(&shown, facts.report));
    sheets.push(record(facts.report));
    write(&shown.headline, &sheets, decimals)
}

fn summary(shown: &PeriodReport, report: &SlaReportSpec) -> Sheet {
    let line = |what: &str, cell: Cell, unit: &str| vec![Cell::text(what), cell, Cell::text(unit)];
    let mut rows = vec![vec![Cell::title(shown.headline.clone())]];
    rows.extend(shown.summary.iter().map(|sentence| vec![Cell::sentence(sentence.clone())]));
    if shown.rehearsal {
        rows.push(vec![Cell::sentence("This is a report of a rehearsal. It binds nobody.")]);
    }
    rows.push(Vec::new());
    rows.push(vec![Cell::head("Of the report"), Cell::head(""), Cell::head("")]);
    rows.push(line("Contract", Cell::text(shown.contract.clone()), ""));
    rows.push(line("Client", Cell::text(shown.client.clone()), ""));
    rows.push(line("Vendor", Cell::text(shown.vendor.clone()), ""));
    rows.extend(shown.facts.iter().map(|(name, fact)| line(name, Cell::text(fact.clone()), "")));
    rows.push(Vec::new());
    rows.push(vec![Cell::head("Result"), Cell::head(""), Cell::head("")]);
    rows.push(line("Score", Cell::optional(report.score.as_deref(), Cell::number), "of 100"));
    rows.push(line("Confidence", Cell::optional(report.confidence.as_deref(), Cell::number), "% of the weight"));
    let rating = report.rating.map_or("None", crate::view::words::rating_title);
    rows.push(line("Rating", Cell::text(rating), "the worst of the Critical KPIs"));
    rows.push(line("Service points", Cell::whole(report.points), "points"));
    if let Some(credit) = &report.credit {
        for (what, amount) in [
            ("Credit, owed by the vendor", &credit.net),
            ("Bonus, owed by the client", &credit.bonus),
            ("Earned back from earlier periods", &credit.earned_back),
            ("Restated from earlier periods", &credit.restated),
            ("Bonus restated from earlier periods", &credit.restated_bonus),
        ] {
            rows.push(line(what, Cell::amount(amount), &credit.currency));
        }
        if let Some(year) = &report.year_to_date {
            rows.push(line("Credit, contract year to date", Cell::amount(&year.credit), &credit.currency));
            rows.extend(
                year.cap.as_ref().map(|cap| line("Cap of the contract year", Cell::amount(cap), &credit.currency)),
            );
        }
    }
    if !shown.insight.is_empty() {
        rows.push(Vec::new());
        rows.push(vec![Cell::head("What it means"), Cell::head(""), Cell::head("")]);
        rows.extend(shown.insight.iter().map(|insight| vec![Cell::sentence(insight.sentence.clone())]));
    }
    rows.push(Vec::new());
    rows.push(vec![Cell::head("What else there is to know"), Cell::head(""), Cell::head("")]);
    rows.extend(shown.notes.iter().map(|(topic, note)| line(topic, Cell::text(note.clone()), "")));
    Sheet { name: "Summary", widths: vec![44, 60, 30], heads: 0, rows }
}

const KPI_HEADS: [&str; 22] = [
    "KPI",
    "Name",
    "Class",
    "Weight",
    "Counted",
    "Comparison",
    "Target",
    "Upper edge",
    "Numerator",
    "Denominator",
    "Value, computed again",
    "Value",
    "Value before relief",
    "Unit",
    "Verdict",
    "Severity",
    "Rating",
    "Repeat",
    "Points",
    "Credit",
    "Bonus",
    "Rows",
];

/// Columns of the sheet of KPIs that formulas refer to.
mod column {
    pub(super) const TARGET: usize = 6;
    pub(super) const NUMERATOR: usize = 8;
    pub(super) const DENOMINATOR: usize = 9;
    pub(super) const VALUE: usize = 11;
    pub(super) const POINTS: usize = 18;
}

fn kpis(report: &SlaReportSpec) -> Sheet {
    let mut rows = vec![vec![Cell::title("KPIs")], KPI_HEADS.iter().map(|head| Cell::head(*head)).collect()];
    rows.extend(report.kpis.iter().enumerate().map(|(index, line)| kpi_row(line, FIRST + index)));
    let widths = vec![26, 30, 16, 8, 9, 12, 10, 10, 14, 14, 14, 14, 14, 10, 18, 10, 20, 8, 8, 12, 12, 10];
    Sheet { name: "KPIs", widths, heads: FIRST, rows }
}

fn kpi_row(line: &KpiLine, row: usize) -> Vec<Cell> {
    let number = |text: &Option<String>| Cell::optional(text.as_deref(), Cell::number);
    let yes = |yes: bool| Cell::text(if yes { "yes" } else { "no" });
    vec![
        Cell::text(crate::view::words::kpi_title(line.kpi, &line.name)),
        Cell::text(line.name.clone()),
        Cell::text(line.class.to_string()),
        Cell::number(&line.weight),
        yes(!line.dry_run),
        Cell::text(line.comparison.to_string()),
        number(&line.target),
        number(&line.upper),
        number(&line.numerator),
        number(&line.denominator),
        value_again(line, row),
        number(&line.value),
        number(&line.raw_value),
        Cell::text(line.basis.as_ref().map(|basis| unit(basis.tally.is_some(), basis.unit)).unwrap_or_default()),
        Cell::text(crate::view::words::verdict_title(line.verdict)),
        Cell::text(line.severity.map(|severity| severity.to_string()).unwrap_or_default()),
        Cell::text(line.rating.map(crate::view::words::rating_title).unwrap_or_default()),
        yes(line.repeat),
        Cell::whole(line.points),
        Cell::optional(line.credit.as_deref(), Cell::amount),
        Cell::optional(line.bonus.as_deref(), Cell::amount),
        Cell::whole(line.evidence.rows),
    ]
}

fn unit(is_tally: bool, unit: crate::api::kpi_target::FormulaUnit) -> String {
    if is_tally { "parts".to_owned() } else { unit.to_string() }
}

/// Numerator over denominator by the scale, rounded as agreed. A tally divides nothing, and reports of earlier versions do not say
/// by what they multiplied.
fn value_again(line: &KpiLine, row: usize) -> Cell {
    let Some(basis) = line.basis.as_ref().filter(|basis| basis.tally.is_none()) else { return Cell::nothing() };
    if line.numerator.is_none()
        || line.denominator.as_deref().is_none_or(crate::view::words::is_zero)
        || line.value.is_none()
    {
        return Cell::nothing();
    }
    let factor = basis.annual_factor.as_ref().map(|factor| format!("*{}", literal(factor))).unwrap_or_default();
    let (above, below) = (place(column::NUMERATOR, row), place(column::DENOMINATOR, row));
    let quotient = format!("{above}/{below}*{}{factor}", literal(&basis.scale));
    let formula = match &basis.rounding {
        Some(rounding) => rounded(&quotient, u32::try_from(rounding.decimals).unwrap_or(0), rounding.mode),
        None => quotient,
    };
    Cell::computed(formula, line.value.as_deref()).plain()
}

/// A formula that rounds another. Spreadsheets round halves away from zero; halves to the even digit take more words.
fn rounded(formula: &str, decimals: u32, mode: RoundingMode) -> String {
    let power = 10_i64.pow(decimals.min(12));
    match mode {
        RoundingMode::HalfUp => format!("ROUND({formula},{decimals})"),
        RoundingMode::Truncate => format!("TRUNC(ROUND({formula},9),{decimals})"),
        RoundingMode::HalfEven => {
            let scaled = format!("ROUND(({formula})*{power},6)");
            format!("IF(MOD({scaled},1)=0.5,2*ROUND({scaled}/2,0),ROUND({scaled},0))/{power}")
        }
    }
}

fn evidence(shown: &PeriodReport, report: &SlaReportSpec) -> Sheet {
    let mut rows = vec![vec![Cell::title("Evidence")], ["KPI or feed", "Rows", "Digest"].map(Cell::head).to_vec()];
    let heads = shown.heads.iter().map(|head| (format!("head of {}", head.name), head));
    let lines = shown.evidence.iter().map(|line| (line.name.clone(), line)).chain(heads);
    rows.extend(
        lines.map(|(name, line)| vec![Cell::text(name), Cell::whole(line.rows), Cell::text(line.digest.clone())]),
    );
    if !report.gaps.is_empty() {
        rows.push(Vec::new());
        rows.push(["Feed without data", "From", "To"].map(Cell::head).to_vec());
        rows.extend(report.gaps.iter().map(|gap| {
            vec![Cell::text(gap.feed.clone()), Cell::text(gap.from.to_string()), Cell::text(gap.to.to_string())]
        }));
    }
    rows.push(Vec::new());
    rows.push(vec![Cell::sentence("Anyone with the evidence can judge this period again, and compare:")]);
    rows.extend(check_commands(shown).map(|command| vec![Cell::sentence(command)]));
    Sheet { name: "Evidence", widths: vec![34, 26, 76], heads: FIRST, rows }
}

/// Every field of the report, one a row, under the name that `kubectl get slareport -o yaml` shows.
fn record(report: &SlaReportSpec) -> Sheet {
    let mut rows = vec![vec![Cell::title("The whole record")], ["Field", "Value"].map(Cell::head).to_vec()];
    // A report is texts, numbers and lists, and was read from JSON.
    flatten(&serde_json::to_value(report).unwrap_or_default(), "spec", &mut rows);
    Sheet { name: "Record", widths: vec![48, 80], heads: FIRST, rows }
}

fn flatten(value: &Value, path: &str, rows: &mut Vec<Vec<Cell>>) {
    let cell = match value {
        Value::Object(members) => {
            return members.iter().for_each(|(name, member)| flatten(member, &format!("{path}.{name}"), rows));
        }
        Value::Array(items) => {
            return items.iter().enumerate().for_each(|(index, item)| flatten(item, &format!("{path}[{index}]"), rows));
        }
        Value::Null => return,
        Value::Number(number) => Cell::number(&number.to_string()),
        Value::Bool(yes) => Cell::text(yes.to_string()),
        Value::String(text) => Cell::text(text.clone()),
    };
    rows.push(vec![Cell::text(path), cell]);
}
