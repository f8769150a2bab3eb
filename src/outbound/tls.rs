//! Whom the operator trusts and how it identifies itself. Verification cannot be switched off.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use super::error::{FailureKind, FetchError};
use super::secret::SecretValue;

/// The TLS side of a feed: authorities of its own, and a certificate of the operator's.
#[derive(Clone, Debug, Default)]
pub struct TlsIdentity {
    /// Certificate authorities (PEM) to trust instead of the system's.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificate chain (PEM) and its key (PEM).
    pub client_certificate: Option<(Vec<u8>, SecretValue)>,
}

impl TlsIdentity {
    /// A digest that identifies an identity, so that connections are shared only between equal ones.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: Option<&[u8]>| match bytes {
            None => digest.update([0]),
            Some(bytes) => {
                digest.update([1]);
                digest.update(bytes.len().to_be_bytes());
                digest.update(bytes);
            }
        };
        part(self.authorities.as_deref());
        part(self.client_certificate.as_ref().map(|(chain, _)| chain.as_slice()));
        part(self.client_certificate.as_ref().map(|(_, key)| key.reveal()));
        digest.finalize().into()
    }

    /// The configuration of rustls; `system` are the authorities that are trusted by default.
    pub(crate) fn configuration(&self, system: &Arc<RootCertStore>) -> Result<ClientConfig, FetchError> {
        let roots = match &self.authorities {
            None => system.clone(),
            Some(pem) => Arc::new(authorities(pem)?),
        };
        let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots);
        let mut configuration = match &self.client_certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(certificates(chain, "the client certificate (tls.crt)")?, private_key(key)?)
                .map_err(|_| wrong("the client certificate and its key do not belong together".to_owned()))?,
        };
        configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(configuration)
    }
}

/// One for all configurations.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// The certificate authorities that the system trusts, read once for the whole process.
pub(crate) fn system_authorities() -> Arc<RootCertStore> {
    static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(read_system_authorities);
    SYSTEM.clone()
}

fn read_system_authorities() -> Arc<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            "no certificate authorities were found on this system: https works only for feeds with a `tls.caRef`"
        );
    }
    Arc::new(roots)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, FetchError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "the bundle of certificate authorities (tls.caRef)")? {
        roots.add(certificate).map_err(|error| {
            wrong(format!("the bundle of certificate authorities (tls.caRef) is not usable: {error}"))
        })?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(format!("{what} holds no PEM certificate: it has to begin with -----BEGIN CERTIFICATE-----"))),
    }
}

fn private_key(pem: &SecretValue) -> Result<PrivateKeyDer<'static>, FetchError> {
    // What the parser says may quote the key, so it is not passed on.
    PrivateKeyDer::from_pem_slice(pem.reveal())
        .map_err(|_| wrong("the client certificate's key (tls.key) is not a PEM private key".to_owned()))
}

fn wrong(message: String) -> FetchError {
    FetchError::new(FailureKind::Tls, message)
}
