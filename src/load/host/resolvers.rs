//! The resolvers of the host, in resolv.conf(5) and in the files of the programs that it leads to.
//!
//! Where a program on the host answers names, resolv.conf names only the loopback interface, and
//! the servers which that program asks stand in its own files.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::dnsmasq;
use super::files::Files;
use super::login::address;
use super::remarks::Remarks;
use crate::words;

/// The files in the format of resolv.conf(5).
const RESOLV_CONF: [&str; 9] = [
    "/etc/resolv.conf",
    // systemd-resolved(8): the servers that its stub asks.
    "/run/systemd/resolve/resolv.conf",
    // NetworkManager(8): what it would write to /etc/resolv.conf, and the servers that the stub asks
    // which it runs or configures.
    "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    // resolvconf(8), and what it writes for dnsmasq(8).
    "/run/resolvconf/resolv.conf",
    "/run/dnsmasq/resolv.conf",
    "/run/connman/resolv.conf",
    // The usual names in the option --resolv-file of dnsmasq(8).
    "/etc/resolv.dnsmasq",
    "/etc/resolv.dnsmasq.conf",
];

/// The configuration of dnsmasq(8).
const DNSMASQ: &str = "/etc/dnsmasq.conf";

/// The folders of such files: of dnsmasq(8), and of the one that NetworkManager(8) runs.
const DNSMASQ_FOLDERS: [&str; 2] = ["/etc/dnsmasq.d", "/etc/NetworkManager/dnsmasq.d"];

/// How many files of the configuration of dnsmasq are read. They may name each other.
const MOST_FILES: usize = 256;

/// The resolvers of the host, with the file that names each.
///
/// A file that names none, because it is empty or missing, does not change what it named before:
/// programs empty resolv.conf while a network is down, and write it again when it is up. That ends
/// when any file names a resolver that none named before. Nothing is remembered beyond the process: it
/// would be a resolver for ever after the host has moved to another network.
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    known: Vec<(PathBuf, Vec<IpAddr>)>,
    folders: Vec<PathBuf>,
}

impl Resolvers {
    /// The resolvers by the files as they are now. What is not protected is added to `remarks`.
    pub fn look(&mut self, files: &Files, remarks: &mut Remarks) -> Vec<IpAddr> {
        let mut look = Look { files, remarks, named: Vec::new(), folders: Vec::new() };
        let resolv_files = look.dnsmasq();
        for path in RESOLV_CONF.into_iter().map(PathBuf::from).chain(resolv_files) {
            look.read(&path, &mut resolvers);
        }
        let Look { named, folders, .. } = look;
        self.folders = folders;
        self.remember(named);
        self.known.iter().flat_map(|(_, addresses)| addresses).copied().collect()
    }

    /// The files and folders that may name resolvers, whether they exist or not. The last look may have
    /// found more of them.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let always = RESOLV_CONF.into_iter().chain([DNSMASQ]).chain(DNSMASQ_FOLDERS);
        let found = self.known.iter().map(|(path, _)| path).chain(&self.folders).cloned();
        always.map(PathBuf::from).chain(found)
    }

    fn remember(&mut self, named: Vec<(PathBuf, Vec<IpAddr>)>) {
        let before = std::mem::replace(&mut self.known, named);
        let was_known = |address| before.iter().any(|(_, known)| known.contains(address));
        if !self.known.iter().flat_map(|(_, named)| named).all(was_known) {
            return;
        }
        for (path, named) in self.known.iter_mut().filter(|(_, named)| named.is_empty()) {
            let known = before.iter().find(|(file, _)| file == path);
            named.extend(known.into_iter().flat_map(|(_, known)| known));
        }
    }
}

/// One look at all files.
struct Look<'a> {
    files: &'a Files,
    remarks: &'a mut Remarks,
    named: Vec<(PathBuf, Vec<IpAddr>)>,
    folders: Vec<PathBuf>,
}

impl Look<'_> {
    /// Reads a file once, and records the addresses that `parse` finds in it.
    fn read(&mut self, path: &Path, parse: &mut dyn FnMut(&str) -> Vec<IpAddr>) {
        if self.named.iter().any(|(read, _)| read == path) {
            return;
        }
        let content = self.files.read(path).unwrap_or_else(|error| {
            self.remarks.add_unreadable(format_args!(
                "cannot read {}: {error}; new resolvers in it are not protected: make it readable, \
                 or allow them",
                words::printable(path)
            ));
            None
        });
        let addresses = parse(&String::from_utf8_lossy(&content.unwrap_or_default()));
        self.named.push((path.to_path_buf(), addresses));
    }

    /// Reads the configuration of dnsmasq. Returns the files that it reads like resolv.conf.
    fn dnsmasq(&mut self) -> Vec<PathBuf> {
        let mut resolv_files = Vec::new();
        let mut paths = VecDeque::from([PathBuf::from(DNSMASQ)]);
        let mut folders = VecDeque::from(DNSMASQ_FOLDERS.map(PathBuf::from));
        while self.named.len() < MOST_FILES {
            if let Some(path) = paths.pop_front() {
                self.read(&path, &mut |text| {
                    let config = dnsmasq::parse(text);
                    resolv_files.extend(config.resolv_files);
                    paths.extend(config.files);
                    folders.extend(config.folders);
                    config.servers
                });
            } else if let Some(folder) = folders.pop_front() {
                if !self.folders.contains(&folder) {
                    // An unreadable folder is one for dnsmasq to complain about.
                    paths.extend(self.files.within(&folder).unwrap_or_default());
                    self.folders.push(folder);
                }
            } else {
                break;
            }
        }
        resolv_files
    }
}

/// The addresses of the `nameserver` lines of a resolv.conf(5).
pub fn resolvers(text: &str) -> Vec<IpAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let server = words.next().filter(|&word| word == "nameserver").and(words.next())?;
        address(server)
    });
    named.collect()
}
