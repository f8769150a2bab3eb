//! What was expected, and what to write, for everything that the operator refuses.

use crate::evidence::RejectionReason;
use crate::feed::format::native::{Member, RowFault};
use crate::outbound::error::{Detail, FailureKind, FetchError};

/// What was expected and what to write.
type Words = (&'static str, &'static str);

/// Of a row that is set aside.
pub(super) fn of_rejection(reason: RejectionReason) -> Words {
    match reason {
        RejectionReason::Malformed => (
            "start, end and recordedAt as instants of RFC 3339: a date, a time and an offset",
            "\"start\": \"2026-01-05T09:00:00Z\" or \"2026-01-05T09:00:00-05:00\"",
        ),
        RejectionReason::Mapping => (
            "at least one measure, each with a name of 1 to 63 characters",
            "\"measures\": {\"offered\": 97}; a quiet interval has zeros",
        ),
        RejectionReason::AmbiguousTime => (
            "a local time that the clock showed once; this one it showed twice, when it was set back",
            "the offset, such as 2026-10-25T01:30:00+01:00",
        ),
        RejectionReason::NonexistentTime => (
            "a local time that the clock showed; this one it skipped, when it was set forward",
            "the offset, such as 2026-03-29T02:30:00+01:00",
        ),
        RejectionReason::EndNotAfterStart => (
            "an end after the start: the end is the first instant that no longer belongs to the row",
            "\"start\": \"2026-01-05T09:00:00Z\", \"end\": \"2026-01-05T09:30:00Z\"",
        ),
        RejectionReason::InFuture => (
            "a start that is not more than 5 minutes after now and an end not more than a row's length after that; 60 days in a feed with `plan: true`",
            "instants with their true offset (a local time written with Z lies hours ahead); plans in a feed of their own",
        ),
        RejectionReason::OutOfRange => (
            "counts from 0, numbers up to 10^15 with at most 28 digits, rows of at most a year",
            "the count; leave out a measure that is not known",
        ),
        RejectionReason::PartAboveWhole => (
            "a part that is at most its whole, counted over the same contacts in the same interval",
            "both counts of the same contacts, such as \"answered\": 44, \"answeredWithin\": 2",
        ),
        RejectionReason::UnitSlip => (
            "a count of contacts, not a share of them",
            "how many there were: \"satisfied\": 80, not 0.8, of \"surveyResponses\": 100",
        ),
        RejectionReason::TooManyLabels => {
            ("at most 10 labels", "labels that somebody will judge by, such as queue, site, tier")
        }
        RejectionReason::LabelTooLong => (
            "names of labels of at most 63 characters, values of at most 128",
            "a short code, such as \"queue\": \"billing\"",
        ),
        RejectionReason::TooManyMeasures => {
            ("at most 100 measures in a row", "the measures that were agreed, or several feeds")
        }
        RejectionReason::Conflict => (
            "one row for each stretch of time and set of labels; of two that differ neither counts",
            "one of the rows; a correction has a higher \"revision\"",
        ),
        RejectionReason::AcrossWindow => (
            "rows that are no longer than the feed's cadence, or windows whose edges lie on those of the rows",
            "`cadence: 24h` for rows of days, or `window: {align: 24h}`",
        ),
        RejectionReason::TooManyRevisions => (
            "at most 3,000 corrections of one row",
            "a row once it is complete, and again only where a figure was wrong",
        ),
        RejectionReason::BeyondRetention => (
            "rows of a time whose rows were not removed at the end of the contract's retention",
            "rows of the time since; the periods before are closed",
        ),
        RejectionReason::Overlap => (
            "rows of the same labels that do not cover the same time",
            "rows of one length side by side; details and totals belong to two feeds",
        ),
    }
}

/// Of an answer that is refused as a whole: by what it was, or else by its kind.
pub(super) fn of_failure(error: &FetchError) -> Words {
    match error.kind {
        FailureKind::Malformed => of_malformed(error.detail),
        FailureKind::Status => of_status(error.status()),
        FailureKind::TooLarge if error.detail == Detail::TooManyPages => {
            ("at most 100 pages for 31 days", "larger pages, up to 10 MiB each")
        }
        FailureKind::Denied if error.detail == Detail::Elsewhere => {
            ("pages on the host of the first", "a cursor in \"next\" instead of an address")
        }
        FailureKind::Auth if error.detail == Detail::SshUser => (
            "a user that may sign in and read the folder",
            "`username` and `password` or `ssh-privatekey` of the Secret",
        ),
        kind => of_kind(kind),
    }
}

const ENVELOPE: &str = "{\"schema\": \"bpo-feed/v1\", \"rows\": […], \"next\": null}";

fn of_malformed(detail: Detail) -> Words {
    match detail {
        Detail::MediaType => ("a body of JSON that says so", "Content-Type: application/json"),
        Detail::NotJson => ("a JSON object, not a page for people or another format", ENVELOPE),
        Detail::EmptyBody => ("a JSON object; without rows its list is empty", ENVELOPE),
        Detail::Schema => ("the version of the format in \"schema\"", "\"schema\": \"bpo-feed/v1\""),
        Detail::DuplicateKey => ("each key once in an object", "each key once"),
        Detail::Circle => ("a new cursor on each page, and null on the last", "\"next\": null on the last page"),
        Detail::Encoding => ("one whole gzip stream, or none", "Content-Encoding: gzip, or no such header"),
        Detail::NotHttp => ("an answer of HTTP/1.1 or HTTP/2", "look at the server with `curl -v`"),
        Detail::Shape => ("JSON with schema, rows and next, of the types that are documented", ENVELOPE),
        Detail::Unspecified | Detail::Status(_) | Detail::TooManyPages | Detail::Elsewhere | Detail::SshUser => {
            ("an answer in the feed's format", "see docs/feeds.md")
        }
    }
}

fn of_status(status: Option<u16>) -> Words {
    match status {
        Some(204) => ("status 200 and a body", "status 200 with an empty list of rows"),
        Some(300..=399) => ("an answer at the very address", "the address that answers, as the feed's `url`"),
        _ => ("status 200", "look into the server's log for this request"),
    }
}

fn of_kind(kind: FailureKind) -> Words {
    match kind {
        FailureKind::Malformed => of_malformed(Detail::Unspecified),
        FailureKind::Status => of_status(None),
        FailureKind::Mapping => {
            ("answers in which the mapping finds its fields", "try it with `kubectl bpo feed preview`")
        }
        FailureKind::Auth => {
            ("a request that is let in", "--bearer-token-file with the token that the operator will have")
        }
        FailureKind::RateLimited => (
            "an endpoint that may be asked once per interval, each page once",
            "a limit that lets all pages of a fetch through",
        ),
        FailureKind::TooLarge => (
            "pages of at most 10 MiB, and 64 MiB for 31 days",
            "less per page: the first rows, and a cursor in \"next\"",
        ),
        FailureKind::Denied => {
            ("https at a public address", "--allow-network with the network, if it is one of your own")
        }
        FailureKind::Timeout => {
            ("a whole page within the feed's timeout of 10 s", "smaller pages, or an index over the intervals")
        }
        FailureKind::JobFailed => {
            ("a report that is made", "look at the vendor why the report failed, and whether its parameters are right")
        }
        FailureKind::JobStuck => {
            ("a report that is done in time", "a shorter window.atMost, or a longer job.ask.atMost")
        }
        FailureKind::LinkExpired => ("a link that can be fetched once the report is done", "a shorter job.ask.every"),
        FailureKind::Proxy => {
            ("a way through the egress proxy", "look whether it listens, and allows CONNECT to the address")
        }
        FailureKind::HostKey => (
            "a host key that the Secret or ConfigMap lists",
            "the vendor's key there, after asking the vendor whether it is theirs",
        ),
        FailureKind::Dns => ("a name that can be resolved from here", "the name as the DNS has it"),
        FailureKind::Connect => {
            ("a connection that is accepted and kept to the end", "look whether the server listens there")
        }
        FailureKind::Tls => (
            "a certificate for that name, valid and from an authority that is trusted",
            "--ca-file with the authority of your own",
        ),
        FailureKind::SecretNotFound
        | FailureKind::SecretNotAllowed
        | FailureKind::RowQuota
        | FailureKind::Late
        | FailureKind::Shrunk => ("an answer of status 200 in the feed's format", "see docs/feeds-for-vendors.md"),
    }
}

/// Of a row that makes the whole answer malformed.
pub(super) fn of_broken_row(fault: RowFault) -> Words {
    match fault {
        RowFault::Shape => (
            "an object with start, end and measures, and perhaps labels, revision and recordedAt",
            "{\"start\": …, \"end\": …, \"measures\": {\"offered\": 97}}",
        ),
        RowFault::Twice => ("each key once in an object", "one of the two"),
        RowFault::Number => {
            ("a JSON number, as it was counted", "\"offered\": 97 without quotes; leave out what is not known")
        }
        RowFault::Member(member) => of_member(member),
    }
}

fn of_member(member: Member) -> Words {
    match member {
        Member::Start => ("the row's first instant, as a text of RFC 3339", "\"start\": \"2026-01-05T09:00:00Z\""),
        Member::End => ("the first instant after the row, as a text of RFC 3339", "\"end\": \"2026-01-05T09:30:00Z\""),
        Member::Labels => ("names with texts", "\"labels\": {\"queue\": \"7\"}"),
        Member::Measures => ("the measures of the row, each with its number", "\"measures\": {\"offered\": 97}"),
        Member::Revision => ("a whole number from 0, higher for each correction", "\"revision\": 2"),
        Member::RecordedAt => ("a text with an instant of RFC 3339", "\"recordedAt\": \"2026-01-05T09:31:00Z\""),
    }
}
