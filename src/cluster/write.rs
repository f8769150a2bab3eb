//! Writes to the API server: each bounded in time, counted, and safe to repeat.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::client::CALL_TIMEOUT;
use super::errors::words;
use super::shards::Shards;
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::web::metrics::Metrics;

/// The name under which the operator owns fields and reports Events.
pub const FIELD_MANAGER: &str = "bpo-operator";

/// Why a call to the API server failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The server refused, or the connection broke.
    #[error("the API server says: {}", words(.0))]
    Api(#[from] kube::Error),
    /// No answer in time.
    #[error("the API server did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Timeout,
    /// The lease is not held now.
    #[error("nothing is written: this process does not hold its lease now")]
    NotLeading,
}

impl WriteError {
    /// Whether somebody else changed or removed the object meanwhile: no fault, to be looked at again at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, WriteError::Api(kube::Error::Api(status)) if status.is_conflict() || is_gone(status))
    }

    /// Whether the server does not take what is written, or what is stored already: it validates the whole object with each write.
    pub fn is_refused(&self) -> bool {
        matches!(self, WriteError::Api(kube::Error::Api(status)) if matches!(status.code, 422 | 500))
    }
}

/// Whether the object itself is not there. Where its kind or namespace is missing, the answer names no object, and asking again at
/// once would never end.
fn is_gone(status: &kube::core::Status) -> bool {
    let names_it =
        |details: &kube::core::response::StatusDetails| !details.name.is_empty() && details.kind != "namespaces";
    status.is_not_found() && status.details.as_ref().is_some_and(names_it)
}

/// Writes objects, and counts what it wrote.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    metrics: Metrics,
    instance: String,
    shards: Shards,
    rehearsal: bool,
}

/// What every Event begins with that was written on a rehearsal clock.
pub const REHEARSAL_MARK: &str = "REHEARSAL: ";

impl Writer {
    /// A writer that reports Events under `instance`, the name of this process or pod, and writes to the namespaces whose shards this
    /// process holds.
    /// `rehearsal`: whether each Event says that the clock is not the real one.
    pub fn new(client: Client, metrics: Metrics, instance: String, shards: Shards, rehearsal: bool) -> Self {
        Writer { client, metrics, instance, shards, rehearsal }
    }

    /// Makes a write to a namespace, if its lease is held, and waits no longer than it lasts.
    async fn fenced<T>(
        &self,
        namespace: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, WriteError> {
        let time = self.shards.time_for_a_call(namespace).ok_or(WriteError::NotLeading)?;
        bounded_by(time.min(CALL_TIMEOUT), call).await
    }

    /// Replaces the status of `object` by `status`; the operator owns all of it.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn status<K, S>(&self, object: &K, status: &S) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        S: Serialize,
    {
        // The UID keeps a status from landing on a successor of the same name.
        let document = serde_json::json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": object.name_any(), "uid": object.uid()},
            "status": status,
        });
        let namespace = object.namespace().unwrap_or_default();
        self.raw_status::<K>(&namespace, &object.name_any(), &document).await
    }

    /// Replaces the status of an object of kind `K` by that of `document`, whether or not the object can be decoded.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn raw_status<K>(
        &self,
        namespace: &str,
        name: &str,
        document: &serde_json::Value,
    ) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let resource = kube::api::ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        // What it is now comes with the watch: the answer is not decoded as an object of the kind.
        self.fenced(namespace, api.patch_status(name, &parameters, &Patch::Apply(document))).await?;
        self.metrics.api_write(&K::kind(&()), "status");
        Ok(())
    }

    /// Creates or replaces `document`, an object of kind `K`; the operator owns all that it holds.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn apply<K>(&self, namespace: &str, name: &str, document: &serde_json::Value) -> Result<K, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let written = self.fenced(namespace, api.patch(name, &parameters, &Patch::Apply(document))).await?;
        self.metrics.api_write(&K::kind(&()), "object");
        Ok(written)
    }

    /// The metadata of an object as the server has it now, with who wrote which field; `None` where it is gone.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn metadata_of<K>(&self, namespace: &str, name: &str) -> Result<Option<ObjectMeta>, WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        Ok(bounded(api.get_metadata_opt(name)).await?.map(|found| found.metadata))
    }

    /// Deletes exactly this object; that it is gone already is not an error.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn delete<K>(&self, object: &K) -> Result<(), WriteError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = self.api(object.meta());
        let parameters =
            DeleteParams::default().preconditions(Preconditions { uid: object.uid(), resource_version: None });
        let namespace = object.namespace().unwrap_or_default();
        match self.fenced(&namespace, api.delete(&object.name_any(), &parameters)).await {
            Ok(_) => {
                self.metrics.api_write(&K::kind(&()), "delete");
                Ok(())
            }
            Err(WriteError::Api(kube::Error::Api(status))) if status.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Publishes an Event on `regarding`; returns whether it is new. The same reason and key make the same Event: a repeat is not an
    /// error, and makes no second one.
    ///
    /// # Errors
    /// When the server refuses, is away or does not answer in time.
    pub async fn event(&self, regarding: &ObjectReference, event: &EventText<'_>) -> Result<bool, WriteError> {
        let namespace = regarding.namespace.clone().unwrap_or_default();
        let name = event_name(regarding, event);
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let mark = if self.rehearsal { REHEARSAL_MARK } else { "" };
        let note = format!("{mark}{}", event.note);
        let object = Event {
            metadata: ObjectMeta { name: Some(name), namespace: Some(namespace.clone()), ..ObjectMeta::default() },
            action: Some("Judge".to_owned()),
            event_time: Some(MicroTime(jiff::Timestamp::now())),
            note: Some(crate::domain::decision::conditions::cut(&note, 1_000)),
            reason: Some(event.reason.to_owned()),
            regarding: Some(regarding.clone()),
            reporting_controller: Some("bpo-operator.io/operator".to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        match self.fenced(&namespace, api.create(&PostParams::default(), &object)).await {
            Ok(_) => {
                self.metrics.api_write("Event", "object");
                Ok(true)
            }
            Err(WriteError::Api(kube::Error::Api(status))) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn api<K>(&self, meta: &ObjectMeta) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), meta.namespace.as_deref().unwrap_or_default())
    }
}

/// What an Event says.
#[derive(Clone, Copy, Debug)]
pub struct EventText<'a> {
    /// One word.
    pub reason: &'a str,
    /// The same transition has the same key.
    pub key: &'a str,
    /// A sentence.
    pub note: &'a str,
    /// Whether its type is Warning.
    pub warning: bool,
}

fn event_name(regarding: &ObjectReference, event: &EventText<'_>) -> String {
    let identity = format!("{}\n{}\n{}", regarding.uid.as_deref().unwrap_or_default(), event.reason, event.key);
    let digest = Sha256::digest(identity.as_bytes());
    let hex = hexadecimal(digest.iter().take(8));
    let object: String = regarding.name.as_deref().unwrap_or_default().chars().take(200).collect();
    format!("{object}.{hex}")
}

/// Waits for a call no longer than it may take.
///
/// # Errors
/// The call's own, or that it did not answer in time.
pub async fn bounded<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, WriteError> {
    bounded_by(CALL_TIMEOUT, call).await
}

async fn bounded_by<T>(
    time: std::time::Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, WriteError> {
    match tokio::time::timeout(time, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(WriteError::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is asked again at once, and what after a pause, by the API server's own answers.
    #[test]
    fn only_an_object_that_is_gone_or_was_changed_is_looked_at_again_at_once() {
        let answer = |code: u16, reason: &str, details: serde_json::Value| json!({"status": "Failure", "code": code, "reason": reason, "message": "no", "details": details});
        for (name, answer, at_once) in [
            ("the object is gone", answer(404, "NotFound", json!({"name": "level", "kind": "kpitargets"})), true),
            ("its kind is missing", answer(404, "NotFound", json!({})), false),
            ("its kind is missing, in other words", answer(404, "NotFound", json!(null)), false),
            ("its namespace is missing", answer(404, "NotFound", json!({"name": "care", "kind": "namespaces"})), false),
            ("somebody else was faster", answer(409, "Conflict", json!({"name": "level", "kind": "kpitargets"})), true),
            ("refused", answer(422, "Invalid", json!({"name": "level", "kind": "KpiTarget"})), false),
            ("too much", answer(429, "TooManyRequests", json!(null)), false),
        ] {
            let status: kube::core::Status = serde_json::from_value(answer).unwrap();
            let error = WriteError::Api(kube::Error::Api(status.into()));
            assert_eq!(error.is_conflict(), at_once, "{name}");
        }
        assert!(!WriteError::Timeout.is_conflict() && !WriteError::NotLeading.is_conflict());
    }
}
