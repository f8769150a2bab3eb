//! `kubectl bpo feed push`: sends a file to the inbox of a feed, as a vendor's program does.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::check::{LARGEST_CREDENTIAL, LARGEST_FILE, read_bounded};
use crate::api::feed::AnswerCondition;
use crate::cli::answer::{Answer, Output};
use crate::cli::cluster::wait_for;
use crate::cli::streams::print;
use crate::cli::terminal::escaped;
use crate::feed::format::answer::said_by_refusal;
use crate::outbound::call::Post;
use crate::outbound::client::{FeedClient, PageRequest, PageResponse};
use crate::outbound::error::presentable;
use crate::outbound::guard::{AddressPolicy, OpenedNetwork};
use crate::outbound::secret::{Redactor, SecretValue};
use crate::outbound::tls::TlsIdentity;

/// Arguments of `kubectl bpo feed push`.
#[derive(Debug, Args)]
pub(super) struct PushArguments {
    /// The file, in the feed's own format
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Address of the feed's inbox: https://…/v1/inbox/NAMESPACE/CONTRACT/FEED
    #[arg(long, value_name = "URL")]
    to: Url,

    /// First instant of the stretch of time that the file is about, RFC 3339: for feeds of records and of rows without a time
    #[arg(long, value_name = "INSTANT", requires = "until")]
    since: Option<Timestamp>,

    /// End of the stretch
    #[arg(long, value_name = "INSTANT", requires = "since")]
    until: Option<Timestamp>,

    /// File with the token of the inbox; it is never printed
    #[arg(long, value_name = "PATH")]
    token_file: PathBuf,

    /// A network whose addresses may be asked, also by http, such as 127.0.0.0/8; may be given several times
    #[arg(long = "allow-network", value_name = "CIDR")]
    allow_networks: Vec<OpenedNetwork>,

    /// File with the certificate authorities (PEM) to trust instead of the system's
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// For the whole push.
const LONGEST: Duration = Duration::from_secs(120);

/// Sends the file.
///
/// # Errors
/// What is wrong with the arguments, or why the file was not taken.
pub(super) fn run(arguments: &PushArguments) -> Answer {
    let one = |error: String| vec![error];
    let body = read_bounded(&arguments.file, LARGEST_FILE).map_err(one)?;
    let token = SecretValue::new(read_bounded(&arguments.token_file, LARGEST_CREDENTIAL).map_err(one)?);
    let mut redactor = Redactor::default();
    redactor.add(token.clone());
    let bearer = [b"Bearer ", token.reveal_line()].concat();
    let mut bearer = HeaderValue::from_bytes(&bearer)
        .map_err(|_| one(format!("{}: no token of one line", arguments.token_file.display())))?;
    bearer.set_sensitive(true);
    let authorities = arguments.ca_file.as_ref().map(|path| read_bounded(path, LARGEST_CREDENTIAL)).transpose();
    let tls = TlsIdentity { authorities: authorities.map_err(one)?, client_certificate: None };
    let says = AnswerCondition { path: "$.error.message".to_owned(), ..AnswerCondition::default() };
    let request = PageRequest {
        url: address(arguments),
        headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        tenant: "push",
        tls: &tls,
        identity: [0; 32],
        validators: None,
        timeout: LONGEST,
        post: Some(Post { content_type: HeaderValue::from_static("application/octet-stream"), body, safe: false }),
        pending: &[],
        accepted: &[],
        fail_when: Some((&says, said_by_refusal)),
        per_minute: None,
    };
    let client = FeedClient::new(AddressPolicy::new(arguments.allow_networks.clone()));
    let sent = wait_for(async { Ok(client.get(&request).await) })?;
    let answer = match sent {
        Ok(PageResponse::Page(page)) => serde_json::from_slice(&page.body).unwrap_or(Value::Null),
        Ok(PageResponse::Unchanged | PageResponse::Pending) => Value::Null,
        Err(error) => {
            let message = redactor.redact_error(error).message.replace("--feed-allow-network", "--allow-network");
            return Err(one(message));
        }
    };
    if answer.get("taken").is_none() {
        return Err(one(format!("{}: what answers there is no inbox", presentable(arguments.to.as_str(), 200))));
    }
    let printed = match arguments.output {
        Output::Table => as_text(&answer),
        output => output.document(&answer).map_err(|error| one(error.to_string()))?,
    };
    print(redactor.redact(escaped(&printed).to_string()))?;
    let set_aside = answer.get("setAside").and_then(Value::as_object).is_some_and(|reasons| !reasons.is_empty());
    Ok(u8::from(set_aside))
}

/// The address of the inbox, with the stretch of time that the file is about.
fn address(arguments: &PushArguments) -> Url {
    let mut address = arguments.to.clone();
    if let (Some(since), Some(until)) = (arguments.since, arguments.until) {
        let mut query = address.query_pairs_mut();
        query.append_pair("since", &since.to_string()).append_pair("until", &until.to_string());
    }
    address
}

fn as_text(answer: &Value) -> String {
    let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    if answer.get("repeat").and_then(Value::as_bool) == Some(true) {
        return "the same as the last push: nothing changed\n".to_owned();
    }
    let mut text = format!(
        "{} rows taken: {} new, {} corrected, {} known\n",
        count("taken"),
        count("new"),
        count("corrected"),
        count("known")
    );
    // Writing into a String cannot fail.
    for (reason, count) in answer.get("setAside").and_then(Value::as_object).into_iter().flatten() {
        let _ = writeln!(text, "{count} set aside: {}", presentable(reason, 40));
    }
    for row in answer.get("rows").and_then(Value::as_array).into_iter().flatten() {
        let member = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(text, "  {}: {}", presentable(member("reason"), 40), presentable(member("row"), 300));
    }
    text
}
