//! A reference to a missing object: a clear condition, which heals by itself when the object appears, and slows no neighbour.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::figures::hours;
use crate::harness::{DEADLINE, Operator, Place, has, path};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// The operator's present in these tests: within the term, after its first month.
const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:00:00Z", "--clock-speed", "1"];
const TERM: (&str, &str) = ("2026-01-01", "2026-12-31");
const SERVICE_LEVEL: &str = "kpi: ServiceLevel\nobjective: {target: 80}";

async fn vendor() -> VendorServer {
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap()
}

fn monthly(name: &str, url: &str) -> String {
    contract(name, "UTC", "Monthly", TERM, url)
}

fn message(object: &Value, type_: &str) -> String {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|condition| condition["type"] == type_).unwrap();
    found["message"].as_str().unwrap().to_owned()
}

async fn wait(place: &Place, kind: &str, name: &str, type_: &str, status: &str, reason: &str) -> Value {
    let what = format!("{type_}={status}, {reason}");
    place.wait_for(kind, name, &what, |object| has(object, type_, status, reason)).await
}

/// Waits for `Ready=False` with a reason and a message that names what is missing.
async fn wait_unready(place: &Place, kind: &str, name: &str, reason: &str, names: &str) -> Value {
    let object = wait(place, kind, name, "Ready", "False", reason).await;
    let message = message(&object, "Ready");
    assert!(message.contains(names), "{kind} {name}: {message:?} does not name {names:?}");
    assert!(has(&object, "Stalled", "False", "Progressing"), "a missing reference does not stall {kind} {name}");
    object
}

async fn wait_ready(place: &Place, kind: &str, name: &str) -> Value {
    wait(place, kind, name, "Ready", "True", "Reconciled").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_does_not_resolve_is_reported_and_heals_when_it_does() {
    let place = Place::fresh().await;
    let server = vendor().await;
    let url = server.url(INTERVALS);
    let listed = monthly("tiered", &url).replace("  period:", "  tiers: [gold]\n  period:");
    let guarded = format!("{SERVICE_LEVEL}\ncounterMetric: guard");
    let other_feed = kpi("feedless", "plain", SERVICE_LEVEL).replace("feed: acd", "feed: chat");
    let objects = [
        listed,
        monthly("plain", &url),
        kpi("orphan", "later", SERVICE_LEVEL),
        other_feed,
        kpi("guarded", "plain", &guarded),
    ];
    place.apply(&objects.concat()).await;
    let _operator = place.operator_with(&CLOCK);

    wait_unready(&place, "vc", "tiered", "TierNotFound", "gold").await;
    wait_unready(&place, "kpi", "orphan", "ContractNotFound", "later").await;
    wait_unready(&place, "kpi", "feedless", "FeedNotFound", "chat").await;
    wait_unready(&place, "kpi", "guarded", "KpiTargetNotFound", "guard").await;
    wait_ready(&place, "vc", "plain").await;

    let tier = "apiVersion: bpo-operator.io/v1alpha1\nkind: ServiceTier\nmetadata: {name: gold}\nspec: {rank: 1}\n";
    place.apply(tier).await;
    place.apply(&monthly("later", &url)).await;
    place.apply(&kpi("guard", "plain", "kpi: AbandonmentRate\nobjective: {target: 5}")).await;
    let added = format!("\n    - {{name: chat, url: \"{url}\", interval: 30s}}\n");
    let feeds = format!("\n    - {{name: acd, url: \"{url}\", interval: 30s}}{added}");
    let one = format!(" [{{name: acd, url: \"{url}\", interval: 30s}}]");
    place.apply(&monthly("plain", &url).replace(&one, &feeds)).await;
    for (kind, name) in [("vc", "tiered"), ("kpi", "orphan"), ("kpi", "feedless"), ("kpi", "guarded"), ("vc", "plain")]
    {
        wait_ready(&place, kind, name).await;
    }
    place
        .wait_for("kpi", "feedless", "its first month is judged", |kpi| kpi["status"]["last"]["verdict"] == "Met")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_or_not_meant_for_the_host_is_reported_and_heals() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let dataset = Dataset::default().with_feed(INTERVALS, rows).with_token("a-token-of-the-vendor");
    let server = VendorServer::start(dataset).await.unwrap();
    let auth = "interval: 30s, auth: {bearer: {tokenSecretRef: {name: acme-feed, key: token}}}}]";
    let with_secret = monthly("secretive", &server.url(INTERVALS)).replace("interval: 30s}]", auth);
    place.apply(&format!("{with_secret}{}", kpi("level", "secretive", SERVICE_LEVEL))).await;
    let _operator = place.operator_with(&CLOCK);

    wait_unready(&place, "vc", "secretive", "SecretNotFound", "acme-feed").await;
    wait(&place, "vc", "secretive", "FeedHealthy", "False", "SecretNotFound").await;
    let level = wait(&place, "kpi", "level", "FeedHealthy", "False", "SecretNotFound").await;
    assert!(has(&level, "Ready", "True", "Reconciled"), "the KPI itself can be worked on: {:#}", level["status"]);

    place.kubectl(&["create", "secret", "generic", "acme-feed", "--from-literal=token=a-token-of-the-vendor"]).await;
    wait_unready(&place, "vc", "secretive", "SecretNotAllowed", "bpo-operator.io/allowed-hosts").await;
    assert_eq!(server.count(INTERVALS).requests, 0, "without a Secret that may be sent nothing is asked");

    let host = format!("bpo-operator.io/allowed-hosts={}", server.address());
    place.kubectl(&["annotate", "secret", "acme-feed", &host]).await;
    wait_ready(&place, "vc", "secretive").await;
    wait(&place, "vc", "secretive", "FeedHealthy", "True", "Fetched").await;
    place.wait_for("kpi", "level", "its first month is judged", |kpi| kpi["status"]["last"]["verdict"] == "Met").await;
    assert_eq!(server.count(INTERVALS).unauthorised, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_nobody_knows_is_refused_with_what_to_write_instead() {
    let place = Place::fresh().await;
    for zone in ["Europe/Londn", "Local", "+01:00"] {
        let manifest = contract("lost", &format!("\"{zone}\""), "Monthly", TERM, "https://feeds.acme.example/v1");
        let (accepted, answer) = place.try_kubectl(&["apply", "-f", "-"], &manifest).await;
        assert!(!accepted, "{zone} was taken: {answer}");
        assert!(answer.contains("write an IANA time zone such as Europe/London"), "{zone}: {answer}");
    }
    let right = contract("lost", "Europe/London", "Monthly", TERM, "https://feeds.acme.example/v1");
    place.apply(&right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_broken_objects_do_not_slow_their_neighbours() {
    let place = Place::fresh().await;
    let server = vendor().await;
    let url = server.url(INTERVALS);
    let broken = |number: usize| {
        let name = format!("broken-{number}");
        let secret = "interval: 30s, auth: {bearer: {tokenSecretRef: {name: nobody, key: token}}}}]";
        match number % 5 {
            0 => monthly(&name, &url).replace("  period:", "  tiers: [nobody]\n  period:"),
            1 => kpi(&name, "nobody", SERVICE_LEVEL),
            2 => kpi(&name, "broken-0", SERVICE_LEVEL).replace("feed: acd", "feed: nobody"),
            3 => monthly(&name, &url).replace("interval: 30s}]", secret),
            // Accepted by the server, which cannot resolve names; no host of this domain ever exists.
            _ => monthly(&name, "https://feeds.nobody.invalid/v1"),
        }
    };
    let manifests: Vec<String> = (0..50).map(broken).collect();
    place.apply(&manifests.concat()).await;
    let operator = place.operator_with(&CLOCK);
    for (kind, name, reason) in [
        ("vc", "broken-45", "TierNotFound"),
        ("kpi", "broken-46", "ContractNotFound"),
        ("kpi", "broken-47", "FeedNotFound"),
        ("vc", "broken-48", "SecretNotFound"),
    ] {
        wait(&place, kind, name, "Ready", "False", reason).await;
    }
    wait(&place, "vc", "broken-49", "FeedHealthy", "False", "Dns").await;
    let with_neighbours = ready_after(&place, &url).await;
    assert!(with_neighbours < DEADLINE / 3, "a good contract took {with_neighbours:?} next to fifty broken objects");
    assert_eq!(
        failed_reconciles(&operator).await,
        0,
        "a broken object has a condition; it does not make reconciles fail"
    );
}

/// How long a new contract takes to be Ready and its KPI to have a verdict.
async fn ready_after(place: &Place, url: &str) -> Duration {
    let started = Instant::now();
    place.apply(&format!("{}{}", monthly("good", url), kpi("good-level", "good", SERVICE_LEVEL))).await;
    wait_ready(place, "vc", "good").await;
    wait_ready(place, "kpi", "good-level").await;
    place.wait_for("kpi", "good-level", "judged", |kpi| kpi["status"]["last"]["verdict"] == "Met").await;
    started.elapsed()
}

async fn failed_reconciles(operator: &Operator) -> u64 {
    let (status, metrics) = operator.http("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("bpo_reconciles_total{"), "{metrics}");
    let failed =
        metrics.lines().filter(|line| line.starts_with("bpo_reconciles_total{") && line.contains("outcome=\"failed\""));
    failed.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kpi_that_was_judged_before_a_rule_forbade_it_is_judged_again_after_its_feed_was_gone() {
    let (place, server) = (Place::fresh().await, vendor().await);
    let url = server.url(INTERVALS);
    let unpaid = contract("care", "UTC", "Monthly", ("2026-02-01", "2026-12-31"), &url);
    place.apply(&format!("{unpaid}  charges: {{currency: GBP}}\n")).await;
    place.apply(&kpi("level", "care", &format!("{SERVICE_LEVEL}\nbands: [{{severity: Minor, credit: 500}}]"))).await;
    let _operator = place.operator_with(&CLOCK);
    wait_ready(&place, "kpi", "level").await;
    place
        .eventually("the journal has the terms", async || {
            let data = place.data_dir();
            let arguments = ["history", "care", "--data-dir", path(&data), "-o", "json"];
            let printed = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap().stdout;
            String::from_utf8_lossy(&printed).contains("\"first\": true").then_some(())
        })
        .await;

    // Without charges no credit can be paid. A new KpiTarget is refused for it, and this one is advised.
    let remove_charges = r#"[{"op": "remove", "path": "/spec/charges"}]"#;
    place.kubectl(&["patch", "vc", "care", "--type=json", "-p", remove_charges]).await;
    place.apply(&kpi("new", "care", &format!("{SERVICE_LEVEL}\nbands: [{{severity: Minor, credit: 500}}]"))).await;
    wait(&place, "kpi", "new", "Ready", "False", "InvalidSpec").await;
    place
        .wait_for("vc", "care", "advice on credits that cannot be paid", |contract| {
            let advice = contract["status"]["advice"].as_array().cloned().unwrap_or_default();
            advice.iter().any(|advice| advice["finding"] == "RefusedWhenEdited" && advice["kpi"] == "level")
        })
        .await;
    wait_ready(&place, "kpi", "level").await;

    let rename_feed = |name: &str| format!(r#"[{{"op": "replace", "path": "/spec/feeds/0/name", "value": "{name}"}}]"#);
    place.kubectl(&["patch", "vc", "care", "--type=json", "-p", &rename_feed("chat")]).await;
    wait_unready(&place, "kpi", "level", "FeedNotFound", "acd").await;
    place.kubectl(&["patch", "vc", "care", "--type=json", "-p", &rename_feed("acd")]).await;
    let judged = wait_ready(&place, "kpi", "level").await;
    assert_eq!(judged["status"]["current"]["value"], "90");
    wait(&place, "kpi", "new", "Ready", "False", "InvalidSpec").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_contract_is_ready_for_the_reason_suspended_and_says_so_in_its_row() {
    let (place, server) = (Place::fresh().await, vendor().await);
    place.apply(&monthly("care", &server.url(INTERVALS))).await;
    place.apply(&kpi("level", "care", SERVICE_LEVEL)).await;
    let _operator = place.operator_with(&CLOCK);
    wait_ready(&place, "vc", "care").await;
    place.kubectl(&["patch", "vc", "care", "--type=merge", "-p", r#"{"spec": {"suspend": true}}"#]).await;

    // GitOps tools read Ready=False as not rolled out, and suspension is wanted.
    let contract = wait(&place, "vc", "care", "Ready", "True", "Suspended").await;
    assert!(has(&contract, "SLACompliant", "Unknown", "Suspended"), "{contract}");
    assert!(has(&contract, "AtRisk", "Unknown", "Suspended"), "{contract}");
    let table = place.kubectl(&["get", "vc", "care"]).await;
    let (heads, row) = table.trim().split_once('\n').unwrap();
    let cell = |head: &str| {
        let start = heads.find(head).unwrap();
        row.get(start..).unwrap().split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!((cell("PHASE"), cell("READY"), cell("AT RISK")), ("Suspended".into(), "True".into(), "Unknown".into()));
    wait(&place, "kpi", "level", "AtRisk", "Unknown", "Suspended").await;
}
