//! A sign-in with JSON whose answer holds a token: what is sent, and what the answer says.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::call::Post;
use super::error::{FailureKind, FetchError};
use super::json::{first, json_path, strict_value};
use super::secret::SecretValue;
use crate::domain::terms::placeholders::{Piece, Placeholder, Unknown, pieces};

/// A sign-in, with its secrets.
#[derive(Clone, Debug)]
pub struct Login {
    /// Where.
    pub url: Url,
    /// The body, in which the secrets stand by name.
    pub json: String,
    /// The secrets by name.
    pub secrets: Vec<(String, SecretValue)>,
    /// Path of the token.
    pub token: String,
    /// Path of the seconds for which it holds.
    pub lifetime: Option<String>,
    /// The header that carries the token.
    pub header: String,
    /// What is written before it.
    pub prefix: String,
}

/// A token and how long it holds, where the answer says so.
pub(crate) struct LoginAnswer {
    pub(crate) token: SecretValue,
    pub(crate) lifetime: Option<u64>,
}

fn fault(message: &str) -> FetchError {
    FetchError::new(FailureKind::Auth, format!("auth.login: {message}"))
}

impl Login {
    /// What is posted: the secrets stand inside JSON texts, and cannot change its structure.
    pub(crate) fn post(&self) -> Result<Post, FetchError> {
        let template = strict_value(self.json.as_bytes())
            .map_err(|error| fault(&format!("json cannot be read: {}", error.message)))?;
        let body = self.filled(template)?.to_string().into_bytes();
        Ok(Post { content_type: HeaderValue::from_static("application/json"), body, safe: false })
    }

    fn filled(&self, template: Value) -> Result<Value, FetchError> {
        Ok(match template {
            Value::String(text) => Value::String(self.filled_text(&text)?),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.filled(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, member)| Ok((name, self.filled(member)?)));
                Value::Object(members.collect::<Result<_, FetchError>>()?)
            }
            scalar => scalar,
        })
    }

    fn filled_text(&self, text: &str) -> Result<String, FetchError> {
        let names: Vec<&str> = self.secrets.iter().map(|(name, _)| name.as_str()).collect();
        let mut whole = String::new();
        for piece in pieces(text, &names, Unknown::Literal).map_err(|message| fault(&message))? {
            match piece {
                Piece::Text(text) => whole.push_str(text),
                Piece::Placeholder(Placeholder::Named(name)) => {
                    let secret = self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret);
                    let value = secret.and_then(|secret| std::str::from_utf8(secret.reveal_line()).ok());
                    whole.push_str(value.ok_or_else(|| fault("a secret is not text"))?);
                }
                Piece::Placeholder(_) => return Err(fault("json takes the names of `secrets` alone")),
            }
        }
        Ok(whole)
    }

    /// Reads what the sign-in answers.
    ///
    /// # Errors
    /// `Auth` where there is no token in it; the answer itself is never quoted.
    pub(crate) fn read(&self, body: &[u8]) -> Result<LoginAnswer, FetchError> {
        let document = strict_value(body).map_err(|_| fault("the answer is not JSON"))?;
        let token = match first(&json_path(&self.token)?, &document)? {
            Some(Value::String(token)) if !token.is_empty() => SecretValue::new(token.as_str()),
            _ => return Err(fault("the answer holds no text where `token` points to")),
        };
        let lifetime = match &self.lifetime {
            None => None,
            Some(path) => first(&json_path(path)?, &document)?.and_then(seconds),
        };
        Ok(LoginAnswer { token, lifetime })
    }

    /// Adds the token to the headers of a request.
    pub(crate) fn send(&self, token: &SecretValue, headers: &mut HeaderMap) -> Result<(), FetchError> {
        let name = HeaderName::from_bytes(self.header.as_bytes())
            .map_err(|_| fault("send.header is not a name of a header"))?;
        let value = [self.prefix.as_bytes(), token.reveal()].concat();
        let mut value = HeaderValue::from_bytes(&value).map_err(|_| fault("the token cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }
}

/// A number of seconds, also where it is written as a text.
pub(crate) fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            number
                .as_f64()
                .filter(|seconds| *seconds >= 0.0)
                .map(|seconds| Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |duration| duration.as_secs()))
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login {
            url: Url::parse("https://login.example/token").unwrap(),
            json: r#"{"accessKeyId": "{id}", "accessKeySecret": "{secret}", "scope": ["{scope}"], "n": 1}"#.to_owned(),
            secrets: vec![
                ("id".to_owned(), SecretValue::new("key-1\n")),
                ("secret".to_owned(), SecretValue::new(r#"p"}, "admin": {"x": "\"#)),
            ],
            token: "$.access_token".to_owned(),
            lifetime: Some("$.expires_in".to_owned()),
            header: "Authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
        }
    }

    #[test]
    fn a_secret_cannot_change_the_structure_of_the_body() {
        let post = login().post().unwrap();
        let sent: Value = serde_json::from_slice(&post.body).unwrap();
        let expected = serde_json::json!({"accessKeyId": "key-1", "accessKeySecret": r#"p"}, "admin": {"x": "\"#, "scope": ["{scope}"], "n": 1});
        assert_eq!((sent, post.safe), (expected, false));
    }

    #[test]
    fn a_token_is_found_and_its_lifetime_may_be_a_text_or_missing() {
        for (body, expected) in [
            (r#"{"access_token":"t","expires_in":3600}"#, Some(Some(3600))),
            (r#"{"access_token":"t","expires_in":"3600"}"#, Some(Some(3600))),
            (r#"{"access_token":"t","expires_in":3600.0}"#, Some(Some(3600))),
            (r#"{"access_token":"t","expires_in":"soon"}"#, Some(None)),
            (r#"{"access_token":"t"}"#, Some(None)),
            (r#"{"access_token":""}"#, None),
            (r#"{"access_token":7}"#, None),
            (r#"{"error":"no"}"#, None),
            ("<html>", None),
        ] {
            let found = login().read(body.as_bytes()).map(|answer| answer.lifetime);
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{body}");
            assert!(found.err().is_none_or(|error| error.kind == FailureKind::Auth && !error.message.contains("html")));
        }
    }
}
