//! utmp(5): who is logged in, on hosts that keep this file.
//!
//! sshd(8), login(1) and dropbear(8) write a record for each terminal; mosh-server(1) and screen(1)
//! write one through utempter(8), which lets every local user write any text as the host. Such a record
//! counts nevertheless: mosh records only there where its client is, and dropbear records no
//! binary address. docs/THREATS.md says what a user gains by a false one.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;
use nix::sys::signal;
use nix::unistd::Pid;

use super::login::{Login, address};

/// The type of the record of somebody who is logged in.
const USER_PROCESS: i16 = 7;
/// The offset of `ut_pid`.
const PID: usize = 4;
/// The offset of `ut_host`, a name or an address as text, and the offset behind it.
const HOST: (usize, usize) = (76, 332);

/// What differs between machines in a record.
struct Layout {
    size: usize,
    /// The offset of `ut_addr_v6`, an address in network order. An IPv4 address fills the first four
    /// bytes, and the others are 0.
    address: usize,
}

/// `ut_session` and the parts of `ut_tv` have 32 bits, as glibc has them on most machines.
const SHORT: Layout = Layout { size: 384, address: 348 };
/// They have 64 bits, as glibc has them on Arm and RISC-V with 64 bits, and musl on all such machines.
const LONG: Layout = Layout { size: 400, address: 360 };

/// A record of a login from a remote host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The process of the login; 0 if it is not recorded.
    pub pid: i32,
    /// The login.
    pub login: Login,
}

impl Record {
    /// Whether the process of the login exists. The record stays if the program that wrote it was
    /// killed.
    pub fn is_alive(&self) -> bool {
        // Does not need /proc, which may hide the processes of other users from a process without
        // capabilities. A signal that is not permitted shows that there is a process.
        self.pid <= 0 || signal::kill(Pid::from_raw(self.pid), None) != Err(Errno::ESRCH)
    }
}

/// The records of logins from remote hosts. A record that is cut off is ignored.
pub fn records(file: &[u8]) -> Vec<Record> {
    let layout = layout(file.len());
    file.chunks_exact(layout.size).filter_map(|bytes| record(bytes, layout)).collect()
}

/// The layout of a file of this size: that of this machine, unless only the other one fits. A program
/// that is linked with musl may run on a host with glibc.
fn layout(size: usize) -> &'static Layout {
    let long = cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
    let (native, other) = if long { (&LONG, &SHORT) } else { (&SHORT, &LONG) };
    let fits = |layout: &Layout| size % layout.size == 0;
    if !fits(native) && fits(other) { other } else { native }
}

fn record(bytes: &[u8], layout: &Layout) -> Option<Record> {
    let kind = i16::from_ne_bytes(*bytes.first_chunk()?);
    let pid = i32::from_ne_bytes(*bytes.get(PID..)?.first_chunk()?);
    let mut login = recorded(&text(bytes.get(HOST.0..HOST.1)?));
    let binary = from_binary(*bytes.get(layout.address..)?.first_chunk()?);
    login.addresses.extend(binary.filter(|address| !login.addresses.contains(address)));
    let is_remote = !login.addresses.is_empty() || login.name.is_some();
    (kind == USER_PROCESS && is_remote).then_some(Record { pid, login })
}

/// Bytes up to the first NUL, or all of them.
fn text(bytes: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
    String::from_utf8_lossy(text).into_owned()
}

fn from_binary(bytes: [u8; 16]) -> Option<IpAddr> {
    let address = match bytes {
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => Ipv4Addr::new(a, b, c, d).into(),
        bytes => IpAddr::from(Ipv6Addr::from(bytes)).to_canonical(),
    };
    (!address.is_unspecified()).then_some(address)
}

/// The host in `ut_host`. Besides an address or a name it may be `192.0.2.50 via mosh [123]`, which
/// mosh-server(1) changes when its client moves, or `192.0.2.50:S.0` of screen(1). The host of a local
/// terminal, as `:0` and `tmux(123).%0`, is no remote host.
fn recorded(host: &str) -> Login {
    let word = host.split_whitespace().next().unwrap_or_default();
    let word = word.split_once(":S.").map_or(word, |(host, _)| host);
    let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if address(word).is_some() || (is_name && word.contains('.')) {
        Login::from(word)
    } else {
        Login::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of each layout.
    fn record(kind: i16, pid: i32, host: &str, address: &[u8]) -> [Vec<u8>; 2] {
        [&SHORT, &LONG].map(|layout| {
            let mut bytes = vec![0; layout.size];
            bytes[..2].copy_from_slice(&kind.to_ne_bytes());
            bytes[PID..PID + 4].copy_from_slice(&pid.to_ne_bytes());
            bytes[HOST.0..HOST.0 + host.len()].copy_from_slice(host.as_bytes());
            bytes[layout.address..layout.address + address.len()].copy_from_slice(address);
            bytes
        })
    }

    /// The addresses and the name of the only record of a file, the same in both layouts.
    fn read(host: &str, address: &[u8]) -> Option<(Vec<String>, Option<String>)> {
        let [short, long] = record(USER_PROCESS, 7, host, address).map(|file| records(&file));
        assert_eq!(short, long, "{host}");
        let Login { addresses, name } = &short.first()?.login;
        Some((addresses.iter().map(ToString::to_string).collect(), name.clone()))
    }

    #[test]
    fn a_host_is_read_as_an_address_in_both_places() {
        let v4 = [192, 0, 2, 50];
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 50];
        let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
        let of = |addresses: &[&str], name: Option<&str>| {
            let addresses = addresses.iter().map(ToString::to_string).collect();
            Some((addresses, name.map(str::to_string)))
        };
        assert_eq!(read("192.0.2.50", &v4), of(&["192.0.2.50"], None));
        assert_eq!(read("192.0.2.50", &[]), of(&["192.0.2.50"], None));
        assert_eq!(read("", &v4), of(&["192.0.2.50"], None));
        assert_eq!(read("", &mapped), of(&["192.0.2.50"], None));
        assert_eq!(read("2001:db8::5", &v6), of(&["2001:db8::5"], None));
        assert_eq!(read("::ffff:192.0.2.50", &[]), of(&["192.0.2.50"], None));
        assert_eq!(read("fe80::1%eth0", &[]), of(&["fe80::1"], None));
        assert_eq!(read("192.0.2.51 via mosh [123]", &[]), of(&["192.0.2.51"], None));
        assert_eq!(read("192.0.2.50:S.0", &[]), of(&["192.0.2.50"], None));
        assert_eq!(read("2001:db8::5:S.12", &[]), of(&["2001:db8::5"], None));
        assert_eq!(read("home.example.org", &v4), of(&["192.0.2.50"], Some("home.example.org")));
        assert_eq!(read("home.example.org", &[]), of(&[], Some("home.example.org")));
        for local in ["", ":0", ":pts/1:S.0", "tmux(123).%0", "localhost", "login screen"] {
            assert_eq!(read(local, &[]), None, "{local}");
        }
        let longest = "1".repeat(HOST.1 - HOST.0);
        assert_eq!(read(&longest, &[]), None, "without a NUL");
    }

    #[test]
    fn only_records_of_those_who_are_logged_in_count() {
        for kind in (0..10).filter(|&kind| kind != USER_PROCESS) {
            for file in record(kind, 7, "192.0.2.50", &[]) {
                assert_eq!(records(&file), [], "{kind}");
            }
        }
        let [file, _] = record(USER_PROCESS, 7, "192.0.2.50", &[]);
        let several = file.repeat(3);
        assert_eq!(records(&several).len(), 3);
        assert_eq!(records(&several[..several.len() - 1]).len(), 2, "one is cut off");
        assert_eq!(records(&[]), []);
    }

    #[test]
    fn a_record_of_a_process_that_has_ended_is_dead() {
        let of = |pid| Record { pid, login: Login::default() };
        assert!(of(0).is_alive() && of(1).is_alive());
        assert!(of(std::process::id() as i32).is_alive());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!of(child.id() as i32).is_alive());
    }
}
