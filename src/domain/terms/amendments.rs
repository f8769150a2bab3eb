//! Amendments: what changed from one version of a contract's terms to the next, and what of it reaches back into the running
//! period, since a period is judged whole by the terms in force when it closes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::calendar::Calendar;
use super::contract_terms::Terms;
use super::journal::{Amendment, Journal, JournalFact};
use super::periods::{Period, Periods};
use crate::api::vendor_contract::Advice;

/// The finding of the advice on a change that reaches back into the running period.
pub const TERMS_CHANGED: &str = "TermsChangedInPeriod";

/// Amendments of one change that are kept.
const MOST_AMENDMENTS: usize = 200;
/// Characters of a value that are kept.
const LONGEST_VALUE: usize = 256;
/// Members of a contract by which its periods are judged. The others, such as contacts or feeds, change no verdict.
const JUDGED_BY_CONTRACT: &[&str] = &[
    "term",
    "timeZone",
    "period",
    "fiscalYearStart",
    "closeAfter",
    "calendar",
    "tiers",
    "charges",
    "credits",
    "triggers",
    "restatements",
];
/// Members of a term that change no verdict.
const OF_TERM_ALONE: &[&str] = &["notice", "renewal"];
/// Members of a KpiTarget that change no verdict.
const BESIDE_A_KPI: &[&str] = &["contractRef", "goalRef", "owner", "benchmark", "warning", "suspend"];
/// Members that tell the items of a list apart, the first that all items have.
const KEYS: &[&str] = &["name", "severity", "date", "level", "points", "kpi", "from", "period", "party"];

/// What changed from one version of the terms to the next, seen at an instant; by kind, name and field.
pub fn amendments(was: &Terms, now: &Terms, at: Timestamp) -> Vec<Amendment> {
    let mut found = Vec::new();
    compare(&objects(was, None), &objects(now, None), &mut found);
    let today = Calendar::of(&now.contract).map_or(Date::MAX, |calendar| calendar.date_of(at));
    let mut reaching = Vec::new();
    compare(&objects(was, Some(today)), &objects(now, Some(today)), &mut reaching);
    for amendment in &mut found {
        // A KPI that is new had no judgement that could change.
        let is_new = amendment.field == "spec" && amendment.was.is_none();
        amendment.reaches_back = !is_new && reaching.iter().any(|other| other.place() == amendment.place());
    }
    found.truncate(MOST_AMENDMENTS);
    found
}

/// The objects of the terms by kind and name as JSON; with a day, as far as they decide how a period is judged that runs then:
/// what a schedule announces for a later day is left out.
fn objects(terms: &Terms, judging_on: Option<Date>) -> BTreeMap<(&'static str, String), Value> {
    // Terms were read from JSON, so they can be written as JSON.
    let value = |spec: serde_json::Result<Value>| spec.unwrap_or_default();
    let mut objects = BTreeMap::new();
    objects.insert(("VendorContract", String::new()), value(serde_json::to_value(&terms.contract)));
    for (name, spec) in &terms.kpis {
        objects.insert(("KpiTarget", name.clone()), value(serde_json::to_value(spec)));
    }
    for (name, spec) in &terms.tiers {
        objects.insert(("ServiceTier", name.clone()), value(serde_json::to_value(spec)));
    }
    if let Some(day) = judging_on {
        for ((kind, _), spec) in &mut objects {
            keep_what_judges(kind, spec, day);
        }
    }
    objects
}

fn keep_what_judges(kind: &str, spec: &mut Value, day: Date) {
    let Some(members) = spec.as_object_mut() else { return };
    match kind {
        "VendorContract" => {
            members.retain(|member, _| JUDGED_BY_CONTRACT.contains(&member.as_str()));
            if let Some(term) = members.get_mut("term").and_then(Value::as_object_mut) {
                term.retain(|member, _| !OF_TERM_ALONE.contains(&member.as_str()));
            }
        }
        "KpiTarget" => members.retain(|member, _| !BESIDE_A_KPI.contains(&member.as_str())),
        _ => members.retain(|member, _| member == "targets"),
    }
    forget_what_is_announced(members, day);
}

fn forget_what_is_announced(members: &mut Map<String, Value>, day: Date) {
    for (name, member) in members {
        match member {
            Value::Array(items) if name == "schedule" => {
                let from = |item: &Value| item.get("from").and_then(Value::as_str).and_then(|from| from.parse().ok());
                items.retain(|item| from(item).is_none_or(|from: Date| from < day));
            }
            Value::Object(inner) => forget_what_is_announced(inner, day),
            _ => {}
        }
    }
}

type Objects = BTreeMap<(&'static str, String), Value>;

fn compare(was: &Objects, now: &Objects, found: &mut Vec<Amendment>) {
    let mut keys: Vec<_> = was.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let mut differences = Vec::new();
        walk("spec", was.get(key), now.get(key), &mut differences);
        found.extend(differences.into_iter().map(|(field, was, now)| Amendment {
            kind: key.0.to_owned(),
            name: key.1.clone(),
            field,
            was,
            now,
            manager: None,
            reaches_back: false,
        }));
    }
}

type Difference = (String, Option<String>, Option<String>);

fn walk(place: &str, was: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    if was == now {
        return;
    }
    match (was, now) {
        (Some(Value::Object(was)), Some(Value::Object(now))) => {
            let mut names: Vec<&String> = was.keys().chain(now.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                walk(&format!("{place}.{name}"), was.get(name), now.get(name), found);
            }
        }
        (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None) if is_keyed(was) && is_keyed(now) => {
            let (was, now) = (by_key(was), by_key(now));
            let mut keys: Vec<&String> = was.keys().chain(now.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                walk(&format!("{place}[{key}]"), was.get(key).copied(), now.get(key).copied(), found);
            }
        }
        _ => found.push((place.to_owned(), was.map(short), now.map(short))),
    }
}

/// The member by which the items of a list are matched.
fn key_of(items: &[Value]) -> Option<&'static str> {
    KEYS.iter().copied().find(|key| {
        let mut texts: Vec<String> = items.iter().filter_map(|item| item.get(key)).map(short).collect();
        texts.sort();
        texts.dedup();
        texts.len() == items.len()
    })
}

fn is_keyed(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_none_or(|items| key_of(items).is_some())
}

fn by_key(list: Option<&Value>) -> BTreeMap<String, &Value> {
    let Some(items) = list.and_then(Value::as_array) else { return BTreeMap::new() };
    let Some(key) = key_of(items) else { return BTreeMap::new() };
    items.iter().filter_map(|item| Some((short(item.get(key)?), item))).collect()
}

/// A value in short: a text as it is, anything else as JSON, cut.
fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What is advised on changes that were made inside the running period and reach back into all of it: one finding an object.
pub fn advice_on_changes(journal: Option<&Journal>, periods: &Periods, now: Timestamp) -> Vec<Advice> {
    let Some((journal, period)) = journal.zip(periods.containing(now)) else { return Vec::new() };
    let inside = journal.facts.iter().filter(|fact| period.start < fact.recorded_at && fact.recorded_at <= now);
    let mut latest: BTreeMap<(&str, &str), (&Amendment, Timestamp, usize)> = BTreeMap::new();
    for recorded in inside {
        let JournalFact::TermsChanged(changed) = &recorded.fact else { continue };
        for amendment in changed.amendments.iter().filter(|amendment| amendment.reaches_back) {
            let key = (amendment.kind.as_str(), amendment.name.as_str());
            let count = latest.get(&key).map_or(0, |(.., count)| *count);
            latest.insert(key, (amendment, recorded.recorded_at, count + 1));
        }
    }
    latest.into_values().map(|(amendment, at, count)| advice(amendment, at, count, period)).collect()
}

fn advice(amendment: &Amendment, at: Timestamp, count: usize, period: &Period) -> Advice {
    let nothing = || "nothing".to_owned();
    let (was, now) = (amendment.was.clone().unwrap_or_else(nothing), amendment.now.clone().unwrap_or_else(nothing));
    let more = if count > 1 { format!(" (and {} changes more)", count - 1) } else { String::new() };
    let cut =
        |text: String| if text.chars().count() > 24 { text.chars().take(23).chain(['…']).collect() } else { text };
    Advice {
        finding: TERMS_CHANGED.to_owned(),
        kpi: (amendment.kind == "KpiTarget").then(|| amendment.name.clone()),
        message: format!(
            "{} changed from {} to {} at {at}{more}: all of {} is judged by it. To change targets or charges from a day on, write `schedule`",
            amendment.field,
            cut(was),
            cut(now),
            period.name,
        ),
    }
}

#[cfg(test)]
mod tests;
