//! The loop: waits for signals and loads again.
//!
//! A signal is a byte in a pipe; the loop acts on it. A reload that fails leaves what is in force
//! in force and the daemon running.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::load::{Failure, Loader};
use crate::pidfile::PidFile;
use crate::sys;

/// Loads, stays, and loads again at each SIGHUP, until SIGTERM or SIGINT. The sets stay in force
/// when it ends.
///
/// Fails only if it cannot begin: what happens later is logged.
pub fn run(mut loader: Loader, pid_file: Option<&Path>) -> Result<(), Failure> {
    // Before anything that takes time: a SIGHUP that comes early must not kill.
    let mut signals = Signals::register()
        .map_err(|error| Failure::Failed(format!("cannot receive signals: {error}")))?;
    let _pid_file = pid_file.map(PidFile::create).transpose().map_err(Failure::Failed)?;

    let loaded = loader.load()?;
    log::info!("{loaded}");
    notify(&[NotifyState::Ready, NotifyState::Status(&loaded.to_string())]);

    loop {
        match signals.wait() {
            Signal::Stop => {
                notify(&[NotifyState::Stopping]);
                log::info!("stopping; what is loaded stays in force");
                return Ok(());
            }
            Signal::Reload => reload(&mut loader),
        }
    }
}

fn reload(loader: &mut Loader) {
    let Ok(now) = NotifyState::monotonic_usec_now() else { return };
    notify(&[NotifyState::Reloading, now]);
    let status = match loader.load() {
        Ok(loaded) => {
            log::info!("{loaded}");
            loaded.to_string()
        }
        Err(failure) => {
            let status = format!("{failure}; keeping what is loaded");
            log::error!("{status}");
            status
        }
    };
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Tells systemd, if it is there.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd was not told: {error}");
    }
}

/// What the daemon is told to do.
enum Signal {
    Reload,
    Stop,
}

/// The signals as pipes, one for each thing to do.
struct Signals {
    reload: UnixStream,
    stop: UnixStream,
}

impl Signals {
    fn register() -> std::io::Result<Self> {
        let (reload, reload_sender) = UnixStream::pair()?;
        let (stop, stop_sender) = UnixStream::pair()?;
        reload.set_nonblocking(true)?;
        pipe::register(SIGHUP, reload_sender)?;
        pipe::register(SIGTERM, stop_sender.try_clone()?)?;
        pipe::register(SIGINT, stop_sender)?;
        Ok(Signals { reload, stop })
    }

    /// Waits for a signal. All SIGHUPs that have come by now are one; one that comes later, also
    /// during the reload that follows, is another.
    fn wait(&mut self) -> Signal {
        loop {
            match sys::wait_readable([self.stop.as_fd(), self.reload.as_fd()], None) {
                Ok([true, _]) => return Signal::Stop,
                Ok([false, true]) => {
                    let mut bytes = [0; 1024];
                    while matches!(self.reload.read(&mut bytes), Ok(count) if count > 0) {}
                    return Signal::Reload;
                }
                Ok([false, false]) => {}
                // Cannot happen with two open descriptors; a daemon that can no longer hear is
                // better ended, for its supervisor to start it again.
                Err(error) => {
                    log::error!("cannot wait for signals: {error}");
                    return Signal::Stop;
                }
            }
        }
    }
}
