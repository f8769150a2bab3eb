//! The way of spans to a collector: OTLP over HTTP as protobuf, by the same TLS as everything else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::TARGET;
use crate::outbound::cause::deepest;
use crate::outbound::tls::{TlsIdentity, system_authorities};

/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long what is left may take to be delivered when the operator ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// How much of an answer is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// Spans on their way. What is left is delivered by [`Traces::end`].
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send spans to a collector, such as `http://collector.example:4318`. `runtime` is what delivers them.
    ///
    /// # Errors
    /// A sentence: the address cannot be used, or TLS cannot be set up.
    pub fn begin(endpoint: &str, runtime: Handle) -> Result<Self, String> {
        let client = Collector::new(runtime)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            .with_endpoint(traces_at(endpoint)?)
            .build()
            .map_err(|error| format!("traces cannot be sent: {error}"))?;
        let instance = std::env::var("HOSTNAME").unwrap_or_default();
        let resource = Resource::builder()
            .with_service_name("bpo-operator")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", format!("{instance}/{}", std::process::id())))
            .build();
        Ok(Traces(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
    }

    /// The layer by which stages become spans. Lines of the log do not.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("bpo-operator"));
        let layer = layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
        let stages = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET);
        layer.with_filter(stages.with_max_level_hint(LevelFilter::INFO))
    }

    /// Delivers what is left.
    pub async fn end(self) {
        // It blocks, and its deliveries need the runtime.
        let _ = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FAREWELL)).await;
    }
}

/// Keeps stages out of the lines of the log.
pub fn all_but_stages() -> FilterFn {
    filter_fn(|metadata| !metadata.is_span() || metadata.target() != TARGET)
}

/// Where a collector takes traces.
fn traces_at(endpoint: &str) -> Result<String, String> {
    let unusable = |why: &str| {
        format!(
            "--otlp-endpoint {why}: write the address of a collector's OTLP over HTTP, such as http://collector.monitoring.svc:4318"
        )
    };
    let url = Url::parse(endpoint.trim()).map_err(|_| unusable("cannot be read"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(unusable("is not an http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(unusable("may hold no password and no query (set OTEL_EXPORTER_OTLP_HEADERS for a token)"));
    }
    let text = url.as_str().trim_end_matches('/');
    Ok(if text.ends_with("/v1/traces") { text.to_owned() } else { format!("{text}/v1/traces") })
}

/// The collector. Spans are handed over by a thread of their own, and requests are made by the operator's runtime.
#[derive(Clone, Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    is_away: Arc<AtomicBool>,
}

impl Collector {
    fn new(runtime: Handle) -> Result<Self, String> {
        let tls = TlsIdentity::default().configuration(&system_authorities()).map_err(|error| error.message)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| format!("the client for traces cannot be made: {error}"))?;
        Ok(Collector { client, runtime, is_away: Arc::default() })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let mut answer = self.client.execute(request).await.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + part.len() > LONGEST_ANSWER {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&part);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }

    /// Says once that traces do not arrive, and once that they do again.
    fn tell(&self, failure: Option<String>) {
        let was_away = self.is_away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_away => tracing::warn!(why, "traces are not delivered; those of now are lost"),
            None if was_away => tracing::info!("traces are delivered again"),
            Some(_) | None => {}
        }
    }
}

impl HttpClient for Collector {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        let collector = self.clone();
        Box::pin(async move {
            let sender = collector.clone();
            let sent = collector.runtime.spawn(async move { sender.send(request).await });
            let answer = sent.await.unwrap_or_else(|error| Err(error.into()));
            collector.tell(match &answer {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("the collector answers {}", answer.status())),
                Err(error) if error.source().is_none() => Some(error.to_string()),
                Err(error) => Some(deepest(error.as_ref())),
            });
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_without_secrets_and_its_path_is_added() {
        for (endpoint, found) in [
            ("http://collector:4318", Ok("http://collector:4318/v1/traces")),
            (" https://otlp.example/tenant/ ", Ok("https://otlp.example/tenant/v1/traces")),
            ("http://collector:4318/v1/traces", Ok("http://collector:4318/v1/traces")),
            ("collector:4318", Err("is not an http or https address")),
            ("grpc://collector:4317", Err("is not an http or https address")),
            ("http://user:secret@collector:4318", Err("OTEL_EXPORTER_OTLP_HEADERS")),
            ("http://collector:4318/?key=secret", Err("OTEL_EXPORTER_OTLP_HEADERS")),
            ("no address", Err("such as http://collector.monitoring.svc:4318")),
        ] {
            match (traces_at(endpoint), found) {
                (Ok(at), Ok(expected)) => assert_eq!(at, expected),
                (Err(why), Err(expected)) => {
                    assert!(why.contains(expected) && !why.contains("secret"), "{endpoint}: {why}");
                }
                (at, _) => panic!("{endpoint}: {at:?}"),
            }
        }
    }
}
