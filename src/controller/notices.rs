//! Publishing notices: as Events on objects, and as lines of the log.

use std::time::Instant;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;

use super::context::Context;
use super::controlled::ReconcileError;
use crate::api::condition::EventReason;
use crate::cluster::write::{EventText, WriteError};
use crate::domain::decision::Notice;
use crate::outbound::error::presentable;

/// How many characters of a notice the log has.
const LONGEST_LINE: usize = 500;

/// Shows why an object waits, once while the clocks differ. Before they were compared there is nothing to show. An Event that was not taken
/// is tried again at the next look.
pub async fn say_that_clocks_differ<K: Resource<DynamicType = ()>>(context: &Context, object: &K) {
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let Some(news) = context.api_clock.news_for(uid) else { return };
    let notice = Notice::new(EventReason::ClockDiffers, "clock", news);
    match publish_notice(context, &object.object_ref(&()), &notice).await {
        Ok(()) => context.api_clock.announced(uid),
        Err(error) => tracing::debug!(%error, "that the clocks differ is not shown yet"),
    }
}

/// What recording returned; `None` where the clocks differ. An Event says so then: look again after
/// [`CLOCKS_RETRY`](crate::cluster::api_clock::CLOCKS_RETRY).
///
/// # Errors
/// Why else nothing is recorded.
pub async fn unless_clocks_differ<K: Resource<DynamicType = ()>, T>(
    context: &Context,
    object: &K,
    recorded: Result<T, impl Into<ReconcileError>>,
) -> Result<Option<T>, ReconcileError> {
    match recorded.map_err(Into::into) {
        Err(ReconcileError::ClocksDiffer) => {
            say_that_clocks_differ(context, object).await;
            Ok(None)
        }
        recorded => recorded.map(Some),
    }
}

/// Publishes a notice as an Event on an object, and as a line of the log: both once, whoever published it before.
/// One that the API server goes on refusing is given up with a line in the log: what rests on it is written all the same.
///
/// # Errors
/// When the API server does not take it, and it is to be tried again.
pub async fn publish_notice(context: &Context, regarding: &ObjectReference, notice: &Notice) -> Result<(), WriteError> {
    let text = EventText {
        reason: notice.reason.as_str(),
        key: &notice.key,
        note: &notice.note,
        warning: notice.reason.is_warning(),
    };
    let namespace = regarding.namespace.as_deref().unwrap_or_default();
    let event = format!("{}\n{}\n{}", regarding.uid.as_deref().unwrap_or_default(), text.reason, text.key);
    match context.writer.event(regarding, &text).await {
        Ok(is_new) => {
            context.event_tries.taken(namespace, &event);
            if is_new {
                let [kind, namespace, name] =
                    [&regarding.kind, &regarding.namespace, &regarding.name].map(Option::as_deref);
                tracing::info!(
                    kind,
                    namespace,
                    name,
                    reason = text.reason,
                    "{}",
                    presentable(&notice.note, LONGEST_LINE)
                );
            }
            Ok(())
        }
        Err(error @ WriteError::NotLeading) => Err(error),
        Err(error) if context.event_tries.failed(namespace, &event, Instant::now()) => Err(error),
        Err(error) => {
            let (name, reason, note) = (regarding.name.as_deref().unwrap_or_default(), text.reason, text.note);
            tracing::warn!(namespace, name, reason, note, %error, "an Event is given up: the API server does not take it");
            Ok(())
        }
    }
}
