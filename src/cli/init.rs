//! `kubectl bpo init`: six questions, or flags, and out comes a contract with KPIs, tiers and a feed that lints clean.

use std::fmt::Write;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::answer::{Answer, lines};
use super::manifests::{Manifests, parse};
use super::{lint, streams};
use crate::domain::terms::spelling::did_you_mean;

mod kpis;

/// The flags of `kubectl bpo init`. What is not given is asked on a terminal.
#[derive(Debug, Default, Args)]
pub struct InitArguments {
    /// Who serves, such as "Acme Contact Services"
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,

    /// The IANA zone in which days, months and service hours are meant, such as Europe/London
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,

    /// When service is owed: always, or DAYS FROM-TO with daily, weekdays or a range of days: "weekdays 08:00-20:00", "Monday-Saturday 09:00-18:00"
    #[arg(long, value_name = "HOURS")]
    hours: Option<String>,

    /// What matters: speed, resolution, satisfaction, sales; several with commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    matters: Vec<String>,

    /// What a miss costs: none, or the charges of a month such as "GBP 100000", of which a tenth is at risk
    #[arg(long, value_name = "CHARGES")]
    money: Option<String>,

    /// How the vendor publishes its figures: native (bpo-feed/v1), json, csv, or prometheus
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    /// Name of the contract. Default: after the vendor
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// First day of the contract. Default: the first day of the next month
    #[arg(long, value_name = "DATE")]
    start: Option<Date>,

    /// The file to write, which must not exist yet. Default: standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What matters in a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Matter {
    /// That people are answered fast.
    Speed,
    /// That their issue is solved at once.
    Resolution,
    /// What they think of it.
    Satisfaction,
    /// What they buy, and keep.
    Sales,
}

/// How a vendor publishes its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// The native format, `bpo-feed/v1`.
    Native,
    /// JSON of any shape.
    Json,
    /// A CSV export.
    Csv,
    /// A Prometheus server.
    Prometheus,
}

/// All answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    vendor: String,
    name: String,
    zone: String,
    /// The serviceHours of the calendar; `None`: always.
    hours: Option<ServiceHours>,
    matters: Vec<Matter>,
    /// Currency and charges of a month.
    money: Option<(String, String)>,
    source: Source,
    start: Date,
}

#[derive(Clone, Debug)]
struct ServiceHours {
    days: Vec<&'static str>,
    from: String,
    to: String,
}

/// Asks what is missing, and writes the manifests.
pub fn run(arguments: &InitArguments) -> Answer {
    let now = crate::clock::Clock::real().now();
    let mut ask = Ask { is_terminal: std::io::stdin().is_terminal() };
    let answers = answers(arguments, &mut ask, now).map_err(|wrong| vec![wrong])?;
    let text = manifests(&answers);
    check(&text, now)?;
    match &arguments.file {
        None => streams::print(&text)?,
        Some(file) => {
            write_new(file, &text).map_err(|error| vec![format!("{}: {error}", file.display())])?;
            streams::warn(format_args!(
                "{} holds contract {}: read it, correct the addresses, then `kubectl apply -f {}`",
                file.display(),
                answers.name,
                file.display()
            ));
        }
    }
    Ok(0)
}

fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    let mut created = std::fs::OpenOptions::new().write(true).create_new(true).open(file)?;
    created.write_all(text.as_bytes())
}

/// The manifests are checked as `lint` checks them: an answer that cannot be meant is reported before anything is written.
fn check(text: &str, now: Timestamp) -> Result<(), Vec<String>> {
    let read: Manifests = parse(text, Path::new("the contract")).map_err(|problems| lines(&problems))?;
    let found = lint::lint(&read, now);
    if found.mistakes.is_empty() { Ok(()) } else { Err(lines(&found.mistakes)) }
}

/// Who answers what no flag says.
struct Ask {
    is_terminal: bool,
}

impl Ask {
    /// The flag, or else the answer to a question; an empty answer is the default.
    fn answer(&mut self, flag: Option<&str>, name: &str, question: &str, default: &str) -> Result<String, String> {
        if let Some(given) = flag {
            return Ok(given.to_owned());
        }
        if !self.is_terminal {
            return Err(format!(
                "--{name} is missing, and there is no terminal to ask on: write it, such as --{name} {default:?}"
            ));
        }
        streams::prompt(format_args!("{question} [{default}]: "));
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
        let line = line.trim();
        Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
    }
}

fn answers(arguments: &InitArguments, ask: &mut Ask, now: Timestamp) -> Result<Answers, String> {
    let matters = arguments.matters.join(",");
    let matters = (!matters.is_empty()).then_some(matters.as_str());
    let vendor = ask.answer(arguments.vendor.as_deref(), "vendor", "Who serves?", "Acme Contact Services")?;
    let zone = ask.answer(arguments.zone.as_deref(), "zone", "In which time zone?", "Europe/London")?;
    let hours = "When is service owed (always, or DAYS FROM-TO)?";
    let hours = ask.answer(arguments.hours.as_deref(), "hours", hours, "weekdays 08:00-20:00")?;
    let question = "What matters (speed, resolution, satisfaction, sales; several with commas)?";
    let matters = ask.answer(matters, "matters", question, "speed,satisfaction")?;
    let question = "What does a miss cost (none, or the charges of a month)?";
    let money = ask.answer(arguments.money.as_deref(), "money", question, "none")?;
    let question = "How does the vendor publish its figures (native, json, csv, prometheus)?";
    let source = ask.answer(arguments.source.as_deref(), "source", question, "native")?;
    let name = arguments.name.clone().unwrap_or_else(|| slug(&vendor));
    let start = match arguments.start {
        Some(start) => start,
        None => next_month(now)?,
    };
    Ok(Answers {
        name,
        hours: read_hours(&hours)?,
        matters: read_matters(&matters)?,
        money: read_money(&money)?,
        source: one_of("source", &source)?,
        vendor,
        zone,
        start,
    })
}

fn next_month(now: Timestamp) -> Result<Date, String> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    today.first_of_month().checked_add(1.month()).map_err(|error| error.to_string())
}

/// A name for the contract: the vendor's in small letters, digits and dashes.
fn slug(vendor: &str) -> String {
    let mut name = String::new();
    for letter in vendor.chars() {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let cut: String = name.chars().take(30).collect();
    let cut = cut.trim_matches('-');
    if cut.is_empty() { "contract".to_owned() } else { cut.to_owned() }
}

fn one_of<T: ValueEnum>(flag: &str, written: &str) -> Result<T, String> {
    let written = written.trim();
    T::from_str(written, true).map_err(|_| {
        let known: Vec<String> =
            T::value_variants().iter().filter_map(|one| Some(one.to_possible_value()?.get_name().to_owned())).collect();
        let shown: String = written.chars().take(40).collect();
        format!(
            "--{flag}: {shown:?} is none of {}{}",
            known.join(", "),
            did_you_mean(written, known.iter().map(String::as_str))
        )
    })
}

fn read_matters(written: &str) -> Result<Vec<Matter>, String> {
    let mut matters = written.split(',').map(|one| one_of("matters", one)).collect::<Result<Vec<Matter>, String>>()?;
    matters.sort_unstable();
    matters.dedup();
    Ok(matters)
}

fn read_money(written: &str) -> Result<Option<(String, String)>, String> {
    if written.trim().eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let wrong = || {
        let shown: String = written.chars().take(40).collect();
        format!(
            "--money: {shown:?} is not a currency and the charges of a month: write them such as \"GBP 100000\", or none"
        )
    };
    let (currency, amount) = written.trim().split_once(' ').ok_or_else(wrong)?;
    let is_amount = amount.parse::<rust_decimal::Decimal>().is_ok_and(|amount| amount > rust_decimal::Decimal::ZERO);
    if !is_amount || currency.len() != 3 {
        return Err(wrong());
    }
    Ok(Some((currency.to_ascii_uppercase(), amount.to_owned())))
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn read_hours(written: &str) -> Result<Option<ServiceHours>, String> {
    let written = written.trim();
    if written.eq_ignore_ascii_case("always") {
        return Ok(None);
    }
    let wrong = || {
        let shown: String = written.chars().take(40).collect();
        format!(
            "--hours: {shown:?} cannot be read: write always, or days and times such as \"weekdays 08:00-20:00\" or \"Monday-Saturday 09:00-18:00\""
        )
    };
    let (days, times) = written.split_once(' ').ok_or_else(wrong)?;
    let (from, to) = times.trim().split_once('-').ok_or_else(wrong)?;
    let place = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let (first, last) = match days.to_ascii_lowercase().as_str() {
        "daily" => (0, 6),
        "weekdays" => (0, 4),
        other => {
            let (first, last) = other.split_once('-').unwrap_or((other, other));
            place(first).zip(place(last)).filter(|(first, last)| first <= last).ok_or_else(wrong)?
        }
    };
    let days = DAYS.iter().skip(first).take(last + 1 - first).copied().collect();
    Ok(Some(ServiceHours { days, from: from.trim().to_owned(), to: to.trim().to_owned() }))
}

/// A text as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The manifests: the contract, its tiers, its KPIs.
pub(super) fn manifests(answers: &Answers) -> String {
    let mut text = String::from(
        "# Written by `kubectl bpo init`. What says \"correct\" is a guess: correct it, then run `kubectl bpo lint -f` on this file.\n",
    );
    text.push_str(&contract(answers));
    text.push_str(&tiers(answers));
    for kpi in kpis::chosen(answers) {
        text.push_str(&kpi);
    }
    text
}

fn contract(answers: &Answers) -> String {
    let Answers { name, vendor, zone, hours, money, start, .. } = answers;
    let end = start.checked_add(1.year()).and_then(|end| end.checked_sub(1.day())).unwrap_or(*start);
    let mut text = format!(
        "apiVersion: bpo-operator.io/v1alpha1\nkind: VendorContract\nmetadata:\n  name: {name}\nspec:\n  vendor: {{name: {}}}\n  term: {{start: {start}, end: {end}, notice: 90d}}\n  timeZone: {}\n",
        quoted(vendor),
        quoted(zone),
    );
    if let Some(ServiceHours { days, from, to }) = hours {
        let days = days.join(", ");
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  calendar:\n    serviceHours: [{{days: [{days}], from: {}, to: {}}}]",
            quoted(from),
            quoted(to)
        );
        text.push_str("    # holidays: [{date: 2026-12-25, name: Christmas Day}]\n");
    }
    text.push_str("  goals:\n    - {name: keep-customers, outcome: Retention}\n");
    if answers.matters.contains(&Matter::Sales) {
        text.push_str("    - {name: sell-what-stays-sold, outcome: RevenuePerCustomer}\n");
    }
    let _ = writeln!(text, "  tiers: [{name}-key, {name}-standard]");
    text.push_str(&kpis::feed(answers));
    if let Some((currency, amount)) = money {
        let _ = writeln!(text, "  charges: {{currency: {currency}, amount: {}, atRiskPercent: 10}}", quoted(amount));
        text.push_str("  credits: {yearCapPercent: 5}\n");
    }
    text.push_str(concat!(
        "  contacts:                             # correct: who answers on either side\n",
        "    - {name: service-owner, party: Client, deputy: account-manager}\n",
        "    - {name: account-manager, party: Vendor, deputy: service-owner}\n",
        "  escalation:\n",
        "    - {level: 1, after: 0h, causes: [Missed, AtRisk, FeedFailing], contacts: [account-manager], respond: 4bh}\n",
        "    - {level: 2, after: 2bd, causes: [Missed, Overdue], contacts: [service-owner]}\n",
        "  reviews:\n",
        "    - {name: monthly, cadence: Monthly, grace: 5bd}\n",
        "  engagement: {minimumSharePercent: 25}\n",
    ));
    text
}

/// Two tiers by what customers are worth, with what each is owed.
fn tiers(answers: &Answers) -> String {
    let (name, currency) = (&answers.name, answers.money.as_ref().map_or("GBP", |(currency, _)| currency.as_str()));
    let target = |target: i64| {
        let has_level = answers.matters.contains(&Matter::Speed);
        if has_level { format!("  targets: [{{kpi: ServiceLevel, target: {target}}}]\n") } else { String::new() }
    };
    let tier = |which: &str, rank: i64, value: &str, more: String, priority: i64| {
        format!(
            "---\napiVersion: bpo-operator.io/v1alpha1\nkind: ServiceTier\nmetadata:\n  name: {name}-{which}\nspec:\n  rank: {rank}\n  customerValue: {{measure: LifetimeValue, currency: {currency}, {value}}}    # correct\n{more}  entitlements: {{channels: [Voice, Chat], routingPriority: {priority}, handlingTime: Standard, selfService: Preferred}}\n"
        )
    };
    tier("key", 1, "atLeast: 1000", target(85), 100) + &tier("standard", 2, "atLeast: 0, below: 1000", target(80), 50)
}

#[cfg(test)]
mod tests;
