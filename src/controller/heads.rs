//! Whether the store still holds what reports rest on.
//!
//! A store that was restored from a backup has fewer rows than reports know of, and the next rows would take the numbers of those
//! that are lost. Each report's status carries the ends of the chains that it rests on, and those are compared here.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::controlled::ReconcileError;
use super::head_checks::Heads;
use super::notices::publish_notice;
use super::stored_kinds::of_contract_uid;
use crate::api::condition::EventReason;
use crate::api::scalar::shorten;
use crate::api::verdict::PeriodState;
use crate::api::{LOSS_ACCEPTED_ANNOTATION, VendorContract};
use crate::domain::decision::Notice;
use crate::domain::governance::escalation::said_at;
use crate::domain::terms::journal::{JournalFact, LossAccepted, RecordedFact};
use crate::evidence::{EvidenceStore, StoreError, digest_text, recorded_facts};

/// The end of a chain, as a report carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Carried {
    feed: String,
    rows: i64,
    head: String,
    report: String,
    /// Whether that report is Final.
    is_final: bool,
}

/// What the store lacks of the rows that the reports of a contract rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    /// As a sentence; `None` where nothing is lost, or all that is was accepted before.
    pub problem: Option<String>,
    /// What somebody accepts by the contract's annotation, and the journal does not hold yet.
    pub accepted: Vec<RecordedFact>,
}

/// Compares the store with what the reports of a contract carry.
///
/// `uids` are the contract's own and the one under which its evidence lies, which may be that of a contract that is gone.
///
/// # Errors
/// When the store cannot be read.
pub async fn lost_rows(
    context: &Context,
    object: &VendorContract,
    uids: [&str; 2],
    now: Timestamp,
) -> Result<Loss, StoreError> {
    let [_, uid] = uids;
    let carried = carried_by_reports(context, &object.namespace().unwrap_or_default(), uids);
    let heads = furthest(&carried);
    if context.heads.knows(uid, &heads) {
        return Ok(Loss::default());
    }
    let loss = compare(&*context.evidence, uid, carried, asked_of(object), now).await?;
    if loss == Loss::default() {
        context.heads.passed(uid, heads);
    }
    Ok(loss)
}

/// What the annotation of a contract accepts: a report, who says so, and when.
#[derive(Clone, Copy, Debug)]
struct Acceptance<'a> {
    report: &'a str,
    by: &'a str,
    at: Timestamp,
}

fn asked_of(object: &VendorContract) -> Option<Acceptance<'_>> {
    let (who, at) = said_at(object.annotations().get(LOSS_ACCEPTED_ANNOTATION)?)?;
    let (report, by) = who.split_once(" by ")?;
    Some(Acceptance { report: report.trim(), by: by.trim(), at })
}

/// Finds what is lost. The furthest head of each feed is looked for first: where it is there, so are all others.
async fn compare(
    store: &dyn EvidenceStore,
    uid: &str,
    mut carried: Vec<Carried>,
    asked: Option<Acceptance<'_>>,
    now: Timestamp,
) -> Result<Loss, StoreError> {
    if first_missing(store, uid, &carried).await?.is_none() {
        return Ok(Loss::default());
    }
    let journal = recorded_facts::journal(store, uid).await?;
    let is_accepted = |head: &Carried| {
        journal
            .accepted_losses()
            .any(|known| (&known.feed, known.rows, &known.head) == (&head.feed, head.rows, &head.head))
    };
    carried.retain(|head| !is_accepted(head));
    let Some(lost) = first_missing(store, uid, &carried).await? else { return Ok(Loss::default()) };
    let mut loss = Loss { problem: Some(sentence(&lost)), accepted: Vec::new() };
    let Some(asked) = asked else { return Ok(loss) };
    let mut missing = Vec::new();
    for head in carried {
        if !is_there(store, uid, &head).await? {
            missing.push(head);
        }
    }
    // Who accepts the loss of one signed report accepts that of the rows: other reports that rest on them are not asked about one by one.
    if missing.iter().any(|head| head.report == asked.report && head.is_final) {
        loss.accepted = missing.into_iter().map(|head| accepted(head, asked, now)).collect();
    }
    Ok(loss)
}

fn accepted(head: Carried, asked: Acceptance<'_>, now: Timestamp) -> RecordedFact {
    let Carried { feed, rows, head, report, .. } = head;
    let fact = LossAccepted { feed, rows, head, by: shorten(asked.by), at: asked.at };
    RecordedFact { name: report, fact: JournalFact::LossAccepted(fact), recorded_at: now }
}

/// Records what was accepted, and notifies the contract's readers.
///
/// # Errors
/// When the clocks differ, or the evidence store or the API server does not take it; it is found once more then.
pub async fn record_accepted(
    context: &Context,
    object: &VendorContract,
    uid: &str,
    accepted: &[RecordedFact],
) -> Result<(), ReconcileError> {
    for fact in accepted {
        context.record_fact(uid, fact).await?;
    }
    let Some((first, asked)) = accepted.first().zip(asked_of(object)) else { return Ok(()) };
    let (by, report) = (shorten(asked.by), shorten(asked.report));
    let note =
        format!("{by} accepts that rows which SlaReport {report} rests on are lost: the contract goes on without them");
    let key = format!("{report} {}", first.recorded_at);
    publish_notice(context, &object.object_ref(&()), &Notice::new(EventReason::LossAccepted, key, note)).await?;
    Ok(())
}

fn sentence(lost: &Carried) -> String {
    let Carried { feed, rows, report, is_final, .. } = lost;
    // What is not signed may be written again from what is there.
    let way_out = match is_final {
        true => "; if they are lost permanently, `kubectl bpo accept-loss` lets it continue without them",
        false => " or, since it is Provisional, this report is deleted",
    };
    format!(
        "the store was rolled back: SlaReport {report} rests on {rows} rows of feed {feed} that it lacks; nothing is fetched or judged \
         until they are back{way_out}"
    )
}

async fn is_there(store: &dyn EvidenceStore, uid: &str, head: &Carried) -> Result<bool, StoreError> {
    let found = store.digest_at(uid, &head.feed, head.rows).await?;
    Ok(found.is_some_and(|digest| digest_text(&digest) == head.head))
}

/// The first feed whose furthest head is not in the store.
async fn first_missing(
    store: &dyn EvidenceStore,
    uid: &str,
    carried: &[Carried],
) -> Result<Option<Carried>, StoreError> {
    for (feed, (rows, _)) in furthest(carried) {
        let head = carried.iter().find(|head| head.feed == feed && head.rows == rows);
        if let Some(head) = head
            && !is_there(store, uid, head).await?
        {
            return Ok(Some(head.clone()));
        }
    }
    Ok(None)
}

/// The furthest head of each feed.
fn furthest(carried: &[Carried]) -> Heads {
    let mut heads = Heads::new();
    for head in carried {
        if heads.get(&head.feed).is_none_or(|(rows, _)| head.rows > *rows) {
            heads.insert(head.feed.clone(), (head.rows, head.head.clone()));
        }
    }
    heads
}

/// The heads that the reports of a contract carry.
fn carried_by_reports(context: &Context, namespace: &str, uids: [&str; 2]) -> Vec<Carried> {
    let uids = BTreeSet::from(uids);
    let ours = uids.iter().flat_map(|uid| context.stores.reports.with(namespace, &of_contract_uid(uid)));
    let mut carried = Vec::new();
    for guarded in ours {
        let Ok(report) = &guarded.0 else { continue };
        let is_final = report.spec.state == PeriodState::Final;
        carried.extend(report.status.iter().flat_map(|status| &status.evidence_heads).map(|head| Carried {
            feed: head.feed.clone(),
            rows: head.rows,
            head: head.head.clone(),
            report: report.name_any(),
            is_final,
        }));
    }
    // Of two reports with one head, the signed one decides what to do.
    carried.sort_by(|left, right| (!left.is_final, &left.report).cmp(&(!right.is_final, &right.report)));
    carried
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::controller::head_checks::HeadChecks;
    use crate::evidence::sqlite::SqliteStore;
    use crate::evidence::{Batch, FeedKey, IncomingRow};

    /// A body of one row, of a minute of an hour of 2026.
    fn body(minute: i64, offered: i64) -> Batch {
        let begin: jiff::Timestamp = "2026-01-05T09:00:00Z".parse().unwrap();
        let at = |minute: i64| begin + jiff::SignedDuration::from_mins(minute);
        Batch {
            received_at: at(60 + minute),
            body_digest: [u8::try_from(minute).unwrap(); 32],
            url_host: None,
            backfill: false,
            plan: false,
            rows: vec![IncomingRow {
                labels: BTreeMap::new(),
                start: at(minute),
                end: at(minute + 1),
                measures: [("offered".to_owned(), offered.into())].into(),
                vendor_revision: None,
                recorded_at: None,
            }],
            rejected: Vec::new(),
            progress: None,
            state: None,
        }
    }

    /// A store with a row for each of these figures.
    async fn store(offered: &[i64]) -> (SqliteStore, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        for (minute, offered) in (0..).zip(offered) {
            let key = FeedKey {
                contract_uid: "uid-1".into(),
                namespace: "cx".into(),
                contract: "acme".into(),
                feed: "acd".into(),
            };
            store.commit(key, body(minute, *offered)).await.unwrap();
        }
        (store, directory)
    }

    #[tokio::test]
    async fn a_store_that_lacks_rows_of_a_report_or_has_others_in_their_place_was_rolled_back() {
        let (whole, _folder) = store(&[1, 2, 3]).await;
        let signed = carried(&whole, "acme-2026-01", true).await;
        let nobody = None;
        for (kept, is_whole) in
            [(&[1, 2, 3][..], true), (&[1, 2, 3, 4], true), (&[1, 2], false), (&[], false), (&[1, 2, 4], false)]
        {
            let (restored, _folder) = store(kept).await;
            let lost = compare(&restored, "uid-1", vec![signed.clone()], nobody, NOW).await.unwrap().problem;
            assert_eq!(lost.is_none(), is_whole, "{kept:?}: {lost:?}");
            let named = |lost: &String| {
                lost.contains("SlaReport acme-2026-01 rests on 3 rows of feed acd")
                    && lost.ends_with("`kubectl bpo accept-loss` lets it continue without them")
            };
            assert!(lost.iter().all(named), "{lost:?}");
            let provisional = Carried { is_final: false, ..signed.clone() };
            let unsigned = compare(&restored, "uid-1", vec![provisional], nobody, NOW).await.unwrap().problem;
            let may_delete = |lost: &String| lost.ends_with(" or, since it is Provisional, this report is deleted");
            assert!(unsigned.iter().all(may_delete) && !lost.iter().any(may_delete), "{unsigned:?}");
        }
        let heads = furthest(&[signed]);
        let checks = HeadChecks::default();
        checks.passed("uid-1", heads.clone());
        assert!(checks.knows("uid-1", &heads) && !checks.knows("uid-2", &heads));
        assert!(!checks.knows("uid-1", &Heads::new()), "another head is compared");
        checks.forget("uid-1");
        assert!(!checks.knows("uid-1", &heads));
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// The end of a store's chain, as a report carries it.
    async fn carried(store: &SqliteStore, report: &str, is_final: bool) -> Carried {
        let head = store.heads("uid-1").await.unwrap()["acd"];
        Carried {
            feed: "acd".into(),
            rows: head.sequence,
            head: digest_text(&head.digest),
            report: report.into(),
            is_final,
        }
    }

    #[tokio::test]
    async fn a_loss_is_accepted_by_the_name_of_a_signed_report_and_for_the_rows_that_are_lost_alone() {
        let (january, _one) = store(&[1, 2]).await;
        let (february, _two) = store(&[1, 2, 3, 4]).await;
        let (march, _three) = store(&[1, 2, 3, 4, 5]).await;
        let known = vec![
            carried(&january, "acme-2026-01", true).await,
            carried(&february, "acme-2026-02", true).await,
            carried(&march, "acme-2026-03", false).await,
        ];
        let (restored, _folder) = store(&[1, 2, 9]).await;
        let at = "2026-03-02T13:00:00Z".parse().unwrap();
        // The report that is named, and how many heads are accepted.
        for (report, count) in [("acme-2026-01", 0), ("acme-2026-03", 0), ("acme-2026-05", 0), ("acme-2026-02", 2)] {
            let asked = Some(Acceptance { report, by: "nina", at });
            let loss = compare(&restored, "uid-1", known.clone(), asked, NOW).await.unwrap();
            assert!(loss.problem.is_some(), "{report}: nothing goes on before it is recorded");
            assert_eq!(loss.accepted.len(), count, "{report}: {:?}", loss.accepted);
            for fact in &loss.accepted {
                recorded_facts::record(&restored, "uid-1", fact).await.unwrap();
            }
        }
        // Recorded, it needs no annotation any more.
        assert_eq!(compare(&restored, "uid-1", known.clone(), None, NOW).await.unwrap(), Loss::default());
        // A later loss is another one, whatever the annotation still says.
        let (later, _four) = store(&[1, 2, 9, 10, 11, 12]).await;
        let known = [known, vec![carried(&later, "acme-2026-04", true).await]].concat();
        let asked = Some(Acceptance { report: "acme-2026-02", by: "nina", at });
        let loss = compare(&restored, "uid-1", known, asked, NOW).await.unwrap();
        assert!(loss.problem.unwrap().contains("SlaReport acme-2026-04") && loss.accepted.is_empty());
    }
}
