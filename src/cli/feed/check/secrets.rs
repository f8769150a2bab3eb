//! Secrets and ConfigMaps from manifests, in place of those of a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{LARGEST_CREDENTIAL, read_bounded};
use crate::outbound::credentials::{CredentialError, CredentialSource};
use crate::outbound::secret::{SecretData, SecretValue};

/// What the manifests hold, by name; namespaces do not count.
#[derive(Default)]
pub(super) struct Manifested {
    secrets: BTreeMap<String, SecretData>,
    config_maps: BTreeMap<String, BTreeMap<String, String>>,
}

impl Manifested {
    /// Reads manifests of Secrets and ConfigMaps.
    ///
    /// # Errors
    /// What is wrong with a file; its content is never quoted.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let mut found = Manifested::default();
        for path in paths {
            let shown = path.display();
            let content = String::from_utf8(read_bounded(path, LARGEST_CREDENTIAL)?)
                .map_err(|_| format!("{shown}: the file is not UTF-8"))?;
            let documents: Vec<Value> =
                serde_saphyr::from_multiple(&content).map_err(|_| format!("{shown}: the file is not YAML"))?;
            for document in documents {
                found.take(&document).map_err(|what| format!("{shown}: {what}"))?;
            }
        }
        Ok(found)
    }

    fn take(&mut self, document: &Value) -> Result<(), &'static str> {
        let texts = |pointer: &str| -> BTreeMap<String, String> {
            let members = document.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
            members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        };
        let name =
            document.pointer("/metadata/name").and_then(Value::as_str).ok_or("an object has no metadata.name")?;
        match document.get("kind").and_then(Value::as_str) {
            Some("Secret") => {
                let decoded = |(key, text): (String, String)| -> Result<(String, SecretValue), &'static str> {
                    let bytes = STANDARD
                        .decode(text.trim())
                        .map_err(|_| "a value under `data` is not base64: write it under `stringData`")?;
                    Ok((key, SecretValue::new(bytes)))
                };
                let mut data: BTreeMap<String, SecretValue> =
                    texts("/data").into_iter().map(decoded).collect::<Result<_, &'static str>>()?;
                data.extend(texts("/stringData").into_iter().map(|(key, text)| (key, SecretValue::new(text))));
                let annotations = texts("/metadata/annotations");
                self.secrets.insert(name.to_owned(), SecretData { annotations, data });
                Ok(())
            }
            Some("ConfigMap") => {
                self.config_maps.insert(name.to_owned(), texts("/data"));
                Ok(())
            }
            _ => Err("an object is neither a Secret nor a ConfigMap"),
        }
    }
}

impl CredentialSource for Manifested {
    fn secret<'a>(&'a self, _: &'a str, name: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>> {
        Box::pin(async move { self.secrets.get(name).cloned().ok_or(CredentialError::NotFound) })
    }

    fn config_map<'a>(
        &'a self,
        _: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, CredentialError>> {
        Box::pin(async move { self.config_maps.get(name).cloned().ok_or(CredentialError::NotFound) })
    }
}
