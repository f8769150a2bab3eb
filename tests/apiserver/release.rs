//! What a release consists of, made by the script that the workflow runs, as far as it can be made here: archives are unpacked and run,
//! digests are recomputed, manifests are read as their tools read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use controlplane::{ControlPlane, ControlPlaneOptions, helm_path};
use testkit::controlplane;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program that must succeed; returns its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}

/// Runs the script with these arguments. The programs are those of the tests, and helm is the one that the tests use.
async fn release(arguments: &[&str]) -> String {
    let helm = helm_path().await.unwrap();
    let path = format!("{}:{}", helm.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let programs = Path::new(env!("CARGO_BIN_EXE_kubectl-bpo")).parent().unwrap();
    let mut command = Command::new(repository().join(".ci/release"));
    run(command.args(arguments).env("PATH", path).env("BPO_PROGRAMS", programs))
}

fn yaml(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn unpack(archive: &Path, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder));
}

fn digest(file: &Path) -> String {
    Sha256::digest(fs::read(file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The only file in a folder whose name begins and ends like this.
fn only(folder: &Path, begin: &str, end: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fits = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(begin) && name.ends_with(end)
    };
    let found: Vec<PathBuf> = files.filter(fits).collect();
    let [file] = found.as_slice() else { panic!("{begin}…{end}: {found:?}") };
    file.clone()
}

#[tokio::test]
async fn the_plugin_is_packed_runs_where_it_is_unpacked_and_krew_finds_it_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (dist, url) = (folder.path().join("dist"), "https://git.example/cx/bpo-operator/releases/download/v0");
    let out = dist.to_str().unwrap();
    release(&["plugin", out]).await;
    release(&["krew", out, url]).await;
    release(&["checksums", out]).await;

    let archive = only(&dist, "kubectl-bpo_", ".tar.gz");
    let unpacked = folder.path().join("unpacked");
    unpack(&archive, &unpacked);
    let said = run(Command::new(unpacked.join("kubectl-bpo")).arg("--version"));
    assert_eq!(said.trim(), format!("kubectl-bpo {VERSION}"));
    let completion = fs::read_to_string(unpacked.join("kubectl_complete-bpo")).unwrap();
    assert_eq!(completion, run(Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).arg("completion")));

    // A page for each command that `--help` lists, and troff without words that it does not know.
    let help = run(Command::new(unpacked.join("kubectl-bpo")).arg("--help"));
    let listed = help.split("\nCommands:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let listed = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let mut pages = 0;
    for command in listed.filter(|command| *command != "help") {
        let page = fs::read_to_string(unpacked.join(format!("man1/kubectl-bpo-{command}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(&format!("kubectl bpo {command}").replace('-', "\\-")), "{page}");
        pages += 1;
    }
    assert!(pages > 20 && unpacked.join("man1/kubectl-bpo-feed-check.1").is_file(), "{pages}");

    let manifest = yaml(&fs::read_to_string(dist.join("bpo.yaml")).unwrap()).remove(0);
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!((&manifest["kind"], &manifest["metadata"]["name"]), (&"Plugin".into(), &"bpo".into()));
    assert_eq!(manifest["spec"]["version"], format!("v{VERSION}"));
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    let [platform] = platforms.as_slice() else { panic!("{manifest:#}") };
    assert_eq!(platform["sha256"], digest(&archive));
    assert_eq!(platform["uri"], format!("{url}/{}", archive.file_name().unwrap().to_string_lossy()));
    for file in platform["files"].as_array().unwrap() {
        assert!(unpacked.join(file["from"].as_str().unwrap()).is_file(), "{file}");
    }
    assert!(unpacked.join(platform["bin"].as_str().unwrap()).is_file());

    let checked = run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dist));
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), 2, "{checked}");
}

#[tokio::test]
async fn the_bill_of_materials_names_each_crate_as_the_lock_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    release(&["sbom", folder.path().to_str().unwrap()]).await;
    let file = only(folder.path(), "bpo-operator_", ".cdx.json");
    let bill: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["metadata"]["component"]["version"]), (&"CycloneDX".into(), &VERSION.into()));
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
    for component in components {
        let (name, version) = (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{component}");
        assert_eq!(component["purl"], format!("pkg:cargo/{name}@{version}"));
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    assert!(components.len() > 150 && names.contains("rusqlite") && names.contains("kube"), "{}", components.len());
    // What only tests use is not in the programs.
    assert!(!names.contains("proptest") && !names.contains("mlua"));
}

/// Kind and name of each object.
fn identities(objects: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects.iter().map(|object| (text(&object["kind"]), text(&object["metadata"]["name"]))).collect()
}

#[tokio::test]
async fn the_manifests_are_the_charts_own_and_a_real_api_server_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    release(&["chart", out]).await;
    release(&["manifests", out]).await;
    let install = fs::read_to_string(folder.path().join("install.yaml")).unwrap();
    let objects = yaml(&install);

    let package = only(folder.path(), "bpo-operator-", ".tgz");
    assert_eq!(package.file_name().unwrap().to_string_lossy(), format!("bpo-operator-{VERSION}.tgz"));
    let mut helm = Command::new(helm_path().await.unwrap());
    helm.args(["template", "bpo-operator"]).arg(&package).args([
        "--namespace",
        "bpo-system",
        "--include-crds",
        "--skip-tests",
    ]);
    let rendered = yaml(&run(&mut helm));
    let mut expected = identities(&rendered);
    expected.insert(("Namespace".to_owned(), "bpo-system".to_owned()));
    assert_eq!(identities(&objects), expected);

    let unpacked = folder.path().join("base");
    unpack(&only(folder.path(), "bpo-operator_", "_kustomize.tar.gz"), &unpacked);
    let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let built = plane.kubectl(&["kustomize", unpacked.join("bpo-operator").to_str().unwrap()]).await.unwrap();
    assert_eq!(identities(&yaml(&built)), expected);
    plane.kubectl_with_input(&["apply", "--server-side", "--filename", "-"], &install).await.unwrap();
    let deployment = ["get", "deployment", "bpo-operator", "--namespace", "bpo-system", "--output", "name"];
    assert_eq!(plane.kubectl(&deployment).await.unwrap().trim(), "deployment.apps/bpo-operator");
}

#[tokio::test]
async fn the_alerts_of_a_released_chart_link_to_the_runbooks_of_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let url = "https://code.example.com/acme/bpo-operator";
    release(&["chart", folder.path().to_str().unwrap(), url]).await;
    let package = only(folder.path(), "bpo-operator-", ".tgz");
    let mut helm = Command::new(helm_path().await.unwrap());
    helm.args(["template", "bpo-operator"]).arg(&package).args(["--set", "prometheusRule.enabled=true"]);
    let rendered = yaml(&run(&mut helm));
    let rule = rendered.iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    let unpacked = folder.path().join("unpacked");
    unpack(&package, &unpacked);
    let file = unpacked.join("bpo-operator/files/alerting-rules.yaml");
    let page = format!("{url}/blob/v{VERSION}/docs/runbooks.md");
    for groups in [&rule["spec"]["groups"], &yaml(&fs::read_to_string(file).unwrap())[0]["groups"]] {
        let rules: Vec<&Value> =
            groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        assert!(rules.len() >= 10, "{} rules are too few to prove anything", rules.len());
        for rule in rules {
            let section = rule["alert"].as_str().unwrap().to_lowercase();
            assert_eq!(rule["annotations"]["runbook_url"], format!("{page}#{section}"));
        }
    }
    let chart = yaml(&fs::read_to_string(unpacked.join("bpo-operator/Chart.yaml")).unwrap()).remove(0);
    assert_eq!(chart["home"], url);
}

#[tokio::test]
async fn a_tag_that_is_not_the_version_of_everything_is_refused() {
    let mut command = Command::new(repository().join(".ci/release"));
    let output = command.args(["check", "v99.0.0"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the tag is v99.0.0") && said.contains(VERSION), "{said}");
    let chart = yaml(&fs::read_to_string(repository().join("charts/bpo-operator/Chart.yaml")).unwrap()).remove(0);
    assert_eq!((&chart["version"], &chart["appVersion"]), (&VERSION.into(), &VERSION.into()));
}

/// The names of functions have the compiler's version in them, so that another one finds nothing of what was recorded.
#[test]
fn the_image_is_built_by_the_compiler_that_what_runs_was_recorded_with() {
    let recorded = fs::read_to_string(repository().join("profile/recorded-with")).unwrap();
    let compiler = recorded.split(", rustc ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    for file in ["Dockerfile", ".github/workflows/release.yaml"] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        assert!(
            text.contains(&format!("docker.io/library/rust:{compiler}-slim")),
            "{file} has another than {recorded}"
        );
    }
}

#[test]
fn artifact_hub_is_shown_every_kind_that_the_chart_brings() {
    let chart = yaml(&fs::read_to_string(repository().join("charts/bpo-operator/Chart.yaml")).unwrap()).remove(0);
    let shown = yaml(chart["annotations"]["artifacthub.io/crds"].as_str().unwrap()).remove(0);
    let shown: BTreeMap<&str, &str> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|crd| (crd["name"].as_str().unwrap(), crd["kind"].as_str().unwrap()))
        .collect();
    let mut brought = BTreeMap::new();
    for file in fs::read_dir(repository().join("crds")).unwrap() {
        let crd = yaml(&fs::read_to_string(file.unwrap().path()).unwrap()).remove(0);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        brought.insert(text(&crd["metadata"]["name"]), text(&crd["spec"]["names"]["kind"]));
    }
    let brought: BTreeMap<&str, &str> = brought.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    assert_eq!(shown, brought);
}

/// The workflows cannot be run here. What can be looked at: they are YAML, their scripts are shell, they use nobody else's actions, and
/// what they call of the script exists.
#[test]
fn the_workflows_are_shell_that_parses_and_use_no_action_of_others() {
    let script = fs::read_to_string(repository().join(".ci/release")).unwrap();
    let mut scripts = 0;
    for workflow in ["ci.yaml", "full.yaml", "release.yaml"] {
        let text = fs::read_to_string(repository().join(".github/workflows").join(workflow)).unwrap();
        let workflow = yaml(&text).remove(0);
        assert!(workflow["permissions"] == serde_json::json!({"contents": "read"}), "rights are given job by job");
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            for step in job["steps"].as_array().unwrap() {
                assert!(step["uses"].is_null(), "{name}: {step}");
                let run_of_step = step["run"].as_str().unwrap_or_else(|| panic!("{name}: {step}"));
                let (file, expressions) = (tempfile::NamedTempFile::new().unwrap(), run_of_step.matches("${{").count());
                assert_eq!(expressions, 0, "{name}: what others wrote comes in by variables, never as shell");
                fs::write(file.path(), run_of_step).unwrap();
                run(Command::new("bash").arg("-n").arg(file.path()));
                for call in run_of_step.split(".ci/release ").skip(1) {
                    let word = call.split_whitespace().next().unwrap();
                    assert!(script.contains(&format!("\n{word}() {{\n")), "{name}: .ci/release {word}");
                }
                scripts += 1;
            }
        }
    }
    assert!(scripts > 12, "{scripts} steps are too few to prove anything");
}
