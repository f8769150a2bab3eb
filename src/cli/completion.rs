//! Completion: kubectl asks `kubectl_complete-bpo` for words, in whatever shell it completes in, and the scripts of shells ask this program.
//!
//! kubectl's own completion calls a program of that name on the PATH with the words after `kubectl bpo`, the last one unfinished. The
//! answer is one candidate a line, with a tab before its description, and a last line `:DIRECTIVE`. The scripts of shells read the same.

use std::time::Duration;

use clap::{Arg, Args, Command, ValueEnum};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::answer::Answer;
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::streams::{print, print_line};
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, SlaReport, VendorContract};

/// Arguments of `kubectl bpo completion`.
#[derive(Debug, Args)]
pub struct CompletionArguments {
    /// The shell whose script is printed; default: the program by which kubectl completes in all of them
    #[arg(value_enum, value_name = "SHELL")]
    shell: Option<Shell>,
}

/// A shell with a script of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// For ~/.bashrc: source <(kubectl bpo completion bash)
    Bash,
    /// For ~/.zshrc: source <(kubectl bpo completion zsh)
    Zsh,
    /// For config.fish: kubectl bpo completion fish | source
    Fish,
    /// For $PROFILE: kubectl bpo completion powershell | Out-String | Invoke-Expression
    Powershell,
}

impl Shell {
    /// What the shell reads. Its first lines say how it is loaded.
    fn script(self) -> &'static str {
        match self {
            Shell::Bash => include_str!("completion/bash.sh"),
            Shell::Zsh => include_str!("completion/zsh.zsh"),
            Shell::Fish => include_str!("completion/fish.fish"),
            Shell::Powershell => include_str!("completion/powershell.ps1"),
        }
    }
}

/// Arguments of the hidden command `__complete`.
#[derive(Debug, Args)]
pub struct CompleteArguments {
    /// The words after `kubectl bpo`, the last one unfinished
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// kubectl takes the candidates as they are.
const NO_FILES: u8 = 4;
/// kubectl completes names of files.
const FILES: u8 = 0;

/// How long a shell waits for names out of the cluster.
const PATIENCE: Duration = Duration::from_secs(3);

/// The program that kubectl looks for.
const SCRIPT: &str = "#!/bin/sh\n# Save this as an executable file kubectl_complete-bpo on your PATH.\nexec kubectl-bpo __complete -- \"$@\"\n";

/// Prints the script of a shell, or that which kubectl looks for.
///
/// # Errors
/// When it cannot be written.
pub fn script(arguments: &CompletionArguments) -> Answer {
    print(arguments.shell.map_or(SCRIPT, Shell::script))?;
    Ok(0)
}

/// Prints the candidates for the commands of a program. A cluster that does not answer has none: completion shows no errors.
///
/// # Errors
/// None.
pub fn run(program: &clap::Command, arguments: &CompleteArguments) -> Answer {
    let (candidates, directive) = match wanted(program, &arguments.words) {
        Wanted::Words(words) => (words, NO_FILES),
        Wanted::Files => (Vec::new(), FILES),
        Wanted::Live(live) => (names(&live, &arguments.words), NO_FILES),
    };
    let begun = arguments.words.last().map_or("", String::as_str);
    for (word, about) in candidates.iter().filter(|(word, _)| word.starts_with(begun)) {
        match about.lines().next() {
            Some(about) if !about.is_empty() => print_line(format_args!("{word}\t{about}"))?,
            _ => print_line(word)?,
        }
    }
    print_line(format_args!(":{directive}"))?;
    Ok(0)
}

/// What fits at the place of the last word.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// One of these words, each with what it means.
    Words(Vec<(String, String)>),
    /// A file or folder.
    Files,
    /// A name that the cluster knows.
    Live(Live),
}

/// Names that the cluster knows.
#[derive(Debug, PartialEq, Eq)]
enum Live {
    Namespaces,
    Contracts,
    Reports,
    Launches,
    Kpis,
    /// What the operator looks at, each with its kind.
    Objects,
    /// The feeds of a contract.
    Feeds(String),
    /// The alerts of a contract.
    Alerts(String),
}

/// Walks along the words before the last one to the command that they name, and says what may come next.
fn wanted(root: &Command, words: &[String]) -> Wanted {
    let Some((begun, before)) = words.split_last() else { return Wanted::Words(Vec::new()) };
    let mut command = root;
    let mut positionals: Vec<&str> = Vec::new();
    let mut open: Option<&Arg> = None;
    for word in before {
        if open.take().is_some() {
            continue;
        }
        if let Some(flag) = word.strip_prefix('-') {
            open = flag_of(command, flag.trim_start_matches('-')).filter(|arg| takes_value(arg) && !word.contains('='));
        } else if let Some(found) = command.find_subcommand(word) {
            command = found;
        } else {
            positionals.push(word);
        }
    }
    if let Some(arg) = open {
        return value_of(arg, &positionals);
    }
    if begun.starts_with('-') {
        return Wanted::Words(flags(command));
    }
    if command.has_subcommands() {
        let shown = command.get_subcommands().filter(|found| !found.is_hide_set());
        return Wanted::Words(shown.map(|found| (found.get_name().to_owned(), about(found))).collect());
    }
    match command.get_positionals().nth(positionals.len()).or_else(|| command.get_positionals().last()) {
        Some(arg) => value_of(arg, &positionals),
        None => Wanted::Words(Vec::new()),
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn flag_of<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let name = name.split('=').next().unwrap_or_default();
    let mut letters = name.chars();
    let letter = match (letters.next(), letters.next()) {
        (Some(letter), None) => Some(letter),
        _ => None,
    };
    command.get_arguments().find(|arg| arg.get_long() == Some(name) || (letter.is_some() && arg.get_short() == letter))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown
        .filter_map(|arg| {
            Some((format!("--{}", arg.get_long()?), arg.get_help().map(ToString::to_string).unwrap_or_default()))
        })
        .collect()
}

/// What a value may be: one of a list, a name by what the help calls it, or a file.
fn value_of(arg: &Arg, positionals: &[&str]) -> Wanted {
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let words = values
            .iter()
            .map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string).unwrap_or_default()));
        return Wanted::Words(words.collect());
    }
    let first = || positionals.first().map(|word| (*word).to_owned()).unwrap_or_default();
    let name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.to_string()).unwrap_or_default();
    match name.as_str() {
        "CONTRACT" => Wanted::Live(Live::Contracts),
        "SLAREPORT" | "SLAREPORT|CONTRACT" => Wanted::Live(Live::Reports),
        "LAUNCH" => Wanted::Live(Live::Launches),
        "FEED" => Wanted::Live(Live::Feeds(first())),
        "ALERT" => Wanted::Live(Live::Alerts(first())),
        "KIND/NAME" => Wanted::Live(Live::Objects),
        "NAME" if arg.get_long() == Some("namespace") || arg.get_long() == Some("operator-namespace") => {
            Wanted::Live(Live::Namespaces)
        }
        "NAME" if arg.get_long().is_none() && first() == "kpi" => Wanted::Live(Live::Kpis),
        "NAME" if arg.get_long().is_none() => Wanted::Live(Live::Contracts),
        "FILE" | "PATH" | "DIR" => Wanted::Files,
        name if name.ends_with("=FILE") => Wanted::Files,
        _ => Wanted::Words(Vec::new()),
    }
}

/// The names out of the cluster that the words so far mean; none where it does not answer in time.
fn names(live: &Live, words: &[String]) -> Vec<(String, String)> {
    let value = |names: [&str; 2]| {
        let place = words.iter().position(|word| names.contains(&word.as_str()))?;
        words.get(place + 1).filter(|_| place + 2 < words.len()).cloned()
    };
    let arguments = ClusterArguments {
        namespace: value(["-n", "--namespace"]),
        kubeconfig: value(["--kubeconfig", "--kubeconfig"]).map(Into::into),
        context: value(["--context", "--context"]),
    };
    let found = wait_for(async {
        let work = tokio::time::timeout(PATIENCE, live_names(live, &arguments));
        work.await.unwrap_or_else(|_| Ok(Vec::new()))
    });
    let mut found: Vec<String> = found.unwrap_or_default();
    found.sort();
    found.into_iter().map(|name| (name, String::new())).collect()
}

async fn live_names(live: &Live, arguments: &ClusterArguments) -> Result<Vec<String>, String> {
    let cluster = Cluster::connect(arguments).await?;
    let (client, namespace) = (cluster.client, cluster.namespace);
    let few = ListParams::default().limit(500);
    macro_rules! named {
        ($api:expr) => {
            answered($api.list(&few)).await?.iter().map(ResourceExt::name_any).collect()
        };
    }
    let contract = async |name: &str| {
        let api: Api<VendorContract> = Api::namespaced(client.clone(), &namespace);
        answered(api.get(name)).await
    };
    Ok(match live {
        Live::Namespaces => named!(Api::<Namespace>::all(client.clone())),
        Live::Contracts => named!(Api::<VendorContract>::namespaced(client.clone(), &namespace)),
        Live::Reports => named!(Api::<SlaReport>::namespaced(client.clone(), &namespace)),
        Live::Launches => named!(Api::<CampaignLaunch>::namespaced(client.clone(), &namespace)),
        Live::Kpis => named!(Api::<KpiTarget>::namespaced(client.clone(), &namespace)),
        Live::Objects => {
            let contracts: Vec<String> = named!(Api::<VendorContract>::namespaced(client.clone(), &namespace));
            let kpis: Vec<String> = named!(Api::<KpiTarget>::namespaced(client.clone(), &namespace));
            let tiers: Vec<String> = named!(Api::<ServiceTier>::namespaced(client.clone(), &namespace));
            let launches: Vec<String> = named!(Api::<CampaignLaunch>::namespaced(client.clone(), &namespace));
            let of_kinds = [("contract", contracts), ("kpi", kpis), ("tier", tiers), ("launch", launches)];
            of_kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind}/{name}"))).collect()
        }
        Live::Feeds(name) => contract(name).await?.spec.feeds.iter().map(|feed| feed.name.clone()).collect(),
        Live::Alerts(name) => contract(name).await?.spec.alerts.into_iter().map(|alert| alert.name).collect(),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::plugin::Cli;

    fn after(line: &str) -> Wanted {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        wanted(&Cli::command(), &words)
    }

    fn has(wanted: &Wanted, word: &str) -> bool {
        matches!(wanted, Wanted::Words(words) if words.iter().any(|(known, about)| known == word && !about.is_empty()))
    }

    #[test]
    fn commands_flags_and_values_come_from_the_commands_themselves() {
        for (line, word) in [("", "status"), ("sta", "staffing"), ("feed ", "fetch"), ("status --", "--problems")] {
            assert!(has(&after(line), word), "{line:?}: {:?}", after(line));
        }
        let Wanted::Words(outputs) = after("status -o ") else { panic!("not words") };
        assert_eq!(outputs.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), ["table", "yaml", "json"]);
        assert!(!has(&after(""), "__complete"), "what is hidden is not offered");
    }

    #[test]
    fn names_come_from_the_cluster_by_what_the_help_calls_them() {
        let cases = [
            ("scorecard ", Wanted::Live(Live::Contracts)),
            ("explain acme", Wanted::Live(Live::Reports)),
            ("feed fetch acme-care ", Wanted::Live(Live::Feeds("acme-care".to_owned()))),
            ("feed fetch -n cx acme-care ", Wanted::Live(Live::Feeds("acme-care".to_owned()))),
            ("alert test acme-care ", Wanted::Live(Live::Alerts("acme-care".to_owned()))),
            ("suspend kpi ", Wanted::Live(Live::Kpis)),
            ("reconcile ", Wanted::Live(Live::Objects)),
            ("suspend contract ", Wanted::Live(Live::Contracts)),
            ("status -n ", Wanted::Live(Live::Namespaces)),
            ("lint -f ", Wanted::Files),
        ];
        assert!(has(&after("completion f"), "fish"));
        for (line, expected) in cases {
            assert_eq!(after(line), expected, "{line:?}");
        }
    }
}
