use super::*;

/// Metrics in which every series has a sample.
fn full() -> Metrics {
    let metrics = Metrics::new(false);
    let text = |text: &str| text.to_owned();
    let kpi = KpiSeries {
        labels: KpiLabels {
            namespace: text("a"),
            contract: text("acme"),
            kpi_target: text("level"),
            kpi: text("ServiceLevel"),
            tier: text(""),
            period: text("Running"),
        },
        value: Some(78.4),
        target: Some(80.0),
        projected: Some(79.0),
        sources_apart: Some(1.5),
        at_risk: Some(true),
        verdict: Some(text("Missed")),
    };
    let feed = FeedLabels { namespace: text("a"), contract: text("acme"), feed: text("acd") };
    let contract = ContractSeries {
        labels: ContractLabels { namespace: text("a"), contract: text("acme") },
        score: Some(91.3),
        credit: Some((text("Final"), 2000.0)),
        compliant: Some(false),
        consistent: Some(true),
        watermarks: vec![(feed.clone(), 1.0)],
        due: vec![(feed.clone(), 2.0)],
    };
    let launch = LaunchSeries {
        namespace: text("a"),
        launch: text("winter"),
        decision: Some(text("Go")),
        gates: vec![(text("ivr"), text("Passed"))],
    };
    metrics.set_object("kpi", ObjectSeries::Kpi(vec![kpi]));
    metrics.set_object("contract", ObjectSeries::Contract(contract));
    metrics.set_object("launch", ObjectSeries::Launch(launch));
    metrics.reconciled("KpiTarget", Outcome::Completed, 0.1);
    metrics.slow_reconcile("VendorContract");
    metrics.alert("webhook", "delivered");
    metrics.alerts_waiting(1);
    metrics.evidence_memory(1, Arc::new(|| vec![("rows", 1)]));
    metrics.api_write("KpiTarget", "status");
    metrics.fetched(&feed, "Fetched", 0.1, 1, &BTreeMap::from([(text("Overlap"), 1)]));
    metrics
}

#[test]
fn the_table_of_metrics_is_what_is_shown_with_its_labels_and_nothing_else() {
    let shown = full().encode().unwrap();
    let mut named = std::collections::BTreeSet::new();
    for line in shown.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels: Vec<&str> = match rest.strip_prefix('{') {
            Some(rest) => {
                rest.split_once('}').unwrap().0.split(',').map(|label| label.split_once('=').unwrap().0).collect()
            }
            None => Vec::new(),
        };
        let metric = Metric::ALL.iter().find(|metric| metric.series().contains(&name.to_owned()));
        let definition = metric.unwrap_or_else(|| panic!("{name} is not in the table")).definition();
        let own: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
        assert_eq!(own, definition.labels, "{name}");
        named.insert(name.to_owned());
    }
    for metric in Metric::ALL {
        assert!(metric.series().iter().all(|series| named.contains(series)), "{metric} is not shown:\n{shown}");
    }
}

#[test]
fn a_feed_is_counted_from_zero_and_its_counters_go_with_it() {
    let metrics = Metrics::new(false);
    let feed = FeedLabels { namespace: "a".into(), contract: "acme".into(), feed: "acd".into() };
    metrics.feed_is_known(&feed);
    let line = |count: u64| {
        format!(
            "bpo_feed_rejected_rows_total{{namespace=\"a\",contract=\"acme\",feed=\"acd\",reason=\"Overlap\"}} {count}"
        )
    };
    assert!(metrics.encode().unwrap().contains(&line(0)));
    metrics.fetched(&feed, "Fetched", 0.1, 1, &BTreeMap::from([("Overlap".to_owned(), 3)]));
    metrics.feed_is_known(&feed);
    assert!(metrics.encode().unwrap().contains(&line(3)), "what is known already is not counted again");
    metrics.remove_feeds("a", "acme", &["acd".to_owned()]);
    assert!(!metrics.encode().unwrap().contains("acme"));
}

#[test]
fn the_series_of_a_removed_object_go_with_it() {
    let metrics = Metrics::new(true);
    let labels = ContractLabels { namespace: "a".into(), contract: "acme".into() };
    let series = ContractSeries {
        labels,
        score: Some(91.3),
        credit: Some(("Final".into(), 2000.0)),
        compliant: Some(false),
        consistent: Some(true),
        watermarks: Vec::new(),
        due: Vec::new(),
    };
    metrics.set_object("uid", ObjectSeries::Contract(series));
    metrics.api_write("VendorContract", "status");
    let text = metrics.encode().unwrap();
    for line in [
        "bpo_contract_score{namespace=\"a\",contract=\"acme\"} 91.3",
        "bpo_contract_credit{namespace=\"a\",contract=\"acme\",state=\"Final\"} 2000.0",
        "bpo_contract_compliant{namespace=\"a\",contract=\"acme\"} 0.0",
        "bpo_api_writes_total{kind=\"VendorContract\",what=\"status\"} 1",
        "bpo_clock_rehearsal 1",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
    metrics.remove_object("uid");
    assert!(!metrics.encode().unwrap().contains("acme"));
}
