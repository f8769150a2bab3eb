//! Alertmanagers are sent active alerts again and again, since they forget what is not repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Dispatcher, Inner, SinkNow, Sinks};
use crate::alert::envelope::Envelope;
use crate::alert::sinks;
use crate::clock::Clock;

/// How many contracts of one namespace have their Alertmanagers refreshed at a time.
const REFRESHED_AT_ONCE: usize = 4;

impl Dispatcher {
    /// Refreshes Alertmanagers, since they forget what nobody repeats. Each namespace for itself: an Alertmanager that hangs must
    /// not let others' alerts end.
    pub(super) async fn refresh(&self, known: &Arc<dyn Sinks>) {
        let mut under_way: JoinSet<String> = JoinSet::new();
        let mut busy = BTreeSet::new();
        loop {
            tokio::time::sleep(self.0.parts.pace.refresh).await;
            while let Some(ended) = under_way.try_join_next() {
                if let Ok(namespace) = ended {
                    busy.remove(&namespace);
                }
            }
            let contracts = match self.0.parts.store.contracts_with_alerts().await {
                Ok(contracts) => contracts,
                Err(error) => {
                    tracing::warn!(%error, "the active alerts cannot be read; trying again");
                    continue;
                }
            };
            let mut by_namespace: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for uid in contracts {
                let namespace = known.namespace(&uid);
                if namespace.as_ref().is_none_or(|namespace| known.works_in(namespace)) {
                    by_namespace.entry(namespace.unwrap_or_else(|| uid.clone())).or_default().push(uid);
                }
            }
            for (namespace, uids) in by_namespace {
                if busy.insert(namespace.clone()) {
                    let (inner, known) = (self.0.clone(), known.clone());
                    under_way.spawn(async move {
                        inner.refresh_namespace(uids, &*known).await;
                        namespace
                    });
                }
            }
        }
    }
}

impl Inner {
    async fn refresh_namespace(&self, uids: Vec<String>, known: &dyn Sinks) {
        for some in uids.chunks(REFRESHED_AT_ONCE) {
            futures::future::join_all(some.iter().map(|uid| self.refresh_of(uid, known))).await;
        }
    }

    async fn refresh_of(&self, uid: &str, known: &dyn Sinks) {
        let standing = match self.parts.store.standing_alerts(uid).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::warn!(%error, "the active alerts of a contract cannot be read; trying again");
                return;
            }
        };
        let mut by_sink: BTreeMap<String, Vec<Envelope>> = BTreeMap::new();
        for alert in standing {
            if let Ok(envelope) = serde_json::from_str(&alert.content) {
                by_sink.entry(alert.sink).or_default().push(envelope);
            }
        }
        for (name, standing) in &by_sink {
            self.refresh_sink(uid, name, standing, known).await;
        }
    }

    async fn refresh_sink(&self, uid: &str, name: &str, standing: &[Envelope], known: &dyn Sinks) {
        let failing = self.states().get(&(uid.to_owned(), name.to_owned())).is_some_and(|state| state.failures > 0);
        let SinkNow::Known(sink) = known.sink(uid, name) else { return };
        let (Some(first), false, true) = (standing.first(), failing, sink.alertmanager.is_some()) else { return };
        let Ok(url) = sinks::address_of(&sink, None) else { return };
        let Some(_turn) = (self.parts.may_send)(&first.namespace) else { return };
        let outgoing = sinks::refresh(standing, Clock::real().now());
        if let Err(error) = self.post(&url, outgoing, &first.namespace).await {
            tracing::debug!(%error, sink = name, "active alerts could not be refreshed");
        }
    }
}
