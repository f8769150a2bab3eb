//! A campaign from its planning to its result on a clock that moves from instant to instant: every gate fails and passes, and each
//! transition is announced once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bpo_operator::api::REQUESTED_AT_ANNOTATION;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Hand, OPERATOR, Place, has};
use crate::vendor::{Dataset, FeedRow, VendorServer};

const LAUNCH: &str = "2026-03-30T08:00:00Z";
/// Where the clock begins: 37 days before the launch.
const BEGIN: &str = "2026-02-21T08:00:00Z";

fn launch_at() -> Timestamp {
    LAUNCH.parse().unwrap()
}

/// Whole days from the launch on that are weekdays, at 08:00.
fn weekdays(from: i64, until: i64) -> impl Iterator<Item = (i64, Timestamp)> {
    let days = (from..until).map(|day| (day, launch_at() + SignedDuration::from_hours(24 * day)));
    days.filter(|(_, start)| !matches!(start.to_zoned(TimeZone::UTC).weekday(), Weekday::Saturday | Weekday::Sunday))
}

/// Half hours of nine weeks before and two after the launch: 100 contacts each, and those of the campaign on its first day.
fn calls() -> Vec<FeedRow> {
    let mut rows = Vec::new();
    for (day, morning) in weekdays(-63, 14) {
        for slot in 0..8 {
            let start = morning + SignedDuration::from_mins(30 * slot);
            let end = start + SignedDuration::from_mins(30);
            let usual = [("offered", 100), ("answered", 100), ("answeredWithin", 85)];
            let tested = if day >= -12 { vec![("endToEndPassed", 1)] } else { Vec::new() };
            rows.push(FeedRow::new(start, end, &[("campaign", "none")], &[&usual[..], &tested].concat()));
            if day == 0 && (2..5).contains(&slot) {
                let more = [("offered", 70), ("answered", 70), ("answeredWithin", 60)];
                rows.push(FeedRow::new(start, end, &[("campaign", "fibre")], &more));
            }
        }
    }
    rows
}

/// What two scripts sold, by day from the launch on.
fn sales() -> Vec<FeedRow> {
    let rows = weekdays(0, 14).flat_map(|(_, morning)| {
        [("a", 60), ("b", 110)].map(|(script, sales)| {
            let end = morning + SignedDuration::from_hours(4);
            FeedRow::new(morning, end, &[("scriptVersion", script)], &[("eligibleContacts", 600), ("sales", sales)])
        })
    });
    rows.collect()
}

fn terms(server: &VendorServer) -> String {
    let feed = |name: &str| json!({"name": name, "url": server.url(name), "interval": "6h", "lateness": "96h", "lookBack": "3d"});
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let contract = json!({
        "vendor": {"name": "Acme Contact Services"}, "term": {"start": "2026-01-26", "end": "2026-12-31"},
        "calendar": {"serviceHours": [{"days": days, "from": "08:00", "to": "12:00"}]},
        "feeds": [feed("acd"), feed("sales")],
    });
    let kpi = |kpi: &str, feed: &str, target: i64| json!({"contractRef": {"name": "acme"}, "kpi": kpi, "source": {"feed": feed}, "objective": {"target": target}});
    let mut level = kpi("ServiceLevel", "acd", 80);
    level["variant"] = json!("AnsweredOnly");
    [
        object("VendorContract", "acme", &contract),
        object("KpiTarget", "level", &level),
        object("KpiTarget", "conversion", &kpi("ConversionRate", "sales", 10)),
    ]
    .concat()
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    let object =
        json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    format!("---\n{object}\n")
}

/// The launch with all ten types of gates, as nobody has begun with them, or with all that they ask for.
fn winter(ready: bool) -> String {
    let gate = |name: &str, type_: &str, fields: Value| {
        let mut gate = json!({"name": name, "type": type_, "due": "20d"});
        gate.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        gate
    };
    let evidence = json!({"passedAt": "2026-03-01T09:00:00Z", "by": "cx"});
    let with = |fields: Value| if ready { fields } else { json!({}) };
    let signed = json!([{"party": "Marketing", "by": "nina", "signedOn": "2026-03-01"},
        {"party": "Service", "by": "sam", "signedOn": "2026-03-01"}]);
    let tested = if ready { "2026-03-01T09:00:00Z" } else { "2026-01-31T09:00:00Z" };
    let done = if ready { json!([{"name": "script", "doneOn": "2026-03-01"}]) } else { json!([{"name": "script"}]) };
    let mut spec = json!({
        "contractRefs": [{"name": "acme"}], "product": "Home fibre upgrade", "launchAt": LAUNCH,
        "endsAt": "2026-04-06T08:00:00Z", "hypercare": "4d",
        "channels": [{"name": "mail", "type": "Email", "expectedContacts": 500}],
        "staffing": {"handleTime": "240s", "baseline": {"feed": "acd"},
            "scheduled": {"agents": if ready { 60 } else { 6 }}},
        "gates": [
            gate("metrics", "SuccessMetrics", json!({})),
            gate("dates", "JointPlan", with(json!({"signOffs": signed}))),
            gate("staffing", "Staffing", json!({})),
            gate("training", "Training", json!({"modules": done})),
            gate("ivr", "IvrRouting",
                json!({"changedAt": "2026-02-10T10:00:00Z", "evidence": {"passedAt": tested, "by": "ivr"}})),
            gate("end-to-end", "EndToEndTest", json!({"check": {"feed": "acd", "measure": "endToEndPassed", "atLeast": 1}})),
            gate("voice", "VoiceOfCustomer", with(json!({"evidence": evidence}))),
            gate("feedback", "FeedbackLoop", with(json!({"firstReview": "2026-04-01"}))),
            gate("survey", "SurveyDecision", json!({})),
            gate("rollback", "Custom", with(json!({"evidence": evidence}))),
        ],
        "cohorts": {"feed": "sales", "label": "scriptVersion", "numerator": "sales", "denominator": "eligibleContacts",
            "plannedPerCohort": 2000, "control": "a"},
        "watch": {"kpis": ["level"], "campaignLabel": {"campaign": "fibre"}},
    });
    if ready {
        spec["survey"] = json!({"conduct": true, "marginOfErrorPercent": 5});
        spec["successMetrics"] = json!([{"kpi": "conversion"}]);
    }
    object("CampaignLaunch", "winter", &spec)
}

/// A launch whose only gate nobody passes.
fn spring() -> String {
    let spec = json!({
        "contractRefs": [{"name": "acme"}], "product": "Sports package", "launchAt": LAUNCH,
        "gates": [{"name": "voice", "type": "VoiceOfCustomer", "due": "7d"}],
    });
    object("CampaignLaunch", "spring", &spec)
}

fn states(launch: &Value) -> BTreeMap<&str, &str> {
    let gates = launch["status"]["gates"].as_array();
    let state = |gate| (text(gate, "name"), text(gate, "state"));
    gates.into_iter().flatten().map(state).collect()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// Reasons of the Events on a launch, and how often each was written.
async fn events_by_reason(place: &Place, launch: &str) -> BTreeMap<String, usize> {
    let mut events_by_reason = BTreeMap::new();
    for event in place.list("events").await {
        if event["involvedObject"]["name"] == launch && event["involvedObject"]["kind"] == "CampaignLaunch" {
            assert!(event["count"].as_i64().unwrap_or(1) <= 1, "{event}");
            *events_by_reason.entry(text(&event, "reason").to_owned()).or_default() += 1;
        }
    }
    events_by_reason
}

/// The launches on their way: the clock moves on when what an instant brings was seen.
struct Story<'p> {
    place: &'p Place,
    hand: Hand,
    /// What was seen of `winter`, each status once, without the look that was asked for.
    seen: RefCell<Vec<Value>>,
}

impl Story<'_> {
    /// Waits until `winter` is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let note_and_judge = |launch: &Value| {
            let mut status = launch["status"].clone();
            if let Some(members) = status.as_object_mut() {
                members.remove("lastHandledRequest");
            }
            let mut seen = self.seen.borrow_mut();
            if seen.last() != Some(&status) {
                seen.push(status);
            }
            wanted(launch)
        };
        self.place.wait_for("cl", "winter", what, note_and_judge).await;
    }

    /// Moves the clock, and waits until `winter` is in a phase.
    async fn phase_at(&self, instant: &str, phase: &str) {
        self.hand.move_to(instant);
        self.until(&format!("it is {phase} at {instant}"), |launch| launch["status"]["phase"] == phase).await;
    }

    /// Moves the clock to an instant that brings figures, which reach until the next opening, and waits until `winter` was looked at with them.
    async fn look_at(&self, instant: &str, figures_until: &str) {
        self.hand.move_to(instant);
        let judged = |kpi: &Value| kpi["status"]["current"]["asOf"] == figures_until;
        self.place.wait_for("kpi", "level", &format!("what came until {figures_until} is judged"), judged).await;
        let asked = format!("{REQUESTED_AT_ANNOTATION}={instant}");
        self.place.kubectl(&["annotate", "cl", "winter", "--overwrite", &asked]).await;
        let handled = |launch: &Value| launch["status"]["lastHandledRequest"] == instant;
        self.until(&format!("it is looked at, at {instant}"), handled).await;
    }

    /// Waits until `spring` says something.
    async fn spring_says(&self, field: &str, value: &str) {
        let says = |launch: &Value| launch["status"][field] == value;
        self.place.wait_for("cl", "spring", &format!("its {field} is {value}"), says).await;
    }

    /// From the first plan until the launch is Completed. The launch is readied when each of its gates has failed.
    async fn live(&self) {
        let gates =
            |state: &'static str| move |launch: &Value| states(launch).values().filter(|now| **now == state).count();
        let (failed, passed) = (gates("Failed"), gates("Passed"));
        self.phase_at(BEGIN, "Planned").await;
        self.phase_at("2026-03-03T13:00:00Z", "Preparing").await;
        self.hand.move_to("2026-03-10T13:00:00Z");
        self.until("every gate has failed", |launch| failed(launch) == 10).await;
        self.place.apply(&winter(true)).await;
        self.until("all that people can do is done", |launch| passed(launch) == 9).await;
        self.phase_at("2026-03-18T13:00:00Z", "Ready").await;
        // Nothing of it changes while figures come, and while the other launch is refused.
        self.look_at("2026-03-20T13:00:00Z", "2026-03-23T08:00:00Z").await;
        self.look_at("2026-03-23T13:00:00Z", "2026-03-24T08:00:00Z").await;
        self.look_at("2026-03-26T13:00:00Z", "2026-03-27T08:00:00Z").await;
        self.spring_says("decision", "NoGo").await;
        self.phase_at(LAUNCH, "Live").await;
        self.spring_says("phase", "Live").await;
        let spikes = |status: &'static str, reason: &'static str| {
            move |launch: &Value| has(launch, "SpikeDetected", status, reason)
        };
        self.hand.move_to("2026-03-30T10:35:00Z");
        self.until("the campaign's contacts are a spike", spikes("True", "SpikeDetected")).await;
        self.hand.move_to("2026-03-30T13:00:00Z");
        self.until("the spike is over", spikes("False", "NoSpike")).await;
        self.phase_at("2026-04-03T13:00:00Z", "Measuring").await;
        self.phase_at("2026-04-06T13:00:00Z", "Completed").await;
    }
}

/// What of a status is a state; sentences and sums are left out.
fn state_of(status: &Value) -> Value {
    let pairs = |list: &str, fields: [&str; 3]| {
        let of = |entry: &Value| fields.map(|field| entry[field].clone());
        status[list].as_array().into_iter().flatten().map(of).collect::<Vec<_>>()
    };
    json!({
        "phase": status["phase"], "decision": status["decision"],
        "gates": pairs("gates", ["name", "state", "reason"]),
        "conditions": pairs("conditions", ["type", "status", "reason"]),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_passes_through_all_its_phases_and_every_transition_has_one_event() {
    let place = Place::fresh().await;
    let dataset = Dataset::default().with_feed("acd", calls()).with_feed("sales", sales());
    let server = VendorServer::start(dataset).await.unwrap();
    place.apply(&terms(&server)).await;
    place.apply(&winter(false)).await;
    place.apply(&spring()).await;
    let story = Story { place: &place, hand: Hand::at(&place, BEGIN), seen: RefCell::default() };
    let operator = place.operator_with(&story.hand.flags());
    story.live().await;
    let statuses = story.seen.take();

    let mut phases: Vec<&str> = statuses.iter().map(|status| text(status, "phase")).collect();
    phases.retain(|phase| !phase.is_empty());
    phases.dedup();
    assert_eq!(phases, ["Planned", "Preparing", "Ready", "Live", "Measuring", "Completed"]);
    let mut decisions: Vec<&str> = statuses.iter().map(|status| text(status, "decision")).collect();
    decisions.retain(|decision| !decision.is_empty());
    decisions.dedup();
    assert_eq!(decisions, ["Pending", "Go"]);

    // Every gate failed, and every gate passed.
    let result = place.get("cl", "winter").await.unwrap();
    let passed = states(&result);
    assert_eq!((passed.len(), passed.values().all(|state| *state == "Passed")), (10, true), "{passed:?}");
    // Since when each passed: what its evidence says, or when it was first seen so, which stays what it was.
    let since = |status: &Value, name: &str| {
        let gate = status["gates"].as_array().into_iter().flatten().find(|gate| gate["name"] == name);
        gate.map(|gate| text(gate, "passedAt").to_owned()).unwrap_or_default()
    };
    assert_eq!(since(&result["status"], "voice"), "2026-03-01T09:00:00Z");
    let mut seen: Vec<String> = statuses.iter().map(|status| since(status, "dates")).collect();
    seen.retain(|instant| !instant.is_empty());
    seen.dedup();
    assert!(matches!(&seen[..], [once] if once.as_str() < LAUNCH), "{seen:?}");
    // 500 contacts of the mail and 100 that are usual, in each of eight half hours.
    let plan = result["status"]["plan"].as_array().unwrap();
    assert_eq!((plan.len(), text(&plan[0], "start")), (8, LAUNCH), "{plan:?}");
    assert!(plan.iter().all(|one| one["expected"] == "162.5" && one["scheduled"] == 60), "{plan:?}");
    let events_of_winter = events_by_reason(&place, "winter").await;
    let expected = [
        ("AtRisk", 1),
        ("AtRiskCleared", 1),
        ("GateFailed", 10),
        ("LaunchGo", 1),
        ("SpikeDetected", 1),
        ("SpikeEnded", 1),
    ];
    assert_eq!(events_of_winter, expected.map(|(reason, times)| (reason.to_owned(), times)).into());

    // What it was: a spike that the campaign explains, in which quality held, and a script that sold more.
    let spike = &result["status"]["spikes"][0];
    assert_eq!(
        (text(spike, "actual"), text(spike, "expected"), text(spike, "cause"), text(spike, "qualityHeld")),
        ("510", "300", "CampaignDemand", "True")
    );
    let cohorts = result["status"]["cohorts"].as_array().unwrap();
    assert_eq!((text(&cohorts[1], "name"), text(&cohorts[1], "verdict")), ("b", "Better"), "{cohorts:?}");
    assert_eq!(result["status"]["sampleSize"], 385);
    assert_eq!(result["status"]["metrics"][0]["kpi"], "conversion");
    assert!(has(&result, "LaunchReady", "True", "AllGatesPassed"));
    assert!(has(&result, "SpikeDetected", "Unknown", "NotLive"));

    // Another launch at the same hour was not to go; one Event said so, and its time passes all the same.
    let other = place.get("cl", "spring").await.unwrap();
    assert_eq!((text(&other["status"], "decision"), text(&other["status"], "phase")), ("NoGo", "Live"));
    let events_of_spring = events_by_reason(&place, "spring").await;
    assert_eq!((events_of_spring.get("LaunchNoGo"), events_of_spring.get("GateFailed")), (Some(&1), Some(&1)));

    // Before figures come in, from the last gate's passing to the first contact, there is nothing to write.
    let ready: Vec<Value> = statuses.iter().filter(|status| status["phase"] == "Ready").map(state_of).collect();
    assert_eq!(ready.len(), 1, "{ready:#?}");
    let events = place.installation.plane.audit_events().unwrap();
    let writes = events.iter().filter(|event| {
        event.user == OPERATOR && event.namespace == place.namespace && event.is_write() && event.name == "spring"
    });
    // Preparing on the way, the gate at risk and failed, NoGo, Live: and nothing in between.
    let writes = writes.count();
    assert!(writes <= 8, "{writes} writes for a launch whose state changed six times");
    drop(operator);
}
