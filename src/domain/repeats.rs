//! Repeated misses: by what the length of a run multiplies points and credits.

use crate::api::consequence::RepeatRow;
use crate::api::kpi_target::KpiTargetSpec;
use crate::api::vendor_contract::VendorContractSpec;

use super::exact::Exact;

/// By what the n-th miss in a row is multiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Points.
    pub points: Exact,
    /// Credits.
    pub credit: Exact,
    /// Whether an earlier miss of the run was charged already. A miss that the table spares is none that was charged.
    pub is_repeat: bool,
}

/// The weight of the n-th miss in a row: by the KPI's own table, else the contract's, else by `repeatMultiplier`, which
/// multiplies points alone.
pub fn weight_of(contract: &VendorContractSpec, spec: &KpiTargetSpec, misses: i64) -> Weight {
    let credits = contract.credits.as_ref();
    let of_contract = credits.map(|credits| credits.repeats.as_slice()).unwrap_or_default();
    let table = if spec.repeats.is_empty() { of_contract } else { spec.repeats.as_slice() };
    if table.is_empty() {
        let multiplier = credits.and_then(|credits| credits.points.as_ref()?.repeat_multiplier).unwrap_or(1);
        let points = Exact::from(if misses > 1 { multiplier } else { 1 });
        return Weight { points, credit: Exact::ONE, is_repeat: misses > 1 };
    }
    let times = times_of(table, misses);
    let charging = table.iter().filter(|row| !row.times.0.is_zero()).map(|row| row.misses).min();
    Weight { points: times.clone(), credit: times, is_repeat: charging.is_some_and(|first| misses > first) }
}

/// The `times` of the row with the highest `misses` that is not above so many; 0 below the first row.
fn times_of(table: &[RepeatRow], misses: i64) -> Exact {
    let reached = table.iter().filter(|row| row.misses <= misses).max_by_key(|row| row.misses);
    reached.map_or(Exact::ZERO, |row| row.times.into())
}
