//! JSONPath expressions of a contract.

use serde_json_path::JsonPath;

/// How deep brackets and parentheses may be nested: the parser may read each level twice, so that time doubles with each.
const DEEPEST: usize = 8;

/// Reads an RFC 9535 JSONPath.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn parse(text: &str) -> Result<JsonPath, String> {
    let outline = Outline::of(text);
    if outline.depth > DEEPEST {
        return Err(format!("its brackets and parentheses are nested more than {DEEPEST} levels deep"));
    }
    // The parser panics where the text ends within an escape.
    if let Some(quote) = outline.open_quote {
        return Err(format!("a quotation mark {quote} is never closed"));
    }
    JsonPath::parse(text).map_err(|error| error.to_string())
}

/// What can be told of a path without reading it.
struct Outline {
    /// How deep brackets and parentheses are nested, those in quoted names and texts left out.
    depth: usize,
    /// The quotation mark of a text that goes on to the end.
    open_quote: Option<char>,
}

impl Outline {
    fn of(text: &str) -> Self {
        let (mut depth, mut outline) = (0_usize, Self { depth: 0, open_quote: None });
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (outline.open_quote, character) {
                (Some(_), '\\') => _ = characters.next(),
                (Some(open), _) if open == character => outline.open_quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => outline.open_quote = Some(character),
                (None, '[' | '(') => depth += 1,
                (None, ']' | ')') => depth = depth.saturating_sub(1),
                (None, _) => {}
            }
            outline.depth = outline.depth.max(depth);
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_where_they_neither_take_for_ever_nor_end_the_parser() {
        let nested = |begin: &str, inside: &str, end: &str, times: usize| {
            format!("${}{inside}{}", begin.repeat(times), end.repeat(times))
        };
        for (text, reads) in [
            ("$.results[*]".to_owned(), true),
            ("$.results[?((@.kind == 'row' || !(@.total)) && length(@['tags'][0]) > 3)]".to_owned(), true),
            (r#"$["((((((((((((((((((((", '[[[[[[[[[[\'[[[[[[[[[[']"#.to_owned(), true),
            (nested("[?@", "", "]", 8), true),
            (nested("[?@", "", "]", 9), false),
            (nested("[?count(@", "", ")>1]", 4), true),
            // Each of these would keep the parser busy for longer than anyone lives, or end its stack.
            (nested("[?@", "", "]", 200), false),
            (nested("[?count(@", "", ")>1]", 90), false),
            (format!("$[?{}@{}]", "(".repeat(1_000), ")".repeat(1_000)), false),
            (format!("$[?{}", "!(".repeat(500)), false),
            (format!("$[?{}", "length(".repeat(140)), false),
            // The parser would panic here.
            (r#"$["\u"#.to_owned(), false),
            (r"$[?@ == '\uD83D\uD".to_owned(), false),
            (r#"$["\u00e9", '\'']"#.to_owned(), true),
        ] {
            let found = parse(&text);
            assert_eq!(found.is_ok(), reads, "{text}: {:?}", found.err());
        }
        assert!(parse(&"$[?@".repeat(9)).unwrap_err().contains("more than 8 levels deep"));
        assert!(parse("$['a").unwrap_err().contains("a quotation mark ' is never closed"));
        assert!(parse("$.[").unwrap_err().contains("position"));
    }
}
