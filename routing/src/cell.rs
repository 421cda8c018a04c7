//! The one root of the table: requests load it, one publisher swaps it and frees what it replaced.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::{Change, Table};

/// The table of now. Reading takes no lock.
#[derive(Debug, Default)]
pub struct TableCell(ArcSwap<Table>);

impl TableCell {
    /// The table of now. Not to be held across an await.
    pub fn load(&self) -> Guard<Arc<Table>> {
        self.0.load()
    }
}

/// The only writer of a [`TableCell`].
///
/// It keeps every table it has replaced until no request reads it, so that freeing never happens
/// on a request's thread.
#[derive(Debug, Default)]
pub struct Publisher {
    cell: Arc<TableCell>,
    retired: Vec<Arc<Table>>,
}

impl Publisher {
    /// The cell to hand to the data plane.
    pub fn cell(&self) -> Arc<TableCell> {
        Arc::clone(&self.cell)
    }

    /// Puts changes into effect, all at once, and frees tables nobody reads any more.
    pub fn publish(&mut self, changes: impl IntoIterator<Item = Change>) {
        let next = Arc::new(self.cell.0.load().with(changes));
        self.retired.push(self.cell.0.swap(next));
        self.reclaim();
    }

    /// Frees replaced tables nobody reads any more; says how many are still read.
    pub fn reclaim(&mut self) -> usize {
        self.retired.retain(|table| Arc::strong_count(table) > 1);
        self.retired.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Host;

    #[test]
    fn a_replaced_table_is_freed_by_the_publisher_once_its_last_reader_is_gone() {
        let mut publisher = Publisher::default();
        let cell = publisher.cell();
        let reader = Arc::clone(&cell.load());
        publisher.publish([Change::Set(Host::new("a.example", []))]);
        assert_eq!((reader.len(), cell.load().len()), (0, 1));
        assert_eq!(publisher.reclaim(), 1);
        drop(reader);
        assert_eq!(publisher.reclaim(), 0);
    }
}
