//! Reading files: of one that changes meanwhile one version is read, or none; how far it is is
//! reported; and errors keep their cause.

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kit::*;
use netfilterd::list::{self, Selection, Source, file};
use netfilterd::progress::{Progress, Step, Unseen};

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
            match file::read(path, &mut |_| {}) {
                Ok(content) => {
                    let version = versions.iter().position(|version| *version == content.bytes);
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
        let result = file::read(&path, &mut |_| {});
        // Either it was caught between two writes, or it is said to keep changing.
        if let Err(error) = result {
            assert!(matches!(error, file::ReadError::Changing), "{error}");
        }
    });
}

/// The steps that are reported.
#[derive(Default)]
struct Seen(RefCell<Vec<Step>>);

impl Progress for Seen {
    fn step(&self, step: Step) {
        self.0.borrow_mut().push(step);
    }
}

#[test]
fn the_bytes_that_are_read_are_reported_of_all_lists_together_and_then_that_they_are_merged() {
    let folder = Folder::new();
    let small = folder.file("small", "192.0.2.1\n");
    let large = folder.file("large", "192.0.2.2\n".repeat(1_000_000));
    let sources: Vec<Source> = [&small, &large].map(|path| Source::Path(path.into())).into();
    let seen = Seen::default();
    let lists = list::read(&sources, None, &seen).unwrap();
    list::parse_observed(&lists, Selection::ALL, &mut (), &seen).unwrap();
    let steps = seen.0.into_inner();
    let (last, reading) = steps.split_last().expect("steps");
    assert_eq!(*last, Step::Merging);
    let bytes: Vec<u64> = reading
        .iter()
        .map(|step| match step {
            Step::Reading { bytes, of: Some(10_000_010) } => *bytes,
            step => panic!("{step:?}"),
        })
        .collect();
    // The large one in several pieces.
    assert!(bytes.is_sorted() && bytes.len() > 3, "{bytes:?}");
    assert_eq!((bytes.first(), bytes.last()), (Some(&10), Some(&10_000_010)));
}

#[test]
fn what_is_read_of_a_missing_list_is_no_part_of_what_is_reported() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    let sources = [folder.path().join("gone"), list.into()].map(Source::Path);
    let (seen, mut missing) = (Seen::default(), Vec::new());
    let lists = list::read(&sources, Some(&mut missing), &seen).unwrap();
    assert_eq!((lists.len(), missing.len()), (1, 1));
    assert!(missing[0].missing_list().is_some_and(|list| list.ends_with("/gone")));
    assert_eq!(seen.0.into_inner(), [Step::Reading { bytes: 10, of: Some(10) }]);
}

#[test]
fn an_error_of_a_list_leads_to_the_error_of_the_system() {
    let source = Source::Path("/proc/self/mem".into());
    let error = list::read(&[source], None, &Unseen).err().expect("an error");
    let cause = error.source().and_then(Error::source).expect("a cause");
    let cause = cause.downcast_ref::<io::Error>().expect("the system's error");
    assert_eq!(cause.raw_os_error(), Some(libc::EIO));
}
