//! Leader election by a Lease: one replica works, the others stand by.
//!
//! Whether a lease has run out is judged by "its record has not changed for one lease duration on my own clock", never by
//! comparing times of two machines. What to do is a pure function of the record and that; the loop only carries it out.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use super::write::{WriteError, bounded};

/// How long a leader is the leader without a renewal.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How long a leader may fail to renew before it must stop: shorter than the lease, so that it stops before another starts.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the lease is renewed or looked at.
const RETRY: Duration = Duration::from_secs(2);
/// How long one attempt may take: under half of the deadline, so that one stalled call does not lose the lease.
const ATTEMPT: Duration = Duration::from_secs(4);

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
pub fn evaluate(identity: &str, lease: Option<&LeaseSpec>, unchanged_for: Duration) -> Step {
    let Some(lease) = lease else { return Step::Create };
    let seconds = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let duration = seconds.map_or(LEASE_DURATION, Duration::from_secs);
    match lease.holder_identity.as_deref() {
        None | Some("") => Step::Take,
        Some(holder) if holder == identity => Step::Renew,
        Some(_) if unchanged_for >= duration => Step::Take,
        Some(_) => Step::Wait,
    }
}

/// A replica that wants to lead.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    seen: Option<(LeaseSpec, Instant)>,
}

impl Candidate {
    /// A candidate for the lease `name` in `namespace`, under an identity that no other replica has.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        Candidate {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
        }
    }

    /// Waits until this replica leads. False: `stop` came first.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> bool {
        loop {
            match self.attempt().await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(lease = self.name, %error, "cannot ask for the lease; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Renews the lease until `finished`, and cancels `lost` when it cannot be held. Gives the lease back at the end.
    pub async fn hold(mut self, finished: CancellationToken, lost: CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = finished.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
            // Taken before the request is sent: what the server grants runs from no later than this.
            let asked = Instant::now();
            // A process that was stopped and continued finds its deadline past before it writes anything.
            if asked.duration_since(renewed) >= RENEW_DEADLINE {
                tracing::error!(lease = self.name, "the lease was not renewed in time");
                lost.cancel();
                return;
            }
            match self.attempt().await {
                Ok(true) => renewed = asked,
                Ok(false) => {
                    tracing::error!(lease = self.name, "another replica holds the lease");
                    lost.cancel();
                    return;
                }
                Err(error) => tracing::warn!(lease = self.name, %error, "the lease could not be renewed; trying again"),
            }
        }
        if let Err(error) = self.release().await {
            tracing::debug!(lease = self.name, %error, "the lease could not be given back; it runs out by itself");
        }
    }

    /// One look and at most one write. True: the lease is ours.
    async fn attempt(&mut self) -> Result<bool, WriteError> {
        match tokio::time::timeout(ATTEMPT, self.look_and_write()).await {
            Ok(result) => result,
            Err(_) => Err(WriteError::Timeout),
        }
    }

    async fn look_and_write(&mut self) -> Result<bool, WriteError> {
        let lease = bounded(self.api.get_opt(&self.name)).await?;
        let spec = lease.as_ref().and_then(|lease| lease.spec.clone());
        let unchanged_for = self.unchanged_for(spec.as_ref());
        let written = match evaluate(&self.identity, spec.as_ref(), unchanged_for) {
            Step::Wait => return Ok(false),
            Step::Create if lease.is_none() => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.record(None)) };
                bounded(self.api.create(&PostParams::default(), &lease)).await
            }
            Step::Create | Step::Renew | Step::Take => {
                let Some(mut lease) = lease else { return Ok(false) };
                lease.spec = Some(self.record(spec.as_ref()));
                // With the resourceVersion that was read: a race that is lost is a conflict, never two leaders.
                bounded(self.api.replace(&self.name, &PostParams::default(), &lease)).await
            }
        };
        match written {
            Ok(_) => Ok(true),
            Err(WriteError::Api(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
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
        let ours = before.is_some_and(|before| before.holder_identity.as_deref() == Some(self.identity.as_str()));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: if ours { before.and_then(|before| before.acquire_time.clone()) } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours || before.is_none() { transitions } else { transitions.saturating_add(1) }),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) -> Result<(), WriteError> {
        let Some(mut lease) = bounded(self.api.get_opt(&self.name)).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&*self.identity))
        else {
            return Ok(());
        };
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        bounded(self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_only_when_its_holder_is_silent_for_its_whole_duration() {
        let held_by = |holder: &str, seconds: i32| LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        };
        let cases = [
            (None, 0, Step::Create),
            (Some(held_by("", 15)), 0, Step::Take),
            (Some(LeaseSpec::default()), 0, Step::Take),
            (Some(held_by("me", 15)), 0, Step::Renew),
            (Some(held_by("me", 15)), 60, Step::Renew),
            (Some(held_by("other", 15)), 14, Step::Wait),
            (Some(held_by("other", 15)), 15, Step::Take),
            (Some(held_by("other", 60)), 15, Step::Wait),
        ];
        for (lease, unchanged, expected) in cases {
            assert_eq!(
                evaluate("me", lease.as_ref(), Duration::from_secs(unchanged)),
                expected,
                "{lease:?} {unchanged}"
            );
        }
    }
}
