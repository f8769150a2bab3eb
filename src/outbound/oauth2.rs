//! An OAuth2 client: what its token endpoint is asked with, and what happens to a refresh token that changes with each use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::{self, Serializer};

use super::error::{FailureKind, FetchError, presentable};
use super::secret::SecretValue;
use crate::api::ROTATE_ANNOTATION;

/// A client of a token endpoint, with its secrets.
#[derive(Clone, Debug)]
pub struct OAuth2Client {
    /// The token endpoint.
    pub token_url: Url,
    /// Client id.
    pub client_id: SecretValue,
    /// Client secret.
    pub client_secret: SecretValue,
    /// Whether id and secret are fields of the form, instead of a Basic pair.
    pub in_form: bool,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Audience to ask for.
    pub audience: Option<String>,
    /// Further fields of the form.
    pub parameters: Vec<(String, String)>,
    /// The token that tokens are got with; none where the client's own secret is enough.
    pub refresh: Option<RefreshToken>,
}

/// A refresh token, and where it is kept.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// Name of the Secret.
    pub secret: String,
    /// Its key.
    pub key: String,
    /// The token as the Secret has it.
    pub value: SecretValue,
    /// Whether the owner of the Secret lets a new token be written into it.
    pub may_be_replaced: bool,
}

/// A refresh token that the vendor gave instead of the one in the Secret.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    /// Whose place it takes.
    pub(crate) old: RefreshToken,
    /// The new one.
    pub(crate) new: SecretValue,
}

impl Replacement {
    /// What to say where the owner of the Secret does not let it be written.
    pub(crate) fn unwritten(&self) -> String {
        format!(
            "the vendor issues a new refresh token with each use, which is lost when the operator ends: write the annotation \
             {ROTATE_ANNOTATION}: \"true\" on the Secret {}, and let the operator patch it",
            presentable(&self.old.secret, 64)
        )
    }

    /// What to say where the cluster does not take it.
    pub(crate) fn refused(&self, why: &str) -> String {
        let (secret, why) = (presentable(&self.old.secret, 64), presentable(why, 160));
        format!(
            "the vendor gave a new refresh token, which cannot be written into the Secret {secret} ({why}): let the operator patch it"
        )
    }
}

fn encoded(value: &SecretValue) -> String {
    form_urlencoded::byte_serialize(value.reveal_line()).collect()
}

impl OAuth2Client {
    /// What identifies the client, since the tokens of another one are not its own; of a refresh token, the one in the Secret.
    pub(crate) fn parts(&self) -> Vec<Vec<u8>> {
        let form = [self.scopes.join(" "), self.audience.clone().unwrap_or_default()];
        let fields = self.parameters.iter().flat_map(|(name, value)| [name.clone(), value.clone()]);
        let secrets = [self.token_url.as_str().as_bytes(), self.client_id.reveal(), self.client_secret.reveal()];
        let refresh = self.refresh.iter().map(|refresh| refresh.value.reveal().to_vec());
        let texts = form.into_iter().chain(fields).map(String::into_bytes);
        secrets.into_iter().map(<[u8]>::to_vec).chain(texts).chain(refresh).collect()
    }

    /// Identifies its refresh token.
    pub(crate) fn key_of_refresh(&self) -> Option<[u8; 32]> {
        let refresh = self.refresh.as_ref()?;
        let mut digest = Sha256::new();
        for part in [self.token_url.as_str().as_bytes(), self.client_id.reveal(), refresh.value.reveal()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Some(digest.finalize().into())
    }

    /// The header that shows who the client is, unless the form does. RFC 6749 §2.3.1: id and secret are form-encoded before they
    /// become a Basic pair.
    pub(crate) fn authorization(&self) -> Option<SecretValue> {
        let pair = format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret));
        (!self.in_form).then(|| SecretValue::new(format!("Basic {}", STANDARD.encode(pair))))
    }

    /// The form that is posted; `refresh` is the refresh token that counts now.
    ///
    /// # Errors
    /// `Auth` where a secret is not text.
    pub(crate) fn form(&self, refresh: Option<&SecretValue>) -> Result<String, FetchError> {
        let text = |secret: &SecretValue| {
            std::str::from_utf8(secret.reveal_line())
                .map(str::to_owned)
                .map_err(|_| FetchError::new(FailureKind::Auth, "auth.oauth2: a secret is not text"))
        };
        let mut form = Serializer::new(String::new());
        match refresh {
            None => form.append_pair("grant_type", "client_credentials"),
            Some(token) => form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", &text(token)?),
        };
        if self.in_form {
            form.append_pair("client_id", &text(&self.client_id)?);
            form.append_pair("client_secret", &text(&self.client_secret)?);
        }
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        if let Some(audience) = &self.audience {
            form.append_pair("audience", audience);
        }
        form.extend_pairs(&self.parameters);
        Ok(form.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_as_the_feed_says() {
        let client = OAuth2Client {
            token_url: Url::parse("https://sso.example/token").unwrap(),
            client_id: SecretValue::new("a:b c\n"),
            client_secret: SecretValue::new("p%w&"),
            in_form: false,
            scopes: vec![],
            audience: None,
            parameters: vec![],
            refresh: None,
        };
        let refresh = SecretValue::new("r+1\n");
        let whole = OAuth2Client {
            in_form: true,
            scopes: vec!["rows:read".into(), "x".into()],
            audience: Some("https://a".into()),
            parameters: vec![("resource".into(), "a b".into())],
            ..client.clone()
        };
        for (client, refresh, form, header) in [
            (&client, None, "grant_type=client_credentials", Some("Basic YSUzQWIrYzpwJTI1dyUyNg==")),
            (
                &client,
                Some(&refresh),
                "grant_type=refresh_token&refresh_token=r%2B1",
                Some("Basic YSUzQWIrYzpwJTI1dyUyNg=="),
            ),
            (
                &whole,
                Some(&refresh),
                "grant_type=refresh_token&refresh_token=r%2B1&client_id=a%3Ab+c&client_secret=p%25w%26&scope=rows%3Aread+x&audience=https%3A%2F%2Fa&resource=a+b",
                None,
            ),
        ] {
            assert_eq!(client.form(refresh).unwrap(), form);
            let found = client.authorization();
            assert_eq!(found.as_ref().map(SecretValue::reveal), header.map(str::as_bytes));
        }
    }
}
