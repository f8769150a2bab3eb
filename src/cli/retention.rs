//! `kubectl bpo retention`: until when the rows of each contract are kept, what still needs them, and what was removed.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Output};
use super::evidence::{StoreArguments, in_runtime, open};
use super::exec::push;
use super::streams::{print, print_line};
use super::tables;
use super::terminal::escaped;
use crate::domain::terms::retention::{ANNOUNCED_BEFORE, Retention, retention};
use crate::evidence::{EvidenceStore, FeedKey, Head, StoreError, recorded_facts};

/// Arguments of `kubectl bpo retention`.
#[derive(Debug, Args)]
pub struct RetentionArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Of this contract alone: [NAMESPACE/]NAME or its UID
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,

    /// The instant at which it is looked, RFC 3339 such as 2034-01-01T00:00:00Z; default: now
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// What the store says of one contract.
struct Line {
    key: FeedKey,
    /// `None`: the store has no terms of it, so nothing is removed.
    plan: Option<Retention>,
    /// Since when the journal says that rows may be removed.
    said: Option<Timestamp>,
    /// Rows that are there.
    rows: i64,
    /// Rows that were removed.
    removed: i64,
    /// The years of those.
    years: Vec<i16>,
}

/// Does what the command asks for. It removes nothing: the operator does, once a day.
pub fn run(arguments: &RetentionArguments) -> Answer {
    if let Some(pod) = arguments.store.exec.pod()? {
        let mut flags = vec!["-o".to_owned(), arguments.output.name().to_owned()];
        push(&mut flags, "--contract", arguments.contract.as_ref());
        push(&mut flags, "--now", arguments.now);
        return pod.show(&["retention"], &flags);
    }
    let now = arguments.now.unwrap_or_else(|| crate::clock::Clock::real().now());
    let found = in_runtime(async {
        let store = open(&arguments.store)?;
        lines(&*store, arguments.contract.as_deref(), now).await
    })?;
    match arguments.output {
        Output::Table if found.is_empty() => print_line("the store has no rows of such a contract")?,
        Output::Table => print(escaped(&table(&found)))?,
        output => {
            let document = Value::Array(found.iter().map(line).collect());
            print(output.document(&document).map_err(|error| vec![error.to_string()])?)?;
        }
    }
    Ok(0)
}

async fn lines(store: &dyn EvidenceStore, wanted: Option<&str>, now: Timestamp) -> Result<Vec<Line>, StoreError> {
    let mut contracts: BTreeMap<String, Vec<FeedKey>> = BTreeMap::new();
    for key in store.feeds().await? {
        let names = [key.contract_uid.clone(), key.contract.clone(), format!("{}/{}", key.namespace, key.contract)];
        if wanted.is_none_or(|wanted| names.iter().any(|name| name == wanted)) {
            contracts.entry(key.contract_uid.clone()).or_default().push(key);
        }
    }
    let mut found = Vec::new();
    for (uid, feeds) in contracts {
        let closings = store.closings(&uid).await?;
        let terms = store.last_terms(&uid).await?.map(|recorded| recorded.terms);
        let plan = terms.and_then(|terms| retention(&terms.contract, &closings, None, now));
        let said = recorded_facts::journal(store, &uid).await?.retired().map(|(_, at)| at);
        let heads = store.heads(&uid).await?;
        let (mut removed, mut years) = (0, Vec::new());
        for key in &feeds {
            let summaries = store.summaries(&uid, &key.feed).await?;
            removed += summaries.last().map_or(0, |last| last.last);
            years.extend(summaries.iter().map(|summary| summary.year));
        }
        years.sort_unstable();
        years.dedup();
        let rows = heads.values().map(Head::rows).sum::<i64>() - removed;
        found.extend(feeds.into_iter().next().map(|key| Line { key, plan, said, rows, removed, years }));
    }
    Ok(found)
}

impl Line {
    fn until(&self) -> Option<Timestamp> {
        match self.plan.as_ref()? {
            Retention::Kept(until) => Some(*until),
            Retention::Needed { since, .. } | Retention::Due { since, .. } => Some(*since),
        }
    }

    /// What happens to the rows, in words.
    fn state(&self) -> String {
        match &self.plan {
            None => "kept: the store has no terms of the contract".to_owned(),
            Some(Retention::Kept(_)) => "kept".to_owned(),
            Some(Retention::Needed { by, .. }) => format!("kept longer: {by}"),
            Some(Retention::Due { .. }) if self.rows == 0 => "removed".to_owned(),
            Some(Retention::Due { .. }) => match self.removed_from() {
                Some(from) => format!("removed from {from} on; to keep them, write a longer spec.retention"),
                None => "kept: the operator announces their removal 30 days before it, and removes nothing of a contract that is gone or that a \
                         CampaignLaunch names"
                    .to_owned(),
            },
        }
    }

    /// From when on rows are removed, where that was announced.
    fn removed_from(&self) -> Option<Timestamp> {
        self.said?.checked_add(ANNOUNCED_BEFORE).ok()
    }
}

fn line(line: &Line) -> Value {
    json!({
        "namespace": line.key.namespace,
        "contract": line.key.contract,
        "contractUid": line.key.contract_uid,
        "keptUntil": line.until().map(|until| until.to_string()),
        "state": line.state(),
        "removedFrom": line.removed_from().map(|from| from.to_string()),
        "rows": line.rows,
        "removedRows": line.removed,
        "removedYears": line.years,
    })
}

fn table(found: &[Line]) -> String {
    let mut table = tables::table(&["CONTRACT", "KEPT UNTIL", "ROWS", "REMOVED", "STATE"]);
    for line in found {
        let contract = format!("{}/{}", line.key.namespace, line.key.contract);
        let until = line.until().map_or_else(|| "-".to_owned(), |until| until.to_string());
        table.add_row([contract, until, line.rows.to_string(), line.removed.to_string(), line.state()]);
    }
    format!("{table}\n")
}
