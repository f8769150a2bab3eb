//! Secrets and ConfigMaps, read by name at each use from the object's own namespace, so that rotation needs no restart.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::write::{WriteError, bounded};
use crate::outbound::credentials::{CredentialError, CredentialSource};
use crate::outbound::secret::{SecretData, SecretValue};

/// Reads them from the API server.
pub struct ClusterCredentials {
    client: Client,
}

impl ClusterCredentials {
    /// A reader over a client.
    pub fn new(client: Client) -> Self {
        ClusterCredentials { client }
    }
}

impl CredentialSource for ClusterCredentials {
    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>> {
        Box::pin(async move {
            let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
            let secret = found(bounded(api.get_opt(name)).await)?;
            let data = secret.data.unwrap_or_default();
            Ok(SecretData {
                annotations: secret.metadata.annotations.unwrap_or_default(),
                data: data.into_iter().map(|(key, value)| (key, SecretValue::new(value.0))).collect(),
            })
        })
    }

    fn replace<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        key: &'a str,
        old: &'a SecretValue,
        new: &'a SecretValue,
    ) -> BoxFuture<'a, Result<(), CredentialError>> {
        Box::pin(async move {
            let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
            let secret = found(bounded(api.get_opt(name)).await)?;
            let known = secret.data.as_ref().and_then(|data| data.get(key));
            if known.is_none_or(|known| known.0 != old.reveal()) {
                return Err(CredentialError::Unavailable("it was changed meanwhile".to_owned()));
            }
            // With the version that was read: a change by others in between is not overwritten.
            let patch = json!({"metadata": {"resourceVersion": secret.metadata.resource_version},
                "data": {(key): STANDARD.encode(new.reveal())}});
            let patched = bounded(api.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await;
            patched.map(|_| ()).map_err(|error| CredentialError::Unavailable(error.to_string()))
        })
    }

    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, CredentialError>> {
        Box::pin(async move {
            let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
            let config_map = found(bounded(api.get_opt(name)).await)?;
            Ok(config_map.data.unwrap_or_default())
        })
    }
}

fn found<T>(answer: Result<Option<T>, WriteError>) -> Result<T, CredentialError> {
    answer.map_err(|error| CredentialError::Unavailable(error.to_string()))?.ok_or(CredentialError::NotFound)
}
