//! A launch as Markdown. All text is escaped: what people wrote is shown, never obeyed.

use super::{Document, Section};

/// Reports one after the other, in Markdown.
pub fn markdown(documents: &[&Document]) -> String {
    let mut text = String::new();
    for document in documents {
        text += &format!("# {}\n\n", plain(&document.title));
        let mut sentences = document.summary.iter();
        if let Some(first) = sentences.next() {
            text += &format!("**{}**\n\n", plain(first));
        }
        for sentence in sentences {
            text += &format!("{}\n\n", plain(sentence));
        }
        for section in &document.sections {
            text += &markdown_section(section);
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn markdown_section(section: &Section) -> String {
    let mut text = format!("## {}\n\n", plain(section.title));
    for sentence in &section.sentences {
        text += &format!("{}\n\n", plain(sentence));
    }
    if section.rows.is_empty() {
        return text;
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text += &line(section.columns.iter().map(|column| plain(column)).collect());
    text += &line(section.columns.iter().map(|_| "---".to_owned()).collect());
    for row in &section.rows {
        text += &line(row.iter().map(|cell| plain(cell)).collect());
    }
    text.push('\n');
    text
}

/// Text of Markdown that means nothing but itself.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_shown_and_never_obeyed() {
        let document = Document {
            namespace: String::new(),
            name: "evil".to_owned(),
            title: "<script>alert(1)</script> & \"friends\"".to_owned(),
            contract: None,
            summary: vec!["*bold* [link](javascript:x)\nsecond line".to_owned()],
            keys: Vec::new(),
            sections: vec![Section {
                title: "Readiness",
                sentences: vec!["a | b".to_owned()],
                columns: vec!["Gate"],
                rows: vec![vec!["x | y\n| z <img src=x onerror='y'>".to_owned()]],
                pictures: Vec::new(),
            }],
        };
        let page = crate::view::launch::html(&document, crate::view::links::Links::None);
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "), "{page}");
        assert_eq!(
            markdown(&[&document]),
            "# &lt;script&gt;alert(1)&lt;/script&gt; &amp; \"friends\"\n\n\
             **\\*bold\\* \\[link\\](javascript:x) second line**\n\n\
             ## Readiness\n\na \\| b\n\n| Gate |\n| --- |\n| x \\| y \\| z &lt;img src=x onerror='y'&gt; |\n"
        );
    }
}
