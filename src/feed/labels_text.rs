//! How the labels of a row are shown to people.

use std::collections::BTreeMap;

use crate::outbound::error::presentable;

/// Labels in words, such as `queue=billing,site=Cebu`.
pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "no labels".to_owned();
    }
    let pairs = labels.iter().map(|(name, value)| format!("{}={}", presentable(name, 63), presentable(value, 128)));
    pairs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_shown_as_pairs_and_what_disturbs_a_terminal_is_escaped() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(labels_text(&labels(&[])), "no labels");
        assert_eq!(labels_text(&labels(&[("site", "Cebu"), ("queue", "billing")])), "queue=billing,site=Cebu");
        assert!(!labels_text(&labels(&[("queue", "\u{1b}[31m")])).contains('\u{1b}'));
    }
}
