//! What is printed for people: texts from outside cannot disturb a terminal.

use crate::outbound::error::disturbs;

/// The text with everything escaped that could move the cursor, colour, hide or reorder what a terminal shows. Line breaks stay.
///
/// A contract's author, a vendor and a cluster are all outside: their words reach a terminal through this function alone.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && disturbs(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_colours_hides_or_reorders_is_escaped_and_lines_stay() {
        let cases = [
            ("two\nlines │ ✓ 87.6\u{a0}%", "two\nlines │ ✓ 87.6\u{a0}%"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("over\rwritten\ttab", "over\\u{d}written\\u{9}tab"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text), shown);
        }
    }
}
