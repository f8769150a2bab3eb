//! One request, apart from who sends it.

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use url::{Host, Url};

/// One request, but for who sends it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The address, with its query.
    pub url: Url,
    /// Headers, but for those that show who asks.
    pub headers: HeaderMap,
    /// What is posted; none for a GET.
    pub post: Option<Post>,
}

impl Call {
    /// A GET of the same address that says nothing of the feed but which media types it reads.
    pub(crate) fn bare(mut self) -> Self {
        let accept = self.headers.remove(ACCEPT);
        let headers = accept.map(|accept| (ACCEPT, accept)).into_iter().collect();
        Call { url: self.url, headers, post: None }
    }

    /// Identifies a request, however long it is.
    pub(crate) fn key(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.url.as_str());
        digest.update([0_u8]);
        digest.update(self.post.as_ref().map_or(&[] as &[u8], |post| &post.body));
        digest.finalize().into()
    }
}

/// A value with every byte encoded that RFC 3986 reserves, `/` included.
pub(crate) fn percent_encoded(value: &str) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// What a POST sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The media type of the body, unless the headers name one.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it changes nothing at the vendor, so that it may be tried again as a GET is.
    pub safe: bool,
}

/// `host:port` of a URL that has a host.
pub(crate) fn host_and_port(url: &Url) -> String {
    format!("{}:{}", host_of(url).map(|host| host.to_string()).unwrap_or_default(), port_of(url))
}

/// The host of a URL. Parsers of addresses read a host as browsers do where they know the scheme, and leave it as it is in others:
/// `sftp://0x7f.1/` would be a name.
pub(crate) fn host_of(url: &Url) -> Option<Host<String>> {
    match url.scheme() {
        "sftp" => Host::parse(url.host_str()?).ok(),
        _ => url.host().map(|host| host.to_owned()),
    }
}

/// The port of a URL.
pub(crate) fn port_of(url: &Url) -> u16 {
    match url.scheme() {
        "sftp" => url.port().unwrap_or(22),
        _ => url.port_or_known_default().unwrap_or_default(),
    }
}

/// How the operator calls itself.
pub(crate) const USER_AGENT: &str = concat!("bpo-operator/", env!("CARGO_PKG_VERSION"));
