//! What a command answers: its exit code or what is wrong, and the format that it prints.

use std::fmt::Display;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::manifests::Problem;
use super::streams::{print, print_line};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// One YAML document per object.
    Yaml,
    /// One JSON List.
    Json,
}

impl Output {
    /// As the flag `-o` has it.
    pub(crate) fn name(self) -> &'static str {
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
    pub(crate) fn document(self, value: &Value) -> std::io::Result<String> {
        match self {
            Output::Yaml => crate::api::schema::to_yaml(value).map_err(std::io::Error::other),
            Output::Json | Output::Table => Ok(format!("{value:#}\n")),
        }
    }
}

/// How a document, or the outcome of an act, is written. Each command takes those of them that it can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// For the terminal.
    #[value(alias = "table")]
    Text,
    /// Markdown, for a wiki or a ticket.
    #[value(alias = "markdown")]
    Md,
    /// One page that needs nothing else.
    Html,
    /// A workbook.
    Xlsx,
    /// For a calendar program.
    Ics,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
    /// For programs, and to be read.
    Yaml,
}

impl Written {
    /// Reads the name of one of these.
    pub(crate) fn one_of(outputs: &'static [Written]) -> impl TypedValueParser<Value = Written> {
        let values = outputs.iter().filter_map(ValueEnum::to_possible_value);
        PossibleValuesParser::new(values).try_map(move |word| {
            let is_named =
                |output: &&Written| output.to_possible_value().is_some_and(|value| value.matches(&word, false));
            outputs.iter().find(is_named).copied().ok_or_else(|| format!("{word} is not an output of this command"))
        })
    }

    /// A document for programs: YAML, or JSON for everything else.
    ///
    /// # Errors
    /// When it cannot be written as YAML, which the types rule out.
    pub(crate) fn document(self, value: &Value) -> Result<String, Vec<String>> {
        let output = if self == Written::Yaml { Output::Yaml } else { Output::Json };
        output.document(value).map_err(|error| vec![error.to_string()])
    }
}

/// Arguments of a command that does something and says what became of it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutcomeArguments {
    /// How the outcome is printed: text (a sentence), json, yaml
    #[arg(short = 'o', long, value_name = "OUTPUT", default_value = "text",
          value_parser = Written::one_of(&[Written::Text, Written::Json, Written::Yaml]))]
    pub output: Written,
}

impl OutcomeArguments {
    /// Prints what became of it: the sentence, or the same for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn print(self, sentence: impl Display, outcome: &Value) -> Result<(), Vec<String>> {
        match self.output {
            Written::Text => print_line(sentence)?,
            output => print(output.document(outcome)?)?,
        }
        Ok(())
    }

    /// Prints it for programs alone: people have read why it failed already.
    ///
    /// # Errors
    /// As [`OutcomeArguments::print`].
    pub(crate) fn print_failed(self, outcome: &Value) -> Result<(), Vec<String>> {
        if self.output == Written::Text { Ok(()) } else { self.print("", outcome) }
    }
}

/// An exit code, or what is wrong with the input, a line each.
pub(crate) type Answer = Result<u8, Vec<String>>;

pub(super) fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Exit code on bad input.
pub(crate) const BAD_INPUT: u8 = 2;
