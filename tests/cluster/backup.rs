//! The drill of `docs/backup.md`, by its own commands: back up, close one more month, lose the volume, restore,
//! verify, and continue to judge.

use std::process::Command;

use serde_json::Value;

use crate::controlplane::ADMIN;
use crate::figures::hours;
use crate::harness::{Hand, Operator, Place, has, path};
use crate::judged::{contract, kpi};
use crate::pages::{Shell, commands};
use crate::postgres_server::Server;
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const TERM: (&str, &str) = ("2026-01-01", "2026-12-31");
const FIRST: &str = "2026-01-01T00:00:00Z";
/// January is Final, and the backup is made.
const BACKED_UP: &str = "2026-02-20T09:00:00Z";
/// February has ended, and the volume is lost.
const FEBRUARY_ENDED: &str = "2026-03-02T09:00:00Z";
/// The backup is in the place of the volume.
const RESTORED: &str = "2026-03-02T13:00:00Z";
/// February is Final.
const FEBRUARY_CLOSED: &str = "2026-03-20T09:00:00Z";

/// Where the drill happens.
struct Drill<'a> {
    place: &'a Place,
    /// `None`: SQLite.
    url: Option<String>,
}

impl<'a> Drill<'a> {
    fn new(place: &'a Place, url: Option<String>) -> (Self, Shell) {
        let plane = place.installation.plane;
        let mut shell = Shell::new(place.folder.path(), plane.kubectl_path(), &plane.kubeconfig(ADMIN).unwrap());
        shell.set("EVIDENCE", path(&place.data_dir()));
        shell.set("BPO_EVIDENCE_URL", url.as_deref().unwrap_or_default());
        (Drill { place, url }, shell)
    }

    /// An operator on the store of the drill.
    fn operator(&self, hand: &Hand) -> Operator {
        let mut flags = hand.flags().to_vec();
        if let Some(url) = &self.url {
            flags.extend(["--evidence-url", url]);
        }
        self.place.operator_with(&flags)
    }

    /// `kubectl bpo verify` on the store, with a report or without: exit code and output.
    fn verify(&self, report: Option<&Value>) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"));
        command.arg("verify");
        match &self.url {
            Some(url) => command.args(["--evidence-url", url]),
            None => command.args(["--data-dir", path(&self.place.data_dir())]),
        };
        if let Some(report) = report {
            let file = self.place.folder.path().join("report.json");
            std::fs::write(&file, report.to_string()).unwrap();
            command.args(["--report", path(&file)]);
        }
        let output = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    }
}

/// Runs the commands of a section of the page; returns their output.
fn run(shell: &Shell, section: &str) -> String {
    let blocks = commands("docs/backup.md", Some(section));
    assert_eq!(blocks.len(), 1, "{section}");
    shell.run(&blocks.concat())
}

fn settled(care: &Value) -> bool {
    has(care, "Ready", "True", "Reconciled") && has(care, "Consistent", "True", "ReportsHold")
}

/// Moves the clock, and waits until a month is Final and the contract is settled; returns the report.
async fn signed(place: &Place, hand: &Hand, now: &str, name: &str) -> Value {
    hand.move_to(now);
    // The heads in its status are written after it.
    let is_signed = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    let report = place.wait_for("slar", name, "it is Final", is_signed).await;
    place.wait_for("vc", "care", "it is judged", settled).await;
    report
}

/// Moves the clock, and waits until a month has ended and its last rows have come.
async fn ended(place: &Place, hand: &Hand, now: &str, name: &str) {
    hand.move_to(now);
    let has_ended = |report: &Value| {
        report["spec"]["state"] == "Provisional"
            && report["spec"]["dataThrough"] == report["spec"]["period"]["end"]
            && report["status"].is_object()
    };
    place.wait_for("slar", name, "it has ended, and its last rows are there", has_ended).await;
}

/// How many rows of an hour each the vendor has published from the start of the term until `now`.
fn published(now: &str) -> usize {
    hours(FIRST, now, 90).len()
}

/// The vendor's server, with all that it ever publishes, and a contract over it that is judged until January.
async fn judged_until_january(drill: &Drill<'_>, hand: &Hand) -> (VendorServer, Operator, Value) {
    let rows = hours(FIRST, FEBRUARY_CLOSED, 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    let care = contract("care", "UTC", "Monthly", TERM, &server.url(INTERVALS));
    drill.place.apply(&format!("{care}{level}")).await;
    let operator = drill.operator(hand);
    let january = signed(drill.place, hand, BACKED_UP, "care-2026-01").await;
    (server, operator, january)
}

/// From the loss on, which is the same for both stores: `restore` brings the backup of January back.
///
/// February has ended meanwhile, so that a Provisional report is newer than the backup.
async fn lost_restored_and_judged_on(
    (drill, shell): (&Drill<'_>, &mut Shell),
    hand: &Hand,
    january: &Value,
    restore: impl FnOnce(&Shell),
) {
    let place = drill.place;
    ended(place, hand, FEBRUARY_ENDED, "care-2026-02").await;
    restore(shell);
    let (code, text) = drill.verify(None);
    let backed_up = published(BACKED_UP);
    assert!(code == 0 && text.contains(&format!("1 feeds, {backed_up} rows")), "{backed_up} rows: {text}");

    hand.move_to(RESTORED);
    let operator = drill.operator(hand);
    let lost = |care: &Value| has(care, "Ready", "False", "EvidenceUnavailable");
    let care = place.wait_for("vc", "care", "the loss is noticed", lost).await;
    let conditions = care["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let message = ready["message"].as_str().unwrap();
    assert!(
        message.contains("care-2026-02") && message.ends_with("since it is Provisional, this report is deleted"),
        "{message}"
    );
    let (_, text) = drill.verify(None);
    assert!(text.contains(&format!("{backed_up} rows")), "nothing is fetched before somebody decides: {text}");
    for (name, value) in [("NS", place.namespace.as_str()), ("CONTRACT", "care"), ("REPORT", "care-2026-02")] {
        shell.set(name, value);
    }
    let said = run(shell, "After a restore");
    assert!(said.contains(message), "{said}");

    place.wait_for("vc", "care", "it is judged on", settled).await;
    ended(place, hand, RESTORED, "care-2026-02").await;
    let february = signed(place, hand, FEBRUARY_CLOSED, "care-2026-02").await;
    assert_eq!(february["spec"]["kpis"][0]["verdict"], "Met", "{february:#}");
    let all_of_february = (28 * 24 * 100).to_string();
    assert_eq!(february["spec"]["kpis"][0]["denominator"], all_of_february, "no row is missing, and none counts twice");
    let after = place.get("slar", "care-2026-01").await.unwrap();
    assert_eq!((&after["spec"], &after["status"]), (&january["spec"], &january["status"]), "what was signed stays");
    assert_eq!(operator.stop().await, Some(0));

    let all = published(FEBRUARY_CLOSED);
    for report in [january, &february] {
        let (code, text) = drill.verify(Some(report));
        assert!(code == 0 && text.contains(&format!("1 feeds, {all} rows")), "{all} rows: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_volume_is_restored_from_a_copy_of_the_folder_and_judged_on() {
    let place = Place::fresh().await;
    let ((drill, mut shell), hand) = (Drill::new(&place, None), Hand::at(&place, BACKED_UP));
    let (_server, operator, january) = judged_until_january(&drill, &hand).await;
    assert_eq!(operator.stop().await, Some(0));
    run(&shell, "Back up SQLite");
    let said = run(&shell, "Check a backup");
    assert!(said.contains(&format!("{} rows", published(BACKED_UP))), "{said}");

    let mut operator = Some(drill.operator(&hand));
    let restore = |shell: &Shell| {
        operator.take().unwrap().kill();
        std::fs::remove_dir_all(place.data_dir()).unwrap();
        std::fs::create_dir(place.data_dir()).unwrap();
        run(shell, "Restore SQLite");
    };
    lost_restored_and_judged_on((&drill, &mut shell), &hand, &january, restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_restored_from_a_dump_that_was_made_while_the_operator_worked_and_judged_on() {
    let place = Place::fresh().await;
    let server = tokio::task::spawn_blocking(|| Server::start("", &[])).await.unwrap();
    server.execute("postgres", "CREATE DATABASE evidence");
    let url = server.address("127.0.0.1", "evidence");
    let ((drill, mut shell), hand) = (Drill::new(&place, Some(url)), Hand::at(&place, BACKED_UP));
    let (_vendor, operator, january) = judged_until_january(&drill, &hand).await;
    run(&shell, "Back up PostgreSQL");

    let mut operator = Some(operator);
    let restore = |shell: &Shell| {
        operator.take().unwrap().kill();
        server.execute("postgres", "DROP DATABASE evidence WITH (FORCE)");
        server.execute("postgres", "CREATE DATABASE evidence");
        let said = run(shell, "Restore PostgreSQL");
        assert!(said.contains("whole"), "{said}");
    };
    lost_restored_and_judged_on((&drill, &mut shell), &hand, &january, restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_report_that_is_newer_than_the_backup_holds_its_contract_until_somebody_accepts_the_loss() {
    let place = Place::fresh().await;
    let ((drill, mut shell), hand) = (Drill::new(&place, None), Hand::at(&place, BACKED_UP));
    let (_server, operator, january) = judged_until_january(&drill, &hand).await;
    assert_eq!(operator.stop().await, Some(0));
    run(&shell, "Back up SQLite");
    let operator = drill.operator(&hand);
    let february = signed(&place, &hand, FEBRUARY_CLOSED, "care-2026-02").await;
    operator.kill();
    std::fs::remove_dir_all(place.data_dir()).unwrap();
    std::fs::create_dir(place.data_dir()).unwrap();
    run(&shell, "Restore SQLite");

    let operator = drill.operator(&hand);
    let lost = |care: &Value| has(care, "Ready", "False", "EvidenceUnavailable");
    let care = place.wait_for("vc", "care", "the loss is noticed", lost).await;
    let conditions = care["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let message = ready["message"].as_str().unwrap();
    assert!(message.contains("care-2026-02") && message.contains("`kubectl bpo accept-loss`"), "{message}");
    for (report, said) in [("care-2026-01", "is not what care waits for"), ("nothing", "there is no SlaReport nothing")]
    {
        let (code, _, error) = place.plugin(&["accept-loss", report, "--by", "nina"]);
        assert!(code == 2 && error.contains(said), "{report}: {error}");
    }
    let (_, text) = drill.verify(None);
    assert!(text.contains(&format!("{} rows", published(BACKED_UP))), "nothing is fetched before: {text}");

    for (name, value) in [("NS", place.namespace.as_str()), ("REPORT", "care-2026-02"), ("WHO", "nina")] {
        shell.set(name, value);
    }
    let said = run(&shell, "Accept a loss");
    assert!(said.contains("care continues; the signed report care-2026-02 does not change"), "{said}");
    place.wait_for("vc", "care", "it is judged on", settled).await;
    let noticed = async || {
        let events = place.list("events").await;
        events
            .iter()
            .any(|event| event["reason"] == "LossAccepted" && event["message"].as_str().unwrap().contains("nina"))
            .then_some(())
    };
    place.eventually("an Event LossAccepted", noticed).await;
    let (code, _, error) = place.plugin(&["accept-loss", "care-2026-02", "--by", "nina"]);
    assert!(code == 2 && error.contains("there is no loss to accept"), "{error}");
    for report in [&january, &february] {
        let name = report["metadata"]["name"].as_str().unwrap();
        assert_eq!(place.get("slar", name).await.unwrap()["spec"], report["spec"], "what was signed stays");
    }
    assert_eq!(operator.stop().await, Some(0));

    // The journal has it now, so the annotation can go.
    let journal = place.folder.path().join("care.ndjson");
    let mut export = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"));
    export.args(["export", "--data-dir", path(&place.data_dir()), "--contract", "care", "--to", path(&journal)]);
    assert!(export.output().unwrap().status.success());
    let journal = std::fs::read_to_string(&journal).unwrap();
    assert!(journal.contains("LossAccepted") && journal.contains("nina"), "{journal:.2000}");
    place.kubectl(&["annotate", "vc", "care", "bpo-operator.io/loss-accepted-"]).await;
    let operator = drill.operator(&hand);
    operator.until_it_is_ready().await;
    let (code, out, error) = place.reconcile("contract/care");
    assert!(code == 0 && out.contains("Ready is True"), "{out}{error}");
    assert_eq!(operator.stop().await, Some(0));
    let (code, text) = drill.verify(None);
    assert!(code == 0 && text.contains(&format!("1 feeds, {} rows", published(FEBRUARY_CLOSED))), "{text}");
}
