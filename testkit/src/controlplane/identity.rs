//! Who may speak to the API server, and how each side proves who it is: certificates, keys, tokens, kubeconfigs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::json;

/// The name of the identity that may do everything.
pub const ADMIN: &str = "admin";

/// The name of the identity of the built-in controllers.
pub const CONTROLLER_MANAGER_USER: &str = "system:kube-controller-manager";

/// A user whom the API server knows by a token from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name, as RBAC and the audit log have it. Made of letters, digits, `-`, `.` and `:`.
    pub user: String,
    /// The groups that the user is in; `system:masters` is above RBAC.
    pub groups: Vec<String>,
}

impl Identity {
    /// The identity that may do everything.
    pub fn admin() -> Self {
        Self { user: ADMIN.to_owned(), groups: vec!["system:masters".to_owned()] }
    }

    /// The identity of the built-in controllers. It may do everything too, but the audit log distinguishes it from `admin`.
    pub fn controller_manager() -> Self {
        Self { user: CONTROLLER_MANAGER_USER.to_owned(), groups: vec!["system:masters".to_owned()] }
    }
}

/// The files with which the servers prove who they are, all PEM.
#[derive(Debug, Clone)]
pub(crate) struct ServerFiles {
    /// The certificate of the authority, which clients trust.
    pub authority_certificate: PathBuf,
    /// The servers' certificate, for 127.0.0.1 and localhost.
    pub certificate: PathBuf,
    /// The key to it.
    pub key: PathBuf,
    /// The ECDSA P-256 key that signs the tokens of service accounts.
    pub service_account_key: PathBuf,
    /// Its public half, which verifies them.
    pub service_account_public_key: PathBuf,
}

/// Why the files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A key or a certificate could not be made.
    #[error("making the certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("writing the certificates, tokens and kubeconfigs: {0}")]
    Io(#[from] io::Error),
}

impl ServerFiles {
    /// Makes an authority and what it signs, in `folder`. The authority's key is kept nowhere.
    pub(crate) fn create(folder: &Path) -> Result<Self, IdentityError> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "control plane of the tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_certificate = server.signed_by(&server_key, &issuer)?;

        let files = Self {
            authority_certificate: folder.join("authority.crt"),
            certificate: folder.join("server.crt"),
            key: folder.join("server.key"),
            service_account_key: folder.join("service-accounts.key"),
            service_account_public_key: folder.join("service-accounts.pub"),
        };
        fs::write(&files.authority_certificate, authority_certificate.pem())?;
        fs::write(&files.certificate, server_certificate.pem())?;
        write_secret(&files.key, &server_key.serialize_pem())?;
        let service_account_key = KeyPair::generate()?;
        write_secret(&files.service_account_key, &service_account_key.serialize_pem())?;
        fs::write(&files.service_account_public_key, service_account_key.public_key_pem())?;
        Ok(files)
    }
}

/// Writes the API server's file of tokens, a new random token for each identity, and answers the tokens in their order.
pub(crate) fn write_token_file(path: &Path, identities: &[Identity]) -> Result<Vec<String>, IdentityError> {
    let mut tokens = Vec::new();
    let mut lines = String::new();
    for Identity { user, groups } in identities {
        let token = random_token()?;
        lines.push_str(&format!("{token},{user},{user},\"{}\"\n", groups.join(",")));
        tokens.push(token);
    }
    write_secret(path, &lines)?;
    Ok(tokens)
}

/// 128 hexadecimal digits that nobody guesses: a key's public half is as random as the key, and nothing else uses this one.
fn random_token() -> Result<String, IdentityError> {
    let key = KeyPair::generate()?;
    Ok(key.public_key_raw().iter().skip(1).map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a kubeconfig with one cluster, one user and one context. JSON is YAML too.
pub(crate) fn write_kubeconfig(
    path: &Path,
    server: &str,
    files: &ServerFiles,
    user: &str,
    token: &str,
    namespace: &str,
) -> Result<(), IdentityError> {
    let authority = fs::read(&files.authority_certificate)?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "controlplane",
            "cluster": {"server": server, "certificate-authority-data": ByteString(authority)},
        }],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{
            "name": "controlplane",
            "context": {"cluster": "controlplane", "user": user, "namespace": namespace},
        }],
        "current-context": "controlplane",
    });
    Ok(write_secret(path, &format!("{config:#}\n"))?)
}

/// Writes a new file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
