//! What to write where a field takes only some texts, in words instead of patterns.
//!
//! A field says its pattern. [`in_words`] turns it into a rule with a message, so that an API server answers a wrong value with what to
//! write, and never with a regular expression. A pattern without words here is found by a test.

use serde_json::{Map, Value, json};

use super::scalar::{DECIMAL_PATTERN, NON_NEGATIVE_PATTERN, PERCENT_PATTERN};

/// Patterns and what to write instead of a text that does not match.
const WORDS: &[(&str, &str)] = &[
    (DECIMAL_PATTERN, "write a number with at most 12 digits and 6 after a point, such as 80 or \"79.5\""),
    (
        NON_NEGATIVE_PATTERN,
        "write 0 or a number above it, with at most 12 digits and 6 after a point, such as 80 or \"79.5\"",
    ),
    (PERCENT_PATTERN, "write a percentage from 0 to 100, such as 80 or \"79.5\"; 80 is 80 %"),
    ("^[0-9]{1,9}(s|m|h)$", "write one number and one unit, s, m or h, such as 30m"),
    ("^[0-9]{1,9}(d|w)$", "write one number and one unit, d or w, such as 30d"),
    ("^[0-9]{1,9}(s|m|h|d|w)$", "write one number and one unit, s, m, h, d or w, such as 7d"),
    ("^[0-9]{1,9}(s|m|h|d|w|bh|bd)$", "write one number and one unit, s, m, h, d, w, bh or bd, such as 10bd"),
    ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "write a name of a-z, 0-9 and inner -, such as weekly-ops"),
    (
        "^[A-Za-z_][A-Za-z0-9_.-]*$",
        "write a name that begins with a letter or _ and goes on with letters, digits, _, . and -, such as answeredWithin",
    ),
    ("^[A-Za-z0-9_.-]+$", "write a name of letters, digits, _, . and -, such as api.key"),
    ("^[A-Za-z0-9_-]+$", "write a name of letters, digits, _ and -, such as X-Api-Key"),
    ("^[^\\r\\n]*$", "write it on one line"),
    ("^[^@\\s<>\",;]+@[^@\\s<>\",;]+$", "write one e-mail address, such as ops@client.example"),
    ("^smtps?://[^/?#@\\s]+/?$", "write smtps:// or smtp:// and a host, such as smtps://mail.client.example"),
    ("^([01][0-9]|2[0-3]):[0-5][0-9]$", "write a time of day as \"08:00\""),
    ("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "write a time of day as \"20:00\", at the latest \"24:00\""),
    ("^[A-Z]{3}$", "write the three capital letters of a currency by ISO 4217, such as GBP"),
    (
        "^([0-9]{4}(-(W[0-9]{2}|Q[1-4]|H[12]|[0-9]{2}))?|FY[0-9]{4}(-(Q[1-4]|H[12]))?|CY[0-9]{1,4})$",
        "write the name of a period, such as 2026-01, 2026-W07, 2026-Q1, 2026-H1, 2026, FY2027-Q1 or CY1",
    ),
    (
        "^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$",
        "write a month and a day from \"01-01\" to \"12-28\", such as \"04-01\"",
    ),
];

/// Replaces the pattern of a scalar's schema by a rule with a message. A pattern without words stays.
pub(super) fn in_words(schema: &mut Map<String, Value>) {
    let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return };
    let Some((_, message)) = WORDS.iter().find(|(known, _)| *known == pattern) else { return };
    // The cost of a rule grows with the length of its expression.
    let matches = format!("self.matches(r'{}')", pattern.replace("[0-9]", r"\d").replace("0-9", r"\d"));
    let rule = match schema.get("x-kubernetes-int-or-string") {
        Some(_) => format!("type(self) == int || {matches}"),
        None => matches,
    };
    schema.remove("pattern");
    let rules = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Value::Array(rules) = rules {
        rules.insert(0, json!({"rule": rule, "message": message}));
    }
}

/// Takes patterns away from what only the operator writes; it needs no words.
pub(super) fn without_patterns(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("pattern").is_some_and(Value::is_string) {
                map.remove("pattern");
            }
            map.values_mut().for_each(without_patterns);
        }
        Value::Array(items) => items.iter_mut().for_each(without_patterns),
        _ => {}
    }
}
