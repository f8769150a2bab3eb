//! Where files lie: what is listed, and how a file is got, over HTTP or in a session at an SSH server.

use jiff::Timestamp;
use url::Url;

use super::collected::within_bound;
use super::fetch_request::FetchRequest;
use super::listing::{self, Listed};
use super::page_walk::ask;
use super::timing::timeout;
use crate::api::feed::{Feed, FeedFiles, Listing};
use crate::outbound::call::{Call, percent_encoded};
use crate::outbound::client::{FeedClient, Page, PageResponse, Validators};
use crate::outbound::credentials::{Authentication, parse_url};
use crate::outbound::error::{Detail, FailureKind, FetchError};
use crate::outbound::sftp::{Content, Entry, Session};

/// Pages of one listing.
const MOST_PAGES: usize = 1_000;

/// A folder that is being looked at.
pub(super) enum Folder {
    /// Each file has an address.
    Web,
    /// Names and files are got in one session.
    Sftp(Box<Session>),
}

impl Folder {
    /// Begins to look at the folder of a feed.
    ///
    /// # Errors
    /// Where an SSH server does not let the operator in.
    pub(super) async fn open(
        client: &FeedClient,
        request: &FetchRequest<'_>,
        files: &FeedFiles,
    ) -> Result<Self, FetchError> {
        if files.list != Listing::Sftp {
            return Ok(Folder::Web);
        }
        let Authentication::Ssh(login) = &request.credentials.authentication else {
            let message = "files.list: Sftp needs a user: write auth: {sshKey: {secretRef: {name: acme-sftp}}}";
            return Err(FetchError::new(FailureKind::Auth, message));
        };
        let url = parse_url(&request.feed.url)?;
        let session = Session::open(client, &url, request.namespace, login, timeout(request.feed)).await?;
        Ok(Folder::Sftp(Box::new(session)))
    }

    /// All files of the folder.
    ///
    /// # Errors
    /// Where it cannot be listed, or has too many.
    pub(super) async fn list(
        &self,
        client: &FeedClient,
        request: &FetchRequest<'_>,
        files: &FeedFiles,
    ) -> Result<Vec<Listed>, FetchError> {
        match self {
            Folder::Web => listed_pages(client, request, files).await,
            Folder::Sftp(session) => {
                let entries = session.list(client.most_files()).await?;
                let is_whole = entries.len() <= client.most_files();
                if is_whole { Ok(entries.into_iter().map(of_entry).collect()) } else { Err(too_many(client)) }
            }
        }
    }

    /// What a file holds.
    ///
    /// # Errors
    /// `Late` where it is still being written; else why it cannot be got.
    pub(super) async fn read(
        &self,
        client: &FeedClient,
        request: &FetchRequest<'_>,
        files: &FeedFiles,
        file: &Listed,
    ) -> Result<Page, FetchError> {
        match self {
            Folder::Web => {
                let call = super::request::get(file_url(request.feed, files, &file.name)?, request.feed)?;
                page(client, request, &call).await
            }
            Folder::Sftp(session) => {
                let Content { body, reserved } = session.read(client, request.namespace, &file.name, &file.tag).await?;
                let (links, validators) = (Vec::new(), Validators::default());
                Ok(Page { body, media_type: None, links, validators, date: None, reserved })
            }
        }
    }
}

/// A file of an SSH server. Its time is in whole seconds.
fn of_entry(entry: Entry) -> Listed {
    let modified = entry.version.modified.and_then(|seconds| Timestamp::from_second(seconds.into()).ok());
    Listed { name: entry.name, tag: entry.version.to_string(), modified }
}

fn too_many(client: &FeedClient) -> FetchError {
    let most = client.most_files();
    let message = format!("the folder has more than {most} files: write a longer prefix, or move old files away");
    FetchError::new(FailureKind::TooLarge, message)
}

async fn listed_pages(
    client: &FeedClient,
    request: &FetchRequest<'_>,
    files: &FeedFiles,
) -> Result<Vec<Listed>, FetchError> {
    let (mut listed, mut token, mut bytes) = (Vec::new(), None, 0_usize);
    for _ in 0..MOST_PAGES {
        let call = super::request::get(listing_url(request.feed, files, token.as_deref())?, request.feed)?;
        let page = page(client, request, &call).await?;
        bytes = within_bound(bytes.saturating_add(page.body.len()))?;
        let (found, next) = match files.list {
            Listing::Gcs if is_json_interface(&call.url) => listing::gcs(&page.body)?,
            Listing::S3 | Listing::Gcs => listing::s3(&page.body)?,
            Listing::AzureBlob => listing::azure(&page.body)?,
            Listing::Index => (listing::index(&page.body, &call.url), None),
            // It has no pages, and is listed in a session.
            Listing::Sftp => (Vec::new(), None),
        };
        listed.extend(found);
        if listed.len() > client.most_files() {
            break;
        }
        match next {
            None => return Ok(listed),
            Some(next) if token.as_ref() == Some(&next) => {
                let error = FetchError::new(FailureKind::Malformed, "the pages of the listing run in a circle");
                return Err(error.with_detail(Detail::Circle));
            }
            Some(next) => token = Some(next),
        }
    }
    Err(too_many(client))
}

/// The address that lists the folder.
pub(super) fn listing_url(feed: &Feed, files: &FeedFiles, token: Option<&str>) -> Result<Url, FetchError> {
    let mut url = parse_url(&feed.url)?;
    url.set_fragment(None);
    let mut pairs: Vec<(String, String)> = feed
        .request
        .iter()
        .flat_map(|request| &request.query)
        .map(|pair| (pair.name.clone(), pair.value.clone()))
        .collect();
    let named: (&[(&str, &str)], &str) = match files.list {
        Listing::Gcs if is_json_interface(&url) => (&[], "pageToken"),
        Listing::S3 | Listing::Gcs => (&[("list-type", "2")], "continuation-token"),
        Listing::AzureBlob => (&[("restype", "container"), ("comp", "list")], "marker"),
        Listing::Index | Listing::Sftp => (&[], ""),
    };
    if is_container(files, &url) {
        let container = url.path().trim_end_matches('/').to_owned();
        url.set_path(&container);
    }
    if !matches!(files.list, Listing::Index | Listing::Sftp) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.extend(named.0.iter().map(owned));
        pairs.extend(files.prefix.iter().map(|prefix| ("prefix".to_owned(), prefix.clone())));
        pairs.extend(token.map(|token| (named.1.to_owned(), token.to_owned())));
    }
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url)
}

/// Whether an address is of the JSON interface of Google Cloud Storage, such as https://storage.googleapis.com/storage/v1/b/acme/o.
fn is_json_interface(url: &Url) -> bool {
    url.path().contains("/storage/v1/b/")
}

/// Whether the address of the folder is itself what is listed, and its files lie below it.
fn is_container(files: &FeedFiles, url: &Url) -> bool {
    files.list == Listing::AzureBlob || (files.list == Listing::Gcs && is_json_interface(url))
}

/// The address of a file: each part of its name is encoded. A container's is asked for with the query of the feed, which may be that of
/// a shared access signature.
fn file_url(feed: &Feed, files: &FeedFiles, name: &str) -> Result<Url, FetchError> {
    let mut url = parse_url(&feed.url)?;
    url.set_fragment(None);
    url.set_query(None);
    let (is_container, is_json) = (is_container(files, &url), files.list == Listing::Gcs && is_json_interface(&url));
    let folder = match is_container {
        true => url.path().trim_end_matches('/').to_owned(),
        false => url.path().rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
    };
    let query: Vec<_> = feed.request.iter().flat_map(|request| &request.query).filter(|_| is_container).collect();
    let query = query.iter().map(|pair| (pair.name.as_str(), pair.value.as_str()));
    let query: Vec<(&str, &str)> = query.chain(is_json.then_some(("alt", "media"))).collect();
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    // `.` and `..` would lead out of the folder.
    if name.split('/').any(|part| part == "." || part == "..") {
        return Err(FetchError::new(FailureKind::Malformed, "the listing has a name that leads out of its folder"));
    }
    if is_json {
        // A name is one part of the path, whatever it holds.
        url.set_path(&format!("{folder}/{}", percent_encoded(name)));
        return Ok(url);
    }
    let encoded: Vec<String> = name.split('/').map(percent_encoded).collect();
    url.set_path(&format!("{folder}/{}", encoded.join("/")));
    Ok(url)
}

async fn page(client: &FeedClient, request: &FetchRequest<'_>, call: &Call) -> Result<Page, FetchError> {
    match ask(client, request, call, None).await? {
        PageResponse::Page(page) => Ok(page),
        PageResponse::Pending | PageResponse::Unchanged => {
            Err(FetchError::new(FailureKind::Status, "the answer says that nothing changed, which was not asked"))
        }
    }
}
