use super::*;
use crate::api::campaign_launch::{PlannedInterval, Staffing};
use jiff::civil::{date, time};
use serde_json::{Value, json};

/// London, Monday to Friday from 08:00 to 18:00, with Christmas Day off.
fn calendar() -> Calendar {
    let spec = json!({
        "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "timeZone": "Europe/London",
        "calendar": {
            "serviceHours": [
                {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "08:00", "to": "18:00"},
            ],
            "holidays": [{"date": "2026-12-25"}],
        },
    });
    Calendar::of(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn launch(channels: Value) -> CampaignLaunchSpec {
    let spec = json!({
        "contractRefs": [{"name": "c"}], "product": "p", "launchAt": "2026-11-30T08:00:00Z", "channels": channels,
    });
    serde_json::from_value(spec).unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Past contacts: this many in each half hour of service on each day of the ten weeks before the launch.
fn past(contacts: impl Fn(Date, Time) -> i64) -> ByInterval {
    let calendar = calendar();
    (1..=70)
        .map(|age| days_after(date(2026, 11, 30), -age))
        .flat_map(|day| service_intervals(&calendar, day, 1_800))
        .map(|span| {
            let local = calendar.local(span.start);
            (span.start, Exact::from(contacts(local.date(), local.time())))
        })
        .collect()
}

#[test]
fn a_day_s_share_of_the_mailing_is_that_of_the_worked_example() {
    let channels = json!([{"name": "mail", "type": "DirectMail", "volume": 50000, "responsePercent": "1.2", "dayShares": [35, 65]}]);
    let demand = campaign_demand(&launch(channels), &calendar(), None, 1_800);
    let status = demand.status();
    assert_eq!(status.contacts, "600");
    let days: Vec<String> = status.days.iter().map(|day| format!("{} {}", day.date, day.contacts)).collect();
    assert_eq!(days, ["2026-11-30 210", "2026-12-01 390"]);
    // Without a baseline equal over the twenty half hours of service.
    assert!((demand.intervals[&instant("2026-11-30T08:00:00Z")] - 10.5).abs() < 1e-9);
    assert_eq!(demand.intervals.len(), 40);
}

#[test]
fn the_first_day_uses_only_what_is_left_of_it() {
    let channels = json!([
        {"name": "tv", "type": "Television", "at": "2026-12-03T17:00:00Z", "expectedContacts": 900, "dayShares": [70, 30]},
        {"name": "late", "type": "Email", "at": "2026-12-04T19:00:00Z", "expectedContacts": 100},
    ]);
    let demand = campaign_demand(&launch(channels), &calendar(), None, 1_800);
    assert_eq!(demand.first_at, Some(instant("2026-12-03T17:00:00Z")));
    let of_day = |day: Date| -> f64 {
        let calendar = calendar();
        demand
            .intervals
            .iter()
            .filter(|(start, _)| calendar.date_of(**start) == day)
            .map(|(_, contacts)| contacts)
            .sum()
    };
    assert!((demand.intervals[&instant("2026-12-03T17:00:00Z")] - 315.0).abs() < 1e-9);
    assert!((of_day(date(2026, 12, 3)) - 630.0).abs() < 1e-9);
    // What is mailed after service has ended counts for the day and in no interval.
    assert_eq!(demand.days[&date(2026, 12, 4)], Exact::from(370));
    assert!((of_day(date(2026, 12, 4)) - 270.0).abs() < 1e-9);
}

#[test]
fn the_day_takes_the_shape_of_its_weekday_s_baseline() {
    // Twice as many in the morning.
    let past = past(|_, at| if at < time(12, 0, 0, 0) { 20 } else { 10 });
    let baseline = Baseline::of(&past, &calendar(), 8);
    let channels = json!([{"name": "mail", "type": "Email", "expectedContacts": 280}]);
    let demand = campaign_demand(&launch(channels), &calendar(), Some(&baseline), 1_800);
    assert!((demand.intervals[&instant("2026-11-30T08:00:00Z")] - 20.0).abs() < 1e-9);
    assert!((demand.intervals[&instant("2026-11-30T15:00:00Z")] - 10.0).abs() < 1e-9);
}

#[test]
fn a_baseline_is_the_median_of_the_last_existing_values_of_weekday_and_interval() {
    let monday = date(2026, 11, 30);
    // Week by week 1, 2, 3, … backwards from the launch.
    let past = past(|day, _| crate::domain::terms::calendar::days_between(day, monday) / 7);
    let eight = Baseline::of(&past, &calendar(), 8);
    assert_eq!(eight.interval(monday, time(8, 0, 0, 0)).unwrap(), Usual { median: 4.5, deviation: 2.0 });
    assert_eq!(eight.day(monday).unwrap().median, 90.0);
    assert_eq!(Baseline::of(&past, &calendar(), 5).interval(monday, time(8, 0, 0, 0)).unwrap().median, 3.0);
    assert_eq!(eight.interval(monday, time(19, 0, 0, 0)), None, "no service, no values");
    let three: ByInterval = past.into_iter().filter(|(start, _)| *start >= instant("2026-11-09T00:00:00Z")).collect();
    assert_eq!(
        Baseline::of(&three, &calendar(), 8).interval(monday, time(8, 0, 0, 0)),
        None,
        "three values are too few"
    );
}

#[test]
fn the_same_local_time_is_compared_when_the_clock_changes() {
    let past = past(|_, at| i64::from(at.hour()));
    let baseline = Baseline::of(&past, &calendar(), 10);
    // Ten Mondays, some in summer time: all values of 08:00 are 8.
    assert_eq!(baseline.interval(date(2026, 11, 30), time(8, 0, 0, 0)).unwrap(), Usual { median: 8.0, deviation: 0.0 });
}

fn staffing(more: Value) -> Staffing {
    let mut staffing = json!({"handleTime": "180s"});
    for (key, value) in more.as_object().unwrap() {
        staffing[key] = value.clone();
    }
    serde_json::from_value(staffing).unwrap()
}

fn plan(
    staffing: &Staffing,
    scheduled: Scheduled<'_>,
    others: &[&Demand],
    baseline: Option<&Baseline>,
) -> StaffingPlan {
    // 2,000 contacts in twenty half hours: 100 each.
    let channels = json!([{"name": "mail", "type": "Email", "expectedContacts": 2000}]);
    let demand = campaign_demand(&launch(channels), &calendar(), None, 1_800);
    let calendar = calendar();
    let facts = StaffingFacts { staffing, calendar: &calendar, demand: &demand, baseline, others, scheduled };
    plan_staffing(&facts).unwrap()
}

#[test]
fn a_plan_adds_campaign_baseline_and_other_campaigns() {
    let plain = plan(&staffing(json!({})), Scheduled::Unknown, &[], None);
    assert_eq!(plain.intervals.len(), 20);
    assert_eq!(plain.intervals[0].requirement, crate::domain::launch::staffing::Requirement { agents: 14, heads: 20 });
    assert_eq!((plain.coverage_percent(), plain.status().worst), (None, None));
    let baseline = Baseline::of(&past(|_, _| 60), &calendar(), 8);
    let with_baseline = plan(&staffing(json!({})), Scheduled::Always(29), &[], Some(&baseline));
    assert_eq!(with_baseline.intervals[3].requirement.heads, 29);
    assert_eq!(with_baseline.coverage_percent(), Some(Exact::HUNDRED));
    let other = Demand { intervals: BTreeMap::from([(instant("2026-11-30T10:00:00Z"), 90.0)]), ..Demand::default() };
    let crowded = plan(&staffing(json!({})), Scheduled::Always(36), &[&other], Some(&baseline));
    let status = crowded.status();
    let peak = status.peak.unwrap();
    assert_eq!(
        (peak.start, peak.contacts.as_str(), peak.required, peak.heads),
        (instant("2026-11-30T10:00:00Z"), "250.0", 30, 43)
    );
    assert_eq!((status.short_intervals, peak.scheduled), (1, Some(36)));
    assert_eq!(status.worst.unwrap().coverage_percent, "83.7");
}

#[test]
fn an_interval_that_the_schedule_does_not_speak_of_has_no_one() {
    let levels: ByInterval = [(instant("2026-11-30T08:00:00Z"), Exact::from(20))].into();
    let plan = plan(&staffing(json!({})), Scheduled::ByInterval(&levels), &[], None);
    assert_eq!(plan.coverage_percent(), Some(Exact::ZERO));
    assert_eq!(plan.status().short_intervals, 19);
    let silent = ByInterval::new();
    assert_eq!(
        super::tests::plan(&staffing(json!({})), Scheduled::ByInterval(&silent), &[], None).coverage_percent(),
        None
    );
}

/// A number of days, each with a number of half hours from its midnight on. Interval n of all has n contacts, needs n heads, and
/// 1000 − n are scheduled.
fn half_hours(days: usize, each: usize) -> StaffingPlan {
    let mut intervals = Vec::new();
    for number in 0..days * each {
        let (day, slot) = ((number / each) as i64, (number % each) as i64);
        let start = instant("2026-11-30T00:00:00Z") + jiff::SignedDuration::from_mins(24 * 60 * day + 30 * slot);
        intervals.push(StaffingInterval {
            span: Span::new(start, start + jiff::SignedDuration::from_mins(30)),
            contacts: number as f64,
            requirement: crate::domain::launch::staffing::Requirement { agents: 0, heads: number as u64 },
            scheduled: Some(Exact::from(1000 - number as i64)),
        });
    }
    StaffingPlan { intervals }
}

#[test]
fn a_status_shows_four_hundred_intervals_at_most_and_merges_neighbours_of_more() {
    // Days and half hours of each, then how many are shown, and of the second: its start, contacts, heads needed and scheduled.
    for (days, each, shown, start, expected, required, scheduled) in [
        (1, 20, 20, "2026-11-30T00:30:00Z", "1.0", 1, 999),
        (20, 20, 400, "2026-11-30T00:30:00Z", "1.0", 1, 999),
        // By two, but not over the night: of five the last stays alone.
        (21, 20, 210, "2026-11-30T01:00:00Z", "5.0", 3, 997),
        (81, 5, 243, "2026-11-30T01:00:00Z", "5.0", 3, 997),
        // Round the clock, neighbours go on over midnight.
        (20, 48, 320, "2026-11-30T01:30:00Z", "12.0", 5, 995),
        // One a day is too many: days are merged.
        (401, 2, 268, "2026-12-01T00:30:00Z", "12.0", 5, 995),
    ] {
        let plan = half_hours(days, each).by_interval();
        assert_eq!(plan.len(), shown, "{days} × {each}");
        let second = &plan[1];
        let found = (second.start, second.expected.as_str(), second.required, second.scheduled);
        assert_eq!(found, (instant(start), expected, required, Some(scheduled)), "{days} × {each}");
    }
    assert!(StaffingPlan::default().by_interval().is_empty());
}

#[test]
fn heads_that_are_not_known_are_not_shown_and_parts_of_heads_are_not_rounded_up() {
    let of = |scheduled| plan(&staffing(json!({})), scheduled, &[], None).by_interval()[0].scheduled;
    assert_eq!(of(Scheduled::Unknown), None);
    let levels: ByInterval = [(instant("2026-11-30T08:00:00Z"), Exact::from_scaled(195, 1))].into();
    assert_eq!(of(Scheduled::ByInterval(&levels)), Some(19));
    let shown = plan(&staffing(json!({})), Scheduled::Always(29), &[], None).by_interval();
    let found: Vec<_> = shown.iter().map(|it| (it.expected.as_str(), it.required, it.scheduled)).collect();
    assert_eq!(found, [("100.0", 20, Some(29)); 20]);
}

#[test]
fn without_a_handle_time_there_is_no_plan() {
    let demand = campaign_demand(
        &launch(json!([{"name": "m", "type": "Sms", "expectedContacts": 5}])),
        &calendar(),
        None,
        1_800,
    );
    let (calendar, staffing) = (calendar(), Staffing::default());
    let facts = StaffingFacts {
        staffing: &staffing,
        calendar: &calendar,
        demand: &demand,
        baseline: None,
        others: &[],
        scheduled: Scheduled::Unknown,
    };
    assert_eq!(plan_staffing(&facts), None);
}

#[test]
fn a_plan_is_shown_as_before_while_it_needs_the_same_people_and_intervals_that_began_never_change() {
    let entry = |hour: i64, expected: &str, required: i64, scheduled: Option<i64>| PlannedInterval {
        start: Timestamp::from_second(3_600 * hour).unwrap(),
        expected: expected.to_owned(),
        required,
        scheduled,
    };
    let before = vec![entry(8, "100.0", 20, Some(30)), entry(9, "110.0", 22, Some(30)), entry(10, "90.0", 18, None)];
    let with = |place: usize, expected: &str, required: i64, scheduled: Option<i64>| {
        let mut plan = before.clone();
        plan[place] = entry(8 + i64::try_from(place).unwrap(), expected, required, scheduled);
        plan
    };
    let both = |expected: &str| {
        let mut plan = with(1, expected, 24, Some(30));
        plan[2].expected = "91.0".to_owned();
        plan
    };
    let fewer = before[..2].to_vec();
    // It is 8:30: the first interval has begun.
    for (what, plan, shown) in [
        ("nothing is new", before.clone(), before.clone()),
        ("contacts alone", with(1, "110.5", 22, Some(30)), before.clone()),
        ("people", with(1, "125.0", 24, Some(30)), with(1, "125.0", 24, Some(30))),
        ("people, and contacts elsewhere", both("125.0"), both("125.0")),
        ("a schedule", with(2, "90.0", 18, Some(5)), with(2, "90.0", 18, Some(5))),
        ("an interval that has begun", with(0, "300.0", 60, Some(9)), before.clone()),
        ("other intervals", fewer.clone(), fewer.clone()),
    ] {
        assert_eq!(shown_after(&before, plan, Timestamp::from_second(8 * 3_600 + 1_800).unwrap()), shown, "{what}");
    }
    assert_eq!(shown_after(&[], before.clone(), Timestamp::from_second(0).unwrap()), before);
    let mut of_all = with(0, "300.0", 60, Some(9));
    of_all[1] = entry(9, "125.0", 24, Some(30));
    let shown = shown_after(&before, of_all, Timestamp::from_second(8 * 3_600 + 1_800).unwrap());
    assert_eq!(shown, with(1, "125.0", 24, Some(30)), "an interval that has begun stays where others change");
}
