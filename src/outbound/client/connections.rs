//! Connections of HTTP: which requests share them, and how they are set up.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use url::Url;

use super::FeedClient;
use crate::outbound::call::USER_AGENT;
use crate::outbound::cause::explain;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::guard::{GuardedResolver, Purpose};
use crate::outbound::proxy::{Guard, Pooling, ProxiedClient, Proxy, Tunnels};
use crate::outbound::tls::TlsIdentity;

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(60);

/// A set of connections that was not used for this long has none left, and is not remembered: each token that a vendor issues has its own.
const UNUSED: Duration = Duration::from_secs(15 * 60);

/// What sends a request.
#[derive(Clone)]
pub(super) enum Caller {
    Direct(Client),
    Proxied(Box<ProxiedClient>),
}

impl Caller {
    pub(super) async fn execute(&self, request: reqwest::Request) -> Result<Response, FetchError> {
        match self {
            Caller::Direct(client) => client.execute(request).await.map_err(|error| explain(&error)),
            Caller::Proxied(client) => client.execute(request).await,
        }
    }
}

/// Connections are shared between requests of one namespace, credential and TLS identity: what one tenant sends on a connection
/// can never reach another's answers. http has its own resolver, which permits less.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    plain: bool,
    /// What a name may resolve to depends on the port.
    port: u16,
    tenant: String,
    identity: [u8; 32],
    tls: [u8; 32],
}

/// Sets of connections remembered; the one not used for longest goes first.
const MOST_CLIENTS: usize = 512;

impl FeedClient {
    pub(super) fn client(
        &self,
        url: &Url,
        tenant: &str,
        identity: [u8; 32],
        tls: &TlsIdentity,
    ) -> Result<Caller, FetchError> {
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

    pub(super) fn tunnels(&self, proxy: &Arc<Proxy>, purpose: &Purpose<'_>) -> Result<Tunnels, FetchError> {
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
