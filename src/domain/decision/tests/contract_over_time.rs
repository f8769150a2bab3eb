//! A contract lived through: looked at when a row arrives and when the decision itself asks for it, with what people are notified of.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::vendor_contract::VendorContractStatus;
use crate::domain::decision::alerts::{SentAlert, changes};
use crate::domain::decision::contract::{ObservedContract, decide_contract};
use crate::domain::fixtures::contracts::Case;
use crate::domain::governance::escalation::Acknowledgement;
use crate::domain::holdings::FeedHealth;
use crate::domain::judgement::judge::judge_again;
use crate::domain::judgement::outcome::{Judgement, NOTHING_SAID};
use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::rollups::RollUps;
use crate::domain::terms::journal::{Journal, RecordedFact};

/// A contract on its way through time.
pub(crate) struct Life<'c> {
    case: &'c Case,
    journal: Option<Journal>,
    previous: Option<VendorContractStatus>,
    sent: Vec<SentAlert>,
    rollups: RollUps,
    /// Who has taken up what is escalated.
    pub acknowledged: Option<Acknowledgement>,
    /// What people were notified of: instant, word, alert and what it is about.
    pub lines: Vec<String>,
    /// The Events that its looks raised: instant, reason and note.
    pub events: Vec<String>,
    /// How many times it was looked at.
    pub looks: usize,
}

impl<'c> Life<'c> {
    /// A contract whose operator keeps a journal, or one without.
    pub(crate) fn of(case: &'c Case, with_journal: bool) -> Self {
        Life {
            case,
            journal: with_journal.then(Journal::default),
            previous: None,
            sent: Vec::new(),
            rollups: RollUps::default(),
            acknowledged: None,
            lines: Vec::new(),
            events: Vec::new(),
            looks: 0,
        }
    }

    /// Lives from one instant to another. `each` sees every look before the next, and may answer an escalation.
    pub(crate) fn live(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        mut each: impl FnMut(&mut Self, Timestamp, &VendorContractStatus),
    ) {
        let mut arrivals: Vec<Timestamp> = self.case.rows.values().flatten().map(|row| row.known_at).collect();
        arrivals.sort_unstable();
        let mut now = from;
        while now < to {
            let next = self.look(now);
            self.looks += 1;
            if let Some(status) = self.previous.clone() {
                each(self, now, &status);
            }
            let next_row = arrivals.get(arrivals.partition_point(|arrival| *arrival <= now)).copied();
            now = [next, next_row].into_iter().flatten().min().unwrap_or(to);
        }
    }

    /// Keeps a fact in the journal, where there is one.
    pub(crate) fn keep(&mut self, fact: RecordedFact) {
        self.journal.iter_mut().for_each(|journal| journal.facts.push(fact.clone()));
    }

    /// Looks once; the instant at which time alone asks for the next look.
    fn look(&mut self, now: Timestamp) -> Option<Timestamp> {
        let judgement = self.judge(now);
        let observed = ObservedContract {
            namespace: "care",
            name: "acme",
            generation: Some(1),
            previous: self.previous.as_ref(),
            terms: &self.case.terms,
            judgement: Ok(&judgement),
            unresolved: &[],
            feeds: [("acd".to_owned(), FeedHealth::fetched_before(Some(now)))].into(),
            evidence_problem: None,
            no_room: None,
            contradicted: Vec::new(),
            launches: BTreeMap::new(),
            acknowledged: self.acknowledged.clone(),
            alert_sinks: Vec::new(),
        };
        let decision = decide_contract(&observed, now);
        let found = changes("uid", &self.sent, &decision.alerts.unwrap());
        let mut here: Vec<String> = Vec::new();
        for (word, changed) in [("resolved", found.resolved), ("fired", found.fired)] {
            for one in changed {
                let about = ["level", "kpi_target", "item"].map(|name| one.alert.label(name)).concat();
                here.push(format!("{now} {word} {} {about}", one.alert.label("alertname")));
                self.sent.retain(|known| known.fingerprint != one.fingerprint);
                if word == "fired" {
                    self.sent.push(one);
                }
            }
        }
        here.sort();
        self.lines.extend(here);
        let notices = decision.notices.iter();
        self.events.extend(notices.map(|notice| format!("{now} {} {}", notice.reason.as_str(), notice.note)));
        self.previous = Some(decision.status);
        self.record(&judgement, now);
        decision.next
    }

    fn judge(&mut self, now: Timestamp) -> Judgement {
        let facts = ContractFacts {
            name: "acme",
            terms: &self.case.terms,
            closed_under: &self.case.closed_under,
            rows: &self.case.packed(),
            journal: self.journal.as_ref(),
            said: &NOTHING_SAID,
        };
        judge_again(&facts, now, &mut self.rollups).unwrap()
    }

    fn record(&mut self, judgement: &Judgement, now: Timestamp) {
        let Some(journal) = &mut self.journal else { return };
        for (name, kpi) in &judgement.kpis {
            let facts = kpi.risk_news.iter().cloned();
            journal.facts.extend(facts.map(|fact| RecordedFact { name: name.clone(), fact, recorded_at: now }));
        }
    }
}
