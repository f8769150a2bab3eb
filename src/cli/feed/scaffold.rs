//! `kubectl bpo feed scaffold`: drafts a feed from a sample answer.

use std::path::PathBuf;

use clap::Args;

use crate::cli::answer::Answer;
use crate::cli::streams::print;
use crate::cli::tables::table;
use crate::feed::scaffold::scaffold;

/// Arguments of `kubectl bpo feed scaffold`.
#[derive(Debug, Args)]
pub struct ScaffoldArguments {
    /// A file with what the endpoint answers: JSON, CSV or a workbook (.xlsx)
    #[arg(long, value_name = "FILE")]
    sample: PathBuf,
}

/// Prints the draft.
///
/// # Errors
/// Why the sample cannot be read.
pub fn run(arguments: &ScaffoldArguments) -> Answer {
    let shown = arguments.sample.display();
    let content = std::fs::read(&arguments.sample).map_err(|error| vec![format!("--sample {shown}: {error}")])?;
    let draft = scaffold(&content).map_err(|error| vec![format!("--sample {shown}: {error}")])?;
    let mut fields = table(&["FIELD", "SAMPLE", "TAKEN FOR"]);
    for guess in &draft.guesses {
        fields.add_row(vec![guess.field.clone(), guess.sample.clone(), guess.taken_for.clone()]);
    }
    let commented: String = fields.to_string().lines().map(|line| format!("# {}\n", line.trim_end())).collect();
    let advice = "# A draft: look at each line, then try it with `kubectl bpo feed preview`.";
    print(format!("{commented}\n{advice}\n{}", draft.yaml))?;
    Ok(0)
}
