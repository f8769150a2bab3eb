//! How the watches hold each kind, and what its objects are looked up by.

use kube::ResourceExt;

use crate::api::{
    CONTRACT_UID_LABEL, CampaignLaunch, KpiTarget, ServiceTier, SlaReport, SlaReportSpec, VendorContract,
};
use crate::cluster::watch::{Field, Stored};
use crate::domain::terms::contract_terms::share_feeds;

/// That an object names this contract.
pub fn of_contract(name: &str) -> Field {
    Field::of("contract", name)
}

/// That an object is about the contract with this UID.
pub fn of_contract_uid(uid: &str) -> Field {
    Field::of("contract UID", uid)
}

impl Stored for VendorContract {
    fn share_with(&mut self, before: &Self) {
        share_feeds(&mut self.spec.feeds, &before.spec.feeds);
    }
}

impl Stored for KpiTarget {
    fn fields(&self) -> Vec<Field> {
        vec![of_contract(&self.spec.contract_ref.name)]
    }
}

impl Stored for ServiceTier {}

impl Stored for CampaignLaunch {
    fn fields(&self) -> Vec<Field> {
        self.spec.contract_refs.iter().map(|reference| of_contract(&reference.name)).collect()
    }
}

impl Stored for SlaReport {
    /// One lists the days and the parts of up to 50 KPIs.
    const PAGE: u32 = 10;

    /// Of days and parts the digests are enough to compare them. Who shows them takes them from the judgement. Lists were read without
    /// knowing how long they are, and have room for up to as many entries again.
    fn slim(&mut self) {
        let SlaReportSpec { kpis, triggers, gaps, disputes, .. } = &mut self.spec;
        for line in &mut *kpis {
            line.days.forget();
            line.parts.forget();
            line.excused_by.shrink_to_fit();
            line.tiers.shrink_to_fit();
        }
        kpis.shrink_to_fit();
        triggers.shrink_to_fit();
        gaps.shrink_to_fit();
        disputes.shrink_to_fit();
    }

    /// Two contracts may have had one name, and one that goes on with another's evidence has reports of two UIDs.
    fn fields(&self) -> Vec<Field> {
        let uid = self.labels().get(CONTRACT_UID_LABEL).map(|uid| of_contract_uid(uid));
        [of_contract(&self.spec.contract)].into_iter().chain(uid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settlement::stored_size::MOST_STORED;

    #[test]
    fn an_answer_with_a_page_of_the_largest_reports_has_less_than_ten_megabytes() {
        let bytes = usize::try_from(SlaReport::PAGE).unwrap() * MOST_STORED;
        assert!(bytes < 10_000_000, "{bytes} bytes");
        const { assert!(SlaReport::PAGE < KpiTarget::PAGE, "other kinds are small") };
    }
}
