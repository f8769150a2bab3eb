//! The bytes of a log's entries, as `docs/evidence-format.md` describes them. One value has one encoding.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::model::Digest;

/// Kind of an entry that holds labels.
pub(super) const LABELS: u8 = 1;
/// Kind of an entry that holds names of measures.
pub(super) const NAMES: u8 = 2;
/// Kind of an entry that holds the digest of a raw body.
pub(super) const BODY: u8 = 3;
/// Kind of an entry that holds a row.
pub(super) const ROW: u8 = 4;

/// Bytes that no encoder wrote; says what was read.
pub(super) type Undecodable = &'static str;

/// Labels of a row.
pub(super) type Labels = BTreeMap<String, String>;

/// Everything of a row but its sequence, its names and its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowHeader {
    /// Sequence of the entry with the labels.
    pub labels: i64,
    /// Sequence of the entry with the names of the measures.
    pub names: i64,
    /// Sequence of the entry with the body.
    pub body: i64,
    /// Nanoseconds since 1970.
    pub start: i64,
    /// Nanoseconds since 1970.
    pub end: i64,
    /// Nanoseconds since 1970.
    pub received_at: i64,
    /// Nanoseconds since 1970; `i64::MIN`: always.
    pub known_at: i64,
    /// Nanoseconds since 1970.
    pub recorded_at: Option<i64>,
    /// From 1.
    pub revision: i64,
    /// Sequence of the row that this one revises; 0 without one.
    pub replaces: i64,
    /// As the vendor counts.
    pub vendor_revision: Option<i64>,
}

/// Nanoseconds since 1970, `None` outside the years 1678 to 2261. `Timestamp::MIN` is `i64::MIN`.
pub(super) fn to_nanoseconds(instant: Timestamp) -> Option<i64> {
    if instant == Timestamp::MIN {
        return Some(i64::MIN);
    }
    i64::try_from(instant.as_nanosecond()).ok().filter(|nanoseconds| *nanoseconds != i64::MIN)
}

/// The instant of nanoseconds since 1970.
pub(super) fn from_nanoseconds(nanoseconds: i64) -> Timestamp {
    if nanoseconds == i64::MIN {
        return Timestamp::MIN;
    }
    // Each i64 lies within the range of Timestamp, which spans some twenty thousand years.
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MIN)
}

/// Nanoseconds since 1970, the nearest that there are.
pub(super) fn clamped(instant: Timestamp) -> i64 {
    to_nanoseconds(instant).unwrap_or(if instant < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

/// Appends an unsigned number, seven bits a byte, lowest first.
pub(super) fn put_unsigned(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_signed(bytes: &mut Vec<u8>, number: i128) {
    put_unsigned(bytes, ((number << 1) ^ (number >> 127)) as u128);
}

fn put_sequence(bytes: &mut Vec<u8>, sequence: i64) {
    put_unsigned(bytes, u128::from(sequence.unsigned_abs()));
}

/// Appends a text with its length in front.
pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_unsigned(bytes, text.len() as u128);
    bytes.extend_from_slice(text.as_bytes());
}

/// Payload of an entry of kind [`LABELS`].
pub(super) fn encode_labels(labels: &Labels) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_unsigned(&mut bytes, labels.len() as u128);
    for (name, value) in labels {
        put_text(&mut bytes, name);
        put_text(&mut bytes, value);
    }
    bytes
}

/// Labels of a payload.
pub(super) fn decode_labels(payload: &[u8]) -> Result<Labels, Undecodable> {
    let mut reader = Reader(payload);
    let labels =
        (0..reader.unsigned()?).map(|_| Ok((reader.text()?, reader.text()?))).collect::<Result<_, Undecodable>>()?;
    reader.end()?;
    Ok(labels)
}

/// Payload of an entry of kind [`NAMES`], into a buffer that is emptied before.
pub(super) fn encode_names(measures: &BTreeMap<String, Decimal>, bytes: &mut Vec<u8>) {
    bytes.clear();
    put_unsigned(bytes, measures.len() as u128);
    for name in measures.keys() {
        put_text(bytes, name);
    }
}

/// Names of measures of a payload.
pub(super) fn decode_names(payload: &[u8]) -> Result<Vec<String>, Undecodable> {
    let mut reader = Reader(payload);
    let names = (0..reader.unsigned()?).map(|_| reader.text()).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(names)
}

/// Payload of an entry of kind [`BODY`].
pub(super) fn encode_body(
    digest: &Digest,
    received_at: i64,
    backfill: bool,
    plan: bool,
    host: Option<&str>,
) -> Vec<u8> {
    let mut bytes = digest.to_vec();
    bytes.extend_from_slice(&received_at.to_be_bytes());
    bytes.push(u8::from(backfill) | u8::from(plan) << 1);
    put_text(&mut bytes, host.unwrap_or_default());
    bytes
}

/// Digest and first receipt of a body's payload.
pub(super) fn decode_body(payload: &[u8]) -> Result<(Digest, i64), Undecodable> {
    let (digest, rest) = payload.split_first_chunk::<32>().ok_or("an entry that ends too early")?;
    Ok((*digest, Reader(rest).fixed()?))
}

/// The numbers of a row in the order of their names, into a buffer that is emptied before.
pub(super) fn encode_values(measures: &BTreeMap<String, Decimal>, bytes: &mut Vec<u8>) {
    bytes.clear();
    for value in measures.values() {
        // Without trailing zeros, so that 1.50 and 1.5 are the same bytes.
        let value = value.normalize();
        bytes.push(value.scale() as u8);
        put_signed(bytes, value.mantissa());
    }
}

/// Payload of an entry of kind [`ROW`], into a buffer that is emptied before.
pub(super) fn encode_row(header: &RowHeader, values: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    put_sequence(bytes, header.labels);
    put_sequence(bytes, header.names);
    put_sequence(bytes, header.body);
    bytes.extend_from_slice(&header.start.to_be_bytes());
    put_unsigned(bytes, u128::from(header.end.abs_diff(header.start)));
    bytes.extend_from_slice(&header.received_at.to_be_bytes());
    bytes.extend_from_slice(&header.known_at.to_be_bytes());
    match header.recorded_at {
        None => bytes.push(0),
        Some(recorded_at) => {
            bytes.push(1);
            bytes.extend_from_slice(&recorded_at.to_be_bytes());
        }
    }
    put_sequence(bytes, header.revision);
    put_sequence(bytes, header.replaces);
    match header.vendor_revision {
        None => bytes.push(0),
        Some(vendor_revision) => {
            bytes.push(1);
            put_signed(bytes, i128::from(vendor_revision));
        }
    }
    bytes.extend_from_slice(values);
}

/// The header of a row and the bytes of its values.
pub(super) fn decode_row(payload: &[u8]) -> Result<(RowHeader, &[u8]), Undecodable> {
    let mut reader = Reader(payload);
    let (labels, names, body) = (reader.sequence()?, reader.sequence()?, reader.sequence()?);
    let start = reader.fixed()?;
    let length = u64::try_from(reader.unsigned()?).map_err(|_| "a row that is too long")?;
    let end = start.checked_add_unsigned(length).ok_or("a row that is too long")?;
    let (received_at, known_at) = (reader.fixed()?, reader.fixed()?);
    let recorded_at = if reader.flag()? { Some(reader.fixed()?) } else { None };
    let (revision, replaces) = (reader.sequence()?, reader.sequence()?);
    let vendor_revision = if reader.flag()? {
        Some(i64::try_from(reader.signed()?).map_err(|_| "a revision that is too large")?)
    } else {
        None
    };
    let header = RowHeader {
        labels,
        names,
        body,
        start,
        end,
        received_at,
        known_at,
        recorded_at,
        revision,
        replaces,
        vendor_revision,
    };
    Ok((header, reader.0))
}

/// The measures of a row.
pub(super) fn decode_values(names: &[String], values: &[u8]) -> Result<BTreeMap<String, Decimal>, Undecodable> {
    let mut numbers = Vec::with_capacity(names.len());
    decode_numbers(names.len(), values, &mut numbers)?;
    Ok(names.iter().cloned().zip(numbers).collect())
}

/// Reads the `count` numbers of a row, in the order of its measures' names, into a buffer, which it empties first.
pub(super) fn decode_numbers(count: usize, values: &[u8], numbers: &mut Vec<Decimal>) -> Result<(), Undecodable> {
    numbers.clear();
    let mut reader = Reader(values);
    for _ in 0..count {
        let scale = u32::from(reader.byte()?);
        let number = Decimal::try_from_i128_with_scale(reader.signed()?, scale);
        numbers.push(number.map_err(|_| "a number that is too large")?);
    }
    reader.end()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Undecodable> {
        let (first, rest) = self.0.split_first().ok_or("an entry that ends too early")?;
        self.0 = rest;
        Ok(*first)
    }

    fn flag(&mut self) -> Result<bool, Undecodable> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a mark that is neither 0 nor 1"),
        }
    }

    fn fixed(&mut self) -> Result<i64, Undecodable> {
        let (first, rest) = self.0.split_first_chunk::<8>().ok_or("an entry that ends too early")?;
        self.0 = rest;
        Ok(i64::from_be_bytes(*first))
    }

    fn unsigned(&mut self) -> Result<u128, Undecodable> {
        let mut number = 0_u128;
        for shift in (0..126).step_by(7) {
            let byte = self.byte()?;
            number |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number that is too long")
    }

    fn signed(&mut self) -> Result<i128, Undecodable> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    fn sequence(&mut self) -> Result<i64, Undecodable> {
        i64::try_from(self.unsigned()?).map_err(|_| "a sequence that is too large")
    }

    fn text(&mut self) -> Result<String, Undecodable> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| "a text that is too long")?;
        let (text, rest) = self.0.split_at_checked(length).ok_or("a text that ends too early")?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| "a text that is not UTF-8")
    }

    fn end(&self) -> Result<(), Undecodable> {
        if self.0.is_empty() { Ok(()) } else { Err("an entry that goes on too long") }
    }
}
