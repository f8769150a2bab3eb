//! Secrets and certificate authorities of a feed, read at each fetch from the feed's own namespace and checked against where
//! their owner lets them go.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::error::{FailureKind, FetchError, presentable};
use super::jwt::JwtKey;
use super::login::Login;
use super::oauth2::{OAuth2Client, RefreshToken};
use super::secret::{Redactor, SecretData, SecretValue};
use super::sigv4::AwsKey;
use super::ssh::SshLogin;
use super::tls::TlsIdentity;
use crate::api::feed::{
    ApiKeyAuth, AwsSigV4Auth, CaReference, ClientIn, Feed, FeedAuth, HmacAuth, JwtBearerAuth, LoginAuth, NameValue,
    NamedSecret, OAuth2Auth, TokenHeader,
};
use crate::api::scalar::SecretKeyReference;
use crate::api::{ALLOWED_HOSTS_ANNOTATION, ROTATE_ANNOTATION};

/// Why a Secret or ConfigMap could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is none of that name.
    #[error("not found")]
    NotFound,
    /// The cluster did not answer, or not in time; says why.
    #[error("{0}")]
    Unavailable(String),
}

/// Reads Secrets and ConfigMaps by name: from the cluster, or from a test's memory.
pub trait CredentialSource: Send + Sync {
    /// The Secret `name` of `namespace`.
    fn secret<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<SecretData, CredentialError>>;

    /// The data of the ConfigMap `name` of `namespace`.
    fn config_map<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, CredentialError>>;

    /// Writes `new` into a key of a Secret, where it still holds `old`; says why it cannot.
    fn replace<'a>(
        &'a self,
        _namespace: &'a str,
        _name: &'a str,
        _key: &'a str,
        _old: &'a SecretValue,
        _new: &'a SecretValue,
    ) -> BoxFuture<'a, Result<(), CredentialError>> {
        Box::pin(async { Err(CredentialError::Unavailable("Secrets are only read here".to_owned())) })
    }
}

/// How the operator shows who it is, with the secrets themselves.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(SecretValue),
    /// `Authorization: Basic …`
    Basic {
        /// User name.
        username: SecretValue,
        /// Password.
        password: SecretValue,
    },
    /// A key in a header.
    HeaderKey {
        /// The header.
        header: String,
        /// The key.
        key: SecretValue,
    },
    /// A key in the query.
    QueryKey {
        /// The parameter.
        parameter: String,
        /// The key.
        key: SecretValue,
    },
    /// A token from a token endpoint.
    OAuth2(Box<OAuth2Client>),
    /// A token from a sign-in.
    Login(Box<Login>),
    /// A token that is signed here.
    JwtBearer(Box<JwtKey>),
    /// AWS Signature Version 4.
    AwsSigV4(Box<AwsKey>),
    /// A user of an SSH server.
    Ssh(Box<SshLogin>),
    /// A signature in a header.
    Hmac {
        /// The header.
        header: String,
        /// The key.
        key: SecretValue,
    },
}

/// Everything secret that one fetch needs.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Who the operator is.
    pub authentication: Authentication,
    /// Whom it trusts.
    pub tls: TlsIdentity,
    /// Takes these secrets out of texts.
    pub redactor: Redactor,
    /// The Secrets by name, with their annotations alone.
    owners: Vec<(String, SecretData)>,
}

impl Credentials {
    /// Whether a request may follow a link of the vendor's to another host, without any secret: each Secret of the feed lists it.
    ///
    /// # Errors
    /// Of kind `Denied`, with what to write.
    pub(crate) fn check_follows(&self, url: &Url) -> Result<(), FetchError> {
        for (name, secret) in &self.owners {
            secret.check_allowed(name, url).map_err(|_| {
                let (host, name) = (url.host_str().unwrap_or_default(), presentable(name, 64));
                let message = format!(
                    "the report lies on {}, which is not asked: list that host in the annotation {ALLOWED_HOSTS_ANNOTATION} of the \
                     Secret {name}; no secret is sent to it",
                    presentable(host, 80)
                );
                FetchError::new(FailureKind::Denied, message)
            })?;
        }
        Ok(())
    }

    /// Whether the pages of an answer may go on at another host, without any secret: there are Secrets, and each of them lists it.
    pub(crate) fn may_go_on_at(&self, url: &Url) -> bool {
        !self.owners.is_empty() && self.owners.iter().all(|(name, secret)| secret.check_allowed(name, url).is_ok())
    }

    /// Identifies credentials, so that connections of one are not used by another.
    pub fn identity(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        match &self.authentication {
            Authentication::None => part(b"none"),
            Authentication::Bearer(token) => [b"bearer".as_slice(), token.reveal()].into_iter().for_each(part),
            Authentication::Basic { username, password } => {
                [b"basic".as_slice(), username.reveal(), password.reveal()].into_iter().for_each(part);
            }
            Authentication::HeaderKey { header, key } => {
                [b"header".as_slice(), header.as_bytes(), key.reveal()].into_iter().for_each(part);
            }
            Authentication::QueryKey { parameter, key } => {
                [b"query".as_slice(), parameter.as_bytes(), key.reveal()].into_iter().for_each(part);
            }
            Authentication::OAuth2(client) => {
                part(b"oauth2");
                client.parts().iter().for_each(|text| part(text));
            }
            Authentication::Hmac { header, key } => {
                [b"hmac".as_slice(), header.as_bytes(), key.reveal()].into_iter().for_each(part)
            }
            Authentication::Login(login) => {
                let texts = [b"login".as_slice(), login.url.as_str().as_bytes(), login.json.as_bytes()];
                texts.into_iter().chain(login.secrets.iter().map(|(_, secret)| secret.reveal())).for_each(part);
            }
            Authentication::JwtBearer(key) => {
                part(b"jwt");
                key.parts().iter().for_each(|text| part(text));
            }
            Authentication::AwsSigV4(key) => {
                let token = key.session_token.as_ref().map_or(&[] as &[u8], |token| token.reveal());
                let texts = [b"aws".as_slice(), key.access_key_id.reveal(), key.secret_access_key.reveal(), token];
                texts.into_iter().for_each(part);
            }
            Authentication::Ssh(login) => {
                part(b"ssh");
                login.parts().into_iter().for_each(part);
            }
        }
        digest.finalize().into()
    }
}

/// Reads what `feed` refers to in `namespace`; `url` is the feed's, to whose host the secrets are going.
///
/// # Errors
/// `SecretNotFound`, `SecretNotAllowed`; `Connect` where the cluster does not answer; `Auth` where a value cannot be sent.
pub async fn resolve(
    feed: &Feed,
    url: &Url,
    namespace: &str,
    source: &dyn CredentialSource,
) -> Result<Credentials, FetchError> {
    let mut reader = SecretReader::new(namespace, source);
    let authentication = match &feed.auth {
        None => Authentication::None,
        Some(auth) => reader.authentication(auth, url).await?,
    };
    let mut tls = TlsIdentity::default();
    if let Some(wanted) = &feed.tls {
        if let Some(authorities) = &wanted.ca_ref {
            tls.authorities = Some(reader.authorities(authorities, url).await?);
        }
        if let Some(reference) = &wanted.client_certificate_secret_ref {
            let chain = reader.key(&reference.name, "tls.crt", url).await?;
            let key = reader.value(&reference.name, "tls.key", url).await?;
            tls.client_certificate = Some((chain.reveal().to_vec(), key));
        }
    }
    let annotations = |secret: SecretData| SecretData { annotations: secret.annotations, ..SecretData::default() };
    let owners = reader.secrets.into_iter().map(|(name, secret)| (name, annotations(secret))).collect();
    Ok(Credentials { authentication, tls, redactor: reader.redactor, owners })
}

/// Reads values of the Secrets of one namespace, and remembers them to take them out of texts.
pub(crate) struct SecretReader<'a> {
    namespace: &'a str,
    source: &'a dyn CredentialSource,
    /// Each Secret is read once, so that its keys belong together.
    secrets: BTreeMap<String, SecretData>,
    redactor: Redactor,
}

impl<'a> SecretReader<'a> {
    /// A reader that has read nothing yet.
    pub(crate) fn new(namespace: &'a str, source: &'a dyn CredentialSource) -> Self {
        SecretReader { namespace, source, secrets: BTreeMap::new(), redactor: Redactor::default() }
    }

    async fn authentication(&mut self, auth: &FeedAuth, url: &Url) -> Result<Authentication, FetchError> {
        if let Some(bearer) = &auth.bearer {
            return Ok(Authentication::Bearer(self.referred(&bearer.token_secret_ref, url).await?));
        }
        if let Some(basic) = &auth.basic {
            let username = self.identifier(&basic.username_secret_ref, url).await?;
            let password = self.referred(&basic.password_secret_ref, url).await?;
            self.redactor.add(pair(&username, &password));
            return Ok(Authentication::Basic { username, password });
        }
        if let Some(ApiKeyAuth { header, query, secret_ref }) = &auth.api_key {
            let key = self.referred(secret_ref, url).await?;
            return Ok(match (header, query) {
                (Some(header), _) => Authentication::HeaderKey { header: header.clone(), key },
                (None, Some(parameter)) => Authentication::QueryKey { parameter: parameter.clone(), key },
                (None, None) => {
                    return Err(FetchError::new(FailureKind::Auth, "auth.apiKey names neither header nor query"));
                }
            });
        }
        if let Some(oauth2) = &auth.oauth2 {
            return self.oauth2(oauth2, url).await;
        }
        if let Some(HmacAuth { secret_ref, header }) = &auth.hmac {
            let key = self.referred(secret_ref, url).await?;
            return Ok(Authentication::Hmac { header: header.clone(), key });
        }
        if let Some(login) = &auth.login {
            return self.login(login, url).await;
        }
        if let Some(key) = &auth.aws_sig_v4 {
            return self.aws_key(key, url).await;
        }
        if let Some(key) = &auth.jwt_bearer {
            return self.jwt_key(key, url).await;
        }
        if let Some(ssh) = &auth.ssh_key {
            return self.ssh(ssh, url).await;
        }
        Ok(Authentication::None)
    }

    async fn login(&mut self, login: &LoginAuth, url: &Url) -> Result<Authentication, FetchError> {
        let login_url = parse_url(&login.url)?;
        let mut secrets = Vec::new();
        for NamedSecret { name, secret_ref } in &login.secrets {
            // The token that they are exchanged for goes to the feed, so its host must be allowed, too.
            self.secret(&secret_ref.name, &secret_ref.key).await?.check_allowed(&secret_ref.name, url)?;
            secrets.push((name.clone(), self.referred(secret_ref, &login_url).await?));
        }
        let (header, prefix) = match &login.send {
            None => ("Authorization".to_owned(), "Bearer ".to_owned()),
            Some(TokenHeader { header, prefix }) => (header.clone(), prefix.clone().unwrap_or_default()),
        };
        let (json, token, lifetime) = (login.json.clone(), login.token.clone(), login.lifetime.clone());
        Ok(Authentication::Login(Box::new(Login { url: login_url, json, secrets, token, lifetime, header, prefix })))
    }

    async fn aws_key(&mut self, key: &AwsSigV4Auth, url: &Url) -> Result<Authentication, FetchError> {
        let session_token = match &key.session_token_secret_ref {
            Some(reference) => Some(self.referred(reference, url).await?),
            None => None,
        };
        Ok(Authentication::AwsSigV4(Box::new(AwsKey {
            region: key.region.clone(),
            service: key.service.clone(),
            access_key_id: self.referred(&key.access_key_id_secret_ref, url).await?,
            secret_access_key: self.referred(&key.secret_access_key_secret_ref, url).await?,
            session_token,
        })))
    }

    async fn jwt_key(&mut self, jwt: &JwtBearerAuth, url: &Url) -> Result<Authentication, FetchError> {
        // The key stays here, but what it signs is worth as much, and so is the token that it is exchanged for.
        let key = self.referred(&jwt.key_secret_ref, url).await?;
        let token_url = jwt.token_url.as_deref().map(parse_url).transpose()?;
        if let Some(token_url) = &token_url {
            self.referred(&jwt.key_secret_ref, token_url).await?;
        }
        Ok(Authentication::JwtBearer(Box::new(JwtKey {
            token_url,
            key,
            algorithm: jwt.algorithm,
            key_id: jwt.key_id.clone(),
            issuer: jwt.issuer.clone(),
            subject: jwt.subject.clone(),
            audience: jwt.audience.clone(),
            scopes: jwt.scopes.clone(),
        })))
    }

    async fn oauth2(&mut self, oauth2: &OAuth2Auth, url: &Url) -> Result<Authentication, FetchError> {
        // These secrets go to the token endpoint; the token that they buy goes to the feed, and is worth as much.
        let token_url = parse_url(&oauth2.token_url)?;
        let (id, secret) = (&oauth2.client_id_secret_ref, &oauth2.client_secret_secret_ref);
        self.key(&secret.name, &secret.key, url).await?;
        let refresh = match &oauth2.refresh_token_secret_ref {
            Some(reference) => Some(self.refresh_token(reference, &token_url, url).await?),
            None => None,
        };
        let pair = |pair: &NameValue| (pair.name.clone(), pair.value.clone());
        Ok(Authentication::OAuth2(Box::new(OAuth2Client {
            client_id: self.identifier(id, &token_url).await?,
            client_secret: self.referred(secret, &token_url).await?,
            in_form: oauth2.client_in == Some(ClientIn::Form),
            token_url,
            scopes: oauth2.scopes.clone(),
            audience: oauth2.audience.clone(),
            parameters: oauth2.parameters.iter().map(pair).collect(),
            refresh,
        })))
    }

    async fn refresh_token(
        &mut self,
        reference: &SecretKeyReference,
        token_url: &Url,
        url: &Url,
    ) -> Result<RefreshToken, FetchError> {
        let SecretKeyReference { name, key } = reference;
        self.key(name, key, url).await?;
        let value = self.referred(reference, token_url).await?;
        let annotations = &self.secret(name, key).await?.annotations;
        let may_be_replaced = annotations.get(ROTATE_ANNOTATION).is_some_and(|value| value == "true");
        Ok(RefreshToken { secret: name.clone(), key: key.clone(), value, may_be_replaced })
    }

    async fn authorities(&mut self, reference: &CaReference, url: &Url) -> Result<Vec<u8>, FetchError> {
        if let Some(SecretKeyReference { name, key }) = &reference.secret_ref {
            return Ok(self.key(name, key, url).await?.reveal().to_vec());
        }
        let Some(SecretKeyReference { name, key }) = &reference.config_map_ref else {
            return Err(FetchError::new(FailureKind::Tls, "tls.caRef names neither configMapRef nor secretRef"));
        };
        Ok(self.config_map(name, key).await?.into_bytes())
    }

    async fn config_map(&self, name: &str, key: &str) -> Result<String, FetchError> {
        let found = self.source.config_map(self.namespace, name).await.map_err(|e| unread("ConfigMap", name, e))?;
        found.get(key).cloned().ok_or_else(|| no_key("ConfigMap", name, key))
    }

    /// A value that may go to the host of `url`.
    pub(crate) async fn referred(
        &mut self,
        reference: &SecretKeyReference,
        url: &Url,
    ) -> Result<SecretValue, FetchError> {
        self.value(&reference.name, &reference.key, url).await
    }

    /// A user name or client id that may go to the host of `url`: not shown in messages, but no token either.
    async fn identifier(&mut self, reference: &SecretKeyReference, url: &Url) -> Result<SecretValue, FetchError> {
        let value = self.key(&reference.name, &reference.key, url).await?;
        self.redactor.add_identifier(value.clone());
        Ok(value)
    }

    /// A value that must not be shown.
    async fn value(&mut self, name: &str, key: &str, url: &Url) -> Result<SecretValue, FetchError> {
        let value = self.key(name, key, url).await?;
        self.redactor.add(value.clone());
        Ok(value)
    }

    async fn key(&mut self, name: &str, key: &str, url: &Url) -> Result<SecretValue, FetchError> {
        self.secret(name, key).await?.check_allowed(name, url)?;
        self.kept(name, key).await
    }

    /// A value that stays here, or that has to be known before it is known where it would go.
    pub(crate) async fn kept(&mut self, name: &str, key: &str) -> Result<SecretValue, FetchError> {
        let value = self.secret(name, key).await?.data.get(key).filter(|value| !value.reveal_line().is_empty());
        value.cloned().ok_or_else(|| no_key("Secret", name, key))
    }

    async fn secret(&mut self, name: &str, key: &str) -> Result<&SecretData, FetchError> {
        if !self.secrets.contains_key(name) {
            let found = self.source.secret(self.namespace, name).await.map_err(|e| unread("Secret", name, e))?;
            self.secrets.insert(name.to_owned(), found);
        }
        self.secrets.get(name).ok_or_else(|| no_key("Secret", name, key))
    }
}

mod ssh;

/// User name and password as `Authorization: Basic` carries them.
pub(crate) fn pair(username: &SecretValue, password: &SecretValue) -> SecretValue {
    let pair = Zeroizing::new([username.reveal_line(), b":", password.reveal_line()].concat());
    SecretValue::new(STANDARD.encode(&*pair))
}

/// Reads a URL of a spec.
///
/// # Errors
/// Of kind `Denied`; the text is not quoted, since it may hold what must not be shown.
pub(crate) fn parse_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text).map_err(|error| FetchError::new(FailureKind::Denied, format!("the URL cannot be read: {error}")))
}

fn unread(kind: &str, name: &str, error: CredentialError) -> FetchError {
    let name = presentable(name, 80);
    match error {
        CredentialError::NotFound => {
            FetchError::new(FailureKind::SecretNotFound, format!("{kind} {name} is not found"))
        }
        CredentialError::Unavailable(why) => {
            FetchError::new(FailureKind::Connect, format!("{kind} {name} cannot be read from the cluster: {why}"))
                .of_the_cluster()
        }
    }
}

fn no_key(kind: &str, name: &str, key: &str) -> FetchError {
    let (name, key) = (presentable(name, 80), presentable(key, 60));
    FetchError::new(FailureKind::SecretNotFound, format!("{kind} {name} has no value under the key {key:?}"))
}

#[cfg(test)]
pub(crate) mod tests;
