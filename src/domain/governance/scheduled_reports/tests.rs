use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::specs::{at, contract};
use crate::domain::settlement::reports::report_name;

/// A monthly contract of 2026 in London with a mailbox, a hook and a pager.
fn with(reports: Value, more: Value) -> VendorContractSpec {
    let mut fields = json!({
        "timeZone": "Europe/London",
        "contacts": [{"name": "sam", "email": "sam@client.example"}],
        "alerts": [
            {"name": "mail", "email": {"server": "smtps://mail.client.example", "from": "sla@client.example"}},
            {"name": "hook", "webhook": {"url": "https://hooks.client.example"}},
            {"name": "pager", "pagerduty": {"routingKeySecretRef": {"name": "p", "key": "k"}}},
        ],
        "reports": reports,
    });
    for (field, value) in more.as_object().unwrap() {
        fields[field] = value.clone();
    }
    contract(fields)
}

/// The reports that exist, such as `2026-02 Final 1`, by period, state and revision.
fn reports(contract: &VendorContractSpec, existing: &[&str]) -> Vec<(String, SlaReportSpec)> {
    let calendar = Calendar::of(contract).unwrap();
    let periods = Periods::of(contract, &calendar);
    existing
        .iter()
        .map(|text| {
            let [period, state, revision] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
            let bounds = periods.named(period).unwrap().bounds();
            let revision: i64 = revision.parse().unwrap();
            let spec = json!({"contract": "acme", "period": bounds, "state": state, "revision": revision, "points": 0});
            (report_name("acme", period, revision), serde_json::from_value(spec).unwrap())
        })
        .collect()
}

fn decide(contract: &VendorContractSpec, existing: &[&str], journal: &[HandedOver], now: &str) -> ScheduledReports {
    let reports = reports(contract, existing);
    let existing: Vec<Existing<'_>> = reports.iter().map(|(name, spec)| Existing { name, spec }).collect();
    scheduled_reports(contract, &Calendar::of(contract).unwrap(), &existing, journal, at(now))
}

/// What goes out, such as `monthly to mail for 2026-02: acme-2026-02`.
fn due(wanted: &ScheduledReports) -> Vec<String> {
    let shown = |order: &ReportOrder| {
        let scorecard = order.scorecard.then(|| "scorecard".to_owned());
        let carried: Vec<String> = scorecard.into_iter().chain(order.reports.iter().cloned()).collect();
        format!("{} to {} for {}: {}", order.report, order.sink, order.period.name, carried.join(" "))
    };
    wanted.due.iter().map(shown).collect()
}

/// The journal after all of it was carried out.
fn after(journal: &[HandedOver], wanted: &ScheduledReports) -> Vec<HandedOver> {
    let handed = wanted.due.iter().map(|order| HandedOver {
        report: order.report.clone(),
        sink: order.sink.clone(),
        until: order.period.end,
        period: order.period.name.clone(),
    });
    let kept = journal.iter().filter(|known| !wanted.forget.contains(known)).cloned();
    kept.chain(wanted.begin.iter().cloned()).chain(handed).collect()
}

/// What goes out at each instant, each with what the one before left in the journal.
fn lived(contract: &VendorContractSpec, steps: &[(&str, &[&str], &[&str])]) -> Vec<HandedOver> {
    let mut journal = Vec::new();
    for (now, existing, expected) in steps {
        // The first look finds where to begin, the second what is due; a third, as after a restart, finds nothing more.
        let first = decide(contract, existing, &journal, now);
        journal = after(&journal, &first);
        let second = decide(contract, existing, &journal, now);
        journal = after(&journal, &second);
        assert_eq!([due(&first), due(&second)].concat(), *expected, "at {now}");
        assert_eq!(due(&decide(contract, existing, &journal, now)), [""; 0], "again at {now}");
    }
    journal
}

#[test]
fn a_period_goes_out_once_when_its_report_is_as_wanted() {
    let monthly = json!([{"name": "monthly", "cadence": "Monthly", "alerts": ["mail"]}]);
    lived(
        &with(monthly, json!({})),
        &[
            // The latest period that has ended is the first; those before it are the past.
            ("2026-03-05T00:00:00Z", &["2026-01 Final 1", "2026-02 Provisional 1"], &[]),
            (
                "2026-03-13T00:00:00Z",
                &["2026-01 Final 1", "2026-02 Final 1"],
                &["monthly to mail for 2026-02: acme-2026-02"],
            ),
            // A restatement is a revision, and no period.
            ("2026-03-20T00:00:00Z", &["2026-01 Final 1", "2026-02 Final 1", "2026-02 Final 2"], &[]),
            // A month that is held Provisional by a dispute goes out after the one that follows it.
            (
                "2026-05-15T00:00:00Z",
                &["2026-03 Provisional 1", "2026-04 Final 1"],
                &["monthly to mail for 2026-04: acme-2026-04"],
            ),
            (
                "2026-05-16T00:00:00Z",
                &["2026-03 Final 1", "2026-04 Final 1"],
                &["monthly to mail for 2026-03: acme-2026-03"],
            ),
        ],
    );
    let sooner = json!([{"name": "monthly", "cadence": "Monthly", "alerts": ["mail"], "state": "Provisional"}]);
    lived(
        &with(sooner, json!({})),
        &[
            ("2026-02-28T23:59:59Z", &["2026-01 Provisional 1"], &["monthly to mail for 2026-01: acme-2026-01"]),
            (
                "2026-03-01T00:00:00Z",
                &["2026-01 Final 1", "2026-02 Provisional 1"],
                &["monthly to mail for 2026-02: acme-2026-02"],
            ),
            ("2026-03-20T00:00:00Z", &["2026-01 Final 1", "2026-02 Final 1"], &[]),
        ],
    );
}

#[test]
fn a_longer_cadence_waits_for_all_of_its_periods_and_a_shorter_one_for_none() {
    let all = ["2026-01 Final 1", "2026-02 Final 1", "2026-02 Final 2", "2026-03 Final 1"];
    let quarterly = json!([{"name": "q", "cadence": "Quarterly", "alerts": ["hook"]}]);
    lived(
        &with(quarterly, json!({})),
        &[
            ("2026-04-01T00:00:00Z", &all[..3], &[]),
            (
                "2026-04-15T00:00:00Z",
                &all,
                &["q to hook for 2026-Q1: scorecard acme-2026-01 acme-2026-02-r2 acme-2026-03"],
            ),
        ],
    );
    let books = json!([{"name": "q", "cadence": "Quarterly", "alerts": ["hook"], "format": "Xlsx"}]);
    lived(
        &with(books, json!({})),
        &[("2026-04-15T00:00:00Z", &all, &["q to hook for 2026-Q1: acme-2026-01 acme-2026-02-r2 acme-2026-03"])],
    );
    let weekly = json!([{"name": "w", "cadence": "Weekly", "alerts": ["mail"]}]);
    lived(
        &with(weekly, json!({})),
        &[
            // Weeks end on Sunday, in the contract's zone: in London an hour before they do in UTC from March on.
            ("2026-03-29T22:59:59Z", &[], &["w to mail for 2026-W12: scorecard"]),
            ("2026-03-29T23:00:00Z", &[], &["w to mail for 2026-W13: scorecard"]),
            // Three weeks without an operator: what the earlier scorecards were nobody knows any more.
            ("2026-04-20T00:00:00Z", &[], &["w to mail for 2026-W16: scorecard"]),
        ],
    );
}

#[test]
fn each_mailbox_and_hook_gets_its_own_and_no_other_kind_of_alert_gets_any() {
    let to_all = json!([{"name": "m", "cadence": "Monthly", "alerts": ["pager", "mail", "hook", "gone"]}]);
    let contract = with(to_all, json!({}));
    let both = ["m to hook for 2026-01: acme-2026-01", "m to mail for 2026-01: acme-2026-01"];
    let journal = lived(&contract, &[("2026-02-15T00:00:00Z", &["2026-01 Final 1"], &both)]);
    let rows: Vec<String> = journal.iter().map(|row| format!("{} {}", row.sink, row.period)).collect();
    assert_eq!(rows, ["mail ", "hook ", "hook 2026-01", "mail 2026-01"]);
}

#[test]
fn nothing_goes_out_of_a_suspended_contract_and_later_what_fell_due_meanwhile() {
    let monthly = json!([{"name": "m", "cadence": "Monthly", "alerts": ["mail"]}]);
    let active = with(monthly.clone(), json!({}));
    let suspended = with(monthly, json!({"suspend": true}));
    let journal = lived(&active, &[("2026-02-15T00:00:00Z", &[], &[])]);
    let existing = ["2026-01 Final 1", "2026-02 Final 1"];
    assert_eq!(decide(&suspended, &existing, &journal, "2026-03-15T00:00:00Z"), ScheduledReports::default());
    let later = decide(&active, &existing, &journal, "2026-03-15T00:00:00Z");
    assert_eq!(due(&later), ["m to mail for 2026-01: acme-2026-01", "m to mail for 2026-02: acme-2026-02"]);
}

#[test]
fn the_journal_stays_small_and_what_is_older_than_it_looks_back_never_goes_out() {
    let weekly = json!([{"name": "w", "cadence": "Weekly", "alerts": ["mail"]}]);
    let contract = with(weekly, json!({"period": "Weekly"}));
    let calendar = Calendar::of(&contract).unwrap();
    let periods = Periods::of(&contract, &calendar);
    let mut journal = Vec::new();
    for ended in 1..=52 {
        let now = periods.nth(ended).unwrap().start.to_string();
        let existing: Vec<String> =
            periods.closed_by(at(&now)).iter().map(|period| format!("{} Final 1", period.name)).collect();
        let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
        for _ in 0..2 {
            let wanted = decide(&contract, &existing, &journal, &now);
            assert!(wanted.due.len() <= 1, "{:?}", due(&wanted));
            journal = after(&journal, &wanted);
        }
        assert!(journal.len() <= LOOKS_BACK + 2, "{}", journal.len());
    }
    // A journal that was brought back from long ago sends the last thirteen weeks, and never a whole year.
    let existing: Vec<String> = periods.all().iter().map(|period| format!("{} Final 1", period.name)).collect();
    let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
    let begin = HandedOver {
        report: "w".into(),
        sink: "mail".into(),
        until: at("2026-01-01T00:00:00Z"),
        period: String::new(),
    };
    let wanted = decide(&contract, &existing, &[begin], "2026-12-30T00:00:00Z");
    assert_eq!(wanted.due.len(), LOOKS_BACK);
}

#[test]
fn an_edit_that_is_undone_sends_nothing_twice_and_many_edits_fill_no_journal() {
    let monthly = with(json!([{"name": "m", "cadence": "Monthly", "alerts": ["mail"]}]), json!({}));
    let without = with(json!([]), json!({}));
    let existing: &[&str] = &["2026-01 Final 1"];
    let journal = lived(&monthly, &[("2026-02-15T00:00:00Z", existing, &["m to mail for 2026-01: acme-2026-01"])]);
    let meanwhile = decide(&without, existing, &journal, "2026-02-16T00:00:00Z");
    assert_eq!(meanwhile, ScheduledReports::default());
    assert_eq!(due(&decide(&monthly, existing, &journal, "2026-02-17T00:00:00Z")), [""; 0]);
    let many: Vec<HandedOver> = (0..MOST_LEFT_BEHIND + 3)
        .map(|number| HandedOver {
            report: format!("r{number}"),
            sink: "mail".into(),
            until: at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(i64::try_from(number).unwrap()),
            period: String::new(),
        })
        .collect();
    let forgotten = decide(&without, existing, &many, "2026-03-01T00:00:00Z").forget;
    let names: Vec<&str> = forgotten.iter().map(|row| row.report.as_str()).collect();
    assert_eq!(names, ["r2", "r1", "r0"]);
}

#[test]
fn the_status_names_the_last_and_the_next_period_and_when_to_look_again() {
    let contract = with(json!([{"name": "m", "cadence": "Monthly", "alerts": ["mail"]}]), json!({}));
    let mut journal = Vec::new();
    for (now, existing, last, next, again) in [
        ("2025-12-24T00:00:00Z", &[][..], None, Some("2026-01"), Some("2026-02-01T00:00:00Z")),
        ("2026-01-10T00:00:00Z", &[], None, Some("2026-01"), Some("2026-02-01T00:00:00Z")),
        ("2026-02-10T00:00:00Z", &["2026-01 Provisional 1"], None, Some("2026-01"), Some("2026-03-01T00:00:00Z")),
        ("2026-02-20T00:00:00Z", &["2026-01 Final 1"], Some("2026-01"), Some("2026-02"), Some("2026-03-01T00:00:00Z")),
        ("2027-01-20T00:00:00Z", &["2026-12 Final 1"], Some("2026-12"), Some("2026-02"), None),
    ] {
        for _ in 0..2 {
            journal = after(&journal, &decide(&contract, existing, &journal, now));
        }
        let wanted = decide(&contract, existing, &journal, now);
        let [status] = &wanted.status[..] else { panic!("{:?}", wanted.status) };
        assert_eq!((status.last.as_deref(), status.next.as_deref()), (last, next), "at {now}");
        assert_eq!(wanted.next, again.map(at), "at {now}");
    }
}
