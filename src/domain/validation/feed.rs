//! What a feed of a VendorContract must hold to.

use jiff::Zoned;
use jiff::fmt::strtime;

use super::checks::{
    Findings, Units, check_count, check_name, check_range, check_time_zone, check_unique, check_units, check_url,
    quoted,
};
use crate::api::feed::{
    ApiKeyAuth, CsvFormat, Feed, FeedAuth, FeedFormat, FeedRequest, JsonFormat, LabelMapping, MeasureMapping,
    Pagination,
};
use crate::api::scalar::{Duration, DurationUnit};
use crate::domain::headers::is_framing_or_routing;
use crate::domain::json_path;
use crate::domain::time_format;

/// Headers that would carry a secret past the rule that a Secret's owner says where it goes.
const FORBIDDEN_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
/// The longest that one request may take.
const LONGEST_TIMEOUT: i64 = 60;
/// The longest pause between two fetches.
const LONGEST_INTERVAL: i64 = 86_400;

pub(super) fn check(findings: &mut Findings, feed: &Feed) {
    check_name(findings, "spec.feeds", &feed.name);
    let field = format!("spec.feeds[{}]", feed.name);
    check_url(findings, &format!("{field}.url"), &feed.url);
    check_times(findings, &field, feed);
    if let Some(format) = &feed.format {
        check_format(findings, &format!("{field}.format"), format);
    }
    if let Some(request) = &feed.request {
        check_request(findings, &format!("{field}.request"), request);
    }
    if let Some(pagination) = &feed.pagination {
        check_pagination(findings, &format!("{field}.pagination"), pagination, feed.format.as_ref());
    }
    if let Some(auth) = &feed.auth {
        check_auth(findings, &format!("{field}.auth"), auth);
    }
    if let Some(authority) = feed.tls.as_ref().and_then(|tls| tls.ca_ref.as_ref()) {
        let is_one = authority.config_map_ref.is_some() != authority.secret_ref.is_some();
        findings.ensure(is_one, format!("{field}.tls.caRef"), || {
            "names not exactly one source: write exactly one of configMapRef, secretRef".to_owned()
        });
    }
}

/// Rules that contracts were accepted without. Until such a contract is edited it is judged as before, within the same bounds.
pub(super) fn check_later_rules(findings: &mut Findings, feed: &Feed) {
    let field = format!("spec.feeds[{}]", feed.name);
    for (name, path) in paths(feed) {
        check_path_is_bounded(findings, &format!("{field}.{name}"), path);
    }
    for header in feed.request.iter().flat_map(|request| &request.headers) {
        findings.ensure(!is_framing_or_routing(&header.name), format!("{field}.request.headers"), || {
            format!(
                "{} says how the request is framed or where it goes, which the operator does itself: take it away",
                quoted(&header.name)
            )
        });
    }
    for (name, duration, most, example) in
        [("timeout", feed.timeout, LONGEST_TIMEOUT, "60s"), ("interval", feed.interval, LONGEST_INTERVAL, "24h")]
    {
        let Some(duration) = duration else { continue };
        findings.ensure(duration.seconds() <= Some(most), format!("{field}.{name}"), || {
            format!("\"{duration}\" is too long: write at most {example}")
        });
    }
    check_time_formats(findings, feed);
}

/// Formats of times that were accepted once, and read another time than the one that stands there.
fn check_time_formats(findings: &mut Findings, feed: &Feed) {
    let Some(csv) = feed.format.as_ref().and_then(|format| format.csv.as_ref()) else { return };
    for (name, time) in [("start", Some(&csv.start)), ("end", csv.end.as_ref())] {
        let Some(format) = time.and_then(|time| time.format.as_ref()) else { continue };
        if let Some(fault) = time_format::fault(format) {
            findings.add(
                format!("spec.feeds[{}].format.csv.{name}.format", feed.name),
                format!("{} {fault}", quoted(format)),
            );
        }
    }
}

/// Every JSONPath of a feed, with its field.
fn paths(feed: &Feed) -> Vec<(String, &str)> {
    let mut paths = Vec::new();
    if let Some(json) = feed.format.as_ref().and_then(|format| format.json.as_ref()) {
        let times = [("rows", Some(&json.rows)), ("start", Some(&json.start)), ("end", json.end.as_ref())];
        let times = times.into_iter().filter_map(|(name, path)| Some((format!("format.json.{name}"), path?.as_str())));
        let labels = json.labels.iter().filter_map(|label| Some(("labels", &label.name, label.path.as_deref()?)));
        let measures = json.measures.iter().filter_map(|one| Some(("measures", &one.name, one.path.as_deref()?)));
        let mapped = labels.chain(measures);
        paths.extend(times);
        paths.extend(mapped.map(|(list, name, path)| (format!("format.json.{list}[{name}].path"), path)));
    }
    if let Some(pagination) = &feed.pagination {
        let cursor = pagination.cursor.iter().map(|cursor| ("pagination.cursor.path".to_owned(), cursor.path.as_str()));
        paths.extend(cursor);
        paths.extend(pagination.next_url.iter().map(|next| ("pagination.nextUrl.path".to_owned(), next.path.as_str())));
    }
    paths
}

/// A path whose cost is linear in the document. The API server's rules see the text alone, so `..` is refused in names too.
fn check_path_is_bounded(findings: &mut Findings, field: &str, path: &str) {
    let excess = json_path::parse(path).ok().and_then(|path| path.excess());
    let in_a_name = || {
        path.contains("..").then(|| "`..` may not stand in a path: name each step, such as $.data.rows[*]".to_owned())
    };
    if let Some(excess) = excess.or_else(in_a_name) {
        findings.add(field, format!("{} may look at too much: {excess}", quoted(path)));
    }
}

fn check_times(findings: &mut Findings, field: &str, feed: &Feed) {
    for (name, duration, units) in [
        ("interval", feed.interval, Units::Technical),
        ("timeout", feed.timeout, Units::Technical),
        ("lookBack", feed.look_back, Units::Real),
        ("cadence", feed.cadence, Units::Technical),
        ("lateness", feed.lateness, Units::Technical),
    ] {
        duration.into_iter().for_each(|duration| check_units(findings, &format!("{field}.{name}"), duration, units));
    }
    let interval = feed.interval.unwrap_or(Duration::new(5, DurationUnit::Minutes));
    let timeout = feed.timeout.unwrap_or(Duration::new(10, DurationUnit::Seconds));
    findings.ensure(interval.seconds() >= Some(30), format!("{field}.interval"), || {
        format!("\"{interval}\" is too often: write 30s or more")
    });
    let timeout_fits = timeout.seconds() >= Some(1) && timeout.seconds() < interval.seconds();
    findings.ensure(timeout_fits, format!("{field}.timeout"), || {
        format!(
            "\"{timeout}\" does not fit the interval \"{interval}\": write a timeout from 1s to less than the interval"
        )
    });
    if let Some(cadence) = feed.cadence {
        let fits = cadence.seconds().is_some_and(|seconds| (60..=86_400).contains(&seconds));
        findings.ensure(fits, format!("{field}.cadence"), || {
            format!("\"{cadence}\" cannot be the length of a row: write 1m to 24h, such as 30m")
        });
    }
}

fn check_format(findings: &mut Findings, field: &str, format: &FeedFormat) {
    let members =
        [format.json.is_some(), format.csv.is_some(), format.open_metrics.is_some(), format.prometheus.is_some()];
    findings.ensure(is_one(&members), field, || {
        "holds not exactly one format: write exactly one of json, csv, openMetrics, prometheus, or leave `format` out for the native one"
            .to_owned()
    });
    if let Some(json) = &format.json {
        check_json(findings, &format!("{field}.json"), json);
    }
    if let Some(csv) = &format.csv {
        check_csv(findings, &format!("{field}.csv"), csv);
    }
    if let Some(metrics) = &format.open_metrics {
        check_mappings(findings, &format!("{field}.openMetrics"), &metrics.labels, &metrics.measures, METRICS);
    }
    if let Some(prometheus) = &format.prometheus {
        check_mappings(findings, &format!("{field}.prometheus"), &prometheus.labels, &prometheus.measures, QUERIES);
    }
}

/// Whether exactly one member is given.
fn is_one(members: &[bool]) -> bool {
    members.iter().filter(|is_given| **is_given).count() == 1
}

/// What the mappings of a format read: which member of a label and which of a measure.
#[derive(Clone, Copy)]
struct Members {
    label: &'static str,
    measure: &'static str,
    stock: bool,
}

const PATHS: Members = Members { label: "path", measure: "path", stock: false };
const COLUMNS: Members = Members { label: "column", measure: "column", stock: false };
const METRICS: Members = Members { label: "label", measure: "metric", stock: true };
const QUERIES: Members = Members { label: "label", measure: "query", stock: true };

fn check_json(findings: &mut Findings, field: &str, json: &JsonFormat) {
    let paths = [("rows", Some(&json.rows)), ("start", Some(&json.start)), ("end", json.end.as_ref())];
    for (name, path) in paths {
        path.into_iter().for_each(|path| check_path(findings, &format!("{field}.{name}"), path));
    }
    if let Some(zone) = &json.time_zone {
        check_time_zone(findings, &format!("{field}.timeZone"), zone);
    }
    check_mappings(findings, field, &json.labels, &json.measures, PATHS);
}

fn check_path(findings: &mut Findings, field: &str, path: &str) {
    if !path.starts_with('$') {
        findings.add(field, format!("{} is not a JSONPath: begin with $, such as $.queueName", quoted(path)));
    } else if let Err(error) = json_path::parse(path) {
        findings.add(field, format!("{} is not a JSONPath: {error}; RFC 9535 says how one is written", quoted(path)));
    }
}

fn check_csv(findings: &mut Findings, field: &str, csv: &CsvFormat) {
    if let Some(delimiter) = &csv.delimiter {
        let is_character =
            delimiter.len() == 1 && delimiter.chars().all(|letter| letter == '\t' || (' '..='~').contains(&letter));
        findings.ensure(is_character && delimiter != "\"", format!("{field}.delimiter"), || {
            format!("{} cannot separate fields: write one character such as , or ; or | or a tab", quoted(delimiter))
        });
    }
    if let Some(zone) = &csv.time_zone {
        check_time_zone(findings, &format!("{field}.timeZone"), zone);
    }
    csv.skip_lines.into_iter().for_each(|lines| check_range(findings, &format!("{field}.skipLines"), lines, 0, 1000));
    for (name, time) in [("start", Some(&csv.start)), ("end", csv.end.as_ref())] {
        let Some(time) = time else { continue };
        findings.ensure(!time.columns.is_empty(), format!("{field}.{name}.columns"), || {
            "is empty: list the columns that hold the time, such as Date and Time".to_owned()
        });
        check_count(findings, &format!("{field}.{name}.columns"), time.columns.len(), 4);
        if let Some(format) = &time.format
            && let Err(error) = strtime::format(format, &Zoned::default())
        {
            findings.add(
                format!("{field}.{name}.format"),
                format!("{} is no strftime format: {error}; write one such as %d/%m/%Y %H:%M", quoted(format)),
            );
        }
    }
    check_mappings(findings, field, &csv.labels, &csv.measures, COLUMNS);
}

fn check_mappings(
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
        findings
            .add(field, format!("{} is no measure of this mapping: map the volume too, such as answered", quoted(of)));
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
    let fits = given.iter().all(|(name, is_given)| *is_given == (*name == members.measure));
    findings.ensure(fits, field, || {
        format!("does not say where the number comes from: write `{}`, and none of the others", members.measure)
    });
    findings.ensure(members.stock || measure.stock.is_none(), field, || {
        "`stock` belongs to openMetrics and prometheus: take it away; the catalogue says which measures are stocks"
            .to_owned()
    });
    measure.path.iter().for_each(|path| check_path(findings, &format!("{field}.path"), path));
}

fn check_request(findings: &mut Findings, field: &str, request: &FeedRequest) {
    check_count(findings, &format!("{field}.headers"), request.headers.len(), 20);
    check_count(findings, &format!("{field}.query"), request.query.len(), 20);
    for header in &request.headers {
        let is_allowed = !FORBIDDEN_HEADERS.contains(&header.name.to_ascii_lowercase().as_str());
        findings.ensure(is_allowed, format!("{field}.headers"), || {
            format!(
                "{} would hold a secret in plain sight: write `auth` with a reference to a Secret instead",
                quoted(&header.name)
            )
        });
    }
    for pair in request.headers.iter().chain(&request.query) {
        findings.ensure(!pair.value.contains(['\r', '\n']), field, || {
            format!("{} has a line break in its value: write it on one line", quoted(&pair.name))
        });
    }
}

fn check_pagination(findings: &mut Findings, field: &str, pagination: &Pagination, format: Option<&FeedFormat>) {
    let members = [
        pagination.cursor.is_some(),
        pagination.next_url.is_some(),
        pagination.link_header.is_some(),
        pagination.page_number.is_some(),
        pagination.offset.is_some(),
    ];
    findings.ensure(is_one(&members), field, || {
        "holds not exactly one way: write exactly one of cursor, nextUrl, linkHeader, pageNumber, offset".to_owned()
    });
    let reads_json = pagination.cursor.is_some() || pagination.next_url.is_some();
    let is_json = format.is_none_or(|format| format.json.is_some());
    findings.ensure(!reads_json || is_json, field, || {
        "`cursor` and `nextUrl` are read from JSON, which this format is not: write linkHeader, pageNumber or offset"
            .to_owned()
    });
    let paths =
        [pagination.cursor.as_ref().map(|cursor| &cursor.path), pagination.next_url.as_ref().map(|next| &next.path)];
    for path in paths.into_iter().flatten() {
        check_path(findings, field, path);
    }
    pagination.max_pages.into_iter().for_each(|pages| check_range(findings, field, pages, 1, 10_000));
}

fn check_auth(findings: &mut Findings, field: &str, auth: &FeedAuth) {
    let members = [
        auth.bearer.is_some(),
        auth.basic.is_some(),
        auth.api_key.is_some(),
        auth.oauth2.is_some(),
        auth.hmac.is_some(),
    ];
    findings.ensure(is_one(&members), field, || {
        "holds not exactly one way: write exactly one of bearer, basic, apiKey, oauth2, hmac".to_owned()
    });
    if let Some(key) = &auth.api_key {
        check_api_key(findings, &format!("{field}.apiKey"), key);
    }
    if let Some(oauth2) = &auth.oauth2 {
        check_url(findings, &format!("{field}.oauth2.tokenUrl"), &oauth2.token_url);
    }
}

fn check_api_key(findings: &mut Findings, field: &str, key: &ApiKeyAuth) {
    findings.ensure(key.header.is_some() != key.query.is_some(), field, || {
        "goes to not exactly one place: write exactly one of header, query".to_owned()
    });
}
