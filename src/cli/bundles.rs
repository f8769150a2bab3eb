//! `evaluate --bundle`: the evidence of contracts as `kubectl bpo export` wrote it, in place of files for feeds.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kube::Resource;
use serde::Serialize;

use super::evaluate::{RecordsByContract, RowsByContract};
use super::manifests::{Manifests, Place, Written};
use crate::api::{KpiTarget, ServiceTier, VendorContract};
use crate::domain::measuring::feed_rows::packed;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::bundle::{Bundle, read_bundle};
use crate::evidence::recorded_facts::journal_of;

/// Manifests with the evidence that bundles hold of their contracts.
pub(super) struct Gathered<'a> {
    /// The manifests; the objects of the bundles are added where none were given.
    pub manifests: &'a mut Manifests,
    /// Whether manifests were given.
    pub has_manifests: bool,
    /// Rows by contract.
    pub rows: &'a mut RowsByContract,
    /// Closings and facts by contract.
    pub records: RecordsByContract,
    /// The latest instant at which something of the bundles became known.
    pub latest: Option<Timestamp>,
}

impl Gathered<'_> {
    /// Takes in what bundles hold. Without manifests the contracts are those of the bundles, under the terms recorded last.
    ///
    /// # Errors
    /// Each bundle that cannot be read or is broken, or is of a contract that the manifests do not have.
    pub(super) fn take_all(&mut self, files: &[PathBuf]) -> Result<(), Vec<String>> {
        let taken =
            files.iter().map(|file| self.take(file).map_err(|error| format!("--bundle {}: {error}", file.display())));
        let wrong: Vec<String> = taken.filter_map(Result::err).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn take(&mut self, file: &Path) -> Result<(), String> {
        let input = BufReader::new(File::open(file).map_err(|error| error.to_string())?);
        let Bundle { manifest, summaries, rows, terms, history, closings, facts, report, .. } =
            read_bundle(input).map_err(|error| error.to_string())?;
        if let Some(broken) = report.broken.first() {
            return Err(format!("the bundle was changed after its export: {broken}; export it again"));
        }
        if !summaries.is_empty() {
            return Err("rows of the contract were removed at the end of its retention, so it cannot be judged again: its SlaReports stay, and `kubectl bpo verify --bundle` checks the rest"
                .to_owned());
        }
        let Some(of) = manifest else { return Err("the bundle has no first line".to_owned()) };
        if !self.has_manifests {
            let terms = terms.ok_or("the bundle holds no terms of its contract: give its manifests with -f")?.terms;
            self.add_objects(file, (&of.namespace, &of.contract), terms);
        }
        let mut keys = self.manifests.contracts.keys();
        let of_name = |key: &&(String, String)| key.1 == of.contract && (key.0 == of.namespace || key.0.is_empty());
        let Some(key) = keys.rfind(of_name).cloned() else {
            let (namespace, contract) = (of.namespace, of.contract);
            return Err(format!("the manifests have no VendorContract {namespace}/{contract}, which the bundle is of"));
        };
        let journal = journal_of(&facts).map_err(|error| error.to_string())?;
        let history = history.into_iter().map(|recorded| recorded.terms).collect();
        let last_row = rows.values().flatten().map(|row| row.known_at).max();
        self.latest = self.latest.max(last_row).max(journal.last_recorded_by(Timestamp::MAX));
        self.rows.entry(key.clone()).or_default().extend(packed(&rows));
        let recorded = self.records.entry(key).or_default();
        recorded.closings = closings;
        recorded.terms = history;
        if recorded.journal.replace(journal).is_some() {
            return Err(format!("another bundle is of {}/{} too: give one a contract", of.namespace, of.contract));
        }
        Ok(())
    }

    /// The objects that terms were written in.
    fn add_objects(&mut self, file: &Path, (namespace, name): (&str, &str), terms: Terms) {
        let Terms { contract, kpis, tiers } = terms;
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        let manifests = &mut *self.manifests;
        manifests
            .contracts
            .insert(key(name), written(file, namespace, VendorContract::new(name, contract.into_inner())));
        for (kpi, spec) in kpis {
            manifests.kpis.insert(key(&kpi), written(file, namespace, KpiTarget::new(&kpi, spec.into_inner())));
        }
        for (tier, spec) in tiers {
            manifests.tiers.insert(key(&tier), written(file, namespace, ServiceTier::new(&tier, spec.into_inner())));
        }
    }
}

fn written<K: Resource + Serialize>(file: &Path, namespace: &str, mut object: K) -> Written<K> {
    object.meta_mut().namespace = Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty());
    // Objects are texts, numbers and lists, and were read from JSON.
    let document = serde_json::to_value(&object).unwrap_or_default();
    let place = Place { file: file.to_owned(), line: 1 };
    Written { object, place, document }
}
