//! Secret values: never shown, erased after use, and sent only to the hosts that their owner allows.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::call::{host_of, port_of};
use super::error::{FailureKind, FetchError, presentable};
use crate::api::ALLOWED_HOSTS_ANNOTATION;

/// A secret value. It cannot be displayed or serialised, and its memory is erased when it is dropped.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl SecretValue {
    /// Takes a value in.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        SecretValue(Zeroizing::new(value.into()))
    }

    /// The bytes, for the place that sends them and no other.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the line break that editors and `echo` leave at the end.
    pub fn reveal_line(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }
}

/// A Secret as it was read from the cluster.
#[derive(Clone, Debug, Default)]
pub struct SecretData {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its keys and values.
    pub data: BTreeMap<String, SecretValue>,
}

impl SecretData {
    /// Whether the owner of the Secret lets it go to the host of `url`.
    ///
    /// The annotation lists hosts, separated by commas: `feeds.acme.example` for any port of that host, or
    /// `feeds.acme.example:8443` for that port alone. Names are compared whole, whatever their case; there are no wildcards.
    ///
    /// # Errors
    /// Of kind `SecretNotAllowed`, with what to write.
    pub fn check_allowed(&self, name: &str, url: &Url) -> Result<(), FetchError> {
        let host = host_of(url).map(|host| host.to_string()).unwrap_or_default();
        let host = host.trim_end_matches('.');
        let listed = self.annotations.get(ALLOWED_HOSTS_ANNOTATION).map(String::as_str).unwrap_or_default();
        if listed.split(',').any(|entry| entry_allows(entry.trim(), host, url)) {
            return Ok(());
        }
        let shown = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Err(FetchError::new(
            FailureKind::SecretNotAllowed,
            format!(
                "Secret {} may not be sent to {}: its owner has to list that host in the annotation \
                 {ALLOWED_HOSTS_ANNOTATION}",
                presentable(name, 64),
                presentable(&shown, 100)
            ),
        ))
    }
}

/// The text without a secret, as it is, encoded for an address, and in Base64.
fn without(text: String, secret: &SecretValue, shortest: usize) -> String {
    let raw = [secret.reveal(), secret.reveal_line()].into_iter().filter_map(|form| std::str::from_utf8(form).ok());
    let mut forms: Vec<Zeroizing<String>> = raw.map(|form| Zeroizing::new(form.to_owned())).collect();
    forms.push(Zeroizing::new(url::form_urlencoded::byte_serialize(secret.reveal_line()).collect()));
    forms.push(Zeroizing::new(STANDARD.encode(secret.reveal_line())));
    let long = |form: &&Zeroizing<String>| form.len() >= shortest;
    forms.iter().filter(long).fold(text, |text, form| {
        if text.contains(form.as_str()) { text.replace(form.as_str(), REDACTED) } else { text }
    })
}

fn entry_allows(entry: &str, host: &str, url: &Url) -> bool {
    let port = named_port(entry);
    // The URL's host is normalised (case, IDNA, numbers), so the entry is too: by the same parser.
    let scheme = if url.scheme() == "sftp" { "https" } else { url.scheme() };
    let Ok(entry) = Url::parse(&format!("{scheme}://{entry}/")) else { return false };
    let bare =
        entry.username().is_empty() && entry.password().is_none() && entry.path() == "/" && entry.query().is_none();
    let listed = entry.host_str().unwrap_or_default().trim_end_matches('.');
    bare && !listed.is_empty()
        && listed == host
        && port.is_none_or(|port| port_of(url) == port)
        && entry.fragment().is_none()
}

/// The port that an entry names. A parser of addresses leaves out the one that its scheme has by default, so both are asked.
fn named_port(entry: &str) -> Option<u16> {
    ["http", "https"].into_iter().find_map(|scheme| Url::parse(&format!("{scheme}://{entry}/")).ok()?.port())
}

/// The secrets that took part in a fetch; takes them out of any text that is about to be shown or kept.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<SecretValue>,
    identifiers: Vec<SecretValue>,
}

/// What is shown in place of a secret.
const REDACTED: &str = "[redacted]";
/// Shorter values would turn up in messages by chance, and say nothing.
const SHORTEST_IN_MESSAGES: usize = 4;
/// Shorter values are taken for words in data: a label that happens to be one must not change.
const SHORTEST_IN_DATA: usize = 8;

impl Redactor {
    /// A SHA-256 over the remembered secrets: other values have another one. It reveals nothing of them.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for secret in self.secrets.iter().chain(&self.identifiers) {
            digest.update((secret.reveal().len() as u64).to_be_bytes());
            digest.update(secret.reveal());
        }
        digest.finalize().into()
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.identifiers.is_empty()
    }

    /// Remembers a secret.
    pub fn add(&mut self, secret: SecretValue) {
        self.secrets.push(secret);
    }

    /// Remembers a user name or client id: it is taken out of messages, and left in data, where it may be an honest word.
    pub fn add_identifier(&mut self, identifier: SecretValue) {
        self.identifiers.push(identifier);
    }

    /// The message without any remembered secret.
    pub fn redact(&self, text: String) -> String {
        let all = self.secrets.iter().chain(&self.identifiers);
        all.fold(text, |text, secret| without(text, secret, SHORTEST_IN_MESSAGES))
    }

    /// What a body said (a label, the name of a measure) without any remembered secret: a vendor that echoes a token must not
    /// bring it into reports and metrics.
    pub fn redact_data(&self, text: &mut String) {
        for secret in &self.secrets {
            if text.len() >= SHORTEST_IN_DATA {
                *text = without(std::mem::take(text), secret, SHORTEST_IN_DATA);
            }
        }
    }

    /// The error without any remembered secret.
    pub fn redact_error(&self, mut error: FetchError) -> FetchError {
        error.message = self.redact(error.message);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(annotation: Option<&str>) -> SecretData {
        let annotations = annotation.map(|hosts| (ALLOWED_HOSTS_ANNOTATION.to_owned(), hosts.to_owned()));
        SecretData { annotations: annotations.into_iter().collect(), data: BTreeMap::new() }
    }

    #[test]
    fn a_secret_goes_only_to_the_hosts_that_its_annotation_lists() {
        let cases = [
            (Some("feeds.acme.example"), "https://feeds.acme.example/v1", true),
            (Some("FEEDS.Acme.Example"), "https://feeds.acme.example/v1", true),
            (Some(" other.example , feeds.acme.example "), "https://feeds.acme.example/v1", true),
            (Some("feeds.acme.example"), "https://feeds.acme.example.:443/v1", true),
            (Some("feeds.acme.example:8443"), "https://feeds.acme.example:8443/v1", true),
            (Some("feeds.acme.example:443"), "https://feeds.acme.example/v1", true),
            (Some("feeds.acme.example:443"), "https://feeds.acme.example:8443/v1", false),
            (Some("feeds.acme.example:80"), "http://feeds.acme.example/v1", true),
            (Some("feeds.acme.example:80"), "http://feeds.acme.example:8080/v1", false),
            (Some("feeds.acme.example:80"), "https://feeds.acme.example/v1", false),
            (Some("127.0.0.1:9000"), "http://0x7f.1:9000/", true),
            (Some("[::1]:9000"), "http://[0:0::1]:9000/", true),
            (Some("feeds.acme.example"), "https://feeds.acme.example:8443/v1", true),
            (Some("feeds.acme.example:8443"), "https://feeds.acme.example/v1", false),
            (Some("sftp.acme.example"), "sftp://SFTP.acme.example/reports/", true),
            (Some("sftp.acme.example:22"), "sftp://sftp.acme.example/reports/", true),
            (Some("sftp.acme.example:22"), "sftp://sftp.acme.example:2222/reports/", false),
            (Some("sftp.acme.example:443"), "sftp://sftp.acme.example/reports/", false),
            (Some("127.0.0.1:2222"), "sftp://0x7f.1:2222/", true),
            (Some("*"), "sftp://sftp.acme.example/", false),
            (Some("acme.example"), "https://feeds.acme.example/v1", false),
            (Some("*.acme.example"), "https://feeds.acme.example/v1", false),
            (Some("*"), "https://feeds.acme.example/v1", false),
            (Some("feeds.acme.example"), "https://feeds.acme.example.evil.example/", false),
            (Some("x@feeds.acme.example"), "https://feeds.acme.example/", false),
            (Some("feeds.acme.example/v1"), "https://feeds.acme.example/", false),
            (Some(""), "https://feeds.acme.example/v1", false),
            (None, "https://feeds.acme.example/v1", false),
        ];
        for (annotation, url, allowed) in cases {
            let outcome = secret(annotation).check_allowed("acme-feed", &Url::parse(url).unwrap());
            assert_eq!(outcome.is_ok(), allowed, "{annotation:?} {url}: {outcome:?}");
            if let Err(error) = outcome {
                assert_eq!(error.kind, FailureKind::SecretNotAllowed);
            }
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_debug_and_is_taken_out_of_texts() {
        let value = SecretValue::new("canary-1234\n");
        let data = SecretData { data: [("token".to_owned(), value.clone())].into(), ..SecretData::default() };
        assert!(!format!("{value:?} {data:?}").contains("canary"));
        let mut redactor = Redactor::default();
        redactor.add(value);
        let error = FetchError::new(FailureKind::Malformed, "expected rows, found \"canary-1234\"");
        assert_eq!(redactor.redact_error(error).message, "expected rows, found \"[redacted]\"");
        assert!(!format!("{redactor:?}").contains("canary"));
    }

    #[test]
    fn a_vendor_that_echoes_a_token_brings_it_into_no_data() {
        let mut redactor = Redactor::default();
        redactor.add(SecretValue::new("canary/1234\n"));
        redactor.add(SecretValue::new("gold"));
        redactor.add_identifier(SecretValue::new("acme-reporting"));
        for (said, kept) in [
            ("queue canary/1234", "queue [redacted]"),
            ("canary%2F1234", "[redacted]"),
            ("Y2FuYXJ5LzEyMzQ=", "[redacted]"),
            // A short secret or a user name may be an honest word.
            ("gold", "gold"),
            ("goldgoldgold", "goldgoldgold"),
            ("acme-reporting", "acme-reporting"),
        ] {
            let mut text = said.to_owned();
            redactor.redact_data(&mut text);
            assert_eq!(text, kept);
        }
        assert_eq!(redactor.redact("no acme-reporting, no gold".to_owned()), "no [redacted], no [redacted]");
    }
}
