//! How a request shows who sends it.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use super::call::{Call, Post};
use super::client::{FeedClient, PageRequest, PageResponse};
use super::credentials::{Authentication, Credentials, pair};
use super::error::{FailureKind, FetchError};
use super::jwt::{self, JwtKey};
use super::login::{self, Login};
use super::oauth2::{OAuth2Client, RefreshToken, Replacement};
use super::secret::{Redactor, SecretValue};
use super::sigv4;
use super::tokens::{Refreshed, Token, locked};
use crate::clock::Clock;
use crate::domain::numbers::hexadecimal::hexadecimal;

/// The header that says when a request was signed, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-bpo-timestamp";

/// How long a token counts that does not say how long it lasts.
const UNSTATED_LIFETIME: u64 = 300;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    /// Seconds; some write them as a text.
    expires_in: Option<serde_json::Value>,
    /// What tokens are got with from now on, where the vendor has sent a new one.
    refresh_token: Option<String>,
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
        Authentication::OAuth2(_) => {
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
        Authentication::Ssh(_) => {
            return Err(FetchError::new(
                FailureKind::Auth,
                "auth.sshKey signs in at SSH servers alone: write another auth",
            ));
        }
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
    let body = hexadecimal(Sha256::digest(body));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal_line());
    hexadecimal(hmac::sign(&key, format!("{method}\n{path}\n{timestamp}\n{body}").as_bytes()).as_ref())
}

fn sensitive(value: &[u8]) -> Result<HeaderValue, FetchError> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| unsendable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_name(name: &str) -> Result<HeaderName, FetchError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| FetchError::new(FailureKind::Auth, format!("{name:?} is not a name of a header")))
}

fn unsendable() -> FetchError {
    FetchError::new(FailureKind::Auth, "the secret holds characters (such as line breaks) that a request cannot carry")
}

/// Forgets the token of these credentials: the endpoint refused it. True if there was one, so that a new one may help.
pub(crate) fn forget_token(client: &FeedClient, credentials: &Credentials) -> bool {
    let Some(key) = token_key(credentials) else { return false };
    locked(&client.tokens.tokens).remove(&key).is_some()
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
    let Authentication::OAuth2(oauth2) = &credentials.authentication else { return None };
    Some(oauth2_key(oauth2, credentials))
}

fn oauth2_key(oauth2: &OAuth2Client, credentials: &Credentials) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in oauth2.parts() {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(credentials.tls.fingerprint());
    digest.finalize().into()
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
    if let Some(token) = client.tokens.good(&key) {
        return Ok(token);
    }
    let turn = refresh_of(credentials).map(|_| client.tokens.turn(key));
    let _turn = match &turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    // Whoever waited may find that another one has got it.
    if let Some(token) = client.tokens.good(&key) {
        return Ok(token);
    }
    let token = fetch_token(client, credentials, tenant, timeout).await?;
    client.tokens.keep(key, token.clone());
    Ok(token.value)
}

fn refresh_of(credentials: &Credentials) -> Option<(&OAuth2Client, &RefreshToken)> {
    match &credentials.authentication {
        Authentication::OAuth2(oauth2) => oauth2.refresh.as_ref().map(|refresh| (oauth2.as_ref(), refresh)),
        _ => None,
    }
}

/// Gets the token of a feed whose refresh token may change with that, before anything else is asked.
///
/// # Errors
/// As [`sign`].
pub(crate) async fn prepare(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
) -> Result<(), FetchError> {
    if refresh_of(credentials).is_some() {
        token(client, credentials, tenant, timeout).await?;
    }
    Ok(())
}

/// The refresh token that came instead of the one in the Secret, where there is one.
pub(crate) fn replacement(client: &FeedClient, credentials: &Credentials) -> Option<Replacement> {
    let (oauth2, refresh) = refresh_of(credentials)?;
    let Refreshed { current: new, written } = locked(&client.tokens.refreshed).get(&oauth2.key_of_refresh()?)?.clone();
    let old = RefreshToken { value: written, ..refresh.clone() };
    (new.reveal_line() != old.value.reveal_line()).then_some(Replacement { old, new })
}

/// Notes that the Secret holds the new refresh token: the token that was got by the old one stays good for it.
pub(crate) fn replaced(client: &FeedClient, credentials: &Credentials, replacement: &Replacement) {
    let Some((oauth2, refresh)) = refresh_of(credentials) else { return };
    let value = replacement.new.clone();
    // What was read before goes on with it, too.
    if let Some(key) = oauth2.key_of_refresh()
        && let Some(known) = locked(&client.tokens.refreshed).get_mut(&key)
    {
        known.written = value.clone();
    }
    let renewed = OAuth2Client { refresh: Some(RefreshToken { value, ..refresh.clone() }), ..oauth2.clone() };
    let token = locked(&client.tokens.tokens).get(&oauth2_key(oauth2, credentials)).cloned();
    if let Some(token) = token {
        client.tokens.keep(oauth2_key(&renewed, credentials), token);
    }
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
    let Authentication::OAuth2(oauth2) = &credentials.authentication else { return Err(unsendable()) };
    let authorization = oauth2.authorization().map(|pair| sensitive(pair.reveal())).transpose()?;
    let key = oauth2.key_of_refresh();
    let refreshed = key.and_then(|key| locked(&client.tokens.refreshed).get(&key).cloned());
    let in_secret = oauth2.refresh.as_ref().map(|refresh| &refresh.value);
    let refresh = refreshed.as_ref().map(|refreshed| &refreshed.current).or(in_secret);
    let (url, form) = (oauth2.token_url.clone(), oauth2.form(refresh)?);
    let (token, given) = exchanged(client, credentials, tenant, timeout, url, authorization, form).await?;
    if let (Some(key), Some(current), Some(in_secret)) = (key, given, in_secret) {
        client.tokens.refreshed(key, current, in_secret);
    }
    Ok(token)
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
    Ok(exchanged(client, credentials, tenant, timeout, url, None, assertion_form(text)).await?.0)
}

/// The form that exchanges a signed token (RFC 7523).
fn assertion_form(token: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer").append_pair("assertion", token);
    form.finish()
}

/// Posts a form to a token endpoint, and reads the token that it answers with, and the refresh token where it sends one.
async fn exchanged(
    client: &FeedClient,
    credentials: &Credentials,
    tenant: &str,
    timeout: Duration,
    url: Url,
    authorization: Option<HeaderValue>,
    form: String,
) -> Result<(Token, Option<SecretValue>), FetchError> {
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
        fail_when: None,
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
    let refresh = answer.refresh_token.filter(|token| !token.is_empty()).map(SecretValue::new);
    Ok((Token { value: SecretValue::new(answer.access_token), renew_at }, refresh))
}

/// 400 is how a token endpoint says that it does not know the client (RFC 6749 §5.2).
fn refused(mut error: FetchError) -> FetchError {
    if error.kind == FailureKind::Status && error.status() == Some(400) {
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
        fail_when: None,
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
    if let Some(token) = token_key(credentials).and_then(|key| locked(&client.tokens.tokens).get(&key).cloned()) {
        redactor.add(token.value);
    }
    if let Some(replacement) = replacement(client, credentials) {
        redactor.add(replacement.new);
    }
    redactor
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
