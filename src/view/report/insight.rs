//! What the figures of a report say together: sentences by fixed rules, each with its figures, the most costly first.

use rust_decimal::Decimal;
use serde::Serialize;

use super::lines::smaller_is_better;
use super::{Facts, ResultLine};
use crate::api::kpi_target::Verdict;
use crate::api::sla_report::{CreditBlock, KpiLine, SlaReportSpec};
use crate::api::vendor_contract::{CapKind, TriggerConsequence};
use crate::domain::numbers::exact::Exact;
use crate::domain::settlement::credits::{Tariff, settle};
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::periods::Periods;
use crate::view::words::{self, figure, is_zero, list, money, number_word, period_title, shown_value};

/// How many sentences a report has at most.
const MOST: usize = 8;

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Insight {
    /// What it is about.
    pub about: InsightKind,
    /// The sentence, with its figures.
    pub sentence: String,
}

/// What sentences are about, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs)]
pub enum InsightKind {
    Cost,
    Cap,
    Run,
    Fall,
    Narrow,
    Tier,
    Rise,
    Raise,
}

/// The sentences, by kind and within one kind the most costly first.
pub(super) fn insight(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Vec<Insight> {
    let report = facts.report;
    let mut found = costs(facts, lines, currency);
    found.extend(report.credit.as_ref().and_then(|credit| caps(report, credit)));
    found.extend(runs(facts, lines));
    found.extend(moved(facts, lines, currency));
    found.extend(narrow(facts, lines, currency));
    found.extend(tiers(report, lines));
    found.extend(raise(report, lines));
    found.sort_by_key(|insight| insight.about);
    found.truncate(MOST);
    found
}

fn insight_of(about: InsightKind, sentence: String) -> Insight {
    Insight { about, sentence }
}

fn title_of(lines: &[ResultLine], name: &str) -> String {
    lines.iter().find(|line| line.name == name).map_or_else(|| name.to_owned(), |line| line.title.clone())
}

fn counted_misses(report: &SlaReportSpec) -> impl Iterator<Item = &KpiLine> {
    report.kpis.iter().filter(|line| !line.dry_run && line.verdict == Verdict::Missed)
}

/// What each miss cost: what less would be owed had this target alone been met, so that caps and the table of points are seen.
fn costs(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Vec<Insight> {
    let mut costs: Vec<(Option<Decimal>, &KpiLine)> =
        counted_misses(facts.report).map(|line| (saved_without(facts, line), line)).collect();
    costs.sort_by(|(one, first), (other, second)| {
        other.cmp(one).then(second.points.cmp(&first.points)).then(first.name.cmp(&second.name))
    });
    let cost = |(saved, line): &(Option<Decimal>, &KpiLine)| {
        let title = title_of(lines, &line.name);
        let points = (line.points != 0).then(|| format!("{title} took {}", words::points(line.points)));
        let saved = saved.map(|saved| match saved.is_zero() {
            true => "had it alone met its target, as much would be owed".to_owned(),
            false => format!("had it alone met its target, {} less would be owed", money(&saved.to_string(), currency)),
        });
        let sentence = match (points, saved) {
            (Some(points), Some(saved)) => format!("{points}; {saved}."),
            (Some(points), None) => format!("{points}."),
            (None, Some(saved)) => format!("{title} was missed; {saved}."),
            (None, None) => return None,
        };
        Some(insight_of(InsightKind::Cost, sentence))
    };
    costs.iter().filter_map(cost).take(3).collect()
}

/// By how much less would be owed without one miss, by the judgement's own rules about points and caps. `None` where the terms as they
/// are now do not give what the report says is owed: then they are not those of the report.
fn saved_without(facts: &Facts<'_>, line: &KpiLine) -> Option<Decimal> {
    let (report, terms, credit) = (facts.report, facts.terms?, facts.report.credit.as_ref()?);
    let calendar = Calendar::of(&terms.contract).ok()?;
    let periods = Periods::of(&terms.contract, &calendar);
    let tariff = Tariff::of(terms, periods.named(&report.period.name)?, &periods);
    let amount = |text: &str| text.parse::<Decimal>().ok();
    let of_year = credit.basis.as_ref()?.caps.iter().find(|cap| cap.cap == CapKind::Year);
    let earlier = Exact::from(of_year.and_then(|cap| amount(cap.used.as_deref()?)).unwrap_or_default());
    let credits: Decimal = report.kpis.iter().filter_map(|line| amount(line.credit.as_deref()?)).sum();
    let own = line.credit.as_deref().and_then(amount).unwrap_or_default();
    let net = |credits: Decimal, points: i64| {
        let settled = settle(&tariff, &Exact::from(credits), points, &earlier);
        amount(&settled.net.show(6))
    };
    let owed = amount(&credit.net)?;
    if net(credits, report.points)? != owed {
        return None;
    }
    Some(owed - net(credits - own, report.points - line.points)?)
}

/// What the caps took away, and how much of the year's is used.
fn caps(report: &SlaReportSpec, credit: &CreditBlock) -> Option<Insight> {
    let amount = |text: &str| text.parse::<Decimal>().ok();
    let shown = |amount: &str| money(amount, &credit.currency);
    let cut = amount(&credit.before_caps)? - amount(&credit.net)?;
    let year = report.year_to_date.as_ref().and_then(|year| Some((year, year.cap.as_ref()?)));
    let used = year
        .map(|(year, cap)| format!("{} of at most {} of the contract year are used", shown(&year.credit), shown(cap)));
    let sentence = match (credit.capped_by.is_empty(), used) {
        (false, used) => {
            let used = used.map(|used| format!("; {used}")).unwrap_or_default();
            let (before, net) = (shown(&credit.before_caps), shown(&credit.net));
            format!("The misses came to {before}; the caps took {} and left {net}{used}.", shown(&cut.to_string()))
        }
        (true, Some(used)) if !is_zero(&credit.net) => format!("No cap was reached; {used}."),
        _ => return None,
    };
    Some(insight_of(InsightKind::Cap, sentence))
}

/// Targets that were missed in this period and in those before it.
fn runs(facts: &Facts<'_>, lines: &[ResultLine]) -> Vec<Insight> {
    let missed_before = |line: &KpiLine| {
        let of = |report: &&&SlaReportSpec| {
            report.kpis.iter().any(|other| other.name == line.name && other.verdict == Verdict::Missed)
        };
        facts.earlier.iter().take_while(of).count()
    };
    let mut runs: Vec<(usize, &KpiLine)> =
        counted_misses(facts.report).map(|line| (missed_before(line) + 1, line)).filter(|(run, _)| *run > 1).collect();
    runs.sort_by(|(one, first), (other, second)| other.cmp(one).then(first.name.cmp(&second.name)));
    let since = |run: usize| facts.earlier.get(run.saturating_sub(2)).map(|it| period_title(&it.period.name));
    runs.into_iter()
        .take(2)
        .map(|(run, line)| {
            let since = since(run).unwrap_or_default();
            let sentence = format!(
                "{} has missed its target {} periods in a row, since {since}.",
                title_of(lines, &line.name),
                number_word(run)
            );
            insight_of(InsightKind::Run, sentence)
        })
        .collect()
}

/// What got worse and what got better most against the period before, in parts of the value before; only what turned its verdict or
/// moved by a twentieth.
fn moved(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Vec<Insight> {
    let Some(previous) = facts.earlier.first() else { return Vec::new() };
    let mut moved: Vec<(Decimal, bool, String)> = Vec::new();
    for line in facts.report.kpis.iter().filter(|line| !line.dry_run) {
        let Some(before) = previous.kpis.iter().find(|other| other.name == line.name) else { continue };
        let spec = facts.terms.and_then(|terms| terms.kpi(&line.name));
        let values = before.value.as_deref().zip(line.value.as_deref());
        let Some((was_text, is_text)) = values else { continue };
        let (Ok(was), Ok(is)) = (was_text.parse::<Decimal>(), is_text.parse::<Decimal>()) else { continue };
        let Some(smaller) = smaller_is_better(line, spec) else { continue };
        let share = (is - was).abs().checked_div(was.abs()).unwrap_or_default();
        if was == is || (share < Decimal::new(5, 2) && before.verdict == line.verdict) {
            continue;
        }
        let unit = words::unit(line.kpi, line.variant, spec);
        let shown = |text: &str, line: &KpiLine| {
            figure(&shown_value(text, &[line.target.as_deref(), line.upper.as_deref()]), unit, currency)
        };
        let worse = (is > was) == smaller;
        let sentence = format!(
            "{} {} most: from {} in {} to {}, {}.",
            title_of(lines, &line.name),
            if worse { "fell behind" } else { "got better" },
            shown(was_text, before),
            period_title(&previous.period.name),
            shown(is_text, line),
            turn(before.verdict, line.verdict),
        );
        moved.push((share, worse, sentence));
    }
    let most = |worse: bool, about| {
        let of_kind = moved.iter().filter(|(_, found, _)| *found == worse);
        of_kind.max_by_key(|(share, ..)| *share).map(|(.., sentence)| insight_of(about, sentence.clone()))
    };
    [most(true, InsightKind::Fall), most(false, InsightKind::Rise)].into_iter().flatten().collect()
}

fn turn(before: Verdict, now: Verdict) -> String {
    let word = |verdict| words::verdict_title(verdict).to_lowercase();
    if before == now {
        format!("{} both times", word(now))
    } else {
        format!("{} then, {} now", word(before), word(now))
    }
}

/// Targets that were met by less than a hundredth of the target: those to watch.
fn narrow(facts: &Facts<'_>, lines: &[ResultLine], currency: &str) -> Option<Insight> {
    let of_line = |line: &KpiLine| {
        let spec = facts.terms.and_then(|terms| terms.kpi(&line.name));
        let (value, target) =
            (line.value.as_deref()?.parse::<Decimal>().ok()?, line.target.as_deref()?.parse::<Decimal>().ok()?);
        let apart = (value - target).abs();
        let is_narrow =
            !target.is_zero() && apart.checked_div(target.abs())? < Decimal::new(1, 2) && line.upper.is_none();
        let unit = words::unit(line.kpi, line.variant, spec);
        let shown = figure(&shown_value(line.value.as_deref()?, &[line.target.as_deref()]), unit, currency);
        let aim = words::target_of(line, unit, currency);
        is_narrow.then(|| format!("{} ({shown} against {aim})", title_of(lines, &line.name)))
    };
    let met = facts.report.kpis.iter().filter(|line| line.verdict == Verdict::Met && !line.dry_run);
    let narrow: Vec<String> = met.filter_map(of_line).take(3).collect();
    (!narrow.is_empty())
        .then(|| insight_of(InsightKind::Narrow, format!("Met by less than a hundredth: {}.", list(&narrow))))
}

/// Tiers that missed their own target while the whole did not.
fn tiers(report: &SlaReportSpec, lines: &[ResultLine]) -> Option<Insight> {
    let hidden: Vec<String> = report
        .kpis
        .iter()
        .filter(|line| line.verdict == Verdict::Met)
        .flat_map(|line| line.tiers.iter().map(move |tier| (line, tier)))
        .filter(|(_, tier)| tier.verdict == Verdict::Missed)
        .map(|(line, tier)| format!("{} of {}", title_of(lines, &line.name), tier.tier))
        .take(4)
        .collect();
    let sentence = || format!("Met as a whole, but missed for a tier: {}.", list(&hidden));
    (!hidden.is_empty()).then(|| insight_of(InsightKind::Tier, sentence()))
}

/// What to raise in the next review: what triggers ask for.
fn raise(report: &SlaReportSpec, lines: &[ResultLine]) -> Option<Insight> {
    let raised: Vec<String> = report
        .triggers
        .iter()
        .map(|trigger| {
            let because =
                trigger.kpi.as_deref().map(|kpi| format!(" for {}", title_of(lines, kpi))).unwrap_or_default();
            match trigger.then {
                TriggerConsequence::TerminationRight => format!("whether to use the right to terminate{because}"),
                TriggerConsequence::RectificationPlan => format!("the rectification plan{because}"),
                TriggerConsequence::Notify => format!("the trigger {}{because}", trigger.name),
            }
        })
        .take(4)
        .collect();
    (!raised.is_empty()).then(|| insight_of(InsightKind::Raise, format!("For the next review: {}.", list(&raised))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::contracts::{Case, flat, row, terms};
    use crate::domain::terms::contract_terms::Terms;
    use crate::view::report::fixtures::{line, march};

    /// Of 100 callers of each month, this many were answered in time; two KPIs read them.
    fn judged(months: &[i64], credits: &str) -> (Vec<SlaReportSpec>, crate::domain::terms::contract_terms::Terms) {
        let contract = "
            term: {start: 2026-01-01, end: 2026-12-31}
            feeds: [{name: acd, url: 'https://feeds.example'}]
            charges: {currency: GBP, amount: 100000, atRiskPercent: 5}
            ";
        let level = |target: u32, band: &str| {
            format!(
                "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {{target: {target}}}\nbands: [{{severity: Severe, {band}}}]"
            )
        };
        let terms = terms(
            &format!("{}{credits}", flat(contract)),
            &[("large", &level(80, "percent: 4")), ("small", &level(79, "percent: 2"))],
        );
        let rows = months.iter().enumerate().map(|(place, within)| {
            let month = format!("2026-{:02}", place + 1);
            let (start, end) = (format!("{month}-15T00:00Z"), format!("{month}-16T00:00Z"));
            row(&start, &end, &[("answeredWithin", *within), ("answered", 100)])
        });
        let case = Case::new(terms.clone(), rows.collect());
        let reports = case.judge("2026-12-01T00:00Z").into_reports();
        (reports.into_iter().filter(|report| report.kpis[0].evidence.rows > 0).collect(), terms)
    }

    fn facts<'a>(report: &'a SlaReportSpec, terms: Option<&'a Terms>, earlier: &'a [&'a SlaReportSpec]) -> Facts<'a> {
        Facts { namespace: "", name: "x", report, status: None, terms, earlier, evidence: None }
    }

    fn sentences(months: &[i64], credits: &str) -> Vec<String> {
        let (reports, terms) = judged(months, credits);
        let (last, earlier) = reports.split_last().unwrap();
        let earlier: Vec<&SlaReportSpec> = earlier.iter().rev().collect();
        let facts = facts(last, Some(&terms), &earlier);
        super::super::PeriodReport::of(&facts).insight.into_iter().map(|insight| insight.sentence).collect()
    }

    #[test]
    fn each_miss_says_what_less_would_be_owed_without_it_and_the_cap_is_seen() {
        // 4,000 and 2,000 are cut at 5,000: without the large one 2,000 are owed, without the small one 4,000.
        let found = sentences(&[85, 70], "");
        let title = "Service level";
        assert_eq!(
            found[..3],
            [
                format!("{title} was missed; had it alone met its target, £3,000.00 less would be owed."),
                format!("{title} was missed; had it alone met its target, £1,000.00 less would be owed."),
                "The misses came to £6,000.00; the caps took £1,000.00 and left £5,000.00.".to_owned(),
            ]
        );
        assert_eq!(found[3], "Service level fell behind most: from 85% in January 2026 to 70%, met then, missed now.");
    }

    #[test]
    fn points_are_priced_by_the_table_of_the_contract() {
        let (_, mut terms) =
            judged(&[70], "credits: {points: {table: [{points: 5, percent: 1}, {points: 10, percent: 3}]}}");
        for (name, points) in [("large", 7), ("small", 3)] {
            terms.kpis.get_mut(name).unwrap().bands =
                vec![serde_json::from_value(serde_json::json!({"severity": "Severe", "points": points})).unwrap()];
        }
        let rows = vec![row("2026-01-15T00:00Z", "2026-01-16T00:00Z", &[("answeredWithin", 70), ("answered", 100)])];
        let reports: Vec<SlaReportSpec> =
            Case::new(terms.clone(), rows).judge("2026-03-01T00:00Z").into_reports().into_iter().take(1).collect();
        let facts = facts(&reports[0], Some(&terms), &[]);
        // Ten points cost 3 %; without the seven none, without the three the row from five points on: 1 %.
        let saved: Vec<Option<String>> = reports[0]
            .kpis
            .iter()
            .map(|line| saved_without(&facts, line).map(|saved| saved.normalize().to_string()))
            .collect();
        assert_eq!(saved, [Some("3000".to_owned()), Some("2000".to_owned())]);
        // Other terms than those of the report: nothing is said of money.
        let mut other = terms.clone();
        other.contract.charges.as_mut().unwrap().at_risk_percent = Some("0.1".parse().unwrap());
        let facts = Facts { terms: Some(&other), ..facts };
        assert_eq!(saved_without(&facts, &reports[0].kpis[0]), None);
    }

    #[test]
    fn runs_narrow_results_and_what_to_raise_have_their_sentences() {
        let found = sentences(&[70, 70, 70], "");
        assert!(
            found.contains(
                &"Service level has missed its target three periods in a row, since January 2026.".to_owned()
            ),
            "{found:?}"
        );
        let found = sentences(&[70, 80], "");
        assert!(
            found
                .iter()
                .any(|it| it.starts_with("Met by less than a hundredth: Service level (80% against ≥\u{a0}80%)")),
            "{found:?}"
        );
        assert!(
            found.contains(
                &"Service level got better most: from 70% in January 2026 to 80%, missed then, met now.".to_owned()
            ),
            "{found:?}"
        );
        let report = march();
        let facts = facts(&report, None, &[]);
        let lines = super::super::lines::lines(&facts, "GBP");
        let found = insight(&facts, &lines, "GBP");
        assert_eq!(
            found.last().map(|it| it.sentence.as_str()),
            Some("For the next review: the rectification plan for Service level.")
        );
        // Without terms nothing is computed: only what the report says.
        assert_eq!(found[0].sentence, "Service level took 7 points.");
    }

    #[test]
    fn a_tier_that_was_missed_behind_a_target_that_was_met_is_named() {
        let mut report = march();
        let tier = serde_json::from_value(
            serde_json::json!({"tier": "platinum", "value": "70", "target": "90", "verdict": "Missed"}),
        );
        report.kpis = vec![KpiLine {
            verdict: Verdict::Met,
            severity: None,
            tiers: vec![tier.unwrap()],
            ..line("sl", "95", "80")
        }];
        let facts = facts(&report, None, &[]);
        let lines = super::super::lines::lines(&facts, "GBP");
        let found = tiers(&report, &lines).unwrap();
        assert_eq!(found.sentence, "Met as a whole, but missed for a tier: Service level of platinum.");
    }
}
