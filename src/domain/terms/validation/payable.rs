//! Money that a KpiTarget promises and that its contract can never pay.

use super::checks::Findings;
use crate::api::scalar::Decimal;
use crate::api::{KpiTargetSpec, VendorContractSpec};

/// What a contract's terms let money be worked out of.
struct Purse {
    /// The currency of amounts.
    currency: bool,
    /// The charges, of which percentages are taken.
    amount: bool,
    /// The amount at risk.
    pool: bool,
}

impl Purse {
    fn of(contract: &VendorContractSpec) -> Purse {
        let charges = contract.charges.as_ref();
        Purse {
            currency: charges.is_some(),
            amount: charges.is_some_and(|charges| charges.amount.is_some()),
            pool: charges.is_some_and(|charges| charges.at_risk_percent.is_some() || charges.at_risk_amount.is_some()),
        }
    }
}

/// A consequence of a band, a price or a bonus that can never be paid.
pub struct Unpayable {
    /// Path of the field, such as spec.price.
    pub field: String,
    /// What is wrong, as it follows the field in a sentence.
    pub wrong: String,
    /// What to add, and an example of it.
    remedy: &'static str,
}

impl Unpayable {
    fn without_currency(field: impl Into<String>, what: &str, written: &str) -> Self {
        Unpayable {
            field: field.into(),
            wrong: format!("is {what} of {written}, and the contract has no currency to pay it in"),
            remedy: "add charges to the contract, such as charges: {currency: GBP}",
        }
    }

    fn without_amount(field: String, what: &str) -> Self {
        Unpayable {
            field,
            wrong: format!("is {what} of the charges, and the contract has none"),
            remedy: "add charges.amount to the contract, such as charges: {currency: GBP, amount: 100000}, or write `credit`",
        }
    }

    fn without_pool(field: String, percent: &Decimal, contract: &str) -> Self {
        Unpayable {
            field,
            wrong: format!("is {percent} percent of the amount at risk, and contract {contract} has none"),
            remedy: "add charges.atRiskPercent or charges.atRiskAmount there, such as atRiskPercent: 10, or write `credit`",
        }
    }
}

/// Each consequence of a band, the price and the bonus, where they could never be paid under the contract.
pub fn unpayable(spec: &KpiTargetSpec, contract: &VendorContractSpec) -> Vec<Unpayable> {
    let purse = Purse::of(contract);
    let mut found = Vec::new();
    for band in &spec.bands {
        let field = |member: &str| format!("spec.bands[{}].{member}", band.severity);
        if let Some(credit) = band.credit.filter(|_| !purse.currency) {
            found.push(Unpayable::without_currency(field("credit"), "a credit", &credit.to_string()));
        }
        if let Some(percent) = band.percent.filter(|_| !purse.amount) {
            found.push(Unpayable::without_amount(field("percent"), &format!("{percent} percent")));
        }
        if band.proportional == Some(true) && !purse.amount {
            found.push(Unpayable::without_amount(field("proportional"), "a share as large as the miss"));
        }
        if let Some(percent) = band.at_risk_percent.filter(|_| !purse.pool) {
            found.push(Unpayable::without_pool(field("atRiskPercent"), &percent, &spec.contract_ref.name));
        }
    }
    if spec.price.is_some() && !purse.currency {
        found.push(Unpayable::without_currency("spec.price", "a price", "money"));
    }
    if spec.bonus.is_some() && !purse.currency {
        found.push(Unpayable::without_currency("spec.bonus", "a bonus", "money"));
    }
    found
}

/// Notes all that is [`unpayable`].
pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    for Unpayable { field, wrong, remedy } in unpayable(spec, contract) {
        findings.add(field, format!("{wrong}: {remedy}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::{KpiTargetSpec, VendorContractSpec};
    use crate::domain::terms::validation::validate_kpi_is_payable;

    fn fields(charges: Option<Value>, kpi: &Value) -> Vec<String> {
        let mut contract =
            json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": []});
        if let Some(charges) = charges {
            contract["charges"] = charges;
        }
        let mut spec = json!({
            "contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80},
        });
        spec.as_object_mut().unwrap().extend(kpi.as_object().unwrap().clone());
        let contract: VendorContractSpec = serde_json::from_value(contract).unwrap();
        let spec: KpiTargetSpec = serde_json::from_value(spec).unwrap();
        let findings = validate_kpi_is_payable("level", &spec, &contract);
        for finding in &findings {
            assert!(finding.message.contains("such as"), "{finding}");
        }
        findings.into_iter().map(|finding| finding.field).collect()
    }

    #[test]
    fn each_consequence_needs_what_it_is_paid_out_of() {
        let band = |consequence: Value| {
            let mut band = json!({"severity": "Minor"});
            band.as_object_mut().unwrap().extend(consequence.as_object().unwrap().clone());
            json!({"bands": [band]})
        };
        let bonus = json!({"bonus": {"from": 90, "amount": 100}});
        for (kpi, without_charges, without_pool) in [
            (band(json!({"credit": 500})), Some("spec.bands[Minor].credit"), None),
            (band(json!({"percent": 5})), Some("spec.bands[Minor].percent"), None),
            (band(json!({"proportional": true})), Some("spec.bands[Minor].proportional"), None),
            (
                band(json!({"atRiskPercent": 5})),
                Some("spec.bands[Minor].atRiskPercent"),
                Some("spec.bands[Minor].atRiskPercent"),
            ),
            (bonus, Some("spec.bonus"), None),
            // Points are counted without money, and a dead band costs nothing.
            (band(json!({"points": 3})), None, None),
            (band(json!({})), None, None),
        ] {
            let list = |field: Option<&str>| field.map(str::to_owned).into_iter().collect::<Vec<_>>();
            assert_eq!(fields(None, &kpi), list(without_charges), "{kpi}");
            let charges = json!({"currency": "GBP", "amount": 100_000});
            assert_eq!(fields(Some(charges), &kpi), list(without_pool), "{kpi}");
            let charges = json!({"currency": "GBP", "amount": 100_000, "atRiskPercent": 10});
            assert_eq!(fields(Some(charges), &kpi), Vec::<String>::new(), "{kpi}");
        }
    }

    #[test]
    fn charges_without_an_amount_pay_amounts_and_a_pool_in_money() {
        let charges = || Some(json!({"currency": "GBP", "atRiskAmount": 5_000}));
        for (band, refused) in [
            (json!({"credit": 500}), None),
            (json!({"atRiskPercent": 5}), None),
            (json!({"percent": 5}), Some("spec.bands[Minor].percent")),
            (json!({"proportional": true}), Some("spec.bands[Minor].proportional")),
        ] {
            let mut kpi = json!({"bands": [{"severity": "Minor"}]});
            kpi["bands"][0].as_object_mut().unwrap().extend(band.as_object().unwrap().clone());
            assert_eq!(fields(charges(), &kpi), refused.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{band}");
        }
        let price = json!({"price": {"amount": 500}});
        assert_eq!(fields(charges(), &price), Vec::<String>::new());
        assert_eq!(fields(None, &price), ["spec.price"]);
    }
}
