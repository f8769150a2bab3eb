//! What a vendor pushes, through the inbox of a real operator, to the contract's status and its evidence.

use std::process::Command;
use std::time::Instant;

use crate::harness::{DEADLINE, Operator, Place, has};

const CLOCK: [&str; 4] = ["--clock-start", "2026-03-02T00:30:00Z", "--clock-speed", "1"];
const INBOX: [&str; 3] = ["--inbox-listen", "127.0.0.1:0", "--inbox-plain-http"];
const TOKEN: &str = "canary-token-of-the-inbox";

/// Where the operator takes what is pushed.
async fn inbox_of(operator: &Operator) -> String {
    let began = Instant::now();
    loop {
        let log = operator.log();
        if let Some(rest) = log.split("/v1/inbox address=").nth(1) {
            return format!("http://{}/v1/inbox", rest.split_whitespace().next().unwrap());
        }
        assert!(began.elapsed() < DEADLINE, "no inbox is opened:\n{log}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_shows_in_the_status_and_the_evidence_and_what_is_not_is_late() {
    let place = Place::fresh().await;
    let manifests = format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{name: inbox, annotations: {{bpo-operator.io/inbox: \"true\"}}}}
stringData: {{token: {TOKEN}}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {{name: care}}
spec:
  vendor: {{name: Acme Contact Services}}
  term: {{start: 2026-03-01, end: 2026-12-31}}
  timeZone: UTC
  feeds:
    - name: mailed
      inbox: {{tokenSecretRef: {{name: inbox, key: token}}}}
      interval: 30s
      cadence: 24h
      lateness: 5m
      format: {{csv: {{start: {{columns: [Day]}}, measures: [{{name: offered, column: Offered}}, {{name: answered, column: Answered}}, {{name: abandoned, column: Abandoned}}]}}}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {{name: abandoned}}
spec:
  contractRef: {{name: care}}
  source: {{feed: mailed}}
  kpi: AbandonmentRate
  objective: {{target: 5}}
"
    );
    place.apply(&manifests).await;
    let flags: Vec<&str> = CLOCK.into_iter().chain(INBOX).collect();
    let operator = place.operator_with(&flags);
    let inbox = inbox_of(&operator).await;
    let file = |name: &str, text: &str| {
        let path = place.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (token, wrong) = (file("token", TOKEN), file("wrong", "canary-token-of-nobody"));
    let table = file("day.csv", "Day,Offered,Answered,Abandoned\n2026-03-01,100,97,3\n");
    let to = format!("{inbox}/{}/care/mailed", place.namespace);
    let push = |file: &str, token: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
            .args(["feed", "push", file, "--to", &to, "--token-file", token, "--allow-network", "127.0.0.0/8"])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    // Nothing was pushed: the rows of the first of March were due five minutes after midnight.
    place.wait_for("vc", "care", "the feed is late", |contract| has(contract, "FeedHealthy", "False", "Late")).await;
    let (code, shown, error) = push(&table, &wrong);
    assert!(code == 2 && error.contains("status 401") && error.contains("no inbox takes this token"), "{shown}{error}");
    let (code, shown, error) = push(&table, &token);
    assert_eq!((code, shown.as_str()), (0, "1 rows taken: 1 new, 0 corrected, 0 known\n"), "{error}");
    place
        .wait_for("vc", "care", "the feed is healthy", |contract| has(contract, "FeedHealthy", "True", "Fetched"))
        .await;
    let contract = place.get("vc", "care").await.unwrap();
    assert_eq!(contract["status"]["feeds"][0]["watermark"], "2026-03-02T00:00:00Z", "{contract}");
    let broken = file("broken.csv", "Day,Calls\n2026-03-01,100\n");
    let (code, shown, error) = push(&broken, &token);
    assert!(code == 2 && error.contains("status 422") && error.contains("Offered"), "{shown}{error}");
    place
        .wait_for("vc", "care", "the push is reported", |contract| has(contract, "FeedHealthy", "False", "Mapping"))
        .await;
    let corrected = file("corrected.csv", "Day,Offered,Answered,Abandoned\n2026-03-01,100,94,6\n");
    let (code, shown, error) = push(&corrected, &token);
    assert_eq!((code, shown.as_str()), (0, "1 rows taken: 0 new, 1 corrected, 0 known\n"), "{error}");
    place.wait_for("vc", "care", "it heals", |contract| has(contract, "FeedHealthy", "True", "Fetched")).await;
    assert!(!operator.log().contains("canary"), "no token is logged");
    operator.stop().await;
    let (code, verified) = place.verify();
    assert_eq!(code, 0, "{verified}");
}
