//! The only reconcile: observe → decide → apply → report, the same for every kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::controlled::{Controlled, ReconcileError};
use super::looks::{Look, LookPlaces, PLACES, SET_BACK, SLOW, SlowLooks, has_judged};
use super::notices::{publish_notice, say_that_clocks_differ};
use super::pace::LookTurns;
use crate::api::condition::{Condition, EventReason};
use crate::api::{LONGEST_REQUEST, REQUESTED_AT_ANNOTATION};
use crate::cluster::api_clock::CLOCKS_RETRY;
use crate::cluster::backoff::pause;
use crate::cluster::watch::Guarded;
use crate::domain::decision::Notice;
use crate::domain::decision::conditions::conditions;
use crate::trace::Stage;
use crate::web::metrics::Outcome;

/// How many objects of one kind are under way at the same time. Of a kind whose looks take long these are more than there are places.
const fn concurrency(is_heavy: bool) -> u16 {
    (if is_heavy { PLACES + SET_BACK } else { PLACES }) as u16
}

/// How often the status of an object that cannot be read is tried again before its Event must do: a server may be in trouble for a moment.
const TRIES_OF_A_REFUSED_STATUS: u32 = 3;

/// One kind's reconciler: its context and what it remembers of each object.
struct Driver<K: Controlled> {
    context: Arc<Context>,
    store: Store<Guarded<K>>,
    written: Mutex<HashMap<String, Written<K>>>,
    failures: Mutex<HashMap<String, u32>>,
    /// Generation at which an undecodable object was reported: its own status write must not come back as news.
    refused: Mutex<HashMap<String, Option<i64>>>,
    turns: LookTurns,
    places: Arc<LookPlaces>,
    slow: SlowLooks,
}

/// A status that was written on top of a state of the object that the watch may still show.
struct Written<K: Controlled> {
    place: ObjectRef<Guarded<K>>,
    on_top_of: Option<String>,
    status: K::Status,
}

/// Runs the controller of a kind until `stop`; reconciles under way are finished.
pub async fn run<K: Controlled>(
    context: Arc<Context>,
    store: Store<Guarded<K>>,
    queue: mpsc::UnboundedReceiver<ObjectRef<Guarded<K>>>,
    stop: CancellationToken,
) {
    let driver = Arc::new(Driver::<K> {
        context,
        store: store.clone(),
        written: Mutex::default(),
        failures: Mutex::default(),
        refused: Mutex::default(),
        turns: LookTurns::default(),
        places: Arc::default(),
        slow: SlowLooks::default(),
    });
    let queue =
        futures::stream::unfold(queue, |mut queue| async move { queue.recv().await.map(|object| (object, queue)) })
            .take_until(stop.cancelled_owned())
            .map(Ok::<_, std::convert::Infallible>);
    let reconcile =
        |object: Arc<Guarded<K>>, driver: Arc<Driver<K>>| Box::pin(async move { driver.reconcile(object).await });
    let results = kube::runtime::applier(
        reconcile,
        |object, error, driver: Arc<Driver<K>>| driver.retry(&object, error),
        driver,
        store,
        queue,
        Config::default().concurrency(concurrency(K::IS_HEAVY)),
    );
    // Errors were reported by the driver; that an object is gone is not an error.
    results.for_each(|_| std::future::ready(())).await;
}

impl<K: Controlled> Driver<K> {
    async fn reconcile(&self, guarded: Arc<Guarded<K>>) -> Result<Action, ReconcileError> {
        if !self.works_on(&guarded) {
            return Ok(self.skipped());
        }
        let namespace = guarded.namespace().unwrap_or_default();
        let _share = match K::IS_HEAVY.then(|| self.turns.take(&namespace, Instant::now())) {
            Some(Err(pause)) => return Ok(Action::requeue(pause)),
            share => share,
        };
        // A turn holds up the end of its shard, so it is taken when there is a place, and held by the look.
        let turn = || self.context.turn(&namespace);
        let (look, light) = if K::IS_HEAVY { (Look::begin(&self.places, turn).await, None) } else { (None, turn()) };
        if look.is_none() && light.is_none() {
            return Ok(self.skipped());
        }
        let Some(guarded) = newest(&self.store, &guarded) else {
            if let Ok(object) = &guarded.0 {
                self.forget(object);
            }
            return Ok(Action::await_change());
        };
        let started = Instant::now();
        let result = match &guarded.0 {
            Ok(object) => {
                let object = Arc::new(object.clone());
                let stage = Stage::reconcile(
                    K::KIND.as_str(),
                    object.namespace().as_deref().unwrap_or_default(),
                    object.meta().name.as_deref().unwrap_or_default(),
                );
                let work = stage.around(self.reconcile_decoded(object.clone()));
                let result = match &look {
                    Some(look) => look.around(work).await,
                    None => work.await,
                };
                stage.ended(outcome(&result, true).as_str(), result.is_err());
                if let Err(ReconcileError::ClocksDiffer) = &result {
                    say_that_clocks_differ(&self.context, &*object).await;
                }
                if !self.forget_if_gone(&object)
                    && let Some(look) = &look
                {
                    self.say_if_slow(&object, look).await;
                }
                result
            }
            Err(invalid) => self.refuse(&invalid.metadata, &invalid.error).await,
        };
        self.context.metrics.reconciled(
            K::KIND.as_str(),
            outcome(&result, guarded.0.is_ok()),
            started.elapsed().as_secs_f64(),
        );
        if result.is_ok() {
            self.failures().remove(&guarded.uid().unwrap_or_default());
        }
        result
    }

    /// Whether this process looks after the object: a rehearsal's is none of the real operator's, and the other way round.
    fn works_on(&self, guarded: &Guarded<K>) -> bool {
        self.context.works_in(&guarded.namespace().unwrap_or_default())
    }

    async fn reconcile_decoded(&self, object: Arc<K>) -> Result<Action, ReconcileError> {
        if object.meta().deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        let context = &self.context;
        let now = context.now();
        let previous = self.freshest(&object);
        let asked = asked_for(object.meta());
        if asked.is_some() && asked != previous.clone().and_then(|mut status| K::last_handled(&mut status).take()) {
            object.look_afresh(context);
        }
        let observed = K::observe(object.clone(), previous.clone(), context, now).await?;
        has_judged();
        let mut wanted = K::decide(&observed, now);
        *K::last_handled(&mut wanted.status) = asked;
        let again = Stage::apply().around(K::apply(&observed, &wanted, context, now)).await?;
        let waits = if previous.is_none() { K::first_status_waits(&observed) } else { None };
        if waits.is_none() {
            self.notify(&object, &wanted.notices).await?;
            if previous.as_ref() != Some(&wanted.status) {
                Stage::write_status().around(context.writer.status(object.as_ref(), &wanted.status)).await?;
                self.remember_written(&object, &wanted.status);
            }
            context.first_looks.forget(&object.uid().unwrap_or_default());
        }
        K::publish(&observed, &wanted, context);
        let by_clock = wanted.next.map(|next| context.clock.real_time_until(next) + Duration::from_millis(1));
        Ok(match [by_clock, again, waits].into_iter().flatten().min() {
            Some(wait) => Action::requeue(wait),
            None => Action::await_change(),
        })
    }

    fn skipped(&self) -> Action {
        self.context.metrics.reconciled(K::KIND.as_str(), Outcome::Skipped, 0.0);
        Action::await_change()
    }

    /// Shows that a look has taken long. Where the Event is not taken, the next slow look tries again.
    async fn say_if_slow(&self, object: &K, look: &Look) {
        let (took, uid) = (look.took(), object.uid().unwrap_or_default());
        if took < SLOW {
            return;
        }
        self.context.metrics.slow_reconcile(K::KIND.as_str());
        if !self.slow.is_news(&uid, Instant::now()) {
            return;
        }
        let notice = slow_look(took, look.pages(), self.context.now());
        if let Err(error) = publish_notice(&self.context, &object.object_ref(&()), &notice).await {
            tracing::debug!(%error, "a slow look is not shown yet");
            self.slow.forget(&uid);
        }
    }

    /// An object that went while it was looked at was forgotten too early: its feeds and series are here again. Returns whether it went.
    fn forget_if_gone(&self, object: &K) -> bool {
        let name = ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default());
        let is_gone = |found: Arc<Guarded<K>>| found.uid() != object.uid() || !self.works_on(&found);
        let went = self.store.get(&name).is_none_or(is_gone);
        if went {
            self.forget(object);
        }
        went
    }

    fn forget(&self, object: &K) {
        let uid = object.uid().unwrap_or_default();
        object.forget(&self.context);
        self.context.first_looks.forget(&uid);
        self.written().remove(&uid);
        self.slow.forget(&uid);
    }

    /// Remembers a status until the watch shows it. Those that it shows by now are let go: quiet objects are looked at rarely.
    fn remember_written(&self, object: &K, status: &K::Status) {
        let place = ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default());
        let mut written = self.written();
        let is_shown = |known: &Written<K>| {
            let shown = self.store.get(&known.place);
            shown.is_none_or(|shown| shown.resource_version() != known.on_top_of)
        };
        written.retain(|_, known| !is_shown(known));
        let new = Written { place, on_top_of: object.resource_version(), status: status.clone() };
        written.insert(object.uid().unwrap_or_default(), new);
    }

    /// The status that the watch shows, or the one written since, which the watch does not show yet.
    fn freshest(&self, object: &K) -> Option<K::Status> {
        let mut written = self.written();
        let uid = object.uid().unwrap_or_default();
        match written.get(&uid) {
            Some(last) if last.on_top_of == object.resource_version() => Some(last.status.clone()),
            Some(_) => {
                written.remove(&uid);
                object.status_of().cloned()
            }
            None => object.status_of().cloned(),
        }
    }

    async fn notify(&self, object: &K, notices: &[Notice]) -> Result<(), ReconcileError> {
        let regarding = object.object_ref(&());
        for notice in notices {
            publish_notice(&self.context, &regarding, notice).await?;
        }
        Ok(())
    }

    /// An object that cannot be decoded has that in an Event and in its status, once for each generation, and stops nobody else. Some are
    /// stored in a way in which the API server takes no status of theirs.
    async fn refuse(&self, meta: &ObjectMeta, error: &str) -> Result<Action, ReconcileError> {
        let uid = meta.uid.clone().unwrap_or_default();
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(&uid) == Some(&meta.generation) {
            return Ok(Action::await_change());
        }
        let message = format!("the object cannot be read: {error}; correct the field and apply it again");
        let findings = crate::domain::decision::kpi_target::stalled(&message);
        let now = self.context.now();
        let conditions: Vec<Condition> = conditions(K::KIND, &findings, &[], meta.generation, now);
        let (namespace, name) = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let key = format!("generation {}", meta.generation.unwrap_or_default());
        let notice = Notice::new(EventReason::InvalidSpec, key, message);
        let mut regarding = ObjectRef::<K>::new(&name).within(&namespace);
        regarding.extra.uid.clone_from(&meta.uid);
        publish_notice(&self.context, &regarding.into(), &notice).await?;
        let document = serde_json::json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": name, "uid": meta.uid},
            "status": {"observedGeneration": meta.generation, "conditions": conditions},
        });
        if let Err(error) = self.context.writer.raw_status::<K>(&namespace, &name, &document).await {
            let tries = self.failures().get(&uid).copied().unwrap_or(0);
            if !error.is_refused() || tries < TRIES_OF_A_REFUSED_STATUS {
                return Err(error.into());
            }
            let kind = K::KIND.as_str();
            tracing::warn!(kind, namespace, name, %error, "its status is not written: the API server takes none of an object that is stored so; the Event says what to correct");
        }
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, meta.generation);
        Ok(Action::await_change())
    }

    fn retry(&self, object: &Guarded<K>, error: &ReconcileError) -> Action {
        let kind = K::KIND.as_str();
        let name = object.name_any();
        let namespace = object.namespace().unwrap_or_default();
        if error.is_conflict() {
            tracing::debug!(kind, namespace, name, %error, "somebody else was faster; looking again");
            return Action::requeue(Duration::from_millis(200));
        }
        if let ReconcileError::ClocksDiffer = error {
            tracing::debug!(kind, namespace, name, %error, "it waits");
            return Action::requeue(CLOCKS_RETRY);
        }
        let uid = object.uid().unwrap_or_default();
        let mut failures = self.failures();
        let count = failures.entry(uid).or_insert(0);
        *count += 1;
        let wait = pause(*count, LONGEST_PAUSE);
        tracing::warn!(kind, namespace, name, %error, attempt = *count, wait_seconds = wait.as_secs_f64(), "a reconcile failed and is tried again");
        Action::requeue(wait)
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, Written<K>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object as the watch shows it now: it may have changed while it waited for its place. `None`: it is gone, and what it was is not
/// judged.
fn newest<K: Controlled>(store: &Store<Guarded<K>>, guarded: &Guarded<K>) -> Option<Arc<Guarded<K>>> {
    store.get(&ObjectRef::new(&guarded.name_any()).within(&guarded.namespace().unwrap_or_default()))
}

fn outcome(result: &Result<Action, ReconcileError>, is_readable: bool) -> Outcome {
    match result {
        Ok(_) if !is_readable => Outcome::Unreadable,
        Ok(_) => Outcome::Completed,
        Err(error) if error.is_conflict() => Outcome::Conflict,
        Err(ReconcileError::ClocksDiffer) => Outcome::Skipped,
        Err(_) => Outcome::Failed,
    }
}

/// That a look read and judged for long.
fn slow_look(took: Duration, pages: u32, at: Timestamp) -> Notice {
    let read = match pages {
        0 => "no row was read for it".to_owned(),
        1 => "a page of rows was read for it".to_owned(),
        pages => format!("{pages} pages of rows were read for it"),
    };
    let note = format!(
        "reading and judging took {} s, and {read}: other contracts go first after each page. Rows of longer intervals, fewer labels or fewer feeds make it faster",
        took.as_secs()
    );
    Notice::new(EventReason::SlowReconcile, at.to_string(), note)
}

/// What the annotation of an object says by which somebody asks for a look.
fn asked_for(meta: &ObjectMeta) -> Option<String> {
    let text = meta.annotations.as_ref()?.get(REQUESTED_AT_ANNOTATION)?;
    Some(text.chars().take(LONGEST_REQUEST).collect())
}

/// The longest pause before a reconcile that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::api::VendorContract;

    fn contract(uid: &str, vendor: &str) -> Guarded<VendorContract> {
        let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
            "metadata": {"name": "acme", "namespace": "a", "uid": uid},
            "spec": {"vendor": {"name": vendor}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": []}});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_object_that_went_while_it_waited_for_its_place_is_not_looked_at_and_one_that_changed_is_as_it_is_now() {
        let (store, mut writer) = kube::runtime::reflector::store();
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
        let waited = contract("1", "Acme");
        for (event, expected) in [
            (Event::Apply(contract("1", "Acme")), Some("Acme")),
            (Event::Apply(contract("1", "Other")), Some("Other")),
            (Event::Delete(contract("1", "Other")), None),
        ] {
            writer.apply_watcher_event(&event);
            let found = newest(&store, &waited);
            let vendor = found.as_ref().map(|found| found.0.as_ref().unwrap().spec.vendor.name.as_str());
            assert_eq!(vendor, expected);
        }
    }
}
