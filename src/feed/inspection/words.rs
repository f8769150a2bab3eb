//! What was expected, and what to write, for everything that the operator refuses.

use crate::evidence::RejectionReason;
use crate::outbound::error::{FailureKind, FetchError};

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
            "what was counted; leave a measure out that is not known",
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
        RejectionReason::Overlap => (
            "rows of the same labels that do not cover the same time",
            "rows of one length side by side; details and totals belong to two feeds",
        ),
    }
}

/// Of an answer that is refused as a whole, by what its message says.
pub(super) fn of_failure(error: &FetchError) -> Words {
    let fitting = FAILURES.iter().find(|(kind, fragment, _)| *kind == error.kind && error.message.contains(fragment));
    fitting
        .map_or(("an answer of status 200 in the feed's format", "see docs/feeds-for-vendors.md"), |(_, _, words)| {
            *words
        })
}

const ENVELOPE: &str = "{\"schema\": \"bpo-feed/v1\", \"rows\": […], \"next\": null}";

/// By kind and a fragment of the message, the most particular first.
const FAILURES: &[(FailureKind, &str, Words)] = &[
    (FailureKind::Malformed, "the answer is ", ("a body of JSON that says so", "Content-Type: application/json")),
    (FailureKind::Malformed, "not a JSON object", ("a JSON object, not a page for people or another format", ENVELOPE)),
    (FailureKind::Malformed, "the body is empty", ("a JSON object; without rows its list is empty", ENVELOPE)),
    (FailureKind::Malformed, "schema is ", ("the version of the format in \"schema\"", "\"schema\": \"bpo-feed/v1\"")),
    (FailureKind::Malformed, "is there twice", ("each key once in an object", "each key once")),
    (
        FailureKind::Malformed,
        "circle",
        ("a new cursor on each page, and null on the last", "\"next\": null on the last page"),
    ),
    (FailureKind::Malformed, "gzip", ("one whole gzip stream, or none", "Content-Encoding: gzip, or no such header")),
    (FailureKind::Malformed, "not HTTP", ("an answer of HTTP/1.1 or HTTP/2", "look at the server with `curl -v`")),
    (
        FailureKind::Malformed,
        "cannot be read",
        ("JSON with schema, rows and next, of the types that are documented", ENVELOPE),
    ),
    (FailureKind::Malformed, "", ("an answer in the feed's format", "see docs/feeds.md")),
    (
        FailureKind::Mapping,
        "",
        ("answers in which the mapping finds its fields", "try it with `kubectl bpo feed preview`"),
    ),
    (
        FailureKind::Status,
        "redirects",
        ("an answer at the very address", "the address that answers, as the feed's `url`"),
    ),
    (FailureKind::Status, "status 204", ("status 200 and a body", "status 200 with an empty list of rows")),
    (FailureKind::Status, "", ("status 200", "look into the server's log for this request")),
    (
        FailureKind::Auth,
        "",
        ("a request that is let in", "--bearer-token-file with the token that the operator will have"),
    ),
    (
        FailureKind::RateLimited,
        "",
        (
            "an endpoint that may be asked once per interval, each page once",
            "a limit that lets all pages of a fetch through",
        ),
    ),
    (FailureKind::TooLarge, "pages: raise", ("at most 100 pages for 31 days", "larger pages, up to 10 MiB each")),
    (
        FailureKind::TooLarge,
        "",
        ("pages of at most 10 MiB, and 64 MiB for 31 days", "less per page: the first rows, and a cursor in \"next\""),
    ),
    (
        FailureKind::Denied,
        "next page",
        ("pages on the host of the first", "a cursor in \"next\" instead of an address"),
    ),
    (
        FailureKind::Denied,
        "",
        ("https at a public address", "--allow-network with the network, if it is one of your own"),
    ),
    (
        FailureKind::Timeout,
        "",
        ("a whole page within the feed's timeout of 10 s", "smaller pages, or an index over the intervals"),
    ),
    (
        FailureKind::JobFailed,
        "",
        ("a report that is made", "look at the vendor why the report failed, and whether its parameters are right"),
    ),
    (
        FailureKind::JobStuck,
        "",
        ("a report that is done in time", "a shorter window.atMost, or a longer job.ask.atMost"),
    ),
    (FailureKind::LinkExpired, "", ("a link that can be fetched once the report is done", "a shorter job.ask.every")),
    (
        FailureKind::Proxy,
        "",
        ("a way through the egress proxy", "look whether it listens, and allows CONNECT to the address"),
    ),
    (FailureKind::Dns, "", ("a name that can be resolved from here", "the name as the DNS has it")),
    (
        FailureKind::Connect,
        "",
        ("a connection that is accepted and kept to the end", "look whether the server listens there"),
    ),
    (
        FailureKind::Tls,
        "",
        (
            "a certificate for that name, valid and from an authority that is trusted",
            "--ca-file with the authority of your own",
        ),
    ),
];

/// Of a row that makes the whole answer malformed, by what its message says.
pub(super) fn of_broken_row(message: &str) -> Words {
    let fitting = BROKEN_ROWS.iter().find(|(fragment, _)| message.contains(fragment));
    fitting.map_or((ROW, "{\"start\": …, \"end\": …, \"measures\": {\"offered\": 97}}"), |(_, words)| *words)
}

const ROW: &str = "an object with start, end and measures, and perhaps labels, revision and recordedAt";

const BROKEN_ROWS: &[(&str, Words)] = &[
    (
        "not a number",
        ("a JSON number, as it was counted", "\"offered\": 97 without quotes; leave out what is not known"),
    ),
    ("is there twice", ("each key once in an object", "one of the two")),
    ("missing field `measures`", ("the measures of the row", "\"measures\": {\"offered\": 97}")),
    ("missing field `start`", ("the row's first instant", "\"start\": \"2026-01-05T09:00:00Z\"")),
    ("missing field `end`", ("the first instant after the row", "\"end\": \"2026-01-05T09:30:00Z\"")),
    ("revision", ("a whole number from 0, higher for each correction", "\"revision\": 2")),
    ("labels", ("names with texts", "\"labels\": {\"queue\": \"7\"}")),
    ("start", ("a text with an instant of RFC 3339", "\"start\": \"2026-01-05T09:00:00Z\"")),
    ("end", ("a text with an instant of RFC 3339", "\"end\": \"2026-01-05T09:30:00Z\"")),
    ("recordedAt", ("a text with an instant of RFC 3339", "\"recordedAt\": \"2026-01-05T09:31:00Z\"")),
    ("expected value", ("a JSON number; JSON has no NaN and no Infinity", "leave out what is not known")),
];
