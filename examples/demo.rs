//! The demo: half a year of a contract in a minute, on a real API server.
//!
//! `cargo demo` builds and starts a Kubernetes control plane, starts a vendor's feed server, applies
//! the folders of `examples/`, runs the operator on a rehearsal clock and narrates what happens. It stays up until Ctrl-C, so
//! that one can look around; `-- --exit` ends it after its own checks.
//!
//! The vendor's call volumes and handling times are those of a real call centre; how ordinary days were staffed, and all
//! figures of engagement, are generated with a fixed seed: see `testkit/src/vendor`.

#[path = "demo/checks.rs"]
mod checks;
#[path = "demo/cluster.rs"]
mod cluster;
#[path = "demo/failure.rs"]
mod failure;
#[path = "demo/launches.rs"]
mod launches;
#[path = "demo/manifests.rs"]
mod manifests;
#[path = "demo/narrator.rs"]
mod narrator;
#[path = "demo/operator.rs"]
mod operator;
#[path = "demo/screen.rs"]
mod screen;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bpo_operator::api::{CampaignLaunch, SlaReport};
use bpo_operator::cli::gathered::Gathered;
use bpo_operator::cli::{cluster as plugin, dashboard};
use clap::Parser;
use futures::{StreamExt, TryStreamExt};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use k8s_openapi::api::events::v1::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::signal::unix::{SignalKind, signal};

use cluster::Cluster;
use failure::{Failure, OrAdvise, Result};
use narrator::Narrator;
use operator::{Operator, Settings};
use screen::{Mood, Screen};
use testkit::{controlplane, vendor};
use vendor::{Dataset, VendorServer};

/// Where the contracts live, and where the operator's service account does.
const NAMESPACE: &str = "bpo-demo";
const OPERATOR_NAMESPACE: &str = "bpo-system";

/// The token with which the operator shows the vendor who it is.
const TOKEN: &str = "demo-token";

/// How long the last report may take after the rehearsal's end.
const GRACE: Duration = Duration::from_secs(90);

/// How often the story looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// Half a year of a vendor's contract in a minute, on a real API server.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Arguments {
    /// End after the story, with exit code 1 if it did not come about.
    #[arg(long)]
    exit: bool,
    /// Use a cluster that exists, by this kubeconfig, instead of starting a control plane.
    #[arg(long, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,
    /// Use a cluster that exists, by this context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// How many times as fast as the real clock the rehearsal's clock runs.
    #[arg(long, value_name = "N", default_value_t = 240_000.0)]
    speed: f64,
    /// The day on which the operator starts; before it, it fetches the past.
    #[arg(long, value_name = "DATE", default_value = "2026-01-02")]
    from: Date,
    /// The day on which the story ends.
    #[arg(long, value_name = "DATE", default_value = "2026-07-22")]
    until: Date,
}

fn main() -> ExitCode {
    // The demo starts itself once more as the operator, so that the operator is a process of its own and compiled once.
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == operator::AS_OPERATOR) {
        return run_operator(words.into_iter().skip(1));
    }
    let arguments = Arguments::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(demo(&arguments)),
        Err(error) => {
            eprintln!("The demo cannot start its threads: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the program `bpo-operator` does with these arguments, the first of which is the program's name.
fn run_operator(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match bpo_operator::cli::operator::execute(bpo_operator::cli::operator::Cli::parse_from(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bpo-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(arguments: &Arguments) -> ExitCode {
    let screen = Screen::new();
    let result = tokio::select! {
        result = run(arguments, &screen) => result,
        () = interruption() => {
            screen.say("\nInterrupted; everything that the demo started ends with it.");
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nThe demo cannot go on. {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C, or for what ends a process politely: the operator must not outlive the demo.
async fn interruption() {
    let mut terminated = signal(SignalKind::terminate()).ok();
    let termination = async {
        match &mut terminated {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = termination => {}
    }
}

/// The demo from its first step to its last.
async fn run(arguments: &Arguments, screen: &Screen) -> Result<()> {
    check(arguments)?;
    // Two crates bring a TLS provider each, so one must be chosen; an error here means that one was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let zone = TimeZone::get("Europe/London").or_advise("finding the zone Europe/London", "please report this")?;
    let end = midnight(arguments.until);

    screen.title("Setting up");
    let program = operator::program()?;
    let cluster = match arguments.kubeconfig.is_some() || arguments.context.is_some() {
        true => Cluster::existing(screen, arguments.kubeconfig.clone(), arguments.context.clone()).await?,
        false => Cluster::start(screen).await?,
    };
    let folder = tempfile::Builder::new().prefix("bpo-demo-").tempdir();
    let folder =
        folder.or_advise("making a folder for the operator's data", "free some space in the temporary folder")?;
    let vendor = VendorServer::start(Dataset::story().with_token(TOKEN)).await;
    let vendor = vendor.or_advise("starting the vendor's feed server", "check that 127.0.0.1 can be listened on")?;
    let kubeconfig = folder.path().join("operator.kubeconfig");
    install(screen, &cluster, &vendor, &kubeconfig).await?;

    let settings = Settings {
        program,
        kubeconfig,
        namespace: NAMESPACE.to_owned(),
        data_folder: folder.path().join("data"),
        log: folder.path().join("operator.log"),
    };
    let client = cluster.client().await?;
    let months = checks::final_months(end, &zone);

    screen.title("The story");
    introduce(screen, arguments, &vendor);
    let result = rehearse(screen, arguments, &settings, &client, &vendor, &zone, &months).await;
    if result.is_err() {
        // The log is what somebody will want to read.
        let kept = folder.keep();
        screen.say(&format!("The operator's log is kept: {}", kept.join("operator.log").display()));
        return result;
    }

    show(screen, &cluster).await?;
    let mut missing = checks::what_is_missing(&months, &list_reports(&client).await?);
    missing.extend(checks::what_is_wrong_with_the_launch(end, find_launch(&client).await?.as_ref()));
    if !missing.is_empty() {
        return Err(Failure::new(
            format!("The story did not come about:\n  {}", missing.join("\n  ")),
            "read the reports above and the operator's log; with other dates or another speed, try the defaults",
        ));
    }
    // Beside what the build leaves behind, so that they are still there when the demo has ended.
    let pages = manifests::project_folder("target/demo/pages");
    let found = Gathered::of_cluster(&plugin::Cluster { client, namespace: NAMESPACE.to_owned() }, false).await;
    let mut found =
        found.map_err(|error| Failure::new(error, "look with kubectl get bpo whether the objects can be read"))?;
    if let Some(evidence) = settings.evidence(folder.path()).await? {
        found.look_inside(&evidence);
    }
    let written = dashboard::write(&found, end, &pages);
    let written = written.map_err(|error| Failure::new(error, "free some space in the temporary folder"))?;
    screen.say(&format!(
        "\nWhat people look at: {written} pages, workbooks and calendars, among them the report of each month, in {}",
        pages.display()
    ));
    screen.say(&format!("Begin with {}", pages.join("portfolio.html").display()));
    if arguments.exit {
        screen.say("\nThe story came about. Everything that the demo started ends now.");
        return Ok(());
    }
    // From here on time passes as it does for everybody, from where the story ended.
    let operator = Operator::start(&settings, end, 1.0).await?;
    stay(screen, &cluster, &settings, operator).await
}

fn check(arguments: &Arguments) -> Result<()> {
    let year = 2026;
    if arguments.from.year() != year || arguments.until.year() != year || arguments.from >= arguments.until {
        return Err(Failure::new(
            format!("--from {} --until {} is not a span of 2026", arguments.from, arguments.until),
            "write two days of 2026, the earlier one first, such as --from 2026-01-02 --until 2026-07-22",
        ));
    }
    if !(1.0..=1_000_000.0).contains(&arguments.speed) {
        return Err(Failure::new(
            format!("--speed {} is not between 1 and 1000000", arguments.speed),
            "write how many times as fast as the real clock the rehearsal's shall run, such as --speed 240000",
        ));
    }
    Ok(())
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Applies the definitions, the operator's rights and the examples.
async fn install(
    screen: &Screen,
    cluster: &Cluster,
    vendor: &VendorServer,
    kubeconfig: &std::path::Path,
) -> Result<()> {
    let existing = cluster.kubectl(&["get", "namespace", NAMESPACE, "--ignore-not-found", "--output=name"], "").await?;
    if !existing.trim().is_empty() {
        return Err(Failure::new(
            format!("the namespace {NAMESPACE} exists already, from an earlier demo perhaps"),
            format!("remove it with {} delete namespace {NAMESPACE}", cluster.kubectl_command()),
        ));
    }

    let step = screen.step("Installing the five kinds from crds/");
    let definitions = manifests::project_folder("crds").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "--filename", &definitions], "").await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s", "--filename", &definitions];
    cluster.kubectl(&wait, "").await?;
    step.done("established");

    let step = screen.step("Giving the operator the rights of its chart");
    let rights = manifests::operator_rights(OPERATOR_NAMESPACE).await?;
    cluster.kubectl(&["apply", "--server-side", "--filename", "-"], &manifests::as_stream(&rights.documents)).await?;
    let account = &rights.service_account;
    cluster.write_service_account_kubeconfig(OPERATOR_NAMESPACE, account, kubeconfig).await?;
    step.done(&format!("it is the service account {OPERATOR_NAMESPACE}/{account}, no administrator"));

    let step = screen.step("Applying examples/first-contract and examples/acme-care");
    // An operator on a rehearsal clock works in namespaces with this label alone, and every other one leaves them alone.
    let metadata = serde_json::json!({"name": NAMESPACE, "labels": {"bpo-operator.io/rehearsal": "true"}});
    let mut documents = vec![serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})];
    for folder in ["examples/first-contract", "examples/acme-care"] {
        let example = manifests::read_folder(&manifests::project_folder(folder))?;
        documents.extend(manifests::for_the_vendor(example, vendor, TOKEN));
    }
    let arguments = ["apply", "--server-side", "--namespace", NAMESPACE, "--filename", "-"];
    let applied = cluster.kubectl(&arguments, &manifests::as_stream(&documents)).await?;
    step.done(&format!("{} objects", applied.lines().count()));
    Ok(())
}

fn introduce(screen: &Screen, arguments: &Arguments, vendor: &VendorServer) {
    let days = (arguments.until - arguments.from).get_days();
    let seconds = f64::from(days) * 86_400.0 / arguments.speed;
    screen.say(&format!(
        "Acme Contact Services answers the calls of a membership company. Its feed server is http://{}/v1.\n\
         Volumes, their shape over the day and the handling times are those of real call centres (examples/data);\n\
         how well ordinary days were staffed, whether issues were solved, members content and memberships renewed, and\n\
         what a campaign brought, no public data holds: that is generated, with a fixed seed.\n\
         From {} to {} in about {seconds:.0} seconds:\n",
        vendor.address(),
        arguments.from,
        arguments.until,
    ));
}

/// Runs the operator through the story, and narrates it, until the months are final.
async fn rehearse(
    screen: &Screen,
    arguments: &Arguments,
    settings: &Settings,
    client: &Client,
    vendor: &VendorServer,
    zone: &TimeZone,
    months: &[String],
) -> Result<()> {
    let (begin, end) = (midnight(arguments.from), midnight(arguments.until));
    let days = end.duration_since(begin).as_hours() / 24;
    let story = screen.story(u64::try_from(days).unwrap_or_default());
    let mut narrator = Narrator::new(story, vendor, zone.clone(), begin);

    let mut reports = watcher(Api::<SlaReport>::namespaced(client.clone(), NAMESPACE), watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .boxed();
    let mut launches =
        watcher(Api::<CampaignLaunch>::namespaced(client.clone(), NAMESPACE), watcher::Config::default())
            .default_backoff()
            .applied_objects()
            .boxed();
    let mut events = watcher(Api::<Event>::namespaced(client.clone(), NAMESPACE), watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .boxed();

    let mut operator = Operator::start(settings, begin, arguments.speed).await?;
    let real_seconds = end.duration_since(begin).as_secs_f64() / arguments.speed;
    let deadline = Instant::now() + Duration::from_secs_f64(real_seconds) + GRACE;
    let mut ticks = tokio::time::interval(TICK);
    let mut known: std::collections::BTreeMap<String, SlaReport> = std::collections::BTreeMap::new();
    loop {
        tokio::select! {
            // A watch that fails is tried again by its backoff; the deadline ends what stays broken.
            Ok(Some(report)) = reports.try_next() => {
                narrator.report(&report);
                known.insert(report.metadata.name.clone().unwrap_or_default(), report);
            }
            Ok(Some(launch)) = launches.try_next() => narrator.launch(&launch),
            Ok(Some(event)) = events.try_next() => narrator.event(&event),
            _ = ticks.tick() => {
                operator.check()?;
                narrator.tick();
                let reports: Vec<SlaReport> = known.values().cloned().collect();
                if narrator.now() >= end - 1.hour() && checks::are_final(months, &reports) {
                    break;
                }
                if Instant::now() >= deadline {
                    let missing = checks::what_is_missing(months, &reports);
                    return Err(Failure::new(
                        format!("the story did not end in time:\n  {}", missing.join("\n  ")),
                        "read the operator's log; on a slow machine, try --speed 60000",
                    ));
                }
            }
        }
    }
    narrator.tell(Mood::Plain, "The rehearsal ends here.");
    operator.stop().await
}

async fn list_reports(client: &Client) -> Result<Vec<SlaReport>> {
    let listed = Api::<SlaReport>::namespaced(client.clone(), NAMESPACE).list(&<_>::default()).await;
    Ok(listed.or_advise("listing the reports", "look with kubectl get slareports whether they can be read")?.items)
}

async fn find_launch(client: &Client) -> Result<Option<CampaignLaunch>> {
    let found = Api::<CampaignLaunch>::namespaced(client.clone(), NAMESPACE).get_opt(checks::LAUNCH).await;
    found.or_advise("reading the launch", "look with kubectl get campaignlaunches whether it can be read")
}

/// Shows what kubectl shows.
async fn show(screen: &Screen, cluster: &Cluster) -> Result<()> {
    screen.title("What kubectl shows");
    for arguments in [
        ["wait", "--for=condition=Ready", "--namespace", NAMESPACE, "vendorcontracts", "--all"].as_slice(),
        &["get", "bpo", "--namespace", NAMESPACE],
    ] {
        screen.say(&format!("$ kubectl {}", arguments.join(" ")));
        screen.say(&cluster.kubectl(arguments, "").await?);
    }
    Ok(())
}

/// Stays until Ctrl-C, and says how to look around.
async fn stay(screen: &Screen, cluster: &Cluster, settings: &Settings, mut operator: Operator) -> Result<()> {
    operator.wait_until_ready().await?;
    screen.title("Look around");
    for line in cluster.setting_up_kubectl() {
        screen.say(&format!("  {line}"));
    }
    for line in [
        format!("kubectl --namespace {NAMESPACE} describe vendorcontract acme-care"),
        format!("kubectl --namespace {NAMESPACE} get slareport acme-care-2026-03 --output yaml"),
        format!("kubectl --namespace {NAMESPACE} describe campaignlaunch spring-offer"),
        format!("kubectl --namespace {NAMESPACE} get kpi --output wide"),
        format!("kubectl bpo dashboard --namespace {NAMESPACE}"),
        format!("kubectl --namespace {NAMESPACE} events --types=Warning"),
        "kubectl explain vendorcontract.spec.credits".to_owned(),
        format!("curl http://{}/metrics", operator.address()),
        format!("less {}", settings.log.display()),
    ] {
        screen.say(&format!("  {line}"));
    }
    screen.say("\nThe operator's time goes on from the story's end, as fast as yours. Ctrl-C ends everything.");
    if !cluster.is_own() {
        screen.say(&format!("What stays in your cluster: the namespaces {NAMESPACE} and {OPERATOR_NAMESPACE}, the CRDs, and the chart's cluster roles."));
    }
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        operator.check()?;
    }
}
