//! Lists over which a feed is asked: what one request of them is for. Pure.

use std::collections::BTreeMap;

use super::format::mapping::ParsedPage;
use crate::api::feed::Feed;

/// What one request is for: a value of each list of the feed, with the label that it becomes. Empty where the feed has no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection(Vec<Selected>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Selected {
    name: String,
    value: String,
    label: String,
}

/// One selection for each combination of values, in the order in which they are written; a single empty one for a feed without lists.
pub(crate) fn selections(feed: &Feed) -> Vec<Selection> {
    let mut all = vec![Selection::default()];
    for each in &feed.each {
        let selected = |value: &String| Selected {
            name: each.name.clone(),
            value: value.clone(),
            label: each.names.get(value).unwrap_or(value).clone(),
        };
        let with =
            |before: &Selection, value: &String| Selection(before.0.iter().cloned().chain([selected(value)]).collect());
        all = all.iter().flat_map(|before| each.values.iter().map(move |value| with(before, value))).collect();
    }
    all
}

impl Selection {
    /// The first of a feed: what an answer in a file is read as.
    pub(crate) fn first_of(feed: &Feed) -> Self {
        selections(feed).into_iter().next().unwrap_or_default()
    }

    /// The value of a list.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|selected| selected.name == name).map(|selected| selected.value.as_str())
    }

    /// The names of the lists.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|selected| selected.name.as_str())
    }

    /// Adds labels to the rows and records of a page. Records of different selections are different ones, whatever their ids.
    pub(crate) fn label(&self, page: &mut ParsedPage) {
        if self.0.is_empty() {
            return;
        }
        page.rows.iter_mut().for_each(|row| self.label_row(&mut row.labels));
        let prefix: String = self.0.iter().map(|selected| format!("{}\u{0}", selected.value)).collect();
        for record in &mut page.records {
            record.id = record.id.take().map(|id| format!("{prefix}{id}"));
            if let Ok(Some(counted)) = &mut record.counts {
                self.label_row(&mut counted.labels);
            }
        }
    }

    /// Adds the labels to those of a row.
    pub(crate) fn label_row(&self, labels: &mut BTreeMap<String, String>) {
        labels.extend(self.0.iter().map(|selected| (selected.name.clone(), selected.label.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_give_a_request_for_each_combination_of_their_values() {
        for (each, expected) in [
            ("[]", vec![""]),
            (
                r#"[{"name":"queue","values":["WQ1","WQ2"],"names":{"WQ1":"Billing"}}]"#,
                vec!["queue=WQ1/Billing", "queue=WQ2/WQ2"],
            ),
            (
                r#"[{"name":"site","values":["a","b"]},{"name":"queue","values":["1","2"]}]"#,
                vec!["site=a/a queue=1/1", "site=a/a queue=2/2", "site=b/b queue=1/1", "site=b/b queue=2/2"],
            ),
        ] {
            let feed: Feed =
                serde_json::from_str(&format!(r#"{{"name":"acd","url":"https://a.example","each":{each}}}"#)).unwrap();
            let shown = |selection: &Selection| {
                let mut labels = BTreeMap::new();
                selection.label_row(&mut labels);
                let one = |name: &str| format!("{name}={}/{}", selection.value(name).unwrap(), labels[name]);
                selection.names().map(one).collect::<Vec<_>>().join(" ")
            };
            let found: Vec<String> = selections(&feed).iter().map(shown).collect();
            assert_eq!(found, expected, "{each}");
        }
    }
}
