//! Terms made ready: the calendar and the definition of each KPI, checked once.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::VendorContractSpec;
use crate::api::kpi_target::{KpiTargetSpec, MissingDataPolicy, WindowType};
use crate::api::scalar::Duration;
use crate::api::verdict::Comparison;

use super::contract_facts::ContractFacts;
use super::sources::CrossChecked;
use super::tally::longest_lead;
use super::verdict::comparison_of;
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::calendar::{Calendar, Span};
use crate::domain::terms::catalogue::{Definition, Origin, definition, formula_in_words};
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::defaults::THREE_DAYS;
use crate::domain::terms::finding::{Finding, InvalidSpec};
use crate::domain::terms::periods::{Period, Periods};
use crate::domain::terms::thresholds::{agreement, agreement_with};

/// One set of terms, made ready.
#[derive(Debug)]
pub struct Book<'a> {
    /// Its place among the books; 0 for the terms in force now.
    pub place: usize,
    /// The first book with the same calendar: what of the evidence depends on the calendar is shared with it.
    pub shares_calendar_with: usize,
    /// The terms.
    pub terms: &'a Terms,
    /// The calendar of their contract.
    pub calendar: Calendar,
    /// Their KPIs by name.
    pub kpis: Vec<Kpi<'a>>,
    /// For how long figures that are missing hold a period of one of them, each length once.
    pub waits: Vec<Duration>,
}

/// One KPI, made ready.
#[derive(Debug)]
pub struct Kpi<'a> {
    /// Its place among the KPIs of its book.
    pub place: usize,
    /// Name of the KpiTarget.
    pub name: &'a str,
    /// Its spec.
    pub spec: &'a KpiTargetSpec,
    /// How it is computed.
    pub definition: Definition,
    /// Its formula without the scale, as people write it.
    pub formula: Rc<str>,
    /// The client's own figures, where they are held against the vendor's.
    pub cross_check: Option<CrossChecked<'a>>,
    /// Why nothing is read: a feed counts by another time than was agreed.
    pub threshold_mismatch: Option<String>,
    /// How value and target are compared.
    pub comparison: Comparison,
    /// Whether it, or the contract, is suspended.
    pub is_suspended: bool,
}

/// The books of a contract: the one in force and those under which periods closed.
#[derive(Debug)]
pub struct Books<'a> {
    current: Book<'a>,
    closed: Vec<Book<'a>>,
    by_period: BTreeMap<&'a str, usize>,
}

impl<'a> Books<'a> {
    /// Checks and prepares all terms of a contract. Terms that stayed the same from one period to the next share a book.
    ///
    /// # Errors
    /// A calendar or a formula that cannot be used, each with its reason.
    pub fn of(facts: &ContractFacts<'a>) -> Result<Books<'a>, InvalidSpec> {
        let current = Book::of(facts.name, facts.terms)?;
        let mut books = Books { current, closed: Vec::new(), by_period: BTreeMap::new() };
        for (period, terms) in facts.closed_under {
            let terms: &Terms = terms;
            let known = books.all().map(|book| (book.place, book.terms));
            let place = match known.filter(|(_, other)| *other == terms).last() {
                Some((place, _)) => place,
                None => books.add(Book::of(facts.name, terms)?),
            };
            books.by_period.insert(period, place);
        }
        Ok(books)
    }

    fn add(&mut self, mut book: Book<'a>) -> usize {
        let (terms, place) = (&book.terms.contract, self.closed.len() + 1);
        let same = |other: &Book<'a>| {
            other.terms.contract.calendar == terms.calendar && other.terms.contract.time_zone == terms.time_zone
        };
        book.shares_calendar_with = self.all().find(|other| same(other)).map_or(place, |other| other.place);
        book.place = place;
        self.closed.push(book);
        place
    }

    /// The terms in force now.
    pub fn current(&self) -> &Book<'a> {
        &self.current
    }

    /// All of them, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Book<'a>> {
        std::iter::once(&self.current).chain(&self.closed)
    }

    /// The book by which a period is judged.
    pub fn for_period(&self, period: &Period) -> &Book<'a> {
        let place = self.by_period.get(period.name.as_str()).copied().unwrap_or(0);
        place.checked_sub(1).and_then(|place| self.closed.get(place)).unwrap_or(&self.current)
    }
}

impl<'a> Book<'a> {
    fn of(contract: &str, terms: &'a Terms) -> Result<Book<'a>, InvalidSpec> {
        let mut findings: Vec<Finding> = Vec::new();
        let calendar = Calendar::of(&terms.contract).map_err(|error| findings.extend(error.named(contract).0)).ok();
        let mut kpis = Vec::new();
        for (name, spec) in &terms.kpis {
            let agreement = agreement(spec, &terms.contract);
            let (cross_check, own_mismatch) = cross_checked(spec, &terms.contract);
            match definition(spec).map(|definition| definition.reading(agreement.names())) {
                Ok(definition) => kpis.push(Kpi {
                    threshold_mismatch: agreement.mismatch().or(own_mismatch),
                    cross_check,
                    place: kpis.len(),
                    name,
                    spec,
                    comparison: comparison_of(&spec.objective, definition.better),
                    formula: formula_in_words(&definition).into(),
                    definition,
                    is_suspended: spec.suspend || terms.contract.suspend,
                }),
                Err(wrong) => findings.extend(InvalidSpec(wrong).named(name).0),
            }
        }
        match calendar {
            Some(calendar) if findings.is_empty() => {
                let mut waits: Vec<Duration> = Vec::new();
                for after in kpis.iter().map(|kpi| kpi.missing_data().1) {
                    if !waits.contains(&after) {
                        waits.push(after);
                    }
                }
                Ok(Book { place: 0, shares_calendar_with: 0, terms, calendar, kpis, waits })
            }
            _ => Err(InvalidSpec(findings)),
        }
    }
}

/// The client's own figures of a KPI, and why they are not counted as was agreed, where they are not.
fn cross_checked<'a>(
    spec: &'a KpiTargetSpec,
    contract: &VendorContractSpec,
) -> (Option<CrossChecked<'a>>, Option<String>) {
    let Some((rule, definition)) = spec.source.cross_check.as_ref().zip(definition(spec).ok()) else {
        return (None, None);
    };
    if definition.parts.is_some() || definition.origin == Origin::Deliverables {
        return (None, None);
    }
    let agreement = agreement_with(spec, contract, &rule.feed);
    let definition = definition.reading(agreement.names());
    (Some(CrossChecked { rule, definition }), agreement.mismatch())
}

impl<'a> Kpi<'a> {
    /// The feeds that it reads: the vendor's, and the client's own where there is one.
    pub fn feeds(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (spec, own) = (self.spec, self.cross_check.as_ref().map(|check| check.rule));
        std::iter::once(spec.source.feed.as_str()).chain(own.map(|rule| rule.feed.as_str()))
    }
}

impl Kpi<'_> {
    /// How long after a period's end a missing figure holds it open, and what happens to it then.
    pub fn missing_data(&self) -> (MissingDataPolicy, Duration) {
        let rule = self.spec.missing_data.as_ref();
        rule.map_or((MissingDataPolicy::Hold, THREE_DAYS), |rule| (rule.policy, rule.after))
    }

    /// How old a row must be to be trusted, in seconds.
    pub fn maturity_seconds(&self) -> i64 {
        self.definition.maturity.and_then(Duration::seconds).unwrap_or(0)
    }

    /// The instants that are judged for a period, clipped to the term: its own, or the window that ends with it. Of a tally it may
    /// begin before the first part does.
    pub fn window(&self, period: &Period, periods: &Periods) -> Span {
        if let Some(rule) = &self.definition.parts {
            let lead = jiff::SignedDuration::from_hours(24 * longest_lead(rule.each) + 24);
            let start = period.start.checked_sub(lead).unwrap_or(period.start);
            let term = periods.term().map_or(period.start, |term| term.start);
            return Span::new(start.max(term).min(period.start), period.end);
        }
        let rule = self.spec.window.as_ref();
        let start = match rule.map(|window| window.type_).unwrap_or_default() {
            WindowType::Period => period.start,
            WindowType::Rolling => {
                return self.rolling_window(period.end, periods).unwrap_or(period.span());
            }
            WindowType::RollingPeriods => {
                let count = rule.and_then(|window| window.count).and_then(|count| usize::try_from(count).ok());
                periods.ending_with(period, count.unwrap_or(1)).first().map_or(period.start, |first| first.start)
            }
        };
        Span::new(start, period.end)
    }

    /// The rolling window that ends at an instant; `None` where the KPI has none.
    pub fn rolling_window(&self, end: Timestamp, periods: &Periods) -> Option<Span> {
        let rule = self.spec.window.as_ref().filter(|window| window.type_ == WindowType::Rolling)?;
        let seconds = rule.length.and_then(Duration::seconds)?;
        let start = end.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
        let term = periods.term()?;
        Some(Span::new(start.max(term.start), end))
    }

    /// Whether the window spans more than the period, so that it takes the target of its last day.
    pub fn is_rolling(&self) -> bool {
        self.spec.window.as_ref().is_some_and(|window| window.type_ != WindowType::Period)
    }

    /// The target on a day, as the schedule has it.
    pub fn target_on(&self, day: Date) -> Exact {
        let objective = &self.spec.objective;
        let changed = objective.schedule.iter().filter(|change| change.from <= day).max_by_key(|change| change.from);
        changed.map_or(objective.target, |change| change.target).into()
    }

    /// The days inside a span at which the target changes, after its first day; ascending.
    pub fn target_changes(&self, first_day: Date, last_day: Date) -> Vec<Date> {
        let days = self.spec.objective.schedule.iter().map(|change| change.from);
        let mut inside: Vec<Date> = days.filter(|day| first_day < *day && *day <= last_day).collect();
        inside.sort_unstable();
        inside
    }
}
