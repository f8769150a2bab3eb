//! Every page in a real Chromium, at the width of a phone, a tablet and a desk, and on paper.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bpo_operator::api::{CampaignLaunch, KpiTarget, SlaReport, SlaReportSpec, VendorContract};
use bpo_operator::cli::evaluate::View;
use bpo_operator::domain::settlement::reports::report_name;
use bpo_operator::view::kpi::{self, KpiPage};
use bpo_operator::view::launch::{self, Document};
use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{self, Portfolio};
use bpo_operator::view::report::{self, PeriodReport};
use bpo_operator::view::scorecard::{self, Scorecard};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::debian;
use crate::judged::{Inside, folders, judged_inside};
use crate::pictures::{END, story};

pub(crate) const WIDTHS: [u32; 3] = [360, 768, 1440];

pub(crate) fn of_kind<K: DeserializeOwned>(objects: &[serde_json::Value], kind: &str) -> Vec<K> {
    let own = objects.iter().filter(|object| object["kind"] == kind);
    own.map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
}

/// The pages of all examples, and of the demo as it ends, by their paths.
pub(crate) fn pages() -> BTreeMap<String, String> {
    static PAGES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    PAGES.get_or_init(drawn).clone()
}

fn drawn() -> BTreeMap<String, String> {
    let now = "2026-06-15T00:00:00Z";
    let mut drawn = Drawn::default();
    for folder in folders() {
        let (view, inside) = judged_inside(&folder, now);
        drawn.add(&view, &inside, now.parse().unwrap());
    }
    let (view, inside) = story();
    drawn.add(&view, &inside, END.parse().unwrap());
    assert!(drawn.pages.keys().any(|path| path.starts_with("/report-acme-care-")), "{:?}", drawn.pages.keys());
    let Drawn { mut pages, contracts, kpis, launches, reports } = drawn;
    let now = END.parse().unwrap();
    let facts = portfolio::Facts { contracts: &contracts, kpis: &kpis, launches: &launches, reports: &reports, now };
    pages.insert("/portfolio".to_owned(), portfolio::html(&Portfolio::of(&facts), Links::None));
    pages
}

/// The pages so far, and what the portfolio is drawn from.
#[derive(Default)]
struct Drawn {
    pages: BTreeMap<String, String>,
    contracts: Vec<VendorContract>,
    kpis: Vec<KpiTarget>,
    launches: Vec<CampaignLaunch>,
    reports: Vec<SlaReport>,
}

impl Drawn {
    /// Adds the pages of what was judged at an instant.
    fn add(&mut self, view: &View, inside: &Inside, at: Timestamp) {
        let contracts: Vec<VendorContract> = of_kind(&view.objects, "VendorContract");
        let kpis: Vec<KpiTarget> = of_kind(&view.objects, "KpiTarget");
        let launches: Vec<CampaignLaunch> = of_kind(&view.objects, "CampaignLaunch");
        for contract in &contracts {
            self.add_contract(contract, (&kpis, &launches), (view, inside), at);
            for launch in &launches {
                let page = launch::html(&Document::of(launch, Some(&contract.spec), at), Links::None);
                self.pages.insert(format!("/launch-{}", launch.metadata.name.as_ref().unwrap()), page);
            }
        }
        self.add_reports(view, inside);
        self.reports.extend(view.reports.iter().map(|(_, name, spec)| SlaReport::new(name, spec.clone())));
        self.launches.extend(launches);
        self.contracts.extend(contracts);
        self.kpis.extend(kpis);
    }

    /// The scorecard of a contract, and the pages of two of its KPIs.
    fn add_contract(
        &mut self,
        contract: &VendorContract,
        (kpis, launches): (&[KpiTarget], &[CampaignLaunch]),
        (view, inside): (&View, &Inside),
        at: Timestamp,
    ) {
        let name = contract.metadata.name.clone().unwrap();
        let card = Scorecard::of(contract, kpis).in_year(contract, launches, at);
        self.pages.insert(format!("/scorecard-{name}"), scorecard::html(&card, Links::None));
        let reports = newest_first(view);
        let closed = inside.closed(&reports);
        for kpi in kpis.iter().take(2) {
            let evidence = (!closed.is_empty()).then_some(kpi::Evidence { running: inside.running(), closed: &closed });
            let facts = kpi::Facts { kpi, contract, counter: kpis.last(), reports: &reports, evidence };
            let path = format!("/kpi-{name}-{}", kpi.metadata.name.as_ref().unwrap());
            self.pages.insert(path, kpi::html(&KpiPage::of(&facts), Links::None));
        }
    }

    /// Two reports in which there are rows, the newest ones.
    fn add_reports(&mut self, view: &View, inside: &Inside) {
        let reports = newest_first(view);
        let with_rows = reports.iter().filter(|spec| spec.kpis.iter().any(|line| line.evidence.rows > 0));
        for spec in with_rows.take(2) {
            let earlier: Vec<&SlaReportSpec> =
                reports.iter().copied().filter(|it| it.period.start < spec.period.start).collect();
            let name = format!("{}-{}", spec.contract, spec.period.name);
            let own_name = report_name(&spec.contract, &spec.period.name, spec.revision);
            let facts = report::Facts {
                namespace: "",
                name: &name,
                report: spec,
                status: None,
                terms: view.judged.values().next().map(|judged| &*judged.terms),
                earlier: &earlier,
                evidence: inside.of(&own_name, earlier.first().copied()),
            };
            self.pages.insert(format!("/report-{name}"), report::html(&PeriodReport::of(&facts), Links::None));
        }
    }
}

fn newest_first(view: &View) -> Vec<&SlaReportSpec> {
    let mut reports: Vec<&SlaReportSpec> = view.reports.iter().map(|(.., spec)| spec).collect();
    reports.sort_by_key(|spec| std::cmp::Reverse(spec.period.start));
    reports
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
pub(crate) fn chromium(profile: &Path) -> Command {
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
pub(crate) struct Visit {
    /// What the harness handed on.
    pub found: String,
    /// The browser's log.
    pub said: String,
    /// The paths that were asked for.
    pub asked: Vec<String>,
}

/// Opens `/harness` of these pages and waits for what it finds.
pub(crate) fn visit(pages: BTreeMap<String, String>, flags: &[&str]) -> Visit {
    let (sender, receiver) = channel();
    let server = Pages::serve(pages, sender);
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = chromium(&folder.path().join("profile"));
    command.args(flags).args(["--remote-debugging-port=0", &format!("http://127.0.0.1:{}/harness", server.port)]);
    let browser = Browser(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let found = receiver.recv_timeout(Duration::from_secs(480)).unwrap_or_else(|error| panic!("{error}: {}", said()));
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

/// How many sheets of paper a browser makes of a page. The profile is the same for all, so that only the first start makes one.
fn sheets(folder: &Path, page: &str) -> usize {
    let (file, paper) = (folder.join("page.html"), folder.join("page.pdf"));
    std::fs::write(&file, page).unwrap();
    let mut command = chromium(&folder.join("profile"));
    command.arg(format!("--print-to-pdf={}", paper.display())).arg("--no-pdf-header-footer");
    let output = command.arg(format!("file://{}", file.display())).output().unwrap();
    let pdf =
        std::fs::read(&paper).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    std::fs::remove_file(&paper).unwrap();
    // Chromium writes an object of type Page for each page of paper.
    pdf.windows(11).filter(|word| word == b"/Type /Page").count()
        - pdf.windows(12).filter(|word| word == b"/Type /Pages").count()
}

#[test]
fn a_page_of_each_kind_prints_on_paper() {
    let pages = pages();
    let folder = tempfile::tempdir().unwrap();
    for (kind, most) in [
        ("/report-uk-service-points", 8),
        ("/scorecard-acme-care", 8),
        ("/kpi-acme-care-", 8),
        ("/launch-", 8),
        ("/portfolio", 12),
    ] {
        let (path, page) = pages.iter().find(|(path, _)| path.starts_with(kind)).unwrap_or_else(|| panic!("{kind}"));
        let sheets = sheets(folder.path(), page);
        assert!((1..=most).contains(&sheets), "{path}: {sheets} pages");
    }
}
