//! The same rows, judged by contracts in different places of the world: each by the calendar of its own zone.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::harness::Place;
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, FeedRow, INTERVALS, VendorServer};

/// The real day, once as a Sunday and once as a Monday of UTC: weeks begin in between, in each zone at another instant.
fn two_days() -> Vec<FeedRow> {
    let days = [date(2026, 1, 11), date(2026, 1, 12)];
    days.iter().flat_map(|day| Dataset::real_day(*day, &TimeZone::UTC).feeds[INTERVALS].all().to_vec()).collect()
}

/// Calls answered in time, and calls, of the rows that start within a span.
fn sums(rows: &[FeedRow], from: &str, until: &str) -> (String, String) {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let within: Vec<&FeedRow> =
        rows.iter().filter(|row| (instant(from)..instant(until)).contains(&row.start)).collect();
    let sum = |name: &str| within.iter().map(|row| row.measures[name]).sum::<i64>().to_string();
    (sum("answeredWithin"), sum("offered"))
}

async fn final_report(place: &Place, name: &str) -> Value {
    place.wait_for("slar", name, "the report is final", |report| report["spec"]["state"] == "Final").await
}

fn names(reports: &[Value], contract: &str) -> Vec<String> {
    let of_contract = reports.iter().filter(|report| report["spec"]["contract"] == contract);
    let mut names: Vec<String> =
        of_contract.map(|report| report["spec"]["period"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contract_has_the_periods_of_its_own_zone() {
    const TARGET: &str = "kpi: ServiceLevel\nvariant: AllOffered\nobjective: {target: 80}";
    let place = Place::fresh().await;
    let rows = two_days();
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows.clone())).await.unwrap();
    let contracts = [
        ("new-york", "America/New_York", "Weekly", ("2026-01-05", "2026-01-18")),
        ("kolkata", "Asia/Kolkata", "Weekly", ("2026-01-05", "2026-01-18")),
        ("london", "Europe/London", "Monthly", ("2026-02-01", "2026-04-30")),
    ];
    let manifests = contracts.map(|(name, zone, period, term)| {
        let contract = contract(name, zone, period, term, &server.url(INTERVALS));
        format!("{contract}{}", kpi(&format!("{name}-level"), name, TARGET))
    });
    place.apply(&manifests.concat()).await;
    let _operator = place.operator();

    // Contract, period, its first instant, the first one after it, its length in hours.
    let cases = [
        ("new-york", "2026-W02", "2026-01-05T05:00:00Z", "2026-01-12T05:00:00Z", 168),
        ("new-york", "2026-W03", "2026-01-12T05:00:00Z", "2026-01-19T05:00:00Z", 168),
        ("kolkata", "2026-W02", "2026-01-04T18:30:00Z", "2026-01-11T18:30:00Z", 168),
        ("kolkata", "2026-W03", "2026-01-11T18:30:00Z", "2026-01-18T18:30:00Z", 168),
        ("london", "2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 672),
        // Clocks go forward on 29 March: an hour less than 31 days.
        ("london", "2026-03", "2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z", 743),
        ("london", "2026-04", "2026-03-31T23:00:00Z", "2026-04-30T23:00:00Z", 720),
    ];
    for (contract, period, start, end, hours) in cases {
        let report = final_report(&place, &format!("{contract}-{}", period.to_lowercase())).await;
        let found = &report["spec"]["period"];
        assert_eq!((&found["name"], &found["start"], &found["end"]), (&period.into(), &start.into(), &end.into()));
        let instant = |name: &str| found[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(instant("end").duration_since(instant("start")).as_hours(), hours, "{contract} {period}");
        let line = &report["spec"]["kpis"][0];
        let (numerator, denominator) = sums(&rows, start, end);
        if denominator == "0" {
            assert_eq!(line["verdict"], "NoData", "{contract} {period}: {line}");
        } else {
            assert_eq!(
                (&line["numerator"], &line["denominator"]),
                (&numerator.into(), &denominator.into()),
                "{contract} {period}: {line}"
            );
        }
    }

    let reports = place.list("slar").await;
    assert_eq!(names(&reports, "new-york"), ["2026-W02", "2026-W03"]);
    assert_eq!(names(&reports, "kolkata"), ["2026-W02", "2026-W03"]);
    assert_eq!(names(&reports, "london"), ["2026-02", "2026-03", "2026-04"]);
    let volume = |name: &str| {
        let report = reports.iter().find(|report| report["metadata"]["name"] == name).unwrap();
        report["spec"]["kpis"][0]["denominator"].as_str().unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(volume("new-york-2026-w02") + volume("new-york-2026-w03"), 2 * 2_239);
    assert_eq!(volume("kolkata-2026-w02") + volume("kolkata-2026-w03"), 2 * 2_239);
    assert_ne!(volume("new-york-2026-w02"), volume("kolkata-2026-w02"), "the same week ends at different instants");
}
