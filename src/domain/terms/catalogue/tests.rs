use serde_json::{Value, json};

use super::*;

fn target(fields: &Value) -> KpiTargetSpec {
    let mut spec = json!({"contractRef": {"name": "acme"}, "source": {"feed": "acd"}, "objective": {"target": 80}});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

/// The value of a KPI, in its unit, for given sums.
fn value(fields: &Value, sums: &Value) -> String {
    let definition = definition(&target(fields)).unwrap();
    let sum_of =
        |measure: &str| Exact::from(sums[measure].as_i64().unwrap_or_else(|| panic!("{measure} is not given")));
    let denominator = definition.denominator.evaluate(sum_of);
    let quotient = definition.numerator.evaluate(sum_of).checked_div(&denominator).unwrap();
    (quotient * definition.scale).show(6)
}

#[test]
fn every_id_has_one_entry_and_every_entry_resolves() {
    let ids: Vec<CatalogueKpi> = entries().map(|entry| entry.kpi).collect();
    let expected: Vec<CatalogueKpi> =
        CatalogueKpi::ALL.iter().copied().filter(|kpi| *kpi != CatalogueKpi::Custom).collect();
    assert_eq!(ids, expected);
    for entry in entries() {
        assert!(!entry.explanation.is_empty() && !entry.formulas.is_empty(), "{}", entry.kpi);
        for formula in entry.formulas {
            let variant = formula.variant.map(|variant| variant.to_string());
            let definition = definition(&target(&json!({"kpi": entry.kpi, "variant": variant}))).unwrap();
            assert!(!definition.measures().is_empty());
            let measures = definition.measures();
            assert!(entry.stocks.iter().all(|(stock, _)| measures.contains(stock)), "{}", entry.kpi);
        }
        let edges = entry.benchmark.iter().flat_map(|benchmark| [benchmark.low, benchmark.high]).flatten();
        assert!(edges.into_iter().all(|edge| edge.parse::<crate::api::scalar::Decimal>().is_ok()), "{}", entry.kpi);
    }
}

#[test]
fn the_service_level_variants_are_those_that_were_published() {
    let day =
        json!({"answered": 1000, "abandoned": 60, "answeredWithin": 860, "abandonedWithin": 20, "abandonedShort": 10});
    for (variant, percent) in [
        (json!(null), "82.692308"),
        (json!("ExcludeAbandonedWithin"), "82.692308"),
        (json!("AnsweredAndAbandonedWithin"), "83.018868"),
        (json!("AnsweredOnly"), "86"),
        (json!("AllOffered"), "81.132075"),
        (json!("CreditShortAbandons"), "82.075472"),
        (json!("ExcludeShortAbandons"), "81.904762"),
    ] {
        assert_eq!(value(&json!({"kpi": "ServiceLevel", "variant": variant}), &day), percent, "{variant}");
    }
}

#[test]
fn kpis_are_computed_as_their_table_says() {
    for (kpi, sums, expected) in [
        (
            json!({"kpi": "NetPromoterScore"}),
            json!({"promoters": 162, "detractors": 54, "surveyResponses": 324}),
            "33.333333",
        ),
        (json!({"kpi": "CostPerContact"}), json!({"operatingCost": 540_000, "handled": 120_000}), "4.5"),
        (json!({"kpi": "Shrinkage"}), json!({"unavailableHours": 20, "scheduledHours": 160}), "12.5"),
        (json!({"kpi": "AverageHandleTime"}), json!({"handleSeconds": 42_000, "handled": 120}), "350"),
        (
            json!({"kpi": "AverageHandleTime", "variant": "Parts"}),
            json!({"talkSeconds": 30, "holdSeconds": 20, "wrapSeconds": 10, "handled": 4}),
            "15",
        ),
        (
            json!({"kpi": "AbandonmentRate", "variant": "ExcludeShort"}),
            json!({"abandoned": 60, "abandonedShort": 10, "offered": 1010}),
            "5",
        ),
        (
            json!({"kpi": "Sentiment"}),
            json!({"positiveContacts": 1, "negativeContacts": 3, "scoredContacts": 4}),
            "-0.5",
        ),
        (json!({"kpi": "ForecastAccuracy"}), json!({"actual": 200, "absoluteForecastError": 30}), "85"),
        (json!({"kpi": "Occupancy"}), json!({"handleSeconds": 85, "availableSeconds": 15}), "85"),
        (json!({"kpi": "Backlog"}), json!({"backlog": 12}), "12"),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "a - b", "denominator": "c + 1", "better": "Lower"}}),
            json!({"a": 5, "b": 3, "c": 7}),
            "25",
        ),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "a", "unit": "Seconds", "better": "Lower"}}),
            json!({"a": 5}),
            "5",
        ),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "a", "denominator": "b", "scale": 1000, "better": "Lower"}}),
            json!({"a": 5, "b": 10}),
            "500",
        ),
    ] {
        assert_eq!(value(&kpi, &sums), expected, "{kpi}");
    }
}

#[test]
fn attrition_is_that_of_a_year() {
    let attrition = definition(&target(&json!({"kpi": "Attrition"}))).unwrap();
    let contract = json!({"vendor": {"name": "acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "timeZone": "Europe/London"});
    let calendar = Calendar::of(&serde_json::from_value(contract).unwrap()).unwrap();
    for (start, end, factor) in [
        // March has 31 civil days, although its clock skips an hour: 100 × 12 × 30.4375 / 31.
        ("2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z", "1178.225806"),
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "1304.464286"),
        ("2026-02-01T00:00:00Z", "2026-02-01T12:00:00Z", "73050"),
        ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", "100"),
    ] {
        let window = Span::new(start.parse().unwrap(), end.parse().unwrap());
        assert_eq!(attrition.scale_over(window, &calendar).show(6), factor, "{start}");
    }
}

#[test]
fn what_cannot_be_computed_is_said_with_its_field() {
    for (fields, field, words) in [
        (json!({"kpi": "Custom"}), "spec.formula", "kpi Custom is computed by it"),
        (
            json!({"kpi": "ServiceLevel", "formula": {"numerator": "a", "better": "Higher"}}),
            "spec.formula",
            "kpi is ServiceLevel",
        ),
        (
            json!({"kpi": "ServiceLevel", "variant": "Parts"}),
            "spec.variant",
            "Parts does not belong to ServiceLevel: write Exclude",
        ),
        (json!({"kpi": "Backlog", "variant": "Parts"}), "spec.variant", "has no variants"),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "a *", "better": "Higher"}}),
            "spec.formula.numerator",
            "column 3",
        ),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "a", "denominator": "(b", "better": "Higher"}}),
            "spec.formula.denominator",
            "never closed",
        ),
        (
            json!({"kpi": "Custom", "formula": {"numerator": "1", "better": "Higher"}}),
            "spec.formula.numerator",
            "names no measure",
        ),
    ] {
        let findings = definition(&target(&fields)).unwrap_err();
        assert_eq!(findings.len(), 1, "{fields}");
        assert_eq!(findings[0].field, field);
        assert!(findings[0].message.contains(words), "{}", findings[0].message);
    }
}

#[test]
fn maturity_is_the_targets_own_or_the_kpis() {
    for (fields, hours) in [
        (json!({"kpi": "TrueContainment"}), Some(24)),
        (json!({"kpi": "TrueContainment", "maturity": "48h"}), Some(48)),
        (json!({"kpi": "ServiceLevel"}), None),
    ] {
        let maturity = definition(&target(&fields)).unwrap().maturity;
        assert_eq!(maturity, hours.map(|hours| Duration::new(hours, DurationUnit::Hours)));
    }
}
