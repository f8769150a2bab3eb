//! How a request shows who sends it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use super::client::{FeedClient, PageRequest, PageResponse, Post};
use super::credentials::{Authentication, Credentials, pair};
use super::error::{FailureKind, FetchError};
use super::jwt::{self, JwtKey};
use super::login::{self, Login};
use super::request::Call;
use super::secret::{Redactor, SecretValue};
use super::sigv4;
use crate::clock::Clock;

/// The header that says when a request was signed, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-bpo-timestamp";

/// Tokens of token endpoints, kept until shortly before they end.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<[u8; 32], Token>>);

#[derive(Clone)]
struct Token {
    value: SecretValue,
    renew_at: Instant,
}

/// Tokens remembered; beyond, the one that ends first goes.
const MOST_TOKENS: usize = 1_024;
/// How long a token counts that does not say how long it lasts.
const UNSTATED_LIFETIME: u64 = 300;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    /// Seconds; some write them as a text.
    expires_in: Option<serde_json::Value>,
}

/// Adds to `call` what shows who asks.
///
/// # Errors
/// `Auth` where a secret cannot stand in a header or the token endpoint refuses; else as [`FeedClient::get`].
pub(crate) async fn sign(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
    call: &mut Call,
) -> Result<(), FetchError> {
    let headers = &mut call.headers;
    match &credentials.authentication {
        Authentication::None => {}
        Authentication::Bearer(token) => {
            headers.insert(AUTHORIZATION, sensitive(&[b"Bearer ", token.reveal_line()].concat())?);
        }
        Authentication::Basic { username, password } => {
            let pair = pair(username, password);
            headers.insert(AUTHORIZATION, sensitive(&[b"Basic ", pair.reveal()].concat())?);
        }
        Authentication::HeaderKey { header, key } => {
            headers.insert(header_name(header)?, sensitive(key.reveal_line())?);
        }
        Authentication::QueryKey { parameter, key } => {
            let key = std::str::from_utf8(key.reveal_line()).map_err(|_| unsendable())?;
            call.url.query_pairs_mut().append_pair(parameter, key);
        }
        Authentication::OAuth2 { .. } => {
            let token = token(client, credentials, tenant, timeout).await?;
            headers.insert(AUTHORIZATION, sensitive(&[b"Bearer ", token.reveal()].concat())?);
        }
        Authentication::Hmac { header, key } => {
            let timestamp = Clock::real().now().as_second().to_string();
            let signature = signature(key, call, &timestamp);
            let headers = &mut call.headers;
            headers.insert(header_name(header)?, sensitive(signature.as_bytes())?);
            headers.insert(HeaderName::from_static(TIMESTAMP_HEADER), sensitive(timestamp.as_bytes())?);
        }
        Authentication::Login(login) => {
            let token = token(client, credentials, tenant, timeout).await?;
            login.send(&token, headers)?;
        }
        Authentication::JwtBearer(_) => {
            let token = token(client, credentials, tenant, timeout).await?;
            headers.insert(AUTHORIZATION, sensitive(&[b"Bearer ", token.reveal()].concat())?);
        }
        Authentication::AwsSigV4(key) => sigv4::sign(key, call, Clock::real().now())?,
    }
    Ok(())
}

/// HMAC-SHA-256, in hexadecimal, over four lines: the method, the path with its query, the timestamp header, and the SHA-256 of
/// the body (a GET has an empty one) in hexadecimal.
fn signature(key: &SecretValue, call: &Call, timestamp: &str) -> String {
    let url = &call.url;
    let (method, body) = match &call.post {
        Some(post) => ("POST", post.body.as_slice()),
        None => ("GET", &[] as &[u8]),
    };
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let body = hexadecimal(&Sha256::digest(body));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal_line());
    hexadecimal(hmac::sign(&key, format!("{method}\n{path}\n{timestamp}\n{body}").as_bytes()).as_ref())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sensitive(value: &[u8]) -> Result<HeaderValue, FetchError> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| unsendable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_name(name: &str) -> Result<HeaderName, FetchError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| FetchError::new(FailureKind::Auth, format!("{name:?} is no name of a header")))
}

fn unsendable() -> FetchError {
    FetchError::new(FailureKind::Auth, "the secret holds characters (such as line breaks) that a request cannot carry")
}

/// Forgets the token of these credentials: the endpoint refused it. True if there was one, so that a new one may help.
pub(crate) fn forget_token(client: &FeedClient, credentials: &Credentials) -> bool {
    let Some(key) = token_key(credentials) else { return false };
    client.tokens.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key).is_some()
}

fn token_key(credentials: &Credentials) -> Option<[u8; 32]> {
    if let Authentication::Login(login) = &credentials.authentication {
        return Some(login_key(login, credentials));
    }
    if let Authentication::JwtBearer(key) = &credentials.authentication {
        let mut digest = Sha256::new();
        for part in key.parts().iter().map(Vec::as_slice).chain([b"jwt".as_slice()]) {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.update(credentials.tls.fingerprint());
        return Some(digest.finalize().into());
    }
    let Authentication::OAuth2 { token_url, client_id, client_secret, scopes, audience } = &credentials.authentication
    else {
        return None;
    };
    let mut digest = Sha256::new();
    let parts = [token_url.as_str().as_bytes(), client_id.reveal(), client_secret.reveal()];
    let asked = [scopes.join(" "), audience.clone().unwrap_or_default()];
    for part in parts.into_iter().chain(asked.iter().map(String::as_bytes)) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(credentials.tls.fingerprint());
    Some(digest.finalize().into())
}

fn login_key(login: &Login, credentials: &Credentials) -> [u8; 32] {
    let mut digest = Sha256::new();
    let texts = [login.url.as_str(), &login.json, &login.token, "login"].map(str::as_bytes);
    let secrets = login.secrets.iter().flat_map(|(name, secret)| [name.as_bytes(), secret.reveal()]);
    for part in texts.into_iter().chain(secrets) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(credentials.tls.fingerprint());
    digest.finalize().into()
}

async fn token(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
) -> Result<SecretValue, FetchError> {
    let Some(key) = token_key(credentials) else { return Err(unsendable()) };
    let kept = client.tokens.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(token) = kept.filter(|token| Instant::now() < token.renew_at) {
        return Ok(token.value);
    }
    let token = fetch_token(client, credentials, tenant, timeout).await?;
    let mut tokens = client.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
    if tokens.len() >= MOST_TOKENS
        && let Some(first) = tokens.iter().min_by_key(|(_, token)| token.renew_at).map(|(key, _)| *key)
    {
        tokens.remove(&first);
    }
    tokens.insert(key, token.clone());
    Ok(token.value)
}

async fn fetch_token(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
) -> Result<Token, FetchError> {
    if let Authentication::Login(login) = &credentials.authentication {
        return log_in(client, login, credentials, tenant, timeout).await;
    }
    if let Authentication::JwtBearer(key) = &credentials.authentication {
        return signed_token(client, key, credentials, tenant, timeout).await;
    }
    let Authentication::OAuth2 { token_url, client_id, client_secret, scopes, audience } = &credentials.authentication
    else {
        return Err(unsendable());
    };
    // RFC 6749 §2.3.1: the client's id and secret are form-encoded before they become a Basic pair.
    let encoded = |value: &SecretValue| url::form_urlencoded::byte_serialize(value.reveal_line()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(client_secret)));
    let authorization = sensitive(format!("Basic {pair}").as_bytes())?;
    let form = token_form(scopes, audience.as_deref());
    exchanged(client, credentials, tenant, timeout, token_url.clone(), Some(authorization), form).await
}

/// A token that is signed here, and exchanged for another one where the feed says so.
async fn signed_token(
    client: &FeedClient,
    key: &JwtKey,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
) -> Result<Token, FetchError> {
    let token = key.token(Clock::real().now())?;
    let Some(url) = key.token_url.clone() else {
        let lifetime = kept_for(u64::try_from(jwt::LIFETIME).ok());
        return Ok(Token { value: token, renew_at: Instant::now() + lifetime });
    };
    let text = std::str::from_utf8(token.reveal()).map_err(|_| unsendable())?;
    exchanged(client, credentials, tenant, timeout, url, None, assertion_form(text)).await
}

/// The form that exchanges a signed token (RFC 7523).
fn assertion_form(token: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer").append_pair("assertion", token);
    form.finish()
}

/// Posts a form to a token endpoint, and reads the token that it answers with.
async fn exchanged(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
    url: Url,
    authorization: Option<HeaderValue>,
    form: String,
) -> Result<Token, FetchError> {
    let mut headers = HeaderMap::new();
    headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let request = PageRequest {
        url,
        headers,
        tenant,
        tls: &credentials.tls,
        identity: credentials.identity(),
        validators: None,
        timeout,
        post: Some(Post {
            content_type: HeaderValue::from_static("application/x-www-form-urlencoded"),
            body: form.into_bytes(),
            safe: false,
        }),
        pending: &[],
        accepted: &[],
        per_minute: None,
    };
    let answer = client.get(&request).await.map_err(refused)?;
    let PageResponse::Page(page) = answer else { return Err(no_token()) };
    let answer: TokenAnswer = serde_json::from_slice(&page.body).map_err(|_| no_token())?;
    let bearer = answer.token_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    if answer.access_token.is_empty() || !bearer {
        return Err(no_token());
    }
    let renew_at = Instant::now() + kept_for(answer.expires_in.as_ref().and_then(login::seconds));
    Ok(Token { value: SecretValue::new(answer.access_token), renew_at })
}

/// 400 is how a token endpoint says that it does not know the client (RFC 6749 §5.2).
fn refused(mut error: FetchError) -> FetchError {
    if error.kind == FailureKind::Status && error.message.starts_with("status 400") {
        error.kind = FailureKind::Auth;
    }
    FetchError { message: format!("token endpoint: {}", error.message), ..error }
}

async fn log_in(
    client: &FeedClient,
    login: &Login,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
) -> Result<Token, FetchError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let (url, post) = (login.url.clone(), Some(login.post()?));
    let tls = &credentials.tls;
    let identity = credentials.identity();
    let request = PageRequest {
        url,
        headers,
        tenant,
        tls,
        identity,
        validators: None,
        timeout,
        post,
        pending: &[],
        accepted: &[],
        per_minute: None,
    };
    let PageResponse::Page(page) = client.get(&request).await.map_err(refused)? else { return Err(no_token()) };
    let answer = login.read(&page.body)?;
    Ok(Token { value: answer.token, renew_at: Instant::now() + kept_for(answer.lifetime) })
}

/// How long a token is used: it is renewed early, by a tenth of its life and at most a minute, so that it does not end on its way.
fn kept_for(expires_in: Option<u64>) -> Duration {
    let lifetime = expires_in.unwrap_or(UNSTATED_LIFETIME).min(86_400);
    Duration::from_secs(lifetime - lifetime.div_ceil(10).min(60))
}

/// What takes the secrets of these credentials out of texts, the token that was got by them included.
pub(crate) fn redactor(client: &FeedClient, credentials: &Credentials) -> Redactor {
    let mut redactor = credentials.redactor.clone();
    let tokens = client.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = token_key(credentials).and_then(|key| tokens.get(&key)) {
        redactor.add(token.value.clone());
    }
    redactor
}

fn token_form(scopes: &[String], audience: Option<&str>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !scopes.is_empty() {
        form.append_pair("scope", &scopes.join(" "));
    }
    if let Some(audience) = audience {
        form.append_pair("audience", audience);
    }
    form.finish()
}

fn no_token() -> FetchError {
    FetchError::new(FailureKind::Auth, "token endpoint: the answer holds no bearer token (access_token, token_type)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let cases = [
            (Some(3_600), 3_540),
            (Some(600), 540),
            (Some(100), 90),
            (Some(5), 4),
            (Some(1), 0),
            (Some(0), 0),
            (None, 270),
            (Some(u64::MAX), 86_340),
        ];
        for (expires_in, seconds) in cases {
            assert_eq!(kept_for(expires_in), Duration::from_secs(seconds), "{expires_in:?}");
        }
    }
}
