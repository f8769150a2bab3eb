//! The documents: every link and anchor resolves, every YAML parses, every manifest is accepted, and the book has every page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use clap::CommandFactory;
use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents, by their paths in the repository, with their texts.
pub(crate) fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![repository().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_made = ["target", ".git", "fuzz", "node_modules"].contains(&name.as_str());
            if path.is_dir() && !is_made {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(repository()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(found.len() > 60, "{} documents are too few to prove anything", found.len());
    found
}

/// The lines of a text that are not in a block of code, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((number + 1, line))
    })
}

/// A line without the parts in backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links of a line lead.
fn links(line: &str) -> Vec<String> {
    let plain = without_code(line);
    let targets = plain.split("](").skip(1);
    targets.filter_map(|rest| Some(rest.split([')', ' ']).next()?.trim_matches(['<', '>']).to_owned())).collect()
}

/// The anchor of a heading, as GitHub and mdBook make it: letters and digits in lower case, spaces as hyphens, and nothing else.
fn anchor(heading: &str) -> String {
    let text: String = heading
        .replace("](", "\u{0}")
        .split('\u{0}')
        .enumerate()
        .map(|(index, part)| {
            // Of a link its text counts.
            if index == 0 {
                part.to_owned()
            } else {
                part.split_once(')').map_or(String::new(), |(_, rest)| rest.to_owned())
            }
        })
        .collect();
    let kept = text.trim().chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>().to_lowercase()
}

/// The anchors of a document. A heading that comes a second time gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| line.trim_start_matches('#'));
    headings
        .map(|heading| {
            let plain = anchor(heading);
            let before = seen.entry(plain.clone()).or_default();
            *before += 1;
            if *before == 1 { plain } else { format!("{plain}-{}", *before - 1) }
        })
        .collect()
}

/// A path without `.` and `..`; `None`: it leads out of the repository.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => parts.pop().then_some(())?,
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    Some(parts)
}

/// What is wrong with a link of a document; `None`: nothing.
fn fault(documents: &BTreeMap<PathBuf, String>, from: &Path, link: &str) -> Option<String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (file, wanted) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { from.to_owned() } else { from.parent()?.join(file) };
    let Some(target) = resolved(&target) else { return Some("leads out of the repository".to_owned()) };
    if !repository().join(&target).exists() {
        return Some("leads to no file".to_owned());
    }
    let wanted = wanted?;
    let known = documents.get(&target).map(|text| anchors(text)).unwrap_or_default();
    (!known.contains(wanted)).then(|| format!("there is no such heading in {}", target.display()))
}

#[test]
fn each_link_leads_to_a_file_and_each_anchor_to_a_heading() {
    let documents = documents();
    let mut count = 0;
    let mut faults = Vec::new();
    for (path, text) in &documents {
        for (number, link) in
            prose(text).flat_map(|(number, line)| links(line).into_iter().map(move |link| (number, link)))
        {
            count += 1;
            if let Some(fault) = fault(&documents, path, &link) {
                faults.push(format!("{}:{number}: ({link}) {fault}", path.display()));
            }
        }
    }
    assert!(count > 120, "{count} links are too few to prove anything");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_to_nothing_is_found() {
    let documents =
        BTreeMap::from([(PathBuf::from("docs/backup.md"), "# A page\n\n## After `this`, that\n".to_owned())]);
    let from = Path::new("docs/backup.md");
    let cases = [
        ("#after-this-that", true),
        ("backup.md#a-page", true),
        ("../README.md", true),
        ("https://nowhere.example", true),
        ("#after-that", false),
        ("nothing.md", false),
        ("../../outside.md", false),
    ];
    for (link, is_whole) in cases {
        assert_eq!(fault(&documents, from, link).is_none(), is_whole, "{link}: {:?}", fault(&documents, from, link));
    }
    assert_eq!(links("see [one](a.md), `[no](b.md)` and [two](c.md#d \"x\")"), ["a.md", "c.md#d"]);
}

/// The YAML blocks of a text, each with the line on which it begins, without the indent that its fence has.
fn yaml_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut indent: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        match indent {
            None if bare.starts_with("```yaml") || bare.starts_with("```yml") => {
                indent = Some(line.len() - bare.len());
                blocks.push((number + 2, String::new()));
            }
            Some(_) if bare.starts_with("```") => indent = None,
            Some(spaces) => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line.get(spaces..).unwrap_or_default());
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// What `kubectl bpo lint` says of manifests: its exit code and its output.
fn lint(manifests: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["lint", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifests.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), text)
}

#[test]
fn each_yaml_block_parses_and_the_manifests_of_a_page_are_accepted() {
    let (mut blocks, mut pages) = (0, 0);
    for (path, text) in documents() {
        let mut manifests = String::new();
        for (line, block) in yaml_blocks(&text) {
            blocks += 1;
            let parsed = serde_saphyr::from_multiple::<Value>(&block);
            let parsed = parsed.unwrap_or_else(|error| panic!("{}:{line}: {error}", path.display()));
            let is_ours =
                |value: &Value| value["apiVersion"].as_str().is_some_and(|text| text.starts_with("bpo-operator.io/"));
            if parsed.iter().any(is_ours) {
                manifests.push_str(&format!("---\n{block}"));
            }
        }
        if !manifests.is_empty() {
            pages += 1;
            let (code, said) = lint(&manifests);
            assert!(code == 0 && said.contains(" 0 errors, "), "{}:\n{said}", path.display());
        }
    }
    assert!(blocks > 80 && pages > 0, "{blocks} blocks and {pages} pages with manifests are too few to prove anything");
}

/// A feed of the documents as a contract with nothing else: what a block about a part of it leaves out is filled in.
fn contract_of(name: &str, mut feeds: Vec<Value>) -> Value {
    for feed in &mut feeds {
        fill_secrets(feed);
        let feed = feed.as_object_mut().unwrap();
        feed.entry("name").or_insert_with(|| "stub".into());
        if !["url", "job", "inbox"].iter().any(|way| feed.contains_key(*way)) {
            feed.insert("url".to_owned(), "https://feeds.acme.example/v1".into());
        }
    }
    serde_json::json!({
        "apiVersion": "bpo-operator.io/v1alpha1",
        "kind": "VendorContract",
        "metadata": {"name": name},
        "spec": {"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": feeds},
    })
}

/// Writes a key of a Secret in place of the dots that stand for one.
fn fill_secrets(value: &mut Value) {
    let members = value.as_object_mut().into_iter().flatten();
    for (name, member) in members {
        if name.ends_with("SecretRef") && member.get("…").is_some() {
            *member = serde_json::json!({"name": "stub", "key": "stub"});
        }
        fill_secrets(member);
    }
    value.as_array_mut().into_iter().flatten().for_each(fill_secrets);
}

/// The feeds of a block: a list of them, those of a key `feeds`, or one of which it shows all or a part.
fn feeds_of(block: Value) -> Vec<Value> {
    match block {
        Value::Array(feeds) => feeds,
        mut feed => match feed.get_mut("feeds").map(Value::take) {
            Some(feeds) => feeds_of(feeds),
            None => vec![feed],
        },
    }
}

/// The feeds that a document shows, each block as a contract that is named by its line.
fn feeds_as_contracts(text: &str) -> Vec<Value> {
    let is_object = |value: &Value| value["apiVersion"].is_string();
    let blocks = yaml_blocks(text).into_iter().filter_map(|(line, block)| {
        let parsed = serde_saphyr::from_multiple::<Value>(&block).unwrap();
        (!parsed.iter().any(is_object)).then_some((line, parsed))
    });
    blocks
        .map(|(line, parsed)| contract_of(&format!("line-{line}"), parsed.into_iter().flat_map(feeds_of).collect()))
        .collect()
}

#[test]
fn each_feed_of_the_pages_on_feeds_and_platforms_is_accepted() {
    let mut count = 0;
    for (path, text) in documents() {
        if path != Path::new("docs/feeds.md") && !path.starts_with("docs/platforms") {
            continue;
        }
        let contracts = feeds_as_contracts(&text);
        count += contracts.len();
        if contracts.is_empty() {
            continue;
        }
        let manifests: String = contracts.iter().map(|contract| format!("---\n{contract}\n")).collect();
        let (code, said) = lint(&manifests);
        assert!(code == 0 && said.contains(" 0 errors, "), "{}:\n{said}", path.display());
    }
    assert!(count > 45, "{count} feeds are too few to prove anything");
    let wrong = "```yaml\n- {name: a, url: 'https://a.example', request: {pending: [404], jsn: '{}'}}\n```\n";
    let (code, said) = lint(&feeds_as_contracts(wrong)[0].to_string());
    assert!(code == 2 && said.contains("jsn"), "{said}");
}

#[test]
fn the_book_has_every_page_once_and_leads_to_no_page_that_it_lacks() {
    let documents = documents();
    let summary = fs::read_to_string(repository().join("SUMMARY.md")).unwrap();
    let listed: Vec<PathBuf> = summary.lines().flat_map(links).map(PathBuf::from).collect();
    let set: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(set.len(), listed.len(), "a page is listed twice");
    let lacks: Vec<&PathBuf> =
        documents.keys().filter(|path| path.starts_with("docs") && !set.contains(path)).collect();
    assert!(lacks.is_empty(), "SUMMARY.md lacks {lacks:?}");
    let mut faults = Vec::new();
    for path in &listed {
        let text =
            documents.get(path).unwrap_or_else(|| panic!("SUMMARY.md lists {}, which is not there", path.display()));
        for link in prose(text).flat_map(|(_, line)| links(line)) {
            let file = link.split('#').next().unwrap();
            let Some(target) = resolved(&path.parent().unwrap().join(file)) else { continue };
            // Other files are copied into the book as they are.
            if target.extension().is_some_and(|ending| ending == "md")
                && documents.contains_key(&target)
                && !set.contains(&target)
            {
                faults.push(format!("{}: ({link}) is not a page of the book", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The commands of our programs in a text: in blocks of code and in backquotes, each as words, with the line on which it begins.
pub(crate) fn our_commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let joined = text.replace("\\\n", "  ");
    for (number, line) in joined.lines().enumerate() {
        let spans: Vec<&str> =
            if line.contains('`') { line.split('`').skip(1).step_by(2).collect() } else { vec![line] };
        for span in spans {
            let span = span.trim_start().trim_start_matches("$ ");
            // From the sources it is the same command.
            let from_sources =
                span.strip_prefix("cargo run ").and_then(|rest| rest.split_once("--bin kubectl-bpo -- "));
            let named = from_sources.map(|(_, words)| format!("kubectl bpo {words}"));
            let span = named.as_deref().unwrap_or(span);
            let ours = ["kubectl bpo ", "bpo-operator run "].into_iter().find(|name| span.starts_with(name));
            let Some(name) = ours else { continue };
            let end = [" | ", " > ", " && ", " &", "; ", " #"].iter().filter_map(|end| span.find(end)).min();
            let words = span.get(..end.unwrap_or(span.len())).unwrap();
            let program = name.trim_end().trim_end_matches(" run").to_owned();
            let rest = words.trim_start_matches("kubectl bpo").trim_start_matches("bpo-operator");
            let words = std::iter::once(program).chain(rest.split_whitespace().map(str::to_owned));
            found.push((number + 1, words.collect()));
        }
    }
    found
}

/// What is wrong with a command: a word that is not a command, or a flag that the command lacks.
pub(crate) fn fault_of_command(words: &[String]) -> Option<String> {
    let (program, words) = words.split_first()?;
    let mut command = match program.as_str() {
        "kubectl bpo" => bpo_operator::cli::plugin::Cli::command(),
        _ => bpo_operator::cli::operator::Cli::command(),
    };
    let mut flags = vec!["--help".to_owned(), "--version".to_owned(), "-h".to_owned(), "-V".to_owned()];
    for word in words {
        if let Some(inner) = command.find_subcommand(word).cloned() {
            command = inner;
        } else if command.has_subcommands() && word.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            return Some(format!("{word} is not a command"));
        } else if word.starts_with('-') && word.len() > 1 {
            let known = command.get_arguments().flat_map(|argument| {
                let long = argument.get_long_and_visible_aliases().unwrap_or_default();
                let short = argument.get_short().map(|short| format!("-{short}"));
                long.into_iter().map(|long| format!("--{long}")).chain(short)
            });
            flags.extend(known);
            let flag = word.split('=').next().unwrap_or_default();
            if !flags.iter().any(|known| known == flag) {
                return Some(format!("there is no flag {flag}"));
            }
        }
    }
    None
}

#[test]
fn each_command_of_ours_exists_with_its_flags() {
    let mut count = 0;
    let mut faults = Vec::new();
    for (path, text) in documents() {
        for (line, words) in our_commands(&text) {
            count += 1;
            if let Some(fault) = fault_of_command(&words) {
                faults.push(format!("{}:{line}: {}: {fault}", path.display(), words.join(" ")));
            }
        }
    }
    assert!(count > 100, "{count} commands are too few to prove anything");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (text, is_whole) in [
        ("kubectl bpo verify --data-dir x", true),
        ("kubectl bpo feed fetch care --wait 3", true),
        ("cargo run --bin kubectl-bpo -- report care --period 2026-02", true),
        ("cargo run --release --bin kubectl-bpo -- reprot care", false),
        ("kubectl bpo verfy", false),
        ("kubectl bpo verify --data-folder x", false),
    ] {
        let words = our_commands(text).remove(0).1;
        assert_eq!(fault_of_command(&words).is_none(), is_whole, "{text}");
    }
}
