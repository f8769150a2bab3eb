//! All that a judgement of one contract rests on.

use std::collections::BTreeMap;

use super::feed_rows::RowsByFeed;
use crate::api::Shared;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::journal::{Journal, ThresholdsSaid};

/// All facts that a judgement of one contract rests on.
#[derive(Clone, Copy, Debug)]
pub struct ContractFacts<'a> {
    /// Name of the contract.
    pub name: &'a str,
    /// The terms in force now.
    pub terms: &'a Terms,
    /// The terms under which periods closed, by period name. A period that is not in it is judged by `terms`.
    /// Relief is that of the journal, and without one always that of `terms`.
    pub closed_under: &'a BTreeMap<String, Shared<Terms>>,
    /// The rows of each feed by feed name, in any order, every revision. A feed without an entry has no rows.
    pub rows: &'a RowsByFeed,
    /// What the journal of the evidence says in addition to terms and rows; `None` where there is no journal, as offline without a bundle.
    pub journal: Option<&'a Journal>,
    /// By which times the answers of feeds say that they count, by feed, where no journal says when they said so.
    pub said: &'a BTreeMap<String, ThresholdsSaid>,
}
