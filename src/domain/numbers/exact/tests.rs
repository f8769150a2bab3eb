use super::*;
use proptest::prelude::*;

fn exact(text: &str) -> Exact {
    text.parse::<rust_decimal::Decimal>().unwrap().into()
}

#[test]
fn halves_round_as_the_mode_says() {
    use RoundingMode::{HalfEven, HalfUp, Truncate};
    for (value, decimals, half_up, half_even, truncated) in [
        ("78.45", 1, "78.5", "78.4", "78.4"),
        ("78.35", 1, "78.4", "78.4", "78.3"),
        ("-78.45", 1, "-78.5", "-78.4", "-78.4"),
        ("-0.5", 0, "-1", "0", "0"),
        ("2.5", 0, "3", "2", "2"),
        ("79.999999", 0, "80", "80", "79"),
        ("79.95", 1, "80", "80", "79.9"),
        ("1.000000", 6, "1", "1", "1"),
    ] {
        for (mode, expected) in [(HalfUp, half_up), (HalfEven, half_even), (Truncate, truncated)] {
            assert_eq!(exact(value).round(decimals, mode), exact(expected), "{value} {mode:?}");
        }
    }
}

#[test]
fn numbers_are_shown_in_one_form() {
    let share = Exact::fraction(40_400, 2_239).unwrap();
    assert_eq!(share.show(6), "18.04377");
    assert_eq!(share.show_fixed(6), "18.043770");
    for (value, decimals, shown, fixed) in [
        ("80", 6, "80", "80.000000"),
        ("78.0", 1, "78", "78.0"),
        ("-0.004", 2, "0", "0.00"),
        ("-0.5", 1, "-0.5", "-0.5"),
        ("100", 0, "100", "100"),
        ("0.005", 2, "0", "0.00"),
        ("0.015", 2, "0.02", "0.02"),
    ] {
        assert_eq!((exact(value).show(decimals), exact(value).show_fixed(decimals)), (shown.into(), fixed.into()));
    }
    let rounding = Rounding { decimals: 1, mode: RoundingMode::HalfUp };
    assert_eq!(exact("81").show_as(Some(&rounding)), "81.0");
    assert_eq!(exact("81").show_as(None), "81");
}

#[test]
fn money_has_the_currencys_digits() {
    for (currency, shown) in [("GBP", "1234.50"), ("JPY", "1234"), ("KWD", "1234.500"), ("CLF", "1234.5000")] {
        assert_eq!(exact("1234.5").to_money(minor_units(currency)), shown);
    }
    assert_eq!(Exact::ZERO.to_money(2), "0.00");
}

#[test]
fn what_overflows_stays_exact() {
    let large = Exact::fraction(i128::MAX, 3).unwrap();
    let product = &large * &large;
    assert!(product > large);
    assert_eq!(product.checked_div(&large).unwrap(), large);
    assert_eq!((&product - &product), Exact::ZERO);
    assert_eq!(Exact::fraction(i128::MIN, -1).unwrap(), -Exact::fraction(i128::MIN, 1).unwrap());
    assert_eq!(Exact::fraction(1, 0), None);
    assert_eq!(Exact::fraction(6, -4).unwrap().to_string(), "-3/2");
    assert_eq!(exact("-1.5").floor_i64(), Some(-2));
}

fn number() -> impl Strategy<Value = Exact> {
    let wide = (any::<i128>(), any::<i128>()).prop_filter_map("zero", |(n, d)| Exact::fraction(n, d));
    let narrow = (any::<i16>(), 1_i128..1000).prop_filter_map("zero", |(n, d)| Exact::fraction(n.into(), d));
    prop_oneof![wide, narrow]
}

proptest! {
    #[test]
    fn arithmetic_agrees_with_big_rationals(a in number(), b in number()) {
        let (x, y) = (a.to_big(), b.to_big());
        prop_assert_eq!((&a + &b).to_big(), &x + &y);
        prop_assert_eq!((&a - &b).to_big(), &x - &y);
        prop_assert_eq!((&a * &b).to_big(), &x * &y);
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        if let Some(quotient) = a.checked_div(&b) {
            prop_assert_eq!(quotient.to_big(), &x / &y);
        }
    }

    #[test]
    fn rounding_moves_by_at_most_half_a_digit(a in number(), decimals in 0_u32..7) {
        let digit = Exact::from_scaled(1, decimals);
        for mode in [RoundingMode::HalfUp, RoundingMode::HalfEven] {
            let moved = (a.round(decimals, mode) - &a).abs();
            prop_assert!(&moved + &moved <= digit);
        }
        let cut = a.round(decimals, RoundingMode::Truncate);
        prop_assert!(cut.abs() <= a.abs() && a.abs() - cut.abs() < digit);
    }
}
