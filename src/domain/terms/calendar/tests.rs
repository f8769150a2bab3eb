use serde_json::json;

use super::*;

/// A contract with the given calendar in a zone.
fn calendar(zone: &str, calendar: serde_json::Value) -> Calendar {
    Calendar::of(&contract(zone, calendar)).unwrap()
}

fn contract(zone: &str, calendar: serde_json::Value) -> VendorContractSpec {
    serde_json::from_value(json!({
        "vendor": {"name": "acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
        "timeZone": zone, "calendar": calendar,
    }))
    .unwrap()
}

fn weekdays(from: &str, to: &str) -> serde_json::Value {
    json!({"serviceHours": [{"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": from, "to": to}]})
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn duration(text: &str) -> Duration {
    text.parse().unwrap()
}

#[test]
fn a_day_has_the_hours_that_its_clock_shows() {
    for (zone, date, hours) in [
        ("Europe/London", "2026-03-29", 23),
        ("Europe/London", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Asia/Kolkata", "2026-03-29", 24),
        ("Asia/Manila", "2026-10-25", 24),
        // The clock skips midnight itself.
        ("America/Santiago", "2026-09-06", 23),
        ("America/Santiago", "2026-04-04", 25),
        // Half an hour is taken.
        ("Australia/Lord_Howe", "2026-04-05", 24),
        // A day that the island never had.
        ("Pacific/Apia", "2011-12-30", 0),
        ("UTC", "2026-03-29", 24),
    ] {
        let calendar = calendar(zone, json!(null));
        let date: Date = date.parse().unwrap();
        let seconds = Span::new(calendar.start_of_day(date), calendar.end_of_day(date)).seconds();
        assert_eq!(seconds / 3_600, hours, "{zone} {date}");
        if hours > 0 {
            assert_eq!(calendar.date_of(calendar.start_of_day(date)), date);
        }
    }
}

#[test]
fn a_zone_that_changed_its_rules_is_read_as_it_was() {
    // Istanbul stopped changing its clock in 2016; Moscow went back for good in October 2014.
    for (zone, before, after) in [
        ("Europe/Istanbul", ("2015-12-01", "2015-11-30T22:00:00Z"), ("2016-12-01", "2016-11-30T21:00:00Z")),
        ("Europe/Moscow", ("2014-10-26", "2014-10-25T20:00:00Z"), ("2014-10-27", "2014-10-26T21:00:00Z")),
    ] {
        let calendar = calendar(zone, json!(null));
        for (date, instant) in [before, after] {
            assert_eq!(calendar.start_of_day(date.parse().unwrap()), at(instant), "{zone} {date}");
        }
    }
}

#[test]
fn times_that_the_clock_skips_or_repeats_have_one_instant() {
    let london = calendar("Europe/London", json!(null));
    for (local, instant) in [
        ("2026-03-29T01:30:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T01:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:00:00", "2026-10-25T02:00:00Z"),
    ] {
        assert_eq!(london.instant_of(local.parse().unwrap()), at(instant), "{local}");
    }
    let santiago = calendar("America/Santiago", json!(null));
    assert_eq!(santiago.start_of_day("2026-09-06".parse().unwrap()), at("2026-09-06T04:00:00Z"));
}

#[test]
fn business_days_follow_hours_and_holidays() {
    let holidays = json!([{"date": "2026-01-01"}, {"date": "2026-01-03"}]);
    let default = calendar("UTC", json!({"holidays": holidays}));
    let weekend = calendar(
        "UTC",
        json!({"holidays": holidays, "serviceHours": [{"days": ["Saturday", "Sunday"], "from": "10:00", "to": "16:00"}]}),
    );
    for (date, by_default, on_weekends) in [
        ("2026-01-01", false, false),
        ("2026-01-02", true, false),
        ("2026-01-03", false, false),
        ("2026-01-04", false, true),
        ("2026-01-05", true, false),
    ] {
        let date = date.parse().unwrap();
        assert_eq!((default.is_business_day(date), weekend.is_business_day(date)), (by_default, on_weekends), "{date}");
    }
}

#[test]
fn durations_are_counted_forwards() {
    let plain = calendar("UTC", json!(null));
    let hours = weekdays("09:00", "17:00");
    let mut with_holiday = hours.clone();
    with_holiday["holidays"] = json!([{"date": "2026-02-02"}]);
    let office = calendar("UTC", hours);
    let holiday = calendar("UTC", with_holiday);
    let new_york = calendar("America/New_York", json!(null));
    for (calendar, instant, length, expected) in [
        // January's end and ten business days.
        (&plain, "2026-02-01T00:00:00Z", "10bd", "2026-02-14T00:00:00Z"),
        (&office, "2026-02-01T00:00:00Z", "10bd", "2026-02-14T00:00:00Z"),
        // A holiday on the first day after the boundary costs a day, over the weekend.
        (&holiday, "2026-02-01T00:00:00Z", "10bd", "2026-02-17T00:00:00Z"),
        (&holiday, "2026-02-02T00:00:00Z", "1bd", "2026-02-04T00:00:00Z"),
        (&plain, "2026-02-02T00:00:00Z", "1bd", "2026-02-03T00:00:00Z"),
        (&plain, "2026-02-02T00:00:01Z", "1bd", "2026-02-04T00:00:00Z"),
        (&plain, "2026-02-06T12:00:00Z", "1bd", "2026-02-10T00:00:00Z"),
        (&plain, "2026-02-06T12:00:00Z", "0bd", "2026-02-06T12:00:00Z"),
        (&plain, "2026-01-01T00:00:00Z", "260bd", "2026-12-31T00:00:00Z"),
        (&office, "2026-02-06T16:00:00Z", "2bh", "2026-02-09T10:00:00Z"),
        (&office, "2026-02-06T16:00:00Z", "1bh", "2026-02-06T17:00:00Z"),
        (&office, "2026-02-07T12:00:00Z", "8bh", "2026-02-09T17:00:00Z"),
        (&holiday, "2026-01-30T17:00:00Z", "1bh", "2026-02-03T10:00:00Z"),
        (&plain, "2026-02-07T12:00:00Z", "3bh", "2026-02-07T15:00:00Z"),
        // Real time, whatever the clock does.
        (&new_york, "2026-03-07T12:00:00Z", "1d", "2026-03-08T12:00:00Z"),
        (&new_york, "2026-03-07T12:00:00Z", "1w", "2026-03-14T12:00:00Z"),
        (&new_york, "2026-03-08T05:00:00Z", "1bd", "2026-03-10T04:00:00Z"),
        (&plain, "2026-01-01T00:00:00Z", "90m", "2026-01-01T01:30:00Z"),
        (&plain, "2026-01-01T00:00:00Z", "999999999w", "9999-12-30T22:00:00.999999999Z"),
    ] {
        assert_eq!(calendar.after(at(instant), duration(length)), at(expected), "{instant} + {length}");
    }
}

#[test]
fn durations_are_counted_backwards() {
    let plain = calendar("UTC", json!(null));
    let mut hours = weekdays("09:00", "17:00");
    hours["holidays"] = json!([{"date": "2026-02-02"}]);
    let office = calendar("UTC", hours);
    for (calendar, instant, length, expected) in [
        (&plain, "2026-02-14T00:00:00Z", "10bd", "2026-02-02T00:00:00Z"),
        (&plain, "2026-02-13T23:59:59Z", "10bd", "2026-01-30T00:00:00Z"),
        (&plain, "2026-02-16T09:00:00Z", "1bd", "2026-02-13T00:00:00Z"),
        (&office, "2026-02-03T09:00:00Z", "1bd", "2026-01-30T00:00:00Z"),
        (&office, "2026-02-03T10:00:00Z", "2bh", "2026-01-30T16:00:00Z"),
        (&office, "2026-02-03T10:00:00Z", "1bh", "2026-02-03T09:00:00Z"),
        (&plain, "2026-12-31T00:00:00Z", "260bd", "2026-01-01T00:00:00Z"),
        (&plain, "2026-02-03T10:00:00Z", "2d", "2026-02-01T10:00:00Z"),
        (&plain, "2026-02-03T10:00:00Z", "0bh", "2026-02-03T10:00:00Z"),
    ] {
        assert_eq!(calendar.before(at(instant), duration(length)), at(expected), "{instant} - {length}");
    }
}

#[test]
fn counting_whole_weeks_equals_walking_days() {
    let holidays: Vec<_> = (1..=12).map(|month| json!({"date": format!("2026-{month:02}-{:02}", month + 3)})).collect();
    let calendar = calendar("UTC", json!({"holidays": holidays}));
    for direction in [1, -1] {
        let first: Date = if direction > 0 { "2025-12-03" } else { "2027-01-09" }.parse().unwrap();
        let mut day = first;
        let mut count = 0;
        while count < 400 {
            if calendar.is_business_day(day) {
                count += 1;
                assert_eq!(calendar.nth_business_day(first, count, direction), Some(day), "{count} {direction}");
            }
            day = if direction > 0 { day.tomorrow() } else { day.yesterday() }.unwrap();
        }
    }
}

#[test]
fn service_time_is_hours_without_holidays() {
    let mut hours = weekdays("09:00", "17:30");
    hours["holidays"] = json!([{"date": "2026-04-03"}]);
    let london = calendar("Europe/London", hours);
    let around_the_clock = calendar("Europe/London", json!({"holidays": [{"date": "2026-04-03"}]}));
    let always = calendar("Europe/London", json!(null));
    let (from, to) = (at("2026-03-27T00:00:00Z"), at("2026-04-04T00:00:00Z"));
    assert_eq!(london.service_seconds(from, to), 5 * 30_600);
    assert_eq!(always.service_seconds(from, to), 8 * 86_400);
    assert_eq!(around_the_clock.service_seconds(from, to), 8 * 86_400 - 86_400);
    assert_eq!(around_the_clock.service_spans(from, to).len(), 2);
    // The clock change moves service in real time.
    assert_eq!(london.service_spans(from, to)[0], Span::new(at("2026-03-27T09:00:00Z"), at("2026-03-27T17:30:00Z")));
    assert_eq!(london.service_spans(from, to)[1], Span::new(at("2026-03-30T08:00:00Z"), at("2026-03-30T16:30:00Z")));
    assert!(!london.overlaps_service(at("2026-03-27T17:30:00Z"), at("2026-03-30T08:00:00Z")));
    assert!(london.overlaps_service(at("2026-03-27T17:29:59Z"), at("2026-03-27T18:00:00Z")));
    assert_eq!(london.next_service(at("2026-04-02T16:30:00Z")), Some(at("2026-04-06T08:00:00Z")));
}

#[test]
fn service_that_is_written_twice_or_to_midnight_is_one_span() {
    let night = calendar(
        "UTC",
        json!({"serviceHours": [
            {"days": ["Monday"], "from": "20:00", "to": "24:00"}, {"days": ["Monday"], "from": "19:00", "to": "21:00"},
            {"days": ["Tuesday"], "from": "00:00", "to": "04:00"},
        ]}),
    );
    let spans = night.service_spans(at("2026-02-01T00:00:00Z"), at("2026-02-08T00:00:00Z"));
    assert_eq!(spans, [Span::new(at("2026-02-02T19:00:00Z"), at("2026-02-03T04:00:00Z"))]);
}

#[test]
fn civil_days_keep_the_local_time() {
    let london = calendar("Europe/London", json!(null));
    assert_eq!(london.civil_days_after(at("2026-04-10T08:00:00Z"), -21), at("2026-03-20T09:00:00Z"));
    assert_eq!(london.civil_days_after(at("2026-03-28T09:00:00Z"), 1), at("2026-03-29T08:00:00Z"));
}

#[test]
fn anniversaries_of_a_leap_day_are_the_28th() {
    for (date, years, expected) in [
        ("2024-02-29", 1, "2025-02-28"),
        ("2024-02-29", 4, "2028-02-29"),
        ("2026-01-31", 2, "2028-01-31"),
        ("2026-03-01", 0, "2026-03-01"),
    ] {
        assert_eq!(anniversary(date.parse().unwrap(), years), expected.parse::<Date>().unwrap());
    }
    assert_eq!(days_between("2024-02-28".parse().unwrap(), "2024-03-01".parse().unwrap()), 2);
    assert_eq!(days_after("2024-02-28".parse().unwrap(), 1), "2024-02-29".parse::<Date>().unwrap());
}

#[test]
fn a_calendar_that_is_not_valid_is_refused_in_the_users_words() {
    for (zone, calendar, field, words) in [
        ("Europe/Londn", json!(null), "spec.timeZone", "\"Europe/Londn\" is not a time zone"),
        ("Local", json!(null), "spec.timeZone", "\"Local\" is not a time zone"),
        ("+01:00", json!(null), "spec.timeZone", "\"+01:00\" is not a time zone"),
        ("UTC", weekdays("8", "17:00"), "spec.calendar.serviceHours[0]", "\"8\" to \"17:00\" are not service hours"),
        ("UTC", weekdays("22:00", "06:00"), "spec.calendar.serviceHours[0]", "two entries"),
        ("UTC", weekdays("24:00", "24:00"), "spec.calendar.serviceHours[0]", "are not service hours"),
    ] {
        let InvalidSpec(findings) = Calendar::of(&contract(zone, calendar)).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].field, field);
        assert!(findings[0].message.contains(words), "{}", findings[0].message);
    }
}
