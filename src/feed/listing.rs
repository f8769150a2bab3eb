//! Listings of folders: a bucket's or a container's XML, or a page of links. Pure.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::json::strict_value;
use crate::outbound::xml;

/// A file of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name, in a bucket from the root.
    pub name: String,
    /// What changes when the file does.
    pub tag: String,
    /// When it was changed for the last time, where the listing says so.
    pub modified: Option<Timestamp>,
}

fn malformed(message: impl AsRef<str>) -> FetchError {
    FetchError::new(FailureKind::Malformed, message)
}

/// One page of ListObjectsV2: its files, and the token of the next page.
///
/// # Errors
/// `Malformed` where it is none.
pub(super) fn s3(body: &[u8]) -> Result<(Vec<Listed>, Option<String>), FetchError> {
    let lists = ["Contents".to_owned()].into();
    let tree = xml::tree(body, &lists)?;
    let Some(result) = tree.get("ListBucketResult") else {
        let name = tree.as_object().and_then(|root| root.keys().next()).map_or("", String::as_str);
        return Err(malformed(format!("the listing is not a ListBucketResult but {:?}", presentable(name, 40))));
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let contents = result.get("Contents").and_then(Value::as_array).into_iter().flatten();
    let file = |item: &Value| -> Result<Listed, FetchError> {
        let name = text(item, "Key").ok_or_else(|| malformed("the listing has an object without a Key"))?;
        let (size, etag) = (text(item, "Size").unwrap_or_default(), text(item, "ETag").unwrap_or_default());
        let modified = text(item, "LastModified").and_then(|text| text.parse().ok());
        // Some servers that list like S3 give no ETag here.
        let version = if etag.is_empty() { text(item, "LastModified").unwrap_or_default() } else { etag };
        Ok(Listed { name, tag: format!("{size} {}", version.trim_matches('"')), modified })
    };
    let files = contents.map(file).collect::<Result<_, _>>()?;
    match text(result, "IsTruncated").as_deref() {
        Some("true") => {
            let token = text(result, "NextContinuationToken");
            let token = token.ok_or_else(|| malformed("the listing goes on, and has no NextContinuationToken"))?;
            Ok((files, Some(token)))
        }
        Some("false") | None => Ok((files, None)),
        Some(other) => Err(malformed(format!("IsTruncated is {:?}", presentable(other, 20)))),
    }
}

/// One page of objects of Google Cloud Storage, as its JSON interface lists them: its files, and the token of the next page.
///
/// # Errors
/// `Malformed` where it is none.
pub(super) fn gcs(body: &[u8]) -> Result<(Vec<Listed>, Option<String>), FetchError> {
    let page = strict_value(body)?;
    let text = |value: &Value, name: &str| match value.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    // A folder without files has no list of them.
    let is_listing = text(&page, "kind").as_deref() == Some("storage#objects") || page.get("items").is_some();
    if !is_listing {
        return Err(malformed(format!("the listing has no items: {}", presentable(&page.to_string(), 120))));
    }
    let file = |item: &Value| -> Result<Listed, FetchError> {
        let name = text(item, "name").ok_or_else(|| malformed("the listing has an object without a name"))?;
        let (size, etag) = (text(item, "size").unwrap_or_default(), text(item, "etag").unwrap_or_default());
        let modified = text(item, "updated").and_then(|text| text.parse().ok());
        Ok(Listed { name, tag: format!("{size} {etag}"), modified })
    };
    let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let files = items.map(file).collect::<Result<_, _>>()?;
    Ok((files, text(&page, "nextPageToken").filter(|token| !token.is_empty())))
}

/// One page of List Blobs: its files, and the marker of the next page.
///
/// # Errors
/// `Malformed` where it is none.
pub(super) fn azure(body: &[u8]) -> Result<(Vec<Listed>, Option<String>), FetchError> {
    let lists = ["Blob".to_owned()].into();
    let tree = xml::tree(body, &lists)?;
    let Some(result) = tree.get("EnumerationResults") else {
        let name = tree.as_object().and_then(|root| root.keys().next()).map_or("", String::as_str);
        return Err(malformed(format!("the listing is not an EnumerationResults but {:?}", presentable(name, 40))));
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let blobs = result.get("Blobs").and_then(|blobs| blobs.get("Blob")).and_then(Value::as_array);
    let file = |blob: &Value| -> Result<Listed, FetchError> {
        let name = text(blob, "Name").ok_or_else(|| malformed("the listing has a blob without a plain Name"))?;
        let of = |property: &str| blob.get("Properties").and_then(|properties| text(properties, property));
        let (size, etag) = (of("Content-Length").unwrap_or_default(), of("Etag").unwrap_or_default());
        let modified = of("Last-Modified").and_then(|text| httpdate::parse_http_date(&text).ok());
        let modified = modified.and_then(|modified| Timestamp::try_from(modified).ok());
        Ok(Listed { name, tag: format!("{size} {}", etag.trim_matches('"')), modified })
    };
    let files = blobs.into_iter().flatten().map(file).collect::<Result<_, _>>()?;
    Ok((files, text(result, "NextMarker").filter(|marker| !marker.is_empty())))
}

/// A page of links, as Apache and nginx make it: the files that lie in the very folder of `url`. The text after a link, its date and
/// size, identifies the version of a file.
pub(super) fn index(body: &[u8], url: &Url) -> Vec<Listed> {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let places: Vec<usize> = lower.match_indices("<a ").map(|(place, _)| place).collect();
    let ends = places.iter().skip(1).copied().chain([text.len()]);
    let mut files: Vec<Listed> = Vec::new();
    for (start, end) in places.iter().copied().zip(ends) {
        let Some(piece) = text.get(start..end) else { continue };
        let Some((name, rest)) = link(piece).and_then(|(href, rest)| Some((name_in(&href, url)?, rest))) else {
            continue;
        };
        if !files.iter().any(|file| file.name == name) {
            files.push(Listed { name, tag: without_tags(rest), modified: None });
        }
    }
    files
}

/// The address of a link, and what follows it.
fn link(piece: &str) -> Option<(String, &str)> {
    let (tag, rest) = piece.split_once('>')?;
    let at = tag.to_ascii_lowercase().find("href=")?;
    let value = tag.get(at + 5..)?;
    let href = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next()?,
        _ => value.split_ascii_whitespace().next()?,
    };
    let after = rest.to_ascii_lowercase().find("</a>").and_then(|end| rest.get(end + 4..)).unwrap_or_default();
    Some((href.replace("&amp;", "&"), after))
}

/// The name of a file that lies in the folder itself; links to elsewhere, to folders and to other orders of the page have none.
fn name_in(href: &str, url: &Url) -> Option<String> {
    let found = url.join(href).ok()?;
    let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_here = found.scheme() == url.scheme() && found.host() == url.host() && found.port() == url.port();
    let name = found.path().strip_prefix(folder)?.strip_prefix('/')?;
    let plain = is_here && found.query().is_none() && !name.is_empty() && !name.contains('/');
    plain.then(|| decoded(name))
}

fn decoded(name: &str) -> String {
    let pair = format!("x={}", name.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn without_tags(text: &str) -> String {
    let mut shown = String::new();
    let mut inside = false;
    for character in text.chars().take(2_000) {
        match character {
            '<' => {
                inside = true;
                shown.push(' ');
            }
            '>' => inside = false,
            other if !inside => shown.push(other),
            _ => {}
        }
    }
    let words: Vec<&str> = shown.split_whitespace().collect();
    words.join(" ").chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_links_give_the_files_of_the_folder_alone() {
        let url = Url::parse("https://files.acme.example/reports/").unwrap();
        let apache = r#"<table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent Directory</a></td></tr>
            <tr><td><a href="calls%2020260105.csv">calls 2026..&gt;</a></td><td align="right">2026-01-06 02:00  </td><td> 1.2K</td></tr>
            <tr><td><a href="old/">old/</a></td></tr><tr><td><a href="https://other.example/x.csv">x</a></td></tr></table>"#;
        let nginx = "<pre><a href=\"../\">../</a>\n<a href=\"a+b.csv\">a+b.csv</a>      05-Jan-2026 10:15       509\n<A HREF='b.csv'>b</A> 05-Jan-2026 10:16 7\n</pre>";
        let shown = |page: &str| -> Vec<String> {
            index(page.as_bytes(), &url).into_iter().map(|file| format!("{} | {}", file.name, file.tag)).collect()
        };
        assert_eq!(shown(apache), ["calls 20260105.csv | 2026-01-06 02:00 1.2K"]);
        assert_eq!(shown(nginx), ["a+b.csv | 05-Jan-2026 10:15 509", "b.csv | 05-Jan-2026 10:16 7"]);
        assert_eq!(shown("<html>sign in</html>"), Vec::<String>::new());
    }

    #[test]
    fn a_listing_of_a_bucket_that_is_none_is_malformed() {
        for (body, fragment) in [
            ("<Error><Code>AccessDenied</Code></Error>", "but \"Error\""),
            ("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "NextContinuationToken"),
            ("<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", "without a Key"),
            ("{}", "outside of every element"),
        ] {
            let error = s3(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(fragment), "{body}: {}", error.message);
        }
        for (body, fragment) in [
            ("<Error><Code>AuthenticationFailed</Code></Error>", "but \"Error\""),
            (
                "<EnumerationResults><Blobs><Blob><Properties/></Blob></Blobs></EnumerationResults>",
                "without a plain Name",
            ),
        ] {
            let error = azure(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(fragment), "{body}: {}", error.message);
        }
        for (body, fragment) in [
            (r#"{"error":{"code":401}}"#, "has no items"),
            (r#"{"items":[{"size":"1"}]}"#, "without a name"),
            ("<html>", "JSON"),
        ] {
            let error = gcs(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(fragment), "{body}: {}", error.message);
        }
        assert_eq!(gcs(br#"{"kind":"storage#objects"}"#).unwrap(), (vec![], None));
        let page = r#"{"items":[{"name":"a/b.csv","size":"7","etag":"CJ","updated":"2026-01-05T10:15:00.000Z"}],"nextPageToken":"t"}"#;
        let file = Listed { name: "a/b.csv".into(), tag: "7 CJ".into(), modified: "2026-01-05T10:15:00Z".parse().ok() };
        assert_eq!(gcs(page.as_bytes()).unwrap(), (vec![file], Some("t".to_owned())));
        let none = "<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>";
        assert_eq!(azure(none.as_bytes()).unwrap(), (vec![], None));
        let one = "<ListBucketResult><Contents><Key>a &amp; b</Key><Size>1</Size></Contents></ListBucketResult>";
        assert_eq!(s3(one.as_bytes()).unwrap().0[0].name, "a & b");
    }
}
