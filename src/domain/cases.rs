//! Contracts and rows in a few lines, for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::exact::Exact;
use super::facts::{ContractFacts, Judgement, NOTHING_SAID, Terms};
use super::feed_rows::{FeedRows, RowsByFeed, packed};
use super::journal::{Journal, JournalFact, RecordedFact};
use super::judgement::{judge, judge_again, judge_part};
use super::measures::Row;
use super::rollups::{Past, RollUps};

/// Terms from YAML: a contract's spec, and KpiTargets by name. What every KPI needs has a default: feed `acd`.
pub fn terms(contract: &str, kpis: &[(&str, &str)]) -> Terms {
    let contract = format!("vendor: {{name: Acme}}\n{}", unindented(contract));
    let contract = serde_saphyr::from_str(&contract).unwrap_or_else(|error| panic!("{error}\n{contract}"));
    let kpis = kpis.iter().map(|(name, yaml)| ((*name).to_owned(), kpi(yaml))).collect();
    Terms { contract, kpis, tiers: BTreeMap::new() }
}

/// A KpiTarget's spec from YAML without `contractRef` and, unless it has one, `source`.
pub fn kpi(yaml: &str) -> crate::api::KpiTargetSpec {
    let yaml = unindented(yaml);
    let source = if yaml.contains("source:") { "" } else { "source: {feed: acd}\n" };
    let yaml = format!("contractRef: {{name: acme}}\n{source}{yaml}");
    serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The text without the indentation of its first line.
fn unindented(yaml: &str) -> String {
    let lines = || yaml.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().next().map_or(0, |line| line.len() - line.trim_start().len());
    lines().map(|line| format!("{}\n", line.get(margin..).unwrap_or(line.trim_start()))).collect()
}

/// An instant, such as `2026-02-01T00:00Z`.
pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A row that is known when it ends: `row("2026-01-05T09:00Z", "2026-01-05T09:30Z", &[("offered", 10)])`.
pub fn row(start: &str, end: &str, measures: &[(&str, i64)]) -> Row {
    Row {
        start: instant(start),
        end: instant(end),
        labels: BTreeMap::new(),
        measures: measures.iter().map(|(name, number)| ((*name).to_owned(), Decimal::from(*number))).collect(),
        revision: 1,
        known_at: instant(end),
        sequence: 0,
    }
}

/// Changes to a row that read like a sentence.
pub trait RowChanges {
    /// With a label.
    fn labelled(self, name: &str, value: &str) -> Row;
    /// Known from an instant on.
    fn known(self, at: &str) -> Row;
    /// As a later revision.
    fn revised(self, revision: i64) -> Row;
}

impl RowChanges for Row {
    fn labelled(mut self, name: &str, value: &str) -> Row {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }
    fn known(mut self, at: &str) -> Row {
        self.known_at = instant(at);
        self
    }
    fn revised(mut self, revision: i64) -> Row {
        self.revision = revision;
        self
    }
}

/// A contract with its rows, to be judged at any instant.
pub struct Case {
    /// The terms in force now.
    pub terms: Terms,
    /// The terms under which periods closed.
    pub closed_under: BTreeMap<String, Terms>,
    /// Rows by feed.
    pub rows: BTreeMap<String, Vec<Row>>,
    /// The facts of the journal, where there is one.
    pub journal: Option<Journal>,
}

impl Case {
    /// A contract named `acme` whose KPIs all read the feed `acd`.
    pub fn new(terms: Terms, rows: Vec<Row>) -> Case {
        let mut case = Case { terms, closed_under: BTreeMap::new(), rows: BTreeMap::new(), journal: None };
        case.add(rows);
        case
    }

    /// More rows, received after those that are there.
    pub fn add(&mut self, rows: Vec<Row>) {
        let feed = self.rows.entry("acd".to_owned()).or_default();
        for mut row in rows {
            row.sequence = feed.len() as i64 + 1;
            feed.push(row);
        }
    }

    /// Its rows as a judgement takes them.
    pub fn packed(&self) -> RowsByFeed {
        packed(&self.rows)
    }

    /// The judgement at an instant.
    pub fn judge(&self, now: &str) -> Judgement {
        self.judge_at(instant(now))
    }

    /// The judgement at an instant.
    pub fn judge_at(&self, now: Timestamp) -> Judgement {
        judge(&self.facts(&self.packed()), now).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the contract is judged by, with these rows.
    pub fn facts<'a>(&'a self, rows: &'a RowsByFeed) -> ContractFacts<'a> {
        ContractFacts {
            name: "acme",
            terms: &self.terms,
            closed_under: &self.closed_under,
            rows,
            journal: self.journal.as_ref(),
            said: &NOTHING_SAID,
        }
    }

    /// Sequence of the last row of each feed.
    pub fn seen_until(&self) -> BTreeMap<String, i64> {
        let last = |rows: &Vec<Row>| rows.last().map_or(0, |row| row.sequence);
        self.rows.iter().map(|(feed, rows)| (feed.clone(), last(rows))).collect()
    }

    /// What a judgement at an instant works out, as it is kept.
    pub fn past(&self, now: Timestamp) -> String {
        let mut rollups = RollUps::default();
        judge_again(&self.facts(&self.packed()), now, &mut rollups).unwrap_or_else(|error| panic!("{error}"));
        written(&rollups, self.seen_until())
    }

    /// The judgement at an instant by what was kept, and by the rows that this leaves; `None` where all are needed.
    pub fn judge_by(&self, past: &str, now: Timestamp) -> Option<Judgement> {
        let past: Past = serde_json::from_str(past).unwrap_or_else(|error| panic!("{error}"));
        let (floors, rows) = (past.floors().clone(), self.left_by(&past));
        let judged = judge_part(&self.facts(&rows), &floors, now, &mut RollUps::of_past(past));
        judged.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The rows that the floors of what was kept leave, and those that came since.
    pub fn left_by(&self, past: &Past) -> RowsByFeed {
        let left = |(feed, rows): (&String, &Vec<Row>)| {
            let seen_until = past.seen_until().get(feed).copied().unwrap_or(0);
            let floor = past.floors().get(feed);
            let is_left = |row: &&Row| {
                let is_above = |start| row.start >= start || row.sequence > seen_until;
                floor.is_none_or(|floor| row.sequence > floor.after && is_above(floor.since))
            };
            (feed.clone(), rows.iter().filter(is_left).collect::<FeedRows>())
        };
        self.rows.iter().map(left).collect()
    }
}

/// What roll-ups hold of these rows, as it is kept; it is read as what was written.
pub fn written(rollups: &RollUps, seen_until: BTreeMap<String, i64>) -> String {
    let past = rollups
        .snapshot()
        .and_then(|snapshot| snapshot.past(seen_until))
        .unwrap_or_else(|| panic!("no judgement was made"));
    let text = serde_json::to_string(&past).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(serde_json::from_str::<Past>(&text).unwrap_or_else(|error| panic!("{error}")), past);
    text
}

/// A fact that was recorded at an instant.
pub fn fact(name: &str, fact: JournalFact, at: &str) -> RecordedFact {
    RecordedFact { name: name.to_owned(), fact, recorded_at: instant(at) }
}

/// An exact number, such as `79.5`.
pub fn exact(text: &str) -> Exact {
    Exact::from(text.parse::<Decimal>().unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// YAML without the indentation of its first line, to be continued at the outermost level.
pub fn flat(yaml: &str) -> String {
    unindented(yaml)
}
