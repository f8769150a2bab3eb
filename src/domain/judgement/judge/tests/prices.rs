//! Money by quantity, and caps in money. Each case has its arithmetic beside it.

use super::*;

/// The credit, the bonus and the verdict of January, with a KPI of these terms.
fn january(contract: &str, kpi: &str, value: &str) -> (String, String, Verdict) {
    let case = Case::new(terms(contract, &[("sl", kpi)]), months(&[value]));
    let judgement = case.judge("2026-02-01T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    (line.credit.clone().unwrap(), line.bonus.clone().unwrap(), line.verdict)
}

/// A contract with a currency and without charges.
const CURRENCY: &str = "
    term: {start: 2026-01-01, end: 2026-12-31}
    feeds: [{name: acd, url: 'https://feeds.example'}]
    charges: {currency: GBP}
    ";

#[test]
fn a_price_counts_the_steps_by_which_a_value_is_worse() {
    for (price, value, credit) in [
        // 80 − 77.5 = 2.5 points: 3 have begun × 5,000.
        ("amount: 5000", "77.5", "15000.00"),
        // Exactly 3 points are 3 steps, not 4.
        ("amount: 5000", "77", "15000.00"),
        // 2 whole points × 5,000.
        ("amount: 5000, steps: Full", "77.5", "10000.00"),
        // 2.5 × 5,000.
        ("amount: 5000, steps: Exact", "77.5", "12500.00"),
        // 2.5 / 0.1 = 25 tenths × 250.50.
        ("amount: '250.50', per: '0.1'", "77.5", "6262.50"),
        // 0.01 / 0.5: the first half point has begun.
        ("amount: 100, per: '0.5'", "79.99", "100.00"),
        // 0.01 / 0.5 = no whole step.
        ("amount: 100, per: '0.5', steps: Full", "79.99", "0.00"),
        // From 79 on: 79 − 77.5 = 1.5: 2 have begun × 5,000.
        ("amount: 5000, beyond: 79", "77.5", "10000.00"),
        // 79.2 misses 80 and lies above 79: a dead band.
        ("amount: 5000, beyond: 79", "79.2", "0.00"),
        // 20 × 5,000 = 100,000, and no more than 60,000.
        ("amount: 5000, upTo: 60000", "60", "60000.00"),
        // In January the amount of January: 3 × 5,000. What begins on 2 January begins with February.
        ("amount: 5000, schedule: [{from: 2026-01-02, amount: 9000}]", "77", "15000.00"),
        // From the term's first day on 3 × 9,000.
        ("amount: 5000, schedule: [{from: 2026-01-01, amount: 9000}]", "77", "27000.00"),
        // A third of a point: 1/3 × 100 = 33.333… is rounded once, at the end.
        ("amount: 100, per: 3, steps: Exact", "79", "33.33"),
        // Met: nothing.
        ("amount: 5000", "80", "0.00"),
    ] {
        let kpi = format!("{}price: {{{price}}}", flat(SERVICE_LEVEL));
        let (found, _, verdict) = january(CURRENCY, &kpi, value);
        assert_eq!(found, credit, "{price} at {value}");
        assert_eq!(verdict == Verdict::Met, value == "80");
    }
}

#[test]
fn a_price_where_lower_is_better_and_one_with_a_strict_target() {
    for (objective, price, value, credit) in [
        // 8.5 − 8.3 = 0.2: two tenths × 1,000.
        ("comparison: AtMost, target: '8.2'", "amount: 1000, per: '0.1', beyond: '8.3'", "8.5", "2000.00"),
        // 8.25 misses 8.2 and lies within 8.3: Missed, and no cost.
        ("comparison: AtMost, target: '8.2'", "amount: 1000, per: '0.1', beyond: '8.3'", "8.25", "0.00"),
        // Not more than 80 is a miss of "more than 80", by a distance of 0.
        ("comparison: MoreThan, target: 80", "amount: 1000", "80", "0.00"),
        // 80 − 79.5: one point has begun.
        ("comparison: MoreThan, target: 80", "amount: 1000", "79.5", "1000.00"),
    ] {
        let kpi = format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{{objective}}}\nprice: {{{price}}}");
        let (found, _, verdict) = january(CURRENCY, &kpi, value);
        assert_eq!((found.as_str(), verdict), (credit, Verdict::Missed), "{objective} {price} at {value}");
    }
}

#[test]
fn events_are_priced_where_their_share_is_missed() {
    // 5 % of 10,000 may be abandoned. 612 were: 612 × 3 = 1,836, from the first on. With 480, 4.8 %, nothing.
    let kpi = "kpi: AbandonmentRate\nobjective: {target: 5}\nprice: {amount: 3, count: Numerator}";
    for (abandoned, credit) in [(612, "1836.00"), (480, "0.00")] {
        let row = row(
            "2026-01-15T00:00Z",
            "2026-01-16T00:00Z",
            &[("abandoned", abandoned), ("offered", 10_000), ("answered", 10_000 - abandoned)],
        );
        let judgement = Case::new(terms(CURRENCY, &[("sl", kpi)]), vec![row]).judge("2026-02-01T00:00Z");
        assert_eq!(line(&judgement, "2026-01", "sl").credit.as_deref(), Some(credit));
    }
    // Each of 7 complaints costs 250 where none is allowed: 1,750; in hundreds that have begun, 1 × 250.
    for (price, credit) in [("amount: 250", "1750.00"), ("amount: 250, per: 100", "250.00")] {
        let kpi = format!(
            "kpi: Custom\nformula: {{numerator: complaints, unit: Count, better: Lower}}\nobjective: {{target: 0}}\nprice: {{{price}}}"
        );
        let row = row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &[("complaints", 7)]);
        let judgement = Case::new(terms(CURRENCY, &[("sl", &kpi)]), vec![row]).judge("2026-02-01T00:00Z");
        assert_eq!(line(&judgement, "2026-01", "sl").credit.as_deref(), Some(credit));
    }
}

#[test]
fn a_miss_without_a_value_costs_as_much_as_the_price_allows() {
    let kpi = format!(
        "{}price: {{amount: 5000, upTo: 40000}}\nmissingData: {{policy: Miss, after: 3d}}",
        flat(SERVICE_LEVEL)
    );
    let judgement = Case::new(terms(CURRENCY, &[("sl", &kpi)]), vec![]).judge("2026-02-05T00:00Z");
    let line = line(&judgement, "2026-01", "sl");
    assert_eq!((line.verdict, line.credit.as_deref()), (Verdict::Missed, Some("40000.00")));
}

#[test]
fn a_bonus_is_paid_by_quantity_above_its_own_point() {
    for (bonus, value, paid) in [
        // 93.2 − 90 = 3.2: 4 have begun × 1,000.
        ("from: 90, price: {amount: 1000}", "93.2", "4000.00"),
        ("from: 90, price: {amount: 1000, steps: Full}", "93.2", "3000.00"),
        // 3.2 × 1,000.
        ("from: 90, price: {amount: 1000, steps: Exact}", "93.2", "3200.00"),
        // 4 × 1,000, and no more than 2,500.
        ("from: 90, price: {amount: 1000, upTo: 2500}", "93.2", "2500.00"),
        // `from` itself is not surpassed.
        ("from: 90, price: {amount: 1000}", "90", "0.00"),
        ("from: 90, price: {amount: 1000}", "85", "0.00"),
    ] {
        let kpi = format!("{}bonus: {{{bonus}}}", flat(SERVICE_LEVEL));
        assert_eq!(january(CURRENCY, &kpi, value).1, paid, "{bonus} at {value}");
    }
}

#[test]
fn the_ramp_halves_a_price_after_its_limit_and_spares_no_bonus() {
    // 20 × 5,000 = 100,000, at most 60,000, half of it 30,000.
    let contract = format!("{}credits: {{ramp: [{{until: 60d, credit: Half}}]}}", flat(CURRENCY));
    let kpi = format!(
        "{}price: {{amount: 5000, upTo: 60000}}\nbonus: {{from: 90, price: {{amount: 10}}}}",
        flat(SERVICE_LEVEL)
    );
    assert_eq!(january(&contract, &kpi, "60").0, "30000.00");
    // 92 − 90 = 2 × 10.
    assert_eq!(january(&contract, &kpi, "92").1, "20.00");
}

#[test]
fn caps_may_be_amounts_of_money() {
    use crate::api::vendor_contract::CapKind::{Period, Year};
    // 6 points × 5,000 = 30,000 a month, at most 25,000 a month and 60,000 a year: 25,000 + 25,000 + 10,000 + 0.
    let contract = flat(CURRENCY).replace("currency: GBP", "currency: GBP, atRiskAmount: 25000")
        + "credits: {yearCapAmount: 60000}";
    let kpi = format!("{}price: {{amount: 5000}}", flat(SERVICE_LEVEL));
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), months(&["74"; 4])).judge("2026-06-30T00:00Z");
    assert_eq!(nets(&judgement)[..4], ["25000.00", "25000.00", "10000.00", "0.00"]);
    let capped = |month: &str| report(&judgement, month).credit.as_ref().unwrap().capped_by.clone();
    assert_eq!([capped("2026-01"), capped("2026-03")], [vec![Period], vec![Period, Year]]);
    let credits = judgement.credits.clone().unwrap();
    assert_eq!((credits.period_cap.as_deref(), credits.year_cap.as_deref()), (Some("25000.00"), Some("60000.00")));
}

#[test]
fn a_band_takes_its_percentage_of_an_amount_at_risk_in_money() {
    // 40 % of 50,000.
    let contract = flat(CURRENCY).replace("currency: GBP", "currency: GBP, atRiskAmount: 50000");
    let kpi = format!("{}bands: [{{severity: Minor, atRiskPercent: 40}}]", flat(SERVICE_LEVEL));
    assert_eq!(january(&contract, &kpi, "70").0, "20000.00");
}

#[test]
fn the_cap_of_the_year_is_whole_in_a_short_last_year() {
    // Two contract years, of twelve months and of two. 60,000 each: 30,000 a month fill the second with its two months.
    let contract = flat(CURRENCY).replace("end: 2026-12-31", "end: 2027-02-28") + "credits: {yearCapAmount: 60000}";
    let kpi = format!("{}price: {{amount: 5000}}", flat(SERVICE_LEVEL));
    let rows = vec![month("2027-01", 74, 100), month("2027-02", 74, 100)];
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), rows).judge("2027-06-30T00:00Z");
    assert_eq!(nets(&judgement)[12..], ["30000.00", "30000.00"]);
}
