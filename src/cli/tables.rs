//! What people read: plain columns, no colour.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::evaluate::View;
use crate::api::condition::{Condition, ConditionStatus, ConditionType, Kind};
use crate::api::kpi_target::CurrentValue;
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::vendor_contract::CapKind;
use crate::domain::decision::conditions::status_of;
use crate::evidence::{Summarised, VerifyReport};

/// An empty table with these headings, in plain columns.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    fit(&mut table, width_of_output());
    table
}

/// Fits a table into a number of columns by breaking its cells; `None`: no cell is broken.
fn fit(table: &mut Table, width: Option<u16>) {
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
}

fn width_of_output() -> Option<u16> {
    use std::io::IsTerminal;
    let columns = std::env::var("COLUMNS").ok();
    let size = || terminal_size::terminal_size().map(|(width, _)| width.0);
    width(std::io::stdout().is_terminal(), columns.as_deref(), size)
}

/// How wide a table may be: as `COLUMNS` says, or else the terminal. What is not read by eyes, such as a file or a pipe, has no width.
fn width(is_terminal: bool, columns: Option<&str>, terminal: impl Fn() -> Option<u16>) -> Option<u16> {
    let said = || columns?.trim().parse().ok().filter(|width| *width > 0);
    is_terminal.then(|| said().or_else(terminal)).flatten()
}

fn shown(value: Option<&String>) -> &str {
    value.map_or("-", String::as_str)
}

/// The reports of an evaluation, each with its lines and its sum explained.
pub fn evaluation(view: &View) -> String {
    let mut text = String::new();
    for ((namespace, name), judged) in &view.judged {
        if let Err(invalid) = judged.judgement.as_ref() {
            let _ = writeln!(text, "{namespace} {name}: cannot be judged: {invalid}");
        }
    }
    if view.reports.is_empty() {
        text.push_str("no measurement period has closed yet\n");
    }
    for (_, name, report) in &view.reports {
        text.push_str(&one_report(name, report));
        text.push('\n');
    }
    text.push_str(&statuses(view));
    text
}

/// One report for people.
pub fn one_report(name: &str, report: &SlaReportSpec) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{name}  {}  {} to {}  revision {}",
        report.state, report.period.start, report.period.end, report.revision
    );
    let mut lines =
        table(&["KPI", "VALUE", "TARGET", "VERDICT", "SEVERITY", "REPEAT", "POINTS", "CREDIT", "BONUS", "VOLUME"]);
    for line in &report.kpis {
        lines.add_row(line_cells(line));
    }
    let _ = writeln!(text, "{lines}");
    text.push_str(&sums(report));
    text
}

fn line_cells(line: &KpiLine) -> Vec<String> {
    vec![
        if line.dry_run { format!("{} (dry run)", line.name) } else { line.name.clone() },
        shown(line.value.as_ref()).to_owned(),
        shown(line.target.as_ref()).to_owned(),
        line.verdict.as_str().to_owned(),
        line.severity.map_or_else(|| "-".to_owned(), |severity| severity.to_string()),
        if line.repeat { "yes" } else { "-" }.to_owned(),
        line.points.to_string(),
        shown(line.credit.as_ref()).to_owned(),
        shown(line.bonus.as_ref()).to_owned(),
        shown(line.denominator.as_ref()).to_owned(),
    ]
}

/// How score and money came about.
fn sums(report: &SlaReportSpec) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  score {} (speaks for {} % of the weight), rating {}, {} points",
        shown(report.score.as_ref()),
        shown(report.confidence.as_ref()),
        report.rating.map_or_else(|| "-".to_owned(), |rating| rating.to_string()),
        report.points
    );
    if let Some(credit) = &report.credit {
        let direct: Vec<String> = report
            .kpis
            .iter()
            .filter_map(|line| {
                Some(format!("{} {}", line.name, line.credit.as_ref().filter(|amount| *amount != "0.00")?))
            })
            .collect();
        let direct = if direct.is_empty() { "no KPI".to_owned() } else { direct.join(" + ") };
        let _ = writeln!(
            text,
            "  credit {} {} = {direct}, + {} for points = {} before caps{}",
            credit.currency,
            credit.net,
            credit.from_points,
            credit.before_caps,
            if credit.capped_by.is_empty() {
                String::new()
            } else {
                format!(", cut at the cap of the {}", caps(&credit.capped_by))
            }
        );
        let _ = writeln!(
            text,
            "  bonus {}, earned back {}, restated {} (bonus {})",
            credit.bonus, credit.earned_back, credit.restated, credit.restated_bonus
        );
    }
    if let Some(year) = &report.year_to_date {
        let _ = writeln!(text, "  contract year to date {} of at most {}", year.credit, shown(year.cap.as_ref()));
    }
    for trigger in &report.triggers {
        let kpi = trigger.kpi.as_ref().map(|kpi| format!(" by {kpi}")).unwrap_or_default();
        let _ = writeln!(text, "  trigger {}{kpi}: {}", trigger.name, trigger.then);
    }
    for gap in &report.gaps {
        let _ = writeln!(text, "  no data of feed {} from {} to {}", gap.feed, gap.from, gap.to);
    }
    if let Some(restates) = &report.restates {
        let _ = writeln!(
            text,
            "  restates {}, credit changes by {}",
            restates.report,
            shown(restates.credit_delta.as_ref())
        );
    }
    text
}

/// The caps that cut a credit, such as `period and year`.
fn caps(caps: &[CapKind]) -> String {
    let words: Vec<String> = caps.iter().map(|cap| cap.to_string().to_lowercase()).collect();
    words.join(" and ")
}

/// A line for each object: what it has come to.
fn statuses(view: &View) -> String {
    let mut rows = table(&["KIND", "NAME", "READY", "COMPLIANT", "AT RISK", "SO FAR", "PROJECTED"]);
    let mut add = |kind: Kind, name: &str, conditions: &[Condition], current: Option<&CurrentValue>| {
        let condition = |type_| status_of(conditions, type_).map_or("-", ConditionStatus::as_str);
        rows.add_row(vec![
            kind.as_str(),
            name,
            condition(ConditionType::Ready),
            condition(ConditionType::SLACompliant),
            condition(ConditionType::AtRisk),
            shown(current.and_then(|current| current.value.as_ref())),
            shown(current.and_then(|current| current.projected.as_ref())),
        ]);
    };
    for ((_, name), contract) in &view.contracts {
        let conditions = contract.status.as_ref().map_or(&[][..], |status| &status.conditions);
        add(Kind::VendorContract, name, conditions, None);
    }
    for ((_, name), tier) in &view.tiers {
        let conditions = tier.status.as_ref().map_or(&[][..], |status| &status.conditions);
        add(Kind::ServiceTier, name, conditions, None);
    }
    for ((_, name), kpi) in &view.kpis {
        let conditions = kpi.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let current = kpi.status.as_ref().and_then(|status| status.current.as_ref());
        add(Kind::KpiTarget, name, conditions, current);
    }
    for ((_, name), launch) in &view.launches {
        let conditions = launch.status.as_ref().map_or(&[][..], |status| &status.conditions);
        add(Kind::CampaignLaunch, name, conditions, None);
    }
    format!("{rows}\n")
}

/// A verification for people.
pub fn verification(report: &VerifyReport) -> String {
    let mut text = String::new();
    for broken in &report.broken {
        let _ = writeln!(text, "broken: {broken}");
    }
    for Summarised { contract_uid, feed, years, rows } in &report.summarised {
        let _ = writeln!(
            text,
            "contract {contract_uid}, feed {feed}: {rows} rows of {} were removed at the end of the retention; the chain goes on from their summary",
            years_in_words(years)
        );
    }
    let verdict = if report.whole() { "whole" } else { "BROKEN" };
    let _ = writeln!(
        text,
        "the evidence is {verdict}: {} feeds, {} rows and {} entries of the journal were computed again",
        report.feeds, report.rows, report.journal_entries
    );
    text
}

fn years_in_words(years: &[i16]) -> String {
    match years {
        [] => "no year".to_owned(),
        [year] => year.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    }
}

/// A verification for programs.
pub fn verification_json(report: &VerifyReport) -> Value {
    json!({
        "whole": report.whole(),
        "feeds": report.feeds,
        "rows": report.rows,
        "journalEntries": report.journal_entries,
        "removed": report.summarised.iter().map(|removed| json!({
            "contractUid": removed.contract_uid, "feed": removed.feed, "years": removed.years, "rows": removed.rows,
        })).collect::<Vec<_>>(),
        "broken": report.broken.iter().map(|broken| json!({
            "contractUid": broken.contract_uid, "feed": broken.feed, "row": broken.sequence, "what": broken.what,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_the_terminal_and_whole_where_there_is_none() {
        let cases = [
            (true, Some("40"), Some(120), Some(40)),
            (true, None, Some(120), Some(120)),
            (true, Some("wide"), Some(120), Some(120)),
            (true, Some("0"), Some(120), Some(120)),
            (true, None, None, None),
            (false, Some("40"), Some(120), None),
        ];
        for (is_terminal, columns, terminal, expected) in cases {
            assert_eq!(width(is_terminal, columns, || terminal), expected, "{is_terminal} {columns:?} {terminal:?}");
        }
        let long = "a sentence that says what is wrong, where, and what to write in its place, and goes on for a while";
        let lines = |width| {
            let mut table = table(&["NAME", "MESSAGE"]);
            fit(&mut table, width);
            table.add_row(["acme", long]);
            table.to_string().lines().map(|line| line.chars().count()).collect::<Vec<_>>()
        };
        let narrow = lines(Some(40));
        assert!(narrow.len() > 2 && narrow.iter().all(|width| *width <= 40), "{narrow:?}");
        assert_eq!(lines(None).len(), 2, "nothing is broken in a file");
    }
}
