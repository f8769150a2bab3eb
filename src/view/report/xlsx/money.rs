//! The sheet of money: from what was agreed to what is owed, each step a formula over the cells before it.

use super::{FIRST, column, rounded};
use crate::api::basis::{BandBasis, Basis, CreditBasis, PriceBasis};
use crate::api::kpi_target::{KpiClass, RoundingMode, Verdict};
use crate::api::sla_report::{CreditBlock, KpiLine, SlaReportSpec};
use crate::api::vendor_contract::{CapKind, RampCredit};
use crate::api::verdict::Comparison;
use crate::view::words::kpi_title;
use crate::view::workbook::{Cell, Sheet, literal, place};

const HEADS: [&str; 11] = [
    "What",
    "Rate",
    "Of what",
    "Base",
    "Repeats ×",
    "Ramp ×",
    "At most",
    "Before rounding",
    "Computed",
    "The report's",
    "Difference",
];
const RATE: usize = 1;
const BASE: usize = 3;
const TIMES: usize = 4;
const RAMP: usize = 5;
const LIMIT: usize = 6;
const EXACT: usize = 7;
const COMPUTED: usize = 8;
const REPORTED: usize = 9;

/// The sheet as it grows, row by row.
struct Account<'a> {
    rows: Vec<Vec<Cell>>,
    report: &'a SlaReportSpec,
    credit: &'a CreditBlock,
    decimals: u32,
    /// The cells with the charges and with the amount at risk.
    charges: String,
    at_risk: String,
}

/// The account of the report's period.
pub(super) fn sheet(report: &SlaReportSpec, credit: &CreditBlock, decimals: u32) -> Sheet {
    let title = format!("Money, in {}", credit.currency);
    let mut account = Account {
        rows: vec![vec![Cell::title(title)], HEADS.map(Cell::head).to_vec()],
        report,
        credit,
        decimals,
        charges: place(REPORTED, FIRST),
        at_risk: place(REPORTED, FIRST + 1),
    };
    let basis = credit.basis.as_ref();
    account.given("Charges of the period", basis.and_then(|basis| basis.charges.as_deref()));
    account.given("Amount at risk", basis.and_then(|basis| basis.at_risk.as_deref()));
    let first = account.rows.len();
    for (index, line) in report.kpis.iter().enumerate() {
        if line.credit.is_some() {
            account.kpi(line, FIRST + index);
        }
    }
    account.points(basis);
    account.caps(first, basis);
    account.settled();
    Sheet { name: "Money", widths: vec![40, 12, 36, 14, 10, 8, 14, 16, 14, 14, 12], heads: FIRST, rows: account.rows }
}

impl Account<'_> {
    /// An amount that the report has and that nothing computes.
    fn given(&mut self, what: &str, amount: Option<&str>) {
        let mut row = vec![Cell::nothing(); HEADS.len()];
        set(&mut row, 0, Cell::text(what));
        set(&mut row, REPORTED, Cell::optional(amount, Cell::amount));
        self.rows.push(row);
    }

    /// What one KPI costs: the rate of its band or price, the repeats, the ramp, rounded.
    fn kpi(&mut self, line: &KpiLine, of_kpis: usize) {
        let basis = line.basis.as_ref().filter(|_| line.verdict == Verdict::Missed);
        let rate = basis.and_then(|basis| self.rate(line, basis, of_kpis));
        let reported = line.credit.as_deref().unwrap_or_default();
        let Some(rate) = rate else {
            return self.given(&kpi_title(line.kpi, &line.name), Some(reported));
        };
        let is_spared = line.dry_run || line.class == KpiClass::KeyMeasurement;
        let ramp = if is_spared { "0" } else { ramp(basis.map_or(RampCredit::Full, |basis| basis.ramp)) };
        let times = basis.and_then(|basis| basis.credit_times.as_deref()).unwrap_or("1");
        let at = self.rows.len();
        let product = match rate.is_limit {
            true => place(LIMIT, at),
            false => {
                let product = format!("{}*{}*{}", place(RATE, at), place(BASE, at), place(TIMES, at));
                match &rate.limit {
                    Some(_) => format!("MIN({},{product})", place(LIMIT, at)),
                    None => product,
                }
            }
        };
        let limit = Cell::optional(rate.limit.as_deref(), Cell::amount);
        let head = [Cell::text(kpi_title(line.kpi, &line.name)), rate.rate, Cell::text(rate.of), rate.base];
        let rest = [Cell::number(times), Cell::number(ramp), limit];
        let exact = Cell::computed(format!("{product}*{}", place(RAMP, at)), None);
        self.computed([head.to_vec(), rest.to_vec(), vec![exact]].concat(), reported);
    }

    /// The rate at which a miss costs money, and what it is a rate of; `None` where nothing is agreed, or points only.
    fn rate(&self, line: &KpiLine, basis: &Basis, of_kpis: usize) -> Option<Rate> {
        if let Some(price) = &basis.price {
            return Some(rate_of_price(price));
        }
        let BandBasis { at_risk_percent, percent, credit, proportional, .. } = basis.band.as_ref()?;
        let share = |percent: &str, of: &str, base: &str| Rate {
            rate: Cell::computed(format!("{}/100", literal(percent)), None).plain(),
            of: format!("{percent}% of {of}"),
            base: Cell::computed(base.to_owned(), None),
            limit: None,
            is_limit: false,
        };
        if let Some(percent) = at_risk_percent {
            return Some(share(percent, "the amount at risk", &self.at_risk));
        }
        if let Some(percent) = percent {
            return Some(share(percent, "the charges", &self.charges));
        }
        if let Some(credit) = credit {
            let of = "the amount that was agreed".to_owned();
            return Some(Rate {
                rate: Cell::amount(credit),
                of,
                base: Cell::number("1"),
                limit: None,
                is_limit: false,
            });
        }
        let is_simple = *proportional == Some(true) && line.value.is_some() && line.comparison != Comparison::Between;
        is_simple.then(|| {
            let (value, target) = (place(column::VALUE, of_kpis), place(column::TARGET, of_kpis));
            Rate {
                rate: Cell::computed(format!("ABS(KPIs!{value}-KPIs!{target})/100"), None).plain(),
                of: "the distance to the target in % of the charges".to_owned(),
                base: Cell::computed(self.charges.clone(), None),
                limit: None,
                is_limit: false,
            }
        })
    }

    /// What the points cost.
    fn points(&mut self, basis: Option<&CreditBasis>) {
        let credit = self.credit;
        let Some(basis) = basis else {
            return self.given("For service points", Some(&credit.from_points));
        };
        let last = FIRST + self.report.kpis.len().max(1) - 1;
        let points = format!("SUM(KPIs!{}:{})", place(column::POINTS, FIRST), place(column::POINTS, last));
        let (rate, of) = match (&basis.points_row, &basis.per_point_percent) {
            (Some(row), _) => (
                format!("{}/100", literal(&row.percent)),
                format!("{}% of the charges, from {} points on", row.percent, row.points),
            ),
            (None, Some(percent)) => {
                (format!("{points}*{}/100", literal(percent)), format!("{percent}% of the charges a point"))
            }
            (None, None) => ("0".to_owned(), "points cost nothing".to_owned()),
        };
        let at = self.rows.len();
        let exact = format!("{}*{}*{}", place(RATE, at), place(BASE, at), place(RAMP, at));
        let cells = vec![
            Cell::text(format!("For {}", crate::view::words::points(self.report.points))),
            Cell::computed(rate, None).plain(),
            Cell::text(of),
            Cell::computed(self.charges.clone(), None),
            Cell::nothing(),
            Cell::number(ramp(basis.ramp)),
            Cell::nothing(),
            Cell::computed(exact, None),
        ];
        self.computed(cells, &credit.from_points);
    }

    /// The sum of all rows from `first` on, then each cap, then what is owed.
    fn caps(&mut self, first: usize, basis: Option<&CreditBasis>) {
        let credit = self.credit;
        let last = self.rows.len() - 1;
        // A row without a formula counts by the report's own amount.
        let parts: Vec<String> =
            (first..=last).map(|row| place(if self.is_computed(row) { COMPUTED } else { REPORTED }, row)).collect();
        self.sum("Before caps", format!("SUM({})", parts.join(",")), None, &credit.before_caps);
        for cap in basis.iter().flat_map(|basis| &basis.caps) {
            let (what, used) = match (cap.cap, &cap.used) {
                (CapKind::Period, _) => ("Cap of the period".to_owned(), "0"),
                (CapKind::Year, None) => ("Cap of the contract year".to_owned(), "0"),
                (CapKind::Year, Some(used)) => (format!("Cap of the contract year, {used} used before"), used.as_str()),
            };
            let at = self.rows.len();
            let (limit, before) = (place(LIMIT, at), place(COMPUTED, at - 1));
            self.sum(&what, format!("MIN({before},MAX(0,{limit}-{}))", literal(used)), Some(&cap.limit), &cap.after);
        }
        let before = place(COMPUTED, self.rows.len() - 1);
        let owed = match basis {
            Some(_) => format!("MAX(0,{before})"),
            // What the caps were is not in reports of earlier versions.
            None => place(REPORTED, self.rows.len()),
        };
        self.sum("Credit, owed by the vendor", owed, None, &credit.net);
    }

    fn settled(&mut self) {
        let credit = self.credit;
        self.given("Bonus, owed by the client", Some(&credit.bonus));
        self.given("Earned back from earlier periods", Some(&credit.earned_back));
        for earned in &credit.earned_back_from {
            self.given(&format!("of it {} of {}", earned.kpi, earned.period), Some(&earned.credit));
        }
        self.given("Restated from earlier periods", Some(&credit.restated));
        self.given("Bonus restated from earlier periods", Some(&credit.restated_bonus));
        if let Some(year) = &self.report.year_to_date {
            self.given("Contract year to date", Some(&year.credit));
        }
    }

    /// A row whose amount is a formula over the rows before it.
    fn sum(&mut self, what: &str, formula: String, limit: Option<&str>, reported: &str) {
        let mut row = vec![Cell::nothing(); HEADS.len()];
        set(&mut row, 0, Cell::head(what));
        set(&mut row, LIMIT, Cell::optional(limit, Cell::amount));
        set(&mut row, COMPUTED, Cell::computed(formula, Some(reported)));
        self.close(row, reported);
    }

    /// A row that ends with an amount before rounding: rounded, the report's, and the difference.
    fn computed(&mut self, mut row: Vec<Cell>, reported: &str) {
        row.resize(HEADS.len(), Cell::nothing());
        let exact = place(EXACT, self.rows.len());
        let rounded = rounded(&exact, self.decimals, RoundingMode::HalfEven);
        set(&mut row, COMPUTED, Cell::computed(rounded, Some(reported)));
        self.close(row, reported);
    }

    fn close(&mut self, mut row: Vec<Cell>, reported: &str) {
        let at = self.rows.len();
        set(&mut row, REPORTED, Cell::amount(reported));
        let difference = format!("{}-{}", place(COMPUTED, at), place(REPORTED, at));
        set(&mut row, HEADS.len() - 1, Cell::computed(difference, Some("0")));
        self.rows.push(row);
    }

    fn is_computed(&self, row: usize) -> bool {
        self.rows.get(row).and_then(|cells| cells.get(COMPUTED)).is_some_and(|cell| *cell != Cell::nothing())
    }
}

/// A rate, what it is a rate of, and the most that it can come to.
struct Rate {
    rate: Cell,
    of: String,
    base: Cell,
    limit: Option<String>,
    /// Whether the limit takes the place of a quantity that is not known.
    is_limit: bool,
}

fn rate_of_price(price: &PriceBasis) -> Rate {
    let of = match &price.number {
        Some(number) => format!("for each {}: {number} of them", price.per),
        None => "without a value it costs as much as it may".to_owned(),
    };
    Rate {
        rate: Cell::amount(&price.amount),
        of,
        base: Cell::optional(price.number.as_deref(), Cell::number),
        limit: price.up_to.clone(),
        is_limit: price.number.is_none() && price.limited,
    }
}

fn ramp(step: RampCredit) -> &'static str {
    match step {
        RampCredit::None => "0",
        RampCredit::Half => "0.5",
        RampCredit::Full => "1",
    }
}

fn set(row: &mut [Cell], column: usize, cell: Cell) {
    if let Some(place) = row.get_mut(column) {
        *place = cell;
    }
}
