//! The page `docs/from-a-spreadsheet.md`: from a workbook to a month that is judged, by the commands that are written there.

use std::fs;
use std::path::Path;

use crate::commands::follow;

#[test]
fn a_workbook_becomes_a_contract_and_a_judged_month_by_the_commands_of_the_page() {
    const PAGE: &str = "docs/from-a-spreadsheet.md";
    assert_eq!(follow(PAGE, "1. Look at the workbook"), 4, "outputs of commands");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let shows = |part: &str| assert!(page.contains(part), "the page does not show {part:?}");
    shows("3 objects checked: 0 errors, ");
    shows("billing-desk-2026-01  Final ");
    shows("\nJanuary 2026: one of two targets missed, £3,000.00 owed\n");
    // The contract has the mapping that was drafted.
    let (_, draft) = page.split_once("\nformat:\n").unwrap();
    let draft = draft.split("```").next().unwrap();
    let indented: String = draft.lines().map(|line| format!("      {line}\n")).collect();
    shows(&format!("      format:\n{indented}"));
}
