//! `kubectl bpo feed scaffold`: drafts a feed from a sample answer.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::answer::{Answer, Written};
use crate::cli::streams::print;
use crate::cli::tables::table;
use crate::feed::scaffold::{Guess, Scaffold, scaffold};

/// Arguments of `kubectl bpo feed scaffold`.
#[derive(Debug, Args)]
pub(super) struct ScaffoldArguments {
    /// A file with what the endpoint answers: JSON, CSV or a workbook (.xlsx)
    #[arg(long, value_name = "FILE")]
    sample: PathBuf,

    /// How the draft is printed: text (a feed in YAML with comments, to start from), json, yaml (the fields and the feed as data)
    #[arg(short = 'o', long, default_value = "text",
          value_parser = Written::one_of(&[Written::Text, Written::Json, Written::Yaml]))]
    output: Written,
}

/// Prints the draft.
///
/// # Errors
/// Why the sample cannot be read.
pub(super) fn run(arguments: &ScaffoldArguments) -> Answer {
    let shown = arguments.sample.display();
    let content = std::fs::read(&arguments.sample).map_err(|error| vec![format!("--sample {shown}: {error}")])?;
    let draft = scaffold(&content).map_err(|error| vec![format!("--sample {shown}: {error}")])?;
    print(match arguments.output {
        Written::Text => as_text(&draft),
        output => output.document(&as_data(&draft)?)?,
    })?;
    Ok(0)
}

fn as_text(draft: &Scaffold) -> String {
    let mut fields = table(&["FIELD", "SAMPLE", "TAKEN FOR"]);
    for guess in &draft.guesses {
        fields.add_row(vec![guess.field.clone(), guess.sample.clone(), guess.taken_for.clone()]);
    }
    let commented: String = fields.to_string().lines().map(|line| format!("# {}\n", line.trim_end())).collect();
    let advice = "# A draft: look at each line, then try it with `kubectl bpo feed preview`.";
    format!("{commented}\n{advice}\n{}", draft.yaml)
}

fn as_data(draft: &Scaffold) -> Result<Value, Vec<String>> {
    let feed: Value = serde_saphyr::from_str(&draft.yaml).map_err(|error| vec![format!("the draft: {error}")])?;
    let field = |guess: &Guess| json!({"field": guess.field, "sample": guess.sample, "takenFor": guess.taken_for});
    Ok(json!({"fields": draft.guesses.iter().map(field).collect::<Vec<_>>(), "feed": feed}))
}
