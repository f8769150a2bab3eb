//! What the figures of reports, and of the running period, are made of: the days and the parts of each.
//!
//! A report says which figures were judged, and not at which instant. So each line is read again at the instants at which it may have
//! been judged, and what it is made of is given only of a reading that has the line's own figures and rows. Figures that the rows at
//! hand do not make have no breakdown, rather than a wrong one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::judge::judge_again;
use super::on_record::OnRecord;
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::domain::measuring::breakdown::Breakdown;
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::prepared_terms::{Book, Books, Kpi};
use crate::domain::measuring::reader::Reader;
use crate::domain::measuring::reading::{Question, Reading};
use crate::domain::measuring::rollups::RollUps;
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};
use crate::domain::settlement::finality::{finalities, touches};
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::periods::Period;

/// At how many instants a line is read again at most.
const MOST_TRIES: usize = 64;

/// Breakdowns by the name of their KpiTarget.
pub type ByKpi = BTreeMap<String, Breakdown>;

/// What figures of a contract are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breakdowns {
    /// Of the reports that were asked for, in their order.
    pub reports: Vec<ByKpi>,
    /// Name of the running period; `None` outside the term.
    pub running_period: Option<String>,
    /// Of the running period.
    pub running: ByKpi,
}

/// What the figures of these reports are made of, by the rows known at `now`, and of the period that runs at `running_at`, which is not
/// after it.
///
/// # Errors
/// As [`super::judge::judge`].
pub fn break_down(
    facts: &ContractFacts<'_>,
    reports: &[&SlaReportSpec],
    now: Timestamp,
    running_at: Timestamp,
) -> Result<Breakdowns, InvalidSpec> {
    let mut rollups = RollUps::default();
    judge_again(facts, now, &mut rollups)?;
    let books = Books::of(facts)?;
    let known = OnRecord::of(facts, &books);
    let reader = known.reader(&rollups.ledgers, &rollups.figures);
    let inside = Inside { reader: &reader, books: &books, now };
    let instants = inside.instants();
    Ok(Breakdowns {
        reports: reports.iter().map(|report| inside.report(report, &instants)).collect(),
        running_period: known.periods.containing(running_at).map(|period| period.name.clone()),
        running: inside.running(running_at),
    })
}

/// The rows of a contract, read again.
struct Inside<'f, 'a> {
    reader: &'f Reader<'f, 'a>,
    books: &'f Books<'a>,
    now: Timestamp,
}

/// The instants at which each line may have been judged, the likeliest first, by the places of its period and of its KPI.
type Instants = BTreeMap<(usize, usize), Vec<Timestamp>>;

impl<'f, 'a> Inside<'f, 'a> {
    fn instants(&self) -> Instants {
        let Inside { reader, books, now } = *self;
        let ended = reader.periods.closed_by(now);
        let finals: Vec<Option<Timestamp>> =
            finalities(reader, books, ended, now).iter().map(|finality| finality.since()).collect();
        let mut instants = Instants::new();
        for (place, (period, since)) in ended.iter().zip(&finals).enumerate() {
            for kpi in &books.for_period(period).kpis {
                instants.insert((place, kpi.place), vec![since.unwrap_or(now)]);
            }
        }
        for (at, touched) in touches(reader, books, ended, &finals, now) {
            for line in touched {
                instants.entry(line).or_default().push(at);
            }
        }
        instants
    }

    fn report(&self, report: &SlaReportSpec, instants: &Instants) -> ByKpi {
        let ended = self.reader.periods.closed_by(self.now);
        let Some((place, period)) = ended.iter().enumerate().find(|(_, period)| period.name == report.period.name)
        else {
            return ByKpi::new();
        };
        let book = self.books.for_period(period);
        let lines = report.kpis.iter().filter_map(|line| {
            let kpi = book.kpis.iter().find(|kpi| kpi.name == line.name)?;
            let instants = instants.get(&(place, kpi.place)).map(Vec::as_slice).unwrap_or_default();
            Some((line.name.clone(), self.line(book, kpi, period, line, instants)?))
        });
        lines.collect()
    }

    /// What a line is made of, at the first of some instants at which its figures are the line's.
    fn line(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        period: &Period,
        line: &KpiLine,
        instants: &[Timestamp],
    ) -> Option<Breakdown> {
        let window = kpi.window(period, self.reader.periods);
        let question = |at: Timestamp| Question { period, window, at, is_closing: true };
        let mut tried = instants.iter().take(MOST_TRIES);
        let at = tried.find(|at| is_of(line, &self.reader.read(book, kpi, &question(**at))))?;
        self.reader.breakdown(book, kpi, &question(*at))
    }

    fn running(&self, at: Timestamp) -> ByKpi {
        let Some(period) = self.reader.periods.containing(at) else { return ByKpi::new() };
        let book = self.books.current();
        let broken = book.kpis.iter().filter_map(|kpi| {
            let as_of = self.reader.as_of(book, kpi, at).map(|as_of| as_of.min(period.end));
            let rolling = as_of.and_then(|as_of| kpi.rolling_window(as_of, self.reader.periods));
            let window = rolling.unwrap_or_else(|| kpi.window(period, self.reader.periods));
            let question = Question { period, window, at, is_closing: false };
            Some((kpi.name.to_owned(), self.reader.breakdown(book, kpi, &question)?))
        });
        broken.collect()
    }
}

/// Whether a line of a report has the figures and the rows of a reading.
fn is_of(line: &KpiLine, reading: &Reading<'_>) -> bool {
    let shown = |number: &Option<Exact>| number.as_ref().map(|number| number.show(SHOWN_DECIMALS));
    let value = |value: &Option<Exact>| value.as_ref().map(|value| value.show_as(reading.rounding()));
    line.evidence == reading.evidence
        && line.numerator == shown(&reading.numerator)
        && line.denominator == shown(&reading.denominator)
        && line.value == value(&reading.value)
        && line.raw_value == value(&reading.raw_value)
}

#[cfg(test)]
mod tests;
