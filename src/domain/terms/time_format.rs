//! Whether a strftime format can be read back without guessing: every part of one time, each once.

use std::collections::BTreeSet;

/// A part of a time that a directive reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    Week,
    Weekday,
    Hour,
    TwelveHour,
    Half,
    Minute,
    Second,
    Fraction,
    Offset,
    Epoch,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Month => "month",
            Part::Day => "day",
            Part::DayOfYear => "day of the year",
            Part::Week => "week",
            Part::Weekday => "weekday",
            Part::Hour | Part::TwelveHour => "hour",
            Part::Half => "AM or PM",
            Part::Minute => "minute",
            Part::Second => "second",
            Part::Fraction => "fraction of a second",
            Part::Offset => "offset",
            Part::Epoch => "time since 1970",
        }
    }
}

/// What a directive's letter reads; `None` for one that reads nothing (`%%`, spaces) or that is not known.
fn parts_of(letter: char) -> &'static [Part] {
    use Part::*;
    match letter {
        'Y' | 'y' | 'G' | 'g' => &[Year],
        'm' | 'b' | 'B' | 'h' => &[Month],
        'd' | 'e' => &[Day],
        'j' => &[DayOfYear],
        'V' | 'U' | 'W' => &[Week],
        'a' | 'A' | 'u' | 'w' => &[Weekday],
        'H' | 'k' => &[Hour],
        'I' | 'l' => &[TwelveHour],
        'p' | 'P' => &[Half],
        'M' => &[Minute],
        'S' => &[Second],
        'f' | 'N' => &[Fraction],
        'z' | 'Z' | 'Q' => &[Offset],
        's' => &[Epoch],
        'F' | 'D' => &[Year, Month, Day],
        'T' | 'X' => &[Hour, Minute, Second],
        'R' => &[Hour, Minute],
        'r' => &[TwelveHour, Minute, Second, Half],
        'c' => &[Year, Month, Day, Weekday, Hour, Minute, Second],
        _ => &[],
    }
}

/// The parts that a format reads, in its order.
fn parts(format: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        // Flags, a width, and the colons or the point of an offset or a fraction stand before the letter.
        let is_before = |letter: &char| matches!(letter, '-' | '_' | '0'..='9' | '^' | '#' | '.' | ':');
        let directive = letters.by_ref().find(|letter| !is_before(letter));
        found.extend(directive.map_or(&[][..], parts_of));
    }
    found
}

/// What is wrong with a format that is well written but reads another time than the one that is written: `None` where nothing is.
/// The message goes on from the quoted format: `"%H:%M - %H:%M" names the hour twice …`.
pub fn fault(format: &str) -> Option<String> {
    let found = parts(format);
    let mut seen = BTreeSet::new();
    let repeated = found.iter().find(|part| !seen.insert(part.name()));
    if let Some(part) = repeated {
        return Some(format!(
            "names the {} twice, and the second would count: write the format of one time, such as %d/%m/%Y %H:%M, and name \
             columns that hold no other",
            part.name()
        ));
    }
    let has = |part: Part| found.contains(&part);
    if has(Part::Epoch) {
        return None;
    }
    if has(Part::TwelveHour) && !has(Part::Half) {
        return Some(
            "has hours up to 12 (%I) without AM or PM, so that the afternoon would be read as the morning: write %H, or add %p"
                .to_owned(),
        );
    }
    if has(Part::Half) && !has(Part::TwelveHour) {
        return Some("has AM or PM (%p) without hours up to 12: write %I for the hours, such as %I:%M %p".to_owned());
    }
    let by_date = has(Part::Month) && has(Part::Day);
    let by_week = has(Part::Week) && has(Part::Weekday);
    if !has(Part::Year) || !(by_date || has(Part::DayOfYear) || by_week) {
        return Some(
            "names no whole date: write year, month and day, such as %d/%m/%Y %H:%M, and list the columns that hold them"
                .to_owned(),
        );
    }
    let has_hour = has(Part::Hour) || has(Part::TwelveHour);
    let lone = [(Part::Minute, has_hour), (Part::Second, has(Part::Minute)), (Part::Fraction, has(Part::Second))];
    lone.into_iter().find(|(part, is_led)| has(*part) && !is_led).map(|(part, _)| {
        format!(
            "has the {} without what comes before it, so that it would not count: write hours and minutes, such as %H:%M",
            part.name()
        )
    })
}

/// The same format with day and month the other way round; `None` where it has not both as numbers.
pub fn with_day_and_month_swapped(format: &str) -> Option<String> {
    let both = format.contains("%d") && format.contains("%m");
    both.then(|| format.replace("%d", "\u{0}").replace("%m", "%d").replace('\u{0}', "%m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_reads_one_whole_time_or_says_why_not() {
        for (format, expected) in [
            ("%d/%m/%Y %H:%M", None),
            ("%Y-%m-%dT%H:%M:%S%.f%:z", None),
            ("%-d.%-m.%y %k:%M", None),
            ("%m/%d/%Y %I:%M %p", None),
            ("%a %d %b %Y %T", None),
            ("%F %R", None),
            ("%G-W%V-%u", None),
            ("%Y-%j", None),
            ("%s", None),
            ("100%% %F", None),
            ("%d/%m/%Y", None),
            ("%d/%m/%Y %H:%M - %H:%M", Some("names the hour twice")),
            ("%d/%m/%Y %H:%M:%S-%T", Some("names the hour twice")),
            ("%H:%M - %H:%M", Some("names the hour twice")),
            ("%d/%m/%Y %H:%m", Some("names the month twice")),
            ("%d/%m/%Y - %d/%m/%Y", Some("names the day twice")),
            ("%F %Y", Some("names the year twice")),
            ("%d/%m/%Y %H:%M %I", Some("names the hour twice")),
            ("%d/%m/%Y %I:%M", Some("write %H, or add %p")),
            ("%d/%m/%Y %H:%M %p", Some("write %I for the hours")),
            ("%H:%M", Some("names no whole date")),
            ("%d/%m %H:%M", Some("names no whole date")),
            ("%Y %H:%M", Some("names no whole date")),
            ("%d/%m/%Y %M", Some("has the minute without")),
            ("%d/%m/%Y %H %S", Some("has the second without")),
        ] {
            match (fault(format), expected) {
                (None, None) => {}
                (Some(found), Some(words)) => assert!(found.contains(words), "{format}: {found}"),
                (found, expected) => panic!("{format}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn day_and_month_change_places() {
        assert_eq!(with_day_and_month_swapped("%d/%m/%Y %H:%M").as_deref(), Some("%m/%d/%Y %H:%M"));
        assert_eq!(with_day_and_month_swapped("%d %b %Y"), None);
    }
}
