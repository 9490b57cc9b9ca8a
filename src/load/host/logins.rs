//! The hosts from which somebody is logged in, as the host records it.
//!
//! Only records that are written after authentication count: an open connection shows nothing, since
//! everybody can open one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::login::Login;
use super::remarks::Remarks;
use super::{logind, utmp};
use crate::words;

/// The sessions of logind, a file each.
const SESSIONS: &str = "/run/systemd/sessions";

/// The places of utmp(5): of glibc, of glibc on hosts where /var/run is a folder, and of utmps, by which
/// hosts with musl have utmp. Debian 13 has none of them.
const UTMP: [&str; 3] = ["/run/utmp", "/var/run/utmp", "/run/utmps/utmp"];

/// The logins of one source after another.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    sessions: Vec<Login>,
    records: Vec<Login>,
}

impl Logins {
    /// The addresses from which somebody is logged in now. If a file cannot be read, the logins that it
    /// recorded before count. What is not protected is added to `remarks`.
    pub fn look(&mut self, files: &Files, remarks: &mut Remarks) -> Vec<IpAddr> {
        self.sessions = complete(sessions(files), &self.sessions, remarks);
        self.records = complete(records(files), &self.records, remarks);
        let logins = || self.sessions.iter().chain(&self.records);
        // One source may have the name of a host, and another one its address.
        let has_address = |name: &String| {
            logins().any(|login| login.name.as_ref() == Some(name) && !login.addresses.is_empty())
        };
        for name in logins().filter_map(|login| login.name.as_ref()) {
            if !has_address(name) {
                let name = words::printable(Path::new(name));
                remarks.add(format_args!(
                    "logged-in host {name} is not protected, because only its name is recorded; \
                     set UseDNS to no in sshd_config, or allow its address"
                ));
            }
        }
        let mut addresses: Vec<IpAddr> = Vec::new();
        for &address in logins().flat_map(|login| &login.addresses) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The files and folders that record logins.
    pub fn paths() -> impl Iterator<Item = PathBuf> {
        [SESSIONS].into_iter().chain(UTMP).map(PathBuf::from)
    }
}

/// What was read of some files, and the first of them that could not be read.
type Found = (Vec<Login>, Option<(PathBuf, std::io::Error)>);

/// What was read, and what was known `before` if not all could be read.
fn complete(found: Found, before: &[Login], remarks: &mut Remarks) -> Vec<Login> {
    let (mut logins, failed) = found;
    if let Some((path, error)) = failed {
        remarks.add_unreadable(format_args!(
            "cannot read {}: {error}; hosts that log in are not protected: make it readable, or \
             allow them",
            words::printable(&path)
        ));
        let missing: Vec<Login> =
            before.iter().filter(|login| !logins.contains(login)).cloned().collect();
        logins.extend(missing);
    }
    logins
}

fn sessions(files: &Files) -> Found {
    let (mut logins, mut failed) = (Vec::new(), None);
    let names = files.within(Path::new(SESSIONS)).unwrap_or_else(|error| {
        failed = Some((PathBuf::from(SESSIONS), error));
        Vec::new()
    });
    for path in names {
        match files.read(&path) {
            Ok(content) => logins.extend(content.and_then(|content| logind::login(&content))),
            Err(error) => failed = Some((path, error)),
        }
    }
    (logins, failed)
}

fn records(files: &Files) -> Found {
    let (mut logins, mut failed) = (Vec::new(), None);
    for path in UTMP {
        match files.read(Path::new(path)) {
            Ok(content) => {
                let records = utmp::records(&content.unwrap_or_default());
                logins.extend(
                    records.into_iter().filter(utmp::Record::is_alive).map(|record| record.login),
                );
            }
            Err(error) => failed = Some((PathBuf::from(path), error)),
        }
    }
    (logins, failed)
}
