//! JSON Web Tokens that the operator signs itself (RFC 7515, RFC 7519), with the signatures of `ring`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::error::{FailureKind, FetchError};
use super::secret::SecretValue;
use crate::api::feed::JwtAlgorithm;

/// A private key, and what the tokens that it signs say.
#[derive(Clone, Debug)]
pub struct JwtKey {
    /// Where the token is exchanged for an access token; none where it is sent itself.
    pub token_url: Option<Url>,
    /// The private key in PEM.
    pub key: SecretValue,
    /// How it signs.
    pub algorithm: JwtAlgorithm,
    /// The key's id.
    pub key_id: Option<String>,
    /// Who issues the token.
    pub issuer: String,
    /// On whose behalf.
    pub subject: Option<String>,
    /// For whom.
    pub audience: Option<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// Seconds for which a token holds.
pub(crate) const LIFETIME: i64 = 300;

fn fault(message: &str) -> FetchError {
    FetchError::new(FailureKind::Auth, format!("auth.jwtBearer: {message}"))
}

impl JwtKey {
    /// The texts that tell one key and what it says from another.
    pub(crate) fn parts(&self) -> Vec<Vec<u8>> {
        let url = self.token_url.as_ref().map(|url| url.to_string());
        let texts = [url, self.key_id.clone(), self.subject.clone(), self.audience.clone()];
        let mut parts: Vec<Vec<u8>> = texts.into_iter().map(|text| text.unwrap_or_default().into_bytes()).collect();
        parts.push(self.key.reveal().to_vec());
        parts.push(self.issuer.clone().into_bytes());
        parts.push(self.scopes.join(" ").into_bytes());
        parts
    }

    /// A token that holds from `now` on for [`LIFETIME`].
    ///
    /// # Errors
    /// `Auth` where the key is none that can sign.
    pub(crate) fn token(&self, now: Timestamp) -> Result<SecretValue, FetchError> {
        let name = match self.algorithm {
            JwtAlgorithm::RS256 => "RS256",
            JwtAlgorithm::ES256 => "ES256",
        };
        let mut header = json!({"alg": name, "typ": "JWT"});
        if let (Some(id), Some(members)) = (&self.key_id, header.as_object_mut()) {
            members.insert("kid".to_owned(), json!(id));
        }
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encoded(&header), encoded(&Value::Object(self.claims(now))));
        let signature = self.sign(text.as_bytes())?;
        Ok(SecretValue::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn claims(&self, now: Timestamp) -> Map<String, Value> {
        let issued = now.as_second();
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(self.issuer));
        claims.insert("iat".to_owned(), json!(issued));
        claims.insert("exp".to_owned(), json!(issued.saturating_add(LIFETIME)));
        let audience = self.audience.clone().or_else(|| self.token_url.as_ref().map(|url| url.to_string()));
        let scope = Some(self.scopes.join(" ")).filter(|scope| !scope.is_empty());
        for (name, value) in [("sub", self.subject.clone()), ("aud", audience), ("scope", scope)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), json!(value));
            }
        }
        claims
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, FetchError> {
        let (der, is_pkcs1) = self.der()?;
        let random = SystemRandom::new();
        let failed = |_| fault("the key cannot sign");
        match self.algorithm {
            JwtAlgorithm::RS256 => {
                let key = if is_pkcs1 { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
                let key = key.map_err(|_| fault("the key is not an RSA key of 2,048 to 4,096 bits in PEM"))?;
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            JwtAlgorithm::ES256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).map_err(|_| {
                    fault("the key is not a P-256 key in PEM as PKCS #8 (openssl pkcs8 -topk8 -nocrypt)")
                })?;
                key.sign(&random, text).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
        }
    }

    /// The bytes of the key, and whether they are PKCS #1.
    fn der(&self) -> Result<(Zeroizing<Vec<u8>>, bool), FetchError> {
        let none = || fault("the Secret holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----");
        let text = std::str::from_utf8(self.key.reveal()).map_err(|_| none())?;
        // Keys that were cut out of JSON have their line breaks written out.
        let text = Zeroizing::new(text.replace("\\n", "\n"));
        for (label, is_pkcs1) in [("PRIVATE KEY", false), ("RSA PRIVATE KEY", true)] {
            let body = text
                .split_once(&format!("-----BEGIN {label}-----"))
                .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")));
            let Some((body, _)) = body else { continue };
            let plain: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
            let der = STANDARD.decode(plain.as_bytes()).map_err(|_| none())?;
            return Ok((Zeroizing::new(der), is_pkcs1));
        }
        Err(none())
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;

    const RSA: &str = include_str!("../../tests/data/keys/rsa-for-tests-alone.pem");
    const RSA_PKCS1: &str = include_str!("../../tests/data/keys/rsa-for-tests-alone-pkcs1.pem");

    fn key(algorithm: JwtAlgorithm, pem: &str) -> JwtKey {
        JwtKey {
            token_url: Some("https://login.acme.example/token".parse().unwrap()),
            key: SecretValue::new(pem),
            algorithm,
            key_id: Some("k1".to_owned()),
            issuer: "feeds@acme.example".to_owned(),
            subject: None,
            audience: None,
            scopes: vec!["read".to_owned(), "list".to_owned()],
        }
    }

    /// Header and claims of a token whose signature holds.
    fn verified(token: &SecretValue, algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> (Value, Value) {
        let text = std::str::from_utf8(token.reveal()).unwrap();
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("{text}") };
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let signed = format!("{header}.{claims}");
        UnparsedPublicKey::new(algorithm, public).verify(signed.as_bytes(), &decoded(signature)).unwrap();
        let value = |part: &str| serde_json::from_slice(&decoded(part)).unwrap();
        (value(header), value(claims))
    }

    #[test]
    fn tokens_are_signed_so_that_the_public_key_verifies_them_and_say_what_was_written() {
        let now: Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let p256 = rcgen::KeyPair::generate().unwrap();
        let rsa = RsaKeyPair::from_der(&key(JwtAlgorithm::RS256, RSA_PKCS1).der().unwrap().0).unwrap();
        let rsa = rsa.public_key().as_ref().to_vec();
        let escaped = RSA.replace('\n', "\\n");
        for (pem, algorithm, name) in [
            (RSA, JwtAlgorithm::RS256, "RS256"),
            (RSA_PKCS1, JwtAlgorithm::RS256, "RS256"),
            (escaped.as_str(), JwtAlgorithm::RS256, "RS256"),
            (p256.serialize_pem().as_str(), JwtAlgorithm::ES256, "ES256"),
        ] {
            let token = key(algorithm, pem).token(now).unwrap();
            let (header, claims) = match algorithm {
                JwtAlgorithm::RS256 => verified(&token, &RSA_PKCS1_2048_8192_SHA256, &rsa),
                JwtAlgorithm::ES256 => verified(&token, &ECDSA_P256_SHA256_FIXED, p256.public_key_raw()),
            };
            assert_eq!(header, json!({"alg": name, "typ": "JWT", "kid": "k1"}));
            let expected = json!({"iss": "feeds@acme.example", "aud": "https://login.acme.example/token", "scope": "read list",
                "iat": 1767603600, "exp": 1767603900});
            assert_eq!(claims, expected);
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_said_without_a_word_of_it() {
        let p256 = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for (pem, algorithm, fragment) in [
            ("canary", JwtAlgorithm::RS256, "no private key in PEM"),
            (p256.as_str(), JwtAlgorithm::RS256, "not an RSA key"),
            (RSA, JwtAlgorithm::ES256, "not a P-256 key"),
            ("-----BEGIN PRIVATE KEY-----\ncanary!\n-----END PRIVATE KEY-----", JwtAlgorithm::ES256, "no private key"),
        ] {
            let error = key(algorithm, pem).token(Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error.kind, FailureKind::Auth);
            assert!(error.message.contains(fragment) && !error.message.contains("canary"), "{}", error.message);
        }
    }
}
