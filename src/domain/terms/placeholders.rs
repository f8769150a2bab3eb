//! Placeholders in what a feed is asked with: `{since:%Y-%m-%d}` and its like.
//!
//! Only names that are known are placeholders. Any other brace is the text's own, so that GraphQL and JSON can stand as they are.

use jiff::Zoned;
use jiff::fmt::strtime;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// As it is.
    Text(&'t str),
    /// To be filled.
    Placeholder(Placeholder<'t>),
}

/// What is to be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'t> {
    /// The window's first instant.
    Since(TimeForm<'t>),
    /// The first instant after the window.
    Until(TimeForm<'t>),
    /// The window's length in whole seconds.
    Length,
    /// How many local days ago an edge of the window lies.
    DaysAgo(Edge),
    /// The cursor of the page.
    Cursor,
    /// A value with a name of the feed's own.
    Named(&'t str),
}

/// An edge of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its first instant.
    Since,
    /// The first instant after it.
    Until,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm<'t> {
    /// RFC 3339 in UTC.
    Rfc3339,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// By a strftime pattern, as a clock on the wall shows it.
    Pattern(&'t str),
}

impl Placeholder<'_> {
    /// Whether it says what the window is.
    #[must_use]
    pub fn names_window(&self) -> bool {
        !matches!(self, Placeholder::Cursor | Placeholder::Named(_))
    }

    /// Whether it says where the window ends.
    #[must_use]
    pub fn names_end(&self) -> bool {
        matches!(self, Placeholder::Until(_) | Placeholder::Length | Placeholder::DaysAgo(Edge::Until))
    }
}

/// How unknown names are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// As the text's own braces: in bodies.
    Literal,
    /// As a mistake: in addresses and headers, where braces mean nothing else.
    Refused,
}

/// The names that every feed has.
const OWN: [&str; 5] = ["since", "until", "length", "daysAgo", "cursor"];

/// Takes a text apart. `named` are the names of the feed's own.
///
/// # Errors
/// What is wrong with a placeholder and what to write instead.
pub fn pieces<'t>(text: &'t str, named: &[&str], unknown: Unknown) -> Result<Vec<Piece<'t>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut plain = 0;
    while let Some(open) = rest.get(plain..).and_then(|after| after.find('{')).map(|place| plain + place) {
        let inside = rest.get(open + 1..).unwrap_or_default();
        match placeholder(inside, named, unknown)? {
            Some((placeholder, length)) => {
                let before = rest.get(..open).unwrap_or_default();
                if !before.is_empty() {
                    found.push(Piece::Text(before));
                }
                found.push(Piece::Placeholder(placeholder));
                rest = inside.get(length..).unwrap_or_default();
                plain = 0;
            }
            None => plain = open + 1,
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    Ok(found)
}

/// The placeholders of a text, whatever else is wrong with it.
pub fn placeholders<'t>(text: &'t str, named: &[&str]) -> Vec<Placeholder<'t>> {
    let found = pieces(text, named, Unknown::Literal).unwrap_or_default();
    let placeholder = |piece| if let Piece::Placeholder(placeholder) = piece { Some(placeholder) } else { None };
    found.into_iter().filter_map(placeholder).collect()
}

/// The placeholder after an opening brace, and how long it is with its closing one.
fn placeholder<'t>(
    inside: &'t str,
    named: &[&str],
    unknown: Unknown,
) -> Result<Option<(Placeholder<'t>, usize)>, String> {
    let Some(end) = inside.find('}') else { return Ok(None) };
    let written = inside.get(..end).unwrap_or_default();
    let (name, form) = match written.split_once(':') {
        Some((name, form)) => (name, Some(form)),
        None => (written, None),
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Ok(None);
    }
    let known = OWN.contains(&name) || named.contains(&name);
    if !known {
        return match unknown {
            Unknown::Literal => Ok(None),
            Unknown::Refused => Err(format!(
                "{{{name}}} is not a placeholder: write one of {}, such as {{since:%Y-%m-%d}}",
                OWN.iter().chain(named).map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
            )),
        };
    }
    of_name(name, form).map(|placeholder| Some((placeholder, end + 1)))
}

fn of_name<'t>(name: &'t str, form: Option<&'t str>) -> Result<Placeholder<'t>, String> {
    let no_form = |placeholder| match form {
        None => Ok(placeholder),
        Some(_) => Err(format!("{{{name}}} takes no form: write {{{name}}} alone")),
    };
    match name {
        "since" => time_form(name, form).map(Placeholder::Since),
        "until" => time_form(name, form).map(Placeholder::Until),
        "cursor" => no_form(Placeholder::Cursor),
        "length" if form == Some("Seconds") => Ok(Placeholder::Length),
        "length" => Err("{length} needs its unit: write {length:Seconds}".to_owned()),
        "daysAgo" => match form {
            Some("since") => Ok(Placeholder::DaysAgo(Edge::Since)),
            Some("until") => Ok(Placeholder::DaysAgo(Edge::Until)),
            _ => Err("{daysAgo} needs an edge of the window: write {daysAgo:since} or {daysAgo:until}".to_owned()),
        },
        _ => no_form(Placeholder::Named(name)),
    }
}

fn time_form<'t>(name: &str, form: Option<&'t str>) -> Result<TimeForm<'t>, String> {
    match form {
        None => Ok(TimeForm::Rfc3339),
        Some("UnixSeconds") => Ok(TimeForm::UnixSeconds),
        Some("UnixMilliseconds") => Ok(TimeForm::UnixMilliseconds),
        Some(pattern) if pattern.contains('%') => {
            strtime::format(pattern, &Zoned::default()).map(|_| TimeForm::Pattern(pattern)).map_err(|error| {
                format!("{pattern:?} is not a strftime pattern: {error}; write one such as {{{name}:%Y-%m-%d}}")
            })
        }
        Some(other) => Err(format!(
            "{other:?} is not a form of a time: write {{{name}}}, {{{name}:UnixSeconds}}, {{{name}:UnixMilliseconds}} or a \
             pattern such as {{{name}:%Y-%m-%d %H:%M}}"
        )),
    }
}

/// Whether a cursor may stand within free text, where it could otherwise mean something: letters, digits and `+/=_.-`, up to 512.
#[must_use]
pub fn is_plain_cursor(cursor: &str) -> bool {
    (1..=512).contains(&cursor.len())
        && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, unknown: Unknown) -> String {
        match pieces(text, &["queue"], unknown) {
            Ok(pieces) => pieces.iter().map(|piece| format!("{piece:?}")).collect::<Vec<_>>().join(" "),
            Err(message) => format!("! {message}"),
        }
    }

    #[test]
    fn only_known_names_are_placeholders_and_other_braces_are_the_texts_own() {
        use Unknown::{Literal, Refused};
        for (text, unknown, expected) in [
            ("", Literal, ""),
            ("a{since}b", Refused, r#"Text("a") Placeholder(Since(Rfc3339)) Text("b")"#),
            (
                "{since:%H:%M}{until:UnixSeconds}",
                Refused,
                r#"Placeholder(Since(Pattern("%H:%M"))) Placeholder(Until(UnixSeconds))"#,
            ),
            ("{length:Seconds}{daysAgo:until}", Refused, "Placeholder(Length) Placeholder(DaysAgo(Until))"),
            ("{queue}/{cursor}", Refused, r#"Placeholder(Named("queue")) Text("/") Placeholder(Cursor)"#),
            (
                "{ taskLegs(from:{since:UnixMilliseconds}){id{name}}}",
                Literal,
                r#"Text("{ taskLegs(from:") Placeholder(Since(UnixMilliseconds)) Text("){id{name}}}")"#,
            ),
            (r#"x{job="a"}"#, Refused, r#"Text("x{job=\"a\"}")"#),
            ("{since", Literal, r#"Text("{since")"#),
            ("{{since}}", Literal, r#"Text("{") Placeholder(Since(Rfc3339)) Text("}")"#),
        ] {
            assert_eq!(shown(text, unknown), expected, "{text}");
        }
        for (text, fragment) in [
            ("{sinse}", "{sinse} is not a placeholder: write one of {since}"),
            ("{since:Unixseconds}", "\"Unixseconds\" is not a form of a time"),
            ("{since:%!}", "is not a strftime pattern"),
            ("{length}", "write {length:Seconds}"),
            ("{daysAgo}", "write {daysAgo:since}"),
            ("{cursor:x}", "takes no form"),
        ] {
            assert!(shown(text, Unknown::Refused).contains(fragment), "{text}: {}", shown(text, Unknown::Refused));
        }
    }

    #[test]
    fn a_cursor_in_free_text_cannot_change_what_the_text_says() {
        for (cursor, plain) in [
            ("AAEAAc9f+/=_.-", true),
            ("", false),
            ("\" } evil {", false),
            ("a b", false),
            ("a\n", false),
            ("ü", false),
        ] {
            assert_eq!(is_plain_cursor(cursor), plain, "{cursor:?}");
        }
        assert!(is_plain_cursor(&"a".repeat(512)) && !is_plain_cursor(&"a".repeat(513)));
    }
}
