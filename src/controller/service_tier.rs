//! The controller of ServiceTiers: it shows how each fits its contracts, and what its customers got.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::context::Context;
use super::driver::{Controlled, ReconcileError, Wanted};
use crate::api::condition::Kind;
use crate::api::service_tier::{ServiceTierStatus, SliceStatus, TierFinding};
use crate::api::{ServiceTier, VendorContract};
use crate::domain::decision::FeedHealth;
use crate::domain::decision::service_tier::{ObservedServiceTier, ServiceTierDecision, decide_service_tier};
use crate::domain::facts::InvalidSpec;
use crate::domain::validation::validate_service_tier;

/// What is observed of a ServiceTier.
pub struct Observed {
    object: Arc<ServiceTier>,
    previous: Option<ServiceTierStatus>,
    contracts: Vec<String>,
    findings: Vec<TierFinding>,
    slices: Vec<(Timestamp, SliceStatus)>,
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
        let mut contracts: Vec<String> =
            crate::cluster::watch::decoded(&context.stores.contracts, |contract: &VendorContract| {
                contract.namespace().as_deref() == Some(&namespace) && contract.spec.tiers.contains(&name)
            })
            .iter()
            .map(|contract| contract.name_any())
            .collect();
        contracts.sort();
        let mut findings: Vec<TierFinding> = Vec::new();
        let mut slices = Vec::new();
        let mut may_wait = false;
        for contract in &contracts {
            let Some(judged) = context.judged(&namespace, contract) else {
                may_wait = true;
                continue;
            };
            may_wait |= judged.feeds.values().any(FeedHealth::is_being_fetched_first);
            for finding in crate::domain::decision::service_tier::findings_of(&name, &judged.terms) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
            if let Ok(judgement) = judged.judgement.as_ref() {
                slices.extend(crate::domain::decision::service_tier::slices_of(&name, contract, judgement));
            }
        }
        let uid = object.uid().unwrap_or_default();
        let may_wait = may_wait && previous.is_none();
        let waits = if may_wait { context.first_looks.left(&uid, Instant::now()) } else { None };
        Ok(Observed { object, previous, contracts, findings, slices, waits })
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
                contracts: observed.contracts.clone(),
                findings: observed.findings.clone(),
                slices: observed.slices.clone(),
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
