//! `kubectl bpo feed rejected`: the rows that an operator set aside, with the reason and the answer that they came with.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::answer::{Answer, Output};
use crate::cli::evidence::{StoreArguments, in_runtime, open};
use crate::cli::exec::push;
use crate::cli::streams::{print, print_line};
use crate::cli::tables;
use crate::evidence::{FeedKey, StoredRejection, digest_text};

/// Arguments of `kubectl bpo feed rejected`.
#[derive(Debug, Args)]
pub(super) struct RejectedArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Of this contract alone: [NAMESPACE/]NAME or its UID
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,

    /// Of this feed alone
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,

    /// At most this number of each feed, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// Does what the command asks for.
pub(super) fn run(arguments: &RejectedArguments) -> Answer {
    if let Some(pod) = arguments.store.exec.pod()? {
        let mut flags = vec!["-o".to_owned(), arguments.output.name().to_owned()];
        push(&mut flags, "--contract", arguments.contract.as_ref());
        push(&mut flags, "--feed", arguments.feed.as_ref());
        push(&mut flags, "--limit", Some(arguments.limit));
        return pod.show(&["feed", "rejected"], &flags);
    }
    let found = in_runtime(async {
        let store = open(&arguments.store)?;
        let mut found = Vec::new();
        for key in store.feeds().await?.into_iter().filter(|key| is_wanted(arguments, key)) {
            for rejection in store.rejected(&key.contract_uid, &key.feed, arguments.limit).await? {
                found.push((key.clone(), rejection));
            }
        }
        Ok(found)
    })?;
    match arguments.output {
        Output::Table if found.is_empty() => print_line("no row was set aside")?,
        Output::Table => print(crate::cli::terminal::escaped(&table(&found)))?,
        output => {
            let document = Value::Array(found.iter().map(line).collect());
            print(output.document(&document).map_err(|error| vec![error.to_string()])?)?;
        }
    }
    Ok(0)
}

fn is_wanted(arguments: &RejectedArguments, key: &FeedKey) -> bool {
    let names = [key.contract_uid.clone(), key.contract.clone(), format!("{}/{}", key.namespace, key.contract)];
    arguments.contract.as_ref().is_none_or(|wanted| names.contains(wanted))
        && arguments.feed.as_ref().is_none_or(|wanted| *wanted == key.feed)
}

fn line((key, rejection): &(FeedKey, StoredRejection)) -> Value {
    json!({
        "namespace": key.namespace,
        "contract": key.contract,
        "contractUid": key.contract_uid,
        "feed": key.feed,
        "reason": rejection.reason,
        "row": rejection.text,
        "receivedAt": rejection.received_at.to_string(),
        "bodyDigest": digest_text(&rejection.body_digest),
    })
}

fn table(found: &[(FeedKey, StoredRejection)]) -> String {
    let mut table = tables::table(&["RECEIVED", "CONTRACT", "FEED", "REASON", "ROW"]);
    for (key, rejection) in found {
        let contract = format!("{}/{}", key.namespace, key.contract);
        let StoredRejection { reason, text, received_at, .. } = rejection;
        table.add_row([received_at.to_string(), contract, key.feed.clone(), reason.clone(), text.clone()]);
    }
    format!("{table}\n")
}
