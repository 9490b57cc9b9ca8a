//! The kernel's tables while others write to them, and while the one who writes is stopped: what is
//! in force is one whole list.

mod support;

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::*;

/// So many hosts, no two of which merge; lists of different `last` have none in common.
fn hosts(count: u32, last: u32) -> String {
    (0..count).map(|i| format!("{}\n", Ipv4Addr::from(0x0b00_0000 + i * 8 + last))).collect()
}

/// A set in a table of somebody else, and a rule that uses it.
const TABLE: &str = "table ip t { set a { type ipv4_addr; flags interval; }\n \
                     chain c { type filter hook input priority 0; ip saddr @a drop; }\n }";
const FOREIGN: &[&str] = &["-t", "ip t", "--set4", "a"];

/// What is in force of IPv4, in the managed table or in [`TABLE`].
fn in_force(namespace: &Namespace, options: &[&str]) -> Vec<String> {
    match options.contains(&"-t") {
        true => namespace.elements("ip t", "a"),
        false => namespace.managed("drop4"),
    }
}

#[test]
fn two_loads_at_once_end_in_the_list_of_one_of_them() {
    require!("strace");
    let folder = Folder::new();
    let (one, two) = (hosts(200, 1), hosts(200, 5));
    let wanted = [&one, &two].map(|text| shown(&parsed(text).v4));
    let lists = [folder.file("one", &one), folder.file("two", &two)];
    for options in [&[][..], FOREIGN] {
        // The first one waits before it sends its first message, its second one and so on, and the
        // second one goes all the way meanwhile.
        for number in 1..=16 {
            let namespace = Namespace::new();
            namespace.nft(TABLE);
            let mut command = namespace.command("strace");
            let delay = format!("inject=sendto:delay_enter=300000:when={number}");
            command.args(["-qq", "-o", "/dev/null", "-e", &delay, NETFILTERD, "load", "-q"]);
            command.args(["-f", &lists[0]]).args(options).args(namespace.state());
            let mut first = command.spawn().unwrap();
            thread::sleep(Duration::from_millis(120));
            namespace.load(&[&["-f", &lists[1]], options].concat());
            assert!(first.wait().unwrap().success(), "message {number}");
            let held = in_force(&namespace, options);
            assert!(wanted.contains(&held), "message {number}: {} networks", held.len());
        }
    }
}
