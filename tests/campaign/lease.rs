//! What processes wrote into their Leases, by their own clocks. A machine that is busy with other tests delays those who read it, and does
//! not change what it says.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// Within what a lease is taken: the lease, and five seconds.
pub(crate) const TAKEOVER: Duration = Duration::from_secs(15 + 5);

/// The records of a Lease among those that a process wrote, without those that gave it back.
fn held<'w>(written: &'w [Value], name: &str) -> impl Iterator<Item = &'w Value> {
    let is_held = |spec: &&Value| spec["holderIdentity"].as_str().is_some_and(|holder| !holder.is_empty());
    written.iter().filter(move |lease| lease["metadata"]["name"] == name).map(|lease| &lease["spec"]).filter(is_held)
}

fn instant(spec: &Value, field: &str) -> Timestamp {
    spec[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field}: {spec}"))
}

/// When a process took a Lease, by what it wrote.
pub(crate) fn taken(written: &[Value], name: &str) -> Option<Timestamp> {
    // One that was taken by somebody else at the same moment is written again, with another instant.
    held(written, name).last().map(|spec| instant(spec, "acquireTime"))
}

/// When a process renewed a Lease last before another one took it.
pub(crate) fn renewed_before(written: &[Value], name: &str, taken: Timestamp) -> Timestamp {
    let renewed = held(written, name).map(|spec| instant(spec, "renewTime")).filter(|renewed| *renewed < taken);
    renewed.max().unwrap_or_else(|| panic!("the Lease {name} was never held: {written:?}"))
}

/// Fails where a lease was not taken in time. Returns after how many seconds it was.
pub(crate) fn taken_in_time(what: &str, from: Timestamp, taken: Timestamp) -> f64 {
    let seconds = taken.duration_since(from).as_secs_f64();
    assert!(seconds <= TAKEOVER.as_secs_f64(), "{what}: the lease was taken after {seconds:.1} s");
    seconds
}

#[test]
fn a_lease_is_taken_and_renewed_as_its_records_say() {
    let record = |name: &str, holder: &str, second: u32| {
        let (taken, renewed) =
            (format!("2026-01-01T00:00:0{}Z", second / 4 * 4), format!("2026-01-01T00:00:0{second}Z"));
        let spec = serde_json::json!({"holderIdentity": holder, "acquireTime": taken, "renewTime": renewed});
        serde_json::json!({"metadata": {"name": name}, "spec": spec})
    };
    let at = |second: u32| -> Timestamp { format!("2026-01-01T00:00:0{second}Z").parse().unwrap() };
    let written =
        [("a", "x", 0), ("a", "x", 2), ("b", "x", 3), ("a", "x", 5), ("a", "", 6)].map(|(n, h, s)| record(n, h, s));
    assert_eq!(taken(&written, "a"), Some(at(4)));
    assert_eq!(taken(&written, "c"), None);
    assert_eq!(renewed_before(&written, "a", at(9)), at(5), "giving it back does not renew it");
    assert_eq!(renewed_before(&written, "a", at(5)), at(2), "what is written later was refused");
}
