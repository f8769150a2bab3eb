//! The year of a contract: its closings, reviews, deadlines and launches on one line of months.

use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Serialize;

use crate::api::{CampaignLaunch, VendorContract};
use crate::domain::terms::calendar::{days_between, zone_of};
use crate::view::charts::short;
use crate::view::dates::{DateKind, Dated, Dates};
use crate::view::page::figures;

/// How many dates a lane shows: one a day would be no picture.
const MOST_DATES: usize = 120;

/// The lanes from the top, each with the kinds of dates on it.
const LANES: [(&str, &[DateKind]); 6] = [
    ("Closings", &[DateKind::Closing]),
    ("Reviews", &[DateKind::Review, DateKind::ReviewReport]),
    ("Deliverables", &[DateKind::Deliverable]),
    ("Plans and disputes", &[DateKind::Plan, DateKind::Dispute, DateKind::Response]),
    ("Launches", &[DateKind::Gate, DateKind::Launch]),
    ("Term", &[DateKind::Notice, DateKind::TermEnd]),
];

/// The year in which a page speaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Year {
    /// The day as of which it speaks.
    pub today: Date,
    /// Lanes with at least one date.
    pub lanes: Vec<Lane>,
}

/// The dates of some kinds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    /// Such as `Reviews`.
    pub title: &'static str,
    /// The dates, in order.
    pub dates: Vec<Dated>,
}

impl Year {
    /// The year of a contract around an instant; `None` where its zone or calendar cannot be read, or nothing happens in it.
    pub fn of(contract: &VendorContract, launches: &[CampaignLaunch], now: Timestamp) -> Option<Year> {
        let today = now.to_zoned(zone_of(&contract.spec.time_zone).ok()?).date();
        let (first, last) = (Date::new(today.year(), 1, 1).ok()?, Date::new(today.year(), 12, 31).ok()?);
        let found = Dates::within(contract, launches, now, (first, last)).ok()?.dates;
        let lane = |(title, kinds): (&'static str, &[DateKind])| {
            let own = found.iter().filter(|date| kinds.contains(&date.kind));
            Lane { title, dates: own.take(MOST_DATES).cloned().collect() }
        };
        let lanes: Vec<Lane> = LANES.into_iter().map(lane).filter(|lane| !lane.dates.is_empty()).collect();
        (!lanes.is_empty()).then_some(Year { today, lanes })
    }

    /// A lane for each kind, a line for today, and the dates behind it.
    pub fn draw(&self) -> Markup {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        html! {
            ul.year {
                @for lane in &self.lanes {
                    li {
                        span { (lane.title) }
                        svg role="img" aria-label=(self.spoken(lane)) width="100%" height="20" {
                            line.base x1="0" x2="100%" y1="10" y2="10" {}
                            line.today x1=(self.place(self.today)) x2=(self.place(self.today)) y1="0" y2="20" {}
                            @for date in &lane.dates {
                                circle class=(if date.done { "fill-ink" } else { "hollow" }) cx=(self.place(date.day)) cy="10" r="4" {
                                    title { (date.day) ": " (date.what) }
                                }
                            }
                        }
                    }
                }
                li aria-hidden="true" { span {} div.months { @for month in months { span { (month) } } } }
            }
            p.note { "Filled is done, hollow is due; the upright line is " (self.today.strftime("%-d %B").to_string()) "." }
            (figures(&format!("Dates of {}", self.today.year()), &["Date", "What", "State"], &self.table()))
        }
    }

    fn spoken(&self, lane: &Lane) -> String {
        let next = lane.dates.iter().find(|date| !date.done && date.day >= self.today);
        let next = next.map(|date| format!("; next {} on {}", date.what, date.day)).unwrap_or_default();
        format!("{}: {} in {}{next}", lane.title, lane.dates.len(), self.today.year())
    }

    fn table(&self) -> Vec<Vec<String>> {
        let mut dates: Vec<&Dated> = self.lanes.iter().flat_map(|lane| &lane.dates).collect();
        dates.sort_by_key(|date| date.day);
        let state = |date: &Dated| if date.done { "done" } else { "due" }.to_owned();
        dates.into_iter().map(|date| vec![date.day.to_string(), date.what.clone(), state(date)]).collect()
    }

    /// The place of a day in its year, as a share of the width.
    fn place(&self, day: Date) -> String {
        let first = Date::new(day.year(), 1, 1).unwrap_or(day);
        let passed = f64::from(i32::try_from(days_between(first, day)).unwrap_or(0));
        let length = if day.in_leap_year() { 366.0 } else { 365.0 };
        format!("{}%", short((passed + 0.5) / length * 100.0))
    }
}
