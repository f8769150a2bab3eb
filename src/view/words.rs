//! Figures, money, periods and names as people write them in a document.
//!
//! Figures come as the decimal texts of a report. A text that is not a decimal is shown as it is, never replaced.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::api::cross_check::{SourceParty, SourcesFinding, SourcesLine};
use crate::api::kpi_target::{CatalogueKpi, FormulaUnit, KpiTargetSpec, KpiVariant, Verdict};
use crate::api::sla_report::KpiLine;
use crate::api::tally::TallyEach;
use crate::api::verdict::{Comparison, Rating};

/// A space that keeps a figure and its unit on one line.
const NARROW: char = '\u{a0}';

/// How many decimals a figure without an agreed rounding is shown with, unless the target needs more.
const USUAL_DECIMALS: u32 = 1;

/// The KPI's name as people say it: `First contact resolution`; a custom KPI has only the name of its object.
pub fn kpi_title(kpi: CatalogueKpi, object: &str) -> String {
    match kpi {
        CatalogueKpi::Custom => object.to_owned(),
        CatalogueKpi::IvrContainment => "IVR containment".to_owned(),
        other => sentence_case(&other.to_string()),
    }
}

/// The variant as people say it.
pub fn variant_title(variant: KpiVariant) -> String {
    sentence_case(&variant.to_string())
}

/// `RequiresImprovement` as `Requires improvement`.
pub fn rating_title(rating: Rating) -> &'static str {
    match rating {
        Rating::Good => "Good",
        Rating::ApproachingTarget => "Approaching target",
        Rating::RequiresImprovement => "Requires improvement",
        Rating::Inadequate => "Inadequate",
        Rating::Other => "Other",
    }
}

/// The verdict as people say it.
pub fn verdict_title(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "Met",
        Verdict::Missed => "Missed",
        Verdict::Excused => "Excused",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::InsufficientVolume => "Too few cases",
        Verdict::NoData => "No data",
        Verdict::NotMeasured => "Not measured",
    }
}

fn sentence_case(camel: &str) -> String {
    let mut text = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
            text.push(letter.to_ascii_lowercase());
        } else {
            text.push(letter);
        }
    }
    text
}

/// The unit of a KPI: the formula's of a custom one, else the catalogue's. A tally counts its parts.
pub fn unit(kpi: CatalogueKpi, variant: Option<KpiVariant>, spec: Option<&KpiTargetSpec>) -> FormulaUnit {
    match kpi {
        _ if spec.is_some_and(|spec| spec.tally.is_some()) => FormulaUnit::Count,
        CatalogueKpi::Custom => {
            spec.and_then(|spec| spec.formula.as_ref()).and_then(|formula| formula.unit).unwrap_or(FormulaUnit::Percent)
        }
        kpi => crate::domain::terms::catalogue::unit(kpi, variant),
    }
}

/// A figure with its unit: `66.3%`, `41 s`, `1,204`.
pub fn figure(value: &str, unit: FormulaUnit, currency: &str) -> String {
    match unit {
        FormulaUnit::Percent => format!("{}%", thousands(value)),
        FormulaUnit::Seconds => format!("{}{NARROW}s", thousands(value)),
        FormulaUnit::Money => money(value, currency),
        FormulaUnit::Count | FormulaUnit::Score | FormulaUnit::Points => thousands(value),
    }
}

/// The value of a line with as few decimals as it needs: those that it has, at most one where no rounding was agreed, and more
/// where the shown figure would otherwise lie on the wrong side of its target or upon it.
pub fn shown_value(value: &str, edges: &[Option<&str>]) -> String {
    let Ok(exact) = value.parse::<Decimal>() else { return value.to_owned() };
    if exact.scale() <= USUAL_DECIMALS {
        return value.to_owned();
    }
    let edges: Vec<Decimal> = edges.iter().flatten().filter_map(|edge| edge.parse().ok()).collect();
    let short = (USUAL_DECIMALS..exact.scale())
        .map(|decimals| exact.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
        .find(|short| edges.iter().all(|edge| short.cmp(edge) == exact.cmp(edge)));
    short.unwrap_or(exact).to_string()
}

/// A target in short: `≥ 80%`, `180–240 s`.
pub fn target(
    comparison: Comparison,
    target: Option<&str>,
    upper: Option<&str>,
    unit: FormulaUnit,
    currency: &str,
) -> String {
    let Some(target) = target else { return "none".to_owned() };
    let shown = figure(&plain(target), unit, currency);
    match comparison {
        Comparison::AtLeast => format!("≥{NARROW}{shown}"),
        Comparison::MoreThan => format!(">{NARROW}{shown}"),
        Comparison::AtMost => format!("≤{NARROW}{shown}"),
        Comparison::LessThan => format!("<{NARROW}{shown}"),
        Comparison::Between => {
            let upper = upper.map_or_else(|| "…".to_owned(), |upper| figure(&plain(upper), unit, currency));
            format!("{}–{upper}", thousands(&plain(target)))
        }
    }
}

/// The target of a report's line: `≥ 80% in 20 s`, or `≤ 2 days not ≥ 80%` of a tally.
pub fn target_of(line: &KpiLine, unit: FormulaUnit, currency: &str) -> String {
    let count = |unit| target(line.comparison, line.target.as_deref(), line.upper.as_deref(), unit, currency);
    let Some(basis) = &line.basis else { return count(unit) };
    let word = if line.kpi == CatalogueKpi::LongWaitRate { "beyond" } else { "in" };
    let within = basis.within.map(|within| format!(" {word} {within}")).unwrap_or_default();
    match &basis.tally {
        None => format!("{}{within}", count(unit)),
        Some(rule) => {
            let parts = match rule.each {
                TallyEach::Day => "days",
                TallyEach::Week => "weeks",
                TallyEach::Month => "months",
            };
            let each = target(rule.comparison, Some(&rule.target), None, rule.unit, currency);
            format!("{} {parts} not {each}{within}", count(FormulaUnit::Count))
        }
    }
}

/// What two sources say, such as `vendor 81.2, client 78.4, 2.8 apart: they disagree, the client's is judged`.
pub fn sources(sources: &SourcesLine) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "no value".to_owned(), plain);
    let apart = sources.difference.as_deref().map(|apart| format!(", {} apart", plain(apart))).unwrap_or_default();
    let found = match sources.finding {
        SourcesFinding::Agree => "they agree",
        SourcesFinding::Disagree => "they disagree",
        SourcesFinding::OneSource => "too little to compare",
        SourcesFinding::NoData => "no data",
    };
    let judged = match sources.judged {
        SourceParty::Vendor => "the vendor's is judged",
        SourceParty::Own => "the client's is judged",
    };
    format!("vendor {}, client {}{apart}: {found}, {judged}", value(&sources.vendor), value(&sources.own))
}

/// A decimal without zeros at its end.
fn plain(text: &str) -> String {
    text.parse::<Decimal>().map_or_else(|_| text.to_owned(), |value| value.normalize().to_string())
}

/// A decimal with commas between thousands and a true minus: `−1,234.50`.
pub fn thousands(text: &str) -> String {
    if text.parse::<Decimal>().is_err() {
        return text.to_owned();
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (digits, String::new()),
    };
    let mut grouped = String::with_capacity(text.len() + 6);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

/// An amount with the sign of its currency, where that is unmistakable, else its code: `£5,000.00`, `CHF 5,000.00`.
pub fn money(amount: &str, currency: &str) -> String {
    let shown = thousands(amount);
    let (sign, digits) = match shown.strip_prefix('−') {
        Some(digits) => ("−", digits),
        None => ("", shown.as_str()),
    };
    match currency {
        "GBP" => format!("{sign}£{digits}"),
        "EUR" => format!("{sign}€{digits}"),
        "USD" => format!("{sign}${digits}"),
        "" => shown,
        code => format!("{sign}{code}{NARROW}{digits}"),
    }
}

/// An amount at a glance: without the digits after the point where they are zeros: `£5,000`, `£12.50`.
pub fn money_at_a_glance(amount: &str, currency: &str) -> String {
    let whole = amount.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    money(whole.map_or(amount, |(whole, _)| whole), currency)
}

/// Whether a decimal text is zero, or no decimal at all.
pub fn is_zero(amount: &str) -> bool {
    amount.parse::<Decimal>().map_or(true, |amount| amount.is_zero())
}

/// The period in words: `March 2026`, `week 7 of 2026`, `quarter 1 of 2026`; names of other forms as they are.
pub fn period_title(name: &str) -> String {
    let parts = name.split_once('-').and_then(|(year, rest)| Some((year, year.parse::<i16>().ok()?, rest)));
    let Some((year, number, rest)) = parts else { return name.to_owned() };
    if let Ok(month) = rest.parse::<i8>()
        && let Ok(first) = Date::new(number, month, 1)
    {
        return first.strftime("%B %Y").to_string();
    }
    match (rest.strip_prefix('W'), rest.strip_prefix('Q'), rest.strip_prefix('H')) {
        (Some(week), ..) => format!("week {} of {year}", week.trim_start_matches('0')),
        (_, Some(quarter), _) => format!("quarter {quarter} of {year}"),
        (.., Some(half)) => format!("half-year {half} of {year}"),
        _ => name.to_owned(),
    }
}

/// A small number in words, as it begins or continues a sentence: `four`; larger ones as digits.
pub fn number_word(count: usize) -> String {
    const WORDS: [&str; 13] =
        ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    WORDS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// The text with a capital letter at its beginning.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `1 point`, `2 points`.
pub fn points(count: i64) -> String {
    if count == 1 { "1 point".to_owned() } else { format!("{count} points") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_unit_and_commas() {
        let cases = [
            ("66.3", FormulaUnit::Percent, "66.3%"),
            ("-12.5", FormulaUnit::Percent, "−12.5%"),
            ("41", FormulaUnit::Seconds, "41\u{a0}s"),
            ("1234567.5", FormulaUnit::Count, "1,234,567.5"),
            ("5000.00", FormulaUnit::Money, "£5,000.00"),
            ("not a number", FormulaUnit::Count, "not a number"),
        ];
        for (value, unit, shown) in cases {
            assert_eq!(figure(value, unit, "GBP"), shown, "{value}");
        }
        assert_eq!(money("-1000.00", "USD"), "−$1,000.00");
        assert_eq!(money_at_a_glance("-1000.00", "USD"), "−$1,000");
        assert_eq!(money_at_a_glance("1000.50", "EUR"), "€1,000.50");
        assert_eq!(money("1000.00", "CHF"), "CHF\u{a0}1,000.00");
    }

    #[test]
    fn periods_of_every_length_have_a_title() {
        let cases = [
            ("2026-03", "March 2026"),
            ("2026-W07", "week 7 of 2026"),
            ("2026-Q1", "quarter 1 of 2026"),
            ("2026-H2", "half-year 2 of 2026"),
            ("2026", "2026"),
            ("FY2027-Q1", "FY2027-Q1"),
            ("CY1", "CY1"),
            ("2026-13", "2026-13"),
        ];
        for (name, title) in cases {
            assert_eq!(period_title(name), title, "{name}");
        }
    }

    #[test]
    fn a_value_close_to_its_target_keeps_the_decimals_that_tell_them_apart() {
        let cases = [
            ("85.917121", "80", "85.9"),
            ("79.96", "80", "79.96"),
            ("79.996", "80", "79.996"),
            ("80.04", "80", "80.04"),
            ("80.000000", "80", "80.0"),
            ("66.3", "80", "66.3"),
        ];
        for (value, target, shown) in cases {
            assert_eq!(shown_value(value, &[Some(target), None]), shown, "{value} against {target}");
        }
    }

    #[test]
    fn lists_and_names_read_as_sentences() {
        let items = |names: &[&str]| list(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(items(&[]), "");
        assert_eq!(items(&["a", "b", "c"]), "a, b and c");
        assert_eq!(kpi_title(CatalogueKpi::FirstContactResolution, "x"), "First contact resolution");
        assert_eq!(kpi_title(CatalogueKpi::Custom, "complaints"), "complaints");
    }
}
