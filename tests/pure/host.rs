//! What the files of a host say: who is logged in, and which resolvers there are.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use kit::Folder;
use netfilterd::daemon::host_watch::HostWatch;
use netfilterd::load::host::files::Files;
use netfilterd::load::host::login::Login;
use netfilterd::load::host::logins::Logins;
use netfilterd::load::host::remarks::Remarks;
use netfilterd::load::host::resolvers::Resolvers;
use netfilterd::load::host::{environment, logind, resolvers};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A folder that stands for the root of a host.
struct Root(Folder);

impl Root {
    fn new() -> Self {
        Root(Folder::new())
    }

    fn files(&self) -> Files {
        Files::below(self.0.path())
    }

    /// Writes a file, and makes the folders above it.
    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.files().path(Path::new(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.files().path(Path::new(path))).unwrap();
    }

    /// The addresses of logins that a look finds, and its warnings.
    fn logins(&self, logins: &mut Logins) -> (Vec<String>, Vec<String>) {
        let mut remarks = Remarks::default();
        let found = logins.look(&self.files(), &mut remarks);
        (texts(&found), remarks.lines().to_vec())
    }

    fn resolvers(&self, resolvers: &mut Resolvers) -> Vec<String> {
        let mut remarks = Remarks::default();
        let found = resolvers.look(&self.files(), &mut remarks);
        assert_eq!(remarks.lines(), [""; 0]);
        texts(&found)
    }
}

fn texts(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn a_session_of_logind_has_its_remote_host() {
    let session = |more: &str| {
        format!(
            "# This is private data. Do not parse.\nUID=1000\nUSER=admin\nACTIVE=1\nIS_DISPLAY=1\n\
             {more}\nTYPE=tty\nSCOPE=session-3.scope\nFIFO=/run/systemd/sessions/3.ref\nTTY=pts/0\n\
             SERVICE=sshd\nLEADER=77\nREALTIME=1\nMONOTONIC=1\n"
        )
    };
    let from = |host: &str| format!("STATE=active\nREMOTE=1\nCLASS=user\nREMOTE_HOST={host}");
    for (host, address) in [
        ("192.0.2.50", "192.0.2.50"),
        ("2001:db8::50", "2001:db8::50"),
        ("::ffff:192.0.2.50", "192.0.2.50"),
        ("fe80::50%eth0", "fe80::50"),
        ("\"192.0.2.50\"", "192.0.2.50"),
    ] {
        let login = logind::login(session(&from(host)).as_bytes());
        assert_eq!(login, Some(Login { addresses: vec![ip(address)], name: None }), "{host}");
    }
    for state in ["opening", "online", "active"] {
        let file = session(&format!("STATE={state}\nREMOTE=1\nREMOTE_HOST=192.0.2.50"));
        assert!(logind::login(file.as_bytes()).is_some(), "{state}");
    }
    let named = logind::login(session(&from("home.example.org")).as_bytes());
    let name = Some("home.example.org".to_string());
    assert_eq!(named, Some(Login { addresses: Vec::new(), name }));
    for none in [
        "STATE=closing\nREMOTE=1\nREMOTE_HOST=192.0.2.50",
        "STATE=active\nREMOTE=1\nCLASS=greeter\nREMOTE_HOST=192.0.2.50",
        "STATE=online\nREMOTE=0\nREMOTE_HOST=192.0.2.50",
        "STATE=active\nREMOTE=0",
        "STATE=active\nREMOTE=1\nREMOTE_HOST=",
        "STATE=active\nREMOTE=1\nREMOTE_USER=REMOTE_HOST=192.0.2.50",
        "STATE=active\nREMOTE=1\n REMOTE_HOST=192.0.2.50",
    ] {
        assert_eq!(logind::login(session(none).as_bytes()), None, "{none}");
    }
    assert_eq!(logind::login(b"\xff\0\n=\n"), None);
}

#[test]
fn the_peer_of_an_ssh_session_is_the_first_word_of_its_variable() {
    for (connection, peer) in [
        ("203.0.113.5 51234 192.0.2.10 22", Some("203.0.113.5")),
        ("::ffff:203.0.113.5 51234 ::ffff:192.0.2.10 22", Some("203.0.113.5")),
        ("2001:db8::5 51234 2001:db8::10 22", Some("2001:db8::5")),
        ("fe80::5%eth0 51234 fe80::10%eth0 22", Some("fe80::5")),
        ("", None),
        ("UNKNOWN 65535 UNKNOWN 65535", None),
    ] {
        assert_eq!(environment::peer(connection), peer.map(ip), "{connection}");
    }
}

#[test]
fn only_files_of_sessions_are_read_and_a_pipe_does_not_stop_the_look() {
    let (root, mut logins) = (Root::new(), Logins::default());
    assert_eq!(root.logins(&mut logins), (vec![], vec![]), "a host without any of it");
    let session = |host: &str| format!("REMOTE=1\nSTATE=active\nREMOTE_HOST={host}\n");
    root.write("/run/systemd/sessions/3", session("192.0.2.50"));
    root.write("/run/systemd/sessions/c1", session("192.0.2.50"));
    root.write("/run/systemd/sessions/.#4", session("192.0.2.51"));
    let pipe = root.files().path(Path::new("/run/systemd/sessions/3.ref"));
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let utmp = root.files().path(Path::new("/run/utmp"));
    mkfifo(&utmp, Mode::from_bits_truncate(0o600)).unwrap();
    assert_eq!(root.logins(&mut logins), (vec!["192.0.2.50".into()], vec![]));
    root.remove("/run/systemd/sessions/3");
    root.remove("/run/systemd/sessions/c1");
    assert_eq!(root.logins(&mut logins).0, [""; 0]);
}

#[test]
fn a_name_is_a_warning_unless_its_address_is_recorded_too() {
    let (root, mut logins) = (Root::new(), Logins::default());
    root.write(
        "/run/systemd/sessions/3",
        "REMOTE=1\nSTATE=active\nREMOTE_HOST=home\u{1b}.example\n",
    );
    let (found, remarks) = root.logins(&mut logins);
    assert_eq!(found, [""; 0]);
    let [remark] = &remarks[..] else { panic!("{remarks:?}") };
    assert!(remark.contains("home\\u{1b}.example is not protected"), "{remark}");
    root.write("/run/systemd/sessions/3", "REMOTE=1\nSTATE=active\nREMOTE_HOST=home.example\n");
    let mut record = vec![0; 384];
    record[..2].copy_from_slice(&7_i16.to_ne_bytes());
    record[76..88].copy_from_slice(b"home.example");
    record[348..352].copy_from_slice(&[192, 0, 2, 50]);
    if cfg!(not(target_arch = "aarch64")) {
        root.write("/run/utmp", record);
        assert_eq!(root.logins(&mut logins), (vec!["192.0.2.50".into()], vec![]));
    }
}

#[test]
fn logins_that_cannot_be_read_any_more_count_as_before() {
    let (root, mut logins) = (Root::new(), Logins::default());
    root.write("/run/systemd/sessions/3", "REMOTE_HOST=192.0.2.50\n");
    root.write("/run/systemd/sessions/4", "REMOTE_HOST=192.0.2.51\n");
    assert_eq!(root.logins(&mut logins).0, ["192.0.2.50", "192.0.2.51"]);
    // A link to itself, which no one can open.
    root.remove("/run/systemd/sessions/3");
    let path = root.files().path(Path::new("/run/systemd/sessions/3"));
    std::os::unix::fs::symlink("3", path).unwrap();
    root.remove("/run/systemd/sessions/4");
    let (found, remarks) = root.logins(&mut logins);
    assert_eq!(found, ["192.0.2.50", "192.0.2.51"]);
    assert!(remarks[0].starts_with("cannot read /run/systemd/sessions/3: "), "{remarks:?}");
}

#[test]
fn the_servers_of_a_resolv_conf_are_behind_their_word() {
    let text = "# nameserver 192.0.2.1\nsearch example.org\nnameserver 192.0.2.2\n\
                nameserver\tfe80::1%eth0\n  nameserver 2001:db8::53 # why\nnameserver\nnameserver x\n\
                options nameserver 192.0.2.3\n";
    let servers = texts(&resolvers::resolvers(text));
    assert_eq!(servers, ["192.0.2.2", "fe80::1", "2001:db8::53"]);
}

#[test]
fn resolvers_are_found_in_the_files_of_all_programs() {
    let root = Root::new();
    let files = [
        "/etc/resolv.conf",
        "/run/systemd/resolve/resolv.conf",
        "/run/NetworkManager/resolv.conf",
        "/run/NetworkManager/no-stub-resolv.conf",
        "/run/resolvconf/resolv.conf",
        "/run/dnsmasq/resolv.conf",
        "/run/connman/resolv.conf",
        "/etc/resolv.dnsmasq",
        "/etc/resolv.dnsmasq.conf",
        "/var/lib/upstream.conf",
    ];
    for (number, file) in files.iter().enumerate() {
        root.write(file, format!("nameserver 192.0.2.{number}\n"));
    }
    root.write("/etc/dnsmasq.conf", "server=198.51.100.1\nconf-dir=/etc/more,*.conf\n");
    root.write(
        "/etc/dnsmasq.d/a",
        "resolv-file=/var/lib/upstream.conf\nconf-file=/etc/dnsmasq.d/a\n",
    );
    root.write("/etc/NetworkManager/dnsmasq.d/b", "server=/example.org/198.51.100.2\n");
    root.write("/etc/more/c.conf", "servers-file=/etc/servers\nconf-dir=/etc/more\n");
    root.write("/etc/servers", "server=198.51.100.3#53\n");
    let mut resolvers = Resolvers::default();
    let mut found = root.resolvers(&mut resolvers);
    found.sort();
    let mut wanted: Vec<String> = (0..files.len()).map(|n| format!("192.0.2.{n}")).collect();
    wanted.extend((1..4).map(|n| format!("198.51.100.{n}")));
    assert_eq!(found, wanted);
    let paths: Vec<_> = resolvers.paths().collect();
    for path in files.iter().chain(&["/etc/dnsmasq.d", "/etc/more", "/etc/servers"]) {
        assert!(paths.iter().any(|watched| watched == Path::new(path)), "{path} is watched");
    }
}

#[test]
fn a_file_without_resolvers_keeps_those_that_it_named_until_there_are_others() {
    const STUB: &str = "/run/systemd/resolve/resolv.conf";
    let (root, mut resolvers) = (Root::new(), Resolvers::default());
    assert_eq!(root.resolvers(&mut resolvers), [""; 0]);
    root.write("/etc/resolv.conf", "nameserver 192.0.2.53\nnameserver 192.0.2.54\n");
    root.write(STUB, "nameserver 192.0.2.55\n");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.53", "192.0.2.54", "192.0.2.55"]);
    root.write("/etc/resolv.conf", "# none\n");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.53", "192.0.2.54", "192.0.2.55"]);
    root.remove("/etc/resolv.conf");
    root.remove(STUB);
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.53", "192.0.2.54", "192.0.2.55"]);
    root.write("/etc/resolv.conf", "nameserver 192.0.2.54\n");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.54", "192.0.2.55"], "one was taken out");
    root.write("/etc/resolv.conf", "nameserver 192.0.2.56\n");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.56"], "another network");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.56"]);
}

#[test]
fn configurations_that_name_each_other_without_end_are_read_to_a_limit() {
    let (root, mut resolvers) = (Root::new(), Resolvers::default());
    root.write("/etc/dnsmasq.conf", "conf-file=/etc/0\n");
    for number in 0..600 {
        root.write(&format!("/etc/{number}"), format!("conf-file=/etc/{}\n", number + 1));
    }
    root.write("/etc/resolv.conf", "nameserver 192.0.2.53\n");
    assert_eq!(root.resolvers(&mut resolvers), ["192.0.2.53"]);
    assert!(resolvers.paths().count() < 300);
}

#[test]
fn a_resolver_file_that_cannot_be_read_is_named_with_the_cure() {
    let root = Root::new();
    fs::create_dir_all(root.files().path(Path::new("/etc/resolv.conf"))).unwrap();
    let mut remarks = Remarks::default();
    let found = Resolvers::default().look(&root.files(), &mut remarks);
    assert!(found.is_empty() && !remarks.is_complete());
    let [remark] = remarks.lines() else { panic!("{remarks:?}") };
    assert!(remark.starts_with("cannot read /etc/resolv.conf: ") && remark.contains("allow"));
}

#[test]
fn changes_of_the_hosts_files_are_gathered_into_one_look() {
    let (folder, begin) = (Folder::new(), Instant::now());
    let gathered = begin + Duration::from_millis(100);
    let paths = vec![folder.path().join("utmp")];
    let mut watch = HostWatch::open(paths.clone(), begin);
    assert!(watch.is_due(begin), "the first look");
    watch.looked(paths, true, begin);
    for _ in 0..2 {
        assert!(watch.descriptor().is_some() && watch.wait(begin).is_none());
        folder.file("utmp", "x");
        watch.on_readable(begin);
        assert!(watch.descriptor().is_none(), "until the changes were gathered");
        folder.file("utmp", "y");
        assert!(!watch.is_due(begin) && watch.wait(begin) == Some(gathered - begin));
        assert!(watch.is_due(gathered) && !watch.is_due(gathered), "once");
    }
    folder.file("other", "x");
    watch.on_readable(begin);
    assert!(!watch.is_due(gathered) && watch.descriptor().is_some(), "a file of no interest");
}
