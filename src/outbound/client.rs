//! The HTTP client of feeds: one request with its retries, inside one deadline and all bounds of `feeds.md`.

mod socket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LINK, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode};
use rustls::RootCertStore;
use sha2::{Digest, Sha256};
use url::Url;

use super::body::{BodyLimits, BodyReader, Encoding, too_large};
use super::call::{Post, USER_AGENT, host_and_port};
use super::cause::explain;
use super::error::{Detail, FailureKind, FetchError, LONGEST_MESSAGE, presentable};
use super::guard::{AddressPolicy, GuardedResolver, NameLookup, Purpose, SystemLookup};
use super::limits::{Breakers, MachineTime, PaceClock, Paces, Permits};
use super::memory_share::{Reserved, Room};
use super::proxy::{Guard, Pooling, ProxiedClient, Proxy, Tunnels};
use super::readers::Readers;
use super::tls::{TlsIdentity, system_authorities};
use super::tokens::TokenCache;
use crate::api::feed::AnswerCondition;
use crate::clock::Clock;

/// What the body of an answer with an error status says of it; `None` where it says nothing.
pub type ReadRefusal = fn(&AnswerCondition, &[u8]) -> Option<String>;

/// The bounds of every request. Defaults are those of `feeds.md`.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// For the name, the connection and TLS together. Default 5 s.
    pub connect_timeout: Duration,
    /// Default 10 MiB and 100:1.
    pub body: BodyLimits,
    /// Requests in flight to one host. Default 4.
    pub per_host: usize,
    /// Requests in flight in all. Default 64.
    pub in_all: usize,
    /// How often a GET is tried again. Default 2.
    pub retries: u32,
    /// The longest pause before the first retry; doubled for the next. Default 500 ms.
    pub retry_pause: Duration,
    /// Failures in a row after which a host is left alone. Default 5.
    pub breaker_failures: u32,
    /// For how long. Default 15 s, less than the shortest interval.
    pub breaker_pause: Duration,
    /// Bytes of text that large answers may have together while they arrive. Default 160 MiB.
    pub text: usize,
    /// Bytes that answers may take together while they are read. Default 1 GiB.
    pub reading: usize,
    /// Rows that the pages of one fetch may have together, those that are set aside included. Default 200,000.
    pub most_rows: usize,
    /// Names that the listing of a folder may have. Default 100,000.
    pub most_files: usize,
    /// For how long one fetch begins with further windows of its stretch; what is left follows at once. Default 2 minutes.
    pub turn: Duration,
}

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(60);

/// The largest answer with an error status that is looked through for what is wrong.
const LARGEST_REFUSAL: usize = 64 * 1_024;
/// A body beyond this waits until there is room for the largest one.
pub(crate) const SMALL_BODY: usize = 256 * 1_024;

impl Default for ClientLimits {
    fn default() -> Self {
        ClientLimits {
            connect_timeout: Duration::from_secs(5),
            body: BodyLimits { largest: 10 * 1_024 * 1_024, largest_ratio: 100 },
            per_host: 4,
            in_all: 64,
            retries: 2,
            retry_pause: Duration::from_millis(500),
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(15),
            text: 160 << 20,
            reading: 1 << 30,
            most_rows: 200_000,
            most_files: 100_000,
            turn: Duration::from_secs(120),
        }
    }
}

/// Asks endpoints. Share one: connections, limits and breakers live in it.
pub struct FeedClient {
    policy: Arc<AddressPolicy>,
    lookup: Arc<dyn NameLookup>,
    limits: ClientLimits,
    authorities: Arc<RootCertStore>,
    permits: Permits,
    breakers: Breakers,
    paces: Paces,
    pace_clock: Arc<dyn PaceClock>,
    pub(crate) tokens: TokenCache,
    pub(crate) readers: Readers,
    text: Room,
    clients: Mutex<HashMap<ClientKey, (Caller, Instant)>>,
    proxy: Option<Arc<Proxy>>,
}

/// What sends a request.
#[derive(Clone)]
enum Caller {
    Direct(Client),
    Proxied(Box<ProxiedClient>),
}

impl Caller {
    async fn execute(&self, request: reqwest::Request) -> Result<Response, FetchError> {
        match self {
            Caller::Direct(client) => client.execute(request).await.map_err(|error| explain(&error)),
            Caller::Proxied(client) => client.execute(request).await,
        }
    }
}

/// Connections are shared between requests of one namespace, credential and TLS identity: what one tenant sends on a connection
/// can never reach another's answers. http has its own resolver, which permits less.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    plain: bool,
    /// What a name may resolve to depends on the port.
    port: u16,
    tenant: String,
    identity: [u8; 32],
    tls: [u8; 32],
}

/// Sets of connections remembered; the one not used for longest goes first.
const MOST_CLIENTS: usize = 512;

/// A set of connections that was not used for this long has none left, and is not remembered: each token that a vendor issues has its own.
const UNUSED: Duration = Duration::from_secs(15 * 60);

/// One request.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// The address, with its query.
    pub url: Url,
    /// Headers beyond those that the client sets itself; mark secrets as sensitive.
    pub headers: HeaderMap,
    /// The namespace on whose behalf.
    pub tenant: &'a str,
    /// TLS of the feed.
    pub tls: &'a TlsIdentity,
    /// Identifies credentials; requests of different ones share no connection.
    pub identity: [u8; 32],
    /// What the last answer was known by: the answer may be "unchanged".
    pub validators: Option<&'a Validators>,
    /// For everything from the first connection to the last byte, retries included.
    pub timeout: Duration,
    /// Makes the request a POST of this.
    pub post: Option<Post>,
    /// Status codes that mean "not there yet".
    pub pending: &'a [i64],
    /// Status codes beside 200 whose answer is one.
    pub accepted: &'a [u16],
    /// Where an answer with an error status says what is wrong.
    pub fail_when: Option<(&'a AnswerCondition, ReadRefusal)>,
    /// Requests that the vendor allows in a minute: whoever asks waits for the turn of the first one, and repeats wait here.
    pub per_minute: Option<u32>,
}

/// One message to deliver.
#[derive(Clone, Debug)]
pub struct PostRequest<'a> {
    /// Where to.
    pub url: Url,
    /// Headers; mark secrets as sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The namespace on whose behalf.
    pub tenant: &'a str,
    /// For everything.
    pub timeout: Duration,
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct PostError {
    /// What went wrong.
    pub error: FetchError,
    /// Whether the receiver refuses this very message, so that sending it again cannot help.
    pub refused: bool,
}

impl From<FetchError> for PostError {
    fn from(error: FetchError) -> Self {
        PostError { error, refused: false }
    }
}

/// By what a server knows the version of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// When the answer was changed for the last time, where it says so.
    pub(crate) fn last_modified(&self) -> Option<Timestamp> {
        let text = self.last_modified.as_ref()?.to_str().ok()?;
        Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
    }

    /// Whether there is nothing by which to ask.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// A good answer.
#[derive(Debug)]
pub enum PageResponse {
    /// What the last answer said is still so (304).
    Unchanged,
    /// There is nothing yet: one of the status codes that the request names for it.
    Pending,
    /// A body.
    Page(Page),
}

/// A whole body and what its headers say.
#[derive(Debug)]
pub struct Page {
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Its media type, in lower case, without parameters.
    pub media_type: Option<String>,
    /// The `Link` headers.
    pub links: Vec<String>,
    /// By what to ask whether it changed.
    pub validators: Validators,
    /// What the server's clock showed, where it says so (`Date`).
    pub date: Option<SystemTime>,
    /// The room that a large body has, given back with it.
    #[allow(dead_code, reason = "it is held as long as the body is, and read by nobody")]
    pub(crate) reserved: Option<Reserved>,
}

impl Page {
    /// How far the server's clock is ahead of this machine's own, where it says what it shows.
    pub(crate) fn clock_ahead(&self) -> Option<SignedDuration> {
        Some(Timestamp::try_from(self.date?).ok()?.duration_since(Clock::real().now()))
    }
}

/// A failed attempt: what went wrong, and whether another may help.
struct Failure {
    error: FetchError,
    again: bool,
}

impl FeedClient {
    /// A client with the system's resolver and authorities and the limits of `feeds.md`.
    pub fn new(policy: AddressPolicy) -> Self {
        Self::with(policy, Arc::new(SystemLookup), ClientLimits::default())
    }

    /// A client with another resolver or other limits.
    pub fn with(policy: AddressPolicy, lookup: Arc<dyn NameLookup>, limits: ClientLimits) -> Self {
        FeedClient {
            policy: Arc::new(policy),
            lookup,
            permits: Permits::new(limits.per_host, limits.in_all),
            breakers: Breakers::new(limits.breaker_failures, limits.breaker_pause),
            readers: Readers::within(limits.reading),
            text: Room::of(limits.text),
            limits,
            paces: Paces::default(),
            pace_clock: Arc::new(MachineTime),
            tokens: TokenCache::default(),
            authorities: system_authorities(),
            clients: Mutex::default(),
            proxy: None,
        }
    }

    /// The same, with an egress proxy between it and all that it asks.
    #[must_use]
    pub fn through(mut self, proxy: Option<Arc<Proxy>>) -> Self {
        self.proxy = proxy;
        self
    }

    /// The same, trusting one authority in place of the system's.
    #[cfg(test)]
    pub(crate) fn trusting(mut self, authority: rustls::pki_types::CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority).unwrap();
        self.authorities = Arc::new(roots);
        self
    }

    /// How many bytes of text large answers of a namespace may still take.
    #[cfg(test)]
    pub(crate) fn text_left(&self, tenant: &str) -> usize {
        self.text.left(tenant)
    }

    /// The same, with another clock by which requests wait for their turn.
    #[cfg(test)]
    pub(crate) fn paced_by(mut self, clock: Arc<dyn PaceClock>) -> Self {
        self.pace_clock = clock;
        self
    }

    /// The address policy.
    pub fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    /// What a body may be at most.
    pub(crate) fn body_limits(&self) -> BodyLimits {
        self.limits.body
    }

    /// Waits until there is room for the largest body.
    pub(crate) async fn room_for_a_body(&self, tenant: &str) -> Option<Reserved> {
        self.text.reserve(tenant, self.limits.body.largest).await
    }

    /// For how long one fetch begins with further windows.
    pub(crate) fn turn(&self) -> Duration {
        self.limits.turn
    }

    /// Rows that the pages of one fetch may have together.
    pub(crate) fn most_rows(&self) -> usize {
        self.limits.most_rows
    }

    /// Names that the listing of a folder may have.
    pub(crate) fn most_files(&self) -> usize {
        self.limits.most_files
    }

    /// Waits until another request to a host may go out, where its vendor limits their number per minute.
    pub(crate) async fn pace(&self, tenant: &str, url: &Url, per_minute: u32) {
        let due = self.paces.next(tenant, &host_and_port(url), per_minute, self.pace_clock.now());
        self.pace_clock.wait_until(due).await;
    }

    /// Asks for one page: an answer of 200, or 304 to a conditional request, is a success and nothing else is.
    ///
    /// # Errors
    /// Of the kinds Dns, Connect, Tls, Timeout, Status, TooLarge, Malformed, Denied, Auth and RateLimited. `retry_after` is set
    /// where the server asked to be left alone for longer than the deadline lasts.
    pub async fn get(&self, request: &PageRequest<'_>) -> Result<PageResponse, FetchError> {
        self.policy.check_url(&request.url, request.tenant)?;
        let client = self.client(&request.url, request.tenant, request.identity, request.tls)?;
        let host = host_and_port(&request.url);
        let Some(_permit) = self.permits.acquire(&host).await else {
            return Err(FetchError::new(FailureKind::Connect, "the client is shutting down"));
        };
        self.breakers.check(request.tenant, &host, Instant::now())?;
        let outcome = self.attempts(&client, request).await;
        self.breakers.record(request.tenant, &host, outcome.as_ref().map(|_| ()), Instant::now());
        outcome
    }

    /// Delivers one message: any answer from 200 to 299 is a success and nothing else is. It is sent once; what it answers is not read.
    ///
    /// # Errors
    /// As [`Self::get`], with `refused` where the receiver says that this message will never be taken.
    pub async fn post(&self, message: &PostRequest<'_>) -> Result<(), PostError> {
        self.policy.check_url(&message.url, message.tenant)?;
        let identity = identity_of(&message.headers);
        let client = self.client(&message.url, message.tenant, identity, &TlsIdentity::default())?;
        let host = host_and_port(&message.url);
        let Some(_permit) = self.permits.acquire(&host).await else {
            return Err(FetchError::new(FailureKind::Connect, "the client is shutting down").into());
        };
        self.breakers.check(message.tenant, &host, Instant::now())?;
        let mut request = reqwest::Request::new(Method::POST, message.url.clone());
        request.headers_mut().extend(message.headers.clone());
        *request.body_mut() = Some(message.body.clone().into());
        let outcome = match tokio::time::timeout(message.timeout, client.execute(request)).await {
            Ok(Ok(response)) => check_delivery(&response),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(late(message.timeout).into()),
        };
        let told = match &outcome {
            Ok(()) => Ok(()),
            Err(failure) => Err(&failure.error),
        };
        self.breakers.record(message.tenant, &host, told, Instant::now());
        outcome
    }

    async fn attempts(&self, client: &Caller, request: &PageRequest<'_>) -> Result<PageResponse, FetchError> {
        let deadline = tokio::time::Instant::now() + request.timeout;
        let may_repeat = request.post.as_ref().is_none_or(|post| post.safe);
        let retries = if may_repeat { self.limits.retries } else { 0 };
        let mut attempt = 0;
        loop {
            let outcome = tokio::time::timeout_at(deadline, self.attempt(client, request)).await;
            let failure = match outcome {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(late(request.timeout)),
            };
            let pause = failure.error.retry_after.unwrap_or_else(|| self.jitter(attempt));
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if !failure.again || attempt >= retries || pause >= left {
                return Err(failure.error);
            }
            tokio::time::sleep(pause).await;
            // A repeat is a request as any other: the vendor's limit counts it, too.
            if let Some(per_minute) = request.per_minute {
                let turn = self.pace(request.tenant, &request.url, per_minute);
                if tokio::time::timeout_at(deadline, turn).await.is_err() {
                    return Err(failure.error);
                }
            }
            attempt += 1;
        }
    }

    /// A pause of full jitter: anything from nothing to the bound, which doubles with each attempt.
    fn jitter(&self, attempt: u32) -> Duration {
        self.limits.retry_pause.saturating_mul(1 << attempt.min(10)).mul_f64(fastrand::f64())
    }

    async fn attempt(&self, client: &Caller, request: &PageRequest<'_>) -> Result<PageResponse, Failure> {
        let sent = client.execute(prepare(request)).await;
        let response = sent.map_err(|error| Failure { again: error.kind == FailureKind::Connect, error })?;
        if request.pending.contains(&i64::from(response.status().as_u16())) {
            return Ok(PageResponse::Pending);
        }
        if let Err(failure) = check_status(&response, request.validators.is_some(), request.accepted) {
            let Failure { error, again } = failure;
            return Err(Failure { error: self.with_words(request, response, error).await, again });
        }
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(PageResponse::Unchanged);
        }
        self.read(request.tenant, response)
            .await
            .map(PageResponse::Page)
            .map_err(|error| Failure { error, again: false })
    }

    /// The failure with what the vendor says of it, where the feed says where that is.
    async fn with_words(&self, request: &PageRequest<'_>, response: Response, error: FetchError) -> FetchError {
        let Some((condition, said_by_refusal)) = request.fail_when else { return error };
        let page = self.read(request.tenant, response).await.ok();
        let page = page.filter(|page| page.body.len() <= LARGEST_REFUSAL);
        match page.and_then(|page| said_by_refusal(condition, &page.body)) {
            Some(said) => {
                FetchError { message: presentable(&format!("{}; {said}", error.message), LONGEST_MESSAGE), ..error }
            }
            None => error,
        }
    }

    async fn read(&self, tenant: &str, mut response: Response) -> Result<Page, FetchError> {
        let encoding = content_encoding(response.headers())?;
        let length = response.content_length().unwrap_or(0);
        if usize::try_from(length).map_or(true, |length| length > self.limits.body.largest) {
            return Err(FetchError::new(FailureKind::TooLarge, too_large(self.limits.body)));
        }
        let mut body = BodyReader::new(self.limits.body, encoding);
        let mut reserved = None;
        while let Some(piece) = response.chunk().await.map_err(|error| explain(&error))? {
            body.push(&piece)?;
            // Nobody may fill the memory with answers that never end. What is small needs no turn.
            if reserved.is_none() && body.kept() > SMALL_BODY {
                reserved = self.room_for_a_body(tenant).await;
            }
        }
        let headers = response.headers();
        Ok(Page {
            body: body.finish()?,
            media_type: media_type(headers),
            links: headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok()).map(str::to_owned).collect(),
            validators: Validators { etag: validator(headers, ETAG), last_modified: validator(headers, LAST_MODIFIED) },
            date: headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok()),
            reserved,
        })
    }

    fn client(&self, url: &Url, tenant: &str, identity: [u8; 32], tls: &TlsIdentity) -> Result<Caller, FetchError> {
        let purpose = Purpose::of(url, tenant);
        let Purpose { port, plain, .. } = purpose;
        let key = ClientKey { plain, port, tenant: tenant.to_owned(), identity, tls: tls.fingerprint() };
        let now = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, used)) = clients.get_mut(&key) {
            *used = now;
            return Ok(client.clone());
        }
        let client = self.build(&purpose, tls)?;
        clients.retain(|_, (_, used)| now.saturating_duration_since(*used) < UNUSED);
        if clients.len() >= MOST_CLIENTS
            && let Some(oldest) = clients.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone())
        {
            clients.remove(&oldest);
        }
        clients.insert(key, (client.clone(), now));
        Ok(client)
    }

    fn build(&self, purpose: &Purpose<'_>, tls: &TlsIdentity) -> Result<Caller, FetchError> {
        match &self.proxy {
            None => self.build_direct(purpose, tls).map(Caller::Direct),
            Some(proxy) => Ok(Caller::Proxied(Box::new(self.build_proxied(proxy, purpose, tls)?))),
        }
    }

    fn build_proxied(
        &self,
        proxy: &Arc<Proxy>,
        purpose: &Purpose<'_>,
        tls: &TlsIdentity,
    ) -> Result<ProxiedClient, FetchError> {
        let tunnels = self.tunnels(proxy, purpose)?;
        let pooling = Pooling { per_host: self.limits.per_host, idle: IDLE };
        Ok(ProxiedClient::new(tunnels, tls.configuration(&self.authorities)?, &pooling))
    }

    fn tunnels(&self, proxy: &Arc<Proxy>, purpose: &Purpose<'_>) -> Result<Tunnels, FetchError> {
        let guard = Guard { policy: self.policy.clone(), lookup: self.lookup.clone() };
        let proxy_tls = TlsIdentity::default().configuration(&self.authorities)?;
        Ok(Tunnels::new(proxy.clone(), guard, purpose, proxy_tls, self.limits.connect_timeout))
    }

    fn build_direct(&self, purpose: &Purpose<'_>, tls: &TlsIdentity) -> Result<Client, FetchError> {
        Client::builder()
            .tls_backend_preconfigured(tls.configuration(&self.authorities)?)
            .dns_resolver(GuardedResolver::new(self.policy.clone(), self.lookup.clone(), purpose))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .connect_timeout(self.limits.connect_timeout)
            .pool_max_idle_per_host(self.limits.per_host)
            .pool_idle_timeout(IDLE)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| FetchError::new(FailureKind::Tls, format!("the HTTP client cannot be set up: {error}")))
    }
}

/// Identifies the credentials of a message, by the headers that carry them.
fn identity_of(headers: &HeaderMap) -> [u8; 32] {
    let secret = headers.get(AUTHORIZATION).filter(|value| value.is_sensitive());
    Sha256::digest(secret.map(HeaderValue::as_bytes).unwrap_or_default()).into()
}

fn prepare(request: &PageRequest<'_>) -> reqwest::Request {
    let method = if request.post.is_some() { Method::POST } else { Method::GET };
    let mut prepared = reqwest::Request::new(method, request.url.clone());
    let headers = prepared.headers_mut();
    headers.extend(request.headers.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(validators) = request.validators {
        let conditions = [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)];
        headers.extend(conditions.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    }
    if let Some(post) = &request.post {
        headers.entry(CONTENT_TYPE).or_insert_with(|| post.content_type.clone());
        *prepared.body_mut() = Some(post.body.clone().into());
    }
    prepared
}

fn late(timeout: Duration) -> FetchError {
    FetchError::new(FailureKind::Timeout, format!("no whole answer within {} s", timeout.as_secs_f64()))
}

fn check_status(response: &Response, conditional: bool, accepted: &[u16]) -> Result<(), Failure> {
    let status = response.status();
    let code = status.as_u16();
    let failure = |kind, message: String, again| {
        let error = FetchError::new(kind, message).with_detail(Detail::Status(code));
        let error = error.with_retry_after(retry_after(response.headers()));
        Err(Failure { error, again })
    };
    match code {
        200 => Ok(()),
        304 if conditional => Ok(()),
        code if accepted.contains(&code) => Ok(()),
        300..=399 => failure(
            FailureKind::Status,
            format!("status {code}: redirects are refused, write the address that answers in `url`"),
            false,
        ),
        401 | 403 | 407 => failure(FailureKind::Auth, format!("status {code}: the credentials were refused"), false),
        429 => failure(FailureKind::RateLimited, "status 429: too many requests".to_owned(), true),
        502..=504 => failure(FailureKind::Status, format!("status {code} instead of 200"), true),
        _ => failure(FailureKind::Status, format!("status {code} instead of 200"), false),
    }
}

fn check_delivery(response: &Response) -> Result<(), PostError> {
    let code = response.status().as_u16();
    if (200..300).contains(&code) {
        return Ok(());
    }
    let failure = match check_status(response, false, &[]) {
        Err(failure) => failure.error.with_retry_after(retry_after(response.headers())),
        Ok(()) => return Ok(()),
    };
    Err(PostError { error: failure, refused: matches!(code, 400 | 410 | 413 | 415 | 422) })
}

/// `Retry-After` in seconds or as a date, from 1 s to 1 h.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wish = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let now = std::time::SystemTime::from(Clock::real().now());
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wish.clamp(Duration::from_secs(1), Duration::from_secs(3_600)))
}

fn content_encoding(headers: &HeaderMap) -> Result<Encoding, FetchError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let first = values.next().map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
    match (first.as_deref(), values.next()) {
        (None | Some(b"" | b"identity"), None) => Ok(Encoding::Identity),
        (Some(b"gzip" | b"x-gzip"), None) => Ok(Encoding::Gzip),
        (first, _) => {
            let named = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
            let message = format!("content encoding {named:.40?} is not taken: send gzip, once, or none");
            Err(FetchError::new(FailureKind::Malformed, message).with_detail(Detail::Encoding))
        }
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// A validator, unless it is so long that sending it back would be a burden.
fn validator(headers: &HeaderMap, name: HeaderName) -> Option<HeaderValue> {
    headers.get(name).filter(|value| value.len() <= 1_024).cloned()
}
