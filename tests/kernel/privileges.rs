//! What the running process is still permitted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use kit::*;

/// The lines of /proc/PID/status that say what a process is permitted.
fn permitted(pid: u32) -> Vec<(String, String)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let lines = status.lines().filter_map(|line| line.split_once(":\t"));
    lines
        .filter(|(key, _)| key.starts_with("Cap") || *key == "NoNewPrivs")
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// CAP_NET_ADMIN is number 12 in linux/capability.h.
const NET_ADMIN: &str = "0000000000001000";
const NONE: &str = "0000000000000000";

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_has_one_capability_and_no_way_to_another() {
    for options in [&[][..], &["--queue", "7:8"]] {
        let namespace = Namespace::new();
        let folder = Folder::new();
        let list = folder.file("list", "192.0.2.7\n");
        let daemon = Daemon::start(&namespace, &[&["-f", &list], options].concat());
        let expected = [
            ("CapInh", NONE),
            ("CapPrm", NET_ADMIN),
            ("CapEff", NET_ADMIN),
            ("CapBnd", NET_ADMIN),
            ("CapAmb", NONE),
            ("NoNewPrivs", "1"),
        ];
        let expected = expected.map(|(key, value)| (key.to_string(), value.to_string()));
        assert_eq!(permitted(daemon.pid()), expected, "{options:?}");
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
        for task in tasks {
            let id = task.unwrap().file_name().to_str().unwrap().parse().unwrap();
            assert_eq!(permitted(id), expected, "each thread of {options:?}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_of_another_user_has_to_be_readable_for_everybody() {
    let namespace = Namespace::new();
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.7\n");
    chown(&list, Some(12_345), Some(12_345)).unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).unwrap();
    for command in ["load", "check"] {
        namespace.netfilterd(&[command, "-f", &list]).expect(
            1,
            &["list: cannot be read: Permission denied", "give that user the permission to"],
        );
    }
    fs::set_permissions(&list, fs::Permissions::from_mode(0o604)).unwrap();
    namespace.load(&["-f", &list]);
}
