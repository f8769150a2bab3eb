//! Roll-ups change nothing but the time that a judgement takes.

use jiff::SignedDuration;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::api::Shared;
use crate::domain::fixtures::cases;
use crate::domain::fixtures::contracts::{instant, kpi, terms};
use crate::domain::judgement::judge::{judge, judge_again};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::feed_rows::packed;
use crate::domain::measuring::row::Row;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::journal::{DisputeSeen, JournalFact, PeriodHeld, RecordedFact, ReliefSeen};
use crate::domain::terms::periods::Periods;

mod years;

const CONTRACT: &str = "
    term: {start: 2026-03-01, end: 2026-04-19}
    closeAfter: 1d
    feeds: [{name: acd, url: 'https://feeds.example', cadence: 8h}, {name: plan, url: 'https://feeds.example/plan', cadence: 24h, plan: true}]
    charges: {currency: GBP, amount: 100000, atRiskPercent: 8}
    credits: {points: {perPointPercent: 1, repeatMultiplier: 2}, yearCapPercent: 3, earnBack: {within: 2}}
    ";

/// Zones whose clocks change on different days of the term, with and without hours of service.
const CALENDARS: [&str; 4] = [
    "timeZone: UTC",
    "timeZone: Europe/London",
    "timeZone: America/New_York\ncalendar: {serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]}",
    "timeZone: Europe/London\ncalendar: {serviceHours: [{days: [Monday, Saturday, Sunday], from: '22:00', to: '24:00'}, {days: [Sunday], from: '00:00', to: '03:00'}]}",
];

/// Seven periods, two, and one.
const PERIODS: [&str; 5] = [
    "period: Weekly",
    "period: Monthly",
    "period: Quarterly\nfiscalYearStart: '03-17'",
    "period: HalfYearly\nfiscalYearStart: '04-02'",
    "period: ContractYear",
];

const RELIEF: [&str; 3] = [
    "relief: []",
    "relief: [{name: flood, cause: ForceMajeure, from: 2026-03-09T00:00:00Z, to: 2026-03-11T12:00:00Z, decision: Accepted, decidedAt: 2026-03-20T00:00:00Z}]",
    "relief: [{name: strike, cause: ForceMajeure, from: 2026-03-27T00:00:00Z, to: 2026-03-30T00:00:00Z, decision: Accepted, labels: {queue: sales}}]\ndisputes: [{name: count, period: 2026-W12, raisedOn: 2026-03-24, party: Client, decision: Rejected, decidedAt: 2026-04-08T00:00:00Z}]",
];

const KPIS: [(&str, &str); 9] = [
    (
        "answered",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\nbands: [{severity: Minor, bound: 70, points: 1}, {severity: Serious, points: 3}]",
    ),
    (
        "sales",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 45, stretch: 50}\nsource: {feed: acd, labels: {queue: sales}}\nbands: [{severity: Minor, percent: 2}]",
    ),
    (
        "rolling",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 60, schedule: [{from: 2026-03-18, target: 70}]}\nwindow: {type: RollingPeriods, count: 3}",
    ),
    (
        "scheduled",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 60, schedule: [{from: 2026-03-18, target: 70}]}",
    ),
    (
        "held",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 60}\nminimum: {volume: 40}\nmissingData: {policy: Miss, after: 5d}",
    ),
    (
        "bad-days",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\ntally: {each: Day, target: 70}\nobjective: {target: 2}\nprice: {amount: 500, upTo: 2000}\nminimum: {volume: 5}\nmissingData: {policy: Miss, after: 5d}\nrepeats: [{misses: 1, times: 1}, {misses: 2, times: 2}]",
    ),
    ("aged", "kpi: FirstContactResolution\nobjective: {target: 60}"),
    (
        "checked",
        "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 60}\nsource: {feed: acd, crossCheck: {feed: plan, tolerance: 10, prefer: Worse}}\nminimum: {volume: 5}",
    ),
    ("planned", "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 60}\nsource: {feed: plan}"),
];

/// One thing that happens before the next judgement.
#[derive(Clone, Debug)]
enum Event {
    /// Rows of eight hours: slot, queue and tier, good of ten, hours until they are known.
    Rows(Vec<(i64, usize, i64, i64)>),
    /// A plan's rows, known always.
    Plan(Vec<(i64, i64)>),
    /// New figures of a row that was received before.
    Correction(usize, i64),
    Relief(usize),
    Target(i64),
    /// The last period that ended closes under the terms in force.
    Closing,
    /// The evidence is another one altogether.
    Cut(usize),
    /// A fact is recorded this many hours after the judgement, or before it; from the first one on there is a journal.
    Recorded(Record, i64),
    Nothing,
}

/// What is recorded.
#[derive(Clone, Debug)]
enum Record {
    /// A period, from the first one on, waits for its feeds, for some hours after it would have become Final, or has waited.
    Held(usize, i64, bool),
    /// The relief of a text, or that there is none any more.
    Relief(usize, bool),
    /// A dispute about a period that is open, or decided.
    Dispute(usize, bool),
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (0..6_usize, 0..200_i64, any::<bool>()).prop_map(|(period, hours, asked)| Record::Held(period, hours, asked)),
        (1..RELIEF.len(), prop::bool::weighted(0.8)).prop_map(|(place, is_there)| Record::Relief(place, is_there)),
        (0..6_usize, any::<bool>()).prop_map(|(period, decided)| Record::Dispute(period, decided)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let row = || (0..150_i64, 0..4_usize, 0..11_i64, prop_oneof![3 => Just(0), 1 => Just(25), 2 => 0..400_i64]);
    prop_oneof![
        8 => prop::collection::vec(row(), 1..12).prop_map(Event::Rows),
        2 => prop::collection::vec((0..50_i64, 0..11_i64), 1..5).prop_map(Event::Plan),
        3 => (0..60_usize, 0..11_i64).prop_map(|(place, good)| Event::Correction(place, good)),
        1 => (0..RELIEF.len()).prop_map(Event::Relief),
        1 => (50..90_i64).prop_map(Event::Target),
        2 => Just(Event::Closing),
        1 => (0..20_usize).prop_map(Event::Cut),
        3 => (record(), prop_oneof![Just(0), -200..200_i64]).prop_map(|(record, after)| Event::Recorded(record, after)),
        2 => Just(Event::Nothing),
    ]
}

/// A contract whose evidence and terms change while it is judged again and again.
struct World {
    calendar: &'static str,
    period: &'static str,
    relief: &'static str,
    target: i64,
    closed_under: BTreeMap<String, Shared<Terms>>,
    rows: BTreeMap<String, Vec<Row>>,
    journal: Option<Journal>,
    now: Timestamp,
}

impl World {
    fn terms(&self) -> Terms {
        let contract = crate::domain::fixtures::contracts::flat(CONTRACT);
        let contract = format!("{contract}\n{}\n{}\n{}", self.period, self.calendar, self.relief);
        let mut terms = terms(&contract, &KPIS);
        let changed = KPIS[0].1.replace("target: 80", &format!("target: {}", self.target));
        terms.kpis.insert("answered".to_owned(), kpi(&changed).into());
        for (name, rank) in [("gold", 1), ("silver", 2)] {
            terms.contract.tiers.push(name.to_owned());
            let tier = serde_json::from_value(serde_json::json!({"rank": rank})).unwrap();
            terms.tiers.insert(name.to_owned(), tier);
        }
        terms
    }

    fn receive(
        &mut self,
        feed: &str,
        slot: i64,
        hours: i64,
        (kind, good): (usize, i64),
        known_at: impl Fn(Timestamp) -> Timestamp,
    ) {
        let start = instant("2026-03-01T00:00Z") + SignedDuration::from_hours(slot * hours);
        let end = start + SignedDuration::from_hours(hours);
        let rows = self.rows.entry(feed.to_owned()).or_default();
        let labels = BTreeMap::from([
            ("queue".to_owned(), ["sales", "care"][kind % 2].to_owned()),
            ("tier".to_owned(), ["gold", "silver"][kind / 2].to_owned()),
        ]);
        let revision = 1 + rows.iter().filter(|row| row.start == start && row.labels == labels).count() as i64;
        let measures =
            [("answered", 10), ("answeredWithin", good), ("resolvedFirstContact", good), ("contactsWithIssue", 10)];
        rows.push(Row {
            start,
            end,
            labels,
            measures: measures.iter().map(|(name, value)| ((*name).to_owned(), Decimal::from(*value))).collect(),
            revision,
            known_at: known_at(end),
            sequence: rows.len() as i64 + 1,
        });
    }

    fn take(&mut self, event: &Event) {
        let now = self.now;
        match event {
            // Known at its receipt, or as a row of the first back-fill when it ended, or some time in between.
            Event::Rows(rows) => rows.iter().for_each(|(slot, kind, good, after)| {
                let known =
                    |end: Timestamp| if *after == 0 { now } else { end + SignedDuration::from_hours(after - 1) };
                self.receive("acd", *slot, 8, (*kind, *good), known);
            }),
            Event::Plan(rows) => {
                rows.iter().for_each(|(day, good)| self.receive("plan", *day, 24, (0, *good), |_| Timestamp::MIN));
            }
            Event::Correction(place, good) => {
                let row = self.rows.get("acd").and_then(|rows| rows.get(place % rows.len().max(1))).cloned();
                if let Some(mut row) = row {
                    let rows = self.rows.entry("acd".to_owned()).or_default();
                    (row.revision, row.known_at) = (row.revision + 100 + rows.len() as i64, now.max(row.known_at));
                    row.measures.insert("answeredWithin".to_owned(), Decimal::from(*good));
                    row.sequence = rows.len() as i64 + 1;
                    rows.push(row);
                }
            }
            Event::Relief(place) => self.relief = RELIEF[*place],
            Event::Target(target) => self.target = *target,
            Event::Closing => {
                let judgement = self.judge();
                let closed = judgement.finals.keys().find(|period| !self.closed_under.contains_key(*period));
                if let Some(period) = closed {
                    self.closed_under.insert(period.clone(), self.terms().into());
                }
            }
            Event::Cut(rows) => {
                if let Some(of_feed) = self.rows.get_mut("acd") {
                    of_feed.truncate(*rows);
                }
            }
            Event::Recorded(record, after) => self.record(record, now + SignedDuration::from_hours(*after)),
            Event::Nothing => {}
        }
    }

    fn record(&mut self, record: &Record, recorded_at: Timestamp) {
        let terms = self.terms();
        let calendar = Calendar::of(&terms.contract).unwrap();
        let periods = Periods::of(&terms.contract, &calendar);
        let period = |place: usize| periods.all().get(place % periods.all().len()).unwrap();
        let (name, fact) = match record {
            Record::Held(place, hours, is_asked) => {
                let period = period(*place);
                let due = period.end + SignedDuration::from_hours(24);
                let until = due + SignedDuration::from_hours(*hours);
                let held = PeriodHeld {
                    due,
                    noticed_at: due.max(recorded_at.min(until)),
                    feeds: vec!["acd".to_owned()],
                    until,
                    asked_at: is_asked.then(|| recorded_at.min(until)),
                };
                (period.name.clone(), JournalFact::PeriodHeld(held))
            }
            Record::Relief(place, is_there) => {
                let flat = format!("{}\n{}", crate::domain::fixtures::contracts::flat(CONTRACT), RELIEF[*place]);
                let relief = crate::domain::fixtures::contracts::terms(&flat, &[]).contract.relief.remove(0);
                let seen = ReliefSeen { relief: is_there.then(|| relief.clone().into()), known_before: false };
                (relief.name.clone(), JournalFact::ReliefSeen(seen))
            }
            Record::Dispute(place, is_decided) => {
                let decided = if *is_decided { ", decision: Rejected, decidedAt: 2026-04-01T00:00:00Z" } else { "" };
                let name = &period(*place).name;
                let text = format!("{{name: count, period: '{name}', raisedOn: 2026-03-24, party: Client{decided}}}");
                let dispute = Some(serde_saphyr::from_str(&text).unwrap());
                ("count".to_owned(), JournalFact::DisputeSeen(DisputeSeen { dispute }))
            }
        };
        let facts = &mut self.journal.get_or_insert_default().facts;
        facts.push(RecordedFact { name, fact, recorded_at });
        facts.sort_by_key(|fact| fact.recorded_at);
    }

    fn judge(&self) -> Judgement {
        let (terms, now) = (self.terms(), self.now);
        judge(
            &ContractFacts {
                name: "acme",
                terms: &terms,
                closed_under: &self.closed_under,
                rows: &packed(&self.rows),
                journal: self.journal.as_ref(),
                said: &crate::domain::judgement::outcome::NOTHING_SAID,
            },
            now,
        )
        .unwrap()
    }

    fn judge_again(&self, rollups: &mut RollUps) -> Judgement {
        let (terms, now) = (self.terms(), self.now);
        let facts = ContractFacts {
            name: "acme",
            terms: &terms,
            closed_under: &self.closed_under,
            rows: &packed(&self.rows),
            journal: self.journal.as_ref(),
            said: &crate::domain::judgement::outcome::NOTHING_SAID,
        };
        judge_again(&facts, now, rollups).unwrap()
    }

    fn new(calendar: usize, period: usize) -> World {
        World {
            calendar: CALENDARS[calendar],
            period: PERIODS[period],
            relief: RELIEF[0],
            target: 80,
            closed_under: BTreeMap::new(),
            rows: BTreeMap::new(),
            journal: None,
            now: instant("2026-03-05T10:00Z"),
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_judgement_with_roll_ups_is_the_judgement_from_rows_whatever_happens_in_between(
        calendar in 0..CALENDARS.len(), period in prop_oneof![Just(0), 1..PERIODS.len()],
        steps in prop::collection::vec((event(), prop_oneof![1 => Just(0), 5 => 0..200_i64, 1 => -100..0_i64]), 1..14),
    ) {
        let (mut world, mut rollups) = (World::new(calendar, period), RollUps::default());
        for (event, hours) in steps {
            world.take(&event);
            let (from_rows, again) = (world.judge(), world.judge_again(&mut rollups));
            let bytes = |judgement: &Judgement| serde_json::to_string(&judgement.reports).unwrap();
            prop_assert_eq!(bytes(&from_rows), bytes(&again), "{:?}", event);
            prop_assert_eq!(from_rows, again, "{:?}", event);
            world.now += SignedDuration::from_hours(hours);
        }
    }
}

/// A world with four weeks of rows, judged once.
fn four_weeks() -> (World, RollUps) {
    let (mut world, mut rollups) = (World::new(1, 0), RollUps::default());
    for slot in 0..84 {
        for kind in 0..4 {
            world.receive("acd", slot, 8, (kind, 4 + slot % 7), |end| end);
        }
    }
    world.now = instant("2026-04-05T10:00Z");
    world.judge_again(&mut rollups);
    (world, rollups)
}

/// How many readings would be taken as they are after an event.
fn kept_after(event: &Event) -> usize {
    let (mut world, mut rollups) = four_weeks();
    world.take(event);
    let terms = world.terms();
    let facts = ContractFacts {
        name: "acme",
        terms: &terms,
        closed_under: &world.closed_under,
        rows: &packed(&world.rows),
        journal: None,
        said: &crate::domain::judgement::outcome::NOTHING_SAID,
    };
    rollups.turn_to(&facts, &Books::of(&facts).unwrap());
    rollups.figures.readings.get_mut().earlier.len()
}

#[test]
fn rows_that_arrive_leave_closed_periods_and_what_was_known_earlier_is_dirty_from_its_instant_on() {
    let all = kept_after(&Event::Nothing);
    let of_plan = 5;
    assert!(all > 30, "{all}");
    for (case, event, kept) in [
        ("a new row leaves all but the running week", Event::Rows(vec![(100, 0, 5, 0)]), all - 8..all),
        ("a row that was known in the third week", Event::Rows(vec![(50, 0, 5, 1)]), 10..all - 6),
        ("a row that was known before all", Event::Rows(vec![(0, 0, 5, 1)]), 1..of_plan + 7),
        // Of two KPIs: the one that reads the plan, and the one that is held against it.
        ("a plan's row leaves the other feed", Event::Plan(vec![(3, 5)]), all - 20..all - of_plan),
        ("another target", Event::Target(70), 0..1),
        ("relief", Event::Relief(1), 0..1),
        ("a closing under the terms in force", Event::Closing, all..all + 1),
        ("other evidence", Event::Cut(20), 0..1),
    ] {
        let left = kept_after(&event);
        assert!(kept.contains(&left), "{case}: {left} of {all} are kept, not {kept:?}");
    }
}

#[test]
fn the_parts_of_reports_outlive_their_process_with_the_readings_that_they_follow_from() {
    let (_, rollups) = four_weeks();
    let past = rollups.snapshot().unwrap().past(BTreeMap::new()).unwrap();
    let read: Past = serde_json::from_str(&serde_json::to_string(&past).unwrap()).unwrap();
    assert_eq!(read, past);
    let parts = |rollups: &RollUps| rollups.figures.parts.borrow().earlier.clone();
    assert!(parts(&rollups).len() > 10, "{}", parts(&rollups).len());
    assert_eq!(parts(&RollUps::of_past(read)), parts(&rollups));
}

#[test]
fn no_more_is_kept_than_one_judgement_asks() {
    let (mut world, mut rollups) = four_weeks();
    let mut kept = Vec::new();
    for _ in 0..20 {
        world.now += SignedDuration::from_mins(30);
        world.judge_again(&mut rollups);
        kept.push(rollups.figures.readings.get_mut().earlier.len());
    }
    assert_eq!(kept.iter().min(), kept.iter().max(), "{kept:?}");
}
