//! Reports that go out by themselves: each once a period, over receivers that are down and operators that are killed.

use serde_json::Value;

use crate::figures::hours;
use crate::harness::{Hand, Operator, Place};
use crate::judged::{contract, kpi};
use crate::mail_server::{Mail, MailServer};
use crate::receiver::Receiver;
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const NEVER_BREAKS_OUT: &str = "Acme <script>alert(1)</script> & \\\"Sons\\\"";

fn scheduled(mail: &MailServer, hook: &Receiver) -> String {
    format!(
        "  contacts: [{{name: sam, party: Client, email: sam@client.example}}, {{name: maria, party: Vendor, email: maria@acme.example}}]
  alerts:
    - {{name: mail, email: {{server: \"smtps://localhost:{}\", from: sla@client.example}}}}
    - {{name: hook, webhook: {{url: \"{}/reports\"}}}}
  reports:
    - {{name: monthly, cadence: Monthly, alerts: [mail, hook]}}
    - {{name: accounts, cadence: Monthly, alerts: [mail], format: Xlsx}}
    - {{name: weekly, cadence: Weekly, alerts: [hook]}}
    - {{name: quarterly, cadence: Quarterly, alerts: [mail]}}
",
        mail.port,
        hook.url()
    )
}

/// The files of each mail with a report, in order.
fn mailed(server: &MailServer) -> Vec<String> {
    let is_report = |mail: &&Mail| mail.whole().header("content-type").unwrap().starts_with("multipart/mixed");
    let files = |mail: &Mail| mail.parts().iter().filter_map(|part| part.file()).collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = server.mails().iter().filter(is_report).map(files).collect();
    all.sort();
    all
}

/// The reports that the hook took, such as `monthly 2026-01`.
fn posted(receiver: &Receiver) -> Vec<String> {
    let events = receiver.taken().into_iter().map(|event| event.json());
    let reports = events.filter(|event| event["type"] == "io.bpo-operator.reports.v1");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<String> = reports
        .map(|event| format!("{} {}", text(&event["data"]["report"]), text(&event["data"]["period"]["name"])))
        .collect();
    all.sort();
    all
}

/// The last period that went out of each report.
fn last(contract: &Value) -> Vec<String> {
    let reports = contract["status"]["reports"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    reports.iter().map(|report| format!("{} {}", text(&report["name"]), text(&report["last"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_report_goes_out_once_a_period_over_failing_receivers_and_kills() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z", 70);
    let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let (mail, hook) = (MailServer::start(false, true).await, Receiver::start().await);
    let authority = place.folder.path().join("authority.pem");
    std::fs::write(&authority, &mail.authority).unwrap();
    let care = contract("care", "Europe/London", "Monthly", ("2026-01-01", "2026-12-31"), &vendor.url(INTERVALS))
        .replace("Acme Contact Services", &format!("\"{NEVER_BREAKS_OUT}\""));
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    place.apply(&format!("{care}{}{level}", scheduled(&mail, &hook))).await;
    // January is Final since 13 February; the past is signed at once, so it is the first report that goes out.
    let hand = Hand::at(&place, "2026-02-20T12:00:00Z");
    let clock = hand.flags();
    let flags = [&clock[..], &["--rehearsal-alerts", "--alert-allow-network", "127.0.0.0/8"]].concat();
    let start = || -> Operator { place.operator_trusting(&authority, &flags) };

    // Both receivers are down, and the operator is killed while it tries.
    mail.turn_away(true);
    hook.answer(503);
    for _ in 0..3 {
        let (mails, posts) = (mail.turned_away(), hook.received().len());
        let operator = start();
        let tried = async || (mail.turned_away() > mails && hook.received().len() > posts).then_some(());
        place.eventually("both are tried", tried).await;
        operator.kill();
    }
    assert_eq!((mailed(&mail), posted(&hook)), (Vec::new(), Vec::new()));
    mail.turn_away(false);
    hook.answer(200);
    let operator = start();
    let january = ["care-2026-01.html", "care-2026-01.xlsx"];
    let first = ["monthly 2026-01", "weekly 2026-W07"];
    place
        .eventually("January arrives", async || (mailed(&mail).len() >= 2 && posted(&hook).len() >= 2).then_some(()))
        .await;
    place
        .wait_for("vc", "care", "it says what went out", |contract| {
            last(contract) == ["accounts 2026-01", "monthly 2026-01", "quarterly nothing", "weekly 2026-W07"]
        })
        .await;

    // A kill after each delivery, and a restart: by the time that the next reports have arrived, an earlier one would have come again.
    operator.kill();
    let operator = start();
    operator.until_it_is_ready().await;
    assert_eq!(
        (mailed(&mail), posted(&hook)),
        (january.map(str::to_owned).to_vec(), first.map(str::to_owned).to_vec())
    );
    operator.kill();
    hand.move_to("2026-03-16T12:00:00Z");
    let operator = start();
    let second = ["monthly 2026-01", "monthly 2026-02", "weekly 2026-W07", "weekly 2026-W11"];
    place
        .eventually("February arrives", async || (mailed(&mail).len() >= 4 && posted(&hook).len() >= 4).then_some(()))
        .await;
    assert_eq!(posted(&hook), second);
    hand.move_to("2026-04-17T12:00:00Z");
    let quarter = "care-scorecard.html care-2026-01.html care-2026-02.html care-2026-03.html";
    place
        .eventually("the quarter arrives", async || {
            (mailed(&mail).len() >= 7 && posted(&hook).len() >= 6).then_some(())
        })
        .await;
    let months = |ending: &str| ["01", "02", "03"].map(|month| format!("care-2026-{month}.{ending}"));
    let mut expected = [&months("html")[..], &months("xlsx"), &[quarter.to_owned()]].concat();
    expected.sort();
    assert_eq!(mailed(&mail), expected);
    assert_eq!(posted(&hook).len(), 6, "{:?}", posted(&hook));
    operator.kill();
    looked_at(&mail);
}

/// What a reader of the quarter's mail sees: every text in its place.
fn looked_at(mail: &MailServer) {
    let mails = mail.mails();
    let quarter = mails.iter().find(|mail| mail.text.contains("care-scorecard.html")).unwrap();
    assert_eq!(quarter.recipients, ["TO:<sam@client.example>"], "the vendor's contact gets none");
    let parts = quarter.parts();
    let text = parts[0].text();
    assert!(text.contains("January 2026") && text.contains("March 2026"), "{text}");
    for part in &parts[1..] {
        let page = part.text();
        assert!(!page.contains("<script"), "a vendor's name never becomes markup");
        assert!(page.contains("Acme &lt;script&gt;"), "{:?}: {page:.300}", part.file());
        let is_a_report = part.file() != Some("care-scorecard.html".to_owned());
        assert_eq!(
            page.contains("This is a report of a rehearsal. It binds nobody."),
            is_a_report,
            "{:?}",
            part.file()
        );
    }
}
