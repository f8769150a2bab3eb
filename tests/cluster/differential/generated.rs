//! Contracts that nobody would think of, made up with a fixed seed: zones, periods, calendars, credits, relief, holes, and KPIs of many
//! kinds. All of them are such that the API server takes them.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::date;
use serde_json::{Value, json};

use super::Case;

/// When they are judged: in the midst of a day, a week and a month.
pub const NOW: &str = "2026-06-17T10:20:00Z";

const ZONES: [&str; 5] = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "America/Santiago"];
const TIERS: [&str; 3] = ["platinum", "gold", "standard"];

/// So many contracts, with their KPIs and figures, and the tiers that some of them serve.
pub fn generated(count: u64) -> Case {
    let mut case = Case::default();
    for (rank, tier) in (1..).zip(TIERS) {
        case.documents.push(object("ServiceTier", tier, json!({"rank": rank})));
    }
    for number in 0..count {
        add(&mut Rng::with_seed(0xB90 + number), number, &mut case);
    }
    case
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// One of some.
fn one<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

/// Adds a member in some of the cases.
fn sometimes(rng: &mut Rng, chance: f64, into: &mut Value, member: &str, value: Value) {
    if rng.f64() < chance {
        into[member] = value;
    }
}

fn add(rng: &mut Rng, number: u64, case: &mut Case) {
    let name = format!("made-up-{number}");
    let tiered = rng.f64() < 0.3;
    case.documents.push(object("VendorContract", &name, contract(rng, tiered)));
    for place in 0..rng.usize(1..4) {
        case.documents.push(object("KpiTarget", &format!("{name}-{place}"), kpi(rng, &name, place)));
    }
    case.feeds.insert((name, "days".to_owned()), figures(rng, tiered));
}

fn contract(rng: &mut Rng, tiered: bool) -> Value {
    let mut spec = json!({
        "vendor": {"name": "Acme Contact Services"},
        "term": {"start": "2026-01-01", "end": one(rng, &["2026-12-31", "2027-06-30", "2026-05-31"])},
        "timeZone": one(rng, &ZONES),
        "period": one(rng, &["Weekly", "Monthly", "Monthly", "Monthly", "Quarterly"]),
        "closeAfter": one(rng, &["0h", "24h", "5bd", "10bd"]),
        "charges": {"currency": "GBP", "amount": one(rng, &["100000.00", "12345.67"])},
        "feeds": [{"name": "days", "url": "https://feeds.vendor.example", "cadence": "24h", "lateness": one(rng, &["24h", "72h"])}],
    });
    if tiered {
        spec["tiers"] = json!(TIERS);
    }
    sometimes(rng, 0.5, &mut spec["charges"], "atRiskPercent", json!(8));
    let mut credits = json!({"points": {"perPointPercent": "0.5"}});
    sometimes(rng, 0.4, &mut credits["points"], "repeatMultiplier", json!(2));
    sometimes(rng, 0.4, &mut credits, "yearCapPercent", json!(3));
    sometimes(
        rng,
        0.3,
        &mut credits,
        "ramp",
        json!([{"until": "30d", "credit": "None"}, {"until": "60d", "credit": "Half"}]),
    );
    sometimes(rng, 0.3, &mut credits, "earnBack", json!({"within": 2}));
    spec["credits"] = credits;
    let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let calendar = json!({"serviceHours": [{"days": weekdays, "from": "08:00", "to": "18:00"}],
        "holidays": [{"date": "2026-04-03", "name": "Good Friday"}]});
    sometimes(rng, 0.4, &mut spec, "calendar", calendar);
    let decision = one(rng, &["Accepted", "Rejected", "Claimed"]);
    let mut relief = json!({"name": "cut", "cause": "ForceMajeure", "from": "2026-03-09T00:00:00Z", "to": "2026-03-16T00:00:00Z",
        "decision": decision});
    if decision != "Claimed" {
        relief["decidedAt"] = json!("2026-03-20T10:00:00Z");
    }
    sometimes(rng, 0.4, &mut spec, "relief", json!([relief]));
    let triggers =
        json!([{"name": "chronic", "when": {"failures": {"atLeast": 2, "outOf": 4}}, "then": "TerminationRight"}]);
    sometimes(rng, 0.4, &mut spec, "triggers", triggers);
    let contacts = json!([{"name": "sam", "party": "Client"}, {"name": "maria", "party": "Vendor"}]);
    spec["contacts"] = contacts;
    let escalation = json!([
        {"level": 1, "after": "0h", "causes": ["AtRisk", "Missed"], "contacts": ["sam"], "respond": "4bh"},
        {"level": 2, "after": "2bd", "causes": ["Missed"], "contacts": ["maria"]},
    ]);
    sometimes(rng, 0.5, &mut spec, "escalation", escalation);
    let reviews =
        json!([{"name": "monthly", "cadence": "Monthly", "grace": "3bd", "held": ["2026-01-30", "2026-02-27"]}]);
    sometimes(rng, 0.3, &mut spec, "reviews", reviews);
    spec
}

fn kpi(rng: &mut Rng, contract: &str, place: usize) -> Value {
    let (kpi, variant, better_high, target) = one(
        rng,
        &[
            ("ServiceLevel", "AnsweredOnly", true, rng.clone().i64(76..86)),
            ("ServiceLevel", "AllOffered", true, rng.clone().i64(72..84)),
            ("AbandonmentRate", "", false, rng.clone().i64(3..8)),
            ("CustomerSatisfaction", "", true, rng.clone().i64(78..90)),
            ("AverageSpeedOfAnswer", "", false, rng.clone().i64(20..40)),
        ],
    );
    let mut spec = json!({"contractRef": {"name": contract}, "kpi": kpi, "source": {"feed": "days"}, "objective": {"target": target}});
    if !variant.is_empty() {
        spec["variant"] = json!(variant);
    }
    let worse = if better_high { target - 4 } else { target + 4 };
    match rng.usize(..5) {
        0 => {
            spec["bands"] =
                json!([{"severity": "Minor", "bound": worse, "points": 1}, {"severity": "Serious", "points": 4}])
        }
        1 => {
            spec["bands"] =
                json!([{"severity": "Minor", "bound": worse, "percent": 1}, {"severity": "Severe", "percent": 3}])
        }
        2 => spec["bands"] = json!([{"severity": "Minor", "credit": "250.00"}]),
        3 => spec["price"] = json!({"amount": "312.5", "per": "0.5", "upTo": 9000}),
        _ => {}
    }
    match rng.usize(..6) {
        0 => spec["window"] = json!({"type": "Rolling", "length": "28d"}),
        1 if spec["price"].is_null() => {
            let from = one(rng, &["2026-03-01", "2026-05-11"]);
            let next = if better_high { target + 1 } else { target - 1 };
            spec["objective"]["schedule"] = json!([{"from": from, "target": next}]);
        }
        2 => spec["rounding"] = json!({"decimals": 1, "mode": "HalfUp"}),
        3 => spec["minimum"] = json!({"volume": 2_000}),
        4 => spec["missingData"] = json!({"policy": "Hold", "after": "5d"}),
        _ => {}
    }
    sometimes(rng, 0.1, &mut spec, "dryRun", json!(true));
    sometimes(rng, 0.1, &mut spec, "class", json!("KeyMeasurement"));
    sometimes(rng, 0.2, &mut spec, "maturity", json!("72h"));
    if place > 0 {
        sometimes(rng, 0.3, &mut spec, "counterMetric", json!(format!("{contract}-0")));
    }
    spec
}

/// Figures by date, with some days that never came; by tier where the contract serves tiers.
fn figures(rng: &mut Rng, tiered: bool) -> String {
    let tiers: &[&str] = if tiered { &TIERS } else { &[""] };
    let holes = one(rng, &[0.0, 0.02, 0.1]);
    let drift = rng.i64(-4..5);
    let mut rows = Vec::new();
    for (number, day) in (0_i64..).zip(date(2026, 1, 1).series(1.day()).take_while(|day| *day < date(2026, 6, 17))) {
        for tier in tiers {
            if rng.f64() < holes {
                continue;
            }
            let answered = rng.i64(150..250);
            let abandoned = rng.i64(0..20);
            let share = (82 + drift * number / 60 + rng.i64(-12..13)).clamp(0, 100);
            let labels: BTreeMap<&str, &str> =
                [("tier", *tier)].into_iter().filter(|(_, tier)| !tier.is_empty()).collect();
            rows.push(json!({"start": day, "labels": labels, "measures": {
                "offered": answered + abandoned, "answered": answered, "answeredWithin": answered * share / 100,
                "abandoned": abandoned, "abandonedWithin": abandoned / 4, "waitSeconds": answered * rng.i64(10..50),
                "surveyResponses": 40, "satisfied": 40 * share / 100,
            }}));
        }
    }
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string()
}
