//! What every controller shares: stores, queues, the evidence, the latest judgements.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tokio::sync::mpsc;

use super::checkpoints::Checkpoints;
use super::event_tries::EventTries;
use super::evidence_cache::{EvidenceCache, Held};
use super::first_looks::{ContractWaits, FirstLooks};
use super::head_checks::HeadChecks;
use super::kpis_on_record::KpisOnRecord;
use super::pace::ReportPace;
use super::stored_kinds::of_contract;
use super::terms_in_motion::{Settling, TermsInMotion};
use crate::alert::dispatcher::Dispatcher;
use crate::api::{CampaignLaunch, FETCH_ANNOTATION, KpiTarget, ServiceTier, SlaReport, VendorContract};
use crate::clock::Clock;
use crate::cluster::api_clock::ApiClock;
use crate::cluster::namespaces::Namespaces;
use crate::cluster::shards::{Shards, Turn};
use crate::cluster::watch::{Guarded, Objects};
use crate::cluster::write::Writer;
use crate::domain::decision::alerts::SentAlert;
use crate::domain::governance::escalation::said_at;
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::domain::holdings::{FeedHealth, Judged};
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::EvidenceStore;
use crate::feed::scheduler::Scheduler;
use crate::web::metrics::Metrics;

/// The objects of the cluster as the watches know them.
#[derive(Clone)]
pub struct Stores {
    /// VendorContracts.
    pub contracts: Objects<VendorContract>,
    /// KpiTargets.
    pub kpis: Objects<KpiTarget>,
    /// ServiceTiers.
    pub tiers: Objects<ServiceTier>,
    /// CampaignLaunches.
    pub launches: Objects<CampaignLaunch>,
    /// SlaReports.
    pub reports: Objects<SlaReport>,
}

/// A queue of objects of one kind to look at. The driver folds repeats into one.
pub struct Queue<K: Resource<DynamicType = ()>>(mpsc::UnboundedSender<ObjectRef<Guarded<K>>>);

impl<K: Resource<DynamicType = ()>> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Queue(self.0.clone())
    }
}

impl<K: Resource<DynamicType = ()>> Queue<K> {
    /// A queue and its end.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<ObjectRef<Guarded<K>>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Queue(sender), receiver)
    }

    /// Asks for a look at an object.
    pub fn push(&self, namespace: &str, name: &str) {
        // A closed queue means that the process is stopping.
        let _ = self.0.send(ObjectRef::new(name).within(namespace));
    }
}

/// The queues of all kinds.
#[derive(Clone)]
pub struct Queues {
    /// VendorContracts.
    pub contracts: Queue<VendorContract>,
    /// KpiTargets.
    pub kpis: Queue<KpiTarget>,
    /// ServiceTiers.
    pub tiers: Queue<ServiceTier>,
    /// CampaignLaunches.
    pub launches: Queue<CampaignLaunch>,
}

/// What was last judged of a contract, for the controllers of its KPIs, tiers and launches.
#[derive(Clone, Debug)]
pub struct JudgedContract {
    /// UID of the contract.
    pub uid: String,
    /// UID under which its evidence lies: its own, or that of a contract that is gone and whose evidence it goes on with.
    pub evidence_uid: String,
    /// What was judged.
    pub judged: Judged,
}

/// What happens to alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertMode {
    /// They are sent.
    Sent,
    /// They are sent, and each says that it belongs to a rehearsal.
    Marked,
    /// None is sent: a rehearsal, of which nobody is notified.
    Silent,
}

/// How old a wish for a fetch may be.
const FETCH_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// What every controller shares.
pub struct Context {
    /// Writes to the API server.
    pub writer: Writer,
    /// The clock.
    pub clock: Clock,
    /// The evidence.
    pub evidence: Arc<dyn EvidenceStore>,
    /// Rows that were read before.
    pub cache: Arc<EvidenceCache>,
    /// Fetches the feeds.
    pub scheduler: Scheduler,
    /// The cluster's objects.
    pub stores: Stores,
    /// What to look at.
    pub queues: Queues,
    /// Metrics.
    pub metrics: Metrics,
    /// Delivers alerts.
    pub alerts: Dispatcher,
    /// What happens to alerts.
    pub alert_mode: AlertMode,
    /// The namespaces that this operator works in.
    pub namespaces: Namespaces,
    /// The shards of them that this process works on.
    pub shards: Shards,
    /// How long terms must stand unchanged before a period closes under them.
    pub settle: std::time::Duration,
    /// How fast reports are written.
    pub pace: ReportPace,
    /// Which heads of reports were found in the store.
    pub heads: HeadChecks,
    /// Judgements that outlive this process.
    pub checkpoints: Checkpoints,
    /// Which KpiTargets were judged before.
    pub kpis_on_record: KpisOnRecord,
    /// How long first statuses have waited.
    pub first_looks: FirstLooks,
    /// Contracts whose terms change while they are judged.
    pub terms_in_motion: TermsInMotion,
    /// Since when launches wait for their contracts.
    pub contract_waits: ContractWaits,
    /// Events that the API server did not take.
    pub event_tries: EventTries,
    /// How far this machine's clock is from the API server's.
    pub api_clock: Arc<ApiClock>,
    judged: RwLock<HashMap<(String, String), JudgedContract>>,
    sent: Mutex<HashMap<String, Arc<Vec<SentAlert>>>>,
    handed_over: Mutex<HashMap<String, Arc<Vec<HandedOver>>>>,
    fetches_asked: Mutex<HashMap<String, String>>,
    settling: Settling,
    terms_refused: Mutex<BTreeMap<String, String>>,
    waiting_for_feeds: Mutex<BTreeSet<String>>,
    evidence_uids: Mutex<HashMap<String, EvidenceUid>>,
}

/// Under which UID the evidence of a contract lies, and the annotation with which that was found out.
struct EvidenceUid {
    annotation: Option<String>,
    uid: String,
}

/// The parts of a [`Context`].
pub struct ContextParts {
    /// Writes to the API server.
    pub writer: Writer,
    /// The clock.
    pub clock: Clock,
    /// How far this machine's clock is from the API server's.
    pub api_clock: Arc<ApiClock>,
    /// The evidence.
    pub evidence: Arc<dyn EvidenceStore>,
    /// Fetches the feeds.
    pub scheduler: Scheduler,
    /// The cluster's objects.
    pub stores: Stores,
    /// What to look at.
    pub queues: Queues,
    /// Metrics.
    pub metrics: Metrics,
    /// Delivers alerts.
    pub alerts: Dispatcher,
    /// What happens to alerts.
    pub alert_mode: AlertMode,
    /// The namespaces that this operator works in.
    pub namespaces: Namespaces,
    /// The shards of them that this process works on.
    pub shards: Shards,
    /// How long terms must stand unchanged before a period closes under them.
    pub settle: std::time::Duration,
    /// How many bytes of rows, and of what judgements worked out of them, are held at most.
    pub evidence_memory: usize,
}

impl Context {
    /// A context of these parts.
    pub fn new(parts: ContextParts) -> Self {
        let ContextParts {
            writer,
            clock,
            api_clock,
            evidence,
            scheduler,
            stores,
            queues,
            metrics,
            alerts,
            alert_mode,
            namespaces,
            shards,
            settle,
            evidence_memory,
        } = parts;
        // What judgements work out of rows takes about as much again.
        let cache = EvidenceCache::new(evidence.clone(), evidence_memory).with_most_of_one(evidence_memory / 2);
        let cache = Arc::new(cache);
        metrics.evidence_memory(evidence_memory, {
            let cache = cache.clone();
            Arc::new(move || {
                let Held { rows, rollups } = cache.held();
                vec![("rows", rows), ("judgements", rollups)]
            })
        });
        Context {
            writer,
            clock,
            cache,
            evidence,
            scheduler,
            stores,
            queues,
            metrics,
            alerts,
            alert_mode,
            namespaces,
            shards,
            settle,
            pace: ReportPace::default(),
            heads: HeadChecks::default(),
            checkpoints: Checkpoints::default(),
            kpis_on_record: KpisOnRecord::default(),
            first_looks: FirstLooks::default(),
            terms_in_motion: TermsInMotion::default(),
            contract_waits: ContractWaits::default(),
            event_tries: EventTries::default(),
            api_clock,
            judged: RwLock::default(),
            sent: Mutex::default(),
            handed_over: Mutex::default(),
            fetches_asked: Mutex::default(),
            settling: Settling::default(),
            terms_refused: Mutex::default(),
            waiting_for_feeds: Mutex::default(),
            evidence_uids: Mutex::default(),
        }
    }

    /// Whether this process works in a namespace: it is one of this operator's clock, and of a shard that this process has.
    pub fn works_in(&self, namespace: &str) -> bool {
        self.namespaces.works_in(namespace) && self.shards.works_in(namespace)
    }

    /// A turn of work in a namespace, if this process works there.
    pub fn turn(&self, namespace: &str) -> Option<Turn> {
        self.namespaces.works_in(namespace).then(|| self.shards.turn(namespace)).flatten()
    }

    /// What was last judged of a contract.
    pub fn judged(&self, namespace: &str, contract: &str) -> Option<JudgedContract> {
        let judged = self.judged.read().unwrap_or_else(PoisonError::into_inner);
        judged.get(&(namespace.to_owned(), contract.to_owned())).cloned()
    }

    /// Keeps what was judged of a contract. Returns whether it is other than before.
    pub fn set_judged(&self, namespace: &str, contract: &str, new: JudgedContract) -> bool {
        let mut judged = self.judged.write().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), contract.to_owned());
        let same = judged.get(&key).is_some_and(|before| {
            let (was, is) = (&before.judged, &new.judged);
            before.uid == new.uid
                && (Arc::ptr_eq(&was.judgement, &is.judgement) || was.judgement == is.judgement)
                && was.feeds == is.feeds
                && was.terms == is.terms
        });
        // The newer of two that say the same is the one that the cache holds, too.
        judged.insert(key, new);
        !same
    }

    /// The terms of a contract to hold on to: those that it was judged by last, where they are the same.
    pub fn known_terms(&self, namespace: &str, contract: &str, terms: Terms) -> Arc<Terms> {
        let judged = self.judged.read().unwrap_or_else(PoisonError::into_inner);
        let known = judged.get(&(namespace.to_owned(), contract.to_owned())).map(|known| &known.judged.terms);
        known.filter(|known| ***known == terms).cloned().unwrap_or_else(|| Arc::new(terms))
    }

    /// Forgets a contract that is gone.
    pub fn forget_contract(&self, namespace: &str, contract: &str, uid: &str) {
        let mut judged = self.judged.write().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), contract.to_owned());
        if judged.get(&key).is_some_and(|judged| judged.uid == uid) {
            judged.remove(&key);
        }
        drop(judged);
        let evidence_uid = self.evidence_uid(uid);
        self.evidence_uids().remove(uid);
        self.settling.forget(&evidence_uid);
        self.cache.forget(&evidence_uid);
        self.heads.forget(&evidence_uid);
        self.kpis_on_record.forget(&evidence_uid);
        self.set_terms_refused(&evidence_uid, None);
        self.terms_in_motion.forget(&evidence_uid);
        self.set_waits_for_feeds(&evidence_uid, false);
        self.scheduler.remove(&evidence_uid);
        self.metrics.remove_object(uid);
        self.alerts.forget(uid);
        self.sent_now().remove(uid);
        self.set_handed_over(&evidence_uid, None);
        self.fetches_asked.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Fetches the feeds that an annotation asks for, once for each time that somebody asks. `uid`: that of the contract's evidence.
    pub fn fetch_if_asked(&self, contract: &VendorContract, uid: &str) {
        let Some(text) = contract.annotations().get(FETCH_ANNOTATION) else { return };
        let Some((feed, asked_at)) = said_at(text) else { return };
        // An annotation stays on its object: an old one asks for nothing after a restart, which fetches every feed anyway.
        if Clock::real().now().duration_since(asked_at).abs() > FETCH_WITHIN {
            return;
        }
        let mut asked = self.fetches_asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.insert(uid.to_owned(), text.clone()).as_ref() != Some(text) {
            self.scheduler.poll_now(uid, Some(feed).filter(|feed| *feed != "*"));
        }
    }

    /// The alerts of a contract that were sent, where they were read before.
    pub fn sent(&self, uid: &str) -> Option<Arc<Vec<SentAlert>>> {
        self.sent_now().get(uid).cloned()
    }

    /// Remembers the alerts of a contract that were sent.
    pub fn set_sent(&self, uid: &str, sent: Arc<Vec<SentAlert>>) {
        self.sent_now().insert(uid.to_owned(), sent);
    }

    /// What the outbox's journal says of a contract's reports, where it was read before. `uid`: that of the contract's evidence.
    pub fn handed_over(&self, uid: &str) -> Option<Arc<Vec<HandedOver>>> {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Remembers what the outbox's journal says of a contract's reports, or that it must be read again.
    pub fn set_handed_over(&self, uid: &str, journal: Option<Arc<Vec<HandedOver>>>) {
        let mut known = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        match journal {
            Some(journal) => known.insert(uid.to_owned(), journal),
            None => known.remove(uid),
        };
    }

    fn sent_now(&self) -> MutexGuard<'_, HashMap<String, Arc<Vec<SentAlert>>>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much longer the terms of a contract must stay unchanged before a period may close under them; zero when they have.
    pub fn unsettled_for(&self, uid: &str, terms: [u8; 32]) -> std::time::Duration {
        self.settling.unsettled_for(uid, terms, self.settle, Instant::now())
    }

    /// Whether a period of a contract waits until its feeds were asked: then each poll that ends is a reason to look.
    pub fn waits_for_feeds(&self, uid: &str) -> bool {
        self.waiting_for_feeds.lock().unwrap_or_else(PoisonError::into_inner).contains(uid)
    }

    /// Remembers whether a period of a contract waits until its feeds were asked.
    pub fn set_waits_for_feeds(&self, uid: &str, waits: bool) {
        let mut waiting = self.waiting_for_feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if waits {
            waiting.insert(uid.to_owned());
        } else {
            waiting.remove(uid);
        }
    }

    /// Why the store does not keep a contract's terms, if it does not.
    pub fn terms_refused(&self, uid: &str) -> Option<String> {
        self.terms_refused.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Remembers why the store does not keep a contract's terms, or that it does; returns whether that is new.
    pub fn set_terms_refused(&self, uid: &str, why: Option<String>) -> bool {
        let mut refused = self.terms_refused.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match why.clone() {
            Some(why) => refused.insert(uid.to_owned(), why),
            None => refused.remove(uid),
        };
        before != why
    }

    /// Health of the feeds of a contract, by name. A feed that was never polled is absent.
    pub fn feed_health(&self, uid: &str) -> BTreeMap<String, FeedHealth> {
        self.scheduler.health_of(uid)
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The decoded KpiTargets of a contract.
    pub fn kpis_of(&self, namespace: &str, contract: &str) -> Vec<Arc<Guarded<KpiTarget>>> {
        self.stores.kpis.with(namespace, &of_contract(contract))
    }

    /// The contract with this UID, or the one that goes on with the evidence of it.
    pub fn contract_of_uid(&self, uid: &str) -> Option<Arc<Guarded<VendorContract>>> {
        self.stores.contracts.find(|contract| self.goes_on_with(contract, uid))
    }

    /// The contract of this name, if it has this UID or goes on with the evidence of it: found without a search.
    pub fn contract_on_evidence(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<Guarded<VendorContract>>> {
        self.contract(namespace, name).filter(|contract| self.goes_on_with(contract, uid))
    }

    fn goes_on_with(&self, contract: &Guarded<VendorContract>, uid: &str) -> bool {
        let own = contract.meta().uid.as_deref();
        own.is_some_and(|own| own == uid || self.evidence_uids().get(own).is_some_and(|known| known.uid == uid))
    }

    /// The UID under which the evidence of a contract lies, as far as it was found out.
    pub fn evidence_uid(&self, uid: &str) -> String {
        self.evidence_uids().get(uid).map_or_else(|| uid.to_owned(), |known| known.uid.clone())
    }

    /// The same where it was found out with this annotation.
    pub fn known_evidence_uid(&self, uid: &str, annotation: Option<&str>) -> Option<String> {
        let known = self.evidence_uids();
        known.get(uid).filter(|known| known.annotation.as_deref() == annotation).map(|known| known.uid.clone())
    }

    /// Remembers under which UID the evidence of a contract lies.
    pub fn set_evidence_uid(&self, uid: &str, annotation: Option<&str>, evidence_uid: &str) {
        let found = EvidenceUid { annotation: annotation.map(str::to_owned), uid: evidence_uid.to_owned() };
        self.evidence_uids().insert(uid.to_owned(), found);
    }

    fn evidence_uids(&self) -> MutexGuard<'_, HashMap<String, EvidenceUid>> {
        self.evidence_uids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One contract, decoded.
    pub fn contract(&self, namespace: &str, name: &str) -> Option<Arc<Guarded<VendorContract>>> {
        self.stores.contracts.get(namespace, name)
    }
}
