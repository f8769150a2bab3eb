//! How much memory the answers of all feeds may take together, as a share of what the operator may use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in these.
const UNIT: usize = 64 << 10;
/// Namespaces remembered before idle ones are forgotten.
const MOST_TENANTS: usize = 1_024;

/// Room that is reserved and given back. Who finds none waits in turn; a namespace has at most half of it, so that others find some.
#[derive(Debug)]
pub(crate) struct Room {
    units: usize,
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A part of the room, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    _tenant: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(2, Semaphore::MAX_PERMITS);
        Room { units, all: Arc::new(Semaphore::new(units)), tenants: Mutex::default() }
    }

    /// The most bytes that one reservation can be.
    pub(crate) fn largest(&self) -> usize {
        self.units / 2 * UNIT
    }

    /// Waits until this many bytes are free, at most [`Self::largest`].
    pub(crate) async fn reserve(&self, tenant: &str, bytes: usize) -> Option<Reserved> {
        let units = u32::try_from(bytes.div_ceil(UNIT).clamp(1, self.units / 2)).unwrap_or(u32::MAX);
        // The namespace's own part first: who waits for it must not hold what others could use.
        let tenant = self.tenant(tenant).acquire_many_owned(units).await.ok()?;
        let all = self.all.clone().acquire_many_owned(units).await.ok()?;
        Some(Reserved { _tenant: tenant, _all: all })
    }

    /// How many bytes a namespace may still reserve.
    #[cfg(test)]
    pub(crate) fn left(&self, tenant: &str) -> usize {
        self.tenant(tenant).available_permits() * UNIT
    }

    fn tenant(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= MOST_TENANTS {
            // Whoever holds or waits for a part is an owner too.
            tenants.retain(|_, room| Arc::strong_count(room) > 1);
        }
        tenants.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.units / 2))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_namespace_that_holds_its_full_share_leaves_half_to_others_and_is_served_when_it_releases_some() {
        let room = Arc::new(Room::of(16 * UNIT));
        assert_eq!(room.largest(), 8 * UNIT);
        let held = room.reserve("hostile", 8 * UNIT).await.unwrap();
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.reserve("hostile", 1).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "it has its half");
        assert!(room.reserve("honest", 8 * UNIT).await.is_some(), "the other half is free");
        assert!(room.reserve("honest", usize::MAX).await.is_some(), "more than can be had counts as the most");
        drop(held);
        assert!(waiting.await.unwrap());
    }
}
