//! VendorContract: the agreement with one vendor, its money, its calendar and its people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::consequence::RepeatRow;
use super::dispute::{Dispute, DisputeStatus, Party};
use super::feed::Feed;
use super::period::MonthDay;
use super::scalar::{Decimal, Duration, DurationUnit, SecretKeyReference};
use super::verdict::{PeriodState, Severity};

/// A contract with a vendor: the service it owes, how it is measured, and what a miss costs.
#[serde_with::skip_serializing_none]
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "bpo-operator.io",
    version = "v1alpha1",
    kind = "VendorContract",
    plural = "vendorcontracts",
    shortname = "vc",
    category = "bpo",
    namespaced,
    status = "VendorContractStatus",
    derive = "PartialEq",
    validation = (
        "self.metadata.name.size() <= 50",
        "choose a metadata.name of at most 50 characters, since reports and labels are named after the contract"
    ),
    validation = super::rules::fixed_once_closed("period"),
    validation = super::rules::fiscal_year_fixed_once_closed(),
    validation = super::rules::fixed_once_closed("timeZone"),
    validation = super::rules::fixed_once_closed("term.start"),
    validation = super::rules::currency_fixed_once_closed(),
    doc = "VendorContract is the agreement with one vendor: its term, calendar, goals, feeds, charges, credits, people and governance. The operator pulls the feeds, judges each measurement period and writes an SlaReport for it.",
    printcolumn(name = "Vendor", type_ = "string", json_path = ".spec.vendor.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Compliant",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"SLACompliant\")].status"
    ),
    printcolumn(name = "At Risk", type_ = "string", json_path = ".status.conditions[?(@.type==\"AtRisk\")].status"),
    printcolumn(name = "Score", type_ = "string", json_path = ".status.last.score"),
    printcolumn(name = "Credit", type_ = "string", json_path = ".status.last.credit"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Level", type_ = "integer", json_path = ".status.escalation.level", priority = 1),
    printcolumn(name = "Next Review", type_ = "string", json_path = ".status.governance.nextReview.due", priority = 1),
    printcolumn(name = "Time Zone", type_ = "string", json_path = ".spec.timeZone", priority = 1)
)]
#[x_kube(validation = (
    "!has(self.escalation) || self.escalation.all(l, !has(l.contacts) || l.contacts.all(n, has(self.contacts) && self.contacts.exists(c, c.name == n)))",
    "escalation names a contact that is not in `contacts`: write the name of one that is, or add it there"
))]
#[x_kube(validation = (
    "!has(self.escalation) || self.escalation.all(l, !has(l.alerts) || l.alerts.all(n, has(self.alerts) && self.alerts.exists(a, a.name == n)))",
    "escalation names an alert that is not in `alerts`: write the name of one that is, or add it there"
))]
#[x_kube(validation = (
    "!has(self.reports) || self.reports.all(r, r.alerts.all(n, has(self.alerts) && self.alerts.exists(a, a.name == n && (has(a.email) || has(a.webhook)))))",
    "a report goes to an alert that is not in `alerts`, or is neither email nor webhook: write the name of one that is, or add it there"
))]
#[x_kube(validation = (
    "!has(self.reports) || self.reports.all(r, !has(r.format) || r.format != 'Xlsx' || {'Weekly': 0, 'Monthly': 1, 'Quarterly': 2, 'HalfYearly': 3, 'Yearly': 4, 'ContractYear': 4}[r.cadence] >= {'Weekly': 0, 'Monthly': 1, 'Quarterly': 2, 'HalfYearly': 3, 'Yearly': 4, 'ContractYear': 4}[self.period])",
    "a workbook is of closed periods, and this cadence is shorter than the contract's period: write format Html, or a longer cadence"
))]
#[x_kube(validation = (
    "!has(self.rectificationPlans) || self.rectificationPlans.all(p, has(self.triggers) && self.triggers.exists(t, t.name == p.trigger))",
    "a rectification plan names a trigger that is not in `triggers`: write the name of one that is, or add it there"
))]
#[x_kube(validation = (
    "int(self.term.end) - int(self.term.start) <= (self.period == 'Weekly' ? 4020 : 17898) * 86400",
    "the term is too long: write an `end` at most 11 years after the start with period Weekly, 49 years with the others, and the time after it as another contract"
))]
#[x_kube(validation = (
    "!has(self.fiscalYearStart) || self.period in ['Quarterly', 'HalfYearly', 'Yearly']",
    "fiscalYearStart says where quarters, half-years and years begin: write period Quarterly, HalfYearly or Yearly, or take it away"
))]
#[x_kube(validation = (
    "!has(self.charges) || !has(self.charges.schedule) || self.charges.schedule.all(c, c.from >= self.term.start)",
    "a change of the charges begins before the term: write a `from` that is not before term.start, or put the amount in charges.amount"
))]
#[x_kube(validation = (
    "!has(self.credits) || !has(self.credits.points) || (has(self.charges) && has(self.charges.amount))",
    "credits.points turns points into percentages of the charges: add `charges` with currency and amount"
))]
#[x_kube(validation = (
    "!has(self.credits) || !has(self.credits.yearCapPercent) || (has(self.charges) && has(self.charges.amount))",
    "credits.yearCapPercent is a percentage of charges.amount: add charges.amount, or write yearCapAmount instead"
))]
#[x_kube(validation = (
    "!has(self.credits) || !has(self.credits.yearCapAmount) || has(self.charges)",
    "credits.yearCapAmount is money: add `charges` with its currency, such as charges: {currency: GBP}"
))]
#[x_kube(validation = (
    "!has(self.triggers) || !self.triggers.exists(t, has(t.when.capReached) && t.when.capReached == 'Period') || (has(self.charges) && (has(self.charges.atRiskPercent) || has(self.charges.atRiskAmount)))",
    "a trigger waits for the cap of the period: add charges.atRiskPercent or charges.atRiskAmount"
))]
#[x_kube(validation = (
    "!has(self.triggers) || !self.triggers.exists(t, has(t.when.capReached) && t.when.capReached == 'Year') || (has(self.credits) && (has(self.credits.yearCapPercent) || has(self.credits.yearCapAmount)))",
    "a trigger waits for the cap of the year: add credits.yearCapPercent or credits.yearCapAmount"
))]
pub struct VendorContractSpec {
    /// Who serves: the vendor's name, sites and identifiers.
    pub vendor: Vendor,
    /// From when to when the contract runs.
    pub term: Term,
    /// IANA zone in which dates, periods and service hours are meant, such as Europe/London. Default UTC.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = super::rules::TIME_ZONE)]
    pub time_zone: String,
    /// The measurement period, by the calendar of `timeZone`: Weekly (ISO weeks), Monthly, Quarterly, HalfYearly, Yearly, or ContractYear (from one anniversary of term.start to the next). Default Monthly.
    #[serde(default)]
    pub period: PeriodLength,
    /// Month and day on which quarters, half-years and years begin, such as "07-01", with period Quarterly, HalfYearly or Yearly. Periods are then named after the year in which the fiscal year ends: FY2027-Q1. Default "01-01".
    pub fiscal_year_start: Option<MonthDay>,
    /// How long after its end a period stays Provisional before it is Final. Default 10bd.
    #[serde(default = "default_close_after")]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub close_after: Duration,
    /// How long after the contract's first judgement the periods that had ended before it become Final at the earliest, such as 2bd: time to
    /// find a mistake in the manifests before a whole past is signed. 0h: at once. Default 1bd; leaving it out is the default.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub first_close_after: Option<Duration>,
    /// When service is owed. Default: every hour of every day counts, and there are no holidays.
    pub calendar: Option<ServiceCalendar>,
    /// The business outcomes that this contract exists for; KpiTargets name them in `goalRef`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub goals: Vec<Goal>,
    /// Names of the ServiceTiers that this vendor serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = ("self.all(t, self.exists_one(u, u == t))", "list each tier once, the best first"))]
    pub tiers: Vec<String>,
    /// Where the vendor publishes its figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub feeds: Vec<Feed>,
    /// What is paid per measurement period, and how much of it is at risk.
    pub charges: Option<Charges>,
    /// How misses become money: caps, points, repeats, ramp and earn-back.
    pub credits: Option<Credits>,
    /// What repeated or grave failure sets in motion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub triggers: Vec<Trigger>,
    /// Excusing causes that a party claims. Only accepted ones change a result, and both results are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub relief: Vec<Relief>,
    /// What a party does not accept of a period, recorded as it happens. An open dispute that was seen before the period is Final holds it Provisional, at most until its end + `closeAfter` + `disputeHold`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub disputes: Vec<Dispute>,
    /// How long an open dispute holds its period Provisional after `closeAfter` at most, such as 10bd. Default 20bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub dispute_hold: Option<Duration>,
    /// What happens when data or relief changes a Final period.
    pub restatements: Option<Restatements>,
    /// How long each step of a rectification plan may take.
    pub rectification: Option<Rectification>,
    /// The rectification plans themselves, recorded as they happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub rectification_plans: Vec<RectificationPlan>,
    /// People of both parties, to whom escalation, reviews and e-mail refer by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[x_kube(validation = (
        "self.all(c, !has(c.deputy) || c.deputy != c.name)",
        "nobody is their own deputy: name another contact"
    ))]
    #[x_kube(validation = (
        "self.all(c, !has(c.deputy) || self.exists(d, d.name == c.deputy))",
        "a deputy is not in `contacts`: write the name of one that is, or add it there"
    ))]
    pub contacts: Vec<Contact>,
    /// Who is notified, and after how long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["level".into()]))]
    pub escalation: Vec<EscalationLevel>,
    /// Governance meetings; what was held is recorded here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub reviews: Vec<Review>,
    /// What the vendor owes in addition to the service: by cadence, or within a turnaround of a request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub deliverables: Vec<Deliverable>,
    /// Where escalation and transitions are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub alerts: Vec<AlertSink>,
    /// Reports that go out by themselves, each once a period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub reports: Vec<ScheduledReport>,
    /// How much of the contract's weight must be on engagement, satisfaction and revenue.
    pub engagement: Option<Engagement>,
    /// True: nothing is fetched or judged; periods that close meanwhile are NotMeasured.
    #[serde(default)]
    pub suspend: bool,
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_close_after() -> Duration {
    Duration::new(10, DurationUnit::BusinessDays)
}

/// Who serves: the vendor's name, sites and identifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Vendor {
    /// The vendor's name. Contracts with the same name share its people when launches are staffed.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The values that the label `site` may have in the feeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sites: Vec<String>,
}

/// From when to when a contract runs.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = ("self.start <= self.end", "write an `end` that is not before `start`"))]
#[x_kube(validation = ("self.start >= timestamp('1990-01-01T00:00:00Z')", "write a `start` from 1990-01-01 on"))]
pub struct Term {
    /// First day, in the contract's zone.
    #[schemars(schema_with = "super::scalar::date")]
    pub start: Date,
    /// Last day: the contract runs to the end of it.
    #[schemars(schema_with = "super::scalar::date")]
    pub end: Date,
    /// How long before the end notice must be given.
    pub notice: Option<Duration>,
    /// What happens at the end: Manual (it ends) or Automatic (it goes on). Default Manual.
    #[schemars(extend("description" = "What happens at the end: Manual (it ends unless renewed) or Automatic (it goes on unless notice is given). Default Manual."))]
    pub renewal: Option<Renewal>,
}

/// What happens at the end of a term: Manual (it ends unless renewed) or Automatic (it is renewed unless notice is given).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Renewal {
    Manual,
    Automatic,
}

/// How long a period is: Weekly (ISO weeks from Monday), Monthly, Quarterly, HalfYearly, Yearly (calendar periods of the contract's zone) or ContractYear (from one anniversary of term.start to the next).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PeriodLength {
    Weekly,
    #[default]
    Monthly,
    Quarterly,
    HalfYearly,
    Yearly,
    ContractYear,
}

/// When service is owed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCalendar {
    /// Hours of service by weekday. Default: every hour of every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub service_hours: Vec<ServiceHours>,
    /// Days without service, such as public holidays. They are not business days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["date".into()]))]
    pub holidays: Vec<Holiday>,
}

/// Hours of service on some weekdays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = (
    "self.from < self.to",
    "write a `to` that is later than `from`; what crosses midnight is two entries, such as 22:00 to 24:00 and 00:00 to 06:00"
))]
pub struct ServiceHours {
    /// The weekdays to which the hours apply, such as [Monday, Tuesday].
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Weekday>,
    /// When service begins, local time such as "08:00".
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When service ends, at the latest "24:00". What crosses midnight is two entries.
    #[schemars(length(max = 5), regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A day without service.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Holiday {
    /// Day without service in the contract's time zone, such as 2026-12-25.
    #[schemars(schema_with = "super::scalar::date")]
    pub date: Date,
    /// What the holiday is called, such as Boxing Day. It is only shown.
    #[schemars(length(max = 253))]
    pub name: Option<String>,
}

/// A business outcome.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Goal {
    /// Name of the goal, such as keep-members; KpiTargets refer to it as `goalRef`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Kind of business outcome that the goal is of. Default: none is named.
    #[schemars(extend("description" = "What kind of outcome it is: LifetimeValue, Retention, RevenuePerCustomer, Satisfaction, Acquisition, CostToServe or Quality."))]
    pub outcome: Option<Outcome>,
    /// The goal in a sentence; it is shown in scorecards.
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
}

/// A kind of business outcome: LifetimeValue, Retention, RevenuePerCustomer, Satisfaction, Acquisition, CostToServe or Quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Outcome {
    LifetimeValue,
    Retention,
    RevenuePerCustomer,
    Satisfaction,
    Acquisition,
    CostToServe,
    Quality,
}

/// What is paid per measurement period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.atRiskPercent) || !has(self.atRiskAmount)",
    "the amount at risk is given twice: write atRiskPercent or atRiskAmount"
))]
#[x_kube(validation = (
    "has(self.amount) || !has(self.atRiskPercent)",
    "atRiskPercent is a percentage of charges.amount: add `amount`, or write atRiskAmount instead"
))]
#[x_kube(validation = (
    "has(self.amount) || !has(self.schedule)",
    "charges.schedule changes charges.amount: add `amount`"
))]
pub struct Charges {
    /// Currency of all money of the contract, ISO 4217, such as GBP.
    #[schemars(length(min = 3, max = 3), regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Charges of one measurement period, such as "100000.00". May be left out where nothing is a percentage of it.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Option<Decimal>,
    /// Percentage of the charges that is at risk: the credits of one period never exceed it. Default: no cap of the period.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub at_risk_percent: Option<Decimal>,
    /// The amount at risk in money, such as "50000", instead of atRiskPercent: the credits of one period never exceed it. Default: no cap of the period.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub at_risk_amount: Option<Decimal>,
    /// Changes of the amount, each from a day on. A period has the charges in force on its first day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["from".into()]))]
    pub schedule: Vec<ChargeChange>,
}

/// Charges from a day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ChargeChange {
    /// First day of the new amount, such as 2026-07-01.
    #[schemars(schema_with = "super::scalar::date")]
    pub from: Date,
    /// Charges of one measurement period.
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub amount: Decimal,
}

/// How misses become money: caps, points, repeats, ramp and earn-back.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.yearCapPercent) || !has(self.yearCapAmount)",
    "the cap of the year is given twice: write yearCapPercent or yearCapAmount"
))]
#[x_kube(validation = (
    "!has(self.repeats) || !has(self.points) || !has(self.points.repeatMultiplier)",
    "repeats are given twice: write credits.repeats or points.repeatMultiplier"
))]
pub struct Credits {
    /// How service points become money. Leave it out if the bands give percentages or amounts.
    pub points: Option<PointsToMoney>,
    /// Percentage of the contract year's charges that the credits of that year never exceed. Default: no cap of the year.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::percent")]
    pub year_cap_percent: Option<Decimal>,
    /// What the credits of a contract year never exceed, in money, such as "120000", instead of yearCapPercent. It is the same in a short last year. Default: no cap of the year.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub year_cap_amount: Option<Decimal>,
    /// By what points and credits of the n-th miss in a row are multiplied, such as [{misses: 1, times: 1}, {misses: 2, times: 2}]. The highest row not above n counts; below the first row a miss is spared. Instead of points.repeatMultiplier. Default: each miss counts once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["misses".into()]))]
    #[x_kube(validation = super::rules::REPEATS)]
    pub repeats: Vec<RepeatRow>,
    /// Milder rules after `term.start`, in order; Full is what follows the last step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = (
        "[1, 2, 3, 4, 5, 6, 7, 8, 9].all(i, i >= self.size() || int(self[i - 1].until.replace('d', '').replace('w', '')) * (self[i - 1].until.endsWith('w') ? 7 : 1) < int(self[i].until.replace('d', '').replace('w', '')) * (self[i].until.endsWith('w') ? 7 : 1))",
        "write the steps of the ramp in order, each `until` later than the one before"
    ))]
    pub ramp: Vec<RampStep>,
    /// How a credit may be earned back by doing better. Default: not at all.
    pub earn_back: Option<EarnBack>,
}

/// How service points become money: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["table", "perPointPercent"], ""))]
pub struct PointsToMoney {
    /// Rows of points and percentage of the charges; the highest row not above the period's points counts.
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["points".into()]))]
    #[x_kube(validation = (
        "self.all(p, self.all(q, p.points >= q.points || quantity(string(p.percent)).isLessThan(quantity(string(q.percent)))))",
        "write a higher percent for more points"
    ))]
    pub table: Option<Vec<PointsRow>>,
    /// Percentage of the charges per point.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub per_point_percent: Option<Decimal>,
    /// By what the points of a KPI are multiplied when it fails in consecutive periods. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub repeat_multiplier: Option<i64>,
}

/// The credit from a number of points on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PointsRow {
    /// Service points of the period, at least.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub points: i64,
    /// Percentage of the period's charges.
    #[schemars(schema_with = "super::scalar::non_negative")]
    pub percent: Decimal,
}

/// A milder rule for some time after the contract's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct RampStep {
    /// Until how long after `term.start`, exclusive, in civil days.
    #[schemars(schema_with = "ramp_duration")]
    pub until: Duration,
    /// None: measured, never punished. Half: half the credits. Full: all.
    pub credit: RampCredit,
}

fn ramp_duration(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "pattern": "^[0-9]{1,9}(d|w)$", "maxLength": 32})
}

/// How much of the credits is charged during a ramp step: None (measured, never punished), Half or Full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum RampCredit {
    None,
    Half,
    Full,
}

/// How a credit may be earned back.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EarnBack {
    /// How many of the next judged periods must all reach the KPI's `stretch`.
    #[schemars(range(min = 1, max = 24))]
    pub within: i64,
    /// The gravest miss whose credit may be earned back. Default Minor.
    #[schemars(extend("description" = "The gravest miss whose credit may be earned back: Minor, Serious, Severe or Critical. Default Minor."))]
    pub max_severity: Option<Severity>,
}

/// What repeated or grave failure sets in motion.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Trigger {
    /// Name of the trigger, such as three-in-six; plans and escalation refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The condition: one of failures, points, severity, capReached.
    pub when: TriggerCondition,
    /// What follows: TerminationRight, RectificationPlan or Notify.
    pub then: TriggerConsequence,
}

/// When a trigger fires: one of.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["failures", "points", "severity", "capReached"], ""))]
pub struct TriggerCondition {
    /// A number of failures in the latest closed periods.
    pub failures: Option<FailuresCondition>,
    /// A number of service points in the latest closed periods.
    pub points: Option<PointsCondition>,
    /// A miss of this severity or graver.
    #[schemars(extend("description" = "A miss of this severity or graver: Minor, Serious, Severe or Critical."))]
    pub severity: Option<Severity>,
    /// Credits were cut at the cap of the Period or of the Year.
    #[schemars(extend("description" = "Credits were cut at the cap of the Period (charges.atRiskPercent or atRiskAmount) or of the contract Year (credits.yearCapPercent or yearCapAmount)."))]
    pub cap_reached: Option<CapKind>,
}

/// A number of failures in the latest closed periods.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.sameKpi) || !self.sameKpi || self.atLeast <= self.outOf",
    "one KPI cannot fail more often than there are periods: write an `atLeast` that is not above `outOf`"
))]
pub struct FailuresCondition {
    /// How many failures set it off, such as 3.
    #[schemars(range(min = 1, max = 1000))]
    pub at_least: i64,
    /// Out of how many of the latest closed periods.
    #[schemars(range(min = 1, max = 120))]
    pub out_of: i64,
    /// True: failures of one KPI by itself. False: summed over the KPIs. Default false.
    pub same_kpi: Option<bool>,
}

/// A number of service points in the latest closed periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointsCondition {
    /// How many points set it off, such as 12.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub at_least: i64,
    /// Over how many of the latest closed periods.
    #[schemars(range(min = 1, max = 120))]
    pub periods: i64,
}

/// A cap of the credits: of the Period or of the contract Year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum CapKind {
    Period,
    Year,
}

/// What a trigger sets in motion: TerminationRight (active until removed from the spec), RectificationPlan (a plan becomes due) or Notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum TriggerConsequence {
    TerminationRight,
    RectificationPlan,
    Notify,
}

/// An excusing cause.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.from < self.to", "write a `to` that is later than `from`"))]
#[x_kube(validation = (
    "!has(self.decidedAt) || (has(self.decision) && self.decision != 'Claimed')",
    "`decidedAt` needs a decision: write decision Accepted or Rejected, or take `decidedAt` away"
))]
pub struct Relief {
    /// Name of the relief, such as storm-february.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What excuses: ForceMajeure, ClientCause, ThirdParty, PlannedMaintenance or ForecastExceeded.
    pub cause: ReliefCause,
    /// The first instant that is excused, such as 2026-02-02T06:00:00Z.
    #[schemars(schema_with = "super::scalar::instant")]
    pub from: Timestamp,
    /// The instant at which it ends, such as 2026-02-03T18:00:00Z.
    #[schemars(schema_with = "super::scalar::instant")]
    pub to: Timestamp,
    /// Names of the KpiTargets that it concerns. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub kpis: Vec<String>,
    /// Labels that a row must carry to be excused, such as a site or queue. Default: any row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::scalar::labels")]
    #[x_kube(validation = super::rules::LABEL_KEYS)]
    pub labels: BTreeMap<String, String>,
    /// The day on which it was claimed, such as 2026-02-03. It is shown in reports.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub claimed_on: Option<Date>,
    /// Claimed, Accepted or Rejected. Default Claimed.
    #[schemars(extend("description" = "Claimed (changes nothing yet), Accepted (rows that it covers are left out) or Rejected. Default Claimed."))]
    pub decision: Option<ReliefDecision>,
    /// When it was decided: from then on the decision is known to a judgement. Default `to`.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub decided_at: Option<Timestamp>,
    /// Address of the proof, such as https://wiki.acme.example/minutes-42. It is shown and never fetched.
    #[schemars(length(max = 2048))]
    pub evidence: Option<String>,
}

/// What excuses a miss: ForceMajeure, ClientCause, ThirdParty, PlannedMaintenance or ForecastExceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReliefCause {
    ForceMajeure,
    ClientCause,
    ThirdParty,
    PlannedMaintenance,
    ForecastExceeded,
}

/// The state of a claim of relief: Claimed (changes nothing yet), Accepted or Rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReliefDecision {
    #[default]
    Claimed,
    Accepted,
    Rejected,
}

/// What happens when data or relief changes a Final period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restatements {
    /// NextPeriod: the credit's difference is booked on the next report. Ignore: nothing changes. Default NextPeriod.
    #[serde(default)]
    pub after_final: AfterFinal,
}

/// What a change after Final does: NextPeriod (the difference is booked on the next report) or Ignore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum AfterFinal {
    #[default]
    NextPeriod,
    Ignore,
}

/// How long each step of a rectification plan may take.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rectification {
    /// For the vendor to notify of the failure. Default 5bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub notify: Option<Duration>,
    /// For the vendor to submit a plan, from the end of the triggering period. Default 10bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub submit: Option<Duration>,
    /// For the client to approve or reject it. Default 10bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub approve: Option<Duration>,
    /// For the vendor to submit a rejected plan again. Default 5bd.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub resubmit: Option<Duration>,
    /// How many Met periods after the last step verify the plan. Default 2.
    #[schemars(range(min = 1, max = 24))]
    pub verify_periods: Option<i64>,
}

/// A rectification plan as it happened.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.approvedOn) || !has(self.rejectedOn)",
    "a plan is approved or rejected: keep `approvedOn` or `rejectedOn`; a rejected plan that is submitted again gets a new `submittedOn` and no `rejectedOn`"
))]
#[x_kube(validation = (
    "!has(self.approvedOn) || (has(self.submittedOn) && self.submittedOn <= self.approvedOn)",
    "write a `submittedOn` that is not after `approvedOn`"
))]
#[x_kube(validation = (
    "!has(self.rejectedOn) || (has(self.submittedOn) && self.submittedOn <= self.rejectedOn)",
    "write a `submittedOn` that is not after `rejectedOn`"
))]
pub struct RectificationPlan {
    /// Name of the plan, such as cure-march.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Name of the trigger that asked for it, such as cure.
    #[schemars(length(min = 1, max = 63))]
    pub trigger: String,
    /// The KpiTarget whose failure it is to correct.
    #[schemars(length(min = 1, max = 63))]
    pub kpi: Option<String>,
    /// The day on which the vendor submitted it. Left out: not submitted yet.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub submitted_on: Option<Date>,
    /// The day on which the client approved it. Left out: not approved.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub approved_on: Option<Date>,
    /// The day on which the client rejected it. Left out: not rejected.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub rejected_on: Option<Date>,
    /// What is to be done, step by step, each with its day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<PlanStep>,
}

/// One step of a rectification plan.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Name of the step, such as hire-ten.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The last day on which it is to be done, such as 2026-04-30. Left out: no day is fixed.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub due: Option<Date>,
    /// The day on which it was done, such as 2026-04-20. Left out: it is still open.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub done_on: Option<Date>,
}

/// A person of either party.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Contact {
    /// Short name by which escalation refers to the person.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What the person does, such as service manager. It is only shown.
    #[schemars(length(max = 253))]
    pub role: Option<String>,
    /// Which party the person belongs to: Vendor or Client.
    #[schemars(extend("description" = "Which party the person belongs to: Vendor or Client."))]
    pub party: Option<Party>,
    /// E-mail address, such as jane@client.example. Without it no e-mail goes to this person.
    #[schemars(length(max = 254), regex(pattern = "^[^@\\s<>\",;]+@[^@\\s<>\",;]+$"))]
    pub email: Option<String>,
    /// The name of the contact who is the deputy.
    #[schemars(length(min = 1, max = 63))]
    pub deputy: Option<String>,
}

/// One level of the escalation matrix.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct EscalationLevel {
    /// The level, 1 to 9; 1 is notified first.
    #[schemars(range(min = 1, max = 9))]
    pub level: i64,
    /// How long after the cause this level is notified.
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub after: Duration,
    /// What is escalated, any of: Missed, Serious (a miss that is Serious or graver), AtRisk, TriggerFired, FeedFailing, Overdue, LaunchNoGo.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub causes: Vec<EscalationCause>,
    /// Names of the contacts who are notified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub contacts: Vec<String>,
    /// Names of the alerts that are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub alerts: Vec<String>,
    /// How long they have to respond after the level began, such as 4bh. Left out: no answer is expected.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub respond: Option<Duration>,
}

/// What is escalated: Missed, Serious (a miss that is Serious or graver), AtRisk, TriggerFired, FeedFailing, Overdue, LaunchNoGo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum EscalationCause {
    Missed,
    Serious,
    AtRisk,
    TriggerFired,
    FeedFailing,
    Overdue,
    LaunchNoGo,
}

/// A governance meeting.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Name of the review, such as monthly-review.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it is held: Weekly, Monthly, Quarterly, HalfYearly, Yearly or ContractYear; quarters, half-years and years as the contract's fiscalYearStart has them.
    pub cadence: PeriodLength,
    /// The weekday on which it is held. Default: the period's last business day.
    #[schemars(extend("description" = "The weekday on which it is held. Default: the period's last business day."))]
    pub day: Option<Weekday>,
    /// How long after its date it may still be held. Default 0d.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub grace: Option<Duration>,
    /// How long before it the report is due.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub report_due: Option<Duration>,
    /// The days on which it was held, such as [2026-02-10]. One that is not held by its day is overdue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 600), inner(length(max = 10)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub held: Vec<ApiDate>,
}

/// A local date inside a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiDate(pub Date);

impl JsonSchema for ApiDate {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        super::scalar::date(generator)
    }
}

/// What the vendor owes in addition to the service.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = super::rules::one_of(&["cadence", "turnaround"], ""))]
#[x_kube(validation = (
    "has(self.cadence) || (!has(self.dueAfterPeriod) && !has(self.delivered))",
    "`dueAfterPeriod` and `delivered` belong to `cadence`: with `turnaround`, write `requests`"
))]
#[x_kube(validation = (
    "has(self.turnaround) || !has(self.requests)",
    "`requests` belongs to `turnaround`: with `cadence`, write `delivered`"
))]
#[x_kube(validation = (
    "!has(self.cadence) || !has(self.delivered) || self.delivered.all(d, self.cadence == 'Weekly' ? d.period.contains('-W') : self.cadence == 'Quarterly' ? d.period.contains('-Q') : self.cadence == 'HalfYearly' ? d.period.contains('-H') : self.cadence == 'ContractYear' ? d.period.startsWith('CY') : self.cadence == 'Yearly' ? !d.period.contains('-') && !d.period.startsWith('CY') : d.period.size() == 7 && !d.period.contains('Q') && !d.period.contains('H'))",
    "name delivered periods as the cadence does: 2026-W07, 2026-02, 2026-Q1, 2026-H1, 2026 or CY1, and with a fiscalYearStart FY2027-Q1, FY2027-H1 or FY2027"
))]
pub struct Deliverable {
    /// Name of the deliverable, such as monthly-report.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it is due. Either this or `turnaround`.
    #[schemars(extend("description" = "How often it is due. Either this or `turnaround`."))]
    pub cadence: Option<PeriodLength>,
    /// How long after the cadence's period it is due.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub due_after_period: Option<Duration>,
    /// How long after a request it is due. Either this or `cadence`.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::business_duration")]
    pub turnaround: Option<Duration>,
    /// The standard it must meet, in words.
    #[schemars(length(max = 1024))]
    pub quality: Option<String>,
    /// What was delivered, one entry for each period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 600))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["period".into()]))]
    pub delivered: Vec<Delivery>,
    /// What was requested, for deliverables with `turnaround`: one entry for each request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub requests: Vec<DeliverableRequest>,
}

/// A delivery for a period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Name of the period for which it was delivered, such as "2026-01".
    #[schemars(
        length(min = 3, max = 9),
        regex(pattern = "^([0-9]{4}(-(W[0-9]{2}|Q[1-4]|H[12]|[0-9]{2}))?|FY[0-9]{4}(-(Q[1-4]|H[12]))?|CY[0-9]{1,4})$")
    )]
    pub period: String,
    /// The day on which it was delivered.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub delivered_on: Option<Date>,
    /// Whether it was accepted the first time.
    pub accepted: Option<bool>,
}

/// A request for a deliverable.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.doneOn) || self.requestedOn <= self.doneOn",
    "write a `doneOn` that is not before `requestedOn`"
))]
pub struct DeliverableRequest {
    /// Name of the request, such as extra-report-7.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The day on which it was requested.
    #[schemars(schema_with = "super::scalar::date")]
    pub requested_on: Date,
    /// The day on which it was done, such as 2026-02-04. Left out: it is still open.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub done_on: Option<Date>,
    /// Whether it was accepted the first time.
    pub accepted: Option<bool>,
}

/// Where alerts are sent: one of alertmanager, webhook, slack, teams, pagerduty, email.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = super::rules::one_of(&["alertmanager", "webhook", "slack", "teams", "pagerduty", "email"], ""))]
pub struct AlertSink {
    /// Name of the alert, such as ops; escalation levels refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A Prometheus Alertmanager, by its API v2. Alerts are refreshed while they last.
    pub alertmanager: Option<AlertmanagerSink>,
    /// A webhook that takes CloudEvents as JSON.
    pub webhook: Option<WebhookSink>,
    /// An incoming webhook of Slack, or of what takes the same messages.
    pub slack: Option<ChatSink>,
    /// A workflow webhook of Microsoft Teams, or of what takes the same messages.
    pub teams: Option<ChatSink>,
    /// PagerDuty, by its Events API v2.
    pub pagerduty: Option<PagerDutySink>,
    /// E-mail by SMTP, always over TLS.
    pub email: Option<EmailSink>,
}

/// A Prometheus Alertmanager, by its API v2. Alerts are refreshed while they last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct AlertmanagerSink {
    /// Its address; `/api/v2/alerts` is added.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS)]
    pub url: String,
}

/// A webhook.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSink {
    /// Its address: http or https, without user information.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS)]
    pub url: String,
    /// The Secret whose value signs each message (HMAC with SHA-256).
    pub signing_secret_ref: Option<SecretKeyReference>,
}

/// A chat's incoming webhook, whose address is itself a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatSink {
    /// The Secret that holds the address; its annotation `bpo-operator.io/allowed-hosts` must list the address's host.
    pub url_secret_ref: SecretKeyReference,
}

/// PagerDuty.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PagerDutySink {
    /// The Secret that holds the integration's routing key.
    pub routing_key_secret_ref: SecretKeyReference,
    /// The address of the Events API. Default: `https://events.pagerduty.com/v2/enqueue`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = super::rules::ADDRESS)]
    pub url: Option<String>,
}

/// E-mail by SMTP, always over TLS.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailSink {
    /// The mail server: smtps://HOST (port 465), or smtp://HOST (port 587) with STARTTLS, without which nothing is sent; `:PORT` for another port.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^smtps?://[^/?#@\\s]+/?$"))]
    pub server: String,
    /// The sender's address, such as bpo-operator@client.example.
    #[schemars(length(min = 3, max = 254), regex(pattern = "^[^@\\s<>\",;]+@[^@\\s<>\",;]+$"))]
    pub from: String,
    /// Names of the contacts to whom it goes. Default: every contact of the Client with an address; an escalation also goes to its level's contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub to: Vec<String>,
    /// The Secret that holds the user name at the server.
    pub username_secret_ref: Option<SecretKeyReference>,
    /// The Secret that holds the password.
    pub password_secret_ref: Option<SecretKeyReference>,
}

/// A report that goes out by itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ScheduledReport {
    /// Name of the report, such as monthly.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it goes out. At least as long as the contract's period: the reports of the periods that ended in it. Shorter: the scorecard at its end.
    pub cadence: PeriodLength,
    /// Names of the alerts to which it goes; each is email or webhook.
    #[schemars(length(min = 1, max = 5), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub alerts: Vec<String>,
    /// What a mail has attached: Html (pages, the default) or Xlsx (workbooks). A webhook gets JSON.
    pub format: Option<ReportFormat>,
    /// What is waited for: Final (the default), or Provisional, which is sooner and may change.
    pub state: Option<PeriodState>,
}

/// What a mail with a report has attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReportFormat {
    #[default]
    Html,
    Xlsx,
}

/// How much of the weight must be on engagement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Engagement {
    /// Percentage of the contract's weight that engagement, satisfaction and revenue KPIs must reach.
    #[schemars(schema_with = "super::scalar::percent")]
    pub minimum_share_percent: Decimal,
}

/// What the operator found. It says nothing that only the passing of time would change.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VendorContractStatus {
    /// The generation of the spec that this speaks of.
    pub observed_generation: Option<i64>,
    /// The last `bpo-operator.io/requested-at` that was handled.
    #[schemars(length(max = 64))]
    pub last_handled_request: Option<String>,
    /// Pending (not begun), Active, NoticeDue (notice must be given), Suspended (`spec.suspend`, while the term has not ended) or Ended.
    #[schemars(extend("description" = "Pending (not begun), Active, NoticeDue (the time to give notice has come), Suspended (spec.suspend is true and the term has not ended) or Ended."))]
    pub phase: Option<ContractPhase>,
    /// Name and both ends of the running period.
    pub period: Option<PeriodBounds>,
    /// The latest closed period: the commitment.
    pub last: Option<LastPeriod>,
    /// KPIs of `last` by verdict; `atRisk` is of the running period.
    pub kpis: Option<KpiCounts>,
    /// Credits and caps of the running contract year.
    pub credits: Option<CreditsStatus>,
    /// Triggers that are active, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub triggers: Vec<TriggerStatus>,
    /// The highest active level of escalation.
    pub escalation: Option<EscalationStatus>,
    /// What is next and what is overdue.
    pub governance: Option<GovernanceStatus>,
    /// Health of each feed, in the order of the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub feeds: Vec<FeedStatus>,
    /// Where alerts are sent: those whose last delivery failed, or that have given messages up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub alerts: Vec<AlertSinkStatus>,
    /// The reports of `spec.reports`: of what each went out last, and of what it goes out next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub reports: Vec<ScheduledReportStatus>,
    /// Advice on the contract itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub advice: Vec<Advice>,
    /// Ready, Stalled, FeedHealthy, SLACompliant, AtRisk, GovernanceCurrent, WellFormed, ActionRequired and Consistent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The phase of a contract: Pending (not begun), Active, NoticeDue (the time to give notice has come) or Ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ContractPhase {
    Pending,
    Active,
    NoticeDue,
    Suspended,
    Ended,
}

/// A measurement period: half-open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PeriodBounds {
    /// Name, such as 2026-W07, 2026-02, 2026-Q1, FY2027-Q1 or 2026.
    #[schemars(length(max = 16))]
    pub name: String,
    /// First instant of the period.
    #[schemars(schema_with = "super::scalar::instant")]
    pub start: Timestamp,
    /// First instant after the period.
    #[schemars(schema_with = "super::scalar::instant")]
    pub end: Timestamp,
}

/// The latest closed period.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastPeriod {
    /// Name of the latest closed period, such as 2026-05.
    pub name: String,
    /// Provisional until the period can no longer change, then Final.
    pub state: PeriodState,
    /// Score of the period, from 0 to 100: what the KPIs reached, by their weights; left out where none could be judged.
    pub score: Option<String>,
    /// How much of the weight the score speaks for, 0 to 100.
    pub confidence: Option<String>,
    /// The worst rating of the Critical-class KPIs.
    #[schemars(extend("description" = "The worst rating of the Critical-class KPIs: Good, ApproachingTarget, RequiresImprovement, Inadequate or Other (none was judged)."))]
    pub rating: Option<crate::api::verdict::Rating>,
    /// Service points of all KPIs together.
    pub points: i64,
    /// Sum of the credits before caps.
    pub credit_before_caps: Option<String>,
    /// Credit that the vendor owes for the period, after caps.
    pub credit: Option<String>,
    /// Bonus that the client owes for the period.
    pub bonus: Option<String>,
    /// Name of the SlaReport of the period.
    pub report: String,
}

/// KPIs by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KpiCounts {
    /// KPIs that count: dry runs and suspended ones are left out.
    pub total: i64,
    /// KPIs that are Met or Excused.
    pub met: i64,
    /// KPIs that are Missed and not excused.
    pub missed: i64,
    /// KPIs that are neither met nor missed, such as those without data.
    pub unknown: i64,
    /// At risk in the running period.
    pub at_risk: i64,
}

/// Credits of the contract year.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditsStatus {
    /// Currency of the amounts, by ISO 4217, such as GBP.
    pub currency: String,
    /// What the credits of the running period cannot exceed.
    pub period_cap: Option<String>,
    /// Credits of the contract year so far.
    pub year_to_date: Option<String>,
    /// Cap of the contract year, which the credits cannot exceed; left out without one.
    pub year_cap: Option<String>,
    /// Credits that may still be earned back.
    pub pending: Option<String>,
}

/// An active trigger.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// Name of the trigger, such as three-in-six; plans and escalation refer to it.
    pub name: String,
    /// Consequence of the trigger: TerminationRight, RectificationPlan or Notify.
    pub then: TriggerConsequence,
    /// Name of the KpiTarget that fired it; left out where no single one did.
    pub kpi: Option<String>,
    /// Name of the period that fired it, such as 2026-05.
    pub period: String,
    /// End of that period.
    #[schemars(schema_with = "super::scalar::instant")]
    pub fired_at: Timestamp,
}

/// The highest active level of escalation.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscalationStatus {
    /// Highest level that is active, as in spec.escalation.
    pub level: i64,
    /// Cause of the escalation, such as AtRisk or FeedFailing.
    pub cause: EscalationCause,
    /// Since when the level is active.
    #[schemars(schema_with = "super::scalar::instant")]
    pub since: Timestamp,
    /// By when someone must respond.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub respond_by: Option<Timestamp>,
    /// Names of the contacts who are notified at this level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub contacts: Vec<String>,
    /// Name of the person who has acknowledged the escalation; left out before.
    #[schemars(length(max = 253))]
    pub acknowledged_by: Option<String>,
}

/// The state of one place where alerts are sent.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertSinkStatus {
    /// Name of the alert, such as ops; escalation levels refer to it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Whether the last delivery failed, and why.
    #[schemars(length(max = 1024))]
    pub failure: Option<String>,
    /// Messages that were given up; `kubectl bpo alert list` shows them.
    pub given_up: i64,
}

/// The state of a report that goes out by itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ScheduledReportStatus {
    /// Name of the report.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The last period of its cadence for which it was handed to delivery, such as 2026-05.
    #[schemars(length(max = 32))]
    pub last: Option<String>,
    /// The period for which it goes out next.
    #[schemars(length(max = 32))]
    pub next: Option<String>,
}

/// What is next and what is overdue.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GovernanceStatus {
    /// Name and day of the next review.
    pub next_review: Option<NextReview>,
    /// Reviews, deliverables, plans and disputes that are overdue, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub overdue: Vec<Overdue>,
    /// Rectification plans and their state, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub plans: Vec<PlanStatus>,
    /// Disputes: the open ones first, then the latest decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub disputes: Vec<DisputeStatus>,
}

/// The next review.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextReview {
    /// Name of the review, such as monthly-review.
    pub name: String,
    /// Day of the review in the contract's time zone.
    #[schemars(schema_with = "super::scalar::date")]
    pub due: Date,
    /// The day by which its report is due.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub report_due: Option<Date>,
}

/// Something overdue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct Overdue {
    /// Review, Deliverable, Plan or Dispute.
    pub kind: OverdueKind,
    /// Name of the review, deliverable, plan or dispute.
    pub name: String,
    /// The day on which it was due.
    #[schemars(schema_with = "super::scalar::date")]
    pub due: Date,
}

/// What can be overdue: Review, Deliverable, Plan or Dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum OverdueKind {
    Review,
    Deliverable,
    Plan,
    Dispute,
}

/// A rectification plan.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct PlanStatus {
    /// Name of the plan, or of the trigger that asks for one.
    pub name: String,
    /// Required, Submitted, Rejected, Approved, InProgress, Verified or Failed.
    pub state: PlanState,
    /// When the next step is due.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::date")]
    pub due: Option<Date>,
}

/// The state of a rectification plan: Required, Submitted, Rejected, Approved, InProgress, Verified or Failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum PlanState {
    Required,
    Submitted,
    Rejected,
    Approved,
    InProgress,
    Verified,
    Failed,
}

/// A feed's health.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedStatus {
    /// Name of the feed in spec.feeds.
    pub name: String,
    /// Whether the last fetch succeeded and the rows are not late.
    pub healthy: bool,
    /// Fetched while polls succeed, else the kind of failure, such as Auth or Late.
    pub reason: String,
    /// Since when the reason is this one.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub since: Option<Timestamp>,
    /// How far the data reaches without a gap.
    #[serde(default)]
    #[schemars(schema_with = "super::scalar::instant")]
    pub watermark: Option<Timestamp>,
    /// Whether the past since `term.start` is still being fetched.
    pub backfilling: bool,
    /// How far that is; absent once it is complete.
    pub backfill: Option<FeedBackfill>,
    /// Rows of the latest answer that were set aside because they contradict each other, or cover time that another row with the same labels covers. They count in no figure; `kubectl bpo feed rejected` lists them. Absent where there are none.
    #[serde(default)]
    pub set_aside: Option<i64>,
}

/// How far the first fetch of a feed's past is. What is fetched is kept: a restart or an outage goes on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedBackfill {
    /// From when on the vendor is asked: the beginning of the term, or as far back as it keeps anything.
    #[schemars(schema_with = "super::scalar::instant")]
    pub from: Timestamp,
    /// Up to when everything is fetched.
    #[schemars(schema_with = "super::scalar::instant")]
    pub fetched_until: Timestamp,
    /// How much of the time from then until now is fetched, in whole percent.
    pub percent: i64,
}

/// Advice on the contract itself; it never blocks anything.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Advice {
    /// What was found, such as OnlyTechnicalKpis or NotSmart/Relevant.
    #[schemars(length(max = 63))]
    pub finding: String,
    /// The KpiTarget that it concerns.
    pub kpi: Option<String>,
    /// Sentence that says what is doubtful and what to change.
    #[schemars(length(max = 256))]
    pub message: String,
}
