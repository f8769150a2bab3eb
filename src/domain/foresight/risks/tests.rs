use super::*;
use crate::api::vendor_contract::VendorContractSpec;
use crate::domain::fixtures::contracts::{instant, terms};

fn contract() -> VendorContractSpec {
    terms(
        "
        term: {start: 2026-06-01, end: 2027-05-31}
        calendar:
          serviceHours: [{days: [Monday, Tuesday, Wednesday, Thursday, Friday], from: '08:00', to: '20:00'}]
          holidays: [{date: 2026-06-08}]
        ",
        &[],
    )
    .contract
    .into_inner()
}

/// One look: how far the data reaches, and whether it warns.
type Look = (&'static str, bool);

/// What a journal that is kept says at each look: since when the risk is active, or `-`.
fn lived(looks: &[Look]) -> Vec<String> {
    let calendar = Calendar::of(&contract()).unwrap();
    let mut journal = Journal::default();
    looks
        .iter()
        .map(|(as_of, warns)| {
            let as_of = instant(as_of);
            let seen = if *warns { Risk::ProjectedMiss { message: "heading for 79".into() } } else { Risk::OnTrack };
            let seen = SeenRisk { risk: seen, as_of: Some(as_of), latest_end: Some(as_of) };
            let risk = standing_risk(Some(&journal), &calendar, ("level", "2026-06"), seen, as_of);
            assert_eq!(risk.since.is_some(), risk.risk.warning().is_some());
            let fact = risk.news.map(|fact| RecordedFact { name: "level".into(), fact, recorded_at: as_of });
            journal.facts.extend(fact);
            risk.since.map_or("-".to_owned(), |since| since.strftime("%d %H:%M").to_string())
        })
        .collect()
}

#[test]
fn a_risk_is_active_from_its_first_warning_until_a_whole_service_day_has_passed_without_one() {
    let cases: [(&str, &[Look], &[&str]); 7] = [
        ("none", &[("2026-06-01T09:00Z", false)], &["-"]),
        (
            "a warning that comes and goes within a day",
            &[("2026-06-01T09:00Z", true), ("2026-06-01T09:30Z", false), ("2026-06-01T10:00Z", true)],
            &["01 09:00", "01 09:00", "01 09:00"],
        ),
        (
            "the rest of its day is not a whole day; the next one is when its service has ended",
            &[
                ("2026-06-01T09:00Z", true),
                ("2026-06-01T20:00Z", false),
                ("2026-06-02T19:30Z", false),
                ("2026-06-02T20:00Z", false),
                ("2026-06-03T08:30Z", false),
            ],
            &["01 09:00", "01 09:00", "01 09:00", "-", "-"],
        ),
        (
            "a warning on each second look of each day",
            &[
                ("2026-06-01T20:00Z", true),
                ("2026-06-02T12:00Z", true),
                ("2026-06-02T20:00Z", false),
                ("2026-06-03T19:30Z", false),
            ],
            &["01 20:00", "01 20:00", "01 20:00", "01 20:00"],
        ),
        (
            "the weekend and a holiday are not service days: Friday, then Tuesday",
            &[
                ("2026-06-05T09:00Z", true),
                ("2026-06-08T20:00Z", false),
                ("2026-06-09T19:30Z", false),
                ("2026-06-09T20:00Z", false),
            ],
            &["05 09:00", "05 09:00", "05 09:00", "-"],
        ),
        (
            "daily rows: the next good day ends it, and a later warning begins another",
            &[("2026-06-02T00:00Z", true), ("2026-06-03T00:00Z", false), ("2026-06-04T00:00Z", true)],
            &["02 00:00", "-", "04 00:00"],
        ),
        (
            "nobody looked for days: nobody saw it end, so that the next warning is the same risk",
            &[("2026-06-01T09:00Z", true), ("2026-06-04T09:00Z", true), ("2026-06-05T20:00Z", false)],
            &["01 09:00", "01 09:00", "-"],
        ),
    ];
    for (name, looks, expected) in cases {
        assert_eq!(lived(looks), expected, "{name}");
    }
}

#[test]
fn a_risk_is_of_its_period_and_of_what_the_journal_knew_then() {
    let calendar = Calendar::of(&contract()).unwrap();
    let fact = JournalFact::RiskBegan(RiskBegan {
        period: "2026-06".into(),
        since: instant("2026-06-29T09:00Z"),
        last_warned_on: jiff::civil::date(2026, 6, 30),
        warning: Warning::BudgetBurn,
    });
    let recorded_at = instant("2026-06-29T09:00Z");
    let journal = Journal { facts: vec![RecordedFact { name: "level".into(), fact, recorded_at }] };
    let stand = |kpi, period, as_of: &str| {
        let as_of = instant(as_of);
        let seen = SeenRisk { risk: Risk::OnTrack, as_of: Some(as_of), latest_end: Some(as_of) };
        standing_risk(Some(&journal), &calendar, (kpi, period), seen, as_of)
    };
    let held = stand("level", "2026-06", "2026-06-30T20:00Z");
    assert_eq!(held.since, Some(instant("2026-06-29T09:00Z")));
    assert!(matches!(&held.risk, Risk::BudgetBurn { message } if message.contains("no warning since 2026-06-30")));
    for (kpi, period, as_of) in [
        ("level", "2026-07", "2026-07-01T09:00Z"),
        ("other", "2026-06", "2026-06-30T20:00Z"),
        ("level", "2026-06", "2026-06-29T08:30Z"),
    ] {
        assert_eq!(stand(kpi, period, as_of).since, None, "{kpi} {period} {as_of}");
    }
}

#[test]
fn a_risk_that_the_last_row_of_a_day_shows_begins_with_it_and_not_when_service_begins_again() {
    let calendar = Calendar::of(&contract()).unwrap();
    let (end, monday) = (instant("2026-06-05T19:00Z"), instant("2026-06-09T07:00Z"));
    for (journal, now) in [(Some(&Journal::default()), end), (None, end), (None, monday)] {
        let risk = Risk::ProjectedMiss { message: "heading for 79".into() };
        let seen = SeenRisk { risk, as_of: Some(monday), latest_end: Some(end) };
        let standing = standing_risk(journal, &calendar, ("level", "2026-06"), seen, now);
        assert_eq!(standing.since, Some(end));
    }
}
