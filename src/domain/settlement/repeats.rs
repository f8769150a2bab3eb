//! Repeated misses: by what the length of a run multiplies points and credits.

use crate::api::kpi_target::KpiTargetSpec;
use crate::api::vendor_contract::VendorContractSpec;

use crate::domain::numbers::exact::Exact;

/// By what the n-th miss in a row is multiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Points.
    pub points: Exact,
    /// Credits.
    pub credit: Exact,
    /// The row that applies to a number of misses in a row; `None` below the first row, where nothing is charged.
    pub from: Option<i64>,
    /// Whether a table multiplies credits too.
    pub is_of_credits: bool,
    /// Whether an earlier miss of the run was charged already. A miss that the table spares is none that was charged.
    pub is_repeat: bool,
}

impl Weight {
    /// Of a miss that nothing multiplies.
    pub fn plain() -> Self {
        Weight { points: Exact::ONE, credit: Exact::ONE, from: Some(1), is_of_credits: false, is_repeat: false }
    }
}

/// The weight of the n-th miss in a row: by the KPI's own table, else the contract's, else by `repeatMultiplier`, which
/// multiplies points alone.
pub fn weight_of(contract: &VendorContractSpec, spec: &KpiTargetSpec, misses: i64) -> Weight {
    let credits = contract.credits.as_ref();
    let of_contract = credits.map(|credits| credits.repeats.as_slice()).unwrap_or_default();
    let table = if spec.repeats.is_empty() { of_contract } else { spec.repeats.as_slice() };
    if table.is_empty() {
        let multiplier = credits.and_then(|credits| credits.points.as_ref()?.repeat_multiplier).unwrap_or(1);
        if misses <= 1 {
            return Weight::plain();
        }
        return Weight { points: multiplier.into(), from: Some(2), is_repeat: true, ..Weight::plain() };
    }
    // Below the first row nothing is charged.
    let row = table.iter().filter(|row| row.misses <= misses).max_by_key(|row| row.misses);
    let times = row.map_or(Exact::ZERO, |row| row.times.into());
    let charging = table.iter().filter(|row| !row.times.0.is_zero()).map(|row| row.misses).min();
    Weight {
        points: times.clone(),
        credit: times,
        from: row.map(|row| row.misses),
        is_of_credits: true,
        is_repeat: charging.is_some_and(|first| misses > first),
    }
}
