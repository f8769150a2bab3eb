//! Who the operator is at an SSH server, and by which keys it knows the server. A key that the Secret does not list is never trusted, not
//! even the first time.

use std::fmt;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, PublicKeyOrCertificate, decode_secret_key};
use url::Url;

use super::call::{host_of, port_of};
use super::error::{FailureKind, FetchError, presentable};
use super::secret::SecretValue;

/// The user.
pub(crate) const USERNAME: &str = "username";
/// How the user proves who it is, unless by a key.
pub(crate) const PASSWORD: &str = "password";
/// The private key, as Secrets of type kubernetes.io/ssh-auth call it.
pub(crate) const PRIVATE_KEY: &str = "ssh-privatekey";
/// The keys of the server, a line each, as `ssh-keyscan` prints them.
pub(crate) const KNOWN_HOSTS: &str = "known_hosts";

/// Lines of host keys that are read.
const MOST_HOST_KEYS: usize = 100;

/// A user of an SSH server.
#[derive(Clone, Debug)]
pub struct SshLogin {
    /// The Secret of the user.
    pub secret: String,
    /// The user.
    pub username: SecretValue,
    /// How it proves who it is.
    pub proof: Proof,
    /// The keys of the server, a line each.
    pub host_keys: SecretValue,
    /// Where they come from, fit to be shown, such as `known_hosts of Secret acme-sftp`.
    pub host_keys_from: String,
}

/// How a user of an SSH server proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By a password.
    Password(SecretValue),
    /// By a private key (OpenSSH, PKCS #8 or PuTTY).
    Key(SecretValue),
}

impl SshLogin {
    /// What makes one login different from another.
    pub(crate) fn parts(&self) -> [&[u8]; 4] {
        let (kind, secret): (&[u8], _) = match &self.proof {
            Proof::Password(secret) => (b"password", secret),
            Proof::Key(secret) => (b"key", secret),
        };
        [self.username.reveal(), kind, secret.reveal(), self.host_keys.reveal()]
    }

    /// The private key, where the user has one.
    ///
    /// # Errors
    /// `Auth` where it cannot be used; nothing of it is quoted.
    pub(crate) fn private_key(&self) -> Result<Option<PrivateKey>, FetchError> {
        let Proof::Key(text) = &self.proof else { return Ok(None) };
        let unusable = || {
            let message = format!(
                "the key {PRIVATE_KEY:?} of Secret {} is not an Ed25519 or ECDSA key without a passphrase: make one by `ssh-keygen \
                 -t ed25519 -N ''`",
                presentable(&self.secret, 64)
            );
            FetchError::new(FailureKind::Auth, message)
        };
        let text = std::str::from_utf8(text.reveal()).map_err(|_| unusable())?;
        let key = decode_secret_key(text, None).map_err(|_| unusable())?;
        if is_read(&key.algorithm()) && !key.is_encrypted() { Ok(Some(key)) } else { Err(unusable()) }
    }

    /// The keys by which the server is known.
    ///
    /// # Errors
    /// `HostKey` where a line cannot be read, or none can be used.
    pub(crate) fn known_keys(&self, url: &Url) -> Result<HostKeys, FetchError> {
        let wrong = |what: String| {
            let how = how_to_get_host_keys(url);
            FetchError::new(FailureKind::HostKey, format!("{} {what}: {how}", self.host_keys_from))
        };
        let text = std::str::from_utf8(self.host_keys.reveal()).map_err(|_| wrong("is not UTF-8".to_owned()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut keys = Vec::new();
        for (index, line) in lines.take(MOST_HOST_KEYS).enumerate() {
            let key =
                public_key(line).ok_or_else(|| wrong(format!("has a line {} that is not a public key", index + 1)))?;
            if is_read(&key.algorithm()) {
                keys.push(key.key_data().clone());
            }
        }
        if keys.is_empty() {
            return Err(wrong("has no Ed25519 and no ECDSA key".to_owned()));
        }
        Ok(HostKeys(keys))
    }
}

/// Which keys are read: the signatures of others are not verified here.
fn is_read(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Ed25519 | Algorithm::Ecdsa { .. })
}

/// The key of a line of `known_hosts`, or of a public key by itself. The name before it is not compared: the keys are of one server.
fn public_key(line: &str) -> Option<PublicKey> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(3).collect();
    let of = |kind: &str, text: &str| {
        let key = PublicKey::from_openssh(&format!("{kind} {text}")).ok()?;
        (key.algorithm().as_str() == kind).then_some(key)
    };
    match fields.as_slice() {
        // Marks such as @cert-authority and @revoked say something else than that the key is the server's.
        [mark, ..] if mark.starts_with('@') => None,
        [kind, text] => of(kind, text),
        [first, second, third] => of(second, third).or_else(|| of(first, second)),
        _ => None,
    }
}

/// The keys by which a server is known.
#[derive(Clone, Debug)]
pub(crate) struct HostKeys(Vec<KeyData>);

impl HostKeys {
    /// Whether a server that shows this key is the one.
    pub(crate) fn know(&self, shown: &PublicKeyOrCertificate) -> bool {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.0.contains(key.key_data()),
            PublicKeyOrCertificate::Certificate(_) => false,
        }
    }

    /// What the server is asked to show: a key of a kind that is known.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<Algorithm> = Vec::new();
        for key in &self.0 {
            if !algorithms.contains(&key.algorithm()) {
                algorithms.push(key.algorithm());
            }
        }
        algorithms
    }
}

/// A key that a server showed, for people.
pub(crate) struct Shown<'k>(pub &'k PublicKeyOrCertificate);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                write!(formatter, "{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
            }
            PublicKeyOrCertificate::Certificate(_) => formatter.write_str("a certificate"),
        }
    }
}

/// What to do where the key of a server is not known.
pub(crate) fn how_to_get_host_keys(url: &Url) -> String {
    let host = host_of(url).map(|host| host.to_string()).unwrap_or_default();
    let host = presentable(host.trim_matches(['[', ']']), 80);
    let port = match port_of(url) {
        22 => String::new(),
        port => format!("-p {port} "),
    };
    format!("write there what `ssh-keyscan {port}{host}` prints, once the vendor says that it is theirs")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABAQC2nxnEGmI0JZB4CrfqPIuVznY4kWWSrZp+8noIzUmhhViCziJP+vNTHkFHGm/f8+3bfcVtcaShfli7Xw/qt6TLkxFAqaZ5CtR8BEJefp890S5eA85OU1jJZrwxezXyGsVi5MvKlAXoZB35JiXpKtCJbtlNbrNI2DdMbOKJ99VwLEt78xG49fFI3IKdzLjm2iCfxi5d0WfJWvVWJK6QdToxGYFBJ2VqOW6eqLDtKdnF/BLK5xslqtBcXnXIavlU+xapF8HXhnVsykn5ASASJTdKSp5xdIhoz73etD9xucwgVyAUQaVpPVCEEEdURlJN9F0VHORd75YdVTumN1Tb97EL";

    fn known(lines: &str, url: &str) -> Result<usize, String> {
        let secret = |text: &str| SecretValue::new(text);
        let login = SshLogin {
            secret: "acme-sftp".into(),
            username: secret("acme"),
            proof: Proof::Password(secret("canary")),
            host_keys: secret(lines),
            host_keys_from: "known_hosts of Secret acme-sftp".into(),
        };
        let found = login.known_keys(&Url::parse(url).unwrap());
        found.map(|keys| keys.algorithms().len()).map_err(|error| format!("{}: {}", error.kind, error.message))
    }

    #[test]
    fn host_keys_are_read_as_ssh_keyscan_prints_them_and_nothing_else_is_trusted() {
        for lines in [
            format!("# sftp.acme.example:22 SSH-2.0-OpenSSH_9.2\nsftp.acme.example ssh-ed25519 {ED25519}\n"),
            format!("[sftp.acme.example]:2222 ssh-ed25519 {ED25519} a comment"),
            format!("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 {ED25519}"),
            format!("ssh-ed25519 {ED25519}"),
            format!("ssh-ed25519 {ED25519} vendor@acme"),
            format!("h ssh-rsa {RSA}\r\nh ssh-ed25519 {ED25519}\r\n"),
        ] {
            assert_eq!(known(&lines, "sftp://sftp.acme.example/"), Ok(1), "{lines}");
        }
        for (lines, fragment) in [
            (format!("h ssh-rsa {RSA}"), "has no Ed25519 and no ECDSA key"),
            (format!("@cert-authority *.acme.example ssh-ed25519 {ED25519}"), "line 1 that is not a public key"),
            (format!("@revoked h ssh-ed25519 {ED25519}"), "line 1 that is not a public key"),
            (format!("h ssh-ed25519 {ED25519}\nh ssh-ed25519 AAAA"), "line 2 that is not a public key"),
            (format!("h ssh-rsa {ED25519}"), "line 1 that is not a public key"),
            ("SHA256:l0vXVTQF3t1m".to_owned(), "line 1 that is not a public key"),
            ("\n# nothing\n".to_owned(), "has no Ed25519 and no ECDSA key"),
        ] {
            let error = known(&lines, "sftp://sftp.acme.example:2222/").unwrap_err();
            assert!(error.starts_with("HostKey") && error.contains(fragment), "{lines}: {error}");
            assert!(error.contains("known_hosts of Secret acme-sftp"), "{error}");
            assert!(error.contains("`ssh-keyscan -p 2222 sftp.acme.example`"), "{error}");
        }
    }
}
