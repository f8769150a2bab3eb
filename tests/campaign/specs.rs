//! Thousands of specs, most of them odd: the API server refuses one, or the operator ends with it in a condition with a reason; it never
//! panics, and a neighbour in another namespace is judged on time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::controlplane::ADMIN;
use crate::figures::hours;
use crate::generated::{Variation, plain, variations};
use crate::harness::{Operator, Place};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// The sample takes every 41st variation: an odd number, so that all kinds of value come up.
const SAMPLED: usize = 41;
/// The number of objects that are created, judged and deleted together.
const BATCH: usize = 400;
/// Requests to create at the same time.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(180);
/// Within what a neighbour is judged, from the moment on at which it is applied.
const ON_TIME: Duration = Duration::from_secs(30);
/// The same where the machine is busy with other things: this many times what a contract takes beside no odd one.
const TIMES_ALONE: u32 = 20;

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

async fn admin(place: &Place) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::read_from(place.installation.plane.kubeconfig(ADMIN).unwrap()).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()).unwrap()
}

/// What became of the variations.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    /// By kind, status of Ready, and reason.
    ended: BTreeMap<String, usize>,
    slowest_neighbour: Duration,
}

/// Two namespaces, one operator for both.
struct Street {
    operator: Operator,
    odd: Place,
    honest: Place,
    client: Client,
    feed: String,
    _vendor: VendorServer,
}

impl Street {
    async fn start() -> Self {
        let (odd, honest) = (Place::fresh().await, Place::fresh().await);
        let rows = hours("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 90);
        let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
        let feed = vendor.url(INTERVALS);
        let operator = odd.operator_with(&["--namespace", &honest.namespace]);
        let client = admin(&odd).await;
        let [(kind, _, contract), ..] = plain(&feed);
        odd.apply(&object(kind, &odd.namespace, "base", &contract).to_string()).await;
        Street { operator, odd, honest, client, feed, _vendor: vendor }
    }

    fn api(&self, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("bpo-operator.io", "v1alpha1", kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Api::namespaced_with(self.client.clone(), &self.odd.namespace, &resource)
    }

    /// Creates an object; false: the API server refuses it.
    async fn create(&self, number: usize, variation: &Variation) -> bool {
        let document = object(variation.kind, &self.odd.namespace, &format!("odd-{number}"), &variation.spec);
        let created = self.api(variation.kind, variation.plural);
        match created.create(&PostParams::default(), &serde_json::from_value(document).unwrap()).await {
            Ok(_) => true,
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) && !status.message.is_empty() => false,
            Err(error) => panic!("{}: {error}", variation.what),
        }
    }

    /// Applies an honest contract and returns how long it took until it was judged.
    async fn neighbour(&self, name: &str) -> Duration {
        let [(_, _, contract), (_, _, mut kpi), ..] = plain(&self.feed);
        let place = &self.honest;
        kpi["contractRef"]["name"] = json!(name);
        let began = Instant::now();
        place.apply(&object("VendorContract", &place.namespace, name, &contract).to_string()).await;
        place.apply(&object("KpiTarget", &place.namespace, name, &kpi).to_string()).await;
        place.wait_for("kpi", name, "the neighbour is judged", |kpi| kpi["status"]["last"]["verdict"] == "Met").await;
        began.elapsed()
    }

    /// Tries some of the variations and counts their outcomes.
    async fn batch(&self, number: usize, batch: &[(usize, &Variation)], tally: &mut Tally) {
        let created: Vec<bool> = futures::stream::iter(batch)
            .map(|(number, variation)| self.create(*number, variation))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let accepted: Vec<_> = batch.iter().zip(created).filter(|(_, created)| *created).map(|(one, _)| *one).collect();
        tally.refused += batch.len() - accepted.len();
        tally.slowest_neighbour = tally.slowest_neighbour.max(self.neighbour(&format!("honest-{number}")).await);
        for (kind, plural, _) in plain(&self.feed) {
            let of_kind: Vec<_> = accepted.iter().filter(|(_, variation)| variation.kind == kind).collect();
            let all_end = async || self.all_end(plural, &of_kind).await;
            let what = format!("each {kind} ends with a reason");
            for ending in self.odd.eventually_within(PATIENCE, &what, all_end).await {
                *tally.ended.entry(format!("{kind} {ending}")).or_default() += 1;
            }
        }
        for (_, plural, _) in plain(&self.feed) {
            self.odd.kubectl(&["delete", plural, "--field-selector=metadata.name!=base", "--wait=false"]).await;
        }
    }

    /// How each of these objects ended; `None` while one has not.
    async fn all_end(&self, plural: &str, wanted: &[&(usize, &Variation)]) -> Option<Vec<String>> {
        let found = self.odd.list(plural).await;
        let by_name: BTreeMap<&str, &Value> =
            found.iter().map(|object| (object["metadata"]["name"].as_str().unwrap(), object)).collect();
        wanted.iter().map(|(number, _)| ending(by_name.get(format!("odd-{number}").as_str())?)).collect()
    }
}

/// How an object ended, by the condition that says whether it is stalled or ready for its present spec.
fn ending(object: &Value) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let of = |type_: &str| conditions.iter().find(|one| one["type"] == type_);
    let stalled = of("Stalled").filter(|one| one["status"] == "True");
    let said = stalled.or_else(|| of("Ready"))?;
    let speaks_of_it = said["observedGeneration"] == object["metadata"]["generation"];
    let reason = said["reason"].as_str().filter(|reason| !reason.is_empty())?;
    let message = said["message"].as_str().filter(|message| !message.is_empty())?;
    assert!(!message.contains('\u{1b}') && !message.contains('\u{202e}'), "a control character is shown: {message:?}");
    let end = !(said["status"] == "Unknown" || reason == "Progressing");
    (speaks_of_it && end)
        .then(|| format!("{}={} {reason}", said["type"].as_str().unwrap(), said["status"].as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_spec_says_it_is_refused_or_ends_with_a_reason_and_neighbours_are_judged_on_time() {
    let street = Street::start().await;
    let all = variations(&street.feed);
    let step = if crate::is_full() { 1 } else { SAMPLED };
    let chosen: Vec<(usize, &Variation)> = all.iter().enumerate().step_by(step).collect();
    let before = street.neighbour("before").await;
    let (began, mut tally) = (Instant::now(), Tally::default());
    for (number, batch) in chosen.chunks(BATCH).enumerate() {
        street.batch(number, batch, &mut tally).await;
        assert!(!street.operator.log().contains("panicked"), "a defect");
    }
    eprintln!("{} of {} specs in {:.0} s: {tally:#?}", chosen.len(), all.len(), began.elapsed().as_secs_f64());
    let accepted: usize = tally.ended.values().sum();
    assert!(accepted >= chosen.len() / 20, "{accepted} of {} were accepted", chosen.len());
    let alone = before.max(street.neighbour("after").await);
    let (slowest, allowed) = (tally.slowest_neighbour, ON_TIME.max(alone * TIMES_ALONE));
    assert!(slowest <= allowed, "a neighbour was judged after {slowest:.1?}, beside no odd one after {alone:.1?}");
    assert_eq!(street.operator.stop().await, Some(0), "it had ended by itself");
}
