//! Places at which contracts are looked at. A look that has taken long lets others go first, each time that it has read a page of rows.
//!
//! A look that waits holds up nobody who ends the work on its shard: a new one takes its turn once it has a place, and one that has
//! begun is broken off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cluster::shards::Turn;
use crate::evidence::StoreError;

/// How many contracts are looked at at the same time.
pub const PLACES: usize = 8;
/// How many looks that let others go first may wait for a place again. Each of them holds one of the objects that the queue has
/// under way: it has this many more than places, so that new looks always come to one.
pub const SET_BACK: usize = 4;
/// How long a look may take before it lets others go first. The time in which it waits does not count.
pub const SLOW: Duration = Duration::from_secs(30);
/// How long nothing more is said of slow looks at an object after an Event.
const SAID_EVERY: Duration = Duration::from_secs(3_600);

/// Shows how much time has passed.
type Ticks = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The places at which contracts are looked at. They are taken in the order in which looks ask for them.
pub struct LookPlaces {
    places: Arc<Semaphore>,
    set_back: Semaphore,
    ticks: Ticks,
}

impl Default for LookPlaces {
    fn default() -> Self {
        LookPlaces::of(PLACES, SET_BACK, Arc::new(Instant::now))
    }
}

impl LookPlaces {
    fn of(places: usize, set_back: usize, ticks: Ticks) -> Self {
        LookPlaces { places: Arc::new(Semaphore::new(places)), set_back: Semaphore::new(set_back), ticks }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// A look at a contract, with its place and its turn of work.
pub struct Look {
    places: Arc<LookPlaces>,
    turn: Turn,
    state: Mutex<State>,
}

struct State {
    place: Option<OwnedSemaphorePermit>,
    since: Instant,
    worked: Duration,
    /// How long it had worked when it had read and judged.
    judged: Option<Duration>,
    pages: u32,
}

tokio::task_local! {
    static LOOK: Arc<Look>;
}

/// Says that a page of rows was read. Within a look that has taken long, it waits until those go first that wait for a place, unless it
/// holds much memory: who waits would keep it from others. Anywhere else it does nothing.
///
/// # Errors
/// [`StoreError::BrokenOff`] where the work on the shard is to end: the look begins again where the shard is worked on then.
pub async fn page_was_read(holds_much: bool) -> Result<(), StoreError> {
    match LOOK.try_with(Arc::clone) {
        Ok(look) => look.page_was_read(holds_much).await,
        Err(_) => Ok(()),
    }
}

/// Says that all is read and judged: what a look takes after that, such as to write, is not the work of its contract.
pub fn has_judged() {
    let _ = LOOK.try_with(|look| {
        let worked = look.worked();
        look.state().judged = Some(worked);
    });
}

impl Look {
    /// Waits for a place, and takes a turn then. `None`: there is no turn, so that there is nothing to look at.
    pub async fn begin(places: &Arc<LookPlaces>, turn: impl FnOnce() -> Option<Turn>) -> Option<Arc<Look>> {
        let place = places.place().await;
        let turn = turn()?;
        let state = State { place, since: (places.ticks)(), worked: Duration::ZERO, judged: None, pages: 0 };
        Some(Arc::new(Look { places: Arc::clone(places), turn, state: Mutex::new(state) }))
    }

    /// Does the work of this look.
    pub async fn around<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        LOOK.scope(Arc::clone(self), work).await
    }

    /// How long it has read and judged, or has done so far.
    pub fn took(&self) -> Duration {
        let judged = self.state().judged;
        judged.unwrap_or_else(|| self.worked())
    }

    /// How long it has had a place so far.
    fn worked(&self) -> Duration {
        let state = self.state();
        state.worked + self.with_place_since(&state)
    }

    /// How many pages of rows it has read.
    pub fn pages(&self) -> u32 {
        self.state().pages
    }

    async fn page_was_read(&self, holds_much: bool) -> Result<(), StoreError> {
        self.state().pages += 1;
        if self.turn.is_to_end() {
            return Err(StoreError::BrokenOff);
        }
        if holds_much || self.worked() < SLOW {
            return Ok(());
        }
        // Where many wait like this already, it keeps its place.
        let Ok(_set_back) = self.places.set_back.try_acquire() else { return Ok(()) };
        self.let_go();
        let place = tokio::select! {
            biased;
            () = self.turn.to_end() => return Err(StoreError::BrokenOff),
            place = self.places.place() => place,
        };
        let mut state = self.state();
        (state.place, state.since) = (place, (self.places.ticks)());
        Ok(())
    }

    fn let_go(&self) {
        let mut state = self.state();
        let worked = state.worked + self.with_place_since(&state);
        (state.worked, state.place) = (worked, None);
    }

    fn with_place_since(&self, state: &State) -> Duration {
        match state.place {
            Some(_) => (self.places.ticks)().saturating_duration_since(state.since),
            None => Duration::ZERO,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Objects of which it was said that a look at them is slow, by UID, and when.
#[derive(Debug, Default)]
pub struct SlowLooks(Mutex<HashMap<String, Instant>>);

impl SlowLooks {
    /// Whether to say it now; once an hour and object.
    pub fn is_news(&self, uid: &str, now: Instant) -> bool {
        let mut said = self.said();
        said.retain(|_, at| now.saturating_duration_since(*at) < SAID_EVERY);
        let is_news = !said.contains_key(uid);
        if is_news {
            said.insert(uid.to_owned(), now);
        }
        is_news
    }

    /// Forgets an object that is gone, or of which it could not be said.
    pub fn forget(&self, uid: &str) {
        self.said().remove(uid);
    }

    fn said(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Poll;

    use futures::poll;

    use super::*;
    use crate::cluster::fence::Fence;
    use crate::cluster::shards::Shards;

    /// A look in the only shard of a process.
    async fn begin(places: &Arc<LookPlaces>) -> Arc<Look> {
        Look::begin(places, || Shards::whole(Fence::open()).turn("a")).await.unwrap()
    }

    /// Places, and a hand that moves their clock on by seconds.
    fn places(places: usize, set_back: usize) -> (Arc<LookPlaces>, impl Fn(u64)) {
        let (begin, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let shown = passed.clone();
        let ticks: Ticks = Arc::new(move || begin + Duration::from_secs(shown.load(Ordering::Relaxed)));
        let hand = move |seconds| {
            passed.fetch_add(seconds, Ordering::Relaxed);
        };
        (Arc::new(LookPlaces::of(places, set_back, ticks)), hand)
    }

    fn ready(look: Poll<Arc<Look>>) -> Arc<Look> {
        match look {
            Poll::Ready(look) => look,
            Poll::Pending => panic!("it still waits for a place"),
        }
    }

    #[tokio::test]
    async fn a_look_of_thirty_seconds_lets_those_go_first_that_wait_each_time_that_it_has_read_a_page() {
        let (places, pass) = places(1, 1);
        let slow = begin(&places).await;
        let mut first = pin!(begin(&places));
        assert!(poll!(&mut first).is_pending());
        pass(29);
        assert!(poll!(pin!(slow.page_was_read(false))).is_ready(), "it has not taken long yet");
        pass(1);
        let mut rest = pin!(slow.page_was_read(false));
        assert!(poll!(&mut rest).is_pending());
        let mut second = pin!(begin(&places));
        assert!(poll!(&mut second).is_pending());
        let quick = ready(poll!(&mut first));
        pass(100);
        assert_eq!((quick.worked(), slow.worked()), (Duration::from_secs(100), SLOW), "waiting does not count");
        drop(quick);
        assert!(poll!(&mut second).is_pending(), "who came while it waited comes after it");
        assert!(poll!(&mut rest).is_ready());
        pass(5);
        let mut again = pin!(slow.page_was_read(false));
        assert!(poll!(&mut again).is_pending());
        drop(ready(poll!(&mut second)));
        assert!(poll!(&mut again).is_ready());
        assert!(poll!(pin!(slow.page_was_read(false))).is_ready(), "nobody waits");
        assert_eq!((slow.worked(), slow.pages()), (SLOW + Duration::from_secs(5), 4));
        // What it writes then is not the work of its contract.
        slow.around(async { has_judged() }).await;
        pass(60);
        assert_eq!(slow.took(), SLOW + Duration::from_secs(5));
    }

    #[tokio::test]
    async fn looks_that_wait_again_leave_room_for_new_ones() {
        let (places, pass) = places(2, 1);
        let slow = [begin(&places).await, begin(&places).await];
        pass(40);
        let mut others = [Box::pin(begin(&places)), Box::pin(begin(&places))];
        for other in &mut others {
            assert!(poll!(other).is_pending());
        }
        let mut rest = pin!(slow[0].page_was_read(false));
        assert!(poll!(&mut rest).is_pending());
        assert!(poll!(pin!(slow[1].page_was_read(false))).is_ready(), "as many wait as may: it goes on");
        let [first, second] = others;
        drop(first.await);
        assert!(poll!(&mut rest).is_pending(), "the other one came before");
        drop(second.await);
        assert!(poll!(&mut rest).is_ready());
        assert!(poll!(pin!(slow[1].page_was_read(false))).is_ready(), "nobody waits any more");
    }

    #[tokio::test]
    async fn a_slow_look_that_holds_much_memory_keeps_its_place() {
        let (places, pass) = places(1, 1);
        let slow = begin(&places).await;
        let mut other = pin!(begin(&places));
        assert!(poll!(&mut other).is_pending());
        pass(60);
        assert!(poll!(pin!(slow.page_was_read(true))).is_ready());
        assert!(poll!(&mut other).is_pending());
        assert!(poll!(pin!(slow.page_was_read(false))).is_pending(), "with little it lets the other go first");
        assert!(poll!(&mut other).is_ready());
    }

    #[tokio::test]
    async fn pages_belong_to_the_look_in_which_they_are_read_and_to_none_outside() {
        page_was_read(false).await.unwrap();
        let (places, _) = places(2, 1);
        let looks = [begin(&places).await, begin(&places).await];
        let reading = |pages| async move {
            for _ in 0..pages {
                page_was_read(false).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(looks[0].around(reading(3)), looks[1].around(reading(5)));
        assert_eq!(looks.map(|look| look.pages()), [3, 5]);
    }

    #[tokio::test]
    async fn a_look_that_waits_holds_up_no_shard_that_is_given_back() {
        let shards = Shards::spread("2".parse().unwrap(), Fence::open());
        let [first, other] = ["a", "d"].map(|namespace| shards.count().shard_of(namespace));
        for shard in [first, other] {
            shards.begin(shard).await;
        }
        let (places, pass) = places(1, 1);
        let slow = Look::begin(&places, || shards.turn("a")).await.unwrap();
        let mut new = pin!(Look::begin(&places, || shards.turn("d")));
        assert!(poll!(&mut new).is_pending());
        assert!(poll!(pin!(shards.end(other))).is_ready(), "a look that has not begun holds up nobody");

        let mut third = pin!(Look::begin(&places, || shards.turn("a")));
        assert!(poll!(&mut third).is_pending());
        pass(30);
        {
            let mut rest = pin!(slow.page_was_read(false));
            assert!(poll!(&mut rest).is_pending());
            assert!(
                poll!(&mut new).map(|look| look.is_none()).is_ready(),
                "it does not begin for a shard that is another's"
            );
            // The place of the one that did not begin is the third one's, so that the slow one waits on.
            let third = poll!(&mut third);
            assert!(third.is_ready() && poll!(&mut rest).is_pending());
            let mut end = pin!(shards.end(first));
            assert!(poll!(&mut end).is_pending(), "both are under way");
            assert_eq!(poll!(&mut rest), Poll::Ready(Err(StoreError::BrokenOff)));
            let Poll::Ready(Some(third)) = third else { panic!("it has no turn") };
            assert_eq!(
                poll!(pin!(third.page_was_read(false))),
                Poll::Ready(Err(StoreError::BrokenOff)),
                "nor does a quick one read on"
            );
        }
        drop(slow);
    }

    #[test]
    fn a_slow_object_is_said_once_an_hour() {
        let (slow, begin) = (SlowLooks::default(), Instant::now());
        for (uid, seconds, expected) in [
            ("one", 0, true),
            ("one", 40, false),
            ("another", 50, true),
            ("one", 3_599, false),
            ("one", 3_600, true),
            ("another", 3_601, false),
            ("one", 7_000, false),
        ] {
            assert_eq!(slow.is_news(uid, begin + Duration::from_secs(seconds)), expected, "{uid} after {seconds} s");
        }
        slow.forget("one");
        assert!(slow.is_news("one", begin + Duration::from_secs(7_001)), "the Event was not taken");
    }
}
