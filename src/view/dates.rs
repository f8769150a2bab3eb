//! The dates of a contract: what its terms and its status say about days on which something ends, closes, is due or begins.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use kube::ResourceExt;
use serde::Serialize;

use super::ics::{Entry, When};
use super::words::period_title;
use crate::api::vendor_contract::{PlanState, VendorContractStatus};
use crate::api::{CampaignLaunch, VendorContract};
use crate::domain::governance::deadlines::{report_day, review_days};
use crate::domain::measuring::deliverables::obligations;
use crate::domain::terms::calendar::{Calendar, last_day_before};
use crate::domain::terms::disputes::{is_decided, overdue_from};
use crate::domain::terms::periods::Periods;

/// What happens on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs)]
pub enum DateKind {
    PeriodEnd,
    Closing,
    Review,
    ReviewReport,
    Deliverable,
    Plan,
    Dispute,
    Response,
    Gate,
    Launch,
    Notice,
    TermEnd,
}

impl DateKind {
    /// The kind in words.
    pub fn title(self) -> &'static str {
        match self {
            DateKind::PeriodEnd => "Period",
            DateKind::Closing => "Closing",
            DateKind::Review => "Review",
            DateKind::ReviewReport => "Report for a review",
            DateKind::Deliverable => "Deliverable",
            DateKind::Plan => "Plan",
            DateKind::Dispute => "Dispute",
            DateKind::Response => "Escalation",
            DateKind::Gate => "Gate",
            DateKind::Launch => "Launch",
            DateKind::Notice => "Notice",
            DateKind::TermEnd => "Term",
        }
    }
}

/// One date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// The local day.
    pub day: Date,
    /// The instant, where it is not the whole day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What happens.
    pub kind: DateKind,
    /// In a few words, with the names.
    pub what: String,
    /// What else there is to know.
    pub note: String,
    /// Whether it is done already.
    pub done: bool,
    /// What identifies it among all of the contract, for good.
    #[serde(skip)]
    key: String,
}

/// The dates of a contract, in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dates {
    /// The contract.
    pub contract: String,
    /// Its namespace.
    pub namespace: String,
    /// Who serves.
    pub vendor: String,
    /// The zone of all days.
    pub time_zone: String,
    /// The dates.
    pub dates: Vec<Dated>,
}

impl Dates {
    /// All dates of a contract's term, and of the launches that name it.
    ///
    /// # Errors
    /// A sentence, where the contract's zone or calendar cannot be read.
    pub fn of(contract: &VendorContract, launches: &[CampaignLaunch], now: Timestamp) -> Result<Dates, String> {
        Dates::within(contract, launches, now, (Date::MIN, Date::MAX))
    }

    /// The dates from one day to another, both included. Less is computed than for all of them.
    ///
    /// # Errors
    /// As [`Dates::of`].
    pub fn within(
        contract: &VendorContract,
        launches: &[CampaignLaunch],
        now: Timestamp,
        span: (Date, Date),
    ) -> Result<Dates, String> {
        let spec = &contract.spec;
        let calendar = Calendar::of(spec).map_err(|wrong| wrong.to_string())?;
        let mut dates = of_terms(contract, &calendar, now, span);
        dates.extend(of_status(contract.status.as_ref().unwrap_or(&VendorContractStatus::default()), &calendar));
        let own = |launch: &&CampaignLaunch| {
            let names = &launch.spec.contract_refs;
            launch.namespace() == contract.namespace() && names.iter().any(|named| named.name == contract.name_any())
        };
        dates.extend(launches.iter().filter(own).flat_map(|launch| of_launch(launch, &calendar, now)));
        dates.sort_by(|one, other| {
            (one.day, one.at, one.kind, &one.what).cmp(&(other.day, other.at, other.kind, &other.what))
        });
        Ok(Dates {
            contract: contract.name_any(),
            namespace: contract.namespace().unwrap_or_default(),
            vendor: spec.vendor.name.clone(),
            time_zone: spec.time_zone.clone(),
            dates,
        }
        .between(span.0, span.1))
    }

    /// Only the dates from one day to another, both included.
    #[must_use]
    pub fn between(mut self, from: Date, until: Date) -> Dates {
        self.dates.retain(|dated| (from..=until).contains(&dated.day));
        self
    }

    /// As a file for calendar programs.
    pub fn ics(&self, written: Timestamp) -> String {
        let entries: Vec<Entry> = self
            .dates
            .iter()
            .map(|dated| Entry {
                uid: format!("{}@{}.{}.bpo-operator.io", dated.key, self.contract, self.namespace),
                when: dated.at.map_or(When::Day(dated.day), When::At),
                summary: format!("{}: {}", self.contract, dated.what),
                description: if dated.done { format!("{} Done.", dated.note) } else { dated.note.clone() },
                category: dated.kind.title(),
            })
            .collect();
        super::ics::calendar(&format!("{} with {}", self.contract, self.vendor), &entries, written)
    }

    /// For a terminal, a line for each date.
    pub fn text(&self) -> String {
        let mut out = format!("{} with {}, days of {}\n", self.contract, self.vendor, self.time_zone);
        for dated in &self.dates {
            let day = dated.day.strftime("%a %Y-%m-%d");
            let at = dated.at.map(|at| at.strftime(" (%H:%MZ)").to_string()).unwrap_or_default();
            let done = if dated.done { " (done)" } else { "" };
            out += &format!("{day}{at}  {}{done}\n", dated.what);
        }
        if self.dates.is_empty() {
            out += "no date in this span\n";
        }
        out
    }
}

/// Collects dates of one kind.
fn dated(kind: DateKind, day: Date, name: &str, what: String, note: &str, done: bool) -> Dated {
    Dated { day, at: None, kind, what, note: note.to_owned(), done, key: format!("{kind:?}-{name}") }
}

/// How long before a span a period ends at most whose closing lies in it, and how long after it a review is whose report does.
const REACH: i64 = 100;

fn of_terms(contract: &VendorContract, calendar: &Calendar, now: Timestamp, (from, until): (Date, Date)) -> Vec<Dated> {
    let spec = &contract.spec;
    let periods = Periods::of(spec, calendar);
    let near = from.saturating_sub(REACH.days())..=until.saturating_add(REACH.days());
    let mut dates = Vec::new();
    for period in periods.all().iter().filter(|period| near.contains(&period.last_day)) {
        let title = period_title(&period.name);
        let over = period.end <= now;
        let what = format!("{title} ends");
        dates.push(dated(DateKind::PeriodEnd, period.last_day, &period.name, what, "The last day that counts.", over));
        let closes = calendar.after(period.end, spec.close_after);
        let note = "The earliest day after which its report becomes Final; gaps and disputes can hold it longer.";
        let day = last_day_before(closes, calendar);
        dates.push(dated(DateKind::Closing, day, &period.name, format!("{title} closes"), note, closes <= now));
    }
    for review in &spec.reviews {
        for (period, day) in review_days(spec, review, calendar).into_iter().filter(|(_, day)| near.contains(day)) {
            let (name, held) =
                (format!("{}-{}", review.name, period.name), review.held.iter().any(|held| held.0 == day));
            let what = format!("review {}", review.name);
            dates.push(dated(
                DateKind::Review,
                day,
                &name,
                what,
                &format!("For {}.", period_title(&period.name)),
                held,
            ));
            if let Some(report) = report_day(review, day, calendar) {
                let what = format!("report for review {} is due", review.name);
                dates.push(dated(
                    DateKind::ReviewReport,
                    report,
                    &name,
                    what,
                    &format!("The review is on {day}."),
                    held,
                ));
            }
        }
    }
    for owed in obligations(spec, calendar) {
        let what = format!("{} for {} is due", owed.deliverable, period_title(&owed.item));
        let name = format!("{}-{}", owed.deliverable, owed.item);
        let note = if owed.requested { "Requested." } else { "By its cadence." };
        dates.push(dated(DateKind::Deliverable, owed.due_day, &name, what, note, owed.done_on.is_some()));
    }
    for dispute in &spec.disputes {
        if let Some(due) = overdue_from(spec, calendar, &periods, dispute) {
            let what = format!("dispute {} is to be decided", dispute.name);
            let note = format!("About {}.", period_title(&dispute.period));
            let done = is_decided(dispute, now);
            dates.push(dated(DateKind::Dispute, last_day_before(due, calendar), &dispute.name, what, &note, done));
        }
    }
    if let Some(notice) = spec.term.notice {
        let by = last_day_before(calendar.before(calendar.end_of_day(spec.term.end), notice), calendar);
        let note = "Whoever does not want the contract to go on as agreed says so by this day.";
        dates.push(dated(DateKind::Notice, by, "notice", "notice is due".to_owned(), note, false));
    }
    dates.push(dated(DateKind::TermEnd, spec.term.end, "end", "the term ends".to_owned(), "Its last day.", false));
    dates
}

fn of_status(status: &VendorContractStatus, calendar: &Calendar) -> Vec<Dated> {
    let mut dates = Vec::new();
    for plan in status.governance.iter().flat_map(|governance| &governance.plans) {
        let Some(due) = plan.due else { continue };
        let done = matches!(plan.state, PlanState::Verified | PlanState::Failed);
        let what = format!("plan {}: next step is due", plan.name);
        dates.push(dated(DateKind::Plan, due, &plan.name, what, &format!("{}.", plan.state), done));
    }
    if let Some((escalation, by)) = status.escalation.as_ref().and_then(|found| Some((found, found.respond_by?))) {
        let name = format!("{}-{}", escalation.level, escalation.since);
        let what = format!("answer to escalation level {} is due", escalation.level);
        let note = format!("{}.", super::words::list(&escalation.contacts));
        let done = escalation.acknowledged_by.is_some();
        let day = calendar.date_of(by);
        dates.push(Dated { at: Some(by), ..dated(DateKind::Response, day, &name, what, &note, done) });
    }
    dates
}

fn of_launch(launch: &CampaignLaunch, calendar: &Calendar, now: Timestamp) -> Vec<Dated> {
    use crate::api::campaign_launch::GateState;
    let (spec, name) = (&launch.spec, launch.name_any());
    let what = format!("launch of {}", spec.product);
    let begins = dated(DateKind::Launch, calendar.date_of(spec.launch_at), &name, what, &name, spec.launch_at <= now);
    let mut dates = vec![Dated { at: Some(spec.launch_at), ..begins }];
    for gate in launch.status.iter().flat_map(|status| &status.gates) {
        let what = format!("gate {} of {name} is due", gate.name);
        let done = matches!(gate.state, GateState::Passed | GateState::Waived);
        let note =
            if gate.blocking { "The launch cannot begin without it." } else { "The launch can begin without it." };
        let key = format!("{name}-{}", gate.name);
        let gate_due = dated(DateKind::Gate, calendar.date_of(gate.due_at), &key, what, note, done);
        dates.push(Dated { at: Some(gate.due_at), ..gate_due });
    }
    dates
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn contract(more: Value, status: Value) -> VendorContract {
        let mut spec = json!({
            "vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-06-30", "notice": "30d"},
            "timeZone": "Europe/London",
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
            "metadata": {"name": "acme-care", "namespace": "cx"}, "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn launch() -> CampaignLaunch {
        serde_json::from_value(json!({
            "apiVersion": "bpo-operator.io/v1alpha1", "kind": "CampaignLaunch", "metadata": {"name": "spring", "namespace": "cx"},
            "spec": {"contractRefs": [{"name": "acme-care"}], "product": "Spring offer", "launchAt": "2026-04-15T23:30:00Z"},
            "status": {"gates": [
                {"name": "training", "type": "Training", "state": "Pending", "blocking": true, "dueAt": "2026-04-10T16:00:00Z"}]},
        }))
        .unwrap()
    }

    fn shown(dates: &Dates) -> Vec<String> {
        dates.dates.iter().map(|it| format!("{} {}{}", it.day, it.what, if it.done { " done" } else { "" })).collect()
    }

    #[test]
    fn what_ends_closes_is_due_and_begins_is_on_its_local_day() {
        let more = json!({
            "closeAfter": "5bd",
            "reviews": [{"name": "monthly", "cadence": "Monthly", "reportDue": "2bd", "held": ["2026-03-31"]}],
            "deliverables": [{"name": "staffing-plan", "cadence": "Monthly", "dueAfterPeriod": "3d"}],
            "disputes": [{"name": "march", "period": "2026-03", "raisedOn": "2026-04-09", "party": "Client"}],
        });
        let status = json!({
            "governance": {"plans": [{"name": "cure", "state": "Approved", "due": "2026-04-20"}]},
            "escalation": {"level": 2, "cause": "Missed", "since": "2026-04-01T00:00:00Z", "respondBy": "2026-04-02T10:00:00Z",
                "contacts": ["sam"]},
        });
        let now = "2026-04-12T00:00:00Z".parse().unwrap();
        let all = Dates::of(&contract(more, status), &[launch()], now).unwrap();
        let april = all.clone().between("2026-03-31".parse().unwrap(), "2026-04-30".parse().unwrap());
        let expected = [
            "2026-03-31 March 2026 ends done",
            "2026-03-31 review monthly done",
            "2026-04-02 answer to escalation level 2 is due",
            "2026-04-03 staffing-plan for March 2026 is due",
            "2026-04-07 March 2026 closes done",
            "2026-04-10 gate training of spring is due",
            "2026-04-16 launch of Spring offer",
            "2026-04-20 plan cure: next step is due",
            "2026-04-28 report for review monthly is due",
            "2026-04-30 April 2026 ends",
            "2026-04-30 review monthly",
        ];
        assert_eq!(shown(&april), expected);
        assert!(shown(&all).contains(&"2026-05-31 notice is due".to_owned()), "{:?}", shown(&all));
        assert!(shown(&all).contains(&"2026-06-30 the term ends".to_owned()));
        // A second file replaces the entries of the first one: each has its own name, the same in both.
        let uids = |file: String| -> Vec<String> {
            file.replace("\r\n ", "").lines().filter_map(|line| line.strip_prefix("UID:")).map(str::to_owned).collect()
        };
        let first = uids(all.ics(now));
        assert_eq!(first, uids(all.ics("2026-05-01T00:00:00Z".parse().unwrap())));
        assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), all.dates.len());
        assert!(
            all.ics(now).contains("UID:Review-monthly-2026-03@acme-care.cx.bpo-operator.io\r\n"),
            "{}",
            all.ics(now)
        );
    }
}
