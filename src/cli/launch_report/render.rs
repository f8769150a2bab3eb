//! A report as Markdown and as HTML. All text is escaped: what people wrote is shown, never obeyed.

use super::{Document, Section};

/// Reports one after the other, in Markdown.
pub(super) fn markdown(documents: &[&Document]) -> String {
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

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}\
h1{font-size:1.7rem;margin-bottom:.3rem}h2{font-size:1.2rem;margin-top:2rem}\
.verdict{font-size:1.15rem;font-weight:600;border-left:.4rem solid #3559a8;padding:.4rem .8rem;background:#eef2fa}\
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;\
border-bottom:1px solid #d4dae4}th{background:#f5f7fa}.table{overflow-x:auto}";

/// Reports one after the other, as one page that needs nothing from elsewhere.
pub(super) fn html(documents: &[&Document]) -> String {
    let title = documents.first().map(|document| escape(&document.title)).unwrap_or_default();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    for document in documents {
        page += &format!("<article>\n<h1>{}</h1>\n", escape(&document.title));
        for (place, sentence) in document.summary.iter().enumerate() {
            let class = if place == 0 { " class=\"verdict\"" } else { "" };
            page += &format!("<p{class}>{}</p>\n", escape(sentence));
        }
        for section in &document.sections {
            page += &html_section(section);
        }
        page += "</article>\n";
    }
    page += "</body>\n</html>\n";
    page
}

fn html_section(section: &Section) -> String {
    let mut text = format!("<section>\n<h2>{}</h2>\n", escape(section.title));
    for sentence in &section.sentences {
        text += &format!("<p>{}</p>\n", escape(sentence));
    }
    if !section.rows.is_empty() {
        let cells = |tag: &str, cells: Vec<&str>| -> String {
            let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        text += "<div class=\"table\"><table>\n<thead>";
        text += &cells("th", section.columns.clone());
        text += "</thead>\n<tbody>\n";
        for row in &section.rows {
            text += &cells("td", row.iter().map(String::as_str).collect());
        }
        text += "</tbody>\n</table></div>\n";
    }
    text += "</section>\n";
    text
}

/// Text of HTML that means nothing but itself, also within an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
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
            name: "evil".to_owned(),
            title: "<script>alert(1)</script> & \"friends\"".to_owned(),
            summary: vec!["*bold* [link](javascript:x)\nsecond line".to_owned()],
            sections: vec![Section {
                title: "Readiness",
                sentences: vec!["a | b".to_owned()],
                columns: vec!["Gate"],
                rows: vec![vec!["x | y\n| z <img src=x onerror='y'>".to_owned()]],
            }],
        };
        let page = html(&[&document]);
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;friends&quot;"));
        assert!(page.contains("onerror=&#39;y&#39;"));
        assert_eq!(
            markdown(&[&document]),
            "# &lt;script&gt;alert(1)&lt;/script&gt; &amp; \"friends\"\n\n\
             **\\*bold\\* \\[link\\](javascript:x) second line**\n\n\
             ## Readiness\n\na \\| b\n\n| Gate |\n| --- |\n| x \\| y \\| z &lt;img src=x onerror='y'&gt; |\n"
        );
    }
}
