//! The outcome of a run: statuses, reports, Events and alerts, without what differs in every run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::receiver::{Received, Receiver};

/// Members that are a run's own: instants of the machine's clock, UIDs and what holds them, and how many rows had come when a report was
/// signed, which may be more than those that it is judged by; and which look was asked for.
const OWN: [&str; 7] = ["lastTransitionTime", "since", "passedAt", "contractUid", "head", "rows", "lastHandledRequest"];

/// The kinds whose objects are compared.
const KINDS: [&str; 5] = ["vc", "kpi", "st", "cl", "slar"];

/// Each object, Event and alert of the outcome, by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End(BTreeMap<String, Value>);

impl End {
    /// Reads the objects of a namespace and the messages that came to a receiver.
    pub(crate) async fn of(place: &Place, receiver: &Receiver) -> Self {
        let mut heard = BTreeMap::new();
        let mut tell = |about: String, what: Value| {
            let before = heard.insert(about.clone(), what);
            assert!(before.is_none(), "seen twice: {about}");
        };
        for kind in KINDS {
            for object in place.list(kind).await {
                let name = object["metadata"]["name"].as_str().unwrap();
                let mut shown = json!({"status": object["status"]});
                if kind == "slar" {
                    shown["spec"] = object["spec"].clone();
                }
                without_own(&mut shown);
                tell(format!("{kind} {name}"), shown);
            }
        }
        for event in place.list("events").await {
            let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let about = words(&event["involvedObject"]["name"]);
            tell(format!("Event of {about}: {} {}", words(&event["reason"]), words(&event["message"])), json!(1));
        }
        // A receiver that was not heard when it took a message gets it again, under the same id.
        let alerts = receiver.taken().iter().flat_map(Received::alerts).collect::<Vec<Value>>();
        let by_id: BTreeMap<String, Value> = alerts.into_iter().map(|alert| (alert["id"].to_string(), alert)).collect();
        for alert in by_id.values() {
            let labels = &alert["labels"];
            let about =
                [&alert["status"], &labels["alertname"], &labels["kpi_target"], &labels["level"], &alert["startsAt"]];
            let words = about.map(|word| word.as_str().unwrap_or("-"));
            tell(format!("alert {}", words.join(" ")), json!(1));
        }
        End(heard)
    }

    /// What differs from another end, with both sides.
    pub(crate) fn differences(&self, wanted: &End) -> Vec<String> {
        let mut found = Vec::new();
        let names = self.0.keys().chain(wanted.0.keys()).collect::<std::collections::BTreeSet<_>>();
        for name in names {
            let side = |end: &End| end.0.get(name).cloned().unwrap_or_default();
            differ(name, &side(self), &side(wanted), &mut found);
        }
        found
    }

    /// The Events, each as its object and reason, and the alerts, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let words = self.0.keys().filter_map(|name| match name.strip_prefix("Event of ") {
            Some(event) => Some(event.split(' ').take(2).collect::<Vec<_>>().join(" ")),
            None => name.starts_with("alert ").then(|| name.clone()),
        });
        let mut heard: Vec<String> = words.collect();
        heard.sort_unstable();
        heard
    }

    /// The names of all parts, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn without_own(value: &mut Value) {
    match value {
        Value::Object(members) => {
            OWN.iter().for_each(|name| drop(members.remove(*name)));
            members.values_mut().for_each(without_own);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_own),
        _ => {}
    }
}

fn differ(place: &str, found: &Value, wanted: &Value, differences: &mut Vec<String>) {
    match (found, wanted) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
                let side = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                differ(&format!("{place}.{name}"), &side(one), &side(other), differences);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (number, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{place}[{number}]"), one, other, differences);
            }
        }
        _ if found == wanted => {}
        _ => differences.push(format!("{place}: it is {found}, undisturbed {wanted}")),
    }
}
