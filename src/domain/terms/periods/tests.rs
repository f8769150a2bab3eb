use serde_json::json;

use super::*;

fn periods(start: &str, end: &str, length: &str, zone: &str) -> Periods {
    fiscal(start, end, length, zone, "01-01")
}

fn fiscal(start: &str, end: &str, length: &str, zone: &str, year_start: &str) -> Periods {
    let contract: VendorContractSpec = serde_json::from_value(json!({
        "vendor": {"name": "acme"}, "term": {"start": start, "end": end}, "timeZone": zone, "period": length,
        "fiscalYearStart": year_start,
    }))
    .unwrap();
    Periods::of(&contract, &Calendar::of(&contract).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn periods_are_calendar_periods_clipped_to_the_term() {
    for (start, end, length, names, first, last) in [
        (
            "2026-01-31",
            "2026-03-15",
            "Monthly",
            "2026-01 2026-02 2026-03",
            "2026-01-31..2026-01-31",
            "2026-03-01..2026-03-15",
        ),
        ("2024-02-29", "2024-03-01", "Monthly", "2024-02 2024-03", "2024-02-29..2024-02-29", "2024-03-01..2024-03-01"),
        // 2026 has an ISO week 53, and its last days are in the next year.
        (
            "2026-12-21",
            "2027-01-05",
            "Weekly",
            "2026-W52 2026-W53 2027-W01",
            "2026-12-21..2026-12-27",
            "2027-01-04..2027-01-05",
        ),
        ("2024-12-30", "2025-01-05", "Weekly", "2025-W01", "2024-12-30..2025-01-05", "2024-12-30..2025-01-05"),
        (
            "2026-02-10",
            "2026-07-01",
            "Quarterly",
            "2026-Q1 2026-Q2 2026-Q3",
            "2026-02-10..2026-03-31",
            "2026-07-01..2026-07-01",
        ),
        ("2026-06-01", "2027-05-31", "Yearly", "2026 2027", "2026-06-01..2026-12-31", "2027-01-01..2027-05-31"),
    ] {
        let periods = periods(start, end, length, "Europe/London");
        let days = |period: &Period| format!("{}..{}", period.first_day, period.last_day);
        let all = periods.all();
        assert_eq!(all.iter().map(|period| period.name.as_str()).collect::<Vec<_>>().join(" "), names);
        assert_eq!((days(&all[0]), days(&all[all.len() - 1])), (first.to_owned(), last.to_owned()));
        assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].index + 1 == pair[1].index));
    }
    assert!(periods("2026-02-01", "2026-01-01", "Monthly", "UTC").all().is_empty());
}

#[test]
fn periods_begin_and_end_at_local_midnight() {
    for (zone, start, end) in [
        ("Europe/London", "2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z"),
        ("America/New_York", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"),
        ("Asia/Manila", "2026-02-28T16:00:00Z", "2026-03-31T16:00:00Z"),
    ] {
        let periods = periods("2026-01-01", "2026-12-31", "Monthly", zone);
        let march = periods.named("2026-03").unwrap();
        assert_eq!((march.start, march.end), (at(start), at(end)), "{zone}");
    }
}

#[test]
fn periods_are_found_by_instant() {
    let periods = periods("2026-01-01", "2026-12-31", "Monthly", "UTC");
    for (instant, containing, closed) in [
        ("2025-12-31T23:59:59Z", None, 0),
        ("2026-01-01T00:00:00Z", Some("2026-01"), 0),
        ("2026-01-31T23:59:59Z", Some("2026-01"), 0),
        ("2026-02-01T00:00:00Z", Some("2026-02"), 1),
        ("2026-12-31T23:59:59Z", Some("2026-12"), 11),
        ("2027-01-01T00:00:00Z", None, 12),
    ] {
        let found = periods.containing(at(instant)).map(|period| period.name.as_str());
        assert_eq!((found, periods.closed_by(at(instant)).len()), (containing, closed), "{instant}");
    }
    let march = periods.named("2026-03").unwrap();
    assert_eq!(periods.previous(march).unwrap().name, "2026-02");
    assert_eq!(periods.next(march).unwrap().name, "2026-04");
    assert_eq!(periods.ending_with(march, 2)[0].name, "2026-02");
    assert_eq!(periods.ending_with(march, 9).len(), 3);
    assert_eq!(periods.previous(periods.nth(0).unwrap()), None);
    assert_eq!(periods.containing_day("2026-03-31".parse().unwrap()), Some(march));
}

#[test]
fn contract_years_run_from_the_anniversary() {
    let leap = periods("2024-02-29", "2028-12-31", "Monthly", "UTC");
    for (name, number, first, last) in [
        ("2024-02", 1, "2024-02-29", "2025-02-27"),
        ("2025-02", 1, "2024-02-29", "2025-02-27"),
        ("2025-03", 2, "2025-02-28", "2026-02-27"),
        ("2028-02", 4, "2027-02-28", "2028-02-28"),
        ("2028-03", 5, "2028-02-29", "2028-12-31"),
    ] {
        let year = leap.contract_year_of(leap.named(name).unwrap());
        assert_eq!(
            (year.number, year.first_day.to_string(), year.last_day.to_string()),
            (number, first.to_owned(), last.to_owned()),
            "{name}"
        );
        assert!(leap.of_contract_year(year).iter().all(|period| leap.contract_year_of(period) == year));
    }
    let middle = periods("2026-01-31", "2028-01-30", "Monthly", "UTC");
    let year = |name: &str| middle.contract_year_of(middle.named(name).unwrap()).number;
    // The second January starts on the 1st, before the anniversary of the 31st.
    assert_eq!((year("2026-01"), year("2027-01"), year("2027-02")), (1, 1, 2));
}

#[test]
fn every_name_of_a_period_fits_where_reports_and_statuses_hold_it() {
    let schema = serde_json::to_value(schemars::schema_for!(crate::api::vendor_contract::PeriodBounds)).unwrap();
    let most = schema.pointer("/properties/name/maxLength").unwrap().as_u64().unwrap();
    for length in ["Weekly", "Monthly", "Quarterly", "HalfYearly", "Yearly", "ContractYear"] {
        for year_start in ["01-01", "07-01"] {
            for period in fiscal("2026-02-10", "2036-12-31", length, "UTC", year_start).all() {
                assert!(period.name.len() as u64 <= most, "{} is longer than {most}", period.name);
            }
        }
    }
}

#[test]
fn parts_of_fiscal_years_are_named_after_the_year_in_which_it_ends() {
    for (term, length, year_start, expected) in [
        // A year from 1 July 2026 to 30 June 2027 is FY2027; its first quarter ends on 30 September.
        (
            "2026-07-01..2027-07-31",
            "Quarterly",
            "07-01",
            "FY2027-Q1 2026-07-01..2026-09-30, FY2027-Q2 2026-10-01..2026-12-31, FY2027-Q3 2027-01-01..2027-03-31, \
             FY2027-Q4 2027-04-01..2027-06-30, FY2028-Q1 2027-07-01..2027-07-31",
        ),
        // Clipped at both ends: the term begins in the second half of FY2026.
        (
            "2026-02-10..2027-01-15",
            "HalfYearly",
            "07-01",
            "FY2026-H2 2026-02-10..2026-06-30, FY2027-H1 2026-07-01..2026-12-31, FY2027-H2 2027-01-01..2027-01-15",
        ),
        (
            "2026-02-10..2026-12-31",
            "HalfYearly",
            "01-01",
            "2026-H1 2026-02-10..2026-06-30, 2026-H2 2026-07-01..2026-12-31",
        ),
        (
            "2026-01-01..2027-04-10",
            "Yearly",
            "04-06",
            "FY2026 2026-01-01..2026-04-05, FY2027 2026-04-06..2027-04-05, FY2028 2027-04-06..2027-04-10",
        ),
        // Quarters from the 28th: November, February (with 29 days), May and August.
        (
            "2027-11-28..2028-11-27",
            "Quarterly",
            "11-28",
            "FY2028-Q1 2027-11-28..2028-02-27, FY2028-Q2 2028-02-28..2028-05-27, FY2028-Q3 2028-05-28..2028-08-27, FY2028-Q4 2028-08-28..2028-11-27",
        ),
        // From one anniversary to the next, the last one cut short; what begins on 29 February goes on from the 28th.
        (
            "2024-02-29..2026-06-30",
            "ContractYear",
            "01-01",
            "CY1 2024-02-29..2025-02-27, CY2 2025-02-28..2026-02-27, CY3 2026-02-28..2026-06-30",
        ),
    ] {
        let (first, last) = term.split_once("..").unwrap();
        let periods = fiscal(first, last, length, "Europe/London", year_start);
        let days = |period: &Period| format!("{} {}..{}", period.name, period.first_day, period.last_day);
        assert_eq!(periods.all().iter().map(days).collect::<Vec<_>>().join(", "), expected, "{term} {length}");
        assert!(periods.all().windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}

#[test]
fn ten_contract_years_stay_in_the_order_of_time() {
    let periods = periods("2026-03-01", "2037-02-28", "ContractYear", "UTC");
    let names: Vec<&str> = periods.all().iter().map(|period| period.name.as_str()).collect();
    assert_eq!((names[1], names[9], names.len()), ("CY2", "CY10", 11));
    for period in periods.all() {
        let year = periods.contract_year_of(period);
        assert_eq!(format!("CY{}", year.number), period.name);
        assert_eq!(periods.of_contract_year(year).len(), 1);
    }
}
