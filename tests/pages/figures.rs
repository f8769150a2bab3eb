//! A report's page against its SlaReport: every figure of the one is on the other, and no figure on the page is without a source.

use std::collections::{BTreeMap, BTreeSet};

use bpo_operator::api::SlaReportSpec;
use bpo_operator::api::sla_report::KpiLine;
use bpo_operator::api::verdict::{Comparison, Verdict};
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::view::links::Links;
use bpo_operator::view::report::{self, PeriodReport, earlier};
use bpo_operator::view::words::kpi_title;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::judged::{LATER, folders, judged};

/// A report's page, and what it is made from.
struct Shown {
    name: String,
    spec: SlaReportSpec,
    earlier: Vec<SlaReportSpec>,
    terms: Option<Terms>,
    page: String,
}

/// The page of every report of the examples in which there are rows.
fn shown() -> Vec<Shown> {
    let mut found = Vec::new();
    for folder in folders() {
        let view = judged(&folder, LATER);
        for (namespace, name, spec) in &view.reports {
            if spec.kpis.iter().all(|line| line.evidence.rows == 0) {
                continue;
            }
            let judged = view.judged.get(&(namespace.clone(), spec.contract.clone()));
            let terms = judged.map(|judged| judged.terms.as_ref().clone());
            let before = earlier(view.reports.iter().map(|(.., spec)| spec), spec);
            let facts = report::Facts {
                namespace,
                name,
                report: spec,
                status: None,
                terms: terms.as_ref(),
                earlier: &before,
                evidence: None,
            };
            let page = report::html(&PeriodReport::of(&facts), Links::None);
            let earlier = before.into_iter().take(3).cloned().collect();
            found.push(Shown { name: name.clone(), spec: spec.clone(), earlier, terms, page });
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

/// The numbers in a text, in order, without commas and units: `£1,930.50 of −2` holds 1930.50 and -2.
fn numbers(text: &str) -> Vec<Decimal> {
    let letters: Vec<char> = text.chars().collect();
    let is_digit = |place: usize| letters.get(place).is_some_and(char::is_ascii_digit);
    let mut found = Vec::new();
    let mut place = 0;
    while place < letters.len() {
        if !is_digit(place) {
            place += 1;
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| letters.get(before)).copied();
        let sign_of_money = before.is_some_and(|letter| "£$€¥".contains(letter));
        let sign =
            if sign_of_money { place.checked_sub(2).and_then(|sign| letters.get(sign)).copied() } else { before };
        let mut number = String::new();
        if sign == Some('−') {
            number.push('-');
        }
        while is_digit(place) || (matches!(letters.get(place), Some('.' | ',')) && is_digit(place + 1)) {
            if letters[place] != ',' {
                number.push(letters[place]);
            }
            place += 1;
        }
        match number.parse::<Decimal>() {
            Ok(number) => found.push(number.normalize()),
            // A text such as 1.2.3 is a version or a clause, and no figure.
            Err(_) => continue,
        }
    }
    found
}

/// The first number of a text.
fn number(text: &str) -> Option<Decimal> {
    numbers(text).first().copied()
}

/// The text of a piece of a page.
fn text_of(markup: &str) -> String {
    let mut out = String::new();
    let mut rest = markup;
    while let Some((text, tag)) = rest.split_once('<') {
        out.push_str(text);
        out.push(' ');
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let out = out
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The pieces of a page between two marks, the shortest ones.
fn pieces<'p>(page: &'p str, begin: &str, end: &str) -> Vec<&'p str> {
    page.split(begin).skip(1).filter_map(|piece| piece.split_once(end)).map(|(piece, _)| piece).collect()
}

/// The section of a title.
fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let sections = pieces(page, "<section", "</section>");
    let of_title = sections.into_iter().find(|section| section.contains(&format!("</span>{title}</h2>")));
    of_title.unwrap_or_else(|| panic!("the page has no section {title}"))
}

/// The rows of a table's body: what each cell is called, and its text. The head of the row is called `row`.
fn rows(table: &str) -> Vec<BTreeMap<String, String>> {
    let bodies = pieces(table, "<tbody", "</tbody>");
    let cells = |row: &&str| {
        let mut cells = BTreeMap::new();
        for (mark, end) in [("<th", "</th>"), ("<td", "</td>")] {
            for (place, cell) in pieces(row, mark, end).into_iter().enumerate() {
                let (attributes, content) = cell.split_once('>').unwrap();
                let label = pieces(attributes, "data-label=\"", "\"").first().map(|label| (*label).to_owned());
                let name =
                    label.unwrap_or_else(|| if mark == "<th" { "row".to_owned() } else { format!("cell {place}") });
                cells.insert(name, text_of(content));
            }
        }
        cells
    };
    bodies.iter().flat_map(|body| pieces(body, "<tr", "</tr>")).map(|row| cells(&row)).collect()
}

/// Whether a shown figure is the source's, to the decimals that it is shown with.
fn is_equal(shown: Option<Decimal>, source: Option<&str>) -> bool {
    let source = source.map(|source| source.parse::<Decimal>().unwrap());
    match (shown, source) {
        (None, None) => true,
        (Some(shown), Some(source)) => {
            (0..=6).any(|decimals| rounded(source, decimals) == shown) && (source - shown).abs() < Decimal::ONE
        }
        _ => false,
    }
}

fn rounded(number: Decimal, decimals: u32) -> Decimal {
    number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero).normalize()
}

/// What the page should say and does not.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn ensure(&mut self, holds: bool, name: &str, what: &str, shown: &str, source: Option<&str>) {
        if !holds {
            self.0.push(format!("{name}: {what}: the page says {shown:?}, the SlaReport {source:?}"));
        }
    }

    fn figure(&mut self, name: &str, what: &str, shown: &str, source: Option<&str>) {
        self.ensure(is_equal(number(shown), source), name, what, shown, source);
    }

    /// An amount; a dash is none.
    fn amount(&mut self, name: &str, what: &str, shown: &str, source: Option<&str>) {
        let source = source.filter(|source| source.parse::<Decimal>().unwrap() != Decimal::ZERO);
        self.figure(name, what, shown, source);
    }
}

/// The lines of a report in the order of the page's table of results.
fn in_order<'s>(shown: &'s Shown, results: &[BTreeMap<String, String>], wrong: &mut Wrong) -> Vec<&'s KpiLine> {
    let of_row = |row: &BTreeMap<String, String>| {
        let head = &row["row"];
        shown.spec.kpis.iter().find(|line| {
            let title = kpi_title(line.kpi, &line.name);
            // A dry run and a KPI that is only reported say so between title and name.
            head.starts_with(&title) && (title == line.name || head.ends_with(&format!(" {}", line.name)))
        })
    };
    let lines: Vec<&KpiLine> = results.iter().filter_map(of_row).collect();
    let names: BTreeSet<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let all = names.len() == shown.spec.kpis.len() && lines.len() == results.len();
    wrong.ensure(all, &shown.name, "its KPIs", &format!("{names:?}"), None);
    lines
}

fn walk_kpis(shown: &Shown, wrong: &mut Wrong) {
    let name = &shown.name;
    let results = rows(section(&shown.page, "Result"));
    let lines = in_order(shown, &results, wrong);
    let money = section(&shown.page, "From counts to money");
    let sums = rows(money.split_once("</table>").map_or(money, |(first, _)| first));
    for ((line, result), sum) in lines.iter().zip(&results).zip(&sums) {
        let what = |figure: &str| format!("{} {figure}", line.name);
        for row in [result, sum] {
            wrong.figure(name, &what("value"), &row["Value"], line.value.as_deref());
            wrong.figure(name, &what("points"), &row["Points"], Some(&line.points.to_string()));
            let edges = numbers(&row["Target"]);
            let upper = line.upper.as_ref().filter(|_| line.comparison == Comparison::Between);
            for edge in line.target.iter().chain(upper) {
                let held = edges.iter().any(|shown| is_equal(Some(*shown), Some(edge)));
                wrong.ensure(held, name, &what("target"), &row["Target"], Some(edge));
            }
        }
        let counts = numbers(&sum["Counts"]);
        let source: Vec<Decimal> = [&line.numerator, &line.denominator]
            .into_iter()
            .flatten()
            .map(|count| count.parse::<Decimal>().unwrap().normalize())
            .collect();
        wrong.ensure(counts == source, name, &what("counts"), &sum["Counts"], None);
        if line.raw_value != line.value {
            let raw = numbers(&sum["Value"]).last().copied();
            wrong.ensure(
                is_equal(raw, line.raw_value.as_deref()),
                name,
                &what("value before relief"),
                &sum["Value"],
                line.raw_value.as_deref(),
            );
        }
        let (credit, bonus) = sum["Credit"].split_once(" bonus ").unwrap_or((&sum["Credit"], "–"));
        wrong.amount(name, &what("credit"), credit, line.credit.as_deref());
        wrong.amount(name, &what("bonus"), bonus, line.bonus.as_deref());
    }
}

fn walk_account(shown: &Shown, wrong: &mut Wrong) {
    let (name, spec) = (&shown.name, &shown.spec);
    let keys: BTreeMap<String, String> = pieces(&shown.page, "<dl class=\"keys\">", "</dl>")
        .into_iter()
        .flat_map(|keys| pieces(keys, "<dt>", "</div>"))
        .map(|key| key.split_once("</dt>").unwrap())
        .map(|(key, rest)| (key.to_owned(), text_of(rest)))
        .collect();
    let score = &keys["Score"];
    if let Some(source) = &spec.score {
        wrong.figure(name, "score", score, Some(source));
    }
    let confidence = spec.confidence.as_deref().unwrap_or("0").parse::<Decimal>().unwrap();
    wrong.ensure(
        numbers(score).contains(&confidence.normalize()),
        name,
        "confidence",
        score,
        spec.confidence.as_deref(),
    );
    wrong.figure(name, "points", &keys["Service points"], Some(&spec.points.to_string()));
    let Some(credit) = &spec.credit else { return };
    wrong.figure(name, "credit at the top", &keys["Credit"], Some(&credit.net));
    let money = section(&shown.page, "From counts to money");
    let ledger = pieces(money, "<table class=\"ledger\">", "</table>");
    let lines: Vec<(String, String)> =
        rows(ledger[0]).into_iter().map(|row| (row["cell 0"].clone(), row["cell 1"].clone())).collect();
    let mut amount = |what: &str, source: &str| {
        let line = lines.iter().find(|(found, _)| found.starts_with(what));
        let shown = line.map_or("nothing", |(_, amount)| amount.as_str());
        wrong.figure(name, what, shown, Some(source));
    };
    amount("Before caps", &credit.before_caps);
    amount("Credit, owed by the vendor", &credit.net);
    amount("Bonus, owed by the client", &credit.bonus);
    amount("Earned back", &credit.earned_back);
    amount("Restated", &credit.restated);
    amount("Bonus restated", &credit.restated_bonus);
    if spec.points != 0 {
        amount("For ", &credit.from_points);
    }
    if let Some(year) = &spec.year_to_date {
        amount("Contract year to date", &year.credit);
        let (what, _) = lines.iter().find(|(what, _)| what.starts_with("Contract year to date")).unwrap();
        wrong.ensure(is_equal(number(what), year.cap.as_deref()), name, "the year's cap", what, year.cap.as_deref());
    }
    let of_kpis: Vec<&KpiLine> = spec
        .kpis
        .iter()
        .filter(|line| line.credit.as_deref().is_some_and(|credit| credit.parse::<Decimal>().unwrap() != Decimal::ZERO))
        .collect();
    for (line, (what, shown)) in of_kpis.iter().zip(&lines) {
        wrong.ensure(*what == kpi_title(line.kpi, &line.name), name, "a line of the account", what, Some(&line.name));
        wrong.figure(name, &format!("{} in the account", line.name), shown, line.credit.as_deref());
    }
}

fn walk_evidence(shown: &Shown, wrong: &mut Wrong) {
    let name = &shown.name;
    let evidence = rows(section(&shown.page, "Evidence, and how to check it"));
    for line in &shown.spec.kpis {
        let row = evidence.iter().find(|row| row["row"] == line.name);
        let is_there = row.is_some_and(|row| {
            numbers(&row["Rows"]) == [Decimal::from(line.evidence.rows)]
                && row.values().any(|cell| *cell == line.evidence.digest)
        });
        wrong.ensure(is_there, name, &line.name, &format!("{row:?}"), Some(&line.evidence.digest));
    }
}

#[test]
fn every_figure_of_a_report_is_on_its_page_and_equal() {
    let mut wrong = Wrong::default();
    for shown in shown() {
        walk_kpis(&shown, &mut wrong);
        walk_account(&shown, &mut wrong);
        walk_evidence(&shown, &mut wrong);
    }
    assert!(wrong.0.is_empty(), "{} figures differ:\n{}", wrong.0.len(), wrong.0.join("\n"));
}

/// All numbers in what a value holds, in its texts too.
fn collect(value: &Value, into: &mut BTreeSet<Decimal>) {
    match value {
        Value::Number(number) => into.extend(numbers(&number.to_string())),
        Value::String(text) => {
            into.extend(numbers(&text.replace('-', "−")).into_iter().flat_map(|number| [number, -number]))
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(fields) => {
            fields.keys().for_each(|key| into.extend(numbers(key)));
            fields.values().for_each(|item| collect(item, into));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn zone_of(shown: &Shown) -> TimeZone {
    let zone = shown.terms.as_ref().map_or("UTC", |terms| terms.contract.time_zone.as_str());
    TimeZone::get(zone).unwrap()
}

/// The instants of a report as clocks of the contract's zone show them.
fn local_times(shown: &Shown) -> BTreeSet<Decimal> {
    let zone = zone_of(shown);
    let local = |instant: Timestamp| numbers(&instant.to_zoned(zone.clone()).strftime("%Y %m %d %H %M").to_string());
    let SlaReportSpec { period, data_through, gaps, .. } = &shown.spec;
    let instants = [Some(period.start), Some(period.end), *data_through].into_iter().flatten();
    instants.chain(gaps.iter().flat_map(|gap| [gap.from, gap.to])).flat_map(local).collect()
}

/// What a reader counts and divides in the days and parts that a line lists: how many days, how many of them missed, how much of the whole each
/// part is, where weeks and months end, and the day in the middle, which the picture names. `last`: the last day of the period.
fn of_days_and_parts(line: &KpiLine, last: Date) -> BTreeSet<Decimal> {
    let (days, parts) = (line.days.lines(), line.parts.lines());
    let with_data = || days.iter().filter(|day| day.verdict != Verdict::NoData);
    let missed = with_data().filter(|day| day.verdict == Verdict::Missed).count();
    let mut found = BTreeSet::from([with_data().count(), missed, parts.len()].map(Decimal::from));
    let count = |text: Option<&String>| text.and_then(|text| text.parse::<Decimal>().ok()).unwrap_or_default();
    let whole = count(line.denominator.as_ref());
    if !whole.is_zero() {
        let shares = parts.iter().map(|part| count(part.denominator.as_ref()) * Decimal::ONE_HUNDRED / whole);
        found.extend(shares.map(|share| rounded(share, 1)));
    }
    if let Some(first) = with_data().next() {
        let middle = first.date + SignedDuration::from_hours(24 * i64::from((last - first.date).get_days() / 2));
        found.insert(Decimal::from(middle.day()));
    }
    for day in &days {
        let week = Decimal::from(day.date.iso_week_date().week());
        let before = day.date.yesterday().unwrap();
        found.extend([week, Decimal::from(before.day()), Decimal::from(before.month()), Decimal::from(before.year())]);
    }
    found
}

/// The figures that a reader of the SlaReport, of the three before it and of the terms can name: each as it is and rounded, and the
/// differences of two values of one KPI or of two amounts.
fn sources(shown: &Shown) -> BTreeSet<Decimal> {
    let mut exact = BTreeSet::new();
    for spec in [&shown.spec].into_iter().chain(&shown.earlier) {
        collect(&serde_json::to_value(spec).unwrap(), &mut exact);
    }
    collect(&serde_json::to_value(&shown.terms).unwrap(), &mut exact);
    collect(&Value::String(shown.name.clone()), &mut exact);
    exact.extend(local_times(shown));
    let mut pairs: Vec<Vec<Decimal>> = Vec::new();
    let decimals = |texts: Vec<Option<&String>>| -> Vec<Decimal> {
        texts.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
    };
    for line in &shown.spec.kpis {
        let same = shown.earlier.iter().flat_map(|spec| &spec.kpis).filter(|before| before.name == line.name);
        let values = [line].into_iter().chain(same);
        let texts = values.flat_map(|line| {
            [
                line.value.as_ref(),
                line.raw_value.as_ref(),
                line.target.as_ref(),
                line.upper.as_ref(),
                line.credit.as_ref(),
            ]
        });
        pairs.push(decimals(texts.collect()));
    }
    let amounts = [&shown.spec].into_iter().chain(&shown.earlier).filter_map(|spec| spec.credit.as_ref());
    pairs.push(decimals(
        amounts.flat_map(|credit| [Some(&credit.net), Some(&credit.before_caps), Some(&credit.from_points)]).collect(),
    ));
    for figures in pairs {
        exact.extend(figures.iter().flat_map(|one| figures.iter().map(move |other| *one - *other)));
    }
    let points = |spec: &SlaReportSpec| {
        spec.kpis.iter().map(|line| (line.name.clone(), line.points)).collect::<BTreeMap<_, _>>()
    };
    let now = points(&shown.spec);
    for before in shown.earlier.iter().map(points) {
        exact.extend(now.iter().filter_map(|(name, now)| Some(Decimal::from(now - before.get(name)?))));
    }
    let last = shown.spec.period.end.to_zoned(zone_of(shown)).date().yesterday().unwrap();
    exact.extend(shown.spec.kpis.iter().flat_map(|line| of_days_and_parts(line, last)));
    exact
        .iter()
        .flat_map(|number| (0..=6).map(|decimals| rounded(*number, decimals)))
        .flat_map(|number| [number, -number])
        .collect()
}

/// What people see and hear of a page, without the scales of its pictures: the numbers below a picture say where it begins and ends.
fn seen(page: &str) -> String {
    let (_, main) = page.split_once("<main").unwrap();
    let mut without = String::new();
    let mut heard = Vec::new();
    let mut rest = main;
    while let Some((before, picture)) = rest.split_once("<svg") {
        without.push_str(before);
        let (picture, after) = picture.split_once("</svg>").unwrap();
        heard.extend(pieces(picture, "aria-label=\"", "\""));
        rest = after;
    }
    without.push_str(rest);
    for number in 1..=9 {
        without = without.replace(&format!("<span class=\"no\">{number}</span>"), "");
    }
    let (before, rest) = without.split_once("<pre").unwrap_or((&without, ""));
    let after: String =
        rest.split("<pre").map(|piece| piece.split_once("</pre>").map_or("", |(_, after)| after)).collect();
    format!("{} {} {}", text_of(before), text_of(&after), text_of(&heard.join(" ; ")))
}

#[test]
fn no_figure_on_a_reports_page_is_without_a_source() {
    let mut wrong = Vec::new();
    for shown in shown() {
        let mut known = sources(&shown);
        // The scale of the score.
        known.insert(Decimal::ONE_HUNDRED);
        let meant = section(&shown.page, "What it means");
        let page = shown.page.replace(meant, "");
        let text = seen(&page);
        let strange: Vec<String> = numbers(&text)
            .into_iter()
            .filter(|number| !known.contains(number))
            .map(|number| number.to_string())
            .collect();
        if !strange.is_empty() {
            wrong.push(format!("{}: {}", shown.name, strange.join(", ")));
        }
        // What something would have cost is worked out by the rules of the contract; everything else is a figure of the report.
        for sentence in pieces(meant, "<li", "</li>").into_iter().map(text_of) {
            let is_a_cost = sentence.contains("less would be owed") || sentence.contains("would have");
            let strange = numbers(&sentence).into_iter().filter(|number| !known.contains(number)).count();
            if strange > usize::from(is_a_cost) {
                wrong.push(format!("{}: {sentence}", shown.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} pages hold figures without a source:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn numbers_are_read_as_people_read_them() {
    let decimals = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Decimal>>();
    for (text, expected) in [
        ("£1,930.50 of −2", &["1930.5", "-2"][..]),
        ("−£5,000.00, 6 points.", &["-5000", "6"]),
        ("≥\u{a0}80% in 20 s", &["80", "20"]),
        ("none", &[]),
    ] {
        assert_eq!(numbers(text), decimals(expected), "{text}");
    }
}
