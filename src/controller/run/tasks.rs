//! Tasks that run until the process ends: one that ends before it was asked to ends the process.

use std::collections::HashMap;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A part of the operator that ended though nobody asked it to. What it was for is not done any more, so the process must end.
#[derive(Debug, thiserror::Error)]
#[error("{part} has ended{}; the operator ends, so that it starts again whole", .panic.as_ref().map(|panic| format!(": {panic}")).unwrap_or_default())]
pub struct PartEnded {
    part: &'static str,
    panic: Option<String>,
}

/// Tasks that run until the process ends, each with what it is.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) set: JoinSet<()>,
    names: HashMap<tokio::task::Id, &'static str>,
}

impl Tasks {
    pub(super) fn spawn(&mut self, part: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.set.spawn(work);
        self.names.insert(task.id(), part);
    }

    /// Waits until one of them ends, and says which and how.
    async fn first_to_end(&mut self) -> PartEnded {
        let Some(ended) = self.set.join_next_with_id().await else { return std::future::pending().await };
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        PartEnded { part: self.names.get(&id).copied().unwrap_or("a task"), panic }
    }
}

/// Waits until a part ends, or until `stop`: then nothing has ended that nobody asked to end.
pub(super) async fn ended_unasked(
    watches: &mut Tasks,
    controllers: &mut Tasks,
    stop: &CancellationToken,
) -> Option<PartEnded> {
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        ended = watches.first_to_end() => ended,
        ended = controllers.first_to_end() => ended,
    };
    // What ends because of the stop may be noticed before the stop is.
    (!stop.is_cancelled()).then_some(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a part behaves.
    enum Part {
        Runs,
        Ends,
        Panics,
    }

    fn tasks(part: &'static str, how: &Part) -> Tasks {
        let mut tasks = Tasks::default();
        tasks.spawn("a part that goes on", std::future::pending());
        match how {
            Part::Runs => {}
            Part::Ends => tasks.spawn(part, async {}),
            Part::Panics => tasks.spawn(part, async { panic!("a defect") }),
        }
        tasks
    }

    #[tokio::test]
    async fn a_watch_or_a_controller_that_ends_ends_the_operator_and_says_which_it_was() {
        let cases = [
            (
                Part::Ends,
                Part::Runs,
                "the watch of KpiTargets has ended; the operator ends, so that it starts again whole",
            ),
            (
                Part::Runs,
                Part::Ends,
                "the controller of ServiceTiers has ended; the operator ends, so that it starts again whole",
            ),
            (Part::Panics, Part::Runs, "the watch of KpiTargets has ended: task "),
            (Part::Runs, Part::Panics, "the controller of ServiceTiers has ended: task "),
        ];
        for (watch, controller, expected) in cases {
            let mut watches = tasks("the watch of KpiTargets", &watch);
            let mut controllers = tasks("the controller of ServiceTiers", &controller);
            let stop = CancellationToken::new();
            let ended = ended_unasked(&mut watches, &mut controllers, &stop).await.unwrap().to_string();
            assert!(ended.starts_with(expected), "{ended}");
            assert_eq!(ended.contains("a defect"), matches!(watch, Part::Panics) || matches!(controller, Part::Panics));
        }
    }

    #[tokio::test]
    async fn parts_that_end_on_request_do_not_count_as_a_fault() {
        let stop = CancellationToken::new();
        let (mut watches, mut controllers) = (tasks("a watch", &Part::Runs), Tasks::default());
        controllers.spawn("a controller", stop.clone().cancelled_owned());
        let asked = stop.clone();
        let (ended, ()) = tokio::join!(ended_unasked(&mut watches, &mut controllers, &stop), async { asked.cancel() });
        assert!(ended.is_none());
    }
}
