//! Facts about the host, by which addresses are protected.
//!
//! In reading order: [`files`] (the files of the host), [`remarks`] (what they do not show), [`login`]
//! (a login as it is recorded), [`logind`] and [`utmp`] (the two records), [`logins`] (both together),
//! [`environment`] (the SSH session of this process), [`dnsmasq`] and [`resolvers`], [`dhcp`] and
//! [`networks`].

pub mod dhcp;
pub mod dnsmasq;
pub mod environment;
pub mod files;
pub mod login;
pub mod logind;
pub mod logins;
pub mod networks;
pub mod remarks;
pub mod resolvers;
pub mod utmp;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::error::Error;
use crate::policy::protect::Facts;
use files::Files;
use logins::Logins;
use remarks::Remarks;
use resolvers::Resolvers;

/// The source of facts about the host.
#[derive(Clone, Debug)]
pub struct Host {
    ssh_peer: Option<IpAddr>,
    files: Files,
    logins: Logins,
    resolvers: Resolvers,
    /// The warnings of the last look, which are not repeated.
    remarks: Remarks,
    /// The names of `--interface`; if there are none, all interfaces count.
    interfaces: Vec<CString>,
}

impl Host {
    /// The host of this process. Finds the peer of the SSH session once, before privileges are dropped.
    pub fn new() -> Self {
        Host {
            ssh_peer: environment::ssh_peer(),
            files: Files::below("/"),
            logins: Logins::default(),
            resolvers: Resolvers::default(),
            remarks: Remarks::default(),
            interfaces: Vec::new(),
        }
    }

    /// The same host, of whose networks only those of these interfaces count; all of them if there is no
    /// name. A `*` at the end of a name matches any ending.
    pub fn only_on(self, interfaces: &[CString]) -> Self {
        Host { interfaces: interfaces.to_vec(), ..self }
    }

    /// The facts as of now. Fails if the kernel does not list addresses and routes.
    pub fn facts(&mut self) -> Result<Facts, Error> {
        let Facts { resolvers, logged_in, .. } = self.look();
        let known = networks::facts(&self.interfaces, &self.files);
        let known = known.map_err(|source| Error::Host { source })?;
        Ok(Facts { resolvers, logged_in, ..known })
    }

    /// What the files of the host and the environment say: logins and resolvers. Needs no privileges, and
    /// takes a fraction of a millisecond.
    pub fn look(&mut self) -> Facts {
        let mut remarks = Remarks::default();
        let mut logged_in = self.logins.look(&self.files, &mut remarks);
        logged_in.extend(self.ssh_peer.filter(|peer| !logged_in.contains(peer)));
        let resolvers = self.resolvers.look(&self.files, &mut remarks);
        remarks.log_news(&self.remarks);
        self.remarks = remarks;
        Facts { logged_in, resolvers, ..Facts::default() }
    }

    /// Whether the last look could read all files that exist.
    pub fn is_complete(&self) -> bool {
        self.remarks.is_complete()
    }

    /// The files and folders that show logins and resolvers, in order, whether they exist or not. The
    /// last look may have found more of them.
    pub fn paths(&self) -> Vec<PathBuf> {
        let paths: BTreeSet<PathBuf> = Logins::paths().chain(self.resolvers.paths()).collect();
        paths.iter().map(|path| self.files.path(path)).collect()
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}
