//! What the server refuses, and that its words say what to write instead. Without a server, the same is refused.

use serde::de::DeserializeOwned;
use serde_json::Value;

use bpo_operator::api::{CampaignLaunch, KpiTarget, ServiceTier, VendorContract};
use bpo_operator::domain::terms::validation::{
    refused_on_writing, validate_campaign_launch, validate_contract, validate_kpi_target, validate_service_tier,
};

use super::server::{client, control_plane, create, documents};

const CONTRACT: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: acme-care}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
";

const TIER: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: ServiceTier
metadata: {name: gold}
spec: {rank: 1}
";

const KPI: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: acme-service-level}
spec:
  contractRef: {name: acme-care}
  kpi: ServiceLevel
  source: {feed: acd}
  objective: {target: 80}
";

const LAUNCH: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {name: winter}
spec:
  contractRefs: [{name: acme-care}]
  product: Fibre
  launchAt: 2026-11-30T08:00:00Z
";

/// What is written into the spec of a good object, and what the refusal says.
type Case = (&'static str, &'static str);

const CONTRACT_CASES: &[Case] = &[
    ("vendor: {name: ''}", "vendor.name"),
    ("client: {name: ''}", "client.name"),
    ("client: {}", "client.name"),
    ("term: {end: 2025-12-31}", "write an `end` that is not before `start`"),
    ("term: {end: 2026-02-30}", "term.end"),
    ("term: {end: 31.12.2026}", "term.end"),
    ("term: {notice: 10bd}", "notice"),
    ("timeZone: Local", "write an IANA time zone such as Europe/London"),
    ("timeZone: '+01:00'", "write an IANA time zone such as Europe/London"),
    ("timeZone: Europe/Atlantis", "write an IANA time zone such as Europe/London"),
    (
        "period: Fortnightly",
        "supported values: \"Weekly\", \"Monthly\", \"Quarterly\", \"HalfYearly\", \"Yearly\", \"ContractYear\"",
    ),
    ("fiscalYearStart: '07-01'", "write period Quarterly, HalfYearly or Yearly"),
    ("{period: ContractYear, fiscalYearStart: '07-01'}", "write period Quarterly, HalfYearly or Yearly"),
    ("{period: Yearly, fiscalYearStart: '02-29'}", "fiscalYearStart"),
    ("{period: Yearly, fiscalYearStart: '7-1'}", "fiscalYearStart"),
    ("closeAfter: 2 weeks", "closeAfter"),
    ("firstCloseAfter: soon", "firstCloseAfter"),
    (
        "calendar: {serviceHours: [{days: [Monday], from: '22:00', to: '06:00'}]}",
        "what crosses midnight is two entries",
    ),
    ("calendar: {serviceHours: [{days: [Monday], from: '08:00', to: '25:00'}]}", "serviceHours[0].to"),
    ("calendar: {serviceHours: [{days: [], from: '08:00', to: '20:00'}]}", "days"),
    ("calendar: {holidays: [{date: 2026-12-25}, {date: 2026-12-25}]}", "Duplicate value"),
    ("goals: [{name: Keep Members}]", "goals[0].name"),
    ("tiers: [gold, gold]", "list each tier once"),
    ("charges: {currency: pounds, amount: 1}", "charges.currency"),
    ("charges: {currency: GBP, amount: -1}", "charges.amount"),
    ("charges: {currency: GBP, amount: 100.5}", "charges.amount"),
    ("charges: {currency: GBP, amount: 1, atRiskPercent: 110}", "atRiskPercent"),
    (
        "charges: {currency: GBP, amount: 1, schedule: [{from: 2025-07-01, amount: 2}]}",
        "write a `from` that is not before term.start",
    ),
    ("charges: {currency: GBP, atRiskPercent: 10}", "add `amount`, or write atRiskAmount instead"),
    ("charges: {currency: GBP, amount: 1, atRiskPercent: 10, atRiskAmount: 5}", "write atRiskPercent or atRiskAmount"),
    ("charges: {currency: GBP, atRiskAmount: -5}", "atRiskAmount"),
    ("charges: {currency: GBP, schedule: [{from: 2026-07-01, amount: 2}]}", "charges.schedule changes charges.amount"),
    ("credits: {yearCapAmount: 5}", "add `charges` with its currency"),
    ("{charges: {currency: GBP}, credits: {yearCapPercent: 5}}", "write yearCapAmount instead"),
    ("credits: {yearCapPercent: 5}", "add charges.amount, or write yearCapAmount instead"),
    (
        "{charges: {currency: GBP, amount: 1}, credits: {yearCapPercent: 5, yearCapAmount: 5}}",
        "write yearCapPercent or yearCapAmount",
    ),
    ("{charges: {currency: GBP}, credits: {points: {perPointPercent: 1}}}", "add `charges` with currency and amount"),
    ("credits: {repeats: [{misses: 0, times: 1}]}", "misses"),
    ("credits: {repeats: [{misses: 1, times: -1}]}", "times"),
    ("credits: {repeats: [{misses: 1, times: 1}, {misses: 1, times: 2}]}", "Duplicate value"),
    (
        "credits: {repeats: [{misses: 2, times: '1.5'}, {misses: 1, times: 2}]}",
        "write a `times` that does not fall as misses go on",
    ),
    (
        "{charges: {currency: GBP, amount: 1}, credits: {points: {perPointPercent: 1, repeatMultiplier: 2}, repeats: [{misses: 1, times: 1}]}}",
        "write credits.repeats or points.repeatMultiplier",
    ),
    ("credits: {points: {perPointPercent: 1}}", "add `charges` with currency and amount"),
    (
        "{charges: {currency: GBP, amount: 1}, credits: {points: {perPointPercent: 1, table: [{points: 1, percent: 1}]}}}",
        "write exactly one of table, perPointPercent",
    ),
    ("{charges: {currency: GBP, amount: 1}, credits: {points: {}}}", "write exactly one of table, perPointPercent"),
    (
        "{charges: {currency: GBP, amount: 1}, credits: {points: {table: [{points: 10, percent: 4}, {points: 15, percent: '2.5'}]}}}",
        "write a higher percent for more points",
    ),
    ("credits: {ramp: [{until: 12w, credit: None}, {until: 30d, credit: Half}]}", "each `until` later"),
    ("credits: {ramp: [{until: 30h, credit: None}]}", "until"),
    ("credits: {earnBack: {within: 0}}", "within"),
    ("triggers: [{name: a, when: {}, then: Notify}]", "write exactly one of failures, points, severity, capReached"),
    (
        "triggers: [{name: a, when: {severity: Minor, points: {atLeast: 1, periods: 1}}, then: Notify}]",
        "write exactly one of failures, points, severity, capReached",
    ),
    (
        "triggers: [{name: a, when: {failures: {atLeast: 4, outOf: 3, sameKpi: true}}, then: Notify}]",
        "write an `atLeast` that is not above `outOf`",
    ),
    (
        "triggers: [{name: a, when: {capReached: Period}, then: Notify}]",
        "add charges.atRiskPercent or charges.atRiskAmount",
    ),
    (
        "triggers: [{name: a, when: {capReached: Year}, then: Notify}]",
        "add credits.yearCapPercent or credits.yearCapAmount",
    ),
    ("triggers: [{name: a, when: {severity: Minor}, then: Sue}]", "supported values"),
    ("disputes: [{name: a, period: '2026-01', raisedOn: 2026-02-01}]", "party"),
    (
        "disputes: [{name: a, period: '2026-01', raisedOn: 2026-02-01, party: Client, decision: Accepted}]",
        "each decision but Open",
    ),
    (
        "disputes: [{name: a, period: '2026-01', raisedOn: 2026-02-01, party: Client, decidedAt: 2026-02-03T00:00:00Z}]",
        "decision: Accepted with decidedAt: 2026-04-20T12:00:00Z",
    ),
    ("disputeHold: soon", "disputeHold"),
    (
        "relief: [{name: a, cause: ThirdParty, from: 2026-02-02T00:00:00Z, to: 2026-02-01T00:00:00Z}]",
        "write a `to` that is later than `from`",
    ),
    ("relief: [{name: a, cause: ThirdParty, from: 2026-02-01, to: 2026-02-02}]", "from"),
    (
        "relief: [{name: a, cause: ThirdParty, from: 2026-02-01T00:00:00Z, to: 2026-02-02T00:00:00Z, decidedAt: 2026-02-03T00:00:00Z}]",
        "write decision Accepted or Rejected",
    ),
    (
        "relief: [{name: a, cause: ThirdParty, from: 2026-02-01T00:00:00Z, to: 2026-02-02T00:00:00Z, labels: {'': x}}]",
        "write label keys of 1 to 63 characters",
    ),
    ("rectificationPlans: [{name: p, trigger: cure}]", "a trigger that is not in `triggers`"),
    (
        "{triggers: [{name: cure, when: {severity: Minor}, then: RectificationPlan}], rectificationPlans: \
         [{name: p, trigger: cure, submittedOn: 2026-02-01, approvedOn: 2026-02-02, rejectedOn: 2026-02-03}]}",
        "keep `approvedOn` or `rejectedOn`",
    ),
    (
        "{triggers: [{name: cure, when: {severity: Minor}, then: RectificationPlan}], rectificationPlans: \
         [{name: p, trigger: cure, approvedOn: 2026-02-02}]}",
        "write a `submittedOn` that is not after `approvedOn`",
    ),
    ("contacts: [{name: sam, deputy: sam}]", "nobody is their own deputy"),
    ("contacts: [{name: sam, deputy: maria}]", "a deputy is not in `contacts`"),
    ("contacts: [{name: sam, email: sam}]", "email"),
    ("escalation: [{level: 1, after: 0h, causes: [Missed], contacts: [sam]}]", "a contact that is not in `contacts`"),
    ("escalation: [{level: 1, after: 0h, causes: [Missed], alerts: [ops]}]", "an alert that is not in `alerts`"),
    ("escalation: [{level: 10, after: 0h, causes: [Missed]}]", "level"),
    ("escalation: [{level: 1, after: soon, causes: [Missed]}]", "after"),
    (
        "reports: [{name: m, cadence: Monthly, alerts: [mail]}]",
        "a report goes to an alert that is not in `alerts`, or is neither email nor webhook",
    ),
    (
        "{alerts: [{name: ops, alertmanager: {url: 'http://am:9093'}}], reports: [{name: m, cadence: Monthly, alerts: [ops]}]}",
        "a report goes to an alert that is not in `alerts`, or is neither email nor webhook",
    ),
    (
        "{alerts: [{name: hook, webhook: {url: 'https://hooks.example'}}], reports: [{name: w, cadence: Weekly, alerts: [hook], format: Xlsx}]}",
        "write format Html, or a longer cadence",
    ),
    (
        "{alerts: [{name: hook, webhook: {url: 'https://hooks.example'}}], reports: [{name: w, cadence: Daily, alerts: [hook]}]}",
        "cadence",
    ),
    ("deliverables: [{name: a}]", "write exactly one of cadence, turnaround"),
    ("deliverables: [{name: a, cadence: Monthly, turnaround: 2bd}]", "write exactly one of cadence, turnaround"),
    (
        "deliverables: [{name: a, cadence: Monthly, requests: [{name: r, requestedOn: 2026-02-01}]}]",
        "`requests` belongs to `turnaround`",
    ),
    ("deliverables: [{name: a, turnaround: 2bd, dueAfterPeriod: 5bd}]", "belong to `cadence`"),
    (
        "deliverables: [{name: a, cadence: Monthly, delivered: [{period: 2026-W07}]}]",
        "name delivered periods as the cadence does",
    ),
    (
        "deliverables: [{name: a, cadence: HalfYearly, delivered: [{period: 2026-Q1}]}]",
        "name delivered periods as the cadence does",
    ),
    (
        "deliverables: [{name: a, cadence: Monthly, delivered: [{period: 2026-H1}]}]",
        "name delivered periods as the cadence does",
    ),
    (
        "deliverables: [{name: a, cadence: ContractYear, delivered: [{period: '2026'}]}]",
        "name delivered periods as the cadence does",
    ),
    (
        "deliverables: [{name: a, turnaround: 2bd, requests: [{name: r, requestedOn: 2026-02-02, doneOn: 2026-02-01}]}]",
        "write a `doneOn` that is not before `requestedOn`",
    ),
    ("alerts: [{name: a}]", "write exactly one of alertmanager, webhook"),
    ("alerts: [{name: a, webhook: {url: 'ftp://hooks.example/x'}}]", "write an address with http:// or https://"),
    ("engagement: {minimumSharePercent: 0.25}", "minimumSharePercent"),
    ("feeds: [{name: acd, url: 'https://user:secret@feeds.example/v1'}]", "neither user name nor password"),
    ("feeds: [{name: acd, url: 'feeds.example/v1'}]", "write an address with http:// or https://"),
    ("feeds: [{name: acd, url: 'file:///etc/passwd'}]", "write an address with http:// or https://"),
    ("feeds: [{name: acd, url: 'https://a.example', interval: 10s}]", "write an interval from 30s to 24h"),
    ("feeds: [{name: acd, url: 'https://a.example', interval: 25h}]", "write an interval from 30s to 24h"),
    ("feeds: [{name: acd, url: 'https://a.example', interval: 5m, timeout: 61s}]", "write a timeout from 1s to 60s"),
    ("term: {start: 1989-12-31}", "write a `start` from 1990-01-01 on"),
    (
        "{period: Weekly, term: {start: 2026-01-01, end: 2037-12-31}}",
        "at most 11 years after the start with period Weekly",
    ),
    ("term: {start: 1990-01-01, end: 2045-12-31}", "49 years with the others"),
    (
        "feeds: [{name: acd, url: 'https://a.example', interval: 30s, timeout: 1m}]",
        "write a timeout that is shorter than the interval",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', timeout: 10m}]",
        "write a timeout that is shorter than the interval",
    ),
    ("feeds: [{name: acd, url: 'https://a.example', interval: 1d}]", "interval"),
    ("feeds: [{name: acd, url: 'https://a.example', cadence: 48h}]", "write a cadence from 1m to 24h"),
    ("feeds: [{name: acd, url: 'https://a.example'}, {name: acd, url: 'https://b.example'}]", "Duplicate value"),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: authorization, value: Bearer x}]}}]",
        "write `auth` with a reference to a Secret instead",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: Cookie, value: x}]}}]",
        "write `auth` with a reference to a Secret instead",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: X-A, value: \"a\\r\\nCookie: b\"}]}}]",
        "headers[0].value",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: Host, value: inner.example}]}}]",
        "say how the request is framed and where it goes",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: transfer-encoding, value: chunked}]}}]",
        "say how the request is framed and where it goes",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {headers: [{name: Proxy-Connection, value: keep-alive}]}}]",
        "say how the request is framed and where it goes",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: '$[*,*][*,*]', start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "with one selector a step",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: '$..*..*', start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "with one selector a step",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: '$[?count(@.*)>0]', start: $.a, measures: [{name: a, path: \
         $.a}]}}}]",
        "with one selector a step",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: '$[*]', start: $.a, measures: [{name: a, path: '$..a'}]}}}]",
        "with one selector a step",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {nextUrl: {path: '$..next'}}}]",
        "with one selector a step",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {}}]",
        "write exactly one of bearer, basic, apiKey, oauth2, hmac",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {bearer: {tokenSecretRef: {name: a, key: b}}, hmac: {secretRef: \
         {name: a, key: b}, header: X}}}]",
        "write exactly one of bearer, basic, apiKey, oauth2, hmac",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {oauth2: {tokenUrl: 'https://a.example/t', clientIdSecretRef: {name: a, key: b}, \
         clientSecretSecretRef: {name: a, key: b}, grant: RefreshToken}}}]",
        "write both or neither",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {oauth2: {tokenUrl: 'https://a.example/t', clientIdSecretRef: {name: a, key: b}, \
         clientSecretSecretRef: {name: a, key: b}, parameters: [{name: scope, value: x}]}}}]",
        "take them away",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {apiKey: {secretRef: {name: a, key: b}}}}]",
        "write exactly one of header, query",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {}}]",
        "write exactly one of json, xml, csv, xlsx, arrays, openMetrics, prometheus; leave `format` out for the native one",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: results, start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "write a JSONPath that begins with $",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: $.a, start: $.a, measures: [{name: a, column: A}]}}}]",
        "write for each measure exactly one of path, sum, count",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: $.a, start: $.a, labels: [{name: q}], measures: \
         [{name: a, path: $.a}]}}}]",
        "write for each label exactly one of path, value",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {delimiter: ';;', start: {columns: [A]}, measures: \
         [{name: a, column: A}]}}}]",
        "delimiter",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {timeZone: Local, start: {columns: [A]}, measures: \
         [{name: a, column: A}]}}}]",
        "write an IANA time zone",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {maxPages: 3}}]",
        "write exactly one of cursor, nextUrl, linkHeader, pageNumber, offset",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {nextUrl: {path: $.next}}, format: {csv: {start: \
         {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "write linkHeader, pageNumber or offset",
    ),
    ("feeds: [{name: acd, url: 'https://a.example', thresholds: [{measure: answeredWithin}]}]", "within"),
    (
        "feeds: [{name: acd, url: 'https://a.example', thresholds: [{measure: answeredWithin, within: 0s}]}]",
        "longer than 0",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', thresholds: [{measure: a, within: 20s}, {measure: a, within: 30s}]}]",
        "Duplicate value",
    ),
    (
        "feeds: [{name: acd, url: 'https://{since}.example/v1'}]",
        "placeholders such as {since:%Y%m%d} belong in its path and query",
    ),
    ("feeds: [{name: acd, url: 'https://a.example', request: {json: '{}'}}]", "belong to method: Post"),
    (
        "feeds: [{name: acd, url: 'https://a.example', request: {method: Post, json: '{}', text: a}}]",
        "write at most one of json, form, xml, text",
    ),
    ("feeds: [{name: acd, url: 'https://a.example', request: {pending: [401]}}]", "401, 403, 407 and 429 are refusals"),
    ("feeds: [{name: acd, url: 'https://a.example', window: {align: 25h}}]", "write an align from 1m to 24h"),
    ("feeds: [{name: acd, url: 'https://a.example', quiet: Zeros}]", "quiet: Zeros belongs to formats of rows"),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {unpack: Zip, xlsx: {start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "unpack belongs to json, xml and csv",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {sheet: A, start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "sheet belongs to xlsx",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {xlsx: {delimiter: ';', start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "do not belong to xlsx",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {arrays: {start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "write `rows` for arrays",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {skipLines: 3, header: {row: 4}, start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "write header or skipLines, not both",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {header: {row: 4, find: A}, start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "write exactly one of row, find, names",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {skipRows: [{column: A}], start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "write exactly one of equals, startsWith",
    ),
    ("feeds: [{name: acd}]", "write exactly one of url, job, inbox"),
    (
        "feeds: [{name: acd, window: {}, inbox: {tokenSecretRef: {name: acme, key: token}}}]",
        "what is pushed to an inbox is not asked for",
    ),
    (
        "feeds: [{name: acd, inbox: {tokenSecretRef: {name: acme, key: token}}, format: {openMetrics: {measures: [{name: a, metric: a}]}}}]",
        "an inbox takes rows",
    ),
    (
        "feeds: [{name: acd, job: {start: {url: 'https://a.example', handle: $.id}, ask: {url: 'https://a.example/{handle}', status: true}}}]",
        "a job needs the format of its report",
    ),
    (
        "feeds: [{name: acd, job: {start: {url: 'https://a.example', handle: $.id}, ask: {url: '{handle}/x', status: true}}, \
         format: {json: {rows: $.a, start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "write an address with {handle}",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example/{until}', each: [{name: until, values: [a]}]}]",
        "write a name of letters, digits and _",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example/{queue}', each: [{name: queue, values: [a]}], files: {list: S3, name: 'c-{made:%Y%m%d}.csv'}}]",
        "each belongs to feeds that are asked at `url` for rows",
    ),
    (
        "feeds: [{name: acd, request: {method: Post}, job: {start: {url: 'https://a.example', handle: $.id}, ask: {url: '{handle}', \
         status: true}}, format: {json: {rows: $.a, start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "the steps of a job share headers",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', files: {list: S3, name: calls.csv}}]",
        "write a name with one {made:…}",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', files: {list: Index, prefix: a/, name: 'c-{made:%Y%m%d}.csv'}}]",
        "prefix belongs to list: S3",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', window: {}, files: {list: S3, name: 'c-{made:%Y%m%d}.csv'}}]",
        "do not belong to files",
    ),
    (
        "feeds: [{name: acd, url: 'sftp://a.example/b/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}}]",
        "files.list: Sftp, an address with sftp:// and auth.sshKey belong together",
    ),
    (
        "feeds: [{name: acd, url: 'sftp://a.example/b/'}]",
        "files.list: Sftp, an address with sftp:// and auth.sshKey belong together",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', auth: {sshKey: {secretRef: {name: a}}}}]",
        "files.list: Sftp, an address with sftp:// and auth.sshKey belong together",
    ),
    (
        "feeds: [{name: acd, url: 'sftp://a.example/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}, \
         request: {headers: [{name: X-A, value: b}]}}]",
        "without request and tls",
    ),
    (
        "feeds: [{name: acd, url: 'sftp://a.example/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, \
         auth: {sshKey: {secretRef: {name: a}, hostKeysConfigMapRef: {name: a}}}}]",
        "hostKeysConfigMapRef.key",
    ),
    (
        "feeds: [{name: acd, url: 'sftp://u:p@a.example/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}}]",
        "neither user name nor password",
    ),
    ("feeds: [{name: acd, url: 'https://a.example', quietAtMost: 2}]", "quietAtMost belongs to quiet: Zeros"),
    (
        "feeds: [{name: acd, url: 'https://a.example', quiet: Zeros, format: {csv: {lastLine: Whole, start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "nobody knows what was quiet",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', failWhen: {path: $.e}, format: {csv: {start: {columns: [A]}, measures: [{name: a, column: A}]}}}]",
        "failWhen reads JSON",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {offset: {parameter: o, limitParameter: l, limit: 9}}, format: {json: {rows: '$[?@.a]', start: $.a, measures: [{name: a, path: $.a}]}}}]",
        "write the filter as `where`",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {cursor: {path: $.a}}}]",
        "write `parameter` for a cursor in the query",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', pagination: {more: {path: $.a}, pageNumber: {parameter: p}}}]",
        "belong to cursor, nextUrl and linkHeader",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: $.a, start: $.a, where: [{column: A, equals: a}], measures: [{name: a, path: $.a}]}}}]",
        "write for each condition `path`",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {json: {rows: $.a, start: $.a, measures: [{name: a, count: {}}]}}}]",
        "count (which needs records)",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', format: {csv: {measures: [{name: a, column: A}]}}}]",
        "write exactly one of start, time, records",
    ),
    (
        "feeds: [{name: acd, url: 'https://a.example', tls: {caRef: {}}}]",
        "write exactly one of configMapRef, secretRef",
    ),
];

const TIER_CASES: &[Case] = &[
    ("rank: 0", "rank"),
    ("customerValue: {measure: LoyaltyIndex, currency: GBP}", "`currency` belongs to measure LifetimeValue"),
    (
        "customerValue: {measure: LifetimeValue, atLeast: '10000.5', below: 9000}",
        "write a `below` that is above `atLeast`",
    ),
    ("targets: [{kpi: Custom, target: 1}]", "name a KPI of the catalogue"),
    ("targets: [{kpi: ServiceLevel, target: 1}, {kpi: ServiceLevel, target: 2}]", "Duplicate value"),
    ("entitlements: {incentivePercent: 101}", "incentivePercent"),
    ("entitlements: {channels: [Fax]}", "supported values"),
    ("entitlements: {channels: [Voice], selfService: Required}", "`channels` has no SelfService: add it"),
    ("entitlements: {channels: [SelfService], proactiveContactsPerYear: 2}", "add a channel such as Email"),
    ("entitlements: {incentivePercent: 20, retentionSpendPercent: 5}", "raise the ceiling"),
];

const KPI_CASES: &[Case] = &[
    ("kpi: ServiceLvl", "supported values"),
    ("kpi: Custom", "`formula` belongs to kpi Custom, which needs it"),
    ("formula: {numerator: a, better: Higher}", "`formula` belongs to kpi Custom"),
    ("variant: TopBox", "ExcludeShortAbandons with ServiceLevel"),
    ("{kpi: QualityScore, variant: Mean}", "others have none"),
    ("kpi: Occupancy", "write objective.comparison AtLeast, MoreThan, AtMost, LessThan or Between"),
    (
        "{kpi: Custom, formula: {numerator: a, better: Range}}",
        "write objective.comparison AtLeast, MoreThan, AtMost, LessThan or Between",
    ),
    ("{kpi: Custom, formula: {numerator: 'a * b', better: Higher}}", "write sums and differences of measures"),
    ("{kpi: Custom, formula: {numerator: a, scale: 0, better: Higher}}", "write a scale above 0"),
    ("objective: {target: 79.5}", "objective.target"),
    ("objective: {target: eighty}", "objective.target"),
    ("objective: {upper: 90}", "`upper` belongs to comparison Between"),
    ("objective: {comparison: Between}", "`upper` belongs to comparison Between, which needs it"),
    ("objective: {comparison: Between, upper: 80}", "write an `upper` that is above the target"),
    (
        "objective: {comparison: Between, upper: 90, schedule: [{from: 2026-07-01, target: 91}]}",
        "above all targets of the schedule",
    ),
    ("objective: {stretch: '79.9'}", "write an objective.stretch that is at least as good as the target"),
    (
        "{kpi: AbandonmentRate, objective: {stretch: 81}}",
        "write an objective.stretch that is at least as good as the target",
    ),
    ("objective: {comparison: Between, upper: 90, stretch: 85}", "none with Between"),
    ("objective: {schedule: [{from: 2026-07-01, target: 1}, {from: 2026-07-01, target: 2}]}", "Duplicate value"),
    ("bands: [{severity: Minor, points: 1, percent: 2}]", "write at most one of points, atRiskPercent"),
    ("bands: [{severity: Minor, points: 1}, {severity: Minor, points: 2}]", "Duplicate value"),
    (
        "bands: [{severity: Minor, points: 1}, {severity: Critical, points: 2}]",
        "write a `bound` for every band but the gravest",
    ),
    (
        "bands: [{severity: Critical, bound: 75, points: 1}, {severity: Minor, bound: 70, points: 2}]",
        "write worse bounds for graver bands",
    ),
    (
        "{kpi: AverageSpeedOfAnswer, bands: [{severity: Minor, bound: 100, points: 1}, {severity: Severe, bound: 90, points: 2}]}",
        "write worse bounds for graver bands",
    ),
    ("bands: [{severity: Minor, bound: 80, points: 1}]", "write bounds that miss the target"),
    (
        "{objective: {comparison: Between, upper: 90}, bands: [{severity: Minor, bound: 70}, {severity: Severe}]}",
        "with Between, write one band without `bound`",
    ),
    (
        "{kpi: AverageSpeedOfAnswer, bands: [{severity: Minor, proportional: true}]}",
        "`proportional` needs a KPI in percent",
    ),
    ("bonus: {from: 90}", "write exactly one of amount, price"),
    ("bonus: {from: 90, amount: 1, price: {amount: 1}}", "write exactly one of amount, price"),
    ("bonus: {from: 90, price: {amount: 1, per: 0}}", "write a `per` above 0"),
    ("price: {per: 1}", "amount"),
    ("price: {amount: -1}", "amount"),
    ("price: {amount: 1, per: '0.0'}", "write a `per` above 0"),
    ("price: {amount: 1, steps: Half}", "supported values"),
    ("{objective: {comparison: Between, upper: 90}, price: {amount: 1}}", "a price counts in one direction"),
    ("{bands: [{severity: Minor, points: 1}], price: {amount: 1}}", "take the consequences of `bands` away"),
    ("{missingData: {policy: Miss}, price: {amount: 1}}", "a miss without a value costs price.upTo"),
    ("price: {amount: 1, count: Numerator}", "price.count Numerator counts events"),
    ("{kpi: AbandonmentRate, price: {amount: 1, count: Numerator, beyond: 90}}", "without `beyond`"),
    ("price: {amount: 1, schedule: [{from: 2026-07-01, amount: 1}, {from: 2026-07-01, amount: 2}]}", "Duplicate value"),
    ("repeats: [{misses: 1, times: 2}, {misses: 2, times: 1}]", "write a `times` that does not fall"),
    ("bonus: {from: 70, amount: 100}", "write a bonus.from that is at least as good as the target"),
    ("ratings: {good: 60, approaching: 75, requiresImprovement: 80}", "write ratings from the best bound (good)"),
    ("source: {feed: acd, crossCheck: {feed: acd}}", "name the feed with the client's own figures"),
    ("source: {feed: acd, crossCheck: {feed: ours, tolerance: -1}}", "tolerance"),
    ("source: {feed: acd, crossCheck: {feed: ours, prefer: Best}}", "supported values"),
    (
        "{source: {feed: acd, crossCheck: {feed: ours}}, tally: {each: Day, target: 80}}",
        "source.crossCheck compares values of two feeds",
    ),
    ("tally: {each: Day}", "target"),
    ("tally: {each: Fortnight, target: 80}", "supported values"),
    ("tally: {each: Day, target: 80, comparison: Between}", "write tally.comparison AtLeast"),
    ("{kpi: Occupancy, tally: {each: Day, target: 80}}", "write tally.comparison AtLeast"),
    ("{tally: {each: Day, target: 80}, confidence: {level: 95}}", "a tally counts parts of one period"),
    ("{tally: {each: Day, target: 80}, counterMetric: acme-fcr}", "a tally counts parts of one period"),
    (
        "{tally: {each: Day, target: 80}, window: {type: RollingPeriods, count: 2}}",
        "a tally counts parts of one period",
    ),
    (
        "{tally: {each: Day, target: 80}, objective: {target: 2, schedule: [{from: 2026-07-01, target: 1}]}}",
        "a tally counts parts of one period",
    ),
    (
        "{tally: {each: Day, target: 80}, objective: {target: 2}, bands: [{severity: Minor, proportional: true}]}",
        "`proportional` needs a KPI in percent",
    ),
    ("within: 0s", "longer than 0"),
    ("within: 1d", "within"),
    ("{kpi: QualityScore, within: 20s}", "`within` belongs to KPIs that count"),
    ("{kpi: Custom, formula: {numerator: a, better: Higher}, within: 20s}", "`within` belongs to KPIs that count"),
    ("weight: -1", "weight"),
    ("window: {type: Rolling}", "`length` belongs to type Rolling, which needs it"),
    ("window: {type: Period, length: 28d}", "`length` belongs to type Rolling"),
    ("window: {type: Rolling, length: 0d}", "such as 28d"),
    ("window: {type: RollingPeriods}", "`count` belongs to type RollingPeriods, which needs it"),
    ("window: {type: Rolling, length: 28d, count: 2}", "`count` belongs to type RollingPeriods"),
    ("confidence: {level: 100}", "level"),
    ("rounding: {mode: Up}", "supported values"),
    ("minimum: {volume: 0}", "volume"),
    ("maturity: 3bd", "maturity"),
    ("counterMetric: acme-service-level", "a KPI cannot guard itself"),
    ("benchmark: {low: 90, high: '75.5'}", "write a `low` that is not above `high`"),
    ("source: {expect: Soon}", "supported values: \"Later\""),
    ("source: {labels: {'': billing}}", "write label keys of 1 to 63 characters"),
];

const LAUNCH_CASES: &[Case] = &[
    ("contractRefs: []", "contractRefs"),
    ("contractRefs: [{name: a}, {name: a}]", "name each contract once"),
    ("launchAt: 2026-11-30", "launchAt"),
    ("endsAt: 2026-11-30T08:00:00Z", "write an `endsAt` that is later than `launchAt`"),
    ("channels: [{name: a, type: Email}]", "write `volume` with `responsePercent`, or `expectedContacts`"),
    ("channels: [{name: a, type: Email, volume: 100}]", "write `volume` with `responsePercent`, or `expectedContacts`"),
    (
        "channels: [{name: a, type: Email, volume: 100, responsePercent: 1, expectedContacts: 1}]",
        "write `volume` with `responsePercent`, or `expectedContacts`",
    ),
    (
        "channels: [{name: a, type: Email, expectedContacts: 1, at: 2026-11-29T08:00:00Z}]",
        "write a later `at`, or an earlier `launchAt`",
    ),
    (
        "{endsAt: 2026-12-31T00:00:00Z, channels: [{name: a, type: Email, expectedContacts: 1, at: 2027-01-01T00:00:00Z}]}",
        "write an `at` before `endsAt`",
    ),
    ("channels: [{name: a, type: Email, expectedContacts: 1, dayShares: [50, 40]}]", "add up to 100"),
    ("channels: [{name: a, type: Email, expectedContacts: 1, dayShares: [150, -50]}]", "dayShares"),
    ("channels: [{name: a, type: Fax, expectedContacts: 1}]", "supported values"),
    ("staffing: {}", "write how long one contact takes"),
    ("staffing: {model: ErlangA, handleTime: 240s}", "ErlangA needs `patience`"),
    ("staffing: {handleTime: 0s}", "write a time that is longer than 0"),
    ("staffing: {handleTime: 240s, interval: 7m}", "write a part of 24h from 1m on"),
    ("staffing: {handleTime: 240s, shrinkagePercent: 100}", "write a shrinkage below 100"),
    ("staffing: {handleTime: 240s, maxOccupancyPercent: 0}", "write an occupancy above 0"),
    ("staffing: {handleTime: 240s, serviceLevel: {percent: 100, within: 20s}}", "less than 100 percent"),
    ("staffing: {handleTime: 240s, scheduled: {feed: wfm}}", "write `feed` with `measure`, or `agents`"),
    (
        "staffing: {handleTime: 240s, scheduled: {feed: wfm, measure: a, agents: 2}}",
        "write `feed` with `measure`, or `agents`",
    ),
    ("gates: [{name: a, type: Custom}]", "due"),
    (
        "gates: [{name: a, type: Training, due: 3d, signOffs: [{party: Service, by: sam, signedOn: 2026-10-30}]}]",
        "signOffs belongs to type JointPlan",
    ),
    ("gates: [{name: a, type: Training, due: 3d, coveragePercent: 90}]", "coveragePercent belongs to type Staffing"),
    ("gates: [{name: a, type: Staffing, due: 3d, modules: [{name: Faq}]}]", "modules belongs to type Training"),
    (
        "gates: [{name: a, type: Custom, due: 3d, changedAt: 2026-11-20T10:00:00Z}]",
        "changedAt belongs to type IvrRouting and EndToEndTest",
    ),
    ("gates: [{name: a, type: Custom, due: 3d, validFor: 7d}]", "validFor belongs to type IvrRouting and EndToEndTest"),
    ("gates: [{name: a, type: Custom, due: 3d, firstReview: 2026-12-01}]", "firstReview belongs to type FeedbackLoop"),
    (
        "gates: [{name: a, type: Custom, due: 3d, check: {feed: qa}}]",
        "write `kpi`, or `feed` with `measure` and `atLeast`",
    ),
    (
        "gates: [{name: a, type: Custom, due: 3d, check: {kpi: k, feed: qa, measure: m, atLeast: 1}}]",
        "write `kpi`, or `feed` with `measure` and `atLeast`",
    ),
    ("survey: {conduct: true, marginOfErrorPercent: 0}", "write a margin above 0"),
    (
        "cohorts: {feed: acd, label: script, numerator: sales, denominator: sales, plannedPerCohort: 5}",
        "write successes as `numerator`",
    ),
    ("watch: {campaignLabel: {a: b, c: d}}", "campaignLabel"),
];

/// Names that are too long, or no value of a label.
fn name_cases() -> Vec<(&'static str, String, &'static str)> {
    vec![
        (CONTRACT, "a".repeat(51), "choose a metadata.name of at most 50 characters"),
        (TIER, "a".repeat(64), "choose a metadata.name of at most 63 characters"),
        (KPI, "a".repeat(64), "choose a metadata.name of at most 63 characters without dots"),
        (KPI, "acme.service-level".to_owned(), "choose a metadata.name of at most 63 characters without dots"),
    ]
}

/// Merges as a JSON merge patch does: objects member by member, everything else as a whole.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            patch.into_iter().for_each(|(key, value)| merge(target.entry(key).or_insert(Value::Null), value));
        }
        (target, patch) => *target = patch,
    }
}

fn wrong_objects() -> Vec<(Value, String, &'static str)> {
    let tables = [(CONTRACT, CONTRACT_CASES), (TIER, TIER_CASES), (KPI, KPI_CASES), (LAUNCH, LAUNCH_CASES)];
    let of_specs = tables.into_iter().flat_map(|(base, cases)| {
        cases.iter().map(move |(patch, expected)| {
            let mut object = documents(base).remove(0);
            merge(object.get_mut("spec").unwrap(), documents(patch).remove(0));
            (object, (*patch).to_owned(), *expected)
        })
    });
    let of_names = name_cases().into_iter().map(|(base, name, expected)| {
        let mut object = documents(base).remove(0);
        merge(&mut object, serde_json::json!({"metadata": {"name": name}}));
        (object, name, expected)
    });
    of_specs.chain(of_names).collect()
}

#[tokio::test]
async fn wrong_specs_are_refused_with_words_that_say_what_to_write() {
    let control_plane = control_plane().await;
    let namespace = control_plane.fresh_namespace().await.unwrap();
    let client = client(control_plane).await;
    for base in [CONTRACT, TIER, KPI, LAUNCH] {
        create(&client, &namespace, &documents(base).remove(0), true).await.unwrap();
    }
    let cases = wrong_objects();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut failures = vec![];
    for (object, what, expected) in cases {
        match create(&client, &namespace, &object, true).await {
            Ok(_) => failures.push(format!("accepted: {what}")),
            Err(message) if !message.contains(expected) => {
                failures.push(format!("{what}\n  expected {expected:?}\n  not      {message:?}"));
            }
            Err(_) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn wrong_specs_are_found_without_a_server_too() {
    let accepted: Vec<String> = wrong_objects()
        .into_iter()
        .filter(|(object, _, _)| problems(object).is_empty())
        .map(|(_, what, _)| what)
        .collect();
    assert_eq!(accepted, Vec::<String>::new());
    for base in [CONTRACT, TIER, KPI, LAUNCH] {
        assert_eq!(problems(&documents(base).remove(0)), Vec::<String>::new());
    }
}

/// What the types and the validation without a server find wrong with an object.
fn problems(object: &Value) -> Vec<String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    let findings = match object.get("kind").and_then(Value::as_str).unwrap() {
        "VendorContract" => typed::<VendorContract>(object)
            .map(|typed| [validate_contract(name, &typed.spec), refused_on_writing(name, &typed.spec)].concat()),
        "ServiceTier" => typed::<ServiceTier>(object).map(|typed| validate_service_tier(name, &typed.spec)),
        "KpiTarget" => typed::<KpiTarget>(object).map(|typed| validate_kpi_target(name, &typed.spec)),
        _ => typed::<CampaignLaunch>(object).map(|typed| validate_campaign_launch(name, &typed.spec)),
    };
    match findings {
        Ok(findings) => findings.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error],
    }
}

fn typed<Kind: DeserializeOwned>(object: &Value) -> Result<Kind, String> {
    serde_json::from_value(object.clone()).map_err(|error| error.to_string())
}

#[test]
fn the_reference_examples_have_no_findings() {
    for object in super::server::reference_objects() {
        if object.get("kind") != Some(&"SlaReport".into()) {
            assert_eq!(problems(&object), Vec::<String>::new());
        }
    }
}
