//! What was measured, as a table in Markdown that can be taken into a document.

/// Lines of what and how much.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, String)>);

impl Table {
    /// Adds a line, and prints it at once: a long run shows where it is.
    pub(crate) fn add(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let (what, figure) = (what.into(), figure.into());
        eprintln!("{what}: {figure}");
        self.0.push((what, figure));
    }

    /// Prints all of it.
    pub(crate) fn print(&self) {
        println!("\n| what | |\n|---|---|");
        for (what, figure) in &self.0 {
            println!("| {what} | {figure} |");
        }
    }
}

/// The middle one and the largest of some numbers, in milliseconds.
pub(crate) fn median_and_most(mut milliseconds: Vec<f64>) -> String {
    milliseconds.sort_by(f64::total_cmp);
    match (milliseconds.get(milliseconds.len() / 2), milliseconds.last()) {
        (Some(median), Some(most)) => format!("median {median:.0} ms, slowest {most:.0} ms of {}", milliseconds.len()),
        _ => "none was seen".to_owned(),
    }
}

/// What this operator has or takes for one of another, as the end of a line; empty where it was not measured.
pub(crate) fn times(ours: Option<f64>, theirs: f64) -> String {
    ours.map_or_else(String::new, |ours| format!("; this operator {:.2} times as much", ours / theirs))
}
