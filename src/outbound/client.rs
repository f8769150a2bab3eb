//! The HTTP client of feeds: one request with its retries, inside one deadline and all bounds of `feeds.md`.

mod answer;
mod bounds;
mod connections;
mod exchange;
mod socket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{DATE, ETAG, LAST_MODIFIED, LINK};
use reqwest::{Method, Response, StatusCode};
use rustls::RootCertStore;
use url::Url;

use self::answer::{Failure, check_delivery, check_status, content_encoding, late, media_type, validator};
pub use self::bounds::ClientLimits;
use self::bounds::LARGEST_REFUSAL;
pub(crate) use self::bounds::SMALL_BODY;
use self::connections::{Caller, ClientKey};
pub use self::exchange::{Page, PageRequest, PageResponse, PostError, PostRequest, ReadRefusal, Validators};
use self::exchange::{identity_of, prepare};
use super::body::{BodyLimits, BodyReader, too_large};
use super::call::host_and_port;
use super::cause::explain;
use super::error::{FailureKind, FetchError, LONGEST_MESSAGE, presentable};
use super::guard::{AddressPolicy, NameLookup, SystemLookup};
use super::limits::{Breakers, MachineTime, PaceClock, Paces, Permits};
use super::memory_share::{Reserved, Room};
use super::proxy::Proxy;
use super::readers::Readers;
use super::tls::{TlsIdentity, system_authorities};
use super::tokens::TokenCache;

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
        let health = match &outcome {
            Ok(()) => Ok(()),
            Err(failure) => Err(&failure.error),
        };
        self.breakers.record(message.tenant, &host, health, Instant::now());
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
}
