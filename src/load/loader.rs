//! One load into nf_tables: from the lists to the kernel.
//!
//! Everything that can fail is done before the kernel is touched; what is held in mind is replaced
//! last, when the kernel has taken the new sets.

use std::time::Instant;

use crate::list::End;
use crate::load::pipeline::{Again, Pipeline};
use crate::load::report::{Failure, Loaded};
use crate::nftables::{Connection, Error, Target};
use crate::policy::desired::DesiredState;
use crate::progress;
use crate::words::{Count, Noun};

/// Loads lists into a target, and remembers what it put there.
pub struct Loader {
    reading: Pipeline,
    target: Target,
}

impl Loader {
    /// A loader that has loaded nothing yet.
    pub fn new(reading: Pipeline, target: Target) -> Self {
        Loader { reading, target }
    }

    /// Reads the lists and puts what they ask for in force. On a failure what is in force stays.
    pub fn load(&mut self) -> Result<Loaded, Failure> {
        let begin = Instant::now();
        let mut wanted = self.reading.read()?;
        let sets = std::mem::take(&mut wanted.sets);
        let networks = Count(wanted.networks.sum(), Noun::Network);
        progress::at(format_args!("putting {networks} in force"));
        // A connection for each load: one that stays open would have to be looked after.
        let connected = Connection::open();
        let (done, time) = connected
            .and_then(|mut connection| {
                let done = self.target.put_in_force(&mut connection, sets)?;
                // Before the connection is closed, for which the kernel first frees the old sets.
                Ok((done, begin.elapsed()))
            })
            .map_err(|error| Failure::Failed(explain(&error, &wanted)))?;
        Ok(self.reading.loaded(done, wanted, time))
    }

    /// Whether anything is protected.
    pub fn protects(&self) -> bool {
        self.reading.protects()
    }

    /// When an entry ends, if any has an end.
    pub fn next_end(&self) -> Option<End> {
        self.reading.next_end()
    }

    /// Finds out without reading lists what is to be in force by now, if that is something else.
    pub fn find_again(&mut self) -> Result<Option<Again>, Failure> {
        match self.target.held() {
            Some(held) => self.reading.again(|| held),
            None => Ok(None),
        }
    }

    /// Puts that in force.
    pub fn load_again(&mut self, mut again: Again) -> Result<Option<Loaded>, Failure> {
        let begin = Instant::now();
        let sets = std::mem::take(&mut again.sets);
        let networks = sets.network_counts();
        let addresses = sets.addresses();
        let (done, time) = Connection::open()
            .and_then(|mut connection| {
                let done = self.target.put_in_force(&mut connection, sets)?;
                Ok((done, begin.elapsed()))
            })
            .map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(self.reading.loaded_again(done, again, networks, addresses, time))
    }

    /// Puts again in force what was loaded last, without reading the lists.
    pub fn repair(&mut self) -> Result<(), Error> {
        self.target.repair(&mut Connection::open()?)
    }

    /// Where it loads to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The same, to take note of what others have done to it.
    pub fn target_mut(&mut self) -> &mut Target {
        &mut self.target
    }
}

/// The kernel's error, with the entry that caused it if it was one.
fn explain(error: &Error, wanted: &DesiredState) -> String {
    match error.address().and_then(|address| wanted.first_origin(address)) {
        Some(origin) => format!("{error} (the entry is {origin})"),
        None => error.to_string(),
    }
}
