//! What a report says it was judged by.

use super::*;
use crate::api::basis::TargetPart;

const RESTATED: &str = "
    kpi: ServiceLevel
    variant: AnsweredOnly
    objective: {target: 80, schedule: [{from: 2026-01-16, target: 90}]}
    rounding: {decimals: 0}
    ";

fn day(day: &str, good: i64, all: i64) -> Row {
    let next = if day == "2026-01-10" { "2026-01-11" } else { "2026-01-21" };
    row(&format!("{day}T00:00Z"), &format!("{next}T00:00Z"), &[("answeredWithin", good), ("answered", all)])
}

#[test]
fn a_restatement_that_changes_the_basis_alone_makes_a_revision_and_one_that_changes_nothing_makes_none() {
    let judged = |first: (i64, i64), second: (i64, i64)| {
        let mut case = Case::new(
            terms(CONTRACT, &[("sl", RESTATED)]),
            vec![day("2026-01-10", 500, 1000), day("2026-01-20", 500, 1000)],
        );
        let late = "2026-02-20T00:00Z";
        case.add(vec![
            day("2026-01-10", first.0, first.1).revised(2).known(late),
            day("2026-01-20", second.0, second.1).revised(2).known(late),
        ]);
        case.judge("2026-02-21T00:00Z")
    };
    // The same sums, and the mean of the target is rounded to 85 either way; the weights of its parts are others.
    let judgement = judged((499, 999), (501, 1001));
    let of_january: Vec<_> = judgement.reports.iter().filter(|report| report.period.name == "2026-01").collect();
    assert_eq!(of_january.len(), 2);
    let weights = |report: &SlaReportSpec| {
        let parts: Vec<TargetPart> = report.kpis[0].basis.clone().unwrap().targets;
        parts.into_iter().map(|part| format!("{} × {}", part.target, part.denominator)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(weights(of_january[0]), "80 × 1000, 90 × 1000");
    assert_eq!(weights(of_january[1]), "80 × 999, 90 × 1001");
    assert_eq!(of_january[0].kpis[0].target, of_january[1].kpis[0].target);
    let unchanged = judged((500, 1000), (500, 1000));
    assert_eq!(unchanged.reports.iter().filter(|report| report.period.name == "2026-01").count(), 1);
}

#[test]
fn a_basis_is_the_same_from_what_earlier_judgements_worked_out() {
    let attrition = "kpi: Attrition\nobjective: {target: 40}";
    let mut rows = vec![day("2026-01-10", 1, 2), day("2026-01-20", 1, 2)];
    for row in &mut rows {
        row.measures.insert("leavers".into(), 1.into());
        row.measures.insert("headcount".into(), 50.into());
    }
    let case = Case::new(terms(CONTRACT, &[("at", attrition), ("sl", RESTATED)]), rows);
    let facts = ContractFacts {
        name: "acme",
        terms: &case.terms,
        closed_under: &case.closed_under,
        rows: &case.packed(),
        journal: None,
        said: &crate::domain::judgement::outcome::NOTHING_SAID,
    };
    let mut rollups = RollUps::default();
    let first = judge_again(&facts, instant("2026-03-01T00:00Z"), &mut rollups).unwrap();
    let again = judge_again(&facts, instant("2026-03-01T00:00Z"), &mut rollups).unwrap();
    assert_eq!(first, again);
    let first = JudgedCase::from(first);
    let basis = |kpi: &str| line(&first, "2026-01", kpi).basis.clone().unwrap();
    assert!(basis("at").annual_factor.is_some() && basis("sl").annual_factor.is_none());
    assert_eq!(basis("sl").targets.len(), 2);
}
