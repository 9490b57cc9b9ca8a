//! Files that change while they are read: one version of a list is read, or none.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kit::*;
use netfilterd::list::file;

/// Ends the writing thread when the reading one is done, also by a failure: the scope waits for it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls `change` over and over on a thread while `file::read` is called many times, and checks
/// that every result is one of the versions, or the error that says that it kept changing.
fn read_while(path: &Path, versions: &[Vec<u8>; 2], change: impl Fn(&[u8]) + Sync) {
    change(&versions[0]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for version in versions {
                    change(version);
                    // Changing without any pause, no reading would ever end.
                    thread::sleep(Duration::from_millis(30));
                }
            }
        });
        let _stop = Stop(&stop);
        let mut seen = [0; 2];
        for _ in 0..100 {
            match file::read(path) {
                Ok(bytes) => {
                    let version = versions.iter().position(|version| *version == bytes);
                    seen[version.expect("a version, whole")] += 1;
                }
                Err(file::ReadError::Changing) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(seen[0] + seen[1] > 0, "no reading succeeded");
    });
}

fn versions() -> [Vec<u8>; 2] {
    [b"11.11.11.11\n".repeat(50_000), b"22.22.22.22\n".repeat(60_000)]
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_read_in_one_version() {
    let folder = Folder::new();
    let path = folder.path().join("list");
    read_while(&path, &versions(), |version| {
        let new = folder.path().join("new");
        fs::write(&new, version).unwrap();
        fs::rename(&new, &path).unwrap();
    });
}

#[test]
fn a_file_that_is_written_over_while_it_is_read_is_never_a_mixture() {
    let folder = Folder::new();
    let path = folder.path().join("list");
    // Without truncation and in pieces: at any moment of it the file holds a part of both versions.
    read_while(&path, &versions(), |version| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(&path).unwrap();
        version.chunks(64 << 10).for_each(|piece| file.write_all(piece).unwrap());
        file.set_len(version.len() as u64).unwrap();
    });
}

#[test]
fn a_file_that_grows_without_end_is_not_followed() {
    let folder = Folder::new();
    let path = folder.path().join("list");
    fs::write(&path, "192.0.2.1\n").unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all(&b"192.0.2.1\n".repeat(10)).unwrap();
            }
        });
        let _stop = Stop(&stop);
        let result = file::read(&path);
        // Either it was caught between two writes, or it is said to keep changing.
        if let Err(error) = result {
            assert!(matches!(error, file::ReadError::Changing), "{error}");
        }
    });
}
