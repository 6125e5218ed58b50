//! Blocks of a file on their way to a connection, in memory that is used again.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes of a block.
const BLOCK: usize = 128 * 1024;

/// Where blocks find their memory. It holds what was under way at once, which the connection
/// bounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<Box<[u8]>>>>);

/// The next bytes of a file. Dropped, it leaves its memory to a later one.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    length: usize,
    memory: Memory,
}

impl Memory {
    /// Makes a block of that many bytes, or of as many as one may have.
    pub(super) fn block(&self, most: usize) -> Block {
        let length = most.min(BLOCK);
        let free = self.free().pop().filter(|bytes| bytes.len() >= length);
        let bytes = free.unwrap_or_else(|| vec![0; length].into());
        Block { bytes, length, memory: self.clone() }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Box<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Takes bytes of the file that are in the system's memory, perhaps fewer than asked for; says
    /// whether there were any.
    #[cfg(target_os = "linux")]
    pub(super) fn fill_without_waiting(&mut self, file: &File, is_in_memory: bool) -> bool {
        use rustix::io::{ReadWriteFlags, preadv2};
        /// Means the file's own position.
        const POSITION: u64 = u64::MAX;
        let flags = if is_in_memory { ReadWriteFlags::empty() } else { ReadWriteFlags::NOWAIT };
        let mut slices = [std::io::IoSliceMut::new(&mut self.bytes[..self.length])];
        // Whatever is wrong shows again where it may wait.
        let read = preadv2(file, &mut slices, POSITION, flags).unwrap_or(0);
        if read > 0 {
            self.length = read;
        }
        read > 0
    }

    /// Takes nothing: here every read may wait.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn fill_without_waiting(&mut self, _file: &File, _is_in_memory: bool) -> bool {
        false
    }
}

/// Says whether the file is on a file system that is nothing but memory, and knows no reads that
/// do not wait.
#[cfg(target_os = "linux")]
pub(super) fn is_in_memory(file: &File) -> bool {
    /// Of tmpfs.
    const MAGIC: i128 = 0x0102_1994;
    rustix::fs::fstatfs(file).is_ok_and(|about| i128::from(about.f_type) == MAGIC)
}

/// Says that nobody knows.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_in_memory(_file: &File) -> bool {
    false
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl AsMut<[u8]> for Block {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.memory.free().push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Memory};
    use std::io::{Seek as _, Write as _};

    #[test]
    fn blocks_take_turns_in_the_same_memory() {
        let memory = Memory::default();
        let (first, second) = (memory.block(usize::MAX), memory.block(10));
        assert_eq!((first.len(), second.len()), (BLOCK, 10));
        let place = first.as_ref().as_ptr();
        drop(first);
        assert_eq!(memory.block(5).as_ref().as_ptr(), place);
        drop(second);
        // What lies there is too small.
        assert_eq!(memory.block(20).len(), 20);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_memory_comes_at_once_and_in_order() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"abcdefgh").expect("it is written");
        file.rewind().expect("back to its start");
        let mut block = Memory::default().block(5);
        assert!(block.fill_without_waiting(&file, true));
        assert_eq!(block.as_ref(), b"abcde");
        assert!(block.fill_without_waiting(&file, true));
        assert_eq!(block.as_ref(), b"fgh");
        assert!(!block.fill_without_waiting(&file, true), "the end is no bytes");
    }
}
