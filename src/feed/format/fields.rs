//! The values of a row or a record, whatever the format: figures, sums, counts, conditions, differences of two times.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::conditions::meets;
use super::times::{Instants, WrittenTime, day_start, instants};
use crate::api::feed::{Absent, Condition, MeasureMapping, MeasureUnit};
use crate::evidence::RejectionReason;

/// What has values at places: a row of a document, a line of a table.
pub(crate) trait Fields {
    /// A path, or the number of a column.
    type Place;

    /// The text of a value; `None` where there is none: nothing, null, an empty text.
    fn text(&self, place: &Self::Place) -> Result<Option<String>, RejectionReason>;

    /// A number in the unit of the measures; `None` where there is none.
    fn number(&self, place: &Self::Place, unit: MeasureUnit) -> Result<Option<Decimal>, RejectionReason>;

    /// A time; `None` where there is none.
    fn time(&self, place: &Self::Place) -> Result<Option<WrittenTime>, RejectionReason>;

    /// The zone of local times.
    fn zone(&self) -> &TimeZone;

    /// The instant of a local time; of a date, the first of its day.
    fn instant(&self, time: WrittenTime) -> Result<Timestamp, RejectionReason> {
        match time {
            WrittenTime::Instant(instant) => Ok(instant),
            WrittenTime::Date(date) => day_start(date, self.zone()).ok_or(RejectionReason::NonexistentTime),
            WrittenTime::Local(local) => match instants(local, self.zone()) {
                Instants::One(instant) => Ok(instant),
                Instants::Two(..) => Err(RejectionReason::AmbiguousTime),
                Instants::None(_) => Err(RejectionReason::NonexistentTime),
            },
        }
    }
}

/// A value, or the seconds between two times.
pub(crate) enum Value<P> {
    One(P),
    Between(P, P),
}

/// A condition, and the value that it looks at.
pub(crate) struct Test<'f, P> {
    pub condition: &'f Condition,
    pub value: Value<P>,
}

/// One member of a sum.
pub(crate) struct Part<'f, P> {
    pub value: Value<P>,
    pub unit: MeasureUnit,
    pub tests: Vec<Test<'f, P>>,
}

/// Where a figure comes from.
pub(crate) enum Figure<'f, P> {
    One(P, MeasureUnit),
    Sum(Vec<Part<'f, P>>),
    /// 1 for a record that meets the conditions, else 0.
    Count(Vec<Test<'f, P>>),
}

impl<P> Value<P> {
    fn text<F: Fields<Place = P>>(&self, fields: &F) -> Result<Option<String>, RejectionReason> {
        match self {
            Value::One(place) => fields.text(place),
            Value::Between(..) => Ok(self.seconds(fields)?.map(|seconds| seconds.to_string())),
        }
    }

    fn number<F: Fields<Place = P>>(&self, fields: &F, unit: MeasureUnit) -> Result<Option<Decimal>, RejectionReason> {
        match self {
            Value::One(place) => fields.number(place, unit),
            Value::Between(..) => self.seconds(fields),
        }
    }

    /// Seconds from one time to another; a time before the one it follows is a fault of the record.
    fn seconds<F: Fields<Place = P>>(&self, fields: &F) -> Result<Option<Decimal>, RejectionReason> {
        let Value::Between(from, to) = self else { return Ok(None) };
        let (Some(from), Some(to)) = (fields.time(from)?, fields.time(to)?) else { return Ok(None) };
        let passed = fields.instant(to)?.duration_since(fields.instant(from)?);
        if passed.is_negative() {
            return Err(RejectionReason::EndNotAfterStart);
        }
        let parts = Decimal::from(passed.subsec_nanos()).checked_mul(Decimal::new(1, 9));
        let seconds = parts.and_then(|parts| Decimal::from(passed.as_secs()).checked_add(parts));
        seconds.map(|seconds| Some(seconds.normalize())).ok_or(RejectionReason::OutOfRange)
    }

    /// The places that it looks at.
    pub(crate) fn places(&self) -> Vec<&P> {
        match self {
            Value::One(place) => vec![place],
            Value::Between(from, to) => vec![from, to],
        }
    }
}

/// Whether all conditions hold.
///
/// # Errors
/// Where a value that decides cannot be read.
pub(crate) fn meets_all<F: Fields>(fields: &F, tests: &[Test<'_, F::Place>]) -> Result<bool, RejectionReason> {
    for Test { condition, value } in tests {
        if !meets(condition, value.text(fields)?.as_deref())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A figure of a row or a record; `None` where it is missing.
///
/// # Errors
/// Where a value cannot be read.
pub(crate) fn figure<F: Fields>(
    fields: &F,
    measure: &MeasureMapping,
    figure: &Figure<'_, F::Place>,
) -> Result<Option<Decimal>, RejectionReason> {
    let or_zero = |value: Option<Decimal>| match measure.absent {
        Some(Absent::Zero) => value.or(Some(Decimal::ZERO)),
        _ => value,
    };
    match figure {
        Figure::One(place, unit) => fields.number(place, *unit).map(or_zero),
        Figure::Count(tests) => Ok(Some(Decimal::from(u8::from(meets_all(fields, tests)?)))),
        Figure::Sum(parts) => {
            let mut sum = Decimal::ZERO;
            for Part { value, unit, tests } in parts {
                if !meets_all(fields, tests)? {
                    continue;
                }
                let Some(value) = or_zero(value.number(fields, *unit)?) else { return Ok(None) };
                sum = sum.checked_add(value).ok_or(RejectionReason::OutOfRange)?;
            }
            Ok(Some(sum))
        }
    }
}
