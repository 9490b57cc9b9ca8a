//! What threads are notified of, and where that comes from: files that the daemons replace, and signals
//! that end the soak.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// What a host is notified of.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Its daemon has replaced a file.
    Replaced,
    /// Its daemon is to be looked at, at the next moment at which nothing happens to it.
    Look,
    /// The time is over: it comes to its end and is judged.
    End,
    /// It stops where it is.
    Interrupt,
}

/// What the main thread is notified of.
#[derive(Clone, Copy, Debug)]
pub enum Notice {
    /// A host has come to its end.
    HostEnded,
    /// A signal ends the soak.
    Interrupted,
}

/// Notifies a host of each file that is replaced in a folder, for as long as there is one.
pub fn of_folder(folder: &Path, host: Sender<Event>) -> io::Result<()> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(folder, AddWatchFlags::IN_MOVED_TO)?;
    thread::spawn(move || {
        while let Ok(events) = inotify.read_events() {
            let is_gone = events.iter().any(|it| it.mask.contains(AddWatchFlags::IN_IGNORED));
            if is_gone || host.send(Event::Replaced).is_err() {
                break;
            }
        }
    });
    Ok(())
}

/// Notifies the main thread of signals that end a program, for everything to be cleaned up. SIGHUP is none of them if it
/// was ignored before, as by nohup.
pub fn of_signals(main: Sender<Notice>) -> io::Result<()> {
    let ending: &[_] = if ignores_hup() { &[SIGINT, SIGTERM] } else { &[SIGINT, SIGTERM, SIGHUP] };
    let (mut arrived, signals) = UnixStream::pair()?;
    for &signal in ending {
        pipe::register(signal, signals.try_clone()?)?;
    }
    thread::spawn(move || {
        while arrived.read_exact(&mut [0]).is_ok() && main.send(Notice::Interrupted).is_ok() {}
    });
    Ok(())
}

fn ignores_hup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
}
