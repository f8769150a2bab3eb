//! The small language of formulas: sums and differences of measures and constants.
//!
//! ```text
//! formula = ["-"] term {("+" | "-") ["-"] term}
//! term    = measure | constant | "(" formula ")"
//! measure = letter or "_", then letters, digits, "_" and "."   such as answeredWithin
//!         | any name between backquotes                        such as `first-contact`
//! ```
//!
//! A minus is always a difference, so a measure whose name holds one is written between backquotes. Constants are added
//! once to the sums, not once per row: splitting a row changes nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::str::{CharIndices, FromStr};

use crate::api::scalar::{self, shorten};
use crate::domain::numbers::exact::Exact;

/// A sum of measures with coefficients, and a constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinearForm {
    /// What is added once.
    pub constant: Exact,
    /// Coefficients by measure; none is 0.
    pub terms: BTreeMap<String, Exact>,
}

impl LinearForm {
    /// A constant.
    pub fn constant(constant: Exact) -> Self {
        LinearForm { constant, terms: BTreeMap::new() }
    }

    /// The measures, in alphabetical order.
    pub fn measures(&self) -> impl Iterator<Item = &str> {
        self.terms.keys().map(String::as_str)
    }

    /// The value for given sums of the measures.
    pub fn evaluate(&self, mut sum_of: impl FnMut(&str) -> Exact) -> Exact {
        let products = self.terms.iter().map(|(measure, coefficient)| &sum_of(measure) * coefficient);
        products.fold(self.constant.clone(), |total, product| total + product)
    }

    fn add(&mut self, measure: &str, negative: bool) {
        let sign = if negative { -Exact::ONE } else { Exact::ONE };
        let sum = self.terms.remove(measure).unwrap_or_default() + sign;
        if !sum.is_zero() {
            self.terms.insert(measure.to_owned(), sum);
        }
    }
}

/// Why a text cannot be read as a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{formula:?}, column {column}: {problem}; write sums and differences such as offered - abandonedShort")]
pub struct FormulaError {
    /// The formula, cut.
    pub formula: String,
    /// Where it stops being one: characters from 1.
    pub column: usize,
    /// What is wrong there and what was expected.
    pub problem: String,
}

impl fmt::Display for LinearForm {
    /// As people would write it: `answered + abandoned - abandonedWithin`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let constant = (!self.constant.is_zero() || self.terms.is_empty()).then_some((None, &self.constant));
        let terms = self.terms.iter().map(|(measure, factor)| (Some(measure), factor));
        // What is added comes first, so that no formula begins with a minus that it need not have.
        let (added, taken): (Vec<_>, Vec<_>) = terms.chain(constant).partition(|(_, factor)| !factor.is_negative());
        for (place, (measure, factor)) in added.into_iter().chain(taken).enumerate() {
            let sign = match (place, factor.is_negative()) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            let size = factor.abs();
            match measure {
                None => write!(formatter, "{sign}{}", size.show(6))?,
                Some(measure) if size == Exact::ONE => write!(formatter, "{sign}{}", Written(measure))?,
                Some(measure) => write!(formatter, "{sign}{} × {}", size.show(6), Written(measure))?,
            }
        }
        Ok(())
    }
}

/// The name of a measure as a formula has it: between backquotes where it would not be read as one name.
struct Written<'a>(&'a str);

impl fmt::Display for Written<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Written(name) = self;
        let is_plain = name.starts_with(begins_name) && name.chars().all(continues_name);
        let quote = if is_plain { "" } else { "`" };
        write!(formatter, "{quote}{name}{quote}")
    }
}

fn begins_name(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

fn continues_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.')
}

impl FromStr for LinearForm {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        Parser::new(text).formula().map_err(|(offset, problem)| FormulaError {
            formula: shorten(text),
            column: text.get(..offset).unwrap_or(text).chars().count() + 1,
            problem,
        })
    }
}

/// Byte offset of a problem, and the problem.
type Problem = (usize, String);

enum Token {
    Plus,
    Minus,
    Open,
    Close,
    Constant(Exact),
    Measure(String),
}

struct Parser<'a> {
    text: &'a str,
    characters: Peekable<CharIndices<'a>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Parser { text, characters: text.char_indices().peekable() }
    }

    /// Reads a whole formula. Parentheses only change signs, so a stack of signs is all that nesting needs.
    fn formula(mut self) -> Result<LinearForm, Problem> {
        let mut form = LinearForm::default();
        let mut groups: Vec<(usize, bool)> = Vec::new();
        let mut negative = false;
        let mut term_expected = true;
        while let Some((offset, token)) = self.token()? {
            let outer = groups.last().is_some_and(|(_, negative)| *negative);
            match token {
                Token::Minus if term_expected => negative = !negative,
                Token::Plus if term_expected => return Err((offset, expected_term("a plus sign"))),
                Token::Plus => (negative, term_expected) = (outer, true),
                Token::Minus => (negative, term_expected) = (!outer, true),
                Token::Open | Token::Constant(_) | Token::Measure(_) if !term_expected => {
                    return Err((offset, "a plus or a minus is missing before this".to_owned()));
                }
                Token::Open => groups.push((offset, negative)),
                Token::Close if term_expected => return Err((offset, expected_term("a closing parenthesis"))),
                Token::Close if groups.pop().is_none() => {
                    return Err((offset, "this parenthesis was never opened".to_owned()));
                }
                Token::Close => {}
                Token::Constant(constant) => {
                    let signed = if negative { -constant } else { constant };
                    (form.constant, term_expected) = (form.constant + signed, false);
                }
                Token::Measure(measure) => {
                    form.add(&measure, negative);
                    term_expected = false;
                }
            }
        }
        match groups.pop() {
            _ if term_expected => Err((self.text.len(), expected_term("the end"))),
            Some((offset, _)) => Err((offset, "this parenthesis is never closed".to_owned())),
            None => Ok(form),
        }
    }

    fn token(&mut self) -> Result<Option<(usize, Token)>, Problem> {
        while self.characters.next_if(|(_, character)| character.is_whitespace()).is_some() {}
        let Some((offset, character)) = self.characters.next() else { return Ok(None) };
        let token = match character {
            '+' => Token::Plus,
            '-' => Token::Minus,
            '(' => Token::Open,
            ')' => Token::Close,
            '`' => Token::Measure(self.quoted(offset)?),
            '0'..='9' => Token::Constant(self.constant(offset)?),
            begin if begins_name(begin) => Token::Measure(self.run(offset, continues_name).to_owned()),
            '*' | '/' | '×' | '÷' => {
                let problem =
                    "formulas only add and subtract: the quotient is numerator / denominator, its factor is `scale`";
                return Err((offset, problem.to_owned()));
            }
            other => return Err((offset, format!("{other:?} has no meaning here"))),
        };
        Ok(Some((offset, token)))
    }

    /// The text from `offset` on, for as long as its characters are wanted.
    fn run(&mut self, offset: usize, wanted: impl Fn(char) -> bool) -> &'a str {
        while self.characters.next_if(|(_, character)| wanted(*character)).is_some() {}
        let end = self.characters.peek().map_or(self.text.len(), |(end, _)| *end);
        self.text.get(offset..end).unwrap_or_default()
    }

    fn constant(&mut self, offset: usize) -> Result<Exact, Problem> {
        let text = self.run(offset, continues_name);
        text.parse::<scalar::Decimal>().map(Exact::from).map_err(|error| (offset, error.to_string()))
    }

    fn quoted(&mut self, offset: usize) -> Result<String, Problem> {
        let name = self.run(offset + 1, |next| next != '`');
        if self.characters.next().is_none() || name.is_empty() {
            return Err((offset, "a name of a measure and a second backquote were expected after this".to_owned()));
        }
        Ok(name.to_owned())
    }
}

fn expected_term(found: &str) -> String {
    format!("a measure, a number or a parenthesis was expected, not {found}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A form as text: constant, then each measure with its coefficient.
    fn shown(form: &LinearForm) -> String {
        let terms = form.terms.iter().map(|(measure, coefficient)| format!(" {coefficient}*{measure}"));
        format!("{}{}", form.constant, terms.collect::<String>())
    }

    #[test]
    fn formulas_are_linear_forms() {
        for (text, form) in [
            ("offered", "0 1*offered"),
            ("offered - abandonedShort", "0 -1*abandonedShort 1*offered"),
            ("offered-abandonedShort", "0 -1*abandonedShort 1*offered"),
            ("a-(b-(c-d))", "0 1*a -1*b 1*c -1*d"),
            ("-(a + b) + 2.5", "5/2 -1*a -1*b"),
            ("- -a", "0 1*a"),
            ("a - -b", "0 1*a 1*b"),
            ("a + a", "0 2*a"),
            ("a - a + 1", "1"),
            ("((7))", "7"),
            ("`first-contact` - queue.calls", "0 1*first-contact -1*queue.calls"),
            ("10 - (3 - x_1)", "7 1*x_1"),
        ] {
            assert_eq!(text.parse::<LinearForm>().map(|form| shown(&form)), Ok(form.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_form_is_shown_as_people_would_write_it() {
        for (text, expected) in [
            ("- b + a", "a - b"),
            ("2.5 - x_1 - queue.calls", "2.5 - queue.calls - x_1"),
            ("`first-contact` - `2nd` - `a b` + `plain`", "`first-contact` + plain - `2nd` - `a b`"),
            ("`a-b` + `a-b`", "2 × `a-b`"),
            ("a - a", "0"),
        ] {
            assert_eq!(text.parse::<LinearForm>().map(|form| form.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_formula_is_shown_with_its_column() {
        for (text, column, problem) in [
            ("", 1, "not the end"),
            ("a +", 4, "not the end"),
            ("a b", 3, "a plus or a minus is missing"),
            ("a + + b", 5, "not a plus sign"),
            ("+ a", 1, "not a plus sign"),
            ("(a", 1, "never closed"),
            ("a)", 2, "never opened"),
            ("()", 2, "not a closing parenthesis"),
            ("a / b", 3, "`scale`"),
            ("2 * a", 3, "`scale`"),
            ("2a", 1, "\"2a\" is not a decimal"),
            ("1e3", 1, "\"1e3\" is not a decimal"),
            ("é + ;", 1, "'é' has no meaning here"),
            ("a + \u{7}", 5, "'\\u{7}' has no meaning here"),
            ("a + `b", 5, "second backquote"),
            ("``", 1, "second backquote"),
        ] {
            let error = text.parse::<LinearForm>().unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.problem.contains(problem), "{text}: {error}");
        }
        let error = "a;".parse::<LinearForm>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"a;\", column 2: ';' has no meaning here; write sums and differences such as offered - abandonedShort"
        );
    }

    #[test]
    fn deep_nesting_is_read_without_recursion() {
        let text = format!("{}a{}", "-(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(text.parse::<LinearForm>().map(|form| shown(&form)), Ok("0 1*a".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<LinearForm>();
        }

        #[test]
        fn a_group_counts_like_its_terms(signs in prop::collection::vec(any::<bool>(), 1..8)) {
            let terms: String =
                signs.iter().enumerate().map(|(i, minus)| format!(" {} m{i}", if *minus { '-' } else { '+' })).collect();
            let inverted: String =
                signs.iter().enumerate().map(|(i, minus)| format!(" {} m{i}", if *minus { '+' } else { '-' })).collect();
            let grouped: LinearForm = format!("1 - (1{terms})").parse().unwrap();
            prop_assert_eq!(grouped, format!("0{inverted}").parse().unwrap());
        }
    }
}
