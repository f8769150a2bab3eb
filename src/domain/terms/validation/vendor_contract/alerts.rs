//! Where a contract sends its alerts, and the reports that go out by a cadence.

use std::collections::BTreeSet;

use crate::api::vendor_contract::{AlertSink, Contact, EmailSink, ReportFormat, VendorContractSpec};
use crate::domain::terms::mail_server::MailServer;
use crate::domain::terms::periods::rank;
use crate::domain::terms::validation::checks::{
    Findings, check_count, check_name, check_unique, check_url, is_email, one_of, quoted,
};

pub(super) fn check_alerts(findings: &mut Findings, alerts: &[AlertSink], contacts: &[Contact]) {
    check_count(findings, "spec.alerts", alerts.len(), 20);
    check_unique(findings, "spec.alerts", alerts.iter().map(|alert| &alert.name));
    for alert in alerts {
        check_name(findings, "spec.alerts", &alert.name);
        let field = format!("spec.alerts[{}]", alert.name);
        let AlertSink { name: _, alertmanager, webhook, slack, teams, pagerduty, email } = alert;
        let given = [
            alertmanager.is_some(),
            webhook.is_some(),
            slack.is_some(),
            teams.is_some(),
            pagerduty.is_some(),
            email.is_some(),
        ];
        findings.ensure(given.into_iter().filter(|given| *given).count() == 1, &field, || {
            "goes to not exactly one place: write exactly one of alertmanager, webhook, slack, teams, pagerduty, email"
                .to_owned()
        });
        if let Some(alertmanager) = alertmanager {
            check_url(findings, &format!("{field}.alertmanager.url"), &alertmanager.url);
        }
        if let Some(webhook) = webhook {
            check_url(findings, &format!("{field}.webhook.url"), &webhook.url);
        }
        if let Some(url) = pagerduty.as_ref().and_then(|pagerduty| pagerduty.url.as_ref()) {
            check_url(findings, &format!("{field}.pagerduty.url"), url);
        }
        if let Some(email) = email {
            check_email(findings, &format!("{field}.email"), email, contacts);
        }
    }
}

pub(super) fn check_scheduled_reports(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.reports", spec.reports.len(), 10);
    check_unique(findings, "spec.reports", spec.reports.iter().map(|report| &report.name));
    let takes = |sink: &&AlertSink| sink.email.is_some() || sink.webhook.is_some();
    let takers: BTreeSet<&str> = spec.alerts.iter().filter(takes).map(|sink| sink.name.as_str()).collect();
    for report in &spec.reports {
        check_name(findings, "spec.reports", &report.name);
        let field = format!("spec.reports[{}]", report.name);
        findings.ensure((1..=5).contains(&report.alerts.len()), format!("{field}.alerts"), || {
            "names no alert, or more than 5: write to which it goes, such as alerts: [mail]".to_owned()
        });
        for alert in &report.alerts {
            findings.ensure(takers.contains(alert.as_str()), format!("{field}.alerts"), || {
                let known = one_of(&takers, "alerts");
                format!("{} is not an email or webhook of this contract: write {known}", quoted(alert))
            });
        }
        let is_shorter = rank(report.cadence) < rank(spec.period);
        findings.ensure(report.format != Some(ReportFormat::Xlsx) || !is_shorter, format!("{field}.format"), || {
            format!(
                "a workbook is of closed periods, and {} is shorter than the contract's period, {}: write format: Html, or a longer cadence",
                report.cadence, spec.period
            )
        });
    }
}

fn check_email(findings: &mut Findings, field: &str, email: &EmailSink, contacts: &[Contact]) {
    findings.ensure(MailServer::parse(&email.server).is_some(), format!("{field}.server"), || {
        format!(
            "{} is not a mail server: write smtps://HOST or smtp://HOST, with :PORT where it is another",
            quoted(&email.server)
        )
    });
    findings.ensure(is_email(&email.from), format!("{field}.from"), || {
        format!("{} is not an e-mail address: write one such as sla@client.example", quoted(&email.from))
    });
    for name in &email.to {
        let contact = contacts.iter().find(|contact| contact.name == *name);
        findings.ensure(contact.is_some_and(|contact| contact.email.is_some()), format!("{field}.to"), || {
            format!("{} is not a contact of this contract with an e-mail address: give `contacts` one", quoted(name))
        });
    }
}
