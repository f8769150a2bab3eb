//! The examples as they are: their contracts, KPIs, tiers and launches, with the figures beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::Case;
use crate::vendor::Dataset;

/// Those that are compared unless `BPO_EXAMPLES=all`: points, tiers with a launch, a launch alone, fiscal quarters with a run
/// of misses, days counted.
const SAMPLE: [&str; 5] =
    ["acme-care", "launch-goes", "uk-service-points", "regimes/trai-disincentives", "regimes/warren-cable-franchise"];

/// Folders that hold no story: one for each field of a kind.
const NO_STORY: [&str; 2] = ["reference", "reference/minimal"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The folders of the examples that are compared.
pub(crate) fn folders() -> Vec<String> {
    if is_all() { all() } else { SAMPLE.map(str::to_owned).to_vec() }
}

fn is_all() -> bool {
    std::env::var("BPO_EXAMPLES").is_ok_and(|which| which == "all")
}

/// Every folder below `examples` with a contract in it.
pub(crate) fn all() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        let name = folder.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        open.extend(entries(&folder).into_iter().filter(|path| path.is_dir()));
        if !NO_STORY.contains(&name.as_str()) && documents(&name).iter().any(|one| one["kind"] == "VendorContract") {
            found.push(name);
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// The objects of a folder, without what only a cluster needs.
fn documents(folder: &str) -> Vec<Value> {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let texts =
        entries(&root().join(folder)).into_iter().filter(is_yaml).map(|file| std::fs::read_to_string(file).unwrap());
    let objects = texts.flat_map(|text| serde_saphyr::from_multiple::<Value>(&text).unwrap());
    objects.filter(|object| object["kind"] != "Secret").collect()
}

/// An example at an instant.
pub(crate) fn example(folder: &str, now: &str) -> Case {
    let mut case = Case { documents: documents(folder), feeds: BTreeMap::new() };
    let contracts = case.documents.iter().filter(|document| document["kind"] == "VendorContract");
    for contract in contracts {
        for feed in contract["spec"]["feeds"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let (contract, name) = (text(&contract["metadata"]["name"]), text(&feed["name"]));
            let file = root().join(folder).join("feeds").join(format!("{name}.json"));
            let body = match std::fs::read_to_string(file) {
                Ok(body) => before(&body, now),
                Err(_) => of_story(&text(&feed["url"]), now),
            };
            case.feeds.insert((contract, name), body);
        }
    }
    case
}

/// What a body holds of what is over at an instant: rows that have ended, and of rows by date those of the days before.
fn before(body: &str, now: &str) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap();
    let instant: Timestamp = now.parse().unwrap();
    let is_over = |row: &Value| match row["end"].as_str() {
        Some(end) => end.parse::<Timestamp>().map_or(end[..10] <= now[..10], |end| end <= instant),
        None => row["start"].as_str().unwrap()[..10] < now[..10],
    };
    body["rows"].as_array_mut().unwrap().retain(is_over);
    body.to_string()
}

/// What the vendor of the demo answers at an instant at an address.
fn of_story(url: &str, now: &str) -> String {
    let (first, now): (Timestamp, Timestamp) = ("2026-01-01T00:00:00Z".parse().unwrap(), now.parse().unwrap());
    let dataset = Dataset::story();
    let rows = dataset.feeds[url.rsplit('/').next().unwrap()].between(first, now);
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": null}).to_string()
}

/// The instants at which an example is compared: that of its README, and of all examples also the middle of a day in the middle of
/// the longest term, and three months after that has ended. A sample without a README is taken in the middle.
pub(crate) fn instants(folder: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join(folder).join("README.md")).unwrap_or_default();
    let named = readme.split_once("--now ").map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned());
    let [middle, after] = days(folder).map(|day| format!("{day}T10:20:00Z"));
    match named {
        Some(named) if !is_all() => vec![named],
        None if !is_all() => vec![middle],
        named => named.into_iter().chain([middle, after]).collect(),
    }
}

/// The middle of the longest term, and three months after it.
fn days(folder: &str) -> [Date; 2] {
    let day =
        |contract: &Value, which: &str| -> Date { contract["spec"]["term"][which].as_str().unwrap().parse().unwrap() };
    let documents = documents(folder);
    let contracts = || documents.iter().filter(|document| document["kind"] == "VendorContract");
    let first = contracts().map(|contract| day(contract, "start")).min().unwrap();
    let last = contracts().map(|contract| day(contract, "end")).max().unwrap();
    [first.saturating_add((first.until(last).unwrap().get_days() / 2).days()), last.saturating_add(3.months())]
}
