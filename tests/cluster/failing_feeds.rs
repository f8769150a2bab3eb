//! A feed that fails for a whole period: the operator reports it, concludes nothing from it, and recovers when the feed answers again.

use serde_json::Value;

use crate::figures::{at, hours};
use crate::harness::{Place, condition, has};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, Fault, INTERVALS, VendorServer};

/// The rehearsal begins with the contracts, and an hour of it is a tenth of a second.
const CLOCK: [&str; 4] = ["--clock-start", "2026-01-05T00:00:00Z", "--clock-speed", "36000"];
const TERM: (&str, &str) = ("2026-01-05", "2026-06-28");
/// The week after the one in which the feeds begin to fail: no row of it arrives before it is Final.
const SILENT: &str = "2026-W03";

/// How a feed is made to fail, and what is said of it.
enum Failure {
    Refused,
    Unknown,
    Answer(Fault),
}

struct Trial {
    name: &'static str,
    failure: Failure,
    reason: &'static str,
    server: VendorServer,
}

impl Trial {
    async fn new(name: &'static str, reason: &'static str, failure: Failure) -> Self {
        let rows = hours("2026-01-05T00:00:00Z", "2026-06-29T00:00:00Z", 90);
        let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
        Trial { name, failure, reason, server }
    }

    fn manifests(&self) -> String {
        // Only the feed that must run out of time has a short timeout: a busy machine must not make the others fail.
        let timeout = if matches!(self.failure, Failure::Answer(Fault::Stalled)) { "1s" } else { "20s" };
        let feed = format!("interval: 6h, timeout: {timeout}, lateness: 72h}}]");
        let contract = contract(self.name, "UTC", "Weekly", TERM, &self.server.url(INTERVALS))
            .replace("interval: 30s}]", &feed)
            .replace("  period:", "  closeAfter: 1bd\n  period:");
        format!("{contract}{}", kpi(&self.level(), self.name, "kpi: ServiceLevel\nobjective: {target: 80}"))
    }

    fn level(&self) -> String {
        format!("{}-level", self.name)
    }

    fn silent_report(&self) -> String {
        format!("{}-{}", self.name, SILENT.to_lowercase())
    }

    async fn has_asked_until(&self, place: &Place, instant: &str) {
        let instant = at(instant);
        let asked = async || self.server.count(INTERVALS).latest_until.filter(|until| *until >= instant);
        place.eventually(&format!("{} is polled until {instant}", self.name), asked).await;
    }

    async fn fail(&mut self, place: &Place) {
        match &self.failure {
            Failure::Refused => self.server.refuse_connections().await,
            Failure::Answer(fault) => self.server.fail(INTERVALS, Some(fault.clone())),
            Failure::Unknown => self.move_to(place, "https://feeds.nobody.invalid/v1").await,
        }
    }

    async fn heal(&mut self, place: &Place) {
        match &self.failure {
            Failure::Refused => self.server.accept_connections().await.unwrap(),
            Failure::Answer(_) => self.server.fail(INTERVALS, None),
            Failure::Unknown => self.move_to(place, &self.server.url(INTERVALS)).await,
        }
    }

    async fn move_to(&self, place: &Place, url: &str) {
        let patch = format!(r#"[{{"op": "replace", "path": "/spec/feeds/0/url", "value": "{url}"}}]"#);
        place.kubectl(&["patch", "vc", self.name, "--type=json", "-p", &patch]).await;
    }
}

/// The verdict that a report has on its only KPI.
fn verdict(report: &Value) -> &str {
    report["spec"]["kpis"][0]["verdict"].as_str().unwrap()
}

async fn trials() -> [Trial; 7] {
    let answer = |fault| Failure::Answer(fault);
    [
        Trial::new("refused", "Connect", Failure::Refused).await,
        Trial::new("unknown", "Dns", Failure::Unknown).await,
        Trial::new("broken", "Status", answer(Fault::Status(500, None))).await,
        Trial::new("html", "Malformed", answer(Fault::Html)).await,
        Trial::new("cut-off", "Malformed", answer(Fault::CutOff)).await,
        Trial::new("truncated", "Connect", answer(Fault::Truncated)).await,
        Trial::new("stalled", "Timeout", answer(Fault::Stalled)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_fails_for_a_whole_period_shows_its_reason_and_no_verdict_and_recovers() {
    let place = Place::fresh().await;
    let mut trials = trials().await;
    place.apply(&trials.iter().map(Trial::manifests).collect::<String>()).await;
    let _operator = place.operator_with(&CLOCK);
    for trial in &mut trials {
        trial.has_asked_until(&place, "2026-01-06T00:00:00Z").await;
        trial.fail(&place).await;
    }
    for trial in &trials {
        for (kind, name) in [("vc", trial.name.to_owned()), ("kpi", trial.level())] {
            let what = format!("FeedHealthy=False, {}", trial.reason);
            place.wait_for(kind, &name, &what, |object| has(object, "FeedHealthy", "False", trial.reason)).await;
        }
    }
    for trial in &trials {
        let report = place
            .wait_for("slar", &trial.silent_report(), "the silent week is final", |report| {
                report["spec"]["state"] == "Final"
            })
            .await;
        assert_eq!(verdict(&report), "NoData", "{}: {:#}", trial.name, report["spec"]);
        let level = place.get("kpi", &trial.level()).await.unwrap();
        assert_eq!(condition(&level, "SLACompliant"), ("Unknown".into(), "NoData".into()), "{}", trial.name);
        assert_eq!(condition(&level, "FeedHealthy"), ("False".into(), trial.reason.into()), "{}", trial.name);
        assert!(has(&level, "Ready", "True", "Reconciled"), "a vendor's failure does not unready the KPI");
    }
    for trial in &mut trials {
        trial.heal(&place).await;
    }
    for trial in &trials {
        recovered(&place, trial).await;
    }
    nothing_was_missed(&place).await;
}

/// The feed is healthy again, the silent week is restated from its own rows, and the latest week has a verdict.
async fn recovered(place: &Place, trial: &Trial) {
    place
        .wait_for("kpi", &trial.level(), "the feed is healthy and the latest week is met", |kpi| {
            has(kpi, "FeedHealthy", "True", "Fetched") && has(kpi, "SLACompliant", "True", "TargetMet")
        })
        .await;
    let restated = format!("{}-r2", trial.silent_report());
    place.wait_for("slar", &restated, "the silent week is restated", |report| verdict(report) == "Met").await;
}

/// No report, in any revision, and no Event ever said that a target was missed.
async fn nothing_was_missed(place: &Place) {
    for report in place.list("slar").await {
        assert_ne!(verdict(&report), "Missed", "{:#}", report["spec"]);
    }
    let events = place.list("events").await;
    let said = |reason: &str| events.iter().filter(|event| event["reason"] == reason).count();
    assert_eq!(said("TargetMissed"), 0);
    assert!(said("FeedFailing") >= 7 && said("FeedRecovered") >= 7, "each failure and its end have an Event");
}
