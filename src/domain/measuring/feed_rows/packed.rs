//! Whole numbers and decimals of a chunk of rows, in as few bytes as their differences need.

use rust_decimal::Decimal;

/// Whole numbers: the least of them, and for each how many steps it is above that.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    base: i64,
    step: u64,
    cells: Cells,
}

/// Counts of steps.
#[derive(Clone, Debug)]
enum Cells {
    /// All are 0: the numbers are equal.
    None,
    Bytes(Box<[u8]>),
    Shorts(Box<[u16]>),
    Words(Box<[u32]>),
    Longs(Box<[u64]>),
    /// Few different ones, and for each number which of them it is.
    Few {
        different: Box<[u64]>,
        which: Box<[u8]>,
    },
}

/// How many different numbers a byte can hold.
const FEW: usize = 256;

impl Packed {
    /// Packs numbers; [`Packed::get`] returns each of them.
    pub(super) fn of(values: &[i64]) -> Packed {
        let base = values.iter().copied().min().unwrap_or(0);
        // The difference of two `i64` always fits `u64`.
        let above: Vec<u64> = values.iter().map(|value| value.wrapping_sub(base) as u64).collect();
        let step = above.iter().copied().fold(0, greatest_common_divisor).max(1);
        let steps: Vec<u64> = above.iter().map(|above| above / step).collect();
        Packed { base, step, cells: Cells::of(&steps) }
    }

    /// The number at an index. Beyond the end it is any.
    pub(super) fn get(&self, index: usize) -> i64 {
        self.base.wrapping_add(self.cells.get(index).wrapping_mul(self.step) as i64)
    }

    /// The sum of the numbers at these indices.
    pub(super) fn sum(&self, indices: impl Iterator<Item = usize>) -> i128 {
        let (mut count, mut steps) = (0_i128, 0_i128);
        let mut add = |cell: u64| {
            count += 1;
            steps += i128::from(cell);
        };
        match &self.cells {
            Cells::None => indices.for_each(|_| add(0)),
            Cells::Bytes(cells) => indices.for_each(|index| add(cells.get(index).copied().unwrap_or(0).into())),
            Cells::Shorts(cells) => indices.for_each(|index| add(cells.get(index).copied().unwrap_or(0).into())),
            Cells::Words(cells) => indices.for_each(|index| add(cells.get(index).copied().unwrap_or(0).into())),
            other => indices.for_each(|index| add(other.get(index))),
        }
        // A chunk has few rows, so that neither product comes near the end of 128 bits.
        i128::from(self.base) * count + i128::from(self.step) * steps
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.cells.bytes()
    }
}

impl Cells {
    fn of(steps: &[u64]) -> Cells {
        let most = steps.iter().copied().max().unwrap_or(0);
        let plain = match most {
            0 => Cells::None,
            1..=0xff => Cells::Bytes(steps.iter().map(|step| *step as u8).collect()),
            0x100..=0xffff => Cells::Shorts(steps.iter().map(|step| *step as u16).collect()),
            0x1_0000..=0xffff_ffff => Cells::Words(steps.iter().map(|step| *step as u32).collect()),
            _ => Cells::Longs(steps.into()),
        };
        let few = if most > 0xff { Cells::of_few(steps) } else { None };
        few.filter(|few| few.bytes() < plain.bytes()).unwrap_or(plain)
    }

    fn of_few(steps: &[u64]) -> Option<Cells> {
        let mut different = steps.to_vec();
        different.sort_unstable();
        different.dedup();
        if different.len() > FEW {
            return None;
        }
        let place = |step: &u64| different.binary_search(step).unwrap_or(0) as u8;
        Some(Cells::Few { which: steps.iter().map(place).collect(), different: different.into() })
    }

    fn get(&self, index: usize) -> u64 {
        match self {
            Cells::None => 0,
            Cells::Bytes(cells) => cells.get(index).copied().unwrap_or(0).into(),
            Cells::Shorts(cells) => cells.get(index).copied().unwrap_or(0).into(),
            Cells::Words(cells) => cells.get(index).copied().unwrap_or(0).into(),
            Cells::Longs(cells) => cells.get(index).copied().unwrap_or(0),
            Cells::Few { different, which } => {
                which.get(index).and_then(|place| different.get(usize::from(*place))).copied().unwrap_or(0)
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Cells::None => 0,
            Cells::Bytes(cells) => cells.len(),
            Cells::Shorts(cells) => cells.len() * 2,
            Cells::Words(cells) => cells.len() * 4,
            Cells::Longs(cells) => cells.len() * 8,
            Cells::Few { different, which } => different.len() * 8 + which.len(),
        }
    }
}

fn greatest_common_divisor(left: u64, right: u64) -> u64 {
    let (mut left, mut right) = (left, right);
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// One measure of a chunk's rows.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Decimals of one scale that fit 64 bits, and which rows have one; `None`: all have.
    Scaled { scale: u32, packed: Packed, present: Option<Box<[u64]>> },
    /// Any decimals.
    Wide(Box<[Option<Decimal>]>),
}

impl Values {
    pub(super) fn of(values: &[Option<Decimal>]) -> Values {
        let scale = values.iter().flatten().map(|value| value.normalize().scale()).max().unwrap_or(0);
        let scaled: Option<Vec<i64>> = values.iter().flatten().map(|value| scaled(value.normalize(), scale)).collect();
        let Some(scaled) = scaled else { return Values::Wide(values.into()) };
        let any = scaled.first().copied().unwrap_or(0);
        let mut scaled = scaled.into_iter();
        // A row without the measure takes a number that is there anyway, and is not read.
        let cells: Vec<i64> = values.iter().map(|value| value.and_then(|_| scaled.next()).unwrap_or(any)).collect();
        let all = values.iter().all(Option::is_some);
        Values::Scaled { scale, packed: Packed::of(&cells), present: (!all).then(|| bits(values)) }
    }

    pub(super) fn has(&self, index: usize) -> bool {
        match self {
            Values::Scaled { present, .. } => present.as_deref().is_none_or(|bits| is_set(bits, index)),
            Values::Wide(values) => values.get(index).is_some_and(Option::is_some),
        }
    }

    /// The value at an index as mantissa and scale.
    pub(super) fn get(&self, index: usize) -> Option<Decimal> {
        match self {
            Values::Scaled { scale, packed, .. } => {
                self.has(index).then(|| Decimal::from_i128_with_scale(packed.get(index).into(), *scale))
            }
            Values::Wide(values) => values.get(index).copied().flatten(),
        }
    }

    /// The value at an index where it, and all others, are whole numbers of 64 bits.
    pub(super) fn whole(&self, index: usize) -> Option<i64> {
        match self {
            Values::Scaled { scale: 0, packed, .. } => self.has(index).then(|| packed.get(index)),
            Values::Scaled { .. } | Values::Wide(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Values::Scaled { packed, present, .. } => {
                packed.bytes() + present.as_ref().map_or(0, |bits| bits.len() * 8)
            }
            Values::Wide(values) => std::mem::size_of_val::<[Option<Decimal>]>(values),
        }
    }
}

fn scaled(value: Decimal, scale: u32) -> Option<i64> {
    let factor = 10_i128.checked_pow(scale.checked_sub(value.scale())?)?;
    i64::try_from(value.mantissa().checked_mul(factor)?).ok()
}

fn bits(values: &[Option<Decimal>]) -> Box<[u64]> {
    let word = |part: &[Option<Decimal>]| {
        part.iter().enumerate().fold(0, |word, (bit, value)| word | u64::from(value.is_some()) << bit)
    };
    values.chunks(64).map(word).collect()
}

/// Whether a bit is set.
pub(super) fn is_set(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}
