//! Where a request may go: addresses of the inside are refused unless the operator's owner opened them.
//!
//! The rule is for resolved addresses, not for names: a name is resolved once, each of its addresses is judged, and the
//! connection goes to one that was judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use futures::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::call::{host_of, port_of};
use super::error::{FailureKind, FetchError, presentable};

/// A network that the operator's owner opened: `CIDR[:PORT][@NAMESPACE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedNetwork {
    network: IpNet,
    /// The one port; `None`: all.
    port: Option<u16>,
    /// The one namespace whose contracts may; `None`: all.
    namespace: Option<String>,
}

impl OpenedNetwork {
    fn opens(&self, address: IpAddr, purpose: &Purpose<'_>) -> bool {
        (self.network.contains(&address) || self.network.contains(&address.to_canonical()))
            && self.port.is_none_or(|port| port == purpose.port)
            && self.namespace.as_deref().is_none_or(|namespace| namespace == purpose.tenant)
    }
}

impl FromStr for OpenedNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || {
            format!("{text:?} is not a network: write one such as 10.20.0.0/16, 10.20.0.0/16:8443 or 10.20.0.0/16@team")
        };
        let (place, namespace) = match text.split_once('@') {
            Some((place, namespace)) if !namespace.is_empty() => (place, Some(namespace.to_owned())),
            Some(_) => return Err(unreadable()),
            None => (text, None),
        };
        // An IPv6 address has colons before its slash, a port comes after it.
        let (address, length) = place.split_once('/').ok_or_else(unreadable)?;
        let (length, port) = match length.split_once(':') {
            Some((length, port)) => (length, Some(port.parse::<u16>().map_err(|_| unreadable())?)),
            None => (length, None),
        };
        let network = format!("{address}/{length}").parse().map_err(|_| unreadable())?;
        Ok(OpenedNetwork { network, port, namespace })
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The port.
    pub port: u16,
    /// The namespace on whose behalf.
    pub tenant: &'a str,
    /// Whether it is not secured from the start.
    pub plain: bool,
}

impl<'a> Purpose<'a> {
    /// That of a request to `url`.
    pub fn of(url: &Url, tenant: &'a str) -> Self {
        Purpose { port: port_of(url), tenant, plain: url.scheme() == "http" }
    }
}

/// The address policy: everything that is not on the public internet is refused, but for the networks that were opened; and some
/// addresses are refused whatever was opened.
#[derive(Clone, Debug)]
pub struct AddressPolicy {
    opened: Vec<OpenedNetwork>,
    /// Addresses of the API server, with its port.
    api_server: Vec<SocketAddr>,
    flag: &'static str,
}

/// Addresses from which clouds give out credentials, and links: no flag opens them.
const NEVER_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "cloud platform"),
    (Ipv4Addr::new(100, 100, 100, 200), 32, "cloud metadata"),
    (Ipv4Addr::new(192, 0, 0, 192), 32, "cloud metadata"),
];
const NEVER_V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, "cloud metadata"),
];
/// The port of the kubelet, on every node.
const KUBELET: u16 = 10_250;

impl Default for AddressPolicy {
    fn default() -> Self {
        AddressPolicy::new(Vec::new())
    }
}

/// What the policy says of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressVerdict {
    /// On the public internet: https only.
    Public,
    /// In a network that the operator's owner opened: https or http.
    Opened,
    /// Not to be connected to; says what kind of address it is.
    Denied(&'static str),
    /// Not to be connected to, and no flag opens it; says what it is.
    Never(&'static str),
}

const REFUSED_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "cloud platform"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved or broadcast"),
];

const REFUSED_V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, "IPv4-compatible"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "NAT64"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "unique-local"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// NAT64's well-known prefix: behind it is an IPv4 address, which is what counts.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// All of today's public unicast addresses lie in here.
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

impl AddressPolicy {
    /// The policy with these networks opened (`--feed-allow-network`); with none, only the public internet is left.
    pub fn new(opened: Vec<OpenedNetwork>) -> Self {
        AddressPolicy { opened, api_server: Vec::new(), flag: "--feed-allow-network" }
    }

    /// The policy for alerts, with these networks opened (`--alert-allow-network`).
    pub fn for_alerts(opened: Vec<OpenedNetwork>) -> Self {
        AddressPolicy { opened, api_server: Vec::new(), flag: "--alert-allow-network" }
    }

    /// The same, with the API server's addresses refused whatever was opened.
    pub fn sparing(mut self, api_server: Vec<SocketAddr>) -> Self {
        self.api_server = api_server;
        self
    }

    /// What may be done with `address`. IPv4-mapped forms are judged as the IPv4 address that they stand for.
    pub fn verdict(&self, address: IpAddr, purpose: &Purpose<'_>) -> AddressVerdict {
        let canonical = address.to_canonical();
        if let Some(what) = self.never(canonical, purpose.port) {
            return AddressVerdict::Never(what);
        }
        if self.opened.iter().any(|opened| opened.opens(address, purpose)) {
            return AddressVerdict::Opened;
        }
        let refused = match canonical {
            IpAddr::V4(address) => refused_v4(address),
            IpAddr::V6(address) => refused_v6(address),
        };
        refused.map_or(AddressVerdict::Public, AddressVerdict::Denied)
    }

    /// What no flag opens.
    fn never(&self, canonical: IpAddr, port: u16) -> Option<&'static str> {
        let is_api_server = |known: &SocketAddr| known.port() == port && known.ip().to_canonical() == canonical;
        if self.api_server.iter().any(is_api_server) {
            return Some("the API server");
        }
        if port == KUBELET {
            return Some("the kubelet's port");
        }
        let found = match canonical {
            IpAddr::V4(address) => {
                NEVER_V4.iter().find(|(network, length, _)| within_v4(address, *network, *length)).map(|found| found.2)
            }
            IpAddr::V6(address) => {
                NEVER_V6.iter().find(|(network, length, _)| within_v6(address, *network, *length)).map(|found| found.2)
            }
        };
        found.or_else(|| match canonical {
            // Behind NAT64's prefix is an IPv4 address.
            IpAddr::V6(address) if within_v6(address, NAT64.0, NAT64.1) => {
                let [.., a, b, c, d] = address.octets();
                self.never(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
            }
            _ => None,
        })
    }

    /// Judges what a URL says by itself: its scheme, that it has no user information, and its host if that is an address.
    ///
    /// # Errors
    /// Of kind `Denied`.
    pub fn check_url(&self, url: &Url, tenant: &str) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            let message = format!("scheme {:?} is refused: write https", url.scheme());
            return Err(FetchError::new(FailureKind::Denied, message));
        }
        self.check_host(url, tenant)
    }

    /// The same for the address of a feed, which may be a folder of an SSH server.
    ///
    /// # Errors
    /// Of kind `Denied`.
    pub fn check_feed(&self, url: &Url, tenant: &str) -> Result<(), FetchError> {
        if url.scheme() == "sftp" { self.check_host(url, tenant) } else { self.check_url(url, tenant) }
    }

    /// Judges what a URL says beside its scheme.
    fn check_host(&self, url: &Url, tenant: &str) -> Result<(), FetchError> {
        let denied = |message: String| Err(FetchError::new(FailureKind::Denied, message));
        if !url.username().is_empty() || url.password().is_some() {
            return denied("the URL holds user information: write it without, and use `auth`".to_owned());
        }
        let address = match host_of(url) {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) if !name.is_empty() => return Ok(()),
            _ => return denied("the URL has no host".to_owned()),
        };
        self.check_address(address, &Purpose::of(url, tenant))
            .map_err(|refused| FetchError::new(FailureKind::Denied, refused.of(&format!("address {address}"))))
    }

    /// Whether a connection may go to `address`.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_address(&self, address: IpAddr, purpose: &Purpose<'_>) -> Result<(), Refused> {
        let flag = self.flag;
        match self.verdict(address, purpose) {
            AddressVerdict::Opened => Ok(()),
            AddressVerdict::Public if !purpose.plain => Ok(()),
            AddressVerdict::Public => Err(Refused { what: None, flag: Some(flag) }),
            AddressVerdict::Denied(what) => Err(Refused { what: Some(what), flag: Some(flag) }),
            AddressVerdict::Never(what) => Err(Refused { what: Some(what), flag: None }),
        }
    }
}

/// Why a connection may not go to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What kind of address it is; `None` for a public one, to which only https may go.
    what: Option<&'static str>,
    /// What opens it, if anything does.
    flag: Option<&'static str>,
}

impl Refused {
    /// A sentence about `target`: what the contract names. The address that a name resolved to is never shown: it would show
    /// the inside of a network to whoever may write a contract.
    pub(crate) fn of(self, target: &str) -> String {
        match (self.what, self.flag) {
            (Some(what), Some(flag)) => format!("{target} is refused ({what}): open its network by {flag}"),
            (Some(what), None) => format!("{target} is refused ({what}): no flag opens it"),
            (None, flag) => {
                format!("http to {target} is refused: use https, or open the network by {}", flag.unwrap_or_default())
            }
        }
    }
}

fn within_v4(address: Ipv4Addr, network: Ipv4Addr, length: u8) -> bool {
    Ipv4Net::new(network, length).is_ok_and(|network| network.contains(&address))
}

fn within_v6(address: Ipv6Addr, network: Ipv6Addr, length: u8) -> bool {
    Ipv6Net::new(network, length).is_ok_and(|network| network.contains(&address))
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    REFUSED_V4.iter().find(|(network, length, _)| within_v4(address, *network, *length)).map(|(_, _, what)| *what)
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let within = |(network, length): (Ipv6Addr, u8)| within_v6(address, network, length);
    if within(NAT64) {
        let [.., a, b, c, d] = address.octets();
        return refused_v4(Ipv4Addr::new(a, b, c, d)).map(|_| "NAT64 of an inner address");
    }
    if let Some((_, _, what)) = REFUSED_V6.iter().find(|(network, length, _)| within((*network, *length))) {
        return Some(what);
    }
    (!within(GLOBAL_UNICAST)).then_some("reserved")
}

/// Finds the addresses of a name. The system's resolver, or a test's.
pub trait NameLookup: Send + Sync + 'static {
    /// All addresses of `name`.
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl NameLookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// The resolver that the HTTP client is given: what it returns was judged, and nothing else is connected to.
pub(crate) struct GuardedResolver {
    policy: Arc<AddressPolicy>,
    lookup: Arc<dyn NameLookup>,
    port: u16,
    tenant: String,
    /// Whether the request is http, which opened networks alone may be asked by.
    plain: bool,
}

/// Why a name gave no address; found again in the chain of causes of the HTTP client's error.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ResolutionError {
    /// The name has no address.
    #[error("{0}")]
    Unknown(String),
    /// It has some, and none of them may be connected to.
    #[error("{0}")]
    Denied(String),
}

impl From<ResolutionError> for FetchError {
    fn from(error: ResolutionError) -> Self {
        match error {
            ResolutionError::Unknown(message) => FetchError::new(FailureKind::Dns, message),
            ResolutionError::Denied(message) => FetchError::new(FailureKind::Denied, message),
        }
    }
}

impl GuardedResolver {
    pub(crate) fn new(policy: Arc<AddressPolicy>, lookup: Arc<dyn NameLookup>, purpose: &Purpose<'_>) -> Self {
        let Purpose { port, tenant, plain } = *purpose;
        GuardedResolver { policy, lookup, port, tenant: tenant.to_owned(), plain }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.lookup.clone());
        let (port, tenant, plain) = (self.port, self.tenant.clone(), self.plain);
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let purpose = Purpose { port, tenant: &tenant, plain };
            let permitted = permitted_addresses(&policy, &*lookup, &name, &purpose).await?;
            Ok(Box::new(permitted.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// Resolves a name once, and returns those of its addresses to which a connection may go: one of them at least.
pub(crate) async fn permitted_addresses(
    policy: &AddressPolicy,
    lookup: &dyn NameLookup,
    name: &str,
    purpose: &Purpose<'_>,
) -> Result<Vec<IpAddr>, ResolutionError> {
    let found = lookup.lookup(name.to_owned()).await.map_err(|error| unknown(name, &error.to_string()))?;
    let mut refusal = None;
    let mut permitted = Vec::new();
    for address in found {
        match policy.check_address(address, purpose) {
            Ok(()) => permitted.push(address),
            Err(refused) => refusal = Some(refused),
        }
    }
    match refusal {
        _ if !permitted.is_empty() => Ok(permitted),
        Some(refused) => Err(ResolutionError::Denied(refused.of(&presentable(name, 100)))),
        None => Err(unknown(name, "it has no address")),
    }
}

fn unknown(name: &str, why: &str) -> ResolutionError {
    ResolutionError::Unknown(format!("{} cannot be resolved: {}", presentable(name, 100), presentable(why, 100)))
}

#[cfg(test)]
pub(crate) mod tests;
