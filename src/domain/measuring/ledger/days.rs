//! Local days and their service, as rows in order of their starts ask for them.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::terms::calendar::{Calendar, Span};

/// Local days and their service, the current one kept: rows come in order of their starts.
pub(super) struct Days<'a> {
    calendar: &'a Calendar,
    day: Date,
    span: Option<Span>,
    service: Vec<Span>,
}

impl<'a> Days<'a> {
    pub(super) fn new(calendar: &'a Calendar) -> Self {
        Days { calendar, day: Date::ZERO, span: None, service: Vec::new() }
    }

    /// The local day of an instant, with the instant at which it begins.
    pub(super) fn day_of(&mut self, instant: Timestamp) -> (Timestamp, Date) {
        if !self.span.is_some_and(|span| span.start <= instant && instant < span.end) {
            self.day = self.calendar.date_of(instant);
            self.span = Some(Span::new(self.calendar.start_of_day(self.day), self.calendar.end_of_day(self.day)));
            self.service = self.calendar.service_of_day(self.day);
        }
        (self.span.map_or(instant, |span| span.start), self.day)
    }

    /// Whether a row overlaps service hours; to be asked after [`Days::day_of`] its start.
    pub(super) fn overlaps_service(&self, row: Span) -> bool {
        self.service.iter().any(|span| span.overlaps(&row))
            || (self.span.is_some_and(|span| row.end > span.end) && self.calendar.overlaps_service(row.start, row.end))
    }
}
