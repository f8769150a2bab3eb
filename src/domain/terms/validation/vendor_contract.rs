//! What a VendorContract must hold to by itself.

use jiff::civil::{Date, date};

use super::checks::{
    Findings, Units, check_count, check_currency, check_labels, check_name, check_percent, check_range, check_text,
    check_time_zone, check_unique, check_units, quoted,
};
use super::money::{check_charges, check_credits, is_currency_code};
use super::period_names::{check_fiscal_year, names_fiscal_years};
use super::{disputes, feed};
use crate::api::vendor_contract::{
    CapKind, PeriodLength, Relief, ReliefDecision, ServiceCalendar, Trigger, VendorContractSpec,
};
use crate::domain::terms::calendar::days_between;

mod alerts;
mod governance;

use alerts::{check_alerts, check_scheduled_reports};
use governance::{check_contacts, check_deliverables, check_escalation, check_rectification, check_reviews};

/// No contract of today began before.
const EARLIEST_START: Date = date(1990, 1, 1);

pub(super) fn check(findings: &mut Findings, spec: &VendorContractSpec) {
    check_object_name(findings);
    check_vendor(findings, spec);
    check_client(findings, spec);
    check_term(findings, spec);
    check_time_zone(findings, "spec.timeZone", &spec.time_zone);
    check_fiscal_year(findings, spec);
    if let Some(calendar) = &spec.calendar {
        check_calendar(findings, calendar);
    }
    check_goals_and_tiers(findings, spec);
    check_count(findings, "spec.feeds", spec.feeds.len(), 32);
    check_unique(findings, "spec.feeds", spec.feeds.iter().map(|feed| &feed.name));
    for feed in &spec.feeds {
        feed::check(findings, feed);
    }
    if let Some(charges) = &spec.charges {
        check_charges(findings, charges, spec);
    }
    if let Some(credits) = &spec.credits {
        check_credits(findings, credits, spec.charges.as_ref());
    }
    check_triggers(findings, spec);
    check_relief(findings, &spec.relief);
    disputes::check(findings, spec);
    check_rectification(findings, spec);
    check_contacts(findings, &spec.contacts);
    check_escalation(findings, spec);
    check_reviews(findings, spec);
    check_deliverables(findings, &spec.deliverables, names_fiscal_years(spec));
    check_alerts(findings, &spec.alerts, &spec.contacts);
    check_scheduled_reports(findings, spec);
    if let Some(engagement) = &spec.engagement {
        let field = "spec.engagement.minimumSharePercent";
        check_percent(findings, field, engagement.minimum_share_percent);
    }
    if let Some(retention) = &spec.retention {
        let years = retention.years_after_term;
        findings.ensure((1..=100).contains(&years), "spec.retention.yearsAfterTerm", || {
            format!("{years} is not a number of years from 1 to 100: write one, such as yearsAfterTerm: 7")
        });
    }
}

fn check_object_name(findings: &mut Findings) {
    let count = findings.name().len();
    findings.ensure(count <= 50, "metadata.name", || {
        format!(
            "has {count} characters: choose a name of at most 50, since reports and labels are named after the contract"
        )
    });
}

/// Names of reports and of KpiTargets join the contract's with others by dots and dashes.
pub(super) fn check_name_has_no_dot(findings: &mut Findings) {
    let name = findings.name().to_owned();
    findings.ensure(!name.contains('.'), "metadata.name", || {
        format!("{} has a dot: write one of a-z, 0-9 and - alone, such as acme-care", quoted(&name))
    });
}

/// Rules that contracts were accepted without: what they refuse was misread in silence, or could cost others too much.
pub(super) fn check_later_rules(findings: &mut Findings, spec: &VendorContractSpec) {
    check_extent_of_term(findings, spec);
    if let Some(charges) = spec.charges.as_ref().filter(|charges| is_currency_code(&charges.currency)) {
        check_currency(findings, "spec.charges.currency", &charges.currency);
    }
    let year_cap = spec.credits.as_ref().and_then(|credits| credits.year_cap_percent);
    findings.ensure(year_cap.is_none() || spec.charges.is_some(), "spec.credits.yearCapPercent", || {
        "is a percentage of the charges, and there are none: add charges, such as charges: {currency: GBP, amount: 100000}, or take it away"
            .to_owned()
    });
    for feed in &spec.feeds {
        feed::check_later_rules(findings, feed);
    }
}

fn check_vendor(findings: &mut Findings, spec: &VendorContractSpec) {
    findings.ensure(!spec.vendor.name.trim().is_empty(), "spec.vendor.name", || {
        "is empty: write the vendor's name, such as Acme Contact Services".to_owned()
    });
    check_text(findings, "spec.vendor.name", &spec.vendor.name, 253);
    check_count(findings, "spec.vendor.sites", spec.vendor.sites.len(), 100);
    check_unique(findings, "spec.vendor.sites", &spec.vendor.sites);
    for site in &spec.vendor.sites {
        check_text(findings, "spec.vendor.sites", site, 128);
    }
}

fn check_client(findings: &mut Findings, spec: &VendorContractSpec) {
    let Some(client) = &spec.client else { return };
    findings.ensure(!client.name.trim().is_empty(), "spec.client.name", || {
        "is empty: write the client's name, such as Client plc, or take client away".to_owned()
    });
    check_text(findings, "spec.client.name", &client.name, 253);
}

fn check_term(findings: &mut Findings, spec: &VendorContractSpec) {
    let (start, end) = (spec.term.start, spec.term.end);
    findings.ensure(start <= end, "spec.term.end", || {
        format!("{end} lies before the start {start}: write a last day that is not before the first")
    });
    if let Some(notice) = spec.term.notice {
        check_units(findings, "spec.term.notice", notice, Units::Real);
    }
}

/// A term has at most 600 periods: that many reports are written of it.
fn check_extent_of_term(findings: &mut Findings, spec: &VendorContractSpec) {
    let (start, end) = (spec.term.start, spec.term.end);
    findings.ensure(start >= EARLIEST_START, "spec.term.start", || {
        format!("{start} is too early: write a first day from {EARLIEST_START} on")
    });
    let (years, days) = match spec.period {
        PeriodLength::Weekly => (11, 4_020),
        _ => (49, 17_898),
    };
    findings.ensure(days_between(start, end) <= days, "spec.term.end", || {
        format!(
            "{end} is too late for period {}: a term has at most {years} years then; end it earlier, and write the next one as \
             another contract",
            spec.period
        )
    });
}

fn check_calendar(findings: &mut Findings, calendar: &ServiceCalendar) {
    check_count(findings, "spec.calendar.serviceHours", calendar.service_hours.len(), 50);
    for (index, hours) in calendar.service_hours.iter().enumerate() {
        let field = format!("spec.calendar.serviceHours[{index}]");
        findings.ensure(!hours.days.is_empty(), format!("{field}.days"), || {
            "is empty: list the weekdays, such as Monday".to_owned()
        });
        check_unique(findings, &format!("{field}.days"), hours.days.iter().map(|day| day.to_string()));
        let from_fits = is_time_of_day(&hours.from) && hours.from != "24:00";
        findings.ensure(from_fits, format!("{field}.from"), || {
            format!("{} is not a time of day: write \"00:00\" to \"23:59\"", quoted(&hours.from))
        });
        let to_fits = is_time_of_day(&hours.to);
        findings.ensure(to_fits, format!("{field}.to"), || {
            format!("{} is not a time of day: write \"00:01\" to \"24:00\"", quoted(&hours.to))
        });
        // Both are HH:MM, so that the order of the texts is the order of the times.
        findings.ensure(!from_fits || !to_fits || hours.from < hours.to, &field, || {
            format!(
                "ends at {} and begins at {}: end later than it begins; what crosses midnight is two entries, such as 22:00 to 24:00 and 00:00 to 06:00",
                quoted(&hours.to),
                quoted(&hours.from)
            )
        });
    }
    check_count(findings, "spec.calendar.holidays", calendar.holidays.len(), 500);
    check_unique(findings, "spec.calendar.holidays", calendar.holidays.iter().map(|holiday| holiday.date));
    for name in calendar.holidays.iter().filter_map(|holiday| holiday.name.as_deref()) {
        check_text(findings, "spec.calendar.holidays", name, 253);
    }
}

/// Whether a text is `HH:MM` up to `24:00`.
fn is_time_of_day(text: &str) -> bool {
    let Some((hour, minute)) = text.split_once(':') else { return false };
    let number = |part: &str| if part.len() == 2 { part.parse::<u8>().ok() } else { None };
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    all_digits && (text == "24:00" || (number(hour).is_some_and(|h| h < 24) && number(minute).is_some_and(|m| m < 60)))
}

fn check_goals_and_tiers(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.goals", spec.goals.len(), 50);
    check_unique(findings, "spec.goals", spec.goals.iter().map(|goal| &goal.name));
    for goal in &spec.goals {
        check_name(findings, "spec.goals", &goal.name);
        check_text(findings, "spec.goals", goal.description.as_deref().unwrap_or_default(), 1024);
    }
    check_count(findings, "spec.tiers", spec.tiers.len(), 20);
    check_unique(findings, "spec.tiers", &spec.tiers);
}

fn check_triggers(findings: &mut Findings, spec: &VendorContractSpec) {
    check_count(findings, "spec.triggers", spec.triggers.len(), 20);
    check_unique(findings, "spec.triggers", spec.triggers.iter().map(|trigger| &trigger.name));
    for trigger in &spec.triggers {
        check_name(findings, "spec.triggers", &trigger.name);
        check_trigger(findings, trigger, spec);
    }
}

fn check_trigger(findings: &mut Findings, trigger: &Trigger, spec: &VendorContractSpec) {
    let field = format!("spec.triggers[{}].when", trigger.name);
    let when = &trigger.when;
    let members = [when.failures.is_some(), when.points.is_some(), when.severity.is_some(), when.cap_reached.is_some()];
    findings.ensure(members.iter().filter(|is_given| **is_given).count() == 1, &field, || {
        "holds not exactly one condition: write exactly one of failures, points, severity, capReached".to_owned()
    });
    if let Some(failures) = &when.failures {
        check_range(findings, &field, failures.at_least, 1, 1000);
        check_range(findings, &field, failures.out_of, 1, 120);
        let (at_least, out_of) = (failures.at_least, failures.out_of);
        findings.ensure(failures.same_kpi != Some(true) || at_least <= out_of, &field, || {
            format!(
                "{at_least} failures of one KPI never happen in {out_of} periods: write an `atLeast` that is not above `outOf`"
            )
        });
    }
    if let Some(points) = &when.points {
        check_range(findings, &field, points.at_least, 1, 1_000_000);
        check_range(findings, &field, points.periods, 1, 120);
    }
    let cap = match when.cap_reached {
        Some(CapKind::Period) => spec
            .charges
            .as_ref()
            .is_none_or(|charges| charges.at_risk_percent.is_none() && charges.at_risk_amount.is_none())
            .then_some(("of the period", "charges.atRiskPercent or charges.atRiskAmount")),
        Some(CapKind::Year) => spec
            .credits
            .as_ref()
            .is_none_or(|credits| credits.year_cap_percent.is_none() && credits.year_cap_amount.is_none())
            .then_some(("of the year", "credits.yearCapPercent or credits.yearCapAmount")),
        None => None,
    };
    if let Some((which, needed)) = cap {
        findings.ensure(false, &field, || format!("waits for the cap {which}, and there is none: add {needed}"));
    }
}

fn check_relief(findings: &mut Findings, relief: &[Relief]) {
    check_count(findings, "spec.relief", relief.len(), 500);
    check_unique(findings, "spec.relief", relief.iter().map(|relief| &relief.name));
    for relief in relief {
        check_name(findings, "spec.relief", &relief.name);
        let field = format!("spec.relief[{}]", relief.name);
        let (from, to) = (relief.from, relief.to);
        findings.ensure(from < to, &field, || {
            format!("ends at {to} and begins at {from}: write a `to` that is later than `from`")
        });
        let is_decided = matches!(relief.decision, Some(ReliefDecision::Accepted | ReliefDecision::Rejected));
        findings.ensure(relief.decided_at.is_none() || is_decided, &field, || {
            "has `decidedAt` without a decision: write decision Accepted or Rejected, or take `decidedAt` away"
                .to_owned()
        });
        check_count(findings, &format!("{field}.kpis"), relief.kpis.len(), 100);
        check_labels(findings, &format!("{field}.labels"), &relief.labels);
        check_text(findings, &format!("{field}.evidence"), relief.evidence.as_deref().unwrap_or_default(), 2048);
    }
}
