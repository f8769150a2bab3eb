//! A folder of an SSH server: its names, and what its files hold, within the bounds of every answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use percent_encoding::percent_decode_str;
use russh::client::{AuthResult, Config, Handle, Handler};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Preferred, SshId};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::{Config as SftpConfig, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use url::Url;

use super::body::{BodyLimits, too_large};
use super::call::{USER_AGENT, host_and_port};
use super::client::{FeedClient, SMALL_BODY};
use super::error::{Detail, FailureKind, FetchError, presentable};
use super::limits::Permit;
use super::memory_share::Reserved;
use super::secret::SecretValue;
use super::ssh::{HostKeys, Proof, Shown, SshLogin, how_to_get_host_keys};

/// Bytes that the names of a folder may have together, and the lines beside them.
const LARGEST_LISTING: usize = 64 << 20;
/// Bytes of one piece of a file.
const PIECE: u32 = 32 << 10;
/// Pieces that are asked for at once.
const AT_ONCE: usize = 8;
/// The largest packet of an answer.
const LARGEST_PACKET: u32 = 256 << 10;
/// A session about which nothing is heard for so long has ended.
const SILENCE: Duration = Duration::from_secs(120);

/// A session at an SSH server that looks at one folder.
pub(crate) struct Session {
    sftp: RawSftpSession,
    /// Ends the connection when it is dropped.
    _connection: Handle<Verifier>,
    /// With `/` at its end, or nothing for the folder in which the session begins.
    folder: String,
    /// For the listing, and for each file.
    timeout: Duration,
    _permit: Permit,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub version: Version,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub size: u64,
    /// Seconds since 1970, where the server says it.
    pub modified: Option<u32>,
}

impl Version {
    fn of(attributes: &FileAttributes) -> Option<Self> {
        Some(Version { size: attributes.size?, modified: attributes.mtime })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.size, self.modified.unwrap_or_default())
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub body: Vec<u8>,
    pub reserved: Option<Reserved>,
}

impl Session {
    /// Signs in, after the server has shown a key that is known.
    ///
    /// # Errors
    /// `HostKey`, `Auth`, and those of a connection.
    pub(crate) async fn open(
        client: &FeedClient,
        url: &Url,
        tenant: &str,
        login: &SshLogin,
        timeout: Duration,
    ) -> Result<Session, FetchError> {
        let folder = folder_of(url)?;
        let opening = async {
            let opened = tokio::time::timeout(timeout, begin(client, url, tenant, login, timeout)).await;
            opened.unwrap_or_else(|_| Err(late(timeout)))
        };
        let ((sftp, connection), permit) = client.opened(url, tenant, opening).await?;
        Ok(Session { sftp, _connection: connection, folder, timeout, _permit: permit })
    }

    /// The files of the folder, without folders and links; one more than `most` where there are more.
    ///
    /// # Errors
    /// As [`Self::read`], and `TooLarge` for a listing that takes too much memory.
    pub(crate) async fn list(&self, most: usize) -> Result<Vec<Entry>, FetchError> {
        self.in_time(self.names(most)).await
    }

    async fn names(&self, most: usize) -> Result<Vec<Entry>, FetchError> {
        let folder = if self.folder.is_empty() { "." } else { &self.folder };
        let failed = |error| explain(error, "the folder");
        let handle = self.sftp.opendir(folder).await.map_err(failed)?.handle;
        let (mut entries, mut bytes) = (Vec::new(), 0_usize);
        while entries.len() <= most {
            let page = match self.sftp.readdir(handle.as_str()).await {
                Ok(page) if page.files.is_empty() => break,
                Ok(page) => page,
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => break,
                Err(error) => return Err(failed(error)),
            };
            for file in page.files {
                bytes = bytes.saturating_add(file.filename.len() + file.longname.len());
                // Some servers do not say what kind of file it is.
                let is_file = file.attrs.permissions.is_none() || file.attrs.file_type().is_file();
                let version = Version::of(&file.attrs).filter(|_| is_file);
                let version = version.filter(|_| !file.filename.contains('/'));
                entries.extend(version.map(|version| Entry { name: file.filename, version }));
            }
            if bytes > LARGEST_LISTING {
                let message = "the names of the folder take more memory than there is for them: move old files away";
                return Err(FetchError::new(FailureKind::TooLarge, message));
            }
        }
        // What was opened ends with the session, too.
        let _ = self.sftp.close(handle).await;
        Ok(entries)
    }

    /// What a file holds, where it is the version that was listed.
    ///
    /// # Errors
    /// `Late` where it is another one by now, or grows while it is read; `TooLarge` beyond the limits of a body; `Status` where it is
    /// gone, `Auth` where it may not be read, and those of a connection.
    pub(crate) async fn read(
        &self,
        client: &FeedClient,
        tenant: &str,
        name: &str,
        version: &str,
    ) -> Result<Content, FetchError> {
        let (handle, found) = self.in_time(self.begin_file(name)).await?;
        if found.to_string() != version {
            return Err(changed());
        }
        let limits = client.body_limits();
        let size = usize::try_from(found.size).ok().filter(|size| *size <= limits.largest);
        let size = size.ok_or_else(|| of_a_file(limits))?;
        let reserved = if size > SMALL_BODY { client.room_for_a_body(tenant).await } else { None };
        let body = self.in_time(self.whole(&handle, found, size)).await?;
        // What was opened ends with the session, too.
        let _ = self.sftp.close(handle).await;
        Ok(Content { body, reserved })
    }

    async fn begin_file(&self, name: &str) -> Result<(String, Version), FetchError> {
        let path = format!("{}{name}", self.folder);
        let opened = self.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await;
        let handle = opened.map_err(|error| explain(error, "the file"))?.handle;
        let version = self.version(&handle).await?;
        Ok((handle, version))
    }

    async fn version(&self, handle: &str) -> Result<Version, FetchError> {
        let found = self.sftp.fstat(handle).await.map_err(|error| explain(error, "the file"))?;
        Version::of(&found.attrs)
            .ok_or_else(|| FetchError::new(FailureKind::Malformed, "the SSH server does not say how large the file is"))
    }

    /// Reads a file in pieces, several at once, and looks whether it is still the same one then.
    async fn whole(&self, handle: &str, version: Version, size: usize) -> Result<Vec<u8>, FetchError> {
        let pieces = (0..version.size).step_by(PIECE as usize).map(|offset| {
            let length = u32::try_from(version.size - offset).unwrap_or(PIECE).min(PIECE);
            self.piece(handle, offset, length)
        });
        let mut body = Vec::with_capacity(size);
        let mut pieces = futures::stream::iter(pieces).buffered(AT_ONCE);
        while let Some(piece) = pieces.try_next().await? {
            body.extend_from_slice(&piece);
        }
        if self.version(handle).await? == version && body.len() == size { Ok(body) } else { Err(changed()) }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| Err(late(self.timeout)))
    }

    /// A piece of a file; shorter at its end alone.
    async fn piece(&self, handle: &str, offset: u64, length: u32) -> Result<Vec<u8>, FetchError> {
        let mut piece: Vec<u8> = Vec::new();
        loop {
            let kept = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let wanted = length.saturating_sub(kept);
            if wanted == 0 {
                return Ok(piece);
            }
            match self.sftp.read(handle, offset.saturating_add(kept.into()), wanted).await {
                Ok(answer) if answer.data.is_empty() => return Ok(piece),
                Ok(answer) if answer.data.len() > wanted as usize => {
                    return Err(FetchError::new(
                        FailureKind::Malformed,
                        "the SSH server sends more than it was asked for",
                    ));
                }
                Ok(answer) => piece.extend(answer.data),
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => return Ok(piece),
                Err(error) => return Err(explain(error, "the file")),
            }
        }
    }
}

/// Connects, verifies the server, and signs in.
async fn begin(
    client: &FeedClient,
    url: &Url,
    tenant: &str,
    login: &SshLogin,
    timeout: Duration,
) -> Result<(RawSftpSession, Handle<Verifier>), FetchError> {
    let keys = login.known_keys(url)?;
    let private_key = login.private_key()?;
    let socket = client.socket(url, tenant).await?;
    let shown = Arc::new(Mutex::new(None));
    let config = Arc::new(config(&keys));
    let verifier = Verifier { keys, shown: shown.clone() };
    let connected = russh::client::connect_stream(config, socket, verifier).await;
    let mut connection = connected.map_err(|error| {
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
        unconnected(&error, shown.as_deref(), url, login)
    })?;
    let username = text(&login.username, login)?;
    let signed_in = match (&login.proof, private_key) {
        (Proof::Password(password), _) => connection.authenticate_password(username, text(password, login)?).await,
        (Proof::Key(_), Some(key)) => {
            connection.authenticate_publickey(username, PrivateKeyWithHashAlg::new(Arc::new(key), None)).await
        }
        (Proof::Key(_), None) => return Err(refused(login)),
    };
    match signed_in.map_err(|error| broken(&error))? {
        AuthResult::Success => {}
        AuthResult::Failure { .. } => return Err(refused(login)),
    }
    let channel = connection.channel_open_session().await.map_err(|error| broken(&error))?;
    channel.request_subsystem(true, "sftp").await.map_err(|error| broken(&error))?;
    let limits = SftpConfig {
        max_packet_len: LARGEST_PACKET,
        request_timeout_secs: timeout.as_secs().max(1),
        ..SftpConfig::default()
    };
    let sftp = RawSftpSession::new_with_config(channel.into_stream(), limits);
    sftp.init().await.map_err(|error| explain(error, "SFTP"))?;
    Ok((sftp, connection))
}

fn config(keys: &HostKeys) -> Config {
    Config {
        client_id: SshId::Standard(format!("SSH-2.0-{}", USER_AGENT.replace('/', "_")).into()),
        preferred: Preferred { key: keys.algorithms().into(), ..Preferred::DEFAULT },
        inactivity_timeout: Some(SILENCE),
        ..Config::default()
    }
}

/// Lets a server through that shows a key which is known, and no other.
struct Verifier {
    keys: HostKeys,
    /// The key that was shown and is not known.
    shown: Arc<Mutex<Option<String>>>,
}

impl Handler for Verifier {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let is_known = self.keys.know(key);
        if !is_known {
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown(key).to_string());
        }
        Ok(is_known)
    }
}

/// The folder that a URL names: from the root of the server, or after `/~/` from where the user begins.
fn folder_of(url: &Url) -> Result<String, FetchError> {
    let path = percent_decode_str(url.path()).decode_utf8();
    let path = path.map_err(|_| FetchError::new(FailureKind::Denied, "the path of the URL is not UTF-8"))?;
    let folder = path.strip_prefix("/~").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let folder = folder.map_or(path.as_ref(), |rest| rest.trim_start_matches('/'));
    Ok(if folder.is_empty() || folder.ends_with('/') { folder.to_owned() } else { format!("{folder}/") })
}

/// A user name or password as the protocol has it.
fn text(value: &SecretValue, login: &SshLogin) -> Result<String, FetchError> {
    let text = std::str::from_utf8(value.reveal_line());
    text.map(str::to_owned).map_err(|_| refused(login))
}

fn refused(login: &SshLogin) -> FetchError {
    let proof = match login.proof {
        Proof::Password(_) => super::ssh::PASSWORD,
        Proof::Key(_) => super::ssh::PRIVATE_KEY,
    };
    let secret = presentable(&login.secret, 64);
    let message = format!("the SSH server refuses the user: look at `username` and `{proof}` of Secret {secret}");
    FetchError::new(FailureKind::Auth, message).with_detail(Detail::SshUser)
}

/// Why no connection to a known server was made.
fn unconnected(error: &russh::Error, shown: Option<&str>, url: &Url, login: &SshLogin) -> FetchError {
    let theirs = match (error, shown) {
        (_, Some(shown)) => shown.to_owned(),
        (russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }, _) => {
            format!("of the kinds {}", presentable(&theirs.join(", "), 60))
        }
        _ => return broken(error),
    };
    let message = format!("the host key {theirs} is not among {}: {}", login.host_keys_from, how_to_get_host_keys(url));
    tracing::debug!(host = host_and_port(url), "the host key is not known");
    FetchError::new(FailureKind::HostKey, message)
}

/// Why a connection ended.
fn broken(error: &russh::Error) -> FetchError {
    use russh::Error::{NoCommonAlgo, Version};
    let kind = match error {
        Version => FailureKind::Malformed,
        _ => FailureKind::Connect,
    };
    let message = match error {
        Version => "the server does not speak SSH".to_owned(),
        NoCommonAlgo { kind, theirs, .. } => {
            let (what, theirs) = (algorithm(kind), presentable(&theirs.join(", "), 100));
            format!("the SSH server offers no {what} that is safe: {theirs}")
        }
        error => format!("the SSH connection ended: {}", presentable(&error.to_string(), 120)),
    };
    FetchError::new(kind, message)
}

/// What two ends of a connection have to agree on, in words.
fn algorithm(kind: &AlgorithmKind) -> &'static str {
    match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "kind of host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "message authentication",
    }
}

/// Why something could not be read.
fn explain(error: SftpError, what: &str) -> FetchError {
    let (kind, message) = match &error {
        SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile => {
            (FailureKind::Status, format!("{what} is not there"))
        }
        SftpError::Status(status) if status.status_code == StatusCode::PermissionDenied => {
            (FailureKind::Auth, format!("the SSH server does not let the user read {what}"))
        }
        SftpError::Status(status) => {
            (FailureKind::Status, format!("the SSH server says of {what}: {}", presentable(&status.error_message, 120)))
        }
        SftpError::Timeout => (FailureKind::Timeout, "the SSH server does not answer in time".to_owned()),
        SftpError::UnexpectedPacket => {
            (FailureKind::Malformed, "the SSH server sends an answer to no request".to_owned())
        }
        other => (FailureKind::Connect, format!("{what} cannot be read: {}", presentable(&other.to_string(), 120))),
    };
    let detail = if kind == FailureKind::Auth { Detail::SshUser } else { Detail::Unspecified };
    FetchError::new(kind, message).with_detail(detail)
}

fn changed() -> FetchError {
    FetchError::new(FailureKind::Late, "the file changed after it was listed: it is read once it is left alone")
}

fn of_a_file(limits: BodyLimits) -> FetchError {
    FetchError::new(FailureKind::TooLarge, too_large(limits).replace("use pages", "write smaller files"))
}

fn late(timeout: Duration) -> FetchError {
    FetchError::new(FailureKind::Timeout, format!("no whole answer within {} s", timeout.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_from_the_root_or_from_where_the_user_begins() {
        for (url, folder) in [
            ("sftp://h/reports/", "/reports/"),
            ("sftp://h/reports", "/reports/"),
            ("sftp://h/a%20b/c/", "/a b/c/"),
            ("sftp://h/", "/"),
            ("sftp://h/~/", ""),
            ("sftp://h/~", ""),
            ("sftp://h/~/reports", "reports/"),
            ("sftp://h/~acme/", "/~acme/"),
            ("sftp://h/a/../b/", "/b/"),
        ] {
            assert_eq!(folder_of(&Url::parse(url).unwrap()).unwrap(), folder, "{url}");
        }
    }
}
