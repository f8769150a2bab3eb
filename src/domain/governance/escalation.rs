//! The escalation matrix: which level is active, since when, and who must respond by when.

use jiff::Timestamp;

use crate::api::vendor_contract::{Contact, EscalationCause, EscalationLevel, EscalationStatus, VendorContractSpec};
use crate::domain::terms::calendar::Calendar;

/// An active cause, with the instant at which it began by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StandingCause {
    /// Since when. Missed and Serious: the period's end.
    pub since: Timestamp,
    /// The cause.
    pub cause: EscalationCause,
}

/// That someone has taken up what was escalated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When: it acknowledges the levels that were active by then, and none that is raised later.
    pub at: Timestamp,
}

impl Acknowledgement {
    /// Reads `NAME at INSTANT`, as the annotation says it.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (by, at) = said_at(text)?;
            let named = !by.is_empty() && by.chars().count() <= 253 && !by.contains(char::is_control);
            Some(Self { by: by.to_owned(), at }).filter(|_| named)
        };
        read().ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            format!("{shown:?} acknowledges nothing: write NAME at INSTANT, such as \"sam at 2026-06-03T09:12:00Z\"")
        })
    }
}

/// Who or what, and when, of a text such as an annotation: `NAME at INSTANT`.
pub fn said_at(text: &str) -> Option<(&str, Timestamp)> {
    let (name, at) = text.rsplit_once(" at ")?;
    Some((name.trim(), at.trim().parse().ok()?))
}

/// What the matrix says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escalation<'a> {
    /// Every level whose `after` has passed, the lowest first: one that passed while nobody looked is among them. The last one is active.
    pub levels: Vec<StandingLevel<'a>>,
    /// The earliest instant after `now` at which a level becomes active, or has not been answered, by time alone.
    pub next: Option<Timestamp>,
}

impl<'a> Escalation<'a> {
    /// The highest active level; `None` when there is none.
    pub fn standing(&self) -> Option<&StandingLevel<'a>> {
        self.levels.last()
    }
}

/// An active level.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingLevel<'a> {
    /// As a status shows it; `contacts` are those that the level names.
    pub status: EscalationStatus,
    /// Whether the time to respond has passed and nobody has acknowledged.
    pub unanswered: bool,
    /// The level's contacts, each followed by the deputy, each person once.
    pub people: Vec<&'a Contact>,
    /// The level's alerts, through which they are notified.
    pub alerts: &'a [String],
}

/// The levels of the contract's matrix of which a cause has lasted for the level's `after`. Of several causes the one through which a
/// level has been active longest is named.
pub fn escalate<'a>(
    contract: &'a VendorContractSpec,
    calendar: &Calendar,
    causes: &[StandingCause],
    acknowledged: Option<&Acknowledgement>,
    now: Timestamp,
) -> Escalation<'a> {
    let mut levels: Vec<&EscalationLevel> = contract.escalation.iter().collect();
    levels.sort_by_key(|level| level.level);
    let mut escalation = Escalation::default();
    for level in levels {
        let active_since = causes
            .iter()
            .filter(|standing| level.causes.contains(&standing.cause))
            .map(|standing| (calendar.after(standing.since, level.after), standing.cause))
            .min();
        let Some((since, cause)) = active_since else { continue };
        if since > now {
            escalation.next = earlier(escalation.next, since);
            continue;
        }
        let mut standing = standing_level(contract, level, cause, since, calendar);
        let answer = acknowledged.filter(|answer| answer.at >= since && answer.at <= now);
        standing.status.acknowledged_by = answer.map(|answer| answer.by.clone());
        if let Some(respond_by) = standing.status.respond_by.filter(|_| answer.is_none()) {
            standing.unanswered = respond_by <= now;
            if !standing.unanswered {
                escalation.next = earlier(escalation.next, respond_by);
            }
        }
        escalation.levels.push(standing);
    }
    escalation
}

fn earlier(known: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(other, |known| known.min(other)))
}

fn standing_level<'a>(
    contract: &'a VendorContractSpec,
    level: &'a EscalationLevel,
    cause: EscalationCause,
    since: Timestamp,
    calendar: &Calendar,
) -> StandingLevel<'a> {
    let mut contacts = level.contacts.clone();
    contacts.sort();
    contacts.dedup();
    let person = |name: &str| contract.contacts.iter().find(|contact| contact.name == name);
    let mut people: Vec<&Contact> = Vec::new();
    for contact in contacts.iter().filter_map(|name| person(name)) {
        for who in [Some(contact), contact.deputy.as_deref().and_then(person)].into_iter().flatten() {
            if !people.iter().any(|known| known.name == who.name) {
                people.push(who);
            }
        }
    }
    let respond_by = level.respond.map(|respond| calendar.after(since, respond));
    let status = EscalationStatus { level: level.level, cause, since, respond_by, contacts, acknowledged_by: None };
    StandingLevel { status, unanswered: false, people, alerts: &level.alerts }
}

#[cfg(test)]
mod tests {
    use crate::domain::judgement::escalation_causes::causes_of;
    use std::collections::BTreeMap;

    use super::*;

    use crate::domain::terms::contract_terms::Terms;

    use crate::domain::judgement::outcome::{Judgement, KpiJudgement};
    use serde_json::json;

    fn contract() -> VendorContractSpec {
        serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
            "calendar": {"serviceHours": [
                {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "08:00", "to": "20:00"},
            ]},
            "contacts": [
                {"name": "maria", "email": "maria@acme.example", "deputy": "sam"},
                {"name": "sam", "deputy": "maria"}, {"name": "zoe"},
            ],
            "escalation": [
                {"level": 3, "after": "5bd", "causes": ["TriggerFired", "LaunchNoGo"], "contacts": ["zoe"]},
                {"level": 1, "after": "0h", "causes": ["Missed"], "contacts": ["sam"], "alerts": ["ops"], "respond": "4bh"},
                {"level": 2, "after": "2bd", "causes": ["Missed", "Overdue"], "contacts": ["zoe", "maria"], "respond": "2bh"},
            ],
        }))
        .unwrap()
    }

    fn cause(cause: EscalationCause, since: &str) -> StandingCause {
        StandingCause { cause, since: since.parse().unwrap() }
    }

    /// Level, cause, since, respondBy and next, in one line.
    fn summary(causes: &[StandingCause], now: &str) -> String {
        let contract = contract();
        let calendar = Calendar::of(&contract).unwrap();
        let escalation = escalate(&contract, &calendar, causes, None, now.parse().unwrap());
        let standing = escalation.standing().map_or("none".to_owned(), |standing| {
            let status = &standing.status;
            let respond = status.respond_by.map_or("-".to_owned(), |instant| instant.to_string());
            format!("{} {:?} {} {respond} {}", status.level, status.cause, status.since, status.contacts.join(","))
        });
        format!("{standing} | {}", escalation.next.map_or("-".to_owned(), |instant| instant.to_string()))
    }

    #[test]
    fn the_highest_level_whose_time_has_come_is_active() {
        // May ends on Sunday 31st: two business days later is the end of Tuesday.
        let missed = cause(EscalationCause::Missed, "2026-06-01T00:00:00Z");
        for (causes, now, expected) in [
            (vec![], "2026-06-05T00:00:00Z", "none | -"),
            (
                vec![missed],
                "2026-06-01T00:00:00Z",
                "1 Missed 2026-06-01T00:00:00Z 2026-06-01T12:00:00Z sam | 2026-06-01T12:00:00Z",
            ),
            (
                vec![missed],
                "2026-06-03T00:00:00Z",
                "2 Missed 2026-06-03T00:00:00Z 2026-06-03T10:00:00Z maria,zoe | 2026-06-03T10:00:00Z",
            ),
            (
                // The same level by two causes: the one that has lasted longest is named.
                vec![missed, cause(EscalationCause::Overdue, "2026-05-27T00:00:00Z")],
                "2026-06-04T00:00:00Z",
                "2 Overdue 2026-05-29T00:00:00Z 2026-05-29T10:00:00Z maria,zoe | -",
            ),
            (
                vec![missed, cause(EscalationCause::TriggerFired, "2026-06-01T00:00:00Z")],
                "2026-06-03T00:00:00Z",
                "2 Missed 2026-06-03T00:00:00Z 2026-06-03T10:00:00Z maria,zoe | 2026-06-03T10:00:00Z",
            ),
            (
                vec![missed, cause(EscalationCause::TriggerFired, "2026-06-01T00:00:00Z")],
                "2026-06-06T00:00:00Z",
                "3 TriggerFired 2026-06-06T00:00:00Z - zoe | -",
            ),
            (vec![cause(EscalationCause::AtRisk, "2026-06-01T00:00:00Z")], "2026-06-06T00:00:00Z", "none | -"),
        ] {
            assert_eq!(summary(&causes, now), expected, "{now}");
        }
    }

    #[test]
    fn deputies_are_notified_after_those_they_replace_and_nobody_twice() {
        let contract = contract();
        let calendar = Calendar::of(&contract).unwrap();
        for (since, names) in [("2026-06-01T00:00:00Z", "sam maria"), ("2026-05-01T00:00:00Z", "maria sam zoe")] {
            let causes = [cause(EscalationCause::Missed, since)];
            let escalation = escalate(&contract, &calendar, &causes, None, "2026-06-01T12:00:00Z".parse().unwrap());
            let people: Vec<&str> =
                escalation.standing().unwrap().people.iter().map(|person| person.name.as_str()).collect();
            assert_eq!(people.join(" "), names);
        }
    }

    #[test]
    fn no_level_is_skipped_and_an_acknowledgement_answers_those_that_were_active_by_then() {
        let contract = contract();
        let calendar = Calendar::of(&contract).unwrap();
        let causes = [cause(EscalationCause::Missed, "2026-06-01T00:00:00Z")];
        let summary = |acknowledged: Option<&str>, now: &str| {
            let acknowledged = acknowledged.map(|text| Acknowledgement::parse(text).unwrap());
            let escalation = escalate(&contract, &calendar, &causes, acknowledged.as_ref(), now.parse().unwrap());
            let level = |standing: &StandingLevel<'_>| {
                let by = standing.status.acknowledged_by.as_deref().unwrap_or("nobody");
                format!("{} {by}{}", standing.status.level, if standing.unanswered { " unanswered" } else { "" })
            };
            escalation.levels.iter().map(level).collect::<Vec<_>>().join(", ")
        };
        for (acknowledged, now, expected) in [
            (None, "2026-06-01T11:00:00Z", "1 nobody"),
            (None, "2026-06-01T12:00:00Z", "1 nobody unanswered"),
            (Some("sam at 2026-06-01T11:00:00Z"), "2026-06-01T12:00:00Z", "1 sam"),
            (Some("sam at 2026-06-01T11:00:00Z"), "2026-06-03T10:00:00Z", "1 sam, 2 nobody unanswered"),
            (Some("Maria B. at 2026-06-03T00:00:00Z"), "2026-06-03T10:00:00Z", "1 Maria B., 2 Maria B."),
            // Of before the miss, and of a time that has not come.
            (Some("sam at 2026-05-31T23:59:59Z"), "2026-06-01T11:00:00Z", "1 nobody"),
            (Some("sam at 2026-06-02T00:00:00Z"), "2026-06-01T11:00:00Z", "1 nobody"),
        ] {
            assert_eq!(summary(acknowledged, now), expected, "{acknowledged:?} {now}");
        }
        for text in ["sam", " at 2026-06-01T11:00:00Z", "sam at noon", "s\u{7}m at 2026-06-01T11:00:00Z"] {
            let message = Acknowledgement::parse(text).unwrap_err();
            assert!(message.contains("write NAME at INSTANT") && !message.contains('\u{7}'), "{message}");
        }
    }

    #[test]
    fn misses_triggers_and_what_is_overdue_are_causes() {
        let spec = |dry_run: bool| {
            serde_json::from_value(json!({
                "contractRef": {"name": "c"}, "kpi": "ServiceLevel", "source": {"feed": "acd"},
                "objective": {"target": 80}, "dryRun": dry_run,
            }))
            .unwrap()
        };
        let kpi = |verdict: &str, severity: Option<&str>| {
            let mut last = json!({
                "name": "2026-05", "state": "Provisional", "verdict": verdict, "repeat": false, "points": 0, "revision": 1,
            });
            if let Some(severity) = severity {
                last["severity"] = json!(severity);
            }
            Box::new(KpiJudgement {
                last: serde_json::from_value(last).unwrap(),
                last_ended_at: Some("2026-06-01T00:00:00Z".parse().unwrap()),
                ..KpiJudgement::default()
            })
        };
        let terms = Terms {
            contract: contract().into(),
            kpis: ["a", "b", "c", "d"].map(|name| (name.to_owned(), spec(name == "d"))).into(),
            tiers: BTreeMap::new(),
        };
        let judgement = Judgement {
            kpis: [
                ("a", kpi("Missed", Some("Minor"))),
                ("b", kpi("Missed", Some("Severe"))),
                ("c", kpi("Excused", None)),
                ("d", kpi("Missed", Some("Critical"))),
            ]
            .map(|(name, kpi)| (name.to_owned(), kpi))
            .into(),
            ..Judgement::default()
        };
        let causes: Vec<EscalationCause> =
            causes_of(&judgement, &terms, &[]).into_iter().map(|standing| standing.cause).collect();
        assert_eq!(causes, [EscalationCause::Missed, EscalationCause::Missed, EscalationCause::Serious]);
    }
}
