//! The right name for a misspelt one.

/// Names longer than this are not compared: a hint is for slips of the finger.
const LONGEST: usize = 64;

/// The name that was most likely meant: the same letters in another case or with other separators, or at most a third of the
/// letters wrong, and never more than three. `None` where no name is near, or where the word is itself one of the names.
///
/// Of two names that are equally near, the first.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let bare_word = bare(word);
    if bare_word.is_empty() || bare_word.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        if name == word {
            return None;
        }
        let bare_name = bare(name);
        if bare_name.is_empty() || bare_name.len() > LONGEST {
            continue;
        }
        let distance = edits(&bare_word, &bare_name);
        let shortest = bare_word.len().min(bare_name.len());
        // A short word with another first letter is another word: text is not a misspelt next.
        let is_other = shortest < 5 && bare_word.first() != bare_name.first();
        if distance <= (shortest / 3).min(3) && !is_other && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// A question to end a message with, such as ` (did you mean rank?)`; empty where no name is near.
pub fn did_you_mean<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    nearest(word, names).map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

/// The letters and digits of a name, in lower case.
fn bare(name: &str) -> Vec<char> {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to make one word of the other.
///
/// The optimal string alignment distance: L. Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.
fn edits(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let changed = at(&above, column) + usize::from(a != b);
            let mut least = changed.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            let is_swap = row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if is_swap {
                least = least.min(at(&before, column - 1) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    at(&above, right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_right_one() {
        let names = ["labels", "measures", "start", "end", "revision", "recordedAt", "next", "AtLeast", "AtMost"];
        for (word, expected) in [
            ("lables", Some("labels")),
            ("label", Some("labels")),
            ("Labels", Some("labels")),
            ("recorded_at", Some("recordedAt")),
            ("recordedAT", Some("recordedAt")),
            ("revison", Some("revision")),
            ("mesaures", Some("measures")),
            ("nxet", Some("next")),
            ("text", None),
            ("atleast", Some("AtLeast")),
            ("AtLest", Some("AtLeast")),
            ("labels", None),
            ("queue", None),
            ("id", None),
            ("", None),
            ("---", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(did_you_mean("rnak", ["rank"]), " (did you mean rank?)");
        assert_eq!(did_you_mean("colour", ["rank"]), "");
        assert_eq!(nearest(&"x".repeat(100_000), names), None);
    }

    #[test]
    fn edits_are_counted() {
        for (left, right, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "ab", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
        ] {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(edits(&letters(left), &letters(right)), expected, "{left} {right}");
            assert_eq!(edits(&letters(right), &letters(left)), expected, "{right} {left}");
        }
    }
}
