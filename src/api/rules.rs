//! Rules in CEL that several fields share, or that are too long to stand beside their field.
//!
//! Each has a message that says what to write instead. [`crate::domain::terms::validation`] says the same without a server.

use kube::core::Rule;

/// An IANA zone. `Local` would be the API server's own zone, and an offset does not know when clocks change.
pub const TIME_ZONE: (&str, &str) = (
    "self != 'Local' && !self.contains(':') && timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
    "write an IANA time zone such as Europe/London or UTC, neither Local nor an offset",
);

/// An address that a secret may be sent to.
pub const ADDRESS: (&str, &str) = (
    r"isURL(self) && self.matches('^https?://[^/?#@\\s]+([/?#]\\S*)?$')",
    "write an address with http:// or https://, a host, and neither user name nor password, such as https://feeds.acme.example/v1",
);

/// An address whose path and query may hold placeholders; its host may not.
pub const ADDRESS_WITH_PLACEHOLDERS: (&str, &str) = (
    r"self.contains('{') ? self.matches('^https?://[^/?#@{}\\s]+([/?#]\\S*)?$') : (isURL(self) && self.matches('^https?://[^/?#@\\s]+([/?#]\\S*)?$'))",
    "write an address with http:// or https://, a host, and neither user name nor password, such as https://feeds.acme.example/v1; \
     placeholders such as {since:%Y%m%d} belong in its path and query",
);

/// The address of a feed: the same, or that of a folder of an SSH server.
pub const ADDRESS_OF_A_FEED: (&str, &str) = (
    r"self.contains('{') ? self.matches('^https?://[^/?#@{}\\s]+([/?#]\\S*)?$') : (isURL(self) && self.matches('^(https?|sftp)://[^/?#@\\s]+([/?#]\\S*)?$'))",
    ADDRESS_WITH_PLACEHOLDERS.1,
);

/// An address of a step of a report: with its handle in path or query, or the handle itself where that is an address. Whether an address
/// without it has a body with it, the operator and `lint` say.
pub const ADDRESS_OF_A_STEP: (&str, &str) = (
    r"self == '{handle}' || self.matches('^https?://[^/?#@{}\\s]+([/?#]\\S*)?$')",
    "write an address with {handle} in its path or query, such as https://api.acme.example/reports/{handle}, or {handle} alone where the \
     handle is an address",
);

/// A request has one body.
pub const ONE_BODY: (&str, &str) = (
    "[has(self.json), has(self.form), has(self.xml), has(self.text)].filter(x, x).size() <= 1",
    "write at most one of json, form, xml, text",
);

/// A JSONPath whose cost is linear, as far as its text shows it; the operator and `lint` read it whole.
pub const JSON_PATH: (&str, &str) = (
    "self.startsWith('$') && !self.contains('..') && !self.contains('count(') && !self.contains('value(') && \
     !self.contains('match(') && !self.contains('search(') && !self.contains('*,') && !self.contains(',*')",
    "write a JSONPath that begins with $, such as $.queueName, with one selector a step: no `..`, no list with *, no function that \
     counts or matches",
);

/// A map of labels: the keys, which no schema can bound.
pub const LABEL_KEYS: (&str, &str) =
    ("self.all(key, key.size() >= 1 && key.size() <= 63)", "write label keys of 1 to 63 characters, such as queue");

/// A duration that is not 0.
pub const LONGER_THAN_NOTHING: (&str, &str) =
    ("duration(self) > duration('0s')", "write a time that is longer than 0, such as 30s");

/// Exactly one of the members.
pub fn one_of(members: &[&str], otherwise: &str) -> Rule {
    let given: Vec<String> = members.iter().map(|member| format!("has(self.{member})")).collect();
    let message = format!("write exactly one of {}{otherwise}", members.join(", "));
    Rule::new(format!("[{}].filter(x, x).size() == 1", given.join(", "))).message(message.as_str())
}

/// A field of the spec that stays as it is once a period has closed.
pub fn fixed_once_closed(field: &str) -> Rule {
    Rule::new(format!("!has(oldSelf.status) || !has(oldSelf.status.last) || self.spec.{field} == oldSelf.spec.{field}"))
        .message(
            format!(
                "{field} cannot change once a period has closed: end this contract, and write another one with the new {field}"
            )
            .as_str(),
        )
        .field_path(format!(".spec.{field}"))
}

/// What begins a fiscal year stays once a period has closed; 1 January may be written or left out.
pub fn fiscal_year_fixed_once_closed() -> Rule {
    let start = |of: &str| format!("(has({of}.spec.fiscalYearStart) ? {of}.spec.fiscalYearStart : '01-01')");
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.last) || {} == {}",
        start("self"),
        start("oldSelf")
    ))
    .message(
        "fiscalYearStart cannot change once a period has closed: end this contract, and write another one with the new \
         fiscalYearStart",
    )
    .field_path(".spec.fiscalYearStart")
}

/// The currency stays once a period has closed; charges may come, and not go.
pub fn currency_fixed_once_closed() -> Rule {
    Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.last) || !has(oldSelf.spec.charges) || \
         (has(self.spec.charges) && self.spec.charges.currency == oldSelf.spec.charges.currency)",
    )
    .message(
        "charges.currency cannot change, nor charges go, once a period has closed: end this contract, and write another one \
         with the new currency",
    )
    .field_path(".spec.charges")
}

/// A decimal as a quantity, which compares exactly.
fn number(field: &str) -> String {
    format!("quantity(string({field}))")
}

/// A table of repeats does not grow milder as misses go on.
pub const REPEATS: (&str, &str) = (
    "self.all(p, self.all(q, p.misses >= q.misses || !quantity(string(p.times)).isGreaterThan(quantity(string(q.times)))))",
    "write a `times` that does not fall as misses go on, such as [{misses: 1, times: 1}, {misses: 2, times: 2}]",
);

/// The name of a field in CEL, which keeps some words for itself.
fn escaped(field: &str) -> &str {
    if field == "in" { "__in__" } else { field }
}

/// Labels and measures of a feed's format say where they come from by the one member that the format has.
pub fn label_members(member: &str, others: &[&str]) -> Rule {
    let without: Vec<String> = others.iter().map(|other| format!(" && !has(l.{})", escaped(other))).collect();
    Rule::new(format!("!has(self.labels) || self.labels.all(l, has(l.{member}) != has(l.value){})", without.concat()))
        .message(format!("write for each label exactly one of {member}, value").as_str())
}

/// See [`label_members`].
pub fn measure_members(member: &str, others: &[&str]) -> Rule {
    let without: Vec<String> = others.iter().map(|other| format!(" && !has(m.{})", escaped(other))).collect();
    Rule::new(format!("self.measures.all(m, has(m.{member}){})", without.concat()))
        .message(format!("write for each measure `{member}`, and none of {}", others.join(", ")).as_str())
}

/// As [`measure_members`], where a sum or a count of records may stand instead of the one value.
pub fn summed_members(member: &str, others: &[&str]) -> Rule {
    let own: Vec<String> = others.iter().map(|other| format!(" && !has(m.{})", escaped(other))).collect();
    let strange: Vec<&str> = others.iter().copied().filter(|other| !["in", "stock"].contains(other)).collect();
    let value = one_value("s", member);
    Rule::new(format!(
        "self.measures.all(m, [has(m.{member}), has(m.sum), has(m.count)].filter(x, x).size() == 1{} && \
         (!has(m.sum) || m.sum.all(s, {value})) && (!has(m.count) || has(self.records)))",
        own.concat()
    ))
    .message(
        format!(
            "write for each measure exactly one of {member}, sum, count (which needs records), and none of {}; \
             and in a sum for each member {member}, or from and to",
            strange.join(", ")
        )
        .as_str(),
    )
}

/// A value of a row is one member, or the difference of two times.
fn one_value(of: &str, member: &str) -> String {
    format!("has({of}.{member}) != has({of}.from) && has({of}.from) == has({of}.to)")
}

/// The conditions of a format look at the member that the format has.
pub fn condition_members(member: &str, other: &str) -> Rule {
    let value = one_value("c", member);
    Rule::new(format!("!has(self.where) || self.where.all(c, {value} && !has(c.{other}))"))
        .message(format!("write for each condition `{member}`, or `from` and `to`, and not `{other}`").as_str())
}

/// A gate's field that belongs to some types only.
pub fn of_gate_types(field: &str, types: &[&str]) -> Rule {
    let listed: Vec<String> = types.iter().map(|type_| format!("'{type_}'")).collect();
    Rule::new(format!("!has(self.{field}) || self.type in [{}]", listed.join(", ")))
        .message(format!("{field} belongs to type {}: take it away, or change the type", types.join(" and ")).as_str())
}

/// Rules of a KpiTarget that depend on how its value is compared.
pub mod kpi_target {
    use super::{Rule, number};

    /// The KPIs whose lower values are better.
    pub(super) const LOWER: &str = "['AverageSpeedOfAnswer', 'LongWaitRate', 'AbandonmentRate', 'OutboundAbandonment', \
        'RepeatContactRate', 'TransferRate', 'Shrinkage', 'Attrition', 'EarlyAttrition', 'PostSaleCancellation', \
        'CostPerContact', 'ChurnRate', 'Backlog']";

    /// The KPIs whose values are not percentages.
    pub(super) const NO_PERCENT: &str = "['AverageSpeedOfAnswer', 'AverageHandleTime', 'NetPromoterScore', 'CustomerEffortScore', \
        'CostPerContact', 'AverageRevenuePerUser', 'CustomerLifetimeValue', 'LoyaltyIndex', 'Sentiment', 'Backlog']";

    /// A rule about `c`, the comparison that the objective names or that follows from the KPI's direction.
    fn compared(rule: &str, message: &str) -> Rule {
        let comparison = format!(
            "has(self.objective.comparison) ? self.objective.comparison : (has(self.tally) || self.kpi in {LOWER} || \
             (has(self.formula) && self.formula.better == 'Lower')) ? 'AtMost' : 'AtLeast'"
        );
        Rule::new(format!("[{comparison}].all(c, {rule})")).message(message)
    }

    /// That one value is worse than another, in the direction of `c`.
    fn is_worse(value: &str, other: &str) -> String {
        let (value, other) = (number(value), number(other));
        format!("(c in ['AtLeast', 'MoreThan'] ? {value}.isLessThan({other}) : {value}.isGreaterThan({other}))")
    }

    /// The variant is one of the KPI's.
    pub const VARIANT: (&str, &str) = (
        "!has(self.variant) || (self.kpi == 'ServiceLevel' ? self.variant in ['AnsweredAndAbandonedWithin', 'AnsweredOnly', \
         'AllOffered', 'ExcludeAbandonedWithin', 'CreditShortAbandons', 'ExcludeShortAbandons'] : self.kpi == 'AbandonmentRate' ? \
         self.variant == 'ExcludeShort' : self.kpi == 'AverageHandleTime' ? self.variant == 'Parts' : \
         self.kpi == 'CustomerSatisfaction' ? self.variant in ['TopBox', 'Mean'] : false)",
        "this KPI has no such variant: write AnsweredAndAbandonedWithin, AnsweredOnly, AllOffered, ExcludeAbandonedWithin, \
         CreditShortAbandons or ExcludeShortAbandons with ServiceLevel, ExcludeShort with AbandonmentRate, Parts with \
         AverageHandleTime, TopBox or Mean with CustomerSatisfaction; others have none",
    );

    /// A KPI that is better neither high nor low says how it is compared.
    pub const RANGE: (&str, &str) = (
        "has(self.objective.comparison) || has(self.tally) || !(self.kpi in ['AverageHandleTime', 'Occupancy', 'Utilisation'] || \
         (has(self.formula) && self.formula.better == 'Range'))",
        "this KPI is better neither high nor low: write objective.comparison AtLeast, MoreThan, AtMost, LessThan or Between",
    );

    /// The stretch is not worse than the target.
    pub fn stretch() -> Rule {
        let worse = is_worse("self.objective.stretch", "self.objective.target");
        compared(
            &format!("!has(self.objective.stretch) || (c != 'Between' && !{worse})"),
            "write an objective.stretch that is at least as good as the target, and none with Between",
        )
    }

    /// The bonus begins no worse than the target.
    pub fn bonus() -> Rule {
        let worse = is_worse("self.bonus.from", "self.objective.target");
        compared(
            &format!("!has(self.bonus) || (c != 'Between' && !{worse})"),
            "write a bonus.from that is at least as good as the target, and no bonus with Between",
        )
    }

    /// A price counts in one direction.
    pub fn price() -> Rule {
        compared(
            "c != 'Between' || !has(self.price)",
            "a price counts in one direction: write comparison AtLeast, MoreThan, AtMost or LessThan, or take `price` away",
        )
    }

    /// Beside a price, bands say how grave a miss is, and no more.
    pub const PRICE_ALONE: (&str, &str) = (
        "!has(self.price) || !has(self.bands) || self.bands.all(b, !has(b.points) && !has(b.atRiskPercent) && !has(b.percent) && \
         !has(b.credit) && !(has(b.proportional) && b.proportional))",
        "`price` says what a miss costs: take the consequences of `bands` away, and leave severity and bound",
    );

    /// A miss without a value has no quantity.
    pub const PRICE_OF_SILENCE: (&str, &str) = (
        "!has(self.price) || !has(self.missingData) || self.missingData.policy != 'Miss' || has(self.price.upTo)",
        "with missingData.policy Miss a miss without a value costs price.upTo: write it, such as upTo: 50000",
    );

    /// Events are counted where fewer are better.
    pub fn price_of_events() -> Rule {
        compared(
            "!has(self.price) || self.price.count != 'Numerator' || (c in ['AtMost', 'LessThan'] && !has(self.price.beyond))",
            "price.count Numerator counts events, of which fewer are better, from the first on: write it with AtMost or LessThan, \
             and without `beyond`",
        )
    }

    /// Each part of a tally is compared in one direction.
    pub const TALLY_DIRECTION: (&str, &str) = (
        "!has(self.tally) || has(self.tally.comparison) || !(self.kpi in ['AverageHandleTime', 'Occupancy', 'Utilisation'] || \
         (has(self.formula) && self.formula.better == 'Range'))",
        "this KPI is better neither high nor low: write tally.comparison AtLeast, MoreThan, AtMost or LessThan",
    );

    /// A count of parts has no target that changes, no sample, no longer window.
    pub const TALLY_ALONE: (&str, &str) = (
        "!has(self.tally) || (!has(self.confidence) && !has(self.counterMetric) && !has(self.objective.schedule) && \
         (!has(self.window) || self.window.type == 'Period'))",
        "a tally counts parts of one period: take confidence, counterMetric, objective.schedule and any other window away",
    );

    /// A tally counts parts of one source, and what the contract records of its own deliverables has no other source.
    pub const CROSS_CHECK: (&str, &str) = (
        "!has(self.source.crossCheck) || (!has(self.tally) && !(self.kpi in ['ScriptChangeTurnaround', 'DeliverableOnTime', 'RightFirstTime']))",
        "source.crossCheck compares values of two feeds: take it away, or take `tally` away; KPIs of deliverables have no feed",
    );

    /// A time belongs to KPIs that count what happens within one.
    pub const WITHIN: (&str, &str) = (
        "!has(self.within) || self.kpi in ['ServiceLevel', 'LongWaitRate'] || (has(self.formula) && \
         (self.formula.numerator + (has(self.formula.denominator) ? self.formula.denominator : '')).matches('Within|longWaits'))",
        "`within` belongs to KPIs that count what happens within a time: ServiceLevel, LongWaitRate, or a formula with a measure \
         such as answeredWithin",
    );

    /// The ratings' bounds go from good to bad.
    pub fn ratings() -> Rule {
        let first = is_worse("self.ratings.good", "self.ratings.approaching");
        let second = is_worse("self.ratings.approaching", "self.ratings.requiresImprovement");
        compared(
            &format!("!has(self.ratings) || (c != 'Between' && !{first} && !{second})"),
            "write ratings from the best bound (good) over approaching to the worst (requiresImprovement), and none with Between",
        )
    }

    /// With Between there is one band, without a bound.
    pub fn one_band_between() -> Rule {
        compared(
            "c != 'Between' || !has(self.bands) || (self.bands.size() <= 1 && self.bands.all(b, !has(b.bound)))",
            "with Between, write one band without `bound`",
        )
    }

    /// How grave each severity is.
    const RANK: &str = "{'Minor': 1, 'Serious': 2, 'Severe': 3, 'Critical': 4}";

    /// Only the gravest band may lack a bound.
    pub fn bounds() -> Rule {
        Rule::new(format!(
            "!has(self.bands) || self.bands.all(b, has(b.bound) || self.bands.all(o, {RANK}[o.severity] <= {RANK}[b.severity]))"
        ))
        .message("write a `bound` for every band but the gravest, which takes everything worse")
    }

    /// A graver band has a worse bound.
    pub fn bound_order() -> Rule {
        let worse = is_worse("g.bound", "b.bound");
        compared(
            &format!(
                "c == 'Between' || !has(self.bands) || self.bands.all(b, self.bands.all(g, !has(b.bound) || !has(g.bound) || \
                 {RANK}[g.severity] <= \
                 {RANK}[b.severity] || {worse}))"
            ),
            "write worse bounds for graver bands: lower ones with AtLeast and MoreThan, higher ones with AtMost and LessThan",
        )
    }

    /// A bound is a miss of the target, now or by the schedule.
    pub fn bound_is_a_miss() -> Rule {
        let now = is_worse("b.bound", "self.objective.target");
        let later = is_worse("b.bound", "s.target");
        compared(
            &format!(
                "c == 'Between' || !has(self.bands) || self.bands.all(b, !has(b.bound) || {now} || \
                 (has(self.objective.schedule) && self.objective.schedule.exists(s, {later})))"
            ),
            "write bounds that miss the target: below it with AtLeast and MoreThan, above it with AtMost and LessThan",
        )
    }

    /// A band has at most one consequence.
    pub const CONSEQUENCE: (&str, &str) = (
        "[has(self.points), has(self.atRiskPercent), has(self.percent), has(self.credit), \
         has(self.proportional) && self.proportional].filter(x, x).size() <= 1",
        "write at most one of points, atRiskPercent, percent, credit, proportional",
    );

    /// A proportional credit needs a KPI in percent.
    pub fn proportional() -> Rule {
        Rule::new(format!(
            "!has(self.bands) || !self.bands.exists(b, has(b.proportional) && b.proportional) || !(has(self.tally) || self.kpi in {NO_PERCENT} || \
             (self.kpi == 'CustomerSatisfaction' && has(self.variant) && self.variant == 'Mean') || \
             (has(self.formula) && has(self.formula.unit) && self.formula.unit != 'Percent'))"
        ))
        .message("`proportional` needs a KPI in percent: write points, atRiskPercent, percent or credit")
    }
}

#[cfg(test)]
mod tests {
    use super::kpi_target::{LOWER, NO_PERCENT, RANGE, VARIANT};
    use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit};
    use crate::domain::terms::catalogue;

    fn is_named(kpi: CatalogueKpi, rule: &str) -> bool {
        rule.contains(&format!("'{kpi}'"))
    }

    #[test]
    fn the_rules_know_the_catalogue() {
        for kpi in CatalogueKpi::ALL.iter().copied().filter(|kpi| *kpi != CatalogueKpi::Custom) {
            let better = catalogue::better(kpi);
            assert_eq!(is_named(kpi, LOWER), better == Better::Lower, "{kpi} is lower");
            assert_eq!(is_named(kpi, RANGE.0), better == Better::Range, "{kpi} is a range");
            let is_percent = catalogue::unit(kpi, None) == FormulaUnit::Percent;
            assert_eq!(is_named(kpi, NO_PERCENT), !is_percent, "{kpi} is not a percentage");
            let variants = catalogue::variants(kpi);
            assert_eq!(is_named(kpi, VARIANT.0), !variants.is_empty(), "{kpi} has variants");
            for variant in variants {
                assert!(
                    VARIANT.0.contains(variant.as_str()) && VARIANT.1.contains(variant.as_str()),
                    "{kpi} {variant}"
                );
            }
        }
    }
}
