//! Sending messages to a sink: by HTTP or by mail, with its secrets.

use lettre::Message as Mail;
use url::Url;

use super::{Inner, ReportNow};
use crate::alert::envelope::Message;
use crate::alert::mail::MailLogin;
use crate::alert::sinks::{self, Outgoing};
use crate::api::vendor_contract::{AlertSink, EmailSink};
use crate::clock::Clock;
use crate::domain::terms::mail_server::MailServer;
use crate::outbound::client::{PostError, PostRequest};
use crate::outbound::credentials::SecretReader;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::secret::SecretValue;

impl Inner {
    pub(super) async fn send(
        &self,
        sink: &AlertSink,
        group: &[Message],
        report: Option<ReportNow>,
    ) -> Vec<(Vec<i64>, Result<(), PostError>)> {
        let all = || group.iter().map(|message| message.id).collect::<Vec<_>>();
        let Some(first) = group.first() else { return Vec::new() };
        let tenant = first.envelope.namespace.as_str();
        if let Some(report) = report {
            return vec![(all(), self.send_report(sink, first, report).await)];
        }
        if let Some(email) = &sink.email {
            let mail = sinks::mail::render(email, group).map_err(PostError::from);
            return vec![(all(), self.send_mail(email, mail, tenant).await)];
        }
        let secret = match self.secret(sink, tenant).await {
            Ok(secret) => secret,
            Err(error) => return vec![(all(), Err(error.into()))],
        };
        let url = match sinks::address_of(sink, secret.as_ref()) {
            Ok(url) => url,
            Err(error) => return vec![(all(), Err(error.into()))],
        };
        let mut results = Vec::new();
        for outgoing in sinks::render(sink, group, secret.as_ref(), Clock::real().now()) {
            // A Secret was read since the last look, which may have taken its time.
            if (self.parts.may_send)(tenant).is_none() {
                break;
            }
            let ids = outgoing.messages.clone();
            let result = self.post(&url, outgoing, tenant).await;
            let failed = matches!(&result, Err(failure) if !failure.refused);
            results.push((ids, result));
            if failed {
                break;
            }
        }
        results
    }

    async fn send_report(&self, sink: &AlertSink, message: &Message, report: ReportNow) -> Result<(), PostError> {
        let never = |why: &str| PostError { error: FetchError::new(FailureKind::Mapping, why), refused: true };
        let tenant = message.envelope.namespace.as_str();
        let package = match report {
            ReportNow::Ready(package) => package,
            ReportNow::Soon => return Err(FetchError::new(FailureKind::Mapping, "the report is not there").into()),
            ReportNow::NotYet(why) => return Err(FetchError::new(FailureKind::Mapping, why).into()),
            ReportNow::Never(why) => return Err(never(&why)),
        };
        if let Some(email) = &sink.email {
            return self
                .send_mail(email, sinks::mail::report(email, message, &package).map_err(PostError::from), tenant)
                .await;
        }
        if sink.webhook.is_none() {
            return Err(never("a report goes to email and webhooks, and the alert is neither"));
        }
        let secret = self.secret(sink, tenant).await?;
        let url = sinks::address_of(sink, secret.as_ref())?;
        if (self.parts.may_send)(tenant).is_none() {
            return Err(
                FetchError::new(FailureKind::Timeout, "the lease ran out before the report could be sent").into()
            );
        }
        self.post(&url, sinks::report(message, &package, secret.as_ref(), Clock::real().now()), tenant).await
    }

    pub(super) async fn post(&self, url: &Url, outgoing: Outgoing, tenant: &str) -> Result<(), PostError> {
        let Outgoing { messages: _, headers, body } = outgoing;
        let request = PostRequest { url: url.clone(), headers, body, tenant, timeout: self.parts.pace.timeout };
        self.parts.client.post(&request).await
    }

    async fn send_mail(&self, email: &EmailSink, mail: Result<Mail, PostError>, tenant: &str) -> Result<(), PostError> {
        let server = MailServer::parse(&email.server)
            .ok_or_else(|| FetchError::new(FailureKind::Denied, "the mail server's address cannot be read"))?;
        let login = self.login(email, &server, tenant).await?;
        let mail = mail?;
        if (self.parts.may_send)(tenant).is_none() {
            return Err(FetchError::new(FailureKind::Timeout, "the lease ran out before the mail could be sent").into());
        }
        self.parts.mailer.send(&server, login.as_ref(), mail, tenant, self.parts.pace.timeout).await
    }

    async fn login(
        &self,
        email: &EmailSink,
        server: &MailServer,
        tenant: &str,
    ) -> Result<Option<MailLogin>, FetchError> {
        let (Some(username), Some(password)) = (&email.username_secret_ref, &email.password_secret_ref) else {
            return Ok(None);
        };
        // The annotation of the Secret lists hosts; the scheme says nothing there.
        let url =
            crate::outbound::credentials::parse_url(&format!("https://{}:{}/", bracketed(&server.host), server.port))?;
        let mut reader = SecretReader::new(tenant, &*self.parts.credentials);
        Ok(Some((reader.referred(username, &url).await?, reader.referred(password, &url).await?)))
    }

    /// The secret of a sink, if it has one, and whether it may go where the sink's messages go.
    async fn secret(&self, sink: &AlertSink, tenant: &str) -> Result<Option<SecretValue>, FetchError> {
        let Some(reference) = sinks::secret_of(sink) else { return Ok(None) };
        let mut reader = SecretReader::new(tenant, &*self.parts.credentials);
        let value = reader.kept(&reference.name, &reference.key).await?;
        // A signing key never leaves, but what it signs does: its owner says to whom, as with an address or a routing key.
        reader.referred(reference, &sinks::address_of(sink, Some(&value))?).await?;
        Ok(Some(value))
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
