//! Years of half-hours: from the vendor into statuses and reports, and a late row long after.

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
/// The end of the past, and when the operator begins.
const PRESENT: &str = "2026-02-10T23:30:00Z";
const NOW: &str = "2026-02-11T00:05:00Z";
/// After three weeks every month before the present one is Final.
const LATER: &str = "2026-03-04T00:05:00Z";
const END: &str = "2030-12-31";
const TOKEN: &str = "canary-token-of-the-inbox";
const PATIENCE: Duration = Duration::from_secs(900);

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

/// Measures how long a past takes until every month of every contract has its report, in both stores.
pub(crate) async fn fetched_and_judged(years: i16, table: &mut Table) {
    for store in ["SQLite", "PostgreSQL"] {
        let place = Place::fresh().await;
        let server = (store == "PostgreSQL").then(|| Server::start("", &[]));
        let url = server.as_ref().map(|server| server.address("127.0.0.1", "postgres"));
        let vendor = Vendor::start(at(PRESENT)).await;
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
        let operator = place.operator_with(&flags);
        let months = usize::try_from(years).unwrap() * 12;
        let is_whole = |report: &Value| !report["status"].is_null();
        let reported = async || {
            let reports = place.list("slar").await;
            (reports.iter().filter(|report| is_whole(report)).count() == months * CONTRACTS).then_some(())
        };
        place.eventually_within(PATIENCE, "every month has its report", reported).await;
        let (seconds, (resident, _, processor)) = (began.elapsed().as_secs_f64(), operator.takes());
        let all = CONTRACTS * rows(instant(begun(years)), at(PRESENT)).len();
        table.add(
            format!("{years} years of half-hours of {CONTRACTS} contracts until every month has its report, {store}"),
            format!(
                "{seconds:.1} s: {all} rows, {:.0} a second; {} reports; {processor:.1} s of processor time, resident {resident:.0} MiB",
                all as f64 / seconds,
                months * CONTRACTS
            ),
        );
    }
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
    until_reported(&place, months, "Provisional").await;
    assert_eq!(operator.stop().await, Some(0));
    let operator = start(&place, LATER);
    until_reported(&place, months, "Final").await;
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
    place.operator_with(&flags)
}

async fn until_reported(place: &Place, months: usize, state: &str) {
    let reported = async || {
        let reports = place.list("slar").await;
        let wanted = |report: &&Value| report["spec"]["state"] == state && !report["status"].is_null();
        (reports.iter().filter(wanted).count() >= months).then_some(())
    };
    place.eventually_within(PATIENCE, &format!("{months} months are {state}"), reported).await;
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
