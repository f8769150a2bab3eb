//! Building the conditions of an object: all of its kind, in the table's order, moving only when a status flips.

use jiff::Timestamp;

use crate::api::condition::{Condition, ConditionStatus, ConditionType, Kind, Reason};
use crate::api::kpi_target::Verdict;

/// What a condition should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which condition.
    pub type_: ConditionType,
    /// Its status.
    pub status: ConditionStatus,
    /// Its reason, one of `type_.reasons(status)`.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
    /// When the state began by the contract's rules; `None` where that cannot be derived.
    pub since: Option<Timestamp>,
}

impl Finding {
    /// A condition that is True.
    pub fn is_true(type_: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Finding { type_, status: ConditionStatus::True, reason, message: message.into(), since: None }
    }

    /// A condition that is False.
    pub fn is_false(type_: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Finding { type_, status: ConditionStatus::False, reason, message: message.into(), since: None }
    }

    /// A condition of which nothing can be said.
    pub fn is_unknown(type_: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Finding { type_, status: ConditionStatus::Unknown, reason, message: message.into(), since: None }
    }

    /// The same since an instant.
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }
}

/// Verdicts that leave compliance Unknown, each with its reason, in the order in which they are reported.
const UNCLEAR: [(Verdict, Reason); 3] = [
    (Verdict::NoData, Reason::NoData),
    (Verdict::Inconclusive, Reason::Inconclusive),
    (Verdict::InsufficientVolume, Reason::InsufficientVolume),
];

/// The first unclear verdict that anything has: its reason, and a sentence with the names. `None`: every verdict is clear.
///
/// `named` returns the names of what has a verdict.
pub(super) fn unclear<N: AsRef<str>>(named: impl Fn(Verdict) -> Vec<N>) -> Option<(Reason, String)> {
    UNCLEAR.into_iter().find_map(|(verdict, reason)| {
        let names = named(verdict);
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        (!names.is_empty()).then(|| (reason, format!("{verdict} for {}", names.join(", "))))
    })
}

/// The conditions of an object of `kind`, in the order of the kind's table.
///
/// The transition time is kept where the status is what it was. A type that no finding speaks of keeps what `previous`
/// says of it and is otherwise left out, which a test of each kind rules out.
pub fn conditions(
    kind: Kind,
    findings: &[Finding],
    previous: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    ConditionType::of_kind(kind)
        .iter()
        .filter_map(|type_| {
            let before = previous.iter().find(|condition| condition.type_ == type_.as_str());
            let Some(finding) = findings.iter().find(|finding| finding.type_ == *type_) else {
                return before.cloned();
            };
            debug_assert!(
                type_.reasons(finding.status).contains(&finding.reason),
                "{type_} {:?} may not carry {}",
                finding.status,
                finding.reason
            );
            let last_transition_time = match before {
                Some(before) if before.status == finding.status => before.last_transition_time,
                // What data reaches over closed hours may lie ahead; nobody saw a transition before it was looked at.
                _ => whole_second(finding.since.unwrap_or(now).min(now)),
            };
            Some(Condition {
                type_: type_.as_str().to_owned(),
                status: finding.status,
                reason: finding.reason.as_str().to_owned(),
                message: cut(&finding.message, 256),
                last_transition_time,
                observed_generation: generation,
            })
        })
        .collect()
}

/// An instant as Kubernetes keeps it: whole seconds.
pub fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

/// The status of one condition.
pub fn status_of(conditions: &[Condition], type_: ConditionType) -> Option<ConditionStatus> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str()).map(|condition| condition.status)
}

/// Cuts a text to at most `most` characters, with an ellipsis, and keeps it on one line.
pub fn cut(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if line.chars().count() <= most {
        return line;
    }
    let mut shortened: String = line.chars().take(most.saturating_sub(1)).collect();
    shortened.push('…');
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_when_the_status_flips() {
        let ready = |reason| Finding::is_true(ConditionType::Ready, reason, "fine");
        let first = conditions(Kind::ServiceTier, &[ready(Reason::Reconciled)], &[], Some(1), at(10));
        let second = conditions(Kind::ServiceTier, &[ready(Reason::Suspended)], &first, Some(2), at(20));
        assert_eq!(second[0].last_transition_time, at(10));
        assert_eq!((second[0].reason.as_str(), second[0].observed_generation), ("Suspended", Some(2)));
        let flipped = Finding::is_false(ConditionType::Ready, Reason::InvalidSpec, "no").since(Some(at(25)));
        let third = conditions(Kind::ServiceTier, &[flipped], &second, Some(3), at(30));
        assert_eq!(third[0].last_transition_time, at(25));
    }

    #[test]
    fn a_figure_without_data_comes_before_one_that_is_inconclusive_or_too_small() {
        for (verdicts, expected) in [
            (&[Verdict::Met, Verdict::Excused, Verdict::Missed, Verdict::NotMeasured][..], None),
            (&[Verdict::InsufficientVolume], Some((Reason::InsufficientVolume, "InsufficientVolume for 0"))),
            (&[Verdict::InsufficientVolume, Verdict::Inconclusive], Some((Reason::Inconclusive, "Inconclusive for 1"))),
            (&[Verdict::NoData, Verdict::Inconclusive, Verdict::NoData], Some((Reason::NoData, "NoData for 0, 2"))),
        ] {
            let named = |verdict: Verdict| -> Vec<String> {
                let has = verdicts.iter().enumerate().filter(|(_, known)| **known == verdict);
                has.map(|(place, _)| place.to_string()).collect()
            };
            assert_eq!(unclear(named), expected.map(|(reason, text)| (reason, text.to_owned())), "{verdicts:?}");
        }
    }

    #[test]
    fn long_and_many_lined_messages_fit_one_line() {
        assert_eq!(cut("a\nb", 10), "a b");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
