//! What a check found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::feed::inspection::{Cost, Facts, Finding, Inspection, Repeated, span_text};
use crate::feed::time_window::Window;
use crate::outbound::error::presentable;

/// What was checked.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The address without its query, or the file.
    pub target: String,
    /// The stretch of time that was asked for; none of a file.
    pub window: Option<Window>,
}

/// Places of one kind of finding that are shown; JSON has all.
const MOST_PLACES: usize = 5;
/// Values of one label that are shown, and gaps.
const MOST_VALUES: usize = 8;

pub(super) fn as_text(subject: &Subject, inspection: &Inspection) -> String {
    let mut text = presentable(&subject.target, 300);
    if let Some(Window { since, until }) = subject.window {
        let _ = write!(text, ", {since} to {until}");
    }
    text.push('\n');
    for (cost, heading) in [
        (Cost::Answer, "Wrong: the operator takes no row of this answer"),
        (Cost::Row, "Wrong: the operator sets these rows aside"),
        (Cost::Doubt, "Doubtful: the operator takes it, and it is hardly meant"),
    ] {
        let findings: Vec<&Finding> = inspection.findings.iter().filter(|finding| finding.cost == cost).collect();
        if !findings.is_empty() {
            let _ = writeln!(text, "\n{heading}");
            text.push_str(&grouped(&findings));
        }
    }
    let _ = writeln!(text, "\nRead");
    text.push_str(&facts_text(&inspection.facts));
    let _ = writeln!(text, "\n{}", verdict(inspection));
    text
}

fn verdict(inspection: &Inspection) -> String {
    let wrong = inspection.findings.iter().filter(|finding| finding.cost != Cost::Doubt).count();
    let doubtful = inspection.findings.len() - wrong;
    let doubts = match doubtful {
        0 => String::new(),
        1 => "; 1 thing is doubtful".to_owned(),
        several => format!("; {several} things are doubtful"),
    };
    match wrong {
        0 => format!("The operator takes all of it{doubts}."),
        wrong => format!("The operator refuses {}{doubts}.", counted(wrong, "thing")),
    }
}

/// Findings that are corrected in the same way, together.
fn grouped(findings: &[&Finding]) -> String {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        groups.entry((finding.rule, &finding.expected, &finding.write)).or_default().push(finding);
    }
    let mut text = String::new();
    for ((rule, expected, write), findings) in groups {
        let _ = writeln!(text, "  {rule}");
        for finding in findings.iter().take(MOST_PLACES) {
            let place = finding.place.map(|place| format!("{place}: ")).unwrap_or_default();
            let _ = writeln!(text, "    {place}{}", finding.found);
        }
        if let Some(more) = findings.len().checked_sub(MOST_PLACES).filter(|more| *more > 0) {
            let _ = writeln!(text, "    … and {more} more; -o json has all");
        }
        let _ = writeln!(text, "      expected: {expected}");
        let _ = writeln!(text, "      write:    {write}");
    }
    text
}

fn facts_text(facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<12}{value}");
        }
    };
    line("rows", rows(facts));
    line("span", facts.span.map(|(start, end)| format!("{start} to {end}")).unwrap_or_default());
    line("intervals", intervals(facts));
    line("labels", labels(facts));
    line("measures", measures(facts));
    line("enough for", facts.kpis.join(", "));
    line("gaps", gaps(facts));
    line("again", repetitions(facts));
    line("clock", clock(facts));
    line("asked twice", facts.repetition.as_ref().map(asked_twice).unwrap_or_default());
    text
}

fn rows(facts: &Facts) -> String {
    let taken = match facts.taken {
        _ if facts.rows == 0 => return format!("none on {}", counted(facts.pages, "page")),
        0 => "none taken".to_owned(),
        all if all == facts.rows => "all taken".to_owned(),
        some => format!("{some} taken"),
    };
    format!("{} on {}, {taken}", facts.rows, counted(facts.pages, "page"))
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn seconds_text(seconds: i64) -> String {
    span_text(SignedDuration::from_secs(seconds))
}

fn intervals(facts: &Facts) -> String {
    let mut lengths: Vec<(&i64, &usize)> = facts.lengths.iter().collect();
    lengths.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown = lengths.iter().take(MOST_VALUES);
    let shown: Vec<String> = shown.map(|(length, count)| format!("{} ({count})", seconds_text(**length))).collect();
    let usual = lengths.first().map(|(length, _)| **length);
    match usual.filter(|usual| *usual != facts.cadence) {
        Some(usual) => format!(
            "{}; the feed in the contract has to say so: `cadence: {}`, not {}",
            shown.join(", "),
            in_one_unit(usual),
            in_one_unit(facts.cadence)
        ),
        None => shown.join(", "),
    }
}

/// A length of time as contracts write it: one number and one unit.
fn in_one_unit(seconds: i64) -> String {
    let units = [("h", 3_600), ("m", 60)];
    let fitting = units.into_iter().find(|(_, length)| seconds > 0 && seconds % length == 0);
    fitting.map_or_else(|| format!("{seconds}s"), |(unit, length)| format!("{}{unit}", seconds / length))
}

fn labels(facts: &Facts) -> String {
    let one = |(name, values): (&String, &std::collections::BTreeSet<String>)| {
        let shown: Vec<&str> = values.iter().take(MOST_VALUES).map(String::as_str).collect();
        let more = if values.len() > MOST_VALUES { format!(", … {} in all", values.len()) } else { String::new() };
        format!("{name} ({}{more})", shown.join(", "))
    };
    facts.labels.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn measures(facts: &Facts) -> String {
    let one = |(name, count): (&String, &usize)| {
        if *count == facts.right { name.clone() } else { format!("{name} (in {})", counted(*count, "row")) }
    };
    facts.measures.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn gaps(facts: &Facts) -> String {
    if facts.right == 0 {
        return String::new();
    }
    let Some(longest) = facts.gaps.iter().max_by_key(|gap| gap.to.duration_since(gap.from)) else {
        return "none".to_owned();
    };
    format!(
        "{} in {}, the longest {} from {} with {}; right where nobody works, else write rows of zeros",
        facts.gaps.len(),
        if facts.label_sets == 1 {
            "one set of labels".to_owned()
        } else {
            format!("{} sets of labels", facts.label_sets)
        },
        span_text(longest.to.duration_since(longest.from)),
        longest.from,
        longest.labels
    )
}

fn repetitions(facts: &Facts) -> String {
    match (facts.repeated, facts.superseded) {
        (0, 0) => String::new(),
        (repeated, superseded) => {
            let repeated = counted(repeated, "repetition");
            format!("{repeated}, {}: such rows count once", counted(superseded, "correction"))
        }
    }
}

fn clock(facts: &Facts) -> String {
    match facts.clock_ahead {
        None => String::new(),
        // The header is whole seconds old, and the answer was on its way.
        Some(-5..=5) => "agrees with this machine's".to_owned(),
        Some(ahead) if ahead > 0 => format!("{} ahead of this machine's", seconds_text(ahead)),
        Some(behind) => format!("{} behind this machine's", seconds_text(-behind)),
    }
}

fn asked_twice(repeated: &Repeated) -> String {
    match repeated {
        Repeated::Unchanged => "304, the server knows what it said: nothing is sent twice".to_owned(),
        Repeated::SameBytes { tagged: true } => {
            "the same answer; by its ETag or Last-Modified it could have said 304".to_owned()
        }
        Repeated::SameBytes { tagged: false } => "the same answer; an ETag would save sending it".to_owned(),
        Repeated::SameRows => "the same rows".to_owned(),
        Repeated::OtherRows(places) => format!("{} say something else", counted(places.len(), "row")),
        Repeated::Failed(error) => format!("failed: {error}"),
    }
}

pub(super) fn as_json(subject: &Subject, inspection: &Inspection) -> Value {
    let window = subject.window.map(|window| json!({"since": window.since, "until": window.until}));
    json!({
        "target": presentable(&subject.target, 300),
        "window": window,
        "accepted": !inspection.refused(),
        "findings": inspection.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "read": facts_json(&inspection.facts),
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "cost": finding.cost.as_str(),
        "rule": finding.rule,
        "page": finding.place.map(|place| place.page),
        "row": finding.place.and_then(|place| place.row),
        "found": finding.found,
        "expected": finding.expected,
        "write": finding.write,
    })
}

fn facts_json(facts: &Facts) -> Value {
    let gaps = facts.gaps.iter().map(|gap| json!({"labels": gap.labels, "from": gap.from, "to": gap.to}));
    json!({
        "pages": facts.pages,
        "rows": facts.rows,
        "taken": facts.taken,
        "start": facts.span.map(|(start, _)| start),
        "end": facts.span.map(|(_, end)| end),
        "rowsByLengthSeconds": facts.lengths.iter().map(|(length, rows)| (length.to_string(), *rows)).collect::<BTreeMap<_, _>>(),
        "cadenceSeconds": facts.cadence,
        "labels": facts.labels,
        "labelSets": facts.label_sets,
        "rowsByMeasure": facts.measures,
        "kpis": facts.kpis,
        "gaps": gaps.collect::<Vec<_>>(),
        "repeated": facts.repeated,
        "superseded": facts.superseded,
        "clockAheadSeconds": facts.clock_ahead,
        "askedTwice": facts.repetition.as_ref().map(repetition_word),
    })
}

fn repetition_word(repeated: &Repeated) -> &'static str {
    match repeated {
        Repeated::Unchanged => "Unchanged",
        Repeated::SameBytes { .. } => "SameBytes",
        Repeated::SameRows => "SameRows",
        Repeated::OtherRows(_) => "OtherRows",
        Repeated::Failed(_) => "Failed",
    }
}
