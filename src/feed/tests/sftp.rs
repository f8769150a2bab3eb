//! Files of an SSH server, through the scheduler and a real store, against OpenSSH's own server.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::fetching::{impatient, opened};
use super::files::{expected, latest};
use super::platforms::{Sample, sample};
use super::polling::{Running, eventually, rehearsal, task};
use super::sshd::{Sshd, strange_key, user};
use crate::api::condition::Reason;
use crate::api::feed::Feed;
use crate::clock::Clock;
use crate::feed::fetch_request::{FetchRequest, Life, Step};
use crate::feed::inspection::ask_all;
use crate::feed::scheduler::FeedTask;
use crate::feed::shown::requests;
use crate::feed::time_window::Window;
use crate::outbound::body::BodyLimits;
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::credentials::{Authentication, parse_url, resolve};
use crate::outbound::error::FailureKind;
use crate::outbound::guard::{AddressPolicy, SystemLookup};
use crate::outbound::sftp::Session;

const PASSWORD: &str = "canary-f00d-5ecret";
const OLD: &str = "2026-04-09T23:00:00Z";
const FIRST: &str = "calls-20260409-1000.csv";
const SECOND: &str = "calls-20260409-1200.csv";

fn csv(offered: &str) -> String {
    format!("Start,Offered\n2026-04-09T09:00:00Z,{offered}\n")
}

fn folder(url: &str) -> FeedTask {
    let feed = json!({"name": "acd", "url": url, "timeout": "5s",
        "files": {"list": "Sftp", "name": "calls-{made:%Y%m%d-%H%M}.csv"},
        "format": {"csv": {"start": {"columns": ["Start"]}, "measures": [{"name": "offered", "column": "Offered"}]}},
        "auth": {"sshKey": {"secretRef": {"name": "acme-sftp"}}}});
    let term_start = "2026-04-09T00:00:00Z".parse().unwrap();
    let feed = serde_json::from_value(feed).unwrap();
    FeedTask { feed, term_start, time_zone: "UTC".into(), ..task("uid-1", url, "") }
}

/// A scheduler that reads the folder of a server with the right Secret.
struct Reading {
    running: Running,
    source: Arc<MemorySource>,
    _directory: TempDir,
}

impl Reading {
    fn of(server: &Sshd, limits: ClientLimits) -> Self {
        let (directory, source) = (tempfile::tempdir().unwrap(), Arc::new(MemorySource::default()));
        server.secret(&source, &[]);
        let client = FeedClient::with(opened(), Arc::new(SystemLookup), limits);
        let running = Running::start_asking(client, &directory, rehearsal(1_000.0), source.clone());
        Reading { running, source, _directory: directory }
    }

    fn begin(&self, url: &str) {
        self.running.scheduler.set_feeds_of("uid-1", vec![folder(url)]);
    }

    async fn offered(&self) -> Vec<String> {
        let rows = self.running.store.rows("uid-1", "acd", 0).await.unwrap();
        rows.iter().map(|row| row.measures["offered"].to_string()).collect()
    }

    fn reason(&self) -> Option<Reason> {
        self.running.scheduler.health_of("uid-1").get("acd").map(|health| health.reason)
    }

    fn message(&self) -> String {
        self.running.scheduler.health_of("uid-1").get("acd").map(|health| health.message.clone()).unwrap_or_default()
    }

    async fn turns(&self, server: &Sshd, more: usize) {
        let before = server.connections();
        eventually("some turns", async || server.connections() >= before + more).await;
    }
}

pub(super) fn sample_files() -> Sample {
    sample!("sftp", "answer-a.csv", "answer-b.csv")
}

#[tokio::test]
async fn the_sample_has_the_expected_rows_and_the_later_file_corrects_one() {
    let (server, sample) = (Sshd::start().await, sample_files());
    for (name, content) in ["calls-20260105-1000.csv", "calls-20260105-1030.csv"].iter().zip(&sample.answers) {
        server.put(name, content, "2026-01-05T10:35:00Z");
    }
    let (directory, source) = (tempfile::tempdir().unwrap(), Arc::new(MemorySource::default()));
    server.secret(&source, &[]);
    let clock = Clock::rehearsal("2026-01-05T13:00:00Z".parse().unwrap(), 1_000.0).unwrap();
    let running = Running::start_with(&directory, clock, source);
    let mut feed: Feed = serde_saphyr::from_str(sample.feed).unwrap();
    feed.url = server.url();
    let term_start = "2026-01-05T00:00:00Z".parse().unwrap();
    let task = FeedTask { feed: feed.into(), term_start, time_zone: "UTC".into(), ..task("uid-1", &server.url(), "") };
    running.scheduler.set_feeds_of("uid-1", vec![task]);
    eventually("three turns", async || server.connections() >= 3).await;
    let rows = running.store.rows("uid-1", "reports", 0).await.unwrap();
    assert_eq!(latest(&rows), expected(&sample));
    assert_eq!(rows.iter().filter(|row| row.revision == 2).count(), 1);
    running.end().await;
}

#[tokio::test]
async fn files_of_an_ssh_server_are_read_once_in_order_and_again_when_they_change() {
    let server = Sshd::start().await;
    server.put(FIRST, csv("97"), OLD);
    server.put(SECOND, csv("99"), OLD);
    server.put("other-20260409-1200.csv", csv("1"), OLD);
    server.make_folder("calls-20260409-1300.csv");
    server.link("calls-20260409-1400.csv", "other-20260409-1200.csv");
    let reading = Reading::of(&server, impatient());
    reading.begin(&server.url());
    eventually("both files", async || reading.offered().await == ["97", "99"]).await;
    // Whoever read the first one again would see another figure: its size and its time are those that are known.
    server.put(FIRST, csv("11"), OLD);
    reading.turns(&server, 3).await;
    assert_eq!(reading.offered().await, ["97", "99"]);
    server.put(SECOND, csv("100"), "2026-04-09T23:10:00Z");
    eventually("the file that changed", async || reading.offered().await == ["97", "99", "100"]).await;
    assert_eq!(reading.reason(), Some(Reason::Fetched));
    reading.running.end().await;
}

#[tokio::test]
async fn a_file_that_is_still_written_waits_with_those_after_it_until_it_is_left_alone() {
    let server = Sshd::start().await;
    // It was changed after the present of the rehearsal.
    server.put(FIRST, csv("9"), "2026-12-01T00:00:00Z");
    server.put(SECOND, csv("99"), OLD);
    let reading = Reading::of(&server, impatient());
    reading.begin(&server.url());
    reading.turns(&server, 3).await;
    assert_eq!((reading.offered().await, reading.reason()), (vec![], Some(Reason::Fetched)));
    server.put(FIRST, csv("97"), OLD);
    eventually("both files", async || reading.offered().await == ["97", "99"]).await;
    reading.running.end().await;
}

#[tokio::test]
async fn a_file_that_grows_after_it_was_listed_is_late_and_not_read_in_half() {
    let server = Sshd::start().await;
    server.put(FIRST, csv("97"), OLD);
    let source = MemorySource::default();
    server.secret(&source, &[]);
    let feed = folder(&server.url()).feed;
    let url = parse_url(&feed.url).unwrap();
    let credentials = resolve(&feed, &url, "team", &source).await.unwrap();
    let Authentication::Ssh(login) = &credentials.authentication else { panic!("another authentication") };
    let client = FeedClient::with(opened(), Arc::new(SystemLookup), impatient());
    let session = Session::open(&client, &url, "team", login, Duration::from_secs(10)).await.unwrap();
    let listed = session.list(10).await.unwrap();
    let version = listed[0].version.to_string();
    let read = session.read(&client, "team", FIRST, &version).await.unwrap();
    assert_eq!(String::from_utf8(read.body).unwrap(), csv("97"));
    for (grown, changed) in [(csv("97") + "2026", OLD), (csv("98"), "2026-04-09T23:00:01Z")] {
        server.put(FIRST, grown, changed);
        let error = session.read(&client, "team", FIRST, &version).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Late, "{error}");
    }
    // Larger than a piece, so that several are on their way at once.
    let large: String = (0..60_000).map(|number| format!("{number}\n")).collect();
    server.put(SECOND, &large, OLD);
    let listed = session.list(10).await.unwrap();
    let entry = listed.iter().find(|entry| entry.name == SECOND).unwrap();
    let read = session.read(&client, "team", SECOND, &entry.version.to_string()).await.unwrap();
    assert!(String::from_utf8(read.body).unwrap() == large, "the pieces are in their order");
    assert_eq!(session.list(0).await.unwrap().len(), 2, "what is more than asked for is seen");
}

#[tokio::test]
async fn check_looks_at_the_newest_files_and_preview_shows_what_would_be_read() {
    let server = Sshd::start().await;
    for (hour, offered) in [("08", "95"), ("09", "96"), ("10", "97"), ("12", "99")] {
        server.put(&format!("calls-20260409-{hour}00.csv"), csv(offered), OLD);
    }
    let source = MemorySource::default();
    server.secret(&source, &[]);
    let feed = folder(&server.url()).feed;
    let credentials = resolve(&feed, &parse_url(&feed.url).unwrap(), "team", &source).await.unwrap();
    let now = "2026-04-10T00:00:00Z".parse().unwrap();
    let window = Window { since: "2026-04-09T00:00:00Z".parse().unwrap(), until: now };
    let request = FetchRequest {
        feed: &feed,
        namespace: "team",
        time_zone: "UTC",
        window,
        now,
        credentials: &credentials,
        validators: None,
        known: None,
        state: None,
        life: Life::default(),
        step: Step::default(),
    };
    let client = FeedClient::with(opened(), Arc::new(SystemLookup), impatient());
    let answers = ask_all(&client, &request).await.unwrap();
    let offered: Vec<String> = answers.rows().map(|placed| placed.row.measures["offered"].to_string()).collect();
    assert_eq!((offered, answers.failure), (["96", "97", "99"].map(str::to_owned).to_vec(), None));
    let shown = requests(&feed, "UTC", window, now).unwrap();
    let shown: Vec<String> = shown.iter().map(|request| format!("{} {}", request.method, request.url)).collect();
    let file = format!("READ {}calls-{{made:%Y%m%d-%H%M}}.csv", server.url());
    assert_eq!(shown, [format!("LIST {}", server.url()), file]);
}

/// What is done to a server or to its Secret.
type Change = fn(&Sshd, &MemorySource);

#[tokio::test]
async fn faults_of_ssh_servers_have_a_reason_keep_what_was_read_and_heal() {
    let good: Change = |server, source| server.secret(source, &[]);
    let cases: [(&str, Change, Change, Reason, &str); 10] = [
        (
            "another host key",
            |server, source| server.secret(source, &[("known_hosts", strange_key().as_str())]),
            good,
            Reason::HostKey,
            "is not among known_hosts of Secret acme-sftp: write there what `ssh-keyscan -p ",
        ),
        (
            "host keys of another kind alone",
            |server, source| server.secret(source, &[("known_hosts", server.text("rsa.pub").as_str())]),
            good,
            Reason::HostKey,
            "has no Ed25519 and no ECDSA key: write there what `ssh-keyscan -p ",
        ),
        (
            "no host key",
            |server, source| server.secret(source, &[("known_hosts", "")]),
            good,
            Reason::SecretNotFound,
            "under the key \"known_hosts\", so the server is not known: write there what `ssh-keyscan -p ",
        ),
        (
            "a wrong password",
            |server, source| server.secret(source, &[("ssh-privatekey", ""), ("password", PASSWORD)]),
            good,
            Reason::Auth,
            "look at `username` and `password` of Secret acme-sftp",
        ),
        (
            "a key that the server does not know",
            |server, source| server.secret(source, &[("ssh-privatekey", server.text("host").as_str())]),
            good,
            Reason::Auth,
            "look at `username` and `ssh-privatekey` of Secret acme-sftp",
        ),
        (
            "a key of another kind",
            |server, source| server.secret(source, &[("ssh-privatekey", server.text("rsa").as_str())]),
            good,
            Reason::Auth,
            "make one by `ssh-keygen -t ed25519",
        ),
        (
            "a host that the Secret's owner does not list",
            |server, source| {
                server.secret(source, &[]);
                let values = source.secrets.lock().unwrap()[&("team".to_owned(), "acme-sftp".to_owned())].data.clone();
                let annotations = [("bpo-operator.io/allowed-hosts".to_owned(), "sftp.acme.example".to_owned())].into();
                let secret = crate::outbound::secret::SecretData { annotations, data: values };
                source.secrets.lock().unwrap().insert(("team".to_owned(), "acme-sftp".to_owned()), secret);
            },
            good,
            Reason::SecretNotAllowed,
            "its owner has to list that host",
        ),
        (
            "a file that is too large",
            |server, _| server.put(SECOND, vec![b'0'; 5_000], OLD),
            |server, _| server.put(SECOND, csv("99"), OLD),
            Reason::TooLarge,
            "file calls-20260409-1200.csv: the body is larger than 4000 bytes: write smaller files",
        ),
        (
            "too many files",
            |server, _| (1..=4).for_each(|number| server.put(&format!("other-{number}.csv"), "", OLD)),
            |server, _| (1..=4).for_each(|number| server.remove(&format!("other-{number}.csv"))),
            Reason::TooLarge,
            "the folder has more than 4 files",
        ),
        (
            "a file of another format",
            |server, _| server.put(SECOND, "<html>sign in</html>", OLD),
            |server, _| server.put(SECOND, csv("99"), OLD),
            Reason::Malformed,
            "file calls-20260409-1200.csv",
        ),
    ];
    for (what, breaks, heals, expected, fragment) in cases {
        let server = Sshd::start().await;
        server.put(FIRST, csv("97"), OLD);
        server.put(SECOND, csv("99"), OLD);
        let body = BodyLimits { largest: 4_000, largest_ratio: 100 };
        let reading = Reading::of(&server, ClientLimits { body, most_files: 4, ..impatient() });
        breaks(&server, &reading.source);
        reading.begin(&server.url());
        eventually(what, async || reading.reason() == Some(expected)).await;
        let message = reading.message();
        assert!(message.contains(fragment) && !message.contains(PASSWORD), "{what}: {message}");
        let kept = reading.offered().await;
        assert!(kept.is_empty() || kept == ["97"], "{what}: {kept:?}");
        heals(&server, &reading.source);
        eventually("it heals", async || reading.offered().await == ["97", "99"]).await;
        eventually("it is healthy", async || reading.reason() == Some(Reason::Fetched)).await;
        reading.running.end().await;
    }
}

#[tokio::test]
async fn a_password_lets_in_and_is_sent_to_no_server_whose_key_is_not_known() {
    let server = Sshd::with_password(PASSWORD).await;
    server.put(FIRST, csv("97"), OLD);
    let reading = Reading::of(&server, impatient());
    let secret = |known_hosts: &str, password: &str| {
        let others =
            [("username", "acme"), ("ssh-privatekey", ""), ("password", password), ("known_hosts", known_hosts)];
        server.secret(&reading.source, &others);
    };
    secret(&strange_key(), PASSWORD);
    reading.begin(&server.url());
    eventually("the server is not known", async || reading.reason() == Some(Reason::HostKey)).await;
    reading.turns(&server, 2).await;
    assert_eq!(*server.passwords.lock().unwrap(), Vec::<String>::new());
    secret(&server.known_hosts(), "another");
    eventually("the password is wrong", async || reading.reason() == Some(Reason::Auth)).await;
    assert_eq!(reading.offered().await, Vec::<String>::new());
    secret(&server.known_hosts(), PASSWORD);
    eventually("the file", async || reading.offered().await == ["97"]).await;
    reading.running.end().await;
}

#[tokio::test]
async fn a_host_that_does_not_speak_ssh_or_is_not_allowed_fails_before_anything_is_signed() {
    let server = Sshd::start().await;
    server.put(FIRST, csv("97"), OLD);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let of = |address: &dyn std::fmt::Display| format!("sftp://{address}/reports/");
    let local = format!("localhost:{}", server.address.port());
    for (what, url, networks, expected) in [
        ("a silent server", of(&silent.local_addr().unwrap()), "127.0.0.0/8", FailureKind::Timeout),
        ("nobody", of(&closed), "127.0.0.0/8", FailureKind::Connect),
        ("no such folder", server.url_of("nowhere/"), "127.0.0.0/8", FailureKind::Status),
        ("an address of the inside", server.url(), "10.0.0.0/8", FailureKind::Denied),
        ("a port that was not opened", server.url(), "127.0.0.0/8:1", FailureKind::Denied),
        ("a name of the inside", of(&local), "10.0.0.0/8", FailureKind::Denied),
        ("a number", of(&format!("0x7f.1:{}", server.address.port())), "10.0.0.0/8", FailureKind::Denied),
        ("another namespace's network", server.url(), "127.0.0.0/8@other", FailureKind::Denied),
        ("an unknown name", of(&"unknown.invalid"), "127.0.0.0/8", FailureKind::Dns),
    ] {
        let source = MemorySource::default();
        server.secret(&source, &[]);
        let hosts = "127.0.0.1, localhost, unknown.invalid";
        let values =
            [("username", user()), ("ssh-privatekey", server.text("user")), ("known_hosts", server.known_hosts())];
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        source.put("team", "acme-sftp", hosts, &values);
        let mut feed = folder(&url).feed;
        feed.timeout = serde_json::from_value(json!("2s")).unwrap();
        let policy = AddressPolicy::new(vec![networks.parse().unwrap()]);
        let client = FeedClient::with(policy, Arc::new(SystemLookup), impatient());
        let before = server.connections();
        let url = parse_url(&feed.url).unwrap();
        let credentials = resolve(&feed, &url, "team", &source).await.unwrap();
        let Authentication::Ssh(login) = &credentials.authentication else { panic!("another authentication") };
        let session = Session::open(&client, &url, "team", login, Duration::from_secs(2)).await;
        let error = match session {
            Ok(session) => session.list(10).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind, expected, "{what}: {error}");
        assert!(expected != FailureKind::Denied || server.connections() == before, "{what}");
    }
}
