//! Numbers that look random and are the same in every run, on every machine.

/// The seed of everything that is generated.
const SEED: u64 = 20_260_101;

/// A number in [-1, 1) that depends on the keys alone (SplitMix64 over the seed and the keys).
pub(crate) fn noise(keys: &[u64]) -> f64 {
    let mixed = keys.iter().fold(SEED, |state, key| split_mix(state ^ split_mix(*key)));
    // 53 bits are what a float holds exactly.
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn split_mix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Turns shares of whole things into whole things: what one rounding leaves over goes to the next one.
#[derive(Debug, Default)]
pub(crate) struct Rounding {
    carried: f64,
}

impl Rounding {
    /// The whole number nearest to `amount` and what was carried, between 0 and `most`.
    pub(crate) fn whole(&mut self, amount: f64, most: i64) -> i64 {
        let wanted = amount + self.carried;
        let whole = (wanted.round() as i64).clamp(0, most);
        // A bound that bites for long must not pile up a debt.
        self.carried = (wanted - whole as f64).clamp(-2.0, 2.0);
        whole
    }
}
