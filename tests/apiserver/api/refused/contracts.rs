//! VendorContracts that the server refuses.

use super::Case;

pub(super) const CONTRACT: &str = "
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: acme-care}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
";

pub(super) const CONTRACT_CASES: &[Case] = &[
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
