//! Formulas of KPIs: what is read is a sum, and obeys the rules of sums.
#![no_main]

use bpo_operator::domain::numbers::exact::Exact;
use bpo_operator::domain::terms::formula::LinearForm;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let form = match text.parse::<LinearForm>() {
        Ok(form) => form,
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column), "{error:?}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
            return;
        }
    };
    assert_eq!(text.parse().as_ref(), Ok(&form), "the same text was read in two ways");
    assert!(form.terms.values().all(|coefficient| !coefficient.is_zero()));
    assert_eq!(format!("({text})").parse().as_ref(), Ok(&form));

    let inverted: LinearForm = format!("-({text})").parse().expect("a group may be taken away");
    assert_eq!(inverted.constant, -&form.constant);
    assert!(
        inverted.terms.iter().eq(form
            .terms
            .iter()
            .map(|(name, factor)| (name, -factor))
            .collect::<Vec<_>>()
            .iter()
            .map(|(name, factor)| (*name, factor)))
    );
    let nothing: LinearForm = format!("{text} - ({text})").parse().expect("a difference of two formulas");
    assert_eq!(nothing, LinearForm::default());

    let sum = form.terms.values().fold(form.constant.clone(), |sum, factor| sum + factor);
    assert_eq!(form.evaluate(|_| Exact::ONE), sum);

    // What people would write is read again, where they can write it: factors are sums of the same measure.
    let can_be_written = form.terms.values().all(|factor| factor.abs() == Exact::ONE);
    let short = form.constant.abs() < Exact::from(1_000_000_000_000);
    if can_be_written && short {
        assert_eq!(form.to_string().parse().as_ref(), Ok(&form), "{form}");
    }
});
