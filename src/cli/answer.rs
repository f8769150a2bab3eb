//! What a command answers: its exit code or what is wrong, and the format that it prints.

use clap::ValueEnum;
use serde_json::Value;

use super::manifests::Problem;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One YAML document per object.
    Yaml,
    /// One JSON List.
    Json,
}

impl Output {
    /// As the flag `-o` has it.
    pub fn name(self) -> &'static str {
        match self {
            Output::Table => "table",
            Output::Yaml => "yaml",
            Output::Json => "json",
        }
    }

    /// A document as this output writes it: YAML, or JSON for everything else.
    ///
    /// # Errors
    /// When it cannot be written as YAML, which the types rule out.
    pub fn document(self, value: &Value) -> std::io::Result<String> {
        match self {
            Output::Yaml => crate::api::schema::to_yaml(value).map_err(std::io::Error::other),
            Output::Json | Output::Table => Ok(format!("{value:#}\n")),
        }
    }
}

/// An exit code, or what is wrong with the input, a line each.
pub type Answer = Result<u8, Vec<String>>;

pub(super) fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Exit code on bad input.
pub(crate) const BAD_INPUT: u8 = 2;
