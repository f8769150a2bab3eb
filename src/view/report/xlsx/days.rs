//! The sheets of days and of parts: the counts of each, and formulas that add them up to those of the report.

use rust_decimal::Decimal;

use super::{FIRST, PeriodReport};
use crate::view::made_of::{DayLine, MadeOf, PartLine};
use crate::view::words::verdict_title;
use crate::view::workbook::{Cell, Sheet, place};

const DAY_HEADS: [&str; 11] = [
    "KpiTarget",
    "KPI",
    "Day, week, month or year",
    "Value",
    "Numerator",
    "Denominator",
    "Target",
    "Verdict by itself",
    "Value before relief",
    "Effect on the value",
    "Hours left out",
];

const PART_HEADS: [&str; 9] = [
    "KpiTarget",
    "KPI",
    "Label",
    "Part",
    "Value",
    "Numerator",
    "Denominator",
    "Value in the period before",
    "Effect on the value",
];

/// Days and parts; without evidence a sheet that says how to get them.
pub(super) fn sheets(shown: &PeriodReport) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    if !shown.made_of.is_empty() {
        sheets.push(days(&shown.made_of));
        sheets.push(parts(&shown.made_of));
    }
    if let Some(advice) = &shown.advice {
        let mut rows = vec![vec![Cell::title("Days and parts")], vec![Cell::sentence(advice.why.clone())]];
        rows.extend(advice.commands.iter().map(|command| vec![Cell::sentence(command.clone())]));
        sheets.push(Sheet { name: "How to see days", widths: vec![120], heads: 0, rows });
    }
    sheets
}

fn days(made_of: &[MadeOf]) -> Sheet {
    let mut rows = vec![vec![Cell::title("Days")], DAY_HEADS.map(Cell::head).to_vec()];
    for made in made_of {
        let first = rows.len();
        for day in &made.days {
            rows.push(vec![
                Cell::text(made.name.clone()),
                Cell::text(made.title.clone()),
                Cell::text(day.date.clone()),
                Cell::optional(day.value.as_deref(), Cell::number),
                Cell::optional(day.numerator.as_deref(), Cell::number),
                Cell::number(&day.denominator),
                Cell::text(day.target.clone()),
                Cell::text(verdict_title(day.verdict)),
                day.before_relief.clone().map_or_else(Cell::nothing, Cell::text),
                Cell::optional(day.effect.as_deref(), Cell::number),
                Cell::text(if day.has_gap { "yes" } else { "" }),
            ]);
        }
        if made.days_add_up && !made.days.is_empty() && made.days.iter().any(|day| day.effect.is_some()) {
            let last = rows.len() - 1;
            let all = |column: usize, of: fn(&DayLine) -> Option<&str>| {
                let formula = format!("SUM({}:{})", place(column, first), place(column, last));
                let value: Decimal = made.days.iter().filter_map(|day| of(day)?.parse::<Decimal>().ok()).sum();
                Cell::computed(formula, Some(&value.to_string())).plain()
            };
            let mut row =
                vec![Cell::text(made.name.clone()), Cell::text(made.title.clone()), Cell::head("All"), Cell::nothing()];
            row.push(all(4, |day| day.numerator.as_deref()));
            row.push(all(5, |day| Some(&day.denominator)));
            row.extend([Cell::nothing(), Cell::nothing(), Cell::nothing()]);
            row.push(all(9, |day| day.effect.as_deref()));
            rows.push(row);
        }
    }
    Sheet { name: "Days", widths: vec![26, 26, 24, 12, 16, 16, 18, 18, 20, 20, 16], heads: FIRST, rows }
}

fn parts(made_of: &[MadeOf]) -> Sheet {
    let mut rows = vec![vec![Cell::title("Parts")], PART_HEADS.map(Cell::head).to_vec()];
    for made in made_of {
        for group in &made.parts {
            let whole = group.adds_up.then_some(&group.whole);
            rows.extend(group.parts.iter().chain(whole).map(|part| line(made, &group.label, part)));
        }
    }
    Sheet { name: "Parts", widths: vec![26, 26, 18, 40, 12, 16, 16, 24, 20], heads: FIRST, rows }
}

fn line(made: &MadeOf, label: &str, part: &PartLine) -> Vec<Cell> {
    vec![
        Cell::text(made.name.clone()),
        Cell::text(made.title.clone()),
        Cell::text(label),
        Cell::text(part.label.clone()),
        Cell::optional(part.value.as_deref(), Cell::number),
        Cell::optional(part.numerator.as_deref(), Cell::number),
        Cell::number(&part.denominator),
        part.before.clone().map_or_else(Cell::nothing, Cell::text),
        Cell::optional(part.effect.as_deref(), Cell::number),
    ]
}
