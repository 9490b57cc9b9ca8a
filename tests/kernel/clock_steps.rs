//! A clock that is set while a daemon runs. Only where NETFILTERD_MAY_SET_CLOCK says so: there is
//! one clock for the whole machine, so these tests are for a machine of their own (tests/vm).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use kit::queue::{BOTH, Queues};
use kit::*;
use netfilterd::list::End;
use nix::time::{ClockId, clock_settime};

/// The machine's clock, which is put right again at the end.
struct Clock {
    begin: (SystemTime, Instant),
    _alone: MutexGuard<'static, ()>,
}

impl Clock {
    /// The clock, which must be one that may be set.
    fn to_set() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        assert!(
            std::env::var_os("NETFILTERD_MAY_SET_CLOCK").is_some(),
            "this sets the clock of the whole machine, and NETFILTERD_MAY_SET_CLOCK is not set; \
             leave it out by --skip clock_steps::"
        );
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Clock { begin: (SystemTime::now(), Instant::now()), _alone: alone }
    }

    /// Puts it so many seconds before or behind the right time.
    fn put(&self, seconds: i64) {
        let (then, since) = self.begin;
        let right = (then + since.elapsed()).duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = right.saturating_add_signed(seconds);
        clock_settime(ClockId::CLOCK_REALTIME, time.into()).unwrap();
    }
}

/// Durations do not go below zero.
trait AddSigned {
    fn saturating_add_signed(self, seconds: i64) -> Self;
}

impl AddSigned for Duration {
    fn saturating_add_signed(self, seconds: i64) -> Self {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { self.saturating_sub(by) } else { self + by }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.put(0);
    }
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn in_an_hour() -> i64 {
    End::now().seconds() + HOUR
}

#[test]
#[ignore = "needs root and a machine of its own, whose clock it sets"]
fn an_entry_leaves_when_the_clock_is_put_behind_its_end_and_comes_back_when_it_is_put_back() {
    let clock = Clock::to_set();
    let (inside, folder) = (Namespace::new(), Folder::new());
    let text = format!("192.0.2.0/24 until {}\n192.0.2.7\n", in_an_hour());
    let list = folder.file("list", text);
    let daemon = Daemon::start(&inside, &["-f", &list]);
    // The list is not read for any of that.
    std::fs::remove_file(list).unwrap();
    let in_force = |added: u64, removed: u64| {
        daemon.wait_for_status(|status| {
            let loaded = &status["loaded"];
            loaded["added"] == added && loaded["removed"] == removed
        });
    };
    for _ in 0..2 {
        assert_eq!(inside.managed("drop4"), ["192.0.2.0/24"]);
        clock.put(2 * HOUR);
        in_force(0, 8);
        assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
        clock.put(0);
        in_force(8, 0);
    }
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/24"]);
}

#[test]
#[ignore = "needs root and a machine of its own, whose clock it sets"]
fn in_queue_mode_packets_are_judged_by_the_time_that_the_clock_shows() {
    needs(&["iptables-legacy"]);
    let clock = Clock::to_set();
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", format!("{FOE4} until {}\n{FOE6}\n", in_an_hour()));
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-num 0");
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    clock.put(2 * HOUR);
    queues.daemon.wait_for_status(|status| status["loaded"]["networks4"] == 0);
    assert!(wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    clock.put(0);
    queues.daemon.wait_for_status(|status| status["loaded"]["networks4"] == 1);
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
}

#[test]
#[ignore = "needs root and a machine of its own, whose clock it sets"]
fn what_is_done_after_a_while_does_not_wait_for_the_clock() {
    let clock = Clock::to_set();
    for by in [DAY, -DAY] {
        let (inside, folder) = (Namespace::new(), Folder::new());
        let list = folder.file("list", "192.0.2.7\n");
        let daemon = Daemon::start(&inside, &["-f", &list, "--watch"]);
        // Within the pause before a second repair.
        inside.nft("delete table ip netfilterd; delete table ip6 netfilterd");
        daemon.wait_for_repairs(1);
        inside.nft("delete table ip netfilterd; delete table ip6 netfilterd");
        daemon.wait_for("in 1 s", 1);
        clock.put(by);
        daemon.wait_for_repairs(2);
        // While a burst of changes is gathered, of a list from another time.
        folder.file("list", "192.0.2.8\n");
        clock.put(0);
        daemon.wait_for_loads(2);
        clock.put(by);
        folder.file("list", "192.0.2.9\n");
        daemon.wait_for_loads(3);
        assert_eq!(inside.managed("drop4"), ["192.0.2.9/32"]);
        // An address that the host gets while the clock is wrong is protected.
        inside.ip("addr add 192.0.2.9/32 dev lo");
        daemon.wait_for_status(|status| status["loaded"]["protected"] == 1);
        assert_eq!(inside.managed("drop4"), Vec::<String>::new());
        assert_eq!(daemon.end("TERM"), 0);
        clock.put(0);
    }
}

#[test]
#[ignore = "needs root and a machine of its own, whose clock it sets"]
fn a_list_and_a_status_of_tomorrow_are_read_all_the_same() {
    let clock = Clock::to_set();
    let (inside, folder) = (Namespace::new(), Folder::new());
    clock.put(DAY);
    let list = folder.file("list", "192.0.2.7\n");
    let status = folder.path().join("status").to_str().unwrap().to_string();
    let daemon = Daemon::start(&inside, &["-f", &list, "--status-file", &status]);
    clock.put(0);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    inside.load(&["-f", &list]);
    for command in ["status", "check"] {
        let option = if command == "status" { "--status-file" } else { "-f" };
        let file = if command == "status" { &status } else { &list };
        let ran = inside.netfilterd(&[command, option, file]);
        assert_eq!(ran.status(), 0, "{command}: {}{}", ran.stdout(), ran.stderr());
        println!("{}", ran.stdout());
    }
}
