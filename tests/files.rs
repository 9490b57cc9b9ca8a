//! Situations of the file system: what is read, what is refused, and that one version of a list is
//! read or none.

mod support;

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netfilterd::list::{self, Selection, Source, file};
use netfilterd::progress::{Progress, Step, Unseen};
use support::*;

#[test]
fn what_is_no_regular_file_is_refused_at_once_and_by_name() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let _listener = UnixListener::bind(path("socket")).unwrap();
    symlink("/dev/zero", path("zero")).unwrap();
    symlink("loop", path("loop")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("/proc/self/mem", path("error")).unwrap();
    folder.file("file", "192.0.2.1\n");
    fs::create_dir(path("empty")).unwrap();
    let long = "n".repeat(256);
    for (name, message) in [
        ("fifo", "is a FIFO or pipe, not a regular file; to read from a pipe use -"),
        ("socket", "cannot be read: No such device or address"),
        ("zero", "is a device, not a regular file"),
        ("loop", "cannot be read: Too many levels of symbolic links"),
        ("dangling", "cannot be read: No such file or directory"),
        ("gone", "cannot be read: No such file or directory"),
        ("file/below", "cannot be read: Not a directory"),
        ("error", "cannot be read: Input/output error"),
        ("empty", "is a directory without a list in it"),
        (&long, "cannot be read: File name too long"),
    ] {
        let begin = Instant::now();
        let ran = netfilterd(&["check", "-f", path(name).to_str().unwrap()]);
        ran.expect(1, &[&format!("{}: {message}", path(name).display())]);
        assert!(begin.elapsed() < Duration::from_secs(20), "{name} was waited for");
    }
}

#[test]
fn a_fifo_with_an_endless_writer_is_refused() {
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let open = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut writer = Command::new("yes").arg("192.0.2.1").stdout(open).spawn().unwrap();
    let ran = netfilterd(&["check", "-f", fifo.to_str().unwrap()]);
    let _ = writer.kill();
    let _ = writer.wait();
    ran.expect(1, &["is a FIFO or pipe"]);
}

#[test]
fn a_file_that_says_it_is_empty_and_is_not_is_read() {
    // Files of /proc have a size of 0. This one holds one line, which is no address.
    netfilterd(&["check", "-f", "/proc/version"]).expect(1, &["/proc/version:1:1: not an address"]);
}

#[test]
fn symbolic_links_are_followed_and_odd_names_are_shown_escaped() {
    let folder = Folder::new();
    folder.file("real", "192.0.2.1\nx\n");
    let link = folder.path().join("link");
    symlink("real", &link).unwrap();
    assert_eq!(netfilterd(&["print", "-f", link.to_str().unwrap()]).stdout(), "192.0.2.1/32\n");
    for (name, shown) in [
        (&b"a b$'x"[..], "a b$'x:2:1: not an address"),
        (b"l\xff", "l\u{fffd}:2:1: not an address"),
        (b"a\nb\x1b[31m", "a\\nb\\u{1b}[31m:2:1: not an address"),
    ] {
        let path = odd_path(&folder, name);
        fs::copy(folder.path().join("real"), &path).unwrap();
        let ran = run(Command::new(NETFILTERD).args(["print", "--no-protect", "-f"]).arg(&path));
        assert_eq!(ran.stdout(), "192.0.2.1/32\n");
        assert!(ran.stderr().contains(shown), "{}", ran.stderr());
        assert!(!ran.stderr().contains('\x1b'), "{}", ran.stderr());
    }
}

#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    require!("setpriv");
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    fs::set_permissions(&list, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    let mut command = Command::new("setpriv");
    command.args([
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    ]);
    run(command.args([NETFILTERD, "check", "-f", &list])).expect(1, &["Permission denied"]);
}

#[test]
fn a_directory_is_its_regular_files_by_name_hidden_ones_left_out() {
    let folder = Folder::new();
    let lists = folder.path().join("lists");
    fs::create_dir_all(lists.join("sub")).unwrap();
    fs::write(lists.join("b"), "192.0.2.2\nx\n").unwrap();
    fs::write(lists.join("a"), "192.0.2.4\nx\n").unwrap();
    fs::write(lists.join(".b.swp"), "192.0.2.6\n").unwrap();
    fs::write(lists.join("sub/c"), "192.0.2.8\n").unwrap();
    symlink(folder.file("elsewhere", "192.0.2.10\n"), lists.join("link")).unwrap();
    let ran = netfilterd(&["print", "-f", lists.to_str().unwrap()]);
    assert_eq!(ran.stdout(), "192.0.2.2/32\n192.0.2.4/32\n192.0.2.10/32\n");
    let stderr = ran.stderr();
    assert!(stderr.find("lists/a:2:1") < stderr.find("lists/b:2:1"), "{stderr}");
    symlink("nowhere", lists.join("dangling")).unwrap();
    netfilterd(&["print", "-f", lists.to_str().unwrap()]).expect(1, &["cannot be read"]);
}

#[test]
fn several_lists_are_one_and_each_must_be_readable() {
    let folder = Folder::new();
    let one = folder.file("one", "192.0.2.0/25\n");
    let two = folder.file("two", "192.0.2.128/25\n# nothing else\n");
    let ran = netfilterd(&["print", "-f", &one, "-f", &two]);
    assert_eq!(ran.stdout(), "192.0.2.0/24\n");
    let gone = folder.path().join("gone");
    let ran = netfilterd(&["print", "-f", &one, "-f", gone.to_str().unwrap()]);
    ran.expect(1, &["gone: cannot be read"]);
    assert_eq!(ran.stdout(), "");
    // One that is something else than a list is not made good by the other.
    let page = folder.file("page", "<html>\n");
    netfilterd(&["print", "-f", &one, "-f", &page]).expect(1, &["page: is not a list"]);
}

#[test]
fn standard_input_is_a_list() {
    let mut child = Command::new(NETFILTERD)
        .args(["print", "--no-protect", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"192.0.2.1\nx\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"192.0.2.1/32\n");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("standard input:2:1: not an address"), "{stderr}");
}

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
        let result = file::read(&path, &mut |_| {});
        // Either it was caught between two writes, or it is said to keep changing.
        if let Err(error) = result {
            assert!(matches!(error, file::ReadError::Changing), "{error}");
        }
    });
}

#[test]
fn an_error_in_the_middle_of_a_file_is_an_error_and_an_interruption_is_none() {
    require!("strace");
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n".repeat(30_000));
    let traced = |fault: &str| {
        let mut command = Command::new("strace");
        // -P: only calls on the list count.
        command.args(["-qq", "-o", "/dev/null", "-P", &list, "-e", fault, NETFILTERD]);
        run(command.args(["print", "--no-protect", "-f", &list]))
    };
    let ran = traced("inject=read:error=EIO:when=3");
    ran.expect(1, &["cannot be read: Input/output error"]);
    assert_eq!(ran.stdout(), "");
    traced("inject=read:error=ESTALE:when=2").expect(1, &["Stale file handle"]);
    traced("inject=openat:error=EMFILE").expect(1, &["Too many open files"]);
    let ran = traced("inject=read:error=EINTR:when=2");
    ran.expect(0, &[]);
    assert_eq!(ran.stdout(), "192.0.2.1/32\n");
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
