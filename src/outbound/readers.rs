//! Answers are read on threads of their own: what a vendor sends must not hold up the runtime that serves everybody. What reading
//! one takes is weighed before it begins.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::{FailureKind, FetchError};
use super::json::Extent;
use super::memory_share::{Reserved, Room};

/// Threads that read answers, as many as the machine has cores, and the memory for what they read. Who waits is served in turn.
#[derive(Debug)]
pub(crate) struct Readers {
    threads: Arc<Semaphore>,
    room: Arc<Room>,
}

/// Bytes of text from which on an answer is weighed: reading a smaller one takes little, whatever it says.
const SMALL: usize = 64 << 10;
/// What such a small one counts as.
const OF_A_SMALL_ONE: usize = 512 << 10;
/// What a JSON object or an XML element takes, which is a map.
const OF_AN_OBJECT: usize = 700;
/// What any other value takes.
const OF_A_VALUE: usize = 40;

impl Readers {
    /// Readers whose answers take at most this many bytes together while they are read.
    pub(crate) fn within(bytes: usize) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
        Readers { threads: Arc::new(Semaphore::new(threads)), room: Arc::new(Room::of(bytes)) }
    }

    /// Runs `read`, which takes `weight` bytes on behalf of a namespace, on one of the threads. A caller that leaves does not end it:
    /// it ends by its own bounds.
    ///
    /// # Errors
    /// Those of `read`; `Malformed` where it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        tenant: &str,
        weight: usize,
        read: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, FetchError> {
        let unreadable = || FetchError::new(FailureKind::Malformed, "the answer could not be handled");
        let reserved = self.room.reserve(tenant, weight).await.ok_or_else(unreadable)?;
        let permit = self.threads.clone().acquire_owned().await.map_err(|_| unreadable())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _held = (permit, reserved);
            read()
        });
        reading.await.map_err(|_| unreadable())?
    }

    /// Waits until a namespace may take this many bytes for what an answer is compared with, at most [`Self::largest`].
    pub(crate) async fn reserve(&self, tenant: &str, bytes: usize) -> Option<Reserved> {
        self.room.reserve(tenant, bytes).await
    }

    /// The most bytes of one answer.
    pub(crate) fn largest(&self) -> usize {
        self.room.largest()
    }

    /// How many bytes reading a text takes, near enough.
    ///
    /// # Errors
    /// `TooLarge` where that is more than there is for one answer.
    pub(crate) fn weigh(&self, text: &[u8]) -> Result<usize, FetchError> {
        let largest = self.room.largest();
        let weight = match weight(text) {
            Weight::Counted(bytes) => bytes,
            Weight::Unknown => largest,
        };
        if weight > largest {
            let message = format!(
                "reading the answer takes about {} MiB, and there are {} MiB for one answer: serve less in one, or give the operator more \
                 memory (--memory)",
                weight.div_ceil(1 << 20),
                largest >> 20
            );
            return Err(FetchError::new(FailureKind::TooLarge, message));
        }
        Ok(weight)
    }
}

/// What reading a text takes.
#[derive(Debug, PartialEq, Eq)]
enum Weight {
    /// Bytes.
    Counted(usize),
    /// It is packed: as much as one answer may take.
    Unknown,
}

fn weight(text: &[u8]) -> Weight {
    if text.len() < SMALL && !is_packed(text) {
        return Weight::Counted(OF_A_SMALL_ONE);
    }
    match text.trim_ascii_start().first() {
        _ if is_packed(text) => Weight::Unknown,
        Some(b'{' | b'[') => {
            let Extent { values, objects } = Extent::of(text);
            Weight::Counted(text.len() + values * OF_A_VALUE + objects * OF_AN_OBJECT)
        }
        Some(b'<') => {
            let opens = text.windows(2).filter(|pair| pair.first() == Some(&b'<') && pair.get(1) != Some(&b'/'));
            Weight::Counted(2 * text.len() + opens.count() * OF_AN_OBJECT)
        }
        // A table is read row by row.
        _ => Weight::Counted(text.len()),
    }
}

/// Whether a text is a ZIP archive, a workbook among them, or gzip.
fn is_packed(text: &[u8]) -> bool {
    text.starts_with(b"PK") || text.starts_with(&[0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_much_more_memory_than_its_text_is_weighed_as_that() {
        let objects = format!("[{}{{}}]", "{\"\":0},".repeat(20_000));
        let elements = format!("<a>{}</a>", "<b/>".repeat(20_000));
        let numbers = format!("[{}0]", "0,".repeat(40_000));
        let table = "0,".repeat(40_000);
        let counted = |text: &str| match weight(text.as_bytes()) {
            Weight::Counted(bytes) => bytes / text.len(),
            Weight::Unknown => panic!("{text:.20} is not packed"),
        };
        for (text, least, most) in [(&objects, 100, 130), (&elements, 170, 185), (&numbers, 20, 22), (&table, 1, 1)] {
            let times = counted(text);
            assert!((least..=most).contains(&times), "{text:.20}: {times} times its text");
        }
        assert_eq!(weight(b"PK\x03\x04"), Weight::Unknown);
        assert_eq!(weight(&[0x1f, 0x8b, 8]), Weight::Unknown);
    }

    #[test]
    fn an_answer_that_takes_more_than_there_is_for_one_is_refused_before_it_is_read() {
        let readers = Readers::within(16 << 20);
        let bomb = format!("[{}{{}}]", "{\"\":0},".repeat(20_000));
        let error = readers.weigh(bomb.as_bytes()).unwrap_err();
        assert!(error.kind == FailureKind::TooLarge && error.message.contains("--memory"), "{error}");
        let fine = format!("[{}0]", "0,".repeat(40_000));
        assert!(readers.weigh(fine.as_bytes()).is_ok() && readers.weigh(b"PK").is_ok());
    }
}
