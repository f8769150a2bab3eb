//! Specs made from the definitions' own schemas: each field left out, and set to what its schema allows at its bounds and just beyond.

use serde_json::{Map, Value, json};

/// A spec that differs from a plain one in one place.
#[derive(Clone, Debug)]
pub(crate) struct Variation {
    /// Its kind, such as `VendorContract`.
    pub kind: &'static str,
    /// The plural of its kind.
    pub plural: &'static str,
    /// What is different, such as `spec.feeds[].interval = "24h"`.
    pub what: String,
    /// The spec.
    pub spec: Value,
}

/// The plain spec of each kind: small, whole and judged.
pub(crate) fn plain(feed: &str) -> [(&'static str, &'static str, Value); 4] {
    let contract = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-01-31"}, "firstCloseAfter": "0h",
        "feeds": [{"name": "acd", "url": feed, "interval": "30s"}],
    });
    let kpi = json!({"contractRef": {"name": "base"}, "source": {"feed": "acd"}, "kpi": "ServiceLevel", "objective": {"target": 80}});
    let launch = json!({"contractRefs": [{"name": "base"}], "product": "p", "launchAt": "2026-01-30T08:00:00Z"});
    [
        ("VendorContract", "vendorcontracts", contract),
        ("KpiTarget", "kpitargets", kpi),
        ("ServiceTier", "servicetiers", json!({"rank": 1})),
        ("CampaignLaunch", "campaignlaunches", launch),
    ]
}

/// All variations of all kinds, in a fixed order.
pub(crate) fn variations(feed: &str) -> Vec<Variation> {
    let definitions = bpo_operator::api::schema::custom_resource_definitions().unwrap();
    let mut all = Vec::new();
    for (kind, plural, plain) in plain(feed) {
        let definition = definitions.iter().find(|(name, _)| name == plural).map(|(_, definition)| definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut walk = Walk { kind, plural, plain: &plain, schema, feed, found: Vec::new() };
        walk.node(schema, &mut Vec::new());
        all.append(&mut walk.found);
    }
    all
}

/// A step into a value: a member, or the first entry of a list.
#[derive(Clone, Debug)]
enum Part {
    Member(String),
    First,
}

struct Walk<'a> {
    kind: &'static str,
    plural: &'static str,
    plain: &'a Value,
    schema: &'a Value,
    feed: &'a str,
    found: Vec<Variation>,
}

impl Walk<'_> {
    fn node(&mut self, schema: &Value, place: &mut Vec<Part>) {
        if !place.is_empty() {
            self.add(place, None);
            for value in self.bounds(schema, place) {
                self.add(place, Some(value));
            }
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            place.push(Part::Member(name.clone()));
            self.node(member, place);
            place.pop();
        }
        if schema["items"].is_object() {
            place.push(Part::First);
            self.node(&schema["items"], place);
            place.pop();
        }
    }

    fn add(&mut self, place: &[Part], value: Option<Value>) {
        let mut spec = self.plain.clone();
        let shown = value.as_ref().map_or("left out".to_owned(), |value| {
            let text = value.to_string();
            format!("= {}{}", text.chars().take(60).collect::<String>(), if text.len() > 60 { "…" } else { "" })
        });
        if !self.set(&mut spec, self.schema, place, value) {
            return;
        }
        let what = format!("{} spec{} {shown}", self.kind, path(place));
        self.found.push(Variation { kind: self.kind, plural: self.plural, what, spec });
    }

    /// Sets a place, or takes it out; what lies on the way is made as its schema asks for. False: there is nothing to take out.
    fn set(&self, at: &mut Value, schema: &Value, place: &[Part], value: Option<Value>) -> bool {
        let Some((part, rest)) = place.split_first() else {
            return value.map(|value| *at = value).is_some();
        };
        match part {
            Part::Member(name) => {
                let schema = &schema["properties"][name];
                let Some(members) = at.as_object_mut() else { return false };
                match (rest, &value) {
                    ([], None) => return members.remove(name).is_some(),
                    (_, None) if !members.contains_key(name) => return false,
                    _ => {}
                }
                let child = members.entry(name.clone()).or_insert_with(|| self.guess(schema, name));
                rest.is_empty().then(|| *child = value.clone().unwrap_or_default()).is_some()
                    || self.set(child, schema, rest, value)
            }
            Part::First => {
                let schema = &schema["items"];
                let Some(entries) = at.as_array_mut() else { return false };
                if entries.is_empty() {
                    if value.is_none() {
                        return false;
                    }
                    entries.push(self.guess(schema, ""));
                }
                match (rest, value) {
                    ([], None) => false,
                    ([], Some(value)) => {
                        entries[0] = value;
                        true
                    }
                    (rest, value) => self.set(&mut entries[0], schema, rest, value),
                }
            }
        }
    }

    /// A value that a schema most likely accepts, with what it requires and no more.
    fn guess(&self, schema: &Value, name: &str) -> Value {
        if let Some(default) = schema.get("default") {
            return default.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
            return first.clone();
        }
        match schema["type"].as_str() {
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let members = required.map(|name| (name.to_owned(), self.guess(&schema["properties"][name], name)));
                Value::Object(members.collect())
            }
            Some("array") => match schema["minItems"].as_u64() {
                Some(1..) => json!([self.guess(&schema["items"], name)]),
                _ => json!([]),
            },
            Some("boolean") => json!(true),
            Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("string") => json!(self.word(schema, name)),
            _ => json!(1),
        }
    }

    /// A text as the member's name suggests.
    fn word(&self, schema: &Value, name: &str) -> String {
        let lower = name.to_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if schema["format"] == "date-time" || name.ends_with("At") {
            return "2026-01-05T08:00:00Z".to_owned();
        }
        let word = match () {
            () if is(&["url"]) => self.feed,
            () if is(&[
                "every", "interval", "timeout", "after", "within", "age", "lookback", "lateness", "cadence", "due",
            ]) =>
            {
                "24h"
            }
            () if ["from", "start", "on"].contains(&name) || name.ends_with("On") => "2026-01-05",
            () if ["to", "end", "until"].contains(&name) => "2026-01-20",
            () if is(&["currency"]) => "GBP",
            () if is(&["percent", "target", "bound", "amount"]) => "5",
            () if is(&["feed"]) => "acd",
            () if is(&["path", "rows"]) => "$.rows[*]",
            () => "acd",
        };
        word.to_owned()
    }

    /// What a schema allows at its bounds, and what is just beyond them.
    fn bounds(&self, schema: &Value, place: &[Part]) -> Vec<Value> {
        let name = match place.last() {
            Some(Part::Member(name)) => name.as_str(),
            _ => "",
        };
        if let Some(all) = schema["enum"].as_array() {
            return all.iter().cloned().chain([json!("Unheard")]).collect();
        }
        match schema["type"].as_str() {
            Some("object") => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                let whole: Map<String, Value> =
                    properties.map(|(name, member)| (name.clone(), self.guess(member, name))).collect();
                vec![json!({}), self.guess(schema, name), Value::Object(whole), json!({"unheard": 1})]
            }
            Some("array") => {
                let entry = self.guess(&schema["items"], name);
                let most = usize::try_from(schema["maxItems"].as_u64().unwrap_or(3)).unwrap().min(70);
                vec![json!([]), json!([entry]), json!(vec![entry.clone(); most]), json!(vec![entry; most + 1])]
            }
            Some("boolean") => vec![json!(true), json!(false)],
            Some("integer") => {
                let bound = |name: &str| schema[name].as_i64();
                let (least, most) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
                [least, most, least.saturating_sub(1), most.saturating_add(1), 0, 1].map(|number| json!(number)).into()
            }
            Some("string") => self.texts(schema, name),
            _ => ["0", "1", "100", "-1", "99.995", "1e400", "NaN", "99999999999999999999", "0.0000000001"]
                .map(|text| json!(text))
                .into_iter()
                .chain([json!(0), json!(100), json!(-1), json!(i64::MAX)])
                .collect(),
        }
    }

    fn texts(&self, schema: &Value, name: &str) -> Vec<Value> {
        let length = |name: &str, otherwise: u64| usize::try_from(schema[name].as_u64().unwrap_or(otherwise)).unwrap();
        let (least, most) = (length("minLength", 0), length("maxLength", 253).min(4_096));
        let mut texts = vec!["a".repeat(least), "a".repeat(most), "a".repeat(most + 1), self.word(schema, name)];
        let usual = [
            "24h",
            "0s",
            "5bd",
            "2026-02-30",
            "2026-01-31",
            "9999-12-31T23:59:59Z",
            "80",
            "$.a[*]",
            "Europe/London",
            "a\u{202e}\n\u{1b}[31m",
            "{{}}",
        ];
        texts.extend(usual.map(str::to_owned));
        texts.dedup();
        texts.into_iter().map(Value::from).collect()
    }
}

fn path(place: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Member(name) => format!(".{name}"),
        Part::First => "[]".to_owned(),
    };
    place.iter().map(part).collect()
}

#[test]
fn every_field_of_every_kind_is_left_out_or_set_and_set_at_its_bounds() {
    let all = variations("http://127.0.0.1:9/v1/intervals");
    let of = |kind: &str| all.iter().filter(|one| one.kind == kind).count();
    for (kind, least) in [("VendorContract", 5_000), ("KpiTarget", 500), ("ServiceTier", 100), ("CampaignLaunch", 500)]
    {
        assert!(of(kind) >= least, "{kind}: {}", of(kind));
    }
    let has = |what: &str| all.iter().any(|one| one.what == what);
    for what in [
        "KpiTarget spec.objective left out",
        "VendorContract spec.feeds[].timeout = \"24h\"",
        "VendorContract spec.escalation[].level = 0",
    ] {
        assert!(has(what), "{what}");
    }
}
