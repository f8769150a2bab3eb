//! `kubectl bpo history`: the terms of a contract in time, with what changed and which field manager wrote it.
//!
//! The journal of the evidence has every version of the terms, and what was changed by whom. A cluster alone knows who wrote a
//! field last, and when.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::answer::{Answer, Output};
use super::cluster::{Cluster, answered, wait_for};
use super::evidence::{StoreArguments, find_contract, in_runtime, open};
use crate::api::{KpiTarget, VendorContract};
use crate::cluster::managers::written_fields;
use crate::domain::terms::amendments::amendments;
use crate::domain::terms::journal::{Amendment, Journal, JournalFact};
use crate::evidence::bundle::read_bundle;
use crate::evidence::{RecordedTerms, recorded_facts};

/// Flags of `history`.
#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// The contract: its name; with a store [NAMESPACE/]NAME, or its UID where several had that name
    #[arg(value_name = "CONTRACT")]
    contract: String,

    #[command(flatten)]
    store: StoreArguments,

    /// A bundle that `kubectl bpo export` wrote, in place of a store
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    bundle: Option<PathBuf>,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// One change of the terms.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    /// When it was seen; in a cluster, when it was written.
    at: Timestamp,
    /// Whether these are the first terms on record.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    first: bool,
    /// What changed.
    changes: Vec<Amendment>,
}

/// Does what `history` asks for.
pub fn run(arguments: &HistoryArguments) -> Answer {
    let history = if let Some(file) = &arguments.bundle {
        of_bundle(file)?
    } else if arguments.store.is_given() {
        in_runtime(async {
            let store = open(&arguments.store)?;
            let contract = find_contract(&*store, &arguments.contract).await?;
            let versions = store.terms_history(&contract.contract_uid).await?;
            Ok(of_journal(&versions, &recorded_facts::journal(&*store, &contract.contract_uid).await?))
        })?
    } else {
        wait_for(of_cluster(arguments))?
    };
    let shown = match arguments.output {
        Output::Table => super::terminal::escaped(&as_table(&history)),
        output => output.document(&as_json(&history)).map_err(|error| vec![error.to_string()])?,
    };
    super::streams::print(shown)?;
    Ok(0)
}

fn of_bundle(file: &PathBuf) -> Result<Vec<Change>, Vec<String>> {
    let shown = file.display();
    let failed = |error: &dyn std::fmt::Display| vec![format!("--bundle {shown}: {error}")];
    let bundle = File::open(file).and_then(|file| read_bundle(BufReader::new(file))).map_err(|error| failed(&error))?;
    if let Some(broken) = bundle.report.broken.first() {
        return Err(failed(&format!("{broken}; `kubectl bpo verify --bundle` shows all that differs")));
    }
    let journal = recorded_facts::journal_of(&bundle.facts).map_err(|error| failed(&error))?;
    Ok(of_journal(&bundle.history, &journal))
}

/// Each version of the terms against the one before. What was recorded of a change names who made it; where nothing was, as by
/// versions that did not, it is compared now.
fn of_journal(versions: &[RecordedTerms], journal: &Journal) -> Vec<Change> {
    let recorded = |at: Timestamp| {
        let of_then = journal.facts.iter().filter(|fact| fact.recorded_at == at);
        of_then.into_iter().find_map(|fact| match &fact.fact {
            JournalFact::TermsChanged(changed) => Some(changed.amendments.clone()),
            _ => None,
        })
    };
    let first = versions.first().map(|first| Change { at: first.recorded_at, first: true, changes: Vec::new() });
    let later = versions.iter().zip(versions.iter().skip(1)).map(|(was, now)| Change {
        at: now.recorded_at,
        first: false,
        changes: recorded(now.recorded_at).unwrap_or_else(|| amendments(&was.terms, &now.terms, now.recorded_at)),
    });
    first.into_iter().chain(later).collect()
}

/// Who wrote which field of the contract and its KpiTargets last, by time.
async fn of_cluster(arguments: &HistoryArguments) -> Result<Vec<Change>, String> {
    let cluster = Cluster::connect(&arguments.store.exec.cluster).await?;
    let (namespace, name) = (&cluster.namespace, &arguments.contract);
    let contracts: Api<VendorContract> = Api::namespaced(cluster.client.clone(), namespace);
    let Some(contract) = answered(contracts.get_opt(name)).await? else {
        return Err(format!(
            "there is no VendorContract {name} in namespace {namespace}: give its namespace with -n, or --data-dir for one that is gone"
        ));
    };
    let kpis: Api<KpiTarget> = Api::namespaced(cluster.client.clone(), namespace);
    let kpis = answered(kpis.list(&ListParams::default())).await?;
    let mut history = written("VendorContract", "", &contract.metadata);
    for kpi in kpis.iter().filter(|kpi| kpi.spec.contract_ref.name == *name) {
        history.extend(written("KpiTarget", &kpi.name_any(), &kpi.metadata));
    }
    history.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.changes.cmp(&other.changes)));
    Ok(history)
}

fn written(kind: &str, name: &str, metadata: &ObjectMeta) -> Vec<Change> {
    let amendment = |field: String, manager: &str| Amendment {
        kind: kind.to_owned(),
        name: name.to_owned(),
        field,
        was: None,
        now: None,
        manager: Some(manager.to_owned()),
        reaches_back: false,
    };
    written_fields(metadata)
        .into_iter()
        .map(|(at, manager, fields)| Change {
            at,
            first: false,
            changes: fields.into_iter().map(|field| amendment(field, &manager)).collect(),
        })
        .collect()
}

fn as_json(history: &[Change]) -> serde_json::Value {
    serde_json::to_value(history).unwrap_or_default()
}

fn as_table(history: &[Change]) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for change in history {
        let what = if change.first { "  the first terms on record" } else { "" };
        let _ = writeln!(text, "{}{what}", change.at);
        for amendment in &change.changes {
            let by = amendment.manager.as_ref().map(|manager| format!(", by {manager}")).unwrap_or_default();
            let values = match (&amendment.was, &amendment.now) {
                (Some(was), Some(now)) => format!(": {was} → {now}"),
                (Some(was), None) => format!(": {was}, taken away"),
                (None, Some(now)) => format!(": {now}, added"),
                (None, None) => String::new(),
            };
            let reach = if amendment.reaches_back { " (reaches back into the period that ran)" } else { "" };
            let _ = writeln!(text, "  {}{values}{by}{reach}", amendment.place());
        }
    }
    if history.is_empty() {
        text.push_str("no terms are on record\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::contracts::{instant, terms};
    use crate::domain::terms::journal::{RecordedFact, TermsChanged};

    #[test]
    fn each_version_of_the_terms_is_shown_with_its_changes_and_its_author() {
        let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]";
        let version = |target: i64, at: &str| RecordedTerms {
            terms: terms(contract, &[("level", &format!("kpi: ServiceLevel\nobjective: {{target: {target}}}"))]),
            recorded_at: instant(at),
        };
        let versions = [
            version(80, "2026-01-05T09:00:00Z"),
            version(82, "2026-02-10T09:00:00Z"),
            version(85, "2026-03-10T09:00:00Z"),
        ];
        let mut amended = amendments(&versions[1].terms, &versions[2].terms, versions[2].recorded_at);
        amended[0].manager = Some("argocd-controller".into());
        let fact = JournalFact::TermsChanged(TermsChanged { amendments: amended });
        let journal =
            Journal { facts: vec![RecordedFact { name: String::new(), fact, recorded_at: versions[2].recorded_at }] };
        let history = of_journal(&versions, &journal);
        assert_eq!(
            as_table(&history),
            "2026-01-05T09:00:00Z  the first terms on record
2026-02-10T09:00:00Z
  KpiTarget level spec.objective.target: 80 → 82 (reaches back into the period that ran)
2026-03-10T09:00:00Z
  KpiTarget level spec.objective.target: 82 → 85, by argocd-controller (reaches back into the period that ran)
"
        );
        let json = as_json(&history);
        assert_eq!(json[2]["changes"][0]["manager"], "argocd-controller");
        assert_eq!((json[0]["first"].as_bool(), json[1].get("first")), (Some(true), None));
        assert_eq!(as_table(&[]), "no terms are on record\n");
    }
}
