//! The Secret of a user of an SSH server, whose keys have fixed names.

use url::Url;

use super::{Authentication, SecretReader};
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::ssh::{KNOWN_HOSTS, PASSWORD, PRIVATE_KEY, Proof, SshLogin, USERNAME, how_to_get_host_keys};

impl SecretReader<'_> {
    /// User, proof and host keys out of one Secret.
    pub(super) async fn ssh(&mut self, name: &str, url: &Url) -> Result<Authentication, FetchError> {
        // No message has the user, who is not taken out of them: names of servers and of Secrets often hold the same word.
        let username = self.key(name, USERNAME, url).await?;
        let has_key = self.kept(name, PRIVATE_KEY).await.is_ok();
        let proof = match has_key {
            true => Proof::Key(self.value(name, PRIVATE_KEY, url).await?),
            false => Proof::Password(self.value(name, PASSWORD, url).await.map_err(|error| neither(name, error))?),
        };
        let host_keys = self.key(name, KNOWN_HOSTS, url).await.map_err(|error| unknown_server(name, url, error))?;
        Ok(Authentication::Ssh(Box::new(SshLogin { secret: name.to_owned(), username, proof, host_keys })))
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
