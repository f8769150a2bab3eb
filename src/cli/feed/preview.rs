//! `kubectl bpo feed preview`: the rows that a mapping makes of a sample.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::feed::Feed;
use crate::cli::answer::{Answer, Output, lines};
use crate::cli::evaluate::{FeedFile, contract_of_file};
use crate::cli::manifests::read;
use crate::cli::streams::print;
use crate::cli::tables::table;
use crate::cli::terminal::escaped;
use crate::clock::Clock;
use crate::domain::measuring::doubts::{Doubt, of_mapping};
use crate::domain::measuring::row::Row;
use crate::evidence::{Rehearsal, RejectedRow};
use crate::feed::inspection::{Coverage, coverage};
use crate::feed::offline::{Preview, preview};
use crate::feed::shown::{ShownRequest, requests};
use crate::feed::time_window::Window;
use crate::outbound::error::presentable;

/// Rows that a table shows if nothing else is asked for.
const DEFAULT_ROWS: usize = 20;

/// Arguments of `kubectl bpo feed preview`.
#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    /// Manifests with the contract whose feed it is: files, folders or `-`; may be given several times
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    paths: Vec<PathBuf>,

    /// What the feed's endpoint answers, saved to a file: [CONTRACT/]NAME=FILE
    #[arg(long = "feed", value_name = "[CONTRACT/]NAME=FILE")]
    feed: FeedFile,

    /// First instant of a window, RFC 3339: shows the requests that a fetch of it would send, and reads the sample as its answer
    #[arg(long, value_name = "INSTANT", requires = "until")]
    from: Option<Timestamp>,

    /// End of the window
    #[arg(long, value_name = "INSTANT", requires = "from")]
    until: Option<Timestamp>,

    /// How many rows the table shows
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROWS)]
    rows: usize,

    /// The instant at which the answer counts as received, RFC 3339; default: now
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,

    /// How the result is printed; json has all rows
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// Shows the rows.
///
/// # Errors
/// What is wrong with the manifests or the sample.
pub(super) fn run(arguments: &PreviewArguments) -> Answer {
    let manifests = read(&arguments.paths).map_err(|problems| lines(&problems))?;
    let one = |error: String| vec![error];
    let key = contract_of_file(&manifests, &arguments.feed).map_err(one)?;
    let FeedFile { feed: name, file, .. } = &arguments.feed;
    let contract = manifests.contracts.get(&key).map(|written| &written.object.spec);
    let feed = contract.and_then(|contract| contract.feeds.iter().find(|feed| feed.name == *name));
    let (Some(contract), Some(feed)) = (contract, feed) else {
        return Err(vec![format!("--feed {name}: no such feed")]);
    };
    let shown = file.display();
    let content = std::fs::read(file).map_err(|error| one(format!("--feed {name}: {shown}: {error}")))?;
    let window = window(arguments)?;
    let now = arguments.now.unwrap_or_else(|| Clock::real().now());
    let mut found = preview(feed, &contract.time_zone, &content, window, now)
        .map_err(|error| one(format!("--feed {name}: {shown}: {error}")))?;
    found.doubts.extend(of_mapping(feed));
    let covered = covered(feed, &found.kept);
    let asked = match window {
        Some(window) => requests(feed, &contract.time_zone, window, now),
        None => Ok(Vec::new()),
    };
    let asked = asked.map_err(|error| one(format!("feed {name}: {error}")))?;
    match arguments.output {
        Output::Table => {
            let rows = as_text(&found.kept, arguments.rows);
            let remarks = remarks(&covered, &found.doubts);
            print(escaped(&format!("{}{rows}{remarks}", requests_as_text(&asked, arguments.rows))))?;
        }
        output => {
            let document = output.document(&as_json(&found, &covered, &asked));
            print(document.map_err(|error| one(error.to_string()))?)?;
        }
    }
    Ok(u8::from(!found.kept.rejected.is_empty()))
}

/// The window that is asked for, where one is given.
fn window(arguments: &PreviewArguments) -> Result<Option<Window>, Vec<String>> {
    let (Some(since), Some(until)) = (arguments.from, arguments.until) else { return Ok(None) };
    if since >= until {
        return Err(vec![format!("--from {since} is not before --until {until}")]);
    }
    Ok(Some(Window { since, until }))
}

/// How far the feed goes for KPIs: by what its mapping promises, and by what the rows of a feed without one hold.
fn covered(feed: &Feed, kept: &Rehearsal) -> Coverage {
    let mapped = feed.format.iter().flat_map(|format| format.mapped_measures()).map(|measure| measure.name.as_str());
    let held = kept.rows.iter().flat_map(|row| row.measures.keys().map(String::as_str));
    coverage(&mapped.chain(held).collect())
}

fn requests_as_text(asked: &[ShownRequest], most: usize) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for request in asked.iter().take(most) {
        let _ = writeln!(text, "{} {}", request.method, presentable(&request.url, 4_096));
        for (name, value) in &request.headers {
            let _ = writeln!(text, "{name}: {}", presentable(value, 1_024));
        }
        if let Some(body) = &request.body {
            let _ = writeln!(text, "\n{}", presentable(body, 16_384));
        }
        text.push('\n');
    }
    if asked.len() > most {
        let _ = writeln!(text, "… and {} more requests\n", asked.len() - most);
    }
    text
}

fn as_text(found: &Rehearsal, most: usize) -> String {
    let mut text = String::new();
    let names: BTreeSet<&String> = found.rows.iter().flat_map(|row| row.measures.keys()).collect();
    let headings = ["START", "END", "LABELS"].into_iter().chain(names.iter().map(|name| name.as_str()));
    let mut rows = table(&headings.collect::<Vec<_>>());
    for row in found.rows.iter().take(most) {
        rows.add_row(cells(row, &names));
    }
    // Writing into a String cannot fail.
    if !found.rows.is_empty() {
        let _ = writeln!(text, "{rows}");
    }
    if found.rows.len() > most {
        let _ = writeln!(text, "… and {} more; --rows {} shows all", found.rows.len() - most, found.rows.len());
    }
    let _ = writeln!(text, "{} rows taken, {} set aside", found.rows.len(), found.rejected.len());
    for rejected in found.rejected.iter().take(most) {
        let _ = writeln!(text, "  {}: {}", rejected.reason, presentable(&rejected.text, 300));
    }
    text
}

/// What is said of the feed as a whole: for which KPIs it suffices, what others lack, and what is hardly meant.
fn remarks(covered: &Coverage, doubts: &[Doubt]) -> String {
    let mut text = String::new();
    let enough =
        if covered.enough.is_empty() { "no KPI of the catalogue".to_owned() } else { covered.enough.join(", ") };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "enough for {enough}");
    for (kpi, measures) in &covered.lacking {
        let _ = writeln!(text, "{kpi} needs {}", measures.join(" and "));
    }
    for doubt in doubts {
        let _ = writeln!(text, "doubtful: {}", presentable(&doubt.message, 300));
    }
    text
}

fn cells(row: &Row, names: &BTreeSet<&String>) -> Vec<String> {
    let labels =
        row.labels.iter().map(|(name, value)| format!("{}={}", presentable(name, 63), presentable(value, 128)));
    let labels: Vec<String> = labels.collect();
    let measures = names.iter().map(|name| row.measures.get(*name).map_or("-".to_owned(), ToString::to_string));
    [row.start.to_string(), row.end.to_string(), labels.join(",")].into_iter().chain(measures).collect()
}

fn as_json(found: &Preview, covered: &Coverage, asked: &[ShownRequest]) -> Value {
    let Preview { kept, doubts } = found;
    let row = |row: &Row| {
        let measures: serde_json::Map<String, Value> =
            row.measures.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect();
        json!({"start": row.start, "end": row.end, "labels": row.labels, "measures": measures})
    };
    let rejected = |row: &RejectedRow| json!({"reason": row.reason.as_str(), "row": row.text});
    let request = |request: &ShownRequest| {
        let headers: serde_json::Map<String, Value> =
            request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"method": request.method, "url": request.url, "headers": headers, "body": request.body})
    };
    json!({
        "requests": asked.iter().map(request).collect::<Vec<_>>(),
        "rows": kept.rows.iter().map(row).collect::<Vec<_>>(),
        "rejected": kept.rejected.iter().map(rejected).collect::<Vec<_>>(),
        "kpis": covered.enough,
        "lacking": covered.lacking.iter().map(|(kpi, measures)| json!({"kpi": kpi, "measures": measures})).collect::<Vec<_>>(),
        "doubts": doubts.iter().map(|doubt| json!({"measure": doubt.measure, "message": doubt.message})).collect::<Vec<_>>(),
    })
}
