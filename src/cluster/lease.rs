//! The Lease: one process works, the others stand by or are noticed.
//!
//! It is always taken. With leader election the others are replicas that stand by; without, another holder is a second operator
//! of the same installation, which must not write beside this one.
//!
//! Whether a lease has run out is judged by "its record has not changed for one lease duration on my own clock", never by
//! comparing times of two machines. What to do is a pure function of the record and that; the loop only carries it out.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::fence::{Fence, LEASE_DURATION, RENEW_DEADLINE};
use super::write::{WriteError, bounded};
use crate::clock::BootInstant;

/// How often the lease is renewed.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// How often the lease of another process is looked at, at least: what falls silent is noticed this much later at most.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// How long one attempt may take: under half of the deadline, so that one stalled call does not lose the lease.
pub(super) const ATTEMPT: Duration = Duration::from_secs(4);
/// The annotation of the Lease that says which store its holder keeps its evidence in.
pub const STORE_ANNOTATION: &str = "bpo-operator.io/store";

/// What a replica should do about the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is no lease: create it.
    Create,
    /// It is ours: renew it.
    Renew,
    /// It is nobody's, or its holder is gone: take it.
    Take,
    /// Somebody else holds it: wait.
    Wait,
}

/// What to do, given the lease's record and for how long it has not changed before our eyes.
///
/// `own_store`: the record names the very store that this process has for itself alone, so its holder cannot be there any more.
pub fn evaluate(identity: &str, lease: Option<&LeaseSpec>, own_store: bool, unchanged_for: Duration) -> Step {
    let Some(lease) = lease else { return Step::Create };
    match lease.holder_identity.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == identity => Step::Renew,
        Some(_) if own_store || unchanged_for >= lasts(lease) => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// For how long a lease holds after its record was changed.
pub(super) fn lasts(lease: &LeaseSpec) -> Duration {
    let seconds = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(LEASE_DURATION, Duration::from_secs)
}

/// How long to wait before leases are looked at again, given for how long each has not changed: [`LOOK`], or until the first of them runs
/// out, so that it is taken at that moment.
pub(super) fn until_next_look<'l>(leases: impl IntoIterator<Item = (&'l LeaseSpec, Duration)>) -> Duration {
    let ends = leases.into_iter().filter_map(|(lease, unchanged_for)| lasts(lease).checked_sub(unchanged_for));
    // A timer may fire a little early: then one look more is made.
    ends.filter(|end| !end.is_zero()).map(|end| end + Duration::from_millis(1)).min().unwrap_or(LOOK).min(LOOK)
}

/// Who wants the lease, and what follows when it cannot be renewed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// An identity that no other process has.
    pub identity: String,
    /// Identity of the store that this process has for itself alone, once it has one; each renewal writes it down.
    pub store: Arc<OnceLock<String>>,
    /// Whether replicas stand by: then a lease that cannot be renewed is lost. Without, writes wait until it can be renewed.
    pub standby: bool,
    /// Whether other processes hold it too, under the same identity. None of them releases it: it runs out after the last.
    pub shared: bool,
    /// Labels that the Lease gets.
    pub labels: BTreeMap<String, String>,
}

/// How an attempt to get or renew the lease ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attempt {
    /// The lease is ours.
    Ours,
    /// This process holds it.
    Held(String),
    /// Somebody else wrote it at the same moment.
    Contended,
}

/// A process that wants to work.
pub struct Candidate {
    api: Api<Lease>,
    claim: Claim,
    fence: Fence,
    seen: Option<(LeaseSpec, Instant)>,
    /// The Lease as this process wrote it last, where nobody is known to have written it since.
    written: Option<Lease>,
}

impl Candidate {
    /// A candidate. `fence` is open while the lease is held.
    pub fn new(client: Client, claim: Claim, fence: Fence) -> Self {
        Candidate { api: Api::namespaced(client, &claim.namespace), claim, fence, seen: None, written: None }
    }

    /// Waits until this process holds the lease; `waits` is called with the reason, whenever that changes, and whether
    /// somebody else holds it. False: `stop` came first.
    pub async fn acquire(&mut self, stop: &CancellationToken, waits: impl Fn(&str, bool)) -> bool {
        let mut logged = String::new();
        loop {
            let asked = BootInstant::now();
            let (why, held) = match self.attempt(true).await {
                Ok(Attempt::Ours) => {
                    self.fence.renewed(asked);
                    return true;
                }
                Ok(Attempt::Held(holder)) => (self.held_by(&holder), true),
                Ok(Attempt::Contended) => (logged.clone(), true),
                Err(error) => (format!("the Lease {} cannot be asked for: {error}", self.place()), false),
            };
            if why != logged {
                match self.claim.standby && held {
                    true => tracing::info!(lease = self.place(), "standing by: {why}"),
                    false => tracing::warn!(lease = self.place(), "{why}"),
                }
                waits(&why, held);
                logged = why;
            }
            let pause = self.seen.as_ref().map_or(LOOK, |(lease, since)| until_next_look([(lease, since.elapsed())]));
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tries once to get a lease whose record was seen unchanged since an instant. Returns whether this process holds it.
    ///
    /// # Errors
    /// When the API server refuses, is away or does not answer in time.
    pub(super) async fn take(&mut self, seen: Option<(LeaseSpec, Instant)>) -> Result<bool, WriteError> {
        self.seen = seen;
        let asked = BootInstant::now();
        let is_ours = self.attempt(true).await? == Attempt::Ours;
        if is_ours {
            self.fence.renewed(asked);
        }
        Ok(is_ours)
    }

    /// Renews the lease until `finished`, then releases it. Ends earlier when it is lost, and says how.
    pub async fn hold(mut self, finished: CancellationToken) -> Result<(), String> {
        let mut renewed = BootInstant::now();
        let mut late = false;
        loop {
            tokio::select! {
                () = finished.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
            // Taken before the request is sent: what the server grants runs from no later than this.
            let asked = BootInstant::now();
            // A process that was stopped and continued finds its deadline past before it writes anything.
            if asked.since(renewed) >= RENEW_DEADLINE && !late {
                late = true;
                if self.claim.standby {
                    return Err("the lease was not renewed in time, and a standby replica may have taken it".to_owned());
                }
                tracing::error!(
                    lease = self.place(),
                    "the lease was not renewed in time: nothing is written until it is"
                );
            }
            match self.attempt(false).await {
                Ok(Attempt::Ours) => {
                    (renewed, late) = (asked, false);
                    self.fence.renewed(asked);
                }
                Ok(Attempt::Held(holder)) => {
                    self.fence.close();
                    return Err(self.held_by(&holder));
                }
                Ok(Attempt::Contended) => {}
                Err(error) => {
                    tracing::warn!(lease = self.place(), %error, "the lease could not be renewed; trying again");
                }
            }
        }
        self.fence.close();
        if self.claim.shared {
            return Ok(());
        }
        if let Err(error) = self.release().await {
            tracing::debug!(lease = self.place(), %error, "the lease could not be given back; it runs out by itself");
        }
        Ok(())
    }

    fn place(&self) -> String {
        format!("{}/{}", self.claim.namespace, self.claim.name)
    }

    fn held_by(&self, holder: &str) -> String {
        let advice = match self.claim.standby {
            true => "",
            false => {
                "; two operators of one installation must not work side by side: end one of them, or give this one a --lease-name of its own"
            }
        };
        format!("{holder} holds the Lease {}{advice}", self.place())
    }

    /// One look and at most one write, or a write alone where this process wrote last. `take`: whether a lease that somebody else held may
    /// be taken.
    async fn attempt(&mut self, take: bool) -> Result<Attempt, WriteError> {
        let attempt = async {
            if let Some(lease) = self.written.take()
                && self.renew(lease).await?
            {
                return Ok(Attempt::Ours);
            }
            self.look_and_write(take).await
        };
        tokio::time::timeout(ATTEMPT, attempt).await.unwrap_or(Err(WriteError::Timeout))
    }

    /// Renews the lease as this process wrote it last. Says whether it could: false where somebody has written or deleted it since, which the
    /// resourceVersion shows.
    async fn renew(&mut self, mut lease: Lease) -> Result<bool, WriteError> {
        let before = lease.spec.take();
        lease.metadata = self.metadata(lease.metadata);
        lease.spec = Some(self.record(before.as_ref()));
        match bounded(self.api.replace(&self.claim.name, &PostParams::default(), &lease)).await {
            Ok(lease) => {
                self.written = Some(lease);
                Ok(true)
            }
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn look_and_write(&mut self, take: bool) -> Result<Attempt, WriteError> {
        let lease = bounded(self.api.get_opt(&self.claim.name)).await?;
        let spec = lease.as_ref().and_then(|lease| lease.spec.clone());
        let unchanged_for = self.unchanged_for(spec.as_ref());
        let own_store = !self.claim.standby && lease.as_ref().is_some_and(|lease| self.is_of_own_store(lease));
        let held = || {
            let holder = spec.as_ref().and_then(|spec| spec.holder_identity.clone());
            Attempt::Held(holder.filter(|holder| !holder.is_empty()).unwrap_or_else(|| "another process".to_owned()))
        };
        let written = match evaluate(&self.claim.identity, spec.as_ref(), own_store, unchanged_for) {
            Step::Wait => return Ok(held()),
            // Who had it meanwhile may have written: what this process knows may be old.
            Step::Take if !take => return Ok(held()),
            Step::Create if lease.is_none() => {
                let lease = Lease { metadata: self.metadata(ObjectMeta::default()), spec: Some(self.record(None)) };
                bounded(self.api.create(&PostParams::default(), &lease)).await
            }
            Step::Create | Step::Renew | Step::Take => {
                let Some(mut lease) = lease else { return Ok(Attempt::Contended) };
                lease.metadata = self.metadata(lease.metadata);
                lease.spec = Some(self.record(spec.as_ref()));
                // With the resourceVersion that was read: a race that is lost is a conflict, never two leaders.
                bounded(self.api.replace(&self.claim.name, &PostParams::default(), &lease)).await
            }
        };
        match written {
            Ok(lease) => {
                self.written = Some(lease);
                Ok(Attempt::Ours)
            }
            Err(WriteError::Api(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                Ok(Attempt::Contended)
            }
            Err(error) => Err(error),
        }
    }

    fn is_of_own_store(&self, lease: &Lease) -> bool {
        let named = lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(STORE_ANNOTATION));
        named.is_some() && named == self.claim.store.get()
    }

    fn metadata(&self, mut metadata: ObjectMeta) -> ObjectMeta {
        metadata.name = Some(self.claim.name.clone());
        if !self.claim.labels.is_empty() {
            metadata.labels.get_or_insert_default().extend(self.claim.labels.clone());
        }
        let annotations = metadata.annotations.get_or_insert_default();
        match self.claim.store.get() {
            Some(store) => annotations.insert(STORE_ANNOTATION.to_owned(), store.clone()),
            None => annotations.remove(STORE_ANNOTATION),
        };
        metadata
    }

    fn unchanged_for(&mut self, spec: Option<&LeaseSpec>) -> Duration {
        match (&self.seen, spec) {
            (Some((seen, since)), Some(spec)) if seen == spec => since.elapsed(),
            (_, Some(spec)) => {
                self.seen = Some((spec.clone(), Instant::now()));
                Duration::ZERO
            }
            (_, None) => Duration::ZERO,
        }
    }

    fn record(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(jiff::Timestamp::now());
        let ours = before.is_some_and(|before| before.holder_identity.as_deref() == Some(self.claim.identity.as_str()));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.claim.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: if ours { before.and_then(|before| before.acquire_time.clone()) } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours || before.is_none() { transitions } else { transitions.saturating_add(1) }),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) -> Result<(), WriteError> {
        let Some(mut lease) = bounded(self.api.get_opt(&self.claim.name)).await? else { return Ok(()) };
        let Some(spec) =
            lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&*self.claim.identity))
        else {
            return Ok(());
        };
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        bounded(self.api.replace(&self.claim.name, &PostParams::default(), &lease)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::{Method, StatusCode};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn leases_are_looked_at_each_second_and_at_the_moment_at_which_the_first_runs_out() {
        let lease = |seconds| LeaseSpec { lease_duration_seconds: Some(seconds), ..LeaseSpec::default() };
        let cases: [(&[(i32, u64)], u64); 6] = [
            (&[], 1_000),
            (&[(15, 0)], 1_000),
            (&[(15, 14_200)], 801),
            (&[(15, 14_200), (15, 14_700), (15, 3_000)], 301),
            // What has run out already is for others to take or to remove.
            (&[(15, 15_000), (15, 80_000)], 1_000),
            (&[(15, 80_000), (1, 900)], 101),
        ];
        for (seen, pause) in cases {
            let leases: Vec<LeaseSpec> = seen.iter().map(|(seconds, _)| lease(*seconds)).collect();
            let unchanged = leases.iter().zip(seen).map(|(lease, (_, since))| (lease, Duration::from_millis(*since)));
            assert_eq!(until_next_look(unchanged), Duration::from_millis(pause), "{seen:?}");
        }
    }

    #[test]
    fn a_lease_is_taken_only_when_its_holder_is_silent_for_its_whole_duration_or_had_our_own_store() {
        let held_by = |holder: &str, seconds: i32| LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        };
        let cases = [
            (None, false, 0, Step::Create),
            (Some(held_by("", 15)), false, 0, Step::Take),
            (Some(LeaseSpec::default()), false, 0, Step::Take),
            (Some(held_by("me", 15)), false, 0, Step::Renew),
            (Some(held_by("me", 15)), true, 60, Step::Renew),
            (Some(held_by("other", 15)), false, 14, Step::Wait),
            (Some(held_by("other", 15)), false, 15, Step::Take),
            (Some(held_by("other", 60)), false, 15, Step::Wait),
            (Some(held_by("other", 60)), true, 0, Step::Take),
        ];
        for (lease, own_store, unchanged, expected) in cases {
            let found = evaluate("me", lease.as_ref(), own_store, Duration::from_secs(unchanged));
            assert_eq!(found, expected, "{lease:?} {own_store} {unchanged}");
        }
    }

    /// An API server that holds one Lease, and counts how often it was looked at.
    #[derive(Default)]
    struct Server {
        lease: Mutex<Option<Value>>,
        looks: AtomicUsize,
    }

    impl Server {
        /// Writes the Lease as somebody else does.
        fn write(&self, change: impl FnOnce(&mut Value)) {
            let mut held = self.lease.lock().unwrap();
            let lease = held.as_mut().unwrap();
            change(lease);
            let version: u64 = lease["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
            lease["metadata"]["resourceVersion"] = json!((version + 1).to_string());
        }

        fn answer(&self, method: &Method, sent: &[u8]) -> (StatusCode, Value) {
            let mut held = self.lease.lock().unwrap();
            let version = |lease: &Value| lease["metadata"]["resourceVersion"].as_str().unwrap_or("0").to_owned();
            let refuse = |code: StatusCode, reason: &str| {
                let details = json!({"name": "bpo-operator", "kind": "leases"});
                (code, json!({"status": "Failure", "code": code.as_u16(), "reason": reason, "details": details}))
            };
            if method == Method::GET {
                self.looks.fetch_add(1, Ordering::SeqCst);
                return held
                    .clone()
                    .map_or_else(|| refuse(StatusCode::NOT_FOUND, "NotFound"), |it| (StatusCode::OK, it));
            }
            let mut lease: Value = serde_json::from_slice(sent).unwrap();
            if held.as_ref().map_or("0".to_owned(), version) != version(&lease) {
                return refuse(StatusCode::CONFLICT, "Conflict");
            }
            let next = version(&lease).parse::<u64>().unwrap() + 1;
            lease["metadata"]["resourceVersion"] = json!(next.to_string());
            *held = Some(lease.clone());
            (StatusCode::OK, lease)
        }
    }

    async fn candidate_at(server: &Arc<Server>) -> Candidate {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = server.clone();
        let router = axum::Router::new().fallback(move |method: Method, sent: axum::body::Bytes| async move {
            let (code, answer) = server.answer(&method, &sent);
            (code, [("content-type", "application/json")], answer.to_string())
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
        let [namespace, name, identity] = ["bpo-system", "bpo-operator", "me"].map(str::to_owned);
        let (store, labels) = (Arc::default(), BTreeMap::new());
        let claim = Claim { namespace, name, identity, store, standby: true, shared: false, labels };
        Candidate::new(client, claim, Fence::closed())
    }

    #[tokio::test]
    async fn a_lease_is_renewed_without_a_look_at_it_until_somebody_else_writes_it() {
        let server = Arc::new(Server::default());
        let mut candidate = candidate_at(&server).await;
        assert!(candidate.take(None).await.unwrap());
        let looks = || server.looks.load(Ordering::SeqCst);
        assert_eq!(looks(), 1);
        for _ in 0..3 {
            assert_eq!((candidate.attempt(false).await.unwrap(), looks()), (Attempt::Ours, 1));
        }
        server.write(|lease| lease["metadata"]["annotations"] = json!({"example.com/by": "somebody"}));
        assert_eq!((candidate.attempt(false).await.unwrap(), looks()), (Attempt::Ours, 2));
        assert_eq!((candidate.attempt(false).await.unwrap(), looks()), (Attempt::Ours, 2));
        let annotations = server.lease.lock().unwrap().as_ref().unwrap()["metadata"]["annotations"].clone();
        assert_eq!(annotations["example.com/by"], "somebody");
        server.write(|lease| lease["spec"]["holderIdentity"] = json!("other"));
        assert_eq!((candidate.attempt(false).await.unwrap(), looks()), (Attempt::Held("other".to_owned()), 3));
        *server.lease.lock().unwrap() = None;
        assert_eq!((candidate.attempt(false).await.unwrap(), looks()), (Attempt::Ours, 4), "it is made again");
    }
}
