//! How much a path may look at.

use std::cell::Cell;

/// The budget of one page: every node that a path looks at is taken from it. Once used up it stays so.
#[derive(Debug)]
pub struct Work {
    page: Cell<u64>,
    row: Cell<u64>,
    exhausted: Cell<Option<TooMuchWork>>,
}

/// A path looked at more nodes than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuchWork {
    /// In one row, or to find the rows.
    #[error(
        "the paths look at more than {} nodes for one row, or {} to find the rows",
        Work::OF_A_ROW,
        Work::OF_ALL_ROWS
    )]
    Row,
    /// In one page.
    #[error("the paths look at more than {} nodes for one answer", Work::OF_A_PAGE)]
    Page,
}

impl Work {
    /// Nodes that all paths together may look at for one row.
    pub const OF_A_ROW: u64 = 200_000;
    /// Nodes that may be looked at to find the rows of one answer.
    pub const OF_ALL_ROWS: u64 = 2_000_000;
    /// Nodes that all paths together may look at for one answer. The largest honest answer, 10 MiB of rows with a hundred
    /// measures, takes about 3 million.
    pub const OF_A_PAGE: u64 = 10_000_000;

    /// The budget of an answer, before its first row.
    pub fn of_a_page() -> Self {
        Work { page: Cell::new(Self::OF_A_PAGE), row: Cell::new(Self::OF_ALL_ROWS), exhausted: Cell::new(None) }
    }

    /// Begins the next row, which has its own budget inside the page's.
    pub fn begin_row(&self) {
        self.row.set(Self::OF_A_ROW);
    }

    /// Whether a budget was used up: then nothing that was found counts.
    ///
    /// # Errors
    /// Which one.
    pub fn check(&self) -> Result<(), TooMuchWork> {
        self.exhausted.get().map_or(Ok(()), Err)
    }

    /// Takes `nodes` from both budgets.
    pub(super) fn take(&self, nodes: u64) -> Result<(), TooMuchWork> {
        self.check()?;
        let (page, row) = (self.page.get().checked_sub(nodes), self.row.get().checked_sub(nodes));
        let fault = match (page, row) {
            (None, _) => TooMuchWork::Page,
            (_, None) => TooMuchWork::Row,
            (Some(page), Some(row)) => {
                self.page.set(page);
                self.row.set(row);
                return Ok(());
            }
        };
        self.exhausted.set(Some(fault));
        Err(fault)
    }
}
