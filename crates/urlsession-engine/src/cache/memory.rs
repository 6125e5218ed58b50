//! Kept responses in memory, those of the URLs least recently used going first.

use super::stored::Stored;
use std::collections::BTreeMap;
use std::sync::Arc;
use urlsession_protocol::Timestamp;

/// A response may take this part of the room.
const ENTRY_PART: u64 = 4;

/// The responses of some URLs: of each either all or none.
#[derive(Debug)]
pub(super) struct Memory {
    capacity: u64,
    size: u64,
    shelves: BTreeMap<String, Shelf>,
    /// URLs in the order of their last use.
    order: BTreeMap<u64, String>,
    uses: u64,
}

#[derive(Debug)]
struct Shelf {
    all: Vec<Arc<Stored>>,
    size: u64,
    used: u64,
    /// When its use was last written down.
    noted: Timestamp,
}

impl Memory {
    pub(super) fn new(capacity: u64) -> Self {
        let (shelves, order) = (BTreeMap::new(), BTreeMap::new());
        Self { capacity, size: 0, shelves, order, uses: 0 }
    }

    /// Returns the room that one response may take.
    pub(super) fn entry_limit(&self) -> u64 {
        self.capacity / ENTRY_PART
    }

    /// Returns the responses of a URL and when their use was last written down; `None` if they are
    /// not here.
    pub(super) fn get(&mut self, url: &str) -> Option<(Vec<Arc<Stored>>, Timestamp)> {
        let shelf = self.shelves.get_mut(url)?;
        self.uses += 1;
        if let Some(url) = self.order.remove(&shelf.used) {
            self.order.insert(self.uses, url);
        }
        shelf.used = self.uses;
        Some((shelf.all.clone(), shelf.noted))
    }

    /// Keeps all responses of a URL, if there is room for them.
    pub(super) fn put(&mut self, url: &str, all: Vec<Arc<Stored>>, noted: Timestamp) {
        self.remove(url);
        let largest = all.iter().map(|stored| stored.size()).max().unwrap_or(0);
        let size = url.len() as u64 + all.iter().map(|stored| stored.size()).sum::<u64>();
        if largest > self.entry_limit() || size > self.capacity || all.is_empty() {
            return;
        }
        self.uses += 1;
        self.order.insert(self.uses, url.to_owned());
        let shelf = Shelf { all, size, used: self.uses, noted };
        self.shelves.insert(url.to_owned(), shelf);
        self.size += size;
        self.shrink();
    }

    pub(super) fn remove(&mut self, url: &str) {
        if let Some(shelf) = self.shelves.remove(url) {
            self.order.remove(&shelf.used);
            self.size -= shelf.size;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// Gives it so much room.
    pub(super) fn grow(&mut self, capacity: u64) {
        self.capacity = self.capacity.max(capacity);
    }

    fn shrink(&mut self) {
        while self.size > self.capacity {
            let Some((_, url)) = self.order.pop_first() else { return };
            if let Some(shelf) = self.shelves.remove(&url) {
                self.size -= shelf.size;
            }
        }
    }
}
