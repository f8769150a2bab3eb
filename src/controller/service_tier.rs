//! The controller of ServiceTiers: it shows how each fits its contracts, and what its customers got.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::Context;
use super::controlled::{Controlled, ReconcileError, Wanted};
use super::holdings::WatchedNamespace;
use crate::api::ServiceTier;
use crate::api::condition::Kind;
use crate::api::service_tier::ServiceTierStatus;
use crate::domain::decision::service_tier::{ObservedServiceTier, ServiceTierDecision, decide_service_tier};
use crate::domain::holdings::{HeldTier, observe_tier};
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::validation::validate_service_tier;

/// What is observed of a ServiceTier.
pub struct Observed {
    object: Arc<ServiceTier>,
    previous: Option<ServiceTierStatus>,
    held: HeldTier,
    /// How much longer the first status waits for the first verdicts of its contracts.
    waits: Option<Duration>,
}

impl Controlled for ServiceTier {
    const KIND: Kind = Kind::ServiceTier;
    type Status = ServiceTierStatus;
    type Observed = Observed;
    type More = ();

    fn status_of(&self) -> Option<&ServiceTierStatus> {
        self.status.as_ref()
    }

    fn last_handled(status: &mut ServiceTierStatus) -> &mut Option<String> {
        &mut status.last_handled_request
    }

    async fn observe(
        object: Arc<Self>,
        previous: Option<ServiceTierStatus>,
        context: &Context,
        _now: Timestamp,
    ) -> Result<Observed, ReconcileError> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let held = observe_tier(&WatchedNamespace::of(context, &namespace), &name);
        let uid = object.uid().unwrap_or_default();
        let may_wait = held.awaits_verdict && previous.is_none();
        let waits = if may_wait { context.first_looks.left(&uid, Instant::now()) } else { None };
        Ok(Observed { object, previous, held, waits })
    }

    fn first_status_waits(observed: &Observed) -> Option<Duration> {
        observed.waits
    }

    fn decide(observed: &Observed, now: Timestamp) -> Wanted<ServiceTierStatus, ()> {
        let findings = validate_service_tier(&observed.object.name_any(), &observed.object.spec);
        let ServiceTierDecision { status, notices } = decide_service_tier(
            &ObservedServiceTier {
                generation: observed.object.metadata.generation,
                previous: observed.previous.as_ref(),
                spec: &observed.object.spec,
                invalid: (!findings.is_empty()).then_some(InvalidSpec(findings)),
                contracts: observed.held.contracts.clone(),
                findings: observed.held.findings.clone(),
                slices: observed.held.slices.clone(),
            },
            now,
        );
        Wanted { status, notices, more: (), next: None }
    }

    async fn apply(
        _observed: &Observed,
        _wanted: &Wanted<ServiceTierStatus, ()>,
        _context: &Context,
        _now: Timestamp,
    ) -> Result<Option<Duration>, ReconcileError> {
        Ok(None)
    }

    fn publish(_observed: &Observed, _wanted: &Wanted<ServiceTierStatus, ()>, _context: &Context) {}
}
