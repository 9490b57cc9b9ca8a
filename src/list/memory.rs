//! Memory for lists. A daemon must outlive a list that is too large for its machine.

use std::collections::TryReserveError;

/// Appends an item, if there is memory for it; else nothing is changed.
#[inline]
pub fn try_push<T>(items: &mut Vec<T>, item: T) -> Result<(), TryReserveError> {
    if items.len() == items.capacity() {
        items.try_reserve(1)?;
    }
    items.push(item);
    Ok(())
}
