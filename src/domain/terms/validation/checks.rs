//! What all validations share: how findings are gathered, and the checks of scalars.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::api::scalar::{Decimal, Duration, DurationUnit, shorten};
use crate::domain::numbers::currencies::{CURRENCIES, is_currency};
use crate::domain::terms::finding::Finding;
use crate::domain::terms::spelling::did_you_mean;

/// Findings about one object, in the order in which they were found.
pub(super) struct Findings {
    kind: &'static str,
    name: String,
    found: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(kind: &'static str, name: &str) -> Self {
        Findings { kind, name: name.to_owned(), found: vec![] }
    }

    /// The object's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Notes a finding unless `holds`. The message says what is wrong and what to write instead.
    pub(super) fn ensure(&mut self, holds: bool, field: impl Display, message: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Finding {
                kind: self.kind,
                name: self.name.clone(),
                field: field.to_string(),
                message: message(),
            });
        }
    }

    /// Notes a finding.
    pub(super) fn add(&mut self, field: impl Display, message: String) {
        self.ensure(false, field, || message);
    }

    /// Takes over findings that know no object.
    pub(super) fn extend(&mut self, findings: Vec<Finding>) {
        let named = |finding| Finding { kind: self.kind, name: self.name.clone(), ..finding };
        self.found.extend(findings.into_iter().map(named));
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}

/// A text as people wrote it: cut, quoted and escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", shorten(text))
}

/// Notes a zone that is not an IANA name.
pub(super) fn check_time_zone(findings: &mut Findings, field: &str, zone: &str) {
    // `Local` would be the zone of whatever machine judges, and an offset does not know when clocks change.
    let known = zone != "Local" && !zone.contains(':') && crate::domain::terms::calendar::zone_of(zone).is_ok();
    findings.ensure(known, field, || {
        format!(
            "{} is not a known time zone: write an IANA name such as Europe/London or UTC, neither Local nor an offset",
            quoted(zone)
        )
    });
}

/// Notes an address that is not http or https, has no host, or holds a user name or password.
pub(super) fn check_url(findings: &mut Findings, field: &str, address: &str) {
    let fits = address.len() <= 2048
        && !address.contains(char::is_whitespace)
        && (address.starts_with("http://") || address.starts_with("https://"))
        && url::Url::parse(address).is_ok_and(|url| {
            url.host_str().is_some_and(|host| !host.is_empty())
                && url.username().is_empty()
                && url.password().is_none()
                && !url.authority().contains('@')
        });
    findings.ensure(fits, field, || {
        format!(
            "{} is not an address that can be used: write http:// or https:// with a host and without user name or password, such as https://feeds.acme.example/v1",
            quoted(address)
        )
    });
}

/// Notes names that are longer than 63 characters or hold anything but a–z, 0–9 and inner dashes.
pub(super) fn check_name(findings: &mut Findings, field: &str, name: &str) {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    findings.ensure(fits, field, || {
        format!("{} is not a name: write up to 63 of a-z, 0-9 and -, such as weekly-ops", quoted(name))
    });
}

/// Notes a list that is longer than `most`.
pub(super) fn check_count(findings: &mut Findings, field: &str, count: usize, most: usize) {
    findings.ensure(count <= most, field, || format!("has {count} entries: write at most {most}"));
}

/// Notes a number that is out of its range.
pub(super) fn check_range(findings: &mut Findings, field: &str, value: i64, least: i64, most: i64) {
    findings.ensure((least..=most).contains(&value), field, || {
        format!("{value} is out of range: write a whole number from {least} to {most}")
    });
}

/// Notes a text that is longer than `most` characters.
pub(super) fn check_text(findings: &mut Findings, field: &str, text: &str, most: usize) {
    let count = text.chars().count();
    findings.ensure(count <= most, field, || format!("has {count} characters: write at most {most}"));
}

/// Notes keys that occur more than once in a list whose items are identified by them.
pub(super) fn check_unique<Key: Ord + Display>(
    findings: &mut Findings,
    field: &str,
    keys: impl IntoIterator<Item = Key>,
) {
    let mut seen = BTreeSet::new();
    for key in keys {
        let text = quoted(&key.to_string());
        let is_new = seen.insert(key);
        findings.ensure(is_new, field, || format!("{text} is there twice: keep one entry, or rename the other"));
    }
}

/// Which units a duration may have.
#[derive(Clone, Copy)]
pub(super) enum Units {
    /// `s`, `m`, `h`
    Technical,
    /// `s`, `m`, `h`, `d`, `w`
    Real,
    /// `d`, `w`
    Civil,
}

/// Notes a duration with a unit that its field does not take.
pub(super) fn check_units(findings: &mut Findings, field: &str, duration: Duration, units: Units) {
    use DurationUnit::*;
    let (fits, expected) = match units {
        Units::Technical => (matches!(duration.unit, Seconds | Minutes | Hours), "s, m or h, such as 30m"),
        Units::Real => (!matches!(duration.unit, BusinessHours | BusinessDays), "s, m, h, d or w, such as 7d"),
        Units::Civil => (matches!(duration.unit, Days | Weeks), "d or w, such as 30d"),
    };
    findings.ensure(fits, field, || format!("\"{duration}\" has a unit that is not taken here: write {expected}"));
}

/// Notes three letters that are not a currency of ISO 4217.
pub(super) fn check_currency(findings: &mut Findings, field: &str, code: &str) {
    findings.ensure(is_currency(code), field, || {
        let meant = did_you_mean(code, CURRENCIES);
        format!("{} is not a currency of ISO 4217{meant}: write its three letters, such as GBP", quoted(code))
    });
}

/// Notes a number below 0.
pub(super) fn check_non_negative(findings: &mut Findings, field: &str, value: Decimal) {
    findings.ensure(!is_below(value, 0), field, || format!("{value} is negative: write 0 or more"));
}

/// Notes a percentage that is not from 0 to 100.
pub(super) fn check_percent(findings: &mut Findings, field: &str, value: Decimal) {
    findings.ensure(!is_below(value, 0) && value <= hundred(), field, || {
        format!("{value} is not a percentage: write 0 to 100; 80 is 80 %")
    });
}

/// Whether a decimal is below a whole number.
pub(super) fn is_below(value: Decimal, bound: i64) -> bool {
    value.0 < rust_decimal::Decimal::from(bound)
}

/// 100
pub(super) fn hundred() -> Decimal {
    Decimal(rust_decimal::Decimal::ONE_HUNDRED)
}

/// Notes labels that are too many or too long.
pub(super) fn check_labels(findings: &mut Findings, field: &str, labels: &BTreeMap<String, String>) {
    check_count(findings, field, labels.len(), 10);
    for (key, value) in labels {
        let fits = (1..=63).contains(&key.chars().count()) && value.chars().count() <= 128;
        findings.ensure(fits, field, || {
            format!(
                "{} is not a label: write a key of 1 to 63 characters and a value of at most 128",
                quoted(&format!("{key}: {value}"))
            )
        });
    }
}

/// What to write where a name is not known: one of those that are.
pub(super) fn one_of(names: &BTreeSet<&str>, section: &str) -> String {
    if names.is_empty() {
        return format!("a name from `{section}`, which is empty");
    }
    let listed: Vec<String> = names.iter().take(10).map(|name| quoted(name)).collect();
    format!("one of {}", listed.join(", "))
}

/// Whether a text has the shape of an e-mail address.
pub(super) fn is_email(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || "@<>\",;".contains(letter))
    };
    text.len() <= 254 && text.split_once('@').is_some_and(|(user, host)| is_part(user) && is_part(host))
}
