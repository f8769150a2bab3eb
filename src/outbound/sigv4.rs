//! AWS Signature Version 4: a request is signed with a key that is derived from the secret access key, which is never sent.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use ring::hmac;
use sha2::{Digest, Sha256};
use url::Url;

use super::call::{Call, host_and_port, percent_encoded};
use super::error::{FailureKind, FetchError};
use super::secret::SecretValue;
use crate::domain::numbers::hexadecimal::hexadecimal;

/// A key of AWS, and for which service it signs.
#[derive(Clone, Debug)]
pub struct AwsKey {
    /// Such as eu-central-1.
    pub region: String,
    /// Such as connect.
    pub service: String,
    /// The access key id.
    pub access_key_id: SecretValue,
    /// The secret access key.
    pub secret_access_key: SecretValue,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretValue>,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs a call at an instant.
///
/// # Errors
/// `Auth` where a part of the key cannot stand in a header.
pub(crate) fn sign(key: &AwsKey, call: &mut Call, now: Timestamp) -> Result<(), FetchError> {
    let utc = now.to_zoned(TimeZone::UTC);
    let time = utc.strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = hexadecimal(Sha256::digest(call.post.as_ref().map_or(&[] as &[u8], |post| &post.body)));
    if let Some(post) = &call.post {
        let content_type = post.content_type.clone();
        call.headers.entry(CONTENT_TYPE).or_insert(content_type);
    }
    insert(call, "x-amz-date", &time)?;
    if key.service == "s3" {
        insert(call, "x-amz-content-sha256", &body)?;
    }
    if let Some(token) = &key.session_token {
        insert(call, "x-amz-security-token", text_of(token)?)?;
    }
    let day = utc.strftime("%Y%m%d").to_string();
    let scope = format!("{day}/{}/{}/aws4_request", key.region, key.service);
    let (signed, request) = canonical_request(key, call, &body)?;
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hexadecimal(Sha256::digest(request)));
    let signature = hexadecimal(chained(key, &day, &to_sign));
    let id = text_of(&key.access_key_id)?;
    let authorization = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let mut value = HeaderValue::from_str(&authorization).map_err(|_| unsendable())?;
    value.set_sensitive(true);
    call.headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn insert(call: &mut Call, name: &'static str, value: &str) -> Result<(), FetchError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| unsendable())?;
    value.set_sensitive(name == "x-amz-security-token");
    call.headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn text_of(secret: &SecretValue) -> Result<&str, FetchError> {
    std::str::from_utf8(secret.reveal_line()).map_err(|_| unsendable())
}

fn unsendable() -> FetchError {
    FetchError::new(FailureKind::Auth, "auth.awsSigV4: a secret holds characters that a header cannot carry")
}

/// The names of the headers that are signed, and the request in the one form in which it is signed.
fn canonical_request(key: &AwsKey, call: &Call, body: &str) -> Result<(String, String), FetchError> {
    let mut headers = vec![("host".to_owned(), host(&call.url))];
    let is_signed = |name: &str| name.starts_with("x-amz-") || name == "content-type";
    for (name, value) in &call.headers {
        if is_signed(name.as_str()) {
            let value = value.to_str().map_err(|_| unsendable())?.trim().to_owned();
            headers.push((name.as_str().to_owned(), value));
        }
    }
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let method = if call.post.is_some() { "POST" } else { "GET" };
    let (path, query) = (canonical_path(&call.url, key.service == "s3"), canonical_query(&call.url));
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body}");
    Ok((names, request))
}

/// The host as the request names it: its port only where it is not the scheme's own.
fn host(url: &Url) -> String {
    match url.port() {
        Some(_) => host_and_port(url),
        None => url.host_str().unwrap_or_default().to_owned(),
    }
}

/// The path: encoded once for S3, as it is sent, and encoded again for every other service.
fn canonical_path(url: &Url, is_s3: bool) -> String {
    let segments = url.path().split('/').map(|segment| {
        let decoded = percent_decoded(segment);
        let once = percent_encoded(&decoded);
        if is_s3 { once } else { percent_encoded(&once) }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn percent_decoded(segment: &str) -> String {
    // A plus is a plus in a path.
    let pair = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (percent_encoded(&name), percent_encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The signature: a chain of HMACs from the secret access key over day, region and service to the text.
fn chained(key: &AwsKey, day: &str, to_sign: &str) -> Vec<u8> {
    let first = [b"AWS4", key.secret_access_key.reveal_line()].concat();
    let parts = [day, &key.region, &key.service, "aws4_request", to_sign];
    parts.iter().fold(first, |secret, part| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), part.as_bytes()).as_ref().to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    /// The example of AWS's own documentation, "Signature Version 4 signing process": key, request and signature.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let key = AwsKey {
            region: "us-east-1".to_owned(),
            service: "iam".to_owned(),
            access_key_id: SecretValue::new("AKIDEXAMPLE"),
            secret_access_key: SecretValue::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n"),
            session_token: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
        let url = Url::parse("https://iam.amazonaws.com/?Version=2010-05-08&Action=ListUsers").unwrap();
        let mut call = Call { url, headers, post: None };
        sign(&key, &mut call, "2015-08-30T12:36:00Z".parse().unwrap()).unwrap();
        assert_eq!(
            call.headers[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn paths_and_queries_have_one_form() {
        for (address, is_s3, path, query) in [
            ("https://h/", true, "/", ""),
            ("https://h/a%20b/c%3Ad.csv", true, "/a%20b/c%3Ad.csv", ""),
            ("https://h/a%20b", false, "/a%2520b", ""),
            ("https://h/a+b", true, "/a%2Bb", ""),
            ("https://h/?b=2&a=1&a=0&c=x+y", true, "/", "a=0&a=1&b=2&c=x%20y"),
            ("https://h/?prefix=a%2Fb%2F&token=1%2F%2B%3D", true, "/", "prefix=a%2Fb%2F&token=1%2F%2B%3D"),
        ] {
            let url = Url::parse(address).unwrap();
            assert_eq!(
                (canonical_path(&url, is_s3), canonical_query(&url)),
                (path.to_owned(), query.to_owned()),
                "{address}"
            );
        }
    }
}
