//! JSONPath expressions of a contract (RFC 9535), read with bounded work.
//!
//! Whoever writes a contract writes paths, and whoever runs a feed writes the documents. So a path is evaluated against a
//! budget of nodes ([`Work`]), whatever it says; and new contracts may hold only paths whose cost is linear in the document:
//! [`JsonPath::excess`].

mod evaluation;
mod grammar;
mod work;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

pub use evaluation::Found;
pub use work::{TooMuchWork, Work};

/// How deep brackets and parentheses may be nested: the parser may read each level twice, so that time doubles with each.
const DEEPEST: usize = 8;
/// Characters of a path, as the schema bounds them.
const LONGEST: usize = 1_024;

/// A path that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    query: JpQuery,
}

impl JsonPath {
    /// The values that the path finds in `root`, in the order of RFC 9535, and at most `most` of them.
    ///
    /// # Errors
    /// When the budget is used up.
    pub fn find<'v>(&self, root: &'v Value, work: &Work, most: usize) -> Result<Vec<Found<'v>>, TooMuchWork> {
        evaluation::find(&self.query.segments, root, work, most)
    }

    /// Why a new contract may not hold this path, as the end of a sentence; `None` for a path whose cost is linear.
    pub fn excess(&self) -> Option<String> {
        grammar::excess(&self.query.segments)
    }
}

/// Reads a path, those of contracts that were stored before paths were bounded included.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn parse(text: &str) -> Result<JsonPath, String> {
    if text.chars().count() > LONGEST {
        return Err(format!("it has more than {LONGEST} characters"));
    }
    let outline = Outline::of(text);
    if outline.depth > DEEPEST {
        return Err(format!("its brackets and parentheses are nested more than {DEEPEST} levels deep"));
    }
    if let Some(quote) = outline.open_quote {
        return Err(format!("a quotation mark {quote} is never closed"));
    }
    if outline.broken_name {
        return Err(
            "there is a space inside a name: write names with spaces in quotes, such as $['queue name']".to_owned()
        );
    }
    let query = parse_json_path(text).map_err(|error| sentence(&error))?;
    match grammar::unknown(&query.segments) {
        Some(unknown) => Err(unknown),
        None => Ok(JsonPath { query }),
    }
}

/// What the parser says, without its drawing of the text.
fn sentence(error: &JsonPathError) -> String {
    let text = error.to_string();
    let place =
        text.split_once("--> 1:").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    match place {
        Some(place) => format!("it cannot be read from position {place} on"),
        None => "it cannot be read".to_owned(),
    }
}

/// What is known of a path without reading it.
struct Outline {
    /// How deep brackets and parentheses are nested, those in quoted names and texts left out.
    depth: usize,
    /// The quotation mark of a text that goes on to the end.
    open_quote: Option<char>,
    /// Whether there is a space between two parts of a name, which the parser would take for one name.
    broken_name: bool,
}

impl Outline {
    fn of(text: &str) -> Self {
        let (mut depth, mut outline) = (0_usize, Self { depth: 0, open_quote: None, broken_name: false });
        let of_a_name = |character: char| character.is_alphanumeric() || character == '_' || !character.is_ascii();
        // What came last other than a space, and whether a space came after it.
        let (mut last, mut spaced) = ('$', false);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if outline.open_quote.is_none() {
                outline.broken_name |= spaced && of_a_name(last) && of_a_name(character);
                spaced = character.is_ascii_whitespace();
                last = if spaced { last } else { character };
            }
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
mod tests;
