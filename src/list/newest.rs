//! Only the newest entries, for small machines with lists that only grow.
//!
//! New is what was written last: lists are taken in the order in which they were last written to,
//! and within a list what stands further down is newer.

use super::source::List;

/// How many entries at the beginning of each of `lists` are older than the newest `most`. Goes
/// through the lists that are newest until these are found, counting.
pub fn older(lists: &[List], most: u64) -> Vec<u64> {
    let mut order: Vec<usize> = (0..lists.len()).collect();
    // Standard input has no time; it is being written now. Of equally old ones the later is newer.
    order.sort_by_key(|&index| {
        let modified = lists[index].modified();
        (modified.is_none(), modified)
    });
    let mut older = vec![u64::MAX; lists.len()];
    let mut left = most;
    for index in order.into_iter().rev() {
        if left == 0 {
            break;
        }
        let mut entries = 0;
        lists[index].scan(|_, _, _| entries += 1, |_, _, _| {});
        older[index] = entries - left.min(entries);
        left -= left.min(entries);
    }
    older
}
