//! The page for vendors matches the program: the program accepts the page's answers, and the page shows what the program prints.
//!
//! With `BPO_UPDATE=1` the page is brought up to date instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use bpo_operator::api::feed::Feed;
use bpo_operator::feed::inspection::{Expectations, Finding, inspect, read_file};
use testkit::vendor;
use vendor::{Dataset, INTERVALS, VendorServer};

/// Where the page's own server listens.
const SHOWN_ADDRESS: &str = "127.0.0.1:8080";
const TOKEN: &str = "a-token-of-the-page";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/feeds-for-vendors.md")
}

/// Fails where the page says something else, unless it is to be brought up to date.
fn hold_page_to(right: &str) {
    let written = std::fs::read_to_string(page()).unwrap();
    if std::env::var_os("BPO_UPDATE").is_some() {
        std::fs::write(page(), right).unwrap();
        return;
    }
    for (number, (written, right)) in written.lines().zip(right.lines()).enumerate() {
        assert_eq!(written, right, "line {} of the page; BPO_UPDATE=1 brings it up to date", number + 1);
    }
    assert_eq!(written, right, "BPO_UPDATE=1 brings the page up to date");
}

/// The file name between backquotes that ends with `.json`.
fn file_name(line: &str) -> Option<&str> {
    line.split('`').find(|word| word.ends_with(".json"))
}

/// Runs a command of the page in a folder, on a server of this test.
fn run(command: &str, folder: &Path, server: &VendorServer) -> String {
    let address = server.address().to_string();
    let words = command.replace('\\', " ").replace(SHOWN_ADDRESS, &address);
    let arguments = words.split_whitespace().skip(2);
    let program = env!("CARGO_BIN_EXE_kubectl-bpo");
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.stderr, b"", "{command}");
    String::from_utf8(output.stdout).unwrap().replace(&address, SHOWN_ADDRESS)
}

/// The page with what its commands really print, on the files that it shows.
fn with_real_outputs(text: &str, folder: &Path, server: &VendorServer) -> (String, usize) {
    let (mut right, mut named, mut commands) = (String::new(), String::new(), 0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        right += &format!("{line}\n");
        if let Some(name) = file_name(line) {
            name.clone_into(&mut named);
        }
        if line != "```json" && line != "```console" {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if line == "```json" {
            std::fs::write(folder.join(&named), block.join("\n")).unwrap();
            right += &format!("{}\n```\n", block.join("\n"));
            continue;
        }
        let ends = block.iter().position(|line| !line.ends_with('\\')).unwrap();
        let command = block[..=ends].join("\n");
        right += &format!("{command}\n{}```\n", run(command.strip_prefix("$ ").unwrap(), folder, server));
        commands += 1;
    }
    (right, commands)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outputs_of_the_page_are_those_of_the_program_on_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.txt"), TOKEN).unwrap();
    let server = VendorServer::start(Dataset::story().with_token(TOKEN)).await.unwrap();
    assert_eq!(server.url(INTERVALS), format!("http://{}/v1/intervals", server.address()));
    let text = std::fs::read_to_string(page()).unwrap();
    let (right, commands) = with_real_outputs(&text, folder.path(), &server);
    assert_eq!(commands, 2);
    assert!(!right.contains(TOKEN));
    assert!(run("kubectl bpo feed check right.json", folder.path(), &server).contains("takes all of it."));
    hold_page_to(&right);
}

/// The only finding on a row that has a mistake.
fn only_finding(fragment: &str) -> Finding {
    let is_field = ["\"start\"", "\"end\"", "\"labels\""].iter().any(|field| fragment.starts_with(field));
    let mut fields = if is_field {
        vec![fragment.to_owned(), r#""measures":{"offered":1}"#.to_owned()]
    } else {
        vec![format!(r#""measures":{{{fragment}}}"#)]
    };
    for (field, value) in [("\"start\"", "2026-01-05T09:00:00Z"), ("\"end\"", "2026-01-05T09:30:00Z")] {
        if !fragment.starts_with(field) {
            fields.push(format!("{field}:\"{value}\""));
        }
    }
    let body = format!(r#"{{"schema":"bpo-feed/v1","rows":[{{{}}}],"next":null}}"#, fields.join(","));
    let feed: Feed = serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/v1"}"#).unwrap();
    let answers = read_file(&feed, "UTC", body.as_bytes()).unwrap();
    let now = "2026-01-06T00:00:00Z".parse().unwrap();
    let mut findings = inspect(&answers, Expectations { feed: &feed, now, up_to_now: false }).findings;
    assert_eq!(findings.len(), 1, "{body}: {findings:?}");
    findings.remove(0)
}

#[test]
fn each_mistake_of_the_page_gets_the_words_that_stand_beside_it() {
    let text = std::fs::read_to_string(page()).unwrap();
    let (mut right, mut mistakes) = (String::new(), 0);
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Some(written) = line.strip_prefix("| `").and_then(|rest| rest.split("` | ").next()) else {
            right += &format!("{line}\n");
            continue;
        };
        let finding = only_finding(written);
        let (rule, said) = cells[1].split_once(':').unwrap();
        assert_eq!(rule.trim_matches('`'), finding.rule, "{line}");
        assert!(finding.found.starts_with(said.trim()), "{line}: {}", finding.found);
        right += &format!("| `{written}` | {} | {} |\n", cells[1], finding.write);
        mistakes += 1;
    }
    assert!(mistakes >= 11);
    hold_page_to(&right);
}
