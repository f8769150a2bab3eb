//! Secret values: never shown, erased after use, and sent only to the hosts that their owner allows.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;
use zeroize::Zeroizing;

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
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
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

fn entry_allows(entry: &str, host: &str, url: &Url) -> bool {
    // The URL's host is normalised (case, IDNA, numbers), so the entry is too: by the same parser.
    let Ok(entry) = Url::parse(&format!("{}://{entry}/", url.scheme())) else { return false };
    let bare =
        entry.username().is_empty() && entry.password().is_none() && entry.path() == "/" && entry.query().is_none();
    let listed = entry.host_str().unwrap_or_default().trim_end_matches('.');
    bare && !listed.is_empty()
        && listed == host
        && entry.port().is_none_or(|port| url.port_or_known_default() == Some(port))
        && entry.fragment().is_none()
}

/// The secrets that took part in a fetch; takes them out of any text that is about to be shown.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Vec<SecretValue>);

impl Redactor {
    /// Remembers a secret.
    pub fn add(&mut self, secret: SecretValue) {
        self.0.push(secret);
    }

    /// The text without any remembered secret.
    pub fn redact(&self, text: String) -> String {
        let mut text = text;
        for secret in &self.0 {
            for form in [secret.reveal(), secret.reveal_line()] {
                // Shorter values would turn up by chance and say nothing.
                if let Ok(form) = std::str::from_utf8(form)
                    && form.len() >= 4
                {
                    text = text.replace(form, "[redacted]");
                }
            }
        }
        text
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
            (Some("127.0.0.1:9000"), "http://0x7f.1:9000/", true),
            (Some("[::1]:9000"), "http://[0:0::1]:9000/", true),
            (Some("feeds.acme.example"), "https://feeds.acme.example:8443/v1", true),
            (Some("feeds.acme.example:8443"), "https://feeds.acme.example/v1", false),
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
}
