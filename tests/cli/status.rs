//! `status` where there is no daemon to ask, or its file says nonsense.

use kit::*;

#[test]
fn without_a_daemon_status_names_the_file_and_the_option_for_another() {
    let folder = Folder::new();
    let path = folder.path().join("status").to_str().unwrap().to_string();
    let asked = netfilterd(&["status", "--status-file", &path]);
    asked.expect(3, &[&path, "--status-file"]);
    assert_eq!(asked.stdout(), "");
    folder.file("status", "no JSON");
    netfilterd(&["status", "--status-file", &path]).expect(1, &[&format!("{path}: ")]);
}

#[test]
fn a_status_file_that_is_spoiled_is_named() {
    let folder = Folder::new();
    for text in ["", "{", "\0", "{\"pid\": 1}", "[]"] {
        let file = folder.file("status", text);
        netfilterd(&["status", "--status-file", &file]).expect(1, &[&file]);
    }
}

#[test]
fn the_status_of_an_older_daemon_is_read_though_a_counter_is_missing() {
    let folder = Folder::new();
    // The process must live, and have the name.
    let mut daemon = std::process::Command::new(program())
        .args(["print", "--no-protect", "-f", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = format!(
        "{{\"version\":\"0.0.9\",\"pid\":{},\"mode\":\"queue\",\"started\":\"2026-01-01T00:00:00Z\",\
         \"loaded\":null,\"failed\":null,\"queues\":[{{\"queue\":7,\"packets\":12}}]}}",
        daemon.id()
    );
    let file = folder.file("status", status);
    let asked = netfilterd(&["status", "--json", "--status-file", &file]);
    drop(daemon.stdin.take());
    daemon.wait().unwrap();
    let read: serde_json::Value = serde_json::from_str(&asked.stdout()).expect("a status");
    assert_eq!(
        (&read["queues"][0]["queue"], &read["queues"][0]["packets"]),
        (&7.into(), &12.into())
    );
    assert_eq!(read["queues"][0]["dropped"], 0);
}

#[test]
fn a_process_that_has_the_number_of_a_daemon_that_was_killed_is_not_that_daemon() {
    let folder = Folder::new();
    // A process with this name, which started at another time than the daemon.
    let mut other = std::process::Command::new(program());
    other.args(["print", "--no-protect", "-f", "-"]).stdin(std::process::Stdio::piped());
    let other = Background(other.stdout(std::process::Stdio::null()).spawn().unwrap());
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", other.0.id())).unwrap();
    let start: u64 = stat.rsplit_once(')').unwrap().1.split(' ').nth(20).unwrap().parse().unwrap();
    for (start, status) in [(start - 1, 3), (start, 1)] {
        let text = format!(
            "{{\"version\":\"0.1.0\",\"pid\":{},\"start\":{start},\"mode\":\"queue\",\
             \"started\":\"2026-01-01T00:00:00Z\",\"loaded\":null,\"failed\":null}}",
            other.0.id()
        );
        let file = folder.file("status", text);
        assert_eq!(netfilterd(&["status", "--status-file", &file]).status(), status);
    }
}
