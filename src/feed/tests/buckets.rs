//! Files in stores other than S3: the samples, through the scheduler and a real store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::platforms::{Sample, Wrongs, must, sample};
use super::polling::{Running, eventually, task};
use super::server::{Asked, Reply, Server};
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::feed::listing;
use crate::feed::scheduler::FeedTask;
use crate::outbound::credentials::tests::MemorySource;

pub(super) fn google() -> Sample {
    sample!("google-cloud-storage", "answer-1-listing.xml", "answer-2-listing.xml", "answer-3-a.csv", "answer-3-b.csv")
}

pub(super) fn azure() -> Sample {
    sample!("azure-blob-storage", "answer-1-listing.xml", "answer-2-listing.xml", "answer-3-a.csv", "answer-3-b.csv")
}

/// A store and how it is asked.
struct Store {
    sample: Sample,
    /// Where tokens are.
    token: &'static str,
    /// What the form of a token holds beside its secrets.
    form: &'static [(&'static str, &'static str)],
    /// Path and first query of the listing, and the parameter of further pages with the second page's value.
    listing: (&'static str, &'static [(&'static str, &'static str)]),
    next: (&'static str, &'static str),
    header: Option<(&'static str, &'static str)>,
    /// Whether the store lists in JSON, and serves files by their names in one part of the path.
    in_json: bool,
}

fn stores() -> [Store; 3] {
    let scope = &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")];
    [
        Store {
            sample: google(),
            token: "/token",
            form: scope,
            listing: ("/storage/v1/b/acme-reports/o", &[("prefix", "queue30/")]),
            next: ("pageToken", "CgxtYWRlLXVw/+=="),
            header: None,
            in_json: true,
        },
        Store {
            sample: google(),
            token: "/token",
            form: scope,
            listing: ("/acme-reports/", &[("list-type", "2"), ("prefix", "queue30/")]),
            next: ("continuation-token", "CgxtYWRlLXVw/+=="),
            header: None,
            in_json: false,
        },
        Store {
            sample: azure(),
            token: "/00000000-1111-4222-8333-444455556666/oauth2/v2.0/token",
            form: &[("grant_type", "client_credentials"), ("scope", "https://storage.azure.com/.default")],
            listing: ("/reports", &[("restype", "container"), ("comp", "list"), ("prefix", "queue30/")]),
            next: ("marker", "2!92!bWFkZS11cA--"),
            header: Some(("x-ms-version", "2021-12-02")),
            in_json: false,
        },
    ]
}

type Pairs = BTreeMap<String, String>;

fn pairs(known: &[(&str, &str)]) -> Pairs {
    known.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Store {
    fn answer(&self, asked: &Asked, wrongs: &Wrongs) -> Reply {
        let url = url::Url::parse(&format!("http://x{}", asked.target)).unwrap();
        if url.path() == self.token {
            let mut form: Pairs = url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
            let signed = form.remove("assertion").is_some_and(|token| token.split('.').count() == 3);
            must(wrongs, "form", &form, &pairs(self.form));
            must(wrongs, "a signed token", &signed, &(self.form.len() == 1));
            return Reply::json(r#"{"access_token":"canary-bearer","token_type":"Bearer","expires_in":3599}"#);
        }
        must(wrongs, "bearer", &asked.header("authorization"), &Some("Bearer canary-bearer".to_owned()));
        if let Some((name, value)) = self.header {
            must(wrongs, name, &asked.header(name), &Some(value.to_owned()));
        }
        let mut query: Pairs = url.query_pairs().into_owned().collect();
        let (path, first) = self.listing;
        if url.path() == path {
            let next = query.remove(self.next.0);
            must(wrongs, "listing", &query, &pairs(first));
            must(wrongs, "next", &next.as_deref().is_none_or(|next| next == self.next.1), &true);
            let page = self.sample.answers[usize::from(next.is_some())];
            if self.in_json {
                return Reply::json(self.in_json(page, next.is_some()));
            }
            let media_type = [("Content-Type", "application/xml")];
            return Reply::answer("200 OK", &media_type, page);
        }
        let folder = path.trim_end_matches('/');
        let file = ["calls-20260105-1000.csv", "calls-20260105-1030.csv"].iter().position(|name| match self.in_json {
            true => format!("{folder}/queue30%2F{name}?alt=media") == asked.target,
            false => format!("{folder}/queue30/{name}") == asked.target,
        });
        must(wrongs, "a file that is not to be fetched", &file.is_some(), &true);
        Reply::answer("200 OK", &[("Content-Type", "text/csv")], self.sample.answers[2 + file.unwrap_or(0)])
    }
}

impl Store {
    /// A page of the listing as Google's JSON interface writes it.
    fn in_json(&self, page: &str, is_last: bool) -> String {
        let (files, _) = listing::s3(page.as_bytes()).unwrap();
        let item = |file: &listing::Listed| {
            let (size, etag) = file.tag.split_once(' ').unwrap();
            json!({"kind": "storage#object", "name": file.name, "size": size, "etag": etag, "updated": file.modified})
        };
        let mut listing = json!({"kind": "storage#objects", "items": files.iter().map(item).collect::<Vec<_>>()});
        if !is_last {
            listing["nextPageToken"] = json!(self.next.1);
        }
        listing.to_string()
    }

    /// The sample's feed at the server.
    fn feed_at(&self, server: &Server) -> Feed {
        let mut feed = self.sample.feed_at(server);
        if self.in_json {
            feed.url = server.url(self.listing.0);
        }
        feed
    }
}

#[tokio::test]
async fn files_in_google_cloud_storage_and_azure_give_the_expected_rows_and_none_is_read_twice() {
    for store in stores() {
        let (wrongs, store) = (Wrongs::default(), Arc::new(store));
        let server = Server::start({
            let (store, log) = (store.clone(), wrongs.clone());
            move |asked| store.answer(asked, &log)
        })
        .await;
        let source = MemorySource::default();
        let key = include_str!("../../../tests/data/keys/rsa-for-tests-alone.pem");
        let values = [("id", "canary-id"), ("secret", "canary-secret"), ("key", key)];
        source.put("team", "reports", &server.address.to_string(), &values);
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::rehearsal("2026-01-05T13:00:00Z".parse().unwrap(), 1_000.0).unwrap();
        let running = Running::start_with(&directory, clock, Arc::new(source));
        let task = FeedTask {
            feed: store.feed_at(&server).into(),
            term_start: "2026-01-05T00:00:00Z".parse().unwrap(),
            time_zone: "UTC".into(),
            ..task("uid-1", &server.url("/"), "")
        };
        running.scheduler.set_feeds_of("uid-1", vec![task]);
        let listed = |asked: &&Asked| asked.target.split('?').next() == Some(store.listing.0);
        let listings = || server.asked().iter().filter(listed).count();
        eventually("three turns", async || listings() >= 6).await;
        assert_eq!(*wrongs.lock().unwrap(), Vec::<String>::new(), "{}", store.token);
        let files = server.asked().iter().filter(|asked| asked.target.contains(".csv")).count();
        assert_eq!(files, 2, "each file is read once");
        let rows = running.store.rows("uid-1", "reports", 0).await.unwrap();
        assert_eq!(super::files::latest(&rows), super::files::expected(&store.sample));
        assert_eq!(rows.iter().filter(|row| row.revision == 2).count(), 1, "the later file corrects one row");
        running.end().await;
    }
}
