use super::*;
use crate::domain::fixtures::contracts::{instant, terms};
use jiff::civil::Date;

fn dispute(more: &str) -> Dispute {
    serde_saphyr::from_str(&format!("{{name: march, period: '2026-03', raisedOn: 2026-04-09, party: Vendor, {more}}}"))
        .unwrap()
}

#[test]
fn what_the_terms_show_becomes_a_fact_once() {
    let open = dispute("");
    let decided = dispute("decision: Rejected, decidedAt: 2026-04-20T12:00:00Z");
    let steps: [(&str, Vec<Dispute>, Option<Option<Dispute>>); 6] = [
        ("raised", vec![open.clone()], Some(Some(open.clone()))),
        ("the same", vec![open.clone()], None),
        ("decided", vec![decided.clone()], Some(Some(decided))),
        ("removed", vec![], Some(None)),
        ("still removed", vec![], None),
        ("raised again", vec![open.clone()], Some(Some(open))),
    ];
    let mut journal = Journal::default();
    for (step, terms, expected) in steps {
        let facts = unseen(&terms, &journal, instant("2026-04-21T00:00Z"));
        let seen: Vec<Option<Dispute>> = facts
            .iter()
            .map(|recorded| match &recorded.fact {
                JournalFact::DisputeSeen(seen) => seen.dispute.as_deref().cloned(),
                other => panic!("{step}: {other:?}"),
            })
            .collect();
        assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{step}");
        journal.facts.extend(facts);
    }
}

#[test]
fn a_status_lists_open_disputes_with_the_day_by_which_they_are_to_be_decided() {
    // March ends on Tuesday. Ten business days and twenty more end with Tuesday, 12 May. What is raised on 1 June has twenty of its own:
    // until Monday, 29 June.
    let contract = "
        term: {start: 2026-01-01, end: 2026-12-31}
        disputes:
          - {name: settled, period: '2026-01', raisedOn: 2026-02-05, party: Client, decision: Accepted, decidedAt: 2026-02-18T10:00:00Z}
          - {name: late, period: '2026-03', raisedOn: 2026-06-01, party: Vendor}
          - {name: march, period: '2026-03', kpi: sl, raisedOn: 2026-04-09, party: Client}
          - {name: ahead, period: '2026-04', raisedOn: 2026-07-01, party: Client}
        ";
    let terms = terms(contract, &[]);
    let calendar = Calendar::of(&terms.contract).unwrap();
    let listed = statuses(&terms.contract, &calendar, instant("2026-06-02T00:00Z"));
    let listed: Vec<(&str, DisputeDecision, Option<Date>)> =
        listed.iter().map(|one| (one.name.as_str(), one.decision, one.due)).collect();
    assert_eq!(
        listed,
        [
            ("march", DisputeDecision::Open, Some("2026-05-12".parse().unwrap())),
            ("late", DisputeDecision::Open, Some("2026-06-29".parse().unwrap())),
            ("settled", DisputeDecision::Accepted, None),
        ]
    );
}
