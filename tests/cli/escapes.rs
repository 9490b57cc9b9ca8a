//! What a list or its name holds cannot disturb a terminal or forge a line of the log.

use std::fs;
use std::process::Command;

use kit::harmless::{EVIL, assert_harmless};
use kit::*;

#[test]
fn what_a_list_holds_is_never_shown_unescaped() {
    let folder = Folder::new();
    for (number, evil) in EVIL.iter().enumerate() {
        for text in [
            format!("192.0.2.1\n{evil}\n"),
            format!("{evil}\n"),
            format!("192.0.2.1\n192.0.2.2 {evil}\n"),
            format!("192.0.2.1\n192.0.2.2/{evil}\n"),
            format!("192.0.2.1 # {evil}\n192.0.2.1 until {evil}\n"),
            format!("192.0.2.1\n192.0.2.0/24 ; {evil}\n1.2.3.4-{evil}\n"),
            format!("192.0.2.1\n{evil}:1.2.3.4-1.2.3.3\n"),
            format!("192.0.2.1\nadd {evil} 1.2.3.4\nadd x {evil}\ndeny {evil};\n"),
            format!("192.0.2.1\n{{\"cidr\":\"{evil}\",\"x\":\"{evil}\"}}\n"),
            format!("{{\"list\":[\"{evil}\",\"192.0.2.1\"]}}"),
            format!("elements = {{ 192.0.2.1, {evil} }}\n"),
            format!("<html>{evil}</html>\n"),
            format!("0.0.0.0/1 {evil}\n192.0.2.1\n"),
        ] {
            let list = folder.file("list", &text);
            for arguments in [
                &["check", "-v", "-f", &list, "--min-entries", "0"][..],
                &["check", "-f", &list, "--strict"],
                &["print", "-f", &list],
                &["test", "-f", &list, "192.0.2.1"],
                &["check", "-f", "/dev/null", "--allow", &list, "--min-entries", "0"],
            ] {
                let ran = netfilterd(arguments);
                let all = format!("{}{}", ran.stdout(), ran.stderr());
                if !all.is_empty() {
                    assert_harmless(&all);
                }
            }
        }
        // A name cannot hold a NUL or a slash.
        let name = evil.replace(['\0', '/'], "");
        let lists = folder.path().join(format!("lists{number}"));
        fs::create_dir(&lists).unwrap();
        fs::write(lists.join(&name), "192.0.2.1\nx\n0.0.0.0/1\n").unwrap();
        let fifo = lists.join(format!("{name}fifo"));
        assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
        let lists = lists.to_str().unwrap();
        for arguments in [
            &["check", "-v", "-f", lists][..],
            &["test", "-f", lists, "192.0.2.1", "0.0.0.1"],
            &["test", "--json", "-f", lists, "192.0.2.1"],
            &["check", "-f", "/dev/null", "--allow", lists, "--min-entries", "0"],
        ] {
            let ran = netfilterd(arguments);
            assert_harmless(&format!("{}{}", ran.stdout(), ran.stderr()));
        }
    }
}
