//! How large a report is where it is stored, and what it leaves out so that it can be.

use crate::api::Packed;
use crate::api::sla_report::SlaReportSpec;

/// Bytes up to which a report lists days and parts. A store takes 1.5 MB, in which the API server also keeps who wrote which field.
pub const MOST_STORED: usize = 900_000;
/// Bytes of packed days and parts that need no look at the whole: they are stored in at most eight times as many.
const SURELY_FIT: usize = 56_000;

/// The report with its days and parts as long as they fit: else without the parts of all KPIs, and then without their days. What is left
/// follows from the report alone.
pub fn fitted(mut report: SlaReportSpec) -> SlaReportSpec {
    let listed: usize = report.kpis.iter().map(|line| line.days.bytes() + line.parts.bytes()).sum();
    if listed <= SURELY_FIT || stored_bytes(&report) <= MOST_STORED {
        return report;
    }
    report.kpis.iter_mut().for_each(|line| line.parts = Packed::default());
    if stored_bytes(&report) > MOST_STORED {
        report.kpis.iter_mut().for_each(|line| line.days = Packed::default());
    }
    report
}

/// Bytes of a report as an API server stores it.
pub fn stored_bytes(report: &SlaReportSpec) -> usize {
    serde_json::to_string(report).map_or(usize::MAX, |json| as_go_writes(&json))
}

/// Bytes of a JSON text as the encoder of Go writes it: it has `<`, `>`, `&`, two separators of lines and control characters in six.
fn as_go_writes(json: &str) -> usize {
    let mut after_backslash = false;
    let letters = json.chars().map(|letter| {
        let is_escaped = after_backslash;
        after_backslash = letter == '\\' && !is_escaped;
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
            // Here in two, of which the backslash is counted.
            'b' | 'f' | 'n' | 'r' | 't' if is_escaped => 5,
            letter => letter.len_utf8(),
        }
    });
    letters.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::made_of::{DayValue, PartValue};
    use crate::api::verdict::Verdict;
    use crate::view::report::fixtures::{line, march};

    #[test]
    fn a_text_is_as_long_as_the_encoder_of_go_writes_it() {
        for (text, bytes) in [
            ("abc", 5),
            ("&<>", 20),
            ("é\u{1F3E2}", 8),
            ("\u{2028}", 8),
            ("\n\t\u{8}\u{c}\r\u{1}", 38),
            // A backslash is two, and what follows it is not escaped by it.
            ("\\n", 5),
            ("\"&", 10),
        ] {
            assert_eq!(as_go_writes(&serde_json::to_string(text).unwrap()), bytes, "{text:?}");
        }
    }

    /// A report with a number of KPIs, and days and parts of each. `letters`: how many letters of a part's label are stored in six bytes each.
    fn report(kpis: usize, days: usize, parts: usize, letters: usize) -> SlaReportSpec {
        let day = DayValue {
            date: jiff::civil::date(2026, 3, 1),
            value: Some("90.0".to_owned()),
            denominator: Some("100".to_owned()),
            verdict: Verdict::Met,
        };
        let part = PartValue {
            label: [("site".to_owned(), "&".repeat(letters))].into(),
            value: Some("90.0".to_owned()),
            denominator: Some("100".to_owned()),
            effect: Some("-1.0".to_owned()),
        };
        let mut own = line("level", "90.0", "80");
        own.days = Packed::of(vec![day; days]);
        own.parts = Packed::of(vec![part; parts]);
        SlaReportSpec { kpis: vec![own; kpis], ..march() }
    }

    #[test]
    fn what_does_not_fit_goes_the_parts_first_and_then_the_days() {
        for (name, whole, has_days, has_parts) in [
            ("few KPIs", report(5, 31, 20, 128), true, true),
            ("many KPIs with short labels", report(50, 31, 20, 4), true, true),
            ("many KPIs with long labels", report(50, 31, 20, 128), true, false),
            ("days alone are too many", report(500, 31, 20, 4), false, false),
        ] {
            let fitted = fitted(whole.clone());
            for line in &fitted.kpis {
                assert_eq!((!line.days.is_empty(), !line.parts.is_empty()), (has_days, has_parts), "{name}");
            }
            assert_eq!(stored_bytes(&whole) <= MOST_STORED, has_parts, "{name}: {} bytes", stored_bytes(&whole));
            assert!(!has_days || stored_bytes(&fitted) <= MOST_STORED, "{name}");
        }
    }

    #[test]
    fn packed_days_and_parts_are_stored_in_at_most_eight_times_their_bytes() {
        for (days, parts, letters) in [(31, 0, 0), (0, 20, 0), (0, 20, 1), (31, 20, 128)] {
            let (with, without) = (report(1, days, parts, letters), report(1, 0, 0, 0));
            let packed = with.kpis[0].days.bytes() + with.kpis[0].parts.bytes();
            let stored = stored_bytes(&with) - stored_bytes(&without);
            assert!(stored <= 8 * packed, "{stored} bytes of {packed}");
        }
    }
}
