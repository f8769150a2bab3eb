//! Markdown whose tables and texts stay what they are, whatever people wrote.

/// A table with these heads; what is in its cells is escaped.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines =
        vec![String::new(), format!("| {} |", heads.join(" | ")), format!("|{}", "---|".repeat(heads.len()))];
    lines.extend(
        rows.iter().map(|row| format!("| {} |", row.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "))),
    );
    lines.join("\n")
}

/// Text that Markdown takes as text: no table, emphasis, code, link or element can begin in it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}
