//! What a feed of a VendorContract must hold to.

mod each;
mod files;
mod inbox;
mod job;
mod mapping;
mod request;
mod table;
mod window;

use super::checks::{
    Findings, Units, check_count, check_name, check_range, check_text, check_unique, check_units, check_url, quoted,
};
use crate::api::feed::{
    ApiKeyAuth, Feed, FeedAuth, FeedFormat, LastLine, LoginAuth, OAuth2Auth, OAuth2Grant, Pagination, Quiet,
};
use crate::api::scalar::{Duration, DurationUnit};
use crate::domain::terms::forbidden_headers::is_framing_or_routing;
use crate::domain::terms::{json_path, time_format};

/// The longest that one request may take.
const LONGEST_TIMEOUT: i64 = 60;
/// The longest pause between two fetches.
const LONGEST_INTERVAL: i64 = 86_400;

pub(super) fn check(findings: &mut Findings, feed: &Feed) {
    check_thresholds(findings, feed);
    check_name(findings, "spec.feeds", &feed.name);
    let field = format!("spec.feeds[{}]", feed.name);
    let named = each::names(feed);
    each::check(findings, &field, feed);
    match (&feed.job, &feed.inbox) {
        (_, Some(_)) => inbox::check(findings, &field, feed),
        (Some(job), None) => job::check(findings, &field, job, feed),
        (None, None) => {
            let url = request::without_placeholders(findings, &format!("{field}.url"), &feed.url, &named);
            if !files::is_sftp(feed) {
                check_url(findings, &format!("{field}.url"), &url);
            }
        }
    }
    if let Some(wanted) = &feed.files {
        files::check(findings, &field, wanted, feed);
    }
    check_times(findings, &field, feed);
    request::check_cursor(findings, &field, feed);
    window::check(findings, &field, feed);
    if let Some(format) = &feed.format {
        mapping::check(findings, &format!("{field}.format"), format);
    }
    if let Some(request) = &feed.request {
        request::check(findings, &format!("{field}.request"), request, &named);
    }
    if let Some(pagination) = &feed.pagination {
        check_pagination(findings, &format!("{field}.pagination"), pagination, feed.format.as_deref());
    }
    files::check_ssh(findings, &field, feed);
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
    check_pages_are_counted_whole(findings, &field, feed);
    let table = feed.format.as_ref().and_then(|format| format.table()).map(|(_, table)| table);
    let may_lack_lines = table.is_some_and(|table| table.last_line == Some(LastLine::Whole));
    findings.ensure(feed.quiet != Some(Quiet::Zeros) || !may_lack_lines, format!("{field}.quiet"), || {
        "what is still being written would become zeros, since lastLine is Whole: take one of them away".to_owned()
    });
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

/// Formats of times that were accepted once, and read another time than the one that is written.
fn check_time_formats(findings: &mut Findings, feed: &Feed) {
    let Some(format) = &feed.format else { return };
    for (name, written) in mapping::time_formats(format) {
        if let Some(fault) = time_format::fault(written) {
            findings
                .add(format!("spec.feeds[{}].format.{name}.format", feed.name), format!("{} {fault}", quoted(written)));
        }
    }
}

/// Every JSONPath of a feed, with its field.
fn paths(feed: &Feed) -> Vec<(String, &str)> {
    let mut paths = Vec::new();
    if let Some((kind, tree)) = feed.format.as_ref().and_then(|format| format.tree()) {
        paths.extend(mapping::paths(tree).into_iter().map(|(name, path)| (format!("format.{kind}.{name}"), path)));
    }
    if let Some((kind, table)) = feed.format.as_ref().and_then(|format| format.table()) {
        let members = [("rows", &table.rows), ("text", &table.text)];
        let given = members.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
        paths.extend(given.map(|(name, path)| (format!("format.{kind}.{name}"), path)));
    }
    if let Some(pagination) = &feed.pagination {
        let cursor = pagination.cursor.iter().map(|cursor| ("pagination.cursor.path".to_owned(), cursor.path.as_str()));
        paths.extend(cursor);
        paths.extend(pagination.next_url.iter().map(|next| ("pagination.nextUrl.path".to_owned(), next.path.as_str())));
        paths
            .extend(pagination.enough.iter().map(|enough| ("pagination.enough.path".to_owned(), enough.path.as_str())));
        paths.extend(pagination.total.iter().map(|path| ("pagination.total".to_owned(), path.as_str())));
        paths.extend(pagination.more.iter().map(|more| ("pagination.more.path".to_owned(), more.path.as_str())));
    }
    paths.extend(feed.empty_when.iter().map(|condition| ("emptyWhen.path".to_owned(), condition.path.as_str())));
    paths.extend(feed.fail_when.iter().map(|condition| ("failWhen.path".to_owned(), condition.path.as_str())));
    if let Some(login) = feed.auth.as_ref().and_then(|auth| auth.login.as_ref()) {
        paths.push(("auth.login.token".to_owned(), login.token.as_str()));
        paths.extend(login.lifetime.iter().map(|path| ("auth.login.lifetime".to_owned(), path.as_str())));
    }
    paths
}

/// A filter hides rows from whoever counts the rows of a page.
fn check_pages_are_counted_whole(findings: &mut Findings, field: &str, feed: &Feed) {
    let counts = feed.pagination.as_ref().is_some_and(|paging| paging.page_number.is_some() || paging.offset.is_some());
    let rows = feed.format.as_ref().and_then(|format| format.tree()).map(|(_, tree)| &tree.rows);
    findings.ensure(!counts || rows.is_none_or(|rows| !rows.contains('?')), format!("{field}.format.json.rows"), || {
        "holds a filter, and pages are counted by their rows: write the filter as `where`, such as [{path: $.type, equals: call}]"
            .to_owned()
    });
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

/// Whether exactly one member is given.
fn is_one(members: &[bool]) -> bool {
    members.iter().filter(|is_given| **is_given).count() == 1
}

fn check_path(findings: &mut Findings, field: &str, path: &str) {
    if !path.starts_with('$') {
        findings.add(field, format!("{} is not a JSONPath: begin with $, such as $.queueName", quoted(path)));
    } else if let Err(error) = json_path::parse(path) {
        findings.add(field, format!("{} is not a JSONPath: {error}; RFC 9535 says how one is written", quoted(path)));
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
    let is_json = format.is_none_or(FeedFormat::is_tree);
    findings.ensure(!reads_json || is_json, field, || {
        "`cursor` and `nextUrl` are read from JSON or XML, which this format is not: write linkHeader, pageNumber or offset"
            .to_owned()
    });
    let paths =
        [pagination.cursor.as_ref().map(|cursor| &cursor.path), pagination.next_url.as_ref().map(|next| &next.path)];
    for path in paths.into_iter().flatten() {
        check_path(findings, field, path);
    }
    let belongs = pagination.cursor.is_some() || pagination.next_url.is_some() || pagination.link_header.is_some();
    let more = pagination.more.as_ref().map(|more| &more.path);
    let enough = pagination.enough.as_ref().map(|enough| &enough.path);
    for (name, path) in [("more", more), ("enough", enough)] {
        let Some(path) = path else { continue };
        check_path(findings, &format!("{field}.{name}.path"), path);
        findings.ensure(belongs && is_json, format!("{field}.{name}"), || {
            "is read from JSON or XML and belongs to cursor, nextUrl and linkHeader: take it away".to_owned()
        });
    }
    if let Some(total) = &pagination.total {
        check_path(findings, &format!("{field}.total"), total);
        findings.ensure(is_json, format!("{field}.total"), || {
            "is read from JSON or XML, which this format is not: take it away".to_owned()
        });
    }
    pagination
        .limit
        .into_iter()
        .for_each(|limit| check_range(findings, &format!("{field}.limit"), limit, 1, 1_000_000));
    pagination.max_pages.into_iter().for_each(|pages| check_range(findings, field, pages, 1, 10_000));
}

fn check_auth(findings: &mut Findings, field: &str, auth: &FeedAuth) {
    let members = [
        auth.bearer.is_some(),
        auth.basic.is_some(),
        auth.api_key.is_some(),
        auth.oauth2.is_some(),
        auth.hmac.is_some(),
        auth.login.is_some(),
        auth.aws_sig_v4.is_some(),
        auth.jwt_bearer.is_some(),
        auth.ssh_key.is_some(),
    ];
    findings.ensure(is_one(&members), field, || {
        "holds not exactly one way: write exactly one of bearer, basic, apiKey, oauth2, hmac, login, awsSigV4, jwtBearer, sshKey"
            .to_owned()
    });
    if let Some(key) = &auth.api_key {
        check_api_key(findings, &format!("{field}.apiKey"), key);
    }
    if let Some(login) = &auth.login {
        check_login(findings, &format!("{field}.login"), login);
    }
    if let Some(jwt) = &auth.jwt_bearer {
        let field = format!("{field}.jwtBearer");
        jwt.token_url.iter().for_each(|url| check_url(findings, &format!("{field}.tokenUrl"), url));
        check_text(findings, &format!("{field}.issuer"), &jwt.issuer, 253);
        check_count(findings, &format!("{field}.scopes"), jwt.scopes.len(), 20);
    }
    if let Some(oauth2) = &auth.oauth2 {
        check_oauth2(findings, &format!("{field}.oauth2"), oauth2);
    }
}

/// Fields of the form of a token endpoint that have names of their own in a contract.
const OWN_FIELDS: [&str; 6] = ["grant_type", "client_id", "client_secret", "refresh_token", "scope", "audience"];

fn check_oauth2(findings: &mut Findings, field: &str, oauth2: &OAuth2Auth) {
    check_url(findings, &format!("{field}.tokenUrl"), &oauth2.token_url);
    let refreshes = oauth2.grant == Some(OAuth2Grant::RefreshToken);
    findings.ensure(refreshes == oauth2.refresh_token_secret_ref.is_some(), field, || {
        "has one of `grant: RefreshToken` and `refreshTokenSecretRef`, which belong together: write both or neither"
            .to_owned()
    });
    check_count(findings, &format!("{field}.parameters"), oauth2.parameters.len(), 10);
    for parameter in oauth2.parameters.iter().filter(|parameter| OWN_FIELDS.contains(&parameter.name.as_str())) {
        findings.add(
            format!("{field}.parameters"),
            format!("{} has a field of its own, such as `scopes`: take it away", quoted(&parameter.name)),
        );
    }
}

fn check_api_key(findings: &mut Findings, field: &str, key: &ApiKeyAuth) {
    findings.ensure(key.header.is_some() != key.query.is_some(), field, || {
        "goes to not exactly one place: write exactly one of header, query".to_owned()
    });
}

fn check_login(findings: &mut Findings, field: &str, login: &LoginAuth) {
    check_url(findings, &format!("{field}.url"), &login.url);
    check_text(findings, &format!("{field}.json"), &login.json, 16_384);
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&login.json) {
        findings.add(
            format!("{field}.json"),
            format!("is not JSON: {error}; write names of secrets in quotes, such as \"{{secret}}\""),
        );
    }
    check_path(findings, &format!("{field}.token"), &login.token);
    login.lifetime.iter().for_each(|path| check_path(findings, &format!("{field}.lifetime"), path));
    check_count(findings, &format!("{field}.secrets"), login.secrets.len(), 5);
    check_unique(findings, &format!("{field}.secrets"), login.secrets.iter().map(|secret| &secret.name));
    for secret in &login.secrets {
        findings.ensure(
            login.json.contains(&format!("{{{}}}", secret.name)),
            format!("{field}.secrets[{}]", secret.name),
            || format!("is not used in json: write {{{}}} where it belongs, or take it away", secret.name),
        );
    }
}

fn check_thresholds(findings: &mut Findings, feed: &Feed) {
    let field = format!("spec.feeds[{}].thresholds", feed.name);
    check_count(findings, &field, feed.thresholds.len(), 20);
    check_unique(findings, &field, feed.thresholds.iter().map(|threshold| &threshold.measure));
    for threshold in &feed.thresholds {
        for measure in [Some(&threshold.measure), threshold.of.as_ref()].into_iter().flatten() {
            findings.ensure((1..=63).contains(&measure.chars().count()), &field, || {
                format!("{} is not a measure: write 1 to 63 characters, such as answeredWithin", quoted(measure))
            });
        }
        check_units(findings, &field, threshold.within, Units::Technical);
        findings.ensure(threshold.within.amount > 0, &field, || {
            format!("{} counts within 0: write the time, such as 20s", quoted(&threshold.measure))
        });
    }
}

#[cfg(test)]
mod tests;
