//! The objects that pages are made of, from a cluster with the caller's own rights or from files.

use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::cluster::{Cluster, answered};

use super::evaluate::View;
use super::manifests::Key;
use super::offline::{BundleArguments, JudgedFiles, OfflineArguments};
use crate::api::sla_report::SlaReportSpec;
use crate::api::{CampaignLaunch, KpiTarget, ServiceTier, SlaReport, VendorContract};
use crate::domain::holdings::{Entry, Holdings, Judged, terms};
use crate::domain::judgement::breakdowns::{Breakdowns, ByKpi};
use crate::domain::terms::contract_terms::Terms;
use crate::view::kpi::{self, KpiPage};
use crate::view::launch::Document;
use crate::view::portfolio::Facts;

/// All objects of the five kinds that were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The contracts.
    pub contracts: Vec<VendorContract>,
    /// The tiers.
    pub tiers: Vec<ServiceTier>,
    /// The KPIs.
    pub kpis: Vec<KpiTarget>,
    /// The launches.
    pub launches: Vec<CampaignLaunch>,
    /// The reports.
    pub reports: Vec<SlaReport>,
    /// What the figures of contracts are made of, where the evidence was given, by namespace and name.
    pub inside: BTreeMap<Key, Inside>,
}

/// What the figures of a contract are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Of reports, by their names.
    pub reports: BTreeMap<String, ByKpi>,
    /// Of the running period, with its name.
    pub running: Option<(String, ByKpi)>,
}

impl Inside {
    /// Of these reports of a contract; `None` where it was not judged.
    pub fn of(judged: &JudgedFiles, contract: &Key, reports: &[(&str, &SlaReportSpec)]) -> Option<Inside> {
        let specs: Vec<&SlaReportSpec> = reports.iter().map(|(_, spec)| *spec).collect();
        let Breakdowns { reports: made_of, running_period, running } = judged.break_down(contract, &specs)?;
        let names = reports.iter().map(|(name, _)| (*name).to_owned());
        Some(Inside { reports: names.zip(made_of).collect(), running: running_period.map(|name| (name, running)) })
    }
}

impl Gathered {
    /// What would be in the cluster by these files.
    ///
    /// # Errors
    /// What is wrong with the files, a line each.
    pub fn of_files(arguments: &OfflineArguments, now: Timestamp) -> Result<Gathered, Vec<String>> {
        Ok(Gathered::of_view(arguments.judge(now)?))
    }

    /// The same by these files and bundles, with what the figures are made of.
    ///
    /// # Errors
    /// What is wrong with the files, a line each.
    pub fn of_files_with_inside(
        arguments: &OfflineArguments,
        bundles: &BundleArguments,
        now: Timestamp,
    ) -> Result<Gathered, Vec<String>> {
        let judged = arguments.judge_with(bundles, now)?;
        let mut gathered = Gathered::of_view(judged.view.clone());
        gathered.look_inside(&judged);
        Ok(gathered)
    }

    fn of_view(view: View) -> Gathered {
        let reports = view.reports.into_iter().map(|(namespace, name, spec)| {
            let mut report = SlaReport::new(&name, spec);
            report.metadata.namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            report
        });
        Gathered {
            reports: reports.collect(),
            contracts: view.contracts.into_values().collect(),
            tiers: view.tiers.into_values().collect(),
            kpis: view.kpis.into_values().collect(),
            launches: view.launches.into_values().collect(),
            inside: BTreeMap::new(),
        }
    }

    /// Finds out what the figures of its contracts are made of, by evidence of some of them.
    pub fn look_inside(&mut self, judged: &JudgedFiles) {
        let inside = self.contracts.iter().filter_map(|contract| {
            let key = (contract.namespace().unwrap_or_default(), contract.name_any());
            let names: Vec<(String, &SlaReportSpec)> =
                self.reports_of(contract).into_iter().map(|report| (report.name_any(), &report.spec)).collect();
            let reports: Vec<(&str, &SlaReportSpec)> =
                names.iter().map(|(name, spec)| (name.as_str(), *spec)).collect();
            Some((key.clone(), Inside::of(judged, &key, &reports)?))
        });
        self.inside = inside.collect();
    }

    /// What is in the cluster: in the connection's namespace, or in all of them.
    ///
    /// # Errors
    /// A sentence with what the cluster said.
    pub async fn of_cluster(cluster: &Cluster, everywhere: bool) -> Result<Gathered, String> {
        Ok(Gathered {
            contracts: listed(cluster, everywhere).await?,
            tiers: listed(cluster, everywhere).await?,
            kpis: listed(cluster, everywhere).await?,
            launches: listed(cluster, everywhere).await?,
            reports: listed(cluster, everywhere).await?,
            inside: BTreeMap::new(),
        })
    }

    /// The contract of that name; in any namespace where none is said.
    ///
    /// # Errors
    /// A sentence that lists those that there are.
    pub fn contract(&self, namespace: Option<&str>, name: &str) -> Result<&VendorContract, String> {
        let is_it = |contract: &&VendorContract| {
            contract.name_any() == name
                && namespace.is_none_or(|namespace| contract.namespace().as_deref() == Some(namespace))
        };
        self.contracts.iter().find(is_it).ok_or_else(|| {
            let mut known: Vec<String> = self.contracts.iter().map(ResourceExt::name_any).collect();
            known.sort();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("there is no VendorContract {}; there are: {known}", crate::api::scalar::shorten(name))
        })
    }

    /// The KPIs of a contract.
    pub fn kpis_of(&self, contract: &VendorContract) -> Vec<KpiTarget> {
        let name = contract.name_any();
        let own = |kpi: &&KpiTarget| kpi.namespace() == contract.namespace() && kpi.spec.contract_ref.name == name;
        self.kpis.iter().filter(own).cloned().collect()
    }

    /// The reports of a contract, the newest period first, and of each period the latest revision first.
    pub fn reports_of(&self, contract: &VendorContract) -> Vec<&SlaReport> {
        let name = contract.name_any();
        let own = |report: &&SlaReport| report.namespace() == contract.namespace() && report.spec.contract == name;
        let mut found: Vec<&SlaReport> = self.reports.iter().filter(own).collect();
        found.sort_by_key(|report| std::cmp::Reverse((report.spec.period.start, report.spec.revision)));
        found
    }

    /// The page of one of a contract's KPIs.
    ///
    /// # Errors
    /// A sentence that lists those that there are.
    pub fn kpi_page(&self, contract: &VendorContract, name: &str) -> Result<KpiPage, String> {
        let own = self.kpis_of(contract);
        let Some(kpi) = own.iter().find(|kpi| kpi.name_any() == name) else {
            let mut known: Vec<String> = own.iter().map(ResourceExt::name_any).collect();
            known.sort();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let asked = crate::api::scalar::shorten(name);
            return Err(format!("there is no KpiTarget {asked} of {}; there are: {known}", contract.name_any()));
        };
        let counter =
            kpi.spec.counter_metric.as_ref().and_then(|counter| own.iter().find(|it| it.name_any() == *counter));
        let mut found = self.reports_of(contract);
        found.dedup_by_key(|report| report.spec.period.start);
        let reports: Vec<&SlaReportSpec> = found.iter().map(|report| &report.spec).collect();
        let inside = self.inside.get(&(contract.namespace().unwrap_or_default(), contract.name_any()));
        let closed: Vec<(&str, &ByKpi)> = found
            .iter()
            .filter_map(|report| Some((report.spec.period.name.as_str(), inside?.reports.get(&report.name_any())?)))
            .collect();
        let running = inside.and_then(|inside| inside.running.as_ref());
        let running = running.map(|(period, of)| (period.as_str(), of));
        let evidence = inside.map(|_| kpi::Evidence { running, closed: &closed });
        Ok(KpiPage::of(&kpi::Facts { kpi, contract, counter, reports: &reports, evidence }))
    }

    /// A launch in words.
    pub fn launch(&self, launch: &CampaignLaunch, now: Timestamp) -> Document {
        let first = launch.spec.contract_refs.first();
        let contract = self.contracts.iter().find(|contract| {
            contract.namespace() == launch.namespace() && first.is_some_and(|first| first.name == contract.name_any())
        });
        Document::of(launch, contract.map(|contract| &contract.spec), now)
    }

    /// What a portfolio is shown from.
    pub fn portfolio(&self, now: Timestamp) -> Facts<'_> {
        let Gathered { contracts, kpis, launches, reports, .. } = self;
        Facts { contracts, kpis, launches, reports, now }
    }

    /// The terms of a contract as they are now.
    pub fn terms_of(&self, contract: &VendorContract) -> Terms {
        let held = GatheredIn { gathered: self, namespace: contract.metadata.namespace.as_deref() };
        terms(&held, &contract.name_any(), &contract.spec, &[]).0
    }
}

/// The terms of a contract of the cluster as they are now; `None` where there is no such contract.
///
/// # Errors
/// A sentence: the server does not answer, or refuses.
pub async fn terms_in_cluster(cluster: &Cluster, contract: &str) -> Result<Option<Terms>, String> {
    let contracts: Api<VendorContract> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let Some(found) = answered(contracts.get_opt(contract)).await? else { return Ok(None) };
    let (kpis, tiers) = (listed(cluster, false).await?, listed(cluster, false).await?);
    Ok(Some(Gathered { kpis, tiers, ..Gathered::default() }.terms_of(&found)))
}

async fn listed<K>(cluster: &Cluster, everywhere: bool) -> Result<Vec<K>, String>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = match everywhere {
        true => Api::all(cluster.client.clone()),
        false => Api::namespaced(cluster.client.clone(), &cluster.namespace),
    };
    Ok(answered(api.list(&ListParams::default())).await?.items)
}

/// One namespace of what was gathered for pages.
#[derive(Clone, Copy, Debug)]
pub struct GatheredIn<'a> {
    /// All that was gathered.
    pub gathered: &'a Gathered,
    /// The namespace; `None` where files name none.
    pub namespace: Option<&'a str>,
}

impl<'a> GatheredIn<'a> {
    fn all<K: Resource>(&self, all: &'a [K]) -> impl Iterator<Item = &'a K> + use<'a, K> {
        let namespace = self.namespace;
        all.iter().filter(move |object| object.meta().namespace.as_deref() == namespace)
    }

    fn one<K: Resource>(&self, all: &'a [K], name: &str) -> Option<&'a K> {
        self.all(all).find(|object| object.meta().name.as_deref() == Some(name))
    }
}

impl Holdings for GatheredIn<'_> {
    fn contract(&self, name: &str) -> impl Entry<VendorContract> {
        self.one(&self.gathered.contracts, name)
    }

    fn contracts(&self) -> Vec<impl Entry<VendorContract>> {
        self.all(&self.gathered.contracts).collect()
    }

    fn kpi(&self, name: &str) -> impl Entry<KpiTarget> {
        self.one(&self.gathered.kpis, name)
    }

    fn kpis_of(&self, contract: &str) -> Vec<impl Entry<KpiTarget>> {
        self.all(&self.gathered.kpis).filter(|kpi| kpi.spec.contract_ref.name == contract).collect()
    }

    fn tier(&self, name: &str) -> impl Entry<ServiceTier> {
        self.one(&self.gathered.tiers, name)
    }

    fn tiers(&self) -> Vec<impl Entry<ServiceTier>> {
        self.all(&self.gathered.tiers).collect()
    }

    fn launches(&self) -> Vec<impl Entry<CampaignLaunch>> {
        self.all(&self.gathered.launches).collect()
    }

    /// Pages show what the operator judged, and judge nothing themselves.
    fn judged(&self, _contract: &str) -> Option<Judged> {
        None
    }
}
