//! Manifests as kubectl reads them: files and folders of YAML documents, each told apart by file and line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};

/// Where a document stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its first line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// Something wrong in a manifest: where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file and line.
    pub place: Place,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// An object and where it was written.
#[derive(Clone, Debug)]
pub struct Written<K> {
    /// The object.
    pub object: K,
    /// Where it stands.
    pub place: Place,
    /// The document as it was written.
    pub document: Value,
}

/// All objects of a set of manifests, by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// VendorContracts.
    pub contracts: BTreeMap<(String, String), Written<VendorContract>>,
    /// KpiTargets.
    pub kpis: BTreeMap<(String, String), Written<KpiTarget>>,
    /// ServiceTiers.
    pub tiers: BTreeMap<(String, String), Written<ServiceTier>>,
    /// CampaignLaunches.
    pub launches: BTreeMap<(String, String), Written<CampaignLaunch>>,
    /// Fields that no kind has, misspelt perhaps.
    pub unknown_fields: Vec<Problem>,
}

/// Reads files, folders (their `.yaml`, `.yml` and `.json` files, by name, folders within included) and `-` (standard input).
///
/// Documents of other kinds are left alone.
///
/// # Errors
/// Every problem found, not the first alone.
pub fn read(paths: &[PathBuf]) -> Result<Manifests, Vec<Problem>> {
    let mut manifests = Manifests::default();
    let mut problems = Vec::new();
    let mut found = 0;
    for path in paths {
        match files_of(path) {
            Ok(files) => {
                for file in files {
                    found += 1;
                    read_file(&file, &mut manifests, &mut problems);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if found == 0 && problems.is_empty() {
        let file = paths.first().cloned().unwrap_or_default();
        problems.push(Problem {
            place: Place { file, line: 1 },
            message: "no manifest here: name a .yaml, .yml or .json file, or a folder that holds one".to_owned(),
        });
    }
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |error: std::io::Error| Problem {
        place: Place { file: path.to_owned(), line: 1 },
        message: format!("cannot be read: {error}"),
    };
    if path.as_os_str() == "-" || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            files.extend(files_of(&entry)?);
        } else if matches!(entry.extension().and_then(|ending| ending.to_str()), Some("yaml" | "yml")) {
            files.push(entry);
        }
    }
    Ok(files)
}

fn read_file(file: &Path, manifests: &mut Manifests, problems: &mut Vec<Problem>) {
    let text =
        if file.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    match text {
        Ok(text) => take_all(&text, file, manifests, problems),
        Err(error) => problems.push(Problem {
            place: Place { file: file.to_owned(), line: 1 },
            message: format!("cannot be read: {error}"),
        }),
    }
}

/// Reads manifests from a text; `file` is the name by which problems call it.
///
/// # Errors
/// Every problem found, not the first alone.
pub(super) fn parse(text: &str, file: &Path) -> Result<Manifests, Vec<Problem>> {
    let (mut manifests, mut problems) = (Manifests::default(), Vec::new());
    take_all(text, file, &mut manifests, &mut problems);
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn take_all(text: &str, file: &Path, manifests: &mut Manifests, problems: &mut Vec<Problem>) {
    for (line, document) in documents(text) {
        let place = Place { file: file.to_owned(), line };
        if let Err(found) = take(&document, place, manifests) {
            problems.extend(found);
        }
    }
}

/// The documents of a text, each with its first line, from 1.
fn documents(text: &str) -> Vec<(usize, String)> {
    let mut documents = Vec::new();
    let mut current = String::new();
    let mut first = 1;
    for (index, line) in text.lines().enumerate() {
        if line == "---" || line.starts_with("--- ") {
            documents.push((first, std::mem::take(&mut current)));
            first = index + 2;
        } else {
            current.push_str(line);
            current.push('\n');
        }
    }
    documents.push((first, current));
    let has_content =
        |text: &str| text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    documents.into_iter().filter(|(_, text)| has_content(text)).collect()
}

fn take(text: &str, place: Place, manifests: &mut Manifests) -> Result<(), Vec<Problem>> {
    let document: Value = serde_saphyr::from_str(text).map_err(|error| vec![problem_of(&error, &place, "")])?;
    let member = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if !member("apiVersion").starts_with(&format!("{}/", crate::api::GROUP)) {
        return Ok(());
    }
    let kind = member("kind");
    match kind.as_str() {
        "VendorContract" => put(&mut manifests.contracts, text, document, place, &mut manifests.unknown_fields),
        "KpiTarget" => put(&mut manifests.kpis, text, document, place, &mut manifests.unknown_fields),
        "ServiceTier" => put(&mut manifests.tiers, text, document, place, &mut manifests.unknown_fields),
        "CampaignLaunch" => put(&mut manifests.launches, text, document, place, &mut manifests.unknown_fields),
        "SlaReport" => Ok(()),
        other => Err(vec![Problem {
            place,
            message: format!(
                "kind: {:?} is no kind of {}: write VendorContract, ServiceTier, KpiTarget or CampaignLaunch",
                crate::api::scalar::shorten(other),
                crate::api::GROUP
            ),
        }]),
    }
}

fn put<K: Resource<DynamicType = ()> + DeserializeOwned>(
    objects: &mut BTreeMap<(String, String), Written<K>>,
    text: &str,
    document: Value,
    place: Place,
    unknown_fields: &mut Vec<Problem>,
) -> Result<(), Vec<Problem>> {
    let kind = K::kind(&()).into_owned();
    let expected = format!("{}/{}", crate::api::GROUP, crate::api::VERSION);
    if document.get("apiVersion").and_then(Value::as_str) != Some(expected.as_str()) {
        let message = format!("apiVersion: write {expected}");
        return Err(vec![Problem { place, message }]);
    }
    // Read from the text once more, so that an error tells its line.
    let object: K = serde_saphyr::from_str(text).map_err(|error| {
        let mut problem = problem_of(&error, &place, &kind);
        // The document once more, for the path of the field and the words that stand there.
        if let Err(error) = serde_path_to_error::deserialize::<_, K>(&document) {
            let words = format!("{kind}: {}: {}", error.path(), error.inner());
            problem.message = crate::domain::decision::conditions::cut(&words, 400);
        }
        vec![problem]
    })?;
    if object.name_any().is_empty() {
        return Err(vec![Problem {
            place,
            message: format!("{kind}: metadata.name is missing: give the object a name"),
        }]);
    }
    let mut ignored = Vec::new();
    // The document was decoded above; this second pass only listens to what no field takes.
    let _: Result<K, _> = serde_ignored::deserialize(&document, |path| ignored.push(path.to_string()));
    for path in ignored
        .into_iter()
        .filter(|path| !path.starts_with("metadata.") && !matches!(path.as_str(), "apiVersion" | "kind"))
    {
        let message = format!("{kind} {}: {path} is no field of this kind; it would have no effect", object.name_any());
        unknown_fields.push(Problem { place: place.clone(), message });
    }
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    if let Some(first) = objects.get(&key) {
        let message = format!("{kind} {} stands twice: here and at {}; take one away", key.1, first.place);
        return Err(vec![Problem { place, message }]);
    }
    objects.insert(key, Written { object, place, document });
    Ok(())
}

fn problem_of(error: &serde_saphyr::Error, place: &Place, kind: &str) -> Problem {
    let line = error.location().map_or(0, |location| usize::try_from(location.line()).unwrap_or(1).saturating_sub(1));
    let place = Place { file: place.file.clone(), line: place.line + line };
    let text = error.without_snippet().to_string();
    let subject = if kind.is_empty() { String::new() } else { format!("{kind}: ") };
    Problem { place, message: format!("{subject}{}", crate::domain::decision::conditions::cut(&text, 400)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Manifests, Vec<Problem>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, text).unwrap();
        read(&[file])
    }

    const TIER: &str =
        "apiVersion: bpo-operator.io/v1alpha1\nkind: ServiceTier\nmetadata: {name: gold}\nspec:\n  rank: 1\n";

    #[test]
    fn documents_are_told_apart_and_other_kinds_left_alone() {
        let text = format!("# a comment\n---\n{TIER}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n");
        let manifests = read_text(&text).unwrap();
        let tier = manifests.tiers.values().next().unwrap();
        assert_eq!((manifests.tiers.len(), tier.place.line), (1, 3));
    }

    #[test]
    fn a_problem_tells_its_file_its_line_and_the_remedy() {
        let cases = [
            (format!("{TIER}---\n{TIER}"), 7, "stands twice"),
            (TIER.replace("ServiceTier", "ServiceTeir"), 1, "write VendorContract, ServiceTier"),
            (TIER.replace("v1alpha1", "v9"), 1, "write bpo-operator.io/v1alpha1"),
            (TIER.replace("rank: 1", "rank: first"), 5, "spec.rank: invalid type: string \"first\""),
            (TIER.replace("name: gold", ""), 1, "metadata.name is missing"),
            (TIER.replace("  rank", " - rank"), 5, ""),
        ];
        for (text, line, fragment) in cases {
            let problems = read_text(&text).unwrap_err();
            let shown = problems[0].to_string();
            assert!(shown.contains(fragment) && problems[0].place.line == line, "{text}\n{shown}");
        }
    }

    #[test]
    fn a_misspelt_field_is_told() {
        let manifests = read_text(&format!("{TIER}  rnak: 2\n")).unwrap();
        assert!(manifests.unknown_fields[0].message.contains("spec.rnak"), "{:?}", manifests.unknown_fields);
    }
}
