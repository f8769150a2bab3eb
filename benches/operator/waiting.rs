//! Waiting for many objects, by watches: looking again and again would take much of the machine that is measured.

use std::collections::HashMap;
use std::iter;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use serde_json::Value;

use crate::process;

/// How often is looked whether it goes on.
const TICK: Duration = Duration::from_secs(1);
/// How often is shown how far it is.
const SHOWN: Duration = Duration::from_secs(10);
/// How long an object may be hindered before the wait for it ends: a fetch on a busy machine may fail once.
const HINDERED: Duration = Duration::from_secs(30);

/// Objects that are waited for.
pub(crate) struct Crowd<'a> {
    /// What each of them is to have, as in `200 verdicts`.
    pub what: &'a str,
    pub count: usize,
    /// Where they are.
    pub of: Api<DynamicObject>,
    /// Further objects that show why something may never come.
    pub beside: Vec<Api<DynamicObject>>,
    /// The process that works.
    pub process: u32,
}

/// What was seen so far.
struct Seen {
    began: Instant,
    /// When each object had what is waited for.
    found: HashMap<String, Instant>,
    /// The others, as they were last.
    missing: HashMap<String, Value>,
    /// Since when and why objects are hindered, by the place of their kind and their name.
    hindered: HashMap<(usize, String), (Instant, String)>,
}

impl Crowd<'_> {
    /// Waits until all have it. Returns when each of them had it, by name.
    ///
    /// `hindrance`: why an object will not get there as it is. The wait fails with that if it lasts, and at the end of the process.
    pub(crate) async fn all(
        &self,
        has_it: impl Fn(&Value) -> bool,
        hindrance: impl Fn(&Value) -> Option<String>,
    ) -> HashMap<String, Instant> {
        let kinds = iter::once(&self.of).chain(&self.beside).enumerate();
        let watches = kinds.map(|(place, api)| {
            let events = watch_objects(api.clone(), watcher::Config::default()).default_backoff();
            events.map(move |event| (place, event)).boxed()
        });
        let mut events = stream::select_all(watches);
        let began = Instant::now();
        let mut seen = Seen { began, found: HashMap::new(), missing: HashMap::new(), hindered: HashMap::new() };
        let (mut looked, mut shown) = (began, began);
        while seen.found.len() < self.count {
            match tokio::time::timeout(TICK, events.next()).await {
                Ok(Some((place, Ok(Event::Apply(object) | Event::InitApply(object))))) => {
                    let (name, object) = (object.name_any(), serde_json::to_value(object).unwrap());
                    seen.take(place, name, object, &has_it, &hindrance);
                }
                Ok(Some((_, Err(error)))) => eprintln!("  watched again: {error}"),
                Ok(_) | Err(_) => {}
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.look(&seen);
            }
            if shown.elapsed() >= SHOWN {
                shown = Instant::now();
                let seconds = began.elapsed().as_secs();
                eprintln!("  {} of {} {} after {seconds} s", seen.found.len(), self.count, self.what);
            }
        }
        seen.found
    }

    /// Ends the benchmark where waiting is in vain.
    fn look(&self, seen: &Seen) {
        let so_far = format!("{} of {} {}", seen.found.len(), self.count, self.what);
        assert!(process::is_running(self.process), "{so_far}, and the process has ended");
        let lasting = seen.hindered.iter().find(|(_, (since, _))| since.elapsed() >= HINDERED);
        if let Some(((_, name), (_, reason))) = lasting {
            panic!("{so_far}; {} others are hindered, such as {name}: {reason}", seen.hindered.len() - 1);
        }
        let patience = Duration::from_secs(120) + Duration::from_secs(self.count as u64);
        let example = seen.missing.iter().next().map(|(name, object)| format!("{name} is {:#}", object["status"]));
        assert!(
            seen.began.elapsed() < patience,
            "{so_far} after {} s; {}",
            patience.as_secs(),
            example.unwrap_or_else(|| "the others are not there".to_owned())
        );
    }
}

impl Seen {
    fn take(
        &mut self,
        place: usize,
        name: String,
        object: Value,
        has_it: impl Fn(&Value) -> bool,
        hindrance: impl Fn(&Value) -> Option<String>,
    ) {
        match hindrance(&object) {
            Some(reason) => {
                let since = self.hindered.get(&(place, name.clone())).map_or_else(Instant::now, |(since, _)| *since);
                self.hindered.insert((place, name.clone()), (since, reason));
            }
            None => {
                self.hindered.remove(&(place, name.clone()));
            }
        }
        if place > 0 {
            return;
        }
        if has_it(&object) {
            self.missing.remove(&name);
            self.found.entry(name).or_insert_with(Instant::now);
        } else if !self.found.contains_key(&name) {
            self.missing.insert(name, object);
        }
    }
}

/// Why the operator cannot judge an object, as its conditions tell.
pub(crate) fn hindrance(object: &Value) -> Option<String> {
    let hinders = |condition: &&Value| {
        let text = |name: &str| condition[name].as_str().unwrap_or_default();
        match (text("type"), text("status")) {
            ("Stalled", "True") | ("Ready", "False") => true,
            // Rows that are late keep nobody from judging those that are there.
            ("FeedHealthy", "False") => text("reason") != "Late",
            _ => false,
        }
    };
    let condition = object["status"]["conditions"].as_array()?.iter().find(hinders)?;
    let text = |name: &str| condition[name].as_str().unwrap_or_default();
    Some(format!("{}={} {}: {}", text("type"), text("status"), text("reason"), text("message")))
}
