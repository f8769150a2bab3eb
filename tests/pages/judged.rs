//! Examples with the files of their feeds, judged without a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpo_operator::api::SlaReportSpec;
use bpo_operator::cli::evaluate::{FeedFile, RowsByContract, View, contract_of_file, view};
use bpo_operator::cli::manifests;
use bpo_operator::domain::terms::contract_terms::Terms;
use bpo_operator::feed::offline::rows_of;

/// When every period of the examples has closed.
pub const LATER: &str = "2028-12-31T00:00:00Z";

/// The folders of `examples` that hold a contract and the answers of its feeds.
pub fn folders() -> Vec<PathBuf> {
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

/// What would be in the cluster at `now` by the contract of a folder and all its feeds.
pub fn judged(folder: &Path, now: &str) -> View {
    let manifests = manifests::read(&[folder.join("contract.yaml")]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut rows: RowsByContract = BTreeMap::new();
    for file in std::fs::read_dir(folder.join("feeds")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let content = std::fs::read(&file).unwrap();
        let feed_file = FeedFile { contract: None, feed: name.clone(), file };
        let key = contract_of_file(&manifests, &feed_file).unwrap();
        let contract = &manifests.contracts[&key].object.spec;
        let feed = contract.feeds.iter().find(|feed| feed.name == name).unwrap();
        let found = rows_of(feed, &contract.time_zone, &content, now.parse().unwrap()).unwrap();
        rows.entry(key).or_default().insert(name, found.rows.into_iter().collect());
    }
    view(&manifests, &rows, now.parse().unwrap())
}

/// A report with all that is shown beside it.
pub struct Reported {
    pub name: String,
    pub spec: SlaReportSpec,
    pub terms: Option<Terms>,
}

/// Every report of the examples in which there are rows.
pub fn reports() -> Vec<Reported> {
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
