//! The Secret of a user of an SSH server, whose keys have fixed names.

use url::Url;

use super::{Authentication, SecretReader, SecretValue};
use crate::api::feed::SshAuth;
use crate::api::scalar::SecretKeyReference;
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::ssh::{KNOWN_HOSTS, PASSWORD, PRIVATE_KEY, Proof, SshLogin, USERNAME, how_to_get_host_keys};

impl SecretReader<'_> {
    /// User and proof out of one Secret, and the host keys out of the same one or of a ConfigMap.
    pub(super) async fn ssh(&mut self, auth: &SshAuth, url: &Url) -> Result<Authentication, FetchError> {
        let name = &auth.secret_ref.name;
        // No message has the user, who is not taken out of them: names of servers and of Secrets often hold the same word.
        let username = self.key(name, USERNAME, url).await?;
        let has_key = self.kept(name, PRIVATE_KEY).await.is_ok();
        let proof = match has_key {
            true => Proof::Key(self.value(name, PRIVATE_KEY, url).await?),
            false => Proof::Password(self.value(name, PASSWORD, url).await.map_err(|error| neither(name, error))?),
        };
        let (host_keys, host_keys_from) = self.host_keys(auth, url).await?;
        Ok(Authentication::Ssh(Box::new(SshLogin { secret: name.clone(), username, proof, host_keys, host_keys_from })))
    }

    /// The keys of the server, and where they come from in words.
    async fn host_keys(&mut self, auth: &SshAuth, url: &Url) -> Result<(SecretValue, String), FetchError> {
        if let Some(SecretKeyReference { name, key }) = &auth.host_keys_config_map_ref {
            let from = format!("{} of ConfigMap {}", presentable(key, 40), presentable(name, 40));
            return Ok((SecretValue::new(self.config_map(name, key).await?), from));
        }
        let name = &auth.secret_ref.name;
        let keys = self.key(name, KNOWN_HOSTS, url).await.map_err(|error| unknown_server(name, url, error))?;
        Ok((keys, format!("{KNOWN_HOSTS} of Secret {}", presentable(name, 40))))
    }
}

fn neither(name: &str, error: FetchError) -> FetchError {
    if error.kind != FailureKind::SecretNotFound {
        return error;
    }
    let name = presentable(name, 80);
    let message = format!("Secret {name} has neither {PASSWORD:?} nor {PRIVATE_KEY:?}: write one of them");
    FetchError::new(FailureKind::SecretNotFound, message)
}

fn unknown_server(name: &str, url: &Url, error: FetchError) -> FetchError {
    if error.kind != FailureKind::SecretNotFound {
        return error;
    }
    let message = format!(
        "Secret {} has no value under the key {KNOWN_HOSTS:?}, so the server is not known: {}",
        presentable(name, 64),
        how_to_get_host_keys(url)
    );
    FetchError::new(FailureKind::SecretNotFound, message)
}
