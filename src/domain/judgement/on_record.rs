//! What is known of a contract in addition to rows and terms, made ready for a reader.

use crate::domain::measuring::contract_facts::ContractFacts;
use crate::domain::measuring::holds::Holds;
use crate::domain::measuring::kept_readings::Figures;
use crate::domain::measuring::ledgers::Ledgers;
use crate::domain::measuring::prepared_terms::Books;
use crate::domain::measuring::reader::{Reader, Records};
use crate::domain::terms::disputes::DisputeHistory;
use crate::domain::terms::journal::{FirstJudged, Journal};
use crate::domain::terms::periods::Periods;
use crate::domain::terms::relief::ReliefHistory;
use crate::domain::terms::thresholds::SaidHistory;

/// What is known of a contract in addition to rows and terms.
pub(super) struct OnRecord<'f> {
    pub(super) periods: Periods,
    relief: ReliefHistory,
    disputes: DisputeHistory,
    said: SaidHistory,
    holds: Holds,
    first_judged: Option<&'f FirstJudged>,
}

impl<'f> OnRecord<'f> {
    pub(super) fn of(facts: &ContractFacts<'f>, books: &Books<'_>) -> OnRecord<'f> {
        let (contract, calendar) = (&facts.terms.contract, &books.current().calendar);
        OnRecord {
            periods: Periods::of(contract, calendar),
            relief: ReliefHistory::of(&contract.relief, facts.journal),
            disputes: DisputeHistory::of(&contract.disputes, facts.journal, calendar),
            said: SaidHistory::of(facts.journal, facts.said),
            holds: Holds::of(facts.journal),
            first_judged: facts.journal.and_then(Journal::first_judged),
        }
    }

    pub(super) fn reader<'r, 'a>(&'r self, ledgers: &'r Ledgers, figures: &'r Figures) -> Reader<'r, 'a> {
        let OnRecord { periods, relief, disputes, said, holds, first_judged } = self;
        let records = Records { relief, disputes, said, first_judged: *first_judged, holds };
        Reader::new(periods, records, ledgers, figures)
    }
}
