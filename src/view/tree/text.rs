//! The tree for the terminal: plain text, in which words and not colours say what is wrong.

use std::fmt::Write;

use super::{Branch, Finding, Health};

/// The trees, each contract with what belongs to it, and a line for each finding. `problems_only` leaves out what is good.
pub fn text(trees: &[Branch], problems_only: bool) -> String {
    let shown: Vec<&Branch> = trees.iter().filter(|tree| is_shown(tree, problems_only)).collect();
    if shown.is_empty() {
        return if trees.is_empty() { "no objects of bpo-operator.io here\n" } else { "nothing is wrong\n" }.to_owned();
    }
    let mut out = String::new();
    for tree in shown {
        write_branch(&mut out, tree, "", "", problems_only);
    }
    out
}

fn is_shown(branch: &Branch, problems_only: bool) -> bool {
    !problems_only || branch.health >= Health::Attention
}

fn write_branch(out: &mut String, branch: &Branch, first: &str, rest: &str, problems_only: bool) {
    let place = if rest.is_empty() && !branch.namespace.is_empty() {
        format!("{}/{}", branch.namespace, branch.name)
    } else {
        branch.name.clone()
    };
    let _ = writeln!(out, "{first}{} {} {place}: {}", mark(branch.health), branch.kind, branch.summary);
    let children: Vec<&Branch> = branch.children.iter().filter(|child| is_shown(child, problems_only)).collect();
    let bar = if children.is_empty() { "    " } else { "│   " };
    for Finding { condition, reason, message, .. } in &branch.findings {
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        let _ = writeln!(out, "{rest}{bar}{condition} {reason}{message}");
    }
    let count = children.len();
    for (place, child) in children.into_iter().enumerate() {
        let (first, next) = if place + 1 == count { ("└── ", "    ") } else { ("├── ", "│   ") };
        write_branch(out, child, &format!("{rest}{first}"), &format!("{rest}{next}"), problems_only);
    }
}

fn mark(health: Health) -> &'static str {
    match health {
        Health::Good => "[ok]",
        Health::Waiting => "[..]",
        Health::Attention => "[! ]",
        Health::Broken => "[!!]",
    }
}
