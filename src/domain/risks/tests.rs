use super::*;
use crate::api::vendor_contract::VendorContractSpec;
use crate::domain::cases::{instant, terms};

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
}

/// One look: how far the data reaches, and whether it warns.
type Look = (&'static str, bool);

/// What a journal that is kept gives for each look: since when the risk stands, or `-`.
fn lived(looks: &[Look]) -> Vec<String> {
    let calendar = Calendar::of(&contract()).unwrap();
    let mut journal = Journal::default();
    looks
        .iter()
        .map(|(as_of, warns)| {
            let as_of = instant(as_of);
            let seen = if *warns { Risk::ProjectedMiss { message: "heading for 79".into() } } else { Risk::OnTrack };
            let risk = standing_risk(Some(&journal), &calendar, ("level", "2026-06"), (seen, Some(as_of)), as_of);
            assert_eq!(risk.since.is_some(), risk.risk.warning().is_some());
            let fact = risk.news.map(|fact| RecordedFact { name: "level".into(), fact, recorded_at: as_of });
            journal.facts.extend(fact);
            risk.since.map_or("-".to_owned(), |since| since.strftime("%d %H:%M").to_string())
        })
        .collect()
}

#[test]
fn a_risk_stands_from_its_first_warning_until_a_whole_service_day_has_passed_without_one() {
    let cases: [(&str, &[Look], &[&str]); 7] = [
        ("none", &[("2026-06-01T09:00Z", false)], &["-"]),
        (
            "a warning that comes and goes within a day",
            &[("2026-06-01T09:00Z", true), ("2026-06-01T09:30Z", false), ("2026-06-01T10:00Z", true)],
            &["01 09:00", "01 09:00", "01 09:00"],
        ),
        (
            "the rest of its day is no whole day; the next one is when its service has ended",
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
            "the weekend and a holiday are no service days: Friday, then Tuesday",
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
            "nobody looked for a whole quiet day: the next warning begins another",
            &[("2026-06-01T09:00Z", true), ("2026-06-03T09:00Z", true)],
            &["01 09:00", "03 09:00"],
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
        standing_risk(Some(&journal), &calendar, (kpi, period), (Risk::OnTrack, Some(as_of)), as_of)
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
