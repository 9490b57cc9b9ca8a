//! contrib/fleet/pull against a server on loopback, and the units that are shipped beside it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
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
        elif answer.startswith("unsized"):
            # All of it, or so much of a hundred, with nothing that says how much there is.
            percent = int(answer.split()[1])
            self.begin(200, {"Connection": "close"})
            self.wfile.write(body[:len(body) * percent // 100])
            self.close_connection = True
        elif answer == "unfinished":
            self.begin(200, {"Transfer-Encoding": "chunked", "Connection": "close"})
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            self.close_connection = True
        elif answer == "always 304" or answer == "vanish" and self.headers.get("If-None-Match"):
            if answer == "vanish":
                os.unlink(os.path.join(folder, "host", "list"))
            self.begin(304, {})
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
#[ignore = "needs curl, flock and python3"]
fn what_may_be_cut_off_does_not_replace_the_list() {
    needs(&["curl", "flock", "python3"]);
    let whole = "192.0.2.1\n192.0.2.2\n192.0.2.4\n192.0.2.6\n192.0.2.178\n";
    let fleet = Fleet::new(whole);
    fleet.answers("unsized 100", whole);
    fleet.pull(&[]).expect(0, &["5 lines"]);
    let longer = whole.replace("192.0.2.2\n", "192.0.2.2\n192.0.2.3\n");
    for (how, body, names) in [
        // In the middle of a line, which is an address still, and behind one.
        ("unsized 98", &longer[..], "no line end"),
        ("unsized 60", &longer, "no line end"),
        ("unsized 80", "192.0.2.1\n192.0.2.2\n192.0.2.4\n#######\n", "Content-Length"),
        ("unfinished", &longer, &fleet.url),
        // Cut off before it was published.
        ("tagged", "192.0.2.1\n192.0.2.17", "no line end"),
        ("tagged", "{\"cidr\":\"192.0.2.0/24\"}\n{\"cidr\":\"198.51.100.0/24\"}", "no line end"),
        ("tagged", "{\"list\": [\n\"192.0.2.1\",\n\"192.0.2.2\"", "cut off"),
    ] {
        fleet.answers(how, body);
        fleet.pull(&["-c", "--no-protect"]).expect(1, &[names, &fleet.path("list")]);
        assert_eq!(fleet.list(), whole, "{how} {body}");
        fleet.is_tidy();
    }
    fleet.answers("unsized 100", &longer);
    fleet.pulls_anew(&[]);
    // A document has its own end.
    for document in ["{\"list\": [\"192.0.2.1\", \"192.0.2.2\"]}", "[\n\"192.0.2.1\"\n]"] {
        fleet.answers("tagged", document);
        fleet.pulls_anew(&[]);
        assert_eq!(fleet.list(), document);
    }
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn a_list_without_the_end_mark_that_it_had_or_with_another_count_is_refused() {
    needs(&["curl", "flock", "python3"]);
    let record = |n: u8| format!("{{\"cidr\":\"192.0.{n}.0/24\"}}\n");
    let records = record(2) + &record(3) + &record(4);
    let meta = |n: u8| format!("{{\"type\":\"metadata\",\"size\":7,\"records\":{n}}}\n");
    let hosts = FIRST;
    for (whole, cut, names) in [
        (records.clone() + &meta(3), records.clone() + &meta(4), "4 entries, and there are 3"),
        (records.clone() + &meta(3), records.clone(), "end mark"),
        (format!("# x\n{hosts}# END 2 entries\n"), format!("{hosts}# END 3 entries\n"), "3"),
        (format!("{hosts}# EOF\n"), SECOND.to_string(), "end mark"),
    ] {
        let fleet = Fleet::new(&whole);
        fleet.pull(&[]).expect(0, &[]);
        fleet.answers("tagged", &cut);
        fleet.pull(&[]).expect(1, &[names, &fleet.path("list")]);
        assert_eq!(fleet.list(), whole);
        fleet.is_tidy();
    }
    let fleet = Fleet::new(FIRST);
    fleet.pull(&["-e", "^# end$"]).expect(1, &["-e", "# end"]);
    fleet.answers("tagged", &format!("{FIRST}# end\r\n"));
    fleet.pulls_anew(&["-e", "^# end$"]);
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn an_answer_that_nothing_has_changed_is_no_list() {
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    fleet.answers("always 304", FIRST);
    fleet.pull(&[]).expect(1, &["304", &fleet.path("list")]);
    fleet.answers("tagged", FIRST);
    fleet.pull(&[]).expect(0, &[]);
    // The list goes while the server is asked.
    fleet.answers("vanish", FIRST);
    fleet.answered();
    fleet.pull(&[]).expect(0, &["2 lines"]);
    assert_eq!((fleet.list().as_str(), fleet.answered().as_str()), (FIRST, "304 200"));
    fleet.is_tidy();
}

#[test]
#[ignore = "needs curl, flock and python3"]
fn a_list_that_drops_the_server_is_named_with_the_entry_and_the_cure() {
    needs(&["curl", "flock", "python3"]);
    let mut fleet = Fleet::new("192.0.2.1\n127.0.0.0/24\n");
    let entry = format!("127.0.0.1: dropped by 127.0.0.0/24 ({}:2)", fleet.path("list"));
    // Also quietly, and with options that only netfilterd check has.
    fleet.pull(&["-q"]).expect(0, &[&entry, "--allow"]);
    let allow = fleet.folder.file("allow", "127.0.0.1\n");
    let check = format!("--no-protect --state-file {} --strict --allow {allow}", fleet.path("s"));
    fleet.answers("tagged", "127.0.0.0/24\n192.0.2.1\n");
    let said = fleet.pull(&["-q", "-c", &check]).stderr();
    assert!(!said.contains("the server"), "it is allowed: {said}");
    fleet.server.kill().unwrap();
    fleet.server.wait().unwrap();
    let entry = format!("127.0.0.1: dropped by 127.0.0.0/24 ({}:1)", fleet.path("list"));
    fleet.pull(&["-q"]).expect(1, &[&fleet.url, &entry, "--allow"]);
    let said = fleet.pull(&["-q", "-c", &check]).stderr();
    assert!(!said.contains("dropped by"), "{said}");
}

#[test]
#[ignore = "needs root: users"]
fn root_writes_nowhere_that_another_user_could_lead_it_to() {
    needs_root();
    needs(&["curl", "flock", "python3"]);
    let fleet = Fleet::new(FIRST);
    let victim = fleet.folder.file("victim", "precious\n");
    let host = fleet.folder.path().join("host");
    let planted = ["list", ".list.pull", ".list.etag", ".list.etag.new", ".list.new", ".list.head"];
    let mode = |mode| fs::set_permissions(&host, fs::Permissions::from_mode(mode)).unwrap();
    let untouched = || {
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious\n");
        for name in planted {
            let _ = fs::remove_file(host.join(name));
        }
    };
    let plant = |name: &str| std::os::unix::fs::symlink(&victim, host.join(name)).unwrap();
    let cures: [(u32, u32, &str); 4] = [
        (65534, 0o755, "chown root"),
        (0, 0o757, "chmod go-w"),
        (0, 0o1777, "chmod go-w"),
        (0, 0o775, ""),
    ];
    for (owner, permissions, cure) in cures {
        let group = if cure.is_empty() { 65534 } else { 0 };
        std::os::unix::fs::chown(&host, Some(owner), Some(group)).unwrap();
        mode(permissions);
        planted.iter().for_each(|name| plant(name));
        fleet.pull(&[]).expect(1, &[&fleet.path("list"), host.to_str().unwrap(), cure]);
        untouched();
    }
    // A directory above it, and a link on the way.
    std::os::unix::fs::chown(&host, Some(0), Some(0)).unwrap();
    mode(0o777);
    let below = host.join("below");
    fs::create_dir(&below).unwrap();
    std::os::unix::fs::symlink(&below, host.join("link")).unwrap();
    for way in ["below", "link", "../host/below"] {
        let list = host.join(way).join("list");
        let ran = run(Command::new(PULL).args(["-n", program(), &fleet.url]).arg(list));
        ran.expect(1, &["chmod go-w"]);
    }
    assert_eq!(fleet.answered(), "", "nothing was fetched");
    fs::remove_dir(&below).unwrap();
    fs::remove_file(host.join("link")).unwrap();
    // What was planted before the directory was made safe.
    mode(0o755);
    for name in planted {
        plant(name);
        let ran = fleet.pull(&[]);
        let refused = ["list", ".list.pull"].contains(&name);
        assert_eq!(ran.status(), i32::from(refused), "{name}: {}", ran.stderr());
        untouched();
    }
    // And no other user may lock the lock.
    fleet.pull(&[]).expect(0, &[]);
    let lock = fs::metadata(fleet.path(".list.pull")).unwrap().permissions().mode();
    assert_eq!(lock & 0o777, 0o600);
    let list = fs::metadata(fleet.path("list")).unwrap().permissions().mode();
    assert_eq!(list & 0o777, 0o644);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn cron_and_its_path_are_enough() {
    needs(&["curl", "flock", "python3", "mount"]);
    let fleet = Fleet::new(FIRST);
    let script = "mount -t tmpfs none /usr/local/sbin && cp \"$1\" /usr/local/sbin/netfilterd &&
        exec env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin \"$2\" -c \"$3\" \"$4\" \"$5\"";
    // Mounts of its own, and the network of the server.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", program(), PULL, "--no-protect"]);
    let ran = run(command.args([&fleet.url, &fleet.path("list")]));
    ran.expect(0, &["2 lines"]);
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

/// A table for the agent country is no list.
#[test]
#[ignore = "needs curl and python3"]
fn what_is_for_another_program_is_fetched_and_not_judged() {
    needs(&["curl", "flock", "python3"]);
    let fleet =
        Fleet::new("2|apnic|20261130|0|19850701|20261129|+1000\nsome bytes \u{1} without an end");
    fleet.pull(&[]).expect(1, &[&fleet.path("list")]);
    assert!(!fs::exists(fleet.path("list")).unwrap());
    fleet.pulls_anew(&["-r"]);
    assert!(fleet.list().ends_with("without an end"));
    fleet.answered();
    fleet.pulls_nothing(&["-r"]);
    assert_eq!(fleet.answered(), "304");
    // What the server itself does not finish is kept out, as ever, and so is nothing.
    for (how, body) in
        [("truncated", "another table, of which half comes"), ("503", "busy"), ("plain", "")]
    {
        fleet.answers(how, body);
        fleet.pull(&["-r"]).expect(1, &[&fleet.url, "keeping"]);
        assert!(fleet.list().ends_with("without an end"), "{how}");
    }
    fleet.is_tidy();
    // Without netfilterd on this host.
    fleet.answers("tagged", "another table");
    fleet.pulls_anew(&["-n", "/nonexistent", "-r"]);
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
    assert_eq!(units.len(), 7);
    let ran = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units));
    assert_eq!((ran.status(), ran.stderr().as_str()), (0, ""));
    for service in units.iter().filter(|unit| unit.ends_with(".service")) {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=yes", "--threshold=20", "--no-pager", service]);
        let ran = run(&mut command);
        assert_eq!(ran.status(), 0, "{service}: {}", ran.stdout());
    }
}
