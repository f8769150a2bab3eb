//! Launches by the figures of their feeds: spikes, cohorts, plans and the checks of gates.

use super::*;
use crate::api::campaign_launch::{LaunchPhase, SpikeCause};
use crate::domain::fixtures::specs::{at, row};
use crate::domain::measuring::feed_rows::packed;
use crate::domain::measuring::row::Row;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// A launch on Monday, 2026-03-02, of a contract in UTC with a feed of half hours; 100 contacts each are usual.
struct Story {
    spec: CampaignLaunchSpec,
    terms: Terms,
    rows: BTreeMap<String, Vec<Row>>,
    others: Vec<CampaignLaunchSpec>,
    past: Past,
    awaited: Vec<AwaitedContract>,
}

fn launch(more: serde_json::Value) -> CampaignLaunchSpec {
    let mut spec = json!({
        "contractRefs": [{"name": "acme"}], "product": "Fibre", "launchAt": "2026-03-02T08:00:00Z",
        "staffing": {"handleTime": "240s", "baseline": {"feed": "acd", "weeks": 8}, "scheduled": {"agents": 30}},
        "watch": {"kpis": ["level"], "campaignLabel": {"campaign": "fibre"}},
    });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn story(more: serde_json::Value) -> Story {
    let hours = json!({"serviceHours": [
        {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "08:00", "to": "12:00"}]});
    let level = json!({"contractRef": {"name": "acme"}, "kpi": "ServiceLevel", "variant": "AnsweredOnly",
        "source": {"feed": "acd"}, "objective": {"target": 80}});
    let terms = Terms {
        contract: serde_json::from_value(json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "calendar": hours,
            "feeds": [{"name": "acd", "url": "https://vendor.example/acd"}],
        }))
        .unwrap(),
        kpis: [("level".to_owned(), serde_json::from_value(level).unwrap())].into(),
        tiers: BTreeMap::new(),
    };
    let mut story = Story {
        spec: launch(more),
        terms,
        rows: BTreeMap::new(),
        others: Vec::new(),
        past: Past::Known,
        awaited: Vec::new(),
    };
    for week in 1..=8 {
        for day in 0..5 {
            for slot in 0..8 {
                let start = at("2026-03-02T08:00:00Z") - SignedDuration::from_hours(24 * (7 * week - day));
                story.add(start + SignedDuration::from_mins(30 * slot), "none", 100, 85);
            }
        }
    }
    story
}

impl Story {
    fn add(&mut self, start: Timestamp, campaign: &str, offered: i64, percent_in_time: i64) {
        let end = start + SignedDuration::from_mins(30);
        let within = offered * percent_in_time / 100;
        let measures = [("offered", offered), ("answered", offered), ("answeredWithin", within)];
        let labels = [("campaign", campaign)];
        self.rows.entry("acd".to_owned()).or_default().push(row(
            &start.to_string(),
            &end.to_string(),
            &labels,
            &measures,
        ));
    }

    /// Half hours from 08:00 of the launch's day on.
    fn half_hours(&mut self, campaign: &str, offered: &[i64], percent_in_time: i64) {
        for (slot, offered) in (0..).zip(offered) {
            let start = at("2026-03-02T08:00:00Z") + SignedDuration::from_mins(30 * slot);
            self.add(start, campaign, *offered, percent_in_time);
        }
    }

    fn at(&self, now: &str, previous: &CampaignLaunchStatus) -> DecidedLaunch {
        let rows = packed(&self.rows);
        let contract = LaunchContract { terms: &self.terms, rows: &rows };
        let other = |spec| OtherLaunch { spec, contract, kpis: BTreeMap::new() };
        let observed = ObservedLaunch {
            generation: Some(1),
            previous: Some(previous),
            spec: &self.spec,
            invalid: None,
            unresolved: &[],
            contract: Some(contract),
            kpis: BTreeMap::new(),
            kept_decision: None,
            past: self.past,
            awaited: &self.awaited,
            is_patient: false,
            others: self.others.iter().map(other).collect(),
        };
        decide_launch(&observed, at(now))
    }

    fn status_at(&self, now: &str) -> CampaignLaunchStatus {
        self.at(now, &CampaignLaunchStatus::default()).status
    }
}

fn condition(status: &CampaignLaunchStatus, type_: &str) -> (String, String) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    (format!("{:?}", found.status), found.reason.clone())
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

/// Reasons and keys of the notices of spikes.
fn spikes_noticed(decided: &DecidedLaunch) -> Vec<String> {
    let spikes = decided.notices.iter().filter(|notice| notice.reason.as_str().starts_with("Spike"));
    spikes.map(|notice| format!("{} {}", notice.reason.as_str(), notice.key)).collect()
}

#[test]
fn a_spike_is_reported_once_when_it_begins_and_once_when_it_ends() {
    let mut story = story(json!({}));
    let nothing = story.at("2026-03-02T07:00:00Z", &CampaignLaunchStatus::default());
    assert_eq!(condition(&nothing.status, "SpikeDetected"), pair("Unknown", "NotLive"));
    story.half_hours("fibre", &[10, 60, 70], 85);
    story.half_hours("none", &[100, 101, 102], 85);
    let begun = story.at("2026-03-02T09:30:00Z", &nothing.status);
    assert_eq!(spikes_noticed(&begun), ["SpikeDetected 2026-03-02T08:30:00Z"]);
    assert_eq!(condition(&begun.status, "SpikeDetected"), pair("True", "SpikeDetected"));
    assert_eq!(condition(&begun.status, "QualityHeld"), pair("True", "Held"));
    let spike = &begun.status.spikes[0];
    assert_eq!(
        (spike.actual.as_str(), spike.expected.as_str(), spike.cause, spike.quality_held),
        ("333", "200", SpikeCause::CampaignDemand, ConditionStatus::True)
    );
    assert_eq!(spikes_noticed(&story.at("2026-03-02T09:40:00Z", &begun.status)), Vec::<String>::new());
    // The next half hour belongs to it still, the one after does not.
    story.half_hours("other", &[0, 0, 0, 150, 0], 85);
    let longer = story.at("2026-03-02T10:00:00Z", &begun.status);
    assert_eq!((spikes_noticed(&longer), longer.status.spikes.len()), (Vec::new(), 1));
    story.add(at("2026-03-02T10:00:00Z"), "none", 100, 85);
    let ended = story.at("2026-03-02T10:30:00Z", &longer.status);
    assert_eq!(spikes_noticed(&ended), ["SpikeEnded 2026-03-02T08:30:00Z"]);
    assert_eq!(condition(&ended.status, "SpikeDetected"), pair("False", "NoSpike"));
    assert_eq!(spikes_noticed(&story.at("2026-03-02T10:40:00Z", &ended.status)), Vec::<String>::new());
    // Figures that come late show both at once.
    let late = spikes_noticed(&story.at("2026-03-02T10:30:00Z", &nothing.status));
    assert_eq!(late, ["SpikeDetected 2026-03-02T08:30:00Z", "SpikeEnded 2026-03-02T08:30:00Z"]);
    // After hypercare the spike stays to be read, and nothing is concluded any more.
    let after = story.status_at("2026-03-16T08:00:00Z");
    assert_eq!((after.phase, after.spikes.len()), (Some(LaunchPhase::Measuring), 1));
    assert_eq!(condition(&after, "SpikeDetected"), pair("Unknown", "NotLive"));
}

#[test]
fn a_spike_that_nobody_s_label_explains_and_in_which_quality_fell_is_said_so() {
    let mut story = story(json!({}));
    story.half_hours("none", &[200, 220], 40);
    let status = story.status_at("2026-03-02T09:00:00Z");
    assert_eq!(status.spikes[0].cause, SpikeCause::Unattributed);
    assert_eq!(condition(&status, "QualityHeld"), pair("False", "QualityDropped"));
    assert_eq!(status.label_coverage_percent.as_deref(), Some("100.0"));
}

#[test]
fn without_figures_of_four_weeks_nothing_is_said_of_spikes() {
    let mut story = story(json!({}));
    story.rows.clear();
    story.half_hours("none", &[200, 220], 85);
    let status = story.status_at("2026-03-02T09:00:00Z");
    assert_eq!(condition(&status, "SpikeDetected"), pair("Unknown", "NoBaseline"));
    assert_eq!(condition(&status, "QualityHeld"), pair("Unknown", "NoData"));
    let unwatched = super::live::story(json!({"watch": {"campaignLabel": {"campaign": "fibre"}}}));
    let status = unwatched.status_at("2026-03-02T09:00:00Z");
    assert_eq!(condition(&status, "SpikeDetected"), pair("False", "NoSpike"));
    assert_eq!(condition(&status, "QualityHeld"), pair("Unknown", "NoData"));
}

#[test]
fn cohorts_are_compared_when_all_have_their_size_and_measuring_lasts_until_then() {
    let cohorts = json!({"endsAt": "2026-03-20T12:00:00Z", "cohorts": {"feed": "acd", "label": "campaign",
        "numerator": "answeredWithin", "denominator": "answered", "plannedPerCohort": 1000}});
    let mut story = story(cohorts);
    story.half_hours("a", &[600, 300], 80);
    story.half_hours("b", &[1100], 90);
    let early = story.status_at("2026-03-25T00:00:00Z");
    assert_eq!(early.phase, Some(LaunchPhase::Measuring));
    assert!(early.cohorts.iter().all(|cohort| cohort.verdict.is_none() && cohort.p.is_none()));
    assert_eq!(story.status_at("2026-06-19T00:00:00Z").phase, Some(LaunchPhase::Completed), "90 days at most");
    story.add(at("2026-03-26T08:00:00Z"), "a", 100, 80);
    let complete = story.status_at("2026-03-26T09:00:00Z");
    assert_eq!(complete.phase, Some(LaunchPhase::Completed));
    let verdicts: Vec<(&str, &str, Option<String>)> = complete
        .cohorts
        .iter()
        .map(|cohort| {
            (cohort.name.as_str(), cohort.denominator.as_str(), cohort.verdict.map(|verdict| format!("{verdict:?}")))
        })
        .collect();
    assert_eq!(verdicts, [("a", "1000", Some("Worse".to_owned())), ("b", "1100", None)], "b is the largest");
}

#[test]
fn other_launches_of_the_vendor_need_people_too_unless_they_do_not_go() {
    let channels = json!([{"name": "mail", "type": "Email", "expectedContacts": 800}]);
    let mut story = story(json!({"channels": channels.clone()}));
    let heads = |story: &Story| story.status_at("2026-03-01T00:00:00Z").staffing.unwrap().peak.unwrap().contacts;
    assert_eq!(heads(&story), "200.0");
    // 800 contacts in eight half hours beside 100 that are usual.
    let plan = story.status_at("2026-03-01T00:00:00Z").plan;
    let shown: Vec<_> = plan.iter().map(|it| (it.expected.as_str(), it.required, it.scheduled)).collect();
    assert_eq!(shown, [("200.0", plan[0].required, Some(30)); 8]);
    assert!(plan[0].start == at("2026-03-02T08:00:00Z") && plan[0].required > 30, "{plan:?}");
    let gate = |name: &str, type_: &str| json!([{"name": name, "type": type_, "due": "7d"}]);
    for (gates, contacts) in [
        (json!([]), "300.0"),
        (gate("voice", "VoiceOfCustomer"), "200.0"),
        // Its Staffing gate does not count: two launches would wait for each other.
        (gate("people", "Staffing"), "300.0"),
    ] {
        story.others = vec![launch(json!({"channels": channels.clone(), "gates": gates.clone()}))];
        assert_eq!(heads(&story), contacts, "{gates}");
    }
    let past =
        launch(json!({"channels": channels, "launchAt": "2026-01-05T08:00:00Z", "endsAt": "2026-01-06T08:00:00Z"}));
    story.others = vec![past];
    assert_eq!(heads(&story), "200.0", "a completed launch needs nobody");
}

#[test]
fn a_plan_stays_as_it_is_shown_while_new_rows_ask_for_nobody_else() {
    let mut story = story(json!({"channels": [{"name": "mail", "type": "Email", "expectedContacts": 800}]}));
    let first = story.status_at("2026-03-01T00:00:00Z");
    // Others are usual in the first half hour: by a little, then by a lot.
    for (offered, is_same) in [(101, true), (400, false)] {
        for week in 1..=8 {
            let start = at("2026-03-02T08:00:00Z") - SignedDuration::from_hours(24 * 7 * week);
            story.add(start, &offered.to_string(), offered - 100, 85);
        }
        let again = story.at("2026-03-01T00:00:00Z", &first).status;
        assert_eq!((again.plan == first.plan, again.staffing == first.staffing), (is_same, is_same), "{offered}");
        let begun = story.at("2026-03-02T08:10:00Z", &first).status;
        assert_eq!(begun.plan[0], first.plan[0], "what has begun stays");
    }
}

#[test]
fn no_plan_is_shown_by_a_part_of_the_past_or_of_the_load() {
    let mut story = story(json!({"channels": [{"name": "mail", "type": "Email", "expectedContacts": 800}]}));
    let first = story.status_at("2026-03-01T00:00:00Z");
    let awaited = vec![super::awaited(Use::Load, "acme", None)];
    for (past, awaited) in [(Past::Awaited, Vec::new()), (Past::Known, awaited)] {
        (story.past, story.awaited) = (past, awaited);
        assert_eq!(story.status_at("2026-03-01T00:00:00Z").plan, []);
        assert_eq!(story.at("2026-03-01T00:00:00Z", &first).status.plan, first.plan, "{past:?}");
    }
}

#[test]
fn what_was_found_of_figures_stays_while_they_cannot_be_read() {
    let mut story = story(json!({}));
    story.half_hours("fibre", &[10, 60, 70], 85);
    story.half_hours("none", &[100, 101, 102], 85);
    let spiking = story.status_at("2026-03-02T09:30:00Z");
    story.rows.clear();
    story.awaited = vec![super::awaited(Use::Figures, "acme", Some("rows are lost"))];
    let unread = story.at("2026-03-02T09:31:00Z", &spiking);
    assert_eq!((&unread.status.spikes, spikes_noticed(&unread)), (&spiking.spikes, Vec::new()));
    assert_eq!(condition(&unread.status, "SpikeDetected"), pair("True", "SpikeDetected"));
    let after = story.at("2026-03-16T08:00:00Z", &unread.status).status;
    assert_eq!(condition(&after, "SpikeDetected"), pair("Unknown", "NotLive"), "time goes on");
}

#[test]
fn a_check_over_thirty_days_is_looked_at_again_when_a_row_leaves_the_window_or_enters_it() {
    let gates = json!([{"name": "tested", "type": "Custom", "due": "1d",
        "check": {"feed": "acd", "measure": "tests", "atLeast": 1}}]);
    let mut story = story(json!({"gates": gates, "launchAt": "2026-06-01T08:00:00Z"}));
    let tested = |start: &str, end: &str| row(start, end, &[], &[("tests", 1)]);
    let rows = story.rows.get_mut("acd").unwrap();
    rows.clear();
    rows.push(tested("2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"));
    let state = |story: &Story, now: &str| {
        let decided = story.at(now, &CampaignLaunchStatus::default());
        (decided.status.gates[0].state, decided.next)
    };
    assert_eq!(state(&story, "2026-03-12T00:00:00Z"), (GateState::Passed, Some(at("2026-04-09T09:00:00Z"))));
    assert_eq!(state(&story, "2026-04-09T09:00:00Z").0, GateState::Pending);
    // A plan's row is known before it ends.
    let mut planned = tested("2026-04-12T08:00:00Z", "2026-04-12T09:00:00Z");
    planned.known_at = at("2026-04-01T00:00:00Z");
    story.rows.get_mut("acd").unwrap().push(planned);
    assert_eq!(state(&story, "2026-04-10T00:00:00Z"), (GateState::Pending, Some(at("2026-04-12T09:00:00Z"))));
}
