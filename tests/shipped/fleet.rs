//! contrib/fleet/pull against a server on loopback, and the units that are shipped beside it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use kit::*;

const PULL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/fleet/pull");

/// Answers by the file `answer` in its folder, from the file `body`, and notes in `requests` what
/// it has answered.
const SERVER: &str = r#"
import hashlib, http.server, os, sys
folder = sys.argv[1]
def read(name, mode="r"):
    with open(os.path.join(folder, name), mode) as file:
        return file.read()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        answer, body = read("answer"), read("body", "rb")
        tag = '"%s"' % hashlib.sha256(body).hexdigest()[:16]
        if answer.startswith("redirect") and self.path == "/list":
            self.begin(302, {"Location": "/moved", "ETag": '"other"', "Content-Length": "0"})
        elif answer.isdigit():
            self.begin(int(answer), {"Content-Length": str(len(body))})
            self.wfile.write(body)
        elif answer == "truncated":
            self.begin(200, {"Content-Length": str(len(body)), "ETag": tag, "Connection": "close"})
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        elif answer == "endless":
            self.begin(200, {"Connection": "close"})
            self.close_connection = True
            for _ in range(1000):
                self.wfile.write(b"192.0.2.1\n" * 100)
        elif not answer.endswith("plain") and self.headers.get("If-None-Match") == tag:
            self.begin(304, {"eTag": tag})
        else:
            headers = {"Content-Length": str(len(body))}
            if not answer.endswith("plain"):
                headers["eTag"] = tag
            self.begin(200, headers)
            self.wfile.write(body)
    def begin(self, status, headers):
        with open(os.path.join(folder, "requests"), "a") as file:
            file.write("%d\n" % status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct Fleet {
    server: Child,
    url: String,
    folder: Folder,
}

impl Fleet {
    /// A server that has this list.
    fn new(body: &str) -> Self {
        let folder = Folder::new();
        folder.file("answer", "tagged");
        folder.file("body", body);
        fs::create_dir(folder.path().join("host")).unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", SERVER]).arg(folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.stdin(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}/list", port.trim());
        Fleet { server, url, folder }
    }

    /// Has the server answer in this way from now on.
    fn answers(&self, how: &str, body: &str) {
        self.folder.file("answer", how);
        self.folder.file("body", body);
    }

    /// The statuses that it has answered since this was last asked.
    fn answered(&self) -> String {
        let path = self.folder.path().join("requests");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.replace('\n', " ").trim().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join("host").join(name).to_str().unwrap().to_string()
    }

    fn list(&self) -> String {
        fs::read_to_string(self.path("list")).unwrap()
    }

    /// Pulls with these options, with a judge that knows nothing of this machine.
    fn pull(&self, options: &[&str]) -> Ran {
        let check = format!("--no-protect --state-file {}", self.path("state"));
        let mut command = Command::new(PULL);
        command.args(["-n", program(), "-c", &check]).args(options);
        run(command.args([&self.url, &self.path("list")]))
    }

    /// Pulls a list that takes the place of the one that was there.
    #[track_caller]
    fn pulls_anew(&self, options: &[&str]) {
        let before = fs::metadata(self.path("list")).map(|_| stamp(&self.path("list"))).ok();
        self.pull(options).expect(0, &[&self.path("list")]);
        assert_ne!(Some(stamp(&self.path("list"))), before, "written");
    }

    /// Pulls, and the list is what it was.
    #[track_caller]
    fn pulls_nothing(&self, options: &[&str]) {
        let before = stamp(&self.path("list"));
        self.pull(options).expect(0, &[&self.path("list")]);
        assert_eq!(stamp(&self.path("list")), before, "not written");
    }

    /// That nothing but the list, its tag and the lock is there.
    #[track_caller]
    fn is_tidy(&self) {
        let names = fs::read_dir(self.folder.path().join("host")).unwrap();
        let mut names: Vec<String> =
            names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !["pid", "state"].contains(&name.as_str()));
        names.sort();
        assert_eq!(names, [".list.etag", ".list.pull", "list"]);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

const FIRST: &str = "192.0.2.1\n192.0.2.2\n";
const SECOND: &str = "192.0.2.1\n192.0.2.3\n";

/// What tells a file that was written from one that was not.
fn stamp(path: &str) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn a_list_is_fetched_once_and_again_when_it_has_changed() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    fleet.pull(&[]).expect(0, &["2 lines"]);
    assert_eq!(fleet.list(), FIRST);
    fleet.pulls_nothing(&[]);
    assert_eq!(fleet.answered(), "200 304");
    assert_eq!(fleet.pull(&["-q"]).stderr(), "");
    fleet.answers("tagged", SECOND);
    fleet.pulls_anew(&[]);
    assert_eq!(fleet.list(), SECOND);
    fleet.pulls_nothing(&[]);
    assert_eq!(fleet.answered(), "304 200 304");
    fleet.is_tidy();
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn a_server_without_tags_costs_a_transfer_but_no_write() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    fleet.answers("plain", FIRST);
    fleet.pulls_anew(&[]);
    fleet.pulls_nothing(&[]);
    assert_eq!(fleet.answered(), "200 200");
    fleet.is_tidy();
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn a_list_that_somebody_has_changed_or_removed_is_fetched_anew() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    fleet.pull(&[]).expect(0, &[]);
    fs::write(fleet.path("list"), "198.51.100.1\n").unwrap();
    fleet.pulls_anew(&[]);
    assert_eq!(fleet.list(), FIRST);
    fs::remove_file(fleet.path("list")).unwrap();
    fleet.pulls_anew(&[]);
    assert_eq!((fleet.list().as_str(), fleet.answered().as_str()), (FIRST, "200 200 200"));
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn the_tag_behind_a_redirection_is_the_one_that_counts() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    fleet.answers("redirect", FIRST);
    fleet.pulls_anew(&[]);
    fleet.pulls_nothing(&[]);
    assert_eq!(fleet.answered(), "302 200 302 304");
    fleet.answers("redirect to plain", SECOND);
    fleet.pulls_anew(&[]);
    let tag = fs::read_to_string(fleet.path(".list.etag")).unwrap();
    assert_eq!(tag.lines().count(), 1, "a checksum and no tag: {tag}");
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn whatever_goes_wrong_the_list_is_kept() {
    needs(&["curl", "flock", "python3"]);
    let mut fleet = Fleet::new(FIRST);
    fleet.pull(&[]).expect(0, &[]);
    let before = stamp(&fleet.path("list"));
    let page = "<html><body>Please log in to 192.0.2.77</body></html>\n";
    let long = "192.0.2.9\n".repeat(1000);
    let many = "nonsense\n".repeat(9) + FIRST;
    for (how, body, options, status, names) in [
        ("404", SECOND, &[][..], 1, "404"),
        ("500", SECOND, &[], 1, "500"),
        ("204", "", &[], 1, "204"),
        ("truncated", &long, &[], 1, &fleet.url),
        ("tagged", &long, &["-b", "9999"], 1, &fleet.url),
        ("endless", "", &["-b", "100000"], 1, &fleet.url),
        ("endless", "", &["-b", "1"], 1, &fleet.url),
        ("tagged", page, &[], 1, "HTML"),
        ("tagged", "", &[], 3, "netfilterd check"),
        ("tagged", &many, &[], 3, "netfilterd check"),
    ] {
        fleet.answers(how, body);
        let ran = fleet.pull(options);
        let name = format!("{how} {options:?} {:.20}", body);
        assert_eq!(ran.status(), status, "{name}: {}", ran.stderr());
        assert_names(&ran.stderr(), &[names, &fleet.path("list")]);
        assert_eq!((stamp(&fleet.path("list")), fleet.list().as_str()), (before, FIRST), "{name}");
        fleet.is_tidy();
    }
    // The tag is still the first list's.
    fleet.answers("tagged", FIRST);
    fleet.answered();
    fleet.pulls_nothing(&[]);
    assert_eq!(fleet.answered(), "304");

    // The server is gone.
    fleet.server.kill().unwrap();
    fleet.server.wait().unwrap();
    fleet.pull(&[]).expect(1, &[&fleet.url, &fleet.path("list")]);
    assert_eq!(fleet.list(), FIRST);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn half_of_what_is_in_force_is_refused_as_netfilterd_would() {
    needs(&["curl", "flock", "python3"]);
    let many: String = (0..200).map(|n| format!("198.51.{n}.1\n203.0.{n}.1\n")).collect();
    let fleet = Fleet::new(&many);
    let namespace = Namespace::new();
    fleet.pull(&[]).expect(0, &[]);
    namespace.load(&["-f", &fleet.path("list"), "--state-file", &fleet.path("state")]);
    let half: String = many.lines().take(100).map(|line| format!("{line}\n")).collect();
    fleet.answers("tagged", &half);
    fleet.pull(&[]).expect(3, &["--max-shrink", &fleet.path("list")]);
    assert_eq!(fleet.list(), many);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_daemon_is_told_of_a_change_and_of_nothing_else() {
    needs(&["curl", "flock", "python3"]);
    let (fleet, namespace) = (Fleet::new(FIRST), Namespace::new());
    let pid = fleet.path("pid");
    fleet.pull(&["-p", &pid]).expect(1, &[&pid]);
    let daemon = Daemon::start(&namespace, &["-f", &fleet.path("list"), "--pid-file", &pid]);
    fleet.pulls_nothing(&["-p", &pid]);
    fleet.answers("500", SECOND);
    fleet.pull(&["-p", &pid]).expect(1, &[&fleet.url, "500"]);
    fleet.answers("tagged", SECOND);
    fleet.pulls_anew(&["-p", &pid]);
    daemon.wait_for_loads(2);
    assert_eq!(daemon.change(), (1, 1));
    assert_eq!(daemon.log().lines().count(), 2, "{}", daemon.log());
    // Another process by the same number is left alone.
    fs::write(&pid, format!("{}\n", fleet.server.id())).unwrap();
    fleet.answers("tagged", FIRST);
    fleet.pull(&["-p", &pid]).expect(1, &[&pid]);
    assert_eq!(fleet.list(), FIRST);
    daemon.end("TERM");

    // And without a word, if it watches.
    let daemon = Daemon::start(&namespace, &["-f", &fleet.path("list"), "--watch"]);
    fleet.answers("tagged", SECOND);
    fleet.pulls_anew(&[]);
    daemon.wait_for_loads(2);
    assert_eq!(daemon.change(), (1, 1));
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn two_pulls_at_once_do_not_meet() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    let mut command = Command::new("flock");
    command.args([&fleet.path(".list.pull"), PULL, "-n", program(), &fleet.url]);
    let ran = run(command.arg(fleet.path("list")));
    ran.expect(1, &[".list.pull"]);
    assert_eq!(fleet.answered(), "");
}

#[test]
#[ignore = "needs curl and flock"]
fn a_wrong_command_line_is_answered_with_the_right_one() {
    needs(&["curl", "flock"]);
    for arguments in [
        &["http://127.0.0.1/"][..],
        &[],
        &["-x", "http://127.0.0.1/", "list"],
        &["-b", "many", "http://127.0.0.1/", "list"],
        &["file:///etc/passwd", "list"],
    ] {
        let ran = run(Command::new(PULL).args(arguments));
        ran.expect(2, &["pull [options] URL LIST", "-b BYTES"]);
    }
    let ran = run(Command::new(PULL).args(["-n", "/nonexistent", "http://127.0.0.1/", "list"]));
    ran.expect(1, &["/nonexistent"]);
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_units_are_in_order_and_shut_in() {
    needs(&["systemd-analyze"]);
    let (folder, top) = (Folder::new(), env!("CARGO_MANIFEST_DIR"));
    let mut units = vec![];
    for place in ["agents", "fleet"] {
        for file in fs::read_dir(format!("{top}/contrib/{place}")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace('@', "@sshd");
            if !name.ends_with(".service") && !name.ends_with(".timer") {
                continue;
            }
            // With the programs where they are now.
            let text = fs::read_to_string(&path).unwrap();
            let text = text
                .replace("/usr/local/lib/netfilterd/agents", &format!("{top}/contrib/agents"))
                .replace("/usr/local/lib/netfilterd/pull", PULL);
            units.push(folder.file(&name, text));
        }
    }
    assert_eq!(units.len(), 5);
    let ran = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units));
    assert_eq!((ran.status(), ran.stderr().as_str()), (0, ""));
    for service in units.iter().filter(|unit| unit.ends_with(".service")) {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=yes", "--threshold=20", "--no-pager", service]);
        let ran = run(&mut command);
        assert_eq!(ran.status(), 0, "{service}: {}", ran.stdout());
    }
}
