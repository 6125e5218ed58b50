//! Futures that are made in their boxes.

use std::pin::Pin;

/// Makes a future in a box that is there before it: [`Box::pin`] takes one that was made on the
/// stack and copies the whole of it, thousands of bytes of which hardly any are written yet.
#[inline]
pub(crate) fn pinned<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}
