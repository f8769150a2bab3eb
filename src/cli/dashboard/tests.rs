//! The dashboard as a browser meets it, over real HTTP on loopback.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::pages::{Source, Store};
use super::server::{Served, serve};
use crate::api::{KpiTarget, SlaReport, VendorContract};
use crate::cli::gathered::Gathered;
use crate::view::report::fixtures::march;

fn gathered(vendor: &str) -> Gathered {
    let contract: VendorContract = serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract", "metadata": {"name": "acme-care", "namespace": "cx"},
        "spec": {"vendor": {"name": vendor}, "term": {"start": "2026-01-01", "end": "2026-12-31"}},
    }))
    .unwrap();
    let kpi: KpiTarget = serde_json::from_value(json!({
        "apiVersion": "bpo-operator.io/v1alpha1", "kind": "KpiTarget",
        "metadata": {"name": "acme-service-level", "namespace": "cx"},
        "spec": {"contractRef": {"name": "acme-care"}, "kpi": "ServiceLevel", "source": {"feed": "acd"}, "objective": {"target": 80}},
    }))
    .unwrap();
    let mut report = SlaReport::new("acme-care-2026-03", march());
    report.metadata.namespace = Some("cx".to_owned());
    Gathered { contracts: vec![contract], kpis: vec![kpi], reports: vec![report], ..Gathered::default() }
}

/// A server with its address in parts.
struct Running {
    host: String,
    token: String,
    _served: Served,
    _stop: tokio_util::sync::DropGuard,
}

async fn running(vendor: &str) -> Running {
    let source = Source::Files { gathered: gathered(vendor), now: "2026-04-15T00:00:00Z".parse().unwrap() };
    let stop = CancellationToken::new();
    let served = serve(0, Store::new(source), stop.clone()).await.unwrap();
    let (host, token) = served.address.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    Running { host: host.to_owned(), token: token.to_owned(), _stop: stop.drop_guard(), _served: served }
}

impl Running {
    /// Head and body of the answer to a request with these header lines.
    async fn ask(&self, line: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        stream.write_all(format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.host)
    }

    /// The header lines of a browser that came by the address.
    async fn known(&self) -> String {
        let (head, _) = self.ask(&format!("GET /?token={}", self.token), &self.host()).await;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
        format!("{}Cookie: {}\r\n", self.host(), cookie.split(';').next().unwrap())
    }
}

#[tokio::test]
async fn every_page_is_for_who_came_by_the_address_under_a_strict_policy() {
    let hostile = "Acme <script>alert(1)</script>";
    let server = running(hostile).await;
    let known = server.known().await;
    let pages = [
        ("/", "Portfolio"),
        ("/contracts/cx/acme-care", "To raise in the next review"),
        ("/kpis/cx/acme-service-level", "How it is judged"),
        ("/reports/cx/acme-care-2026-03", "From counts to money"),
    ];
    for (path, said) in pages {
        let (head, body) = server.ask(&format!("GET {path}"), &known).await;
        let body = String::from_utf8(body).unwrap();
        assert!(head.starts_with("http/1.1 200") && body.contains(said), "{path}: {head}\n{body}");
        assert!(!body.contains("<script>alert"), "{path}");
        for policy in ["default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "form-action 'none'"] {
            assert!(head.contains(policy), "{path}: {policy}: {head}");
        }
        assert!(!head.contains("unsafe"), "{path}: {head}");
        for line in ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "cache-control: no-store"] {
            assert!(head.contains(line), "{path}: {line}: {head}");
        }
        let (head, _) = server.ask(&format!("GET {path}"), &server.host()).await;
        assert!(head.starts_with("http/1.1 403"), "{path} without the cookie: {head}");
        let (head, body) = server.ask(&format!("POST {path}"), &format!("{known}Content-Length: 0\r\n")).await;
        assert!(head.starts_with("http/1.1 405") && !body.is_empty(), "{path}: {head}");
        let elsewhere = known.replace(&server.host, "evil.example");
        let (head, _) = server.ask(&format!("GET {path}"), &elsewhere).await;
        assert!(head.starts_with("http/1.1 421"), "{path} by another name: {head}");
    }
}

#[tokio::test]
async fn files_are_kept_under_their_names_and_what_is_not_there_is_said() {
    let server = running("Acme").await;
    let known = server.known().await;
    let (head, body) = server.ask("GET /workbooks/cx/acme-care-2026-03", &known).await;
    assert!(head.contains("attachment; filename=\"acme-care-2026-03.xlsx\"") && body.len() > 1_000, "{head}");
    let (head, body) = server.ask("GET /calendars/cx/acme-care", &known).await;
    assert!(head.contains("text/calendar") && String::from_utf8_lossy(&body).contains("BEGIN:VCALENDAR"), "{head}");
    for path in ["/contracts/cx/nobody", "/contracts/other/acme-care", "/secrets/cx/x", "/%2e%2e/etc/passwd", "/a"] {
        let (head, _) = server.ask(&format!("GET {path}"), &known).await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
}

#[test]
fn everything_is_written_as_files_that_link_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let now = "2026-04-15T00:00:00Z".parse().unwrap();
    assert_eq!(super::write(&gathered("Acme"), now, folder.path()), Ok(6));
    let names = [
        "portfolio.html",
        "contract-cx-acme-care.html",
        "contract-cx-acme-care.ics",
        "kpi-cx-acme-service-level.html",
        "report-cx-acme-care-2026-03.html",
        "report-cx-acme-care-2026-03.xlsx",
    ];
    for name in names {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("href=\"/") && !text.contains("<script"), "{name} links to the dashboard");
    }
    let wrong = super::write(&gathered("Acme"), now, &folder.path().join("portfolio.html")).unwrap_err();
    assert!(wrong.contains("portfolio.html"), "{wrong}");
}

#[tokio::test]
async fn it_listens_on_this_machine_alone() {
    let server = running("Acme").await;
    assert!(server.host.starts_with("127.0.0.1:"), "{}", server.host);
}
