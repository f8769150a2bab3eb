//! What the files of a folder must hold to.

use super::super::checks::{Findings, Units, check_text, check_time_zone, check_units, quoted};
use super::mapping::check_time_format;
use crate::api::feed::{Feed, FeedFiles, FeedRequest, Listing, Quiet, RowTime};
use crate::domain::terms::placeholders::placeholders;
use crate::domain::terms::time_format;

pub(super) fn check(findings: &mut Findings, feed_field: &str, files: &FeedFiles, feed: &Feed) {
    let field = format!("{feed_field}.files");
    check_text(findings, &format!("{field}.name"), &files.name, 253);
    check_name(findings, &format!("{field}.name"), &files.name);
    let is_one_folder = matches!(files.list, Listing::Index | Listing::Sftp);
    findings.ensure(files.prefix.is_none() || !is_one_folder, format!("{field}.prefix"), || {
        "belongs to list: S3, Gcs and AzureBlob: take it away, since a page of links and a folder of SFTP are one folder by themselves"
            .to_owned()
    });
    files.time_zone.iter().for_each(|zone| check_time_zone(findings, &format!("{field}.timeZone"), zone));
    let age = files.minimum_age;
    age.into_iter().for_each(|age| check_units(findings, &format!("{field}.minimumAge"), age, Units::Technical));
    let format = feed.format.as_ref();
    let strange = [
        ("job", feed.job.is_some()),
        ("window", feed.window.is_some()),
        ("pagination", feed.pagination.is_some()),
        ("quiet", feed.quiet == Some(Quiet::Zeros)),
        ("failWhen", feed.fail_when.is_some()),
        ("format.records", format.is_some_and(|format| format.has_records())),
        ("format.time", format.and_then(|format| format.row_time()) == Some(RowTime::Window)),
        ("format.openMetrics", format.is_some_and(|format| format.open_metrics.is_some())),
        ("format.prometheus", format.is_some_and(|format| format.prometheus.is_some())),
    ];
    for (name, _) in strange.iter().filter(|(_, given)| *given) {
        findings.add(format!("{feed_field}.{name}"), "does not belong to files: take it away".to_owned());
    }
    let request = feed.request.clone().unwrap_or_default();
    let own = FeedRequest { headers: request.headers.clone(), query: request.query.clone(), ..FeedRequest::default() };
    findings.ensure(*request == own, format!("{feed_field}.request"), || {
        "has more than files are asked with: keep headers, and query for the listing".to_owned()
    });
    let texts = request.headers.iter().chain(&request.query).map(|pair| &pair.value).chain([&feed.url]);
    for text in texts.filter(|text| !placeholders(text, &[]).is_empty()) {
        findings.add(
            &field,
            format!(
                "{} has a placeholder: files are chosen by the times in their names, so write it out",
                quoted(text)
            ),
        );
    }
}

/// Whether a feed reads a folder of an SSH server.
pub(super) fn is_sftp(feed: &Feed) -> bool {
    feed.files.as_ref().is_some_and(|files| files.list == Listing::Sftp)
}

/// What belongs to SFTP alone, and what does not belong to it.
pub(super) fn check_ssh(findings: &mut Findings, field: &str, feed: &Feed) {
    let has_user = feed.auth.as_ref().is_some_and(|auth| auth.ssh_key.is_some());
    if !is_sftp(feed) {
        findings.ensure(!has_user, format!("{field}.auth.sshKey"), || {
            "belongs to files.list: Sftp: write that, or another way in place of ssh".to_owned()
        });
        return;
    }
    findings.ensure(is_folder(&feed.url), format!("{field}.url"), || {
        format!(
            "{} is not a folder of an SSH server: write sftp:// with a host and without user name or password, such as \
             sftp://sftp.acme.example/reports/",
            quoted(&feed.url)
        )
    });
    findings.ensure(has_user, format!("{field}.auth"), || {
        "has no sshKey, which files.list: Sftp needs: write sshKey: {secretRef: {name: acme-sftp}}".to_owned()
    });
    for (name, is_given) in [("request", feed.request.is_some()), ("tls", feed.tls.is_some())] {
        findings.ensure(!is_given, format!("{field}.{name}"), || {
            "does not belong to files.list: Sftp: take it away".to_owned()
        });
    }
}

fn is_folder(address: &str) -> bool {
    let bare = |url: url::Url| {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty() && !host.contains(['%', '{', '}']));
        has_host && !url.authority().contains('@') && url.query().is_none() && url.fragment().is_none()
    };
    address.len() <= 2048
        && !address.contains(char::is_whitespace)
        && address.starts_with("sftp://")
        && url::Url::parse(address).is_ok_and(bare)
}

fn check_name(findings: &mut Findings, field: &str, name: &str) {
    let parts = name.split_once("{made:").and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (made, after))) = parts else {
        findings.add(
            field,
            format!("{} has no {{made:…}}: write a name such as calls-{{made:%Y%m%d-%H%M}}.csv", quoted(name)),
        );
        return;
    };
    findings.ensure(!before.contains(['{', '}']) && !after.contains(['{', '}']), field, || {
        format!("{} has more than one pair of braces: write {{made:…}} once", quoted(name))
    });
    check_time_format(findings, field, made);
    if let Some(fault) = time_format::fault(made) {
        findings.add(field, format!("{} {fault}", quoted(made)));
    }
}
