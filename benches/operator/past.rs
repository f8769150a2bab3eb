//! Years of half-hours: from the vendor into statuses and reports, and a late row long after.
//!
//! What waits prints how far it is, and ends with a message where it cannot come to an end.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::half_hours::{Vendor, body, row, rows};
use crate::harness::{Operator, Place};
use crate::objects::{client, create, pair};
use crate::postgres_server::Server;
use crate::table::Table;

const CONTRACTS: usize = 5;
/// How often a past is fetched and judged: a machine that others use too is twice as fast at one time as at another.
const ROUNDS: usize = 5;
/// The end of the past, and when the operator begins.
const PRESENT: &str = "2026-02-10T23:30:00Z";
const NOW: &str = "2026-02-11T00:05:00Z";
/// After three weeks every month before the present one is Final.
const LATER: &str = "2026-03-04T00:05:00Z";
const END: &str = "2030-12-31";
/// The months of which every KpiTarget shows a verdict in the end: the running one, and the last that ended.
const RUNNING: &str = "2026-02";
const LAST: &str = "2026-01";
const TOKEN: &str = "canary-token-of-the-inbox";
/// Longer than what takes no longer with more rows or reports.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows a second below which something hangs.
const SLOWEST: f64 = 2_000.0;
/// Half of what a namespace that is alone writes.
const REPORTS_A_SECOND: f64 = 2.0;
/// How often the objects are looked at.
const LOOKS: Duration = Duration::from_millis(250);
const PRINTED_EVERY: Duration = Duration::from_secs(5);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// First day of a term that began this number of years ago.
fn begun(years: i16) -> Date {
    jiff::civil::date(2026 - years, 2, 1)
}

fn instant(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// Measures how many rows a second go from the vendor into statuses that judge all of them, in both stores, several times each; and how long it
/// takes until every month has its report, which follow at four a second in a namespace.
pub(crate) async fn fetched_and_judged(years: i16, table: &mut Table) {
    let mut stores = [("SQLite", Vec::new()), ("PostgreSQL", Vec::new())];
    // One after the other, so that what else the machine does concerns both.
    for round in 1..=ROUNDS {
        for (store, rounds) in &mut stores {
            let past = Past::begin(store, years).await;
            let judged = past.until_all_rows_are_judged().await;
            let (resident, _, processor) = past.operator.takes();
            let rows = past.rows;
            eprintln!("{store}, {round} of {ROUNDS}: {rows} rows, {judged:.1} s, {processor:.1} s of processor time");
            rounds.push(Round { rows, judged, processor, resident });
            if round == ROUNDS {
                past.add_to(table, years, rounds).await;
            }
            assert_eq!(past.operator.stop().await, Some(0));
        }
    }
}

/// One time that the past was fetched and judged.
struct Round {
    rows: usize,
    judged: f64,
    processor: f64,
    resident: f64,
}

impl Round {
    fn a_second(&self) -> f64 {
        self.rows as f64 / self.judged
    }

    /// The median of rounds, with the slowest and the fastest.
    fn all(rounds: &mut [Round]) -> String {
        rounds.sort_by(|a, b| b.judged.total_cmp(&a.judged));
        let (slowest, median, fastest) = (&rounds[0], &rounds[rounds.len() / 2], &rounds[rounds.len() - 1]);
        let Round { rows, judged, processor, resident } = median;
        format!(
            "{:.0} rows a second ({:.0} to {:.0}, {} times): {rows} rows, {judged:.1} s; {processor:.1} s of processor time, resident {resident:.0} MiB",
            median.a_second(),
            slowest.a_second(),
            fastest.a_second(),
            rounds.len()
        )
    }
}

/// An operator that has begun on contracts with a past.
struct Past {
    store: &'static str,
    place: Place,
    vendor: Vendor,
    _server: Option<Server>,
    began: Instant,
    operator: Operator,
    rows: usize,
}

impl Past {
    async fn begin(store: &'static str, years: i16) -> Self {
        let place = Place::fresh().await;
        let server = (store == "PostgreSQL").then(|| Server::start("", &[]));
        let url = server.as_ref().map(|server| server.address("127.0.0.1", "postgres"));
        let begin = instant(begun(years));
        let vendor = Vendor::start(begin, at(PRESENT)).await;
        let term = begun(years).to_string();
        let pairs = (0..CONTRACTS).map(|number| {
            let name = format!("past-{number}");
            let feed = json!({"name": "acd", "url": vendor.url(&name), "interval": "30s"});
            pair(&name, (term.as_str(), END), feed, &json!({}))
        });
        create(&client(&place).await, &place, pairs.collect()).await;
        let began = Instant::now();
        let mut flags = vec!["--clock-start", NOW, "--clock-speed", "1"];
        flags.extend(url.iter().flat_map(|url| ["--evidence-url", url.as_str()]));
        let operator = place.operator_in(&place.data_dir(), &flags, "info", &testkit::image::environment());
        let rows = CONTRACTS * rows(begin, at(PRESENT)).len();
        Past { store, place, vendor, _server: server, began, operator, rows }
    }

    /// Adds what all rounds took, and how long it takes from the start of this one until all months have their report.
    async fn add_to(&self, table: &mut Table, years: i16, rounds: &mut [Round]) {
        let store = self.store;
        table.add(
            format!("{years} years of half-hours of {CONTRACTS} contracts, from the start of the process until all are in verdicts, {store}"),
            Round::all(rounds),
        );
        let months = usize::try_from(years).unwrap() * 12 * CONTRACTS;
        let reported = self.until_all_months_are_reported(months).await;
        table.add(
            format!(
                "the same until every month has its report, of which four a second are written in a namespace, {store}"
            ),
            format!("{reported:.1} s: {months} reports"),
        );
    }

    /// Seconds from the start until each KpiTarget shows a verdict of the running month and of the last one that ended, and each contract
    /// reaches the vendor's last row. Ends at once where a KpiTarget says that it will never have one.
    async fn until_all_rows_are_judged(&self) -> f64 {
        let rows = self.rows;
        let deadline = PATIENCE + Duration::from_secs_f64(rows as f64 / SLOWEST);
        let mut progress = Progress::default();
        loop {
            let (kpis, contracts) = (self.place.list("kpi").await, self.place.list("vc").await);
            if let Some(reason) = kpis.iter().chain(&contracts).find_map(never) {
                panic!("{}: all rows will never be judged: {reason}", self.store);
            }
            let judged = kpis.iter().filter(|kpi| is_judged(kpi)).count();
            let reaches = |contract: &Value| contract["status"]["feeds"][0]["watermark"].as_str().map(at);
            let whole = contracts.iter().filter(|contract| reaches(contract) >= Some(at(PRESENT))).count();
            if (judged, whole) == (CONTRACTS, CONTRACTS) {
                return self.began.elapsed().as_secs_f64();
            }
            let sent = self.vendor.counts().1;
            let state = || {
                let earliest = contracts.iter().map(reaches).min().flatten().map(|instant| instant.to_string());
                format!(
                    "{sent} rows sent, overlaps of windows included, of {rows}; all feeds reach {}; {judged} of {CONTRACTS} KpiTargets are judged",
                    earliest.as_deref().unwrap_or("nothing yet")
                )
            };
            self.goes_on(&mut progress, deadline, state);
            // Each look lists all objects, which takes processor time from what is measured.
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Seconds from the start until this many months have their first report, status included.
    async fn until_all_months_are_reported(&self, wanted: usize) -> f64 {
        let deadline = PATIENCE + self.began.elapsed() + Duration::from_secs_f64(wanted as f64 / REPORTS_A_SECOND);
        let mut progress = Progress::default();
        loop {
            let reports = self.place.list("slar").await;
            // A restated month has more reports than one.
            let first = |report: &&Value| report["spec"]["revision"] == 1 && !report["status"].is_null();
            let there = reports.iter().filter(first).count();
            if there >= wanted {
                return self.began.elapsed().as_secs_f64();
            }
            self.goes_on(&mut progress, deadline, || format!("{there} of {wanted} months have their report"));
            // Hundreds of reports take the API server long enough to list to change what is measured.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Prints how far it is every few seconds; ends where the operator has ended, and after a deadline.
    fn goes_on(&self, progress: &mut Progress, deadline: Duration, state: impl Fn() -> String) {
        let (store, passed) = (self.store, self.began.elapsed());
        let has_ended = !is_running(&self.operator);
        assert!(!has_ended, "{store}: the operator ended after {passed:.1?}: {}\n{}", state(), self.operator.log());
        assert!(
            passed < deadline,
            "{store}: not done after {passed:.1?}: {}; its log: {:?}",
            state(),
            self.operator.log_path()
        );
        if progress.is_due() {
            eprintln!("{store}, {:.0} s: {}", passed.as_secs_f64(), state());
        }
    }
}

/// When progress was printed last.
struct Progress(Instant);

impl Default for Progress {
    fn default() -> Self {
        Progress(Instant::now())
    }
}

impl Progress {
    /// Whether it is time to print it again.
    fn is_due(&mut self) -> bool {
        let is_due = self.0.elapsed() >= PRINTED_EVERY;
        if is_due {
            self.0 = Instant::now();
        }
        is_due
    }
}

/// Whether a KpiTarget shows verdicts of the running month and of the last one that ended.
fn is_judged(kpi: &Value) -> bool {
    let has_verdict = |value: &Value, month: &str| {
        value["name"] == month && value["verdict"].as_str().is_some_and(|verdict| verdict != "NoData")
    };
    let status = &kpi["status"];
    has_verdict(&status["current"], RUNNING) && has_verdict(&status["last"], LAST)
}

/// Why an object waits for figures in vain, in its own words: its feed has no row for it, counts by another time than was agreed, or its
/// spec cannot be judged.
fn never(object: &Value) -> Option<String> {
    let mut conditions = object["status"]["conditions"].as_array()?.iter();
    let found = conditions.find(|condition| {
        let has = |type_: &str, status: &str| condition["type"] == type_ && condition["status"] == status;
        let reasons = ["NoRowsMatch", "ThresholdMismatch", "InvalidSpec"];
        has("Stalled", "True") || (has("Ready", "False") && reasons.iter().any(|reason| condition["reason"] == *reason))
    })?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&object["metadata"]["name"]);
    Some(format!("{} {name}: {}: {}", text(&object["kind"]), text(&found["reason"]), text(&found["message"])))
}

/// Whether a process goes on; one that has ended and that nobody has asked for its exit code is a zombie.
fn is_running(operator: &Operator) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", operator.id())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Measures how long it takes from a push with one late row of the first month until the report that restates it is there.
pub(crate) async fn restated_by_a_late_row(years: i16, table: &mut Table) {
    let place = Place::fresh().await;
    let secret = format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: inbox, annotations: {{bpo-operator.io/inbox: \"true\"}}}}, stringData: {{token: {TOKEN}}}}}"
    );
    place.apply(&secret).await;
    let feed =
        json!({"name": "acd", "inbox": {"tokenSecretRef": {"name": "inbox", "key": "token"}}, "interval": "30s"});
    // A first judgement signs nothing before a business day has passed: until then the past is pushed.
    let later = json!({"firstCloseAfter": "1bd"});
    let term = begun(years).to_string();
    create(&client(&place).await, &place, vec![pair("late", (term.as_str(), END), feed, &later)]).await;
    let operator = start(&place, NOW);
    let inbox = Inbox::of(&place, &operator).await;
    let first = begun(years);
    for month in 0..i32::from(years) * 12 + 1 {
        let (from, to) = (first.saturating_add(month.months()), first.saturating_add((month + 1).months()));
        // The first row of the first month is left out.
        let from = if month == 0 { instant(from) + 30.minutes() } else { instant(from) };
        inbox.push(body(&rows(from, instant(to).min(at(PRESENT))))).await;
    }
    let months = usize::try_from(years).unwrap() * 12;
    until_reported(&place, &operator, months, "Provisional").await;
    assert_eq!(operator.stop().await, Some(0));
    let operator = start(&place, LATER);
    until_reported(&place, &operator, months, "Final").await;
    assert_eq!(operator.stop().await, Some(0));
    let operator = start(&place, LATER);
    operator.until_it_is_ready().await;
    let inbox = Inbox::of(&place, &operator).await;
    let row = row(instant(first), 0);
    let (_, _, used) = operator.takes();
    let began = Instant::now();
    inbox.push(format!(r#"{{"schema":"bpo-feed/v1","rows":[{row}],"next":null}}"#)).await;
    let taken = began.elapsed().as_secs_f64();
    let name = format!("late-{}-r2", first.strftime("%Y-%m"));
    let restated = async || place.get("slar", &name).await.map(|_| ());
    place.eventually_within(PATIENCE, "the month is restated", restated).await;
    table.add(
        format!("a Final month {years} years ago restated by one late row, from the push until its report is there"),
        format!(
            "{:.2} s, {taken:.2} s of them until the row is on disk; {:.2} s of processor time",
            began.elapsed().as_secs_f64(),
            operator.takes().2 - used
        ),
    );
}

fn start(place: &Place, now: &str) -> Operator {
    let inbox = ["--inbox-listen", "127.0.0.1:0", "--inbox-plain-http"];
    let flags: Vec<&str> = ["--clock-start", now, "--clock-speed", "1"].into_iter().chain(inbox).collect();
    place.operator_in(&place.data_dir(), &flags, "info", &testkit::image::environment())
}

async fn until_reported(place: &Place, operator: &Operator, months: usize, state: &str) {
    let began = Instant::now();
    let deadline = PATIENCE + Duration::from_secs_f64(months as f64 / REPORTS_A_SECOND);
    let mut progress = Progress::default();
    loop {
        let reports = place.list("slar").await;
        let wanted = |report: &&Value| report["spec"]["state"] == state && !report["status"].is_null();
        let there = reports.iter().filter(wanted).count();
        if there >= months {
            return;
        }
        let kpis = place.list("kpi").await;
        if let Some(reason) = kpis.iter().find_map(never) {
            panic!("no month will ever be {state}: {reason}");
        }
        assert!(is_running(operator), "the operator ended:\n{}", operator.log());
        assert!(began.elapsed() < deadline, "{there} of {months} months are {state} after {:.1?}", began.elapsed());
        if progress.is_due() {
            eprintln!("{there} of {months} months are {state}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Where the operator takes what is pushed.
struct Inbox {
    url: String,
    client: reqwest::Client,
}

impl Inbox {
    async fn of(place: &Place, operator: &Operator) -> Self {
        let opened = async || address_in(&operator.log_path());
        let address = place.eventually("the inbox is opened", opened).await;
        let url = format!("http://{address}/v1/inbox/{}/late/acd", place.namespace);
        // The client asks for one, though nothing is encrypted here; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Inbox { url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// Pushes a body; where the contract is not known yet, or the feed is busy, again.
    async fn push(&self, body: String) {
        let began = Instant::now();
        loop {
            let request = self.client.post(&self.url).bearer_auth(TOKEN).body(body.clone());
            let answer = request.send().await.unwrap();
            if answer.status().is_success() {
                return;
            }
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert!(began.elapsed() < Duration::from_secs(90), "{status}: {text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn address_in(log: &Path) -> Option<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let rest = log.split("/v1/inbox address=").nth(1)?;
    rest.split_whitespace().next().map(str::to_owned)
}
