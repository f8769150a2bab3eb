//! What the formats of a feed must hold to: where rows, times, labels and measures come from.

use jiff::Zoned;
use jiff::fmt::strtime;

use super::super::checks::{Findings, check_count, check_text, check_time_zone, check_unique, quoted};
use super::{check_path, is_one, table};
use crate::api::feed::{
    Condition, FeedFormat, JsonFormat, JsonTime, LabelMapping, MeasureMapping, MeasureUnit, Summand,
};

pub(super) fn check(findings: &mut Findings, field: &str, format: &FeedFormat) {
    let members = [
        format.json.is_some(),
        format.xml.is_some(),
        format.csv.is_some(),
        format.xlsx.is_some(),
        format.arrays.is_some(),
        format.open_metrics.is_some(),
        format.prometheus.is_some(),
    ];
    findings.ensure(is_one(&members), field, || {
        "holds not exactly one format: write exactly one of json, xml, csv, xlsx, arrays, openMetrics, prometheus, or leave `format` out \
         for the native one"
            .to_owned()
    });
    let is_packed = format.json.is_some() || format.xml.is_some() || format.csv.is_some();
    findings.ensure(format.unpack.is_none() || is_packed, format!("{field}.unpack"), || {
        "belongs to json, xml and csv: take it away; an XLSX workbook is unpacked anyway".to_owned()
    });
    if let Some((kind, tree)) = format.tree() {
        check_json(findings, &format!("{field}.{kind}"), tree);
    }
    if let Some((kind, table)) = format.table() {
        table::check(findings, &format!("{field}.{kind}"), kind, table);
    }
    if let Some(metrics) = &format.open_metrics {
        check_mappings(findings, &format!("{field}.openMetrics"), &metrics.labels, &metrics.measures, METRICS);
    }
    if let Some(prometheus) = &format.prometheus {
        check_mappings(findings, &format!("{field}.prometheus"), &prometheus.labels, &prometheus.measures, QUERIES);
    }
}

/// The format of times that spreadsheets count in days.
pub(super) const SERIAL: &str = "Serial";

/// What the mappings of a format read: which member of a label and which of a measure.
#[derive(Clone, Copy)]
pub(super) struct Members {
    label: &'static str,
    measure: &'static str,
    stock: bool,
}

const PATHS: Members = Members { label: "path", measure: "path", stock: false };
pub(super) const COLUMNS: Members = Members { label: "column", measure: "column", stock: false };
const METRICS: Members = Members { label: "label", measure: "metric", stock: true };
const QUERIES: Members = Members { label: "label", measure: "query", stock: true };

fn check_json(findings: &mut Findings, field: &str, json: &JsonFormat) {
    for (name, path) in [("rows", Some(&json.rows)), ("interval", json.interval.as_ref())] {
        path.into_iter().for_each(|path| check_path(findings, &format!("{field}.{name}"), path));
    }
    check_count(findings, &format!("{field}.parents"), json.parents.len(), 4);
    check_unique(findings, &format!("{field}.parents"), json.parents.iter().map(|parent| &parent.name));
    for parent in &json.parents {
        check_path(findings, &format!("{field}.parents[{}].path", parent.name), &parent.path);
    }
    check_json_times(findings, field, json);
    check_parents(findings, field, json);
    check_conditions(findings, field, &json.conditions, PATHS);
    if let Some(zone) = &json.time_zone {
        check_time_zone(findings, &format!("{field}.timeZone"), zone);
    }
    check_mappings(findings, field, &json.labels, &json.measures, PATHS);
}

fn check_json_times(findings: &mut Findings, field: &str, json: &JsonFormat) {
    let members = [json.start.is_some(), json.interval.is_some(), json.time.is_some(), json.records.is_some()];
    findings.ensure(is_one(&members), field, || {
        "does not say when a row is: write exactly one of start, interval, time, records".to_owned()
    });
    findings.ensure(json.end.is_none() || json.start.is_some(), format!("{field}.end"), || {
        "belongs to `start`: take it away".to_owned()
    });
    let records = json.records.as_ref();
    for path in records.into_iter().flat_map(|records| [&records.id, &records.newest]).flatten() {
        check_path(findings, &format!("{field}.records"), path);
    }
    let at = records.map(|records| &records.at);
    for (name, time) in [("start", json.start.as_ref()), ("end", json.end.as_ref()), ("records.at", at)] {
        let Some(JsonTime { path, format, .. }) = time else { continue };
        check_path(findings, &format!("{field}.{name}"), path);
        check_text(findings, &format!("{field}.{name}"), path, 1_024);
        format.iter().for_each(|format| check_time_format(findings, &format!("{field}.{name}.format"), format));
    }
}

/// Each `in` names a parent.
fn check_parents(findings: &mut Findings, field: &str, json: &JsonFormat) {
    let at = json.records.as_ref().map(|records| &records.at);
    let times = [("start", json.start.as_ref()), ("end", json.end.as_ref()), ("records.at", at)];
    let times = times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?.within.as_ref()?)));
    let labels =
        json.labels.iter().filter_map(|label| Some((format!("labels[{}]", label.name), label.within.as_ref()?)));
    let measures = json
        .measures
        .iter()
        .filter_map(|measure| Some((format!("measures[{}]", measure.name), measure.within.as_ref()?)));
    let conditions = json.conditions.iter().enumerate();
    let conditions =
        conditions.filter_map(|(number, condition)| Some((format!("where[{number}]"), condition.within.as_ref()?)));
    for (place, name) in times.chain(labels).chain(measures).chain(conditions) {
        let is_parent = json.parents.iter().any(|parent| parent.name == *name);
        findings.ensure(is_parent, format!("{field}.{place}.in"), || {
            format!("{} is not a parent: name one of `parents`, or leave `in` out for the row itself", quoted(name))
        });
    }
}

pub(super) fn check_conditions(findings: &mut Findings, field: &str, conditions: &[Condition], members: Members) {
    check_count(findings, &format!("{field}.where"), conditions.len(), 8);
    for (number, condition) in conditions.iter().enumerate() {
        let field = format!("{field}.where[{number}]");
        let Condition { path, column, from, to, .. } = condition;
        check_value(findings, &field, [path, column, from, to], members);
        let compares = condition.equals.is_some()
            || !condition.one_of.is_empty()
            || !condition.none_of.is_empty()
            || condition.present.is_some()
            || condition.absent.is_some()
            || [condition.at_most, condition.above, condition.at_least, condition.below].iter().any(Option::is_some);
        findings.ensure(compares, &field, || {
            "compares nothing: write one of equals, oneOf, noneOf, present, absent, atMost, above, atLeast, below"
                .to_owned()
        });
    }
}

/// One value of a row: a path or a column, or the difference of two times.
fn check_value(findings: &mut Findings, field: &str, [path, column, from, to]: [&Option<String>; 4], members: Members) {
    let (own, other) = if members.measure == "path" { (path, column) } else { (column, path) };
    let fits = own.is_some() != from.is_some() && from.is_some() == to.is_some() && other.is_none();
    findings.ensure(fits, field, || {
        format!("does not say which value it looks at: write `{}`, or `from` and `to`", members.measure)
    });
    let times = if members.measure == "path" { [from, to] } else { [&None, &None] };
    for path in [path].into_iter().chain(times).flatten() {
        check_path(findings, field, path);
    }
}

pub(super) fn check_time_format(findings: &mut Findings, field: &str, format: &str) {
    if let Err(error) = strtime::format(format, &Zoned::default()) {
        findings.add(
            field,
            format!("{} is not a strftime format: {error}; write one such as %d/%m/%Y %H:%M", quoted(format)),
        );
    }
}

pub(super) fn check_mappings(
    findings: &mut Findings,
    field: &str,
    labels: &[LabelMapping],
    measures: &[MeasureMapping],
    members: Members,
) {
    check_count(findings, &format!("{field}.labels"), labels.len(), 10);
    check_unique(findings, &format!("{field}.labels"), labels.iter().map(|label| &label.name));
    for label in labels {
        let given =
            [("path", label.path.is_some()), ("column", label.column.is_some()), ("label", label.label.is_some())];
        let has_own = given.iter().any(|(name, is_given)| *is_given && *name == members.label);
        let has_other = given.iter().any(|(name, is_given)| *is_given && *name != members.label);
        findings.ensure(
            has_own != label.value.is_some() && !has_other,
            format!("{field}.labels[{}]", label.name),
            || format!("does not say where the value comes from: write exactly one of {}, value", members.label),
        );
        let is_table = members.label != "label";
        findings.ensure(
            is_table || (label.names.is_empty() && label.otherwise.is_none()),
            format!("{field}.labels[{}]", label.name),
            || "`names` and `otherwise` belong to json and csv: take them away".to_owned(),
        );
        findings.ensure(
            members.label == "path" || label.within.is_none(),
            format!("{field}.labels[{}].in", label.name),
            || "belongs to json: take it away".to_owned(),
        );
        check_count(findings, &format!("{field}.labels[{}].names", label.name), label.names.len(), 500);
        label.path.iter().for_each(|path| check_path(findings, &format!("{field}.labels[{}].path", label.name), path));
    }
    findings.ensure(!measures.is_empty(), format!("{field}.measures"), || {
        "is empty: list at least one measure, such as offered".to_owned()
    });
    check_unique(findings, &format!("{field}.measures"), measures.iter().map(|measure| &measure.name));
    for measure in measures {
        check_measure(findings, &format!("{field}.measures[{}]", measure.name), measure, members);
        check_volume(findings, &format!("{field}.measures[{}].of", measure.name), measure, measures);
    }
}

/// The volume of a share or a mean is another measure of the same mapping, and does not in turn wait for this one.
fn check_volume(findings: &mut Findings, field: &str, measure: &MeasureMapping, measures: &[MeasureMapping]) {
    let volume = |of: &str| measures.iter().find(|other| other.name == of);
    let Some(of) = &measure.of else { return };
    let Some(mut volume_of) = volume(of) else {
        findings.add(
            field,
            format!("{} is not a measure of this mapping: map the volume too, such as answered", quoted(of)),
        );
        return;
    };
    for _ in 0..=measures.len() {
        match volume_of.of.as_deref().and_then(volume) {
            Some(next) => volume_of = next,
            None => return,
        }
    }
    findings.add(field, format!("{} is in the end its own volume: name a measure that is counted", quoted(of)));
}

fn check_measure(findings: &mut Findings, field: &str, measure: &MeasureMapping, members: Members) {
    let given = [
        ("path", measure.path.is_some()),
        ("column", measure.column.is_some()),
        ("metric", measure.metric.is_some()),
        ("query", measure.query.is_some()),
    ];
    let is_table = members.label != "label";
    let (sum, count) = (!measure.sum.is_empty(), measure.count.is_some());
    let is_other = is_table && (sum || count);
    let fits = given.iter().all(|(name, is_given)| *is_given == (*name == members.measure && !is_other));
    findings.ensure(fits && !(sum && count) && (is_table || !(sum || count)), field, || match is_table {
        true => {
            format!("does not say where the number comes from: write exactly one of {}, sum, count", members.measure)
        }
        false => {
            format!("does not say where the number comes from: write `{}`, and none of the others", members.measure)
        }
    });
    check_summands(findings, field, measure, members);
    if let Some(count) = &measure.count {
        check_conditions(findings, &format!("{field}.count"), &count.conditions, members);
    }
    findings.ensure(is_table || measure.absent.is_none(), field, || {
        "`absent` belongs to json and csv: take it away".to_owned()
    });
    findings.ensure(members.measure == "path" || measure.within.is_none(), field, || {
        "`in` belongs to json: take it away".to_owned()
    });
    findings.ensure(members.stock || measure.stock.is_none(), field, || {
        "`stock` belongs to openMetrics and prometheus: take it away; the catalogue says which measures are stocks"
            .to_owned()
    });
    measure.path.iter().for_each(|path| check_path(findings, &format!("{field}.path"), path));
}

fn check_summands(findings: &mut Findings, field: &str, measure: &MeasureMapping, members: Members) {
    check_count(findings, &format!("{field}.sum"), measure.sum.len(), 8);
    for (number, summand) in measure.sum.iter().enumerate() {
        let field = format!("{field}.sum[{number}]");
        let Summand { path, column, from, to, .. } = summand;
        check_value(findings, &field, [path, column, from, to], members);
        check_conditions(findings, &field, &summand.conditions, members);
        let unit = summand.unit.or(measure.unit).unwrap_or(MeasureUnit::Count);
        findings.ensure(!is_share(unit), &field, || {
            "is a percentage, which cannot be added up: make each a measure of its own with its volume in `of`"
                .to_owned()
        });
    }
}

fn is_share(unit: MeasureUnit) -> bool {
    use MeasureUnit::{BasisPoints, Fraction, Percent, PercentText};
    matches!(unit, Fraction | Percent | PercentText | BasisPoints)
}

/// Every path of a mapping, by its field.
pub(super) fn paths(json: &JsonFormat) -> Vec<(String, &str)> {
    let mut paths = vec![("rows".to_owned(), json.rows.as_str())];
    paths.extend(json.parents.iter().map(|parent| (format!("parents[{}].path", parent.name), parent.path.as_str())));
    let times = [("start", &json.start), ("end", &json.end)];
    paths.extend(times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time.as_ref()?.path.as_str()))));
    paths.extend(json.interval.iter().map(|path| ("interval".to_owned(), path.as_str())));
    if let Some(records) = &json.records {
        paths.push(("records.at".to_owned(), records.at.path.as_str()));
        paths.extend(
            [&records.id, &records.newest].into_iter().flatten().map(|path| ("records".to_owned(), path.as_str())),
        );
    }
    paths.extend(paths_of(&json.conditions).map(|path| ("where".to_owned(), path)));
    let labels = json.labels.iter();
    paths.extend(labels.filter_map(|label| Some((format!("labels[{}].path", label.name), label.path.as_deref()?))));
    for measure in &json.measures {
        let summands = measure.sum.iter().flat_map(|summand| {
            let own = [&summand.path, &summand.from, &summand.to].into_iter().flatten().map(String::as_str);
            own.chain(paths_of(&summand.conditions))
        });
        let counted = measure.count.iter().flat_map(|count| paths_of(&count.conditions));
        let own = measure.path.as_deref().into_iter().chain(summands).chain(counted);
        paths.extend(own.map(|path| (format!("measures[{}].path", measure.name), path)));
    }
    paths
}

fn paths_of(conditions: &[Condition]) -> impl Iterator<Item = &str> {
    conditions.iter().flat_map(|one| [&one.path, &one.from, &one.to]).flatten().map(String::as_str)
}

/// Every strftime format of a mapping, by its field.
pub(super) fn time_formats(format: &FeedFormat) -> Vec<(String, &str)> {
    let columns = format.table().into_iter().flat_map(|(kind, table)| {
        let at = table.records.as_ref().map(|records| &records.at);
        let times = [("start", table.start.as_ref()), ("end", table.end.as_ref()), ("records.at", at)];
        times.into_iter().filter_map(move |(name, time)| {
            Some((format!("{kind}.{name}"), time?.format.as_deref().filter(|format| *format != SERIAL)?))
        })
    });
    let paths = format.tree().into_iter().flat_map(|(kind, tree)| {
        let at = tree.records.as_ref().map(|records| &records.at);
        let times = [("start", tree.start.as_ref()), ("end", tree.end.as_ref()), ("records.at", at)];
        times.into_iter().filter_map(move |(name, time)| Some((format!("{kind}.{name}"), time?.format.as_deref()?)))
    });
    columns.chain(paths).collect()
}
