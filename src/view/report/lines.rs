//! The lines of a report: each KPI's result, what else is to know of it, and the rows that it rests on.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Facts, local, standing};
use crate::api::kpi_target::{Better, CatalogueKpi, KpiTargetSpec, Verdict};
use crate::api::sla_report::{KpiLine, SlaReportSpec, SlaReportStatus};
use crate::api::verdict::Severity;
use crate::domain::terms::catalogue::better;
use crate::view::bullets::{Measured, bullet};
use crate::view::charts::Bullet;
use crate::view::marks::rank;
use crate::view::words;

/// One KPI's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultLine {
    /// Name of the KpiTarget.
    pub name: String,
    /// The KPI as people say it.
    pub title: String,
    /// `reported only` or `dry run`.
    pub standing: Option<&'static str>,
    /// Judged and shown, not counted.
    pub dry_run: bool,
    /// The target with its unit.
    pub target: String,
    /// The value with its unit.
    pub value: Option<String>,
    /// The value before relief, where it differs.
    pub before_relief: Option<String>,
    /// What was divided, with commas.
    pub counts: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// How grave the miss is.
    pub severity: Option<Severity>,
    /// Whether the previous judged period was Missed too.
    pub repeat: bool,
    /// Service points.
    pub points: i64,
    /// Credit of this KPI before caps, with its currency.
    pub credit: Option<String>,
    /// Bonus of this KPI, with its currency.
    pub bonus: Option<String>,
    /// The picture of value, target and bands.
    #[serde(skip)]
    pub bullet: Option<Bullet>,
}

/// Something that was counted and digested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceLine {
    /// The KpiTarget or the feed.
    pub name: String,
    /// How many rows.
    pub rows: i64,
    /// SHA-256.
    pub digest: String,
}

/// The lines: misses first, the gravest first, then by name.
pub(super) fn lines(facts: &Facts<'_>, currency: &str) -> Vec<ResultLine> {
    let mut lines: Vec<ResultLine> = facts.report.kpis.iter().map(|line| result(facts, line, currency)).collect();
    lines.sort_by_key(|line| {
        let grave = line.severity.filter(|_| line.verdict == Verdict::Missed).map_or(0, rank);
        (line.verdict != Verdict::Missed, std::cmp::Reverse(grave), std::cmp::Reverse(line.points), line.name.clone())
    });
    lines
}

fn result(facts: &Facts<'_>, line: &KpiLine, currency: &str) -> ResultLine {
    let spec = facts.terms.and_then(|terms| terms.kpi(&line.name));
    let unit = words::unit(line.kpi, line.variant, spec);
    let shown = |value: &String| {
        words::figure(&words::shown_value(value, &[line.target.as_deref(), line.upper.as_deref()]), unit, currency)
    };
    let amount = |amount: &Option<String>| {
        amount.as_ref().filter(|amount| !words::is_zero(amount)).map(|amount| words::money(amount, currency))
    };
    let counts = line.numerator.as_ref().zip(line.denominator.as_ref());
    ResultLine {
        name: line.name.clone(),
        title: words::kpi_title(line.kpi, &line.name),
        standing: standing(line.class, line.dry_run),
        dry_run: line.dry_run,
        target: words::target_of(line, unit, currency),
        value: line.value.as_ref().map(shown),
        before_relief: line.raw_value.as_ref().filter(|raw| line.value.as_ref() != Some(raw)).map(shown),
        counts: counts.map(|(above, below)| format!("{} ÷ {}", words::thousands(above), words::thousands(below))),
        verdict: line.verdict,
        severity: line.severity,
        repeat: line.repeat,
        points: line.points,
        credit: amount(&line.credit),
        bonus: amount(&line.bonus),
        bullet: bullet(
            &words::kpi_title(line.kpi, &line.name),
            &Measured {
                comparison: line.comparison,
                target: line.target.as_deref(),
                upper: line.upper.as_deref(),
                value: line.value.as_deref(),
                verdict: line.verdict,
                severity: line.severity,
            },
            spec,
            unit,
            currency,
        ),
    }
}

/// Whether a smaller value is the better one; `None` where neither is.
pub(super) fn smaller_is_better(line: &KpiLine, spec: Option<&KpiTargetSpec>) -> Option<bool> {
    let direction = match line.kpi {
        CatalogueKpi::Custom => spec.and_then(|spec| spec.formula.as_ref()).map(|formula| formula.better)?,
        kpi => better(kpi),
    };
    match direction {
        Better::Higher => Some(false),
        Better::Lower => Some(true),
        Better::Range => None,
    }
}

/// What else there is to know, a topic each. Topics without anything say so: silence could be an omission.
pub(super) fn notes(report: &SlaReportSpec, lines: &[ResultLine], zone: &TimeZone) -> Vec<(&'static str, String)> {
    let title =
        |name: &str| lines.iter().find(|line| line.name == name).map_or_else(|| name.to_owned(), |it| it.title.clone());
    let excused = report.kpis.iter().filter(|line| !line.excused_by.is_empty());
    let excused = excused
        .map(|line| format!("{}: {} took rows away", title(&line.name), words::list(&line.excused_by)))
        .collect();
    let gaps = report.gaps.iter();
    let gaps =
        gaps.map(|gap| format!("{} from {} to {}", gap.feed, local(gap.from, zone), local(gap.to, zone))).collect();
    let restated =
        report.restates.as_ref().map(|restates| format!("This report takes the place of {}.", restates.report));
    let or_none = |items: Vec<String>, none: &str| if items.is_empty() { none.to_owned() } else { items.join("; ") };
    let topics = [
        ("Excused", or_none(excused, "Nothing.")),
        ("Gaps", or_none(gaps, "None.")),
        ("Not decided", or_none(undecided(lines), "Every target was judged.")),
        ("Tiers", or_none(missed_tiers(report, &title), "No tier missed its own target, or none is agreed.")),
        ("Restated", restated.unwrap_or_else(|| "Nothing: this is the first revision.".to_owned())),
    ];
    let where_any = [
        ("Counted one by one", counted(report, &title)),
        ("Two sources", compared(report, &title)),
        ("Disputed", disputed(report, &title)),
    ];
    let where_any = where_any.into_iter().filter(|(_, items)| !items.is_empty());
    topics.into_iter().chain(where_any.map(|(topic, items)| (topic, items.join("; ")))).collect()
}

fn undecided(lines: &[ResultLine]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| matches!(line.verdict, Verdict::Inconclusive | Verdict::InsufficientVolume | Verdict::NoData))
        .map(|line| format!("{}: {}", line.title, words::verdict_title(line.verdict).to_lowercase()))
        .collect()
}

fn missed_tiers(report: &SlaReportSpec, title: &dyn Fn(&str) -> String) -> Vec<String> {
    let tiers = report.kpis.iter().flat_map(|line| line.tiers.iter().map(move |tier| (line, tier)));
    tiers
        .filter(|(_, tier)| tier.verdict == Verdict::Missed)
        .map(|(line, tier)| {
            let (value, target) = (tier.value.as_deref().unwrap_or("no value"), tier.target.as_deref());
            format!("{} for {}: {value} against {}", title(&line.name), tier.tier, target.unwrap_or("none"))
        })
        .collect()
}

fn counted(report: &SlaReportSpec, title: &dyn Fn(&str) -> String) -> Vec<String> {
    let counted = report.kpis.iter().filter_map(|line| Some((line, line.tally.as_ref()?)));
    counted
        .map(|(line, tally)| {
            let missed = if tally.missed.is_empty() { "none".to_owned() } else { words::list(&tally.missed) };
            format!("{}: missed {missed}, without enough data {}", title(&line.name), tally.unjudged.len())
        })
        .collect()
}

fn compared(report: &SlaReportSpec, title: &dyn Fn(&str) -> String) -> Vec<String> {
    let compared = report.kpis.iter().filter_map(|line| Some((line, line.sources.as_ref()?)));
    compared.map(|(line, sources)| format!("{}: {}", title(&line.name), words::sources(sources))).collect()
}

fn disputed(report: &SlaReportSpec, title: &dyn Fn(&str) -> String) -> Vec<String> {
    report
        .disputes
        .iter()
        .map(|dispute| {
            let about = dispute.kpi.as_deref().map_or_else(|| "the whole report".to_owned(), title);
            format!("{} about {about}: {}", dispute.name, dispute.decision.to_string().to_lowercase())
        })
        .collect()
}

pub(super) fn evidence(report: &SlaReportSpec) -> Vec<EvidenceLine> {
    report
        .kpis
        .iter()
        .map(|line| EvidenceLine {
            name: line.name.clone(),
            rows: line.evidence.rows,
            digest: line.evidence.digest.clone(),
        })
        .collect()
}

pub(super) fn heads(status: &SlaReportStatus) -> Vec<EvidenceLine> {
    status
        .evidence_heads
        .iter()
        .map(|head| EvidenceLine { name: head.feed.clone(), rows: head.rows, digest: head.head.clone() })
        .collect()
}
