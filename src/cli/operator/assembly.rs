//! What the flags make the operator of: clock, proxy, scheduler and dispatcher.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;

use super::arguments::RunArguments;
use super::{RunError, Surroundings};
use crate::alert::dispatcher::{self, Dispatcher, Pace};
use crate::alert::mail::Mailer;
use crate::clock::Clock;
use crate::cluster::api_clock::ApiClock;
use crate::cluster::credentials::ClusterCredentials;
use crate::cluster::shards::Shards;
use crate::controller::context::AlertMode;
use crate::controller::run::Parts;
use crate::evidence::EvidenceStore;
use crate::feed::scheduler::{ClocksAgree, RowQuota, Scheduler};
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::guard::{AddressPolicy, SystemLookup};
use crate::outbound::proxy::Proxy;
use crate::web::metrics::Metrics;

fn dispatcher(
    arguments: &RunArguments,
    api_server: Vec<SocketAddr>,
    client: &Client,
    evidence: &Arc<dyn EvidenceStore>,
    metrics: &Metrics,
    shards: &Shards,
    proxy: Option<Arc<Proxy>>,
) -> Dispatcher {
    let shards = shards.clone();
    let policy = AddressPolicy::for_alerts(arguments.alert_allow_networks.clone()).sparing(api_server);
    let (counted, shown) = (metrics.clone(), metrics.clone());
    // The dispatcher leaves a failing receiver alone by itself, and reports it in words that stay the same.
    let limits = ClientLimits { breaker_failures: u32::MAX, ..ClientLimits::default() };
    Dispatcher::new(dispatcher::Parts {
        store: evidence.clone(),
        client: FeedClient::with(policy.clone(), Arc::new(SystemLookup), limits).through(proxy),
        mailer: Mailer::new(policy, Arc::new(SystemLookup)),
        credentials: Arc::new(ClusterCredentials::new(client.clone())),
        count: Box::new(move |sink, outcome| counted.alert(sink, outcome)),
        show_waiting: Box::new(move |waiting| shown.alerts_waiting(waiting)),
        may_send: Box::new(move |namespace| Some(Box::new(shards.turn_to_tell(namespace)?) as dispatcher::Turn)),
        pace: Pace::default(),
    })
}

pub(super) fn parts(
    arguments: &RunArguments,
    api_server: Vec<SocketAddr>,
    around: Surroundings,
    evidence: Arc<dyn EvidenceStore>,
    (instance, shards): (String, Shards),
) -> Parts {
    let Surroundings { clock, client, metrics, progress, fence: _, proxy, stop: _ } = around;
    let policy = AddressPolicy::new(arguments.feed_allow_networks.clone()).sparing(api_server.clone());
    let memory = arguments.memory();
    let quota = RowQuota {
        feed_year: arguments.rows_per_feed_year,
        contract: arguments.rows_per_contract,
        held: memory.rows_of_a_contract(),
        held_bytes: memory.bytes_of_a_contract(),
    };
    let credentials = Arc::new(ClusterCredentials::new(client.clone()));
    let limits = ClientLimits {
        text: memory.for_text(),
        reading: memory.for_reading(),
        most_rows: memory.rows_of_a_fetch(),
        ..ClientLimits::default()
    };
    let feeds = Arc::new(FeedClient::with(policy, Arc::new(SystemLookup), limits).through(proxy.clone()));
    let api_clock = Arc::new(ApiClock::default());
    let trusted = (clock.clone(), agreement(&clock, &api_clock));
    let alert_mode = match (clock.is_rehearsal(), arguments.rehearsal_alerts) {
        (false, _) => AlertMode::Sent,
        (true, true) => AlertMode::Marked,
        (true, false) => AlertMode::Silent,
    };
    if alert_mode == AlertMode::Silent {
        tracing::warn!("REHEARSAL: no alert is sent; --rehearsal-alerts sends them, each marked");
    }
    Parts {
        scheduler: Scheduler::within(feeds, evidence.clone(), credentials, trusted, quota),
        alerts: dispatcher(arguments, api_server, &client, &evidence, &metrics, &shards, proxy),
        client,
        namespaces: arguments.namespaces.clone(),
        clock,
        api_clock,
        evidence,
        metrics,
        alert_mode,
        progress,
        shards,
        sharing: None,
        settle: Duration::from_secs(arguments.settle_seconds),
        evidence_memory: memory.for_evidence(),
        instance,
    }
}

/// Whether feeds may be asked by a clock. A rehearsal's is never compared: it is as far ahead as somebody chose.
fn agreement(clock: &Clock, api_clock: &Arc<ApiClock>) -> ClocksAgree {
    let (is_rehearsal, api_clock) = (clock.is_rehearsal(), api_clock.clone());
    Arc::new(move || is_rehearsal || api_clock.agrees())
}

pub(super) fn proxy(arguments: &RunArguments) -> Result<Option<Arc<Proxy>>, RunError> {
    let Some(url) = &arguments.proxy else { return Ok(None) };
    let proxy = Proxy::new(url, arguments.proxy_resolves, arguments.proxy_except.clone()).map_err(RunError::Flag)?;
    tracing::info!(proxy = proxy.shown(), resolves = arguments.proxy_resolves, "feeds and alerts go through a proxy");
    Ok(Some(Arc::new(proxy)))
}

pub(super) fn clock(arguments: &RunArguments) -> Result<Clock, RunError> {
    if let Some(file) = &arguments.clock_steps {
        let clock = crate::cli::steps::clock_in(file).map_err(RunError::Flag)?;
        tracing::warn!(start = %clock.now(), file = %file.display(), "REHEARSAL: the clock is stopped and moves by the file; nothing that is written is a commitment");
        return Ok(clock);
    }
    let speed = arguments.clock_speed.unwrap_or(1.0);
    match arguments.clock_start {
        None if arguments.clock_speed.is_some() => Err(RunError::Flag(
            "--clock-speed needs --clock-start: from which instant should the rehearsal run?".into(),
        )),
        None => Ok(Clock::real()),
        Some(start) => {
            let clock = Clock::rehearsal(start, speed).map_err(|error| RunError::Flag(error.to_string()))?;
            tracing::warn!(%start, speed, "REHEARSAL: the clock is not the real one; nothing that is written is a commitment");
            Ok(clock)
        }
    }
}
