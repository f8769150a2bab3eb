//! Contracts that nobody would think of, made up with a fixed seed: zones, periods and fiscal years, calendars, money, repeats, relief,
//! disputes, holes, KPIs of many kinds with tallies, prices and second sources, and launches. All of them are such that the API
//! server takes them.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::Case;

/// When they are judged: in the middle of a day, a week and a month.
pub(crate) const NOW: &str = "2026-06-17T10:20:00Z";

const ZONES: [&str; 5] = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "America/Santiago"];
const TIERS: [&str; 3] = ["platinum", "gold", "standard"];

/// The contracts of these numbers, with their KPIs, figures and launches, and the tiers that some of them serve.
pub(crate) fn generated(numbers: Range<u64>) -> Case {
    let mut case = Case::default();
    for (rank, tier) in (1..).zip(TIERS) {
        case.documents.push(object("ServiceTier", tier, json!({"rank": rank})));
    }
    for number in numbers {
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
    let contract = contract(rng, &name, tiered);
    for place in 0..rng.usize(1..4) {
        case.documents.push(object("KpiTarget", &format!("{name}-{place}"), kpi(rng, &name, place, &contract)));
    }
    let first_day = contract["term"]["start"].as_str().unwrap().to_owned();
    case.documents.push(object("VendorContract", &name, contract));
    if rng.f64() < 0.3 {
        case.documents.push(object("CampaignLaunch", &name, launch(rng, &name)));
    }
    let figures = figures(rng, first_day.parse().unwrap(), tiered);
    case.feeds.insert((name.clone(), "ours".to_owned()), body(&figures, rng.i64(-6..7)));
    case.feeds.insert((name, "days".to_owned()), body(&figures, 0));
}

fn contract(rng: &mut Rng, name: &str, tiered: bool) -> Value {
    let period = one(
        rng,
        &["Weekly", "Monthly", "Monthly", "Monthly", "Quarterly", "Quarterly", "HalfYearly", "Yearly", "ContractYear"],
    );
    let feed = |name: &str, lateness: &str| json!({"name": name, "url": "https://feeds.vendor.example", "cadence": "24h", "lateness": lateness});
    let mut spec = json!({
        "vendor": {"name": "Acme Contact Services"},
        "term": {"start": start(rng, period), "end": one(rng, &["2026-12-31", "2027-06-30", "2026-05-31"])},
        "timeZone": one(rng, &ZONES),
        "period": period,
        "closeAfter": one(rng, &["0h", "24h", "5bd", "10bd"]),
        "feeds": [feed("days", one(rng, &["24h", "72h"])), feed("ours", "72h")],
    });
    if matches!(period, "Quarterly" | "HalfYearly" | "Yearly") {
        let start = one(rng, &["01-01", "02-06", "03-01", "04-06", "05-28"]);
        sometimes(rng, 0.7, &mut spec, "fiscalYearStart", json!(start));
    }
    if tiered {
        spec["tiers"] = json!(TIERS);
    }
    sometimes(rng, 0.5, &mut spec["feeds"][0], "thresholds", json!([{"measure": "answeredWithin", "within": "20s"}]));
    add_money(rng, &mut spec);
    add_people(rng, &mut spec);
    let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let calendar = json!({"serviceHours": [{"days": weekdays, "from": "08:00", "to": "18:00"}],
        "holidays": [{"date": "2026-04-03", "name": "Good Friday"}]});
    sometimes(rng, 0.4, &mut spec, "calendar", calendar);
    // Decided on its first day: before any period that it touches closes, so that who begins later sees what files see.
    let relief = decided(
        rng,
        json!({"name": "cut", "cause": "ForceMajeure", "from": "2026-03-09T00:00:00Z", "to": "2026-03-16T00:00:00Z"}),
        "Claimed",
        "2026-03-09T10:00:00Z",
    );
    sometimes(rng, 0.4, &mut spec, "relief", json!([relief]));
    // One that was raised before its period could close, whenever the operator began.
    if period == "Monthly" && spec["closeAfter"] == "10bd" {
        let dispute = json!({"name": "count", "period": "2026-05", "raisedOn": "2026-06-03", "party": "Client"});
        let mut dispute = decided(rng, dispute, "Open", "2026-06-05T10:00:00Z");
        sometimes(rng, 0.5, &mut dispute, "kpi", json!(format!("{name}-0")));
        sometimes(rng, 0.8, &mut spec, "disputes", json!([dispute]));
    }
    spec
}

/// A first day of which some periods have ended.
fn start(rng: &mut Rng, period: &str) -> &'static str {
    match period {
        "HalfYearly" | "Yearly" => one(rng, &["2026-01-01", "2025-09-15"]),
        "ContractYear" => one(rng, &["2025-03-10", "2025-05-31"]),
        _ => "2026-01-01",
    }
}

/// Something that waits for a decision, or was decided at an instant.
fn decided(rng: &mut Rng, mut what: Value, open: &str, at: &str) -> Value {
    let decision = one(rng, &["Accepted", "Rejected", open]);
    what["decision"] = json!(decision);
    if decision != open {
        what["decidedAt"] = json!(at);
    }
    what
}

/// Charges with an amount, and points; or an amount at risk alone. What a run of misses costs, and caps.
fn add_money(rng: &mut Rng, spec: &mut Value) {
    let (mut charges, mut credits) = (json!({"currency": "GBP"}), json!({}));
    if rng.f64() < 0.8 {
        charges["amount"] = json!(one(rng, &["100000.00", "12345.67"]));
        credits["points"] = json!({"perPointPercent": "0.5"});
        sometimes(rng, 0.5, &mut charges, "atRiskPercent", json!(8));
        sometimes(rng, 0.3, &mut charges, "schedule", json!([{"from": "2026-04-01", "amount": "110000.00"}]));
        sometimes(rng, 0.4, &mut credits, "yearCapPercent", json!(3));
    } else {
        charges["atRiskAmount"] = json!("4000");
        sometimes(rng, 0.5, &mut credits, "yearCapAmount", json!(6_000));
    }
    match rng.usize(..4) {
        0 if credits.get("points").is_some() => credits["points"]["repeatMultiplier"] = json!(2),
        1 => {
            credits["repeats"] =
                json!([{"misses": 1, "times": 1}, {"misses": 2, "times": "1.5"}, {"misses": 3, "times": 2}])
        }
        2 => credits["repeats"] = json!([{"misses": 2, "times": 1}]),
        _ => {}
    }
    let ramp = json!([{"until": "30d", "credit": "None"}, {"until": "60d", "credit": "Half"}]);
    sometimes(rng, 0.3, &mut credits, "ramp", ramp);
    sometimes(rng, 0.3, &mut credits, "earnBack", json!({"within": 2}));
    (spec["charges"], spec["credits"]) = (charges, credits);
}

/// Triggers, contacts, escalation and reviews.
fn add_people(rng: &mut Rng, spec: &mut Value) {
    let triggers =
        json!([{"name": "chronic", "when": {"failures": {"atLeast": 2, "outOf": 4}}, "then": "TerminationRight"}]);
    sometimes(rng, 0.4, spec, "triggers", triggers);
    spec["contacts"] = json!([{"name": "sam", "party": "Client"}, {"name": "maria", "party": "Vendor"}]);
    let escalation = json!([
        {"level": 1, "after": "0h", "causes": ["AtRisk", "Missed"], "contacts": ["sam"], "respond": "4bh"},
        {"level": 2, "after": "2bd", "causes": ["Missed"], "contacts": ["maria"]},
    ]);
    sometimes(rng, 0.5, spec, "escalation", escalation);
    let held = ["2026-01-30", "2026-02-27"];
    let reviews = json!([{"name": "board", "cadence": one(rng, &["Monthly", "HalfYearly", "ContractYear"]), "grace": "3bd", "held": held}]);
    sometimes(rng, 0.3, spec, "reviews", reviews);
}

fn kpi(rng: &mut Rng, contract: &str, place: usize, terms: &Value) -> Value {
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
        let within = one(rng, &["20s", "20s", "30s"]);
        sometimes(rng, 0.3, &mut spec, "within", json!(within));
    }
    // A tally counts parts that missed, and fewer are better.
    let tallied = rng.f64() < 0.15;
    let (better_high, target) = if tallied { (false, 2) } else { (better_high, target) };
    if tallied {
        let each = if terms["period"] == "Weekly" { "Day" } else { one(rng, &["Day", "Week"]) };
        spec["tally"] = json!({"each": each, "target": spec["objective"]["target"]});
        spec["objective"]["target"] = json!(target);
    }
    add_consequence(rng, &mut spec, (better_high, target), terms["charges"].get("amount").is_some());
    match rng.usize(..7) {
        0 if !tallied => spec["window"] = json!({"type": "Rolling", "length": "28d"}),
        1 if !tallied => spec["window"] = json!({"type": "RollingPeriods", "count": 2}),
        2 if !tallied && spec["price"].is_null() && spec["bonus"].is_null() => {
            let from = one(rng, &["2026-03-01", "2026-05-11"]);
            let next = if better_high { target + 1 } else { target - 1 };
            spec["objective"]["schedule"] = json!([{"from": from, "target": next}]);
        }
        3 => spec["rounding"] = json!({"decimals": 1, "mode": "HalfUp"}),
        4 => spec["minimum"] = json!({"volume": 2_000}),
        5 => spec["missingData"] = json!({"policy": "Hold", "after": "5d"}),
        _ => {}
    }
    if !tallied && rng.f64() < 0.25 {
        let prefer = one(rng, &["Vendor", "Own", "Worse"]);
        spec["source"]["crossCheck"] =
            json!({"feed": "ours", "tolerance": one(rng, &["0", "1", "4"]), "prefer": prefer});
    }
    sometimes(rng, 0.1, &mut spec, "dryRun", json!(true));
    sometimes(rng, 0.1, &mut spec, "class", json!("KeyMeasurement"));
    sometimes(rng, 0.2, &mut spec, "maturity", json!("72h"));
    if place > 0 && !tallied {
        sometimes(rng, 0.3, &mut spec, "counterMetric", json!(format!("{contract}-0")));
    }
    spec
}

/// What a miss costs, what doing better brings, and what a run of misses does.
fn add_consequence(rng: &mut Rng, spec: &mut Value, (better_high, target): (bool, i64), has_amount: bool) {
    let by = |steps: i64| if better_high { target - steps } else { target + steps };
    let (light, grave) = match rng.usize(..6) {
        0 if has_amount => (json!({"points": 1}), json!({"points": 4})),
        1 if has_amount => (json!({"percent": 1}), json!({"percent": 3})),
        2 => (json!({"credit": "250.00"}), json!({"credit": "400.00"})),
        3 if !spec["tally"].is_null() => {
            spec["price"] = json!({"amount": "312.5"});
            (json!({}), json!({}))
        }
        3 | 4 => {
            let steps = one(rng, &["Started", "Full", "Exact"]);
            spec["price"] = json!({"amount": "312.5", "per": "0.5", "steps": steps, "upTo": 9000,
                "schedule": [{"from": "2026-04-01", "amount": 400}]});
            sometimes(rng, 0.4, &mut spec["price"], "beyond", json!(by(1)));
            (json!({}), json!({}))
        }
        _ => return,
    };
    let band = |severity: &str, bound: Option<i64>, consequence: &Value| {
        let mut band = consequence.clone();
        band["severity"] = json!(severity);
        bound.into_iter().for_each(|bound| band["bound"] = json!(bound));
        band
    };
    spec["bands"] = json!([band("Minor", Some(by(4)), &light), band("Serious", None, &grave)]);
    sometimes(rng, 0.2, spec, "repeats", json!([{"misses": 2, "times": 1}, {"misses": 3, "times": 3}]));
    // Neither a count of parts nor a share can fall below 0.
    if by(-2) >= 0 {
        sometimes(rng, 0.2, spec, "bonus", json!({"from": by(-2), "amount": "150"}));
        sometimes(rng, 0.3, &mut spec["objective"], "stretch", json!(by(-1)));
    }
}

/// A launch that is ahead, that comes tomorrow, or that was.
fn launch(rng: &mut Rng, contract: &str) -> Value {
    let signed = json!([{"party": "Marketing", "by": "nina", "signedOn": "2026-04-10"}, {"party": "Service", "by": "sam", "signedOn": "2026-04-12"}]);
    let mut dates = json!({"name": "dates", "type": "JointPlan", "due": "14d"});
    sometimes(rng, 0.6, &mut dates, "signOffs", signed);
    let (at, end) = one(
        rng,
        &[
            ("2026-06-29T08:00:00Z", "2026-07-10T18:00:00Z"),
            ("2026-06-18T08:00:00Z", "2026-07-02T18:00:00Z"),
            ("2026-05-04T08:00:00Z", "2026-05-20T18:00:00Z"),
        ],
    );
    let mut spec = json!({
        "contractRefs": [{"name": contract}], "product": "Home fibre", "launchAt": at, "endsAt": end,
        "channels": [{"name": "mail", "type": "Email", "volume": 20_000, "responsePercent": "1.5", "dayShares": [35, 25, 15, 15, 10]}],
        "gates": [
            {"name": "metrics", "type": "SuccessMetrics", "due": "14d"}, dates,
            {"name": "people", "type": "Staffing", "due": "5d"},
            {"name": "survey", "type": "SurveyDecision", "due": "7d"},
            {"name": "feedback", "type": "FeedbackLoop", "due": "7d", "blocking": false, "firstReview": "2026-07-01"},
        ],
        "successMetrics": [{"kpi": format!("{contract}-0")}],
        "survey": {"conduct": true, "reason": "a new product", "marginOfErrorPercent": 5},
        "watch": {"kpis": [format!("{contract}-0")], "campaignLabel": {"tier": "gold"}},
    });
    let staffing = json!({"interval": "1h", "handleTime": "300s", "baseline": {"feed": "days"}, "scheduled": {"agents": rng.i64(10..60)}});
    sometimes(rng, 0.8, &mut spec, "staffing", staffing);
    spec
}

/// Figures by date, with some days that never came; by tier where the contract serves tiers.
fn figures(rng: &mut Rng, first_day: Date, tiered: bool) -> Vec<Value> {
    let tiers: &[&str] = if tiered { &TIERS } else { &[""] };
    let holes = one(rng, &[0.0, 0.02, 0.1]);
    let drift = rng.i64(-4..5);
    let mut rows = Vec::new();
    for (number, day) in (0_i64..).zip(first_day.series(1.day()).take_while(|day| *day < date(2026, 6, 17))) {
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
    rows
}

/// An answer with these figures, with `more` (or fewer, if negative) contacts a day answered in time.
fn body(figures: &[Value], more: i64) -> String {
    let mut rows = figures.to_vec();
    for measures in rows.iter_mut().map(|row| &mut row["measures"]) {
        let (within, answered) = (measures["answeredWithin"].as_i64().unwrap(), measures["answered"].as_i64().unwrap());
        measures["answeredWithin"] = json!((within + more).clamp(0, answered));
    }
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string()
}
