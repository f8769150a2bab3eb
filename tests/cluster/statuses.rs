//! The operator and `kubectl bpo evaluate` are one engine: this compares whole statuses and reports, except for what files alone cannot
//! show, which is listed here.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Place, path};

/// Where the status of an object in a cluster may differ from the one that `evaluate` makes of files: the path
/// (`[]`: in each entry of a list; `[type=X]`: in the entry of that type; a last part of that kind: the entry itself), and why.
const DIFFERS: [(&str, &str); 6] = [
    ("observedGeneration", "a file has no generation: the API server counts the writes of an object's spec"),
    ("conditions.[].observedGeneration", "the same"),
    ("conditions.[].lastTransitionTime", "when a condition became what it is: a look at files has no look before"),
    ("gates.[].passedAt", "when a gate without evidence was first seen passed, for the same reason"),
    ("conditions.[type=FeedHealthy]", "how the last poll went, in words: files are not polled"),
    ("feeds.[].since", "when a poll began to succeed or to fail"),
];

/// The same of an SlaReport, where a look at files knows of nothing.
const DIFFERS_IN_REPORTS: [(&str, &str); 1] = [(
    "dataThrough",
    "an operator that began after a period had ended closes it later than files do, and knows rows by then",
)];

/// A status without what legitimately differs.
pub(crate) fn comparable(object: &Value) -> Value {
    let mut status = object["status"].clone();
    for (place, _) in DIFFERS {
        remove(&mut status, &place.split('.').collect::<Vec<_>>());
    }
    status
}

fn remove(value: &mut Value, place: &[&str]) {
    let Some((part, rest)) = place.split_first() else { return };
    let Some(wanted) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) else {
        match (value.as_object_mut(), rest) {
            (Some(members), []) => drop(members.remove(*part)),
            (Some(members), rest) => {
                if let Some(member) = members.get_mut(*part) {
                    remove(member, rest);
                }
            }
            (None, _) => {}
        }
        return;
    };
    let Some(entries) = value.as_array_mut() else { return };
    let is_wanted = |entry: &Value| wanted.split_once('=').is_none_or(|(member, text)| entry[member] == text);
    match rest {
        [] => entries.retain(|entry| !is_wanted(entry)),
        rest => entries.iter_mut().filter(|entry| is_wanted(entry)).for_each(|entry| remove(entry, rest)),
    }
}

/// `kubectl bpo` without a cluster.
pub(crate) fn bpo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(arguments).output().unwrap()
}

/// Standard output and error of a command together.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Exports the evidence of a contract to a file.
pub(crate) fn export(place: &Place, contract: &str, name: &str) -> PathBuf {
    let bundle = place.folder.path().join(name);
    let exported =
        bpo(&["export", "--data-dir", path(&place.data_dir()), "--contract", contract, "--to", path(&bundle)]);
    assert!(exported.status.success(), "{}", text(&exported));
    bundle
}

/// Checks that the evidence is whole, in the store and in the bundle, and that every report of the cluster follows from it.
pub(crate) async fn verify(place: &Place, bundle: &str) {
    verify_reports(place, bundle, &[]).await;
}

/// The same for some of the reports; without a name for all of them.
pub(crate) async fn verify_reports(place: &Place, bundle: &str, names: &[&str]) {
    let reports = place.folder.path().join("reports.yaml");
    std::fs::write(&reports, place.kubectl(&[&["get", "slar", "-o", "yaml"], names].concat()).await).unwrap();
    for evidence in [["--data-dir", path(&place.data_dir())], ["--bundle", bundle]] {
        let verified = bpo(&["verify", evidence[0], evidence[1], "--report", path(&reports)]);
        assert_eq!(verified.status.code(), Some(0), "{evidence:?}: {}", text(&verified));
    }
}

/// The statuses and reports that `evaluate` computes with these arguments.
pub(crate) fn evaluated(arguments: &[&str], now: &str) -> Vec<Value> {
    let evaluated = bpo(&[&["evaluate", "--now", now, "-o", "json"], arguments].concat());
    assert!(matches!(evaluated.status.code(), Some(0 | 1)), "{}", text(&evaluated));
    let list: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// The kinds that have a status.
const KINDS: [&str; 4] = ["VendorContract", "KpiTarget", "ServiceTier", "CampaignLaunch"];

/// How the cluster differs from what `evaluate` says: each difference with both sides. Reports are compared byte for byte.
pub(crate) async fn differences(place: &Place, offline: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let reports = place.list("slar").await;
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    for kind in KINDS {
        let inside = place.list(&kind.to_lowercase()).await;
        for object in offline.iter().filter(|object| object["kind"] == kind) {
            let Some(inside) = inside.iter().find(|inside| name(inside) == name(object)) else {
                found.push(format!("the cluster has no {kind} {}", name(object)));
                continue;
            };
            differ(&format!("{kind} {} status", name(object)), &comparable(inside), &comparable(object), &mut found);
        }
    }
    let offline: Vec<&Value> = offline.iter().filter(|object| object["kind"] == "SlaReport").collect();
    for report in &offline {
        match reports.iter().find(|inside| name(inside) == name(report)) {
            None => found.push(format!("the cluster has no report {}", name(report))),
            Some(inside) => {
                let mut inside = inside["spec"].clone();
                for (place, _) in DIFFERS_IN_REPORTS.iter().filter(|(place, _)| report["spec"].get(place).is_none()) {
                    remove(&mut inside, &[place]);
                }
                differ(&format!("SlaReport {} spec", name(report)), &inside, &report["spec"], &mut found);
            }
        }
    }
    let contracts: Vec<&Value> = offline.iter().map(|report| &report["spec"]["contract"]).collect();
    let unknown = reports.iter().filter(|report| contracts.contains(&&report["spec"]["contract"]));
    let unknown = unknown.filter(|report| !offline.iter().any(|known| name(known) == name(report)));
    found.extend(unknown.map(|report| format!("evaluate has no report {}", name(report))));
    found
}

/// In what the cluster still differs from what `evaluate` says once the operator is done, or after `patience`.
pub(crate) async fn lasting_differences(place: &Place, offline: &[Value], patience: Duration) -> Vec<String> {
    let started = Instant::now();
    loop {
        let found = differences(place, offline).await;
        if found.is_empty() || started.elapsed() > patience {
            return found;
        }
    }
}

/// Names the places in which two values differ.
fn differ(place: &str, inside: &Value, offline: &Value, found: &mut Vec<String>) {
    match (inside, offline) {
        (Value::Object(inside), Value::Object(offline)) => {
            let mut names: Vec<&String> = inside.keys().chain(offline.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let side = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                differ(&format!("{place}.{name}"), &side(inside), &side(offline), found);
            }
        }
        (Value::Array(inside), Value::Array(offline)) if inside.len() == offline.len() => {
            for (number, (inside, offline)) in inside.iter().zip(offline).enumerate() {
                differ(&format!("{place}[{number}]"), inside, offline, found);
            }
        }
        _ if inside == offline => {}
        _ => found.push(format!("{place}: the operator has {inside}, evaluate has {offline}")),
    }
}

/// Waits until the cluster's statuses and reports of a contract are those that `evaluate` makes of its bundle alone; returns the bundle.
pub(crate) async fn equals_its_bundle(place: &Place, contract: &str, now: &str) -> PathBuf {
    let started = Instant::now();
    loop {
        let bundle = export(place, contract, &format!("{contract}.bundle"));
        let offline = evaluated(&["--bundle", path(&bundle)], now);
        let has = |kind: &str| offline.iter().any(|object| object["kind"] == kind);
        assert!(
            has("VendorContract") && has("KpiTarget") && has("SlaReport"),
            "{contract}: there is something to compare"
        );
        let found = differences(place, &offline).await;
        if found.is_empty() {
            return bundle;
        }
        assert!(started.elapsed() < crate::harness::DEADLINE, "{contract} at {now}:\n{}", found.join("\n"));
    }
}
