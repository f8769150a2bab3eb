//! SlaReports: what two parties sign, the same bytes for the same evidence.

use jiff::Timestamp;

use crate::api::Packed;
use crate::api::cross_check::SourcesLine;
use crate::api::dispute::ReportDispute;
use crate::api::kpi_target::Verdict;
use crate::api::made_of::PartValue;
use crate::api::sla_report::{
    CreditBlock, EarnedBack, Gap, KpiLine, LineChange, Restates, SlaReportSpec, TallyLine, WasNow, YearToDate,
};
use crate::api::verdict::PeriodState;

use super::basis::{basis_of_credit, basis_of_line};
use super::credits::{Money, Tariff};
use super::earn_back::Returned;
use super::settled_period::{Frame, Line, Settled};
use super::stored_size::fitted;
use crate::domain::measuring::rating::{Achievement, score, worst_rating};
use crate::domain::measuring::reading::Reading;
use crate::domain::measuring::tally::Found;
use crate::domain::numbers::exact::{Exact, SHOWN_DECIMALS};

/// How many parts of a tally a report lists.
const LISTED_PARTS: usize = 31;

/// The name of the report of a period: `acme-care-2026-05`, `acme-care-2026-w07`, from revision 2 on with `-r2`.
pub fn report_name(contract: &str, period: &str, revision: i64) -> String {
    let period = period.to_lowercase();
    match revision {
        ..=1 => format!("{contract}-{period}"),
        _ => format!("{contract}-{period}-r{revision}"),
    }
}

/// How far the data of a period reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The watermark, at most the period's end.
    pub data_through: Option<Timestamp>,
    /// Service time without data, by feed, then time.
    pub gaps: Vec<Gap>,
}

/// What a period books in addition to its own credits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookings {
    /// Credits that it returns.
    pub returned: Vec<Returned>,
    /// Difference of net of earlier, restated periods.
    pub restated: Exact,
    /// Difference of bonus of earlier, restated periods.
    pub restated_bonus: Exact,
}

impl Bookings {
    /// The sum of the credits that are returned.
    pub fn earned_back(&self) -> Exact {
        self.returned.iter().map(|returned| &returned.amount).sum()
    }
}

/// All that a report says of a period.
pub struct Statement<'s, 'a> {
    /// Name of the contract.
    pub contract: &'s str,
    /// The period and its rules.
    pub frame: &'s Frame<'a>,
    /// What it costs.
    pub settled: &'s Settled<'a>,
    /// Provisional or Final.
    pub state: PeriodState,
    /// 1, and more for restatements.
    pub revision: i64,
    /// How far the data reached.
    pub reach: &'s Reach,
    /// What it books in addition.
    pub bookings: &'s Bookings,
    /// Credits of the contract year up to this period; `None` for restatements.
    pub year_to_date: Option<Exact>,
    /// Disputes about the period, as they were when it became Final.
    pub disputes: Vec<ReportDispute>,
    /// What this revision changes; revision 2 and later.
    pub restates: Option<Restates>,
    /// The parts of each line, in the order of the lines.
    pub parts: Vec<Packed<PartValue>>,
}

impl Statement<'_, '_> {
    /// The report, with days and parts as long as it can be stored with them.
    pub fn report(self) -> SlaReportSpec {
        let (frame, settled) = (self.frame, self.settled);
        let money = frame.tariff.money.as_ref();
        let (score, confidence) = score(&achievements(settled));
        let counted = settled.lines.iter().filter(|line| line.reading.counts());
        fitted(SlaReportSpec {
            contract: self.contract.to_owned(),
            period: frame.period.bounds(),
            state: self.state,
            revision: self.revision,
            data_through: self.reach.data_through,
            kpis: self.kpis(),
            score: score.map(|score| score.show(1)),
            confidence: confidence.map(|confidence| confidence.show(1)),
            rating: Some(worst_rating(counted.map(|line| (line.reading.spec.class, line.reading.rating)))),
            points: settled.points,
            credit: money.map(|money| Box::new(credit_block(frame, money, settled, self.bookings))),
            year_to_date: money.zip(self.year_to_date).map(|(money, credit)| YearToDate {
                credit: money.show(&credit),
                cap: money.year_cap.as_ref().map(|cap| money.show(cap)),
            }),
            triggers: settled.triggers.clone(),
            gaps: self.reach.gaps.clone(),
            disputes: self.disputes,
            restates: self.restates.map(Box::new),
        })
    }
}

impl Statement<'_, '_> {
    fn kpis(&self) -> Vec<KpiLine> {
        let lines = self.settled.lines.iter().map(|line| kpi_line(line, &self.frame.tariff));
        let parts = self.parts.iter().cloned().chain(std::iter::repeat_with(Packed::default));
        lines.zip(parts).map(|(line, parts)| KpiLine { parts, ..line }).collect()
    }
}

fn achievements(settled: &Settled<'_>) -> Vec<Achievement> {
    let counted = settled.lines.iter().map(|line| &line.reading).filter(|reading| reading.counts());
    counted
        .map(|reading| Achievement { weight: reading.spec.weight.into(), share: reading.achievement.clone() })
        .collect()
}

fn credit_block(frame: &Frame<'_>, money: &Money, settled: &Settled<'_>, bookings: &Bookings) -> CreditBlock {
    let settlement = &settled.settlement;
    let entry = |returned: &Returned| EarnedBack {
        period: returned.period.clone(),
        kpi: returned.kpi.clone(),
        credit: money.show(&returned.amount),
    };
    CreditBlock {
        currency: money.currency.clone(),
        from_points: money.show(&settlement.from_points),
        before_caps: money.show(&settlement.before_caps),
        capped_by: settlement.capped_by(),
        net: money.show(&settlement.net),
        bonus: money.show(&settled.bonus),
        earned_back: money.show(&bookings.earned_back()),
        earned_back_from: bookings.returned.iter().map(entry).collect(),
        restated: money.show(&bookings.restated),
        restated_bonus: money.show(&bookings.restated_bonus),
        basis: Some(basis_of_credit(frame, money, settled)),
    }
}

/// The figures of a KPI's line as reports and statuses show them.
pub struct ShownFigures {
    /// The target in force.
    pub target: String,
    /// The value over all selected rows.
    pub raw_value: Option<String>,
    /// The value after relief.
    pub value: Option<String>,
    /// The numerator of `value`.
    pub numerator: Option<String>,
    /// The denominator of `value`.
    pub denominator: Option<String>,
    /// The credit; `None` without charges.
    pub credit: Option<String>,
}

impl ShownFigures {
    /// Those of a line.
    pub fn of(line: &Line<'_>, tariff: &Tariff) -> ShownFigures {
        let reading = &line.reading;
        let rounding = reading.rounding();
        let shown = |number: &Exact| number.show(SHOWN_DECIMALS);
        ShownFigures {
            target: shown(&reading.aim.target),
            raw_value: reading.raw_value.as_ref().map(|value| value.show_as(rounding)),
            value: reading.value.as_ref().map(|value| value.show_as(rounding)),
            numerator: reading.numerator.as_ref().map(shown),
            denominator: reading.denominator.as_ref().map(shown),
            credit: tariff.money.as_ref().map(|money| money.show(&line.cost.credit)),
        }
    }
}

/// A KPI's line as a report shows it, without its parts: these are against the periods before.
pub fn kpi_line(line: &Line<'_>, tariff: &Tariff) -> KpiLine {
    let (reading, money) = (&line.reading, tariff.money.as_ref());
    let ShownFigures { target, raw_value, value, numerator, denominator, credit } = ShownFigures::of(line, tariff);
    KpiLine {
        name: reading.name.to_owned(),
        kpi: reading.kpi,
        variant: reading.variant,
        class: reading.spec.class,
        weight: Exact::from(reading.spec.weight).show(SHOWN_DECIMALS),
        dry_run: reading.spec.dry_run,
        comparison: reading.aim.comparison,
        target: Some(target),
        upper: reading.aim.upper.as_ref().map(|upper| upper.show(SHOWN_DECIMALS)),
        raw_value,
        value,
        numerator,
        denominator,
        verdict: reading.verdict,
        severity: reading.severity,
        rating: Some(reading.rating),
        repeat: line.is_repeat(),
        points: line.cost.points,
        credit,
        bonus: money.map(|money| money.show(&line.cost.bonus)),
        credit_state: line.credit_state,
        basis: Some(basis_of_line(line, tariff)),
        days: reading.days.clone(),
        parts: Packed::default(),
        excused_by: reading.excused_by.clone(),
        tiers: reading.tiers.clone(),
        without_tier_percent: reading.without_tier_percent.clone(),
        tally: reading.tally.as_deref().map(tally_line),
        sources: sources_line(reading),
        evidence: reading.evidence.clone(),
    }
}

/// What two sources say of a KPI, as a report and a status show it.
pub fn sources_line(reading: &Reading<'_>) -> Option<SourcesLine> {
    let sources = reading.sources.as_ref()?;
    let shown = |value: &Option<Exact>| value.as_ref().map(|value| value.show_as(reading.rounding()));
    Some(SourcesLine {
        vendor: shown(&sources.vendor),
        own: shown(&sources.own),
        difference: sources.difference.as_ref().map(|difference| difference.show(SHOWN_DECIMALS)),
        finding: sources.finding,
        judged: sources.judged,
    })
}

/// The parts that a tally found, as many as a report lists; the numerator says how many missed in all.
fn tally_line(found: &Found) -> TallyLine {
    let listed = |names: &[String]| names.iter().take(LISTED_PARTS).cloned().collect();
    TallyLine { missed: listed(&found.missed), unjudged: listed(&found.unjudged) }
}

/// Whether two settlements of a period differ in a KPI's line or in the net. The rows behind equal figures with their days and parts, triggers and
/// cumulative fields alone make no difference.
pub fn differ(frame: &Frame<'_>, was: &Settled<'_>, now: &Settled<'_>) -> bool {
    let mut pairs = was.lines.iter().zip(&now.lines);
    let same_lines =
        was.lines.len() == now.lines.len() && pairs.all(|(was, now)| same_figures(&frame.tariff, was, now));
    !same_lines || was.settlement.net != now.settlement.net
}

fn same_figures(tariff: &Tariff, was: &Line<'_>, now: &Line<'_>) -> bool {
    if std::rc::Rc::ptr_eq(&was.reading, &now.reading) {
        return was.misses == now.misses
            && was.weight == now.weight
            && was.cost == now.cost
            && was.credit_state == now.credit_state;
    }
    let without_evidence = |line: &Line<'_>| {
        let mut shown = kpi_line(line, tariff);
        shown.evidence = Default::default();
        shown.days = Packed::default();
        shown
    };
    without_evidence(was) == without_evidence(now)
}

/// What a revision changes against the one before.
pub fn restates(
    frame: &Frame<'_>,
    report: String,
    was: &Settled<'_>,
    now: &Settled<'_>,
    booked_in: Option<String>,
) -> Restates {
    let tariff = &frame.tariff;
    let money = tariff.money.as_ref();
    let credit_delta = &now.settlement.net - &was.settlement.net;
    let bonus_delta = &now.bonus - &was.bonus;
    let is_booked = !credit_delta.is_zero() || !bonus_delta.is_zero();
    let pairs = now.lines.iter().filter_map(|line| Some((was.line(line.reading.name)?, line)));
    Restates {
        report,
        changes: pairs
            .filter(|(was, now)| !same_figures(tariff, was, now))
            .map(|(was, now)| change(was, now, tariff))
            .collect(),
        credit_delta: money.map(|money| money.show(&credit_delta)),
        bonus_delta: money.filter(|_| !bonus_delta.is_zero()).map(|money| money.show(&bonus_delta)),
        booked_in: booked_in.filter(|_| is_booked),
    }
}

fn change(was: &Line<'_>, now: &Line<'_>, tariff: &Tariff) -> LineChange {
    let (was, now) = (kpi_line(was, tariff), kpi_line(now, tariff));
    let word = |verdict: Verdict| Some(verdict.to_string());
    LineChange {
        kpi: now.name,
        value: was_now(was.value, now.value),
        denominator: was_now(was.denominator, now.denominator),
        verdict: was_now(word(was.verdict), word(now.verdict)),
        points: was_now(Some(was.points.to_string()), Some(now.points.to_string())),
        credit: was_now(was.credit, now.credit),
    }
}

fn was_now(was: Option<String>, now: Option<String>) -> Option<WasNow> {
    (was != now).then_some(WasNow { was, now })
}
