//! Scheduled reports as mail with documents and as events: once, in order, and no text of a contract leaves its place.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{Post, alert, sink};
use crate::alert::dispatcher::ReportNow;
use crate::alert::sinks::SIGNATURE_HEADER;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::{AlertSink, PeriodBounds, ReportFormat};
use crate::api::{KpiTarget, VendorContract};
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::MessageKind;
use crate::mail_server::{Mail, MailServer};
use crate::receiver::{Received, Receiver};
use crate::view::package::{Facts, package};
use crate::view::report::fixtures::march;

/// A name that tries each way out of its place.
const EVIL: &str = "Acme\r\nBcc: evil@x.example\r\n\r\n<script>alert(1)</script> \u{202e}=cmd|' /C calc'!A0";

/// Whether the operator of the report `soon` has just begun.
static JUST_BEGUN: AtomicBool = AtomicBool::new(true);

fn order(report: &str, format: ReportFormat) -> ReportOrder {
    ReportOrder {
        report: report.to_owned(),
        sink: "mail".to_owned(),
        format,
        period: PeriodBounds {
            name: "2026-03".to_owned(),
            start: "2026-03-01T00:00:00Z".parse().unwrap(),
            end: "2026-03-31T23:00:00Z".parse().unwrap(),
        },
        scorecard: format == ReportFormat::Html,
        reports: vec!["acme-care-2026-03".to_owned()],
    }
}

/// What a contract whose every name is hostile sends for an order; `late` has something missing, `gone` will never be there.
pub(super) fn report_now(order: &ReportOrder) -> ReportNow {
    match order.report.as_str() {
        "soon" if JUST_BEGUN.swap(false, Ordering::SeqCst) => return ReportNow::Soon,
        "late" => return ReportNow::NotYet("the SlaReport acme-care-2026-03 is not there".to_owned()),
        "gone" => return ReportNow::Never("the contract is gone".to_owned()),
        _ => {}
    }
    let contract: VendorContract = serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
        "metadata": {"name": "acme-care", "namespace": "care"},
        "spec": {"vendor": {"name": EVIL}, "term": {"start": "2026-01-01", "end": "2026-12-31"}},
    }))
    .unwrap();
    let kpi: KpiTarget = serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget", "metadata": {"name": "acme-service-level"},
        "spec": {"contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"},
            "objective": {"target": 80}, "owner": EVIL},
    }))
    .unwrap();
    let terms = Terms {
        contract: contract.spec.clone().into(),
        kpis: [("acme-service-level".to_owned(), kpi.spec.clone().into())].into(),
        tiers: Default::default(),
    };
    let mut spec: SlaReportSpec = march();
    spec.triggers[0].name = EVIL.to_owned();
    let reports = [("acme-care-2026-03".to_owned(), spec, None)];
    let facts = Facts {
        namespace: "care",
        name: "acme-care",
        contract: &contract,
        kpis: std::slice::from_ref(&kpi),
        terms: &terms,
        reports: &reports,
    };
    ReportNow::Ready(Box::new(package(order, &facts).unwrap()))
}

fn mailbox(server: &MailServer) -> AlertSink {
    let email = json!({"server": format!("smtps://localhost:{}", server.port), "from": "sla@client.example"});
    sink("mail", json!({"email": email}))
}

async fn one_mail(format: ReportFormat) -> Mail {
    let server = MailServer::start(false, true).await;
    let post = Post { authority: Some(server.authority.clone()), ..Post::new() };
    let sink = mailbox(&server);
    post.write_report(&sink, order("monthly", format)).await;
    let _running = post.run(vec![sink]);
    post.settled().await;
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    mails[0].clone()
}

#[tokio::test]
async fn a_report_arrives_as_a_mail_with_its_documents_and_no_text_leaves_its_place() {
    let mail = one_mail(ReportFormat::Html).await;
    let whole = mail.whole();
    let names: Vec<&str> = whole.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"message-id") && names.contains(&"subject") && !names.contains(&"bcc"), "{names:?}");
    assert_eq!(mail.recipients, ["TO:<sam@client.example>"]);
    let parts = mail.parts();
    let files: Vec<Option<String>> = parts.iter().map(|part| part.file()).collect();
    assert_eq!(files, [None, Some("acme-care-scorecard.html".to_owned()), Some("acme-care-2026-03.html".to_owned())]);
    let text = parts[0].text();
    assert!(
        text.contains("£5,000") && text.contains("Sent by bpo-operator for the contacts of care/acme-care"),
        "{text}"
    );
    assert!(!text.contains('\u{202e}') && !text.contains("\r\nBcc"), "{text}");
    for page in &parts[1..] {
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let page = page.text();
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("&lt;script&gt;alert(1)"), "{page:.200}");
        assert!(!page.contains("<script"), "a page of a mail has no script");
    }
}

#[tokio::test]
async fn workbooks_are_attached_where_the_report_asks_for_them() {
    let mail = one_mail(ReportFormat::Xlsx).await;
    let parts = mail.parts();
    let files: Vec<Option<String>> = parts.iter().map(|part| part.file()).collect();
    assert_eq!(files, [None, Some("acme-care-2026-03.xlsx".to_owned())]);
    assert!(parts[1].content.starts_with(b"PK"), "a workbook is an archive");
}

#[tokio::test]
async fn a_webhook_gets_reports_as_signed_events_of_their_own_in_the_order_of_all_messages() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let url = format!("{}/hook", receiver.url());
    let hook = sink("hook", json!({"webhook": {"url": url, "signingSecretRef": {"name": "hook", "key": "hmac"}}}));
    post.secrets.put("care", "hook", "127.0.0.1", &[("hmac", "canary-secret")]);
    post.write(&hook, MessageKind::Fired, "a", alert("speed: missed")).await;
    post.write_report(&hook, order("monthly", ReportFormat::Html)).await;
    post.write(&hook, MessageKind::Resolved, "a", alert("speed: met")).await;
    let _running = post.run(vec![hook]);
    post.settled().await;
    let taken = receiver.taken();
    let types: Vec<Value> = taken.iter().map(|event| event.json()["type"].clone()).collect();
    let (alerts, reports) = ("io.bpo-operator.alerts.v1", "io.bpo-operator.reports.v1");
    assert_eq!(types, [alerts, reports, alerts]);
    assert!(taken.iter().all(|event| event.headers.contains_key(SIGNATURE_HEADER)));
    let event = taken[1].json();
    assert_eq!(
        (&event["id"], &event["source"]),
        (&json!("uid-1-2"), &json!("/namespaces/care/vendorcontracts/acme-care"))
    );
    let data = &event["data"];
    assert_eq!((&data["report"], &data["period"]["name"]), (&json!("monthly"), &json!("2026-03")));
    let kinds: Vec<&Value> = data["documents"].as_array().unwrap().iter().map(|document| &document["kind"]).collect();
    assert_eq!(kinds, ["Scorecard", "SlaReport"]);
    let report = &data["documents"][1];
    assert_eq!((&report["name"], &report["spec"]["credit"]["net"]), (&json!("acme-care-2026-03"), &json!("5000.00")));
    assert!(!String::from_utf8_lossy(&Received::clone(&taken[1]).body).contains("canary"));
}

#[tokio::test]
async fn a_report_waits_for_an_operator_that_has_just_begun_without_a_failure() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let hook = sink("hook", json!({"webhook": {"url": receiver.url()}}));
    post.write_report(&hook, order("soon", ReportFormat::Html)).await;
    let running = post.run(vec![hook.clone()]);
    post.counted(1).await;
    assert!(!JUST_BEGUN.load(Ordering::SeqCst), "it was asked for before it was there");
    assert_eq!(receiver.taken().len(), 1);
    assert!(running.dispatcher.status_of("uid-1", &[hook]).is_empty());
    assert_eq!(post.counts.lock().unwrap().as_slice(), ["webhook delivered"]);
}

#[tokio::test]
async fn what_is_not_there_yet_is_tried_again_and_what_never_will_be_is_given_up() {
    let receiver = Receiver::start().await;
    let post = Post::new();
    let hook = sink("hook", json!({"webhook": {"url": receiver.url()}}));
    let pager = sink("pager", json!({"pagerduty": {"routingKeySecretRef": {"name": "p", "key": "k"}}}));
    post.write_report(&hook, order("gone", ReportFormat::Html)).await;
    post.write_report(&pager, order("monthly", ReportFormat::Html)).await;
    post.write_report(&hook, order("late", ReportFormat::Html)).await;
    let running = post.run(vec![hook.clone(), pager]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let failures = running.dispatcher.status_of("uid-1", std::slice::from_ref(&hook));
        if failures.iter().any(|status| status.failure.is_some()) {
            let failure = failures[0].failure.clone().unwrap();
            assert_eq!(failure, "the SlaReport acme-care-2026-03 is not there");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{failures:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    while post.ends().await.iter().filter(|end| end.ends_with("given up")).count() < 2 {
        assert!(std::time::Instant::now() < deadline, "{:?}", post.ends().await);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(receiver.received().is_empty());
}
