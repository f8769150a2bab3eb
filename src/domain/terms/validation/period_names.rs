//! The names of periods, and where a fiscal year may begin.

use super::checks::Findings;
use crate::api::period::MonthDay;
use crate::api::vendor_contract::{PeriodLength, VendorContractSpec};

/// Notes a start of the fiscal year where no period depends on it.
pub(super) fn check_fiscal_year(findings: &mut Findings, spec: &VendorContractSpec) {
    let takes_it = matches!(spec.period, PeriodLength::Quarterly | PeriodLength::HalfYearly | PeriodLength::Yearly);
    findings.ensure(takes_it || spec.fiscal_year_start.is_none(), "spec.fiscalYearStart", || {
        format!(
            "says where quarters, half-years and years begin, and period is {}: write period Quarterly, HalfYearly or Yearly, or take it away",
            spec.period
        )
    });
}

/// Whether years are named FY2027, since they do not begin on 1 January.
pub(super) fn names_fiscal_years(spec: &VendorContractSpec) -> bool {
    spec.fiscal_year_start.is_some_and(|start| start != MonthDay::NEW_YEAR)
}

/// Whether a text is the name of a period of a cadence.
pub(super) fn is_period_of(cadence: PeriodLength, is_fiscal: bool, name: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u8>().unwrap_or_default();
    if cadence == PeriodLength::ContractYear {
        let number = name.strip_prefix("CY").unwrap_or_default();
        return (1..=4).any(|count| digits(number, count)) && !number.starts_with('0');
    }
    let parts_of_years = matches!(cadence, PeriodLength::Quarterly | PeriodLength::HalfYearly | PeriodLength::Yearly);
    let plain = if is_fiscal && parts_of_years { name.strip_prefix("FY").unwrap_or_default() } else { name };
    let (year, rest) = plain.split_at_checked(4).unwrap_or((plain, ""));
    let two = |prefix: &str, most: u8| {
        rest.strip_prefix(prefix).is_some_and(|part| digits(part, 2) && (1..=most).contains(&number(part)))
    };
    digits(year, 4)
        && match cadence {
            PeriodLength::Yearly => rest.is_empty(),
            PeriodLength::HalfYearly => matches!(rest, "-H1" | "-H2"),
            PeriodLength::Quarterly => matches!(rest, "-Q1" | "-Q2" | "-Q3" | "-Q4"),
            PeriodLength::Monthly => two("-", 12),
            PeriodLength::Weekly => two("-W", 53),
            PeriodLength::ContractYear => false,
        }
}

/// The name of a period of a cadence, to copy.
pub(super) fn example_of(cadence: PeriodLength, is_fiscal: bool) -> &'static str {
    match (cadence, is_fiscal) {
        (PeriodLength::Weekly, _) => "2026-W07",
        (PeriodLength::Monthly, _) => "2026-02",
        (PeriodLength::Quarterly, false) => "2026-Q1",
        (PeriodLength::Quarterly, true) => "FY2027-Q1",
        (PeriodLength::HalfYearly, false) => "2026-H1",
        (PeriodLength::HalfYearly, true) => "FY2027-H1",
        (PeriodLength::Yearly, false) => "2026",
        (PeriodLength::Yearly, true) => "FY2027",
        (PeriodLength::ContractYear, _) => "CY1",
    }
}
