//! Programs that listen for changes of the ruleset, and what large transactions cost the machine
//! while one does.

#![cfg(feature = "nftables")]

use super::batch::Batch;
use super::constants::NFNLGRP_NFTABLES;
use crate::netlink::Program;

/// How large a transaction may be while a program listens for changes, in bytes. Until it is
/// committed the kernel keeps a message of 8 KiB for each of its elements, so this is 130 MB: 8 KiB
/// were measured for each network of a hash set, which takes 16 bytes here, and 16 KiB for each of an
/// interval set, which takes 40.
pub const MOST_BYTES: usize = 256 << 10;

/// A program that listens, if the batch is large enough for that to matter.
pub fn find(batch: &Batch) -> Option<Program> {
    (batch.bytes().len() > MOST_BYTES).then(|| Program::that_listens_to(NFNLGRP_NFTABLES)).flatten()
}

/// The same, with a warning that names the program. Returns whether there is one.
pub fn warn(batch: &Batch) -> bool {
    let listener = find(batch);
    if let Some(program) = &listener {
        log::warn!(
            "{program} listens for changes of the ruleset, and the kernel makes a message of each \
             network for it: loading takes several times as long, and more of the kernel's memory; \
             stop it unless it is needed"
        );
    }
    listener.is_some()
}
