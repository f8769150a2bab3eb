//! Calendars as calendar programs read them (RFC 5545): one entry a date, without alarms, links or anything that asks for an answer.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// When an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// A whole day.
    Day(Date),
    /// An instant.
    At(Timestamp),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the entry is, the same each time it is written: a later file moves it instead of adding another.
    pub uid: String,
    /// When it is.
    pub when: When,
    /// Its title.
    pub summary: String,
    /// What else there is to know.
    pub description: String,
    /// Its kind, for filters and colours.
    pub category: &'static str,
}

/// The longest line of content, in bytes, without its line break.
const LINE: usize = 75;

/// The calendar as a file. `written` is when it was made.
pub fn calendar(name: &str, entries: &[Entry], written: Timestamp) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&folded(&text));
        out.push_str("\r\n");
    };
    line("BEGIN:VCALENDAR".to_owned());
    line("VERSION:2.0".to_owned());
    line("PRODID:-//bpo-operator//kubectl bpo//EN".to_owned());
    line("CALSCALE:GREGORIAN".to_owned());
    line("METHOD:PUBLISH".to_owned());
    line(format!("X-WR-CALNAME:{}", escaped(name)));
    for entry in entries {
        line("BEGIN:VEVENT".to_owned());
        line(format!("UID:{}", escaped(&entry.uid)));
        line(format!("DTSTAMP:{}", instant(written)));
        match entry.when {
            When::Day(day) => {
                line(format!("DTSTART;VALUE=DATE:{}", date(day)));
                line(format!("DTEND;VALUE=DATE:{}", date(day.tomorrow().unwrap_or(day))));
            }
            When::At(at) => line(format!("DTSTART:{}", instant(at))),
        }
        line(format!("SUMMARY:{}", escaped(&entry.summary)));
        if !entry.description.is_empty() {
            line(format!("DESCRIPTION:{}", escaped(&entry.description)));
        }
        line(format!("CATEGORIES:{}", escaped(entry.category)));
        line("TRANSP:TRANSPARENT".to_owned());
        line("END:VEVENT".to_owned());
    }
    line("END:VCALENDAR".to_owned());
    out
}

fn date(day: Date) -> String {
    day.strftime("%Y%m%d").to_string()
}

fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Text as a value of type TEXT: what separates values is escaped, line breaks are `\n`, other control characters are `�`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(letter);
            }
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push_str("\\n"),
            '\t' => out.push(' '),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// A line broken into pieces of at most [`LINE`] bytes, each after the first with a space before it, and no letter broken in two.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / LINE * 3);
    let mut used = 0;
    for letter in text.chars() {
        if used + letter.len_utf8() > LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(letter);
        used += letter.len_utf8();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file as RFC 5545 says: lines unfolded, each into its name, parameters and value.
    fn read(file: &str) -> Vec<(String, String)> {
        let unfolded = file.replace("\r\n ", "");
        let lines = unfolded.strip_suffix("\r\n").unwrap().split("\r\n");
        lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
            .collect()
    }

    /// The text that a value of type TEXT means.
    fn meant(value: &str) -> String {
        let (mut out, mut letters) = (String::new(), value.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next().unwrap() {
                    'n' | 'N' => out.push('\n'),
                    other => out.push(other),
                },
                letter => out.push(letter),
            }
        }
        out
    }

    fn file(summary: &str) -> String {
        let entry = Entry {
            uid: "review-monthly-2026-03@acme".to_owned(),
            when: When::Day(jiff::civil::date(2026, 3, 31)),
            summary: summary.to_owned(),
            description: summary.to_owned(),
            category: "Review",
        };
        calendar(summary, &[entry], "2026-03-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_people_wrote_adds_no_line_and_no_value_and_is_read_back_as_it_was() {
        let cases = [
            ("Review; quarterly, with \\ and : \"x\"", "Review; quarterly, with \\ and : \"x\""),
            ("two\r\nEND:VEVENT\nBEGIN:VALARM\rACTION:x", "two\nEND:VEVENT\nBEGIN:VALARM\nACTION:x"),
            ("bell\u{7}\u{0} tab\t\u{85}", "bell\u{fffd}\u{fffd} tab \u{fffd}"),
            ("a\u{2028}b", "a\nb"),
            (&"é".repeat(200), &"é".repeat(200)),
            (&format!("{}😀 end", "x".repeat(66)), &format!("{}😀 end", "x".repeat(66))),
        ];
        for (written, text) in cases {
            let file = file(written);
            for line in file.split("\r\n") {
                assert!(line.len() <= 75 && !line.contains(['\n', '\r']), "{} bytes: {line:?}", line.len());
            }
            let lines = read(&file);
            let of = |wanted: &str| lines.iter().filter(|(name, _)| name == wanted).collect::<Vec<_>>();
            for name in ["SUMMARY", "DESCRIPTION", "X-WR-CALNAME"] {
                let found = of(name);
                assert_eq!((found.len(), meant(&found[0].1).as_str()), (1, text), "{name} of {written:?}");
            }
            assert_eq!(of("BEGIN").len(), 2, "{written:?} began something: {lines:?}");
        }
    }

    #[test]
    fn days_end_with_the_next_one_and_instants_are_of_the_universal_time() {
        let lines = read(&file("x"));
        let value = |wanted: &str| lines.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(value("DTSTART;VALUE=DATE"), Some("20260331"));
        assert_eq!(value("DTEND;VALUE=DATE"), Some("20260401"));
        assert_eq!(value("DTSTAMP"), Some("20260301T000000Z"));
        let entry = Entry {
            uid: "launch@acme".to_owned(),
            when: When::At("2026-03-31T23:30:00Z".parse().unwrap()),
            summary: "Launch".to_owned(),
            description: String::new(),
            category: "Launch",
        };
        let file = calendar("x", &[entry], "2026-03-01T00:00:00Z".parse().unwrap());
        assert!(file.contains("\r\nDTSTART:20260331T233000Z\r\n") && !file.contains("DESCRIPTION"), "{file}");
    }
}
