//! Sending mail by SMTP: always over TLS, and only to servers that the address policy permits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};

use crate::domain::terms::mail_server::MailServer;
use crate::outbound::client::PostError;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::guard::{AddressPolicy, NameLookup, Purpose, permitted_addresses};
use crate::outbound::secret::SecretValue;

/// Sends mail.
pub struct Mailer {
    policy: AddressPolicy,
    lookup: Arc<dyn NameLookup>,
    /// An authority (PEM) to trust in addition to the system's.
    authority: Option<Vec<u8>>,
}

/// User name and password at a mail server.
pub type MailLogin = (SecretValue, SecretValue);

impl Mailer {
    /// A mailer that may connect where the policy permits.
    pub fn new(policy: AddressPolicy, lookup: Arc<dyn NameLookup>) -> Self {
        Self { policy, lookup, authority: None }
    }

    /// The same, trusting one more authority (PEM).
    pub fn trusting(mut self, authority: Vec<u8>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Hands a mail to a server.
    ///
    /// # Errors
    /// When the name is unknown, the address is refused, the server cannot be verified or does not take the mail; `refused` where it
    /// says so for good.
    pub async fn send(
        &self,
        server: &MailServer,
        login: Option<&MailLogin>,
        mail: Mail,
        tenant: &str,
        timeout: Duration,
    ) -> Result<(), PostError> {
        let sent = tokio::time::timeout(timeout, self.send_now(server, login, mail, tenant, timeout)).await;
        sent.unwrap_or_else(|_| {
            Err(FetchError::new(FailureKind::Timeout, "the mail server did not answer in time").into())
        })
    }

    async fn send_now(
        &self,
        server: &MailServer,
        login: Option<&MailLogin>,
        mail: Mail,
        tenant: &str,
        timeout: Duration,
    ) -> Result<(), PostError> {
        let address = self.vetted(&server.host, server.port, tenant).await?;
        let tls = self.tls(&server.host)?;
        let tls = if server.starts_plain { Tls::Required(tls) } else { Tls::Wrapper(tls) };
        // The connection goes to the address that was vetted; the certificate is held to the name.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
            .port(server.port)
            .tls(tls)
            .timeout(Some(timeout));
        if let Some((username, password)) = login {
            let text = |value: &SecretValue| String::from_utf8_lossy(value.reveal_line()).into_owned();
            builder = builder.credentials(Credentials::new(text(username), text(password)));
        }
        builder.build().send(mail).await.map(|_| ()).map_err(|error| failed(&error))
    }

    /// The address to connect to, of those that the policy permits.
    async fn vetted(&self, host: &str, port: u16, tenant: &str) -> Result<IpAddr, FetchError> {
        let purpose = Purpose { port, tenant, plain: false };
        let denied = |message: String| FetchError::new(FailureKind::Denied, message);
        if let Ok(address) = host.parse::<IpAddr>() {
            return self
                .policy
                .check_address(address, &purpose)
                .map(|()| address)
                .map_err(|refused| denied(refused.of(&format!("address {address}"))));
        }
        let permitted = permitted_addresses(&self.policy, &*self.lookup, host, &purpose).await?;
        permitted.first().copied().ok_or_else(|| denied(format!("{host} has no address")))
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, FetchError> {
        let wrong = |error: lettre::transport::smtp::Error| {
            FetchError::new(FailureKind::Tls, format!("TLS cannot be set up: {error}"))
        };
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(authority) = &self.authority {
            builder = builder.add_root_certificate(Certificate::from_pem(authority).map_err(wrong)?);
        }
        builder.build_rustls().map_err(wrong)
    }
}

/// What an error of the library says, with its causes.
fn failed(error: &lettre::transport::smtp::Error) -> PostError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    let kind = match () {
        () if error.is_timeout() => FailureKind::Timeout,
        () if error.is_tls() => FailureKind::Tls,
        () if error.is_permanent() || error.is_transient() => FailureKind::Status,
        () => FailureKind::Connect,
    };
    // 535 and its like speak of the login, which its owner may correct.
    let refused = error.status().is_some_and(|code| u16::from(code) / 10 == 55);
    PostError { error: FetchError::new(kind, format!("the mail server: {text}")), refused }
}
