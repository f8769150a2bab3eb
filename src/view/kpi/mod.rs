//! The page of one KPI: what happens, since when, and is it chance. KpiTarget, contract and reports in words.

mod chart;
mod html;
mod inside;
mod text;

pub use chart::{History, Point};
pub use html::html;
pub use inside::{Evidence, PeriodInside};
pub use text::{markdown, text};

use kube::ResourceExt;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::made_of::Advice;
use super::page::Key;
use super::words::{self, figure, kpi_title, money, period_title, shown_value, target};
use crate::api::condition::{Condition, ConditionStatus};
use crate::api::kpi_target::{Band, CatalogueKpi, FormulaUnit, KpiTargetSpec, KpiTargetStatus, Outlook, Verdict};
use crate::api::sla_report::{KpiLine, SlaReportSpec};
use crate::api::verdict::Severity;
use crate::api::{KpiTarget, VendorContract};
use crate::domain::decision::kpi_target::comparison_of;

/// How many closed periods the page shows.
pub const PERIODS: usize = 24;

/// What a KPI is shown from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The KPI.
    pub kpi: &'a KpiTarget,
    /// Its contract.
    pub contract: &'a VendorContract,
    /// The KPI that guards it, where it names one.
    pub counter: Option<&'a KpiTarget>,
    /// The latest revisions of the contract's reports, the newest first.
    pub reports: &'a [&'a SlaReportSpec],
    /// What its figures are made of, where the evidence was at hand.
    pub evidence: Option<Evidence<'a>>,
}

/// A KPI in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KpiPage {
    /// Its namespace.
    pub namespace: String,
    /// Name of the KpiTarget.
    pub name: String,
    /// The KPI as people say it.
    pub title: String,
    /// The contract.
    pub contract: String,
    /// The answer in one sentence.
    pub headline: String,
    /// What to know of it, in sentences.
    pub summary: Vec<String>,
    /// Target, period, guard, reach of the data.
    pub facts: Vec<(&'static str, String)>,
    /// The running period, what is needed, the latest closed one, misses.
    pub keys: Vec<Key>,
    /// The closed periods and the running one.
    pub history: History,
    /// The same of the KPI that guards it.
    pub counter: Option<(String, History)>,
    /// The closed periods, the newest first.
    pub periods: Vec<PeriodLine>,
    /// The running period from the inside, and the closed one that was missed last; where none was, the latest.
    pub inside: Vec<PeriodInside>,
    /// What to do to see days and parts that are not shown.
    pub advice: Option<Advice>,
    /// Tiers in the latest closed period: tier, value, target, verdict.
    pub tiers: Vec<(String, String, String, Verdict)>,
    /// What each miss costs.
    pub bands: Vec<BandLine>,
    /// How it is judged, a topic each.
    pub rules: Vec<(&'static str, String)>,
}

/// One closed period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodLine {
    /// The period in words.
    pub period: String,
    /// Name of its report, where it is known.
    pub report: Option<String>,
    /// The value with its unit.
    pub value: String,
    /// The value before relief, where it differs.
    pub before_relief: Option<String>,
    /// What was divided.
    pub counts: Option<String>,
    /// The target with its unit.
    pub target: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave a miss is.
    pub severity: Option<Severity>,
    /// Service points.
    pub points: i64,
    /// The credit with its currency.
    pub credit: Option<String>,
    /// Relief that took rows away, and restatements.
    pub remarks: Vec<String>,
}

/// One band of misses, with its consequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BandLine {
    /// How grave.
    pub severity: Severity,
    /// How far it reaches.
    pub reach: String,
    /// What it costs.
    pub cost: String,
}

/// What figures are written with.
pub(super) struct Words<'a> {
    spec: &'a KpiTargetSpec,
    unit: FormulaUnit,
    currency: &'a str,
}

impl<'a> Words<'a> {
    fn of(kpi: &'a KpiTarget, currency: &'a str) -> Words<'a> {
        let spec = &kpi.spec;
        Words { spec, unit: words::unit(spec.kpi, spec.variant, Some(spec)), currency }
    }

    /// A value as it is shown against a target.
    fn value(&self, value: &str, aim: Option<&str>) -> String {
        figure(&shown_value(value, &[aim]), self.unit, self.currency)
    }

    fn target(&self, aim: &str) -> String {
        let upper = self.spec.objective.upper.map(|upper| upper.to_string());
        target(comparison_of(self.spec), Some(aim), upper.as_deref(), self.unit, self.currency)
    }
}

impl KpiPage {
    /// Puts a KPI into words.
    pub fn of(facts: &Facts<'_>) -> KpiPage {
        let kpi = facts.kpi;
        let empty = KpiTargetStatus::default();
        let status = kpi.status.as_ref().unwrap_or(&empty);
        let currency = facts.contract.spec.charges.as_ref().map_or("", |charges| charges.currency.as_str());
        let words = Words::of(kpi, currency);
        let name = kpi.name_any();
        let title = kpi_title(kpi.spec.kpi, &name);
        let history = chart::history(kpi, facts.reports, currency);
        KpiPage {
            namespace: kpi.namespace().unwrap_or_default(),
            contract: facts.contract.name_any(),
            headline: headline(&title, status),
            summary: summary(status, &history),
            facts: provenance(facts, &words),
            keys: keys(status, &words),
            counter: facts.counter.map(|counter| {
                (kpi_title(counter.spec.kpi, &counter.name_any()), chart::history(counter, facts.reports, currency))
            }),
            periods: periods(facts, &words, &name),
            inside: inside::inside(facts, &title, currency),
            advice: inside::advice(facts),
            tiers: tiers(status, &words),
            bands: kpi.spec.bands.iter().map(|band| band_line(band, &words)).collect(),
            rules: rules(facts),
            history,
            title,
            name,
        }
    }
}

fn headline(title: &str, status: &KpiTargetStatus) -> String {
    let is_true = |name: &str| condition(&status.conditions, name).is_some_and(|it| it.status == ConditionStatus::True);
    let Some(last) = &status.last else { return format!("{title}: no period has closed yet") };
    // The periods in a row, the latest first, that ended as the latest one did.
    let run = status.history.iter().take_while(|past| past.verdict == last.verdict).count().max(1);
    let result = match (last.verdict, run) {
        (Verdict::Met, 1) => format!("{title} met its target in {}", period_title(&last.name)),
        (Verdict::Met, run) => format!("{title} has met its target {} periods in a row", words::number_word(run)),
        (Verdict::Missed, 1) => format!("{title} missed its target in {}", period_title(&last.name)),
        (Verdict::Missed, run) => format!("{title} has missed its target {} periods in a row", words::number_word(run)),
        (verdict, _) => {
            format!("{title} in {}: {}", period_title(&last.name), words::verdict_title(verdict).to_lowercase())
        }
    };
    if is_true("AtRisk") { format!("{result}, and is at risk") } else { result }
}

fn summary(status: &KpiTargetStatus, history: &History) -> Vec<String> {
    let mut sentences: Vec<String> = ["AtRisk", "GamingSuspected"]
        .iter()
        .filter_map(|name| condition(&status.conditions, name))
        .filter(|found| found.status == ConditionStatus::True)
        .map(|found| format!("{}.", found.message.trim_end_matches('.')))
        .collect();
    if let Some(trend) = status.trend {
        let trend = trend.to_string().to_lowercase();
        let why = match status.signal.as_deref() {
            Some("OutsideLimits") => ": the latest value lies outside the control limits",
            Some("SevenOnOneSide") => ": the latest seven lie on one side of the mean",
            _ => "",
        };
        sentences.push(format!("Its trend is {trend}{why}."));
    }
    let missed: Vec<String> =
        history.points.iter().filter(|it| it.verdict == Verdict::Missed).map(|it| it.period.clone()).collect();
    if !missed.is_empty() {
        sentences.push(format!("Missed in {} of {} closed periods.", missed.len(), history.points.len()));
    }
    sentences
}

fn condition<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == name)
}

fn provenance(facts: &Facts<'_>, words: &Words<'_>) -> Vec<(&'static str, String)> {
    let spec = &facts.kpi.spec;
    let within = spec.within.map(|within| format!(" within {within}")).unwrap_or_default();
    let mut found = vec![
        ("Target", format!("{}{within}", words.target(&spec.objective.target.to_string()))),
        ("Judged", facts.contract.spec.period.to_string().to_lowercase()),
        ("Class", format!("{}, weight {}", spec.class, spec.weight)),
    ];
    if let Some(counter) = &spec.counter_metric {
        found.push(("Guarded by", counter.clone()));
    }
    if let Some(as_of) = facts.kpi.status.as_ref().and_then(|status| status.current.as_ref()?.as_of) {
        let zone =
            crate::domain::terms::calendar::zone_of(&facts.contract.spec.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        found.push(("Data through", as_of.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()));
    }
    found
}

fn keys(status: &KpiTargetStatus, words: &Words<'_>) -> Vec<Key> {
    let mut keys = Vec::new();
    if let Some(current) = &status.current {
        let aim = current.target.as_deref();
        let counts = current.numerator.as_ref().zip(current.denominator.as_ref());
        let counts = counts.map(|(above, below)| format!("{} of {}", words::thousands(above), words::thousands(below)));
        let value = current.value.as_deref().map_or_else(|| "no data".to_owned(), |value| words.value(value, aim));
        let title = words::capital(&period_title(&current.name));
        let note = counts.map_or_else(|| title.clone(), |counts| format!("{title}: {counts}"));
        keys.push(Key { name: "Running period", figure: value, note });
        let needed = current.needed.as_deref().map(|needed| words.value(needed, aim));
        let (figure, note) = match (current.outlook, needed) {
            (Some(Outlook::Secured), _) => ("secured".to_owned(), "whatever the remaining rows".to_owned()),
            (Some(Outlook::Unreachable), _) => {
                ("out of reach".to_owned(), "no result from here reaches the target".to_owned())
            }
            (_, Some(needed)) => (
                needed,
                current.projected.as_deref().map_or_else(
                    || "from here to the end".to_owned(),
                    |projected| format!("heads for {}", words.value(projected, aim)),
                ),
            ),
            _ => ("–".to_owned(), "not known".to_owned()),
        };
        keys.push(Key { name: "Needed from here", figure, note });
    }
    if let Some(last) = &status.last {
        let value =
            last.value.as_deref().map_or_else(|| "no value".to_owned(), |it| words.value(it, last.target.as_deref()));
        let verdict = words::verdict_title(last.verdict);
        let severity = last.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
        keys.push(Key {
            name: "Latest closed",
            figure: value,
            note: format!("{}: {verdict}{severity}", period_title(&last.name)),
        });
    }
    let missed = status.history.iter().filter(|past| past.verdict == Verdict::Missed).count();
    let points: i64 = status.history.iter().map(|past| past.points).sum();
    let note = format!("of {} closed periods, {}", status.history.len(), words::points(points));
    keys.push(Key { name: "Missed", figure: missed.to_string(), note });
    keys
}

/// The closed periods: what reports say of them, else what the status remembers.
fn periods(facts: &Facts<'_>, words: &Words<'_>, name: &str) -> Vec<PeriodLine> {
    let of_reports = facts.reports.iter().take(PERIODS).filter_map(|report| {
        let line = report.kpis.iter().find(|line| line.name == name)?;
        Some(period_of_report(report, line, words))
    });
    let found: Vec<PeriodLine> = of_reports.collect();
    if !found.is_empty() {
        return found;
    }
    let history = facts.kpi.status.iter().flat_map(|status| &status.history).take(PERIODS);
    history
        .map(|past| PeriodLine {
            period: words::capital(&period_title(&past.name)),
            report: None,
            value: past.value.as_deref().map_or_else(|| "no value".to_owned(), |value| words.value(value, None)),
            before_relief: None,
            counts: None,
            target: None,
            verdict: past.verdict,
            severity: past.severity,
            points: past.points,
            credit: past.credit.as_ref().filter(|it| !words::is_zero(it)).map(|it| money(it, words.currency)),
            remarks: Vec::new(),
        })
        .collect()
}

fn period_of_report(report: &SlaReportSpec, line: &KpiLine, words: &Words<'_>) -> PeriodLine {
    let aim = line.target.as_deref();
    let counts = line.numerator.as_ref().zip(line.denominator.as_ref());
    let mut remarks: Vec<String> = line.excused_by.iter().map(|relief| format!("relief {relief}")).collect();
    if report.revision > 1 {
        remarks.push(format!("restated, revision {}", report.revision));
    }
    if line.repeat {
        remarks.push("a repeat".to_owned());
    }
    PeriodLine {
        period: words::capital(&period_title(&report.period.name)),
        report: Some(crate::domain::settlement::reports::report_name(
            &report.contract,
            &report.period.name,
            report.revision,
        )),
        value: line.value.as_deref().map_or_else(|| "no value".to_owned(), |value| words.value(value, aim)),
        before_relief: line
            .raw_value
            .as_ref()
            .filter(|raw| line.value.as_ref() != Some(raw))
            .map(|raw| words.value(raw, aim)),
        counts: counts.map(|(above, below)| format!("{} ÷ {}", words::thousands(above), words::thousands(below))),
        target: aim.map(|aim| words.target(aim)),
        verdict: line.verdict,
        severity: line.severity,
        points: line.points,
        credit: line.credit.as_ref().filter(|it| !words::is_zero(it)).map(|it| money(it, words.currency)),
        remarks,
    }
}

fn tiers(status: &KpiTargetStatus, words: &Words<'_>) -> Vec<(String, String, String, Verdict)> {
    let slice = |tier: &crate::api::kpi_target::TierSlice| {
        let aim = tier.target.as_deref();
        (
            format!("{}, {}", tier.tier, period_title(&tier.period)),
            tier.value.as_deref().map_or_else(|| "no value".to_owned(), |value| words.value(value, aim)),
            aim.map_or_else(|| "none".to_owned(), |aim| words.target(aim)),
            tier.verdict,
        )
    };
    status.tiers.iter().map(slice).collect()
}

fn band_line(band: &Band, words: &Words<'_>) -> BandLine {
    let bound = band.bound.map(|bound| figure(&bound.to_string(), words.unit, words.currency));
    let cost = if let Some(points) = band.points {
        words::points(points)
    } else if let Some(percent) = band.at_risk_percent {
        format!("{percent}% of the amount at risk")
    } else if let Some(percent) = band.percent {
        format!("{percent}% of the charges")
    } else if let Some(credit) = band.credit {
        money(&credit.to_string(), words.currency)
    } else if band.proportional == Some(true) {
        "the distance to the target in % of the charges".to_owned()
    } else {
        "nothing".to_owned()
    };
    let reach = bound.map_or_else(|| "all that is worse".to_owned(), |bound| format!("as far as {bound}"));
    BandLine { severity: band.severity, reach, cost }
}

fn rules(facts: &Facts<'_>) -> Vec<(&'static str, String)> {
    let spec = &facts.kpi.spec;
    let own = facts.kpi.name_any();
    let basis = facts.reports.iter().find_map(|report| report.kpis.iter().find(|it| it.name == own)?.basis.as_ref());
    let mut rules = Vec::new();
    if let Some(basis) = basis {
        let rounding = basis.rounding.as_ref().map_or_else(
            || "compared unrounded".to_owned(),
            |rounding| {
                let decimals = if rounding.decimals == 1 { "decimal" } else { "decimals" };
                format!("rounded to {} {decimals}, {}", rounding.decimals, rounding.mode)
            },
        );
        rules.push(("Value", format!("{} × {}, {rounding}", basis.formula, basis.scale)));
    } else if let CatalogueKpi::Custom = spec.kpi {
        let formula = spec.formula.as_ref().map(|formula| formula.numerator.clone()).unwrap_or_default();
        rules.push(("Value", formula));
    }
    let labels: Vec<String> = spec.source.labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!(", of {}", labels.join(", ")) };
    rules.push(("Rows", format!("feed {}{labels}", spec.source.feed)));
    if let Some(volume) = spec.minimum.as_ref().and_then(|minimum| minimum.volume) {
        rules.push(("Too few", format!("below {}", words::thousands(&volume.to_string()))));
    }
    rules.extend(spec.owner.clone().map(|owner| ("Owner", owner)));
    rules.extend(spec.goal_ref.clone().map(|goal| ("Goal", goal)));
    if let Some(benchmark) = &spec.benchmark {
        let ends: Vec<String> =
            [benchmark.low, benchmark.high].into_iter().flatten().map(|it| it.to_string()).collect();
        let source = benchmark.source.as_deref().unwrap_or("no source named");
        rules.push(("Benchmark", format!("{} ({source})", ends.join(" to "))));
    }
    rules
}

/// A decimal text as a position on a chart.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse::<rust_decimal::Decimal>().ok()?.to_f64()
}

#[cfg(test)]
mod tests;
