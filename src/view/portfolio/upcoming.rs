//! The dates of the next weeks over all contracts, those of several contracts in one line.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use kube::ResourceExt;
use serde::Serialize;

use super::Facts;
use crate::api::CampaignLaunch;
use crate::domain::terms::calendar::zone_of;
use crate::view::dates::{DateKind, Dates};

/// How far ahead the page looks, in days.
const DAYS: i64 = 42;
/// How many lines it shows at most.
const LINES: usize = 20;
/// How many contracts of one line are named.
const NAMED: usize = 3;

/// Something that happens on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upcoming {
    /// The local day.
    pub day: Date,
    /// What happens, and for which contracts.
    pub what: String,
}

/// What happens from today on, in order.
pub(super) fn upcoming(facts: &Facts<'_>) -> Vec<Upcoming> {
    let mut launches: BTreeMap<Option<String>, Vec<CampaignLaunch>> = BTreeMap::new();
    for launch in facts.launches {
        launches.entry(launch.namespace()).or_default().push(launch.clone());
    }
    let mut found: BTreeMap<(Date, DateKind, String), Vec<String>> = BTreeMap::new();
    for contract in facts.contracts {
        let Ok(zone) = zone_of(&contract.spec.time_zone) else { continue };
        let today = facts.now.to_zoned(zone).date();
        let until = today.saturating_add(DAYS.days());
        let own = launches.get(&contract.namespace()).map(Vec::as_slice).unwrap_or_default();
        let Ok(dates) = Dates::within(contract, own, facts.now, (today, until)) else { continue };
        for dated in dates.dates.into_iter().filter(|dated| !dated.done) {
            found.entry((dated.day, dated.kind, dated.what)).or_default().push(contract.name_any());
        }
    }
    let lines = found.into_iter().map(|((day, _, what), contracts)| {
        let named = contracts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = match contracts.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Upcoming { day, what: format!("{}: {named}{more}", crate::view::words::capital(&what)) }
    });
    lines.take(LINES).collect()
}
