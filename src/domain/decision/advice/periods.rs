//! How the periods of a contract lie in its contract years.

use super::Findings;
use crate::api::vendor_contract::{PeriodLength, VendorContractSpec};
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::periods::Periods;

/// Notes that two yearly periods share one cap of the year, which people who write it for a year do not expect.
pub(super) fn check(contract: &VendorContractSpec, advice: &mut Findings) {
    let credits = contract.credits.as_ref();
    let has_cap =
        credits.is_some_and(|credits| credits.year_cap_percent.is_some() || credits.year_cap_amount.is_some());
    if contract.period != PeriodLength::Yearly || !has_cap {
        return;
    }
    let Ok(calendar) = Calendar::of(contract) else { return };
    let periods = Periods::of(contract, &calendar);
    let years = periods.all().iter().map(|period| periods.contract_year_of(period));
    let Some(shared) = years.map(|year| (year, periods.of_contract_year(year))).find(|(_, of)| of.len() > 1) else {
        return;
    };
    let names: Vec<&str> = shared.1.iter().map(|period| period.name.as_str()).collect();
    let message = format!(
        "the periods {} start in one contract year, from {} to {}, and share its cap: write period ContractYear, or a cap for both",
        names.join(" and "),
        shared.0.first_day,
        shared.0.last_day
    );
    advice.add("YearsShareCap", None, message);
}
