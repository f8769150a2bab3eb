//! Where the database is, and how safely it is reached. No part of it shows the password.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::evidence::model::StoreError;

/// How long connecting may take, each step of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The URL of a database, such as `postgres://user:password@host/database`. It is never shown whole.
#[derive(Clone)]
pub struct EvidenceUrl(String);

impl FromStr for EvidenceUrl {
    type Err = std::convert::Infallible;

    // What is wrong with it is said when it is opened: here the whole text, with its password, would be shown.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for EvidenceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EvidenceUrl(…)")
    }
}

/// A database that may be connected to.
#[derive(Clone)]
pub(super) struct Location {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// Host and database, for messages.
    pub shown: Arc<str>,
}

impl Location {
    /// Reads a URL; the parameters `sslmode` and `sslrootcert` are ours, all others those of libpq.
    pub(super) fn of(url: &EvidenceUrl) -> Result<Self, StoreError> {
        let (bare, ssl) = split_ssl(&url.0)?;
        let mut config = Config::from_str(&bare).map_err(|_| {
            wrong("it cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %-escapes for special characters")
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host: write postgres://USER@HOST/DATABASE"));
        }
        if config.get_user().is_none() {
            return Err(wrong("it names no user: write postgres://USER@HOST/DATABASE"));
        }
        let encrypted = ssl.encrypted(config.get_hosts().iter().all(is_here));
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(Duration::from_secs(30));
        config
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("bpo-operator");
        }
        let shown = shown(&config).into();
        let tls = if encrypted { Some(tls(ssl.root_certificate.as_deref())?) } else { None };
        Ok(Self { config, tls, shown })
    }

    pub(super) fn connect(&self) -> Result<postgres::Client, postgres::Error> {
        match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(postgres::NoTls),
        }
    }
}

fn wrong(what: &str) -> StoreError {
    StoreError::NotOpened { path: "of --evidence-url".to_owned(), reason: what.to_owned() }
}

/// What a URL says of TLS.
struct Ssl {
    mode: Option<Mode>,
    root_certificate: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Verified,
}

impl Ssl {
    /// Without a word about it a connection that leaves the machine is encrypted, and the server verified.
    fn encrypted(&self, all_here: bool) -> bool {
        match self.mode {
            Some(mode) => mode == Mode::Verified,
            None => !all_here || self.root_certificate.is_some(),
        }
    }
}

fn split_ssl(text: &str) -> Result<(String, Ssl), StoreError> {
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err(wrong("it is not a URL of PostgreSQL: write postgres://USER@HOST/DATABASE"));
    }
    let (before, query) = text.split_once('?').unwrap_or((text, ""));
    let mut ssl = Ssl { mode: None, root_certificate: None };
    let mut others = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "sslmode" => ssl.mode = Some(mode(value)?),
            "sslrootcert" => ssl.root_certificate = Some(unescaped(value)),
            _ => others.push(parameter),
        }
    }
    let bare = if others.is_empty() { before.to_owned() } else { format!("{before}?{}", others.join("&")) };
    Ok((bare, ssl))
}

fn mode(value: &str) -> Result<Mode, StoreError> {
    match value {
        "disable" => Ok(Mode::Disable),
        "require" | "verify-ca" | "verify-full" => Ok(Mode::Verified),
        "allow" | "prefer" => Err(wrong(
            "sslmode allow and prefer would send evidence unencrypted whenever the server asks for it: write sslmode=verify-full, or sslmode=disable if that is meant",
        )),
        _ => Err(wrong("its sslmode is not known: write sslmode=verify-full, or sslmode=disable")),
    }
}

fn unescaped(value: &str) -> String {
    Url::parse(&format!("x:?v={value}"))
        .ok()
        .and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned()))
        .unwrap_or_else(|| value.to_owned())
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn shown(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Unix(path) => path.display().to_string(),
            Host::Tcp(name) => name.clone(),
        })
        .collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("database {database} at {}", hosts.join(","))
}

/// A connector that verifies the server's chain and name: against `sslrootcert`, or else the machine's own authorities.
fn tls(root_certificate: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let certificates = match root_certificate {
        Some(file) => CertificateDer::pem_file_iter(Path::new(file))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&format!("sslrootcert {file}: {error}")))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(wrong("no certificate authority is known to verify the server: give sslrootcert=FILE in the URL"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
