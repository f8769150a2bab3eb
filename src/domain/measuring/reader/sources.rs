//! The reading of a KPI that two sources know: each by itself, and both over the time that they share.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Book, Kpi, Reader, Reading, Silence, Source};
use crate::api::cross_check::{SourceParty, SourcesFinding};
use crate::domain::measuring::coverage::Slots;
use crate::domain::measuring::ledger::Ledger;
use crate::domain::measuring::reading::{Measured, Question};
use crate::domain::measuring::sources::{CrossChecked, Said, common_slots, weigh};
use crate::domain::numbers::exact::Exact;
use crate::domain::terms::catalogue::mature_by;

impl<'f, 'a> Reader<'f, 'a> {
    /// The reading of a KPI that is held against the client's own figures.
    pub(super) fn work_out_both(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        ledger: &'f Ledger,
        check: &'f CrossChecked<'a>,
    ) -> Reading<'a> {
        let vendor_source = Source::of_vendor(kpi, ledger);
        let vendor = self.work_out(book, kpi, question, &vendor_source, Silence::IsNoMiss);
        let own_source = self.ledgers.of_feed(book, &check.rule.feed).map(|ledger| Source::of_client(check, ledger));
        let own = own_source.as_ref().map(|source| self.work_out(book, kpi, question, source, Silence::IsNoMiss));
        let said = |reading: &Reading<'_>| reading.raw_value.is_some();
        let compared = own
            .as_ref()
            .filter(|own| said(own) && said(&vendor))
            .zip(own_source.as_ref())
            .and_then(|(_, source)| self.compared(book, kpi, question, &vendor_source, source));
        let of_vendor = Said { value: vendor.value.as_ref(), has_data: said(&vendor) };
        let of_client =
            Said { value: own.as_ref().and_then(|own| own.value.as_ref()), has_data: own.as_ref().is_some_and(said) };
        let sources = weigh(check.rule, &vendor.aim, (of_vendor, of_client), compared);
        let judged = match (sources.judged, own) {
            (SourceParty::Own, Some(own)) => own,
            // What was agreed for silence concerns a figure that nobody knows.
            _ if sources.finding == SourcesFinding::NoData => {
                self.work_out(book, kpi, question, &vendor_source, Silence::AsAgreed)
            }
            _ => vendor,
        };
        Reading { measured: Measured { sources: Some(Box::new(sources)), ..judged.measured }, ..judged }
    }

    /// The rounded values of both after relief, over the slots of which both have rows. A slot is as long as the longer cadence.
    fn compared(
        &self,
        book: &'f Book<'a>,
        kpi: &'f Kpi<'a>,
        question: &Question<'_>,
        vendor: &Source<'f>,
        own: &Source<'f>,
    ) -> Option<(Exact, Exact)> {
        let feed = |name: &str| book.terms.contract.feeds.iter().find(|feed| feed.name == name);
        let slots = Slots::coarser(feed(vendor.feed)?, feed(own.feed)?, &book.calendar);
        let mature = mature_by(&kpi.definition, &book.calendar, question.at);
        let selection = |source: &Source<'f>| {
            let known = self.known(source.ledger, question.at).starting_in(question.window);
            known.select(source.definition, source.labels, mature)
        };
        let (vendor, own) = (selection(vendor), selection(own));
        let (vendor, own) = (vendor.all(), own.all());
        let slot_of = |start: Timestamp| slots.start_of_slot(start);
        let common: BTreeSet<Timestamp> = common_slots(&vendor.slots(slot_of), &own.slots(slot_of))?;
        let (relief, scale) = (self.relief.known_for(kpi.name, question.at), self.scale(book, kpi, question));
        let value = |rows: crate::domain::measuring::values::Rows<'_>| {
            let value = rows.in_slots(&common, slot_of).relieved(&relief).rows.quotient().value(&scale)?;
            Some(value.rounded(kpi.spec.rounding.as_ref()))
        };
        Some((value(vendor)?, value(own)?))
    }
}
