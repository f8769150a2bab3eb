//! Contracts of years that grow step by step, and what is judged of them after each.

use jiff::SignedDuration;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::fixtures::contracts::{Case, PartOfRows, fact, flat, written};
use crate::domain::judgement::judge::judge_again;
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::row::Row;
use crate::domain::terms::journal::{JournalFact, ReliefSeen};

const TERM: &str = "
    term: {start: 2022-01-01, end: 2026-12-31}
    closeAfter: 5d
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 24h}, {name: ours, url: 'https://own.example', cadence: 24h}]
    charges: {currency: GBP, amount: 100000, atRiskPercent: 8}
    credits: {points: {perPointPercent: 1, repeatMultiplier: 2}, yearCapPercent: 3, ramp: [{until: 90d, credit: Half}], earnBack: {within: 2}}
    triggers: [{name: chronic, when: {failures: {atLeast: 2, outOf: 3}}, then: TerminationRight}]
    ";

pub(super) const DIVISIONS: [&str; 5] = [
    "period: Monthly",
    "period: Quarterly\nfiscalYearStart: '04-06'",
    "period: HalfYearly",
    "period: Yearly\nfiscalYearStart: '10-01'",
    "period: ContractYear",
];

pub(super) const ZONES: [&str; 3] = [
    "timeZone: UTC",
    "timeZone: Europe/London",
    "timeZone: America/New_York\ncalendar: {serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]}",
];

pub(super) const KPIS: [(&str, &str); 9] = [
    (
        "answered",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 55}\nbands: [{severity: Minor, bound: 50, points: 1}, {severity: Serious, points: 3}]\nwarning: {projected: true, burn: true}",
    ),
    (
        "sales",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 52}\nsource: {feed: acd, labels: {queue: sales}}\nbands: [{severity: Minor, percent: 2}]",
    ),
    (
        "year",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 50, schedule: [{from: 2023-09-18, target: 51}]}\nwindow: {type: Rolling, length: 365d}\nbands: [{severity: Minor, percent: 1}]",
    ),
    (
        "periods",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 50}\nwindow: {type: RollingPeriods, count: 3}",
    ),
    (
        "scheduled",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 50, schedule: [{from: 2023-03-18, target: 52}]}\nbonus: {from: 53, amount: 100}",
    ),
    (
        "held",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 50}\nminimum: {volume: 40}\nmissingData: {policy: Miss, after: 12d}",
    ),
    (
        "bad-months",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\ntally: {each: Week, target: 45}\nobjective: {target: 1}\nprice: {amount: 500, upTo: 2000}\nrepeats: [{misses: 1, times: 1}, {misses: 2, times: 2}]",
    ),
    ("aged", "kpi: FirstContactResolution\nobjective: {target: 50}"),
    (
        "checked",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 50}\nsource: {feed: acd, crossCheck: {feed: ours, tolerance: 10, prefer: Worse}}",
    ),
];

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// This many days pass, and rows come.
    Days(i64),
    /// This many days pass without rows.
    Silent(i64),
    /// Other figures of a day so long ago.
    Late(i64, i64),
    /// Rows of a day so long ago that were known at once.
    Old(i64),
    /// Several of those at once.
    Lates(Vec<(i64, i64)>),
    /// A row of a day so long ago that nobody knew, also where no row was.
    Fill(i64),
    /// A row of some days that overlaps others.
    Overlap(i64, i64),
    /// Days that are excused, so long ago.
    Relief(i64),
    /// A dispute about the period so long ago.
    Dispute(i64),
    Target(i64),
    /// Final periods are closed under the terms in force.
    Closings,
    /// What was worked out is kept in the place of what was kept.
    Keep,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![3 => 1..4_i64, 2 => 5..45_i64, 1 => 60..150_i64].prop_map(Step::Days),
        2 => prop_oneof![2 => 1..10_i64, 1 => 20..100_i64].prop_map(Step::Silent),
        3 => (prop_oneof![3 => 1..30_i64, 1 => 30..700_i64], 0..11_i64).prop_map(|(ago, good)| Step::Late(ago, good)),
        1 => (1..500_i64).prop_map(Step::Old),
        1 => (1..200_i64, prop_oneof![3 => Just(2), 1 => 3..40_i64]).prop_map(|(ago, days)| Step::Overlap(ago, days)),
        1 => (1..400_i64).prop_map(Step::Relief),
        1 => (1..90_i64).prop_map(Step::Dispute),
        1 => (48..58_i64).prop_map(Step::Target),
        3 => Just(Step::Closings),
        4 => Just(Step::Keep),
    ]
}

/// What happens where most news concern months long ago.
pub(super) fn late_step() -> impl Strategy<Value = Step> {
    let late = || (prop_oneof![1 => 1..60_i64, 3 => 60..1_000_i64], 0..11_i64);
    prop_oneof![
        4 => prop_oneof![3 => 1..4_i64, 1 => 20..45_i64].prop_map(Step::Days),
        1 => (3..40_i64).prop_map(Step::Silent),
        4 => late().prop_map(|(ago, good)| Step::Late(ago, good)),
        2 => prop::collection::vec(late(), 2..4).prop_map(Step::Lates),
        3 => (30..1_000_i64).prop_map(Step::Fill),
        2 => (60..1_000_i64, 2..40_i64).prop_map(|(ago, days)| Step::Overlap(ago, days)),
        1 => (1..900_i64).prop_map(Step::Old),
        1 => (1..400_i64).prop_map(Step::Relief),
        1 => (1..90_i64).prop_map(Step::Dispute),
        1 => Just(Step::Closings),
        4 => Just(Step::Keep),
    ]
}

pub(super) struct Years {
    pub(super) case: Case,
    now: Timestamp,
    /// Up to which day rows came.
    day: i64,
    pub(super) kept: Option<String>,
    pub(super) live: Option<PartOfRows>,
}

fn begin() -> Timestamp {
    instant("2022-01-01T00:00Z")
}

fn at_day(day: i64) -> Timestamp {
    begin() + SignedDuration::from_hours(24 * day)
}

impl Years {
    /// A contract after this many days of rows.
    pub(super) fn new(division: &str, zone: &str, with_journal: bool, days: i64) -> Years {
        Self::of_kpis(&KPIS, division, zone, with_journal, days)
    }

    pub(super) fn of_kpis(kpis: &[(&str, &str)], division: &str, zone: &str, with_journal: bool, days: i64) -> Years {
        let contract = format!("{}\n{division}\n{zone}", flat(TERM));
        let mut case = Case::new(terms(&contract, kpis), Vec::new());
        case.journal = with_journal.then(Journal::default);
        let mut years = Years { case, now: begin(), day: 0, kept: None, live: None };
        years.take(&Step::Days(days));
        years
    }

    fn push(&mut self, feed: &str, mut row: Row) {
        let rows = self.case.rows.entry(feed.to_owned()).or_default();
        row.sequence = rows.len() as i64 + 1;
        rows.push(row);
    }

    fn row(&self, day: i64, queue: &str, good: i64, known_at: Timestamp) -> Row {
        let counts =
            [("answered", 10), ("answeredWithin", good), ("resolvedFirstContact", good), ("contactsWithIssue", 10)];
        Row {
            start: at_day(day),
            end: at_day(day + 1),
            labels: BTreeMap::from([("queue".to_owned(), queue.to_owned())]),
            measures: counts.iter().map(|(name, count)| ((*name).to_owned(), Decimal::from(*count))).collect(),
            revision: 1,
            known_at,
            sequence: 0,
        }
    }

    pub(super) fn take(&mut self, step: &Step) {
        let today = self.day;
        let ago = |days: i64| (today - days).max(0);
        match step {
            Step::Days(days) => {
                for day in today..today + days {
                    for (place, queue) in (0..).zip(["sales", "care"]) {
                        let row = self.row(day, queue, (day * 7 + day / 31 + place * 3) % 11, at_day(day + 1));
                        self.push("acd", row);
                    }
                    let own = self.row(day, "all", (day * 5 + day / 29) % 11, at_day(day + 1));
                    self.push("ours", own);
                }
                self.pass(*days);
            }
            Step::Silent(days) => self.pass(*days),
            Step::Late(days, good) => self.correct(ago(*days), *good),
            Step::Lates(lates) => lates.iter().for_each(|(days, good)| self.correct(ago(*days), *good)),
            Step::Fill(days) => {
                let row = self.row(ago(*days), "late", 7, self.now);
                self.push("acd", row);
            }
            Step::Old(days) => {
                let row = self.row(ago(*days), "extra", 3, at_day(ago(*days) + 1));
                self.push("acd", row);
            }
            Step::Overlap(days, length) => {
                let row = self.row(ago(*days), "care", 1, self.now);
                self.push("acd", Row { end: at_day(ago(*days) + length), ..row });
            }
            Step::Relief(days) => self.excuse(ago(*days)),
            Step::Dispute(days) => self.dispute(ago(*days)),
            Step::Target(target) => {
                let changed = KPIS[0].1.replace("target: 55", &format!("target: {target}"));
                self.case.terms.kpis.insert("answered".to_owned(), kpi(&changed).into());
            }
            Step::Closings => {
                let finals = self.case.judge_at(self.now).judgement.finals;
                for period in finals.into_keys() {
                    let terms = self.case.terms.clone();
                    self.case.closed_under.entry(period).or_insert(terms.into());
                }
            }
            Step::Keep => {
                let live = self.live.as_ref().and_then(|part| written(&part.rollups, part.seen_until.clone()));
                self.kept = live.or(self.kept.take());
            }
        }
    }

    fn correct(&mut self, day: i64, good: i64) {
        let revision = 2 + self.case.rows["acd"].len() as i64;
        let row = Row { revision, ..self.row(day, "sales", good, self.now) };
        self.push("acd", row);
    }

    fn pass(&mut self, days: i64) {
        self.day += days;
        self.now = at_day(self.day) + SignedDuration::from_mins(7);
    }

    fn excuse(&mut self, day: i64) {
        let (place, from, to) = (self.case.terms.contract.relief.len(), at_day(day), at_day(day + 3));
        let relief: crate::api::vendor_contract::Relief = serde_saphyr::from_str(&format!(
            "{{name: r{place}, cause: ForceMajeure, from: {from}, to: {to}, decision: Accepted, decidedAt: {}}}",
            self.now
        ))
        .unwrap();
        self.case.terms.contract.relief.push(relief.clone());
        if let Some(journal) = &mut self.case.journal {
            let seen = JournalFact::ReliefSeen(ReliefSeen { relief: Some(relief.clone().into()), known_before: false });
            journal.facts.push(fact(&relief.name, seen, &self.now.to_string()));
        }
    }

    fn dispute(&mut self, day: i64) {
        let calendar = crate::domain::terms::calendar::Calendar::of(&self.case.terms.contract).unwrap();
        let periods = crate::domain::terms::periods::Periods::of(&self.case.terms.contract, &calendar);
        let Some(period) = periods.containing(at_day(day)) else { return };
        let place = self.case.terms.contract.disputes.len();
        let dispute: crate::api::dispute::Dispute = serde_saphyr::from_str(&format!(
            "{{name: d{place}, period: '{}', raisedOn: {}, party: Client}}",
            period.name,
            calendar.date_of(self.now)
        ))
        .unwrap();
        self.case.terms.contract.disputes.push(dispute.clone());
        if let Some(journal) = &mut self.case.journal {
            let seen = crate::domain::terms::journal::DisputeSeen { dispute: Some(dispute.clone().into()) };
            journal.facts.push(fact(&dispute.name, JournalFact::DisputeSeen(seen), &self.now.to_string()));
        }
    }

    /// The judgement of all rows, with what it worked out in the place of what is live.
    pub(super) fn judge_whole(&mut self) -> Judgement {
        let (mut rollups, rows) = (RollUps::default(), self.case.packed());
        let judgement = judge_again(&self.case.facts(&rows), self.now, &mut rollups).unwrap();
        let (floors, pages, seen_until) = (Floors::new(), Pages::new(), self.case.seen_until());
        self.live = Some(PartOfRows { rollups, floors, pages, rows, seen_until });
        judgement
    }

    /// The judgement from what was kept, and the rows that it needs.
    pub(super) fn judge_kept(&self) -> Option<(Judgement, PartOfRows)> {
        self.case.judge_part(self.case.begin(self.kept.as_ref()?), self.now)
    }

    /// The judgement from what is live and the rows that came since.
    pub(super) fn judge_live(&mut self) -> Option<(Judgement, PartOfRows)> {
        let mut part = self.live.take()?;
        for (feed, rows) in &self.case.rows {
            let until = part.seen_until.get(feed).copied().unwrap_or(0);
            let news = rows.iter().filter(|row| row.sequence > until).cloned();
            part.rows.entry(feed.clone()).or_default().extend(news);
        }
        part.seen_until = self.case.seen_until();
        self.case.judge_part(part, self.now)
    }

    /// Takes each step, and holds the judgements of a part after it to the one of all rows.
    pub(super) fn go_through(&mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        self.judge_whole();
        self.take(&Step::Keep);
        self.go_on(steps)
    }

    /// The same from what is live and what was kept.
    pub(super) fn go_on(&mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            self.take(&step);
            let live = self.judge_live();
            let kept = self.judge_kept();
            let whole = self.judge_whole();
            for (how, part) in [("live", &live), ("kept", &kept)] {
                if let Some((judgement, _)) = part {
                    prop_assert_eq!(bytes(judgement), bytes(&whole), "{} after {:?}", how, step);
                    prop_assert_eq!(judgement, &whole, "{} after {:?}", how, step);
                }
            }
            // What was worked out of a part is kept and gone on from as what was worked out of all rows is.
            if let Some((_, part)) = live.or(kept) {
                self.live = Some(part);
            }
        }
        Ok(())
    }
}

fn bytes(judgement: &Judgement) -> String {
    serde_json::to_string(&judgement.reports).unwrap()
}
