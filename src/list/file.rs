//! Files to bytes: the whole file, one version of it, or an error.
//!
//! Knows nothing of what a list holds. Never maps a file (a truncation would kill the process), and
//! opens no FIFO and no device.

use std::error::Error;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys;
use crate::words::printable;

/// The largest list that is read, in bytes.
pub const MAX_FILE: u64 = 4 << 30;

/// How often a file that changes while it is read is tried, and how long to wait in between. A
/// writer that needs longer should write a new file and rename it.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// How many bytes are read at a time, before it is said how many were.
const CHUNK: u64 = 4 << 20;

/// For how long a file must not have been written to before it is read. A time stamp says when a
/// write began, not that it has ended: what is read during one long write would look unchanged
/// afterwards, and be a mixture. Longer than the tick in which older kernels count time.
const SETTLED: Duration = Duration::from_millis(20);

/// Why a file could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The system does not let it be read.
    Io {
        /// What the system says.
        error: io::Error,
    },
    /// It is a FIFO, a socket, a device.
    NotAFile {
        /// Which of these, with its article.
        kind: &'static str,
    },
    /// It is larger than [`MAX_FILE`].
    TooLarge {
        /// The size.
        bytes: u64,
    },
    /// It was written to during each of the tries.
    Changing,
    /// It is a directory without a file in it.
    EmptyDirectory,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io { error }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::Io { error } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { error } => write!(f, "cannot be read: {error}; {}", cure(error)),
            ReadError::NotAFile { kind } => write!(
                f,
                "is {kind}, not a regular file; to read from a pipe use - for standard input"
            ),
            ReadError::TooLarge { bytes } => {
                write!(f, "has {bytes} bytes; the limit is {MAX_FILE}: split the list")
            }
            ReadError::Changing => write!(
                f,
                "was written to during each of {TRIES} readings; write a new file and rename it into place"
            ),
            ReadError::EmptyDirectory => f.write_str(
                "is a directory without a list in it (hidden files do not count); put one in it",
            ),
        }
    }
}

/// What to do where the system does not let a file be read.
fn cure(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ENAMETOOLONG) => {
            "create it, or correct its path"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "netfilterd reads as its user, also as root: give that user the permission to"
        }
        Some(libc::EMFILE) => "raise the limit of open files of the process",
        Some(libc::ENFILE) => "raise the limit of open files of the system, fs.file-max",
        Some(libc::ENOMEM) => "raise the memory limit, or free memory",
        _ => "examine the file system that it is on",
    }
}

/// The files that a path of the command line means: itself, or the regular files of a directory
/// in the order of their names. Hidden files are left out: they are what editors and transfer
/// programs leave half-written.
pub fn expand(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let metadata = path.metadata()?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for item in path.read_dir()? {
        let item = item?;
        let hidden = item.file_name().as_encoded_bytes().starts_with(b".");
        if hidden {
            continue;
        }
        // Follows symbolic links. One that leads nowhere is a list that is gone, and reading it
        // will say so by its name.
        match item.path().metadata() {
            Ok(metadata) if !metadata.is_file() => {
                log::debug!("{}: left out, not a regular file", printable(&item.path()));
            }
            _ => files.push(item.path()),
        }
    }
    if files.is_empty() {
        return Err(ReadError::EmptyDirectory);
    }
    files.sort();
    Ok(files)
}

/// One version of a file.
pub struct Content {
    /// All bytes of it.
    pub bytes: Vec<u8>,
    /// Whether every user of the host may read the file, so that messages may quote it.
    pub public: bool,
}

/// Reads one version of the file at `path`, whole. Calls `progress` with how many of its bytes are
/// read, again and again; when the file is read again, from the beginning.
///
/// Waits for a process that holds a write lease on the file, as a file server does; the kernel ends a
/// lease after 45 s (`/proc/sys/fs/lease-break-time`).
pub fn read(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<Content, ReadError> {
    let (bytes, public) = one_version(path, |file, size| read_bytes(file, size, progress))?;
    Ok(Content { bytes, public })
}

/// What the bytes of a file pass through.
pub trait Through {
    /// The file is read from the beginning, perhaps once more.
    fn restart(&mut self);

    /// Where bytes are read to; not empty.
    fn room(&mut self) -> &mut [u8];

    /// So many bytes were read there. Returns whether to go on.
    fn filled(&mut self, bytes: usize) -> bool;

    /// There are no more. Returns whether the reading counts.
    fn ended(&mut self) -> bool;
}

/// The same, where the bytes pass `through` something that keeps what it needs. Returns whether every user
/// may read the file; `None` if it was not to go on, or the reading does not count.
pub fn read_through(
    path: &Path,
    progress: &mut dyn FnMut(u64),
    through: &mut dyn Through,
) -> Result<Option<bool>, ReadError> {
    let (is_done, public) = one_version(path, |file, size| {
        through.restart();
        pass_through(file, size, progress, through)
    })?;
    Ok(is_done.then_some(public))
}

/// Has `read` read one version of a file, of the size that it is called with. Returns also whether every
/// user may read the file.
fn one_version<T>(
    path: &Path,
    mut read: impl FnMut(&File, u64) -> Result<T, ReadError>,
) -> Result<(T, bool), ReadError> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        if let Some(read) = read_once(path, &mut read)? {
            return Ok(read);
        }
    }
    Err(ReadError::Changing)
}

/// `None` if the file was changed or replaced meanwhile.
fn read_once<T>(
    path: &Path,
    read: impl FnOnce(&File, u64) -> Result<T, ReadError>,
) -> Result<Option<(T, bool)>, ReadError> {
    let file = open(path)?;
    let before = file.metadata()?;
    if before.len() > MAX_FILE {
        return Err(ReadError::TooLarge { bytes: before.len() });
    }
    if !is_settled(&before) {
        return Ok(None);
    }
    let read = read(&file, before.len())?;
    let after = file.metadata()?;
    // By path again: a file that was replaced is unchanged itself, and old.
    let now = path.metadata()?;
    let same = version(&before) == version(&after) && version(&after) == version(&now);
    Ok(same.then(|| (read, is_public(path, &before))))
}

/// Opens a file for reading, and nothing but a regular file. The opening of a device has effects, such
/// as a watchdog that begins to count, and the opening of a FIFO waits for a writer, so what the path
/// leads to is looked at before.
fn open(path: &Path) -> Result<File, ReadError> {
    let found = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    if let Some(kind) = not_a_file(&found.metadata()?) {
        return Err(ReadError::NotAFile { kind });
    }
    // By its descriptor, because the path may lead elsewhere by now.
    match File::open(format!("/proc/self/fd/{}", found.as_raw_fd())) {
        // There is no /proc. Without waiting, in case that the path leads to a FIFO by now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
            not_a_file(&file.metadata()?).map_or(Ok(file), |kind| Err(ReadError::NotAFile { kind }))
        }
        opened => Ok(opened?),
    }
}

/// Whether every user may read the file: by its own mode, and through all folders that lead to it. The
/// path of a list may be a link that somebody made to a file of root's.
fn is_public(path: &Path, metadata: &Metadata) -> bool {
    let others_may = |metadata: &Metadata, bit| metadata.mode() & bit != 0;
    let open_folder =
        |folder: &Path| folder.metadata().is_ok_and(|metadata| others_may(&metadata, 0o001));
    others_may(metadata, 0o004)
        && path.canonicalize().is_ok_and(|real| real.ancestors().skip(1).all(open_folder))
}

/// The null device is let through: reading it is the documented way to empty the sets.
fn not_a_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    let null = libc::makedev(1, 3);
    match () {
        () if kind.is_file() => None,
        () if kind.is_char_device() && metadata.rdev() == null => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a FIFO or pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

fn is_settled(metadata: &Metadata) -> bool {
    if !metadata.is_file() {
        return true;
    }
    match metadata.modified().map(|time| time.elapsed()) {
        Ok(Ok(age)) => age >= SETTLED,
        // A time in the future, or none at all: nothing can be told from it.
        Ok(Err(_)) | Err(_) => true,
    }
}

/// What changes when a file is written to or replaced.
fn version(metadata: &Metadata) -> (u64, u64, u64, i64, i64, i64, i64) {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

fn read_bytes(file: &File, size: u64, progress: &mut dyn FnMut(u64)) -> Result<Vec<u8>, ReadError> {
    // Files of /proc say 0 and hold something. For others one byte more than the size shows
    // that the file grew, and keeps an endless writer from being followed.
    let most = if size == 0 { MAX_FILE + 1 } else { size + 1 };
    let mut bytes = Vec::new();
    let expected = usize::try_from(size + 1).map_err(|_| ReadError::TooLarge { bytes: size })?;
    bytes.try_reserve_exact(expected).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    sys::prefer_huge_pages(&mut bytes);
    read_to_end(file, most, &mut bytes, progress)?;
    Ok(bytes)
}

/// Whether the file was read to its end, and that counts.
fn pass_through(
    mut file: &File,
    size: u64,
    progress: &mut dyn FnMut(u64),
    through: &mut dyn Through,
) -> Result<bool, ReadError> {
    let mut all = 0;
    // As much as read_bytes reads, but a file of /proc is small.
    while all <= size {
        let room = through.room();
        let mut filled = 0;
        while filled < room.len() {
            match file.read(&mut room[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let is_full = filled == room.len();
        all += filled as u64;
        progress(all);
        if !through.filled(filled) {
            return Ok(false);
        }
        if !is_full {
            return Ok(all == size && through.ended());
        }
    }
    Ok(false)
}

/// Reads standard input to its end. Calls `progress` with how many bytes are read, again and again.
pub fn read_stdin(progress: &mut dyn FnMut(u64)) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    read_to_end(io::stdin().lock(), MAX_FILE + 1, &mut bytes, progress)?;
    Ok(bytes)
}

/// Appends at most `most` bytes of `source` to `bytes`.
fn read_to_end(
    mut source: impl Read,
    most: u64,
    bytes: &mut Vec<u8>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ReadError> {
    loop {
        let chunk = CHUNK.min(most - bytes.len() as u64);
        let read = source.by_ref().take(chunk).read_to_end(bytes)? as u64;
        progress(bytes.len() as u64);
        if read < chunk || bytes.len() as u64 == most {
            break;
        }
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(ReadError::TooLarge { bytes: bytes.len() as u64 });
    }
    Ok(())
}
