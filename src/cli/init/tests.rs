use super::*;

const NOW: &str = "2026-06-10T09:00:00Z";

fn given(vendor: &str, zone: &str, hours: &str, matters: &[&str], money: &str, source: &str) -> InitArguments {
    InitArguments {
        vendor: Some(vendor.to_owned()),
        zone: Some(zone.to_owned()),
        hours: Some(hours.to_owned()),
        matters: matters.iter().map(|matter| (*matter).to_owned()).collect(),
        money: Some(money.to_owned()),
        source: Some(source.to_owned()),
        ..InitArguments::default()
    }
}

fn written(arguments: &InitArguments) -> Result<String, String> {
    let mut ask = Ask { is_terminal: false };
    answers(arguments, &mut ask, NOW.parse().unwrap()).map(|answers| manifests(&answers))
}

/// The answers to "what matters", each subset but the empty one.
fn every_choice() -> Vec<Vec<&'static str>> {
    let all = ["speed", "resolution", "satisfaction", "sales"];
    (1..1_u8 << all.len())
        .map(|bits| all.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0).map(|(_, one)| *one).collect())
        .collect()
}

#[test]
fn every_combination_of_answers_lints_clean() {
    let now: Timestamp = NOW.parse().unwrap();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (zone, hours) in [
        ("Europe/London", "always"),
        ("Asia/Manila", "weekdays 08:00-20:00"),
        ("UTC", "daily 00:00-24:00"),
        ("America/New_York", "Monday-Saturday 09:00-18:00"),
    ] {
        for matters in every_choice() {
            for money in ["none", "usd 2500000.50"] {
                for source in ["native", "json", "csv", "prometheus"] {
                    tried += 1;
                    let text = written(&given("Acme & Söhne: 24/7", zone, hours, &matters, money, source)).unwrap();
                    let read =
                        parse(&text, Path::new("init")).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
                    let found = lint::lint(&read, now);
                    if !found.mistakes.is_empty() || !found.advice.is_empty() {
                        wrong.push(format!("{hours}, {matters:?}, {money}, {source}:\n{}", lint::as_text(&found)));
                    }
                }
            }
        }
    }
    assert_eq!(tried, 4 * 15 * 2 * 4);
    assert!(wrong.is_empty(), "{} of {tried} do not lint clean, such as {}", wrong.len(), wrong[0]);
}

#[test]
fn an_answer_that_makes_no_sense_is_refused_with_its_flag_or_an_example() {
    let good = || given("Acme", "Europe/London", "always", &["speed"], "none", "native");
    for (arguments, words) in [
        (InitArguments { hours: Some("office hours".into()), ..good() }, "\"weekdays 08:00-20:00\""),
        (InitArguments { hours: Some("Friday-Monday 08:00-20:00".into()), ..good() }, "--hours"),
        (InitArguments { matters: vec!["speeed".into()], ..good() }, "speed"),
        (InitArguments { money: Some("a lot".into()), ..good() }, "\"GBP 100000\", or none"),
        (InitArguments { money: Some("GBP -5".into()), ..good() }, "--money"),
        (InitArguments { source: Some("excel".into()), ..good() }, "native, json, csv, prometheus"),
        (InitArguments { vendor: None, ..good() }, "--vendor is missing"),
    ] {
        let error = written(&arguments).unwrap_err();
        assert!(error.contains(words), "no {words:?} in {error}");
    }
    // What only the rules of the API know is found before anything is written.
    let text = written(&InitArguments { zone: Some("Europe/Atlantis".into()), ..good() }).unwrap();
    let problems = check(&text, NOW.parse().unwrap()).unwrap_err();
    assert!(problems[0].contains("spec.timeZone"), "{problems:?}");
}

#[test]
fn a_contract_is_named_after_its_vendor_and_begins_with_the_next_month() {
    for (vendor, name) in
        [("Acme Contact Services", "acme-contact-services"), ("Ünï & Co.", "n-co"), ("日本", "contract")]
    {
        assert_eq!(slug(vendor), name, "{vendor}");
    }
    let text = written(&given("Acme", "UTC", "always", &["speed"], "none", "native")).unwrap();
    assert!(text.contains("term: {start: 2026-07-01, end: 2027-06-30, notice: 90d}"), "{text}");
}
