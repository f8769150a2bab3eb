//! What a ServiceTier must hold to by itself.

use super::checks::{Findings, check_count, check_percent, check_range, check_unique, quoted};
use crate::api::ServiceTierSpec;
use crate::api::kpi_target::CatalogueKpi;
use crate::api::service_tier::{ContactChannel, CustomerValue, Entitlements, SelfService, ValueMeasure};

pub(super) fn check(findings: &mut Findings, spec: &ServiceTierSpec) {
    let count = findings.name().len();
    findings.ensure(count <= 63, "metadata.name", || {
        format!("has {count} characters: choose a name of at most 63, since contracts list tiers by it")
    });
    check_range(findings, "spec.rank", spec.rank, 1, 100);
    if let Some(value) = &spec.customer_value {
        check_customer_value(findings, value);
    }
    check_count(findings, "spec.targets", spec.targets.len(), 50);
    check_unique(findings, "spec.targets", spec.targets.iter().map(|target| target.kpi));
    findings.ensure(spec.targets.iter().all(|target| target.kpi != CatalogueKpi::Custom), "spec.targets", || {
        "\"Custom\" does not say which figure is meant: name a KPI of the catalogue".to_owned()
    });
    if let Some(entitlements) = &spec.entitlements {
        check_entitlements(findings, entitlements);
    }
}

fn check_entitlements(findings: &mut Findings, entitlements: &Entitlements) {
    let Entitlements { channels, routing_priority, incentive_percent, retention_spend_percent, .. } = entitlements;
    let contacts = entitlements.proactive_contacts_per_year;
    let field = "spec.entitlements.channels";
    check_unique(findings, field, channels.iter().map(|channel| channel.to_string()));
    for (field, value, most) in [
        ("spec.entitlements.routingPriority", *routing_priority, 1000),
        ("spec.entitlements.proactiveContactsPerYear", contacts, 366),
    ] {
        value.into_iter().for_each(|value| check_range(findings, field, value, 0, most));
    }
    for (field, value) in [
        ("spec.entitlements.incentivePercent", *incentive_percent),
        ("spec.entitlements.retentionSpendPercent", *retention_spend_percent),
    ] {
        value.into_iter().for_each(|value| check_percent(findings, field, value));
    }
    let required = entitlements.self_service == Some(SelfService::Required);
    let offers = |wanted: ContactChannel| channels.is_empty() || channels.contains(&wanted);
    findings.ensure(!required || offers(ContactChannel::SelfService), "spec.entitlements.selfService", || {
        "is Required and `channels` has no SelfService: add it, or write Offered or Preferred".to_owned()
    });
    let reachable = channels.is_empty() || channels.iter().any(|channel| *channel != ContactChannel::SelfService);
    findings.ensure(reachable || contacts.unwrap_or(0) == 0, "spec.entitlements.proactiveContactsPerYear", || {
        "nobody can be contacted by SelfService alone: add a channel such as Email, or write 0".to_owned()
    });
    if let (Some(incentive), Some(ceiling)) = (incentive_percent, retention_spend_percent) {
        findings.ensure(incentive <= ceiling, "spec.entitlements.incentivePercent", || {
            format!(
                "{incentive} is above retentionSpendPercent {ceiling}, the ceiling of what retaining a customer may cost: lower it, or raise the ceiling"
            )
        });
    }
}

fn check_customer_value(findings: &mut Findings, value: &CustomerValue) {
    if let Some(currency) = &value.currency {
        let measure = value.measure;
        findings.ensure(measure == ValueMeasure::LifetimeValue, "spec.customerValue.currency", || {
            format!("{measure} is not money: take `currency` away, or write measure LifetimeValue")
        });
        let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        findings.ensure(is_code, "spec.customerValue.currency", || {
            format!("{} is not a currency: write its three letters by ISO 4217, such as GBP", quoted(currency))
        });
    }
    if let (Some(at_least), Some(below)) = (value.at_least, value.below) {
        findings.ensure(at_least < below, "spec.customerValue.below", || {
            format!(
                "{below} is not above `atLeast` {at_least}: write a higher `below`, or leave it out for an open end"
            )
        });
    }
}
