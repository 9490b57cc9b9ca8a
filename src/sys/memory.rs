//! Memory of the process.

#![allow(unsafe_code)]

/// From how many bytes up memory is worth huge pages: several of them.
const HUGE: usize = 4 << 20;

/// Asks for huge pages for a vector that was given its capacity and is about to be filled. A list
/// of a million networks and its batch are ten thousand small pages, and taking each of them is a
/// sixth of the time that reading the list takes. Does nothing for a small vector, or where the
/// system has no huge pages.
pub fn prefer_huge_pages<T>(memory: &mut Vec<T>) {
    let bytes = memory.capacity() * size_of::<T>();
    if bytes < HUGE {
        return;
    }
    let start = memory.as_mut_ptr().cast::<u8>();
    // The address has to be that of a page, and a page is never larger than this.
    let skip = start.align_offset(64 << 10).min(bytes);
    // SAFETY: the range lies within the vector's allocation; this advice changes no byte of it.
    let _ = unsafe { libc::madvise(start.add(skip).cast(), bytes - skip, libc::MADV_HUGEPAGE) };
}

/// Gives memory that is free back to the system. After a load most of what was used is free, in
/// pieces that the allocator would keep for the next one.
pub fn give_memory_back() {
    // SAFETY: only moves the allocator's own free memory. Other C libraries than glibc have no
    // such call, and keep less.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has all threads allocate from one heap. With heaps of their own, what a thread has freed could not
/// be given back by [`give_memory_back`]: it returns the end of the first heap only. To be called
/// before the first thread starts; threads that allocate at the same time wait for each other.
pub fn share_heap() {
    // SAFETY: sets a parameter of the allocator. Other C libraries than glibc have one heap anyway, or
    // no such call.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
