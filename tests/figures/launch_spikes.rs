//! Spikes in a real call centre: calls offered to a large North American bank in half hours, weekdays of eight months of 2003
//! (derived from the five-minute series of Weinberg, Brown and Stroud 2007). The figures of `docs/campaign-launches.md` are
//! measured here: `cargo test --test figures launch_spikes -- --nocapture` prints them.

use bpo_operator::api::campaign_launch::{Spike, SpikeCause};
use bpo_operator::domain::launch::demand::{Baseline, ByInterval};
use bpo_operator::domain::launch::spikes::{SpikeFacts, Watched, find_spikes};
use bpo_operator::domain::numbers::exact::Exact;
use bpo_operator::domain::numbers::statistics::Share;
use bpo_operator::domain::terms::calendar::{Calendar, Span};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const HALF_HOURS: &str = include_str!("../../examples/data/bank-calls-30min.csv");
/// Weekdays that the series does not have: Memorial Day, Independence Day, Labor Day and three more.
const CLOSED: [&str; 6] = ["2003-04-04", "2003-04-07", "2003-05-26", "2003-07-04", "2003-09-01", "2003-10-14"];
/// The first business days after them.
const AFTER: [Date; 5] = [date(2003, 4, 8), date(2003, 5, 27), date(2003, 7, 7), date(2003, 9, 2), date(2003, 10, 15)];
/// Days from which on every weekday has had eight values.
const SCORED_FROM: Date = date(2003, 5, 5);
const SECONDS: i64 = 1_800;
const DOCUMENT: &str = include_str!("../../docs/campaign-launches.md");

fn calendar(holidays: &[&str]) -> Calendar {
    let holidays: Vec<Value> = holidays.iter().map(|day| json!({"date": day})).collect();
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    let spec = json!({
        "vendor": {"name": "Bank"}, "term": {"start": "2003-01-01", "end": "2003-12-31"}, "timeZone": "America/New_York",
        "calendar": {"serviceHours": [{"days": days, "from": "07:00", "to": "21:30"}], "holidays": holidays},
    });
    Calendar::of(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn bank(calendar: &Calendar) -> ByInterval {
    let half_hour = |line: &str| {
        let (start, calls) = line.split_once(',').unwrap();
        let local = start.replace(' ', "T").parse().unwrap();
        (calendar.instant_of(local), Exact::from(calls.parse::<i64>().unwrap()))
    };
    HALF_HOURS.lines().skip(1).map(half_hour).collect()
}

fn scored(calendar: &Calendar) -> Span {
    Span::new(calendar.start_of_day(SCORED_FROM), calendar.end_of_day(date(2003, 10, 24)))
}

/// What was put into the real calls: half hours with more of them, by whose label they carry.
#[derive(Default)]
struct Injected {
    of_campaign: ByInterval,
    other: ByInterval,
    /// Share of customers who came again in it; 5 % are usual.
    repeats_percent: f64,
}

fn find(calendar: &Calendar, calls: &ByInterval, injected: &Injected, watched: Span) -> Vec<Spike> {
    let mut actual = calls.clone();
    for (start, more) in injected.of_campaign.iter().chain(&injected.other) {
        let entry = actual.entry(*start).or_default();
        *entry = &*entry + more;
    }
    let mut without = actual.clone();
    for (start, more) in &injected.of_campaign {
        let entry = without.entry(*start).or_default();
        *entry = &*entry - more;
    }
    let share = |percent: f64| Share::new(percent * 100.0, 10_000.0).unwrap();
    let in_injected = |span: Span| injected.other.range(span.start..span.end).next().is_some();
    let pressure = |during: Span, _: Span| {
        let percent = if in_injected(during) { injected.repeats_percent } else { 5.0 };
        vec![Watched { higher_is_better: false, before: share(5.0), during: share(percent) }]
    };
    let quality = |_: Span, _: Span| Vec::new();
    let facts = SpikeFacts {
        calendar,
        interval_seconds: SECONDS,
        actual: &actual,
        baseline: &Baseline::of(&without, calendar, 8),
        of_campaign: &injected.of_campaign,
        // Every row of this feed says whose it is.
        labelled: &actual,
        planned: None,
        pressure: &pressure,
        quality: &quality,
    };
    find_spikes(&facts, watched, watched.end).unwrap()
}

fn days(calendar: &Calendar, spikes: &[Spike]) -> Vec<Date> {
    let mut days: Vec<Date> = spikes.iter().map(|spike| calendar.date_of(spike.start)).collect();
    days.dedup();
    days
}

#[test]
fn the_days_after_public_holidays_spike_and_are_not_called_process_failures() {
    let calendar = calendar(&CLOSED);
    let calls = bank(&calendar);
    let watched = Span::new(calendar.start_of_day(date(2003, 4, 1)), scored(&calendar).end);
    let spikes = find(&calendar, &calls, &Injected::default(), watched);
    let found = days(&calendar, &spikes);
    for after in &AFTER[1..4] {
        assert!(found.contains(after), "{after} is far beyond the usual: {found:?}");
    }
    assert!(spikes.iter().all(|spike| spike.cause != SpikeCause::ProcessFailure), "{spikes:#?}");
    // Four such days are known by then: the fifth is measured by them.
    assert!(!found.contains(&AFTER[4]), "{found:?}");
}

/// Entries on days that do not follow a holiday, a month.
fn per_month(entries: usize, calendar: &Calendar) -> f64 {
    let days = (scored(calendar).end.duration_since(scored(calendar).start)).as_hours() as f64 / 24.0;
    entries as f64 / (days / 30.4375)
}

/// Entries of the plain rule: half hours over the mean and three standard deviations of the eight before of the same weekday and
/// time, neighbours as one.
fn three_sigma(calendar: &Calendar, calls: &ByInterval) -> (usize, usize) {
    let (mut half_hours, mut entries, mut last) = (0, 0, None::<Timestamp>);
    for (start, actual) in calls.range(scored(calendar).start..scored(calendar).end) {
        if AFTER.contains(&calendar.date_of(*start)) {
            continue;
        }
        let local = calendar.local(*start);
        let before: Vec<f64> = (1..)
            .map(|week| calendar.instant_of(local - SignedDuration::from_hours(168 * week)))
            .take_while(|past| *past >= *calls.keys().next().unwrap())
            .filter_map(|past| calls.get(&past).map(Exact::to_f64))
            .take(8)
            .collect();
        let count = before.len() as f64;
        if before.len() < 4 {
            continue;
        }
        let mean = before.iter().sum::<f64>() / count;
        let deviation = (before.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        if actual.to_f64() > mean + 3.0 * deviation {
            half_hours += 1;
            entries += usize::from(last != Some(*start - SignedDuration::from_secs(SECONDS)));
            last = Some(*start);
        }
    }
    (half_hours, entries)
}

/// The contacts to add to each half hour of a day from 10:00 to 12:00: `percent` of its own.
fn more(calendar: &Calendar, calls: &ByInterval, day: Date, percent: i64) -> ByInterval {
    let from = calendar.instant_of(day.at(10, 0, 0, 0));
    let morning = calls.range(from..from + SignedDuration::from_hours(2));
    morning
        .map(|(start, usual)| (*start, Exact::from((usual.to_f64() * percent as f64 / 100.0).round() as i64)))
        .collect()
}

/// Of all ordinary scored days, how many show a spike of a cause after `percent` more contacts in their morning.
fn detected(calendar: &Calendar, calls: &ByInterval, percent: i64, cause: SpikeCause) -> (usize, usize) {
    let quiet = days(calendar, &find(calendar, calls, &Injected::default(), scored(calendar)));
    let mut ordinary: Vec<Date> = calls.keys().map(|start| calendar.date_of(*start)).collect();
    ordinary.dedup();
    ordinary.retain(|day| *day >= SCORED_FROM && !quiet.contains(day) && !AFTER.contains(day));
    let found = ordinary.iter().filter(|day| {
        let extra = more(calendar, calls, **day, percent);
        let injected = match cause {
            SpikeCause::CampaignDemand => Injected { of_campaign: extra, ..Injected::default() },
            _ => Injected { other: extra, repeats_percent: 7.0, ..Injected::default() },
        };
        let watched = Span::new(calendar.start_of_day(**day), calendar.end_of_day(**day));
        let spikes = find(calendar, calls, &injected, watched);
        !spikes.is_empty() && spikes.iter().all(|spike| spike.cause == cause)
    });
    (found.count(), ordinary.len())
}

#[test]
fn false_alarms_and_what_is_found_are_as_the_document_says() {
    let calendar = calendar(&CLOSED);
    let calls = bank(&calendar);
    let spikes = find(&calendar, &calls, &Injected::default(), scored(&calendar));
    let ours = spikes.iter().filter(|spike| !AFTER.contains(&calendar.date_of(spike.start))).count();
    let (half_hours, entries) = three_sigma(&calendar, &calls);
    let mut lines = vec![
        format!("| spikes, as here | {ours} | {:.1} |", per_month(ours, &calendar)),
        format!("| plain 3-sigma, neighbouring half hours as one | {entries} | {:.1} |", per_month(entries, &calendar)),
        format!("| plain 3-sigma, each half hour | {half_hours} | {:.1} |", per_month(half_hours, &calendar)),
    ];
    for percent in [20, 40, 60] {
        let (campaign, of) = detected(&calendar, &calls, percent, SpikeCause::CampaignDemand);
        let (failure, _) = detected(&calendar, &calls, percent, SpikeCause::ProcessFailure);
        lines.push(format!("| {percent} % | {campaign} of {of} | {failure} of {of} |"));
    }
    println!("{}", lines.join("\n"));
    assert!(ours < entries && entries < half_hours);
    for line in lines {
        assert!(DOCUMENT.contains(&line), "docs/campaign-launches.md does not say: {line}");
    }
}
