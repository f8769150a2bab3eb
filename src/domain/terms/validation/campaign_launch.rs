//! What a CampaignLaunch must hold to by itself.

use rust_decimal::Decimal as Number;

use super::checks::{
    Findings, Units, check_count, check_labels, check_name, check_non_negative, check_percent, check_range, check_text,
    check_unique, check_units, hundred, is_below, quoted,
};
use crate::api::CampaignLaunchSpec;
use crate::api::campaign_launch::{Channel, Gate, GateCheck, GateType, QueueModel, Staffing};

pub(super) fn check(findings: &mut Findings, spec: &CampaignLaunchSpec) {
    check_contracts(findings, spec);
    findings.ensure(!spec.product.trim().is_empty(), "spec.product", || {
        "is empty: write what is offered, such as Home fibre upgrade".to_owned()
    });
    check_text(findings, "spec.product", &spec.product, 253);
    if let Some(ends_at) = spec.ends_at {
        let launch_at = spec.launch_at;
        findings.ensure(launch_at < ends_at, "spec.endsAt", || {
            format!("{ends_at} is not after the launch at {launch_at}: write a later instant")
        });
    }
    check_count(findings, "spec.channels", spec.channels.len(), 50);
    check_unique(findings, "spec.channels", spec.channels.iter().map(|channel| &channel.name));
    for channel in &spec.channels {
        check_channel(findings, channel, spec);
    }
    if let Some(staffing) = &spec.staffing {
        check_staffing(findings, staffing);
    }
    check_count(findings, "spec.gates", spec.gates.len(), 50);
    check_unique(findings, "spec.gates", spec.gates.iter().map(|gate| &gate.name));
    for gate in &spec.gates {
        check_gate(findings, gate);
    }
    check_afterwards(findings, spec);
}

fn check_contracts(findings: &mut Findings, spec: &CampaignLaunchSpec) {
    let field = "spec.contractRefs";
    findings.ensure(!spec.contract_refs.is_empty(), field, || {
        "is empty: name at least one VendorContract, such as {name: acme-care}".to_owned()
    });
    check_count(findings, field, spec.contract_refs.len(), 20);
    check_unique(findings, field, spec.contract_refs.iter().map(|contract| &contract.name));
}

fn check_channel(findings: &mut Findings, channel: &Channel, spec: &CampaignLaunchSpec) {
    check_name(findings, "spec.channels", &channel.name);
    let field = format!("spec.channels[{}]", channel.name);
    let is_reach = channel.volume.is_some() && channel.response_percent.is_some();
    let is_part = channel.volume.is_some() || channel.response_percent.is_some();
    findings.ensure(is_reach == is_part && is_reach != channel.expected_contacts.is_some(), &field, || {
        "does not say how many contacts it brings: write `volume` with `responsePercent`, or `expectedContacts`"
            .to_owned()
    });
    if let Some(at) = channel.at {
        let launch_at = spec.launch_at;
        findings.ensure(at >= launch_at, format!("{field}.at"), || {
            format!(
                "{at} lies before the launch at {launch_at}: `launchAt` is the first contact of the earliest channel"
            )
        });
        if let Some(ends_at) = spec.ends_at {
            findings.ensure(at < ends_at, format!("{field}.at"), || {
                format!("{at} is not before the campaign's end at {ends_at}: write an earlier instant")
            });
        }
    }
    channel.volume.into_iter().for_each(|volume| check_range(findings, &field, volume, 0, 1_000_000_000));
    channel.response_percent.into_iter().for_each(|percent| check_percent(findings, &field, percent));
    channel.expected_contacts.into_iter().for_each(|contacts| check_non_negative(findings, &field, contacts));
    check_day_shares(findings, &format!("{field}.dayShares"), channel);
}

fn check_day_shares(findings: &mut Findings, field: &str, channel: &Channel) {
    check_count(findings, field, channel.day_shares.len(), 100);
    for share in &channel.day_shares {
        check_percent(findings, field, *share);
    }
    // Shares such as three times 33.3 are meant as the whole.
    let sum: Number = channel.day_shares.iter().map(|share| share.0).sum();
    let is_whole = (sum - Number::ONE_HUNDRED).abs() <= Number::ONE;
    findings.ensure(channel.day_shares.is_empty() || is_whole, field, || {
        format!("add up to {sum}: write shares in percent that add up to 100")
    });
}

fn check_staffing(findings: &mut Findings, staffing: &Staffing) {
    findings.ensure(
        staffing.model != QueueModel::ErlangA || staffing.patience.is_some(),
        "spec.staffing.patience",
        || {
            "is missing: ErlangA needs how long a caller waits on average, such as 120s; ErlangC does without"
                .to_owned()
        },
    );
    findings.ensure(staffing.handle_time.is_some(), "spec.staffing.handleTime", || {
        "is missing: agents cannot be counted without it; write how long one contact takes, such as 240s".to_owned()
    });
    for (name, duration) in
        [("handleTime", staffing.handle_time), ("patience", staffing.patience), ("interval", staffing.interval)]
    {
        let Some(duration) = duration else { continue };
        let field = format!("spec.staffing.{name}");
        check_units(findings, &field, duration, Units::Technical);
        findings.ensure(duration.amount > 0, &field, || "is 0: write at least 1s".to_owned());
    }
    if let Some(interval) = staffing.interval {
        let fits = interval.seconds().is_some_and(|seconds| seconds >= 60 && 86_400 % seconds == 0);
        findings.ensure(fits, "spec.staffing.interval", || {
            format!("\"{interval}\" does not divide a day: write a part of 24h from 1m on, such as 15m, 30m or 1h")
        });
    }
    if let Some(goal) = &staffing.service_level {
        let fits = goal.percent.0 > Number::ZERO && goal.percent < hundred();
        findings.ensure(fits, "spec.staffing.serviceLevel.percent", || {
            format!("{} cannot be staffed for: write more than 0 and less than 100, such as 80", goal.percent)
        });
        check_units(findings, "spec.staffing.serviceLevel.within", goal.within, Units::Technical);
    }
    if let Some(percent) = staffing.max_occupancy_percent {
        findings.ensure(percent.0 > Number::ZERO && percent <= hundred(), "spec.staffing.maxOccupancyPercent", || {
            format!("{percent} leaves no time to work in: write more than 0, at most 100, such as 85")
        });
    }
    if let Some(percent) = staffing.shrinkage_percent {
        let fits = !is_below(percent, 0) && percent < hundred();
        findings.ensure(fits, "spec.staffing.shrinkagePercent", || {
            format!("{percent} leaves nobody available: write 0 or more and less than 100, such as 30")
        });
    }
    if let Some(baseline) = &staffing.baseline {
        check_range(findings, "spec.staffing.baseline.weeks", baseline.weeks, 4, 52);
    }
    if let Some(scheduled) = &staffing.scheduled {
        let reads_feed = scheduled.feed.is_some() && scheduled.measure.is_some();
        let is_part = scheduled.feed.is_some() || scheduled.measure.is_some();
        findings.ensure(
            reads_feed == is_part && reads_feed != scheduled.agents.is_some(),
            "spec.staffing.scheduled",
            || "does not say how many agents there are: write `feed` with `measure`, or `agents`".to_owned(),
        );
    }
}

fn check_gate(findings: &mut Findings, gate: &Gate) {
    use GateType::{EndToEndTest, FeedbackLoop, IvrRouting, JointPlan, Staffing, Training};
    check_name(findings, "spec.gates", &gate.name);
    let field = format!("spec.gates[{}]", gate.name);
    let tests: &[GateType] = &[IvrRouting, EndToEndTest];
    let extras: [(&str, bool, &[GateType]); 6] = [
        ("signOffs", !gate.sign_offs.is_empty(), &[JointPlan]),
        ("coveragePercent", gate.coverage_percent.is_some(), &[Staffing]),
        ("modules", !gate.modules.is_empty(), &[Training]),
        ("changedAt", gate.changed_at.is_some(), tests),
        ("validFor", gate.valid_for.is_some(), tests),
        ("firstReview", gate.first_review.is_some(), &[FeedbackLoop]),
    ];
    for (name, is_given, types) in extras {
        findings.ensure(!is_given || types.contains(&gate.type_), format!("{field}.{name}"), || {
            let listed: Vec<String> = types.iter().map(|type_| type_.to_string()).collect();
            format!(
                "belongs to type {}, and type is {}: take it away, or change the type",
                listed.join(" and "),
                gate.type_
            )
        });
    }
    check_unique(findings, &format!("{field}.signOffs"), gate.sign_offs.iter().map(|sign| sign.party.to_string()));
    check_unique(findings, &format!("{field}.modules"), gate.modules.iter().map(|module| &module.name));
    gate.coverage_percent.into_iter().for_each(|percent| check_non_negative(findings, &field, percent));
    if let Some(check) = &gate.check {
        check_gate_check(findings, &format!("{field}.check"), check);
    }
}

fn check_gate_check(findings: &mut Findings, field: &str, check: &GateCheck) {
    let of_feed = [check.feed.is_some(), check.measure.is_some(), check.at_least.is_some()];
    let is_whole = of_feed.iter().all(|is_given| *is_given);
    let is_part = of_feed.iter().any(|is_given| *is_given);
    findings.ensure(is_whole == is_part && is_whole != check.kpi.is_some(), field, || {
        "does not say what must hold: write `kpi`, or `feed` with `measure` and `atLeast`".to_owned()
    });
}

fn check_afterwards(findings: &mut Findings, spec: &CampaignLaunchSpec) {
    if let Some(percent) = spec.survey.as_ref().and_then(|survey| survey.margin_of_error_percent) {
        findings.ensure(percent.0 > Number::ZERO && percent <= hundred(), "spec.survey.marginOfErrorPercent", || {
            format!("{percent} needs no survey or an endless one: write more than 0, at most 100, such as 5")
        });
    }
    check_count(findings, "spec.successMetrics", spec.success_metrics.len(), 20);
    check_unique(findings, "spec.successMetrics", spec.success_metrics.iter().map(|metric| &metric.kpi));
    if let Some(cohorts) = &spec.cohorts {
        let field = "spec.cohorts";
        check_range(findings, "spec.cohorts.plannedPerCohort", cohorts.planned_per_cohort, 1, 1_000_000_000);
        findings.ensure(cohorts.numerator != cohorts.denominator, field, || {
            format!("divides {} by itself: write successes and attempts", quoted(&cohorts.numerator))
        });
    }
    if let Some(hypercare) = spec.hypercare {
        check_units(findings, "spec.hypercare", hypercare, Units::Real);
    }
    if let Some(watch) = &spec.watch {
        check_labels(findings, "spec.watch.campaignLabel", &watch.campaign_label);
        findings.ensure(watch.campaign_label.len() <= 1, "spec.watch.campaignLabel", || {
            "has several labels: write the one label and value that the campaign's contacts carry".to_owned()
        });
    }
}
