//! Repeats by the length of the run of misses. Each case has its arithmetic beside it.

use super::*;

const TABLE: &str = "repeats: [{misses: 3, times: '3.5'}, {misses: 1, times: 1}, {misses: 2, times: 2}]";

/// The credits of the months, with these fields of `credits` and of the KPI.
fn credits(credits: &str, kpi: &str, values: &[&str]) -> Vec<String> {
    let contract = format!("{}credits: {{{credits}}}", flat(CONTRACT));
    let case = Case::new(terms(&contract, &[("sl", &format!("{}{kpi}", flat(SERVICE_LEVEL)))]), months(values));
    let judgement = case.judge("2027-02-01T00:00Z");
    lines(&judgement, "sl").iter().map(|line| line.credit.clone().unwrap()).take(values.len()).collect()
}

#[test]
fn a_run_of_misses_is_charged_by_its_length() {
    let price = "price: {amount: 1000}";
    for (fields, kpi, values, expected) in [
        // One point short each month: 1,000 × 1, × 2, × 3.5, and × 3.5 from then on.
        (TABLE, price, vec!["79"; 4], vec!["1000.00", "2000.00", "3500.00", "3500.00"]),
        // A month that is Met ends the run; one without data does not.
        (TABLE, price, vec!["79", "79", "80", "79"], vec!["1000.00", "2000.00", "0.00", "1000.00"]),
        (TABLE, price, vec!["79", "", "79"], vec!["1000.00", "0.00", "2000.00"]),
        // A table that begins with two misses spares the first of each run.
        (
            "repeats: [{misses: 2, times: 1}]",
            price,
            vec!["79", "79", "80", "79"],
            vec!["0.00", "1000.00", "0.00", "0.00"],
        ),
        // Three points short: 3 × 1,000 × 2 = 6,000 in the second month, and at most 4,000.
        (TABLE, "price: {amount: 1000, upTo: 4000}", vec!["77", "77"], vec!["3000.00", "4000.00"]),
        // Credits of bands are multiplied too: 2.5 % of 100,000 = 2,500, × 2 = 5,000, × 3.5 = 8,750.
        (TABLE, "bands: [{severity: Minor, percent: '2.5'}]", vec!["79"; 3], vec!["2500.00", "5000.00", "8750.00"]),
        // The KPI's own table wins over the contract's.
        (
            TABLE,
            "price: {amount: 1000}\nrepeats: [{misses: 1, times: 1}, {misses: 2, times: 5}]",
            vec!["79"; 3],
            vec!["1000.00", "5000.00", "5000.00"],
        ),
        // And over `repeatMultiplier`, which by itself multiplies points alone.
        ("points: {perPointPercent: 1, repeatMultiplier: 2}", price, vec!["79"; 2], vec!["1000.00", "1000.00"]),
        (
            "points: {perPointPercent: 1, repeatMultiplier: 2}",
            "price: {amount: 1000}\nrepeats: [{misses: 2, times: 3}]",
            vec!["79"; 2],
            vec!["0.00", "3000.00"],
        ),
        // Under ramp None January does not count in the run: February is its first month.
        (
            "repeats: [{misses: 1, times: 1}, {misses: 2, times: 2}], ramp: [{until: 31d, credit: None}]",
            price,
            vec!["79"; 3],
            vec!["0.00", "1000.00", "2000.00"],
        ),
    ] {
        assert_eq!(credits(fields, kpi, &values), expected, "{fields} {kpi} {values:?}");
    }
}

#[test]
fn points_are_multiplied_and_rounded_half_up_to_whole_ones() {
    // 3 × 1, 3 × 1.5 = 4.5 → 5, 3 × 1.1 = 3.3 → 3 by a KPI's own table.
    let contract = format!(
        "{}credits: {{points: {{perPointPercent: 1}}, repeats: [{{misses: 1, times: 1}}, {{misses: 2, times: '1.5'}}]}}",
        flat(CONTRACT)
    );
    let kpi = format!("{}bands: [{{severity: Minor, points: 3}}]", flat(SERVICE_LEVEL));
    let own = format!("{kpi}\nrepeats: [{{misses: 1, times: '1.1'}}]");
    let case = Case::new(terms(&contract, &[("own", &own), ("sl", &kpi)]), months(&["79", "79"]));
    let judgement = case.judge("2026-03-01T00:00Z");
    let points = |kpi: &str| lines(&judgement, kpi).iter().map(|line| line.points).collect::<Vec<_>>();
    assert_eq!((points("sl"), points("own")), (vec![3, 5], vec![3, 3]));
    // 1 % a point: 6 points are 6,000, 8 points are 8,000.
    assert_eq!(nets(&judgement), ["6000.00", "8000.00"]);
}

#[test]
fn silence_in_the_first_month_is_spared_as_any_first_miss_is() {
    // Without data in January and February: the first miss × 0, the second at most 4,000.
    let kpi = format!(
        "{}price: {{amount: 1000, upTo: 4000}}\nmissingData: {{policy: Miss, after: 3d}}\nrepeats: [{{misses: 2, times: 1}}]",
        flat(SERVICE_LEVEL)
    );
    let judgement = Case::new(terms(CONTRACT, &[("sl", &kpi)]), vec![]).judge("2026-03-05T00:00Z");
    let credits: Vec<_> =
        lines(&judgement, "sl").iter().map(|line| (line.verdict, line.credit.clone().unwrap())).collect();
    assert_eq!(credits, [(Verdict::Missed, "0.00".to_owned()), (Verdict::Missed, "4000.00".to_owned())]);
}

#[test]
fn the_first_miss_that_a_table_charges_may_be_earned_back() {
    // January is spared, February charged 1,000 and no repeat of a charged miss, March is one. April reaches the stretch.
    let contract =
        format!("{}credits: {{repeats: [{{misses: 2, times: 1}}], earnBack: {{within: 1}}}}", flat(CONTRACT));
    let kpi = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80, stretch: 85}\nprice: {amount: 1000}";
    let judgement = Case::new(terms(&contract, &[("sl", kpi)]), months(&["79", "79", "90", "79", "79", "79", "90"]))
        .judge("2026-09-01T00:00Z");
    let states: Vec<_> = lines(&judgement, "sl").iter().map(|line| line.credit_state).take(7).collect();
    assert_eq!(
        states,
        [None, Some(CreditState::Pending), None, None, Some(CreditState::Pending), Some(CreditState::Final), None]
    );
    let earned = |month: &str| report(&judgement, month).credit.as_ref().unwrap().earned_back.clone();
    // March returns February's 1,000; in July the run had gone on, so that May's was lost with June.
    assert_eq!((earned("2026-03"), earned("2026-07")), ("1000.00".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_late_correction_changes_what_the_rest_of_the_run_costs() {
    // January to March miss by one point: 1,000 + 2,000 + 3,500. In June January turns out Met: the run begins with February,
    // so that February costs 1,000 less and March 1,500 less: 3,500 and 2,000 become 1,000 and 2,000.
    let contract = format!("{}credits: {{{TABLE}}}", flat(CONTRACT));
    let kpi = format!("{}price: {{amount: 1000}}", flat(SERVICE_LEVEL));
    let mut rows = months(&["79", "79", "79", "90", "90", "90"]);
    rows.push(month("2026-01", 8_100, 10_000).revised(2).known("2026-06-20T00:00Z"));
    let judgement = Case::new(terms(&contract, &[("sl", &kpi)]), rows).judge("2026-08-01T00:00Z");
    assert_eq!(nets(&judgement)[..3], ["0.00", "1000.00", "2000.00"]);
    // −1,000 − 1,000 − 1,500.
    assert_eq!(report(&judgement, "2026-06").credit.as_ref().unwrap().restated, "-3500.00");
}
