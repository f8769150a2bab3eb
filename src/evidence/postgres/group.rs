//! Bodies that are ready at the same time, written in one transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::commit::{ReadyBody, write};
use super::session::Session;
use crate::evidence::health::Health;
use crate::evidence::model::{CommitReport, StoreError};
use crate::evidence::sql::{FeedTurn, Sql, Writer, write_on};

/// How many rows are written in one transaction, unless one body has more.
const MOST_ROWS: usize = 16_384;

/// What became of a body, and whether anything changed.
type Written = Result<(CommitReport, bool), StoreError>;

/// Bodies that wait for the writer. Clones share them.
#[derive(Clone, Default)]
pub(super) struct ReadyBodies(Arc<Mutex<VecDeque<Waiting>>>);

struct Waiting {
    body: ReadyBody,
    caller: Caller,
}

/// Who waits for a body, and has its feed's turn.
struct Caller {
    written: oneshot::Sender<Written>,
    _turn: FeedTurn,
}

impl Caller {
    fn answer(self, written: Written) {
        // One that went away does not undo what was committed.
        let _ = self.written.send(written);
    }
}

impl ReadyBodies {
    /// Has a body written with those that wait too, and answers when it is on disk.
    ///
    /// # Errors
    /// When nothing of the transaction is written, whichever body is the reason; and where another replica writes for the body's namespace.
    pub(super) async fn write(
        &self,
        body: ReadyBody,
        turn: FeedTurn,
        writer: &Writer<Session>,
        (shown, health): (Arc<str>, Health),
    ) -> Written {
        let (sender, mut written) = oneshot::channel();
        let (done, mut is_done) = oneshot::channel::<()>();
        let place = writer.place().await?;
        {
            let (mut waiting, all) = (self.lock(), self.clone());
            waiting.push_back(Waiting { body, caller: Caller { written: sender, _turn: turn } });
            // In the order of the bodies: with each job at least one of them is written, so that none is left.
            place.send(move |session| {
                all.write_next(session, &shown, &health);
                drop(done);
            });
        }
        let written = tokio::select! {
            biased;
            written = &mut written => written.ok(),
            _ = &mut is_done => written.try_recv().ok(),
        };
        written.unwrap_or_else(|| {
            // Its thread has ended: nobody waits for what it will never write.
            self.lock().clear();
            Err(writer.stopped())
        })
    }

    /// How many bodies wait.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Writes the bodies that wait, as many as fit into one transaction.
    fn write_next(&self, session: &mut Session, shown: &str, health: &Health) {
        if let Err(error) = health.check() {
            self.lock().drain(..).for_each(|waiting| waiting.caller.answer(Err(error.clone())));
            return;
        }
        let (bodies, callers) = self.next(session, shown);
        if bodies.is_empty() {
            return;
        }
        match write_on(session, (shown, health), |session| write(session, &bodies)) {
            Ok(changed) => {
                let written = bodies.into_iter().map(ReadyBody::into_report).zip(changed);
                callers.into_iter().zip(written).for_each(|(caller, written)| caller.answer(Ok(written)));
            }
            Err(error) => callers.into_iter().for_each(|caller| caller.answer(Err(error.clone()))),
        }
    }

    /// Takes the next bodies. Those that another replica writes are refused.
    fn next(&self, session: &Session, shown: &str) -> (Vec<ReadyBody>, Vec<Caller>) {
        let (mut rows, mut bodies, mut callers) = (0, Vec::new(), Vec::new());
        let mut waiting = self.lock();
        while let Some(next) = waiting.front()
            && (bodies.is_empty() || rows + next.body.rows() <= MOST_ROWS)
            && let Some(Waiting { body, caller }) = waiting.pop_front()
        {
            if session.writes_for(body.namespace()) {
                rows += body.rows();
                bodies.push(body);
                callers.push(caller);
            } else {
                caller.answer(Err(StoreError::in_use(shown)));
            }
        }
        (bodies, callers)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
