//! The pictures of the documents: pages of the demo's contract as the demo leaves it, taken by a browser.
//!
//! `BPO_UPDATE=1 cargo test --test pages pictures` takes them again. Without it the test holds those that are kept to what the pages
//! look like now, seen from so far that letters of another font make no difference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use bpo_operator::api::{CampaignLaunch, KpiTarget, SlaReport, SlaReportSpec, VendorContract};
use bpo_operator::cli::evaluate::{RowsByContract, View, view};
use bpo_operator::cli::manifests;
use bpo_operator::feed::offline::rows_of;
use bpo_operator::view::kpi::{self, KpiPage};
use bpo_operator::view::launch::{self, Document};
use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{Facts, Portfolio, html};
use bpo_operator::view::report::{self, PeriodReport, earlier};
use bpo_operator::view::scorecard::{self, Scorecard};
use jiff::Timestamp;
use serde_json::json;

use crate::browser::{Visit, chromium, of_kind, visit};
use crate::judged::{Inside, inside, judged};
use crate::vendor::{Dataset, INTERVALS, OUTCOMES};

/// When the demo ends.
pub(crate) const END: &str = "2026-07-22T00:00:00Z";

/// Each picture and its height; all are 1100 pixels wide.
const PICTURES: [(&str, u32); 5] =
    [("portfolio", 1560), ("scorecard", 1500), ("kpi", 1240), ("report", 1500), ("launch", 1470)];
const WIDTH: u32 = 1100;

/// What the demo's manifests and its vendor's figures come to at its end.
pub(crate) fn story() -> (View, Inside) {
    let now: Timestamp = END.parse().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme-care");
    let manifests = manifests::read(&[folder]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let dataset = Dataset::story();
    let mut rows = RowsByContract::new();
    for (key, contract) in &manifests.contracts {
        let spec = &contract.object.spec;
        for (name, served) in [("acd", INTERVALS), ("outcomes", OUTCOMES)] {
            let feed = spec.feeds.iter().find(|feed| feed.name == name).unwrap();
            let published: Vec<_> =
                dataset.feeds[served].between(Timestamp::MIN, now).into_iter().map(|row| row.as_json()).collect();
            let content = json!({"schema": "bpo-feed/v1", "rows": published}).to_string();
            let found = rows_of(feed, &spec.time_zone, content.as_bytes(), now).unwrap();
            rows.entry(key.clone()).or_default().insert(name.to_owned(), found.rows.into_iter().collect());
        }
    }
    let view = view(&manifests, &rows, now);
    let inside = inside(&view, &rows, now);
    (view, inside)
}

/// The pages that the pictures are of.
fn pages() -> BTreeMap<&'static str, String> {
    let ((story, inside), now) = (story(), END.parse().unwrap());
    let contracts: Vec<VendorContract> = of_kind(&story.objects, "VendorContract");
    let kpis: Vec<KpiTarget> = of_kind(&story.objects, "KpiTarget");
    let launches: Vec<CampaignLaunch> = of_kind(&story.objects, "CampaignLaunch");
    let contract = &contracts[0];
    let mut specs: Vec<&SlaReportSpec> = story.reports.iter().map(|(.., spec)| spec).collect();
    specs.sort_by_key(|spec| std::cmp::Reverse(spec.period.start));
    let march = *specs.iter().find(|spec| spec.period.name == "2026-03").unwrap();
    let before = earlier(specs.iter().copied(), march);
    let facts = report::Facts {
        namespace: "",
        name: "acme-care-2026-03",
        report: march,
        status: None,
        terms: story.judged.values().next().map(|judged| judged.terms.as_ref()),
        earlier: &before,
        evidence: inside.of("acme-care-2026-03", before.first().copied()),
    };
    let level = kpis.iter().find(|kpi| kpi.metadata.name.as_deref() == Some("acme-service-level")).unwrap();
    let closed = inside.closed(&specs);
    let evidence = Some(kpi::Evidence { running: inside.running(), closed: &closed });
    let kpi = KpiPage::of(&kpi::Facts { kpi: level, contract, counter: None, reports: &specs, evidence });
    BTreeMap::from([
        ("portfolio", portfolio_of_six()),
        ("scorecard", scorecard::html(&Scorecard::of(contract, &kpis).in_year(contract, &launches, now), Links::None)),
        ("kpi", kpi::html(&kpi, Links::None)),
        ("report", report::html(&PeriodReport::of(&facts), Links::None)),
        ("launch", launch::html(&Document::of(&launches[0], Some(&contract.spec), now), Links::None)),
    ])
}

/// One contract does not make a portfolio: this one has six examples, on the morning after a month has ended.
fn portfolio_of_six() -> String {
    let now = "2026-04-01T06:00:00Z";
    let (mut contracts, mut kpis, mut launches, mut reports) = (vec![], vec![], vec![], vec![]);
    for name in [
        "uk-service-points",
        "texas-dir-pool",
        "launch-goes",
        "regimes/balanced-engagement",
        "regimes/massachusetts-connector",
        "regimes/xcel-minnesota",
    ] {
        let view = judged(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), now);
        contracts.extend(of_kind::<VendorContract>(&view.objects, "VendorContract"));
        kpis.extend(of_kind::<KpiTarget>(&view.objects, "KpiTarget"));
        launches.extend(of_kind::<CampaignLaunch>(&view.objects, "CampaignLaunch"));
        reports.extend(view.reports.iter().map(|(_, name, spec)| SlaReport::new(name, spec.clone())));
    }
    let now = now.parse().unwrap();
    let facts = Facts { contracts: &contracts, kpis: &kpis, launches: &launches, reports: &reports, now };
    html(&Portfolio::of(&facts), Links::None)
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/images/{name}.png"))
}

/// What a page looks like, as PNG.
fn taken(folder: &Path, name: &str, page: &str, height: u32) -> Vec<u8> {
    let (file, picture) = (folder.join(format!("{name}.html")), folder.join(format!("{name}.png")));
    std::fs::write(&file, page).unwrap();
    let mut command = chromium(&folder.join(format!("profile-{name}")));
    command.arg(format!("--screenshot={}", picture.display())).arg(format!("--window-size={WIDTH},{height}"));
    command.args(["--hide-scrollbars", "--force-device-scale-factor=1"]);
    let output = command.arg(format!("file://{}", file.display())).output().unwrap();
    std::fs::read(&picture)
        .unwrap_or_else(|error| panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Draws pairs of pictures small, and hands on their sizes and the mean difference of their points, from 0 to 1.
const HARNESS: &str = "<!DOCTYPE html><title>harness</title><link rel=icon href='data:,'><body><script>
(async () => {
  const load = source => new Promise(ready => { const image = new Image(); image.onload = () => ready(image); image.src = source; });
  const points = image => {
    const canvas = document.createElement('canvas'); canvas.width = 110; canvas.height = Math.round(image.height / 10);
    const context = canvas.getContext('2d'); context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const found = [];
  for (const [name, one, other] of PAIRS) {
    const [kept, now] = [await load(one), await load(other)];
    const [left, right] = [points(kept), points(now)];
    let difference = 0;
    for (let place = 0; place < left.length; place++) difference += Math.abs(left[place] - (right[place] ?? 255));
    found.push([name, kept.width, kept.height, now.width, now.height, difference / left.length / 255]);
  }
  await fetch('/found', {method: 'POST', body: JSON.stringify(found)});
})();
</script>";

#[test]
fn the_documents_show_the_demos_pages_as_they_look_now() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages();
    let encoded =
        |bytes: &[u8]| format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes));
    let mut pairs = Vec::new();
    for (name, height) in PICTURES {
        let picture = taken(folder.path(), name, &pages[name], height);
        if std::env::var_os("BPO_UPDATE").is_some() {
            std::fs::write(kept(name), &picture).unwrap();
        }
        let before = std::fs::read(kept(name)).unwrap_or_else(|error| panic!("{}: {error}", kept(name).display()));
        pairs.push((name, encoded(&before), encoded(&picture)));
    }
    let harness = HARNESS.replace("PAIRS", &serde_json::to_string(&pairs).unwrap());
    let Visit { found, .. } = visit(BTreeMap::from([("/harness".to_owned(), harness)]), &[]);
    let found: Vec<(String, u32, u32, u32, u32, f64)> = serde_json::from_str(&found).unwrap();
    assert_eq!(found.len(), PICTURES.len());
    for ((name, width, height, width_now, height_now, difference), (_, wanted)) in found.into_iter().zip(PICTURES) {
        let again = "take it again: BPO_UPDATE=1 cargo test --test pages pictures";
        assert_eq!((width, height), (WIDTH, wanted), "docs/images/{name}.png: {again}");
        assert_eq!((width_now, height_now), (WIDTH, wanted), "{name}");
        assert!(difference < 0.03, "docs/images/{name}.png: {difference:.3} of it looks different: {again}");
    }
}
