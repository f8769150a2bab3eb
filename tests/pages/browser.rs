//! Every page in a real Chromium, at the width of a phone, a tablet and a desk, and on paper.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bpo_operator::api::{CampaignLaunch, KpiTarget, SlaReport, SlaReportSpec, VendorContract};
use bpo_operator::domain::settlement::reports::report_name;
use bpo_operator::view::kpi::{self, KpiPage};
use bpo_operator::view::launch::{self, Document};
use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{self, Portfolio};
use bpo_operator::view::report::{self, PeriodReport};
use bpo_operator::view::scorecard::{self, Scorecard};
use serde::de::DeserializeOwned;

use crate::debian;
use crate::judged::{folders, judged_inside};

const WIDTHS: [u32; 3] = [360, 768, 1440];

pub fn of_kind<K: DeserializeOwned>(objects: &[serde_json::Value], kind: &str) -> Vec<K> {
    let own = objects.iter().filter(|object| object["kind"] == kind);
    own.map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
}

/// The pages of all examples by their paths.
pub fn pages() -> BTreeMap<String, String> {
    let now = "2026-06-15T00:00:00Z";
    let at = now.parse().unwrap();
    let mut pages = BTreeMap::new();
    let (mut contracts, mut kpis, mut launches, mut reports) = (vec![], vec![], vec![], vec![]);
    for folder in folders() {
        let (view, inside) = judged_inside(&folder, now);
        let own: Vec<VendorContract> = of_kind(&view.objects, "VendorContract");
        let own_kpis: Vec<KpiTarget> = of_kind(&view.objects, "KpiTarget");
        let mut specs: Vec<&SlaReportSpec> = view.reports.iter().map(|(.., spec)| spec).collect();
        specs.sort_by_key(|spec| std::cmp::Reverse(spec.period.start));
        let with_evidence = inside.closed(&specs);
        for contract in &own {
            let name = contract.metadata.name.clone().unwrap();
            let card = Scorecard::of(contract, &own_kpis).in_year(contract, &[], at);
            pages.insert(format!("/scorecard-{name}"), scorecard::html(&card, Links::None));
            for kpi in own_kpis.iter().take(2) {
                let evidence = (!with_evidence.is_empty())
                    .then_some(kpi::Evidence { running: inside.running(), closed: &with_evidence });
                let facts = kpi::Facts { kpi, contract, counter: own_kpis.last(), reports: &specs, evidence };
                let path = format!("/kpi-{name}-{}", kpi.metadata.name.as_ref().unwrap());
                pages.insert(path, kpi::html(&KpiPage::of(&facts), Links::None));
            }
            for launch in of_kind::<CampaignLaunch>(&view.objects, "CampaignLaunch") {
                let page = launch::html(&Document::of(&launch, Some(&contract.spec), at), Links::None);
                pages.insert(format!("/launch-{}", launch.metadata.name.as_ref().unwrap()), page);
                launches.push(launch);
            }
        }
        let with_rows = specs.iter().filter(|spec| spec.kpis.iter().any(|line| line.evidence.rows > 0));
        for spec in with_rows.take(2) {
            let earlier: Vec<&SlaReportSpec> =
                specs.iter().copied().filter(|it| it.period.start < spec.period.start).collect();
            let terms = view.judged.values().next().map(|judged| &*judged.terms);
            let name = format!("{}-{}", spec.contract, spec.period.name);
            let own_name = report_name(&spec.contract, &spec.period.name, spec.revision);
            let evidence = inside.of(&own_name, earlier.first().copied());
            let facts = report::Facts {
                namespace: "",
                name: &name,
                report: spec,
                status: None,
                terms,
                earlier: &earlier,
                evidence,
            };
            pages.insert(format!("/report-{name}"), report::html(&PeriodReport::of(&facts), Links::None));
        }
        reports.extend(view.reports.iter().map(|(_, name, spec)| SlaReport::new(name, spec.clone())));
        contracts.extend(own);
        kpis.extend(own_kpis);
    }
    let facts =
        portfolio::Facts { contracts: &contracts, kpis: &kpis, launches: &launches, reports: &reports, now: at };
    pages.insert("/portfolio".to_owned(), portfolio::html(&Portfolio::of(&facts), Links::None));
    pages
}

/// Opens each page in frames of each width, and reports by how much it is too wide, and how many headings of the first rank it has.
const HARNESS: &str = "<!DOCTYPE html><title>harness</title><link rel=icon href='data:,'><body><script>
(async () => {
  console.log('the harness begins');
  const found = [];
  for (const [path, width] of JOBS) {
    const frame = document.createElement('iframe');
    frame.style.width = width + 'px'; frame.style.height = '900px'; frame.style.border = 0;
    frame.src = path;
    await new Promise(ready => { frame.onload = ready; document.body.append(frame); });
    const page = frame.contentDocument;
    found.push([path, width, page.documentElement.scrollWidth - page.documentElement.clientWidth, page.querySelectorAll('h1').length]);
    frame.remove();
  }
  await fetch('/found', {method: 'POST', body: JSON.stringify(found)});
})();
</script>";

/// A server of pages on loopback, which notes what it was asked for and hands on what the harness found.
struct Pages {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Pages {
    fn serve(pages: BTreeMap<String, String>, found: Sender<String>) -> Pages {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (pages, notes) = (Arc::new(pages), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, notes, found) = (Arc::clone(&pages), Arc::clone(&notes), found.clone());
                std::thread::spawn(move || answer(stream, &pages, &notes, &found));
            }
        });
        Pages { port, asked }
    }
}

fn answer(
    mut stream: TcpStream,
    pages: &BTreeMap<String, String>,
    asked: &Mutex<Vec<String>>,
    found: &Sender<String>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let path = first.split(' ').nth(1)?.to_owned();
    if path == "/found" {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        found.send(String::from_utf8(body).ok()?).ok()?;
    }
    asked.lock().ok()?.push(path.clone());
    let body = pages.get(&path).map_or("", String::as_str);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()
}

/// A browser that knows no other host than this machine.
pub fn chromium(profile: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let chrome = std::env::split_paths(&path).map(|folder| folder.join("google-chrome")).find(|file| file.is_file());
    let program = chrome.map_or_else(|| debian::program("chromium", "chromium"), Ok);
    let mut command = Command::new(program.unwrap_or_else(|advice| panic!("{advice}")));
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// Ends the browser with the value.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a visit of the page `/harness` found, said on the console and asked the server for.
pub struct Visit {
    /// What the harness handed on.
    pub found: String,
    /// The browser's log.
    pub said: String,
    /// The paths that were asked for.
    pub asked: Vec<String>,
}

/// Opens `/harness` of these pages and waits for what it finds.
pub fn visit(pages: BTreeMap<String, String>, flags: &[&str]) -> Visit {
    let (sender, receiver) = channel();
    let server = Pages::serve(pages, sender);
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = chromium(&folder.path().join("profile"));
    command.args(flags).args(["--remote-debugging-port=0", &format!("http://127.0.0.1:{}/harness", server.port)]);
    let browser = Browser(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let found = receiver.recv_timeout(Duration::from_secs(240)).unwrap_or_else(|error| panic!("{error}: {}", said()));
    drop(browser);
    let asked = server.asked.lock().unwrap().clone();
    Visit { found, said: said(), asked }
}

#[test]
fn every_page_fits_a_phone_a_tablet_and_a_desk_says_nothing_on_the_console_and_asks_for_nothing() {
    let mut pages = pages();
    assert!(pages.len() > 25, "{:?}", pages.keys());
    let jobs: Vec<(&String, u32)> = pages.keys().flat_map(|path| WIDTHS.map(|width| (path, width))).collect();
    let count = jobs.len();
    let harness = HARNESS.replace("JOBS", &serde_json::to_string(&jobs).unwrap());
    let paths: Vec<String> = pages.keys().cloned().collect();
    pages.insert("/harness".to_owned(), harness);
    let Visit { found, said, asked } = visit(pages, &[]);
    let found: Vec<(String, u32, i64, u32)> = serde_json::from_str(&found).unwrap();
    assert_eq!(found.len(), count);
    for (path, width, beyond, headings) in found {
        assert_eq!(
            (beyond, headings),
            (0, 1),
            "{path} at {width} pixels: beyond its window, headings of the first rank"
        );
    }
    let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.len() == 1 && console[0].contains("the harness begins"), "{console:?}");
    let foreign = |path: &&String| !paths.contains(path) && !["/harness", "/found"].contains(&path.as_str());
    assert_eq!(asked.iter().filter(foreign).collect::<Vec<_>>(), Vec::<&String>::new(), "a page asked for something");
}

#[test]
fn a_report_prints_on_paper() {
    let pages = pages();
    let (path, page) = pages.iter().find(|(path, _)| path.starts_with("/report-uk-service-points")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, paper) = (folder.path().join("report.html"), folder.path().join("report.pdf"));
    std::fs::write(&file, page).unwrap();
    let mut command = chromium(&folder.path().join("profile"));
    command.arg(format!("--print-to-pdf={}", paper.display())).arg("--no-pdf-header-footer");
    let output = command.arg(format!("file://{}", file.display())).output().unwrap();
    let pdf = std::fs::read(&paper)
        .unwrap_or_else(|error| panic!("{path}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    // Chromium writes an object of type Page for each page of paper.
    let sheets = pdf.windows(11).filter(|word| word == b"/Type /Page").count()
        - pdf.windows(12).filter(|word| word == b"/Type /Pages").count();
    assert!((1..=8).contains(&sheets), "{path}: {sheets} pages");
}
