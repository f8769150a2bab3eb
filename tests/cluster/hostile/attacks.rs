//! What a hostile namespace applies, row by row of the table of bounds in `docs/reliability.md`.

use serde_json::Value;

use super::mallory::Mallory;
use crate::harness::condition;
use crate::judged::kpi;

/// A contract that is applied and breaks a bound while it runs.
pub(crate) struct Attack {
    /// The row of the table.
    pub bound: &'static str,
    /// Name of the contract.
    pub name: &'static str,
    /// Which of the hostile namespaces it is in.
    pub namespace: usize,
    /// The feeds of the contract, and after them further members of its spec and further objects.
    pub spec: fn(&Mallory) -> String,
    /// What a feed of it ends in.
    pub reason: &'static str,
}

/// A feed in the native format.
fn native(name: &str, url: &str) -> String {
    format!("  - {{name: {name}, url: \"{url}\", interval: 2m, timeout: 60s}}\n")
}

/// A feed with a mapping; `format` replaces the part of it that says where the rows are.
fn mapped(url: &str, format: &str) -> String {
    format!("  - {{name: f0, url: \"{url}\", interval: 2m, timeout: 60s, format: {{{format}}}}}\n")
}

const MEASURES: &str = "measures: [{name: offered, path: $.n}]";

/// A feed for each of `count` answers of one kind, each under another host of the vendor.
fn many(mallory: &Mallory, path: &str, count: usize) -> String {
    (0..count).map(|number| native(&format!("f{number}"), &mallory.url(number, path))).collect()
}

/// How many hostile namespaces there are.
pub(crate) const NAMESPACES: usize = 4;

/// Attacks that run all at once.
pub(crate) const ATTACKS: [Attack; 14] = [
    Attack {
        bound: "a fetch",
        name: "drip",
        namespace: 1,
        spec: |mallory| many(mallory, "drip", 32),
        reason: "Timeout",
    },
    Attack {
        bound: "fetches at once",
        name: "drip-too",
        namespace: 2,
        spec: |mallory| many(mallory, "drip", 32),
        reason: "Timeout",
    },
    Attack {
        bound: "work of JSONPaths",
        name: "path",
        namespace: 0,
        spec: |mallory| {
            let rows = format!("json: {{rows: \"$.rows[*]\", start: \"$.list[*]\", {MEASURES}}}");
            mapped(&mallory.url(0, "list"), &rows)
        },
        reason: "Mapping",
    },
    Attack {
        bound: "an answer",
        name: "gzip",
        namespace: 0,
        spec: |mallory| native("f0", &mallory.url(1, "gzip")),
        reason: "TooLarge",
    },
    Attack {
        bound: "an answer",
        name: "values",
        namespace: 0,
        spec: |mallory| {
            mapped(&mallory.url(2, "values"), &format!("json: {{rows: \"$[*]\", start: $.at, {MEASURES}}}"))
        },
        reason: "TooLarge",
    },
    Attack {
        bound: "an answer",
        name: "pages",
        namespace: 0,
        spec: |mallory| native("f0", &mallory.url(3, "pages")),
        reason: "TooLarge",
    },
    Attack {
        bound: "memory of answers",
        name: "full",
        namespace: 3,
        spec: |mallory| many(mallory, "full", 32),
        reason: "Timeout",
    },
    Attack {
        bound: "memory of answers",
        name: "objects",
        namespace: 0,
        spec: |mallory| {
            let format = format!("json: {{rows: \"$[*]\", start: $.at, {MEASURES}}}");
            let feed = |number: usize| {
                mapped(&mallory.url(number, "objects"), &format).replace("name: f0", &format!("name: f{number}"))
            };
            (0..4).map(feed).collect()
        },
        reason: "TooLarge",
    },
    Attack {
        bound: "archives",
        name: "zip",
        namespace: 0,
        spec: |mallory| {
            let rows = format!("unpack: Zip, json: {{rows: \"$[*]\", start: $.at, {MEASURES}}}");
            mapped(&mallory.url(4, "zip"), &rows)
        },
        reason: "TooLarge",
    },
    Attack {
        bound: "XML",
        name: "deep",
        namespace: 0,
        spec: |mallory| mapped(&mallory.url(5, "deep"), &format!("xml: {{rows: \"$.a[*]\", start: $.at, {MEASURES}}}")),
        reason: "Malformed",
    },
    Attack {
        bound: "rows",
        name: "flood",
        namespace: 0,
        spec: |mallory| native("f0", &mallory.url(6, "flood")),
        reason: "RowQuota",
    },
    Attack {
        bound: "secrets",
        name: "thief",
        namespace: 0,
        spec: |mallory| {
            let auth = "auth: {bearer: {tokenSecretRef: {name: elsewhere, key: token}}}";
            format!("  - {{name: f0, url: \"{}\", {auth}}}\n", mallory.url(7, "steal"))
        },
        reason: "SecretNotAllowed",
    },
    Attack {
        bound: "addresses",
        name: "metadata",
        namespace: 0,
        spec: |_| native("f0", "http://169.254.169.254/latest/meta-data"),
        reason: "Denied",
    },
    // Eleven years of weeks that close at once: their reports follow one another for minutes.
    Attack {
        bound: "reports",
        name: "weeks",
        namespace: 0,
        spec: |mallory| {
            let more = "  period: Weekly\n  firstCloseAfter: 0h\n";
            let level = kpi("weeks-level", "weeks", "kpi: ServiceLevel\nobjective: {target: 80}");
            format!("{}{more}{level}", native("acd", &mallory.url(8, "none")))
        },
        reason: "Fetched",
    },
];

/// A Secret that names another host than the one that is asked.
pub(crate) const SECRET: &str = "---
apiVersion: v1
kind: Secret
metadata: {name: elsewhere, annotations: {bpo-operator.io/allowed-hosts: vendor.example}}
stringData: {token: canary-of-the-bounds}
";

impl Attack {
    /// The contract.
    pub(crate) fn manifest(&self, mallory: &Mallory) -> String {
        let term = if self.bound == "reports" { ("2015-01-05", "2025-12-28") } else { ("2026-01-01", "2026-12-31") };
        format!(
            "---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: {}}}
spec:
  vendor: {{name: Mallory}}
  term: {{start: {}, end: {}}}
  feeds:
{}",
            self.name,
            term.0,
            term.1,
            (self.spec)(mallory)
        )
    }

    /// Whether it has come to its end: a feed says why, and the contract's condition does.
    pub(crate) fn has_ended(&self, contract: &Value) -> bool {
        let feeds = contract["status"]["feeds"].as_array();
        let says = feeds.is_some_and(|feeds| feeds.iter().any(|feed| feed["reason"] == self.reason));
        let wanted = if self.reason == "Fetched" { "True" } else { "False" };
        says && condition(contract, "FeedHealthy").0 == wanted
    }
}

/// What the API server is asked to take and refuses.
pub(crate) enum Refused {
    /// A contract with these members of its spec.
    Spec(&'static str),
    /// A contract with a feed of these members.
    Feed(&'static str),
    /// A contract with a feed whose rows are found so.
    Rows(&'static str),
    /// A contract with this number of feeds.
    Feeds(usize),
    /// A report under the name that somebody else's will have.
    Report,
}

/// The row of the table, what is refused, and words of the refusal.
pub(crate) const REFUSED: [(&str, Refused, &str); 12] = [
    ("term", Refused::Spec("term: {start: 0001-01-01, end: 2026-12-31}"), "write a `start` from 1990-01-01 on"),
    ("term", Refused::Spec("term: {start: 2026-01-01, end: 2037-12-31}, period: Weekly"), "at most 11 years"),
    ("JSONPath", Refused::Rows("$[*,*][*,*][*,*][*,*][*,*][*,*]"), "with one selector a step"),
    ("JSONPath", Refused::Rows("$..*..*"), "with one selector a step"),
    ("JSONPath", Refused::Rows("$[?count($..*)>0]"), "with one selector a step"),
    ("a fetch", Refused::Feed("interval: 5m, timeout: 61s"), "write a timeout from 1s to 60s"),
    ("a fetch", Refused::Feed("interval: 25h"), "write an interval from 30s to 24h"),
    ("headers", Refused::Feed("request: {headers: [{name: Host, value: inner.example}]}"), "where it goes"),
    ("headers", Refused::Feed("request: {headers: [{name: Content-Length, value: '4'}]}"), "where it goes"),
    ("headers", Refused::Feed("request: {headers: [{name: Transfer-Encoding, value: chunked}]}"), "where it goes"),
    ("fetches at once", Refused::Feeds(33), "must have at most 32 items"),
    ("heads", Refused::Report, "written by the operator alone"),
];

impl Refused {
    /// The manifest.
    pub(crate) fn manifest(&self) -> String {
        let feed = |members: &str| format!("feeds: [{{name: acd, url: 'https://a.example', {members}}}]");
        let term = "term: {start: 2026-01-01, end: 2026-12-31}";
        let members = match self {
            Self::Spec(members) => (*members).to_owned(),
            Self::Feed(members) => format!("{term}, {}", feed(members)),
            Self::Rows(rows) => {
                let json = format!("format: {{json: {{rows: '{rows}', start: $.a, {MEASURES}}}}}");
                format!("{term}, {}", feed(&json))
            }
            Self::Feeds(count) => {
                let feed = |number: usize| format!("{{name: f{number}, url: 'https://a.example'}}");
                format!("{term}, feeds: [{}]", (0..*count).map(feed).collect::<Vec<_>>().join(", "))
            }
            Self::Report => {
                return "{apiVersion: bpo-operator.io/v1alpha1, kind: SlaReport, metadata: {name: honest-2026-01}, spec: {contract: honest, \
                        period: {name: 2026-01, start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z'}, state: Final, revision: 1, points: 0}}"
                    .to_owned();
            }
        };
        format!(
            "{{apiVersion: bpo-operator.io/v1alpha1, kind: VendorContract, metadata: {{name: refused}}, \
             spec: {{vendor: {{name: Mallory}}, {members}}}}}"
        )
    }
}

/// Rows of the table that other tests break, each with one of them.
pub(crate) const ELSEWHERE: [(&str, &str); 21] = [
    ("closings", "evidence::tests::journal::the_first_closing_of_a_period_counts_for_ever"),
    ("reports on request", "feed::tests::jobs"),
    ("files of a folder", "feed::tests::files"),
    ("SSH servers", "feed::tests::sftp"),
    ("connections", "feed::tests::bounds::no_connection_is_shared_between_credentials"),
    ("echoes", "feed::tests::bounds::a_vendor_that_echoes_a_secret_brings_it_into_no_row"),
    ("terms", "evidence::tests::journal::a_thousand_versions_of_terms_are_kept_of_a_year"),
    (
        "the store",
        "evidence::tests::commits::a_volume_that_is_nearly_full_takes_no_rows_and_still_takes_closings_and_reports",
    ),
    ("a reconcile", "controller::pace"),
    ("a look that reads and judges for over 30 s", "controller::looks"),
    ("rows that an answer withdraws", "feed::scheduler::slices"),
    ("sets of labels of a feed", "feed::scheduler::quota"),
    (
        "rows in memory",
        "tests/cluster/hostile.rs::a_contract_has_no_more_rows_than_memory_holds_and_its_neighbours_are_judged_also_after_a_restart",
    ),
    ("the rate of rows", "feed::scheduler::pace"),
    ("clock", "cluster::api_clock"),
    ("zones", "tests/architecture/main.rs::zones_come_from_the_program_and_from_no_machine"),
    ("contradiction", "tests/cluster/contradictions.rs"),
    ("a broken entry", "evidence::tests::journal::terms_that_cannot_be_read_are_their_own_contracts_matter_alone"),
    ("a fault", "tests/cluster/leases.rs::a_fault_of_the_store_ends_the_process_without_leader_election_too"),
    (
        "writes",
        "tests/campaign/replicas.rs::whatever_the_leader_loses_another_one_takes_over_and_the_loser_writes_nothing",
    ),
    (
        "`/metrics`",
        "tests/apiserver/chart/rendering.rs::the_figures_of_all_namespaces_are_shown_to_the_own_namespace_and_to_those_that_are_labelled",
    ),
];
