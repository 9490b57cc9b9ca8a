//! A file system that does not answer.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{Folder, needs_root};

/// A mounted FUSE file system without a server: whoever asks it for anything waits until
/// [`Hanging::fail`]. It must be mounted before the processes start that are to see it, because they have
/// a mount namespace of their own.
pub struct Hanging {
    /// What a server would read requests from.
    device: Option<File>,
    /// Removed after it was unmounted.
    folder: Folder,
}

impl Hanging {
    pub fn new() -> Self {
        needs_root();
        let folder = Folder::new();
        let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let fuse = Some("fuse");
        mount(fuse, folder.path(), fuse, MsFlags::empty(), Some(options.as_str())).unwrap();
        Hanging { device: Some(device), folder }
    }

    /// The path of a file in it, whether there is one nobody can say.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("list")
    }

    /// From now on whoever asks gets an error, those that wait included.
    pub fn fail(&mut self) {
        self.device = None;
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.fail();
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
    }
}
