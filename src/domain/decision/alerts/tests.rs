//! Which alerts are active, to whom they go, and what is sent of them.

use serde_json::json;

use super::*;
use crate::api::condition::Reason;
use crate::domain::governance::escalation::{Acknowledgement, StandingCause, escalate};
use crate::domain::terms::calendar::Calendar;

fn terms() -> Terms {
    let kpi = |class: &str, dry_run: bool| {
        serde_json::from_value(json!({
            "contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "class": class,
            "objective": {"target": 80}, "dryRun": dry_run,
        }))
        .unwrap()
    };
    Terms {
        contract: serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
            "contacts": [{"name": "sam", "deputy": "maria"}, {"name": "maria"}],
            "alerts": [
                {"name": "ops", "alertmanager": {"url": "http://alertmanager.example:9093"}},
                {"name": "hook", "webhook": {"url": "https://hooks.example/bpo"}},
            ],
            "escalation": [
                {"level": 1, "after": "0h", "causes": ["Missed"], "contacts": ["sam"], "alerts": ["ops"], "respond": "4h"},
                {"level": 2, "after": "2d", "causes": ["Missed"], "contacts": ["maria"], "alerts": ["ops", "hook"]},
            ],
        }))
        .unwrap(),
        kpis: [("speed", kpi("Critical", false)), ("tone", kpi("KeyMeasurement", false)), ("trial", kpi("Critical", true))]
            .map(|(name, kpi)| (name.to_owned(), kpi))
            .into(),
        tiers: BTreeMap::new(),
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A KPI of which the period that ended with May has this verdict.
fn closed(verdict: &str) -> Box<KpiJudgement> {
    Box::new(KpiJudgement {
        last: serde_json::from_value(json!({
            "name": "2026-05", "state": "Provisional", "verdict": verdict, "value": "71.2", "target": "80",
            "repeat": false, "points": 0, "revision": 1,
        }))
        .unwrap(),
        last_ended_at: Some(instant("2026-06-01T00:00:00Z")),
        ..KpiJudgement::default()
    })
}

fn failing(since: &str) -> FeedHealth {
    let (reason, message) = (Reason::Timeout, "no whole answer within 30 s".to_owned());
    let since = Some(instant(since));
    FeedHealth { reason, message, since, backfilling: false, ..FeedHealth::default() }
}

struct Story {
    terms: Terms,
    judgement: Judgement,
    feeds: BTreeMap<String, FeedHealth>,
}

impl Story {
    fn new() -> Self {
        let kpis = [("speed", closed("Met")), ("tone", closed("Met")), ("trial", closed("Met"))];
        let judgement =
            Judgement { kpis: kpis.map(|(name, kpi)| (name.to_owned(), kpi)).into(), ..Judgement::default() };
        Self { terms: terms(), judgement, feeds: BTreeMap::new() }
    }

    fn missed(mut self, kpi: &str) -> Self {
        self.judgement.kpis.insert(kpi.to_owned(), closed("Missed"));
        self
    }

    fn standing(&self, now: &str) -> Vec<Addressed> {
        self.standing_when(None, now)
    }

    fn standing_acknowledged(&self, by: &str, now: &str) -> Vec<Addressed> {
        self.standing_when(Some(Acknowledgement::parse(by).unwrap()), now)
    }

    fn standing_when(&self, acknowledged: Option<Acknowledgement>, now: &str) -> Vec<Addressed> {
        let now = instant(now);
        let calendar = Calendar::of(&self.terms.contract).unwrap();
        let missed = self.judgement.kpis.values().filter(|kpi| kpi.last.as_ref().unwrap().verdict == Verdict::Missed);
        let causes: Vec<StandingCause> = missed
            .map(|kpi| StandingCause {
                since: kpi.last_ended_at.unwrap(),
                cause: crate::api::vendor_contract::EscalationCause::Missed,
            })
            .collect();
        let escalation = escalate(&self.terms.contract, &calendar, &causes, acknowledged.as_ref(), now);
        let facts = AlertFacts {
            namespace: "care",
            name: "acme-care",
            terms: &self.terms,
            judgement: &self.judgement,
            feeds: &self.feeds,
            overdue: &[],
            levels: &escalation.levels,
            launches: &BTreeMap::new(),
        };
        standing_alerts(&facts, now)
    }

    /// Sink, alert name, what it is about and severity, sorted.
    fn sent(&self, now: &str) -> Vec<String> {
        let mut lines: Vec<String> = self
            .standing(now)
            .iter()
            .map(|Addressed { sink, alert }| {
                let about = [alert.label("kpi_target"), alert.label("level")].concat();
                format!("{sink} {} {about} {}", alert.label("alertname"), alert.label("severity"))
            })
            .collect();
        lines.sort();
        lines
    }
}

#[test]
fn transitions_go_to_every_sink_and_an_escalation_to_those_of_its_level() {
    assert_eq!(Story::new().sent("2026-06-01T01:00:00Z"), Vec::<String>::new());
    let missed = Story::new().missed("speed").missed("tone").missed("trial");
    let at_once = [
        "hook TargetMissed speed critical",
        "hook TargetMissed tone warning",
        "ops EscalationRaised 1 warning",
        "ops TargetMissed speed critical",
        "ops TargetMissed tone warning",
    ];
    assert_eq!(missed.sent("2026-06-01T01:00:00Z"), at_once);
    // After an outage of any length both levels are notified: the first is not skipped.
    let later = [
        "hook EscalationRaised 2 critical",
        "hook TargetMissed speed critical",
        "hook TargetMissed tone warning",
        "ops EscalationRaised 1 warning",
        "ops EscalationRaised 2 critical",
        "ops TargetMissed speed critical",
        "ops TargetMissed tone warning",
    ];
    assert_eq!(missed.sent("2026-06-20T00:00:00Z"), later);
    let mut suspended = Story::new().missed("speed");
    suspended.terms.contract.suspend = true;
    assert!(suspended.sent("2026-06-20T00:00:00Z").is_empty());
}

#[test]
fn thirty_feeds_that_fail_make_one_alert_for_each_sink() {
    let mut story = Story::new();
    for number in 10..40 {
        story.feeds.insert(format!("feed-{number}"), failing(&format!("2026-06-01T00:{number}:00Z")));
    }
    let standing = story.standing("2026-06-01T01:00:00Z");
    assert_eq!(standing.len(), 2);
    let alert = &standing[0].alert;
    assert_eq!(alert.summary, "30 feeds fail, the first of them feed-10: Timeout: no whole answer within 30 s");
    assert_eq!(alert.starts_at, instant("2026-06-01T00:10:00Z"));
}

#[test]
fn an_alert_is_sent_when_it_begins_when_it_recurs_and_when_it_ends_and_never_between() {
    let sent = |changes: &AlertChanges| {
        let names = |sent: &[SentAlert]| {
            let names: Vec<String> =
                sent.iter().map(|sent| format!("{} {}", sent.sink, sent.alert.label("alertname"))).collect();
            names.join(", ")
        };
        format!("{} | {}", names(&changes.fired), names(&changes.resolved))
    };
    let mut missed = Story::new().missed("tone");
    missed.terms.contract.escalation.clear();
    let first = changes("uid-1", &[], &missed.standing("2026-06-01T01:00:00Z"));
    assert_eq!(sent(&first), "hook TargetMissed, ops TargetMissed | ");
    // A restatement alters the figures, not the occurrence.
    missed.judgement.kpis.get_mut("tone").unwrap().last.as_mut().unwrap().value = Some("70.9".to_owned());
    assert!(changes("uid-1", &first.fired, &missed.standing("2026-06-02T01:00:00Z")).is_empty());
    missed.judgement.kpis.get_mut("tone").unwrap().last.as_mut().unwrap().name = "2026-06".to_owned();
    let again = changes("uid-1", &first.fired, &missed.standing("2026-07-01T01:00:00Z"));
    assert_eq!(sent(&again), "hook TargetMissed, ops TargetMissed | ");
    assert_eq!(again.fired[0].fingerprint, first.fired[0].fingerprint, "it is the same alert");
    let mut earlier = first.fired.clone();
    earlier.iter_mut().for_each(|sent| sent.alert.occurrence.clear());
    let upgraded = changes("uid-1", &earlier, &missed.standing("2026-07-01T01:00:00Z"));
    assert!(upgraded.is_empty(), "an earlier version sent it without an occurrence: it is not sent twice");
    let ended = changes("uid-1", &again.fired, &Story::new().standing("2026-08-01T01:00:00Z"));
    assert_eq!(sent(&ended), " | hook TargetMissed, ops TargetMissed");
    let successor = changes("uid-2", &[], &missed.standing("2026-07-01T01:00:00Z"));
    assert_ne!(successor.fired[0].fingerprint, first.fired[0].fingerprint, "a successor of the same name is another");
}

#[test]
fn an_escalation_that_nobody_answers_is_sent_again_when_the_time_to_respond_has_passed() {
    let mut missed = Story::new().missed("speed");
    missed.terms.contract.alerts.truncate(1);
    let asked = changes("uid-1", &[], &missed.standing("2026-06-01T01:00:00Z"));
    let late = changes("uid-1", &asked.fired, &missed.standing("2026-06-01T04:00:00Z"));
    let summaries: Vec<&str> = late.fired.iter().map(|sent| sent.alert.summary.as_str()).collect();
    let expected =
        "level 1 because of Missed: sam, maria to respond by 2026-06-01T04:00:00Z, and nobody has responded in time";
    assert_eq!(summaries, [expected]);
    let answered = missed.standing_acknowledged("sam at 2026-06-01T04:30:00Z", "2026-06-01T05:00:00Z");
    let others = asked.fired.iter().filter(|sent| sent.alert.label("level").is_empty());
    let sent: Vec<SentAlert> = late.fired.iter().chain(others).cloned().collect();
    assert!(changes("uid-1", &sent, &answered).is_empty(), "an answer asks nobody for anything");
}
