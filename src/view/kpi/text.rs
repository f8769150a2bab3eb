//! A KPI for a terminal.

use super::KpiPage;
use crate::view::made_of;
use crate::view::words::{period_title, verdict_title};

/// Plain text, a line for each fact.
pub fn text(kpi: &KpiPage) -> String {
    let mut out = vec![format!("{} of {}: {}", kpi.name, kpi.contract, kpi.headline)];
    out.extend(kpi.summary.iter().cloned());
    out.push(String::new());
    out.extend(kpi.keys.iter().map(|key| format!("{}: {} ({})", key.name, key.figure, key.note)));
    out.push(String::new());
    out.extend(kpi.history.points.iter().map(|point| {
        let target = point.target.as_deref().unwrap_or("no target");
        format!("{}: {} against {target}, {}", period_title(&point.period), point.shown, verdict_title(point.verdict))
    }));
    for period in &kpi.inside {
        out.push(format!("{}:", period.period));
        out.extend(made_of::text(&period.made_of));
    }
    out.extend(kpi.advice.iter().flat_map(made_of::advice_text));
    out.extend(kpi.rules.iter().map(|(topic, rule)| format!("{topic}: {rule}")));
    out.join("\n") + "\n"
}
