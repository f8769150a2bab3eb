//! Facts that a clock dated into the future, recorded once more with the instant at which that is noticed.
//!
//! What is recorded stays known, and nobody can have known it later than now. An entry of the journal is never changed, and one that says
//! what the last one said adds nothing: so such a fact is taken back and recorded again. From then on it is known from an instant that
//! does not move, here and in bundles. Only facts are dated again that are known from the instant of their entry.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::journal::{DisputeSeen, Journal, JournalFact, RecordedFact, ReliefSeen, ThresholdsSaid};

/// The facts to record at `now`, since the last one of their kind and name is dated later than `believed`.
#[must_use]
pub fn dated_again(journal: &Journal, believed: Timestamp, now: Timestamp) -> Vec<RecordedFact> {
    if journal.facts.iter().all(|recorded| recorded.recorded_at <= believed) {
        return Vec::new();
    }
    let mut by_name: BTreeMap<(&str, &str), Vec<&RecordedFact>> = BTreeMap::new();
    for recorded in &journal.facts {
        by_name.entry((recorded.fact.kind(), recorded.name.as_str())).or_default().push(recorded);
    }
    let again = by_name.values().filter_map(|facts| {
        let last = facts.last().filter(|last| last.recorded_at > believed)?;
        let other = match taken_back(&last.fact)? {
            fact if fact != last.fact => fact,
            // It is taken back already: what it was before comes once more, and goes again.
            fact => facts.iter().rev().find(|earlier| earlier.fact != fact)?.fact.clone(),
        };
        let at_now = |fact: JournalFact| RecordedFact { name: last.name.clone(), fact, recorded_at: now };
        Some([at_now(other), at_now(last.fact.clone())])
    });
    again.flatten().collect()
}

/// What takes a fact back that is known from the instant of its entry; `None` for those that hold whatever their instant is, and for those
/// that are seen again from the rows.
fn taken_back(fact: &JournalFact) -> Option<JournalFact> {
    match fact {
        JournalFact::ReliefSeen(_) => Some(JournalFact::ReliefSeen(ReliefSeen { relief: None, known_before: false })),
        JournalFact::DisputeSeen(_) => Some(JournalFact::DisputeSeen(DisputeSeen { dispute: None })),
        JournalFact::ThresholdsSaid(_) => {
            Some(JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds: BTreeMap::new() }))
        }
        JournalFact::FirstJudged(_)
        | JournalFact::LaunchDecision(_)
        | JournalFact::RiskBegan(_)
        | JournalFact::RiskCleared(_)
        | JournalFact::TermsChanged(_)
        | JournalFact::EvidenceAdopted(_)
        | JournalFact::LossAccepted(_)
        | JournalFact::PeriodHeld(_)
        | JournalFact::EvidenceRetired(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::vendor_contract::Relief;
    use crate::domain::fixtures::contracts::instant;
    use crate::domain::terms::journal::FirstJudged;
    use crate::domain::terms::relief::{ReliefHistory, unseen};

    const WRONG: &str = "2026-09-01T00:00Z";
    const NOW: &str = "2026-03-01T00:00Z";

    fn relief() -> Relief {
        let yaml = "{name: cut, cause: ForceMajeure, from: 2026-02-01T00:00:00Z, to: 2026-02-02T00:00:00Z, decision: Accepted}";
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn seen(relief: Option<Relief>, at: &str) -> RecordedFact {
        let fact = JournalFact::ReliefSeen(ReliefSeen { relief: relief.map(Box::new), known_before: false });
        RecordedFact { name: "cut".to_owned(), fact, recorded_at: instant(at) }
    }

    fn said(seconds: Option<i64>, at: &str) -> RecordedFact {
        let thresholds = seconds.map(|seconds| ("answeredWithin".to_owned(), seconds)).into_iter().collect();
        let fact = JournalFact::ThresholdsSaid(ThresholdsSaid { thresholds });
        RecordedFact { name: "acd".to_owned(), fact, recorded_at: instant(at) }
    }

    #[test]
    fn only_a_last_fact_that_is_dated_ahead_is_taken_back_and_recorded_again() {
        let (some, none) = (|at| seen(Some(relief()), at), |at| seen(None, at));
        let judged = FirstJudged { at: instant(WRONG), closed_before: Vec::new() };
        let first =
            RecordedFact { name: String::new(), fact: JournalFact::FirstJudged(judged), recorded_at: instant(WRONG) };
        let cases = [
            ("dated before now", vec![some("2026-02-20T00:00Z")], vec![]),
            ("a little ahead", vec![some("2026-03-01T00:05Z")], vec![]),
            ("ahead", vec![some(WRONG)], vec![none(NOW), some(NOW)]),
            ("taken back ahead", vec![some("2026-02-20T00:00Z"), none(WRONG)], vec![some(NOW), none(NOW)]),
            ("nothing came before it was taken back", vec![none(WRONG)], vec![]),
            ("dated again before", vec![some(WRONG), none(NOW), some(NOW)], vec![]),
            ("changed since", vec![some(WRONG), none("2026-02-25T00:00Z")], vec![]),
            ("thresholds", vec![said(Some(20), WRONG)], vec![said(None, NOW), said(Some(20), NOW)]),
            ("what holds at any instant", vec![first], vec![]),
        ];
        for (name, facts, expected) in cases {
            let journal = Journal { facts };
            assert_eq!(dated_again(&journal, instant("2026-03-01T00:05Z"), instant(NOW)), expected, "{name}");
            assert!(dated_again(&journal, Timestamp::MAX, instant(NOW)).is_empty(), "{name}: where now may be wrong");
        }
    }

    #[test]
    fn relief_that_a_wrong_clock_recorded_is_known_from_now_on_whatever_the_clock_said() {
        let mut journal = Journal { facts: vec![seen(Some(relief()), WRONG)] };
        let known = |journal: &Journal, at: &str| {
            !ReliefHistory::of(&[], Some(journal)).known_for("sl", instant(at)).is_empty()
        };
        assert!(!known(&journal, "2026-08-31T00:00Z") && known(&journal, WRONG));
        assert!(unseen(&[relief()], &journal, false, instant(NOW)).is_empty(), "the terms show nothing new");
        journal.facts.extend(dated_again(&journal, instant(NOW), instant(NOW)));
        for (at, expected) in
            [("2026-02-28T00:00Z", false), (NOW, true), ("2026-08-31T00:00Z", true), ("2026-09-02T00:00Z", true)]
        {
            assert_eq!(known(&journal, at), expected, "{at}");
        }
        assert!(dated_again(&journal, instant(NOW), instant("2026-03-02T00:00Z")).is_empty(), "once");
        assert!(unseen(&[relief()], &journal, false, instant("2026-03-02T00:00Z")).is_empty());
        assert!(
            unseen(&[], &journal, false, instant("2026-03-02T00:00Z")).len() == 1,
            "it may be taken back as before"
        );
    }
}
