//! VendorContract: the agreement with one vendor, its money, its calendar and its people.

mod alerts;
mod governance;
mod money;
mod relief;
mod status;
mod term;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::dispute::Dispute;
use super::feed::Feed;
use super::period::MonthDay;
use super::scalar::{Duration, DurationUnit};
use super::shared::Shared;
pub use alerts::*;
pub use governance::*;
pub use money::*;
pub use relief::*;
pub use status::*;
pub use term::*;

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
    /// Who is served; reports name both parties. Default: the client.
    pub client: Option<Client>,
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
    pub feeds: Vec<Shared<Feed>>,
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
    /// How long the operator keeps the rows of the feeds. Default: 7 years after the term.
    pub retention: Option<Retention>,
    /// True: nothing is fetched or judged; periods that close meanwhile are NotMeasured.
    #[serde(default)]
    pub suspend: bool,
}

impl VendorContractSpec {
    /// Who is served, as reports name them: "the client" where the contract does not say.
    pub fn client_name(&self) -> &str {
        self.client.as_ref().map_or(CLIENT, |client| client.name.as_str())
    }
}

/// Who is served where a contract does not name them.
pub const CLIENT: &str = "the client";

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_close_after() -> Duration {
    Duration::new(10, DurationUnit::BusinessDays)
}
