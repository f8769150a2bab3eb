//! `kubectl bpo man`: the plugin's manual, a page for each command, as `man` reads it.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use super::answer::Answer;
use super::streams::{print, print_line};
use crate::domain::terms::spelling::did_you_mean;

/// Arguments of `kubectl bpo man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The command, such as `feed check`; default: the plugin itself
    #[arg(value_name = "COMMAND", num_args = 0.., conflicts_with = "to")]
    command: Vec<String>,

    /// Write the pages of all commands into this folder, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// The name by which `man` finds the plugin's page, and with which those of its commands begin.
const NAME: &str = "kubectl-bpo";

/// Prints a page of a program's manual, or writes all of them.
///
/// # Errors
/// When there is no such command, or a file cannot be written.
pub fn run(program: &Command, arguments: &ManArguments) -> Answer {
    let pages = pages(program);
    if let Some(folder) = &arguments.to {
        write(&pages, folder).map_err(|error| vec![format!("--to {}: {error}", folder.display())])?;
        print_line(format_args!("{} pages in {}", pages.len(), folder.display()))?;
        return Ok(0);
    }
    let wanted: Vec<&str> = std::iter::once(NAME).chain(arguments.command.iter().map(String::as_str)).collect();
    let wanted = wanted.join("-");
    let Some(page) = pages.iter().find(|page| page.name == wanted) else {
        return Err(vec![unknown(&arguments.command, &pages)]);
    };
    print(&page.text)?;
    Ok(0)
}

fn unknown(words: &[String], pages: &[Page]) -> String {
    let asked = words.join(" ");
    let known: Vec<String> = pages.iter().map(|page| page.words()).filter(|words| !words.is_empty()).collect();
    let hint = did_you_mean(&asked, known.iter().map(String::as_str));
    format!("there is no command {}{hint}; `kubectl bpo --help` lists them", crate::api::scalar::shorten(&asked))
}

/// A page of the manual.
struct Page {
    /// Such as kubectl-bpo-feed-check.
    name: String,
    text: String,
}

impl Page {
    /// The command of the page as it is typed after `kubectl bpo`.
    fn words(&self) -> String {
        self.name.trim_start_matches(NAME).replace('-', " ").trim().to_owned()
    }
}

fn pages(root: &Command) -> Vec<Page> {
    let mut root = root.clone().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(&root, NAME, &mut pages);
    pages
}

fn collect(command: &Command, name: &str, pages: &mut Vec<Page>) {
    let mut text = Vec::new();
    // Nothing but the memory is written to.
    let _ = Man::new(command.clone()).title(name).render(&mut text);
    pages.push(Page { name: name.to_owned(), text: String::from_utf8_lossy(&text).into_owned() });
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        collect(inner, &format!("{name}-{}", inner.get_name()), pages);
    }
}

fn write(pages: &[Page], folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|page| std::fs::write(folder.join(format!("{}.1", page.name)), &page.text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::plugin::Cli;

    #[test]
    fn each_command_that_is_shown_has_a_page_with_its_own_flags() {
        let pages = pages(&Cli::command());
        let text = |name: &str| &pages.iter().find(|page| page.name == name).unwrap().text;
        for (name, said) in [
            ("kubectl-bpo", r"kubectl\-bpo\-evaluate(1)"),
            ("kubectl-bpo-evaluate", r"\fB\-\-bundle\fR"),
            ("kubectl-bpo-feed-check", r"kubectl bpo feed check"),
            ("kubectl-bpo-alert-list", r"\fB\-\-undelivered\fR"),
        ] {
            assert!(text(name).replace("\n", " ").contains(said), "{name}: {}", text(name));
        }
        assert!(pages.iter().all(|page| !page.name.contains("__complete") && page.text.contains(".SH SYNOPSIS")));
    }

    #[test]
    fn a_command_that_does_not_exist_is_answered_with_the_nearest_one() {
        let pages = pages(&Cli::command());
        let said = unknown(&["feed".to_owned(), "chek".to_owned()], &pages);
        assert!(said.contains("feed chek") && said.contains("feed check"), "{said}");
    }
}
