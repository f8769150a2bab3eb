//! `kubectl bpo feed check`: what the operator would make of an endpoint, shown to those who build it.

mod render;
mod secrets;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::api::feed::Feed;
use crate::cli::answer::{Answer, Output, lines};
use crate::cli::cluster::wait_for;
use crate::cli::evaluate::contract_of_feed;
use crate::cli::manifests::read;
use crate::cli::streams::print;
use crate::clock::Clock;
use crate::feed::fetch_request::{FetchRequest, Life, Step};
use crate::feed::inspection::{Answers, Expectations, advice_on, ask_all, inspect, read_file};
use crate::feed::quality::PLAN_REACH;
use crate::feed::time_window::Window;
use crate::feed::timing::seconds_or;
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::{Authentication, Credentials, resolve};
use crate::outbound::error::FetchError;
use crate::outbound::guard::{AddressPolicy, OpenedNetwork};
use crate::outbound::secret::{Redactor, SecretValue};
use crate::outbound::tls::TlsIdentity;
use render::Subject;
use secrets::Manifested;

/// What `--help` shows at its end.
pub(super) const EXAMPLES: &str = "\
Examples:
  The last three days of an endpoint, as the operator asks for them:
    kubectl bpo feed check https://feeds.acme.example/v1/intervals --bearer-token-file token.txt

  A server on your own machine, and one day:
    kubectl bpo feed check http://127.0.0.1:8080/v1/intervals --allow-network 127.0.0.0/8 \\
      --from 2026-01-05T00:00:00Z --until 2026-01-06T00:00:00Z

  An answer that was saved, and the feed of a contract with its format and pages:
    kubectl bpo feed check answer.json
    kubectl bpo feed check -f contract.yaml --feed acd

  The feed of a contract with its own auth, by Secrets that are not in a cluster yet:
    kubectl bpo feed check -f contract.yaml --feed acd --secrets secret.yaml";

/// Arguments of `kubectl bpo feed check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The endpoint, http or https, or a file with what it answers; default: the url of --feed
    #[arg(value_name = "URL|FILE", required_unless_present = "feed")]
    target: Option<String>,

    /// First instant of the window that is asked for, RFC 3339; default: three days, or the feed's lookBack, before --until or now
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,

    /// End of the window; default: now, or of a plan 60 days later
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,

    /// A network whose addresses may be asked, also by http, such as 127.0.0.0/8; may be given several times
    #[arg(long = "allow-network", value_name = "CIDR")]
    allow_networks: Vec<OpenedNetwork>,

    /// File with the token that is sent as `Authorization: Bearer`; it is never printed
    #[arg(long, value_name = "PATH")]
    bearer_token_file: Option<PathBuf>,

    /// Manifests with the Secrets and ConfigMaps that the feed's auth and tls name, with their annotations; nothing of them is printed
    #[arg(long, value_name = "PATH", requires = "feed", conflicts_with_all = ["bearer_token_file", "ca_file"])]
    secrets: Vec<PathBuf>,

    /// File with the certificate authorities (PEM) to trust instead of the system's
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,

    /// Manifests with a contract, whose feed says format, paging and cadence: files, folders or `-`; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", requires = "feed")]
    paths: Vec<PathBuf>,

    /// The feed of the contract in -f: [CONTRACT/]NAME; default: the native format bpo-feed/v1
    #[arg(long, value_name = "[CONTRACT/]NAME", requires = "paths")]
    feed: Option<String>,

    /// The instant that counts as the present, RFC 3339; default: now
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// How far back the operator asks unless the feed says something else.
const DEFAULT_LOOK_BACK: u64 = 3 * 86_400;
/// More than any token or bundle of authorities has.
pub(super) const LARGEST_CREDENTIAL: u64 = 1_024 * 1_024;
/// More than an answer may have.
pub(super) const LARGEST_FILE: u64 = 10 * 1_024 * 1_024;
/// On whose behalf is asked; limits are counted by it.
const TENANT: &str = "check";

/// Checks the endpoint.
///
/// # Errors
/// What is wrong with the arguments, or why nothing could be reached.
pub(super) fn run(arguments: &CheckArguments) -> Answer {
    let (mut feed, time_zone) = described(arguments)?;
    if let Some(target) = &arguments.target {
        feed.url.clone_from(target);
    }
    if feed.inbox.is_some() && arguments.target.is_none() {
        let words = "the feed is pushed to an inbox, so there is nothing to ask: write a file with what is pushed";
        return Err(vec![words.to_owned()]);
    }
    let now = arguments.now.unwrap_or_else(|| Clock::real().now());
    let asked = if arguments.target.is_some() { feed.url.as_str() } else { feed.address() };
    let is_url = ["http://", "https://", "sftp://"].iter().any(|scheme| asked.starts_with(scheme));
    if asked.starts_with("sftp://") && feed.files.is_none() {
        let words = "a folder of an SSH server needs a feed with files and auth: write -f contract.yaml --feed NAME --secrets secret.yaml";
        return Err(vec![words.to_owned()]);
    }
    if is_url && arguments.target.is_some() && feed.job.is_some() {
        return Err(vec!["the feed has a job, whose steps have addresses of their own: leave the URL out".to_owned()]);
    }
    let (subject, answers, redactor) = if is_url {
        ask_endpoint(arguments, &feed, &time_zone, now)?
    } else {
        let content = read_bounded(Path::new(&feed.url), LARGEST_FILE)
            .map_err(|error| vec![format!("{error}; an endpoint begins with https://")])?;
        let answers = read_file(&feed, &time_zone, &content).map_err(|error| vec![error.to_string()])?;
        (Subject { target: feed.url.clone(), window: None }, answers, Redactor::default())
    };
    let up_to_now = subject.window.is_some() && arguments.until.is_none();
    let inspection = inspect(&answers, Expectations { feed: &feed, now, up_to_now });
    let printed = match arguments.output {
        Output::Table => render::as_text(&subject, &inspection),
        output => {
            let document = output.document(&render::as_json(&subject, &inspection));
            document.map_err(|error| vec![error.to_string()])?
        }
    };
    print(redactor.redact(printed))?;
    Ok(u8::from(inspection.refused()))
}

/// The feed as the contract describes it, and the contract's zone; without one, the native format.
fn described(arguments: &CheckArguments) -> Result<(Feed, String), Vec<String>> {
    let Some(named) = &arguments.feed else { return Ok((native_feed(), "UTC".to_owned())) };
    let one = |error: String| vec![error];
    let manifests = read(&arguments.paths).map_err(|problems| lines(&problems))?;
    let (contract, name) = match named.split_once('/') {
        Some((contract, name)) => (Some(contract), name),
        None => (None, named.as_str()),
    };
    let key = contract_of_feed(&manifests, contract, name).map_err(one)?;
    let contract = manifests.contracts.get(&key).map(|written| &written.object.spec);
    let feed = contract.and_then(|contract| contract.feeds.iter().find(|feed| feed.name == name));
    let (Some(contract), Some(feed)) = (contract, feed) else {
        return Err(one(format!("--feed {named}: no such feed")));
    };
    if feed.format.as_ref().is_some_and(|format| format.open_metrics.is_some() || format.prometheus.is_some()) {
        return Err(one(format!(
            "--feed {named}: only feeds in bpo-feed/v1, json and csv can be checked: rows of metrics follow from several requests"
        )));
    }
    Ok((Feed::clone(feed), contract.time_zone.clone()))
}

fn native_feed() -> Feed {
    Feed {
        name: "feed".to_owned(),
        url: String::new(),
        interval: None,
        timeout: None,
        look_back: None,
        cadence: None,
        plan: None,
        window: None,
        each: Vec::new(),
        quiet: None,
        quiet_at_most: None,
        fail_when: None,
        empty_when: Vec::new(),
        job: None,
        inbox: None,
        files: None,
        lateness: None,
        thresholds: Vec::new(),
        format: None,
        request: None,
        pagination: None,
        auth: None,
        tls: None,
    }
}

type Asked = (Subject, Answers, Redactor);

fn ask_endpoint(arguments: &CheckArguments, feed: &Feed, zone: &str, now: Timestamp) -> Result<Asked, Vec<String>> {
    let url = Url::parse(feed.address()).map_err(|error| vec![format!("the URL cannot be read: {error}")])?;
    let window = window(arguments, feed, now)?;
    let credentials = match arguments.secrets.as_slice() {
        [] => credentials(arguments).map_err(|error| vec![error])?,
        paths => {
            let source = Manifested::read(paths).map_err(|error| vec![error])?;
            let resolved = wait_for(async { Ok(resolve(feed, &url, TENANT, &source).await) })?;
            resolved.map_err(|error| vec![unreachable(&error)])?
        }
    };
    let client = FeedClient::new(AddressPolicy::new(arguments.allow_networks.clone()));
    let request = FetchRequest {
        feed,
        namespace: TENANT,
        time_zone: zone,
        window,
        now,
        credentials: &credentials,
        validators: None,
        known: None,
        state: None,
        life: Life::default(),
        step: Step::default(),
    };
    let asking = async { Ok(ask_all(&client, &request).await) };
    let answers = wait_for(asking)?.map_err(|error| vec![unreachable(&credentials.redactor.redact_error(error))])?;
    Ok((Subject { target: without_query(&url), window: Some(window) }, answers, credentials.redactor))
}

/// Why nothing was reached, in words for whoever has the flags of this command and not those of the operator.
fn unreachable(error: &FetchError) -> String {
    let message = error.message.replace("--feed-allow-network", "--allow-network");
    format!("{}: {message}\n  write: {}", error.kind, advice_on(error))
}

/// An address without what may hold secrets.
fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // An address that cannot have user information has none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

fn window(arguments: &CheckArguments, feed: &Feed, now: Timestamp) -> Result<Window, Vec<String>> {
    let ahead = if feed.plan.unwrap_or(false) { PLAN_REACH } else { SignedDuration::ZERO };
    let until = arguments.until.unwrap_or_else(|| now.checked_add(ahead).unwrap_or(now));
    let look_back = SignedDuration::try_from(seconds_or(feed.look_back, DEFAULT_LOOK_BACK)).unwrap_or_default();
    let since = match arguments.from {
        Some(from) => from,
        None => until.min(now).checked_sub(look_back).map_err(|error| vec![format!("--until: {error}")])?,
    };
    if since >= until {
        return Err(vec![format!("--from {since} is not before --until {until}")]);
    }
    Ok(Window { since, until })
}

fn credentials(arguments: &CheckArguments) -> Result<Credentials, String> {
    let mut credentials = Credentials::default();
    if let Some(path) = &arguments.bearer_token_file {
        let token = SecretValue::new(read_bounded(path, LARGEST_CREDENTIAL)?);
        if token.reveal_line().is_empty() {
            return Err(format!("{}: the file is empty, write the token into it", path.display()));
        }
        credentials.redactor.add(token.clone());
        credentials.authentication = Authentication::Bearer(token);
    }
    if let Some(path) = &arguments.ca_file {
        let authorities = Some(read_bounded(path, LARGEST_CREDENTIAL)?);
        credentials.tls = TlsIdentity { authorities, client_certificate: None };
    }
    Ok(credentials)
}

pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut content = Vec::new();
    File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > most {
        return Err(format!("{}: the file has more than {most} bytes", path.display()));
    }
    Ok(content)
}
