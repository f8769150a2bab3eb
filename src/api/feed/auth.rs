//! How the operator shows a feed who it is, and whom it trusts.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::scalar::SecretKeyReference;

/// How the operator shows who it is: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["bearer", "basic", "apiKey", "oauth2", "hmac", "login", "awsSigV4", "jwtBearer", "sshKey"], ""))]
pub struct FeedAuth {
    /// A bearer token, sent as `Authorization: Bearer`.
    pub bearer: Option<BearerAuth>,
    /// User name and password, sent as HTTP basic authentication.
    pub basic: Option<BasicAuth>,
    /// A key in a header or a query parameter.
    pub api_key: Option<ApiKeyAuth>,
    /// A token from an OAuth2 token endpoint, by client credentials or by a refresh token.
    pub oauth2: Option<OAuth2Auth>,
    /// A signature over method, path with query, timestamp header and body hash.
    pub hmac: Option<HmacAuth>,
    /// A sign-in whose answer holds a token, which is then sent with each request.
    pub login: Option<LoginAuth>,
    /// AWS Signature Version 4: requests are signed with an access key.
    #[serde(rename = "awsSigV4")]
    pub aws_sig_v4: Option<AwsSigV4Auth>,
    /// A token that the operator signs itself with a private key.
    pub jwt_bearer: Option<JwtBearerAuth>,
    /// A user of an SSH server, for `files.list: Sftp`.
    pub ssh_key: Option<SshAuth>,
}

/// A user of an SSH server, and the keys by which the server is known.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshAuth {
    /// The Secret with the keys `username`, `password` or `ssh-privatekey` (Ed25519 or ECDSA, without a passphrase), and `known_hosts`:
    /// what `ssh-keyscan HOST` prints. Its annotation must allow the feed's host.
    pub secret_ref: crate::api::scalar::NameReference,
    /// The ConfigMap that holds the server's keys instead of `known_hosts` of the Secret. Default: none.
    pub host_keys_config_map_ref: Option<SecretKeyReference>,
}

/// A sign-in with JSON, whose answer holds a token. A Secret's annotation `bpo-operator.io/allowed-hosts` lists the sign-in's host and
/// every host that the token is sent to.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginAuth {
    /// Address of the sign-in, which is asked with a Post.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub url: String,
    /// Body in JSON, with the names of `secrets` in braces: `{"accessKeyId": "{id}", "accessKeySecret": "{secret}"}`.
    #[schemars(length(min = 1, max = 16384))]
    pub json: String,
    /// The secrets that the body names as placeholders, one entry for each.
    #[schemars(length(min = 1, max = 5))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secrets: Vec<NamedSecret>,
    /// JSONPath of the token in the answer, such as `$.access_token`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub token: String,
    /// JSONPath of the number of seconds for which the token holds. Default: it is used for 5 minutes.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = crate::api::rules::JSON_PATH)]
    pub lifetime: Option<String>,
    /// How the token is sent. Default: `Authorization: Bearer TOKEN`.
    pub send: Option<TokenHeader>,
}

/// A secret by the name that a body has for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedSecret {
    /// The name, such as secret, which is in braces in the body.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[A-Za-z][A-Za-z0-9_]*$')", "write a name of letters, digits and _, such as secret"))]
    pub name: String,
    /// The Secret that holds it. Its annotation must allow the login's host.
    pub secret_ref: SecretKeyReference,
}

/// The header that carries a token.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenHeader {
    /// Name of the header, such as Authorization.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[A-Za-z0-9_-]+$')", "write the name of a header, such as Authorization"))]
    pub header: String,
    /// What comes before the token, such as `Bearer ` with its space. Default: nothing.
    #[schemars(length(max = 63))]
    pub prefix: Option<String>,
}

/// AWS Signature Version 4: each request is signed with a key of AWS, which itself is never sent.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsSigV4Auth {
    /// Region of the service, such as eu-central-1.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9-]+$')", "write a region such as eu-central-1"))]
    pub region: String,
    /// Name of the service, such as connect or s3.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9-]+$')", "write a service such as connect or s3"))]
    pub service: String,
    /// The Secret that holds the access key id.
    pub access_key_id_secret_ref: SecretKeyReference,
    /// The Secret that holds the secret access key.
    pub secret_access_key_secret_ref: SecretKeyReference,
    /// The Secret that holds the session token of temporary credentials. Default: none.
    pub session_token_secret_ref: Option<SecretKeyReference>,
}

/// A JSON Web Token that the operator signs with a private key, and exchanges for an access token (RFC 7523) or sends itself. The key is
/// never sent.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct JwtBearerAuth {
    /// Address at which the token is exchanged for an access token. Default: it is sent itself as `Authorization: Bearer`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub token_url: Option<String>,
    /// The Secret that holds the private key in PEM, PKCS #8 or for RS256 also PKCS #1, without a password. Its annotation lists the hosts
    /// of `tokenUrl` and of the feed.
    pub key_secret_ref: SecretKeyReference,
    /// How it is signed.
    #[schemars(extend("description" = "How it is signed: RS256 with an RSA key, or ES256 with a key on the curve P-256."))]
    pub algorithm: JwtAlgorithm,
    /// The key's id, which is in the token's header as `kid`. Default: none.
    #[schemars(length(min = 1, max = 253))]
    pub key_id: Option<String>,
    /// Who issues the token (`iss`), such as the address of a service account.
    #[schemars(length(min = 1, max = 253))]
    pub issuer: String,
    /// On whose behalf (`sub`). Default: none.
    #[schemars(length(min = 1, max = 253))]
    pub subject: Option<String>,
    /// For whom the token is (`aud`). Default: `tokenUrl`, or none where it is sent itself.
    #[schemars(length(min = 1, max = 1024))]
    pub audience: Option<String>,
    /// Scopes to ask for, such as analytics:readonly. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub scopes: Vec<String>,
}

/// How a token is signed: RS256 or ES256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum JwtAlgorithm {
    RS256,
    ES256,
}

/// A bearer token, sent as `Authorization: Bearer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BearerAuth {
    /// The Secret that holds the token. Its annotation must allow the feed's host.
    pub token_secret_ref: SecretKeyReference,
}

/// User name and password, sent as HTTP basic authentication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// The Secret that holds the user name.
    pub username_secret_ref: SecretKeyReference,
    /// The Secret that holds the password.
    pub password_secret_ref: SecretKeyReference,
}

/// A key in a header or a query parameter.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["header", "query"], ""))]
pub struct ApiKeyAuth {
    /// The header that carries the key, such as X-Key.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub header: Option<String>,
    /// The query parameter that carries the key.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub query: Option<String>,
    /// The Secret that holds the key. Its annotation must allow the feed's host.
    pub secret_ref: SecretKeyReference,
}

/// A token from an OAuth2 token endpoint, by client credentials or by a refresh token.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(has(self.grant) && self.grant == 'RefreshToken') == has(self.refreshTokenSecretRef)",
    "grant: RefreshToken and refreshTokenSecretRef belong together: write both or neither"
))]
pub struct OAuth2Auth {
    /// What a token is got for.
    #[schemars(extend("description" = "What a token is got for: ClientCredentials, or RefreshToken for the token of `refreshTokenSecretRef`. Default ClientCredentials."))]
    pub grant: Option<OAuth2Grant>,
    /// Address of the token endpoint, such as https://login.acme.example/oauth/token.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub token_url: String,
    /// The Secret that holds the client id.
    pub client_id_secret_ref: SecretKeyReference,
    /// The Secret that holds the client secret.
    pub client_secret_secret_ref: SecretKeyReference,
    /// The Secret that holds the refresh token. Some vendors give a new one with each use, which the operator writes into this key where the
    /// Secret has the annotation `bpo-operator.io/rotate: "true"` and a role lets the operator patch it.
    pub refresh_token_secret_ref: Option<SecretKeyReference>,
    /// Where client id and secret are sent.
    #[schemars(extend("description" = "Where client id and secret are sent: Header (a Basic pair) or Form. Default Header."))]
    pub client_in: Option<ClientIn>,
    /// Scopes to ask for, such as analytics:readonly. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub scopes: Vec<String>,
    /// Audience to ask for, such as https://api.acme.example. Default: none.
    #[schemars(length(min = 1, max = 1024))]
    pub audience: Option<String>,
    /// Further fields of the form, such as resource. No secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[x_kube(validation = (
        "!self.exists(p, p.name in ['grant_type', 'client_id', 'client_secret', 'refresh_token', 'scope', 'audience'])",
        "grant_type, client_id, client_secret, refresh_token, scope and audience have fields of their own: take them away"
    ))]
    pub parameters: Vec<super::NameValue>,
}

/// What a token is got for: ClientCredentials or RefreshToken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum OAuth2Grant {
    ClientCredentials,
    RefreshToken,
}

/// Where client id and secret are sent: Header or Form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ClientIn {
    Header,
    Form,
}

/// A signature: HMAC with SHA-256.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HmacAuth {
    /// The Secret that holds the key. Its annotation must allow the feed's host.
    pub secret_ref: SecretKeyReference,
    /// The header that carries the signature.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub header: String,
}

/// Whom the operator trusts and how it identifies itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedTls {
    /// Certificate authorities (PEM) to trust instead of the usual ones.
    pub ca_ref: Option<CaReference>,
    /// A Secret of type kubernetes.io/tls with the client's certificate and key.
    pub client_certificate_secret_ref: Option<crate::api::scalar::NameReference>,
}

/// Where certificate authorities are: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::api::rules::one_of(&["configMapRef", "secretRef"], ""))]
pub struct CaReference {
    /// A key of a ConfigMap in the same namespace.
    pub config_map_ref: Option<SecretKeyReference>,
    /// A key of a Secret in the same namespace.
    pub secret_ref: Option<SecretKeyReference>,
}
