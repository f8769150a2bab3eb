//! Examples with the files of their feeds, judged without a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpo_operator::api::SlaReportSpec;
use bpo_operator::cli::evaluate::{FeedFile, RowsByContract, View, break_down_contract, contract_of_file, view};
use bpo_operator::cli::manifests::{self, Manifests};
use bpo_operator::domain::judgement::breakdowns::ByKpi;
use bpo_operator::domain::settlement::reports::report_name;
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::feed::offline::rows_of;
use bpo_operator::view::made_of::Evidence;
use jiff::Timestamp;

/// When every period of the examples has closed.
pub(crate) const LATER: &str = "2028-12-31T00:00:00Z";

/// The folders of `examples` that hold a contract and the answers of its feeds.
pub(crate) fn folders() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found: Vec<PathBuf> = [examples.clone(), examples.join("regimes")]
        .iter()
        .flat_map(|parent| std::fs::read_dir(parent).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("feeds").is_dir() && folder.join("contract.yaml").is_file())
        .collect();
    found.sort();
    assert!(found.len() > 10, "{found:?}");
    found
}

/// The contract of a folder, and the rows of all its feeds.
fn files(folder: &Path, now: Timestamp) -> (Manifests, RowsByContract) {
    let manifests = manifests::read(&[folder.join("contract.yaml")]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut rows: RowsByContract = BTreeMap::new();
    for file in std::fs::read_dir(folder.join("feeds")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let content = std::fs::read(&file).unwrap();
        let feed_file = FeedFile { contract: None, feed: name.clone(), file };
        let key = contract_of_file(&manifests, &feed_file).unwrap();
        let contract = &manifests.contracts[&key].object.spec;
        let feed = contract.feeds.iter().find(|feed| feed.name == name).unwrap();
        let found = rows_of(feed, &contract.time_zone, &content, now).unwrap();
        rows.entry(key).or_default().insert(name, found.rows.into_iter().collect());
    }
    (manifests, rows)
}

/// What would be in the cluster at `now` by the contract of a folder and all its feeds.
pub(crate) fn judged(folder: &Path, now: &str) -> View {
    let now = now.parse().unwrap();
    let (manifests, rows) = files(folder, now);
    view(&manifests, &rows, now)
}

/// What the figures of all contracts are made of.
#[derive(Default)]
pub(crate) struct Inside {
    /// Of each report, by its name.
    pub reports: BTreeMap<String, ByKpi>,
    /// Of the running period of each contract, by its namespace and name, with the name of the period.
    pub running: BTreeMap<(String, String), (String, ByKpi)>,
}

impl Inside {
    /// What a page of a report is shown with.
    pub(crate) fn of<'i>(&'i self, report: &str, before: Option<&SlaReportSpec>) -> Option<Evidence<'i>> {
        let before = before.map(|spec| report_name(&spec.contract, &spec.period.name, spec.revision));
        Some(Evidence { now: self.reports.get(report)?, before: before.and_then(|name| self.reports.get(&name)) })
    }

    /// The running period of the only contract.
    pub(crate) fn running(&self) -> Option<(&str, &ByKpi)> {
        self.running.values().next().map(|(period, of)| (period.as_str(), of))
    }

    /// The closed periods of reports, in their order.
    pub(crate) fn closed<'i>(&'i self, specs: &[&'i SlaReportSpec]) -> Vec<(&'i str, &'i ByKpi)> {
        let name = |spec: &SlaReportSpec| report_name(&spec.contract, &spec.period.name, spec.revision);
        specs.iter().filter_map(|spec| Some((spec.period.name.as_str(), self.reports.get(&name(spec))?))).collect()
    }
}

/// What the figures are made of that were judged from rows.
pub(crate) fn inside(view: &View, rows: &RowsByContract, now: Timestamp) -> Inside {
    let mut inside = Inside::default();
    for (key, judged) in &view.judged {
        let of_contract =
            |(namespace, _, spec): &&(String, String, SlaReportSpec)| (namespace, &spec.contract) == (&key.0, &key.1);
        let own: Vec<&(String, String, SlaReportSpec)> = view.reports.iter().filter(of_contract).collect();
        let specs: Vec<&SlaReportSpec> = own.iter().map(|(.., spec)| spec).collect();
        let found = break_down_contract(&key.1, &judged.terms, (rows.get(key), None), &specs, (now, now)).unwrap();
        inside.reports.extend(own.iter().map(|(_, name, _)| name.clone()).zip(found.reports));
        inside.running.extend(found.running_period.map(|period| (key.clone(), (period, found.running))));
    }
    inside
}

/// What would be in the cluster, and what its figures are made of.
pub(crate) fn judged_inside(folder: &Path, now: &str) -> (View, Inside) {
    let now = now.parse().unwrap();
    let (manifests, rows) = files(folder, now);
    let view = view(&manifests, &rows, now);
    let inside = inside(&view, &rows, now);
    (view, inside)
}

/// A report with all that is shown beside it.
pub(crate) struct Reported {
    pub name: String,
    pub spec: SlaReportSpec,
    pub terms: Option<Terms>,
}

/// Every report of the examples in which there are rows.
pub(crate) fn reports() -> Vec<Reported> {
    let mut found = Vec::new();
    for folder in folders() {
        let view = judged(&folder, LATER);
        for (namespace, name, spec) in view.reports {
            if spec.kpis.iter().all(|line| line.evidence.rows == 0) {
                continue;
            }
            let terms = view.judged.get(&(namespace, spec.contract.clone())).map(|judged| (*judged.terms).clone());
            found.push(Reported { name, spec, terms });
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}
