//! Manifests as kubectl reads them: files and folders of YAML documents, each with its file and line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::shape::Misfit;
use self::tree::{Content, Node};
use crate::api::scalar::shorten;
use crate::api::schema::custom_resource_definitions;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use crate::domain::decision::conditions::cut;
use crate::domain::terms::spelling::did_you_mean;

mod shape;
mod tree;

/// Where a document is.
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
    /// Its state.
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
        } else if matches!(entry.extension().and_then(|ending| ending.to_str()), Some("yaml" | "yml" | "json")) {
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
    let documents = documents(text);
    if documents.is_empty() {
        let message = "holds no document: write one, such as a VendorContract".to_owned();
        problems.push(Problem { place: Place { file: file.to_owned(), line: 1 }, message });
    }
    for (line, document) in documents {
        let source = Source { file, first_line: line };
        match Node::read(&document) {
            Ok(node) => take(&node, &source, manifests, problems),
            Err((line, words)) => {
                let message = format!("is not YAML: {}", cut(&words, 400));
                problems.push(Problem { place: source.place(line), message });
            }
        }
    }
}

/// Where a document comes from.
struct Source<'a> {
    file: &'a Path,
    first_line: usize,
}

impl Source<'_> {
    /// The place of a line of the document, from 1.
    fn place(&self, line: usize) -> Place {
        Place { file: self.file.to_owned(), line: self.first_line + line.max(1) - 1 }
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

/// Takes in one object, or each object of a `kind: List`. Objects of other groups are left alone.
fn take(node: &Node, source: &Source<'_>, manifests: &mut Manifests, problems: &mut Vec<Problem>) {
    let member = |name: &str| node.field(name).and_then(Node::text).unwrap_or_default();
    let (api_version, kind) = (member("apiVersion"), member("kind"));
    if let (true, Some(Content::List(items))) =
        (kind.ends_with("List"), node.field("items").map(|items| &items.content))
    {
        items.iter().for_each(|item| take(item, source, manifests, problems));
        return;
    }
    if !api_version.starts_with(&format!("{}/", crate::api::GROUP)) {
        return;
    }
    let taken = match kind {
        "VendorContract" => put(&mut manifests.contracts, node, source),
        "KpiTarget" => put(&mut manifests.kpis, node, source),
        "ServiceTier" => put(&mut manifests.tiers, node, source),
        "CampaignLaunch" => put(&mut manifests.launches, node, source),
        "SlaReport" => Ok(()),
        other => {
            let known = ["VendorContract", "ServiceTier", "KpiTarget", "CampaignLaunch"];
            Err(vec![Problem {
                place: source.place(node.line_of(["kind"])),
                message: format!(
                    "kind: {:?} is not a kind of {}{}: write VendorContract, ServiceTier, KpiTarget or CampaignLaunch",
                    shorten(other),
                    crate::api::GROUP,
                    did_you_mean(other, known)
                ),
            }])
        }
    };
    problems.extend(taken.err().into_iter().flatten());
}

fn put<K: Resource<DynamicType = ()> + DeserializeOwned>(
    objects: &mut BTreeMap<(String, String), Written<K>>,
    node: &Node,
    source: &Source<'_>,
) -> Result<(), Vec<Problem>> {
    let kind = K::kind(&()).into_owned();
    let expected = format!("{}/{}", crate::api::GROUP, crate::api::VERSION);
    let place = source.place(node.line);
    if node.field("apiVersion").and_then(Node::text) != Some(expected.as_str()) {
        let line = node.line_of(["apiVersion"]);
        return Err(vec![Problem { place: source.place(line), message: format!("apiVersion: write {expected}") }]);
    }
    let name = node.field("metadata").and_then(|metadata| metadata.field("name")).and_then(Node::text);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        let line = node.line_of(["metadata"]);
        let message = format!("{kind}: metadata.name is missing: write a name, such as acme-care");
        return Err(vec![Problem { place: source.place(line), message }]);
    };
    let misfits = misfits_of(&kind, node);
    if !misfits.is_empty() {
        let problem = |misfit: Misfit| Problem {
            place: source.place(misfit.line),
            message: format!("{kind} {}: {}: {}", shorten(name), misfit.path, misfit.message),
        };
        return Err(misfits.into_iter().map(problem).collect());
    }
    let document = node.value();
    let object: K = serde_path_to_error::deserialize(&document).map_err(|error| {
        let path = error.path().to_string();
        let line = node.line_of(path.split(['.', '[', ']']).filter(|step| !step.is_empty()));
        let message = format!("{kind} {}: {path}: {}", shorten(name), cut(&error.into_inner().to_string(), 400));
        vec![Problem { place: source.place(line), message }]
    })?;
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    if let Some(first) = objects.get(&key) {
        let message = format!("{kind} {} is here and at {}: take one of them away", key.1, first.place);
        return Err(vec![Problem { place, message }]);
    }
    objects.insert(key, Written { object, place, document });
    Ok(())
}

/// What of a document does not fit its kind: its spec, and fields beside it.
fn misfits_of(kind: &str, node: &Node) -> Vec<Misfit> {
    const BESIDE_SPEC: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];
    let nothing = Vec::new();
    let Some(spec) = schemas().get(kind) else { return nothing };
    let mut found = Vec::new();
    for field in node.fields().iter().filter(|field| !BESIDE_SPEC.contains(&field.name.as_str())) {
        if field.name == "spec" {
            found.extend(shape::misfits(spec, "spec", &field.value));
        } else {
            let meant = did_you_mean(&field.name, ["spec"]);
            let message = format!("is not a field that exists{meant}: write what the object says below spec");
            found.push(Misfit { line: field.line, path: shorten(&field.name), message });
        }
    }
    if node.field("spec").is_none() && found.is_empty() {
        let message = "is missing: write what the object says below spec".to_owned();
        found.push(Misfit { line: node.line, path: "spec".to_owned(), message });
    }
    found
}

/// The schema of each kind's spec.
fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let definitions = custom_resource_definitions().unwrap_or_default().into_iter();
        definitions
            .filter_map(|(_, definition)| {
                let kind = definition.pointer("/spec/names/kind")?.as_str()?.to_owned();
                let spec = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")?.clone();
                Some((kind, spec))
            })
            .collect()
    })
}

/// Namespace and name of an object.
pub type Key = (String, String);

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
    fn documents_are_separated_and_other_kinds_left_alone() {
        let text = format!("# a comment\n---\n{TIER}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n");
        let manifests = read_text(&text).unwrap();
        let tier = manifests.tiers.values().next().unwrap();
        assert_eq!((manifests.tiers.len(), tier.place.line), (1, 3));
    }

    #[test]
    fn a_problem_names_its_file_its_line_and_the_remedy() {
        let cases = [
            (format!("{TIER}---\n{TIER}"), 7, "take one of them away"),
            (TIER.replace("ServiceTier", "ServiceTeir"), 2, "write VendorContract, ServiceTier"),
            (TIER.replace("v1alpha1", "v9"), 1, "write bpo-operator.io/v1alpha1"),
            (
                TIER.replace("rank: 1", "rank: first"),
                5,
                "ServiceTier gold: spec.rank: \"first\" is text: write a whole number, such as 1",
            ),
            (TIER.replace("name: gold", ""), 3, "metadata.name is missing"),
            (TIER.replace("  rank", " - rank"), 5, ""),
        ];
        for (text, line, fragment) in cases {
            let problems = read_text(&text).unwrap_err();
            let shown = problems[0].to_string();
            assert!(shown.contains(fragment) && problems[0].place.line == line, "{text}\n{shown}");
        }
    }
}
