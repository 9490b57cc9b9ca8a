//! The first part of a load: lists and allowlists are read and merged.
//!
//! It may take minutes or never end, because the file system of a list may not answer. So it holds
//! nothing of the pipeline, and a daemon does it on a thread of its own.

use std::time::Instant;

use crate::error::Error;
use crate::list::{Cache, End};
use crate::policy::desired::{DesiredState, Request};
use crate::policy::protect::Protected;
use crate::progress::Progress;

/// Everything that is needed to read the lists.
pub struct ReadRequest {
    /// Which lists, and how their entries are used.
    pub request: Request,
    /// The addresses that are protected now.
    pub protected: Protected,
    /// The time at which the load began.
    pub begin: Instant,
}

/// Lists that were read, for [`Pipeline::finish`](super::Pipeline::finish).
pub struct ReadLists {
    /// What they ask for.
    pub desired: DesiredState,
    /// The time at which the load began. What was protected then was excluded.
    pub begin: Instant,
}

impl ReadRequest {
    /// Reads the lists. Changes nothing, on no error either.
    pub fn read(self, progress: &dyn Progress) -> Result<ReadLists, Error> {
        let ReadRequest { request, protected, begin } = self;
        let desired = DesiredState::read(&request, protected, End::now(), progress)?;
        Ok(ReadLists { desired, begin })
    }

    /// The same at the cost of what has changed since the lists were read with this `cache`.
    pub fn read_again(
        self,
        progress: &dyn Progress,
        cache: &mut Cache,
    ) -> Result<ReadLists, Error> {
        let ReadRequest { request, protected, begin } = self;
        let desired = DesiredState::read_again(&request, protected, End::now(), progress, cache)?;
        Ok(ReadLists { desired, begin })
    }
}
