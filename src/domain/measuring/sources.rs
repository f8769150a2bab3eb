//! Two sources of one figure: which value is judged, and whether the two agree.
//!
//! `docs/how-a-contract-is-judged.md`, *Two sources*. Compared are values over the time of which both have rows; judged and shown is
//! each source's value over all of its rows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::cross_check::{CrossCheck, PreferredSource, SourceParty, SourcesFinding};
use crate::api::kpi_target::Better;

use super::verdict::{Aim, better_of};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::catalogue::Definition;

/// The client's own figures of a KPI, made ready.
#[derive(Debug)]
pub struct CrossChecked<'a> {
    /// What was agreed.
    pub rule: &'a CrossCheck,
    /// The KPI's formula over the measures of the client's feed.
    pub definition: Definition,
}

/// What two sources say of one KPI in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sources {
    /// The vendor's value.
    pub vendor: Option<Exact>,
    /// The client's own value.
    pub own: Option<Exact>,
    /// How far the two lie apart over the time of which both have rows.
    pub difference: Option<Exact>,
    /// What the comparison found.
    pub finding: SourcesFinding,
    /// Whose value is judged.
    pub judged: SourceParty,
}

/// What one source says.
#[derive(Clone, Copy, Debug)]
pub struct Said<'s> {
    /// Its value over all of its rows.
    pub value: Option<&'s Exact>,
    /// Whether it has rows of which a value can be made, relief or not.
    pub has_data: bool,
}

/// Weighs two sources. `compared` are their values over the time that both know; `None` where that is too little.
pub fn weigh(
    rule: &CrossCheck,
    aim: &Aim,
    (vendor, own): (Said<'_>, Said<'_>),
    compared: Option<(Exact, Exact)>,
) -> Sources {
    let difference = compared.map(|(vendor, own)| (&vendor - &own).abs());
    let (finding, judged) = match (vendor.has_data, own.has_data, &difference) {
        (false, false, _) => (SourcesFinding::NoData, SourceParty::Vendor),
        (false, true, _) => (SourcesFinding::OneSource, SourceParty::Own),
        (true, false, _) | (true, true, None) => (SourcesFinding::OneSource, SourceParty::Vendor),
        (true, true, Some(apart)) if *apart <= Exact::from(rule.tolerance) => {
            (SourcesFinding::Agree, SourceParty::Vendor)
        }
        (true, true, Some(_)) => (SourcesFinding::Disagree, preferred(rule.prefer, aim, vendor.value, own.value)),
    };
    let difference = difference.filter(|_| vendor.has_data && own.has_data);
    Sources { vendor: vendor.value.cloned(), own: own.value.cloned(), difference, finding, judged }
}

fn preferred(prefer: PreferredSource, aim: &Aim, vendor: Option<&Exact>, own: Option<&Exact>) -> SourceParty {
    match (prefer, vendor.zip(own)) {
        (PreferredSource::Vendor, _) => SourceParty::Vendor,
        (PreferredSource::Own, _) => SourceParty::Own,
        (PreferredSource::Worse, Some((vendor, own))) if is_worse(aim, own, vendor) => SourceParty::Own,
        (PreferredSource::Worse, _) => SourceParty::Vendor,
    }
}

/// Whether a value is worse than another; of a range the one that lies further outside.
fn is_worse(aim: &Aim, value: &Exact, other: &Exact) -> bool {
    match better_of(aim.comparison) {
        Some(Better::Higher) => value < other,
        Some(Better::Lower) => value > other,
        Some(Better::Range) | None => {
            let outside = |value: &Exact| if aim.is_met_by(value) { Exact::ZERO } else { aim.distance(value) };
            outside(value) > outside(other)
        }
    }
}

/// The slots of which both sources have rows; `None` where the client's own have less than 90 % of the vendor's.
pub fn common_slots(vendor: &BTreeSet<Timestamp>, own: &BTreeSet<Timestamp>) -> Option<BTreeSet<Timestamp>> {
    let common: BTreeSet<Timestamp> = vendor.intersection(own).copied().collect();
    let is_enough = !common.is_empty() && common.len() * 10 >= vendor.len() * 9;
    is_enough.then_some(common)
}
