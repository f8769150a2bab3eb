//! The evidence store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, several readers.

mod commit;
mod errors;
mod file;
mod schema;

use std::fs::{OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use self::file::File;
use super::StoreClock;
use super::health::Health;
use super::model::{StoreError, VolumeRoom};
use super::sql::{Backend, Parts, Writer};

/// Name of the store's file in the data directory.
pub const FILE_NAME: &str = "evidence.sqlite";

/// The evidence store in one SQLite file.
pub struct SqliteStore {
    path: Arc<Path>,
    // The writer goes before the lock, so that the file is let go when nothing writes any more.
    parts: Parts<File>,
    _lock: Option<std::fs::File>,
    /// A volume that a test pretends.
    #[cfg(test)]
    pub(super) pretended: std::sync::Mutex<Option<VolumeRoom>>,
}

impl SqliteStore {
    /// Opens the store in a data directory, which is made if it is not there, for this process alone.
    ///
    /// # Errors
    /// When another process has it, a later version or another program wrote it, or the disk refuses.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let not_opened = |error: std::io::Error| StoreError::NotOpened {
            path: data_dir.display().to_string(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(data_dir).map_err(not_opened)?;
        let lock = lock(data_dir)?;
        let path: Arc<Path> = data_dir.join(FILE_NAME).into();
        let (health, file) = (Health::default(), path.clone());
        let writer = Writer::start(shown(&path), health.clone(), None, move || {
            let connection = schema::open_for_writing(&file)?;
            Ok(File::new(file, connection))
        })?;
        Ok(Self::assemble(path, health, Some(writer), Some(lock)))
    }

    /// Opens the store in a data directory for reads, also while an operator writes to it. Writes fail with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// When there is no store, or it is not of this version's format.
    pub fn open_for_reading(data_dir: &Path) -> Result<Self, StoreError> {
        let path: Arc<Path> = data_dir.join(FILE_NAME).into();
        let store = Self::assemble(path.clone(), Health::default(), None, None);
        store.parts.check(move || reader(&path))?;
        Ok(store)
    }

    /// Claims the store for an operator on this clock, for ever, and returns the store's identity: 32 hexadecimal digits.
    ///
    /// # Errors
    /// When the store belongs to the other clock; and as every write.
    pub async fn claim(&self, clock: StoreClock) -> Result<String, StoreError> {
        self.claim_for(clock).await
    }

    fn assemble(path: Arc<Path>, health: Health, writer: Option<Writer<File>>, lock: Option<std::fs::File>) -> Self {
        let file = path.clone();
        let open = Arc::new(move || reader(&file));
        Self {
            parts: Parts::new(shown(&path), health, open, writer),
            path,
            _lock: lock,
            #[cfg(test)]
            pretended: std::sync::Mutex::default(),
        }
    }

    #[cfg(test)]
    pub(crate) async fn execute_on_writer(&self, statements: impl Into<String>) -> Result<(), StoreError> {
        use super::sql::Sql;
        let (statements, shown) = (statements.into(), self.parts.shown.clone());
        let done = self
            .parts
            .writer()?
            .run(move |file| file.batch(&statements).map_err(|failure| failure.into_store_error(&shown)));
        done.await
    }
}

fn reader(path: &Arc<Path>) -> Result<File, StoreError> {
    Ok(File::new(path.clone(), schema::open_for_reading(path)?))
}

/// The file, for messages.
fn shown(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

/// Takes the data directory for this process; the lock ends with the process, however it ends.
fn lock(data_dir: &Path) -> Result<std::fs::File, StoreError> {
    let path = data_dir.join("evidence.lock");
    let text = path.display().to_string();
    let not_opened = |error: std::io::Error| StoreError::NotOpened { path: text.clone(), reason: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(not_opened)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::in_use(data_dir.join(FILE_NAME).display().to_string())),
        Err(TryLockError::Error(error)) => Err(not_opened(error)),
    }
}

impl Backend for SqliteStore {
    type Connection = File;

    fn parts(&self) -> &Parts<File> {
        &self.parts
    }

    fn room(&self) -> Option<VolumeRoom> {
        #[cfg(test)]
        if let Some(pretended) = self.pretended.lock().ok().and_then(|pretended| *pretended) {
            return Some(pretended);
        }
        let found = rustix::fs::statvfs(self.path.parent()?).ok()?;
        let size = if found.f_frsize > 0 { found.f_frsize } else { found.f_bsize };
        Some(VolumeRoom::of(found.f_bavail.saturating_mul(size), found.f_blocks.saturating_mul(size)))
    }
}
