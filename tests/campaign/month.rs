//! The demo month: a vendor misses January's target. Judging, signing and announcing it takes every kind of call that the
//! operator makes. At the end everybody must have heard of each cause exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bpo_operator::api::REQUESTED_AT_ANNOTATION;
use jiff::Timestamp;
use serde_json::Value;

use crate::access::{self, AUTH, TLS, TOKEN};
use crate::call::{Fault, Outcome};
use crate::end::End;
use crate::figures::hours;
use crate::harness::{Hand, Operator, Place, fetches, installation, path};
use crate::proxy::{Plan, Proxy, busiest, leading_to};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// How long a step of the month may take while calls fail: two stalled calls in a row, and the pauses after them.
const PATIENCE: Duration = Duration::from_secs(180);
/// How soon after the last fault a step must have ended, and how long a stalled call lasts until it is given up.
pub(crate) const CONVERGENCE: Duration = Duration::from_secs(60 + 40);
/// What the operator asks of the API server at most while calls fail, as a mean over `COUNTED_OVER`.
const CALLS_A_SECOND: usize = 10;
const COUNTED_OVER: Duration = Duration::from_secs(10);

/// Reasons of the Events about verdicts and money.
const VERDICTS: [&str; 8] = [
    "TargetMissed",
    "TargetMet",
    "PeriodClosed",
    "PeriodRestated",
    "PeriodFinal",
    "CreditDue",
    "CreditEarnedBack",
    "ReportContradicted",
];

/// The kinds with a status of the operator's, in the order in which they are judged.
const CONTRACTS: &str = "vc";
const OTHERS: &str = "kpi,st,cl";
const LOOKED_AT: &str = "vc,kpi,st,cl";

/// Where the month ends.
const END: &str = "2026-02-20T07:30:00Z";
/// What goes wrong at each step of a month, in addition to calls that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// Watches hide what changes in the step, until everything is listed again.
    DroppedEvents,
    /// After what changes in the step everything is listed as it was at the month's beginning, and watches begin there.
    OldLists,
}

/// What moves the month on.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin,
    Target(u32),
    Clock(&'static str),
}

/// January runs, is judged by another target, has ended, and is signed.
const STEPS: [Step; 4] = [Step::Begin, Step::Target(85), Step::Clock("2026-02-03T07:30:00Z"), Step::Clock(END)];

/// A month on its way.
pub(crate) struct Month {
    life: Mutex<Life>,
    /// Its namespace.
    pub place: Place,
    /// What the operator's calls go through.
    pub proxy: Proxy,
    hand: Hand,
    receiver: Receiver,
    /// What calls meet from the last step on.
    last_plan: Option<Plan>,
    /// It serves as long as this lives.
    _vendor: VendorServer,
}

/// How a step of the undisturbed month went.
pub(crate) struct Undergone {
    /// What everybody has heard at its end.
    pub end: End,
    /// The kinds of call that it took.
    pub kinds: BTreeSet<String>,
}

/// The operator that runs, and how many were killed before it.
struct Life {
    operator: Option<Operator>,
    killed: usize,
}

impl Month {
    /// Begins a month in a namespace of its own, with an operator whose calls fail by a plan.
    pub(crate) async fn begin(plan: Plan) -> Self {
        let mut place = Place::fresh().await;
        let direct = installation().await;
        let proxy = Proxy::start(direct).await;
        proxy.plan(plan);
        place.installation = leading_to(proxy.port(), direct, place.folder.path());
        let rows = hours("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", 70);
        let dataset = Dataset::default().with_feed(INTERVALS, rows).with_token(TOKEN);
        let vendor = VendorServer::start(dataset).await.unwrap();
        let receiver = Receiver::start().await;
        place.apply(&manifests(&vendor.url(INTERVALS), &receiver.url())).await;
        let hand = Hand::at(&place, "2026-01-12T07:30:00Z");
        let life = Mutex::new(Life { operator: Some(start(&place, &hand, &proxy)), killed: 0 });
        Month { life, place, proxy, hand, receiver, last_plan: None, _vendor: vendor }
    }

    /// Lets calls fail by another plan from the last step on.
    #[must_use]
    pub(crate) fn at_last(self, plan: Plan) -> Self {
        Month { last_plan: Some(plan), ..self }
    }

    /// Lives through the month, at each step of which everybody must hear of what is written in `heard`, and of nothing else.
    pub(crate) async fn live_undisturbed(&mut self, heard: [&[&str]; STEPS.len()]) -> Vec<Undergone> {
        let mut undergone = Vec::new();
        let mut wanted: Vec<&str> = Vec::new();
        for (step, heard) in STEPS.into_iter().zip(heard) {
            let before = self.proxy.calls().len();
            self.step(Trouble::None, step).await;
            self.judged(step).await;
            wanted.extend(heard);
            wanted.sort_unstable();
            self.heard(step, &wanted).await;
            // The looks that this asks for from now on are none of the month's.
            let kinds = self.proxy.calls().into_iter().skip(before).map(|call| call.kind).collect();
            let end = self.settled().await;
            assert_eq!(end.heard(), wanted, "{step:?}");
            undergone.push(Undergone { end, kinds });
        }
        undergone
    }

    /// Waits until every object is looked at as it is, and everybody has heard of what is wanted.
    async fn heard(&self, step: Step, wanted: &[&str]) {
        let started = Instant::now();
        loop {
            let is_seen = |object: &Value| object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let found = self.end().await.heard();
            if found == wanted && self.place.list(LOOKED_AT).await.iter().all(is_seen) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{step:?}: what was heard is {found:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts the operator again where a call has killed it.
    fn revive(&self) {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if life.killed < self.proxy.kills() {
            // The next one must find nobody in the evidence: this waits until the process is gone.
            life.operator.take().into_iter().for_each(Operator::kill);
            life.operator = Some(start(&self.place, &self.hand, &self.proxy));
            life.killed += 1;
        }
    }

    /// Lives through the month with trouble at each step. Each step must end as it did in the undisturbed month. Returns the longest
    /// time from the last call that failed, or from the start of the step, to the end of the step.
    pub(crate) async fn live(&mut self, trouble: Trouble, wanted: &[End]) -> Duration {
        let mut slowest = Duration::ZERO;
        for (number, (step, wanted)) in STEPS.into_iter().zip(wanted).enumerate() {
            let began = Instant::now();
            if number + 1 == STEPS.len()
                && let Some(plan) = self.last_plan.take()
            {
                self.proxy.plan(plan);
            }
            self.step(trouble, step).await;
            self.judged(step).await;
            self.ends_as(wanted, PATIENCE).await;
            let failed = self.proxy.calls().iter().filter(|call| call.fault.is_some()).map(|call| call.at).max();
            slowest = slowest.max(failed.map_or(began, |failed| failed.max(began)).elapsed());
        }
        slowest
    }

    /// Waits until the level's figures show a step.
    async fn judged(&self, step: Step) {
        let shown = |kpi: &Value| {
            let current = &kpi["status"]["current"];
            match step {
                Step::Begin => current["asOf"] == "2026-01-12T07:00:00Z",
                Step::Target(target) => current["target"] == target.to_string().as_str(),
                Step::Clock(instant) => current["asOf"].as_str() == Some(instant.replace(":30:", ":00:").as_str()),
            }
        };
        let look = async || {
            self.revive();
            self.place.get("kpi", "level").await.filter(&shown)
        };
        self.place.eventually_within(PATIENCE, &format!("{step:?} is judged"), look).await;
    }

    async fn step(&mut self, trouble: Trouble, step: Step) {
        match trouble {
            Trouble::None => self.carry_out(step).await,
            Trouble::DroppedEvents | Trouble::OldLists if matches!(step, Step::Begin) => {}
            Trouble::OldLists => {
                self.carry_out(step).await;
                self.judged(step).await;
                self.proxy.replay_lists(true);
                self.proxy.expire_watches();
                let all = async || self.proxy.all_lists_are_replayed().then_some(());
                self.place.eventually_within(PATIENCE, "every list is replayed", all).await;
                self.proxy.replay_lists(false);
            }
            Trouble::DroppedEvents => {
                let before = self.proxy.drop_events(true);
                self.carry_out(step).await;
                let dropped = async || (self.proxy.drop_events(true) > before).then_some(());
                self.place.eventually_within(PATIENCE, "changes are hidden", dropped).await;
                self.proxy.drop_events(false);
                self.proxy.expire_watches();
            }
        }
    }

    async fn carry_out(&self, step: Step) {
        match step {
            Step::Begin => {}
            // A change of the target in the middle of a month also makes the operator look up who made it.
            Step::Target(target) => {
                let patch = serde_json::json!({"spec": {"objective": {"target": target}}}).to_string();
                self.place.kubectl(&["patch", "kpi", "level", "--type=merge", "-p", &patch]).await;
            }
            Step::Clock(instant) => self.hand.move_to(instant),
        }
    }

    /// What everybody has heard by now.
    pub(crate) async fn end(&self) -> End {
        End::of(&self.place, &self.receiver).await
    }

    /// Has the feed asked and everything looked at again until that changes nothing, and returns what everybody has heard.
    async fn settled(&mut self) -> End {
        let (mut before, started) = (self.end().await, Instant::now());
        loop {
            self.ask_the_feed().await;
            // A contract is judged first, and the others show what it came to.
            for kinds in [CONTRACTS, OTHERS] {
                self.look_at(kinds).await;
            }
            let sent = async || waiting_alerts(&self.place).is_empty().then_some(());
            self.place.eventually_within(PATIENCE, "every alert is delivered", sent).await;
            let now = self.end().await;
            let found = now.differences(&before);
            if found.is_empty() {
                return now;
            }
            assert!(started.elapsed() < PATIENCE, "it never settles: {}", found.join("\n"));
            before = now;
        }
    }

    /// Has the feed asked for rows, and waits until a poll has ended.
    async fn ask_the_feed(&mut self) {
        let Month { life, place, .. } = self;
        let life = life.get_mut().unwrap_or_else(PoisonError::into_inner);
        let operator = life.operator.as_ref().unwrap();
        let polls = async || fetches(&operator.http("/metrics").await.1);
        let before = polls().await;
        let asked = format!("bpo-operator.io/fetch=acd at {}", Timestamp::now());
        place.kubectl(&["annotate", "vc", "care", "--overwrite", &asked]).await;
        let ended = async || (polls().await > before).then_some(());
        place.eventually_within(PATIENCE, "the feed is asked again", ended).await;
    }

    /// Has all objects of these kinds looked at, and waits until they were.
    async fn look_at(&self, kinds: &str) {
        let asked = Timestamp::now().to_string();
        let annotation = format!("{REQUESTED_AT_ANNOTATION}={asked}");
        self.place.kubectl(&["annotate", kinds, "--all", "--overwrite", &annotation]).await;
        let is_handled = |object: &Value| object["status"]["lastHandledRequest"] == asked.as_str();
        let handled = async || self.place.list(kinds).await.iter().all(is_handled).then_some(());
        self.place.eventually_within(PATIENCE, &format!("all of {kinds} are looked at"), handled).await;
    }

    /// Waits until the outcome is that of another month, with nothing added.
    pub(crate) async fn ends_as(&self, wanted: &End, patience: Duration) {
        let started = Instant::now();
        // A process that is killed at an Event loses none: the next one announces it.
        let refuses = |(kind, fault): &(String, Fault)| kind == "create events" && fault.outcome != Outcome::Kill;
        let takes_events = !self.proxy.outstanding().iter().any(refuses);
        loop {
            self.revive();
            let mut found = self.end().await.differences(wanted);
            // Where calls fail, a feed may fail for a moment, and a transition may be over before the operator announces it. Verdicts and
            // money are announced all the same, and once.
            if !self.faults_met().is_empty() {
                let counts = |about: &str| VERDICTS.iter().any(|reason| about.contains(&format!(": {reason} ")));
                found.retain(|difference| !difference.starts_with("Event of ") || (takes_events && counts(difference)));
            }
            if found.is_empty() {
                break;
            }
            assert!(started.elapsed() < patience, "it ends otherwise:\n{}\n{}", found.join("\n"), self.faults_met());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// How often the alert was delivered that was delivered most often. Each cause has one alert, which [`End::of`] sees to; a process
    /// that is killed before it notes a delivery makes the next one deliver the same alert again.
    pub(crate) fn most_deliveries(&self) -> usize {
        let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
        for alert in self.receiver.taken().iter().flat_map(Received::alerts) {
            *by_id.entry(alert["id"].to_string()).or_default() += 1;
        }
        by_id.into_values().max().unwrap_or_default()
    }

    /// Fails where the operator called the API server more than ten times a second while calls failed, over any ten seconds: a start and a
    /// step of the month have their calls at once. Returns the most calls of ten seconds.
    pub(crate) fn calls_were_few(&self) -> usize {
        let most = busiest(&self.proxy.calls(), COUNTED_OVER);
        let wanted = CALLS_A_SECOND * usize::try_from(COUNTED_OVER.as_secs()).unwrap();
        assert!(most < wanted, "{most} calls within {COUNTED_OVER:?}:\n{}", self.faults_met());
        most
    }

    /// The calls that failed, in words.
    pub(crate) fn faults_met(&self) -> String {
        let calls = self.proxy.calls();
        let Some(first) = calls.first() else { return String::new() };
        let met = calls.iter().filter_map(|call| {
            let seconds = call.at.duration_since(first.at).as_secs_f64();
            Some(format!("  {seconds:6.1} s {} met {}", call.kind, call.fault?))
        });
        met.collect::<Vec<_>>().join("\n")
    }

    /// Asks the operator to end, which it must do without an error.
    pub(crate) async fn close(self) {
        self.revive();
        let operator = self.life.into_inner().unwrap_or_else(PoisonError::into_inner).operator.unwrap();
        let log = operator.log_path();
        // One that was just started again does not take the signal yet.
        operator.until_it_is_ready().await;
        let code = operator.stop().await;
        assert_eq!(code, Some(0), "the operator had ended by itself:\n{}", std::fs::read_to_string(log).unwrap());
        let (code, text) = self.place.verify();
        assert_eq!(code, 0, "{text}");
    }
}

/// Starts an operator, which is killed where the proxy's plan wants that.
fn start(place: &Place, hand: &Hand, proxy: &Proxy) -> Operator {
    let more = ["--rehearsal-alerts", "--alert-allow-network", "127.0.0.0/8", "--settle-seconds", "0"];
    let operator = place.operator_with(&[&hand.flags()[..], &more].concat());
    proxy.begins(operator.pid());
    operator
}

/// Alerts in the outbox that were not delivered.
fn waiting_alerts(place: &Place) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["alert", "list", "-o", "json", "--data-dir", path(&place.data_dir())])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    messages.into_iter().filter(|message| message["state"] != "delivered").collect()
}

fn manifests(feed: &str, receiver: &str) -> String {
    let objects = access::objects();
    format!(
        "{objects}---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: 2026-01-01, end: 2026-12-31}}
  timeZone: UTC
  period: Monthly
  closeAfter: 5bd
  tiers: [gold]
  charges: {{currency: GBP, amount: '100000.00'}}
  feeds:
    - name: acd
      url: '{feed}'
      interval: 30m
      lookBack: 30d
      {AUTH}
      {TLS}
  contacts: [{{name: sam, party: Client}}]
  escalation: [{{level: 1, after: 0h, causes: [AtRisk, Missed], contacts: [sam], alerts: [hook]}}]
  alerts: [{{name: hook, webhook: {{url: '{receiver}/bpo'}}}}]
---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {{name: level}}
spec:
  contractRef: {{name: care}}
  source: {{feed: acd}}
  kpi: ServiceLevel
  variant: AnsweredOnly
  objective: {{target: 80}}
  bands: [{{severity: Minor, percent: 2}}]
"
    )
}
