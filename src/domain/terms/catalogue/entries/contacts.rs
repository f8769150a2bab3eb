//! How contacts are answered, handled and solved.

use super::{ORDINARY, guard, named, ratio, share, usual};
use crate::api::kpi_target::{Better, CatalogueKpi, FormulaUnit, KpiCategory, KpiVariant};
use crate::domain::terms::catalogue::Entry;

pub(super) static CONTACTS: &[Entry] = &[
    Entry {
        kpi: CatalogueKpi::ServiceLevel,
        formulas: &[
            named(
                KpiVariant::ExcludeAbandonedWithin,
                share("answeredWithin", "answered + abandoned - abandonedWithin"),
            ),
            named(
                KpiVariant::AnsweredAndAbandonedWithin,
                share("answeredWithin + abandonedWithin", "answered + abandoned"),
            ),
            named(KpiVariant::AnsweredOnly, share("answeredWithin", "answered")),
            named(KpiVariant::AllOffered, share("answeredWithin", "answered + abandoned")),
            named(KpiVariant::CreditShortAbandons, share("answeredWithin + abandonedShort", "answered + abandoned")),
            named(KpiVariant::ExcludeShortAbandons, share("answeredWithin", "answered + abandoned - abandonedShort")),
        ],
        guards: &[guard(CatalogueKpi::QualityScore), guard(CatalogueKpi::Occupancy)],
        benchmark: usual(
            Some("75"),
            Some("90"),
            "legalclarity.org: 80 % in 20 s for decades; Vermont's DVHA: a bonus from 75 % in 24 s; label-anim.com: premium lines 90 %",
        ),
        explanation: "Contacts answered within the threshold, in percent. The variants differ in how they count callers who gave up; one day's figures range from 81.1 to 86.0 % by them, so the contract names one.",
        gamed: "Late callers are let wait, since they are lost to the figure already; calls are answered and put on hold; the variant or the threshold is changed.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageSpeedOfAnswer,
        formulas: &[ratio("waitSeconds", "answered", 1, FormulaUnit::Seconds)],
        better: Better::Lower,
        guards: &[guard(CatalogueKpi::AbandonmentRate)],
        benchmark: usual(
            Some("20"),
            Some("30"),
            "legalclarity.org: 20 to 30 s; North Dakota Medicaid: at most 30 s a quarter",
        ),
        explanation: "Mean wait of the answered contacts, in seconds. It falls when callers give up, so the abandonment rate guards it.",
        gamed: "Callers who would wait long are sent to a busy tone or a voice menu; those who give up leave the mean.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::LongWaitRate,
        formulas: &[share("longWaits", "offered")],
        better: Better::Lower,
        benchmark: usual(
            None,
            Some("10"),
            "Massachusetts State Auditor on the Health Connector: under 10 % over two minutes",
        ),
        explanation: "Contacts that waited longer than the contract's limit, in percent of those offered: the tail that a mean hides.",
        gamed: "Calls near the limit are taken first; the clock starts after a longer greeting.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AbandonmentRate,
        formulas: &[
            share("abandoned", "offered"),
            named(KpiVariant::ExcludeShort, share("abandoned - abandonedShort", "offered - abandonedShort")),
        ],
        better: Better::Lower,
        benchmark: usual(
            Some("3"),
            Some("5"),
            "Massachusetts Health Connector: 3 %; North Dakota Medicaid, MC311 and Vermont's DVHA: 5 %",
        ),
        explanation: "Callers who gave up, in percent of those offered. ExcludeShort leaves out those who gave up at once, above and below the line.",
        gamed: "Short waits before hanging up are called short abandons; callers are blocked before they are counted as offered.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::OutboundAbandonment,
        formulas: &[share("abandonedLive", "abandonedLive + connectedLive")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        benchmark: usual(None, Some("3"), "Ofcom: the limit until 28 February 2017"),
        explanation: "Outbound calls that a live person answered and no agent took, in percent. Regulators watch it per campaign and day.",
        gamed: "Estimated answering machines are taken off generously; the figure is averaged over campaigns or days.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::AverageHandleTime,
        formulas: &[
            ratio("handleSeconds", "handled", 1, FormulaUnit::Seconds),
            named(
                KpiVariant::Parts,
                ratio("talkSeconds + holdSeconds + wrapSeconds", "handled", 1, FormulaUnit::Seconds),
            ),
        ],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::FirstContactResolution), guard(CatalogueKpi::RepeatContactRate)],
        benchmark: usual(
            Some("240"),
            Some("360"),
            "MC311: under 240 s; ctplapps.com: about six minutes; depends on the work",
        ),
        explanation: "Mean time that a contact takes, in seconds. Shorter is not better: hurried contacts come back, so the objective names its direction. Parts adds talk, hold and wrap.",
        gamed: "Contacts are cut short, transferred or split; work after the call is booked elsewhere.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Occupancy,
        formulas: &[share("handleSeconds", "handleSeconds + availableSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        benchmark: usual(
            Some("80"),
            Some("85"),
            "SWPP: 80 to 85 %; contactcenterpipeline.com: burnout above 85 to 90 %",
        ),
        explanation: "Time spent on contacts, in percent of the time on duty. Too low is idle, too high burns people out.",
        gamed: "Availability is booked as other work; too few people are planned.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::Utilisation,
        formulas: &[share("handleSeconds + availableSeconds", "paidSeconds")],
        better: Better::Range,
        guards: &[guard(CatalogueKpi::Attrition)],
        explanation: "Time on duty, in percent of the paid time.",
        gamed: "Breaks and training are booked as time on duty.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::FirstContactResolution,
        formulas: &[share("resolvedFirstContact", "contactsWithIssue")],
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::AverageHandleTime)],
        benchmark: usual(Some("70"), Some("80"), "SQM Group: 70 % on average, 80 % is world class"),
        explanation: "Issues solved by the first contact, in percent. Give it a maturity: only later does a contact show that it was not the last.",
        gamed: "Agents close issues themselves; repeat contacts come by another channel or with another reason; the method of counting is changed.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::RepeatContactRate,
        formulas: &[share("repeatContacts", "contacts")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        explanation: "Contacts that come back for the same reason, in percent. Give it a maturity of the days within which a return counts.",
        gamed: "Reasons are coded differently the second time; the days within which a return counts are shortened.",
        ..ORDINARY
    },
    Entry {
        kpi: CatalogueKpi::TransferRate,
        formulas: &[share("transferred", "handled")],
        better: Better::Lower,
        category: KpiCategory::Quality,
        guards: &[guard(CatalogueKpi::FirstContactResolution)],
        benchmark: usual(Some("5"), Some("6"), "Vermont's DVHA: 5 to 6 % from the first tier to the second"),
        explanation: "Contacts handed on to somebody else, in percent of those handled.",
        gamed: "Customers are asked to call another number instead of being transferred.",
        ..ORDINARY
    },
];
