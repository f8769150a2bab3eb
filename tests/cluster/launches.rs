//! A campaign from its planning to its result on the rehearsal clock: every gate fails and passes, and each transition is
//! announced once.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, OPERATOR, Place, has};
use crate::vendor::{Dataset, FeedRow, VendorServer};

const LAUNCH: &str = "2026-03-30T08:00:00Z";
/// A day and a half in a second, from 37 days before the launch on: it ends in half a minute.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-21T08:00:00Z", "--clock-speed", "129600"];

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

/// Follows a launch until it is Completed; returns its statuses, each once.
async fn follow(place: &Place) -> Vec<Value> {
    let mut statuses: Vec<Value> = Vec::new();
    let started = std::time::Instant::now();
    let mut readied = false;
    loop {
        let launch = place.get("cl", "winter").await.unwrap();
        if statuses.last() != Some(&launch["status"]) {
            statuses.push(launch["status"].clone());
        }
        let failed = states(&launch).values().filter(|state| **state == "Failed").count();
        if !readied && failed == 10 {
            place.apply(&winter(true)).await;
            readied = true;
        }
        if launch["status"]["phase"] == "Completed" {
            return statuses;
        }
        assert!(started.elapsed() < DEADLINE, "the launch is not completed: {:#}", launch["status"]);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
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
    let operator = place.operator_with(&CLOCK);
    let statuses = follow(&place).await;

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
