//! A large portfolio is a page that a browser takes in one go.

use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{Portfolio, html};

use crate::many_contracts::Many;

#[test]
fn the_portfolio_of_a_thousand_contracts_has_a_row_for_each_and_less_than_2_mib() {
    let many = Many::contracts(1_000);
    let page = html(&Portfolio::of(&many.facts()), Links::Dashboard);
    for name in ["contract-0000", "contract-0999"] {
        assert!(page.contains(name), "{name}");
    }
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}
