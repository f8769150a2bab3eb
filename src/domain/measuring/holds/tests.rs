//! Which periods wait for their feeds, and until when.

use super::*;
use crate::api::verdict::PeriodState;
use crate::domain::fixtures::contracts::{Case, JudgedCase, RowChanges, instant, row, terms};

const LEVEL: &str = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}";
const DUE: &str = "2026-02-14T00:00Z";

fn contract(feeds: &[&str]) -> String {
    let feeds = feeds.iter().map(|name| format!("{{name: {name}, url: \"https://feeds.acme.example/{name}\"}}"));
    format!("term: {{start: 2026-01-01, end: 2026-12-31}}\nfeeds: [{}]", feeds.collect::<Vec<_>>().join(", "))
}

fn asking(until: Option<&str>, tries: Option<(&str, &str)>) -> Asking {
    Asking {
        until: until.map(instant),
        trying_since: tries.map(|(since, _)| instant(since)),
        tried_until: tries.map(|(_, until)| instant(until)),
        fails: false,
        pause: SignedDuration::from_hours(2),
        over: instant("2027-01-04T00:00Z"),
    }
}

/// The wait of a period that reads `acd` and would be Final on 14 February.
fn wait(kpi: &str, journal: &Journal, acd: Option<Asking>, now: &str) -> Option<PeriodHeld> {
    let terms = terms(&contract(&["acd", "surveys"]), &[("sl", kpi)]);
    let finals = [("2026-01".to_owned(), instant(DUE))].into();
    let asking = acd.map(|acd| ("acd".to_owned(), acd)).into_iter().collect();
    let mut facts = unasked(&finals, &terms, journal, &asking, instant(now));
    assert!(facts.len() <= 1 && facts.iter().all(|fact| fact.name == "2026-01"));
    facts.pop().map(|recorded| match recorded.fact {
        JournalFact::PeriodHeld(held) => held,
        other => panic!("{other:?}"),
    })
}

/// What happens to a period that could close.
#[derive(Debug, PartialEq)]
enum End {
    /// It closed when it was due.
    AsDue,
    /// It closes now, with what was asked for since.
    Now,
    /// It waits.
    Waits,
}

#[test]
fn a_period_closes_as_due_only_where_its_feeds_were_in_service_then() {
    use End::{AsDue, Now, Waits};
    let back = "2026-02-20T09:00Z";
    let cases = [
        ("the operator was away, and has just begun", Some("2026-01-30T00:00Z"), None, back, Waits),
        ("away for a moment around the instant", Some("2026-02-13T23:59Z"), None, "2026-02-14T00:01Z", Waits),
        ("away, and asked since", Some(back), Some((back, back)), back, Now),
        ("asked as it was due, and away before it closed", Some(DUE), None, back, Now),
        (
            "in regular service: the next poll is due soon",
            Some("2026-02-13T23:40Z"),
            Some(("2026-02-01T00:00Z", "2026-02-13T23:40Z")),
            DUE,
            AsDue,
        ),
        (
            "in regular service, and something else held the period",
            Some("2026-02-20T08:50Z"),
            Some(("2026-02-01T00:00Z", "2026-02-20T08:50Z")),
            back,
            AsDue,
        ),
        (
            "the clock jumped, and nothing was asked since",
            Some("2026-02-01T00:00Z"),
            Some(("2026-01-01T00:00Z", "2026-02-01T00:00Z")),
            back,
            Waits,
        ),
        ("the clock jumped, and the vendor was asked since", Some(back), Some((back, back)), "2026-02-20T09:05Z", Now),
        (
            "the first try since the operator is back fails",
            Some("2026-01-30T00:00Z"),
            Some((back, back)),
            "2026-02-20T09:01Z",
            Waits,
        ),
        (
            "it has failed since before it was due: that is silence",
            Some("2026-01-30T00:00Z"),
            Some(("2026-01-30T00:30Z", "2026-02-13T23:30Z")),
            DUE,
            AsDue,
        ),
        (
            "it failed, and then the clock jumped",
            Some("2026-01-30T00:00Z"),
            Some(("2026-01-30T00:30Z", "2026-02-01T00:00Z")),
            back,
            Waits,
        ),
        (
            "its vendor wishes not to be asked for a month",
            Some("2026-01-30T00:00Z"),
            Some(("2026-01-30T00:30Z", "2026-03-01T00:00Z")),
            back,
            AsDue,
        ),
        ("it was never asked", None, None, back, Waits),
        (
            "back for a day, and the time of the absence is still being asked for",
            Some("2026-02-01T00:00Z"),
            Some(("2026-02-13T00:00Z", "2026-02-13T23:50Z")),
            DUE,
            Waits,
        ),
        (
            "back for a day, and all of that time was asked for",
            Some("2026-02-13T23:50Z"),
            Some(("2026-02-13T00:00Z", "2026-02-13T23:50Z")),
            DUE,
            AsDue,
        ),
    ];
    for (name, until, tries, now, expected) in cases {
        let found = wait(LEVEL, &Journal::default(), Some(asking(until, tries)), now);
        let end = match &found {
            None => AsDue,
            Some(held) if held.asked_at == Some(instant(now)) => Now,
            Some(_) => Waits,
        };
        assert_eq!(end, expected, "{name}");
        if let Some(held) = found {
            let until = instant(now) + SignedDuration::from_hours(72);
            assert_eq!((held.feeds, held.until), (vec!["acd".to_owned()], until), "{name}");
        }
    }
    assert!(wait(LEVEL, &Journal::default(), None, back).is_some(), "a feed of which nothing is known");
}

#[test]
fn a_feed_that_fails_since_the_operator_is_back_is_silence_after_the_usual_delay() {
    // Each: since when it has failed; whether the period that would be Final on 14 February waits.
    for (since, waits) in [("2026-02-13T00:00Z", true), ("2026-02-11T00:01Z", true), ("2026-02-11T00:00Z", false)] {
        let asking = asking(Some("2026-02-01T00:00Z"), Some((since, "2026-02-13T23:50Z")));
        let found = wait(LEVEL, &Journal::default(), Some(Asking { fails: true, ..asking }), DUE);
        assert_eq!(found.is_some(), waits, "{since}");
    }
}

#[test]
fn a_period_that_has_waited_for_a_feed_that_fails_does_not_wait_again() {
    // The operator has been back since the wait was noticed, and the first try came a moment later.
    let held = PeriodHeld {
        due: instant("2026-01-20T00:00Z"),
        noticed_at: instant("2026-02-11T00:00Z"),
        feeds: vec!["acd".to_owned()],
        until: instant(DUE),
        asked_at: None,
    };
    let recorded_at = held.noticed_at;
    let fact = RecordedFact { name: "2026-01".to_owned(), fact: JournalFact::PeriodHeld(held), recorded_at };
    let journal = Journal { facts: vec![fact] };
    let tries = Some(("2026-02-11T00:05Z", "2026-02-13T23:50Z"));
    for (fails, waits) in [(true, false), (false, true)] {
        let asking = Asking { fails, ..asking(Some("2026-02-01T00:00Z"), tries) };
        assert_eq!(wait(LEVEL, &journal, Some(asking), DUE).is_some(), waits, "fails: {fails}");
    }
}

#[test]
fn only_feeds_that_are_read_are_waited_for() {
    let away = || Some(asking(None, None));
    let back = "2026-02-20T09:00Z";
    for (name, kpi, expected) in [
        ("a KPI of a feed", LEVEL.to_owned(), true),
        ("suspended", format!("{LEVEL}\nsuspend: true"), false),
        ("of a feed that the contract does not have", format!("{LEVEL}\nsource: {{feed: gone}}"), false),
    ] {
        assert_eq!(wait(&kpi, &Journal::default(), away(), back).is_some(), expected, "{name}");
    }
    // Of a contract that has been over for long nothing more is asked.
    let over = |tries| Asking { over: instant("2026-02-03T00:00Z"), ..asking(Some("2026-02-03T00:00Z"), tries) };
    let served = over(Some(("2026-01-01T00:00Z", "2026-02-03T00:00Z")));
    assert!(wait(LEVEL, &Journal::default(), Some(served), back).is_none());
    let began = wait(LEVEL, &Journal::default(), Some(over(None)), back).unwrap();
    assert_eq!(began.asked_at, Some(instant(back)));
}

#[test]
fn the_wait_ends_after_the_delay_of_missing_data_and_never_within_a_day_or_a_fourth_time() {
    let back = "2026-02-20T09:00Z";
    for (after, until) in
        [("after: 3d", "2026-02-23T09:00Z"), ("after: 10d", "2026-03-02T09:00Z"), ("after: 0h", "2026-02-21T09:00Z")]
    {
        let kpi = format!("{LEVEL}\nmissingData: {{policy: Miss, {after}}}");
        let found = wait(&kpi, &Journal::default(), Some(asking(None, None)), back);
        assert_eq!(found.map(|held| held.until), Some(instant(until)), "{after}");
    }
    let earlier = |day: u8| {
        let at = |day: u8| instant(&format!("2026-02-{day:02}T00:00Z"));
        held("2026-01", DUE, at(day), at(day + 1), None)
    };
    let mut journal = Journal { facts: vec![earlier(14), earlier(15)] };
    assert!(wait(LEVEL, &journal, Some(asking(None, None)), back).is_some());
    journal.facts.push(earlier(16));
    assert!(wait(LEVEL, &journal, Some(asking(None, None)), back).is_none(), "it has waited three times");
}

fn held(period: &str, due: &str, noticed_at: Timestamp, until: Timestamp, asked_at: Option<Timestamp>) -> RecordedFact {
    let held = PeriodHeld { due: instant(due), noticed_at, feeds: vec!["acd".to_owned()], until, asked_at };
    let recorded_at = asked_at.unwrap_or(noticed_at);
    RecordedFact { name: period.to_owned(), fact: JournalFact::PeriodHeld(held), recorded_at }
}

#[test]
fn it_is_recorded_once_when_all_that_were_waited_for_have_been_asked() {
    let (back, later) = (instant("2026-02-20T09:00Z"), instant("2026-02-23T09:00Z"));
    let waiting = Journal { facts: vec![held("2026-01", DUE, back, later, None)] };
    let ended = Journal { facts: vec![held("2026-01", DUE, back, later, Some(back))] };
    let asked_after = Some("2026-02-20T09:00Z");
    let cases = [
        ("asked", &waiting, "acd", asked_after, "2026-02-20T09:01Z", 1),
        ("asked for less than what was due", &waiting, "acd", Some("2026-02-13T23:59Z"), "2026-02-20T09:01Z", 0),
        ("it fails", &waiting, "acd", Some("2026-01-30T00:00Z"), "2026-02-20T09:01Z", 0),
        ("it is not read any more", &waiting, "surveys", None, "2026-02-20T09:01Z", 1),
        ("known already", &ended, "acd", asked_after, "2026-02-20T09:01Z", 0),
        ("the wait is over anyway", &waiting, "acd", asked_after, "2026-02-23T09:00Z", 0),
    ];
    for (name, journal, read, until, now, expected) in cases {
        let terms = terms(&contract(&["acd", "surveys"]), &[("sl", &format!("{LEVEL}\nsource: {{feed: {read}}}"))]);
        let asking = [("acd".to_owned(), asking(until, Some(("2026-02-20T09:00Z", now))))].into();
        let facts = asked(&terms, journal, &asking, instant(now));
        assert_eq!(facts.len(), expected, "{name}");
        let at = facts.iter().map(|recorded| match &recorded.fact {
            JournalFact::PeriodHeld(held) => held.asked_at,
            other => panic!("{other:?}"),
        });
        assert!(at.into_iter().all(|at| at == Some(instant(now))), "{name}");
    }
}

/// January and its last days, which the vendor had by 3 February and which the operator, away since January, got on the 20th.
fn away(facts: Vec<RecordedFact>) -> Case {
    let counted = |first, last, within, known: &str| {
        row(first, last, &[("answered", 100), ("answeredWithin", within)]).known(known)
    };
    let rows = vec![
        counted("2026-01-01T00:00Z", "2026-01-20T00:00Z", 90, "2026-01-20T00:00Z"),
        counted("2026-01-20T00:00Z", "2026-02-01T00:00Z", 10, "2026-02-20T09:00:02Z"),
    ];
    let mut case = Case::new(terms(&contract(&["acd"]), &[("sl", LEVEL)]), rows);
    case.journal = Some(Journal { facts });
    case
}

fn periods(judgement: &JudgedCase) -> Vec<(i64, PeriodState, Option<String>)> {
    let january = judgement.reports.iter().filter(|report| report.period.name == "2026-01");
    january.map(|report| (report.revision, report.state, report.kpis[0].value.clone())).collect()
}

#[test]
fn the_report_holds_the_rows_that_the_vendor_had_while_nobody_asked() {
    use PeriodState::{Final, Provisional};
    let (back, later) = (instant("2026-02-20T09:00Z"), instant("2026-02-23T09:00Z"));
    let waiting = || held("2026-01", DUE, back, later, None);
    let asked = || held("2026-01", DUE, back, later, Some(instant("2026-02-20T09:00:03Z")));
    let value = |value: &str| Some(value.to_owned());
    let cases = [
        ("nobody noticed", Vec::new(), "2026-02-21T00:00Z", vec![(1, Final, value("90")), (2, Final, value("50"))]),
        ("waiting", vec![waiting()], "2026-02-20T09:00:01Z", vec![(1, Provisional, value("90"))]),
        ("asked", vec![waiting(), asked()], "2026-02-21T00:00Z", vec![(1, Final, value("50"))]),
        ("the rows alone end no wait", vec![waiting()], "2026-02-21T00:00Z", vec![(1, Provisional, value("50"))]),
        ("it has waited long enough", vec![waiting()], "2026-02-23T09:00Z", vec![(1, Final, value("50"))]),
    ];
    for (name, facts, now, expected) in cases {
        assert_eq!(periods(&away(facts).judge(now)), expected, "{name}");
    }
    assert_eq!(away(vec![waiting()]).judge("2026-02-20T09:00:01Z").next, Some(instant("2026-02-20T09:00:02Z")));
    let closed = away(vec![waiting(), asked()]).judge("2026-03-01T00:00Z");
    assert_eq!(closed.finals["2026-01"], instant("2026-02-20T09:00:03Z"));
}

#[test]
fn a_wait_that_was_noticed_before_a_later_closing_moves_it_no_further() {
    let (back, later) = (instant("2026-02-10T09:00Z"), instant("2026-02-13T09:00Z"));
    let journal = Journal { facts: vec![held("2026-01", "2026-02-09T00:00Z", back, later, None)] };
    let holds = Holds::of(Some(&journal));
    for (period, due, end) in [
        ("2026-01", "2026-02-09T00:00Z", "2026-02-13T09:00Z"),
        ("2026-01", "2026-02-10T09:00Z", "2026-02-13T09:00Z"),
        ("2026-01", DUE, DUE),
        ("2026-02", "2026-02-09T00:00Z", "2026-02-09T00:00Z"),
    ] {
        assert_eq!(holds.end(period, instant(due)), instant(end), "{period} {due}");
    }
    assert!(holds.wait(instant("2026-02-13T08:59Z")) && !holds.wait(later));
}

#[test]
fn what_is_known_is_current_while_a_feed_is_asked_and_once_nothing_more_can_come() {
    let now = "2026-02-20T09:00Z";
    let cases = [
        ("asked lately", Some("2026-02-20T07:00Z"), None, true),
        ("asked yesterday, before a restart", Some("2026-02-19T09:00Z"), None, false),
        ("asked yesterday, and failing now", Some("2026-02-19T09:00Z"), Some(("2026-02-20T08:59Z", now)), true),
        (
            "asked and tried yesterday, before a jump",
            Some("2026-02-19T09:00Z"),
            Some((DUE, "2026-02-19T09:00Z")),
            false,
        ),
        ("never", None, None, false),
    ];
    for (name, until, tries, expected) in cases {
        assert_eq!(asking(until, tries).is_current(instant(now)), expected, "{name}");
    }
    assert!(asking(None, None).is_current(instant("2027-01-04T00:00Z")), "its contract is over");
}
