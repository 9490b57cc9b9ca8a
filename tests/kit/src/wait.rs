//! Waiting: for what must come, with one deadline for all tests, and for what must not.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come: far longer than it takes, for a machine may be slow or
/// have other work.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until `look` finds something. After [`DEADLINE`] the test fails, with what `missed` says.
#[track_caller]
pub fn awaited<T>(missed: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{}", missed());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until something is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    awaited(|| format!("never: {what}"), || is_so().then_some(()));
}

/// How long to wait for a packet that may not come, as a rule so many milliseconds: as many times as
/// long as there are programs that want to run for each processor. An emulated machine says in
/// NETFILTERD_PATIENCE how many times slower it is.
pub fn patience(millis: u64) -> Duration {
    let slower = std::env::var("NETFILTERD_PATIENCE").map_or(1, |times| times.parse().unwrap());
    Duration::from_millis(millis * slower * crowd())
}

/// Programs that want to run now, for each processor.
fn crowd() -> u64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    // Behind the three averages: those that want to run, and all there are.
    let running: u64 = text.split([' ', '/']).nth(3).unwrap().parse().unwrap();
    running.div_ceil(thread::available_parallelism().map_or(1, |count| count.get() as u64)).max(1)
}

/// A socket that is bound to a port of its own choice. A program that another test starts holds copies of
/// all descriptors for a moment, between fork and exec, and with them a port that was given up here.
pub fn bind_again<T>(mut bind: impl FnMut() -> std::io::Result<T>) -> T {
    let bind = || match bind() {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => None,
        result => Some(result.expect("a port")),
    };
    awaited(|| "the port is still in use".to_string(), bind)
}
