//! What happened while a launch was live: spikes, their causes, and whether quality held.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::campaign_launch::{CampaignLaunchSpec, Spike};
use crate::api::kpi_target::KpiTargetSpec;
use crate::domain::decision::earliest;
use crate::domain::launch::demand::{Baseline, ByInterval, Demand, interval_at, is_of_campaign, offered_by_interval};
use crate::domain::launch::readiness::LaunchTimes;
use crate::domain::launch::spikes::{SpikeFacts, Watched, find_spikes, planned_by_interval};
use crate::domain::measuring::ledger::Known;
use crate::domain::measuring::values::Selection;
use crate::domain::numbers::exact::Exact;
use crate::domain::numbers::statistics::Share;
use crate::domain::terms::calendar::{Calendar, Span};
use crate::domain::terms::catalogue::{Definition, definition, mature_by};
use crate::domain::terms::contract_terms::Terms;

/// Shares that show that a process fails: customers who come again, contacts that are transferred.
const PRESSURE: [(&str, &str); 2] = [("repeatContacts", "contacts"), ("transferred", "handled")];

/// What was found while the launch was live.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Surge {
    /// The spikes, oldest first.
    pub spikes: Vec<Spike>,
    /// The state of the load.
    pub state: LoadState,
    /// Whether KPIs are watched.
    pub watches_quality: bool,
    /// Share of the contacts since `launchAt` that say by their label whose they are, in percent.
    pub labelled_percent: Option<Exact>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// The state of the load of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadState {
    /// It is not live.
    NotLive,
    /// Nothing is known to be usual.
    NoBaseline,
    /// It is ordinary.
    Ordinary,
    /// The newest figures belong to a spike.
    Spiking,
}

/// What is known of the service that carries a launch.
#[derive(Clone, Copy)]
pub(super) struct ServiceFacts<'a> {
    /// Terms of the first contract.
    pub terms: &'a Terms,
    /// Its calendar.
    pub calendar: &'a Calendar,
    /// What is known of each of its feeds.
    pub feeds: &'a KnownFeeds<'a>,
    /// What is usual, where that is known.
    pub baseline: Option<&'a Baseline>,
    /// The contacts that this launch and those of the same time are expected to bring.
    pub demands: &'a [&'a Demand],
    /// Length of the intervals, in seconds.
    pub interval_seconds: i64,
}

/// Looks for spikes from `launchAt` to the end of hypercare.
pub(super) fn watch(spec: &CampaignLaunchSpec, service: ServiceFacts<'_>, now: Timestamp) -> Surge {
    let ServiceFacts { terms, calendar, feeds, baseline, demands, interval_seconds: seconds } = service;
    let times = LaunchTimes::of(spec, calendar);
    let live = times.launch_at <= now && now < times.hypercare_ends_at;
    let watched = Span::new(times.launch_at, times.hypercare_ends_at);
    let mut surge = Surge {
        spikes: Vec::new(),
        state: if live { LoadState::NoBaseline } else { LoadState::NotLive },
        watches_quality: spec.watch.as_ref().is_some_and(|watch| !watch.kpis.is_empty()),
        labelled_percent: None,
        next: None,
    };
    let feed = spec.staffing.as_ref().and_then(|staffing| Some(staffing.baseline.as_ref()?.feed.as_str()));
    let (Some(baseline), Some(known)) = (baseline, feed.and_then(|feed| feeds.get(feed))) else { return surge };
    if now < times.launch_at {
        return surge;
    }
    let actual = offered_by_interval(known, calendar, seconds, |_| true);
    let labels = Labelled::of(spec, known, calendar, seconds, watched);
    let planned = (!spec.channels.is_empty()).then(|| planned_by_interval(calendar, seconds, demands.iter().copied()));
    let definitions = watched_definitions(spec, terms);
    let watched_kpis = selections(&definitions, calendar, feeds, now);
    let pressure = |during: Span, before: Span| pressure(feeds, during, before);
    let quality = |during: Span, before: Span| quality(&watched_kpis, during, before);
    let facts = SpikeFacts {
        calendar,
        interval_seconds: seconds,
        actual: &actual,
        baseline,
        of_campaign: &labels.of_campaign,
        labelled: &labels.labelled,
        planned: planned.as_ref(),
        pressure: &pressure,
        quality: &quality,
    };
    let found = find_spikes(&facts, watched, now);
    if live && let Some(spikes) = &found {
        surge.state = match spikes.last() {
            Some(last) if newest_end(&actual, calendar, seconds, watched, now) <= Some(last.end) => LoadState::Spiking,
            _ => LoadState::Ordinary,
        };
    }
    surge.spikes = found.unwrap_or_default();
    surge.labelled_percent = labels.percent(&actual, watched);
    surge.next = next(&surge.spikes, &definitions, calendar, &actual, seconds, live, now);
    surge
}

/// The end of the newest interval that is over and has figures.
fn newest_end(
    actual: &ByInterval,
    calendar: &Calendar,
    seconds: i64,
    watched: Span,
    now: Timestamp,
) -> Option<Timestamp> {
    let starts = actual.range(watched.start..watched.end.min(now)).rev();
    starts.map(|(start, _)| interval_at(calendar, *start, seconds).end).find(|end| *end <= now)
}

/// An interval or a day that has figures already may become a spike when it is over, and a share may be reported when its rows
/// are old enough.
fn next(
    spikes: &[Spike],
    definitions: &[(Definition, &KpiTargetSpec)],
    calendar: &Calendar,
    actual: &ByInterval,
    seconds: i64,
    live: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let today = calendar.date_of(now);
    let of_today = live && actual.range(calendar.start_of_day(today)..=now).next().is_some();
    let running =
        [of_today.then(|| interval_at(calendar, now, seconds).end), of_today.then(|| calendar.end_of_day(today))];
    let mature = spikes.iter().flat_map(|spike| {
        let ends = [spike.end, calendar.end_of_day(calendar.date_of(spike.start))];
        let maturities = definitions.iter().filter_map(|(definition, _)| definition.maturity);
        maturities.flat_map(move |maturity| ends.map(|end| Some(calendar.after(end, maturity))))
    });
    earliest(running.into_iter().chain(mature), now)
}

/// Contacts by what their labels say.
struct Labelled {
    of_campaign: ByInterval,
    labelled: ByInterval,
    is_asked: bool,
}

impl Labelled {
    fn of(spec: &CampaignLaunchSpec, known: &Known<'_>, calendar: &Calendar, seconds: i64, watched: Span) -> Labelled {
        let Some(own) = spec.watch.as_ref().map(|watch| &watch.campaign_label).filter(|label| !label.is_empty()) else {
            return Labelled { of_campaign: ByInterval::new(), labelled: ByInterval::new(), is_asked: false };
        };
        let known = known.starting_in(watched);
        let has_key = |labels: &crate::domain::measuring::row::Labels| own.keys().all(|key| labels.contains_key(key));
        Labelled {
            of_campaign: offered_by_interval(&known, calendar, seconds, |labels| is_of_campaign(labels, own)),
            labelled: offered_by_interval(&known, calendar, seconds, has_key),
            is_asked: true,
        }
    }

    fn percent(&self, actual: &ByInterval, watched: Span) -> Option<Exact> {
        let sum = |contacts: &ByInterval| -> Exact {
            contacts.range(watched.start..watched.end).map(|(_, contacts)| contacts).sum()
        };
        (sum(&self.labelled) * Exact::HUNDRED).checked_div(&sum(actual)).filter(|_| self.is_asked)
    }
}

/// The watched KPIs of the first contract that are shares with a direction.
fn watched_definitions<'t>(spec: &CampaignLaunchSpec, terms: &'t Terms) -> Vec<(Definition, &'t KpiTargetSpec)> {
    let names = spec.watch.iter().flat_map(|watch| &watch.kpis);
    let kpis = names.filter_map(|name| terms.kpi(name));
    let defined = kpis.filter_map(|kpi| Some((definition(kpi).ok()?, kpi)));
    defined.filter(|(definition, _)| definition.share && higher_is_better(definition).is_some()).collect()
}

fn higher_is_better(definition: &Definition) -> Option<bool> {
    use crate::api::verdict::Comparison;
    definition.default_comparison().map(|comparison| comparison == Comparison::AtLeast)
}

fn selections<'a>(
    definitions: &'a [(Definition, &'a KpiTargetSpec)],
    calendar: &Calendar,
    feeds: &KnownFeeds<'a>,
    now: Timestamp,
) -> Vec<(Selection<'a>, bool)> {
    let selected = definitions.iter().filter_map(|(definition, kpi)| {
        let known = feeds.get(kpi.source.feed.as_str())?;
        let selection = known.select(definition, &kpi.source.labels, mature_by(definition, calendar, now));
        Some((selection, higher_is_better(definition)?))
    });
    selected.collect()
}

fn quality(kpis: &[(Selection<'_>, bool)], during: Span, before: Span) -> Vec<Watched> {
    let share = |selection: &Selection<'_>, span: Span| {
        let quotient = selection.within(span).quotient();
        Share::new(quotient.numerator.to_f64(), quotient.denominator.to_f64())
    };
    let compared = kpis.iter().filter_map(|(selection, higher_is_better)| {
        let (before, during) = (share(selection, before)?, share(selection, during)?);
        Some(Watched { higher_is_better: *higher_is_better, before, during })
    });
    compared.collect()
}

fn pressure(feeds: &KnownFeeds<'_>, during: Span, before: Span) -> Vec<Watched> {
    let share = |known: &Known<'_>, span: Span, (part, whole): (&str, &str)| {
        let (mut parts, mut wholes) = (Exact::ZERO, Exact::ZERO);
        for row in known.starting_in(span).rows().filter(|row| row.in_service()) {
            if let (Some(part), Some(whole)) = (row.measure(part), row.measure(whole)) {
                (parts, wholes) = (parts + part, wholes + whole);
            }
        }
        Share::new(parts.to_f64(), wholes.to_f64())
    };
    let compared = feeds.values().flat_map(|known| PRESSURE.map(|measures| (known, measures)));
    compared
        .filter_map(|(known, measures)| {
            let (before, during) = (share(known, before, measures)?, share(known, during, measures)?);
            Some(Watched { higher_is_better: false, before, during })
        })
        .collect()
}

/// What is known of each feed.
pub(super) type KnownFeeds<'a> = BTreeMap<&'a str, Known<'a>>;
