//! The year of one contract, lived through on a clock that moves from instant to instant: a night desk in London with a hole, both clock
//! changes, figures by half hour and by date, what came late or was corrected, relief that came and went, terms changed in mid-period, a
//! risk, an outage, and a restart of the operator each month. At its end everybody must have heard of each cause once and of nothing
//! else, and the evidence alone must result in the reports of the cluster.

mod figures;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use self::figures::{DAYS, LEVEL, calls, surveys};
use crate::figures::at;
use crate::harness::{Hand, Operator, Place, path};
use crate::judged::kpi;
use crate::receiver::{Received, Receiver};
use crate::statuses::{bpo, equals_its_bundle, text, verify_reports};
use crate::vendor::{Dataset, Fault, FeedRow, Outage, VendorServer};

const ZONE: &str = "Europe/London";
/// The morning look of a day, when the night desk has closed.
const MORNING: &str = "07:30:00Z";

fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

fn manifests(server: &VendorServer, receiver: &Receiver) -> String {
    let contract = format!(
        "---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  timeZone: {ZONE}
  period: Monthly
  closeAfter: 5bd
  calendar:
    serviceHours:
      - {{days: [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday], from: '00:00', to: '06:00'}}
  charges: {{currency: GBP, amount: '100000.00'}}
  feeds:
    - {{name: calls, url: '{}', interval: 30m, lookBack: 30d}}
    - {{name: surveys, url: '{}', interval: 12h, cadence: 24h, lateness: 12h, lookBack: 30d}}
  contacts: [{{name: sam, party: Client}}, {{name: maria, party: Vendor}}]
  escalation:
    - {{level: 1, after: 0h, causes: [AtRisk, Missed], contacts: [sam], alerts: [hook]}}
    - {{level: 2, after: 2bd, causes: [AtRisk, Missed], contacts: [maria], alerts: [hook]}}
  alerts: [{{name: hook, webhook: {{url: '{}/bpo'}}}}]
",
        server.url(LEVEL),
        server.url(DAYS),
        receiver.url()
    );
    let bands = "bands: [{severity: Minor, percent: 2}]";
    let level = format!("kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: 80}}\n{bands}");
    let content = format!("kpi: CustomerSatisfaction\nobjective: {{target: 80}}\n{bands}");
    let of_feed = |text: String, feed: &str| text.replace("{feed: acd}", &format!("{{feed: {feed}}}"));
    contract + &of_feed(kpi("level", "care", &level), "calls") + &of_feed(kpi("content", "care", &content), "surveys")
}

/// What happens at an instant of the year, in addition to the operator's own work.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Nothing else.
    Look,
    /// The operator is asked to end, and another one begins.
    Restart,
    /// The operator is killed while it works off the step, and another one begins.
    Kill,
    /// The relief for April's bad nights that is active from now on; `None`: it is withdrawn.
    Relief(Option<&'static str>),
    /// The level's target is changed.
    Target(u32),
}

/// The looks of the year, in order: some days of each month, with a restart on its first, and what the story needs.
fn story() -> Vec<(Timestamp, Event)> {
    let day = |day: Date| at(&format!("{day}T{MORNING}"));
    let mut story = Vec::new();
    for month in 1..=12 {
        let first = Date::new(2026, month, 1).unwrap();
        let restart = if month % 2 == 0 { Event::Restart } else { Event::Kill };
        story.push((day(first), restart));
        story.extend([3, 8, 15, 22, 28].map(|number| (day(first.with().day(number).build().unwrap()), Event::Look)));
    }
    let single = |text: &str, event| (at(&format!("2026-{text}T{MORNING}")), event);
    story.extend([
        single("04-12", Event::Look),
        single("04-20", Event::Look),
        single("05-04", Event::Look),
        single("05-20", Event::Relief(Some("2026-04-12T23:00:00Z"))),
        single("06-10", Event::Relief(Some("2026-04-13T23:00:00Z"))),
        single("07-10", Event::Relief(None)),
        single("07-14", Event::Target(85)),
        single("07-18", Event::Look),
        single("08-04", Event::Look),
        single("09-11", Event::Look),
        single("10-25", Event::Look),
        single("11-09", Event::Look),
        single("11-10", Event::Look),
        single("11-13", Event::Look),
        single("12-17", Event::Look),
        (at("2027-01-01T07:30:00Z"), Event::Kill),
        (at("2027-01-08T07:30:00Z"), Event::Look),
    ]);
    // The night of the risk by its half hours, and some looks of the nights after it.
    let first = at("2026-09-06T23:32:00Z");
    story.extend((0..12).map(|half_hour| (first + (30 * half_hour).minutes(), Event::Look)));
    story.extend(
        ["09-08T00:32", "09-08T01:02", "09-09T02:02", "09-10T01:32", "09-10T03:32"]
            .map(|text| (at(&format!("2026-{text}:00Z")), Event::Look)),
    );
    story.sort_by_key(|(instant, _)| *instant);
    story.dedup_by_key(|(instant, _)| *instant);
    story
}

/// The year on its way.
struct Year {
    operator: Option<Operator>,
    place: Place,
    hand: Hand,
    calls: Vec<FeedRow>,
    surveys: Vec<FeedRow>,
    /// It serves as long as this lives.
    _vendor: VendorServer,
}

/// When the endpoint of the surveys answers 500.
const OUTAGE: (&str, &str) = ("2026-11-10T00:00:00Z", "2026-11-13T00:00:00Z");

/// When the surveys of four days of December are due and have not come, though the endpoint answers.
const SILENCE: (&str, &str) = ("2026-12-16T12:00:00Z", "2026-12-19T06:00:00Z");

impl Year {
    fn start_operator(&mut self) {
        let flags = [
            &self.hand.flags()[..],
            &["--rehearsal-alerts", "--alert-allow-network", "127.0.0.0/8", "--settle-seconds", "0"],
        ]
        .concat();
        self.operator = Some(self.place.operator_with(&flags));
    }

    /// The end of the last row that a feed has sent by an instant.
    fn published_by(&self, rows: &[FeedRow], now: Timestamp) -> Option<Timestamp> {
        rows.iter().filter(|row| row.published_at <= now).map(|row| row.end).max()
    }

    /// Waits until the operator has judged what the vendor sends at an instant.
    async fn judged(&self, now: Timestamp) {
        let term_end = at("2027-01-01T00:00:00Z");
        let in_outage = (at(OUTAGE.0)..at(OUTAGE.1)).contains(&now);
        for (kpi, rows, last) in [
            ("level", &self.calls, now),
            ("content", &self.surveys, if in_outage { at(OUTAGE.0) - 1.hour() } else { now }),
        ] {
            let reached = self.published_by(rows, last);
            let period = now.to_zoned(zone()).strftime("%Y-%m").to_string();
            let what = format!("{now}: what came until {reached:?} is judged");
            self.place
                .wait_for("kpi", kpi, &what, |kpi| {
                    let (current, last) = (&kpi["status"]["current"], &kpi["status"]["last"]);
                    let as_of = || current["asOf"].as_str().map(at);
                    match now >= term_end {
                        true => current.is_null() && last["name"] == "2026-12",
                        false => current["name"] == period.as_str() && as_of() >= reached,
                    }
                })
                .await;
        }
        let silent = (at(SILENCE.0)..at(SILENCE.1)).contains(&now);
        for reason in [in_outage.then_some("Status"), silent.then_some("Late")].into_iter().flatten() {
            let fails = |contract: &Value| contract["status"]["feeds"][1]["reason"] == reason;
            self.place.wait_for("vc", "care", "the feed fails", fails).await;
        }
    }

    async fn live(&mut self, now: Timestamp, event: Event) {
        self.hand.move_to(&now.to_string());
        match event {
            Event::Kill => {
                // In the middle of the work that the step causes.
                self.operator.take().into_iter().for_each(Operator::kill);
                self.start_operator();
                self.judged(now).await;
            }
            Event::Restart => {
                self.judged(now).await;
                if let Some(operator) = self.operator.take() {
                    assert_eq!(operator.stop().await, Some(0));
                }
                self.start_operator();
            }
            Event::Look => self.judged(now).await,
            Event::Relief(until) => {
                self.judged(now).await;
                self.decide_on_relief(now, until).await;
            }
            Event::Target(target) => {
                self.judged(now).await;
                self.change_target(target).await;
            }
        }
    }

    /// Decides on the relief once April is signed: before, it would be part of what is signed.
    async fn decide_on_relief(&self, now: Timestamp, until: Option<&str>) {
        self.place
            .wait_for("slar", "care-2026-04", "April is signed", |report| report["spec"]["state"] == "Final")
            .await;
        let before = self.revisions_of_april().await;
        let relief = until.map(|until| {
            json!([{"name": "cut", "cause": "ForceMajeure", "from": "2026-04-11T23:00:00Z", "to": until,
                    "kpis": ["level"], "decision": "Accepted", "decidedAt": now.to_string()}])
        });
        let patch = json!({"spec": {"relief": relief}}).to_string();
        self.place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", &patch]).await;
        let name = format!("care-2026-04-r{}", before + 1);
        self.place.wait_for("slar", &name, "the decision is restated", |report| report["status"].is_object()).await;
    }

    async fn revisions_of_april(&self) -> usize {
        let reports = self.place.list("slar").await;
        reports.iter().filter(|report| report["spec"]["period"]["name"] == "2026-04").count()
    }

    /// Changes the target in the middle of a period, which an Event and `history` report.
    async fn change_target(&self, target: u32) {
        let patch = json!({"spec": {"objective": {"target": target}}}).to_string();
        self.place.kubectl(&["patch", "kpi", "level", "--type=merge", "-p", &patch]).await;
        let announced = async || {
            let events = self.place.list("events").await;
            events.into_iter().find(|event| event["reason"] == "TermsChangedInPeriod")
        };
        let event = self.place.eventually("the change of terms is reported", announced).await;
        let message = event["message"].as_str().unwrap();
        assert!(message.contains("objective.target") && message.contains("2026-07"), "{message}");
        let running = |kpi: &Value| kpi["status"]["current"]["target"] == target.to_string().as_str();
        self.place.wait_for("kpi", "level", "the period is judged by the new target", running).await;
    }
}

/// Each alert that was sent: what it says, of what, since when.
fn pages(receiver: &Receiver) -> Vec<String> {
    let mut known = std::collections::BTreeSet::new();
    let alerts = receiver.taken().iter().flat_map(Received::alerts).collect::<Vec<Value>>();
    // A receiver that was not heard when it took a message gets it again, under the same id.
    let once = alerts.into_iter().filter(|alert| known.insert(alert["id"].to_string()));
    let line = |alert: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let about = ["kpi_target", "level"].map(|name| text(&alert["labels"][name])).concat();
        let parts = [&alert["status"], &alert["labels"]["alertname"]].map(text);
        format!("{} {} {about} {}", parts[0], parts[1], text(&alert["startsAt"])).replace("  ", " ")
    };
    once.map(|alert| line(&alert)).collect()
}

/// Alerts in the outbox that were not delivered.
fn waiting_alerts(place: &Place) -> Vec<String> {
    let listed = bpo(&["alert", "list", "-o", "json", "--data-dir", path(&place.data_dir())]);
    let messages: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(messages.len() >= PAGES.len(), "{}", text(&listed));
    messages.iter().filter(|message| message["state"] != "delivered").map(Value::to_string).collect()
}

/// Alerts of one instant come in any order.
fn sorted(mut pages: Vec<String>) -> Vec<String> {
    pages.sort();
    pages
}

/// Every alert of the year, each with its cause.
const PAGES: [&str; 35] = [
    // Two nights of April without a call answered in time: from the first one on the month is heading below 80 %.
    "fired AtRisk level 2026-04-12T05:00:00Z",
    "fired EscalationRaised 1 2026-04-12T05:00:00Z",
    // Two business days later nobody has ended it.
    "fired EscalationRaised 2 2026-04-14T23:00:00Z",
    // The vendor corrects nine nights of March, which turns the month from Met to Missed, three weeks after its end.
    "fired EscalationRaised 1 2026-03-31T23:00:00Z",
    "fired EscalationRaised 2 2026-04-02T23:00:00Z",
    "fired TargetMissed level 2026-03-31T23:00:00Z",
    // April ends, and is the last missed month. That it was at risk is over.
    "resolved AtRisk level 2026-04-12T05:00:00Z",
    "resolved EscalationRaised 2 2026-04-02T23:00:00Z",
    "fired EscalationRaised 1 2026-04-30T23:00:00Z",
    "fired TargetMissed level 2026-04-30T23:00:00Z",
    "fired EscalationRaised 2 2026-05-02T23:00:00Z",
    // May was met. What relief makes of April from now on is money and no page.
    "resolved EscalationRaised 1 2026-04-30T23:00:00Z",
    "resolved EscalationRaised 2 2026-05-02T23:00:00Z",
    "resolved TargetMissed level 2026-04-30T23:00:00Z",
    // The target is raised to 85 in mid-July; the month is at 83.
    "fired AtRisk level 2026-07-14T05:00:00Z",
    "fired EscalationRaised 1 2026-07-14T05:00:00Z",
    "fired EscalationRaised 2 2026-07-16T23:00:00Z",
    "resolved AtRisk level 2026-07-14T05:00:00Z",
    "resolved EscalationRaised 2 2026-07-16T23:00:00Z",
    "fired EscalationRaised 1 2026-07-31T23:00:00Z",
    "fired TargetMissed level 2026-07-31T23:00:00Z",
    "fired EscalationRaised 2 2026-08-02T23:00:00Z",
    "resolved EscalationRaised 1 2026-07-31T23:00:00Z",
    "resolved EscalationRaised 2 2026-08-02T23:00:00Z",
    "resolved TargetMissed level 2026-07-31T23:00:00Z",
    // September crosses its target with each half hour of four nights: one risk, until the first whole night without a warning.
    "fired AtRisk level 2026-09-07T01:30:00Z",
    "fired EscalationRaised 1 2026-09-07T01:30:00Z",
    "fired EscalationRaised 2 2026-09-09T23:00:00Z",
    "resolved AtRisk level 2026-09-07T01:30:00Z",
    "resolved EscalationRaised 1 2026-09-07T01:30:00Z",
    "resolved EscalationRaised 2 2026-09-09T23:00:00Z",
    // The endpoint of the surveys answers 500 for three days of November.
    "fired FeedFailing 2026-11-10T07:30:00Z",
    "resolved FeedFailing 2026-11-10T07:30:00Z",
    // Four days of December come late: the first was due on the 16th at noon. Rows that merely waited for the next poll are not late.
    "fired FeedFailing 2026-12-16T12:00:00Z",
    "resolved FeedFailing 2026-12-16T12:00:00Z",
];

/// Each report: name, what was counted of the calls and of the surveys, the verdict on the calls, and what is credited.
const REPORTS: [(&str, &str, &str, &str, &str); 16] = [
    // 31 nights of 12 half hours of 100 calls, 90 of them answered in time; 88 of 100 answers a day are content.
    ("2026-01", "33480/37200", "2728/3100", "Met", "0.00"),
    // The night of the 10th never came.
    ("2026-02", "29160/32400", "2464/2800", "Met", "0.00"),
    // The night of the 29th has five hours, and its day 200 answers.
    ("2026-03", "31080/37000", "2816/3200", "Met", "0.00"),
    // 106 half hours fall from 84 to 40.
    ("2026-03-r2", "26416/37000", "2816/3200", "Missed", "2000.00"),
    ("2026-04", "27552/36000", "2640/3000", "Missed", "2000.00"),
    // Without one of the two bad nights 79.17 %, without both 82 %, with both again 76.53 %.
    ("2026-04-r2", "27552/34800", "2640/3000", "Missed", "2000.00"),
    ("2026-04-r3", "27552/33600", "2640/3000", "Excused", "0.00"),
    ("2026-04-r4", "27552/36000", "2640/3000", "Missed", "2000.00"),
    ("2026-05", "33480/37200", "2728/3100", "Met", "0.00"),
    // The day of the 10th never came.
    ("2026-06", "32400/36000", "2552/2900", "Met", "0.00"),
    ("2026-07", "30876/37200", "2728/3100", "Missed", "2000.00"),
    // The 20th came two weeks late, before the month was final.
    ("2026-08", "33480/37200", "2728/3100", "Met", "0.00"),
    ("2026-09", "31806/36000", "2640/3000", "Met", "0.00"),
    // The night of the 25th has seven hours, and its day 200 answers.
    ("2026-10", "33660/37400", "2816/3200", "Met", "0.00"),
    ("2026-11", "32400/36000", "2640/3000", "Met", "0.00"),
    ("2026-12", "33480/37200", "2728/3100", "Met", "0.00"),
];

/// A report as one of those lines.
fn summary(report: &Value) -> [String; 5] {
    let spec = &report["spec"];
    let line = |name: &str| spec["kpis"].as_array().unwrap().iter().find(|line| line["name"] == name).unwrap();
    let counted = |name: &str| {
        let side = |side: &str| line(name)[side].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", side("numerator"), side("denominator"))
    };
    assert_eq!(spec["state"], "Final", "{}", report["metadata"]["name"]);
    assert_eq!(line("content")["verdict"], "Met");
    let credit = line("level")["credit"].as_str().unwrap_or("0.00").to_owned();
    [
        report["metadata"]["name"].as_str().unwrap().trim_start_matches("care-").to_owned(),
        counted("level"),
        counted("content"),
        line("level")["verdict"].as_str().unwrap().to_owned(),
        credit,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_a_contract_is_reported_once_and_its_evidence_alone_reproduces_every_report() {
    let place = Place::fresh().await;
    let (calls, surveys) = (calls(&zone()), surveys(&zone()));
    let outage = Outage { feed: DAYS.into(), from: at(OUTAGE.0), to: at(OUTAGE.1), fault: Fault::Status(500, None) };
    let mut dataset = Dataset::default().with_feed(LEVEL, calls.clone()).with_feed(DAYS, surveys.clone());
    dataset.outages.push(outage);
    let server = VendorServer::start(dataset).await.unwrap();
    let receiver = Receiver::start().await;
    place.apply(&manifests(&server, &receiver)).await;
    let hand = Hand::at(&place, "2026-01-01T00:00:00Z");
    let mut year = Year { operator: None, place, hand, calls, surveys, _vendor: server };
    let mut end = String::new();
    for (now, event) in story() {
        year.live(now, event).await;
        end = now.to_string();
    }

    let place = &year.place;
    let all_final = async || {
        let reports = place.list("slar").await;
        let open = reports.iter().filter(|report| report["spec"]["state"] != "Final").count();
        (open == 0 && reports.len() == REPORTS.len()).then_some(reports)
    };
    let reports = place.eventually("every month is final", all_final).await;
    let found: Vec<[String; 5]> = reports.iter().map(summary).collect();
    let expected = REPORTS
        .map(|(name, level, content, verdict, credit)| [name, level, content, verdict, credit].map(str::to_owned));
    assert_eq!(found, expected);

    let missing = || PAGES.iter().filter(|page| !pages(&receiver).contains(&(**page).to_owned())).count();
    place.eventually("everybody was notified", async || (missing() == 0).then_some(())).await;
    assert_eq!(sorted(pages(&receiver)), sorted(PAGES.map(str::to_owned).into()));

    let bundle = equals_its_bundle(place, "care", &end).await;
    // `verify` judges by the machine's own clock; the rehearsal's may be ahead of it, but by no more than the last month.
    let names: Vec<String> = REPORTS.iter().map(|(name, ..)| format!("care-{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "care-2026-12").collect();
    verify_reports(place, path(&bundle), &names).await;
    assert_eq!(waiting_alerts(place), Vec::<String>::new(), "nothing is on its way");
    assert_eq!(pages(&receiver).len(), PAGES.len(), "nothing more came");
    let log = year.operator.as_ref().unwrap().log();
    assert!(!log.contains("contradicts the evidence"), "{log}");
}
