//! What a kind brings to the driver: how it is observed, decided and applied.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::recording::RecordError;
use crate::api::condition::Kind;
use crate::cluster::write::WriteError;
use crate::domain::decision::Notice;
use crate::evidence::StoreError;

/// What a decision wants of an object.
pub struct Wanted<S, M> {
    /// Its status.
    pub status: S,
    /// Transitions.
    pub notices: Vec<Notice>,
    /// What the kind wants in addition: reports, for one.
    pub more: M,
    /// When time alone may change the decision.
    pub next: Option<Timestamp>,
}

/// A kind that the driver looks after.
pub trait Controlled:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + Sized
    + 'static
{
    /// Which kind.
    const KIND: Kind;
    /// Whether a look may take long, so that namespaces have turns.
    const IS_HEAVY: bool = false;
    /// Its status.
    type Status: Clone + PartialEq + Serialize + Send + Sync + 'static;
    /// What it takes to decide.
    type Observed: Send + Sync;
    /// What it wants in addition to a status and notices.
    type More: Send;

    /// The status that the object carries.
    fn status_of(&self) -> Option<&Self::Status>;

    /// Where a status repeats the wish for a look that it came of.
    fn last_handled(status: &mut Self::Status) -> &mut Option<String>;

    /// Forgets what would spare a look that somebody asked for.
    fn look_afresh(&self, _context: &Context) {}

    /// Gathers references and evidence: reads only. `previous` is the freshest status known.
    fn observe(
        object: Arc<Self>,
        previous: Option<Self::Status>,
        context: &Context,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self::Observed, ReconcileError>> + Send;

    /// Decides, from what was observed alone.
    fn decide(observed: &Self::Observed, now: Timestamp) -> Wanted<Self::Status, Self::More>;

    /// How much longer a first status may wait for what is under way, such as the first fetch of a feed; `None`: it is written. Asked
    /// only of objects without a status.
    fn first_status_waits(_observed: &Self::Observed) -> Option<Duration> {
        None
    }

    /// Applies what the kind wants in addition to its status, before the status. Returns a real time after which to look again.
    fn apply(
        observed: &Self::Observed,
        wanted: &Wanted<Self::Status, Self::More>,
        context: &Context,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Duration>, ReconcileError>> + Send;

    /// Shows the outcome to metrics and to other controllers, after the status was written.
    fn publish(observed: &Self::Observed, wanted: &Wanted<Self::Status, Self::More>, context: &Context);

    /// Takes back what `apply` and `publish` left in this process, for an object that is gone.
    fn forget(&self, context: &Context) {
        context.metrics.remove_object(self.meta().uid.as_deref().unwrap_or_default());
    }
}

/// Why a reconcile did not end.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A write failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The evidence cannot be read or written.
    #[error(transparent)]
    Evidence(#[from] StoreError),
    /// The computation was broken off.
    #[error("the judgement was broken off: {0}")]
    BrokenOff(String),
    /// Nothing is recorded while the clocks differ, nor of an instant that is not of now, and what was to be done rests on a record.
    #[error(
        "nothing is recorded now: this machine's clock and the API server's differ, or were not compared yet, or the clock was set \
         or more than an hour passed during the look; it is looked at again"
    )]
    ClocksDiffer,
    /// The API server has a newer spec of an object than the watch shows.
    #[error("the watch does not show the newest spec of {0} yet")]
    Behind(String),
}

impl ReconcileError {
    /// Whether somebody else was faster, so that it is tried again at once and quietly.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            ReconcileError::Write(error) => error.is_conflict(),
            ReconcileError::Behind(_) | ReconcileError::Evidence(StoreError::BrokenOff) => true,
            ReconcileError::Evidence(_) | ReconcileError::BrokenOff(_) | ReconcileError::ClocksDiffer => false,
        }
    }
}

impl From<RecordError> for ReconcileError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::ClocksDiffer => ReconcileError::ClocksDiffer,
            RecordError::Store(error) => ReconcileError::Evidence(error),
        }
    }
}
