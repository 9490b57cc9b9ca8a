//! The thread that reads lists.
//!
//! The loop does not wait for it: while a file system does not answer, the daemon repairs, protects,
//! answers signals and shows its status as ever. There is at most one such thread, however long it
//! takes. Nothing waits for it when the daemon exits.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::daemon::mailbox::{Mailbox, Sender};
use crate::error::Error;
use crate::list::{Cache, Sizes};
use crate::load::{ReadLists, ReadRequest};
use crate::progress::{Progress, Step};
use crate::status::{self, BeingRead};
use crate::words::printable;

/// How long the lists may be read before it is reported: far longer than a disk takes for any list.
const LATE: Duration = Duration::from_secs(10);

/// The name of the thread, for `ps -L`.
const NAME: &str = "lists";

/// Reads lists, one set of lists at a time.
pub struct Reader {
    sender: Sender<(Result<ReadLists, Error>, Cache)>,
    results: Mailbox<(Result<ReadLists, Error>, Cache)>,
    /// What is kept of the lists that were read last. The thread has it while it reads.
    cache: Option<Cache>,
    current: Option<Current>,
}

/// Lists that are being read.
struct Current {
    begin: Instant,
    since: Timestamp,
    /// The list that the thread reads now.
    list: Arc<Mutex<PathBuf>>,
    is_late: bool,
}

impl Reader {
    /// Reads nothing yet. Fails if the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let (sender, results) = Mailbox::new()?;
        Ok(Reader { sender, results, cache: None, current: None })
    }

    /// Whether lists are being read. Until they have been, no others can be.
    pub fn is_reading(&self) -> bool {
        self.current.is_some()
    }

    /// Begins to read lists, after the thread has called `before`. The result arrives later; see
    /// [`Reader::result`].
    pub fn start(
        &mut self,
        request: ReadRequest,
        before: Option<impl FnOnce(&dyn Progress) + Send + 'static>,
    ) -> io::Result<()> {
        let list = Arc::default();
        let place = Place(Arc::clone(&list));
        let sender = self.sender.clone();
        let mut cache = self.cache.take().unwrap_or_else(|| Cache::new(Sizes::DEFAULT));
        let read = move || {
            if let Some(before) = before {
                before(&place);
            }
            let read = request.read_again(&place, &mut cache);
            sender.send((read, cache));
        };
        thread::Builder::new().name(NAME.to_string()).spawn(read)?;
        let (begin, since) = (Instant::now(), status::now());
        self.current = Some(Current { begin, since, list, is_late: false });
        Ok(())
    }

    /// The lists, if they have been read.
    pub fn result(&mut self) -> Option<Result<ReadLists, Error>> {
        let (result, cache) = self.results.receive().next()?;
        (self.current, self.cache) = (None, Some(cache));
        Some(result)
    }

    /// The time at which [`Reader::becomes_late`] must be called; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        let current = self.current.as_ref().filter(|current| !current.is_late)?;
        Some(current.begin + LATE)
    }

    /// Whether reading takes too long at `now`. Returns the list that is being read, and how long
    /// reading has taken; once for each start.
    pub fn becomes_late(&mut self, now: Instant) -> Option<(String, Duration)> {
        let current = self.current.as_mut().filter(|current| !current.is_late)?;
        current.is_late = now >= current.begin + LATE;
        current.is_late.then(|| (current.list(), now - current.begin))
    }

    /// What the status shows of it; `None` if nothing is being read.
    pub fn status(&self) -> Option<BeingRead> {
        let Current { since, is_late: late, .. } = *self.current.as_ref()?;
        Some(BeingRead { list: self.current.as_ref()?.list(), since, late })
    }
}

impl AsFd for Reader {
    /// Readable when lists have been read.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.results.as_fd()
    }
}

impl Current {
    fn list(&self) -> String {
        printable(&self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The place at which the thread records which list it reads.
struct Place(Arc<Mutex<PathBuf>>);

impl Progress for Place {
    fn step(&self, _: Step) {}

    fn list(&self, path: &Path) {
        path.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
