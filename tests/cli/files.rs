//! Situations of the file system: which files are read, and which are refused by name.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use kit::*;

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
        ("fifo", "FIFO"),
        ("socket", "socket"),
        ("zero", "device"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", "No such file or directory"),
        ("gone", "No such file or directory"),
        ("file/below", "Not a directory"),
        ("error", "Input/output error"),
        ("empty", "directory"),
        (&long, "File name too long"),
    ] {
        let begin = Instant::now();
        let ran = netfilterd(&["check", "-f", path(name).to_str().unwrap()]);
        ran.expect(1, &[&format!("{}: ", path(name).display()), message]);
        assert!(begin.elapsed() < DEADLINE, "{name} was waited for");
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
    ran.expect(1, &[fifo.to_str().unwrap(), "FIFO"]);
}

#[test]
fn a_file_that_says_it_is_empty_and_is_not_is_read() {
    // Files of /proc have a size of 0. This one holds one line, which is no address.
    netfilterd(&["check", "-f", "/proc/version"]).expect(1, &["/proc/version:1:1: "]);
}

#[test]
fn symbolic_links_are_followed_and_odd_names_are_shown_escaped() {
    let folder = Folder::new();
    folder.file("real", "192.0.2.1\nx\n");
    let link = folder.path().join("link");
    symlink("real", &link).unwrap();
    assert_eq!(netfilterd(&["print", "-f", link.to_str().unwrap()]).stdout(), "192.0.2.1/32\n");
    for (name, shown) in [
        (&b"a b$'x"[..], "a b$'x:2:1: "),
        (b"l\xff", "l\u{fffd}:2:1: "),
        (b"a\nb\x1b[31m", "a\\nb\\u{1b}[31m:2:1: "),
    ] {
        let path = odd_path(&folder, name);
        fs::copy(folder.path().join("real"), &path).unwrap();
        let ran = run(Command::new(program()).args(["print", "--no-protect", "-f"]).arg(&path));
        assert_eq!(ran.stdout(), "192.0.2.1/32\n");
        assert!(ran.stderr().contains(shown), "{}", ran.stderr());
        assert!(!ran.stderr().contains('\x1b'), "{}", ran.stderr());
    }
}

#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    fs::set_permissions(&list, Permissions::from_mode(0o0)).unwrap();
    // Root may read it all the same, unless that is taken from it.
    let mut command = Command::new(program());
    if nix::unistd::geteuid().is_root() {
        command = Command::new("setpriv");
        command.args([
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
            program(),
        ]);
    }
    run(command.args(["check", "-f", &list])).expect(1, &["Permission denied"]);
}

#[test]
fn only_a_file_that_every_user_may_read_is_quoted() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\nsecret of root\n");
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(folder.path(), 0o755);
    let asked = || {
        let ran = netfilterd(&["print", "-f", &list]);
        ran.expect(0, &["list:2:1: not an address"]);
        ran.stderr()
    };
    for (file, above, quoted) in [
        (0o644, 0o755, true),
        (0o604, 0o711, true),
        (0o640, 0o755, false),
        (0o600, 0o755, false),
        (0o644, 0o750, false),
    ] {
        mode(list.as_ref(), file);
        mode(folder.path(), above);
        assert_eq!(asked().contains("secret"), quoted, "{file:o} in a folder {above:o}");
    }
    // A link has no mode of its own; and none of the errors is more talkative.
    let deep = folder.path().join("deep");
    fs::create_dir(&deep).unwrap();
    mode(folder.path(), 0o755);
    mode(&deep, 0o700);
    fs::write(deep.join("shadow"), "secret of root\n").unwrap();
    fs::remove_file(&list).unwrap();
    symlink("deep/shadow", &list).unwrap();
    let other = folder.file("other", "192.0.2.1\n");
    for arguments in [&["check", "-f", &list][..], &["check", "-f", &other, "-a", &list]] {
        let ran = netfilterd(arguments);
        ran.expect(1, &["list:1:1: not an address"]);
        assert!(!ran.stderr().contains("secret"), "{}", ran.stderr());
    }
}

#[test]
#[ignore = "needs strace"]
fn a_device_is_not_opened_to_find_out_that_it_is_none_of_the_lists() {
    needs(&["strace"]);
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in ["/dev/zero", "/dev/tty", fifo.to_str().unwrap()] {
        let mut command = Command::new("strace");
        command.args(["-qq", "-e", "trace=open,openat", "-P", path, program()]);
        let ran = run(command.args(["check", "-f", path]));
        assert_eq!(ran.status(), 1);
        // strace writes to standard error, too.
        let opened: Vec<String> = ran
            .stderr()
            .lines()
            .filter(|line| line.starts_with("open"))
            .map(String::from)
            .collect();
        assert!(
            !opened.is_empty() && opened.iter().all(|call| call.contains("O_PATH")),
            "{opened:?}"
        );
    }
}

#[test]
fn a_write_lease_of_another_program_is_waited_for() {
    needs(&["python3"]);
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n");
    // The kernel announces a reader by SIGIO.
    let script = "import fcntl, signal, sys\n\
                  signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])\n\
                  file = open(sys.argv[1], 'r+')\n\
                  fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
                  print('held', flush=True)\n\
                  signal.sigwait([signal.SIGIO])\n\
                  print('announced', flush=True)\n\
                  fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)\n";
    let mut holder = Command::new("python3");
    holder.args(["-c", script, &list]).stdout(Stdio::piped());
    let mut holder = Background(holder.spawn().unwrap());
    let mut said = BufReader::new(holder.0.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "held");
    let ran = netfilterd(&["print", "-f", &list]);
    assert_eq!(ran.stdout(), "192.0.2.1/32\n", "{}", ran.stderr());
    assert_eq!(said.next().unwrap().unwrap(), "announced");
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
    netfilterd(&["print", "-f", lists.to_str().unwrap()]).expect(1, &["dangling: "]);
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
    ran.expect(1, &["gone: ", "No such file", "create it"]);
    assert_eq!(ran.stdout(), "");
    // One that is something else than a list is not made good by the other.
    let page = folder.file("page", "<html>\n");
    netfilterd(&["print", "-f", &one, "-f", &page]).expect(1, &["page: ", "HTML"]);
}

#[test]
fn standard_input_is_a_list() {
    let mut child = Command::new(program())
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
    assert!(stderr.contains("standard input:2:1: "), "{stderr}");
}

#[test]
#[ignore = "needs strace"]
fn an_error_in_the_middle_of_a_file_is_an_error_and_an_interruption_is_none() {
    needs(&["strace"]);
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\n".repeat(30_000));
    let traced = |fault: &str| {
        let mut command = Command::new("strace");
        // -P: only calls on the list count.
        command.args(["-qq", "-o", "/dev/null", "-P", &list, "-e", fault, program()]);
        run(command.args(["print", "--no-protect", "-f", &list]))
    };
    let ran = traced("inject=read:error=EIO:when=3");
    ran.expect(1, &[&list, "Input/output error"]);
    assert_eq!(ran.stdout(), "");
    traced("inject=read:error=ESTALE:when=2").expect(1, &["Stale file handle"]);
    traced("inject=openat:error=EMFILE").expect(1, &["Too many open files"]);
    let ran = traced("inject=read:error=EINTR:when=2");
    ran.expect(0, &[]);
    assert_eq!(ran.stdout(), "192.0.2.1/32\n");
}
