//! What is gathered of a contract, step by step: its terms, its feeds, its evidence, and the judgement of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::feeds::{feed_health, feeds_whose_past_is_known, is_being_fetched_first, over_quota};
use super::identity;
use super::records::{digest_of, due_under, facts_to_record, held_open, judged_before};
use crate::api::VendorContract;
use crate::api::vendor_contract::VendorContractStatus;
use crate::controller::adoption::{Identity, identify};
use crate::controller::checkpoints::Asked;
use crate::controller::context::Context;
use crate::controller::controlled::ReconcileError;
use crate::controller::evidence_cache::ContractEvidence;
use crate::controller::heads::{Loss, lost_rows};
use crate::controller::holdings::WatchedNamespace;
use crate::controller::holds::{self, Closing};
use crate::controller::judging::{Judging, off_runtime};
use crate::controller::reports::{ExistingReports, existing_reports, signed_periods};
use crate::controller::retention;
use crate::domain::holdings::{Dangling, FeedHealth, HeldContract, LaunchOfContract, observe_contract};
use crate::domain::judgement::outcome::Judgement;
use crate::domain::measuring::holds::{Asking, asked};
use crate::domain::terms::amendments::amendments;
use crate::domain::terms::contract_terms::Terms;
use crate::domain::terms::dated_again::dated_again;
use crate::domain::terms::finding::InvalidSpec;
use crate::domain::terms::journal::{Amendment, RecordedFact};
use crate::evidence::{RecordedTerms, StoreError};
use crate::trace::Stage;

/// A contract that is looked at: where its evidence lies, and the terms that it is judged by.
pub(super) struct Subject {
    namespace: String,
    name: String,
    own_uid: String,
    pub(super) identity: Identity,
    pub(super) terms: Arc<Terms>,
    pub(super) digest: [u8; 32],
    /// Names of the feeds that KPIs read.
    judged_feeds: Vec<String>,
    pub(super) unresolved: Vec<Dangling>,
    pub(super) launches: BTreeMap<String, LaunchOfContract>,
    /// Why the terms that it was judged by before cannot be read.
    unreadable: Option<String>,
}

impl Subject {
    /// # Errors
    /// When the store or the API server cannot be read.
    pub(super) async fn of(context: &Context, object: &VendorContract) -> Result<Self, ReconcileError> {
        let (namespace, name, own_uid) = identity(object);
        let identity = identify(context, object).await?;
        let (judged_before, unreadable) = match judged_before(context, &identity.evidence_uid, object).await {
            Err(error @ StoreError::Unreadable(_)) => (Vec::new(), Some(error.to_string())),
            read => (read?, None),
        };
        let judged_before: Vec<&Terms> = judged_before.iter().collect();
        let held = observe_contract(&WatchedNamespace::of(context, &namespace), &name, &object.spec, &judged_before);
        let HeldContract { terms, unresolved, launches } = held;
        let terms = context.known_terms(&namespace, &name, terms);
        let (digest, judged_feeds) = (digest_of(&terms), terms.judged_feeds());
        Ok(Subject {
            namespace,
            name,
            own_uid,
            identity,
            terms,
            digest,
            judged_feeds,
            unresolved,
            launches,
            unreadable,
        })
    }

    /// UID under which its evidence lies.
    pub(super) fn uid(&self) -> &str {
        &self.identity.evidence_uid
    }

    /// The judgement of its evidence at an instant.
    async fn judged(
        &self,
        context: &Context,
        evidence: &ContractEvidence,
        now: Timestamp,
    ) -> Result<Arc<Result<Judgement, InvalidSpec>>, ReconcileError> {
        let judging = Judging {
            store: &*context.evidence,
            cache: &context.cache,
            checkpoints: &context.checkpoints,
            terms: &self.terms,
            asked: Asked { uid: self.uid(), name: &self.name, terms: self.digest, evidence },
        };
        Stage::judge(&self.name).around(judging.judged(now)).await
    }
}

/// How the feeds of a contract are doing, and how they were asked.
///
/// Taken before the rows are read: a past that is complete in between would make periods Final that lack its end, and a feed that was
/// asked in between would count as late without the rows that it brought.
pub(super) struct FeedsSeen {
    pub(super) health: BTreeMap<String, FeedHealth>,
    asking: BTreeMap<String, Asking>,
    /// Whether the past of every judged feed was fetched once.
    pub(super) past_is_known: bool,
    /// Whether feeds are being fetched for the first time, and none fails.
    pub(super) are_fetched_first: bool,
}

impl FeedsSeen {
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn of(
        context: &Context,
        subject: &Subject,
        previous: Option<&VendorContractStatus>,
    ) -> Result<Self, StoreError> {
        let (uid, terms) = (subject.uid(), &subject.terms);
        let past_known_of = feeds_whose_past_is_known(context, uid, terms).await?;
        let health = feed_health(context, uid, previous, &past_known_of);
        Ok(FeedsSeen {
            asking: holds::asking_of(context, uid, terms, &health),
            past_is_known: subject.judged_feeds.iter().all(|feed| past_known_of.contains_key(feed)),
            are_fetched_first: is_being_fetched_first(terms, &health),
            health,
        })
    }

    /// Whether no feed that is judged waits to be asked at an instant.
    pub(super) fn are_current(&self, subject: &Subject, at: Timestamp) -> bool {
        let is_asked = |feed: &String| self.asking.get(feed).is_none_or(|asking| asking.is_current(at));
        subject.terms.contract.suspend || subject.judged_feeds.iter().all(is_asked)
    }
}

/// The evidence of a contract, and whether it can be relied on.
pub(super) struct EvidenceSeen {
    pub(super) evidence: ContractEvidence,
    /// The terms recorded last.
    recorded: Option<RecordedTerms>,
    /// Why it cannot be relied on.
    pub(super) problem: Option<String>,
    /// Losses that somebody accepts.
    pub(super) accepted_loss: Vec<RecordedFact>,
    /// That the volume takes no rows, or the store no terms.
    pub(super) no_room: Option<String>,
    /// What the journal does not hold yet of what is judged by.
    pub(super) facts: Vec<RecordedFact>,
}

impl EvidenceSeen {
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn of(
        context: &Context,
        object: &VendorContract,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Self, ReconcileError> {
        let uid = subject.uid();
        let (evidence, recorded, unreadable) = match read(context, uid, &subject.judged_feeds).await {
            Ok((evidence, recorded)) => (evidence, recorded, subject.unreadable.clone()),
            Err(error @ (StoreError::Unreadable(_) | StoreError::Memory { .. })) => {
                (ContractEvidence::default(), None, Some(error.to_string()))
            }
            Err(error) => return Err(error.into()),
        };
        let Loss { problem, accepted: accepted_loss } = match unreadable {
            None => lost_rows(context, object, [&subject.own_uid, uid], now).await?,
            unreadable => Loss { problem: unreadable, accepted: Vec::new() },
        };
        let problem = problem.or_else(|| retention::problem(&subject.terms, &evidence.journal));
        let no_room = context.evidence.volume().and_then(|volume| volume.check().err()).map(|error| error.to_string());
        let no_room = no_room.or_else(|| context.terms_refused(uid));
        Ok(EvidenceSeen { evidence, recorded, problem, accepted_loss, no_room, facts: Vec::new() })
    }

    /// Adds what is judged by and not in the journal yet; returns the instant to judge at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn add_facts(
        &mut self,
        context: &Context,
        subject: &Subject,
        feeds: &FeedsSeen,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let (uid, terms, believed) = (subject.uid(), &subject.terms, context.believed_until(now));
        // What is judged by a part of the rows is not recorded.
        if self.problem.is_some() {
            return Ok(self.evidence.judged_at(now, believed));
        }
        let (known, at) = (feeds.past_is_known, self.evidence.recorded_at(now));
        let facts = facts_to_record(context, uid, terms, &self.evidence, known, at).await?;
        self.add(facts);
        self.add(dated_again(&self.evidence.journal, believed.max(at), at));
        let judged_at = self.evidence.judged_at(now, believed);
        let answered = asked(terms, &self.evidence.journal, &feeds.asking, judged_at);
        self.add(answered);
        Ok(judged_at)
    }

    fn add(&mut self, facts: Vec<RecordedFact>) {
        self.evidence = holds::with_facts(&self.evidence, &facts);
        self.facts.extend(facts);
    }
}

/// The judgement of a contract, and what may be closed by it.
pub(super) struct JudgedEvidence {
    pub(super) judgement: Arc<Result<Judgement, InvalidSpec>>,
    /// Whether anything waits while the clocks differ.
    pub(super) waits_for_clocks: bool,
    pub(super) existing: ExistingReports,
    /// The periods whose reports are signed.
    signed: BTreeSet<String>,
    /// Whether periods may become Final.
    may_close: bool,
    judged_at: Timestamp,
}

impl JudgedEvidence {
    /// Judges at an instant; waits that begin with the judgement are added to the facts, and it is judged again with them.
    ///
    /// # Errors
    /// When the store cannot be read, or the judgement is broken off.
    pub(super) async fn of(
        context: &Context,
        subject: &Subject,
        feeds: &FeedsSeen,
        seen: &mut EvidenceSeen,
        previous: Option<&VendorContractStatus>,
        judged_at: Timestamp,
    ) -> Result<Self, ReconcileError> {
        let uid = subject.uid();
        let mut judgement = subject.judged(context, &seen.evidence, judged_at).await?;
        let waits_for_clocks = waits_for_clocks(subject, &judgement, seen);
        let over_quota = over_quota(context, uid, previous, &subject.judged_feeds);
        let is_whole = feeds.past_is_known && seen.problem.is_none() && seen.no_room.is_none() && !over_quota;
        let may_close = is_whole && context.api_clock.agrees();
        let existing = existing_reports(context, &subject.namespace, &subject.name);
        let signed = signed_periods([&subject.own_uid, uid], &existing.all(), &seen.evidence.journal);
        if may_close && let Ok(closing) = judgement.as_ref() {
            let known = Closing { evidence: &seen.evidence, asking: &feeds.asking, signed: &signed, judged_at };
            let waits = holds::new_waits(closing, &subject.terms, &known);
            if !waits.is_empty() {
                seen.add(waits);
                judgement = subject.judged(context, &seen.evidence, judged_at).await?;
            }
        }
        let judgement = if may_close { judgement } else { held_open(&judgement, &seen.evidence) };
        Ok(JudgedEvidence { judgement, waits_for_clocks, existing, signed, may_close, judged_at })
    }
}

/// What became of the terms recorded last.
pub(super) struct ChangedTerms {
    /// What is different from them.
    pub(super) amendments: Vec<Amendment>,
    /// Periods that were final under them, with the instant, and not recorded as closed.
    pub(super) closing: Vec<(String, Timestamp, Terms)>,
}

impl ChangedTerms {
    /// Takes the terms recorded last out of what was seen.
    ///
    /// # Errors
    /// When the store cannot be read, or the judgement under them is broken off.
    pub(super) async fn of(
        context: &Context,
        subject: &Subject,
        feeds: &FeedsSeen,
        seen: &mut EvidenceSeen,
        judged: &JudgedEvidence,
        now: Timestamp,
    ) -> Result<Self, ReconcileError> {
        let has_changed = |recorded: &RecordedTerms| seen.problem.is_none() && recorded.terms != *subject.terms;
        let Some(recorded) = seen.recorded.take().filter(has_changed) else {
            return Ok(ChangedTerms { amendments: Vec::new(), closing: Vec::new() });
        };
        let amendments = amendments(&recorded.terms, &subject.terms, now);
        if !judged.may_close {
            return Ok(ChangedTerms { amendments, closing: Vec::new() });
        }
        let rows = context.cache.rows(subject.uid(), &seen.evidence).await?;
        let (name, evidence, judged_at) = (subject.name.clone(), seen.evidence.clone(), judged.judged_at);
        let (asking, signed) = (feeds.asking.clone(), judged.signed.clone());
        let due = move || {
            let known = Closing { evidence: &evidence, asking: &asking, signed: &signed, judged_at };
            due_under(&name, recorded, &rows, &known)
        };
        Ok(ChangedTerms { amendments, closing: off_runtime(due).await? })
    }
}

/// How much longer the first status of a contract waits for the first fetch of its feeds; `None`: it does not.
pub(super) fn wait_of_first_status(
    context: &Context,
    subject: &Subject,
    feeds: &FeedsSeen,
    seen: &EvidenceSeen,
    judged: &JudgedEvidence,
) -> Option<Duration> {
    let may_wait = judged.judgement.is_ok()
        && seen.problem.is_none()
        && seen.no_room.is_none()
        && subject.unresolved.is_empty()
        && !subject.terms.contract.suspend
        && feeds.are_fetched_first;
    if may_wait { context.first_looks.left(&subject.own_uid, Instant::now()) } else { None }
}

/// Whether anything waits while the clocks differ: a feed, a period that could become Final, or the record of a loss that somebody accepts.
fn waits_for_clocks(subject: &Subject, judgement: &Result<Judgement, InvalidSpec>, seen: &EvidenceSeen) -> bool {
    let contract = &subject.terms.contract;
    let has_feeds = !contract.suspend && !contract.feeds.is_empty();
    let is_open = |period: &String| !seen.evidence.closings.contains_key(period);
    let could_close = judgement.as_ref().is_ok_and(|judgement| judgement.finals.keys().any(is_open));
    has_feeds || could_close || !seen.accepted_loss.is_empty()
}

/// The evidence of a contract, and the terms recorded last.
async fn read(
    context: &Context,
    uid: &str,
    feeds: &[String],
) -> Result<(ContractEvidence, Option<RecordedTerms>), StoreError> {
    let evidence = context.cache.read(uid, feeds).await?;
    context.cache.fits(uid, &evidence)?;
    Ok((evidence, context.evidence.last_terms(uid).await?))
}
