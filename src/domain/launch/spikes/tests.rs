use super::*;
use jiff::civil::date;
use serde_json::{Value, json};

const BANK: &str = include_str!("../../../../tests/data/bank-calls-by-day.csv");

fn calendar(holidays: &[&str]) -> Calendar {
    let holidays: Vec<Value> = holidays.iter().map(|day| json!({"date": day})).collect();
    let spec = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2003-01-01", "end": "2003-12-31"},
        "calendar": {
            "serviceHours": [
                {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "07:00", "to": "21:00"},
            ],
            "holidays": holidays,
        },
    });
    Calendar::of(&serde_json::from_value(spec).unwrap()).unwrap()
}

/// The bank's daily calls, each day in one interval.
fn bank(calendar: &Calendar) -> ByInterval {
    BANK.lines()
        .skip(1)
        .map(|line| {
            let (day, calls) = line.split_once(',').unwrap();
            (calendar.start_of_day(day.parse().unwrap()), Exact::from(calls.parse::<i64>().unwrap()))
        })
        .collect()
}

fn none(_: Span, _: Span) -> Vec<Watched> {
    Vec::new()
}

fn whole_year(calendar: &Calendar) -> Span {
    Span::new(calendar.start_of_day(date(2003, 1, 1)), calendar.end_of_day(date(2003, 12, 31)))
}

fn find(calendar: &Calendar, actual: &ByInterval, seconds: i64) -> Option<Vec<Spike>> {
    let baseline = Baseline::of(actual, calendar, 8);
    let empty = ByInterval::new();
    let facts = SpikeFacts {
        calendar,
        interval_seconds: seconds,
        actual,
        baseline: &baseline,
        of_campaign: &empty,
        labelled: &empty,
        planned: None,
        pressure: &none,
        quality: &none,
    };
    let year = whole_year(calendar);
    find_spikes(&facts, year, year.end)
}

#[test]
fn the_days_after_public_holidays_spike_in_the_bank_s_real_calls() {
    let calendar = calendar(&[]);
    let calls = bank(&calendar);
    let baseline = Baseline::of(&calls, &calendar, 8);
    for (day, expected, deviation, z) in [
        (date(2003, 9, 2), 32800.5, 916.0, 7.428603),
        (date(2003, 5, 27), 30358.0, 711.0, 7.4725),
        (date(2003, 9, 9), f64::NAN, f64::NAN, -1.6225),
    ] {
        let usual = baseline.day(day).unwrap();
        let actual = calls[&calendar.start_of_day(day)].to_f64();
        assert!((standardised(actual, usual, 1.0) - z).abs() < 1e-4, "{day}");
        if z > 0.0 {
            assert_eq!((usual.median, usual.deviation), (expected, deviation), "{day}");
        }
    }
}

#[test]
fn the_bank_s_day_totals_spike_on_eight_days() {
    let calendar = calendar(&[]);
    let calls = bank(&calendar);
    let scored: Vec<Date> = calls
        .keys()
        .map(|start| calendar.date_of(*start))
        .filter(|day| {
            let same = calls.keys().map(|start| calendar.date_of(*start));
            same.filter(|other| other.weekday() == day.weekday() && other < day).count() >= 8
        })
        .collect();
    assert_eq!(scored.len(), 124);
    // One interval a day: no two run, so days are judged by their totals.
    let spikes = find(&calendar, &calls, 86_400).unwrap();
    let days: Vec<String> = spikes
        .iter()
        .map(|spike| calendar.date_of(spike.start))
        .filter(|day| scored.contains(day))
        .map(|day| day.strftime("%m-%d").to_string())
        .collect();
    assert_eq!(days, ["05-27", "05-28", "06-04", "08-01", "08-29", "09-02", "09-03", "10-03"]);
    let after_labor_day = spikes.iter().find(|spike| calendar.date_of(spike.start) == date(2003, 9, 2)).unwrap();
    assert_eq!(
        (after_labor_day.actual.as_str(), after_labor_day.expected.as_str(), after_labor_day.z.as_str()),
        ("42889", "32800.5", "7.4")
    );
}

/// Half hours of service over twelve weeks, each with this many contacts.
fn half_hours(calendar: &Calendar, contacts: impl Fn(Date, i64) -> i64) -> ByInterval {
    (0..84)
        .map(|age| days_after(date(2003, 3, 3), age))
        .flat_map(|day| service_intervals(calendar, day, 1_800).into_iter().enumerate().map(move |slot| (day, slot)))
        .map(|(day, (slot, span))| (span.start, Exact::from(contacts(day, slot as i64))))
        .collect()
}

#[test]
fn after_four_days_that_follow_holidays_the_fifth_is_measured_by_them() {
    // Five Mondays off; the Tuesdays after have half as much again.
    let all = ["2003-04-07", "2003-04-14", "2003-04-21", "2003-04-28", "2003-05-05"];
    let calendar = calendar(&all);
    let busy = ["2003-04-08", "2003-04-15", "2003-04-22", "2003-04-29", "2003-05-06"];
    let contacts = half_hours(&calendar, |day, _| if busy.contains(&day.to_string().as_str()) { 150 } else { 100 });
    let spikes = find(&calendar, &contacts, 1_800).unwrap();
    let days: Vec<String> = spikes.iter().map(|spike| calendar.date_of(spike.start).to_string()).collect();
    assert_eq!(days, busy[..4], "each of the first four spikes, the fifth does not");
}

#[test]
fn two_intervals_running_are_one_entry_with_the_highest_z_and_one_is_none() {
    let calendar = calendar(&[]);
    let spike_day = date(2003, 5, 20);
    let contacts = half_hours(&calendar, |day, slot| match (day == spike_day, slot) {
        (true, 2) => 150,
        (true, 3) => 180,
        (true, 4) => 140,
        (true, 9) => 200,
        _ => 100,
    });
    let spikes = find(&calendar, &contacts, 1_800).unwrap();
    assert_eq!(spikes.len(), 1);
    let spike = &spikes[0];
    assert_eq!(
        (spike.start.to_string().as_str(), spike.end.to_string().as_str()),
        ("2003-05-20T08:00:00Z", "2003-05-20T09:30:00Z")
    );
    assert_eq!((spike.actual.as_str(), spike.expected.as_str(), spike.z.as_str()), ("470", "300", "8.0"));
    let single = half_hours(&calendar, |day, slot| if day == spike_day && slot == 9 { 140 } else { 100 });
    assert_eq!(find(&calendar, &single, 1_800), Some(Vec::new()));
}

#[test]
fn without_a_baseline_nothing_is_said() {
    let calendar = calendar(&[]);
    let few: ByInterval = half_hours(&calendar, |_, _| 100)
        .into_iter()
        .filter(|(start, _)| calendar.date_of(*start) < date(2003, 3, 20))
        .collect();
    assert_eq!(find(&calendar, &few, 1_800), None);
}

fn share(percent: f64) -> Share {
    Share::new(percent * 100.0, 10_000.0).unwrap()
}

/// Cause and quality of a spike of 100 contacts above 200: how many of them carry the campaign's label, and how many its key.
fn caused(of_campaign: i64, labelled: i64, transfers: f64, quality: Option<f64>) -> (SpikeCause, ConditionStatus) {
    let calendar = calendar(&[]);
    let spike_day = date(2003, 5, 20);
    let actual = half_hours(&calendar, |day, slot| if day == spike_day && slot < 2 { 150 } else { 100 });
    let (first, baseline) =
        (service_intervals(&calendar, spike_day, 1_800)[0].start, Baseline::of(&actual, &calendar, 8));
    let (of_campaign, labelled): (ByInterval, ByInterval) =
        ([(first, of_campaign.into())].into(), [(first, labelled.into())].into());
    let pressure =
        |_: Span, _: Span| vec![Watched { higher_is_better: false, before: share(5.0), during: share(transfers) }];
    let watched = |during: Span, before: Span| {
        assert_eq!((during.start, before.end, before.seconds()), (first, first, 28 * 86_400));
        quality
            .map(|percent| Watched { higher_is_better: true, before: share(80.0), during: share(percent) })
            .into_iter()
            .collect()
    };
    let facts = SpikeFacts {
        calendar: &calendar,
        interval_seconds: 1_800,
        actual: &actual,
        baseline: &baseline,
        of_campaign: &of_campaign,
        labelled: &labelled,
        planned: None,
        pressure: &pressure,
        quality: &watched,
    };
    let year = whole_year(&calendar);
    let spikes = find_spikes(&facts, year, year.end).unwrap();
    assert_eq!(spikes.len(), 1);
    (spikes[0].cause, spikes[0].quality_held)
}

#[test]
fn the_cause_follows_from_the_label_s_share_of_the_excess() {
    use SpikeCause::{CampaignDemand, Mixed, ProcessFailure, Unattributed};
    for (of_campaign, labelled, transfers, cause) in [
        (60, 60, 5.0, CampaignDemand),
        (59, 300, 5.0, Mixed),
        (59, 149, 5.0, Unattributed),
        (30, 150, 9.0, Mixed),
        (29, 300, 9.0, ProcessFailure),
        (29, 300, 5.0, Unattributed),
        (0, 0, 9.0, ProcessFailure),
        (29, 300, 3.0, Unattributed),
    ] {
        assert_eq!(caused(of_campaign, labelled, transfers, None).0, cause, "{of_campaign} {labelled} {transfers}");
    }
}

#[test]
fn quality_held_unless_a_watched_share_became_significantly_worse() {
    for (quality, held) in [
        (None, ConditionStatus::Unknown),
        (Some(80.5), ConditionStatus::True),
        (Some(79.5), ConditionStatus::True),
        (Some(70.0), ConditionStatus::False),
        (Some(90.0), ConditionStatus::True),
    ] {
        assert_eq!(caused(60, 60, 5.0, quality).1, held, "{quality:?}");
    }
}
