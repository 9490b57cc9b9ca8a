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
