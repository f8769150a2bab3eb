//! Lines and reports as the tests of views need them.

use crate::api::sla_report::{KpiLine, SlaReportSpec};

/// A Critical service level of 80 % that was missed or met, as its value says.
pub(crate) fn line(name: &str, value: &str, target: &str) -> KpiLine {
    serde_json::from_value(serde_json::json!({
        "name": name, "kpi": "ServiceLevel", "class": "Critical", "weight": "10", "comparison": "AtLeast",
        "target": target, "rawValue": value, "value": value, "numerator": "26156", "denominator": "39448",
        "verdict": "Missed", "severity": "Severe", "rating": "RequiresImprovement", "repeat": false, "points": 7,
        "evidence": {"rows": 3168, "digest": "sha256:0123"},
    }))
    .expect("the line is a KpiLine")
}

/// March 2026 of the contract acme-care: one KPI missed, capped at £5,000.
pub(crate) fn march() -> SlaReportSpec {
    serde_json::from_value(serde_json::json!({
        "contract": "acme-care",
        "period": {"name": "2026-03", "start": "2026-03-01T00:00:00Z", "end": "2026-03-31T23:00:00Z"},
        "state": "Final", "revision": 1, "dataThrough": "2026-03-31T23:00:00Z",
        "kpis": [line("acme-service-level", "66.3", "80")],
        "score": "67.7", "confidence": "100", "rating": "RequiresImprovement", "points": 12,
        "credit": {"currency": "GBP", "fromPoints": "6000.00", "beforeCaps": "6000.00", "cappedBy": ["Period"], "net": "5000.00",
            "bonus": "0.00", "earnedBack": "0.00", "restated": "0.00", "restatedBonus": "0.00"},
        "yearToDate": {"credit": "5000.00", "cap": "50400.00"},
        "triggers": [{"name": "cure", "then": "RectificationPlan", "kpi": "acme-service-level"}],
        "gaps": [{"feed": "acd", "from": "2026-03-05T08:00:00Z", "to": "2026-03-05T09:00:00Z"}],
    }))
    .expect("the report is a SlaReportSpec")
}
