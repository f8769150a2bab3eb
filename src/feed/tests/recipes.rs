//! Recipes of `docs/platforms`: each reads a sample answer into exactly the rows that were computed by hand. Both are read when the test
//! runs, so that a recipe cannot differ from what is tested.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::api::feed::Feed;
use crate::domain::terms::json_path::{self, Work};
use crate::evidence::IncomingRow;
use crate::feed::offline::checked_rows;
use crate::feed::time_window::Window;

/// Platforms whose samples are driven through the fetcher, against a server that checks each request.
const DRIVEN: [&str; 11] = [
    "amazon-connect",
    "azure-blob-storage",
    "cisco-uccx",
    "genesys-cloud",
    "google-cloud-storage",
    "nice-cxone",
    "postgrest",
    "qualtrics",
    "s3-connect-reports",
    "sftp",
    "webex-contact-center",
];

/// The platforms whose interfaces were surveyed, each with its recipes. Those of other platforms come on top.
const SURVEYED: [(&str, &[&str]); 38] = [
    ("8x8", &[]),
    ("Aircall", &["aircall"]),
    ("Amazon Connect", &["amazon-connect"]),
    ("Amazon Connect, scheduled reports", &["s3-connect-reports"]),
    ("Asterisk", &["asterisk"]),
    ("Avaya CMS", &["avaya-cms"]),
    ("BigQuery", &["bigquery"]),
    ("Cisco Unified CCX", &["cisco-uccx"]),
    ("CxEngage", &[]),
    ("Dialpad", &[]),
    ("Dynamics 365", &[]),
    ("File drops", &["azure-blob-storage", "google-cloud-storage", "sftp"]),
    ("Five9", &["five9"]),
    ("Freshdesk", &["freshdesk"]),
    ("FusionPBX", &[]),
    ("Genesys Cloud", &["genesys-cloud"]),
    ("Google Sheets", &["google-sheets"]),
    ("HubSpot", &[]),
    ("Intercom", &[]),
    ("Medallia", &[]),
    ("NICE CXone", &["nice-cxone"]),
    ("Qualtrics", &["qualtrics"]),
    ("RingCentral", &[]),
    ("RingCX", &[]),
    ("Salesforce", &["salesforce"]),
    ("Sinch Contact Center", &[]),
    ("Snowflake", &["snowflake"]),
    ("SurveyMonkey", &["surveymonkey"]),
    ("Talkdesk", &[]),
    ("Twilio Flex Insights", &[]),
    ("Twilio TaskRouter", &["twilio"]),
    ("VICIdial", &[]),
    ("Voximplant", &[]),
    ("Webex Contact Center", &["webex-contact-center"]),
    ("WFM files", &[]),
    ("Zendesk Support", &["zendesk-support"]),
    ("Zendesk Talk", &["zendesk-talk"]),
    ("Zoom Contact Center", &[]),
];

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The recipes by name, with their text.
fn recipes() -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder("docs/platforms")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<(String, String)> = files
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .filter(|(name, _)| name != "README")
        .collect();
    found.sort();
    found
}

/// The feed of a recipe.
pub(super) fn feed_of(name: &str) -> Feed {
    let (_, text) = recipes().into_iter().find(|(known, _)| known == name).unwrap();
    serde_json::from_value(blocks(&text).1).unwrap()
}

/// The YAML blocks of a recipe: the Secret and the feed.
fn blocks(text: &str) -> (Value, Value) {
    let blocks: Vec<Value> = text
        .split("```yaml\n")
        .skip(1)
        .map(|block| serde_saphyr::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    let [secret, feed] = blocks.as_slice() else { panic!("not a Secret and a feed") };
    (secret.clone(), feed.clone())
}

fn shown(row: &IncomingRow) -> String {
    let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(",") };
    let measures: Vec<String> =
        row.measures.iter().map(|(name, value)| format!("{name} {}", value.normalize())).collect();
    format!("{} {} {labels}: {}", row.start, row.end, measures.join(", "))
}

#[test]
fn at_least_twenty_of_the_surveyed_platforms_have_a_recipe_and_the_documents_count_them() {
    let recipes = recipes();
    let is_there = |name: &&str| recipes.iter().any(|(known, _)| known == name);
    for (platform, names) in SURVEYED {
        assert!(names.iter().all(is_there), "{platform}: {names:?}");
    }
    let with_recipe = SURVEYED.iter().filter(|(_, names)| !names.is_empty()).count();
    assert!(with_recipe >= 20, "{with_recipe} of {}", SURVEYED.len());
    for (file, counted) in [
        ("README.md", format!("recipes for {} of them", recipes.len())),
        ("CHANGELOG.md", format!("recipes for {} platforms", recipes.len())),
    ] {
        let text = std::fs::read_to_string(folder(file)).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(&counted), "{file} does not say {counted:?}");
    }
}

#[test]
fn pages_of_zendesk_support_end_where_the_stream_ends_though_an_address_is_there() {
    let next_url = feed_of("zendesk-support").pagination.unwrap().next_url.unwrap().path;
    let path = json_path::parse(&next_url).unwrap();
    assert_eq!(path.excess(), None);
    let sample = std::fs::read(folder("tests/data/recipes/zendesk-support.json")).unwrap();
    let mut page: Value = serde_json::from_slice(&sample).unwrap();
    let next = |page: &Value| -> Vec<Value> {
        path.find(page, &Work::of_a_page(), 2).unwrap().into_iter().map(|found| found.value.clone()).collect()
    };
    assert_eq!(next(&page), Vec::<Value>::new());
    page["end_of_stream"] = false.into();
    assert_eq!(next(&page), [page["after_url"].clone()]);
}

#[test]
fn every_recipe_says_what_whoever_uses_it_must_know() {
    let recipes = recipes();
    let index = std::fs::read_to_string(folder("docs/platforms/README.md")).unwrap();
    for (name, text) in &recipes {
        for part in
            ["Tested:", "Not tested:", "**Switch on:**", "**Counts.**", "**Limits.**", "**Pitfalls.**", "**Check:**"]
        {
            assert!(text.contains(part), "{name} has no {part}");
        }
        assert!(index.contains(&format!("({name}.md)")), "{name} is not in the index");
    }
}

/// The rows of the index that name a recipe: its name, how it works, what is tested.
fn index() -> Vec<(String, String, String)> {
    let index = std::fs::read_to_string(folder("docs/platforms/README.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let (link, works, tested) = (cells.next()?, cells.next()?, cells.next()?);
        link.starts_with('[').then(|| (link.to_owned(), works.to_owned(), tested.to_owned()))
    };
    index.lines().filter_map(row).collect()
}

#[test]
fn the_index_says_of_each_recipe_what_is_tested_and_the_readme_shows_it() {
    let samples = folder("tests/data/recipes");
    let mut table = String::from("| platform | works by | tested |\n|---|---|---|\n");
    let rows = index();
    for (link, works, tested) in &rows {
        let name = link.split_once('(').and_then(|(_, file)| file.strip_suffix(".md)")).unwrap();
        let expected = if DRIVEN.contains(&name) { "server" } else { "mapping" };
        assert_eq!(tested, expected, "{name}");
        assert!(expected == "server" || samples.join(format!("{name}.rows")).exists(), "{name} has no rows");
        table += &format!("| {} | {works} | {tested} |\n", link.replace('(', "(docs/platforms/"));
    }
    assert_eq!(rows.len(), recipes().len(), "each recipe is in the index once");
    let path = folder("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    const MARK: &str = "<!-- made from docs/platforms/README.md: BPO_UPDATE=1 cargo test --lib recipes -->\n\n";
    let (before, after) = readme.split_once(MARK).expect("README.md has the mark of the table of platforms");
    let end = after.find("No recipe").unwrap();
    let expected = format!("{before}{MARK}{table}\n{}", &after[end..]);
    if std::env::var_os("BPO_UPDATE").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(readme == expected, "README.md shows another table: BPO_UPDATE=1 cargo test --lib recipes writes it");
    }
}

#[test]
fn every_recipe_reads_its_sample_answer_into_exactly_the_rows_that_were_computed_by_hand() {
    let samples: Vec<PathBuf> =
        std::fs::read_dir(folder("tests/data/recipes")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let has_rows = |name: &str| folder(&format!("tests/data/recipes/{name}.rows")).exists();
    let is_mapped = |name: &str| !DRIVEN.contains(&name) || has_rows(name);
    for (name, text) in recipes().into_iter().filter(|(name, _)| is_mapped(name)) {
        let is_sample = |path: &&PathBuf| {
            path.file_stem().is_some_and(|stem| stem == name.as_str())
                && path.extension().is_some_and(|one| one != "rows")
        };
        let sample = samples.iter().find(is_sample).unwrap_or_else(|| panic!("{name} has no sample"));
        let expected = std::fs::read_to_string(folder(&format!("tests/data/recipes/{name}.rows"))).unwrap();
        let (head, rows) = expected.split_once('\n').unwrap();
        let [_, since, until, zone] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{name}: {head}") };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Window { since: at(since), until: at(until) };
        let feed: Feed = serde_json::from_value(blocks(&text).1).unwrap();
        let now = window.until + SignedDuration::from_hours(24);
        let found = checked_rows(&feed, zone, &std::fs::read(sample).unwrap(), Some(window), now)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.rejected, [], "{name}");
        // Slots about which the sample says nothing are quiet where the recipe says so, and are not written down.
        let is_quiet = |row: &IncomingRow| feed.quiet.is_some() && row.measures.values().all(|value| value.is_zero());
        let mut found: Vec<String> = found.rows.iter().filter(|row| !is_quiet(row)).map(shown).collect();
        found.sort();
        let expected: Vec<String> = rows.lines().map(str::to_owned).collect();
        assert_eq!(found, expected, "{name}");
    }
}
