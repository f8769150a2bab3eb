//! Real contracts, judged to the figures that their sources publish or that their READMEs work out by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpo_operator::api::SlaReportSpec;
use bpo_operator::cli::evaluate::{FeedFile, RowsByContract, View, contract_of_file, view};
use bpo_operator::cli::manifests;
use bpo_operator::feed::offline::rows_of;

/// The contracts of a folder of `examples`, with the files of its feeds, at an instant.
fn judged(folder: &str, feeds: &[&str], now: &str) -> View {
    judged_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder), feeds, now)
}

/// The same for any folder that holds `contract.yaml` and `feeds`.
fn judged_in(folder: &Path, feeds: &[&str], now: &str) -> View {
    let manifests = manifests::read(&[folder.join("contract.yaml")]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut rows: RowsByContract = BTreeMap::new();
    for name in feeds {
        let file = folder.join("feeds").join(format!("{name}.json"));
        let content = std::fs::read(&file).unwrap();
        let feed_file = FeedFile { contract: None, feed: (*name).to_owned(), file };
        let key = contract_of_file(&manifests, &feed_file).unwrap();
        let contract = &manifests.contracts[&key].object.spec;
        let feed = contract.feeds.iter().find(|feed| feed.name == *name).unwrap();
        let found = rows_of(feed, &contract.time_zone, &content, now.parse().unwrap()).unwrap();
        assert!(found.rejected.is_empty(), "{name}: {:?}", found.rejected);
        rows.entry(key).or_default().insert((*name).to_owned(), found.rows.into_iter().collect());
    }
    view(&manifests, &rows, now.parse().unwrap())
}

fn report<'v>(view: &'v View, name: &str) -> &'v SlaReportSpec {
    let found = view.reports.iter().find(|(_, report, _)| report == name);
    let known: Vec<&str> = view.reports.iter().map(|(_, report, _)| report.as_str()).collect();
    &found.unwrap_or_else(|| panic!("no report {name} among {known:?}")).2
}

/// A line in few words: value, verdict, severity, points, credit, bonus.
fn line(report: &SlaReportSpec, kpi: &str) -> String {
    let line = report.kpis.iter().find(|line| line.name == kpi).unwrap();
    let severity = line.severity.map_or("-".to_owned(), |severity| format!("{severity:?}"));
    let text = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    let (value, credit, bonus) = (text(&line.value), text(&line.credit), text(&line.bonus));
    format!("{value} {:?} {severity} {} points, {credit}, bonus {bonus}", line.verdict, line.points)
}

/// The money of a period in few words.
fn money(report: &SlaReportSpec) -> String {
    let credit = report.credit.as_ref().unwrap();
    format!("{} capped by {:?} to {}, bonus {}", credit.before_caps, credit.capped_by, credit.net, credit.bonus)
}

#[test]
fn service_points_double_for_each_miss_that_follows_a_miss() {
    let view = judged("uk-service-points", &["casework"], "2026-06-01T00:00:00Z");
    let cases = [
        // The published sequence 98.5, 96.5, 96.5 costs 1, 6 and 6 points.
        ("2026-01", "cases-on-time", "98.5 Missed Minor 1 points, 0.00, bonus 0.00"),
        ("2026-02", "cases-on-time", "96.5 Missed Severe 6 points, 0.00, bonus 0.00"),
        ("2026-03", "cases-on-time", "96.5 Missed Severe 6 points, 0.00, bonus 0.00"),
        ("2026-04", "cases-on-time", "99.2 Met - 0 points, 0.00, bonus 0.00"),
        // The published sequence 96.5, 98.5, 96.5 costs 3, 2 and 6 points.
        ("2026-01", "cases-without-error", "96.5 Missed Severe 3 points, 0.00, bonus 0.00"),
        ("2026-02", "cases-without-error", "98.5 Missed Minor 2 points, 0.00, bonus 0.00"),
        ("2026-03", "cases-without-error", "96.5 Missed Severe 6 points, 0.00, bonus 0.00"),
        ("2026-04", "cases-without-error", "99.5 Met - 0 points, 0.00, bonus 0.00"),
    ];
    for (period, kpi, expected) in cases {
        assert_eq!(line(report(&view, &format!("uk-service-points-{period}")), kpi), expected, "{period} {kpi}");
    }
    let periods = [
        ("2026-01", 4, "2000.00 capped by [] to 2000.00, bonus 0.00", vec![]),
        ("2026-02", 8, "4000.00 capped by [] to 4000.00, bonus 0.00", vec![]),
        (
            "2026-03",
            12,
            "6000.00 capped by [] to 6000.00, bonus 0.00",
            vec!["persistent-failure cases-on-time", "persistent-failure cases-without-error"],
        ),
        (
            "2026-04",
            0,
            "0.00 capped by [] to 0.00, bonus 0.00",
            vec!["persistent-failure cases-on-time", "persistent-failure cases-without-error"],
        ),
    ];
    for (period, points, expected, triggers) in periods {
        let report = report(&view, &format!("uk-service-points-{period}"));
        let fired: Vec<String> = report
            .triggers
            .iter()
            .map(|trigger| format!("{} {}", trigger.name, trigger.kpi.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!((report.points, money(report).as_str()), (points, expected), "{period}");
        assert_eq!(fired, triggers, "{period}");
    }
}

#[test]
fn credits_of_a_pool_add_up_to_the_amount_at_risk_and_never_more() {
    let view = judged("texas-dir-pool", &["contact-centre"], "2026-05-01T00:00:00Z");
    let cases = [
        // 100,000 × 10 % at risk × pool 50 % × allocation 40 %.
        ("2026-01", "dir-service-level", "78 Missed Serious 0 points, 2000.00, bonus 0.00"),
        ("2026-01", "dir-resolution", "80 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-01", "dir-abandonment", "4 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-01", "dir-quality", "95 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-02", "dir-service-level", "70 Missed Serious 0 points, 2000.00, bonus 0.00"),
        ("2026-02", "dir-resolution", "70 Missed Serious 0 points, 4000.00, bonus 0.00"),
        ("2026-02", "dir-abandonment", "6 Missed Serious 0 points, 3000.00, bonus 0.00"),
        ("2026-02", "dir-quality", "85 Missed Serious 0 points, 2500.00, bonus 0.00"),
        // Each exactly at its target.
        ("2026-03", "dir-service-level", "80 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-03", "dir-resolution", "75 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-03", "dir-abandonment", "5 Met - 0 points, 0.00, bonus 0.00"),
        ("2026-03", "dir-quality", "90 Met - 0 points, 0.00, bonus 0.00"),
    ];
    for (period, kpi, expected) in cases {
        assert_eq!(line(report(&view, &format!("texas-dir-pool-{period}")), kpi), expected, "{period} {kpi}");
    }
    let periods = [
        ("2026-01", "2000.00 capped by [] to 2000.00, bonus 0.00"),
        ("2026-02", "11500.00 capped by [Period] to 10000.00, bonus 0.00"),
        ("2026-03", "0.00 capped by [] to 0.00, bonus 0.00"),
    ];
    for (period, expected) in periods {
        assert_eq!(money(report(&view, &format!("texas-dir-pool-{period}"))), expected, "{period}");
    }
}

#[test]
fn malus_and_bonus_follow_their_own_steps() {
    let view = judged("massachusetts-bonus-malus", &["calls", "surveys"], "2025-11-30T00:00:00Z");
    let cases = [
        ("calls-2025-07", "speed-of-answer", "72 Missed Severe 0 points, 5000.00, bonus 0.00"),
        ("calls-2025-07", "answered-in-30-seconds", "64.9 Missed Serious 0 points, 2500.00, bonus 0.00"),
        ("calls-2025-07", "abandoned", "5.4 Missed Severe 0 points, 5000.00, bonus 0.00"),
        ("calls-2025-07", "over-two-minutes", "31 Missed Severe 0 points, 5000.00, bonus 0.00"),
        // Between 65 and 70 %: missed, and free.
        ("calls-2025-08", "speed-of-answer", "48 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-08", "answered-in-30-seconds", "67 Missed Minor 0 points, 0.00, bonus 0.00"),
        ("calls-2025-08", "abandoned", "2.9 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-08", "over-two-minutes", "9.9 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-09", "speed-of-answer", "30 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-09", "answered-in-30-seconds", "81 Met - 0 points, 0.00, bonus 2500.00"),
        ("calls-2025-09", "abandoned", "1.4 Met - 0 points, 0.00, bonus 2500.00"),
        ("calls-2025-09", "over-two-minutes", "4 Met - 0 points, 0.00, bonus 0.00"),
        // Exactly at the edges: neither malus nor bonus.
        ("calls-2025-10", "speed-of-answer", "60 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-10", "answered-in-30-seconds", "80 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-10", "abandoned", "3 Met - 0 points, 0.00, bonus 0.00"),
        ("calls-2025-10", "over-two-minutes", "9.9 Met - 0 points, 0.00, bonus 0.00"),
        ("surveys-2025-q3", "satisfied-members", "91 Met - 0 points, 0.00, bonus 2500.00"),
    ];
    for (name, kpi, expected) in cases {
        assert_eq!(line(report(&view, &format!("massachusetts-{name}")), kpi), expected, "{name} {kpi}");
    }
    let periods = [
        ("calls-2025-07", "17500.00 capped by [] to 17500.00, bonus 0.00"),
        ("calls-2025-08", "0.00 capped by [] to 0.00, bonus 0.00"),
        ("calls-2025-09", "0.00 capped by [] to 0.00, bonus 5000.00"),
        ("calls-2025-10", "0.00 capped by [] to 0.00, bonus 0.00"),
        ("surveys-2025-q3", "0.00 capped by [] to 0.00, bonus 2500.00"),
    ];
    for (name, expected) in periods {
        assert_eq!(money(report(&view, &format!("massachusetts-{name}"))), expected, "{name}");
    }
}

#[test]
fn each_readme_shows_what_its_command_prints() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["uk-service-points", "texas-dir-pool", "massachusetts-bonus-malus"] {
        let readme = std::fs::read_to_string(project.join("examples").join(folder).join("README.md")).unwrap();
        let block = |language: &str| {
            let start =
                readme.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("{folder}: {language}")).1;
            start.split_once("```").unwrap().0.replace("\\\n", " ")
        };
        let command = block("sh");
        let arguments = command.split_whitespace().skip(2);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
            .args(arguments)
            .current_dir(project)
            .output()
            .unwrap();
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        let without_margin = |text: &str| text.trim().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let printed = without_margin(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(
            without_margin(&block("text")),
            printed,
            "{folder}: put into its README what the command prints now"
        );
    }
}

/// One row of the table of figures in a README: period, KPI (or `net`), value, verdict, credit, bonus.
type Figures = [String; 6];

/// The table of figures by hand.
fn figures(readme: &str) -> Vec<Figures> {
    let table = readme.split_once("| period | KPI | value | verdict | credit | bonus |\n").unwrap().1;
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{cells:?} is not a row of six cells"))
    })
    .collect()
}

/// The same cells as the judgement has them; cells that the README leaves empty stay empty.
fn judged_figures(view: &View, contract: &str, expected: &Figures) -> Figures {
    let [period, kpi, ..] = expected;
    let found = report(view, &format!("{contract}-{}", period.to_lowercase()));
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let cells = if kpi == "net" {
        let credit = found.credit.as_ref().unwrap();
        [period.clone(), kpi.clone(), String::new(), String::new(), credit.net.clone(), credit.bonus.clone()]
    } else {
        let line = found.kpis.iter().find(|line| line.name == *kpi).unwrap_or_else(|| panic!("no KPI {kpi}"));
        let (credit, bonus) = (text(line.credit.as_ref()), text(line.bonus.as_ref()));
        [period.clone(), kpi.clone(), text(line.value.as_ref()), line.verdict.to_string(), credit, bonus]
    };
    let mut cells = cells;
    for (cell, expected) in cells.iter_mut().zip(expected).filter(|(_, expected)| expected.is_empty()) {
        cell.clone_from(expected);
    }
    cells
}

#[test]
fn each_published_regime_is_judged_to_the_figures_of_its_readme() {
    let regimes = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/regimes");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&regimes).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 8, "{folders:?}");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.contains("**Source") && readme.contains("://"), "{name} names no source");
        let mut feeds: Vec<String> = std::fs::read_dir(folder.join("feeds"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        feeds.sort();
        let feeds: Vec<&str> = feeds.iter().map(String::as_str).collect();
        let view = judged(&format!("regimes/{name}"), &feeds, "2028-12-31T00:00:00Z");
        let contracts: std::collections::BTreeSet<&str> =
            view.reports.iter().map(|(_, _, report)| report.contract.as_str()).collect();
        let [contract] = contracts.into_iter().collect::<Vec<_>>()[..] else { panic!("{name}: not one contract") };
        let expected = figures(&readme);
        assert!(expected.len() >= 2, "{name} works out nothing");
        let found: Vec<Figures> = expected.iter().map(|row| judged_figures(&view, contract, row)).collect();
        assert_eq!(found, expected, "{name}");
        // Nothing that the README leaves out was missed or cost anything.
        for (_, report_name, report) in &view.reports {
            for line in &report.kpis {
                let is_listed = expected.iter().any(|[period, kpi, ..]| {
                    *period == report.period.name && (*kpi == line.name || (kpi == "net" && report.credit.is_some()))
                });
                let costs = line
                    .credit
                    .as_ref()
                    .is_some_and(|credit| credit.bytes().any(|digit| (b'1'..=b'9').contains(&digit)));
                assert!(is_listed || !costs, "{name}: {report_name}, {} is not in the README", line.name);
            }
        }
    }
}

#[test]
fn the_balanced_contract_gets_no_advice() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/regimes/balanced-engagement/contract.yaml");
    let manifests = manifests::read(&[file]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let found = bpo_operator::cli::lint::lint(&manifests, "2026-03-01T00:00:00Z".parse().unwrap());
    assert_eq!(bpo_operator::cli::lint::as_text(&found), "6 objects checked: 0 errors, 0 pieces of advice\n");
}

/// Contracts, feeds and the reports that the version before this API (commit 4c0ffa1) gave of them. No figure of these was wrong.
#[test]
fn contracts_of_the_last_version_give_the_reports_that_it_gave() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/last-version");
    for (name, feeds, count) in [
        ("uk-service-points", &["casework"][..], 11),
        ("texas-dir-pool", &["contact-centre"], 11),
        ("massachusetts-bonus-malus", &["calls", "surveys"], 16),
    ] {
        let text = std::fs::read_to_string(folder.join(name).join("reports.json")).unwrap();
        let earlier: BTreeMap<String, SlaReportSpec> = serde_json::from_str(&text).unwrap();
        let view = judged_in(&folder.join(name), feeds, "2026-12-31T00:00:00Z");
        assert_eq!((earlier.len(), view.reports.len()), (count, count), "{name}");
        for (_, report_name, report) in &view.reports {
            let was = &earlier[report_name];
            // It did not write down what a line was judged by.
            assert_eq!(&bpo_operator::domain::settlement::basis::as_far_as(was, report), was, "{name}: {report_name}");
        }
    }
}
