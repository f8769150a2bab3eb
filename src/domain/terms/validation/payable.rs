//! Money that a KpiTarget promises and that its contract can never pay.

use super::checks::Findings;
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

/// Notes each consequence of a band and each bonus that could never be paid under the contract.
pub(super) fn check(findings: &mut Findings, spec: &KpiTargetSpec, contract: &VendorContractSpec) {
    let purse = Purse::of(contract);
    for band in &spec.bands {
        let field = |member: &str| format!("spec.bands[{}].{member}", band.severity);
        if let Some(credit) = band.credit {
            findings.ensure(purse.currency, field("credit"), || without_currency("a credit", &credit.to_string()));
        }
        if let Some(percent) = band.percent {
            findings.ensure(purse.amount, field("percent"), || without_amount(&format!("{percent} percent")));
        }
        if band.proportional == Some(true) {
            findings.ensure(purse.amount, field("proportional"), || without_amount("a share as large as the miss"));
        }
        if let Some(percent) = band.at_risk_percent {
            findings.ensure(purse.pool, field("atRiskPercent"), || {
                format!(
                    "is {percent} percent of the amount at risk, and contract {} has none: add charges.atRiskPercent or charges.atRiskAmount there, such as atRiskPercent: 10, or write `credit`",
                    spec.contract_ref.name
                )
            });
        }
    }
    if spec.price.is_some() {
        findings.ensure(purse.currency, "spec.price", || without_currency("a price", "money"));
    }
    if spec.bonus.is_some() {
        findings.ensure(purse.currency, "spec.bonus", || without_currency("a bonus", "money"));
    }
}

fn without_currency(what: &str, written: &str) -> String {
    format!(
        "is {what} of {written}, and the contract has no currency to pay it in: add charges to the contract, such as charges: {{currency: GBP}}"
    )
}

fn without_amount(what: &str) -> String {
    format!(
        "is {what} of the charges, and the contract has none: add charges.amount to the contract, such as charges: {{currency: GBP, amount: 100000}}, or write `credit`"
    )
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
